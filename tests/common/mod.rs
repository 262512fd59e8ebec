//! What several tests share: a mosquitto of their own, and waiting with a deadline.
//!
//! No test waits for a time; each waits for an event and fails at a deadline.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

/// Longest that a program of ours or of the system may take to start or to stop.
const PROGRAM_DEADLINE: Duration = Duration::from_secs(10);

/// A free port on loopback, for now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until a program that was started listens on its port of this machine.
pub fn wait_listening(name: &str, child: &mut Child, port: u16) {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    eventually(name, PROGRAM_DEADLINE, || {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("{name} has ended with {status}");
        }
        TcpStream::connect(addr).ok()
    });
}

/// Looks again and again until `look` finds something; panics at the deadline.
pub fn eventually<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + deadline;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not happen within {deadline:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Takes events until `wanted` picks one; panics at the deadline, with what came instead.
pub async fn wait_for<E: Debug, T>(
    events: &mut Receiver<E>,
    what: &str,
    deadline: Duration,
    mut wanted: impl FnMut(&E) -> Option<T>,
) -> T {
    let mut others = Vec::new();
    let search = async {
        while let Some(event) = events.recv().await {
            if let Some(found) = wanted(&event) {
                return Some(found);
            }
            others.push(format!("{event:.120?}"));
        }
        None
    };
    let found = tokio::time::timeout(deadline, search).await;
    let tail = others.len().saturating_sub(20);
    match found {
        Ok(Some(found)) => found,
        Ok(None) => panic!("{what}: the events ended; last of them {:#?}", &others[tail..]),
        Err(_) => panic!("{what}: not within {deadline:?}; last of them {:#?}", &others[tail..]),
    }
}

/// A mosquitto with a folder and a port of its own, and a persistent store.
pub struct Broker {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    /// Starts it and waits until it accepts connections.
    pub fn start() -> Broker {
        Broker::start_with("")
    }

    /// As `start`, with more lines of configuration; `{dir}` is its folder.
    pub fn start_with(lines: &str) -> Broker {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let dir = folder.path().display().to_string();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n\
             persistence true\npersistence_location {dir}/\n\
             log_dest file {dir}/log\nlog_type all\nconnection_messages true\n\
             max_queued_messages 100000\n{}\n",
            lines.replace("{dir}", &dir)
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut broker = Broker { folder, port, child: None };
        broker.run();
        broker
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Stops it as the service manager does; its store is on disk afterwards.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        eventually("mosquitto's end", PROGRAM_DEADLINE, || child.try_wait().unwrap());
    }

    /// As a pulled plug: what it had in memory is gone.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again on the same port and store, having stopped it where it runs.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the broker runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    fn run(&mut self) {
        let child = Command::new(program())
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("mosquitto is needed for this test: {error}"));
        let child = self.child.insert(child);
        wait_listening("mosquitto", child, self.port);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Debian keeps it where only root's path leads.
fn program() -> PathBuf {
    let sbin = PathBuf::from("/usr/sbin/mosquitto");
    if sbin.exists() { sbin } else { PathBuf::from("mosquitto") }
}

//! A board with slots: the real launcher under a supervisor that starts it whenever it ends, and
//! releases whose program is the real one with something before it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::Duration;

use outpost_launcher::manifest::sha256;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use crate::agent::Site;
use crate::bus::Bus;

/// Trial and deadline of `UPDATE` are 1 s and 4 s; a debug build starts up to three times.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// `RestartSec` of the service.
const RESTART_SEC: Duration = Duration::from_millis(200);
/// Short enough for a test.
pub const UPDATE: &str = "[update]\ntrial = \"1s\"\ndeadline = \"4s\"\n";

/// Starts what the slots say, again and again, as systemd does with `Restart=always`.
pub struct Supervisor {
    over: Arc<AtomicBool>,
    process: Arc<AtomicU32>,
    log: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Begins at once.
    pub fn start(site: &Site) -> Supervisor {
        let (over, process) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (config, slots, log) =
            (site.config(), site.folder().join("slots"), site.folder().join("log"));
        let (is_over, told) = (over.clone(), process.clone());
        launcher();
        let live = move || {
            while !is_over.load(Ordering::Relaxed) {
                let mut child = launch(&slots, &config, &log);
                told.store(child.id(), Ordering::Relaxed);
                let ended = loop {
                    if let Some(status) = child.try_wait().unwrap() {
                        break status;
                    }
                    if is_over.load(Ordering::Relaxed) {
                        child.kill().unwrap();
                    }
                    std::thread::sleep(Duration::from_millis(5));
                };
                let mut log = File::options().append(true).open(&log).unwrap();
                writeln!(log, "supervisor: {} ended, {ended}", child.id()).unwrap();
                std::thread::sleep(RESTART_SEC);
            }
        };
        Supervisor {
            over,
            process,
            log: site.folder().join("log"),
            thread: Some(std::thread::spawn(live)),
        }
    }

    /// Kills what runs, as a pulled plug would: no last words.
    pub fn kill(&self) {
        let process = i32::try_from(self.process.load(Ordering::Relaxed)).unwrap();
        if let Err(error) = kill_process(Pid::from_raw(process).unwrap(), Signal::KILL) {
            println!("it has ended by itself already: {error}");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // What went wrong in there has been printed by its own panic.
        drop(self.thread.take().map(JoinHandle::join));
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("---- log ----\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

fn launch(slots: &Path, config: &Path, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    let site = slots.parent().unwrap();
    let mut command = Command::new(launcher());
    command.arg("--slots").arg(slots).args(["--installed", env!("CARGO_BIN_EXE_outpost"), "--"]);
    command.args(["run", "--config"]).arg(config);
    // Where a test says nothing else, releases come from a stick.
    if !fs::read_to_string(config).unwrap().contains("\nfrom = \"http") {
        command.env("OUTPOST__UPDATE__FROM", site.join("stick"));
    }
    command.env("OUTPOST__UPDATE__ROOT", site.join("keys/root.json"));
    command.env("OUTPOST_BOARD_ROOT", slots).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// The real launcher. It is another package's program, which Cargo does not build for our tests.
pub fn launcher() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("launcher");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "outpost-launcher"])
            .arg("--target-dir")
            .arg(&folder)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "the launcher is not built");
        folder.join("debug/outpost-launcher")
    });
    &BUILT
}

/// A release whose program is the real one with these words of a shell before it.
pub fn publish(site: &Site, id: &str, before: &str) -> PathBuf {
    let folder = site.folder().join(format!("release-{id}"));
    fs::create_dir(&folder).unwrap();
    let program = env!("CARGO_BIN_EXE_outpost");
    let script = format!("#!/bin/sh\n{before}\nexec {program} \"$@\"\n");
    fs::write(folder.join("outpost"), &script).unwrap();
    fs::set_permissions(folder.join("outpost"), fs::Permissions::from_mode(0o755)).unwrap();
    let (length, sum) = (script.len(), sha256(script.as_bytes()));
    let manifest = json!({"release": id, "program": "outpost",
        "files": [{"name": "outpost", "length": length, "sha256": sum}]});
    fs::write(folder.join("release.json"), manifest.to_string()).unwrap();
    folder
}

/// Runs `outpost update apply`; what it says, and whether it succeeded.
pub fn apply(site: &Site, release: &Path) -> (String, bool) {
    let end = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["--json", "update", "apply"])
        .arg(release)
        .arg("--slots")
        .arg(site.folder().join("slots"))
        .output()
        .unwrap();
    let text = [end.stdout, end.stderr].concat();
    (String::from_utf8(text).unwrap(), end.status.success())
}

/// Takes a release and waits until the board says how it ended.
pub fn ends(site: &Site, bus: &Bus, release: &Path, id: &str) -> Json {
    let mark = bus.mark();
    let (text, ok) = apply(site, release);
    assert!(ok && text.contains("\"ready\""), "{text}");
    bus.wait_json(mark, &site.topic("update"), PATIENCE, |told| {
        // One that is undone says so, and ends; what follows it says so too.
        let undone = told["state"] == "undone" && told["running"] != id;
        told["release"] == id && (told["state"] == "confirmed" || undone)
    })
}

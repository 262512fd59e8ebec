//! An agent's site (configuration, journal, log) and its process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::common::{Broker, eventually};
use crate::place;

/// Longest that the agent may take for anything that it does at once, on a loaded machine.
pub const SOON: Duration = Duration::from_secs(20);

/// A folder with a configuration and what the agent makes of it.
pub struct Site {
    folder: TempDir,
    device: String,
}

impl Site {
    /// A site of the cold room; `more` is TOML that comes after it.
    pub fn new(broker: &Broker, device: &str, more: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().display();
        let port = broker.addr().port();
        let config = format!(
            "[device]\nname = \"{device}\"\n[bus]\nurl = \"mqtt://127.0.0.1:{port}\"\n\
             [journal]\npath = \"{dir}/journal\"\n{}\n{more}\n",
            place::CONFIG
        );
        std::fs::write(folder.path().join("outpost.toml"), config).unwrap();
        Site { folder, device: device.to_string() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration's file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("outpost.toml")
    }

    /// A topic below the device's own.
    pub fn topic(&self, rest: &str) -> String {
        format!("outpost/{}/{rest}", self.device)
    }

    /// What the agents of this site have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Runs the program to its end; standard output as JSON lines, and its success.
    pub fn outpost(&self, arguments: &[&str]) -> (Vec<Json>, bool) {
        let config = self.config();
        let output = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(arguments)
            .args(["--json", "--config"])
            .arg(config)
            .output()
            .unwrap();
        if !output.status.success() {
            eprint!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (lines.collect(), output.status.success())
    }

    /// Records of a kind, oldest first.
    pub fn records(&self, kind: &str) -> Vec<Json> {
        let (mut lines, good) = self.outpost(&["log", "query", "--kind", kind]);
        assert!(good, "log query --kind {kind}");
        let summary = lines.pop().unwrap();
        assert_eq!(summary["records"].as_u64().unwrap(), lines.len() as u64);
        lines
    }

    /// States of a device command, oldest first.
    pub fn states(&self, command: &str) -> Vec<String> {
        let all = self.records("command");
        let of = all.iter().filter(|line| line["command"] == command);
        of.map(|line| line["state"].as_str().unwrap().to_string()).collect()
    }

    /// Proves the journal whole.
    pub fn verify(&self) {
        let (lines, good) = self.outpost(&["log", "verify"]);
        let report = lines.last().unwrap();
        assert!(good && report["gaps"] == 0 && report["damaged"] == 0, "{report}");
        assert!(report["records"].as_u64().unwrap() > 0, "{report}");
    }
}

/// A running `outpost run`. Killed where it goes out of scope.
pub struct Agent<'a> {
    site: &'a Site,
    child: Child,
}

impl<'a> Agent<'a> {
    /// Starts the real program.
    pub fn start(site: &'a Site) -> Agent<'a> {
        Agent::start_with(site, &[])
    }

    /// As `start`, with environment variables.
    pub fn start_with(site: &'a Site, variables: &[(&str, &Path)]) -> Agent<'a> {
        let file = site.folder().join("log");
        let log = std::fs::File::options().create(true).append(true).open(file).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(["run", "--config"])
            .arg(site.config())
            // A folder without /sys: this machine's own heat and load are none of the tests'.
            .env("OUTPOST_BOARD_ROOT", site.folder())
            .envs(variables.iter().copied())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Agent { site, child }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// It has not ended.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The child process that holds the language model.
    pub fn mind(&self) -> Option<Pid> {
        let path = format!("/proc/{0}/task/{0}/children", self.id());
        let children = std::fs::read_to_string(path).ok()?;
        let first = children.split_whitespace().next()?;
        Pid::from_raw(first.parse().ok()?)
    }

    /// As a pulled plug: no last words.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As the service manager stops it.
    pub fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        eventually("the agent's end", Duration::from_secs(20), || self.child.try_wait().unwrap())
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        // Has ended already: all the better.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.site.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("---- log of {} ----\n{}", self.site.device, tail.join("\n"));
            let journal = Command::new(env!("CARGO_BIN_EXE_outpost"))
                .args(["log", "query", "--config"])
                .arg(self.site.config())
                .output();
            let text = journal.map(|output| output.stdout).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let told = text.lines().filter(|line| !line.contains("  reading "));
            let told: Vec<_> = told.map(|line| line.get(11..).unwrap_or(line)).collect();
            let told = &told[told.len().saturating_sub(60)..];
            eprintln!("---- its journal without readings ----\n{}", told.join("\n"));
        }
    }
}

/// Proportional share of memory in KB, as the kernel counts it.
pub fn pss_kb(process: u32) -> Option<u64> {
    memory_kb(process, "Pss:")
}

/// Of that, what is in no file: the kernel cannot take it back.
pub fn own_kb(process: u32) -> Option<u64> {
    memory_kb(process, "Pss_Anon:")
}

fn memory_kb(process: u32, what: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find(|line| line.starts_with(what))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

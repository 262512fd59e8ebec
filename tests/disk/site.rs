//! A small file system, and an agent whose journal lies on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::bus::Bus;
use crate::common::{Broker, eventually};

/// Longest that the agent may take for anything that it does at once, on a loaded machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Reactions a phase, even: it ends as it began. A rule whose condition comes and goes sends four
/// times in ten seconds.
const REACTIONS: usize = 8;
const BETWEEN: Duration = Duration::from_millis(2600);

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
}

/// An ext4 of some megabytes in a file, mounted. Unmounted where it goes out of scope.
pub struct Disk {
    parent: TempDir,
}

impl Disk {
    /// With blocks as on a board's card.
    pub fn mount(megabytes: u64) -> Disk {
        Disk::mount_with(megabytes, 4096)
    }

    pub fn mount_with(megabytes: u64, block_bytes: u32) -> Disk {
        let parent = tempfile::tempdir().unwrap();
        let disk = Disk { parent };
        let image = disk.parent.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
        std::fs::create_dir(disk.folder()).unwrap();
        // None of it kept for root, who the test is.
        let block = block_bytes.to_string();
        run("mkfs.ext4", &["-q", "-m", "0", "-b", &block, image.to_str().unwrap()]);
        run("mount", &["-o", "loop", image.to_str().unwrap(), disk.folder().to_str().unwrap()]);
        disk
    }

    pub fn folder(&self) -> PathBuf {
        self.parent.path().join("disk")
    }

    pub fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), self.folder().to_str().unwrap()]);
    }

    /// Takes every byte that is left.
    pub fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.folder().join("filler")).unwrap();
        let block = [0xa5; 4096];
        let error = std::iter::repeat(()).find_map(|()| file.write_all(&block).err()).unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Gives so many bytes back.
    pub fn spare(&self, bytes: u64) {
        let filler =
            std::fs::File::options().write(true).open(self.folder().join("filler")).unwrap();
        filler.set_len(filler.metadata().unwrap().len() - bytes).unwrap();
        filler.sync_all().unwrap();
    }

    pub fn empty(&self) {
        std::fs::remove_file(self.folder().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file of it open is about to end.
        let unmounted = Command::new("umount").arg("-l").arg(self.folder()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// A folder with a configuration, and the bus.
pub struct Site {
    folder: TempDir,
    bus: Bus,
}

impl Site {
    pub fn new(broker: &Broker, journal: &Path) -> Site {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(journal).unwrap();
        let config = format!(
            "[device]\nname = \"disk\"\n[bus]\nurl = \"mqtt://{}\"\n[journal]\npath = {journal:?}\n\
             [[sensor]]\nname = \"level\"\ntopic = \"t/level\"\nlearn = false\n\
             [[sensor]]\nname = \"noise\"\ntopic = \"t/noise\"\ntype = \"text\"\n\
             [[actuator]]\nname = \"valve\"\ntopic = \"t/valve\"\nkind = \"switch\"\n\
             safe = \"off\"\n\
             max_commands_per_hour = 3600\n\
             [[actuator]]\nname = \"lamp\"\ntopic = \"t/lamp\"\nkind = \"switch\"\nsafe = \"off\"\n\
             [[rule]]\nname = \"high\"\nwhen = \"level > 50\"\nset = {{ valve = \"on\" }}\n\
             [[rule]]\nname = \"low\"\nwhen = \"level < 50\"\nset = {{ valve = \"off\" }}\n",
            broker.addr()
        );
        std::fs::write(folder.path().join("outpost.toml"), config).unwrap();
        Site { folder, bus: Bus::join(broker) }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("outpost.toml")
    }

    /// Waits until an agent that was started just now listens.
    pub fn wait_online(&self) {
        let mark = self.bus.mark();
        // The last one may have said so as well: this one answers.
        eventually("an answer", SOON, || {
            self.bus.say("t/level", "60");
            self.bus.say("t/level", "40");
            let wait = Duration::from_millis(500);
            self.bus.find(mark, wait, |message| (message.topic == "t/valve").then_some(()))
        });
    }

    /// Times from a reading to the command of its rule, as the bus sees them.
    pub fn reactions(&self) -> Vec<Duration> {
        let mut times = Vec::new();
        for at in 0..REACTIONS {
            let (level, payload) = if at % 2 == 0 { ("80", "ON") } else { ("20", "OFF") };
            std::thread::sleep(BETWEEN);
            let (mark, began) = (self.bus.mark(), Instant::now());
            self.bus.say("t/level", level);
            self.bus.wait(mark, "the rule's command", SOON, |message| {
                (message.topic == "t/valve" && message.payload == payload.as_bytes()).then_some(())
            });
            times.push(began.elapsed());
        }
        times
    }

    /// Readings that do not compress, for so long.
    pub fn noise(&self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            let text: String = (0..12).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
            self.bus.say("t/noise", text);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks for the lamp.
    pub fn send(&self, id: &str, value: &str) {
        let topic = format!("outpost/disk/cmd/set/{id}");
        let payload = format!("{{\"actuator\":\"lamp\",\"value\":\"{value}\",\"ttl_s\":600}}");
        self.bus.say(&topic, payload);
    }

    /// Waits for the end of a command, whenever it came.
    pub fn wait_end(&self, id: &str) {
        let topic = format!("outpost/disk/cmd-state/set/{id}");
        self.bus.wait(0, id, SOON * 6, |message| {
            let is_end = message.topic == topic && message.json()["state"] == "succeeded";
            is_end.then_some(())
        });
    }

    pub fn order(&self, id: &str, value: &str) {
        self.send(id, value);
        self.wait_end(id);
    }

    pub fn wait_event(&self, what: &str, kind: &str) {
        self.bus.wait(0, what, SOON, |message| {
            let is = message.topic == "outpost/disk/event" && message.json()["kind"] == kind;
            is.then_some(())
        });
    }

    /// Waits until the journal says that it writes again.
    pub fn wait_recovered(&self) {
        self.bus.wait(0, "the journal writes again", SOON * 6, |message| {
            let event = message.topic == "outpost/disk/event";
            let text = message.json()["text"].as_str().unwrap_or_default().to_owned();
            (event && text.contains("writes again")).then_some(())
        });
    }

    /// Every state of a command that was said on the bus: they are in the journal.
    pub fn said(&self) -> BTreeMap<String, Vec<String>> {
        let mut said: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for message in self.bus.since(0) {
            if let Some(id) = message.topic.strip_prefix("outpost/disk/cmd-state/set/") {
                let state = message.json()["state"].as_str().unwrap().to_owned();
                said.entry(id.to_owned()).or_default().push(state);
            }
        }
        assert!(!said.is_empty());
        said
    }

    fn lines(&self, arguments: &[&str]) -> Vec<Json> {
        let output = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(arguments)
            .args(["--json", "--config"])
            .arg(self.config())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What was said is in the journal, and each command once.
    pub fn holds(&self, said: &BTreeMap<String, Vec<String>>) {
        let records = self.lines(&["log", "query", "--kind", "command"]);
        for (id, states) in said {
            let there: Vec<_> = records
                .iter()
                .filter(|line| line["command"] == format!("set/{id}"))
                .map(|line| line["state"].as_str().unwrap())
                .collect();
            for state in states {
                assert_eq!(there.iter().filter(|it| *it == state).count(), 1, "{id}: {there:?}");
            }
        }
    }

    /// The journal's sequence is whole: what was given up is counted.
    pub fn verify(&self) {
        let report = self.lines(&["log", "verify"]);
        let report = report.last().unwrap();
        assert!(report["gaps"] == 0 && report["damaged"] == 0, "{report}");
        assert!(report["records"].as_u64().unwrap() > 0, "{report}");
    }
}

/// A running `outpost run`. Killed where it goes out of scope.
pub struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    pub fn start(site: &Site) -> Agent {
        Agent::start_with(site, None)
    }

    /// With 100 ms more for each sync.
    pub fn start_slow(site: &Site) -> Agent {
        let library = site.folder.path().join("slow.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/slow.c");
        run("cc", &["-shared", "-fPIC", "-o", library.to_str().unwrap(), source, "-ldl"]);
        Agent::start_with(site, Some(&library))
    }

    fn start_with(site: &Site, before: Option<&Path>) -> Agent {
        let file = site.folder.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(&file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
        if let Some(library) = before {
            command.env("LD_PRELOAD", library);
        }
        let child = command
            .args(["run", "--config"])
            .arg(site.config())
            .env("OUTPOST_BOARD_ROOT", site.folder.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Agent { child, log: file }
    }

    /// It has not ended.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// As a pulled plug: no last words.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Has ended already: all the better.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("---- log ----\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

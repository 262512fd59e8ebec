//! The launcher itself on a real file system, under a supervisor that starts it again whenever it
//! ends and kills it whenever it likes. The releases' program is `examples/program.rs`.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground is missing")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use outpost_launcher::disk::RealDisk;
use outpost_launcher::manifest::{Name, sha256};
use outpost_launcher::slots::{SlotError, Slots, Staged, Wish};
use outpost_launcher::state::{Baseline, End, State};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Kills where nobody asks for more; `make update-kills` asks for 200.
const KILLS: u32 = 40;
/// A step that takes longer than this will never come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the slots say of the start before an update, in milliseconds. The alarm gives three times
/// that: a good program must run by then on a loaded machine, and one that hangs is waited for.
const START_MS: u32 = 1000;

struct Board {
    folder: tempfile::TempDir,
    installed: bool,
}

/// The program of the releases. Cargo builds examples together with the tests.
fn program() -> PathBuf {
    let launcher = Path::new(env!("CARGO_BIN_EXE_outpost-launcher"));
    launcher.parent().unwrap().join("examples/program")
}

impl Board {
    fn new(installed: bool) -> Board {
        let folder = tempfile::tempdir().unwrap();
        File::options().create(true).append(true).open(folder.path().join("ran")).unwrap();
        fs::create_dir(folder.path().join("usr")).unwrap();
        fs::copy(program(), folder.path().join("usr/program")).unwrap();
        Board { folder, installed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn slots(&self) -> Slots<RealDisk> {
        Slots::new(self.path("slots"), RealDisk)
    }

    fn state(&self) -> State {
        self.slots().state().unwrap()
    }

    /// A release whose program is a file, or the usual one.
    fn publish(&self, id: &str, behaviour: &str, program: Option<&[u8]>) -> PathBuf {
        let release = self.path(&format!("release-{id}"));
        fs::create_dir(&release).unwrap();
        let usual = fs::read(self::program()).unwrap();
        let files = [("program", program.unwrap_or(&usual)), ("behaviour", behaviour.as_bytes())];
        let listed = files.map(|(name, bytes)| {
            put(&release.join(name), bytes);
            serde_json::json!({"name": name, "length": bytes.len(), "sha256": sha256(bytes)})
        });
        let manifest = serde_json::json!({"release": id, "program": "program", "files": listed});
        put(&release.join("release.json"), manifest.to_string().as_bytes());
        release
    }

    fn stage(&self, release: &Path, again: bool) -> Result<Staged, SlotError> {
        let manifest = fs::read(release.join("release.json")).unwrap();
        let mut open = |name: &Name| -> io::Result<Box<dyn Read>> {
            Ok(Box::new(File::open(release.join(name.as_str()))?))
        };
        let wish = Wish {
            baseline: Baseline { start_ms: START_MS, ..Baseline::default() },
            again,
            architecture: std::env::consts::ARCH.into(),
        };
        self.slots().stage(&manifest, &mut open, &wish)
    }

    fn launch(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outpost-launcher"));
        command.arg("--slots").arg(self.path("slots"));
        if self.installed {
            command.arg("--installed").arg(self.path("usr/program"));
        }
        command.current_dir(self.folder.path()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts the launcher again and again until nothing is on trial.
    fn settle(&self) {
        let begun = Instant::now();
        loop {
            self.launch().wait().unwrap();
            if self.state().trial.is_none() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.state());
        }
    }

    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("ran")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn confirmed(&self) -> Option<String> {
        self.state().confirmed.map(|taken| taken.release.to_string())
    }

    /// Takes a release that must be undone, and gives the reason.
    fn undoes(&self, release: &Path) -> String {
        let before = self.confirmed();
        assert_eq!(self.stage(release, false).unwrap(), Staged::Ready);
        self.settle();
        let last = self.state().last.unwrap();
        assert_eq!((last.end, self.confirmed()), (End::Undone, before));
        assert!(matches!(self.stage(release, false), Err(SlotError::Refused { .. })));
        last.reason
    }
}

#[expect(clippy::disallowed_methods, reason = "nobody reads these files yet")]
fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_good_release_is_confirmed_once() {
    let board = Board::new(true);
    let release = board.publish("1.0.0", "1.0.0 good", None);
    assert_eq!(board.stage(&release, false).unwrap(), Staged::Ready);
    assert_eq!(board.stage(&release, false).unwrap(), Staged::OnTrial);
    board.settle();
    assert_eq!(board.confirmed().as_deref(), Some("1.0.0"));
    assert_eq!(board.stage(&release, false).unwrap(), Staged::Confirmed);
    board.launch().wait().unwrap();
    assert_eq!(board.ran(), ["1.0.0 1.0.0 good true", "1.0.0 1.0.0 good false"]);
    let other = board.publish("1.0.0+b", "x", None);
    let manifest = fs::read_to_string(other.join("release.json")).unwrap();
    put(&other.join("release.json"), manifest.replace("1.0.0+b", "1.0.0").as_bytes());
    assert!(matches!(board.stage(&other, false), Err(SlotError::SameId(_))));
}

#[test]
fn bad_releases_are_undone_with_a_reason_also_where_nothing_was_there_before() {
    let board = Board::new(true);
    let reason = board.undoes(&board.publish("1.0.0", "1.0.0 crashes", None));
    assert!(reason.contains("ended 3 times"), "{reason}");
    // Without its rules it is not started twice.
    for what in ["hangs", "dies"] {
        let id = format!("1.1.{}", what.len());
        let reason = board.undoes(&board.publish(&id, &format!("{id} {what}"), None));
        assert!(reason.contains("ended before its rules ran"), "{reason}");
        assert_eq!(board.ran().iter().filter(|line| line.starts_with(&id)).count(), 1);
    }
    // A program for a machine that does not exist, and one that is none.
    let mut other = fs::read(program()).unwrap();
    other[18..20].copy_from_slice(&[0xfe, 0xfe]);
    let reason = board.undoes(&board.publish("1.2.0", "", Some(&other)));
    assert!(reason.contains("cannot be started"), "{reason}");
    let reason = board.undoes(&board.publish("1.3.0", "", Some(b"no program")));
    assert!(reason.contains("cannot be started"), "{reason}");
    let last = board.ran().pop().unwrap();
    assert_eq!(last, "installed  false");
    assert_eq!(board.confirmed(), None);
}

#[test]
fn a_newer_release_takes_the_place_of_one_that_is_stuck() {
    let board = Board::new(true);
    board.stage(&board.publish("1.0.0", "1.0.0 hangs", None), false).unwrap();
    board.launch().wait().unwrap();
    assert!(board.state().trial.is_some_and(|trial| trial.starts == 1));
    board.stage(&board.publish("1.0.1", "1.0.1 good", None), false).unwrap();
    board.settle();
    assert_eq!(board.confirmed().as_deref(), Some("1.0.1"));
}

#[test]
fn what_is_damaged_later_is_not_started() {
    let board = Board::new(true);
    for id in ["1.0.0", "2.0.0"] {
        board.stage(&board.publish(id, &format!("{id} good"), None), false).unwrap();
        board.settle();
    }
    let taken = board.state().confirmed.unwrap();
    let path = board.slots().folder(taken.slot).join("program");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    put(&path, &bytes);
    board.launch().wait().unwrap();
    assert_eq!(board.ran().pop().unwrap(), "1.0.0 1.0.0 good false");
    put(&board.path("slots/state.json"), b"{\"confirmed\":");
    board.launch().wait().unwrap();
    assert_eq!(board.ran().pop().unwrap(), "1.0.0 1.0.0 good false");
}

#[test]
fn wrong_use_is_said() {
    let said = |arguments: &[&str]| {
        let launcher = env!("CARGO_BIN_EXE_outpost-launcher");
        let end = Command::new(launcher).args(arguments).output().unwrap();
        (end.status.code(), String::from_utf8(end.stderr).unwrap())
    };
    let (code, text) = said(&["--slot", "x"]);
    assert!(code == Some(2) && text.contains("unknown argument --slot"), "{text}");
    assert!(said(&["--slots"]).1.contains("--slots needs a path"));
    assert!(said(&[]).1.contains("--slots is missing"));
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = said(&["--slots", folder.path().to_str().unwrap()]);
    assert!(code == Some(1) && text.contains("nothing that can be started"), "{text}");
}

/// The child has ended, or the time is over.
fn wait_until(child: &mut Child, until: Instant) -> bool {
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// v1 → v2 → v3, which is bad, → v4, while the launcher, its program and the one who writes the
/// slots are killed at random. The writer is this test run once more, to be killed.
#[test]
fn kills_at_random_never_leave_the_board_with_a_wrong_release() {
    let board = Board::new(false);
    let versions = [("1", "good"), ("2", "good"), ("3", "crashes"), ("4", "good")];
    let releases: Vec<_> = versions
        .iter()
        .map(|(id, what)| board.publish(id, &format!("{id} {what}"), None))
        .collect();
    board.stage(&releases[0], false).unwrap();
    board.settle();
    assert_eq!(board.confirmed().as_deref(), Some("1"));
    let mut rng = StdRng::seed_from_u64(1);
    let most = std::env::var("OUTPOST_UPDATE_KILLS");
    let most = most.map_or(KILLS, |text| text.parse().expect("OUTPOST_UPDATE_KILLS: a number"));
    let (mut kills, mut round, mut seen) = (0, 0, BTreeSet::<String>::new());
    let mut ended = board.state().last;
    while kills < most || board.confirmed().as_deref() != Some("4") {
        assert!(round < 10_000, "{:?}", board.state());
        round += 1;
        // The same way once more, from the last to the first, as long as there are kills left.
        if seen.len() == 3 && kills < most {
            seen.clear();
        }
        let wanted = ["2", "3", "4"].iter().position(|id| !seen.contains(*id));
        let free = board.state().trial.is_none();
        let mut child = match wanted {
            Some(number) if free && round % 2 == 0 => write_slots(&board, &releases[number + 1]),
            _ => board.launch(),
        };
        let until = Instant::now() + Duration::from_millis(rng.random_range(0..300));
        if kills < most && !wait_until(&mut child, until) {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        let state = board.state();
        let confirmed = state.confirmed.expect("something is confirmed, always");
        board.slots().verify(&confirmed).unwrap();
        assert_ne!(confirmed.release.as_str(), "3");
        let news = state.last.filter(|_| state.trial.is_none());
        if let Some(last) = news.filter(|last| ended.as_ref() != Some(last)) {
            let was_bad = last.release.as_str() == "3";
            if last.end == End::Confirmed || was_bad {
                seen.insert(last.release.to_string());
            }
            ended = Some(last);
        }
    }
    for line in board.ran() {
        // What ran says of itself what the slot said of it: never a half of another release.
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[0], words[1], "{line}");
        assert!(words[0] != "3" || words[3] == "true", "the bad one ran off trial: {line}");
    }
    let tried_bad = board.ran().iter().filter(|line| line.starts_with("3 ")).count();
    println!("{kills} kills in {round} starts, the bad release was tried {tried_bad} times");
    assert!(tried_bad > 0);
}

/// Another process that puts a release into the slots.
fn write_slots(board: &Board, release: &Path) -> Child {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test);
    command.args(["--exact", "writes_slots_when_asked", "--nocapture"]);
    command.env("TEST_BOARD", board.folder.path()).env("TEST_RELEASE", release);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The process above. By itself, as a test, it is about a release that does not exist.
#[test]
fn writes_slots_when_asked() {
    let asked = std::env::var_os("TEST_BOARD").zip(std::env::var_os("TEST_RELEASE"));
    let Some((root, release)) = asked else {
        let board = Board::new(false);
        let release = board.publish("1", "1 good", None);
        fs::remove_file(release.join("behaviour")).unwrap();
        let error = board.stage(&release, false).unwrap_err();
        assert!(error.to_string().contains("cannot open behaviour"), "{error}");
        assert!(board.state().last.unwrap().reason.contains("behaviour"));
        return;
    };
    let slots = Slots::new(Path::new(&root).join("slots"), RealDisk);
    let release = PathBuf::from(release);
    let manifest = fs::read(release.join("release.json")).unwrap();
    let mut open = |name: &Name| -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(release.join(name.as_str()))?))
    };
    let wish = Wish {
        baseline: Baseline { start_ms: START_MS, ..Baseline::default() },
        again: true,
        architecture: std::env::consts::ARCH.into(),
    };
    slots.stage(&manifest, &mut open, &wish).unwrap();
}

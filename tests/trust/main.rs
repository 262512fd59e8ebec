//! The attacks of The Update Framework's specification on a board, each as a repository that has
//! been changed by somebody without the keys, or with fewer of them than it takes. Accepted: none;
//! and after each of them the genuine repository is believed as before.

#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

mod http;
mod poll;
#[path = "../common/ranges.rs"]
mod ranges;
mod rollout;
mod stolen;
mod store;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use outpost::clock::{ClockTrust, Now, Tick};
use outpost::fleet::{keys, publish};
use outpost::update::{Genuine, Source, Trust, TrustError};
use outpost_launcher::manifest::{Name, Needs};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

struct Fleet {
    folder: TempDir,
}

impl Fleet {
    /// Keys, and a repository with release 1.
    fn new() -> Fleet {
        let fleet = Fleet { folder: tempfile::tempdir().unwrap() };
        fleet.block(keys::make(&fleet.path("keys"))).unwrap();
        fleet.publish("1");
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn block<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work)
    }

    fn publish(&self, id: &str) -> u64 {
        self.publish_with(id, publish::Days::default())
    }

    fn publish_with(&self, id: &str, days: publish::Days) -> u64 {
        self.publish_as(id, days, &publish::Shorter::default())
    }

    fn publish_as(&self, id: &str, days: publish::Days, shorter: &publish::Shorter) -> u64 {
        let release = self.path(&format!("release-{id}"));
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("outpost"), format!("program {id}")).unwrap();
        let (name, program) = (id.parse().unwrap(), "outpost".parse().unwrap());
        publish::describe(&release, name, program, Vec::new(), Needs::default()).unwrap();
        let (keys, to) = (self.path("keys"), self.path("repository"));
        self.block(publish::publish(&keys, &to, &release, days, shorter)).unwrap()
    }

    /// The repository as it is now, to be changed by somebody.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.path(name);
        for part in ["metadata", "targets"] {
            fs::create_dir_all(to.join(part)).unwrap();
            for entry in fs::read_dir(self.path("repository").join(part)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(part).join(entry.file_name())).unwrap();
            }
        }
        to
    }

    /// A root in the place of the second one, signed with these keys.
    fn second_root(&self, repository: &Path, signers: &[&str]) -> Json {
        let first = json_of(&self.path("keys/root.json"));
        let mut root = first["signed"].clone();
        root["version"] = json!(2);
        // A stolen key names itself as the one that signs the list of files.
        let stolen = first["signed"]["roles"]["root"]["keyids"][0].clone();
        root["roles"]["targets"]["keyids"] = json!([stolen]);
        let paths: Vec<_> =
            signers.iter().map(|key| self.path(&format!("keys/{key}.key"))).collect();
        let signed = self.block(keys::sign_root(&root, &paths)).unwrap();
        let path = repository.join("metadata/2.root.json");
        fs::write(&path, signed).unwrap();
        json_of(&path)
    }
}

fn json_of(path: &Path) -> Json {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A board with its own memory of what it has verified.
struct Board {
    folder: TempDir,
    trust: Trust,
    now: Now,
}

impl Board {
    fn new(fleet: &Fleet) -> Board {
        let folder = tempfile::tempdir().unwrap();
        let mut trust = Trust::of(folder.path(), &fleet.path("keys/root.json"));
        trust.patience = Duration::from_secs(5);
        let unix_ms = jiff::Timestamp::now().as_millisecond();
        let now = Now { tick: Tick(0), unix_ms, trust: ClockTrust::Synced };
        Board { folder, trust, now }
    }

    fn take(&self, repository: &Path, id: &str) -> Result<Genuine, TrustError> {
        self.trust.release(
            &Source::Folder(repository.into()),
            &id.parse::<Name>().unwrap(),
            self.now,
        )
    }

    /// What the board remembers, byte for byte.
    fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.folder.path().join("trust")).unwrap();
        files
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    /// The attack is refused, leaves nothing behind, and the genuine repository goes on.
    fn refuses(&self, fleet: &Fleet, attack: &Path, id: &str) -> String {
        let why = self.refuses_alone(attack, id);
        self.take(&fleet.path("repository"), "1").unwrap();
        why
    }

    /// The attack is refused and leaves nothing behind.
    fn refuses_alone(&self, attack: &Path, id: &str) -> String {
        let before = self.kept();
        let error = self.take(attack, id).expect_err("the attack was believed");
        assert_eq!(self.kept(), before, "the attack left something behind");
        outpost_launcher::slots::chain(&error)
    }
}

/// A fleet whose board has taken release 1 and then 2.
fn settled() -> (Fleet, Board, PathBuf) {
    let fleet = Fleet::new();
    let board = Board::new(&fleet);
    board.take(&fleet.path("repository"), "1").unwrap();
    let old = fleet.copy("old");
    fleet.publish("2");
    board.take(&fleet.path("repository"), "2").unwrap();
    (fleet, board, old)
}

#[test]
fn a_genuine_release_is_believed_with_its_files() {
    let (fleet, board, _) = settled();
    let genuine = board.take(&fleet.path("repository"), "2").unwrap();
    assert!(genuine.warnings.is_empty());
    let from = Source::Folder(fleet.path("repository"));
    let file = from.file(board.folder.path(), &genuine.files.files[0]);
    assert_eq!(fs::read_to_string(file).unwrap(), "program 2");
    let absent = board.refuses(&fleet, &fleet.path("repository"), "3");
    assert!(absent.contains("no release 3"), "{absent}");
}

#[test]
fn rollback_is_refused() {
    let (fleet, board, old) = settled();
    // 5.4.3: the version of the timestamp must not go back.
    let why = board.refuses(&fleet, &old, "1");
    assert!(why.contains("version"), "{why}");
}

#[test]
fn freezing_is_refused_by_any_clock_that_knows_better() {
    let (fleet, mut board, old) = settled();
    drop(old);
    let frozen = fleet.copy("frozen");
    // 5.4.4: expired by a clock that is believed. A day after the sixty that it was signed for.
    board.now.unix_ms += 61 * DAY_MS;
    for trust in [ClockTrust::Synced, ClockTrust::Restored, ClockTrust::Unset] {
        board.now.trust = trust;
        let error = board.take(&frozen, "2").unwrap_err();
        let role = if let TrustError::Expired { role, .. } = error { role } else { "another" };
        assert_eq!(role, "timestamp", "{trust:?}");
    }
    // A clock that only knows that some earlier time has passed: a warning, no lock-out.
    board.now.unix_ms -= 10 * DAY_MS;
    let warned = board.take(&frozen, "2").unwrap().warnings;
    assert!(warned.len() == 1 && warned[0].contains("clock is not set"), "{warned:?}");
}

#[test]
fn mix_and_match_is_refused() {
    let (fleet, board, old) = settled();
    // 5.5.2: the snapshot must be the one that the timestamp names; 5.6.2: so must the targets.
    for role in ["snapshot", "targets"] {
        let mixed = fleet.copy(&format!("mixed-{role}"));
        let from = old.join(format!("metadata/1.{role}.json"));
        fs::copy(from, mixed.join(format!("metadata/2.{role}.json"))).unwrap();
        board.refuses(&fleet, &mixed, "2");
    }
}

#[test]
fn endless_data_is_refused() {
    let (fleet, board, _) = settled();
    // 5.3.3, 5.4.1, 5.5.1, 5.6.1: no more bytes than the bound or the signed length.
    for file in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let endless = fleet.copy(&format!("endless-{file}"));
        let path = endless.join("metadata").join(file);
        let mut bytes = fs::read(&path).unwrap_or_default();
        bytes.resize(64 << 20, b' ');
        fs::write(&path, bytes).unwrap();
        board.refuses(&fleet, &endless, "2");
    }
}

#[test]
fn slow_retrieval_ends() {
    let (fleet, mut board, _) = settled();
    let slow = fleet.copy("slow");
    let path = slow.join("metadata/timestamp.json");
    fs::remove_file(&path).unwrap();
    // Opens when somebody writes, which nobody does.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // Short for the attack alone: the genuine repository has the time that a loaded machine needs.
    let usual = std::mem::replace(&mut board.trust.patience, Duration::from_millis(300));
    let began = Instant::now();
    let why = board.refuses_alone(&slow, "2");
    assert!(why.contains("no whole metadata within"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(10));
    board.trust.patience = usual;
    board.take(&fleet.path("repository"), "1").unwrap();
    // Lets the read that was left behind go.
    drop(fs::File::options().read(true).write(true).open(&path).unwrap());
}

#[test]
fn other_software_is_refused() {
    let (fleet, board, _) = settled();
    let wrong = fleet.copy("wrong");
    for entry in fs::read_dir(wrong.join("targets")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    // 5.7.2: the manifest has another hash than the signed one.
    board.refuses(&fleet, &wrong, "2");
}

#[test]
fn metadata_that_nobody_signed_is_refused() {
    let (fleet, board, _) = settled();
    // 5.4.2, 5.5.3, 5.6.3: a threshold of signatures of the role's own keys.
    for file in ["timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let unsigned = fleet.copy(&format!("unsigned-{file}"));
        let path = unsigned.join("metadata").join(file);
        let mut metadata = json_of(&path);
        metadata["signatures"] = json!([]);
        fs::write(&path, metadata.to_string()).unwrap();
        board.refuses(&fleet, &unsigned, "2");
    }
    // Another fleet's keys sign as well, but not for this board.
    let other = Fleet::new();
    other.publish("2");
    other.publish("3");
    board.refuses(&fleet, &other.path("repository"), "3");
}

#[test]
fn keys_below_the_threshold_change_nothing() {
    let (fleet, board, _) = settled();
    // 5.3.4: a new root needs a threshold of the old root's keys, each counted once.
    let one = fleet.copy("one");
    fleet.second_root(&one, &["root-1"]);
    board.refuses(&fleet, &one, "2");
    let twice = fleet.copy("twice");
    let mut root = fleet.second_root(&twice, &["root-1"]);
    let signature = root["signatures"][0].clone();
    root["signatures"] = json!([signature, signature]);
    fs::write(twice.join("metadata/2.root.json"), root.to_string()).unwrap();
    board.refuses(&fleet, &twice, "2");
    let online = fleet.copy("online");
    fleet.second_root(&online, &["targets", "snapshot", "timestamp"]);
    board.refuses(&fleet, &online, "2");
    // Two of three may: the check is about who signs, not about whether there is a new root.
    let genuine = fleet.copy("two");
    fleet.second_root(&genuine, &["root-1", "root-2"]);
    let error = board.take(&genuine, "2").unwrap_err();
    let why = outpost_launcher::slots::chain(&error);
    assert!(why.contains("targets"), "the root counts, so the old targets key does not: {why}");
}

#[test]
fn a_changed_release_is_not_published_under_an_id_that_is_there() {
    let fleet = Fleet::new();
    let files = |part: &str| -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(fleet.path("repository").join(part)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let before = [files("metadata"), files("targets")];
    let release = fleet.path("release-1");
    let described = || {
        let (name, program) = ("1".parse().unwrap(), "outpost".parse().unwrap());
        publish::describe(&release, name, program, Vec::new(), Needs::default()).unwrap();
    };
    fs::write(release.join("outpost"), "mended").unwrap();
    described();
    let (keys, to) = (fleet.path("keys"), fleet.path("repository"));
    let (days, shorter) = (publish::Days::default(), publish::Shorter::default());
    let error = fleet.block(publish::publish(&keys, &to, &release, days, &shorter)).unwrap_err();
    assert!(error.to_string().contains("a changed one needs a new id"), "{error}");
    assert_eq!([files("metadata"), files("targets")], before);
    // The same one once more is its renewal.
    assert_eq!(fleet.publish("1"), 2);
}

#[test]
fn keys_are_made_once_and_read_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = Fleet::new();
    let again = fleet.block(keys::make(&fleet.path("keys"))).unwrap_err();
    assert!(again.to_string().ends_with("root.json is there already"), "{again}");
    for entry in fs::read_dir(fleet.path("keys")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "key") {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let release = fleet.path("release-1");
    fs::write(release.join("outpost"), "changed").unwrap();
    let (keys, to) = (fleet.path("keys"), fleet.path("repository"));
    let (days, shorter) = (publish::Days::default(), publish::Shorter::default());
    let error = fleet.block(publish::publish(&keys, &to, &release, days, &shorter)).unwrap_err();
    assert!(error.to_string().contains("outpost has changed since"), "{error}");
}

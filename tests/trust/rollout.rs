//! Rollouts on a board: what breaks one is refused as a whole, leaves nothing behind, and an
//! operator still has his releases taken.

use std::fs;
use std::path::Path;

use outpost::fleet::campaign::{Reports, Tally, Verdict, judge};
use outpost::fleet::publish::Days;
use outpost::fleet::rollout::{Plan, advance, begin, change, pick, read, stand};
use outpost::update::rollout::{Board as Who, Document, Labels, Rollout, Standing, Step};
use outpost::update::{Source, TrustError};
use outpost_launcher::manifest::sha256;
use serde_json::json;
use tough::editor::signed::SignedRole;
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::{
    DelegatedTargets, Delegations, KeyHolder, Role, Root, Snapshot, Targets, Timestamp,
};

use super::{Board, DAY_MS, Fleet, json_of};

impl Fleet {
    /// Signs a change of the rollouts.
    pub fn roll(&self, edit: impl FnOnce(&mut Document)) -> Document {
        let edit = |document: &mut Document| {
            edit(document);
            Ok(true)
        };
        let (keys, to) = (self.path("keys"), self.path("repository"));
        self.block(change(&keys, &to, Days::default(), edit)).unwrap()
    }

    pub fn begin(&self, release: &str) -> u64 {
        let mut number = 0;
        self.roll(|document| number = begin(document, &plan(release), 0).unwrap());
        number
    }
}

/// What one signs who has the three keys of the laptop, and no scruples: any file in the role of
/// rollouts, with a snapshot and a timestamp that name it.
impl Fleet {
    pub fn forge(&self, repository: &Path, name: &str, content: &[u8]) {
        let sum = sha256(content);
        fs::write(repository.join(format!("targets/{sum}.{name}")), content).unwrap();
        let root = json_of(&self.path("keys/root.json"))["signed"].clone();
        let root: Root = serde_json::from_value(root).unwrap();
        let list = json_of(&newest(repository, "targets"))["signed"]["delegations"].clone();
        let delegations: Delegations = serde_json::from_value(list).unwrap();

        let mut role = json_of(&newest(repository, "rollout"))["signed"].clone();
        let version = role["version"].as_u64().unwrap() + 1;
        role["version"] = json!(version);
        role["targets"] = json!({name: {"length": content.len(), "hashes": {"sha256": sum}}});
        let targets: Targets = serde_json::from_value(role).unwrap();
        let role = DelegatedTargets { name: "rollout".into(), targets };
        let role = self.signed(role, &KeyHolder::Delegations(delegations), "rollout");
        fs::write(repository.join(format!("metadata/{version}.rollout.json")), &role).unwrap();

        let holder = KeyHolder::Root(root);
        let meta = |version: u64, bytes: &[u8]| {
            let sum = sha256(bytes);
            json!({"version": version, "length": bytes.len(), "hashes": {"sha256": sum}})
        };
        let mut snapshot = json_of(&newest(repository, "snapshot"))["signed"].clone();
        let next = snapshot["version"].as_u64().unwrap() + 1;
        snapshot["version"] = json!(next);
        snapshot["meta"]["rollout.json"] = meta(version, &role);
        let snapshot: Snapshot = serde_json::from_value(snapshot).unwrap();
        let snapshot = self.signed(snapshot, &holder, "snapshot");
        fs::write(repository.join(format!("metadata/{next}.snapshot.json")), &snapshot).unwrap();

        let path = repository.join("metadata/timestamp.json");
        let mut timestamp = json_of(&path)["signed"].clone();
        timestamp["version"] = json!(next);
        timestamp["meta"]["snapshot.json"] = meta(next, &snapshot);
        let timestamp: Timestamp = serde_json::from_value(timestamp).unwrap();
        fs::write(&path, self.signed(timestamp, &holder, "timestamp")).unwrap();
    }

    fn signed<R: Role + Clone>(&self, role: R, holder: &KeyHolder, key: &str) -> Vec<u8> {
        let path = self.path(&format!("keys/{key}.key"));
        let keys: Vec<Box<dyn KeySource>> = vec![Box::new(LocalKeySource { path })];
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signed = self.block(SignedRole::new(role, holder, &keys, &random));
        signed.unwrap().buffer().clone()
    }
}

fn plan(release: &str) -> Plan {
    let step = |of_10000| Step { of_10000, wait_s: 60 };
    Plan {
        release: release.parse().unwrap(),
        labels: Labels::new(),
        steps: vec![step(100), step(5_000), step(10_000)],
        stop_of_10000: 200,
        enough_of_10000: 5_000,
    }
}

impl Board {
    pub fn rollouts(&self, repository: &Path) -> Result<Document, TrustError> {
        self.trust.rollouts(&Source::Folder(repository.into()), self.now).map(|(all, _)| all)
    }

    /// The rollouts are refused and nothing of them is kept; the genuine ones are followed.
    pub fn follows_not(&self, fleet: &Fleet, attack: &Path) -> String {
        let before = self.kept();
        let error = self.rollouts(attack).expect_err("the attack was followed");
        assert_eq!(self.kept(), before, "the attack left something behind");
        self.rollouts(&fleet.path("repository")).unwrap();
        outpost_launcher::slots::chain(&error)
    }
}

/// A fleet with a rollout of release 1 at its second step, which a board has seen.
pub fn rolling() -> (Fleet, Board) {
    let fleet = Fleet::new();
    let board = Board::new(&fleet);
    assert_eq!(fleet.begin("1"), 1);
    fleet.roll(|document| advance(pick(document, None).unwrap(), 1));
    let seen = board.rollouts(&fleet.path("repository")).unwrap();
    assert_eq!((seen.rollouts[0].step, board.trust.newest_rollout()), (1, 1));
    (fleet, board)
}

#[test]
fn a_rollout_is_signed_without_the_keys_of_the_drawer() {
    let fleet = Fleet::new();
    let board = Board::new(&fleet);
    let repository = fleet.path("repository");
    assert_eq!(board.rollouts(&repository).unwrap(), Document::default());
    for key in ["root-1", "root-2", "root-3", "targets"] {
        fs::remove_file(fleet.path(&format!("keys/{key}.key"))).unwrap();
    }
    fleet.begin("1");
    let seen = board.rollouts(&repository).unwrap();
    assert_eq!(fleet.block(read(&fleet.path("keys"), &repository)).unwrap(), seen);
    let boards = (0..1_000).map(|n| Who { name: format!("b-{n}"), ..Who::default() });
    let offered = boards.filter(|board| seen.offer(board, 0).is_some()).count();
    assert!((1..30).contains(&offered), "{offered} of 1000 are the first per cent");
    // The release itself is still taken at an operator's word, and nothing else is there.
    board.take(&repository, "1").unwrap();
    assert!(matches!(board.take(&repository, "2"), Err(TrustError::Absent(_))));
}

#[test]
fn a_look_that_finds_nothing_new_reads_the_timestamp_alone() {
    let (fleet, board) = rolling();
    let from = Source::Folder(fleet.path("repository"));
    let (_, seen) = board.trust.rollouts(&from, board.now).unwrap();
    assert!(board.trust.is_known(&from, &seen));
    fleet.roll(|document| advance(pick(document, None).unwrap(), 2));
    assert!(!board.trust.is_known(&from, &seen));
    let (_, seen) = board.trust.rollouts(&from, board.now).unwrap();
    assert!(board.trust.is_known(&from, &seen));
    assert!(!board.trust.is_known(&Source::Folder(fleet.path("nowhere")), &seen));
}

#[test]
fn a_rollout_of_a_release_that_nobody_signed_is_refused() {
    let (fleet, board) = rolling();
    let nine = |document: &mut Document| {
        begin(document, &plan("9"), 2).unwrap();
        Ok(true)
    };
    let (keys, to) = (fleet.path("keys"), fleet.path("repository"));
    // Our own side says so before it signs.
    let refused = fleet.block(change(&keys, &to, Days::default(), nine)).unwrap_err();
    assert!(refused.to_string().contains("has no release 9"), "{refused}");
    // One who has the three keys of the laptop signs it all the same.
    let mut document = board.rollouts(&to).unwrap();
    document.rollouts.push(Rollout { number: 2, release: "9".parse().unwrap(), ..one() });
    let attack = fleet.copy("attack");
    fleet.forge(&attack, "rollout.json", &serde_json::to_vec(&document).unwrap());
    let why = board.follows_not(&fleet, &attack);
    assert!(why.contains("rollout 2: nobody has signed release 9"), "{why}");
}

/// The newest file of a role.
fn newest(repository: &Path, role: &str) -> std::path::PathBuf {
    let metadata = repository.join("metadata");
    let version = |path: &Path| -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        name.strip_suffix(&format!(".{role}.json"))?.parse().ok()
    };
    let files = fs::read_dir(metadata).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|path| version(path)).unwrap()
}

#[test]
fn an_older_rollout_is_refused() {
    let fleet = Fleet::new();
    let board = Board::new(&fleet);
    fleet.begin("1");
    let old = fleet.copy("old");
    fleet.roll(|document| advance(pick(document, None).unwrap(), 1));
    board.rollouts(&fleet.path("repository")).unwrap();
    let why = board.follows_not(&fleet, &old);
    assert!(why.contains("version"), "{why}");
    // The old step in the place of the new one.
    let mixed = fleet.copy("mixed");
    fs::copy(newest(&old, "rollout"), newest(&mixed, "rollout")).unwrap();
    board.follows_not(&fleet, &mixed);
}

#[test]
fn a_rollout_by_another_key_is_refused() {
    let (fleet, board) = rolling();
    let other = Fleet::new();
    other.begin("1");
    let attack = fleet.copy("other");
    fs::copy(newest(&other.path("repository"), "rollout"), newest(&attack, "rollout")).unwrap();
    board.follows_not(&fleet, &attack);
    // No signature at all.
    let unsigned = fleet.copy("unsigned");
    let path = newest(&unsigned, "rollout");
    let mut metadata = json_of(&path);
    metadata["signatures"] = json!([]);
    fs::write(&path, metadata.to_string()).unwrap();
    board.follows_not(&fleet, &unsigned);
    // Our own side does not sign with a key that the list does not name.
    let theirs = other.path("keys/rollout.key");
    fs::copy(theirs, fleet.path("keys/rollout.key")).unwrap();
    let (keys, to) = (fleet.path("keys"), fleet.path("repository"));
    let edit = |document: &mut Document| {
        advance(pick(document, None)?, 2);
        Ok(true)
    };
    assert!(fleet.block(change(&keys, &to, Days::default(), edit)).is_err());
}

#[test]
fn the_key_of_rollouts_signs_no_release() {
    let (fleet, board) = rolling();
    let attack = fleet.copy("attack");
    let manifest = br#"{"release":"7","program":"outpost","files":[]}"#;
    fleet.forge(&attack, "7.release.json", manifest);
    let why = board.follows_not(&fleet, &attack);
    assert!(why.contains("not believed"), "{why}");
    assert!(board.take(&attack, "7").is_err());
    // The same key with its own file does.
    let document = board.rollouts(&fleet.path("repository")).unwrap();
    let genuine = fleet.copy("genuine");
    fleet.forge(&genuine, "rollout.json", &serde_json::to_vec(&document).unwrap());
    assert_eq!(board.rollouts(&genuine).unwrap(), document);
}

#[test]
fn a_share_that_shrinks_and_an_end_that_is_none_are_refused() {
    let (fleet, board) = rolling();
    let (keys, to) = (fleet.path("keys"), fleet.path("repository"));
    let back = |document: &mut Document| {
        document.rollouts[0].step = 0;
        Ok(true)
    };
    let refused = fleet.block(change(&keys, &to, Days::default(), back)).unwrap_err();
    assert!(refused.to_string().contains("shrinks from 50 to 1 %"), "{refused}");
    // One who has the keys and another program signs it all the same.
    let attack = |name: &str, change: &dyn Fn(&mut Document)| {
        let mut document = board.rollouts(&to).unwrap();
        change(&mut document);
        let attack = fleet.copy(name);
        fleet.forge(&attack, "rollout.json", &serde_json::to_vec(&document).unwrap());
        board.follows_not(&fleet, &attack)
    };
    let why = attack("less", &|document| document.rollouts[0].step = 0);
    assert!(why.contains("rollout 1: its share shrinks from 50 to 1 %"), "{why}");
    let why = attack("none", &|document| document.rollouts[0].step = 3);
    assert!(why.contains("it is at step 4 of 3"), "{why}");
    fleet.publish("2");
    let why = attack("other", &|document| document.rollouts[0].release = "2".parse().unwrap());
    assert!(why.contains("another release"), "{why}");
    fleet.roll(|document| {
        stand(&mut document.rollouts[0], Standing::Stopped, "harm").unwrap();
    });
    let why = attack("again", &|document| document.rollouts[0].standing = Standing::Running);
    assert!(why.contains("it was stopped and is running again"), "{why}");
}

fn one() -> Rollout {
    let mut document = Document::default();
    begin(&mut document, &plan("1"), 0).unwrap();
    document.rollouts.remove(0)
}

#[test]
fn rollouts_that_have_expired_are_not_followed() {
    let (fleet, mut board) = rolling();
    board.now.unix_ms += 61 * DAY_MS;
    let error = board.rollouts(&fleet.path("repository")).unwrap_err();
    assert!(matches!(error, TrustError::Expired { role: "timestamp", .. }), "{error}");
    // Signed again, by whoever has it go on.
    fleet.roll(|document| document.rollouts[0].standing = Standing::Paused);
}

#[test]
fn publishing_keeps_the_rollouts() {
    let (fleet, board) = rolling();
    fleet.publish("2");
    let seen = board.rollouts(&fleet.path("repository")).unwrap();
    assert_eq!((seen.rollouts.len(), seen.rollouts[0].step), (1, 1));
    assert_eq!(fleet.begin("2"), 2);
    assert_eq!(fleet.begin("2"), 2, "one of the same release goes on");
    board.take(&fleet.path("repository"), "2").unwrap();
    let mut reports = Reports::default();
    reports.hear("outpost/a/update", br#"{"state":"undone","release":"2"}"#);
    let seen = board.rollouts(&fleet.path("repository")).unwrap();
    let tally = Tally::of(&seen.rollouts[1], &seen, &reports);
    assert_ne!(judge(&seen.rollouts[1], &tally, 0), Verdict::Over);
    assert_eq!(reports.len(), 1);
}

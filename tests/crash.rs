//! The journal on a disk that loses and tears: every write and sync of a recorded run is a point at
//! which the power may go.
//!
//! A disk below SQLite (`noting-disk`) notes every operation. For each point the files are put
//! together as such a disk would leave them: what was synced is there, what came after is lost,
//! kept, kept in part, or torn in the middle. The real store then opens them. Acknowledged records
//! lost: 0; starts refused: 0; every start's commands are those of its records.

#![expect(clippy::unwrap_used, reason = "the panic of a test is its report")]
#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use noting_disk::{FATES, Notes, left};
use outpost::clock::{ClockTrust, Now, Tick};
use outpost::domain::{CommandState, Entry, Value};
use outpost::journal::{Filter, Options, Reader, Record, Stamp, Store, StoreBackend};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

/// Points that a run looks at; `make crash` sets more.
const POINTS: &str = "OUTPOST_CRASH_POINTS";
const POINTS_IN_TEST: usize = 40;
/// Files of 256 KB, so that the run goes over several.
const OPTIONS: Options = Options::of_quota(4 * 1024 * 1024);

fn record(seq: u64) -> Record {
    let entry = match seq % 10 {
        0 => command(seq, CommandState::Accepted),
        1 => command(seq - 1, CommandState::Succeeded),
        _ => Entry::Reading { sensor: "air".into(), value: Value::Text(noise(seq)) },
    };
    let unix_ms = 1_787_000_000_000 + i64::try_from(seq * 500).unwrap();
    let now = Now { tick: Tick(seq * 500), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: 7, now }, &entry)
}

fn command(id: u64, state: CommandState) -> Entry {
    let (kind, id, reason) = ("set".into(), id.to_string(), String::new());
    Entry::Command { kind, id, state, reason }
}

/// Text of 200 to 1,200 bytes that no compressor makes much shorter.
fn noise(seq: u64) -> String {
    let mut random = StdRng::seed_from_u64(seq);
    let length = random.random_range(200..1200);
    (0..length).map(|_| char::from(random.random_range(b'0'..b'z'))).collect()
}

/// After so many operations everything up to a sequence was acknowledged.
struct Acknowledged(Vec<(usize, u64)>);

impl Acknowledged {
    fn at(&self, point: usize) -> u64 {
        let before = self.0.iter().take_while(|(ops, _)| *ops <= point);
        before.last().map_or(0, |(_, seq)| *seq)
    }
}

/// A run of the real store over several files, with two clean stops in it.
fn run(folder: &Path, notes: &Notes) -> Acknowledged {
    let mut acknowledged = Vec::new();
    let mut random = StdRng::seed_from_u64(1);
    let mut seq = 1;
    for part in 0..3 {
        let (mut store, restored) = Store::open(folder, OPTIONS).unwrap();
        assert_eq!((restored.next_seq, restored.damage), (seq, None));
        for _ in 0..120 {
            let count = random.random_range(1..20);
            let batch: Vec<_> = (seq..seq + count).map(record).collect();
            seq += count;
            store.commit(&batch).unwrap();
            acknowledged.push((notes.len(), seq - 1));
            while store.upkeep().unwrap() {}
        }
        if part < 2 {
            store.close().unwrap();
        }
    }
    Acknowledged(acknowledged)
}

/// Opens what the disk left, and proves it.
fn prove(files: &BTreeMap<PathBuf, Vec<u8>>, reserved: &[u8], acknowledged: u64, what: &str) {
    let folder = TempDir::new_in(memory()).unwrap();
    for (path, content) in files {
        if !path.to_str().unwrap().ends_with("-shm") {
            fs::write(folder.path().join(path.file_name().unwrap()), content).unwrap();
        }
    }
    fs::write(folder.path().join("journal.seq"), reserved).unwrap();
    let opened = Store::open(folder.path(), OPTIONS);
    let (mut store, restored) = opened.unwrap_or_else(|error| panic!("{what}: refused: {error:?}"));
    assert!(restored.refused.is_none(), "{what}: {restored:?}");
    assert!(
        restored.next_seq > acknowledged,
        "{what}: {} acknowledged, {restored:?}",
        acknowledged
    );
    let reader = Reader::open(folder.path()).unwrap();
    let mut seen = BTreeSet::new();
    let mut open = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let walked = reader.each(0, &Filter::default(), |found| {
        if found.seq <= acknowledged {
            assert_eq!(found, record(found.seq), "{what}");
        }
        if let Ok(Entry::Command { id, state, .. }) = found.entry() {
            ids.insert(id.clone());
            if state.is_terminal() {
                open.remove(&id)
            } else {
                open.insert(id)
            };
        }
        seen.insert(found.seq);
        true
    });
    walked.unwrap();
    let missing = (1..=acknowledged).find(|seq| !seen.contains(seq));
    assert_eq!(missing, None, "{what}: lost of {acknowledged} acknowledged: {restored:?}");
    // What the start is told of commands is what their records say: none is carried out twice.
    let known: BTreeSet<_> = restored
        .commands
        .iter()
        .filter(|command| !command.state.is_terminal())
        .map(|command| command.id.clone())
        .collect();
    assert_eq!(known, open, "{what}");
    assert_eq!(restored.commands.len(), ids.len(), "{what}");
    drop(reader);
    store.commit(&[record(restored.next_seq)]).unwrap();
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(report.is_whole(), "{what}: {report:?}");
    store.close().unwrap();
}

/// A folder in memory, where there is one: thousands of small files are written.
fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

#[test]
fn no_point_of_a_power_cut_loses_what_was_acknowledged() {
    let notes = Notes::register();
    notes.note(true);
    let folder = TempDir::new_in(memory()).unwrap();
    let acknowledged = run(folder.path(), &notes);
    notes.note(false);
    let reserved = fs::read(folder.path().join("journal.seq")).unwrap();
    let ops = notes.take();
    let wanted = std::env::var(POINTS).ok().and_then(|points| points.parse().ok());
    let wanted: usize = wanted.unwrap_or(POINTS_IN_TEST);
    let all = ops.len() * FATES.len();
    // `Kept` and `Lost` differ only where something is not synced; all are counted once.
    let step = (all / wanted).max(1);
    let mut random = StdRng::seed_from_u64(3);
    let mut points = 0;
    for index in (0..all).step_by(step) {
        let (point, fate) = (index / FATES.len() + 1, FATES[index % FATES.len()]);
        let files = left(&ops[..point], fate, &mut random);
        let what = format!("after operation {point} of {}, unsynced {fate:?}", ops.len());
        prove(&files, &reserved, acknowledged.at(point), &what);
        points += 1;
    }
    assert!(points >= wanted.min(all / 2), "{points}");
    println!("{points} points of {all} in {} operations: nothing lost, none refused", ops.len());
}

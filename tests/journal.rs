//! The journal from outside: a writer that is killed at random, and the commands that read it.

#![expect(clippy::disallowed_methods, reason = "the channel of a test is read to its end")]
#![expect(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use outpost::clock::{ClockTrust, Now, Tick};
use outpost::domain::{CommandState, Entry, Value};
use outpost::journal::{self, Filter, Journal, JournalEvent, Kind, Options, Reader, Record, Stamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

/// Folder of the child's journal; set only in the child.
const CHILD_FOLDER: &str = "OUTPOST_TEST_JOURNAL_CHILD";
const OPTIONS: Options = Options::of_quota(64_000_000);
/// Kills in one run of the test; the whole takes some seconds.
const KILLS: u32 = 25;

fn record(seq: u64, entry: &Entry) -> Record {
    let unix_ms = 1_787_000_000_000 + i64::try_from(seq).unwrap();
    let now = Now { tick: Tick(seq), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: u64::from(std::process::id()), now }, entry)
}

fn command(seq: u64, state: CommandState) -> Record {
    // Accepted and ended by neighbours: an even sequence accepts, the odd one after it ends.
    let id = (seq / 2).to_string();
    record(seq, &Entry::Command { kind: "set".into(), id, state, reason: String::new() })
}

/// The batch that begins at a sequence: a command's two states among readings.
fn batch(first: u64, count: u64) -> Vec<Record> {
    (first..first + count)
        .map(|seq| match seq % 10 {
            0 => command(seq, CommandState::Accepted),
            1 => command(seq, CommandState::Succeeded),
            _ => {
                let value = Value::Number(seq as f64);
                record(seq, &Entry::Reading { sensor: "air".into(), value })
            }
        })
        .collect()
}

/// Writes `batches` batches of growing and shrinking size, some urgent, and prints each stored
/// sequence: the acknowledgement.
fn write(folder: &Path, batches: u64) -> u64 {
    let (to, events) = channel();
    let (journal, restored) =
        journal::open(folder, OPTIONS, Box::new(move |event| drop(to.send(event)))).unwrap();
    println!("next {} damage {:?}", restored.next_seq, restored.damage);
    let mut seq = restored.next_seq;
    let mut stored = 0;
    let mut acknowledge = |journal: &Journal, upto: u64, wait: bool| {
        loop {
            let event = if wait && stored < upto {
                events.recv_timeout(Duration::from_secs(20)).ok()
            } else {
                events.try_recv().ok()
            };
            match event {
                Some(JournalEvent::Stored { upto }) => {
                    stored = upto;
                    println!("stored {upto}");
                }
                Some(other) => panic!("{other:?} {journal:?}"),
                None => break,
            }
        }
        stored
    };
    for round in 0..batches {
        let count = 1 + round % 37;
        journal.append(batch(seq, count), round % 5 == 0).unwrap();
        seq += count;
        acknowledge(&journal, seq - 1, round % 7 == 0);
    }
    let stored = acknowledge(&journal, seq - 1, true);
    journal.close();
    stored
}

/// In the child of the test below: the writer that is killed. By itself: the same writer, unharmed.
#[test]
fn a_writer_has_every_record_acknowledged() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        write(Path::new(&folder), u64::MAX);
        return;
    }
    let folder = TempDir::new().unwrap();
    let stored = write(folder.path(), 60);
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.last, Some(stored));
    assert_eq!(report.records, stored);
}

/// Starts a writer, kills it after so many acknowledgements and a moment; gives the last
/// acknowledged sequence.
fn killed_writer(folder: &Path, acknowledgements: u32, moment: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["a_writer_has_every_record_acknowledged", "--exact", "--nocapture"])
        .env(CHILD_FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = 0;
    let mut seen = 0;
    let mut take = |line: String| {
        // The harness writes the test's name without an end of line before the first of ours.
        let stored = line.rsplit_once("stored ").and_then(|(_, seq)| seq.parse().ok());
        last = stored.unwrap_or(last);
        stored.is_some()
    };
    while seen < acknowledgements {
        let line = lines.next().expect("the writer goes on until it is killed").unwrap();
        assert!(!line.contains("damage Some"), "{line}");
        seen += u32::from(take(line));
    }
    // The moment is part of the test: the kill falls anywhere in a commit, not after one.
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok) {
        take(line);
    }
    last
}

#[test]
fn kill_9_at_any_moment_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new().unwrap();
    let mut random = StdRng::seed_from_u64(2);
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let moment = Duration::from_micros(random.random_range(0..30_000));
        let last = killed_writer(folder.path(), random.random_range(1..12), moment);
        assert!(last > acknowledged, "kill {kill}: nothing new was stored");
        acknowledged = last;
        let report = Reader::open(folder.path()).unwrap().verify().unwrap();
        assert!(report.is_whole(), "kill {kill}: {report:?}");
        assert!(report.last >= Some(acknowledged), "kill {kill}: {report:?}, acknowledged {last}");
        assert_eq!(Some(report.records), report.last, "kill {kill}");
    }
    commands_agree_with_their_records(folder.path());
}

/// The table of commands says exactly what the records say.
fn commands_agree_with_their_records(folder: &Path) {
    let mut last_states = BTreeMap::new();
    let commands = Filter { kind: Some(Kind::Command), ..Filter::default() };
    let reader = Reader::open(folder).unwrap();
    reader
        .each(0, &commands, |record| {
            let Ok(Entry::Command { id, state, .. }) = record.entry() else { panic!("{record:?}") };
            last_states.insert(id, state);
            true
        })
        .unwrap();
    let (journal, restored) = journal::open(folder, OPTIONS, Box::new(drop)).unwrap();
    assert!(!restored.clean_stop);
    let known: BTreeMap<_, _> =
        restored.commands.into_iter().map(|command| (command.id, command.state)).collect();
    assert_eq!(known, last_states);
    journal.close();
}

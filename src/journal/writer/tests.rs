//! The writer before failing, full, panicking and damaged stores, and its memory at the bound.

#![expect(clippy::disallowed_methods, reason = "the channel of a test is read to its end")]

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::domain::{Entry, Severity, Value};
use crate::journal::{Filter, Kind, Reader, Stamp};
use crate::limits::JOURNAL_QUEUE_BYTES_MAX;

fn record(seq: u64, entry: &Entry) -> Record {
    let now = Now { tick: Tick(seq), unix_ms: 1_787_000_000_000, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: 7, now }, entry)
}

/// A reading of so many bytes more than its header.
fn reading(seq: u64, bytes: usize) -> Record {
    // Not to be compressed much.
    let mut state = seq | 1;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        char::from(b'0' + u8::try_from(state >> 58).unwrap())
    });
    let value = Value::Text(noise.take(bytes).collect());
    record(seq, &Entry::Reading { sensor: "camera".into(), value })
}

fn event(seq: u64, bytes: usize) -> Record {
    let (kind, text) = ("test".into(), "x".repeat(bytes));
    record(seq, &Entry::Event { kind, text, severity: Severity::Info })
}

fn next(events: &Receiver<JournalEvent>) -> JournalEvent {
    events.recv_timeout(Duration::from_secs(20)).expect("the writer says something in time")
}

/// Waits for the event that names `seq` as stored; gives what came before.
fn until_stored(events: &Receiver<JournalEvent>, seq: u64) -> Vec<JournalEvent> {
    let mut before = Vec::new();
    loop {
        match next(events) {
            JournalEvent::Stored { upto } if upto >= seq => return before,
            JournalEvent::Stored { .. } => {}
            other => before.push(other),
        }
    }
}

fn listener() -> (Listener, Receiver<JournalEvent>) {
    let (to, from) = channel();
    (Box::new(move |event| drop(to.send(event))), from)
}

/// What a store does next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    Fails,
    Panics,
    FindsDamage,
}

/// A real store behind a mood that the test sets, and the batches that went through.
struct Moody {
    store: Store,
    mood: Arc<Mutex<Mood>>,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl StoreBackend for Moody {
    fn commit(&mut self, batch: &[Record]) -> Result<(), JournalError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Works => {}
            Mood::Fails => {
                let source = std::io::Error::other("the card is out");
                let path = PathBuf::from("card");
                return Err(JournalError::File { path, action: "written", source });
            }
            Mood::Panics => panic!("a bug in the store"),
            Mood::FindsDamage => {
                *self.mood.lock().unwrap() = Mood::Works;
                let (path, what) = (PathBuf::from("journal.sqlite"), "torn page".to_owned());
                return Err(JournalError::Foreign { path, what });
            }
        }
        self.store.commit(batch)?;
        self.batches.lock().unwrap().push(batch.len());
        Ok(())
    }
    fn upkeep(&mut self) -> Result<bool, JournalError> {
        self.store.upkeep()
    }
    fn recover(
        &mut self,
        after: &JournalError,
        next_seq: u64,
    ) -> Result<Option<String>, JournalError> {
        self.store.recover(after, next_seq)
    }
    fn close(&mut self) -> Result<(), JournalError> {
        self.store.close()
    }
}

struct Setting {
    folder: TempDir,
    mood: Arc<Mutex<Mood>>,
    batches: Arc<Mutex<Vec<usize>>>,
    journal: Journal,
    events: Receiver<JournalEvent>,
}

fn start(mood: Mood) -> Setting {
    let folder = TempDir::new().unwrap();
    let (store, restored) = Store::open(folder.path(), Options::of_quota(1 << 26)).unwrap();
    let mood = Arc::new(Mutex::new(mood));
    let batches = Arc::default();
    let moody = Moody { store, mood: Arc::clone(&mood), batches: Arc::clone(&batches) };
    let (listener, events) = listener();
    let journal = Journal::start(Box::new(moody), restored.next_seq, listener).unwrap();
    Setting { folder, mood, batches, journal, events }
}

impl Setting {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Closes the journal and gives every sequence with its kind, and whether it is whole.
    fn end(self) -> (Vec<(u64, Kind)>, bool) {
        self.journal.close();
        let reader = Reader::open(self.folder.path()).unwrap();
        let mut seqs = Vec::new();
        reader
            .each(0, &Filter::default(), |record| {
                seqs.push((record.seq, record.kind));
                true
            })
            .unwrap();
        (seqs, reader.verify().unwrap().is_whole())
    }
}

#[test]
fn appends_without_hurry_share_a_commit() {
    let test = start(Mood::Works);
    // The first urgent one shows that the writer is awake; then it waits for 100 ms.
    test.journal.append(vec![event(1, 1)], true).unwrap();
    assert_eq!(next(&test.events), JournalEvent::Stored { upto: 1 });
    for seq in 2..=50 {
        test.journal.append(vec![reading(seq, 10)], false).unwrap();
    }
    until_stored(&test.events, 50);
    let commits = test.batches.lock().unwrap().len();
    assert!(commits < 20, "{commits} commits for 50 appends");
    assert!(test.end().1);
}

#[test]
fn closing_stores_what_waits() {
    let test = start(Mood::Works);
    test.journal.append((1..=30).map(|seq| reading(seq, 10)).collect(), false).unwrap();
    let (seqs, whole) = test.end();
    assert_eq!(seqs.len(), 30);
    assert!(whole);
}

#[test]
fn records_wait_in_memory_while_the_disk_fails_and_are_stored_in_order() {
    let test = start(Mood::Fails);
    test.journal.append(vec![event(1, 1)], true).unwrap();
    let JournalEvent::Failing { reason } = next(&test.events) else { panic!("not failing") };
    assert!(reason.contains("the card is out"), "{reason}");
    test.journal.append(vec![reading(2, 1), event(3, 1)], true).unwrap();
    test.set(Mood::Works);
    let before = until_stored(&test.events, 3);
    assert_eq!(before, [JournalEvent::Recovered { dropped: None }], "failing is said once");
    let (seqs, whole) = test.end();
    assert_eq!(seqs, [(1, Kind::Event), (2, Kind::Reading), (3, Kind::Event)]);
    assert!(whole);
}

#[test]
fn a_panic_of_the_store_is_a_failure_and_loses_nothing() {
    let test = start(Mood::Panics);
    test.journal.append(vec![event(1, 1)], true).unwrap();
    let JournalEvent::Failing { reason } = next(&test.events) else { panic!("not failing") };
    assert!(reason.contains("a bug in the store"), "{reason}");
    test.set(Mood::Works);
    until_stored(&test.events, 1);
    assert_eq!(test.end(), (vec![(1, Kind::Event)], true));
}

#[test]
fn damage_found_while_running_costs_the_file_and_not_the_agent() {
    let test = start(Mood::Works);
    test.journal.append((1..=9).map(|seq| event(seq, 1)).collect(), true).unwrap();
    until_stored(&test.events, 9);
    test.set(Mood::FindsDamage);
    test.journal.append(vec![event(10, 1)], true).unwrap();
    let before = until_stored(&test.events, 10);
    assert!(matches!(before[0], JournalEvent::Failing { .. }), "{before:?}");
    assert!(matches!(&before[1], JournalEvent::Damaged { found } if found.contains("torn page")));
    assert_eq!(before[2], JournalEvent::Recovered { dropped: None });
    assert!(test.folder.path().join("journal.sqlite.damaged-1").exists());
    let (seqs, whole) = test.end();
    // The chain has them all, and the new audit database gets its part from it.
    assert_eq!(seqs, (1..=10).map(|seq| (seq, Kind::Event)).collect::<Vec<_>>());
    assert!(whole);
}

#[test]
fn closing_ends_even_where_the_disk_fails() {
    let test = start(Mood::Fails);
    test.journal.append(vec![event(1, 1)], true).unwrap();
    assert_eq!(test.end(), (vec![], true));
}

#[test]
fn a_long_failure_costs_the_oldest_readings_and_one_record_names_them() {
    let test = start(Mood::Fails);
    let chunk = JOURNAL_QUEUE_BYTES_MAX / 40;
    for seq in 1..=100 {
        let record = if seq % 10 == 0 { event(seq, 100) } else { reading(seq, chunk) };
        test.journal.append(vec![record], false).unwrap();
    }
    test.set(Mood::Works);
    let before = until_stored(&test.events, 100);
    // One range, or two where the disk came back while a part was in the writer's hand.
    let ranges: Vec<(u64, u64)> = before
        .iter()
        .filter_map(|event| match event {
            JournalEvent::Recovered { dropped } => *dropped,
            _ => None,
        })
        .collect();
    assert!((1..=2).contains(&ranges.len()), "{before:?}");
    let (seqs, whole) = test.end();
    assert!(whole, "what is missing is named");
    let kinds = |wanted| seqs.iter().filter(move |(_, kind)| *kind == wanted);
    assert_eq!(kinds(Kind::Event).count(), 10, "no event is lost");
    let named: Vec<u64> = kinds(Kind::Dropped).map(|(seq, _)| *seq).collect();
    assert_eq!(named, ranges.iter().map(|(_, last)| *last).collect::<Vec<_>>());
    // The bound holds 40 of them; what was in the writer's hand counts as well.
    let kept = kinds(Kind::Reading).count();
    assert!((25..=40).contains(&kept), "{kept} of 90 readings kept");
}

#[test]
fn a_full_database_drops_readings_keeps_the_rest_and_recovers() {
    // The real SQLITE_FULL: the database may not grow, and is far below its quota.
    struct Limited(Store, Arc<Mutex<Option<u64>>>);
    impl StoreBackend for Limited {
        fn commit(&mut self, batch: &[Record]) -> Result<(), JournalError> {
            let pages = self.1.lock().unwrap().take();
            pages.map_or(Ok(()), |pages| self.0.limit_pages(pages))?;
            self.0.commit(batch)
        }
        fn upkeep(&mut self) -> Result<bool, JournalError> {
            self.0.upkeep()
        }
        fn recover(
            &mut self,
            after: &JournalError,
            next_seq: u64,
        ) -> Result<Option<String>, JournalError> {
            assert!(after.is_full(), "{after:?}");
            self.0.recover(after, next_seq)
        }
        fn close(&mut self) -> Result<(), JournalError> {
            self.0.close()
        }
    }
    let folder = TempDir::new().unwrap();
    let (store, _) = Store::open(folder.path(), Options::of_quota(1 << 26)).unwrap();
    let limit = Arc::new(Mutex::new(Some(30)));
    let (listener, events) = listener();
    let limited = Limited(store, Arc::clone(&limit));
    let journal = Journal::start(Box::new(limited), 1, listener).unwrap();
    let mut stored = 0;
    for seq in 1.. {
        journal.append(vec![reading(seq, 5000)], true).unwrap();
        match next(&events) {
            JournalEvent::Stored { upto } => stored = upto,
            JournalEvent::Failing { reason } => {
                assert!(reason.contains("full"), "{reason}");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((10..40).contains(&stored), "{stored}");
    *limit.lock().unwrap() = Some(10_000);
    until_stored(&events, stored + 1);
    journal.close();
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(report.is_whole() && report.records == stored + 1, "{report:?}");
}

#[test]
fn what_is_no_reading_is_refused_only_when_it_fills_the_memory_alone() {
    let mut pending = Pending::default();
    let chunk = JOURNAL_QUEUE_BYTES_MAX / 10;
    for seq in 1..=9 {
        pending.push(vec![reading(seq, chunk)]).unwrap();
    }
    for seq in 10..=18 {
        pending.push(vec![event(seq, chunk)]).unwrap();
    }
    assert_eq!(pending.push(vec![event(19, chunk)]), Err(Full));
    pending.push(vec![event(20, 10), reading(21, chunk)]).unwrap();
    let batch = pending.take();
    let seqs: Vec<_> = batch.records().iter().map(|record| (record.seq, record.kind)).collect();
    let mut expected: Vec<_> = (10..=18).map(|seq| (seq, Kind::Event)).collect();
    expected.extend([(20, Kind::Event), (21, Kind::Dropped)]);
    assert_eq!(seqs, expected);
    assert_eq!(batch.dropped(), Some((1, 21)));
}

/// One thing that happens to the queue.
#[derive(Clone, Debug)]
enum Act {
    Push { others: u8, readings: u8, size: u8 },
    Store,
    Fail,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..3_u8, 0..4_u8, 1..20_u8)
            .prop_map(|(others, readings, size)| Act::Push { others, readings, size }),
        1 => Just(Act::Store),
        2 => Just(Act::Fail),
    ]
}

proptest! {
    /// Whatever comes: memory is bounded, order is kept, and every sequence is either stored or
    /// inside a range that a record names.
    #[test]
    fn every_sequence_is_stored_or_named(acts in prop::collection::vec(any_act(), 1..80)) {
        const BYTES_MAX: usize = 100_000;
        let mut pending = Pending::new(BYTES_MAX);
        let mut seq = 0;
        let mut stored = Vec::new();
        let mut named = Vec::new();
        let mut refused = 0;
        let mut keep = |batch: &Batch| {
            for record in batch.records() {
                match record.entry().unwrap() {
                    Entry::Dropped { first, last, .. } => named.push(first..=last),
                    _ => stored.push(record.seq),
                }
            }
        };
        for act in acts {
            match act {
                Act::Push { others, readings, size } => {
                    let bytes = usize::from(size) * BYTES_MAX / 100;
                    let mut batch = Vec::new();
                    for place in 0..others + readings {
                        seq += 1;
                        let is_reading = place % 2 == 0 && place / 2 < readings;
                        let made = if is_reading { reading } else { event };
                        batch.push(made(seq, bytes));
                    }
                    refused += u32::from(pending.push(batch).is_err());
                }
                Act::Store => {
                    keep(&pending.take());
                    pending.stored();
                }
                Act::Fail => {
                    let batch = pending.take();
                    prop_assert!(batch.records().is_sorted_by_key(|record| record.seq));
                    pending.put_back(batch);
                }
            }
            prop_assert!(pending.bytes() <= BYTES_MAX);
        }
        keep(&pending.take());
        prop_assert!(stored.is_sorted());
        for seq in 1..=seq {
            let is_named = named.iter().any(|range| range.contains(&seq));
            let is_stored = stored.binary_search(&seq).is_ok();
            prop_assert!(is_stored || is_named, "{} ({} refused)", seq, refused);
        }
    }
}

#[test]
fn cursors_outlive_a_start_and_those_of_others_are_forgotten() {
    let folder = TempDir::new().unwrap();
    let options = Options::of_quota(16_000_000);
    let start = || {
        let (listener, events) = listener();
        let (journal, restored) = open(folder.path(), options, listener).unwrap();
        (journal, restored.cursors, events)
    };
    let (journal, cursors, _events) = start();
    assert!(cursors.is_empty());
    let handle = journal.cursors();
    handle.declare(&["one".into(), "two".into()]);
    handle.moved("one", 5);
    handle.moved("one", 3);
    journal.close();
    // After the end nobody takes it, and nothing happens.
    handle.moved("one", 9);
    let (journal, cursors, _events) = start();
    assert_eq!(cursors, [("one".into(), 5), ("two".into(), 0)]);
    journal.cursors().declare(&["two".into()]);
    journal.cursors().moved("two", 8);
    journal.close();
    let (_journal, cursors, _events) = start();
    assert_eq!(cursors, [("two".into(), 8)]);
}

//! Speed of the journal: appending with group commit, opening a full journal, reading it.
//! `cargo bench --bench journal`

#![expect(clippy::disallowed_methods, reason = "the channel of a test is read to its end")]

use std::sync::mpsc::{Receiver, channel};

use divan::counter::ItemsCount;
use outpost::clock::{ClockTrust, Now, Tick};
use outpost::domain::{Entry, Value};
use outpost::journal::{
    self, Filter, Journal, JournalEvent, Options, Reader, Record, Stamp, Store, StoreBackend,
};
use tempfile::TempDir;

/// Nothing is given up during a measurement.
const OPTIONS: Options = Options::of_quota(4_000_000_000);

fn main() {
    divan::main();
}

fn reading(seq: u64) -> Record {
    let entry = Entry::Reading { sensor: "air_temperature".into(), value: Value::Number(21.5) };
    let unix_ms = 1_787_000_000_000 + seq.cast_signed();
    let now = Now { tick: Tick(seq), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: 7, now }, &entry)
}

fn started(folder: &TempDir) -> (Journal, Receiver<JournalEvent>) {
    let (to, events) = channel();
    let listener = Box::new(move |event| drop(to.send(event)));
    let (journal, _) = journal::open(folder.path(), OPTIONS, listener).expect("a new journal");
    (journal, events)
}

fn until_stored(events: &Receiver<JournalEvent>, seq: u64) {
    for event in events {
        match event {
            JournalEvent::Stored { upto } if upto >= seq => return,
            JournalEvent::Stored { .. } => {}
            other => panic!("what was not stored does not count: {other:?}"),
        }
    }
}

/// A folder with `count` readings.
fn filled(count: u64) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let (mut store, _) = Store::open(folder.path(), OPTIONS).expect("a new journal");
    for first in (1..=count).step_by(10_000) {
        let batch: Vec<_> = (first..first + 10_000).map(reading).collect();
        store.commit(&batch).expect("a disk that works");
    }
    store.close().expect("a disk that works");
    folder
}

/// Readings made, handed over in batches of 10 as the agent does, and acknowledged as stored.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn append_and_commit_100_000(bencher: divan::Bencher<'_, '_>) {
    const COUNT: u64 = 100_000;
    bencher
        .counter(ItemsCount::new(COUNT))
        .with_inputs(|| TempDir::new().expect("a folder"))
        .bench_values(|folder| {
            let (journal, events) = started(&folder);
            for first in (1..=COUNT).step_by(10) {
                let batch = (first..first + 10).map(reading).collect();
                journal.append(batch, false).expect("a disk that works");
                if first % 20_000 == 1 {
                    // Faster than the disk for longer than this would drop readings.
                    until_stored(&events, first.saturating_sub(20_000));
                }
            }
            until_stored(&events, COUNT);
            (journal, folder)
        });
}

/// From an intent handed over to its acknowledgement: one sync of the disk.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn urgent_record_to_acknowledgement(bencher: divan::Bencher<'_, '_>) {
    let folder = TempDir::new().expect("a folder");
    let (journal, events) = started(&folder);
    let mut seq = 0;
    bencher.bench_local(|| {
        seq += 1;
        journal.append(vec![reading(seq)], true).expect("a disk that works");
        until_stored(&events, seq);
    });
}

/// What a start waits for: a million records are behind it.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn open_with_1_000_000_records(bencher: divan::Bencher<'_, '_>) {
    let folder = filled(1_000_000);
    bencher.bench_local(|| Store::open(folder.path(), OPTIONS).expect("opened").1.next_seq);
}

/// `log query` without a filter.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_100_000_records(bencher: divan::Bencher<'_, '_>) {
    const COUNT: u64 = 100_000;
    let folder = filled(COUNT);
    let reader = Reader::open(folder.path()).expect("there is a journal");
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        let mut count = 0;
        let read = reader.each(0, &Filter::default(), |record| {
            count += u64::from(record.entry().is_ok());
            true
        });
        read.map(|_| count)
    });
}

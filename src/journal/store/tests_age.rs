//! Retention by age: what goes, when, and what the journal says of it.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::clock::{Now, Tick};
use crate::domain::{Entry, Severity, Value};
use crate::journal::{Filter, Kind, Reader, Stamp};
use crate::limits::JOURNAL_AGE_STEP_MS;

const START_MS: i64 = 1_787_000_000_000;
const DAY_MS: u64 = 24 * 3600 * 1000;
/// A day's: more than half a file of the chain.
const READINGS: u64 = 4000;

fn at(seq: u64, mono_ms: u64, trust: ClockTrust, entry: &Entry) -> Record {
    let unix_ms = START_MS + i64::try_from(mono_ms).unwrap();
    let now = Now { tick: Tick(mono_ms), unix_ms, trust };
    Record::new(Stamp { seq, boot: 7, now }, entry)
}

/// Text that does not compress: each file of the chain is full soon.
fn reading(seq: u64, mono_ms: u64, trust: ClockTrust) -> Record {
    let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..16 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text.push_str(&format!("{state:016x}"));
    }
    at(seq, mono_ms, trust, &Entry::Reading { sensor: "air".into(), value: Value::Text(text) })
}

fn event(seq: u64, mono_ms: u64, trust: ClockTrust) -> Record {
    let text = format!("door {seq}");
    let entry = Entry::Event { kind: "door".into(), text, severity: Severity::Warning };
    at(seq, mono_ms, trust, &entry)
}

fn keep(readings_days: Option<u64>, rest_days: Option<u64>) -> Options {
    let ms = |days: Option<u64>| days.map(|days| days * DAY_MS);
    let keep = Keep { readings_ms: ms(readings_days), rest_ms: ms(rest_days) };
    Options { keep, ..Options::of_quota(16_000_000) }
}

/// A day's readings and events a day, for some days; upkeep after each.
fn days(store: &mut Store, days: u64, trust: ClockTrust) {
    for day in 0..days {
        let first = day * (READINGS + 1) + 1;
        let readings = (0..READINGS).map(|i| reading(first + i, day * DAY_MS + i, trust));
        let mut batch: Vec<_> = readings.collect();
        batch.push(event(first + READINGS, day * DAY_MS + 30_000, trust));
        store.commit(&batch).unwrap();
        while store.upkeep().unwrap() {}
    }
}

/// How many readings and events there are, and what the records of drops say.
fn left(folder: &Path) -> (usize, usize, Vec<(u64, u64, String)>) {
    let (mut readings, mut events, mut drops) = (0, 0, Vec::new());
    let reader = Reader::open(folder).unwrap();
    reader
        .each(0, &Filter::default(), |record| {
            match record.entry().unwrap() {
                Entry::Dropped { first, last, reason } => drops.push((first, last, reason)),
                _ if record.kind == Kind::Reading => readings += 1,
                _ => events += 1,
            }
            true
        })
        .unwrap();
    assert!(reader.verify().unwrap().is_whole());
    assert!(reader.verify_audit(None).unwrap().broken.is_none());
    (readings, events, drops)
}

#[test]
fn old_readings_go_file_by_file_and_what_matters_stays() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), keep(Some(3), None)).unwrap();
    days(&mut store, 12, ClockTrust::Synced);
    let lost = store.lost();
    drop(store);
    let (readings, events, drops) = left(folder.path());
    assert_eq!(events, 12, "each day's event");
    assert!(
        (3 * READINGS as usize..6 * READINGS as usize).contains(&readings),
        "{readings} readings of four days and a file"
    );
    assert_eq!(readings as u64 + lost.by_age, 12 * READINGS + missing_events(&drops, lost.by_age));
    let [(first, _, reason)] = &drops[..] else { panic!("one range: {drops:?}") };
    assert_eq!(*first, 1);
    assert!(reason.ends_with(" records, readings older than 3 days"), "{reason}");
}

/// Events that were counted with their file and live on beside the chain.
fn missing_events(drops: &[(u64, u64, String)], by_age: u64) -> u64 {
    let range: u64 = drops.iter().map(|(first, last, _)| last - first + 1).sum();
    // An event at the end of a file is there, and the range ends before it.
    assert!((range..=range + 1).contains(&by_age), "{by_age} records went, {range} are named");
    by_age / (READINGS + 1)
}

#[test]
fn what_matters_goes_when_it_is_told_to_and_the_chain_of_hashes_holds() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), keep(Some(2), Some(5))).unwrap();
    days(&mut store, 12, ClockTrust::Synced);
    drop(store);
    let (_, events, drops) = left(folder.path());
    assert!((5..=7).contains(&events), "{events} events of the last days");
    assert!(drops.iter().any(|(_, _, reason)| reason == "older than 5 days"), "{drops:?}");
}

#[test]
fn nothing_goes_by_a_clock_that_is_not_trusted_and_little_by_one_that_jumps() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), keep(Some(1), None)).unwrap();
    days(&mut store, 5, ClockTrust::Unset);
    assert_eq!(store.lost().by_age, 0);
    drop(store);

    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), keep(Some(30), Some(30))).unwrap();
    days(&mut store, 5, ClockTrust::Synced);
    let files = chain::list(folder.path()).unwrap().len();
    // Twenty years later for nine minutes, and back.
    let (mut seq, mono) = (200_000, 5 * DAY_MS);
    for minute in 0..9 {
        let mut record = event(seq, mono + minute * 60_000, ClockTrust::Synced);
        record.unix_ms += 20 * 365 * i64::try_from(DAY_MS).unwrap();
        store.commit(&[record]).unwrap();
        while store.upkeep().unwrap() {}
        seq += 1;
    }
    const { assert!(JOURNAL_AGE_STEP_MS > 9 * 60_000) };
    for minute in 9..60 {
        store.commit(&[event(seq, mono + minute * 60_000, ClockTrust::Synced)]).unwrap();
        while store.upkeep().unwrap() {}
        seq += 1;
    }
    let left = chain::list(folder.path()).unwrap().len();
    assert!(left + 1 >= files, "{left} of {files} files: one at most");
}

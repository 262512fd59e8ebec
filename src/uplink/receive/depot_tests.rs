//! Each record once, whatever comes in whatever order.

use super::*;
use crate::clock::{Now, Tick};
use crate::domain::{Entry, Value};
use crate::journal::{Record, Stamp};
use crate::uplink::batch::{self, Packer};

struct Sending {
    depot: Depot,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn device(name: &str) -> DeviceName {
    name.parse().unwrap()
}

fn record(boot: u64, seq: u64, trust: ClockTrust) -> Record {
    let unix_ms = match trust {
        ClockTrust::Synced => 1_787_000_000_000 + seq.cast_signed() * 1000,
        _ => seq.cast_signed() * 1000,
    };
    let now = Now { tick: Tick(seq * 1000), unix_ms, trust };
    let entry = Entry::Reading { sensor: "air".into(), value: Value::Number(21.5) };
    Record::new(Stamp { seq, boot, now }, &entry)
}

fn batch(boot: u64, after: u64, last: u64) -> Batch {
    let records: Vec<_> =
        (after + 1..=last).map(|seq| record(boot, seq, ClockTrust::Synced)).collect();
    packed(Head { after, last, boot, ..Head::default() }, &records)
}

fn packed(head: Head, records: &[Record]) -> Batch {
    batch::decode(&Packer::default().pack(&head, records)).unwrap()
}

impl Sending {
    fn new() -> Sending {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.sqlite");
        Sending { depot: Depot::open(&path).unwrap(), _folder: folder, path }
    }

    /// What the device is told.
    fn send(&mut self, name: &str, batch: Batch) -> (u64, u64) {
        let words = self.depot.store(&[(device(name), batch)]).unwrap();
        let place = words[&device(name)].place;
        (place.seq, place.boot)
    }

    fn again(&mut self) {
        self.depot = Depot::open(&self.path).unwrap();
    }

    fn seqs(&self, name: &str) -> Vec<(String, u64)> {
        let sql = "SELECT boot, seq FROM records WHERE device = ?1 ORDER BY boot, seq";
        let mut statement = self.depot.connection.prepare(sql).unwrap();
        let rows = statement.query_map([name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }
}

#[test]
fn repeats_are_dropped_and_gaps_wait() {
    let mut sending = Sending::new();
    assert_eq!(sending.send("a", batch(7, 0, 10)), (10, 7));
    assert_eq!(sending.send("a", batch(7, 20, 30)), (10, 7), "what lies between is missing");
    assert_eq!(sending.send("a", batch(7, 5, 20)), (20, 7));
    assert_eq!(sending.send("b", batch(9, 0, 3)), (3, 9));
    sending.again();
    assert_eq!(sending.depot.words().len(), 2);
    assert_eq!(sending.send("a", batch(7, 20, 30)), (30, 7));
    assert_eq!(sending.send("a", batch(7, 0, 10)), (30, 7));
    let all: Vec<_> = (1..=30).map(|seq| (format!("{:016x}", 7), seq)).collect();
    assert_eq!(sending.seqs("a"), all);
    let totals = sending.depot.totals();
    assert_eq!((totals.records, totals.repeats, totals.gaps, totals.devices), (10, 10, 0, 2));
}

#[test]
fn a_probe_is_said_back_and_a_copy_moves_nothing() {
    let mut sending = Sending::new();
    let head = Head { after: 0, last: 1, boot: 7, probe: 300, ..Head::default() };
    let one = [record(7, 1, ClockTrust::Synced)];
    sending.send("a", packed(head, &one));
    let ahead = Head { after: 98, last: 99, boot: 7, ahead: true, ..Head::default() };
    assert_eq!(sending.send("a", packed(ahead, &[record(7, 99, ClockTrust::Synced)])), (1, 7));
    sending.again();
    let words = sending.depot.words();
    assert_eq!((words[0].1.probe, words[0].1.place.seq), (Some(300), 1));
    assert_eq!(sending.send("a", batch(7, 1, 100)), (100, 7));
    assert_eq!(sending.seqs("a").len(), 100);
    assert_eq!(sending.depot.totals().repeats, 1);
}

#[test]
fn a_receiver_that_begins_late_takes_what_is_still_to_come() {
    let mut sending = Sending::new();
    let head = Head { after: 60, last: 70, boot: 7, cursor: 50, ..Head::default() };
    let some: Vec<_> = (61..=70).map(|seq| record(7, seq, ClockTrust::Synced)).collect();
    assert_eq!(sending.send("a", packed(head, &some)), (50, 0), "51 to 60 are on their way");
    assert_eq!(sending.send("a", batch(7, 50, 60)), (60, 7));
    assert_eq!(sending.send("a", packed(head, &some)), (70, 7));
    assert_eq!(sending.seqs("a").len(), 20);
}

#[test]
fn a_device_with_a_new_card_begins_anew() {
    let mut sending = Sending::new();
    assert_eq!(sending.send("a", batch(7, 0, 1000)), (1000, 7));
    assert_eq!(sending.send("a", batch(8, 0, 1)), (1, 8));
    assert_eq!(sending.send("a", batch(8, 1, 20)), (20, 8));
    let late = sending.send("a", batch(7, 500, 510));
    assert_eq!(late, (20, 8), "of the life before");
    assert_eq!(sending.seqs("a").len(), 1020);
}

#[test]
fn times_are_repaired_once_the_clock_is_known() {
    let mut sending = Sending::new();
    let some = [record(7, 1, ClockTrust::Unset), record(7, 2, ClockTrust::Synced)];
    sending.send("a", packed(Head { last: 2, boot: 7, ..Head::default() }, &some));
    let sql = "SELECT at, at_is_trusted, body FROM records ORDER BY seq";
    let mut statement = sending.depot.connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, String>(2)?))
    });
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    let body = r#"{"sensor":"air","value":21.5}"#.to_owned();
    let at = |second: &str| format!("2026-08-17T20:53:{second}.000Z");
    assert_eq!(rows[0], (at("21"), true, body.clone()));
    assert_eq!(rows[1], (at("22"), true, body));
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(matches!(Depot::open(&path), Err(DepotError::Foreign { .. })));
}

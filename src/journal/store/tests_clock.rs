//! Records of a board whose wall clock does what clocks of boards do: 1970 at the start, twenty
//! years ahead and back, a hundred small steps. The real clock's own judgement, and the real store.

use tempfile::TempDir;

use super::*;
use crate::clock::Now;
use crate::clock::RealClock;
use crate::domain::{Decider, Entry, Setting, StepState, Value};
use crate::journal::{Filter, Reader, Stamp};

/// The true time at the start of the machine, in milliseconds since 1970: a day in November 2026.
const TRUE_MS: i64 = 1_795_000_000_000;
const YEARS_20_MS: i64 = 20 * 365 * 24 * 3600 * 1000;

/// What the board's clock is off by at a second of this boot, and whether the kernel says that its
/// time service has set it.
fn clock_at(second: i64) -> (i64, bool) {
    match second {
        // No battery: it begins at 1970 and is set by the network after five minutes.
        0..300 => (-TRUE_MS, false),
        300..1000 => (0, true),
        // Somebody, or a wrong server, for a minute.
        1000..1060 => (YEARS_20_MS, false),
        1060..2000 => (0, false),
        // A hundred steps to and fro, each too small to be a jump.
        2000..2200 => (if second % 4 < 2 { 900 } else { -900 }, false),
        _ => (0, false),
    }
}

#[test]
fn whatever_the_wall_clock_does_the_order_stands_and_the_times_are_right_after_the_sync() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), Options::of_quota(64_000_000)).unwrap();
    let clock = RealClock::of_parts(0, TRUE_MS - 1_000_000_000, clock_at(0).0 + TRUE_MS);
    let mut trusted = 0;
    for second in 0..2400 {
        let boot_ms = second * 1000;
        let (off_ms, synced) = clock_at(second);
        let now = clock.judge(boot_ms, TRUE_MS + boot_ms + off_ms, || synced);
        trusted += i32::from(now.trust == ClockTrust::Synced);
        let entry = Entry::Reading { sensor: "air".into(), value: Value::Number(second as f64) };
        let seq = second.cast_unsigned() + 1;
        store.commit(&[Record::new(Stamp { seq, boot: 9, now }, &entry)]).unwrap();
    }
    drop(store);
    let reader = Reader::open(folder.path()).unwrap();
    assert!(reader.verify().unwrap().is_whole());
    let mut second = 0_i64;
    reader
        .each(0, &Filter::default(), |record| {
            assert_eq!(record.seq, second.cast_unsigned() + 1, "order and count");
            let wanted =
                Entry::Reading { sensor: "air".into(), value: Value::Number(second as f64) };
            assert_eq!(record.entry().unwrap(), wanted);
            let apart = record.unix_ms - (TRUE_MS + second * 1000);
            assert!(apart.abs() <= 900, "second {second}: {apart} ms apart, {:?}", record.trust);
            second += 1;
            true
        })
        .unwrap();
    assert_eq!(second, 2400);
    assert!(
        (1400..1900).contains(&trusted),
        "{trusted}: not before the sync, nor around the jumps"
    );
}

/// A step of the fan in a boot, at a second of it by a clock.
fn fan(seq: u64, boot: u64, second: u64, trust: ClockTrust, state: StepState) -> Record {
    let (actuator, setting, cause) = ("fan".to_owned(), Setting::On, format!("cause {seq}"));
    let by = Decider::Rule;
    let entry = Entry::Step { actuator, setting, state, by, cause, off_after_ms: None };
    let passed_ms = second.cast_signed() * 1000;
    let unix_ms = passed_ms + if trust == ClockTrust::Synced { TRUE_MS } else { 0 };
    let now = Now { tick: crate::clock::Tick(second * 1000), unix_ms, trust };
    Record::new(Stamp { seq, boot, now }, &entry)
}

#[test]
fn the_last_moves_come_back_with_the_times_that_a_clock_told_later() {
    use ClockTrust::{Synced, Unset};
    use StepState::{Confirmed, Intended, Refused};
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), Options::of_quota(64_000_000)).unwrap();
    let most = crate::limits::MOVES_KEPT_MAX as u64;
    for seq in 1..=most {
        store.commit(&[fan(seq, 1, seq, Synced, Intended)]).unwrap();
    }
    let (second, third) = (most + 1, most + 6);
    store
        .commit(&[
            fan(second, 2, 100, Unset, Intended),
            fan(second + 1, 2, 101, Unset, Confirmed),
            fan(second + 2, 2, 160, Synced, Intended),
            fan(second + 3, 2, 161, Synced, Refused),
        ])
        .unwrap();
    store.commit(&[fan(third, 3, 5, Unset, Intended)]).unwrap();
    drop(store);
    let (_store, restored) = Store::open(folder.path(), Options::of_quota(64_000_000)).unwrap();
    let moves = restored.moves;
    assert_eq!((moves.len() as u64, moves[0].seq), (most, 4), "the oldest are forgotten");
    assert!(moves.is_sorted_by_key(|one| one.seq));
    let last: Vec<_> = moves.iter().rev().take(3).map(|one| (one.seq, one.unix_ms)).collect();
    let known = |second: i64| Some(TRUE_MS + second * 1000);
    assert_eq!(last, [(third, None), (second + 2, known(160)), (second, known(100))]);
    assert!(moves.iter().all(|one| !one.unproven));
    let one = moves.last().expect("some");
    assert_eq!((&*one.actuator, &one.setting, &*one.cause), ("fan", &Setting::On, "cause 70"));
}

#[test]
fn a_move_that_no_device_confirmed_comes_back_as_such() {
    use ClockTrust::Synced;
    use StepState::{Confirmed, Intended, Sent, Unconfirmed};
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), Options::of_quota(64_000_000)).unwrap();
    let states = [Intended, Sent, Confirmed, Intended, Sent, Unconfirmed, Intended, Sent];
    let all: Vec<_> =
        (1..).zip(states).map(|(seq, state)| fan(seq, 1, seq, Synced, state)).collect();
    store.commit(&all).unwrap();
    drop(store);
    let (_store, restored) = Store::open(folder.path(), Options::of_quota(64_000_000)).unwrap();
    let told: Vec<_> = restored.moves.iter().map(|one| (one.seq, one.unproven)).collect();
    assert_eq!(told, [(1, false), (4, true), (7, false)]);
}

//! The governor under chosen and random senses: what it takes at once, what it gives back late.

use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::board::Profiles;

fn limits() -> Limits {
    Profiles::embedded().find("rpi5").expect("rpi5").limits
}

fn hot(celsius: f64) -> Senses {
    Senses { celsius: Some(celsius), ..Senses::default() }
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CALM: u64 = GOVERNOR_CALM_MS_MIN / 1000;

#[test]
fn heat_takes_at_once_and_is_given_back_step_by_step() {
    let mut governor = Governor::new(limits());
    assert_eq!(governor.look(&hot(74.9), s(0)), None);
    let change = governor.look(&hot(75.0), s(1)).expect("saving");
    assert_eq!((change.effort, change.memory), (Effort::Saving, false));
    assert!(change.reason.contains("75.0 °C"), "{}", change.reason);
    assert_eq!(governor.look(&hot(82.0), s(2)).map(|one| one.effort), Some(Effort::ReflexOnly));
    // Within the margin nothing is given back, however long it lasts.
    assert_eq!(governor.look(&hot(78.0), s(5_000)), None);
    assert_eq!(governor.look(&hot(76.9), s(5_001)), None, "calm begins");
    assert_eq!(governor.look(&hot(76.9), s(5_000 + CALM)), None);
    let better = governor.look(&hot(76.9), s(5_001 + CALM)).expect("one step");
    assert_eq!(better.effort, Effort::Saving);
    assert_eq!(governor.look(&hot(60.0), s(5_002 + CALM)), None);
    let better = governor.look(&hot(60.0), s(5_002 + 2 * CALM)).expect("the other step");
    assert_eq!(better.effort, Effort::Full);
}

#[test]
fn a_relapse_doubles_the_patience() {
    let mut governor = Governor::new(limits());
    let mut at = 0;
    let mut waits = Vec::new();
    for _ in 0..10 {
        at += 1;
        assert!(governor.look(&hot(76.0), s(at)).is_some());
        let from = at;
        while governor.look(&hot(50.0), s(at)).is_none() {
            at += 1;
        }
        waits.push(at - from);
    }
    let most = GOVERNOR_CALM_MS_MAX / 1000;
    assert_eq!(waits[..4], [CALM, 2 * CALM, 4 * CALM, 8 * CALM]);
    assert_eq!(waits[9], most);
    // After a long time without one it begins anew.
    at += GOVERNOR_RELAPSE_MS / 1000;
    assert!(governor.look(&hot(76.0), s(at)).is_some());
    assert!(governor.look(&hot(50.0), s(at)).is_none());
    assert!(governor.look(&hot(50.0), s(at + CALM)).is_some());
}

#[test]
fn each_sense_has_its_word() {
    let of = |senses: Senses| {
        let change = Governor::new(limits()).look(&senses, s(0));
        change.map(|change| (change.effort, change.memory))
    };
    let none = Senses::default();
    assert_eq!(of(none.clone()), None);
    let memory = |share| Senses { memory_available: Some(share), ..none.clone() };
    assert_eq!(of(memory(50.0)), None);
    assert_eq!(of(memory(8.0)), Some((Effort::Saving, true)));
    assert_eq!(of(memory(3.0)), Some((Effort::ReflexOnly, true)));
    let pressure = |some, full| Senses { memory_pressure: Some((some, full)), ..none.clone() };
    assert_eq!(of(pressure(10.0, 10.0)), None);
    assert_eq!(of(pressure(25.0, 0.0)), Some((Effort::Saving, true)));
    assert_eq!(of(pressure(25.0, 25.0)), Some((Effort::ReflexOnly, true)));
    let load = |load| Senses { load: Some(load), ..none.clone() };
    assert_eq!(of(load(1.9)), None);
    assert_eq!(of(load(9.0)), Some((Effort::Saving, false)));
    let disk = |bytes| Senses { disk_free_bytes: Some(bytes), ..none.clone() };
    assert_eq!(of(disk(1 << 30)), None);
    assert_eq!(of(disk(1 << 20)), Some((Effort::Saving, false)));
    let flags = Senses { throttled: Some("under-voltage".into()), ..none };
    assert_eq!(of(flags), Some((Effort::Saving, false)));
}

/// Senses around all limits, some of them missing.
fn senses() -> impl Strategy<Value = Senses> {
    let pressure = of((0.0..40.0f64, 0.0..40.0f64));
    let throttled = of(Just("under-voltage".to_owned()));
    (of(40.0..95.0f64), of(0.0..30.0f64), pressure, throttled, of(0.0..4.0f64)).prop_map(
        |(celsius, memory_available, memory_pressure, throttled, load)| Senses {
            celsius,
            memory_available,
            memory_pressure,
            throttled,
            load,
            disk_free_bytes: None,
        },
    )
}

proptest! {
    /// Never less effort than the limits ask for, never more given back than a step, never sooner
    /// than the calm, and never while a sense is within its margin.
    #[test]
    fn it_takes_at_once_and_gives_back_late(
        looks in proptest::collection::vec((senses(), 1u64..40, 1usize..30), 1..40),
    ) {
        let mut governor = Governor::new(limits());
        let (mut at, mut last) = (0, Effort::Full);
        let mut restless: Option<u64> = None;
        for (senses, step, times) in looks {
            for _ in 0..times {
                at += step;
                let (wanted, held) = governor.wishes(&senses).iter().fold(
                    (Effort::Full, Effort::Full),
                    |(w, h), wish| (w.max(wish.wanted), h.max(wish.held)),
                );
                prop_assert!(held >= wanted);
                let change = governor.look(&senses, s(at));
                let now = governor.effort();
                prop_assert!(now >= wanted, "a limit is passed and nothing is taken");
                prop_assert_eq!(change.is_some(), now != last);
                if now < last {
                    prop_assert!(held < last, "given back within the margin");
                    prop_assert_eq!(last as u8 - now as u8, 1);
                    if let Some(since) = restless {
                        prop_assert!(at - since >= CALM, "given back after {} s", at - since);
                    }
                }
                if now != last || held >= now {
                    restless = Some(at);
                }
                last = now;
            }
        }
    }

    /// However the senses go up and down, there are few changes in an hour.
    #[test]
    fn it_does_not_flap(celsius in proptest::collection::vec(40.0..95.0f64, 1800)) {
        let mut governor = Governor::new(limits());
        let changes = celsius.iter().enumerate().filter(|(index, celsius)| {
            governor.look(&hot(**celsius), s(2 * *index as u64)).is_some()
        });
        // At most two up for each one down, and each one down takes a calm of its own.
        let most = 3 * (3600 / CALM as usize + 1);
        prop_assert!(changes.count() <= most);
    }
}

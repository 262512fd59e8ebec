//! What the filters have learned survives a restart, and nothing that does not fit does.

use super::remembered::Remembered;
use super::tests::*;
use super::*;
use crate::domain::*;

const FAN: ActuatorId = ActuatorId(0);

/// A room that the fan cools by half a degree a minute, with readings that tremble; it is switched
/// by hand each ten minutes.
fn lived(minutes: u64) -> Bench {
    lived_in(room(), minutes)
}

fn lived_in(room: crate::config::Config, minutes: u64) -> Bench {
    let mut bench = Bench::new(room).up();
    let mut value = 22.0;
    for tick in 0..minutes * 6 {
        let on = (tick / 60) % 2 == 1;
        if tick % 60 == 0 {
            bench.on(set(&format!("s{tick}"), 0, on));
        }
        value += if on { -0.5 / 6.0 } else { 0.4 / 6.0 };
        let noise = if tick % 3 == 0 { 0.05 } else { -0.02 };
        bench.pass(10);
        bench.on(reading(1, 0.0));
        bench.on(reading(0, value + noise));
    }
    bench
}

fn memories(effects: &[Effect]) -> Vec<Memory> {
    let all = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry: Entry::Memory(memory), .. } => Some(memory.clone()),
        _ => None,
    });
    all.collect()
}

fn said(effects: &[Effect]) -> Vec<String> {
    let all = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry: Entry::Event { kind, text, .. }, .. } if kind == "learning" => {
            Some(text.clone())
        }
        _ => None,
    });
    all.collect()
}

fn filter(bench: &Bench) -> &filter::Filter {
    bench.agent.world().sensor(SensorId(0)).filter().expect("of a number")
}

fn again(config: crate::config::Config, memories: Vec<Memory>) -> Bench {
    Bench::resumed(config, Resumed { next_seq: 1000, memories, ..Resumed::default() })
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * other.abs()
}

#[test]
fn what_was_learned_is_the_same_after_a_restart_and_what_is_now_begins_anew() {
    let mut bench = lived(60);
    let effects = bench.on(Event::Stop);
    let mut kept = Remembered::default();
    for effect in &effects {
        if let Effect::Record { entry, .. } = effect {
            kept.take(entry, bench.now);
        }
    }
    let resumed = kept.resumed(&room(), bench.now);
    let next = Bench::resumed(room(), Resumed { next_seq: 1000, ..resumed });
    let (before, after, fresh) =
        (filter(&bench), filter(&next), filter(&Bench::new(room())).clone());
    let [effect, variance] = before.learned_of(FAN).expect("declared");
    let [first, doubt] = fresh.learned_of(FAN).expect("declared");
    assert!(!near(effect, first) && variance < doubt / 2.0, "{effect} {variance} {first} {doubt}");
    for id in [0, 1, 2].map(ActuatorId) {
        // What seems to do nothing is believed in again.
        let kept = if before.believes_little(id) { fresh.clone() } else { before.clone() };
        let (was, is) = (kept.learned_of(id).expect("known"), after.learned_of(id).expect("known"));
        assert!(near(is[0], was[0]) && near(is[1], was[1]), "{id:?}: {is:?} instead of {was:?}");
    }
    // What is not learned: nothing is known of now before a reading.
    assert_eq!((after.estimate(next.now.tick), after.learned()), (None, None));
    let mut next = next;
    next.pass(10);
    next.on(reading(0, 30.0));
    let now = filter(&next).estimate(next.now.tick).expect("read");
    assert_eq!((now.value, now.slope), (30.0, 0.0));
    let (was, is) =
        (filter(&bench).learned().expect("read"), filter(&next).learned().expect("read"));
    assert_eq!(is, was, "noise and restlessness");
    assert_eq!(said(&next.effects), [""; 0]);
}

#[test]
fn a_device_that_did_nothing_is_believed_in_again_after_a_restart() {
    let mut written = memories(&lived(60).on(Event::Stop));
    let fan = written.iter_mut().find(|one| one.of == "effect: fan").expect("written");
    fan.numbers = vec![Some(-1e-9), Some(1e-12)];
    let (bench, fresh) = (again(room(), written), Bench::new(room()));
    assert_eq!(filter(&bench).learned_of(FAN), filter(&fresh).learned_of(FAN));
    assert_eq!(said(&bench.effects), [""; 0]);
}

#[test]
fn it_is_written_each_six_hours_too_and_of_few_sensors() {
    let mut bench = Bench::new(room()).up();
    let effects = bench.steady(22.0, 6 * 3600 - 60);
    assert_eq!(memories(&effects), []);
    let found = memories(&bench.steady(22.0, 120));
    let of: Vec<&str> = found.iter().map(|one| one.of.as_str()).collect();
    assert_eq!(of, ["filter", "effect: fan", "effect: chiller", "effect: heater"]);
    // Smoke has neither a goal nor an effect.
    assert!(found.iter().all(|one| one.sensor == "temperature"));
}

#[test]
fn what_does_not_fit_any_more_is_said_once_and_left() {
    let kept = memories(&lived(30).on(Event::Stop));
    let (mut without, mut turned, mut unlearned) = (room(), room(), room());
    without.actuators[0].name = "blower".into();
    turned.actuators[0].effects[0].1 = 1.0;
    unlearned.sensors[0].learn = false;
    let mut gone = room();
    gone.sensors[0].name = "warmth".into();
    for (config, why, count) in [
        (without, "fan to temperature: there is no such actuator any more", 1),
        (turned, "fan to temperature: the configuration was changed", 1),
        (unlearned, "temperature: it is not to be learned", 4),
        (gone, "temperature: there is no such sensor any more", 4),
    ] {
        let bench = again(config.clone(), kept.clone());
        let texts = said(&bench.effects);
        assert_eq!(texts.len(), 1, "{why}: {texts:?}");
        assert!(texts[0].contains(why), "{why}: {texts:?}");
        let first = Bench::new(config.clone());
        assert_eq!(filter(&bench).learned_of(FAN), filter(&first).learned_of(FAN), "{why}");
        // Empty records take their place: the next start has nothing to say.
        let empty = memories(&bench.effects);
        assert!(empty.len() == count && empty.iter().all(|one| one.numbers.is_empty()));
        assert_eq!(said(&again(config, empty).effects), [""; 0]);
    }
}

/// With `learn = false` what devices do to a sensor stays what the file declares.
#[test]
fn of_what_is_not_to_be_learned_effects_are_not_learned() {
    let mut config = room();
    config.sensors[0].learn = false;
    let first = filter(&Bench::new(config.clone())).effect(FAN);
    assert!(first < 0.0);
    assert_eq!(filter(&lived_in(config, 60)).effect(FAN), first);
    assert_ne!(filter(&lived(60)).effect(FAN), first);
}

#[test]
fn what_is_damaged_is_left_and_the_rest_taken() {
    let kept = memories(&lived(30).on(Event::Stop));
    let fresh = Bench::new(room());
    for numbers in [
        vec![Some(f64::NAN), Some(1.0)],
        vec![Some(f64::INFINITY), Some(1.0)],
        vec![Some(1.0), Some(-1.0)],
        vec![Some(1.0)],
        vec![Some(1.0), None],
        vec![Some(1.0), Some(1.0), Some(1.0)],
    ] {
        for of in ["filter", "effect: fan"] {
            let mut kept = kept.clone();
            let one = kept.iter_mut().find(|one| one.of == of).expect("kept");
            one.numbers.clone_from(&numbers);
            let mut bench = again(room(), kept);
            let texts = said(&bench.effects);
            assert!(texts.len() == 1 && texts[0].contains("it cannot be read"), "{texts:?}");
            let is_first = filter(&bench).learned_of(FAN) == filter(&fresh).learned_of(FAN);
            assert_eq!(is_first, of != "filter", "{of} {numbers:?}");
            bench.on(reading(0, 20.0));
            assert!(bench.agent.value_of(SensorId(0)).is_some());
        }
    }
    // Neither a journal without any, nor other records of a sensor.
    let other = Memory { sensor: "temperature".into(), of: "silent".into(), ..Memory::default() };
    assert_eq!(said(&again(room(), vec![other]).effects), [""; 0]);
}

//! Which readings are written down, and that the world hears of all of them.

use std::time::Duration;

use super::tests::{Bench, reading, room, set};
use super::*;
use crate::config::{Config, SensorKind, Thin};
use crate::domain::{Entry, SensorId, Value};

/// A room whose temperature is thinned, without goals that would do something about it.
fn place(change: f64) -> Bench {
    let mut config: Config = room();
    config.goals.clear();
    config.mind = None;
    config.sensors[0].record = Some(Thin { change, every: Duration::from_secs(300) });
    let mut bench = Bench::new(config).up();
    // The devices' start matters, and is over.
    bench.steady(20.0, 100);
    bench
}

/// What was written of the first sensor.
fn written(effects: &[Effect]) -> Vec<f64> {
    let numbers = effects.iter().filter_map(|effect| match effect {
        Effect::Record {
            entry: Entry::Reading { sensor, value: Value::Number(number) }, ..
        } if sensor == "temperature" => Some(*number),
        _ => None,
    });
    numbers.collect()
}

fn say(bench: &mut Bench, seconds: u64, value: f64) -> Vec<f64> {
    bench.pass(seconds);
    // A silent sensor would be something that matters.
    bench.on(reading(1, 0.0));
    written(&bench.on(reading(0, value)))
}

#[test]
fn a_change_is_written_and_one_reading_now_and_then() {
    let mut bench = place(0.5);
    let before = bench.agent.counters();
    assert!(written(&bench.effects).contains(&20.0), "the first");
    assert_eq!(say(&mut bench, 10, 20.4), [0.0; 0]);
    assert_eq!(say(&mut bench, 10, 20.5), [20.5], "so much apart from the last written one");
    for _ in 0..29 {
        assert_eq!(say(&mut bench, 10, 20.7), [0.0; 0]);
    }
    assert_eq!(say(&mut bench, 10, 20.7), [20.7], "300 s later");
    let after = bench.agent.counters();
    assert_eq!(after.readings - before.readings, 2 * 32);
    assert_eq!(after.thinned - before.thinned, 30);
    // The world has heard of each.
    say(&mut bench, 10, 20.9);
    let known = bench.agent.world.sensors[0].known(Duration::from_secs(10), bench.now.tick);
    assert_eq!(known, Some(&Value::Number(20.9)));
    // Another sensor is none of this.
    for _ in 0..3 {
        bench.pass(10);
        let effects = bench.on(reading(1, 0.0));
        assert!(matches!(effects[0], Effect::Record { .. }), "{effects:?}");
    }
}

#[test]
fn everything_is_written_around_what_matters() {
    let mut bench = place(5.0);
    assert_eq!(say(&mut bench, 10, 21.0), [0.0; 0]);
    // Somebody asks for something: how it was stands before the command.
    bench.pass(1);
    let effects = bench.on(set("a", 2, true));
    assert_eq!(written(&effects), [21.0], "once, however much matters");
    let place = |wanted: fn(&Entry) -> bool| {
        effects
            .iter()
            .position(|effect| matches!(effect, Effect::Record { entry, .. } if wanted(entry)))
    };
    let (held, asked) = (
        place(|entry| matches!(entry, Entry::Reading { .. })),
        place(|entry| matches!(entry, Entry::Command { .. })),
    );
    assert!(held.is_some() && held < asked, "{effects:?}");
    let after: Vec<f64> = (0..8).flat_map(|_| say(&mut bench, 10, 21.5)).collect();
    assert_eq!(after.len(), 5, "for the minute that began with the command and the step");
}

#[test]
fn a_word_is_written_when_it_changes_and_a_days_count_is_said() {
    let mut config = room();
    config.goals.clear();
    config.rules.clear();
    config.sensors[1].kind = SensorKind::Bool;
    config.sensors[1].record = Some(Thin { change: 0.0, every: Duration::from_secs(90_000) });
    let mut bench = Bench::new(config).up();
    let mut written = 0;
    let mut said = Vec::new();
    for hour in 0..50 {
        bench.pass(3600);
        let value = Ok(Value::Bool(hour >= 10));
        let effects = bench.on(Event::Reading { sensor: SensorId(1), value, retained: false });
        for effect in effects {
            match effect {
                Effect::Record { entry: Entry::Reading { sensor, .. }, .. } => {
                    written += u32::from(sensor == "smoke");
                }
                Effect::Record { entry: Entry::Event { kind, text, .. }, .. }
                    if kind == "thinned" =>
                {
                    said.push(text);
                }
                _ => {}
            }
        }
    }
    assert_eq!(written, 3, "the first, the change, and one 25 hours later");
    assert_eq!(
        said,
        [
            "22 of a day's 24 readings were not written down",
            "23 of a day's 24 readings were not written down"
        ]
    );
}

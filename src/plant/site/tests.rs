//! Every described place as whoever looks after it meets it: does its configuration fit, do its
//! devices do what that says, is it hard enough, does the same seed give the same days?

use std::collections::BTreeSet;

use super::super::{Kind, left_alone};
use super::*;
use crate::config::{self, Aim, Config, Strictness};

fn described() -> impl Iterator<Item = (Kind, &'static Spec)> {
    Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.spec()?)))
}

fn configured(kind: Kind) -> Config {
    let read = config::from_text(kind.config(), kind.word(), &[], Strictness::Check);
    read.unwrap_or_else(|faults| panic!("{}: {faults}", kind.word())).0
}

#[test]
fn each_configuration_is_that_of_its_place() {
    for (kind, spec) in described() {
        let config = configured(kind);
        let mut site = Site::new(spec, 1);
        let topics: BTreeSet<_> = site.command_topics().into_iter().collect();
        let stated = config.actuators.iter().filter_map(|one| one.port.topic().map(str::to_owned));
        assert_eq!(topics, stated.collect());
        site.advance(Duration::from_secs(300));
        let said: BTreeSet<_> = site.due_messages().into_iter().map(|one| one.topic).collect();
        let topics = config.sensors.iter().filter_map(|one| one.port()?.topic().map(str::to_owned));
        let mut heard: BTreeSet<String> = topics.collect();
        heard.extend(config.actuators.iter().filter_map(|one| one.state_topic.clone()));
        assert_eq!(said, heard);
        assert_eq!(config.goals.len(), spec.goals.len());
        for (stated, judged) in config.goals.iter().zip(spec.goals) {
            assert_eq!((stated.name.as_str(), stated.weight), (judged.name, judged.weight));
            let Aim::Keep { sensor, min, max } = &stated.aim else { panic!("{stated:?}") };
            let sensor = &config.sensors[usize::from(sensor.0)];
            assert_eq!(sensor.name, spec.sensors[judged.sensor].name);
            // A bound that is left out is one that cannot be missed.
            assert!(min.is_none_or(|min| min == judged.min), "{stated:?}");
            assert!(max.is_none_or(|max| max == judged.max), "{stated:?}");
        }
        for (stated, device) in config.actuators.iter().zip(spec.devices) {
            let mut there = Device::new(device.name, device.kind, 0);
            there.set_at_once(100.0 * device.safe);
            let payload = crate::agent::payload(stated, &stated.safe);
            assert_eq!(String::from_utf8_lossy(&payload), there.state(), "{}", device.name);
        }
        let names: Vec<_> = config.interlocks.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, spec.interlocks.iter().map(|one| one.name).collect::<Vec<_>>());
    }
}

#[test]
fn each_price_is_that_of_the_configuration() {
    for (kind, spec) in described() {
        let config = configured(kind);
        // The mean of a week, for the place with a tariff.
        let inputs: Vec<_> = Course::new(spec, 1).take(7 * 1440).collect();
        for (index, actuator) in config.actuators.iter().enumerate() {
            let mut levels = vec![0.0; spec.devices.len()];
            levels[index] = 1.0;
            let all: f64 = inputs.iter().map(|input| (spec.price)(input, &levels)).sum();
            let mean = all / inputs.len() as f64;
            let near = (mean - actuator.cost).abs() <= 0.03 * actuator.cost + 1e-9;
            assert!(near, "{} {}: {mean} and {}", spec.name, actuator.name, actuator.cost);
        }
    }
}

#[test]
fn every_device_does_what_its_configuration_says() {
    for (kind, spec) in described() {
        let config = configured(kind);
        for (index, actuator) in config.actuators.iter().enumerate() {
            let run = |level: f64| {
                let mut site = Site::new(spec, 3);
                let mut levels = vec![0.0; spec.devices.len()];
                levels[index] = level;
                site.set_at_once(&levels);
                // Something to melt, to cool, to fill.
                site.state[2] = 30.0;
                site.advance(Duration::from_secs(600));
                site.truth()
            };
            let (idle, works) = (run(0.0), run(1.0));
            for (sensor, direction) in &actuator.effects {
                let at = usize::from(sensor.0);
                let moved = works[at] - idle[at];
                assert!(moved * direction > 0.0, "{} {}: {moved}", spec.name, actuator.name);
            }
        }
    }
}

#[test]
fn left_alone_each_place_misses_its_goals_and_breaks_nothing() {
    for (kind, spec) in described() {
        for seed in 1..=2 {
            let score = left_alone(kind, seed, 36.0);
            println!("{} seed {seed}: {score:?}", spec.name);
            assert!(score.satisfied() < 0.85, "{} seed {seed}: {score:?}", spec.name);
            let nothing = (score.forbidden, score.switchings, score.notes_broken);
            assert_eq!(nothing, (0, 0, 0));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_days_however_time_is_cut() {
    for (_, spec) in described() {
        let run = |seed: u64, cut_ms: u64| {
            let mut site = Site::new(spec, seed);
            let mut said = Vec::new();
            while site.now() < Duration::from_secs(7200) {
                site.advance(Duration::from_millis(cut_ms));
                said.extend(site.due_messages());
            }
            (said, site.state())
        };
        assert_eq!(run(5, 1000), run(5, 60_000));
        assert_ne!(run(5, 60_000), run(6, 60_000));
    }
}

#[test]
fn forbidden_states_are_seen_and_count_once_each() {
    let mut room = Site::new(Kind::ColdRoom.spec().unwrap(), 1);
    room.set_at_once(&[1.0, 0.0, 0.0, 1.0]);
    room.advance(Duration::from_secs(2));
    assert_eq!(room.forbidden(), Vec::<&str>::new(), "two commands may cross");
    room.advance(Duration::from_secs(60));
    assert_eq!(room.forbidden(), ["defrost against cold"]);
    room.set_at_once(&[1.0, 1.0, 0.0, 0.0]);
    room.advance(Duration::from_secs(7200));
    assert_eq!(room.forbidden(), ["goods freeze"]);
    assert_eq!(room.score().forbidden, 2);

    let mut tank = Site::new(Kind::WaterTank.spec().unwrap(), 1);
    tank.set_at_once(&[1.0, 0.0]);
    tank.advance(Duration::from_secs(4 * 3600));
    assert!(tank.forbidden().contains(&"dry pump"), "{:?}", tank.truth());
}

#[test]
fn what_is_no_command_is_counted() {
    let mut tank = Site::new(Kind::WaterTank.spec().unwrap(), 1);
    tank.command("water/well_pump/set", b"ON");
    tank.command("water/well_pump/set", b"perhaps");
    tank.command("water/nothing/set", b"ON");
    tank.command("coldroom/defrost/set", b"ON");
    assert_eq!(tank.ignored(), 3);
    tank.advance(Duration::from_secs(10));
    assert_eq!(tank.score().switchings, 1);
}

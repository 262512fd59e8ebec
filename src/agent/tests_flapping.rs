//! Nothing goes on and off for nothing: goals that contradict each other, the last command of an
//! hour, moves that are taken back before they could be felt, and causes that are true of the move.

use std::time::Duration;

use super::tests::{Bench, decisions, room, sends, set, states};
use super::*;
use crate::config::{ActuatorKind, Aim, Config, Goal, Mind, goal_from_json};
use crate::domain::{ActuatorId, CommandState, Decider, Decision, SensorId, Setting};

fn put(bench: &mut Bench, id: &str, text: &str) {
    let json = serde_json::from_str(text).expect("JSON");
    let goal = Box::new(goal_from_json(&json, &room()).expect("a good goal"));
    let effects = bench.on(Event::Command(Box::new(DeviceCommand {
        kind: "goal".into(),
        id: id.into(),
        body: Ok(Body::PutGoal { goal, text: text.into() }),
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    })));
    assert_eq!(states(&effects, id).last(), Some(&CommandState::Succeeded));
}

/// What was said of one kind.
fn said(effects: &[Effect], of: &str) -> Vec<String> {
    let said = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::Event { kind, text, .. }, .. } if kind == of => {
            Some(text.clone())
        }
        _ => None,
    });
    said.collect()
}

#[test]
fn of_goals_that_contradict_each_other_the_stronger_holds_and_nothing_flaps() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    put(&mut bench, "a", r#"{"name":"cold","keep":{"sensor":"temperature","min":10,"max":12}}"#);
    let effects = bench.steady(22.0, 1800);
    assert_eq!(sends(&effects), [], "the older one of the same weight is kept");
    let conflicts = said(&effects, "conflict");
    let known = "climate is older and holds, cold is put aside";
    assert!(conflicts.len() == 1 && conflicts[0].contains(known), "{conflicts:?}");
    // The one that counts more holds, be it newer.
    let heavy = r#"{"name":"cold","keep":{"sensor":"temperature","min":10,"max":12},"weight":2}"#;
    put(&mut bench, "b", heavy);
    let effects = bench.steady(22.0, 600);
    assert_eq!(sends(&effects).first(), Some(&(0, "ON".into())));
    let conflicts = said(&effects, "conflict");
    assert!(conflicts[0].contains("cold counts more and holds"), "{conflicts:?}");
    assert!(!sends(&effects).contains(&(0, "OFF".into())), "{:?}", sends(&effects));
}

#[test]
fn bands_meet_where_some_value_keeps_both() {
    use crate::config::Band::{Inside, Outside};
    let cases = [
        (Inside(Some(18.0), Some(19.0)), Inside(Some(20.0), Some(30.0)), false),
        (Inside(Some(18.0), Some(20.0)), Inside(Some(20.0), None), true),
        (Inside(None, Some(20.0)), Inside(None, Some(10.0)), true),
        (Inside(Some(18.0), Some(19.0)), Outside(Some(17.0), Some(20.0)), false),
        (Inside(Some(18.0), Some(21.0)), Outside(Some(17.0), Some(20.0)), true),
        (Inside(Some(18.0), None), Outside(Some(17.0), None), false),
        (Outside(None, Some(5.0)), Outside(Some(4.0), None), false),
        (Outside(None, Some(5.0)), Outside(Some(6.0), None), true),
        (Outside(Some(1.0), Some(5.0)), Outside(Some(2.0), Some(9.0)), true),
    ];
    for (one, other, meet) in cases {
        assert_eq!((one.meets(other), other.meets(one)), (meet, meet), "{one:?} {other:?}");
    }
}

/// The fan may be set so often within an hour, the chiller once; the start takes one of each.
fn limited(most: u32) -> Bench {
    let mut config = room();
    config.actuators[0].commands_per_hour_max = most;
    config.actuators[1].commands_per_hour_max = 1;
    Bench::new(config).up()
}

#[test]
fn the_planner_begins_nothing_that_it_could_not_end_within_the_hour() {
    let mut bench = limited(3);
    let effects = bench.steady(27.0, 120);
    assert_eq!(sends(&effects), [(0, "ON".into())]);
    let called = said(&effects, "command-limit");
    assert!(called[0].contains("fan: 2 of 3 commands"), "{called:?}");
    assert_eq!(sends(&bench.steady(22.0, 900)), [(0, "OFF".into())], "the way back is there");
    assert_eq!(sends(&bench.steady(27.0, 300)), [], "that was the last one");

    let mut bench = limited(2);
    assert_eq!(sends(&bench.steady(27.0, 300)), [], "it could not be ended");
    // A person may.
    let effects = bench.on(set("a", 0, true));
    assert_eq!(states(&effects, "a").last(), Some(&CommandState::Succeeded));
}

#[test]
fn a_second_message_does_not_take_the_way_back() {
    let mut bench = limited(3);
    bench.echo = false;
    bench.on(Event::Echo { actuator: ActuatorId(0), setting: Ok(Setting::Off), retained: false });
    bench.on(Event::Echo { actuator: ActuatorId(1), setting: Ok(Setting::Off), retained: false });
    bench.on(Event::Echo { actuator: ActuatorId(2), setting: Ok(Setting::Off), retained: false });
    let mut effects = bench.steady(27.0, 60);
    effects.extend(bench.steady(27.0, 120));
    let sent = sends(&effects);
    assert_eq!(sent.iter().filter(|(_, payload)| payload == "ON").count(), 1, "{sent:?}");
    assert_eq!(sent[1], (0, "OFF".into()), "on its way or not, it is ended: {sent:?}");
}

/// A cooler that costs little and one that costs much for nearly the same: begun early or not, as
/// what they do is learned.
fn cheap_and_dear() -> Config {
    let mut config = room();
    config.actuators[0].cost = 0.2;
    config.actuators[1].cost = 0.33;
    config.interlocks.clear();
    config.rules.clear();
    config
}

/// So many seconds before it would be too warm the fan is begun, in a room that warms by a degree
/// in 50 s, where the mind may take so long to answer.
fn begun_before(deadline: Option<Duration>) -> f64 {
    let mut config = cheap_and_dear();
    config.actuators.drain(1..);
    config.mind = config.mind.and_then(|mind| Some(Mind { deadline: deadline?, ..mind }));
    let mut bench = Bench::new(config).up();
    let (mut value, a_second) = (18.5, 0.02);
    while sends(&bench.steady(value, 10)).is_empty() {
        value += 10.0 * a_second;
        assert!(value < 27.0, "never");
    }
    (26.0 - value) / a_second
}

#[test]
fn what_is_begun_has_the_time_to_work_and_no_more() {
    // Three readings, and up to one more of margin.
    let before = begun_before(None);
    assert!((30.0..=40.0).contains(&before), "{before} s");
    assert_eq!(begun_before(Some(Duration::from_secs(2))), before, "a mind that is quick");
    // Two readings, five seconds until the next plan, and the minute.
    let slow = begun_before(Some(Duration::from_secs(60)));
    assert!((85.0..=95.0).contains(&slow), "{slow} s");
}

/// What is decided in three hours in which the room warms by a degree in 100 s, from 22 °C on, and
/// each switching with its second and the temperature.
fn warm_hours(bench: &mut Bench) -> (Vec<Decision>, Vec<(u16, u64, f64)>) {
    let (mut value, mut noise, mut switched) = (22.0, 1_u64, Vec::new());
    let mut made = Vec::new();
    for second in (0..3 * 3600).step_by(10) {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let off = (noise >> 33) as f64 / (1_u64 << 31) as f64 - 0.5;
        let effects = bench.steady(value + 0.2 * off, 10);
        made.extend(decisions(&effects));
        switched.extend(sends(&effects).into_iter().map(|(id, _)| (id, second, value)));
        let on = |id: usize| bench.agent.world().actuators[id].confirmed == Some(Setting::On);
        value += 0.01 - 0.03 * f64::from(u8::from(on(0))) - 0.04 * f64::from(u8::from(on(1)));
    }
    assert!(switched.len() > 4 && value < 26.5, "{switched:?} {value}");
    (made, switched)
}

fn begun_early(made: &[Decision]) -> usize {
    made.iter().filter(|one| one.cause.ends_with("begun early since it is cheap")).count()
}

#[test]
fn what_was_begun_is_not_taken_back_before_it_can_be_felt() {
    let mut bench = Bench::new(cheap_and_dear()).up();
    let (made, switched) = warm_hours(&mut bench);
    for pair in switched.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let (is_kept, felt) = (pair[1].2 < 25.8, pair[1].1 - pair[0].1 >= 40);
        assert!(felt || !is_kept, "{pair:?}");
    }
    // The cause is true of the move.
    for decision in made.iter().filter(|one| one.by == Decider::Planner) {
        let Some((_, to)) = decision.candidates[decision.chosen].set.first() else { continue };
        let less = decision.cause.contains("less is needed");
        assert_eq!(less, *to == Setting::Off, "{to}: {}", decision.cause);
        assert!(!decision.cause.contains("nears 18"), "nobody cools for that: {}", decision.cause);
    }
    let causes = || made.iter().map(|one| &one.cause).collect::<Vec<_>>();
    assert!(begun_early(&made) > 0, "{:?}", causes());
}

#[test]
fn what_is_heated_at_night_is_not_cooled_early_by_day() {
    let mut config = cheap_and_dear();
    config.actuators[1].cost = 1.0;
    config.actuators[2].cost = 1.2;
    let mut bench = Bench::new(config).up();
    let effects = bench.steady(17.8, 60);
    assert_eq!(sends(&effects), [(2, "ON".into())], "the heater is needed");
    bench.steady(22.0, 600);
    let (made, _) = warm_hours(&mut bench);
    assert_eq!(begun_early(&made), 0, "the heater would make good for it");
    bench.steady(22.0, 22 * 3600);
    let (made, _) = warm_hours(&mut bench);
    assert!(begun_early(&made) > 0, "for a day nobody has heated");
}

#[test]
fn what_is_ended_for_a_goal_names_the_goal() {
    let mut config = room();
    let aim = Aim::Keep { sensor: SensorId(0), min: Some(18.0), max: None };
    config.goals = vec![Goal { name: "warm".into(), aim, weight: 1.0, when: None }];
    let mut bench = Bench::new(config).up();
    bench.steady(17.0, 20);
    bench.on(Event::Echo { actuator: ActuatorId(0), setting: Ok(Setting::On), retained: false });
    let effects = bench.steady(17.0, 60);
    let ended = decisions(&effects)
        .into_iter()
        .find(|one| one.candidates[one.chosen].set.first() == Some(&("fan".into(), Setting::Off)));
    assert!(ended.expect("the fan ends").cause.starts_with("goal warm: temperature 17"));
}

/// What the smallest step of a level saves is less than a switching costs.
#[test]
fn the_lowest_step_of_a_level_is_not_left_on_for_ever() {
    let mut config = room();
    config.actuators[0].kind = ActuatorKind::Level { min: 0.0, max: 100.0, step: 10.0 };
    config.actuators[0].safe = Setting::Level(0.0);
    config.actuators[0].cost = 0.15;
    config.actuators[1].cost = 0.36;
    let mut bench = Bench::new(config).up();
    bench.on(Event::Echo {
        actuator: ActuatorId(0),
        setting: Ok(Setting::Level(10.0)),
        retained: false,
    });
    let effects = bench.steady(22.0, 600);
    assert_eq!(sends(&effects).first(), Some(&(0, "0".into())));
}

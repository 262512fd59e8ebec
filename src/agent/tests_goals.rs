//! Tests of goals: kinds, times of the day, and what operators put and take away.

use std::time::Duration;

use super::tests::{Bench, room, sends};
use super::*;
use crate::config::{Aim, Goal, goal_from_json};
use crate::domain::{CommandState, Entry, SensorId};

fn goal(id: &str, body: Result<Body, String>) -> Event {
    Event::Command(Box::new(DeviceCommand {
        kind: "goal".into(),
        id: id.into(),
        body,
        issued_unix_ms: None,
        ttl: Duration::from_secs(60),
        retained: false,
    }))
}

fn put(id: &str, text: &str) -> Event {
    let json = serde_json::from_str(text).expect("JSON");
    let goal = goal_from_json(&json, &room()).expect("a good goal");
    self::goal(id, Ok(Body::PutGoal { goal: Box::new(goal), text: text.into() }))
}

fn end(effects: &[Effect], id: &str) -> Option<CommandState> {
    let mut states = effects.iter().filter_map(|effect| match effect {
        Effect::Report { report: Report::CommandState { id: of, state, .. }, .. } if of == id => {
            *state
        }
        _ => None,
    });
    states.next_back()
}

#[test]
fn a_goal_that_an_operator_puts_is_pursued_and_one_taken_away_is_not() {
    let mut bench = Bench::new(room()).up();
    bench.steady(22.0, 60);
    let text = r#"{"name":"cooler","keep":{"sensor":"temperature","max":20}}"#;
    let effects = bench.on(put("a", text));
    assert_eq!(end(&effects, "a"), Some(CommandState::Succeeded));
    assert!(effects.iter().any(|effect| matches!(effect,
        Effect::Record { entry: Entry::Goal { name, put: Some(_) }, .. } if name == "cooler")));
    assert_eq!(sends(&bench.steady(22.0, 60)).first(), Some(&(0, "ON".into())));
    let effects = bench.on(goal("b", Ok(Body::RemoveGoal { name: "cooler".into() })));
    assert_eq!(end(&effects, "b"), Some(CommandState::Succeeded));
    assert!(sends(&bench.steady(20.5, 900)).contains(&(0, "OFF".into())));
    let effects = bench.on(goal("c", Ok(Body::RemoveGoal { name: "cooler".into() })));
    assert_eq!(end(&effects, "c"), Some(CommandState::Rejected));
}

#[test]
fn goals_of_operators_survive_a_restart() {
    let goals = vec![
        ("climate".into(), None),
        (
            "smoke".into(),
            Some(Goal {
                name: "smoke".into(),
                aim: Aim::Keep { sensor: SensorId(1), min: None, max: Some(0.4) },
                weight: 1.0,
                when: None,
            }),
        ),
    ];
    let resumed = Resumed { next_seq: 5, goals, ..Resumed::default() };
    let mut bench = Bench::resumed(room(), resumed).up();
    let effects = bench.steady(35.0, 120);
    assert!(sends(&effects).iter().all(|(_, payload)| payload == "OFF"), "climate is gone");
    let reported = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::Report { report: Report::Goals(lines), .. } => Some(lines.clone()),
        _ => None,
    });
    let reported = reported.expect("goals are told");
    assert_eq!(reported.len(), 1);
    assert_eq!((reported[0].name.as_str(), reported[0].satisfied), ("smoke", Some(true)));
}

#[test]
fn what_cannot_be_a_goal_is_refused_in_words() {
    let refused = |text: &str| {
        let json = serde_json::from_str(text).expect("JSON");
        goal_from_json(&json, &room()).expect_err(text)
    };
    for (text, word) in [
        (r#"{"keep":{"sensor":"temperature","max":20}}"#, "name"),
        (r#"{"name":"a","keep":{"sensor":"temprature","max":20}}"#, "temprature"),
        (r#"{"name":"a","keep":{"sensor":"temperature"}}"#, "min"),
        (r#"{"name":"a","keep":{"sensor":"temperature","max":20},"wieght":2}"#, "wieght"),
        (r#"{"name":"a","reach":{"sensor":"temperature","min":20,"by":"25:00"}}"#, "25:00"),
        (r#"{"name":"a","minimise":"noise"}"#, "cost"),
        (r#"{"name":"a","follow":{"sensor":"temperature","within":1,"schedule":{}}}"#, "0 times"),
        (r#"{"name":"a","keep":{"sensor":"temperature","max":20},"when":"hour >"}"#, "when"),
        (r#"{"name":"a","keep":{"sensor":"temperature","max":null}}"#, "object"),
        (r#"[1]"#, "object"),
    ] {
        let reason = refused(text);
        assert!(reason.contains(word), "{text}: {reason}");
    }
}

/// The bench begins at 08:00 UTC.
#[test]
fn a_reach_goal_is_worked_for_before_its_time_and_not_long_after() {
    let mut config = room();
    let text = r#"{"name":"warm","reach":{"sensor":"temperature","min":25,"by":"12:00"}}"#;
    let json = serde_json::from_str(text).expect("JSON");
    config.goals = vec![goal_from_json(&json, &config).expect("a good goal")];
    config.interlocks.clear();
    let mut bench = Bench::new(config).up();
    // A room that answers: 0.3 K a minute with the heater, a little loss without.
    let (mut value, mut begun) = (22.0, None);
    for minute in 0..600 {
        for _ in 0..6 {
            bench.steady(value, 10);
            let on = bench.agent.world().actuators[2].confirmed == Some(crate::domain::Setting::On);
            value += if on { 0.05 } else { -0.001 };
            begun = begun.or(on.then_some(minute));
        }
        if (240..300).contains(&minute) {
            assert!(value >= 24.9, "reached and held for an hour: {value} at minute {minute}");
        }
    }
    let begun = begun.expect("it is begun before noon");
    assert!((150..235).contains(&begun), "not at once and not too late: minute {begun}");
    assert_eq!(bench.agent.world().actuators[2].confirmed, Some(crate::domain::Setting::Off));
    assert!(value < 24.9, "and not held any longer: {value}");
}

#[test]
fn follow_and_avoid_want_what_they_say_at_their_time() {
    let follow = r#"{"name":"f","follow":{"sensor":"temperature","within":1,
        "schedule":{"06:00":20,"22:00":16}}}"#;
    let avoid = r#"{"name":"a","avoid":{"sensor":"temperature","min":20,"max":24}}"#;
    let goal = |text: &str| {
        goal_from_json(&serde_json::from_str(text).expect("JSON"), &room()).expect("a good goal")
    };
    let band = |minute| crate::config::band_at(&goal(follow).aim, minute);
    let inside = |low, high| Some(crate::config::Band::Inside(Some(low), Some(high)));
    assert_eq!((band(Some(359)), band(Some(360))), (inside(15.0, 17.0), inside(19.0, 21.0)));
    assert_eq!((band(Some(1320)), band(None)), (inside(15.0, 17.0), None));
    let band = crate::config::band_at(&goal(avoid).aim, None).expect("always");
    assert_eq!((band.gap(19.0), band.gap(21.0), band.gap(23.5)), (0.0, 1.0, 0.5));
    assert_eq!((band.bounds(21.0), band.bounds(25.0)), ((None, Some(20.0)), (Some(24.0), None)));
}

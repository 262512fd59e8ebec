//! Sensors that are made of others: in one event with what they are made of, unknown with it, used
//! like any sensor, and computed, not taken twice, by whoever follows the journal.

use std::sync::Arc;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Config, Strictness, from_text};
use crate::domain::{ActuatorId, Entry, FaultKind, SensorId, Setting, StepState, Value};
use crate::domain::{CommandState, Fault};

const TEXT: &str = r#"
[device]
name = "house"
[bus]
url = "mqtt://localhost"
[[derived]]
name = "damp"
value = "dew_point > 18"
[[derived]]
name = "dew_point"
value = '''(243.5 * (ln(humidity / 100) + 17.67 * air / (243.5 + air)))
    / (17.67 - (ln(humidity / 100) + 17.67 * air / (243.5 + air)))'''
unit = "°C"
range = [-40, 40]
[[derived]]
name = "quiet_for"
value = 'age("air")'
[[sensor]]
name = "air"
topic = "p/air"
every = "10s"
[[sensor]]
name = "humidity"
topic = "p/humidity"
every = "30s"
range = [0, 100]
[[actuator]]
name = "fan"
topic = "p/fan/set"
safe = "off"
[[actuator]]
name = "mister"
topic = "p/mister/set"
safe = "off"
effects = { dew_point = "raises" }
[[goal]]
name = "not dry"
keep = { sensor = "dew_point", min = 8 }
[[rule]]
name = "wet"
when = "damp"
set = { fan = "on" }
[[interlock]]
name = "no rain inside"
forbid = "mister == 'on' && dew_point > 16"
"#;

const AIR: SensorId = SensorId(0);
const HUMIDITY: SensorId = SensorId(1);
const DAMP: SensorId = SensorId(2);
const DEW_POINT: SensorId = SensorId(3);
const MISTER: ActuatorId = ActuatorId(1);

fn config() -> Arc<Config> {
    let (config, _) = from_text(TEXT, "house.toml", &[], Strictness::Check).expect("good");
    Arc::new(config)
}

fn at(ms: u64) -> Now {
    Now { tick: Tick(ms), unix_ms: 1_800_000_000_000 + ms as i64, trust: ClockTrust::Synced }
}

fn new() -> (Agent, Vec<Effect>) {
    Agent::new(config(), Resumed { next_seq: 1, ..Resumed::default() }, 7 << 32, at(0))
}

fn says(sensor: SensorId, value: f64) -> Event {
    Event::Reading { sensor, value: Ok(Value::Number(value)), retained: false }
}

fn known(agent: &Agent, id: SensorId, ms: u64) -> Option<Value> {
    let every = config().sensors[usize::from(id.0)].every;
    agent.world().sensor(id).known(every, Tick(ms)).cloned()
}

fn number(agent: &Agent, id: SensorId, ms: u64) -> Option<f64> {
    match known(agent, id, ms)? {
        Value::Number(number) => Some(number),
        other => panic!("{other:?}"),
    }
}

fn read(effects: &[Effect], name: &str) -> usize {
    let is = |effect: &&Effect| {
        matches!(effect, Effect::Record { entry: Entry::Reading { sensor, .. }, .. }
            if sensor == name)
    };
    effects.iter().filter(is).count()
}

fn sent(effects: &[Effect], actuator: u16) -> usize {
    let is =
        |effect: &&Effect| matches!(effect, Effect::Send { actuator: to, .. } if to.0 == actuator);
    effects.iter().filter(is).count()
}

#[test]
fn a_derived_sensor_is_known_while_all_that_it_is_made_of_is() {
    let (mut agent, _) = new();
    let effects = agent.apply(says(AIR, 25.0), at(1000));
    assert_eq!((known(&agent, DEW_POINT, 1000), read(&effects, "dew_point")), (None, 0));
    let effects = agent.apply(says(HUMIDITY, 50.0), at(2000));
    let dew_point = number(&agent, DEW_POINT, 2000).expect("both are known");
    assert!((dew_point - 13.85).abs() < 0.02, "{dew_point}");
    // It is in the journal, and what is made of it is known in the same event.
    assert_eq!((read(&effects, "dew_point"), read(&effects, "damp")), (1, 1));
    assert_eq!(known(&agent, DAMP, 2000), Some(Value::Bool(false)));

    // The air is silent from here on: it and what is made of it are stale together.
    agent.apply(says(HUMIDITY, 51.0), at(30_000));
    assert!(known(&agent, DEW_POINT, 31_000).is_some());
    assert_eq!(known(&agent, DEW_POINT, 31_001), None, "nobody needs an event for that");
    agent.apply(Event::Wake, at(31_001));
    assert_eq!((known(&agent, DEW_POINT, 31_001), known(&agent, DAMP, 31_001)), (None, None));
    agent.apply(says(AIR, 20.0), at(40_000));
    assert!(number(&agent, DEW_POINT, 40_000).is_some_and(|point| point < 10.0));

    // One of them is doubted.
    let fault = Fault { kind: FaultKind::OutOfRange, found: "900".into() };
    agent
        .apply(Event::Reading { sensor: HUMIDITY, value: Err(fault), retained: false }, at(41_000));
    assert_eq!((known(&agent, DEW_POINT, 41_000), known(&agent, DAMP, 41_000)), (None, None));
}

#[test]
fn what_comes_out_of_its_range_is_not_believed_and_counted() {
    let (mut agent, _) = new();
    agent.apply(says(HUMIDITY, 90.0), at(1000));
    let effects = agent.apply(says(AIR, 80.0), at(2000));
    assert_eq!((known(&agent, DEW_POINT, 2000), read(&effects, "dew_point")), (None, 0));
    let faults = |effect: &&Effect| {
        matches!(effect, Effect::Record { entry: Entry::Faults { source, .. }, .. }
            if source == "dew_point")
    };
    assert_eq!(effects.iter().filter(faults).count(), 1);
    // Nor is what has no value at all.
    agent.apply(says(AIR, 20.0), at(3000));
    agent.apply(says(HUMIDITY, 0.0), at(4000));
    assert_eq!(known(&agent, DEW_POINT, 4000), None, "the logarithm of nothing");
}

#[test]
fn rules_and_interlocks_act_on_it_within_the_event() {
    let (mut agent, _) = new();
    agent.apply(Event::LinkUp, at(500));
    agent.apply(says(AIR, 25.0), at(1000));
    let effects = agent.apply(says(HUMIDITY, 50.0), at(2000));
    assert_eq!(sent(&effects, 0), 0);
    let effects = agent.apply(says(HUMIDITY, 95.0), at(3000));
    assert_eq!(sent(&effects, 0), 1, "the fan, as the rule says");
    let body = Body::Set {
        actuator: MISTER,
        setting: Setting::On,
        hold: std::time::Duration::from_secs(60),
    };
    let set = |id: &str| {
        Event::Command(Box::new(DeviceCommand {
            kind: "set".into(),
            id: id.into(),
            body: Ok(body.clone()),
            issued_unix_ms: None,
            ttl: std::time::Duration::from_secs(60),
            retained: false,
        }))
    };
    let rejected = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Record { entry: Entry::Command { state, reason, .. }, .. }
                if *state == CommandState::Rejected =>
            {
                Some(reason.clone())
            }
            _ => None,
        })
    };
    assert_eq!(rejected(&agent.apply(set("c1"), at(4000))).unwrap(), "interlock no rain inside");
    // Stale at the moment of the command, with nothing in between.
    let reason = rejected(&agent.apply(set("c2"), at(200_000))).unwrap();
    assert_eq!(reason, "interlock no rain inside: its condition is unknown");
}

#[test]
fn time_alone_computes_it_anew_once_a_period() {
    let (mut agent, _) = new();
    agent.apply(says(AIR, 25.0), at(1000));
    let mut count = 0;
    for second in 2..=120 {
        count += read(&agent.apply(Event::Wake, at(second * 1000)), "quiet_for");
    }
    assert!((11..=12).contains(&count), "each 10 s as the air itself: {count}");
    let quiet = number(&agent, SensorId(4), 120_000).unwrap();
    assert!((109.0..=119.0).contains(&quiet), "{quiet}");
}

#[test]
fn it_is_pursued_by_goals_and_followed_without_being_taken_twice() {
    let (mut agent, first) = new();
    let mut events = vec![(100, Event::LinkUp)];
    for step in 1..200_u64 {
        events.push((step * 10_000, says(AIR, 22.0 - 0.02 * step as f64)));
        if step % 3 == 0 {
            let humidity = 55.0 - 0.15 * step as f64;
            events.push((step * 10_000 + 5, says(HUMIDITY, humidity)));
        }
    }
    let mut records: Vec<(u64, Entry)> = Vec::new();
    let mut proposals = 0;
    let mut follower = Follower::new(config());
    let note = |ms: u64, effects: &[Effect], records: &mut Vec<(u64, Entry)>| {
        for effect in effects {
            if let Effect::Record { entry, .. } = effect {
                records.push((ms, entry.clone()));
            }
        }
    };
    note(0, &first, &mut records);
    for (ms, event) in events {
        let effects = agent.apply(event, at(ms));
        note(ms, &effects, &mut records);
        let tokens: Vec<u64> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send { token, .. } => Some(*token),
                _ => None,
            })
            .collect();
        for token in tokens {
            let effects = agent.apply(Event::Acked { token }, at(ms + 1));
            note(ms + 1, &effects, &mut records);
        }
    }
    let begun = |entry: &Entry| {
        matches!(entry, Entry::Step { actuator, state: StepState::Confirmed, setting, .. }
            if actuator == "mister" && *setting == Setting::On)
    };
    assert!(records.iter().any(|(_, entry)| begun(entry)), "the goal on it was pursued");
    for (ms, entry) in &records {
        if let Entry::Decision(decision) = entry
            && decision.by != crate::domain::Decider::Rule
        {
            let proposal = follower.propose(at(*ms), None).pop().expect("as it was decided");
            let texts = |all: &[crate::domain::Candidate]| {
                let of = |one: &crate::domain::Candidate| (one.text.clone(), one.utility);
                all.iter().map(of).collect::<Vec<_>>()
            };
            assert_eq!(texts(&proposal.candidates), texts(&decision.candidates));
            proposals += 1;
        }
        follower.take(entry, 7 << 32, at(*ms));
    }
    assert!(proposals > 0);
}

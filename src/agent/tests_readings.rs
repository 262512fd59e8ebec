//! What is believed of a sensor: a speed that cannot be is not, and redundant sensors are joined.

use std::sync::Arc;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Config, Strictness, from_text};
use crate::domain::{Entry, Fault, FaultKind, SensorId, Value};

/// Three thermometers in one room.
const TEXT: &str = r#"
[device]
name = "room"
[bus]
url = "mqtt://localhost"
[[sensor]]
name = "left"
topic = "p/left"
every = "10s"
max_rate = 6
[[sensor]]
name = "middle"
topic = "p/middle"
every = "10s"
[[sensor]]
name = "right"
topic = "p/right"
every = "10s"
[[derived]]
name = "room"
value = "median(left, middle, right)"
[[derived]]
name = "usual"
value = "mean(left, middle, right)"
"#;

const LEFT: SensorId = SensorId(0);
const MIDDLE: SensorId = SensorId(1);
const RIGHT: SensorId = SensorId(2);
const ROOM: SensorId = SensorId(3);
const USUAL: SensorId = SensorId(4);

fn config() -> Arc<Config> {
    let (config, _) = from_text(TEXT, "room.toml", &[], Strictness::Check).expect("good");
    Arc::new(config)
}

/// An agent and what it says of a sensor at a second.
struct Room {
    agent: Agent,
    config: Arc<Config>,
}

impl Room {
    fn new() -> Room {
        let resumed = Resumed { next_seq: 1, ..Resumed::default() };
        let (agent, _) = Agent::new(config(), resumed, 7 << 32, at(0));
        Room { agent, config: config() }
    }

    fn says(&mut self, sensor: SensorId, value: f64, second: u64) -> Vec<Effect> {
        let value = Ok(Value::Number(value));
        self.agent.apply(Event::Reading { sensor, value, retained: false }, at(second))
    }

    fn known(&self, id: SensorId, second: u64) -> Option<f64> {
        let every = self.config.sensors[usize::from(id.0)].every;
        match self.agent.world().sensor(id).known(every, at(second).tick)? {
            Value::Number(number) => Some(*number),
            other => panic!("{other:?}"),
        }
    }
}

fn at(second: u64) -> Now {
    Now { tick: Tick(second * 1000), unix_ms: 0, trust: ClockTrust::Unset }
}

fn faults(effects: &[Effect]) -> Vec<String> {
    let found = effects.iter().filter_map(|effect| match effect {
        Effect::Record {
            entry: Entry::Faults { kind: FaultKind::OutOfRange, found, .. }, ..
        } => Some(found.clone()),
        _ => None,
    });
    found.collect()
}

#[test]
fn what_is_faster_than_can_be_is_not_believed_and_counted() {
    let mut room = Room::new();
    room.says(LEFT, 20.0, 0);
    assert!(faults(&room.says(LEFT, 21.0, 10)).is_empty(), "6 a minute");
    // Two at once differ by noise: a whole period counts.
    room.says(LEFT, 20.2, 10);
    assert_eq!(room.known(LEFT, 10), Some(20.2));
    let told = faults(&room.says(LEFT, 85.0, 20));
    assert_eq!(told, ["85, from 20.2 within 10.0 s, 6 a minute allowed"]);
    assert_eq!(room.known(LEFT, 20), None, "unknown, as out of range is");
    // The slip is over: what can be since the last believed one is believed.
    room.says(LEFT, 22.0, 30);
    assert_eq!(room.known(LEFT, 30), Some(22.0));
    assert_eq!(room.agent.counters().faults, 1);
}

#[test]
fn a_sensor_that_was_moved_is_believed_once_the_old_value_is_stale() {
    let mut room = Room::new();
    // Its first word after power-on is nonsense; those that follow are not.
    room.says(LEFT, 85.0, 0);
    for second in [10, 20, 30] {
        room.says(LEFT, 20.0, second);
        assert_eq!(room.known(LEFT, second), None);
    }
    room.says(LEFT, 20.1, 40);
    assert_eq!(room.known(LEFT, 40), Some(20.1));
}

#[test]
fn redundant_sensors_are_joined_without_those_that_are_unknown() {
    let mut room = Room::new();
    room.says(LEFT, 20.0, 0);
    assert_eq!((room.known(ROOM, 0), room.known(USUAL, 0)), (Some(20.0), Some(20.0)));
    room.says(MIDDLE, 22.0, 1);
    assert_eq!((room.known(ROOM, 1), room.known(USUAL, 1)), (Some(21.0), Some(21.0)));
    // One that lies does not move the median.
    room.says(RIGHT, 50.0, 2);
    assert_eq!(room.known(ROOM, 2), Some(22.0));
    assert!(room.known(USUAL, 2).is_some_and(|mean| (mean - 92.0 / 3.0).abs() < 1e-9));
    // One that falls silent is left out from the moment at which it is stale.
    for second in [10, 20, 30] {
        room.says(MIDDLE, 22.0, second);
        room.says(RIGHT, 50.0, second);
    }
    assert_eq!(room.known(ROOM, 30), Some(22.0));
    room.agent.apply(Event::Wake, at(31));
    assert_eq!(room.known(ROOM, 31), Some(36.0));
    // And one that is doubted; without any there is no value.
    let doubt = |room: &mut Room, sensor: SensorId| {
        let fault = Fault { kind: FaultKind::OutOfRange, found: "900".into() };
        let event = Event::Reading { sensor, value: Err(fault), retained: false };
        room.agent.apply(event, at(32));
    };
    doubt(&mut room, RIGHT);
    assert_eq!(room.known(ROOM, 32), Some(22.0));
    doubt(&mut room, MIDDLE);
    assert_eq!((room.known(ROOM, 32), room.known(USUAL, 32)), (None, None));
}

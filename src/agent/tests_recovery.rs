//! The way back: a sensor far outside its goal comes back inside, whatever brought it there and
//! whatever was learned meanwhile. The place relaxes within ten minutes, faster than the planner's
//! straight lines; devices are strong.

use std::sync::Arc;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Config, Strictness, from_text};
use crate::domain::{ActuatorId, Candidate, Entry, SensorId, Setting, Value};

/// How fast the place answers.
const TAU_S: f64 = 600.0;
/// What the device at full changes in the end.
const PUSH: f64 = 25.0;
const EVERY_S: u64 = 30;

/// One sensor, kept from 20 to 30, and one device that works on it.
struct Place {
    agent: Agent,
    ambient: f64,
    push: f64,
    value: f64,
    seconds: u64,
    on: bool,
    /// It hears nothing and stays as it is.
    stuck: bool,
    noise: u64,
    /// What the agent writes down, and when.
    records: Vec<(Now, Entry)>,
}

fn config(verb: &str, safe: &str) -> Arc<Config> {
    let text = format!(
        r#"
        [device]
        name = "room"
        [bus]
        url = "mqtt://localhost"
        [[sensor]]
        name = "warmth"
        topic = "p/warmth"
        every = "{EVERY_S}s"
        range = [-50, 150]
        [[actuator]]
        name = "device"
        topic = "p/device/set"
        kind = "switch"
        state_topic = "p/device"
        at_start = "keep"
        safe = "{safe}"
        effects = {{ warmth = "{verb}" }}
        [[goal]]
        name = "warmth"
        keep = {{ sensor = "warmth", min = 20, max = 30 }}
        "#
    );
    let (config, _) = from_text(&text, "room.toml", &[], Strictness::Check).expect("good");
    Arc::new(config)
}

fn recorded(effects: &[Effect], now: Now) -> Vec<(Now, Entry)> {
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry, .. } => Some((now, entry.clone())),
        _ => None,
    });
    records.collect()
}

impl Place {
    fn new(verb: &str, ambient: f64) -> Place {
        Place::with_safe(verb, ambient, "off")
    }

    fn with_safe(verb: &str, ambient: f64, safe: &str) -> Place {
        let now = Now { tick: Tick(0), unix_ms: 0, trust: ClockTrust::Unset };
        let resumed = Resumed { next_seq: 1, ..Resumed::default() };
        let (agent, first) = Agent::new(config(verb, safe), resumed, 7 << 32, now);
        let records = recorded(&first, now);
        let push = if verb == "raises" { PUSH } else { -PUSH };
        let (value, seconds, on, stuck, noise) = (25.0, 0, false, false, 1);
        let mut place = Place { agent, ambient, push, value, seconds, on, stuck, noise, records };
        place.apply(Event::LinkUp);
        place
    }

    /// Applies an event; the device hears at once and says what it is set to.
    fn apply(&mut self, event: Event) {
        let tick = Tick(self.seconds * 1000);
        let now = Now { tick, unix_ms: 0, trust: ClockTrust::Unset };
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let effects = self.agent.apply(event, now);
            self.records.extend(recorded(&effects, now));
            for effect in effects {
                if let Effect::Send { payload, .. } = effect {
                    self.on = if self.stuck { self.on } else { payload == b"ON" };
                    events.push(self.echo());
                }
            }
        }
    }

    fn echo(&self) -> Event {
        let setting = if self.on { Setting::On } else { Setting::Off };
        Event::Echo { actuator: ActuatorId(0), setting: Ok(setting), retained: false }
    }

    /// Some minutes pass.
    fn run(&mut self, minutes: u64) {
        let end = self.seconds + 60 * minutes;
        while self.seconds < end {
            self.seconds += 5;
            let target = self.ambient + if self.on { self.push } else { 0.0 };
            self.value = target + (self.value - target) * (-5.0 / TAU_S).exp();
            match self.seconds {
                s if s % EVERY_S == 0 => {
                    self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let noise = (self.noise >> 33) as f64 / (1_u64 << 31) as f64 - 0.5;
                    let value = Ok(Value::Number(self.value + 0.4 * noise));
                    self.apply(Event::Reading { sensor: SensorId(0), value, retained: false });
                }
                s if s % 60 == 5 => self.apply(self.echo()),
                _ => self.apply(Event::Wake),
            }
        }
    }

    /// Share of the coming minutes in which the goal is kept, half a unit beside it allowed.
    fn kept(&mut self, minutes: u64) -> f64 {
        let inside = (0..minutes).filter(|_| {
            self.run(1);
            (19.5..30.5).contains(&self.value)
        });
        inside.count() as f64 / minutes as f64
    }
}

/// Ending a device a little later looked better each time, since its end overshoots within the
/// planner's horizon the further the sensor is out: so it was never ended.
#[test]
fn what_pushed_a_goal_far_out_is_ended() {
    for (verb, ambient) in [("lowers", 35.0), ("raises", 15.0)] {
        let mut place = Place::new(verb, ambient);
        place.run(90);
        // By hand, and the switch is broken.
        (place.on, place.stuck) = (true, true);
        place.run(40);
        assert!(!(15.0..35.0).contains(&place.value), "{verb}: it is far out: {}", place.value);
        place.stuck = false;
        place.run(20);
        let kept = place.kept(60);
        assert!(kept > 0.9, "{verb}: kept {kept} of an hour");
    }
}

/// Nobody heats what is too warm, however fast it cools.
#[test]
fn nothing_is_begun_that_pushes_a_broken_goal_further_out() {
    for (verb, ambient) in [("lowers", 35.0), ("raises", 15.0)] {
        let mut place = Place::new(verb, ambient);
        place.run(90);
        (place.on, place.stuck) = (true, true);
        place.run(40);
        place.stuck = false;
        let out = |value: f64| !(20.0..30.0).contains(&value);
        let (mut ended, mut begun) = (false, 0);
        for _ in 0..240 {
            let was = place.on;
            place.run(1);
            ended |= !place.on;
            begun += u32::from(ended && !was && place.on && out(place.value));
            if !out(place.value) {
                break;
            }
        }
        assert!(ended && begun == 0, "{verb}: ended {ended}, begun {begun} times");
    }
}

/// What was learned of a device while its sensor was stuck is put right once it moves again.
#[test]
fn what_was_learned_from_a_sensor_that_was_stuck_is_unlearned() {
    for (verb, ambient, safe) in [("lowers", 35.0, "off"), ("raises", 20.0, "on")] {
        unlearned(verb, ambient, safe);
    }
}

fn unlearned(verb: &str, ambient: f64, safe: &str) {
    let mut place = Place::with_safe(verb, ambient, safe);
    place.run(60);
    // The sensor says the same for an hour whatever the device does.
    for step in 0..120_u64 {
        place.seconds += EVERY_S;
        place.on = step / 10 % 2 == 0;
        place.apply(place.echo());
        let value = Ok(Value::Number(25.0));
        place.apply(Event::Reading { sensor: SensorId(0), value, retained: false });
    }
    (place.on, place.value) = (true, ambient + place.push);
    place.run(60);
    let kept = place.kept(60);
    assert!(kept > 0.9, "{verb}: kept {kept} of an hour");
}

/// What was learned of a device that is off is not proved wrong while it stays off (seeds 7079 and
/// 6265 of the simulation): it is tried again while its goal stays broken.
#[test]
fn what_was_learned_to_do_nothing_or_too_much_is_tried_again() {
    type Learned = fn(&mut super::filter::Filter, ActuatorId);
    let nothing: Learned = super::filter::Filter::learn_nothing;
    let too_much: Learned = |filter, id| filter.learn_much(id, 40.0);
    for (verb, ambient, learned) in [
        ("lowers", 35.0, nothing),
        ("raises", 15.0, nothing),
        ("lowers", 35.0, too_much),
        ("raises", 15.0, too_much),
    ] {
        let mut place = Place::new(verb, ambient);
        place.run(60);
        let (of, by) = (SensorId(0), ActuatorId(0));
        // Switched off by hand, and believed to do nothing, or too much.
        (place.on, place.value) = (false, ambient);
        place.apply(place.echo());
        learned(place.agent.world.sensors[0].filter_mut().expect("a number"), by);
        place.run(45);
        let kept = place.kept(60);
        assert!(kept > 0.9, "{verb}: kept {kept} of an hour");
        let learned = place.agent.world().sensor(of).filter().map(|filter| filter.effect(by));
        assert!(
            learned.is_some_and(|effect| (0.002..0.2).contains(&effect.abs())),
            "{verb}: {learned:?}"
        );
    }
}

/// What is believed anew is in a record, so that decisions come out again as they were.
#[test]
fn what_is_believed_anew_is_followed_by_a_replay() {
    followed(|filter| filter.learn_nothing(ActuatorId(0)));
    followed(|filter| filter.learn_much(ActuatorId(0), 40.0));
}

fn followed(learn: fn(&mut super::filter::Filter)) {
    let mut place = Place::new("raises", 15.0);
    place.run(30);
    // It rests, and a record says so.
    place.ambient = 25.0;
    place.run(60);
    let mut follower = Follower::new(config("raises", "off"));
    let take = |follower: &mut Follower, records: Vec<(Now, Entry)>| {
        let mut same = Vec::new();
        for (now, entry) in records {
            if let Entry::Decision(decision) = &entry {
                let texts = |all: &[Candidate]| {
                    all.iter().map(|one| (one.text.clone(), one.utility)).collect::<Vec<_>>()
                };
                let proposals = follower.propose(now, None);
                let is_same =
                    |one: &Proposal| texts(&one.candidates) == texts(&decision.candidates);
                same.push(proposals.iter().any(is_same));
            }
            follower.take(&entry, 7 << 32, now);
        }
        same
    };
    take(&mut follower, std::mem::take(&mut place.records));
    let amiss = |agent: &mut Agent| {
        learn(agent.world.sensors[0].filter_mut().expect("a number"));
    };
    amiss(&mut place.agent);
    amiss(follower.agent_mut().expect("it has begun"));
    place.ambient = 15.0;
    place.run(60);
    let is_anew = |entry: &Entry| matches!(entry, Entry::Memory(of) if of.of == "again: device");
    assert!(place.records.iter().any(|(_, entry)| is_anew(entry)), "{:#?}", place.records);
    let same = take(&mut follower, std::mem::take(&mut place.records));
    assert!(!same.is_empty() && same.iter().all(|same| *same), "{same:?}");
}

/// A sensor of which its sender said that it is gone is unknown to a replay from then on too.
#[test]
fn a_sensor_that_fell_silent_is_followed_by_a_replay() {
    let mut place = Place::new("raises", 15.0);
    place.run(30);
    let mut follower = Follower::new(config("raises", "off"));
    let mut follow = |place: &mut Place| {
        for (now, entry) in std::mem::take(&mut place.records) {
            follower.take(&entry, 7 << 32, now);
        }
        follower.agent_mut().expect("it has begun").value_of(SensorId(0))
    };
    assert!(follow(&mut place).is_some());
    place.apply(Event::Silent { sensor: SensorId(0) });
    assert_eq!((place.agent.value_of(SensorId(0)), follow(&mut place)), (None, None));
    // Once is enough.
    place.apply(Event::Silent { sensor: SensorId(0) });
    assert!(place.records.is_empty(), "{:?}", place.records);
    place.run(1);
    assert!(follow(&mut place).is_some());
}

/// One that does nothing indeed, and is switched off each time, is tried seldom.
#[test]
fn what_does_nothing_is_tried_again_each_half_hour_at_most() {
    let mut place = Place::new("raises", 15.0);
    place.push = 0.0;
    place.run(60);
    let mut tried = 0;
    for _ in 0..72 {
        place.on = false;
        place.apply(place.echo());
        let filter = place.agent.world.sensors[0].filter_mut();
        filter.expect("a number").learn_nothing(ActuatorId(0));
        place.run(5);
        tried += u32::from(place.on);
    }
    assert!((6..=13).contains(&tried), "tried {tried} times in six hours");
}

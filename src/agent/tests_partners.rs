//! Redundant sensors: one that drifts is named and left out, two that go apart contradict each
//! other, and a sound place is never doubted.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Config, Strictness, from_text};
use crate::domain::{CALL, Decider, Decision, Entry, Memory, SensorId, Value};

const TEXT: &str = r#"
[device]
name = "house"
[bus]
url = "mqtt://localhost"
[[sensor]]
name = "a"
topic = "p/a"
unit = "°C"
every = "5m"
[[sensor]]
name = "b"
topic = "p/b"
unit = "°C"
every = "5m"
[[sensor]]
name = "c"
topic = "p/c"
unit = "°C"
every = "5m"
[[derived]]
name = "air"
value = "mean(a, b, c)"
unit = "°C"
[[goal]]
name = "climate"
keep = { sensor = "air", min = 15, max = 25 }
[[actuator]]
name = "fan"
topic = "p/fan/set"
safe = "off"
effects = { air = "lowers" }
"#;

const DAY: u64 = 24 * 3600;
const STEP_S: u64 = 300;

fn config(text: &str) -> Arc<Config> {
    Arc::new(from_text(text, "outpost.toml", &[], Strictness::Check).expect("good").0)
}

struct Place {
    agent: Agent,
    now: Now,
    n: u32,
    events: Vec<String>,
    memories: Vec<Memory>,
    records: Vec<(Now, Entry)>,
    /// The model far away would call the keeper, wherever it may.
    far_calls: bool,
}

impl Place {
    fn new(text: &str, memories: Vec<Memory>) -> Place {
        let now = Now { tick: Tick(0), unix_ms: 1_780_308_000_000, trust: ClockTrust::Synced };
        let resumed = Resumed { memories, ..Resumed::default() };
        let (agent, effects) = Agent::new(config(text), resumed, 1 << 32, now);
        let (n, events, memories, records) = (0, Vec::new(), Vec::new(), Vec::new());
        let mut place = Place { agent, now, n, events, memories, records, far_calls: false };
        place.keep(effects);
        place
    }

    fn keep(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Record { entry, .. } = effect else { continue };
            match &entry {
                Entry::Event { kind, text, .. } if kind == "sensor" => {
                    self.events.push(text.clone());
                }
                Entry::Memory(memory) => self.memories.push(memory.clone()),
                _ => {}
            }
            self.records.push((self.now, entry));
        }
    }

    /// What goes out arrives, and far away nobody has an answer or the keeper is called.
    fn on(&mut self, event: Event) {
        let effects = self.agent.apply(event, self.now);
        let back = effects.iter().filter_map(|effect| match effect {
            Effect::Send { token, .. } => Some(Event::Acked { token: *token }),
            Effect::Escalate(question) => {
                let options = question.text.split_once("Options:").map_or("", |one| one.1);
                let at = options.trim().lines().position(|line| line.contains(CALL));
                let option = at.filter(|_| self.far_calls);
                let result = Ok(CloudAnswer { option, tokens: None });
                Some(Event::CloudAnswered { id: question.id, result, ms: 1.0 })
            }
            _ => None,
        });
        let back: Vec<Event> = back.collect();
        self.keep(effects);
        for event in back {
            self.on(event);
        }
    }

    fn decision(&self, id: &str) -> Option<&Decision> {
        self.records.iter().find_map(|(_, entry)| match entry {
            Entry::Decision(one) if one.id == id => Some(&**one),
            _ => None,
        })
    }

    /// Some noise, the same each time.
    fn noise(&mut self) -> f64 {
        self.n += 1;
        f64::from(self.n.wrapping_mul(2_654_435_761) >> 20) / 4096.0 * 0.2 - 0.1
    }

    /// Days of weather. The sun reaches `b` at noon; `off` says by the day how far each is off.
    fn days(&mut self, days: f64, sensors: u16, off: impl Fn(u16, f64) -> f64) {
        let steps = (days * DAY as f64) as u64 / STEP_S;
        for step in 0..steps {
            let day = (step * STEP_S) as f64 / DAY as f64;
            let sun = (std::f64::consts::TAU * day).sin().max(0.0);
            for id in 0..sensors {
                let own = [0.0, 0.4 + sun, -0.3][usize::from(id)];
                let value = 20.0 + 3.0 * sun + own + self.noise() + off(id, day);
                let value = Ok(Value::Number(value));
                let event = Event::Reading { sensor: SensorId(id), value, retained: false };
                self.on(event);
            }
            self.now.tick = self.now.tick.after(Duration::from_secs(STEP_S));
            self.now.unix_ms += i64::try_from(STEP_S).expect("short") * 1000;
        }
    }

    fn value(&self, id: u16) -> f64 {
        let every = Duration::from_secs(STEP_S);
        match self.agent.world().sensor(SensorId(id)).known(every, self.now.tick) {
            Some(Value::Number(number)) => *number,
            other => panic!("{other:?}"),
        }
    }
}

fn sound(_: u16, _: f64) -> f64 {
    0.0
}

#[test]
fn a_sound_place_is_not_doubted_whatever_its_weather() {
    let mut place = Place::new(TEXT, Vec::new());
    place.days(20.0, 3, sound);
    assert_eq!(place.events, Vec::<String>::new());
}

#[test]
fn one_that_drifts_is_named_left_out_and_taken_again() {
    let mut place = Place::new(TEXT, Vec::new());
    place.days(4.0, 3, sound);
    // Half a degree a day: in a band of ten that is nothing for a day.
    place.days(10.0, 3, |id, day| if id == 2 { 0.5 * day } else { 0.0 });
    assert_eq!(place.events.len(), 1, "{:?}", place.events);
    let said = &place.events[0];
    assert!(said.starts_with("c drifts away from a, b, ") && said.contains("left out of air"));
    let (a, b, air) = (place.value(0), place.value(1), place.value(3));
    assert!((air - (a + b) / 2.0).abs() < 1e-9, "{air} of {a} and {b}");
    // Over a restart it is known, from the first reading on.
    let mut second = Place::new(TEXT, place.memories.clone());
    second.days(0.1, 3, |id, _| if id == 2 { 5.0 } else { 0.0 });
    assert!((second.value(3) - (second.value(0) + second.value(1)) / 2.0).abs() < 1e-9);
    assert_eq!(second.events, Vec::<String>::new());
    // Somebody puts a new one in its place.
    place.days(1.0, 3, sound);
    assert_eq!(place.events[1], "c is back with a, b, air takes it again");
    assert_eq!(place.events.len(), 2);
    let mean = (0..3).map(|id| place.value(id)).sum::<f64>() / 3.0;
    assert!((place.value(3) - mean).abs() < 1e-9);
}

#[test]
fn two_that_go_apart_contradict_each_other_and_neither_is_left_out() {
    let text = TEXT.replace("mean(a, b, c)", "mean(a, b)");
    let mut place = Place::new(&text, Vec::new());
    place.days(4.0, 2, sound);
    place.days(4.0, 2, |id, _| if id == 0 { 4.0 } else { 0.0 });
    assert_eq!(place.events.len(), 1, "{:?}", place.events);
    assert!(place.events[0].contains(" contradict each other, "), "{:?}", place.events);
    let mean = (place.value(0) + place.value(1)) / 2.0;
    assert!((place.value(3) - mean).abs() < 1e-9);
    place.days(1.0, 2, sound);
    assert!(place.events[1].ends_with("agree again"), "{:?}", place.events);
}

#[test]
fn who_follows_the_journal_leaves_the_same_one_out() {
    let mut place = Place::new(TEXT, Vec::new());
    place.days(4.0, 3, sound);
    place.days(8.0, 3, |id, day| if id == 2 { 0.7 * day } else { 0.0 });
    assert_eq!(place.events.len(), 1);
    let mut follower = Follower::new(config(TEXT));
    for (now, entry) in &place.records {
        follower.take(entry, 1 << 32, *now);
    }
    let (found, is) = (follower.value_of(SensorId(3)).expect("known"), place.value(3));
    assert!((found - is).abs() < 1e-9, "{found} {is}");
}

#[test]
fn a_plan_on_sensors_that_contradict_each_other_is_asked_about() {
    let text = TEXT.replace("mean(a, b, c)", "mean(a, b)");
    let text = format!("{text}\n[escalate]\nurl = \"https://far.example/v1\"\nmodel = \"m\"\n");
    let mut place = Place::new(&text, Vec::new());
    place.on(Event::LinkUp);
    place.days(4.0, 2, sound);
    place.days(1.0, 2, |id, _| if id == 0 { 4.0 } else { 0.0 });
    place.days(1.0, 2, |id, _| if id == 0 { 9.0 } else { 5.0 });
    let asked = place.records.iter().filter_map(|(_, entry)| match entry {
        Entry::Escalated(one) if one.state == "asked" => Some(one.why.as_str()),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    assert!(asked.contains(&"contradiction"), "{asked:?} {:?}", place.events);
}

#[test]
fn the_model_far_away_may_have_a_person_called_and_what_was_done_stands() {
    let text = TEXT.replace("mean(a, b, c)", "mean(a, b)");
    let text = format!("{text}\n[escalate]\nurl = \"https://far.example/v1\"\nmodel = \"m\"\n");
    let mut place = Place::new(&text, Vec::new());
    place.far_calls = true;
    place.on(Event::LinkUp);
    place.days(4.0, 2, sound);
    place.days(1.0, 2, |id, _| if id == 0 { 4.0 } else { 0.0 });
    place.days(1.0, 2, |id, _| if id == 0 { 9.0 } else { 5.0 });
    let mut called = 0;
    for (_, entry) in &place.records {
        match entry {
            Entry::Event { kind, text, .. } if kind == "call" => {
                called += 1;
                let (why, id) = text.split_once(": call the keeper, says decision ").expect(text);
                assert!(why.starts_with("goal climate: air "), "{text}");
                assert!(why.ends_with(" (contradiction)"), "{text}");
                let decision = place.decision(id).expect(text);
                assert!(decision.candidates[decision.chosen].calls(), "{decision:?}");
                assert_eq!((decision.by, decision.guard.as_str()), (Decider::Cloud, "passed"));
            }
            Entry::Step { by, .. } => assert_ne!(*by, Decider::Cloud, "{entry:?}"),
            _ => {}
        }
    }
    assert!(called > 0, "{:?}", place.events);
}

//! Derived sensors that remember the day: what it has made so far, until local midnight, over a
//! restart, and the same for whoever follows the journal.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Config, Strictness, from_text};
use crate::domain::{Entry, Memory, SensorId, Value};

const TEXT: &str = r#"
[device]
name = "house"
timezone = "Europe/Berlin"
[bus]
url = "mqtt://localhost"
[[sensor]]
name = "flow"
topic = "p/flow"
every = "10s"
[[derived]]
name = "litres_today"
value = "60 * integral_today(flow)"
unit = "l"
[[derived]]
name = "span_today"
value = "max_today(flow) - min_today(flow)"
"#;

const FLOW: SensorId = SensorId(0);
const LITRES: SensorId = SensorId(1);
const SPAN: SensorId = SensorId(2);
/// 2026-06-01, 12:00 in Berlin.
const NOON_MS: i64 = 1_780_308_000_000;

fn config() -> Arc<Config> {
    Arc::new(from_text(TEXT, "outpost.toml", &[], Strictness::Check).expect("good").0)
}

struct Place {
    agent: Agent,
    now: Now,
    records: Vec<(Now, Entry)>,
}

impl Place {
    fn new(resumed: Resumed, unix_ms: i64, trust: ClockTrust) -> Place {
        let now = Now { tick: Tick(5_000_000), unix_ms, trust };
        let (agent, effects) = Agent::new(config(), resumed, 1 << 32, now);
        let mut place = Place { agent, now, records: Vec::new() };
        place.keep(effects);
        place
    }

    fn keep(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Record { entry, .. } = effect {
                self.records.push((self.now, entry));
            }
        }
    }

    fn on(&mut self, event: Event) {
        let effects = self.agent.apply(event, self.now);
        self.keep(effects);
    }

    fn pass(&mut self, seconds: u64) {
        self.now.tick = self.now.tick.after(Duration::from_secs(seconds));
        self.now.unix_ms += i64::try_from(seconds).expect("short") * 1000;
    }

    /// A flow for some time, a reading each 10 s.
    fn flows(&mut self, litres_a_minute: f64, seconds: u64) {
        for _ in 0..seconds / 10 {
            let value = Ok(Value::Number(litres_a_minute));
            self.on(Event::Reading { sensor: FLOW, value, retained: false });
            self.pass(10);
        }
    }

    fn is(&self, id: SensorId) -> Option<f64> {
        let every = Duration::from_secs(10);
        match self.agent.world().sensor(id).known(every, self.now.tick) {
            Some(Value::Number(number)) => Some((number * 1e6).round() / 1e6),
            _ => None,
        }
    }

    fn memories(&self) -> Vec<Memory> {
        let all = self.records.iter().filter_map(|(_, entry)| match entry {
            Entry::Memory(memory) => Some(memory.clone()),
            _ => None,
        });
        all.collect()
    }
}

#[test]
fn a_day_is_summed_up_and_begins_anew_at_local_midnight() {
    let mut place = Place::new(Resumed::default(), NOON_MS, ClockTrust::Synced);
    assert_eq!(place.is(LITRES), None);
    place.flows(6.0, 600);
    place.flows(0.0, 10);
    assert_eq!((place.is(LITRES), place.is(SPAN)), (Some(60.0), Some(6.0)));
    // Unknown with what it is made of, and then it goes on: 20 s were believed at most.
    place.pass(3600);
    place.on(Event::Wake);
    assert_eq!(place.is(LITRES), None);
    place.flows(3.0, 20);
    assert_eq!(place.is(LITRES), Some(60.5), "ten seconds at 3 a minute");
    // Midnight in Berlin is 22:00 in UTC; what flows across it is shared between the days.
    place.now.unix_ms = NOON_MS + 12 * 3_600_000 - 5_000;
    place.on(Event::Reading { sensor: FLOW, value: Ok(Value::Number(12.0)), retained: false });
    place.pass(10);
    place.on(Event::Reading { sensor: FLOW, value: Ok(Value::Number(12.0)), retained: false });
    assert_eq!((place.is(LITRES), place.is(SPAN)), (Some(1.0), Some(0.0)));
}

#[test]
fn a_restart_goes_on_with_the_same_day_and_forgets_another() {
    let mut place = Place::new(Resumed::default(), NOON_MS, ClockTrust::Synced);
    place.flows(6.0, 600);
    place.on(Event::Stop);
    let memories = place.memories();
    let litres = memories.iter().rev().find(|one| one.sensor == "litres_today").expect("kept");
    assert_eq!(litres.of, "today");
    let start = |unix_ms, trust| {
        let memories = memories.clone();
        let mut place = Place::new(Resumed { memories, ..Resumed::default() }, unix_ms, trust);
        place.flows(0.0, 10);
        place
    };
    let kept = start(NOON_MS + 3_600_000, ClockTrust::Synced);
    assert_eq!((kept.is(LITRES), kept.is(SPAN)), (Some(60.0), Some(6.0)));
    let other = start(NOON_MS + 24 * 3_600_000, ClockTrust::Synced);
    assert_eq!((other.is(LITRES), other.is(SPAN)), (Some(0.0), Some(0.0)));
    // Which day it is nobody knows: neither does anybody know what it has made.
    let mut unset = start(NOON_MS, ClockTrust::Unset);
    assert_eq!(unset.is(LITRES), None);
    unset.now.trust = ClockTrust::Synced;
    unset.flows(0.0, 10);
    assert_eq!(unset.is(LITRES), Some(60.0));
    // A memory of another expression is none.
    let mut changed = memories.clone();
    changed.iter_mut().for_each(|one| one.form ^= 1);
    let resumed = Resumed { memories: changed, ..Resumed::default() };
    let mut place = Place::new(resumed, NOON_MS, ClockTrust::Synced);
    place.flows(0.0, 10);
    assert_eq!(place.is(LITRES), Some(0.0));
}

#[test]
fn a_clock_that_goes_back_over_midnight_gives_no_day_a_second_time() {
    let midnight = NOON_MS + 12 * 3_600_000;
    let mut place = Place::new(Resumed::default(), midnight + 5_000, ClockTrust::Synced);
    place.flows(6.0, 610);
    assert_eq!(place.is(LITRES), Some(60.0));
    place.now.unix_ms = midnight - 60_000;
    place.flows(6.0, 10);
    assert_eq!(place.is(LITRES), Some(61.0));
    place.now.unix_ms = midnight + 60_000;
    place.flows(6.0, 10);
    assert_eq!(place.is(LITRES), Some(62.0));
    // By years it is another day, there and back.
    for years in [10, 0] {
        place.now.unix_ms = midnight + years * 365 * 24 * 3_600_000 + 60_000;
        place.flows(0.0, 10);
        let litres = place.is(LITRES).expect("known");
        assert!(litres <= 1.0, "{litres}");
    }
}

#[test]
fn who_follows_the_journal_has_the_same_day() {
    let mut place = Place::new(Resumed::default(), NOON_MS, ClockTrust::Synced);
    place.flows(6.0, 400);
    place.on(Event::Stop);
    let mut resumed = Resumed { memories: place.memories(), ..Resumed::default() };
    resumed.memories = resumed.memories.split_off(resumed.memories.len() - 2);
    let mut second = Place::new(resumed, NOON_MS + 600_000, ClockTrust::Synced);
    second.flows(6.0, 400);
    let mut follower = Follower::new(config());
    for (boot, place) in [(1, &place), (2, &second)] {
        for (now, entry) in &place.records {
            follower.take(entry, boot << 32, *now);
        }
    }
    let found = follower.value_of(LITRES).expect("known");
    let is = second.is(LITRES).expect("known");
    assert!((found - is).abs() < 1e-6 && is > 60.0, "{found} {is}");
}

//! Which readings are written down, where the configuration thins them: those that changed, one
//! now and then, and all of them around what matters. A reading is kept from the journal only,
//! never from the world.

use std::time::Duration;

use super::core::Agent;
use crate::clock::Tick;
use crate::config::{Config, Thin};
use crate::domain::{CommandState, Entry, SensorId, Severity, StepState, Value};
use crate::limits::{THIN_AROUND_MS, THIN_TOLD_MS};

/// What was written of one sensor.
#[derive(Clone, Debug, Default)]
struct Written {
    last: Option<(Value, Tick)>,
    /// The newest reading, where it was not written.
    held: Option<Value>,
}

/// Of all sensors.
#[derive(Debug)]
pub(super) struct Thinning {
    sensors: Vec<Written>,
    /// Something matters until then.
    all_until: Option<Tick>,
    /// When a day's count was told last.
    told: Tick,
    /// Readings of thinned sensors since, and those that were not written.
    since: (u64, u64),
}

impl Thinning {
    pub(super) fn new(config: &Config, now: Tick) -> Thinning {
        let sensors = vec![Written::default(); config.sensors.len()];
        Thinning { sensors, all_until: None, told: now, since: (0, 0) }
    }

    /// True where this reading is written.
    fn writes(&mut self, sensor: usize, thin: &Thin, value: &Value, now: Tick) -> bool {
        self.since.0 += 1;
        let around = self.all_until.is_some_and(|until| now < until);
        let written = &mut self.sensors[sensor];
        let is_news = match &written.last {
            None => true,
            Some((_, at)) if now.since(*at) >= thin.every => true,
            Some((Value::Number(last), _)) => match value {
                Value::Number(number) if thin.change > 0.0 => (number - last).abs() >= thin.change,
                other => *other != Value::Number(*last),
            },
            Some((last, _)) => last != value,
        };
        if is_news || around {
            *written = Written { last: Some((value.clone(), now)), held: None };
        } else {
            written.held = Some(value.clone());
            self.since.1 += 1;
        }
        is_news || around
    }

    /// Something matters: what was held back is written beside it. Gives the sensors.
    fn around(&mut self, now: Tick) -> Vec<(usize, Value)> {
        self.all_until = Some(now.after(Duration::from_millis(THIN_AROUND_MS)));
        let mut held = Vec::new();
        for (index, written) in self.sensors.iter_mut().enumerate() {
            if let Some(value) = written.held.take() {
                written.last = Some((value.clone(), now));
                held.push((index, value));
            }
        }
        held
    }
}

/// A device is set, somebody asks for something, something is wrong.
fn matters(entry: &Entry) -> bool {
    match entry {
        Entry::Step { state, .. } => *state == StepState::Intended,
        Entry::Command { state, .. } => *state == CommandState::Accepted,
        Entry::Event { severity, .. } => *severity != Severity::Info,
        _ => false,
    }
}

impl Agent {
    /// Writes a reading down, or counts it.
    pub(super) fn write_reading(&mut self, id: SensorId, value: Value) {
        let index = usize::from(id.0);
        let (sensor, now) = (&self.config.sensors[index], self.now.tick);
        let name = sensor.name.clone();
        let written = match &sensor.record {
            Some(thin) => self.thinning.writes(index, thin, &value, now),
            None => true,
        };
        if written {
            self.record(Entry::Reading { sensor: name, value });
            return;
        }
        self.counters.thinned += 1;
        if now.since(self.thinning.told) >= Duration::from_millis(THIN_TOLD_MS) {
            self.thinning.told = now;
            let (all, thinned) = std::mem::take(&mut self.thinning.since);
            let text = format!("{thinned} of a day's {all} readings were not written down");
            self.say("thinned", text, Severity::Info);
        }
    }

    /// Before an entry is written: how the place was, where the entry matters.
    pub(super) fn write_held(&mut self, entry: &Entry) {
        if !matters(entry) {
            return;
        }
        for (index, value) in self.thinning.around(self.now.tick) {
            let sensor = self.config.sensors[index].name.clone();
            self.record(Entry::Reading { sensor, value });
        }
    }
}

//! What the filters have learned, kept over a restart: how a sensor's readings tremble, how
//! restless its drift is, and what each actuator adds to it. What it is now (value, drift) is not
//! kept: that may have changed while nobody looked. What was kept and does not fit any more is said
//! and forgotten, never guessed at.

use std::time::Duration;

use super::core::Agent;
use crate::config::{Actuator, ActuatorKind, Sensor};
use crate::domain::{ActuatorId, Entry, Memory, SensorId, Severity};
use crate::limits::{FILTERS_KEPT_MAX, FILTERS_WRITTEN_MS};

/// How the records of it are called.
const FILTER: &str = "filter";
const EFFECT: &str = "effect: ";

impl Agent {
    /// The sensors whose filters are worth keeping: those of goals and declared effects.
    fn kept_filters(&self) -> Vec<SensorId> {
        let sensors = (0u16..).zip(&self.config.sensors).filter(|(_, sensor)| sensor.learn);
        let ids = sensors.map(|(id, _)| SensorId(id));
        let used = ids.filter(|id| {
            let aimed = self.aims.iter().any(|goal| goal.aim.sensor() == Some(*id));
            let mut devices = self.config.actuators.iter();
            aimed || devices.any(|one| one.effects.iter().any(|(of, _)| of == id))
        });
        used.take(FILTERS_KEPT_MAX).collect()
    }

    /// Writes down what the filters have learned, now and then, and at the end.
    pub(super) fn write_filters(&mut self, is_end: bool) {
        let passed = self.now.tick.since(self.filters_written);
        if !is_end && passed < Duration::from_millis(FILTERS_WRITTEN_MS) {
            return;
        }
        self.filters_written = self.now.tick;
        let mut memories = Vec::new();
        for id in self.kept_filters() {
            let sensor = &self.config.sensors[usize::from(id.0)];
            let Some(filter) = self.world.sensor(id).filter() else { continue };
            let Some(learned) = filter.learned() else { continue };
            memories.push(memory(sensor, FILTER.into(), form(sensor, None), learned));
            for (number, actuator) in (0u16..).zip(&self.config.actuators) {
                let Some(learned) = filter.learned_of(ActuatorId(number)) else { continue };
                let of = format!("{EFFECT}{}", actuator.name);
                memories.push(memory(sensor, of, form(sensor, Some((actuator, id))), learned));
            }
        }
        for memory in memories {
            self.record(Entry::Memory(memory));
        }
    }

    /// Takes over what the filters had learned. What cannot be is said, once: an empty record takes
    /// its place.
    pub(super) fn resume_filters(&mut self, memories: &[Memory]) {
        let mut left = Vec::new();
        for memory in memories {
            let is_ours = memory.of == FILTER || memory.of.starts_with(EFFECT);
            if !is_ours || memory.numbers.is_empty() {
                continue;
            }
            if let Err(why) = self.resume_filter(memory) {
                let what = memory.of.strip_prefix(EFFECT).map(|name| format!("{name} to "));
                left.push(format!("{}{}: {why}", what.unwrap_or_default(), memory.sensor));
                let (sensor, of) = (memory.sensor.clone(), memory.of.clone());
                self.record(Entry::Memory(Memory { sensor, of, ..Memory::default() }));
            }
        }
        if !left.is_empty() {
            let text = format!("not taken over of what was learned: {}", left.join("; "));
            self.say("learning", text, Severity::Info);
        }
    }

    fn resume_filter(&mut self, memory: &Memory) -> Result<(), &'static str> {
        let config = self.config.clone();
        let index = config.sensors.iter().position(|one| one.name == memory.sensor);
        let index = index.ok_or("there is no such sensor any more")?;
        let id = SensorId(u16::try_from(index).map_err(|_| "there is no such sensor any more")?);
        let sensor = &config.sensors[index];
        if !sensor.learn {
            return Err("it is not to be learned");
        }
        let device = match memory.of.strip_prefix(EFFECT) {
            Some(name) => Some(self.id_of(name).ok_or("there is no such actuator any more")?),
            None => None,
        };
        let of = device.map(|device| (&config.actuators[usize::from(device.0)], id));
        if memory.form != form(sensor, of) {
            return Err("the configuration was changed");
        }
        let [Some(first), Some(second)] = memory.numbers[..] else {
            return Err("it cannot be read");
        };
        let filter = self.world.sensors[index].filter_mut().ok_or("it is no number any more")?;
        let is_taken = match device {
            Some(device) => filter.resume_effect(device, [first, second]),
            None => filter.resume([first, second]),
        };
        if is_taken { Ok(()) } else { Err("it cannot be read") }
    }
}

fn memory(sensor: &Sensor, of: String, form: u32, learned: [f64; 2]) -> Memory {
    Memory { sensor: sensor.name.clone(), of, form, numbers: learned.map(Some).to_vec() }
}

/// What the numbers are about: of another unit, formula, direction or range they would be others.
fn form(sensor: &Sensor, device: Option<(&Actuator, SensorId)>) -> u32 {
    let mut text = format!("{} {} {}", sensor.unit, sensor.scale, sensor.offset);
    if let Some(formula) = sensor.formula() {
        text.push_str(&format!(" {}", formula.source()));
    }
    if let Some((actuator, id)) = device {
        let declared = actuator.effects.iter().find(|(of, _)| *of == id);
        let direction = declared.map_or(0.0, |(_, direction)| *direction);
        let range = match &actuator.kind {
            ActuatorKind::Level { min, max, .. } => Some((*min, *max)),
            _ => None,
        };
        text.push_str(&format!(" {direction} {range:?}"));
    }
    crc32fast::hash(text.as_bytes())
}

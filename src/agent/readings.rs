//! What a sensor says: what of it is believed, and what becomes of it. No decisions here.

use super::core::{Agent, due_fault};
use super::senses::Doubt;
use super::world::fault_index;
use crate::domain::{Entry, Fault, FaultKind, Memory, SensorId, Severity, Value};
use crate::limits;

/// What a record of a sensor that fell silent says of it.
const SILENT: &str = "silent";

impl Agent {
    pub(super) fn reading(&mut self, id: SensorId, value: Result<Value, Fault>, retained: bool) {
        if retained {
            self.counters.retained += 1;
            return;
        }
        let index = usize::from(id.0);
        match value.and_then(|value| self.possible(id, value)) {
            Ok(value) => {
                self.counters.readings += 1;
                let doubt = match value {
                    Value::Number(number) => self.world.sensors[index].senses.note(number),
                    Value::Bool(_) | Value::Text(_) => None,
                };
                self.believe(id, value);
                if let Some(doubt) = doubt {
                    let sensor = self.config.sensors[index].name.clone();
                    self.doubt(&sensor, doubt);
                }
            }
            Err(fault) => {
                if matches!(fault.kind, FaultKind::OutOfRange | FaultKind::NotFinite) {
                    self.world.sensors[index].doubt();
                    self.derivation.touch(id);
                }
                let source = self.config.sensors[index].name.clone();
                let count = &mut self.world.sensors[index].faults[fault_index(fault.kind)];
                let due = due_fault(count, self.now.tick);
                self.fault(&source, &fault, due);
            }
        }
    }

    /// What was last said counts no more.
    pub(super) fn silent(&mut self, id: SensorId) {
        let sensor = &self.config.sensors[usize::from(id.0)];
        if self.world.sensor(id).known(sensor.every, self.now.tick).is_some() {
            // `replay` follows it.
            let (sensor, of) = (sensor.name.clone(), SILENT.to_owned());
            self.record(Entry::Memory(Memory { sensor, of, ..Memory::default() }));
        }
        self.unbelieve(id);
        self.plan_wanted = true;
    }

    /// A record says that a sensor fell silent.
    pub(super) fn follow_silent(&mut self, memory: &Memory) {
        if let Some(id) = self.speaks(&memory.sensor).filter(|_| memory.of == SILENT) {
            self.unbelieve(id);
        }
    }

    fn unbelieve(&mut self, id: SensorId) {
        self.world.sensors[usize::from(id.0)].doubt();
        self.derivation.touch(id);
    }

    /// A value that the sensor can have reached since it was last believed. What is stale is no
    /// measure any more: then the sensor was moved, or what came before was wrong.
    fn possible(&self, id: SensorId, value: Value) -> Result<Value, Fault> {
        let sensor = &self.config.sensors[usize::from(id.0)];
        let last = self.world.sensor(id).last();
        let (Value::Number(number), Some(rate), Some((Value::Number(from), at))) =
            (&value, sensor.max_rate, last)
        else {
            return Ok(value);
        };
        let passed = self.now.tick.since(at);
        // Two that follow each other quickly differ by their noise alone.
        let most = rate * passed.max(sensor.every).as_secs_f64() / 60.0;
        if passed > sensor.every * limits::STALE_PERIODS || (number - from).abs() <= most {
            return Ok(value);
        }
        let seconds = passed.as_secs_f64();
        let found = format!("{number}, from {from} within {seconds:.1} s, {rate} a minute allowed");
        Err(Fault { kind: FaultKind::OutOfRange, found })
    }

    /// Takes a value for what a sensor is now, and writes it down.
    pub(super) fn believe(&mut self, id: SensorId, value: Value) {
        let index = usize::from(id.0);
        if let Value::Number(number) = value {
            self.dynamics.reading(id, number);
        }
        self.world.sensors[index].take(value.clone(), self.now.tick);
        self.write_reading(id, value.clone());
        if let Value::Number(number) = value {
            self.compare(id, number);
        }
        self.derivation.touch(id);
        self.plan_wanted = true;
    }

    fn doubt(&mut self, sensor: &str, doubt: Doubt) {
        let (what, severity) = match doubt {
            Doubt::Stuck(true) => ("says the same each time, it may be stuck", Severity::Warning),
            Doubt::Stuck(false) => ("moves again", Severity::Info),
            Doubt::Jumping(true) => ("jumps, its wire may be loose", Severity::Warning),
            Doubt::Jumping(false) => ("does not jump any more", Severity::Info),
        };
        self.say("sensor", format!("{sensor} {what}"), severity);
    }
}

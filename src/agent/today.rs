//! What a day has made of a value so far, for derived sensors: an integral, the least, the
//! greatest. It begins anew at local midnight and goes on over a restart. No expression is
//! evaluated here.

use std::time::Duration;

use super::core::Agent;
use super::world::LocalTime;
use crate::clock::Tick;
use crate::domain::{Entry, Memory, SensorId};
use crate::expr::{Day, Formula};
use crate::limits::TODAY_WRITTEN_MS;

/// What is kept of one sensor in [`Memory`].
pub(super) const KEPT: &str = "today";

/// The memory of one derived sensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Today {
    /// The day that it is about; `None`: no trusted clock has said it yet.
    day: Option<i64>,
    /// By slot of the formula; `None`: nothing was known this day.
    values: Vec<Option<f64>>,
    /// What the inner value is, and since when; `None`: it is unknown.
    held: Vec<Option<(f64, Tick)>>,
}

impl Today {
    pub(super) fn new(formula: &Formula) -> Today {
        let slots = formula.days();
        Today { day: None, values: vec![None; slots], held: vec![None; slots] }
    }

    /// What each slot is now; unknown as long as nobody knows which day it is.
    pub(super) fn values(&self, local: Option<LocalTime>) -> &[Option<f64>] {
        if local.is_some() { &self.values } else { &[] }
    }

    /// The inner values are these from now on. Between two looks an integral goes on with what was
    /// known at the first of them: a value holds until the next one comes.
    pub(super) fn take(
        &mut self,
        formula: &Formula,
        inner: &[Option<f64>],
        now: Tick,
        local: Option<LocalTime>,
    ) {
        if let Some(LocalTime { day, second, .. }) = local {
            match self.day {
                // A clock that is set back over midnight gives no day a second time.
                Some(known) if known == day || known == day + 1 => {}
                None => self.day = Some(day),
                Some(_) => self.begin(day, second, now),
            }
        }
        let slots = self.values.iter_mut().zip(&mut self.held).zip(inner).enumerate();
        for (slot, ((value, held), inner)) in slots {
            let kind = formula.day(slot);
            if let (Day::Integral, Some((was, since))) = (kind, held.take()) {
                let hours = now.since(since).as_secs_f64() / 3600.0;
                *value = Some(value.unwrap_or(0.0) + was * hours);
            }
            let Some(number) = *inner else { continue };
            *value = Some(match (kind, *value) {
                (Day::Integral, sum) => sum.unwrap_or(0.0),
                (_, None) => number,
                (Day::Least, Some(least)) => least.min(number),
                (Day::Greatest, Some(greatest)) => greatest.max(number),
            });
            *held = Some((number, now));
        }
    }

    /// Another day: what is held counts from midnight on.
    fn begin(&mut self, day: i64, second: f64, now: Tick) {
        self.day = Some(day);
        self.values.fill(None);
        let passed_ms = (second.max(0.0) * 1e3) as u64;
        let midnight = Tick(now.0.saturating_sub(passed_ms));
        for (_, since) in self.held.iter_mut().flatten() {
            *since = (*since).max(midnight);
        }
    }

    /// As it is written down.
    fn memory(&self, sensor: &str, formula: &Formula) -> Memory {
        let day = self.day.map(|day| day as f64);
        Memory {
            sensor: sensor.into(),
            of: KEPT.into(),
            form: form(formula),
            numbers: std::iter::once(day).chain(self.values.iter().copied()).collect(),
        }
    }

    /// As it was written down, where it was about the same expression.
    pub(super) fn resume(&mut self, formula: &Formula, memory: &Memory) {
        let Some((day, values)) = memory.numbers.split_first() else { return };
        let finite = values.iter().flatten().all(|value| value.is_finite());
        if memory.form == form(formula) && values.len() == self.values.len() && finite {
            // Days since 1970 are whole and small.
            self.day = day.filter(|day| day.abs() < 1e9).map(|day| day as i64);
            self.values = values.to_vec();
        }
    }
}

/// What tells one expression from another.
fn form(formula: &Formula) -> u32 {
    crc32fast::hash(formula.source().as_bytes())
}

impl Agent {
    /// Writes down what the day has made so far, now and then, and at the end.
    pub(super) fn write_days(&mut self, is_end: bool) {
        let passed = self.now.tick.since(self.derivation.days_written);
        if !is_end && passed < Duration::from_millis(TODAY_WRITTEN_MS) {
            return;
        }
        self.derivation.days_written = self.now.tick;
        let config = self.config.clone();
        for (place, SensorId(id)) in config.derived.iter().enumerate() {
            let sensor = &config.sensors[usize::from(*id)];
            let Some(formula) = sensor.formula().filter(|formula| formula.days() > 0) else {
                continue;
            };
            let memory = self.derivation.days[place].memory(&sensor.name, formula);
            if memory.numbers.iter().any(Option::is_some) {
                self.record(Entry::Memory(memory));
            }
        }
    }
}

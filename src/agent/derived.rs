//! Sensors that are made of others: computed anew as soon as one of those has spoken, has become
//! unknown, or time itself counts; before rules, so that these see one world. Nothing else here.

use std::sync::Arc;

use super::core::Agent;
use super::today::{self, Today};
use super::world::{Lasts, View};
use crate::clock::Tick;
use crate::config::Config;
use crate::domain::{Fault, FaultKind, Memory, SensorId, Value};
use crate::expr::Formula;

/// What has to be computed anew.
#[derive(Clone, Debug, Default)]
pub struct Derivation {
    /// By sensor: it has spoken or become unknown since the last look.
    touched: Vec<bool>,
    /// One of them has.
    any: bool,
    /// By place in [`Config::derived`]: when it must be looked at though nothing has spoken.
    due: Vec<Option<Tick>>,
    /// The earliest of these.
    next: Option<Tick>,
    /// By place in [`Config::derived`]: what the day has made so far.
    pub(super) days: Vec<Today>,
    /// When that was written down.
    pub(super) days_written: Tick,
}

impl Derivation {
    /// Everything is computed at the first look.
    #[must_use]
    pub fn new(config: &Config, memories: &[Memory]) -> Derivation {
        let any = !config.derived.is_empty();
        let sensors = if any { config.sensors.len() } else { 0 };
        let of = |id: &SensorId| config.sensors[usize::from(id.0)].formula();
        let days = config.derived.iter().map(|id| of(id).map_or_else(Today::default, Today::new));
        let mut derivation = Derivation {
            touched: vec![true; sensors],
            any,
            due: vec![Some(Tick(0)); config.derived.len()],
            next: None,
            days: days.collect(),
            days_written: Tick(0),
        };
        for memory in memories {
            derivation.resume(config, memory);
        }
        derivation
    }

    /// What was kept of a derived sensor.
    pub fn resume(&mut self, config: &Config, memory: &Memory) {
        let named = |id: &SensorId| config.sensors[usize::from(id.0)].name == memory.sensor;
        let Some(place) = config.derived.iter().position(named) else { return };
        let formula = config.sensors[usize::from(config.derived[place].0)].formula();
        if let Some(formula) = formula.filter(|_| memory.of == today::KEPT) {
            self.days[place].resume(formula, memory);
        }
    }

    /// A sensor has spoken or become unknown.
    pub fn touch(&mut self, id: SensorId) {
        if let Some(touched) = self.touched.get_mut(usize::from(id.0)) {
            *touched = true;
            self.any = true;
        }
    }
}

impl Agent {
    /// Computes what has to be, each after those that it is made of.
    pub(super) fn derive(&mut self) {
        let now = self.now.tick;
        if !self.derivation.any && self.derivation.next.is_none_or(|at| now < at) {
            return;
        }
        let config: Arc<Config> = self.config.clone();
        let touched = |agent: &Agent, id: &SensorId| {
            agent.derivation.touched.get(usize::from(id.0)).copied().unwrap_or(false)
        };
        for (place, id) in config.derived.iter().enumerate() {
            let Some(formula) = config.sensors[usize::from(id.0)].formula() else { continue };
            let passed = self.derivation.due[place].is_some_and(|at| now >= at);
            if passed || formula.sensors().iter().any(|one| touched(self, one)) {
                self.derivation.due[place] = self.compute(place, *id, formula);
            }
        }
        self.derivation.touched.fill(false);
        self.derivation.any = false;
        self.derivation.next = self.derivation.due.iter().flatten().min().copied();
    }

    /// Computes one; gives when it must be looked at again though nothing speaks.
    fn compute(&mut self, place: usize, id: SensorId, formula: &Formula) -> Option<Tick> {
        let now = self.now.tick;
        let config = self.config.clone();
        let sensor = &config.sensors[usize::from(id.0)];
        let stale = formula.sensors().iter().filter_map(|one| {
            let every = config.sensors[usize::from(one.0)].every;
            self.world.sensor(*one).stale_at(every, now)
        });
        let stale = stale.min();
        let value = if formula.days() == 0 {
            formula.value(&self.view(&[]))
        } else {
            let inner = formula.of_now(&self.view(&[]));
            self.derivation.days[place].take(formula, &inner, now, self.local);
            let today = self.derivation.days[place].values(self.local);
            formula.value(&View { today, ..self.view(&[]) })
        };
        let index = usize::from(id.0);
        let was_known = self.world.sensors[index].known(sensor.every, now).is_some();
        self.world.sensors[index].lasts = stale.map_or(Lasts::Always, Lasts::Until);
        match value {
            Some(Value::Number(number)) if outside(sensor.range, number) => {
                let fault = Fault { kind: FaultKind::OutOfRange, found: number.to_string() };
                self.reading(id, Err(fault), false);
            }
            Some(value) => self.believe(id, value),
            None => {
                self.world.sensors[index].doubt();
                if was_known {
                    self.derivation.touch(id);
                    self.plan_wanted = true;
                }
            }
        }
        let by_time = formula.depends_on_time().then(|| now.after(sensor.every));
        stale.into_iter().chain(by_time).min()
    }
}

fn outside(range: Option<(f64, f64)>, number: f64) -> bool {
    range.is_some_and(|(low, high)| !(low..=high).contains(&number))
}

//! Sensors that are made of others: computed anew as soon as one of those has spoken, has become
//! unknown, or time itself counts; before rules, so that these see one world. Nothing else here.

use std::sync::Arc;

use super::core::Agent;
use super::world::Lasts;
use crate::clock::Tick;
use crate::config::Config;
use crate::domain::{Fault, FaultKind, SensorId, Value};
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
}

impl Derivation {
    /// Everything is computed at the first look.
    #[must_use]
    pub fn new(config: &Config) -> Derivation {
        let any = !config.derived.is_empty();
        let sensors = if any { config.sensors.len() } else { 0 };
        Derivation {
            touched: vec![true; sensors],
            any,
            due: vec![Some(Tick(0)); config.derived.len()],
            next: None,
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
                self.derivation.due[place] = self.compute(*id, formula);
            }
        }
        self.derivation.touched.fill(false);
        self.derivation.any = false;
        self.derivation.next = self.derivation.due.iter().flatten().min().copied();
    }

    /// Computes one; gives when it must be looked at again though nothing speaks.
    fn compute(&mut self, id: SensorId, formula: &Formula) -> Option<Tick> {
        let now = self.now.tick;
        let config = self.config.clone();
        let sensor = &config.sensors[usize::from(id.0)];
        let stale = formula.sensors().iter().filter_map(|one| {
            let every = config.sensors[usize::from(one.0)].every;
            self.world.sensor(*one).stale_at(every, now)
        });
        let stale = stale.min();
        let value = formula.value(&self.view(&[]));
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

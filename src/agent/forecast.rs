//! What a sensor will do in the coming hour, by what was learned. Says nothing where the learned
//! model predicts badly or something that it looks at is unknown; then the plain trend has to do.

use super::core::Agent;
use super::dynamics::{AHEAD, INTERVAL, Model, Outlook};
use super::steps::level;
use crate::config::band_at;
use crate::domain::{ActuatorId, SensorId};

/// A model with what is expected of everything that no plan changes.
pub struct Course<'a> {
    model: &'a Model,
    outlook: Outlook,
    value: f64,
    /// Levels now, by actuator.
    now: Vec<f64>,
    /// Mean levels of the last interval, by actuator.
    before: Vec<f64>,
}

impl Course<'_> {
    /// The values at the end of each of the coming intervals, with one actuator at another level.
    #[must_use]
    pub fn ahead(&self, driven: Option<(ActuatorId, f64)>) -> [f64; AHEAD] {
        let levels = |id: ActuatorId, _: usize| match driven {
            Some((other, level)) if other == id => level,
            _ => self.now[usize::from(id.0)],
        };
        self.model.ahead(self.value, &self.outlook, &self.before, &levels)
    }
}

impl Agent {
    /// The course of a sensor, where its model can be trusted.
    pub(super) fn course(&self, id: SensorId) -> Option<Course<'_>> {
        let model = self.dynamics.trusted(id)?;
        let value = self.estimate(id)?.value;
        let mut now = Vec::with_capacity(self.config.actuators.len());
        let mut before = Vec::with_capacity(self.config.actuators.len());
        for (number, (actuator, state)) in
            (0u16..).zip(self.config.actuators.iter().zip(&self.world.actuators))
        {
            let known = state.heading().map(|at| level(actuator, at));
            if known.is_none() && model.looks_at(ActuatorId(number)) {
                return None;
            }
            let known = known.unwrap_or(0.0);
            let last = self.dynamics.levels().get(usize::from(number)).copied().flatten();
            now.push(known);
            before.push(last.unwrap_or(known));
        }
        let outlook = self.dynamics.outlook(model, self.local.map(|local| local.hour));
        Some(Course { model, outlook, value, now, before })
    }

    /// How far each goal will be from kept at the end of what is looked ahead, if nothing is done.
    pub(super) fn forecast_gaps(&mut self) {
        for index in 0..self.aims.len() {
            let forecast = self.forecast_gap(index);
            let begun = self.reach_begun(index, self.goals[index].gap);
            let state = &mut self.goals[index];
            (state.forecast_gap, state.begun) = (forecast, begun);
        }
    }

    /// The most that one of the actuators with a declared effect was found to move a sensor within
    /// an hour, in its unit; `None`: not known.
    pub(super) fn moved_an_hour(&self, id: SensorId) -> Option<f64> {
        let course = self.course(id)?;
        let of = |actuator, level| course.ahead(Some((actuator, level)))[AHEAD - 1];
        let declared = (0u16..)
            .zip(&self.config.actuators)
            .filter(|(_, actuator)| actuator.effects.iter().any(|(sensor, _)| *sensor == id));
        let moved = declared.map(|(number, _)| {
            let actuator = ActuatorId(number);
            (of(actuator, 1.0) - of(actuator, 0.0)).abs()
        });
        moved.max_by(f64::total_cmp)
    }

    fn forecast_gap(&self, index: usize) -> Option<f64> {
        let sensor = self.aims[index].aim.sensor()?;
        self.goals[index].gap?;
        let (value, seconds) = match self.course(sensor) {
            Some(course) => (course.ahead(None)[AHEAD - 1], AHEAD as u64 * INTERVAL.as_secs()),
            None => {
                let estimate = self.estimate(sensor)?;
                let every = self.config.sensors[usize::from(sensor.0)].every;
                let ahead = super::world::horizon(every);
                (estimate.value + estimate.slope * ahead.as_secs_f64(), ahead.as_secs())
            }
        };
        let minutes = u32::try_from(seconds / 60).unwrap_or(0);
        let band = band_at(&self.aims[index].aim, self.minute_in(minutes))?;
        Some(band.gap(value))
    }
}

//! Goals: which are in force, how far each is from being kept, and telling it. No choices here.

use std::time::Duration;

use super::core::Agent;
use super::effect::{GoalReport, Report};
use super::world::Estimate;
use crate::clock::{ClockTrust, Tick};
use crate::config::Aim;
use crate::domain::{SensorId, Value};
use crate::expr::Truth;

/// How a goal stands.
#[derive(Clone, Debug, Default)]
pub struct GoalState {
    /// `None`: not in force, or its sensor is unknown.
    pub satisfied: Option<bool>,
    /// How far outside, in the sensor's unit.
    pub gap: Option<f64>,
    /// Wall time of the last change.
    since_unix_ms: Option<i64>,
    /// When a person was last called because nothing mends it.
    pub helpless: Option<Tick>,
    /// Since when its sensor cannot be believed, while it is in force.
    pub blind_since: Option<Tick>,
}

/// Least time between two goal messages in which nothing but gaps changed.
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Agent {
    /// Looks at every goal, tells what changed.
    pub(super) fn update_goals(&mut self) {
        let mut changed = false;
        for index in 0..self.config.goals.len() {
            let (satisfied, gap, blind) = self.standing(index);
            let trusted = self.now.trust != ClockTrust::Unset;
            let state = &mut self.goals[index];
            state.gap = gap;
            if !blind {
                state.blind_since = None;
            } else if state.blind_since.is_none() {
                state.blind_since = Some(self.now.tick);
            }
            if state.satisfied != satisfied {
                state.satisfied = satisfied;
                state.since_unix_ms = trusted.then_some(self.now.unix_ms);
                changed = true;
            }
        }
        let due = match self.goals_reported {
            None => true,
            Some(at) => changed || self.now.tick.since(at) >= REPORT_EVERY,
        };
        if due && self.link_since.is_some() && !self.goals.is_empty() {
            self.goals_reported = Some(self.now.tick);
            self.report_goals();
        }
    }

    fn standing(&self, index: usize) -> (Option<bool>, Option<f64>, bool) {
        let Aim::Keep { sensor, min, max } = &self.config.goals[index].aim else {
            return (None, None, false);
        };
        if !self.in_force(index) {
            return (None, None, false);
        }
        let Some(estimate) = self.estimate(*sensor) else { return (None, None, true) };
        let low = min.map_or(0.0, |min| (min - estimate.value).max(0.0));
        let high = max.map_or(0.0, |max| (estimate.value - max).max(0.0));
        let gap = low.max(high);
        (Some(gap == 0.0), Some(gap), false)
    }

    /// The goal's condition holds. An unknown condition does not.
    pub(super) fn in_force(&self, index: usize) -> bool {
        match &self.config.goals[index].when {
            Some(when) => when.truth(&self.view(&[])) == Truth::True,
            None => true,
        }
    }

    /// The filtered value and trend of a sensor.
    pub(super) fn estimate(&self, id: SensorId) -> Option<Estimate> {
        let every = self.config.sensors[usize::from(id.0)].every;
        let std = super::planner::slope_std(self.scale_of(id), every);
        self.world.sensor(id).estimate(every, self.now.tick, std)
    }

    /// What counts as a large change of a sensor, in its unit: the width of the goal on it; of a
    /// goal with one bound a fifth of the bound; else a tenth of its range; else 1.
    pub(super) fn scale_of(&self, id: SensorId) -> f64 {
        let widths = self.config.goals.iter().filter_map(|goal| match &goal.aim {
            Aim::Keep { sensor, min, max } if *sensor == id => match (min, max) {
                (Some(min), Some(max)) => Some(max - min),
                (Some(one), None) | (None, Some(one)) => Some(one.abs() / 5.0),
                (None, None) => None,
            },
            _ => None,
        });
        let width = widths.filter(|width| *width > 0.0).fold(f64::INFINITY, f64::min);
        if width.is_finite() {
            return width;
        }
        let range = self.config.sensors[usize::from(id.0)].range;
        range.map_or(1.0, |(low, high)| (high - low) / 10.0).max(1e-6)
    }

    fn report_goals(&mut self) {
        let lines = self.config.goals.iter().zip(&self.goals).map(|(goal, state)| GoalReport {
            name: goal.name.clone(),
            satisfied: state.satisfied,
            gap: state.gap,
            since_unix_ms: state.since_unix_ms,
        });
        let lines = lines.collect();
        self.report(Report::Goals(lines));
    }

    /// The cause of a decision in words: `goal climate: air_temperature 29.1 above 26`.
    pub(super) fn goal_cause(&self, index: usize) -> String {
        let goal = &self.config.goals[index];
        let Aim::Keep { sensor, min, max } = &goal.aim else { return goal.name.clone() };
        let name = &self.config.sensors[usize::from(sensor.0)].name;
        let Some(estimate) = self.estimate(*sensor) else {
            return format!("goal {}: {name} unknown", goal.name);
        };
        let value = super::prompt::rounded(estimate.value, self.scale_of(*sensor));
        let words = match (min, max) {
            (Some(min), _) if estimate.value < *min => format!("below {min}"),
            (_, Some(max)) if estimate.value > *max => format!("above {max}"),
            (Some(min), Some(max)) if estimate.slope < 0.0 => {
                if estimate.value - min < max - estimate.value {
                    format!("nears {min}")
                } else {
                    "inside".into()
                }
            }
            (_, Some(max)) if estimate.slope > 0.0 => format!("nears {max}"),
            _ => "inside".into(),
        };
        format!("goal {}: {name} {value} {words}", goal.name)
    }

    /// A text or word sensor's value, where a prompt may hold it: only words of the configuration.
    pub(super) fn word_of(&self, id: SensorId) -> Option<String> {
        let sensor = &self.config.sensors[usize::from(id.0)];
        match self.world.sensor(id).known(sensor.every, self.now.tick)? {
            Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.into()),
            Value::Text(text) => {
                let known = sensor.map.values().any(|word| *word == Value::Text(text.clone()));
                known.then(|| text.clone())
            }
            Value::Number(_) => None,
        }
    }
}

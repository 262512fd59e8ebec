//! Goals: which are in force, what each wants at a time, how far it is from being kept, how much of
//! the time it was; and telling it. No choices here.

use std::time::Duration;

use super::core::Agent;
use super::effect::{GoalReport, Report};
use super::filter::Estimate;
use super::share::Share;
use crate::clock::{ClockTrust, Tick};
use crate::config::{Aim, Band, DAY_MINUTES, Goal, REACH_HELD_MINUTES, band_at};
use crate::domain::{ActuatorId, Entry, SensorId, Value};
use crate::expr::Truth;
use crate::limits;

/// How a goal stands.
#[derive(Clone, Debug, Default)]
pub struct GoalState {
    /// `None`: not in force, or its sensor is unknown.
    pub satisfied: Option<bool>,
    /// How far outside, in the sensor's unit.
    pub gap: Option<f64>,
    /// How far outside at the planner's horizon if nothing is done, in the sensor's unit.
    pub forecast_gap: Option<f64>,
    /// How much of the time it was kept.
    pub share: Share,
    /// Wall time of the last change.
    since_unix_ms: Option<i64>,
    /// When it was last said that it is put aside for another one.
    pub conflict: Option<Tick>,
    /// When a person was last called because nothing mends it.
    pub helpless: Option<Tick>,
    /// Since when its sensor cannot be believed, while it is in force.
    pub blind_since: Option<Tick>,
    /// A `reach` goal is being worked for, until its time is over.
    pub begun: bool,
}

/// Least time between two goal messages in which nothing but gaps changed.
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// Reserve of the time that a `reach` goal is worked for: a half more than believed.
const REACH_RESERVE: f64 = 1.5;
/// The same where it was learned how fast it goes, and least time then, in minutes.
const LEARNED_RESERVE: f64 = 1.2;
const LEARNED_LEAST_MINUTES: f64 = 10.0;
/// Least time that it is worked for, in minutes.
const REACH_LEAST_MINUTES: f64 = 30.0;
/// The width that an aim gives its sensor: what counts as a large change.
pub(super) fn width_of(aim: &Aim) -> Option<f64> {
    let (min, max) = match aim {
        Aim::Keep { min, max, .. } | Aim::Reach { min, max, .. } | Aim::Avoid { min, max, .. } => {
            (*min, *max)
        }
        Aim::Follow { within, .. } => return Some(2.0 * within),
        Aim::Minimise(_) => return None,
    };
    match (min, max) {
        (Some(min), Some(max)) => Some(max - min),
        (Some(one), None) | (None, Some(one)) => Some(one.abs() / 5.0),
        (None, None) => None,
    }
}

impl Agent {
    /// Local minute of the day, some minutes from now; `None` without a trusted clock.
    pub(super) fn minute_in(&self, minutes: u32) -> Option<u16> {
        let hour = self.local?.hour;
        let minute = (hour * 60.0).round() as u32 + minutes;
        u16::try_from(minute % u32::from(DAY_MINUTES)).ok()
    }

    /// What a goal wants now.
    pub(super) fn band(&self, index: usize) -> Option<Band> {
        band_at(&self.aims[index].aim, self.minute_in(0))
    }

    /// What a goal wants the planner to look after now: also a `reach` goal that must be worked
    /// for from now on.
    pub(super) fn wanted(&self, index: usize) -> Option<Band> {
        let begun = || match &self.aims[index].aim {
            Aim::Reach { min, max, .. } if self.goals[index].begun => {
                Some(Band::Inside(*min, *max))
            }
            _ => None,
        };
        self.band(index).or_else(begun)
    }

    /// Looks at every goal, tells what changed.
    pub(super) fn update_goals(&mut self) {
        let mut changed = false;
        for index in 0..self.aims.len() {
            let (satisfied, gap, blind) = self.standing(index);
            let trusted = self.now.trust != ClockTrust::Unset;
            let state = &mut self.goals[index];
            state.gap = gap;
            state.share.note(self.now.tick, satisfied);
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

    /// Satisfied, gap, and that its sensor cannot be believed.
    fn standing(&self, index: usize) -> (Option<bool>, Option<f64>, bool) {
        let aim = &self.aims[index].aim;
        let Some(sensor) = aim.sensor() else { return (None, None, false) };
        if !self.in_force(index) {
            return (None, None, false);
        }
        let Some(estimate) = self.estimate(sensor) else { return (None, None, true) };
        if let Some(band) = self.band(index) {
            let gap = band.gap(estimate.value);
            return (Some(gap == 0.0), Some(gap), false);
        }
        // Before its time a `reach` goal is kept where it is there already, and open otherwise.
        if let Aim::Reach { min, max, .. } = aim {
            let gap = Band::Inside(*min, *max).gap(estimate.value);
            return ((gap == 0.0).then_some(true), Some(gap), false);
        }
        (None, None, false)
    }

    /// Is a `reach` goal to be worked for by now? Once begun it goes on to its time, or it would
    /// end as soon as the way left is short enough again.
    pub(super) fn reach_begun(&self, index: usize, gap: Option<f64>) -> bool {
        let Aim::Reach { sensor, by_minute, .. } = &self.aims[index].aim else { return false };
        let (Some(gap), Some(minute)) = (gap, self.minute_in(0)) else { return false };
        let left = (by_minute + DAY_MINUTES - minute) % DAY_MINUTES;
        if left == 0 || left > DAY_MINUTES - REACH_HELD_MINUTES {
            return false;
        }
        let needed = self.minutes_needed(*sensor, gap);
        self.goals[index].begun || f64::from(left) <= needed
    }

    /// Minutes that it takes to move a sensor so far, by what its actuators are believed to do,
    /// with reserve.
    fn minutes_needed(&self, sensor: SensorId, gap: f64) -> f64 {
        if let Some(most) = self.moved_an_hour(sensor).filter(|most| *most > 0.0) {
            let minutes = gap / most * 60.0 * LEARNED_RESERVE + LEARNED_LEAST_MINUTES;
            return minutes.min(f64::from(DAY_MINUTES) / 2.0);
        }
        let filter = self.world.sensor(sensor).filter();
        let works = |one: &crate::config::Actuator| one.effects.iter().any(|(id, _)| *id == sensor);
        let all = (0u16..).zip(&self.config.actuators).filter(|(_, one)| works(one));
        let push = all.filter_map(|(id, _)| Some(filter?.effect(ActuatorId(id)).abs()));
        let push = push.fold(0.0, f64::max);
        (gap / push / 60.0 * REACH_RESERVE + REACH_LEAST_MINUTES).min(f64::from(DAY_MINUTES) / 2.0)
    }

    /// The goal's condition holds. An unknown condition does not.
    pub(super) fn in_force(&self, index: usize) -> bool {
        match &self.aims[index].when {
            Some(when) => when.truth(&self.view(&[])) == Truth::True,
            None => true,
        }
    }

    /// The filtered value and trend of a sensor.
    pub(super) fn estimate(&self, id: SensorId) -> Option<Estimate> {
        let every = self.config.sensors[usize::from(id.0)].every;
        self.world.sensor(id).estimate(every, self.now.tick)
    }

    /// What counts as a large change of a sensor, in its unit: the width of the goal on it; of a
    /// goal with one bound a fifth of the bound; else a tenth of its range; else 1.
    pub(super) fn scale_of(&self, id: SensorId) -> f64 {
        self.scales[usize::from(id.0)]
    }

    /// The scale of each sensor, made anew whenever the goals change.
    pub(super) fn scales(goals: &[Goal], sensors: &[crate::config::Sensor]) -> Vec<f64> {
        let mut scales = vec![f64::INFINITY; sensors.len()];
        for goal in goals {
            let Some(sensor) = goal.aim.sensor() else { continue };
            if let Some(width) = width_of(&goal.aim).filter(|width| *width > 0.0) {
                let scale = &mut scales[usize::from(sensor.0)];
                *scale = scale.min(width);
            }
        }
        for (scale, sensor) in scales.iter_mut().zip(sensors) {
            if !scale.is_finite() {
                *scale = sensor.range.map_or(1.0, |(low, high)| (high - low) / 10.0).max(1e-6);
            }
        }
        scales
    }

    /// Why no goal of this name can be put; `None`: it can.
    pub(super) fn no_room_for_goal(&self, name: &str) -> Option<String> {
        let known = self.aims.iter().any(|one| one.name == name);
        let full = !known && self.aims.len() >= limits::GOALS_MAX;
        full.then(|| format!("there are {} goals, the most", limits::GOALS_MAX))
    }

    /// Why no goal of this name can be taken away; `None`: it can.
    pub(super) fn no_goal(&self, name: &str) -> Option<String> {
        let names: Vec<_> = self.aims.iter().map(|one| &*one.name).collect();
        let unknown = !names.contains(&name);
        unknown.then(|| format!("no goal of this name: there are {}", names.join(", ")))
    }

    /// An operator puts a goal; one of the same name is replaced.
    pub(super) fn put_goal(&mut self, goal: Goal, text: String) {
        self.record(Entry::Goal { name: goal.name.clone(), put: Some(text) });
        match self.aims.iter().position(|one| one.name == goal.name) {
            Some(index) => {
                self.aims[index] = goal;
                self.goals[index] = GoalState::default();
            }
            None => {
                self.aims.push(goal);
                self.goals.push(GoalState::default());
            }
        }
        self.goals_changed();
    }

    /// An operator takes a goal away, be it one of the file.
    pub(super) fn remove_goal(&mut self, name: &str) {
        let Some(index) = self.aims.iter().position(|one| one.name == name) else { return };
        self.record(Entry::Goal { name: name.into(), put: None });
        self.aims.remove(index);
        self.goals.remove(index);
        self.goals_changed();
    }

    fn goals_changed(&mut self) {
        self.scales = Agent::scales(&self.aims, &self.config.sensors);
        self.goals_reported = None;
        self.plan_wanted = true;
        self.forget_prefix();
        self.drop_question();
        if self.goals.is_empty() && self.link_since.is_some() {
            self.report_goals();
        }
    }

    /// The goals of the file with what operators changed before this start.
    pub(super) fn resumed_goals(file: &[Goal], put: Vec<(String, Option<Goal>)>) -> Vec<Goal> {
        let mut goals = file.to_vec();
        for (name, goal) in put {
            let at = goals.iter().position(|one| one.name == name);
            match (at, goal) {
                (Some(at), Some(goal)) => goals[at] = goal,
                (Some(at), None) => drop(goals.remove(at)),
                (None, Some(goal)) if goals.len() < limits::GOALS_MAX => goals.push(goal),
                (None, _) => {}
            }
        }
        goals
    }

    fn report_goals(&mut self) {
        let lines = self.goal_reports();
        self.report(Report::Goals(lines));
    }

    /// The goals in force: of the file, with what operators changed. Reports have their order.
    #[must_use]
    pub fn goals_in_force(&self) -> &[Goal] {
        &self.aims
    }

    /// How each goal in force stands.
    #[must_use]
    pub fn goal_reports(&self) -> Vec<GoalReport> {
        let lines = self.aims.iter().zip(&self.goals).map(|(goal, state)| GoalReport {
            name: goal.name.clone(),
            satisfied: state.satisfied,
            gap: state.gap,
            forecast_gap: state.forecast_gap,
            share: state.share.shares(),
            since_unix_ms: state.since_unix_ms,
        });
        lines.collect()
    }

    /// The cause of a decision in words: `goal climate: air_temperature 29.1 above 26`.
    pub(super) fn goal_cause(&self, index: usize) -> String {
        let goal = &self.aims[index];
        let Some(sensor) = goal.aim.sensor() else { return format!("goal {}", goal.name) };
        let name = &self.config.sensors[usize::from(sensor.0)].name;
        let Some(estimate) = self.estimate(sensor) else {
            return format!("goal {}: {name} unknown", goal.name);
        };
        let value = super::prompt::rounded(estimate.value, self.scale_of(sensor));
        let wanted = match &goal.aim {
            Aim::Reach { min, max, by_minute, .. } if self.band(index).is_none() => {
                let (hour, minute) = (by_minute / 60, by_minute % 60);
                let end = min.or(*max).unwrap_or_default();
                return format!(
                    "goal {}: {name} {value} to be {end} by {hour:02}:{minute:02}",
                    goal.name
                );
            }
            _ => self.band(index).map(|band| band.bounds(estimate.value)),
        };
        let (min, max) = wanted.unwrap_or_default();
        // Of two bounds only the one on whose side it is can be near.
        let is_low = min
            .is_some_and(|min| max.is_none_or(|max| estimate.value - min < max - estimate.value));
        let words = match (min, max) {
            (Some(min), _) if estimate.value < min => format!("below {min}"),
            (_, Some(max)) if estimate.value > max => format!("above {max}"),
            (Some(min), _) if is_low && estimate.slope < 0.0 => format!("nears {min}"),
            (_, Some(max)) if !is_low && estimate.slope > 0.0 => format!("nears {max}"),
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

//! The planner: candidates that each change one actuator for some time, what each would do within
//! minutes by declared effects and within an hour by what was learned, and a plain utility. It
//! proposes; `decide` chooses and `guard` allows.

use std::time::Duration;

use super::core::Agent;
use super::dynamics::{AHEAD, INTERVAL};
use super::forecast::{Course, Drive};
use super::goals::{Band, band_at};
use super::prompt;
use super::steps::{level, same};
use super::world::horizon;
use crate::config::{Actuator, ActuatorKind, Aim, Least};
use crate::domain::{ActuatorId, Candidate, Decider, SensorId, Setting};
use crate::expr::Truth;
use crate::limits;

/// Share of a goal's width that is kept as margin on each side, against noise and delay.
const MARGIN: f64 = 0.12;
/// What full effect moves within the horizon, as a share of the sensor's scale, until it is
/// learned. Half a width makes a hysteresis of half a width: on at the margin, off in the middle.
const PUSH: f64 = 0.5;
/// Weight of being outside the margin, per width; chosen so that a tenth of a width outside
/// outweighs every cost below.
const GAP_WEIGHT: f64 = 2.0;
/// Additional weight of being outside the bounds themselves.
const OUTSIDE_WEIGHT: f64 = 4.0;
/// Share of the horizon that counts for a goal that is broken now. It is to be mended soon, not at
/// the horizon's end; what would overshoot by then can be ended when it is mended.
const BROKEN_LOOK: f64 = 0.25;
/// What running something at full level costs in utility, beside the operator's own `cost`.
const USE_COST: f64 = 0.03;
/// What the operator's dearest actuator costs in addition; others in proportion.
const MONEY_COST: f64 = 0.05;
/// What a switching costs.
const SWITCH_COST: f64 = 0.01;
/// What a move must win over doing nothing before it is made, where something is to be started: a
/// fiftieth of a width outside the margin. Less is noise, and would switch back and forth.
const START_GAIN: f64 = 0.04;
/// The same where something is to be ended: half of what the smallest actuator's rest wins.
const END_GAIN: f64 = 0.005;
/// Weight of the coming hour, where it is foreseen by a learned model, beside the near horizon.
const HOUR_WEIGHT: f64 = 0.5;
/// What lies so far ahead counts a third: it will be planned again before, and forecasts grow
/// uncertain.
const HOUR_FADES: Duration = Duration::from_secs(1200);
/// How long a change may last before it is taken back, in intervals of five minutes: what a plan
/// of an hour may look like.
const LASTS: [usize; 3] = [2, 6, AHEAD];
/// Candidates this near to the best in utility are alternatives: the mind may choose among them.
/// Larger than all costs together (0.09), smaller than a tenth of a width outside (0.2).
pub const NEAR: f64 = 0.1;

/// Prior standard deviation of a trend, per second: full effect within the horizon.
#[must_use]
pub fn slope_std(scale: f64, every: Duration) -> f64 {
    PUSH * scale / horizon(every).as_secs_f64()
}

/// What full effect is expected to move within the horizon, in the sensor's unit.
#[must_use]
pub fn expected_push(scale: f64, _every: Duration) -> f64 {
    PUSH * scale
}

/// One thing that could be done.
#[derive(Clone, Debug)]
pub struct Move {
    /// What changes; `None`: nothing.
    pub change: Option<(ActuatorId, Setting)>,
    /// Utility before it is mapped to 0..1: the negative sum of all that is disliked.
    pub raw: f64,
    /// As recorded and as the mind reads it.
    pub candidate: Candidate,
}

/// What the planner proposes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Why there is something to decide.
    pub cause: String,
    /// Best first.
    pub moves: Vec<Move>,
    /// Indices of the moves that the mind may choose among; the first is the planner's own.
    pub alternatives: Vec<usize>,
    /// The goal that is broken where nothing here mends it.
    pub helpless: Option<usize>,
}

/// A goal in force with what is expected of its sensor.
struct Watched<'a> {
    goal: usize,
    sensor: SensorId,
    min: Option<f64>,
    max: Option<f64>,
    scale: f64,
    weight: f64,
    /// Share of the horizon that is looked ahead.
    look: f64,
    /// Broken, and by its trend still so at the whole horizon's end.
    stays_broken: bool,
    expected: f64,
    /// The coming hour, where it can be foreseen, and what is wanted then.
    course: Option<(Course<'a>, [Option<Band>; AHEAD])>,
    /// How bad that hour is if nothing is done.
    idle_hour: f64,
}

impl Watched<'_> {
    /// How bad it is to end at `value`, in widths times weights.
    fn pain(&self, value: f64) -> f64 {
        self.pain_of((self.min, self.max), value)
    }

    /// How bad the coming hour is, what is near counting more.
    fn hour(&self, drives: &[Drive]) -> f64 {
        let Some((course, bands)) = &self.course else { return 0.0 };
        let (mut sum, mut all) = (0.0, 0.0);
        for (step, (value, band)) in course.ahead(drives).into_iter().zip(bands).enumerate() {
            let ahead = (step as f64 + 0.5) * INTERVAL.as_secs_f64();
            let share = (-ahead / HOUR_FADES.as_secs_f64()).exp();
            all += share;
            if let Some(band) = band {
                sum += share * self.pain_of(band.bounds(value), value);
            }
        }
        HOUR_WEIGHT * sum / all
    }

    fn pain_of(&self, (min, max): (Option<f64>, Option<f64>), value: f64) -> f64 {
        let margin = MARGIN * self.scale;
        let over = |by: f64| (by / self.scale).max(0.0);
        let low = min.map_or(0.0, |min| {
            GAP_WEIGHT * over(min + margin - value) + OUTSIDE_WEIGHT * over(min - value)
        });
        let high = max.map_or(0.0, |max| {
            GAP_WEIGHT * over(value - max + margin) + OUTSIDE_WEIGHT * over(value - max)
        });
        self.weight * low.max(high)
    }
}

impl Agent {
    /// Looks at the goals; `None`: all is well and nothing runs without need.
    pub(super) fn plan(&self) -> Option<Plan> {
        let watched = self.watched();
        if watched.is_empty() {
            return None;
        }
        let mut moves = vec![self.weigh(&watched, None)];
        for index in 0..self.config.actuators.len() {
            let id = ActuatorId(u16::try_from(index).ok()?);
            if self.person_is_asked(id) {
                continue;
            }
            for setting in self.settings_of(id, &watched) {
                if self.guard(id, &setting, Decider::Planner).is_ok() {
                    moves.push(self.weigh(&watched, Some((id, setting))));
                }
            }
        }
        self.honour_preferences(&mut moves);
        moves.sort_by(|a, b| b.raw.total_cmp(&a.raw));
        let nothing = moves.iter().position(|one| one.change.is_none())?;
        // "Do nothing" is always among the candidates.
        if nothing >= limits::CANDIDATES_MAX {
            let rest = moves.remove(nothing);
            moves.truncate(limits::CANDIDATES_MAX - 1);
            moves.push(rest);
        }
        moves.truncate(limits::CANDIDATES_MAX);
        let worst =
            watched.iter().max_by(|a, b| a.pain(a.expected).total_cmp(&b.pain(b.expected)))?;
        let pain = worst.pain(worst.expected);
        if !self.worth_it(&moves) {
            if let Some(rest) = moves.iter().position(|one| one.change.is_none()) {
                let rest = moves.remove(rest);
                moves.insert(0, rest);
            }
            // What is on its way back needs nobody.
            let broken = worst.stays_broken;
            return broken.then(|| Plan {
                cause: self.goal_cause(worst.goal),
                alternatives: vec![0],
                helpless: Some(worst.goal),
                moves,
            });
        }
        let cause = if pain > 0.0 {
            self.goal_cause(worst.goal)
        } else {
            "goals kept: less is needed".into()
        };
        let sensor = (pain > 0.0).then_some(worst.sensor);
        let alternatives = self.alternatives(&moves, sensor);
        Some(Plan { cause, moves, alternatives, helpless: None })
    }

    /// A person is asked already, about this actuator or about one that works on the same. What
    /// needs no person does not wait for the answer.
    fn person_is_asked(&self, id: ActuatorId) -> bool {
        let works_on = |one: ActuatorId| &self.config.actuators[usize::from(one.0)].effects;
        let shares = |other: ActuatorId| {
            let theirs = works_on(other);
            works_on(id).iter().any(|(sensor, _)| theirs.iter().any(|(one, _)| one == sensor))
        };
        let waiting = self.approvals.iter().map(|waits| waits.actuator);
        let mut waiting = waiting.filter(|other| *other == id || shares(*other));
        self.needs_person(id) && waiting.next().is_some()
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        let goals = self.aims.iter().enumerate().filter_map(|(index, goal)| {
            let sensor = &goal.aim.sensor()?;
            if !self.in_force(index) {
                return None;
            }
            let band = self.wanted(index)?;
            let estimate = self.estimate(*sensor)?;
            let (min, max) = band.bounds(estimate.value);
            let every = self.config.sensors[usize::from(sensor.0)].every;
            let broken = self.goals[index].gap.is_some_and(|gap| gap > 0.0);
            let look = if broken { BROKEN_LOOK } else { 1.0 };
            let horizon = horizon(every).as_secs_f64();
            let end = estimate.value + estimate.slope * horizon;
            let above = max.is_some_and(|max| estimate.value > max && end > max);
            let below = min.is_some_and(|min| estimate.value < min && end < min);
            let mut one = Watched {
                goal: index,
                sensor: *sensor,
                min,
                max,
                scale: self.scale_of(*sensor),
                weight: goal.weight,
                look,
                stays_broken: broken && (above || below),
                expected: estimate.value + estimate.slope * horizon * look,
                course: self.course(*sensor).map(|course| (course, self.bands_ahead(index, band))),
                idle_hour: 0.0,
            };
            one.idle_hour = one.hour(&[]);
            Some(one)
        });
        goals.collect()
    }

    /// What a goal wants at the end of each coming interval; where that is not known, as now.
    fn bands_ahead(&self, index: usize, now: Band) -> [Option<Band>; AHEAD] {
        let aim = &self.aims[index].aim;
        let minutes = INTERVAL.as_secs() / 60;
        std::array::from_fn(|step| {
            let ahead = u32::try_from((step as u64 + 1) * minutes).unwrap_or(0);
            match (aim, self.minute_in(ahead)) {
                (Aim::Follow { .. }, minute @ Some(_)) => band_at(aim, minute),
                _ => Some(now),
            }
        })
    }

    /// How bad the coming hour is for a goal with a change that lasts as long as is best.
    fn hour_with(&self, one: &Watched<'_>, change: Option<&(ActuatorId, Setting)>) -> f64 {
        let Some((id, setting)) = change else { return one.idle_hour };
        if one.course.is_none() {
            return 0.0;
        }
        let actuator = &self.config.actuators[usize::from(id.0)];
        let before = self.world.actuator(*id).confirmed.as_ref();
        let after = before.map_or(0.0, |before| level(actuator, before));
        let lasts = LASTS.iter().map(|intervals| Drive {
            actuator: *id,
            level: level(actuator, setting),
            intervals: *intervals,
            after,
        });
        lasts.map(|drive| one.hour(&[drive])).fold(f64::INFINITY, f64::min)
    }

    /// How much more than usual a goal of its own makes cost or switching count.
    fn disliked_more(&self, what: Least) -> f64 {
        let goals = self.aims.iter().enumerate();
        let wanted =
            goals.filter(|(index, goal)| goal.aim == Aim::Minimise(what) && self.in_force(*index));
        1.0 + wanted.map(|(_, goal)| goal.weight).sum::<f64>()
    }

    /// Settings worth a look: those of actuators that work on something watched, that answer, and
    /// that wait for nothing.
    fn settings_of(&self, id: ActuatorId, watched: &[Watched<'_>]) -> Vec<Setting> {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let state = self.world.actuator(id);
        let works = actuator
            .effects
            .iter()
            .any(|(sensor, _)| watched.iter().any(|one| one.sensor == *sensor));
        let Some(now) = &state.confirmed else { return Vec::new() };
        if !works || state.pending.is_some() {
            return Vec::new();
        }
        let all: Vec<Setting> = match &actuator.kind {
            ActuatorKind::Switch | ActuatorKind::Pulse { .. } => vec![Setting::On, Setting::Off],
            ActuatorKind::Level { min, max, step } => {
                let Setting::Level(at) = now else { return Vec::new() };
                let near = |level: f64| {
                    let steps = ((level - min) / step).round();
                    Setting::Level((min + steps * step).clamp(*min, *max))
                };
                vec![near(at - step), near(at + step), near(*min), near(*max)]
            }
            // What an option does is not declared; options are left to rules and people.
            ActuatorKind::Choice { .. } => Vec::new(),
        };
        let mut settings: Vec<Setting> = Vec::new();
        for setting in all {
            if !same(actuator, &setting, now) && !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        settings
    }

    /// What a change would do, by the declared effects.
    fn weigh(&self, watched: &[Watched<'_>], change: Option<(ActuatorId, Setting)>) -> Move {
        let mut raw = 0.0;
        let mut predicted = Vec::new();
        for one in watched {
            let mut value = one.expected;
            if let Some((id, setting)) = &change {
                let actuator = &self.config.actuators[usize::from(id.0)];
                let before = self.world.actuator(*id).confirmed.as_ref();
                let moved = level(actuator, setting) - before.map_or(0.0, |b| level(actuator, b));
                let every = self.config.sensors[usize::from(one.sensor.0)].every;
                let works = actuator.effects.iter().find(|(sensor, _)| *sensor == one.sensor);
                let push = works.map_or(0.0, |(_, direction)| direction * moved);
                value += push * expected_push(one.scale, every) * one.look;
            }
            raw -= one.pain(value) + self.hour_with(one, change.as_ref());
            let sensor = &self.config.sensors[usize::from(one.sensor.0)];
            if !predicted.iter().any(|(name, _)| *name == sensor.name) {
                predicted.push((sensor.name.clone(), (value * 100.0).round() / 100.0));
            }
        }
        let (use_cost, money) = self.cost_after(change.as_ref());
        raw -= use_cost;
        if change.is_some() {
            raw -= SWITCH_COST * self.disliked_more(Least::Switching);
        }
        let set = change.iter().map(|(id, setting)| {
            (self.config.actuators[usize::from(id.0)].name.clone(), setting.clone())
        });
        let text = match &change {
            Some((id, setting)) => {
                prompt::change(&self.config.actuators[usize::from(id.0)], setting)
            }
            None => "do nothing".into(),
        };
        let candidate = Candidate {
            set: set.collect(),
            text,
            predicted,
            cost: money,
            utility: raw.exp(),
            probability: None,
        };
        Move { change, raw, candidate }
    }

    /// What everything that runs afterwards costs: in utility, and in the operator's own unit.
    fn cost_after(&self, change: Option<&(ActuatorId, Setting)>) -> (f64, f64) {
        let dearest = self.config.actuators.iter().map(|one| one.cost).fold(0.0, f64::max);
        let (mut disliked, mut money) = (0.0, 0.0);
        for (index, actuator) in self.config.actuators.iter().enumerate() {
            let changed = change.filter(|(id, _)| usize::from(id.0) == index);
            let heading = self.world.actuators[index].heading();
            let Some(setting) = changed.map(|(_, setting)| setting).or(heading) else { continue };
            let level = level(actuator, setting) - level(actuator, &actuator.safe);
            disliked += USE_COST * level.abs();
            if dearest > 0.0 {
                disliked += MONEY_COST * actuator.cost / dearest * level.max(0.0);
            }
            money += actuator.cost * level.max(0.0);
        }
        (disliked * self.disliked_more(Least::Cost), money)
    }

    /// `prefer` over `over`: what switches the worse one on goes when the better one is there.
    fn honour_preferences(&self, moves: &mut Vec<Move>) {
        for preference in &self.config.preferences {
            let holds = match &preference.when {
                Some(when) => when.truth(&self.view(&[])) == Truth::True,
                None => true,
            };
            if !holds {
                continue;
            }
            let better = |one: &Move| match (&one.change, preference.prefer) {
                (Some((id, setting)), Some(prefer)) => *id == prefer && self.rises(prefer, setting),
                (_, None) => true,
                _ => false,
            };
            if moves.iter().any(better) {
                moves.retain(|one| match &one.change {
                    Some((id, setting)) => {
                        *id != preference.over || !self.rises(preference.over, setting)
                    }
                    None => true,
                });
            }
        }
    }

    fn rises(&self, id: ActuatorId, setting: &Setting) -> bool {
        let actuator: &Actuator = &self.config.actuators[usize::from(id.0)];
        let now = self.world.actuator(id).confirmed.as_ref();
        level(actuator, setting) > now.map_or(0.0, |now| level(actuator, now))
    }

    /// The best move wins enough over doing nothing.
    fn worth_it(&self, moves: &[Move]) -> bool {
        let Some((id, setting)) = &moves[0].change else { return false };
        let rest = moves.iter().find(|one| one.change.is_none()).map_or(f64::MIN, |one| one.raw);
        let least = if self.rises(*id, setting) { START_GAIN } else { END_GAIN };
        moves[0].raw - rest >= least
    }

    /// What a move does to a sensor: above zero it raises it.
    fn pushes(&self, sensor: SensorId, id: ActuatorId, setting: &Setting) -> f64 {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let now = self.world.actuator(id).confirmed.as_ref();
        let moved = level(actuator, setting) - now.map_or(0.0, |now| level(actuator, now));
        let works = actuator.effects.iter().find(|(other, _)| *other == sensor);
        works.map_or(0.0, |(_, direction)| direction * moved)
    }

    /// Moves near the best that are real alternatives to it: better than doing nothing, another
    /// actuator, one a device, and for the same end: they push the sensor of the cause the same
    /// way, or where nothing presses they too end something.
    fn alternatives(&self, moves: &[Move], sensor: Option<SensorId>) -> Vec<usize> {
        let Some((best, setting)) = &moves[0].change else { return vec![0] };
        let rest = moves.iter().find(|one| one.change.is_none()).map_or(f64::MIN, |one| one.raw);
        let same_end = |id: ActuatorId, other: &Setting| match sensor {
            Some(sensor) => {
                self.pushes(sensor, id, other) * self.pushes(sensor, *best, setting) > 0.0
            }
            None => self.rises(id, other) == self.rises(*best, setting),
        };
        let mut taken = vec![*best];
        let mut list = vec![0];
        for (index, one) in moves.iter().enumerate().skip(1) {
            let Some((id, setting)) = &one.change else { continue };
            let near = moves[0].raw - one.raw <= NEAR;
            let better = one.raw > rest;
            if near && better && same_end(*id, setting) && !taken.contains(id) {
                taken.push(*id);
                list.push(index);
            }
        }
        list
    }
}

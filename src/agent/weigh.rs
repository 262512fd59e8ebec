//! What a change is worth: how far each goal will be from kept with it and without it, by the
//! filter's trends within the near horizon, and what it costs (ADR 13). No choice is made here.
//!
//! Waiting costs nothing as long as what is needed can still be begun later. So something is begun
//! when without it a goal would be left within the time that it takes to react, and it is ended as
//! soon as its end keeps every goal for as long as it should rest. What pushes a broken goal
//! further out is not put off: its end is weighed like the beginning of what mends.
//!
//! What is cheap is begun early, so that the dearer one beside it is seldom needed. Not where
//! something dearer must make good for it: who airs at noon what is heated at night heats for it.

use std::time::Duration;

use super::core::Agent;
use super::several::Who;
use super::steps::level;
use super::world::horizon;
use crate::clock::Tick;
use crate::config::{Actuator, Aim, Least};
use crate::domain::{ActuatorId, SensorId, Setting};

/// Periods of a sensor within which something can be begun and work: a reading, a decision and a
/// device, where planning and the mind take no longer than a period; and how long what was begun is
/// left to be felt.
const REACT_PERIODS: u32 = 3;
const FELT_PERIODS: u32 = 4;
/// Share of the horizon after which a change is looked at for the first time; the second time is
/// the horizon's end.
const SOON: f64 = 0.25;
/// How long something that is begun is looked at, as shares of the horizon.
const SPANS: [f64; 4] = [0.1, 0.3, 0.6, 1.0];
/// The near horizon is at least as long as the strongest actuator needs for so many margins, and at
/// most this long: what works slowly is planned further ahead, or its effect would drown in costs.
const HORIZON_MARGINS: f64 = 3.0;
const HORIZON_MOST_S: f64 = 7200.0;
/// Where something else that does the same costs so many times as much for the same effect, the
/// cheaper one is begun this early, as a share of the goal's width: then the dearer one is seldom
/// needed.
const DEARER: f64 = 1.6;
const EARLY: f64 = 0.2;
/// So long after something was begun for a goal, what works against it is not begun early: what
/// comes and goes with the sun comes again within a day.
const MAKES_GOOD: Duration = Duration::from_secs(24 * 3600);
/// Margin inside a goal's bounds, in standard deviations of what is foreseen for the time to react,
/// and its least and greatest size as a share of the goal's width.
const MARGIN_STDS: f64 = 1.5;
const MARGIN_LEAST: f64 = 0.02;
const MARGIN_MOST: f64 = 0.12;
/// What it weighs to have used up the margin, and twice the margin at most; and each width outside
/// the bounds. The first alone outweighs every cost below.
const MARGIN_WEIGHT: f64 = 0.4;
const OUTSIDE_WEIGHT: f64 = 4.0;
/// What running something at full level costs in utility, beside the operator's own `cost`; or, of
/// one that costs nothing, being away from `safe`.
const USE_COST: f64 = 0.03;
/// What the operator's dearest actuator costs in addition; others in proportion.
const MONEY_COST: f64 = 0.05;
/// So near to a bound, as a share of the goal's width, a sensor is held there by something.
const LEANS: f64 = 0.15;
/// A goal is better off by a change where it is by so much, in utility: more than rounding.
const HELPS_LEAST: f64 = 1e-6;
/// What a switching costs.
const SWITCH_COST: f64 = 0.01;
/// A goal in force with what is expected of its sensor.
pub(super) struct Watched {
    pub goal: usize,
    pub sensor: SensorId,
    bounds: (Option<f64>, Option<f64>),
    scale: f64,
    margin: f64,
    weight: f64,
    /// Actuators that are cheap among those that do the same: they keep a larger margin.
    early: Vec<(ActuatorId, f64)>,
    value: f64,
    /// Trend a second, what is on its way to devices included.
    slope: f64,
    period_s: f64,
    /// Seconds until what is begun later could work.
    react_s: f64,
    horizon_s: f64,
    /// Broken, and by its trend still so at the horizon's end.
    pub stays_broken: bool,
}

impl Watched {
    /// How bad it is to be at `value`, seen by one actuator or by nobody.
    fn pain(&self, by: Option<ActuatorId>, value: f64) -> f64 {
        self.pain_of(self.bounds, self.margin_of(by), value)
    }

    fn margin_of(&self, by: Option<ActuatorId>) -> f64 {
        let early = self.early.iter().find(|(id, _)| Some(*id) == by);
        early.map_or(self.margin, |(_, margin)| margin.max(self.margin))
    }

    fn pain_of(&self, (min, max): (Option<f64>, Option<f64>), margin: f64, value: f64) -> f64 {
        let over = |by: f64| {
            let used = ((by + margin) / margin).clamp(0.0, 2.0);
            MARGIN_WEIGHT * used + OUTSIDE_WEIGHT * (by / self.scale).max(0.0)
        };
        let low = min.map_or(0.0, |min| over(min - value));
        let high = max.map_or(0.0, |max| over(value - max));
        self.weight * low.max(high)
    }

    /// Where it is after `seconds` if the trend changes by `push` for the first `driven` of them.
    fn at(&self, seconds: f64, push: f64, driven: f64) -> f64 {
        self.value + self.slope * seconds + push * driven.min(seconds)
    }

    /// How bad the near horizon is, soon and at its end, if the trend changes by `push` for the
    /// first `driven` seconds.
    fn near(&self, by: Option<ActuatorId>, push: f64, driven: f64) -> f64 {
        let soon = self.at(SOON * self.horizon_s, push, driven);
        let end = self.at(self.horizon_s, push, driven);
        (self.pain(by, soon) + self.pain(by, end)) / 2.0
    }

    /// The goal is broken, and a change of the trend by `push` brings its sensor back.
    pub(super) fn is_mended_by(&self, push: f64) -> bool {
        let (min, max) = self.bounds;
        (push > 0.0 && min.is_some_and(|min| self.value < min))
            || (push < 0.0 && max.is_some_and(|max| self.value > max))
    }

    /// The goal is broken, or will be before the next reading, on the side from which a change of
    /// the trend by `push` leads away.
    fn cannot_wait(&self, push: f64) -> bool {
        let (min, max) = self.bounds;
        let next = self.at(self.period_s, 0.0, 0.0);
        let (low, high) = (self.value.min(next), self.value.max(next));
        (push > 0.0 && min.is_some_and(|min| low < min))
            || (push < 0.0 && max.is_some_and(|max| high > max))
    }

    /// How bad it is before anything could work that is begun later, on the side from which a
    /// change of the trend by `push` leads away: nobody heats what is too warm, to have it warmer
    /// when it will have cooled.
    fn urgency(&self, by: ActuatorId, push: f64) -> f64 {
        let (min, max) = self.bounds;
        let side = if push > 0.0 { (min, None) } else { (None, max) };
        let by = Some(by);
        self.pain_of(side, self.margin_of(by), self.at(self.react_s, 0.0, 0.0))
    }

    /// How bad the near horizon is if nothing is done.
    pub fn idle(&self) -> f64 {
        self.near(None, 0.0, 0.0)
    }

    /// The bound that is near: above 0 the upper one, below 0 the lower one.
    fn leans(&self) -> Option<f64> {
        let near = LEANS * self.scale;
        let (min, max) = self.bounds;
        if min.is_some_and(|min| self.value < min + near) {
            return Some(-1.0);
        }
        max.is_some_and(|max| self.value > max - near).then_some(1.0)
    }

    /// Where it is at the horizon's end if nothing is done.
    pub fn end(&self) -> f64 {
        self.at(self.horizon_s, 0.0, 0.0)
    }
}

/// What a change is worth.
pub(super) struct Worth {
    /// The one among the watched that is better off by most, if any is.
    pub helps: Option<usize>,
    /// By how much the goals are better off than without it.
    pub gain: f64,
    /// By how much it costs more than what runs now.
    pub cost: f64,
    /// What the watched sensors will be at the horizon's end, by their place in the list.
    pub predicted: Vec<f64>,
}

impl Agent {
    /// The goals in force that an agent heeds, with what is expected of their sensors.
    pub(super) fn watched(&self, who: Who) -> Vec<Watched> {
        let overruled = self.overruled();
        // Once for all goals: it looks at every sensor.
        let decided = self.decided_within();
        let goals = self.aims.iter().enumerate().filter_map(|(index, goal)| {
            let sensor = goal.aim.sensor()?;
            if !self.in_force(index) || overruled[index].is_some() {
                return None;
            }
            let heed = self.heeds(who, index)?;
            let band = self.wanted(index)?;
            let estimate = self.estimate(sensor)?;
            let (min, max) = band.bounds(estimate.value);
            let every = self.config.sensors[usize::from(sensor.0)].every;
            let broken = self.goals[index].gap.is_some_and(|gap| gap > 0.0);
            let scale = self.scale_heeded(sensor, &overruled);
            let react = (every * REACT_PERIODS).max(every * 2 + decided);
            let margin = self.margin(sensor, scale, react)?;
            let horizon_s = self.horizon_of(sensor, margin)?;
            let end = estimate.value + estimate.slope * horizon_s;
            let above = max.is_some_and(|max| estimate.value > max && end > max);
            let below = min.is_some_and(|min| estimate.value < min && end < min);
            Some(Watched {
                goal: index,
                sensor,
                bounds: (min, max),
                scale,
                margin,
                early: self.cheap_ones(sensor, EARLY * scale),
                weight: goal.weight * heed,
                value: estimate.value,
                slope: estimate.slope + self.on_its_way(sensor),
                period_s: every.as_secs_f64(),
                react_s: react.as_secs_f64(),
                horizon_s,
                stays_broken: broken && (above || below),
            })
        });
        goals.collect()
    }

    /// From a reading to a decision at the latest: the next plan, and the mind's last word.
    fn decided_within(&self) -> Duration {
        let answer = self.config.mind.as_ref().map_or(Duration::ZERO, |mind| mind.deadline);
        self.plan_interval() + answer
    }

    /// What is kept inside a goal's bounds against noise and what may come before one can react.
    fn margin(&self, sensor: SensorId, scale: f64, react: Duration) -> Option<f64> {
        let doubt = self.world.sensor(sensor).filter()?.doubt(react);
        Some((MARGIN_STDS * doubt).clamp(MARGIN_LEAST * scale, MARGIN_MOST * scale))
    }

    fn horizon_of(&self, sensor: SensorId, margin: f64) -> Option<f64> {
        let filter = self.world.sensor(sensor).filter()?;
        let all = (0u16..).zip(&self.config.actuators);
        let most = all.map(|(id, _)| filter.effect(ActuatorId(id)).abs()).fold(0.0, f64::max);
        let least = horizon(self.config.sensors[usize::from(sensor.0)].every).as_secs_f64();
        let slow = if most > 0.0 { HORIZON_MARGINS * margin / most } else { 0.0 };
        Some(slow.clamp(least, HORIZON_MOST_S.max(least)))
    }

    /// The actuators of which another does the same to a sensor at a much higher price. One that
    /// runs stays among them as long as it is the cheaper one at all: what it does is learned anew
    /// with each reading, and it would be begun and ended with each.
    fn cheap_ones(&self, sensor: SensorId, margin: f64) -> Vec<(ActuatorId, f64)> {
        let Some(filter) = self.world.sensor(sensor).filter() else { return Vec::new() };
        let price = |(id, actuator): (u16, &Actuator)| {
            let effect = filter.effect(ActuatorId(id));
            (effect != 0.0).then_some((ActuatorId(id), effect, actuator.cost / effect.abs()))
        };
        let all: Vec<_> = (0u16..).zip(&self.config.actuators).filter_map(price).collect();
        let runs = |id: ActuatorId| {
            let actuator = &self.config.actuators[usize::from(id.0)];
            self.world.actuator(id).heading().is_some_and(|at| level(actuator, at) > 0.0)
        };
        let cheap = |one: &&(ActuatorId, f64, f64)| {
            let dearer = if runs(one.0) { 1.0 } else { DEARER };
            all.iter()
                .filter(|other| other.0 != one.0 && other.1 * one.1 > 0.0 && other.2 > 0.0)
                .any(|other| other.2 > one.2 && other.2 >= dearer * one.2)
        };
        let early = |one: &&(ActuatorId, f64, f64)| {
            let dearer = all.iter().filter(|other| other.1 * one.1 > 0.0 && other.2 > one.2);
            let costs = dearer.map(|other| self.config.actuators[usize::from(other.0.0)].cost);
            !self.is_made_good(one.0, costs.fold(0.0, f64::max))
        };
        all.iter().filter(cheap).filter(early).map(|one| (one.0, margin)).collect()
    }

    /// Something that costs as much as what an early begin `spares`, an hour, holds or lately held
    /// a goal of a sensor that this one moves the other way: now or later it makes good for it.
    fn is_made_good(&self, id: ActuatorId, spares: f64) -> bool {
        let this = &self.config.actuators[usize::from(id.0)];
        self.config.actuators.iter().zip(&self.world.actuators).any(|(other, state)| {
            let runs = state.heading().is_some_and(|at| level(other, at) > 0.0);
            let counts = |at: Tick| runs || self.now.tick.since(at) < MAKES_GOOD;
            let opposed = |sensor| direction(this, sensor) * direction(other, sensor) < 0.0;
            let mut begun = state.begun_for.iter();
            other.cost >= spares.max(this.cost) && begun.any(|(of, at)| counts(*at) && opposed(*of))
        })
    }

    /// An actuator is begun, whoever wants it: remembers the sensors that it moves away from a
    /// near bound of a goal. Who follows the journal finds the same.
    pub(super) fn begun_for(&mut self, id: ActuatorId) {
        let now = self.now.tick;
        let effects = self.config.actuators[usize::from(id.0)].effects.iter();
        let held = effects.filter(|(sensor, to)| self.is_held(*sensor, *to));
        let held: Vec<SensorId> = held.map(|(sensor, _)| *sensor).collect();
        for sensor in held {
            let begun = &mut self.world.actuator_mut(id).begun_for;
            match begun.iter_mut().find(|(of, _)| *of == sensor) {
                Some((_, at)) => *at = now,
                None => begun.push((sensor, now)),
            }
        }
    }

    /// A bound of a goal is near, or passed, from which this direction leads away.
    fn is_held(&self, sensor: SensorId, direction: f64) -> bool {
        let Some(estimate) = self.estimate(sensor) else { return false };
        let near = LEANS * self.scales[usize::from(sensor.0)];
        self.aims.iter().enumerate().any(|(index, goal)| {
            let is_its_own = goal.aim.sensor() == Some(sensor) && self.in_force(index);
            let Some(band) = self.wanted(index).filter(|_| is_its_own) else { return false };
            let (min, max) = band.bounds(estimate.value);
            (direction > 0.0 && min.is_some_and(|min| estimate.value < min + near))
                || (direction < 0.0 && max.is_some_and(|max| estimate.value > max - near))
        })
    }

    /// What commands in flight will add to a sensor's trend, a second.
    fn on_its_way(&self, sensor: SensorId) -> f64 {
        let Some(filter) = self.world.sensor(sensor).filter() else { return 0.0 };
        let all = (0u16..).zip(self.config.actuators.iter().zip(&self.world.actuators));
        let moving = all.filter_map(|(number, (actuator, state))| {
            let to = &state.pending.as_ref()?.setting;
            let from = state.confirmed.as_ref()?;
            let moved = level(actuator, to) - level(actuator, from);
            Some(filter.effect(ActuatorId(number)) * moved)
        });
        moving.sum()
    }

    /// How much more of its full level an actuator would be at.
    pub(super) fn moved(&self, id: ActuatorId, to: &Setting) -> f64 {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let now = self.world.actuator(id).confirmed.as_ref();
        level(actuator, to) - now.map_or(0.0, |now| level(actuator, now))
    }

    /// Where a change mends a broken goal which nothing that is on its way mends, and would take
    /// its sensor out on the other side were it driven for as short as a plan may: what full level
    /// must do at most, a second, to bring it to the middle in that time. `None`: it is not too
    /// much.
    pub(super) fn most_usable(
        &self,
        watched: &[Watched],
        one: &Watched,
        id: ActuatorId,
        to: &Setting,
    ) -> Option<f64> {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let effect = |of: &Watched| {
            self.world.sensor(of.sensor).filter().map_or(0.0, |filter| filter.effect(id))
        };
        let touched = watched.iter().filter(|of| effect(of) != 0.0);
        let longest = touched.map(|of| of.horizon_s).fold(0.0, f64::max);
        let least = if self.rises(id, to) { actuator.min_on } else { actuator.min_off };
        let span = least.as_secs_f64().min(longest).max(SPANS[0] * longest);
        // Bounds may be those of two goals.
        let here = || watched.iter().filter(|of| of.sensor == one.sensor);
        let min = here().filter_map(|of| of.bounds.0).max_by(f64::total_cmp)?;
        let max = here().filter_map(|of| of.bounds.1).min_by(f64::total_cmp)?;
        let (moved, push) = (self.moved(id, to), effect(one) * self.moved(id, to));
        let then = one.at(span, push, span);
        let (is_left, past) = match push > 0.0 {
            true => (one.end() < min, then - max),
            false => (one.end() > max, min - then),
        };
        let usable = ((min + max) / 2.0 - one.at(span, 0.0, 0.0)) / span;
        (is_left && past > 0.0 && usable * push > 0.0).then_some(usable / moved)
    }

    /// A change against waiting.
    pub(super) fn worth(&self, watched: &[Watched], id: ActuatorId, setting: &Setting) -> Worth {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let moved = self.moved(id, setting);
        let pushes: Vec<f64> = watched
            .iter()
            .map(|one| {
                let filter = self.world.sensor(one.sensor).filter();
                filter.map_or(0.0, |filter| filter.effect(id) * moved)
            })
            .collect();
        let by = Some(id);
        let mut better: Vec<f64> = vec![0.0; watched.len()];
        let all = |look: &dyn Fn(&Watched, f64) -> f64| -> f64 {
            watched.iter().zip(&pushes).map(|(one, push)| look(one, *push)).sum()
        };
        let touched = watched.iter().zip(&pushes).filter(|(_, push)| **push != 0.0);
        let longest = touched.map(|(one, _)| one.horizon_s).fold(0.0, f64::max);
        let (mut gain, mut driven) = (0.0, longest);
        let mends = watched.iter().zip(&pushes).any(|(one, push)| one.is_mended_by(*push));
        if moved > 0.0 || mends {
            let urgent = watched.iter().zip(&pushes);
            if urgent.into_iter().any(|(one, push)| *push != 0.0 && one.urgency(id, *push) > 0.0) {
                let idle = all(&|one, _| one.near(by, 0.0, 0.0));
                // As long as is best, but not shorter than it must be.
                let least = if moved > 0.0 { actuator.min_on } else { actuator.min_off };
                let least = least.as_secs_f64().min(longest);
                let spans = SPANS.map(|share| least.max(share * longest));
                let of = |span: f64| (span, all(&|one, push| one.near(by, push, span)));
                let best = spans.into_iter().map(of).min_by(|a, b| a.1.total_cmp(&b.1));
                let best = best.unwrap_or((longest, idle));
                (driven, gain) = (best.0, idle - best.1);
                for (place, (one, push)) in watched.iter().zip(&pushes).enumerate() {
                    better[place] = one.near(by, 0.0, 0.0) - one.near(by, *push, driven);
                }
            }
        } else {
            // Ended now, or a little later.
            let rest = |one: &Watched| one.horizon_s.max(actuator.min_off.as_secs_f64());
            let now = all(&|one, push| one.pain(by, one.at(rest(one), push, rest(one))));
            let later = all(&|one, push| {
                let rest = rest(one);
                one.pain(by, one.at(rest, push, (rest - one.react_s).max(0.0)))
            });
            let never = all(&|one, _| one.pain(by, one.at(rest(one), 0.0, 0.0)));
            gain = later.min(never) - now;
            for (place, (one, push)) in watched.iter().zip(&pushes).enumerate() {
                let (rest, waits) = (rest(one), one.pain(by, one.at(rest(one), 0.0, 0.0)));
                better[place] = waits - one.pain(by, one.at(rest, *push, rest));
            }
        }
        let predicted =
            watched.iter().zip(&pushes).map(|(one, push)| one.at(one.horizon_s, *push, driven));
        let (cost_now, _) = self.cost_after(None);
        let (cost_then, _) = self.cost_after(Some(&(id, setting.clone())));
        let undone = self.undone(watched, &pushes, id);
        let switching = SWITCH_COST * self.disliked_more(Least::Switching);
        let cost = cost_then - cost_now + undone + switching * self.share_ended(id, setting);
        // What does harm is not left on because to end it costs: where it was learned to do next to
        // nothing, nothing else would ever show that it does more.
        let cost = if mends && moved < 0.0 { cost.min(0.0) } else { cost };
        let helps = (0..watched.len()).max_by(|a, b| better[*a].total_cmp(&better[*b]));
        let helps = helps.filter(|place| better[*place] > HELPS_LEAST);
        Worth { helps, gain, cost, predicted: predicted.collect() }
    }

    /// How much of a whole switching it is to end what runs at a low level: as much as ran, or the
    /// lowest step of a level would cost less to leave on for ever than to end. Else 1.
    pub(super) fn share_ended(&self, id: ActuatorId, to: &Setting) -> f64 {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let now = self.world.actuator(id).confirmed.as_ref();
        let ran = now.map_or(0.0, |now| level(actuator, now));
        if level(actuator, to) <= 0.0 && ran > 0.0 { ran } else { 1.0 }
    }

    /// It would take back what a plan did a moment ago, before that could be felt: nothing is known
    /// that was not known then, but for noise. A goal that is or gets broken does not wait.
    pub(super) fn takes_back(&self, watched: &[Watched], id: ActuatorId, to: &Setting) -> bool {
        let Some(last) = self.last_of_this_start(id) else { return false };
        let Some(changed) = self.world.actuator(id).changed else { return false };
        if !last.by.is_planned() || last.rose == self.rises(id, to) {
            return false;
        }
        let pushes = watched.iter().map(|one| (one, self.pushes(one.sensor, id, to)));
        let touched: Vec<_> = pushes.filter(|(_, push)| *push != 0.0).collect();
        let period_s = touched.iter().map(|(one, _)| one.period_s).fold(0.0, f64::max);
        let felt_s = period_s * f64::from(FELT_PERIODS);
        let is_felt = self.now.tick.since(changed).as_secs_f64() >= felt_s;
        !is_felt && !touched.iter().any(|(one, push)| one.cannot_wait(*push))
    }

    /// What it costs that a change pushes a sensor which something else holds at its bound, since
    /// that must then do more; less than nothing where it helps.
    fn undone(&self, watched: &[Watched], pushes: &[f64], id: ActuatorId) -> f64 {
        let dearest = self.config.actuators.iter().map(|one| one.cost).fold(0.0, f64::max);
        let mut sum = 0.0;
        for (one, push) in watched.iter().zip(pushes) {
            let Some(filter) = self.world.sensor(one.sensor).filter() else { continue };
            let Some(towards) = one.leans() else { continue };
            let holds = (0u16..).zip(&self.config.actuators).filter_map(|(number, actuator)| {
                let effect = filter.effect(ActuatorId(number)) * towards;
                let other = ActuatorId(number) != id;
                (other && effect < 0.0 && actuator.cost > 0.0).then(|| actuator.cost / -effect)
            });
            if let Some(price) = holds.min_by(f64::total_cmp) {
                sum += push * towards * price;
            }
        }
        if dearest > 0.0 { MONEY_COST * (sum / dearest).clamp(-1.0, 1.0) } else { 0.0 }
    }

    /// How much more than usual a goal of its own makes cost or switching count.
    fn disliked_more(&self, what: Least) -> f64 {
        let goals = self.aims.iter().enumerate();
        let wanted =
            goals.filter(|(index, goal)| goal.aim == Aim::Minimise(what) && self.in_force(*index));
        1.0 + wanted.map(|(_, goal)| goal.weight).sum::<f64>()
    }

    /// What everything that runs afterwards costs: in utility, and in the operator's own unit.
    pub(super) fn cost_after(&self, change: Option<&(ActuatorId, Setting)>) -> (f64, f64) {
        let dearest = self.config.actuators.iter().map(|one| one.cost).fold(0.0, f64::max);
        let (mut disliked, mut money) = (0.0, 0.0);
        for (index, actuator) in self.config.actuators.iter().enumerate() {
            let changed = change.filter(|(id, _)| usize::from(id.0) == index);
            let heading = self.world.actuators[index].heading();
            let Some(setting) = changed.map(|(_, setting)| setting).or(heading) else { continue };
            let level_there = level(actuator, setting);
            if actuator.cost > 0.0 {
                disliked += (USE_COST + MONEY_COST * actuator.cost / dearest) * level_there;
                money += actuator.cost * level_there;
            } else {
                disliked += USE_COST * (level_there - level(actuator, &actuator.safe)).abs();
            }
        }
        (disliked * self.disliked_more(Least::Cost), money)
    }
}

/// Which way an actuator moves a sensor, as declared: above 0 up, 0 not at all.
fn direction(actuator: &Actuator, sensor: SensorId) -> f64 {
    let effect = actuator.effects.iter().find(|(other, _)| *other == sensor);
    effect.map_or(0.0, |(_, direction)| *direction)
}

//! The planner: candidates that each change one actuator for some time, and which of them are
//! alternatives to each other. `weigh` says what each is worth; `decide` chooses, `guard` allows.

use super::core::Agent;
use super::prompt;
use super::several::Who;
use super::steps::{level, same};
use super::weigh::Watched;
use crate::config::ActuatorKind;
use crate::domain::{ActuatorId, CALL, Candidate, Decider, NOTHING, SensorId, Setting};
use crate::limits;

/// What a move must win over doing nothing before it is made, where something is to be started: a
/// fiftieth of a width outside the margin. Less is noise, and would switch back and forth.
const START_GAIN: f64 = 0.04;
/// The same where something is to be ended: half of what the smallest actuator's rest wins.
const END_GAIN: f64 = 0.005;
/// An actuator with no more steps than this has each of them looked at; of others the neighbours,
/// the middle and the ends.
const LEVELS_ALL: f64 = 8.0;
/// Candidates this near to the best in utility are alternatives: the mind may choose among them.
/// Larger than all costs together (0.09), smaller than a tenth of a width outside (0.2).
pub const NEAR: f64 = 0.1;

/// One thing that could be done.
#[derive(Clone, Debug)]
pub struct Move {
    /// What changes; `None`: nothing.
    pub change: Option<(ActuatorId, Setting)>,
    /// Utility before `exp`: less all that is disliked. Above 0 where a move, over its own time and
    /// with its own margin, wins more than doing nothing is seen to lose.
    pub raw: f64,
    /// As recorded and as the mind reads it.
    pub candidate: Candidate,
}

impl Move {
    /// Doing nothing, and a person is told. What a person will do cannot be foreseen: it is worth
    /// what doing nothing is, and first where nothing else mends what is broken.
    fn calling(mut self) -> Move {
        self.candidate.text = CALL.into();
        self
    }
}

/// What the planner proposes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which of several agents.
    pub who: Who,
    /// Why there is something to decide.
    pub cause: String,
    /// Best first.
    pub moves: Vec<Move>,
    /// Indices of the moves that the mind may choose among; the first is the planner's own.
    pub alternatives: Vec<usize>,
    /// The goal that is broken where nothing here mends it.
    pub helpless: Option<usize>,
    /// Preferences that took a candidate away, in words.
    pub heeded: Vec<String>,
}

/// To a hundredth; adding nought takes the minus off a nought.
fn to_hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

impl Agent {
    /// Looks at the goals of one agent; `None`: all is well and nothing runs without need.
    pub(super) fn plan(&self, who: Who) -> Option<Plan> {
        let watched = self.watched(who);
        if watched.is_empty() {
            return None;
        }
        let mut moves = vec![self.weigh(&watched, None)];
        for index in 0..self.config.actuators.len() {
            let id = ActuatorId(u16::try_from(index).ok()?);
            if self.person_is_asked(id) || !self.has_tool(who, id) {
                continue;
            }
            for setting in self.settings_of(id, &watched) {
                let waits = self.takes_back(&watched, id, &setting);
                if !waits && self.guard(id, &setting, Decider::Planner).is_ok() {
                    moves.push(self.weigh(&watched, Some((id, setting))));
                }
            }
        }
        let heeded = self.honour_preferences(&mut moves);
        moves.sort_by(|a, b| b.raw.total_cmp(&a.raw));
        let nothing = moves.iter().position(|one| one.change.is_none())?;
        // To do nothing and to call a person are always among the candidates.
        let rest = moves.remove(nothing);
        self.keep_best(&mut moves, limits::CANDIDATES_MAX - 2);
        let nothing = moves.partition_point(|one| one.raw >= rest.raw);
        moves.splice(nothing..nothing, [rest.clone(), rest.calling()]);
        let worst = watched.iter().max_by(|a, b| a.idle().total_cmp(&b.idle()))?;
        let pain = worst.idle();
        if !self.worth_it(&moves) {
            // What is on its way back needs nobody.
            let broken = worst.stays_broken;
            // Then a person is first, nothing next, and the others keep their order.
            moves.sort_by_key(|one| (one.change.is_some(), !one.candidate.calls()));
            let cause = || self.goal_cause(worst.goal);
            return broken.then(|| Plan {
                who,
                cause: self.in_the_name_of(who, Some(worst.goal), cause()),
                alternatives: vec![0],
                helpless: Some(worst.goal),
                heeded,
                moves,
            });
        }
        let (id, setting) = moves[0].change.as_ref()?;
        let helped = self.worth(&watched, *id, setting).helps.map(|place| &watched[place]);
        let cause = match helped {
            // By its own goal alone nothing would have to be begun yet.
            Some(one) if one.idle() <= 0.0 && self.rises(*id, setting) => {
                format!("{}, begun early since it is cheap", self.goal_cause(one.goal))
            }
            Some(one) => self.goal_cause(one.goal),
            None if pain > 0.0 => "less is needed".into(),
            None => "goals kept: less is needed".into(),
        };
        let cause = self.in_the_name_of(who, helped.map(|one| one.goal), cause);
        let alternatives = self.alternatives(&moves, helped.map(|one| one.sensor));
        Some(Plan { who, cause, moves, alternatives, helpless: None, heeded })
    }

    /// Keeps so many moves of a list that has its best first: that one, the best that raises each
    /// device, and what else is best. Five levels of one device leave no room for another.
    fn keep_best(&self, moves: &mut Vec<Move>, most: usize) {
        let mut seen = Vec::new();
        let (mut kept, rest): (Vec<_>, Vec<_>) =
            moves.drain(..).enumerate().partition(|(at, one)| {
                let raised = one.change.as_ref().filter(|(id, to)| self.rises(*id, to));
                let new = raised.is_some_and(|(id, _)| !seen.contains(id));
                seen.extend(raised.map(|(id, _)| *id));
                *at == 0 || new
            });
        kept.extend(rest);
        kept.truncate(most);
        // By their place in the list.
        kept.sort_by_key(|(at, _)| *at);
        moves.extend(kept.into_iter().map(|(_, one)| one));
    }

    /// A person is asked already, about this actuator or about one that works on the same. What
    /// needs no person does not wait for the answer.
    pub(super) fn person_is_asked(&self, id: ActuatorId) -> bool {
        let works_on = |one: ActuatorId| &self.config.actuators[usize::from(one.0)].effects;
        let shares = |other: ActuatorId| {
            let theirs = works_on(other);
            works_on(id).iter().any(|(sensor, _)| theirs.iter().any(|(one, _)| one == sensor))
        };
        let waiting = self.approvals.iter().map(|waits| waits.actuator);
        let mut waiting = waiting.filter(|other| *other == id || shares(*other));
        self.needs_person(id) && (waiting.next().is_some() || self.no_person_has_time())
    }

    /// Settings worth a look: those of actuators that work on something watched, that answer, and
    /// that wait for nothing.
    pub(super) fn settings_of(&self, id: ActuatorId, watched: &[Watched]) -> Vec<Setting> {
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
                let count = ((max - min) / step).round();
                if count <= LEVELS_ALL {
                    (0..=count as u32).map(|n| near(min + f64::from(n) * step)).collect()
                } else {
                    let middle = (min + max) / 2.0;
                    vec![near(at - step), near(at + step), near(*min), near(middle), near(*max)]
                }
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

    /// A change, or doing nothing, with what comes of it.
    fn weigh(&self, watched: &[Watched], change: Option<(ActuatorId, Setting)>) -> Move {
        let idle: f64 = watched.iter().map(Watched::idle).sum();
        let mut raw = -idle - self.cost_after(None).0;
        let values = match &change {
            Some((id, setting)) => {
                let worth = self.worth(watched, *id, setting);
                raw += worth.gain - worth.cost;
                worth.predicted
            }
            None => watched.iter().map(Watched::end).collect(),
        };
        let mut predicted: Vec<(String, f64)> = Vec::new();
        for (one, value) in watched.iter().zip(values) {
            let sensor = &self.config.sensors[usize::from(one.sensor.0)];
            if !predicted.iter().any(|(name, _)| *name == sensor.name) {
                predicted.push((sensor.name.clone(), to_hundredth(value)));
            }
        }
        let set = change.iter().map(|(id, setting)| {
            (self.config.actuators[usize::from(id.0)].name.clone(), setting.clone())
        });
        let text = match &change {
            Some((id, setting)) => {
                prompt::change(&self.config.actuators[usize::from(id.0)], setting)
            }
            None => NOTHING.into(),
        };
        let candidate = Candidate {
            set: set.collect(),
            text,
            predicted,
            cost: self.cost_after(change.as_ref()).1,
            utility: raw.exp(),
            probability: None,
        };
        Move { change, raw, candidate }
    }

    /// The best move wins enough over doing nothing.
    fn worth_it(&self, moves: &[Move]) -> bool {
        let Some((id, setting)) = &moves[0].change else { return false };
        let rest = moves.iter().find(|one| one.change.is_none()).map_or(f64::MIN, |one| one.raw);
        moves[0].raw - rest >= self.least_gain(*id, setting)
    }

    /// What a move must win over doing nothing.
    pub(super) fn least_gain(&self, id: ActuatorId, to: &Setting) -> f64 {
        let whole = if self.rises(id, to) { START_GAIN } else { END_GAIN };
        whole * self.share_ended(id, to)
    }

    /// What a move does to a sensor: above zero it raises it.
    pub(super) fn pushes(&self, sensor: SensorId, id: ActuatorId, setting: &Setting) -> f64 {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let now = self.world.actuator(id).confirmed.as_ref();
        let moved = level(actuator, setting) - now.map_or(0.0, |now| level(actuator, now));
        let works = actuator.effects.iter().find(|(other, _)| *other == sensor);
        works.map_or(0.0, |(_, direction)| direction * moved)
    }

    /// Moves near the best that are real alternatives to it: better than doing nothing, another
    /// actuator, one a device, and for the same end: they push the sensor of the cause the same
    /// way. Each of them raises its device: a note says which one is used, and asked what to end
    /// the mind would name the very one that is wanted.
    fn alternatives(&self, moves: &[Move], sensor: Option<SensorId>) -> Vec<usize> {
        let Some((best, setting)) = &moves[0].change else { return vec![0] };
        if !self.rises(*best, setting) {
            return vec![0];
        }
        let rest = moves.iter().find(|one| one.change.is_none()).map_or(f64::MIN, |one| one.raw);
        let same_end = |id: ActuatorId, other: &Setting| {
            let push = |id, setting| sensor.map_or(1.0, |of| self.pushes(of, id, setting));
            self.rises(id, other) && push(id, other) * push(*best, setting) > 0.0
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

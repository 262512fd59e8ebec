//! Reflexes: rules and interlocks. No model, no waiting; evaluated after every event.

use std::time::Duration;

use super::core::Agent;
use crate::clock::Tick;
use crate::domain::{ActuatorId, Decider, Setting, Severity};
use crate::expr::{Expression, Truth};

/// How a rule or an interlock stands.
#[derive(Clone, Debug, Default)]
pub struct RuleState {
    /// Its condition holds.
    pub active: bool,
    /// That its condition is unknown was said, until it is known again.
    unknown_said: bool,
    /// That it could not act was said, until it ends.
    refused_said: bool,
    /// When it last sent something: a device that is switched back by hand is not fought faster
    /// than each [`AGAIN`].
    sent: Option<Tick>,
}

/// Least time between two messages of one rule or interlock to devices that do not stay put.
const AGAIN: Duration = Duration::from_secs(10);

/// Most combinations of settings in flight that an interlock is tried on; more count as unknown.
const COMBINATIONS_MAX: usize = 64;

impl Agent {
    /// Interlocks first, then rules in the order of the file.
    pub(super) fn reflexes(&mut self) {
        for index in 0..self.config.interlocks.len() {
            self.interlock(index);
        }
        for index in 0..self.config.rules.len() {
            self.rule(index);
        }
    }

    /// When a reading makes an interlock true, every actuator named in it goes to `safe`.
    fn interlock(&mut self, index: usize) {
        let config = self.config.clone();
        let interlock = &config.interlocks[index];
        let truth = self.truth_in_flight(&interlock.forbid, None);
        let state = &mut self.interlocks[index];
        if truth != Truth::True {
            state.active = false;
            state.refused_said = false;
            return;
        }
        let began = !state.active;
        state.active = true;
        if !began && state.sent.is_some_and(|at| self.now.tick.since(at) < AGAIN) {
            return;
        }
        let cause = format!("interlock {}", interlock.name);
        let mut sent = false;
        for &id in interlock.forbid.actuators() {
            let safe = &config.actuators[usize::from(id.0)].safe;
            if self.heads_for(id, safe) {
                continue;
            }
            if !self.may_send_at_all(id) || self.makes_worse(id, safe) {
                continue;
            }
            self.issue_now(id, safe.clone(), Decider::Rule, &cause);
            sent = true;
        }
        if sent {
            self.interlocks[index].sent = Some(self.now.tick);
            self.counters.by_rule += 1;
        }
        if began {
            let text = format!("{cause} is true: everything named in it goes to safe");
            self.say("interlock", text, Severity::Warning);
        }
    }

    /// A rule acts while its condition holds; the unknown does not act and is said once.
    fn rule(&mut self, index: usize) {
        let config = self.config.clone();
        let rule = &config.rules[index];
        let truth = rule.when.truth(&self.view(&[]));
        let state = &mut self.rules[index];
        match truth {
            Truth::Unknown => {
                state.active = false;
                // In the first minute nothing has spoken yet; that is no news.
                let settled = self.now.tick.since(self.world.started) > Duration::from_secs(60);
                if settled && !std::mem::replace(&mut state.unknown_said, true) {
                    let text = format!("rule {}: its condition is unknown, it rests", rule.name);
                    self.say("rule-unknown", text, Severity::Warning);
                }
                return;
            }
            Truth::False => {
                *state = RuleState::default();
                return;
            }
            Truth::True => state.unknown_said = false,
        }
        let began = !state.active;
        state.active = true;
        if !began && state.sent.is_some_and(|at| self.now.tick.since(at) < AGAIN) {
            return;
        }
        let cause = format!("rule {}", rule.name);
        let mut sent = false;
        for (id, setting) in &rule.set {
            if self.heads_for(*id, setting) {
                continue;
            }
            if self.rule_before(index, *id) {
                continue;
            }
            match self.guard(*id, setting, Decider::Rule) {
                Ok(()) => {
                    self.issue_now(*id, setting.clone(), Decider::Rule, &cause);
                    sent = true;
                }
                Err(refusal) => {
                    if !std::mem::replace(&mut self.rules[index].refused_said, true) {
                        self.refuse(*id, setting, Decider::Rule, &cause, &refusal);
                    }
                }
            }
        }
        if sent {
            self.rules[index].sent = Some(self.now.tick);
            self.counters.by_rule += 1;
            self.reflex_decision(&cause, &rule.set);
        }
    }

    /// An earlier rule that holds sets the same actuator: the first in the file wins.
    fn rule_before(&self, index: usize, id: ActuatorId) -> bool {
        (0..index).any(|earlier| {
            self.rules[earlier].active
                && self.config.rules[earlier].set.iter().any(|(other, _)| *other == id)
        })
    }

    /// The rule that holds now and wants the actuator elsewhere than `setting`.
    pub(super) fn rule_against(&self, id: ActuatorId, setting: &Setting) -> Option<&str> {
        let wanted = |index: &usize| {
            let set = &self.config.rules[*index].set;
            set.iter().find(|(other, _)| *other == id).map(|(_, wanted)| wanted)
        };
        let holder = (0..self.rules.len())
            .filter(|i| self.rules[*i].active)
            .find(|i| wanted(i).is_some())?;
        (wanted(&holder) != Some(setting)).then(|| self.config.rules[holder].name.as_str())
    }

    /// Truth of an interlock where everything in flight counts at its old and at its new value,
    /// and `change`, if given, at what it would be set to. True if it holds in any of them.
    pub(super) fn truth_in_flight(
        &self,
        forbid: &Expression,
        change: Option<(ActuatorId, &Setting)>,
    ) -> Truth {
        let mut combinations: Vec<Vec<(ActuatorId, Option<Setting>)>> = vec![Vec::new()];
        for &id in forbid.actuators() {
            let values: Vec<Option<Setting>> = match change {
                Some((changed, setting)) if changed == id => vec![Some(setting.clone())],
                _ => {
                    let state = self.world.actuator(id);
                    let old = std::iter::once(state.confirmed.clone());
                    old.chain(state.in_flight.iter().map(|(setting, _)| Some(setting.clone())))
                        .collect()
                }
            };
            if combinations.len() * values.len() > COMBINATIONS_MAX {
                return Truth::Unknown;
            }
            combinations = combinations
                .into_iter()
                .flat_map(|before| {
                    values.iter().map(move |value| {
                        let mut with = before.clone();
                        with.push((id, value.clone()));
                        with
                    })
                })
                .collect();
        }
        let mut end = Truth::False;
        for assume in &combinations {
            match forbid.truth(&self.view(assume)) {
                Truth::True => return Truth::True,
                Truth::Unknown => end = Truth::Unknown,
                Truth::False => {}
            }
        }
        end
    }
}

//! Reflexes: rules and interlocks. No model, no waiting; evaluated after every event.

use std::collections::VecDeque;
use std::time::Duration;

use super::core::Agent;
use crate::clock::Tick;
use crate::domain::{ActuatorId, Decider, Setting, Severity};
use crate::expr::{Expression, Truth};

/// What counts of the devices in an interlock, beside what each has confirmed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// What is under way, what waits for the journal, and a word that may have come in the wrong
    /// order: whatever may be by the time that something new arrives.
    All,
    /// The same without what waits, which has set nothing yet and can be kept back.
    Sent,
    /// What is under way and what waits: the last word of each device is believed.
    Told,
    /// What is under way: the last word of each device is believed.
    Last,
}

/// How a rule or an interlock stands.
#[derive(Clone, Debug, Default)]
pub struct RuleState {
    /// Its condition holds.
    pub active: bool,
    /// It holds whichever of a device's two last words is the newer one.
    sure: bool,
    /// That its condition is unknown was said, until it is known again; and when.
    unknown_said: bool,
    unknown_at: Option<Tick>,
    /// That it could not act was said, until it ends; and when.
    refused_said: bool,
    refused_at: Option<Tick>,
    /// When it was last told that it holds.
    told: Option<Tick>,
    /// When it last sent something to each of its actuators, at most [`BURST`] times.
    sent: Vec<(ActuatorId, VecDeque<Tick>)>,
}

impl RuleState {
    /// Its condition does not hold; what was sent and said is not forgotten, or a condition that
    /// flickers would flood devices and journal.
    fn end(&mut self) {
        (self.active, self.sure) = (false, false);
        self.unknown_said = false;
        self.refused_said = false;
    }

    /// May it send to this actuator again? Where it has just begun to hold it acts at once, but
    /// not without end: a device and a rule that fight would do so as fast as the bus is.
    fn may_send(&self, id: ActuatorId, began: bool, again: Duration, now: Tick) -> bool {
        let Some((_, sent)) = self.sent.iter().find(|(one, _)| *one == id) else { return true };
        if began {
            return sent.len() < BURST || sent.front().is_none_or(|at| now.since(*at) >= AGAIN);
        }
        sent.back().is_none_or(|at| now.since(*at) >= again)
    }

    fn has_sent(&mut self, id: ActuatorId, now: Tick) {
        let at = self.sent.iter().position(|(one, _)| *one == id);
        let at = at.unwrap_or_else(|| {
            self.sent.push((id, VecDeque::new()));
            self.sent.len() - 1
        });
        let sent = &mut self.sent[at].1;
        if sent.len() == BURST {
            sent.pop_front();
        }
        sent.push_back(now);
    }
}

/// True once in a while: not again within `pause`.
fn due(last: &mut Option<Tick>, pause: Duration, now: Tick) -> bool {
    let due = last.is_none_or(|at| now.since(at) >= pause);
    if due {
        *last = Some(now);
    }
    due
}

/// Messages of one rule to one actuator within [`AGAIN`], where its condition flickers.
const BURST: usize = 4;
/// The same interlock or refusal is told once a minute, the same unknown condition once in ten.
const TELL_AGAIN: Duration = Duration::from_secs(60);
const TELL_UNKNOWN_AGAIN: Duration = Duration::from_secs(600);
/// A device that does not answer gets a rule's message at most once a minute.
const SILENT_AGAIN: Duration = Duration::from_secs(60);

/// Least time between two messages of one rule or interlock to a device that does not stay put
/// while the condition holds: it is not fought faster.
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

    /// Which rules hold, without acting.
    pub(super) fn look_at_rules(&mut self) {
        for index in 0..self.config.rules.len() {
            let truth = self.config.rules[index].when.truth(&self.view(&[]));
            self.rules[index].active = truth == Truth::True;
        }
    }

    /// When a reading makes an interlock true, every actuator named in it goes to `safe`.
    fn interlock(&mut self, index: usize) {
        let config = self.config.clone();
        let interlock = &config.interlocks[index];
        if self.truth_of(&interlock.forbid, None, Counted::Sent) != Truth::True {
            self.interlocks[index].end();
            return;
        }
        let sure = self.truth_of(&interlock.forbid, None, Counted::Last) == Truth::True;
        let state = &mut self.interlocks[index];
        // What was only possible and is so now begins anew.
        let began = !state.active || sure && !state.sure;
        (state.active, state.sure) = (true, sure);
        let cause = format!("interlock {}", interlock.name);
        let mut sent = false;
        for &id in interlock.forbid.actuators() {
            let safe = &config.actuators[usize::from(id.0)].safe;
            if self.is_sent(id, safe) || !sure && !self.settles_doubt(id, safe) {
                continue;
            }
            if self.harms_in_doubt(&interlock.forbid, id, safe) {
                continue;
            }
            if !self.interlocks[index].may_send(id, began, self.again(id), self.now.tick) {
                continue;
            }
            if !self.may_send_at_all(id) || self.makes_worse(id, safe) {
                continue;
            }
            self.issue_now(id, safe.clone(), Decider::Rule, &cause);
            self.interlocks[index].has_sent(id, self.now.tick);
            sent = true;
        }
        if sent {
            self.counters.by_rule += 1;
        }
        if began && sure && due(&mut self.interlocks[index].told, TELL_AGAIN, self.now.tick) {
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
                let news = settled && !std::mem::replace(&mut state.unknown_said, true);
                if news && due(&mut state.unknown_at, TELL_UNKNOWN_AGAIN, self.now.tick) {
                    let text = format!("rule {}: its condition is unknown, it rests", rule.name);
                    self.say("rule-unknown", text, Severity::Warning);
                }
                return;
            }
            Truth::False => {
                state.end();
                return;
            }
            Truth::True => state.unknown_said = false,
        }
        let began = !state.active;
        state.active = true;
        let cause = format!("rule {}", rule.name);
        let mut sent = false;
        for (id, setting) in &rule.set {
            if self.is_sent(*id, setting) {
                continue;
            }
            if self.rule_before(index, *id) {
                continue;
            }
            if !self.rules[index].may_send(*id, began, self.again(*id), self.now.tick) {
                continue;
            }
            match self.guard(*id, setting, Decider::Rule) {
                Ok(()) => {
                    self.issue_now(*id, setting.clone(), Decider::Rule, &cause);
                    self.rules[index].has_sent(*id, self.now.tick);
                    sent = true;
                }
                Err(refusal) => {
                    let state = &mut self.rules[index];
                    let news = !std::mem::replace(&mut state.refused_said, true);
                    if news && due(&mut state.refused_at, TELL_AGAIN, self.now.tick) {
                        self.refuse(*id, setting, Decider::Rule, &cause, &refusal);
                    }
                }
            }
        }
        if sent {
            self.counters.by_rule += 1;
            self.reflex_decision(&cause, &rule.set);
        }
    }

    /// Least time between two messages of a rule that holds to this actuator.
    fn again(&self, id: ActuatorId) -> Duration {
        let silent = self.world.actuator(id).silent_since;
        silent.map_or(AGAIN, |at| self.now.tick.since(at).clamp(AGAIN, SILENT_AGAIN))
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

    /// Truth of an interlock where everything in flight counts at its old and at its new value, a
    /// device whose words may have come in the wrong order at both, and `change`, if given, at what
    /// it would be set to. True if it holds in any of them.
    pub(super) fn truth_of(
        &self,
        forbid: &Expression,
        change: Option<(ActuatorId, &Setting)>,
        counted: Counted,
    ) -> Truth {
        let doubted = matches!(counted, Counted::All | Counted::Sent);
        let waiting = matches!(counted, Counted::All | Counted::Told);
        let mut combinations: Vec<Vec<(ActuatorId, Option<Setting>)>> = vec![Vec::new()];
        for &id in forbid.actuators() {
            let values: Vec<Option<Setting>> = match change {
                Some((changed, setting)) if changed == id => vec![Some(setting.clone())],
                _ => {
                    let state = self.world.actuator(id);
                    let old = std::iter::once(state.confirmed.clone());
                    let doubt = state.doubt.iter().filter(|_| doubted);
                    let doubt = doubt.map(|doubt| Some(doubt.said.clone()));
                    let sent = state.in_flight.iter().map(|(sent, _)| Some(sent.clone()));
                    let has = |one: &Setting| state.in_flight.iter().any(|(sent, _)| sent == one);
                    let waits = state.waits_for().filter(|one| waiting && !has(one));
                    old.chain(sent).chain(doubt).chain(waits.cloned().map(Some)).collect()
                }
            };
            if combinations.len() * values.len() > COMBINATIONS_MAX {
                // Doubt of many must not hide what the last words say.
                let last = match counted {
                    Counted::All => self.truth_of(forbid, change, Counted::Told),
                    Counted::Sent => self.truth_of(forbid, change, Counted::Last),
                    Counted::Told | Counted::Last => Truth::Unknown,
                };
                return if last == Truth::True { last } else { Truth::Unknown };
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

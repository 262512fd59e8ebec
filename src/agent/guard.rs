//! The guard: the last word on every command, whoever asks. It only says yes or why not.

use std::fmt;
use std::time::Duration;

use super::core::Agent;
use super::rules::Counted;
use crate::config::Mode;
use crate::domain::{ActuatorId, Decider, Entry, Setting, Severity, StepState};
use crate::expr::{Expression, Truth};

/// Why a command does not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An interlock would be true afterwards.
    Interlock(String),
    /// An interlock's condition is unknown, and this is no command to `safe`.
    Unknown(String),
    /// Mode `observe` sends nothing.
    Observe,
    /// There is no bus.
    NoLink,
    /// Its line is closed, or its source silent: said in whole.
    NoLine(String),
    /// A rule that holds wants something else.
    Rule(String),
    /// An operator set it a while ago.
    Held,
    /// `min_on` or `min_off` has not passed.
    TooSoon(Duration),
    /// `max_commands_per_hour` is reached.
    Limit(u32),
    /// One is left of `max_commands_per_hour`, and this would not be the way to `safe`.
    WayBack(u32),
    /// The process is about to end.
    Stopping,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Interlock(name) => write!(f, "interlock {name}"),
            Refusal::Unknown(name) => write!(f, "interlock {name}: its condition is unknown"),
            Refusal::Observe => f.write_str("mode observe"),
            Refusal::NoLink => f.write_str("no connection to the broker"),
            Refusal::NoLine(away) => f.write_str(away),
            Refusal::Rule(name) => write!(f, "rule {name}"),
            Refusal::Held => f.write_str("held by an operator"),
            Refusal::TooSoon(left) => {
                write!(f, "least time on or off, {} s left", left.as_secs().max(1))
            }
            Refusal::Limit(most) => write!(f, "limit of {most} commands an hour"),
            Refusal::WayBack(most) => {
                write!(f, "the last of {most} commands an hour is kept for its way to safe")
            }
            Refusal::Stopping => f.write_str("the agent is stopping"),
        }
    }
}

impl Agent {
    /// May this actuator be set to this, on behalf of this one, now?
    pub(super) fn guard(
        &self,
        id: ActuatorId,
        setting: &Setting,
        by: Decider,
    ) -> Result<(), Refusal> {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let state = self.world.actuator(id);
        let reflex = by == Decider::Rule;
        let planned = by.is_planned();
        // Nobody would end what a rule began now.
        if self.stopping.is_some() && !(reflex && *setting == actuator.safe) {
            return Err(Refusal::Stopping);
        }
        if self.mode_of(id) == Mode::Observe {
            return Err(Refusal::Observe);
        }
        if self.reach(id).is_none() {
            return Err(match actuator.port.line() {
                None => Refusal::NoLink,
                Some(_) if self.world.actuator(id).is_gone => {
                    Refusal::NoLine(format!("the device of {} does not live", actuator.name))
                }
                Some(line) => Refusal::NoLine(self.line_away(line)),
            });
        }
        self.interlocks_allow(id, setting)?;
        if !reflex && let Some(rule) = self.rule_against(id, setting) {
            return Err(Refusal::Rule(rule.into()));
        }
        if planned && state.held_until.is_some_and(|until| until > self.now.tick) {
            return Err(Refusal::Held);
        }
        if !reflex && let Some(left) = self.least_time_left(id, setting) {
            return Err(Refusal::TooSoon(left));
        }
        let most = actuator.commands_per_hour_max;
        if self.commands_left(id) == 0 && !(reflex && *setting == actuator.safe) {
            return Err(Refusal::Limit(most));
        }
        if planned && self.takes_the_way_back(id, setting) {
            return Err(Refusal::WayBack(most));
        }
        Ok(())
    }

    /// What is left of `max_commands_per_hour`.
    pub(super) fn commands_left(&self, id: ActuatorId) -> u32 {
        let sent = self.world.actuator(id).sent_last_hour(self.now.tick);
        let most = self.config.actuators[usize::from(id.0)].commands_per_hour_max;
        most.saturating_sub(u32::try_from(sent).unwrap_or(u32::MAX))
    }

    /// Nobody could end within the hour what this would begin: one message is left, and it is not
    /// the way to `safe`. One that may be set once an hour has no way back to keep.
    pub(super) fn takes_the_way_back(&self, id: ActuatorId, setting: &Setting) -> bool {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let ends = super::steps::same(actuator, &actuator.safe, setting);
        !ends && actuator.commands_per_hour_max > 1 && self.commands_left(id) <= 1
    }

    /// Modes: an actuator's own, else the agent's; the stricter of both.
    pub(super) fn mode_of(&self, id: ActuatorId) -> Mode {
        let own = self.modes[usize::from(id.0)].unwrap_or(Mode::Act);
        match (self.mode, own) {
            (Mode::Observe, _) | (_, Mode::Observe) => Mode::Observe,
            (Mode::Advise, _) | (_, Mode::Advise) => Mode::Advise,
            (Mode::Act, Mode::Act) => Mode::Act,
        }
    }

    /// There is a way to it, and the mode lets something out.
    pub(super) fn may_send_at_all(&self, id: ActuatorId) -> bool {
        self.reach(id).is_some() && self.mode_of(id) != Mode::Observe
    }

    /// A command to `safe` is not stopped by an interlock unless it would itself make it true. That
    /// it may be true by a word that came in the wrong order is no leave to make it so.
    pub(super) fn makes_worse(&self, id: ActuatorId, setting: &Setting) -> bool {
        self.config.interlocks.iter().any(|interlock| {
            interlock.forbid.actuators().contains(&id)
                && self.truth_of(&interlock.forbid, Some((id, setting)), Counted::All)
                    == Truth::True
                && !self.was_true(&interlock.forbid, id)
        })
    }

    /// True already as this device is by its last word, whatever the others may be. What waits for
    /// the journal makes nothing true: it can still be kept back.
    fn was_true(&self, forbid: &Expression, id: ActuatorId) -> bool {
        let last = self.world.actuator(id).confirmed.as_ref();
        let holds = |change, counted| self.truth_of(forbid, change, counted) == Truth::True;
        holds(None, Counted::Last)
            || last.is_some_and(|last| holds(Some((id, last)), Counted::Sent))
    }

    /// What interlocks say of the world as it will be; the unknown keeps nothing from `safe`.
    pub(super) fn interlocks_allow(
        &self,
        id: ActuatorId,
        setting: &Setting,
    ) -> Result<(), Refusal> {
        let to_safe = *setting == self.config.actuators[usize::from(id.0)].safe;
        for interlock in &self.config.interlocks {
            if !interlock.forbid.actuators().contains(&id) {
                continue;
            }
            let after = self.truth_of(&interlock.forbid, Some((id, setting)), Counted::All);
            let refused = match after {
                Truth::False => false,
                Truth::Unknown => !to_safe,
                Truth::True => !to_safe || !self.was_true(&interlock.forbid, id),
            };
            if refused {
                let name = interlock.name.clone();
                return Err(match after {
                    Truth::Unknown => Refusal::Unknown(name),
                    _ => Refusal::Interlock(name),
                });
            }
        }
        Ok(())
    }

    /// What is left of `min_on` or `min_off` before the actuator may leave its value.
    fn least_time_left(&self, id: ActuatorId, setting: &Setting) -> Option<Duration> {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let state = self.world.actuator(id);
        let confirmed = state.confirmed.as_ref()?;
        let is_on = |setting: &Setting| match setting {
            Setting::On => true,
            Setting::Off => false,
            Setting::Level(_) | Setting::Choice(_) => {
                !super::steps::same(actuator, &actuator.safe, setting)
            }
        };
        if is_on(confirmed) == is_on(setting) {
            return None;
        }
        let least = if is_on(confirmed) { actuator.min_on } else { actuator.min_off };
        let passed = self.now.tick.since(state.changed?) + state.so_before;
        least.checked_sub(passed).filter(|left| !left.is_zero())
    }

    /// Writes a refusal down.
    pub(super) fn refuse(
        &mut self,
        id: ActuatorId,
        setting: &Setting,
        by: Decider,
        cause: &str,
        refusal: &Refusal,
    ) {
        self.counters.refused += 1;
        self.record(Entry::Step {
            actuator: self.config.actuators[usize::from(id.0)].name.clone(),
            setting: setting.clone(),
            state: StepState::Refused,
            by,
            cause: format!("{cause}: {refusal}"),
            off_after_ms: None,
        });
        if let Refusal::Limit(_) = refusal {
            self.call_at_limit(id, by);
        }
    }

    /// At the limit an hour the actuator stays as it is, and a person is called, once for what is
    /// left. For the planner the limit is one earlier: it ends what runs, and begins nothing more.
    pub(super) fn call_at_limit(&mut self, id: ActuatorId, by: Decider) {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let (name, most) = (actuator.name.clone(), actuator.commands_per_hour_max);
        let text = match self.commands_left(id) {
            0 => format!("{name}: {most} commands within an hour, it stays as it is"),
            1 if most > 1 && by.is_planned() => format!(
                "{name}: {} of {most} commands within an hour, the last is kept for its way to \
                 safe",
                most - 1
            ),
            _ => return,
        };
        let left = self.commands_left(id);
        let said = &mut self.world.actuator_mut(id).limit_said;
        if said.is_none_or(|said| left < said) {
            *said = Some(left);
            self.say("command-limit", text, Severity::Alarm);
        }
    }
}

//! A command's way to a device and back: intent, message, echo, repeat, giving up. Why something is
//! sent is decided elsewhere; the start and the hand-over at the end are in `lives`.

use std::time::Duration;

use super::core::{Agent, due_fault};
use super::effect::Effect;
use super::guard::Refusal;
use super::moves::{Made, Move};
use super::world::{Pending, fault_index};
use crate::clock::Tick;
use crate::config::{Actuator, ActuatorKind, Mode};
use crate::domain::{
    ActuatorId, CommandState, Decider, Entry, Fault, Setting, Severity, StepState,
};
use crate::limits;

/// Pauses between two messages to a device of which nothing is known: a minute, then ten.
const RETRY_SAFE_MIN: Duration = Duration::from_secs(60);
const RETRY_SAFE_MAX: Duration = Duration::from_secs(600);

impl Agent {
    /// Sends for a rule or an interlock: the message first, its record in the same batch.
    pub(super) fn issue_now(&mut self, id: ActuatorId, set: Setting, by: Decider, cause: &str) {
        self.issue(id, set, by, cause, None, true);
    }

    /// Writes the intent down, then sends. `at_once` does not wait for the journal.
    pub(super) fn issue(
        &mut self,
        id: ActuatorId,
        setting: Setting,
        by: Decider,
        cause: &str,
        command: Option<(String, String)>,
        at_once: bool,
    ) {
        let config = self.config.clone();
        let actuator = &config.actuators[usize::from(id.0)];
        let heading = self.world.actuator(id).heading();
        let before = heading.map(|at| level(actuator, at));
        let rose = level(actuator, &setting) > before.unwrap_or(0.0);
        let fell = before.is_some_and(|before| level(actuator, &setting) < before);
        if rose {
            self.begun_for(id);
        }
        let kept = self.replace_pending(id, &setting, at_once);
        let command = command.or(kept);
        let now = self.now.tick;
        let pulse = match (&actuator.kind, &setting) {
            (ActuatorKind::Pulse { max }, Setting::On) => Some(*max),
            _ => None,
        };
        let seq = self.record(Entry::Step {
            actuator: actuator.name.clone(),
            setting: setting.clone(),
            state: StepState::Intended,
            by,
            cause: cause.into(),
            off_after_ms: pulse.map(|max| u64::try_from(max.as_millis()).unwrap_or(u64::MAX)),
        });
        let (setting_of, cause_of) = (setting.clone(), cause.into());
        let made = Made::Here(self.now);
        let one = Move {
            setting: setting_of,
            rose,
            fell,
            unproven: false,
            by,
            cause: cause_of,
            seq,
            made,
        };
        self.keep_move(id, one);
        let after = (!at_once).then_some(seq);
        let token = self.send(id, &setting, after);
        self.counters.sent += 1;
        if after.is_none() {
            self.goes_out(id, &setting);
        }
        let state = self.world.actuator_mut(id);
        state.owner = Some(by);
        let due = now.after(actuator.confirm_within);
        let cause = cause.into();
        state.pending = Some(Pending { setting, token, due, tries: 1, after, by, cause, command });
        state.unheard = false;
        self.call_at_limit(id, by);
    }

    /// It is set to this or on its way there, as near as a motor stops. One whose words may have
    /// come in the wrong order is nowhere for certain until it is sent somewhere.
    pub(super) fn heads_for(&self, id: ActuatorId, setting: &Setting) -> bool {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let state = self.world.actuator(id);
        let doubted = state.pending.is_none() && state.doubt.is_some();
        !doubted && state.heading().is_some_and(|at| same(actuator, setting, at))
    }

    fn send(&mut self, id: ActuatorId, setting: &Setting, after: Option<u64>) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        let actuator = &self.config.actuators[usize::from(id.0)];
        let payload = payload(actuator, setting);
        let now = self.now.tick;
        let state = self.world.actuator_mut(id);
        state.sent.push_back(now);
        let hour = Duration::from_millis(limits::COMMANDS_COUNTED_MS);
        while state.sent.front().is_some_and(|at| now.since(*at) >= hour) {
            state.sent.pop_front();
            state.limit_said = None;
        }
        self.out.push(Effect::Send { token, actuator: id, payload, after });
        token
    }

    /// The message on its way to the device waits for the journal.
    fn waits_for_journal(&self, id: ActuatorId) -> bool {
        let pending = self.world.actuator(id).pending.as_ref();
        pending.is_some_and(|pending| pending.after.is_some())
    }

    /// It is set to this, or a message that says so is out. What waits for the journal, which may
    /// be slow or full, is not out: a rule and an interlock do not wait with it.
    pub(super) fn is_sent(&self, id: ActuatorId, setting: &Setting) -> bool {
        self.heads_for(id, setting) && !self.waits_for_journal(id)
    }

    /// A newer command takes the place of one that waits. A rule or an interlock that sends at once
    /// what a device command waits with carries that out: the command's end is left to it.
    fn replace_pending(
        &mut self,
        id: ActuatorId,
        to: &Setting,
        at_once: bool,
    ) -> Option<(String, String)> {
        let mut old = self.world.actuator_mut(id).pending.take()?;
        let actuator = &self.config.actuators[usize::from(id.0)];
        let is_hurried = at_once && old.after.is_some() && same(actuator, to, &old.setting);
        let kept = old.command.take_if(|_| is_hurried);
        self.withdraw(id, &old);
        self.counters.unconfirmed += 1;
        self.last_is_unproven(id);
        self.step(id, &old, StepState::Unconfirmed, "replaced by a newer command");
        self.end_command(old.command, CommandState::Failed, "replaced by a newer command");
        kept
    }

    /// What waits for the journal does not go after what takes its place. What is still here was
    /// never handed over, and a journal that stores nothing would have it sent at once.
    fn withdraw(&mut self, id: ActuatorId, pending: &Pending) {
        if pending.after.is_none() {
            return;
        }
        let own = pending.token;
        let is = |one: &Effect| matches!(one, Effect::Send { token, .. } if *token == own);
        match self.out.iter().position(is) {
            Some(at) => {
                self.out.remove(at);
                self.world.actuator_mut(id).sent.pop_back();
            }
            None => self.out.push(Effect::Withdraw { token: pending.token }),
        }
    }

    fn step(&mut self, id: ActuatorId, pending: &Pending, state: StepState, why: &str) -> u64 {
        let cause = if why.is_empty() {
            pending.cause.clone()
        } else {
            format!("{}: {why}", pending.cause)
        };
        self.record(Entry::Step {
            actuator: self.config.actuators[usize::from(id.0)].name.clone(),
            setting: pending.setting.clone(),
            state,
            by: pending.by,
            cause,
            off_after_ms: None,
        })
    }

    /// The device's echo.
    pub(super) fn echo(&mut self, id: ActuatorId, setting: Result<Setting, Fault>, retained: bool) {
        self.world.actuator_mut(id).is_gone = false;
        let setting = match setting {
            Ok(setting) => setting,
            Err(fault) => {
                let source = self.config.actuators[usize::from(id.0)].name.clone();
                let now = self.now.tick;
                let count = &mut self.world.actuator_mut(id).faults[fault_index(fault.kind)];
                let due = due_fault(count, now);
                self.fault(&source, &fault, due);
                return;
            }
        };
        self.confirmed(id, setting, retained);
    }

    /// A message that waited for the journal is on its way: it can be withdrawn no more. Told
    /// beside the events, where it goes: it decides nothing.
    pub fn went(&mut self, token: u64) {
        let Some(id) = self.of_token(token) else { return };
        let waited = self.world.actuator(id).waits_for().cloned();
        if let Some(setting) = waited {
            let within = self.config.actuators[usize::from(id.0)].confirm_within;
            let due = self.now.tick.after(within);
            let pending = &mut self.world.actuator_mut(id).pending;
            if let Some(pending) = pending {
                (pending.after, pending.due) = (None, due);
            }
            self.goes_out(id, &setting);
        }
    }

    /// A setting may reach a device from now on; and when its pulse ends.
    fn goes_out(&mut self, id: ActuatorId, setting: &Setting) {
        let (now, quiet, may_be_on) = (self.now.tick, self.quiet(id), self.may_be_on(id));
        let kind = self.config.actuators[usize::from(id.0)].kind.clone();
        let state = self.world.actuator_mut(id);
        let told = state.in_flight.last().map(|(last, _)| last).or(state.confirmed.as_ref());
        // A pulse that runs is not made longer by asking again: `max` is the longest time on. One
        // of which nothing is known may run.
        let may_run = told == Some(&Setting::On) || may_be_on || state.confirmed.is_none();
        let runs = state.off_due.filter(|_| may_run);
        let again = now.after(quiet);
        state.off_due = match (kind, setting) {
            (ActuatorKind::Pulse { max }, Setting::On) => {
                Some(runs.map_or(now.after(max), |due| due.min(now.after(max))))
            }
            // Not ended before it is proved: else it is tried again, in `observe` too. One that is
            // told to end early and does not answer is still told at its end.
            _ => state.off_due.map(|due| if due > now { due.min(again) } else { again }),
        };
        state.on_its_way(setting, now);
    }

    /// The broker has the message; without a state topic that is all the proof there is.
    pub(super) fn acked(&mut self, token: u64) {
        self.went(token);
        let Some(id) = self.of_token(token) else { return };
        if !self.config.actuators[usize::from(id.0)].echoes()
            && let Some(pending) = &self.world.actuator(id).pending
        {
            let setting = pending.setting.clone();
            self.confirmed(id, setting, false);
        }
    }

    /// Nobody knows whether it arrived, or what that came before it did. It is not sent again by
    /// itself; the actuator is unknown.
    pub(super) fn lost(&mut self, token: u64, why: Option<&str>) {
        let Some(id) = self.of_token(token) else { return };
        self.give_up(id, why.unwrap_or("the connection broke before it was confirmed"));
    }

    fn of_token(&self, token: u64) -> Option<ActuatorId> {
        let waits = |state: &super::world::ActuatorState| {
            state.pending.as_ref().is_some_and(|pending| pending.token == token)
        };
        let index = self.world.actuators.iter().position(waits)?;
        Some(ActuatorId(u16::try_from(index).ok()?))
    }

    pub(super) fn confirmed(&mut self, id: ActuatorId, setting: Setting, retained: bool) {
        let config = self.config.clone();
        let actuator = &config.actuators[usize::from(id.0)];
        let now = self.now.tick;
        let state = self.world.actuator_mut(id);
        state.unheard = false;
        let doubted = state.doubt.is_some();
        state.overtake(actuator, &setting, retained, now);
        let before = state.confirmed.replace(setting.clone());
        state.said = Some(setting.clone());
        let is_first = state.changed.is_none();
        let settled = state.settled.take();
        // It was unknown for a while, and nothing that was sent can have moved it.
        let stayed = settled.as_ref().is_some_and(|was| same(actuator, was, &setting))
            && state.in_flight.iter().all(|(sent, _)| same(actuator, sent, &setting));
        let was = settled.filter(|_| before.is_some());
        let moved_at_all = !was.as_ref().is_some_and(|was| same(actuator, was, &setting));
        let asked = state.pending.as_ref().map(|pending| &pending.setting);
        let asked = asked.filter(|asked| same(actuator, asked, &setting));
        state.settled = match moved_at_all {
            true => Some(asked.cloned().unwrap_or_else(|| on_grid(actuator, &setting))),
            false => was,
        };
        if moved_at_all {
            if before.is_some() || !stayed {
                (state.changed, state.so_before) = (Some(now), Duration::ZERO);
            }
            self.plan_wanted = true;
        }
        for (sensor, _) in &actuator.effects {
            let sensor = &mut self.world.sensors[usize::from(sensor.0)];
            sensor.level(id, level(actuator, &setting), now);
        }
        if before.is_none() {
            self.first_word(id, &setting, is_first);
        }
        let state = self.world.actuator_mut(id);
        if state.silent_since.take().is_some() {
            let text = format!("{} responds again", actuator.name);
            self.say("actuator", text, Severity::Info);
        }
        self.settle_step(id, &setting, moved_at_all && before.is_some(), doubted);
    }

    /// What an echo means for the command that waits for one; without a command, for whose it is.
    /// `doubted`: an earlier word was in doubt until now.
    fn settle_step(&mut self, id: ActuatorId, setting: &Setting, moved: bool, doubted: bool) {
        let config = self.config.clone();
        let actuator = &config.actuators[usize::from(id.0)];
        let now = self.now.tick;
        let within = actuator.confirm_within;
        let state = self.world.actuator_mut(id);
        let waits = state.pending.is_some();
        let answers = state.answers(actuator, setting, doubted);
        let answered = state.pending.take_if(|_| answers);
        if waits && answered.is_none() {
            return;
        }
        let is_this = |(sent, _): &(Setting, Tick)| same(actuator, sent, setting);
        let ours =
            state.in_flight.iter().any(is_this) || state.was_told_lately(actuator, setting, now);
        let several = state.in_flight.iter().any(|one| !is_this(one));
        // A pulse that may still arrive is still to be ended.
        if *setting == Setting::Off && !several && state.doubt.is_none() {
            state.off_due = None;
        }
        let Some(pending) = answered else {
            state.in_flight.retain(|(_, at)| now.since(*at) < within);
            if moved && !ours && state.doubt.is_none() {
                // Somebody else switched it; the planner takes it from there.
                state.owner = None;
            }
            return;
        };
        state.answered = Some(now);
        // An echo may have been on its way before the message: what was sent before this one counts
        // until its own answer would be overdue.
        state.in_flight.retain(|(_, at)| several && now.since(*at) < within);
        // What was sent in between may have moved it unseen: least times begin anew.
        if several {
            (state.changed, state.so_before) = (Some(now), Duration::ZERO);
        }
        self.counters.confirmed += 1;
        // It was set to this before the message went: then it must not go any more, its command
        // having ended. It is as if that had done it.
        if let (ActuatorKind::Pulse { max }, Setting::On, Some(_)) =
            (&actuator.kind, &pending.setting, pending.after)
        {
            let end = now.after(*max);
            state.off_due = Some(state.off_due.map_or(end, |due| due.min(end)));
        }
        self.withdraw(id, &pending);
        self.step(id, &pending, StepState::Confirmed, "");
        self.end_command(pending.command, CommandState::Succeeded, "");
    }

    /// No proof that it was done.
    pub(super) fn give_up(&mut self, id: ActuatorId, why: &str) {
        let state = self.world.actuator_mut(id);
        let Some(pending) = state.pending.take() else { return };
        state.confirmed = None;
        // What never went was no try.
        state.untried |= self.stopping.is_some() && pending.after.is_some();
        self.withdraw(id, &pending);
        self.counters.unconfirmed += 1;
        self.last_is_unproven(id);
        self.step(id, &pending, StepState::Unconfirmed, why);
        self.end_command(pending.command, CommandState::Failed, why);
    }

    /// What waits for the journal was allowed by what was known then. Where an interlock is unknown
    /// or true by now, or an operator has set the mode to `observe`, it does not go. Where nothing
    /// else is under way that changes nothing about the device; else it is unknown, which may make
    /// others unknown.
    pub(super) fn ask_guard_again(&mut self) {
        while let Some((id, refusal)) = self.refused_by_now() {
            let state = self.world.actuator(id);
            let known = state.confirmed.clone().filter(|_| state.in_flight.is_empty());
            self.give_up(id, &refusal.to_string());
            self.world.actuator_mut(id).confirmed = known;
            self.plan_wanted = true;
        }
    }

    fn refused_by_now(&self) -> Option<(ActuatorId, Refusal)> {
        (0u16..).zip(&self.world.actuators).find_map(|(number, state)| {
            let waits = state.pending.as_ref().filter(|pending| pending.after.is_some())?;
            let id = ActuatorId(number);
            Some((
                id,
                match self.mode_of(id) {
                    Mode::Observe => Refusal::Observe,
                    _ => self.interlocks_allow(id, &waits.setting).err()?,
                },
            ))
        })
    }

    /// Everything that comes due by itself.
    pub(super) fn timers(&mut self) {
        let now = self.now.tick;
        for index in 0..self.config.actuators.len() {
            let id = ActuatorId(u16::try_from(index).unwrap_or(u16::MAX));
            self.begin(id);
            self.forget_unheard(id);
            let within = self.config.actuators[index].confirm_within;
            let state = self.world.actuator_mut(id);
            state.end_doubt(now);
            if state.pending.is_none() && state.confirmed.is_some() {
                // What it confirmed stands; older messages have had their time to arrive.
                state.in_flight.retain(|(_, at)| now.since(*at) < within);
            }
            if state.held_until.is_some_and(|until| until <= now) {
                // Written down, or a start without a clock would begin it anew.
                self.hold(id, Duration::ZERO);
                self.plan_wanted = true;
            }
            let state = self.world.actuator(id);
            if state.pending.as_ref().is_some_and(|pending| pending.due <= now) {
                self.overdue(id);
            }
            let state = self.world.actuator(id);
            let ends = state.asked_for() == Some(&Setting::Off);
            if state.off_due.is_some_and(|due| due <= now) && !ends && self.reach(id).is_some() {
                // In `observe` too: what was begun is ended.
                self.issue_now(id, Setting::Off, Decider::Rule, "end of the pulse");
            }
            self.retry_safe(id);
        }
        self.question_timer();
        self.command_timers();
    }

    /// Once more, then "not responding".
    fn overdue(&mut self, id: ActuatorId) {
        let config = self.config.clone();
        let actuator = &config.actuators[usize::from(id.0)];
        let Some(mut pending) = self.world.actuator(id).pending.clone() else { return };
        // A plan's second message does not take what is kept to end what it may have begun.
        let last = pending.by.is_planned() && self.takes_the_way_back(id, &pending.setting);
        // Nor is one more than the limit sent of what does not lead to `safe`.
        let to_safe = same(actuator, &actuator.safe, &pending.setting);
        let last = last || (!to_safe && self.commands_left(id) == 0);
        let again = actuator.echoes() && pending.tries < 2 && !last;
        if again && self.reach(id).is_some() && self.allowed_again(id, &pending) {
            pending.tries += 1;
            pending.due = self.now.tick.after(actuator.confirm_within);
            self.withdraw(id, &pending);
            let seq = self.step(id, &pending, StepState::Sent, "no answer, sent once more");
            pending.after = (pending.by != Decider::Rule).then_some(seq);
            pending.token = self.send(id, &pending.setting, pending.after);
            self.world.actuator_mut(id).pending = Some(pending);
            return;
        }
        self.give_up(id, "no answer from the device");
        if actuator.echoes() {
            // Said once, until it answers again.
            let silent = &mut self.world.actuator_mut(id).silent_since;
            if silent.is_none() {
                *silent = Some(self.now.tick);
                let text = format!("{} is not responding", actuator.name);
                self.say("actuator", text, Severity::Alarm);
            }
        }
    }

    /// The second message is a command like any other: the interlocks are asked again.
    fn allowed_again(&self, id: ActuatorId, pending: &Pending) -> bool {
        let refusal = self.guard(id, &pending.setting, Decider::Rule);
        !matches!(refusal, Err(Refusal::Interlock(_) | Refusal::Unknown(_) | Refusal::Observe))
    }

    /// The pause between two messages to one that does not answer.
    fn quiet(&self, id: ActuatorId) -> Duration {
        let silent = self.world.actuator(id).silent_since;
        let silent = silent.map_or(Duration::ZERO, |at| self.now.tick.since(at));
        silent.clamp(RETRY_SAFE_MIN, RETRY_SAFE_MAX)
    }

    /// An actuator of which nothing is known is sent to `safe` until it answers: each minute, and
    /// the longer it is silent the more seldom.
    fn retry_safe(&mut self, id: ActuatorId) {
        let state = self.world.actuator(id);
        let idle = state.confirmed.is_none() && state.pending.is_none() && state.owner.is_some();
        let quiet = self.quiet(id);
        let last = state.sent.back().copied();
        let waited = last.is_none_or(|at| self.now.tick.since(at) >= quiet);
        if idle
            && waited
            && self.had_time_to_speak(id)
            && self.may_send_at_all(id)
            && self.stopping.is_none()
        {
            let safe = self.config.actuators[usize::from(id.0)].safe.clone();
            if !self.makes_worse(id, &safe) && self.rule_against(id, &safe).is_none() {
                self.issue_now(id, safe, Decider::Rule, "state unknown");
            }
        }
    }
}

/// The bytes that set a device.
#[must_use]
pub fn payload(actuator: &Actuator, setting: &Setting) -> Vec<u8> {
    let word = match setting {
        Setting::On => actuator.on.clone(),
        Setting::Off => actuator.off.clone(),
        Setting::Level(_) | Setting::Choice(_) => setting.to_string(),
    };
    match &actuator.payload {
        Some(wrap) => wrap.replace("{value}", &word).into_bytes(),
        None => word.into_bytes(),
    }
}

/// How much an actuator does at a setting: 0 at rest, 1 at full.
#[must_use]
pub fn level(actuator: &Actuator, setting: &Setting) -> f64 {
    match (setting, &actuator.kind) {
        (Setting::On, _) => 1.0,
        (Setting::Level(level), ActuatorKind::Level { min, max, .. }) => {
            (level - min) / (max - min)
        }
        _ => 0.0,
    }
}

/// The setting that a level trembles around, as far as an echo tells: the nearest step.
fn on_grid(actuator: &Actuator, setting: &Setting) -> Setting {
    match (setting, &actuator.kind) {
        (Setting::Level(level), ActuatorKind::Level { min, max, step }) => {
            let steps = ((level - min) / step).round();
            Setting::Level((min + steps * step).clamp(*min, *max))
        }
        _ => setting.clone(),
    }
}

/// The echo means the setting; levels within half a step, since motors stop near by.
pub fn same(actuator: &Actuator, wanted: &Setting, echoed: &Setting) -> bool {
    match (wanted, echoed, &actuator.kind) {
        (Setting::Level(a), Setting::Level(b), ActuatorKind::Level { step, .. }) => {
            (a - b).abs() <= step / 2.0
        }
        _ => wanted == echoed,
    }
}

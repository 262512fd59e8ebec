//! Two words of a device that may have come in the wrong order: when that is in doubt, when it
//! ends, and where a message would do harm meanwhile. Nothing is sent here.
//!
//! A broker keeps the order of a topic's messages; a bridge, a mesh or a queue on the way may not.
//! Interlocks count both words (`rules::truth_in_flight`); the device stays whose it was.

use std::time::Duration;

use super::core::Agent;
use super::lives::ResumedStep;
use super::rules::Counted;
use super::steps::same;
use super::world::ActuatorState;
use crate::clock::Tick;
use crate::config::Actuator;
use crate::domain::{ActuatorId, Setting};
use crate::expr::{Expression, Truth};
use crate::limits;

/// What a device confirmed before it said otherwise, unasked and soon after.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// What it was set to, on the grid of its steps.
    before: Setting,
    /// What it said itself, which a motor's level is judged by.
    pub said: Setting,
    /// When that was confirmed.
    at: Tick,
    /// Since when it had been so, and what it had been before this life.
    since: (Option<Tick>, Duration),
    /// The word after it is one that the agent had sent earlier: nobody else has switched it.
    ours: bool,
}

/// How long a word may be on its way.
const LATE: Duration = Duration::from_millis(limits::ECHO_LATE_MS_MAX);

impl ActuatorState {
    /// A word of the device comes that may be older than the one before: nobody asked for it, and
    /// it takes back what was confirmed to the agent a moment ago. `retained`: the broker had kept
    /// it, so that it says nothing new where it is the last one again.
    pub(super) fn overtake(
        &mut self,
        actuator: &Actuator,
        setting: &Setting,
        retained: bool,
        now: Tick,
    ) {
        let sent = |one: &Setting| same(actuator, one, setting);
        let asked = self.was_told(actuator, setting);
        if let Some(doubt) = self.doubt.take_if(|doubt| !asked && sent(&doubt.before)) {
            // It says the first word again: the second was the older one, and nothing moved.
            (self.confirmed, self.settled) = (Some(doubt.said), Some(doubt.before));
            (self.changed, self.so_before) = doubt.since;
            return;
        }
        if asked || self.was_told_lately(actuator, setting, now) {
            // Which of the two words moved it is not known: least times begin with the answer.
            if self.doubt.take().is_some() {
                (self.changed, self.so_before) = (Some(now), Duration::ZERO);
            }
            return;
        }
        if !retained && self.doubt.as_ref().is_some_and(|doubt| now.since(doubt.at) >= LATE) {
            self.believe_last();
        }
        let fresh = self.changed.max(self.answered).filter(|at| now.since(*at) < LATE);
        if let (Some(at), Some(before), Some(_)) = (fresh, &self.settled, self.owner)
            && let Some(said) = &self.said
            && self.doubt.is_none()
            && !sent(before)
        {
            // A message that was given up since has made it unknown, not what it said unsaid; nor
            // does anybody know then who has moved it.
            let ours = self.confirmed.is_none() || self.in_flight.iter().any(|(one, _)| sent(one));
            let (before, said) = (before.clone(), said.clone());
            let since = (self.changed, self.so_before);
            self.doubt = Some(Doubt { before, said, at, since, ours });
        }
    }

    /// It may be an answer to the last message, not a late one to a message before it; nor to one
    /// that waits for the journal, of which the device knows nothing yet.
    pub(super) fn was_told(&self, actuator: &Actuator, setting: &Setting) -> bool {
        let is_this = |one: &Setting| same(actuator, one, setting);
        self.asked_for().is_some_and(is_this)
            || self.in_flight.last().is_some_and(|(one, _)| is_this(one))
    }

    /// It may be an answer to the last message that went, though that was given up since.
    pub(super) fn was_told_lately(
        &self,
        actuator: &Actuator,
        setting: &Setting,
        now: Tick,
    ) -> bool {
        let told = self.told.as_ref().filter(|(_, at)| now.since(*at) < LATE);
        told.is_some_and(|(told, _)| same(actuator, told, setting))
    }

    /// The device says what its message asks for. One that still waits for the journal is only
    /// answered where nobody can have set it otherwise meanwhile: no other message is under way,
    /// and no earlier word is in doubt, nor was until this one.
    pub(super) fn answers(&self, actuator: &Actuator, setting: &Setting, doubted: bool) -> bool {
        let is_this = |one: &&Setting| same(actuator, one, setting);
        let alone = |waits: &Setting| {
            let others = |(one, _): &(Setting, Tick)| !same(actuator, waits, one);
            !doubted && self.doubt.is_none() && !self.in_flight.iter().any(others)
        };
        let (asked, waits) = (self.asked_for(), self.waits_for());
        asked.filter(is_this).is_some() || waits.filter(is_this).is_some_and(alone)
    }

    /// Its first word in this life is another than it confirmed shortly before the start.
    pub(super) fn overtake_last_life(&mut self, step: &ResumedStep, now: Tick) {
        let (before, said) = (step.setting.clone(), step.setting.clone());
        let ago_ms = u64::try_from(step.ago.as_millis()).unwrap_or(u64::MAX);
        let at = Tick(now.0.saturating_sub(ago_ms));
        let since = (Some(now), step.ago);
        self.doubt = Some(Doubt { before, said, at, since, ours: false });
        self.owner = self.owner.or(Some(step.by));
    }

    /// One that says nothing more for so long is believed.
    pub(super) fn end_doubt(&mut self, now: Tick) {
        let most = Duration::from_millis(limits::ECHO_DOUBTED_MS_MAX);
        if self.doubt.as_ref().is_some_and(|doubt| now.since(doubt.at) >= most) {
            self.believe_last();
        }
    }

    /// Its last word is the newer one: somebody else has switched it, unless that was the agent's
    /// own earlier message, or it is on its way to where the agent has sent it since, or nothing is
    /// known of it any more.
    fn believe_last(&mut self) {
        let others = self.doubt.take().is_some_and(|doubt| !doubt.ours);
        if others && self.pending.is_none() && self.confirmed.is_some() {
            self.owner = None;
        }
    }
}

impl Agent {
    /// It confirmed this and said otherwise since: it is there, or somebody has just set it
    /// otherwise. Neither needs a message.
    pub(super) fn is_there_or_taken(&self, id: ActuatorId, setting: &Setting) -> bool {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let state = self.world.actuator(id);
        let was = |doubt: &Doubt| !doubt.ours && same(actuator, setting, &doubt.before);
        let waits = state.pending.is_some() || state.off_due.is_some();
        !waits && state.confirmed.is_some() && state.doubt.as_ref().is_some_and(was)
    }

    /// It may be on for all that it said last: what it had confirmed was `on`.
    pub(super) fn may_be_on(&self, id: ActuatorId) -> bool {
        self.world.actuator(id).doubt.as_ref().is_some_and(|doubt| doubt.said == Setting::On)
    }

    /// A message to `safe` ends the doubt which of its two last words is the newer one, and is no
    /// more than it said last: where the last one is another, somebody may just have set it so.
    pub(super) fn settles_doubt(&self, id: ActuatorId, safe: &Setting) -> bool {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let state = self.world.actuator(id);
        let last = state.confirmed.as_ref();
        state.doubt.is_some() && last.is_some_and(|last| same(actuator, safe, last))
    }

    /// At `safe` this device makes an interlock true, and where it perhaps still is it does not:
    /// a message would take away what may hold.
    pub(super) fn harms_in_doubt(
        &self,
        forbid: &Expression,
        id: ActuatorId,
        safe: &Setting,
    ) -> bool {
        let breaks =
            |setting| self.truth_of(forbid, Some((id, setting)), Counted::Last) == Truth::True;
        let doubt = self.world.actuator(id).doubt.as_ref();
        doubt.is_some_and(|doubt| breaks(safe) && !breaks(&doubt.said))
    }
}

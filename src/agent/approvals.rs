//! What waits for a person's yes: put before them, settled by `approve` or `deny`, and given up
//! after its time. Proposals of notes are in `notes`, goals and modes in `shown`. No judgement of
//! what is worth asking.

use std::time::Duration;

use super::core::Agent;
use super::effect::Report;
use crate::clock::Tick;
use crate::domain::{ActuatorId, CommandState, Decider, Setting, Severity};
use crate::limits;

/// Something that waits for a person.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// What would be set.
    pub actuator: ActuatorId,
    /// To what.
    pub setting: Setting,
    /// Why.
    pub cause: String,
    /// An operator ordered it, and for how long the planner leaves it alone then; `None`: the
    /// planner proposed it.
    pub ordered: Option<Duration>,
    /// Settled as expired then.
    pub until: Tick,
}

impl Agent {
    /// Puts a choice of the planner before a person: one at a time for an actuator, and none while
    /// as many wait as there is room for.
    pub(super) fn ask_person(&mut self, id: ActuatorId, setting: &Setting, cause: &str) {
        if !self.waits_for_person(id) && !self.no_person_has_time() {
            self.put_before_person(id, setting, cause, None);
        }
    }

    /// As many wait for a person as there is room for.
    pub(super) fn no_person_has_time(&self) -> bool {
        self.approvals.len() >= limits::APPROVALS_MAX
    }

    /// Something of this actuator waits for a person.
    pub(super) fn waits_for_person(&self, id: ActuatorId) -> bool {
        self.approvals.iter().any(|waits| waits.actuator == id)
    }

    /// Puts an operator's order before a person, in the place of what waits of this actuator. The
    /// id that it waits under.
    pub(super) fn ask_of_order(
        &mut self,
        id: ActuatorId,
        setting: &Setting,
        hold: Duration,
        cause: &str,
    ) -> String {
        if let Some(at) = self.approvals.iter().position(|waits| waits.actuator == id) {
            let other = self.approvals.remove(at);
            self.clear_approval(&other.id);
        }
        if self.no_person_has_time() {
            // What the planner proposed gives way first: it can propose it again.
            let planned = self.approvals.iter().position(|waits| waits.ordered.is_none());
            let oldest = self.approvals.remove(planned.unwrap_or(0));
            self.clear_approval(&oldest.id);
        }
        self.put_before_person(id, setting, cause, Some(hold))
    }

    fn put_before_person(
        &mut self,
        id: ActuatorId,
        setting: &Setting,
        cause: &str,
        ordered: Option<Duration>,
    ) -> String {
        let approval = format!("{}-{}", self.boot_word(), self.next_token);
        self.next_token += 1;
        let valid_for = Duration::from_millis(limits::APPROVAL_MS_MAX);
        let until = self.now.tick.after(valid_for);
        let name = self.config.actuators[usize::from(id.0)].name.clone();
        let text = format!("{name} {setting} waits for a person ({cause}): approve {approval}");
        self.say("approval", text, Severity::Warning);
        self.report(Report::Approval {
            id: approval.clone(),
            waits: Some((name, setting.to_string(), cause.into())),
            valid_for,
        });
        let (setting, cause) = (setting.clone(), cause.into());
        let waits = Approval { id: approval.clone(), actuator: id, setting, cause, ordered, until };
        self.approvals.push(waits);
        self.keep_approvals();
        approval
    }

    pub(super) fn settle_approval(&mut self, key: &(String, String), approval: &str, yes: bool) {
        if self.settle_proposal(key, approval, yes) || self.settle_shown(key, approval, yes) {
            return;
        }
        let now = self.now.tick;
        let this = |waits: &Approval| waits.id == approval && waits.until > now;
        let Some(at) = self.approvals.iter().position(this) else {
            let reason = format!("nothing waits under {approval}");
            self.set_command(key, CommandState::Rejected, &reason);
            return;
        };
        let waits = self.approvals.remove(at);
        self.clear_approval(&waits.id);
        self.keep_approvals();
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        if !yes {
            // A person said no: the planner leaves it alone for the default hold.
            let left = self.world.actuator(waits.actuator).held_until;
            let left = left.map_or(Duration::ZERO, |until| until.since(now));
            self.hold(waits.actuator, left.max(Duration::from_secs(limits::HOLD_S_DEFAULT)));
            self.set_command(key, CommandState::Succeeded, "");
            return;
        }
        self.counters.by_people += 1;
        let by = if waits.ordered.is_some() { Decider::Command } else { Decider::Human };
        match self.guard(waits.actuator, &waits.setting, by) {
            Ok(()) => {
                let cause = format!("{}, approved", waits.cause);
                waits.ordered.into_iter().for_each(|hold| self.hold(waits.actuator, hold));
                self.issue(waits.actuator, waits.setting, by, &cause, Some(key.clone()), false);
            }
            Err(refusal) => {
                self.refuse(waits.actuator, &waits.setting, by, &waits.cause, &refusal);
                self.set_command(key, CommandState::Failed, &refusal.to_string());
            }
        }
    }

    /// Those whose time is over.
    pub(super) fn expire_approvals(&mut self) {
        let now = self.now.tick;
        let (over, open) = std::mem::take(&mut self.approvals)
            .into_iter()
            .partition::<Vec<_>, _>(|waits: &Approval| waits.until <= now);
        self.approvals = open;
        let mut over: Vec<_> = over.into_iter().map(|waits| waits.id).collect();
        self.shown.retain(|one| {
            let open = one.until > now;
            over.extend((!open).then(|| one.id.clone()));
            open
        });
        self.take_back(&over);
    }

    /// The agent ends: nobody could carry out a yes.
    pub(super) fn clear_approvals(&mut self) {
        let all = std::mem::take(&mut self.approvals).into_iter().map(|waits| waits.id);
        let shown = std::mem::take(&mut self.shown).into_iter().map(|one| one.id);
        self.take_back(&all.chain(shown).collect::<Vec<_>>());
    }

    fn take_back(&mut self, ids: &[String]) {
        if !ids.is_empty() {
            ids.iter().for_each(|id| self.clear_approval(id));
            self.keep_approvals();
        }
    }

    /// The bus is there: what ended meanwhile, or with the last life, is taken back on it.
    pub(super) fn say_unsaid(&mut self) {
        let unsaid = std::mem::take(&mut self.unsaid);
        if !unsaid.is_empty() {
            unsaid.iter().for_each(|id| self.clear_approval(id));
            self.keep_approvals();
        }
    }

    /// Takes a retained topic back. Without a bus the id is kept until there is one.
    pub(super) fn clear_approval(&mut self, id: &str) {
        let valid_for = Duration::ZERO;
        self.report(Report::Approval { id: id.into(), waits: None, valid_for });
        if self.link_since.is_none() {
            if self.unsaid.len() >= 2 * limits::APPROVALS_MAX {
                self.unsaid.remove(0);
            }
            self.unsaid.push(id.into());
        }
    }
}

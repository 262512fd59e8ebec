//! What a sentence of an operator was understood as where nothing was made of some of its words,
//! and that is no setting: a goal, no more goal, a mode. It is shown back and waits for a yes as an
//! order does (`approvals`). What must never be here: what takes hold without one.

use std::time::Duration;

use super::core::Agent;
use super::effect::Report;
use super::event::Body;
use super::prompt::{aim_words, words};
use super::spoken::goal_meant;
use crate::clock::Tick;
use crate::domain::{CommandState, Severity};
use crate::limits;

/// A goal or mode that waits for a person.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// `goal` or `mode`.
    pub kind: &'static str,
    /// What would hold, in words.
    pub words: String,
    /// The sentence.
    pub cause: String,
    /// Settled as expired then.
    pub until: Tick,
    body: Body,
}

impl Agent {
    /// Shows back what was understood, in the place of the same that waits already, and ends the
    /// command; `left` are the words that nothing was made of.
    pub(super) fn show_back(
        &mut self,
        key: &(String, String),
        text: &str,
        body: Body,
        left: &[String],
    ) {
        let Some((kind, meant)) = self.kind_and_words(&body) else {
            return self.set_command(key, CommandState::Rejected, "no order");
        };
        if let Some(reason) = self.cannot_hold(&body) {
            return self.set_command(key, CommandState::Rejected, &reason);
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.understood(text, &format!("{meant}, after a person has said yes"));
        let again = self.shown.iter().position(|one| one.words == meant);
        let full = self.shown.len() >= limits::APPROVALS_MAX;
        if let Some(at) = again.or(full.then_some(0)) {
            let old = self.shown.remove(at);
            self.clear_approval(&old.id);
        }
        let id = format!("{}-{}", self.boot_word(), self.next_token);
        self.next_token += 1;
        let cause = format!("{}/{}", key.0, key.1);
        let valid_for = Duration::from_millis(limits::APPROVAL_MS_MAX);
        let warning = format!("{meant} waits for a person ({cause}): approve {id}");
        self.say("approval", warning, Severity::Warning);
        let waits = Some((kind.into(), meant.clone(), cause.clone()));
        self.report(Report::Approval { id: id.clone(), waits, valid_for });
        let reason = format!(
            "understood as {meant}; waits for approval, since nothing was made of `{}` (approve \
             {id})",
            left.join("`, `")
        );
        self.set_command(key, CommandState::Succeeded, &reason);
        let until = self.now.tick.after(valid_for);
        self.shown.push(Shown { id, kind, words: meant, cause, until, body });
        self.keep_approvals();
    }

    fn kind_and_words(&self, body: &Body) -> Option<(&'static str, String)> {
        match body {
            Body::Mode { mode, actuator } => {
                let name = |id: usize| words(&self.config.actuators[id].name);
                let of = actuator.map(|id| format!(" of {}", name(usize::from(id.0))));
                Some(("mode", format!("mode {}{}", mode.word(), of.unwrap_or_default())))
            }
            Body::PutGoal { goal, .. } => Some(("goal", aim_words(&self.config, goal)?)),
            Body::RemoveGoal { name } => {
                let name = goal_meant(name, self.aims.iter(), &self.config);
                Some(("goal", format!("no more goal {name}")))
            }
            _ => None,
        }
    }

    /// Why a yes could change nothing; `None`: it could.
    fn cannot_hold(&self, body: &Body) -> Option<String> {
        match body {
            Body::PutGoal { goal, .. } => self.no_room_for_goal(&goal.name),
            Body::RemoveGoal { name } => {
                self.no_goal(goal_meant(name, self.aims.iter(), &self.config))
            }
            _ => None,
        }
    }

    /// A person says yes or no to what was shown back. `false`: nothing waits under this id.
    pub(super) fn settle_shown(&mut self, key: &(String, String), id: &str, yes: bool) -> bool {
        let now = self.now.tick;
        let this = |one: &Shown| one.id == id && one.until > now;
        let Some(at) = self.shown.iter().position(this) else { return false };
        let one = self.shown.remove(at);
        self.clear_approval(&one.id);
        self.keep_approvals();
        // "The goal of the air" may be another one by now.
        let changed = self.kind_and_words(&one.body).is_none_or(|(_, words)| words != one.words);
        if yes && changed {
            let reason = format!("\"{}\" is not what it means any more; ask again", one.words);
            self.set_command(key, CommandState::Rejected, &reason);
        } else if yes {
            self.counters.by_people += 1;
            self.carry_out_words(key, &format!("{}, approved", one.cause), one.body);
        } else {
            self.set_command(key, CommandState::Accepted, "");
            self.set_command(key, CommandState::Executing, "");
            self.set_command(key, CommandState::Succeeded, "");
        }
        true
    }

    /// What was shown back and waits for a person.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }
}

//! Notes that become preferences: what words and mind make of one is shown to a person, and
//! honoured by the planner once that person has said yes. `edits` keeps notes and what they mean;
//! the mind reads those that nobody has understood. What must never be here: a preference that no
//! person has said yes to.

mod condition;
mod kept;
mod meaning;
mod open;
mod said;
mod states;
mod texts;
mod times;
mod tones;
mod trial;
mod unread;
mod wish;
mod wording;

use std::time::Duration;

use super::core::Agent;
use super::effect::{Effect, Question, Report};
use crate::clock::Tick;
use crate::config::Preference;
use crate::domain::{CommandState, Severity};
use crate::limits;
pub use kept::KeptProposal;
use meaning::Meaning;
pub use meaning::Reading;
pub(super) use times::time_of_day;
use trial::Trial;

/// What is under way.
#[derive(Default)]
pub(super) struct Notes {
    proposals: Vec<Proposed>,
    reading: Option<NoteAsked>,
    tried: Option<NoteTried>,
}

#[cfg(test)]
impl Notes {
    /// Situations are being looked at.
    pub(super) fn is_tried(&self) -> bool {
        self.tried.is_some()
    }
}

/// A note that the mind is reading, and the command that waits for it.
#[derive(Clone, Debug)]
struct NoteAsked {
    id: u64,
    command: Option<(String, String)>,
    reading: Reading,
    deadline: Tick,
}

/// A note whose situations are being looked at, and the command that waits for it.
struct NoteTried {
    command: Option<(String, String)>,
    note: String,
    meaning: Meaning,
    trial: Trial,
}

/// What was made of a note, before a person has said yes.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// Id of what waits.
    pub id: String,
    /// In plain words.
    pub words: String,
    /// The note, and what would be done.
    pub cause: String,
    /// Settled as expired then.
    pub until: Tick,
    note: String,
    means: Vec<Preference>,
}

impl Agent {
    /// What the mind reads: the notes that nothing else honours.
    pub(super) fn notes_to_read(&self) -> Vec<String> {
        let open = self.config.notes.iter().filter(|note| !self.is_understood(note));
        open.cloned().collect()
    }

    fn is_understood(&self, note: &str) -> bool {
        self.config.preferences.iter().any(|one| one.of_note.as_deref() == Some(note))
    }

    /// An operator wants a note understood that is there.
    pub(super) fn understand_again(&mut self, key: &(String, String), note: &str) {
        let refused = if !self.config.notes.iter().any(|one| one == note) {
            Some("there is no note of these words")
        } else if self.is_understood(note) {
            Some("it is understood already: take it away with `remove` first")
        } else if self.is_understanding() {
            Some("another note is being read")
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.set_command(key, CommandState::Rejected, reason);
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.understand(Some(key.clone()), note);
    }

    /// A note is put before the mind; what comes of it ends the command that waits for it.
    pub(super) fn understand(&mut self, command: Option<(String, String)>, note: &str) {
        let reading = match Reading::new(note, &self.config) {
            Ok(reading) => reading,
            Err(reason) => return self.stays_note(command, note, &reason),
        };
        if self.is_understanding() {
            let reason = "another note is being read; send `understand` when that is done";
            return self.stays_note(command, note, reason);
        }
        let questions = reading.questions();
        if questions.is_empty() {
            return self.understood_as(command, &reading, &[]);
        }
        if !self.mind_can_speak() {
            let reason = "the mind cannot read it now; send `understand` when it can";
            return self.stays_note(command, note, reason);
        }
        let deadline = self.now.tick.after(Duration::from_millis(limits::NOTE_READ_MS_MAX));
        let id = self.next_question;
        self.next_question += 1;
        self.out.push(Effect::Ask(Question {
            id,
            prefix: reading.prefix(),
            state: String::new(),
            candidates: Vec::new(),
            by_notes: None,
            adapter: None,
            questions,
            deadline,
        }));
        self.notes.reading = Some(NoteAsked { id, command, reading, deadline });
    }

    fn is_understanding(&self) -> bool {
        self.notes.reading.is_some() || self.notes.tried.is_some()
    }

    /// The mind has answered the questions about a note.
    pub(super) fn note_read(&mut self, id: u64, answers: &[Vec<f64>]) {
        let Some(asked) = self.notes.reading.take_if(|asked| asked.id == id) else {
            self.counters.dropped += 1;
            return;
        };
        self.understood_as(asked.command, &asked.reading, answers);
    }

    /// It will not answer, or its time is over. `false`: this was no question about a note.
    pub(super) fn note_lost(&mut self, id: u64) -> bool {
        let Some(asked) = self.notes.reading.take_if(|asked| asked.id == id) else { return false };
        let reason = "the mind did not answer; send `understand` once more";
        self.stays_note(asked.command, &asked.reading.note, reason);
        true
    }

    /// When the answer about a note is too late, or the next situation is to be looked at.
    pub(super) fn note_deadline(&self) -> Option<Tick> {
        let asked = self.notes.reading.as_ref().map(|asked| asked.deadline);
        asked.or(self.notes.tried.as_ref().map(|_| self.now.tick))
    }

    /// What waits for a person after its time, or for a note that is gone, is settled; a note that
    /// is read too long is given up.
    pub(super) fn note_timers(&mut self) {
        let now = self.now.tick;
        let late = self.notes.reading.as_ref().filter(|asked| asked.deadline < now);
        if let Some(id) = late.map(|asked| asked.id) {
            self.note_lost(id);
        }
        self.try_on();
        let notes = &self.config.notes;
        let over = |one: &Proposed| one.until <= now || !notes.contains(&one.note);
        let over: Vec<String> =
            self.notes.proposals.iter().filter(|one| over(one)).map(|one| one.id.clone()).collect();
        self.notes.proposals.retain(|one| !over.contains(&one.id));
        for id in &over {
            self.clear_approval(id);
        }
        if !over.is_empty() {
            self.keep_proposals();
        }
    }

    /// What waits for a person.
    #[must_use]
    pub fn proposals(&self) -> &[Proposed] {
        &self.notes.proposals
    }

    fn understood_as(
        &mut self,
        command: Option<(String, String)>,
        reading: &Reading,
        answers: &[Vec<f64>],
    ) {
        let trust = self.config.mind.as_ref().map_or(1.0, |mind| mind.trust);
        let note = reading.note.clone();
        let found = reading.meaning(answers, trust, &self.config).and_then(|meaning| {
            let trial = self.begin_trial(&note, &meaning)?;
            Ok((meaning, trial))
        });
        match found {
            Ok((meaning, trial)) => {
                self.notes.tried = Some(NoteTried { command, note, meaning, trial });
            }
            Err(reason) => {
                let more = self.left_open(&note);
                self.stays_note(command, &note, &format!("{reason}{more}"));
            }
        }
    }

    /// The next step of a note's situations; after the last it is put before a person.
    fn try_on(&mut self) {
        let Some(mut tried) = self.notes.tried.take() else { return };
        match self.step_trial(&tried.meaning, &mut tried.trial) {
            Ok(None) => self.notes.tried = Some(tried),
            // It may be gone meanwhile.
            Ok(Some(shown)) if self.config.notes.contains(&tried.note) => {
                self.propose(tried.command, &tried.note, tried.meaning, &shown);
            }
            Ok(Some(_)) => self.stays_note(tried.command, &tried.note, "it is there no more"),
            Err(reason) => self.stays_note(tried.command, &tried.note, &reason),
        }
    }

    fn stays_note(&mut self, command: Option<(String, String)>, note: &str, why: &str) {
        let reason = format!("stays a note, and no more than that: {why}");
        self.say("preference", format!("\"{note}\" {reason}"), Severity::Info);
        self.end_command(command, CommandState::Succeeded, &reason);
    }

    /// Puts what was understood before a person.
    fn propose(
        &mut self,
        command: Option<(String, String)>,
        note: &str,
        meaning: Meaning,
        shown: &[String],
    ) {
        let again = self.notes.proposals.iter().position(|one| one.note == note);
        let full = self.notes.proposals.len() >= limits::PROPOSALS_MAX;
        if let Some(at) = again.or(full.then_some(0)) {
            let old = self.notes.proposals.remove(at);
            self.clear_approval(&old.id);
        }
        let id = format!("{}-{}", self.boot_word(), self.next_token);
        self.next_token += 1;
        let words = meaning.words(&self.config);
        let beside = self.beside(note, &meaning.preferences);
        let shown = format!("{}{beside}", shown.join(". "));
        let cause = format!("\"{note}\". {shown}");
        let valid_for = Duration::from_millis(limits::PROPOSAL_MS_MAX);
        let reason = format!("understood as: {words}. {shown}. It waits for approval {id}");
        self.say("preference", format!("\"{note}\" {reason}"), Severity::Info);
        self.report(Report::Approval {
            id: id.clone(),
            waits: Some(("note".into(), words.clone(), cause.clone())),
            valid_for,
        });
        self.end_command(command, CommandState::Succeeded, &reason);
        self.notes.proposals.push(Proposed {
            id,
            words,
            cause,
            until: self.now.tick.after(valid_for),
            note: note.into(),
            means: meaning.preferences,
        });
        self.keep_proposals();
    }

    /// A person says yes or no to what was made of a note. `false`: nothing waits under this id.
    pub(super) fn settle_proposal(&mut self, key: &(String, String), id: &str, yes: bool) -> bool {
        let Some(at) = self.notes.proposals.iter().position(|one| one.id == id) else {
            return false;
        };
        let one = self.notes.proposals.remove(at);
        self.clear_approval(&one.id);
        self.keep_proposals();
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        if yes {
            self.keep_meaning(&one.note, one.means);
            let text = format!("{}, of the note \"{}\", confirmed", one.words, one.note);
            self.say("preference", text, Severity::Info);
        }
        self.set_command(key, CommandState::Succeeded, "");
        true
    }
}

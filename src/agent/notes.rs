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

/// Why a note that was put before the mind stays one.
const UNANSWERED: &str = "the mind did not answer; send `understand` once more";

/// What is under way.
#[derive(Default)]
pub(super) struct Notes {
    proposals: Vec<Proposed>,
    /// One note at a time.
    under: Option<Under>,
    /// It has had its step within this event: each takes as long as an event may.
    had_step: bool,
}

#[cfg(test)]
impl Notes {
    /// The next event brings it further, whatever it is.
    pub(super) fn goes_on(&self) -> bool {
        self.under.as_ref().is_some_and(|one| !matches!(one.stage, Stage::Asked { .. }))
    }
}

/// A note that is being understood, and the command that waits for it.
struct Under {
    command: Option<(String, String)>,
    note: String,
    stage: Stage,
}

/// A note is understood in these steps.
enum Stage {
    /// Nobody has looked at its words yet.
    Named,
    /// The mind reads what its words leave open.
    Asked { id: u64, reading: Box<Reading>, deadline: Tick },
    /// It has read that, or there was nothing to read.
    Read { reading: Box<Reading>, answers: Vec<Vec<f64>> },
    /// Situations are being looked at.
    Tried { meaning: Box<Meaning>, trial: Trial },
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
        } else if self.notes.under.is_some() {
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

    /// A note is to be understood, from the next event on; what comes of it ends the command that
    /// waits for it.
    pub(super) fn understand(&mut self, command: Option<(String, String)>, note: &str) {
        self.leave_what_is_gone();
        if self.notes.under.is_some() {
            let reason = "another note is being read; send `understand` when that is done";
            return self.stays_note(command, note, reason);
        }
        self.notes.under = Some(Under { command, note: note.into(), stage: Stage::Named });
        self.notes.had_step = true;
    }

    /// A note that is taken away while it is being understood, or of which a person has confirmed
    /// meanwhile what was made of it before.
    fn leave_what_is_gone(&mut self) {
        let Some(one) = &self.notes.under else { return };
        let (is_there, is_known) =
            (self.config.notes.contains(&one.note), self.is_understood(&one.note));
        if is_there && !is_known {
            return;
        }
        let Some(one) = self.notes.under.take() else { return };
        if is_there {
            return self.end_command(one.command, CommandState::Succeeded, "it is understood");
        }
        self.stays_note(one.command, &one.note, "it is there no more");
    }

    /// The agent stops: nothing more is made of it.
    pub(super) fn leave_note(&mut self) {
        self.notes.under = None;
    }

    /// Its words are read; the mind is asked about what they leave open.
    fn read_words(&mut self, note: &str) -> Result<Stage, String> {
        let reading = Reading::new(note, &self.config)?;
        let questions = reading.questions();
        let reading = Box::new(reading);
        if questions.is_empty() {
            return Ok(Stage::Read { reading, answers: Vec::new() });
        }
        if !self.mind_can_speak() {
            return Err("the mind cannot read it now; send `understand` when it can".into());
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
        Ok(Stage::Asked { id, reading, deadline })
    }

    /// The note that waits for this answer of the mind.
    fn take_asked_note(&mut self, of: u64) -> Option<Under> {
        let waits = |one: &mut Under| matches!(&one.stage, Stage::Asked { id, .. } if *id == of);
        self.notes.under.take_if(waits)
    }

    /// The mind has answered the questions about a note.
    pub(super) fn note_read(&mut self, id: u64, answers: Vec<Vec<f64>>) {
        let Some(Under { command, note, stage: Stage::Asked { reading, .. } }) =
            self.take_asked_note(id)
        else {
            self.counters.dropped += 1;
            return;
        };
        self.notes.under = Some(Under { command, note, stage: Stage::Read { reading, answers } });
        self.notes.had_step = true;
    }

    /// It will not answer. `false`: this was no question about a note.
    pub(super) fn note_lost(&mut self, id: u64) -> bool {
        let Some(one) = self.take_asked_note(id) else { return false };
        self.stays_note(one.command, &one.note, UNANSWERED);
        true
    }

    /// When the answer about a note is too late, or its next step is due.
    pub(super) fn note_deadline(&self) -> Option<Tick> {
        let one = self.notes.under.as_ref()?;
        Some(match &one.stage {
            Stage::Asked { deadline, .. } => *deadline,
            _ => self.now.tick,
        })
    }

    /// What waits for a person after its time, or for a note that is gone, is settled; a note that
    /// is being understood has its next step.
    pub(super) fn note_timers(&mut self) {
        let now = self.now.tick;
        self.leave_what_is_gone();
        if !std::mem::take(&mut self.notes.had_step) {
            self.further();
        }
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

    /// The next step of what is being understood; after the last it is put before a person.
    fn further(&mut self) {
        let Some(Under { command, note, stage }) = self.notes.under.take() else { return };
        let next = match stage {
            Stage::Named => self.read_words(&note),
            Stage::Asked { deadline, .. } if deadline < self.now.tick => Err(UNANSWERED.into()),
            Stage::Asked { .. } => Ok(stage),
            Stage::Read { reading, answers } => self.to_be_tried(&note, &reading, &answers),
            Stage::Tried { meaning, mut trial } => {
                match self.step_trial(&note, &meaning, &mut trial) {
                    Ok(None) => Ok(Stage::Tried { meaning, trial }),
                    Ok(Some(shown)) => return self.propose(command, &note, *meaning, &shown),
                    Err(reason) => Err(reason),
                }
            }
        };
        match next {
            Ok(stage) => self.notes.under = Some(Under { command, note, stage }),
            Err(reason) => self.stays_note(command, &note, &reason),
        }
    }

    fn to_be_tried(
        &self,
        note: &str,
        reading: &Reading,
        answers: &[Vec<f64>],
    ) -> Result<Stage, String> {
        let trust = self.config.mind.as_ref().map_or(1.0, |mind| mind.trust);
        let found = reading.meaning(answers, trust, &self.config).and_then(|meaning| {
            let trial = self.begin_trial(&meaning)?;
            Ok(Stage::Tried { meaning: Box::new(meaning), trial })
        });
        found.map_err(|reason| format!("{reason}{}", self.left_open(note)))
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

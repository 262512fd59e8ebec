//! Questions to the model in the cloud: each waits until what it may cost is stored, then goes to
//! the thread that asks. No decisions.

use tokio::sync::mpsc;

use super::Runtime;
use crate::agent::{CloudFailure, CloudQuestion, Event};
use crate::config::Config;
use crate::escalate::{self, Answered};

/// The way out.
#[derive(Default)]
pub(super) struct Escalation {
    line: Option<escalate::Line>,
    /// The question that waits for its record.
    waits: Option<CloudQuestion>,
}

impl Escalation {
    /// Starts the thread where the configuration names a model; answers come out of the other half.
    pub(super) fn open(config: &Config) -> (Escalation, Option<mpsc::Receiver<Answered>>) {
        let opened = config.escalate.clone().map(escalate::Line::open);
        let (line, answers) = match opened {
            Some(Ok((line, answers))) => (Some(line), Some(answers)),
            Some(Err(error)) => {
                tracing::error!(%error, "no thread for questions to the cloud");
                (None, None)
            }
            None => (None, None),
        };
        (Escalation { line, waits: None }, answers)
    }
}

impl Runtime<'_> {
    /// Takes a question on.
    pub(super) fn escalate(&mut self, question: CloudQuestion) {
        self.clock.depart(1);
        // The agent has one open at a time; an older one that never went out is over.
        if let Some(old) = self.escalation.waits.replace(question) {
            let text = "a newer one took its place".to_owned();
            self.not_asked(old.id, CloudFailure { text, cost: false, late: false, wait: None });
        }
        if !self.journal_ok {
            self.escalate_stored(u64::MAX);
        }
    }

    /// Everything up to here is stored, or nothing is kept any more.
    pub(super) fn escalate_stored(&mut self, upto: u64) {
        let ready = self.escalation.waits.take_if(|question| question.after <= upto);
        let Some(question) = ready else { return };
        let id = question.id;
        let asked = match &self.escalation.line {
            Some(line) => line.ask(question),
            None => {
                let text = "the thread that asks was not started".to_owned();
                Err(CloudFailure { text, cost: false, late: false, wait: None })
            }
        };
        if let Err(failure) = asked {
            self.not_asked(id, failure);
        }
    }

    fn not_asked(&mut self, id: u64, failure: CloudFailure) {
        self.apply(Event::CloudAnswered { id, result: Err(failure), ms: 0.0 });
        self.clock.arrive(1);
    }

    /// The thread has an answer, or none.
    pub(super) fn answered(&mut self, answered: Answered) {
        let Answered { id, result, ms } = answered;
        self.apply(Event::CloudAnswered { id, result, ms });
        self.clock.arrive(1);
    }
}

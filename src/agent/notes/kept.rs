//! What waits for a person's yes, as the journal keeps it over a restart. What must never be here:
//! a yes.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::Proposed;
use crate::agent::core::Agent;
use crate::agent::effect::Report;
use crate::config::{Config, Preference, preference_said, preference_to_json};
use crate::domain::Severity;
use crate::limits;

/// A meaning of a note that waited when the last start ended.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptProposal {
    id: String,
    note: String,
    words: String,
    cause: String,
    /// `None`: the configuration does not allow it any more.
    means: Option<Vec<Preference>>,
}

impl KeptProposal {
    /// One of a record; `None` where it is none.
    pub(in crate::agent) fn read(json: &Json, config: &Config) -> Option<Self> {
        let text = |key: &str| Some(json.get(key)?.as_str()?.to_owned());
        let means = json.get("means")?.as_array()?.iter().map(|one| preference_said(one, config));
        Some(Self {
            id: text("id")?,
            note: text("note")?,
            words: text("words")?,
            cause: text("cause")?,
            means: means.collect::<Result<_, _>>().ok(),
        })
    }
}

impl Proposed {
    /// As a record keeps it.
    pub(in crate::agent) fn kept(&self, config: &Config) -> Json {
        let means = self.means.iter().map(|one| preference_to_json(one, config));
        json!({
            "id": self.id, "note": self.note, "words": self.words, "cause": self.cause,
            "means": means.collect::<Vec<_>>(),
        })
    }
}

impl Agent {
    /// What waited when the last start ended waits on, and is shown again: a broker may have
    /// forgotten it too. Its time begins anew: no clock is needed for that, and it does nothing.
    pub(in crate::agent) fn resume_proposals(&mut self, kept: Vec<KeptProposal>) {
        let before = kept.len();
        for one in kept {
            let left = Duration::from_millis(limits::PROPOSAL_MS_MAX);
            let Some(means) = one.means else {
                let text = format!(
                    "\"{}\" was understood as: {}. The configuration does not allow that any \
                     more; send `understand` once more",
                    one.note, one.words
                );
                self.say("preference", text, Severity::Info);
                self.clear_approval(&one.id);
                continue;
            };
            self.report(Report::Approval {
                id: one.id.clone(),
                waits: Some(("note".into(), one.words.clone(), one.cause.clone())),
                valid_for: left,
            });
            let until = self.now.tick.after(left);
            let (id, words, cause, note) = (one.id, one.words, one.cause, one.note);
            self.notes.proposals.push(Proposed { id, words, cause, until, note, means });
        }
        if self.notes.proposals.len() < before {
            // What was told is not told again at the next start.
            self.keep_proposals();
        }
    }
}

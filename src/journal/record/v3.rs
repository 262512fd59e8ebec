//! The frozen types of payload version 3: only what versions 1 and 2 cannot say. What they can is
//! still written in theirs.
//!
//! Nothing here may change: not a field, not its type, not the order of variants.

use serde::{Deserialize, Serialize};

use super::v1;
use crate::domain;

/// An entry of a kind that came after version 2, or one with more than its version has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    Escalated(Escalated),
    /// A decision whose model's answer cost something.
    Decision(v1::Decision, f64),
    Memory {
        sensor: String,
        of: String,
        form: u32,
        numbers: Vec<Option<f64>>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Escalated {
    decision: String,
    why: String,
    state: String,
    model: String,
    prompt_tokens: u32,
    answer_tokens: u32,
    ms: f64,
    cost: f64,
    text: String,
    day: i64,
    calls: u64,
    spent: f64,
}

impl Entry {
    /// `None` for an entry that an older version has.
    pub(super) fn of(entry: &domain::Entry) -> Option<Entry> {
        match entry {
            domain::Entry::Escalated(one) => {
                let one = (**one).clone();
                Some(Entry::Escalated(Escalated {
                    decision: one.decision,
                    why: one.why,
                    state: one.state,
                    model: one.model,
                    prompt_tokens: one.prompt_tokens,
                    answer_tokens: one.answer_tokens,
                    ms: one.ms,
                    cost: one.cost,
                    text: one.text,
                    day: one.day,
                    calls: one.calls,
                    spent: one.spent,
                }))
            }
            domain::Entry::Decision(decision) => {
                let cost = decision.model.as_ref()?.cost?;
                Some(Entry::Decision((&**decision).into(), cost))
            }
            domain::Entry::Memory(one) => {
                let domain::Memory { sensor, of, form, numbers } = one.clone();
                Some(Entry::Memory { sensor, of, form, numbers })
            }
            _ => None,
        }
    }
}

impl From<Entry> for domain::Entry {
    fn from(entry: Entry) -> domain::Entry {
        match entry {
            Entry::Escalated(one) => domain::Entry::Escalated(Box::new(domain::Escalated {
                decision: one.decision,
                why: one.why,
                state: one.state,
                model: one.model,
                prompt_tokens: one.prompt_tokens,
                answer_tokens: one.answer_tokens,
                ms: one.ms,
                cost: one.cost,
                text: one.text,
                day: one.day,
                calls: one.calls,
                spent: one.spent,
            })),
            Entry::Decision(decision, cost) => {
                let mut decision = domain::Decision::from(decision);
                if let Some(model) = &mut decision.model {
                    model.cost = Some(cost);
                }
                domain::Entry::Decision(Box::new(decision))
            }
            Entry::Memory { sensor, of, form, numbers } => {
                domain::Entry::Memory(domain::Memory { sensor, of, form, numbers })
            }
        }
    }
}

//! The frozen types of payload version 2: only the kinds that version 1 does not have. What version
//! 1 has is still written in version 1.
//!
//! Nothing here may change: not a field, not its type, not the order of variants.

use serde::{Deserialize, Serialize};

use crate::domain;

/// An entry of a kind that came after version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    Goal { name: String, put: Option<String> },
    Learned(Learned),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Learned {
    sensor: String,
    form: u32,
    middle: f64,
    scale: f64,
    inputs: Vec<String>,
    weights: Vec<f64>,
    covariance: Vec<f32>,
    profile: Vec<Option<f32>>,
    steps: u64,
    judged: u64,
    error_square: f64,
    stays_square: f64,
}

impl Entry {
    /// `None` for an entry that version 1 has.
    pub(super) fn of(entry: &domain::Entry) -> Option<Entry> {
        match entry {
            domain::Entry::Goal { name, put } => {
                Some(Entry::Goal { name: name.clone(), put: put.clone() })
            }
            domain::Entry::Learned(learned) => {
                let one = (**learned).clone();
                Some(Entry::Learned(Learned {
                    sensor: one.sensor,
                    form: one.form,
                    middle: one.middle,
                    scale: one.scale,
                    inputs: one.inputs,
                    weights: one.weights,
                    covariance: one.covariance,
                    profile: one.profile,
                    steps: one.steps,
                    judged: one.judged,
                    error_square: one.error_square,
                    stays_square: one.stays_square,
                }))
            }
            _ => None,
        }
    }
}

impl From<Entry> for domain::Entry {
    fn from(entry: Entry) -> domain::Entry {
        match entry {
            Entry::Goal { name, put } => domain::Entry::Goal { name, put },
            Entry::Learned(one) => domain::Entry::Learned(Box::new(domain::Learned {
                sensor: one.sensor,
                form: one.form,
                middle: one.middle,
                scale: one.scale,
                inputs: one.inputs,
                weights: one.weights,
                covariance: one.covariance,
                profile: one.profile,
                steps: one.steps,
                judged: one.judged,
                error_square: one.error_square,
                stays_square: one.stays_square,
            })),
        }
    }
}

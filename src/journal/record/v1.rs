//! The frozen types of payload version 1, and the way to and from the domain's types.
//!
//! Nothing here may change: not a field, not its type, not the order of variants. A new need is a
//! version 2 beside this one. The golden bytes in the tests of the parent module hold it still.

use serde::{Deserialize, Serialize};

use crate::domain;

/// An entry. The variant's place is its first byte in the payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    Boot { version: String, mode: String },
    Reading { sensor: String, value: Value },
    Faults { source: String, kind: FaultKind, count: u64, found: String },
    Decision(Decision),
    Step(Step),
    Command { kind: String, id: String, state: CommandState, reason: String },
    Hold { actuator: String, for_ms: u64 },
    Mode { actuator: String, mode: String },
    Event { kind: String, text: String, severity: Severity },
    Dropped { first: u64, last: u64, reason: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Value {
    Number(f64),
    Bool(bool),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Setting {
    On,
    Off,
    Level(f64),
    Choice(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum FaultKind {
    NotUtf8,
    NotJson,
    FieldMissing,
    WrongType,
    NotFinite,
    OutOfRange,
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum CommandState {
    Accepted,
    Executing,
    Succeeded,
    Failed,
    Rejected,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum StepState {
    Intended,
    Sent,
    Confirmed,
    Unconfirmed,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Decider {
    Rule,
    Planner,
    Mind,
    Cloud,
    Human,
    Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Severity {
    Info,
    Warning,
    Alarm,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    actuator: String,
    setting: Setting,
    state: StepState,
    by: Decider,
    cause: String,
    off_after_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    set: Vec<(String, Setting)>,
    text: String,
    predicted: Vec<(String, f64)>,
    cost: f64,
    utility: f64,
    probability: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ModelVoice {
    id: String,
    sha256: String,
    adapter: String,
    prompt_tokens: u32,
    ms: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decision {
    id: String,
    cause: String,
    facts: Vec<String>,
    notes: Vec<String>,
    candidates: Vec<Candidate>,
    chosen: u64,
    by: Decider,
    guard: String,
    model: Option<ModelVoice>,
}

/// Maps a word enum to the domain's enum of the same variants, both ways, without a wildcard:
/// a new variant of the domain does not compile until a new version gives it a place.
macro_rules! same_words {
    ($name:ident { $($word:ident),+ }) => {
        impl From<domain::$name> for $name {
            fn from(word: domain::$name) -> $name {
                match word { $(domain::$name::$word => $name::$word),+ }
            }
        }
        impl From<$name> for domain::$name {
            fn from(word: $name) -> domain::$name {
                match word { $($name::$word => domain::$name::$word),+ }
            }
        }
    };
}

same_words!(FaultKind {
    NotUtf8,
    NotJson,
    FieldMissing,
    WrongType,
    NotFinite,
    OutOfRange,
    TooLong
});
same_words!(CommandState { Accepted, Executing, Succeeded, Failed, Rejected, Expired });
same_words!(StepState { Intended, Sent, Confirmed, Unconfirmed, Refused });
same_words!(Decider { Rule, Planner, Mind, Cloud, Human, Command });
same_words!(Severity { Info, Warning, Alarm });

impl From<&domain::Value> for Value {
    fn from(value: &domain::Value) -> Value {
        match value {
            domain::Value::Number(number) => Value::Number(*number),
            domain::Value::Bool(yes) => Value::Bool(*yes),
            domain::Value::Text(text) => Value::Text(text.clone()),
        }
    }
}

impl From<Value> for domain::Value {
    fn from(value: Value) -> domain::Value {
        match value {
            Value::Number(number) => domain::Value::Number(number),
            Value::Bool(yes) => domain::Value::Bool(yes),
            Value::Text(text) => domain::Value::Text(text),
        }
    }
}

impl From<&domain::Setting> for Setting {
    fn from(setting: &domain::Setting) -> Setting {
        match setting {
            domain::Setting::On => Setting::On,
            domain::Setting::Off => Setting::Off,
            domain::Setting::Level(level) => Setting::Level(*level),
            domain::Setting::Choice(option) => Setting::Choice(option.clone()),
        }
    }
}

impl From<Setting> for domain::Setting {
    fn from(setting: Setting) -> domain::Setting {
        match setting {
            Setting::On => domain::Setting::On,
            Setting::Off => domain::Setting::Off,
            Setting::Level(level) => domain::Setting::Level(level),
            Setting::Choice(option) => domain::Setting::Choice(option),
        }
    }
}

impl From<&domain::Candidate> for Candidate {
    fn from(candidate: &domain::Candidate) -> Candidate {
        Candidate {
            set: candidate.set.iter().map(|(name, to)| (name.clone(), to.into())).collect(),
            text: candidate.text.clone(),
            predicted: candidate.predicted.clone(),
            cost: candidate.cost,
            utility: candidate.utility,
            probability: candidate.probability,
        }
    }
}

impl From<Candidate> for domain::Candidate {
    fn from(candidate: Candidate) -> domain::Candidate {
        domain::Candidate {
            set: candidate.set.into_iter().map(|(name, to)| (name, to.into())).collect(),
            text: candidate.text,
            predicted: candidate.predicted,
            cost: candidate.cost,
            utility: candidate.utility,
            probability: candidate.probability,
        }
    }
}

impl From<&domain::ModelVoice> for ModelVoice {
    fn from(model: &domain::ModelVoice) -> ModelVoice {
        ModelVoice {
            id: model.id.clone(),
            sha256: model.sha256.clone(),
            adapter: model.adapter.clone(),
            prompt_tokens: model.prompt_tokens,
            ms: model.ms,
        }
    }
}

impl From<ModelVoice> for domain::ModelVoice {
    fn from(model: ModelVoice) -> domain::ModelVoice {
        domain::ModelVoice {
            id: model.id,
            sha256: model.sha256,
            adapter: model.adapter,
            prompt_tokens: model.prompt_tokens,
            ms: model.ms,
            cost: None,
        }
    }
}

impl From<&domain::Decision> for Decision {
    fn from(decision: &domain::Decision) -> Decision {
        Decision {
            id: decision.id.clone(),
            cause: decision.cause.clone(),
            facts: decision.facts.clone(),
            notes: decision.notes.clone(),
            candidates: decision.candidates.iter().map(Candidate::from).collect(),
            chosen: u64::try_from(decision.chosen).unwrap_or(u64::MAX),
            by: decision.by.into(),
            guard: decision.guard.clone(),
            model: decision.model.as_ref().map(ModelVoice::from),
        }
    }
}

impl From<Decision> for domain::Decision {
    fn from(decision: Decision) -> domain::Decision {
        domain::Decision {
            id: decision.id,
            cause: decision.cause,
            facts: decision.facts,
            notes: decision.notes,
            candidates: decision.candidates.into_iter().map(domain::Candidate::from).collect(),
            chosen: usize::try_from(decision.chosen).unwrap_or(usize::MAX),
            by: decision.by.into(),
            guard: decision.guard,
            model: decision.model.map(domain::ModelVoice::from),
        }
    }
}

impl Entry {
    /// `None` for an entry of a kind that came later, and for a decision with more than this has.
    pub(super) fn of(entry: &domain::Entry) -> Option<Entry> {
        use domain::Entry as From;
        Some(match entry.clone() {
            From::Boot { version, mode } => Entry::Boot { version, mode },
            From::Reading { sensor, value } => Entry::Reading { sensor, value: (&value).into() },
            From::Faults { source, kind, count, found } => {
                Entry::Faults { source, kind: kind.into(), count, found }
            }
            From::Decision(one) if one.model.as_ref().is_some_and(|it| it.cost.is_some()) => {
                return None;
            }
            From::Decision(decision) => Entry::Decision((&*decision).into()),
            From::Step { actuator, setting, state, by, cause, off_after_ms } => Entry::Step(Step {
                actuator,
                setting: (&setting).into(),
                state: state.into(),
                by: by.into(),
                cause,
                off_after_ms,
            }),
            From::Command { kind, id, state, reason } => {
                Entry::Command { kind, id, state: state.into(), reason }
            }
            From::Hold { actuator, for_ms } => Entry::Hold { actuator, for_ms },
            From::Mode { actuator, mode } => Entry::Mode { actuator, mode },
            From::Event { kind, text, severity } => {
                Entry::Event { kind, text, severity: severity.into() }
            }
            From::Dropped { first, last, reason } => Entry::Dropped { first, last, reason },
            From::Goal { .. } | From::Learned(_) | From::Escalated(_) | From::Memory(_) => {
                return None;
            }
        })
    }
}

impl From<Entry> for domain::Entry {
    fn from(entry: Entry) -> domain::Entry {
        use domain::Entry as To;
        match entry {
            Entry::Boot { version, mode } => To::Boot { version, mode },
            Entry::Reading { sensor, value } => To::Reading { sensor, value: value.into() },
            Entry::Faults { source, kind, count, found } => {
                To::Faults { source, kind: kind.into(), count, found }
            }
            Entry::Decision(decision) => To::Decision(Box::new(decision.into())),
            Entry::Step(step) => To::Step {
                actuator: step.actuator,
                setting: step.setting.into(),
                state: step.state.into(),
                by: step.by.into(),
                cause: step.cause,
                off_after_ms: step.off_after_ms,
            },
            Entry::Command { kind, id, state, reason } => {
                To::Command { kind, id, state: state.into(), reason }
            }
            Entry::Hold { actuator, for_ms } => To::Hold { actuator, for_ms },
            Entry::Mode { actuator, mode } => To::Mode { actuator, mode },
            Entry::Event { kind, text, severity } => {
                To::Event { kind, text, severity: severity.into() }
            }
            Entry::Dropped { first, last, reason } => To::Dropped { first, last, reason },
        }
    }
}

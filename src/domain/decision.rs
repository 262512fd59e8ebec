//! A decision: its cause, what was known, what could be done, who chose. Design §6 gives its JSON;
//! this is the form inside the house, without I/O and without serialisation.

use super::value::Setting;

/// Whose voice changed or made a choice (design §6, `by`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    /// A rule, or an interlock that drove something to `safe`.
    Rule,
    /// The planner's utility, whether the mind agreed, was silent or was unsure.
    Planner,
    /// The mind: without it the choice would have been another.
    Mind,
    /// A model in the cloud.
    Cloud,
    /// A person who approved or denied.
    Human,
    /// An operator's command.
    Command,
}

impl Decider {
    /// The word of the decision record.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Decider::Rule => "rule",
            Decider::Planner => "planner",
            Decider::Mind => "mind",
            Decider::Cloud => "cloud",
            Decider::Human => "human",
            Decider::Command => "command",
        }
    }

    /// True where a plan for a goal is behind it, whoever chose among its candidates.
    #[must_use]
    pub fn is_planned(self) -> bool {
        matches!(self, Decider::Planner | Decider::Mind | Decider::Cloud)
    }

    /// True where it runs for a goal: planned, with or without a person's yes. What an operator
    /// orders is a `Command`.
    #[must_use]
    pub fn is_for_a_goal(self) -> bool {
        self.is_planned() || self == Decider::Human
    }
}

/// The words of doing nothing, and of leaving it to a person, as the mind reads them.
pub const NOTHING: &str = "do nothing";
/// Sets nothing either: a person is told what nothing here can mend.
pub const CALL: &str = "call the keeper";

/// One thing that could be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Actuator names and what they would be set to; empty is [`NOTHING`] or [`CALL`].
    pub set: Vec<(String, Setting)>,
    /// The words that the mind reads, made from names of the configuration.
    pub text: String,
    /// Sensor names and the value expected at the planner's horizon.
    pub predicted: Vec<(String, f64)>,
    /// Cost of the coming hour, in the operator's own unit.
    pub cost: f64,
    /// The planner's utility: 0 is worst, 1 is every goal kept at no cost. Above 1 where a move,
    /// over its own time and margin, wins more than doing nothing loses within the near horizon.
    pub utility: f64,
    /// The mind's probability among the candidates, where it was asked and answered.
    pub probability: Option<f64>,
}

impl Candidate {
    /// Does the same as another one, whatever it is thought to be worth.
    #[must_use]
    pub fn is_same(&self, other: &Candidate) -> bool {
        self.set == other.set && self.text == other.text
    }

    /// What it does, in few words: `fan on, vent 50`, [`CALL`], `nothing`.
    #[must_use]
    pub fn doing(&self) -> String {
        if self.set.is_empty() {
            return if self.calls() { CALL.into() } else { "nothing".into() };
        }
        let set = self.set.iter().map(|(name, to)| format!("{name} {to}"));
        set.collect::<Vec<_>>().join(", ")
    }

    /// A person is called.
    #[must_use]
    pub fn calls(&self) -> bool {
        self.set.is_empty() && self.text == CALL
    }
}

/// What the mind contributed.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelVoice {
    /// Id in the catalogue, or the file's name.
    pub id: String,
    /// Checksum of the file that answered.
    pub sha256: String,
    /// Adapter in force, or `none`.
    pub adapter: String,
    /// Tokens read for this decision, the cached prefix not counted.
    pub prompt_tokens: u32,
    /// Time from question to answer, in milliseconds.
    pub ms: f64,
    /// What the answer cost, in the unit of `[escalate]`'s prices; `None`: it was our own model's.
    pub cost: Option<f64>,
}

/// A decision as it is journalled and published.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Unique: the boot's first eight hexadecimal digits, a dash, the decision's number in it.
    pub id: String,
    /// The cause in words: `goal climate: air_temperature 29.1 above 26`.
    pub cause: String,
    /// Facts as the mind reads them.
    pub facts: Vec<String>,
    /// The operator's notes in force.
    pub notes: Vec<String>,
    /// What could be done, best utility first.
    pub candidates: Vec<Candidate>,
    /// Index of the chosen candidate.
    pub chosen: usize,
    /// Whose voice.
    pub by: Decider,
    /// `passed`, or the reason why the guard refused: `interlock dry pump`.
    pub guard: String,
    /// The mind's part, where it answered in time.
    pub model: Option<ModelVoice>,
}

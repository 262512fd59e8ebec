//! Entries of the journal as the agent makes them. `journal::record` has the frozen stored form.

use super::decision::{Decider, Decision};
use super::value::{FaultKind, Setting, Value};

/// State of a device command (design §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandState {
    /// Read, valid, not begun.
    Accepted,
    /// Begun.
    Executing,
    /// Ended: done and, where there is an echo, confirmed.
    Succeeded,
    /// Ended: begun and not done.
    Failed,
    /// Ended: never begun, with the reason.
    Rejected,
    /// Ended: too old when it came or when its turn came.
    Expired,
}

impl CommandState {
    /// The word of the `cmd-state` topic.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            CommandState::Accepted => "accepted",
            CommandState::Executing => "executing",
            CommandState::Succeeded => "succeeded",
            CommandState::Failed => "failed",
            CommandState::Rejected => "rejected",
            CommandState::Expired => "expired",
        }
    }

    /// True for the four states that nothing follows.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, CommandState::Accepted | CommandState::Executing)
    }
}

/// State of one message to one actuator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepState {
    /// Written down, not sent yet.
    Intended,
    /// Handed to the bus.
    Sent,
    /// The device's echo, or PUBACK where it has none, says that it is done.
    Confirmed,
    /// No echo twice: the actuator is not responding.
    Unconfirmed,
    /// The guard refused it; the reason names what stands against it.
    Refused,
}

/// A move of an actuator that an earlier start has written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The record of its intent.
    pub seq: u64,
    /// The actuator's name.
    pub actuator: String,
    /// What it was set to.
    pub setting: Setting,
    /// On whose behalf.
    pub by: Decider,
    /// Why, as in [`Entry::Step`].
    pub cause: String,
    /// When, in milliseconds since 1970; `None` where no clock was trusted.
    pub unix_ms: Option<i64>,
    /// It ended without the device's word that it was done.
    pub unproven: bool,
}

/// How urgent an event is for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something works less well.
    Warning,
    /// A person must act.
    Alarm,
}

impl Severity {
    /// The word of the event topic.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Alarm => "alarm",
        }
    }
}

/// What was learned of one sensor: a linear model of its change an interval, by `inputs`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// The sensor's name.
    pub sensor: String,
    /// Form of the model; a state of another form is not taken over.
    pub form: u32,
    /// Value of the sensor at which it counts as 0.
    pub middle: f64,
    /// What counts as 1 beyond that, in its unit.
    pub scale: f64,
    /// Names of the inputs: parts of the form, sensors, actuators.
    pub inputs: Vec<String>,
    /// Weight of each input, in scales of the sensor an interval.
    pub weights: Vec<f64>,
    /// Upper triangle of the weights' covariance, row by row.
    pub covariance: Vec<f32>,
    /// Mean of the sensor for each half hour of the day, in its unit, where it is known.
    pub profile: Vec<Option<f32>>,
    /// Steps learned from.
    pub steps: u64,
    /// Forecasts of an hour that were compared with what came.
    pub judged: u64,
    /// Mean square error of those forecasts, in the sensor's unit squared.
    pub error_square: f64,
    /// The same of "it stays as it is".
    pub stays_square: f64,
}

/// What is kept of one sensor over a restart, beside what was learned of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The sensor's name.
    pub sensor: String,
    /// What is kept: `today`; where joined sensors usually stand; `again: ` and an actuator whose
    /// effect on it was believed anew; `filter` and `effect: ` and an actuator, what was learned of
    /// how it trembles and of what the actuator adds to its trend.
    pub of: String,
    /// What it is about, where that may change: a checksum of the sensor's expression, or of its
    /// unit and the actuator's direction.
    pub form: u32,
    /// Of `today`: the local day, in days since 1970, and what it has made so far, by place.
    pub numbers: Vec<Option<f64>>,
}

/// A question to the model in the cloud: its beginning, then its end. The last one says what the
/// day has cost so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Escalated {
    /// Id of the decision that could not be made here with certainty.
    pub decision: String,
    /// Why it was asked: `unsure`, `helpless`, `contradiction`.
    pub why: String,
    /// Where it stands: `asked`; then `changed`, `agreed`, `refused`, `moved on`, `unreadable`,
    /// `late` or `failed`.
    pub state: String,
    /// The model's name.
    pub model: String,
    /// Tokens that it read, as its server counts them; 0 where it did not say.
    pub prompt_tokens: u32,
    /// Tokens that it wrote.
    pub answer_tokens: u32,
    /// Time from question to answer, in milliseconds.
    pub ms: f64,
    /// What it cost, in the unit of the configuration's prices; of one that was only asked the
    /// most that it can cost.
    pub cost: f64,
    /// The decision that came of it, or what went wrong; empty where there is nothing to say.
    pub text: String,
    /// Day of the two sums below, in days since 1970 (UTC); 0: no trusted clock has said it.
    pub day: i64,
    /// Questions of that day so far.
    pub calls: u64,
    /// What they cost together.
    pub spent: f64,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The agent started: program version, mode, how many open commands it found.
    Boot {
        /// Version of the program.
        version: String,
        /// Mode that it starts in.
        mode: String,
    },
    /// A sensor's believed value.
    Reading {
        /// The sensor's name.
        sensor: String,
        /// The value.
        value: Value,
    },
    /// Faulty payloads of one sensor and kind since the last such entry.
    Faults {
        /// The sensor's name, or the actuator's for an echo.
        source: String,
        /// Which kind.
        kind: FaultKind,
        /// How many.
        count: u64,
        /// The last of them, shortened.
        found: String,
    },
    /// A decision.
    Decision(Box<Decision>),
    /// A message to an actuator and where it stands.
    Step {
        /// The actuator's name.
        actuator: String,
        /// What it is set to.
        setting: Setting,
        /// Where it stands.
        state: StepState,
        /// On whose behalf.
        by: Decider,
        /// Why: a rule's or goal's name, a decision's id, a command's `kind/id`.
        cause: String,
        /// For a pulse that is on: when it must be off, in milliseconds after this entry.
        off_after_ms: Option<u64>,
    },
    /// A device command changed state.
    Command {
        /// Kind, as in the topic.
        kind: String,
        /// Id, as in the topic.
        id: String,
        /// The new state.
        state: CommandState,
        /// Reason, empty where there is none.
        reason: String,
    },
    /// An operator's hold of an actuator: the planner leaves it alone.
    Hold {
        /// The actuator's name.
        actuator: String,
        /// How long from this entry, in milliseconds; 0 ends it.
        for_ms: u64,
    },
    /// A mode that an operator set.
    Mode {
        /// The actuator's name; empty for the whole agent.
        actuator: String,
        /// `observe`, `advise` or `act`.
        mode: String,
    },
    /// Something a person may want to know; also published.
    Event {
        /// A short kind, such as `sensor-fault`.
        kind: String,
        /// A sentence.
        text: String,
        /// How urgent.
        severity: Severity,
    },
    /// A goal that an operator put or took away at run time; the last one of a name counts. So are
    /// rules and notes, under names that no goal has.
    Goal {
        /// The goal's name.
        name: String,
        /// The goal as the `goal` command's JSON; `None`: it is gone, also one of the file.
        put: Option<String>,
    },
    /// What was learned of one sensor; the last one of a sensor counts.
    Learned(Box<Learned>),
    /// The model in the cloud was asked, or its answer is settled.
    Escalated(Box<Escalated>),
    /// What is kept of one sensor; the last one of a sensor and a kind counts.
    Memory(Memory),
    /// The journal itself gave up a range of records.
    Dropped {
        /// First sequence that is gone.
        first: u64,
        /// Last sequence that is gone.
        last: u64,
        /// Why.
        reason: String,
    },
}

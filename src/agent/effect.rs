//! Everything that the agent can cause. Data only: `runtime` carries it out and renders it.

use std::time::Duration;

use super::event::MindWord;
use crate::clock::Tick;
use crate::config::Mode;
use crate::domain::{ActuatorId, CommandState, Decision, Effort, Entry, Severity};
use crate::mind::notes::{self, ByNotes};

/// One effect. The order of a list of effects is the order in which they are begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write an entry down.
    Record {
        /// Its place in the journal, strictly increasing.
        seq: u64,
        /// What.
        entry: Entry,
    },
    /// Send a payload to a device; never twice by itself.
    Send {
        /// Comes back in `Acked` or `Lost`.
        token: u64,
        /// To whom.
        actuator: ActuatorId,
        /// The bytes.
        payload: Vec<u8>,
        /// The record that must be stored first; `None`: at once (rules, interlocks).
        after: Option<u64>,
    },
    /// A message to a device that has not gone out yet must not go any more: something newer or
    /// more urgent took its place, or nobody knows any more whether it may. One that is out already
    /// stays out.
    Withdraw {
        /// The token of its `Send`.
        token: u64,
    },
    /// Tell the outside.
    Report {
        /// What.
        report: Report,
        /// The record that must be stored first.
        after: Option<u64>,
    },
    /// Ask the mind.
    Ask(Question),
    /// Ask the model in the cloud; ends in `CloudAnswered`.
    Escalate(CloudQuestion),
    /// Take up another model and adapter; ends in `ModelSwitched`.
    SwitchModel {
        /// Kind and id of the command.
        command: (String, String),
        /// Id of the catalogue or path.
        model: String,
        /// Id of the catalogue, path, or `none`.
        adapter: String,
    },
    /// Take a release; ends in `ReleaseTaken`.
    TakeRelease {
        /// Kind and id of the command.
        command: (String, String),
        /// Its id; `None`: look now for what a rollout offers.
        release: Option<String>,
    },
    /// The hand-over after `Stop` is done.
    Stopped,
}

/// A question to the mind: which candidate fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Comes back in `Scores` or `Lost`.
    pub id: u64,
    /// What hardly ever changes: place, goals, devices, notes.
    pub prefix: String,
    /// What is now.
    pub state: String,
    /// The words of each candidate.
    pub candidates: Vec<String>,
    /// What is asked instead where notes name the alternatives.
    pub by_notes: Option<ByNotes>,
    /// The adapter that it is read with; `None`: the one in force.
    pub adapter: Option<String>,
    /// Where there are any, they are asked after the prefix instead of everything else, and
    /// `Read` answers them.
    pub questions: Vec<notes::Question>,
    /// After this no answer is wanted.
    pub deadline: Tick,
}

/// A question to the model in the cloud: which of some options fits.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudQuestion {
    /// Comes back in `CloudAnswered`.
    pub id: u64,
    /// What the model is told of its task.
    pub instruction: &'static str,
    /// Facts, notes and options.
    pub text: String,
    /// How many options there are: `A`, `B` and so on.
    pub options: usize,
    /// The record that must be stored first: what it may cost.
    pub after: u64,
}

/// What is told to the outside; `runtime::render` knows topics and JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// How the device is.
    Status(Status),
    /// How the goals stand.
    Goals(Vec<GoalReport>),
    /// A decision was made.
    Decision {
        /// Its record.
        seq: u64,
        /// The decision.
        decision: Box<Decision>,
    },
    /// Something a person may want to know.
    Event {
        /// A short kind.
        kind: String,
        /// A sentence.
        text: String,
        /// How urgent.
        severity: Severity,
    },
    /// A device command's state.
    CommandState {
        /// Kind, as in the topic.
        kind: String,
        /// Id, as in the topic.
        id: String,
        /// The state; `None` clears the retained message.
        state: Option<CommandState>,
        /// Why.
        reason: String,
    },
    /// Something waits for a person; `None`: it is settled.
    Approval {
        /// Its id.
        id: String,
        /// What waits: actuator name, setting, cause.
        waits: Option<(String, String, String)>,
        /// For how long from now.
        valid_for: Duration,
    },
}

/// The agent's part of the status message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Mode in force.
    pub mode: Mode,
    /// The mind's state.
    pub mind: MindWord,
    /// What the board allows.
    pub effort: Effort,
}

/// One goal's line.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalReport {
    /// The goal's name.
    pub name: String,
    /// `None`: its sensor is unknown or it is not in force now.
    pub satisfied: Option<bool>,
    /// How far outside, in the sensor's unit; 0 inside; `None` where unknown.
    pub gap: Option<f64>,
    /// The same at the planner's horizon if nothing is done.
    pub forecast_gap: Option<f64>,
    /// Share of the known time of the last hour, day and week in which it was kept, 0 to 1.
    pub share: [Option<f64>; 3],
    /// Wall time of the last change, in milliseconds since 1970; `None` without a trusted clock.
    pub since_unix_ms: Option<i64>,
}

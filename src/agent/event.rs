//! Everything that can happen to the agent, on one page. No behaviour lives here.

use std::time::Duration;

use super::edits::Edit;
use super::spoken::Spoken;
use crate::config::{Goal, Mode};
use crate::domain::{ActuatorId, Effort, Fault, SensorId, Setting, Severity, Value};

/// One cause of behaviour. The list is closed: a test is a list of these.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The time that [`super::Agent::next_wake`] asked for has come, or another reason to look.
    Wake,
    /// A sensor spoke.
    Reading {
        /// Which.
        sensor: SensorId,
        /// What, or why it is not believed.
        value: Result<Value, Fault>,
        /// A broker's memory of unknown age: not used.
        retained: bool,
    },
    /// Whoever spoke for a sensor is gone: it is unknown at once.
    Silent {
        /// Which.
        sensor: SensorId,
    },
    /// Nobody can say what an actuator is set to: it is unknown at once.
    Mute {
        /// Which.
        actuator: ActuatorId,
        /// Its device is there all the same, and can be commanded.
        is_there: bool,
    },
    /// A device said what it is set to.
    Echo {
        /// Which.
        actuator: ActuatorId,
        /// What, or why it is not believed.
        setting: Result<Setting, Fault>,
        /// A broker had kept it: it is no new word of the device.
        retained: bool,
    },
    /// An operator asks for something.
    Command(Box<DeviceCommand>),
    /// Another model or adapter was taken up at an operator's word, or not.
    ModelSwitched {
        /// Kind and id of the command.
        command: (String, String),
        /// Names of model and adapter, or why not; then the old ones are back.
        result: Result<(String, String), String>,
    },
    /// A release was taken at an operator's word, or not.
    ReleaseTaken {
        /// Kind and id of the command.
        command: (String, String),
        /// What became of it, or why not.
        result: Result<String, String>,
    },
    /// The bus is there: connected and subscribed.
    LinkUp,
    /// The bus is gone.
    LinkDown {
        /// Why, for people.
        reason: String,
    },
    /// A serial line is open.
    LineUp {
        /// Its place in the configuration's lines.
        line: u16,
    },
    /// A serial line is closed.
    LineDown {
        /// Its place in the configuration's lines.
        line: u16,
        /// Why, for people.
        reason: String,
    },
    /// The broker has taken the message to a device.
    Acked {
        /// The `token` of its effect.
        token: u64,
    },
    /// Whether the message to a device arrived is not known; it is not sent again by the link.
    Lost {
        /// The `token` of its effect.
        token: u64,
        /// Why, for people; `None`: the connection broke.
        why: Option<String>,
    },
    /// The language model's side.
    Mind(MindNews),
    /// The model in the cloud has answered, or will not.
    CloudAnswered {
        /// The question's id.
        id: u64,
        /// What it chose, or why there is no answer.
        result: Result<CloudAnswer, CloudFailure>,
        /// From question to answer, in milliseconds.
        ms: f64,
    },
    /// The board's governor allows another effort. The language model obeys; nothing else does.
    Effort {
        /// What is allowed from now on.
        effort: Effort,
        /// Why, for people.
        reason: String,
    },
    /// Another board speaks under our name.
    OtherBoard {
        /// Its boot id.
        boot: String,
    },
    /// Something that a person may want to know, from below: link, journal, mind.
    Notice {
        /// A short kind, such as `journal`.
        kind: String,
        /// A sentence.
        text: String,
        /// How urgent.
        severity: Severity,
    },
    /// The process is asked to end: hand over to `safe`, then say `Stopped`.
    Stop,
}

/// What an operator asks for, as read from a `cmd/<kind>/<id>` topic.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceCommand {
    /// As in the topic; may be unknown.
    pub kind: String,
    /// As in the topic.
    pub id: String,
    /// What is asked, or why it cannot be understood.
    pub body: Result<Body, String>,
    /// When it was issued, in milliseconds since 1970 UTC, if it says so.
    pub issued_unix_ms: Option<i64>,
    /// How long it may wait.
    pub ttl: Duration,
    /// Out of the broker's memory.
    pub retained: bool,
}

/// A command that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Set an actuator and leave it alone for a while.
    Set {
        /// Which.
        actuator: ActuatorId,
        /// To what; valid for its kind.
        setting: Setting,
        /// How long the planner leaves it alone.
        hold: Duration,
    },
    /// Change the mode of the agent or of one actuator.
    Mode {
        /// The new mode.
        mode: Mode,
        /// `None`: the whole agent.
        actuator: Option<ActuatorId>,
    },
    /// Put a goal, in the place of one of the same name.
    PutGoal {
        /// The goal.
        goal: Box<Goal>,
        /// As the operator wrote it, for the journal.
        text: String,
    },
    /// Take a goal away.
    RemoveGoal {
        /// Its name.
        name: String,
    },
    /// Change a rule or a note.
    Edit(Box<Edit>),
    /// Have a note understood that is there.
    Understand {
        /// Its words.
        note: String,
    },
    /// Plain words, as far as they were understood.
    Ask {
        /// As they came.
        text: String,
        /// What they mean.
        spoken: Box<Spoken>,
    },
    /// End and start again.
    Restart,
    /// Take up another model or adapter.
    Model {
        /// Id of the catalogue or path; `None`: the one in use.
        model: Option<String>,
        /// Id of the catalogue, path, or `none`; `None`: the one in use, or `none` with another
        /// model.
        adapter: Option<String>,
    },
    /// Take a release.
    Update {
        /// Its id; `None`: look now for what a rollout offers.
        release: Option<String>,
    },
    /// A person says yes.
    Approve {
        /// Id of what waits.
        approval: String,
    },
    /// A person says no.
    Deny {
        /// Id of what waits.
        approval: String,
    },
    /// A person says whether a decision was good, for those who teach models.
    Rate {
        /// The decision's id.
        decision: String,
        /// It was.
        good: bool,
    },
}

/// An answer of the model in the cloud. Only the place of an option is taken from its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudAnswer {
    /// The option that it names, from 0; `None`: it names none.
    pub option: Option<usize>,
    /// Tokens that were read and written, as its server counts them.
    pub tokens: Option<(u32, u32)>,
}

/// Why there is no answer of the model in the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudFailure {
    /// In words.
    pub text: String,
    /// It may have cost what was set aside: the question may have arrived.
    pub cost: bool,
    /// The time was over.
    pub late: bool,
    /// So long the server wants to be left alone.
    pub wait: Option<Duration>,
}

/// State of the mind, the word of the status topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MindWord {
    /// The configuration has no `[mind]`, or the board is spared.
    Off,
    /// The process starts or the model is being read.
    Loading,
    /// It answers.
    Ready,
    /// There is no model file.
    Missing,
    /// There is one and it cannot be used.
    Failed,
}

impl MindWord {
    /// The word itself.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            MindWord::Off => "off",
            MindWord::Loading => "loading",
            MindWord::Ready => "ready",
            MindWord::Missing => "missing",
            MindWord::Failed => "failed",
        }
    }
}

/// News of the mind.
#[derive(Clone, Debug, PartialEq)]
pub enum MindNews {
    /// It changed its state.
    State {
        /// The new one.
        word: MindWord,
        /// Model id, or the reason of a failure.
        text: String,
        /// Checksum of the model that is ready; empty otherwise.
        sha256: String,
        /// The adapter in force, or `none`.
        adapter: String,
    },
    /// It answered a question.
    Scores {
        /// The question's id.
        id: u64,
        /// Probability of each candidate of the question, in its order.
        p: Vec<f64>,
        /// Tokens read for it.
        tokens: u32,
        /// How long it took, in milliseconds.
        ms: f64,
    },
    /// It answered the questions about a note.
    Read {
        /// The question's id.
        id: u64,
        /// Of each question, in their order: probability of each of its candidates.
        answers: Vec<Vec<f64>>,
    },
    /// It will not answer this question.
    Lost {
        /// The question's id.
        id: u64,
    },
}

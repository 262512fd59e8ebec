//! The agent's side of the mind: starts `outpost mind`, asks it, and starts it again when it dies.
//!
//! [`spawn`] starts one task that owns the child. The agent never waits for it: it asks by
//! [`MindHandle::decide`], which returns at once, and hears by [`MindEvent`]s. What a death of the
//! child costs is the requests in flight ([`MindEvent::Lost`]); it is started again after a pause
//! that grows. A model file that is missing or was refused is looked at every few seconds, and
//! loaded when it appears or changes.
//!
//! The child ends when its socket closes, so it does not outlive the agent, however that ended;
//! the agent's end of the socket is in no other child, since both ends are close-on-exec. What
//! must never be here: ggml, prompts, what to do with an answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use tokio::sync::{mpsc, watch};

use super::protocol::FailureKind;
pub use super::protocol::{
    Decide as DecideRequest, Decided, Embedded, MemoryReport, ModelFacts, Write as WriteRequest,
    Written,
};
use crate::limits;
use crate::pause::Pause;

mod child;
mod handle;
mod keeper;
mod life;
mod serve;
mod share;
mod stamp;
mod switch;
pub use handle::MindHandle;
use keeper::{Keeper, Stopped};
pub use share::Share;
pub(super) use stamp::FileStamp;
pub use switch::{Files, Names};

/// What to start, and with which model.
#[derive(Clone, Debug)]
pub struct MindConfig {
    /// The program: this one.
    pub program: PathBuf,
    /// Its arguments: `mind`.
    pub args: Vec<String>,
    /// Model and adapter.
    pub files: Files,
    /// Tokens of context.
    pub context_tokens: u32,
    /// Tokens that are worked on at once.
    pub ubatch_tokens: u32,
    /// Threads for a single token.
    pub threads_decode: u16,
    /// Threads for many tokens.
    pub threads_prefill: u16,
    /// Folder of prefixes that are kept over restarts.
    pub prefixes: Option<PathBuf>,
    /// Folder of merged copies, where an adapter is to be merged; else it is put on.
    pub merged: Option<PathBuf>,
    /// Copy the weights into the layout of the fastest kernels, for a second copy in memory.
    pub repack: bool,
}

/// What the agent hears of the mind.
#[derive(Clone, Debug, PartialEq)]
pub enum MindEvent {
    /// It is in another state now.
    State(MindState),
    /// Scores of a decision.
    Answer(Decided),
    /// One decision will have no scores; the next one may.
    Refused {
        /// Of the request.
        id: u64,
        /// For people.
        reason: String,
    },
    /// The process died with these in flight.
    Lost {
        /// Of the requests.
        ids: Vec<u64>,
        /// For people.
        reason: String,
    },
}

/// States of the mind; design §5 has their words in the status topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MindState {
    /// The process starts or reads its model.
    Loading,
    /// It answers.
    Ready(ModelFacts, String),
    /// The board is spared: there is no process until [`MindHandle::set_share`] allows one.
    Paused,
    /// There is no model file; it is loaded when it appears.
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It died, or refused its model; it is tried again after a pause, or when the file changes.
    Failed {
        /// For people.
        reason: String,
    },
}

impl MindState {
    /// Why there is no answer, in words; empty where there is one.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            MindState::Ready(..) => String::new(),
            MindState::Loading => "the model is still loading".to_owned(),
            MindState::Paused => "the mind pauses to spare the board".to_owned(),
            MindState::Missing { path } => format!("there is no file {}", path.display()),
            MindState::Failed { reason } => reason.clone(),
        }
    }
}

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mind does not take decision {id}: {reason}")]
pub struct Refusal {
    /// Of the request.
    pub id: u64,
    /// For people.
    pub reason: String,
}

impl From<Refusal> for MindEvent {
    fn from(Refusal { id, reason }: Refusal) -> Self {
        Self::Refused { id, reason }
    }
}

/// A request that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unanswered {
    /// What to do about it depends on this.
    pub kind: FailureKind,
    /// For people.
    pub reason: String,
}

impl Unanswered {
    fn new(kind: FailureKind, reason: &str) -> Self {
        Self { kind, reason: reason.to_owned() }
    }
}

/// A text as it comes.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteEvent {
    /// The next part of it.
    Piece(String),
    /// It is complete.
    Written(Written),
    /// It ends here, incomplete.
    Failed(Unanswered),
}

/// Starts the task that keeps a mind. It ends, and its child with it, when the last handle or the
/// events' receiver is dropped.
pub fn spawn(config: MindConfig, events: mpsc::Sender<MindEvent>) -> MindHandle {
    let (asks, queue) = mpsc::channel(limits::MIND_QUEUE_MAX);
    let process = Arc::new(AtomicU32::new(0));
    let full = Share::of(&config);
    let (share, shares) = watch::channel(full);
    let (said, state) = watch::channel(MindState::Loading);
    let (names, names_now) = watch::channel(config.names());
    let keeper = Keeper {
        config,
        events,
        asks: queue,
        process: Arc::clone(&process),
        pause: Pause::new(limits::MIND_RESTART_MS_MIN, limits::MIND_RESTART_MS_MAX),
        shares,
        said,
        names,
        trial: None,
    };
    tokio::spawn(async move {
        let Stopped = keeper.keep().await;
    });
    MindHandle { asks, process, share, full, state, names: names_now }
}

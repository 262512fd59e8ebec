//! The way to ask the mind, from the agent and from the API. It never waits for the child itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use super::switch::{Files, Names, Switch};
use super::{
    DecideRequest, Decided, Embedded, MemoryReport, MindState, Refusal, Share, Unanswered,
    WriteEvent, WriteRequest,
};
use crate::limits;
use crate::mind::protocol::FailureKind;

/// The way to ask. When the last one is dropped the child is stopped.
#[derive(Clone, Debug)]
pub struct MindHandle {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) process: Arc<AtomicU32>,
    pub(super) share: watch::Sender<Share>,
    pub(super) full: Share,
    pub(super) state: watch::Receiver<MindState>,
    pub(super) names: watch::Receiver<Names>,
}

/// What the keeper is asked.
#[derive(Debug)]
pub(super) enum Ask {
    Decide(DecideRequest),
    Cancel(u64),
    Memory(oneshot::Sender<MemoryReport>),
    /// A decision whose answer goes to who asked, not to the agent.
    Answer(DecideRequest, oneshot::Sender<Result<Decided, Unanswered>>),
    Write(WriteRequest, mpsc::Sender<WriteEvent>),
    /// A text of which a vector is made.
    Embed(String, oneshot::Sender<Result<Embedded, Unanswered>>),
    /// Other files in the place of those in use.
    Switch(Switch),
}

impl MindHandle {
    /// Asks for scores and returns at once. They come as an event of the mind, `Answer`, or the
    /// request's id in `Refused` or `Lost`.
    ///
    /// # Errors
    /// [`Refusal`] where [`limits::MIND_QUEUE_MAX`] requests wait already: no event follows.
    pub fn decide(&self, request: DecideRequest) -> Result<(), Refusal> {
        self.asks.try_send(Ask::Decide(request)).map_err(|error| {
            let (reason, ask) = match error {
                mpsc::error::TrySendError::Full(ask) => ("too many decisions wait already", ask),
                mpsc::error::TrySendError::Closed(ask) => ("it was stopped", ask),
            };
            let id = if let Ask::Decide(request) = ask { request.id } else { 0 };
            Refusal { id, reason: reason.to_owned() }
        })
    }

    /// Gives a decision up: it ends as refused, unless its answer was on the way already. `false`
    /// where too much waits to pass the wish on.
    #[must_use]
    pub fn cancel(&self, id: u64) -> bool {
        self.asks.try_send(Ask::Cancel(id)).is_ok()
    }

    /// Asks for scores and waits for them; the agent hears nothing of it.
    ///
    /// # Errors
    /// [`Unanswered`]: of kind [`FailureKind::Busy`] where too much waits already.
    pub async fn ask(&self, request: DecideRequest) -> Result<Decided, Unanswered> {
        let (answer, answered) = oneshot::channel();
        self.offer(Ask::Answer(request, answer))?;
        let died = |_| Unanswered::new(FailureKind::Engine, "the mind died");
        answered.await.map_err(died)?
    }

    /// Asks for the vector of a text and waits for it.
    ///
    /// # Errors
    /// [`Unanswered`], as [`MindHandle::ask`]; of kind [`FailureKind::Refused`] where the model
    /// makes none.
    pub async fn embed(&self, text: String) -> Result<Embedded, Unanswered> {
        let (answer, answered) = oneshot::channel();
        self.offer(Ask::Embed(text, answer))?;
        let died = |_| Unanswered::new(FailureKind::Engine, "the mind died");
        answered.await.map_err(died)?
    }

    /// Asks for a text, which comes in parts. When the receiver is dropped the text is given up;
    /// when it ends without [`WriteEvent::Written`] or [`WriteEvent::Failed`] the mind died.
    ///
    /// # Errors
    /// [`Unanswered`], as [`MindHandle::ask`].
    pub fn write(&self, request: WriteRequest) -> Result<mpsc::Receiver<WriteEvent>, Unanswered> {
        // Room for every token and the end, so that nobody waits for who reads.
        let parts = request.tokens_max.clamp(1, limits::MIND_WRITE_TOKENS_MAX) as usize + 2;
        let (parts, text) = mpsc::channel(parts);
        self.offer(Ask::Write(request, parts))?;
        Ok(text)
    }

    fn offer(&self, ask: Ask) -> Result<(), Unanswered> {
        self.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Unanswered::new(FailureKind::Busy, "too much waits for the mind already")
            }
            mpsc::error::TrySendError::Closed(_) => {
                Unanswered::new(FailureKind::Engine, "the mind was stopped")
            }
        })
    }

    /// Takes up another model or adapter: ends the child, starts one with these files and has it
    /// answer a question. Meanwhile nobody is answered. Waits for the end of that.
    ///
    /// # Errors
    /// A sentence for people; then the files that were in use come back.
    pub async fn switch(&self, files: Files) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let stopped = || "the mind was stopped".to_owned();
        self.asks.send(Ask::Switch(Switch { files, answer })).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Names of the files in use, or on trial.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names.borrow().clone()
    }

    /// Its state now.
    #[must_use]
    pub fn state(&self) -> MindState {
        self.state.borrow().clone()
    }

    /// Its states as they come.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<MindState> {
        self.state.clone()
    }

    /// Memory of the child; `None` where there is none to answer, or it dies first.
    pub async fn memory(&self) -> Option<MemoryReport> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask::Memory(answer)).await.ok()?;
        answered.await.ok()
    }

    /// What it may take where nothing is wrong.
    #[must_use]
    pub fn full_share(&self) -> Share {
        self.full
    }

    /// Gives it another share. Where that differs the child is ended and, unless it is to pause,
    /// started again: some seconds without a mind, once in a long while.
    pub fn set_share(&self, share: Share) {
        self.share.send_if_modified(|old| std::mem::replace(old, share) != share);
    }

    /// The child's process id, while there is one.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        Some(self.process.load(Ordering::Relaxed)).filter(|id| *id != 0)
    }
}

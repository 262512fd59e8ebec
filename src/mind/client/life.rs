//! A child and what it owes us: who waits for which reply, and until when.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::child::Child;
use super::{
    DecideRequest, Decided, Embedded, MemoryReport, ModelFacts, Unanswered, WriteEvent,
    WriteRequest,
};
use crate::limits;
use crate::mind::protocol::{self, Embed, FailureKind, Request};

/// Where an answer goes that is not the agent's.
type Answer<T> = oneshot::Sender<Result<T, Unanswered>>;

/// What waits for a reply.
#[derive(Debug)]
pub(super) enum Asked {
    Load,
    /// A question to a model that is new.
    Trial,
    /// The agent's.
    Decide(u64),
    Memory(oneshot::Sender<MemoryReport>),
    /// Somebody else's decision.
    Answer(Answer<Decided>),
    /// A vector.
    Embed(Answer<Embedded>),
    /// A text, and the longest time for it.
    Write(mpsc::Sender<WriteEvent>, Duration),
    /// A text that nobody wants any more.
    GivenUp,
}

impl Asked {
    /// The agent's own number of its decision.
    pub(super) fn decision(&self) -> Option<u64> {
        if let Self::Decide(id) = self { Some(*id) } else { None }
    }
}

/// A child and what it owes us.
pub(super) struct Life {
    pub(super) child: Child,
    /// By the id in the frame, which is ours: the caller's own may repeat. With the time asked.
    pub(super) waiting: Vec<(u64, Asked, Instant)>,
    next_id: u64,
    /// Since when its model is loaded.
    pub(super) ready: Option<Instant>,
    /// Its kernels, once it has said hello.
    pub(super) hello: Option<String>,
    /// A new model that is loaded and has not answered yet.
    pub(super) loaded: Option<ModelFacts>,
}

impl Life {
    pub(super) fn new(child: Child) -> Self {
        Self { child, waiting: Vec::new(), next_id: 0, ready: None, hello: None, loaded: None }
    }

    /// Sends a request; the reason where it cannot be.
    pub(super) fn ask(
        &mut self,
        asked: Asked,
        request: impl FnOnce(u64) -> Request,
    ) -> Result<(), String> {
        self.next_id += 1;
        let frame = protocol::encode(&request(self.next_id)).map_err(|error| error.to_string())?;
        self.child.send(frame)?;
        self.waiting.push((self.next_id, asked, Instant::now()));
        Ok(())
    }

    /// Decisions in flight.
    pub(super) fn decisions(&self) -> usize {
        let one =
            |asked: &Asked| matches!(asked, Asked::Decide(_) | Asked::Answer(_) | Asked::Embed(_));
        self.waiting.iter().filter(|(_, asked, _)| one(asked)).count()
    }

    /// Asks for a decision of somebody else's.
    pub(super) fn ask_for(&mut self, request: DecideRequest, answer: Answer<Decided>) {
        let request = |wire| Request::Decide(DecideRequest { id: wire, ..request });
        self.for_others(request, answer, Asked::Answer);
    }

    /// Asks for a vector.
    pub(super) fn embed(&mut self, text: String, answer: Answer<Embedded>) {
        self.for_others(|id| Request::Embed(Embed { id, text }), answer, Asked::Embed);
    }

    /// Asks for somebody else than the agent, to whom half of the places are left.
    fn for_others<T>(
        &mut self,
        request: impl FnOnce(u64) -> Request,
        answer: Answer<T>,
        asked: impl FnOnce(Answer<T>) -> Asked,
    ) {
        let refuse = |answer: Answer<T>, kind, reason: &str| {
            answer.send(Err(Unanswered::new(kind, reason))).unwrap_or_else(drop);
        };
        if self.decisions() >= limits::MIND_QUEUE_MAX / 2 {
            return refuse(answer, FailureKind::Busy, "too many decisions wait already");
        }
        match self.frame(request) {
            Ok(()) => self.wait(asked(answer)),
            Err(reason) => refuse(answer, FailureKind::Refused, &reason),
        }
    }

    /// Asks for a text.
    pub(super) fn write(&mut self, request: WriteRequest, parts: mpsc::Sender<WriteEvent>) {
        let refuse = |kind, reason: &str| {
            let failed = WriteEvent::Failed(Unanswered::new(kind, reason));
            parts.try_send(failed).unwrap_or_default();
        };
        let one = |asked: &Asked| matches!(asked, Asked::Write(..) | Asked::GivenUp);
        let texts = self.waiting.iter().filter(|(_, asked, _)| one(asked)).count();
        if texts >= limits::MIND_WRITERS as usize + limits::MIND_WRITES_WAITING_MAX {
            return refuse(FailureKind::Busy, "too many texts wait already");
        }
        let within = Duration::from_millis(request.within_ms.into());
        match self.frame(|wire| Request::Write(WriteRequest { id: wire, ..request })) {
            Ok(()) => self.wait(Asked::Write(parts, within)),
            Err(reason) => refuse(FailureKind::Refused, &reason),
        }
    }

    fn frame(&mut self, request: impl FnOnce(u64) -> Request) -> Result<(), String> {
        self.next_id += 1;
        let frame = protocol::encode(&request(self.next_id)).map_err(|error| error.to_string())?;
        self.child.send(frame)
    }

    fn wait(&mut self, asked: Asked) {
        self.waiting.push((self.next_id, asked, Instant::now()));
    }

    /// Passes a part of a text on; where nobody wants it any more the text is given up.
    pub(super) fn piece(&mut self, wire: u64, text: &str) {
        let Some((_, asked, _)) = self.waiting.iter_mut().find(|(id, ..)| *id == wire) else {
            return;
        };
        let Asked::Write(parts, _) = asked else { return };
        if parts.try_send(WriteEvent::Piece(text.to_owned())).is_err() {
            *asked = Asked::GivenUp;
            self.cancel_wire(wire);
        }
    }

    /// Passes on that a decision is given up; without room for it the decision goes on.
    pub(super) fn cancel(&self, decision: u64) {
        let asked = |(_, asked, _): &&(u64, Asked, Instant)| asked.decision() == Some(decision);
        if let Some((wire, ..)) = self.waiting.iter().find(asked) {
            self.cancel_wire(*wire);
        }
    }

    fn cancel_wire(&self, id: u64) {
        if let Ok(frame) = protocol::encode(&Request::Cancel { id }) {
            self.child.send(frame).unwrap_or_default();
        }
    }

    /// When it counts as stuck.
    pub(super) fn deadline(&self) -> Instant {
        let load = Duration::from_millis(limits::MIND_LOAD_MS_MAX);
        let answer = Duration::from_millis(limits::MIND_ANSWER_MS_MAX);
        let longest = Duration::from_millis(limits::MIND_WRITE_MS_MAX.into());
        let waiting = self.waiting.iter().map(|(_, asked, since)| match asked {
            Asked::Load => *since + load,
            Asked::Trial
            | Asked::Decide(_)
            | Asked::Memory(_)
            | Asked::Answer(_)
            | Asked::Embed(_) => *since + answer,
            // The child gives it up by itself when its time is over.
            Asked::Write(_, within) => *since + *within + answer,
            Asked::GivenUp => *since + longest + answer,
        });
        let greeting = self.hello.is_none().then(|| self.child.started() + answer);
        // With nothing owed there is no deadline: a day is as good as any.
        let idle = Instant::now() + Duration::from_secs(86_400);
        waiting.chain(greeting).min().unwrap_or(idle)
    }
}

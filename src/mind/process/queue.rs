//! Requests that wait for the owner of the model: bounded, by priority, and to be given up.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;
use crate::mind::ggml::AbortFlag;
use crate::mind::protocol::Request;

/// A request in the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    pub request: Request,
    /// When it came.
    pub arrived: Instant,
    /// When its scores are of no use any more.
    pub due: Option<Instant>,
    order: u64,
}

#[derive(Default)]
struct Inner {
    waiting: Vec<Waiting>,
    next_order: u64,
    closed: bool,
    /// The decision that is being scored.
    in_hand: Option<u64>,
    /// Stops it; there while a model is loaded.
    abort: Option<AbortFlag>,
    /// Texts that are being written.
    writing: Vec<u64>,
    /// Of which nobody wants any more.
    given_up: Vec<u64>,
}

/// What the owner is to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// This.
    Request(Box<Waiting>),
    /// Nothing waits: go on with the texts in hand.
    Write,
    /// Nothing has come for a long time.
    Idle,
    /// The end.
    Closed,
}

/// What became of a wish to give a decision up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// It waited and was taken out; it is for the caller to say so.
    Waiting,
    /// It is being scored and is stopped; the owner says so.
    InHand,
    /// It is not here: answered, or never asked.
    Unknown,
}

/// The queue between the thread that reads and the one that owns the model.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Queue {
    /// What it guards is whole at any time, so a panic elsewhere does not close it.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request into the queue; gives it back where too many of its kind wait. One more than
    /// decisions: a load or a question about memory may wait beside them.
    pub(super) fn push(&self, request: Request) -> Result<(), Request> {
        let mut inner = self.lock();
        let write = is_write(&request);
        let most = if write { limits::MIND_WRITES_WAITING_MAX } else { limits::MIND_QUEUE_MAX + 1 };
        let alike = |waiting: &&Waiting| is_write(&waiting.request) == write;
        if inner.waiting.iter().filter(alike).count() >= most {
            return Err(request);
        }
        let within = match &request {
            Request::Decide(decide) if decide.within_ms > 0 => Some(decide.within_ms),
            _ => None,
        };
        let arrived = Instant::now();
        let due = within.map(|ms| arrived + Duration::from_millis(ms.into()));
        let order = inner.next_order;
        inner.next_order += 1;
        inner.waiting.push(Waiting { request, arrived, due, order });
        self.changed.notify_one();
        Ok(())
    }

    /// The next request: the highest priority, then the oldest; a text only where `room` is for
    /// it. Where nothing waits, a `busy` owner goes on writing and another one waits.
    pub(super) fn next(&self, busy: bool, room: bool) -> Next {
        let mut inner = self.lock();
        let patience = Duration::from_millis(limits::MIND_WRITER_IDLE_MS);
        loop {
            if inner.closed {
                return Next::Closed;
            }
            let allowed = |n: &usize| room || !is_write(&inner.waiting[*n].request);
            let next =
                (0..inner.waiting.len()).filter(allowed).min_by_key(|n| rank(&inner.waiting[*n]));
            if let Some(next) = next {
                let waiting = inner.waiting.remove(next);
                inner.in_hand = None;
                if let Request::Decide(decide) = &waiting.request {
                    inner.in_hand = Some(decide.id);
                }
                if let Request::Write(write) = &waiting.request {
                    inner.writing.push(write.id);
                }
                if let Some(abort) = &inner.abort {
                    abort.set(false);
                    abort.set_deadline(waiting.due);
                }
                return Next::Request(Box::new(waiting));
            }
            if busy {
                return Next::Write;
            }
            let waited = self.changed.wait_timeout(inner, patience);
            let (again, time) = waited.unwrap_or_else(PoisonError::into_inner);
            inner = again;
            if time.timed_out() && inner.waiting.is_empty() && !inner.closed {
                return Next::Idle;
            }
        }
    }

    /// A text is complete, or failed.
    pub(super) fn written(&self, id: u64) {
        let mut inner = self.lock();
        inner.writing.retain(|writing| *writing != id);
        inner.given_up.retain(|given_up| *given_up != id);
    }

    /// Forgets the texts in hand but this one, and returns them.
    pub(super) fn stop_writing(&self, but: Option<u64>) -> Vec<u64> {
        let mut inner = self.lock();
        inner.given_up.retain(|id| Some(*id) == but);
        let all = std::mem::take(&mut inner.writing);
        let (kept, gone) = all.into_iter().partition(|id| Some(*id) == but);
        inner.writing = kept;
        gone
    }

    /// Texts in hand that nobody wants any more.
    pub(super) fn given_up(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().given_up)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Gives a decision or a text up.
    pub(super) fn cancel(&self, id: u64) -> Cancelled {
        let mut inner = self.lock();
        let asked = |waiting: &Waiting| match &waiting.request {
            Request::Decide(decide) => decide.id == id,
            Request::Write(write) => write.id == id,
            _ => false,
        };
        if let Some(place) = inner.waiting.iter().position(asked) {
            inner.waiting.remove(place);
            return Cancelled::Waiting;
        }
        if inner.writing.contains(&id) {
            if !inner.given_up.contains(&id) {
                inner.given_up.push(id);
            }
            return Cancelled::InHand;
        }
        match &inner.abort {
            Some(abort) if inner.in_hand == Some(id) => {
                abort.set(true);
                Cancelled::InHand
            }
            _ => Cancelled::Unknown,
        }
    }

    /// The flag of the model that is loaded now.
    pub(super) fn set_abort(&self, abort: Option<AbortFlag>) {
        self.lock().abort = abort;
    }

    /// The decision in hand is done: from here on it cannot be given up.
    pub(super) fn done(&self) {
        let mut inner = self.lock();
        inner.in_hand = None;
        if let Some(abort) = &inner.abort {
            abort.set_deadline(None);
        }
    }

    /// Ends the owner, and what it has in hand.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        if let Some(abort) = &inner.abort {
            abort.set(true);
        }
        self.changed.notify_all();
    }
}

fn is_write(request: &Request) -> bool {
    matches!(request, Request::Write(_))
}

/// Least first: decisions before texts, each by priority. A load or a question about memory is
/// older than all of them.
fn rank(waiting: &Waiting) -> (u8, u8, u64) {
    match &waiting.request {
        Request::Decide(decide) => (1, u8::MAX - decide.priority, waiting.order),
        Request::Write(write) => (2, u8::MAX - write.priority, waiting.order),
        Request::Embed(_) => (1, u8::MAX - limits::MIND_PRIORITY_API, waiting.order),
        _ => (0, 0, waiting.order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mind::protocol::{Decide, Form, Prompt, Sampling, Write};

    fn decide(id: u64, priority: u8) -> Request {
        let (prefix, state, candidates) = (String::new(), String::new(), Vec::new());
        Request::Decide(Decide {
            id,
            prefix,
            state,
            candidates,
            by_notes: None,
            questions: Vec::new(),
            priority,
            within_ms: 0,
            adapter: None,
        })
    }

    fn next(queue: &Queue) -> Option<u64> {
        match queue.next(false, true) {
            Next::Request(waiting) => Some(crate::mind::process::id(&waiting.request)),
            _ => None,
        }
    }

    #[test]
    fn the_highest_priority_goes_first_and_then_the_oldest() {
        let queue = Queue::default();
        for (id, priority) in [(1, 1), (2, 5), (3, 5), (4, 0)] {
            assert!(queue.push(decide(id, priority)).is_ok());
        }
        let order: Vec<_> = (0..4).map(|_| next(&queue)).collect();
        assert_eq!(order, [Some(2), Some(3), Some(1), Some(4)]);
        queue.close();
        assert_eq!(next(&queue), None);
    }

    fn write(id: u64) -> Request {
        let prompt = Prompt::Text("p".to_owned());
        Request::Write(Write {
            id,
            prompt,
            form: Form::Free,
            sampling: Sampling::default(),
            stop: Vec::new(),
            tokens_max: 1,
            priority: 0,
            within_ms: 1000,
            adapter: None,
        })
    }

    #[test]
    fn decisions_go_before_texts_and_a_text_waits_for_room() {
        let queue = Queue::default();
        assert!(queue.push(write(1)).is_ok() && queue.push(decide(2, 0)).is_ok());
        assert_eq!(next(&queue), Some(2));
        assert!(matches!(queue.next(true, false), Next::Write));
        assert_eq!(next(&queue), Some(1));
        assert_eq!(queue.cancel(1), Cancelled::InHand);
        assert_eq!(queue.given_up(), [1]);
        queue.written(1);
        assert_eq!(queue.cancel(1), Cancelled::Unknown);
    }

    #[test]
    fn texts_that_wait_leave_decisions_their_places() {
        let queue = Queue::default();
        for id in 0..limits::MIND_WRITES_WAITING_MAX as u64 {
            assert!(queue.push(write(id)).is_ok());
        }
        assert!(queue.push(write(99)).is_err());
        assert!(queue.push(decide(100, 1)).is_ok());
    }

    #[test]
    fn a_full_queue_gives_the_request_back() {
        let queue = Queue::default();
        for id in 0..=limits::MIND_QUEUE_MAX as u64 {
            assert!(queue.push(decide(id, 1)).is_ok());
        }
        assert_eq!(queue.push(decide(99, 255)), Err(decide(99, 255)));
    }

    #[test]
    fn what_waits_is_taken_out_and_what_is_answered_is_unknown() {
        let queue = Queue::default();
        assert!(queue.push(decide(1, 1)).is_ok() && queue.push(decide(2, 1)).is_ok());
        assert_eq!(queue.cancel(2), Cancelled::Waiting);
        assert_eq!(queue.cancel(2), Cancelled::Unknown);
        assert_eq!(next(&queue), Some(1));
        queue.done();
        assert_eq!(queue.cancel(1), Cancelled::Unknown);
        assert!(queue.is_empty());
    }
}

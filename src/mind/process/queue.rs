//! Requests that wait for the owner of the model: bounded, by priority, and to be given up.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;
use crate::mind::ggml::AbortFlag;
use crate::mind::protocol::Request;

/// A request in the queue.
pub(super) struct Waiting {
    pub request: Request,
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

    /// Puts a request into the queue; gives it back where too many wait. One more than decisions:
    /// a load or a question about memory may wait beside them.
    pub(super) fn push(&self, request: Request) -> Result<(), Request> {
        let mut inner = self.lock();
        if inner.waiting.len() > limits::MIND_QUEUE_MAX {
            return Err(request);
        }
        let within = match &request {
            Request::Decide(decide) if decide.within_ms > 0 => Some(decide.within_ms),
            _ => None,
        };
        let due = within.map(|ms| Instant::now() + Duration::from_millis(ms.into()));
        let order = inner.next_order;
        inner.next_order += 1;
        inner.waiting.push(Waiting { request, due, order });
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next request: the highest priority, then the oldest. `None` once closed.
    pub(super) fn pop(&self) -> Option<Waiting> {
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return None;
            }
            let next = (0..inner.waiting.len()).min_by_key(|n| rank(&inner.waiting[*n]));
            if let Some(next) = next {
                let waiting = inner.waiting.remove(next);
                inner.in_hand = None;
                if let Request::Decide(decide) = &waiting.request {
                    inner.in_hand = Some(decide.id);
                }
                if let Some(abort) = &inner.abort {
                    abort.set(false);
                    abort.set_deadline(waiting.due);
                }
                return Some(waiting);
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Gives a decision up.
    pub(super) fn cancel(&self, id: u64) -> Cancelled {
        let mut inner = self.lock();
        let asked =
            |waiting: &Waiting| matches!(&waiting.request, Request::Decide(d) if d.id == id);
        if let Some(place) = inner.waiting.iter().position(asked) {
            inner.waiting.remove(place);
            return Cancelled::Waiting;
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

/// Least first. A load or a question about memory is older than all decisions.
fn rank(waiting: &Waiting) -> (u8, u64) {
    match &waiting.request {
        Request::Decide(decide) => (u8::MAX - decide.priority, waiting.order),
        _ => (0, waiting.order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mind::protocol::Decide;

    fn decide(id: u64, priority: u8) -> Request {
        let (prefix, state, candidates) = (String::new(), String::new(), Vec::new());
        Request::Decide(Decide { id, prefix, state, candidates, priority, within_ms: 0 })
    }

    fn next(queue: &Queue) -> Option<u64> {
        match queue.pop()?.request {
            Request::Decide(decide) => Some(decide.id),
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

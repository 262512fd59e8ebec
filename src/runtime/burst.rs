//! What a broker kept for us while we were away comes in one burst when we are back, and looks like
//! news. Here it is told apart: held back, the newest of each topic kept, until the end of the
//! burst is known. Pure: no link, no clock, no judgement of a value.
//!
//! The end is known by a message of our own: published once we are back, it comes to us behind all
//! that was queued before it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Tick;
use crate::limits;

/// A message that was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Out of the broker's memory of last words, not of its queue for us.
    pub retained: bool,
}

/// A burst that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// The newest of each topic, in the order in which they came.
    pub newest: Vec<Held>,
    /// The longest that any of them can have waited; `None`: nobody knows.
    pub age_max: Option<Duration>,
    /// Older ones that gave way.
    pub replaced: u64,
    /// Those that found no room.
    pub dropped: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// No connection, or none that is complete: what comes was queued.
    Away,
    /// Connected to a session that goes on: what comes before our own message was queued.
    Draining { until: Tick, sentinel: String },
    /// What comes is news.
    Live,
}

/// How long a connection may have been dead before anybody noticed: one and a half keep-alives.
fn unnoticed() -> Duration {
    Duration::from_secs(limits::KEEP_ALIVE_S) * 3 / 2
}

/// See the module.
#[derive(Debug)]
pub struct Queue {
    state: State,
    /// By topic and whether it was retained: order of its coming, payload.
    held: BTreeMap<(String, bool), (u64, Vec<u8>)>,
    order: u64,
    bytes: usize,
    replaced: u64,
    dropped: u64,
    /// How long we had been away at `since`; `None`: nobody knows.
    away: Option<Duration>,
    since: Tick,
}

impl Queue {
    /// At the start of a process that had not heard the bus for `away`.
    #[must_use]
    pub fn new(away: Option<Duration>, now: Tick) -> Queue {
        Queue {
            state: State::Away,
            held: BTreeMap::new(),
            order: 0,
            bytes: 0,
            replaced: 0,
            dropped: 0,
            away: away.map(|away| away + unnoticed()),
            since: now,
        }
    }

    /// Nothing can be sent yet.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.state == State::Away
    }

    /// The connection is lost.
    pub fn down(&mut self, now: Tick) {
        if self.state == State::Live {
            (self.away, self.since) = (Some(unnoticed()), now);
        }
        self.state = State::Away;
    }

    /// The connection is there. With `sentinel`, a message of our own is about to be published that
    /// ends the burst; without, the broker had no session of ours, and the burst is over.
    pub fn up(&mut self, sentinel: Option<String>, now: Tick) -> Option<Burst> {
        match sentinel {
            Some(sentinel) => {
                let until = now.after(Duration::from_millis(limits::BURST_MS_MAX));
                self.state = State::Draining { until, sentinel };
                None
            }
            None => Some(self.end(now)),
        }
    }

    /// Our own message is back, unless it is one of another time.
    pub fn returned(&mut self, payload: &[u8], now: Tick) -> Option<Burst> {
        let ours = match &self.state {
            State::Draining { sentinel, .. } => sentinel.as_bytes() == payload,
            State::Away | State::Live => false,
        };
        ours.then(|| self.end(now))
    }

    /// When it is over all the same.
    #[must_use]
    pub fn due(&self) -> Option<Tick> {
        match self.state {
            State::Draining { until, .. } => Some(until),
            State::Away | State::Live => None,
        }
    }

    /// It is over because our own message did not come back in time.
    pub fn overdue(&mut self, now: Tick) -> Option<Burst> {
        self.due().is_some_and(|due| due <= now).then(|| self.end(now))
    }

    /// Takes a message of a sensor or device; one that is news comes back at once.
    pub fn take(&mut self, message: Held) -> Option<Held> {
        if self.state == State::Live {
            return Some(message);
        }
        let Held { topic, payload, retained } = message;
        let key = (topic, retained);
        let before = self.held.remove(&key);
        if let Some((_, old)) = &before {
            self.bytes -= old.len();
            self.replaced += u64::from(!retained);
        }
        if self.bytes + payload.len() > limits::BURST_BYTES_MAX {
            self.dropped += 1;
            return None;
        }
        self.bytes += payload.len();
        self.order += 1;
        self.held.insert(key, (self.order, payload));
        None
    }

    fn end(&mut self, now: Tick) -> Burst {
        self.state = State::Live;
        self.bytes = 0;
        let mut held: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        held.sort_by_key(|(_, (order, _))| *order);
        let newest = held.into_iter().map(|((topic, retained), (_, payload))| Held {
            topic,
            payload,
            retained,
        });
        Burst {
            newest: newest.collect(),
            age_max: self.away.map(|away| away + now.since(self.since)),
            replaced: std::mem::take(&mut self.replaced),
            dropped: std::mem::take(&mut self.dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(topic: &str, payload: &str, retained: bool) -> Held {
        Held { topic: topic.into(), payload: payload.into(), retained }
    }

    fn at(seconds: u64) -> Tick {
        Tick(seconds * 1000)
    }

    #[test]
    fn the_newest_of_each_topic_is_kept_until_our_own_message_is_back() {
        let mut queue = Queue::new(Some(Duration::from_secs(5)), at(0));
        assert_eq!(queue.take(held("a", "1", false)), None, "before we are up");
        assert_eq!(queue.up(Some("x".into()), at(2)), None);
        for (topic, payload) in [("b", "1"), ("a", "2"), ("b", "2")] {
            assert_eq!(queue.take(held(topic, payload, false)), None);
        }
        assert_eq!(queue.take(held("b", "r", true)), None);
        assert_eq!(queue.returned(b"y", at(3)), None, "of another time");
        let burst = queue.returned(b"x", at(3)).unwrap();
        let newest = [held("a", "2", false), held("b", "2", false), held("b", "r", true)];
        assert_eq!(burst.newest, newest);
        assert_eq!((burst.replaced, burst.dropped), (2, 0));
        assert_eq!(burst.age_max, Some(Duration::from_secs(8) + unnoticed()));
        assert_eq!(queue.take(held("a", "3", false)), Some(held("a", "3", false)));
        assert_eq!(queue.due(), None);
    }

    #[test]
    fn a_new_session_has_no_queue_and_a_lost_sentinel_ends_by_time() {
        let mut queue = Queue::new(None, at(0));
        let burst = queue.up(None, at(1)).unwrap();
        assert_eq!(burst, Burst::default());
        queue.down(at(100));
        assert_eq!(queue.take(held("a", "1", false)), None);
        assert_eq!(queue.up(Some("x".into()), at(110)), None);
        assert_eq!(queue.overdue(at(110)), None);
        queue.down(at(111));
        assert_eq!(queue.up(Some("y".into()), at(112)), None);
        let due = queue.due().unwrap();
        let burst = queue.overdue(due).unwrap();
        assert_eq!(burst.newest, [held("a", "1", false)]);
        let away = due.since(at(100)) + unnoticed();
        assert_eq!(burst.age_max, Some(away), "since it was heard last, both breaks together");
    }

    #[test]
    fn what_is_held_is_bounded_in_bytes() {
        let mut queue = Queue::new(None, at(0));
        let large = "x".repeat(limits::BURST_BYTES_MAX / 2);
        for topic in ["a", "b", "c", "a"] {
            assert_eq!(queue.take(held(topic, &large, false)), None);
        }
        let burst = queue.up(None, at(1)).unwrap();
        let topics: Vec<_> = burst.newest.iter().map(|one| &*one.topic).collect();
        assert_eq!(topics, ["b", "a"]);
        assert_eq!((burst.replaced, burst.dropped), (1, 1));
    }
}

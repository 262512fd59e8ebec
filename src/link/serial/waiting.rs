//! What a line has heard and the loop has not taken yet: bounded, newest wins, at a bounded rate.
//! Pure: the caller brings the time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{LineEvent, WordKind};
use crate::limits::{SERIAL_WAITING_MAX, SERIAL_WORDS_PER_SECOND};

/// Events in their order; words among them are bounded in number and in rate.
pub(super) struct Waiting {
    events: VecDeque<LineEvent>,
    words: usize,
    /// Words that may go now, at most `SERIAL_WAITING_MAX`.
    allowance: f64,
    counted: Instant,
}

impl Waiting {
    pub(super) fn new(now: Instant) -> Waiting {
        let allowance = SERIAL_WAITING_MAX as f64;
        Waiting { events: VecDeque::new(), words: 0, allowance, counted: now }
    }

    /// Takes an event in; true where a word had to give way to it.
    pub(super) fn push(&mut self, event: LineEvent) -> bool {
        let mut replaced = false;
        if let LineEvent::Word { name, kind, .. } = &event {
            if self.words >= SERIAL_WAITING_MAX {
                self.make_room(*name, *kind);
                replaced = true;
            }
            self.words += 1;
        }
        self.events.push_back(event);
        replaced
    }

    /// The oldest word of the same name goes, or the oldest of all.
    fn make_room(&mut self, wanted: usize, of: WordKind) {
        let is_word = |event: &LineEvent| matches!(event, LineEvent::Word { .. });
        let same = |event: &LineEvent| match event {
            LineEvent::Word { name, kind, .. } => *name == wanted && *kind == of,
            _ => false,
        };
        let at = self.events.iter().position(same);
        if let Some(at) = at.or_else(|| self.events.iter().position(is_word)) {
            self.events.remove(at);
            self.words -= 1;
        }
    }

    /// Something waits that is no word.
    pub(super) fn has_news(&self) -> bool {
        self.events.len() > self.words
    }

    /// When the first event may go; `None`: nothing waits.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        let rate = f64::from(SERIAL_WORDS_PER_SECOND);
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.allowance = (self.allowance + passed * rate).min(SERIAL_WAITING_MAX as f64);
        self.counted = now;
        let held = matches!(self.events.front()?, LineEvent::Word { .. }) && self.allowance < 1.0;
        // Ten at a time: a timer for each would cost more than the word.
        let pause = Duration::from_secs_f64(10.0 / rate);
        Some(if held { now + pause } else { now })
    }

    /// The first event, which goes now.
    pub(super) fn pop(&mut self) -> Option<LineEvent> {
        let event = self.events.pop_front()?;
        if matches!(event, LineEvent::Word { .. }) {
            self.words -= 1;
            self.allowance -= 1.0;
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(name: usize, value: usize) -> LineEvent {
        let value = value.to_string();
        LineEvent::Word { line: 0, name, kind: WordKind::Reading, value }
    }

    #[test]
    fn at_the_bound_the_newest_of_each_name_wins_and_news_stay() {
        let mut waiting = Waiting::new(Instant::now());
        assert!(!waiting.push(word(7, 0)));
        assert!(!waiting.push(LineEvent::Up { line: 0 }));
        for value in 1..SERIAL_WAITING_MAX {
            assert!(!waiting.push(word(1, value)));
        }
        for value in 0..1000 {
            assert!(waiting.push(word(1, 10_000 + value)));
        }
        assert!(waiting.push(word(9, 1)), "nobody of that name: the oldest of all");
        let left: Vec<_> = std::iter::from_fn(|| waiting.pop()).collect();
        assert_eq!(left.len(), SERIAL_WAITING_MAX + 1);
        assert_eq!(left[0], LineEvent::Up { line: 0 });
        assert_eq!(left[left.len() - 2..], [word(1, 10_999), word(9, 1)]);
        assert!(waiting.pop().is_none() && !waiting.has_news());
    }

    #[test]
    fn words_go_at_once_until_the_burst_is_used_and_then_at_the_rate() {
        let mut now = Instant::now();
        let mut waiting = Waiting::new(now);
        let mut gone = 0;
        let began = now;
        while now.duration_since(began) < Duration::from_secs(10) {
            waiting.push(word(0, gone));
            match waiting.due(now).expect("one waits") {
                due if due <= now => {
                    assert!(waiting.pop().is_some());
                    gone += 1;
                }
                due => now = due,
            }
        }
        let most = SERIAL_WAITING_MAX + 10 * SERIAL_WORDS_PER_SECOND as usize;
        assert!((most - 20..=most + 20).contains(&gone), "{gone} of {most}");
        waiting.push(LineEvent::Lost { token: 1 });
        while waiting.pop() != Some(LineEvent::Lost { token: 1 }) {}
        assert_eq!(waiting.due(now), None);
    }
}

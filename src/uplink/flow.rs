//! What of the journal is on its way to one destination, and what that has acknowledged. Pure: no
//! socket, no clock of its own, no disk.
//!
//! A new line is probed with one record; then as much is on its way as the line takes within a few
//! seconds. Whatever is doubtful (a break, silence, a word of the receiver that brings nothing new)
//! ends in a probe: its answer says what the receiver has, so that next to nothing is sent twice.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::CloudAck;
use crate::limits::{
    UPLINK_IN_FLIGHT_MAX, UPLINK_PROBE_MS_MAX, UPLINK_PROBE_MS_MIN, UPLINK_QUICK_MS,
    UPLINK_STALL_MS, UPLINK_WINDOW_BYTES_MAX, UPLINK_WINDOW_BYTES_MIN,
};

/// A place in the journal, as a receiver names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sequence.
    pub seq: u64,
    /// The start of the agent that made the record there.
    pub boot: u64,
}

/// A batch that is on its way.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Name of the message at the link.
    pub token: u64,
    /// The last sequence that it covers.
    pub last: Place,
    /// Its length on the line.
    pub bytes: usize,
    /// When it was handed over.
    pub at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no line.
    Down,
    /// The next batch is a probe.
    New,
    /// A probe is on its way, or its answer.
    Probing {
        number: u32,
        token: u64,
        since: Instant,
    },
    Open,
}

/// What the caller has to do about a word of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is taken in.
    Done,
    /// The receiver has more than was sent on this line: where the journal has this place, say so
    /// by [`Flow::jump`].
    Ahead(Place),
}

/// The way of one destination.
#[derive(Debug)]
pub struct Flow {
    ack: CloudAck,
    phase: Phase,
    /// Everything up to here is acknowledged, or not meant for this destination.
    cursor: u64,
    /// Everything up to here was looked at.
    read_to: u64,
    sent: VecDeque<(Sent, bool)>,
    window_bytes: usize,
    /// The number of the last probe: any will do that the line has not seen lately.
    last_probe: u32,
    /// The first number since the line was last open: an answer to any probe from there on counts.
    first_probe: Option<u32>,
    /// The shortest time from sending to acknowledgement on this line.
    best: Option<Duration>,
    probe_wait: Duration,
    /// The last step of the receiver.
    progress: Instant,
}

impl Flow {
    /// Begins after a sequence; `probe` is any number, another one at each start.
    #[must_use]
    pub fn new(ack: CloudAck, cursor: u64, probe: u32, now: Instant) -> Flow {
        Flow {
            ack,
            phase: Phase::Down,
            cursor,
            read_to: cursor,
            sent: VecDeque::new(),
            window_bytes: UPLINK_WINDOW_BYTES_MIN,
            last_probe: probe,
            first_probe: None,
            best: None,
            probe_wait: Duration::from_millis(UPLINK_PROBE_MS_MIN),
            progress: now,
        }
    }

    /// Everything up to here is acknowledged.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Everything up to here was looked at.
    #[must_use]
    pub fn read_to(&self) -> u64 {
        self.read_to
    }

    /// The sequence after which the next batch begins.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.sent.back().map_or(self.cursor, |(sent, _)| sent.last.seq)
    }

    /// The line is there and its probe was answered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// There is a line.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.phase != Phase::Down
    }

    /// Something was sent on this line whose acknowledgement may still come.
    #[must_use]
    pub fn awaits(&self) -> bool {
        self.is_up() && !self.sent.is_empty()
    }

    /// Bytes that may be sent now; none: nothing may. One batch may be larger where nothing is on
    /// its way.
    #[must_use]
    pub fn room(&self) -> Option<usize> {
        match self.phase {
            Phase::New => Some(self.window_bytes),
            Phase::Open if self.sent.len() < UPLINK_IN_FLIGHT_MAX => {
                let out: usize = self.sent.iter().map(|(sent, _)| sent.bytes).sum();
                let left = self.window_bytes.saturating_sub(out);
                (left > 0).then_some(left)
            }
            _ => None,
        }
    }

    /// The next batch is a probe: one record.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.phase == Phase::New
    }

    /// The number that the next probe asks back; 0 where a PUBACK is all that is asked.
    pub fn next_probe(&mut self) -> u32 {
        match self.ack {
            CloudAck::Broker => 0,
            CloudAck::Receiver => {
                self.last_probe = self.last_probe.wrapping_add(1).max(1);
                self.first_probe.get_or_insert(self.last_probe);
                self.last_probe
            }
        }
    }

    /// A batch was handed to the link.
    pub fn sent(&mut self, sent: Sent) {
        if self.phase == Phase::New {
            let (number, token, since) = (self.last_probe, sent.token, sent.at);
            self.phase = Phase::Probing { number, token, since };
        }
        if self.sent.is_empty() {
            self.progress = sent.at;
        }
        self.read_to = self.read_to.max(sent.last.seq);
        self.sent.push_back((sent, false));
    }

    /// What lies before this sequence was looked at and is not meant for this destination.
    pub fn skipped(&mut self, to: u64) {
        self.read_to = self.read_to.max(to);
        if self.sent.is_empty() {
            self.cursor = self.read_to;
        }
    }

    /// A line is there.
    pub fn up(&mut self) {
        self.probe_wait = Duration::from_millis(UPLINK_PROBE_MS_MIN);
        self.window_bytes = UPLINK_WINDOW_BYTES_MIN;
        self.best = None;
        self.first_probe = None;
        self.forget();
        self.phase = Phase::New;
    }

    /// The line is gone, and what was on it is doubtful.
    pub fn down(&mut self) {
        self.forget();
        self.phase = Phase::Down;
    }

    /// From the cursor on, with a probe: what is on its way is doubtful, or a record is left out.
    pub fn begin_again(&mut self) {
        self.forget();
        if self.phase == Phase::Open {
            self.first_probe = None;
        }
        if self.phase != Phase::Down {
            self.phase = Phase::New;
        }
    }

    /// The link gives a batch back.
    pub fn given_back(&mut self, token: u64) {
        // One of an earlier line is no news.
        if self.sent.iter().any(|(sent, _)| sent.token == token) {
            self.begin_again();
        }
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.read_to = self.cursor;
    }

    /// The broker has a batch (PUBACK).
    pub fn broker_has(&mut self, token: u64, now: Instant) {
        let Some((sent, has)) = self.sent.iter_mut().find(|(sent, _)| sent.token == token) else {
            return;
        };
        *has = true;
        if self.ack == CloudAck::Receiver {
            return;
        }
        let took = now.saturating_duration_since(sent.at);
        self.adapt(took);
        self.progress = now;
        while let Some((sent, true)) = self.sent.front() {
            let last = sent.last.seq;
            self.advance(last);
        }
        if matches!(self.phase, Phase::Probing { token: probe, .. } if probe == token) {
            self.open();
        }
    }

    /// The receiver has everything up to a place. `answers` is the probe that it speaks to, where
    /// it says so; `retained` where the broker had kept the word.
    pub fn receiver_has(
        &mut self,
        place: Place,
        answers: Option<u32>,
        retained: bool,
        now: Instant,
    ) -> Said {
        if self.ack == CloudAck::Broker {
            return Said::Done;
        }
        match self.phase {
            Phase::Down | Phase::New => Said::Done,
            Phase::Probing { number, .. } => {
                // Whoever does not say the number can only be taken at its word about the record.
                let plain = answers.is_none() && !retained && self.is_sent(place);
                if !plain && !answers.is_some_and(|it| self.is_asked(it, number)) {
                    return Said::Done;
                }
                self.progress = now;
                if !self.is_sent(place) && place.seq > self.after() {
                    return Said::Ahead(place);
                }
                self.take(place, now);
                // An answer without the record opens nothing: time will probe again.
                if self.sent.is_empty() {
                    self.open();
                }
                Said::Done
            }
            Phase::Open if retained => Said::Done,
            Phase::Open => {
                let before = self.cursor;
                self.take(place, now);
                if self.cursor > before {
                    self.progress = now;
                } else if !self.sent.is_empty() {
                    // Said again: it misses what comes next, or has begun anew.
                    self.begin_again();
                }
                Said::Done
            }
        }
    }

    /// The journal has the place that a receiver spoke of in answer to the probe, or has it not.
    pub fn jump(&mut self, place: Place, is_there: bool) {
        if is_there && place.seq > self.cursor {
            self.sent.clear();
            self.cursor = place.seq;
            self.read_to = place.seq;
        } else if let Some((sent, _)) = self.sent.back() {
            let last = sent.last.seq;
            self.advance(last);
        }
        self.open();
    }

    fn open(&mut self) {
        self.phase = Phase::Open;
        self.probe_wait = Duration::from_millis(UPLINK_PROBE_MS_MIN);
    }

    /// An answer to one of the probes from `first_probe` to `number`.
    fn is_asked(&self, answer: u32, number: u32) -> bool {
        let first = self.first_probe.unwrap_or(number);
        number.wrapping_sub(answer) <= number.wrapping_sub(first)
    }

    fn is_sent(&self, place: Place) -> bool {
        self.sent.iter().any(|(sent, _)| sent.last == place)
    }

    fn take(&mut self, place: Place, now: Instant) {
        if !self.is_sent(place) {
            return;
        }
        let sent = self.sent.iter().find(|(sent, _)| sent.last == place);
        let took = sent.map(|(sent, _)| now.saturating_duration_since(sent.at));
        self.adapt(took.unwrap_or_default());
        self.advance(place.seq);
    }

    /// Everything that was sent up to a sequence is acknowledged.
    fn advance(&mut self, to: u64) {
        while self.sent.front().is_some_and(|(sent, _)| sent.last.seq <= to) {
            self.sent.pop_front();
        }
        self.cursor = self.cursor.max(to);
        if self.sent.is_empty() {
            self.cursor = self.cursor.max(self.read_to);
        }
    }

    /// More may be on its way where a batch took hardly longer than the line's own time.
    fn adapt(&mut self, took: Duration) {
        let quick = Duration::from_millis(UPLINK_QUICK_MS);
        let best = self.best.map_or(took, |best| best.min(took));
        self.best = Some(best);
        let out: usize = self.sent.iter().map(|(sent, _)| sent.bytes).sum();
        if took <= best + quick {
            // What was never tried proves nothing.
            if out * 2 >= self.window_bytes {
                self.window_bytes = (self.window_bytes * 2).min(UPLINK_WINDOW_BYTES_MAX);
            }
        } else if took > best + quick * 4 {
            self.window_bytes = (self.window_bytes / 2).max(UPLINK_WINDOW_BYTES_MIN);
        }
    }

    /// When time alone changes something.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Down | Phase::New => None,
            // A PUBACK is the link's own to watch.
            _ if self.ack == CloudAck::Broker => None,
            Phase::Probing { since, .. } => Some(since + self.probe_wait),
            Phase::Open if self.sent.is_empty() => None,
            Phase::Open => Some(self.progress + Duration::from_millis(UPLINK_STALL_MS)),
        }
    }

    /// Time has passed: a probe without an answer is sent again, ever more slowly, and so is one
    /// where the receiver has fallen silent.
    pub fn wait_is_over(&mut self, now: Instant) {
        if self.due().is_none_or(|due| now < due) {
            return;
        }
        if matches!(self.phase, Phase::Probing { .. }) {
            let longest = Duration::from_millis(UPLINK_PROBE_MS_MAX);
            self.probe_wait = (self.probe_wait * 2).min(longest);
        }
        self.begin_again();
    }
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;

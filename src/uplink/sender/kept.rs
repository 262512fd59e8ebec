//! What a destination writes down and tells: cursor, quarantine, bytes of the day, backlog. Nothing
//! is sent here.

use std::time::Duration;

use tokio::time::Instant;

use super::Sender;
use crate::clock::ClockTrust;
use crate::limits::{
    UPLINK_BACKLOG_MS, UPLINK_CURSOR_MS_MAX, UPLINK_CURSOR_MS_MIN, UPLINK_CURSOR_RECORDS,
};
use crate::uplink::notes::Notes;

/// What was written down last, and when.
pub(super) struct Kept {
    pub(super) cursor: u64,
    pub(super) cursor_at: Instant,
    pub(super) spent: u64,
    pub(super) notes: Notes,
    pub(super) backlog: u64,
    pub(super) backlog_at: Instant,
}

impl Kept {
    /// As an earlier start left it.
    pub(super) fn at_start(cursor: u64, notes: Notes, now: Instant) -> Kept {
        let spent = notes.spent.bytes;
        Kept { cursor, cursor_at: now, spent, notes, backlog: 0, backlog_at: now }
    }
}

impl Sender {
    /// Writes down what is to outlive a start, and tells how much there is to do.
    pub(super) fn keep(&mut self, now: Instant) {
        let cursor = self.flow.cursor();
        let moved = cursor.saturating_sub(self.kept.cursor);
        let waited = now.saturating_duration_since(self.kept.cursor_at);
        let ms = Duration::from_millis;
        let soon = moved >= UPLINK_CURSOR_RECORDS && waited >= ms(UPLINK_CURSOR_MS_MIN);
        if moved > 0 && (soon || waited >= ms(UPLINK_CURSOR_MS_MAX)) {
            self.common.cursors.moved(&self.cloud.name, cursor);
            (self.kept.cursor, self.kept.cursor_at) = (cursor, now);
        }
        let spent = self.budget.spent().bytes;
        if self.budget.step().is_some_and(|step| spent.abs_diff(self.kept.spent) >= step) {
            self.write_notes();
        }
        let told = now.saturating_duration_since(self.kept.backlog_at);
        if self.backlog() != self.kept.backlog && told >= ms(UPLINK_BACKLOG_MS) {
            self.tell_backlog(now);
        }
    }

    pub(super) fn tell_backlog(&mut self, now: Instant) {
        (self.kept.backlog, self.kept.backlog_at) = (self.backlog(), now);
        self.common.backlog.set(self.place, self.kept.backlog);
        let some = self.kept.backlog > 0;
        let waiting = some.then(|| self.source.waiting(self.flow.cursor())).flatten();
        let waiting = waiting.map(|waiting| (waiting.bytes, waiting.oldest_unix_ms));
        self.meters.waits(waiting);
    }

    pub(super) fn write_notes(&mut self) {
        self.notes.spent = self.budget.spent();
        self.kept.spent = self.notes.spent.bytes;
        if self.notes != self.kept.notes {
            self.notes.write(&Notes::path(&self.common.folder, &self.cloud.name));
            self.kept.notes.clone_from(&self.notes);
        }
    }

    /// One of the destination's hours. Where nobody knows the time it is: a board that never learns
    /// it would never send.
    pub(super) fn is_its_time(&self) -> bool {
        let now = self.common.clock.now();
        if self.cloud.hours.is_empty() || now.trust != ClockTrust::Synced {
            return true;
        }
        let Ok(at) = jiff::Timestamp::from_millisecond(now.unix_ms) else { return true };
        let local = at.to_zoned_datetime(self.common.zone.clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        self.cloud.hours.iter().any(|span| within(*span, minute))
    }
}

/// A minute of the day in a span that may go over midnight.
fn within((from, to): (u16, u16), minute: i32) -> bool {
    let (from, to) = (i32::from(from), i32::from(to));
    if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_may_go_over_midnight() {
        let night = (22 * 60, 6 * 60);
        let in_it = |minute| within(night, minute);
        assert!(in_it(22 * 60) && in_it(0) && in_it(6 * 60 - 1));
        assert!(!in_it(6 * 60) && !in_it(12 * 60) && !in_it(22 * 60 - 1));
        assert!(within((60, 120), 119) && !within((60, 120), 120));
    }
}

//! What a destination writes down and tells: cursor, quarantine, bytes of the day, backlog. Nothing
//! is sent here.

use std::time::Duration;

use tokio::time::Instant;

use super::Sender;
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
    }

    pub(super) fn write_notes(&mut self) {
        self.notes.spent = self.budget.spent();
        self.kept.spent = self.notes.spent.bytes;
        if self.notes != self.kept.notes {
            self.notes.write(&Notes::path(&self.common.folder, &self.cloud.name));
            self.kept.notes.clone_from(&self.notes);
        }
    }
}

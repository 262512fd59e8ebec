//! What every destination keeps, however its records go: cursor, quarantine, bytes of the day,
//! backlog, what gathers. Nothing is sent here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::notes::Notes;
use super::source::{Chunk, FaultKind, Source, Wanted};
use super::thread::{Common, Notice};
use crate::clock::{ClockTrust, hours};
use crate::config::Cloud;
use crate::domain::Severity;
use crate::journal::Record;
use crate::limits::{
    UPLINK_BACKLOG_MS, UPLINK_BATCH_BYTES_MAX, UPLINK_BATCH_RECORDS_LEAST, UPLINK_BUDGET_LOOK_MS,
    UPLINK_CURSOR_MS_MAX, UPLINK_CURSOR_MS_MIN, UPLINK_CURSOR_RECORDS, UPLINK_READ_FAULTS_MAX,
    UPLINK_READ_FILE_FAULTS_MAX, UPLINK_RETRY_MS, UPLINK_RETRY_MS_MAX,
};
use crate::metrics::DestinationMeters;
use crate::pause::Pause;

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

/// Looks at the journal that saw less than there is.
struct Unread {
    /// Looks in a row with a fault of the same kind.
    looks: u32,
    kind: FaultKind,
    /// What was stored at the first of them.
    stored: u64,
    pause: Pause,
    /// A person knows.
    is_said: bool,
}

/// The book of a destination.
pub(super) struct Book {
    pub(super) common: Arc<Common>,
    /// Of the destination, in the configuration.
    pub(super) place: usize,
    pub(super) cloud: Cloud,
    pub(super) wanted: Wanted,
    pub(super) source: Source,
    pub(super) notes: Notes,
    pub(super) budget: Budget,
    pub(super) kept: Kept,
    /// The last sequence that is stored.
    pub(super) stored: u64,
    /// When what has gathered goes.
    pub(super) gathered: Option<Instant>,
    /// Nothing is read before.
    pub(super) not_before: Option<Instant>,
    /// The day's budget is spent, or it is not its time.
    pub(super) is_held: bool,
    unread: Option<Unread>,
    pub(super) meters: DestinationMeters,
}

impl Book {
    /// As an earlier start left it.
    pub(super) fn open(
        common: Arc<Common>,
        place: usize,
        cloud: Cloud,
        cursor: u64,
        meters: DestinationMeters,
    ) -> Book {
        let notes = Notes::read(&Notes::path(&common.folder, &cloud.name));
        meters.quarantined.inc_by(notes.quarantine.len() as u64 + notes.forgotten);
        Book {
            place,
            wanted: Wanted::of(&cloud),
            source: Source::new(common.folder.clone()),
            budget: Budget::new(cloud.budget_bytes, notes.spent),
            kept: Kept::at_start(cursor, notes.clone(), Instant::now()),
            notes,
            stored: common.stored_before.max(cursor),
            gathered: None,
            not_before: None,
            is_held: false,
            unread: None,
            cloud,
            common,
            meters,
        }
    }

    /// What was read up to `read_to` may be followed by more: enough waits, or long enough, or it
    /// was on its way before.
    pub(super) fn has_gathered(&mut self, read_to: u64, again: bool, now: Instant) -> bool {
        let waiting = self.stored.saturating_sub(read_to);
        if waiting == 0 {
            self.gathered = None;
            return false;
        }
        let delay = self.cloud.delay;
        let due = *self.gathered.get_or_insert_with(|| now + delay);
        again || due <= now || waiting >= u64::from(self.cloud.batch_records)
    }

    /// A message of so many bytes has to be made smaller: no day's budget has room for it, or a
    /// part of it that is worth its head may go in what is left of today's.
    pub(super) fn is_too_large(&mut self, bytes: usize, records: usize) -> bool {
        self.look_at_the_day();
        let splits = records >= 2 * UPLINK_BATCH_RECORDS_LEAST;
        !self.budget.ever_allows(bytes) || (splits && !self.budget.allows(bytes, false))
    }

    /// A record that is larger than any message may be.
    pub(super) fn refuse_large(&mut self, record: &Record, bytes: usize) {
        let text = match self.budget.ever_allows(bytes) {
            true => format!("{bytes} bytes, a message takes {UPLINK_BATCH_BYTES_MAX}"),
            false => format!("{bytes} bytes, more than the budget of a day"),
        };
        self.refuse(record, &text);
    }

    /// A message of so many bytes has to wait: for the day's budget, or for its hours.
    pub(super) fn must_wait(&mut self, bytes: usize, now: Instant) -> bool {
        self.look_at_the_day();
        self.is_held = !self.budget.allows(bytes, false) || !self.is_its_time();
        if self.is_held {
            self.not_before = Some(now + Duration::from_millis(UPLINK_BUDGET_LOOK_MS));
        }
        self.is_held
    }

    /// When the cursor is to be written down, or the backlog told, next.
    pub(super) fn due(&self, cursor: u64) -> Instant {
        let ms = Duration::from_millis;
        let mut due = Instant::now() + ms(UPLINK_CURSOR_MS_MAX);
        let moved = cursor.saturating_sub(self.kept.cursor);
        if moved > 0 {
            let wait = match moved >= UPLINK_CURSOR_RECORDS {
                true => UPLINK_CURSOR_MS_MIN,
                false => UPLINK_CURSOR_MS_MAX,
            };
            due = due.min(self.kept.cursor_at + ms(wait));
        }
        if self.backlog(cursor) != self.kept.backlog {
            due = due.min(self.kept.backlog_at + ms(UPLINK_BACKLOG_MS));
        }
        due
    }

    /// Sets what the page of metrics shows.
    pub(super) fn show(&self, cursor: u64, is_up: bool) {
        self.meters.at(cursor, self.backlog(cursor));
        self.meters.connected.set(i64::from(is_up));
        self.meters.held.set(i64::from(self.is_held));
    }

    /// The last words to the journal.
    pub(super) fn close(&mut self, cursor: u64) {
        self.common.cursors.moved(&self.cloud.name, cursor);
        self.write_notes();
    }

    /// A person should know.
    pub(super) fn say(&self, text: String, severity: Severity) {
        tracing::warn!(destination = self.cloud.name, "{text}");
        // Full: others wait to be read, and the log has it.
        self.common.notices.try_send(Notice { text, severity }).ok();
    }

    /// A journal that cannot be read is read again until it can. Only what is damaged for good is
    /// passed over, and said.
    pub(super) fn without_fault(&mut self, chunk: Chunk, now: Instant) -> Option<Chunk> {
        let Some(fault) = chunk.fault.clone() else {
            self.unread = None;
            return Some(chunk);
        };
        tracing::warn!(fault.text, destination = self.cloud.name, "the journal cannot be read");
        let looks = self.note_unread(&fault.kind);
        let wait = match (fault.kind, &mut self.unread) {
            (FaultKind::Damaged, _) if looks >= UPLINK_READ_FAULTS_MAX => {
                self.unread = None;
                let (name, text) = (&self.cloud.name, fault.text);
                let text = format!("records that cannot be read are not sent to {name}: {text}");
                self.say(text, Severity::Alarm);
                return Some(chunk);
            }
            (FaultKind::File(file), Some(unread))
                if looks >= UPLINK_READ_FILE_FAULTS_MAX && self.stored > unread.stored =>
            {
                // The disk takes records meanwhile: it is there, and this part of it is not.
                self.source.give_up(file);
                Duration::ZERO
            }
            (FaultKind::Away | FaultKind::File(_), Some(unread)) => {
                let wait = unread.pause.after_failure();
                if looks >= UPLINK_READ_FAULTS_MAX && !std::mem::replace(&mut unread.is_said, true)
                {
                    let (name, text) = (&self.cloud.name, fault.text);
                    let text = format!("the journal cannot be read, {name} waits for it: {text}");
                    self.say(text, Severity::Alarm);
                }
                wait
            }
            _ => Duration::from_millis(UPLINK_RETRY_MS),
        };
        self.not_before = Some(now + wait);
        None
    }

    /// One more look with a fault; gives how many of its kind there were in a row.
    fn note_unread(&mut self, kind: &FaultKind) -> u32 {
        let stored = self.stored;
        let unread = self.unread.get_or_insert_with(|| Unread {
            looks: 0,
            kind: kind.clone(),
            stored,
            pause: Pause::new(UPLINK_RETRY_MS, UPLINK_RETRY_MS_MAX),
            is_said: false,
        });
        if unread.kind != *kind {
            (unread.looks, unread.kind, unread.stored) = (0, kind.clone(), stored);
        }
        unread.looks = unread.looks.saturating_add(1);
        unread.looks
    }

    /// A trusted clock may begin a new day of the budget.
    pub(super) fn look_at_the_day(&mut self) {
        let now = self.common.clock.now();
        if now.trust == ClockTrust::Synced {
            self.budget.today(now.unix_ms);
        }
    }

    /// A record that the destination will never take goes into quarantine, and is named.
    pub(super) fn refuse(&mut self, record: &Record, reason: &str) {
        let kind = record.kind.word();
        let (name, seq) = (&self.cloud.name, record.seq);
        let text = format!("record {seq} ({kind}) is not taken by {name}: {reason}");
        self.notes.refuse(seq, kind, reason);
        self.meters.quarantined.inc();
        self.write_notes();
        self.say(text, Severity::Warning);
    }

    /// Records after a cursor.
    pub(super) fn backlog(&self, cursor: u64) -> u64 {
        self.stored.saturating_sub(cursor)
    }

    /// Writes down what is to outlive a start, and tells how much there is to do.
    pub(super) fn keep(&mut self, cursor: u64, now: Instant) {
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
        if self.backlog(cursor) != self.kept.backlog && told >= ms(UPLINK_BACKLOG_MS) {
            self.tell_backlog(cursor, now);
        }
    }

    /// Tells how much waits.
    pub(super) fn tell_backlog(&mut self, cursor: u64, now: Instant) {
        (self.kept.backlog, self.kept.backlog_at) = (self.backlog(cursor), now);
        self.common.backlog.set(self.place, self.kept.backlog);
        let some = self.kept.backlog > 0;
        let waiting = some.then(|| self.source.waiting(cursor)).flatten();
        let waiting = waiting.map(|waiting| (waiting.bytes, waiting.oldest_unix_ms));
        self.meters.waits(waiting);
    }

    /// Writes the notes down, where they are not the ones on the disk.
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
        hours::in_zone(&self.cloud.hours, &self.common.zone, self.common.clock.now())
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;

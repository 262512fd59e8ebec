//! One destination that answers each request, at work: reads, packs, asks, and moves its cursor by
//! the answer. One request at a time, so that the answer always speaks of the next records.
//!
//! A range that was asked once is asked again with the same name until it is there, over restarts
//! too: where the name is the key, a repeat overwrites itself. What never happens here: a cursor
//! that passes records which the destination has not said to have.

use std::path::Path;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use super::alarms::Alarms;
use super::batch::AuditHead;
use super::book::Book;
use super::flow::Place;
use super::notes::Range;
use super::routes::Routes;
use super::source::Chunk;
use super::thread::Wakers;
use crate::config;
use crate::domain::Severity;
use crate::journal::Record;
use crate::limits::{
    UPLINK_LAST_ACK_MS_MAX, UPLINK_REQUEST_MS_MAX, UPLINK_REQUEST_PAUSE_MS_MAX,
    UPLINK_REQUEST_PAUSE_MS_MIN, UPLINK_SLOW_REQUESTS, UPLINK_TRIALS_MAX,
};
use crate::pause::Pause;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    /// Whose records.
    pub(super) device: String,
    /// All after one sequence that are wanted, up to and with another.
    pub(super) range: Range,
    /// A copy of alarms that overtakes the backlog; they come again in their place.
    pub(super) ahead: bool,
    /// The newest link of the audit's hash chain.
    pub(super) audit: Option<AuditHead>,
}

/// Why a destination does not have what it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no line, or it is busy: the same again later.
    Line(String),
    /// It asks for patience, perhaps for so long.
    Busy(String, Option<Duration>),
    /// It answers, and will go on saying no until a person has changed something.
    Wrong(String),
    /// It will never take one of these records.
    Batch(String),
}

/// What is wrong with a key of the configuration.
pub(super) fn wrong(key: &str, what: impl std::fmt::Display) -> Refusal {
    Refusal::Wrong(format!("`{key}`: {what}"))
}

/// A file that a key names and that cannot be read.
fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> Refusal {
    wrong(key, format!("{}: {error}", path.display()))
}

/// The secret of `password_file`.
pub(super) fn secret(path: &Path) -> Result<String, Refusal> {
    config::secret(path).map_err(|error| unreadable("password_file", path, &error))
}

/// The authorities of `ca_file`, as PEM.
pub(super) fn authorities(path: &Path) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path).map_err(|error| unreadable("ca_file", path, &error))
}

/// What takes parcels.
pub(super) trait Depot: Send {
    /// The bodies of a parcel's requests, in their order.
    fn pack(&mut self, parcel: &Parcel, records: &[Record]) -> Vec<Vec<u8>>;

    /// Sends them; `Ok` only where it is kept there. Given up in the middle it may be there or not.
    fn put(
        &mut self,
        parcel: &Parcel,
        requests: Vec<Vec<u8>>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// A destination.
pub(super) struct Poster<D> {
    book: Book,
    depot: D,
    alarms: Alarms,
    routes: Routes,
    cursor: u64,
    /// Everything up to here was stored before the start: it need not gather again.
    seen_to: u64,
    next_token: u64,
    pause: Pause,
    /// The last request failed.
    has_failed: bool,
    /// The last request was answered well.
    is_up: bool,
    /// A person was told that it says no.
    has_complained: bool,
    /// Most records of the next parcel: fewer while one is searched that is not taken, and on a
    /// slow line.
    most: usize,
    /// Requests in a row that the line did not get through in time.
    slow: u32,
    /// Longest time of a request.
    longest: Duration,
}

impl<D: Depot> Poster<D> {
    pub(super) fn new(book: Book, depot: D, cursor: u64) -> Poster<D> {
        // A range only begins where everything before it is there.
        let begun = book.notes.going.map_or(0, |going| going.after);
        let mut alarms = Alarms::default();
        alarms.look();
        Poster {
            depot,
            alarms,
            routes: Routes::new(),
            cursor: cursor.max(begun),
            seen_to: book.common.stored_before,
            next_token: 0,
            pause: Pause::new(UPLINK_REQUEST_PAUSE_MS_MIN, UPLINK_REQUEST_PAUSE_MS_MAX),
            has_failed: false,
            is_up: false,
            has_complained: false,
            most: most_records(&book),
            slow: 0,
            longest: Duration::from_millis(UPLINK_REQUEST_MS_MAX),
            book,
        }
    }

    /// Works until closing is asked; a request that is on its way then has a moment to end.
    pub(super) async fn run(mut self, mut wakers: Wakers) {
        let mut closing = wakers.closing.clone();
        let grace = async move {
            // An error says that the handle is gone: that is closing too.
            closing.wait_for(|is_closing| *is_closing).await.map(drop).ok();
            sleep(Duration::from_millis(UPLINK_LAST_ACK_MS_MAX)).await;
        };
        tokio::select! {
            biased;
            () = self.work(&mut wakers) => {}
            () = grace => {}
        }
        self.book.close(self.cursor);
    }

    async fn work(&mut self, wakers: &mut Wakers) {
        while !*wakers.closing.borrow_and_update() {
            self.alarms.made(*wakers.urgent.borrow_and_update());
            self.note_stored(*wakers.stored.borrow_and_update());
            let more = self.turn(Instant::now()).await;
            self.book.keep(self.cursor, Instant::now());
            self.book.show(self.cursor, self.is_up);
            if more {
                // The other destinations have their turn between two looks at the journal.
                yield_now().await;
                continue;
            }
            let due = self.due();
            tokio::select! {
                biased;
                changed = wakers.closing.changed() => {
                    // The handle is gone.
                    if changed.is_err() {
                        return;
                    }
                }
                Ok(()) = wakers.urgent.changed() => {}
                Ok(()) = wakers.stored.changed() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// An alarm that is stored does not gather.
    fn note_stored(&mut self, stored: u64) {
        self.book.stored = self.book.stored.max(stored);
        if self.alarms.stored(self.book.stored) {
            self.book.gathered = Some(Instant::now());
        }
    }

    fn due(&self) -> Instant {
        let mut due = self.book.due(self.cursor);
        if self.has_failed {
            due = due.min(self.routes.due());
        }
        if self.book.backlog(self.cursor) > 0 {
            // Both at once: nothing is read before the later.
            let waits = [self.book.gathered, self.book.not_before].into_iter().flatten().max();
            due = waits.map_or(due, |at| due.min(at));
        }
        due
    }

    /// True where more can be done at once.
    async fn turn(&mut self, now: Instant) -> bool {
        let hurry = self.has_failed && self.routes.have_changed(now);
        if hurry || self.book.not_before.is_some_and(|at| at <= now) {
            self.book.not_before = None;
        }
        self.send_alarms().await;
        self.send_next(now).await
    }

    async fn send_next(&mut self, now: Instant) -> bool {
        let going =
            self.book.notes.going.filter(|it| it.after == self.cursor && it.last > it.after);
        let again = going.is_some() || self.cursor < self.seen_to;
        if self.book.not_before.is_some() || !self.book.has_gathered(self.cursor, again, now) {
            return false;
        }
        let (wanted, notes) = (&self.book.wanted, &self.book.notes);
        let takes = |record: &Record| wanted.takes(record) && !notes.refuses(record.seq);
        let chunk = self.book.source.read(self.cursor, self.most, takes);
        let Some(chunk) = self.book.without_fault(chunk, now) else { return false };
        let chunk = as_before(chunk, going);
        let Some(last) = chunk.last else { return false };
        self.book.gathered = chunk.full.then_some(now);
        if chunk.records.is_empty() {
            self.cursor = self.cursor.max(last.seq);
            return chunk.full;
        }
        let range = Range { after: self.cursor, last: last.seq, boot: last.boot };
        self.send(range, chunk, now).await
    }

    async fn send(&mut self, range: Range, chunk: Chunk, now: Instant) -> bool {
        let parcel = Parcel { range, ahead: false, audit: chunk.audit, device: self.device() };
        let requests = self.depot.pack(&parcel, &chunk.records);
        let bytes = length(&requests);
        if self.book.is_too_large(bytes, chunk.records.len()) {
            match &chunk.records[..] {
                [record] => self.book.refuse_large(record, bytes),
                records => self.halve(records),
            }
            return true;
        }
        if self.book.must_wait(bytes, now) {
            self.alarms.look();
            self.send_alarms().await;
            return false;
        }
        self.book.notes.going = Some(range);
        self.book.write_notes();
        let began = Instant::now();
        let answer = self.put(&parcel, requests).await;
        let took = began.elapsed();
        match answer {
            Ok(()) => {
                self.cursor = range.last;
                self.slow = 0;
                // Twice as many take twice as long, and must be there in time.
                if took <= self.longest / 4 {
                    self.most = self.most.saturating_mul(2).min(most_records(&self.book));
                }
                true
            }
            Err(Refusal::Batch(reason)) => self.is_not_taken(&chunk.records, reason).await,
            Err(refusal @ Refusal::Line(_)) if took >= self.longest / 2 => {
                self.is_refused(refusal);
                self.is_slow(&chunk.records);
                false
            }
            Err(refusal) => {
                self.is_refused(refusal);
                false
            }
        }
    }

    /// The line did not get these through in time. Once may be chance; then fewer are tried.
    fn is_slow(&mut self, records: &[Record]) {
        self.slow += 1;
        if self.slow >= UPLINK_SLOW_REQUESTS && records.len() > 1 {
            self.slow = 0;
            self.halve(records);
        }
    }

    /// The next parcel has half of these records, under a name of its own.
    fn halve(&mut self, records: &[Record]) {
        self.book.notes.going = None;
        self.book.gathered = Some(Instant::now());
        self.most = (records.len() / 2).max(1);
    }

    /// One of these will never be taken: the search goes on in a half of them, from their
    /// beginning. True where more can be done at once.
    async fn is_not_taken(&mut self, records: &[Record], reason: String) -> bool {
        self.halve(records);
        let [record] = records else { return true };
        match self.takes_another(record.seq).await {
            Ok(true) => {
                self.book.refuse(record, &reason);
                true
            }
            // It may be anything but the record: nothing passes until another one is taken.
            Ok(false) => {
                self.is_refused(Refusal::Wrong(format!("no record is taken: {reason}")));
                false
            }
            Err(refusal) => {
                self.is_refused(refusal);
                false
            }
        }
    }

    /// Whether one of the next records is taken where this one is not: a copy of it is sent.
    async fn takes_another(&mut self, seq: u64) -> Result<bool, Refusal> {
        let takes = |record: &Record| self.book.wanted.takes(record);
        let others = self.book.source.read(seq, UPLINK_TRIALS_MAX, takes).records;
        for other in others.into_iter().take(UPLINK_TRIALS_MAX) {
            let parcel = self.copy_of(std::slice::from_ref(&other));
            let requests = self.depot.pack(&parcel, std::slice::from_ref(&other));
            match self.put(&parcel, requests).await {
                Ok(()) => return Ok(true),
                Err(Refusal::Batch(_)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(false)
    }

    /// The parcel of records that come again in their place.
    fn copy_of(&self, records: &[Record]) -> Parcel {
        let first = records.first().map_or(0, |record| record.seq);
        let last = records.last().map_or((0, 0), |record| (record.seq, record.boot));
        let range = Range { after: first.saturating_sub(1), last: last.0, boot: last.1 };
        Parcel { range, ahead: true, audit: None, device: self.device() }
    }

    /// Alarms that stand behind more than a batch overtake it, and so do those that the budget
    /// would keep waiting.
    async fn send_alarms(&mut self) {
        let behind = self.book.backlog(self.cursor) > u64::from(self.book.cloud.batch_records);
        let pauses = self.has_failed && self.book.not_before.is_some();
        if pauses || !(behind || self.book.is_held) {
            return;
        }
        let Some(from) = self.alarms.search_from(self.cursor) else { return };
        let found = self.book.source.alarms(from);
        self.alarms.searched(self.book.stored, self.cursor);
        let is_new = |record: &Record| {
            self.book.wanted.takes(record)
                && !self.book.notes.refuses(record.seq)
                && !self.alarms.is_done(record.seq)
        };
        let records: Vec<_> = found.into_iter().filter(is_new).collect();
        if records.is_empty() {
            return;
        }
        let parcel = self.copy_of(&records);
        let requests = self.depot.pack(&parcel, &records);
        self.book.look_at_the_day();
        if !self.book.budget.allows(length(&requests), true) {
            return;
        }
        self.next_token += 1;
        let token = self.next_token;
        self.alarms.sent(token, records.iter().map(|record| record.seq).collect());
        match self.put(&parcel, requests).await {
            // What is not taken is searched for in its place.
            Ok(()) | Err(Refusal::Batch(_)) => drop(self.alarms.arrived(token)),
            Err(refusal) => {
                self.alarms.given_back(token);
                self.is_refused(refusal);
            }
        }
    }

    fn device(&self) -> String {
        self.book.common.device.to_string()
    }

    async fn put(&mut self, parcel: &Parcel, requests: Vec<Vec<u8>>) -> Result<(), Refusal> {
        let length = length(&requests);
        self.book.budget.spend(length);
        self.book.meters.batches.inc();
        self.book.meters.bytes.inc_by(length as u64);
        self.depot.put(parcel, requests).await?;
        (self.has_failed, self.is_up, self.has_complained) = (false, true, false);
        self.pause.begin_again();
        Ok(())
    }

    fn is_refused(&mut self, refusal: Refusal) {
        self.is_up = false;
        self.has_failed = true;
        let asked = match &refusal {
            Refusal::Busy(_, Some(asked)) => {
                (*asked).min(Duration::from_millis(UPLINK_REQUEST_PAUSE_MS_MAX))
            }
            _ => Duration::ZERO,
        };
        self.book.not_before = Some(Instant::now() + self.pause.after_failure().max(asked));
        let name = &self.book.cloud.name;
        match refusal {
            Refusal::Wrong(text) if !self.has_complained => {
                self.has_complained = true;
                self.book.say(format!("destination {name}: {text}"), Severity::Warning);
            }
            Refusal::Wrong(text)
            | Refusal::Line(text)
            | Refusal::Busy(text, _)
            | Refusal::Batch(text) => {
                tracing::info!(destination = name, "not sent: {text}");
            }
        }
    }
}

fn most_records(book: &Book) -> usize {
    usize::try_from(book.cloud.batch_records).unwrap_or(usize::MAX)
}

fn length(requests: &[Vec<u8>]) -> usize {
    requests.iter().map(Vec::len).sum()
}

/// The same records as when the range was asked first, where the journal still gives them.
fn as_before(mut chunk: Chunk, going: Option<Range>) -> Chunk {
    if let Some(going) = going
        && chunk.last.is_some_and(|last| last.seq > going.last)
    {
        chunk.records.retain(|record| record.seq <= going.last);
        chunk.last = Some(Place { seq: going.last, boot: going.boot });
        chunk.full = true;
    }
    chunk
}

#[cfg(test)]
#[path = "poster_tests.rs"]
mod tests;

//! The one writer thread: group commit, memory while the disk fails, words about what was lost.
//!
//! Callers hand over batches and never wait for the disk. A batch is on disk when
//! [`JournalEvent::Stored`] names its last sequence; until then it is in memory, bounded in bytes.
//! At the bound readings are dropped, oldest first, and one record names the range. Nothing here
//! panics into the agent: a panic of the store is a failure like any other.

mod cursors;
mod pending;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::record::Record;
use super::store::{JournalError, Options, Restored, Store, StoreBackend};
use crate::limits::{
    JOURNAL_COMMIT_BYTES, JOURNAL_COMMIT_DELAY_MS, JOURNAL_RETRY_MS_MAX, JOURNAL_RETRY_MS_MIN,
};
use crate::metrics::JournalMeters;
pub use cursors::Cursors;
use cursors::Moved;
use pending::{Batch, Pending};

/// What the writer tells the agent. Called on the writer's thread: it must not wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEvent {
    /// Every record up to this sequence that was taken is on disk.
    Stored {
        /// The last sequence of the commit.
        upto: u64,
    },
    /// Commits fail; records are kept in memory. Sent once a spell of failure.
    Failing {
        /// Why, in one line.
        reason: String,
    },
    /// Commits work again.
    Recovered {
        /// The range in which records were given up, where any were.
        dropped: Option<(u64, u64)>,
    },
    /// A damaged database was set aside while running; the journal goes on in a new one.
    Damaged {
        /// What was found and what became of it.
        found: String,
    },
    /// Something that a person should know: space that runs short, or is back.
    Notice {
        /// A sentence.
        text: String,
    },
}

/// Where the events go.
pub type Listener = Box<dyn Fn(JournalEvent) + Send>;

/// The batch was not taken: what is no reading fills the memory while the disk fails. The range is
/// named in a record once the disk works. Whoever needs the record on disk before it acts must not
/// act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal's memory is full while its disk fails")]
pub struct Full;

/// A running journal. Dropping it is the same as [`Journal::close`].
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    meters: JournalMeters,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the writer: something urgent, a full batch, the first record, the end.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    pending: Pending,
    /// When the oldest waiting record came.
    since: Option<Instant>,
    urgent: bool,
    closing: bool,
    /// What destinations have acknowledged, on its way to the disk.
    cursors: Moved,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing is half done inside: a poisoned queue is a whole queue.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the folder's journal and starts its writer.
///
/// # Errors
/// As [`Store::open`]: the folder is in use or cannot be made, or the disk refuses. A damaged
/// database is not an error.
pub fn open(
    folder: &Path,
    options: Options,
    listener: Listener,
) -> Result<(Journal, Restored), JournalError> {
    let (store, restored) = Store::open(folder, options)?;
    let started = Journal::start(Box::new(store), restored.next_seq, listener);
    let journal = started.map_err(|source| JournalError::File {
        path: folder.to_owned(),
        action: "given a writer thread",
        source,
    })?;
    Ok((journal, restored))
}

impl Journal {
    /// Starts the writer on a store whose next sequence is `next_seq`; [`open`] is the usual way.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        store: Box<dyn StoreBackend>,
        next_seq: u64,
        listener: Listener,
    ) -> std::io::Result<Journal> {
        let shared = Arc::new(Shared::default());
        let meters = JournalMeters::default();
        let mut writer = Writer {
            meters: meters.clone(),
            shared: Arc::clone(&shared),
            store,
            listener,
            in_hand: Batch::default(),
            next_seq,
            failure: None,
            upkeep_due: true,
        };
        let thread =
            std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
        Ok(Journal { shared, thread: Some(thread), meters })
    }

    /// Hands over records, in strictly increasing sequence; `urgent` commits them at once. Never
    /// waits for the disk.
    ///
    /// # Errors
    /// [`Full`] where records that are no readings fill the memory.
    pub fn append(&self, batch: Vec<Record>, urgent: bool) -> Result<(), Full> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut queue = self.shared.lock();
        let taken = queue.pending.push(batch);
        let first = queue.since.is_none();
        queue.since.get_or_insert_with(Instant::now);
        queue.urgent |= urgent;
        let wake = first || urgent || queue.pending.bytes() >= JOURNAL_COMMIT_BYTES;
        drop(queue);
        if wake {
            self.shared.wake.notify_one();
        }
        taken
    }

    /// Where the destinations' cursors are put; it outlives the journal and then does nothing.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        Cursors::new(Arc::clone(&self.shared))
    }

    /// What the writer counts.
    #[must_use]
    pub fn meters(&self) -> JournalMeters {
        self.meters.clone()
    }

    /// Commits what is waiting, marks a clean stop and ends the writer. Where the disk fails it is
    /// tried once; what could not be stored is said through the listener and the log.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer ended in a panic");
        }
    }
}

/// A spell of failing commits.
struct Failure {
    retry_at: Instant,
    wait: Duration,
    error: JournalError,
}

struct Writer {
    shared: Arc<Shared>,
    store: Box<dyn StoreBackend>,
    listener: Listener,
    /// Taken from the queue, not yet on disk.
    in_hand: Batch,
    /// The sequence after the last one on disk.
    next_seq: u64,
    failure: Option<Failure>,
    upkeep_due: bool,
    meters: JournalMeters,
}

/// Why the writer stopped waiting.
#[derive(PartialEq, Eq)]
enum Wake {
    Commit,
    Upkeep,
    Close,
}

impl Writer {
    fn run(&mut self) {
        loop {
            let wake = self.wait();
            // A panic of the store or the listener must not end the journal. What was in hand is
            // still in hand; the store is opened again by `recover`.
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(&wake)));
            let turn = turn.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
            if let Err(error) = turn {
                let failed = catch_unwind(AssertUnwindSafe(|| self.fail(error)));
                if failed.is_err() {
                    tracing::error!("the journal's listener panicked");
                }
            }
            let lost = self.store.lost();
            self.meters.lost_by_reserve.inc_by(lost.by_reserve);
            self.meters.lost_by_quota.inc_by(lost.by_quota);
            self.meters.lost_by_age.inc_by(lost.by_age);
            if wake == Wake::Close {
                return;
            }
        }
    }

    /// Waits for something to do. While commits fail, only time and the end wake it.
    fn wait(&self) -> Wake {
        let mut queue = self.shared.lock();
        loop {
            if queue.closing {
                return Wake::Close;
            }
            let until = if let Some(failure) = &self.failure {
                Some(failure.retry_at)
            } else if queue.urgent
                || queue.pending.bytes() >= JOURNAL_COMMIT_BYTES
                || !queue.cursors.is_empty()
            {
                return Wake::Commit;
            } else if self.upkeep_due {
                return Wake::Upkeep;
            } else {
                let delay = Duration::from_millis(JOURNAL_COMMIT_DELAY_MS);
                queue.since.map(|since| since + delay)
            };
            let Some(until) = until else {
                queue = self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wake::Commit;
            }
            let woken = self.shared.wake.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn turn(&mut self, wake: &Wake) -> Result<(), JournalError> {
        if *wake != Wake::Upkeep {
            self.take();
            self.commit()?;
            self.write_cursors()?;
        }
        if *wake == Wake::Close {
            return self.store.close();
        }
        if self.upkeep_due {
            // One bounded step a turn: commits come first.
            self.upkeep_due = match self.store.upkeep() {
                Ok(more) => more,
                Err(error) if error.is_damage() => return Err(error),
                Err(error) => {
                    // Commits go on; it is tried again after the next one.
                    tracing::warn!(error = error.chain(), "old records not given up");
                    false
                }
            };
            for text in self.store.notices() {
                (self.listener)(JournalEvent::Notice { text });
            }
        }
        Ok(())
    }

    fn take(&mut self) {
        let mut queue = self.shared.lock();
        self.in_hand = queue.pending.take();
        queue.since = None;
        queue.urgent = false;
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if let Some(failure) = self.failure.take() {
            let recovered = self.store.recover(&failure.error, self.next_seq);
            self.failure = Some(failure);
            if let Some(found) = recovered? {
                (self.listener)(JournalEvent::Damaged { found });
            }
        }
        let records = self.in_hand.records();
        self.store.commit(records)?;
        if !records.is_empty() {
            self.meters.commits.inc();
            self.meters.records.inc_by(records.len() as u64);
        }
        self.meters.failing.set(0);
        self.meters.lost_by_memory.inc_by(self.in_hand.lost());
        let upto = records.last().map(|record| record.seq);
        self.next_seq = upto.map_or(self.next_seq, |upto| upto.saturating_add(1));
        let dropped = self.in_hand.dropped();
        self.in_hand = Batch::default();
        self.shared.lock().pending.stored();
        self.upkeep_due = true;
        if self.failure.take().is_some() || dropped.is_some() {
            (self.listener)(JournalEvent::Recovered { dropped });
        }
        if let Some(upto) = upto {
            (self.listener)(JournalEvent::Stored { upto });
        }
        Ok(())
    }

    /// Where the disk refuses they wait, as records do.
    fn write_cursors(&mut self) -> Result<(), JournalError> {
        let moved = std::mem::take(&mut self.shared.lock().cursors);
        if moved.is_empty() {
            return Ok(());
        }
        let written = self.store.set_cursors(&moved.seqs, moved.all.as_deref());
        if written.is_err() {
            self.shared.lock().cursors.put_back(moved);
        }
        written
    }

    fn fail(&mut self, error: JournalError) {
        self.meters.failures.inc();
        self.meters.failing.set(1);
        self.shared.lock().pending.put_back(std::mem::take(&mut self.in_hand));
        let first_ms = Duration::from_millis(JOURNAL_RETRY_MS_MIN);
        let last_ms = Duration::from_millis(JOURNAL_RETRY_MS_MAX);
        let known = self.failure.take();
        // A damaged file is set aside at once: waiting makes it no better.
        let wait = match &known {
            None if error.is_damage() => Duration::ZERO,
            None => first_ms,
            Some(failure) => (failure.wait * 2).clamp(first_ms, last_ms),
        };
        let reason = error.chain();
        self.failure = Some(Failure { retry_at: Instant::now() + wait, wait, error });
        if known.is_none() {
            tracing::error!(reason, "journal not written, records are kept in memory");
            (self.listener)(JournalEvent::Failing { reason });
        }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> JournalError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    JournalError::Panicked { text: text.unwrap_or_else(|| "no words".to_owned()) }
}

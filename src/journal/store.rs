//! The SQLite file behind the writer: opening, committing, closing.
//!
//! One connection, one thread, one folder (a lock keeps a second agent out). The order that makes a
//! record durable is SQLite's own: WAL with `synchronous=FULL`, one sync a commit. Side tables are
//! changed in the same transaction as the records that they follow from, so a start reads some
//! small tables and never the whole journal. A damaged file is set aside, never repaired in place.

mod damage;
mod files;
mod quota;
mod restore;
mod schema;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};

use super::DATABASE;
use super::record::{Kind, Record, trust_code};
use crate::clock::ClockTrust;
use crate::domain::{Entry, Setting, StepState};
use crate::limits::{
    JOURNAL_FLOOR_STEP_MS, JOURNAL_FORGET_CHANGES, JOURNAL_QUOTA_BYTES_MIN, JOURNAL_SEQ_RESERVE,
};

pub(super) use restore::record_of;
pub use restore::{Restored, StoredCommand, StoredSend, StoredStep};
pub(super) use schema::open_immutable;

/// What the configuration says about the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of the database and its write-ahead log; files set aside are not counted.
    /// Below `JOURNAL_QUOTA_BYTES_MIN` it counts as that.
    pub quota_bytes: u64,
}

/// Why the journal cannot be opened, written or read. Each names the file and the act.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder is not there and cannot be made.
    #[error("journal folder {}: cannot be created", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another agent writes there. Two writers would break the sequence.
    #[error(
        "journal folder {}: in use by another agent (process {holder}); give this one a folder \
         of its own under [journal] path",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Process id that the holder wrote, or `unknown`.
        holder: String,
    },
    /// A small file beside the database failed: the lock or the reserved sequence.
    #[error("{}: cannot be {action}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused; [`JournalError::is_damage`] tells a bad file from a bad disk.
    #[error("{}: {action} failed", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The store panicked; the records are still in memory.
    #[error("the journal's store panicked: {text}")]
    Panicked {
        /// The panic's words.
        text: String,
    },
    /// The file is not a journal of ours.
    #[error("{}: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
}

impl JournalError {
    /// True where the file is at fault and a new one would do: set it aside.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            JournalError::Foreign { .. } => true,
            JournalError::Database { source, .. } => damage::is_damage(source),
            _ => false,
        }
    }

    /// True where there is no room: on the disk, or under the quota.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, JournalError::Database { source, .. }
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }

    /// The error and its causes in one line, for events and log lines.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// What the writer asks of its store: the seam where tests put a failing disk.
pub trait StoreBackend: Send {
    /// Makes a batch durable, all or nothing. Doing it again with the same batch changes nothing.
    ///
    /// # Errors
    /// Where SQLite or the disk refused. Nothing of the batch counts as stored then.
    fn commit(&mut self, batch: &[Record]) -> Result<(), JournalError>;

    /// One bounded step of retention; true where more is to be done soon.
    ///
    /// # Errors
    /// As `commit`; the records are as they were.
    fn upkeep(&mut self) -> Result<bool, JournalError>;

    /// After a failure: sets a damaged file aside, opens the database again. `next_seq` is the
    /// first sequence still to be written. Gives the damage in words where a file was set aside.
    ///
    /// # Errors
    /// Where the disk still refuses.
    fn recover(
        &mut self,
        after: &JournalError,
        next_seq: u64,
    ) -> Result<Option<String>, JournalError>;

    /// Marks a clean stop and puts the write-ahead log into the database.
    ///
    /// # Errors
    /// Where the disk refuses; every commit stays durable.
    fn close(&mut self) -> Result<(), JournalError>;
}

/// The store on a real disk.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    path: PathBuf,
    /// `None` between a failure and the next successful opening.
    connection: Option<Connection>,
    quota_bytes: u64,
    retention: quota::Retention,
    /// What a new database must hold before anything else, until it does.
    beginning: Option<damage::Beginning>,
    /// Sequences below this may have been used, whatever happens to the database.
    reserved_seq: u64,
    /// The highest trusted wall time in the table `meta`.
    stored_floor_ms: i64,
    /// Command changes since ids were last forgotten.
    command_changes: u32,
    /// Held as long as the store lives; the system lets go of it when the process ends.
    _lock: File,
}

impl Store {
    /// Opens the folder's journal, or a new one, and reads what a start needs. A damaged file is
    /// set aside and reported in [`Restored::damage`].
    ///
    /// # Errors
    /// Where the folder cannot be made or is in use, or where the disk (not the file) refuses.
    pub fn open(folder: &Path, options: Options) -> Result<(Store, Restored), JournalError> {
        let began = std::time::Instant::now();
        std::fs::create_dir_all(folder)
            .map_err(|source| JournalError::Folder { folder: folder.to_owned(), source })?;
        let lock = files::lock(folder)?;
        let path = folder.join(DATABASE);
        let mut store = Store {
            folder: folder.to_owned(),
            connection: None,
            beginning: None,
            quota_bytes: options.quota_bytes.max(JOURNAL_QUOTA_BYTES_MIN),
            retention: quota::Retention::default(),
            reserved_seq: files::read_reserved(folder),
            stored_floor_ms: 0,
            command_changes: 0,
            _lock: lock,
            path,
        };
        let is_first = store.reserved_seq == 0;
        let mut restored = match store.open_and_restore() {
            Ok(restored) if restored.next_seq > 1 || is_first => restored,
            // Sequences were used and no record is there: a lost file, not a new device.
            Ok(_) => store.begin_after_loss()?,
            Err(error) if error.is_damage() => store.replace(&error)?,
            Err(error) => store.read_without_writing(error)?,
        };
        restored.opened_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok((store, restored))
    }

    fn open_and_restore(&mut self) -> Result<Restored, JournalError> {
        let mut connection = schema::open(&self.path, self.quota_bytes)?;
        let failed = |source| database(&self.path, "reading the state of the last run", source);
        let restored = restore::read(&mut connection).map_err(failed)?;
        let retention = quota::Retention::load(&connection).map_err(failed)?;
        self.stored_floor_ms = restore::meta(&connection, "floor_unix_ms").map_err(failed)?;
        self.connection = Some(connection);
        self.retention = retention;
        if restored.next_seq > 1 {
            self.reserve(restored.next_seq);
        }
        Ok(restored)
    }

    /// The disk takes nothing: full, or read-only. What the last run left is read all the same, and
    /// the writer goes on trying.
    fn read_without_writing(&mut self, error: JournalError) -> Result<Restored, JournalError> {
        let refused = error.chain();
        let is_empty = std::fs::metadata(&self.path).map_or(true, |file| file.len() == 0);
        let looked = schema::open_without_writing(&self.path).and_then(|it| restore::look(&it));
        let mut restored = match looked {
            Ok(restored) => restored,
            Err(_) if is_empty => {
                let next_seq = self.reserved_seq.saturating_add(1);
                Restored { next_seq, ..Restored::default() }
            }
            Err(source) if damage::is_damage(&source) => {
                return self.replace(&database(&self.path, "reading", source));
            }
            Err(_) => return Err(error),
        };
        tracing::error!(refused, "the journal's disk takes no records, memory is used");
        restored.refused = Some(refused);
        Ok(restored)
    }

    /// Sets the damaged file aside, saves commands and last states from it, begins a new one.
    fn replace(&mut self, error: &JournalError) -> Result<Restored, JournalError> {
        self.connection = None;
        let aside = damage::set_aside(&self.path)?;
        let saved = damage::salvage(&aside);
        let found = format!(
            "{}; set aside as {}, {} saved from it",
            error.chain(),
            aside.display(),
            saved.words()
        );
        self.begin_anew(found, saved)
    }

    fn begin_after_loss(&mut self) -> Result<Restored, JournalError> {
        self.connection = None;
        // A crash between setting a damaged file aside and beginning anew leads here too.
        let aside = damage::newest_aside(&self.path);
        let saved = aside.map(|aside| damage::salvage(&aside)).unwrap_or_default();
        let found = format!(
            "{}: missing or empty, a new one is begun; {} saved from the last damaged one",
            self.path.display(),
            saved.words()
        );
        self.begin_anew(found, saved)
    }

    /// Fills a new database with what was saved, and names the range that is gone. Where the disk
    /// takes nothing, that is done with the first commit that it takes.
    fn begin_anew(
        &mut self,
        reason: String,
        saved: damage::Saved,
    ) -> Result<Restored, JournalError> {
        let next_seq = self.reserved_seq.saturating_add(1);
        let mut restored = saved.restored(next_seq);
        self.beginning = Some(damage::Beginning { reason: reason.clone(), next_seq, saved });
        match self.connection() {
            Ok(_) => restored = self.open_and_restore()?,
            Err(error) => restored.refused = Some(error.chain()),
        }
        restored.damage = Some(reason);
        restored.clean_stop = false;
        Ok(restored)
    }

    /// Sees to it that sequences up to `next_seq` are named in `journal.seq`. A failure is only
    /// logged: the file is a second line of defence, and it is tried again with the next commit.
    fn reserve(&mut self, next_seq: u64) {
        if next_seq < self.reserved_seq {
            return;
        }
        let reserved = next_seq.saturating_add(JOURNAL_SEQ_RESERVE);
        match files::write_reserved(&self.folder, reserved) {
            Ok(()) => self.reserved_seq = reserved,
            Err(error) => tracing::warn!(error = error.chain(), "sequences not reserved"),
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, JournalError> {
        if self.connection.is_none() {
            let path = &self.path;
            let failed = |source| database(path, "writing what was saved", source);
            let mut connection = schema::open(path, self.quota_bytes)?;
            if let Some(beginning) = &self.beginning {
                beginning.write(&mut connection).map_err(failed)?;
                self.beginning = None;
            }
            restore::set_meta(&connection, "clean_stop", 0).map_err(failed)?;
            self.retention = quota::Retention::load(&connection).map_err(failed)?;
            self.connection = Some(connection);
        }
        // Filled a line above; an error instead of a panic costs nothing.
        self.connection.as_mut().ok_or_else(|| JournalError::Foreign {
            path: self.path.clone(),
            what: "not open".to_owned(),
        })
    }

    /// Limits the database to so many pages of 4 KB: how tests fill a disk.
    ///
    /// # Errors
    /// Where SQLite refuses.
    pub fn limit_pages(&mut self, pages: u64) -> Result<(), JournalError> {
        let path = self.path.clone();
        let connection = self.connection()?;
        schema::limit_pages(connection, pages)
            .map_err(|source| database(&path, "limiting the size", source))
    }

    fn transaction(&mut self, batch: &[Record]) -> Result<i64, JournalError> {
        let floor_ms = floor_after(self.stored_floor_ms, batch);
        let floor_changed = floor_ms != self.stored_floor_ms;
        let path = self.path.clone();
        let failed = |source| database(&path, "committing records", source);
        let connection = self.connection()?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for record in batch {
            insert(&transaction, record).map_err(failed)?;
            follow(&transaction, record).map_err(failed)?;
        }
        if floor_changed {
            restore::set_meta(&transaction, "floor_unix_ms", floor_ms).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(floor_ms)
    }

    fn forget_old_commands(&mut self) -> Result<(), JournalError> {
        if self.command_changes < JOURNAL_FORGET_CHANGES {
            return Ok(());
        }
        let path = self.path.clone();
        let floor_ms = self.stored_floor_ms;
        let connection = self.connection()?;
        restore::forget_commands(connection, floor_ms)
            .map_err(|source| database(&path, "forgetting old command ids", source))?;
        self.command_changes = 0;
        Ok(())
    }
}

impl StoreBackend for Store {
    fn commit(&mut self, batch: &[Record]) -> Result<(), JournalError> {
        let Some(last) = batch.last() else { return Ok(()) };
        self.reserve(last.seq);
        self.stored_floor_ms = self.transaction(batch)?;
        let commands = batch.iter().filter(|record| record.kind == Kind::Command).count();
        self.command_changes =
            self.command_changes.saturating_add(u32::try_from(commands).unwrap_or(u32::MAX));
        Ok(())
    }

    fn upkeep(&mut self) -> Result<bool, JournalError> {
        self.forget_old_commands()?;
        let path = self.path.clone();
        let quota_bytes = self.quota_bytes;
        let mut retention = self.retention.clone();
        let connection = self.connection()?;
        let more = retention
            .step(connection, quota_bytes)
            .map_err(|source| database(&path, "giving up old records", source))?;
        self.retention = retention;
        Ok(more)
    }

    fn recover(
        &mut self,
        after: &JournalError,
        next_seq: u64,
    ) -> Result<Option<String>, JournalError> {
        if after.is_damage() {
            // The caller's sequence goes on where it is; the reserve must not push it.
            let reserved = std::mem::replace(&mut self.reserved_seq, next_seq.saturating_sub(1));
            let replaced = self.replace(after);
            self.reserved_seq = self.reserved_seq.max(reserved);
            return replaced.map(|restored| restored.damage);
        }
        if after.is_full() {
            // Under the quota's own limit, giving up old records makes room.
            self.upkeep()?;
            return Ok(None);
        }
        // A card that was pulled and put back needs new file handles.
        self.connection = None;
        self.connection()?;
        Ok(None)
    }

    fn close(&mut self) -> Result<(), JournalError> {
        let path = self.path.clone();
        let floor_ms = self.stored_floor_ms;
        let connection = self.connection()?;
        restore::close(connection, floor_ms)
            .map_err(|source| database(&path, "closing", source))?;
        self.connection = None;
        Ok(())
    }
}

/// The time floor that a batch proves, where it lies far enough above the stored one.
fn floor_after(stored_ms: i64, batch: &[Record]) -> i64 {
    let synced = batch.iter().filter(|record| record.trust == ClockTrust::Synced);
    let highest_ms = synced.map(|record| record.unix_ms).max().unwrap_or(stored_ms);
    if highest_ms >= stored_ms.saturating_add(JOURNAL_FLOOR_STEP_MS) {
        highest_ms
    } else {
        stored_ms
    }
}

/// A number as SQLite keeps it: the same 64 bits.
fn stored(number: u64) -> i64 {
    number.cast_signed()
}

/// One row a record. A sequence that is there already stays as it is: what was reported as stored
/// is never overwritten, and a commit that is tried again changes nothing.
fn insert(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO record (seq, boot, mono_ms, unix_ms, trust, kind, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (seq) DO NOTHING",
    )?;
    statement.execute(params![
        stored(record.seq),
        stored(record.boot),
        stored(record.mono_ms),
        record.unix_ms,
        trust_code(record.trust),
        record.kind.code(),
        record.payload,
    ])?;
    Ok(())
}

/// Side tables that follow from a record, in its own transaction.
fn follow(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    use restore::{Role, clear, put, put_command};
    let kept = [Kind::Command, Kind::Step, Kind::Hold, Kind::Mode, Kind::Goal, Kind::Learned];
    if !kept.contains(&record.kind) {
        return Ok(());
    }
    let Ok(entry) = record.entry() else {
        // Made by this process a moment ago; `log verify` will name it.
        tracing::error!(seq = record.seq, "a record that cannot be read was stored");
        return Ok(());
    };
    match entry {
        Entry::Command { kind, id, state, reason } => {
            put_command(connection, record, &StoredCommand { kind, id, state, reason, unix_ms: 0 })
        }
        Entry::Mode { actuator, .. } => put(connection, Role::Mode, &actuator, record),
        Entry::Hold { actuator, for_ms: 0 } => clear(connection, Role::Hold, &actuator),
        Entry::Hold { actuator, .. } => put(connection, Role::Hold, &actuator, record),
        Entry::Goal { name, .. } => put(connection, Role::Goal, &name, record),
        Entry::Learned(learned) => put(connection, Role::Learned, &learned.sensor, record),
        // A refused step changed nothing outside.
        Entry::Step { state: StepState::Refused, .. } => Ok(()),
        Entry::Step { actuator, setting, state, off_after_ms, .. } => {
            put(connection, Role::Step, &actuator, record)?;
            match (setting, state) {
                // From the intent on: a crash between intent and sending costs one more "off".
                (Setting::On, _) if off_after_ms.is_some() => {
                    put(connection, Role::Pulse, &actuator, record)
                }
                (Setting::Off, StepState::Confirmed) => clear(connection, Role::Pulse, &actuator),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn database(path: &Path, action: &'static str, source: rusqlite::Error) -> JournalError {
    JournalError::Database { path: path.to_owned(), action, source }
}

//! The SQLite files behind the writer: opening, committing, closing.
//!
//! One thread, one folder (a lock keeps a second agent out). A commit is a block in the chain, and
//! durable with SQLite's own order: WAL with `synchronous=FULL`, one sync. What matters follows
//! into the audit database, whose small tables a start reads instead of the whole journal; a crash
//! between the two is made good at the next start. A damaged file is set aside, never repaired.

mod age;
mod audit;
mod chain;
mod damage;
mod error;
mod files;
mod index;
mod moves;
mod quota;
mod rescue;
mod restore;
mod salvage;
mod schema;
mod space;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_age;
#[cfg(test)]
mod tests_clock;
mod unreadable;
mod waiting;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::DATABASE;
use super::record::{Kind, Record};
use crate::clock::ClockTrust;
use crate::limits::{
    JOURNAL_FLOOR_STEP_MS, JOURNAL_FORGET_CHANGES, JOURNAL_QUOTA_BYTES_MIN, JOURNAL_SEQ_RESERVE,
};

pub use age::Keep;
pub use audit::Link;
pub(super) use audit::{ANCHOR, HEAD, link};
pub(super) use chain::{list as chain_files, path_of as chain_path};
pub(crate) use damage::{is_damage, is_unread};
pub use error::JournalError;
pub(super) use restore::record_of;
pub use restore::{Restored, StoredCommand, StoredHold, StoredSend, StoredStep};
pub(super) use schema::open_to_read;

/// What the configuration says about the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of the database and its write-ahead log; files set aside are not counted.
    /// Below `JOURNAL_QUOTA_BYTES_MIN` it counts as that.
    pub quota_bytes: u64,
    /// How long things are kept within it.
    pub keep: Keep,
}

impl Options {
    /// Bytes alone bound the journal.
    #[must_use]
    pub const fn of_quota(quota_bytes: u64) -> Options {
        Options { quota_bytes, keep: Keep { readings_ms: None, rest_ms: None } }
    }
}

/// Records that were given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Readings that were not stored: the disk was nearly full.
    pub by_reserve: u64,
    /// Oldest records, for the quota; those of a file that could not be read are not known.
    pub by_quota: u64,
    /// Records that were kept for as long as they should be.
    pub by_age: u64,
}

/// What the writer asks of its store: the seam where tests put a failing disk.
pub trait StoreBackend: Send {
    /// Records that were given up since the last call, each of them in a range that a record names.
    fn lost(&mut self) -> Lost {
        Lost::default()
    }

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

    /// What a person should know since the last call, in sentences.
    fn notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Keeps what destinations have acknowledged; `all` names every destination where that is said
    /// anew. Doing it again changes nothing.
    ///
    /// # Errors
    /// As `commit`.
    fn set_cursors(
        &mut self,
        _moved: &BTreeMap<String, u64>,
        _all: Option<&[String]>,
    ) -> Result<(), JournalError> {
        Ok(())
    }

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
    /// The audit database.
    path: PathBuf,
    /// `None` between a failure and the next successful opening.
    audit: Option<Connection>,
    chain: chain::Chain,
    /// The audit database may lack what the chain has.
    behind: bool,
    /// The file of the chain whose damage was named last.
    damage_named: Option<u64>,
    /// Failures in a row to read what the disk has.
    unread: u32,
    quota_bytes: u64,
    retention: quota::Retention,
    age: age::Age,
    /// What a new database must hold before anything else, until it does.
    beginning: Option<damage::Beginning>,
    /// Sequences below this may have been used, whatever happens to the database.
    reserved_seq: u64,
    /// The highest trusted wall time in the table `meta`.
    stored_floor_ms: i64,
    /// The highest trusted wall time in any record.
    floor_ms: i64,
    boot: BootWatch,
    space: space::Space,
    waiting: waiting::Waiting,
    lost: Lost,
    /// Command changes since ids were last forgotten.
    command_changes: u32,
    /// Held as long as the store lives; the system lets go of it when the process ends.
    _lock: files::Lock,
}

/// Whether this boot has records that were made before its clock was trusted.
#[derive(Clone, Copy, Debug, Default)]
struct BootWatch {
    boot: u64,
    untrusted: bool,
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
        rescue::finish(folder);
        let quota_bytes = options.quota_bytes.max(JOURNAL_QUOTA_BYTES_MIN);
        let mut store = Store {
            folder: folder.to_owned(),
            path: folder.join(DATABASE),
            audit: None,
            chain: chain::Chain::new(folder, quota_bytes),
            behind: true,
            damage_named: None,
            unread: 0,
            beginning: None,
            quota_bytes,
            retention: quota::Retention::default(),
            age: age::Age::new(options.keep),
            reserved_seq: files::read_reserved(folder),
            stored_floor_ms: 0,
            floor_ms: 0,
            boot: BootWatch::default(),
            space: space::Space::new(folder),
            waiting: waiting::Waiting::default(),
            lost: Lost::default(),
            command_changes: 0,
            _lock: lock,
        };
        let is_first = store.reserved_seq == 0 && store.chain.newest().is_none();
        let mut restored = match store.reading(Store::open_and_restore) {
            Ok(restored) if restored.next_seq > 1 || is_first || store.has_begun() => restored,
            // Sequences were used and nothing was ever put here: a lost file, not a new device.
            Ok(_) => store.begin_after_loss()?,
            Err(error) if error.is_damage() => store.replace(&error)?,
            Err(error) => store.read_without_writing(error)?,
        };
        store.join_chain(&mut restored)?;
        restored.opened_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok((store, restored))
    }

    /// True where the audit database was in use before, with no record that matters.
    fn has_begun(&self) -> bool {
        let begun = self.audit.as_ref().map(|it| restore::meta(it, "has_begun"));
        begun.is_some_and(|begun| begun.is_ok_and(|begun| begun == 1))
    }

    fn open_and_restore(&mut self) -> Result<Restored, JournalError> {
        let sizes = schema::audit_sizes(self.quota_bytes);
        let mut connection = schema::open(&self.path, &schema::AUDIT, sizes)?;
        let failed = |source| database(&self.path, "reading the state of the last run", source);
        let restored = restore::read(&mut connection).map_err(failed)?;
        let retention = quota::Retention::load(&connection).map_err(failed)?;
        self.stored_floor_ms = restore::meta(&connection, "floor_unix_ms").map_err(failed)?;
        self.floor_ms = self.stored_floor_ms;
        self.audit = Some(connection);
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
        let next_seq = self.reserved_seq.saturating_add(1);
        let unknown = Restored { next_seq, ..Restored::default() };
        let mut restored = match looked {
            Ok(restored) => restored,
            Err(_) if is_empty => unknown,
            Err(source) if damage::is_damage(&source) => {
                match self.replace(&database(&self.path, "reading", source)) {
                    Ok(restored) => return Ok(restored),
                    // It cannot be set aside either. It may be whole: its log was not to be read.
                    Err(_) => unknown,
                }
            }
            Err(_) => return Err(error),
        };
        tracing::error!(refused, "the journal's disk takes no records, memory is used");
        restored.refused = Some(refused);
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

    /// The audit database, opened where it is not, with what it must begin with.
    fn audit(&mut self) -> Result<&mut Connection, JournalError> {
        if self.audit.is_none() {
            let path = &self.path;
            let failed = |source| database(path, "writing what was saved", source);
            let sizes = schema::audit_sizes(self.quota_bytes);
            let mut connection = schema::open(path, &schema::AUDIT, sizes)?;
            if let Some(beginning) = &self.beginning {
                beginning.write(&mut connection).map_err(failed)?;
            }
            restore::set_meta(&connection, "clean_stop", 0).map_err(failed)?;
            self.retention = quota::Retention::load(&connection).map_err(failed)?;
            self.beginning = None;
            self.audit = Some(connection);
            self.rebuild()?;
        }
        // Filled a line above; an error instead of a panic costs nothing.
        self.audit.as_mut().ok_or_else(|| JournalError::Foreign {
            path: self.path.clone(),
            what: "not open".to_owned(),
        })
    }

    /// Limits the databases to so many pages of 4 KB: how tests fill a disk.
    ///
    /// # Errors
    /// Where SQLite refuses.
    pub fn limit_pages(&mut self, pages: u64) -> Result<(), JournalError> {
        let path = self.path.clone();
        let connection = self.audit()?;
        schema::limit_pages(connection, pages)
            .map_err(|source| database(&path, "limiting the size", source))?;
        self.chain.limit_pages(pages)
    }

    /// Puts what the audit database keeps of some records into it.
    fn apply(&mut self, records: &[Record], beside: audit::Beside) -> Result<(), JournalError> {
        let path = self.path.clone();
        audit::apply(self.audit()?, records, beside)
            .map_err(|source| database(&path, "committing what matters", source))
    }

    /// What follows from a batch beside its records; changes nothing yet.
    fn beside(&self, batch: &[Record], boot: &mut BootWatch) -> audit::Beside {
        let mut beside = audit::Beside::default();
        let floor_ms = floor_after(self.stored_floor_ms, batch);
        beside.floor_ms = (floor_ms != self.stored_floor_ms).then_some(floor_ms);
        for record in batch {
            if record.boot != boot.boot {
                *boot = BootWatch { boot: record.boot, untrusted: false };
            }
            let trusted = record.trust == ClockTrust::Synced;
            if trusted && boot.untrusted {
                boot.untrusted = false;
                let offset_ms = record.unix_ms.saturating_sub(record.mono_ms.cast_signed());
                let (boot, seq) = (record.boot, record.seq);
                beside.boot_time = Some(audit::BootTime { boot, offset_ms, seq });
            }
            boot.untrusted |= !trusted && record.boot != 0;
        }
        beside
    }

    fn forget_old_commands(&mut self) -> Result<(), JournalError> {
        if self.command_changes < JOURNAL_FORGET_CHANGES {
            return Ok(());
        }
        let path = self.path.clone();
        let floor_ms = self.stored_floor_ms;
        let connection = self.audit()?;
        restore::forget_commands(connection, floor_ms)
            .map_err(|source| database(&path, "forgetting old command ids", source))?;
        self.command_changes = 0;
        Ok(())
    }

    /// Gives up the oldest file of the chain where all files together are near the quota; true
    /// where one was.
    fn give_up_file(&mut self) -> Result<bool, JournalError> {
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let audit_bytes = bytes(&self.path) + bytes(&damage::with_suffix(&self.path, "-wal"));
        let high = self.quota_bytes - self.quota_bytes / 16;
        if self.chain.oldest().is_none() || self.chain.bytes() + audit_bytes <= high {
            return Ok(false);
        }
        let megabytes = self.quota_bytes / 1_000_000;
        self.lost.by_quota += self.give_up_oldest(format!("oldest, quota of {megabytes} MB"))?;
        Ok(true)
    }

    /// Names the oldest file of the chain as gone and removes it; gives how many records it had.
    fn give_up_oldest(&mut self, mut reason: String) -> Result<u64, JournalError> {
        let Some(range) = self.chain.oldest() else { return Ok(0) };
        // A file that cannot be read goes like any other.
        let records = self.chain.records_in(range.first).ok();
        if let Some(told) = self.waiting.given_up(range.last) {
            reason = format!("{reason}, {told}");
        }
        self.name_gone(
            &audit::Gone { first: range.first, last: range.last, records, reason },
            true,
        )?;
        self.chain.remove_oldest()?;
        Ok(records.unwrap_or(0))
    }

    fn name_gone(&mut self, gone: &audit::Gone, extends: bool) -> Result<(), JournalError> {
        let path = self.path.clone();
        audit::name_gone(self.audit()?, gone, extends)
            .map_err(|source| database(&path, "naming what is gone", source))
    }
}

impl StoreBackend for Store {
    fn lost(&mut self) -> Lost {
        std::mem::take(&mut self.lost)
    }

    fn commit(&mut self, batch: &[Record]) -> Result<(), JournalError> {
        let Some(last) = batch.last() else { return Ok(()) };
        self.reserve(last.seq);
        self.audit()?;
        let known = self.chain.open()?.unwrap_or(0);
        let (stored_before, fresh) = batch.split_at(batch.partition_point(|it| it.seq <= known));
        if known == 0 {
            let path = self.path.clone();
            restore::set_meta(self.audit()?, "has_begun", 1)
                .map_err(|source| database(&path, "beginning", source))?;
        }
        if self.behind {
            // The last commit reached the chain and not the audit database, or nobody knows.
            self.apply(stored_before, audit::Beside::default())?;
            self.behind = false;
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let kept = self.space.withhold(fresh);
        // One of those kept names the others.
        let withheld = kept.as_ref().map_or(0, |kept| fresh.len() + 1 - kept.len());
        let fresh = kept.as_deref().unwrap_or(fresh);
        let mut boot = self.boot;
        let beside = self.beside(fresh, &mut boot);
        self.behind = true;
        self.chain.append(fresh)?;
        self.lost.by_reserve += withheld as u64;
        self.apply(fresh, beside)?;
        self.behind = false;
        self.unread = 0;
        self.boot = boot;
        self.stored_floor_ms = beside.floor_ms.unwrap_or(self.stored_floor_ms);
        self.age.note(fresh);
        self.floor_ms = self.floor_ms.max(highest_trusted(fresh));
        let commands = fresh.iter().filter(|record| record.kind == Kind::Command).count();
        self.command_changes =
            self.command_changes.saturating_add(u32::try_from(commands).unwrap_or(u32::MAX));
        Ok(())
    }

    fn upkeep(&mut self) -> Result<bool, JournalError> {
        self.forget_old_commands()?;
        self.space.look();
        self.give_up_old()?;
        if self.give_up_file()? {
            return Ok(true);
        }
        let path = self.path.clone();
        let quota_bytes = self.quota_bytes;
        let mut retention = self.retention.clone();
        let connection = self.audit()?;
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
            return self.recover_from_damage(after, next_seq);
        }
        if after.is_full() {
            // Under the quota's own limit, giving up old records makes room.
            self.upkeep()?;
            return Ok(None);
        }
        if let Some(damage) = self.unread_again(after) {
            return self.recover_from_damage(&damage, next_seq);
        }
        // A card that was pulled and put back needs new file handles.
        self.audit = None;
        self.chain.look();
        self.audit()?;
        Ok(None)
    }

    fn notices(&mut self) -> Vec<String> {
        self.space.notice().into_iter().chain(self.waiting.notice()).collect()
    }

    fn set_cursors(
        &mut self,
        moved: &BTreeMap<String, u64>,
        all: Option<&[String]>,
    ) -> Result<(), JournalError> {
        let path = self.path.clone();
        let cursors = restore::set_cursors(self.audit()?, moved, all)
            .map_err(|source| database(&path, "keeping cursors", source))?;
        self.waiting.set(cursors);
        Ok(())
    }

    fn close(&mut self) -> Result<(), JournalError> {
        let path = self.path.clone();
        let floor_ms = self.floor_ms;
        self.chain.close()?;
        let connection = self.audit()?;
        restore::close(connection, floor_ms)
            .map_err(|source| database(&path, "closing", source))?;
        self.audit = None;
        Ok(())
    }
}

/// The time floor that a batch proves, where it lies far enough above the stored one.
fn floor_after(stored_ms: i64, batch: &[Record]) -> i64 {
    let highest_ms = highest_trusted(batch);
    if highest_ms >= stored_ms.saturating_add(JOURNAL_FLOOR_STEP_MS) {
        highest_ms
    } else {
        stored_ms
    }
}

/// The highest trusted wall time of some records, in milliseconds since 1970; 0: none.
fn highest_trusted(records: &[Record]) -> i64 {
    let synced = records.iter().filter(|record| record.trust == ClockTrust::Synced);
    synced.map(|record| record.unix_ms).max().unwrap_or(0)
}

/// A number as SQLite keeps it: the same 64 bits.
fn stored(number: u64) -> i64 {
    number.cast_signed()
}

fn database(path: &Path, action: &'static str, source: rusqlite::Error) -> JournalError {
    JournalError::Database { path: path.to_owned(), action, source }
}

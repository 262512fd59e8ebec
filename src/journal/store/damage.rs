//! Damaged databases: set aside whole, the small tables saved, a new one begun.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::super::record::{Record, Stamp};
use super::audit::insert;
use super::restore::{self, Restored, Role, StoredCommand};
use super::{JournalError, salvage};
use crate::clock::Now;
use crate::domain::Entry;
use crate::limits::{
    CLOUDS_MAX, COMMAND_IDS_MAX, JOURNAL_DAMAGED_KEPT_MAX, JOURNAL_LATEST_ROWS_MAX,
};

/// What could be read of a damaged file.
#[derive(Debug, Default)]
pub(super) struct Saved {
    commands: Vec<StoredCommand>,
    latest: Vec<Record>,
    floor_unix_ms: i64,
    /// Audited records that the file's pages still hold; the chain has the newer ones too.
    records: Vec<Record>,
    cursors: Vec<(String, i64)>,
}

impl Saved {
    pub(super) fn words(&self) -> String {
        let (commands, states) = (self.commands.len(), self.latest.len());
        let records = self.records.len();
        format!("{commands} device commands, {states} last states and {records} records")
    }

    /// The same for the agent, where no new database can be written yet.
    pub(super) fn restored(&self, next_seq: u64) -> Restored {
        let mut restored = Restored {
            next_seq,
            commands: self.commands.clone(),
            floor_unix_ms: self.floor_unix_ms,
            cursors: self
                .cursors
                .iter()
                .map(|(name, at)| (name.clone(), at.cast_unsigned()))
                .collect(),
            ..Restored::default()
        };
        for (role, actuator, record) in self.roles() {
            match role {
                Role::Pulse => restored.pulses_on.push(actuator),
                _ => restored.take(record),
            }
        }
        restored
    }

    /// The last states by role. Pulses come back from the last steps: a switch-on that no other
    /// step follows.
    fn roles(&self) -> Vec<(Role, String, &Record)> {
        let mut roles = Vec::new();
        for record in &self.latest {
            match record.entry() {
                Ok(Entry::Mode { actuator, .. }) => roles.push((Role::Mode, actuator, record)),
                Ok(Entry::Hold { actuator, .. }) => roles.push((Role::Hold, actuator, record)),
                Ok(Entry::Goal { name, .. }) => roles.push((Role::Goal, name, record)),
                Ok(Entry::Learned(one)) => roles.push((Role::Learned, one.sensor, record)),
                Ok(Entry::Memory(one)) => {
                    roles.push((Role::Memory, format!("{}/{}", one.sensor, one.of), record));
                }
                Ok(Entry::Escalated(_)) => roles.push((Role::Escalated, String::new(), record)),
                Ok(Entry::Step { actuator, off_after_ms, .. }) => {
                    roles.push((Role::Step, actuator.clone(), record));
                    if off_after_ms.is_some() {
                        roles.push((Role::Pulse, actuator, record));
                    }
                }
                _ => {}
            }
        }
        roles
    }
}

/// True where the disk did not give bytes that are there. SQLite has a code of its own for EIO,
/// which it calls damage only while a statement runs.
pub(crate) fn is_unread(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_READ};
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if [SQLITE_IOERR_READ, SQLITE_IOERR_CORRUPTFS].contains(&failure.extended_code))
}

/// True where SQLite's error speaks of the file's content.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            // SQLITE_ERROR comes from our own fixed statements only where a table is not as we made
            // it; a short read is a file that was cut.
            const SHORT_READ: i32 = rusqlite::ffi::SQLITE_IOERR_SHORT_READ;
            matches!(
                failure.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
            ) || failure.extended_code == SHORT_READ
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::SqlInputError { .. }
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

/// Renames the database and its log to the next free name, and lets go of the oldest beyond the
/// bound. Nothing is copied: it works on a full disk.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, JournalError> {
    let failed = |path: &Path, action| {
        let path = path.to_owned();
        move |source| JournalError::File { path, action, source }
    };
    let mut kept = asides(path).map_err(failed(path, "looked for"))?;
    kept.sort_unstable();
    let number = kept.last().map_or(0, |(number, _)| *number).saturating_add(1);
    let surplus = (kept.len() + 1).saturating_sub(JOURNAL_DAMAGED_KEPT_MAX);
    for (_, old) in kept.into_iter().take(surplus) {
        remove_database(&old)?;
    }
    let aside = aside_path(path, number);
    // The log first: after a crash between the two, the database alone is set aside next time.
    rename(&with_suffix(path, "-wal"), &with_suffix(&aside, "-wal"))
        .map_err(failed(path, "set aside"))?;
    remove(&with_suffix(path, "-shm")).map_err(failed(path, "set aside"))?;
    rename(path, &aside).map_err(failed(path, "set aside"))?;
    Ok(aside)
}

/// The file of this name that was set aside last.
pub(super) fn newest_aside(path: &Path) -> Option<PathBuf> {
    let name = format!("{}.", file_name(path));
    let mut kept = asides(path).ok()?;
    kept.retain(|(_, aside)| file_name(aside).starts_with(&name));
    kept.into_iter().max().map(|(_, aside)| aside)
}

/// Every file that was set aside in the folder of a path, with its number.
fn asides(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let Some(folder) = path.parent() else { return Ok(found) };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = file_name(&path);
        let number = name.rsplit_once(".damaged-").and_then(|(_, number)| number.parse().ok());
        found.extend(number.map(|number| (number, path)));
    }
    Ok(found)
}

/// Deletes a database with its log.
pub(super) fn remove_database(path: &Path) -> Result<(), JournalError> {
    for suffix in ["-wal", "-shm", ""] {
        let path = with_suffix(path, suffix);
        remove(&path).map_err(|source| JournalError::File { path, action: "removed", source })?;
    }
    Ok(())
}

fn aside_path(path: &Path, number: u64) -> PathBuf {
    path.with_file_name(format!("{}.damaged-{number}", file_name(path)))
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    path.with_file_name(format!("{}{suffix}", file_name(path)))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[expect(clippy::disallowed_methods, reason = "a damaged file may be gone, and its bytes stay")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    not_found_is_done(fs::rename(from, to))
}

fn remove(path: &Path) -> io::Result<()> {
    not_found_is_done(fs::remove_file(path))
}

fn not_found_is_done(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Reads commands, last states and the time floor of a damaged file, as far as each goes.
/// A command that is forgotten could be carried out twice; this is worth the try.
pub(super) fn salvage(aside: &Path) -> Saved {
    let mut saved = Saved::default();
    let Ok(connection) = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_ONLY)
    else {
        return saved;
    };
    saved.floor_unix_ms = restore::meta(&connection, "floor_unix_ms").unwrap_or(0);
    let commands = "SELECT kind, id, state, reason, unix_ms FROM command ORDER BY kind, id";
    if let Ok(mut statement) = connection.prepare(commands)
        && let Ok(rows) = statement.query_map([], restore::command_of)
    {
        // Up to the first row that cannot be read; a torn tree may also lead in a circle.
        saved.commands = rows.map_while(Result::ok).take(COMMAND_IDS_MAX).collect();
    }
    if let Ok(mut statement) = connection.prepare(restore::LATEST)
        && let Ok(rows) = statement.query_map([Role::Pulse.code()], restore::record_of)
    {
        let rows = rows.map_while(Result::ok).take(JOURNAL_LATEST_ROWS_MAX as usize);
        saved.latest = rows.flatten().filter(|record| record.entry().is_ok()).collect();
    }
    let sql = "SELECT name, seq FROM cursor";
    if let Ok(mut statement) = connection.prepare(sql)
        && let Ok(rows) = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
    {
        saved.cursors = rows.map_while(Result::ok).take(CLOUDS_MAX).collect();
    }
    saved.records = salvage::audited(aside);
    saved
}

/// What a new database begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) reason: String,
    pub(super) next_seq: u64,
    pub(super) saved: Saved,
}

impl Beginning {
    /// Writes what was saved into a new database, and a record that names the range that is gone.
    pub(super) fn write(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let floor_unix_ms = self.saved.floor_unix_ms;
        let transaction = connection.transaction()?;
        for command in &self.saved.commands {
            // Sequence 0: whatever comes is newer. Not trusted: age alone does not forget it.
            let now = Now { unix_ms: command.unix_ms, ..Now::default() };
            let entry = Entry::Dropped { first: 0, last: 0, reason: String::new() };
            let record = Record::new(Stamp { seq: 0, boot: 0, now }, &entry);
            restore::put_command(&transaction, &record, command)?;
        }
        for (role, actuator, record) in self.saved.roles() {
            restore::put(&transaction, role, &actuator, record)?;
        }
        restore::set_meta(&transaction, "floor_unix_ms", floor_unix_ms)?;
        for (name, seq) in &self.saved.cursors {
            restore::set_cursor(&transaction, name, *seq)?;
        }
        let mut head = super::Link::default();
        for record in &self.saved.records {
            // A new chain of hashes: the old one ended with its file.
            head = head.next(record);
            insert(&transaction, record, Some(&head.hash))?;
        }
        super::audit::set_link(&transaction, super::HEAD, head)?;
        restore::set_meta(&transaction, "rebuilding", 1)?;
        restore::set_meta(&transaction, "has_begun", 1)?;
        if let Some(last) = self.next_seq.checked_sub(1).filter(|last| *last > 0) {
            let now = Now { unix_ms: floor_unix_ms, ..Now::default() };
            let entry = Entry::Dropped { first: 1, last, reason: self.reason.clone() };
            insert(&transaction, &Record::new(Stamp { seq: last, boot: 0, now }, &entry), None)?;
        }
        transaction.commit()
    }
}

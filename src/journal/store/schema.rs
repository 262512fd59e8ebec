//! The database's tables and settings, and the refusal of files that are not ours.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{JournalError, database};
use crate::limits::{JOURNAL_BUSY_MS, JOURNAL_CACHE_KB, JOURNAL_WAL_PAGES};

/// Bytes of a page; SQLite's default, and what SD cards and ext4 use.
pub(super) const PAGE_BYTES: u64 = 4096;

/// `OUTP` in ASCII: tells our file from any other SQLite database.
const APPLICATION_ID: i64 = 0x4f55_5450;

/// Version of the tables. A higher one is a newer program's file.
const SCHEMA_VERSION: i64 = 1;

/// No index beside the keys: a row a record with one index writes 1.9 bytes a byte of record, and
/// every question of a start is answered by the small tables.
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
        unix_ms INTEGER NOT NULL, trust INTEGER NOT NULL, kind INTEGER NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE TABLE command (
        kind TEXT NOT NULL, id TEXT NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL,
        unix_ms INTEGER NOT NULL, trust INTEGER NOT NULL, first_unix_ms INTEGER NOT NULL,
        seq INTEGER NOT NULL, PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE latest (
        role INTEGER NOT NULL, actuator TEXT NOT NULL, seq INTEGER NOT NULL,
        boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
        trust INTEGER NOT NULL, kind INTEGER NOT NULL, payload BLOB NOT NULL,
        PRIMARY KEY (role, actuator)
    ) STRICT, WITHOUT ROWID;";

/// Opens the database for the writer, and makes its tables where the file is new.
pub(super) fn open(path: &Path, quota_bytes: u64) -> Result<Connection, JournalError> {
    check_header(path)?;
    let failed = |source| database(path, "opening", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let wait = std::time::Duration::from_millis(JOURNAL_BUSY_MS);
    connection.busy_timeout(wait).map_err(failed)?;
    // Before anything else writes page 1: the file must be able to give space back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
    let is_new = is_new(&connection).map_err(failed)?;
    if !is_new {
        check_owner(path, &connection)?;
    }
    configure(&connection, quota_bytes).map_err(failed)?;
    if is_new {
        create(&mut connection).map_err(failed)?;
    }
    limit_pages(&connection, database_pages_max(quota_bytes)).map_err(failed)?;
    Ok(connection)
}

/// Opens the database for a look when the disk takes nothing. On a full disk SQLite cannot make its
/// shared index; a connection that is alone keeps the index in memory. On a read-only one only the
/// database itself is read, as of the last checkpoint.
pub(super) fn open_without_writing(path: &Path) -> rusqlite::Result<Connection> {
    let alone = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        is_new(&connection).map(|_| connection)
    };
    alone().or_else(|_| {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(immutable_uri(path), flags)
    })
}

/// A file name that tells SQLite that nobody writes the file.
fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Sizes in the first bytes that SQLite takes as an order, not as damage: a flipped write version
/// makes a file read-only for ever.
fn check_header(path: &Path) -> Result<(), JournalError> {
    let mut header = [0_u8; 100];
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    let foreign =
        |what: &str| JournalError::Foreign { path: path.to_owned(), what: what.to_owned() };
    match file.read(&mut header) {
        Ok(0) | Err(_) => return Ok(()),
        Ok(100) => {}
        Ok(_) => return Err(foreign("too short for a database")),
    }
    let whole = header.starts_with(b"SQLite format 3\0")
        && header[16..18] == [0x10, 0x00]
        && header[18..20].iter().all(|version| matches!(version, 1 | 2))
        && header[20..24] == [0, 64, 32, 32]
        // UTF-8, or not said before the first checkpoint.
        && header[56..59] == [0, 0, 0]
        && matches!(header[59], 0 | 1);
    if whole { Ok(()) } else { Err(foreign("not a database of this program, or damaged")) }
}

fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn check_owner(path: &Path, connection: &Connection) -> Result<(), JournalError> {
    let failed = |source| database(path, "reading the schema version", source);
    let pragma = |name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed)
    };
    let foreign = |what: String| JournalError::Foreign { path: path.to_owned(), what };
    if pragma("application_id")? != APPLICATION_ID {
        return Err(foreign("a database of another program".to_owned()));
    }
    let version = pragma("user_version")?;
    if version != SCHEMA_VERSION {
        let what = format!("tables of version {version}, this program has {SCHEMA_VERSION}");
        return Err(foreign(what));
    }
    Ok(())
}

fn configure(connection: &Connection, quota_bytes: u64) -> rusqlite::Result<()> {
    let wal_pages = wal_pages(quota_bytes);
    let set = |name: &str, value: i64| connection.pragma_update(None, name, value);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        // Some network file systems cannot; a commit is as durable, and slower.
        tracing::warn!(mode, "the journal's file system allows no write-ahead log");
    }
    // FULL syncs the log at each commit: NORMAL may undo committed rows after a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    set("cache_size", -i64::from(JOURNAL_CACHE_KB))?;
    set("wal_autocheckpoint", wal_pages.cast_signed())?;
    set("journal_size_limit", (wal_pages * PAGE_BYTES).cast_signed())
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    super::restore::set_meta(&transaction, "schema_version", SCHEMA_VERSION)?;
    super::restore::set_meta(&transaction, "clean_stop", 1)?;
    transaction.commit()
}

pub(super) fn limit_pages(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let pages = i64::try_from(pages).unwrap_or(i64::MAX);
    connection.pragma_update(None, "max_page_count", pages)
}

fn wal_pages(quota_bytes: u64) -> u64 {
    // At least 64: below it a checkpoint follows nearly every commit.
    (quota_bytes / 8 / PAGE_BYTES).clamp(64, JOURNAL_WAL_PAGES)
}

/// Most pages of the database itself; twice the log's usual size is left for the log.
pub(super) fn database_pages_max(quota_bytes: u64) -> u64 {
    quota_bytes / PAGE_BYTES - 2 * wal_pages(quota_bytes)
}

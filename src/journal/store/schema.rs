//! The database's tables and settings, and the refusal of files that are not ours.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{JournalError, database, index};
use crate::limits::{
    JOURNAL_BLOCK_BYTES_MAX, JOURNAL_BUSY_MS, JOURNAL_CACHE_KB, JOURNAL_WAL_PAGES,
};

/// Bytes of a page; SQLite's default, and what SD cards and ext4 use.
pub(super) const PAGE_BYTES: u64 = 4096;

/// What makes a database of ours: its marks, its tables, its ways.
pub(super) struct Form {
    /// Tells our file from any other SQLite database.
    application_id: i64,
    /// Version of the tables. A higher one is a newer program's file.
    version: i64,
    tables: &'static str,
    /// What makes the tables of version 1 those of this version; none where there was no other.
    from_version_1: Option<&'static str>,
    /// Whether single pages are given back to the file system.
    gives_back: bool,
}

/// `journal.sqlite` (`OUTP` in ASCII): what matters, and what a start must know. No index beside
/// the keys: every question of a start is answered by the small tables.
pub(super) const AUDIT: Form = Form {
    application_id: 0x4f55_5450,
    version: 2,
    tables: "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
        unix_ms INTEGER NOT NULL, trust INTEGER NOT NULL, kind INTEGER NOT NULL,
        payload BLOB NOT NULL, hash BLOB
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
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE link (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
    CREATE TABLE boot_time (
        boot INTEGER PRIMARY KEY, offset_ms INTEGER NOT NULL, seq INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;",
    from_version_1: Some(
        "
    ALTER TABLE record ADD COLUMN hash BLOB;
    CREATE TABLE link (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
    CREATE TABLE boot_time (
        boot INTEGER PRIMARY KEY, offset_ms INTEGER NOT NULL, seq INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;",
    ),
    gives_back: true,
};

/// A file of the chain (`OUTB`): blocks, appended, deleted with the file.
pub(super) const BLOCKS: Form = Form {
    application_id: 0x4f55_5442,
    version: 1,
    tables: "
    CREATE TABLE block (
        first INTEGER PRIMARY KEY, last INTEGER NOT NULL, records INTEGER NOT NULL,
        kinds INTEGER NOT NULL, bytes BLOB NOT NULL
    ) STRICT;",
    from_version_1: None,
    gives_back: false,
};

/// How large a database and its log may grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Pages of the log between two checkpoints.
    pub(super) wal_pages: u64,
    /// Pages of the database that retention keeps to.
    pub(super) pages_max: u64,
    /// The hard end: the largest batch more.
    pub(super) pages_hard: u64,
}

/// Opens a database for the writer, and makes its tables where the file is new.
pub(super) fn open(path: &Path, form: &Form, sizes: Sizes) -> Result<Connection, JournalError> {
    check_header(path)?;
    let failed = |source| database(path, "opening", source);
    index::has_room(path).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let wait = std::time::Duration::from_millis(JOURNAL_BUSY_MS);
    connection.busy_timeout(wait).map_err(failed)?;
    if form.gives_back {
        // Before anything else writes page 1: the file must be able to give space back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
    }
    let is_new = is_new(&connection).map_err(failed)?;
    let version = if is_new { form.version } else { check_owner(path, &connection, form)? };
    configure(&connection, sizes).map_err(failed)?;
    check_size(path, &connection)?;
    if is_new {
        create(&mut connection, form).map_err(failed)?;
    } else if version < form.version {
        migrate(&mut connection, form).map_err(failed)?;
    }
    limit_pages(&connection, sizes.pages_hard).map_err(failed)?;
    // There is an index only now, where the file is new.
    index::fill(path).map_err(failed)?;
    Ok(connection)
}

/// Opens the database for a look when the disk takes nothing. On a full disk SQLite cannot make its
/// shared index; a connection that is alone keeps the index in memory. On a read-only one the index
/// that a killed agent has left will do; where there is none there is no log either, and the
/// database is read as it is.
pub(super) fn open_without_writing(path: &Path) -> rusqlite::Result<Connection> {
    let alone = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        is_new(&connection).map(|_| connection)
    };
    let by_old_index = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        is_new(&connection).map(|_| connection)
    };
    alone().or_else(|_| by_old_index()).or_else(|_| open_immutable(path))
}

/// Opens a database that nobody writes, without its log and without any lock.
pub(in crate::journal) fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(immutable_uri(path), flags)
}

/// Opens a database for reading beside its writer. One that has no log is read as it is: it is a
/// full file of the chain, or nobody writes. None: the writer is making it, it has no tables yet
/// and nothing was stored in it.
pub(in crate::journal) fn open_to_read(path: &Path) -> rusqlite::Result<Option<Connection>> {
    if index::has_room(path).is_err() {
        return open_without_writing(path).map(Some);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(JOURNAL_BUSY_MS))?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    match is_new(&connection) {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(connection)),
        // The log's index can neither be found nor made: a folder that we may not write, of an
        // agent that does not run. The database alone is read.
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => open_immutable(path).map(Some),
            // The same on a full disk. A full file of the chain has nothing in its log.
            Some(ErrorCode::SystemIoFailure | ErrorCode::DiskFull) if has_no_log(path) => {
                open_immutable(path).map(Some)
            }
            // What is wrong with the file is said by what reads it.
            _ => Ok(Some(connection)),
        },
    }
}

fn has_no_log(path: &Path) -> bool {
    let log = super::damage::with_suffix(path, "-wal");
    std::fs::metadata(log)
        .map_or_else(|error| error.kind() == std::io::ErrorKind::NotFound, |log| log.len() == 0)
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

fn check_owner(path: &Path, connection: &Connection, form: &Form) -> Result<i64, JournalError> {
    let failed = |source| database(path, "reading the schema version", source);
    let pragma = |name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed)
    };
    let foreign = |what: String| JournalError::Foreign { path: path.to_owned(), what };
    if pragma("application_id")? != form.application_id {
        return Err(foreign("a database of another program".to_owned()));
    }
    let version = pragma("user_version")?;
    let reads = version == form.version || (version == 1 && form.from_version_1.is_some());
    if !reads {
        let what = format!("tables of version {version}, this program has {}", form.version);
        return Err(foreign(what));
    }
    Ok(version)
}

/// A page count that the files cannot hold is a flipped bit in the header; SQLite would take it for
/// a full disk.
fn check_size(path: &Path, connection: &Connection) -> Result<(), JournalError> {
    let failed = |source| database(path, "reading the size", source);
    let pages: i64 =
        connection.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(failed)?;
    let log = super::damage::with_suffix(path, "-wal");
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let held = (bytes(path) + bytes(&log)) / PAGE_BYTES;
    if pages.cast_unsigned() > held {
        let what = format!("its header speaks of {pages} pages, the files hold {held}");
        return Err(JournalError::Foreign { path: path.to_owned(), what });
    }
    Ok(())
}

fn configure(connection: &Connection, sizes: Sizes) -> rusqlite::Result<()> {
    let wal_pages = sizes.wal_pages;
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

fn create(connection: &mut Connection, form: &Form) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(form.tables)?;
    transaction.pragma_update(None, "application_id", form.application_id)?;
    transaction.pragma_update(None, "user_version", form.version)?;
    if form.gives_back {
        super::restore::set_meta(&transaction, "schema_version", form.version)?;
        super::restore::set_meta(&transaction, "clean_stop", 1)?;
    }
    transaction.commit()
}

/// Records of the first format stay where they are: retention lets go of them like any other.
fn migrate(connection: &mut Connection, form: &Form) -> rusqlite::Result<()> {
    let Some(statements) = form.from_version_1 else { return Ok(()) };
    let transaction = connection.transaction()?;
    transaction.execute_batch(statements)?;
    transaction.pragma_update(None, "user_version", form.version)?;
    super::restore::set_meta(&transaction, "schema_version", form.version)?;
    transaction.commit()
}

pub(super) fn limit_pages(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let pages = i64::try_from(pages).unwrap_or(i64::MAX);
    connection.pragma_update(None, "max_page_count", pages)
}

/// Sizes of the audit database under a quota: half of it at most, the rest is the chain's.
pub(super) fn audit_sizes(quota_bytes: u64) -> Sizes {
    // At least 64: below it a checkpoint follows nearly every commit.
    let wal_pages = (quota_bytes / 8 / PAGE_BYTES).clamp(64, JOURNAL_WAL_PAGES);
    let pages_max = quota_bytes / 2 / PAGE_BYTES - wal_pages;
    Sizes { wal_pages, pages_max, pages_hard: pages_max + BATCH_PAGES }
}

/// Pages that the largest batch needs.
const BATCH_PAGES: u64 = JOURNAL_BLOCK_BYTES_MAX as u64 / PAGE_BYTES;

/// Sizes of a file of the chain. Rotation is its usual end.
pub(super) fn block_sizes(file_bytes_max: u64) -> Sizes {
    let wal_pages = (file_bytes_max / 4 / PAGE_BYTES).clamp(16, JOURNAL_WAL_PAGES);
    let pages_max = file_bytes_max / PAGE_BYTES;
    Sizes { wal_pages, pages_max, pages_hard: pages_max + BATCH_PAGES }
}

//! The index that SQLite shares between processes, `-shm`: whoever writes into a hole of it on a
//! full disk is ended by the kernel (SIGBUS). SQLite writes one byte into each 4096 of it, so there
//! are holes where a file system has smaller blocks, as `mkfs` gives them to a small partition.
//! Here they are filled while there is room, and nothing is opened where there is none.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::damage;
use crate::limits::JOURNAL_INDEX_BYTES;

/// SQLite's own unit, in bytes: with blocks of this size or larger there are no holes.
const UNIT_BYTES: u64 = 4096;

/// The index of this database can be made without a hole.
///
/// # Errors
/// Where the disk is too full for that: as SQLite says it.
pub(super) fn has_room(database: &Path) -> rusqlite::Result<()> {
    let folder = database.parent().unwrap_or(Path::new("."));
    // Where the file system gives no answer, SQLite is asked.
    let Ok(found) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free_bytes = found.f_bavail.saturating_mul(found.f_frsize);
    // One that is there and whole does not count: who opens it first cuts it and makes it anew.
    if found.f_frsize >= UNIT_BYTES || free_bytes >= JOURNAL_INDEX_BYTES {
        return Ok(());
    }
    Err(full())
}

/// Fills the holes of an index that is in use, for as long as it is. A file system that cannot has
/// none, or gives its room when it is needed.
///
/// # Errors
/// Where the disk is too full for that.
pub(super) fn fill(database: &Path) -> rusqlite::Result<()> {
    let Ok(file) = File::options().write(true).open(path(database)) else { return Ok(()) };
    let bytes = file.metadata().map_or(0, |file| file.len());
    if bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::NOSPC | Errno::DQUOT) => Err(full()),
        _ => Ok(()),
    }
}

fn path(database: &Path) -> PathBuf {
    damage::with_suffix(database, "-shm")
}

fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
        Some("no room for its index".to_owned()),
    )
}

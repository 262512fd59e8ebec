//! The index that SQLite shares between processes, `-shm`: whoever writes into a hole of it on a
//! full disk is ended by the kernel (SIGBUS). SQLite writes one byte into each 4096 of it, so there
//! are holes where a file system has smaller blocks, as `mkfs` gives them to a small partition.
//! Here they are filled while there is room, and nothing is opened where there is none.
//!
//! SQLite's locks on that file are the process's own, and the kernel drops all of them when the
//! process closes any descriptor of it (POSIX): the next process to look would then take the index
//! for nobody's and cut it under the feet of the one that writes. So what is opened here stays open
//! as long as the file is there.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::damage;
use crate::limits::JOURNAL_INDEX_BYTES;

/// SQLite's own unit, in bytes: with blocks of this size or larger there are no holes.
const UNIT_BYTES: u64 = 4096;

/// Indexes that were filled: one for each file of the journal that is open, fewer than its quota
/// has files. Those whose file is gone are closed at the next filling.
static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

struct Held {
    path: PathBuf,
    inode: (u64, u64),
    file: File,
}

/// The index of this database can be made without a hole.
///
/// # Errors
/// Where the disk is too full for that: as SQLite says it.
pub(super) fn has_room(database: &Path) -> rusqlite::Result<()> {
    // Where the file system gives no answer, SQLite is asked.
    let Some(found) = file_system(database) else { return Ok(()) };
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
    if file_system(database).is_none_or(|found| found.f_frsize >= UNIT_BYTES) {
        return Ok(());
    }
    let path = path(database);
    let Ok(facts) = path.metadata() else { return Ok(()) };
    if facts.len() == 0 {
        return Ok(());
    }
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|one| one.path.metadata().is_ok_and(|facts| inode(&facts) == one.inode));
    if !held.iter().any(|one| one.inode == inode(&facts)) {
        let Ok(file) = File::options().write(true).open(&path) else { return Ok(()) };
        held.push(Held { path, inode: inode(&facts), file });
    }
    let Some(one) = held.iter().find(|one| one.inode == inode(&facts)) else { return Ok(()) };
    match rustix::fs::fallocate(&one.file, FallocateFlags::empty(), 0, facts.len()) {
        Err(Errno::NOSPC | Errno::DQUOT) => Err(full()),
        _ => Ok(()),
    }
}

fn file_system(database: &Path) -> Option<rustix::fs::StatVfs> {
    rustix::fs::statvfs(database.parent().unwrap_or(Path::new("."))).ok()
}

fn inode(facts: &Metadata) -> (u64, u64) {
    (facts.dev(), facts.ino())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::schema;

    /// Locks of this process on a file, by the kernel's own list.
    fn locks(path: &Path) -> usize {
        let inode = path.metadata().expect("a file").ino();
        let text = std::fs::read_to_string("/proc/locks").expect("the kernel's list");
        let own = std::process::id().to_string();
        let ours = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let on = words.get(5).and_then(|file| file.rsplit_once(':'));
            words.get(4) == Some(&own.as_str())
                && on.is_some_and(|(_, number)| number == inode.to_string())
        };
        text.lines().filter(ours).count()
    }

    /// Without it another process that only looks ends the one that writes: it cuts the index,
    /// which is mapped here.
    #[test]
    fn an_open_journal_keeps_its_lock_on_the_index_that_others_must_not_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.db");
        let connection = schema::open(&path, &schema::AUDIT, schema::audit_sizes(1 << 26));
        let connection = connection.expect("opened");
        assert!(locks(&super::path(&path)) > 0, "the lock that says that somebody is there");
        drop(connection);
    }
}

//! Two small files beside the database: the lock that keeps a second agent out of the folder, and
//! the sequences that were promised, so that none is used twice even when the database is lost.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::JournalError;
use crate::disk;

/// Takes the folder for this process, for as long as the file lives.
pub(super) fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("journal.lock");
    let failed = |action| {
        let path = path.clone();
        move |source| JournalError::File { path, action, source }
    };
    let writable = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    // A lock needs no writing: an agent on a disk that turned read-only still starts.
    let opened = writable.or_else(|error| File::open(&path).map_err(|_| error));
    let mut file = opened.map_err(failed("opened"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = (&file).take(20).read_to_string(&mut holder);
            let holder = holder.trim();
            let known = read.is_ok() && !holder.is_empty();
            return Err(JournalError::InUse {
                folder: folder.to_owned(),
                holder: if known { holder.to_owned() } else { "unknown".to_owned() },
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
    }
    // The process id helps a person; the lock itself does not depend on it, so a full disk does not
    // stop the agent here.
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::warn!(%error, "process id not written to the journal's lock file");
    }
    Ok(file)
}

/// The sequences that were reserved; 0 where the file is not there or not readable.
pub(super) fn read_reserved(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join("journal.seq")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Writes the reserved sequence, whole or not at all.
pub(super) fn write_reserved(folder: &Path, reserved: u64) -> Result<(), JournalError> {
    let path = folder.join("journal.seq");
    let written = disk::replace(&path, format!("{reserved}\n").as_bytes());
    written.map_err(|error| JournalError::File { path, action: "written", source: error.source })
}

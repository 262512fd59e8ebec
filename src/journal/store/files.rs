//! Two small files beside the database: the lock that keeps a second agent out of the folder, and
//! the sequences that were promised, so that none is used twice even when the database is lost.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::JournalError;
use crate::disk;

/// Keeps a second agent out of a folder, for as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    _folder: File,
    _file: Option<File>,
}

/// Takes the folder for this process, for as long as the file lives.
pub(super) fn lock(folder: &Path) -> Result<Lock, JournalError> {
    let path = folder.join("journal.lock");
    let fault = |path: &Path, action| {
        let path = path.to_owned();
        move |source| JournalError::File { path, action, source }
    };
    // The folder can be locked whatever its disk takes; the file is what earlier programs lock.
    let own = File::open(folder).map_err(fault(folder, "opened"))?;
    take(&own, folder, &path)?;
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = match opened.or_else(|error| File::open(&path).map_err(|_| error)) {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "no lock file, the folder is locked");
            return Ok(Lock { _folder: own, _file: None });
        }
    };
    take(&file, folder, &path)?;
    // The process id helps a person; the lock itself does not depend on it, so a full disk does not
    // stop the agent here.
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::warn!(%error, "process id not written to the journal's lock file");
    }
    Ok(Lock { _folder: own, _file: Some(file) })
}

/// Takes one lock, or says who has it.
fn take(file: &File, folder: &Path, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = File::open(path).and_then(|file| file.take(20).read_to_string(&mut holder));
            let holder = holder.trim();
            let known = read.is_ok() && !holder.is_empty();
            Err(JournalError::InUse {
                folder: folder.to_owned(),
                holder: if known { holder.to_owned() } else { "unknown".to_owned() },
            })
        }
        Err(TryLockError::Error(source)) => {
            Err(JournalError::File { path: path.to_owned(), action: "locked", source })
        }
    }
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

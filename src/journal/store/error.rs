//! Why the journal cannot be opened, written or read.

use std::io;
use std::path::{Path, PathBuf};

use super::damage;

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

    /// The file that it is about, where it is about one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            JournalError::File { path, .. }
            | JournalError::Database { path, .. }
            | JournalError::Foreign { path, .. } => Some(path),
            JournalError::Folder { .. }
            | JournalError::InUse { .. }
            | JournalError::Panicked { .. } => None,
        }
    }

    /// The error and its causes in one line, for events and log lines.
    #[must_use]
    pub fn chain(&self) -> String {
        crate::causes::chain(self)
    }
}

//! The other side of updates: keys, releases, and the repository that boards believe; and the small
//! authority that says which board is which. Runs on a person's machine, never on a board.

pub mod authority;
pub mod campaign;
pub mod delta;
pub mod keys;
pub mod publish;
pub mod rekey;
pub mod renew;
mod repository;
pub mod rollout;
pub mod simulate;
pub mod upload;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why nothing was published.
#[derive(Debug, Error)]
pub enum FleetError {
    /// A file or folder cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It is there already, and is not to be overwritten.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// Keys could not be made or used.
    #[error("keys: {0}")]
    Keys(String),
    /// The repository that is there, or the new one, cannot be used.
    #[error("the repository in {}", path.display())]
    Repository {
        /// Where.
        path: PathBuf,
        /// Why.
        source: Box<tough::error::Error>,
    },
    /// Somebody else changes the repository or the authority.
    #[error("another process changes {}", .0.display())]
    Busy(PathBuf),
    /// The authority of certificates does not sign, or cannot be used.
    #[error("{0}")]
    Authority(String),
    /// A rollout cannot be, or cannot become what is asked.
    #[error("{0}")]
    Rollout(String),
    /// A store of objects refuses.
    #[error("{url}")]
    Store {
        /// Which.
        url: String,
        /// What it answered, or why it cannot be asked.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The release is not what its manifest says.
    #[error("the release in {}: {what}", path.display())]
    Release {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

fn from_disk(error: crate::disk::DiskError) -> FleetError {
    FleetError::File { action: error.action, path: error.path, source: error.source }
}

pub(crate) fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FleetError {
    let path = path.to_path_buf();
    move |source| FleetError::File { action, path, source }
}

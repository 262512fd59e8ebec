//! The one way to write a file: whole or not at all, also when the power goes in the middle.
//!
//! A new content is written beside its target, synced, renamed over it, and the folder is synced.
//! What must never be here: a write into a file that somebody may be reading.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A step of writing a file failed.
#[derive(Debug, Error)]
#[error("cannot {action} {}", path.display())]
pub struct DiskError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// The file or folder it was tried on.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_path_buf();
    move |source| DiskError { action, path, source }
}

/// Replaces the content of `path` by `bytes`, so that a reader or a power cut sees the old content
/// or the new one. The folder must exist.
///
/// # Errors
/// The step that failed, with its path. The old content is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    replace_by(path, false, |file| file.write_all(bytes))
}

/// As [`replace`], for what only its owner may read: at no moment may anyone else.
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    replace_by(path, true, |file| file.write_all(bytes))
}

/// As [`replace`] or [`replace_private`], for what is too large to be held at once: `fill` writes
/// it.
///
/// # Errors
/// As [`replace`]; where `fill` fails nothing is replaced.
pub fn replace_by(
    path: &Path,
    is_private: bool,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), DiskError> {
    let temporary = beside(path);
    let file = if is_private {
        // What an earlier attempt has left may be anybody's to read.
        drop(std::fs::remove_file(&temporary));
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary);
        file.map_err(fault("create", &temporary))
    } else {
        create(&temporary)
    };
    let written = file.and_then(|mut file| {
        fill(&mut file).map_err(fault("write", &temporary))?;
        publish(&temporary, path)
    });
    if written.is_err() {
        // The first error is the one to report; a leftover is overwritten by the next attempt.
        drop(std::fs::remove_file(&temporary));
    }
    written
}

/// Gives a finished file its name: syncs it, renames it over `target`, syncs the folder. Both must
/// be on one file system.
///
/// # Errors
/// The step that failed, with its path.
#[expect(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]
pub fn publish(finished: &Path, target: &Path) -> Result<(), DiskError> {
    File::open(finished).and_then(|file| file.sync_all()).map_err(fault("sync", finished))?;
    std::fs::rename(finished, target).map_err(fault("rename to its final name", finished))?;
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync_folder(folder)
}

/// Makes the names in a folder outlive a power cut.
///
/// # Errors
/// The folder could not be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<(), DiskError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(fault("sync the folder", folder))
}

/// Opens an empty file that nobody reads yet, to be published later.
///
/// # Errors
/// The file could not be created.
pub fn create(path: &Path) -> Result<File, DiskError> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(path)
        .map_err(fault("create", path))
}

/// Opens a file that nobody reads yet to go on at its end, or creates it.
///
/// # Errors
/// The file could not be opened.
pub fn append(path: &Path) -> Result<File, DiskError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(fault("open", path))
}

/// Creates a folder with all folders above it, if it is not there.
///
/// # Errors
/// The folder could not be created.
pub fn folder(path: &Path) -> Result<(), DiskError> {
    std::fs::create_dir_all(path).map_err(fault("create the folder", path))
}

/// A name in the same folder, so that the rename stays within one file system. Hidden, and with
/// our process in it, so that two writers do not share a file.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_leaves_the_new_content_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_replace_names_the_step_and_keeps_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        self::super::folder(&target).unwrap();
        replace(&target.join("inside"), b"old").unwrap();
        let error = replace(&target, b"new").unwrap_err();
        assert_eq!(error.action, "rename to its final name");
        assert_eq!(std::fs::read(target.join("inside")).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_said_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = replace(&folder.path().join("absent/state"), b"x").unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}

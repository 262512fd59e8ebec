//! Who may change the slots: one process at a time. The kernel gives the lock back when its owner
//! ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// The right to change the slots, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder of slots; `None` where another process has it. Does not wait.
    ///
    /// # Errors
    /// Where its file cannot be made.
    pub fn take(slots: &Path) -> io::Result<Option<Lock>> {
        std::fs::create_dir_all(slots)?;
        let path = slots.join("lock");
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let slots = folder.path().join("slots");
        let first = Lock::take(&slots).unwrap();
        assert!(first.is_some());
        assert!(Lock::take(&slots).unwrap().is_none());
        drop(first);
        assert!(Lock::take(&slots).unwrap().is_some());
    }
}

//! A part of a card that gives nothing any more, told from a disk that is away: the one is damage
//! and is rescued, the other is waited for. Never here: what becomes of a file.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{JournalError, Store, damage};
use crate::disk;
use crate::limits::{JOURNAL_UNREAD_MS_MAX, JOURNAL_UNREAD_PAUSE_MS, JOURNAL_UNREAD_TRIES};

/// What is written, synced and read back where a disk is asked whether it works.
const PROBE: &[u8] = b"Is this disk there?\n";

/// True where the disk did not give the bytes of a file.
fn is_unread(error: &JournalError) -> bool {
    matches!(error, JournalError::Database { source, .. } if damage::is_unread(source))
}

/// True where the disk takes a small file, keeps it and gives it back.
fn works(folder: &Path) -> bool {
    let path = folder.join("journal.probe");
    let kept = disk::replace(&path, PROBE).is_ok() && fs::read(&path).is_ok_and(|it| it == PROBE);
    // Left behind it is overwritten by the next.
    fs::remove_file(&path).ok();
    kept
}

/// What could not be read, as damage of its file.
fn as_damage(error: &JournalError) -> Option<JournalError> {
    let path = error.path().filter(|_| is_unread(error))?.to_owned();
    let what = format!("a part of it cannot be read: {}", error.chain());
    Some(JournalError::Foreign { path, what })
}

/// Tries again what reads a file, until it does, or often or long enough.
fn tried<T>(
    longest: Duration,
    mut attempt: impl FnMut() -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    let began = Instant::now();
    let mut tries = 1;
    loop {
        let done = attempt();
        let is_enough = tries >= JOURNAL_UNREAD_TRIES || began.elapsed() >= longest;
        if is_enough || !done.as_ref().is_err_and(is_unread) {
            return done;
        }
        std::thread::sleep(Duration::from_millis(JOURNAL_UNREAD_PAUSE_MS));
        tries += 1;
    }
}

impl Store {
    /// Tries several times what reads a file. What fails each time, and once more after the disk
    /// was seen to work, is damage. For a start alone: it waits between.
    pub(super) fn reading<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Store) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let longest = Duration::from_millis(JOURNAL_UNREAD_MS_MAX);
        match tried(longest, || attempt(self)) {
            Err(error) if is_unread(&error) && works(&self.folder) => {
                attempt(self).map_err(|error| as_damage(&error).unwrap_or(error))
            }
            done => done,
        }
    }

    /// The failure of a running journal, as damage under the same conditions.
    pub(super) fn unread_again(&mut self, error: &JournalError) -> Option<JournalError> {
        let Some(damage) = as_damage(error) else {
            self.unread = 0;
            return None;
        };
        self.unread += 1;
        if self.unread <= JOURNAL_UNREAD_TRIES {
            // Only what fails after the disk was seen to work counts.
            if self.unread == JOURNAL_UNREAD_TRIES && !works(&self.folder) {
                self.unread -= 1;
            }
            return None;
        }
        self.unread = 0;
        Some(damage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_reads_are_tried_less_often() {
        let unread = || {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_READ);
            let source = rusqlite::Error::SqliteFailure(code, None);
            JournalError::Database { path: "a".into(), action: "reading", source }
        };
        let tries = |longest| {
            let mut tries = 0;
            let done: Result<(), _> = tried(longest, || {
                tries += 1;
                Err(unread())
            });
            assert!(done.is_err_and(|error| is_unread(&error)));
            tries
        };
        assert_eq!(tries(Duration::MAX), JOURNAL_UNREAD_TRIES);
        assert_eq!(tries(Duration::ZERO), 1, "each takes longer than all may");
    }
}

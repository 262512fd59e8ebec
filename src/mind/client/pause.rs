//! When to try again: after a pause that grows, or when the model's file is another one.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;

use crate::limits::{MIND_RESTART_MS_MAX, MIND_RESTART_MS_MIN};

/// Pauses between starts: each twice the last, up to a bound, and less by a random part of up to a
/// half, so that a fleet that failed together does not start together.
#[derive(Debug)]
pub(super) struct Pause {
    next_ms: u64,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { next_ms: MIND_RESTART_MS_MIN }
    }

    pub(super) fn next(&mut self) -> Duration {
        let full = self.next_ms;
        self.next_ms = (full * 2).min(MIND_RESTART_MS_MAX);
        // Without a random source every board pauses alike, which is no reason not to start.
        let random = SysRng.try_next_u64().unwrap_or(0);
        Duration::from_millis(full - random % (full / 2 + 1))
    }
}

/// What tells one file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileStamp {
    /// There is none, or it cannot be looked at.
    Missing,
    /// Size in bytes, time of the last change in seconds and nanoseconds, inode.
    There { bytes: u64, changed: (i64, i64), inode: u64 },
}

impl FileStamp {
    pub(super) fn of(path: &Path) -> Self {
        match std::fs::metadata(path) {
            Err(_) => Self::Missing,
            Ok(facts) => Self::There {
                bytes: facts.len(),
                changed: (facts.mtime(), facts.mtime_nsec()),
                inode: facts.ino(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_are_never_less_than_half() {
        let mut pause = Pause::new();
        let mut full = MIND_RESTART_MS_MIN;
        for _ in 0..20 {
            let found = pause.next().as_millis() as u64;
            assert!((full / 2..=full).contains(&found), "{found} of {full}");
            full = (full * 2).min(MIND_RESTART_MS_MAX);
        }
        assert_eq!(full, MIND_RESTART_MS_MAX);
    }

    #[test]
    fn a_file_that_appears_grows_or_is_replaced_is_another_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.gguf");
        assert_eq!(FileStamp::of(&path), FileStamp::Missing);
        std::fs::write(&path, b"one").expect("written");
        let first = FileStamp::of(&path);
        assert_ne!(first, FileStamp::Missing);
        assert_eq!(FileStamp::of(&path), first);
        std::fs::write(&path, b"longer").expect("written");
        let second = FileStamp::of(&path);
        assert_ne!(second, first);
        let other = folder.path().join("other");
        std::fs::write(&other, b"longer").expect("written");
        std::fs::rename(&other, &path).expect("renamed");
        assert_ne!(FileStamp::of(&path), second);
    }
}

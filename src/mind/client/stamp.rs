//! When a model's file is another one. Nothing of it is read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells one file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mind) enum FileStamp {
    /// There is none, or it cannot be looked at.
    Missing,
    /// Size in bytes, time of the last change in seconds and nanoseconds, inode.
    There { bytes: u64, changed: (i64, i64), inode: u64 },
}

impl FileStamp {
    pub(in crate::mind) fn of(path: &Path) -> Self {
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

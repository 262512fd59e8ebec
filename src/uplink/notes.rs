//! What a destination must remember beside its cursor: records in quarantine, bytes of the day. A
//! small file in the journal's folder, written whole or not at all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::budget::Spent;
use crate::disk;
use crate::limits::{UPLINK_QUARANTINE_MAX, UPLINK_REASON_CHARS_MAX};

/// A record that the destination does not take. It stays in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its sequence.
    pub seq: u64,
    /// Its kind's word.
    pub kind: String,
    /// Why.
    pub reason: String,
}

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// Records in quarantine, oldest first.
    pub quarantine: Vec<Refused>,
    /// Entries that found no room any more.
    pub forgotten: u64,
    /// Bytes of the day.
    pub spent: Spent,
    /// The range that was last on its way by request: said again with the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub going: Option<Range>,
}

/// Records of a request: everything after one sequence up to and with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Everything up to here was acknowledged.
    pub after: u64,
    /// The last one.
    pub last: u64,
    /// The start of the agent that made the last one.
    pub boot: u64,
}

impl Notes {
    /// The file of a destination.
    #[must_use]
    pub fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("uplink-{name}.json"))
    }

    /// Reads the file; one that is not there or not readable is as an empty one: at worst a record
    /// is refused again.
    #[must_use]
    pub fn read(path: &Path) -> Notes {
        let Ok(bytes) = std::fs::read(path) else { return Notes::default() };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "not readable, begun anew");
            Notes::default()
        })
    }

    /// Writes the file; where the disk refuses, that is logged and tried again with the next.
    pub fn write(&self, path: &Path) {
        let written = serde_json::to_vec_pretty(self)
            .map_err(|error| error.to_string())
            .and_then(|bytes| disk::replace(path, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(error, "notes of a destination not written");
        }
    }

    /// True for a record in quarantine.
    #[must_use]
    pub fn refuses(&self, seq: u64) -> bool {
        self.quarantine.iter().any(|one| one.seq == seq)
    }

    /// Puts a record into quarantine.
    pub fn refuse(&mut self, seq: u64, kind: &str, reason: &str) {
        if self.refuses(seq) {
            return;
        }
        let reason = reason.chars().take(UPLINK_REASON_CHARS_MAX).collect();
        self.quarantine.push(Refused { seq, kind: kind.to_owned(), reason });
        while self.quarantine.len() > UPLINK_QUARANTINE_MAX {
            self.quarantine.remove(0);
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quarantine_is_bounded_and_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = Notes::path(folder.path(), "hq");
        assert_eq!(Notes::read(&path), Notes::default());
        let mut notes = Notes::default();
        for seq in 0..UPLINK_QUARANTINE_MAX as u64 + 3 {
            notes.refuse(seq, "reading", &"ä".repeat(UPLINK_REASON_CHARS_MAX));
            notes.refuse(seq, "reading", "again");
        }
        assert_eq!((notes.quarantine.len(), notes.forgotten), (UPLINK_QUARANTINE_MAX, 3));
        assert!(notes.refuses(3) && !notes.refuses(2));
        notes.write(&path);
        assert_eq!(Notes::read(&path), notes);
        disk::replace(&path, b"{").unwrap();
        assert_eq!(Notes::read(&path), Notes::default());
    }
}

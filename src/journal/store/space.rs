//! Free space of the journal's file system: below a reserve only what matters is stored.

use std::path::{Path, PathBuf};

use super::super::record::{Record, Stamp};
use crate::domain::Entry;
use crate::limits::JOURNAL_RESERVE_BYTES;

/// What is known of the free space.
#[derive(Debug)]
pub(super) struct Space {
    folder: PathBuf,
    is_low: bool,
    /// What a person was last told.
    told_low: bool,
    free_bytes: u64,
}

impl Space {
    pub(super) fn new(folder: &Path) -> Space {
        let mut space =
            Space { folder: folder.to_owned(), is_low: false, told_low: false, free_bytes: 0 };
        space.look();
        space
    }

    /// Asks the file system. Where it gives no answer, there is room until a commit fails.
    pub(super) fn look(&mut self) {
        let Ok(found) = rustix::fs::statvfs(&self.folder) else { return };
        self.set_free(found.f_bavail.saturating_mul(found.f_frsize));
    }

    fn set_free(&mut self, free_bytes: u64) {
        self.free_bytes = free_bytes;
        // A quarter more ends it: no coming and going at the edge.
        let reserve = if self.is_low {
            JOURNAL_RESERVE_BYTES + JOURNAL_RESERVE_BYTES / 4
        } else {
            JOURNAL_RESERVE_BYTES
        };
        self.is_low = free_bytes < reserve;
    }

    /// A sentence where it changed since the last call.
    pub(super) fn notice(&mut self) -> Option<String> {
        if self.told_low == self.is_low {
            return None;
        }
        self.told_low = self.is_low;
        let megabytes = self.free_bytes / 1_000_000;
        Some(if self.is_low {
            format!("{megabytes} MB free for the journal: readings are no longer stored")
        } else {
            format!("{megabytes} MB free for the journal: readings are stored again")
        })
    }

    /// Where space is low: the records that matter, and one that names the readings left out.
    pub(super) fn withhold(&self, records: &[Record]) -> Option<Vec<Record>> {
        let left_out: Vec<_> = records.iter().filter(|record| record.kind.is_telemetry()).collect();
        let (Some(first), Some(last)) = (left_out.first(), left_out.last()) else { return None };
        if !self.is_low {
            return None;
        }
        let reason = format!("{} readings, the disk is nearly full", left_out.len());
        let entry = Entry::Dropped { first: first.seq, last: last.seq, reason };
        let named = Record::new(Stamp { seq: last.seq, ..last.stamp() }, &entry);
        let mut kept: Vec<_> =
            records.iter().filter(|record| !record.kind.is_telemetry()).cloned().collect();
        let place = kept.partition_point(|record| record.seq < named.seq);
        kept.insert(place, named);
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::domain::{Severity, Value};

    fn record(seq: u64, entry: &Entry) -> Record {
        Record::new(Stamp { seq, boot: 1, now: Now::default() }, entry)
    }

    #[test]
    fn below_the_reserve_readings_are_named_and_the_rest_is_kept() {
        let mut space = Space::new(Path::new("."));
        let reading = Entry::Reading { sensor: "air".into(), value: Value::Number(1.0) };
        let (kind, text) = ("test".into(), "x".into());
        let event = Entry::Event { kind, text, severity: Severity::Alarm };
        let records = [record(1, &reading), record(2, &event), record(3, &reading)];
        space.set_free(JOURNAL_RESERVE_BYTES);
        assert!(space.withhold(&records).is_none());
        space.set_free(JOURNAL_RESERVE_BYTES - 1);
        assert!(space.notice().is_some_and(|text| text.contains("no longer")));
        assert!(space.notice().is_none());
        let kept = space.withhold(&records).unwrap();
        assert_eq!(kept[0], records[1]);
        let Ok(Entry::Dropped { first, last, .. }) = kept[1].entry() else { panic!("{kept:?}") };
        assert_eq!((first, last, kept[1].seq, kept.len()), (1, 3, 3, 2));
        space.set_free(JOURNAL_RESERVE_BYTES + 1);
        assert!(space.withhold(&records).is_some(), "no coming and going at the edge");
        space.set_free(2 * JOURNAL_RESERVE_BYTES);
        assert!(space.withhold(&records).is_none() && space.notice().is_some());
    }
}

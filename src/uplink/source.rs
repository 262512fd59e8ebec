//! The journal as a destination reads it: by connections of its own, in short looks, so that the
//! writer never waits. Nothing here changes a byte.

use std::path::PathBuf;

use super::batch::AuditHead;
use super::flow::Place;
use crate::causes::chain;
use crate::config::{Cloud, CloudPriority};
use crate::domain::{Entry, Severity};
use crate::journal::{Filter, Kind, Reader, Record};
use crate::limits::{UPLINK_ALARMS_MAX, UPLINK_BATCH_MEMORY_BYTES_MAX};

/// Records in order.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Those that are wanted.
    pub records: Vec<Record>,
    /// The last place that was looked at; none where there was nothing.
    pub last: Option<Place>,
    /// There may be more.
    pub full: bool,
    /// What could not be read; the rest was.
    pub fault: Option<String>,
    /// The head of the audit's hash chain.
    pub audit: Option<AuditHead>,
}

/// Which records a destination wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    kinds: Vec<Kind>,
    priority: CloudPriority,
}

impl Wanted {
    /// Those of the configuration.
    #[must_use]
    pub fn of(cloud: &Cloud) -> Wanted {
        Wanted { kinds: cloud.kinds.clone(), priority: cloud.priority }
    }

    /// True where the record is wanted.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&record.kind);
        kind && match self.priority {
            CloudPriority::All => true,
            CloudPriority::Matters => !record.kind.is_telemetry(),
            CloudPriority::Alarms => is_alarm(record),
        }
    }
}

/// True for an event that a person must see.
fn is_alarm(record: &Record) -> bool {
    record.kind == Kind::Event
        && matches!(record.entry(), Ok(Entry::Event { severity: Severity::Alarm, .. }))
}

/// Records that a destination has not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Of the journal's files that hold them, whole files counted.
    pub bytes: u64,
    /// When the first of them was made, milliseconds since 1970.
    pub oldest_unix_ms: i64,
}

/// The journal's folder.
#[derive(Clone, Debug)]
pub struct Source {
    folder: PathBuf,
}

impl Source {
    /// Of a folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> Source {
        Source { folder }
    }

    /// At most so many wanted records after a sequence. What is missing there and named by no
    /// record is a fault: a look that saw less than there is must not be taken for the whole.
    #[must_use]
    pub fn read(&self, after: u64, most: usize, takes: impl Fn(&Record) -> bool) -> Chunk {
        let mut chunk = Chunk::default();
        let (mut bytes, mut before) = (0, after);
        let looked = Reader::open(&self.folder).and_then(|reader| {
            let head = reader.audit_head()?;
            chunk.audit = (head.seq > 0).then_some(AuditHead { seq: head.seq, hash: head.hash });
            reader.each(after, &Filter::default(), |record| {
                chunk.last = Some(Place { seq: record.seq, boot: record.boot });
                if chunk.fault.is_none() && !follows(before, &record) {
                    let first = before.saturating_add(1);
                    chunk.fault = Some(format!("from {first} to {} nothing is there", record.seq));
                }
                before = record.seq;
                // What stands for a block that cannot be read is no record.
                if !record.payload.is_empty() && takes(&record) {
                    bytes += record.bytes();
                    chunk.records.push(record);
                }
                chunk.full = chunk.records.len() >= most || bytes > UPLINK_BATCH_MEMORY_BYTES_MAX;
                !chunk.full
            })
        });
        match looked {
            Ok(looked_to) => {
                // Behind the last record there may be some that this program does not know.
                if let Some(last) = chunk.last.as_mut().filter(|last| last.seq < looked_to) {
                    last.seq = looked_to;
                }
            }
            Err(error) => chunk.fault = Some(chain(&error)),
        }
        chunk
    }

    /// What waits after a sequence; `None` where that cannot be known now.
    #[must_use]
    pub fn waiting(&self, after: u64) -> Option<Waiting> {
        let reader = Reader::open(&self.folder).ok()?;
        let mut oldest_unix_ms = None;
        let first = reader.each(after, &Filter::default(), |record| {
            oldest_unix_ms = Some(record.unix_ms);
            false
        });
        first.ok()?;
        Some(Waiting { bytes: reader.bytes_after(after).ok()?, oldest_unix_ms: oldest_unix_ms? })
    }

    /// The record at a place; none where the journal does not have it.
    ///
    /// # Errors
    /// What could not be read, in words: nothing is known then.
    pub fn record_at(&self, seq: u64) -> Result<Option<Record>, String> {
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let chunk = self.read(before, 1, |_| true);
        let record = chunk.records.into_iter().next().filter(|record| record.seq == seq);
        match (record, chunk.fault) {
            (Some(record), _) => Ok(Some(record)),
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        }
    }

    /// The newest alarms after a sequence.
    #[must_use]
    pub fn alarms(&self, after: u64) -> Vec<Record> {
        let mut alarms = std::collections::VecDeque::new();
        let events = Filter { kind: Some(Kind::Event), ..Filter::default() };
        let looked = Reader::open(&self.folder).and_then(|reader| {
            reader.each(after, &events, |record| {
                if is_alarm(&record) {
                    alarms.push_back(record);
                }
                if alarms.len() > UPLINK_ALARMS_MAX {
                    alarms.pop_front();
                }
                true
            })
        });
        if let Err(error) = looked {
            // They come in their place.
            tracing::warn!(error = chain(&error), "alarms of the backlog not found");
        }
        alarms.into()
    }
}

/// True where nothing is missing between a sequence and a record, or the record names what is.
fn follows(before: u64, record: &Record) -> bool {
    record.seq <= before.saturating_add(1)
        || matches!(record.entry(), Ok(Entry::Dropped { first, .. }) if first <= before + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::journal::Stamp;

    #[test]
    fn what_is_missing_and_named_by_nobody_is_a_fault() {
        let record =
            |seq, entry: &Entry| Record::new(Stamp { seq, boot: 1, now: Now::default() }, entry);
        let boot = Entry::Boot { version: "1".into(), mode: "act".into() };
        let dropped = |first, last| Entry::Dropped { first, last, reason: String::new() };
        assert!(follows(4, &record(5, &boot)));
        assert!(!follows(4, &record(6, &boot)));
        assert!(follows(4, &record(9, &dropped(5, 9))));
        assert!(follows(4, &record(9, &dropped(1, 9))));
        assert!(!follows(4, &record(9, &dropped(6, 9))));
    }

    #[test]
    fn a_journal_that_is_not_there_is_a_fault_and_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::new(folder.path().join("none"));
        let chunk = source.read(0, 10, |_| true);
        assert!(chunk.fault.is_some() && chunk.last.is_none());
        assert!(source.record_at(1).is_err());
        assert_eq!(source.record_at(0), Ok(None));
    }
}

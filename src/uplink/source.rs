//! The journal as a destination reads it: by connections of its own, in short looks, so that the
//! writer never waits. Nothing here changes a byte.

use std::path::PathBuf;

use super::batch::AuditHead;
use super::flow::Place;
use crate::config::{Cloud, CloudPriority};
use crate::domain::{Entry, Severity};
use crate::journal::{Filter, Kind, QueryError, Reader, Record};
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

    /// At most so many wanted records after a sequence.
    #[must_use]
    pub fn read(&self, after: u64, most: usize, takes: impl Fn(&Record) -> bool) -> Chunk {
        let mut chunk = Chunk::default();
        let mut bytes = 0;
        let looked = Reader::open(&self.folder).and_then(|reader| {
            reader.each(after, &Filter::default(), |record| {
                chunk.last = Some(Place { seq: record.seq, boot: record.boot });
                if takes(&record) {
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
            Err(error) => chunk.fault = Some(words(&error)),
        }
        chunk
    }

    /// The record at a place, where the journal has it.
    #[must_use]
    pub fn record_at(&self, seq: u64) -> Option<Record> {
        let chunk = self.read(seq.checked_sub(1)?, 1, |_| true);
        chunk.records.into_iter().next().filter(|record| record.seq == seq)
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
            tracing::warn!(error = words(&error), "alarms of the backlog not found");
        }
        alarms.into()
    }

    /// The head of the audit's hash chain.
    #[must_use]
    pub fn audit_head(&self) -> Option<AuditHead> {
        let link = Reader::open(&self.folder).and_then(|reader| reader.audit_head()).ok()?;
        (link.seq > 0).then_some(AuditHead { seq: link.seq, hash: link.hash })
    }
}

fn words(error: &QueryError) -> String {
    let source = std::error::Error::source(error).map(|it| format!(": {it}"));
    format!("{error}{}", source.unwrap_or_default())
}

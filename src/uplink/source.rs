//! The journal as a destination reads it: by connections of its own, in short looks, so that the
//! writer never waits. Nothing here changes a byte.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::batch::AuditHead;
use super::flow::Place;
use crate::causes::chain;
use crate::config::{Cloud, CloudPriority};
use crate::domain::{Entry, Severity};
use crate::journal::{Filter, Kind, QueryError, Reader, Record, Seen, is_damage, is_unread};
use crate::limits::{UPLINK_ALARMS_MAX, UPLINK_BATCH_MEMORY_BYTES_MAX, UPLINK_LOOK_RECORDS_MAX};

/// Records in order.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Those that are wanted.
    pub records: Vec<Record>,
    /// The last place that was looked at; none where there was nothing.
    pub last: Option<Place>,
    /// There may be more.
    pub full: bool,
    /// What could not be read.
    pub fault: Option<Fault>,
    /// The head of the audit's hash chain.
    pub audit: Option<AuditHead>,
}

/// Why a look saw less than there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In words.
    pub text: String,
    /// Whether a later look may see more.
    pub kind: FaultKind,
}

/// Whether a later look may see more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No: bytes are wrong, or gone and named by nobody. The rest was read, and there is some.
    Damaged,
    /// Yes: a disk that is away or full, a file that must not be opened. Nothing behind it was
    /// read.
    Away,
    /// The disk does not give the bytes of one file: a dead sector of a card, where the rest of the
    /// disk works. Nothing behind it was read.
    File(PathBuf),
}

impl Fault {
    fn damaged(text: String) -> Fault {
        Fault { text, kind: FaultKind::Damaged }
    }

    fn away(text: String) -> Fault {
        Fault { text, kind: FaultKind::Away }
    }

    /// Of an error while records were read; a file that was given up is as good as damaged.
    fn of(error: &QueryError, given_up: &BTreeSet<PathBuf>) -> Fault {
        let kind = match error {
            QueryError::Database { source, .. } if is_damage(source) => FaultKind::Damaged,
            QueryError::Database { path, .. } if given_up.contains(path) => FaultKind::Damaged,
            QueryError::Database { path, source, .. } if is_unread(source) => {
                FaultKind::File(path.clone())
            }
            _ => FaultKind::Away,
        };
        Fault { text: chain(error), kind }
    }
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
    /// Ranges that a record names as gone, as far as they were asked for: they stay gone.
    named: Vec<(u64, u64)>,
    /// Files that are read over where they cannot be read; no more than the folder has.
    given_up: BTreeSet<PathBuf>,
}

impl Source {
    /// Of a folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> Source {
        Source { folder, named: Vec::new(), given_up: BTreeSet::new() }
    }

    /// A file that cannot be read while the disk works counts as damaged from now on.
    pub fn give_up(&mut self, file: PathBuf) {
        self.given_up.retain(|file| file.exists());
        self.given_up.insert(file);
    }

    /// At most so many wanted records after a sequence, among `UPLINK_LOOK_RECORDS_MAX`. What is
    /// missing there and named by no record is a fault: a look that saw less than there is must not
    /// be taken for the whole.
    #[must_use]
    pub fn read(&mut self, after: u64, most: usize, takes: impl Fn(&Record) -> bool) -> Chunk {
        let chunk = Chunk::default();
        let opened = Reader::open(&self.folder).and_then(|reader| {
            let head = reader.audit_head()?;
            Ok((reader, head))
        });
        let (reader, head) = match opened {
            Ok(opened) => opened,
            Err(error) => return Chunk { fault: Some(Fault::away(chain(&error))), ..chunk },
        };
        let audit = (head.seq > 0).then_some(AuditHead { seq: head.seq, hash: head.hash });
        let mut look = Look {
            chunk: Chunk { audit, ..chunk },
            reader: &reader,
            named: &mut self.named,
            given_up: &self.given_up,
            no_audit: None,
            has_asked: false,
            before: after,
            bytes: 0,
            looked_at: 0,
            most,
        };
        let looked = reader.walk(after, None, &mut |seen| look.see(seen, &takes));
        match looked {
            // What the walk ended with may be of a kind that this program does not know.
            Ok(looked_to) => look.reach(looked_to),
            Err(error) => look.fails(Fault::of(&error, look.given_up)),
        }
        let mut chunk = look.chunk;
        if chunk.last.is_none() {
            // There is nothing to go on with: what is behind damage may be stored yet.
            let unseen = || Fault::away("what was stored is not to be seen".to_owned());
            let fault = chunk.fault.get_or_insert_with(unseen);
            if fault.kind == FaultKind::Damaged {
                fault.kind = FaultKind::Away;
            }
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
    pub fn record_at(&mut self, seq: u64) -> Result<Option<Record>, String> {
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let chunk = self.read(before, 1, |_| true);
        let record = chunk.records.into_iter().next().filter(|record| record.seq == seq);
        match (record, chunk.fault) {
            (Some(record), _) => Ok(Some(record)),
            (None, Some(fault)) => Err(fault.text),
            (None, None) => Ok(None),
        }
    }

    /// The newest alarms after a sequence, in order, as far back as a short look goes.
    #[must_use]
    pub fn alarms(&self, after: u64) -> Vec<Record> {
        let looked = Reader::open(&self.folder)
            .and_then(|reader| reader.newest_audited(Kind::Event, after, UPLINK_LOOK_RECORDS_MAX));
        match looked {
            Ok(events) => {
                let newest = events.into_iter().filter(is_alarm).take(UPLINK_ALARMS_MAX);
                let mut alarms: Vec<_> = newest.collect();
                alarms.reverse();
                alarms
            }
            Err(error) => {
                // They come in their place.
                tracing::warn!(error = chain(&error), "alarms of the backlog not found");
                Vec::new()
            }
        }
    }
}

/// A look on its way.
struct Look<'a> {
    chunk: Chunk,
    reader: &'a Reader,
    named: &'a mut Vec<(u64, u64)>,
    given_up: &'a BTreeSet<PathBuf>,
    /// The audit database cannot be read, which is a fault where the chain has a gap.
    no_audit: Option<Fault>,
    /// The journal was asked which ranges are gone.
    has_asked: bool,
    /// Everything up to here was seen.
    before: u64,
    /// Of the records, in memory.
    bytes: usize,
    looked_at: u32,
    most: usize,
}

impl Look<'_> {
    /// True where the look goes on.
    fn see(&mut self, seen: Seen, takes: impl Fn(&Record) -> bool) -> bool {
        match seen {
            Seen::Record(record) => {
                if self.no_audit.is_some() || !follows(self.before, &record) {
                    self.misses(record.seq);
                }
                self.before = record.seq;
                self.chunk.last = Some(Place { seq: record.seq, boot: record.boot });
                if takes(&record) {
                    self.bytes += record.bytes();
                    self.chunk.records.push(record);
                }
            }
            Seen::Newer(seq) => {
                self.misses(seq);
                self.reach(seq);
            }
            Seen::Block { first, last, why, .. } => {
                self.misses(first);
                self.fails(Fault::damaged(format!("records {first} to {last}: {why}")));
                self.reach(last);
            }
            Seen::File(error) => {
                let fault = Fault::of(&error, self.given_up);
                let is_lost = fault.kind == FaultKind::Damaged;
                let of_audit = matches!(&error, QueryError::Database { path, .. }
                    if path == self.reader.path());
                if is_lost && of_audit {
                    self.no_audit = Some(fault);
                } else {
                    self.fails(fault);
                }
                // What lies behind it must not be taken for all there is.
                if !is_lost {
                    return false;
                }
            }
            Seen::Differs(_) => {}
        }
        self.looked_at += 1;
        self.chunk.full = self.chunk.records.len() >= self.most
            || self.bytes > UPLINK_BATCH_MEMORY_BYTES_MAX
            || self.looked_at >= UPLINK_LOOK_RECORDS_MAX;
        !self.chunk.full
    }

    /// Everything up to a sequence was looked at.
    fn reach(&mut self, seq: u64) {
        if seq > self.before {
            self.before = seq;
            let boot = self.chunk.last.map_or(0, |last| last.boot);
            self.chunk.last = Some(Place { seq, boot });
        }
    }

    /// Keeps the first fault, and one that may pass before any other.
    fn fails(&mut self, fault: Fault) {
        let passes = fault.kind != FaultKind::Damaged;
        if passes || self.chunk.fault.is_none() {
            self.chunk.fault = Some(fault);
        }
    }

    /// The next that is there has this sequence: what is missing before it should be named. The
    /// name stands at the end of its range, behind records of the audit that are still there.
    fn misses(&mut self, seq: u64) {
        let (first, last) = (self.before.saturating_add(1), seq.saturating_sub(1));
        if first > last || self.chunk.fault.is_some() {
            return;
        }
        // A name says what became of those that are not here, and the audit may have some.
        if let Some(fault) = self.no_audit.take() {
            return self.fails(fault);
        }
        if self.is_named(first, last) {
            return;
        }
        if !self.has_asked {
            self.has_asked = true;
            match self.reader.named_ranges() {
                Ok(named) => *self.named = named,
                Err(error) => return self.fails(Fault::of(&error, self.given_up)),
            }
        }
        if !self.is_named(first, last) {
            self.fails(Fault::damaged(format!("from {first} to {last} nothing is there")));
        }
    }

    fn is_named(&self, first: u64, last: u64) -> bool {
        self.named.iter().any(|(from, to)| *from <= first && last <= *to)
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
    fn only_bytes_that_do_not_come_are_a_dead_sector() {
        use rusqlite::ffi;
        let kind = |code, given_up: &BTreeSet<PathBuf>| {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = QueryError::Database { path: "a".into(), action: "reading", source };
            Fault::of(&error, given_up).kind
        };
        let none = BTreeSet::new();
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_CORRUPTFS] {
            assert_eq!(kind(code, &none), FaultKind::File("a".into()), "{code}");
            let given_up = BTreeSet::from(["a".into(), "b".into()]);
            assert_eq!(kind(code, &given_up), FaultKind::Damaged, "{code}");
        }
        let others = [
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_PERM,
            ffi::SQLITE_IOERR_SHMSIZE,
        ];
        for code in others {
            assert_eq!(kind(code, &none), FaultKind::Away, "{code}");
        }
        assert_eq!(kind(ffi::SQLITE_CORRUPT, &none), FaultKind::Damaged);
    }

    #[test]
    fn a_journal_that_is_not_there_is_a_fault_and_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = Source::new(folder.path().join("none"));
        let chunk = source.read(0, 10, |_| true);
        assert!(chunk.fault.is_some() && chunk.last.is_none());
        assert!(source.record_at(1).is_err());
        assert_eq!(source.record_at(0), Ok(None));
    }
}

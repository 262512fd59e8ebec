//! Reading the journal while the agent writes it: connections of its own, read-only, in short
//! transactions, so that the writer's logs can begin anew. Nothing here changes a byte of a record.
//!
//! The chain of blocks is the journal; the audit database fills in what the chain has let go of.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::DATABASE;
use super::block::{self, kind_bit};
use super::record::{Kind, Record};
use super::store::{chain_files, chain_path, open_to_read, record_of};
use crate::clock::ClockTrust;
use crate::domain::Entry;
use crate::limits::{JOURNAL_READ_BLOCKS, JOURNAL_READ_ROWS};

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no journal in the folder.
    #[error("{}: there is no journal; --path takes the folder of [journal] path", path.display())]
    Missing {
        /// The database that was looked for.
        path: PathBuf,
    },
    /// The folder cannot be read.
    #[error("{}: cannot be read", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{}: {action} failed", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Which records are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// At or after this wall time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Before this wall time, in milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// Only readings and faults of this sensor.
    pub sensor: Option<String>,
    /// Only this decision, and steps that it is the cause of.
    pub decision: Option<String>,
}

impl Filter {
    /// True where the record is wanted.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        let early = self.since_ms.is_some_and(|since_ms| record.unix_ms < since_ms);
        let late = self.until_ms.is_some_and(|until_ms| record.unix_ms >= until_ms);
        let other = self.kind.is_some_and(|kind| record.kind != kind);
        // What cannot be read may be the one that is looked for: it is shown as unreadable.
        let is_readable = !record.payload.is_empty();
        if early || late || (other && is_readable) {
            return false;
        }
        if self.sensor.is_none() && self.decision.is_none() {
            return true;
        }
        let entry = record.entry().ok();
        let sensor = self.sensor.as_ref().is_none_or(|sensor| match &entry {
            Some(Entry::Reading { sensor: name, .. } | Entry::Faults { source: name, .. }) => {
                name == sensor
            }
            Some(_) => false,
            None => matches!(record.kind, Kind::Reading | Kind::Faults),
        });
        let decision = self.decision.as_ref().is_none_or(|id| match &entry {
            Some(Entry::Decision(decision)) => decision.id == *id,
            Some(Entry::Step { cause, .. }) => cause.contains(id),
            // What a person thought of it.
            Some(Entry::Event { kind, text, .. }) if kind == "rating" => {
                text.split_once(' ').is_some_and(|(rated, _)| rated == id)
            }
            _ => false,
        });
        sensor && decision
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    path: PathBuf,
    audit: Option<Connection>,
}

/// What a journal takes on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes of all files and their logs.
    pub bytes: u64,
    /// Of these, the audit database's.
    pub audit_bytes: u64,
    /// Files of the chain.
    pub files: usize,
}

/// What a walk meets, in the order of sequences.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A record; its times are repaired.
    Record(Record),
    /// A record of a kind that this program does not know.
    Newer(u64),
    /// A block whose bytes changed, or of a newer program.
    Block { first: u64, last: u64, newer: bool, why: String },
    /// A file that SQLite cannot read on.
    File(QueryError),
    /// The audit database has something else than the chain at this sequence.
    Differs(u64),
}

impl Reader {
    /// Opens the journal of a folder for reading.
    ///
    /// # Errors
    /// Where there is none, or SQLite cannot open it.
    pub fn open(folder: &Path) -> Result<Reader, QueryError> {
        let path = folder.join(DATABASE);
        let audit = if path.exists() {
            let failed =
                |source| QueryError::Database { path: path.clone(), action: "opening", source };
            open_to_read(&path).map_err(failed)?
        } else if chain_files(folder).is_ok_and(|files| !files.is_empty()) {
            None
        } else {
            return Err(QueryError::Missing { path });
        };
        Ok(Reader { folder: folder.to_owned(), path, audit })
    }

    /// The audit database's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn audit(&self) -> Option<&Connection> {
        self.audit.as_ref()
    }

    pub(super) fn files(&self) -> Result<Vec<u64>, QueryError> {
        chain_files(&self.folder)
            .map_err(|source| QueryError::Folder { path: self.folder.clone(), source })
    }

    pub(super) fn file(&self, first: u64) -> PathBuf {
        chain_path(&self.folder, first)
    }

    /// What the journal takes on the disk.
    #[must_use]
    pub fn size(&self) -> Size {
        let bytes = |path: &Path| {
            let log = PathBuf::from(format!("{}-wal", path.display()));
            let one = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
            one(path) + one(&log)
        };
        let files = self.files().unwrap_or_default();
        let audit_bytes = bytes(&self.path);
        let chain_bytes: u64 = files.iter().map(|first| bytes(&self.file(*first))).sum();
        Size { bytes: audit_bytes + chain_bytes, audit_bytes, files: files.len() }
    }

    /// The last `count` records, in order.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn last(&self, count: u32) -> Result<Vec<Record>, QueryError> {
        let count = count as usize;
        let times = self.boot_times();
        let mut found = BTreeMap::new();
        let files = self.files()?;
        let mut end = files.is_empty().then_some(u64::MAX);
        for first in files.iter().rev() {
            let (last, records) = self.end_of(*first, count.saturating_sub(found.len()))?;
            end.get_or_insert(last.unwrap_or(first.saturating_sub(1)));
            found.extend(records.into_iter().map(|record| (record.seq, record)));
            if found.len() >= count {
                break;
            }
        }
        let sql = "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
                   WHERE seq <= ?1 ORDER BY seq DESC LIMIT ?2";
        let end = i64::try_from(end.unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        for (seq, record) in self.rows(sql, params![end, limit])? {
            if let Some(record) = record {
                found.entry(seq).or_insert(record);
            }
        }
        let surplus = found.len().saturating_sub(count);
        Ok(found.into_values().skip(surplus).map(|record| repaired(record, &times)).collect())
    }

    /// The last sequence of a file and at least so many records before it, where it has them.
    fn end_of(&self, first: u64, count: usize) -> Result<(Option<u64>, Vec<Record>), QueryError> {
        let path = self.file(first);
        let failed =
            |source| QueryError::Database { path: path.clone(), action: "reading its end", source };
        let connection = match open_to_read(&path) {
            Ok(Some(connection)) => connection,
            Ok(None) => return Ok((None, Vec::new())),
            Err(_) if !path.exists() => return Ok((None, Vec::new())),
            Err(source) => return Err(failed(source)),
        };
        let mut statement = connection
            .prepare("SELECT last, bytes FROM block ORDER BY first DESC")
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut last, mut records) = (None, Vec::new());
        while let Some(row) = rows.next().map_err(failed)? {
            last.get_or_insert(row.get::<_, i64>(0).map_err(failed)?.cast_unsigned());
            if records.len() >= count {
                break;
            }
            let bytes = row.get_ref(1).map_err(failed)?;
            let rows = block::decode(bytes.as_blob().unwrap_or_default()).unwrap_or_default();
            records.extend(rows.into_iter().filter_map(|(_, record)| record));
        }
        Ok((last, records))
    }

    /// Calls `show` with each record after the sequence `after` that the filter takes, in order,
    /// until it gives false. Gives the last sequence that was looked at.
    ///
    /// # Errors
    /// Where a file cannot be read; what the others hold was shown.
    pub fn each(
        &self,
        after: u64,
        filter: &Filter,
        mut show: impl FnMut(Record) -> bool,
    ) -> Result<u64, QueryError> {
        let mut fault = None;
        let last = self.walk(after, filter.kind, &mut |seen| match seen {
            Seen::Record(record) => !filter.takes(&record) || show(record),
            Seen::Block { first, newer: false, .. } => show(unreadable(first)),
            Seen::File(error) => {
                fault.get_or_insert(error);
                true
            }
            Seen::Newer(_) | Seen::Block { .. } | Seen::Differs(_) => true,
        })?;
        fault.map_or(Ok(last), Err)
    }

    /// The sequence of the `count`-th newest record of a kind before another sequence, as far as
    /// the audit database has them; 0 where it has fewer. Looks from the end: what a journal of
    /// years holds before is not read.
    ///
    /// # Errors
    /// Where the audit database cannot be read.
    pub fn back(&self, kind: Kind, before: u64, count: usize) -> Result<u64, QueryError> {
        let Some(audit) = &self.audit else { return Ok(0) };
        let sql = "SELECT seq FROM record WHERE seq < ?1 AND kind = ?2
                   ORDER BY seq DESC LIMIT 1 OFFSET ?3";
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let skipped = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
        let found = audit
            .prepare_cached(sql)
            .and_then(|mut one| {
                one.query_row(params![before, kind.code(), skipped], |row| row.get::<_, i64>(0))
                    .optional()
            })
            .map_err(|source| self.failed("looking back", source))?;
        Ok(found.map_or(0, i64::cast_unsigned))
    }

    /// Size of the chain's files that may hold records after a sequence, in bytes, whole files
    /// counted; those that are gone meanwhile are not.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn bytes_after(&self, after: u64) -> Result<u64, QueryError> {
        let files = self.files()?;
        let from = files.partition_point(|first| *first <= after.saturating_add(1));
        let held = files.iter().skip(from.saturating_sub(1)).map(|first| self.file(*first));
        // What was written last is in the file beside it.
        let both = held.flat_map(|path| [path.with_extension("sqlite-wal"), path]);
        Ok(both.filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum())
    }

    /// Walks through everything after a sequence, in order, until `take` gives false. Gives the
    /// last sequence that was looked at; what the writer adds meanwhile is left for the next walk.
    pub(crate) fn walk(
        &self,
        after: u64,
        kind: Option<Kind>,
        take: &mut dyn FnMut(Seen) -> bool,
    ) -> Result<u64, QueryError> {
        let files = self.files()?;
        let times = self.boot_times();
        let mut walk = Walk {
            audit: AuditRows {
                reader: self,
                kind,
                last: after,
                rows: VecDeque::new(),
                done: false,
                error: None,
            },
            times,
            last: after,
            take,
        };
        for (index, first) in files.iter().enumerate() {
            let next = files.get(index + 1);
            if next.is_some_and(|next| *next <= after.saturating_add(1)) {
                continue;
            }
            match self.walk_file(*first, after, kind, &mut walk) {
                Ok(true) => {}
                Ok(false) => return Ok(walk.last),
                Err(_) if !self.file(*first).exists() => {}
                Err(error) => {
                    if !(walk.take)(Seen::File(error)) {
                        return Ok(walk.last);
                    }
                }
            }
        }
        // Beyond the end of the chain that was seen the audit database may be ahead of our look.
        let end = match files.last() {
            Some(newest) => walk.last.max(newest.saturating_sub(1)),
            None => u64::MAX,
        };
        walk.fill_up_to(end);
        Ok(walk.last)
    }

    /// One file of the chain; false where the walk is to end.
    fn walk_file(
        &self,
        first: u64,
        after: u64,
        kind: Option<Kind>,
        walk: &mut Walk<'_, '_>,
    ) -> Result<bool, QueryError> {
        let path = self.file(first);
        let failed =
            |source| QueryError::Database { path: path.clone(), action: "reading records", source };
        let Some(connection) = open_to_read(&path).map_err(failed)? else { return Ok(true) };
        let one = |sql: &str, bound: i64| {
            connection.query_row(sql, [bound], |row| row.get::<_, Option<i64>>(0)).map_err(failed)
        };
        let Some(end) = one("SELECT max(first) FROM block WHERE first >= ?1", 0)? else {
            return Ok(true);
        };
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        // The block that the walk begins in.
        let sql = "SELECT max(first) FROM block WHERE first <= ?1";
        let mut from = one(sql, after.saturating_add(1))?.unwrap_or(0);
        let mask = kind.map_or(-1, kind_bit);
        let mut statement = connection
            .prepare(
                "SELECT first, last, CASE WHEN kinds & ?4 THEN bytes END, kinds & ?4 FROM block
                 WHERE first >= ?1 AND first <= ?2 ORDER BY first LIMIT ?3",
            )
            .map_err(failed)?;
        loop {
            let mut rows =
                statement.query(params![from, end, JOURNAL_READ_BLOCKS, mask]).map_err(failed)?;
            let mut count = 0;
            while let Some(row) = rows.next().map_err(failed)? {
                count += 1;
                let range = row.get::<_, i64>(0).and_then(|first| Ok((first, row.get(1)?)));
                let (first, last): (i64, i64) = range.map_err(failed)?;
                from = first.saturating_add(1);
                let (first, last) = (first.cast_unsigned(), last.cast_unsigned());
                if row.get::<_, i64>(3).map_err(failed)? == 0 {
                    walk.last = walk.last.max(last);
                    continue;
                }
                let bytes = row.get_ref(2).map_err(failed)?;
                if !walk.block(first, last, bytes.as_blob().unwrap_or_default()) {
                    return Ok(false);
                }
            }
            if count < JOURNAL_READ_BLOCKS {
                return Ok(true);
            }
        }
    }

    /// Rows with their sequence; a kind that a newer program wrote has no record.
    pub(super) fn rows(
        &self,
        sql: &str,
        bounds: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<(u64, Option<Record>)>, QueryError> {
        let Some(audit) = &self.audit else { return Ok(Vec::new()) };
        let failed = |source| self.failed("reading records", source);
        let mut statement = audit.prepare_cached(sql).map_err(failed)?;
        let rows = statement
            .query_map(bounds, |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), record_of(row)?)))
            .map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    pub(super) fn failed(&self, action: &'static str, source: rusqlite::Error) -> QueryError {
        QueryError::Database { path: self.path.clone(), action, source }
    }

    /// Boots whose wall times are repaired: trusted wall time less monotonic time.
    pub(super) fn boot_times(&self) -> HashMap<u64, i64> {
        let Some(audit) = &self.audit else { return HashMap::new() };
        // Not there in a file of the first version.
        let Ok(mut statement) = audit.prepare_cached("SELECT boot, offset_ms FROM boot_time")
        else {
            return HashMap::new();
        };
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)));
        rows.map_or_else(|_| HashMap::new(), |rows| rows.map_while(Result::ok).collect())
    }
}

/// A walk on its way.
struct Walk<'a, 'b> {
    audit: AuditRows<'a>,
    times: HashMap<u64, i64>,
    last: u64,
    take: &'b mut dyn FnMut(Seen) -> bool,
}

impl Walk<'_, '_> {
    /// The records of a block with what the audit database has before and between them.
    fn block(&mut self, first: u64, last: u64, bytes: &[u8]) -> bool {
        let rows = match block::decode(bytes) {
            Ok(rows) => rows,
            Err(error) => {
                // What matters in it is in the audit database.
                if !self.fill_up_to(last) {
                    return false;
                }
                self.last = self.last.max(last);
                let newer = matches!(error, block::BlockError::Form { .. });
                let why = error.to_string();
                return (self.take)(Seen::Block { first, last, newer, why });
            }
        };
        for (seq, record) in rows {
            if seq <= self.last {
                continue;
            }
            if !self.fill_up_to(seq - 1) {
                return false;
            }
            let double = self.audit.next_at(seq);
            self.last = seq;
            let differs = match (&double, &record) {
                (Some(double), Some(record)) if double.kind != Kind::Dropped => double != record,
                _ => false,
            };
            if differs && !(self.take)(Seen::Differs(seq)) {
                return false;
            }
            let seen = match record {
                Some(record) => Seen::Record(repaired(record, &self.times)),
                None => Seen::Newer(seq),
            };
            if !(self.take)(seen) {
                return false;
            }
        }
        true
    }

    /// What the audit database has up to a sequence; false where the walk is to end. Where it
    /// cannot be read that is told once, and the chain goes on alone.
    fn fill_up_to(&mut self, end: u64) -> bool {
        while let Some((seq, record)) = self.audit.next_up_to(end) {
            if seq <= self.last {
                continue;
            }
            self.last = seq;
            let seen = match record {
                Some(record) => Seen::Record(repaired(record, &self.times)),
                None => Seen::Newer(seq),
            };
            if !(self.take)(seen) {
                return false;
            }
        }
        self.audit.error.take().is_none_or(|error| (self.take)(Seen::File(error)))
    }
}

/// Rows of the audit database, some at a time.
struct AuditRows<'a> {
    reader: &'a Reader,
    kind: Option<Kind>,
    last: u64,
    rows: VecDeque<(u64, Option<Record>)>,
    done: bool,
    /// Why there are no more, until it was told.
    error: Option<QueryError>,
}

impl AuditRows<'_> {
    fn peek(&mut self) -> Option<u64> {
        if self.rows.is_empty() && !self.done {
            let sql = "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
                       WHERE seq > ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY seq LIMIT ?3";
            let after = i64::try_from(self.last).unwrap_or(i64::MAX);
            let kind = self.kind.map(Kind::code);
            let read = self.reader.rows(sql, params![after, kind, JOURNAL_READ_ROWS]);
            let rows = read.map_err(|error| self.error = Some(error)).unwrap_or_default();
            self.done = rows.len() < JOURNAL_READ_ROWS as usize;
            self.last = rows.last().map_or(self.last, |row| row.0);
            self.rows = rows.into();
        }
        self.rows.front().map(|row| row.0)
    }

    fn next_up_to(&mut self, end: u64) -> Option<(u64, Option<Record>)> {
        match self.peek() {
            Some(seq) if seq <= end => self.rows.pop_front(),
            _ => None,
        }
    }

    /// Takes the row of a sequence, where it is the next.
    fn next_at(&mut self, seq: u64) -> Option<Record> {
        match self.peek() {
            Some(next) if next == seq => self.rows.pop_front().and_then(|row| row.1),
            _ => None,
        }
    }
}

/// The wall time of a boot whose clock was trusted later; what was believed stays beside it.
pub(super) fn repaired(mut record: Record, times: &HashMap<u64, i64>) -> Record {
    if record.trust == ClockTrust::Synced {
        return record;
    }
    let Some(offset_ms) = times.get(&record.boot) else { return record };
    record.believed_ms = Some(record.unix_ms);
    record.unix_ms = offset_ms.saturating_add(record.mono_ms.cast_signed());
    record
}

/// Stands for a block that cannot be read.
fn unreadable(seq: u64) -> Record {
    Record {
        seq,
        boot: 0,
        mono_ms: 0,
        unix_ms: 0,
        believed_ms: None,
        trust: ClockTrust::Unset,
        kind: Kind::Dropped,
        payload: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Stamp;
    use super::*;
    use crate::clock::{Now, Tick};
    use crate::domain::Severity;

    #[test]
    fn a_decision_is_found_with_what_a_person_thought_of_it() {
        let record = |kind: &str, text: &str| {
            let now = Now { tick: Tick(5), unix_ms: 5, trust: ClockTrust::Synced };
            let stamp = Stamp { seq: 1, boot: 7, now };
            let (kind, text) = (kind.into(), text.into());
            Record::new(stamp, &Entry::Event { kind, text, severity: Severity::Info })
        };
        let filter = Filter { decision: Some("0badcafe-7".into()), ..Filter::default() };
        assert!(filter.takes(&record("rating", "0badcafe-7 good")));
        assert!(!filter.takes(&record("rating", "0badcafe-71 good")));
        assert!(!filter.takes(&record("sensor", "0badcafe-7 good")));
    }
}

//! Reading the journal while the agent writes it: a connection of its own, read-only, in short
//! transactions, so that the writer's log can begin anew. Nothing here changes a byte of a record.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::DATABASE;
use super::record::{DecodeError, Kind, Record};
use super::store::{open_immutable, record_of};
use crate::domain::Entry;
use crate::limits::{JOURNAL_BUSY_MS, JOURNAL_READ_ROWS, JOURNAL_REPORT_LINES_MAX};

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no journal in the folder.
    #[error("{}: there is no journal; --path takes the folder of [journal] path", path.display())]
    Missing {
        /// The database that was looked for.
        path: PathBuf,
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
}

impl Filter {
    fn takes(&self, record: &Record) -> bool {
        let Some(sensor) = &self.sensor else { return true };
        match record.kind {
            Kind::Reading | Kind::Faults => {}
            _ => return false,
        }
        match record.entry() {
            Ok(Entry::Reading { sensor: name, .. } | Entry::Faults { source: name, .. }) => {
                name == *sensor
            }
            // What cannot be read may be the one that is looked for: it is shown as unreadable.
            _ => true,
        }
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Reader {
    /// Opens the journal of a folder for reading.
    ///
    /// # Errors
    /// Where there is none, or SQLite cannot open it.
    pub fn open(folder: &Path) -> Result<Reader, QueryError> {
        let path = folder.join(DATABASE);
        if !path.exists() {
            return Err(QueryError::Missing { path });
        }
        let failed =
            |source| QueryError::Database { path: path.clone(), action: "opening", source };
        let connection = open_read_only(&path).map_err(failed)?;
        Ok(Reader { path, connection })
    }

    /// The database's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last `count` records, in order.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn last(&self, count: u32) -> Result<Vec<Record>, QueryError> {
        let sql = "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
                   ORDER BY seq DESC LIMIT ?1";
        let rows = self.rows(sql, params![count])?;
        Ok(rows.into_iter().rev().filter_map(|(_, record)| record).collect())
    }

    /// Calls `show` with each record after the sequence `after` that the filter takes, in order,
    /// until it gives false. Gives the last sequence that was looked at.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn each(
        &self,
        after: u64,
        filter: &Filter,
        mut show: impl FnMut(Record) -> bool,
    ) -> Result<u64, QueryError> {
        // Rows that the filter passes over are passed over by SQLite: no index, one walk.
        let sql = "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
                   WHERE seq > ?1 AND (?2 IS NULL OR kind = ?2)
                       AND (?3 IS NULL OR unix_ms >= ?3) AND (?4 IS NULL OR unix_ms < ?4)
                   ORDER BY seq LIMIT ?5";
        let kind = filter.kind.map(Kind::code);
        let mut last = after;
        loop {
            let after = i64::try_from(last).unwrap_or(i64::MAX);
            let bounds = params![after, kind, filter.since_ms, filter.until_ms, JOURNAL_READ_ROWS];
            let rows = self.rows(sql, bounds)?;
            let is_end = rows.len() < JOURNAL_READ_ROWS as usize;
            for (seq, record) in rows {
                last = seq;
                if let Some(record) = record
                    && filter.takes(&record)
                    && !show(record)
                {
                    return Ok(last);
                }
            }
            if is_end {
                return Ok(last);
            }
        }
    }

    /// Rows with their sequence; a kind that a newer program wrote has no record. `verify` counts
    /// it.
    fn rows(
        &self,
        sql: &str,
        bounds: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<(u64, Option<Record>)>, QueryError> {
        let failed = |source| self.failed("reading records", source);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let rows = statement
            .query_map(bounds, |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), record_of(row)?)))
            .map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    fn failed(&self, action: &'static str, source: rusqlite::Error) -> QueryError {
        QueryError::Database { path: self.path.clone(), action, source }
    }

    /// Proves the sequence whole: every record's checksum and form, every missing range explained,
    /// the database's own structure.
    ///
    /// # Errors
    /// Where the database cannot be read at all; what is wrong inside is in the report.
    pub fn verify(&self) -> Result<Report, QueryError> {
        let mut walk = Walk::default();
        let walked = self.walk(&mut walk);
        let mut report = walk.report();
        if let Err(error) = walked {
            report.structure.push(chain(&error));
        }
        match self.quick_check() {
            Ok(lines) => report.structure.extend(lines),
            Err(error) => report.structure.push(chain(&error)),
        }
        Ok(report)
    }

    fn walk(&self, walk: &mut Walk) -> Result<(), QueryError> {
        let sql = "SELECT seq, kind, boot, mono_ms, unix_ms, trust, payload FROM record
                   WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        loop {
            let failed = |source| self.failed("reading records", source);
            let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
            let mut rows =
                statement.query(params![walk.last, JOURNAL_READ_ROWS]).map_err(failed)?;
            let mut count = 0;
            while let Some(row) = rows.next().map_err(failed)? {
                count += 1;
                let (seq, kind): (i64, i64) =
                    row.get(0).and_then(|seq| Ok((seq, row.get(1)?))).map_err(failed)?;
                let payload = row.get_ref(6).map_err(failed)?;
                walk.see(seq, Kind::from_code(kind), payload.as_blob().unwrap_or_default());
            }
            if count < JOURNAL_READ_ROWS {
                return Ok(());
            }
        }
    }

    fn quick_check(&self) -> Result<Vec<String>, QueryError> {
        let failed = |source| self.failed("checking the structure", source);
        let sql = format!("PRAGMA quick_check({JOURNAL_REPORT_LINES_MAX})");
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let lines = rows.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records that are there.
    pub records: u64,
    /// The first sequence that is there.
    pub first: Option<u64>,
    /// The last sequence that is there.
    pub last: Option<u64>,
    /// Ranges missing that no record explains.
    pub gaps: u64,
    /// The first of those ranges, at most `JOURNAL_REPORT_LINES_MAX`.
    pub gap_ranges: Vec<(u64, u64)>,
    /// Records whose payload cannot be read.
    pub damaged: u64,
    /// The first of them with the reason, at most `JOURNAL_REPORT_LINES_MAX`.
    pub damaged_records: Vec<(u64, String)>,
    /// Whole records that a newer program wrote.
    pub newer: u64,
    /// What SQLite says about the file; empty where it is well.
    pub structure: Vec<String>,
}

impl Report {
    /// True where nothing is broken.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.gaps == 0 && self.damaged == 0 && self.structure.is_empty()
    }
}

/// `verify` on its way through the records.
#[derive(Default)]
struct Walk {
    report: Report,
    /// The last sequence seen, as SQLite has it.
    last: i64,
    missing: Vec<(u64, u64)>,
    explained: Vec<(u64, u64)>,
}

impl Walk {
    fn see(&mut self, seq: i64, kind: Option<Kind>, payload: &[u8]) {
        let expected = self.last.saturating_add(1);
        if seq > expected {
            self.missing.push((expected.cast_unsigned(), (seq - 1).cast_unsigned()));
        }
        self.last = seq;
        let seq = seq.cast_unsigned();
        self.report.records += 1;
        self.report.first.get_or_insert(seq);
        self.report.last = Some(seq);
        let found = kind.map(|kind| (kind, Record::decode(kind, payload)));
        match found {
            Some((_, Ok(Entry::Dropped { first, last, .. }))) => {
                self.explained.push((first, last));
            }
            Some((_, Ok(_))) => {}
            None | Some((_, Err(DecodeError::Version { .. }))) => self.report.newer += 1,
            Some((_, Err(error))) => {
                self.report.damaged += 1;
                if self.report.damaged_records.len() < JOURNAL_REPORT_LINES_MAX {
                    self.report.damaged_records.push((seq, error.to_string()));
                }
            }
        }
    }

    fn report(mut self) -> Report {
        for gap in unexplained(&self.missing, self.explained) {
            self.report.gaps += 1;
            if self.report.gap_ranges.len() < JOURNAL_REPORT_LINES_MAX {
                self.report.gap_ranges.push(gap);
            }
        }
        self.report
    }
}

/// What is left of the missing ranges (sorted, apart) when the explained ones are taken away.
fn unexplained(missing: &[(u64, u64)], mut explained: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    explained.retain(|(first, last)| first <= last);
    explained.sort_unstable();
    let mut left = Vec::new();
    let mut place = 0;
    for &(mut first, last) in missing {
        // Ranges are sorted by their beginning; the longest so far is what covers.
        let mut covered = false;
        let mut at = place;
        while let Some(&(from, to)) = explained.get(at) {
            if from > last {
                break;
            }
            if to < first {
                // Missing ranges only go up: what ends before this one ends before all others.
                if at == place {
                    place += 1;
                }
                at += 1;
                continue;
            }
            if from > first {
                left.push((first, from - 1));
            }
            if to >= last {
                covered = true;
                break;
            }
            first = first.max(to + 1);
            at += 1;
        }
        if !covered {
            left.push((first, last));
        }
    }
    left
}

fn chain(error: &QueryError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(JOURNAL_BUSY_MS))?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    let looked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    match looked.as_ref().err().and_then(rusqlite::Error::sqlite_error_code) {
        // The log's index can neither be found nor made: a folder that we may not write, of an
        // agent that does not run. The database alone is read.
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => open_immutable(path),
        _ => Ok(connection),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_not_explained_is_a_gap() {
        let gaps = |missing: &[(u64, u64)], explained: &[(u64, u64)]| {
            unexplained(missing, explained.to_vec())
        };
        assert_eq!(gaps(&[], &[(1, 5)]), []);
        assert_eq!(gaps(&[(3, 5)], &[]), [(3, 5)]);
        assert_eq!(gaps(&[(3, 5)], &[(3, 5)]), []);
        assert_eq!(gaps(&[(3, 5), (8, 9)], &[(1, 20)]), []);
        assert_eq!(gaps(&[(3, 9)], &[(5, 6)]), [(3, 4), (7, 9)]);
        assert_eq!(gaps(&[(3, 9)], &[(1, 4), (8, 30)]), [(5, 7)]);
        assert_eq!(
            gaps(&[(3, 4), (6, 7), (10, 12)], &[(1, 2), (6, 7), (9, 11)]),
            [(3, 4), (12, 12)]
        );
        // A long range that begins early covers beyond shorter ones inside it.
        assert_eq!(gaps(&[(3, 4), (50, 60)], &[(1, 100), (2, 3)]), []);
        assert_eq!(gaps(&[(5, 6)], &[(7, 2), (5, u64::MAX)]), []);
    }
}

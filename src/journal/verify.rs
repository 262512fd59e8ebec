//! Proving the journal whole: every block's checksum, every missing range explained, each file's
//! own structure, and the hash chain of what matters. Reads only.

use rusqlite::Connection;

use super::query::{QueryError, Reader, Seen};
use super::record::{DecodeError, Kind, Record};
use super::store::{ANCHOR, HEAD, Link, link, open_to_read, record_of};
use crate::causes::chain;
use crate::domain::Entry;
use crate::limits::{JOURNAL_READ_ROWS, JOURNAL_REPORT_LINES_MAX};

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
    /// Records of the audit database that are not what the chain has.
    pub altered: u64,
    /// What SQLite says about the files; empty where they are well.
    pub structure: Vec<String>,
}

impl Report {
    /// True where nothing is broken.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.gaps == 0 && self.damaged == 0 && self.altered == 0 && self.structure.is_empty()
    }
}

/// What `verify_audit` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Links that were computed again.
    pub records: u64,
    /// The chain's end.
    pub head: Link,
    /// The first sequence at which the chain does not hold, with the reason.
    pub broken: Option<(u64, String)>,
    /// Whether the hash that was asked for is a link of the chain.
    pub has_wanted: bool,
}

impl Reader {
    /// Proves the sequence whole: every record's checksum and form, every missing range explained,
    /// the files' own structure.
    ///
    /// # Errors
    /// Where the journal cannot be read at all; what is wrong inside is in the report.
    pub fn verify(&self) -> Result<Report, QueryError> {
        let mut proof = Proof { explained: self.named_ranges()?, ..Proof::default() };
        let walked = self.walk(0, None, &mut |seen| {
            proof.see(seen);
            true
        });
        let mut report = proof.report();
        if let Err(error) = walked {
            report.structure.push(chain(&error));
        }
        self.structure(&mut report.structure)?;
        Ok(report)
    }

    /// Computes the hash chain of what matters again. `wanted`: a hash that a receiver was told.
    ///
    /// # Errors
    /// Where the audit database cannot be read.
    pub fn verify_audit(&self, wanted: Option<[u8; 32]>) -> Result<AuditReport, QueryError> {
        let mut report = AuditReport::default();
        let Some(audit) = self.audit() else { return Ok(report) };
        let failed = |source| self.failed("reading the hash chain", source);
        let mut at = link(audit, ANCHOR).map_err(failed)?;
        let head = link(audit, HEAD).map_err(failed)?;
        let mut statement = audit
            .prepare(
                "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload, hash FROM record
                 WHERE seq > ?1 AND hash IS NOT NULL ORDER BY seq LIMIT ?2",
            )
            .map_err(failed)?;
        report.has_wanted = wanted.is_some_and(|wanted| wanted == at.hash);
        'chain: loop {
            let mut rows =
                statement.query((at.seq.cast_signed(), JOURNAL_READ_ROWS)).map_err(failed)?;
            let mut count = 0;
            while let Some(row) = rows.next().map_err(failed)? {
                count += 1;
                let seq = row.get::<_, i64>(0).map_err(failed)?.cast_unsigned();
                let hash: [u8; 32] = row.get(7).unwrap_or_default();
                let record = record_of(row).map_err(failed)?;
                let Some(next) = record.map(|record| at.next(&record)) else {
                    report.broken = Some((seq, "of a newer program".to_owned()));
                    break 'chain;
                };
                if next.hash != hash {
                    report.broken = Some((seq, "its hash does not fit".to_owned()));
                    break 'chain;
                }
                report.has_wanted |= wanted.is_some_and(|wanted| wanted == hash);
                report.records += 1;
                at = next;
            }
            if count < JOURNAL_READ_ROWS {
                break;
            }
        }
        if report.broken.is_none() && at != head {
            report.broken = Some((head.seq, "the chain does not end at its head".to_owned()));
        }
        report.head = at;
        Ok(report)
    }

    /// The head of the hash chain; it goes out with each upload.
    ///
    /// # Errors
    /// Where the audit database cannot be read.
    pub fn audit_head(&self) -> Result<Link, QueryError> {
        let Some(audit) = self.audit() else { return Ok(Link::default()) };
        link(audit, HEAD).map_err(|source| self.failed("reading the hash chain", source))
    }

    /// Ranges that the audit database names as gone.
    ///
    /// # Errors
    /// Where the audit database cannot be read.
    pub(crate) fn named_ranges(&self) -> Result<Vec<(u64, u64)>, QueryError> {
        let Some(audit) = self.audit() else { return Ok(Vec::new()) };
        let failed = |source| self.failed("reading what is gone", source);
        let mut statement = audit
            .prepare(
                "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
                 WHERE kind = ?1",
            )
            .map_err(failed)?;
        let rows = statement.query_map([Kind::Dropped.code()], record_of).map_err(failed)?;
        let ranges =
            rows.filter_map(Result::ok).flatten().filter_map(|record: Record| {
                match record.entry() {
                    Ok(Entry::Dropped { first, last, .. }) => Some((first, last)),
                    _ => None,
                }
            });
        Ok(ranges.collect())
    }

    /// What SQLite says about each file.
    fn structure(&self, lines: &mut Vec<String>) -> Result<(), QueryError> {
        if let Some(audit) = self.audit() {
            checked(audit, "", lines);
        }
        for first in self.files()? {
            let path = self.file(first);
            match open_to_read(&path) {
                Ok(Some(connection)) => checked(&connection, &path.display().to_string(), lines),
                Ok(None) => {}
                Err(_) if !path.exists() => {}
                Err(error) => lines.push(format!("{}: {error}", path.display())),
            }
        }
        lines.truncate(JOURNAL_REPORT_LINES_MAX);
        Ok(())
    }
}

fn checked(connection: &Connection, path: &str, lines: &mut Vec<String>) {
    let sql = format!("PRAGMA quick_check({JOURNAL_REPORT_LINES_MAX})");
    let found = connection.prepare(&sql).and_then(|mut statement| {
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    match found {
        Ok(found) => {
            let found = found.into_iter().filter(|line| line != "ok");
            lines.extend(found.map(|line| format!("{path} {line}").trim_start().to_owned()));
        }
        Err(error) => lines.push(format!("{path} {error}").trim_start().to_owned()),
    }
}

/// `verify` on its way through the records.
#[derive(Default)]
struct Proof {
    report: Report,
    last: u64,
    missing: Vec<(u64, u64)>,
    explained: Vec<(u64, u64)>,
}

impl Proof {
    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Record(record) => {
                self.place(record.seq, record.seq);
                self.report.records += 1;
                match record.entry() {
                    Ok(Entry::Dropped { first, last, .. }) => self.explained.push((first, last)),
                    Ok(_) => {}
                    Err(DecodeError::Version { .. }) => self.report.newer += 1,
                    Err(error) => self.damaged(record.seq, error.to_string()),
                }
            }
            Seen::Newer(seq) => {
                self.place(seq, seq);
                self.report.records += 1;
                self.report.newer += 1;
            }
            Seen::Block { first, last, newer, why } => {
                self.place(first, last);
                if newer {
                    self.report.newer += 1;
                } else {
                    self.damaged(first, why);
                }
            }
            Seen::File(error) => self.report.structure.push(chain(&error)),
            Seen::Differs(seq) => {
                self.report.altered += 1;
                if self.report.damaged_records.len() < JOURNAL_REPORT_LINES_MAX {
                    let why = "the audit database says something else".to_owned();
                    self.report.damaged_records.push((seq, why));
                }
            }
        }
    }

    /// Notes what is missing before a range that is there.
    fn place(&mut self, first: u64, last: u64) {
        let expected = self.last.saturating_add(1);
        if first > expected {
            self.missing.push((expected, first - 1));
        }
        self.last = self.last.max(last);
        self.report.first.get_or_insert(first);
        self.report.last = Some(self.last);
    }

    fn damaged(&mut self, seq: u64, why: String) {
        self.report.damaged += 1;
        if self.report.damaged_records.len() < JOURNAL_REPORT_LINES_MAX {
            self.report.damaged_records.push((seq, why));
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

//! The newest records of a kind: what a page and `outpost top` begin their story with.

use std::collections::VecDeque;

use super::query::{Filter, QueryError, Reader, repaired};
use super::record::{Kind, Record};

impl Reader {
    /// The newest records of a kind before a sequence, newest first.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn newest(&self, kind: Kind, before: u64, count: usize) -> Result<Vec<Record>, QueryError> {
        let filter = Filter { kind: Some(kind), ..Filter::default() };
        let from = self.back(kind, before, count)?;
        let mut last = VecDeque::with_capacity(count);
        self.each(from.saturating_sub(1), &filter, |record| {
            if record.seq >= before {
                return false;
            }
            if last.len() == count {
                last.pop_front();
            }
            last.push_back(record);
            true
        })?;
        Ok(last.into_iter().rev().collect())
    }

    /// Records of an audited kind after a sequence, newest first, among so many rows of the audit
    /// database.
    ///
    /// # Errors
    /// Where the audit database cannot be read.
    pub fn newest_audited(
        &self,
        kind: Kind,
        after: u64,
        rows: u32,
    ) -> Result<Vec<Record>, QueryError> {
        let sql = "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM
                   (SELECT * FROM record WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2)
                   WHERE kind = ?3 ORDER BY seq DESC";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let times = self.boot_times();
        let found = self.rows(sql, rusqlite::params![after, rows, kind.code()])?;
        Ok(found.into_iter().filter_map(|(_, record)| Some(repaired(record?, &times))).collect())
    }
}

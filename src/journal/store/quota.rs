//! Retention of the audit database by bytes: readings of the first format go first, then the
//! oldest, in small steps. It begins only where the chain of blocks has no more to give.
//!
//! A step deletes some rows and, in the same transaction, puts one `dropped` record into the place
//! of the last of them. It means: of this range, what is not here was given up. The next step's
//! record names the longer range and takes the place of this one, so there are never many of them.
//! The tables of commands and last states are never touched.

use rusqlite::{Connection, TransactionBehavior, params};

use super::super::record::{Kind, Record, trust_code};
use super::audit::{self, insert};
use super::restore::{self, meta, record_of, set_meta};
use super::schema::{audit_sizes, limit_pages};
use super::stored;
use crate::clock::ClockTrust;
use crate::domain::Entry;
use crate::limits::JOURNAL_TRIM_ROWS;

/// Where retention stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Retention {
    /// Going on until there is some air.
    trimming: bool,
    /// No readings at or below this sequence.
    readings_gone_to: i64,
}

/// Sizes of the database, in pages.
struct Pages {
    all: u64,
    free: u64,
}

impl Retention {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Retention> {
        let readings_gone_to = meta(connection, "readings_gone_to")?;
        Ok(Retention { trimming: false, readings_gone_to })
    }

    /// One step; true where more is to be done.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        quota_bytes: u64,
    ) -> rusqlite::Result<bool> {
        let sizes = audit_sizes(quota_bytes);
        let most = sizes.pages_max;
        // Begins at 15/16 of the room and goes on until 1/32 more is free: a step now and then
        // instead of one at each commit.
        let (high, low) = (most - most / 16, most - most / 16 - most / 32);
        let pages = pages(connection)?;
        let used = pages.all.saturating_sub(pages.free);
        if used > high {
            self.trimming = true;
        }
        if self.trimming {
            if used > low && self.trim(connection, quota_bytes)? {
                return Ok(true);
            }
            self.trimming = false;
        }
        // A smaller quota than yesterday's: give the free pages back to the file system.
        if pages.all > most && pages.free > 0 {
            let step = u64::from(JOURNAL_TRIM_ROWS).min(pages.all - most);
            vacuum(connection, step)?;
            limit_pages(connection, sizes.pages_hard)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Deletes some rows; false where there was nothing to delete.
    fn trim(&mut self, connection: &mut Connection, quota_bytes: u64) -> rusqlite::Result<bool> {
        let megabytes = quota_bytes / 1_000_000;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut gone_to = self.readings_gone_to;
        let readings = Slice::next(&transaction, Some(Kind::Reading), gone_to)?;
        let done = if let Some(slice) = readings {
            gone_to = slice.last;
            slice.give_up(&transaction, &format!("oldest readings, quota of {megabytes} MB"))?;
            true
        } else {
            let end: Option<i64> =
                transaction.query_row("SELECT max(seq) FROM record", [], |row| row.get(0))?;
            gone_to = end.unwrap_or(gone_to);
            match Slice::next(&transaction, None, 0)? {
                Some(slice) if slice.rows > 1 => {
                    slice.give_up(&transaction, &format!("oldest, quota of {megabytes} MB"))?;
                    true
                }
                _ => false,
            }
        };
        set_meta(&transaction, "readings_gone_to", gone_to)?;
        transaction.commit()?;
        self.readings_gone_to = gone_to;
        Ok(done)
    }
}

/// The next rows to give up.
struct Slice {
    kind: Option<Kind>,
    first: i64,
    last: i64,
    rows: u32,
}

impl Slice {
    /// The oldest rows of a kind, or of any, after a sequence; never more than one step's worth,
    /// and never the newest record, which holds the place of the sequence.
    fn next(
        connection: &Connection,
        kind: Option<Kind>,
        after: i64,
    ) -> rusqlite::Result<Option<Slice>> {
        let mut statement = connection.prepare_cached(
            "SELECT min(seq), max(seq), count(*) FROM (
                 SELECT seq FROM record
                 WHERE seq > ?1 AND (?2 IS NULL OR kind = ?2)
                     AND seq < (SELECT max(seq) FROM record)
                 ORDER BY seq LIMIT ?3)",
        )?;
        let code = kind.map(Kind::code);
        statement.query_row(params![after, code, JOURNAL_TRIM_ROWS], |row| {
            let first: Option<i64> = row.get(0)?;
            let last: Option<i64> = row.get(1)?;
            let rows = row.get(2)?;
            Ok(first.zip(last).map(|(first, last)| Slice { kind, first, last, rows }))
        })
    }

    /// Deletes the rows and leaves a `dropped` record in the place of the last.
    fn give_up(&self, connection: &Connection, reason: &str) -> rusqlite::Result<()> {
        let header = restore::record_at(connection, self.last)?;
        let from = self.take_over(connection)?;
        self.move_anchor(connection)?;
        connection.execute(
            "DELETE FROM record WHERE seq BETWEEN ?1 AND ?2 AND (?3 IS NULL OR kind = ?3)",
            params![self.first, self.last, self.kind.map(Kind::code)],
        )?;
        let Some(header) = header else { return Ok(()) };
        let last = header.seq;
        let entry = Entry::Dropped { first: from, last, reason: reason.to_owned() };
        insert(connection, &Record::new(header.stamp(), &entry), None)
    }

    /// The hash chain begins after the last linked record that goes.
    fn move_anchor(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT seq, hash FROM record
             WHERE seq BETWEEN ?1 AND ?2 AND (?3 IS NULL OR kind = ?3) AND hash IS NOT NULL
             ORDER BY seq DESC LIMIT 1",
        )?;
        let mut rows =
            statement.query(params![self.first, self.last, self.kind.map(Kind::code)])?;
        let Some(row) = rows.next()? else { return Ok(()) };
        let seq = row.get::<_, i64>(0)?.cast_unsigned();
        audit::set_link(connection, audit::ANCHOR, audit::Link { seq, hash: row.get(1)? })
    }

    /// Deletes the `dropped` records that the new one will include, and gives the first sequence
    /// that it must name. A record of that kind stands at or after the end of its range, so the new
    /// range covers theirs.
    fn take_over(&self, connection: &Connection) -> rusqlite::Result<u64> {
        // The step before left its record where it ended.
        let from_seq = self.first.min(meta(connection, "readings_gone_to")?.max(1));
        let mut statement = connection.prepare_cached(
            "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
             WHERE kind = ?1 AND seq BETWEEN ?2 AND ?3",
        )?;
        let range = params![Kind::Dropped.code(), from_seq, self.last];
        let mut from = self.first.cast_unsigned();
        for record in statement.query_map(range, record_of)? {
            let Some(record) = record? else { continue };
            if let Ok(Entry::Dropped { first, .. }) = record.entry() {
                from = from.min(first);
            }
            connection.execute("DELETE FROM record WHERE seq = ?1", [stored(record.seq)])?;
        }
        Ok(from)
    }
}

/// Gives up some of the oldest rows that were made before a wall time (milliseconds since 1970),
/// up to the first one that a trusted clock puts after it; gives how many.
pub(super) fn give_up_before(
    connection: &Connection,
    before_ms: i64,
    reason: &str,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT min(seq), max(seq), count(*) FROM (
             SELECT seq FROM record
             WHERE seq < (SELECT max(seq) FROM record)
                 AND seq < coalesce(
                     (SELECT seq FROM record WHERE unix_ms >= ?1 AND trust = ?2
                      ORDER BY seq LIMIT 1), 0)
             ORDER BY seq LIMIT ?3)",
    )?;
    let synced = trust_code(ClockTrust::Synced);
    let slice = statement.query_row(params![before_ms, synced, JOURNAL_TRIM_ROWS], |row| {
        let ends = row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?);
        let rows = row.get(2)?;
        Ok(ends.map(|(first, last)| Slice { kind: None, first, last, rows }))
    })?;
    // One row alone may be the record that names those before it.
    let Some(slice) = slice.filter(|slice| slice.rows > 1) else { return Ok(0) };
    slice.give_up(connection, reason)?;
    Ok(u64::from(slice.rows))
}

fn pages(connection: &Connection) -> rusqlite::Result<Pages> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(Pages {
        all: pragma("page_count")?.cast_unsigned(),
        free: pragma("freelist_count")?.cast_unsigned(),
    })
}

/// Moves so many pages from the end of the file into free places and cuts the file. The pragma does
/// one page a row.
fn vacuum(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

//! The audit database's records: a hash chain, last states, repaired times, names of what is gone.
//!
//! It follows from the chain of blocks: what a crash kept out of it is put in at the next start.
//! Applying the same records again changes nothing.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::super::record::{Kind, Record, Stamp, trust_code};
use super::restore::{self, Role, StoredCommand, clear, meta, put, put_command, set_meta};
use super::stored;
use crate::clock::{ClockTrust, Now};
use crate::domain::{Entry, Setting, StepState};
use crate::limits::JOURNAL_BOOTS_MAX;

/// A place in the hash chain: a sequence and the hash up to and with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The audited record's sequence; 0 before the first.
    pub seq: u64,
    /// SHA-256 over the link before and the record.
    pub hash: [u8; 32],
}

impl Link {
    /// The link of the next record.
    #[must_use]
    pub(in crate::journal) fn next(&self, record: &Record) -> Link {
        let mut hash = Sha256::new();
        hash.update(self.hash);
        hash.update(record.seq.to_le_bytes());
        hash.update(record.boot.to_le_bytes());
        hash.update(record.mono_ms.to_le_bytes());
        hash.update(record.unix_ms.to_le_bytes());
        hash.update([trust_code(record.trust) as u8, record.kind.code() as u8]);
        hash.update(&record.payload);
        Link { seq: record.seq, hash: hash.finalize().into() }
    }
}

/// Before the first record that is still there.
pub(in crate::journal) const ANCHOR: &str = "anchor";
/// The last record.
pub(in crate::journal) const HEAD: &str = "head";

/// A link by its name; the beginning of all chains where it is not there.
pub(in crate::journal) fn link(connection: &Connection, name: &str) -> rusqlite::Result<Link> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM link WHERE name = ?1")?;
    let found = statement.query_row([name], |row| {
        Ok(Link { seq: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? })
    });
    found.optional().map(Option::unwrap_or_default)
}

pub(super) fn set_link(connection: &Connection, name: &str, link: Link) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO link (name, seq, hash) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
    )?;
    statement.execute(params![name, stored(link.seq), link.hash])?;
    Ok(())
}

/// A boot whose clock was trusted only after some of its records were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BootTime {
    pub(super) boot: u64,
    /// Trusted wall time less monotonic time, in milliseconds.
    pub(super) offset_ms: i64,
    pub(super) seq: u64,
}

/// What follows from a batch beside its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// The new time floor, where it moved.
    pub(super) floor_ms: Option<i64>,
    pub(super) boot_time: Option<BootTime>,
}

/// Puts the audited ones of some records into the database, with all that follows from them, in
/// one transaction; nothing is written where nothing is to be.
pub(super) fn apply(
    connection: &mut Connection,
    records: &[Record],
    beside: Beside,
) -> rusqlite::Result<()> {
    let mut audited = records.iter().filter(|record| record.kind.is_audited()).peekable();
    if audited.peek().is_none() && beside == Beside::default() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = link(&transaction, HEAD)?;
    let mut head = before;
    for record in audited {
        if record.seq > head.seq {
            head = head.next(record);
            insert(&transaction, record, Some(&head.hash))?;
        }
        follow(&transaction, record)?;
    }
    if head != before {
        set_link(&transaction, HEAD, head)?;
    }
    if let Some(floor_ms) = beside.floor_ms {
        set_meta(&transaction, "floor_unix_ms", floor_ms)?;
    }
    if let Some(time) = beside.boot_time {
        put_boot_time(&transaction, time)?;
    }
    transaction.commit()
}

fn put_boot_time(connection: &Connection, time: BootTime) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO boot_time (boot, offset_ms, seq) VALUES (?1, ?2, ?3)
         ON CONFLICT (boot) DO NOTHING",
        params![stored(time.boot), time.offset_ms, stored(time.seq)],
    )?;
    connection.execute(
        "DELETE FROM boot_time WHERE boot IN
             (SELECT boot FROM boot_time ORDER BY seq DESC LIMIT -1 OFFSET ?1)",
        [JOURNAL_BOOTS_MAX],
    )?;
    Ok(())
}

/// One row a record. A sequence that is there already stays as it is: what was reported as stored
/// is never overwritten.
pub(super) fn insert(
    connection: &Connection,
    record: &Record,
    hash: Option<&[u8; 32]>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO record (seq, boot, mono_ms, unix_ms, trust, kind, payload, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (seq) DO NOTHING",
    )?;
    statement.execute(params![
        stored(record.seq),
        stored(record.boot),
        stored(record.mono_ms),
        record.unix_ms,
        trust_code(record.trust),
        record.kind.code(),
        record.payload,
        hash,
    ])?;
    Ok(())
}

/// Side tables that follow from a record, in its own transaction.
fn follow(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    const KEPT: [Kind; 8] = [
        Kind::Command,
        Kind::Step,
        Kind::Hold,
        Kind::Mode,
        Kind::Goal,
        Kind::Learned,
        Kind::Escalated,
        Kind::Memory,
    ];
    if !KEPT.contains(&record.kind) {
        return Ok(());
    }
    let Ok(entry) = record.entry() else {
        // Made by this process a moment ago; `log verify` will name it.
        tracing::error!(seq = record.seq, "a record that cannot be read was stored");
        return Ok(());
    };
    match entry {
        Entry::Command { kind, id, state, reason } => {
            put_command(connection, record, &StoredCommand { kind, id, state, reason, unix_ms: 0 })
        }
        Entry::Mode { actuator, .. } => put(connection, Role::Mode, &actuator, record),
        Entry::Goal { name, .. } => put(connection, Role::Goal, &name, record),
        Entry::Learned(learned) => put(connection, Role::Learned, &learned.sensor, record),
        Entry::Escalated(_) => put(connection, Role::Escalated, "", record),
        Entry::Memory(one) => {
            let name = format!("{}/{}", one.sensor, one.of);
            put(connection, Role::Memory, &name, record)
        }
        Entry::Hold { actuator, for_ms: 0 } => clear(connection, Role::Hold, &actuator),
        Entry::Hold { actuator, .. } => put(connection, Role::Hold, &actuator, record),
        // A refused step changed nothing outside.
        Entry::Step { state: StepState::Refused, .. } => Ok(()),
        Entry::Step { actuator, setting, state, off_after_ms, .. } => {
            put(connection, Role::Step, &actuator, record)?;
            match (setting, state) {
                // From the intent on: a crash between intent and sending costs one more "off".
                (Setting::On, _) if off_after_ms.is_some() => {
                    put(connection, Role::Pulse, &actuator, record)
                }
                (Setting::Off, StepState::Confirmed) => clear(connection, Role::Pulse, &actuator),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A range of the chain that is given up.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) first: u64,
    pub(super) last: u64,
    /// How many, where that is known: it stands before the reason.
    pub(super) records: Option<u64>,
    /// Why.
    pub(super) reason: String,
}

/// Names a range of the chain that is given up, in the place of the last sequence in it that is
/// not here. A range that adjoins the last one of retention, given up for the same reason, is named
/// together with it.
pub(super) fn name_gone(
    connection: &mut Connection,
    gone: &Gone,
    extends: bool,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(place) = free_place(&transaction, gone.first, gone.last)? else { return Ok(()) };
    let (mut first, mut records) = (gone.first, gone.records.unwrap_or(0));
    if extends {
        let before = meta(&transaction, "chain_gone_at")?;
        let known = restore::record_at(&transaction, before)?;
        if let Some(Ok(Entry::Dropped { first: known, reason, .. })) = known.map(|it| it.entry())
            && reason.ends_with(&gone.reason)
        {
            first = first.min(known);
            records =
                records.saturating_add(meta(&transaction, "chain_gone_records")?.cast_unsigned());
            transaction.execute("DELETE FROM record WHERE seq = ?1", [before])?;
        }
        set_meta(&transaction, "chain_gone_at", stored(place))?;
        set_meta(&transaction, "chain_gone_records", stored(records))?;
    }
    let unix_ms = meta(&transaction, "floor_unix_ms")?;
    let now = Now { unix_ms, trust: ClockTrust::Restored, ..Now::default() };
    let reason = match gone.records {
        Some(_) => format!("{records} records, {}", gone.reason),
        None => gone.reason.clone(),
    };
    // What lies between the place and the end of the range is here.
    let entry = Entry::Dropped { first, last: place, reason };
    insert(&transaction, &Record::new(Stamp { seq: place, boot: 0, now }, &entry), None)?;
    transaction.commit()
}

/// The last sequence of a range that has no record here.
fn free_place(connection: &Connection, first: u64, last: u64) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection
        .prepare("SELECT seq FROM record WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq DESC")?;
    let mut rows = statement.query([stored(first), stored(last)])?;
    let mut place = stored(last);
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != place {
            break;
        }
        place -= 1;
    }
    Ok((place >= stored(first)).then_some(place.cast_unsigned()))
}

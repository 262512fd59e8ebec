//! The last moves of actuators, for questions about them: read once at a start, never walked again.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::super::record::Kind;
use super::restore::record_of;
use crate::clock::ClockTrust;
use crate::domain::{Entry, Moved, StepState};
use crate::limits::{JOURNAL_MOVES_RECORDS, MOVES_KEPT_MAX};

/// The newest moves of each actuator among the last records, oldest first. One that cannot be read
/// is passed over: it is asked about, nothing rests on it.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<Moved>> {
    // Two steps, so that no payload of another kind is read.
    let first: Option<i64> = connection.query_row(
        "SELECT min(seq) FROM (SELECT seq FROM record ORDER BY seq DESC LIMIT ?1)",
        [JOURNAL_MOVES_RECORDS],
        |row| row.get(0),
    )?;
    let Some(first) = first else { return Ok(Vec::new()) };
    let mut statement = connection.prepare(
        "SELECT record.seq, record.boot, mono_ms, unix_ms, trust, kind, payload, offset_ms
         FROM record LEFT JOIN boot_time ON boot_time.boot = record.boot
         WHERE record.seq >= ?1 AND kind = ?2 ORDER BY record.seq DESC",
    )?;
    let mut rows = statement.query(params![first, Kind::Step.code()])?;
    let (mut moves, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
    // How the move ended that is met next, walking back.
    let mut unproven = BTreeMap::<String, bool>::new();
    while let Some(row) = rows.next()? {
        let Some(record) = record_of(row)? else { continue };
        let Ok(Entry::Step { actuator, setting, state, by, cause, .. }) = record.entry() else {
            continue;
        };
        if matches!(state, StepState::Confirmed | StepState::Unconfirmed) {
            unproven.insert(actuator, state == StepState::Unconfirmed);
            continue;
        } else if state != StepState::Intended {
            continue;
        }
        let unproven = unproven.remove(&actuator).unwrap_or(false);
        let count = counts.entry(actuator.clone()).or_default();
        *count += 1;
        if *count > MOVES_KEPT_MAX {
            continue;
        }
        // Of a start whose clock was trusted only later, the time is repaired as readers do it.
        let repaired = row.get::<_, Option<i64>>(7)?;
        let repaired = repaired.map(|offset| offset.saturating_add(record.mono_ms.cast_signed()));
        let trusted = record.trust == ClockTrust::Synced;
        let unix_ms = if trusted { Some(record.unix_ms) } else { repaired };
        moves.push(Moved { seq: record.seq, actuator, setting, by, cause, unix_ms, unproven });
    }
    moves.reverse();
    Ok(moves)
}

//! What a start needs to know, from small tables: nothing here walks through the records.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::super::record::{Kind, Record, trust_code, trust_from_code};
use super::{moves, stored};
use crate::clock::ClockTrust;
use crate::domain::{
    CommandState, Decider, Entry, Escalated, Learned, Memory, Moved, Setting, StepState,
};
use crate::limits::{
    COMMAND_ID_KEPT_MS, COMMAND_IDS_MAX, JOURNAL_LATEST_ROWS_MAX, JOURNAL_OPEN_RECORDS,
    JOURNAL_SENT_RECORDS,
};

/// The journal as the last run left it.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The next sequence to use.
    pub next_seq: u64,
    /// Every device command of the last 90 days and its state, oldest change first.
    pub commands: Vec<StoredCommand>,
    /// Modes that an operator set: actuator, empty for the whole agent, and mode.
    pub modes: Vec<(String, String)>,
    /// Holds that were not ended by a command. They may be over by now.
    pub holds: Vec<StoredHold>,
    /// Pulses that were meant to be on and whose "off" was never confirmed.
    pub pulses_on: Vec<String>,
    /// The last step of each actuator that was not refused.
    pub last_steps: Vec<StoredStep>,
    /// Goals that operators put (as JSON) or took away, each with its record's sequence.
    pub goals: Vec<(u64, String, Option<String>)>,
    /// What was learned, by sensor.
    pub learned: Vec<Learned>,
    /// The last question to the model in the cloud.
    pub escalated: Option<Escalated>,
    /// What is kept of sensors beside what was learned.
    pub memories: Vec<Memory>,
    /// What each destination has acknowledged, by name.
    pub cursors: Vec<(String, u64)>,
    /// Messages to actuators among the last records, oldest first, for the limit an hour.
    pub sent: Vec<StoredSend>,
    /// Moves of actuators among the last records, oldest first.
    pub moves: Vec<Moved>,
    /// The highest trusted wall time that was ever stored, in milliseconds since 1970; 0: none.
    pub floor_unix_ms: i64,
    /// The last run ended by `close`, or there was none.
    pub clean_stop: bool,
    /// What happened to a damaged or missing database, in words; the journal goes on in a new one.
    pub damage: Option<String>,
    /// Why the disk takes no records for now, in words. They wait in memory and the writer goes on
    /// trying; [`JournalEvent::Recovered`](crate::journal::JournalEvent::Recovered) ends it.
    pub refused: Option<String>,
    /// How long opening took, in milliseconds.
    pub opened_ms: u64,
}

/// A device command that is remembered, so that it is not carried out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCommand {
    /// Kind, as in the topic.
    pub kind: String,
    /// Id, as in the topic.
    pub id: String,
    /// The last stored state.
    pub state: CommandState,
    /// The reason that came with it.
    pub reason: String,
    /// Wall time of that state, in milliseconds since 1970.
    pub unix_ms: i64,
}

/// A message to an actuator that went out, or was about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSend {
    /// The actuator's name.
    pub actuator: String,
    /// Wall time, in milliseconds since 1970, as it was believed then.
    pub unix_ms: i64,
    /// How far it was believed.
    pub trust: ClockTrust,
    /// How long before the last record of the same start it was, in milliseconds; `None`: it was
    /// of an earlier start.
    pub before_end_ms: Option<u64>,
}

/// An actuator that the planner leaves alone.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredHold {
    /// The actuator's name.
    pub actuator: String,
    /// For how long, in milliseconds after it was made.
    pub for_ms: u64,
    /// When it was made: wall time, in milliseconds since 1970, as it was believed then.
    pub unix_ms: i64,
    /// How far it was believed.
    pub trust: ClockTrust,
}

/// The last step of an actuator.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredStep {
    /// The actuator's name.
    pub actuator: String,
    /// What it was set to.
    pub setting: Setting,
    /// Where it stood.
    pub state: StepState,
    /// On whose behalf.
    pub by: Decider,
    /// Why.
    pub cause: String,
    /// For a pulse that is on: when it must be off, in milliseconds after this step.
    pub off_after_ms: Option<u64>,
    /// Wall time, in milliseconds since 1970, as it was believed then.
    pub unix_ms: i64,
    /// How far it was believed.
    pub trust: ClockTrust,
}

/// What a row of the table `latest` says about an actuator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Step,
    Mode,
    Hold,
    Pulse,
    Goal,
    Learned,
    Escalated,
    Memory,
}

impl Role {
    pub(super) fn code(self) -> i64 {
        match self {
            Role::Step => 1,
            Role::Mode => 2,
            Role::Hold => 3,
            Role::Pulse => 4,
            Role::Goal => 5,
            Role::Learned => 6,
            Role::Escalated => 7,
            Role::Memory => 8,
        }
    }
}

/// Codes of command states; never changed. Those from 2 on are terminal.
const COMMAND_STATES: [(CommandState, i64); 6] = [
    (CommandState::Accepted, 0),
    (CommandState::Executing, 1),
    (CommandState::Succeeded, 2),
    (CommandState::Failed, 3),
    (CommandState::Rejected, 4),
    (CommandState::Expired, 5),
];

fn state_code(state: CommandState) -> i64 {
    COMMAND_STATES.iter().find(|row| row.0 == state).map_or(3, |row| row.1)
}

/// Reads everything that a start needs, forgets what is too old, marks the journal as in use.
pub(super) fn read(connection: &mut Connection) -> rusqlite::Result<Restored> {
    let transaction = connection.transaction()?;
    forget_commands(&transaction, floor(&transaction)?)?;
    forget_latest(&transaction)?;
    let restored = look(&transaction)?;
    set_meta(&transaction, "clean_stop", 0)?;
    transaction.commit()?;
    Ok(restored)
}

/// The same without writing a byte.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<Restored> {
    let mut restored = Restored {
        next_seq: last_seq(connection)?.saturating_add(1),
        commands: commands(connection)?,
        floor_unix_ms: floor(connection)?,
        // A file of the first version, looked at on a disk that takes nothing, has no such table.
        cursors: cursors(connection).unwrap_or_default(),
        clean_stop: meta(connection, "clean_stop")? == 1,
        ..Restored::default()
    };
    for record in latest(connection)? {
        restored.take(&record);
    }
    restored.goals.sort_by_key(|(seq, ..)| *seq);
    restored.pulses_on = pulses(connection)?;
    restored.sent = sent(connection, restored.next_seq)?;
    // A file of the first version, looked at on a disk that takes nothing, has no repaired times.
    restored.moves = moves::read(connection).unwrap_or_default();
    Ok(restored)
}

/// The highest sequence that the database knows of: of a record, or of a receiver.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<u64> {
    let highest = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, Option<i64>>(0))
            .map(Option::unwrap_or_default)
    };
    let recorded = highest("SELECT max(seq) FROM record")?;
    // A file of the first version, looked at on a disk that takes nothing, has no such table.
    Ok(recorded.cast_unsigned().max(cursors_last(connection).unwrap_or(0)))
}

/// The highest sequence that a receiver has acknowledged.
pub(super) fn cursors_last(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT max(seq) FROM cursor";
    let last = connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0))?;
    Ok(last.unwrap_or(0).cast_unsigned())
}

/// Messages to actuators among the last `JOURNAL_SENT_RECORDS` records. A step that cannot be read
/// is passed over: the limit is a courtesy to motors, not an interlock.
fn sent(connection: &Connection, next_seq: u64) -> rusqlite::Result<Vec<StoredSend>> {
    let end: Option<(i64, i64)> = connection
        .query_row("SELECT boot, mono_ms FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((boot, end_ms)) = end else { return Ok(Vec::new()) };
    let mut statement = connection.prepare(
        "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record
         WHERE seq >= ?1 AND kind = ?2 ORDER BY seq",
    )?;
    let first = next_seq.saturating_sub(JOURNAL_SENT_RECORDS);
    let rows = statement.query_map(params![stored(first), Kind::Step.code()], record_of)?;
    let mut sent = Vec::new();
    for record in rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten() {
        let Ok(Entry::Step { actuator, state: StepState::Intended | StepState::Sent, .. }) =
            record.entry()
        else {
            continue;
        };
        let same = record.boot == boot.cast_unsigned();
        let before_end_ms = same.then(|| end_ms.cast_unsigned().saturating_sub(record.mono_ms));
        let (unix_ms, trust) = (record.unix_ms, record.trust);
        sent.push(StoredSend { actuator, unix_ms, trust, before_end_ms });
    }
    Ok(sent)
}

impl Restored {
    /// Adds what a row of the table `latest` says, pulses aside.
    pub(super) fn take(&mut self, record: &Record) {
        match record.entry() {
            Ok(Entry::Step { actuator, setting, state, by, cause, off_after_ms }) => {
                let (unix_ms, trust) = (record.unix_ms, record.trust);
                self.last_steps.push(StoredStep {
                    actuator,
                    setting,
                    state,
                    by,
                    cause,
                    off_after_ms,
                    unix_ms,
                    trust,
                });
            }
            Ok(Entry::Mode { actuator, mode }) => self.modes.push((actuator, mode)),
            Ok(Entry::Hold { actuator, for_ms }) => {
                let (unix_ms, trust) = (record.unix_ms, record.trust);
                self.holds.push(StoredHold { actuator, for_ms, unix_ms, trust });
            }
            Ok(Entry::Goal { name, put }) => self.goals.push((record.seq, name, put)),
            Ok(Entry::Learned(learned)) => self.learned.push(*learned),
            Ok(Entry::Escalated(one)) => self.escalated = Some(*one),
            Ok(Entry::Memory(one)) => self.memories.push(one),
            Ok(_) => {}
            // An actuator whose last state is unreadable is as one that never spoke: `at_start`
            // of the configuration decides.
            Err(error) => tracing::warn!(seq = record.seq, %error, "last state not readable"),
        }
    }
}

/// The stored floor, or what the last records know better.
fn floor(connection: &Connection) -> rusqlite::Result<i64> {
    let stored_ms = meta(connection, "floor_unix_ms")?;
    let last_ms: Option<i64> = connection.query_row(
        "SELECT max(unix_ms) FROM
             (SELECT unix_ms, trust FROM record ORDER BY seq DESC LIMIT ?1) WHERE trust = ?2",
        params![JOURNAL_OPEN_RECORDS, trust_code(ClockTrust::Synced)],
        |row| row.get(0),
    )?;
    Ok(last_ms.map_or(stored_ms, |last_ms| last_ms.max(stored_ms)))
}

/// All remembered commands, oldest change first.
fn commands(connection: &Connection) -> rusqlite::Result<Vec<StoredCommand>> {
    let mut statement = connection
        .prepare("SELECT kind, id, state, reason, unix_ms FROM command ORDER BY seq, kind, id")?;
    let rows = statement.query_map([], command_of)?;
    rows.collect()
}

pub(super) fn command_of(row: &Row<'_>) -> rusqlite::Result<StoredCommand> {
    let code: i64 = row.get(2)?;
    // An id with an unreadable state was seen: it must not be carried out again.
    let state = COMMAND_STATES.iter().find(|row| row.1 == code);
    Ok(StoredCommand {
        kind: row.get(0)?,
        id: row.get(1)?,
        state: state.map_or(CommandState::Failed, |row| row.0),
        reason: row.get(3)?,
        unix_ms: row.get(4)?,
    })
}

/// The rows of the table `latest` but those of a role.
pub(super) const LATEST: &str =
    "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM latest WHERE role <> ?1";

/// Last steps, modes, holds, goals, learned models.
fn latest(connection: &Connection) -> rusqlite::Result<Vec<Record>> {
    let mut statement = connection.prepare(LATEST)?;
    let rows = statement.query_map([Role::Pulse.code()], record_of)?;
    // A kind that is not ours cannot be in a whole file; it is passed over as unreadable.
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn pulses(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT actuator FROM latest WHERE role = ?1")?;
    let rows = statement.query_map([Role::Pulse.code()], |row| row.get(0))?;
    rows.collect()
}

/// A record of the columns seq, boot, mono_ms, unix_ms, trust, kind, payload; `None` where the kind
/// is unknown to this program.
pub(in crate::journal) fn record_of(row: &Row<'_>) -> rusqlite::Result<Option<Record>> {
    let Some(kind) = Kind::from_code(row.get(5)?) else { return Ok(None) };
    Ok(Some(Record {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        boot: row.get::<_, i64>(1)?.cast_unsigned(),
        mono_ms: row.get::<_, i64>(2)?.cast_unsigned(),
        unix_ms: row.get(3)?,
        believed_ms: None,
        trust: trust_from_code(row.get(4)?),
        kind,
        payload: row.get(6)?,
    }))
}

/// The record with a sequence, where there is one of a known kind.
pub(super) fn record_at(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Record>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, boot, mono_ms, unix_ms, trust, kind, payload FROM record WHERE seq = ?1",
    )?;
    let mut rows = statement.query([seq])?;
    rows.next()?.map_or(Ok(None), record_of)
}

/// The number under a key of the table `meta`; 0 where it is not there.
pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let mut rows = statement.query([key])?;
    rows.next()?.map_or(Ok(0), |row| row.get(0))
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: i64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
    )?;
    statement.execute(params![key, value])?;
    Ok(())
}

/// Moves the cursor of a destination; never back.
pub(super) fn set_cursor(connection: &Connection, name: &str, seq: i64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO cursor (name, seq) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET seq = max(seq, excluded.seq)",
    )?;
    statement.execute(params![name, seq])?;
    Ok(())
}

/// Moves some cursors and, where all destinations are named, forgets those of others and gives the
/// new ones theirs. Gives all of them.
pub(super) fn set_cursors(
    connection: &mut Connection,
    moved: &BTreeMap<String, u64>,
    all: Option<&[String]>,
) -> rusqlite::Result<Vec<(String, u64)>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (name, seq) in moved {
        set_cursor(&transaction, name, stored(*seq))?;
    }
    if let Some(all) = all {
        for (name, _) in cursors(&transaction)? {
            if !all.contains(&name) {
                transaction.execute("DELETE FROM cursor WHERE name = ?1", [name])?;
            }
        }
        for name in all {
            set_cursor(&transaction, name, 0)?;
        }
    }
    let cursors = cursors(&transaction)?;
    transaction.commit()?;
    Ok(cursors)
}

/// What each destination has acknowledged.
fn cursors(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare_cached("SELECT name, seq FROM cursor ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    rows.map(|row| row.map(|(name, seq)| (name, seq.cast_unsigned()))).collect()
}

/// Stores a command's newest state; an older one never comes back.
pub(super) fn put_command(
    connection: &Connection,
    record: &Record,
    command: &StoredCommand,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO command (kind, id, state, reason, unix_ms, trust, first_unix_ms, seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?7)
         ON CONFLICT (kind, id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
             unix_ms = excluded.unix_ms, trust = excluded.trust, seq = excluded.seq
         WHERE excluded.seq > seq",
    )?;
    statement.execute(params![
        command.kind,
        command.id,
        state_code(command.state),
        command.reason,
        record.unix_ms,
        trust_code(record.trust),
        stored(record.seq),
    ])?;
    Ok(())
}

/// Stores the newest record of a role and an actuator.
pub(super) fn put(
    connection: &Connection,
    role: Role,
    actuator: &str,
    record: &Record,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO latest
             (role, actuator, seq, boot, mono_ms, unix_ms, trust, kind, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (role, actuator) DO UPDATE SET seq = excluded.seq, boot = excluded.boot,
             mono_ms = excluded.mono_ms, unix_ms = excluded.unix_ms, trust = excluded.trust,
             kind = excluded.kind, payload = excluded.payload
         WHERE excluded.seq > seq",
    )?;
    statement.execute(params![
        role.code(),
        actuator,
        stored(record.seq),
        stored(record.boot),
        stored(record.mono_ms),
        record.unix_ms,
        trust_code(record.trust),
        record.kind.code(),
        record.payload,
    ])?;
    Ok(())
}

/// Ends a hold or a pulse.
pub(super) fn clear(connection: &Connection, role: Role, actuator: &str) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("DELETE FROM latest WHERE role = ?1 AND actuator = ?2")?;
    statement.execute(params![role.code(), actuator])?;
    Ok(())
}

/// Forgets ids of ended commands: those older than 90 days by a trusted clock, and beyond the bound
/// the oldest. One that has not ended is never forgotten.
pub(super) fn forget_commands(connection: &Connection, floor_ms: i64) -> rusqlite::Result<()> {
    let oldest_ms = floor_ms.saturating_sub(COMMAND_ID_KEPT_MS);
    let ended = state_code(CommandState::Succeeded);
    connection.execute(
        "DELETE FROM command WHERE state >= ?1 AND trust = ?2 AND unix_ms < ?3",
        params![ended, trust_code(ClockTrust::Synced), oldest_ms],
    )?;
    let count: i64 = connection.query_row("SELECT count(*) FROM command", [], |row| row.get(0))?;
    let too_many = count.saturating_sub(i64::try_from(COMMAND_IDS_MAX).unwrap_or(i64::MAX));
    if too_many > 0 {
        connection.execute(
            "DELETE FROM command WHERE (kind, id) IN
                 (SELECT kind, id FROM command WHERE state >= ?1 ORDER BY seq LIMIT ?2)",
            params![ended, too_many],
        )?;
    }
    Ok(())
}

/// Forgets last states of actuators whose names are long gone.
fn forget_latest(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM latest WHERE (role, actuator) IN
             (SELECT role, actuator FROM latest ORDER BY seq DESC LIMIT -1 OFFSET ?1)",
        [JOURNAL_LATEST_ROWS_MAX],
    )?;
    Ok(())
}

/// Marks a clean stop and empties the write-ahead log into the database.
pub(super) fn close(connection: &Connection, floor_ms: i64) -> rusqlite::Result<()> {
    let floor_ms = floor(connection)?.max(floor_ms);
    set_meta(connection, "floor_unix_ms", floor_ms)?;
    set_meta(connection, "clean_stop", 1)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

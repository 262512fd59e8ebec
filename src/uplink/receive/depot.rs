//! Records of devices in SQLite, each once by device, boot and sequence.
//!
//! A commit is durable (`synchronous=FULL`) before anybody hears of it. A device's place moves only
//! over a batch that follows what is here; one that leaves a gap is not stored, and comes again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use thiserror::Error;

use super::words::{body, kind};
use crate::clock::ClockTrust;
use crate::journal::trust_code;
use crate::link::topics::DeviceName;
use crate::uplink::batch::{Batch, Head, Received};
use crate::uplink::flow::Place;
use crate::uplink::word::Word;

/// `OUTR` in ASCII: tells our file from any other SQLite database.
const APPLICATION_ID: i64 = 0x4f55_5452;
const VERSION: i64 = 1;
/// Page cache, in KB: the right edges of some hundred devices' trees.
const CACHE_KB: i64 = 8 * 1024;

const TABLES: &str = "
CREATE TABLE device (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, boot INTEGER NOT NULL,
    probe INTEGER NOT NULL, audit_seq INTEGER, audit_hash BLOB
) STRICT;
CREATE TABLE boot (
    device INTEGER NOT NULL, boot INTEGER NOT NULL, offset_ms INTEGER, PRIMARY KEY (device, boot)
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
    device INTEGER NOT NULL, seq INTEGER NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
    unix_ms INTEGER NOT NULL, trust INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT, payload BLOB,
    PRIMARY KEY (device, seq, boot)
) STRICT, WITHOUT ROWID;
CREATE VIEW records AS
    SELECT device.name AS device, printf('%016x', record.boot) AS boot, record.seq AS seq,
        strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN record.trust = 2 THEN record.unix_ms
            ELSE coalesce(boot.offset_ms + record.mono_ms, record.unix_ms) END / 1000.0,
            'unixepoch') AS at,
        record.trust = 2 OR boot.offset_ms IS NOT NULL AS at_is_trusted,
        record.kind AS kind, record.body AS body
    FROM record JOIN device ON device.id = record.device
    LEFT JOIN boot ON boot.device = record.device AND boot.boot = record.boot;";

/// Why the database refuses.
#[derive(Debug, Error)]
pub enum DepotError {
    /// SQLite refused.
    #[error("{}: {action} failed", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is not one of ours.
    #[error("{}: a database of another program or version", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// What came since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Devices that are known.
    pub devices: u64,
    /// Records that were stored.
    pub records: u64,
    /// Records that were here already.
    pub repeats: u64,
    /// Batches, those that left a gap not counted.
    pub batches: u64,
    /// Batches that left a gap.
    pub gaps: u64,
    /// Messages that could not be read.
    pub refused: u64,
}

#[derive(Clone, Debug)]
struct Device {
    id: i64,
    place: Place,
    probe: u32,
    /// The last start of the agent that was seen, and whether its times are known.
    boot: Option<(u64, bool)>,
}

/// The database.
#[derive(Debug)]
pub struct Depot {
    path: PathBuf,
    connection: Connection,
    devices: HashMap<DeviceName, Device>,
    totals: Totals,
}

impl Depot {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// Where SQLite refuses, or the file is another program's.
    pub fn open(path: &Path) -> Result<Depot, DepotError> {
        let failed =
            |source| DepotError::Database { path: path.to_owned(), action: "opening", source };
        let mut connection = Connection::open(path).map_err(failed)?;
        if !is_ours(&mut connection).map_err(failed)? {
            return Err(DepotError::Foreign { path: path.to_owned() });
        }
        let devices = devices(&connection).map_err(failed)?;
        let totals = Totals { devices: devices.len() as u64, ..Totals::default() };
        Ok(Depot { path: path.to_owned(), connection, devices, totals })
    }

    /// What came since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// A message that cannot be read.
    pub(super) fn refused(&mut self) {
        self.totals.refused += 1;
    }

    /// What every device is told.
    #[must_use]
    pub fn words(&self) -> Vec<(DeviceName, Word)> {
        self.devices.iter().map(|(name, device)| (name.clone(), word(device))).collect()
    }

    /// Stores batches in the order in which they came, all or nothing; gives what the devices are
    /// to be told.
    ///
    /// # Errors
    /// Where SQLite refuses; nothing is stored then.
    pub fn store(
        &mut self,
        batches: &[(DeviceName, Batch)],
    ) -> Result<BTreeMap<DeviceName, Word>, DepotError> {
        let path = self.path.clone();
        let failed = |source| DepotError::Database { path, action: "storing records", source };
        // Counted and known only once it is on disk.
        let (mut totals, mut changed) = (self.totals, BTreeMap::new());
        let stored = (|| {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (name, batch) in batches {
                let known = changed.remove(name).or_else(|| self.devices.get(name).cloned());
                let mut device = match known {
                    Some(device) => device,
                    None => new_device(&transaction, name)?,
                };
                device.take(&transaction, batch, &mut totals)?;
                changed.insert(name.clone(), device);
            }
            for device in changed.values() {
                device.write(&transaction)?;
            }
            transaction.commit()
        })();
        stored.map_err(failed)?;
        let words = changed.iter().map(|(name, device)| (name.clone(), word(device))).collect();
        self.devices.extend(changed);
        self.totals = Totals { devices: self.devices.len() as u64, ..totals };
        Ok(words)
    }
}

impl Device {
    fn take(
        &mut self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        totals: &mut Totals,
    ) -> rusqlite::Result<()> {
        let Head { after, last, boot, cursor, probe, ahead, audit } = batch.head;
        if let Some(audit) = audit {
            transaction
                .prepare_cached("UPDATE device SET audit_seq = ?2, audit_hash = ?3 WHERE id = ?1")?
                .execute(params![self.id, audit.seq.cast_signed(), audit.hash])?;
        }
        if ahead {
            totals.batches += 1;
            return self.insert(transaction, &batch.records, totals);
        }
        if last < self.place.seq && self.is_another_life(transaction, batch)? {
            // The device began anew without its past: a new card.
            self.place = Place { seq: 0, boot: 0 };
        }
        if cursor > self.place.seq {
            // Acknowledged by another receiver, or by one whose database is lost: it will not come.
            self.place = Place { seq: cursor, boot: 0 };
        }
        if probe != 0 {
            self.probe = probe;
        }
        if after > self.place.seq {
            totals.gaps += 1;
            return Ok(());
        }
        if last > self.place.seq {
            self.place = Place { seq: last, boot };
        }
        totals.batches += 1;
        self.insert(transaction, &batch.records, totals)
    }

    /// All that the batch holds was made by starts that were never heard of, at sequences that are
    /// long past.
    fn is_another_life(
        &self,
        transaction: &Transaction<'_>,
        batch: &Batch,
    ) -> rusqlite::Result<bool> {
        let mut statement = transaction
            .prepare_cached("SELECT count(*) FROM boot WHERE device = ?1 AND boot = ?2")?;
        let boots: BTreeSet<_> = batch.records.iter().map(|record| record.boot).collect();
        let mut boots = boots.into_iter().filter(|boot| *boot != 0).peekable();
        if boots.peek().is_none() {
            return Ok(false);
        }
        for boot in boots {
            let known: i64 =
                statement.query_row(params![self.id, boot.cast_signed()], |row| row.get(0))?;
            if known > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn insert(
        &mut self,
        transaction: &Transaction<'_>,
        records: &[Received],
        totals: &mut Totals,
    ) -> rusqlite::Result<()> {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO record (device, seq, boot, mono_ms, unix_ms, trust, kind, body, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?;
        for record in records {
            let (body, payload) = body(record);
            let added = statement.execute(params![
                self.id,
                record.seq.cast_signed(),
                record.boot.cast_signed(),
                record.mono_ms.cast_signed(),
                record.unix_ms,
                trust_code(record.trust),
                kind(record.kind),
                body,
                payload,
            ])?;
            if added == 0 {
                totals.repeats += 1;
            } else {
                totals.records += 1;
            }
            self.note_boot(transaction, record)?;
        }
        Ok(())
    }

    /// The first trusted time of a start gives all its records theirs.
    fn note_boot(
        &mut self,
        transaction: &Transaction<'_>,
        record: &Received,
    ) -> rusqlite::Result<()> {
        if record.boot == 0 {
            return Ok(());
        }
        let trusted = record.trust == ClockTrust::Synced;
        if self.boot.is_some_and(|(boot, known)| boot == record.boot && (known || !trusted)) {
            return Ok(());
        }
        self.boot = Some((record.boot, trusted));
        let offset = record.unix_ms.saturating_sub(record.mono_ms.cast_signed());
        let mut statement = transaction.prepare_cached(
            "INSERT INTO boot (device, boot, offset_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET offset_ms = excluded.offset_ms
             WHERE offset_ms IS NULL AND excluded.offset_ms IS NOT NULL",
        )?;
        statement.execute(params![
            self.id,
            record.boot.cast_signed(),
            trusted.then_some(offset)
        ])?;
        Ok(())
    }

    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = transaction
            .prepare_cached("UPDATE device SET seq = ?2, boot = ?3, probe = ?4 WHERE id = ?1")?;
        let (seq, boot) = (self.place.seq.cast_signed(), self.place.boot.cast_signed());
        statement.execute(params![self.id, seq, boot, self.probe])?;
        Ok(())
    }
}

fn word(device: &Device) -> Word {
    Word { place: device.place, probe: Some(device.probe), reject: None }
}

fn new_device(transaction: &Transaction<'_>, name: &DeviceName) -> rusqlite::Result<Device> {
    transaction.execute(
        "INSERT INTO device (name, seq, boot, probe) VALUES (?1, 0, 0, 0)",
        [name.as_str()],
    )?;
    let id = transaction.last_insert_rowid();
    Ok(Device { id, place: Place { seq: 0, boot: 0 }, probe: 0, boot: None })
}

/// Makes the tables where there are none; false for another program's file.
fn is_ours(connection: &mut Connection) -> rusqlite::Result<bool> {
    let pragma = |connection: &Connection, name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
    };
    let sql = "SELECT count(*) = 0 FROM sqlite_schema";
    if connection.query_row(sql, [], |row| row.get(0))? {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KB)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let found = (pragma(connection, "application_id")?, pragma(connection, "user_version")?);
    Ok(found == (APPLICATION_ID, VERSION))
}

fn devices(connection: &Connection) -> rusqlite::Result<HashMap<DeviceName, Device>> {
    let mut statement = connection.prepare("SELECT name, id, seq, boot, probe FROM device")?;
    let mut rows = statement.query([])?;
    let mut devices = HashMap::new();
    while let Some(row) = rows.next()? {
        let Ok(name) = row.get::<_, String>(0)?.parse() else { continue };
        let id = row.get(1)?;
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let place = Place { seq: number(2)?, boot: number(3)? };
        devices.insert(name, Device { id, place, probe: row.get(4)?, boot: None });
    }
    Ok(devices)
}

#[cfg(test)]
#[path = "depot_tests.rs"]
mod tests;

//! The chain: every record of the device in blocks, in SQLite files of bounded size, each deleted
//! whole. The newest file is open; the others were checkpointed and are never written again.
//!
//! A block that was committed here is what "stored" means. Never here: a record changed or moved.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};

use super::super::block::{self, Block, Row};
use super::super::record::Record;
use super::schema::{self, PAGE_BYTES, Sizes};
use super::{JournalError, damage, database, stored};
use crate::limits::{
    JOURNAL_FILE_BYTES_MAX, JOURNAL_FILE_BYTES_MIN, JOURNAL_OPEN_BLOCKS, JOURNAL_READ_ROWS,
};

const PREFIX: &str = "blocks-";
const SUFFIX: &str = ".sqlite";

/// Path of the file whose first record has this sequence.
pub(in crate::journal) fn path_of(folder: &Path, first: u64) -> PathBuf {
    // Twenty digits: names sort as numbers do.
    folder.join(format!("{PREFIX}{first:020}{SUFFIX}"))
}

/// True for the name of a file of the chain.
pub(super) fn is_file(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
}

/// First sequences of the files in the folder, in order.
pub(in crate::journal) fn list(folder: &Path) -> std::io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let number = number.and_then(|name| name.strip_suffix(SUFFIX));
        firsts.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// The chain in the writer's hands.
pub(super) struct Chain {
    folder: PathBuf,
    /// First sequences of all files, oldest first.
    files: Vec<u64>,
    active: Option<Active>,
    /// Bytes of the files that are no longer written.
    sealed_bytes: u64,
    file_bytes_max: u64,
    /// The highest trusted wall time at the chain's end when it was opened.
    floor_ms: i64,
    /// Most pages of the open file: how tests fill a disk.
    pages_limit: Option<u64>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Chain").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The newest file.
struct Active {
    path: PathBuf,
    connection: Connection,
    /// The last sequence inside, or the one before the file's first.
    last: u64,
}

/// The end of a file.
#[derive(Clone, Copy, Default)]
struct End {
    last: Option<u64>,
    /// The highest trusted wall time in the last blocks.
    floor_ms: i64,
}

/// What a file of the chain is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Chain {
    pub(super) fn new(folder: &Path, quota_bytes: u64) -> Chain {
        let sixteenth = quota_bytes / 16;
        let mut chain = Chain {
            folder: folder.to_owned(),
            files: Vec::new(),
            active: None,
            sealed_bytes: 0,
            floor_ms: 0,
            file_bytes_max: sixteenth.clamp(JOURNAL_FILE_BYTES_MIN, JOURNAL_FILE_BYTES_MAX),
            pages_limit: None,
            compressor: block::compressor(),
        };
        chain.look();
        chain
    }

    /// Reads the folder again: after a start, and after a file was set aside.
    pub(super) fn look(&mut self) {
        self.active = None;
        // A folder that cannot be read now is found out by the next append.
        self.files = list(&self.folder).unwrap_or_default();
        let sealed = self.files.split_last().map_or(&[][..], |(_, sealed)| sealed);
        self.sealed_bytes = sealed.iter().map(|first| self.bytes_of(*first)).sum();
    }

    fn bytes_of(&self, first: u64) -> u64 {
        let path = path_of(&self.folder, first);
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(&path) + bytes(&damage::with_suffix(&path, "-wal"))
    }

    /// Bytes of all files and of the open one's log.
    pub(super) fn bytes(&self) -> u64 {
        self.sealed_bytes + self.files.last().map_or(0, |first| self.bytes_of(*first))
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.files.last().copied()
    }

    pub(super) fn floor_ms(&self) -> i64 {
        self.floor_ms
    }

    /// The last sequence of a file, read without writing; none where it cannot be read.
    pub(super) fn look_at_end(&self, first: u64) -> Option<u64> {
        let path = path_of(&self.folder, first);
        let connection = schema::open_without_writing(&path).ok()?;
        check_end(&connection).ok().and_then(|end| end.last)
    }

    pub(super) fn files(&self) -> &[u64] {
        &self.files
    }

    fn sizes(&self) -> Sizes {
        let sizes = schema::block_sizes(self.file_bytes_max);
        Sizes { pages_hard: self.pages_limit.unwrap_or(sizes.pages_hard), ..sizes }
    }

    /// Opens the newest file, where there is one, and gives the last sequence of the chain.
    pub(super) fn open(&mut self) -> Result<Option<u64>, JournalError> {
        if let Some(active) = &self.active {
            return Ok(Some(active.last));
        }
        let Some(first) = self.newest() else { return Ok(None) };
        let path = path_of(&self.folder, first);
        let connection = schema::open(&path, &schema::BLOCKS, self.sizes())?;
        let end = check_end(&connection).map_err(|fault| fault.at(&path))?;
        let last = end.last.unwrap_or(first.saturating_sub(1));
        self.floor_ms = self.floor_ms.max(end.floor_ms);
        self.active = Some(Active { path, connection, last });
        Ok(Some(last))
    }

    /// Makes records (in strictly increasing sequence) durable, all or nothing; those that are
    /// there already are passed over. After an error the file is opened again, since the commit may
    /// have come through.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let known = self.open()?;
        let from = records.partition_point(|record| known.is_some_and(|last| record.seq <= last));
        let fresh = &records[from..];
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else { return Ok(()) };
        self.rotate(first.seq)?;
        let blocks = block::encode_all(&mut self.compressor, fresh);
        let Some(active) = &mut self.active else { return Ok(()) };
        match insert(&mut active.connection, &blocks) {
            Ok(()) => {
                active.last = last.seq;
                Ok(())
            }
            Err(source) => {
                let error = database(&active.path, "committing records", source);
                self.active = None;
                Err(error)
            }
        }
    }

    /// Begins a new file where there is none yet or the open one has its size.
    fn rotate(&mut self, next: u64) -> Result<(), JournalError> {
        if let Some(active) = &self.active {
            let failed = |source| database(&active.path, "reading the size", source);
            let pages: i64 = active
                .connection
                .pragma_query_value(None, "page_count", |row| row.get(0))
                .map_err(failed)?;
            if pages.cast_unsigned() * PAGE_BYTES < self.file_bytes_max {
                return Ok(());
            }
            seal(&active.connection)
                .map_err(|source| database(&active.path, "closing a full file", source))?;
        }
        let path = path_of(&self.folder, next);
        let connection = schema::open(&path, &schema::BLOCKS, self.sizes())?;
        // The name itself must outlive a power cut.
        crate::disk::sync_folder(&self.folder).map_err(|error| JournalError::File {
            path: error.path,
            action: "synced",
            source: error.source,
        })?;
        self.active = Some(Active { path, connection, last: next.saturating_sub(1) });
        if let Some(sealed) = self.files.last() {
            self.sealed_bytes += self.bytes_of(*sealed);
        }
        if self.files.last() != Some(&next) {
            self.files.push(next);
        }
        Ok(())
    }

    /// Begins a new file whatever the one before is like; nothing is written into that any more.
    pub(super) fn begin(&mut self, next: u64) -> Result<(), JournalError> {
        self.forget();
        self.rotate(next)
    }

    /// The range of the oldest file, where it is not the open one.
    pub(super) fn oldest(&self) -> Option<Range> {
        let [first, next, ..] = self.files[..] else { return None };
        Some(Range { first, last: next.saturating_sub(1) })
    }

    /// The highest trusted wall time at the end of the oldest file, in milliseconds since 1970;
    /// none where there is no such file or no such time.
    pub(super) fn oldest_end_ms(&self) -> Option<i64> {
        let path = path_of(&self.folder, self.oldest()?.first);
        let connection = schema::open_immutable(&path).ok()?;
        let end = check_end(&connection).ok()?;
        (end.floor_ms > 0).then_some(end.floor_ms)
    }

    /// Deletes the oldest file; its range is named already.
    pub(super) fn remove_oldest(&mut self) -> Result<(), JournalError> {
        let Some(range) = self.oldest() else { return Ok(()) };
        let path = path_of(&self.folder, range.first);
        let bytes = self.bytes_of(range.first);
        damage::remove_database(&path)?;
        self.files.remove(0);
        self.sealed_bytes = self.sealed_bytes.saturating_sub(bytes);
        Ok(())
    }

    /// How many records a file has.
    pub(super) fn records_in(&self, first: u64) -> Result<u64, JournalError> {
        let path = path_of(&self.folder, first);
        let counted = schema::open_immutable(&path).and_then(|connection| {
            let sql = "SELECT coalesce(sum(records), 0) FROM block";
            connection.query_row(sql, [], |row| row.get::<_, i64>(0))
        });
        counted
            .map(i64::cast_unsigned)
            .map_err(|source| database(&path, "counting records", source))
    }

    /// Calls `take` with the records of the given files after a sequence, those of audited kinds,
    /// a block at a time. A file or block that cannot be read is passed over.
    pub(super) fn replay(
        &self,
        files: &[u64],
        after: u64,
        mask: i64,
        take: &mut dyn FnMut(&[Record]) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        for first in files {
            let path = path_of(&self.folder, *first);
            let Ok(Some(connection)) = schema::open_to_read(&path) else { continue };
            for records in audited(&connection, after, mask) {
                take(&records)?;
            }
        }
        Ok(())
    }

    /// Limits the open file to so many pages.
    pub(super) fn limit_pages(&mut self, pages: u64) -> Result<(), JournalError> {
        self.pages_limit = Some(pages);
        self.open()?;
        let Some(active) = &self.active else { return Ok(()) };
        schema::limit_pages(&active.connection, pages)
            .map_err(|source| database(&active.path, "limiting the size", source))
    }

    /// Lets go of the file handles; the next append opens them again.
    pub(super) fn forget(&mut self) {
        self.active = None;
    }

    /// Empties the open file's log into it.
    pub(super) fn close(&mut self) -> Result<(), JournalError> {
        let Some(active) = self.active.take() else { return Ok(()) };
        seal(&active.connection).map_err(|source| database(&active.path, "closing", source))
    }
}

/// What is wrong with the end of a file.
enum EndFault {
    Sqlite(rusqlite::Error),
    Block(u64, String),
}

impl EndFault {
    fn at(self, path: &Path) -> JournalError {
        match self {
            EndFault::Sqlite(source) => database(path, "reading its end", source),
            EndFault::Block(first, what) => JournalError::Foreign {
                path: path.to_owned(),
                what: format!("block {first}: {what}"),
            },
        }
    }
}

/// Proves the last blocks of a file; gives its last sequence.
fn check_end(connection: &Connection) -> Result<End, EndFault> {
    let mut statement = connection
        .prepare("SELECT first, last, bytes FROM block ORDER BY first DESC LIMIT ?1")
        .map_err(EndFault::Sqlite)?;
    let rows = statement
        .query_map([JOURNAL_OPEN_BLOCKS], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .map_err(EndFault::Sqlite)?;
    let mut end = End::default();
    for row in rows {
        let (first, last, bytes) = row.map_err(EndFault::Sqlite)?;
        let (first, last) = (first.cast_unsigned(), last.cast_unsigned());
        let fault = |what: &str| EndFault::Block(first, what.to_owned());
        let rows = block::decode(&bytes).map_err(|error| fault(&error.to_string()))?;
        let (from, to) = (rows.first().map(|row| row.0), rows.last().map(|row| row.0));
        if (from, to) != (Some(first), Some(last)) {
            return Err(fault("its row names another range"));
        }
        end.last.get_or_insert(last);
        let records: Vec<_> = rows.into_iter().filter_map(|(_, record)| record).collect();
        end.floor_ms = end.floor_ms.max(super::highest_trusted(&records));
    }
    Ok(end)
}

pub(super) fn insert(connection: &mut Connection, blocks: &[Block]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for block in blocks {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO block (first, last, records, kinds, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let (first, last) = (stored(block.first), stored(block.last));
        statement.execute(params![first, last, block.records, block.kinds, block.bytes])?;
    }
    transaction.commit()
}

/// Puts the log into the database. A reader in the middle of a look keeps some of it in the log;
/// whoever reads the file then reads the log too.
pub(super) fn seal(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// The blocks of a file after a sequence that hold kinds of the mask, unpacked.
fn audited(connection: &Connection, after: u64, mask: i64) -> Vec<Vec<Record>> {
    let mut found = Vec::new();
    let mut statement = match connection.prepare(
        "SELECT bytes FROM block WHERE last > ?1 AND kinds & ?2 <> 0 ORDER BY first LIMIT ?3",
    ) {
        Ok(statement) => statement,
        Err(_) => return found,
    };
    // More blocks than this in one file would each be smaller than their row.
    let most = i64::from(JOURNAL_READ_ROWS) * 100;
    let rows = statement.query_map(params![stored(after), mask, most], |row| row.get(0));
    let Ok(rows) = rows else { return found };
    for bytes in rows.map_while(Result::<Vec<u8>, _>::ok) {
        let Ok(rows) = block::decode(&bytes) else { continue };
        let fits = |record: &Record| record.seq > after && block::kind_bit(record.kind) & mask != 0;
        let records: Vec<_> = rows.into_iter().filter_map(|(_, it): Row| it).collect();
        found.push(records.into_iter().filter(fits).collect());
    }
    found
}

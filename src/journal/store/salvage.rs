//! What the pages of a damaged database still say, page by page, whatever its trees say.
//!
//! SQLite's own format: leaf pages of tables, cells, overflow pages, frames of the write-ahead log.
//! Only rows whose own checksum is right are believed; nothing is guessed.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::block;
use super::super::record::{Kind, Record, trust_from_code};
use super::damage::with_suffix;
use super::schema::PAGE_BYTES;

const PAGE: usize = PAGE_BYTES as usize;
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Type byte of a leaf page of a table.
const LEAF: u8 = 0x0d;
/// Columns that a row of ours has at most.
const COLUMNS_MAX: usize = 16;
/// Most bytes that are read of one damaged file; what lies beyond stays in it.
const SCAN_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A column as it lies in a row.
enum Column<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Other,
}

/// The pages of a database file and of its log.
struct Pages {
    file: Vec<u8>,
    log: Vec<u8>,
    /// Offset into the log of the newest frame of a page.
    newest: HashMap<usize, usize>,
}

impl Pages {
    fn read(path: &Path) -> Pages {
        let read = |path: &Path| {
            let small = fs::metadata(path).is_ok_and(|file| file.len() <= SCAN_BYTES_MAX);
            if small { fs::read(path).unwrap_or_else(|_| in_pages(path)) } else { Vec::new() }
        };
        let mut pages = Pages {
            file: read(path),
            log: read(&with_suffix(path, "-wal")),
            newest: HashMap::new(),
        };
        let salts = pages.log.get(16..24).map(<[u8]>::to_vec).unwrap_or_default();
        let mut at = LOG_HEADER_BYTES;
        while let Some(frame) = pages.log.get(at..at + FRAME_HEADER_BYTES + PAGE) {
            // Frames of an earlier turn of the log carry other salts.
            if frame[8..16] == salts[..] {
                pages.newest.insert(number(&frame[..4]), at + FRAME_HEADER_BYTES);
            }
            at += FRAME_HEADER_BYTES + PAGE;
        }
        pages
    }

    /// Page 1 is the first.
    fn page(&self, number: usize) -> Option<&[u8]> {
        if let Some(at) = self.newest.get(&number) {
            return self.log.get(*at..at + PAGE);
        }
        let at = number.checked_sub(1)?.checked_mul(PAGE)?;
        self.file.get(at..at.checked_add(PAGE)?)
    }

    /// Calls `take` with each row of each leaf page, in the file and in the log.
    fn rows(&self, mut take: impl FnMut(i64, &[Column<'_>])) {
        let mut images: Vec<(bool, &[u8])> =
            self.file.chunks(PAGE).enumerate().map(|(index, page)| (index == 0, page)).collect();
        for at in self.newest.values() {
            images.extend(self.log.get(*at..at + PAGE).map(|page| (false, page)));
        }
        for (is_first, page) in images {
            let head = if is_first { 100 } else { 0 };
            if page.len() < PAGE || page[head] != LEAF {
                continue;
            }
            let count = number(&page[head + 3..head + 5]).min(PAGE / 4);
            for cell in 0..count {
                let pointer = head + 8 + 2 * cell;
                let Some(pointer) = page.get(pointer..pointer + 2) else { break };
                if let Some((rowid, row)) = self.row(page, number(pointer))
                    && let Some(columns) = columns(&row)
                {
                    take(rowid, &columns);
                }
            }
        }
    }

    /// The key and the bytes of the row in a cell, its overflow pages included.
    fn row(&self, page: &[u8], at: usize) -> Option<(i64, Vec<u8>)> {
        let cell = page.get(at..)?;
        let (length, cell) = varint(cell)?;
        let (rowid, cell) = varint(cell)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= 64 * 1024 * 1024)?;
        let local = local_bytes(length);
        let mut row = cell.get(..local)?.to_vec();
        if local == length {
            return Some((rowid, row));
        }
        let mut next = number(cell.get(local..local + 4)?);
        while row.len() < length {
            let page = self.page(next)?;
            next = number(&page[..4]);
            let take = (length - row.len()).min(PAGE - 4);
            row.extend_from_slice(&page[4..4 + take]);
        }
        Some((rowid, row))
    }
}

/// A file that cannot be read as a whole: pages that the disk does not give are zeros, which is no
/// page of a table.
fn in_pages(path: &Path) -> Vec<u8> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |it| it.len()).min(SCAN_BYTES_MAX);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    for (number, page) in (0_u64..).zip(bytes.chunks_mut(PAGE)) {
        if file.read_exact_at(page, number * PAGE_BYTES).is_err() {
            page.fill(0);
        }
    }
    bytes
}

/// How much of a row lies in its cell (SQLite's file format, section 1.6).
fn local_bytes(length: usize) -> usize {
    let most = PAGE - 35;
    let least = (PAGE - 12) * 32 / 255 - 23;
    if length <= most {
        return length;
    }
    let local = least + (length - least) % (PAGE - 4);
    if local <= most { local } else { least }
}

/// Big-endian, as all numbers of the format.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number: u64 = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        if index == 8 {
            return Some(((number << 8 | u64::from(*byte)).cast_signed(), &bytes[9..]));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number.cast_signed(), &bytes[index + 1..]));
        }
    }
    None
}

fn columns(row: &[u8]) -> Option<Vec<Column<'_>>> {
    let (header_bytes, rest) = varint(row)?;
    let header_bytes = usize::try_from(header_bytes).ok()?;
    let header_left = header_bytes.checked_sub(row.len() - rest.len())?;
    let (mut header, mut body) = rest.split_at_checked(header_left)?;
    let mut columns = Vec::new();
    while !header.is_empty() && columns.len() < COLUMNS_MAX {
        let (kind, rest) = varint(header)?;
        header = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            kind => usize::try_from((kind - 12) / 2).ok()?,
        };
        let (bytes, rest) = body.split_at_checked(length)?;
        body = rest;
        columns.push(match kind {
            8 => Column::Integer(0),
            9 => Column::Integer(1),
            1..=6 => Column::Integer(integer(bytes)),
            kind if kind >= 12 => Column::Bytes(bytes),
            _ => Column::Other,
        });
    }
    Some(columns)
}

fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

/// The whole blocks of a damaged file of the chain, by their first sequence, none overlapping.
pub(super) fn blocks(path: &Path) -> BTreeMap<u64, (u64, Vec<Record>)> {
    let mut found: BTreeMap<u64, (u64, Vec<Record>)> = BTreeMap::new();
    Pages::read(path).rows(|_, columns| {
        let Some(Column::Bytes(bytes)) = columns.get(4) else { return };
        let Ok(rows) = block::decode(bytes) else { return };
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        let range = (first.0, last.0);
        let records = rows.into_iter().filter_map(|(_, record)| record).collect();
        let known = found.get(&range.0).is_some_and(|(last, _)| *last >= range.1);
        if !known {
            found.insert(range.0, (range.1, records));
        }
    });
    let mut end = 0;
    found.retain(|first, (last, _)| {
        let apart = *first > end;
        end = end.max(*last);
        apart
    });
    found
}

/// The records of a damaged audit database whose checksum is right, in order.
pub(super) fn audited(path: &Path) -> Vec<Record> {
    let mut found = BTreeMap::new();
    Pages::read(path).rows(|seq, columns| {
        use Column::{Bytes, Integer};
        let [
            _,
            Integer(boot),
            Integer(mono),
            Integer(unix),
            Integer(trust),
            Integer(kind),
            rest @ ..,
        ] = columns
        else {
            return;
        };
        let (Some(Bytes(payload)), Some(kind)) = (rest.first(), Kind::from_code(*kind)) else {
            return;
        };
        let record = Record {
            seq: seq.cast_unsigned(),
            boot: boot.cast_unsigned(),
            mono_ms: mono.cast_unsigned(),
            unix_ms: *unix,
            believed_ms: None,
            trust: trust_from_code(*trust),
            kind,
            payload: payload.to_vec(),
        };
        if record.seq > 0 && record.kind.is_audited() && record.entry().is_ok() {
            found.insert(record.seq, record);
        }
    });
    found.into_values().collect()
}

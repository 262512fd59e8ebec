//! One commit's records as one block: headers as steps, payloads without their checksums, `zstd`
//! where that is shorter, one CRC-32 over all. `docs/formats.md` has the bytes.
//!
//! A block is frozen: its first byte names the form, and a new need is a new form beside these.
//! What is read is never trusted: decoding gives an error, never a panic, and takes bounded memory.

use serde::{Deserialize, Serialize};

use super::record::{Kind, Record, trust_code, trust_from_code};
use crate::limits::{JOURNAL_BLOCK_BYTES, JOURNAL_BLOCK_BYTES_MAX};

/// Forms: rows as they are, and rows as one zstd frame.
const RAW: u8 = 1;
const ZSTD: u8 = 2;

/// zstd's own default: on records 3 takes 40 % more time than 1 and saves a tenth.
const ZSTD_LEVEL: i32 = 3;

const CHECKSUM_BYTES: usize = 4;

/// Bits of a row's flags: two of trust, and whether the payload's checksum is left out.
const TRUST_BITS: u8 = 3;
const CHECKSUM_LEFT_OUT: u8 = 4;

/// Why a block cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Too short, or the bytes changed after they were written.
    #[error("checksum of the block does not fit its {bytes} bytes")]
    Checksum {
        /// How many there are.
        bytes: usize,
    },
    /// Whole, but of a newer program: not damage.
    #[error("block of form {found}, this program reads {RAW} and {ZSTD}")]
    Form {
        /// The form found.
        found: u8,
    },
    /// The checksum is right and the body is not one of ours.
    #[error("body of the block cannot be read")]
    Body,
}

/// An encoded block and what its row says beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) records: u32,
    /// One bit for each kind inside, see [`kind_bit`].
    pub(super) kinds: i64,
    pub(super) bytes: Vec<u8>,
}

/// A row's sequence and its record; none where its kind is of a newer program.
pub(super) type Row = (u64, Option<Record>);

/// A record beside the one before it. Frozen.
#[derive(Serialize, Deserialize)]
struct Step<'a> {
    seq: u64,
    /// Only where it differs from the row before.
    boot: Option<u64>,
    mono_ms: i64,
    /// Of wall minus monotonic time: 0 unless a clock was set.
    offset_ms: i64,
    flags: u8,
    kind: u8,
    payload: &'a [u8],
}

#[derive(Default)]
struct Before {
    seq: u64,
    boot: u64,
    mono_ms: u64,
    offset_ms: i64,
}

/// The bit of a kind in a block's mask.
pub(super) fn kind_bit(kind: Kind) -> i64 {
    1 << kind.code().clamp(0, 62)
}

/// Cuts records (in strictly increasing sequence) into blocks of bounded size.
pub(super) fn encode_all(
    compressor: &mut Option<zstd::bulk::Compressor<'static>>,
    mut records: &[Record],
) -> Vec<Block> {
    let mut blocks = Vec::new();
    while !records.is_empty() {
        let mut bytes = 0;
        let fits = records.iter().take_while(|record| {
            let before = bytes;
            bytes += record.payload.len() + std::mem::size_of::<Record>();
            before < JOURNAL_BLOCK_BYTES
        });
        let (now, later) = records.split_at(fits.count().max(1));
        blocks.extend(encode(compressor, now));
        records = later;
    }
    blocks
}

/// One block of some records; none of none.
fn encode(
    compressor: &mut Option<zstd::bulk::Compressor<'static>>,
    records: &[Record],
) -> Option<Block> {
    let (first, last) = (records.first()?.seq, records.last()?.seq);
    let mut rows = Vec::with_capacity(records.len() * 32);
    let mut before = Before::default();
    for record in records {
        rows = postcard::to_extend(&step(record, &before), rows).ok()?;
        before = after(record);
    }
    let squeezed = compressor.as_mut().and_then(|compressor| compressor.compress(&rows).ok());
    let (form, body) = match squeezed {
        Some(squeezed) if squeezed.len() < rows.len() => (ZSTD, squeezed),
        _ => (RAW, rows),
    };
    let mut bytes = Vec::with_capacity(body.len() + 1 + CHECKSUM_BYTES);
    bytes.push(form);
    bytes.extend_from_slice(&body);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    let kinds = records.iter().fold(0, |mask, record| mask | kind_bit(record.kind));
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    Some(Block { first, last, records: count, kinds, bytes })
}

/// What compresses blocks; none where there is no memory for it: blocks are then stored raw.
pub(super) fn compressor() -> Option<zstd::bulk::Compressor<'static>> {
    zstd::bulk::Compressor::new(ZSTD_LEVEL).ok()
}

fn step<'a>(record: &'a Record, before: &Before) -> Step<'a> {
    let payload = &record.payload[..];
    let split = payload.split_last_chunk::<CHECKSUM_BYTES>();
    let checked =
        split.filter(|(body, checksum)| crc32fast::hash(body).to_le_bytes() == **checksum);
    let trust = u8::try_from(trust_code(record.trust)).unwrap_or(0);
    let left_out = if checked.is_some() { CHECKSUM_LEFT_OUT } else { 0 };
    Step {
        seq: record.seq.wrapping_sub(before.seq),
        boot: (record.boot != before.boot).then_some(record.boot),
        mono_ms: record.mono_ms.wrapping_sub(before.mono_ms).cast_signed(),
        offset_ms: offset(record).wrapping_sub(before.offset_ms),
        flags: trust | left_out,
        kind: u8::try_from(record.kind.code()).unwrap_or(0),
        payload: checked.map_or(payload, |(body, _)| body),
    }
}

fn offset(record: &Record) -> i64 {
    record.unix_ms.wrapping_sub(record.mono_ms.cast_signed())
}

fn after(record: &Record) -> Before {
    let offset_ms = offset(record);
    Before { seq: record.seq, boot: record.boot, mono_ms: record.mono_ms, offset_ms }
}

/// The rows of a block.
///
/// # Errors
/// Where the bytes changed, are of a newer form, or are none of ours.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Row>, BlockError> {
    let damaged = BlockError::Checksum { bytes: bytes.len() };
    let Some((checked, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(damaged);
    };
    if crc32fast::hash(checked).to_le_bytes() != *checksum {
        return Err(damaged);
    }
    match checked.split_first() {
        Some((&RAW, body)) => rows(body),
        Some((&ZSTD, body)) => {
            let body = zstd::bulk::decompress(body, JOURNAL_BLOCK_BYTES_MAX);
            rows(&body.map_err(|_| BlockError::Body)?)
        }
        Some((&found, _)) => Err(BlockError::Form { found }),
        None => Err(damaged),
    }
}

fn rows(mut body: &[u8]) -> Result<Vec<Row>, BlockError> {
    let mut rows = Vec::new();
    let mut before = Before::default();
    while !body.is_empty() {
        let (step, rest) =
            postcard::take_from_bytes::<Step<'_>>(body).map_err(|_| BlockError::Body)?;
        body = rest;
        before = Before {
            seq: before.seq.wrapping_add(step.seq),
            boot: step.boot.unwrap_or(before.boot),
            mono_ms: before.mono_ms.wrapping_add(step.mono_ms.cast_unsigned()),
            offset_ms: before.offset_ms.wrapping_add(step.offset_ms),
        };
        rows.push((before.seq, record(&step, &before)));
    }
    Ok(rows)
}

fn record(step: &Step<'_>, at: &Before) -> Option<Record> {
    let mut payload = step.payload.to_vec();
    if step.flags & CHECKSUM_LEFT_OUT != 0 {
        payload.extend_from_slice(&crc32fast::hash(step.payload).to_le_bytes());
    }
    Some(Record {
        seq: at.seq,
        boot: at.boot,
        mono_ms: at.mono_ms,
        unix_ms: at.offset_ms.wrapping_add(at.mono_ms.cast_signed()),
        believed_ms: None,
        trust: trust_from_code(i64::from(step.flags & TRUST_BITS)),
        kind: Kind::from_code(i64::from(step.kind))?,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::{ClockTrust, Now, Tick};
    use crate::domain::{Entry, Value};
    use crate::journal::Stamp;

    fn reading(seq: u64, boot: u64, mono_ms: u64, unix_ms: i64, number: f64) -> Record {
        let entry = Entry::Reading { sensor: "air".into(), value: Value::Number(number) };
        let now = Now { tick: Tick(mono_ms), unix_ms, trust: ClockTrust::Synced };
        Record::new(Stamp { seq, boot, now }, &entry)
    }

    fn back(block: &Block) -> Vec<Record> {
        decode(&block.bytes).unwrap().into_iter().filter_map(|(_, record)| record).collect()
    }

    #[test]
    fn golden_bytes_of_a_raw_block() {
        let records = [reading(5, 7, 100, 1_100, 21.5), reading(6, 7, 110, 1_110, 21.5)];
        let [block] = &encode_all(&mut None, &records)[..] else { panic!("one block") };
        let hex: String = block.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let first = "050107c801d00f06020f010103616972000000000000803540";
        let second = "0100140006020f010103616972000000000000803540";
        assert_eq!(hex[..hex.len() - 8], format!("01{first}{second}"));
        assert_eq!((block.first, block.last, block.records, block.kinds), (5, 6, 2, 4));
        assert_eq!(back(block), records);
    }

    #[test]
    fn a_payload_whose_checksum_is_wrong_stays_as_it_is() {
        let mut record = reading(1, 1, 1, 1, 1.0);
        record.payload.fill(0);
        let blocks = encode_all(&mut compressor(), std::slice::from_ref(&record));
        assert_eq!(back(&blocks[0]), [record]);
    }

    #[test]
    fn blocks_are_bounded_and_many_alike_records_are_short() {
        let records: Vec<_> = (1..=10_000).map(|n| reading(n, 7, n, 900, 21.5)).collect();
        let blocks = encode_all(&mut compressor(), &records);
        assert!(blocks.len() > 2, "{}", blocks.len());
        let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
        assert!(bytes < 100_000, "{bytes}");
        let all: Vec<_> = blocks.iter().flat_map(back).collect();
        assert_eq!(all, records);
    }

    proptest! {
        #[test]
        fn any_headers_come_back(
            steps in prop::collection::vec(
                (1..u64::MAX / 100, any::<u64>(), any::<u64>(), any::<i64>()), 1..60),
        ) {
            let mut seq = 0;
            let records: Vec<_> = steps
                .into_iter()
                .map(|(step, boot, mono_ms, unix_ms)| {
                    seq += step;
                    reading(seq, boot, mono_ms, unix_ms, 1.5)
                })
                .collect();
            let all: Vec<_> =
                encode_all(&mut compressor(), &records).iter().flat_map(back).collect();
            prop_assert_eq!(all, records);
        }

        #[test]
        fn damage_is_an_error(at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
            let records: Vec<_> = (1..50).map(|n| reading(n, 7, n, 900, 0.1 * n as f64)).collect();
            let mut bytes = encode_all(&mut compressor(), &records).remove(0).bytes;
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_an_answer(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200), form in 0..4_u8,
        ) {
            bytes.insert(0, form);
            let checksum = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&checksum.to_le_bytes());
            drop(decode(&bytes));
        }
    }
}

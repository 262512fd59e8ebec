//! One message of records on the line: a head with the range that it covers, and the records in
//! columns, compressed. `docs/formats.md` has the bytes; `batch/json.rs` the same as JSON.
//!
//! The form is frozen: its first byte names it, and a new need is a new form beside these. What is
//! read is never trusted: decoding gives an error, never a panic, and takes bounded memory.

mod columns;
pub(super) mod json;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::clock::ClockTrust;
use crate::journal::{Kind, Record};
use crate::limits::UPLINK_UNPACKED_BYTES_MAX;

/// Forms: columns as they are, and columns as one zstd frame. JSON begins with a brace.
const RAW: u8 = 1;
const ZSTD: u8 = 2;

/// Bytes on a line cost more than a processor's time: 6 saves a tenth of 3 on batches of a minute,
/// and still packs a million records a second.
const ZSTD_LEVEL: i32 = 6;

const CHECKSUM_BYTES: usize = 4;

/// What a batch covers, beside its records. Frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The batch has all records after this sequence that are meant for this destination, …
    pub after: u64,
    /// … up to and with this one.
    pub last: u64,
    /// The start of the agent that made the record at `last`; 0 where retention made it.
    pub boot: u64,
    /// What the sender knows to be acknowledged: nothing before it comes again.
    pub cursor: u64,
    /// Not 0: the receiver says this number in its next acknowledgement.
    pub probe: u32,
    /// A copy that overtakes the backlog; the records come again in their place.
    pub ahead: bool,
    /// The newest link of the audit's hash chain, in some batches.
    pub audit: Option<AuditHead>,
}

/// A place in the hash chain of commands, decisions and changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Sequence of the audited record.
    pub seq: u64,
    /// SHA-256 up to and with it.
    pub hash: [u8; 32],
}

/// A record as it came over the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Place in the device's sequence.
    pub seq: u64,
    /// Random number of the start of the agent that made it.
    pub boot: u64,
    /// Monotonic time since that start, in milliseconds.
    pub mono_ms: u64,
    /// Wall time as it was believed then, in milliseconds since 1970.
    pub unix_ms: i64,
    /// How far it was believed.
    pub trust: ClockTrust,
    /// Stored code of its kind; perhaps one of a newer program.
    pub kind: u8,
    /// What it says.
    pub body: Body,
}

/// What a received record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The stored payload: version, frozen body, checksum.
    Payload(Vec<u8>),
    /// A JSON object as the sender made it.
    Json(String),
}

impl Received {
    /// The record, where its kind is known and its payload came.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        let Body::Payload(payload) = &self.body else { return None };
        Some(Record {
            seq: self.seq,
            boot: self.boot,
            mono_ms: self.mono_ms,
            unix_ms: self.unix_ms,
            believed_ms: None,
            trust: self.trust,
            kind: Kind::from_code(i64::from(self.kind))?,
            payload: payload.clone(),
        })
    }
}

/// A batch as it came over the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What it covers.
    pub head: Head,
    /// Its records, in order.
    pub records: Vec<Received>,
}

/// Why a batch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Too short, or the bytes changed on the way.
    #[error("checksum of the batch does not fit its {bytes} bytes")]
    Checksum {
        /// How many there are.
        bytes: usize,
    },
    /// Whole, but of a newer program.
    #[error("batch of form {found}, this program reads {RAW}, {ZSTD} and JSON")]
    Form {
        /// The form found.
        found: u8,
    },
    /// The checksum is right and the body is none of ours, or unpacks to more than it may.
    #[error("body of the batch cannot be read: {what}")]
    Body {
        /// What is wrong with it.
        what: String,
    },
}

/// Packs batches; keeps the compressor.
pub struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Default for Packer {
    fn default() -> Packer {
        // None where there is no memory for it: batches then go as they are.
        Packer { compressor: zstd::bulk::Compressor::new(ZSTD_LEVEL).ok() }
    }
}

impl Packer {
    /// The message of some records, which are in order of their sequence.
    #[must_use]
    pub fn pack(&mut self, head: &Head, records: &[Record]) -> Vec<u8> {
        let columns = columns::encode(records);
        let squeezed = self.compressor.as_mut().and_then(|it| it.compress(&columns).ok());
        let (form, body) = match squeezed {
            Some(squeezed) if squeezed.len() < columns.len() => (ZSTD, squeezed),
            _ => (RAW, columns),
        };
        let mut bytes = Vec::with_capacity(body.len() + 80);
        bytes.push(form);
        bytes = postcard::to_extend(head, bytes)
            .expect("a growing Vec takes every type that derives Serialize with known lengths");
        bytes.extend_from_slice(&body);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// Reads a message of either format.
///
/// # Errors
/// Where the bytes changed, are of a newer form, or are none of ours.
pub fn decode(bytes: &[u8]) -> Result<Batch, BatchError> {
    if bytes.first() == Some(&b'{') {
        return json::decode(bytes);
    }
    let damaged = BatchError::Checksum { bytes: bytes.len() };
    let Some((checked, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(damaged);
    };
    if crc32fast::hash(checked).to_le_bytes() != *checksum {
        return Err(damaged);
    }
    let Some((&form, rest)) = checked.split_first() else { return Err(damaged) };
    if !matches!(form, RAW | ZSTD) {
        return Err(BatchError::Form { found: form });
    }
    let (head, body) = postcard::take_from_bytes::<Head>(rest).map_err(|error| fault(&error))?;
    let records = if form == ZSTD {
        let body = zstd::bulk::decompress(body, UPLINK_UNPACKED_BYTES_MAX);
        columns::decode(&body.map_err(|error| fault(&error))?)?
    } else {
        columns::decode(body)?
    };
    Ok(Batch { head, records })
}

fn fault(what: &dyn std::fmt::Display) -> BatchError {
    BatchError::Body { what: what.to_string() }
}

//! Records as they are stored: a header of plain numbers and a payload of frozen bytes.
//!
//! A payload is one version byte, the `postcard` form of that version's frozen type, and four bytes
//! of CRC-32 (IEEE, little-endian) over all that stands before them; `docs/formats.md` has the
//! whole format. The domain's types never reach the disk: each version has types of its own, which
//! never change. What is read from a disk is never trusted: decoding gives an error, never a panic.

mod v1;
mod v2;
mod v3;

#[cfg(test)]
mod tests;

use crate::clock::{ClockTrust, Now, Tick};
use crate::domain::Entry;

/// The newest payload version that this program knows. An entry is written in the oldest version
/// that has it, so that an older program reads as much as it can.
const VERSION: u8 = 3;

/// Bytes of the checksum at the end of a payload.
const CHECKSUM_BYTES: usize = 4;

/// What a record is about; stored as its code, shown and asked for as its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The agent started.
    Boot,
    /// A sensor's believed value.
    Reading,
    /// Faulty payloads, counted.
    Faults,
    /// A decision.
    Decision,
    /// A message to an actuator and where it stands.
    Step,
    /// A device command changed state.
    Command,
    /// An operator's hold of an actuator.
    Hold,
    /// A mode that an operator set.
    Mode,
    /// Something a person may want to know.
    Event,
    /// The journal gave up a range of records.
    Dropped,
    /// A goal that an operator put or took away.
    Goal,
    /// What was learned of a sensor.
    Learned,
    /// A question to the model in the cloud.
    Escalated,
    /// What is kept of a sensor.
    Memory,
}

/// Every kind with its stored code and its word. Codes never change and are never used again.
const KINDS: [(Kind, i64, &str); 14] = [
    (Kind::Boot, 1, "boot"),
    (Kind::Reading, 2, "reading"),
    (Kind::Faults, 3, "faults"),
    (Kind::Decision, 4, "decision"),
    (Kind::Step, 5, "step"),
    (Kind::Command, 6, "command"),
    (Kind::Hold, 7, "hold"),
    (Kind::Mode, 8, "mode"),
    (Kind::Event, 9, "event"),
    (Kind::Dropped, 10, "dropped"),
    (Kind::Goal, 11, "goal"),
    (Kind::Learned, 12, "learned"),
    (Kind::Escalated, 13, "escalated"),
    (Kind::Memory, 14, "memory"),
];

impl Kind {
    /// All kinds, in the order of their codes.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().map(|(kind, _, _)| *kind)
    }

    /// The word of `log query --kind`.
    #[must_use]
    pub fn word(self) -> &'static str {
        KINDS.iter().find(|row| row.0 == self).map_or("", |row| row.2)
    }

    /// The kind of a word; `None` where there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Kind> {
        KINDS.iter().find(|row| row.2 == word).map(|row| row.0)
    }

    /// True for what sensors say: the first to go where space is short.
    pub(crate) fn is_telemetry(self) -> bool {
        matches!(self, Kind::Reading | Kind::Faults)
    }

    /// True for the kinds of the audit database.
    pub(super) fn is_audited(self) -> bool {
        !matches!(self, Kind::Reading | Kind::Faults | Kind::Dropped)
    }

    /// The stored code.
    pub(crate) fn code(self) -> i64 {
        KINDS.iter().find(|row| row.0 == self).map_or(0, |row| row.1)
    }

    /// The kind of a stored code; `None` for one that this program does not know.
    pub(crate) fn from_code(code: i64) -> Option<Kind> {
        KINDS.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    fn of(entry: &Entry) -> Kind {
        match entry {
            Entry::Boot { .. } => Kind::Boot,
            Entry::Reading { .. } => Kind::Reading,
            Entry::Faults { .. } => Kind::Faults,
            Entry::Decision(_) => Kind::Decision,
            Entry::Step { .. } => Kind::Step,
            Entry::Command { .. } => Kind::Command,
            Entry::Hold { .. } => Kind::Hold,
            Entry::Mode { .. } => Kind::Mode,
            Entry::Event { .. } => Kind::Event,
            Entry::Dropped { .. } => Kind::Dropped,
            Entry::Goal { .. } => Kind::Goal,
            Entry::Learned(_) => Kind::Learned,
            Entry::Escalated(_) => Kind::Escalated,
            Entry::Memory(_) => Kind::Memory,
        }
    }
}

/// The stored code of a clock's trust.
pub(crate) fn trust_code(trust: ClockTrust) -> i64 {
    match trust {
        ClockTrust::Unset => 0,
        ClockTrust::Restored => 1,
        ClockTrust::Synced => 2,
    }
}

/// The trust of a stored code. An unknown one counts as no trust at all: the safe side.
pub(crate) fn trust_from_code(code: i64) -> ClockTrust {
    match code {
        2 => ClockTrust::Synced,
        1 => ClockTrust::Restored,
        _ => ClockTrust::Unset,
    }
}

/// Where and when a record is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Place in the device's strictly increasing sequence, from 1.
    pub seq: u64,
    /// Random number of this start of the agent.
    pub boot: u64,
    /// Both clocks.
    pub now: Now,
}

/// One record: header and payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Place in the device's strictly increasing sequence, from 1.
    pub seq: u64,
    /// Random number of the start of the agent that made it.
    pub boot: u64,
    /// Monotonic time since that start, in milliseconds.
    pub mono_ms: u64,
    /// Wall time as it was believed then, in milliseconds since 1970 UTC.
    pub unix_ms: i64,
    /// Where the reader has repaired the wall time: what was believed then.
    pub believed_ms: Option<i64>,
    /// How far the wall time was believed.
    pub trust: ClockTrust,
    /// What it is about.
    pub kind: Kind,
    /// Version byte, frozen body, checksum.
    pub payload: Vec<u8>,
}

/// Why a payload cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a version and a checksum: a torn or foreign row.
    #[error("payload of {bytes} bytes, at least {} are needed", CHECKSUM_BYTES + 1)]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// The bytes changed after they were written.
    #[error("checksum is {found:08x}, the bytes make {computed:08x}")]
    Checksum {
        /// The stored one.
        found: u32,
        /// Of the stored bytes.
        computed: u32,
    },
    /// Whole, but written by a newer program: not damage.
    #[error("payload version {found}, this program reads up to {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// The checksum is right and the body is not of its version's type.
    #[error("body of version {version} cannot be read")]
    Body {
        /// The version it says it is.
        version: u8,
        /// What `postcard` found.
        source: postcard::Error,
    },
    /// The body is followed by bytes that do not belong to it.
    #[error("{bytes} bytes after the body")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Header and body speak of different things.
    #[error("header says {header}, body says {body}", header = header.word(), body = body.word())]
    KindDiffers {
        /// The header's kind.
        header: Kind,
        /// The body's kind.
        body: Kind,
    },
}

impl Record {
    /// The record of an entry.
    #[must_use]
    pub fn new(stamp: Stamp, entry: &Entry) -> Record {
        Record {
            seq: stamp.seq,
            boot: stamp.boot,
            mono_ms: stamp.now.tick.0,
            unix_ms: stamp.now.unix_ms,
            believed_ms: None,
            trust: stamp.now.trust,
            kind: Kind::of(entry),
            payload: encode(entry),
        }
    }

    /// Where and when it was made.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let now = Now { tick: Tick(self.mono_ms), unix_ms: self.unix_ms, trust: self.trust };
        Stamp { seq: self.seq, boot: self.boot, now }
    }

    /// The entry that it holds.
    ///
    /// # Errors
    /// Where the payload is damaged, of a newer version or of another kind than the header says.
    pub fn entry(&self) -> Result<Entry, DecodeError> {
        Record::decode(self.kind, &self.payload)
    }

    pub(super) fn decode(kind: Kind, payload: &[u8]) -> Result<Entry, DecodeError> {
        let entry = decode(payload)?;
        let body = Kind::of(&entry);
        if body != kind {
            return Err(DecodeError::KindDiffers { header: kind, body });
        }
        Ok(entry)
    }

    /// What it takes in memory, in bytes; the unit of the queue's bounds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Record>() + self.payload.len()
    }
}

fn encode(entry: &Entry) -> Vec<u8> {
    // Most payloads are readings of some 30 bytes: one allocation for them.
    let start = |version| {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(version);
        bytes
    };
    let written = if let Some(body) = v1::Entry::of(entry) {
        postcard::to_extend(&body, start(1))
    } else if let Some(body) = v2::Entry::of(entry) {
        postcard::to_extend(&body, start(2))
    } else if let Some(body) = v3::Entry::of(entry) {
        postcard::to_extend(&body, start(3))
    } else {
        unreachable!("every entry has a version")
    };
    let mut payload =
        written.expect("a growing Vec takes every type that derives Serialize with known lengths");
    let checksum = crc32fast::hash(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

fn decode(payload: &[u8]) -> Result<Entry, DecodeError> {
    let too_short = DecodeError::TooShort { bytes: payload.len() };
    let Some((checked, checksum)) = payload.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(too_short);
    };
    let Some((&version, body)) = checked.split_first() else {
        return Err(too_short);
    };
    let found = u32::from_le_bytes(*checksum);
    let computed = crc32fast::hash(checked);
    if found != computed {
        return Err(DecodeError::Checksum { found, computed });
    }
    match version {
        1 => whole::<v1::Entry>(version, body).map(Entry::from),
        2 => whole::<v2::Entry>(version, body).map(Entry::from),
        3 => whole::<v3::Entry>(version, body).map(Entry::from),
        found => Err(DecodeError::Version { found }),
    }
}

/// A body to its last byte.
fn whole<T: serde::de::DeserializeOwned>(version: u8, body: &[u8]) -> Result<T, DecodeError> {
    let (entry, rest) = postcard::take_from_bytes::<T>(body)
        .map_err(|source| DecodeError::Body { version, source })?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing { bytes: rest.len() });
    }
    Ok(entry)
}

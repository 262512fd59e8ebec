//! Frames between Outpost and a microcontroller on a serial line: the types, their bytes, and a
//! decoder that survives any bytes. For both sides; without `std`, without heap, without panics.
//!
//! No I/O lives here, and no clock: who uses it brings the line and the time.
//!
//! # Bytes
//!
//! A frame is `00`, the packet with its CRC in COBS, `00`. Before COBS: the [`Packet`] in postcard,
//! then its CRC-16/IBM-3740 (polynomial 0x1021, initial 0xFFFF; also called CCITT-FALSE), low byte
//! first. The leading zero ends whatever stood on the line before, so that noise costs itself and
//! not the next frame; empty frames mean nothing. The order of the variants and of the fields below
//! is the format: it is frozen with [`VERSION`].

#![no_std]

mod decoder;
mod readings;

pub use decoder::{Decoder, FrameError};
pub use readings::{Full, Readings};

use crc::{CRC_16_IBM_3740, Crc, NoTable};
use serde::{Deserialize, Serialize};

/// The format that this crate speaks; a [`Message::Hello`] says it.
pub const VERSION: u8 = 1;
/// Most readings in one [`Message::Readings`]: with short names they fill a packet.
pub const READINGS_MAX: usize = 16;
/// Longest packet with its CRC, in bytes: one code byte of COBS covers it, and a frame has 256. A
/// longer one is refused by [`encode`] and skipped by the [`Decoder`].
pub const PACKET_BYTES_MAX: usize = 253;
/// Longest frame, in bytes: the packet, its code byte, and the zeros around it.
pub const FRAME_BYTES_MAX: usize = PACKET_BYTES_MAX + 3;
/// Length of the CRC, in bytes.
const CRC_BYTES: usize = 2;

const CRC: Crc<u16, NoTable> = Crc::<u16, NoTable>::new(&CRC_16_IBM_3740);

/// One frame's content.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Packet<'a> {
    /// Counts the sender's frames since its `Hello`, which has 0; wraps. A gap shows what was lost.
    pub sequence: u16,
    /// What it says.
    #[serde(borrow)]
    pub message: Message<'a>,
}

/// What a frame says.
#[allow(clippy::large_enum_variant, reason = "several readings take 640 bytes; there is no heap")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message<'a> {
    /// The first frame of each side, and the answer of a board to the `Hello` of Outpost. A board
    /// sends the `Echo` of each of its actuators after it.
    Hello {
        /// [`VERSION`] of the sender.
        version: u8,
        /// Who speaks, for people: a firmware's name, 64 bytes at most.
        name: &'a str,
    },
    /// "I am here." Outpost sends one each 2 s; a board that misses some may go to its safe state.
    Heartbeat,
    /// A sensor spoke.
    #[serde(borrow)]
    Reading(Reading<'a>),
    /// Several did at once.
    #[serde(borrow)]
    Readings(Readings<'a>),
    /// To the board: set an actuator. Sent once; only the `Echo` proves that it was done.
    Set {
        /// The actuator's name on this line.
        name: &'a str,
        /// What to set it to: `Bool` for on and off, `Double` for a level, `Text` for a choice.
        #[serde(borrow)]
        value: Value<'a>,
    },
    /// From the board: what an actuator is set to now. Sent after each change and each `Set`.
    Echo {
        /// The actuator's name on this line.
        name: &'a str,
        /// As in `Set`; a level also as `Int` or `Float`.
        #[serde(borrow)]
        value: Value<'a>,
    },
}

/// A sensor's word.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading<'a> {
    /// The sensor's name on this line.
    pub name: &'a str,
    /// What it says.
    #[serde(borrow)]
    pub value: Value<'a>,
}

/// A value, with the type that the firmware has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value<'a> {
    /// Yes or no, on or off.
    Bool(bool),
    /// A whole number: a counter, raw steps of a converter.
    Int(i64),
    /// A number with about 7 digits.
    Float(f32),
    /// A number with about 15 digits.
    Double(f64),
    /// A word.
    Text(&'a str),
}

/// The packet does not fit: [`PACKET_BYTES_MAX`], or the buffer is shorter than the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Writes a packet as a frame into `out` and gives the frame. [`FRAME_BYTES_MAX`] always suffice.
///
/// # Errors
/// [`TooLong`]; what `out` holds then means nothing.
pub fn encode<'o>(packet: &Packet<'_>, out: &'o mut [u8]) -> Result<&'o [u8], TooLong> {
    let mut plain = [0; PACKET_BYTES_MAX];
    let room = plain.get_mut(..PACKET_BYTES_MAX - CRC_BYTES).ok_or(TooLong)?;
    let length = postcard::to_slice(packet, room).map_err(|_| TooLong)?.len();
    let checked = plain.get(..length).ok_or(TooLong)?;
    let sum = CRC.checksum(checked).to_le_bytes();
    plain.get_mut(length..length + CRC_BYTES).ok_or(TooLong)?.copy_from_slice(&sum);
    let plain = plain.get(..length + CRC_BYTES).ok_or(TooLong)?;
    let (first, rest) = out.split_first_mut().ok_or(TooLong)?;
    *first = 0;
    let stuffed = cobs::try_encode(plain, rest).map_err(|_| TooLong)?;
    *rest.get_mut(stuffed).ok_or(TooLong)? = 0;
    out.get(..stuffed + 2).ok_or(TooLong)
}

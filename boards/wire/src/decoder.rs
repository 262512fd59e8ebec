//! From bytes on a line to packets. Any byte may come at any time: what is no frame is an error
//! once, and the next frame is found again by the zero before it.

use crate::{CRC, CRC_BYTES, PACKET_BYTES_MAX, Packet};

/// Longest frame without its zeros, in bytes.
const STUFFED_BYTES_MAX: usize = PACKET_BYTES_MAX + 1;

/// Why what stood between two zeros is no packet. It is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than any frame: noise, or another protocol.
    TooLong,
    /// No COBS: the frame was cut, or bytes were lost.
    Framing,
    /// The CRC does not fit: bytes were changed.
    Checksum,
    /// The CRC fits and the content is none of ours: the sender has a newer or another format.
    Content,
}

/// Collects bytes and gives packets.
pub struct Decoder {
    stuffed: [u8; STUFFED_BYTES_MAX],
    used: usize,
    overlong: bool,
}

impl Decoder {
    /// At the beginning of a line.
    #[must_use]
    pub const fn new() -> Decoder {
        Decoder { stuffed: [0; STUFFED_BYTES_MAX], used: 0, overlong: false }
    }

    /// Takes the next byte; a zero may end a frame.
    pub fn push(&mut self, byte: u8) -> Option<Result<Packet<'_>, FrameError>> {
        if byte != 0 {
            match self.stuffed.get_mut(self.used) {
                Some(place) => {
                    *place = byte;
                    self.used += 1;
                }
                None => self.overlong = true,
            }
            return None;
        }
        let (used, overlong) = (self.used, self.overlong);
        self.reset();
        match (used, overlong) {
            (_, true) => Some(Err(FrameError::TooLong)),
            (0, false) => None,
            (_, false) => Some(open(self.stuffed.get_mut(..used)?)),
        }
    }

    /// Forgets a frame that has begun: the line was opened anew. True if there was one.
    pub fn reset(&mut self) -> bool {
        let begun = self.used > 0 || self.overlong;
        (self.used, self.overlong) = (0, false);
        begun
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

fn open(stuffed: &mut [u8]) -> Result<Packet<'_>, FrameError> {
    let length = cobs::decode_in_place(stuffed).map_err(|_| FrameError::Framing)?;
    let plain = stuffed.get(..length).ok_or(FrameError::Framing)?;
    let (content, sum) = plain.split_last_chunk::<CRC_BYTES>().ok_or(FrameError::Framing)?;
    if CRC.checksum(content) != u16::from_le_bytes(*sum) {
        return Err(FrameError::Checksum);
    }
    match postcard::take_from_bytes(content) {
        Ok((packet, [])) => Ok(packet),
        _ => Err(FrameError::Content),
    }
}

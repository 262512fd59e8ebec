//! Numbers and strings out of a file that nobody vouches for. Nothing is allocated before its
//! size has been compared with a bound and with the bytes that are left.

use std::io::{self, Read};

use super::Fault;
use crate::limits;

/// Reads the header of a file, knows where it is and how much may still come.
pub(super) struct Reader<R> {
    inner: R,
    offset: u64,
    file_bytes: u64,
    /// What is being read, for messages: a key, a tensor.
    place: String,
}

impl<R: Read> Reader<R> {
    /// A reader at the beginning of a file of `file_bytes`.
    pub(super) fn new(inner: R, file_bytes: u64) -> Self {
        Self { inner, offset: 0, file_bytes, place: "the beginning of the file".into() }
    }

    /// Names what is read next.
    pub(super) fn at(&mut self, place: impl Into<String>) {
        self.place = place.into();
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the whole file.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// A fault at the present place.
    pub(super) fn corrupt(&self, found: impl Into<String>, allowed: impl Into<String>) -> Fault {
        Fault::Corrupt { place: self.place.clone(), found: found.into(), allowed: allowed.into() }
    }

    /// Makes sure that `count` things of at least `bytes_each` can still come.
    pub(super) fn expect_room(&self, count: u64, bytes_each: u64) -> Result<(), Fault> {
        let left = self.file_bytes.saturating_sub(self.offset);
        let needed = count.saturating_mul(bytes_each);
        if needed > left {
            return Err(Fault::Truncated {
                place: self.place.clone(),
                needed,
                left,
                file_bytes: self.file_bytes,
            });
        }
        if self.offset.saturating_add(needed) > limits::GGUF_HEADER_BYTES_MAX {
            return Err(self.corrupt(
                format!("a header of more than {} bytes", self.offset.saturating_add(needed)),
                format!("at most {}", limits::GGUF_HEADER_BYTES_MAX),
            ));
        }
        Ok(())
    }

    fn fill(&mut self, target: &mut [u8]) -> Result<(), Fault> {
        self.expect_room(target.len() as u64, 1)?;
        self.inner.read_exact(target).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                // The file became shorter while we read it.
                Fault::Truncated {
                    place: self.place.clone(),
                    needed: target.len() as u64,
                    left: 0,
                    file_bytes: self.file_bytes,
                }
            } else {
                Fault::Read { place: self.place.clone(), error }
            }
        })?;
        self.offset += target.len() as u64;
        Ok(())
    }

    /// The next `N` bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut target = [0; N];
        self.fill(&mut target)?;
        Ok(target)
    }

    /// A number of four bytes.
    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// A number of eight bytes.
    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Passes over `count` bytes.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Fault> {
        self.expect_room(count, 1)?;
        let skipped = io::copy(&mut self.inner.by_ref().take(count), &mut io::sink())
            .map_err(|error| Fault::Read { place: self.place.clone(), error })?;
        if skipped < count {
            return Err(Fault::Truncated {
                place: self.place.clone(),
                needed: count,
                left: skipped,
                file_bytes: self.file_bytes,
            });
        }
        self.offset += count;
        Ok(())
    }

    /// The length of a string of at most `bytes_max`.
    pub(super) fn string_length(&mut self, what: &str, bytes_max: u64) -> Result<u64, Fault> {
        let length = self.u64()?;
        if length > bytes_max {
            return Err(self.corrupt(
                format!("{what} of {length} bytes"),
                format!("at most {bytes_max} bytes"),
            ));
        }
        self.expect_room(length, 1)?;
        Ok(length)
    }

    /// A string of at most `bytes_max`, as bytes, into `target`.
    pub(super) fn string_into(
        &mut self,
        what: &str,
        bytes_max: u64,
        target: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let length = self.string_length(what, bytes_max)?;
        self.take(length, target)
    }

    /// The next `length` bytes, whose bound and room have been checked, into `target`.
    fn take(&mut self, length: u64, target: &mut Vec<u8>) -> Result<(), Fault> {
        target.clear();
        target.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.fill(target)
    }

    /// A string that must be UTF-8; `None` where it is longer than what is kept.
    pub(super) fn text_if_short(&mut self) -> Result<Option<String>, Fault> {
        let length = self.string_length("a string", limits::GGUF_STRING_BYTES_MAX)?;
        if length > limits::GGUF_STRING_KEPT_BYTES_MAX {
            self.skip(length)?;
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.take(length, &mut bytes)?;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| self.corrupt("a string that is not UTF-8", "valid UTF-8"))
    }

    /// A string of at most `bytes_max` that must be UTF-8.
    pub(super) fn text(&mut self, what: &str, bytes_max: u64) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        self.string_into(what, bytes_max, &mut bytes)?;
        String::from_utf8(bytes).map_err(|error| {
            self.corrupt(
                format!("{what} {:?}", String::from_utf8_lossy(error.as_bytes())),
                "valid UTF-8",
            )
        })
    }
}

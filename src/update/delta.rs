//! A file out of one that is here and a delta: what a patch release costs on the line. A delta from
//! nothing is the file in compressed form.
//!
//! Nothing is believed of a delta but its length: what comes out of it has a signed checksum, and
//! is thrown away where that differs. What must never be here: more memory than a window, or more
//! bytes written than were asked for.
//!
//! Four parts: a head with the lengths of the other three, then steps, sums and new bytes, each of
//! them zstd. A step takes so many bytes of the old file, adds a sum to each, takes so many new
//! bytes, and moves on in the old file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Take, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use zstd::stream::read::Decoder;

use crate::limits::{DELTA_WINDOW_LOG, FILE_CHUNK_BYTES};

/// First bytes of a delta.
pub const MAGIC: [u8; 8] = *b"outdelt1";
/// The head: first bytes, and three lengths.
pub const HEAD_BYTES: usize = 8 + 3 * 8;
/// A step: bytes of the old file, new bytes, and how far to move in the old one after that.
pub const STEP_BYTES: usize = 4 + 4 + 8;

/// A step as it is written.
#[must_use]
pub fn step(sums: u32, new: u32, moves: i64) -> [u8; STEP_BYTES] {
    let mut step = [0; STEP_BYTES];
    step[..4].copy_from_slice(&sums.to_le_bytes());
    step[4..8].copy_from_slice(&new.to_le_bytes());
    step[8..].copy_from_slice(&moves.to_le_bytes());
    step
}

/// Between the two checksums in the name of its target.
pub const FROM: &str = ".from.";

/// The name of the target that makes a file out of another one; `None`: out of nothing.
#[must_use]
pub fn target(new_sha256: &str, old_sha256: Option<&str>) -> String {
    format!("{new_sha256}{FROM}{}", old_sha256.unwrap_or("nothing"))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}

type Part = Decoder<'static, BufReader<Take<File>>>;

/// A part of the delta, unpacked as it is read.
fn part(delta: &Path, from: u64, length: u64) -> io::Result<Part> {
    let mut file = File::open(delta)?;
    file.seek(SeekFrom::Start(from))?;
    let mut part = Decoder::new(file.take(length))?;
    part.window_log_max(DELTA_WINDOW_LOG)?;
    Ok(part)
}

/// Writes `length` bytes to `to`, out of a file that is here and a delta.
///
/// # Errors
/// Where the delta is none for these, or the disk refuses.
pub fn apply(old: Option<&Path>, delta: &Path, to: &Path, length: u64) -> io::Result<()> {
    let mut head = [0; HEAD_BYTES];
    File::open(delta)?.read_exact(&mut head)?;
    let number = |at: usize| {
        let bytes = head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    if head.get(..8) != Some(&MAGIC) {
        return Err(wrong("it is no delta"));
    }
    let first = HEAD_BYTES as u64;
    let (steps_end, sums_end) = (number(8), number(16));
    let sums_at = first.checked_add(steps_end).ok_or_else(|| wrong("it is too long"))?;
    let new_at = sums_at.checked_add(sums_end).ok_or_else(|| wrong("it is too long"))?;
    let mut steps = part(delta, first, steps_end)?;
    let mut sums = part(delta, sums_at, sums_end)?;
    let mut fresh = part(delta, new_at, number(24))?;
    let old = old.map(File::open).transpose()?;
    let mut out = BufWriter::new(crate::disk::create(to).map_err(|error| error.source)?);
    let (mut left, mut position, mut is_first) = (length, 0_i64, true);
    while left > 0 {
        let mut step = [0; STEP_BYTES];
        steps.read_exact(&mut step)?;
        let [a, b, c, d, e, f, g, h, rest @ ..] = step;
        let (sum, new) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        left = left
            .checked_sub(u64::from(sum) + u64::from(new))
            .ok_or_else(|| wrong("it writes more"))?;
        // The first one may only say where to begin; a second one like it would go on for ever.
        if sum == 0 && new == 0 && !std::mem::take(&mut is_first) {
            return Err(wrong("a step does nothing"));
        }
        is_first = false;
        add(old.as_ref(), position, &mut sums, u64::from(sum), &mut out)?;
        copy(&mut fresh, u64::from(new), &mut out)?;
        let moves = i64::from_le_bytes(rest);
        position = position
            .checked_add(i64::from(sum))
            .and_then(|at| at.checked_add(moves))
            .ok_or_else(|| wrong("it moves too far"))?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Bytes of the old file with a sum added to each.
fn add(
    old: Option<&File>,
    position: i64,
    sums: &mut Part,
    bytes: u64,
    out: &mut impl Write,
) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let old = old.ok_or_else(|| wrong("it needs a file that is not here"))?;
    let mut at = u64::try_from(position).map_err(|_| wrong("it begins before the file"))?;
    let (mut left, mut sum, mut chunk) =
        (bytes, vec![0; FILE_CHUNK_BYTES], vec![0; FILE_CHUNK_BYTES]);
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(FILE_CHUNK_BYTES);
        sums.read_exact(&mut sum[..count])?;
        old.read_exact_at(&mut chunk[..count], at)?;
        for (byte, sum) in chunk.iter_mut().zip(&sum).take(count) {
            *byte = byte.wrapping_add(*sum);
        }
        out.write_all(&chunk[..count])?;
        (left, at) = (left - count as u64, at + count as u64);
    }
    Ok(())
}

fn copy(fresh: &mut Part, bytes: u64, out: &mut impl Write) -> io::Result<()> {
    let copied = io::copy(&mut fresh.take(bytes), out)?;
    if copied == bytes { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::delta::make;
    use proptest::prelude::*;

    /// What comes out of a delta, or why nothing does.
    fn applied(old: &[u8], delta: &[u8], length: usize) -> io::Result<Vec<u8>> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        crate::disk::replace(&at("old"), old).map_err(|error| error.source)?;
        crate::disk::replace(&at("delta"), delta).map_err(|error| error.source)?;
        let from = at("old");
        let from = (!old.is_empty()).then_some(&*from);
        apply(from, &at("delta"), &at("new"), length as u64)?;
        std::fs::read(at("new"))
    }

    /// A file that looks like a program: words, some of which are addresses.
    fn program(words: usize, shift: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut bytes = Vec::new();
        for index in 0..words {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let address = 0x0040_0000 + (state >> 12) + shift;
            bytes.extend_from_slice(
                &if index.is_multiple_of(8) { address } else { state }.to_le_bytes(),
            );
        }
        bytes
    }

    #[test]
    fn a_program_whose_addresses_have_moved_costs_a_part_of_itself() {
        let old = program(50_000, 0);
        let mut new = program(50_000, 0x40);
        new.splice(70_000..70_000, [7; 0x40]);
        let delta = make(&old, &new).unwrap();
        let whole = make(&[], &new).unwrap();
        assert_eq!(applied(&old, &delta, new.len()).unwrap(), new);
        assert_eq!(applied(&[], &whole, new.len()).unwrap(), new);
        assert!(delta.len() * 20 < whole.len() * 3, "{} of {}", delta.len(), whole.len());
    }

    /// Where bytes go, how many, and what comes in their place.
    fn cut() -> impl Strategy<Value = (u16, u16, Vec<u8>)> {
        (any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..40))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_made_comes_out_again(
            old in prop::collection::vec(any::<u8>(), 0..3_000),
            cuts in prop::collection::vec(cut(), 0..8),
        ) {
            let mut new = old.clone();
            for (from, length, bytes) in cuts {
                let from = usize::from(from) % (new.len() + 1);
                let to = (from + usize::from(length) % 200).min(new.len());
                new.splice(from..to, bytes);
            }
            let delta = make(&old, &new).unwrap();
            prop_assert_eq!(applied(&old, &delta, new.len()).unwrap(), new);
        }

        #[test]
        fn a_damaged_one_ends_and_writes_no_more_than_was_asked_for(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            length in 0_usize..20_000,
        ) {
            let (old, new) = (program(2_000, 0), program(2_100, 8));
            let mut delta = make(&old, &new).unwrap();
            let at = at.index(delta.len());
            delta[at] = byte;
            if let Ok(found) = applied(&old, &delta, length) {
                prop_assert_eq!(found.len(), length);
            }
        }
    }

    #[test]
    fn one_for_another_file_is_an_error_or_another_file() {
        let (old, new) = (program(2_000, 0), program(2_000, 8));
        let delta = make(&old, &new).unwrap();
        assert!(applied(&old[..100], &delta, new.len()).is_err());
        assert!(applied(&[], &delta, new.len()).is_err());
        assert!(applied(&old, b"no delta at all, but long enough", 10).is_err());
        assert_eq!(target("a", None), "a.from.nothing");
    }
}

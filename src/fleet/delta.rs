//! Makes deltas, on the machine that publishes: which bytes of a new file are those of an old one,
//! moved and with small differences, as compilers leave them. Reading them is `update::delta`'s.
//!
//! What must never be here: anything that a board runs.

use std::io::Write;

use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

use crate::limits::{DELTA_LEVEL, DELTA_WINDOW_LOG};
use crate::update::delta::{MAGIC, step};

/// Bytes that must be equal where a run of the old file begins.
const ANCHOR: usize = 16;
/// Places of the old file that are looked at for one anchor.
const PLACES: usize = 24;
/// How much worse than its best end a run may become before it has ended.
const PATIENCE: i64 = 64;
/// Nothing, in the chains of places.
const NONE: u32 = u32::MAX;
/// Bits of the table of anchors.
const TABLE_BITS: u32 = 22;

/// A run of the new file that is like one of the old file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    new: usize,
    old: usize,
    length: usize,
}

/// A delta that makes `new` out of `old`; out of nothing where that is empty.
///
/// # Errors
/// Where it cannot be compressed, or a file is too large.
pub fn make(old: &[u8], new: &[u8]) -> std::io::Result<Vec<u8>> {
    if old.len().max(new.len()) >= u32::MAX as usize {
        return Err(std::io::Error::other("files of 4 GB and more are sent whole"));
    }
    let (mut steps, mut sums, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
    // What comes before the first run is new, and belongs to a step that takes nothing.
    let mut run = Run { new: 0, old: 0, length: 0 };
    let mut runs = Runs::new(old, new);
    loop {
        let end = run.new + run.length;
        let next = runs.next_after(&run);
        let (new_end, old_next) = next.map_or((new.len(), 0), |next| (next.new, next.old));
        let like = old[run.old..run.old + run.length].iter().zip(&new[run.new..end]);
        sums.extend(like.map(|(old, new)| new.wrapping_sub(*old)));
        fresh.extend_from_slice(&new[end..new_end]);
        let moves = old_next as i64 - (run.old + run.length) as i64;
        steps.extend_from_slice(&step(run.length as u32, (new_end - end) as u32, moves));
        match next {
            Some(next) => run = next,
            None => return joined([&steps, &sums, &fresh]),
        }
    }
}

fn joined(parts: [&[u8]; 3]) -> std::io::Result<Vec<u8>> {
    let parts = parts.map(packed);
    let mut delta = MAGIC.to_vec();
    let mut bodies = Vec::new();
    for part in parts {
        let part = part?;
        delta.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bodies.extend_from_slice(&part);
    }
    delta.extend_from_slice(&bodies);
    Ok(delta)
}

fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(Vec::new(), DELTA_LEVEL)?;
    encoder.set_parameter(CParameter::WindowLog(DELTA_WINDOW_LOG))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Finds runs, from the front to the back of the new file.
struct Runs<'a> {
    old: &'a [u8],
    new: &'a [u8],
    /// By an anchor's hash: the last place of the old file that has it.
    last: Vec<u32>,
    /// By place: the one before it with the same hash.
    before: Vec<u32>,
}

impl<'a> Runs<'a> {
    fn new(old: &'a [u8], new: &'a [u8]) -> Runs<'a> {
        let mut last = vec![NONE; 1 << TABLE_BITS];
        let mut before = vec![NONE; old.len()];
        for at in 0..(old.len() + 1).saturating_sub(ANCHOR) {
            let slot = hash(&old[at..at + ANCHOR]);
            before[at] = std::mem::replace(&mut last[slot], at as u32);
        }
        Runs { old, new, last, before }
    }

    /// The first run after another one, grown to both sides.
    fn next_after(&mut self, run: &Run) -> Option<Run> {
        let from = run.new + run.length;
        let shift = run.old as i64 - run.new as i64;
        let mut at = from;
        while at + ANCHOR <= self.new.len() {
            if let Some((old, length)) = self.best(at) {
                // Going on with the last shift costs nothing: another one must be worth its step.
                let same = usize::try_from(at as i64 + shift).ok();
                let same = same.map_or(0, |old| self.equal(old, at));
                if length > same + ANCHOR / 2 || run.length == 0 {
                    return Some(self.grown(from, Run { new: at, old, length }));
                }
                if same >= ANCHOR {
                    let old = usize::try_from(at as i64 + shift).ok()?;
                    return Some(self.grown(from, Run { new: at, old, length: same }));
                }
            }
            at += 1;
        }
        None
    }

    /// The place of the old file that goes on for longest as the new one does here.
    fn best(&self, at: usize) -> Option<(usize, usize)> {
        let mut place = self.last[hash(&self.new[at..at + ANCHOR])];
        let mut best: Option<(usize, usize)> = None;
        for _ in 0..PLACES {
            if place == NONE {
                break;
            }
            let old = place as usize;
            let length = self.equal(old, at);
            if length >= ANCHOR && best.is_none_or(|(_, longest)| length > longest) {
                best = Some((old, length));
            }
            place = self.before[old];
        }
        best
    }

    fn equal(&self, old: usize, new: usize) -> usize {
        let Some(old) = self.old.get(old..) else { return 0 };
        old.iter().zip(&self.new[new..]).take_while(|(old, new)| old == new).count()
    }

    /// A run grown over small differences: forwards to where it is best, and backwards over what
    /// no run has taken.
    fn grown(&self, from: usize, run: Run) -> Run {
        let ends = |pairs: &mut dyn Iterator<Item = bool>| {
            let (mut score, mut best, mut length) = (0_i64, 0_i64, 0);
            for (index, is_equal) in pairs.enumerate() {
                score += if is_equal { 1 } else { -1 };
                if score > best {
                    (best, length) = (score, index + 1);
                } else if score < best - PATIENCE {
                    break;
                }
            }
            length
        };
        let (old_end, new_end) = (run.old + run.length, run.new + run.length);
        let after = self.old[old_end..].iter().zip(&self.new[new_end..]);
        let after = ends(&mut after.map(|(old, new)| old == new));
        let before = self.old[..run.old].iter().rev().zip(self.new[from..run.new].iter().rev());
        let before = ends(&mut before.map(|(old, new)| old == new));
        Run { new: run.new - before, old: run.old - before, length: before + run.length + after }
    }
}

/// Of the bytes of an anchor.
fn hash(anchor: &[u8]) -> usize {
    let word = |at: usize| {
        let bytes = anchor.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    let mixed =
        word(0).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ word(8).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TABLE_BITS)) as usize
}

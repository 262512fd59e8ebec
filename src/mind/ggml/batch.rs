//! Tokens that are read together, each at its position in one or more sequences.

use std::ops::Range;

use ggml_sys as sys;

use super::{ContextOptions, GgmlError, Token, bound};

/// A batch for [`Context::decode`](super::Context::decode).
///
/// A token in several sequences is worked on once and counts for all of them; those sequences must
/// be alike up to it.
#[derive(Debug, Default)]
pub struct Batch {
    tokens: Vec<sys::llama_token>,
    positions: Vec<sys::llama_pos>,
    /// Sequences of all tokens, one token after the other.
    sequences: Vec<sys::llama_seq_id>,
    sequences_count: Vec<i32>,
    outputs: Vec<i8>,
    /// For C: where each token's sequences begin. Filled by `raw`.
    sequences_start: Vec<*mut sys::llama_seq_id>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.sequences.clear();
        self.sequences_count.clear();
        self.outputs.clear();
        self.sequences_start.clear();
    }

    /// Appends a token at `position` of each of `sequences` and returns its row. `output` asks for
    /// the scores of what may follow it. Numbers are checked when the batch is read.
    pub fn push(
        &mut self,
        token: Token,
        position: u32,
        sequences: Range<u32>,
        output: bool,
    ) -> usize {
        self.tokens.push(token);
        // Beyond the range of the type is beyond any context too: it is refused by `check`.
        self.positions.push(i32::try_from(position).unwrap_or(-1));
        self.sequences_count.push(i32::try_from(sequences.len()).unwrap_or(-1));
        self.sequences.extend(sequences.map(|sequence| i32::try_from(sequence).unwrap_or(-1)));
        self.outputs.push(output.into());
        self.tokens.len() - 1
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it has no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Number of rows that ask for scores.
    #[must_use]
    pub fn outputs_len(&self) -> usize {
        self.outputs.iter().filter(|output| **output != 0).count()
    }

    pub(super) fn outputs(&self) -> impl Iterator<Item = bool> + '_ {
        self.outputs.iter().map(|output| *output != 0)
    }

    /// Refuses what would end in an assertion of the library.
    pub(super) fn check(&self, options: &ContextOptions, vocabulary: i32) -> Result<(), GgmlError> {
        let (tokens_max, outputs_max) = (options.batch_tokens, options.outputs_max);
        bound("tokens of a batch", self.len() as i64, 1..i64::from(tokens_max) + 1)?;
        bound("rows of scores", self.outputs_len() as i64, 0..i64::from(outputs_max) + 1)?;
        for token in &self.tokens {
            bound("token", (*token).into(), 0..vocabulary.into())?;
        }
        for position in &self.positions {
            bound("position", (*position).into(), 0..options.context_tokens.into())?;
        }
        for count in &self.sequences_count {
            let end = i64::from(options.sequences_max) + 1;
            bound("sequences of a token", (*count).into(), 1..end)?;
        }
        for sequence in &self.sequences {
            bound("sequence", (*sequence).into(), 0..options.sequences_max.into())?;
        }
        Ok(())
    }

    /// The form that C reads. Valid until the batch changes, moves or is dropped.
    pub(super) fn raw(&mut self) -> sys::llama_batch {
        self.sequences_start.clear();
        let mut rest = self.sequences.as_mut_slice();
        for count in &self.sequences_count {
            let count = usize::try_from(*count).unwrap_or(0).min(rest.len());
            let (own, others) = rest.split_at_mut(count);
            self.sequences_start.push(own.as_mut_ptr());
            rest = others;
        }
        sys::llama_batch {
            n_tokens: i32::try_from(self.tokens.len()).unwrap_or(0),
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.sequences_count.as_mut_ptr(),
            seq_id: self.sequences_start.as_mut_ptr(),
            logits: self.outputs.as_mut_ptr(),
        }
    }
}

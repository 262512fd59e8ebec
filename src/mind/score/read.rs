//! Reading a plan: what is in the cache already, what goes through the library, and what its rows
//! say of the candidates.

use std::ops::Range;

use super::numbers::log_sum_exp;
use super::trie::ROOT;
use super::{Plan, ScoreError, Scorer, Tally, Token};
use crate::limits;

/// A token with its place and its sequences.
struct Place {
    token: Token,
    position: usize,
    sequences: Range<u32>,
    /// Node of the tree whose row is awaited there.
    awaited: Option<usize>,
}

impl Scorer {
    /// Reads the plan and adds up what its rows say.
    pub(super) fn read(&mut self, plan: &Plan, tally: &mut Tally) -> Result<(), ScoreError> {
        let room = self.context.options().context_tokens as usize - plan.prompt.len();
        let rounds = plan.trie.rounds(self.context.options().sequences_max, room);
        let widest = rounds.iter().map(|round| round.end - round.start).max().unwrap_or(1);
        self.read_prompt(plan, widest, tally)?;
        for (number, round) in rounds.into_iter().enumerate() {
            if number > 0 {
                self.begin_again(plan, widest, tally)?;
            }
            for step in plan.trie.steps_of(round.clone()) {
                let first = step.first_leaf.max(round.start) - round.start;
                let end = step.end_leaf.min(round.end) - round.start;
                let position = plan.prompt.len() + step.depth as usize - 1;
                // A node that two rounds share is read in both and counted in the first.
                let counts = step.asked && step.first_leaf >= round.start;
                let awaited = counts.then_some(step.node);
                let place = Place { token: step.token, position, sequences: first..end, awaited };
                self.push(place, plan, tally)?;
            }
        }
        self.flush(plan, tally)?;
        if self.reuse {
            self.cut(0, plan.prompt.len())?;
            for sequence in 1..widest {
                self.cut(sequence, 0)?;
            }
        } else {
            self.forget();
        }
        Ok(())
    }

    /// Reads what of the prompt is not in the cache, for the first `sequences` sequences.
    fn read_prompt(
        &mut self,
        plan: &Plan,
        sequences: u32,
        tally: &mut Tally,
    ) -> Result<(), ScoreError> {
        let mut known = self.known(plan);
        if let Some(store) = &mut self.store
            && let Some(kept) = store.best(&plan.prompt, known + limits::MIND_PREFIX_GAIN_TOKENS)
        {
            self.trunk.clear();
            self.context.clear();
            match self.context.seq_set_state(0, &kept.state) {
                Ok(()) => {
                    self.bare = if self.begins_bare() { kept.tokens.len() } else { 0 };
                    self.trunk = kept.tokens;
                }
                Err(error) => {
                    tracing::warn!(%error, "a kept prefix is not used");
                    self.context.clear();
                }
            }
            known = self.known(plan);
        }
        // Until the whole is read nothing is known of the cache but this.
        self.cut_trunk(known)?;
        for sequence in 1..sequences {
            self.context.seq_cp(0, sequence, 0..known as u32)?;
        }
        self.push_prompt(plan, known, 0..sequences, Some(ROOT), tally)?;
        self.trunk.extend_from_slice(&plan.prompt[known..]);
        self.bare = plan.bare;
        Ok(())
    }

    /// Reads the prompt from a token on, with the adapter from where it is to be on.
    fn push_prompt(
        &mut self,
        plan: &Plan,
        from: usize,
        sequences: Range<u32>,
        awaited_last: Option<usize>,
        tally: &mut Tally,
    ) -> Result<(), ScoreError> {
        self.dress(from >= plan.bare)?;
        for (position, token) in plan.prompt.iter().enumerate().skip(from) {
            if position == plan.bare && position > from {
                self.flush(plan, tally)?;
                self.dress(true)?;
            }
            let awaited = awaited_last.filter(|_| position + 1 == plan.prompt.len());
            let place = Place { token: *token, position, sequences: sequences.clone(), awaited };
            self.push(place, plan, tally)?;
        }
        Ok(())
    }

    /// Makes room for the next round: what followed the state goes.
    fn begin_again(
        &mut self,
        plan: &Plan,
        sequences: u32,
        tally: &mut Tally,
    ) -> Result<(), ScoreError> {
        self.flush(plan, tally)?;
        if self.reuse {
            for sequence in 0..sequences {
                self.cut(sequence, plan.prompt.len())?;
            }
            return Ok(());
        }
        self.context.clear();
        self.push_prompt(plan, 0, 0..1, None, tally)
    }

    /// Removes what follows `position` in a sequence.
    pub(super) fn cut(&mut self, sequence: u32, position: usize) -> Result<(), ScoreError> {
        let end = self.context.options().context_tokens;
        if self.context.seq_rm(sequence, position as u32..end)? {
            return Ok(());
        }
        let description = self.context.model().facts().description;
        Err(ScoreError::Architecture { description })
    }

    /// Adds a token to the batch, and reads the batch first where it is full.
    fn push(&mut self, place: Place, plan: &Plan, tally: &mut Tally) -> Result<(), ScoreError> {
        let options = self.context.options();
        let full = self.batch.len() >= options.batch_tokens as usize;
        let rows_full = self.awaited.len() >= options.outputs_max as usize;
        if full || (place.awaited.is_some() && rows_full) {
            self.flush(plan, tally)?;
        }
        let Place { token, position, sequences, awaited } = place;
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let row = self.batch.push(token, position, sequences, awaited.is_some());
        self.awaited.extend(awaited.map(|node| (row, node)));
        Ok(())
    }

    /// Reads the batch and adds up what its rows were asked for.
    fn flush(&mut self, plan: &Plan, tally: &mut Tally) -> Result<(), ScoreError> {
        let awaited = std::mem::take(&mut self.awaited);
        if self.batch.is_empty() {
            return Ok(());
        }
        let result = self.context.decode(&mut self.batch);
        let read = self.batch.len() as u32;
        self.batch.clear();
        result?;
        self.tokens_read += read;
        for (row, node) in awaited {
            let logits = self.context.logits(row)?;
            let all = log_sum_exp(logits).ok_or(ScoreError::NotFinite)?;
            // Tokens come from this model's own tokenizer, so they index its row of scores.
            let score = |token: Token| f64::from(logits[token as usize]);
            for branches in plan.trie.branches(node) {
                let ways: Vec<f64> = branches.iter().map(|branch| score(branch.token)).collect();
                let most = ways.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let among = most + ways.iter().map(|way| (way - most).exp()).sum::<f64>().ln();
                for (branch, way) in branches.iter().zip(ways) {
                    for candidate in &branch.candidates {
                        tally.whole[*candidate] += way - f64::from(all);
                        tally.among[*candidate] += way - among;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts the prefix of the last decision into the store, unless it is there. To be called when
    /// nobody waits: it writes a file of some megabytes.
    pub fn keep_prefix(&mut self) {
        let (Some(store), Some((_, prefix))) = (&mut self.store, &self.prefix) else { return };
        // Where it begins without an adapter, all of it was to be read so.
        let bare = self.bare == 0 || self.bare >= prefix.len();
        let whole = self.trunk.starts_with(prefix) && bare;
        if !whole || prefix.len() < limits::MIND_PREFIX_KEPT_TOKENS_MIN || store.has(prefix) {
            return;
        }
        let spare = 1;
        if self.context.options().sequences_max <= spare {
            return;
        }
        let state = self
            .context
            .seq_cp(0, spare, 0..prefix.len() as u32)
            .and_then(|()| self.context.seq_state(spare));
        let end = self.context.options().context_tokens;
        let cleared = self.context.seq_rm(spare, 0..end);
        match (state, cleared) {
            (Ok(state), Ok(true)) => store.put(prefix, &state),
            (state, _) => {
                let error = state.err().map(|error| error.to_string()).unwrap_or_default();
                tracing::warn!(%error, "a prefix is not kept");
                self.forget();
            }
        }
    }
}

/// How many tokens two prompts begin with alike.
pub(super) fn alike(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

//! The adapter of decisions, and where in a prompt it is on: a plain one from the first token, an
//! activated one (aLoRA) from its invocation tokens, which stand between prefix and state. So the
//! prefix is the model's alone, and stays as it was read when such adapters are put on and off.
//!
//! What must never be here: files, whose wish an adapter was.

use std::sync::Arc;

use super::{Plan, ScoreError, Scorer, Token};
use crate::mind::ggml::Adapter;

/// `bare` of a prompt that no adapter is on for.
const ALL: usize = usize::MAX;

impl Scorer {
    /// Puts an adapter on, or off, with the temperature of the probabilities that come then. What
    /// was read is read again, but for what no adapter was on for where the new one is not either;
    /// prefixes are kept in no store until [`Scorer::keep_in`] names the one of this adapter.
    ///
    /// # Errors
    /// [`ScoreError::Engine`]: the scorer is as it was.
    pub fn put_on(
        &mut self,
        adapter: Option<Arc<Adapter>>,
        temperature: f64,
    ) -> Result<(), ScoreError> {
        self.context.put_on(adapter.clone())?;
        self.adapter = adapter;
        self.options.temperature = temperature;
        self.store = None;
        let kept = self.begins_bare() && self.bare > 0;
        if !kept || self.cut_trunk(self.bare).is_err() {
            self.forget();
        }
        Ok(())
    }

    /// Whether no adapter is on for the beginning of a prompt.
    pub(super) fn begins_bare(&self) -> bool {
        self.adapter.as_ref().is_none_or(|adapter| !adapter.invocation().is_empty())
    }

    /// Puts the invocation tokens of an activated adapter behind a prefix. Returns how many tokens
    /// of the whole prompt are read with no adapter on.
    pub(super) fn invoke(&self, prefix: &mut Vec<Token>) -> usize {
        let bare = prefix.len();
        match &self.adapter {
            None => ALL,
            Some(adapter) if adapter.invocation().is_empty() => 0,
            Some(adapter) => {
                prefix.extend_from_slice(adapter.invocation());
                bare
            }
        }
    }

    /// How many tokens of a prompt are in the cache as they are to be read. The last one never is:
    /// it is read in any case, for its row of scores.
    pub(super) fn known(&self, plan: &Plan) -> usize {
        let known = super::read::alike(&self.trunk, &plan.prompt).min(plan.prompt.len() - 1);
        // Between the two the one was read with the adapter and the other is to be read without.
        if self.bare == plan.bare { known } else { known.min(self.bare.min(plan.bare)) }
    }

    /// Puts the adapter on, or off, for what is read next.
    pub(super) fn dress(&mut self, on: bool) -> Result<(), ScoreError> {
        let adapter = self.adapter.as_ref().filter(|_| on).map(Arc::clone);
        Ok(self.context.put_on(adapter)?)
    }

    /// Cuts the cache back to its first `tokens`.
    pub(super) fn cut_trunk(&mut self, tokens: usize) -> Result<(), ScoreError> {
        if tokens < self.trunk.len() {
            self.cut(0, tokens)?;
            self.trunk.truncate(tokens);
        }
        Ok(())
    }
}

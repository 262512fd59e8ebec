//! Texts as vectors, for the API: a context of its own beside the one that decides, made at the
//! first text and given back when there was none for long. What must never be here: what for.

use std::sync::Arc;

use super::Failure;
use crate::limits;
use crate::mind::ggml::{Context, ContextOptions, Model};
use crate::mind::protocol::{Embed, Embedded, FailureKind};
use crate::mind::score::ScoreError;

/// A model that reads texts whole.
pub(super) struct Embedder {
    context: Context,
}

impl Embedder {
    pub(super) fn new(model: &Arc<Model>, threads: u16) -> Result<Self, Failure> {
        if !model.embeds() {
            let text = "this model makes no vectors: its file says nothing of pooling";
            return Err(Failure::new(FailureKind::Refused, text));
        }
        // The library pools what it reads at once, so a text is one batch.
        let most = limits::MIND_EMBED_TOKENS_MAX;
        let options = ContextOptions {
            context_tokens: most,
            batch_tokens: most,
            ubatch_tokens: most,
            outputs_max: most,
            sequences_max: 1,
            threads_decode: threads,
            threads_prefill: threads,
            kv_unified: true,
        };
        let context = Context::for_embeddings(model, options).map_err(ScoreError::from)?;
        Ok(Self { context })
    }

    pub(super) fn embed(&mut self, embed: &Embed) -> Result<Embedded, Failure> {
        let tokens = self.context.model().tokenize(&embed.text, true, false);
        let tokens = tokens.map_err(ScoreError::from)?;
        let (found, most) = (tokens.len(), limits::MIND_EMBED_TOKENS_MAX);
        if found == 0 {
            return Err(Failure::new(FailureKind::Refused, "the text is empty"));
        }
        if found > most as usize {
            let text = format!("the text has {found} tokens, allowed are {most}");
            return Err(Failure { kind: FailureKind::TooLong, text });
        }
        let vector = self.context.embedding(&tokens).map_err(ScoreError::from)?;
        Ok(Embedded { id: embed.id, vector, tokens: u32::try_from(found).unwrap_or(most) })
    }
}

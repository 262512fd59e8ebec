//! The configured model in this process, asked as the mind's process was.

use std::sync::Arc;

use crate::agent::Proposal;
use crate::config;
use crate::domain::Candidate;
use crate::limits;
use crate::mind::adapters;
use crate::mind::catalog::Store;
use crate::mind::ggml::{Adapter, LoadOptions};
use crate::mind::gguf;
use crate::mind::score::{Layout, Normalisation, Scorer, ScorerOptions};
use crate::mind::stamp;

/// See the module.
pub(super) struct Voice {
    scorer: Scorer,
    sha256: String,
    adapter: String,
}

impl Voice {
    /// Loads what `[mind]` names.
    pub(super) fn load(mind: &config::Mind) -> anyhow::Result<Voice> {
        let store = Store::of_environment();
        let model = store.locate(&mind.model)?;
        gguf::check(&model.path)?;
        let adapter = adapters::locate(&store, &mind.adapter)?
            .map(|path| adapters::check(store.catalog(), &path, &model.path))
            .transpose()?;
        let threads = super::super::decide::threads_default();
        let options = ScorerOptions {
            context_tokens: mind.context_tokens,
            ubatch_tokens: limits::MIND_UBATCH_TOKENS,
            threads_decode: threads,
            threads_prefill: threads,
            reuse: true,
            layout: Layout::default(),
            normalisation: Normalisation::default(),
            temperature: f64::from(model.temperature_percent) / 100.0,
        };
        let mut scorer = Scorer::load(&model.path, LoadOptions::default(), options)?;
        if let Some(adapter) = &adapter {
            let loaded = Adapter::load(&scorer.shared_model(), &adapter.path)?;
            let percent = adapter.facts.temperature_percent.unwrap_or(100);
            scorer.put_on(Some(Arc::new(loaded)), f64::from(percent) / 100.0)?;
        }
        let sha256 = stamp::sha256_of(&model.path, |_| ())?;
        Ok(Voice { scorer, sha256, adapter: mind.adapter.clone() })
    }

    /// Checksum of the model.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The adapter as the configuration names it.
    pub(super) fn adapter(&self) -> &str {
        &self.adapter
    }

    /// Probabilities of the candidates, in the order in which they were recorded.
    pub(super) fn score(
        &mut self,
        proposal: &Proposal,
        recorded: &[Candidate],
    ) -> anyhow::Result<Vec<f64>> {
        let question = &proposal.question;
        let count = question.candidates.len();
        let p: Vec<f32> = match &question.by_notes {
            Some(by_notes) => by_notes.answer(count, |prefix, one| {
                let scored = self.scorer.score(prefix, &one.state, &one.candidates)?;
                anyhow::Ok(scored.p)
            })?,
            None => {
                let (prefix, state) = (&question.prefix, &question.state);
                self.scorer.score(prefix, state, &question.candidates)?.p
            }
        };
        let of = |one: &Candidate| {
            let place = proposal.candidates.iter().position(|other| other.set == one.set);
            place.map_or(0.0, |place| f64::from(p[place]))
        };
        Ok(recorded.iter().map(of).collect())
    }
}

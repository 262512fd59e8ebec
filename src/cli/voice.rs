//! The configured model in this process, asked as the mind's process is: for `replay` and
//! `bench agent`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use crate::agent::{Proposal, Question};
use crate::config;
use crate::domain::{Candidate, ModelVoice};
use crate::limits;
use crate::mind::adapters;
use crate::mind::catalog::Store;
use crate::mind::ggml::{Adapter, LoadOptions};
use crate::mind::gguf;
use crate::mind::merge::cache;
use crate::mind::notes;
use crate::mind::score::{Layout, Normalisation, Scorer, ScorerOptions};
use crate::mind::stamp;

/// See the module.
pub(super) struct Voice {
    faces: Vec<Face>,
    adapter: String,
    options: ScorerOptions,
    /// Of the face of this number.
    loaded: Option<(usize, Scorer)>,
}

/// A file that may have spoken: the merged copy, or the model with the adapter put on.
struct Face {
    path: PathBuf,
    sha256: String,
    adapter: Option<PathBuf>,
}

impl Voice {
    /// Looks for what `[mind]` names.
    pub(super) fn of(mind: &config::Mind) -> anyhow::Result<Voice> {
        let store = Store::of_environment();
        let model = store.locate(&mind.model)?;
        gguf::check(&model.path)?;
        let adapter = adapters::locate(&store, &mind.adapter)?
            .map(|path| adapters::check(store.catalog(), &path, &model.path))
            .transpose()?;
        let copy = adapter.as_ref().filter(|_| mind.merge);
        let copy = copy.and_then(|one| cache::of_file(&store.merged(), &model.path, one));
        let mut faces = Vec::new();
        if let Some(copy) = copy {
            faces.push(Face { path: copy.path, sha256: copy.sha256, adapter: None });
        }
        let sha256 = stamp::sha256_of(&model.path, |_| ())?;
        let percent = adapter
            .as_ref()
            .map_or(Some(model.temperature_percent), |one| one.facts.temperature_percent);
        let path = adapter.map(|adapter| adapter.path);
        faces.push(Face { path: model.path, sha256, adapter: path });
        let threads = super::decide::threads_default();
        let options = ScorerOptions {
            context_tokens: mind.context_tokens,
            ubatch_tokens: limits::MIND_UBATCH_TOKENS,
            threads_decode: threads,
            threads_prefill: threads,
            reuse: true,
            layout: Layout::default(),
            normalisation: Normalisation::default(),
            temperature: f64::from(percent.unwrap_or(100)) / 100.0,
        };
        Ok(Voice { faces, adapter: mind.adapter.clone(), options, loaded: None })
    }

    /// Whether it is the voice of a record.
    pub(super) fn spoke(&self, model: &ModelVoice) -> bool {
        model.adapter == self.adapter && self.faces.iter().any(|one| one.sha256 == model.sha256)
    }

    /// The file with this checksum, loaded where it is not.
    fn face(&mut self, sha256: &str) -> anyhow::Result<&mut Scorer> {
        let wanted = self.faces.iter().position(|face| face.sha256 == sha256);
        let wanted = wanted.context("no such model")?;
        let scorer = match self.loaded.take() {
            Some((number, scorer)) if number == wanted => scorer,
            other => {
                drop(other); // first, so that two models are never in memory
                let Face { path, adapter, .. } = &self.faces[wanted];
                let mut scorer = Scorer::load(path, LoadOptions::default(), self.options)?;
                if let Some(adapter) = adapter {
                    let loaded = Adapter::load(&scorer.shared_model(), adapter)?;
                    scorer.put_on(Some(Arc::new(loaded)), self.options.temperature)?;
                }
                scorer
            }
        };
        Ok(&mut self.loaded.insert((wanted, scorer)).1)
    }

    /// Probabilities of the candidates by the file with this checksum, in the order of
    /// the record.
    pub(super) fn score(
        &mut self,
        sha256: &str,
        proposal: &Proposal,
        recorded: &[Candidate],
    ) -> anyhow::Result<Vec<f64>> {
        let p = answer(self.face(sha256)?, &proposal.question)?;
        let of = |one: &Candidate| {
            let place = proposal.candidates.iter().position(|other| other.is_same(one));
            place.map_or(0.0, |place| p[place])
        };
        Ok(recorded.iter().map(of).collect())
    }

    /// What may follow a text, by the file that an agent would take.
    pub(super) fn ask(&mut self, prefix: &str, one: &notes::Question) -> anyhow::Result<Vec<f64>> {
        let sha256 = self.faces.first().context("no model")?.sha256.clone();
        let scored = self.face(&sha256)?.score(prefix, &one.state, &one.candidates)?;
        Ok(scored.p.into_iter().map(f64::from).collect())
    }

    /// Probabilities of a question's candidates by the file that an agent would take; of several
    /// questions about a note, one after the other.
    pub(super) fn answer(&mut self, question: &Question) -> anyhow::Result<Vec<f64>> {
        if !question.questions.is_empty() {
            let mut all = Vec::new();
            for one in &question.questions {
                all.extend(self.ask(&question.prefix, one)?);
            }
            return Ok(all);
        }
        let sha256 = self.faces.first().context("no model")?.sha256.clone();
        answer(self.face(&sha256)?, question)
    }
}

/// Probabilities of a question's candidates, in its order.
fn answer(scorer: &mut Scorer, question: &Question) -> anyhow::Result<Vec<f64>> {
    let count = question.candidates.len();
    let p: Vec<f32> = match &question.by_notes {
        Some(by_notes) => by_notes.answer(count, |prefix, one| {
            let scored = scorer.score(prefix, &one.state, &one.candidates)?;
            anyhow::Ok(scored.p)
        })?,
        None => {
            let (prefix, state) = (&question.prefix, &question.state);
            scorer.score(prefix, state, &question.candidates)?.p
        }
    };
    Ok(p.into_iter().map(f64::from).collect())
}

//! Scores the candidates of a decision in one pass: reads, never writes.
//!
//! The prompt is prefix, state and one of the candidates ([`layout`]). What the cache holds of the
//! last prompt is kept as far as the new one begins alike: the prefix (who it is, goals, devices,
//! notes) hardly ever changes, and facts that did not change are reused too, as long as they stand
//! before those that did. A prefix that was read before is taken from [`keep`], also after a
//! restart; an activated adapter is off for it (`dress`). The rest is read once for all candidates,
//! and in the same batch the candidates follow as a tree (`trie`), of which only what lies before a
//! parting is read.
//!
//! What comes out is how probable each candidate is among them, and how probable it is that the
//! model would go on with any of them at all.
//!
//! Nothing is ever cut: what does not fit is refused before the work starts. What must never be
//! here: words of a prompt, thresholds, the choice itself.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::ggml::{
    AbortFlag, Adapter, Batch, Context, ContextOptions, GgmlError, LoadOptions, Model, Token,
};
use crate::limits;

mod ask;
mod dress;
pub mod keep;
pub mod layout;
mod numbers;
mod read;
mod trie;

pub use ask::Question;
use keep::PrefixStore;
pub use layout::Layout;
use numbers::softmax;
use trie::{Asked, Trie, Way};

/// Why a decision got no scores.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// Prefix, state and the longest candidate do not fit the context. Fewer notes, shorter
    /// facts, or a larger `context_tokens`.
    #[error("the prompt needs {needed} tokens of context, there are {allowed}")]
    TooLong {
        /// Tokens that the prompt needs.
        needed: usize,
        /// Tokens that the context has.
        allowed: usize,
    },
    /// None, or more than [`limits::MIND_CANDIDATES_MAX`].
    #[error("{found} candidates, allowed are 1 to {allowed}")]
    Candidates {
        /// Number of candidates asked about.
        found: usize,
        /// Most that are taken.
        allowed: usize,
    },
    /// None, or more than [`limits::MIND_QUESTIONS_MAX`].
    #[error("{found} questions, allowed are 1 to {allowed}")]
    Questions {
        /// Number of questions.
        found: usize,
        /// Most that are taken.
        allowed: usize,
    },
    /// A text that cannot be scored.
    #[error("{what} {why}")]
    Text {
        /// Which text.
        what: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An architecture that does not continue a text.
    #[error("{description} does not say what follows a text")]
    Architecture {
        /// What the model calls itself.
        description: String,
    },
    /// The model computed something that is no number; its file or a kernel is broken.
    #[error("the model computed scores that are not finite")]
    NotFinite,
    /// The library refused or was aborted; the cache was emptied.
    #[error(transparent)]
    Engine(#[from] GgmlError),
}

/// How a candidate's score follows from the log-probabilities of its tokens.
/// docs/performance.md has what each is worth on the public cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalisation {
    /// Their sum: the probability of the text. Long names are less probable than short ones.
    Sum,
    /// Their mean: takes the length out.
    MeanToken,
    /// Where candidates part, the probability of each way among those that candidates take: what
    /// writing under a grammar of the candidates would draw from. Length has no part in it, and
    /// tokens behind the last parting need not be read.
    #[default]
    Parting,
}

impl Normalisation {
    /// Words of the command line and of the catalogue.
    pub const NAMES: [(&str, Self); 3] =
        [("parting", Self::Parting), ("sum", Self::Sum), ("mean", Self::MeanToken)];
}

/// Sizes and threads of a [`Scorer`], and how it asks.
#[derive(Clone, Copy, Debug)]
pub struct ScorerOptions {
    /// Tokens of context: prefix, state and all candidates of a round.
    pub context_tokens: u32,
    /// Tokens worked on at once.
    pub ubatch_tokens: u32,
    /// Threads for a single token.
    pub threads_decode: u16,
    /// Threads for many tokens.
    pub threads_prefill: u16,
    /// Use again what was read before. Off by itself for a model whose cache cannot be cut back.
    pub reuse: bool,
    /// How a decision becomes tokens.
    pub layout: Layout,
    /// How scores are made of log-probabilities.
    pub normalisation: Normalisation,
    /// Scores are divided by it before they become probabilities; above one it makes the model
    /// less sure of itself. Fitted on recorded decisions ([`super::calibrate`]).
    pub temperature: f64,
}

/// One candidate's score.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CandidateScore {
    /// Natural logarithm of the probability that the model takes the candidate's way wherever it
    /// was asked: with [`Normalisation::Parting`] up to the last parting, else to the text's end.
    pub logprob: f32,
    /// Tokens of the candidate's text, its end included.
    pub tokens: u16,
}

/// Scores of a decision.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scored {
    /// In the order of the candidates asked about.
    pub candidates: Vec<CandidateScore>,
    /// Probability of each candidate among them; adds up to one.
    pub p: Vec<f32>,
    /// Probability that the model would continue with any of the candidates at all: small where
    /// none of them is what it would say.
    pub mass: f32,
    /// Tokens that were read for this decision, those in the cache not counted.
    pub tokens_read: u32,
    /// Time it took, in milliseconds.
    pub ms: f64,
}

impl Scored {
    /// Of a decision that was put together out of the answers to several questions. Its mass is
    /// the least of theirs; one where nothing was asked, since nothing else could be said.
    #[must_use]
    pub fn joined(p: Vec<f32>, answers: &[Self]) -> Self {
        Self {
            p,
            candidates: answers.iter().flat_map(|answer| answer.candidates.clone()).collect(),
            mass: answers.iter().map(|answer| answer.mass).fold(1.0, f32::min),
            tokens_read: answers.iter().map(|answer| answer.tokens_read).sum(),
            ms: answers.iter().map(|answer| answer.ms).sum(),
        }
    }

    /// How far the best candidate is before the second, in probability; one where it is alone.
    #[must_use]
    pub fn margin(&self) -> f32 {
        let (mut best, mut second) = (0.0_f32, 0.0_f32);
        for p in &self.p {
            (best, second) = if *p > best { (*p, best) } else { (best, second.max(*p)) };
        }
        best - second
    }
}

/// A model and its context, ready to score. Belongs to one thread.
pub struct Scorer {
    context: Context,
    options: ScorerOptions,
    /// Whether the cache can be cut back and shared; otherwise it is emptied for each reading.
    reuse: bool,
    /// Tokens in the cache, in sequence 0. The other sequences are empty between decisions.
    trunk: Vec<Token>,
    /// How many of them, from the first, were read with no adapter on; all that follow were read
    /// with this one.
    bare: usize,
    adapter: Option<Arc<Adapter>>,
    /// The prefix asked about last, and its tokens.
    prefix: Option<(String, Vec<Token>)>,
    store: Option<PrefixStore>,
    batch: Batch,
    awaited: Vec<(usize, usize)>,
    tokens_read: u32,
}

impl Scorer {
    /// Loads a model that the caller has checked, and makes its context.
    ///
    /// # Errors
    /// [`ScoreError::Engine`], [`ScoreError::Architecture`].
    pub fn load(
        path: &Path,
        load: LoadOptions,
        options: ScorerOptions,
    ) -> Result<Self, ScoreError> {
        Self::new(&Arc::new(Model::load(path, load)?), options)
    }

    /// Makes a context for a model.
    ///
    /// # Errors
    /// [`ScoreError::Engine`], [`ScoreError::Architecture`].
    pub fn new(model: &Arc<Model>, options: ScorerOptions) -> Result<Self, ScoreError> {
        let facts = model.facts();
        if !facts.continues_texts {
            return Err(ScoreError::Architecture { description: facts.description });
        }
        let reuse = facts.plain_attention && options.reuse;
        let ubatch_tokens = options.ubatch_tokens.min(options.context_tokens);
        // The library keeps a row of scores for each sequence at least, so neither may be more.
        let outputs_max = limits::MIND_OUTPUTS_MAX.min(ubatch_tokens);
        let context = Context::new(
            model,
            ContextOptions {
                context_tokens: options.context_tokens,
                // A batch of ours is one piece of work of the library: its scores are used and
                // forgotten before the next one, so a few rows are all that is ever kept.
                batch_tokens: ubatch_tokens,
                ubatch_tokens,
                outputs_max,
                sequences_max: if reuse { limits::MIND_SEQUENCES.min(outputs_max) } else { 1 },
                threads_decode: options.threads_decode,
                threads_prefill: options.threads_prefill,
                kv_unified: true,
            },
        )?;
        Ok(Self {
            context,
            options,
            reuse,
            trunk: Vec::new(),
            bare: 0,
            adapter: None,
            prefix: None,
            store: None,
            batch: Batch::new(),
            awaited: Vec::new(),
            tokens_read: 0,
        })
    }

    /// Keeps prefixes over restarts in this store. A model whose cache cannot be restored is left
    /// without one.
    pub fn keep_in(&mut self, store: PrefixStore) {
        self.store = Some(store).filter(|_| self.reuse);
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.context.model()
    }

    /// The model, to be shared with another context.
    #[must_use]
    pub fn shared_model(&self) -> Arc<Model> {
        self.context.shared_model()
    }

    /// The context's sizes, as the library made them.
    #[must_use]
    pub fn options(&self) -> &ContextOptions {
        self.context.options()
    }

    /// How a decision is laid out.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.options.layout
    }

    /// Whether what was read is used again: not with a sliding window or a recurrent state.
    #[must_use]
    pub fn reuses(&self) -> bool {
        self.reuse
    }

    /// Stops [`Scorer::score`] from another thread; it ends in [`GgmlError::Aborted`].
    #[must_use]
    pub fn abort_flag(&self) -> AbortFlag {
        self.context.abort_flag()
    }

    /// Empties the cache: the next decision reads its prefix again.
    pub fn forget(&mut self) {
        self.context.clear();
        self.batch.clear();
        self.awaited.clear();
        self.trunk.clear();
    }

    /// Scores the candidates after `prefix` and `state`.
    ///
    /// # Errors
    /// Each kind of [`ScoreError`]; the scorer stays usable after all of them.
    pub fn score(
        &mut self,
        prefix: &str,
        state: &str,
        candidates: &[String],
    ) -> Result<Scored, ScoreError> {
        let start = Instant::now();
        let plan = self.plan(prefix, state, candidates)?;
        let tally = self.tally(&plan)?;
        Ok(self.scored(&plan, &tally, 0..candidates.len(), start))
    }

    /// Reads a plan.
    fn tally(&mut self, plan: &Plan) -> Result<Tally, ScoreError> {
        self.tokens_read = 0;
        let mut tally = Tally::new(plan);
        if let Err(error) = self.read(plan, &mut tally) {
            // A batch that failed leaves a part of itself in the cache.
            self.forget();
            return Err(error);
        }
        Ok(tally)
    }

    /// What the rows said, of the candidates of one question.
    fn scored(&self, plan: &Plan, tally: &Tally, of: Range<usize>, start: Instant) -> Scored {
        let (whole, tokens) = (&tally.whole[of.clone()], &plan.tokens[of.clone()]);
        let scores: Vec<f64> = match self.options.normalisation {
            Normalisation::Sum => whole.to_vec(),
            Normalisation::MeanToken => {
                whole.iter().zip(tokens).map(|(sum, n)| sum / f64::from(*n)).collect()
            }
            Normalisation::Parting => tally.among[of.clone()].to_vec(),
        };
        let tempered = scores.iter().map(|score| score / self.options.temperature);
        Scored {
            p: softmax(&tempered.collect::<Vec<_>>()),
            mass: plan.mass(&tally.whole, of),
            candidates: whole
                .iter()
                .zip(tokens)
                .map(|(sum, tokens)| CandidateScore { logprob: *sum as f32, tokens: *tokens })
                .collect(),
            tokens_read: self.tokens_read,
            ms: start.elapsed().as_secs_f64() * 1e3,
        }
    }

    /// Makes tokens of the texts and checks that they fit, before anything is read.
    fn plan(
        &mut self,
        prefix: &str,
        state: &str,
        candidates: &[String],
    ) -> Result<Plan, ScoreError> {
        let allowed = limits::MIND_CANDIDATES_MAX;
        if candidates.is_empty() || candidates.len() > allowed {
            return Err(ScoreError::Candidates { found: candidates.len(), allowed });
        }
        let mut prompt = self.prefix_tokens(prefix)?;
        let bare = self.invoke(&mut prompt);
        let (model, layout) = (self.context.model(), self.options.layout);
        prompt.extend(layout.state(model, state, candidates)?);
        let mut ways = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let tokens = layout.candidate(model, state, index, candidate)?;
            ways.push(Way { question: 0, stem: 0, tokens });
        }
        self.grown(prompt, bare, ways)
    }

    /// Tokens of the prefix, made once as long as it is the same text.
    fn prefix_tokens(&mut self, prefix: &str) -> Result<Vec<Token>, ScoreError> {
        let known = self.prefix.take().filter(|(text, _)| text == prefix);
        let known = match known {
            Some(known) => known,
            None => {
                let tokens = self.options.layout.prefix(self.context.model(), prefix)?;
                (prefix.to_owned(), tokens)
            }
        };
        let tokens = known.1.clone();
        self.prefix = Some(known);
        Ok(tokens)
    }

    /// The plan of these ways after this prompt, where it fits.
    fn grown(&self, prompt: Vec<Token>, bare: usize, ways: Vec<Way>) -> Result<Plan, ScoreError> {
        let asked = match self.options.normalisation {
            Normalisation::Parting => Asked::Partings,
            Normalisation::Sum | Normalisation::MeanToken => Asked::Everywhere,
        };
        let trie = Trie::new(&ways, asked);
        let needed = prompt.len() + trie.deepest();
        let allowed = self.context.options().context_tokens as usize;
        if needed > allowed {
            return Err(ScoreError::TooLong { needed, allowed });
        }
        let own = |way: &Way| u16::try_from(way.tokens.len() - way.stem).unwrap_or(u16::MAX);
        let tokens = ways.iter().map(own).collect();
        Ok(Plan { prompt, bare, trie, tokens, ways })
    }
}

/// A decision as tokens.
struct Plan {
    /// Prefix and state.
    prompt: Vec<Token>,
    /// How many of its tokens are read with no adapter on.
    bare: usize,
    trie: Trie,
    /// Number of tokens of each candidate.
    tokens: Vec<u16>,
    ways: Vec<Way>,
}

impl Plan {
    /// Probability of all candidates of a question together; the same text twice counts once.
    fn mass(&self, whole: &[f64], of: Range<usize>) -> f32 {
        let begin = of.start;
        let known = |index: usize| {
            let mut before = self.ways[begin..index].iter();
            before.any(|way| way.tokens == self.ways[index].tokens)
        };
        let distinct = of.filter(|index| !known(*index));
        distinct.map(|index| whole[index].exp()).sum::<f64>() as f32
    }
}

/// What the rows said so far of each candidate.
struct Tally {
    /// Logarithm of its probability among all continuations.
    whole: Vec<f64>,
    /// Logarithm of its probability among the candidates' ways.
    among: Vec<f64>,
}

impl Tally {
    fn new(plan: &Plan) -> Self {
        let zeros = vec![0.0; plan.ways.len()];
        Self { whole: zeros.clone(), among: zeros }
    }
}

#[cfg(test)]
mod tests;

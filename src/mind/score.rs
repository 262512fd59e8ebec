//! Scores the candidates of a decision in one pass: reads, never writes.
//!
//! The prompt is `prefix` + `state` + one of the candidates. The prefix (who it is, goals,
//! devices, notes) hardly ever changes: it is read once, kept in the cache in all sequences, and
//! read again only when its text changes. The state is read once for all candidates, in all their
//! sequences at a time, and in the same batch each candidate follows it in a sequence of its own.
//! What comes out is how probable each candidate is as the continuation.
//!
//! A candidate is scored as `" " + text + "\n"`: the blank is how the vocabulary begins a word,
//! and with the line's end no candidate is the beginning of another, so their probabilities add up
//! to at most one. Texts never become control tokens, whoever wrote them (invariant 5).
//!
//! Nothing is ever cut: what does not fit is refused before the work starts. What must never be
//! here: words of a prompt, thresholds, the choice itself.

use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use super::ggml::{
    AbortFlag, Batch, Context, ContextOptions, GgmlError, LoadOptions, Model, Token,
};
use crate::limits;

mod numbers;
use numbers::{log_sum_exp, softmax};

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
    /// A text that cannot be scored.
    #[error("{what} {why}")]
    Text {
        /// Which text.
        what: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An architecture whose cache cannot share a prefix.
    #[error("{description} is not a plain attention model: its prefixes cannot be shared")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalisation {
    /// Their sum: the probability of the text. Long names are less probable than short ones, and
    /// the best is nearly always believed: expected calibration error 0.80 on the public cases.
    Sum,
    /// Their mean: takes the length out. As often right as the sum (40 against 39 of 200 cases)
    /// and far less sure of itself: expected calibration error 0.21.
    #[default]
    MeanToken,
}

/// Sizes and threads of a [`Scorer`].
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
    /// How scores are made of log-probabilities.
    pub normalisation: Normalisation,
}

/// One candidate's score.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CandidateScore {
    /// Natural logarithm of the probability of the candidate's text after the prompt.
    pub logprob: f32,
    /// Tokens of that text, its line's end included.
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
    /// Tokens that were read for this decision, the prefix's only if it was not in the cache.
    pub tokens_read: u32,
    /// Time it took, in milliseconds.
    pub ms: f64,
}

/// A row of the batch whose scores are awaited: for whom, and what follows there.
enum Awaited {
    /// The end of the state: the first token of every candidate follows.
    First,
    /// A token of a candidate; the next one of it follows.
    Next { candidate: usize, token: Token },
}

/// A model and its context, ready to score. Belongs to one thread.
pub struct Scorer {
    context: Context,
    normalisation: Normalisation,
    /// The prefix that lies in the cache, in all sequences.
    prefix: Option<Prefix>,
    batch: Batch,
    awaited: Vec<(usize, Awaited)>,
    tokens_read: u32,
}

struct Prefix {
    text: String,
    tokens: u32,
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
        Self::new(&Rc::new(Model::load(path, load)?), options)
    }

    /// Makes a context for a model.
    ///
    /// # Errors
    /// [`ScoreError::Engine`], [`ScoreError::Architecture`].
    pub fn new(model: &Rc<Model>, options: ScorerOptions) -> Result<Self, ScoreError> {
        let facts = model.facts();
        if !facts.plain_attention {
            return Err(ScoreError::Architecture { description: facts.description });
        }
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
                sequences_max: limits::MIND_SEQUENCES.min(outputs_max),
                threads_decode: options.threads_decode,
                threads_prefill: options.threads_prefill,
                kv_unified: true,
            },
        )?;
        Ok(Self {
            context,
            normalisation: options.normalisation,
            prefix: None,
            batch: Batch::new(),
            awaited: Vec::new(),
            tokens_read: 0,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.context.model()
    }

    /// The context's sizes, as the library made them.
    #[must_use]
    pub fn options(&self) -> &ContextOptions {
        self.context.options()
    }

    /// Stops [`Scorer::score`] from another thread; it ends in [`GgmlError::Aborted`].
    #[must_use]
    pub fn abort_flag(&self) -> AbortFlag {
        self.context.abort_flag()
    }

    /// Empties the cache: the next decision reads its prefix again.
    pub fn forget(&mut self) {
        self.context.clear();
        self.prefix = None;
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
        self.tokens_read = 0;
        let plan = self.plan(prefix, state, candidates)?;
        let sums = self.read(prefix, &plan);
        let sums = match sums {
            Ok(sums) => sums,
            Err(error) => {
                // A batch that failed leaves a part of itself in the cache.
                self.forget();
                return Err(error);
            }
        };
        let scored: Vec<_> = sums
            .iter()
            .zip(&plan.candidates)
            .map(|(sum, tokens)| CandidateScore {
                logprob: *sum as f32,
                tokens: u16::try_from(tokens.len()).unwrap_or(u16::MAX),
            })
            .collect();
        let scores =
            sums.iter().zip(&plan.candidates).map(|(sum, tokens)| match self.normalisation {
                Normalisation::Sum => *sum,
                Normalisation::MeanToken => *sum / tokens.len() as f64,
            });
        Ok(Scored {
            p: softmax(&scores.collect::<Vec<_>>()),
            mass: sums.iter().map(|sum| sum.exp()).sum::<f64>() as f32,
            candidates: scored,
            tokens_read: self.tokens_read,
            ms: start.elapsed().as_secs_f64() * 1e3,
        })
    }

    /// Makes tokens of the texts and checks that they fit, before anything is read.
    fn plan(&self, prefix: &str, state: &str, candidates: &[String]) -> Result<Plan, ScoreError> {
        let allowed = limits::MIND_CANDIDATES_MAX;
        if candidates.is_empty() || candidates.len() > allowed {
            return Err(ScoreError::Candidates { found: candidates.len(), allowed });
        }
        let model = self.context.model();
        let known = self.prefix.as_ref().filter(|known| known.text == prefix);
        let prefix = match known {
            Some(known) => PrefixPlan::Cached(known.tokens),
            None => PrefixPlan::Read(model.tokenize(prefix, true, false)?),
        };
        let tokens_state = model.tokenize(state, false, false)?;
        if tokens_state.is_empty() {
            return Err(ScoreError::Text { what: "the state".to_owned(), why: "is empty" });
        }
        let mut plan = Plan { prefix, state: tokens_state, candidates: Vec::new() };
        for (index, candidate) in candidates.iter().enumerate() {
            plan.candidates.push(model.tokenize(
                &continuation(state, index, candidate)?,
                false,
                false,
            )?);
        }
        // The last token of a candidate is only asked for, never read.
        let longest = plan.candidates.iter().map(|tokens| tokens.len() - 1).max().unwrap_or(0);
        let needed = plan.base() + longest;
        let allowed = self.context.options().context_tokens as usize;
        if needed > allowed {
            return Err(ScoreError::TooLong { needed, allowed });
        }
        Ok(plan)
    }

    /// Reads the plan and returns the candidates' log-probabilities.
    fn read(&mut self, prefix: &str, plan: &Plan) -> Result<Vec<f64>, ScoreError> {
        self.read_prefix(prefix, plan)?;
        let sequences_max = self.context.options().sequences_max;
        let sequences = sequences_max.min(plan.candidates.len() as u32);
        let mut sums = vec![0.0; plan.candidates.len()];
        let mut position = plan.prefix.len() as u32;
        for (index, token) in plan.state.iter().enumerate() {
            let last = index + 1 == plan.state.len();
            let awaited = last.then_some(Awaited::First);
            self.push(*token, position, 0..sequences, awaited, plan, &mut sums)?;
            position += 1;
        }
        for round in rounds(plan, sequences, self.context.options().context_tokens) {
            let first = round.start;
            for candidate in round {
                let sequence = (candidate - first) as u32;
                for (index, pair) in plan.candidates[candidate].windows(2).enumerate() {
                    let awaited = Some(Awaited::Next { candidate, token: pair[1] });
                    let position = position + index as u32;
                    let one = sequence..sequence + 1;
                    self.push(pair[0], position, one, awaited, plan, &mut sums)?;
                }
            }
            self.flush(plan, &mut sums)?;
            // The next round begins after the state again, which stays.
            self.cut(sequences, position)?;
        }
        self.cut(sequences, plan.prefix.len() as u32)?;
        Ok(sums)
    }

    /// Puts the prefix into all sequences, unless it is there.
    fn read_prefix(&mut self, text: &str, plan: &Plan) -> Result<(), ScoreError> {
        let PrefixPlan::Read(tokens) = &plan.prefix else { return Ok(()) };
        self.forget();
        for (position, token) in tokens.iter().enumerate() {
            self.push(*token, position as u32, 0..1, None, plan, &mut [])?;
        }
        self.flush(plan, &mut [])?;
        let count = tokens.len() as u32;
        for sequence in 1..self.context.options().sequences_max {
            self.context.seq_cp(0, sequence, 0..count)?;
        }
        self.prefix = Some(Prefix { text: text.to_owned(), tokens: count });
        Ok(())
    }

    /// Removes what follows `position` in the first `sequences` sequences.
    fn cut(&mut self, sequences: u32, position: u32) -> Result<(), ScoreError> {
        let end = self.context.options().context_tokens;
        for sequence in 0..sequences {
            if !self.context.seq_rm(sequence, position..end)? {
                let description = self.context.model().facts().description;
                return Err(ScoreError::Architecture { description });
            }
        }
        Ok(())
    }

    /// Adds a token to the batch, and reads the batch first where it is full.
    fn push(
        &mut self,
        token: Token,
        position: u32,
        sequences: Range<u32>,
        awaited: Option<Awaited>,
        plan: &Plan,
        sums: &mut [f64],
    ) -> Result<(), ScoreError> {
        let options = self.context.options();
        let full = self.batch.len() >= options.batch_tokens as usize;
        let rows_full = self.awaited.len() >= options.outputs_max as usize;
        if full || (awaited.is_some() && rows_full) {
            self.flush(plan, sums)?;
        }
        let row = self.batch.push(token, position, sequences, awaited.is_some());
        self.awaited.extend(awaited.map(|awaited| (row, awaited)));
        Ok(())
    }

    /// Reads the batch and adds up what its rows were asked for.
    fn flush(&mut self, plan: &Plan, sums: &mut [f64]) -> Result<(), ScoreError> {
        let awaited = std::mem::take(&mut self.awaited);
        if self.batch.is_empty() {
            return Ok(());
        }
        let result = self.context.decode(&mut self.batch);
        let read = self.batch.len() as u32;
        self.batch.clear();
        result?;
        self.tokens_read += read;
        for (row, awaited) in awaited {
            let logits = self.context.logits(row)?;
            let total = log_sum_exp(logits).ok_or(ScoreError::NotFinite)?;
            // Tokens come from this model's own tokenizer, so they index its row of scores.
            let follows = |token: Token| f64::from(logits[token as usize] - total);
            match awaited {
                Awaited::Next { candidate, token } => sums[candidate] += follows(token),
                Awaited::First => {
                    for (sum, tokens) in sums.iter_mut().zip(&plan.candidates) {
                        *sum += follows(tokens[0]);
                    }
                }
            }
        }
        Ok(())
    }
}

/// A decision as tokens.
struct Plan {
    prefix: PrefixPlan,
    state: Vec<Token>,
    candidates: Vec<Vec<Token>>,
}

enum PrefixPlan {
    Cached(u32),
    Read(Vec<Token>),
}

impl PrefixPlan {
    fn len(&self) -> usize {
        match self {
            Self::Cached(tokens) => *tokens as usize,
            Self::Read(tokens) => tokens.len(),
        }
    }
}

impl Plan {
    /// Tokens before any candidate.
    fn base(&self) -> usize {
        self.prefix.len() + self.state.len()
    }
}

/// What is scored for a candidate.
fn continuation(state: &str, index: usize, candidate: &str) -> Result<String, ScoreError> {
    let refuse = |why| Err(ScoreError::Text { what: format!("candidate {index}"), why });
    let text = candidate.trim();
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.contains('\n') {
        return refuse("has more than one line");
    }
    let blank = if state.ends_with(char::is_whitespace) { "" } else { " " };
    Ok(format!("{blank}{text}\n"))
}

/// Which candidates are read together: as many as there are sequences and as the context holds.
fn rounds(plan: &Plan, sequences: u32, context_tokens: u32) -> Vec<Range<usize>> {
    let room = context_tokens as usize - plan.base();
    let mut rounds = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (index, tokens) in plan.candidates.iter().enumerate() {
        let cells = tokens.len() - 1;
        if index > start && (index - start == sequences as usize || used + cells > room) {
            rounds.push(start..index);
            (start, used) = (index, 0);
        }
        used += cells;
    }
    rounds.push(start..plan.candidates.len());
    rounds
}

#[cfg(test)]
mod tests;

//! One text in hand: its tokens, its form, and what of it was said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::draft::{self, Record};
use super::grammar::Bound;
use super::sample::Sampler;
use super::text::Text;
use super::{Finish, Write, WriteError};
use crate::limits;
use crate::mind::ggml::{Adapter, Model, Token};
use crate::mind::protocol::Written;

/// A text that is being written.
pub(super) struct Job {
    pub(super) id: u64,
    /// Prompt and text, as far as it is certain.
    pub(super) tokens: Vec<Token>,
    prompt: usize,
    kept: usize,
    bound: Option<Bound>,
    /// On wherever the text is in a pass.
    pub(super) adapter: Option<Arc<Adapter>>,
    sampler: Sampler,
    text: Text,
    tokens_max: usize,
    forced: u32,
    guessed: u32,
    record: Record,
    due: Instant,
    start: Instant,
    first: Option<Duration>,
}

/// What a job became by a step.
#[derive(Default)]
pub(super) struct Step {
    /// What can be said now.
    pub(super) text: String,
    /// Set where it is complete.
    pub(super) finish: Option<Finish>,
}

impl Job {
    pub(super) fn new(
        write: Write,
        prompt: Vec<Token>,
        bound: Option<Bound>,
        adapter: Option<Arc<Adapter>>,
        arrived: Instant,
    ) -> Self {
        Self {
            id: write.id,
            prompt: prompt.len(),
            tokens: prompt,
            kept: 0,
            bound,
            adapter,
            sampler: Sampler::new(write.sampling),
            text: Text::new(write.stop),
            tokens_max: write.tokens_max as usize,
            forced: 0,
            guessed: 0,
            record: Record::default(),
            due: arrived + Duration::from_millis(write.within_ms.into()),
            start: arrived,
            first: None,
        }
    }

    /// Cells of the cache that it may come to need.
    pub(super) fn cells(&self) -> usize {
        self.prompt + self.tokens_max + limits::MIND_DRAFT_TOKENS_MAX
    }

    pub(super) fn late(&self) -> bool {
        Instant::now() >= self.due
    }

    /// So many more tokens of the prompt are in the cache without having been read.
    pub(super) fn keeps(&mut self, tokens: usize) {
        self.kept += tokens;
    }

    /// What the form says before anything is read: its first words may be forced.
    pub(super) fn begin(&mut self, model: &Model) -> Result<Step, WriteError> {
        let mut step = Step::default();
        self.force(model, &mut step)?;
        Ok(step)
    }

    /// What may follow, to be checked in the same pass, in which so many `texts` are.
    pub(super) fn guess<'a>(
        &mut self,
        others: impl Iterator<Item = &'a [Token]>,
        texts: usize,
    ) -> Vec<Token> {
        let left = (self.prompt + self.tokens_max).saturating_sub(self.tokens.len() + 1);
        let most = self.record.worth(u32::try_from(texts).unwrap_or(u32::MAX)).min(left);
        if most == 0 {
            return Vec::new();
        }
        let mut guess = draft::guess(&self.tokens, others, most);
        if let Some(bound) = &mut self.bound {
            let possible = bound.possible(&guess);
            guess.truncate(possible);
        }
        guess
    }

    /// How many of the guesses were right.
    pub(super) fn guessed(&mut self, tried: usize, right: usize) {
        self.record.add(tried, right);
        self.guessed += right as u32;
    }

    /// Takes the row of scores after its last token: draws the next word, and what the form forces
    /// after it.
    pub(super) fn take(&mut self, model: &Model, row: &[f32]) -> Result<Step, WriteError> {
        let next = match &mut self.bound {
            None => self.sampler.draw(row, None),
            Some(bound) => {
                let allowed = bound.allowed()?;
                let mut allowed = allowed.iter();
                self.sampler.draw(row, Some(&mut allowed))
            }
        };
        let next = next.ok_or(WriteError::NotFinite)?;
        let mut step = Step::default();
        if model.is_end(next) {
            self.finish(Finish::Stop, &mut step);
            return Ok(step);
        }
        self.say(model, next, &mut step)?;
        if let (Some(bound), None) = (&mut self.bound, step.finish) {
            bound.take(next)?;
            self.force(model, &mut step)?;
        }
        Ok(step)
    }

    fn force(&mut self, model: &Model, step: &mut Step) -> Result<(), WriteError> {
        let Some(bound) = &mut self.bound else { return Ok(()) };
        let forced = bound.forced();
        let complete = bound.complete();
        for token in forced {
            if model.is_end(token) {
                self.finish(Finish::Stop, step);
            }
            if step.finish.is_some() {
                return Ok(());
            }
            self.forced += 1;
            self.say(model, token, step)?;
        }
        if complete && step.finish.is_none_or(|finish| finish == Finish::Length) {
            self.finish(Finish::Stop, step);
        }
        Ok(())
    }

    fn say(&mut self, model: &Model, token: Token, step: &mut Step) -> Result<(), WriteError> {
        self.tokens.push(token);
        self.sampler.add(token);
        step.text.push_str(&self.text.push(&model.token_to_piece(token, false)?));
        if self.text.stopped() {
            self.finish(Finish::Stop, step);
        } else if self.tokens.len() - self.prompt >= self.tokens_max {
            self.finish(Finish::Length, step);
        }
        if self.first.is_none() && !step.text.is_empty() {
            self.first = Some(self.start.elapsed());
        }
        Ok(())
    }

    fn finish(&mut self, finish: Finish, step: &mut Step) {
        step.finish = Some(finish);
        step.text.push_str(&self.text.rest());
    }

    /// The account of a complete text.
    pub(super) fn written(&self, finish: Finish) -> Written {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let all = self.start.elapsed();
        Written {
            id: self.id,
            finish,
            prompt_tokens: self.prompt as u32,
            kept_tokens: self.kept.min(self.prompt) as u32,
            tokens: (self.tokens.len() - self.prompt) as u32,
            forced_tokens: self.forced,
            guessed_tokens: self.guessed,
            first_ms: ms(self.first.unwrap_or(all)),
            ms: ms(all),
        }
    }
}

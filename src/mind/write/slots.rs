//! The texts in hand, each in a sequence of one cache, and the pass over all of them.
//!
//! A place that is free keeps what was read for its last text, so that the next prompt that begins
//! alike reads only the rest. Room is reckoned before a text is taken: prompt and longest text of
//! all in hand fit the cache, so that none is given up half-way for want of it. Cells belong to the
//! adapter that they were read with: a text of another one reads its prompt itself.

use std::sync::Arc;
use std::time::Instant;

use super::grammar::Grammars;
use super::job::{Job, Step};
use super::turn::{Turns, Waiting, Worn};
use super::{Form, Write, WriteError, chat};
use crate::limits;
use crate::mind::ggml::{AbortFlag, Adapter, Batch, Context, ContextOptions, Model, Token};
use crate::mind::protocol::Written;

/// Sizes and threads of a [`Writer`].
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// Tokens of the cache, of all texts together.
    pub context_tokens: u32,
    /// Tokens worked on at once.
    pub ubatch_tokens: u32,
    /// Threads for a single token.
    pub threads_decode: u16,
    /// Threads for many tokens.
    pub threads_prefill: u16,
}

/// What became of a text by a step.
#[derive(Debug)]
pub enum News {
    /// A part of it.
    Piece {
        /// Of the request.
        id: u64,
        /// What comes next.
        text: String,
    },
    /// It is complete.
    Written(Written),
    /// It is given up.
    Failed {
        /// Of the request.
        id: u64,
        /// Why.
        error: WriteError,
    },
}

/// What became of the wish for a text.
pub enum Admitted {
    /// It is in hand; its first words may be there already.
    Taken(Vec<News>),
    /// There is no room for it now: again, when a text in hand is complete.
    Later(Box<Write>),
}

/// Writes texts side by side. Belongs to one thread.
pub struct Writer {
    context: Context,
    model: Arc<Model>,
    grammars: Option<Grammars>,
    /// Whether sequences can be cut back and share a beginning.
    reuse: bool,
    places: Vec<Place>,
    batch: Batch,
    /// Counts texts and passes, for the order of places.
    clock: u64,
    turns: Turns,
}

#[derive(Default)]
struct Place {
    /// Tokens of its sequence in the cache.
    cells: Vec<Token>,
    /// The adapter that they were read with.
    worn: Worn,
    job: Option<Job>,
    /// When its text came, or was in a pass last.
    used: u64,
}

impl Place {
    /// Tokens of its text that are to be read yet.
    fn pending(&self) -> usize {
        let tokens = self.job.as_ref().map_or(0, |job| job.tokens.len());
        tokens.saturating_sub(self.cells.len())
    }
}

/// What a place has in the batch.
struct Part {
    place: usize,
    /// Row of the last certain token; `None` where more of the prompt is to come.
    row: Option<usize>,
    /// Guesses behind it.
    guesses: usize,
}

impl Writer {
    /// Makes a context for a model.
    ///
    /// # Errors
    /// [`WriteError::Engine`].
    pub fn new(model: &Arc<Model>, options: WriterOptions) -> Result<Self, WriteError> {
        let ubatch_tokens = options.ubatch_tokens.min(options.context_tokens);
        let outputs_max = limits::MIND_OUTPUTS_MAX.min(ubatch_tokens);
        let reuse = model.facts().plain_attention;
        let context = Context::new(
            model,
            ContextOptions {
                context_tokens: options.context_tokens,
                batch_tokens: ubatch_tokens,
                ubatch_tokens,
                outputs_max,
                sequences_max: limits::MIND_WRITERS.min(outputs_max),
                threads_decode: options.threads_decode,
                threads_prefill: options.threads_prefill,
                kv_unified: true,
            },
        )?;
        let places = context.options().sequences_max;
        Ok(Self {
            context,
            model: Arc::clone(model),
            grammars: None,
            reuse,
            places: (0..places).map(|_| Place::default()).collect(),
            batch: Batch::new(),
            clock: 0,
            turns: Turns::default(),
        })
    }

    /// Whether a text is in hand.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.places.iter().any(|place| place.job.is_some())
    }

    /// Whether a place is free.
    #[must_use]
    pub fn has_place(&self) -> bool {
        self.places.iter().any(|place| place.job.is_none())
    }

    /// Stops a step from another thread; its texts fail.
    #[must_use]
    pub fn abort_flag(&self) -> AbortFlag {
        self.context.abort_flag()
    }

    /// Takes a text in hand, or gives it back where there is no room yet. It is written with this
    /// adapter, which is the one that it asks for.
    ///
    /// # Errors
    /// Each kind of [`WriteError`] but [`WriteError::Late`]; nothing was begun then.
    pub fn admit(
        &mut self,
        write: Write,
        adapter: Option<Arc<Adapter>>,
        arrived: Instant,
    ) -> Result<Admitted, WriteError> {
        check(&write)?;
        let prompt = chat::tokens(&self.model, &write.prompt)?;
        let allowed = self.context.options().context_tokens as usize;
        let text = write.tokens_max as usize;
        if prompt.is_empty() || prompt.len() + text + limits::MIND_DRAFT_TOKENS_MAX > allowed {
            return Err(WriteError::TooLong { prompt: prompt.len(), text, allowed });
        }
        let needed = prompt.len() + text + limits::MIND_DRAFT_TOKENS_MAX;
        let in_hand: usize =
            self.places.iter().filter_map(|place| place.job.as_ref()).map(Job::cells).sum();
        if !self.has_place() || in_hand + needed > allowed {
            return Ok(Admitted::Later(Box::new(write)));
        }
        let bound = match &write.form {
            Form::Free => None,
            form => {
                if self.grammars.is_none() {
                    self.grammars = Some(Grammars::new(&self.model)?);
                }
                self.grammars.as_ref().map(|grammars| grammars.begin(form)).transpose()?.flatten()
            }
        };
        let worn = Worn::of(adapter.as_ref());
        let mut job = Job::new(write, prompt, bound, adapter, arrived);
        let place = self.place_for(&job.tokens, worn, allowed - in_hand - needed)?;
        job.keeps(self.places[place].cells.len());
        let step = job.begin(&self.model)?;
        self.clock += 1;
        self.places[place].used = self.clock;
        self.places[place].job = Some(job);
        let mut news = Vec::new();
        self.tell(place, step, &mut news);
        Ok(Admitted::Taken(news))
    }

    /// Finds a free place for a prompt, with as much of it in the cache as can be had. `spare`
    /// cells may stay with places that are free.
    fn place_for(
        &mut self,
        prompt: &[Token],
        worn: Worn,
        spare: usize,
    ) -> Result<usize, WriteError> {
        // The last token is read in any case, for its row of scores.
        let most = prompt.len() - 1;
        let common = |place: &Place| match place.worn == worn {
            true => alike(&place.cells, prompt).min(most),
            false => 0,
        };
        let free = |place: &Place| place.job.is_none();
        let best = (0..self.places.len()).max_by_key(|at| common(&self.places[*at]));
        let best = best.filter(|_| self.reuse);
        let shared = best.map_or(0, |at| common(&self.places[at]));
        // The best one itself, where little of it is lost; else the one used longest ago.
        let own =
            best.filter(|at| free(&self.places[*at]) && shared * 2 >= self.places[*at].cells.len());
        let oldest = (0..self.places.len())
            .filter(|at| free(&self.places[*at]))
            .min_by_key(|at| (self.places[*at].used, *at))
            .unwrap_or(0);
        let place = own.unwrap_or(oldest);
        let kept = common(&self.places[place]);
        self.cut(place, if self.reuse { kept } else { 0 })?;
        self.places[place].worn = worn;
        self.share(place, prompt)?;
        self.give_back(place, spare)?;
        Ok(place)
    }

    /// Gives a place what another one has of the beginning of `tokens` beyond its own cells, which
    /// are a beginning of them; how many cells it got.
    fn share(&mut self, place: usize, tokens: &[Token]) -> Result<usize, WriteError> {
        let own = self.places[place].cells.len();
        let most = tokens.len().saturating_sub(1);
        let worn = &self.places[place].worn;
        let others = self.places.iter().enumerate();
        let others = others.filter(|(at, other)| *at != place && other.worn == *worn);
        let common = others.map(|(at, other)| (alike(&other.cells, tokens).min(most), at));
        match common.max().filter(|(shared, _)| self.reuse && *shared > own) {
            None => Ok(0),
            Some((shared, from)) => {
                self.context.seq_cp(from as u32, place as u32, own as u32..shared as u32)?;
                self.places[place].cells.extend_from_slice(&tokens[own..shared]);
                Ok(shared - own)
            }
        }
    }

    /// Gives the prompts in hand what others have read of them since they were taken.
    fn share_read(&mut self) -> Result<(), WriteError> {
        for at in 0..self.places.len() {
            if self.places[at].pending() <= limits::MIND_DRAFT_TOKENS_MAX {
                continue;
            }
            // Taken out, so that the other places can be looked at.
            let Some(mut job) = self.places[at].job.take() else { continue };
            let shared = self.share(at, &job.tokens);
            if let Ok(cells) = shared {
                job.keeps(cells);
            }
            self.places[at].job = Some(job);
            shared?;
        }
        Ok(())
    }

    /// Empties free places, those used longest ago first, until they hold `spare` cells at most.
    fn give_back(&mut self, but: usize, spare: usize) -> Result<(), WriteError> {
        loop {
            let kept = |at: &usize| {
                *at != but && self.places[*at].job.is_none() && !self.places[*at].cells.is_empty()
            };
            let free: Vec<usize> = (0..self.places.len()).filter(kept).collect();
            let held: usize = free.iter().map(|at| self.places[*at].cells.len()).sum();
            let oldest = free.iter().min_by_key(|at| self.places[**at].used);
            match oldest {
                Some(oldest) if held > spare => self.cut(*oldest, 0)?,
                _ => return Ok(()),
            }
        }
    }

    /// Cuts a sequence back to its first `cells`.
    fn cut(&mut self, place: usize, cells: usize) -> Result<(), WriteError> {
        if self.places[place].cells.len() <= cells {
            return Ok(());
        }
        let end = self.context.options().context_tokens;
        self.places[place].cells.truncate(cells);
        if !self.context.seq_rm(place as u32, cells as u32..end)? {
            // A cache that cannot be cut back is emptied for the sequence.
            self.places[place].cells.clear();
            self.context.seq_rm(place as u32, 0..end)?;
        }
        Ok(())
    }

    /// Gives a text up; whether it was in hand.
    pub fn cancel(&mut self, id: u64) -> bool {
        let asked = |place: &&mut Place| place.job.as_ref().is_some_and(|job| job.id == id);
        self.places.iter_mut().find(asked).map(|place| place.job = None).is_some()
    }

    /// One pass over the texts in hand: reads what is next of each, and draws.
    pub fn step(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        for place in &mut self.places {
            if place.job.as_ref().is_some_and(Job::late)
                && let Some(job) = place.job.take()
            {
                news.push(News::Failed { id: job.id, error: WriteError::Late });
            }
        }
        self.batch.clear();
        if let Err(error) = self.share_read() {
            self.fail_all(&error.to_string(), &mut news);
            return news;
        }
        let order = self.turn();
        let Some(first) = order.first() else { return news };
        let adapter = self.places[*first].job.as_ref().and_then(|job| job.adapter.clone());
        let parts = self.fill(order);
        let dressed = self.context.put_on(adapter);
        if let Err(error) = dressed.and_then(|()| self.context.decode(&mut self.batch)) {
            // A part of the batch is in the cache, and nobody knows which.
            self.fail_all(&error.to_string(), &mut news);
            return news;
        }
        for part in parts {
            if let Err(error) = self.take(&part, &mut news)
                && let Some(job) = self.places[part.place].job.take()
            {
                news.push(News::Failed { id: job.id, error });
            }
        }
        news
    }

    /// Who is in the next pass.
    fn turn(&mut self) -> Vec<usize> {
        let waiting = self.places.iter().enumerate().map(|(at, place)| {
            let (pending, worn) = (place.pending(), place.worn.clone());
            Waiting { at, pending, worn, used: place.used }
        });
        let order = self.turns.next(waiting.filter(|one| one.pending > 0).collect());
        self.clock += 1;
        for at in &order {
            self.places[*at].used = self.clock;
        }
        order
    }

    /// Puts what is next of these places into the batch, in their order.
    fn fill(&mut self, order: Vec<usize>) -> Vec<Part> {
        let options = *self.context.options();
        let (mut room, mut rows) = (options.batch_tokens as usize, options.outputs_max as usize);
        let texts = order.len();
        let mut parts = Vec::new();
        for (nth, at) in order.into_iter().enumerate() {
            let pending = self.places[at].pending();
            let count = pending.min(room);
            let whole = count == pending && rows > 0;
            let others_rows = texts - nth - 1;
            let guesses = if whole && self.reuse {
                let spare = (room - count).min((rows - 1).saturating_sub(others_rows));
                self.guesses(at, spare, texts)
            } else {
                Vec::new()
            };
            let place = &mut self.places[at];
            let Some(job) = &place.job else { continue };
            let begin = place.cells.len();
            let mut row = None;
            for index in begin..begin + count {
                let last = whole && index + 1 == job.tokens.len();
                let (token, sequence) = (job.tokens[index], at as u32);
                let at_row = self.batch.push(token, index as u32, sequence..sequence + 1, last);
                row = last.then_some(at_row);
                place.cells.push(token);
            }
            for (index, token) in guesses.iter().enumerate() {
                let position = (begin + count + index) as u32;
                self.batch.push(*token, position, at as u32..at as u32 + 1, true);
                place.cells.push(*token);
            }
            room -= count + guesses.len();
            rows -= usize::from(row.is_some()) + guesses.len();
            parts.push(Part { place: at, row, guesses: guesses.len() });
            if room == 0 {
                break;
            }
        }
        parts
    }

    fn guesses(&mut self, at: usize, spare: usize, texts: usize) -> Vec<Token> {
        // Taken out, so that the other places can be looked at.
        let Some(mut job) = self.places[at].job.take() else { return Vec::new() };
        let others = self.places.iter().enumerate().filter(|(other, _)| *other != at);
        let mut guesses = job.guess(others.map(|(_, place)| place.cells.as_slice()), texts);
        guesses.truncate(spare);
        self.places[at].job = Some(job);
        guesses
    }

    /// Draws from the rows of a place, as far as its guesses were right.
    fn take(&mut self, part: &Part, news: &mut Vec<News>) -> Result<(), WriteError> {
        let Some(first_row) = part.row else { return Ok(()) };
        let certain = self.places[part.place].cells.len() - part.guesses;
        let mut total = Step::default();
        loop {
            let Place { cells, job, .. } = &mut self.places[part.place];
            let Some(job) = job else { return Ok(()) };
            // The row after its last token, if that token is in the cache as it was guessed.
            let known = alike(cells, &job.tokens);
            if known < job.tokens.len() || total.finish.is_some() {
                let right = known.saturating_sub(certain).min(part.guesses);
                job.guessed(part.guesses, right);
                break;
            }
            let row = self.context.logits(first_row + (known - certain))?;
            let step = job.take(&self.model, row)?;
            total.text.push_str(&step.text);
            total.finish = step.finish;
        }
        let place = &self.places[part.place];
        let tokens = place.job.as_ref().map_or(&[][..], |job| job.tokens.as_slice());
        let known = alike(&place.cells, tokens);
        self.cut(part.place, known)?;
        self.tell(part.place, total, news);
        Ok(())
    }

    fn tell(&mut self, place: usize, step: Step, news: &mut Vec<News>) {
        let Place { job, .. } = &mut self.places[place];
        let Some(taken) = job else { return };
        if !step.text.is_empty() {
            news.push(News::Piece { id: taken.id, text: step.text });
        }
        if let Some(finish) = step.finish {
            news.push(News::Written(taken.written(finish)));
            *job = None;
        }
    }

    /// Fails every text in hand and empties the cache.
    fn fail_all(&mut self, reason: &str, news: &mut Vec<News>) {
        self.context.clear();
        for place in &mut self.places {
            place.cells.clear();
            if let Some(job) = place.job.take() {
                let action = "write a text";
                let text = reason.to_owned();
                let error = crate::mind::ggml::GgmlError::Refused { action, text };
                news.push(News::Failed { id: job.id, error: error.into() });
            }
        }
    }
}

/// Refuses wishes that make no sense before anything is worked on.
fn check(write: &Write) -> Result<(), WriteError> {
    let bound =
        |what, found: String, allowed: String| Err(WriteError::Bound { what, found, allowed });
    let sampling = &write.sampling;
    for (what, found, most) in [
        ("temperature", sampling.temperature, 10.0),
        ("top_p", sampling.top_p, 1.0),
        ("min_p", sampling.min_p, 1.0),
        ("frequency_penalty", sampling.frequency_penalty.abs(), 2.0),
        ("presence_penalty", sampling.presence_penalty.abs(), 2.0),
    ] {
        if !(0.0..=most).contains(&found) {
            return bound(what, found.to_string(), format!("0 to {most}"));
        }
    }
    for (what, found, most) in [
        ("tokens of the text", write.tokens_max, limits::MIND_WRITE_TOKENS_MAX),
        ("milliseconds for the text", write.within_ms, limits::MIND_WRITE_MS_MAX),
    ] {
        if !(1..=most).contains(&found) {
            return bound(what, found.to_string(), format!("1 to {most}"));
        }
    }
    let (most, bytes) = (limits::MIND_STOPS_MAX, limits::MIND_STOP_BYTES_MAX);
    if write.stop.len() > most {
        return bound("stop strings", write.stop.len().to_string(), format!("at most {most}"));
    }
    match write.stop.iter().find(|stop| stop.is_empty() || stop.len() > bytes) {
        Some(stop) => {
            bound("bytes of a stop string", stop.len().to_string(), format!("1 to {bytes}"))
        }
        None => Ok(()),
    }
}

fn alike(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

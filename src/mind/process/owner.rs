//! The thread that owns model and context: decisions first, and between them the texts in hand.
//!
//! A text is written in steps of one pass each; after each the queue is looked at, so that a
//! decision waits for one pass at most. An error or a panic in one request answers
//! [`Reply::Failed`] and the next one is served.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::choice::{self, Choice};
use super::embed::Embedder;
use super::queue::{Next, Queue, Waiting};
use super::wardrobe::Wardrobe;
use super::{Failure, Replies, check_load, id, memory_of};
use crate::mind::ggml::{GgmlError, LoadOptions};
use crate::mind::protocol::{
    Answer, Decide, Decided, Embed, Embedded, FailureKind, Load, MemoryReport, ModelFacts,
    ProtocolError, Reply, Request, Write,
};
use crate::mind::score::{
    Layout, Normalisation, Question, ScoreError, Scored, Scorer, ScorerOptions,
};
use crate::mind::write::{Admitted, News, Writer, WriterOptions};

/// Owner of model and context, on its own thread.
pub(super) struct Owner {
    replies: Replies,
    queue: Arc<Queue>,
    loaded: Option<Loaded>,
    /// Made at the first text, and given back when there was none for long.
    writer: Option<Writer>,
    /// The same for texts that become vectors.
    embedder: Option<Embedder>,
    /// A text that waits for room in the writer's cache.
    parked: Option<(Box<Write>, Instant)>,
}

struct Loaded {
    scorer: Scorer,
    wardrobe: Wardrobe,
    kv_bytes: u64,
    weights_bytes: u64,
    options: WriterOptions,
    /// What it came of.
    load: Load,
}

impl Owner {
    pub(super) fn new(replies: Replies, queue: Arc<Queue>) -> Self {
        Self { replies, queue, loaded: None, writer: None, embedder: None, parked: None }
    }

    /// Until the queue is closed or nobody listens any more.
    pub(super) fn work(mut self) {
        loop {
            let writer = self.writer.as_ref();
            let busy = writer.is_some_and(Writer::is_busy);
            let room = self.parked.is_none() && writer.is_none_or(Writer::has_place);
            let told = match self.queue.next(busy, room) {
                Next::Closed => break,
                Next::Idle => {
                    (self.writer, self.embedder) = (None, None);
                    Ok(())
                }
                Next::Write => self.write_on(),
                Next::Request(waiting) => match *waiting {
                    Waiting { request: Request::Write(write), arrived, .. } => {
                        self.begin(Box::new(write), arrived)
                    }
                    waiting => self.serve(waiting),
                },
            };
            if let Err(error) = told {
                tracing::warn!(%error, "an answer of the mind is lost");
                break;
            }
        }
    }

    fn serve(&mut self, waiting: Waiting) -> Result<(), ProtocolError> {
        let Waiting { request, due, .. } = waiting;
        let id = id(&request);
        if let Request::Load(_) = request {
            self.stop_writing("another model is loaded", None)?;
        }
        // The owner is whole after a panic: the scorer is emptied below before it is used.
        let reply = catch_unwind(AssertUnwindSafe(|| self.answer(request, due)));
        self.queue.done();
        let reply = reply.unwrap_or_else(|_| {
            if let Some(loaded) = &mut self.loaded {
                loaded.scorer.forget();
            }
            panicked(id)
        });
        self.replies.send(&reply)?;
        // When nobody waits, since it writes a file.
        let idle = self.queue.is_empty() && !self.writer.as_ref().is_some_and(Writer::is_busy);
        if let Some(loaded) = self.loaded.as_mut().filter(|_| idle) {
            loaded.scorer.keep_prefix();
        }
        Ok(())
    }

    /// Takes a text in hand, or parks it until there is room.
    fn begin(&mut self, write: Box<Write>, arrived: Instant) -> Result<(), ProtocolError> {
        let id = write.id;
        let admitted = catch_unwind(AssertUnwindSafe(|| self.admit(*write, arrived)));
        match admitted {
            Ok(Ok(Admitted::Taken(news))) => self.tell(news),
            Ok(Ok(Admitted::Later(write))) => {
                self.parked = Some((write, arrived));
                Ok(())
            }
            Ok(Err(Failure { kind, text })) => {
                self.queue.written(id);
                self.replies.failed(id, kind, text)
            }
            Err(_) => {
                // What the writer holds is not known: it begins anew.
                self.stop_writing("a panic; the mind's log says where", None)?;
                self.queue.written(id);
                self.replies.send(&panicked(id))
            }
        }
    }

    fn admit(&mut self, write: Write, arrived: Instant) -> Result<Admitted, Failure> {
        self.suit(write.adapter.as_deref(), None, Some(write.id))?;
        let refused = || Failure::new(FailureKind::Refused, "no model is loaded");
        let loaded = self.loaded.as_mut().ok_or_else(refused)?;
        let model = loaded.scorer.shared_model();
        let adapter = loaded.wardrobe.lend(&model, write.adapter.as_deref())?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(Writer::new(&model, loaded.options)?),
        };
        Ok(writer.admit(write, adapter, arrived)?)
    }

    /// One pass over the texts in hand.
    fn write_on(&mut self) -> Result<(), ProtocolError> {
        for id in self.queue.given_up() {
            let waited = self.parked.take_if(|(write, _)| write.id == id).is_some();
            let writing = self.writer.as_mut().is_some_and(|writer| writer.cancel(id));
            if waited || writing {
                self.queue.written(id);
                let text = "given up on request".to_owned();
                self.replies.failed(id, FailureKind::Cancelled, text)?;
            }
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        match catch_unwind(AssertUnwindSafe(|| writer.step())) {
            Ok(news) => {
                let ended = news.iter().any(|one| !matches!(one, News::Piece { .. }));
                self.tell(news)?;
                let busy = self.writer.as_ref().is_some_and(Writer::is_busy);
                if (ended || !busy)
                    && let Some((write, arrived)) = self.parked.take()
                {
                    self.begin(write, arrived)?;
                }
                Ok(())
            }
            Err(_) => self.stop_writing("a panic; the mind's log says where", None),
        }
    }

    fn tell(&mut self, news: Vec<News>) -> Result<(), ProtocolError> {
        for one in news {
            match one {
                News::Piece { id, text } => self.replies.send(&Reply::Piece { id, text })?,
                News::Written(written) => {
                    self.queue.written(written.id);
                    self.replies.send(&Reply::Written(written))?;
                }
                News::Failed { id, error } => {
                    self.queue.written(id);
                    let Failure { kind, text } = error.into();
                    self.replies.failed(id, kind, text)?;
                }
            }
        }
        Ok(())
    }

    /// Gives up all texts in hand but one that is not begun, and the writer with them.
    fn stop_writing(&mut self, reason: &str, but: Option<u64>) -> Result<(), ProtocolError> {
        self.writer = None;
        self.parked = None; // it is among those in hand
        for id in self.queue.stop_writing(but) {
            self.replies.failed(id, FailureKind::Engine, reason.to_owned())?;
        }
        Ok(())
    }

    fn answer(&mut self, request: Request, due: Option<Instant>) -> Reply {
        let id = id(&request);
        let result = match request {
            Request::Load(load) => self.load(&load).map(|model| Reply::Loaded { id, model }),
            Request::Decide(decide) => self.decide(&decide, due).map(Reply::Decided),
            Request::Embed(embed) => self.embed(&embed).map(Reply::Embedded),
            Request::Memory { .. } => self.memory().map(|report| Reply::Memory { id, report }),
            Request::Stop | Request::Cancel { .. } | Request::Write(_) => {
                Err(Failure::new(FailureKind::Refused, "not a matter of the model"))
            }
        };
        result.unwrap_or_else(|Failure { kind, text }| Reply::Failed { id, kind, text })
    }

    fn load(&mut self, load: &Load) -> Result<ModelFacts, Failure> {
        let start = Instant::now();
        check_load(load)?;
        self.queue.set_abort(None);
        self.embedder = None;
        self.loaded = None; // first, so that two models are never in memory
        let Choice { path, sha256, merged } = choice::choose(load)?;
        let options = ScorerOptions {
            context_tokens: load.context_tokens,
            ubatch_tokens: load.ubatch_tokens,
            threads_decode: load.threads_decode,
            threads_prefill: load.threads_prefill,
            reuse: true,
            layout: Layout::default(),
            normalisation: Normalisation::default(),
            temperature: f64::from(load.temperature_percent) / 100.0,
        };
        let how = LoadOptions { repack: load.repack, ..LoadOptions::default() };
        let mut scorer = Scorer::load(&path, how, options)?;
        let mut wardrobe = Wardrobe::of(load, &sha256, merged);
        wardrobe.wear(&mut scorer, None)?;
        let facts = scorer.model().facts();
        let context_tokens = scorer.options().context_tokens;
        self.queue.set_abort(Some(scorer.abort_flag()));
        let writing = WriterOptions {
            context_tokens,
            ubatch_tokens: load.ubatch_tokens,
            threads_decode: load.threads_decode,
            threads_prefill: load.threads_prefill,
        };
        self.loaded = Some(Loaded {
            options: writing,
            load: load.clone(),
            wardrobe,
            kv_bytes: u64::from(context_tokens) * facts.kv_bytes_per_token,
            weights_bytes: facts.size_bytes,
            scorer,
        });
        Ok(ModelFacts {
            description: facts.description,
            quantization: facts.quantization,
            sha256,
            vocabulary: facts.vocabulary,
            context_tokens,
            size_bytes: facts.size_bytes,
            load_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// A copy has one adapter in its weights: where another one is wanted, the model itself is
    /// loaded in its place, and stays. Two models are never in memory.
    fn suit(
        &mut self,
        adapter: Option<&str>,
        due: Option<Instant>,
        text: Option<u64>,
    ) -> Result<(), Failure> {
        let Some(loaded) = self.loaded.as_ref().filter(|it| !it.wardrobe.fits(adapter)) else {
            return Ok(());
        };
        tracing::info!("another adapter is asked for: the merged copy gives way to the model");
        let load = loaded.load.clone();
        let gone = |error: ProtocolError| Failure::new(FailureKind::Engine, &error.to_string());
        self.stop_writing("the model is loaded again; ask once more", text).map_err(gone)?;
        let model = match self.load(&Load { merged: String::new(), ..load.clone() }) {
            Ok(model) => model,
            Err(failure) => {
                // The copy is better than nothing.
                self.load(&load)?;
                return Err(failure);
            }
        };
        if let Some(loaded) = &self.loaded {
            loaded.scorer.abort_flag().set_deadline(due);
        }
        self.replies.send(&Reply::Changed { model }).map_err(gone)
    }

    fn decide(&mut self, decide: &Decide, due: Option<Instant>) -> Result<Decided, Failure> {
        self.suit(decide.adapter.as_deref(), due, None)?;
        if due.is_some_and(|due| Instant::now() >= due) {
            return Err(late());
        }
        let refused = || Failure::new(FailureKind::Refused, "no model is loaded");
        let loaded = self.loaded.as_mut().ok_or_else(refused)?;
        loaded.wardrobe.wear(&mut loaded.scorer, decide.adapter.as_deref())?;
        let Decide { prefix, state, candidates, questions, .. } = decide;
        if !questions.is_empty() {
            return loaded.ask(decide.id, prefix, state, questions);
        }
        let Some(by_notes) = &decide.by_notes else {
            let (scored, remembered) = loaded.score(prefix, state, candidates)?;
            return Ok(decided(decide.id, scored, remembered));
        };
        if by_notes.among.iter().any(|index| *index >= candidates.len()) {
            return Err(Failure::new(FailureKind::Refused, "by_notes: no such candidate"));
        }
        let (mut answers, mut all_known) = (Vec::new(), true);
        let p = by_notes.answer(candidates.len(), |prefix, question| {
            let (scored, known) = loaded.score(prefix, &question.state, &question.candidates)?;
            all_known &= known;
            let p = scored.p.clone();
            answers.push(scored);
            Ok::<_, Failure>(p)
        })?;
        Ok(decided(decide.id, Scored::joined(p, &answers), all_known))
    }

    fn embed(&mut self, embed: &Embed) -> Result<Embedded, Failure> {
        let refused = || Failure::new(FailureKind::Refused, "no model is loaded");
        if self.loaded.as_ref().is_some_and(|loaded| loaded.scorer.model().embeds()) {
            self.suit(Some(""), None, None)?; // vectors are the model's own
        }
        let loaded = self.loaded.as_ref().ok_or_else(refused)?;
        let embedder = match &mut self.embedder {
            Some(embedder) => embedder,
            none => {
                let threads = loaded.options.threads_prefill;
                none.insert(Embedder::new(&loaded.scorer.shared_model(), threads)?)
            }
        };
        embedder.embed(embed)
    }

    fn memory(&self) -> Result<MemoryReport, Failure> {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup").map_err(|error| {
            let text = format!("cannot read /proc/self/smaps_rollup: {error}");
            Failure { kind: FailureKind::Engine, text }
        })?;
        let mut report = memory_of(&rollup);
        if let Some(loaded) = &self.loaded {
            report.kv_bytes = loaded.kv_bytes;
            report.weights_bytes = loaded.weights_bytes;
        }
        Ok(report)
    }
}

impl Loaded {
    /// Scores of a question, and whether they were remembered.
    fn score(
        &mut self,
        prefix: &str,
        state: &str,
        candidates: &[String],
    ) -> Result<(Scored, bool), Failure> {
        if let Some(known) = self.wardrobe.remembered().get(prefix, state, candidates) {
            return Ok((known, true));
        }
        let scored = self.scorer.score(prefix, state, candidates);
        let scored = scored.map_err(|error| self.unanswered(error))?;
        self.wardrobe.remembered().put(prefix, state, candidates, &scored);
        Ok((scored, false))
    }

    /// Answers to all questions: those that are not remembered are asked in one pass.
    fn ask(
        &mut self,
        id: u64,
        prefix: &str,
        state: &str,
        questions: &[Question],
    ) -> Result<Decided, Failure> {
        let start = Instant::now();
        let Self { scorer, wardrobe, .. } = self;
        let memory = wardrobe.remembered();
        let scored = memory.ask(prefix, state, questions, |new| scorer.ask(prefix, state, new));
        let scored = scored.map_err(|error| self.unanswered(error))?;
        // The pass is one: each of those that were asked has the tokens of all.
        let tokens_read = scored.iter().map(|scored| scored.tokens_read).max().unwrap_or(0);
        let remembered = tokens_read == 0;
        let scored = scored.into_iter();
        let answers: Vec<Answer> =
            scored.map(|Scored { p, mass, .. }| Answer { p, mass }).collect();
        let mass = answers.iter().map(|answer| answer.mass).fold(1.0, f32::min);
        let (candidates, p, ms) = (Vec::new(), Vec::new(), start.elapsed().as_secs_f64() * 1e3);
        Ok(Decided { id, candidates, p, mass, tokens_read, ms, remembered, answers })
    }

    /// Why there are no scores.
    fn unanswered(&self, error: ScoreError) -> Failure {
        match error {
            ScoreError::Engine(GgmlError::Aborted) if self.scorer.abort_flag().is_set() => {
                Failure::new(FailureKind::Cancelled, "given up on request")
            }
            ScoreError::Engine(GgmlError::Aborted) => late(),
            error => error.into(),
        }
    }
}

fn late() -> Failure {
    Failure::new(FailureKind::Late, "its time was over")
}

fn decided(id: u64, scored: Scored, remembered: bool) -> Decided {
    let Scored { candidates, p, mass, tokens_read, ms } = scored;
    Decided { id, candidates, p, mass, tokens_read, ms, remembered, answers: Vec::new() }
}

fn panicked(id: u64) -> Reply {
    let text = "a panic; the mind's log says where".to_owned();
    Reply::Failed { id, kind: FailureKind::Engine, text }
}

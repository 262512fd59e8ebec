//! The agent's side of the mind: starts `outpost mind`, asks it, and starts it again when it dies.
//!
//! [`spawn`] starts one task that owns the child. The agent never waits for it: it asks by
//! [`MindHandle::decide`], which returns at once, and hears by [`MindEvent`]s. What a death of the
//! child costs is the requests in flight ([`MindEvent::Lost`]); it is started again after a pause
//! that grows. A model file that is missing or was refused is looked at every few seconds, and
//! loaded when it appears or changes.
//!
//! The child ends when its socket closes, so it does not outlive the agent, however that ended;
//! the agent's end of the socket is in no other child, since both ends are close-on-exec. What
//! must never be here: ggml, prompts, what to do with an answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub use super::protocol::{
    Decide as DecideRequest, Decided, Embedded, MemoryReport, ModelFacts, Write as WriteRequest,
    Written,
};
use super::protocol::{FailureKind, Load, PROTOCOL_VERSION, Reply, Request};
use crate::limits;
use crate::pause::Pause;

mod child;
mod handle;
mod life;
mod share;
mod stamp;
mod switch;
use child::Child;
use handle::Ask;
pub use handle::MindHandle;
use life::{Asked, Life};
pub use share::Share;
pub(super) use stamp::FileStamp;
pub use switch::{Files, Names};
use switch::{Switch, Trial};

/// What to start, and with which model.
#[derive(Clone, Debug)]
pub struct MindConfig {
    /// The program: this one.
    pub program: PathBuf,
    /// Its arguments: `mind`.
    pub args: Vec<String>,
    /// Model and adapter.
    pub files: Files,
    /// Tokens of context.
    pub context_tokens: u32,
    /// Tokens that are worked on at once.
    pub ubatch_tokens: u32,
    /// Threads for a single token.
    pub threads_decode: u16,
    /// Threads for many tokens.
    pub threads_prefill: u16,
    /// Folder of prefixes that are kept over restarts.
    pub prefixes: Option<PathBuf>,
    /// Copy the weights into the layout of the fastest kernels, for a second copy in memory.
    pub repack: bool,
}

/// A path in a frame; empty for none.
fn text_of(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| path.to_string_lossy().into_owned())
}

/// What the agent hears of the mind.
#[derive(Clone, Debug, PartialEq)]
pub enum MindEvent {
    /// It is in another state now.
    State(MindState),
    /// Scores of a decision.
    Answer(Decided),
    /// One decision will have no scores; the next one may.
    Refused {
        /// Of the request.
        id: u64,
        /// For people.
        reason: String,
    },
    /// The process died with these in flight.
    Lost {
        /// Of the requests.
        ids: Vec<u64>,
        /// For people.
        reason: String,
    },
}

/// States of the mind; design §5 has their words in the status topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MindState {
    /// The process starts or reads its model.
    Loading,
    /// It answers.
    Ready(ModelFacts, String),
    /// The board is spared: there is no process until [`MindHandle::set_share`] allows one.
    Paused,
    /// There is no model file; it is loaded when it appears.
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It died, or refused its model; it is tried again after a pause, or when the file changes.
    Failed {
        /// For people.
        reason: String,
    },
}

impl MindState {
    /// Why there is no answer, in words; empty where there is one.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            MindState::Ready(..) => String::new(),
            MindState::Loading => "the model is still loading".to_owned(),
            MindState::Paused => "the mind pauses to spare the board".to_owned(),
            MindState::Missing { path } => format!("there is no file {}", path.display()),
            MindState::Failed { reason } => reason.clone(),
        }
    }
}

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mind does not take decision {id}: {reason}")]
pub struct Refusal {
    /// Of the request.
    pub id: u64,
    /// For people.
    pub reason: String,
}

impl From<Refusal> for MindEvent {
    fn from(Refusal { id, reason }: Refusal) -> Self {
        Self::Refused { id, reason }
    }
}

/// A request that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unanswered {
    /// What to do about it depends on this.
    pub kind: FailureKind,
    /// For people.
    pub reason: String,
}

impl Unanswered {
    fn new(kind: FailureKind, reason: &str) -> Self {
        Self { kind, reason: reason.to_owned() }
    }
}

/// A text as it comes.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteEvent {
    /// The next part of it.
    Piece(String),
    /// It is complete.
    Written(Written),
    /// It ends here, incomplete.
    Failed(Unanswered),
}

/// Starts the task that keeps a mind. It ends, and its child with it, when the last handle or the
/// events' receiver is dropped.
pub fn spawn(config: MindConfig, events: mpsc::Sender<MindEvent>) -> MindHandle {
    let (asks, queue) = mpsc::channel(limits::MIND_QUEUE_MAX);
    let process = Arc::new(AtomicU32::new(0));
    let full = Share::of(&config);
    let (share, shares) = watch::channel(full);
    let (said, state) = watch::channel(MindState::Loading);
    let (names, names_now) = watch::channel(config.names());
    let keeper = Keeper {
        config,
        events,
        asks: queue,
        process: Arc::clone(&process),
        pause: Pause::new(limits::MIND_RESTART_MS_MIN, limits::MIND_RESTART_MS_MAX),
        shares,
        said,
        names,
        trial: None,
    };
    tokio::spawn(async move {
        let Stopped = keeper.keep().await;
    });
    MindHandle { asks, process, share, full, state, names: names_now }
}

/// The handle or the receiver is gone.
struct Stopped;

/// How the life of a child ended, other than by our wish.
enum End {
    /// Its file is missing or was refused: it is of no use until that changes.
    File(MindState, FileStamp),
    /// It died or was stuck, or could not be started.
    Died { ids: Vec<u64>, reason: String },
    /// It was ended because its share changed, or its files.
    Share { ids: Vec<u64>, reason: &'static str },
}

struct Keeper {
    config: MindConfig,
    events: mpsc::Sender<MindEvent>,
    asks: mpsc::Receiver<Ask>,
    process: Arc<AtomicU32>,
    pause: Pause,
    shares: watch::Receiver<Share>,
    said: watch::Sender<MindState>,
    names: watch::Sender<Names>,
    /// A change of the files that has not proved itself yet.
    trial: Option<Trial>,
}

impl Keeper {
    /// Until the handle or the receiver is gone.
    async fn keep(mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.keep_one().await {
                return stopped;
            }
        }
    }

    /// One child, and the wait for the next.
    async fn keep_one(&mut self) -> Result<(), Stopped> {
        let share = *self.shares.borrow_and_update();
        if share.paused {
            self.tell(MindEvent::State(MindState::Paused)).await?;
            return self.wait_while_paused().await;
        }
        self.config.threads_decode = share.threads_decode;
        self.config.threads_prefill = share.threads_prefill;
        self.config.context_tokens = share.context_tokens;
        match self.live().await? {
            End::Share { ids, reason } => {
                for id in ids {
                    self.tell(Refusal { id, reason: reason.to_owned() }.into()).await?;
                }
            }
            // The old files come back at once.
            End::File(state, _) if self.end_trial(&state.reason()) => {}
            End::Died { reason, .. } if self.end_trial(&reason) => {}
            End::File(state, stamp) => {
                self.tell(MindEvent::State(state)).await?;
                self.wait_for_another_file(stamp).await?;
            }
            End::Died { ids, reason } => {
                if !ids.is_empty() {
                    self.tell(MindEvent::Lost { ids, reason: reason.clone() }).await?;
                }
                let pause = self.pause.after_failure();
                tracing::warn!(%reason, pause_ms = pause.as_millis(), "the mind died");
                self.tell(MindEvent::State(MindState::Failed { reason })).await?;
                self.wait(pause).await?;
            }
        }
        Ok(())
    }

    async fn tell(&self, event: MindEvent) -> Result<(), Stopped> {
        if let MindEvent::State(state) = &event {
            self.said.send_replace(state.clone());
        }
        self.events.send(event).await.map_err(|_| Stopped)
    }

    /// Lets time pass and refuses what is asked meanwhile; other files end it.
    async fn wait(&mut self, pause: Duration) -> Result<(), Stopped> {
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return Ok(()),
                () = self.events.closed() => return Err(Stopped),
                ask = self.asks.recv() => match ask.ok_or(Stopped)? {
                    Ask::Switch(switch) => {
                        if self.begin_trial(switch) {
                            return Ok(());
                        }
                    }
                    ask => self.refuse(ask, "it is not running").await?,
                }
            }
        }
    }

    /// Until the share is another; refuses what is asked meanwhile.
    async fn wait_while_paused(&mut self) -> Result<(), Stopped> {
        loop {
            tokio::select! {
                changed = self.shares.changed() => return changed.map_err(|_| Stopped),
                () = self.events.closed() => return Err(Stopped),
                ask = self.asks.recv() => {
                    self.refuse(ask.ok_or(Stopped)?, "it pauses to spare the board").await?;
                }
            }
        }
    }

    async fn refuse(&self, ask: Ask, reason: &str) -> Result<(), Stopped> {
        match ask {
            Ask::Decide(request) => {
                self.tell(Refusal { id: request.id, reason: reason.to_owned() }.into()).await
            }
            // Who asked may have gone.
            Ask::Answer(_, answer) => {
                answer.send(Err(Unanswered::new(FailureKind::Engine, reason))).unwrap_or_else(drop);
                Ok(())
            }
            Ask::Embed(_, answer) => {
                answer.send(Err(Unanswered::new(FailureKind::Engine, reason))).unwrap_or_else(drop);
                Ok(())
            }
            Ask::Write(_, parts) => {
                let failed = Unanswered::new(FailureKind::Engine, reason);
                parts.try_send(WriteEvent::Failed(failed)).unwrap_or_default();
                Ok(())
            }
            // Dropped: that is the answer. A decision to give up has its own refusal already.
            Ask::Memory(_) | Ask::Cancel(_) => Ok(()),
            Ask::Switch(Switch { answer, .. }) => {
                switch::refuse(answer, reason);
                Ok(())
            }
        }
    }

    async fn wait_for_another_file(&mut self, stamp: FileStamp) -> Result<(), Stopped> {
        while self.trial.is_none() && FileStamp::of(&self.config.files.model) == stamp {
            self.wait(Duration::from_millis(limits::MIND_FILE_LOOK_MS)).await?;
        }
        Ok(())
    }

    /// One life of the child, from start to end.
    async fn live(&mut self) -> Result<End, Stopped> {
        let stamp = FileStamp::of(&self.config.files.model);
        if stamp == FileStamp::Missing {
            let path = self.config.files.model.clone();
            return Ok(End::File(MindState::Missing { path }, stamp));
        }
        self.tell(MindEvent::State(MindState::Loading)).await?;
        let child = match Child::start(&self.config) {
            Ok(child) => child,
            Err(error) => {
                let program = self.config.program.display();
                let reason = format!("cannot start {program}: {error}");
                return Ok(End::Died { ids: Vec::new(), reason });
            }
        };
        self.process.store(child.id(), Ordering::Relaxed);
        let mut life = Life::new(child);
        let end = self.serve(&mut life).await;
        self.process.store(0, Ordering::Relaxed);
        let Life { child, waiting, ready, .. } = life;
        if ready.is_some_and(|since| since.elapsed().as_millis() >= limits::MIND_SOUND_MS.into()) {
            self.pause.begin_again();
        }
        let ids = waiting.into_iter().filter_map(|(_, asked, _)| asked.decision());
        match end {
            Ok(Ending::Died(reason)) => {
                let status = child.kill().await;
                Ok(End::Died { ids: ids.collect(), reason: format!("{reason}{status}") })
            }
            Ok(Ending::Share) => {
                child.end().await;
                let reason = "its share of the board has changed";
                Ok(End::Share { ids: ids.collect(), reason })
            }
            Ok(Ending::Switch) => {
                child.end().await;
                Ok(End::Share { ids: ids.collect(), reason: "another model takes its place" })
            }
            Ok(Ending::File(state)) => {
                child.end().await;
                Ok(End::File(state, stamp))
            }
            Err(Stopped) => {
                child.end().await;
                Err(Stopped)
            }
        }
    }

    /// Serves requests and replies until the child is of no use any more.
    async fn serve(&mut self, life: &mut Life) -> Result<Ending, Stopped> {
        loop {
            let deadline = life.deadline();
            let ending = tokio::select! {
                ask = self.asks.recv() => match ask.ok_or(Stopped)? {
                    Ask::Switch(switch) => self.begin_trial(switch).then_some(Ending::Switch),
                    ask => {
                        self.pass_on(life, ask).await?;
                        None
                    }
                },
                reply = life.child.next() => match reply {
                    Ok(Some(reply)) => self.hear(life, reply).await?,
                    Ok(None) => Some(Ending::Died("it ended".to_owned())),
                    Err(error) => Some(Ending::Died(error.to_string())),
                },
                () = tokio::time::sleep_until(deadline) => {
                    Some(Ending::Died("it did not answer in time and was stopped".to_owned()))
                }
                changed = self.shares.changed() => {
                    changed.map_err(|_| Stopped)?;
                    Some(Ending::Share)
                }
                () = self.events.closed() => return Err(Stopped),
            };
            if let Some(ending) = ending {
                return Ok(ending);
            }
        }
    }

    /// Passes a request on to the child, or refuses it.
    async fn pass_on(&self, life: &mut Life, ask: Ask) -> Result<(), Stopped> {
        if let Ask::Cancel(id) = ask {
            life.cancel(id);
            return Ok(());
        }
        if life.ready.is_none() {
            return self.refuse(ask, "its model is still loading").await;
        }
        match ask {
            Ask::Cancel(_) | Ask::Switch(_) => Ok(()), // dealt with above
            Ask::Memory(answer) => {
                // Without room the question is dropped, which is its answer.
                life.ask(Asked::Memory(answer), |id| Request::Memory { id }).unwrap_or_default();
                Ok(())
            }
            Ask::Decide(_) if life.decisions() >= limits::MIND_QUEUE_MAX => {
                self.refuse(ask, "too many decisions wait already").await
            }
            Ask::Decide(request) => {
                let id = request.id;
                let asked = Asked::Decide(id);
                match life.ask(asked, |wire| Request::Decide(DecideRequest { id: wire, ..request }))
                {
                    Ok(()) => Ok(()),
                    Err(reason) => self.tell(Refusal { id, reason }.into()).await,
                }
            }
            Ask::Answer(request, answer) => {
                life.ask_for(request, answer);
                Ok(())
            }
            Ask::Embed(text, answer) => {
                life.embed(text, answer);
                Ok(())
            }
            Ask::Write(request, parts) => {
                life.write(request, parts);
                Ok(())
            }
        }
    }

    /// Takes a reply of the child.
    async fn hear(&mut self, life: &mut Life, reply: Reply) -> Result<Option<Ending>, Stopped> {
        let id = match &reply {
            Reply::Hello { version, kernels } => return Ok(self.greet(life, *version, kernels)),
            Reply::Loaded { id, .. } | Reply::Memory { id, .. } | Reply::Failed { id, .. } => *id,
            Reply::Decided(decided) => decided.id,
            Reply::Written(written) => written.id,
            Reply::Embedded(embedded) => embedded.id,
            Reply::Piece { id, text } => {
                life.piece(*id, text);
                return Ok(None);
            }
        };
        let foreign = || Some(Ending::Died("it answered what was not asked".to_owned()));
        let Some(place) = life.waiting.iter().position(|(wire, ..)| *wire == id) else {
            return Ok(foreign());
        };
        let (_, asked, _) = life.waiting.remove(place);
        match (asked, reply) {
            (Asked::Write(parts, _), Reply::Written(written)) => {
                parts.try_send(WriteEvent::Written(written)).unwrap_or_default();
            }
            (Asked::Write(parts, _), Reply::Failed { kind, text, .. }) => {
                let failed = Unanswered { kind, reason: text };
                parts.try_send(WriteEvent::Failed(failed)).unwrap_or_default();
            }
            (Asked::Answer(answer), Reply::Decided(decided)) => {
                answer.send(Ok(decided)).unwrap_or_else(drop);
            }
            (Asked::Answer(answer), Reply::Failed { kind, text, .. }) => {
                answer.send(Err(Unanswered { kind, reason: text })).unwrap_or_else(drop);
            }
            (Asked::Embed(answer), Reply::Embedded(it)) => answer.send(Ok(it)).unwrap_or_else(drop),
            (Asked::Embed(answer), Reply::Failed { kind, text, .. }) => {
                answer.send(Err(Unanswered { kind, reason: text })).unwrap_or_else(drop);
            }
            (Asked::GivenUp, Reply::Written(_) | Reply::Failed { .. }) => {}
            (Asked::Load, Reply::Loaded { model, .. }) => match self.try_out(life) {
                Ok(true) => life.loaded = Some(model),
                Ok(false) => self.ready(life, model).await?,
                Err(reason) => return Ok(Some(Ending::Died(reason))),
            },
            (Asked::Trial, Reply::Decided(decided)) => {
                if let Err(reason) = self.tried(&decided) {
                    return Ok(Some(Ending::Died(reason)));
                }
                if let Some(model) = life.loaded.take() {
                    self.ready(life, model).await?;
                }
            }
            (Asked::Trial, Reply::Failed { text, .. }) => {
                return Ok(Some(Ending::Died(text)));
            }
            (Asked::Load, Reply::Failed { kind, text, .. }) => {
                return Ok(Some(self.load_failed(kind, text)));
            }
            (Asked::Decide(id), Reply::Decided(decided)) => {
                self.tell(MindEvent::Answer(Decided { id, ..decided })).await?;
            }
            (Asked::Decide(id), Reply::Failed { text, .. }) => {
                self.tell(MindEvent::Refused { id, reason: text }).await?;
            }
            (Asked::Memory(answer), Reply::Memory { report, .. }) => {
                answer.send(report).unwrap_or_else(drop); // who asked may have gone
            }
            (Asked::Memory(_), Reply::Failed { .. }) => {} // dropped: that is the answer
            (_, _) => return Ok(foreign()),
        }
        Ok(None)
    }

    async fn ready(&self, life: &mut Life, model: ModelFacts) -> Result<(), Stopped> {
        life.ready = Some(Instant::now());
        let kernels = life.hello.clone().unwrap_or_default();
        self.tell(MindEvent::State(MindState::Ready(model, kernels))).await
    }

    /// The first frame: with the right version the model is asked for.
    fn greet(&self, life: &mut Life, version: u16, kernels: &str) -> Option<Ending> {
        if version != PROTOCOL_VERSION {
            let ours = PROTOCOL_VERSION;
            let text = format!("it speaks version {version} of our frames, we speak {ours}");
            return Some(Ending::Died(text));
        }
        life.hello = Some(kernels.to_owned());
        let config = &self.config;
        let sent = life.ask(Asked::Load, |id| {
            Request::Load(Load {
                id,
                path: config.files.model.to_string_lossy().into_owned(),
                sha256: config.files.sha256.clone(),
                context_tokens: config.context_tokens,
                ubatch_tokens: config.ubatch_tokens,
                threads_decode: config.threads_decode,
                threads_prefill: config.threads_prefill,
                prefixes: text_of(config.prefixes.as_deref()),
                repack: config.repack,
                temperature_percent: config.files.temperature_percent,
                adapter: text_of(config.files.adapter.as_deref()),
            })
        });
        sent.err().map(Ending::Died)
    }

    fn load_failed(&self, kind: FailureKind, reason: String) -> Ending {
        match kind {
            FailureKind::Absent => {
                Ending::File(MindState::Missing { path: self.config.files.model.clone() })
            }
            FailureKind::Checksum | FailureKind::Corrupt => {
                Ending::File(MindState::Failed { reason })
            }
            FailureKind::TooLong
            | FailureKind::Engine
            | FailureKind::Refused
            | FailureKind::Cancelled
            | FailureKind::Late
            | FailureKind::Busy => Ending::Died(reason),
        }
    }
}

/// Why a child is of no use any more.
enum Ending {
    Share,
    Switch,
    File(MindState),
    Died(String),
}

//! One child at work: requests go to it, replies come back to who asked.
//!
//! What must never be here: when a child is started, prompts, what to do with an answer.

use std::path::Path;

use tokio::time::Instant;

use super::handle::Ask;
use super::keeper::{Keeper, Stopped};
use super::life::{Asked, Life};
use super::{
    DecideRequest, Decided, MindEvent, MindState, ModelFacts, Refusal, Unanswered, WriteEvent,
};
use crate::limits;
use crate::mind::protocol::{FailureKind, Load, PROTOCOL_VERSION, Reply, Request};

/// Why a child is of no use any more.
pub(super) enum Ending {
    Share,
    Switch,
    File(MindState),
    Died(String),
}

/// A path in a frame; empty for none.
fn text_of(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| path.to_string_lossy().into_owned())
}

impl Keeper {
    /// Serves requests and replies until the child is of no use any more.
    pub(super) async fn serve(&mut self, life: &mut Life) -> Result<Ending, Stopped> {
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
            Reply::Changed { model } => return self.changed(life, model.clone()).await,
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

    /// Another file answers from here on.
    async fn changed(&self, life: &Life, model: ModelFacts) -> Result<Option<Ending>, Stopped> {
        let kernels = life.hello.clone().unwrap_or_default();
        self.tell(MindEvent::State(MindState::Ready(model, kernels))).await?;
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
                merged: text_of(config.merged.as_deref()),
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

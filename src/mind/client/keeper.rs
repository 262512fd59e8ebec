//! The task that owns the child: starts it, waits where there is none to start, and starts it
//! again.
//!
//! What must never be here: what a frame says (`serve`), prompts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::child::Child;
use super::handle::Ask;
use super::life::Life;
use super::serve::Ending;
use super::switch::{self, Names, Switch, Trial};
use super::{
    FailureKind, FileStamp, MindConfig, MindEvent, MindState, Refusal, Share, Unanswered,
    WriteEvent,
};
use crate::limits;
use crate::pause::Pause;

/// The handle or the receiver is gone.
pub(super) struct Stopped;

/// How the life of a child ended, other than by our wish.
enum End {
    /// Its file is missing or was refused: it is of no use until that changes.
    File(MindState, FileStamp),
    /// It died or was stuck, or could not be started.
    Died { ids: Vec<u64>, reason: String },
    /// It was ended because its share changed, or its files.
    Share { ids: Vec<u64>, reason: &'static str },
}

pub(super) struct Keeper {
    pub(super) config: MindConfig,
    pub(super) events: mpsc::Sender<MindEvent>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) process: Arc<AtomicU32>,
    pub(super) pause: Pause,
    pub(super) shares: watch::Receiver<Share>,
    pub(super) said: watch::Sender<MindState>,
    pub(super) names: watch::Sender<Names>,
    /// A change of the files that has not proved itself yet.
    pub(super) trial: Option<Trial>,
}

impl Keeper {
    /// Until the handle or the receiver is gone.
    pub(super) async fn keep(mut self) -> Stopped {
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

    pub(super) async fn tell(&self, event: MindEvent) -> Result<(), Stopped> {
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

    pub(super) async fn refuse(&self, ask: Ask, reason: &str) -> Result<(), Stopped> {
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
}

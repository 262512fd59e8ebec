//! Sources that are asked, such as Modbus devices: one task for each asks for everything once a
//! period, for ever, and hands commands over in between.
//!
//! What it promises: a source that is away is said once and tried again with back-off; one value or
//! device that is ill costs its own readings and never those of others; each question has its time;
//! a round that takes longer than its period is followed by the next one, none is caught up; a
//! command is sent once, and one that could not be is `Lost`. What it never does: judge a value,
//! repeat a command, make the loop wait. Where the loop is slow it waits, so nothing piles up.

pub mod files;
pub mod http;
pub mod modbus;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::backoff::{Backoff, Ended, Pace};
use super::serial::{Counters, LineEvent, LineHandle, Set, WordKind};
use crate::limits;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The source is there and has none.
    Refused(String),
    /// A part of it is silent; others may not be.
    Silent(String),
    /// Nothing more can come of this connection.
    Broken(String),
}

/// A value that was found, or why one was not: the place of its name, and the value as text.
pub(super) type Found = (usize, Result<String, String>);

/// What is asked. Every call ends within a bounded time.
pub(super) trait Source: Send + 'static {
    /// Makes ready to ask.
    fn open(&mut self) -> impl Future<Output = Result<(), String>> + Send;
    /// Gives up what it holds.
    fn close(&mut self);
    /// A new round begins.
    fn begin(&mut self);
    /// Questions of a round; may change while it is asked.
    fn parts(&self) -> usize;
    /// Asks one of them.
    fn ask(&mut self, part: usize) -> impl Future<Output = Result<Vec<Found>, Trouble>> + Send;
    /// Carries a command out, and says what the device has then.
    fn set(&mut self, set: &Set) -> impl Future<Output = Result<Found, Trouble>> + Send;
}

/// The owner is gone.
struct Over;

/// How a life with an open source ended.
enum End {
    Away(String),
    Over,
}

impl From<Over> for End {
    fn from(_: Over) -> End {
        End::Over
    }
}

/// Who a source is for its owner.
pub(super) struct Who {
    /// Comes back in each event.
    pub line: u16,
    /// For people: `Modbus pumps`.
    pub said: String,
    /// Time between two rounds.
    pub every: Duration,
}

/// Starts to ask a source on the current runtime.
pub(super) fn spawn(
    who: Who,
    source: impl Source,
    events: mpsc::Sender<LineEvent>,
    pace: Pace,
) -> LineHandle {
    let (give, sets) = mpsc::channel(limits::SERIAL_SETS_MAX);
    let counters = Arc::new(Mutex::new(Counters::default()));
    let asker = Asker {
        who,
        source,
        events,
        sets,
        counters: counters.clone(),
        backoff: Backoff::new(pace, rand::make_rng()),
        is_up: false,
        outage_said: false,
        troubles: BTreeSet::new(),
        seen: BTreeSet::new(),
        said: (0, Instant::now()),
    };
    LineHandle::of(give, counters, tokio::spawn(asker.run()))
}

struct Asker<S> {
    who: Who,
    source: S,
    events: mpsc::Sender<LineEvent>,
    sets: mpsc::Receiver<Set>,
    counters: Arc<Mutex<Counters>>,
    backoff: Backoff,
    is_up: bool,
    outage_said: bool,
    /// Troubles that were said and last, and those of this round.
    troubles: BTreeSet<String>,
    seen: BTreeSet<String>,
    /// Troubles said since when.
    said: (usize, Instant),
}

impl<S: Source> Asker<S> {
    async fn run(mut self) {
        loop {
            let began = Instant::now();
            let reason = match self.source.open().await {
                Err(reason) => reason,
                Ok(()) => match self.live().await {
                    End::Away(reason) => reason,
                    End::Over => return,
                },
            };
            self.source.close();
            let lived = std::mem::replace(&mut self.is_up, false).then(|| began.elapsed());
            let ended = Ended { lived, by_broker: false };
            let wait = self.backoff.after(ended, Instant::now()).wait;
            tracing::debug!(source = self.who.said, reason, ?wait, "away");
            if self.rest(reason, Instant::now() + wait).await.is_err() {
                return;
            }
        }
    }

    /// Says that it is away, and waits for the next attempt: nothing can be carried out.
    async fn rest(&mut self, reason: String, until: Instant) -> Result<(), Over> {
        if !std::mem::replace(&mut self.outage_said, true) {
            self.tell(LineEvent::Down { line: self.who.line, reason }).await?;
        }
        loop {
            tokio::select! {
                set = self.sets.recv() => {
                    let token = set.ok_or(Over)?.token;
                    self.tell(LineEvent::Lost { token }).await?;
                }
                () = sleep_until(until) => return Ok(()),
            }
        }
    }

    /// Round after round.
    async fn live(&mut self) -> End {
        let mut next = Instant::now();
        loop {
            if let Err(end) = self.round().await {
                return end;
            }
            next = (next + self.who.every).max(Instant::now());
            loop {
                let set = tokio::select! {
                    set = self.sets.recv() => set,
                    () = sleep_until(next) => break,
                };
                let Some(set) = set else { return End::Over };
                if let Err(end) = self.obey(set).await {
                    return end;
                }
            }
        }
    }

    async fn round(&mut self) -> Result<(), End> {
        self.source.begin();
        self.seen.clear();
        let (mut part, mut answered, mut silent) = (0, false, None);
        while part < self.source.parts() {
            while let Ok(set) = self.sets.try_recv() {
                self.obey(set).await?;
            }
            match self.source.ask(part).await {
                Ok(all) => {
                    answered = true;
                    self.up().await?;
                    for found in all {
                        self.found(found).await?;
                    }
                }
                Err(Trouble::Refused(reason)) => {
                    answered = true;
                    self.up().await?;
                    self.trouble(reason).await?;
                }
                Err(Trouble::Silent(reason)) => {
                    silent.get_or_insert_with(|| reason.clone());
                    // Who was never there is not said to be silent: the whole source is.
                    if self.is_up {
                        self.trouble(reason).await?;
                    }
                }
                Err(Trouble::Broken(reason)) => return Err(End::Away(reason)),
            }
            part += 1;
        }
        match silent {
            Some(reason) if !answered => Err(End::Away(reason)),
            _ => {
                self.troubles = std::mem::take(&mut self.seen);
                Ok(())
            }
        }
    }

    /// It has answered.
    async fn up(&mut self) -> Result<(), Over> {
        if std::mem::replace(&mut self.is_up, true) {
            return Ok(());
        }
        self.outage_said = false;
        self.count(|counters| counters.opened += 1);
        tracing::info!(source = self.who.said, "it answers");
        self.tell(LineEvent::Up { line: self.who.line }).await
    }

    async fn found(&mut self, (name, value): Found) -> Result<(), Over> {
        match value {
            Ok(value) => {
                self.count(|counters| counters.words += 1);
                let (line, kind) = (self.who.line, WordKind::Any);
                self.tell(LineEvent::Word { line, name, kind, value }).await
            }
            Err(reason) => self.trouble(reason).await,
        }
    }

    async fn obey(&mut self, set: Set) -> Result<(), End> {
        let token = set.token;
        let trouble = match self.source.set(&set).await {
            Ok(found) => {
                self.up().await?;
                return Ok(self.found(found).await?);
            }
            Err(trouble) => trouble,
        };
        self.tell(LineEvent::Lost { token }).await?;
        match trouble {
            Trouble::Broken(reason) => Err(End::Away(reason)),
            Trouble::Refused(reason) | Trouble::Silent(reason) => {
                Ok(self.trouble(format!("{} is not set: {reason}", set.name)).await?)
            }
        }
    }

    /// Says a trouble when it begins.
    async fn trouble(&mut self, reason: String) -> Result<(), Over> {
        let is_new = !self.troubles.contains(&reason) && self.seen.insert(reason.clone());
        self.seen.insert(reason.clone());
        if !is_new {
            return Ok(());
        }
        self.count(|counters| counters.damaged += 1);
        let text = format!("{}: {reason}", self.who.said);
        let quiet = Duration::from_millis(limits::FAULT_REPORT_INTERVAL_MS);
        if self.said.1.elapsed() >= quiet {
            self.said = (0, Instant::now());
        }
        self.said.0 += 1;
        if self.said.0 > limits::SOURCE_TROUBLES_SAID_MAX {
            tracing::warn!("{text}");
            return Ok(());
        }
        self.tell(LineEvent::Notice { line: self.who.line, text }).await
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn tell(&mut self, event: LineEvent) -> Result<(), Over> {
        self.events.send(event).await.map_err(|_| Over)
    }
}

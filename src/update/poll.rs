//! The thread that looks for rollouts: again and again, at times that no two boards share, and at
//! once when somebody says that there is news. It takes what this board is in for.
//!
//! What must never be here: a release that no rollout offers, and one in the place of a trial.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use outpost_launcher::slots::Staged;
use rand::RngExt;
use tokio::sync::mpsc::Sender;

use super::rollout::{self, Board};
use super::source::Source;
use super::{Launched, News, Refused, Taking, Trust, take};
use crate::causes::chain;
use crate::clock::RealClock;
use crate::config::Update;
use crate::domain::Severity;
use crate::limits::UPDATE_SPREAD_MS_MAX;
use crate::mind::pull::Patience;

/// What a look for a rollout came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// There is nothing for this board, or a trial comes first.
    Nothing,
    /// A release is in its slot; for people.
    Taken(String),
}

/// One who looks.
#[derive(Clone, Debug)]
pub struct Poll {
    launched: Launched,
    update: Update,
    board: Board,
    /// An operator has a release taken just now: what a rollout offers gives way.
    operator: Arc<AtomicBool>,
    /// The timestamp of a set whose offer has been settled: while the repository has that one,
    /// there is no more. Another set may have been verified meanwhile for an operator, and nobody
    /// has looked at its rollouts.
    settled: Option<Vec<u8>>,
}

impl Poll {
    /// For this board. While `operator` is set, nothing is taken.
    #[must_use]
    pub fn new(
        launched: Launched,
        update: Update,
        board: Board,
        operator: Arc<AtomicBool>,
    ) -> Poll {
        Poll { launched, update, board, operator, settled: None }
    }

    /// What a rollout offers may be taken now.
    fn may_take(&self) -> bool {
        !self.operator.load(Ordering::Relaxed)
            && is_its_time(&self.launched.slots, &self.update, &self.board)
    }
}

/// Looks once, and takes what there is for this board.
///
/// # Errors
/// Why there was no looking, or what it offers was not taken; the next look tries again.
pub fn look(poll: &mut Poll) -> Result<Looked, String> {
    let Some(from) = poll.update.from.clone() else { return Ok(Looked::Nothing) };
    let state = poll.launched.slots().state().map_err(|error| chain(&error))?;
    let slots = poll.launched.slots.clone();
    if state.trial.is_some() || super::is_filling(&slots, &state) || !poll.may_take() {
        return Ok(Looked::Nothing);
    }
    let trust = Trust::of(&slots, &poll.update.root);
    if poll.settled.as_ref().is_some_and(|settled| trust.is_known(&from, settled)) {
        return Ok(Looked::Nothing);
    }
    poll.settled = None;
    let now = RealClock::new(trust.floor_unix_ms()).now();
    let (document, timestamp) = trust.rollouts(&from, now).map_err(|error| chain(&error))?;
    let Some(offer) = document.offer(&poll.board, rollout::followed(&slots)) else {
        poll.settled = Some(timestamp);
        return Ok(Looked::Nothing);
    };
    let (number, release) = (offer.number, offer.release.clone());
    let is_here = state.confirmed.as_ref().is_some_and(|taken| taken.release == release);
    let looked = if is_here || state.undone_reason(&release).is_some() {
        Looked::Nothing
    } else {
        taken(poll, &from, &release, (number, &timestamp)).map_err(|refused| {
            // It would be the same until something else is signed, and its files would come anew
            // each time. It is not followed: a start of the agent, or a repair, has it looked at.
            if !refused.may_pass {
                poll.settled = Some(timestamp.clone());
            }
            format!("rollout {number}: release {release} is not taken: {}", refused.reason)
        })?
    };
    // What is lost here is only said again: the release is in its slot, or was undone.
    rollout::follow(&slots, number).map_err(|error| chain(&error))?;
    poll.settled = Some(timestamp);
    Ok(looked)
}

/// One of the hours in which a board takes what is offered; always, where nobody knows the time.
pub(super) fn is_its_time(slots: &Path, update: &Update, board: &Board) -> bool {
    if update.hours.is_empty() {
        return true;
    }
    let trust = Trust::of(slots, &update.root);
    let now = RealClock::new(trust.floor_unix_ms()).now();
    crate::clock::hours::holds(&update.hours, &board.timezone, now)
}

fn taken(
    poll: &Poll,
    from: &Source,
    release: &outpost_launcher::manifest::Name,
    (number, timestamp): (u64, &[u8]),
) -> Result<Looked, Refused> {
    let (slots, update, patience) = (&*poll.launched.slots, &poll.update, Patience::default());
    let (again, budget, goes_on) = (false, update.budget, &|| poll.may_take());
    let taking = Taking { slots, from, update, again, patience, budget, goes_on };
    let (staged, warnings) =
        take::follow(&taking, release, &|| still(poll, from, number, timestamp))?;
    let told = |what: &str| format!("rollout {number}: release {release} {what}");
    let text = told(match staged {
        Staged::Ready => "is in its slot, to be tried",
        Staged::OnTrial => "is on trial already",
        Staged::Confirmed => "is confirmed already",
    });
    let text = std::iter::once(text).chain(warnings).collect::<Vec<_>>().join("; ");
    Ok(Looked::Taken(text))
}

/// Whether a rollout offers its release still: it may have been stopped while the files came.
fn still(poll: &Poll, from: &Source, number: u64, timestamp: &[u8]) -> Result<(), String> {
    let slots = &*poll.launched.slots;
    let trust = Trust::of(slots, &poll.update.root);
    if trust.is_known(from, timestamp) {
        return Ok(());
    }
    let now = RealClock::new(trust.floor_unix_ms()).now();
    let (document, _) = trust.rollouts(from, now).map_err(|error| chain(&error))?;
    let offer = document.offer(&poll.board, rollout::followed(slots));
    let is_same = offer.is_some_and(|offer| offer.number == number);
    if is_same { Ok(()) } else { Err("while its files came the rollout has changed".into()) }
}

/// Looks until nobody is left who could say that there is news.
pub(super) fn watch(mut poll: Poll, nudges: &Receiver<()>, tell: &Sender<News>) {
    let every = poll.update.every;
    // The first one anywhere in the period: boards that start together do not look together.
    let mut wait = every.mul_f64(rand::rng().random_range(0.0..1.0));
    let mut said = None;
    loop {
        match nudges.recv_timeout(wait) {
            // All boards have heard it in the same moment, and none is in a hurry.
            Ok(()) => std::thread::sleep(spread(every)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let news = match look(&mut poll) {
            Ok(Looked::Nothing) => None,
            Ok(Looked::Taken(text)) => Some((text, Severity::Info)),
            Err(text) => Some((text, Severity::Warning)),
        };
        // A line that is down is told once, not each hour.
        let is_news = news.as_ref().map(|(text, _)| text) != said.as_ref();
        said = news.as_ref().map(|(text, _)| text.clone());
        if let Some((text, severity)) = news.filter(|_| is_news)
            && tell.blocking_send(News::Event { text, severity }).is_err()
        {
            return;
        }
        wait = jittered(every);
    }
}

/// A moment within a sixtieth of a period, and within a minute.
pub(super) fn spread(every: Duration) -> Duration {
    let most = (every / 60).min(Duration::from_millis(UPDATE_SPREAD_MS_MAX));
    most.mul_f64(rand::rng().random_range(0.0..1.0))
}

/// A period, a quarter longer or shorter.
fn jittered(every: Duration) -> Duration {
    every.mul_f64(rand::rng().random_range(0.75..1.25))
}

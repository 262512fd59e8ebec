//! The thread that asks a hawkBit server which release this board is to take, has it taken, and
//! tells how it ended. What is under way is kept beside the slots, since a release that is tried
//! ends the program that took it.
//!
//! hawkBit names a release and says when. What must never be here: a release that the signed list
//! does not have, and bytes that come from anywhere else.

mod ddi;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use outpost_launcher::manifest::Name;
use outpost_launcher::state::State;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use self::ddi::{DdiError, Deployment, Execution, Handling, Server};
use super::poll::is_its_time;
use super::rollout::Board;
use super::take::{self, Refused};
use super::{Launched, News, Taking};
use crate::causes::chain;
use crate::config::{HawkBit, Update};
use crate::domain::Severity;
use crate::limits;
use crate::mind::pull::Patience;

/// The file with what is under way.
const FILE: &str = "hawkbit.json";

/// An action that this board has begun and not told the end of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    action: String,
    release: Name,
    /// Its files are here, and it may not be installed yet.
    #[serde(default)]
    fetched: bool,
}

/// What the thread that takes a release has done.
enum Done {
    /// It is in its slot, or was there.
    Staged,
    /// Its files are here.
    Fetched,
}

/// A release that is being taken just now.
struct Work {
    stop: Arc<AtomicBool>,
    ends: Receiver<Result<Done, Refused>>,
    end: Option<Result<Done, Refused>>,
}

impl Work {
    /// Whether it has ended.
    fn is_over(&mut self) -> bool {
        if self.end.is_none() {
            self.end = match self.ends.try_recv() {
                Ok(end) => Some(end),
                Err(mpsc::TryRecvError::Empty) => None,
                Err(mpsc::TryRecvError::Disconnected) => {
                    let reason = "the thread that takes it has ended".into();
                    Some(Err(Refused::passing(reason)))
                }
            };
        }
        self.end.is_some()
    }
}

/// One who asks.
pub(super) struct Hawk {
    launched: Launched,
    update: Update,
    board: Board,
    server: Server,
    /// An operator has a release taken just now: what hawkBit names gives way.
    operator: Arc<AtomicBool>,
    open: Option<Open>,
    work: Option<Work>,
    /// The server knows who this board is.
    introduced: bool,
    /// What was told last of the action.
    told: String,
    /// What was told last of its being taken: each further attempt is not told.
    begun: String,
    /// An attempt came to nothing: the next one is the next question's.
    rests: bool,
}

/// What a look has come to.
struct Seen {
    /// When to ask again.
    sleep: Option<Duration>,
    /// What people should know.
    news: Option<String>,
    /// What the server did not accept, beside what was done.
    trouble: Option<String>,
}

impl Hawk {
    /// For this board. What it had begun goes on.
    pub(super) fn new(
        launched: Launched,
        update: Update,
        board: Board,
        (server, operator): (HawkBit, Arc<AtomicBool>),
    ) -> Hawk {
        let server = Server::new(server, &board.name);
        let kept = std::fs::read(launched.slots.join(FILE)).unwrap_or_default();
        let open = serde_json::from_slice(&kept).ok();
        Hawk {
            launched,
            update,
            board,
            server,
            operator,
            open,
            work: None,
            introduced: false,
            told: String::new(),
            begun: String::new(),
            rests: false,
        }
    }

    /// Asks once and does what there is: because it is time to, or because something has ended.
    fn look(&mut self, is_due: bool) -> Result<Seen, String> {
        self.rests &= !is_due;
        let mut trouble = None;
        match self.settle() {
            // An answer that says no: a cancellation or another action may be there all the same.
            Err(HawkError::Ddi(error @ DdiError::Status(_))) => {
                self.rests = true;
                trouble = Some(format!("how a release stands is not told: {}", chain(&error)));
            }
            other => other.map_err(|error| chain(&error))?,
        }
        let base = self.server.ask().map_err(|error| chain(&error))?;
        if base.wants_attributes || !self.introduced {
            let told = self.server.introduce(&self.attributes());
            self.introduced = told.is_ok();
            if let Err(error) = told {
                trouble = Some(format!("its attributes are not told: {}", chain(&error)));
            }
        }
        let news = match (&base.cancel, &base.deployment) {
            (Some(cancel), _) => self.cancel(cancel),
            (None, Some(action)) => self.deploy(action),
            // It was closed on the server.
            (None, None) => self.abandon().map(|()| None),
        };
        let news = news.map_err(|error| chain(&error))?;
        Ok(Seen { sleep: base.sleep, news, trouble })
    }

    fn attributes(&self) -> BTreeMap<String, String> {
        let mut all = self.board.labels.clone();
        all.insert("outpost".into(), env!("CARGO_PKG_VERSION").into());
        let running = self.launched.release.as_ref().map_or("installed", Name::as_str);
        all.insert("release".into(), running.into());
        all
    }

    /// Tells the end of what is under way, if it has come.
    fn settle(&mut self) -> Result<(), HawkError> {
        let Some(open) = self.open.clone() else {
            self.work = self.work.take().filter(|work| work.end.is_none());
            return Ok(());
        };
        if let Some(work) = &mut self.work {
            if !work.is_over() {
                return Ok(());
            }
            let stopped = work.stop.load(Ordering::Relaxed);
            let end = self.work.take().and_then(|work| work.end);
            match end {
                Some(Ok(Done::Fetched)) => {
                    // Where that is not heard, they are looked for and told once more.
                    self.tell(&open, Execution::Downloaded, "its files are on the board")?;
                    if self.open.is_some() {
                        self.keep(Some(Open { fetched: true, ..open.clone() }))?;
                    }
                }
                Some(Err(refused)) if !stopped => {
                    self.rests = true;
                    if !refused.may_pass {
                        return self.end(&open, Execution::Failed, &refused.reason);
                    }
                    self.tell(&open, Execution::Proceeding, &refused.reason)?;
                }
                Some(Ok(Done::Staged) | Err(_)) | None => {}
            }
        }
        let state = self.state()?;
        match outcome(&state, &open.release) {
            // By each program that sees it: the one that took it may not come to that.
            None if on_trial(&state, &open.release) => {
                self.tell(&open, Execution::Proceeding, "it is on trial")
            }
            None => Ok(()),
            Some((how, why)) => self.end(&open, how, &why),
        }
    }

    /// Something has come to its end that the server does not know.
    fn has_news(&mut self) -> bool {
        if let Some(work) = &mut self.work {
            return work.is_over();
        }
        let Some(open) = &self.open else { return false };
        let state = self.launched.slots().state().ok();
        state.is_some_and(|state| outcome(&state, &open.release).is_some())
    }

    /// Carries out an action, as far as it may go now. What people should know.
    fn deploy(&mut self, action: &str) -> Result<Option<String>, HawkError> {
        let state = self.state()?;
        let is_open = self.open.as_ref().is_some_and(|open| open.action == action);
        if self.work.is_some() {
            // Another action has taken the place of what is being fetched.
            return if is_open { Ok(None) } else { self.abandon().map(|()| None) };
        }
        let rests = is_open && self.rests;
        let is_filling = super::is_filling(&self.launched.slots, &state);
        if rests || state.trial.is_some() || is_filling {
            return Ok(None);
        }
        let wanted = self.server.deployment(action)?;
        let named = wanted.release().and_then(|release| {
            release.parse::<Name>().map_err(|error| format!("release {release:?}: {error}"))
        });
        let release = match named {
            Ok(release) => release,
            Err(what) => {
                self.server.tell(action, Execution::Failed, &what)?;
                return Ok(Some(format!("hawkBit, action {action}: {what}")));
            }
        };
        let fetched = is_open && self.open.as_ref().is_some_and(|open| open.fetched);
        let open = Open { action: action.to_owned(), release, fetched };
        if !is_open {
            self.keep(Some(open.clone()))?;
            self.settle()?;
            if self.open.is_none() {
                return Ok(None);
            }
        }
        if !self.may_begin(&wanted, fetched) {
            return Ok(None);
        }
        let what = if wanted.update == Handling::Skip { "fetched" } else { "taken" };
        let begun = format!("release {} is {what}", open.release);
        if self.begun != begun {
            self.tell(&open, Execution::Proceeding, &begun)?;
            self.begun.clone_from(&begun);
        }
        if self.open.is_none() {
            return Ok(None);
        }
        self.begin(&open.release, &wanted)?;
        Ok((!is_open).then(|| format!("hawkBit: {begun}")))
    }

    fn may_begin(&self, wanted: &Deployment, fetched: bool) -> bool {
        let nothing_more = fetched && wanted.update == Handling::Skip;
        let suits = wanted.download == Handling::Forced
            || is_its_time(&self.launched.slots, &self.update, &self.board);
        let is_free = !self.operator.load(Ordering::Relaxed);
        wanted.download != Handling::Skip && suits && !nothing_more && is_free
    }

    /// Has it taken by a thread of its own: a cancellation is heard meanwhile.
    fn begin(&mut self, release: &Name, wanted: &Deployment) -> Result<(), HawkError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, ends) = mpsc::sync_channel(1);
        let (stops, operator) = (stop.clone(), self.operator.clone());
        let (slots, release) = (self.launched.slots.clone(), release.clone());
        let (update, board) = (self.update.clone(), self.board.clone());
        let only_fetched = wanted.update == Handling::Skip;
        // What is forced comes at once, whatever it costs.
        let is_forced = wanted.download == Handling::Forced;
        let budget = update.budget.filter(|_| !is_forced);
        let work = move || {
            let goes_on = || {
                let is_stopped = stops.load(Ordering::Relaxed) || operator.load(Ordering::Relaxed);
                !is_stopped && (is_forced || is_its_time(&slots, &update, &board))
            };
            let end = taken(&slots, &update, budget, &goes_on, &release, only_fetched);
            drop(tell.send(end));
        };
        std::thread::Builder::new()
            .name("release".into())
            .spawn(work)
            .map_err(HawkError::Thread)?;
        self.work = Some(Work { stop, ends, end: None });
        Ok(())
    }

    /// Ends what is under way, if that is still possible.
    fn cancel(&mut self, cancel: &str) -> Result<Option<String>, HawkError> {
        let stopped = self.server.stopped(cancel)?;
        let ours = self.open.clone().filter(|open| open.action == stopped);
        if let Some(open) = &ours {
            if self.work.is_some() {
                // Answered when it has ended, which the next look sees.
                return self.abandon().map(|()| None);
            }
            let state = self.state()?;
            let too_late = match on_trial(&state, &open.release) {
                true => Some("it is on trial already: it confirms or undoes itself".to_owned()),
                // Its end is not told yet.
                false => outcome(&state, &open.release).map(|(_, why)| why),
            };
            if let Some(why) = too_late {
                self.server.answer(cancel, Execution::Rejected, &why)?;
                return Ok(None);
            }
        }
        self.server.answer(cancel, Execution::Done, "stopped before it was installed")?;
        self.keep(None)?;
        Ok(ours.map(|open| format!("hawkBit: release {} was cancelled", open.release)))
    }

    /// Nobody waits for what is under way any more: what still comes is stopped.
    fn abandon(&mut self) -> Result<(), HawkError> {
        match &self.work {
            Some(work) => work.stop.store(true, Ordering::Relaxed),
            None => self.keep(None)?,
        }
        Ok(())
    }

    fn tell(&mut self, open: &Open, how: Execution, why: &str) -> Result<(), HawkError> {
        if self.told == why {
            return Ok(());
        }
        match self.server.tell(&open.action, how, why) {
            Err(error) if error.is_gone() => self.keep(None)?,
            other => other?,
        }
        why.clone_into(&mut self.told);
        Ok(())
    }

    fn end(&mut self, open: &Open, how: Execution, why: &str) -> Result<(), HawkError> {
        match self.server.tell(&open.action, how, why) {
            Err(error) if !error.is_gone() => Err(error.into()),
            _ => self.keep(None),
        }
    }

    /// Keeps what is under way over a restart.
    fn keep(&mut self, open: Option<Open>) -> Result<(), HawkError> {
        let path = self.launched.slots.join(FILE);
        match &open {
            Some(open) => {
                let text = serde_json::to_vec(open).map_err(|error| HawkError::Keep {
                    path: path.clone(),
                    source: io::Error::other(error),
                })?;
                crate::disk::replace(&path, &text)?;
            }
            None => match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(HawkError::Keep { path, source });
                }
                _ => {}
            },
        }
        let of = |open: &Option<Open>| open.as_ref().map(|open| open.action.clone());
        if of(&self.open) != of(&open) {
            self.told.clear();
            self.begun.clear();
            self.rests = false;
        }
        self.open = open;
        Ok(())
    }

    fn state(&self) -> Result<State, HawkError> {
        Ok(self.launched.slots().state()?)
    }
}

/// Why a look came to nothing; the next one tries again.
#[derive(Debug, thiserror::Error)]
enum HawkError {
    #[error(transparent)]
    Ddi(#[from] DdiError),
    #[error(transparent)]
    Slots(#[from] outpost_launcher::slots::SlotError),
    #[error(transparent)]
    Disk(#[from] crate::disk::DiskError),
    #[error("what hawkBit waits for is not kept in {}", path.display())]
    Keep { path: PathBuf, source: io::Error },
    #[error("no thread for a release")]
    Thread(#[source] io::Error),
}

/// How a release has ended here, in the server's words and for people.
fn outcome(state: &State, release: &Name) -> Option<(Execution, String)> {
    let is = |taken: &outpost_launcher::state::Taken| taken.release == *release;
    if state.intent.as_ref().is_some_and(is) {
        return None;
    }
    if on_trial(state, release) {
        return None;
    }
    if state.confirmed.as_ref().is_some_and(is) {
        return Some((Execution::Done, format!("release {release} is confirmed")));
    }
    let reason = state.undone_reason(release)?;
    Some((Execution::Failed, format!("release {release} was undone: {reason}")))
}

fn on_trial(state: &State, release: &Name) -> bool {
    state.trial.as_ref().is_some_and(|trial| trial.taken.release == *release)
}

fn taken(
    slots: &Path,
    update: &Update,
    budget: Option<u64>,
    goes_on: &dyn Fn() -> bool,
    release: &Name,
    only_fetched: bool,
) -> Result<Done, Refused> {
    let Some(from) = &update.from else {
        return Err(Refused::lasting("there is no `from` in [update]".into()));
    };
    let (again, patience) = (false, Patience::default());
    let taking = Taking { slots, from, update, again, patience, budget, goes_on };
    if only_fetched {
        return take::bring(&taking, release).map(|()| Done::Fetched);
    }
    // A cancellation, which is heard while files come, is all that could have changed.
    take::follow(&taking, release, &|| Ok(())).map(|_| Done::Staged)
}

/// Asks until nobody is left who could say that there is news.
pub(super) fn watch(mut hawk: Hawk, nudges: &Receiver<()>, tell: &Sender<News>) {
    let look = Duration::from_millis(limits::HAWKBIT_LOOK_MS);
    let mut every = Duration::from_millis(limits::HAWKBIT_EVERY_MS_DEFAULT);
    // The server waits for an end; else boards that start together do not ask together.
    let spread = Duration::from_millis(limits::HAWKBIT_FIRST_MS_MAX);
    let spread = if hawk.open.is_some() { Duration::ZERO } else { spread };
    let first = spread.mul_f64(rand::rng().random_range(0.0..1.0));
    let (mut due, mut failed, mut said) = (Instant::now() + first, false, None);
    loop {
        let left = due.saturating_duration_since(Instant::now());
        let wait = if hawk.open.is_some() || hawk.work.is_some() { left.min(look) } else { left };
        match nudges.recv_timeout(wait) {
            Ok(()) => due = Instant::now() + super::poll::spread(every),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                hawk.work.iter().for_each(|work| work.stop.store(true, Ordering::Relaxed));
                return;
            }
        }
        let is_due = Instant::now() >= due;
        // Where the line is down, an end is told when it is due like everything else.
        if !is_due && (failed || !hawk.has_news()) {
            continue;
        }
        let (news, trouble) = match hawk.look(is_due) {
            Ok(seen) => {
                every = seen.sleep.unwrap_or(every);
                (seen.news, seen.trouble)
            }
            Err(text) => (None, Some(text)),
        };
        failed = trouble.is_some();
        due = Instant::now() + every.mul_f64(rand::rng().random_range(0.75..=1.0));
        // A line that is down is told once.
        let fresh = trouble.clone().filter(|_| trouble != said);
        said = trouble;
        for (text, severity) in [(news, Severity::Info), (fresh, Severity::Warning)] {
            if let Some(text) = text
                && tell.blocking_send(News::Event { text, severity }).is_err()
            {
                return;
            }
        }
    }
}

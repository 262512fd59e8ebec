//! The thread that keeps the slots while the agent runs: it confirms or undoes a trial, sees a
//! release that waits for its trial, and says what has changed. Its writes are synced, which takes
//! its time on a slow card; the agent's loop never waits for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use outpost_launcher::deadline;
use outpost_launcher::disk::{Disk, RealDisk};
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::{SlotError, Slots, Staged};
use outpost_launcher::state::{Baseline, State};
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::hawkbit::{self, Hawk};
use super::poll::{self, Poll};
use super::rollout::Board;
use super::{Facts, Health, Launched, Taking, Verdict};
use crate::causes::chain;
use crate::clock::Tick;
use crate::config::Update;
use crate::domain::Severity;
use crate::limits;
use crate::mind::pull::Patience;

/// What the agent hears of updates.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The state has changed: to be published, retained.
    Report(Json),
    /// For people.
    Event {
        /// What.
        text: String,
        /// How urgent.
        severity: Severity,
    },
    /// A release was taken at an operator's word, or not.
    Taken {
        /// Kind and id of the command.
        command: (String, String),
        /// What became of it, or why not.
        result: Result<String, String>,
    },
    /// The trial is over: this program stays.
    Confirmed,
    /// Another release is to be started: an orderly end, and the supervisor does the rest.
    Restart,
}

/// What the agent says.
#[derive(Clone, Debug)]
pub enum Word {
    /// How the board is.
    Facts(Facts),
    /// An operator wants a release.
    Take {
        /// Kind and id of the command.
        command: (String, String),
        /// Its id.
        release: Name,
    },
    /// There is news for those who follow rollouts.
    Look {
        /// Kind and id of the command.
        command: (String, String),
    },
}

/// The agent's end of the line to the thread.
pub struct Line {
    /// What it says goes in here.
    pub words: SyncSender<Word>,
    /// What it hears comes out here.
    pub news: mpsc::Receiver<News>,
    /// The release that runs has to prove itself: each pulse is waited for.
    pub on_trial: bool,
}

/// What the thread knows.
pub struct Keeper {
    launched: Launched,
    slots: Slots<RealDisk>,
    update: Update,
    board: Board,
    trial: Option<Health>,
    /// What was said last, and since when it is so.
    facts: Option<(Facts, Tick)>,
    /// When this process began.
    began: Instant,
    /// How long it took until the rules ran.
    start_ms: u32,
    /// Pulses of the loop that are missing.
    silent: u32,
    written: Baseline,
    reported: Option<Json>,
    refused: Option<String>,
    /// A release that waited when we were started: the launcher could not count its start, on a
    /// disk that takes nothing for example. To end for it again and again would be no life.
    passed_over: Option<Name>,
    /// An operator has a release taken just now.
    operator: Arc<AtomicBool>,
    leaves: bool,
}

impl Keeper {
    /// For the process that the launcher started, and that began then.
    #[must_use]
    pub fn new(launched: Launched, update: Update, board: Board, began: Instant) -> Keeper {
        let (slots, written) = (launched.slots(), super::baseline(&launched.slots));
        let waits = slots.state().ok().and_then(|state| state.trial);
        let passed_over = waits.filter(|trial| trial.starts == 0).map(|trial| trial.taken.release);
        Keeper {
            launched,
            slots,
            update,
            board,
            trial: None,
            facts: None,
            began,
            start_ms: 0,
            silent: 0,
            written,
            reported: None,
            refused: None,
            passed_over,
            operator: Arc::default(),
            leaves: false,
        }
    }

    /// The agent says how the board is.
    pub fn hear(&mut self, now: Tick, facts: Facts) {
        self.silent = 0;
        if self.facts.is_none() {
            self.start_ms = u32::try_from(now.0).unwrap_or(u32::MAX).max(1);
        }
        if self.facts.is_none_or(|(before, _)| before != facts) {
            self.facts = Some((facts, now));
        }
    }

    /// Looks at the slots and at the trial, and does what is due.
    pub fn look(&mut self, now: Tick) -> Vec<News> {
        let mut news = Vec::new();
        if self.launched.on_trial && self.facts.is_some() {
            deadline::set(limits::UPDATE_KEEPER_S);
        }
        if let Err(error) = self.judge(now, &mut news) {
            self.refuse(&error, &mut news);
        }
        let (state, filled) = super::seen(&self.launched.slots);
        if let Ok(state) = &state {
            self.leave_for(state, &mut news);
        }
        let refusal = super::refusal(&self.launched.slots);
        let running = self.launched.release.as_ref();
        let report = super::report(&state, filled, refusal.as_ref(), running, &self.board.labels);
        if self.reported.as_ref() != Some(&report) {
            self.reported = Some(report.clone());
            news.push(News::Report(report));
        }
        self.keep_baseline(now, &mut news);
        news
    }

    fn judge(&mut self, now: Tick, news: &mut Vec<News>) -> Result<(), SlotError> {
        let Some(release) = self.launched.release.clone() else { return Ok(()) };
        if !self.launched.on_trial || self.leaves {
            return Ok(());
        }
        // Before the rules run for the first time the launcher's alarm counts; the next start of
        // the launcher would not come back to a release whose rules never ran.
        // What was said before a pulse went missing says nothing of now.
        let Some((facts, _)) = self.facts.filter(|_| self.silent == 0) else { return Ok(()) };
        let state = self.slots.state()?;
        let Some(trial) = state.trial.filter(|trial| trial.taken.release == release) else {
            // Another release was begun in the place of this one, which never proved itself.
            self.leaves = true;
            let text = format!("the trial of release {release} was given up for another");
            news.push(News::Event { text, severity: Severity::Warning });
            news.push(News::Restart);
            return Ok(());
        };
        // A disk that is full takes one more state, and that must be the last word.
        let full = self.fills_the_disk();
        if !trial.ran && full.is_none() {
            self.slots.runs(&release)?;
        }
        let health = match &mut self.trial {
            Some(health) => health,
            None => {
                let Update { trial: well, deadline, .. } = self.update;
                self.trial.insert(Health::new(now, trial.baseline, well, deadline))
            }
        };
        let verdict = full.map_or_else(|| health.look(now, facts), Verdict::Undo);
        if verdict == Verdict::Wait {
            return Ok(());
        }
        // Somebody puts another release into the slots: it takes the place of this one.
        let Ok(Some(_lock)) = Lock::take(&self.launched.slots) else { return Ok(()) };
        let (text, severity) = match verdict {
            Verdict::Wait => return Ok(()),
            Verdict::Confirm => {
                self.slots.confirm(&release)?;
                deadline::cancel();
                self.launched.on_trial = false;
                news.push(News::Confirmed);
                (format!("release {release} is confirmed"), Severity::Info)
            }
            Verdict::Undo(reason) => {
                self.slots.undo(&release, &reason)?;
                self.leaves = true;
                (format!("release {release} is undone: {reason}"), Severity::Alarm)
            }
        };
        news.push(News::Event { text, severity });
        if self.leaves {
            news.push(News::Restart);
        }
        Ok(())
    }

    /// Whether the trial leaves no room. Before it there was: nothing is put into a slot else.
    fn fills_the_disk(&self) -> Option<String> {
        let free = RealDisk.free_bytes(&self.launched.slots).ok()?;
        let most = limits::UPDATE_ROOM_BYTES_MIN;
        (free < most).then(|| {
            format!("it fills the disk: {free} bytes are free, and it may leave {most} at least")
        })
    }

    /// A release that waits for its first start: it is another than this one, since the one that
    /// runs on trial has been started. While an operator's word is carried out it waits: our end
    /// would be that word's, and what it puts into the slots takes this one's place.
    fn leave_for(&mut self, state: &State, news: &mut Vec<News>) {
        if self.operator.load(Ordering::Relaxed) {
            return;
        }
        let waits = state.trial.as_ref().filter(|trial| trial.starts == 0);
        let waits = waits.filter(|trial| self.passed_over.as_ref() != Some(&trial.taken.release));
        let Some(trial) = waits.filter(|_| !self.leaves) else { return };
        self.leaves = true;
        let text = format!("release {} is ready: we end and it is tried", trial.taken.release);
        news.push(News::Event { text, severity: Severity::Info });
        news.push(News::Restart);
    }

    /// Writes down how well the board is, when it has been so for a while. Not on trial: what is
    /// worse then must not become the measure.
    fn keep_baseline(&mut self, now: Tick, news: &mut Vec<News>) {
        let Some((facts, since)) = self.facts.filter(|_| !self.launched.on_trial) else { return };
        // The slowest start counts: that of a cold board.
        let baseline = facts.baseline(self.start_ms.max(self.written.start_ms));
        let old = Duration::from_millis(limits::UPDATE_BASELINE_MS);
        if baseline == self.written || now.since(since) < old {
            return;
        }
        match super::write_baseline(&self.launched.slots, baseline) {
            Ok(()) => self.written = baseline,
            Err(error) => self.refuse(&error, news),
        }
    }

    /// A pulse of the loop is missing. On trial some in a row are the end of it: the rules stand
    /// still, and nobody is left to end in order.
    fn miss(&mut self) {
        let Some(release) = self.launched.release.as_ref().filter(|_| self.launched.on_trial)
        else {
            return;
        };
        self.silent += 1;
        if self.facts.is_none() || self.silent < limits::UPDATE_SILENT_PULSES_MAX {
            return;
        }
        let silent_ms = u64::from(self.silent) * limits::UPDATE_PULSE_MS;
        let reason = format!("its rules stood still for {silent_ms} ms");
        // Where another process puts a release into the slots, that one takes its place.
        let lock = Lock::take(&self.launched.slots);
        if let Ok(Some(_)) = lock
            && let Err(error) = self.slots.undo(release, &reason)
        {
            tracing::error!(error = chain(&error), "not undone");
        }
        tracing::error!(%release, reason, "undone: the program is ended where it stands");
        crate::output::settle_log();
        std::process::abort();
    }

    /// Says what does not work, once.
    fn refuse(&mut self, error: &(dyn std::error::Error + 'static), news: &mut Vec<News>) {
        let text = chain(error);
        if self.refused.as_ref() != Some(&text) {
            news.push(News::Event { text: text.clone(), severity: Severity::Alarm });
            self.refused = Some(text);
        }
    }
}

/// Takes a release: verified, brought, and into the free slot. The next look sees that it waits.
fn taken(slots: &Path, update: &Update, release: &Name) -> Result<String, String> {
    let from = update.from.as_ref().ok_or("there is no `from` in [update]")?;
    let (again, patience, budget, goes_on) = (false, Patience::default(), None, &|| true);
    let taking = Taking { slots, from, update, again, patience, budget, goes_on };
    let (staged, warnings) = super::take(&taking, release)?;
    let text = match staged {
        Staged::Ready => "in its slot, to be tried: the topic update tells how it ends",
        Staged::OnTrial => "on trial already",
        Staged::Confirmed => "confirmed already",
    };
    let text = std::iter::once(text.to_owned()).chain(warnings);
    Ok(text.collect::<Vec<_>>().join("; "))
}

/// An operator has a release taken, until this is dropped: also where that ends in a panic, since
/// nothing else would be followed or tried ever after.
struct Operator(Arc<AtomicBool>);

impl Operator {
    fn begins(flag: &Arc<AtomicBool>) -> Operator {
        flag.store(true, Ordering::Relaxed);
        Operator(flag.clone())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Has a release taken in a thread of its own: a download takes hours, and a trial must be judged
/// meanwhile. Whoever follows a rollout gives way until it has ended.
fn take_release(
    keeper: &Keeper,
    news: &mpsc::Sender<News>,
    command: (String, String),
    release: Name,
) {
    let (slots, update) = (keeper.launched.slots.clone(), keeper.update.clone());
    let (tell, operator) = (news.clone(), Operator::begins(&keeper.operator));
    let work = move || {
        let result = taken(&slots, &update, &release);
        // Nobody listens any more at the end. What is tried next waits until this has been said.
        drop(tell.blocking_send(News::Taken { command, result }));
        drop(operator);
    };
    if let Err(error) = std::thread::Builder::new().spawn(work) {
        tracing::error!(%error, "no thread for a release");
    }
}

/// Starts the thread that looks for rollouts, or asks hawkBit, where this board does. It ends with
/// the one that can wake it.
fn look_for_rollouts(
    keeper: &Keeper,
    news: &mpsc::Sender<News>,
) -> std::io::Result<Option<SyncSender<()>>> {
    let (launched, update) = (keeper.launched.clone(), keeper.update.clone());
    let (board, operator, tell) = (keeper.board.clone(), keeper.operator.clone(), news.clone());
    let (wake, nudges) = sync_channel(1);
    let thread = std::thread::Builder::new();
    if let Some(server) = update.hawkbit.clone() {
        let hawk = Hawk::new(launched, update, board, (server, operator));
        thread.name("hawkbit".into()).spawn(move || hawkbit::watch(hawk, &nudges, &tell))?;
    } else if update.from.is_some() && update.follow {
        let poll = Poll::new(launched, update, board, operator);
        thread.name("rollouts".into()).spawn(move || poll::watch(poll, &nudges, &tell))?;
    } else {
        return Ok(None);
    }
    Ok(Some(wake))
}

/// Wakes the one who looks for rollouts.
fn looks(nudges: Option<&SyncSender<()>>) -> Result<String, String> {
    let wake = nudges.ok_or("this board follows no rollouts: `follow` in [update]")?;
    // Full: somebody has said so already.
    wake.try_send(()).ok();
    Ok("looks for a rollout".into())
}

/// Starts the thread. It ends when the agent drops its end.
///
/// # Errors
/// Where there are no more threads.
pub fn spawn(mut keeper: Keeper) -> std::io::Result<Line> {
    let (words_in, words) = sync_channel(limits::UPDATE_NEWS_MAX);
    let (news_in, news) = mpsc::channel(limits::UPDATE_NEWS_MAX);
    let began = keeper.began;
    let on_trial = keeper.launched.on_trial;
    // Dropped with the keeper: the one who looks ends then.
    let nudges = look_for_rollouts(&keeper, &news_in)?;
    let run = move || {
        loop {
            let on_trial = keeper.launched.on_trial;
            let pause_ms = if on_trial { limits::UPDATE_PULSE_MS } else { limits::UPDATE_LOOK_MS };
            let now = |()| Tick(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            match words.recv_timeout(Duration::from_millis(pause_ms)) {
                Ok(Word::Facts(facts)) => keeper.hear(now(()), facts),
                Ok(Word::Take { command, .. }) if keeper.leaves => {
                    // Begun now it would be cut off while it fills its slot.
                    let result = Err("the agent ends just now for another release".into());
                    if news_in.blocking_send(News::Taken { command, result }).is_err() {
                        return;
                    }
                }
                Ok(Word::Take { command, release }) => {
                    take_release(&keeper, &news_in, command, release);
                }
                Ok(Word::Look { command }) => {
                    let result = looks(nudges.as_ref());
                    if news_in.blocking_send(News::Taken { command, result }).is_err() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => keeper.miss(),
                Err(RecvTimeoutError::Disconnected) => {
                    if on_trial {
                        deadline::set(limits::UPDATE_END_S);
                    }
                    return;
                }
            }
            for one in keeper.look(now(())) {
                // The agent takes its time; it never waits for us, so we may wait for it.
                if news_in.blocking_send(one).is_err() {
                    return;
                }
            }
        }
    };
    std::thread::Builder::new().name("update".into()).spawn(run)?;
    Ok(Line { words: words_in, news, on_trial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_launcher::state::{Slot, Taken, Trial};

    fn waiting(release: &str) -> State {
        let taken =
            Taken { release: release.parse().unwrap(), slot: Slot::A, manifest: String::new() };
        let trial = Trial {
            taken,
            baseline: Baseline::default(),
            starts: 0,
            starts_in_boot: 0,
            boot: String::new(),
            ran: false,
        };
        State { trial: Some(trial), ..State::default() }
    }

    #[test]
    fn the_agent_ends_for_a_release_once_and_not_for_one_that_could_not_be_started() {
        let folder = tempfile::tempdir().unwrap();
        let launched = Launched { slots: folder.path().into(), release: None, on_trial: false };
        launched.slots().write(&waiting("1")).unwrap();
        let mut keeper =
            Keeper::new(launched.clone(), Update::default(), Board::default(), Instant::now());
        assert!(!keeper.look(Tick(0)).contains(&News::Restart));
        launched.slots().write(&waiting("2")).unwrap();
        // An operator's word is not cut off by it, and lasts no longer than its thread.
        let word = Operator::begins(&keeper.operator);
        assert!(!keeper.look(Tick(500)).contains(&News::Restart));
        let panics = std::thread::spawn(move || {
            let _word = word;
            panic!("as a fault in what takes a release would");
        });
        panics.join().unwrap_err();
        assert!(keeper.look(Tick(1000)).contains(&News::Restart));
        assert!(!keeper.look(Tick(2000)).contains(&News::Restart));
    }
}

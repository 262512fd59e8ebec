//! A signed release into the free slot: the same for a rollout, hawkBit, an operator's command and
//! a person at the board.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use outpost_launcher::disk::RealDisk;
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::{SlotError, Slots, Staged, Wish};

use super::purse::Purse;
use super::source::{self, Source};
use super::{Genuine, Trust, TrustError, rollout};
use crate::causes::chain;
use crate::clock::RealClock;
use crate::config::Update;
use crate::limits::{TAKER_LOOK_MS, TAKER_WAIT_MS_MAX};
use crate::mind::pull::Patience;

/// What a release has to be like to be taken here.
#[must_use]
pub fn wish(slots: &Path, again: bool) -> Wish {
    Wish {
        baseline: super::baseline(slots),
        again,
        architecture: rustix::system::uname().machine().to_string_lossy().into_owned(),
    }
}

/// Takes the right to change the slots.
///
/// # Errors
/// Where another process has it, or the folder cannot be used.
pub fn lock(slots: &Path) -> Result<Lock, String> {
    match Lock::take(slots) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err("another process changes the slots just now".into()),
        Err(error) => Err(format!("the slots in {}: {error}", slots.display())),
    }
}

/// The same, once another one is done with it or gives way.
fn wait_for(folder: &Path) -> Result<Lock, String> {
    let until = Instant::now() + Duration::from_millis(TAKER_WAIT_MS_MAX);
    while Instant::now() < until {
        match Lock::take(folder) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) => std::thread::sleep(Duration::from_millis(TAKER_LOOK_MS)),
            Err(_) => break,
        }
    }
    lock(folder)
}

/// What is to be taken, and how.
#[derive(Clone)]
pub struct Taking<'a> {
    /// The folder of the slots.
    pub slots: &'a Path,
    /// The repository.
    pub from: &'a Source,
    /// How a release proves itself here, and the root of trust.
    pub update: &'a Update,
    /// Take it although this board has undone it before.
    pub again: bool,
    /// How patient HTTP is.
    pub patience: Patience,
    /// Bytes of files a day over HTTP; `None`: no limit, an operator wants it now.
    pub budget: Option<u64>,
    /// Asked while files come: whether more of them are wanted.
    pub goes_on: &'a dyn Fn() -> bool,
}

/// Why a release was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For people, with its causes.
    pub reason: String,
    /// A line, a server, a full disk: the next attempt may find it otherwise.
    pub may_pass: bool,
    /// It is for this board, which has not come to have it.
    pub is_for_us: bool,
}

impl Refused {
    /// The next attempt may have it.
    #[must_use]
    pub fn passing(reason: String) -> Refused {
        Refused { reason, may_pass: true, is_for_us: true }
    }

    /// It is not for this board.
    #[must_use]
    pub fn lasting(reason: String) -> Refused {
        Refused { reason, may_pass: false, is_for_us: false }
    }

    /// Why a slot was not filled. `again`: the same file of the same release differed before.
    #[must_use]
    pub fn of_slot(error: &SlotError, again: bool) -> Refused {
        let reason = chain(error);
        match error {
            SlotError::Disk { .. } | SlotError::NoRoom { .. } => Refused::passing(reason),
            // Damaged on its way, or on the card. A second time it would be a third time too: it
            // would be fetched anew for ever.
            SlotError::Differs { .. } => Refused { reason, may_pass: !again, is_for_us: true },
            _ => Refused::lasting(reason),
        }
    }
}

/// Verifies a repository, brings a release of it and puts it into the free slot. Gives what became
/// of it, and warnings for people. One at a time: who follows a rollout is waited for, and gives
/// way where it is told to. The slots are free for others until the release is here, so that a
/// trial can end meanwhile. Rollouts that are known by now do not lead away from it.
///
/// # Errors
/// Why it was not taken, with its causes. What came over a network is kept for the next attempt.
pub fn take(taking: &Taking<'_>, release: &Name) -> Result<(Staged, Vec<String>), String> {
    let slots = taking.slots;
    let _taker = wait_for(&source::folder(slots))?;
    let taken = verified(taking, release, &|| Ok(()));
    super::keep_refusal(slots, release, &taken);
    let mut taken = taken.map_err(|refused| refused.reason)?;
    let newest = Trust::of(slots, &taking.update.root).newest_rollout();
    if let Err(error) = rollout::follow(slots, newest) {
        let what = chain(&error);
        taken.1.push(format!("a rollout that is under way may take its place: {what}"));
    }
    Ok(taken)
}

/// The same where a rollout offers it, or hawkBit names it. `still` is asked once its files are
/// here: they may have come for hours. A refusal is only kept for the report where it stays one.
pub(super) fn follow(
    taking: &Taking<'_>,
    release: &Name,
    still: &dyn Fn() -> Result<(), String>,
) -> Result<(Staged, Vec<String>), Refused> {
    let slots = taking.slots;
    let _taker = lock(&source::folder(slots)).map_err(Refused::passing)?;
    let taken = verified(taking, release, still);
    if taken.as_ref().err().is_none_or(|refused| !refused.may_pass) {
        super::keep_refusal(slots, release, &taken);
    }
    taken
}

/// Verifies a release and brings it, and leaves the slots alone: it is installed another time.
pub(super) fn bring(taking: &Taking<'_>, release: &Name) -> Result<(), Refused> {
    let _taker = lock(&source::folder(taking.slots)).map_err(Refused::passing)?;
    brought(taking, release, &wish(taking.slots, taking.again)).map(drop)
}

fn brought(taking: &Taking<'_>, release: &Name, wish: &Wish) -> Result<Genuine, Refused> {
    let Taking { slots, from, update, patience, budget, goes_on, .. } = taking;
    let trust = Trust::of(slots, &update.root);
    let now = RealClock::new(trust.floor_unix_ms()).now();
    let genuine = trust.release(from, release, now).map_err(|error| match error {
        // A genuine list without it: to look again brings nothing.
        TrustError::Absent(_) => Refused::lasting(chain(&error)),
        _ => Refused::passing(chain(&error)),
    })?;
    if !genuine.files.is_for(&wish.architecture) {
        let (release, wanted) = (release.clone(), genuine.files.architectures.join(", "));
        let found = wish.architecture.clone();
        let other = SlotError::OtherBoard { release, wanted, found };
        return Err(Refused::lasting(chain(&other)));
    }
    super::met(&genuine.files).map_err(Refused::lasting)?;
    let mut purse = Purse::open(slots, *budget, now, *goes_on);
    let brought = from.bring(slots, &genuine, patience, &mut purse);
    purse.close();
    brought.map_err(|error| Refused::passing(chain(&error)))?;
    Ok(genuine)
}

fn verified(
    taking: &Taking<'_>,
    release: &Name,
    still: &dyn Fn() -> Result<(), String>,
) -> Result<(Staged, Vec<String>), Refused> {
    let Taking { slots, from, again, goes_on, .. } = taking;
    let wish = wish(slots, *again);
    let genuine = brought(taking, release, &wish)?;
    if !goes_on() {
        return Err(Refused::passing("no longer wanted".into()));
    }
    still().map_err(Refused::passing)?;
    let mut open = |name: &Name| -> io::Result<Box<dyn Read>> {
        let part = genuine.files.files.iter().find(|part| part.name == *name);
        let part = part.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(File::open(from.file(slots, part))?))
    };
    let _lock = lock(slots).map_err(Refused::passing)?;
    let all = Slots::new(*slots, RealDisk);
    let last = all.state().ok().and_then(|state| state.last);
    let staged = all.stage(&genuine.manifest, &mut open, &wish);
    if matches!(staged, Ok(_) | Err(SlotError::Differs { .. })) {
        // In its slot, or not what was signed: to be fetched anew then.
        source::forget(slots);
    }
    let staged = staged.map_err(|error| {
        let again =
            last.is_some_and(|last| last.release == *release && differed(&last.reason, &error));
        Refused::of_slot(&error, again)
    });
    Ok((staged?, genuine.warnings))
}

/// Whether a reason is of the same file as this error. Not of the same bytes: a card or a memory
/// that flips bits never has the same ones twice.
fn differed(reason: &str, error: &SlotError) -> bool {
    let SlotError::Differs { name, .. } = error else { return false };
    reason.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(": "))
}

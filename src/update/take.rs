//! A signed release from a folder into the free slot: the same for an operator's command and for a
//! person at the board.

use std::io::{self, Read};
use std::path::Path;

use outpost_launcher::disk::RealDisk;
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::{Slots, Staged, Wish, chain};

use super::Trust;
use crate::clock::RealClock;
use crate::config::Update;
use crate::limits;

/// What a release has to be like to be taken here.
#[must_use]
pub fn wish(slots: &Path, update: &Update, again: bool) -> Wish {
    let deadline_s = update.deadline.as_secs().saturating_add(limits::UPDATE_ALARM_S);
    Wish {
        baseline: super::baseline(slots),
        deadline_s: u32::try_from(deadline_s).unwrap_or(u32::MAX),
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

/// Verifies the repository in a folder and puts a release of it into the free slot. Gives what
/// became of it, and warnings for people.
///
/// # Errors
/// Why it was not taken, with its causes.
pub fn take(
    slots: &Path,
    from: &Path,
    release: &Name,
    update: &Update,
    again: bool,
) -> Result<(Staged, Vec<String>), String> {
    let _lock = lock(slots)?;
    let trust = Trust::of(slots, &update.root);
    let now = RealClock::new(trust.floor_unix_ms()).now();
    let genuine = trust.release(from, release, now).map_err(|error| chain(&error))?;
    let mut open = |name: &Name| -> io::Result<Box<dyn Read>> { Ok(Box::new(genuine.open(name)?)) };
    let wish = wish(slots, update, again);
    let staged = Slots::new(slots, RealDisk).stage(&genuine.manifest, &mut open, &wish);
    staged.map(|staged| (staged, genuine.warnings)).map_err(|error| chain(&error))
}

//! Signs rollouts: begins one, has it go on, pauses and stops it. The keys of the drawer are not
//! needed, and nothing that they have not signed can be named. The signed document is all there is
//! to remember: whoever has the repository and the three keys goes on where another one ended.

use std::fs;
use std::path::Path;

use outpost_launcher::manifest::Name;
use tough::editor::{RepositoryEditor, targets::TargetsEditor};
use tough::schema::{KeyHolder, Target, Targets};
use tough::{IntoVec, Repository, TargetName};

use super::{FleetError, fault, from_disk, keys, publish, repository};
use crate::update::manifest_target;
use crate::update::rollout::{Document, FILE, Labels, ROLE, Rollout, Standing, Step};
use crate::{disk, limits};

/// What a rollout is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the boards take.
    pub release: Name,
    /// A board must have all of these.
    pub labels: Labels,
    /// Each takes in more than the one before it.
    pub steps: Vec<Step>,
    /// Boards that undo it, of ten thousand that are in, at which it stops.
    pub stop_of_10000: u16,
    /// Boards that have confirmed it, of ten thousand that are in, before the next step.
    pub enough_of_10000: u16,
}

/// The time, as rollouts have it.
#[must_use]
pub fn now_unix_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The rollouts of a repository. Of `keys` only the root is read.
///
/// # Errors
/// Where there is no repository, or it is not ours.
pub async fn read(keys: &Path, repository: &Path) -> Result<Document, FleetError> {
    let there = repository::open(keys, repository).await?.ok_or_else(none(repository))?;
    document(&there, repository).await
}

fn none(repository: &Path) -> impl FnOnce() -> FleetError {
    let what = format!("no repository in {}: publish a release first", repository.display());
    || FleetError::Rollout(what)
}

async fn document(there: &Repository, repository: &Path) -> Result<Document, FleetError> {
    let failed = repository::failed(repository);
    let name = TargetName::new(FILE).map_err(failed)?;
    let Some(stream) = there.read_target(&name).await.map_err(failed)? else {
        return Ok(Document::default());
    };
    let bytes = stream.into_vec().await.map_err(failed)?;
    Document::parse(&bytes).map_err(|what| FleetError::Rollout(format!("{FILE}: {what}")))
}

/// Changes the rollouts of a repository and signs them, for so many days. Where `edit` says that
/// nothing has changed, nothing is signed.
///
/// # Errors
/// Where the change is refused, keys are missing or the repository is not ours.
pub async fn change(
    keys: &Path,
    repository: &Path,
    days: publish::Days,
    edit: impl FnOnce(&mut Document) -> Result<bool, FleetError>,
) -> Result<Document, FleetError> {
    let signers = keys::sources(&keys::online(keys)?);
    let _lock = repository::lock(repository)?;
    let there = repository::open(keys, repository).await?.ok_or_else(none(repository))?;
    let role = repository::rollout_role(&there).cloned().ok_or_else(|| {
        let what = "this repository knows no rollouts: publish a release to it once more";
        FleetError::Rollout(what.into())
    })?;
    let before = document(&there, repository).await?;
    let mut after = before.clone();
    if !edit(&mut after)? {
        return Ok(before);
    }
    may_follow(&before, &after, &there)?;
    let target = write(repository, &after).await?;
    let failed = repository::failed(repository);
    let next = there.timestamp().signed.version.saturating_add(1);
    let folder = sign_role(repository, &there, role, target, days.targets, &signers).await?;
    let root = keys.join(keys::ROOT_FILE);
    let mut editor = RepositoryEditor::from_repo(&root, there).await.map_err(failed)?;
    let url = repository::url(&folder)?;
    editor.update_delegated_targets(ROLE, url.as_str()).await.map_err(failed)?;
    editor.snapshot_version(next).timestamp_version(next);
    editor.snapshot_expires(publish::expiry(days.online)?);
    editor.timestamp_expires(publish::expiry(days.online)?);
    let signed = editor.sign(&signers).await.map_err(failed)?;
    repository::put(repository, &signed).await?;
    fs::remove_dir_all(&folder).map_err(fault("remove", &folder))?;
    Ok(after)
}

/// By the checks that a board makes.
fn may_follow(before: &Document, after: &Document, there: &Repository) -> Result<(), FleetError> {
    after.check().and_then(|()| before.goes_on_to(after)).map_err(FleetError::Rollout)?;
    for one in &after.rollouts {
        let name = TargetName::new(manifest_target(&one.release));
        let listed = name.ok().and_then(|name| there.targets().signed.targets.get(&name));
        if listed.is_none() {
            let what = format!("the repository has no release {}: publish it first", one.release);
            return Err(FleetError::Rollout(what));
        }
    }
    Ok(())
}

async fn write(repository: &Path, document: &Document) -> Result<Target, FleetError> {
    let text = serde_json::to_vec(document).map_err(|e| FleetError::Rollout(e.to_string()))?;
    let file = repository.join(FILE);
    disk::replace(&file, &text).map_err(from_disk)?;
    let target = repository::add_file(repository, &file, FILE).await?;
    fs::remove_file(&file).map_err(fault("remove", &file))?;
    Ok(target)
}

/// Signs the delegated role with one target, into a folder of its own.
async fn sign_role(
    repository: &Path,
    there: &Repository,
    role: Targets,
    target: Target,
    days: i64,
    signers: &[Box<dyn tough::key_source::KeySource>],
) -> Result<std::path::PathBuf, FleetError> {
    let failed = repository::failed(repository);
    let next = role.version.saturating_add(1);
    let delegations = there.targets().signed.delegations.clone();
    let delegations = delegations.ok_or_else(none(repository))?;
    let mut editor = TargetsEditor::from_targets(ROLE, role, KeyHolder::Delegations(delegations));
    editor.clear_targets();
    let name = TargetName::new(FILE).map_err(failed)?;
    editor.add_target(name, target).map_err(failed)?;
    editor.version(next).expires(publish::expiry(days)?);
    let signed = editor.sign(signers).await.map_err(failed)?;
    let folder = repository.join("rollout.new");
    disk::folder(&folder).map_err(from_disk)?;
    signed.write(&folder, false).await.map_err(failed)?;
    Ok(folder)
}

/// Begins a rollout, or finds the one of this release and these labels that is not over; gives its
/// number. Where there is no room the oldest that is over is forgotten.
///
/// # Errors
/// Where there is no room.
pub fn begin(document: &mut Document, plan: &Plan, now_unix_ms: i64) -> Result<u64, FleetError> {
    let same = |one: &&Rollout| {
        one.release == plan.release && one.labels == plan.labels && !one.standing.is_over()
    };
    if let Some(there) = document.rollouts.iter().find(same) {
        return Ok(there.number);
    }
    let number = document.newest() + 1;
    if document.rollouts.len() >= limits::ROLLOUTS_MAX {
        let over = document.rollouts.iter().position(|one| one.standing.is_over());
        let Some(over) = over else {
            let what = format!("{} rollouts are under way; abort one first", limits::ROLLOUTS_MAX);
            return Err(FleetError::Rollout(what));
        };
        document.rollouts.remove(over);
    }
    document.rollouts.push(Rollout {
        number,
        release: plan.release.clone(),
        labels: plan.labels.clone(),
        steps: plan.steps.clone(),
        step: 0,
        since_unix_ms: now_unix_ms,
        standing: Standing::Running,
        reason: String::new(),
        stop_of_10000: plan.stop_of_10000,
        enough_of_10000: plan.enough_of_10000,
    });
    Ok(number)
}

/// The rollout of a number; without one, the newest that is not over.
///
/// # Errors
/// Where there is none.
pub fn pick(document: &mut Document, number: Option<u64>) -> Result<&mut Rollout, FleetError> {
    let wanted = |one: &&mut Rollout| match number {
        Some(number) => one.number == number,
        None => !one.standing.is_over(),
    };
    let found = document.rollouts.iter_mut().rev().find(wanted);
    found.ok_or_else(|| {
        let what = number.map_or("no rollout is under way".into(), |n| format!("no rollout {n}"));
        FleetError::Rollout(what)
    })
}

/// Makes a rollout stand otherwise; whether it did not before.
///
/// # Errors
/// Where it is over.
pub fn stand(one: &mut Rollout, standing: Standing, reason: &str) -> Result<bool, FleetError> {
    if one.standing == standing {
        return Ok(false);
    }
    if one.standing.is_over() {
        let (number, word) = (one.number, one.standing.word());
        return Err(FleetError::Rollout(format!("rollout {number} is {word}; begin another one")));
    }
    one.standing = standing;
    one.reason = reason.chars().take(limits::ROLLOUT_REASON_CHARS_MAX).collect();
    Ok(true)
}

/// The next step, or its end after the last one.
pub fn advance(one: &mut Rollout, now_unix_ms: i64) {
    if one.step + 1 < one.steps.len() {
        one.step += 1;
        one.since_unix_ms = now_unix_ms;
    } else {
        one.standing = Standing::Done;
    }
}

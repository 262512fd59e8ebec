//! New keys in the place of those that were stolen or lost: rollout, snapshot, timestamp. The key
//! of the list of files says who may sign rollouts, the root says the other two, so that those of
//! the drawer are needed. Boards follow by themselves.
//!
//! The set with the new keys is in the repository before they take the old ones' place: where it
//! ends in between, it is done again, with newer ones. What must never be here: a new root key or
//! targets key, which is a matter for several people.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde_json::json;
use tough::Repository;
use tough::editor::RepositoryEditor;
use tough::schema::key::Key;

use super::publish::{Days, in_days, seal};
use super::{FleetError, fault, from_disk, keys, repository};
use crate::disk;
use crate::update::rollout;

/// Keys that lie where rollouts are run from.
pub const ONLINE: [&str; 3] = ["rollout", "snapshot", "timestamp"];

/// A key that was made.
struct Made {
    role: &'static str,
    key: Key,
    /// Where it waits.
    path: PathBuf,
}

/// Makes new keys for these roles of a repository, and signs it with them. Gives its version.
///
/// # Errors
/// Where a key of the drawer is missing, the repository is not ours, or the disk refuses.
pub async fn rekey(
    key_folder: &Path,
    repository: &Path,
    roles: &[&'static str],
    days: Days,
) -> Result<u64, FleetError> {
    let old = keys::publishers(key_folder)?;
    let _lock = repository::lock(repository)?;
    let failed = repository::failed(repository);
    let absent = || FleetError::Rollout("no repository there: publish a release first".into());
    let there = repository::open(key_folder, repository).await?.ok_or_else(absent)?;
    let made = make(key_folder, roles).await?;
    let root = root(key_folder, &there, &made).await?;
    let version = there.timestamp().signed.version.saturating_add(1);
    let role = repository::rollout_role(&there).ok_or_else(absent)?;
    let versions = [version, role.version.saturating_add(1)];
    let mut targets = there.targets().clone();
    if let Some(new) = made.iter().find(|made| made.role == rollout::ROLE) {
        let delegations = targets.signed.delegations.as_mut().ok_or_else(absent)?;
        let role = delegations.roles.iter_mut().find(|role| role.name == rollout::ROLE);
        let role = role.ok_or_else(absent)?;
        let id = new.key.key_id().map_err(|error| FleetError::Keys(error.to_string()))?;
        delegations.keys.retain(|known, _| !role.keyids.contains(known));
        role.keyids = vec![id.clone()];
        delegations.keys.insert(id, new.key.clone());
    }
    let mut editor = RepositoryEditor::from_repo(&root, there).await.map_err(failed)?;
    editor.targets(targets).map_err(failed)?;
    let now = |path: PathBuf| {
        let new = made.iter().find(|made| keys::key(key_folder, made.role) == path);
        new.map_or(path, |made| made.path.clone())
    };
    let publishers: Vec<_> = old.into_iter().map(now).collect();
    seal(repository, editor, versions, days, &keys::sources(&publishers)).await?;
    for made in made {
        disk::publish(&made.path, &keys::key(key_folder, made.role)).map_err(from_disk)?;
    }
    if root != key_folder.join(keys::ROOT_FILE) {
        disk::publish(&root, &key_folder.join(keys::ROOT_FILE)).map_err(from_disk)?;
    }
    Ok(NonZeroU64::get(version))
}

async fn make(folder: &Path, roles: &[&'static str]) -> Result<Vec<Made>, FleetError> {
    let mut all = Vec::new();
    for role in roles {
        let path = folder.join(format!("{role}.key.new"));
        if path.exists() {
            fs::remove_file(&path).map_err(fault("remove", &path))?;
        }
        all.push(Made { role, key: keys::make_key(&path).await?, path });
    }
    Ok(all)
}

/// The root that names these keys, in a file beside the one that is there; that one itself where
/// it has no word in it.
async fn root(folder: &Path, there: &Repository, made: &[Made]) -> Result<PathBuf, FleetError> {
    let path = folder.join(keys::ROOT_FILE);
    let named: Vec<_> = made.iter().filter(|made| made.role != rollout::ROLE).collect();
    if named.is_empty() {
        return Ok(path);
    }
    let mut root = serde_json::to_value(&there.root().signed)
        .map_err(|error| FleetError::Keys(error.to_string()))?;
    for made in named {
        let (id, key) = keys::in_json(&made.key)?;
        let before = root["roles"][made.role]["keyids"].take();
        if let Some(keys) = root["keys"].as_object_mut() {
            keys.retain(|known, _| {
                !before.as_array().is_some_and(|all| all.contains(&json!(known)))
            });
            keys.insert(id.clone(), key);
        }
        root["roles"][made.role] = json!({"keyids": [id], "threshold": 1});
    }
    root["version"] = json!(there.root().signed.version.saturating_add(1));
    root["expires"] = json!(in_days(keys::ROOT_DAYS));
    let signers = (1..=keys::ROOT_KEYS).map(|number| keys::key(folder, &format!("root-{number}")));
    let signers: Vec<_> = signers.filter(|path| path.exists()).collect();
    if signers.len() < keys::ROOT_THRESHOLD {
        let what =
            format!("{} of the root keys must be in {}", keys::ROOT_THRESHOLD, folder.display());
        return Err(FleetError::Keys(what));
    }
    let signed = keys::sign_root(&root, &signers).await?;
    let path = folder.join("root.json.new");
    disk::replace(&path, &signed).map_err(from_disk)?;
    Ok(path)
}

//! The folder of a repository: read as boards read it, and changed so that a board which looks in
//! the middle sees the set before or the one after. The timestamp, which makes a set count, comes
//! last. What must never be here: what a release or a rollout is.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use outpost_launcher::lock::Lock;
use tough::editor::RepositoryEditor;
use tough::editor::signed::SignedRepository;
use tough::schema::{Target, Targets};
use tough::{FilesystemTransport, Repository, RepositoryLoader};
use url::Url;

use super::publish::measure;
use super::{FleetError, fault, from_disk, keys};
use crate::disk;
use crate::limits;
use crate::update::rollout;

/// The right to change a repository. Waits a moment for somebody else who has it.
pub(super) fn lock(repository: &Path) -> Result<Lock, FleetError> {
    let until = Instant::now() + Duration::from_millis(limits::REPOSITORY_LOCK_MS_MAX);
    loop {
        if let Some(lock) = Lock::take(repository).map_err(fault("lock", repository))? {
            return Ok(lock);
        }
        if Instant::now() > until {
            return Err(FleetError::Busy(repository.to_path_buf()));
        }
        std::thread::sleep(Duration::from_millis(limits::REPOSITORY_LOOK_MS));
    }
}

/// What `tough` finds wrong with a repository.
pub(super) fn failed(repository: &Path) -> impl Fn(tough::error::Error) -> FleetError + Copy {
    move |source| FleetError::Repository {
        path: repository.to_path_buf(),
        source: Box::new(source),
    }
}

pub(super) fn url(path: &Path) -> Result<Url, FleetError> {
    let path = path.canonicalize().map_err(fault("find", path))?;
    Url::from_directory_path(&path).map_err(|()| FleetError::Keys("the folder has no URL".into()))
}

/// The repository in a folder, verified; `None` where there is none yet.
pub(super) async fn open(keys: &Path, repository: &Path) -> Result<Option<Repository>, FleetError> {
    let (metadata, targets) = (repository.join("metadata"), repository.join("targets"));
    disk::folder(&metadata).map_err(from_disk)?;
    disk::folder(&targets).map_err(from_disk)?;
    if !metadata.join("timestamp.json").exists() {
        return Ok(None);
    }
    let root_path = keys.join(keys::ROOT_FILE);
    let root = fs::read(&root_path).map_err(fault("read", &root_path))?;
    let loader = RepositoryLoader::new(&root, url(&metadata)?, url(&targets)?)
        .transport(FilesystemTransport)
        // Its renewal is what is being done.
        .expiration_enforcement(tough::ExpirationEnforcement::Unsafe);
    loader.load().await.map(Some).map_err(failed(repository))
}

/// What is signed of rollouts; `None` in a repository of earlier days.
pub(super) fn rollout_role(there: &Repository) -> Option<&Targets> {
    let role = there.delegated_role(rollout::ROLE)?;
    role.targets.as_ref().map(|signed| &signed.signed)
}

/// Copies a file to where a target of that name is looked for.
pub(super) async fn add_file(
    repository: &Path,
    file: &Path,
    name: &str,
) -> Result<Target, FleetError> {
    let built = RepositoryEditor::build_target(file).await;
    let (_, target) = built.map_err(failed(repository))?;
    let (_, sha256) = measure(file)?;
    let targets = repository.join("targets");
    let to = targets.join(format!("{sha256}.{name}"));
    if !to.exists() {
        let part = targets.join(".part");
        fs::copy(file, &part).map_err(fault("copy", file))?;
        disk::publish(&part, &to).map_err(from_disk)?;
    }
    Ok(target)
}

/// Writes a signed set.
pub(super) async fn put(repository: &Path, signed: &SignedRepository) -> Result<(), FleetError> {
    let (metadata, new) = (repository.join("metadata"), repository.join("metadata.new"));
    if new.exists() {
        fs::remove_dir_all(&new).map_err(fault("remove", &new))?;
    }
    signed.write(&new).await.map_err(failed(repository))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&new).map_err(fault("list", &new))? {
        names.push(entry.map_err(fault("list", &new))?.file_name());
    }
    names.sort_by_key(|name| name == "timestamp.json");
    for name in names {
        disk::publish(&new.join(&name), &metadata.join(&name)).map_err(from_disk)?;
    }
    fs::remove_dir(&new).map_err(fault("remove", &new))
}

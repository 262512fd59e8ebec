//! Releases into a repository: a folder that any static host, or a stick, carries to the boards.
//! The files are there before what names them; the timestamp, which makes all of it count, is last.

use std::fs::{self, File};
use std::io::Read;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use outpost_launcher::limits::COPY_BYTES;
use outpost_launcher::manifest::{self, Manifest, Name, Needs, Part};
use sha2::{Digest, Sha256};
use tough::editor::RepositoryEditor;
use tough::key_source::KeySource;
use tough::schema::PathSet;
use tough::{Repository, TargetName};

use super::{FleetError, delta, fault, from_disk, keys, repository};
use crate::update::{delta as update_delta, manifest_target, rollout};
use crate::{disk, limits};

/// How long what is published is good for, in days.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// The list of files.
    pub targets: i64,
    /// Snapshot and timestamp: how long a board can be kept on an old set without noticing.
    pub online: i64,
}

/// Shorter ways to the files that are to be made along.
#[derive(Clone, Debug, Default)]
pub struct Shorter {
    /// The files in compressed form.
    pub compress: bool,
    /// Deltas from the files of these releases of the repository.
    pub delta_from: Vec<Name>,
}

impl Default for Days {
    fn default() -> Days {
        Days { targets: 365, online: 60 }
    }
}

/// A time so many days from now, as TUF writes it.
pub(super) fn in_days(days: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    let at = jiff::Timestamp::from_second(now + days * 86_400);
    at.unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Writes `release.json` for all files that are in a folder.
///
/// # Errors
/// Where a name cannot stand in a release, or a file cannot be read.
pub fn describe(
    folder: &Path,
    release: Name,
    program: Name,
    architectures: Vec<String>,
    needs: Needs,
) -> Result<Manifest, FleetError> {
    let wrong = |what: String| FleetError::Release { path: folder.to_path_buf(), what };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault("list", folder))? {
        let entry = entry.map_err(fault("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == manifest::FILE {
            continue;
        }
        let (length, sha256) = measure(&entry.path())?;
        files.push(Part { name: name.parse().map_err(wrong)?, length, sha256 });
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    let manifest = Manifest { release, program, architectures, needs, files };
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| wrong(e.to_string()))?;
    let text = text + "\n";
    // By the checks that a board makes.
    Manifest::parse(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    disk::replace(&folder.join(manifest::FILE), text.as_bytes()).map_err(from_disk)?;
    Ok(manifest)
}

/// Length in bytes and SHA-256 of a file.
pub(super) fn measure(path: &Path) -> Result<(u64, String), FleetError> {
    let mut file = File::open(path).map_err(fault("open", path))?;
    let (mut length, mut digest, mut buffer) = (0_u64, Sha256::new(), vec![0; COPY_BYTES]);
    loop {
        let read = file.read(&mut buffer).map_err(fault("read", path))?;
        if read == 0 {
            return Ok((length, manifest::hex(&digest.finalize())));
        }
        length += read as u64;
        digest.update(&buffer[..read]);
    }
}

/// Puts a release into a repository, beside those that are there; makes the repository where there
/// is none. One that is there is renewed. Gives the version of the set.
///
/// # Errors
/// Where the release is not what its manifest says or another one has its id, keys are missing, or
/// the repository that is there is not ours.
pub async fn publish(
    key_folder: &Path,
    repository: &Path,
    release: &Path,
    days: Days,
    shorter: &Shorter,
) -> Result<u64, FleetError> {
    let publishers = keys::sources(&keys::publishers(key_folder)?);
    let _lock = repository::lock(repository)?;
    let failed = repository::failed(repository);
    let (mut version, mut rollout_version) = (1, 1);
    let root_path = key_folder.join(keys::ROOT_FILE);
    let there = repository::open(key_folder, repository).await?;
    let mut listed = files(release)?;
    must_be_same(there.as_ref(), release, &listed)?;
    let ways = deltas(repository, there.as_ref(), release, shorter)?;
    listed.extend(ways.iter().cloned());
    let mut editor = match there {
        Some(there) => {
            version = there.timestamp().signed.version.get() + 1;
            if let Some(role) = repository::rollout_role(&there) {
                rollout_version = role.version.get() + 1;
            }
            RepositoryEditor::from_repo(&root_path, there).await.map_err(failed)?
        }
        None => RepositoryEditor::new(&root_path).await.map_err(failed)?,
    };
    for (file, name) in listed {
        let target = repository::add_file(repository, &file, &name).await?;
        let name = TargetName::new(name).map_err(failed)?;
        editor.add_target(name, target).map_err(failed)?;
    }
    let next = NonZeroU64::new(version).unwrap_or(NonZeroU64::MIN);
    let rollout_next = NonZeroU64::new(rollout_version).unwrap_or(NonZeroU64::MIN);
    if rollout_version == 1 {
        let key = keys::sources(&[keys::key(key_folder, rollout::ROLE)]);
        let path = tough::schema::PathPattern::new(rollout::FILE);
        let path = path.map_err(|error| FleetError::Keys(error.to_string()))?;
        let (paths, one) = (PathSet::Paths(vec![path]), NonZeroU64::MIN);
        let (role, lasting) = (rollout::ROLE, expiry(days.targets)?);
        let made = editor.delegate_role(role, &key, paths, true, one, lasting, rollout_next);
        made.await.map_err(failed)?;
    }
    seal(repository, editor, [next, rollout_next], days, &publishers).await?;
    for (made, _) in ways {
        fs::remove_file(&made).map_err(fault("remove", &made))?;
    }
    Ok(version)
}

/// Looks that a release that is in the repository by this id is the same one: boards may be taking
/// it, and what one of them has confirmed says nothing of another one under its name.
fn must_be_same(
    there: Option<&Repository>,
    release: &Path,
    listed: &[(PathBuf, String)],
) -> Result<(), FleetError> {
    let Some((path, name)) = listed.last() else { return Ok(()) };
    let found = there.and_then(|there| {
        let named = TargetName::new(name).ok()?;
        there.targets().signed.targets.get(&named)
    });
    let Some(found) = found else { return Ok(()) };
    let (_, sha256) = measure(path)?;
    if manifest::hex(found.hashes.sha256.as_ref()) == sha256 {
        return Ok(());
    }
    let path = release.to_path_buf();
    let what = "the repository has another release of this id; a changed one needs a new id";
    Err(FleetError::Release { path, what: what.into() })
}

/// Signs the list of files and what is delegated in these versions, and writes the set.
pub(super) async fn seal(
    repository: &Path,
    mut editor: RepositoryEditor,
    [version, rollout_version]: [NonZeroU64; 2],
    days: Days,
    publishers: &[Box<dyn KeySource>],
) -> Result<(), FleetError> {
    let failed = repository::failed(repository);
    editor.targets_version(version).map_err(failed)?;
    editor.targets_expires(expiry(days.targets)?).map_err(failed)?;
    editor.sign_targets_editor(publishers).await.map_err(failed)?;
    // What is delegated is renewed along with it.
    editor.change_delegated_targets(rollout::ROLE).map_err(failed)?;
    editor.targets_version(rollout_version).map_err(failed)?;
    editor.targets_expires(expiry(days.targets)?).map_err(failed)?;
    editor.snapshot_version(version).timestamp_version(version);
    editor.snapshot_expires(expiry(days.online)?).timestamp_expires(expiry(days.online)?);
    let signed = editor.sign(publishers).await.map_err(failed)?;
    repository::put(repository, &signed).await
}

/// Makes shorter ways to the files of a release: compressed, and out of those of releases that are
/// in the repository, where that is shorter. Files and the names of their targets.
fn deltas(
    repository: &Path,
    there: Option<&Repository>,
    release: &Path,
    shorter: &Shorter,
) -> Result<Vec<(PathBuf, String)>, FleetError> {
    let mut olds = Vec::new();
    for id in &shorter.delta_from {
        let absent = || FleetError::Rollout(format!("the repository has no release {id}"));
        let there = there.ok_or_else(absent)?;
        let name = TargetName::new(manifest_target(id)).map_err(repository::failed(repository))?;
        let target = there.targets().signed.targets.get(&name).ok_or_else(absent)?;
        let sum = manifest::hex(target.hashes.sha256.as_ref());
        let path = repository.join("targets").join(format!("{sum}.{}", name.raw()));
        let bytes = fs::read(&path).map_err(fault("read", &path))?;
        let old = Manifest::parse(&bytes).map_err(|e| FleetError::Rollout(e.to_string()))?;
        olds.push(old);
    }
    let path = release.join(manifest::FILE);
    let bytes = fs::read(&path).map_err(fault("read", &path))?;
    let listed = Manifest::parse(&bytes).map_err(|e| FleetError::Rollout(e.to_string()))?;
    let mut ways = Vec::new();
    for part in listed.files.iter().filter(|part| part.length >= limits::DELTA_BYTES_MIN) {
        let path = release.join(part.name.as_str());
        let new = fs::read(&path).map_err(fault("read", &path))?;
        let mut way = |old: Option<&Part>| -> Result<(), FleetError> {
            let before = old.map(|old| {
                let path = repository.join("targets").join(format!("{0}.{0}", old.sha256));
                fs::read(&path).map_err(fault("read", &path))
            });
            let before = before.transpose()?.unwrap_or_default();
            let made = delta::make(&before, &new).map_err(fault("compress", &path))?;
            let name = update_delta::target(&part.sha256, old.map(|old| old.sha256.as_str()));
            let to = repository.join(format!(".{name}"));
            if (made.len() as u64) < part.length {
                disk::replace(&to, &made).map_err(from_disk)?;
                ways.push((to, name));
            }
            Ok(())
        };
        if shorter.compress {
            way(None)?;
        }
        for old in &olds {
            let same = old.files.iter().find(|one| one.name == part.name);
            if let Some(same) = same.filter(|one| one.sha256 != part.sha256) {
                way(Some(same))?;
            }
        }
    }
    Ok(ways)
}

/// A time so many days from now, in the type that `tough` has for it.
pub(super) fn expiry<T: std::str::FromStr>(days: i64) -> Result<T, FleetError> {
    let unreadable = |_| FleetError::Keys("a time that cannot be written".into());
    in_days(days).parse().map_err(unreadable)
}

/// The files of a release with the names of their targets: the manifest by its release, all others
/// by their content, so that what two releases share is there once.
fn files(release: &Path) -> Result<Vec<(PathBuf, String)>, FleetError> {
    let path = release.join(manifest::FILE);
    let wrong = |what: String| FleetError::Release { path: release.to_path_buf(), what };
    let bytes = fs::read(&path).map_err(fault("read", &path))?;
    let listed = Manifest::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let mut files = Vec::new();
    for part in &listed.files {
        let file = release.join(part.name.as_str());
        let (length, sha256) = measure(&file)?;
        if (length, &sha256) != (part.length, &part.sha256) {
            return Err(wrong(format!("{} has changed since release.json was written", part.name)));
        }
        files.push((file, sha256));
    }
    files.push((path, manifest_target(&listed.release)));
    Ok(files)
}

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
use tough::{FilesystemTransport, RepositoryLoader, TargetName};
use url::Url;

use super::{FleetError, fault, keys};
use crate::disk;
use crate::update::manifest_target;

/// How long what is published is good for, in days.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// The list of files.
    pub targets: i64,
    /// Snapshot and timestamp: how long a board can be kept on an old set without noticing.
    pub online: i64,
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

fn from_disk(error: disk::DiskError) -> FleetError {
    FleetError::File { action: error.action, path: error.path, source: error.source }
}

/// Length in bytes and SHA-256 of a file.
fn measure(path: &Path) -> Result<(u64, String), FleetError> {
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
/// is none. Gives the version of the set.
///
/// # Errors
/// Where the release is not what its manifest says, keys are missing, or the repository that is
/// there is not ours.
pub async fn publish(
    key_folder: &Path,
    repository: &Path,
    release: &Path,
    days: Days,
) -> Result<u64, FleetError> {
    let publishers = keys::publishers(key_folder)?;
    let (metadata, targets) = (repository.join("metadata"), repository.join("targets"));
    let root_path = key_folder.join(keys::ROOT_FILE);
    let failed = |source| FleetError::Repository {
        path: repository.to_path_buf(),
        source: Box::new(source),
    };
    let mut version = 1;
    let mut editor = if metadata.join("timestamp.json").exists() {
        let root = fs::read(&root_path).map_err(fault("read", &root_path))?;
        let url = |path: &Path| {
            let path = path.canonicalize().map_err(fault("find", path))?;
            Url::from_directory_path(&path)
                .map_err(|()| FleetError::Keys("the folder has no URL".into()))
        };
        let loader = RepositoryLoader::new(&root, url(&metadata)?, url(&targets)?)
            .transport(FilesystemTransport)
            // Its renewal is what is being done.
            .expiration_enforcement(tough::ExpirationEnforcement::Unsafe);
        let there = loader.load().await.map_err(failed)?;
        version = there.timestamp().signed.version.get() + 1;
        RepositoryEditor::from_repo(&root_path, there).await.map_err(failed)?
    } else {
        RepositoryEditor::new(&root_path).await.map_err(failed)?
    };
    disk::folder(&metadata).map_err(from_disk)?;
    disk::folder(&targets).map_err(from_disk)?;
    for (file, name) in files(release)? {
        let (_, target) = RepositoryEditor::build_target(&file).await.map_err(failed)?;
        let (_, sha256) = measure(&file)?;
        let to = targets.join(format!("{sha256}.{name}"));
        if !to.exists() {
            let part = targets.join(".part");
            fs::copy(&file, &part).map_err(fault("copy", &file))?;
            disk::publish(&part, &to).map_err(from_disk)?;
        }
        let name = TargetName::new(name).map_err(failed)?;
        editor.add_target(name, target).map_err(failed)?;
    }
    let next = NonZeroU64::new(version).unwrap_or(NonZeroU64::MIN);
    let parsed = |days| in_days(days).parse();
    let unreadable = |_| FleetError::Keys("a time that cannot be written".into());
    editor.targets_version(next).map_err(failed)?;
    editor.targets_expires(parsed(days.targets).map_err(unreadable)?).map_err(failed)?;
    editor.snapshot_version(next).timestamp_version(next);
    editor.snapshot_expires(in_days(days.online).parse().map_err(unreadable)?);
    editor.timestamp_expires(in_days(days.online).parse().map_err(unreadable)?);
    let signed = editor.sign(&keys::sources(&publishers)).await.map_err(failed)?;
    signed.write(&metadata).await.map_err(failed)?;
    Ok(version)
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

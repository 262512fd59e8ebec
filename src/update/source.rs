//! Where a repository is: a folder, or a static host over HTTP. What comes over a network is kept
//! in files of its own until a release is whole, so that a line that breaks, or a board that starts
//! again, goes on where it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::disk::{Disk, RealDisk};
use outpost_launcher::limits::FREE_BYTES_MIN;
use outpost_launcher::manifest::{Manifest, Part, hex};
use outpost_launcher::slots::Slots;
use outpost_launcher::state::Taken;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tough::{
    Bytes, FilesystemTransport, IntoVec, Transport, TransportError, TransportErrorKind,
    TransportStream,
};
use url::Url;

use super::delta;
use super::purse::Purse;
use super::trust::{Genuine, Way};
use crate::limits;
use crate::mind::pull::{HttpError, Patience, fetch};

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Two folders below this one: `metadata` and `targets`.
    Folder(PathBuf),
    /// The same below this address.
    Http(Url),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Folder(path) => path.display().fmt(f),
            Source::Http(url) => url.fmt(f),
        }
    }
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Source::Folder(text.into()));
        };
        if !["http", "https"].contains(&scheme) {
            return Err(format!("{scheme}://: allowed are a folder, http:// and https://"));
        }
        let whole = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        Url::parse(&whole).map(Source::Http).map_err(|error| error.to_string())
    }
}

/// A file of a release does not come.
#[derive(Debug, Error)]
pub enum BringError {
    /// The server, or the line to it.
    #[error("{name}")]
    Http {
        /// The file.
        name: String,
        /// What went wrong.
        source: HttpError,
    },
    /// Our own disk.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// There is no room for the files and the slot.
    #[error("{free} bytes are free; fetching the release and its slot need {needed}")]
    NoRoom {
        /// What is free.
        free: u64,
        /// What is needed.
        needed: u64,
    },
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BringError {
    let path = path.to_path_buf();
    move |source| BringError::Disk { action, path, source }
}

impl Source {
    /// The address of a part of it, with a slash at its end.
    ///
    /// # Errors
    /// Where the folder is not there.
    pub(super) fn part(&self, name: &str) -> io::Result<Url> {
        match self {
            Source::Folder(path) => {
                let path = path.join(name).canonicalize()?;
                let wrong = |()| io::Error::from(io::ErrorKind::InvalidFilename);
                Url::from_directory_path(&path).map_err(wrong)
            }
            Source::Http(url) => {
                let joined = url.join(&format!("{name}/"));
                joined.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
            }
        }
    }

    /// Where a file of a release lies on this machine, once it has been brought.
    #[must_use]
    pub fn file(&self, slots: &Path, part: &Part) -> PathBuf {
        match self {
            // The name of a target is its content's, with the same once more as its version.
            Source::Folder(path) => path.join("targets").join(target(part)),
            Source::Http(_) => folder(slots).join(&part.sha256),
        }
    }

    /// Brings a file by a shorter way; `false` where that leads elsewhere, and the whole is needed.
    fn bring_way(
        &self,
        to: &Path,
        (name, way, old): (&str, &Way, Option<&Path>),
        part: &Part,
        patience: &Patience,
        purse: &mut Purse<'_>,
    ) -> Result<bool, BringError> {
        let file = to.with_file_name(name);
        let targets = self.part("targets").map_err(fault("name", &file))?;
        let address = targets.join(&format!("{}.{name}", way.sha256));
        let address = address.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        let address = address.map_err(fault("name", &file))?;
        purse.begin_at(length(&file));
        fetch(address.as_str(), &file, way.length, patience, purse)
            .map_err(|source| BringError::Http { name: part.name.to_string(), source })?;
        let made = to.with_extension("made");
        let right = delta::apply(old, &file, &made, part.length).and_then(|()| sum_of(&made));
        let is_right = right.as_ref().is_ok_and(|sum| *sum == part.sha256);
        fs::remove_file(&file).map_err(fault("remove", &file))?;
        if is_right {
            crate::disk::publish(&made, to).map_err(|error| BringError::Disk {
                action: error.action,
                path: error.path,
                source: error.source,
            })?;
        } else {
            let why = right.map_or_else(|error| error.to_string(), |_| "another file".into());
            tracing::warn!(file = %part.name, why, "a shorter way leads elsewhere: it comes whole");
            drop(fs::remove_file(&made));
        }
        Ok(is_right)
    }

    /// Brings what is missing of a release onto this machine. Files that a slot has already are
    /// taken from there. What came is kept when it fails, for the next attempt.
    ///
    /// # Errors
    /// The file that does not come and why, or what the disk refuses.
    pub(super) fn bring(
        &self,
        slots: &Path,
        genuine: &Genuine,
        patience: &Patience,
        purse: &mut Purse<'_>,
    ) -> Result<(), BringError> {
        let Source::Http(_) = self else { return Ok(()) };
        let release = &genuine.files;
        let folder = folder(slots);
        fs::create_dir_all(&folder).map_err(fault("create the folder", &folder))?;
        forget_others(&folder, release)?;
        let missing: u64 = release
            .files
            .iter()
            .map(|part| part.length.saturating_sub(length(&folder.join(&part.sha256))))
            .sum();
        let free = RealDisk.free_bytes(&folder).map_err(fault("measure", &folder))?;
        let needed = missing.saturating_add(release.bytes()).saturating_add(FREE_BYTES_MIN);
        if free < needed {
            return Err(BringError::NoRoom { free, needed });
        }
        let there = in_slots(slots);
        for part in &release.files {
            self.bring_part(slots, part, &there, &genuine.ways, patience, purse)?;
        }
        Ok(())
    }

    fn bring_part(
        &self,
        slots: &Path,
        part: &Part,
        there: &BTreeMap<String, PathBuf>,
        ways: &BTreeMap<String, Way>,
        patience: &Patience,
        purse: &mut Purse<'_>,
    ) -> Result<(), BringError> {
        let to = self.file(slots, part);
        if length(&to) == part.length {
            return Ok(());
        }
        if let Some(there) = there.get(&part.sha256) {
            fs::copy(there, &to).map_err(fault("copy", there))?;
            return Ok(());
        }
        // What has come of the whole is not thrown away for a shorter way.
        if length(&to) == 0
            && let Some((name, way, old)) = shortest(part, there, ways)
            && self.bring_way(&to, (name, way, old), part, patience, purse)?
        {
            return Ok(());
        }
        let targets = self.part("targets").map_err(fault("name", &to))?;
        let address = targets.join(&target(part));
        let address = address.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        let address = address.map_err(fault("name", &to))?;
        purse.begin_at(length(&to));
        fetch(address.as_str(), &to, part.length, patience, purse)
            .map_err(|source| BringError::Http { name: part.name.to_string(), source })
    }
}

/// The shortest way to a file that can be gone here: its name, and the file that it begins at.
fn shortest<'a>(
    part: &Part,
    there: &'a BTreeMap<String, PathBuf>,
    ways: &'a BTreeMap<String, Way>,
) -> Option<(&'a str, &'a Way, Option<&'a Path>)> {
    let known = there.iter().map(|(sum, path)| (Some(sum.as_str()), Some(path.as_path())));
    let begins = known.chain([(None, None)]);
    let named = begins.filter_map(|(sum, path)| {
        let (name, way) = ways.get_key_value(&delta::target(&part.sha256, sum))?;
        Some((name.as_str(), way, path))
    });
    named.filter(|(_, way, _)| way.length < part.length).min_by_key(|(_, way, _)| way.length)
}

fn target(part: &Part) -> String {
    format!("{0}.{0}", part.sha256)
}

/// Where files lie that came over a network.
pub(super) fn folder(slots: &Path) -> PathBuf {
    slots.join("fetched")
}

/// The release is in its slot, or what came was wrong: its files are of no more use.
pub(super) fn forget(slots: &Path) {
    // A rest of them is removed before the next release is fetched.
    drop(fs::remove_dir_all(folder(slots)));
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |facts| facts.len())
}

/// Removes what belongs to another release.
fn forget_others(folder: &Path, release: &Manifest) -> Result<(), BringError> {
    for entry in fs::read_dir(folder).map_err(fault("list", folder))? {
        let path = entry.map_err(fault("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_of = |part: &Part| name.split('.').next() == Some(part.sha256.as_str());
        let ours = name == "lock" || release.files.iter().any(is_of);
        if !ours {
            fs::remove_file(&path).map_err(fault("remove", &path))?;
        }
    }
    Ok(())
}

/// The files in slots with whole releases, by their checksums. What they say of themselves is
/// checked when a file of the new release has been made of them.
fn in_slots(slots: &Path) -> BTreeMap<String, PathBuf> {
    let all = Slots::new(slots, RealDisk);
    let Ok(state) = all.state() else { return BTreeMap::new() };
    let files = |taken: &Taken| {
        let (release, folder) = (all.verify(taken).ok(), all.folder(taken.slot));
        let parts = release.map(|release| release.files).unwrap_or_default();
        parts.into_iter().map(move |part| (part.sha256, folder.join(part.name.as_str())))
    };
    state.confirmed.iter().chain(&state.previous).flat_map(files).collect()
}

/// The SHA-256 of a file.
fn sum_of(path: &Path) -> io::Result<String> {
    let (mut file, mut digest) = (fs::File::open(path)?, Sha256::new());
    let mut chunk = vec![0; limits::FILE_CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&digest.finalize())),
            count => digest.update(&chunk[..count]),
        }
    }
}

/// How `tough` reads metadata: files, and HTTP by the same library as models.
#[derive(Clone, Debug)]
pub(super) struct Reader;

impl Reader {
    /// A small file; `None` where it does not come.
    pub(super) async fn all(&self, url: Url) -> Option<Vec<u8>> {
        self.fetch(url).await.ok()?.into_vec().await.ok()
    }
}

#[tough::async_trait]
impl Transport for Reader {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        if url.scheme() == "file" {
            return FilesystemTransport.fetch(url).await;
        }
        let address = url.clone();
        let read = tokio::task::spawn_blocking(move || get(&address)).await;
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err((kind, text))) => return Err(TransportError::new_with_cause(kind, url, text)),
            Err(error) => {
                let kind = TransportErrorKind::Other;
                return Err(TransportError::new_with_cause(kind, url, error));
            }
        };
        Ok(Box::pin(tokio_stream::once(Ok(Bytes::from(bytes)))))
    }
}

/// One metadata file. Never more bytes than the largest may have; `tough` has its bound for each.
fn get(url: &Url) -> Result<Vec<u8>, (TransportErrorKind, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .user_agent(concat!("outpost", "/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_millis(limits::TRUST_LOAD_MS_MAX)))
        .build()
        .into();
    let other = |error: ureq::Error| (TransportErrorKind::Other, error.to_string());
    let mut response = agent.get(url.as_str()).call().map_err(other)?;
    let status = response.status().as_u16();
    match status {
        200 => {
            let most = limits::TRUST_TARGETS_BYTES_MAX;
            response.body_mut().with_config().limit(most).read_to_vec().map_err(other)
        }
        // A static host says one of these of a file that it does not have.
        403 | 404 | 410 => Err((TransportErrorKind::FileNotFound, format!("status {status}"))),
        _ => Err((TransportErrorKind::Other, format!("status {status}"))),
    }
}

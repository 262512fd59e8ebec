//! Where a repository is: a folder, or a static host over HTTP. What comes over a network is kept
//! in files of its own until a release is whole, so that a line that breaks, or a board that starts
//! again, goes on where it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::disk::{Disk, RealDisk};
use outpost_launcher::limits::FREE_BYTES_MIN;
use outpost_launcher::manifest::{Manifest, Part};
use outpost_launcher::slots::Slots;
use outpost_launcher::state::Taken;
use thiserror::Error;
use tough::{
    Bytes, FilesystemTransport, IntoVec, Transport, TransportError, TransportErrorKind,
    TransportStream,
};
use url::Url;

use crate::limits;
use crate::mind::pull::{HttpError, Patience, Silent, fetch};

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

    /// Brings what is missing of a release onto this machine. Files that a slot has already are
    /// taken from there. What came is kept when it fails, for the next attempt.
    ///
    /// # Errors
    /// The file that does not come and why, or what the disk refuses.
    pub fn bring(
        &self,
        slots: &Path,
        release: &Manifest,
        patience: &Patience,
    ) -> Result<(), BringError> {
        let Source::Http(_) = self else { return Ok(()) };
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
        for part in &release.files {
            self.bring_part(slots, part, patience)?;
        }
        Ok(())
    }

    fn bring_part(&self, slots: &Path, part: &Part, patience: &Patience) -> Result<(), BringError> {
        let to = self.file(slots, part);
        if length(&to) == part.length {
            return Ok(());
        }
        if let Some(there) = in_a_slot(slots, part) {
            fs::copy(&there, &to).map_err(fault("copy", &there))?;
            return Ok(());
        }
        let targets = self.part("targets").map_err(fault("name", &to))?;
        let address = targets.join(&target(part));
        let address = address.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        let address = address.map_err(fault("name", &to))?;
        fetch(address.as_str(), &to, part.length, patience, &mut Silent)
            .map_err(|source| BringError::Http { name: part.name.to_string(), source })
    }
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
        let ours = name == "lock" || release.files.iter().any(|part| part.sha256 == name);
        if !ours {
            fs::remove_file(&path).map_err(fault("remove", &path))?;
        }
    }
    Ok(())
}

/// The same file in a slot with a whole release; what it says of itself is checked when it is
/// copied into the other slot.
fn in_a_slot(slots: &Path, part: &Part) -> Option<PathBuf> {
    let all = Slots::new(slots, RealDisk);
    let state = all.state().ok()?;
    let there = |taken: &Taken| {
        let release = all.verify(taken).ok()?;
        let same = release.files.iter().find(|one| one.sha256 == part.sha256)?;
        Some(all.folder(taken.slot).join(same.name.as_str()))
    };
    state.confirmed.iter().chain(&state.previous).find_map(there)
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

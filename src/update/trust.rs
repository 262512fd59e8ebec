//! What is genuine: a repository by The Update Framework (TUF), verified by the crate `tough`.
//! Version counters decide; expiry is policy by how far this board's clock is believed.
//!
//! `tough` writes its datastore role by role. It gets a copy, and the copy takes the datastore's
//! place in one step when the whole set has been verified: a set that turns out bad in its last
//! file leaves nothing behind. What must never be here: a way around a check.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::limits::MANIFEST_BYTES_MAX;
use outpost_launcher::manifest::{Manifest, Name};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use thiserror::Error;
use tough::{ExpirationEnforcement, IntoVec, Limits, Repository, RepositoryLoader, TargetName};

use super::source::{Reader, Source};
use crate::clock::{ClockTrust, Now};
use crate::{disk, limits};

/// Why nothing of a repository is believed. What was believed before still is.
#[derive(Debug, Error)]
pub enum TrustError {
    /// A file or folder of our own cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The metadata is not genuine, or not whole.
    #[error("the repository {from} is not believed")]
    Metadata {
        /// Where it lies.
        from: String,
        /// Which check it failed.
        source: Box<tough::error::Error>,
    },
    /// It is older than it says it may be.
    #[error("the {role} of the repository expired at {at}; it is {now} or later")]
    Expired {
        /// Which role.
        role: &'static str,
        /// When.
        at: String,
        /// The time that has passed for certain.
        now: String,
    },
    /// It does not come.
    #[error("the repository {from} gave no whole metadata within {seconds} s")]
    Slow {
        /// Where it lies.
        from: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It is genuine and has no such release.
    #[error("the repository has no release {0}")]
    Absent(Name),
    /// The release's manifest is not what it should be.
    #[error("release {release}: {what}")]
    Manifest {
        /// Its id.
        release: Name,
        /// What is wrong.
        what: String,
    },
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TrustError {
    let path = path.to_path_buf();
    move |source| TrustError::File { action, path, source }
}

/// Where trust comes from and where it is kept.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The root that came with the board: where trust begins, if nothing is kept yet.
    pub root: PathBuf,
    /// The folder in which this board keeps what it has verified.
    pub kept: PathBuf,
    /// How long the metadata may take.
    pub patience: Duration,
}

/// A genuine release.
#[derive(Clone, Debug)]
pub struct Genuine {
    /// Its manifest, as signed.
    pub manifest: Vec<u8>,
    /// The same, read. Length and checksum of its files are its to promise and the slots' to check.
    pub files: Manifest,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// The name of the target with a release's manifest.
#[must_use]
pub fn manifest_target(release: &Name) -> String {
    format!("{release}.release.json")
}

impl Trust {
    /// A board's trust, kept beside its slots.
    #[must_use]
    pub fn of(slots: &Path, root: &Path) -> Trust {
        let patience = Duration::from_millis(limits::TRUST_LOAD_MS_MAX);
        Trust { root: root.into(), kept: slots.join("trust"), patience }
    }

    /// The last time that is certain to have passed, in milliseconds since 1970 UTC, as the last
    /// verification with a trusted clock left it; 0: none.
    #[must_use]
    pub fn floor_unix_ms(&self) -> i64 {
        let text = fs::read_to_string(self.kept.join(FLOOR)).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// Verifies a repository (`metadata/` and `targets/`) and gives a release of it.
    ///
    /// # Errors
    /// The check that failed. Nothing of the repository is kept then.
    pub fn release(
        &self,
        repository: &Source,
        release: &Name,
        now: Now,
    ) -> Result<Genuine, TrustError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(fault("start reading into", &self.kept))?;
        let genuine = runtime.block_on(self.verify(repository, release, now));
        // A read that hangs is left behind.
        runtime.shutdown_background();
        genuine
    }

    async fn verify(
        &self,
        repository: &Source,
        release: &Name,
        now: Now,
    ) -> Result<Genuine, TrustError> {
        let new = self.copy()?;
        let kept_root = new.join("root.json");
        let root = if kept_root.exists() { &kept_root } else { &self.root };
        let root = fs::read(root).map_err(fault("read", root))?;
        let believe = |source| {
            let from = repository.to_string();
            TrustError::Metadata { from, source: Box::new(source) }
        };
        let loader = loader(&root, repository, now)?.datastore(&new);
        let slow = |_| {
            let (from, seconds) = (repository.to_string(), self.patience.as_secs());
            TrustError::Slow { from, seconds }
        };
        let loaded = tokio::time::timeout(self.patience, loader.load()).await.map_err(slow)?;
        let loaded = loaded.map_err(believe)?;
        let warnings = expiry(&loaded, now)?;
        let target = manifest_target(release);
        let name = TargetName::new(&target).map_err(believe)?;
        let listed = loaded.targets().signed.targets.get(&name);
        let Some(listed) = listed else { return Err(TrustError::Absent(release.clone())) };
        let wrong = |what| TrustError::Manifest { release: release.clone(), what };
        if listed.length > MANIFEST_BYTES_MAX {
            return Err(wrong(format!("{} bytes of manifest", listed.length)));
        }
        let read = async {
            // 5.7.2: the content is checked against the signed length and hash.
            let stream = loaded.read_target(&name).await?;
            match stream {
                Some(stream) => stream.into_vec().await,
                None => Ok(Vec::new()),
            }
        };
        let manifest = tokio::time::timeout(self.patience, read).await.map_err(slow)?;
        let manifest = manifest.map_err(believe)?;
        let files = Manifest::parse(&manifest).map_err(|error| wrong(error.to_string()))?;
        if files.release != *release {
            return Err(wrong(format!("its manifest is of release {}", files.release)));
        }
        self.keep(&new, now)?;
        Ok(Genuine { manifest, files, warnings })
    }

    /// A copy of what is kept, for `tough` to write into.
    fn copy(&self) -> Result<PathBuf, TrustError> {
        let new = self.kept.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(fault("remove", &new))?;
        }
        fs::create_dir_all(&new).map_err(fault("create the folder", &new))?;
        let names = match fs::read_dir(&self.kept) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(new),
            Err(error) => return Err(fault("list", &self.kept)(error)),
        };
        for entry in names {
            let entry = entry.map_err(fault("list", &self.kept))?;
            // `tough` refuses a clock that went back by half a millisecond; we judge clocks.
            if entry.file_name() != "latest_known_time.json" {
                let to = new.join(entry.file_name());
                fs::copy(entry.path(), &to).map_err(fault("copy", &entry.path()))?;
            }
        }
        Ok(new)
    }

    /// What has been verified as a whole takes the place of what was kept, in one step.
    fn keep(&self, new: &Path, now: Now) -> Result<(), TrustError> {
        let from_disk = |error: disk::DiskError| TrustError::File {
            action: error.action,
            path: error.path,
            source: error.source,
        };
        if now.trust == ClockTrust::Synced {
            let text = now.unix_ms.to_string();
            disk::replace(&new.join(FLOOR), text.as_bytes()).map_err(from_disk)?;
        }
        for entry in fs::read_dir(new).map_err(fault("list", new))? {
            let path = entry.map_err(fault("list", new))?.path();
            File::open(&path).and_then(|file| file.sync_all()).map_err(fault("sync", &path))?;
        }
        disk::sync_folder(new).map_err(from_disk)?;
        let flags = if self.kept.exists() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        renameat_with(CWD, new, CWD, &self.kept, flags)
            .map_err(|error| fault("put into its place", new)(error.into()))?;
        disk::sync_folder(self.kept.parent().unwrap_or(Path::new("."))).map_err(from_disk)?;
        if new.exists() {
            // The old set. A rest of it is removed by the next verification.
            drop(fs::remove_dir_all(new));
        }
        Ok(())
    }
}

/// The file with the last trusted time.
const FLOOR: &str = "floor";

fn loader<'a>(
    root: &'a Vec<u8>,
    repository: &Source,
    now: Now,
) -> Result<RepositoryLoader<'a>, TrustError> {
    let place = |name: &str| {
        let path = PathBuf::from(repository.to_string()).join(name);
        repository.part(name).map_err(fault("find", &path))
    };
    let expiry = match now.trust {
        ClockTrust::Synced => ExpirationEnforcement::Safe,
        ClockTrust::Restored | ClockTrust::Unset => ExpirationEnforcement::Unsafe,
    };
    let bounds = Limits {
        max_root_size: limits::TRUST_ROLE_BYTES_MAX,
        max_targets_size: limits::TRUST_TARGETS_BYTES_MAX,
        max_timestamp_size: limits::TRUST_ROLE_BYTES_MAX,
        max_snapshot_size: limits::TRUST_ROLE_BYTES_MAX,
        max_root_updates: limits::TRUST_ROOTS_MAX,
    };
    Ok(RepositoryLoader::new(root, place("metadata")?, place("targets")?)
        .transport(Reader)
        .limits(bounds)
        .expiration_enforcement(expiry))
}

/// The last step of 5.3, 5.4, 5.5 and 5.6: expiry, by our own clock. A clock that is not believed
/// still knows a time that has passed for certain; what had expired by then is refused, and the
/// rest is a warning: a board that boots in 1970 must not lock itself out.
fn expiry(loaded: &Repository, now: Now) -> Result<Vec<String>, TrustError> {
    let roles = [
        ("root", loaded.root().signed.expires.as_millisecond()),
        ("timestamp", loaded.timestamp().signed.expires.as_millisecond()),
        ("snapshot", loaded.snapshot().signed.expires.as_millisecond()),
        ("targets", loaded.targets().signed.expires.as_millisecond()),
    ];
    for (role, at) in roles {
        if at < now.unix_ms {
            let (at, now) = (crate::journal::rfc3339(at), crate::journal::rfc3339(now.unix_ms));
            return Err(TrustError::Expired { role, at, now });
        }
    }
    if now.trust == ClockTrust::Synced {
        return Ok(Vec::new());
    }
    let since = crate::journal::rfc3339(now.unix_ms);
    Ok(vec![format!(
        "the clock is not set: whether the repository has expired since {since} is not known"
    )])
}

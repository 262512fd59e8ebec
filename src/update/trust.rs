//! What is genuine: a repository by The Update Framework (TUF), verified by the crate `tough`.
//! Version counters decide; expiry is policy by how far this board's clock is believed.
//!
//! `tough` writes its datastore role by role. It gets a copy, and the copy takes the datastore's
//! place in one step when the whole set has been verified: a set that turns out bad in its last
//! file leaves nothing behind. What must never be here: a way around a check.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::limits::MANIFEST_BYTES_MAX;
use outpost_launcher::manifest::{Manifest, Name, hex};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use thiserror::Error;
use tough::{ExpirationEnforcement, IntoVec, Limits, Repository, RepositoryLoader, TargetName};

use super::delta;
use super::rollout::{self, Document};
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
    /// Its rollouts are not what they should be.
    #[error("the rollouts of {from} are not followed: {what}")]
    Rollouts {
        /// Where it lies.
        from: String,
        /// What is wrong.
        what: String,
    },
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
    /// Shorter ways to its files, by the name of their target.
    pub ways: BTreeMap<String, Way>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// A file from which another one is made, see [`delta`](super::delta).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Its bytes.
    pub length: u64,
    /// Its SHA-256.
    pub sha256: String,
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
        self.block(async {
            let set = self.load(repository, now).await?;
            let name = manifest_target(release);
            // Of the list itself: what a delegated role signs is no release.
            let Some(length) = set.listed(&name) else {
                return Err(TrustError::Absent(release.clone()));
            };
            let wrong = |what| TrustError::Manifest { release: release.clone(), what };
            if length > MANIFEST_BYTES_MAX {
                return Err(wrong(format!("{length} bytes of manifest")));
            }
            let manifest = self.read(&set, &name).await?;
            let files = Manifest::parse(&manifest).map_err(|error| wrong(error.to_string()))?;
            if files.release != *release {
                return Err(wrong(format!("its manifest is of release {}", files.release)));
            }
            self.keep(&set.new, now)?;
            let ways = set.ways(&files);
            Ok(Genuine { manifest, files, ways, warnings: set.warnings })
        })
    }

    /// Verifies a repository and gives its rollouts, none where nobody has begun any; and the
    /// timestamp that they came with, for [`is_known`](Trust::is_known). They go on from those
    /// that were believed before, and name signed releases.
    ///
    /// # Errors
    /// The check that failed. Nothing of the repository is kept then.
    pub fn rollouts(
        &self,
        repository: &Source,
        now: Now,
    ) -> Result<(Document, Vec<u8>), TrustError> {
        self.block(async {
            let set = self.load(repository, now).await?;
            let wrong = |what| TrustError::Rollouts { from: set.from.clone(), what };
            let delegated = set.loaded.delegated_role(rollout::ROLE);
            let signed = delegated.and_then(|role| role.targets.as_ref());
            let timestamp = set.new.join(TIMESTAMP);
            let timestamp = fs::read(&timestamp).map_err(fault("read", &timestamp))?;
            let name = TargetName::new(rollout::FILE).map_err(|error| set.believe(error))?;
            let listed = signed.and_then(|role| role.signed.targets.get(&name));
            let Some(length) = listed.map(|target| target.length) else {
                self.keep(&set.new, now)?;
                return Ok((Document::default(), timestamp));
            };
            if length > limits::ROLLOUT_BYTES_MAX {
                return Err(wrong(format!("{length} bytes of rollouts")));
            }
            let bytes = self.read(&set, rollout::FILE).await?;
            let document = Document::parse(&bytes).map_err(wrong)?;
            for one in &document.rollouts {
                if set.listed(&manifest_target(&one.release)).is_none() {
                    let (number, release) = (one.number, &one.release);
                    let what = format!("rollout {number}: nobody has signed release {release}");
                    return Err(wrong(what));
                }
            }
            // A file of ours that is damaged is as one that is not there.
            let before = fs::read(set.new.join(ROLLOUTS)).unwrap_or_default();
            let before = Document::parse(&before).unwrap_or_default();
            before.goes_on_to(&document).map_err(wrong)?;
            disk::replace(&set.new.join(ROLLOUTS), &bytes).map_err(from_disk)?;
            self.keep(&set.new, now)?;
            Ok((document, timestamp))
        })
    }

    /// The greatest number of a rollout that was believed; 0: there was none.
    #[must_use]
    pub fn newest_rollout(&self) -> u64 {
        let kept = fs::read(self.kept.join(ROLLOUTS)).unwrap_or_default();
        Document::parse(&kept).map_or(0, |document| document.newest())
    }

    /// Whether the repository has the set with this timestamp still. Nothing is believed for it;
    /// there is only nothing new. For a look that costs next to nothing. `false` also where it
    /// cannot be read.
    #[must_use]
    pub fn is_known(&self, repository: &Source, timestamp: &[u8]) -> bool {
        let same = || -> Option<bool> {
            let url = repository.part("metadata").ok()?.join(TIMESTAMP).ok()?;
            // By content: `tough` keeps what it has read in a form of its own.
            let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
            let reading = async { Ok(tokio::time::timeout(self.patience, Reader.all(url)).await) };
            let there = self.block(reading).ok()?.ok()??;
            Some(read(&there)? == read(timestamp)?)
        };
        same().unwrap_or(false)
    }

    fn block<T>(&self, work: impl Future<Output = Result<T, TrustError>>) -> Result<T, TrustError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(fault("start reading into", &self.kept))?;
        let done = runtime.block_on(work);
        // A read that hangs is left behind.
        runtime.shutdown_background();
        done
    }

    /// Verifies the metadata of a whole set.
    async fn load(&self, repository: &Source, now: Now) -> Result<Set, TrustError> {
        let lock = self.lock()?;
        let new = self.copy()?;
        let kept_root = new.join("root.json");
        let root = if kept_root.exists() { &kept_root } else { &self.root };
        let root = fs::read(root).map_err(fault("read", root))?;
        let from = repository.to_string();
        let loader = loader(&root, repository, now)?.datastore(&new);
        let loaded = tokio::time::timeout(self.patience, loader.load()).await;
        let loaded = loaded.map_err(|_| self.slow(&from))?;
        let loaded = loaded.map_err(|error| believe(&from, error))?;
        let warnings = expiry(&loaded, now)?;
        Ok(Set { new, loaded, warnings, from, _lock: lock })
    }

    /// Reads a target. 5.7.2: its content is checked against the signed length and hash.
    async fn read(&self, set: &Set, name: &str) -> Result<Vec<u8>, TrustError> {
        let name = TargetName::new(name).map_err(|error| set.believe(error))?;
        let read = async {
            match set.loaded.read_target(&name).await? {
                Some(stream) => stream.into_vec().await,
                None => Ok(Vec::new()),
            }
        };
        let bytes = tokio::time::timeout(self.patience, read).await;
        bytes.map_err(|_| self.slow(&set.from))?.map_err(|error| set.believe(error))
    }

    fn slow(&self, from: &str) -> TrustError {
        TrustError::Slow { from: from.to_owned(), seconds: self.patience.as_secs() }
    }

    /// The right to what is kept, from its copy to its replacement. Two that verify at once, an
    /// operator's release and a look for a rollout, would put one's half copy into the place of
    /// all that is known. Waits: a verification ends within its patience.
    fn lock(&self) -> Result<File, TrustError> {
        let path = self.kept.with_extension("lock");
        let folder = self.kept.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(fault("create the folder", folder))?;
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(fault("open", &path))?;
        file.lock().map_err(fault("lock", &path))?;
        Ok(file)
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
            let name = entry.file_name();
            // `tough` refuses a clock that went back by half a millisecond; we judge clocks. What
            // is delegated it writes once for each version, and never reads.
            let is_left = name == "latest_known_time.json"
                || name.to_string_lossy().ends_with(&format!(".{}", rollout::FILE));
            if !is_left {
                let to = new.join(name);
                fs::copy(entry.path(), &to).map_err(fault("copy", &entry.path()))?;
            }
        }
        Ok(new)
    }

    /// What has been verified as a whole takes the place of what was kept, in one step.
    fn keep(&self, new: &Path, now: Now) -> Result<(), TrustError> {
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
/// The file that names the newest set.
const TIMESTAMP: &str = "timestamp.json";
/// The file with the rollouts that were believed last.
const ROLLOUTS: &str = "rollouts";

/// A set whose metadata has been verified.
struct Set {
    /// What is to be kept of it.
    new: PathBuf,
    loaded: Repository,
    warnings: Vec<String>,
    from: String,
    /// Held until it is kept, or is not.
    _lock: File,
}

impl Set {
    fn believe(&self, error: tough::error::Error) -> TrustError {
        believe(&self.from, error)
    }

    /// Bytes of a file that the list itself names.
    fn listed(&self, name: &str) -> Option<u64> {
        let name = TargetName::new(name).ok()?;
        self.loaded.targets().signed.targets.get(&name).map(|target| target.length)
    }
}

impl Set {
    /// The shorter ways to the files of a release.
    fn ways(&self, files: &Manifest) -> BTreeMap<String, Way> {
        let is_one = |name: &str| {
            let new = name.split_once(delta::FROM).map(|(new, _)| new);
            new.is_some_and(|new| files.files.iter().any(|part| part.sha256 == new))
        };
        let targets = &self.loaded.targets().signed.targets;
        let named = targets.iter().filter(|(name, _)| is_one(name.raw()));
        let way = |(name, target): (&TargetName, &tough::schema::Target)| {
            let sha256 = hex(target.hashes.sha256.as_ref());
            (name.raw().to_owned(), Way { length: target.length, sha256 })
        };
        named.map(way).collect()
    }
}

fn believe(from: &str, error: tough::error::Error) -> TrustError {
    TrustError::Metadata { from: from.to_owned(), source: Box::new(error) }
}

fn from_disk(error: disk::DiskError) -> TrustError {
    TrustError::File { action: error.action, path: error.path, source: error.source }
}

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
    let rollouts = loaded.delegated_role(rollout::ROLE).and_then(|role| role.targets.as_ref());
    let rollouts = rollouts.map(|role| (rollout::ROLE, role.signed.expires.as_millisecond()));
    for (role, at) in roles.into_iter().chain(rollouts) {
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

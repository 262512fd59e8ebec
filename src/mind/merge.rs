//! A copy of a model that has an adapter's change in its weights.
//!
//! The copy has the model's own header, types and size; only the matrices of the adapter are taken
//! apart, changed and written again in their type. It costs nothing at a decision, where an adapter
//! that is put on costs two small products at each matrix; what the types cannot hold of the change
//! is lost, and [`Merged::lost`] says how much. What must never be here: a process, a download.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::adapters::{self, AdapterError};
use super::catalog::{CatalogError, ModelId, Store};
use super::ggml::{self, GgmlError};
use super::gguf::{self, GgufError, GgufFacts, Tensor};
use super::pull::{self, PullError, Report};
use super::stamp;
use crate::disk::{self, DiskError};

pub mod cache;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// A name of the catalogue or of the store, or a path.
    pub model: String,
    /// A name of the catalogue, or a path.
    pub adapter: String,
    /// Where the result goes; left out: into the store.
    pub output: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Merged {
    /// The new file.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// Its bytes, which are the model's.
    pub bytes: u64,
    /// Matrices that were changed.
    pub matrices: u64,
    /// The change beside the weights, as a ratio of their root mean squares.
    pub change: f64,
    /// What the types lost, beside the change: 0 would be all of it kept. It is spread evenly over
    /// the values, and the change is not, so that answers suffer less than the number says.
    pub lost: f64,
}

/// An adapter could not be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] CatalogError),
    /// Its file, or the result, is not right.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The adapter cannot be used.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// No adapter was named.
    #[error("adapter: found \"none\", allowed: one to merge")]
    None,
    /// The adapter is off for the prefix, and what is merged would not be.
    #[error("adapter {}: found an activated one (aLoRA), allowed: a plain one", path.display())]
    Activated {
        /// Its file.
        path: PathBuf,
    },
    /// The result would replace its own input.
    #[error("{} is the input as well; name another file with --output", path.display())]
    Same {
        /// The file.
        path: PathBuf,
    },
    /// A matrix cannot be written again.
    #[error("tensor {name}")]
    Tensor {
        /// Its name.
        name: String,
        /// Why.
        source: GgmlError,
    },
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The result cannot be put in its place.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is no room for a copy that nobody asked for by name.
    #[error(
        "a merged copy of {bytes} bytes finds no room: {bytes_max} are allowed for all of them, \
         and of {free} bytes that are free {free_min} are to be left"
    )]
    Room {
        /// Bytes of the copy.
        bytes: u64,
        /// Bytes that are free on the disk.
        free: u64,
        /// Bytes of all copies, at most.
        bytes_max: u64,
        /// Bytes that are to stay free.
        free_min: u64,
    },
    /// The store cannot be locked.
    #[error(transparent)]
    Store(#[from] PullError),
}

/// Merges an adapter into a model of the store or of a path. A result that exists is replaced,
/// whole.
///
/// # Errors
/// See [`MergeError`].
pub fn merge(
    store: &Store,
    request: &Request,
    report: &mut dyn Report,
) -> Result<Merged, MergeError> {
    let model = store.resolve(&request.model)?;
    let path = adapters::locate(store, &request.adapter)?.ok_or(MergeError::None)?;
    let adapter = adapters::check(store.catalog(), &path, &model.path)?;
    if adapter.facts.activated {
        return Err(MergeError::Activated { path });
    }
    let target = match &request.output {
        Some(path) => path.clone(),
        None => store.path_of(&result_id(&model.id, &adapter.path)?),
    };
    let whole = |path: &Path| path.canonicalize().ok();
    let same = whole(&target).is_some_and(|target| {
        Some(&target) == whole(&model.path).as_ref() || Some(target) == whole(&adapter.path)
    });
    if same {
        return Err(MergeError::Same { path: target });
    }
    disk::folder(store.folder())?;
    let _lock = pull::lock(store.folder(), report)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Beside the result, so that the last step is a rename.
    let made = target.with_file_name(format!(".{name}.tmp"));
    let written = write(&model.path, &adapter.path, &made, report)
        .and_then(|sums| settle(&made, &target, sums));
    if written.is_err() {
        // The error is what matters; there may be nothing to remove.
        drop(fs::remove_file(&made));
    }
    written
}

/// The name of the result in the store: the model's and the adapter's.
fn result_id(model: &str, adapter: &Path) -> Result<ModelId, CatalogError> {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let model = stem(Path::new(&format!("{}.x", model.trim_end_matches(".gguf"))));
    ModelId::try_from(format!("{model}-{}", stem(adapter)))
}

/// Sums of squares over all changed matrices.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    matrices: u64,
    weights: f64,
    change: f64,
    lost: f64,
}

fn write(
    model: &Path,
    adapter: &Path,
    made: &Path,
    report: &mut dyn Report,
) -> Result<Sums, MergeError> {
    let base = gguf::check(model)?;
    let pairs = gguf::adapter_pairs(adapter, &base)?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| MergeError::Io { path, source }
    };
    fs::copy(model, made).map_err(io(made))?;
    let halves = File::open(adapter).map_err(io(adapter))?;
    let file = File::options().read(true).write(true).open(made).map_err(io(made))?;
    let tensors: HashMap<&str, &Tensor> =
        pairs.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let changed: Vec<_> = base
        .tensors
        .iter()
        .filter_map(|matrix| {
            let half = |side| tensors.get(format!("{}.{side}", matrix.name).as_str()).copied();
            Some((matrix, half("lora_a")?, half("lora_b")?))
        })
        .collect();
    report.begin("merging", Some(changed.iter().map(|(matrix, ..)| matrix.bytes).sum()));
    let mut done_bytes = 0;
    let mut sums = Sums::default();
    for (matrix, a, b) in changed {
        let a = floats(&halves, pairs.data_offset, a).map_err(io(adapter))?;
        let b = floats(&halves, pairs.data_offset, b).map_err(io(adapter))?;
        let before = floats(&file, base.data_offset, matrix).map_err(io(made))?;
        let named = |source| MergeError::Tensor { name: matrix.name.clone(), source };
        let (a, b, before) = (a.map_err(named)?, b.map_err(named)?, before.map_err(named)?);
        let bytes = changed_bytes(matrix, &before, &a, &b, pairs.alpha, &mut sums);
        let at = base.data_offset + matrix.offset;
        file.write_all_at(&bytes.map_err(named)?, at).map_err(io(made))?;
        done_bytes += matrix.bytes;
        report.advance(done_bytes);
    }
    report.end();
    file.sync_all().map_err(io(made))?;
    Ok(sums)
}

/// Reads a tensor as numbers.
fn floats(
    file: &File,
    data_offset: u64,
    tensor: &Tensor,
) -> io::Result<Result<Vec<f32>, GgmlError>> {
    // What the file has was checked with the header.
    let mut bytes = vec![0; usize::try_from(tensor.bytes).unwrap_or(0)];
    file.read_exact_at(&mut bytes, data_offset + tensor.offset)?;
    let values = usize::try_from(tensor.values).unwrap_or(0);
    Ok(ggml::dequantize(tensor.kind.number(), &bytes, values))
}

/// A matrix with the product of its pair added, in its own type. `a` has `rank` rows as long as the
/// matrix's, `b` a row of `rank` numbers for each row of the matrix.
fn changed_bytes(
    matrix: &Tensor,
    before: &[f32],
    a: &[f32],
    b: &[f32],
    alpha: f64,
    sums: &mut Sums,
) -> Result<Vec<u8>, GgmlError> {
    let row = usize::try_from(matrix.shape[0]).unwrap_or(1).max(1);
    let rank = (a.len() / row).max(1);
    // As the library scales it: once where the file says nothing of it.
    let scale = if alpha == 0.0 { 1.0 } else { (alpha / rank as f64) as f32 };
    let mut after = before.to_vec();
    lowrank::add_product(&mut after, row, a, b, scale);
    let number = matrix.kind.number();
    let bytes = ggml::quantize_rows(number, &after, row)?;
    let kept = ggml::dequantize(number, &bytes, after.len())?;
    sums.matrices += 1;
    sums.weights += lowrank::squares(before);
    sums.change += lowrank::squared_difference(&after, before);
    sums.lost += lowrank::squared_difference(&kept, &after);
    Ok(bytes)
}

fn settle(made: &Path, target: &Path, sums: Sums) -> Result<Merged, MergeError> {
    let facts: GgufFacts = gguf::check(made)?;
    let io = |source| MergeError::Io { path: target.into(), source };
    let sha256 = stamp::sha256_of(made, |_| ()).map_err(io)?;
    stamp::remove(target);
    disk::publish(made, target)?;
    let metadata = target.metadata().map_err(io)?;
    stamp::write(target, &metadata, &sha256)?;
    let ratio = |part: f64, whole: f64| if whole > 0.0 { (part / whole).sqrt() } else { 0.0 };
    Ok(Merged {
        path: target.into(),
        sha256,
        bytes: facts.file_bytes,
        matrices: sums.matrices,
        change: ratio(sums.change, sums.weights),
        lost: ratio(sums.lost, sums.change),
    })
}

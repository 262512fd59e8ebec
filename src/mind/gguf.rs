//! Reads and checks the header of a model file (GGUF) before ggml sees it.
//!
//! ggml and llama.cpp end the process where an assertion fails, and a file that is cut off,
//! damaged or made for something else reaches several of them. What is checked here: the form of
//! the header, with every count compared with a bound and with the bytes that are left before
//! anything is allocated; that each tensor lies inside the file; and the numbers that llama.cpp
//! divides by or asserts on. Whether the weights are the right ones is a matter of the checksum.
//! What must never be here: a call into ggml, or `unsafe`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::limits;

mod adapter;
mod header;
mod meaning;
mod reader;
#[cfg(test)]
pub(crate) mod tests;
mod types;

pub use adapter::{AdapterFacts, Pairs};
pub use types::{FileType, TensorType};

/// A model file cannot be used, and why.
#[derive(Debug, Error)]
#[error("model file {}: {fault}", path.display())]
pub struct GgufError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it. The message has it already, so it is no cause to be printed again.
    pub fault: Fault,
}

/// What is wrong with a model file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file is not there, or may not be read.
    #[error("cannot be opened: {0}")]
    Open(io::Error),
    /// The medium failed while we read.
    #[error("cannot be read at {place}: {error}")]
    Read {
        /// What was being read.
        place: String,
        /// What the system answered.
        error: io::Error,
    },
    /// It is something else, a page of a web server for example.
    #[error("is not a GGUF model: it begins with \"{found}\", a GGUF file begins with \"GGUF\"")]
    Foreign {
        /// The first four bytes, escaped.
        found: String,
    },
    /// Older or newer than what we read, or written by a big-endian machine.
    #[error("has GGUF version {found}; allowed are 2 and 3, little-endian")]
    Version {
        /// The number in the file.
        found: u32,
    },
    /// It ends before its content does: an interrupted download or copy. Fetch it again.
    #[error(
        "is cut off: {place} needs {needed} more bytes, of the file's {file_bytes} are left {left}"
    )]
    Truncated {
        /// What was being read.
        place: String,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are left.
        left: u64,
        /// Bytes of the file.
        file_bytes: u64,
    },
    /// A value that cannot be. Fetch it again; if it stays, the file was made wrongly.
    #[error("is damaged: {place} has {found}; allowed: {allowed}")]
    Corrupt {
        /// The key or the tensor.
        place: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: String,
    },
    /// Something that every model has is not there.
    #[error("lacks {what}, which a language model needs")]
    Missing {
        /// The key or the tensor.
        what: String,
    },
    /// A good file of a kind that Outpost does not run.
    #[error("cannot be run: {place} is {found}; allowed: {allowed}")]
    Unsupported {
        /// The key.
        place: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: String,
    },
}

/// One tensor, as the header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, unique in the file.
    pub name: String,
    /// Lengths, the row first (ggml's order). One to four, none of them 0.
    pub shape: Vec<u64>,
    /// Product of the lengths.
    pub values: u64,
    /// How the values are stored.
    pub kind: TensorType,
    /// Bytes in the file.
    pub bytes: u64,
    /// Where it begins, bytes from the beginning of the data.
    pub offset: u64,
}

/// How many tensors of a file are stored in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorTypeUse {
    /// The type.
    #[serde(rename = "type")]
    pub kind: TensorType,
    /// Tensors of this type.
    pub tensors: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a checked header says about its model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GgufFacts {
    /// `general.architecture`, in llama.cpp's words.
    pub architecture: String,
    /// `general.name`, if there is one.
    pub name: Option<String>,
    /// The recipe the file says it was written by (`general.file_type`); "unknown" without one.
    pub quantization: String,
    /// Values of all tensors.
    pub parameters: u64,
    /// Tokens of the vocabulary.
    pub vocabulary: u64,
    /// Tokens the model was trained for.
    pub context_length: u64,
    /// Values of one token's embedding.
    pub embedding_length: u64,
    /// Layers.
    pub layers: u64,
    /// Bytes that one token takes in a KV cache of F16, all layers together.
    pub kv_bytes_per_token: u64,
    /// Whether a chat template is in the file.
    pub chat_template: bool,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// GGUF version.
    pub version: u32,
    /// Types in use, the one with the most bytes first.
    pub tensor_types: Vec<TensorTypeUse>,
    /// The table of tensors, in the file's order.
    #[serde(skip)]
    pub tensors: Vec<Tensor>,
    /// Where their data begins, in bytes of the file.
    #[serde(skip)]
    pub data_offset: u64,
}

impl GgufFacts {
    /// Most memory that a process with this model takes, in bytes, known before it is loaded: the
    /// mapped file, the weights a second time for the fastest kernels, the cache of so many tokens,
    /// and what [`limits::MIND_REST_BYTES`] allows for the rest.
    #[must_use]
    pub fn memory_bytes(&self, context_tokens: u32) -> u64 {
        let cache = u64::from(context_tokens).saturating_mul(self.kv_bytes_per_token);
        let weights = self.file_bytes.saturating_mul(2);
        weights.saturating_add(cache).saturating_add(limits::MIND_REST_BYTES)
    }

    /// The recipe, if the file names one that we know.
    pub fn file_type(&self) -> Option<FileType> {
        FileType::from_name(&self.quantization)
    }
}

/// Reads the header of `path` and checks it. Takes some 10 ms and a few MB for a vocabulary of
/// 50,000 tokens; the weights are not read.
///
/// # Errors
/// The first thing that is wrong, with its key or tensor, what was found and what is allowed.
pub fn check(path: &Path) -> Result<GgufFacts, GgufError> {
    with_stream(path, check_stream)
}

/// Reads and checks the header of an adapter beside the model that it is for.
///
/// # Errors
/// As [`check`]; a file that belongs to another model is [`Fault::Unsupported`] or
/// [`Fault::Corrupt`] with the key or tensor that does not fit.
pub fn check_adapter(path: &Path, base: &GgufFacts) -> Result<AdapterFacts, GgufError> {
    with_stream(path, |stream, bytes| {
        let mut reader = reader::Reader::new(stream, bytes);
        adapter::facts(&header::read(&mut reader)?, bytes, base)
    })
}

/// Where the pairs of an adapter lie, which is checked as by [`check_adapter`].
///
/// # Errors
/// As [`check_adapter`].
pub fn adapter_pairs(path: &Path, base: &GgufFacts) -> Result<Pairs, GgufError> {
    with_stream(path, |stream, bytes| {
        let mut reader = reader::Reader::new(stream, bytes);
        let header = header::read(&mut reader)?;
        adapter::facts(&header, bytes, base)?;
        Ok(adapter::places(header))
    })
}

/// Opens a file and reads it with `check`.
fn with_stream<T>(
    path: &Path,
    check: impl FnOnce(BufReader<File>, u64) -> Result<T, Fault>,
) -> Result<T, GgufError> {
    let open = || {
        let file = File::open(path)?;
        let facts = file.metadata()?;
        if facts.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok((file, facts.len()))
    };
    let (file, bytes) =
        open().map_err(|source| GgufError { path: path.into(), fault: Fault::Open(source) })?;
    check(BufReader::with_capacity(crate::limits::FILE_CHUNK_BYTES, file), bytes)
        .map_err(|fault| GgufError { path: path.into(), fault })
}

/// The same for any stream that is said to hold `file_bytes`.
pub(crate) fn check_stream<R: Read>(stream: R, file_bytes: u64) -> Result<GgufFacts, Fault> {
    let mut reader = reader::Reader::new(stream, file_bytes);
    let header = header::read(&mut reader)?;
    meaning::facts(header, file_bytes)
}

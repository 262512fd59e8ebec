//! The library's own quantiser: one GGUF file in, another out.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use ggml_sys as sys;

use super::{Backend, GgmlError, bound, c_path, fenced};

/// What most tensors of a file become. Where a row is not a multiple of 256, the library silently
/// writes another type than a K-quant: read the result's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(non_camel_case_types, reason = "the names that everybody knows these formats by")]
#[expect(missing_docs, reason = "a name and a number each, defined by the GGUF format")]
pub enum FileType {
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K_M,
    Q4_K_S,
    Q4_K_M,
    Q5_K_S,
    Q5_K_M,
    Q6_K,
    IQ4_NL,
}

impl FileType {
    /// All of them, in the order of the library's numbers.
    pub const ALL: [Self; 14] = [
        Self::F16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q8_0,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q2_K,
        Self::Q3_K_M,
        Self::Q4_K_S,
        Self::Q4_K_M,
        Self::Q5_K_S,
        Self::Q5_K_M,
        Self::Q6_K,
        Self::IQ4_NL,
    ];

    /// The name, as users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2_K => "Q2_K",
            Self::Q3_K_M => "Q3_K_M",
            Self::Q4_K_S => "Q4_K_S",
            Self::Q4_K_M => "Q4_K_M",
            Self::Q5_K_S => "Q5_K_S",
            Self::Q5_K_M => "Q5_K_M",
            Self::Q6_K => "Q6_K",
            Self::IQ4_NL => "IQ4_NL",
        }
    }

    fn number(self) -> sys::llama_ftype {
        match self {
            Self::F16 => sys::LLAMA_FTYPE_MOSTLY_F16,
            Self::Q4_0 => sys::LLAMA_FTYPE_MOSTLY_Q4_0,
            Self::Q4_1 => sys::LLAMA_FTYPE_MOSTLY_Q4_1,
            Self::Q5_0 => sys::LLAMA_FTYPE_MOSTLY_Q5_0,
            Self::Q5_1 => sys::LLAMA_FTYPE_MOSTLY_Q5_1,
            Self::Q8_0 => sys::LLAMA_FTYPE_MOSTLY_Q8_0,
            Self::Q2_K => sys::LLAMA_FTYPE_MOSTLY_Q2_K,
            Self::Q3_K_M => sys::LLAMA_FTYPE_MOSTLY_Q3_K_M,
            Self::Q4_K_S => sys::LLAMA_FTYPE_MOSTLY_Q4_K_S,
            Self::Q4_K_M => sys::LLAMA_FTYPE_MOSTLY_Q4_K_M,
            Self::Q5_K_S => sys::LLAMA_FTYPE_MOSTLY_Q5_K_S,
            Self::Q5_K_M => sys::LLAMA_FTYPE_MOSTLY_Q5_K_M,
            Self::Q6_K => sys::LLAMA_FTYPE_MOSTLY_Q6_K,
            Self::IQ4_NL => sys::LLAMA_FTYPE_MOSTLY_IQ4_NL,
        }
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A quantisation that is not in [`FileType::ALL`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no quantisation {found:?}; there are {}", names())]
pub struct UnknownFileType {
    /// What was asked for.
    pub found: String,
}

fn names() -> String {
    FileType::ALL.map(FileType::name).join(", ")
}

impl FromStr for FileType {
    type Err = UnknownFileType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownFileType { found: text.to_owned() })
    }
}

/// Writes `input` anew as `output` with most tensors as `kind`. An input that is quantised already
/// is taken too: what it lost is not coming back. Blocks for seconds to minutes; the caller writes
/// to a temporary name and renames, since an interrupted run leaves a part of a file.
///
/// # Errors
/// [`GgmlError::Path`], [`GgmlError::Bound`] for no or too many threads, [`GgmlError::Refused`]
/// with the library's words, [`GgmlError::NoMemory`].
pub fn quantize(
    input: &Path,
    output: &Path,
    kind: FileType,
    threads: u16,
) -> Result<(), GgmlError> {
    let _backend = Backend::init();
    bound("threads", threads.into(), 1..513)?;
    let (input, output) = (c_path(input)?, c_path(output)?);
    // SAFETY: takes nothing and returns a struct.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.nthread = threads.into();
    params.ftype = kind.number();
    params.allow_requantize = true;
    fenced("quantise the model", |error, bytes| {
        // SAFETY: both paths are NUL-terminated and live in this frame, as params does; no pointer
        // of params is set.
        unsafe { sys::outpost_quantize(input.as_ptr(), output.as_ptr(), &params, error, bytes) }
    })
}

//! The library's own quantiser: one GGUF file in, another out.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use ggml_sys as sys;

use super::{Backend, GgmlError, bound, c_path, fenced};

/// Types, by their numbers in a file, that rows can be written in without an importance matrix:
/// floats, the legacy ones, K-quants, IQ4_NL and IQ4_XS. The library asserts on others.
const WRITABLE: [sys::ggml_type; 15] = [
    sys::GGML_TYPE_F32,
    sys::GGML_TYPE_F16,
    sys::GGML_TYPE_BF16,
    sys::GGML_TYPE_Q4_0,
    sys::GGML_TYPE_Q4_1,
    sys::GGML_TYPE_Q5_0,
    sys::GGML_TYPE_Q5_1,
    sys::GGML_TYPE_Q8_0,
    sys::GGML_TYPE_Q2_K,
    sys::GGML_TYPE_Q3_K,
    sys::GGML_TYPE_Q4_K,
    sys::GGML_TYPE_Q5_K,
    sys::GGML_TYPE_Q6_K,
    sys::GGML_TYPE_IQ4_NL,
    sys::GGML_TYPE_IQ4_XS,
];

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

/// Bytes that so many values take in a type of a file; what cannot be written is refused.
fn bytes_of(number: u32, values: usize) -> Result<usize, GgmlError> {
    let refused = |what, found| GgmlError::Bound {
        what,
        found,
        allowed: "whole blocks of a type that rows can be written in".to_owned(),
    };
    if !WRITABLE.contains(&number) {
        return Err(refused("type of a tensor", number.into()));
    }
    // SAFETY: the number is that of a type; these read a table.
    let (block, bytes) = unsafe { (sys::ggml_blck_size(number), sys::ggml_type_size(number)) };
    let block = usize::try_from(block).unwrap_or(0).max(1);
    if values == 0 || !values.is_multiple_of(block) {
        return Err(refused("values of a tensor", i64::try_from(values).unwrap_or(i64::MAX)));
    }
    Ok(values / block * bytes)
}

/// Rows of a tensor as numbers. `number` is the tensor's type in its file.
///
/// # Errors
/// [`GgmlError::Bound`] for a type that cannot be written again, and for bytes that are not those
/// of so many values.
pub fn dequantize(number: u32, bytes: &[u8], values: usize) -> Result<Vec<f32>, GgmlError> {
    let needed = bytes_of(number, values)?;
    let found = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    bound("bytes of a tensor", found, needed as i64..needed as i64 + 1)?;
    if number == sys::GGML_TYPE_F32 {
        let (floats, _) = bytes.as_chunks::<4>();
        return Ok(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
    }
    // SAFETY: the number is that of a type; the table is the library's and stays.
    let to_float = unsafe { (*sys::ggml_get_type_traits(number)).to_float };
    let none = || GgmlError::Refused {
        action: "read a tensor",
        text: format!("type {number} has no way back to numbers"),
    };
    let to_float = to_float.ok_or_else(none)?;
    let mut floats = vec![0.0_f32; values];
    let aligned = words(bytes);
    // SAFETY: the copy holds exactly the blocks of so many values, which was checked, and begins
    // where their 16-bit numbers may; `floats` has room for the values.
    unsafe { to_float(aligned.as_ptr().cast(), floats.as_mut_ptr(), values as i64) };
    Ok(floats)
}

/// A copy of bytes that begins where a word may.
fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |part: &[u8]| {
        let mut whole = [0; 8];
        whole[..part.len()].copy_from_slice(part);
        u64::from_ne_bytes(whole)
    };
    bytes.chunks(8).map(word).collect()
}

/// Rows of so many numbers each as a tensor's bytes. `number` is the tensor's type in its file.
///
/// # Errors
/// [`GgmlError::Bound`] for a type that cannot be written, and for numbers that are no whole rows
/// of whole blocks, or not finite.
pub fn quantize_rows(number: u32, values: &[f32], row: usize) -> Result<Vec<u8>, GgmlError> {
    bytes_of(number, row)?;
    let needed = bytes_of(number, values.len())?;
    let rest = (values.len() % row) as i64;
    bound("values beyond the last whole row", rest, 0..1)?;
    let wild = values.iter().filter(|value| !value.is_finite()).count() as i64;
    bound("values that are not finite", wild, 0..1)?;
    let mut bytes = vec![0_u64; needed.div_ceil(8)];
    let rows = (values.len() / row) as i64;
    // SAFETY: the type needs no importance matrix; values and bytes hold `rows` rows of `row`
    // values, which are whole blocks; the library writes nothing beyond.
    let written = unsafe {
        let (from, to) = (values.as_ptr(), bytes.as_mut_ptr().cast());
        sys::ggml_quantize_chunk(number, from, to, 0, rows, row as i64, std::ptr::null())
    };
    bound("bytes that were written", written as i64, needed as i64..needed as i64 + 1)?;
    Ok(bytes.iter().flat_map(|word| word.to_ne_bytes()).take(needed).collect())
}

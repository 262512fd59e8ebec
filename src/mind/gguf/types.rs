//! The tables of ggml that a header refers to: how a tensor's values are stored, and the recipes
//! by which llama.cpp chooses the storage for each tensor of a file.
//!
//! Both follow the pinned ggml (`ggml.h`, `llama.h`); moving the pin means comparing them again.

use std::fmt;

use serde::{Serialize, Serializer};

/// How the values of one tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorType(usize);

/// (number in the file, name, values in a block, bytes of a block)
type Row = (u32, &'static str, u64, u64);

const TENSOR_TYPES: &[Row] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

impl TensorType {
    /// The type with this number in a file, if ggml reads it.
    pub fn from_number(number: u32) -> Option<Self> {
        TENSOR_TYPES.iter().position(|row| row.0 == number).map(Self)
    }

    /// Its number in a file, which is ggml's too.
    pub fn number(self) -> u32 {
        TENSOR_TYPES[self.0].0
    }

    /// The type of this name, as ggml spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        TENSOR_TYPES.iter().position(|row| row.1 == name).map(Self)
    }

    /// The name, as ggml spells it.
    pub fn name(self) -> &'static str {
        TENSOR_TYPES[self.0].1
    }

    /// Whether ggml multiplies by tensors of this type: not by whole numbers and doubles.
    pub fn is_weight(self) -> bool {
        !matches!(self.name(), "I8" | "I16" | "I32" | "I64" | "F64")
    }

    /// Values that are stored together; a row must be a multiple of it.
    pub fn block_values(self) -> u64 {
        TENSOR_TYPES[self.0].2
    }

    /// Bytes of one block.
    pub fn block_bytes(self) -> u64 {
        TENSOR_TYPES[self.0].3
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Serialize for TensorType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A recipe of llama.cpp for a whole file (`llama_ftype`): which type most of its matrices get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileType(usize);

/// (number in the file, name, type of most matrices, written by `outpost model quantize`)
const FILE_TYPES: &[(u32, &str, &str, bool)] = &[
    (0, "F32", "F32", false),
    (1, "F16", "F16", true),
    (32, "BF16", "BF16", false),
    (2, "Q4_0", "Q4_0", true),
    (3, "Q4_1", "Q4_1", true),
    (8, "Q5_0", "Q5_0", true),
    (9, "Q5_1", "Q5_1", true),
    (7, "Q8_0", "Q8_0", true),
    (10, "Q2_K", "Q2_K", true),
    (11, "Q3_K_S", "Q3_K", false),
    (12, "Q3_K_M", "Q3_K", true),
    (13, "Q3_K_L", "Q3_K", false),
    (14, "Q4_K_S", "Q4_K", true),
    (15, "Q4_K_M", "Q4_K", true),
    (16, "Q5_K_S", "Q5_K", true),
    (17, "Q5_K_M", "Q5_K", true),
    (18, "Q6_K", "Q6_K", true),
    (25, "IQ4_NL", "IQ4_NL", true),
    (30, "IQ4_XS", "IQ4_XS", false),
    (26, "IQ3_S", "IQ3_S", false),
    (27, "IQ3_M", "IQ3_S", false),
    (36, "TQ1_0", "TQ1_0", false),
    (37, "TQ2_0", "TQ2_0", false),
    (19, "IQ2_XXS", "IQ2_XXS", false),
    (20, "IQ2_XS", "IQ2_XS", false),
    (21, "Q2_K_S", "Q2_K", false),
    (22, "IQ3_XS", "IQ3_S", false),
    (23, "IQ3_XXS", "IQ3_XXS", false),
    (24, "IQ1_S", "IQ1_S", false),
    (28, "IQ2_S", "IQ2_XS", false),
    (29, "IQ2_M", "IQ2_S", false),
    (31, "IQ1_M", "IQ1_M", false),
    (38, "MXFP4_MOE", "MXFP4", false),
    (39, "NVFP4", "NVFP4", false),
    (40, "Q1_0", "Q1_0", false),
    (41, "Q2_0", "Q2_0", false),
];

impl FileType {
    /// The recipe with this number (`general.file_type`, `llama_ftype`).
    pub fn from_number(number: u64) -> Option<Self> {
        FILE_TYPES.iter().position(|row| u64::from(row.0) == number).map(Self)
    }

    /// The recipe of this name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        FILE_TYPES.iter().position(|row| row.1.eq_ignore_ascii_case(name)).map(Self)
    }

    /// The number of `llama_ftype`.
    pub fn number(self) -> u32 {
        FILE_TYPES[self.0].0
    }

    /// The name, as llama.cpp spells it.
    pub fn name(self) -> &'static str {
        FILE_TYPES[self.0].1
    }

    /// The type that most matrices get where their shape allows it.
    pub fn main_type(self) -> TensorType {
        TensorType::from_name(FILE_TYPES[self.0].2)
            .expect("a test looks up the main type of each row")
    }

    /// Whether `outpost model quantize` writes it. The others need statistics of the activations
    /// (an importance matrix), are made from special checkpoints, or serve no board of ours.
    pub fn writable(self) -> bool {
        FILE_TYPES[self.0].3
    }

    /// Every recipe that can be written, for messages.
    pub fn all_writable() -> impl Iterator<Item = Self> {
        (0..FILE_TYPES.len()).map(Self).filter(|kind| kind.writable())
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Serialize for FileType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_has_a_main_type_and_a_unique_number() {
        for (index, row) in FILE_TYPES.iter().enumerate() {
            assert_eq!(FileType(index).main_type().name(), row.2);
            assert_eq!(FileType::from_number(row.0.into()), Some(FileType(index)));
            assert_eq!(FileType::from_name(&row.1.to_lowercase()), Some(FileType(index)));
        }
    }

    #[test]
    fn every_tensor_type_is_found_by_number_and_name() {
        for (index, row) in TENSOR_TYPES.iter().enumerate() {
            assert_eq!(TensorType::from_number(row.0), Some(TensorType(index)));
            assert_eq!(TensorType::from_name(row.1), Some(TensorType(index)));
            assert!(TensorType(index).block_values() > 0 && TensorType(index).block_bytes() > 0);
        }
        assert_eq!(TensorType::from_number(4), None, "ggml removed Q4_2");
    }
}

//! The form of a header: magic, version, counts, keys with their values, the table of tensors.
//! What the values mean for a model is checked one level up.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;

use super::reader::Reader;
use super::types::TensorType;
use super::{Fault, Tensor};
use crate::limits;

/// The key whose strings must differ from one another: llama.cpp ends the process otherwise.
pub(super) const KEY_TOKENS: &str = "tokenizer.ggml.tokens";
/// Where the data begins and each tensor in it, if the file does not say otherwise.
const ALIGNMENT_DEFAULT: u64 = 32;
/// Alignments that we believe. ggml takes any power of two; nobody uses more than a memory page.
const ALIGNMENT_MAX: u64 = 65_536;
/// The least that a key with its value takes: two lengths, a type, one byte.
const KEY_BYTES_MIN: u64 = 8 + 4 + 1;
/// The least that a tensor takes in the table: name's length, one dimension, type, offset.
const TENSOR_BYTES_MIN: u64 = 8 + 4 + 8 + 4 + 8;
const TYPE_STRING: u32 = 8;
const TYPE_ARRAY: u32 = 9;

/// A metadata value, as far as we look at it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    /// `None`: longer than what is kept.
    Text(Option<String>),
    /// `numbers` is `None` for strings, floats and arrays longer than what is kept.
    Array {
        element: &'static str,
        count: u64,
        numbers: Option<Vec<u64>>,
    },
}

/// A header whose form is right.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) keys: HashMap<String, Value>,
    pub(super) tensors: Vec<Tensor>,
    /// Where the data begins, in bytes of the file.
    pub(super) data_offset: u64,
}

/// (name, bytes) of a scalar type.
fn scalar(number: u32) -> Option<(&'static str, u64)> {
    Some(match number {
        0 => ("u8", 1),
        1 => ("i8", 1),
        2 => ("u16", 2),
        3 => ("i16", 2),
        4 => ("u32", 4),
        5 => ("i32", 4),
        6 => ("f32", 4),
        7 => ("bool", 1),
        10 => ("u64", 8),
        11 => ("i64", 8),
        12 => ("f64", 8),
        _ => return None,
    })
}

/// Reads a header and checks its form.
pub(super) fn read<R: Read>(reader: &mut Reader<R>) -> Result<Header, Fault> {
    let magic = reader.bytes::<4>()?;
    if &magic != b"GGUF" {
        return Err(Fault::Foreign { found: magic.escape_ascii().to_string() });
    }
    reader.at("the version");
    let version = reader.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(Fault::Version { found: version });
    }
    reader.at("the number of tensors");
    let tensor_count = count(reader, "tensors", 1, limits::GGUF_TENSORS_MAX)?;
    reader.at("the number of keys");
    let key_count = count(reader, "keys", 1, limits::GGUF_KEYS_MAX)?;
    reader.expect_room(key_count, KEY_BYTES_MIN)?;
    let keys = read_keys(reader, key_count)?;
    reader.at("the table of tensors");
    reader.expect_room(tensor_count, TENSOR_BYTES_MIN)?;
    let tensors = read_tensors(reader, tensor_count)?;
    let alignment = alignment(&keys)?;
    let data_offset = reader.offset().next_multiple_of(alignment);
    check_places(&tensors, alignment, data_offset, reader.file_bytes())?;
    Ok(Header { version, keys, tensors, data_offset })
}

fn count<R: Read>(reader: &mut Reader<R>, what: &str, least: u64, most: u64) -> Result<u64, Fault> {
    let found = reader.u64()?;
    if (least..=most).contains(&found) {
        return Ok(found);
    }
    Err(reader.corrupt(format!("{found} {what}"), format!("{least} to {most}")))
}

fn read_keys<R: Read>(reader: &mut Reader<R>, count: u64) -> Result<HashMap<String, Value>, Fault> {
    let mut keys = HashMap::new();
    for index in 0..count {
        reader.at(format!("key {} of {count}", index + 1));
        let name = reader.text("a name", limits::GGUF_KEY_BYTES_MAX)?;
        reader.at(format!("key {name}"));
        let value = read_value(reader, &name)?;
        if keys.insert(name, value).is_some() {
            return Err(reader.corrupt("the key twice", "each key once"));
        }
    }
    Ok(keys)
}

fn read_value<R: Read>(reader: &mut Reader<R>, key: &str) -> Result<Value, Fault> {
    let number = reader.u32()?;
    match number {
        TYPE_STRING => reader.text_if_short().map(Value::Text),
        TYPE_ARRAY => read_array(reader, key),
        _ => read_scalar(reader, number),
    }
}

fn read_scalar<R: Read>(reader: &mut Reader<R>, number: u32) -> Result<Value, Fault> {
    Ok(match number {
        0 => Value::Unsigned(reader.bytes::<1>()?[0].into()),
        1 => Value::Signed(i8::from_le_bytes(reader.bytes()?).into()),
        2 => Value::Unsigned(u16::from_le_bytes(reader.bytes()?).into()),
        3 => Value::Signed(i16::from_le_bytes(reader.bytes()?).into()),
        4 => Value::Unsigned(reader.u32()?.into()),
        5 => Value::Signed(i32::from_le_bytes(reader.bytes()?).into()),
        6 => Value::Float(f32::from_le_bytes(reader.bytes()?).into()),
        7 => match reader.bytes::<1>()?[0] {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => return Err(reader.corrupt(format!("the bool {other}"), "0 or 1")),
        },
        10 => Value::Unsigned(reader.u64()?),
        11 => Value::Signed(i64::from_le_bytes(reader.bytes()?)),
        12 => Value::Float(f64::from_le_bytes(reader.bytes()?)),
        other => return Err(reader.corrupt(format!("value type {other}"), "0 to 12")),
    })
}

fn read_array<R: Read>(reader: &mut Reader<R>, key: &str) -> Result<Value, Fault> {
    let number = reader.u32()?;
    let count = reader.u64()?;
    if number == TYPE_STRING {
        reader.expect_room(count, 8)?;
        if key == KEY_TOKENS {
            read_tokens(reader, count)?;
        } else {
            for _ in 0..count {
                let length = reader.string_length("a string", limits::GGUF_STRING_BYTES_MAX)?;
                reader.skip(length)?;
            }
        }
        return Ok(Value::Array { element: "string", count, numbers: None });
    }
    let Some((element, bytes)) = scalar(number) else {
        return Err(reader.corrupt(
            format!("an array of value type {number}"),
            "an array of numbers, bools or strings (types 0 to 8 and 10 to 12)",
        ));
    };
    reader.expect_room(count, bytes)?;
    let whole = !matches!(element, "f32" | "f64" | "bool");
    if !whole || count > limits::GGUF_NUMBERS_KEPT_MAX {
        reader.skip(count.saturating_mul(bytes))?;
        return Ok(Value::Array { element, count, numbers: None });
    }
    let mut numbers = Vec::new();
    for _ in 0..count {
        numbers.push(match read_scalar(reader, number)? {
            Value::Unsigned(value) => value,
            // A count below zero is as impossible as one beyond every bound.
            Value::Signed(value) => u64::try_from(value).unwrap_or(u64::MAX),
            _ => u64::MAX,
        });
    }
    Ok(Value::Array { element, count, numbers: Some(numbers) })
}

/// The vocabulary. Only a hash of each token is kept, of 128 bits with random keys, so that two
/// different tokens of one million meet with a probability of 1e-27.
fn read_tokens<R: Read>(reader: &mut Reader<R>, count: u64) -> Result<(), Fault> {
    if count > limits::GGUF_VOCABULARY_MAX {
        return Err(reader.corrupt(
            format!("{count} tokens"),
            format!("at most {}", limits::GGUF_VOCABULARY_MAX),
        ));
    }
    let (left, right) = (RandomState::new(), RandomState::new());
    let mut seen = HashSet::new();
    let mut token = Vec::new();
    for index in 0..count {
        reader.string_into("a token", limits::GGUF_STRING_BYTES_MAX, &mut token)?;
        let hash = u128::from(left.hash_one(&token)) << 64 | u128::from(right.hash_one(&token));
        // llama.cpp gives empty tokens a name of their own.
        if !token.is_empty() && !seen.insert(hash) {
            let text = String::from_utf8_lossy(&token).into_owned();
            return Err(reader.corrupt(
                format!("token {index} {text:?} for the second time"),
                "each token once",
            ));
        }
    }
    Ok(())
}

fn read_tensors<R: Read>(reader: &mut Reader<R>, count: u64) -> Result<Vec<Tensor>, Fault> {
    let mut tensors = Vec::new();
    let mut names = HashSet::new();
    for index in 0..count {
        reader.at(format!("tensor {} of {count}", index + 1));
        let tensor = read_tensor(reader)?;
        if !names.insert(tensor.name.clone()) {
            return Err(reader.corrupt("the tensor twice", "each tensor once"));
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

fn read_tensor<R: Read>(reader: &mut Reader<R>) -> Result<Tensor, Fault> {
    let name = reader.text("a name", limits::GGUF_TENSOR_NAME_BYTES_MAX)?;
    reader.at(format!("tensor {name}"));
    let dimensions = reader.u32()?;
    if !(1..=4).contains(&dimensions) {
        return Err(reader.corrupt(format!("{dimensions} dimensions"), "1 to 4"));
    }
    let mut shape = Vec::new();
    let mut values = 1_u64;
    for _ in 0..dimensions {
        let length = reader.u64()?;
        shape.push(length);
        // ggml counts in signed 64 bits.
        let product = values.checked_mul(length).filter(|all| i64::try_from(*all).is_ok());
        values = match product {
            Some(product) if length > 0 => product,
            _ => {
                return Err(reader.corrupt(
                    format!("the shape {shape:?}"),
                    "lengths above 0 whose product is below 2^63",
                ));
            }
        };
    }
    let number = reader.u32()?;
    let kind = TensorType::from_number(number)
        .ok_or_else(|| reader.corrupt(format!("tensor type {number}"), "a type that ggml reads"))?;
    let row = shape[0];
    if !row.is_multiple_of(kind.block_values()) {
        return Err(reader.corrupt(
            format!("rows of {row} values in {kind}"),
            format!("a multiple of {}", kind.block_values()),
        ));
    }
    let bytes =
        (values / kind.block_values()).checked_mul(kind.block_bytes()).ok_or_else(|| {
            reader.corrupt(format!("{values} values of {kind}"), "a size below 2^64 bytes")
        })?;
    let offset = reader.u64()?;
    Ok(Tensor { name, shape, values, kind, bytes, offset })
}

fn alignment(keys: &HashMap<String, Value>) -> Result<u64, Fault> {
    match keys.get("general.alignment") {
        None => Ok(ALIGNMENT_DEFAULT),
        Some(Value::Unsigned(value)) if value.is_power_of_two() && *value <= ALIGNMENT_MAX => {
            Ok(*value)
        }
        Some(other) => Err(Fault::Corrupt {
            place: "key general.alignment".into(),
            found: format!("{other:?}"),
            allowed: format!("a power of two up to {ALIGNMENT_MAX}"),
        }),
    }
}

/// Each tensor is aligned, inside the file and apart from the others.
fn check_places(
    tensors: &[Tensor],
    alignment: u64,
    data_offset: u64,
    file_bytes: u64,
) -> Result<(), Fault> {
    let mut order: Vec<&Tensor> = tensors.iter().collect();
    order.sort_by_key(|tensor| tensor.offset);
    let mut free = 0_u64;
    for tensor in order {
        let place = format!("tensor {}", tensor.name);
        if !tensor.offset.is_multiple_of(alignment) {
            return Err(Fault::Corrupt {
                place,
                found: format!("the offset {}", tensor.offset),
                allowed: format!("a multiple of {alignment}"),
            });
        }
        let end = data_offset
            .checked_add(tensor.offset)
            .and_then(|start| start.checked_add(tensor.bytes))
            .filter(|end| *end <= file_bytes);
        if end.is_none() {
            return Err(Fault::Truncated {
                place,
                needed: tensor.bytes,
                left: file_bytes.saturating_sub(data_offset.saturating_add(tensor.offset)),
                file_bytes,
            });
        }
        if tensor.offset < free {
            return Err(Fault::Corrupt {
                place,
                found: format!("the offset {}, inside another tensor", tensor.offset),
                allowed: format!("{free} or more"),
            });
        }
        free = tensor.offset + tensor.bytes;
    }
    Ok(())
}

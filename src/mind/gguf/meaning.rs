//! What a well-formed header means for a model: the numbers that llama.cpp divides by, asserts on
//! or sizes memory with. Each check names the assertion it stands in front of.

use std::collections::{BTreeMap, HashMap};

use super::header::{Header, KEY_TOKENS, Value};
use super::types::{FileType, TensorType};
use super::{Fault, GgufFacts, Tensor, TensorTypeUse};
use crate::limits;

/// Bytes of one value in a KV cache of F16.
const F16_BYTES: u64 = 2;
const TENSOR_EMBEDDING: &str = "token_embd.weight";
/// `llama_rope_scaling_type_from_string`; any other word ends the process.
const ROPE_SCALINGS: [&str; 4] = ["none", "linear", "yarn", "longrope"];

/// The keys of a header, with typed access and messages.
struct Keys<'a> {
    keys: &'a HashMap<String, Value>,
    architecture: &'a str,
}

impl Keys<'_> {
    fn corrupt(key: &str, found: impl ToString, allowed: impl ToString) -> Fault {
        Fault::Corrupt {
            place: format!("key {key}"),
            found: found.to_string(),
            allowed: allowed.to_string(),
        }
    }

    /// A number of the model's architecture, `least..=most`; `None` where the key is absent.
    fn number(&self, suffix: &str, least: u64, most: u64) -> Result<Option<u64>, Fault> {
        let key = format!("{}.{suffix}", self.architecture);
        let Some(value) = self.keys.get(&key) else { return Ok(None) };
        let allowed = format!("a whole number from {least} to {most}");
        // llama.cpp insists on the type, so a float that is whole is refused here as well.
        let found = match value {
            Value::Unsigned(number) => Some(*number),
            Value::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        match found {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Self::corrupt(&key, describe(value), allowed)),
        }
    }

    fn needed(&self, suffix: &str, least: u64, most: u64) -> Result<u64, Fault> {
        self.number(suffix, least, most)?
            .ok_or_else(|| Fault::Missing { what: format!("key {}.{suffix}", self.architecture) })
    }

    /// A number for each layer: the key holds one for all, or an array.
    fn per_layer(&self, suffix: &str, layers: u64, most: u64) -> Result<Option<Vec<u64>>, Fault> {
        let key = format!("{}.{suffix}", self.architecture);
        let Some(Value::Array { count, numbers, .. }) = self.keys.get(&key) else {
            let one = self.number(suffix, 0, most)?;
            return Ok(one.map(|number| vec![number; layers as usize])); // at most 512 layers
        };
        let numbers = numbers.as_ref().filter(|_| *count == layers).ok_or_else(|| {
            Self::corrupt(&key, format!("an array of {count}"), format!("{layers} whole numbers"))
        })?;
        match numbers.iter().find(|number| **number > most) {
            Some(number) => Err(Self::corrupt(&key, number, format!("0 to {most}"))),
            None => Ok(Some(numbers.clone())),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Fault> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Value::Text(Some(text))) => Ok(Some(text)),
            Some(other) => Err(Self::corrupt(key, describe(other), "a string of usual length")),
        }
    }
}

pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Float(number) => format!("the float {number}"),
        Value::Bool(flag) => flag.to_string(),
        Value::Text(Some(text)) => format!("{text:?}"),
        Value::Text(None) => "a long string".into(),
        Value::Array { element, count, .. } => format!("an array of {count} {element}"),
    }
}

/// Checks what the header means and gathers the facts.
pub(super) fn facts(header: Header, file_bytes: u64) -> Result<GgufFacts, Fault> {
    let architecture = architecture(&header)?;
    let keys = Keys { keys: &header.keys, architecture: &architecture };
    kind_of_file(&keys)?;
    let layers = keys.needed("block_count", 1, limits::MODEL_LAYERS_MAX)?;
    let embedding_length = keys.needed("embedding_length", 1, limits::MODEL_LENGTH_MAX)?;
    let context_length = keys.needed("context_length", 1, limits::MODEL_LENGTH_MAX)?;
    let kv_bytes_per_token = attention(&keys, layers, embedding_length)?;
    key_shapes(&keys, layers, embedding_length, &header.tensors)?;
    experts(&keys, layers)?;
    rope(&keys)?;
    norms(&keys)?;
    weights(&header.tensors)?;
    let vocabulary = vocabulary(&keys)?;
    embedding_shape(&header.tensors, embedding_length, vocabulary)?;
    every_layer_has_tensors(&header.tensors, layers)?;
    let name = match header.keys.get("general.name") {
        Some(Value::Text(Some(name))) => Some(name.clone()),
        _ => None,
    };
    let quantization = match header.keys.get("general.file_type") {
        Some(Value::Unsigned(number)) => FileType::from_number(*number),
        _ => None,
    };
    Ok(GgufFacts {
        name,
        quantization: quantization.map_or("unknown", FileType::name).into(),
        // The sum cannot overflow: each tensor has bytes in a file of less than 2^64.
        parameters: header.tensors.iter().map(|tensor| tensor.values).sum(),
        vocabulary,
        context_length,
        embedding_length,
        layers,
        kv_bytes_per_token,
        chat_template: matches!(
            header.keys.get("tokenizer.chat_template"),
            Some(Value::Text(text)) if text.as_deref() != Some("")
        ),
        file_bytes,
        version: header.version,
        tensor_types: tensor_types(&header.tensors),
        tensors: header.tensors,
        data_offset: header.data_offset,
        architecture,
    })
}

fn architecture(header: &Header) -> Result<String, Fault> {
    let key = "general.architecture";
    match header.keys.get(key) {
        Some(Value::Text(Some(text))) if !text.is_empty() => Ok(text.clone()),
        None => Err(Fault::Missing { what: format!("key {key}") }),
        Some(other) => Err(Keys::corrupt(key, describe(other), "a word, for example \"llama\"")),
    }
}

/// A whole model, not an adapter, a projector, or one piece of several.
fn kind_of_file(keys: &Keys<'_>) -> Result<(), Fault> {
    if let Some(found) = keys.text("general.type")?.filter(|found| *found != "model") {
        return Err(Fault::Unsupported {
            place: "key general.type".into(),
            found: format!("{found:?}"),
            allowed: "\"model\"".into(),
        });
    }
    match keys.keys.get("split.count") {
        Some(Value::Unsigned(count)) if *count > 1 => Err(Fault::Unsupported {
            place: "key split.count".into(),
            found: count.to_string(),
            allowed: "a model in one file; merge its pieces first".into(),
        }),
        _ => Ok(()),
    }
}

/// Architectures without any attention, which have 0 heads and keep a state of one size.
const WITHOUT_ATTENTION: [&str; 1] = ["mamba"];

/// Heads divide the embedding and one another; the sizes of keys and values are sane. Returns the
/// bytes of one token in a KV cache of F16. llama.cpp divides by the number of heads.
fn attention(keys: &Keys<'_>, layers: u64, embedding: u64) -> Result<u64, Fault> {
    let most = limits::MODEL_HEADS_MAX;
    let heads = keys.per_layer("attention.head_count", layers, most)?.ok_or_else(|| {
        Fault::Missing { what: format!("key {}.attention.head_count", keys.architecture) }
    })?;
    let heads_kv =
        keys.per_layer("attention.head_count_kv", layers, most)?.unwrap_or_else(|| heads.clone());
    let length_k = keys.number("attention.key_length", 1, most)?;
    let length_v = keys.number("attention.value_length", 1, most)?;
    let key = format!("{}.attention.head_count", keys.architecture);
    let none = heads.iter().chain(&heads_kv).all(|count| *count == 0);
    if none && WITHOUT_ATTENTION.contains(&keys.architecture) {
        return Ok(0);
    }
    let mut bytes = 0;
    for (layer, (all, kv)) in heads.iter().zip(&heads_kv).enumerate() {
        // A layer without attention (recurrent, in a hybrid) keeps nothing for each token.
        if *all == 0 && *kv == 0 && heads.iter().any(|count| *count > 0) {
            continue;
        }
        if *all == 0 {
            return Err(Keys::corrupt(&key, format!("0 in layer {layer}"), "1 or more"));
        }
        if *kv == 0 && heads_kv.iter().any(|count| *count > 0) {
            continue;
        }
        if *kv == 0 || !all.is_multiple_of(*kv) {
            return Err(Keys::corrupt(
                &format!("{key}_kv"),
                format!("{kv} in layer {layer}"),
                format!("a divisor of the {all} heads"),
            ));
        }
        if length_k.is_none() && !embedding.is_multiple_of(*all) {
            return Err(Keys::corrupt(
                &key,
                format!("{all} in layer {layer}"),
                format!("a divisor of the embedding's {embedding} values"),
            ));
        }
        let head = embedding / all;
        bytes += kv * (length_k.unwrap_or(head) + length_v.unwrap_or(head)) * F16_BYTES;
    }
    Ok(bytes)
}

/// `GGML_ASSERT(hparams.n_expert <= LLAMA_MAX_EXPERTS)` and its neighbours.
fn experts(keys: &Keys<'_>, layers: u64) -> Result<(), Fault> {
    let most = limits::MODEL_EXPERTS_MAX;
    let all = keys.number("expert_count", 0, most)?.unwrap_or(0);
    let used = keys
        .per_layer("expert_used_count", layers, most)?
        .and_then(|counts| counts.into_iter().max())
        .unwrap_or(0);
    let right = if all == 0 { used == 0 } else { (1..=all).contains(&used) };
    if !right {
        return Err(Keys::corrupt(
            &format!("{}.expert_used_count", keys.architecture),
            used,
            if all == 0 { "0, as there are no experts".into() } else { format!("1 to {all}") },
        ));
    }
    let groups = keys.number("expert_group_count", 0, most)?.unwrap_or(0);
    if (all == 0 && groups > 0) || (all > 0 && groups >= all) {
        return Err(Keys::corrupt(
            &format!("{}.expert_group_count", keys.architecture),
            groups,
            format!("less than the {all} experts"),
        ));
    }
    let group_used = keys.number("expert_group_used_count", 0, most)?.unwrap_or(0);
    if groups > 1 && !(all.is_multiple_of(groups) && (1..groups).contains(&group_used)) {
        return Err(Keys::corrupt(
            &format!("{}.expert_group_used_count", keys.architecture),
            format!("{group_used} of {groups} groups for {all} experts"),
            "groups that divide the experts, and some but not all of them in use",
        ));
    }
    Ok(())
}

/// `GGML_ASSERT(rope_scaling_type_train != LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED)`.
fn rope(keys: &Keys<'_>) -> Result<(), Fault> {
    let key = format!("{}.rope.scaling.type", keys.architecture);
    match keys.text(&key)? {
        Some(found) if !ROPE_SCALINGS.contains(&found) => {
            Err(Keys::corrupt(&key, format!("{found:?}"), ROPE_SCALINGS.join(", ")))
        }
        _ => Ok(()),
    }
}

/// `GGML_ASSERT(eps >= 0.0f)` of the norms, which no number that is none passes.
fn norms(keys: &Keys<'_>) -> Result<(), Fault> {
    for suffix in ["layer_norm_rms_epsilon", "layer_norm_epsilon", "group_norm_epsilon"] {
        let key = format!("{}.attention.{suffix}", keys.architecture);
        match keys.keys.get(&key) {
            Some(Value::Float(found)) if !(0.0..=1.0).contains(found) => {
                return Err(Keys::corrupt(&key, found, "a number from 0 to 1"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whole numbers and doubles have no kernels: ggml ends the process, or reads from nowhere.
fn weights(tensors: &[Tensor]) -> Result<(), Fault> {
    let Some(tensor) = tensors.iter().find(|tensor| !tensor.kind.is_weight()) else {
        return Ok(());
    };
    Err(Fault::Unsupported {
        place: format!("tensor {}", tensor.name),
        found: format!("of type {}", tensor.kind),
        allowed: "floats of 16 or 32 bits, or a quantised type".into(),
    })
}

/// Where layers differ in their heads: a layer without keys has no queries either, and the keys of
/// the others have the rows of their own heads. llama.cpp sizes all by the first layer, and its
/// graph then multiplies what does not fit (`GGML_ASSERT(a->ne[0] == b->ne[0])`).
fn key_shapes(
    keys: &Keys<'_>,
    layers: u64,
    embedding: u64,
    tensors: &[Tensor],
) -> Result<(), Fault> {
    let most = limits::MODEL_HEADS_MAX;
    let suffix = "attention.head_count_kv";
    let heads_kv = keys.per_layer(suffix, layers, most)?.unwrap_or_default();
    let heads = keys.per_layer("attention.head_count", layers, most)?.unwrap_or_default();
    // Layers with a window may have keys of another length.
    let other = format!("{}.attention.key_length_swa", keys.architecture);
    if heads_kv.windows(2).all(|two| two[0] == two[1]) || keys.keys.contains_key(&other) {
        return Ok(());
    }
    let length = keys.number("attention.key_length", 1, most)?;
    for (layer, (kv, all)) in heads_kv.iter().zip(&heads).enumerate() {
        let named = |part: &str| {
            let name = format!("blk.{layer}.{part}.weight");
            tensors.iter().find(|tensor| tensor.name == name)
        };
        let rows = kv * length.unwrap_or(embedding / (*all).max(1));
        let fits = |key: &Tensor| key.shape.get(1) == Some(&rows);
        let right = match *kv {
            0 => named("attn_q").is_none(),
            _ => named("attn_k").is_none_or(fits),
        };
        if !right {
            let key = format!("{}.{suffix}", keys.architecture);
            let found = format!("{kv} in layer {layer}, whose tensors are of another number");
            return Err(Keys::corrupt(&key, found, "the heads of the layer's own tensors"));
        }
    }
    Ok(())
}

/// Tokens, and that everything which is kept for each token has their number.
fn vocabulary(keys: &Keys<'_>) -> Result<u64, Fault> {
    let model = "tokenizer.ggml.model";
    match keys.text(model)? {
        // `LLAMA_VOCAB_TYPE_NONE`: the first tokenisation would end the process.
        Some("no_vocab" | "none") | None => {
            return Err(Fault::Missing { what: format!("key {model} with a tokenizer") });
        }
        Some(_) => {}
    }
    let count = match keys.keys.get(KEY_TOKENS) {
        Some(Value::Array { element: "string", count, .. }) if *count > 0 => *count,
        None => return Err(Fault::Missing { what: format!("key {KEY_TOKENS}") }),
        Some(other) => {
            return Err(Keys::corrupt(KEY_TOKENS, describe(other), "an array of strings"));
        }
    };
    for (key, element) in [("tokenizer.ggml.scores", "f32"), ("tokenizer.ggml.token_type", "i32")] {
        match keys.keys.get(key) {
            None => {}
            Some(Value::Array { element: found, count: length, .. })
                if *found == element && *length >= count => {}
            Some(other) => {
                let allowed = format!("an array of {count} {element}, one for each token");
                return Err(Keys::corrupt(key, describe(other), allowed));
            }
        }
    }
    Ok(count)
}

fn embedding_shape(tensors: &[Tensor], embedding: u64, vocabulary: u64) -> Result<(), Fault> {
    let tensor = tensors
        .iter()
        .find(|tensor| tensor.name == TENSOR_EMBEDDING)
        .ok_or_else(|| Fault::Missing { what: format!("tensor {TENSOR_EMBEDDING}") })?;
    if tensor.shape == [embedding, vocabulary] {
        return Ok(());
    }
    Err(Fault::Corrupt {
        place: format!("tensor {TENSOR_EMBEDDING}"),
        found: format!("the shape {:?}", tensor.shape),
        allowed: format!(
            "{embedding} values (the embedding's length) for each of the {vocabulary} tokens"
        ),
    })
}

fn every_layer_has_tensors(tensors: &[Tensor], layers: u64) -> Result<(), Fault> {
    let mut seen = vec![false; layers as usize]; // at most MODEL_LAYERS_MAX
    for tensor in tensors {
        let Some(rest) = tensor.name.strip_prefix("blk.") else { continue };
        let number = rest.split_once('.').and_then(|(number, _)| number.parse::<usize>().ok());
        match number.and_then(|number| seen.get_mut(number)) {
            Some(layer) => *layer = true,
            None => {
                return Err(Fault::Corrupt {
                    place: format!("tensor {}", tensor.name),
                    found: "a layer that the model does not have".into(),
                    allowed: format!("blk.0 to blk.{}", layers - 1),
                });
            }
        }
    }
    match seen.iter().position(|layer| !layer) {
        Some(layer) => Err(Fault::Missing { what: format!("the tensors of layer {layer}") }),
        None => Ok(()),
    }
}

fn tensor_types(tensors: &[Tensor]) -> Vec<TensorTypeUse> {
    let mut sums: BTreeMap<TensorType, (u64, u64)> = BTreeMap::new();
    for tensor in tensors {
        let sum = sums.entry(tensor.kind).or_default();
        sum.0 += 1;
        sum.1 += tensor.bytes;
    }
    let mut types: Vec<_> = sums
        .into_iter()
        .map(|(kind, (tensors, bytes))| TensorTypeUse { kind, tensors, bytes })
        .collect();
    types.sort_by_key(|entry| std::cmp::Reverse(entry.bytes));
    types
}

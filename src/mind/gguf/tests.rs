//! A small valid model file, and what becomes of it when it is damaged.

use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Writes GGUF files, right ones and wrong ones. For tests only.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) keys: Vec<(String, Vec<u8>)>,
    /// (name, shape, type, offset or the next free place)
    pub(crate) tensors: Vec<(String, Vec<u64>, u32, Option<u64>)>,
    /// Bytes cut from the end of the data, or added where negative.
    pub(crate) missing_bytes: i64,
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    [8_u32.to_le_bytes().to_vec(), string(value)].concat()
}

pub(crate) fn number(value: u32) -> Vec<u8> {
    [4_u32.to_le_bytes(), value.to_le_bytes()].concat()
}

pub(crate) fn float(value: f32) -> Vec<u8> {
    [6_u32.to_le_bytes(), value.to_le_bytes()].concat()
}

pub(crate) fn array(element: u32, count: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = 9_u32.to_le_bytes().to_vec();
    bytes.extend(element.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(content);
    bytes
}

fn strings(words: &[&str]) -> Vec<u8> {
    array(8, words.len() as u64, &words.iter().flat_map(|word| string(word)).collect::<Vec<_>>())
}

impl Writer {
    /// A llama of two layers, 64 values and four tokens, with nothing wrong.
    pub(crate) fn small() -> Self {
        let keys = [
            ("general.architecture", text("llama")),
            ("general.name", text("small")),
            ("general.file_type", number(2)),
            ("llama.block_count", number(2)),
            ("llama.context_length", number(128)),
            ("llama.embedding_length", number(64)),
            ("llama.attention.head_count", number(4)),
            ("llama.attention.head_count_kv", number(2)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.tokens", strings(&["a", "b", "", "ab"])),
            ("tokenizer.ggml.token_type", array(5, 4, &[0; 16])),
            ("tokenizer.chat_template", text(&"x".repeat(2_000))),
        ];
        let tensors = [
            ("token_embd.weight", vec![64, 4], 8),
            ("blk.0.attn_q.weight", vec![64, 64], 2),
            ("blk.0.attn_norm.weight", vec![64], 0),
            ("blk.1.attn_q.weight", vec![64, 64], 2),
            ("output_norm.weight", vec![64], 0),
        ];
        Self {
            keys: keys.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            tensors: tensors
                .into_iter()
                .map(|(name, shape, kind)| (name.into(), shape, kind, None))
                .collect(),
            missing_bytes: 0,
        }
    }

    pub(crate) fn with(mut self, key: &str, value: Vec<u8>) -> Self {
        self.keys.retain(|(name, _)| name != key);
        self.keys.push((key.into(), value));
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.keys.retain(|(name, _)| name != key);
        self.tensors.retain(|tensor| tensor.0 != key);
        self
    }

    pub(crate) fn tensor(
        mut self,
        name: &str,
        shape: &[u64],
        kind: u32,
        offset: Option<u64>,
    ) -> Self {
        self.tensors.retain(|tensor| tensor.0 != name);
        self.tensors.push((name.into(), shape.into(), kind, offset));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            out.extend(string(key));
            out.extend(value);
        }
        let mut free = 0_u64;
        for (name, shape, kind, offset) in &self.tensors {
            out.extend(string(name));
            out.extend((shape.len() as u32).to_le_bytes());
            out.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.unwrap_or(free).to_le_bytes());
            let values = shape.iter().fold(1_u64, |all, length| all.wrapping_mul(*length));
            if let Some(kind) = TensorType::from_number(*kind).filter(|_| values < 1 << 20) {
                free += (values / kind.block_values()) * kind.block_bytes();
            }
            free = free.next_multiple_of(32);
        }
        out.resize(out.len().next_multiple_of(32), 0);
        let length = (out.len() as u64 + free).saturating_add_signed(-self.missing_bytes);
        out.resize(length as usize, 1);
        out
    }
}

fn check_bytes(bytes: &[u8]) -> Result<GgufFacts, Fault> {
    check_stream(bytes, bytes.len() as u64)
}

/// The message of the fault in a file that differs from the right one in one thing.
fn message(writer: &Writer) -> String {
    check_bytes(&writer.bytes()).expect_err("the file is wrong").to_string()
}

#[test]
fn a_right_file_tells_its_facts() {
    let bytes = Writer::small().bytes();
    let facts = check_bytes(&bytes).unwrap();
    assert_eq!(facts.architecture, "llama");
    assert_eq!(facts.name.as_deref(), Some("small"));
    assert_eq!(facts.quantization, "Q4_0");
    assert_eq!((facts.layers, facts.vocabulary, facts.context_length), (2, 4, 128));
    assert_eq!(facts.parameters, 64 * 4 + 2 * 64 * 64 + 2 * 64);
    // 2 layers, 2 heads, 16 values of keys and 16 of values, 2 bytes each
    assert_eq!(facts.kv_bytes_per_token, 2 * 2 * (16 + 16) * 2);
    assert!(facts.chat_template);
    assert_eq!(facts.file_bytes, bytes.len() as u64);
    let types: Vec<_> = facts.tensor_types.iter().map(|t| (t.kind.name(), t.tensors)).collect();
    assert_eq!(types, [("Q4_0", 2), ("F32", 2), ("Q8_0", 1)]);
}

#[test]
fn foreign_files_and_versions_are_named() {
    let html = check_bytes(b"<!DOCTYPE html><html></html>").unwrap_err().to_string();
    assert!(html.contains("begins with \"<!DO\""), "{html}");
    let mut bytes = Writer::small().bytes();
    bytes[4] = 1;
    assert!(check_bytes(&bytes).unwrap_err().to_string().contains("version 1"));
    assert!(matches!(check_bytes(b"").unwrap_err(), Fault::Truncated { .. }));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(check(folder.path()).unwrap_err().fault, Fault::Open(_)));
    let absent = check(Path::new("/nowhere/model.gguf")).unwrap_err();
    assert!(absent.to_string().starts_with("model file /nowhere/model.gguf: cannot be opened"));
}

#[test]
fn every_fault_names_its_place_and_what_is_allowed() {
    let small = Writer::small;
    let heads = "llama.attention.head_count";
    let cases: &[(Writer, &str, &str)] = &[
        (small().with("llama.block_count", number(0)), "llama.block_count has 0", "1 to 512"),
        (small().with("llama.block_count", number(513)), "513", "1 to 512"),
        (small().with("llama.block_count", text("2")), "\"2\"", "whole number"),
        (small().with("llama.block_count", number(3)), "lacks the tensors of layer 2", ""),
        (small().with("llama.block_count", number(1)), "blk.1.attn_q.weight", "blk.0 to blk.0"),
        (small().with(heads, number(0)), "head_count has 0 in layer 0", "1 or more"),
        (small().with(heads, number(6)), "6 in layer 0", "divisor of the embedding's 64"),
        (small().with(&format!("{heads}_kv"), number(3)), "3 in layer 0", "divisor of the 4"),
        (small().with(&format!("{heads}_kv"), number(0)), "0 in layer 0", "divisor of the 4"),
        (small().with(heads, array(4, 1, &4_u32.to_le_bytes())), "array of 1", "2 whole numbers"),
        (small().with("llama.expert_used_count", number(2)), "2", "no experts"),
        (small().with("llama.rope.scaling.type", text("odd")), "\"odd\"", "linear"),
        (small().with("llama.attention.layer_norm_rms_epsilon", float(-1.0)), "-1", "0 to 1"),
        (small().with("llama.attention.layer_norm_rms_epsilon", float(f32::NAN)), "NaN", "0 to 1"),
        (small().tensor("blk.0.attn_q.weight", &[64, 64], 28, None), "of type F64", "quantised"),
        (
            small().with(&format!("{heads}_kv"), array(4, 2, &[0, 0, 0, 0, 4, 0, 0, 0])),
            "0 in layer 0, whose tensors are of another number",
            "the layer's own tensors",
        ),
        (small().with("general.type", text("adapter")), "\"adapter\"", "\"model\""),
        (small().with("split.count", number(2)), "split.count is 2", "one file"),
        (small().with("general.alignment", number(3)), "general.alignment", "power of two"),
        (small().with("tokenizer.ggml.tokens", strings(&["a", "b", "a", "c"])), "\"a\"", "once"),
        (small().with("tokenizer.ggml.tokens", strings(&["a"])), "[64, 4]", "1 tokens"),
        (small().with("tokenizer.ggml.tokens", number(4)), "tokens has 4", "array of strings"),
        (small().with("tokenizer.ggml.token_type", array(5, 1, &[0; 4])), "1 i32", "4 i32"),
        (small().with("tokenizer.ggml.model", text("no_vocab")), "tokenizer.ggml.model", ""),
        (small().with("odd", 13_u32.to_le_bytes().to_vec()), "odd has value type 13", "0 to 12"),
        (small().with("odd", array(9, 1, &[])), "array of value type 9", "types 0 to 8"),
        (small().with("odd", vec![7, 0, 0, 0, 2]), "bool 2", "0 or 1"),
        (small().with("odd", array(8, u64::MAX, &[])), "cut off: key odd", ""),
        (small().with("odd", array(4, u64::MAX, &[])), "cut off: key odd", ""),
        (small().without("general.architecture"), "lacks key general.architecture", ""),
        (small().without("llama.context_length"), "lacks key llama.context_length", ""),
        (small().without("token_embd.weight"), "lacks tensor token_embd.weight", ""),
        (small().tensor("x", &[], 0, None), "x has 0 dimensions", "1 to 4"),
        (small().tensor("x", &[1; 5], 0, None), "5 dimensions", "1 to 4"),
        (small().tensor("x", &[64, 0], 0, None), "[64, 0]", "above 0"),
        (small().tensor("x", &[1 << 40, 1 << 40], 0, None), "shape", "below 2^63"),
        (small().tensor("x", &[64], 4, None), "tensor type 4", "ggml"),
        (small().tensor("x", &[40], 2, None), "rows of 40 values in Q4_0", "multiple of 32"),
        (small().tensor("x", &[8], 0, Some(3)), "offset 3", "multiple of 32"),
        (small().tensor("x", &[8], 0, Some(1 << 40)), "cut off: tensor x", ""),
        (small().tensor("x", &[8], 0, Some(u64::MAX - 31)), "cut off: tensor x", ""),
        (small().tensor("x", &[8], 0, Some(0)), "inside another tensor", "or more"),
        (small().tensor(&"n".repeat(64), &[8], 0, None), "a name of 64 bytes", "63"),
    ];
    for (writer, found, allowed) in cases {
        let message = message(writer);
        assert!(message.contains(found) && message.contains(allowed), "{found}: {message}");
    }
    let mut twice = small();
    twice.keys.push(twice.keys[0].clone());
    assert!(message(&twice).contains("the key twice"));
    twice = small();
    twice.tensors.push(twice.tensors[0].clone());
    assert!(message(&twice).contains("the tensor twice"));
    let cut = Writer { missing_bytes: 32, ..small() };
    assert!(message(&cut).contains("cut off: tensor output_norm.weight"));
}

#[test]
fn counts_are_believed_only_after_a_look_at_what_is_left() {
    let right = Writer::small().bytes();
    for (at, what) in [(8, "tensors"), (16, "keys")] {
        for count in [0, 1 << 13, 1 << 40, u64::MAX] {
            let mut bytes = right.clone();
            bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(count));
            let message = check_bytes(&bytes).unwrap_err().to_string();
            assert!(message.contains(what) || message.contains("cut off"), "{message}");
        }
    }
    // A file that claims to be large does not make us allocate what is not there.
    let claimed = check_stream(&right[..200], u64::MAX).unwrap_err();
    assert!(matches!(claimed, Fault::Truncated { left: 0, .. }), "{claimed}");
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let bytes = Writer::small().bytes();
    let data_end = bytes.len();
    for length in 0..data_end {
        assert!(check_bytes(&bytes[..length]).is_err(), "a file of {length} of {data_end} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    /// Whatever is in the file, the answer is `Ok` or `Err`, and never a panic.
    #[test]
    fn flipped_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = Writer::small().bytes();
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= value;
        }
        let answer = check_bytes(&bytes);
        if let Ok(facts) = answer {
            prop_assert!(facts.layers >= 1 && facts.vocabulary >= 1);
        }
    }

    /// The same for eight bytes at once, where counts and lengths stand.
    #[test]
    fn absurd_numbers_never_panic(
        place in any::<prop::sample::Index>(),
        value in prop_oneof![any::<u64>(), Just(u64::MAX), Just(1 << 31), Just(1 << 63)],
    ) {
        let mut bytes = Writer::small().bytes();
        let place = place.index(bytes.len() - 8);
        bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        drop(check_bytes(&bytes));
    }

    /// Nor does a file of noise behind the magic.
    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [b"GGUF\x03\0\0\0".to_vec(), noise].concat();
        prop_assert!(check_bytes(&bytes).is_err());
    }
}

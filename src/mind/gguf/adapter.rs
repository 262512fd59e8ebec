//! A low-rank adapter (LoRA) before the library sees it: that it is one, that it belongs to this
//! very model, and that each of its pairs fits the matrix it is for.
//!
//! What must never be here: a call into ggml.

use std::collections::{BTreeMap, HashMap};

use super::header::{Header, Value};
use super::meaning::describe;
use super::{Fault, GgufFacts, Tensor};
use crate::limits;

/// What a checked adapter says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterFacts {
    /// Rank of its widest pair.
    pub rank: u64,
    /// Matrices that it changes.
    pub matrices: u64,
    /// Bytes of its file.
    pub file_bytes: u64,
    /// The form of questions that it was taught, `outpost.questions`, such as `notes-2`.
    pub questions: Option<String>,
    /// Temperature of the probabilities with it, in hundredths: `outpost.temperature_percent`.
    pub temperature_percent: Option<u16>,
    /// It is an activated one (aLoRA), which changes nothing before its invocation tokens.
    pub activated: bool,
}

/// Temperatures that a file may ask for, in hundredths: those that `calibrate` fits.
const TEMPERATURES_PERCENT: std::ops::RangeInclusive<u64> = 10..=10_000;

/// Where the halves of an adapter's pairs lie in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// `adapter.lora.alpha`: a pair's product counts alpha ÷ rank times, once where it is 0.
    pub alpha: f64,
    /// The halves, named after their matrix with `.lora_a` and `.lora_b` behind.
    pub tensors: Vec<Tensor>,
    /// Where their data begins, in bytes of the file.
    pub data_offset: u64,
}

/// The pairs of an adapter that [`facts`] found right.
pub(super) fn places(header: Header) -> Pairs {
    let alpha = match header.keys.get(ALPHA) {
        Some(Value::Float(alpha)) => *alpha,
        _ => 0.0,
    };
    Pairs { alpha, tensors: header.tensors, data_offset: header.data_offset }
}

const ALPHA: &str = "adapter.lora.alpha";

/// The two halves of a pair.
#[derive(Default)]
struct Pair<'a> {
    a: Option<&'a Tensor>,
    b: Option<&'a Tensor>,
}

/// What the header of an adapter means beside its base.
pub(super) fn facts(
    header: &Header,
    file_bytes: u64,
    base: &GgufFacts,
) -> Result<AdapterFacts, Fault> {
    let most = limits::ADAPTER_FILE_BYTES_MAX;
    if file_bytes > most {
        return Err(corrupt("the file", format!("{file_bytes} bytes"), format!("at most {most}")));
    }
    for (key, allowed) in [
        ("general.type", "adapter"),
        ("adapter.type", "lora"),
        ("general.architecture", base.architecture.as_str()),
    ] {
        match header.keys.get(key) {
            Some(Value::Text(Some(found))) if found == allowed => {}
            None => return Err(Fault::Missing { what: format!("key {key}") }),
            Some(other) => {
                let found = match other {
                    Value::Text(Some(found)) => format!("{found:?}"),
                    other => describe(other),
                };
                let (place, allowed) = (format!("key {key}"), format!("{allowed:?}"));
                return Err(Fault::Unsupported { place, found, allowed });
            }
        }
    }
    let alpha = ALPHA;
    match header.keys.get(alpha) {
        Some(Value::Float(found)) if (0.0..=1e6).contains(found) => {}
        None => return Err(Fault::Missing { what: format!("key {alpha}") }),
        Some(other) => {
            let allowed = "a number from 0 to a million".into();
            return Err(corrupt(&format!("key {alpha}"), describe(other), allowed));
        }
    }
    let activated = activated(&header.keys, base)?;
    let pairs = pairs(&header.tensors)?;
    let rank = fitting(&pairs, base)?;
    Ok(AdapterFacts {
        rank,
        matrices: pairs.len() as u64,
        file_bytes,
        questions: questions(&header.keys),
        temperature_percent: temperature(&header.keys)?,
        activated,
    })
}

fn corrupt(place: &str, found: String, allowed: String) -> Fault {
    Fault::Corrupt { place: place.into(), found, allowed }
}

fn questions(keys: &HashMap<String, Value>) -> Option<String> {
    match keys.get("outpost.questions") {
        Some(Value::Text(text)) => text.clone(),
        _ => None,
    }
}

/// Whether it has tokens that it begins at, which must be words of the base.
fn activated(keys: &HashMap<String, Value>, base: &GgufFacts) -> Result<bool, Fault> {
    let key = "adapter.alora.invocation_tokens";
    let most = limits::ADAPTER_INVOCATION_TOKENS_MAX;
    let Some(found) = keys.get(key) else { return Ok(false) };
    // llama.cpp takes this type alone.
    if let Value::Array { element: "u32", numbers: Some(tokens), .. } = found
        && (1..=most).contains(&tokens.len())
        && tokens.iter().all(|token| *token < base.vocabulary)
    {
        return Ok(true);
    }
    let allowed = format!("1 to {most} tokens below {} as u32", base.vocabulary);
    Err(corrupt(&format!("key {key}"), describe(found), allowed))
}

fn temperature(keys: &HashMap<String, Value>) -> Result<Option<u16>, Fault> {
    let key = "outpost.temperature_percent";
    match keys.get(key) {
        None => Ok(None),
        Some(Value::Unsigned(found)) if TEMPERATURES_PERCENT.contains(found) => {
            Ok(u16::try_from(*found).ok())
        }
        Some(other) => {
            let (least, most) = TEMPERATURES_PERCENT.into_inner();
            let allowed = format!("a whole number from {least} to {most}");
            Err(corrupt(&format!("key {key}"), describe(other), allowed))
        }
    }
}

/// The tensors by the matrix that they are for.
fn pairs(tensors: &[Tensor]) -> Result<BTreeMap<&str, Pair<'_>>, Fault> {
    let mut pairs: BTreeMap<&str, Pair<'_>> = BTreeMap::new();
    for tensor in tensors {
        if let Some(name) = tensor.name.strip_suffix(".lora_a") {
            pairs.entry(name).or_default().a = Some(tensor);
        } else if let Some(name) = tensor.name.strip_suffix(".lora_b") {
            pairs.entry(name).or_default().b = Some(tensor);
        } else {
            let place = format!("tensor {}", tensor.name);
            return Err(corrupt(&place, "a foreign name".into(), "….lora_a or ….lora_b".into()));
        }
    }
    if pairs.is_empty() {
        return Err(Fault::Missing { what: "a pair of tensors".into() });
    }
    Ok(pairs)
}

/// Checks each pair beside its matrix; the widest rank.
fn fitting(pairs: &BTreeMap<&str, Pair<'_>>, base: &GgufFacts) -> Result<u64, Fault> {
    let matrices: HashMap<&str, &Tensor> =
        base.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let mut widest = 0;
    for (name, pair) in pairs {
        let half = |tensor: Option<&Tensor>, side| match tensor {
            Some(tensor) if tensor.shape.len() == 2 && tensor.kind.is_weight() => {
                Ok((tensor.shape[0], tensor.shape[1]))
            }
            Some(tensor) => Err(corrupt(
                &format!("tensor {}", tensor.name),
                format!("the shape {:?} of {}", tensor.shape, tensor.kind),
                "a matrix of floats or of a quantised type".into(),
            )),
            None => Err(Fault::Missing { what: format!("tensor {name}.{side}") }),
        };
        let ((into, rank), (rank_b, out)) = (half(pair.a, "lora_a")?, half(pair.b, "lora_b")?);
        // The embedding's pair is the other way round in llama.cpp; nothing of ours has one.
        let matrix = matrices.get(name).filter(|_| *name != "token_embd.weight");
        let Some(matrix) = matrix else {
            return Err(Fault::Unsupported {
                place: format!("tensor {name}.lora_a"),
                found: "a matrix that the base does not have".into(),
                allowed: format!("matrices of this {}", base.architecture),
            });
        };
        if matrix.shape != [into, out] || rank != rank_b || rank > limits::ADAPTER_RANK_MAX {
            return Err(corrupt(
                &format!("tensor {name}.lora_a and _b"),
                format!("{into} by {rank} and {rank_b} by {out}"),
                format!(
                    "the base's {:?} with one rank of at most {} between",
                    matrix.shape,
                    limits::ADAPTER_RANK_MAX
                ),
            ));
        }
        widest = widest.max(rank);
    }
    Ok(widest)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Writer, array, float, number, text};
    use super::super::{check_stream, header, reader::Reader};
    use super::*;

    const INVOKED: &str = "adapter.alora.invocation_tokens";

    /// An adapter of rank 4 for the small model's two matrices, with nothing wrong.
    fn adapter() -> Writer {
        let empty = Writer { keys: Vec::new(), tensors: Vec::new(), missing_bytes: 0 };
        let keyed = empty
            .with("general.type", text("adapter"))
            .with("adapter.type", text("lora"))
            .with("general.architecture", text("llama"))
            .with("adapter.lora.alpha", float(8.0));
        (0..2).fold(keyed, |writer, layer| {
            let name = format!("blk.{layer}.attn_q.weight");
            writer.tensor(&format!("{name}.lora_a"), &[64, 4], 1, None).tensor(
                &format!("{name}.lora_b"),
                &[4, 64],
                1,
                None,
            )
        })
    }

    fn check(writer: &Writer) -> Result<AdapterFacts, Fault> {
        let base = Writer::small().bytes();
        let base = check_stream(base.as_slice(), base.len() as u64).expect("a right model");
        let bytes = writer.bytes();
        let header = header::read(&mut Reader::new(bytes.as_slice(), bytes.len() as u64))?;
        facts(&header, bytes.len() as u64, &base)
    }

    #[test]
    fn an_adapter_that_fits_says_what_it_was_taught() {
        let facts = check(&adapter()).expect("it fits");
        assert_eq!((facts.rank, facts.matrices), (4, 2));
        assert_eq!((facts.questions, facts.temperature_percent), (None, None));
        let taught = adapter()
            .with("outpost.questions", text("notes-2"))
            .with("outpost.temperature_percent", number(150));
        let facts = check(&taught).expect("it fits");
        assert_eq!(facts.questions.as_deref(), Some("notes-2"));
        assert_eq!((facts.temperature_percent, facts.activated), (Some(150), false));
        let invoked = adapter().with(INVOKED, array(4, 2, &[3, 0, 0, 0, 1, 0, 0, 0]));
        assert!(check(&invoked).expect("it fits").activated);
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_is_allowed() {
        let q = "blk.0.attn_q.weight";
        let half = |side: &str| format!("{q}.lora_{side}");
        let mut without = adapter();
        without.tensors.retain(|tensor| tensor.0 != half("b"));
        let cases = [
            (Writer::small(), "key general.type", ""),
            (adapter().with("general.type", text("model")), "\"model\"", "\"adapter\""),
            (adapter().with("general.architecture", text("qwen2")), "\"qwen2\"", "\"llama\""),
            (adapter().with("adapter.lora.alpha", float(f32::NAN)), "NaN", "0 to a million"),
            (adapter().with("outpost.temperature_percent", number(3)), "3", "10 to 10000"),
            (adapter().with(INVOKED, number(3)), "3", "1 to 64 tokens below 4 as u32"),
            (adapter().with(INVOKED, array(4, 0, &[])), "array of 0", "1 to 64 tokens"),
            (adapter().with(INVOKED, array(4, 1, &[4, 0, 0, 0])), "array of 1", "below 4"),
            (adapter().with(INVOKED, array(5, 1, &[1, 0, 0, 0])), "array of 1", "as u32"),
            (adapter().with(INVOKED, array(4, 65, &[0; 260])), "array of 65", "1 to 64 tokens"),
            (without, "blk.0.attn_q.weight.lora_b", ""),
            (adapter().tensor(&half("a"), &[32, 4], 1, None), "32 by 4 and 4 by 64", "[64, 64]"),
            (adapter().tensor(&half("a"), &[64, 8], 1, None), "64 by 8 and 4 by 64", "one rank"),
            (adapter().tensor(&half("a"), &[64], 1, None), "the shape [64]", "a matrix"),
            (adapter().tensor("blk.0.attn_q.weight", &[64], 1, None), "foreign name", ".lora_a"),
            (
                adapter().tensor("blk.7.attn_q.weight.lora_a", &[64, 4], 1, None).tensor(
                    "blk.7.attn_q.weight.lora_b",
                    &[4, 64],
                    1,
                    None,
                ),
                "a matrix that the base does not have",
                "this llama",
            ),
        ];
        for (writer, found, allowed) in &cases {
            let text = check(writer).expect_err("it does not fit").to_string();
            assert!(text.contains(found) && text.contains(allowed), "{text}: {found}, {allowed}");
        }
    }
}

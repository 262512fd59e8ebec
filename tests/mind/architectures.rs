//! Each architecture that people choose for agents, and each usual quantisation: the library's
//! scores against those of the same file in NumPy (`reference.py`), in one batch, token by token,
//! and behind a prefix that was copied.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use outpost::mind::ggml::{
    Batch, Context, ContextOptions, FileType, LoadOptions, Model, Token, quantize,
};
use outpost::mind::gguf;
use outpost::mind::protocol::Form;
use outpost::mind::score::{Normalisation, Scorer};

use super::python::python;
use super::write::{request, write, writer};
use super::{THREADS, candidates, model_path, options, texts};

const ARCHITECTURES: [&str; 6] = ["llama", "qwen2", "qwen3", "phi3", "nemotron", "gemma3"];
/// Those whose layers keep a state instead of keys for each token: some, and all of them.
const WITH_STATE: [&str; 2] = ["lfm2", "mamba"];
const QUANTISATIONS: [FileType; 6] = [
    FileType::Q4_0,
    FileType::Q5_1,
    FileType::Q8_0,
    FileType::Q4_K_M,
    FileType::Q5_K_S,
    FileType::Q2_K,
];
/// More than the made gemma3's window of 16, so that it has to forget.
const TOKENS: usize = 40;
/// Tokens that are copied to another sequence.
const SHARED: u32 = 24;
/// Root of the mean square of the difference, as a share of the scores' own deviation. Weights in
/// F32: the cache holds halves and GELU is looked up in halves. Quantised ones: the library also
/// takes what comes in to 8 bits before it multiplies. A base of the turns that is a tenth off is
/// at 0.012, a head with two numbers turned too few at 0.45.
const NEAR_PLAIN: f64 = 0.01;
const NEAR_QUANTISED: f64 = 0.06;
/// The same through thirty layers, where the roundings add up.
const NEAR_REAL: f64 = 0.1;

fn reference(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mind/reference.py");
    let output = Command::new(python()).arg(script).args(arguments).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with a small model of each architecture.
pub(super) fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    reference(&["make", folder.path().to_str().expect("a path")]);
    folder
}

fn tokens(words: usize) -> Vec<Token> {
    (0..TOKENS).map(|number| ((number * number * 7 + 11 * number + 3) % words) as Token).collect()
}

/// The scores after each token, in NumPy, for each of the files.
fn right(files: &[PathBuf], tokens: &[Token]) -> Vec<Vec<f32>> {
    let list = tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let names: Vec<&str> = files.iter().map(|file| file.to_str().expect("a path")).collect();
    reference(&[&["read", &list], names.as_slice()].concat());
    let scores = files.iter().map(|file| {
        let bytes = std::fs::read(file.with_extension("gguf.scores")).expect("scores");
        let numbers = bytes.chunks_exact(4).map(|four| four.try_into().expect("four bytes"));
        numbers.map(f32::from_le_bytes).collect()
    });
    scores.collect()
}

fn context(file: &Path) -> Context {
    gguf::check(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let model = Model::load(file, LoadOptions::default()).expect("a model");
    let options = ContextOptions {
        context_tokens: 256,
        batch_tokens: TOKENS as u32,
        ubatch_tokens: TOKENS as u32,
        outputs_max: TOKENS as u32,
        sequences_max: 2,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        kv_unified: true,
    };
    Context::new(&Arc::new(model), options).expect("a context")
}

/// Reads tokens into a sequence from a position on; the scores after each.
fn read(context: &mut Context, tokens: &[Token], from: u32, sequence: u32) -> Vec<f32> {
    let mut batch = Batch::new();
    for (position, token) in (from..).zip(tokens) {
        batch.push(*token, position, sequence..sequence + 1, true);
    }
    context.decode(&mut batch).expect("read");
    let rows = (0..tokens.len()).map(|row| context.logits(row).expect("asked for").to_vec());
    rows.collect::<Vec<_>>().concat()
}

/// How far the scores are from the right ones, as a share of these ones' deviation.
fn distance(found: &[f32], right: &[f32]) -> f64 {
    assert_eq!(found.len(), right.len());
    let count = right.len() as f64;
    let mean = right.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let sum = |of: &dyn Fn(f64, f64) -> f64| {
        let pairs = found.iter().zip(right);
        pairs.map(|(found, right)| of(f64::from(*found), f64::from(*right)).powi(2)).sum::<f64>()
    };
    let (off, own) = (sum(&|found, right| found - right), sum(&|_, right| right - mean));
    assert!(off.is_finite() && own > 0.0, "{off} {own}");
    (off / own).sqrt()
}

/// How far the scores are from the right ones, read at once and token by token.
fn distances(context: &mut Context, tokens: &[Token], right: &[f32]) -> (f64, f64) {
    let at_once = distance(&read(context, tokens, 0, 0), right);
    context.clear();
    let each = (0_u32..).zip(tokens);
    let one: Vec<Vec<f32>> = each.map(|(at, token)| read(context, &[*token], at, 0)).collect();
    (at_once, distance(&one.concat(), right))
}

#[test]
fn each_architecture_gives_the_scores_of_its_reference() {
    let folder = made();
    let file = |name: &&str| folder.path().join(format!("{name}.gguf"));
    let files: Vec<PathBuf> = ARCHITECTURES.iter().map(file).collect();
    let words = context(&files[0]).model().vocab_tokens();
    let tokens = tokens(words);
    for ((name, file), right) in ARCHITECTURES.iter().zip(&files).zip(right(&files, &tokens)) {
        let mut context = context(file);
        let (at_once, one_by_one) = distances(&mut context, &tokens, &right);
        context.clear();
        let (first, rest) = tokens.split_at(SHARED as usize);
        let mut copied = read(&mut context, first, 0, 0);
        context.seq_cp(0, 1, 0..SHARED).expect("copied");
        copied.extend(read(&mut context, rest, SHARED, 1));
        let copied = distance(&copied, &right);
        println!("{name}: at once {at_once:.5}, one by one {one_by_one:.5}, copied {copied:.5}");
        assert!(at_once.max(one_by_one).max(copied) < NEAR_PLAIN, "{name}");
        decides(file, *name != "gemma3");
    }
}

/// A state cannot be cut back or shared up to a position: everything is read anew, whatever was
/// read before, and texts side by side are the same as each alone.
#[test]
fn models_with_a_state_give_the_scores_of_their_reference_and_read_everything_anew() {
    let folder = made();
    let file = |name: &&str| folder.path().join(format!("{name}.gguf"));
    let files: Vec<PathBuf> = WITH_STATE.iter().map(file).collect();
    let tokens = tokens(context(&files[0]).model().vocab_tokens());
    for ((name, file), right) in WITH_STATE.iter().zip(&files).zip(right(&files, &tokens)) {
        let mut context = context(file);
        let (at_once, one_by_one) = distances(&mut context, &tokens, &right);
        println!("{name}: at once {at_once:.5}, one by one {one_by_one:.5}");
        assert!(at_once.max(one_by_one) < NEAR_PLAIN, "{name}");
        decides(file, false);
        writes(file);
    }
}

/// Texts of made models, alone and side by side.
fn writes(file: &Path) {
    let model = Arc::new(Model::load(file, LoadOptions::default()).expect("a model"));
    let prompts = ["A barn. It is hot.", "A barn. It is cold, and the tank is empty."];
    let requests: Vec<_> = (0..2).map(|n| request(n as u64, prompts[n], Form::Free)).collect();
    let alone: Vec<String> = requests
        .iter()
        .map(|request| {
            let done = write(&mut writer(&model, 250), vec![request.clone()]);
            done[&request.id].0.clone()
        })
        .collect();
    let mut both = writer(&model, 250);
    for _ in 0..2 {
        let done = write(&mut both, requests.clone());
        assert_eq!([&done[&0].0, &done[&1].0], [&alone[0], &alone[1]], "{}", file.display());
    }
}

/// Made models choose like any: the same again, and what has a window reads everything anew.
fn decides(file: &Path, reuses: bool) {
    let model = Arc::new(Model::load(file, LoadOptions::default()).expect("a model"));
    let mut scorer = Scorer::new(&model, options(256, Normalisation::Parting)).expect("a context");
    assert_eq!(scorer.reuses(), reuses, "{}", file.display());
    let (prefix, state) = ("A barn.\n", "It is hot.\nDo:");
    let first = scorer.score(prefix, state, &candidates()).expect("scores");
    let other = scorer.score(prefix, "It is cold.\nDo:", &candidates()).expect("scores");
    let again = scorer.score(prefix, state, &candidates()).expect("scores");
    assert_ne!(first.p, other.p);
    for (one, two) in first.p.iter().zip(&again.p) {
        assert!((one - two).abs() < 0.01, "{:?} and {:?}", first.p, again.p);
    }
    assert_eq!(again.tokens_read < first.tokens_read, reuses);
    scorer.score(prefix, state, &texts(&["one"])).expect("scores");
}

#[test]
fn each_quantisation_of_each_architecture_gives_the_scores_of_its_reference() {
    let folder = made();
    let mut files = Vec::new();
    for name in ARCHITECTURES {
        for kind in QUANTISATIONS {
            let file = folder.path().join(format!("{name}-{}.gguf", kind.name()));
            let plain = folder.path().join(format!("{name}.gguf"));
            quantize(&plain, &file, kind, THREADS).expect("quantised");
            assert_eq!(gguf::check(&file).expect("a model").quantization, kind.name());
            files.push(file);
        }
    }
    let tokens = tokens(context(&files[0]).model().vocab_tokens());
    for (file, right) in files.iter().zip(right(&files, &tokens)) {
        let off = distance(&read(&mut context(file), &tokens, 0, 0), &right);
        println!("{}: {off:.4}", file.file_name().expect("a name").display());
        assert!(off < NEAR_QUANTISED, "{}: {off}", file.display());
    }
}

/// The model that Outpost comes with; its links are not to be written beside.
#[test]
fn the_real_model_gives_the_scores_of_its_reference() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("real.gguf");
    std::os::unix::fs::symlink(model_path(), &file).expect("a link");
    let mut context = context(&file);
    let tokens = tokens(context.model().vocab_tokens());
    let right = right(std::slice::from_ref(&file), &tokens);
    let off = distance(&read(&mut context, &tokens, 0, 0), &right[0]);
    println!("{}: {off:.4}", model_path().display());
    assert!(off < NEAR_REAL, "{off}");
}

#[test]
fn the_vector_of_a_text_is_that_of_the_reference_and_only_of_a_model_that_pools() {
    let folder = made();
    let file = folder.path().join("qwen3-embedding.gguf");
    let model = Arc::new(Model::load(&file, LoadOptions::default()).expect("a model"));
    assert!(model.embeds() && !super::model().embeds());
    let options = ContextOptions {
        context_tokens: 256,
        batch_tokens: 256,
        ubatch_tokens: 256,
        outputs_max: 256,
        sequences_max: 1,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        kv_unified: true,
    };
    let mut context = Context::for_embeddings(&model, options).expect("a context");
    let tokens = tokens(model.vocab_tokens());
    let list = tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    reference(&["embed", &list, file.to_str().expect("a path")]);
    let bytes = std::fs::read(file.with_extension("gguf.vector")).expect("a vector");
    let numbers = bytes.chunks_exact(4).map(|four| four.try_into().expect("four bytes"));
    let right: Vec<f32> = numbers.map(f32::from_le_bytes).collect();
    // Twice: nothing of the first text stays.
    context.embedding(&tokens[..7]).expect("a vector");
    let found = context.embedding(&tokens).expect("a vector");
    assert!(distance(&found, &right) < NEAR_PLAIN, "{}", distance(&found, &right));
    let length = found.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
}

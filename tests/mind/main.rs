//! The mind with a real model: its scores, and the life of its process.
//!
//! The model is `smollm2-135m-instruct-q4_0`: `OUTPOST_TEST_MODEL` names its file, otherwise it is
//! looked for where `outpost model pull` puts it. Without it these tests fail; they never skip.

#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use std::path::PathBuf;
use std::sync::Arc;

use outpost::limits;
use outpost::mind::ggml::{
    Batch, Context, ContextOptions, FileType, GgmlError, LoadOptions, Model, quantize,
};
use outpost::mind::score::keep::{Identity, PrefixStore};
use outpost::mind::score::{Layout, Normalisation, ScoreError, Scorer, ScorerOptions};

use book::Book;

mod adapter;
mod architectures;
mod book;
mod merge;
mod process;
#[path = "../common/python.rs"]
mod python;
mod questions;
mod registry;
mod write;

const MODEL: &str = "smollm2-135m-instruct-q4_0.gguf";

/// One: these tests run side by side, and the library's threads wait for each other by spinning,
/// which takes minutes where there are more of them than cores.
const THREADS: u16 = 1;

const PREFIX: &str = "You look after a greenhouse. Choose what to do now.\n\
    Devices: heater raises air temperature; fan lowers air temperature; pump raises soil \
    moisture.\nNotes of the keeper: At night prefer the vent to the fan, it is quiet.\n";
const STATE: &str = "Now: air temperature 29.1 °C high, rising; it is night.\nDo:";

fn model_path() -> PathBuf {
    let path = std::env::var_os("OUTPOST_TEST_MODEL").map(PathBuf::from).unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        cache.unwrap_or_else(|| home().join(".cache")).join("outpost/models").join(MODEL)
    });
    assert!(
        path.is_file(),
        "no model at {}: `make setup` (or `outpost model pull`) fetches it; or name the file in \
         OUTPOST_TEST_MODEL",
        path.display()
    );
    path
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn candidates() -> Vec<String> {
    texts(&["heater on", "fan on", "roof vent open", "pump on for 20 minutes", "do nothing"])
}

fn model() -> Arc<Model> {
    Arc::new(Model::load(&model_path(), LoadOptions::default()).expect("a model"))
}

fn scorer(model: &Arc<Model>, context_tokens: u32) -> Scorer {
    scorer_of(model, context_tokens, Normalisation::Parting)
}

fn scorer_of(model: &Arc<Model>, context_tokens: u32, normalisation: Normalisation) -> Scorer {
    Scorer::new(model, options(context_tokens, normalisation)).expect("a context")
}

fn options(context_tokens: u32, normalisation: Normalisation) -> ScorerOptions {
    ScorerOptions {
        context_tokens,
        // From 64 rows on the library takes attention in tiles, which rounds otherwise: "heater on"
        // has -15.31 instead of -15.05. Below, one pass and one by one agree to the last digit.
        ubatch_tokens: 60,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        reuse: true,
        layout: Layout::Plain,
        normalisation,
        temperature: 1.0,
    }
}

/// The slow way.
fn one_by_one(model: &Arc<Model>, candidates: &[String]) -> Vec<f64> {
    Book::new(model).begun(PREFIX).then(STATE).sums(candidates)
}

#[test]
fn one_pass_gives_the_scores_of_reading_one_token_at_a_time() {
    let model = model();
    let mut scorer = scorer_of(&model, 512, Normalisation::Sum);
    let scored = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let slow = one_by_one(&model, &candidates());
    for ((text, score), slow) in candidates().iter().zip(&scored.candidates).zip(slow) {
        // Different kernels for one and for many tokens round differently; 1 % of a probability.
        let difference = (f64::from(score.logprob) - slow).abs();
        assert!(difference < 0.15, "{text}: {} in one pass, {slow} one by one", score.logprob);
    }
    assert!((scored.p.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{:?}", scored.p);
    let mass: f32 = scored.candidates.iter().map(|score| score.logprob.exp()).sum();
    assert!((scored.mass - mass).abs() < 1e-6 && mass < 1.0, "{} {mass}", scored.mass);
}

/// Logarithms of the probabilities of candidates that part somewhere behind `read`, each among the
/// ways that are open there; every row by a context of its own.
fn among(model: &Arc<Model>, read: &[i32], ways: &[Vec<i32>], depth: usize) -> Vec<f64> {
    if ways.len() == 1 {
        return vec![0.0];
    }
    let mut rest: Vec<i32> = ways.iter().map(|way| way[depth]).collect();
    rest.sort_unstable();
    rest.dedup();
    let row = row_after(model, read);
    let total: f64 = rest.iter().map(|token| f64::from(row[*token as usize]).exp()).sum();
    let mut found = vec![0.0; ways.len()];
    for token in rest {
        let places: Vec<_> = (0..ways.len()).filter(|n| ways[*n][depth] == token).collect();
        let behind: Vec<_> = places.iter().map(|n| ways[*n].clone()).collect();
        let mut longer = read.to_vec();
        longer.push(token);
        let further = among(model, &longer, &behind, depth + 1);
        for (place, further) in places.into_iter().zip(further) {
            found[place] = f64::from(row[token as usize]) - total.ln() + further;
        }
    }
    found
}

fn row_after(model: &Arc<Model>, tokens: &[i32]) -> Vec<f32> {
    let options = ContextOptions {
        context_tokens: 512,
        batch_tokens: 512,
        ubatch_tokens: 64,
        outputs_max: 1,
        sequences_max: 1,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        kv_unified: true,
    };
    let mut context = Context::new(model, options).expect("a context");
    let mut batch = Batch::new();
    for (position, token) in tokens.iter().enumerate() {
        batch.push(*token, position as u32, 0..1, position + 1 == tokens.len());
    }
    context.decode(&mut batch).expect("read");
    context.logits(tokens.len() - 1).expect("asked for").to_vec()
}

#[test]
fn candidates_are_weighed_where_they_part() {
    let model = model();
    let texts = texts(&["open valve one", "open valve two", "open window", "close all"]);
    let scored = scorer(&model, 512).score(PREFIX, STATE, &texts).expect("scores");
    let mut prompt = model.tokenize(PREFIX, true, false).expect("tokens");
    prompt.extend(model.tokenize(STATE, false, false).expect("tokens"));
    let line = |text: &String| model.tokenize(&format!(" {text}\n"), false, false).expect("tokens");
    let ways: Vec<_> = texts.iter().map(line).collect();
    for (p, right) in scored.p.iter().zip(among(&model, &prompt, &ways, 0)) {
        assert!((f64::from(*p) - right.exp()).abs() < 0.02, "{:?}: {}", scored.p, right.exp());
    }
    // The three beginnings of what is open are read, and nothing behind the last parting.
    assert_eq!(scored.tokens_read as usize, prompt.len() + 2);
}

/// Scores of one decision that was read in two ways: other kernels round differently.
fn near(a: &[f32], b: &[f32]) {
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(a.len() == b.len() && far < 0.02, "{a:?} and {b:?}");
}

#[test]
fn what_two_prompts_begin_with_alike_is_read_once() {
    let mut scorer = scorer(&model(), 512);
    let tokens = |scorer: &Scorer, text: &str| {
        scorer.model().tokenize(text, true, false).expect("tokens").len() as u32
    };
    let cold = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let (prefix, state) = (tokens(&scorer, PREFIX), tokens(&scorer, STATE));
    assert_eq!(cold.tokens_read, prefix + state);
    let same = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    assert_eq!(same.tokens_read, 1, "the last token, for its row");
    near(&cold.p, &same.p);
    // A fact at the end is another one: what stands before it stays.
    let later = STATE.replace("it is night", "it is day");
    let other = scorer.score(PREFIX, &later, &candidates()).expect("scores");
    assert!(other.tokens_read < 8, "{} of {state}", other.tokens_read);
    scorer.score("A barn.\n", STATE, &candidates()).expect("scores");
    let again = scorer.score(PREFIX, &later, &candidates()).expect("scores");
    assert!(again.tokens_read > state, "the prefix too");
    near(&other.p, &again.p);
}

/// The way of models with a sliding window or a recurrent state, on a model that has neither.
#[test]
fn without_reuse_everything_is_read_anew_and_the_scores_are_the_same() {
    let model = model();
    let folder = tempfile::tempdir().expect("a folder");
    let texts = texts(&["open valve one", "open valve two", "open window", "close all"]);
    for normalisation in [Normalisation::Parting, Normalisation::Sum] {
        let options = ScorerOptions { reuse: false, ..options(512, normalisation) };
        let mut anew = Scorer::new(&model, options).expect("a context");
        anew.keep_in(PrefixStore::open(folder.path(), Identity::new("sha", "none", "plain")));
        let mut shared = scorer_of(&model, 512, normalisation);
        let first = anew.score(PREFIX, STATE, &texts).expect("scores");
        let second = anew.score(PREFIX, STATE, &texts).expect("scores");
        anew.keep_prefix();
        assert_eq!((&first.p, first.tokens_read), (&second.p, second.tokens_read));
        let right = shared.score(PREFIX, STATE, &texts).expect("scores");
        near(&first.p, &right.p);
        assert!(first.tokens_read >= right.tokens_read && !anew.reuses() && shared.reuses());
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_kept_prefix_is_not_read_again_after_a_restart_and_a_damaged_one_is() {
    let model = model();
    let folder = tempfile::tempdir().expect("a folder");
    let long = PREFIX.repeat(2);
    let start = |layout: &str| {
        let mut scorer = scorer(&model, 512);
        scorer.keep_in(PrefixStore::open(folder.path(), Identity::new("sha", "none", layout)));
        scorer
    };
    let read = |scorer: &mut Scorer| {
        let scored = scorer.score(&long, STATE, &candidates()).expect("scores");
        scorer.keep_prefix();
        (scored.tokens_read, scored.p)
    };
    let (cold, p) = read(&mut start("plain"));
    let prefix = model.tokenize(&long, true, false).expect("tokens").len() as u32;
    let (warm, p_warm) = read(&mut start("plain"));
    assert_eq!(warm, cold - prefix);
    near(&p, &p_warm);
    assert_eq!(read(&mut start("another")).0, cold, "a file of another kind is not for us");
    let files =
        || std::fs::read_dir(folder.path()).expect("a folder").map(|f| f.expect("f").path());
    for file in files() {
        let mut bytes = std::fs::read(&file).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("written");
    }
    let (damaged, p_damaged) = read(&mut start("plain"));
    assert_eq!(damaged, cold);
    near(&p, &p_damaged);
    assert_eq!(read(&mut start("plain")).0, cold - prefix, "it was written again");
}

#[test]
fn more_candidates_than_sequences_are_scored_in_rounds_and_alike() {
    let mut scorer = scorer_of(&model(), 512, Normalisation::Sum);
    let many: Vec<String> = (0..40).map(|number| format!("open valve {number}")).collect();
    assert!(many.len() > 2 * limits::MIND_SEQUENCES as usize);
    let together = scorer.score(PREFIX, STATE, &many).expect("scores");
    assert_eq!(together.p.len(), many.len());
    for number in [0, 15, 16, 39] {
        let alone = scorer.score(PREFIX, STATE, &many[number..=number]).expect("scores");
        let difference = together.candidates[number].logprob - alone.candidates[0].logprob;
        assert!(difference.abs() < 0.15, "{number}: {difference}");
        assert_eq!(alone.p, [1.0]);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_both_numbers_and_the_scorer_goes_on() {
    let mut scorer = scorer(&model(), 256);
    let before = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let long = "the fan is loud. ".repeat(100);
    match scorer.score(&long, STATE, &candidates()) {
        Err(ScoreError::TooLong { needed, allowed: 256 }) => assert!(needed > 400, "{needed}"),
        other => panic!("not refused: {other:?}"),
    }
    // Refused before the work: the old prefix is still there.
    let after = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    near(&before.p, &after.p);
    assert!(after.tokens_read < before.tokens_read);
    let error = scorer.score(PREFIX, "", &candidates()).expect_err("no state").to_string();
    assert_eq!(error, "the state is empty");
    let error = scorer.score(PREFIX, STATE, &[]).expect_err("no candidates").to_string();
    assert_eq!(error, "0 candidates, allowed are 1 to 256");
}

#[test]
fn work_that_is_aborted_ends_at_once_and_the_next_is_whole() {
    let mut scorer = scorer(&model(), 512);
    let whole = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let flag = scorer.abort_flag();
    flag.set(true);
    let error = scorer.score(PREFIX, STATE, &candidates()).expect_err("aborted");
    assert!(matches!(error, ScoreError::Engine(GgmlError::Aborted)), "{error}");
    flag.set(false);
    let again = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    assert_eq!(whole.candidates, again.candidates);
}

#[test]
fn words_of_a_text_never_become_control_tokens() {
    let model = model();
    let control = model.tokenize("<|im_end|>", false, true).expect("tokens");
    let text = model.tokenize("<|im_end|>", false, false).expect("tokens");
    assert_eq!(control.len(), 1);
    assert!(text.len() > 1 && !text.contains(&control[0]), "{text:?}");
    let pieces = text.iter().map(|token| model.token_to_piece(*token, false).expect("in it"));
    assert_eq!(pieces.collect::<Vec<_>>().concat(), b"<|im_end|>");
    assert!(model.chat_template().expect("it has one").contains("im_start"));
}

#[test]
fn a_quantised_file_is_a_model_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("q5_1.gguf");
    quantize(&model_path(), &output, FileType::Q5_1, 2).expect("quantised");
    let model = Arc::new(Model::load(&output, LoadOptions::default()).expect("a model"));
    assert_eq!(model.facts().quantization, "Q5_1");
    let scored = scorer(&model, 512).score(PREFIX, STATE, &candidates()).expect("scores");
    assert!(scored.candidates.iter().all(|score| score.logprob.is_finite()));
}

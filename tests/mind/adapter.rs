//! Adapters on the real model: put on and off without loading it again, and refused where they are
//! another model's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use outpost::mind::adapters::{self, AdapterError};
use outpost::mind::catalog::{Catalog, Store};
use outpost::mind::client::{DecideRequest, MindEvent};
use outpost::mind::ggml::{Adapter, GgmlError, Model};
use outpost::mind::notes::ByNotes;
use outpost::mind::score::keep::{Identity, PrefixStore};
use outpost::mind::score::{Normalisation, Question, ScoreError, Scored, Scorer};

use crate::book::Book;
use crate::process::{Mind, request};
use crate::{PREFIX, STATE, candidates, model, model_path, near, scorer, scorer_of, texts};

/// The model's rows and columns of a query matrix.
const WIDTH: usize = 576;
const RANK: usize = 4;

fn string(text: &str) -> Vec<u8> {
    [(text.len() as u64).to_le_bytes().to_vec(), text.as_bytes().to_vec()].concat()
}

/// An adapter of the first layer's queries with every number of its second half at `b`.
pub(super) fn write(path: &Path, architecture: &str, b: f32) {
    write_as(path, architecture, WIDTH, b, &[]);
}

/// The same for a model whose query matrix has so many rows and columns.
pub(crate) fn write_for(path: &Path, architecture: &str, width: usize, b: f32) {
    write_as(path, architecture, width, b, &[]);
}

/// An activated adapter, which begins at these tokens.
pub(super) fn write_invoked(path: &Path, architecture: &str, b: f32, invocation: &[i32]) {
    write_as(path, architecture, WIDTH, b, invocation);
}

fn write_as(path: &Path, architecture: &str, width: usize, b: f32, invocation: &[i32]) {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(2_u64.to_le_bytes()); // tensors
    bytes.extend((5 + u64::from(!invocation.is_empty())).to_le_bytes()); // keys
    for (key, text) in [
        ("general.type", "adapter"),
        ("adapter.type", "lora"),
        ("general.architecture", architecture),
    ] {
        bytes.extend([string(key), 8_u32.to_le_bytes().to_vec(), string(text)].concat());
    }
    bytes.extend([string("adapter.lora.alpha"), 6_u32.to_le_bytes().to_vec()].concat());
    bytes.extend(4.0_f32.to_le_bytes());
    bytes.extend([string("outpost.temperature_percent"), 4_u32.to_le_bytes().to_vec()].concat());
    bytes.extend(200_u32.to_le_bytes());
    if !invocation.is_empty() {
        bytes.extend(
            [string("adapter.alora.invocation_tokens"), vec![9, 0, 0, 0, 4, 0, 0, 0]].concat(),
        );
        bytes.extend((invocation.len() as u64).to_le_bytes());
        bytes.extend(invocation.iter().flat_map(|token| token.to_le_bytes()));
    }
    let numbers = width * RANK;
    for (side, shape, offset) in [("a", [width, RANK], 0), ("b", [RANK, width], numbers * 4)] {
        bytes.extend(string(&format!("blk.0.attn_q.weight.lora_{side}")));
        bytes.extend(2_u32.to_le_bytes()); // dimensions
        bytes.extend(shape.iter().flat_map(|length| (*length as u64).to_le_bytes()));
        bytes.extend(0_u32.to_le_bytes()); // F32
        bytes.extend((offset as u64).to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend((0..numbers).flat_map(|n| ((n % 7) as f32 * 0.1 - 0.3).to_le_bytes()));
    bytes.extend((0..numbers).flat_map(|_| b.to_le_bytes()));
    std::fs::write(path, bytes).expect("written");
}

pub(super) fn load(model: &Arc<Model>, folder: &Path, b: f32) -> Option<Arc<Adapter>> {
    let path = folder.join(format!("by-{b}.gguf"));
    write(&path, "llama", b);
    let checked = adapters::check(Catalog::embedded(), &path, &model_path()).expect("it fits");
    assert_eq!((checked.facts.rank, checked.facts.temperature_percent), (4, Some(200)));
    Some(Arc::new(Adapter::load(model, &checked.path).expect("loaded")))
}

#[test]
fn an_adapter_changes_the_scores_while_it_is_on_and_not_a_bit_after() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let mut scorer = scorer(&model, 512);
    let mut ask = |adapter: Option<Option<Arc<Adapter>>>| -> Scored {
        if let Some(adapter) = adapter {
            scorer.put_on(adapter, 1.0).expect("put on");
        }
        scorer.score(PREFIX, STATE, &candidates()).expect("scores")
    };
    let bare = ask(None);
    let nothing = ask(Some(load(&model, folder.path(), 0.0)));
    let changed = ask(Some(load(&model, folder.path(), 0.05)));
    let again = ask(None);
    let off = ask(Some(None));
    let far = |one: &Scored, other: &Scored| {
        let pairs = one.candidates.iter().zip(&other.candidates);
        pairs.map(|(a, b)| (a.logprob - b.logprob).abs()).fold(0.0, f32::max)
    };
    assert_eq!(bare.candidates, off.candidates, "to the bit");
    assert!(far(&bare, &nothing) < 1e-3, "{bare:?} {nothing:?}");
    assert!(far(&bare, &changed) > 0.1, "{bare:?} {changed:?}");
    assert!(far(&changed, &again) < 1e-3 && again.tokens_read < changed.tokens_read);
}

#[test]
fn an_adapter_of_another_model_is_refused_and_the_scores_stay() {
    let (folder, one, other) = (tempfile::tempdir().expect("a folder"), model(), model());
    let mut scorer = scorer(&one, 512);
    let before = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let foreign = load(&other, folder.path(), 0.05);
    match scorer.put_on(foreign, 1.0) {
        Err(ScoreError::Engine(GgmlError::Bound { what: "adapter", .. })) => {}
        other => panic!("not refused: {other:?}"),
    }
    let after = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    assert_eq!(before.candidates, after.candidates);

    let path = folder.path().join("foreign.gguf");
    write(&path, "qwen2", 0.0);
    let error = adapters::check(Catalog::embedded(), &path, &model_path()).expect_err("foreign");
    let text = error.to_string();
    assert!(text.contains("\"qwen2\"") && text.contains("\"llama\""), "{text}");
}

#[test]
fn an_adapter_is_found_by_its_path_and_an_unknown_name_lists_the_known_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().into(), Catalog::embedded().clone());
    assert_eq!(adapters::locate(&store, "none").expect("none"), None);
    let path = adapters::locate(&store, "./mine.gguf").expect("a path");
    assert_eq!(path, Some(PathBuf::from("./mine.gguf")));
    match adapters::locate(&store, "mine") {
        Err(AdapterError::Unknown { found, .. }) => assert_eq!(found, "mine"),
        other => panic!("not unknown: {other:?}"),
    }
}

/// The adapter that comes with the program.
pub(super) fn ours() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/adapters/edge-operator.gguf")
}

/// What `outpost decide` says of our own cases.
fn accuracy(adapter: &str) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["decide", "--no-memory", "--no-prefix-cache", "--threads", "1", "--model"])
        .arg(model_path())
        .args(["--adapter", adapter, "--cases"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decisions.jsonl"))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let summary = text.lines().last().expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
    summary["accuracy"].as_f64().expect("judged")
}

/// What `outpost bench mind --adapters` says of them on our own cases.
fn rivals(adapters: &str) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["bench", "mind", "--threads", "1", "--json", "--adapters", adapters, "--model"])
        .arg(model_path())
        .arg("--cases")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decisions.jsonl"))
        .output()
        .expect("it runs")
}

#[test]
fn two_adapters_are_compared_case_by_case() {
    let adapters = format!("none,{}", ours().display());
    let output = rivals(&adapters);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [none, ours, last] = lines.as_slice() else { panic!("{text}") };
    let right = |line: &serde_json::Value| 6.0 * line["accuracy"].as_f64().expect("judged");
    let only = |side: &str| last[side].as_f64().expect("a number");
    assert!((right(ours) - right(none) - only("only_second") + only("only_first")).abs() < 1e-9);
    assert_eq!((&last["cases"], last["first"].as_str()), (&6.into(), Some("none")));
    assert!(last["winner"].is_null(), "two of six are too few: {last}");

    let alone = rivals("none");
    assert!(!alone.status.success());
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(said.contains("found only none, allowed are two or more"), "{said}");
}

#[test]
fn the_adapter_that_comes_with_the_program_is_the_catalogues_and_reads_notes() {
    let checked = adapters::check(Catalog::embedded(), &ours(), &model_path()).expect("it fits");
    assert_eq!(checked.facts.questions.as_deref(), Some("notes-2"));
    assert!(checked.facts.file_bytes <= 12_000_000, "issue 7: it goes over thin lines");
    // The four that arithmetic settles, and of the two by a note at least one.
    let (with, without) = (accuracy(ours().to_str().expect("text")), accuracy("none"));
    assert!(with > 0.8 && with >= without, "{with}, without {without}");
}

#[tokio::test]
async fn the_minds_process_decides_by_notes_and_says_which_adapter_is_wrong() {
    let mut mind = Mind::start_as(&model_path(), None, 610, Some(ours()));
    mind.ready().await;
    let notes = texts(&["After dark take the roof vent; otherwise the fan."]);
    let among = [(1, "fan"), (2, "roof vent")];
    for (id, (now, wanted)) in (1..).zip([("night time", 2), ("daylight", 1)]) {
        let by_notes = ByNotes::new(&notes, &texts(&[now]), &among);
        assert!(by_notes.is_some(), "the note names both");
        let (prefix, state) = (PREFIX.to_owned(), STATE.to_owned());
        let (priority, within_ms) = (1, 0);
        mind.handle
            .decide(DecideRequest {
                id,
                prefix,
                state,
                candidates: candidates(),
                by_notes,
                priority,
                within_ms,
                questions: Vec::new(),
                adapter: None,
            })
            .expect("taken");
        match mind.event().await {
            MindEvent::Answer(decided) => {
                assert_eq!(decided.id, id);
                assert!(decided.p[wanted] > 0.8, "{now}: {:?}", decided.p);
                assert!((decided.p.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
            other => panic!("no answer: {other:?}"),
        }
    }

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("foreign.gguf");
    write(&path, "qwen2", 0.0);
    let mut mind = Mind::start_as(&model_path(), None, 610, Some(path));
    mind.loading().await;
    let reason = mind.failed().await;
    assert!(reason.contains("foreign.gguf") && reason.contains("\"qwen2\""), "{reason}");
}

/// Probabilities of the candidates with an adapter for this decision alone.
async fn decided(mind: &Mind, adapter: Option<String>) -> (Vec<f32>, bool) {
    let request = DecideRequest { adapter, ..request(1, PREFIX) };
    let decided = mind.handle.ask(request).await.expect("an answer");
    (decided.p, decided.remembered)
}

#[tokio::test]
async fn a_decision_has_the_adapter_that_it_asks_for_and_the_next_one_the_usual_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.gguf");
    write(&other, "llama", 0.05);
    let mut mind = Mind::start_as(&model_path(), None, 100, Some(ours()));
    mind.ready().await;
    let process = mind.handle.process_id();
    let text = |path: &Path| Some(path.to_str().expect("text").to_owned());

    let (usual, remembered) = decided(&mind, None).await;
    assert!(!remembered);
    let (plain, remembered) = decided(&mind, Some(String::new())).await;
    assert!(!remembered, "another adapter's memory is not ours");
    let (with_other, _) = decided(&mind, text(&other)).await;
    assert!(usual != plain && plain != with_other && usual != with_other);
    // Each comes back as it was, and what is remembered is its own.
    assert_eq!(decided(&mind, None).await, (usual.clone(), true));
    assert_eq!(decided(&mind, text(&other)).await, (with_other.clone(), true));
    assert_eq!(decided(&mind, text(&ours())).await, (usual.clone(), true));

    // Another file under the same name is another adapter.
    write(&other, "llama", 0.3);
    let (changed, remembered) = decided(&mind, text(&other)).await;
    assert!(!remembered && changed != with_other);

    write(&other, "qwen2", 0.0);
    let request = DecideRequest { adapter: text(&other), ..request(2, PREFIX) };
    let refused = mind.handle.ask(request).await.expect_err("foreign");
    assert!(refused.reason.contains("\"qwen2\""), "{}", refused.reason);
    assert_eq!(decided(&mind, None).await, (usual, true));
    assert_eq!(mind.handle.process_id(), process, "all of it in one process");
}

/// What an activated adapter begins at, as tokens.
const INVOCATION: &str = "Decide as the keeper would.\n";

/// An activated adapter that changes much.
fn activated(model: &Arc<Model>, folder: &Path, b: f32) -> Option<Arc<Adapter>> {
    let path = folder.join(format!("activated-by-{b}.gguf"));
    let invocation = model.tokenize(INVOCATION, false, false).expect("tokens");
    write_invoked(&path, "llama", b, &invocation);
    let checked = adapters::check(Catalog::embedded(), &path, &model_path()).expect("it fits");
    assert!(checked.facts.activated && checked.prefixes() == "none");
    let adapter = Adapter::load(model, &checked.path).expect("loaded");
    assert_eq!(adapter.invocation(), invocation);
    Some(Arc::new(adapter))
}

/// The slow way: the prefix without an adapter, the rest with it.
fn by_the_book(model: &Arc<Model>, adapter: &Option<Arc<Adapter>>, state: &str) -> Vec<f64> {
    let prefix = Book::new(model).begun(PREFIX);
    prefix.put_on(adapter.clone()).then(INVOCATION).then(state).sums(&candidates())
}

#[test]
fn an_activated_adapter_leaves_the_prefix_as_it_was_read() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let tokens = |text: &str, first| model.tokenize(text, first, false).expect("tokens").len();
    let prefix = tokens(PREFIX, true) as u32;
    let invoked = (tokens(INVOCATION, false) + tokens(STATE, false)) as u32;
    let mut scorer = scorer_of(&model, 512, Normalisation::Sum);
    let adapters = [0.05, 0.3].map(|b| activated(&model, folder.path(), b));
    let ask = |scorer: &mut Scorer, state: &str| {
        scorer.score(PREFIX, state, &candidates()).expect("scores")
    };
    let like_the_book = |found: &Scored, adapter: &Option<Arc<Adapter>>, state: &str| {
        let slow = by_the_book(&model, adapter, state);
        for (score, slow) in found.candidates.iter().zip(slow) {
            let difference = (f64::from(score.logprob) - slow).abs();
            assert!(difference < 0.15, "{} and {slow} by the book", score.logprob);
        }
    };
    let bare = ask(&mut scorer, STATE);
    let branches = bare.tokens_read - prefix - tokens(STATE, false) as u32;
    // Switched on, to another one, and off: never is the prefix read again.
    for adapter in &adapters {
        scorer.put_on(adapter.clone(), 1.0).expect("put on");
        let found = ask(&mut scorer, STATE);
        assert_eq!(found.tokens_read, invoked + branches);
        like_the_book(&found, adapter, STATE);
        // What is the same in the state stays, as without an adapter.
        let later = STATE.replace("it is night", "it is day");
        let found = ask(&mut scorer, &later);
        assert!(found.tokens_read < 8 + branches, "{} of {invoked}", found.tokens_read);
        like_the_book(&found, adapter, &later);
    }
    scorer.put_on(None, 1.0).expect("put off");
    let off = ask(&mut scorer, STATE);
    assert_eq!(off.tokens_read, bare.tokens_read - prefix);
    near(&off.p, &bare.p);
    // A plain adapter was on for the prefix too: there it is read again, both ways.
    scorer.put_on(load(&model, folder.path(), 0.05), 1.0).expect("put on");
    assert_eq!(ask(&mut scorer, STATE).tokens_read, bare.tokens_read);
    scorer.put_on(adapters[0].clone(), 1.0).expect("put on");
    let anew = ask(&mut scorer, STATE);
    assert_eq!(anew.tokens_read, prefix + invoked + branches);
    like_the_book(&anew, &adapters[0], STATE);
}

#[test]
fn a_prefix_that_has_the_words_of_another_ones_state_is_read_without_the_adapter() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let mut used = scorer(&model, 512);
    let adapter = activated(&model, folder.path(), 0.3);
    used.put_on(adapter.clone(), 1.0).expect("put on");
    // The longer prefix has the tokens of the shorter one's whole prompt, which was read with the
    // adapter on behind the prefix.
    let longer = format!("{PREFIX}{INVOCATION}{STATE}");
    used.score(PREFIX, STATE, &candidates()).expect("scores");
    let found = used.score(&longer, STATE, &candidates()).expect("scores");
    let mut fresh = scorer(&model, 512);
    fresh.put_on(adapter, 1.0).expect("put on");
    let right = fresh.score(&longer, STATE, &candidates()).expect("scores");
    near(&found.p, &right.p);
    let whole = model.tokenize(PREFIX, true, false).expect("tokens").len() as u32;
    assert!(found.tokens_read + whole <= right.tokens_read + 2, "the shorter prefix stays");
    // And back: what is behind the shorter one now was read without.
    let back = used.score(PREFIX, STATE, &candidates()).expect("scores");
    let mut fresh = scorer(&model, 512);
    fresh.put_on(activated(&model, folder.path(), 0.3), 1.0).expect("put on");
    near(&back.p, &fresh.score(PREFIX, STATE, &candidates()).expect("scores").p);
}

#[test]
fn questions_and_kept_prefixes_are_an_activated_adapters_too() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let long = PREFIX.repeat(2);
    let question =
        |text: &str| Question { text: text.to_owned(), candidates: texts(&["yes", "no"]) };
    let questions = [question("Is it hot, yes or no:"), question("Is it day, yes or no:")];
    let start = |adapter: Option<Arc<Adapter>>| {
        let mut scorer = scorer(&model, 512);
        scorer.put_on(adapter, 1.0).expect("put on");
        scorer.keep_in(PrefixStore::open(folder.path(), Identity::new("sha", "none", "plain")));
        scorer
    };
    let ask = |scorer: &mut Scorer, questions: &[Question]| {
        let scored = scorer.ask(&long, STATE, questions).expect("scores");
        scorer.keep_prefix();
        (scored[0].tokens_read, scored.into_iter().map(|one| one.p).collect::<Vec<_>>())
    };
    let adapter = activated(&model, folder.path(), 0.3);
    let prefix = model.tokenize(&long, true, false).expect("tokens").len() as u32;
    // Kept by the model without an adapter, used by the activated one, and by it after a restart.
    let (cold, bare) = ask(&mut start(None), &questions);
    let invocation = model.tokenize(INVOCATION, false, false).expect("tokens").len() as u32;
    let (warm, together) = ask(&mut start(adapter.clone()), &questions);
    assert_eq!(warm, cold - prefix + invocation);
    assert!(together.iter().zip(&bare).any(|(one, other)| (one[0] - other[0]).abs() > 0.02));
    for (number, together) in together.iter().enumerate() {
        let alone = ask(&mut start(adapter.clone()), &questions[number..=number]);
        near(&alone.1[0], together);
    }
}

#[tokio::test]
async fn the_minds_process_keeps_its_prefix_for_an_activated_adapter() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), model());
    let path = folder.path().join("activated.gguf");
    let invocation = model.tokenize(INVOCATION, false, false).expect("tokens");
    write_invoked(&path, "llama", 0.3, &invocation);
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let prefix = model.tokenize(PREFIX, true, false).expect("tokens").len() as u32;
    let bare = mind.handle.ask(request(1, PREFIX)).await.expect("an answer");
    let adapter = Some(path.to_str().expect("text").to_owned());
    let with = DecideRequest { adapter, ..request(2, PREFIX) };
    let with = mind.handle.ask(with).await.expect("an answer");
    assert_eq!(with.tokens_read, bare.tokens_read - prefix + invocation.len() as u32);
    assert!(with.p != bare.p && !with.remembered);
}

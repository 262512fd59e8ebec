//! A copy of the real model with an adapter's change in its weights, beside the adapter put on.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use outpost::mind::adapters;
use outpost::mind::catalog::Catalog;
use outpost::mind::client::{DecideRequest, MindEvent, MindState};
use outpost::mind::ggml::{Adapter, LoadOptions, Model};
use outpost::mind::score::Scored;

use crate::adapter::{ours, write_for, write_invoked};
use crate::architectures::made;
use crate::process::{Mind, request};
use crate::{PREFIX, candidates, model_path, scorer};

/// Values of a token in a made model, which has as many rows of queries.
const MADE_WIDTH: usize = 256;

fn merge(model: &Path, adapter: &Path, output: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["--json", "model", "merge"])
        .args([model, adapter])
        .arg("--output")
        .arg(output)
        .output()
        .expect("it runs")
}

#[test]
fn a_merged_copy_answers_as_the_model_with_the_adapter_put_on() {
    let folder = made();
    let path = |name: &str| folder.path().join(name);
    // Weights in F32, so that nothing is lost to rounding.
    let (base, adapter, merged) = (path("llama.gguf"), path("a.gguf"), path("merged.gguf"));
    write_for(&adapter, "llama", MADE_WIDTH, 0.3);

    let output = merge(&base, &adapter, &merged);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value =
        serde_json::from_str(text.lines().last().expect("a summary")).expect("JSON");
    assert_eq!((&said["matrices"], &said["lost"]), (&1.into(), &0.0.into()), "{said}");
    assert!(said["change"].as_f64() > Some(0.01), "{said}");
    let bytes = |path: &Path| path.metadata().expect("there").len();
    assert_eq!(bytes(&base), bytes(&merged));

    let load = |path: &Path| {
        let model = Model::load(path, LoadOptions::default()).expect("it loads");
        Arc::new(model)
    };
    let ask = |model: &Arc<Model>, adapter: Option<Arc<Adapter>>| -> Scored {
        let mut scorer = scorer(model, 256);
        scorer.put_on(adapter, 1.0).expect("put on");
        scorer.score("A barn.\n", "It is hot.\nDo:", &candidates()).expect("scores")
    };
    let model = load(&base);
    let checked = adapters::check(Catalog::embedded(), &adapter, &base).expect("it fits");
    let loaded = Arc::new(Adapter::load(&model, &checked.path).expect("loaded"));
    let (bare, worn) = (ask(&model, None), ask(&model, Some(loaded)));
    let copy = ask(&load(&merged), None);
    let far = |one: &Scored, other: &Scored| {
        let pairs = one.candidates.iter().zip(&other.candidates);
        pairs.map(|(a, b)| (a.logprob - b.logprob).abs()).fold(0.0, f32::max)
    };
    let (changed, wrong) = (far(&bare, &worn), far(&copy, &worn));
    println!("{changed} by the adapter, {wrong} beside it");
    assert!(changed > 0.1 && wrong < changed / 20.0, "{changed} by the adapter, {wrong} beside it");
}

#[test]
fn what_cannot_be_merged_is_refused_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (adapter, merged) = (folder.path().join("a.gguf"), folder.path().join("m.gguf"));
    write_for(&adapter, "qwen2", MADE_WIDTH, 0.05);
    for (adapter, output, code, words) in [
        (adapter.as_path(), &merged, 1, "\"qwen2\""),
        (Path::new("none"), &merged, 2, "allowed: one to merge"),
        (Path::new("nobody"), &merged, 2, "edge-operator"),
    ] {
        let output = merge(&model_path(), adapter, output);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{text}");
    }
    write_invoked(&adapter, "llama", 0.05, &[10, 11]);
    let output = merge(&model_path(), &adapter, &merged);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("aLoRA"), "{text}");
    write_for(&adapter, "llama", 576, 0.05);
    let output = merge(&model_path(), &adapter, &adapter);
    assert_eq!(output.status.code(), Some(2), "it would replace its input");
    let left = std::fs::read_dir(folder.path()).expect("read").count();
    assert_eq!(left, 1, "only the adapter");
}

/// Our own cases by `outpost decide`, with this folder of models: the answers without their times,
/// and what was said beside them.
fn decided(models: &Path, model: &Path, more: &[&str]) -> (Vec<String>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["decide", "--no-memory", "--no-prefix-cache", "--threads", "1", "--cases"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decisions.jsonl"))
        .arg("--model")
        .arg(model)
        .args(more)
        .env("OUTPOST_MODELS", models)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("text");
    let answers =
        text.lines().map(|line| -> serde_json::Value { serde_json::from_str(line).expect("JSON") });
    let answers = answers.filter(|line| line["chosen"].is_u64());
    (answers.map(|line| format!("{} {} {}", line["id"], line["p"], line["mass"])).collect(), said)
}

#[test]
fn an_adapter_of_a_decision_is_merged_by_itself_and_where_that_fails_put_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (models, adapter) = (folder.path(), ours().display().to_string());
    let by_hand = models.join("by-hand.gguf");
    assert!(merge(&model_path(), &ours(), &by_hand).status.success());
    let (copy, said) = decided(models, &by_hand, &[]);
    assert!(!copy.is_empty() && said.is_empty(), "{said}");
    let (first, said) = decided(models, &model_path(), &["--adapter", &adapter, "--merged"]);
    assert_eq!((&first, said.as_str()), (&copy, ""), "as the copy of `model merge`");

    let merged = std::fs::read_dir(models.join("merged")).expect("made");
    let mut copies = merged.map(|file| file.expect("read").path());
    let cached = copies.find(|path| path.extension().is_some_and(|ending| ending == "gguf"));
    let cached = cached.expect("a copy");
    let whole = std::fs::read(&cached).expect("read");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&cached, damaged).expect("written");
    assert_eq!(decided(models, &model_path(), &["--adapter", &adapter, "--merged"]).0, copy);
    assert_eq!(std::fs::read(&cached).expect("read"), whole, "made again");

    let (worn, _) = decided(models, &model_path(), &["--adapter", &adapter]);
    assert_ne!(worn, copy, "four bits round what is merged");
    std::fs::remove_dir_all(models.join("merged")).expect("removed");
    std::fs::write(models.join("merged"), "a file in its place").expect("written");
    let (same, said) = decided(models, &model_path(), &["--adapter", &adapter, "--merged"]);
    assert_eq!(same, worn);
    assert_eq!(said.matches("the adapter is not merged").count(), 1, "{said}");
}

#[tokio::test]
async fn the_minds_process_loads_the_copy_and_gives_it_up_for_another_adapter() {
    let folder = tempfile::tempdir().expect("a folder");
    let copies = Some(folder.path().join("merged"));
    let mut mind = Mind::start_in(&model_path(), None, 100, Some(ours()), copies.clone());
    let (copy, _) = mind.ready().await;
    mind.answer(1).await;
    // A second one finds it there.
    let mut other = Mind::start_in(&model_path(), None, 100, Some(ours()), copies);
    assert_eq!(other.ready().await.0.sha256, copy.sha256);
    drop(other);

    let bare = DecideRequest { adapter: Some(String::new()), ..request(2, PREFIX) };
    mind.handle.decide(bare).expect("taken");
    let model = match mind.event().await {
        MindEvent::State(MindState::Ready(model, _)) => model,
        other => panic!("nothing is said of another model: {other:?}"),
    };
    assert_ne!(model.sha256, copy.sha256);
    let answer = mind.event().await;
    assert!(matches!(&answer, MindEvent::Answer(one) if one.id == 2), "{answer:?}");
    mind.answer(3).await; // the usual one is put on
    drop(mind);
    let mut plain = Mind::start(&model_path(), None);
    assert_eq!(plain.ready().await.0.sha256, model.sha256);
}

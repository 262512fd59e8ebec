//! The mind with a real model: its scores, and the life of its process.
//!
//! The model is `smollm2-135m-instruct-q4_0`: `OUTPOST_TEST_MODEL` names its file, otherwise it is
//! looked for where `outpost model pull` puts it. Without it these tests fail; they never skip.

#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use outpost::limits;
use outpost::mind::client::{
    self, DecideRequest, MindConfig, MindEvent, MindHandle, MindState, ModelFacts,
};
use outpost::mind::ggml::{
    Batch, Context, ContextOptions, FileType, GgmlError, LoadOptions, Model, quantize,
};
use outpost::mind::score::{Normalisation, ScoreError, Scorer, ScorerOptions};
use tokio::sync::mpsc;

const MODEL: &str = "smollm2-135m-instruct-q4_0.gguf";

/// Longest wait for anything here: a loaded machine takes seconds to load a model.
const PATIENCE: Duration = Duration::from_secs(120);

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

fn model() -> Rc<Model> {
    Rc::new(Model::load(&model_path(), LoadOptions::default()).expect("a model"))
}

fn scorer(model: &Rc<Model>, context_tokens: u32) -> Scorer {
    let options = ScorerOptions {
        context_tokens,
        ubatch_tokens: 64,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        normalisation: Normalisation::default(),
    };
    Scorer::new(model, options).expect("a context")
}

/// The slow way, by the book: one sequence, one token at a time, every logarithm in `f64`.
fn one_by_one(model: &Rc<Model>, candidates: &[String]) -> Vec<f64> {
    let options = ContextOptions {
        context_tokens: 512,
        batch_tokens: 1,
        ubatch_tokens: 1,
        outputs_max: 1,
        sequences_max: 1,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        kv_unified: true,
    };
    let mut context = Context::new(model, options).expect("a context");
    let mut batch = Batch::new();
    let mut read = |context: &mut Context, position: usize, token| {
        batch.clear();
        batch.push(token, position as u32, 0..1, true);
        context.decode(&mut batch).expect("read");
        context.logits(0).expect("asked for").to_vec()
    };
    let mut prompt = model.tokenize(PREFIX, true, false).expect("tokens");
    prompt.extend(model.tokenize(STATE, false, false).expect("tokens"));
    let mut row = Vec::new();
    for (position, token) in prompt.iter().enumerate() {
        row = read(&mut context, position, *token);
    }
    let after_prompt = row;
    let mut sums = Vec::new();
    for candidate in candidates {
        let end = context.options().context_tokens;
        assert!(context.seq_rm(0, prompt.len() as u32..end).expect("a sequence"));
        let tokens = model.tokenize(&format!(" {candidate}\n"), false, false).expect("tokens");
        let (mut row, mut sum) = (after_prompt.clone(), 0.0);
        for (index, token) in tokens.iter().enumerate() {
            let total = row.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
            sum += f64::from(row[*token as usize]) - total;
            if index + 1 < tokens.len() {
                row = read(&mut context, prompt.len() + index, *token);
            }
        }
        sums.push(sum);
    }
    sums
}

#[test]
fn one_pass_gives_the_scores_of_reading_one_token_at_a_time() {
    let model = model();
    let scored = scorer(&model, 512).score(PREFIX, STATE, &candidates()).expect("scores");
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

#[test]
fn a_prefix_is_read_once_and_again_when_its_text_changes() {
    let mut scorer = scorer(&model(), 512);
    let cold = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let warm = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let other = scorer.score("You look after a barn.\n", STATE, &candidates()).expect("scores");
    let again = scorer.score(PREFIX, STATE, &candidates()).expect("scores");
    let prefix = scorer.model().tokenize(PREFIX, true, false).expect("tokens").len() as u32;
    assert_eq!(cold.tokens_read, warm.tokens_read + prefix);
    assert_eq!(cold.tokens_read, again.tokens_read);
    assert_ne!(cold.p, other.p);
    for ((cold, warm), again) in cold.candidates.iter().zip(&warm.candidates).zip(&again.candidates)
    {
        assert_eq!(cold, warm);
        assert_eq!(cold, again);
    }
}

#[test]
fn more_candidates_than_sequences_are_scored_in_rounds_and_alike() {
    let mut scorer = scorer(&model(), 512);
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
    assert_eq!(before.candidates, after.candidates);
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
    let model = Rc::new(Model::load(&output, LoadOptions::default()).expect("a model"));
    assert_eq!(model.facts().quantization, "Q5_1");
    let scored = scorer(&model, 512).score(PREFIX, STATE, &candidates()).expect("scores");
    assert!(scored.candidates.iter().all(|score| score.logprob.is_finite()));
}

// ---- the process ----

struct Mind {
    handle: MindHandle,
    events: mpsc::Receiver<MindEvent>,
}

impl Mind {
    fn start(model: &Path, sha256: Option<String>) -> Self {
        let (sender, events) = mpsc::channel(64);
        let config = MindConfig {
            program: env!("CARGO_BIN_EXE_outpost").into(),
            args: texts(&["mind"]),
            model: model.to_owned(),
            sha256,
            context_tokens: 1024,
            ubatch_tokens: 64,
            threads_decode: THREADS,
            threads_prefill: THREADS,
        };
        Self { handle: client::spawn(config, sender), events }
    }

    async fn event(&mut self) -> MindEvent {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("a mind that runs")
    }

    async fn loading(&mut self) {
        assert_eq!(self.event().await, MindEvent::State(MindState::Loading));
    }

    async fn ready(&mut self) -> (ModelFacts, String) {
        self.loading().await;
        match self.event().await {
            MindEvent::State(MindState::Ready(facts, kernels)) => (facts, kernels),
            other => panic!("not ready: {other:?}"),
        }
    }

    async fn failed(&mut self) -> String {
        match self.event().await {
            MindEvent::State(MindState::Failed { reason }) => reason,
            other => panic!("not failed: {other:?}"),
        }
    }

    async fn answer(&mut self, id: u64) {
        self.handle.decide(request(id, PREFIX)).expect("taken");
        match self.event().await {
            MindEvent::Answer(decided) => {
                assert_eq!(decided.id, id);
                assert_eq!(decided.p.len(), candidates().len());
                assert!(decided.ms > 0.0 && decided.tokens_read > 0);
            }
            other => panic!("no answer: {other:?}"),
        }
    }
}

fn request(id: u64, prefix: &str) -> DecideRequest {
    let (prefix, state) = (prefix.to_owned(), STATE.to_owned());
    DecideRequest { id, prefix, state, candidates: candidates() }
}

/// Waits until the process is gone, a zombie counting as gone.
async fn gone(process: u32) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < deadline, "process {process} is still there: {stat}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kill(process: u32) {
    let id = rustix::process::Pid::from_raw(process as i32).expect("not 0");
    rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("killed");
}

#[tokio::test]
async fn kill_minus_nine_costs_the_decision_in_flight_and_it_comes_back() {
    let mut mind = Mind::start(&model_path(), None);
    let (facts, kernels) = mind.ready().await;
    assert_eq!((facts.quantization.as_str(), facts.vocabulary), ("Q4_0", 49_152));
    assert_eq!(facts.sha256.len(), 64);
    assert!(kernels.contains("REPACK"), "{kernels}");
    mind.answer(1).await;

    let first = mind.handle.process_id().expect("it runs");
    let adjusted = std::fs::read_to_string(format!("/proc/{first}/oom_score_adj"));
    assert_eq!(adjusted.expect("it runs").trim(), "1000");
    // A prefix that is not in the cache and takes a second to read, so that the kill comes first.
    let long = PREFIX.repeat(10);
    mind.handle.decide(request(2, &long)).expect("taken");
    tokio::task::yield_now().await; // the keeper's turn: it passes the request on
    kill(first);
    match mind.event().await {
        MindEvent::Lost { ids, reason } => {
            assert_eq!(ids, [2]);
            assert!(reason.contains("signal 9"), "{reason}");
        }
        other => panic!("nothing was lost: {other:?}"),
    }
    mind.failed().await;
    mind.ready().await;
    assert_ne!(mind.handle.process_id().expect("it runs"), first);
    mind.answer(3).await;
}

#[tokio::test]
async fn a_missing_model_is_taken_up_when_it_appears() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let mut mind = Mind::start(&path, None);
    let missing = MindState::Missing { path: path.clone() };
    assert_eq!(mind.event().await, MindEvent::State(missing));
    mind.handle.decide(request(1, PREFIX)).expect("queued");
    match mind.event().await {
        MindEvent::Refused { id: 1, reason } => assert!(reason.contains("not running")),
        other => panic!("not refused: {other:?}"),
    }
    assert_eq!(mind.handle.memory().await, None);
    std::os::unix::fs::symlink(model_path(), &path).expect("a link");
    mind.ready().await;
    mind.answer(2).await;
}

#[tokio::test]
async fn a_wrong_file_is_refused_until_another_takes_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let whole = std::fs::read(model_path()).expect("readable");
    std::fs::write(&path, &whole[..1 << 20]).expect("written");
    drop(whole);
    let mut probe = Mind::start(&model_path(), None);
    let sha256 = probe.ready().await.0.sha256;
    drop(probe);

    let mut mind = Mind::start(&path, Some(sha256.clone()));
    mind.loading().await;
    let reason = mind.failed().await;
    assert!(reason.contains("model.gguf") && reason.contains("cut off"), "{reason}");
    assert_eq!(mind.handle.process_id(), None);
    // A whole model, but another one than was asked for.
    let mut other = Mind::start(&model_path(), Some("0".repeat(64)));
    other.loading().await;
    let reason = other.failed().await;
    assert!(reason.contains(&format!("has the sha256 {sha256}")), "{reason}");
    assert_eq!(other.handle.process_id(), None);

    let link = folder.path().join("link");
    std::os::unix::fs::symlink(model_path(), &link).expect("a link");
    std::fs::rename(&link, &path).expect("renamed");
    assert_eq!(mind.ready().await.0.sha256, sha256);
    mind.answer(1).await;
}

#[tokio::test]
async fn a_dropped_handle_leaves_no_child_behind() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let process = mind.handle.process_id().expect("it runs");
    let report = mind.handle.memory().await.expect("it answers");
    assert!(report.pss_bytes >= report.anonymous_bytes, "{report:?}");
    assert!(report.anonymous_bytes > report.kv_bytes, "{report:?}");
    assert_eq!(report.kv_bytes, 1024 * 23_040); // 30 layers * 3 heads * 64 * 2 * 2 bytes
    drop(mind);
    gone(process).await;
}

#[test]
fn a_runtime_that_ends_leaves_no_child_behind() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let process = runtime.block_on(async {
        let mut mind = Mind::start(&model_path(), None);
        mind.loading().await;
        let deadline = Instant::now() + PATIENCE;
        while mind.handle.process_id().is_none() && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        let process = mind.handle.process_id().expect("it starts");
        std::mem::forget(mind.handle); // not by the handle's end: by the runtime's
        process
    });
    drop(runtime);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(gone(process));
}

#[tokio::test]
async fn every_request_has_exactly_one_outcome_however_many_come_at_once() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let mut open: Vec<u64> = (0..30).collect();
    for id in 0..30 {
        if let Err(refusal) = mind.handle.decide(request(id, PREFIX)) {
            assert_eq!(refusal.id, id);
            open.retain(|waiting| *waiting != id);
        }
        if id % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut answers = 0;
    while !open.is_empty() {
        let id = match mind.event().await {
            MindEvent::Answer(decided) => {
                answers += 1;
                decided.id
            }
            MindEvent::Refused { id, .. } => id,
            other => panic!("neither answered nor refused: {other:?}"),
        };
        let place = open.iter().position(|waiting| *waiting == id).expect("once and no more");
        open.remove(place);
    }
    assert!(answers >= limits::MIND_QUEUE_MAX, "{answers}");
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_and_the_process_goes_on() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    let process = mind.handle.process_id();
    mind.handle.decide(request(1, &"the fan is loud. ".repeat(1000))).expect("taken");
    match mind.event().await {
        MindEvent::Refused { id: 1, reason } => assert!(reason.contains("there are 1024")),
        other => panic!("not refused: {other:?}"),
    }
    let frame = "x".repeat(limits::MIND_FRAME_BYTES_MAX as usize);
    mind.handle.decide(request(2, &frame)).expect("queued");
    match mind.event().await {
        MindEvent::Refused { id: 2, reason } => assert!(reason.contains("allowed are 262144")),
        other => panic!("not refused: {other:?}"),
    }
    mind.answer(3).await;
    assert_eq!(mind.handle.process_id(), process);
}

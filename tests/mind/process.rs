//! The life of the mind's process, and what it does with the requests of its supervisor.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use outpost::limits;
use outpost::mind::client::{
    self, DecideRequest, Files, MindConfig, MindEvent, MindHandle, MindState, ModelFacts,
};
use tokio::sync::mpsc;

use super::{PREFIX, STATE, THREADS, candidates, model_path, texts};

/// Longest wait for anything here: a loaded machine takes seconds to load a model.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the tests start a mind.
pub(super) fn config(files: Files) -> MindConfig {
    MindConfig {
        program: env!("CARGO_BIN_EXE_outpost").into(),
        args: texts(&["mind"]),
        files,
        context_tokens: 1024,
        ubatch_tokens: 64,
        threads_decode: THREADS,
        threads_prefill: THREADS,
        prefixes: None,
        merged: None,
        repack: true,
    }
}

pub(super) struct Mind {
    pub(super) handle: MindHandle,
    events: mpsc::Receiver<MindEvent>,
}

impl Mind {
    pub(super) fn start(model: &Path, sha256: Option<String>) -> Self {
        Self::start_as(model, sha256, 100, None)
    }

    /// At a temperature, in hundredths, and with an adapter.
    pub(super) fn start_as(
        model: &Path,
        sha256: Option<String>,
        temperature_percent: u16,
        adapter: Option<PathBuf>,
    ) -> Self {
        Self::start_in(model, sha256, temperature_percent, adapter, None)
    }

    /// The same with a folder of merged copies.
    pub(super) fn start_in(
        model: &Path,
        sha256: Option<String>,
        temperature_percent: u16,
        adapter: Option<PathBuf>,
        merged: Option<PathBuf>,
    ) -> Self {
        let (sender, events) = mpsc::channel(64);
        let files = Files {
            model: model.to_owned(),
            model_name: "m".into(),
            sha256,
            temperature_percent,
            adapter,
            adapter_name: "none".into(),
        };
        Self { handle: client::spawn(MindConfig { merged, ..config(files) }, sender), events }
    }

    pub(super) async fn event(&mut self) -> MindEvent {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("a mind that runs")
    }

    pub(super) async fn loading(&mut self) {
        assert_eq!(self.event().await, MindEvent::State(MindState::Loading));
    }

    pub(super) async fn paused(&mut self) {
        assert_eq!(self.event().await, MindEvent::State(MindState::Paused));
    }

    pub(super) async fn ready(&mut self) -> (ModelFacts, String) {
        self.loading().await;
        match self.event().await {
            MindEvent::State(MindState::Ready(facts, kernels)) => (facts, kernels),
            other => panic!("not ready: {other:?}"),
        }
    }

    pub(super) async fn failed(&mut self) -> String {
        match self.event().await {
            MindEvent::State(MindState::Failed { reason }) => reason,
            other => panic!("not failed: {other:?}"),
        }
    }

    pub(super) async fn answer(&mut self, id: u64) {
        self.handle.decide(request(id, PREFIX)).expect("taken");
        match self.event().await {
            MindEvent::Answer(decided) => {
                assert_eq!(decided.id, id);
                assert_eq!(decided.p.len(), candidates().len());
                assert!(decided.remembered || (decided.ms > 0.0 && decided.tokens_read > 0));
            }
            other => panic!("no answer: {other:?}"),
        }
    }
}

pub(super) fn request(id: u64, prefix: &str) -> DecideRequest {
    let (prefix, state) = (prefix.to_owned(), STATE.to_owned());
    let (priority, within_ms) = (1, 0);
    DecideRequest {
        adapter: None,
        id,
        prefix,
        state,
        candidates: candidates(),
        by_notes: None,
        questions: Vec::new(),
        priority,
        within_ms,
    }
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
async fn probabilities_are_those_of_the_temperature_that_was_fitted() {
    let mut said = Vec::new();
    for percent in [100, 610] {
        let mut mind = Mind::start_as(&model_path(), None, percent, None);
        mind.ready().await;
        mind.handle.decide(request(1, PREFIX)).expect("taken");
        match mind.event().await {
            MindEvent::Answer(decided) => said.push(decided.p),
            other => panic!("no answer: {other:?}"),
        }
    }
    let flattened: Vec<f32> = said[0].iter().map(|p| p.powf(1.0 / 6.1)).collect();
    let total: f32 = flattened.iter().sum();
    for (found, wanted) in said[1].iter().zip(flattened.iter().map(|p| p / total)) {
        assert!((found - wanted).abs() < 1e-4, "found {found}, should be {wanted}");
    }
    assert!(said[0].iter().zip(&said[1]).any(|(one, other)| (one - other).abs() > 0.01));
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

/// A decision whose prefix takes a second to read.
fn long(id: u64, within_ms: u32) -> DecideRequest {
    // Another beginning each time, so that nothing of it is in the cache.
    DecideRequest { within_ms, ..request(id, &format!("{id}. {}", PREFIX.repeat(8))) }
}

impl Mind {
    async fn refused(&mut self, id: u64) -> String {
        match self.event().await {
            MindEvent::Refused { id: found, reason } if found == id => reason,
            other => panic!("{id} is not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_decision_past_its_deadline_has_no_scores() {
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    mind.handle.decide(long(1, 30)).expect("taken");
    mind.handle.decide(long(2, 10)).expect("taken");
    for id in [1, 2] {
        assert_eq!(mind.refused(id).await, "its time was over");
    }
    mind.answer(3).await;
}

/// `OUTPOST_LONG=1` for the figures of docs/performance.md: 200 rounds.
#[tokio::test]
async fn a_decision_in_hand_is_given_up_within_50_ms_and_the_next_is_served() {
    let rounds = if std::env::var_os("OUTPOST_LONG").is_some() { 200 } else { 8 };
    let mut mind = Mind::start(&model_path(), None);
    mind.ready().await;
    // What one takes that nobody cancels: how fast this machine is now.
    let begun = Instant::now();
    mind.handle.decide(long(1000, 0)).expect("taken");
    assert!(matches!(mind.event().await, MindEvent::Answer(decided) if decided.id == 1000));
    let whole_ms = begun.elapsed().as_secs_f64() * 1e3;
    let mut ms = Vec::new();
    for id in 1..=rounds {
        mind.handle.decide(long(id, 0)).expect("taken");
        // Somewhere within its reading; what is measured begins after it.
        tokio::time::sleep(Duration::from_millis(20 + id % 40)).await;
        let start = Instant::now();
        assert!(mind.handle.cancel(id));
        assert!(mind.refused(id).await.starts_with("given up"));
        ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    ms.sort_by(f64::total_cmp);
    let (median, last) = (ms[ms.len() / 2], ms[ms.len() * 99 / 100]);
    println!("cancelled after {median:.1} ms (median), {last:.1} ms (p99 of {rounds})");
    // The machines of tests are busy with others: the median hardly, but where all of it is slow a
    // tenth of the whole proves as well that nobody waits for its end.
    assert!(median < f64::max(50.0, whole_ms / 10.0), "of {whole_ms:.0} ms: {ms:?}");
    // One that waits is given up without the model.
    mind.handle.decide(long(1001, 0)).expect("taken");
    mind.handle.decide(long(1002, 0)).expect("taken");
    tokio::task::yield_now().await;
    assert!(mind.handle.cancel(1002) && mind.handle.cancel(1001));
    mind.refused(1002).await;
    mind.refused(1001).await;
    mind.answer(1003).await;
}

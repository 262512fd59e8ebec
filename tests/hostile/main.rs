//! Model files and adapters that nobody should load: the mind's process answers each with an error
//! or a model that works, takes no more memory than a small model may, and never dies; and frames
//! that nobody should send, after which it answers or ends by itself. `make hostile` tries 10,000
//! of each (`OUTPOST_HOSTILE_CASES`); `OUTPOST_HOSTILE_SEED` names the first.
//!
//! The process is the real one. Where it dies all the same, `src/mind/gguf` has a check too few.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground is missing")]
#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use outpost::mind::protocol::{self, Decide, FailureKind, Form, Prompt, Reply, Request};

mod file;
mod frames;
use file::File;

/// A file of 100 KB and a context of 256 tokens: 40 MB are the program itself and its threads.
const PEAK_BYTES_MAX: u64 = 200 << 20;
/// Longest wait for any answer; a loaded machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

struct Mind {
    process: Child,
    stream: UnixStream,
}

impl Mind {
    /// In a folder, where a path of a spoilt frame may lead.
    fn start(folder: &Path) -> Self {
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .arg("mind")
            .current_dir(folder)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut mind = Self { process, stream };
        assert!(matches!(mind.reply(), Some(Reply::Hello { .. })));
        mind
    }

    /// `None` where it has died, or hangs.
    fn reply(&mut self) -> Option<Reply> {
        protocol::read(&mut self.stream).ok().flatten()
    }

    fn ask(&mut self, request: &Request) -> Option<Reply> {
        self.stream.write_all(&protocol::encode(request).unwrap()).ok()?;
        loop {
            match self.reply()? {
                Reply::Piece { .. } => {}
                other => return Some(other),
            }
        }
    }

    /// Bytes that it had at most since the last look.
    fn peak_bytes(&self) -> u64 {
        let folder = format!("/proc/{}", self.process.id());
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        // 5 sets the peak back (proc(5)).
        drop(std::fs::write(format!("{folder}/clear_refs"), "5"));
        kib.unwrap_or(0) << 10
    }

    /// How it ended, with its last words.
    fn end(mut self) -> String {
        drop(self.process.kill());
        let output = self.process.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = words.lines().rev().take(40).collect();
        let words = last.iter().rfind(|line| line.contains("ASSERT") || line.contains("ggml"));
        format!("signal {:?}: {}", output.status.signal(), words.unwrap_or(&"no words"))
    }
}

/// What became of a file.
#[derive(Default, Debug)]
struct Count {
    refused: u32,
    loaded: u32,
    decided: u32,
    /// No decision of what was loaded, or not of this adapter.
    failed: u32,
}

/// Loads a file and, where that works, asks for a decision and a text.
fn try_one(mind: &mut Mind, path: &Path, count: &mut Count) -> Result<(), String> {
    let died = |what: &str| format!("died or hung {what}");
    match mind.ask(&frames::load(path.to_str().unwrap())).ok_or_else(|| died("loading"))? {
        Reply::Failed { .. } => {
            count.refused += 1;
            return Ok(());
        }
        Reply::Loaded { .. } => count.loaded += 1,
        other => return Err(format!("answered {other:?}")),
    }
    answers(mind, None, count)
}

/// Asks for a decision and a text, with an adapter.
fn answers(mind: &mut Mind, adapter: Option<&Path>, count: &mut Count) -> Result<(), String> {
    let died = |what: &str| format!("died or hung {what}");
    let adapter = adapter.map(|path| path.to_str().unwrap().to_owned());
    let candidates = ["fan on", "fan off"].map(str::to_owned).into();
    let (prefix, state) = ("Keep it cool.\n".to_owned(), "It is hot. Do:".to_owned());
    let decide = Decide { id: 2, prefix, state, candidates, priority: 1, ..Decide::default() };
    let decide = Request::Decide(Decide { adapter: adapter.clone(), ..decide });
    match mind.ask(&decide).ok_or_else(|| died("deciding"))? {
        Reply::Decided(decided) => {
            count.decided += 1;
            if !decided.p.iter().all(|p| p.is_finite()) {
                return Err(format!("decided {:?}", decided.p));
            }
        }
        Reply::Failed { kind, .. } if kind != FailureKind::Late => count.failed += 1,
        other => return Err(format!("answered {other:?}")),
    }
    let form = Form::Regex("[a-z ]{4}".to_owned());
    let write = frames::write(Prompt::Text("It is".to_owned()), form, adapter);
    match mind.ask(&write).ok_or_else(|| died("writing"))? {
        Reply::Written(_) | Reply::Failed { .. } => Ok(()),
        other => Err(format!("answered {other:?}")),
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_hostile_model_file_is_an_error_or_a_model_and_never_the_end_of_the_process() {
    let (cases, first) = (number("OUTPOST_HOSTILE_CASES", 400), number("OUTPOST_HOSTILE_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut mind = Mind::start(folder.path());
    let mut right = Count::default();
    std::fs::write(&path, File::right().bytes()).unwrap();
    try_one(&mut mind, &path, &mut right).unwrap();
    assert_eq!((right.loaded, right.decided), (1, 1), "the file with nothing wrong");

    let mut count = Count::default();
    let (mut faults, mut peak) = (Vec::new(), 0);
    for seed in first..first + cases {
        let (file, what) = File::wrong(seed);
        std::fs::write(&path, file.bytes()).unwrap();
        let tried = try_one(&mut mind, &path, &mut count);
        let bytes = mind.peak_bytes();
        peak = peak.max(bytes);
        if bytes > PEAK_BYTES_MAX {
            faults.push(format!("seed {seed} ({what}): a peak of {bytes} bytes"));
        }
        if let Err(fault) = tried {
            let dead = std::mem::replace(&mut mind, Mind::start(folder.path()));
            faults.push(format!("seed {seed} ({what}): {fault}: {}", dead.end()));
        }
    }
    println!("{cases} files: {count:?}, {} faults, peak {} MB", faults.len(), peak >> 20);
    assert!(count.refused > 0 && count.decided > 0, "{count:?}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_hostile_adapter_is_an_error_or_an_adapter_and_never_the_end_of_the_process() {
    let (cases, first) = (number("OUTPOST_HOSTILE_CASES", 400), number("OUTPOST_HOSTILE_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = (folder.path().join("model.gguf"), folder.path().join("adapter.gguf"));
    std::fs::write(&model, File::right().bytes()).unwrap();
    let start = || {
        let mut mind = Mind::start(folder.path());
        let loaded = mind.ask(&frames::load(model.to_str().unwrap()));
        assert!(matches!(loaded, Some(Reply::Loaded { .. })), "{loaded:?}");
        mind
    };
    let mut mind = start();
    for activated in [false, true] {
        let mut right = Count::default();
        std::fs::write(&path, File::adapter(activated).bytes()).unwrap();
        answers(&mut mind, Some(&path), &mut right).unwrap();
        assert_eq!((right.decided, right.failed), (1, 0), "the file with nothing wrong");
    }
    let mut count = Count::default();
    let (mut faults, mut peak) = (Vec::new(), 0);
    for seed in first..first + cases {
        let (file, what) = File::wrong_adapter(seed);
        std::fs::write(&path, file.bytes()).unwrap();
        let tried = answers(&mut mind, Some(&path), &mut count);
        peak = peak.max(mind.peak_bytes());
        if let Err(fault) = tried {
            let dead = std::mem::replace(&mut mind, start());
            faults.push(format!("seed {seed} ({what}): {fault}: {}", dead.end()));
        }
    }
    println!("{cases} adapters: {count:?}, {} faults, peak {} MB", faults.len(), peak >> 20);
    assert!(count.failed > 0 && count.decided > 0 && peak < PEAK_BYTES_MAX, "{count:?} {peak}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// What became of a frame: whether the process still answers.
fn try_frame(mind: &mut Mind, frame: &frames::Frame) -> Result<bool, String> {
    const PING: u64 = 0x70_69_6e_67;
    let ping = protocol::encode(&Request::Memory { id: PING }).unwrap();
    // It may end before it has read all.
    drop(mind.stream.write_all(&[frame.bytes.as_slice(), &ping].concat()));
    if frame.torn {
        drop(mind.stream.shutdown(std::net::Shutdown::Write));
    }
    let since = Instant::now();
    while let Some(reply) = mind.reply() {
        if matches!(reply, Reply::Memory { id: PING, .. }) {
            return Ok(!frame.torn);
        }
    }
    if since.elapsed() >= PATIENCE {
        return Err("hung".to_owned());
    }
    match mind.process.wait().unwrap().signal() {
        None => Ok(false),
        Some(signal) => Err(format!("died of signal {signal}")),
    }
}

#[test]
fn a_hostile_frame_is_answered_or_the_process_ends_by_itself() {
    let (cases, first) = (number("OUTPOST_HOSTILE_CASES", 400), number("OUTPOST_HOSTILE_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, adapter) = (path("model.gguf"), path("adapter.gguf"));
    std::fs::write(&model, File::right().bytes()).unwrap();
    std::fs::write(&adapter, File::adapter(false).bytes()).unwrap();
    let load = |mind: &mut Mind| {
        let loaded = loop {
            match mind.ask(&frames::load(&model)) {
                Some(Reply::Loaded { id: 1, .. }) => break true,
                // Of a spoilt frame before.
                Some(_) => {}
                None => break false,
            }
        };
        assert!(loaded, "a right load is answered");
    };
    let start = || {
        let mut mind = Mind::start(folder.path());
        load(&mut mind);
        mind
    };
    let right = frames::right(&model, &adapter);
    let mut mind = start();
    let (mut answered, mut ended, mut faults, mut peak) = (0, 0, Vec::new(), 0);
    for seed in first..first + cases {
        let frame = frames::wrong(&right, seed);
        let tried = try_frame(&mut mind, &frame);
        peak = peak.max(mind.peak_bytes());
        match tried {
            Ok(true) if frame.loads => load(&mut mind),
            Ok(true) => answered += 1,
            Ok(false) => {
                ended += 1;
                mind = start();
            }
            Err(fault) => {
                let dead = std::mem::replace(&mut mind, start());
                faults.push(format!("seed {seed} ({}): {fault}: {}", frame.what, dead.end()));
            }
        }
    }
    let count = faults.len();
    println!("{cases} frames: {answered} answered, {ended} ended, {count} faults, {peak} bytes");
    assert!(answered > 0 && ended > 0 && peak < PEAK_BYTES_MAX, "{answered} {ended} {peak}");
    assert!(faults.is_empty(), "{count} faults:\n{}", faults.join("\n"));
}

//! The body of `outpost mind`: a child process that owns the model and answers over its stdin.
//!
//! It is a process of its own because ggml ends in `abort()` where an assertion fails and a board
//! runs out of memory: either may cost one decision, never the rules (design §2). So it also puts
//! itself first in line for the out-of-memory killer. Its stdin is one end of a Unix socket pair,
//! used both ways; when that closes, whoever started it is gone and it ends.
//!
//! Two threads: this one reads requests and notices the end, the other (`owner`) owns the model.
//! What must never be here: MQTT, the journal, decisions about the place.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::ggml::{GgmlError, kernels};
use super::gguf;
use super::protocol::{
    self, FailureKind, Load, MemoryReport, PROTOCOL_VERSION, ProtocolError, Reply, Request,
};
use super::score::ScoreError;
use super::write::WriteError;
use crate::limits;

mod choice;
mod embed;
mod owner;
mod queue;
mod wardrobe;
use owner::Owner;
use queue::{Cancelled, Queue};

/// Serves the socket at stdin until it closes.
pub fn main() -> ExitCode {
    prefer_to_be_killed();
    let stream = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(descriptor) => UnixStream::from(descriptor),
        Err(error) => return give_up(&format!("cannot use stdin as a socket: {error}")),
    };
    match serve(stream) {
        Ok(()) => ExitCode::SUCCESS,
        // The agent that was at the other end is gone, or of another version: it starts another.
        Err(error) => give_up(&error.to_string()),
    }
}

fn give_up(text: &str) -> ExitCode {
    tracing::warn!(reason = text, "the mind ends");
    ExitCode::FAILURE
}

/// Puts this process first in line when memory runs out. Best effort: without the right to, the
/// kernel's own order stands, in which a process of this size comes early anyway.
fn prefer_to_be_killed() {
    let file = OpenOptions::new().write(true).open("/proc/self/oom_score_adj");
    if let Err(error) = file.and_then(|mut file| file.write_all(b"1000")) {
        tracing::debug!(%error, "oom_score_adj stays as it is");
    }
}

/// Reads requests from the socket and hands them to the thread that owns the model.
///
/// # Errors
/// [`ProtocolError`] where the other end is not ours, or the socket fails.
fn serve(mut stream: UnixStream) -> Result<(), ProtocolError> {
    let replies = Replies(Arc::new(Mutex::new(stream.try_clone().map_err(ProtocolError::Socket)?)));
    replies.send(&Reply::Hello { version: PROTOCOL_VERSION, kernels: kernels() })?;
    let queue = Arc::new(Queue::default());
    let (owner_replies, owner_queue) = (replies.clone(), Arc::clone(&queue));
    let (ended, end) = sync_channel::<()>(0);
    let worker = std::thread::Builder::new().name("mind".to_owned()).spawn(move || {
        let _ended = ended; // dropped with the thread: that is the signal
        Owner::new(owner_replies, owner_queue).work();
    });
    worker.map_err(ProtocolError::Socket)?;
    let result = read_requests(&mut stream, &queue, &replies);
    queue.close();
    // A load cannot be stopped; it is left behind, and ends with the process.
    let patience = Duration::from_millis(limits::MIND_END_MS_MAX / 2);
    match end.recv_timeout(patience) {
        Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => result,
    }
}

fn read_requests(
    stream: &mut UnixStream,
    queue: &Queue,
    replies: &Replies,
) -> Result<(), ProtocolError> {
    while let Some(request) = protocol::read::<Request>(stream)? {
        let request = match request {
            Request::Stop => break,
            Request::Cancel { id } => {
                if queue.cancel(id) == Cancelled::Waiting {
                    let text = "given up before it was looked at".to_owned();
                    replies.failed(id, FailureKind::Cancelled, text)?;
                }
                continue;
            }
            request => request,
        };
        if let Err(request) = queue.push(request) {
            let text = "too many requests are waiting already".to_owned();
            replies.failed(id(&request), FailureKind::Busy, text)?;
        }
    }
    Ok(())
}

fn id(request: &Request) -> u64 {
    match request {
        Request::Load(load) => load.id,
        Request::Decide(decide) => decide.id,
        Request::Write(write) => write.id,
        Request::Embed(embed) => embed.id,
        Request::Memory { id } | Request::Cancel { id } => *id,
        Request::Stop => 0,
    }
}

/// A lock that a panic while it was held does not close: what it guards is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writing end, for both threads.
#[derive(Clone)]
struct Replies(Arc<Mutex<UnixStream>>);

impl Replies {
    fn send(&self, reply: &Reply) -> Result<(), ProtocolError> {
        let frame = protocol::encode(reply)?;
        lock(&self.0).write_all(&frame).map_err(ProtocolError::Socket)
    }

    fn failed(&self, id: u64, kind: FailureKind, text: String) -> Result<(), ProtocolError> {
        self.send(&Reply::Failed { id, kind, text })
    }
}

/// A request that came to nothing.
#[derive(Debug)]
struct Failure {
    kind: FailureKind,
    text: String,
}

impl Failure {
    fn new(kind: FailureKind, text: &str) -> Self {
        Self { kind, text: text.to_owned() }
    }

    fn file(path: &Path, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => FailureKind::Absent,
            _ => FailureKind::Engine,
        };
        Self { kind, text: format!("cannot read {}: {error}", path.display()) }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::TooLong { .. } => FailureKind::TooLong,
            WriteError::Bound { .. } | WriteError::Form { .. } => FailureKind::Refused,
            WriteError::Late => FailureKind::Late,
            WriteError::NotFinite | WriteError::Engine(_) => FailureKind::Engine,
        };
        Self { kind, text: error.to_string() }
    }
}

impl From<ScoreError> for Failure {
    fn from(error: ScoreError) -> Self {
        let kind = match &error {
            ScoreError::TooLong { .. } => FailureKind::TooLong,
            ScoreError::Candidates { .. }
            | ScoreError::Questions { .. }
            | ScoreError::Text { .. } => FailureKind::Refused,
            // What the library says no to at loading; its header was sound as far as we can tell.
            ScoreError::Architecture { .. } => FailureKind::Corrupt,
            ScoreError::Engine(GgmlError::Refused { action: "load the model", .. }) => {
                FailureKind::Corrupt
            }
            ScoreError::NotFinite | ScoreError::Engine(_) => FailureKind::Engine,
        };
        Self { kind, text: error.to_string() }
    }
}

/// Refuses sizes that make no sense before memory is asked for.
fn check_load(load: &Load) -> Result<(), Failure> {
    use limits::{MIND_CONTEXT_TOKENS_MAX, MIND_CONTEXT_TOKENS_MIN, MIND_THREADS_MAX};
    let threads = 1..=u32::from(MIND_THREADS_MAX);
    for (name, found, allowed) in [
        ("context_tokens", load.context_tokens, MIND_CONTEXT_TOKENS_MIN..=MIND_CONTEXT_TOKENS_MAX),
        ("ubatch_tokens", load.ubatch_tokens, 1..=limits::MIND_UBATCH_TOKENS_MAX),
        ("threads_decode", load.threads_decode.into(), threads.clone()),
        ("threads_prefill", load.threads_prefill.into(), threads),
        ("temperature_percent", load.temperature_percent.into(), TEMPERATURES_PERCENT),
    ] {
        if !allowed.contains(&found) {
            let (least, most) = allowed.into_inner();
            let text = format!("{name}: found {found}, allowed {least} to {most}");
            return Err(Failure { kind: FailureKind::Refused, text });
        }
    }
    Ok(())
}

/// [`TEMPERATURE_MIN`] to [`TEMPERATURE_MAX`], in hundredths.
///
/// [`TEMPERATURE_MIN`]: super::calibrate::TEMPERATURE_MIN
/// [`TEMPERATURE_MAX`]: super::calibrate::TEMPERATURE_MAX
const TEMPERATURES_PERCENT: RangeInclusive<u32> = 10..=10_000;

/// Checks the file's header before ggml sees it, which would abort on some corrupt ones.
fn precheck(path: &Path) -> Result<(), Failure> {
    let Err(error) = gguf::check(path) else { return Ok(()) };
    let kind = match &error.fault {
        gguf::Fault::Open(source) => return Err(Failure::file(path, source)),
        gguf::Fault::Read { .. } => FailureKind::Engine, // the medium failed, perhaps once
        _ => FailureKind::Corrupt,
    };
    Err(Failure { kind, text: error.to_string() })
}

/// Checksum of a file, read as a stream: it may be larger than memory.
fn sha256_of(path: &Path) -> Result<String, Failure> {
    let mut file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 * 1024]; // a few pages of read-ahead; more is not faster
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => digest.update(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::file(path, &error)),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The figures of `/proc/self/smaps_rollup`, which gives them in KiB.
fn memory_of(rollup: &str) -> MemoryReport {
    let figure = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    };
    MemoryReport {
        pss_bytes: figure("Pss:"),
        anonymous_bytes: figure("Pss_Anon:"),
        file_bytes: figure("Pss_File:"),
        swap_bytes: figure("SwapPss:"),
        kv_bytes: 0,
        weights_bytes: 0,
    }
}

#[cfg(test)]
mod tests;

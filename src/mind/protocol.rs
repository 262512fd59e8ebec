//! Frames between the agent and the mind's process.
//!
//! A frame is the length of its body in bytes as `u32`, little-endian, then the body: one
//! [`Request`] or [`Reply`] in postcard. A body is at most [`FRAME_BYTES_MAX`] long. Both ends are
//! the same program, but an update may have replaced the file between the start of one and of the
//! other: so the first frame is [`Reply::Hello`] with [`PROTOCOL_VERSION`], and a test holds the
//! bytes of each frame. Variants and fields are only ever added at the end, with a new version.
//!
//! What must never be here: processes, sockets, ggml.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::notes::ByNotes;
use super::score::{CandidateScore, Question};
pub use super::write::{Finish, Form, Prompt, Sampling, Speech, Write};
pub use crate::limits::MIND_FRAME_BYTES_MAX as FRAME_BYTES_MAX;

/// Changes whenever the bytes of a frame do.
pub const PROTOCOL_VERSION: u16 = 10;

/// What the agent asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Loads a model in place of the one that is loaded.
    Load(Load),
    /// Scores candidates.
    Decide(Decide),
    /// Asks what memory the process takes.
    Memory {
        /// Comes back in the reply.
        id: u64,
    },
    /// Ends the process.
    Stop,
    /// Gives up a decision or a text that waits or is in hand: its reply is then
    /// [`FailureKind::Cancelled`], unless the answer was on its way already. Has no reply itself.
    Cancel {
        /// Of the decision.
        id: u64,
    },
    /// Writes a text: [`Reply::Piece`]s as they come, then [`Reply::Written`].
    Write(Write),
    /// Makes a vector of a text.
    Embed(Embed),
}

/// A text of which a vector is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// Comes back in the reply.
    pub id: u64,
    /// At most [`limits::MIND_EMBED_TOKENS_MAX`](crate::limits::MIND_EMBED_TOKENS_MAX) tokens.
    pub text: String,
}

/// What to load, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Comes back in the reply.
    pub id: u64,
    /// The file.
    pub path: String,
    /// Checksum that the file must have, in lower-case hexadecimal digits. `None`: any.
    pub sha256: Option<String>,
    /// Tokens of context.
    pub context_tokens: u32,
    /// Tokens that are worked on at once.
    pub ubatch_tokens: u32,
    /// Threads for a single token.
    pub threads_decode: u16,
    /// Threads for many tokens.
    pub threads_prefill: u16,
    /// Folder of prefixes that are kept over restarts. Empty: none are.
    pub prefixes: String,
    /// Copy the weights into the layout of the fastest kernels: faster, for a second copy of them
    /// in memory.
    pub repack: bool,
    /// Temperature of the probabilities, in hundredths: the one that was fitted for this model. An
    /// adapter brings its own.
    pub temperature_percent: u16,
    /// The adapter's file. Empty: none.
    pub adapter: String,
    /// Folder of merged copies: one of model and adapter is loaded in the place of both, and made
    /// where there is none. Empty: the adapter is put on.
    pub merged: String,
}

/// A decision to score.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// Comes back in the reply.
    pub id: u64,
    /// What hardly ever changes: kept in the cache as long as it is the same text.
    pub prefix: String,
    /// What is so now.
    pub state: String,
    /// What could be done, a line each.
    pub candidates: Vec<String>,
    /// Asked instead of prefix and state where notes decide among some of the candidates.
    pub by_notes: Option<ByNotes>,
    /// A higher one is taken first, then the one that came first.
    pub priority: u8,
    /// It is given up after so many milliseconds from its arrival; 0: never.
    pub within_ms: u32,
    /// Where there are any, they are asked after prefix and state, all in one pass, and neither
    /// `candidates` nor `by_notes` is looked at.
    pub questions: Vec<Question>,
    /// The adapter's file for this decision alone, empty for none. `None`: the one of [`Load`].
    pub adapter: Option<String>,
}

/// What the mind answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// First frame of the process.
    Hello {
        /// [`PROTOCOL_VERSION`] of the process.
        version: u16,
        /// Kernels in use, such as `AVX2,FMA,REPACK`.
        kernels: String,
    },
    /// The model is there.
    Loaded {
        /// Of the request.
        id: u64,
        /// What it is.
        model: ModelFacts,
    },
    /// Scores of a decision.
    Decided(Decided),
    /// Memory of the process.
    Memory {
        /// Of the request.
        id: u64,
        /// The figures.
        report: MemoryReport,
    },
    /// A request came to nothing; the process goes on.
    Failed {
        /// Of the request.
        id: u64,
        /// What to do about it depends on this.
        kind: FailureKind,
        /// For people.
        text: String,
    },
    /// A part of a text.
    Piece {
        /// Of the request.
        id: u64,
        /// What comes next.
        text: String,
    },
    /// A text is complete.
    Written(Written),
    /// A text as a vector.
    Embedded(Embedded),
    /// The model is another one from here on, though nobody asked for that: the model itself in the
    /// place of its merged copy.
    Changed {
        /// What it is now.
        model: ModelFacts,
    },
}

/// A text as a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedded {
    /// Of the request.
    pub id: u64,
    /// Of length 1.
    pub vector: Vec<f32>,
    /// Tokens of the text.
    pub tokens: u32,
}

/// What writing a text took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Of the request.
    pub id: u64,
    /// Why it ends.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Of which were in the cache already.
    pub kept_tokens: u32,
    /// Tokens of the text.
    pub tokens: u32,
    /// Of which the grammar left no choice: they were read together, not written one by one.
    pub forced_tokens: u32,
    /// Of which were guessed and found right in one pass with the token before them.
    pub guessed_tokens: u32,
    /// From arrival to the first piece, in milliseconds.
    pub first_ms: f64,
    /// From arrival to the end, in milliseconds.
    pub ms: f64,
}

/// The model that answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Architecture and size in the library's words.
    pub description: String,
    /// Quantisation of most tensors.
    pub quantization: String,
    /// Checksum of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Words of its vocabulary.
    pub vocabulary: u32,
    /// Tokens of context, as the library rounded them.
    pub context_tokens: u32,
    /// Bytes of all tensors.
    pub size_bytes: u64,
    /// Time from request to reply, in milliseconds, the checksum included.
    pub load_ms: u64,
}

/// Scores of a decision: see [`Scored`](super::score::Scored) for the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Of the request.
    pub id: u64,
    /// Log-probability and tokens of each candidate.
    pub candidates: Vec<CandidateScore>,
    /// Probability of each candidate among them.
    pub p: Vec<f32>,
    /// Probability that the model would say any of them at all.
    pub mass: f32,
    /// Tokens read for it.
    pub tokens_read: u32,
    /// Time it took in the process, in milliseconds.
    pub ms: f64,
    /// Whether it was known from an earlier decision, with nothing read.
    pub remembered: bool,
    /// One for each question, in their order; `candidates` and `p` are empty then, and `mass` is
    /// the least of theirs.
    pub answers: Vec<Answer>,
}

/// What is answered to a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Probability of each candidate among them.
    pub p: Vec<f32>,
    /// Probability that the model would say any of them at all.
    pub mass: f32,
}

/// Memory of the mind's process, in bytes. The first four are the kernel's proportional set size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// All of it.
    pub pss_bytes: u64,
    /// Its own: repacked weights, key-value cache, activations, heap.
    pub anonymous_bytes: u64,
    /// Mapped files: the model's, the program's. The kernel takes them back when it needs to.
    pub file_bytes: u64,
    /// Swapped out.
    pub swap_bytes: u64,
    /// Of which key-value cache, by calculation.
    pub kv_bytes: u64,
    /// Bytes of the model's tensors, by the file's header.
    pub weights_bytes: u64,
}

/// Why a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    /// There is no such file. It may appear.
    Absent,
    /// The file has another checksum than the one asked for. Another file may come.
    Checksum,
    /// The file is no model, or not a whole one. Another file may come.
    Corrupt,
    /// The prompt does not fit the context. Never by trying again.
    TooLong,
    /// The library failed: no memory, a broken kernel. Trying again may help.
    Engine,
    /// The request makes no sense, or comes before a model is loaded.
    Refused,
    /// It was given up on request.
    Cancelled,
    /// Its time was over before its scores were there.
    Late,
    /// Too much waits already. Later it may be taken.
    Busy,
}

/// A frame that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The body is longer than allowed. On reading: the peer is not ours, leave it.
    #[error("a frame of {found} bytes, allowed are {allowed}")]
    TooLarge {
        /// Bytes of the body.
        found: usize,
        /// [`FRAME_BYTES_MAX`].
        allowed: u32,
    },
    /// The body is not what it should be: another version, or not ours.
    #[error("a frame that cannot be read")]
    Malformed(#[source] postcard::Error),
    /// The body ended before its length.
    #[error("the peer ended within a frame")]
    Torn,
    /// The socket failed.
    #[error("the socket to the other process failed")]
    Socket(#[source] io::Error),
}

/// The whole frame of a message.
///
/// # Errors
/// [`ProtocolError::TooLarge`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ProtocolError> {
    let mut frame = vec![0; 4];
    frame = postcard::to_extend(message, frame).map_err(ProtocolError::Malformed)?;
    let bytes = length(frame.len() - 4)?;
    frame[..4].copy_from_slice(&bytes.to_le_bytes());
    Ok(frame)
}

/// Reads the next message; `None` where the peer closed the socket between two of them.
///
/// # Errors
/// Each kind of [`ProtocolError`]; the stream is of no use after any.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, ProtocolError> {
    let mut head = [0; 4];
    let mut filled = 0;
    while filled < head.len() {
        match stream.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ProtocolError::Torn),
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ProtocolError::Socket(error)),
        }
    }
    let mut body = vec![0; length(u32::from_le_bytes(head) as usize)? as usize];
    stream.read_exact(&mut body).map_err(torn)?;
    decode(&body).map(Some)
}

/// The same on the agent's side. Not cancel-safe: a read that is dropped loses bytes, so one task
/// does nothing else.
///
/// # Errors
/// Each kind of [`ProtocolError`]; the stream is of no use after any.
pub async fn read_async<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, ProtocolError> {
    let mut head = [0; 4];
    let first = stream.read(&mut head).await.map_err(ProtocolError::Socket)?;
    if first == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[first..]).await.map_err(torn)?;
    let mut body = vec![0; length(u32::from_le_bytes(head) as usize)? as usize];
    stream.read_exact(&mut body).await.map_err(torn)?;
    decode(&body).map(Some)
}

fn length(found: usize) -> Result<u32, ProtocolError> {
    let bytes = u32::try_from(found).ok().filter(|bytes| *bytes <= FRAME_BYTES_MAX);
    bytes.ok_or(ProtocolError::TooLarge { found, allowed: FRAME_BYTES_MAX })
}

fn torn(error: io::Error) -> ProtocolError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ProtocolError::Torn,
        _ => ProtocolError::Socket(error),
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ProtocolError> {
    let (message, rest) = postcard::take_from_bytes(body).map_err(ProtocolError::Malformed)?;
    if rest.is_empty() {
        return Ok(message);
    }
    Err(ProtocolError::Malformed(postcard::Error::SerdeDeCustom))
}

#[cfg(test)]
mod tests;

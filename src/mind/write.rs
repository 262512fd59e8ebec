//! Writes texts, for people and for the API: several side by side, token by token.
//!
//! A decision never comes here. A text may be bound by a JSON schema, a regular expression or a
//! Lark grammar (`grammar`): tokens that such a form leaves no choice for are read together with
//! the next ones, not written one by one. Words that followed the same words before are guessed
//! (`draft`) and checked in the same pass. All of it changes the time, never the text.
//!
//! The writer has a context of its own, so that a long text takes nothing of the decisions' cache.
//! [`Writer::step`] does one pass over all texts in hand and returns; whoever owns it looks for
//! decisions between two steps. Prompts that begin alike share that beginning in the cache. Texts
//! of different adapters take turns (`turn`): the library puts an adapter on a whole pass, and what
//! was read with one is of no use to another.
//!
//! What must never be here: the queue, sockets, what a text means.

use serde::{Deserialize, Serialize};

mod chat;
mod draft;
mod grammar;
mod job;
mod sample;
mod slots;
mod text;
mod turn;

pub use slots::{Admitted, News, Writer, WriterOptions};

use super::ggml::GgmlError;

/// A text to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// Comes back in the replies.
    pub id: u64,
    /// What it follows.
    pub prompt: Prompt,
    /// What it must look like.
    pub form: Form,
    /// How words are drawn.
    pub sampling: Sampling,
    /// Strings that end the text; they are not part of it.
    pub stop: Vec<String>,
    /// Most tokens of the text.
    pub tokens_max: u32,
    /// A higher one is taken first; every decision goes before.
    pub priority: u8,
    /// It is given up after so many milliseconds from its arrival.
    pub within_ms: u32,
    /// The adapter's file for this text alone, empty for none. `None`: the model's usual one.
    pub adapter: Option<String>,
}

/// What a text follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// A text, as it is.
    Text(String),
    /// A chat, laid out by the model's template.
    Chat(Vec<Speech>),
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    /// `system`, `user`, `assistant`, `tool`.
    pub role: String,
    /// What is said. Never read as words of a template.
    pub text: String,
}

/// What a text must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// Anything.
    #[default]
    Free,
    /// JSON of this schema (the schema itself as JSON).
    JsonSchema(String),
    /// A match of this regular expression.
    Regex(String),
    /// A sentence of this Lark grammar.
    Lark(String),
}

/// How words are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Above 1 more even, below 1 surer; 0 takes the most probable.
    pub temperature: f32,
    /// Only the most probable words that together have this probability.
    pub top_p: f32,
    /// Only so many of the most probable words; 0: as many as are looked at.
    pub top_k: u32,
    /// Only words at least so probable as this part of the most probable one.
    pub min_p: f32,
    /// Taken off a word's score for each time it stands in the text already.
    pub frequency_penalty: f32,
    /// Taken off a word's score that stands in the text already.
    pub presence_penalty: f32,
    /// The same seed and text before give the same draw.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: 0,
        }
    }
}

/// Why a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// The model or the form ended it, or one of its stop strings.
    Stop,
    /// It has as many tokens as were allowed.
    Length,
}

/// Why a text is not written, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Prompt and text do not fit the context.
    #[error("the prompt has {prompt} tokens and the text may have {text}, there are {allowed}")]
    TooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Most tokens of the text.
        text: usize,
        /// Tokens of the context.
        allowed: usize,
    },
    /// A wish that makes no sense.
    #[error("{what}: found {found}, allowed {allowed}")]
    Bound {
        /// The wish's name.
        what: &'static str,
        /// What was asked for.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// A schema or grammar that cannot be used.
    #[error("the form of the text cannot be used: {reason}")]
    Form {
        /// The grammar engine's words.
        reason: String,
    },
    /// Its time is over.
    #[error("its time was over")]
    Late,
    /// The model computed something that is no number.
    #[error("the model computed scores that are not finite")]
    NotFinite,
    /// The library refused or was aborted; the cache was emptied.
    #[error(transparent)]
    Engine(#[from] GgmlError),
}

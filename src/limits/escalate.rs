//! Bounds of the way to the model in the cloud.

/// Shortest and longest `timeout`, in milliseconds: a second (a model in the same house) to ten
/// minutes, after which no world is as it was. Outside is a fault of the configuration.
pub const ESCALATE_TIMEOUT_MS_MIN: u64 = 1_000;
/// See [`ESCALATE_TIMEOUT_MS_MIN`].
pub const ESCALATE_TIMEOUT_MS_MAX: u64 = 600_000;
/// `timeout` where the configuration names none, in milliseconds: large models on a mobile line.
pub const ESCALATE_TIMEOUT_MS_DEFAULT: u64 = 30_000;
/// How much longer than `timeout` the agent keeps the question open, in milliseconds: the word that
/// the time is over comes from those who ask, and tells what it cost.
pub const ESCALATE_GRACE_MS: u64 = 2_000;
/// `calls_per_day` where the configuration names none: two an hour, far more than a place needs.
pub const ESCALATE_CALLS_DEFAULT: u32 = 50;
/// Most `calls_per_day`: one a minute. More is a fault of the configuration.
pub const ESCALATE_CALLS_MAX: u32 = 1_440;
/// `answer_tokens` where the configuration names none: a letter, and what stands around it.
pub const ESCALATE_ANSWER_TOKENS_DEFAULT: u32 = 16;
/// Most `answer_tokens`, for models that think aloud. More is a fault of the configuration.
pub const ESCALATE_ANSWER_TOKENS_MAX: u32 = 32_768;
/// Most that a million tokens, or a day, may cost, in the operator's own unit: more is a slip.
pub const ESCALATE_PRICE_MAX: f64 = 1e6;
/// Questions that wait for their turn on the way out. The agent has one open at a time, so a second
/// one only stands here while an earlier one, given up, ends; of more the newest is given up.
pub const ESCALATE_QUEUE_MAX: usize = 2;
/// Bytes of an answer. Beyond: it is unreadable. A letter takes some hundred.
pub const ESCALATE_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Until a connection stands, in milliseconds. Beyond: there is no line.
pub const ESCALATE_CONNECT_MS_MAX: u64 = 10_000;
/// Shortest and longest pause after an answer that was none, in milliseconds; it doubles. A server
/// that asks for more patience gets it, up to the longest.
pub const ESCALATE_PAUSE_MS_MIN: u64 = 60_000;
/// See [`ESCALATE_PAUSE_MS_MIN`].
pub const ESCALATE_PAUSE_MS_MAX: u64 = 3_600_000;
/// Characters of a refusal that are shown.
pub const ESCALATE_REASON_CHARS_MAX: usize = 200;

const _: () = assert!(ESCALATE_TIMEOUT_MS_MIN < ESCALATE_TIMEOUT_MS_MAX);
const _: () = assert!(ESCALATE_PAUSE_MS_MIN < ESCALATE_PAUSE_MS_MAX);

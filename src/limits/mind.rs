//! Bounds of the language model and of its API: as those of `limits.rs`.

use super::{CANDIDATES_MAX, MIND_CONTEXT_TOKENS};

/// Largest frame between the agent and the mind's process, in bytes, its length word not counted.
/// 256 KiB holds the longest prompt that fits [`MIND_CONTEXT_TOKENS_MAX`] at 8 bytes a token.
/// A longer request is refused; a longer length word means that the peer is not ours: it is left.
pub const MIND_FRAME_BYTES_MAX: u32 = 256 * 1024;
/// Least context of the mind, in tokens: a prefix, a state and eight candidates, all of them short.
/// A request to load with less is refused.
pub const MIND_CONTEXT_TOKENS_MIN: u32 = 256;
/// Largest context of the mind, in tokens: 32,768 of SmolLM2-135M are 740 MB of key-value cache.
/// A request to load with more is refused.
pub const MIND_CONTEXT_TOKENS_MAX: u32 = 32_768;
/// Largest batch that the processor works on at once, in tokens. At 64 the activations of a
/// 49,152-word vocabulary cost 12 MB; 512 would cost 100 MB and save a few per cent of reading.
pub const MIND_UBATCH_TOKENS_MAX: u32 = 512;
/// Most rows of scores that one call keeps, each vocabulary * 4 bytes: 32 of them are 6 MB. A
/// decision that needs more takes several calls.
pub const MIND_OUTPUTS_MAX: u32 = 32;
/// Sequences of the mind's context: candidates that are read side by side. Sixteen hold twice
/// [`CANDIDATES_MAX`]; more candidates are scored in rounds.
pub const MIND_SEQUENCES: u32 = 16;
/// Most candidates of one request to the mind; more are refused.
pub const MIND_CANDIDATES_MAX: usize = 256;
/// Most tokens of one candidate; a longer one is refused. A candidate is a line of words, and the
/// tree of them is walked by recursion.
pub const MIND_CANDIDATE_TOKENS_MAX: usize = 256;
/// Most questions of one request to the mind; more are refused. As many as there are sequences:
/// one each can then be read side by side.
pub const MIND_QUESTIONS_MAX: usize = MIND_SEQUENCES as usize;
/// Most tokens of one question, its list of candidates included; a longer one is refused. What is
/// long belongs into the prefix or the state, which all questions share; the tree of questions is
/// walked by recursion.
pub const MIND_QUESTION_TOKENS_MAX: usize = 256;
/// Most steps of a scale: 0 to 10, the longest one that people are asked for. A small model does
/// not tell more of them apart.
pub const MIND_SCALE_STEPS_MAX: usize = 11;
/// Shortest prefix that is kept on disk, in tokens: shorter ones are read as fast as they are
/// loaded.
pub const MIND_PREFIX_KEPT_TOKENS_MIN: usize = 64;
/// A kept prefix is loaded where it saves the reading of so many tokens; 32 take a processor of
/// 300 tokens/s a tenth of a second, and loading a megabyte takes less.
pub const MIND_PREFIX_GAIN_TOKENS: usize = 32;
/// Bytes of all kept prefixes together: 7 of 400 tokens of the default model (22.5 KB a token).
/// The one that was used longest ago goes.
pub const MIND_PREFIX_BYTES_MAX: u64 = 64 << 20;
/// Most files of kept prefixes, so that opening the store stays short. As above.
pub const MIND_PREFIX_FILES_MAX: usize = 64;
/// Most memory of the mind's process beside weights and cache, in bytes: issue 4's own bound at 64
/// tokens at once; 28 MB were measured.
pub const MIND_REST_BYTES: u64 = 45_000_000;
/// Most models beside the agent's own that the API may name.
pub const MIND_MODELS_MAX: usize = 8;
/// Bounds of the memory for those: the smallest model of any use, and the largest board.
pub const MIND_MODELS_BYTES_MIN: u64 = 50_000_000;
/// See [`MIND_MODELS_BYTES_MIN`].
pub const MIND_MODELS_BYTES_MAX: u64 = 64_000_000_000;
/// Without `models_memory`: one small model more on a board with 1 GB.
pub const MIND_MODELS_BYTES_DEFAULT: u64 = 400_000_000;
/// Most tokens of a text that becomes a vector: it is one pass, for which a decision of the agent's
/// may have to wait, some 0.9 s on a Raspberry Pi 5. A longer text is refused.
pub const MIND_EMBED_TOKENS_MAX: u32 = 256;
/// Most texts of one request for vectors; between two of them a decision has its turn.
pub const WEB_EMBED_TEXTS_MAX: usize = 64;
/// Adapters that the mind keeps in memory beside its model, the one in use among them; one of ours
/// has 10 MB. The one that was not asked for longest goes, and is read again when it is.
pub const MIND_ADAPTERS_MAX: usize = 4;
/// Bytes of all merged copies of models with adapters together: five of the default model. The
/// one that was used longest ago goes; where one alone is larger the adapter is put on instead. A
/// larger model could not take its copy's place within `MIND_ANSWER_MS_MAX`, read and checked at
/// the 20 MB/s of a slow card, where a request wants another adapter.
pub const MIND_MERGED_BYTES_MAX: u64 = 512 << 20;
/// Bytes of the disk that a merged copy leaves free, for the journal's sake: half its usual quota.
/// Where there are fewer the adapter is put on instead.
pub const MIND_MERGED_FREE_BYTES_MIN: u64 = 256 << 20;
/// Passes over texts of one adapter while those of another wait. Each change makes the library
/// lay out its work anew, so that there should be few; a text of another waits for all of them.
pub const MIND_ADAPTER_PASSES: u32 = 16;
/// Most decisions that are remembered, each some 200 bytes. The oldest is forgotten.
pub const MIND_REMEMBERED_MAX: usize = 1024;
/// Most threads that the mind may ask for, each of them a stack and a core; more are refused.
pub const MIND_THREADS_MAX: u16 = 64;
/// Most decisions that wait for the mind or are being scored; a further one is refused at once,
/// since it would be older than its deadline when its turn came.
pub const MIND_QUEUE_MAX: usize = 8;
/// Priority of the agent's own decisions, of 255: before an operator's questions, below an alarm's.
pub const MIND_PRIORITY_DECISION: u8 = 128;
/// Longest load of a model, in milliseconds: 5 minutes, for 2 GB from a slow card with its
/// checksum. The process is ended then, and started again after the back-off.
pub const MIND_LOAD_MS_MAX: u64 = 300_000;
/// Longest silence while a decision is in flight, in milliseconds: 60 s, far beyond any deadline.
/// The process is ended then as stuck.
pub const MIND_ANSWER_MS_MAX: u64 = 60_000;
/// How long the process may take to end after its socket was closed, in milliseconds; then it is
/// killed.
pub const MIND_END_MS_MAX: u64 = 500;
/// First pause before the process is started again, in milliseconds; doubles with each failure.
pub const MIND_RESTART_MS_MIN: u64 = 250;
/// Longest pause before the process is started again, in milliseconds: one try in 30 s costs a
/// board little, and a person sees the state meanwhile.
pub const MIND_RESTART_MS_MAX: u64 = 30_000;
/// A process that served this long was sound: the pause begins at its least again.
pub const MIND_SOUND_MS: u64 = 60_000;
/// Time between two looks at a model file that is missing or was refused, in milliseconds. It is
/// one `stat`.
pub const MIND_FILE_LOOK_MS: u64 = 2_000;

/// Texts that the mind writes side by side, each a sequence of the writer's cache; more wait.
pub const MIND_WRITERS: u32 = 8;
/// Most texts that wait to be written; a further one is refused, which the API says as 429.
pub const MIND_WRITES_WAITING_MAX: usize = 16;
/// Most tokens of one written text. More are refused.
pub const MIND_WRITE_TOKENS_MAX: u32 = 4096;
/// Longest time for one text, in milliseconds: 10 minutes, a long answer on a slow board. Longer
/// wishes are refused.
pub const MIND_WRITE_MS_MAX: u32 = 600_000;
/// Most strings that end a text, and bytes of each; more are refused. OpenAI's clients have 4.
pub const MIND_STOPS_MAX: usize = 8;
/// See [`MIND_STOPS_MAX`].
pub const MIND_STOP_BYTES_MAX: usize = 256;
/// Bytes of a grammar or schema; a longer one is refused. Tools of a house are some 10 KB.
pub const MIND_GRAMMAR_BYTES_MAX: usize = 64 * 1024;
/// Symbols of a grammar after it was compiled, some 20 bytes each; a larger one is refused.
pub const GRAMMAR_SYMBOLS_MAX: usize = 100_000;
/// States of a grammar's lexer, 1 to 2 KB each: 50 MB at most; a text that needs more fails.
pub const GRAMMAR_STATES_MAX: usize = 32_768;
/// Most messages of a chat; more are refused.
pub const MIND_MESSAGES_MAX: usize = 256;
/// Tokens that are guessed and checked in one pass at first. Reading one beside another costs a
/// seventh of writing it, so that one right guess of six pays.
pub const MIND_DRAFT_TOKENS: usize = 6;
/// Most of them, where all that were guessed before were right.
pub const MIND_DRAFT_TOKENS_MAX: usize = 24;
/// Most words that a draw is made from: those beyond have less than a thousandth together.
pub const MIND_DRAW_FROM_MAX: usize = 256;
/// The writer's cache and scratch memory are given back after so long without a text, in
/// milliseconds: a minute, since a person who asks once asks again.
pub const MIND_WRITER_IDLE_MS: u64 = 60_000;
/// Priority of a text among those that wait; every decision goes before it.
pub const MIND_PRIORITY_WRITE: u8 = 0;

const _: () = assert!(MIND_WRITERS <= MIND_OUTPUTS_MAX);
const _: () = assert!(MIND_OUTPUTS_MAX as usize >= CANDIDATES_MAX);
const _: () = assert!(MIND_SEQUENCES as usize >= CANDIDATES_MAX);
const _: () = assert!(MIND_FRAME_BYTES_MAX >= MIND_CONTEXT_TOKENS_MAX * 8);
const _: () = assert!(MIND_RESTART_MS_MIN < MIND_RESTART_MS_MAX);

// ---- the API ----

/// Bytes of a request's body: a chat that fills [`MIND_CONTEXT_TOKENS_MAX`] fits the mind's frame
/// too. A larger one is refused as 413.
pub const WEB_BODY_BYTES_MAX: usize = MIND_FRAME_BYTES_MAX as usize;
/// Most requests at a time, those that wait for the mind included; more are refused as 429.
pub const WEB_REQUESTS_MAX: usize = 32;
/// Events of a stream that wait for who reads; then the text waits in the mind's channel.
pub const WEB_EVENTS_MAX: usize = 16;
/// Least characters of a token: shorter ones can be guessed. A shorter one is refused.
pub const WEB_TOKEN_BYTES_MIN: usize = 16;
/// Most tools of a request; more are refused. Each is read with the prompt.
pub const WEB_TOOLS_MAX: usize = 64;
/// Longest time for a text, in milliseconds: 5 minutes, half of the mind's own bound.
pub const WEB_WRITE_MS_MAX: u32 = 300_000;
/// Longest time for a decision, in milliseconds: 30 s, half of what counts as stuck.
pub const WEB_DECIDE_MS_MAX: u32 = 30_000;
/// Tokens of a text whose request names no bound; its end is then `length`.
pub const WEB_TOKENS_DEFAULT: u32 = 512;
/// Priority of the API's decisions: after the agent's own.
pub const MIND_PRIORITY_API: u8 = 64;

/// Pages that may be open at a time; one more is told so. Half of the requests are left to others.
pub const WEB_STREAMS_MAX: usize = WEB_REQUESTS_MAX / 2;
/// Readers of the journal's past at a time: each reads files and counts on one core.
pub const WEB_READERS_MAX: usize = 2;
/// Sessions of people at the page; the oldest makes room for one more.
pub const WEB_SESSIONS_MAX: usize = 64;
/// Longest life of a session, in milliseconds: thirty days.
pub const WEB_SESSION_MS_MAX: u64 = 30 * 24 * 3600 * 1000;
/// Pause after a wrong token, one at a time, in milliseconds: 86,400 tries a day, of 2^64 and more.
pub const WEB_LOGIN_MS: u64 = 1000;
/// Wrong tokens that wait for that pause at a time; one more is told to come later.
pub const WEB_GUESSES_MAX: usize = 8;
/// Decisions that the page gets at a time.
pub const PAGE_RECORDS_MAX: usize = 50;
/// Longest history that the page gets, in hours: a month.
pub const PAGE_HISTORY_HOURS_MAX: f64 = 744.0;
/// Slices of a history: one a few pixels of a wide screen.
pub const PAGE_HISTORY_SLICES: usize = 240;
/// Decisions, events and states that wait for one page; one that is slower is told to read the
/// journal.
pub const LIVE_NEWS_MAX: usize = 64;
/// Commands of pages that wait for the agent, which takes each within a millisecond.
pub const LIVE_COMMANDS_MAX: usize = 16;

const _: () = assert!(WEB_WRITE_MS_MAX <= MIND_WRITE_MS_MAX);
const _: () = assert!(MIND_PRIORITY_API < MIND_PRIORITY_DECISION);
const _: () = assert!(WEB_TOKENS_DEFAULT < MIND_CONTEXT_TOKENS);

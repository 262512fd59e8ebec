//! Every bound of the house: number, unit in the name, reason, and what happens at the bound.
//! Nothing else lives here, and no other file has a bound of its own.

// ---- bus ----

/// Largest MQTT message that is read, in bytes, where the configuration names none.
/// Larger ones are dropped and counted. 2 MB holds a camera's still picture or a discovery bundle.
pub const PACKET_BYTES_DEFAULT: usize = 2_000_000;

// ---- configuration ----

/// Most sensors in a configuration. A Zero 2 W holds the state of 4,096 in under 16 MB.
/// More are a fault of the configuration.
pub const SENSORS_MAX: usize = 4096;
/// Most actuators in a configuration; more are a fault of the configuration.
pub const ACTUATORS_MAX: usize = 512;
/// Most goals; more are a fault of the configuration.
pub const GOALS_MAX: usize = 256;
/// Most rules and most interlocks each; more are a fault of the configuration.
pub const RULES_MAX: usize = 512;
/// Most notes; each is read by the mind. More are a fault of the configuration.
pub const NOTES_MAX: usize = 64;
/// Longest text of one note, in bytes: about 100 tokens. Longer is a fault of the configuration.
pub const NOTE_BYTES_MAX: usize = 400;
/// Longest expression, in bytes, and deepest nesting: a person still reads it.
/// Beyond it is a fault of the configuration.
pub const EXPRESSION_BYTES_MAX: usize = 1024;
/// Deepest nesting of an expression; bounds the stack of the evaluator.
pub const EXPRESSION_DEPTH_MAX: usize = 32;

// ---- readings ----

/// Deepest JSON that is parsed in a payload. serde_json stops at 128 by itself; sensors need 4.
pub const JSON_DEPTH_MAX: usize = 32;
/// Longest text value of a sensor or a device, in bytes; longer is a faulty payload.
pub const TEXT_VALUE_BYTES_MAX: usize = 256;
/// A sensor is stale after this many of its periods (design §4).
pub const STALE_PERIODS: u32 = 3;
/// Samples kept per sensor for its trend; the oldest is dropped.
pub const TREND_SAMPLES_MAX: usize = 32;
/// Least time between two reports of the same fault of the same sensor: 10 minutes.
/// Those between are counted and the count is in the next report.
pub const FAULT_REPORT_INTERVAL_MS: u64 = 600_000;

// ---- decisions and commands ----

/// Most candidates of one decision; the planner keeps the best by utility. One batch of the mind.
pub const CANDIDATES_MAX: usize = 8;
/// How long the id of a device command is kept, in milliseconds: 90 days (design §5).
pub const COMMAND_ID_KEPT_MS: i64 = 90 * 24 * 3600 * 1000;
/// Most command ids kept; at 10,000 in 90 days (one each 13 minutes) the oldest ended one goes.
pub const COMMAND_IDS_MAX: usize = 10_000;
/// How long a command's last state stays retained on the bus after its end: 24 h (design §5).
pub const COMMAND_STATE_RETAINED_MS: u64 = 24 * 3600 * 1000;
/// Default life of a device command without `ttl_s`, in seconds (design §5).
pub const COMMAND_TTL_S_DEFAULT: u64 = 60;
/// Longest `ttl_s` that is accepted, in seconds: 7 days. Longer ones are rejected.
pub const COMMAND_TTL_S_MAX: u64 = 7 * 24 * 3600;
/// Default `hold_s` of an operator's `set`, in seconds (design §5).
pub const HOLD_S_DEFAULT: u64 = 1800;
/// Longest `hold_s`, in seconds: 7 days. Longer ones are rejected.
pub const HOLD_S_MAX: u64 = 7 * 24 * 3600;
/// Longest payload of a device command, in bytes; longer ones are rejected.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Longest command id, in bytes; longer ones are rejected.
pub const COMMAND_ID_BYTES_MAX: usize = 128;

// ---- mind ----

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
/// Most threads that the mind may ask for, each of them a stack and a core; more are refused.
pub const MIND_THREADS_MAX: u16 = 64;
/// Most decisions that wait for the mind or are being scored; a further one is refused at once,
/// since it would be older than its deadline when its turn came.
pub const MIND_QUEUE_MAX: usize = 8;
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

const _: () = assert!(MIND_OUTPUTS_MAX as usize >= CANDIDATES_MAX);
const _: () = assert!(MIND_SEQUENCES as usize >= CANDIDATES_MAX);
const _: () = assert!(MIND_FRAME_BYTES_MAX >= MIND_CONTEXT_TOKENS_MAX * 8);
const _: () = assert!(MIND_RESTART_MS_MIN < MIND_RESTART_MS_MAX);

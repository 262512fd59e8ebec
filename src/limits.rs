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

// ---- models ----

/// Bytes of a GGUF header, metadata and tensor table together. Beyond: the file is refused. The
/// largest vocabularies in use (256,000 tokens with merges) take about 16 MB.
pub const GGUF_HEADER_BYTES_MAX: u64 = 64 << 20;
/// Metadata keys of a GGUF file. Beyond: the file is refused. Real files have 20 to 60.
pub const GGUF_KEYS_MAX: u64 = 4_096;
/// Bytes of one metadata key. Beyond: the file is refused. The longest in use is under 80.
pub const GGUF_KEY_BYTES_MAX: u64 = 1_024;
/// Bytes of one metadata string. Beyond: the file is refused. Chat templates reach 20 KB.
pub const GGUF_STRING_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a metadata string that are kept in memory; of a longer one only the length is. The
/// strings that we look at are names.
pub const GGUF_STRING_KEPT_BYTES_MAX: u64 = 1_024;
/// Elements of a metadata array of numbers that are kept; of a longer one only the length is.
/// Arrays that we look at hold one number a layer.
pub const GGUF_NUMBERS_KEPT_MAX: u64 = 512;
/// Tokens of a vocabulary. Beyond: the file is refused. The largest in use has 262,144.
pub const GGUF_VOCABULARY_MAX: u64 = 1 << 20;
/// Tensors of a GGUF file. Beyond: the file is refused. 512 layers of 30 tensors each.
pub const GGUF_TENSORS_MAX: u64 = 16_384;
/// Bytes of a tensor's name: ggml keeps 64 with the closing zero and refuses longer ones.
pub const GGUF_TENSOR_NAME_BYTES_MAX: u64 = 63;
/// Layers of a model: llama.cpp asserts on more (`LLAMA_MAX_LAYERS`), which ends the process.
pub const MODEL_LAYERS_MAX: u64 = 512;
/// Experts of a model: llama.cpp asserts on more (`LLAMA_MAX_EXPERTS`).
pub const MODEL_EXPERTS_MAX: u64 = 1_024;
/// Attention heads, and values of one head. Beyond: refused, so that no product overflows.
pub const MODEL_HEADS_MAX: u64 = 4_096;
/// Values of an embedding, and tokens of a context. Beyond: refused, for the same reason.
pub const MODEL_LENGTH_MAX: u64 = 1 << 27;
/// Bytes of a model file in the catalogue. Beyond: the catalogue is refused. More than the memory
/// of any board that we run on.
pub const MODEL_FILE_BYTES_MAX: u64 = 64 << 30;
/// Characters of a model's id: it becomes a file name and a word in a record.
pub const MODEL_ID_BYTES_MAX: usize = 64;
/// Entries of the catalogue. Beyond: the catalogue is refused; it is a list for people.
pub const CATALOG_MODELS_MAX: usize = 256;
/// Attempts in a row of one HTTP source that bring no byte. Beyond: the next source is tried.
pub const PULL_ATTEMPTS_MAX: u32 = 4;
/// Pause before the second attempt; doubles with each. A router's restart fits into the sum.
pub const PULL_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);
/// Until a connection stands. Beyond: the attempt has failed.
pub const PULL_CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);
/// Between two reads of a transfer. Beyond: the attempt has failed and the next one goes on from
/// there. Mobile lines stall for some ten seconds when they change cells.
pub const PULL_READ_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// Bytes of a client's error output that are shown. More of it is cut at the front.
pub const PULL_MESSAGE_BYTES_MAX: usize = 2_000;
/// Threads of a quantisation. A machine with more uses so many; the medium is the limit by then.
pub const QUANTIZE_THREADS_MAX: u16 = 64;
/// Bytes read at once when a file is copied or its checksum computed.
pub const FILE_CHUNK_BYTES: usize = 128 << 10;

const _: () = assert!(GGUF_STRING_BYTES_MAX < GGUF_HEADER_BYTES_MAX);
const _: () = assert!(GGUF_STRING_KEPT_BYTES_MAX < GGUF_STRING_BYTES_MAX);
const _: () = assert!(GGUF_NUMBERS_KEPT_MAX >= MODEL_LAYERS_MAX);

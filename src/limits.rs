//! Every bound of the house: number, unit in the name, reason, and what happens at the bound.
//! Nothing else lives here and in `limits/`, and no other file has a bound of its own.

mod mind;
pub use mind::*;

mod asked;
mod backup;
mod derived;
mod discover;
mod escalate;
mod identity;
mod notes;
mod serial;
mod sources;
mod top;
mod update;
mod uplink;

pub use asked::*;
pub use backup::*;
pub use derived::*;
pub use discover::*;
pub use escalate::*;
pub use identity::*;
pub use notes::*;
pub use serial::*;
pub use sources::*;
pub use top::*;
pub use update::*;
pub use uplink::*;

// ---- bus ----

/// Largest MQTT message that is read, in bytes, where the configuration names none.
/// Larger ones are dropped and counted. 2 MB holds a camera's still picture or a discovery bundle.
pub const PACKET_BYTES_DEFAULT: usize = 2_000_000;

// ---- configuration ----

/// Most sensors in a configuration. A Zero 2 W holds the state of 4,096 in under 16 MB.
/// More are a fault of the configuration.
pub const SENSORS_MAX: usize = 4096;
/// Most sensors that are derived from others. Each is computed within the event that changes what
/// it is made of: so many of the longest kind, with a rule on each, take a quarter of a millisecond
/// on an x86 core. More are a fault of the configuration.
pub const DERIVED_MAX: usize = 64;
/// Longest unit of a sensor, in bytes: it stands behind each value. Longer is a fault of the
/// configuration.
pub const UNIT_BYTES_MAX: usize = 32;
/// Most actuators in a configuration; more are a fault of the configuration.
pub const ACTUATORS_MAX: usize = 512;
/// Most goals; more are a fault of the configuration.
pub const GOALS_MAX: usize = 256;
/// Most agents in one process (`[[agent]]`); more are a fault of the configuration.
pub const AGENTS_MAX: usize = 16;
/// Most tools of an agent that does not say otherwise: what a small model tells apart.
pub const AGENT_TOOLS_DEFAULT: u32 = 5;
/// Greatest priority of an agent: its goals weigh so many times what others' do.
pub const AGENT_PRIORITY_MAX: u32 = 10;
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
/// Stack of the thread that parses one expression, in bytes. The parser's debug build needs 5 MB at
/// `EXPRESSION_DEPTH_MAX`, its release build a tenth; untouched pages cost nothing. The depth is
/// checked before the parser sees the text, so that the stack cannot run out.
pub const EXPRESSION_STACK_BYTES: usize = 16 * 1024 * 1024;
/// Largest configuration file, in bytes: 4,096 sensors at 300 bytes each, twice. A larger one is
/// not read.
pub const CONFIG_BYTES_MAX: u64 = 2_500_000;
/// Most faults that one check lists; the rest is counted. A person mends the first and asks again.
pub const CONFIG_FAULTS_MAX: usize = 200;
/// Longest name of a sensor or an actuator, in bytes: the mind reads it. Longer is a fault.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest name of a goal, rule or interlock, in bytes: a line of text. Longer is a fault.
pub const TITLE_BYTES_MAX: usize = 120;
/// Longest topic in a configuration, in bytes; MQTT's own limit is 65,535 and nobody reads that.
/// Longer is a fault.
pub const CONFIG_TOPIC_BYTES_MAX: usize = 512;
/// Most words in one `map` or `options`; more are a fault.
pub const WORDS_MAX: usize = 64;
/// Shortest and longest `every`, in milliseconds: 10 ms (100 readings a second are the bus's own
/// pace on a Zero 2 W) to 31 days (a meter that is read monthly). Outside is a fault.
pub const EVERY_MS_MIN: u64 = 10;
/// See [`EVERY_MS_MIN`].
pub const EVERY_MS_MAX: u64 = 31 * 24 * 3600 * 1000;
/// `every` where the configuration names none, in milliseconds (design §4).
pub const EVERY_MS_DEFAULT: u64 = 60_000;
/// Shortest and longest `confirm_within`, in milliseconds: 100 ms (one round over a slow Wi-Fi) to
/// 10 minutes (a motorised valve). Outside is a fault.
pub const CONFIRM_MS_MIN: u64 = 100;
/// See [`CONFIRM_MS_MIN`].
pub const CONFIRM_MS_MAX: u64 = 600_000;
/// `confirm_within` where the configuration names none, in milliseconds (design §4).
pub const CONFIRM_MS_DEFAULT: u64 = 5_000;
/// Longest `min_on` and `min_off`, in milliseconds: a day. Longer is a fault.
pub const DWELL_MS_MAX: u64 = 24 * 3600 * 1000;
/// Shortest and longest `max` of a pulse, in milliseconds: 100 ms to a day. Outside is a fault.
pub const PULSE_MS_MIN: u64 = 100;
/// See [`PULSE_MS_MIN`].
pub const PULSE_MS_MAX: u64 = 24 * 3600 * 1000;
/// What `max_commands_per_hour` is counted over, in milliseconds.
pub const COMMANDS_COUNTED_MS: u64 = 3600 * 1000;
/// `max_commands_per_hour` where the configuration names none (design §4).
pub const COMMANDS_PER_HOUR_DEFAULT: u32 = 60;
/// Greatest `max_commands_per_hour`: one a second. More is a fault.
pub const COMMANDS_PER_HOUR_MAX: u32 = 3600;
/// Shortest and longest `deadline` of the mind, in milliseconds: 10 ms (a fast board with a tiny
/// model) to 10 minutes. Outside is a fault. The default is design §4's.
pub const DEADLINE_MS_MIN: u64 = 10;
/// See [`DEADLINE_MS_MIN`].
pub const DEADLINE_MS_MAX: u64 = 600_000;
/// See [`DEADLINE_MS_MIN`].
pub const DEADLINE_MS_DEFAULT: u64 = 2_000;
/// Smallest and largest `max_packet`, in bytes: 10 KB (our own retained messages fit) to 64 MB (an
/// eighth of a Zero 2 W's memory). Outside is a fault.
pub const PACKET_BYTES_MIN: u64 = 10_000;
/// See [`PACKET_BYTES_MIN`].
pub const PACKET_BYTES_MAX: u64 = 64_000_000;
/// Smallest `quota`, in bytes: 4 MB, below which the store's own overhead is most of it.
/// Smaller is a fault.
pub const QUOTA_BYTES_MIN: u64 = 4_000_000;
/// Largest `quota`, in bytes: 1 TB, more than any board has. Larger is a fault.
pub const QUOTA_BYTES_MAX: u64 = 1_000_000_000_000;

// ---- readings ----

/// Deepest JSON that is parsed in a payload. serde_json stops at 128 by itself; sensors need 4.
pub const JSON_DEPTH_MAX: usize = 32;
/// Longest text value of a sensor or a device, in bytes; longer is a faulty payload.
pub const TEXT_VALUE_BYTES_MAX: usize = 256;
/// A sensor is stale after this many of its periods (design §4).
pub const STALE_PERIODS: u32 = 3;
/// Declared effects on one sensor that its filter tells apart, the first of the file; the others
/// are part of its drift. Eight make a state of ten numbers and a covariance of 800 bytes.
pub const FILTER_EFFECTS_MAX: usize = 8;
/// Sensors whose filters are kept over a restart: those of goals and declared effects, the first of
/// the file, as many as have models. Of others each start learns anew, within minutes.
pub const FILTERS_KEPT_MAX: usize = MODELS_MAX;
/// How often it is written down what they have learned, in milliseconds, and at a stop: it changes
/// within hours, and a power cut costs the last six of them. At most nine records a sensor.
pub const FILTERS_WRITTEN_MS: u64 = 6 * 3600 * 1000;
/// Least time between two reports of the same fault of the same sensor: 10 minutes.
/// Those between are counted and the count is in the next report.
pub const FAULT_REPORT_INTERVAL_MS: u64 = 600_000;

// ---- decisions and commands ----

/// Sensors whose dynamics are learned: those of goals and declared effects, in the order of the
/// file; 64 of 16 KB each are a megabyte. Others keep their plain trend.
pub const MODELS_MAX: usize = 64;
/// Other sensors that a learned model looks at: the first numeric ones of the file. Six times the
/// square of the inputs' number is what a step of learning costs.
pub const MODEL_SENSORS_MAX: usize = 6;
/// Actuators that a learned model looks at: those with a declared effect on its sensor first.
pub const MODEL_ACTUATORS_MAX: usize = 12;
/// Lines of a `follow` schedule: a quarter of an hour each.
pub const SCHEDULE_LINES_MAX: usize = 96;
/// Most candidates of one decision; the planner keeps the best by utility. One batch of the mind.
pub const CANDIDATES_MAX: usize = 8;
/// How long the id of a device command is kept, in milliseconds: 90 days (design §5).
pub const COMMAND_ID_KEPT_MS: i64 = 90 * 24 * 3600 * 1000;
/// Most command ids kept; at 10,000 in 90 days (one each 13 minutes) the oldest ended one goes.
pub const COMMAND_IDS_MAX: usize = 10_000;
/// Pause between two looks at which ids and retained states are over, in milliseconds: a minute,
/// since both are hours and days.
pub const COMMANDS_LOOK_MS: u64 = 60_000;
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
/// How long a device's last echo is believed while its bus or line is away, in milliseconds: a
/// broker's restart or a roaming Wi-Fi takes seconds; in a minute somebody has walked to the
/// switch. Then the actuator is unknown, and the unknown forbids, until it speaks again.
pub const ECHO_BELIEVED_MS: u64 = 60_000;
/// How long a word of a device may be on its way, in milliseconds: a minute. One that takes back
/// what the device confirmed within that time may be the older of the two.
pub const ECHO_LATE_MS_MAX: u64 = 60_000;
/// How long both words count for interlocks, in milliseconds, where the device says nothing more:
/// ten minutes. One that repeats its state has done so by then; of one that does not, the last
/// word is believed.
pub const ECHO_DOUBTED_MS_MAX: u64 = 600_000;
/// Most settings of one actuator that count as in flight; the oldest is forgotten. Each doubles
/// the combinations that its interlocks are tried on.
pub const SETTINGS_IN_FLIGHT_MAX: usize = 3;
/// Most withdrawn messages to devices that are on their way in or out of the outbox just then; the
/// oldest is forgotten. They are told in the same breath, and each actuator has one message out.
pub const OUTBOX_WITHDRAWN_MAX: usize = ACTUATORS_MAX;
/// Longest hand-over to `safe` at a stop, in milliseconds; then the process ends all the same.
/// Twice the default `confirm_within`: one message and its repeat.
pub const HAND_OVER_MS_MAX: u64 = 10_000;
/// Most things that wait for a person at once; the oldest is settled as expired.
pub const APPROVALS_MAX: usize = 32;
/// How long something waits for a person, in milliseconds: 30 minutes; then it is settled.
pub const APPROVAL_MS_MAX: u64 = 30 * 60 * 1000;

// ---- runtime ----

/// Most messages that wait for their record to be stored. At the bound the oldest report goes
/// early; a command never does. 1,024 of 2 KB are 2 MB.
pub const OUTBOX_MESSAGES_MAX: usize = 1024;
/// Most pieces of the journal's news that wait; more are dropped, since they repeat these.
pub const JOURNAL_NEWS_MAX: usize = 16;
/// Most events of the link that wait; then the broker waits.
pub const LINK_EVENTS_MAX: usize = 256;
/// Longest time that a connection waits for its own message behind what the broker had queued for
/// us, in milliseconds. Mosquitto queues 1,000 messages by itself, which a Pi reads in a second; a
/// broker that does not let us hear ourselves costs this delay. Then what comes counts as news.
pub const BURST_MS_MAX: u64 = 10_000;
/// Most payload bytes of the newest messages of such a queue, one a topic: 1,000 of 1 KB, and some
/// larger. One that finds no room is dropped and counted.
pub const BURST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most operators' commands of such a queue that come before the connection is complete and wait
/// for that; a further one is dealt with at once, and refused where it needs the connection.
pub const EARLY_COMMANDS_MAX: usize = 256;
/// How long commands of a cloud wait for the bus after a start, in milliseconds: as long as its
/// broker may take to give back what it queued. Then they are answered as without a bus.
pub const EARLY_CLOUD_MS: u64 = 10_000;
/// Keep-alive of the connection, in seconds: a dead one is noticed within 45.
pub const KEEP_ALIVE_S: u64 = 30;

// ---- link ----

/// Shortest secret that is looked for in what a person sends to others, in characters: a shorter
/// one is in every text.
pub const SUPPORT_SECRET_CHARS_MIN: usize = 4;
/// Records of each kind there, the last ones.
pub const SUPPORT_RECORDS_MAX: usize = 500;
/// Longest kind in a command's topic, in bytes; three times the longest known one ("restart").
/// A longer one is no topic of ours and is not answered.
pub const COMMAND_KIND_BYTES_MAX: usize = 32;
/// Longest topic name or filter, in bytes: the length field of MQTT has 16 bits.
/// A longer one is refused.
pub const TOPIC_BYTES_MAX: usize = 65_535;
/// Largest payload that we publish, in bytes: half a minute of a 10 kB/s line, so that its PUBACK
/// still comes before `ACK_STALL_MS`. Larger ones are refused.
pub const OUTGOING_BYTES_MAX: usize = 256 * 1024;
/// Most of our messages without a PUBACK at a time. Small: a break loses or repeats few, and
/// brokers take 20 by default. At the bound the rest waits in its queue.
pub const IN_FLIGHT_MAX: usize = 16;
/// Places of `IN_FLIGHT_MAX` that only commands may take, so that none waits behind a backlog.
pub const IN_FLIGHT_FOR_COMMANDS: usize = 4;
/// Most commands that wait for a place in flight: a start or a rule sends one to each actuator, and
/// a newer one may come behind it before a slow broker has taken the first. More are refused with
/// `QueueFull`: the step ends as not sent, with the reason, and its actuator is unknown, since of
/// what waited before it nobody knows what arrives.
pub const COMMANDS_WAITING_MAX: usize = 2 * ACTUATORS_MAX;
/// Most batches of the journal that wait for a place in flight; more are refused with `QueueFull`.
/// The uplink itself stops far below, at `UPLINK_IN_FLIGHT_MAX`.
pub const BATCHES_WAITING_MAX: usize = 64;
/// Most topics of class `State` at a time; a new topic beyond is refused with `QueueFull`.
pub const STATE_TOPICS_MAX: usize = 512;
/// Most messages of class `Log` that wait; beyond, the oldest is dropped, reported and counted.
/// The journal has them all; the queue only bridges an outage.
pub const LOG_WAITING_MAX: usize = 1024;
/// Most payload bytes of class `Log` that wait: 1 MB of a process of 15 MB. As above.
pub const LOG_WAITING_BYTES_MAX: usize = 1024 * 1024;
/// Most `Acked` and `Lost` that nobody has taken; beyond, publishing is refused with `QueueFull`.
pub const ENDS_WAITING_MAX: usize = 4096;
/// Most messages of the broker whose PUBACK waits until the journal has stored something, or for
/// the one before it; beyond, nothing more is read. Mosquitto itself stops at 20.
pub const RECEIPTS_MAX: usize = 1024;
/// Bytes to the broker that wait in our buffer; beyond, no further message of ours is put into it.
pub const WRITE_BUFFER_BYTES_HIGH: usize = 64 * 1024;
/// Bytes to the broker that wait in our buffer; beyond, nothing more is read, since each message
/// adds an acknowledgement of 4 bytes. Room for 40,000 of them above our own messages: a broker
/// that stops to read while it waits for us to read is never met by our doing the same.
pub const WRITE_BUFFER_BYTES_MAX: usize = 512 * 1024;
/// Bytes that one read takes from the socket at most: a small board's page or two.
pub const READ_BYTES: usize = 8 * 1024;
/// Filters in one SUBSCRIBE. Some brokers (AWS IoT) close the connection at more than 8.
pub const FILTERS_PER_SUBSCRIBE: usize = 8;
/// Most addresses of one host name that are tried in one attempt; the rest are left out.
pub const ADDRESSES_TRIED_MAX: usize = 4;
/// Longest wait for one TCP address, in milliseconds; then the next address is tried.
pub const TCP_CONNECT_MS_MAX: u64 = 5_000;
/// Longest wait for name, TCP, TLS and CONNACK together, in milliseconds: a cellular modem that
/// sleeps needs some seconds. Then the attempt has failed.
pub const CONNECT_MS_MAX: u64 = 20_000;
/// Longest time without a PUBACK or SUBACK while one is outstanding, in milliseconds.
/// Then the connection is built anew (rumqtt issues 1056 and 1014 show what waits for ever).
pub const ACK_STALL_MS: u64 = 30_000;
/// Keep-alive where the caller names none, in seconds: a broker notices a dead board, and we a
/// dead broker, within 45 s; a ping each 15 s costs an idle line about 1 MB a day.
pub const KEEP_ALIVE_S_DEFAULT: u16 = 30;
/// First wait after a break, in milliseconds: a broker that restarts needs about as long.
pub const BACKOFF_MS_MIN: u64 = 500;
/// Longest wait between two attempts, in milliseconds: 30 s, half of them random.
pub const BACKOFF_MS_MAX: u64 = 30_000;
/// A connection that lived this long sets the wait back to its first value, in milliseconds.
/// Twice `BACKOFF_MS_MAX`, so that a flapping one never does.
pub const STABLE_MS: u64 = 60_000;
/// A connection that the broker ends within this time was taken over, perhaps; milliseconds.
pub const TAKEOVER_LIFE_MS: u64 = 10_000;
/// So many of them within `TAKEOVER_WINDOW_MS` are a takeover: a restarting broker makes one, two.
pub const TAKEOVER_COUNT: u32 = 3;
/// The window of `TAKEOVER_COUNT`, in milliseconds.
pub const TAKEOVER_WINDOW_MS: u64 = 120_000;
/// First wait after a noticed takeover, in milliseconds; doubles up to `TAKEOVER_BACKOFF_MS_MAX`.
pub const TAKEOVER_BACKOFF_MS_MIN: u64 = 30_000;
/// Longest wait after a takeover, in milliseconds: 5 minutes. Two boards then take turns, no war.
pub const TAKEOVER_BACKOFF_MS_MAX: u64 = 300_000;
/// Longest wait for the PUBACKs of the last words, in milliseconds; systemd waits longer for us.
pub const CLOSE_MS_MAX: u64 = 3_000;
/// Most clients of the embedded broker; more are refused as "server unavailable".
pub const EMBEDDED_CLIENTS_MAX: usize = 128;
/// Time that a client of the embedded broker has for its CONNECT, in milliseconds; then it is
/// sent away.
pub const EMBEDDED_CONNECT_MS_MAX: u64 = 5_000;
/// Largest CONNECT that the embedded broker reads, in bytes: id, will, user and password of 64 KB
/// each. A larger one ends the connection.
pub const EMBEDDED_CONNECT_BYTES_MAX: usize = 5 * 64 * 1024;
/// Bytes of one segment of the embedded broker's memory, for each filter. The oldest segment is
/// forgotten; a subscriber that is further behind loses messages.
pub const EMBEDDED_SEGMENT_BYTES: usize = 128 * 1024;
/// Segments for each filter: with the above 0.5 MB, some 5 s at 1,000 messages a second.
pub const EMBEDDED_SEGMENTS_MAX: usize = 4;
/// Longest wait until the embedded broker accepts connections, in milliseconds; then it has failed.
pub const EMBEDDED_START_MS_MAX: u64 = 5_000;

const _: () = assert!(WRITE_BUFFER_BYTES_HIGH + OUTGOING_BYTES_MAX < WRITE_BUFFER_BYTES_MAX);
const _: () = assert!(IN_FLIGHT_FOR_COMMANDS < IN_FLIGHT_MAX);
const _: () = assert!(BACKOFF_MS_MIN <= BACKOFF_MS_MAX && 2 * BACKOFF_MS_MAX <= STABLE_MS);
const _: () = assert!(TAKEOVER_BACKOFF_MS_MIN > TAKEOVER_LIFE_MS);
const _: () = assert!(TCP_CONNECT_MS_MAX < CONNECT_MS_MAX);

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
/// Facts of now that a note is asked about, the slowest first. Beyond: not asked about; each costs
/// some twenty tokens of reading the first time.
pub const NOTE_FACTS_MAX: usize = 12;
/// Least probability of each answer of which a preference is made, whatever `[mind] trust` is: it
/// is honoured exactly, as long as its note stands. Of 460 held-out notes 0.6 made something
/// else of 0.017, and 0.9 of 0.009, with as many right (`outpost bench notes`).
pub const NOTE_SURE_MIN: f64 = 0.9;
/// Bytes of an adapter's file. Beyond: refused. A hundred times what the largest useful one of a
/// model for a board takes; it comes into memory beside the model.
pub const ADAPTER_FILE_BYTES_MAX: u64 = 256 << 20;
/// Rank of an adapter. Beyond: refused; a wider one costs more than it says.
pub const ADAPTER_RANK_MAX: u64 = 256;
/// Tokens that invoke an activated adapter. Beyond: refused; they are read in each decision whose
/// state changes at its beginning, and a few words do.
pub const ADAPTER_INVOCATION_TOKENS_MAX: usize = 64;
/// Characters of a model's id: it becomes a file name and a word in a record.
pub const MODEL_ID_BYTES_MAX: usize = 64;
/// Entries of the catalogue. Beyond: the catalogue is refused; it is a list for people.
pub const CATALOG_MODELS_MAX: usize = 256;
/// Attempts in a row of one HTTP source that bring no byte. Beyond: the next source is tried.
pub const PULL_ATTEMPTS_MAX: u32 = 4;
/// Pause before the second attempt; doubles with each. A router's restart fits into the sum.
pub const PULL_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);
/// Of such a pause before it is asked whether the file is still wanted.
pub const PULL_PAUSE_SLICE: std::time::Duration = std::time::Duration::from_secs(1);
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

// ---- plant ----

/// Commands on their way inside one simulated device; later ones are ignored and counted.
/// A device answers within 2 s, so a queue of 16 means that somebody floods it.
pub const PLANT_PENDING_COMMANDS_MAX: usize = 16;
/// Messages and commands waiting between `outpost plant` and its broker, each; later ones are lost
/// and logged. At 600-fold speed 500 messages a second pass, so this is two seconds of them.
pub const PLANT_QUEUE_MAX: usize = 1024;
/// How often `outpost plant` looks at its clock, in milliseconds: at real speed far finer than a
/// sensor's period, and 2 % of one core at most.
pub const PLANT_TICK_MS: u64 = 10;
/// Pause of `outpost plant` between two attempts to reach its broker, in milliseconds.
/// It is a test tool: it never gives up and never backs off.
pub const PLANT_RECONNECT_MS: u64 = 1000;
/// Most threads that the mind takes by itself: boards have four cores, and small models gain
/// nothing from more.
pub const MIND_THREADS_DEFAULT_MAX: u16 = 4;
/// Most events of the mind that wait to be read.
pub const MIND_EVENTS_MAX: usize = 64;
/// Most bytes of a file with a secret: a token of a cloud is no longer.
pub const SECRET_BYTES_MAX: u64 = 16 * 1024;
/// Tokens of the mind's context: prefix 400, eight candidates and the state 300, and reserve for
/// long notes. KV of the default model: 22.5 KB a token, 45 MB.
pub const MIND_CONTEXT_TOKENS: u32 = 2048;
/// Tokens that the mind works on at once: at 64 the scratch memory stays under 15 MB.
pub const MIND_UBATCH_TOKENS: u32 = 64;

// ---- board ----

/// Most bytes of one file of `/sys` or `/proc` that are read; the rest is not looked at. The
/// longest is `/proc/cpuinfo`, some 1.5 KB a core.
pub const BOARD_FILE_BYTES_MAX: u64 = 256 * 1024;
/// Time between two looks at the board's sensors, in milliseconds: some twenty small files. Silicon
/// heats up within seconds, so slower would be late.
pub const BOARD_LOOK_MS: u64 = 2_000;
/// Changes of the governor that wait to be read. There is one a look at most; full, the looking
/// waits.
pub const BOARD_CHANGES_MAX: usize = 4;
/// Longest wait for `vcgencmd`, in milliseconds; it answers within 10. Beyond it is ended, and its
/// flags count as not set.
pub const VCGENCMD_MS_MAX: u64 = 1_000;
/// Least time that everything must be clear of its limits before the governor gives a step back,
/// in milliseconds. Chosen: a start of the mind costs seconds, and heat goes within minutes.
pub const GOVERNOR_CALM_MS_MIN: u64 = 30_000;
/// The longest such time, in milliseconds: 32 minutes, six relapses.
pub const GOVERNOR_CALM_MS_MAX: u64 = 64 * GOVERNOR_CALM_MS_MIN;
/// What gets worse sooner than this after it got better is a relapse, in milliseconds.
pub const GOVERNOR_RELAPSE_MS: u64 = 600_000;

// ---- journal ----

/// Longest time a record waits for its commit, in milliseconds: one sync of an SD card takes 5 to
/// 50, so this keeps ten syncs a second at most. Urgent batches do not wait.
pub const JOURNAL_COMMIT_DELAY_MS: u64 = 100;
/// Bytes of waiting records that are committed without waiting longer: 2,500 readings, a
/// transaction of some 20 ms on a Pi 3.
pub const JOURNAL_COMMIT_BYTES: usize = 256 * 1024;
/// Most bytes of records in memory while the disk is slow, full or gone: 13 minutes of 100 readings
/// a second, and a Zero 2 W can spare them. Beyond it readings are dropped, oldest first, and the
/// range is named in a record; what is no reading is refused when it alone fills the bound.
pub const JOURNAL_QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Failures in a row to read a part of a file while the disk works; then it counts as damaged.
pub const JOURNAL_UNREAD_TRIES: u32 = 5;
/// Wait between two of them at a start, in milliseconds: a card tries each some times by itself.
pub const JOURNAL_UNREAD_PAUSE_MS: u64 = 200;
/// After so long no further one is made at a start, in milliseconds: a kernel may try a sector for
/// minutes, and systemd ends a start after 15.
pub const JOURNAL_UNREAD_MS_MAX: u64 = 30_000;
/// Least quota, in bytes: the tables, a write-ahead log and some days of decisions.
/// A smaller one counts as this.
pub const JOURNAL_QUOTA_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// First and longest wait before a failed commit is tried again, in milliseconds; it doubles.
/// A card that was pulled or a disk that was full is back in use at most 10 s late.
pub const JOURNAL_RETRY_MS_MIN: u64 = 100;
/// See [`JOURNAL_RETRY_MS_MIN`].
pub const JOURNAL_RETRY_MS_MAX: u64 = 10_000;
/// Damaged files kept for a person to look at; the oldest goes. Each may be as large as the quota.
pub const JOURNAL_DAMAGED_KEPT_MAX: usize = 2;
/// Pause between two steps of retention by age, in milliseconds: ten minutes of a wrong clock cost
/// one file of 16 MB.
pub const JOURNAL_AGE_STEP_MS: u64 = 600_000;
/// Shortest and longest time that records are kept, in milliseconds: a day, and a hundred years.
pub const JOURNAL_KEEP_MS_MIN: u64 = 24 * 3600 * 1000;
/// See [`JOURNAL_KEEP_MS_MIN`].
pub const JOURNAL_KEEP_MS_MAX: u64 = 36_500 * JOURNAL_KEEP_MS_MIN;
/// Bytes that must be free before the index of a database is made where blocks are small: twice
/// what SQLite makes at first.
pub const JOURNAL_INDEX_BYTES: u64 = 64 << 10;
/// Rows that one step of retention deletes: about 10 ms on a Pi 3, between two commits.
pub const JOURNAL_TRIM_ROWS: u32 = 2000;
/// Most pages of 4 KB in the write-ahead log between two checkpoints, and at most an eighth of the
/// quota. More would make the log larger and its checkpoint longer, less would sync more often.
pub const JOURNAL_WAL_PAGES: u64 = 1000;
/// Page cache of the writer, in KB. The working set is the right edge of one tree and some small
/// tables; SQLite's own default of 2 MB would be a seventh of the agent's memory.
pub const JOURNAL_CACHE_KB: u32 = 512;
/// Sequences reserved at a time in `journal.seq`, so that none is used twice even when the database
/// is lost. At 100 records a second the file is written once in three hours.
pub const JOURNAL_SEQ_RESERVE: u64 = 1_000_000;
/// The stored time floor follows the trusted clock in steps of this many milliseconds: an own page
/// in each commit would double what a quiet board writes. The last records close the difference.
pub const JOURNAL_FLOOR_STEP_MS: i64 = 60_000;
/// Records at the end that are looked at when the journal opens: twice the largest step of the
/// floor at some records a second. More would cost opening time.
pub const JOURNAL_OPEN_RECORDS: u32 = 1000;
/// Most rows of last steps, modes, holds, pulses and effects that were believed anew: five for each
/// actuator that a configuration can have; and one for each sensor that fell silent. More (names
/// that are gone) lose the oldest at the next start.
pub const JOURNAL_LATEST_ROWS_MAX: u32 = (5 * ACTUATORS_MAX + SENSORS_MAX) as u32
    + 2 * GOALS_MAX as u32
    + (MODELS_MAX + 2 * DERIVED_MAX + 2 * PARTNERS_MAX) as u32
    + (FILTERS_KEPT_MAX * (1 + FILTER_EFFECTS_MAX)) as u32;
/// Newest records among which a start looks for messages to actuators, for the limit an hour: an
/// hour of 48 readings a minute and as many other records, three times; 5 ms to pass over. Messages
/// beyond are forgotten.
pub const JOURNAL_SENT_RECORDS: u64 = 20_000;
/// Changes of device commands between two looks at the age and number of their ids. Looking costs a
/// walk over the table; until then it may be longer by so many.
pub const JOURNAL_FORGET_CHANGES: u32 = 256;
/// Longest wait for another process's short lock on the database, in milliseconds: a reader that
/// opens the file recovers the log under a lock. Beyond it the commit is tried again.
pub const JOURNAL_BUSY_MS: u64 = 1000;
/// Rows that a reader takes in one transaction: a longer one would keep the writer from
/// starting its write-ahead log anew.
pub const JOURNAL_READ_ROWS: u32 = 5000;
/// Blocks that a reader takes at a time, as above.
pub const JOURNAL_READ_BLOCKS: u32 = 256;
/// Most single faults that `log verify` names; the rest is in its counts.
pub const JOURNAL_REPORT_LINES_MAX: usize = 100;
/// Bytes of records that one block holds, one record more at most: what a reader unpacks at a time.
pub const JOURNAL_BLOCK_BYTES: usize = 256 * 1024;
/// Most bytes that a block unpacks to; more is damage. A single record is bounded by the agent far
/// below it.
pub const JOURNAL_BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of one file of the chain, and at most a sixteenth of the quota. Space comes back and
/// damage spreads by one file.
pub const JOURNAL_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Least of the same, for small quotas.
pub const JOURNAL_FILE_BYTES_MIN: u64 = 256 * 1024;
/// Blocks at the end of the chain that are unpacked when the journal opens: proof that the end is
/// whole, and where the time floor stands.
pub const JOURNAL_OPEN_BLOCKS: u32 = 8;
/// Free bytes of the file system below which readings are no longer stored: what is left belongs to
/// commands, decisions and to the rest of the system.
pub const JOURNAL_RESERVE_BYTES: u64 = 16 * 1024 * 1024;
/// Boots whose wall times can be repaired; of more the oldest is forgotten.
pub const JOURNAL_BOOTS_MAX: u32 = 1000;
/// Most bytes of the file that keeps an operator's choice of a model; a larger one is none of ours.
pub const CHOICE_BYTES_MAX: u64 = 64 * 1024;
/// Longest name or path of a model or adapter in a command, in bytes, as a path of the system.
pub const MODEL_NAME_BYTES_MAX: usize = 4096;
/// Decisions that `replay` computes again at a time: each waits in memory with its candidates, some
/// 10 KB. Half a year of a busy place.
pub const REPLAY_DECISIONS_MAX: usize = 20_000;
/// Decisions that `log query` joins with what the sensors said afterwards in one go: some hours of
/// a busy place, of 10 KB each; then the next so many.
pub const OUTCOMES_AT_ONCE_MAX: u64 = 2048;
/// Pause of `log tail -f` between two looks, in milliseconds: a person sees it as at once.
pub const JOURNAL_FOLLOW_MS: u64 = 200;
/// How long all readings are written after something that matters, in milliseconds: a minute shows
/// what came of it.
pub const THIN_AROUND_MS: u64 = 60_000;
/// How often what was not written is counted in an event, in milliseconds: once a day.
pub const THIN_TOLD_MS: u64 = 24 * 3600 * 1000;
/// A thinned sensor is written once in this time where nothing changes, in milliseconds.
pub const THIN_EVERY_MS_DEFAULT: u64 = 15 * 60 * 1000;
/// Most rows of a group of a Parquet file, which waits in memory; readers skip whole groups.
pub const PARQUET_GROUP_ROWS: usize = 100_000;
/// Most bytes of its texts: decisions are some KB each, and a board has 512 MB.
pub const PARQUET_GROUP_BYTES: usize = 16 << 20;

const _: () = assert!(JOURNAL_COMMIT_BYTES * 4 <= JOURNAL_QUEUE_BYTES_MAX);
const _: () = assert!(JOURNAL_BLOCK_BYTES * 4 <= JOURNAL_BLOCK_BYTES_MAX);
const _: () = assert!(JOURNAL_QUEUE_BYTES_MAX < JOURNAL_BLOCK_BYTES_MAX);
const _: () = assert!(JOURNAL_FILE_BYTES_MIN * 16 <= JOURNAL_QUOTA_BYTES_MIN);
const _: () = assert!(JOURNAL_RETRY_MS_MIN < JOURNAL_RETRY_MS_MAX);

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
/// Longest topic, in bytes; MQTT's own limit is 65,535 and nobody reads that. Longer is a fault.
pub const TOPIC_BYTES_MAX: usize = 512;
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

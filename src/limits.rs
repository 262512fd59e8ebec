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

// ---- link ----

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
/// Most commands that wait for a place in flight; more are refused with `QueueFull`.
pub const COMMANDS_WAITING_MAX: usize = 256;
/// Most topics of class `State` at a time; a new topic beyond is refused with `QueueFull`.
pub const STATE_TOPICS_MAX: usize = 512;
/// Most messages of class `Log` that wait; beyond, the oldest is dropped, reported and counted.
/// The journal has them all; the queue only bridges an outage.
pub const LOG_WAITING_MAX: usize = 1024;
/// Most payload bytes of class `Log` that wait: 1 MB of a process of 15 MB. As above.
pub const LOG_WAITING_BYTES_MAX: usize = 1024 * 1024;
/// Most `Acked` and `Lost` that nobody has taken; beyond, publishing is refused with `QueueFull`.
pub const ENDS_WAITING_MAX: usize = 4096;
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

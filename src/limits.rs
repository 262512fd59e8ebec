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
/// Most rows of last steps, modes, holds and pulses: four for each actuator that a configuration
/// can have. More (names that are gone) lose the oldest at the next start.
pub const JOURNAL_LATEST_ROWS_MAX: u32 = 4 * ACTUATORS_MAX as u32;
/// Changes of device commands between two looks at the age and number of their ids. Looking costs a
/// walk over the table; until then it may be longer by so many.
pub const JOURNAL_FORGET_CHANGES: u32 = 256;
/// Longest wait for another process's short lock on the database, in milliseconds: a reader that
/// opens the file recovers the log under a lock. Beyond it the commit is tried again.
pub const JOURNAL_BUSY_MS: u64 = 1000;
/// Rows that a reader takes in one transaction: a longer one would keep the writer from
/// starting its write-ahead log anew.
pub const JOURNAL_READ_ROWS: u32 = 5000;
/// Most single faults that `log verify` names; the rest is in its counts.
pub const JOURNAL_REPORT_LINES_MAX: usize = 100;
/// Pause of `log tail -f` between two looks, in milliseconds: a person sees it as at once.
pub const JOURNAL_FOLLOW_MS: u64 = 200;

const _: () = assert!(JOURNAL_COMMIT_BYTES * 4 <= JOURNAL_QUEUE_BYTES_MAX);
const _: () = assert!(JOURNAL_RETRY_MS_MIN < JOURNAL_RETRY_MS_MAX);

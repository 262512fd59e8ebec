//! Bounds of the way to the cloud: a part of [`limits`](super), in a file of its own for its
//! length.

use super::{
    ACK_STALL_MS, CLOSE_MS_MAX, IN_FLIGHT_FOR_COMMANDS, IN_FLIGHT_MAX, OUTGOING_BYTES_MAX,
};

/// Most destinations of records in a configuration, and cursors in the journal.
pub const CLOUDS_MAX: usize = 8;
/// Records of one message where the configuration names no number: some 10 KB, two seconds of a
/// line of 56 kbit/s.
pub const UPLINK_BATCH_RECORDS_DEFAULT: u32 = 1000;
/// Most records of one message; more is a fault of the configuration.
pub const UPLINK_BATCH_RECORDS_MAX: u32 = 10_000;
/// Most bytes of one message: AWS IoT Core takes 128 KB with its topic. A batch that is larger is
/// halved; a single record that is larger goes into quarantine.
pub const UPLINK_BATCH_BYTES_MAX: usize = 120_000;
/// Most bytes that the records of one message take in memory before they are packed.
pub const UPLINK_BATCH_MEMORY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How long records gather for a message where the configuration says nothing, in milliseconds: a
/// minute of a small place compresses to a tenth of single messages. Alarms do not wait.
pub const UPLINK_DELAY_MS_DEFAULT: u64 = 60_000;
/// Longest such time, in milliseconds: a day. Longer is a fault.
pub const UPLINK_DELAY_MS_MAX: u64 = 24 * 3600 * 1000;
/// Smallest budget of bytes a day: 10 KB, 300 KB a month, some alarms. Smaller is a fault.
pub const UPLINK_BUDGET_BYTES_MIN: u64 = 10_000;
/// Largest budget of bytes a day: 1 TB. Larger is a fault.
pub const UPLINK_BUDGET_BYTES_MAX: u64 = 1_000_000_000_000;
/// Part of the budget that only alarms may use: one in so many.
pub const UPLINK_BUDGET_ALARMS_PART: u64 = 10;
/// What a message costs beside topic and payload, in bytes: MQTT, its PUBACK, TCP and IP both ways.
pub const UPLINK_MESSAGE_BYTES: u64 = 100;
/// Shortest and longest keep-alive of a destination, in milliseconds: 5 s to 18 h, what MQTT can
/// say. Outside is a fault.
pub const UPLINK_KEEP_ALIVE_MS_MIN: u64 = 5_000;
/// See [`UPLINK_KEEP_ALIVE_MS_MIN`].
pub const UPLINK_KEEP_ALIVE_MS_MAX: u64 = 65_000_000;
/// Most messages on their way that nobody has acknowledged; then no more are sent.
pub const UPLINK_IN_FLIGHT_MAX: usize = 8;
/// Most bytes on their way that nobody has acknowledged, on the fastest line; less on a slow one.
pub const UPLINK_WINDOW_BYTES_MAX: usize = 512 * 1024;
/// Bytes on their way on a new line, and the least on any: one message always goes.
pub const UPLINK_WINDOW_BYTES_MIN: usize = 4 * 1024;
/// A message that took hardly longer than this above the shortest time of the line lets more be on
/// their way, in milliseconds; one that took four times as long halves it. It bounds how long an
/// alarm waits behind them.
pub const UPLINK_QUICK_MS: u64 = 2_000;
/// First wait for the answer to a probe, in milliseconds; it doubles up to `UPLINK_PROBE_MS_MAX`.
pub const UPLINK_PROBE_MS_MIN: u64 = 2_000;
/// Longest wait for the answer to a probe, in milliseconds: one small message in five minutes says
/// that a receiver is back, and costs a metered line nothing.
pub const UPLINK_PROBE_MS_MAX: u64 = 300_000;
/// Longest time without a word of the receiver while batches are on their way, in milliseconds.
/// Then the line is probed anew.
pub const UPLINK_STALL_MS: u64 = 30_000;
/// Records that a cursor moves before it is written again, once `UPLINK_CURSOR_MS_MIN` has passed.
/// After a pulled plug so many may be sent twice.
pub const UPLINK_CURSOR_RECORDS: u64 = 1000;
/// Least time between two writes of a cursor, in milliseconds: flash wears.
pub const UPLINK_CURSOR_MS_MIN: u64 = 5_000;
/// A cursor that has moved at all is written after this, in milliseconds.
pub const UPLINK_CURSOR_MS_MAX: u64 = 60_000;
/// Least time between two reports of the backlog, in milliseconds.
pub const UPLINK_BACKLOG_MS: u64 = 10_000;
/// Records that one look at the journal goes through, wanted or not: some tens of milliseconds on a
/// small board, in which no other destination's line is looked after.
pub const UPLINK_LOOK_RECORDS_MAX: u32 = 20_000;
/// Alarms that overtake at a time; of more the oldest go in their place.
pub const UPLINK_ALARMS_MAX: usize = 64;
/// Records in quarantine; of more the oldest entry is forgotten. The records stay in the journal.
pub const UPLINK_QUARANTINE_MAX: usize = 100;
/// Longest reason in quarantine, in characters; the rest is cut off.
pub const UPLINK_REASON_CHARS_MAX: usize = 300;
/// Breaks of the line at the same record before another one is tried in its place.
pub const UPLINK_SUSPECT_BREAKS: u32 = 3;
/// Breaks at the same record, others having passed, before it goes into quarantine.
pub const UPLINK_REFUSED_BREAKS: u32 = 5;
/// Alarms that overtook and were acknowledged, remembered until the cursor has passed them; of more
/// the oldest may overtake again.
pub const UPLINK_ALARMS_DONE_MAX: usize = 256;
/// Reads of the journal that may find damage in a row; then what can be read is sent without the
/// rest. A person is told of a journal that is away after as many.
pub const UPLINK_READ_FAULTS_MAX: u32 = 6;
/// Reads that one file may fail in a row while the disk takes new records; then it counts as
/// damaged. Some half an hour to an hour: a disk that is full, or away for a moment, is back.
pub const UPLINK_READ_FILE_FAULTS_MAX: u32 = 16;
/// Wait before a budget that was spent is looked at again, in milliseconds.
pub const UPLINK_BUDGET_LOOK_MS: u64 = 60_000;
/// Least records of a batch on a slow line, where there are so many: below, the head costs more.
pub const UPLINK_BATCH_RECORDS_LEAST: usize = 50;
/// Wait before a journal that could not be read is read again, in milliseconds; where it is away
/// it doubles up to `UPLINK_RETRY_MS_MAX`.
pub const UPLINK_RETRY_MS: u64 = 5_000;
/// See [`UPLINK_RETRY_MS`]: a disk that comes back is read five minutes later at most.
pub const UPLINK_RETRY_MS_MAX: u64 = 300_000;
/// Time between two looks at the kernel's routes while a destination has no line, in milliseconds:
/// two small files of `/proc`. A new route ends the link's pause.
pub const UPLINK_ROUTES_MS: u64 = 1_000;
/// Notices of all destinations that wait for the agent; more are only logged.
pub const UPLINK_NOTICES_MAX: usize = 16;
/// Spans of the day of one destination: night, lunch, evening and one more.
pub const CLOUD_HOURS_MAX: usize = 4;
/// Commands of all destinations that wait for the agent, which takes each within a millisecond;
/// what is more is held by its destination, `RECEIPTS_MAX` at most.
pub const UPLINK_COMMANDS_MAX: usize = 64;
/// Words of the agent that wait for one destination's hand, not for its line: status, states of
/// commands, approvals. One more is not said; the journal has it.
pub const UPLINK_WORDS_MAX: usize = 1024;
/// Longest wait at a stop until the states of the last commands are stored and can be said, in
/// milliseconds: some commits of a slow disk.
pub const UPLINK_LAST_WORDS_MS_MAX: u64 = 1_000;
/// Longest wait at a stop for the acknowledgement of what was sent, in milliseconds: some round
/// trips of a slow line. What is not acknowledged then comes again after the start.
pub const UPLINK_LAST_ACK_MS_MAX: u64 = 3_000;
/// Longest wait for the end of all destinations, in milliseconds: the last acknowledgements, their
/// farewells, and one read.
pub const UPLINK_CLOSE_MS_MAX: u64 = UPLINK_LAST_ACK_MS_MAX + CLOSE_MS_MAX + 1_000;
/// How long records gather for an object, where nothing is said, in milliseconds: a hundred objects
/// a day are cheap to ask for and to list.
pub const UPLINK_OBJECT_DELAY_MS_DEFAULT: u64 = 900_000;
/// Longest wait for a connection to what answers requests, in milliseconds: some round trips of a
/// slow line.
pub const UPLINK_CONNECT_MS_MAX: u64 = 10_000;
/// Longest time of a request, in milliseconds: 200 KB over 56 kbit/s take 30 s.
pub const UPLINK_REQUEST_MS_MAX: u64 = 60_000;
/// Requests that the line did not get through in time, since one that it did, before fewer records
/// are tried.
pub const UPLINK_SLOW_REQUESTS: u32 = 2;
/// Wait after a request that failed, in milliseconds; it doubles up to
/// `UPLINK_REQUEST_PAUSE_MS_MAX`, and a change of the kernel's routes ends it.
pub const UPLINK_REQUEST_PAUSE_MS_MIN: u64 = 1_000;
/// See [`UPLINK_REQUEST_PAUSE_MS_MIN`]: a store that is away for a day is asked
/// some 400 times.
pub const UPLINK_REQUEST_PAUSE_MS_MAX: u64 = 300_000;
/// Bytes of an answer that are read: a message of an error, or counts of what was rejected.
pub const UPLINK_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Records behind one that is not taken that are tried in its place, until one is taken: then it is
/// the record and not the collector. So many bad ones in a row are no record's fault.
pub const UPLINK_TRIALS_MAX: usize = 16;
/// Most bytes that a batch unpacks to at a receiver; more is refused.
pub const UPLINK_UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of messages that a receiver stores in one commit, one message more at most.
pub const RECEIVE_BYTES_AT_ONCE: usize = 2 * 1024 * 1024;
/// Messages that a receiver stores in one commit; mosquitto gives 20 at a time.
pub const RECEIVE_MESSAGES_AT_ONCE: usize = 64;

const _: () = assert!(UPLINK_BATCH_BYTES_MAX <= OUTGOING_BYTES_MAX);
const _: () = assert!(UPLINK_IN_FLIGHT_MAX <= IN_FLIGHT_MAX - IN_FLIGHT_FOR_COMMANDS);
const _: () = assert!(UPLINK_BATCH_MEMORY_BYTES_MAX * 4 <= UPLINK_UNPACKED_BYTES_MAX);
const _: () = assert!(UPLINK_STALL_MS >= ACK_STALL_MS);

//! Bounds of serial lines. Nothing else.

use super::FAULT_REPORT_INTERVAL_MS;

/// Most `[serial.<name>]` sections: more than a board has ports. More are a fault.
pub const SERIAL_LINES_MAX: usize = 16;
/// Longest name of a line, or of a sensor or actuator on a line, in bytes. Longer is a fault.
pub const LINE_NAME_BYTES_MAX: usize = 64;
/// Slowest and fastest `baud`, in bits a second, and the usual one: what Linux and USB converters
/// know. Outside is a fault; what a device cannot do is said when it is opened.
pub const BAUD_MIN: u32 = 50;
/// See [`BAUD_MIN`].
pub const BAUD_MAX: u32 = 4_000_000;
/// See [`BAUD_MIN`].
pub const BAUD_DEFAULT: u32 = 115_200;
/// Longest line of the text dialect, in bytes: a name, a value and room. A longer one is skipped
/// to its end and counted.
pub const SERIAL_TEXT_BYTES_MAX: usize = 512;
/// Bytes that one read takes from a line at most: five pauses' worth at 4,000,000 baud.
pub const SERIAL_READ_BYTES: usize = 16 * 1024;
/// Pause between two reads of one line, in milliseconds: at most 200 wake-ups a second, whatever
/// comes. At 921,600 baud 460 bytes gather meanwhile; the kernel keeps 4,096.
pub const SERIAL_READ_PAUSE_MS: u64 = 5;
/// Most words of one line that wait for the loop. At the bound the oldest of the same name goes, or
/// the oldest of all: what is newest wins, and each one is counted.
pub const SERIAL_WAITING_MAX: usize = 256;
/// Most words a second of one line that reach the loop, once `SERIAL_WAITING_MAX` at once are used
/// up: ten sensors at the fastest `every`. It bounds what a flood costs in rules and journal.
pub const SERIAL_WORDS_PER_SECOND: u32 = 1000;
/// Most events of all lines between their tasks and the loop; then the tasks wait.
pub const SERIAL_EVENTS_MAX: usize = 64;
/// Most `set`s of one line that wait to be written; a further one ends at once as not sent, and
/// its actuator is unknown.
pub const SERIAL_SETS_MAX: usize = 64;
/// Longest time that a line may take to accept what we write, in milliseconds: 256 bytes at 1,200
/// baud. Then it is closed and opened anew.
pub const SERIAL_WRITE_MS_MAX: u64 = 2_500;
/// Longest wait for a device to take what the kernel has of us before it is closed, in
/// milliseconds: two commands at 1200 baud. Below `SERIAL_OPEN_MS_MAX`, which bounds the closing.
pub const SERIAL_DRAIN_MS_MAX: u64 = 2_000;
/// Wait between two looks at that, in milliseconds: 5 bytes at 9600 baud.
pub const SERIAL_DRAIN_LOOK_MS: u64 = 5;
/// Longest wait for the kernel to open or to close a device, in milliseconds; then the attempt
/// counts as failed.
pub const SERIAL_OPEN_MS_MAX: u64 = 5_000;
/// Time between two heartbeats to a board, in milliseconds; a board may go to its safe state when
/// it misses some.
pub const SERIAL_HEARTBEAT_MS: u64 = 2_000;
/// A line that was opened and on which nothing was understood for so long is said once, in
/// milliseconds: half a minute, in which any board has said hello.
pub const SERIAL_MUTE_MS: u64 = 30_000;
/// First wait before a device is opened again, in milliseconds: what a USB hub needs to find it.
pub const SERIAL_BACKOFF_MS_MIN: u64 = 200;
/// Longest wait before a device is opened again, in milliseconds. Looking for a file costs little,
/// and a person who plugs it in again looks on.
pub const SERIAL_BACKOFF_MS_MAX: u64 = 10_000;
/// A line that lived this long sets the wait back to its first value, in milliseconds.
pub const SERIAL_STABLE_MS: u64 = 20_000;
/// Time between two reports of what was lost on a line, in milliseconds: as of other faults.
pub const SERIAL_REPORT_MS: u64 = FAULT_REPORT_INTERVAL_MS;
/// Most names on a line that nobody asks for and that are said by name; the rest is counted.
pub const SERIAL_UNKNOWN_SAID_MAX: usize = 8;

const _: () = assert!(SERIAL_BACKOFF_MS_MIN < SERIAL_BACKOFF_MS_MAX);
const _: () = assert!(2 * SERIAL_BACKOFF_MS_MAX <= SERIAL_STABLE_MS);

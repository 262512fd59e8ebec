//! Bounds of `outpost top`, of the socket that it looks through, and of what `run --json` prints.

/// Terminals that may look at a running agent at a time; one more is told so. Each costs the agent
/// a copy of its state twice a second.
pub const LOOKERS_MAX: usize = 8;
/// How long a terminal may not read before its place is given to others, in milliseconds: longer
/// than any line over SSH stands still and lives on.
pub const LOOKER_STALLED_MS: u64 = 30_000;
/// Longest line that is read from a running agent, in bytes: the state of 4,096 sensors and 512
/// actuators is below 1 MB. A longer one ends the connection.
pub const LOOK_LINE_BYTES_MAX: usize = 4 << 20;
/// Pause before a lost agent is looked for again, in milliseconds: a restart is seen as at once.
pub const LOOK_AGAIN_MS: u64 = 500;
/// After so long without a word the agent is said to be silent, in milliseconds. A sound one says
/// its state twice a second while somebody looks, and at least each 5 s where no sensor speaks.
pub const LOOK_SILENT_MS: u64 = 12_000;
/// Lines that wait to be drawn; while they are full the socket waits, and the agent drops states.
pub const LOOK_LINES_MAX: usize = 64;
/// Pause between two looks at the board's heat, memory and load, in milliseconds.
pub const LOOK_BOARD_MS: u64 = 5_000;
/// Decisions and events each that `outpost top` keeps; older ones are `outpost log query`'s.
pub const TOP_STORY_MAX: usize = 200;
/// Lines of a service's output that wait to be written, a few hundred bytes each: a second of the
/// busiest board. More are lost and counted.
pub const OUTPUT_LINES_MAX: usize = 1024;
/// How long the end of the program waits for what was said to be written, in milliseconds.
pub const OUTPUT_SETTLE_MS: u64 = 300;
/// Characters of a filter that is typed into `outpost top`; more are not taken.
pub const TOP_FILTER_MAX: usize = 40;

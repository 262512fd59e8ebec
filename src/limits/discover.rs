//! Bounds of what is believed of devices that announce themselves.

/// Bytes of one announcement. The bundles of real devices have up to 20 KB.
pub const DISCOVER_PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Announcements that are kept: a large house has some hundreds. Beyond, they are counted and left.
pub const DISCOVER_MESSAGES_MAX: usize = 4096;
/// Bytes of all announcements that are kept, with their topics: those of a large house have some
/// hundred thousand.
pub const DISCOVER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Parts of one announced device; more is no device.
pub const DISCOVER_PARTS_MAX: usize = 256;
/// Characters of a name or another word that is shown.
pub const DISCOVER_WORDS_MAX: usize = 64;
/// Milliseconds without another announcement after which all retained ones are here: a broker sends
/// them in one go.
pub const DISCOVER_QUIET_MS: u64 = 1000;
/// How often it is looked whether Home Assistant is to be told something else, in milliseconds: as
/// often as the state is copied while nobody looks.
pub const HOMEASSISTANT_LOOK_MS: u64 = 2_000;
/// Longest pause before a birth of Home Assistant is answered, in milliseconds, a random part of
/// it: it says so to every device at once.
pub const HOMEASSISTANT_BIRTH_MS_MAX: u64 = 10_000;
/// The longest that `outpost cmd` follows a command, in seconds: a day, as long as its last state
/// is kept on the bus.
pub const CMD_FOLLOW_S_MAX: u64 = 86_400;
/// The longest search, in seconds.
pub const DISCOVER_S_MAX: u64 = 600;
/// Longest answer to a question of `outpost init`, in bytes: a note of 400 and some more. What is
/// longer is read as two answers, of which the check refuses one.
pub const INIT_LINE_BYTES_MAX: u64 = 4096;
/// Longest unit that is taken out of an announcement, in characters: `imp. gal./min` has 13. What
/// is longer is no unit, and left out.
pub const UNIT_LETTERS_MAX: usize = 14;
/// So long an accepted device must be announced otherwise, or not at all, before that is said, in
/// milliseconds: who gives it another name takes it back and announces it anew.
pub const DISCOVER_SETTLE_MS: u64 = 10_000;
/// So long an accepted device must say that it is away before that is said, in milliseconds: a
/// restart of its bridge or an update of its own takes some minutes.
pub const DISCOVER_AWAY_MS: u64 = 300_000;
/// Least time between two new connections that watch accepted devices, in milliseconds.
pub const DISCOVER_RESUBSCRIBE_MS: u64 = 60_000;
/// Sensors and actuators that one sentence about their devices names; a bridge that goes takes all
/// of its devices with it.
pub const DISCOVER_SAID_MAX: usize = 8;
/// Sentences about devices that wait for the loop.
pub const DISCOVER_WORDS_WAIT_MAX: usize = 32;
/// Most nodes of Sparkplug B that one search asks for their births: each answers with hundreds of
/// metrics.
pub const SPARKPLUG_ASKED_MAX: usize = 64;

//! Every bound of the launcher and of its slots, with unit and reason.

/// Bytes of the state file. It holds a handful of short names; more is damage.
pub const STATE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a release's manifest: 64 files of at most 400 bytes each, with room.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 10;
/// Files of a release. A program, a configuration and some models and adapters are ten.
pub const RELEASE_FILES_MAX: usize = 64;
/// Bytes of a release as a whole: a 4 GB model and its program. More does not fit a board's card.
pub const RELEASE_BYTES_MAX: u64 = 8 << 30;
/// Characters of a release's id and of a file's name: they are parts of paths and of topics.
pub const NAME_CHARS_MAX: usize = 64;
/// Characters of a reason that is kept; longer ones are cut.
pub const REASON_CHARS_MAX: usize = 300;
/// Starts of a trial in one boot of the board. One crash may be chance, three are not.
pub const TRIAL_STARTS_PER_BOOT_MAX: u32 = 3;
/// Starts of a trial in all boots. The power may fail in a trial without fault of the release, but
/// a release that takes the whole board down must come to an end too.
pub const TRIAL_STARTS_MAX: u32 = 10;
/// How many times as long as the release before it one may take for its start. Caches are cold
/// after a power cut, and a newer program has a little more to do.
pub const TRIAL_START_FACTOR: u64 = 3;
/// Seconds for the start of a release where nobody knows what the one before it took.
pub const TRIAL_START_S_DEFAULT: u32 = 10;
/// Seconds for a start at most. Rules stand still meanwhile.
pub const TRIAL_START_S_MAX: u32 = 60;
/// Releases that are remembered as undone; beyond, the oldest is forgotten.
pub const UNDONE_MAX: usize = 16;
/// Bytes that stay free beside a release's: journal, state and the way back need a few.
pub const FREE_BYTES_MIN: u64 = 16 << 20;
/// Bytes kept aside, which become the state when the disk is full.
pub const RESERVE_BYTES: usize = 64 << 10;
/// Bytes that are copied at a time: the memory of a small board, not its page cache.
pub const COPY_BYTES: usize = 256 << 10;

const _: () = assert!(TRIAL_STARTS_PER_BOOT_MAX < TRIAL_STARTS_MAX);
const _: () = assert!(RESERVE_BYTES as u64 >= STATE_BYTES_MAX);

//! Bounds of updates on a board: a part of [`limits`](super), in a file of its own for its length.
//! Those of the slots themselves are the launcher's.

/// How long a release on trial must be well where the configuration says nothing, in milliseconds:
/// longer than the start of a model on a slow card, and than a crash that comes after 30 s.
pub const UPDATE_TRIAL_MS_DEFAULT: u64 = 120_000;
/// The shortest trial, in milliseconds: a place that only tries things out.
pub const UPDATE_TRIAL_MS_MIN: u64 = 1_000;
/// The longest, in milliseconds: an hour.
pub const UPDATE_TRIAL_MS_MAX: u64 = 3_600_000;
/// How long a release has to become well where the configuration says nothing, in milliseconds. A
/// modem that takes ten minutes to find its cell is no fault of a release.
pub const UPDATE_DEADLINE_MS_DEFAULT: u64 = 1_200_000;
/// The longest, in milliseconds: a day, as the launcher allows.
pub const UPDATE_DEADLINE_MS_MAX: u64 = 86_400_000;
/// What the kernel's alarm gives an orderly end on trial, in seconds: the hand-over to `safe` is
/// over by then, records are stored and acknowledged.
pub const UPDATE_END_S: u32 = 120;
/// What it gives the thread that keeps the slots on trial, in seconds: longer than a slow card
/// takes for one synced write.
pub const UPDATE_KEEPER_S: u32 = 30;
/// How long a program that finds its configuration wrong stays before it ends under a launcher, in
/// milliseconds: it is started again at once, and somebody has to mend the file meanwhile.
pub const CONFIG_PAUSE_MS: u64 = 10_000;
/// How often the state of the slots is looked at for a release that waits, in milliseconds.
pub const UPDATE_LOOK_MS: u64 = 1_000;
/// How often the agent's loop says on trial that it goes round, in milliseconds.
pub const UPDATE_PULSE_MS: u64 = 250;
/// Pulses in a row that may be missing on trial before the rules do not run: a second. Going back
/// takes most of another one, and rules must not stand still for longer than two. The loop waits
/// for nothing, so that a slow card does not hold it up.
pub const UPDATE_SILENT_PULSES_MAX: u32 = 4;
/// How long bus and mind must be as they are before that is written down, in milliseconds: it wears
/// the card, and a link that flaps is not how well a board is.
pub const UPDATE_BASELINE_MS: u64 = 60_000;
/// Messages between the agent and the thread that keeps the slots. Beyond, the newest ones are
/// dropped: the next look says the same again.
pub const UPDATE_NEWS_MAX: usize = 16;

/// Free bytes below which a trial fills the disk. There were 16 MB when it began; its own journal
/// takes a part of them.
pub const UPDATE_ROOM_BYTES_MIN: u64 = 8 << 20;

const _: () = assert!(UPDATE_ROOM_BYTES_MIN < outpost_launcher::limits::FREE_BYTES_MIN);
const _: () = assert!(UPDATE_TRIAL_MS_DEFAULT < UPDATE_DEADLINE_MS_DEFAULT);
const _: () = assert!(UPDATE_TRIAL_MS_MAX < UPDATE_DEADLINE_MS_MAX);
/// Bytes of a root, snapshot or timestamp at most: some keys and versions, with room for ten teams.
pub const TRUST_ROLE_BYTES_MAX: u64 = 256 << 10;
/// Bytes of the list of targets at most: ten thousand files.
pub const TRUST_TARGETS_BYTES_MAX: u64 = 4 << 20;
/// Root files that are followed in one go: one a month for twenty years.
pub const TRUST_ROOTS_MAX: u64 = 256;
/// Longest time for all metadata together, in milliseconds: 5 MB on a line of 384 kbit/s. One that
/// gives a byte a minute is an attack or of no use.
pub const TRUST_LOAD_MS_MAX: u64 = 120_000;
/// Bytes of a document of rollouts at most: as many as may be, with all their labels and steps.
pub const ROLLOUT_BYTES_MAX: u64 = 256 << 10;
/// Rollouts that a document has at most: what is over gives way to what is new.
pub const ROLLOUTS_MAX: usize = 16;
/// Steps of a rollout at most.
pub const ROLLOUT_STEPS_MAX: usize = 32;
/// Seconds that a step lasts at most: 90 days.
pub const ROLLOUT_WAIT_S_MAX: u64 = 7_776_000;
/// Labels of a board, and of a rollout.
pub const LABELS_MAX: usize = 16;
/// Bytes of a label's key or value: a word, not a text.
pub const LABEL_BYTES_MAX: usize = 63;
/// How often a board looks for a rollout where the configuration says nothing, in milliseconds: a
/// timestamp of 1 kB each time, 0.7 MB a month.
pub const UPDATE_EVERY_MS_DEFAULT: u64 = 3_600_000;
/// The shortest time between two looks, in milliseconds: a place that only tries things out.
pub const UPDATE_EVERY_MS_MIN: u64 = 1_000;
/// The longest, in milliseconds: a week.
pub const UPDATE_EVERY_MS_MAX: u64 = 604_800_000;
/// A file of a repository goes into a store of objects in parts of so many bytes, a whole one where
/// it is smaller: a part is in memory, and 10,000 of them are the most of S3.
pub const UPLOAD_PART_BYTES: u64 = 10 << 20;
/// How long one who changes a repository waits for another one, in milliseconds: signing takes some
/// milliseconds, the copy of a large file some seconds.
pub const REPOSITORY_LOCK_MS_MAX: u64 = 10_000;
/// How often it looks meanwhile, in milliseconds.
pub const REPOSITORY_LOOK_MS: u64 = 20;
/// How long an operator's word waits for one who takes another release just now, in milliseconds:
/// one who follows a rollout gives way after the attempt that it is in, 75 s at most
/// (`PULL_CONNECT_TIMEOUT` and twice `PULL_READ_TIMEOUT`), or once its slot is filled.
pub const TAKER_WAIT_MS_MAX: u64 = 120_000;
/// How often it looks meanwhile, in milliseconds.
pub const TAKER_LOOK_MS: u64 = 50;
/// Silence after which all retained reports of a fleet have come, in milliseconds.
pub const REPORTS_QUIET_MS: u64 = 1_500;
/// How long they are waited for where there is no silence, in milliseconds: those of ten thousand
/// boards, 3 MB, come over 400 kbit/s in that time.
pub const REPORTS_MS_MAX: u64 = 60_000;
/// How often a rollout is judged at least, in milliseconds, and at most where reports come in.
pub const CAMPAIGN_LOOK_MS: u64 = 1_000;
/// Letters of the reason why a rollout was stopped.
pub const ROLLOUT_REASON_CHARS_MAX: usize = 500;
/// How long `outpost fleet status` waits for the broker, in milliseconds.
pub const FLEET_STATUS_MS_MAX: u64 = 20_000;
/// Boards that share a connection in a simulation: a process has some thousand files at most.
pub const SIMULATE_BOARDS_A_LINE: usize = 50;
/// Boards of a simulation at most.
pub const SIMULATE_BOARDS_MAX: u64 = 100_000;
/// How often the boards of a simulation are looked after, in milliseconds.
pub const SIMULATE_TICK_MS: u64 = 20;
/// How long all boards have for their first report, in milliseconds.
pub const SIMULATE_START_MS_MAX: u64 = 120_000;
/// The smallest budget of a day for files of releases, in bytes: a program in a month.
pub const UPDATE_BUDGET_BYTES_MIN: u64 = 100_000;
/// The largest, in bytes: a model of some billion parameters.
pub const UPDATE_BUDGET_BYTES_MAX: u64 = 100_000_000_000;
/// Window of the compression of a delta, as a power of two of bytes: 8 MB, which a board of 512 MB
/// can spare beside what runs.
pub const DELTA_WINDOW_LOG: u32 = 23;
/// Level of it: made once, on a laptop.
pub const DELTA_LEVEL: i32 = 19;
/// Files below that are sent whole, in bytes.
pub const DELTA_BYTES_MIN: u64 = 64 << 10;
/// How long boards that are told to look wait at most, in milliseconds, so that they do not all
/// look in one second: as the usual period does it.
pub const UPDATE_SPREAD_MS_MAX: u64 = 60_000;
/// How often a hawkBit server is asked until it has said how often, in milliseconds, and after it
/// has said nothing that can be read.
pub const HAWKBIT_EVERY_MS_DEFAULT: u64 = 60_000;
/// The shortest time between two questions, in milliseconds, whatever the server says.
pub const HAWKBIT_EVERY_MS_MIN: u64 = 1_000;
/// The longest, in milliseconds: a day. A board that is told to come back in a year would be lost.
pub const HAWKBIT_EVERY_MS_MAX: u64 = 86_400_000;
/// How long a board that has begun nothing waits at most before its first question, in
/// milliseconds: boards whose power comes back together do not ask in one second.
pub const HAWKBIT_FIRST_MS_MAX: u64 = 5_000;
/// How often is looked whether an update that hawkBit waits for has ended, in milliseconds.
pub const HAWKBIT_LOOK_MS: u64 = 1_000;
/// Longest time for a question and its answer, in milliseconds.
pub const HAWKBIT_ANSWER_MS_MAX: u64 = 30_000;
/// Bytes of an answer at most: a deployment with some hundred files.
pub const HAWKBIT_ANSWER_BYTES_MAX: u64 = 256 << 10;
/// Letters of what is told at most: what a message there may have.
pub const HAWKBIT_TOLD_CHARS_MAX: usize = 500;
/// Bytes of a tenant, a controller id or an action's id.
pub const HAWKBIT_NAME_BYTES_MAX: usize = 256;

//! Bounds of an operator's plain words, and of what a question about the past is answered from.

/// Longest sentence of an `ask` command, in bytes. Beyond: rejected; an order is a line.
pub const ASK_BYTES_MAX: usize = 500;
/// Most parts of such a sentence of which one may be the order, the others beside it; each run of
/// them is read, 36 at most. Beyond: it is refused as a whole.
pub const ASK_PARTS_MAX: usize = 8;
/// Most comparisons of a word with a name that this may cost; beyond, as where the configuration
/// has hundreds of names, the sentence is read as a whole only. Rules wait for it: it is the cost
/// of reading one sentence where there are as many sensors as there may be.
pub const ASK_FITS_MAX: usize = 100_000;
/// Moves that are remembered of each actuator, for questions about one of them: a day or two of a
/// busy one. Beyond: the oldest is dropped, and the answer names the journal for what was before.
/// Some 200 bytes each; where all 512 actuators are that busy, 6 MB.
pub const MOVES_KEPT_MAX: usize = 64;
/// How far a move may be from the moment that is asked about, in milliseconds: half an hour, since
/// who says an hour means the nearest one. Beyond: there was none then, and the nearest is named.
pub const MOVE_NEAR_MS: i64 = 30 * 60 * 1000;
/// The same where it is said how long ago it was: such a part of that. Nobody remembers ten hours
/// ago as well as ten minutes ago.
pub const MOVE_NEAR_PART: f64 = 0.25;
/// Newest records of the audit database among which a start looks for moves: some weeks of a quiet
/// place, a day of a busy one, some ten megabytes to pass over. Moves beyond are only in the
/// journal, which the answer says.
pub const JOURNAL_MOVES_RECORDS: u32 = 5_000;

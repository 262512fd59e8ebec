//! Bounds of what is made of an operator's notes at run time.

/// Most devices that a note's wish is among; each pair may become a preference.
pub const NOTE_DEVICES_MAX: usize = 4;
/// Longest time that the mind may take to read a note, in milliseconds: a minute. Nobody waits for
/// it but the one who wrote it, and decisions go first.
pub const NOTE_READ_MS_MAX: u64 = 60_000;
/// How long what was made of a note waits for a person, in milliseconds: a day. Longer than a
/// command to a device, since the place does not move on under it. After a start as long again.
pub const PROPOSAL_MS_MAX: u64 = 24 * 3600 * 1000;
/// Most of these that wait at once; the oldest is settled as expired.
pub const PROPOSALS_MAX: usize = 16;
/// Priority of the mind's questions about a note: after every decision, before the API's.
pub const MIND_PRIORITY_NOTE: u8 = 96;
/// Most sensors of which a situation hears in one event: a few microseconds each.
pub const NOTE_SENSORS_STEP: usize = 100;

//! Bounds of derived sensors that remember.

/// Values of the day in one expression. More are a fault of the configuration.
pub const FORMULA_DAYS_MAX: usize = 8;
/// Sensors that are compared with others of the same thing, in all groups together: each has a
/// record an hour. Groups beyond are joined and not compared.
pub const PARTNERS_MAX: usize = 256;
/// How often it is written down how they usually stand, in milliseconds: that changes within days.
pub const PARTNERS_WRITTEN_MS: u64 = 3_600_000;
/// How often what a day has made so far is written down, in milliseconds: a crash costs an integral
/// at most this much of its day.
pub const TODAY_WRITTEN_MS: u64 = 300_000;

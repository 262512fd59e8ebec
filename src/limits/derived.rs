//! Bounds of derived sensors that remember.

/// Values of the day in one expression. More are a fault of the configuration.
pub const FORMULA_DAYS_MAX: usize = 8;
/// How often what a day has made so far is written down, in milliseconds: a crash costs an integral
/// at most this much of its day.
pub const TODAY_WRITTEN_MS: u64 = 300_000;

//! Bounds of identities: a part of [`limits`](super), in a file of its own for its length.

/// Largest file of certificates, in bytes: our own with those above it.
pub const CERTIFICATE_BYTES_MAX: u64 = 64 << 10;
/// Days that a board's certificate is good for where nobody says otherwise: it is renewed once a
/// year, by hand or by itself.
pub const CERTIFICATE_DAYS_DEFAULT: i64 = 365;
/// Most days of a certificate: as long as the authority itself.
pub const CERTIFICATE_DAYS_MAX: i64 = 7_300;
/// Days of an authority: twenty years, longer than the boards that believe it.
pub const AUTHORITY_DAYS: i64 = 7_300;
/// How long one who answers boards waits where the authority cannot be used, in milliseconds: a
/// drawer that is closed, a disk that is full.
pub const AUTHORITY_AGAIN_MS: u64 = 10_000;
/// A certificate counts from so many seconds before it was made: clocks of boards and brokers that
/// are behind must not refuse it.
pub const CERTIFICATE_BEFORE_S: i64 = 86_400;
/// How often a running agent looks whether a certificate runs out, in milliseconds. Where it does
/// it asks each time: the answer may have come while the board was away.
pub const IDENTITY_LOOK_MS: u64 = 3_600_000;
/// How long it stays at the broker for the answer, in milliseconds: a retained one comes at once,
/// and one who signs at this moment takes some seconds.
pub const IDENTITY_ANSWER_MS_MAX: u64 = 60_000;
/// How long a broker has to accept a new certificate, in milliseconds, before the old one stays.
pub const IDENTITY_TRIAL_MS_MAX: u64 = 30_000;
/// A certificate asks for the next one when less than one part of so many of its time is left: four
/// months of a year, so that somebody who signs once a quarter is in time.
pub const IDENTITY_DUE_PARTS: i64 = 3;
/// It is a warning when less than one part of so many is left: six weeks of a year.
pub const IDENTITY_WARN_PARTS: i64 = 9;

//! Bounds of backups: a part of [`limits`](super), in a file of its own for its length.

/// Sequences that a restored journal passes over: the old board may have gone on after the backup,
/// and no (device, sequence) is used twice. Four years of a busy place.
pub const RESTORE_SEQ_AHEAD: u64 = 100_000_000;
/// Largest file beside the journal that a backup holds, in bytes: configurations and certificates.
pub const BACKUP_FILE_BYTES_MAX: u64 = 4 << 20;
/// Largest file of the journal that a backup holds, in bytes: the audit database is a part of the
/// journal's quota, which few set higher; files of the chain are far smaller.
pub const BACKUP_JOURNAL_BYTES_MAX: u64 = 1 << 30;
/// Files of a backup at most: a chain of a large journal, and what the configuration names.
pub const BACKUP_FILES_MAX: usize = 4096;

//! The journal: everything that the agent saw, decided and did, on disk, in order.
//!
//! - `record`: frozen, versioned stored forms; `json`: the same for people and programs
//! - `store`: the SQLite file, what a start needs to know, damage, quota
//! - `writer`: one thread, group commit, memory while the disk fails
//! - `query`: reading it while the agent runs
//!
//! Above all, what never happens here: no record that was reported as stored is lost by a crash, no
//! state of the disk stops the agent or makes it wait, and nothing read from the disk is trusted.

mod json;
mod query;
mod record;
mod store;
mod writer;

pub use json::{
    boot_hex, decision_json, record_json, rfc3339, setting_json, step_word, value_json,
};
pub use query::{Filter, QueryError, Reader, Report};
pub use record::{DecodeError, Kind, Record, Stamp};
pub use store::{
    JournalError, Options, Restored, Store, StoreBackend, StoredCommand, StoredSend, StoredStep,
};
pub use writer::{Full, Journal, JournalEvent, Listener, open};

/// Name of the database in the journal's folder.
pub const DATABASE: &str = "journal.sqlite";

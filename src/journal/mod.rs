//! The journal: everything that the agent saw, decided and did, on disk, in order.
//!
//! - `record`: frozen, versioned stored forms; `json`: the same for people and programs
//! - `block`: the records of one commit as one compressed block
//! - `store`: the chain of block files, the audit database, damage, quota
//! - `writer`: one thread, group commit, memory while the disk fails
//! - `query`, `verify`: reading and proving it while the agent runs
//!
//! Above all, what never happens here: no record that was reported as stored is lost by a crash, no
//! state of the disk stops the agent or makes it wait, and nothing read from the disk is trusted.

mod block;
mod json;
mod newest;
mod query;
mod record;
mod store;
mod verify;
mod writer;

pub use json::{
    boot_hex, decision_json, record_json, rfc3339, setting_json, step_word, value_json,
};
pub(crate) use query::Seen;
pub use query::{Filter, QueryError, Reader, Size};
pub use record::{DecodeError, Kind, Record, Stamp};
pub(crate) use record::{trust_code, trust_from_code};
pub use store::{
    JournalError, Keep, Link, Lost, Options, Restored, Store, StoreBackend, StoredCommand,
    StoredHold, StoredSend, StoredStep,
};
pub(crate) use store::{is_damage, is_unread};
pub use verify::{AuditReport, Report};
pub use writer::{Cursors, Full, Journal, JournalEvent, Listener, open};

/// Name of the audit database in the journal's folder.
pub const DATABASE: &str = "journal.sqlite";

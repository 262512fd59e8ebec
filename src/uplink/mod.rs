//! The uplink: the journal's records to their destinations, whenever there is a line.
//!
//! - `batch`: the frozen form of a message; `source`: reading the journal; `flow`: what is on its
//!   way and what is acknowledged; `book`: what every destination keeps
//! - `sender`: a broker at work; `poster`: whatever answers each request, a store of
//!   `objects` or a collector of `otlp`; `thread`: all of them
//! - `budget`, `notes`, `suspect`: bytes a day, what must be remembered, records that nobody takes
//! - `remote`: operators behind a destination: their commands, and what they are told
//! - `receive`: the reference receiver, into SQLite
//!
//! It reads the journal by its own connections, on a thread of its own: neither the writer nor the
//! agent ever waits for a line. Above all, what never happens here: a cursor that passes a record
//! which the destination has not acknowledged (one in quarantine, said and named, excepted), and
//! anything that waits for the network at a start.

pub mod batch;
pub mod budget;
pub mod flow;
pub mod notes;
pub mod receive;
pub mod remote;
pub mod source;
pub mod suspect;

mod alarms;
mod book;
mod objects;
mod otlp;
mod poster;
mod routes;
mod sender;
#[cfg(test)]
mod tests_site;
mod thread;
mod word;

pub(crate) use objects::client as store_client;
pub use remote::{FromCloud, Remote, Word as RemoteWord};
pub use thread::{News, Notice, Setup, Uplink, spawn};
pub use word::Word;

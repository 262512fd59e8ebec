//! The board that the program runs on: profiles (`profile`, `raw`), which of them this machine is
//! (`recognise`), what its processor can do (`processor`), what its memory allows (`limit`), and
//! how much the mind may take of it just now (`governor`, `senses`, `watch`).
//!
//! Everything of `/sys` and `/proc` is read through one folder (`root`). What must never be here:
//! decisions about the place; anything that stops a rule or an interlock.

mod governor;
mod limit;
mod processor;
mod profile;
mod raw;
mod recognise;
mod root;
mod senses;
mod watch;

pub use governor::{Change, Governor};
pub use limit::{Stream, streamed, tokens_per_second};
pub use processor::{Fit, Processor, fit};
pub use profile::{
    Bandwidth, BandwidthKind, Limits, MindDefaults, Profile, ProfileError, Profiles, Thermal,
};
pub use recognise::{Recognised, recognise, serial_ports};
pub use root::Root;
pub use senses::{Senses, sense};
pub use watch::watch;

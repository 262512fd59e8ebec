//! The board that the program runs on: profiles (`profile`, `raw`), which of them this machine is
//! (`recognise`), what its processor can do (`processor`), and what its memory allows (`limit`).
//!
//! Everything of `/sys` and `/proc` is read through one folder (`root`). What must never be here:
//! decisions about the place; anything that stops a rule or an interlock.

mod limit;
mod processor;
mod profile;
mod raw;
mod recognise;
mod root;

pub use limit::{Stream, streamed, tokens_per_second};
pub use processor::{Fit, Processor, fit};
pub use profile::{
    Bandwidth, BandwidthKind, Limits, MindDefaults, Profile, ProfileError, Profiles, Thermal,
};
pub use recognise::{Recognised, recognise};
pub use root::Root;

//! Configuration: what TOML says (`raw`), what it means (`checked`), where it comes from (`load`).
//! No agent logic and no I/O but reading the configuration's own files.

mod checked;

pub use checked::*;

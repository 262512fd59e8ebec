//! To come.

pub mod catalog;
pub mod gguf;
pub mod stamp;

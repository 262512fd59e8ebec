//! To come.

pub mod catalog;
pub mod gguf;
pub mod pull;
pub mod quantize;
pub mod stamp;

//! Bindings of ggml and llama.cpp: raw functions, their structs and the link flags, nothing else.
//!
//! Two kinds of function are here: those of `llama.h` and `ggml.h` that cannot throw, and the
//! `outpost_*` functions of `shim.h`, which wrap those that can and return a status with a copied
//! message. A C++ exception through a C frame would end the process, so what can throw is not
//! bound directly. What must never be here: safe wrappers, policy, allocation (`src/mind/ggml.rs`
//! of the package `outpost` has those). How to move to a newer source: `UPGRADE.md`.

#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)] // C's own names

#[allow(missing_docs, clippy::all, clippy::undocumented_unsafe_blocks)] // generated
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use bindings::*;

/// Registry package and version that the source came from, for `outpost version`.
pub const SOURCE: &str = env!("OUTPOST_GGML_SOURCE");

/// What `OUTPOST_CPU` said at build time (see `build.rs`), or its default.
pub const CPU: &str = env!("OUTPOST_GGML_CPU");

/// Most sequences that a context can have; `LLAMA_MAX_SEQ` of a header that is not public.
/// A test compares it with [`llama_max_parallel_sequences`].
pub const LLAMA_MAX_SEQ: usize = 256;

#[cfg(test)]
mod tests;

//! The mind: a small language model that scores the candidates of a decision.
//!
//! It never writes a command (design §1). [`score`] reads a prompt and says how well each
//! candidate continues it, [`questions`] makes typed answers of that, [`notes`] asks it only what
//! arithmetic leaves open, [`mod@write`] writes texts for people and for the API; [`remember`]
//! knows what was asked before, [`calibrate`] how sure the model may be of itself. [`ggml`] is the
//! fence around the C library and the only place with `unsafe`; [`process`] is the body of the
//! child process `outpost mind` and [`client`] its supervisor on the agent's side, with
//! [`protocol`] between them; [`registry`] keeps several for the API. Files are found by
//! [`catalog`] and [`adapters`], fetched by [`pull`], made smaller by [`quantize`], joined by
//! [`merge`] and checked by [`gguf`] before the library sees them. What must never be here:
//! decisions about the place, guards, topics.

pub mod adapters;
pub mod calibrate;
pub mod catalog;
pub mod client;
pub mod ggml;
pub mod gguf;
pub mod merge;
pub mod notes;
pub mod process;
pub mod protocol;
pub mod pull;
pub mod quantize;
pub mod questions;
pub mod registry;
pub mod remember;
pub mod score;
pub mod stamp;
pub mod write;

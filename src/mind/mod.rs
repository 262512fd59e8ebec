//! The mind: a small language model that scores the candidates of a decision.
//!
//! It never writes a command (design §1). [`score`] reads a prompt and says how well each
//! candidate continues it; [`ggml`] is the fence around the C library and the only place with
//! `unsafe`; [`process`] is the body of the child process `outpost mind` and [`client`] its
//! supervisor on the agent's side, with [`protocol`] between them. What must never be here:
//! decisions about the place, guards, topics.

pub mod client;
pub mod ggml;
pub mod process;
pub mod protocol;
pub mod score;

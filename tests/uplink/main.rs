//! The uplink against a real mosquitto and the real receiver, over lines that break, stall and
//! creep: what was stored arrives, once, in order.
//!
//! `OUTPOST_LINE_CYCLES`, `OUTPOST_LINE_UP_S` and `OUTPOST_LINE_DOWN_S` stretch the slices that run
//! by themselves to the whole campaign (`make line`).
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/proxy.rs"]
mod proxy;

mod agent;
mod backlog;
mod line;
mod objects;
mod otlp;
mod shaped;
mod site;
mod words;

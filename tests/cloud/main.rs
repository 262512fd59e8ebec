//! The uplink against servers of other people, real ones, that fail in the midst: what was stored
//! arrives. `make test-cloud` brings the servers and says where they are.
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../uplink/site.rs"]
mod site;

mod nats;
mod otlp;
mod s3;

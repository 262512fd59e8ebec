//! The whole program, as its users have it: the real binary on a real mosquitto, with the
//! configuration of a place that is not ours (`place.rs`: a cold room), watched from outside.
//!
//! `OUTPOST_LONG=1` stretches the broker's absence to two minutes. `OUTPOST_LOG` chooses what the
//! agents log; the end of a log is shown where a test fails.
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/tree.rs"]
mod tree;

#[path = "../common/proxy.rs"]
#[allow(dead_code, reason = "the tests of the uplink cut lines, these count bytes")]
mod proxy;
#[path = "../common/pty.rs"]
mod pty;
#[path = "../common/python.rs"]
mod python;
#[path = "../common/ranges.rs"]
mod ranges;

mod agent;
mod bus;
mod place;

mod absence;
mod backup;
mod bad;
mod board;
mod book;
mod cloud;
mod commands;
mod dataset;
mod derived;
mod discover;
mod ends;
mod escalate;
mod files;
mod goals;
mod hawkbit;
mod homeassistant;
mod http;
mod identity;
mod init;
mod kills;
mod launched;
mod metrics;
mod mind;
mod modbus;
mod model;
mod names;
mod notes;
mod outage;
mod package;
mod page;
mod payloads;
mod replay;
mod rollout;
mod serial;
mod several;
mod simulate;
mod sparkplug;
mod stalled;
mod support;
mod top;
mod update;
mod walk;
mod words;

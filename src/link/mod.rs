//! The bus (topics, the MQTT client, the embedded broker), and beside it the serial lines and the
//! sources that are asked.
//!
//! Nothing here knows what a message means. Nothing here decides, and nothing outside this folder
//! spells a topic of the device or speaks MQTT.

pub mod asked;
pub mod broker;
pub mod client;
pub mod serial;
pub mod sparkplug;
pub mod topics;

mod backoff;
mod connect;
mod gate;
mod outbox;
mod receipts;
mod session;
mod wanted;
mod wire;

pub use client::{
    Class, Closed, Counters, Endpoint, LinkConfig, LinkConfigError, LinkEvent, LinkHandle,
    Outgoing, Pace, PublishError, Will, spawn,
};

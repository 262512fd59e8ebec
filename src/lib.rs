//! Outpost: the agent that lives on the device.
//!
//! One program reads sensors, keeps a model of the place, pursues the operator's goals and acts
//! through MQTT devices. `ARCHITECTURE.md` is the map; this file only lists the rooms.

pub mod agent;
pub mod backup;
pub mod bench;
pub mod board;
pub mod causes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod discover;
pub mod disk;
pub mod domain;
pub mod escalate;
pub mod expr;
pub mod fleet;
pub mod homeassistant;
pub mod identity;
pub mod journal;
pub mod limits;
pub mod link;
pub mod live;
pub mod metrics;
pub mod mind;
pub mod output;
pub mod pause;
pub mod plant;
pub mod runtime;
pub mod support;
pub mod update;
pub mod uplink;
pub mod web;

//! Configuration: what TOML says (`raw`), where it stands (`source`), what it means (`check`,
//! `checked`), where it comes from (`load`). No agent logic and no I/O but reading the
//! configuration's own files.

mod announced;
mod band;
mod check;
mod checked;
mod cloud;
mod escalate;
mod fault;
mod files;
mod hawkbit;
mod homeassistant;
mod http;
mod line;
mod load;
mod modbus;
mod part;
mod raw;
mod secret;
mod shared;
mod source;
mod sparkplug;

pub use announced::{Announced, Part};
pub use band::{Band, DAY_MINUTES, REACH_HELD_MINUTES, band_at};
pub(crate) use check::size;
pub use check::{
    broker_of, duration_of, goal_from_json, goal_said, goal_to_json, note_said, preference_said,
    preference_to_json, rule_said, rule_to_json, told,
};
pub use checked::*;
pub use cloud::*;
pub use escalate::Escalate;
pub use fault::{Fault, Faults, Strictness, Warning};
pub use files::Files;
pub use hawkbit::{HawkBit, HawkBitToken};
pub use homeassistant::HomeAssistant;
pub use http::Http;
pub use line::Line;
pub use load::{DEFAULT_PATH, LoadError, from_bytes, from_text, from_text_on, load, load_with};
pub use modbus::*;
pub use part::AgentPart;
pub use secret::secret;
pub use shared::Shared;
pub use sparkplug::Sparkplug;

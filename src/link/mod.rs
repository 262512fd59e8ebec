//! The bus: topics, the MQTT client and the embedded broker.
//!
//! Nothing here knows what a message means. Nothing here decides, and nothing outside this folder
//! spells a topic of the device or speaks MQTT.

pub mod topics;

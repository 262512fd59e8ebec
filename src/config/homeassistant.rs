//! `[homeassistant]` as it was checked.

/// Outpost as a device in Home Assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeAssistant {
    /// First levels of the topics that Home Assistant finds devices by.
    pub prefix: String,
}

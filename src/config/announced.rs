//! `announced` of sensors and actuators: which of a device's announcements each was accepted from.
//! No I/O.

use crate::domain::{ActuatorId, SensorId};

/// A sensor or an actuator that was accepted from an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Which.
    pub part: Part,
    /// Topic of the announcement.
    pub topic: String,
}

/// A sensor or an actuator of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A sensor.
    Sensor(SensorId),
    /// An actuator.
    Actuator(ActuatorId),
}

//! Expressions of rules, interlocks and conditions: CEL, typed against the configuration, with the
//! unknown as a third truth value (design §4). No I/O, no clock: an [`Environment`] answers.

use crate::domain::{ActuatorId, SensorId, Value};
use std::time::Duration;

/// What an expression may look at. `None` is the unknown.
pub trait Environment {
    /// The sensor's value; `None` where it never spoke, is stale or out of range.
    fn sensor(&self, id: SensorId) -> Option<Value>;
    /// The actuator's value as text or number; `None` where it is not confirmed.
    fn actuator(&self, id: ActuatorId) -> Option<Value>;
    /// Time since the sensor's last believed reading, or since the agent's start if it never spoke.
    fn age(&self, id: SensorId) -> Duration;
    /// Local hour of the day with minutes as fraction, 0 to 24; `None` until the clock is trusted.
    fn hour(&self) -> Option<f64>;
    /// Local day of the week, Monday 1 to Sunday 7; `None` until the clock is trusted.
    fn weekday(&self) -> Option<f64>;
}

/// The end of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It depends on something unknown.
    Unknown,
}

/// A checked condition.
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
}

impl Expression {
    /// The text as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
    /// Actuators that it names, each once, in order of their ids.
    #[must_use]
    pub fn actuators(&self) -> &[ActuatorId] {
        &[]
    }
    /// Sensors that it names, each once, in order of their ids.
    #[must_use]
    pub fn sensors(&self) -> &[SensorId] {
        &[]
    }
    /// Its truth in an environment. Pure; at most `EXPRESSION_BYTES_MAX` operations.
    pub fn truth(&self, environment: &dyn Environment) -> Truth {
        let _ = environment;
        Truth::Unknown
    }
}

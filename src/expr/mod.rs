//! Expressions of rules, interlocks, conditions and derived sensors: CEL, typed against the
//! configuration, with the unknown as a third truth value (design §4). No I/O, no clock: an
//! [`Environment`] answers.
//!
//! The `cel` crate only parses. Its syntax tree is converted by our own walk into a small typed
//! tree, because `cel` checks no types (`pump == 3` is silently false), does not mix integers with
//! floats and has no third truth value. What is not converted is refused when the configuration is
//! read, never at run time.

mod convert;
mod formula;
mod names;
mod nearest;
mod parse;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use crate::domain::{ActuatorId, SensorId, Value};
use std::time::Duration;

use convert::{Root, Wanted};
pub use formula::Formula;
pub use names::{Names, RESERVED, is_reserved};
pub(crate) use nearest::nearest;
pub use tree::Day;

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
    /// The sensor drifts away from others of the same thing: what joins them leaves it out.
    fn drifts(&self, _id: SensorId) -> bool {
        false
    }
    /// What the day has made of the number in a slot of a derived sensor's formula; `None`: it is
    /// not known, or there is no such memory here.
    fn today(&self, _slot: usize) -> Option<f64> {
        None
    }
}

/// The words of one moment without a clock: no word is old, and neither hour nor day is known. For
/// those who ask what a condition is by some words alone.
pub struct Still<S, A> {
    /// What a sensor says.
    pub sensor: S,
    /// What an actuator is set to.
    pub actuator: A,
}

impl<S, A> Environment for Still<S, A>
where
    S: Fn(SensorId) -> Option<Value>,
    A: Fn(ActuatorId) -> Option<Value>,
{
    fn sensor(&self, id: SensorId) -> Option<Value> {
        (self.sensor)(id)
    }

    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        (self.actuator)(id)
    }

    fn age(&self, _: SensorId) -> Duration {
        Duration::ZERO
    }

    fn hour(&self) -> Option<f64> {
        None
    }

    fn weekday(&self) -> Option<f64> {
        None
    }
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

impl From<Option<bool>> for Truth {
    fn from(known: Option<bool>) -> Truth {
        match known {
            Some(true) => Truth::True,
            Some(false) => Truth::False,
            None => Truth::Unknown,
        }
    }
}

/// An expression that was refused, worded for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExprError {
    /// Line within the expression, from 1.
    pub line: usize,
    /// Column within the line, in characters, from 1.
    pub column: usize,
    /// What was found and what is allowed.
    pub message: String,
    /// True where the only cause is a name whose own declaration is faulty
    /// ([`Names::add_faulty`]): the person has already been told.
    pub follows_from_other: bool,
    /// The name whose meaning must be known first ([`Names::add_later`]).
    pub waits_for: Option<String>,
}

/// A checked condition: every name exists, every type fits, its depth and size are bounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    source: String,
    root: tree::Bools,
    sensors: Vec<SensorId>,
    actuators: Vec<ActuatorId>,
    depends_on_time: bool,
}

impl Expression {
    /// Parses and checks a condition.
    ///
    /// # Errors
    /// [`ExprError`] for the first thing that is wrong: too long or too deep, not CEL, a part of
    /// CEL that is not taken here, an unknown name, types that do not fit, a word that an actuator
    /// can never have, or a whole that is not a yes or no.
    pub fn compile(source: &str, names: &Names) -> Result<Expression, ExprError> {
        let converted = parse::compile(source, names, Wanted::Condition)?;
        let Root::Bool(root) = converted.root else {
            return Err(parse::at(source, 0, "a condition is a yes or no".into()));
        };
        Ok(Expression {
            source: source.to_owned(),
            root,
            sensors: converted.sensors.into_iter().collect(),
            actuators: converted.actuators.into_iter().collect(),
            depends_on_time: converted.depends_on_time,
        })
    }

    /// The text as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Actuators that it names, each once, in order of their ids.
    #[must_use]
    pub fn actuators(&self) -> &[ActuatorId] {
        &self.actuators
    }

    /// Sensors that it names, inside `age` too, each once, in order of their ids.
    #[must_use]
    pub fn sensors(&self) -> &[SensorId] {
        &self.sensors
    }

    /// True where its truth can change by the passing of time alone: `hour`, `weekday` or `age`.
    /// (A sensor that goes stale changes any expression that names it.)
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.depends_on_time
    }

    /// Its truth in an environment. Pure; at most `EXPRESSION_BYTES_MAX` operations.
    pub fn truth(&self, environment: &dyn Environment) -> Truth {
        self.root.truth(environment).into()
    }
}

/// Parses and checks a condition; see [`Expression::compile`].
///
/// # Errors
/// As [`Expression::compile`].
pub fn compile(source: &str, names: &Names) -> Result<Expression, ExprError> {
    Expression::compile(source, names)
}

//! Values that sensors give and settings that actuators take. Nothing here reads or sends them.

use std::fmt;

/// A sensor, as its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorId(pub u16);

/// An actuator, as its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActuatorId(pub u16);

/// What a sensor said, after scale, offset and map.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A finite number in the sensor's unit.
    Number(f64),
    /// A yes or no.
    Bool(bool),
    /// A word, at most `TEXT_VALUE_BYTES_MAX` bytes.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => write!(f, "{number}"),
            Value::Bool(yes) => write!(f, "{yes}"),
            Value::Text(text) => f.write_str(text),
        }
    }
}

/// A number with so many digits behind the point, and without the minus of a nought.
#[must_use]
pub fn figure(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// What an actuator is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A switch that is on, a pulse that runs.
    On,
    /// A switch that is off, a pulse that has ended.
    Off,
    /// A level between the actuator's `min` and `max`.
    Level(f64),
    /// One of a choice's options.
    Choice(String),
}

impl Setting {
    /// The value that expressions see: text for switch, pulse and choice, a number for a level.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Setting::On => Value::Text("on".into()),
            Setting::Off => Value::Text("off".into()),
            Setting::Level(level) => Value::Number(*level),
            Setting::Choice(option) => Value::Text(option.clone()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::On => f.write_str("on"),
            Setting::Off => f.write_str("off"),
            Setting::Level(level) => write!(f, "{level}"),
            Setting::Choice(option) => f.write_str(option),
        }
    }
}

/// Why a message was not believed. Counted and reported, never used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// Not JSON where a `field` is asked for, or JSON deeper than `JSON_DEPTH_MAX`.
    NotJson,
    /// The `field` is not in the payload.
    FieldMissing,
    /// Not of the sensor's type: text for a number, an object, an unknown word.
    WrongType,
    /// NaN or infinite.
    NotFinite,
    /// Outside the sensor's `range`, or faster there than its `max_rate` allows.
    OutOfRange,
    /// Longer than `TEXT_VALUE_BYTES_MAX` or than the bus's `max_packet`.
    TooLong,
}

impl FaultKind {
    /// The fault in a few words, for events and the journal.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            FaultKind::NotUtf8 => "not UTF-8",
            FaultKind::NotJson => "not JSON",
            FaultKind::FieldMissing => "field missing",
            FaultKind::WrongType => "wrong type",
            FaultKind::NotFinite => "not a finite number",
            FaultKind::OutOfRange => "outside the range",
            FaultKind::TooLong => "too long",
        }
    }
}

/// A fault with what was found, shortened and safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind.
    pub kind: FaultKind,
    /// What was found, at most some dozen printable characters.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn a_nought_has_no_minus() {
        let all = [(-0.04, 1), (-0.0, 0), (-0.06, 1), (0.0, 2), (-12.34, 1), (-0.4, 0)];
        let said = all.map(|(number, digits)| figure(number, digits));
        assert_eq!(said, ["0.0", "0", "-0.1", "0.00", "-12.3", "0"]);
    }
}

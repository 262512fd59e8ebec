//! The names that an expression may use, with their types. Nothing here parses or evaluates.

use std::collections::HashMap;

use super::nearest;
use crate::config::{Actuator, ActuatorKind, Sensor, SensorKind};
use crate::domain::{ActuatorId, SensorId};

/// Words that mean something in an expression, or that CEL keeps for itself; no sensor or actuator
/// can have such a name.
pub const RESERVED: &[&str] = &[
    "hour",
    "weekday",
    "age",
    "abs",
    "min",
    "max",
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// True for a word of [`RESERVED`].
#[must_use]
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// A sensor and the type of its value.
    Sensor(SensorId, SensorKind),
    /// An actuator; its values are one of these words.
    Words(ActuatorId, Vec<String>),
    /// An actuator; its value is a number.
    Level(ActuatorId),
    /// Declared, but its declaration is faulty.
    Faulty,
    /// A derived sensor whose expression is not checked yet.
    Later,
    /// An actuator, where only sensors have a place.
    OutOfPlace,
}

/// Sensors and actuators by name.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_name: HashMap<String, Meaning>,
    in_order: Vec<String>,
}

impl Names {
    /// No names yet.
    #[must_use]
    pub fn new() -> Names {
        Names::default()
    }

    /// The names of a checked configuration, where ids are places.
    #[must_use]
    pub fn of(sensors: &[Sensor], actuators: &[Actuator]) -> Names {
        let mut names = Names::new();
        for (id, sensor) in (0..).zip(sensors) {
            names.add_sensor(&sensor.name, SensorId(id), sensor.kind);
        }
        for (id, actuator) in (0..).zip(actuators) {
            names.add_actuator(&actuator.name, ActuatorId(id), &actuator.kind);
        }
        names
    }

    /// Adds a sensor. The first of two with one name stays.
    pub fn add_sensor(&mut self, name: &str, id: SensorId, kind: SensorKind) {
        self.add(name, Meaning::Sensor(id, kind));
    }

    /// Adds an actuator. The first of two with one name stays.
    pub fn add_actuator(&mut self, name: &str, id: ActuatorId, kind: &ActuatorKind) {
        let meaning = match kind {
            ActuatorKind::Switch | ActuatorKind::Pulse { .. } => {
                Meaning::Words(id, vec!["on".into(), "off".into()])
            }
            ActuatorKind::Level { .. } => Meaning::Level(id),
            ActuatorKind::Choice { options } => Meaning::Words(id, options.clone()),
        };
        self.add(name, meaning);
    }

    /// Adds a name whose declaration is faulty, so that its type is not known. An expression that
    /// uses it is refused with [`super::ExprError::follows_from_other`].
    pub fn add_faulty(&mut self, name: &str) {
        self.add(name, Meaning::Faulty);
    }

    /// Adds a name whose meaning follows; an expression that uses it before is refused with
    /// [`super::ExprError::waits_for`].
    pub fn add_later(&mut self, name: &str) {
        self.add(name, Meaning::Later);
    }

    /// Adds an actuator's name that nothing may use until the actuator itself is added.
    pub fn add_out_of_place(&mut self, name: &str) {
        self.add(name, Meaning::OutOfPlace);
    }

    fn add(&mut self, name: &str, meaning: Meaning) {
        match self.by_name.get_mut(name) {
            Some(known @ (Meaning::Later | Meaning::OutOfPlace)) => *known = meaning,
            Some(_) => {}
            None => {
                self.by_name.insert(name.to_owned(), meaning);
                self.in_order.push(name.to_owned());
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Meaning> {
        self.by_name.get(name)
    }

    /// The declared name nearest to a mistyped one.
    pub(super) fn nearest(&self, found: &str) -> Option<&str> {
        nearest(found, self.usable().chain(["hour", "weekday"]))
    }

    fn usable(&self) -> impl Iterator<Item = &str> {
        let in_place = |name: &&String| self.by_name.get(*name) != Some(&Meaning::OutOfPlace);
        self.in_order.iter().filter(in_place).map(String::as_str)
    }

    /// Some names, for a message that says what is allowed.
    pub(super) fn some(&self) -> String {
        const SHOWN: usize = 8;
        let mut shown: Vec<&str> = self.usable().take(SHOWN).collect();
        if self.usable().nth(SHOWN).is_some() {
            shown.push("...");
        }
        shown.extend(["hour", "weekday"]);
        shown.join(", ")
    }
}

//! A value made of sensors: what a derived sensor says. No actuator has a place in it, so that an
//! interlock on a derived sensor depends on no command that is under way.

use super::convert::{Root, Wanted};
use super::tree::{Bools, Day, Numbers};
use super::{Environment, ExprError, Names, parse};
use crate::config::SensorKind;
use crate::domain::{SensorId, Value};

/// A checked value: every name exists, every type fits, its depth and size are bounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    source: String,
    root: Kind,
    sensors: Vec<SensorId>,
    depends_on_time: bool,
    days: Vec<(Day, Numbers)>,
    partners: Vec<Vec<SensorId>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Number(Numbers),
    Bool(Bools),
}

impl Formula {
    /// Parses and checks a value.
    ///
    /// # Errors
    /// As [`super::Expression::compile`], and where it is a text or names an actuator.
    pub fn compile(source: &str, names: &Names) -> Result<Formula, ExprError> {
        let converted = parse::compile(source, names, Wanted::Value)?;
        if !converted.actuators.is_empty() {
            return Err(parse::at(source, 0, "a value is made of sensors, not actuators".into()));
        }
        Ok(Formula {
            source: source.to_owned(),
            root: match converted.root {
                Root::Number(numbers) => Kind::Number(numbers),
                Root::Bool(bools) => Kind::Bool(bools),
            },
            sensors: converted.sensors.into_iter().collect(),
            depends_on_time: converted.depends_on_time,
            days: converted.days,
            partners: converted.partners,
        })
    }

    /// The text as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it gives.
    #[must_use]
    pub fn kind(&self) -> SensorKind {
        match self.root {
            Kind::Number(_) => SensorKind::Number,
            Kind::Bool(_) => SensorKind::Bool,
        }
    }

    /// Sensors that it names, inside `age` too, each once, in order of their ids.
    #[must_use]
    pub fn sensors(&self) -> &[SensorId] {
        &self.sensors
    }

    /// True where its value can change by the passing of time alone.
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.depends_on_time
    }

    /// Sensors that one function joins, each group in order of their ids: they mean the same.
    pub fn partners(&self) -> impl Iterator<Item = &[SensorId]> {
        self.partners.iter().map(Vec::as_slice)
    }

    /// How many values of the day it has, each with a slot of its own.
    #[must_use]
    pub fn days(&self) -> usize {
        self.days.len()
    }

    /// What the day makes of the number in a slot.
    #[must_use]
    pub fn day(&self, slot: usize) -> Day {
        self.days.get(slot).map_or(Day::Integral, |(day, _)| *day)
    }

    /// The numbers that the day makes something of, by slot, as they are now.
    #[must_use]
    pub fn of_now(&self, environment: &dyn Environment) -> Vec<Option<f64>> {
        self.days.iter().map(|(_, number)| number.number(environment)).collect()
    }

    /// Its value in an environment, a number always finite; `None`: it depends on something
    /// unknown. Pure; at most `EXPRESSION_BYTES_MAX` operations.
    pub fn value(&self, environment: &dyn Environment) -> Option<Value> {
        match &self.root {
            Kind::Number(numbers) => numbers.number(environment).map(Value::Number),
            Kind::Bool(bools) => bools.truth(environment).map(Value::Bool),
        }
    }
}

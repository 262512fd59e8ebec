//! The typed tree of an expression and its evaluation. One enum for each type, so that a tree that
//! exists has no type error. No panic, no loop without a bound; `None` is the unknown.

use std::borrow::Cow;

use super::Environment;
use crate::domain::{ActuatorId, SensorId, Value};

/// A yes or no.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bools {
    Constant(bool),
    Sensor(SensorId),
    Not(Box<Bools>),
    All(Vec<Bools>),
    Any(Vec<Bools>),
    /// Equal as yes or no; `true` in the second place: unequal.
    Same(Box<(Bools, Bools)>, bool),
    Compare(Order, Box<(Numbers, Numbers)>),
    SameText(Box<(Texts, Texts)>, bool),
    NumberIn(Box<Numbers>, Vec<f64>),
    TextIn(Box<Texts>, Vec<String>),
    TextHas(Part, Box<(Texts, Texts)>),
    If(Box<(Bools, Bools, Bools)>),
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    Constant(f64),
    Sensor(SensorId),
    Level(ActuatorId),
    Age(SensorId),
    Hour,
    Weekday,
    Negative(Box<Numbers>),
    Of(Function, Box<Numbers>),
    Pair(Arithmetic, Box<(Numbers, Numbers)>),
    If(Box<(Bools, Numbers, Numbers)>),
    /// Of those that are known.
    Middle(Middle, Vec<Numbers>),
    /// What the day has made of a number so far: the place of its memory, and the number.
    Today(usize, Box<Numbers>),
}

/// A text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Texts {
    Constant(String),
    Sensor(SensorId),
    Actuator(ActuatorId),
    If(Box<(Bools, Texts, Texts)>),
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is made of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Least,
    Greatest,
}

/// What is made of several numbers that mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Middle {
    Mean,
    Median,
}

/// What a day makes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// Its sum over time, in hours of it.
    Integral,
    /// The least that it was.
    Least,
    /// The greatest.
    Greatest,
}

/// What is made of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Absolute,
    SquareRoot,
    /// To the base e.
    Logarithm,
    /// Of the base e.
    Power,
}

/// Where in a text another one is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Start,
    End,
    Anywhere,
}

impl Bools {
    /// Kleene's logic: an operand that decides alone decides, whatever the unknown ones are.
    pub(super) fn truth(&self, environment: &dyn Environment) -> Option<bool> {
        match self {
            Bools::Constant(yes) => Some(*yes),
            Bools::Sensor(id) => match environment.sensor(*id) {
                Some(Value::Bool(yes)) => Some(yes),
                _ => None,
            },
            Bools::Not(inner) => inner.truth(environment).map(|yes| !yes),
            Bools::All(parts) => decided_by(false, parts, environment),
            Bools::Any(parts) => decided_by(true, parts, environment),
            Bools::Same(pair, negated) => {
                let (left, right) = (pair.0.truth(environment)?, pair.1.truth(environment)?);
                Some((left == right) != *negated)
            }
            Bools::Compare(order, pair) => {
                let (left, right) = (pair.0.number(environment)?, pair.1.number(environment)?);
                Some(order.holds(left, right))
            }
            Bools::SameText(pair, negated) => {
                let (left, right) = (pair.0.text(environment)?, pair.1.text(environment)?);
                Some((left == right) != *negated)
            }
            Bools::NumberIn(item, list) => {
                let item = item.number(environment)?;
                Some(list.contains(&item))
            }
            Bools::TextIn(item, list) => {
                let item = item.text(environment)?;
                Some(list.iter().any(|word| *word == item))
            }
            Bools::TextHas(part, pair) => {
                let (text, wanted) = (pair.0.text(environment)?, pair.1.text(environment)?);
                Some(match part {
                    Part::Start => text.starts_with(&*wanted),
                    Part::End => text.ends_with(&*wanted),
                    Part::Anywhere => text.contains(&*wanted),
                })
            }
            Bools::If(parts) => choose(
                parts.0.truth(environment),
                || parts.1.truth(environment),
                || parts.2.truth(environment),
            ),
        }
    }
}

/// `all` and `any`: `decider` in one part is the answer, else unknown if any part is unknown.
fn decided_by(decider: bool, parts: &[Bools], environment: &dyn Environment) -> Option<bool> {
    let mut answer = Some(!decider);
    for part in parts {
        match part.truth(environment) {
            Some(yes) if yes == decider => return Some(decider),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

/// The branch that the condition chooses. Unknown condition: what both branches agree on.
fn choose<T: PartialEq>(
    condition: Option<bool>,
    yes: impl FnOnce() -> Option<T>,
    no: impl FnOnce() -> Option<T>,
) -> Option<T> {
    match condition {
        Some(true) => yes(),
        Some(false) => no(),
        None => {
            let (yes, no) = (yes()?, no()?);
            (yes == no).then_some(yes)
        }
    }
}

impl Numbers {
    /// The value, always finite: a division by zero, the logarithm of less than nothing, an
    /// overflow and a sensor that says NaN are unknown.
    pub(super) fn number(&self, environment: &dyn Environment) -> Option<f64> {
        let number = match self {
            Numbers::Constant(number) => *number,
            Numbers::Sensor(id) => as_number(environment.sensor(*id))?,
            Numbers::Level(id) => as_number(environment.actuator(*id))?,
            Numbers::Age(id) => environment.age(*id).as_secs_f64(),
            Numbers::Hour => environment.hour()?,
            Numbers::Weekday => environment.weekday()?,
            Numbers::Negative(inner) => -inner.number(environment)?,
            Numbers::Of(function, inner) => function.apply(inner.number(environment)?),
            Numbers::Pair(arithmetic, pair) => {
                let (left, right) = (pair.0.number(environment)?, pair.1.number(environment)?);
                arithmetic.apply(left, right)
            }
            Numbers::If(parts) => choose(
                parts.0.truth(environment),
                || parts.1.number(environment),
                || parts.2.number(environment),
            )?,
            Numbers::Middle(middle, parts) => {
                let drifts =
                    |part: &&Numbers| part.sensor().is_some_and(|id| environment.drifts(id));
                let sound = parts.iter().filter(|part| !drifts(part));
                let sound: Vec<_> = sound.filter_map(|part| part.number(environment)).collect();
                if sound.is_empty() {
                    let known = parts.iter().filter_map(|part| part.number(environment));
                    middle.of(known.collect())?
                } else {
                    middle.of(sound)?
                }
            }
            Numbers::Today(slot, inner) => {
                // Of what is unknown now nobody knows what the day has made.
                inner.number(environment)?;
                environment.today(*slot)?
            }
        };
        number.is_finite().then_some(number)
    }
}

impl Numbers {
    /// The sensor that it is, and nothing else.
    pub(super) fn sensor(&self) -> Option<SensorId> {
        match self {
            Numbers::Sensor(id) => Some(*id),
            _ => None,
        }
    }
}

fn as_number(value: Option<Value>) -> Option<f64> {
    match value {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    }
}

impl Texts {
    fn text<'a>(&'a self, environment: &dyn Environment) -> Option<Cow<'a, str>> {
        match self {
            Texts::Constant(text) => Some(Cow::Borrowed(text)),
            Texts::Sensor(id) => as_text(environment.sensor(*id)),
            Texts::Actuator(id) => as_text(environment.actuator(*id)),
            Texts::If(parts) => choose(
                parts.0.truth(environment),
                || parts.1.text(environment),
                || parts.2.text(environment),
            ),
        }
    }
}

fn as_text(value: Option<Value>) -> Option<Cow<'static, str>> {
    match value {
        Some(Value::Text(text)) => Some(Cow::Owned(text)),
        _ => None,
    }
}

impl Order {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Order::Equal => left == right,
            Order::Unequal => left != right,
            Order::Less => left < right,
            Order::LessOrEqual => left <= right,
            Order::Greater => left > right,
            Order::GreaterOrEqual => left >= right,
        }
    }
}

impl Arithmetic {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
            Arithmetic::Least => left.min(right),
            Arithmetic::Greatest => left.max(right),
        }
    }
}

impl Middle {
    /// `None` where there is none of them.
    fn of(self, mut numbers: Vec<f64>) -> Option<f64> {
        let count = numbers.len();
        match self {
            _ if count == 0 => None,
            Middle::Mean => Some(numbers.iter().sum::<f64>() / count as f64),
            Middle::Median => {
                numbers.sort_by(f64::total_cmp);
                let (low, high) = (numbers.get((count - 1) / 2)?, numbers.get(count / 2)?);
                Some(low + (high - low) / 2.0)
            }
        }
    }
}

impl Function {
    fn apply(self, number: f64) -> f64 {
        match self {
            Function::Absolute => number.abs(),
            Function::SquareRoot => number.sqrt(),
            Function::Logarithm => number.ln(),
            Function::Power => number.exp(),
        }
    }
}

//! The walk over CEL's syntax tree: checks names and types and builds the typed tree. What it does
//! not know it refuses, saying what is allowed; nothing is ignored.

mod derived;

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, Expr, ListExpr, LiteralValue, SourceInfo, operators};
use cel::parser::Expression as Node;

use super::names::Meaning;
use super::parse::{at, too_deep};
use super::tree::{Arithmetic, Bools, Day, Numbers, Order, Part, Texts};
use super::words::{
    Described, FUNCTIONS, Typed, arithmetic, computed, constant, day, function, is_constant,
    middle, named, numbers, order, shortened, sign,
};
use super::{ExprError, Names};
use crate::config::SensorKind;
use crate::domain::{ActuatorId, SensorId};
use crate::limits::EXPRESSION_DEPTH_MAX;

/// What the whole of an expression may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A yes or no.
    Condition,
    /// A number or a yes or no.
    Value,
}

/// What the whole is.
pub(super) enum Root {
    Bool(Bools),
    Number(Numbers),
}

/// What the walk gives.
pub(super) struct Converted {
    pub root: Root,
    pub sensors: BTreeSet<SensorId>,
    pub actuators: BTreeSet<ActuatorId>,
    pub depends_on_time: bool,
    /// What the day makes of which numbers, by slot.
    pub days: Vec<(Day, Numbers)>,
    /// Sensors that one function joins, group by group.
    pub partners: Vec<Vec<SensorId>>,
}

/// Converts a whole expression.
pub(super) fn convert(
    source: &str,
    root: &Node,
    info: &SourceInfo,
    names: &Names,
    wanted: Wanted,
) -> Result<Converted, ExprError> {
    let mut walk = Walk {
        source,
        info,
        names,
        wanted,
        sensors: BTreeSet::new(),
        actuators: BTreeSet::new(),
        depends_on_time: false,
        days: Vec::new(),
        partners: Vec::new(),
    };
    let part = walk.part(root, 0)?;
    let root = match (part.typed, wanted) {
        (Typed::Bool(bools), _) => Root::Bool(bools),
        (Typed::Number(numbers), Wanted::Value) => Root::Number(numbers),
        (_, Wanted::Condition) => {
            let is = part.is;
            let message = format!("a condition is a yes or no; {is}, compare it with something");
            return Err(walk.error(part.id, message));
        }
        (Typed::Text(..), Wanted::Value) => {
            let message = format!("a value is a number or a yes or no; {}", part.is);
            return Err(walk.error(part.id, message));
        }
    };
    Ok(Converted {
        root,
        sensors: walk.sensors,
        actuators: walk.actuators,
        depends_on_time: walk.depends_on_time,
        days: walk.days,
        partners: walk.partners,
    })
}

struct Walk<'a> {
    source: &'a str,
    info: &'a SourceInfo,
    names: &'a Names,
    wanted: Wanted,
    sensors: BTreeSet<SensorId>,
    actuators: BTreeSet<ActuatorId>,
    depends_on_time: bool,
    days: Vec<(Day, Numbers)>,
    partners: Vec<Vec<SensorId>>,
}

impl Walk<'_> {
    fn error(&self, id: u64, message: String) -> ExprError {
        let offset = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        at(self.source, offset, message)
    }

    fn part(&mut self, node: &Node, depth: usize) -> Result<Described, ExprError> {
        if depth > EXPRESSION_DEPTH_MAX {
            return Err(self.error(node.id, too_deep()));
        }
        match &node.expr {
            Expr::Literal(literal) => self.literal(node.id, literal),
            Expr::Ident(name) => self.name(node.id, name),
            Expr::Call(call) => self.call(node.id, call, depth + 1),
            Expr::List(_) => {
                Err(self
                    .error(node.id, "a list stands only behind `in`: pump in ['on', 'off']".into()))
            }
            Expr::Select(select) => Err(self.error(
                node.id,
                format!(
                    "`.{}` is not known here; sensors and actuators have no parts",
                    select.field
                ),
            )),
            Expr::Comprehension(_) => Err(self.error(
                node.id,
                "`all`, `exists`, `map` and `filter` are not taken here; name each sensor".into(),
            )),
            Expr::Map(_) | Expr::Struct(_) => {
                Err(self.error(node.id, "maps and structures are not taken here".into()))
            }
            Expr::Unspecified => {
                Err(self.error(node.id, "the expression is incomplete; a value is missing".into()))
            }
        }
    }

    fn literal(&self, id: u64, literal: &LiteralValue) -> Result<Described, ExprError> {
        let number = match literal {
            LiteralValue::Boolean(yes) => {
                let yes = *yes.inner();
                return Ok(Described {
                    typed: Typed::Bool(Bools::Constant(yes)),
                    is: format!("`{yes}` is a yes or no"),
                    name: format!("`{yes}`, a yes or no"),
                    id,
                });
            }
            LiteralValue::String(text) => {
                let text = text.inner();
                return Ok(Described {
                    typed: Typed::Text(Texts::Constant(text.to_owned()), None),
                    is: format!("'{}' is a text", shortened(text)),
                    name: format!("the text '{}'", shortened(text)),
                    id,
                });
            }
            // CEL's integers become numbers like all others; beyond 2^53 the nearest one.
            LiteralValue::Int(number) => *number.inner() as f64,
            LiteralValue::UInt(number) => *number.inner() as f64,
            LiteralValue::Double(number) => *number.inner(),
            LiteralValue::Bytes(_) => {
                return Err(
                    self.error(id, "bytes are not taken here; write a text 'like this'".into())
                );
            }
            LiteralValue::Null => {
                return Err(self.error(
                    id,
                    "there is no `null`: what is unknown makes the condition unknown by itself; \
                     for a silent sensor compare age(\"sensor\")"
                        .into(),
                ));
            }
        };
        if !number.is_finite() {
            return Err(self.error(id, "the number is too large".into()));
        }
        Ok(constant(number, id))
    }

    fn name(&mut self, id: u64, name: &str) -> Result<Described, ExprError> {
        let time = match name {
            "hour" => Some(Numbers::Hour),
            "weekday" => Some(Numbers::Weekday),
            _ => None,
        };
        if let Some(numbers) = time {
            self.depends_on_time = true;
            return Ok(named(id, name, Typed::Number(numbers)));
        }
        let typed = match self.names.get(name) {
            Some(Meaning::Sensor(sensor, kind)) => {
                self.sensors.insert(*sensor);
                match kind {
                    SensorKind::Number => Typed::Number(Numbers::Sensor(*sensor)),
                    SensorKind::Bool => Typed::Bool(Bools::Sensor(*sensor)),
                    SensorKind::Text => Typed::Text(Texts::Sensor(*sensor), None),
                }
            }
            Some(Meaning::Words(actuator, words)) => {
                self.actuators.insert(*actuator);
                Typed::Text(Texts::Actuator(*actuator), Some(words.clone()))
            }
            Some(Meaning::Level(actuator)) => {
                self.actuators.insert(*actuator);
                Typed::Number(Numbers::Level(*actuator))
            }
            Some(Meaning::Faulty) => return Err(self.follows(id, name)),
            Some(Meaning::Later) => return Err(self.waits(id, name)),
            Some(Meaning::OutOfPlace) => return Err(self.out_of_place(id, name)),
            None => return Err(self.unknown_name(id, name)),
        };
        Ok(named(id, name, typed))
    }

    fn follows(&self, id: u64, name: &str) -> ExprError {
        let message = format!("the declaration of `{name}` is faulty");
        ExprError { follows_from_other: true, ..self.error(id, message) }
    }

    fn waits(&self, id: u64, name: &str) -> ExprError {
        let message = format!("`{name}` is made of this");
        ExprError { waits_for: Some(name.to_owned()), ..self.error(id, message) }
    }

    fn out_of_place(&self, id: u64, name: &str) -> ExprError {
        self.error(id, format!("`{name}` is an actuator; this is made of sensors only"))
    }

    fn unknown_name(&self, id: u64, name: &str) -> ExprError {
        let message = if ["on", "off"].contains(&name) {
            format!("`{name}` is no sensor or actuator; a word stands in quotes: '{name}'")
        } else if let Some(near) = self.names.nearest(name) {
            format!("`{name}` is no sensor or actuator; is `{near}` meant?")
        } else {
            let some = self.names.some();
            format!("`{name}` is no sensor or actuator; there are: {some}")
        };
        self.error(id, message)
    }

    fn call(&mut self, id: u64, call: &CallExpr, depth: usize) -> Result<Described, ExprError> {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            return self.method(id, name, target, &call.args, depth);
        }
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => self.logic(id, true, left, right, depth),
            (operators::LOGICAL_OR, [left, right]) => self.logic(id, false, left, right, depth),
            (operators::LOGICAL_NOT, [inner]) => {
                let inner = self.yes_or_no(inner, "`!`", depth)?;
                Ok(computed(id, Typed::Bool(Bools::Not(Box::new(inner)))))
            }
            (operators::NEGATE, [inner]) => {
                let inner = self.number(inner, "`-`", depth)?;
                match inner {
                    Numbers::Constant(number) => Ok(constant(-number, id)),
                    other => Ok(numbers(id, Numbers::Negative(Box::new(other)))),
                }
            }
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.conditional(id, condition, yes, no, depth)
            }
            (operators::IN, [item, list]) => self.member(id, item, list, depth),
            (operators::INDEX | operators::OPT_INDEX, _) => {
                Err(self.error(id, "`[...]` behind a name is not taken here".into()))
            }
            (_, [left, right]) if order(name).is_some() || arithmetic(name).is_some() => {
                self.pair(id, name, left, right, depth)
            }
            _ => self.function(id, name, &call.args, depth),
        }
    }

    /// `&&` (`all`) and `||`. Chains of one operator become one flat list.
    fn logic(
        &mut self,
        id: u64,
        all: bool,
        left: &Node,
        right: &Node,
        depth: usize,
    ) -> Result<Described, ExprError> {
        let sign = if all { "`&&`" } else { "`||`" };
        let mut parts = Vec::new();
        for side in [left, right] {
            match (self.yes_or_no(side, sign, depth)?, all) {
                (Bools::All(inner), true) | (Bools::Any(inner), false) => parts.extend(inner),
                (other, _) => parts.push(other),
            }
        }
        let bools = if all { Bools::All(parts) } else { Bools::Any(parts) };
        Ok(computed(id, Typed::Bool(bools)))
    }

    fn yes_or_no(&mut self, node: &Node, sign: &str, depth: usize) -> Result<Bools, ExprError> {
        let part = self.part(node, depth)?;
        match part.typed {
            Typed::Bool(bools) => Ok(bools),
            _ => Err(self.error(part.id, format!("{sign} takes yes or no; {}", part.is))),
        }
    }

    fn number(&mut self, node: &Node, sign: &str, depth: usize) -> Result<Numbers, ExprError> {
        let part = self.part(node, depth)?;
        match part.typed {
            Typed::Number(numbers) => Ok(numbers),
            _ => Err(self.error(part.id, format!("{sign} takes numbers; {}", part.is))),
        }
    }

    fn text(&mut self, node: &Node, sign: &str, depth: usize) -> Result<Texts, ExprError> {
        let part = self.part(node, depth)?;
        match part.typed {
            Typed::Text(texts, _) => Ok(texts),
            _ => Err(self.error(part.id, format!("{sign} takes texts; {}", part.is))),
        }
    }

    fn conditional(
        &mut self,
        id: u64,
        condition: &Node,
        yes: &Node,
        no: &Node,
        depth: usize,
    ) -> Result<Described, ExprError> {
        let condition = self.yes_or_no(condition, "the part before `?`", depth)?;
        let (yes, no) = (self.part(yes, depth)?, self.part(no, depth)?);
        let typed = match (yes.typed, no.typed) {
            (Typed::Bool(yes), Typed::Bool(no)) => {
                Typed::Bool(Bools::If(Box::new((condition, yes, no))))
            }
            (Typed::Number(yes), Typed::Number(no)) => {
                Typed::Number(Numbers::If(Box::new((condition, yes, no))))
            }
            (Typed::Text(yes, some), Typed::Text(no, others)) => {
                let words = some.zip(others).map(|(some, others)| [some, others].concat());
                Typed::Text(Texts::If(Box::new((condition, yes, no))), words)
            }
            _ => {
                let (yes, no) = (yes.is, no.name);
                return Err(self.error(
                    id,
                    format!("both ends of `? :` must have one type: {yes}, the other is {no}"),
                ));
            }
        };
        Ok(computed(id, typed))
    }

    fn member(
        &mut self,
        id: u64,
        item: &Node,
        list: &Node,
        depth: usize,
    ) -> Result<Described, ExprError> {
        let item = self.part(item, depth)?;
        let Expr::List(ListExpr { elements, .. }) = &list.expr else {
            return Err(self.error(id, "`in` takes a list behind it: ['low', 'high']".into()));
        };
        let bools = match item.typed {
            Typed::Number(number) => {
                let mut values = Vec::with_capacity(elements.len());
                for element in elements {
                    let part = self.part(element, depth)?;
                    let Typed::Number(Numbers::Constant(value)) = part.typed else {
                        return Err(self.not_listed(&item.is, "numbers", &part));
                    };
                    values.push(value);
                }
                Bools::NumberIn(Box::new(number), values)
            }
            Typed::Text(text, words) => {
                let mut values = Vec::with_capacity(elements.len());
                for element in elements {
                    let part = self.part(element, depth)?;
                    let Typed::Text(Texts::Constant(value), _) = &part.typed else {
                        return Err(self.not_listed(&item.is, "texts", &part));
                    };
                    self.check_word(part.id, &item.is, words.as_deref(), value)?;
                    values.push(value.clone());
                }
                Bools::TextIn(Box::new(text), values)
            }
            Typed::Bool(_) => {
                return Err(self.error(
                    item.id,
                    format!("`in` takes a number or a text before it; {}", item.is),
                ));
            }
        };
        Ok(computed(id, Typed::Bool(bools)))
    }

    fn not_listed(&self, item: &str, wanted: &str, part: &Described) -> ExprError {
        let found = &part.name;
        self.error(
            part.id,
            format!("{item}, so the list holds {wanted} written out; found {found}"),
        )
    }

    /// A text that is compared with an actuator must be one of its words.
    fn check_word(
        &self,
        id: u64,
        subject: &str,
        words: Option<&[String]>,
        found: &str,
    ) -> Result<(), ExprError> {
        match words {
            Some(words) if !words.iter().any(|word| word == found) => {
                let found = shortened(found);
                Err(self.error(id, format!("{subject}, it is never '{found}'")))
            }
            _ => Ok(()),
        }
    }

    /// Comparison or arithmetic.
    fn pair(
        &mut self,
        id: u64,
        name: &str,
        left: &Node,
        right: &Node,
        depth: usize,
    ) -> Result<Described, ExprError> {
        if let Some(arithmetic) = arithmetic(name) {
            let sign = sign(name);
            let pair = (self.number(left, &sign, depth)?, self.number(right, &sign, depth)?);
            return Ok(numbers(id, Numbers::Pair(arithmetic, Box::new(pair))));
        }
        let Some(order) = order(name) else {
            return Err(self.error(id, format!("`{name}` is not taken here")));
        };
        let (left, right) = (self.part(left, depth)?, self.part(right, depth)?);
        let equality = matches!(order, Order::Equal | Order::Unequal);
        let negated = order == Order::Unequal;
        if !equality {
            for side in [&left, &right] {
                if let Typed::Bool(Bools::Compare(..)) = side.typed {
                    return Err(self.error(id, "write `a < x && x < b` for a range".into()));
                }
            }
        }
        let bools = match (left.typed, right.typed) {
            (Typed::Number(a), Typed::Number(b)) => Bools::Compare(order, Box::new((a, b))),
            (Typed::Bool(a), Typed::Bool(b)) if equality => Bools::Same(Box::new((a, b)), negated),
            (Typed::Text(a, some), Typed::Text(b, others)) if equality => {
                if let Texts::Constant(word) = &b {
                    self.check_word(right.id, &left.is, some.as_deref(), word)?;
                }
                if let Texts::Constant(word) = &a {
                    self.check_word(left.id, &right.is, others.as_deref(), word)?;
                }
                Bools::SameText(Box::new((a, b)), negated)
            }
            (Typed::Bool(_), Typed::Bool(_)) | (Typed::Text(..), Typed::Text(..)) => {
                let sign = sign(name);
                return Err(self.error(
                    left.id,
                    format!("{sign} takes numbers; {}, use `==` or `!=`", left.is),
                ));
            }
            (a, b) => {
                // The name is the subject of the sentence, wherever it stands.
                let turned = is_constant(&a) && !is_constant(&b);
                let (of, with, id) = if turned {
                    (right.is, left.name, right.id)
                } else {
                    (left.is, right.name, left.id)
                };
                return Err(self.error(id, format!("{of}, compared with {with}")));
            }
        };
        Ok(computed(id, Typed::Bool(bools)))
    }

    fn function(
        &mut self,
        id: u64,
        name: &str,
        arguments: &[Node],
        depth: usize,
    ) -> Result<Described, ExprError> {
        match (name, arguments) {
            ("age", [argument]) => self.age(id, argument),
            ("min" | "max", [left, right]) => {
                let (arithmetic, sign) = match name {
                    "min" => (Arithmetic::Least, "`min`"),
                    _ => (Arithmetic::Greatest, "`max`"),
                };
                let pair = (self.number(left, sign, depth)?, self.number(right, sign, depth)?);
                Ok(numbers(id, Numbers::Pair(arithmetic, Box::new(pair))))
            }
            ("age", _) => Err(self.takes(id, name, "one value", arguments)),
            ("min" | "max", _) => Err(self.takes(id, name, "two values", arguments)),
            _ if middle(name).is_some() => self.middle(id, name, arguments, depth),
            _ if day(name).is_some() => self.today(id, name, arguments, depth),
            _ => {
                let Some(of) = function(name) else {
                    let message = format!("there is no function `{name}`; allowed: {FUNCTIONS}");
                    return Err(self.error(id, message));
                };
                let [inner] = arguments else {
                    return Err(self.takes(id, name, "one value", arguments));
                };
                let inner = self.number(inner, &format!("`{name}`"), depth)?;
                Ok(numbers(id, Numbers::Of(of, Box::new(inner))))
            }
        }
    }

    /// A function with another number of arguments than it takes.
    fn takes(&self, id: u64, name: &str, wanted: &str, arguments: &[Node]) -> ExprError {
        let found = arguments.len();
        self.error(id, format!("`{name}` takes {wanted}, found {found}"))
    }

    fn age(&mut self, id: u64, argument: &Node) -> Result<Described, ExprError> {
        let name = match &argument.expr {
            Expr::Literal(LiteralValue::String(name)) => name.inner(),
            Expr::Ident(name) => {
                return Err(self.error(
                    argument.id,
                    format!("`age` takes the sensor's name in quotes: age(\"{name}\")"),
                ));
            }
            _ => {
                return Err(self.error(
                    argument.id,
                    "`age` takes one sensor's name in quotes: age(\"tank_level\")".into(),
                ));
            }
        };
        match self.names.get(name) {
            Some(Meaning::Sensor(sensor, _)) => {
                self.sensors.insert(*sensor);
                self.depends_on_time = true;
                Ok(Described {
                    typed: Typed::Number(Numbers::Age(*sensor)),
                    is: format!("age(\"{name}\") is a number of seconds"),
                    name: format!("age(\"{name}\"), a number of seconds"),
                    id,
                })
            }
            Some(Meaning::Faulty) => Err(self.follows(argument.id, name)),
            Some(Meaning::Later) => Err(self.waits(argument.id, name)),
            Some(_) => Err(self
                .error(argument.id, format!("`{name}` is an actuator; only sensors have an age"))),
            None => Err(self.unknown_name(argument.id, &shortened(name))),
        }
    }

    fn method(
        &mut self,
        id: u64,
        name: &str,
        target: &Node,
        arguments: &[Node],
        depth: usize,
    ) -> Result<Described, ExprError> {
        let part = match name {
            "startsWith" => Part::Start,
            "endsWith" => Part::End,
            "contains" => Part::Anywhere,
            _ => {
                let message = format!("there is no function `.{name}`; allowed: {FUNCTIONS}");
                return Err(self.error(id, message));
            }
        };
        let [argument] = arguments else {
            let found = arguments.len();
            return Err(self.error(id, format!("`.{name}` takes one text, found {found}")));
        };
        let sign = format!("`.{name}`");
        let pair = (self.text(target, &sign, depth)?, self.text(argument, &sign, depth)?);
        Ok(computed(id, Typed::Bool(Bools::TextHas(part, Box::new(pair)))))
    }
}

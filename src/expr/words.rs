//! Parts of an expression with the words for them, and the operators by CEL's names. No decisions.

use cel::common::ast::operators;

use super::tree::{Arithmetic, Bools, Day, Function, Middle, Numbers, Order, Texts};

/// The functions, for a message that says what is allowed.
pub(super) const FUNCTIONS: &str = "age(\"sensor\"), abs(x), sqrt(x), ln(x), exp(x), min(a, b), \
                         max(a, b), on texts startsWith, endsWith, contains, and in the value of \
                         a [[derived]] mean(a, b, ...), median(a, b, ...), \
                         integral_today(x), min_today(x), max_today(x)";

/// A part of the tree with its type.
pub(super) enum Typed {
    Bool(Bools),
    Number(Numbers),
    /// With the only words that it can be, where they are known.
    Text(Texts, Option<Vec<String>>),
}

/// A typed part with the words for it in a message: "`pump` is text ('on' or 'off')".
pub(super) struct Described {
    pub typed: Typed,
    /// As subject: "`pump` is text ('on' or 'off')".
    pub is: String,
    /// As object: "the number 3".
    pub name: String,
    /// Node to point at.
    pub id: u64,
}

pub(super) fn order(operator: &str) -> Option<Order> {
    Some(match operator {
        operators::EQUALS => Order::Equal,
        operators::NOT_EQUALS => Order::Unequal,
        operators::LESS => Order::Less,
        operators::LESS_EQUALS => Order::LessOrEqual,
        operators::GREATER => Order::Greater,
        operators::GREATER_EQUALS => Order::GreaterOrEqual,
        _ => return None,
    })
}

pub(super) fn arithmetic(operator: &str) -> Option<Arithmetic> {
    Some(match operator {
        operators::ADD => Arithmetic::Add,
        operators::SUBSTRACT => Arithmetic::Subtract,
        operators::MULTIPLY => Arithmetic::Multiply,
        operators::DIVIDE => Arithmetic::Divide,
        operators::MODULO => Arithmetic::Remainder,
        _ => return None,
    })
}

/// The functions of one number.
pub(super) fn function(name: &str) -> Option<Function> {
    Some(match name {
        "abs" => Function::Absolute,
        "sqrt" => Function::SquareRoot,
        "ln" => Function::Logarithm,
        "exp" => Function::Power,
        _ => return None,
    })
}

/// The functions of several numbers that mean the same.
pub(super) fn middle(name: &str) -> Option<Middle> {
    Some(match name {
        "mean" => Middle::Mean,
        "median" => Middle::Median,
        _ => return None,
    })
}

/// The functions that remember the day.
pub(super) fn day(name: &str) -> Option<Day> {
    Some(match name {
        "integral_today" => Day::Integral,
        "min_today" => Day::Least,
        "max_today" => Day::Greatest,
        _ => return None,
    })
}

/// `_+_` as a person writes it.
pub(super) fn sign(operator: &str) -> String {
    format!("`{}`", operator.replace('_', ""))
}

pub(super) fn is_constant(typed: &Typed) -> bool {
    matches!(
        typed,
        Typed::Bool(Bools::Constant(_))
            | Typed::Number(Numbers::Constant(_))
            | Typed::Text(Texts::Constant(_), _)
    )
}

/// The words for a type.
pub(super) fn type_words(typed: &Typed) -> String {
    match typed {
        Typed::Bool(_) => "a yes or no".into(),
        Typed::Number(_) => "a number".into(),
        Typed::Text(_, None) => "text".into(),
        Typed::Text(_, Some(words)) => {
            let quoted: Vec<String> =
                words.iter().map(|word| format!("'{}'", shortened(word))).collect();
            format!("text ({})", quoted.join(" or "))
        }
    }
}

pub(super) fn named(id: u64, name: &str, typed: Typed) -> Described {
    let words = type_words(&typed);
    Described { typed, is: format!("`{name}` is {words}"), name: format!("`{name}`, {words}"), id }
}

pub(super) fn computed(id: u64, typed: Typed) -> Described {
    let words = type_words(&typed);
    Described { typed, is: format!("this is {words}"), name: words, id }
}

pub(super) fn numbers(id: u64, numbers: Numbers) -> Described {
    computed(id, Typed::Number(numbers))
}

pub(super) fn constant(number: f64, id: u64) -> Described {
    Described {
        typed: Typed::Number(Numbers::Constant(number)),
        is: format!("{number} is a number"),
        name: format!("the number {number}"),
        id,
    }
}

/// A found text, fit for a message.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

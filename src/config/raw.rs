//! The merged value tree as plain data: what TOML and the environment say, before any meaning.

use std::collections::BTreeMap;

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub raw: Raw,
    pub origin: Origin,
}

/// Which layer a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file, or a built-in layer: whoever asks knows by the file's own index of keys.
    File,
    /// An environment variable; its value is always text.
    Environment,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

/// Keys in alphabetical order, so that a check is deterministic.
pub(super) type Table = BTreeMap<String, Node>;

/// The text by which the `config` crate marks what comes from the environment.
const ENVIRONMENT: &str = "the environment";

impl Node {
    /// From the `config` crate's tree; `None` for a value that is not there.
    pub(super) fn from_value(value: &config::Value) -> Option<Node> {
        let origin = match value.origin() {
            Some(ENVIRONMENT) => Origin::Environment,
            _ => Origin::File,
        };
        let raw = match &value.kind {
            config::ValueKind::Nil => return None,
            config::ValueKind::Boolean(yes) => Raw::Bool(*yes),
            config::ValueKind::I64(number) => Raw::Integer(*number),
            // TOML gives none of these three; they would lose nothing that a check could miss.
            config::ValueKind::I128(number) => Raw::Text(number.to_string()),
            config::ValueKind::U64(number) => Raw::Text(number.to_string()),
            config::ValueKind::U128(number) => Raw::Text(number.to_string()),
            config::ValueKind::Float(number) => Raw::Float(*number),
            config::ValueKind::String(text) => Raw::Text(text.clone()),
            config::ValueKind::Table(table) => Raw::Table(
                table
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), Node::from_value(value)?)))
                    .collect(),
            ),
            config::ValueKind::Array(list) => {
                Raw::List(list.iter().filter_map(Node::from_value).collect())
            }
        };
        Some(Node { raw, origin })
    }

    /// From JSON, as an operator's command says it; `None` for `null` and what holds one.
    pub(super) fn from_json(value: &serde_json::Value) -> Option<Node> {
        use serde_json::Value as Json;
        let raw = match value {
            Json::Null => return None,
            Json::Bool(yes) => Raw::Bool(*yes),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Raw::Integer(whole),
                None => Raw::Float(number.as_f64()?),
            },
            Json::String(text) => Raw::Text(text.clone()),
            Json::Array(list) => {
                Raw::List(list.iter().map(Node::from_json).collect::<Option<Vec<_>>>()?)
            }
            Json::Object(object) => {
                let nodes =
                    object.iter().map(|(key, value)| Some((key.clone(), Node::from_json(value)?)));
                Raw::Table(nodes.collect::<Option<Table>>()?)
            }
        };
        Some(Node { raw, origin: Origin::File })
    }

    /// A text of the environment read as TOML, for keys that take another type than text.
    pub(super) fn reread(&self) -> Option<Raw> {
        let (Raw::Text(text), Origin::Environment) = (&self.raw, self.origin) else {
            return None;
        };
        let document = format!("value = {text}");
        let table: toml::Table = document.parse().ok()?;
        if table.len() != 1 {
            return None;
        }
        from_toml(table.get("value")?)
    }
}

fn from_toml(value: &toml::Value) -> Option<Raw> {
    Some(match value {
        toml::Value::Boolean(yes) => Raw::Bool(*yes),
        toml::Value::Integer(number) => Raw::Integer(*number),
        toml::Value::Float(number) => Raw::Float(*number),
        toml::Value::String(text) => Raw::Text(text.clone()),
        toml::Value::Array(list) => {
            let mut nodes = Vec::with_capacity(list.len());
            for value in list {
                nodes.push(Node { raw: from_toml(value)?, origin: Origin::Environment });
            }
            Raw::List(nodes)
        }
        toml::Value::Table(_) | toml::Value::Datetime(_) => return None,
    })
}

impl Raw {
    /// The value in a few words, for what was found.
    pub(super) fn words(&self) -> String {
        match self {
            Raw::Bool(yes) => format!("{yes} (a yes or no)"),
            Raw::Integer(number) => format!("the number {number}"),
            Raw::Float(number) => format!("the number {number}"),
            Raw::Text(text) => quoted(text),
            Raw::List(list) => format!("a list of {}", list.len()),
            Raw::Table(_) => "a table".into(),
        }
    }
}

/// A text in quotes, shortened and safe to show on a terminal.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    format!("\"{}\"", shown.replace("\\'", "'"))
}

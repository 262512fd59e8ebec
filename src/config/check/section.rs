//! A table of the configuration with getters that know the types: each says what is wrong with its
//! key and goes on. What was asked for is remembered; what nobody asked for is an unknown key.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::units::{DURATION_FORM, SIZE_FORM, duration, duration_words, size, size_words};
use super::{Checker, Node, Origin, Path, Raw, Spot, Table, quoted};
use crate::expr::nearest;

/// A table that is being read.
pub(super) struct Section<'t> {
    /// `device`, `sensor "air_temperature"`; empty for the root.
    label: String,
    path: Path,
    table: &'t Table,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// The whole configuration.
    pub(super) fn root(table: &'t Table) -> Section<'t> {
        Section { label: String::new(), path: Path::default(), table, known: Vec::new() }
    }

    /// The value at a key, which is known from now on.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'t Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// True where the key is there; says nothing about whether it belongs there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// All keys and values of a table whose keys are the operator's.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'t String, &'t Node)> + use<'t> {
        self.table.iter()
    }

    /// How a fault shows a key of this table.
    pub(super) fn spot(&self, key: &str) -> Spot {
        let dotted = |label: &str| match (label.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => label.to_owned(),
            (false, false) => format!("{label}.{key}"),
        };
        let of_environment =
            |node: &Node| node.origin == Origin::Environment && !matches!(node.raw, Raw::Table(_));
        let variable = self.table.get(key).filter(|node| of_environment(node)).map(|_| {
            let name = dotted(&self.label).replace('.', "__").to_uppercase();
            format!("{}{name}", super::ENVIRONMENT_PREFIX)
        });
        Spot {
            key: dotted(&self.label),
            path: self.path.join(key),
            section: self.path.clone(),
            variable,
        }
    }

    /// How a fault shows the table itself.
    pub(super) fn own_spot(&self) -> Spot {
        Spot {
            key: self.label.clone(),
            path: self.path.clone(),
            section: self.path.clone(),
            variable: None,
        }
    }

    /// Adds a fault at a key.
    pub(super) fn fault(&self, c: &mut Checker<'_>, key: &str, found: String, allowed: &str) {
        c.fault(&self.spot(key), found, allowed.to_owned());
    }

    fn wrong_type(&self, c: &mut Checker<'_>, key: &str, node: &Node, allowed: &str) {
        self.fault(c, key, node.raw.words(), allowed);
    }

    /// A text. Absent or faulty: `None`, the latter with its fault.
    pub(super) fn text(&mut self, c: &mut Checker<'_>, key: &'static str) -> Option<&'t str> {
        let node = self.get(key)?;
        match &node.raw {
            Raw::Text(text) => Some(text),
            _ => {
                self.wrong_type(c, key, node, "a text in quotes");
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        allowed: &str,
    ) -> Option<&'t str> {
        if self.get(key).is_none() {
            self.missing(c, key, allowed);
            return None;
        }
        self.text(c, key)
    }

    /// Adds the fault of a key that must be there and is not.
    pub(super) fn missing(&self, c: &mut Checker<'_>, key: &str, allowed: &str) {
        self.fault(c, key, "nothing (this key is required)".into(), allowed);
    }

    /// A text without empty or overlong ones.
    pub(super) fn bounded_text(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        bytes_max: usize,
    ) -> Option<&'t str> {
        let text = self.text(c, key)?;
        if text.trim().is_empty() || text.len() > bytes_max {
            let found = if text.trim().is_empty() {
                "an empty text".to_owned()
            } else {
                format!("a text of {} bytes", text.len())
            };
            self.fault(c, key, found, &format!("a text of 1 to {bytes_max} bytes"));
            return None;
        }
        Some(text)
    }

    /// A number within bounds; `None` where absent or faulty.
    pub(super) fn number(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        allowed: &str,
        is_allowed: impl Fn(f64) -> bool,
    ) -> Option<f64> {
        let node = self.get(key)?;
        match number_of(node) {
            Some(number) if is_allowed(number) => Some(number),
            Some(number) => {
                self.fault(c, key, format!("{number}"), allowed);
                None
            }
            None => {
                let hint = match &node.raw {
                    Raw::Text(text) if text.trim().parse::<f64>().is_ok() => ", without quotes",
                    _ => "",
                };
                self.wrong_type(c, key, node, &format!("{allowed}{hint}"));
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn integer(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> u32 {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        let within = |n: f64| {
            n.fract() == 0.0 && n >= f64::from(*range.start()) && n <= f64::from(*range.end())
        };
        match self.number(c, key, &allowed, within) {
            // Whole and within u32 by the line above.
            Some(number) => number as u32,
            None => default,
        }
    }

    /// A duration within bounds, in milliseconds.
    pub(super) fn duration(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        range_ms: RangeInclusive<u64>,
    ) -> Option<Duration> {
        let node = self.get(key)?;
        let (low, high) = (duration_words(*range_ms.start()), duration_words(*range_ms.end()));
        let read = match &node.raw {
            Raw::Text(text) => duration(text),
            _ => None,
        };
        match read.map(|d| (d, u64::try_from(d.as_millis()).unwrap_or(u64::MAX))) {
            Some((duration, ms)) if range_ms.contains(&ms) => Some(duration),
            Some(_) => {
                self.wrong_type(c, key, node, &format!("from {low} to {high}"));
                None
            }
            None => {
                self.wrong_type(c, key, node, &format!("{DURATION_FORM}, from {low} to {high}"));
                None
            }
        }
    }

    /// A duration with a default, in milliseconds.
    pub(super) fn duration_or(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        range_ms: RangeInclusive<u64>,
        default_ms: u64,
    ) -> Duration {
        self.duration(c, key, range_ms).unwrap_or(Duration::from_millis(default_ms))
    }

    /// A size within bounds, in bytes.
    pub(super) fn size(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let node = self.get(key)?;
        let (low, high) = (size_words(*range.start()), size_words(*range.end()));
        let read = match &node.raw {
            Raw::Text(text) => size(text),
            _ => None,
        };
        match read {
            Some(bytes) if range.contains(&bytes) => Some(bytes),
            Some(_) => {
                self.wrong_type(c, key, node, &format!("from {low} to {high}"));
                None
            }
            None => {
                self.wrong_type(c, key, node, &format!("{SIZE_FORM}, from {low} to {high}"));
                None
            }
        }
    }

    /// One of some words; `None` where absent or faulty.
    pub(super) fn word<T: Copy>(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let node = self.get(key)?;
        let found = match &node.raw {
            Raw::Text(text) => words.iter().find(|(word, _)| word == text),
            _ => None,
        };
        if found.is_none() {
            let listed: Vec<String> = words.iter().map(|(word, _)| quoted(word)).collect();
            self.wrong_type(c, key, node, &listed.join(" or "));
        }
        found.map(|(_, value)| *value)
    }

    /// Yes or no; `None` where absent or faulty.
    pub(super) fn yes_or_no(&mut self, c: &mut Checker<'_>, key: &'static str) -> Option<bool> {
        let node = self.get(key)?;
        match node.reread().as_ref().unwrap_or(&node.raw) {
            Raw::Bool(yes) => Some(*yes),
            _ => {
                self.wrong_type(c, key, node, "true or false");
                None
            }
        }
    }

    /// A list; one of the environment is written as in TOML.
    pub(super) fn list(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        allowed: &str,
    ) -> Option<Vec<Node>> {
        let node = self.get(key)?;
        let raw = node.reread().unwrap_or_else(|| node.raw.clone());
        match raw {
            Raw::List(list) => Some(list),
            _ => {
                self.wrong_type(c, key, node, allowed);
                None
            }
        }
    }

    /// A table below this one.
    pub(super) fn table(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        allowed: &str,
    ) -> Option<Section<'t>> {
        let node = self.get(key)?;
        match &node.raw {
            Raw::Table(table) => Some(Section {
                label: self.spot(key).key,
                path: self.path.join(key),
                table,
                known: Vec::new(),
            }),
            _ => {
                self.wrong_type(c, key, node, allowed);
                None
            }
        }
    }

    /// The tables below this one, whose keys are the operator's; what is no table is a fault.
    pub(super) fn tables(&self, c: &mut Checker<'_>, allowed: &str) -> Vec<(&'t str, Section<'t>)> {
        let mut tables = Vec::new();
        for (key, node) in self.entries() {
            match &node.raw {
                Raw::Table(table) => {
                    let (label, path) = (self.spot(key).key, self.path.join(key));
                    tables.push((&**key, Section { label, path, table, known: Vec::new() }));
                }
                _ => self.wrong_type(c, key, node, allowed),
            }
        }
        tables
    }

    /// A section that always exists, by its defaults.
    pub(super) fn section(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
    ) -> Option<Section<'t>> {
        self.table(c, key, &format!("one section [{key}]"))
    }

    /// A section that may be left out.
    pub(super) fn section_if_present(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
    ) -> Option<Section<'t>> {
        self.has(key).then(|| self.section(c, key)).flatten()
    }

    /// The elements of `[[key]]`, each labelled with its name or its place from 1.
    pub(super) fn elements(
        &mut self,
        c: &mut Checker<'_>,
        key: &'static str,
        most: usize,
    ) -> Vec<Section<'t>> {
        let Some(node) = self.get(key) else {
            return Vec::new();
        };
        let Raw::List(list) = &node.raw else {
            self.wrong_type(c, key, node, &format!("[[{key}]] with two brackets, once for each"));
            return Vec::new();
        };
        if list.len() > most {
            self.fault(c, key, format!("{} of them", list.len()), &format!("at most {most}"));
        }
        let mut sections = Vec::with_capacity(list.len().min(most));
        for (index, element) in list.iter().enumerate().take(most) {
            let path = self.path.join(key).at(index);
            match &element.raw {
                Raw::Table(table) => {
                    let name = match table.get("name").map(|node| &node.raw) {
                        Some(Raw::Text(name)) => format!("{key} {}", quoted(name)),
                        _ => format!("{key}[{}]", index + 1),
                    };
                    sections.push(Section { label: name, path, table, known: Vec::new() });
                }
                raw => {
                    let place = format!("{key}[{}]", index + 1);
                    let section = self.path.join(key);
                    let spot = Spot { key: place, path, section, variable: None };
                    c.fault(&spot, raw.words(), format!("[[{key}]] with keys below it"));
                }
            }
        }
        sections
    }

    /// Says which keys nobody asked for.
    pub(super) fn finish(self, c: &mut Checker<'_>) {
        for key in self.table.keys() {
            if !self.known.contains(&key.as_str()) {
                let spot = self.spot(key);
                let near = nearest(key, self.known.iter().copied());
                let list = self.known.join(", ");
                let allowed = match near {
                    Some(near) => format!("is `{near}` meant? Keys here: {list}"),
                    None => format!("one of {list}"),
                };
                c.unknown_key(&spot, "an unknown key", allowed);
            }
        }
    }

    /// A key that this program knows but that means nothing here; treated like an unknown one.
    pub(super) fn out_of_place(&mut self, c: &mut Checker<'_>, key: &'static str, allowed: &str) {
        if self.get(key).is_some() {
            let spot = self.spot(key);
            c.unknown_key(&spot, "a key that means nothing here", allowed.to_owned());
        }
    }
}

/// A finite number; one of the environment is written as in TOML.
pub(super) fn number_of(node: &Node) -> Option<f64> {
    let reread = node.reread();
    let number = match reread.as_ref().unwrap_or(&node.raw) {
        Raw::Integer(number) => *number as f64,
        Raw::Float(number) => *number,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

//! The text of the configuration file: is it TOML, and where in it does each key stand? Finds the
//! faults that exist before any key is looked at. No I/O.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;

/// The steps from the root to a value, such as `sensor`, `2`, `every`.
///
/// Joined by a character that no key of ours has; two keys that quote it could be mixed up, which
/// would only show a wrong line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn join(&self, step: &str) -> Path {
        Path(format!("{}\0{step}", self.0))
    }

    pub(super) fn at(&self, index: usize) -> Path {
        self.join(&index.to_string())
    }
}

/// Byte ranges of a key and of its value.
#[derive(Clone, Debug)]
struct Spot {
    key: Range<usize>,
    value: Range<usize>,
}

/// A configuration file's text with the place of each key.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: String,
    text: String,
    spots: HashMap<Path, Spot>,
}

/// Where a fault stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub excerpt: Option<String>,
}

impl Source {
    /// Reads the text as TOML.
    ///
    /// # Errors
    /// The faults of its syntax and of values that no key takes (dates, numbers beyond 64 bits).
    pub(super) fn parse(file: &str, text: &str) -> Result<Source, Vec<Fault>> {
        let mut source =
            Source { file: file.to_owned(), text: text.to_owned(), spots: HashMap::new() };
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(error) => return Err(vec![source.syntax_fault(&error)]),
        };
        let mut faults = Vec::new();
        for key in root.get_ref().keys() {
            // The layers read such a key as a path, in which an index could ask for any memory.
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if key.get_ref().is_empty() || !key.get_ref().chars().all(plain) {
                let found = format!("the section name {:?}", key.get_ref());
                let allowed = "a name of letters, digits and _";
                faults.push(source.fault("the file", &key.span(), found, allowed));
            }
        }
        source.index_table(&Path::default(), root.get_ref(), &mut faults);
        if faults.is_empty() { Ok(source) } else { Err(faults) }
    }

    fn index_table(&mut self, path: &Path, table: &DeTable<'_>, faults: &mut Vec<Fault>) {
        for (key, value) in table {
            self.index(path.join(key.get_ref()), key.span(), value, faults);
        }
    }

    fn index(
        &mut self,
        path: Path,
        key: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        faults: &mut Vec<Fault>,
    ) {
        let span = value.span();
        match value.get_ref() {
            DeValue::Table(table) => self.index_table(&path, table, faults),
            DeValue::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    self.index(path.at(index), element.span(), element, faults);
                }
            }
            DeValue::Integer(number)
                if i64::from_str_radix(number.as_str(), number.radix()).is_err() =>
            {
                let found = format!("the number {}", number.as_str());
                faults.push(self.fault("a value", &span, found, "a number of at most 64 bits"));
            }
            DeValue::Float(number)
                if number.as_str().parse::<f64>().is_ok_and(|n| !n.is_finite()) =>
            {
                let found = format!("the number {}", number.as_str());
                faults.push(self.fault("a value", &span, found, "a finite number"));
            }
            DeValue::Datetime(time) => {
                let found = format!("the date or time {time} without quotes");
                faults.push(self.fault("a value", &span, found, "a text in quotes"));
            }
            _ => {}
        }
        self.spots.insert(path, Spot { key, value: span });
    }

    fn syntax_fault(&self, error: &toml::de::Error) -> Fault {
        let span = error.span().unwrap_or(0..0);
        let found = error.message().trim().replace('\n', ", ");
        self.fault("TOML", &span, found, "TOML: [section], key = value, texts in quotes")
    }

    fn fault(&self, key: &str, span: &Range<usize>, found: String, allowed: &str) -> Fault {
        let place = self.place_of(span.start);
        Fault {
            key: key.into(),
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            found,
            allowed: allowed.into(),
            excerpt: place.excerpt,
        }
    }

    /// The file's name.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// There is no text: what is checked was said, not written into a file.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where a byte of the text stands.
    pub(super) fn place_of(&self, offset: usize) -> Place {
        place_in(&self.text, offset)
    }

    /// Where the key at `path` stands, if the file has it.
    pub(super) fn key_place(&self, path: &Path) -> Option<Place> {
        self.spots.get(path).map(|spot| self.place_of(spot.key.start))
    }

    /// Where a line and column within the text value at `path` stand, if the value stands in the
    /// file as it is read, without escapes.
    pub(super) fn inside_value(
        &self,
        path: &Path,
        value: &str,
        line: usize,
        column: usize,
    ) -> Option<Place> {
        let spot = self.spots.get(path)?;
        let raw = self.text.get(spot.value.clone())?;
        let start = spot.value.start + raw.find(value)?;
        let line_start: usize = value.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let text = value.get(line_start..)?;
        let in_line: usize = text.chars().take(column - 1).map(char::len_utf8).sum();
        Some(self.place_of(start + line_start + in_line))
    }
}

/// Line, column and the line itself of a byte offset.
pub(super) fn place_in(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).map_or(0, |part| part.chars().count()) + 1;
    let line = before.matches('\n').count() + 1;
    let excerpt = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    Place { line: Some(line), column: Some(column), excerpt: Some(excerpt.to_owned()) }
}

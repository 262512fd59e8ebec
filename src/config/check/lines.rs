//! `[serial.<name>]`, and what a sensor or an actuator on a serial line says instead of a topic.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::actuators::{KindWord, Payloads};
use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::{Checker, Declared, Spot, quoted};
use crate::config::checked::{Dialect, Port, SerialLine};
use crate::config::modbus::Register;
use crate::limits::{BAUD_DEFAULT, BAUD_MAX, BAUD_MIN, LINE_NAME_BYTES_MAX, SERIAL_LINES_MAX};

/// The words of `dialect`.
const DIALECTS: [(&str, Dialect); 2] = [("frames", Dialect::Frames), ("text", Dialect::Text)];
/// Names that the kernel gives in the order in which it finds the devices.
const PASSING_NAMES: [&str; 2] = ["/dev/ttyUSB", "/dev/ttyACM"];

/// The keys that say where something speaks or is commanded.
const CARRIERS: [&str; 6] = ["serial", "modbus", "http", "files", "sparkplug", "topic"];

/// The one of them that a section has; `topic` is the one that is missed where there is none.
pub(super) fn carrier(section: &Section<'_>) -> &'static str {
    CARRIERS.into_iter().find(|key| section.has(key)).unwrap_or("topic")
}

/// What is known of the way to a port.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// The bus.
    Topic,
    /// A serial line with its dialect.
    Serial(Dialect),
    /// A register, read so often.
    Modbus(Register, Duration),
    /// A page, asked for so often.
    Page(Duration),
    /// A file, read so often.
    File(Duration),
    /// A metric of a node, said again so often.
    Node(Duration),
}

impl Way {
    /// How often it is asked; `None`: it speaks by itself.
    pub(super) fn every(self) -> Option<Duration> {
        match self {
            Way::Topic | Way::Serial(_) => None,
            Way::Modbus(_, every) | Way::Page(every) | Way::File(every) | Way::Node(every) => {
                Some(every)
            }
        }
    }
}

impl Checker<'_> {
    pub(super) fn lines(&mut self, top: &mut Section<'_>) -> Vec<SerialLine> {
        let form = "a table [serial.<name>] for each line";
        let mut lines: Vec<SerialLine> = Vec::new();
        for (name, section) in self.line_tables(top, "serial", form, SERIAL_LINES_MAX) {
            let device = section.spot("device");
            let declared = match self.line(name, section) {
                None => Declared::Faulty,
                Some(line) => {
                    if let Some(other) = lines.iter().find(|other| other.device == line.device) {
                        let found = format!("the same device as line {}", quoted(&other.name));
                        self.fault(&device, found, "each device in one line".into());
                    }
                    let place = u16::try_from(lines.len()).unwrap_or(u16::MAX);
                    let dialect = line.dialect;
                    lines.push(line);
                    Declared::Known(place, dialect)
                }
            };
            self.lines.insert(name.to_owned(), declared);
        }
        lines
    }

    /// The tables below `[key]`, at most so many.
    pub(super) fn line_tables<'t>(
        &mut self,
        top: &mut Section<'t>,
        key: &'static str,
        form: &str,
        most: usize,
    ) -> Vec<(&'t str, Section<'t>)> {
        let Some(section) = top.table(self, key, form) else { return Vec::new() };
        let mut tables = section.tables(self, form);
        if tables.len() > most {
            let (spot, found) = (section.own_spot(), format!("{} lines", tables.len()));
            self.fault(&spot, found, format!("at most {most}"));
            tables.truncate(most);
        }
        tables
    }

    fn line(&mut self, name: &str, mut section: Section<'_>) -> Option<SerialLine> {
        let before = self.count();
        self.line_name(&section.own_spot(), name);
        let device = self.device_path(&mut section);
        let baud = section.integer(self, "baud", BAUD_MIN..=BAUD_MAX, BAUD_DEFAULT);
        let dialect = section.word(self, "dialect", &DIALECTS).unwrap_or(Dialect::Frames);
        section.finish(self);
        let device = PathBuf::from(device?);
        (self.count() == before).then(|| SerialLine { name: name.into(), device, baud, dialect })
    }

    /// Is this a name for a line?
    pub(super) fn line_name(&mut self, spot: &Spot, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if !(1..=LINE_NAME_BYTES_MAX).contains(&name.len()) || !name.chars().all(plain) {
            let allowed = format!("a-z, 0-9, _ and -, 1 to {LINE_NAME_BYTES_MAX} characters");
            self.fault(spot, quoted(name), allowed);
        }
    }

    /// `device`: the path of a serial device.
    pub(super) fn device_path<'t>(&mut self, section: &mut Section<'t>) -> Option<&'t str> {
        let form = "a path such as \"/dev/serial/by-id/usb-Arduino_Uno-if00\"";
        if section.get("device").is_none() {
            section.missing(self, "device", form);
        }
        let device = section.bounded_text(self, "device", PATH_BYTES_MAX)?;
        if !device.starts_with('/') {
            section.fault(self, "device", quoted(device), form);
        } else if PASSING_NAMES.iter().any(|passing| device.starts_with(passing)) {
            let spot = section.spot("device");
            let text = "may be another device after unplugging; its name below \
                        /dev/serial/by-id stays";
            self.warn(&spot, text.into());
        }
        Some(device)
    }

    /// Where it speaks or is commanded: `topic`, or one of the lines.
    pub(super) fn port(
        &mut self,
        section: &mut Section<'_>,
        name: Option<&str>,
    ) -> Option<(Port, Way)> {
        let carrier = carrier(section);
        let mut more = CARRIERS.iter().filter(|key| section.has(key) && **key != carrier);
        if let Some(other) = more.next() {
            let found = format!("`{carrier}` and `{other}`");
            section.fault(self, carrier, found, "one of the two");
        }
        for key in CARRIERS {
            section.get(key);
        }
        match carrier {
            "serial" => self.serial_port(section, name),
            "modbus" => self.modbus_port(section),
            "http" => self.page_port(section),
            "files" => self.file_port(section),
            "sparkplug" => self.sparkplug_port(section),
            _ => self.topic(section, "topic", true).map(|topic| (Port::Topic(topic), Way::Topic)),
        }
    }

    /// `serial` with `field`; with the dialect of the line.
    fn serial_port(
        &mut self,
        section: &mut Section<'_>,
        name: Option<&str>,
    ) -> Option<(Port, Way)> {
        let line = self.named(section, "serial", |c| &c.lines);
        let field = match section.get("field") {
            Some(_) => section.text(self, "field"),
            None => name,
        };
        if let Some(field) = field
            && section.has("field")
            && !field_fits(field)
        {
            let allowed = format!(
                "the name on the line: 1 to {LINE_NAME_BYTES_MAX} bytes without spaces; left out: \
                 the same as `name`"
            );
            section.fault(self, "field", quoted(field), &allowed);
        }
        let (line, dialect) = line?;
        Some((Port::Line { line, name: field?.to_owned() }, Way::Serial(dialect)))
    }

    /// The place and the declaration of the line that a key names.
    pub(super) fn named<T: Clone>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        among: fn(&Self) -> &BTreeMap<String, Declared<T>>,
    ) -> Option<(u16, T)> {
        let word = section.text(self, key)?;
        match among(self).get(word).cloned() {
            Some(Declared::Known(line, declared)) => Some((line, declared)),
            Some(Declared::Faulty) => None,
            None => {
                let names: Vec<String> = among(self).keys().map(|name| quoted(name)).collect();
                let allowed = match names.is_empty() {
                    true => format!("a line of this file: there is no [{key}.<name>]"),
                    false => format!("a line of this file: {}", names.join(", ")),
                };
                section.fault(self, key, quoted(word), &allowed);
                None
            }
        }
    }

    /// What a line says for on and off; frames have a type for it.
    pub(super) fn serial_payloads(
        &mut self,
        section: &mut Section<'_>,
        word: Option<KindWord>,
        dialect: Option<Dialect>,
    ) -> Payloads {
        for key in ["payload", "state_topic", "state_field"] {
            section.out_of_place(self, key, "not with `serial`: the echo comes on the line");
        }
        let bare = matches!(word, Some(KindWord::Level | KindWord::Choice));
        let frames = dialect == Some(Dialect::Frames);
        for key in ["on", "off", "state_on", "state_off"] {
            if frames {
                section.out_of_place(self, key, "not with frames: they say on and off by type");
            } else if bare {
                section.out_of_place(self, key, "only for switch and pulse; others say the value");
            }
        }
        let words = match frames {
            true => ["true", "false", "true", "false"],
            false => self.words(section, bare, ["ON", "OFF"]),
        };
        Payloads::on_line(words.map(str::to_owned), self.confirm_within(section))
    }
}

fn field_fits(field: &str) -> bool {
    (1..=LINE_NAME_BYTES_MAX).contains(&field.len())
        && !field.chars().any(|c| c.is_whitespace() || c.is_control())
}

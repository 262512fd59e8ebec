//! What is beside the bus: serial lines, and sources that are asked. Each has its place in
//! [`Config::lines`](super::Config::lines). No I/O.

use super::{Files, Http, Modbus, SerialLine, Sparkplug};

/// Something beside the bus with sensors and actuators on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// `[serial.<name>]`
    Serial(SerialLine),
    /// `[modbus.<name>]`
    Modbus(Modbus),
    /// `[http.<name>]`
    Http(Http),
    /// `[files.<name>]`
    Files(Files),
    /// `[sparkplug.<name>]`
    Sparkplug(Sparkplug),
}

impl Line {
    /// What it is called, for people: `serial line shed`.
    #[must_use]
    pub fn said(&self) -> String {
        match self {
            Line::Serial(line) => format!("serial line {}", line.name),
            Line::Modbus(line) => format!("Modbus {}", line.name),
            Line::Http(page) => format!("page {}", page.name),
            Line::Files(files) => format!("files {}", files.name),
            Line::Sparkplug(node) => format!("Sparkplug {}", node.name),
        }
    }

    /// That nothing comes from it: `serial line shed is closed`.
    #[must_use]
    pub fn away(&self) -> String {
        let what = match self {
            Line::Serial(_) => "is closed",
            Line::Modbus(_) => "does not answer",
            Line::Http(_) => "does not come",
            Line::Files(_) => "cannot be read",
            Line::Sparkplug(_) => "does not live",
        };
        format!("{} {what}", self.said())
    }

    /// The kind of the events about it.
    #[must_use]
    pub fn event_kind(&self) -> &'static str {
        match self {
            Line::Serial(_) => "serial",
            Line::Modbus(_) | Line::Http(_) | Line::Files(_) | Line::Sparkplug(_) => "source",
        }
    }
}

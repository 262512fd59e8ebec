//! `[modbus.<name>]`, and what a sensor or an actuator on a Modbus device says instead of a topic.

use std::path::PathBuf;
use std::time::Duration;

use super::actuators::{KindWord, Payloads};
use super::lines::Way;
use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::{Checker, Declared, quoted};
use crate::config::checked::{ActuatorKind, Port};
use crate::config::line::Line;
use crate::config::modbus::{Format, Modbus, ModbusVia, Parity, Register};
use crate::limits::{
    BAUD_MAX, BAUD_MIN, MODBUS_BAUD_DEFAULT, MODBUS_MAX, MODBUS_PORT, MODBUS_STATION_MAX,
    SOURCE_ANSWER_MS_DEFAULT, SOURCE_ANSWER_MS_MAX, SOURCE_ANSWER_MS_MIN, SOURCE_EVERY_MS_DEFAULT,
    SOURCE_EVERY_MS_MAX, SOURCE_EVERY_MS_MIN,
};

/// The words of `parity`.
const PARITIES: [(&str, Parity); 3] =
    [("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)];
/// What `register` takes.
const REGISTER_FORM: &str = "a table (coil, discrete, holding, input) and an address from 0, of \
                             registers also u16, i16, u32, i32 or f32, with two of them `swapped` \
                             where the low one comes first: \"holding 40\", \"input 3 f32\"";

/// What a device on a Modbus line has where it says nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Station {
    pub number: u32,
    pub every: Duration,
}

impl Checker<'_> {
    /// The sections, put behind the lines that are there.
    pub(super) fn modbus(&mut self, top: &mut Section<'_>, lines: &mut Vec<Line>) {
        let form = "a table [modbus.<name>] for each connection";
        for (name, section) in self.line_tables(top, "modbus", form, MODBUS_MAX) {
            let device = section.spot("device");
            let declared = match self.modbus_line(name, section) {
                None => Declared::Faulty,
                Some((modbus, station)) => {
                    self.device_is_free(&device, &modbus, lines);
                    let place = u16::try_from(lines.len()).unwrap_or(u16::MAX);
                    lines.push(Line::Modbus(modbus));
                    Declared::Known(place, station)
                }
            };
            self.modbus.insert(name.to_owned(), declared);
        }
    }

    fn device_is_free(&mut self, spot: &super::Spot, modbus: &Modbus, lines: &[Line]) {
        let ModbusVia::Rtu { device, .. } = &modbus.via else { return };
        let taken = |line: &&Line| match line {
            Line::Serial(other) => other.device == *device,
            Line::Modbus(other) => {
                matches!(&other.via, ModbusVia::Rtu { device: taken, .. } if taken == device)
            }
            Line::Http(_) | Line::Files(_) | Line::Sparkplug(_) => false,
        };
        if let Some(other) = lines.iter().find(taken) {
            let found = format!("the same device as {}", other.said());
            self.fault(spot, found, "each device in one line".into());
        }
    }

    fn modbus_line(&mut self, name: &str, mut section: Section<'_>) -> Option<(Modbus, Station)> {
        let before = self.count();
        self.line_name(&section.own_spot(), name);
        let via = self.modbus_via(&mut section);
        let number = section.integer(self, "station", 0..=MODBUS_STATION_MAX, 1);
        let range = SOURCE_EVERY_MS_MIN..=SOURCE_EVERY_MS_MAX;
        let every = section.duration_or(self, "every", range, SOURCE_EVERY_MS_DEFAULT);
        let range = SOURCE_ANSWER_MS_MIN..=SOURCE_ANSWER_MS_MAX;
        let answer_within =
            section.duration_or(self, "answer_within", range, SOURCE_ANSWER_MS_DEFAULT);
        section.finish(self);
        let (name, via) = (name.to_owned(), via?);
        let modbus = Modbus { name, via, every, answer_within, registers: Default::default() };
        (self.count() == before).then_some((modbus, Station { number, every }))
    }

    fn modbus_via(&mut self, section: &mut Section<'_>) -> Option<ModbusVia> {
        if section.has("host") && section.has("device") {
            section.fault(self, "host", "`host` and `device`".into(), "one of the two");
        }
        if section.has("device") {
            let device = self.device_path(section);
            section.out_of_place(self, "port", "only with `host`: Modbus TCP");
            section.get("host");
            let baud = section.integer(self, "baud", BAUD_MIN..=BAUD_MAX, MODBUS_BAUD_DEFAULT);
            let parity = section.word(self, "parity", &PARITIES).unwrap_or(Parity::None);
            let device = PathBuf::from(device?);
            return Some(ModbusVia::Rtu { device, baud, parity });
        }
        for key in ["baud", "parity"] {
            section.out_of_place(self, key, "only with `device`: Modbus RTU");
        }
        section.get("device");
        let form = "a name or an address such as \"192.168.1.20\"; or `device`, a serial device";
        let host = section.required_text(self, "host", form);
        let port = section.integer(self, "port", 1..=u32::from(u16::MAX), MODBUS_PORT.into());
        let host = host?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/@[]?#".contains(c);
        if host.is_empty() || host.len() > PATH_BYTES_MAX || host.contains(odd) {
            section.fault(self, "host", quoted(host), form);
            return None;
        }
        Some(ModbusVia::Tcp { host: host.into(), port: u16::try_from(port).ok()? })
    }

    /// `modbus` with `register` and `station`.
    pub(super) fn modbus_port(&mut self, section: &mut Section<'_>) -> Option<(Port, Way)> {
        let line = self.named(section, "modbus", |c| &c.modbus);
        let text = section.required_text(self, "register", REGISTER_FORM);
        let default = line.map_or(1, |(_, station)| station.number);
        let station = section.integer(self, "station", 0..=MODBUS_STATION_MAX, default);
        let text = text?;
        let Ok(register) = text.parse::<Register>() else {
            section.fault(self, "register", quoted(text), REGISTER_FORM);
            return None;
        };
        let (line, Station { every, .. }) = line?;
        let register = Register { station: u8::try_from(station).ok()?, ..register };
        let name = register.to_string();
        self.registers.push((line, name.clone(), register));
        Some((Port::Line { line, name }, Way::Modbus(register, every)))
    }

    /// Gives each line the registers that are named on it.
    pub(super) fn deal_registers(&mut self, lines: &mut [Line]) {
        for (line, name, register) in self.registers.drain(..) {
            if let Some(Line::Modbus(modbus)) = lines.get_mut(usize::from(line)) {
                modbus.registers.insert(name, register);
            }
        }
    }

    /// What a register is set to for on and off, and whether it can be what the kind wants.
    pub(super) fn modbus_payloads(
        &mut self,
        section: &mut Section<'_>,
        (word, kind): (Option<KindWord>, Option<&ActuatorKind>),
        register: Option<Register>,
    ) -> Payloads {
        for key in ["payload", "state_topic", "state_field", "state_on", "state_off"] {
            section.out_of_place(self, key, "not with `modbus`: the register is read back");
        }
        if word == Some(KindWord::Choice) {
            let allowed = "switch, level or pulse: registers have no words";
            section.fault(self, "kind", "\"choice\" with `modbus`".into(), allowed);
        }
        let bits = register.is_some_and(|register| register.table.is_bits());
        let bare = matches!(word, Some(KindWord::Level | KindWord::Choice));
        for key in ["on", "off"] {
            if bits {
                section.out_of_place(self, key, "not with a coil: it is on or off");
            } else if bare {
                section.out_of_place(self, key, "only for switch and pulse; others say the value");
            }
        }
        if let Some(register) = register {
            self.register_takes(section, kind, register);
        }
        let mut number = |key, default: f64| {
            let holds = |n: f64| register.is_none_or(|register| register.holds(n));
            let given = section.number(self, key, "a number that the register holds", holds);
            said(register, given.unwrap_or(default))
        };
        let (on, off) = if bits || bare {
            ("1".into(), "0".into())
        } else {
            (number("on", 1.0), number("off", 0.0))
        };
        if on == off {
            section.fault(self, "off", format!("{off}, the same as `on`"), "another number");
        }
        let words = [on.clone(), off.clone(), on, off];
        Payloads::on_line(words, self.confirm_within(section))
    }

    fn register_takes(
        &mut self,
        section: &Section<'_>,
        kind: Option<&ActuatorKind>,
        register: Register,
    ) {
        if !register.table.takes_orders() {
            let allowed = "a coil or a holding register: others cannot be written";
            section.fault(self, "register", quoted(&register.to_string()), allowed);
        }
        let Some(ActuatorKind::Level { min, max, step }) = kind else { return };
        if register.table.is_bits() {
            let allowed = "a holding register: a level is a number";
            section.fault(self, "register", quoted(&register.to_string()), allowed);
            return;
        }
        let whole = register.format != Format::F32;
        for (key, number) in [("min", min), ("max", max), ("step", step)] {
            let fits = match key {
                "step" => !whole || number.fract() == 0.0,
                _ => register.holds(*number),
            };
            if !fits {
                let found = format!("{number} with \"{register}\"");
                section.fault(self, key, found, "a number that the register holds");
            }
        }
    }
}

/// A number as the register will say it.
fn said(register: Option<Register>, number: f64) -> String {
    let words = register.and_then(|register| register.write(number));
    let back = words.and_then(|words| register.and_then(|register| register.read(&words)));
    back.unwrap_or_else(|| number.to_string())
}

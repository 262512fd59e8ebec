//! `[modbus.<name>]` and the registers that sensors and actuators name. No I/O, no protocol.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Modbus devices behind one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Modbus {
    /// The section's name.
    pub name: String,
    /// How they are reached.
    pub via: ModbusVia,
    /// Time between two rounds in which everything is read.
    pub every: Duration,
    /// A device that is silent for so long counts as silent.
    pub answer_within: Duration,
    /// What sensors and actuators name, by the name that their [`super::Port`] has.
    pub registers: BTreeMap<String, Register>,
}

/// How Modbus devices are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModbusVia {
    /// Modbus TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Modbus RTU on a serial line.
    Rtu {
        /// The device's path.
        device: PathBuf,
        /// Bits a second.
        baud: u32,
        /// The bit that guards each byte.
        parity: Parity,
    },
}

/// The bit that guards a byte on a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// No such bit.
    None,
    /// An even count of ones.
    Even,
    /// An odd count of ones.
    Odd,
}

/// The four tables of a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModbusTable {
    /// Bits that can be written.
    Coil,
    /// Bits that cannot.
    Discrete,
    /// Registers that can be written.
    Holding,
    /// Registers that cannot.
    Input,
}

/// What registers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 16 bits from 0.
    U16,
    /// 16 bits with a sign.
    I16,
    /// 32 bits from 0, in two registers.
    U32,
    /// 32 bits with a sign, in two registers.
    I32,
    /// A fraction, in two registers.
    F32,
}

/// A value of a device: one bit, or one or two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Address of the device on its line, or behind its gateway.
    pub station: u8,
    /// Which table.
    pub table: ModbusTable,
    /// Address in the table, from 0 as on the wire.
    pub address: u16,
    /// Of a register; bits have none.
    pub format: Format,
    /// The low half of two registers comes first.
    pub swapped: bool,
}

const TABLES: [(&str, ModbusTable); 4] = [
    ("coil", ModbusTable::Coil),
    ("discrete", ModbusTable::Discrete),
    ("holding", ModbusTable::Holding),
    ("input", ModbusTable::Input),
];
const FORMATS: [(&str, Format); 5] = [
    ("u16", Format::U16),
    ("i16", Format::I16),
    ("u32", Format::U32),
    ("i32", Format::I32),
    ("f32", Format::F32),
];

impl ModbusTable {
    /// It has bits, not registers.
    #[must_use]
    pub fn is_bits(self) -> bool {
        matches!(self, ModbusTable::Coil | ModbusTable::Discrete)
    }

    /// It can be written.
    #[must_use]
    pub fn takes_orders(self) -> bool {
        matches!(self, ModbusTable::Coil | ModbusTable::Holding)
    }
}

impl Format {
    /// Registers of a value.
    #[must_use]
    pub fn width(self) -> u16 {
        match self {
            Format::U16 | Format::I16 => 1,
            Format::U32 | Format::I32 | Format::F32 => 2,
        }
    }

    /// Least and greatest number that it holds.
    #[must_use]
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Format::U16 => (0.0, f64::from(u16::MAX)),
            Format::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
            Format::U32 => (0.0, f64::from(u32::MAX)),
            Format::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Format::F32 => (f64::from(f32::MIN), f64::from(f32::MAX)),
        }
    }
}

impl Register {
    /// Places in its table that it takes.
    #[must_use]
    pub fn width(self) -> u16 {
        if self.table.is_bits() { 1 } else { self.format.width() }
    }

    /// Can it hold this number exactly (of a fraction: as near as it can)?
    #[must_use]
    pub fn holds(self, number: f64) -> bool {
        let (least, most) = self.format.bounds();
        (least..=most).contains(&number) && (self.format == Format::F32 || number.fract() == 0.0)
    }

    /// The words of its registers as a number, in its shortest digits; `None`: too few words.
    #[must_use]
    pub fn read(self, words: &[u16]) -> Option<String> {
        let one = *words.first()?;
        if self.format.width() == 1 {
            return Some(match self.format {
                Format::I16 => one.cast_signed().to_string(),
                _ => one.to_string(),
            });
        }
        let two = *words.get(1)?;
        let (high, low) = if self.swapped { (two, one) } else { (one, two) };
        let both = u32::from(high) << 16 | u32::from(low);
        Some(match self.format {
            Format::F32 => f32::from_bits(both).to_string(),
            Format::I32 => both.cast_signed().to_string(),
            _ => both.to_string(),
        })
    }

    /// The words that say a number; `None`: it does not fit.
    #[must_use]
    pub fn write(self, number: f64) -> Option<Vec<u16>> {
        // Levels are multiples of a step, computed with rounding.
        let number = if self.format == Format::F32 { number } else { number.round() };
        if !self.holds(number) {
            return None;
        }
        let both = match self.format {
            Format::U16 => return Some(vec![number as u16]),
            Format::I16 => return Some(vec![(number as i16).cast_unsigned()]),
            Format::U32 => number as u32,
            Format::I32 => (number as i32).cast_unsigned(),
            Format::F32 => (number as f32).to_bits(),
        };
        let (high, low) = ((both >> 16) as u16, both as u16);
        Some(if self.swapped { vec![low, high] } else { vec![high, low] })
    }
}

impl FromStr for Register {
    type Err = ();

    /// `holding 40`, `input 3 f32`, `holding 7 u32 swapped`, `coil 5`; of station 0.
    fn from_str(text: &str) -> Result<Register, ()> {
        let mut words = text.split_whitespace();
        let table = words.next().ok_or(())?;
        let (_, table) = *TABLES.iter().find(|(word, _)| *word == table).ok_or(())?;
        let address: u16 = words.next().ok_or(())?.parse().map_err(|_| ())?;
        let format = words.next();
        let found = format.map(|format| FORMATS.iter().find(|(word, _)| *word == format));
        let format = match found {
            None => Format::U16,
            Some(Some((_, format))) if !table.is_bits() => *format,
            Some(_) => return Err(()),
        };
        let swapped = match words.next() {
            None => false,
            Some("swapped") if format.width() == 2 => true,
            Some(_) => return Err(()),
        };
        let register = Register { station: 0, table, address, format, swapped };
        let fits = address.checked_add(register.width() - 1).is_some();
        if words.next().is_none() && fits { Ok(register) } else { Err(()) }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = TABLES.iter().find(|(_, table)| *table == self.table);
        write!(f, "{} {}", table.map_or("", |(word, _)| word), self.address)?;
        if !self.table.is_bits() {
            let format = FORMATS.iter().find(|(_, format)| *format == self.format);
            write!(f, " {}", format.map_or("", |(word, _)| word))?;
        }
        if self.swapped {
            f.write_str(" swapped")?;
        }
        write!(f, " of station {}", self.station)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_read_and_written_as_the_devices_do() {
        let of = |text: &str| text.parse::<Register>().unwrap();
        for (text, number, words) in [
            ("holding 1", "40000", &[40_000][..]),
            ("holding 1 i16", "-2", &[0xFFFE]),
            ("input 1 u32", "65538", &[1, 2]),
            ("input 1 u32 swapped", "65538", &[2, 1]),
            ("input 1 i32", "-2", &[0xFFFF, 0xFFFE]),
            // 21.4 in the bytes of IEEE 754.
            ("holding 1 f32", "21.4", &[0x41AB, 0x3333]),
        ] {
            assert_eq!(of(text).read(words).unwrap(), number, "{text}");
            assert_eq!(of(text).write(number.parse().unwrap()).unwrap(), words, "{text}");
        }
        assert_eq!(of("holding 1 u32").read(&[1]), None);
        assert_eq!(of("holding 1").write(65_536.0), None);
        assert_eq!(of("holding 1 i16").write(6.0 * 0.5 + 1e-12), Some(vec![3]));
    }

    #[test]
    fn what_is_no_register_is_refused() {
        for text in [
            "",
            "holding",
            "holding x",
            "holding 65536",
            "holding -1",
            "coil 1 u16",
            "coils 1",
            "holding 1 u16 swapped",
            "holding 1 u64",
            "holding 65535 f32",
            "input 1 f32 swapped x",
        ] {
            assert!(text.parse::<Register>().is_err(), "{text}");
        }
        let far: Register = " input  65534 f32 swapped".parse().unwrap();
        assert_eq!(far.to_string(), "input 65534 f32 swapped of station 0");
    }
}

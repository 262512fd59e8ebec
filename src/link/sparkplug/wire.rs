//! Messages of Sparkplug B as bytes (Protocol Buffers): the numbers of the fields that are used
//! here, by the specification 3.0, section 6.4. Others are passed over.

use prost::{Message, Oneof};

/// A message.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Payload {
    /// Milliseconds since 1970.
    #[prost(uint64, optional, tag = "1")]
    pub(crate) timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) metrics: Vec<Metric>,
    /// From 0 to 255, and again from 0.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) seq: Option<u64>,
}

/// A value with what is said of it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    /// A number that stands for the name since the birth.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) datatype: Option<u32>,
    /// Of the past: it is not what is now.
    #[prost(bool, optional, tag = "5")]
    pub(crate) is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(crate) is_null: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub(crate) properties: Option<Properties>,
    #[prost(oneof = "Raw", tags = "10, 11, 12, 13, 14, 15")]
    pub(crate) value: Option<Raw>,
}

/// Words about a metric: names, and their values in the same order.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Properties {
    #[prost(string, repeated, tag = "1")]
    pub(crate) keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) values: Vec<Property>,
}

/// The value of such a word.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Property {
    #[prost(oneof = "Said", tags = "3, 4, 5, 6, 7, 8")]
    pub(crate) value: Option<Said>,
}

/// A value as it is on the wire; the type says what its bits mean.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Raw {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Bool(bool),
    #[prost(string, tag = "15")]
    Text(String),
}

/// The same of a property.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Said {
    #[prost(uint32, tag = "3")]
    Int(u32),
    #[prost(uint64, tag = "4")]
    Long(u64),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(double, tag = "6")]
    Double(f64),
    #[prost(bool, tag = "7")]
    Bool(bool),
    #[prost(string, tag = "8")]
    Text(String),
}

/// Types of values, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Whole, of so many bits, with a sign or without.
    Whole(u32, bool),
    Float,
    Double,
    Bool,
    Text,
}

impl Type {
    /// Of a number; `None`: one that is no single value (sets, files, templates, arrays).
    pub(crate) fn of(number: u32) -> Option<Type> {
        Some(match number {
            1 => Type::Whole(8, true),
            2 => Type::Whole(16, true),
            3 => Type::Whole(32, true),
            4 => Type::Whole(64, true),
            5 => Type::Whole(8, false),
            6 => Type::Whole(16, false),
            7 => Type::Whole(32, false),
            // 13: a moment, in milliseconds.
            8 | 13 => Type::Whole(64, false),
            9 => Type::Float,
            10 => Type::Double,
            11 => Type::Bool,
            12 | 14 | 15 => Type::Text,
            _ => return None,
        })
    }

    /// A value of this type as text; `None`: the wire has another.
    pub(crate) fn read(self, raw: &Raw) -> Option<String> {
        Some(match (self, raw) {
            (Type::Whole(bits, sign), Raw::Int(n)) => whole(u64::from(*n), bits.min(32), sign),
            (Type::Whole(bits, sign), Raw::Long(n)) => whole(*n, bits, sign),
            (Type::Float | Type::Double, Raw::Float(n)) => n.to_string(),
            (Type::Float | Type::Double, Raw::Double(n)) => n.to_string(),
            (Type::Bool, Raw::Bool(yes)) => yes.to_string(),
            (Type::Text, Raw::Text(text)) => text.clone(),
            _ => return None,
        })
    }

    /// A number as a value of this type; `None`: it does not fit.
    pub(crate) fn number(self, number: f64) -> Option<Raw> {
        match self {
            Type::Float if number.abs() <= f64::from(f32::MAX) => Some(Raw::Float(number as f32)),
            Type::Double if number.is_finite() => Some(Raw::Double(number)),
            Type::Whole(bits, sign) => {
                // Levels are multiples of a step, computed with rounding.
                let number = number.round();
                let most = 2f64.powi(i32::try_from(bits).ok()? - i32::from(sign));
                let least = if sign { -most } else { 0.0 };
                if !(least..most).contains(&number) {
                    return None;
                }
                let whole = if sign { (number as i64).cast_unsigned() } else { number as u64 };
                Some(match bits {
                    64 => Raw::Long(whole),
                    // The low half has the sign too.
                    _ => Raw::Int((whole & u64::from(u32::MAX)) as u32),
                })
            }
            _ => None,
        }
    }
}

/// The low bits as a number.
fn whole(raw: u64, bits: u32, sign: bool) -> String {
    let spare = 64 - bits.clamp(1, 64);
    let low = raw << spare;
    if sign { (low.cast_signed() >> spare).to_string() } else { (low >> spare).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written_as_their_type_says() {
        for (number, value, raw) in [
            (1, -2.0, Raw::Int(0xFFFF_FFFE)),
            (2, -300.0, Raw::Int(0xFFFF_FED4)),
            (3, -70_000.0, Raw::Int(0xFFFE_EE90)),
            (4, -5.0, Raw::Long(u64::MAX - 4)),
            (5, 200.0, Raw::Int(200)),
            (7, 4_000_000_000.0, Raw::Int(4_000_000_000)),
            (8, 9e12, Raw::Long(9_000_000_000_000)),
            (10, 21.4, Raw::Double(21.4)),
        ] {
            let of = Type::of(number).unwrap();
            assert_eq!(of.number(value), Some(raw.clone()), "type {number}");
            assert_eq!(of.read(&raw).unwrap().parse::<f64>().unwrap(), value, "type {number}");
        }
        // Some write a byte's bits alone.
        assert_eq!(Type::of(1).unwrap().read(&Raw::Int(0xFE)).unwrap(), "-2");
        assert_eq!(Type::Float.read(&Raw::Float(21.4)).unwrap(), "21.4");
        for (number, value) in [(1, 128.0), (5, -1.0), (6, 65_536.0), (9, 1e300), (10, f64::NAN)] {
            assert_eq!(Type::of(number).unwrap().number(value), None, "type {number}");
        }
        assert_eq!(Type::Bool.read(&Raw::Text("true".into())), None);
        assert_eq!(Type::of(16), None, "a set");
    }
}

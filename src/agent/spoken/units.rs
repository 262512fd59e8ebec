//! Units as people say them. What must never be here: what a number is for.

use super::words::{List, has};

/// Units, and the words for each.
const SAID: &[(&str, List)] = &[
    ("°c", "degrees degree deg c celsius centigrade"),
    ("°dh", "degrees degree deg german dh hardness"),
    ("%", "percent per cent pct"),
    ("bar", "bars"),
    ("mbar", "millibar millibars"),
    ("w", "watt watts"),
    ("kw", "kilowatt kilowatts"),
    ("kwh", "kilowatt hours"),
    ("ppm", "parts per million"),
    ("ppb", "parts per billion"),
    ("lx", "lux"),
    ("db", "decibel decibels"),
    ("v", "volt volts"),
    ("mv", "millivolt millivolts"),
    ("kv", "kilovolt kilovolts"),
    ("mpa", "megapascal megapascals"),
    ("lm", "lumen lumens"),
    ("k", "kelvin kelvins"),
    ("a", "amp amps ampere amperes"),
    ("ma", "milliamp milliamps"),
    ("hz", "hertz"),
    ("km", "kilometre kilometres kilometer kilometers"),
    ("km/h", "kph"),
    ("m", "metre metres meter meters"),
    ("cm", "centimetre centimetres centimeter centimeters cms"),
    ("mm", "millimetre millimetres millimeter millimeters mils"),
    ("µm", "micron microns micrometre micrometres"),
    ("l", "litre litres liter liters ltr"),
    ("ml", "millilitre millilitres milliliter milliliters"),
    ("hl", "hectolitre hectolitres"),
    ("g", "gram grams"),
    ("mg", "milligram milligrams"),
    ("µg", "microgram micrograms"),
    ("kg", "kilo kilos kilogram kilograms"),
    ("t", "ton tons tonne tonnes"),
    ("pa", "pascal pascals"),
    ("hpa", "hectopascal hectopascals"),
    ("kpa", "kilopascal kilopascals"),
    ("kn", "kilonewton kilonewtons"),
    ("n", "newton newtons"),
    ("knots", "knot kn"),
    ("rpm", "revs revolutions per minute turns"),
    ("ms", "millisiemens"),
    ("µs", "microsiemens micro siemens"),
    ("m³", "cubic metre metres meter meters"),
    ("m3", "cubic metre metres meter meters"),
    ("m²", "square metre metres meter meters"),
    ("bq", "becquerel becquerels"),
    ("ntu", "turbidity units"),
    ("h", "hour"),
    ("min", "minute"),
    ("s", "second"),
    ("d", "day"),
];

/// Whether it is a word of some unit.
pub(super) fn is_any_unit(word: &str) -> bool {
    SAID.iter().any(|(unit, words)| *unit == word || has(words, word))
}

/// Units of one kind, each with its size in the first of them.
const SIZES: &[&[(&str, f64)]] = &[
    &[("mm", 1.0), ("µm", 1e-3), ("cm", 10.0), ("m", 1e3), ("km", 1e6)],
    &[("g", 1.0), ("mg", 1e-3), ("kg", 1e3), ("t", 1e6)],
    &[("w", 1.0), ("kw", 1e3)],
    &[("v", 1.0), ("mv", 1e-3), ("kv", 1e3)],
    &[("a", 1.0), ("ma", 1e-3)],
    &[("pa", 1.0), ("hpa", 100.0), ("mbar", 100.0), ("kpa", 1e3), ("bar", 1e5)],
    &[("l", 1.0), ("ml", 1e-3), ("hl", 100.0)],
];

/// How many of this unit one is that is said: 10 mm a "centimetre". `None` where it is the unit
/// itself, or of another kind.
pub(super) fn times(said: &str, unit: &str) -> Option<f64> {
    let unit = unit.to_lowercase().replace('μ', "µ");
    // "A" and "m" alone are words and other units.
    let is = |known: &str| said.len() > 1 && unit_words(known).iter().any(|word| word == said);
    let kind = SIZES.iter().find(|kind| kind.iter().any(|(known, _)| *known == unit))?;
    let size = |unit: &str| kind.iter().find(|(known, _)| *known == unit).map(|(_, size)| *size);
    if is(&unit) {
        return None;
    }
    let (_, other) = kind.iter().find(|(known, _)| *known != unit && is(known))?;
    Some(other / size(&unit)?)
}

/// The words of a unit as people say it: those of its parts, with "per" and "an" where it has two.
pub(in crate::agent) fn unit_words(unit: &str) -> Vec<String> {
    let unit = unit.to_lowercase().replace('μ', "µ");
    let parts: Vec<&str> = unit.split('/').collect();
    let own = unit.split(['/', '°', '%']).filter(|piece| !piece.is_empty());
    let said = SAID.iter().filter(|(known, _)| *known == unit || parts.contains(known));
    let said = said.flat_map(|(_, words)| words.split_ascii_whitespace());
    let per: List = if parts.len() > 1 { "per a an each" } else { "" };
    own.chain(said).chain(per.split_ascii_whitespace()).map(str::to_owned).collect()
}

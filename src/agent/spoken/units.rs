//! Units as people say them. What must never be here: what a number is for.

use super::words::List;

/// The words of a unit as people say it: those of its parts, with "per" and "an" where it has two.
pub(in crate::agent) fn unit_words(unit: &str) -> Vec<String> {
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
    let unit = unit.to_lowercase().replace('μ', "µ");
    let parts: Vec<&str> = unit.split('/').collect();
    let own = unit.split(['/', '°', '%']).filter(|piece| !piece.is_empty());
    let said = SAID.iter().filter(|(known, _)| *known == unit || parts.contains(known));
    let said = said.flat_map(|(_, words)| words.split_ascii_whitespace());
    let per: List = if parts.len() > 1 { "per a an each" } else { "" };
    own.chain(said).chain(per.split_ascii_whitespace()).map(str::to_owned).collect()
}

//! Words of strangers: made harmless to show, and into names of the configuration.

use std::collections::BTreeSet;

use crate::limits::DISCOVER_WORDS_MAX;

/// A character that can be shown: no control character, none that turns the direction of writing.
#[must_use]
pub fn is_harmless(c: char) -> bool {
    let marks = matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}');
    let turns = marks || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2065}'..='\u{2069}');
    !c.is_control() && !turns && c != '\u{feff}'
}

/// Text that can be shown on a terminal and stand in a comment: no control characters, none that
/// turn the direction of writing, bounded.
pub(super) fn shown(text: &str) -> String {
    let harmless = |c: &char| is_harmless(*c);
    let mut out: String = text.chars().filter(harmless).take(2 * DISCOVER_WORDS_MAX).collect();
    if out.chars().count() < text.chars().filter(harmless).count() {
        out.push('…');
    }
    out
}

/// Names that are taken already.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// A name in snake_case out of the device's and the part's, which nobody has yet.
    pub(super) fn unique(&mut self, device: &str, part: &str) -> String {
        let (device, part) = (snake(device), snake(part));
        let both = if part.is_empty() || device == part || part.starts_with(&format!("{device}_")) {
            if part.is_empty() { device } else { part }
        } else if device.is_empty() {
            part
        } else {
            format!("{device}_{part}")
        };
        let first = both.chars().next();
        let mut name = match first {
            None => "unnamed".to_owned(),
            Some(c) if c.is_ascii_digit() => format!("n{both}"),
            Some(_) => both,
        };
        // Room for a number behind it.
        name.truncate(DISCOVER_WORDS_MAX - 6);
        let name = name.trim_end_matches('_').to_owned();
        let mut tried = name.clone();
        let mut number = 1;
        while crate::expr::is_reserved(&tried) || !self.taken.insert(tried.clone()) {
            number += 1;
            tried = format!("{name}_{number}");
        }
        tried
    }
}

fn snake(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(4 * DISCOVER_WORDS_MAX) {
        let plain = match c {
            'ä' | 'Ä' => "ae",
            'ö' | 'Ö' => "oe",
            'ü' | 'Ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' => "a",
            'é' | 'è' | 'ê' | 'ë' => "e",
            'í' | 'ì' | 'î' | 'ï' => "i",
            'ó' | 'ò' | 'ô' | 'õ' | 'ø' => "o",
            'ú' | 'ù' | 'û' => "u",
            'ç' => "c",
            'ñ' => "n",
            '₂' => "2",
            _ => "",
        };
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !plain.is_empty() {
            out.push_str(plain);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_free_and_each_once() {
        let mut names = Names::default();
        assert_eq!(names.unique("Kitchen sensor", "Temperature"), "kitchen_sensor_temperature");
        assert_eq!(names.unique("kitchen_sensor", "temperature"), "kitchen_sensor_temperature_2");
        assert_eq!(names.unique("Pump", ""), "pump");
        assert_eq!(names.unique("0x00158d0001", "CO₂"), "n0x00158d0001_co2");
        assert_eq!(names.unique("", "hour"), "hour_2", "a word of the expressions");
        assert_eq!(names.unique("Küche", "Küche Heizkörper"), "kueche_heizkoerper");
        assert_eq!(names.unique("\u{202e}☃", "\n"), "unnamed");
        let long = names.unique(&"a".repeat(9000), "b");
        assert!(long.len() <= DISCOVER_WORDS_MAX && !crate::expr::is_reserved(&long));
    }

    #[test]
    fn what_is_shown_cannot_move_the_cursor_or_turn_the_text() {
        assert_eq!(shown("a\u{1b}[31mb\r\n\u{202e}c\u{2066}d"), "a[31mbcd");
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), 2 * DISCOVER_WORDS_MAX + 1);
    }
}

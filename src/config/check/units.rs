//! Durations and sizes as people write them. No bounds here: who asks has them.

use std::time::Duration;

/// What a duration looks like, for messages.
pub(super) const DURATION_FORM: &str =
    "a number with ms, s, m, h or d, such as \"10s\" or \"1h30m\"";
/// What a size looks like, for messages.
pub(super) const SIZE_FORM: &str = "a number with B, KB, MB or GB, such as \"512MB\"";

/// Reads `10s`, `250ms`, `5m`, `2h`, `1d` or several of them in a row; whole numbers only.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let (number, unit, after) = number_and_unit(rest)?;
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 24 * 3_600_000,
            _ => return None,
        };
        total_ms = total_ms.checked_add(number.checked_mul(unit_ms)?)?;
        rest = after.trim_start();
    }
    Some(Duration::from_millis(total_ms))
}

/// Reads `512MB`, `2GB`, `64KiB`, `100B`; whole numbers only.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit, after) = number_and_unit(text.trim())?;
    if !after.is_empty() {
        return None;
    }
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Reads `06:00`, `6:30`: minutes since midnight, below a day.
pub(super) fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits =
        |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || minute.len() != 2 || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Splits `10s rest` into 10, `s` and ` rest`.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, after) = text.split_at(digits);
    let after = after.trim_start();
    let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    Some((number.parse().ok()?, unit, after))
}

/// A duration as a person would write it.
pub(super) fn duration_words(ms: u64) -> String {
    for (unit_ms, unit) in [(24 * 3_600_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms >= unit_ms && ms.is_multiple_of(unit_ms) {
            return format!("{}{unit}", ms / unit_ms);
        }
    }
    if ms == 0 { "0s".into() } else { format!("{ms}ms") }
}

/// A size as a person would write it.
pub(super) fn size_words(bytes: u64) -> String {
    for (unit_bytes, unit) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "KB")] {
        if bytes >= unit_bytes && bytes.is_multiple_of(unit_bytes) {
            return format!("{}{unit}", bytes / unit_bytes);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units() {
        for (text, ms) in [
            ("10s", 10_000),
            ("250ms", 250),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            (" 0s ", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1.5s", "10 parsecs", "1e3s", "99999999999999999999s"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration("18446744073709551615d"), None);
        assert_eq!(duration("18446744073709551615ms18446744073709551615ms"), None);
    }

    #[test]
    fn sizes_are_whole_numbers_with_units() {
        for (text, bytes) in
            [("2MB", 2_000_000), ("512 MB", 512_000_000), ("1GiB", 1 << 30), ("100b", 100)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "5", "MB", "-1MB", "1.5GB", "2MB2MB", "99999999999GB", "3TB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn words_read_back() {
        for ms in [0, 1, 250, 1000, 90_000, 3_600_000, 86_400_000, 86_400_001] {
            assert_eq!(duration(&duration_words(ms)), Some(Duration::from_millis(ms)));
        }
        for bytes in [0, 1, 1000, 2_000_000, 4_194_304, 1_000_000_000_000] {
            assert_eq!(size(&size_words(bytes)), Some(bytes));
        }
    }
}

//! Spans of the day in which something may be done. Pure.

use super::{ClockTrust, Now};

/// Whether now is in one of the spans, in minutes of the local day; always, where there are none,
/// or where nobody knows the time: a board that never learns it would never do it.
#[must_use]
pub fn in_zone(hours: &[(u16, u16)], zone: &jiff::tz::TimeZone, now: Now) -> bool {
    if hours.is_empty() || now.trust != ClockTrust::Synced {
        return true;
    }
    let Ok(at) = jiff::Timestamp::from_millisecond(now.unix_ms) else { return true };
    let local = at.to_zoned_datetime(zone.clone());
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    hours.iter().any(|span| within(*span, minute))
}

/// The same by the name of a time zone; one that is not known is UTC.
#[must_use]
pub fn holds(hours: &[(u16, u16)], timezone: &str, now: Now) -> bool {
    let zone = jiff::tz::TimeZone::get(timezone).unwrap_or(jiff::tz::TimeZone::UTC);
    in_zone(hours, &zone, now)
}

/// A minute of the day in a span that may go over midnight.
fn within((from, to): (u16, u16), minute: i32) -> bool {
    let (from, to) = (i32::from(from), i32::from(to));
    if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

#[cfg(test)]
mod tests {
    use super::super::Tick;
    use super::*;

    #[test]
    fn a_span_may_go_over_midnight() {
        let night = (22 * 60, 6 * 60);
        let in_it = |minute| within(night, minute);
        assert!(in_it(22 * 60) && in_it(0) && in_it(6 * 60 - 1));
        assert!(!in_it(6 * 60) && !in_it(12 * 60) && !in_it(22 * 60 - 1));
        assert!(within((60, 120), 119) && !within((60, 120), 120));
    }

    #[test]
    fn hours_are_those_of_the_place_and_count_where_the_time_is_known() {
        // 1970-01-02 at half past one in the night, in UTC.
        let mut now = Now { tick: Tick(0), unix_ms: 91_800_000, trust: ClockTrust::Synced };
        assert!(holds(&[(60, 120)], "UTC", now) && !holds(&[(120, 180)], "UTC", now));
        assert!(holds(&[(120, 180)], "Europe/Berlin", now));
        assert!(holds(&[], "UTC", now));
        now.trust = ClockTrust::Unset;
        assert!(holds(&[(120, 180)], "UTC", now));
    }
}

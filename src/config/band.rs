//! What a goal wants of its sensor at one time, and whether two such wishes can both be kept. The
//! same for `check` and for the agent. No state, no judgement of a plan.

use super::checked::Aim;

/// For how long after its time a `reach` goal is judged and held.
pub const REACH_HELD_MINUTES: u16 = 60;
/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// What a goal wants of its sensor at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// Between these, of which one may be missing.
    Inside(Option<f64>, Option<f64>),
    /// Not between these, of which one may be missing.
    Outside(Option<f64>, Option<f64>),
}

impl Band {
    /// How far a value is from what is wanted; 0 where it is kept.
    #[must_use]
    pub fn gap(self, value: f64) -> f64 {
        match self {
            Band::Inside(min, max) => {
                let low = min.map_or(0.0, |min| (min - value).max(0.0));
                let high = max.map_or(0.0, |max| (value - max).max(0.0));
                low.max(high)
            }
            // The nearer way out.
            Band::Outside(min, max) => {
                let down = min.map_or(f64::INFINITY, |min| value - min);
                let up = max.map_or(f64::INFINITY, |max| max - value);
                down.min(up).max(0.0)
            }
        }
    }

    /// Some value keeps both, as `check` judges it.
    #[must_use]
    pub fn meets(self, other: Band) -> bool {
        let ends = |min: Option<f64>, max: Option<f64>| {
            (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY))
        };
        match (self, other) {
            (Band::Inside(a, b), Band::Inside(c, d)) => {
                let ((a, b), (c, d)) = (ends(a, b), ends(c, d));
                a <= d && c <= b
            }
            (Band::Inside(a, b), Band::Outside(c, d))
            | (Band::Outside(c, d), Band::Inside(a, b)) => {
                let ((a, b), (c, d)) = (ends(a, b), ends(c, d));
                a < c || d < b
            }
            // Together they leave nothing: one takes all below, the other all above.
            (Band::Outside(a, b), Band::Outside(c, d)) => {
                let ((a, b), (c, d)) = (ends(a, b), ends(c, d));
                let all = |low: f64, high: f64, reach: f64, from: f64| {
                    low == f64::NEG_INFINITY && high == f64::INFINITY && reach >= from
                };
                !all(a, d, b, c) && !all(c, b, d, a)
            }
        }
    }

    /// The bounds to stay inside of, seen from a value: a band that is avoided leaves the side on
    /// which the value is, or the nearer one.
    #[must_use]
    pub fn bounds(self, value: f64) -> (Option<f64>, Option<f64>) {
        match self {
            Band::Inside(min, max) => (min, max),
            Band::Outside(min, None) => (None, min),
            Band::Outside(None, max) => (max, None),
            Band::Outside(Some(min), Some(max)) => {
                if value - min < max - value {
                    (None, Some(min))
                } else {
                    (Some(max), None)
                }
            }
        }
    }
}

/// What an aim wants at a minute of the day; `None`: nothing now, or the time is not known.
#[must_use]
pub fn band_at(aim: &Aim, minute: Option<u16>) -> Option<Band> {
    match aim {
        Aim::Keep { min, max, .. } => Some(Band::Inside(*min, *max)),
        Aim::Avoid { min, max, .. } => Some(Band::Outside(*min, *max)),
        Aim::Reach { min, max, by_minute, .. } => {
            let since = (minute? + DAY_MINUTES - by_minute) % DAY_MINUTES;
            (since < REACH_HELD_MINUTES).then_some(Band::Inside(*min, *max))
        }
        Aim::Follow { schedule, within, .. } => {
            let minute = minute?;
            let now = schedule.iter().rev().find(|(from, _)| *from <= minute);
            let (_, value) = now.or(schedule.last())?;
            Some(Band::Inside(Some(value - within), Some(value + within)))
        }
        Aim::Minimise(_) => None,
    }
}

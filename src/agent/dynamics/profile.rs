//! A sensor's day: its mean for each half hour, learned over days. Answers what it will be like.

/// Half hours of a day.
const BINS: usize = 48;
/// Weight of a new mean in its bin: six intervals a day make about a third of it new.
const PACE: f64 = 0.07;
/// Hours after which a deviation from the usual day has faded to a third.
const FADES_HOURS: f64 = 3.0;

/// The usual day; NaN where nothing is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile([f64; BINS]);

impl Default for Profile {
    fn default() -> Profile {
        Profile([f64::NAN; BINS])
    }
}

impl Profile {
    /// As it was written down; another length counts as nothing known.
    #[must_use]
    pub fn of(stored: &[Option<f32>]) -> Profile {
        let mut profile = Profile::default();
        if stored.len() == BINS {
            for (bin, value) in profile.0.iter_mut().zip(stored) {
                *bin = value.map_or(f64::NAN, f64::from);
            }
        }
        profile
    }

    /// To be written down.
    #[must_use]
    pub fn stored(&self) -> Vec<Option<f32>> {
        self.0.iter().map(|value| value.is_finite().then_some(*value as f32)).collect()
    }

    /// The mean of an interval that ended at this hour.
    pub fn note(&mut self, hour: f64, mean: f64) {
        let bin = &mut self.0[place(hour).0];
        *bin = if bin.is_finite() { *bin + PACE * (mean - *bin) } else { mean };
    }

    fn at(&self, hour: f64) -> Option<f64> {
        let (bin, share) = place(hour);
        // Between the middles of two half hours.
        let (from, to, share) = match share < 0.5 {
            true => ((bin + BINS - 1) % BINS, bin, share + 0.5),
            false => (bin, (bin + 1) % BINS, share - 0.5),
        };
        let (from, to) = (self.0[from], self.0[to]);
        let value = from + (to - from) * share;
        value.is_finite().then_some(value)
    }

    /// What will be in some hours, where it is `value` now: the usual day, and what is unusual now
    /// fading. Without knowledge of the day it stays as it is.
    #[must_use]
    pub fn ahead(&self, value: f64, hour: f64, hours: f64) -> f64 {
        match (self.at(hour), self.at((hour + hours) % 24.0)) {
            (Some(now), Some(then)) => then + (value - now) * (-hours / FADES_HOURS).exp(),
            _ => value,
        }
    }
}

/// Half hour of an hour of the day, and how far into it.
fn place(hour: f64) -> (usize, f64) {
    let halves = hour.rem_euclid(24.0) * 2.0;
    ((halves as usize).min(BINS - 1), halves.fract())
}

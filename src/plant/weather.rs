//! Weather outside a simulated place: sun, clouds, temperature, moisture, wind and rain of a seed.
//! Pure: time comes in, numbers come out; no command ever changes it.
//!
//! A point is computed each minute and read in between by straight lines.

use rand::rngs::StdRng;

use super::noise::{Wander, between, chance, normal, stream};

/// Latitude of the place, in degrees: central Europe.
const LATITUDE_DEG: f64 = 50.0;
/// Hour at which a simulated place starts: the sun is about to rise, so something happens at once.
pub(crate) const START_HOUR: u64 = 6;
/// 2026-01-01 00:00 UTC in seconds since 1970; the year is of no meaning to the weather.
const YEAR_START_UNIX_S: i64 = 1_767_225_600;
/// Minutes of a day.
const DAY_MIN: u64 = 24 * 60;

/// The air outside at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outside {
    /// Global radiation on the level, in W/m².
    pub sun_w_m2: f64,
    /// Air temperature, in °C.
    pub temperature_c: f64,
    /// Water vapour, in kg/m³.
    pub vapour_kg_m3: f64,
    /// Wind, mean of a minute, in m/s.
    pub wind_m_s: f64,
    /// Rain, in mm/h.
    pub rain_mm_h: f64,
}

impl Outside {
    /// The state at `share` of the way to `next`.
    fn towards(&self, next: &Outside, share: f64) -> Outside {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Outside {
            sun_w_m2: mix(self.sun_w_m2, next.sun_w_m2),
            temperature_c: mix(self.temperature_c, next.temperature_c),
            vapour_kg_m3: mix(self.vapour_kg_m3, next.vapour_kg_m3),
            wind_m_s: mix(self.wind_m_s, next.wind_m_s),
            // A shower begins and ends; it does not fade.
            rain_mm_h: self.rain_mm_h,
        }
    }
}

/// A storm: it rises, blows and dies down within its length.
#[derive(Clone, Copy, Debug)]
struct Storm {
    start_min: u64,
    length_min: u64,
    peak_m_s: f64,
}

impl Storm {
    /// What it adds to the wind at this minute, in m/s.
    fn wind(&self, minute: u64) -> f64 {
        let Some(since) = minute.checked_sub(self.start_min) else { return 0.0 };
        if since >= self.length_min {
            return 0.0;
        }
        let phase = since as f64 / self.length_min as f64;
        self.peak_m_s * (std::f64::consts::PI * phase).sin().powi(2)
    }
}

/// Weather of one seed.
#[derive(Debug)]
pub struct Weather {
    rng: StdRng,
    day_of_year: u64,
    /// Minutes since midnight of the first day; the point `after` belongs to it.
    minute: u64,
    before: Outside,
    after: Outside,
    /// How much warmer than the season's mean, in K.
    anomaly_k: f64,
    /// Cloudiness that the days wander around.
    cloud_mean: f64,
    cloud_days: Wander,
    cloud_hours: Wander,
    warmth: Wander,
    gust: Wander,
    dryness: Wander,
    storm: Option<Storm>,
    shower_until_min: u64,
    shower_mm_h: f64,
}

impl Weather {
    /// The weather of `seed`, from `START_HOUR` of some day in spring or autumn.
    #[must_use]
    pub fn new(seed: u64) -> Weather {
        let mut rng = stream(seed, 0x5757);
        // Days with cold nights and warm noons, so that both heating and airing have work.
        let spring = chance(&mut rng, 0.6);
        let day =
            if spring { between(&mut rng, 85.0, 150.0) } else { between(&mut rng, 245.0, 290.0) };
        let anomaly_k = (1.5 * normal(&mut rng)).clamp(-3.0, 2.0);
        let cloud_mean = between(&mut rng, 0.25, 0.6);
        let mut weather = Weather {
            day_of_year: day as u64,
            minute: START_HOUR * 60,
            before: Outside::default(),
            after: Outside::default(),
            anomaly_k,
            cloud_mean,
            cloud_days: Wander::new(&mut rng, 720.0),
            cloud_hours: Wander::new(&mut rng, 60.0),
            warmth: Wander::new(&mut rng, 240.0),
            gust: Wander::new(&mut rng, 30.0),
            dryness: Wander::new(&mut rng, 600.0),
            storm: None,
            shower_until_min: 0,
            shower_mm_h: 0.0,
            rng,
        };
        weather.draw_storm();
        weather.before = weather.point();
        weather.minute += 1;
        weather.after = weather.point();
        weather
    }

    /// Wall time of the start, in milliseconds since 1970 UTC, that fits season and hour.
    #[must_use]
    pub fn start_unix_ms(&self) -> i64 {
        let hours = i64::try_from((self.day_of_year - 1) * 24 + START_HOUR).unwrap_or(0);
        (YEAR_START_UNIX_S + hours * 3600) * 1000
    }

    /// The air outside, `since_start_s` seconds after the start. Time must not run backwards.
    pub fn at(&mut self, since_start_s: f64) -> Outside {
        let minute = since_start_s / 60.0 + (START_HOUR * 60) as f64;
        while minute > self.minute as f64 {
            self.minute += 1;
            if self.minute.is_multiple_of(DAY_MIN) {
                self.draw_storm();
            }
            self.before = self.after;
            self.after = self.point();
        }
        self.before.towards(&self.after, (minute - (self.minute - 1) as f64).clamp(0.0, 1.0))
    }

    /// Two days in five have a storm; it lasts two to four hours and peaks above 15 m/s.
    fn draw_storm(&mut self) {
        let start_min = self.minute + between(&mut self.rng, 60.0, 1200.0) as u64;
        let length_min = between(&mut self.rng, 120.0, 240.0) as u64;
        let peak_m_s = between(&mut self.rng, 14.0, 18.0);
        let comes = chance(&mut self.rng, 0.4);
        self.storm = comes.then_some(Storm { start_min, length_min, peak_m_s });
    }

    /// Computes the point of `self.minute` and moves every wandering value by one minute.
    fn point(&mut self) -> Outside {
        let hour = (self.minute % DAY_MIN) as f64 / 60.0;
        let day = (self.day_of_year + self.minute / DAY_MIN) as f64;
        let cloud = self.cloud_mean
            + 0.22 * self.cloud_days.step(&mut self.rng)
            + 0.15 * self.cloud_hours.step(&mut self.rng);
        let cloud = cloud.clamp(0.0, 1.0);
        // Kasten and Czeplak (1980): what clouds leave of the clear sky's radiation.
        let sun_w_m2 = clear_sky_w_m2(day, hour) * (1.0 - 0.75 * cloud.powf(3.4));

        // Mean year of a central European plain: 10 °C, 9 K to either side, warmest in mid July.
        let season_c = 10.0 + 9.0 * (std::f64::consts::TAU * (day - 200.0) / 365.0).cos();
        // Clear days swing more: 3 K under clouds, 6.5 K under a clear sky; warmest at 15 h.
        let swing_k = 6.5 - 3.5 * self.cloud_mean.clamp(0.0, 1.0);
        let wave = (std::f64::consts::TAU * (hour - 15.0) / 24.0).cos();
        let mean_c = (season_c + self.anomaly_k).min(17.0);
        let temperature_c = mean_c + swing_k * wave + 0.8 * self.warmth.step(&mut self.rng);

        // FAO-56, equation 48: the dew point stays near the night's lowest temperature.
        let dew_c = mean_c - swing_k - 1.0 + self.dryness.step(&mut self.rng);
        let vapour_kg_m3 = saturated_vapour_kg_m3(dew_c.min(temperature_c - 0.3));

        Outside {
            sun_w_m2,
            temperature_c,
            vapour_kg_m3,
            wind_m_s: self.wind(hour),
            rain_mm_h: self.rain(cloud),
        }
    }

    /// Wind of this minute: a breeze by day, quiet nights, storms on top.
    fn wind(&mut self, hour: f64) -> f64 {
        let breeze = 2.2 + 1.3 * (std::f64::consts::TAU * (hour - 14.0) / 24.0).cos();
        let gusty = breeze * (0.35 * self.gust.step(&mut self.rng)).exp();
        gusty + self.storm.map_or(0.0, |storm| storm.wind(self.minute))
    }

    /// Rain of this minute: showers of 10 to 45 minutes out of thick clouds, two an hour there.
    fn rain(&mut self, cloud: f64) -> f64 {
        let begins = cloud > 0.8 && chance(&mut self.rng, 2.0 / 60.0);
        if begins && self.minute >= self.shower_until_min {
            self.shower_until_min = self.minute + between(&mut self.rng, 10.0, 45.0) as u64;
            self.shower_mm_h = between(&mut self.rng, 0.5, 5.0);
        }
        if self.minute < self.shower_until_min { self.shower_mm_h } else { 0.0 }
    }
}

/// Radiation of a cloudless sky on the level, in W/m² (Haurwitz, 1945).
fn clear_sky_w_m2(day_of_year: f64, hour: f64) -> f64 {
    // Cooper (1969): declination of the sun.
    let tilt = std::f64::consts::TAU * (284.0 + day_of_year) / 365.0;
    let declination = 23.45_f64.to_radians() * tilt.sin();
    let latitude = LATITUDE_DEG.to_radians();
    let hour_angle = (15.0 * (hour - 12.0)).to_radians();
    let height =
        latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos();
    if height <= 0.01 { 0.0 } else { 1098.0 * height * (-0.057 / height).exp() }
}

/// Pressure of saturated water vapour, in Pa (FAO-56, equation 11).
#[must_use]
pub(crate) fn saturation_pa(temperature_c: f64) -> f64 {
    610.8 * (17.27 * temperature_c / (temperature_c + 237.3)).exp()
}

/// Water vapour of saturated air, in kg/m³ (ideal gas, 461.5 J/kgK).
#[must_use]
pub(crate) fn saturated_vapour_kg_m3(temperature_c: f64) -> f64 {
    saturation_pa(temperature_c) / (461.5 * (temperature_c + 273.15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(seed: u64) -> Vec<Outside> {
        let mut weather = Weather::new(seed);
        (0..DAY_MIN).map(|minute| weather.at(minute as f64 * 60.0)).collect()
    }

    #[test]
    fn the_sun_shines_by_day_only_and_never_above_the_solar_constant() {
        for seed in 1..=20 {
            let points = day(seed);
            let noon = points[6 * 60].sun_w_m2;
            let midnight = points[18 * 60].sun_w_m2;
            assert_eq!(midnight, 0.0);
            assert!((30.0..1100.0).contains(&noon), "seed {seed}: {noon} W/m² at noon");
        }
    }

    #[test]
    fn every_value_stays_physical() {
        for seed in 1..=20 {
            for point in day(seed) {
                assert!((-8.0..27.0).contains(&point.temperature_c), "{point:?}");
                assert!((0.0..30.0).contains(&point.wind_m_s), "{point:?}");
                let most = saturated_vapour_kg_m3(point.temperature_c) * 1.01;
                assert!(point.vapour_kg_m3 > 0.0 && point.vapour_kg_m3 < most, "{point:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_day_however_it_is_read() {
        let mut coarse = Weather::new(3);
        let mut fine = Weather::new(3);
        let mut last = Outside::default();
        for second in 0..20_000 {
            last = fine.at(f64::from(second));
        }
        assert_eq!(coarse.at(19_999.0), last);
        assert_ne!(day(3), day(4));
    }

    #[test]
    fn some_days_have_storms_and_rain_and_some_have_none() {
        let days: Vec<_> = (1..=20).map(day).collect();
        let stormy = days.iter().filter(|d| d.iter().any(|p| p.wind_m_s > 15.0)).count();
        let wet = days.iter().filter(|d| d.iter().any(|p| p.rain_mm_h > 0.0)).count();
        assert!((2..=16).contains(&stormy), "{stormy} of 20 days are stormy");
        assert!((2..=19).contains(&wet), "{wet} of 20 days are wet");
    }

    #[test]
    fn saturation_is_that_of_the_tables() {
        // FAO-56, annex 2, table 2.3: 2.338 kPa at 20 °C.
        assert!((saturation_pa(20.0) - 2338.0).abs() < 3.0);
        // CRC Handbook: 17.3 g/m³ at 20 °C.
        assert!((saturated_vapour_kg_m3(20.0) - 0.0173).abs() < 0.0001);
    }
}

//! A sensor's filtered value, how fast it drifts by itself and what each actuator with a declared
//! effect adds to that: one Kalman filter a sensor (ADR 12). It only follows; it plans nothing.
//!
//! State: value, drift, and for each actuator what full level adds to the drift, all a second. In
//! between the value moves in a straight line. How restless the drift is, is learned from how much
//! it had to be corrected; a lasting surprise, such as a door that opens, loosens it at once.

use std::time::Duration;

use super::world::horizon;
use crate::clock::Tick;
use crate::domain::ActuatorId;
use crate::limits::FILTER_EFFECTS_MAX;

/// First belief of what full level of a declared actuator moves within the horizon, and how far off
/// that may be, in scales. Half a goal's width a horizon is what a heater that fits its room does.
const PUSH: f64 = 0.5;
const PUSH_STD: f64 = 0.5;
/// First belief of how far a sensor may drift within the horizon, in scales.
const DRIFT_STD: f64 = 0.5;
/// Restlessness of the drift: change within a horizon, in scales; at first, least and most.
const RESTLESS_FIRST: f64 = 0.05;
const RESTLESS_LEAST: f64 = 0.001;
const RESTLESS_MOST: f64 = 0.5;
/// What an actuator does changes within an hour by this share of the first belief: a vent cools
/// less when it is warm outside.
const EFFECT_CHANGES: f64 = 0.1;
/// Never believed to do less than this share of the first belief, or the other way round.
const EFFECT_LEAST: f64 = 0.002;
/// Below this share of the first belief it is next to nothing: not worth its cost to most goals.
const EFFECT_LITTLE: f64 = 0.1;
/// Least noise of a reading, in scales: digits are cut.
const NOISE_LEAST: f64 = 5e-4;
/// Noise of a reading before anything is known, in scales.
const NOISE_FIRST: f64 = 0.01;
/// Weight of a new reading in noise and restlessness: a few minutes of a common sensor.
const PACE: f64 = 0.02;
/// Weight of a new reading in the lasting surprise, and from which size, in standard deviations of
/// one reading, it loosens the drift: 1 is 3.5 of its own, one false alarm in some hours.
const BIAS_PACE: f64 = 0.15;
const BIAS_MOST: f64 = 1.0;
/// A single reading so many standard deviations off is set aside; a second one is believed.
const OUTLIER: f64 = 6.0;
/// Readings over which a lasting surprise is taken to have come up.
const BIAS_READINGS: f64 = 7.0;
/// An actuator that moved within so many periods may be what moves a sensor otherwise than
/// believed: as many readings as it takes to see a new trend, twice.
const BLAMED_PERIODS: u32 = 14;
/// A single correction counts as at most so many times the usual one.
const CORRECTION_MOST: f64 = 4.0;
/// Silence after which the drift is as unknown as at the start, in horizons.
const SILENCE: f64 = 3.0;

/// A filtered look at a numeric sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Value now, noise smoothed, in the sensor's unit.
    pub value: f64,
    /// Trend with everything as it is set, in the sensor's unit per second.
    pub slope: f64,
}

/// The filter of one sensor.
#[derive(Clone, Debug)]
pub struct Filter {
    scale: f64,
    every: Duration,
    every_s: f64,
    horizon_s: f64,
    actuators: Vec<(ActuatorId, f64)>,
    /// What actuators do to it stays as the file declares it.
    fixed: bool,
    levels: Vec<f64>,
    /// Value, drift a second, effects a second.
    state: Vec<f64>,
    /// Full symmetric covariance, row by row.
    covariance: Vec<f64>,
    /// Variance of a reading.
    noise: f64,
    /// Variance that the drift gains in a second.
    restless: f64,
    bias: f64,
    /// Readings in a row that were set aside.
    aside: u8,
    /// The last reading that was not set aside was a jump.
    jumped: bool,
    /// When each actuator's level last changed.
    moved: Vec<Option<Tick>>,
    at: Option<Tick>,
}

impl Filter {
    /// A filter that has heard nothing. `scale` is what counts as a large change of the sensor.
    #[must_use]
    pub fn new(every: Duration, scale: f64, actuators: &[(ActuatorId, f64)]) -> Filter {
        let actuators = &actuators[..actuators.len().min(FILTER_EFFECTS_MAX)];
        let horizon_s = horizon(every).as_secs_f64();
        let unit = scale / horizon_s;
        let size = 2 + actuators.len();
        let mut state = vec![0.0; size];
        let mut covariance = vec![0.0; size * size];
        covariance[size + 1] = (DRIFT_STD * unit).powi(2);
        for (place, (_, direction)) in (2..).zip(actuators) {
            state[place] = direction * PUSH * unit;
            covariance[place * size + place] = (PUSH_STD * unit).powi(2);
        }
        Filter {
            scale,
            every,
            every_s: every.as_secs_f64(),
            horizon_s,
            actuators: actuators.to_vec(),
            fixed: false,
            levels: vec![0.0; actuators.len()],
            state,
            covariance,
            noise: (NOISE_FIRST * scale).powi(2),
            restless: (RESTLESS_FIRST * unit).powi(2) / horizon_s,
            bias: 0.0,
            aside: 0,
            jumped: false,
            moved: vec![None; actuators.len()],
            at: None,
        }
    }

    /// The same for a sensor of which nothing is to be learned: what actuators do to it stays as
    /// first believed.
    #[must_use]
    pub fn with_effects_fixed(mut self) -> Filter {
        self.fixed = true;
        self.fix_effects();
        self
    }

    /// Nothing that is read says anything of what actuators do.
    fn fix_effects(&mut self) {
        let size = self.state.len();
        for place in (0..size).filter(|_| self.fixed) {
            for effect in 2..size {
                self.covariance[place * size + effect] = 0.0;
                self.covariance[effect * size + place] = 0.0;
            }
        }
    }

    /// The value and its trend now; `None` before the first reading.
    #[must_use]
    pub fn estimate(&self, now: Tick) -> Option<Estimate> {
        let slope = self.slope();
        let value = self.state[0] + slope * now.since(self.at?).as_secs_f64();
        (value.is_finite() && slope.is_finite()).then_some(Estimate { value, slope })
    }

    /// What full level of an actuator adds to the trend, in the sensor's unit per second.
    #[must_use]
    pub fn effect(&self, id: ActuatorId) -> f64 {
        let place = self.actuators.iter().position(|(one, _)| *one == id);
        place.map_or(0.0, |place| self.state[2 + place])
    }

    /// An actuator that was declared to do something was learned to do next to nothing.
    #[must_use]
    pub fn believes_little(&self, id: ActuatorId) -> bool {
        let first = PUSH * self.scale / self.horizon_s;
        let declared = self.actuators.iter().any(|(one, _)| *one == id);
        declared && self.effect(id).abs() < EFFECT_LITTLE * first
    }

    /// Forgets what was learned of an actuator. What the file declares is believed as at the start;
    /// or that it does so much at full level, in the sensor's unit a second, as unsurely.
    pub fn believe_again(&mut self, id: ActuatorId, effect: Option<f64>) {
        let unit = self.scale / self.horizon_s;
        let share = effect.map_or(PUSH, |effect| effect.abs() / unit);
        self.believe(id, share, share * PUSH_STD / PUSH);
    }

    /// Believes firmly that an actuator does as good as nothing.
    #[cfg(test)]
    pub fn learn_nothing(&mut self, id: ActuatorId) {
        self.believe(id, EFFECT_LEAST * PUSH, 0.0);
    }

    /// Believes firmly that an actuator takes the sensor through so many scales within the horizon.
    #[cfg(test)]
    pub fn learn_much(&mut self, id: ActuatorId, scales: f64) {
        self.believe(id, scales, 0.0);
    }

    /// What was learned of the sensor itself: the variance of a reading, and that which its drift
    /// gains in a second; `None` before the first reading.
    #[must_use]
    pub fn learned(&self) -> Option<[f64; 2]> {
        self.at.map(|_| [self.noise, self.restless])
    }

    /// What was learned of an actuator: what full level adds to the trend, and its variance.
    #[must_use]
    pub fn learned_of(&self, id: ActuatorId) -> Option<[f64; 2]> {
        let place = 2 + self.actuators.iter().position(|(one, _)| *one == id)?;
        Some([self.state[place], self.covariance[place * self.state.len() + place]])
    }

    /// Takes over what an earlier start had learned of the sensor. False where that is no such
    /// thing; then nothing is changed.
    pub fn resume(&mut self, [noise, restless]: [f64; 2]) -> bool {
        let is_sound = |one: f64| one.is_finite() && one > 0.0;
        if !is_sound(noise) || !is_sound(restless) {
            return false;
        }
        self.noise = noise.max((NOISE_LEAST * self.scale).powi(2));
        let unit = self.scale / self.horizon_s;
        let of = |share: f64| (share * unit).powi(2) / self.horizon_s;
        self.restless = restless.clamp(of(RESTLESS_LEAST), of(RESTLESS_MOST));
        true
    }

    /// Takes over what an earlier start had learned of an actuator, as [`Filter::resume`] does. It
    /// is never surer of it than it was, nor less sure than at the very first start. One that was
    /// learned to do next to nothing is believed in as at first: who begins the program again has
    /// often mended the device, and it would be begun only when a goal is broken.
    pub fn resume_effect(&mut self, id: ActuatorId, [effect, variance]: [f64; 2]) -> bool {
        let Some(place) = self.actuators.iter().position(|(one, _)| *one == id) else {
            return false;
        };
        if !effect.is_finite() || !variance.is_finite() || variance < 0.0 {
            return false;
        }
        let direction = self.actuators[place].1;
        let unit = self.scale / self.horizon_s;
        let (effect, most) = (direction * effect / unit, PUSH_STD);
        self.believe(id, effect.max(EFFECT_LEAST * PUSH), (variance.sqrt() / unit).min(most));
        if self.believes_little(id) {
            self.believe_again(id, None);
        }
        true
    }

    /// An actuator's effect in its declared direction and how far off it may be, in scales within
    /// the horizon. What it runs with goes over to the drift: the trend is what was seen.
    fn believe(&mut self, id: ActuatorId, effect: f64, std: f64) {
        let known = self.actuators.iter().zip(2..).find(|((one, _), _)| *one == id);
        let Some(((_, direction), place)) = known else { return };
        let (unit, size) = (self.scale / self.horizon_s, self.state.len());
        let effect = direction * effect * unit;
        let less = self.levels[place - 2] * (self.state[place] - effect);
        self.state[1] += less;
        self.covariance[size + 1] += less * less;
        self.state[place] = effect;
        for other in 0..size {
            self.covariance[place * size + other] = 0.0;
            self.covariance[other * size + place] = 0.0;
        }
        self.covariance[place * size + place] = (std * unit).powi(2);
    }

    /// Standard deviation of what is foreseen so far ahead, in the sensor's unit.
    #[must_use]
    pub fn doubt(&self, ahead: Duration) -> f64 {
        let t = ahead.as_secs_f64();
        let size = self.state.len();
        let own = self.covariance[0] + 2.0 * t * self.covariance[1];
        let drift = t * t * self.covariance[size + 1];
        (own + drift + self.restless * t.powi(3) / 3.0).max(0.0).sqrt()
    }

    /// An actuator's level from now on, 0 to 1.
    pub fn level(&mut self, id: ActuatorId, level: f64, now: Tick) {
        if let Some(place) = self.actuators.iter().position(|(one, _)| *one == id)
            && self.levels[place] != level
        {
            self.run(now);
            self.levels[place] = level;
            self.moved[place] = Some(now);
        }
    }

    /// A believed reading.
    pub fn take(&mut self, value: f64, now: Tick) {
        if self.at.is_none() {
            self.begin(value, now);
            return;
        }
        let passed = self.run(now);
        let size = self.state.len();
        let variance = self.covariance[0] + self.noise;
        let surprise = value - self.state[0];
        // A sensor without a range may say 1e300: what cannot be squared begins anew.
        if !(surprise * surprise + variance).is_finite() {
            let (levels, fixed) = (std::mem::take(&mut self.levels), self.fixed);
            *self = Filter::new(self.every, self.scale, &self.actuators.clone());
            (self.levels, self.fixed) = (levels, fixed);
            self.fix_effects();
            self.begin(value, now);
            return;
        }
        if surprise * surprise > OUTLIER * OUTLIER * variance && self.aside == 0 {
            self.aside = 1;
            return;
        }
        let jumped = std::mem::take(&mut self.aside) > 0;
        if jumped {
            // It was no slip: the value itself has jumped.
            self.covariance[0] += surprise * surprise;
            if self.jumped {
                self.doubt_trend(surprise / (2.0 * self.every_s), now);
            }
        }
        self.jumped = jumped;
        self.note_bias(surprise, variance.sqrt());
        self.fix_effects();
        let variance = self.covariance[0] + self.noise;
        let gains: Vec<f64> = (0..size).map(|row| self.covariance[row * size] / variance).collect();
        let first_row: Vec<f64> = self.covariance[..size].to_vec();
        for (row, gain) in gains.iter().enumerate() {
            self.state[row] += gain * surprise;
            for (column, cell) in first_row.iter().enumerate() {
                self.covariance[row * size + column] -= gain * cell;
            }
        }
        self.keep_sound();
        let unexplained = surprise * surprise * self.noise / variance;
        let least = (NOISE_LEAST * self.scale).powi(2);
        self.noise = (self.noise + PACE * (unexplained - self.noise)).max(least);
        if passed > 0.0 {
            let unit = self.scale / self.horizon_s;
            let of = |share: f64| (share * unit).powi(2) / self.horizon_s;
            // In the long run the drift is corrected by as much as it wanders.
            let moved = (gains[1] * surprise).powi(2) / passed;
            let moved = moved.min(CORRECTION_MOST * self.restless);
            let wanders = self.restless + PACE * (moved - self.restless);
            self.restless = wanders.clamp(of(RESTLESS_LEAST), of(RESTLESS_MOST));
        }
    }

    fn begin(&mut self, value: f64, now: Tick) {
        self.state[0] = value;
        self.covariance[0] = self.noise;
        self.at = Some(now);
    }

    /// A surprise of the same sign again and again means that the drift has changed.
    fn note_bias(&mut self, surprise: f64, std: f64) {
        let size = self.state.len();
        self.bias += BIAS_PACE * ((surprise / std.max(1e-12)).clamp(-3.0, 3.0) - self.bias);
        if self.bias.abs() > BIAS_MOST {
            let off = self.bias * std;
            self.covariance[0] += off * off;
            self.covariance[size + 1] += (off / (BIAS_READINGS * self.every_s)).powi(2);
            self.bias = 0.0;
        }
    }

    /// A value that jumps with each pair of readings does not jump: it moves at another pace than
    /// was believed, by itself or by what an actuator that moved a while ago does to it.
    fn doubt_trend(&mut self, off: f64, now: Tick) {
        let size = self.state.len();
        let recent = self.every * BLAMED_PERIODS;
        let blamed = self.moved.iter().map(|at| at.is_some_and(|at| now.since(at) < recent));
        let blamed = (2..).zip(blamed).filter_map(|(place, yes)| yes.then_some(place));
        for place in blamed.chain([1]) {
            self.covariance[place * size + place] += off * off;
        }
    }

    fn slope(&self) -> f64 {
        let driven = self.state[2..].iter().zip(&self.levels).map(|(one, level)| one * level);
        self.state[1] + driven.sum::<f64>()
    }

    /// Runs to `now`; gives the seconds.
    fn run(&mut self, now: Tick) -> f64 {
        let Some(at) = self.at else { return 0.0 };
        let seconds = now.since(at).as_secs_f64();
        if seconds <= 0.0 {
            return 0.0;
        }
        self.at = Some(now);
        let size = self.state.len();
        self.state[0] += self.slope() * seconds;
        // P = F P F', where only the value's row of F differs from 1.
        let mut row = vec![0.0; size];
        row[1] = seconds;
        for (cell, level) in row[2..].iter_mut().zip(&self.levels) {
            *cell = level * seconds;
        }
        for column in 0..size {
            let sum: f64 = (1..size).map(|k| row[k] * self.covariance[k * size + column]).sum();
            self.covariance[column] += sum;
        }
        for line in 0..size {
            let sum: f64 = (1..size).map(|k| row[k] * self.covariance[line * size + k]).sum();
            self.covariance[line * size] += sum;
        }
        let unit = self.scale / self.horizon_s;
        self.covariance[0] += self.restless * seconds.powi(3) / 3.0;
        let both = self.restless * seconds.powi(2) / 2.0;
        self.covariance[1] += both;
        self.covariance[size] += both;
        let most = (DRIFT_STD * unit).powi(2);
        let drift = &mut self.covariance[size + 1];
        *drift += self.restless * seconds;
        if seconds > SILENCE * self.horizon_s {
            *drift = drift.max(most);
        }
        let changes = (EFFECT_CHANGES * PUSH * unit).powi(2) * seconds / 3600.0;
        let most = (PUSH_STD * unit).powi(2);
        for place in 2..size {
            let cell = &mut self.covariance[place * size + place];
            *cell = (*cell + changes).min(most.max(*cell));
        }
        seconds
    }

    /// Directions are the operator's; a variance never falls below zero by rounding.
    fn keep_sound(&mut self) {
        let size = self.state.len();
        let least = EFFECT_LEAST * PUSH * self.scale / self.horizon_s;
        for (value, (_, direction)) in self.state[2..].iter_mut().zip(&self.actuators) {
            if *value * direction < least {
                *value = direction * least;
            }
        }
        for place in 0..size {
            let cell = &mut self.covariance[place * size + place];
            *cell = cell.max(1e-18);
        }
        for row in 0..size {
            for column in 0..row {
                let mean = (self.covariance[row * size + column]
                    + self.covariance[column * size + row])
                    / 2.0;
                self.covariance[row * size + column] = mean;
                self.covariance[column * size + row] = mean;
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! One sensor's model: its change over an interval as a weighted sum of inputs, learned by
//! recursive least squares with forgetting; forecasts by running it ahead; and the judgement of
//! those forecasts, without which it is not used.
//!
//! Inputs: 1; the sensor itself and its square (so a time constant and a
//! saturation are learned); other sensors; two harmonics of
//! the day; and of each actuator its level in this interval and in the one before (so a delay is
//! learned) and its level times the sensor (a vent cools the more the warmer it is).

use std::collections::VecDeque;
use std::f64::consts::TAU;

use super::profile::Profile;
use super::{AHEAD, INTERVAL, Means, scale};
use crate::config::Config;
use crate::domain::{ActuatorId, Learned, SensorId};

/// Inputs before those of other sensors: 1, itself, its square.
const OWN: usize = 3;
/// Form of the state as it is written down.
const FORM: u32 = 1;
/// Days after which what was seen has a third of its weight.
const FORGET_DAYS: f64 = 10.0;
/// First belief of what a declared actuator does at full in an interval, in scales; and how far off
/// that may be. The same reach holds for one of which nothing is declared.
const PUSH: f64 = 0.3;
const PUSH_STD: f64 = 0.3;
/// How far off the other weights may be at first, in scales an interval.
const OWN_STD: f64 = 0.1;
const OTHER_STD: f64 = 0.1;
const DAY_STD: f64 = 0.03;
/// Variance of what no input explains, until it is known, in scales squared.
const NOISE_FIRST: f64 = 1e-3;
/// A surprise beyond so many standard deviations counts as this many.
const SURPRISE_MAX: f64 = 4.0;
/// A forecast is begun each so many intervals: a quarter of an hour.
const JUDGE_EVERY: u64 = 3;
/// Judged forecasts before a model can be used: six hours of them.
const JUDGED_MIN: u64 = 24;
/// The judgement's memory, in forecasts: two days.
const JUDGED_MEMORY: f64 = 192.0;
/// A model is used where its error is below this share of "it stays as it is", and no longer where
/// it is above the second.
const USE_BELOW: f64 = 0.7;
const DROP_ABOVE: f64 = 0.85;

/// What is expected of the inputs that no plan changes, in the coming intervals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// For each interval: other sensors, then the day's harmonics.
    parts: Vec<Vec<f64>>,
}

/// A forecast that waits for what comes.
#[derive(Clone, Debug)]
struct Trial {
    /// Where it began.
    from: f64,
    weights: Vec<f64>,
    outlook: Outlook,
    /// Mean levels of the interval before it and of those since.
    levels: Vec<Vec<f64>>,
}

/// What an actuator was found to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its name.
    pub actuator: String,
    /// What full level instead of none changes within an hour, in the sensor's unit.
    pub an_hour: f64,
    /// The same, per standard deviation of what is believed: below 2 it may be nothing.
    pub sure: f64,
    /// Share of it that comes an interval late.
    pub late_share: f64,
}

/// A sensor's model.
#[derive(Clone, Debug)]
pub struct Model {
    sensor: SensorId,
    name: String,
    middle: f64,
    scale: f64,
    range: (f64, f64),
    others: Vec<(SensorId, f64, f64)>,
    actuators: Vec<ActuatorId>,
    inputs: Vec<String>,
    pub(super) weights: Vec<f64>,
    /// Full symmetric covariance, row by row.
    covariance: Vec<f64>,
    first: Vec<f64>,
    noise: f64,
    steps: u64,
    trials: VecDeque<Trial>,
    pub(super) judged: u64,
    pub(super) error_square: f64,
    pub(super) stays_square: f64,
    trusted: bool,
}

impl Model {
    /// Nothing learned yet: only what the file declares.
    #[must_use]
    pub fn new(
        config: &Config,
        sensor: SensorId,
        others: &[SensorId],
        actuators: &[(ActuatorId, f64)],
    ) -> Model {
        let (middle, scale_own) = scale(config, sensor).unwrap_or((0.0, 1.0));
        let of = &config.sensors[usize::from(sensor.0)];
        let mut inputs = vec!["1".to_owned(), "itself".to_owned(), "itself squared".to_owned()];
        let mut weights = vec![0.0, 0.0, 0.0];
        let mut stds = vec![OTHER_STD, OWN_STD, OWN_STD];
        let mut seen = Vec::new();
        for other in others {
            let (middle, scale) = scale(config, *other).unwrap_or((0.0, 1.0));
            seen.push((*other, middle, scale));
            inputs.push(config.sensors[usize::from(other.0)].name.clone());
            weights.push(0.0);
            stds.push(OTHER_STD);
        }
        for part in ["day sin", "day cos", "half day sin", "half day cos"] {
            inputs.push(part.into());
            weights.push(0.0);
            stds.push(DAY_STD);
        }
        for (id, direction) in actuators {
            let name = &config.actuators[usize::from(id.0)].name;
            for (part, weight, std) in [
                ("", direction * PUSH, PUSH_STD),
                (" before", 0.0, PUSH_STD),
                (" times itself", 0.0, PUSH_STD / 2.0),
            ] {
                inputs.push(format!("{name}{part}"));
                weights.push(weight);
                stds.push(std);
            }
        }
        let count = weights.len();
        let mut covariance = vec![0.0; count * count];
        for (place, std) in stds.iter().enumerate() {
            covariance[place * count + place] = std * std;
        }
        Model {
            sensor,
            name: of.name.clone(),
            middle,
            scale: scale_own,
            range: of.range.unwrap_or((f64::MIN, f64::MAX)),
            others: seen,
            actuators: actuators.iter().map(|(id, _)| *id).collect(),
            inputs,
            weights,
            covariance,
            first: stds.iter().map(|std| std * std).collect(),
            noise: NOISE_FIRST,
            steps: 0,
            trials: VecDeque::new(),
            judged: 0,
            error_square: 0.0,
            stays_square: 0.0,
            trusted: false,
        }
    }

    /// The sensor.
    #[must_use]
    pub fn sensor(&self) -> SensorId {
        self.sensor
    }

    /// Intervals learned from.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Its forecasts are good enough to plan with.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Roots of the mean square errors an hour ahead: its own, and of "it stays as it is".
    #[must_use]
    pub fn errors(&self) -> (f64, f64) {
        (self.error_square.sqrt(), self.stays_square.sqrt())
    }

    /// Time was lost: forecasts under way cannot be judged.
    pub fn interrupt(&mut self) {
        self.trials.clear();
    }

    /// Learns from two neighbouring intervals and judges forecasts that are due.
    pub fn learn(&mut self, before: &Means, now: &Means, profiles: &[Option<Profile>]) {
        let place = usize::from(self.sensor.0);
        let (Some(was), Some(is)) = (before.sensors[place], now.sensors[place]) else {
            self.interrupt();
            return;
        };
        let known = |means: &Means| -> Option<Vec<f64>> {
            self.actuators.iter().map(|id| means.actuators[usize::from(id.0)]).collect()
        };
        let (Some(levels_before), Some(levels)) = (known(before), known(now)) else {
            self.interrupt();
            return;
        };
        let Some(part) = self.part(now) else { return self.interrupt() };
        let own = (was - self.middle) / self.scale;
        let input = self.input(own, &part, &levels, &levels_before);
        self.update(&input, (is - was) / self.scale);
        self.steps += 1;
        for trial in &mut self.trials {
            trial.levels.push(levels.clone());
        }
        while self.trials.front().is_some_and(|trial| trial.levels.len() > AHEAD) {
            let Some(trial) = self.trials.pop_front() else { break };
            self.judge(&trial, is);
        }
        if self.steps.is_multiple_of(JUDGE_EVERY) {
            let outlook = self.outlook(now, now.hour, profiles);
            let weights = self.weights.clone();
            self.trials.push_back(Trial { from: is, weights, outlook, levels: vec![levels] });
        }
    }

    fn judge(&mut self, trial: &Trial, is: f64) {
        let mut levels = trial.levels.iter();
        let mut before = levels.next().cloned().unwrap_or_default();
        let mut value = trial.from;
        for (part, now) in trial.outlook.parts.iter().zip(levels) {
            value = self.step(&trial.weights, value, part, now, &before);
            before.clone_from(now);
        }
        self.judged += 1;
        let pace = (1.0 / self.judged as f64).max(1.0 / JUDGED_MEMORY);
        self.error_square += pace * ((value - is).powi(2) - self.error_square);
        self.stays_square += pace * ((trial.from - is).powi(2) - self.stays_square);
        let limit = if self.trusted { DROP_ABOVE } else { USE_BELOW };
        let good = self.error_square < limit * limit * self.stays_square;
        self.trusted = good && self.judged >= JUDGED_MIN;
    }

    /// Other sensors and the day, of an interval that is over.
    fn part(&self, means: &Means) -> Option<Vec<f64>> {
        let mut part = Vec::with_capacity(self.others.len() + 4);
        for (id, middle, scale) in &self.others {
            part.push((means.sensors[usize::from(id.0)]? - middle) / scale);
        }
        part.extend(day(means.hour));
        Some(part)
    }

    /// What is expected of other sensors, from the last means.
    #[must_use]
    pub fn outlook(
        &self,
        last: &Means,
        hour: Option<f64>,
        profiles: &[Option<Profile>],
    ) -> Outlook {
        let interval_hours = INTERVAL.as_secs_f64() / 3600.0;
        let parts = (1..=AHEAD).map(|step| {
            let hours = step as f64 * interval_hours;
            let mut part = Vec::with_capacity(self.others.len() + 4);
            for (id, middle, scale) in &self.others {
                let place = usize::from(id.0);
                let value = last.sensors.get(place).copied().flatten().unwrap_or(*middle);
                let value = match (profiles.get(place), hour) {
                    (Some(Some(profile)), Some(hour)) => profile.ahead(value, hour, hours),
                    _ => value,
                };
                part.push((value - middle) / scale);
            }
            part.extend(day(hour.map(|hour| hour + hours)));
            part
        });
        Outlook { parts: parts.collect() }
    }

    fn input(&self, own: f64, part: &[f64], levels: &[f64], before: &[f64]) -> Vec<f64> {
        let mut input = Vec::with_capacity(self.weights.len());
        input.extend([1.0, own, square(own)]);
        input.extend_from_slice(part);
        for (level, before) in levels.iter().zip(before) {
            input.extend([*level, *before, level * own]);
        }
        input
    }

    /// The sensor's value an interval later.
    fn step(
        &self,
        weights: &[f64],
        value: f64,
        part: &[f64],
        levels: &[f64],
        before: &[f64],
    ) -> f64 {
        let own = (value - self.middle) / self.scale;
        let mut change = weights[0] + weights[1] * own + weights[2] * square(own);
        let (shared, driven) = weights[OWN..].split_at(part.len().min(weights.len() - OWN));
        change += shared.iter().zip(part).map(|(weight, input)| weight * input).sum::<f64>();
        for (three, (level, before)) in driven.chunks_exact(3).zip(levels.iter().zip(before)) {
            change += three[0] * level + three[1] * before + three[2] * level * own;
        }
        let next = value + change * self.scale;
        if next.is_finite() { next.clamp(self.range.0, self.range.1) } else { value }
    }

    /// The values at the end of each coming interval, from `value` now. `levels` gives an
    /// actuator's level in an interval, from 0; `None` in it: as it is now by `held`.
    #[must_use]
    pub fn ahead(
        &self,
        value: f64,
        outlook: &Outlook,
        held: &[f64],
        levels: &dyn Fn(ActuatorId, usize) -> f64,
    ) -> [f64; AHEAD] {
        let mut before: Vec<f64> =
            self.actuators.iter().map(|id| held[usize::from(id.0)]).collect();
        let mut now = before.clone();
        let mut at = value;
        let mut values = [value; AHEAD];
        for (step, (part, place)) in outlook.parts.iter().zip(&mut values).enumerate() {
            for (level, id) in now.iter_mut().zip(&self.actuators) {
                *level = levels(*id, step);
            }
            at = self.step(&self.weights, at, part, &now, &before);
            before.copy_from_slice(&now);
            *place = at;
        }
        values
    }

    /// An actuator is among its inputs.
    #[must_use]
    pub fn looks_at(&self, id: ActuatorId) -> bool {
        self.actuators.contains(&id)
    }

    /// One step of recursive least squares, in its form with variances.
    fn update(&mut self, input: &[f64], target: f64) {
        let count = self.weights.len();
        let spread: Vec<f64> = self
            .covariance
            .chunks_exact(count)
            .map(|row| row.iter().zip(input).map(|(a, b)| a * b).sum())
            .collect();
        let doubt: f64 = spread.iter().zip(input).map(|(a, b)| a * b).sum();
        let guess: f64 = self.weights.iter().zip(input).map(|(a, b)| a * b).sum();
        let variance = self.noise + doubt;
        let most = SURPRISE_MAX * variance.sqrt();
        let surprise = (target - guess).clamp(-most, most);
        if !surprise.is_finite() || variance <= 0.0 {
            return;
        }
        for (weight, gain) in self.weights.iter_mut().zip(&spread) {
            *weight += gain / variance * surprise;
        }
        for (row, one) in self.covariance.chunks_exact_mut(count).zip(&spread) {
            for (cell, other) in row.iter_mut().zip(&spread) {
                *cell -= one * other / variance;
            }
        }
        // The part of the surprise that doubt about the weights does not explain.
        let unexplained = surprise * surprise * self.noise / variance;
        let pace = (1.0 / (self.steps as f64 + 10.0)).max(1.0 / 600.0);
        self.noise = (self.noise + pace * (unexplained - self.noise)).max(1e-9);
        self.forget();
    }

    /// Old knowledge fades, but never beyond the first doubt.
    fn forget(&mut self) {
        let intervals = FORGET_DAYS * 86_400.0 / INTERVAL.as_secs_f64();
        let grow = 1.0 + 1.0 / intervals;
        let count = self.weights.len();
        for (place, first) in self.first.iter().enumerate() {
            let own = self.covariance[place * count + place];
            if own * grow > *first {
                continue;
            }
            let root = grow.sqrt();
            for other in 0..count {
                self.covariance[place * count + other] *= root;
                self.covariance[other * count + place] *= root;
            }
        }
    }

    /// To be written down.
    #[must_use]
    pub fn state(&self, profile: Option<&Profile>) -> Learned {
        let count = self.weights.len();
        let rows = (0..count).flat_map(|row| (row..count).map(move |column| (row, column)));
        let covariance = rows.map(|(row, column)| self.covariance[row * count + column] as f32);
        Learned {
            sensor: self.name.clone(),
            form: FORM,
            middle: self.middle,
            scale: self.scale,
            inputs: self.inputs.clone(),
            weights: self.weights.clone(),
            covariance: covariance.collect(),
            profile: profile.map(Profile::stored).unwrap_or_default(),
            steps: self.steps,
            judged: self.judged,
            error_square: self.error_square,
            stays_square: self.stays_square,
        }
    }

    /// Takes up what was learned. Inputs are known by their names: what is new begins with the
    /// first belief, and where anything differs the doubt begins anew.
    pub fn resume(&mut self, state: &Learned) {
        let count = self.weights.len();
        let sound = state.weights.len() == state.inputs.len()
            && state.weights.iter().all(|weight| weight.is_finite())
            && state.scale.is_finite()
            && state.error_square.is_finite()
            && state.stays_square.is_finite();
        if state.form != FORM || !sound || state.steps == 0 {
            return;
        }
        for (name, weight) in self.inputs.iter().zip(&mut self.weights) {
            if let Some(place) = state.inputs.iter().position(|one| one == name) {
                *weight = state.weights[place] * (state.scale / self.scale);
            }
        }
        let triangle = count * (count + 1) / 2;
        let whole = state.covariance.len() == triangle
            && state.covariance.iter().all(|cell| cell.is_finite());
        let same = state.middle == self.middle && state.scale == self.scale;
        if state.inputs != self.inputs || !whole || !same {
            return;
        }
        let mut cells = state.covariance.iter();
        for row in 0..count {
            for column in row..count {
                let cell = cells.next().copied().map_or(0.0, f64::from);
                self.covariance[row * count + column] = cell;
                self.covariance[column * count + row] = cell;
            }
        }
        (self.steps, self.judged) = (state.steps, state.judged);
        (self.error_square, self.stays_square) = (state.error_square, state.stays_square);
        let good = self.error_square < DROP_ABOVE * DROP_ABOVE * self.stays_square;
        self.trusted = good && self.judged >= JUDGED_MIN;
    }
}

/// A sensor's own square, so that what saturates or drains is learned; bounded far outside.
fn square(own: f64) -> f64 {
    own.clamp(-3.0, 3.0).powi(2)
}

/// Two harmonics of the day; nothing where the hour is not known.
fn day(hour: Option<f64>) -> [f64; 4] {
    let Some(hour) = hour else { return [0.0; 4] };
    let turn = hour / 24.0 * TAU;
    [turn.sin(), turn.cos(), (2.0 * turn).sin(), (2.0 * turn).cos()]
}

/// What a written state says of each actuator, at the middle of the sensor's band.
#[must_use]
pub fn effects(state: &Learned) -> Vec<Effect> {
    let weight = |name: &str| {
        let place = state.inputs.iter().position(|one| one == name)?;
        Some((place, *state.weights.get(place)?))
    };
    let count = state.inputs.len();
    let variance = |place: usize| {
        // The diagonal's place in the upper triangle.
        let cell = place * count - place * place.saturating_sub(1) / 2;
        state.covariance.get(cell).map_or(0.0, |cell| f64::from(*cell))
    };
    let fade = time_constant(state);
    let mut list = Vec::new();
    for name in state.inputs.iter().filter_map(|one| one.strip_suffix(" before")) {
        let (Some((at, now)), Some((_, late))) = (weight(name), weight(&format!("{name} before")))
        else {
            continue;
        };
        let (mut value, mut before) = (0.0, 0.0);
        for _ in 0..AHEAD {
            value += now + late * before - fade.map_or(0.0, |intervals| value / intervals);
            before = 1.0;
        }
        let whole = now.abs() + late.abs();
        list.push(Effect {
            actuator: name.to_owned(),
            an_hour: value * state.scale,
            sure: (now + late).abs() / variance(at).sqrt().max(1e-9),
            late_share: if whole > 0.0 { late.abs() / whole } else { 0.0 },
        });
    }
    list
}

/// How long a sensor takes to settle to two thirds, in intervals, where that was learned.
#[must_use]
pub fn time_constant(state: &Learned) -> Option<f64> {
    let place = state.inputs.iter().position(|one| one == "itself")?;
    let own = state.weights.get(place)?;
    (*own < 0.0).then(|| -1.0 / own)
}

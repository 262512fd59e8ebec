//! What is learned of the place: how each sensor moves by itself, by the hour and by what each
//! actuator does to it. Readings and settings come in, forecasts go out; no choices here.
//!
//! Time is cut into intervals. Of each interval the mean of every sensor and the mean level of
//! every actuator are kept; [`model`] learns from two neighbouring intervals. The work of a
//! boundary is spread over the events that follow it, a few models each.

mod model;
mod profile;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use model::{Effect, Model, Outlook, effects, time_constant};
use profile::Profile;

use crate::clock::Tick;
use crate::config::{Aim, Config, Sensor, SensorKind};
use crate::domain::{ActuatorId, Learned, SensorId};
use crate::limits::{MODEL_ACTUATORS_MAX, MODEL_SENSORS_MAX, MODELS_MAX};

/// Length of an interval: long enough that thirty readings of a common sensor average their noise,
/// short enough for what a heater does.
pub const INTERVAL: Duration = Duration::from_secs(300);
/// Intervals of a forecast: an hour.
pub const AHEAD: usize = 12;
/// Most models that one event works on: about 20 µs each on a Pi 4 class core.
const MODELS_A_CALL: usize = 4;
/// Learned state is written down each six hours, and at a stop.
const SAVE_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Sums of one interval.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    total: f64,
    count: f64,
}

impl Sum {
    fn mean(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.total / self.count)
    }
}

/// An actuator's level over an interval.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    level: Option<f64>,
    since: Tick,
    /// Level times seconds.
    area: f64,
    seconds: f64,
    /// It was unknown at some time.
    broken: bool,
}

impl Track {
    fn run(&mut self, now: Tick) {
        let seconds = now.since(self.since).as_secs_f64();
        match self.level {
            Some(level) => {
                self.area += level * seconds;
                self.seconds += seconds;
            }
            None => self.broken |= seconds > 0.0,
        }
        self.since = now;
    }
}

/// Means of one interval.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// By sensor; `None`: it did not speak.
    sensors: Vec<Option<f64>>,
    /// By actuator; `None`: it was not known all the time.
    actuators: Vec<Option<f64>>,
    /// Local hour at the interval's end, where known.
    hour: Option<f64>,
}

/// Something a person should know.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Which sensor's model.
    pub sensor: SensorId,
    /// It is used from now on, or not any more.
    pub used: bool,
    /// Root of the mean square error of an hour's forecast, and of "it stays as it is".
    pub errors: (f64, f64),
}

/// All models of a place.
#[derive(Clone, Debug)]
pub struct Dynamics {
    models: Vec<Model>,
    /// Index into `models`, by sensor.
    of: Vec<Option<usize>>,
    /// Daily profiles, by sensor; only of sensors that a model looks at.
    profiles: Vec<Option<Profile>>,
    sums: Vec<Sum>,
    tracks: Vec<Track>,
    begun: Tick,
    before: Option<Means>,
    last: Means,
    /// Models that have not learned from the last boundary yet.
    waiting: VecDeque<usize>,
    saved: Tick,
    unsaved: VecDeque<usize>,
}

impl Dynamics {
    /// Models for the sensors of the goals and effects of a configuration, with what was learned.
    #[must_use]
    pub fn new(config: &Config, learned: &[Learned], now: Tick) -> Dynamics {
        let wanted = modelled(config);
        let seen = inputs(config, &wanted);
        let mut of = vec![None; config.sensors.len()];
        let mut profiles = vec![None; config.sensors.len()];
        let mut models = Vec::new();
        for id in &wanted {
            let others: Vec<SensorId> = seen.iter().copied().filter(|one| one != id).collect();
            let others = &others[..others.len().min(MODEL_SENSORS_MAX)];
            let actuators = actuators(config, *id);
            let mut model = Model::new(config, *id, others, &actuators);
            let name = &config.sensors[usize::from(id.0)].name;
            let state = learned.iter().find(|one| one.sensor == *name);
            for one in others.iter().chain([id]) {
                profiles[usize::from(one.0)].get_or_insert(Profile::default());
            }
            if let Some(state) = state {
                model.resume(state);
                profiles[usize::from(id.0)] = Some(Profile::of(&state.profile));
            }
            of[usize::from(id.0)] = Some(models.len());
            models.push(model);
        }
        Dynamics {
            models,
            of,
            profiles,
            sums: vec![Sum::default(); config.sensors.len()],
            tracks: vec![Track { since: now, ..Track::default() }; config.actuators.len()],
            begun: now,
            before: None,
            last: Means::default(),
            waiting: VecDeque::new(),
            saved: now,
            unsaved: VecDeque::new(),
        }
    }

    /// A believed reading.
    pub fn reading(&mut self, id: SensorId, value: f64) {
        if let Some(sum) = self.sums.get_mut(usize::from(id.0)) {
            sum.total += value;
            sum.count += 1.0;
        }
    }

    /// An actuator's level from now on, 0 to 1; `None`: unknown.
    pub fn level(&mut self, id: ActuatorId, level: Option<f64>, now: Tick) {
        if let Some(track) = self.tracks.get_mut(usize::from(id.0))
            && track.level != level
        {
            track.run(now);
            track.level = level;
        }
    }

    /// Closes the interval where it is over, and learns a little. Gives what is to be said.
    pub fn work(&mut self, now: Tick, hour: Option<f64>) -> Vec<News> {
        let passed = now.since(self.begun);
        if passed >= INTERVAL {
            // A long silence of everything is no interval to learn from.
            self.close(now, hour, passed < INTERVAL * 3 / 2);
        }
        let mut news = Vec::new();
        for _ in 0..MODELS_A_CALL {
            let Some(index) = self.waiting.pop_front() else { break };
            let Some(before) = &self.before else { break };
            let model = &mut self.models[index];
            let was = model.is_trusted();
            model.learn(before, &self.last, &self.profiles);
            if model.is_trusted() != was {
                let (sensor, used) = (model.sensor(), !was);
                news.push(News { sensor, used, errors: model.errors() });
            }
        }
        news
    }

    fn close(&mut self, now: Tick, hour: Option<f64>, whole: bool) {
        self.begun = now;
        for track in &mut self.tracks {
            track.run(now);
        }
        let means = Means {
            sensors: self.sums.iter().map(|sum| sum.mean()).collect(),
            actuators: self
                .tracks
                .iter()
                .map(|one| (!one.broken && one.seconds > 0.0).then(|| one.area / one.seconds))
                .collect(),
            hour,
        };
        self.sums.fill(Sum::default());
        for track in &mut self.tracks {
            (track.area, track.seconds, track.broken) = (0.0, 0.0, false);
        }
        for (profile, mean) in self.profiles.iter_mut().zip(&means.sensors) {
            if let (Some(profile), Some(mean), Some(hour)) = (profile, mean, hour) {
                profile.note(hour, *mean);
            }
        }
        let last = std::mem::replace(&mut self.last, means);
        self.before = (whole && !last.sensors.is_empty()).then_some(last);
        self.waiting.clear();
        match self.before.is_some() {
            true => self.waiting.extend(0..self.models.len()),
            false => self.models.iter_mut().for_each(Model::interrupt),
        }
        if now.since(self.saved) >= SAVE_EVERY {
            self.saved = now;
            self.unsaved = (0..self.models.len()).collect();
        }
    }

    /// The next model that is due to be written down; at most one a call.
    pub fn due_record(&mut self) -> Option<Learned> {
        let index = self.unsaved.pop_front()?;
        let model = &self.models[index];
        Some(model.state(self.profiles[usize::from(model.sensor().0)].as_ref()))
    }

    /// Everything that was learned, for the end.
    pub fn all(&self) -> Vec<Learned> {
        let learned = self.models.iter().filter(|model| model.steps() > 0);
        let state =
            |model: &Model| model.state(self.profiles[usize::from(model.sensor().0)].as_ref());
        learned.map(state).collect()
    }

    /// The model of a sensor, where it predicts well enough to be used.
    #[must_use]
    pub fn trusted(&self, id: SensorId) -> Option<&Model> {
        let index = (*self.of.get(usize::from(id.0))?)?;
        Some(&self.models[index]).filter(|model| model.is_trusted())
    }

    /// What will be of the other sensors that a model looks at, for each coming interval.
    #[must_use]
    pub fn outlook(&self, model: &Model, hour: Option<f64>) -> model::Outlook {
        model.outlook(&self.last, hour, &self.profiles)
    }

    /// Mean levels of the last whole interval, by actuator.
    #[must_use]
    pub fn levels(&self) -> &[Option<f64>] {
        &self.last.actuators
    }
}

/// Sensors whose dynamics are learned: those of the file's goals, then of declared effects.
fn modelled(config: &Config) -> Vec<SensorId> {
    let goals = config.goals.iter().filter_map(|goal| goal.aim.sensor());
    let effects = config.actuators.iter().flat_map(|one| one.effects.iter().map(|(id, _)| *id));
    let mut wanted: Vec<SensorId> = Vec::new();
    for id in goals.chain(effects) {
        let sensor = &config.sensors[usize::from(id.0)];
        let fit = sensor.learn && scale(config, id).is_some() && sensor.every * 3 <= INTERVAL;
        if fit && !wanted.contains(&id) && wanted.len() < MODELS_MAX {
            wanted.push(id);
        }
    }
    wanted
}

/// Sensors that models look at: those without a goal first, since they come from outside.
fn inputs(config: &Config, modelled: &[SensorId]) -> Vec<SensorId> {
    // What a derived one says is in those that it is made of.
    let fits = |sensor: &Sensor| {
        let number = sensor.kind == SensorKind::Number && sensor.port().is_some();
        number && sensor.range.is_some() && sensor.every * 3 <= INTERVAL
    };
    let numbers = (0u16..).zip(&config.sensors).filter(|(_, sensor)| fits(sensor));
    let ids: Vec<SensorId> = numbers.map(|(id, _)| SensorId(id)).collect();
    let (inside, outside): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| modelled.contains(id));
    let inside = inside.into_iter().take(MODEL_SENSORS_MAX + 1);
    outside.into_iter().take(MODEL_SENSORS_MAX / 2 + 1).chain(inside).collect()
}

/// Actuators that a model looks at, with the declared direction: those with one first.
fn actuators(config: &Config, id: SensorId) -> Vec<(ActuatorId, f64)> {
    let direction = |actuator: &crate::config::Actuator| {
        let declared = actuator.effects.iter().find(|(sensor, _)| *sensor == id);
        declared.map_or(0.0, |(_, direction)| *direction)
    };
    let all = (0u16..).zip(&config.actuators).map(|(n, one)| (ActuatorId(n), direction(one)));
    let (declared, others): (Vec<_>, Vec<_>) = all.partition(|(_, direction)| *direction != 0.0);
    declared.into_iter().chain(others).take(MODEL_ACTUATORS_MAX).collect()
}

/// Middle and scale of a sensor by the file alone, so that they are the same after a restart: its
/// goal's band, else its range.
fn scale(config: &Config, id: SensorId) -> Option<(f64, f64)> {
    let bands = config.goals.iter().filter_map(|goal| match &goal.aim {
        Aim::Keep { sensor, min: Some(min), max: Some(max) } if *sensor == id => {
            Some(((min + max) / 2.0, max - min))
        }
        _ => None,
    });
    let band = bands.min_by(|a, b| a.1.total_cmp(&b.1));
    band.or_else(|| {
        let (low, high) = config.sensors[usize::from(id.0)].range?;
        Some(((low + high) / 2.0, (high - low) / 10.0))
    })
}

//! What a simulated place is made of, as data: sensors, devices, goals, laws. `site.rs` gives such
//! a description a wire and a judge; the limit of the benchmark computes on the same laws.
//! No message and no clock lives here.

use rand::rngs::StdRng;

use super::device::DeviceKind;
use super::noise::{Wander, stream};

/// The changing part of a place; each place names its own numbers.
pub type State = [f64; 4];
/// What comes from outside in one minute: weather, doors, use, prices. No command changes it.
pub type Input = [f64; 4];
/// What could be measured, in the order of the place's sensors.
pub type Truth = [f64; 8];

/// Hour of the day at which every place starts, as that of the greenhouse.
pub const START_HOUR: u64 = super::weather::START_HOUR;
/// Monday 2026-05-04, 06:00 UTC, in milliseconds since 1970: the wall time of the start.
pub const START_UNIX_MS: i64 = 1_777_874_400_000;
/// Minutes of a day.
const DAY_MIN: u64 = 24 * 60;

/// The hour of the day, with minutes as fraction, so many minutes after the start.
#[must_use]
pub fn hour_of(minute: u64) -> f64 {
    ((START_HOUR * 60 + minute) % DAY_MIN) as f64 / 60.0
}

/// Monday to Friday, so many minutes after the start.
#[must_use]
pub fn is_workday(minute: u64) -> bool {
    (START_HOUR * 60 + minute) / DAY_MIN % 7 < 5
}

/// The sequence of inputs of a seed: the coming weather and use, minute by minute.
#[derive(Debug)]
pub struct Course {
    /// Chance of what comes from outside; commands never draw from it.
    pub rng: StdRng,
    /// Two values that wander slowly, for the place's use.
    pub wander: [Wander; 2],
    /// What the place's own generator must remember between minutes.
    pub memory: [f64; 4],
    minute: u64,
    make: fn(&mut Course, u64) -> Input,
}

impl Course {
    /// The course of `seed` in the place of this description.
    #[must_use]
    pub fn new(spec: &Spec, seed: u64) -> Course {
        let mut rng = stream(seed, 0xc0de);
        let wander = [Wander::new(&mut rng, 240.0), Wander::new(&mut rng, 30.0)];
        Course { rng, wander, memory: [0.0; 4], minute: 0, make: spec.course }
    }
}

impl Iterator for Course {
    type Item = Input;

    /// The input of the next minute; there is always one.
    fn next(&mut self) -> Option<Input> {
        let minute = self.minute;
        self.minute += 1;
        Some((self.make)(self, minute))
    }
}

/// A device of the place.
#[derive(Debug)]
pub struct DeviceSpec {
    /// As in its topics and in the configuration.
    pub name: &'static str,
    /// What it can be set to.
    pub kind: DeviceKind,
    /// Its `safe` of the configuration, where it also stands before anybody commands it, 0 to 1.
    pub safe: f64,
}

impl DeviceSpec {
    /// A switch that is off when in doubt.
    #[must_use]
    pub const fn switch(name: &'static str) -> DeviceSpec {
        DeviceSpec { name, kind: DeviceKind::Switch, safe: 0.0 }
    }
}

/// A sensor of the place.
#[derive(Debug)]
pub struct SensorSpec {
    /// As in its topic and in the configuration.
    pub name: &'static str,
    /// Standard deviation of its noise, in its unit.
    pub spread: f64,
    /// Digits after the point; what is finer it cannot see.
    pub digits: usize,
    /// Says `true` above a half and `false` below, without noise.
    pub is_bool: bool,
}

/// A goal of the place, judged on the true value of a sensor.
#[derive(Debug)]
pub struct GoalSpec {
    /// As in the configuration.
    pub name: &'static str,
    /// Place of its sensor.
    pub sensor: usize,
    /// Least wanted value.
    pub min: f64,
    /// Greatest wanted value.
    pub max: f64,
    /// Weight among goals.
    pub weight: f64,
}

/// What must not be. It counts when it has lasted `react_ms`, as sensors and devices say it.
#[derive(Debug)]
pub struct InterlockSpec {
    /// As in the configuration.
    pub name: &'static str,
    /// Time to react: a report, a decision, a device; in milliseconds.
    pub react_ms: u64,
    /// Whether it holds, by what the sensors said and where the devices are set, 0 to 1.
    pub breaks: fn(said: &Truth, levels: &[f64]) -> bool,
}

/// One number of the state as the limit's programme divides it.
#[derive(Debug)]
pub struct Axis {
    /// Least value worth a thought.
    pub low: f64,
    /// Greatest value worth a thought.
    pub high: f64,
    /// Nodes from `low` to `high`, both included; one: the number does not matter.
    pub nodes: usize,
}

/// A place.
#[derive(Debug)]
pub struct Spec {
    /// As on the command line.
    pub name: &'static str,
    /// First level of its topics.
    pub root: &'static str,
    /// Period of its sensors, in milliseconds; a multiple of the inner step.
    pub period_ms: u64,
    /// Its devices; at most eight.
    pub devices: &'static [DeviceSpec],
    /// Its sensors; at most eight, in the order of [`Truth`].
    pub sensors: &'static [SensorSpec],
    /// Its goals.
    pub goals: &'static [GoalSpec],
    /// What must not be.
    pub interlocks: &'static [InterlockSpec],
    /// The state at the start.
    pub start: fn(&mut StdRng) -> State,
    /// The input of a minute.
    pub course: fn(&mut Course, u64) -> Input,
    /// The state some seconds later, by the levels of the devices, 0 to 1.
    pub step: fn(&mut State, &Input, &[f64], f64),
    /// What a perfect sensor would say.
    pub truth: fn(&State, &Input) -> Truth,
    /// Cost of an hour at these levels, in the operator's unit.
    pub price: fn(&Input, &[f64]) -> f64,
    /// Number of the note that raising this device breaks, if any.
    pub note_broken: fn(device: usize, said: &Truth, levels: &[f64], hour: f64) -> Option<usize>,
    /// Levels of all devices among which the limit's programme chooses.
    pub actions: &'static [&'static [f64]],
    /// How the limit's programme divides the state.
    pub axes: [Axis; 4],
}

impl Spec {
    /// The weighted share of goals that are not met, 0 to 1.
    #[must_use]
    pub fn unmet(&self, truth: &Truth) -> f64 {
        let all: f64 = self.goals.iter().map(|goal| goal.weight).sum();
        let missed = self.goals.iter().filter(|goal| !goal.is_met(truth));
        missed.map(|goal| goal.weight).sum::<f64>() / all
    }
}

impl GoalSpec {
    /// Met at this moment.
    #[must_use]
    pub fn is_met(&self, truth: &Truth) -> bool {
        (self.min..=self.max).contains(&truth[self.sensor])
    }
}

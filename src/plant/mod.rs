//! Simulated places for the demo, the tests and the benchmarks. They talk MQTT like real ones, so
//! whoever looks after them can see nothing else; only `runner` and the demo touch a wire.

mod climate;
mod cold_room;
mod config;
mod device;
mod fish_basin;
mod greenhouse;
mod kinds;
mod mast_cabinet;
mod noise;
mod office;
mod runner;
pub mod site;
pub mod spec;
mod understood;
mod water_tank;
mod weather;

use std::time::Duration;

pub(crate) use climate::{Climate, DRIP_PERCENT_H, Work};
pub use config::greenhouse_config;
pub use greenhouse::Greenhouse;
pub(crate) use greenhouse::{GOALS, STORM_M_S, WEIGHTS};
pub use kinds::Kind;
pub(crate) use noise::{between, stream};
pub use runner::{Command, Options, RunnerError, Wire, host_and_port, pump, run};
pub(crate) use weather::{Outside, Weather};

/// A message that a place sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub topic: String,
    /// What it says.
    pub payload: String,
    /// The broker keeps it for later subscribers: states of devices are, readings are not.
    pub retain: bool,
}

/// A goal of a place, judged on its true state, which no sensor shows exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoalState {
    /// The goal's name, as in the place's configuration.
    pub name: &'static str,
    /// Met at this moment.
    pub met: bool,
}

/// How well a place was looked after so far, sampled every 10 s of its time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Samples taken.
    pub samples: u64,
    /// Samples in which every goal was met.
    pub within: u64,
    /// For each goal its name and the samples in which it was met.
    pub goals: Vec<(&'static str, u64)>,
    /// Times that a forbidden state began.
    pub forbidden: u64,
    /// Times that one began which nobody could prevent, for a fault that the benchmark made; not
    /// among the others.
    pub unavoidable: u64,
    /// Sum over the samples of the weighted share of goals that were not met.
    pub unmet: f64,
    /// What the devices used, in the operator's unit.
    pub cost: f64,
    /// Times that a device was set to something else.
    pub switchings: u64,
    /// Times that this broke one of the operator's notes.
    pub notes_broken: u64,
}

impl Score {
    /// Share of the time in which every goal was met, 0 to 1; 0 before the first sample.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { self.within as f64 / self.samples as f64 }
    }

    /// Adds another run's score of the same place.
    pub fn join(&mut self, other: &Score) {
        self.samples += other.samples;
        self.within += other.within;
        self.forbidden += other.forbidden;
        self.unavoidable += other.unavoidable;
        self.unmet += other.unmet;
        self.cost += other.cost;
        self.switchings += other.switchings;
        self.notes_broken += other.notes_broken;
        if self.goals.is_empty() {
            self.goals.clone_from(&other.goals);
            return;
        }
        for (mine, theirs) in self.goals.iter_mut().zip(&other.goals) {
            mine.1 += theirs.1;
        }
    }

    /// Share of the goals that was met, by weight and time, 0 to 1; 0 before the first sample.
    #[must_use]
    pub fn satisfied(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { 1.0 - self.unmet / self.samples as f64 }
    }
}

/// A simulated place. It has a time of its own, which only `advance` moves.
pub trait Place: Send {
    /// Its name, for people.
    fn name(&self) -> &'static str;
    /// Wall time at its start, in milliseconds since 1970 UTC, that fits its sun.
    fn start_unix_ms(&self) -> i64;
    /// Its time since the start.
    fn now(&self) -> Duration;
    /// Lets time pass, in whole milliseconds. How it is cut into calls makes no difference.
    fn advance(&mut self, by: Duration);
    /// Messages that became due since the last call, in order; none is given twice.
    fn due_messages(&mut self) -> Vec<Message>;
    /// How long until it has something to say again; zero where messages wait already.
    fn next_due(&self) -> Duration;
    /// A message on one of its command topics; anything else is ignored and counted.
    fn command(&mut self, topic: &str, payload: &[u8]);
    /// Every device says its state again, as after a connection that was lost.
    fn restate(&mut self);
    /// Topics on which it takes commands.
    fn command_topics(&self) -> Vec<String>;
    /// Its goals at this moment.
    fn goals(&self) -> Vec<GoalState>;
    /// Names of the interlocks that are broken at this moment.
    fn forbidden(&self) -> Vec<&'static str>;
    /// How well it was looked after so far.
    fn score(&self) -> Score;
}

/// The score of `hours` in which nobody commands anything: every actuator stays at its safe value.
#[must_use]
pub fn left_alone(kind: Kind, seed: u64, hours: f64) -> Score {
    let mut place = kind.build(seed);
    place.advance(Duration::from_secs_f64(hours.max(0.0) * 3600.0));
    place.score()
}

/// Share of `hours` in which every goal of the greenhouse of `seed` is met when it is left alone.
#[must_use]
pub fn all_safe_share(seed: u64, hours: f64) -> f64 {
    left_alone(Kind::Greenhouse, seed, hours).share()
}

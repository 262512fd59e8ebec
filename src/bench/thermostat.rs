//! Hysteresis thermostats: what an electrician would build from the same configuration, tuned by a
//! search on that very place. They obey its rules, interlocks and least times, and know no more.
//!
//! Each effect of an actuator that a goal can use is a loop: the actuator goes on when the sensor
//! comes near the goal's bound and off a gap later. Where and how wide is the tuning.

use std::sync::Arc;

use rand::rngs::StdRng;

use super::drive::Keeper;
use super::heard::Heard;
use crate::clock::{Now, Tick};
use crate::config::{ActuatorKind, Aim, Config};
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::expr::{Environment, Truth};
use crate::plant::{Command, Message, between};

/// One loop: a sensor, the bound that it must not pass, and the width of the goal.
#[derive(Clone, Debug)]
struct Loop {
    actuator: usize,
    sensor: usize,
    /// +1: the actuator raises the sensor, and the bound is the least value.
    direction: f64,
    bound: f64,
    width: f64,
}

/// Where a loop switches, in widths of the goal inward from its bound. Below zero: never on.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    on_at: f64,
    gap: f64,
    /// Level of an actuator that has levels, 0 to 1.
    level: f64,
}

/// The tuning of all loops of a configuration.
#[derive(Clone, Debug)]
pub struct Tunings(Vec<Tuning>);

impl Tunings {
    /// What one would try first: on at a sixth of the width, off a quarter later.
    #[must_use]
    pub fn first(config: &Config) -> Tunings {
        let usual = Tuning { on_at: 0.15, gap: 0.25, level: 0.5 };
        Tunings(vec![usual; loops(config).len()])
    }

    /// A neighbour: one or two loops tuned otherwise.
    #[must_use]
    pub fn varied(&self, rng: &mut StdRng) -> Tunings {
        let mut next = self.clone();
        let count = next.0.len();
        for _ in 0..2 {
            let at = (between(rng, 0.0, count as f64) as usize).min(count - 1);
            let on_at = between(rng, -0.1, 0.6);
            let gap = between(rng, 0.05, 0.6);
            let level = (between(rng, 0.0, 4.0).ceil() / 4.0).clamp(0.25, 1.0);
            next.0[at] = Tuning { on_at, gap, level };
        }
        next
    }
}

fn loops(config: &Config) -> Vec<Loop> {
    let mut loops = Vec::new();
    for (actuator, one) in config.actuators.iter().enumerate() {
        for (sensor, direction) in &one.effects {
            for goal in &config.goals {
                let Aim::Keep { sensor: kept, min, max } = &goal.aim else { continue };
                let bound = if *direction > 0.0 { min } else { max };
                let (Some(bound), true) = (bound, kept == sensor) else { continue };
                let width = match (min, max) {
                    (Some(min), Some(max)) => max - min,
                    _ => (bound.abs() / 5.0).max(1e-6),
                };
                let (sensor, direction, bound) = (usize::from(sensor.0), *direction, *bound);
                loops.push(Loop { actuator, sensor, direction, bound, width });
            }
        }
    }
    loops
}

/// The thermostats of a configuration.
pub struct Thermostats {
    config: Arc<Config>,
    heard: Heard,
    loops: Vec<Loop>,
    tunings: Tunings,
    wants: Vec<bool>,
    looked: Option<Tick>,
}

impl Thermostats {
    /// Thermostats that have heard nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>, tunings: Tunings) -> Thermostats {
        let loops = loops(&config);
        let wants = vec![false; loops.len()];
        let heard = Heard::new(config.clone());
        Thermostats { config, heard, loops, tunings, wants, looked: None }
    }

    /// Loops switch by what their sensor says; one that is unknown keeps off.
    fn look(&mut self) {
        for (index, one) in self.loops.iter().enumerate() {
            let tuning = self.tunings.0[index];
            let Some(Value::Number(value)) = self.heard.sensor(SensorId(one.sensor as u16)) else {
                self.wants[index] = false;
                continue;
            };
            // How far inside the bound, in widths.
            let inside = (value - one.bound) * one.direction / one.width;
            if tuning.on_at < 0.0 || inside > tuning.on_at + tuning.gap {
                self.wants[index] = false;
            } else if inside < tuning.on_at {
                self.wants[index] = true;
            }
        }
    }

    fn wanted(&self, actuator: usize) -> Setting {
        let config = &self.config.actuators[actuator];
        let on = self.loops.iter().zip(&self.wants).zip(&self.tunings.0);
        let on = on.filter(|((one, wants), _)| one.actuator == actuator && **wants);
        let level = on.map(|(_, tuning)| tuning.level).fold(0.0, f64::max);
        // The last rule that holds decides, as it would by its order in the configuration.
        let id = ActuatorId(actuator as u16);
        let rules =
            self.config.rules.iter().filter(|rule| rule.when.truth(&self.heard) == Truth::True);
        let ruled = rules.flat_map(|rule| &rule.set).rfind(|(one, _)| *one == id);
        if let Some((_, setting)) = ruled {
            return setting.clone();
        }
        match &config.kind {
            _ if level == 0.0 => config.safe.clone(),
            ActuatorKind::Level { min, max, step } => {
                let steps = ((max - min) * level / step).round();
                Setting::Level(min + steps * step)
            }
            ActuatorKind::Switch | ActuatorKind::Pulse { .. } => Setting::On,
            ActuatorKind::Choice { .. } => config.safe.clone(),
        }
    }

    fn act(&mut self) -> Vec<Command> {
        if self.looked == Some(self.heard.now.tick) {
            return Vec::new();
        }
        self.looked = Some(self.heard.now.tick);
        self.look();
        let config = self.config.clone();
        let mut commands = Vec::new();
        for (index, actuator) in config.actuators.iter().enumerate() {
            let mut setting = self.wanted(index);
            let forbidden = setting != actuator.safe && self.heard.is_forbidden(index, &setting);
            if forbidden {
                setting = actuator.safe.clone();
            }
            let heard = &self.heard;
            if heard.is_at(index, &setting)
                || heard.is_on_way(index, &setting)
                || !(forbidden || heard.may_leave(index))
            {
                continue;
            }
            commands.extend(self.heard.send(index, setting));
        }
        commands
    }
}

impl Keeper for Thermostats {
    fn hear(&mut self, message: &Message, now: Now) -> Vec<Command> {
        self.heard.hear(message, now);
        Vec::new()
    }

    fn wake(&mut self, now: Now) -> Vec<Command> {
        self.heard.now = now;
        self.act()
    }

    fn next_wake(&self) -> Option<Tick> {
        // Half a second after each ten, when every sensor has spoken.
        let at = self.looked.map_or(500, |looked| looked.0 / 10_000 * 10_000 + 10_500);
        Some(Tick(at))
    }

    fn restart(&mut self, now: Now) -> Vec<Command> {
        *self = Thermostats::new(self.config.clone(), self.tunings.clone());
        self.heard.now = now;
        self.looked = Some(now.tick);
        Vec::new()
    }
}

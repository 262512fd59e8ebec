//! Hysteresis thermostats: what an electrician would build from the same configuration, tuned by a
//! search on that very place. They obey its rules, interlocks and least times, and know no more.
//!
//! Each effect of an actuator that a goal can use is a loop: the actuator goes on when the sensor
//! comes near the goal's bound and off a gap later. Where and how wide is the tuning.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;

use super::agent::command;
use super::drive::Keeper;
use crate::agent::{Event, Inbox};
use crate::clock::{Now, Tick};
use crate::config::{Actuator, ActuatorKind, Aim, Config};
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::expr::{Environment, Expression, Truth};
use crate::plant::{Command, Message, between};

/// A command that was not echoed by then is sent again.
const AGAIN: Duration = Duration::from_secs(15);

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
    inbox: Inbox,
    loops: Vec<Loop>,
    tunings: Tunings,
    wants: Vec<bool>,
    values: Vec<Option<Value>>,
    heard: Vec<Option<Tick>>,
    settings: Vec<Option<Setting>>,
    sent: Vec<Option<(Setting, Tick)>>,
    changed: Vec<Option<Tick>>,
    looked: Option<Tick>,
    now: Now,
}

impl Thermostats {
    /// Thermostats that have heard nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>, tunings: Tunings) -> Thermostats {
        let loops = loops(&config);
        let (sensors, actuators) = (config.sensors.len(), config.actuators.len());
        Thermostats {
            inbox: Inbox::new(config.clone()),
            wants: vec![false; loops.len()],
            values: vec![None; sensors],
            heard: vec![None; sensors],
            settings: vec![None; actuators],
            sent: vec![None; actuators],
            changed: vec![None; actuators],
            looked: None,
            now: Now::default(),
            loops,
            tunings,
            config,
        }
    }

    /// Loops switch by what their sensor says; one that is unknown keeps off.
    fn look(&mut self) {
        for (index, one) in self.loops.iter().enumerate() {
            let tuning = self.tunings.0[index];
            let Some(Value::Number(value)) = self.sensor(SensorId(one.sensor as u16)) else {
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
        let rules = self.config.rules.iter().filter(|rule| rule.when.truth(self) == Truth::True);
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

    /// An interlock would hold, or cannot be known, with this actuator at this setting.
    fn is_forbidden(&self, actuator: usize, setting: &Setting) -> bool {
        let id = ActuatorId(actuator as u16);
        let assumed = Assumed { all: self, id, setting };
        let touches = |forbid: &Expression| forbid.actuators().contains(&id);
        let mut interlocks = self.config.interlocks.iter();
        interlocks.any(|one| touches(&one.forbid) && one.forbid.truth(&assumed) != Truth::False)
    }

    fn may_leave(&self, actuator: usize, config: &Actuator) -> bool {
        let (Some(setting), Some(changed)) = (&self.settings[actuator], self.changed[actuator])
        else {
            return true;
        };
        let least = if *setting == config.safe { config.min_off } else { config.min_on };
        self.now.tick.since(changed) >= least
    }

    fn act(&mut self) -> Vec<Command> {
        if self.looked == Some(self.now.tick) {
            return Vec::new();
        }
        self.looked = Some(self.now.tick);
        self.look();
        let config = self.config.clone();
        let mut commands = Vec::new();
        for (index, actuator) in config.actuators.iter().enumerate() {
            let mut setting = self.wanted(index);
            let forbidden = setting != actuator.safe && self.is_forbidden(index, &setting);
            if forbidden {
                setting = actuator.safe.clone();
            }
            let is_there = self.settings[index].as_ref() == Some(&setting);
            let waits = self.sent[index]
                .as_ref()
                .is_some_and(|(sent, at)| *sent == setting && self.now.tick.since(*at) < AGAIN);
            if is_there || waits || !(forbidden || self.may_leave(index, actuator)) {
                continue;
            }
            self.sent[index] = Some((setting.clone(), self.now.tick));
            commands.extend(command(&config, index, &setting));
        }
        commands
    }
}

impl Keeper for Thermostats {
    fn hear(&mut self, message: &Message, now: Now) -> Vec<Command> {
        self.now = now;
        for event in self.inbox.read(&message.topic, message.payload.as_bytes(), false) {
            match event {
                Event::Reading { sensor, value: Ok(value), .. } => {
                    self.values[usize::from(sensor.0)] = Some(value);
                    self.heard[usize::from(sensor.0)] = Some(now.tick);
                }
                Event::Echo { actuator, setting: Ok(setting), .. } => {
                    let index = usize::from(actuator.0);
                    if self.settings[index].as_ref() != Some(&setting) {
                        self.changed[index] = Some(now.tick);
                    }
                    self.settings[index] = Some(setting);
                }
                _ => {}
            }
        }
        Vec::new()
    }

    fn wake(&mut self, now: Now) -> Vec<Command> {
        self.now = now;
        self.act()
    }

    fn next_wake(&self) -> Option<Tick> {
        // Half a second after each ten, when every sensor has spoken.
        let at = self.looked.map_or(500, |looked| looked.0 / 10_000 * 10_000 + 10_500);
        Some(Tick(at))
    }

    fn restart(&mut self, now: Now) -> Vec<Command> {
        *self = Thermostats::new(self.config.clone(), self.tunings.clone());
        self.now = now;
        self.looked = Some(now.tick);
        Vec::new()
    }
}

impl Environment for Thermostats {
    fn sensor(&self, id: SensorId) -> Option<Value> {
        let index = usize::from(id.0);
        let stale = self.config.sensors[index].every * crate::limits::STALE_PERIODS;
        let fresh = self.heard[index].is_some_and(|at| self.now.tick.since(at) <= stale);
        self.values[index].clone().filter(|_| fresh)
    }

    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        self.settings[usize::from(id.0)].as_ref().map(Setting::value)
    }

    fn age(&self, id: SensorId) -> Duration {
        self.now.tick.since(self.heard[usize::from(id.0)].unwrap_or_default())
    }

    fn hour(&self) -> Option<f64> {
        let minutes = self.now.unix_ms.rem_euclid(86_400_000) / 60_000;
        Some(minutes as f64 / 60.0)
    }

    fn weekday(&self) -> Option<f64> {
        // 1970 began on a Thursday.
        Some(((self.now.unix_ms.div_euclid(86_400_000) + 3).rem_euclid(7) + 1) as f64)
    }
}

/// What the thermostats know, with one actuator set otherwise, and those commanded counted there.
struct Assumed<'a> {
    all: &'a Thermostats,
    id: ActuatorId,
    setting: &'a Setting,
}

impl Environment for Assumed<'_> {
    fn sensor(&self, id: SensorId) -> Option<Value> {
        self.all.sensor(id)
    }

    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        if id == self.id {
            return Some(self.setting.value());
        }
        let index = usize::from(id.0);
        // What was commanded a moment ago is on its way.
        let sent = self.all.sent[index].as_ref();
        let on_way = sent.filter(|(_, at)| self.all.now.tick.since(*at) < AGAIN);
        on_way.map(|(setting, _)| setting.value()).or_else(|| self.all.actuator(id))
    }

    fn age(&self, id: SensorId) -> Duration {
        self.all.age(id)
    }

    fn hour(&self) -> Option<f64> {
        self.all.hour()
    }

    fn weekday(&self) -> Option<f64> {
        self.all.weekday()
    }
}

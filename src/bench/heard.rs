//! What a keeper without a journal goes by: the last words of sensors and devices, and what it
//! commanded a moment ago. By it, whoever commands is kept to interlocks and least times.

use std::sync::Arc;
use std::time::Duration;

use super::agent::command;
use crate::agent::{Event, Inbox};
use crate::clock::{Now, Tick};
use crate::config::{Actuator, ActuatorKind, Config};
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::expr::{Environment, Expression, Truth};
use crate::plant::{Command, Message};

/// A command that was not echoed by then is sent again.
const AGAIN: Duration = Duration::from_secs(15);

/// See the module.
pub struct Heard {
    pub config: Arc<Config>,
    pub now: Now,
    inbox: Inbox,
    values: Vec<Option<(Value, Tick)>>,
    settings: Vec<Option<Setting>>,
    sent: Vec<Option<(Setting, Tick)>>,
    changed: Vec<Option<Tick>>,
}

impl Heard {
    /// Nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Heard {
        let (sensors, actuators) = (config.sensors.len(), config.actuators.len());
        Heard {
            inbox: Inbox::new(config.clone()),
            now: Now::default(),
            values: vec![None; sensors],
            settings: vec![None; actuators],
            sent: vec![None; actuators],
            changed: vec![None; actuators],
            config,
        }
    }

    /// A message came.
    pub fn hear(&mut self, message: &Message, now: Now) {
        self.now = now;
        for event in self.inbox.read(&message.topic, message.payload.as_bytes(), false) {
            match event {
                Event::Reading { sensor, value: Ok(value), .. } => {
                    self.values[usize::from(sensor.0)] = Some((value, now.tick));
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
    }

    /// An actuator says that it is set to this.
    #[must_use]
    pub fn is_at(&self, actuator: usize, setting: &Setting) -> bool {
        self.settings[actuator].as_ref() == Some(setting)
    }

    /// It was commanded a moment ago.
    #[must_use]
    pub fn is_on_way(&self, actuator: usize, setting: &Setting) -> bool {
        let sent = self.sent[actuator].as_ref();
        sent.is_some_and(|(sent, at)| sent == setting && self.now.tick.since(*at) < AGAIN)
    }

    /// An interlock would hold, or cannot be known, with this actuator at this setting.
    #[must_use]
    pub fn is_forbidden(&self, actuator: usize, setting: &Setting) -> bool {
        let id = ActuatorId(actuator as u16);
        let assumed = Assumed { all: self, id, setting };
        let touches = |forbid: &Expression| forbid.actuators().contains(&id);
        let mut interlocks = self.config.interlocks.iter();
        interlocks.any(|one| touches(&one.forbid) && one.forbid.truth(&assumed) != Truth::False)
    }

    /// Its least time where it stands has passed.
    #[must_use]
    pub fn may_leave(&self, actuator: usize) -> bool {
        let (Some(setting), Some(changed)) = (&self.settings[actuator], self.changed[actuator])
        else {
            return true;
        };
        let config = &self.config.actuators[actuator];
        let least = if *setting == config.safe { config.min_off } else { config.min_on };
        self.now.tick.since(changed) >= least
    }

    /// The command that sets it, which from now on is on its way.
    pub fn send(&mut self, actuator: usize, setting: Setting) -> Option<Command> {
        let command = command(&self.config, actuator, &setting);
        self.sent[actuator] = Some((setting, self.now.tick));
        command
    }
}

impl Environment for Heard {
    fn sensor(&self, id: SensorId) -> Option<Value> {
        let index = usize::from(id.0);
        let stale = self.config.sensors[index].every * crate::limits::STALE_PERIODS;
        let (value, at) = self.values[index].as_ref()?;
        (self.now.tick.since(*at) <= stale).then(|| value.clone())
    }

    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        self.settings[usize::from(id.0)].as_ref().map(Setting::value)
    }

    fn age(&self, id: SensorId) -> Duration {
        let at = self.values[usize::from(id.0)].as_ref().map(|(_, at)| *at);
        self.now.tick.since(at.unwrap_or_default())
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

/// What is known, with one actuator set otherwise, and those commanded counted there.
struct Assumed<'a> {
    all: &'a Heard,
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

/// What an actuator can be set to.
#[must_use]
pub fn settings(actuator: &Actuator) -> Vec<Setting> {
    match &actuator.kind {
        ActuatorKind::Level { min, max, step } => {
            let steps = ((max - min) / step).round() as u32;
            (0..=steps).map(|one| Setting::Level(min + f64::from(one) * step)).collect()
        }
        ActuatorKind::Choice { options } => options.iter().cloned().map(Setting::Choice).collect(),
        _ => vec![Setting::On, Setting::Off],
    }
}

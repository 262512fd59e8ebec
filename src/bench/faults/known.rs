//! What somebody who sees everything knows of a place with faults: what its sensors said before a
//! fault changed it, what arrived of that, and what its devices heard. Out of these follows what
//! nobody could prevent. Nothing here changes a message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::heard::settings;
use super::{Fault, Kind};
use crate::agent::{Event, Inbox, level, payload};
use crate::clock::Tick;
use crate::config::{ActuatorKind, Config, Interlock};
use crate::domain::{ActuatorId, FaultKind, SensorId, Setting, Value};
use crate::expr::{Still, Truth};
use crate::limits::STALE_PERIODS;
use crate::plant::{Command, Message};

/// What arrived has shown for this long that an interlock is broken: then somebody could have acted
/// on it. The time to react that the places give to what comes by itself, `react_ms`.
const REACT: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) config: Arc<Config>,
    inbox: Inbox,
    /// By sensor, as it was said.
    said: Vec<Option<Value>>,
    /// By sensor, as it arrived, and when.
    arrived: Vec<Option<(Value, Tick)>>,
    /// By actuator, what it heard last; before that it stands at its `safe`.
    heard: Vec<Setting>,
    /// By interlock, since when what arrived shows that it is broken.
    shown: Vec<Option<Tick>>,
    /// By interlock, the devices that a command moved that ventured it, with where each stood
    /// before. Forgotten once what arrived shows that it is not broken: then it is known anew.
    ventured: Vec<BTreeMap<usize, Setting>>,
}

/// A command on its way, with what its giver risked by what could be known when it was given.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) command: Command,
    /// The interlocks that it ventures, in the order of the configuration.
    pub(super) ventures: Vec<usize>,
}

impl Known {
    pub(super) fn new(config: Arc<Config>) -> Known {
        Known {
            inbox: Inbox::new(config.clone()),
            said: vec![None; config.sensors.len()],
            arrived: vec![None; config.sensors.len()],
            heard: config.actuators.iter().map(|one| one.safe.clone()).collect(),
            shown: vec![None; config.interlocks.len()],
            ventured: vec![BTreeMap::new(); config.interlocks.len()],
            config,
        }
    }

    /// The sensors that a message is about; `None`: it says that they are not to be believed.
    fn readings(&self, message: &Message) -> Vec<(usize, Option<Value>)> {
        let events = self.inbox.read(&message.topic, message.payload.as_bytes(), false);
        let readings = events.into_iter().filter_map(|event| {
            let Event::Reading { sensor, value, .. } = event else { return None };
            let value = match value {
                Ok(value) => Some(value),
                Err(fault) if is_doubt(fault.kind) => None,
                Err(_) => return None,
            };
            Some((usize::from(sensor.0), value))
        });
        readings.collect()
    }

    /// A sensor said this.
    pub(super) fn says(&mut self, message: &Message) {
        for (sensor, value) in self.readings(message) {
            self.said[sensor] = value.or(self.said[sensor].take());
        }
    }

    /// This arrives of it.
    pub(super) fn arrives(&mut self, message: &Message, now: Tick) {
        for (sensor, value) in self.readings(message) {
            self.arrived[sensor] = value.map(|value| (value, now));
        }
    }

    /// A device hears this. One that is told where it stands already is moved by nobody.
    pub(super) fn hears(&mut self, given: &Given) {
        let Some((index, setting)) = self.setting(&given.command) else { return };
        if setting == self.heard[index] {
            return;
        }
        let before = std::mem::replace(&mut self.heard[index], setting);
        for (interlock, moved) in self.ventured.iter_mut().enumerate() {
            if given.ventures.contains(&interlock) {
                moved.entry(index).or_insert(before.clone());
            } else {
                moved.remove(&index);
            }
        }
    }

    /// The interlocks of its device that are true or unknown with this command, by what its giver
    /// can know: the words that arrived, and the other devices where they stand or where what is on
    /// its way to one of them would set it.
    pub(super) fn ventures(
        &self,
        command: &Command,
        waiting: &[(Tick, Given)],
        now: Tick,
    ) -> Vec<usize> {
        let Some((index, setting)) = self.setting(command) else { return Vec::new() };
        let mut ways = vec![self.heard.clone()];
        for (other, setting) in waiting.iter().filter_map(|(_, one)| self.setting(&one.command)) {
            let mut devices = self.heard.clone();
            devices[other] = setting;
            ways.push(devices);
        }
        ways.iter_mut().for_each(|devices| devices[index] = setting.clone());
        let ventured = |interlock: &Interlock| {
            let mut named = interlock.forbid.actuators().iter();
            let mut truths = ways.iter().map(|way| self.truth_of_arrived(interlock, way, now));
            named.any(|id| usize::from(id.0) == index) && truths.any(|truth| truth != Truth::False)
        };
        let all = self.config.interlocks.iter().enumerate();
        all.filter(|(_, one)| ventured(one)).map(|(number, _)| number).collect()
    }

    /// What a command means, and the actuator that it is for.
    pub(super) fn setting(&self, command: &Command) -> Option<(usize, Setting)> {
        let mut all = self.config.actuators.iter();
        let index = all.position(|one| one.port.topic() == Some(&*command.topic))?;
        let actuator = &self.config.actuators[index];
        let word = [Setting::On, Setting::Off]
            .into_iter()
            .find(|word| payload(actuator, word) == command.payload);
        let number = || std::str::from_utf8(&command.payload).ok()?.trim().parse().ok();
        let setting = match &actuator.kind {
            ActuatorKind::Level { .. } => number().map(Setting::Level),
            _ => word,
        };
        Some((index, setting?))
    }

    /// The command sets its device lower than it stands.
    pub(super) fn lowers(&self, command: &Command) -> bool {
        self.setting(command).is_some_and(|(index, setting)| {
            let actuator = &self.config.actuators[index];
            level(actuator, &setting) < level(actuator, &self.heard[index])
        })
    }

    /// Looks at all interlocks by what arrived.
    pub(super) fn look(&mut self, now: Tick) {
        for index in 0..self.shown.len() {
            let interlock = &self.config.interlocks[index];
            let truth = self.truth_of_arrived(interlock, &self.heard, now);
            let since = self.shown[index].unwrap_or(now);
            self.shown[index] = (truth == Truth::True).then_some(since);
            if truth == Truth::False {
                self.ventured[index].clear();
            }
        }
    }

    fn truth_of_arrived(&self, interlock: &Interlock, devices: &[Setting], now: Tick) -> Truth {
        let arrived = |id: SensorId| {
            let index = usize::from(id.0);
            let (value, at) = self.arrived[index].as_ref()?;
            let stale = self.config.sensors[index].every * STALE_PERIODS;
            (now.since(*at) <= stale).then(|| value.clone())
        };
        truth(interlock, arrived, devices)
    }

    fn holds(&self, interlock: &Interlock, devices: &[Setting]) -> bool {
        let said = |id: SensorId| self.said[usize::from(id.0)].clone();
        truth(interlock, said, devices) == Truth::True
    }

    /// Nobody can prevent that this interlock is broken: see [`super::Faults::excuse`].
    pub(super) fn excuse(
        &self,
        name: &str,
        fault: &Fault,
        waiting: &[(Tick, Given)],
        now: Tick,
    ) -> bool {
        let Some(index) = self.config.interlocks.iter().position(|one| one.name == name) else {
            return false;
        };
        let interlock = &self.config.interlocks[index];
        if self.is_own_doing(index) {
            return false;
        }
        // What a sensor hid until just now, nobody could act on yet.
        now.since(fault.until) < REACT && self.is_hidden(index, fault, now)
            || now < fault.until && self.cannot_end(interlock, fault, waiting)
    }

    /// It would not be broken but for commands that ventured it.
    fn is_own_doing(&self, index: usize) -> bool {
        let mut devices = self.heard.clone();
        for (device, before) in &self.ventured[index] {
            devices[*device] = before.clone();
        }
        let ventured = !self.ventured[index].is_empty();
        ventured && !self.holds(&self.config.interlocks[index], &devices)
    }

    /// One of its sensors has the fault, and what arrived has not shown for long enough that it is
    /// broken.
    fn is_hidden(&self, index: usize, fault: &Fault, now: Tick) -> bool {
        let mut sensors = self.config.interlocks[index].forbid.sensors().iter();
        let one_fails = sensors.any(|id| {
            let index = usize::from(id.0);
            let port = self.config.sensors[index].port();
            let topic = port.and_then(crate::config::Port::topic);
            match &fault.kind {
                Kind::Silent(silent) | Kind::Stuck(silent) => topic == Some(silent),
                Kind::Drifting { sensor, .. } | Kind::Lying { sensor, .. } => *sensor == index,
                _ => false,
            }
        });
        let long = self.shown[index].is_some_and(|since| now.since(since) >= REACT);
        one_fails && !long
    }

    /// However the devices that hear are set, it stays broken; or what ends it is on its way.
    fn cannot_end(&self, interlock: &Interlock, fault: &Fault, waiting: &[(Tick, Given)]) -> bool {
        let named = interlock.forbid.actuators();
        let named: Vec<usize> = named.iter().map(|id| usize::from(id.0)).collect();
        let topic = |index: usize| self.config.actuators[index].port.topic();
        let (Kind::Dead(deaf) | Kind::StuckOn(deaf) | Kind::Slow { topic: deaf, .. }) = &fault.kind
        else {
            return false;
        };
        if !named.iter().any(|index| topic(*index) == Some(deaf)) {
            return false;
        }
        if let Kind::Slow { .. } = fault.kind {
            let mut devices = self.heard.clone();
            for (_, given) in waiting {
                if let Some((index, setting)) = self.setting(&given.command) {
                    devices[index] = setting;
                }
            }
            return self.holds(interlock, &self.heard) && !self.holds(interlock, &devices);
        }
        let mut all = vec![self.heard.clone()];
        for index in named {
            let actuator = &self.config.actuators[index];
            let stands = level(actuator, &self.heard[index]);
            let hears = |setting: &Setting| {
                let is_deaf = topic(index) == Some(deaf);
                !is_deaf
                    || matches!(fault.kind, Kind::StuckOn(_)) && level(actuator, setting) > stands
            };
            let mut more: Vec<_> = settings(actuator).into_iter().filter(hears).collect();
            more.push(self.heard[index].clone());
            let with = |devices: &Vec<Setting>| {
                let devices = devices.clone();
                more.clone().into_iter().map(move |setting| {
                    let mut devices = devices.clone();
                    devices[index] = setting;
                    devices
                })
            };
            all = all.iter().flat_map(with).collect();
        }
        all.iter().all(|devices| self.holds(interlock, devices))
    }
}

/// An interlock by these words of sensors and settings of devices.
fn truth(
    interlock: &Interlock,
    sensor: impl Fn(SensorId) -> Option<Value>,
    devices: &[Setting],
) -> Truth {
    let actuator = |id: ActuatorId| Some(devices[usize::from(id.0)].value());
    interlock.forbid.truth(&Still { sensor, actuator })
}

/// What the agent, too, takes for a word that unsays the last one.
fn is_doubt(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::OutOfRange | FaultKind::NotFinite)
}

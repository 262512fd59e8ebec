//! The simulation's own judgement: what the agent could know, kept apart from the agent, and the
//! invariants of design §8 over it.

use std::collections::VecDeque;

use outpost::agent::Resumed;
use outpost::domain::Setting;
use outpost::limits;

use crate::scene::{Atom, Scene};

/// Interlocks and rules react within the same event, unless they did in the last 10 s.
pub const AGAIN_MS: u64 = 10_000;

#[derive(Clone, Default)]
pub struct Known {
    /// The last echo, or PUBACK where there is none.
    pub setting: Option<Setting>,
    /// What was sent since and may have arrived, with its time.
    pub flying: Vec<(Setting, u64)>,
    pub last_sent: Option<(Setting, u64)>,
    /// Messages of the last hour.
    pub sent_times: VecDeque<u64>,
    /// How many messages of the hour before the last start there were, and when that was.
    pub sent_before: usize,
    pub restarted: u64,
}

#[derive(Clone, Default)]
pub struct Sensed {
    pub value: Option<f64>,
    pub at: u64,
    /// What was last used, be it doubted since.
    pub last: Option<f64>,
}

pub struct Oracle {
    pub devices: Vec<Known>,
    pub sensors: Vec<Sensed>,
    /// When the connection was lost.
    pub down_at: u64,
}

/// Levels within half a step are the same.
pub fn same(a: &Setting, b: &Setting) -> bool {
    match (a, b) {
        (Setting::Level(a), Setting::Level(b)) => (a - b).abs() <= 5.0,
        _ => a == b,
    }
}

impl Oracle {
    pub fn new(scene: &Scene) -> Oracle {
        Oracle {
            devices: vec![Known::default(); scene.devices.len()],
            sensors: vec![Sensed::default(); scene.sensors.len()],
            down_at: 0,
        }
    }

    fn sensor(&self, scene: &Scene, index: usize, now: u64) -> Option<f64> {
        let sensed = &self.sensors[index];
        let fresh = now - sensed.at <= 3 * scene.sensors[index].every_ms;
        sensed.value.filter(|_| fresh)
    }

    fn middle(&self, scene: &Scene, one: usize, other: usize, now: u64) -> Option<f64> {
        Some((self.sensor(scene, one, now)? + self.sensor(scene, other, now)?) / 2.0)
    }

    /// The atom may hold: it does for something that the device may be set to, or it is unknown.
    fn possible(&self, scene: &Scene, atom: &Atom, change: (usize, &Setting), now: u64) -> bool {
        match atom {
            Atom::Is(device, _) | Atom::LevelAbove(device, _) => {
                if *device == change.0 {
                    return atom.of_device(change.1);
                }
                let known = &self.devices[*device];
                known.setting.as_ref().is_none_or(|setting| atom.of_device(setting))
                    || known.flying.iter().any(|(setting, _)| atom.of_device(setting))
            }
            Atom::Above(sensor, _) | Atom::Below(sensor, _) => {
                self.sensor(scene, *sensor, now).is_none_or(|value| atom.of_sensor(value))
            }
            Atom::MeanAbove(one, other, limit) => {
                self.middle(scene, *one, *other, now).is_none_or(|value| value > *limit)
            }
        }
    }

    /// The atom holds, whatever is under way.
    pub fn certain(&self, scene: &Scene, atom: &Atom, now: u64) -> bool {
        match atom {
            Atom::Is(device, _) | Atom::LevelAbove(device, _) => {
                let known = &self.devices[*device];
                known.setting.as_ref().is_some_and(|setting| atom.of_device(setting))
                    && known.flying.iter().all(|(setting, _)| atom.of_device(setting))
            }
            Atom::Above(sensor, _) | Atom::Below(sensor, _) => {
                self.sensor(scene, *sensor, now).is_some_and(|value| atom.of_sensor(value))
            }
            Atom::MeanAbove(one, other, limit) => {
                self.middle(scene, *one, *other, now).is_some_and(|value| value > *limit)
            }
        }
    }

    /// The first interlock that may be true once the device is set to this.
    pub fn broken_by(&self, scene: &Scene, device: usize, to: &Setting, now: u64) -> Option<usize> {
        scene.interlocks.iter().position(|atoms| {
            atoms.iter().any(|atom| atom.device() == Some(device))
                && atoms.iter().all(|atom| self.possible(scene, atom, (device, to), now))
        })
    }

    /// Invariant 1, at the moment in which a message leaves the agent.
    pub fn sent(&mut self, scene: &Scene, device: usize, to: &Setting, now: u64) -> Option<String> {
        let found = match *to == scene.devices[device].safe {
            true => None,
            false => self.broken_by(scene, device, to, now),
        };
        let known = &mut self.devices[device];
        known.flying.push((to.clone(), now));
        known.last_sent = Some((to.clone(), now));
        known.sent_times.push_back(now);
        while known.sent_times.front().is_some_and(|at| now - at >= 3_600_000) {
            known.sent_times.pop_front();
        }
        let lock = found?;
        let name = &scene.devices[device].name;
        Some(format!("invariant 1: {name} to {to} though interlock {lock} may be true then"))
    }

    /// A device, or the broker for it, says what it is set to.
    pub fn heard(&mut self, scene: &Scene, device: usize, setting: &Setting, now: u64) {
        let confirm_ms = scene.devices[device].confirm_ms;
        let known = &mut self.devices[device];
        known.setting = Some(setting.clone());
        if known.last_sent.as_ref().is_some_and(|(last, _)| same(last, setting)) {
            known.flying.clear();
        } else {
            known.flying.retain(|(_, at)| now - at < confirm_ms);
        }
    }

    /// The bus is back; away for long, it makes no echo of before to be believed.
    pub fn hears_again(&mut self, scene: &Scene, now: u64) {
        let long = now - self.down_at >= limits::ECHO_BELIEVED_MS;
        for (known, device) in self.devices.iter_mut().zip(&scene.devices) {
            if long && device.echo {
                known.setting = None;
            }
        }
    }

    /// A reading came (`None`: it is doubted). One that is too fast for what was last used is
    /// doubted too.
    pub fn read(&mut self, scene: &Scene, sensor: usize, value: Option<f64>, now: u64) {
        let (sensed, spec) = (&mut self.sensors[sensor], &scene.sensors[sensor]);
        let passed = now - sensed.at;
        let too_fast = |value: &f64| {
            let minutes = passed.max(spec.every_ms) as f64 / 60_000.0;
            let fresh = passed <= 3 * spec.every_ms;
            let last = sensed.last.filter(|_| fresh).zip(spec.max_rate);
            last.is_some_and(|(last, rate)| (value - last).abs() > rate * minutes)
        };
        let value = value.filter(|value| !too_fast(value));
        if value.is_some() {
            (sensed.at, sensed.last) = (now, value);
        }
        sensed.value = value;
    }

    /// Nothing is known after a start but what the journal told the agent.
    pub fn restart(&mut self, scene: &Scene, resumed: &Resumed, now: u64) {
        for (known, device) in self.devices.iter_mut().zip(&scene.devices) {
            (known.setting, known.last_sent) = (None, None);
            known.flying.clear();
            // What counts of the lives before depends on the wall clock, which jumps: messages of
            // long ago may count as recent, and then the device stays as it is.
            let before = resumed.sent.iter().filter(|(name, _)| *name == device.name);
            known.sent_before = before.count();
            known.sent_times.clear();
            known.restarted = now;
        }
        for sensed in &mut self.sensors {
            (sensed.value, sensed.last) = (None, None);
        }
    }

    fn settled(&self, device: usize, now: u64) -> Option<&Setting> {
        let known = &self.devices[device];
        let recent = known.last_sent.as_ref().is_some_and(|(_, at)| now - at < AGAIN_MS);
        known.setting.as_ref().filter(|_| known.flying.is_empty() && !recent)
    }

    /// What must be sent within the event that is being dealt with: settings by device, and why.
    pub fn reflexes(&self, scene: &Scene, now: u64) -> Vec<(usize, Setting, String)> {
        let mut due = Vec::new();
        for (index, atoms) in scene.interlocks.iter().enumerate() {
            if !atoms.iter().all(|atom| self.certain(scene, atom, now)) {
                continue;
            }
            for device in atoms.iter().filter_map(Atom::device) {
                let safe = &scene.devices[device].safe;
                let moved = self.settled(device, now).is_some_and(|is| !same(is, safe));
                if moved && self.broken_by(scene, device, safe, now).is_none() {
                    due.push((device, safe.clone(), format!("interlock {index} is true")));
                }
            }
        }
        for (index, rule) in scene.rules.iter().enumerate() {
            let first = scene.rules.iter().position(|one| one.device == rule.device);
            let holds = rule.when.iter().all(|atom| self.certain(scene, atom, now));
            let moved = self.settled(rule.device, now).is_some_and(|is| !same(is, &rule.set));
            let locked = scene
                .interlocks
                .iter()
                .any(|atoms| atoms.iter().any(|atom| atom.device() == Some(rule.device)));
            // Beyond its limit an hour it stays as it is, and that is said once.
            let known = &self.devices[rule.device];
            let before = if now - known.restarted < 3_600_000 { known.sent_before } else { 0 };
            let sent = known.sent_times.len() + before;
            let full = sent >= scene.devices[rule.device].per_hour as usize;
            if first == Some(index) && holds && moved && !locked && !full {
                due.push((rule.device, rule.set.clone(), format!("rule {index} holds")));
            }
        }
        due
    }
}

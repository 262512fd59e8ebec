//! Orders of people that need more than one thought: rules that are put and taken away while the
//! place runs, and devices that are set one after another with an end in mind. That a rule which
//! was put is in force is not judged here, only that none is which nobody has put.

use outpost::agent::{Body, Event};
use outpost::domain::Setting;

use crate::condition::Condition;
use crate::run::{Next, Sim};
use crate::scene::{Rule, quoted};

/// Takes the first rule of the file away.
const REMOVE_FIRST: &str = "{\"remove\":\"rule 0\"}";
/// Names of the rules that operators put: few, so that they replace one another.
const NAMES: u64 = 3;
/// Between two steps of somebody who has an end in mind: most devices have answered by then.
const STEP_MS: u64 = 15_000;
/// How late a pulse's end may be: it is sent at the agent's own wake, on the millisecond.
const PULSE_LATE_MS: u64 = 100;

impl Sim {
    /// A rule to put or to take away, or nonsense.
    pub fn some_rule(&mut self) -> String {
        let name = format!("extra rule {}", self.rng.int(0, NAMES - 1));
        match self.rng.int(0, 9) {
            0 => return REMOVE_FIRST.into(),
            1 | 2 => return format!("{{\"remove\":\"{name}\"}}"),
            3 => return "{\"put\":{\"name\":\"x\",\"when\":\"s0 > 'x'\",\"set\":{}}}".into(),
            _ => {}
        }
        let device = self.rng.index(self.scene.devices.len());
        let set = self.scene.some_setting(&mut self.rng, device);
        let mut condition = Condition::from(self.scene.sensor_atom(&mut self.rng));
        if self.rng.chance(0.5) {
            // Without crashes the wall clock must change nothing.
            let moment = self.scene.moment(&mut self.rng, self.plan.crashes);
            condition = Condition::Any(vec![condition, moment]);
        }
        let (text, to) = (condition.text(&self.scene), quoted(&set));
        let actuator = &self.scene.devices[device].name;
        let when = format!("\"when\":\"{text}\"");
        let put =
            format!("{{\"put\":{{\"name\":\"{name}\",{when},\"set\":{{\"{actuator}\":{to}}}}}}}");
        self.made.push(Rule { name, text, when: condition, device, set });
        put
    }

    /// Somebody sets one device after another, each as interlocks allow, until the last one's way
    /// to `safe` is what an interlock forbids. By chance that hardly ever comes about: the others
    /// have to be away from `safe` first, and the last one before them.
    pub fn lead(&mut self) {
        let mut found = Vec::new();
        for one in &self.scene.interlocks {
            let devices = one.devices();
            for &last in &devices {
                let safe = &self.scene.devices[last].safe;
                for others in self.all_settings(&devices, last) {
                    let truth = |of_last: &Setting| {
                        one.truth(&|atom| match atom.device() {
                            None => self.oracle.of_place(&self.scene, atom, self.now),
                            Some(of) if of == last => Some(atom.of_device(of_last)),
                            Some(of) => {
                                let (_, to) = others.iter().find(|(device, _)| *device == of)?;
                                Some(atom.of_device(to))
                            }
                        })
                    };
                    let away = self.scene.settings(last).into_iter();
                    let away = away.filter(|to| to != safe && truth(to) == Some(false));
                    if truth(safe) == Some(true) {
                        found.extend(away.map(|away| {
                            let first = std::iter::once((last, away));
                            let end = std::iter::once((last, safe.clone()));
                            first.chain(others.clone()).chain(end).collect::<Vec<_>>()
                        }));
                    }
                }
            }
        }
        if !found.is_empty() {
            let steps = self.rng.pick(&found).clone();
            self.later(0, Next::Led(steps));
        }
    }

    /// What devices beside `last` may be set to, all combinations.
    fn all_settings(&self, devices: &[usize], last: usize) -> Vec<Vec<(usize, Setting)>> {
        let mut all = vec![Vec::new()];
        for &device in devices.iter().filter(|device| **device != last) {
            let settings = self.scene.settings(device);
            let with = |before: Vec<(usize, Setting)>| {
                let each = settings.iter().map(move |to| {
                    let mut with = before.clone();
                    with.push((device, to.clone()));
                    with
                });
                each.collect::<Vec<_>>()
            };
            all = all.into_iter().flat_map(with).collect();
        }
        all
    }

    /// One step of that.
    pub fn led(&mut self, mut steps: Vec<(usize, Setting)>) -> Result<(), String> {
        if steps.is_empty() || !self.faulty() || !self.link_up || self.agent.is_none() {
            return Ok(());
        }
        let (device, to) = steps.remove(0);
        self.later(STEP_MS, Next::Led(steps));
        if self.spots[device].setting == to {
            return Ok(());
        }
        self.want(device, &to, 60)
    }

    /// Somebody takes a device back to what it was, just before an old word of it says so; and the
    /// journal is slow, so that the message has not gone by then.
    pub fn take_back(&mut self, wait: u64, device: usize, before: &Setting) {
        self.slow_until = self.slow_until.max(self.now + wait);
        self.slow_ms = self.slow_ms.max(3000);
        self.later(wait - 200, Next::Led(vec![(device, before.clone())]));
    }

    /// Somebody sets a device, and takes it out of the agent's hands before the message has gone.
    pub fn hands_off(&mut self) {
        let device = self.rng.index(self.scene.devices.len());
        let to = self.scene.some_setting(&mut self.rng, device);
        self.later(900, Next::Led(vec![(device, to)]));
        self.later(1000, Next::Mode(device, "observe"));
        self.later(10_000, Next::Mode(device, "act"));
    }

    /// One step of that.
    pub fn set_mode(&mut self, device: usize, mode: &str) -> Result<(), String> {
        if !self.link_up || self.agent.is_none() {
            return Ok(());
        }
        let name = &self.scene.devices[device].name;
        let payload = format!("{{\"mode\":\"{mode}\",\"actuator\":\"{name}\"}}");
        self.wanted += 1;
        self.command("mode", &format!("wanted-{}", self.wanted), &payload)
    }

    /// A pulse is ended in time, whatever becomes of other messages to its device.
    pub fn judge_pulses(&self) -> Result<(), String> {
        let late = |device: usize| {
            let end = self.oracle.devices[device].begun? + self.scene.devices[device].pulse_ms;
            (self.link_up && self.now > end + PULSE_LATE_MS).then_some(device)
        };
        match (0..self.scene.devices.len()).find_map(late) {
            Some(device) => Err(format!("pulse: {} is not ended", self.scene.devices[device].name)),
            None => Ok(()),
        }
    }

    /// The rules that the agent says are in force are judged from now on: each of them is one of
    /// the file or one that somebody has put, word for word, and none of the file is lost.
    pub fn judge_rules(&mut self) -> Result<(), String> {
        let Some(agent) = &self.agent else { return Ok(()) };
        let mut rules = Vec::new();
        for rule in &agent.config().rules {
            let known = |one: &&Rule| {
                one.name == rule.name
                    && one.text == rule.when.source()
                    && rule
                        .set
                        .iter()
                        .all(|(id, to)| usize::from(id.0) == one.device && *to == one.set)
            };
            let all = self.scene.rules.iter().chain(&self.made);
            let Some(one) = all.clone().find(known) else {
                return Err(format!("rule {}: nobody has put it so", rule.name));
            };
            rules.push(one.clone());
        }
        let taken = |one: &Rule| {
            one.name == "rule 0"
                && self.said.iter().any(|(.., said, _)| said == REMOVE_FIRST.as_bytes())
        };
        let there = |one: &&Rule| rules.iter().any(|rule| rule.name == one.name);
        if let Some(one) = self.scene.rules.iter().find(|one| !there(one) && !taken(one)) {
            return Err(format!("{} is gone, and nobody has taken it away", one.name));
        }
        self.oracle.rules = rules;
        Ok(())
    }
}

/// With this event rules change.
pub fn is_of_rules(event: &Event) -> bool {
    matches!(event, Event::Command(one) if one.kind == "rule"
        && matches!(one.body, Ok(Body::Edit(_))))
}

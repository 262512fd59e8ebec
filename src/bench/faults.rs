//! Faults of a place's wires and devices, out of a seed: sensors that fall silent or stick, devices
//! that do not hear, messages that come late or twice, an agent that is restarted. Nothing here
//! changes the place itself.

use std::collections::BTreeMap;

use rand::rngs::StdRng;

use crate::clock::Tick;
use crate::config::{Config, Port};
use crate::plant::{Command, Message, between, stream};

/// Hours from the start of one fault to that of the next.
const EVERY_H: f64 = 6.0;
/// Shortest and longest fault, in hours.
const LASTS_H: (f64, f64) = (0.25, 1.5);
/// Longest delay of a late message, in milliseconds.
const LATE_MS: f64 = 20_000.0;
/// Keeps this chance apart from the place's own.
const STREAM: u64 = 0xfa17;
const HOUR_MS: f64 = 3_600_000.0;

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing comes on this topic.
    Silent(String),
    /// The last value before the fault comes again and again.
    Stuck(String),
    /// The device does not hear.
    Dead(String),
    /// Every message takes up to 20 s.
    Late,
    /// Every message comes twice.
    Doubled,
    /// The agent ends without notice and begins again.
    Restart,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When it begins and ends.
    pub from: Tick,
    /// See `from`.
    pub until: Tick,
    /// What it is.
    pub kind: Kind,
}

/// What tells that an interlock is broken, and what can end it: topics.
#[derive(Debug)]
struct Ends {
    sensors: Vec<String>,
    devices: Vec<String>,
}

/// The faults of a run.
#[derive(Debug)]
pub struct Faults {
    /// By the interlock's name.
    interlocks: BTreeMap<String, Ends>,
    list: Vec<Fault>,
    last: BTreeMap<String, String>,
    late: Vec<(Tick, Message)>,
    chance: StdRng,
    restarted: usize,
}

impl Faults {
    /// A run without faults.
    #[must_use]
    pub fn none() -> Faults {
        Faults {
            interlocks: BTreeMap::new(),
            list: Vec::new(),
            last: BTreeMap::new(),
            late: Vec::new(),
            chance: stream(0, STREAM),
            restarted: 0,
        }
    }

    /// Faults of `hours`, one in each six, over these topics of sensors and devices.
    #[must_use]
    pub fn of(seed: u64, hours: f64, sensors: &[String], devices: &[String]) -> Faults {
        let mut chance = stream(seed, STREAM);
        let mut list = Vec::new();
        let pick = |chance: &mut StdRng, names: &[String]| {
            let at = between(chance, 0.0, names.len() as f64) as usize;
            names[at.min(names.len() - 1)].clone()
        };
        let mut at_h = EVERY_H / 2.0;
        while at_h < hours {
            let kind = match between(&mut chance, 0.0, 6.0) as u32 {
                0 => Kind::Silent(pick(&mut chance, sensors)),
                1 => Kind::Stuck(pick(&mut chance, sensors)),
                2 => Kind::Dead(pick(&mut chance, devices)),
                3 => Kind::Late,
                4 => Kind::Doubled,
                _ => Kind::Restart,
            };
            let from_h = at_h + between(&mut chance, 0.0, EVERY_H / 2.0);
            let lasts_h = between(&mut chance, LASTS_H.0, LASTS_H.1);
            let tick = |hours: f64| Tick((hours * HOUR_MS) as u64);
            list.push(Fault { from: tick(from_h), until: tick(from_h + lasts_h), kind });
            at_h += EVERY_H;
        }
        Faults { list, chance, ..Faults::none() }
    }

    fn holds(&self, now: Tick, kind: impl Fn(&Kind) -> bool) -> bool {
        let in_time = |fault: &&Fault| fault.from <= now && now < fault.until;
        self.list.iter().filter(in_time).any(|fault| kind(&fault.kind))
    }

    /// Nothing ever fails in this run.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.list.is_empty()
    }

    /// Knows the interlocks of a configuration from now on.
    #[must_use]
    pub fn with_interlocks(mut self, config: &Config) -> Faults {
        let topic = |port: &Port| port.topic().map(str::to_owned);
        for interlock in &config.interlocks {
            let sensors = interlock.forbid.sensors().iter();
            let sensors = sensors.filter_map(|id| config.sensors[usize::from(id.0)].port());
            let devices = interlock.forbid.actuators().iter();
            let devices = devices.map(|id| &config.actuators[usize::from(id.0)].port);
            let ends = Ends {
                sensors: sensors.filter_map(topic).collect(),
                devices: devices.filter_map(topic).collect(),
            };
            self.interlocks.insert(interlock.name.clone(), ends);
        }
        self
    }

    /// Nobody can prevent that this interlock is broken now: none of its devices hears, or a sensor
    /// that would tell is silent or stuck.
    #[must_use]
    pub fn excuse(&self, interlock: &str, now: Tick) -> bool {
        let Some(ends) = self.interlocks.get(interlock) else { return false };
        let deaf = |topic: &String| self.holds(now, |kind| *kind == Kind::Dead(topic.clone()));
        let lies = |kind: &Kind| match kind {
            Kind::Silent(topic) | Kind::Stuck(topic) => ends.sensors.contains(topic),
            _ => false,
        };
        let none_hears = !ends.devices.is_empty() && ends.devices.iter().all(deaf);
        none_hears || self.holds(now, lies)
    }

    /// A restart began that was not carried out yet.
    pub fn restart_is_due(&mut self, now: Tick) -> bool {
        let due = |fault: &&Fault| fault.kind == Kind::Restart && fault.from <= now;
        let count = self.list.iter().filter(due).count();
        std::mem::replace(&mut self.restarted, count) < count
    }

    /// What arrives now of what was said now and before.
    pub fn pass(&mut self, said: Vec<Message>, now: Tick) -> Vec<Message> {
        if self.is_none() {
            return said;
        }
        let mut arrives = Vec::new();
        let (due, later) = self.late.drain(..).partition(|(at, _)| *at <= now);
        self.late = later;
        let due: Vec<(Tick, Message)> = due;
        arrives.extend(due.into_iter().map(|(_, message)| message));
        for mut message in said {
            let topic = message.topic.clone();
            if self.holds(now, |kind| *kind == Kind::Silent(topic.clone())) {
                continue;
            }
            if self.holds(now, |kind| *kind == Kind::Stuck(topic.clone())) {
                if let Some(last) = self.last.get(&topic) {
                    message.payload.clone_from(last);
                }
            } else {
                self.last.insert(topic, message.payload.clone());
            }
            if self.holds(now, |kind| *kind == Kind::Doubled) {
                arrives.push(message.clone());
            }
            if self.holds(now, |kind| *kind == Kind::Late) {
                let delay_ms = between(&mut self.chance, 0.0, LATE_MS) as u64;
                self.late.push((Tick(now.0 + delay_ms), message));
            } else {
                arrives.push(message);
            }
        }
        arrives
    }

    /// The device hears this command.
    #[must_use]
    pub fn lets_through(&self, command: &Command, now: Tick) -> bool {
        !self.holds(now, |kind| *kind == Kind::Dead(command.topic.clone()))
    }

    /// When something happens here by itself.
    #[must_use]
    pub fn next(&self, now: Tick) -> Option<Tick> {
        let late = self.late.iter().map(|(at, _)| *at).min();
        let begins = self.list.iter().map(|fault| fault.from).filter(|at| *at > now).min();
        late.into_iter().chain(begins).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &str) -> Message {
        Message { topic: "a/b".into(), payload: payload.into(), retain: false }
    }

    fn with(kind: Kind) -> Faults {
        let list = vec![Fault { from: Tick(1000), until: Tick(2000), kind }];
        Faults { list, ..Faults::none() }
    }

    fn payloads(messages: Vec<Message>) -> Vec<String> {
        messages.into_iter().map(|message| message.payload).collect()
    }

    #[test]
    fn what_nobody_can_prevent_is_excused_while_it_lasts_and_nothing_else() {
        let device = |name: &str| {
            let keys = "kind = \"switch\"\nsafe = \"off\"";
            format!("[[actuator]]\nname = \"{name}\"\ntopic = \"d/{name}\"\n{keys}\n")
        };
        let sensor = |name| format!("[[sensor]]\nname = \"{name}\"\ntopic = \"s/{name}\"\n");
        let (dry, both) = ("pump == 'on' && well < 10", "pump == 'on' && mains == 'on'");
        let lock =
            |name, forbid| format!("[[interlock]]\nname = \"{name}\"\nforbid = \"{forbid}\"\n");
        let text = [
            "[device]\nname = \"tank\"\n[bus]\nurl = \"embedded\"\n".to_owned(),
            sensor("well") + &sensor("other"),
            device("pump") + &device("mains"),
            lock("dry", dry) + &lock("both", both),
        ]
        .concat();
        let read = crate::config::from_text(&text, "tank", &[], crate::config::Strictness::Check);
        let config = read.unwrap().0;
        let excused = |kind: Kind, name: &str, at: u64| {
            with(kind).with_interlocks(&config).excuse(name, Tick(at))
        };
        let dead = |topic: &str| Kind::Dead(topic.into());
        assert!(excused(dead("d/pump"), "dry", 1500));
        assert!(!excused(dead("d/pump"), "dry", 999) && !excused(dead("d/pump"), "dry", 2000));
        assert!(!excused(dead("d/mains"), "dry", 1500));
        assert!(!excused(dead("d/pump"), "both", 1500), "the other one hears");
        assert!(excused(Kind::Stuck("s/well".into()), "dry", 1500));
        assert!(excused(Kind::Silent("s/well".into()), "dry", 1500));
        assert!(!excused(Kind::Silent("s/other".into()), "dry", 1500));
        assert!(!excused(Kind::Late, "dry", 1500) && !excused(Kind::Doubled, "dry", 1500));
        assert!(!excused(dead("d/pump"), "unknown", 1500));
    }

    #[test]
    fn each_kind_does_what_it_says_and_ends() {
        let mut silent = with(Kind::Silent("a/b".into()));
        assert_eq!(payloads(silent.pass(vec![message("1")], Tick(1500))), Vec::<String>::new());
        assert_eq!(payloads(silent.pass(vec![message("1")], Tick(2000))), ["1"]);
        let mut stuck = with(Kind::Stuck("a/b".into()));
        stuck.pass(vec![message("1")], Tick(900));
        assert_eq!(payloads(stuck.pass(vec![message("2")], Tick(1000))), ["1"]);
        assert_eq!(payloads(stuck.pass(vec![message("3")], Tick(2000))), ["3"]);
        let mut doubled = with(Kind::Doubled);
        assert_eq!(payloads(doubled.pass(vec![message("1")], Tick(1500))), ["1", "1"]);
        let dead = with(Kind::Dead("a/b/set".into()));
        let command = Command { topic: "a/b/set".into(), payload: b"ON".to_vec() };
        assert!(!dead.lets_through(&command, Tick(1500)) && dead.lets_through(&command, Tick(1)));
        let mut restart = with(Kind::Restart);
        let due: Vec<_> = [999, 1000, 1001].map(|at| restart.restart_is_due(Tick(at))).into();
        assert_eq!(due, [false, true, false]);
    }

    #[test]
    fn late_messages_come_once_and_within_their_delay() {
        let mut late = with(Kind::Late);
        assert!(late.pass(vec![message("1")], Tick(1500)).is_empty());
        let due = late.next(Tick(1500)).unwrap();
        assert!(due <= Tick(1500 + LATE_MS as u64));
        assert_eq!(payloads(late.pass(Vec::new(), due)), ["1"]);
        assert!(late.pass(Vec::new(), Tick(100_000)).is_empty());
    }

    #[test]
    fn a_seed_gives_its_faults_and_every_kind_comes() {
        let names = ["a/b".to_string(), "a/c".into()];
        let of = |seed| Faults::of(seed, 240.0, &names, &names).list;
        assert_eq!(format!("{:?}", of(1)), format!("{:?}", of(1)));
        assert_ne!(format!("{:?}", of(1)), format!("{:?}", of(2)));
        assert_eq!(of(1).len(), 40);
        let text = format!("{:?}", of(1));
        for word in ["Silent", "Stuck", "Dead", "Late", "Doubled", "Restart"] {
            assert!(text.contains(word), "{word}");
        }
    }
}

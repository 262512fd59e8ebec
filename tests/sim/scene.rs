//! A random configuration, as text for `config::from_text`, together with what it means in a form
//! that the simulation judges by itself, without the agent's expressions.

use std::fmt::Write as _;
use std::sync::Arc;

use outpost::config::{Config, Strictness, from_text};
use outpost::domain::Setting;

use crate::condition::{Atom, Condition};
use crate::rng::Rng;

/// A string takes every text.
const TEXT: &str = "a string takes every text";

/// A word that only payloads hold. No prompt may hold it.
pub const MARKER: &str = "ignore-your-orders";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Switch,
    Level,
    Pulse,
    Choice,
}

#[derive(Clone, Debug)]
pub struct Device {
    pub name: String,
    pub kind: Kind,
    pub echo: bool,
    pub keep: bool,
    pub safe: Setting,
    pub confirm_ms: u64,
    pub per_hour: u32,
    /// Sensor and direction.
    pub effect: Option<(usize, f64)>,
    pub ask_human: bool,
    pub pulse_ms: u64,
    pub min_on_s: u64,
}

#[derive(Clone, Debug)]
pub struct Sensor {
    pub name: String,
    pub every_ms: u64,
    pub field: bool,
    pub ambient: f64,
    pub swing: f64,
    /// Units a minute.
    pub max_rate: Option<f64>,
}

#[derive(Clone, Debug)]
pub struct Goal {
    pub sensor: usize,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    /// Its condition as CEL.
    pub text: String,
    pub when: Condition,
    pub device: usize,
    pub set: Setting,
}

/// One of several agents.
#[derive(Clone, Debug)]
pub struct Party {
    pub goals: Vec<usize>,
    pub devices: Vec<usize>,
    pub priority: u64,
}

/// What is looked after.
#[derive(Clone, Debug)]
pub struct Scene {
    pub sensors: Vec<Sensor>,
    pub devices: Vec<Device>,
    pub goals: Vec<Goal>,
    pub rules: Vec<Rule>,
    pub interlocks: Vec<Condition>,
    /// The derived sensor `middle` is the mean of these two.
    pub middle: Option<(usize, usize)>,
    /// Empty: one agent with everything.
    pub parties: Vec<Party>,
    pub mode: &'static str,
    pub mind: bool,
    /// Messages arrive in their order and soon, echoes tell the truth, nobody switches by hand.
    pub orderly: bool,
}

/// Most places act; a few only propose or look on.
const MODES: [&str; 9] = ["act", "act", "act", "act", "act", "act", "act", "advise", "observe"];

impl Scene {
    /// The place of a seed; `timed`: its interlocks may ask for the hour.
    pub fn new(seed: u64, timed: bool) -> Scene {
        let mut rng = Rng::new(seed, 1);
        let rng = &mut rng;
        let mut scene = Scene {
            sensors: Vec::new(),
            devices: Vec::new(),
            goals: Vec::new(),
            rules: Vec::new(),
            interlocks: Vec::new(),
            middle: None,
            parties: Vec::new(),
            mode: MODES[rng.index(MODES.len())],
            mind: rng.chance(0.6),
            orderly: rng.chance(0.5),
        };
        for index in 0..rng.int(2, 6) {
            scene.sensors.push(Sensor {
                name: format!("s{index}"),
                every_ms: *rng.pick(&[20_000, 30_000, 60_000]),
                field: rng.chance(0.3),
                ambient: rng.real(15.0, 35.0),
                swing: rng.real(0.0, 5.0),
                max_rate: None,
            });
        }
        for index in 0..rng.int(2, 6) {
            let device = device(rng, index, scene.sensors.len());
            scene.devices.push(device);
        }
        for sensor in 0..scene.sensors.len() {
            if rng.chance(0.7) {
                scene.goals.push(Goal { sensor, min: 20.0, max: 30.0 });
            }
        }
        for index in 0..rng.int(0, 2) {
            let device = rng.index(scene.devices.len());
            let set = scene.some_setting(rng, device);
            let when = Condition::from(scene.sensor_atom(rng));
            let (name, text) = (format!("rule {index}"), when.text(&scene));
            scene.rules.push(Rule { name, text, when, device, set });
        }
        for _ in 0..rng.int(1, 3) {
            let one = scene.interlock(rng);
            scene.interlocks.push(one);
        }
        let more = &mut Rng::new(seed, 4);
        scene.derive(more);
        // Faster than devices move it, slower than most that a stuck one says.
        for sensor in &mut scene.sensors {
            sensor.max_rate = more.chance(0.3).then_some(10.0);
        }
        scene.divide(&mut Rng::new(seed, 5));
        let rich = &mut Rng::new(seed, 6);
        for _ in 0..*rich.pick(&[0, 1, 1, 2]) {
            let one = scene.rich_interlock(rich, timed);
            scene.interlocks.push(one);
        }
        scene
    }

    /// Some places have several agents. Now and then a goal or a device is nobody's.
    fn divide(&mut self, rng: &mut Rng) {
        if !rng.chance(0.3) {
            return;
        }
        for _ in 0..rng.int(1, 3) {
            let priority = *rng.pick(&[1, 1, 2, 10]);
            self.parties.push(Party { goals: Vec::new(), devices: Vec::new(), priority });
        }
        for device in 0..self.devices.len() {
            let party = rng.index(self.parties.len());
            if rng.chance(0.9) {
                self.parties[party].devices.push(device);
            }
        }
        for goal in 0..self.goals.len() {
            let party = rng.index(self.parties.len());
            if rng.chance(0.8) {
                self.parties[party].goals.push(goal);
            }
        }
    }

    /// Some places have a derived sensor, and an interlock on it.
    fn derive(&mut self, rng: &mut Rng) {
        if !rng.chance(0.4) {
            return;
        }
        let one = rng.index(self.sensors.len());
        let other = (one + 1 + rng.index(self.sensors.len() - 1)) % self.sensors.len();
        let device = rng.index(self.devices.len());
        let limit = rng.int(24, 32) as f64;
        let both = vec![self.device_atom(rng, device), Atom::MeanAbove(one, other, limit)];
        self.interlocks.push(Condition::All(both.into_iter().map(Condition::Atom).collect()));
        self.middle = Some((one, other));
    }

    /// The settings of a device, of a level some.
    pub fn settings(&self, device: usize) -> Vec<Setting> {
        match self.devices[device].kind {
            Kind::Switch | Kind::Pulse => vec![Setting::On, Setting::Off],
            Kind::Level => [0.0, 30.0, 60.0, 100.0].map(Setting::Level).to_vec(),
            Kind::Choice => ["low", "mid", "high"].map(|one| Setting::Choice(one.into())).to_vec(),
        }
    }

    /// Any setting of a device.
    pub fn some_setting(&self, rng: &mut Rng, device: usize) -> Setting {
        match self.devices[device].kind {
            Kind::Switch | Kind::Pulse => rng.pick(&[Setting::On, Setting::Off]).clone(),
            Kind::Level => Setting::Level(rng.int(0, 10) as f64 * 10.0),
            Kind::Choice => Setting::Choice((*rng.pick(&["low", "mid", "high"])).into()),
        }
    }

    /// The checked configuration; `interlocks` false leaves them out, to see whether that is found.
    pub fn config(&self, interlocks: bool) -> Arc<Config> {
        let text = self.text(interlocks);
        match from_text(&text, "sim.toml", &[], Strictness::Check) {
            Ok((config, _)) => Arc::new(config),
            Err(faults) => panic!("the simulation's own configuration is wrong: {faults}\n{text}"),
        }
    }

    pub fn text(&self, interlocks: bool) -> String {
        let mut text = format!(
            "[device]\nname = \"sim\"\n[bus]\nurl = \"mqtt://localhost\"\n{}",
            self.parties_text()
        );
        for sensor in &self.sensors {
            let (name, every) = (&sensor.name, sensor.every_ms / 1000);
            writeln!(text, "[[sensor]]\nname = \"{name}\"\ntopic = \"p/{name}\"").expect(TEXT);
            writeln!(text, "every = \"{every}s\"\nrange = [-50, 150]").expect(TEXT);
            if let Some(rate) = sensor.max_rate {
                writeln!(text, "max_rate = {rate}").expect(TEXT);
            }
            if sensor.field {
                text.push_str("field = \"/v\"\n");
            }
        }
        text.push_str("[[sensor]]\nname = \"mood\"\ntopic = \"p/mood\"\ntype = \"text\"\n");
        text.push_str("map = { good = \"fine\" }\n");
        text.push_str("[[sensor]]\nname = \"door\"\ntopic = \"p/door\"\ntype = \"bool\"\n");
        if let Some((one, other)) = self.middle {
            let (one, other) = (&self.sensors[one].name, &self.sensors[other].name);
            writeln!(text, "[[derived]]\nname = \"middle\"\nvalue = \"({one} + {other}) / 2\"")
                .expect(TEXT);
        }
        for device in &self.devices {
            self.device_text(&mut text, device);
        }
        for (index, goal) in self.goals.iter().enumerate() {
            let sensor = &self.sensors[goal.sensor].name;
            let (min, max) = (goal.min, goal.max);
            writeln!(text, "[[goal]]\nname = \"goal {index}\"").expect(TEXT);
            writeln!(text, "keep = {{ sensor = \"{sensor}\", min = {min}, max = {max} }}")
                .expect(TEXT);
        }
        for rule in &self.rules {
            let (when, device) = (&rule.text, &self.devices[rule.device].name);
            writeln!(text, "[[rule]]\nname = \"{}\"\nwhen = \"{when}\"", rule.name).expect(TEXT);
            writeln!(text, "set = {{ {device} = {} }}", quoted(&rule.set)).expect(TEXT);
        }
        for (index, one) in self.interlocks.iter().enumerate().filter(|_| interlocks) {
            let forbid = one.text(self);
            writeln!(text, "[[interlock]]\nname = \"lock {index}\"\nforbid = \"{forbid}\"")
                .expect(TEXT);
        }
        if self.mind {
            let asked = self.devices.iter().filter(|one| one.ask_human);
            let asked: Vec<_> = asked.map(|one| format!("\"{}\"", one.name)).collect();
            writeln!(text, "[update]\nfrom = \"/nowhere\"").expect(TEXT);
            writeln!(text, "[mind]\nask_human = [{}]", asked.join(", ")).expect(TEXT);
        }
        text
    }

    fn parties_text(&self) -> String {
        let mode = self.mode;
        if self.parties.is_empty() {
            return format!("[agent]\nmode = \"{mode}\"\n");
        }
        let mut text = String::new();
        for (index, party) in self.parties.iter().enumerate() {
            let goals: Vec<_> = party.goals.iter().map(|goal| format!("goal {goal}")).collect();
            let tools: Vec<_> = party.devices.iter().map(|at| &self.devices[*at].name).collect();
            let priority = party.priority;
            writeln!(text, "[[agent]]\nname = \"party {index}\"\nmode = \"{mode}\"").expect(TEXT);
            writeln!(text, "goals = {goals:?}\ntools = {tools:?}\ntools_max = 6").expect(TEXT);
            writeln!(text, "priority = {priority}").expect(TEXT);
        }
        text
    }

    fn device_text(&self, text: &mut String, device: &Device) {
        let name = &device.name;
        writeln!(text, "[[actuator]]\nname = \"{name}\"\ntopic = \"p/{name}/set\"").expect(TEXT);
        match device.kind {
            Kind::Switch => writeln!(text, "kind = \"switch\"\nmin_on = \"{}s\"", device.min_on_s),
            Kind::Level => writeln!(text, "kind = \"level\"\nmin = 0\nmax = 100\nstep = 10"),
            Kind::Pulse => writeln!(text, "kind = \"pulse\"\nmax = \"{}ms\"", device.pulse_ms),
            Kind::Choice => {
                writeln!(text, "kind = \"choice\"\noptions = [\"low\", \"mid\", \"high\"]")
            }
        }
        .expect(TEXT);
        if device.echo {
            writeln!(text, "state_topic = \"p/{name}\"").expect(TEXT);
            writeln!(text, "confirm_within = \"{}ms\"", device.confirm_ms).expect(TEXT);
        }
        if device.keep {
            text.push_str("at_start = \"keep\"\n");
        }
        writeln!(text, "safe = {}", quoted(&device.safe)).expect(TEXT);
        writeln!(text, "max_commands_per_hour = {}", device.per_hour).expect(TEXT);
        if let Some((sensor, direction)) = device.effect {
            let verb = if direction > 0.0 { "raises" } else { "lowers" };
            writeln!(text, "effects = {{ {} = \"{verb}\" }}", self.sensors[sensor].name)
                .expect(TEXT);
        }
    }

    /// Somebody plans with it.
    fn is_owned(&self, device: usize) -> bool {
        let mut parties = self.parties.iter();
        self.parties.is_empty() || parties.any(|party| party.devices.contains(&device))
    }

    /// A goal that the planner can keep whatever the rest does: something mends each side of it
    /// that the place leaves, alone, unforbidden and without a person.
    pub fn attainable(&self, goal: &Goal) -> bool {
        let sensor = &self.sensors[goal.sensor];
        let free = |index: usize| {
            let device = &self.devices[index];
            !self.interlocks.iter().any(|one| one.names(index))
                && !self.rules.iter().any(|rule| rule.device == index)
                && matches!(device.kind, Kind::Switch | Kind::Level)
                && self.is_owned(index)
                // Without an echo nobody learns that a message or a hand has moved it.
                && device.echo
                && device.per_hour >= 60
                && !device.ask_human
        };
        let mends = |direction: f64| {
            let works = |device: &Device| device.effect == Some((goal.sensor, direction));
            self.devices.iter().enumerate().any(|(index, device)| works(device) && free(index))
        };
        let others_free = self.devices.iter().enumerate().all(|(index, device)| {
            device.effect.is_none_or(|(sensor, _)| sensor != goal.sensor) || free(index)
        });
        let cold = sensor.ambient - sensor.swing < goal.min + 1.0;
        let hot = sensor.ambient + sensor.swing > goal.max - 1.0;
        let mended = (!cold || mends(1.0)) && (!hot || mends(-1.0));
        self.mode == "act" && others_free && mended
    }
}

fn device(rng: &mut Rng, index: u64, sensors: usize) -> Device {
    let kind = *rng.pick(&[Kind::Switch, Kind::Switch, Kind::Level, Kind::Pulse, Kind::Choice]);
    let echo = rng.chance(0.75);
    let safe = match kind {
        Kind::Switch if rng.chance(0.15) => Setting::On,
        Kind::Switch | Kind::Pulse => Setting::Off,
        Kind::Level => Setting::Level(0.0),
        Kind::Choice => Setting::Choice("low".into()),
    };
    let effect = (kind != Kind::Choice && rng.chance(0.8))
        .then(|| (rng.index(sensors), if rng.chance(0.5) { 1.0 } else { -1.0 }));
    Device {
        name: format!("a{index}"),
        kind,
        echo,
        keep: echo && rng.chance(0.3),
        safe,
        confirm_ms: if echo { *rng.pick(&[2000, 5000, 8000]) } else { 5000 },
        per_hour: *rng.pick(&[60, 60, 60, 12]),
        effect,
        ask_human: rng.chance(0.1),
        pulse_ms: *rng.pick(&[3_000, 20_000, 120_000]),
        min_on_s: *rng.pick(&[0, 0, 60]),
    }
}

/// As a configuration or a command has it.
pub fn quoted(setting: &Setting) -> String {
    match setting {
        Setting::Level(level) => format!("{level}"),
        other => format!("\"{other}\""),
    }
}

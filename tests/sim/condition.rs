//! Conditions as the simulation understands them: what the configuration says, as text, and beside
//! it what that means, in three values. The agent's own expressions are never asked here.

use outpost::domain::Setting;

use crate::rng::Rng;
use crate::scene::{Kind, Scene};

/// The least part of a condition.
#[derive(Clone, Debug)]
pub enum Atom {
    /// The device is set to this.
    Is(usize, Setting),
    /// The device's level is above this.
    LevelAbove(usize, f64),
    Above(usize, f64),
    Below(usize, f64),
    /// The derived sensor, which is the mean of these two, is above this.
    MeanAbove(usize, usize, f64),
    /// The first sensor says more than the second.
    More(usize, usize),
    /// The sensor was not believed for longer than this many seconds.
    Older(usize, u64),
    /// The hour of the day, of UTC and with minutes as its fraction, is this or later.
    HourFrom(f64),
    /// What the sensor of yes and no says.
    Open,
    /// What the sensor of words says, as its map has it.
    Fine,
}

impl Atom {
    pub fn device(&self) -> Option<usize> {
        match self {
            Atom::Is(device, _) | Atom::LevelAbove(device, _) => Some(*device),
            _ => None,
        }
    }

    pub fn of_device(&self, setting: &Setting) -> bool {
        match (self, setting) {
            (Atom::Is(_, wanted), setting) => wanted == setting,
            (Atom::LevelAbove(_, limit), Setting::Level(level)) => level > limit,
            _ => false,
        }
    }

    /// As CEL; `not`: as its opposite where there is a sign for that.
    fn text(&self, scene: &Scene, not: bool) -> String {
        let sign = |yes: &'static str, no: &'static str| if not { no } else { yes };
        let sensor = |index: &usize| &scene.sensors[*index].name;
        let device = |index: &usize| &scene.devices[*index].name;
        match self {
            Atom::Is(of, setting) => format!("{} {} '{setting}'", device(of), sign("==", "!=")),
            Atom::LevelAbove(of, limit) => format!("{} {} {limit}", device(of), sign(">", "<=")),
            Atom::Above(of, limit) => format!("{} {} {limit}", sensor(of), sign(">", "<=")),
            Atom::Below(of, limit) => format!("{} {} {limit}", sensor(of), sign("<", ">=")),
            Atom::MeanAbove(_, _, limit) => format!("middle {} {limit}", sign(">", "<=")),
            Atom::More(one, other) => {
                format!("{} {} {}", sensor(one), sign(">", "<="), sensor(other))
            }
            Atom::Older(of, seconds) => {
                format!("age('{}') {} {seconds}", sensor(of), sign(">", "<="))
            }
            Atom::HourFrom(hour) => format!("hour {} {hour}", sign(">=", "<")),
            Atom::Open => sign("door", "!door").into(),
            Atom::Fine => format!("mood {} 'fine'", sign("==", "!=")),
        }
    }
}

/// What a rule or an interlock says.
#[derive(Clone, Debug)]
pub enum Condition {
    Atom(Atom),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl From<Atom> for Condition {
    fn from(atom: Atom) -> Condition {
        Condition::Atom(atom)
    }
}

impl Condition {
    pub fn not(self) -> Condition {
        Condition::Not(Box::new(self))
    }

    pub fn text(&self, scene: &Scene) -> String {
        let join = |parts: &[Condition], by: &str| {
            let parts: Vec<_> = parts.iter().map(|part| part.text(scene)).collect();
            format!("({})", parts.join(by))
        };
        match self {
            Condition::Atom(atom) => atom.text(scene, false),
            Condition::Not(inner) => match &**inner {
                Condition::Atom(atom) => atom.text(scene, true),
                other => format!("!{}", other.text(scene)),
            },
            Condition::All(parts) => join(parts, " && "),
            Condition::Any(parts) => join(parts, " || "),
        }
    }

    /// Kleene's logic: a part that decides alone does so, whatever the unknown ones are; what is
    /// left unknown is `None`.
    pub fn truth(&self, of: &dyn Fn(&Atom) -> Option<bool>) -> Option<bool> {
        // The part that decides alone: `false` of all, `true` of any.
        let decided = |parts: &[Condition], alone: bool| {
            let parts: Vec<_> = parts.iter().map(|part| part.truth(of)).collect();
            match parts.contains(&Some(alone)) {
                true => Some(alone),
                false => (!parts.contains(&None)).then_some(!alone),
            }
        };
        match self {
            Condition::Atom(atom) => of(atom),
            Condition::Not(inner) => inner.truth(of).map(|yes| !yes),
            Condition::All(parts) => decided(parts, false),
            Condition::Any(parts) => decided(parts, true),
        }
    }

    /// The devices that it names, each once.
    pub fn devices(&self) -> Vec<usize> {
        let mut all = match self {
            Condition::Atom(atom) => atom.device().into_iter().collect(),
            Condition::Not(inner) => inner.devices(),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(Condition::devices).collect::<Vec<_>>()
            }
        };
        all.sort_unstable();
        all.dedup();
        all
    }

    pub fn names(&self, device: usize) -> bool {
        self.devices().contains(&device)
    }
}

impl Scene {
    pub fn sensor_atom(&self, rng: &mut Rng) -> Atom {
        let sensor = rng.index(self.sensors.len());
        match rng.chance(0.5) {
            true => Atom::Above(sensor, rng.int(28, 36) as f64),
            false => Atom::Below(sensor, rng.int(14, 22) as f64),
        }
    }

    /// A device away from `safe`.
    pub fn device_atom(&self, rng: &mut Rng, device: usize) -> Atom {
        match self.devices[device].kind {
            Kind::Level => Atom::LevelAbove(device, *rng.pick(&[0.0, 25.0, 55.0])),
            _ => loop {
                let setting = self.some_setting(rng, device);
                if setting != self.devices[device].safe {
                    break Atom::Is(device, setting);
                }
            },
        }
    }

    /// One or two devices away from `safe`, and a sensor.
    pub fn interlock(&self, rng: &mut Rng) -> Condition {
        let first = rng.index(self.devices.len());
        let mut atoms = vec![self.device_atom(rng, first)];
        let second = (first + 1 + rng.index(self.devices.len() - 1)) % self.devices.len();
        if rng.chance(0.65) {
            let other = &self.devices[second];
            // Sometimes the other one must run: its way to `safe` has an order.
            if rng.chance(0.25) && other.kind != Kind::Level {
                atoms.push(Atom::Is(second, other.safe.clone()));
            } else {
                atoms.push(self.device_atom(rng, second));
            }
        }
        if atoms.len() == 1 || rng.chance(0.2) {
            atoms.push(self.sensor_atom(rng));
        }
        Condition::All(atoms.into_iter().map(Condition::Atom).collect())
    }

    /// All that an interlock may say: or, not, hours, ages, yes and no, words, three devices, one
    /// that must not rest. `timed`: it may ask for the hour, which the wall clock moves.
    pub fn rich_interlock(&self, rng: &mut Rng, timed: bool) -> Condition {
        use Condition::{All, Any};
        let first = rng.index(self.devices.len());
        let step = 1 + rng.index(self.devices.len() - 1);
        let other = |nth: usize| (first + nth * step) % self.devices.len();
        let away = |rng: &mut Rng, device| Condition::from(self.device_atom(rng, device));
        let sensor = |rng: &mut Rng| Condition::from(self.sensor_atom(rng));
        let one = away(rng, first);
        match rng.int(0, 10) {
            0 => All(vec![one, Any(vec![sensor(rng), sensor(rng)])]),
            1 => All(vec![one, Any(vec![sensor(rng).not(), self.moment(rng, timed)]).not()]),
            2 | 3 => All(vec![one, self.moment(rng, timed)]),
            4 => All(vec![Any(vec![one, away(rng, other(1))]), sensor(rng)]),
            5 => All(vec![Any(vec![one, away(rng, other(1))]), away(rng, other(2))]),
            // The second one must run while the first does.
            6 => All(vec![one, away(rng, other(1)).not()]),
            // One that another interlock sends to `safe` must not rest while it is too warm or too
            // cold, or while yet another one runs.
            7..=9 => {
                let named = rng.pick(&self.interlocks).devices();
                let busy = *rng.pick(&named);
                let next = (busy + step) % self.devices.len();
                let why = if rng.chance(0.4) { sensor(rng) } else { away(rng, next) };
                All(vec![away(rng, busy).not(), why])
            }
            _ => Any(vec![
                All(vec![one, away(rng, other(1))]),
                All(vec![away(rng, other(1)), sensor(rng), self.moment(rng, timed)]),
            ]),
        }
    }

    /// Something that is true at times, and is no reading's limit.
    pub fn moment(&self, rng: &mut Rng, timed: bool) -> Condition {
        let sensor = rng.index(self.sensors.len());
        let next = (sensor + 1) % self.sensors.len();
        let every_s = self.sensors[sensor].every_ms / 1000;
        let atom = match rng.int(0, 5) {
            0 if timed => Atom::HourFrom(rng.int(33, 42) as f64 / 4.0),
            1 => Atom::Older(sensor, every_s * rng.int(1, 4)),
            2 => Atom::More(sensor, next),
            3 => Atom::Fine,
            _ => Atom::Open,
        };
        match rng.chance(0.4) {
            true => Condition::from(atom).not(),
            false => atom.into(),
        }
    }
}

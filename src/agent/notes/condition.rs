//! Conditions that a note may mean, in terms of the configuration: each with a fact that says it,
//! as the mind reads it, and with what must be so for it to hold. What must never be here: a
//! choice between them, the note's text.

use crate::agent::prompt::{DAY, words};
use crate::config::{ActuatorKind, Config, SensorKind};
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::limits;

/// What is so in a situation, apart from what is so anyway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// In words.
    pub words: String,
    /// Local hour.
    pub hour: Option<f64>,
    /// Monday 1 to Sunday 7.
    pub weekday: Option<u8>,
    /// What a sensor says.
    pub sensor: Option<(SensorId, Value)>,
    /// How a device is set.
    pub actuator: Option<(ActuatorId, Setting)>,
}

/// A condition of a preference.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// CEL.
    pub source: String,
    /// A situation in which it holds.
    pub holds: Scene,
    /// One in which it does not.
    pub fails: Scene,
}

/// One side of a matter: what the mind is told, the condition that says the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The fact.
    pub fact: String,
    /// Its last word: of a text sensor, what it says.
    pub word: String,
    source: String,
    scene: Scene,
}

/// A matter with its sides, of which one is so at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Matter {
    /// The sides; of the day in their order.
    pub sides: Vec<Side>,
    /// Hours at which the sides of a day begin; empty for anything else.
    begins: Vec<u8>,
    /// Words by which a note names it.
    named: Vec<String>,
}

impl Matter {
    /// The parts of the day.
    pub(super) fn day() -> Self {
        let sides = DAY.iter().map(|(_, hour, fact)| Side {
            fact: (*fact).into(),
            word: String::new(),
            source: String::new(),
            scene: Scene { words: (*fact).into(), hour: Some(*hour), ..Scene::default() },
        });
        let begins = DAY.iter().map(|(begin, ..)| *begin).collect();
        Self { sides: sides.collect(), begins, named: Vec::new() }
    }

    fn of_sensor(name: &str, id: SensorId, sides: Vec<(String, String, Value)>) -> Self {
        let sides =
            sides.into_iter().map(|(word, source, value)| (said(name, &word), word, source, value));
        let sides = sides.map(|(fact, word, source, value)| Side {
            word,
            scene: Scene { words: fact.clone(), sensor: Some((id, value)), ..Scene::default() },
            fact,
            source,
        });
        let named = words(name).split(' ').map(str::to_owned).collect();
        Self { sides: sides.collect(), begins: Vec::new(), named }
    }

    /// A switch that is on or off.
    pub(super) fn of_switch(name: &str, id: ActuatorId) -> Self {
        let side = |word: &str, setting: Setting| {
            let fact = said(name, word);
            let actuator = Some((id, setting));
            let scene = Scene { words: fact.clone(), actuator, ..Scene::default() };
            Side { word: word.into(), fact, source: format!("{name} == '{word}'"), scene }
        };
        let sides = vec![side("on", Setting::On), side("off", Setting::Off)];
        Self { sides, begins: Vec::new(), named: Vec::new() }
    }

    /// The condition that holds on these sides and on no other; `None` where it is on none.
    ///
    /// # Errors
    /// It would always hold, or is no one span of the day.
    pub fn condition(&self, yes: &[bool]) -> Result<Option<Condition>, String> {
        let (Some(first), Some(other)) =
            (yes.iter().position(|one| *one), yes.iter().position(|one| !*one))
        else {
            let none = yes.iter().all(|one| !*one);
            return if none { Ok(None) } else { Err("its condition always holds".into()) };
        };
        let source = if self.begins.is_empty() {
            let taken = self.sides.iter().zip(yes).filter(|(_, yes)| **yes);
            let parts: Vec<&str> = taken.map(|(side, _)| side.source.as_str()).collect();
            parts.join(" || ")
        } else {
            span(&self.begins, yes)?
        };
        let (holds, fails) = (self.sides[first].scene.clone(), self.sides[other].scene.clone());
        Ok(Some(Condition { source, holds, fails }))
    }
}

/// The hours of neighbouring parts of the day as a condition.
fn span(begins: &[u8], yes: &[bool]) -> Result<String, String> {
    let count = yes.len();
    let starts: Vec<usize> =
        (0..count).filter(|at| yes[*at] && !yes[(at + count - 1) % count]).collect();
    let [start] = starts.as_slice() else {
        return Err("its hours are no one span of the day".into());
    };
    let length = (0..count).take_while(|step| yes[(start + step) % count]).count();
    let (from, to) = (begins[*start], begins[(start + length) % count]);
    let joined = if from < to { "&&" } else { "||" };
    Ok(format!("hour >= {from} {joined} hour < {to}"))
}

/// `rain yes`.
fn said(name: &str, word: &str) -> String {
    format!("{} {word}", words(name))
}

/// The matter of a yes-or-no sensor, or of one with words; `None` for any other.
pub(super) fn matter_of(config: &Config, id: SensorId) -> Option<Matter> {
    let sensor = &config.sensors[usize::from(id.0)];
    let name = &sensor.name;
    let sides = match sensor.kind {
        SensorKind::Bool => vec![
            ("yes".into(), name.clone(), Value::Bool(true)),
            ("no".into(), format!("!{name}"), Value::Bool(false)),
        ],
        SensorKind::Text => {
            let mut sides: Vec<(String, String, Value)> = Vec::new();
            for value in sensor.map.values() {
                let Value::Text(word) = value else { continue };
                if !sides.iter().any(|(.., known)| known == value) {
                    sides.push((word.clone(), format!("{name} == '{word}'"), value.clone()));
                }
            }
            sides
        }
        SensorKind::Number => Vec::new(),
    };
    (sides.len() > 1).then(|| Matter::of_sensor(name, id, sides))
}

/// The matters that a note may make a condition of, those that it names first, the day before all
/// others; as many as may be asked about. `named` are devices whose state
/// it may mean.
pub fn matters(config: &Config, note: &[String], named: &[ActuatorId]) -> Vec<Matter> {
    let mut others = Vec::new();
    let sensors = (0u16..).zip(&config.sensors).map(|(number, _)| SensorId(number));
    others.extend(sensors.filter_map(|id| matter_of(config, id)));
    for id in named {
        let actuator = &config.actuators[usize::from(id.0)];
        if actuator.kind == ActuatorKind::Switch {
            others.insert(0, Matter::of_switch(&actuator.name, *id));
        }
    }
    // A stable sort: of those that are named, and of the others, in the order of the file.
    others.sort_by_key(|one| !one.named.is_empty() && !one.named.iter().any(|w| note.contains(w)));
    let mut room = limits::NOTE_FACTS_MAX;
    let all = std::iter::once(Matter::day()).chain(others);
    let taken = all.filter(|one| {
        let fits = one.sides.len() <= room;
        room -= if fits { one.sides.len() } else { 0 };
        fits
    });
    taken.collect()
}

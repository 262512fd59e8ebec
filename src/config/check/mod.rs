//! From the merged value tree to the checked configuration. Every fault is collected, none ends
//! the check; a configuration comes out only if there is none. No I/O but the system's time zones.

mod actuators;
mod agents;
mod aims;
mod announced;
mod clouds;
mod conflict;
mod derived;
mod escalate;
mod files;
mod hawkbit;
mod homeassistant;
mod http;
mod lines;
mod modbus;
mod plain;
mod said;
mod section;
mod sensors;
mod sparkplug;
mod topics;
mod units;
mod wishes;

use std::collections::BTreeMap;
use std::time::Duration;

pub use aims::goal_to_json;
pub use said::{
    goal_from_json, goal_said, note_said, preference_said, preference_to_json, rule_said,
    rule_to_json, told,
};
pub use topics::broker_of;
pub use units::duration as duration_of;

use super::announced::Announced;
use super::checked::{Actuator, ActuatorKind, Config, Dialect, Sensor, SensorKind};
use super::fault::{Fault, Faults, Strictness, Warning};
use super::line::Line;
use super::modbus::Register;
use super::raw::{Node, Origin, Raw, Table, quoted};
use super::source::{Path, Place, Source};
use crate::board::Profile;
use crate::domain::{ActuatorId, SensorId};
use crate::expr::{ExprError, Expression, Names, is_reserved};
use crate::limits::{CONFIG_FAULTS_MAX, NAME_BYTES_MAX};
use section::Section;
pub(crate) use units::size;

/// Prefix of our environment variables, with the separator behind it.
pub(super) const ENVIRONMENT_PREFIX: &str = "OUTPOST__";

/// Checks a merged tree.
///
/// # Errors
/// [`Faults`] with everything that is wrong.
pub(super) fn check(
    root: &Table,
    source: &Source,
    strictness: Strictness,
    early: Vec<Fault>,
    board: &'static Profile,
) -> Result<(Config, Vec<Warning>), Faults> {
    let mut checker = Checker::new(source, strictness, board);
    for fault in early {
        checker.push(fault);
    }
    let config = checker.config(root);
    checker.finish(config)
}

/// The kind of a declared sensor or actuator, as far as it is known.
#[derive(Clone, Debug)]
enum Declared<K> {
    /// Its place and kind.
    Known(u16, K),
    /// Its declaration is faulty; what refers to it cannot be judged and is not reported.
    Faulty,
}

/// The state of one check.
struct Checker<'a> {
    source: &'a Source,
    strictness: Strictness,
    board: &'static Profile,
    faults: Vec<Fault>,
    more: usize,
    warnings: Vec<Warning>,
    names: Names,
    sensors: BTreeMap<String, Declared<SensorKind>>,
    /// How many of them speak for themselves, faulty ones too.
    sensors_count: usize,
    actuators: BTreeMap<String, Declared<ActuatorKind>>,
    lines: BTreeMap<String, Declared<Dialect>>,
    modbus: BTreeMap<String, Declared<modbus::Station>>,
    pages: BTreeMap<String, Declared<Duration>>,
    folders: BTreeMap<String, Declared<Duration>>,
    nodes: BTreeMap<String, Declared<Duration>>,
    /// Registers that were named: their line, their name on it.
    registers: Vec<(u16, String, Register)>,
    /// What was accepted from announcements.
    accepted: Vec<Announced>,
}

/// A key as a fault shows it, with its path in the file.
#[derive(Clone, Debug)]
struct Spot {
    /// `sensor "air_temperature".every`
    key: String,
    path: Path,
    /// Where to point if the file has no such key: the section's path.
    section: Path,
    /// The value comes from the environment: the variable's name.
    variable: Option<String>,
}

impl<'a> Checker<'a> {
    fn new(source: &'a Source, strictness: Strictness, board: &'static Profile) -> Checker<'a> {
        Checker {
            source,
            strictness,
            board,
            faults: Vec::new(),
            more: 0,
            warnings: Vec::new(),
            names: Names::new(),
            sensors: BTreeMap::new(),
            sensors_count: 0,
            actuators: BTreeMap::new(),
            lines: BTreeMap::new(),
            modbus: BTreeMap::new(),
            pages: BTreeMap::new(),
            folders: BTreeMap::new(),
            nodes: BTreeMap::new(),
            registers: Vec::new(),
            accepted: Vec::new(),
        }
    }

    fn config(&mut self, root: &Table) -> Option<Config> {
        let mut top = Section::root(root);
        let device = top.section(self, "device").and_then(|s| self.device(s));
        let bus = top.section(self, "bus").and_then(|s| self.bus(s));
        let mode = self.agent(&mut top);
        let serial = self.lines(&mut top);
        let mut lines: Vec<Line> = serial.into_iter().map(Line::Serial).collect();
        self.modbus(&mut top, &mut lines);
        self.pages(&mut top, &mut lines);
        self.files(&mut top, &mut lines);
        self.sparkplug(&mut top, &mut lines);
        let mut sensors = self.sensors(&mut top);
        let derived = self.derived(&mut top, &mut sensors);
        let mut actuators = self.actuators(&mut top);
        self.deal_registers(&mut lines);
        let goals = self.goals(&mut top);
        let rules = self.rules(&mut top);
        let interlocks = self.interlocks(&mut top, &actuators);
        let mut notes = self.notes(&mut top);
        let preferences = self.preferences(&mut top, &actuators);
        let agents = self.agents(&mut top);
        let mode = agents::common_mode(&agents, &mut actuators).or(mode);
        let mind = top.section_if_present(self, "mind").and_then(|s| self.mind(s));
        let homeassistant =
            top.section_if_present(self, "homeassistant").and_then(|s| self.homeassistant(s));
        let web = top.section_if_present(self, "web").and_then(|s| self.web(s));
        let journal = top.section(self, "journal").and_then(|s| self.journal(s));
        let update = top.section_if_present(self, "update").map(|s| self.update(s));
        let clouds = self.clouds(&mut top);
        let escalate = top.section_if_present(self, "escalate").map(|s| self.escalate(s));
        let several = top.spot("agent");
        top.finish(self);
        let (mind, ask_human) = match mind {
            Some((mind, ask_human)) => (Some(mind), ask_human),
            None => (None, Vec::new()),
        };
        for actuator in &mut actuators {
            actuator.ask_human = ask_human.contains(&actuator.name);
        }
        notes.extend(agents.iter().flat_map(|one| one.notes.clone()));
        let config = Config {
            device: device?,
            bus: bus?,
            mode: mode?,
            agents,
            sensors: sensors.into(),
            derived,
            actuators: actuators.into(),
            goals,
            rules,
            interlocks,
            notes,
            preferences,
            mind,
            web,
            journal: journal?,
            lines,
            update: update.unwrap_or_default(),
            clouds,
            escalate: escalate.flatten(),
            homeassistant,
            announced: std::mem::take(&mut self.accepted),
        };
        self.agents_warnings(&several, &config);
        Some(config)
    }

    fn finish(mut self, config: Option<Config>) -> Result<(Config, Vec<Warning>), Faults> {
        self.warnings.sort_by_key(|warning| warning.line);
        match config {
            Some(config) if self.faults.is_empty() => Ok((config, self.warnings)),
            _ => {
                // Each missing part has said why; this is what is left if one day one does not.
                if self.faults.is_empty() {
                    let spot = Section::root(&Table::new()).spot("");
                    self.fault(
                        &spot,
                        "an incomplete configuration".into(),
                        "a complete one".into(),
                    );
                }
                self.faults.sort_by_key(|fault| (fault.line, fault.column));
                let (faults, more, warnings) = (self.faults, self.more, self.warnings);
                Err(Faults { faults, more, warnings })
            }
        }
    }

    fn push(&mut self, fault: Fault) {
        if self.faults.len() >= CONFIG_FAULTS_MAX {
            self.more += 1;
        } else {
            self.faults.push(fault);
        }
    }

    fn place(&self, spot: &Spot) -> Place {
        if spot.variable.is_some() {
            return Place::default();
        }
        self.source
            .key_place(&spot.path)
            .or_else(|| self.source.key_place(&spot.section))
            .unwrap_or_default()
    }

    fn file(&self, spot: &Spot) -> String {
        spot.variable.clone().unwrap_or_else(|| self.source.file().to_owned())
    }

    /// Adds a fault at a key.
    fn fault(&mut self, spot: &Spot, found: String, allowed: String) {
        let place = self.place(spot);
        self.fault_at(spot, place, found, allowed);
    }

    /// Adds a fault at a key, at a place of its own.
    fn fault_at(&mut self, spot: &Spot, place: Place, found: String, allowed: String) {
        let fault = Fault {
            key: spot.key.clone(),
            file: self.file(spot),
            line: place.line,
            column: place.column,
            found,
            allowed,
            excerpt: place.excerpt,
        };
        self.push(fault);
    }

    /// Adds a warning at a key.
    fn warn(&mut self, spot: &Spot, text: String) {
        if self.warnings.len() < CONFIG_FAULTS_MAX {
            let (file, line) = (self.file(spot), self.place(spot).line);
            self.warnings.push(Warning { key: spot.key.clone(), file, line, text });
        }
    }

    /// A key that nobody knows here: a fault of `check`, a warning of `run`.
    fn unknown_key(&mut self, spot: &Spot, found: &str, allowed: String) {
        let key = spot.key.to_lowercase();
        let secret = ["password", "secret", "token"].iter().any(|word| key.contains(word));
        let allowed = if secret {
            format!("{allowed}; no secret stands in this file, only the name of a file with it")
        } else {
            allowed
        };
        match self.strictness {
            Strictness::Run => self.warn(spot, format!("{found}, ignored; allowed: {allowed}")),
            Strictness::Check => {
                let place = self.place(spot);
                let excerpt = place.excerpt.filter(|_| !secret);
                self.fault_at(spot, Place { excerpt, ..place }, found.into(), allowed);
            }
        }
    }

    /// Is this a name for a sensor or an actuator, and a new one? Says what is wrong with it.
    fn check_name(&mut self, spot: &Spot, name: &str) -> bool {
        let mut letters = name.chars();
        let shaped = letters.next().is_some_and(|c| c.is_ascii_lowercase())
            && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && name.len() <= NAME_BYTES_MAX;
        if !shaped {
            let allowed = format!(
                "snake_case: a-z, then a-z, 0-9 and _, at most {NAME_BYTES_MAX} characters, such \
                 as \"tank_level\""
            );
            self.fault(spot, quoted(name), allowed);
            return false;
        }
        if is_reserved(name) {
            let found = format!("{}, a word of the expressions", quoted(name));
            self.fault(spot, found, "a name that means nothing there".into());
            return false;
        }
        if self.sensors.contains_key(name) || self.actuators.contains_key(name) {
            let found = format!("{} a second time", quoted(name));
            self.fault(spot, found, "a name that no other sensor or actuator has".into());
            return false;
        }
        true
    }

    /// Registers a sensor's name for everything that may refer to it.
    fn declare_sensor(&mut self, name: &str, id: u16, kind: Option<SensorKind>) {
        match kind {
            Some(kind) => self.names.add_sensor(name, SensorId(id), kind),
            None => self.names.add_faulty(name),
        }
        let declared = kind.map_or(Declared::Faulty, |kind| Declared::Known(id, kind));
        self.sensors.insert(name.to_owned(), declared);
    }

    /// Registers an actuator's name for everything that may refer to it.
    fn declare_actuator(&mut self, name: &str, id: u16, kind: Option<&ActuatorKind>) {
        match kind {
            Some(kind) => self.names.add_actuator(name, ActuatorId(id), kind),
            None => self.names.add_faulty(name),
        }
        let known = |kind: &ActuatorKind| Declared::Known(id, kind.clone());
        self.actuators.insert(name.to_owned(), kind.map_or(Declared::Faulty, known));
    }

    /// Compiles an expression that stands at a key; a fault points into it.
    fn expression(&mut self, spot: &Spot, text: &str) -> Option<Expression> {
        match Expression::compile(text, &self.names) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.expression_fault(spot, text, &error, "a condition");
                None
            }
        }
    }

    /// Says what is wrong inside an expression, unless that follows from what has been said.
    fn expression_fault(&mut self, spot: &Spot, text: &str, error: &ExprError, what: &str) {
        if error.follows_from_other {
            return;
        }
        let place = match spot.variable {
            Some(_) => None,
            None => self.source.inside_value(&spot.path, text, error.line, error.column),
        };
        // What is no file's has its place within itself.
        let own = || Place {
            line: Some(error.line),
            column: Some(error.column),
            excerpt: text.lines().nth(error.line - 1).map(str::to_owned),
        };
        let place = place.or_else(|| self.source.is_empty().then(own));
        let place = place.unwrap_or_else(|| self.place(spot));
        let found = if text.trim_end().contains('\n') {
            format!("{what} in which {error}")
        } else {
            format!("{what} in which column {}: {}", error.column, error.message)
        };
        let allowed = match what {
            "a condition" => "CEL over the sensors and actuators of this file",
            _ => "CEL over the sensors of this file",
        };
        self.fault_at(spot, place, found, allowed.into());
    }
}

/// Sensors that were read, or a list that is empty where one of them is faulty.
fn all<T>(read: Vec<Option<T>>) -> Vec<T> {
    read.into_iter().flatten().collect()
}

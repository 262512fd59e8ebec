//! `[[actuator]]`, and settings wherever they stand (`safe`, a rule's `set`).

use std::time::Duration;

use super::lines::{Way, carrier};
use super::plain::MODES;
use super::section::{Section, number_of};
use super::{Actuator, ActuatorKind, Checker, Node, Raw, all, quoted};
use crate::config::{Part, Port, SensorKind};
use crate::domain::{ActuatorId, SensorId, Setting};
use crate::limits::{
    ACTUATORS_MAX, COMMANDS_PER_HOUR_DEFAULT, COMMANDS_PER_HOUR_MAX, CONFIRM_MS_DEFAULT,
    CONFIRM_MS_MAX, CONFIRM_MS_MIN, DWELL_MS_MAX, PULSE_MS_MAX, PULSE_MS_MIN, TEXT_VALUE_BYTES_MAX,
    WORDS_MAX,
};

/// The words of `kind`.
const KINDS: [(&str, KindWord); 4] = [
    ("switch", KindWord::Switch),
    ("level", KindWord::Level),
    ("pulse", KindWord::Pulse),
    ("choice", KindWord::Choice),
];

/// A kind before its own keys are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KindWord {
    Switch,
    Level,
    Pulse,
    Choice,
}

/// How far a level may lie beside the grid of its steps: rounding of decimal fractions.
const GRID_TOLERANCE: f64 = 1e-6;

/// The payloads and the echo.
pub(super) struct Payloads {
    pub on: String,
    pub off: String,
    pub payload: Option<String>,
    pub state_topic: Option<String>,
    pub state_field: Option<String>,
    pub state_on: String,
    pub state_off: String,
    pub confirm_within: Duration,
}

impl Payloads {
    /// What is said on a line: no message around it, and no topic for the echo.
    pub(super) fn on_line(words: [String; 4], confirm_within: Duration) -> Self {
        let [on, off, state_on, state_off] = words;
        let (payload, state_topic, state_field) = (None, None, None);
        Self { on, off, payload, state_topic, state_field, state_on, state_off, confirm_within }
    }
}

impl Checker<'_> {
    pub(super) fn actuators(&mut self, top: &mut Section<'_>) -> Vec<Actuator> {
        let mut actuators: Vec<Option<Actuator>> = Vec::new();
        for (id, section) in (0..).zip(top.elements(self, "actuator", ACTUATORS_MAX)) {
            let carrier = carrier(&section);
            let spot = section.spot(carrier);
            let actuator = self.actuator(section, id);
            if let Some(actuator) = &actuator {
                let same = |other: &&Actuator| {
                    other.port == actuator.port && other.payload == actuator.payload
                };
                if let Some(other) = actuators.iter().flatten().find(same) {
                    let (what, allowed) = match carrier {
                        "serial" => ("name on the same line", "a `field` of its own"),
                        "modbus" => ("register", "a `register` of its own"),
                        "files" => ("file", "a `file` of its own"),
                        "sparkplug" => ("metric", "a `metric` of its own"),
                        _ => ("topic", "a topic of its own, or a `payload` that tells them apart"),
                    };
                    let found = format!("the same {what} as actuator {}", quoted(&other.name));
                    self.fault(&spot, found, allowed.into());
                }
            }
            actuators.push(actuator);
        }
        all(actuators)
    }

    fn actuator(&mut self, mut section: Section<'_>, id: u16) -> Option<Actuator> {
        let before = self.count();
        let name = section.required_text(self, "name", "snake_case, such as \"fan\"");
        let name_good = name.is_some_and(|name| {
            let spot = section.spot("name");
            self.check_name(&spot, name)
        });
        let word = match section.has("kind") {
            true => section.word(self, "kind", &KINDS),
            false => {
                section.get("kind");
                Some(KindWord::Switch)
            }
        };
        let kind = self.kind(&mut section, word);
        if let (Some(name), true) = (name, name_good) {
            self.declare_actuator(name, id, kind.as_ref());
        }
        let (port, payloads) = self.port_and_payloads(&mut section, name, (word, kind.as_ref()));
        let safe = self.safe(&mut section, kind.as_ref());
        let starts = [("safe", true), ("keep", false)];
        let start_safe = section.word(self, "at_start", &starts).unwrap_or(true);
        if !start_safe && payloads.state_topic.is_none() && carrier(&section) == "topic" {
            let found = "\"keep\" without `state_topic`".to_owned();
            section.fault(self, "at_start", found, "\"safe\"; keep waits for the device's echo");
        }
        let min_on = section.duration_or(self, "min_on", 0..=DWELL_MS_MAX, 0);
        let min_off = section.duration_or(self, "min_off", 0..=DWELL_MS_MAX, 0);
        if let Some(ActuatorKind::Pulse { max }) = &kind
            && min_on > *max
        {
            let found = format!("{min_on:?}, longer than `max`");
            section.fault(self, "min_on", found, "at most the pulse's `max`");
        }
        let range = 1..=COMMANDS_PER_HOUR_MAX;
        let commands =
            section.integer(self, "max_commands_per_hour", range, COMMANDS_PER_HOUR_DEFAULT);
        let cost = section.number(self, "cost", "a number from 0", |n| n >= 0.0).unwrap_or(0.0);
        let effects = self.effects(&mut section);
        let mode = section.word(self, "mode", &MODES);
        self.announced(&mut section, Part::Actuator(ActuatorId(id)));
        section.finish(self);
        if self.count() > before {
            return None;
        }
        Some(Actuator {
            name: name?.to_owned(),
            port: port?,
            kind: kind?,
            on: payloads.on,
            off: payloads.off,
            payload: payloads.payload,
            state_topic: payloads.state_topic,
            state_field: payloads.state_field,
            state_on: payloads.state_on,
            state_off: payloads.state_off,
            confirm_within: payloads.confirm_within,
            safe: safe?,
            start_safe,
            min_on,
            min_off,
            commands_per_hour_max: commands,
            cost,
            effects,
            mode,
            ask_human: false,
        })
    }

    /// Where it is commanded, and in which words.
    fn port_and_payloads(
        &mut self,
        section: &mut Section<'_>,
        name: Option<&str>,
        (word, kind): (Option<KindWord>, Option<&ActuatorKind>),
    ) -> (Option<Port>, Payloads) {
        let (port, way) = self.port(section, name).unzip();
        if carrier(section) == "serial" {
            let dialect = way.and_then(|way| match way {
                Way::Serial(dialect) => Some(dialect),
                _ => None,
            });
            return (port, self.serial_payloads(section, word, dialect));
        }
        section.out_of_place(self, "field", "only with `serial`: the name on the line");
        if carrier(section) == "http" {
            let allowed =
                "`topic`, `serial`, `modbus`, `files` or `sparkplug`: a page takes no commands";
            section.fault(self, "http", "`http` at an actuator".into(), allowed);
        }
        match carrier(section) {
            "files" => return (port, self.file_payloads(section, word)),
            "sparkplug" => return (port, self.sparkplug_payloads(section, word)),
            _ => {}
        }
        if carrier(section) == "modbus" {
            let register = way.and_then(|way| match way {
                Way::Modbus(register, _) => Some(register),
                _ => None,
            });
            return (port, self.modbus_payloads(section, (word, kind), register));
        }
        let payloads = self.payloads(section, word, port.as_ref().and_then(Port::topic));
        (port, payloads)
    }

    /// The keys that belong to the kind; those of other kinds are out of place.
    fn kind(&mut self, section: &mut Section<'_>, word: Option<KindWord>) -> Option<ActuatorKind> {
        let word = word?;
        if word != KindWord::Level {
            for key in ["min", "step"] {
                section.out_of_place(self, key, "only for kind = \"level\"");
            }
        }
        if matches!(word, KindWord::Switch | KindWord::Choice) {
            section.out_of_place(self, "max", "only for kind = \"level\" or \"pulse\"");
        }
        if word != KindWord::Choice {
            section.out_of_place(self, "options", "only for kind = \"choice\"");
        }
        match word {
            KindWord::Switch => Some(ActuatorKind::Switch),
            KindWord::Level => self.level(section),
            KindWord::Pulse => {
                if section.get("max").is_none() {
                    section.missing(self, "max", "the longest time on, such as \"60s\"");
                }
                let max = section.duration(self, "max", PULSE_MS_MIN..=PULSE_MS_MAX)?;
                Some(ActuatorKind::Pulse { max })
            }
            KindWord::Choice => self.choice(section),
        }
    }

    fn level(&mut self, section: &mut Section<'_>) -> Option<ActuatorKind> {
        let mut required = |key, words: &str, is_allowed: fn(f64) -> bool| {
            if section.get(key).is_none() {
                section.missing(self, key, words);
            }
            section.number(self, key, words, is_allowed)
        };
        let min = required("min", "a number, the least level", |_| true);
        let max = required("max", "a number, the greatest level", |_| true);
        let step = required("step", "a number above 0, the distance of two levels", |n| n > 0.0);
        let (min, max, step) = (min?, max?, step?);
        if min >= max {
            section.fault(self, "max", format!("{max} with `min` = {min}"), "a number above `min`");
            return None;
        }
        if step > max - min {
            let allowed = format!("at most {}, the distance of `min` and `max`", max - min);
            section.fault(self, "step", format!("{step}"), &allowed);
            return None;
        }
        Some(ActuatorKind::Level { min, max, step })
    }

    fn choice(&mut self, section: &mut Section<'_>) -> Option<ActuatorKind> {
        let form = "a list of two words or more, such as [\"low\", \"high\"]";
        if section.get("options").is_none() {
            section.missing(self, "options", form);
        }
        let list = section.list(self, "options", form)?;
        let mut options: Vec<String> = Vec::with_capacity(list.len().min(WORDS_MAX));
        for node in &list {
            match &node.raw {
                Raw::Text(word)
                    if !word.trim().is_empty() && word.len() <= TEXT_VALUE_BYTES_MAX =>
                {
                    if options.contains(word) {
                        let found = format!("{} twice", quoted(word));
                        section.fault(self, "options", found, "each word once");
                        return None;
                    }
                    options.push(word.clone());
                }
                raw => {
                    section.fault(self, "options", raw.words(), form);
                    return None;
                }
            }
        }
        if options.len() < 2 || options.len() > WORDS_MAX {
            let found = format!("{} words", options.len());
            section.fault(self, "options", found, &format!("2 to {WORDS_MAX} words"));
            return None;
        }
        Some(ActuatorKind::Choice { options })
    }

    fn payloads(
        &mut self,
        section: &mut Section<'_>,
        word: Option<KindWord>,
        topic: Option<&str>,
    ) -> Payloads {
        let bare = matches!(word, Some(KindWord::Level | KindWord::Choice));
        if bare {
            for key in ["on", "off", "state_on", "state_off"] {
                section.out_of_place(self, key, "only for switch and pulse; others send the value");
            }
        }
        let [on, off, state_on, state_off] = self.words(section, bare, ["ON", "OFF"]);
        let payload = section.bounded_text(self, "payload", 4096);
        if let Some(payload) = payload
            && !payload.contains("{value}")
        {
            let form = "a text with {value} in it, such as \"{\\\"state\\\":\\\"{value}\\\"}\"";
            section.fault(self, "payload", quoted(payload), form);
        }
        let state_topic = self.topic(section, "state_topic", false);
        if !section.has("state_topic") {
            for key in ["state_field", "state_on", "state_off", "confirm_within"] {
                if section.has(key) {
                    let spot = section.spot(key);
                    self.warn(&spot, "not used without `state_topic`".into());
                }
            }
        }
        if state_topic.is_some() && state_topic.as_deref() == topic {
            let spot = section.spot("state_topic");
            let text = "the topic of the command itself: our own message will look like the echo";
            self.warn(&spot, text.into());
        }
        Payloads {
            on: on.into(),
            off: off.into(),
            payload: payload.map(str::to_owned),
            state_topic,
            state_field: self.pointer(section, "state_field"),
            state_on: state_on.into(),
            state_off: state_off.into(),
            confirm_within: self.confirm_within(section),
        }
    }

    pub(super) fn confirm_within(&mut self, section: &mut Section<'_>) -> Duration {
        let range = CONFIRM_MS_MIN..=CONFIRM_MS_MAX;
        section.duration_or(self, "confirm_within", range, CONFIRM_MS_DEFAULT)
    }

    /// `on`, `off` and the echo's words for them.
    pub(super) fn words<'t>(
        &mut self,
        section: &mut Section<'t>,
        bare: bool,
        usual: [&'t str; 2],
    ) -> [&'t str; 4] {
        let mut text = |key| section.bounded_text(self, key, TEXT_VALUE_BYTES_MAX);
        let (on, off) = (text("on").unwrap_or(usual[0]), text("off").unwrap_or(usual[1]));
        let (state_on, state_off) =
            (text("state_on").unwrap_or(on), text("state_off").unwrap_or(off));
        if on == off && !bare {
            let found = format!("{}, the same as `on`", quoted(off));
            section.fault(self, "off", found, "another text");
        } else if state_on == state_off && !bare {
            let found = format!("{}, the same as `state_on`", quoted(state_off));
            section.fault(self, "state_off", found, "another text");
        }
        [on, off, state_on, state_off]
    }

    fn safe(&mut self, section: &mut Section<'_>, kind: Option<&ActuatorKind>) -> Option<Setting> {
        let node = section.get("safe");
        // Where the kind is faulty, no value can be judged.
        let kind = kind?;
        let Some(node) = node else {
            section.missing(self, "safe", &setting_form(kind, true));
            return None;
        };
        let setting = setting(node, kind).filter(|setting| {
            !matches!((kind, setting), (ActuatorKind::Pulse { .. }, Setting::On))
        });
        if setting.is_none() {
            section.fault(self, "safe", node.raw.words(), &setting_form(kind, true));
        }
        setting
    }

    fn effects(&mut self, section: &mut Section<'_>) -> Vec<(SensorId, f64)> {
        let mut effects = Vec::new();
        let form = "a table such as { air_temperature = \"lowers\" }";
        let Some(table) = section.table(self, "effects", form) else {
            return effects;
        };
        for (name, node) in table.entries() {
            let Some((id, kind)) = self.known_sensor(&table, name, name) else {
                continue;
            };
            if kind != SensorKind::Number {
                let found = format!("the sensor {}, which is no number", quoted(name));
                table.fault(self, name, found, "a sensor with type = \"number\"");
                continue;
            }
            let direction = match &node.raw {
                Raw::Text(word) if word == "raises" => 1.0,
                Raw::Text(word) if word == "lowers" => -1.0,
                raw => {
                    let allowed = "\"raises\" or \"lowers\"; the size is learned";
                    table.fault(self, name, raw.words(), allowed);
                    continue;
                }
            };
            effects.push((SensorId(id), direction));
        }
        effects.sort_by_key(|(id, _)| *id);
        effects
    }
}

/// What an actuator of a kind can be set to, in words.
pub(super) fn setting_form(kind: &ActuatorKind, safe: bool) -> String {
    match kind {
        ActuatorKind::Pulse { .. } if safe => "\"off\"; a pulse ends there by itself".into(),
        ActuatorKind::Switch | ActuatorKind::Pulse { .. } => "\"on\" or \"off\"".into(),
        ActuatorKind::Level { min, max, step } => {
            format!("a number from {min} to {max} in steps of {step}")
        }
        ActuatorKind::Choice { options } => {
            let words: Vec<String> = options.iter().map(|word| quoted(word)).collect();
            words.join(" or ")
        }
    }
}

/// A value of the configuration as a setting of an actuator; `None` where it is none.
pub(super) fn setting(node: &Node, kind: &ActuatorKind) -> Option<Setting> {
    match (kind, &node.raw) {
        (ActuatorKind::Switch | ActuatorKind::Pulse { .. }, Raw::Text(word)) => match word.as_str()
        {
            "on" => Some(Setting::On),
            "off" => Some(Setting::Off),
            _ => None,
        },
        (ActuatorKind::Level { min, max, step }, _) => {
            let level = number_of(node)?;
            let steps = (level - min) / step;
            let on_grid = (steps - steps.round()).abs() <= GRID_TOLERANCE;
            let end = level == *max;
            (level >= *min && level <= *max && (on_grid || end)).then_some(Setting::Level(level))
        }
        (ActuatorKind::Choice { options }, Raw::Text(word)) => {
            options.contains(word).then(|| Setting::Choice(word.clone()))
        }
        _ => None,
    }
}

//! From bytes on a topic to events: payloads of sensors, echoes and operators. Pure; what cannot
//! be read becomes a fault or a rejected command, never an error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outpost_launcher::manifest::Name;
use serde_json::Value as Json;

use super::edits::{Edit, OTHERS};
use super::event::{Body, DeviceCommand, Event};
use super::pointer::{self, Found};
use super::spoken::hear;
use crate::config::{
    Actuator, ActuatorKind, Config, Mode, Port, Sensor, SensorKind, goal_from_json, note_said,
    rule_said, told,
};
use crate::domain::{ActuatorId, Fault, FaultKind, SensorId, Setting, Value};
use crate::limits;

/// Where a topic leads.
#[derive(Clone, Debug, Default)]
struct Ends {
    sensors: Vec<SensorId>,
    actuators: Vec<ActuatorId>,
}

/// What a topic of the device's own tree is to the inbox; `link::topics` reads the topic itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A command of an operator: kind and id.
    Command(String, String),
    /// The status of a board with our name.
    Status,
    /// Anything else: perhaps a sensor or an echo.
    Other,
}

/// Reads messages by the configuration.
#[derive(Clone, Debug)]
pub struct Inbox {
    config: Arc<Config>,
    ends: BTreeMap<String, Ends>,
    /// Of each serial line: its names, in alphabetical order, and where each leads.
    lines: Vec<BTreeMap<String, Ends>>,
}

impl Inbox {
    /// An inbox for a configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Inbox {
        let mut ends: BTreeMap<String, Ends> = BTreeMap::new();
        let mut lines = vec![BTreeMap::new(); config.lines.len()];
        for (index, sensor) in (0u16..).zip(&config.sensors) {
            let port = sensor.port();
            if let Some(end) = port.and_then(|port| end_of(port, &mut ends, &mut lines)) {
                end.sensors.push(SensorId(index));
            }
        }
        for (index, actuator) in (0u16..).zip(&config.actuators) {
            let end = match (&actuator.state_topic, &actuator.port) {
                (Some(topic), _) => Some(ends.entry(topic.clone()).or_default()),
                (None, Port::Topic(_)) => None,
                (None, port) => end_of(port, &mut ends, &mut lines),
            };
            if let Some(end) = end {
                end.actuators.push(ActuatorId(index));
            }
        }
        Inbox { config, ends, lines }
    }

    /// Names on a serial line that lead somewhere, each once.
    #[must_use]
    pub fn names(&self, line: u16) -> Vec<String> {
        self.lines
            .get(usize::from(line))
            .map_or(Vec::new(), |names| names.keys().cloned().collect())
    }

    /// The sensors and the actuators of a name on a line.
    #[must_use]
    pub fn behind(&self, line: u16, name: usize) -> (&[SensorId], &[ActuatorId]) {
        let names = self.lines.get(usize::from(line)).and_then(|names| names.values().nth(name));
        names.map_or((&[][..], &[][..]), |ends| (&ends.sensors, &ends.actuators))
    }

    /// The events of a word on a serial line. `name` is its place in [`Inbox::names`]; a reading is
    /// for sensors, an echo for actuators, and what the line does not tell apart for both.
    #[must_use]
    pub fn heard(
        &self,
        line: u16,
        name: usize,
        (reading, echo): (bool, bool),
        value: &str,
    ) -> Vec<Event> {
        let names = self.lines.get(usize::from(line));
        let Some(ends) = names.and_then(|names| names.values().nth(name)) else {
            return Vec::new();
        };
        let sensors = ends.sensors.iter().filter(|_| reading);
        let actuators = ends.actuators.iter().filter(|_| echo);
        self.events(sensors, actuators, &Payload::new(value.as_bytes()), false)
    }

    /// Topics of sensors and echoes, each once.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        self.ends.keys()
    }

    /// The events of one message.
    #[must_use]
    pub fn read(&self, topic: &str, payload: &[u8], retained: bool) -> Vec<Event> {
        let Some(ends) = self.ends.get(topic) else { return Vec::new() };
        let read = Payload::new(payload);
        self.events(ends.sensors.iter(), ends.actuators.iter(), &read, retained)
    }

    fn events<'a>(
        &self,
        sensors: impl Iterator<Item = &'a SensorId>,
        actuators: impl Iterator<Item = &'a ActuatorId>,
        read: &Payload<'_>,
        retained: bool,
    ) -> Vec<Event> {
        let readings = sensors.map(|id| {
            let sensor = &self.config.sensors[usize::from(id.0)];
            Event::Reading { sensor: *id, value: sensor_value(sensor, read), retained }
        });
        let echoes = actuators.map(|id| {
            let actuator = &self.config.actuators[usize::from(id.0)];
            Event::Echo { actuator: *id, setting: echo_setting(actuator, read), retained }
        });
        readings.chain(echoes).collect()
    }

    /// The event of a message that was too large to be read.
    #[must_use]
    pub fn oversize(&self, topic: &str, bytes: usize) -> Vec<Event> {
        let Some(ends) = self.ends.get(topic) else { return Vec::new() };
        let fault = Fault { kind: FaultKind::TooLong, found: format!("{bytes} bytes") };
        let sensors = ends.sensors.iter().map(|sensor| Event::Reading {
            sensor: *sensor,
            value: Err(fault.clone()),
            retained: false,
        });
        let echoes = ends.actuators.iter().map(|id| Event::Echo {
            actuator: *id,
            setting: Err(fault.clone()),
            retained: false,
        });
        sensors.chain(echoes).collect()
    }

    /// The event of an operator's message.
    #[must_use]
    pub fn command(&self, kind: &str, id: &str, payload: &[u8], retained: bool) -> Option<Event> {
        // An empty retained payload clears a topic; it asks for nothing.
        if payload.is_empty() {
            return None;
        }
        let read = self.command_body(kind, payload);
        let (body, issued_unix_ms, ttl) = match read {
            Ok((body, issued, ttl)) => (body, issued, ttl),
            Err(reason) => (Err(reason), None, Duration::ZERO),
        };
        // A faulty command is rejected for its fault, whether retained or not.
        let retained = retained && body.is_ok();
        Some(Event::Command(Box::new(DeviceCommand {
            kind: kind.into(),
            id: id.into(),
            body,
            issued_unix_ms,
            ttl,
            retained,
        })))
    }

    /// The event of an operator's message that was too large to be read.
    #[must_use]
    pub fn oversize_command(&self, kind: &str, id: &str, bytes: usize) -> Event {
        Event::Command(Box::new(DeviceCommand {
            kind: kind.into(),
            id: id.into(),
            body: Err(too_long(bytes)),
            issued_unix_ms: None,
            ttl: Duration::ZERO,
            retained: false,
        }))
    }

    #[allow(clippy::type_complexity)] // three values that are taken apart at once
    fn command_body(
        &self,
        kind: &str,
        payload: &[u8],
    ) -> Result<(Result<Body, String>, Option<i64>, Duration), String> {
        if payload.len() > limits::COMMAND_BYTES_MAX {
            return Err(too_long(payload.len()));
        }
        let json: Json =
            serde_json::from_slice(payload).map_err(|error| format!("not JSON: {error}"))?;
        let Json::Object(object) = &json else { return Err("not a JSON object".into()) };
        let issued = match object.get("issued") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => {
                let at: jiff::Timestamp = text
                    .parse()
                    .map_err(|_| format!("`issued` is {}, not RFC 3339", shown(text)))?;
                Some(at.as_millisecond())
            }
            Some(_) => return Err("`issued` is no text in RFC 3339".into()),
        };
        let default = limits::COMMAND_TTL_S_DEFAULT;
        let ttl = seconds(object, "ttl_s", default, limits::COMMAND_TTL_S_MAX)?;
        Ok((self.body(kind, object), issued, ttl))
    }

    fn body(&self, kind: &str, object: &serde_json::Map<String, Json>) -> Result<Body, String> {
        match kind {
            "set" => {
                let actuator = self.actuator(text(object, "actuator")?)?;
                let value = object.get("value").ok_or("`value` is missing")?;
                let setting = wanted(&self.config.actuators[usize::from(actuator.0)], value)?;
                let hold = seconds(object, "hold_s", limits::HOLD_S_DEFAULT, limits::HOLD_S_MAX)?;
                Ok(Body::Set { actuator, setting, hold })
            }
            "mode" => {
                let mode = match text(object, "mode")? {
                    "observe" => Mode::Observe,
                    "advise" => Mode::Advise,
                    "act" => Mode::Act,
                    other => {
                        let found = shown(other);
                        return Err(format!("mode {found}: allowed are observe, advise, act"));
                    }
                };
                let actuator = match object.get("actuator") {
                    None | Some(Json::Null) => None,
                    Some(_) => Some(self.actuator(text(object, "actuator")?)?),
                };
                Ok(Body::Mode { mode, actuator })
            }
            "approve" => Ok(Body::Approve { approval: text(object, "approval")?.into() }),
            "deny" => Ok(Body::Deny { approval: text(object, "approval")?.into() }),
            "goal" => self.goal(object),
            "rule" => self.rule(object),
            "note" => self.note(object),
            "rate" => match object.get("good") {
                Some(Json::Bool(good)) => {
                    Ok(Body::Rate { decision: text(object, "decision")?.into(), good: *good })
                }
                Some(_) => Err("`good` is neither true nor false".into()),
                None => Err("`good` is missing".into()),
            },
            "ask" => {
                let text = text(object, "text")?;
                let spoken = Box::new(hear(text, &self.config)?);
                Ok(Body::Ask { text: text.into(), spoken })
            }
            "model" => match (name(object, "model")?, name(object, "adapter")?) {
                (None, None) => Err("`model`, `adapter` or both are missing".into()),
                (model, adapter) => Ok(Body::Model { model, adapter }),
            },
            "update" if object.get("look") == Some(&Json::Bool(true)) => {
                Ok(Body::Update { release: None })
            }
            "update" => {
                let release = text(object, "release")?;
                // The name is a part of paths.
                release.parse::<Name>().map_err(|error| format!("`release`: {error}"))?;
                Ok(Body::Update { release: Some(release.into()) })
            }
            "restart" => Ok(Body::Restart),
            other => Err(format!("unknown kind {}", shown(other))),
        }
    }

    fn goal(&self, object: &serde_json::Map<String, Json>) -> Result<Body, String> {
        match (object.get("put"), object.get("remove")) {
            (Some(put), None) => {
                let goal = Box::new(goal_from_json(put, &self.config)?);
                if goal.name.starts_with(OTHERS) {
                    let allowed = format!("a name that does not begin with {OTHERS}");
                    return Err(format!("name: {}; allowed: {allowed}", shown(&goal.name)));
                }
                Ok(Body::PutGoal { goal, text: put.to_string() })
            }
            (None, Some(Json::String(name))) => Ok(Body::RemoveGoal { name: name.clone() }),
            (None, Some(_)) => Err("`remove` is no text: it is the name of a goal".into()),
            _ => Err("one of `put` with a goal and `remove` with a name".into()),
        }
    }

    fn rule(&self, object: &serde_json::Map<String, Json>) -> Result<Body, String> {
        match (object.get("put"), object.get("remove")) {
            (Some(put), None) => {
                let rule = rule_said(put, &self.config).map_err(|faults| told(&faults))?;
                Ok(Body::Edit(Box::new(Edit::PutRule(rule))))
            }
            (None, Some(Json::String(name))) => {
                Ok(Body::Edit(Box::new(Edit::RemoveRule(name.clone()))))
            }
            (None, Some(_)) => Err("`remove` is no text: it is the name of a rule".into()),
            _ => Err("one of `put` with a rule and `remove` with a name".into()),
        }
    }

    fn note(&self, object: &serde_json::Map<String, Json>) -> Result<Body, String> {
        if let Some(Json::String(note)) = object.get("understand") {
            return Ok(Body::Understand { note: note.clone() });
        }
        let edit = match (object.get("put"), object.get("remove"), object.get("instead_of")) {
            (Some(put), None, instead_of) => {
                let text = note_said(put, &self.config).map_err(|faults| told(&faults))?;
                let instead_of = match instead_of {
                    None | Some(Json::Null) => None,
                    Some(Json::String(old)) => Some(old.clone()),
                    Some(_) => return Err("`instead_of` is no text: it is a note's words".into()),
                };
                Edit::PutNote { text, instead_of }
            }
            (None, Some(Json::String(text)), None) => Edit::RemoveNote(text.clone()),
            _ => {
                return Err(
                    "one of `put`, `remove` and `understand`, each with a note's words".into()
                );
            }
        };
        Ok(Body::Edit(Box::new(edit)))
    }

    fn actuator(&self, name: &str) -> Result<ActuatorId, String> {
        let found = (0u16..).zip(&self.config.actuators).find(|(_, one)| one.name == name);
        found.map(|(index, _)| ActuatorId(index)).ok_or_else(|| {
            let names: Vec<_> = self.config.actuators.iter().map(|one| &*one.name).collect();
            format!("unknown actuator {}: there are {}", shown(name), names.join(", "))
        })
    }
}

/// A name or path that may be left out.
fn name(
    object: &serde_json::Map<String, Json>,
    key: &'static str,
) -> Result<Option<String>, String> {
    match object.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(_) => match text(object, key)? {
            "" => Err(format!("`{key}` is empty")),
            long if long.len() > limits::MODEL_NAME_BYTES_MAX => {
                let most = limits::MODEL_NAME_BYTES_MAX;
                Err(format!("`{key}` has {} bytes, {most} are allowed", long.len()))
            }
            name => Ok(Some(name.to_owned())),
        },
    }
}

/// Where a port leads, to be added to; `None`: a line that is not there.
fn end_of<'a>(
    port: &Port,
    topics: &'a mut BTreeMap<String, Ends>,
    lines: &'a mut [BTreeMap<String, Ends>],
) -> Option<&'a mut Ends> {
    match port {
        Port::Topic(topic) => Some(topics.entry(topic.clone()).or_default()),
        Port::Line { line, name } => {
            Some(lines.get_mut(usize::from(*line))?.entry(name.clone()).or_default())
        }
    }
}

/// A payload as far as all sensors of its topic share the work.
struct Payload<'a> {
    text: Result<&'a str, Fault>,
    deep: bool,
}

impl<'a> Payload<'a> {
    fn new(bytes: &'a [u8]) -> Payload<'a> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault {
            kind: FaultKind::NotUtf8,
            found: format!("{} bytes", bytes.len()),
        });
        let deep = text.as_ref().is_ok_and(|text| nesting(text) > limits::JSON_DEPTH_MAX);
        Payload { text, deep }
    }

    /// The scalar under a JSON pointer, or the bare payload as JSON or as text.
    fn at(&self, field: Option<&str>) -> Result<Json, Fault> {
        let text = self.text.clone()?.trim();
        let fault = |kind| Fault { kind, found: shown(text) };
        if self.deep {
            return Err(fault(FaultKind::NotJson));
        }
        match pointer::look(text, field.unwrap_or_default()) {
            Ok(Found::Scalar(json)) => Ok(json),
            Ok(Found::Compound) => Err(fault(FaultKind::WrongType)),
            Ok(Found::Missing) => Err(fault(FaultKind::FieldMissing)),
            // A bare scalar is taken as JSON (`21.5`, `true`, `"on"`), any other as a word.
            Err(_) if field.is_none() && !text.starts_with(['{', '[']) => {
                Ok(Json::String(text.to_string()))
            }
            Err(_) => Err(fault(FaultKind::NotJson)),
        }
    }
}

/// Deepest nesting of brackets outside of strings; an upper bound for JSON.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn sensor_value(sensor: &Sensor, payload: &Payload<'_>) -> Result<Value, Fault> {
    let json = payload.at(sensor.field.as_deref())?;
    let word = match &json {
        Json::String(text) => text.trim().to_string(),
        other => other.to_string(),
    };
    if word.len() > limits::TEXT_VALUE_BYTES_MAX {
        return Err(Fault { kind: FaultKind::TooLong, found: format!("{} bytes", word.len()) });
    }
    if let Some(value) = sensor.map.get(&word) {
        return in_range(sensor, value.clone());
    }
    let wrong = || Fault { kind: FaultKind::WrongType, found: shown(&word) };
    let value = match sensor.kind {
        SensorKind::Number => {
            let number = match &json {
                Json::Number(number) => number.as_f64().ok_or_else(wrong)?,
                Json::String(text) => text.trim().parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            };
            Value::Number(number * sensor.scale + sensor.offset)
        }
        SensorKind::Bool => Value::Bool(yes_or_no(&word).ok_or_else(wrong)?),
        SensorKind::Text => match json {
            Json::String(text) => Value::Text(text.trim().to_string()),
            Json::Number(_) | Json::Bool(_) => Value::Text(word),
            _ => return Err(wrong()),
        },
    };
    in_range(sensor, value)
}

fn in_range(sensor: &Sensor, value: Value) -> Result<Value, Fault> {
    if let Value::Number(number) = value {
        let found = || format!("{number}");
        if !number.is_finite() {
            return Err(Fault { kind: FaultKind::NotFinite, found: found() });
        }
        if let Some((low, high)) = sensor.range
            && !(low..=high).contains(&number)
        {
            return Err(Fault { kind: FaultKind::OutOfRange, found: found() });
        }
    }
    Ok(value)
}

fn yes_or_no(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// What a device's echo means.
fn echo_setting(actuator: &Actuator, payload: &Payload<'_>) -> Result<Setting, Fault> {
    let json = payload.at(actuator.state_field.as_deref())?;
    let word = match &json {
        Json::String(text) => text.trim().to_string(),
        other => other.to_string(),
    };
    let wrong = || Fault { kind: FaultKind::WrongType, found: shown(&word) };
    match &actuator.kind {
        ActuatorKind::Switch | ActuatorKind::Pulse { .. } => {
            if word == actuator.state_on {
                Ok(Setting::On)
            } else if word == actuator.state_off {
                Ok(Setting::Off)
            } else {
                Err(wrong())
            }
        }
        ActuatorKind::Level { min, max, step } => {
            let number: f64 = word.parse().map_err(|_| wrong())?;
            if !number.is_finite() {
                return Err(Fault { kind: FaultKind::NotFinite, found: shown(&word) });
            }
            if number < min - step || number > max + step {
                return Err(Fault { kind: FaultKind::OutOfRange, found: shown(&word) });
            }
            Ok(Setting::Level(number))
        }
        ActuatorKind::Choice { options } => {
            if options.contains(&word) {
                Ok(Setting::Choice(word))
            } else {
                Err(wrong())
            }
        }
    }
}

/// What an operator wants an actuator set to; words as in design §4, or the device's own.
/// A value as an actuator's kind has it.
pub(super) fn wanted(actuator: &Actuator, value: &Json) -> Result<Setting, String> {
    let word = match value {
        Json::String(text) => text.trim().to_string(),
        other => other.to_string(),
    };
    let name = &actuator.name;
    match &actuator.kind {
        ActuatorKind::Switch | ActuatorKind::Pulse { .. } => match yes_or_no(&word) {
            Some(true) => Ok(Setting::On),
            Some(false) => Ok(Setting::Off),
            None => Err(format!("{name} to {}: allowed are on, off", shown(&word))),
        },
        ActuatorKind::Level { min, max, step } => {
            let number: Option<f64> = word.parse().ok().filter(|number: &f64| number.is_finite());
            match number {
                Some(number) if (*min..=*max).contains(&number) => {
                    let steps = ((number - min) / step).round();
                    Ok(Setting::Level((min + steps * step).clamp(*min, *max)))
                }
                _ => Err(format!("{name} to {}: allowed is {min} to {max}", shown(&word))),
            }
        }
        ActuatorKind::Choice { options } => {
            if options.contains(&word) {
                Ok(Setting::Choice(word))
            } else {
                let allowed = options.join(", ");
                Err(format!("{name} to {}: allowed are {allowed}", shown(&word)))
            }
        }
    }
}

/// Why a command's payload is not read.
fn too_long(bytes: usize) -> String {
    format!("{bytes} bytes, at most {} are read", limits::COMMAND_BYTES_MAX)
}

fn text<'a>(object: &'a serde_json::Map<String, Json>, key: &str) -> Result<&'a str, String> {
    match object.get(key) {
        Some(Json::String(text)) => Ok(text),
        Some(other) => Err(format!("`{key}` is {}, not a text", shown(&other.to_string()))),
        None => Err(format!("`{key}` is missing")),
    }
}

fn seconds(
    object: &serde_json::Map<String, Json>,
    key: &str,
    default: u64,
    most: u64,
) -> Result<Duration, String> {
    let Some(found) = object.get(key).filter(|found| !found.is_null()) else {
        return Ok(Duration::from_secs(default));
    };
    match found.as_f64() {
        Some(number) if (0.0..=most as f64).contains(&number) => {
            Ok(Duration::from_secs_f64(number))
        }
        _ => {
            Err(format!("`{key}` is {}: allowed is 0 to {most} seconds", shown(&found.to_string())))
        }
    }
}

/// At most 40 printable characters of something from outside.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    format!("\"{short}\"")
}

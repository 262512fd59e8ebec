//! What an announced part is good for here: a sensor, an actuator, or nothing, with the reason.
//!
//! A part that a person would press, watch or listen to (buttons, cameras, texts) is left out; so
//! is one whose template or schema says more than a configuration of ours can. A wrong proposal is
//! worse than none.

use super::homeassistant::Part;
use super::{ActuatorOffer, Control, Offer, SensorOffer, template};

/// What cannot be proposed, in words.
type Refusal = String;

/// The offer of a part.
pub(super) fn offer(part: &Part) -> Offer {
    if let Some(fault) = &part.fault {
        return Offer::Nothing(format!("the announcement cannot be read: {fault}"));
    }
    if part.keys.get("enabled_by_default").and_then(serde_json::Value::as_bool) == Some(false) {
        return Offer::Nothing("its maker switched it off by default".to_owned());
    }
    let made = match part.component.as_str() {
        "sensor" => sensor(part),
        "binary_sensor" => yes_or_no(part),
        "switch" | "siren" => switch(part),
        "light" => light(part),
        "fan" => fan(part),
        "humidifier" => humidifier(part),
        "number" => number(part),
        "select" => select(part),
        "cover" | "valve" => cover(part),
        "lock" => lock(part),
        "climate" | "water_heater" => climate(part),
        other => Err(format!("a {other} is nothing to measure or to set")),
    };
    made.unwrap_or_else(Offer::Nothing)
}

fn need(part: &Part, key: &str) -> Result<String, Refusal> {
    let topic = part.text(key).ok_or_else(|| format!("it names no {key}"))?;
    let valid = crate::link::topics::valid_topic_name(&topic);
    if valid && !crate::link::topics::is_ours(&topic) {
        Ok(topic)
    } else {
        Err(format!("its {key} is no topic that a device may have"))
    }
}

fn pick(part: &Part, key: &str) -> Result<template::Picked, Refusal> {
    part.text(key).map_or(Ok(template::Picked::whole()), |text| template::value(&text))
}

fn sensor(part: &Part) -> Result<Offer, Refusal> {
    let class = part.text("device_class").unwrap_or_default();
    let unit = part.text("unit_of_measurement").filter(|unit| is_unit(unit));
    let picked = pick(part, "value_template")?;
    let measures =
        unit.is_some() || part.keys.contains_key("state_class") || range(&class, "").is_some();
    let kind = match class.as_str() {
        "enum" | "timestamp" | "date" => "text",
        _ if measures => "number",
        _ => "text",
    };
    let range = range(&class, unit.as_deref().unwrap_or_default()).filter(|_| kind == "number");
    Ok(Offer::Sensor(SensorOffer {
        topic: need(part, "state_topic")?,
        field: picked.field,
        kind,
        map: Vec::new(),
        scale: picked.scale,
        offset: picked.offset,
        unit,
        range,
        expire_s: expire_s(part),
    }))
}

/// `°C`, `µg/m³`, `fl. oz.`: a sign or two, and no sentence. The mind reads it behind every value.
fn is_unit(text: &str) -> bool {
    let words = text.split(' ').count();
    let signs = |c: char| c.is_alphanumeric() || "%°/²³·.'\"*^-_$€£".contains(c) || c == ' ';
    (1..=crate::limits::UNIT_LETTERS_MAX).contains(&text.chars().count())
        && words <= 2
        && text.chars().all(signs)
}

fn expire_s(part: &Part) -> Option<u64> {
    part.number("expire_after").filter(|it| *it >= 1.0 && *it < 1e7).map(|it| it as u64)
}

/// What can be believed of a quantity: wide enough for every place that people run, narrow enough
/// for the words of a broken sensor (-127 °C, 65535 ppm).
fn range(class: &str, unit: &str) -> Option<(f64, f64)> {
    let range = match (class, unit) {
        ("temperature", "°F") => (-58.0, 257.0),
        ("temperature", "K") => (223.0, 398.0),
        ("temperature", _) => (-50.0, 125.0),
        ("humidity" | "moisture" | "battery", _) => (0.0, 100.0),
        ("atmospheric_pressure" | "pressure", "hPa" | "mbar") => (300.0, 1100.0),
        ("illuminance", _) => (0.0, 200_000.0),
        ("carbon_dioxide", _) => (0.0, 10_000.0),
        ("carbon_monoxide", _) => (0.0, 2_000.0),
        ("pm1" | "pm10" | "pm25", _) => (0.0, 1_000.0),
        ("volatile_organic_compounds_parts", _) => (0.0, 60_000.0),
        ("ph", _) => (0.0, 14.0),
        ("power_factor", _) => (-100.0, 100.0),
        ("voltage", "V") => (0.0, 1_000.0),
        ("voltage", "mV") => (0.0, 100_000.0),
        ("frequency", "Hz") => (0.0, 1_000.0),
        ("signal_strength", _) => (-150.0, 0.0),
        _ => return None,
    };
    Some(range)
}

/// Words for yes and no, and whether they are truth values of JSON.
fn yes_or_no(part: &Part) -> Result<Offer, Refusal> {
    let picked = pick(part, "value_template")?;
    if picked.scale != 1.0 || picked.offset != 0.0 {
        return Err("its template calculates with a yes or no".to_owned());
    }
    let word = |key: &str, usual: &str| part.text(key).unwrap_or_else(|| usual.to_owned());
    let (on, off) = (word("payload_on", "ON"), word("payload_off", "OFF"));
    if on == off {
        return Err("its words for on and off are the same".to_owned());
    }
    let usual = |on: &str, off: &str| {
        let pair = (on.to_lowercase(), off.to_lowercase());
        matches!((pair.0.as_str(), pair.1.as_str()), ("on", "off") | ("true", "false") | ("1", "0"))
    };
    let map = if usual(&on, &off) { Vec::new() } else { vec![(on, true), (off, false)] };
    Ok(Offer::Sensor(SensorOffer {
        topic: need(part, "state_topic")?,
        field: picked.field,
        kind: "bool",
        map,
        scale: 1.0,
        offset: 0.0,
        unit: None,
        range: None,
        expire_s: expire_s(part),
    }))
}

/// Where an actuator answers, by the names of its keys.
fn answer(
    part: &Part,
    topic: &str,
    template: &str,
) -> Result<(Option<String>, Option<String>), Refusal> {
    if !part.keys.contains_key(topic) {
        return Ok((None, None));
    }
    let picked = pick(part, template)?;
    if picked.scale != 1.0 || picked.offset != 0.0 {
        return Err("its answer is calculated with, its command is not".to_owned());
    }
    Ok((Some(need(part, topic)?), picked.field))
}

fn switch(part: &Part) -> Result<Offer, Refusal> {
    let word = |key: &str, usual: &str| part.text(key).unwrap_or_else(|| usual.to_owned());
    let (on, off) = (word("payload_on", "ON"), word("payload_off", "OFF"));
    let payload = command(part, "command_template")?;
    let template = if part.keys.contains_key("state_value_template") {
        "state_value_template"
    } else {
        "value_template"
    };
    let (state_topic, state_field) = answer(part, "state_topic", template)?;
    let said = (word("state_on", &on), word("state_off", &off));
    let state_words = (said != (on.clone(), off.clone())).then_some(said);
    let topic = need(part, "command_topic")?;
    let control = Control::Switch { on, off };
    Ok(Offer::Actuator(ActuatorOffer {
        topic,
        control,
        payload,
        state_topic,
        state_field,
        state_words,
    }))
}

fn command(part: &Part, key: &str) -> Result<Option<String>, Refusal> {
    part.text(key).map_or(Ok(None), |text| template::command(&text))
}

/// On and off of a lamp; its brightness and colour are left to people.
fn light(part: &Part) -> Result<Offer, Refusal> {
    match part.text("schema").as_deref() {
        Some("json") => {
            let has_state = part.keys.contains_key("state_topic");
            let state_topic = if has_state { Some(need(part, "state_topic")?) } else { None };
            let word = |word: &str| format!("{{\"state\":\"{word}\"}}");
            Ok(Offer::Actuator(ActuatorOffer {
                topic: need(part, "command_topic")?,
                control: Control::Switch { on: word("ON"), off: word("OFF") },
                payload: None,
                state_field: state_topic.as_ref().map(|_| "/state".to_owned()),
                state_words: state_topic.as_ref().map(|_| ("ON".to_owned(), "OFF".to_owned())),
                state_topic,
            }))
        }
        Some("template") => Err("a lamp whose commands are templates".to_owned()),
        _ => switch(part),
    }
}

/// A fan with speeds is set by its share of the full speed, one without by on and off.
fn fan(part: &Part) -> Result<Offer, Refusal> {
    if !part.keys.contains_key("percentage_command_topic") {
        return switch(part);
    }
    let said = answer(part, "percentage_state_topic", "percentage_value_template")?;
    let max = part.number("speed_range_max").unwrap_or(100.0);
    level(
        part,
        Control::Level { min: 0.0, max, step: 1.0 },
        ("percentage_command_topic", "percentage_command_template"),
        said,
    )
}

fn humidifier(part: &Part) -> Result<Offer, Refusal> {
    if part.keys.contains_key("command_topic") {
        return switch(part);
    }
    let said = answer(part, "target_humidity_state_topic", "target_humidity_state_template")?;
    let bound = |key: &str, usual: f64| part.number(key).unwrap_or(usual);
    let (min, max) = (bound("min_humidity", 0.0), bound("max_humidity", 100.0));
    level(
        part,
        Control::Level { min, max, step: 1.0 },
        ("target_humidity_command_topic", "target_humidity_command_template"),
        said,
    )
}

/// A level that makes sense: its bounds, the keys of its command and of that one's template, and
/// where it answers.
fn level(
    part: &Part,
    control: Control,
    (topic, template): (&str, &str),
    (state_topic, state_field): (Option<String>, Option<String>),
) -> Result<Offer, Refusal> {
    if let Control::Level { min, max, step } = control
        && (min >= max || step <= 0.0 || step > max - min)
    {
        return Err(format!("its levels from {min} to {max} in steps of {step} make no sense"));
    }
    let (topic, payload) = (need(part, topic)?, command(part, template)?);
    let state_words = None;
    Ok(Offer::Actuator(ActuatorOffer {
        topic,
        control,
        payload,
        state_topic,
        state_field,
        state_words,
    }))
}

fn number(part: &Part) -> Result<Offer, Refusal> {
    let said = answer(part, "state_topic", "value_template")?;
    // Home Assistant's own where the device names none.
    let bound = |key: &str, usual: f64| part.number(key).unwrap_or(usual);
    let (min, max, step) = (bound("min", 1.0), bound("max", 100.0), bound("step", 1.0));
    level(part, Control::Level { min, max, step }, ("command_topic", "command_template"), said)
}

/// One of some words; with fewer than two there is nothing to choose.
fn choice(options: Vec<String>) -> Result<Control, Refusal> {
    if options.len() < 2 {
        return Err(format!("found {} options, allowed are two or more", options.len()));
    }
    Ok(Control::Choice(options))
}

fn select(part: &Part) -> Result<Offer, Refusal> {
    let (state_topic, state_field) = answer(part, "state_topic", "value_template")?;
    Ok(Offer::Actuator(ActuatorOffer {
        topic: need(part, "command_topic")?,
        control: choice(part.texts("options"))?,
        payload: command(part, "command_template")?,
        state_topic,
        state_field,
        state_words: None,
    }))
}

/// A cover or valve is set by its position where it has one, else opened and closed.
fn cover(part: &Part) -> Result<Offer, Refusal> {
    let bound = |key: &str, usual: f64| part.number(key).unwrap_or(usual);
    let (closed, open) = (bound("position_closed", 0.0), bound("position_open", 100.0));
    let (min, max) = (closed.min(open), closed.max(open));
    if part.keys.contains_key("set_position_topic") {
        let said = answer(part, "position_topic", "position_template")?;
        return level(
            part,
            Control::Level { min, max, step: 1.0 },
            ("set_position_topic", "set_position_template"),
            said,
        );
    }
    if part.component == "valve" && part.is("reports_position") {
        let said = answer(part, "state_topic", "value_template")?;
        return level(
            part,
            Control::Level { min, max, step: 1.0 },
            ("command_topic", "command_template"),
            said,
        );
    }
    let word = |key: &str, usual: &str| part.text(key).unwrap_or_else(|| usual.to_owned());
    let (state_topic, state_field) = answer(part, "state_topic", "value_template")?;
    let said = (word("state_open", "open"), word("state_closed", "closed"));
    Ok(Offer::Actuator(ActuatorOffer {
        topic: need(part, "command_topic")?,
        control: Control::Switch {
            on: word("payload_open", "OPEN"),
            off: word("payload_close", "CLOSE"),
        },
        payload: None,
        state_words: state_topic.as_ref().map(|_| said),
        state_topic,
        state_field,
    }))
}

/// On is locked.
fn lock(part: &Part) -> Result<Offer, Refusal> {
    let word = |key: &str, usual: &str| part.text(key).unwrap_or_else(|| usual.to_owned());
    let (state_topic, state_field) = answer(part, "state_topic", "value_template")?;
    let said = (word("state_locked", "LOCKED"), word("state_unlocked", "UNLOCKED"));
    Ok(Offer::Actuator(ActuatorOffer {
        topic: need(part, "command_topic")?,
        control: Control::Switch {
            on: word("payload_lock", "LOCK"),
            off: word("payload_unlock", "UNLOCK"),
        },
        payload: command(part, "command_template")?,
        state_words: state_topic.as_ref().map(|_| said),
        state_topic,
        state_field,
    }))
}

/// The set point of a thermostat, which keeps the temperature by itself.
fn climate(part: &Part) -> Result<Offer, Refusal> {
    let said = answer(part, "temperature_state_topic", "temperature_state_template")?;
    let bound = |key: &str, usual: f64| part.number(key).unwrap_or(usual);
    let (min, max, step) =
        (bound("min_temp", 7.0), bound("max_temp", 35.0), bound("temp_step", 1.0));
    level(
        part,
        Control::Level { min, max, step },
        ("temperature_command_topic", "temperature_command_template"),
        said,
    )
}

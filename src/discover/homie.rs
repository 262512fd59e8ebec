//! Homie's form of announcements. Version 5: a device's whole description at
//! `homie/5/<device>/$description`. Versions 3 and 4: an attribute to a topic,
//! `homie/<device>/<node>/<property>/$datatype` and so on. Both say what a property is; where it
//! speaks and is set follows from its place. Form: the Homie convention, homieiot.github.io.
//!
//! Never here: what a property is good for (`entity.rs`): each is put into the words of that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::Presence;
use super::homeassistant::Part;
use super::words::shown;
use crate::limits::{DISCOVER_PARTS_MAX, DISCOVER_PAYLOAD_BYTES_MAX};

/// The first level of all its topics.
const ROOT: &str = "homie";
/// Attributes of a device, a node and a property in versions 3 and 4.
const OF_DEVICE: [&str; 3] = ["$homie", "$name", "$state"];
const OF_NODE: [&str; 1] = ["$name"];
const OF_PROPERTY: [&str; 5] = ["$name", "$datatype", "$format", "$settable", "$unit"];

/// What is to be subscribed: what devices say of themselves, and not what they measure.
pub(crate) fn filters() -> Vec<String> {
    let at = |level: &'static str| move |word: &&str| format!("{ROOT}/{level}{word}");
    let five = ["$description", "$state"];
    let all = five.iter().map(|word| format!("{ROOT}/5/+/{word}"));
    let all = all.chain(OF_DEVICE.iter().map(|word| at("+/")(word)));
    let all = all.chain(OF_NODE.iter().map(|word| at("+/+/")(word)));
    all.chain(OF_PROPERTY.iter().map(|word| at("+/+/+/")(word))).collect()
}

/// What is to be subscribed for one announcement that was accepted; none where it is not Homie's.
pub(super) fn filters_of(source: &str) -> Option<Vec<String>> {
    let levels: Vec<&str> = source.split('/').collect();
    match levels[..] {
        [ROOT, "5", _, "$description"] => Some(vec![source.to_owned(), state_of(source)?]),
        [ROOT, device, node, property, "$datatype"] if device != "5" => {
            let at = format!("{ROOT}/{device}");
            let of_device = OF_DEVICE.iter().map(|word| format!("{at}/{word}"));
            let of_node = OF_NODE.iter().map(|word| format!("{at}/{node}/{word}"));
            let of_property =
                OF_PROPERTY.iter().map(|word| format!("{at}/{node}/{property}/{word}"));
            Some(of_device.chain(of_node).chain(of_property).collect())
        }
        _ => None,
    }
}

/// Where the device of an announcement says how it is; none where it is not Homie's.
fn state_of(source: &str) -> Option<String> {
    let mut levels = source.split('/');
    let device = match (levels.next()?, levels.next()?) {
        (ROOT, "5") => format!("5/{}", levels.next()?),
        (ROOT, device) => device.to_owned(),
        _ => return None,
    };
    Some(format!("{ROOT}/{device}/$state"))
}

/// Where it says how it is, and the words for being away.
pub(super) fn presence(source: &str) -> Vec<Presence> {
    let of =
        |topic| Presence { topic, field: None, away: vec!["lost".into(), "disconnected".into()] };
    state_of(source).map(of).into_iter().collect()
}

/// Every property of every device, with the topic that announces it.
pub(super) fn parts(messages: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Part)> {
    let start = format!("{ROOT}/");
    let ours = messages.range(start.clone()..).take_while(|(topic, _)| topic.starts_with(&start));
    let mut found = Vec::new();
    let mut older = BTreeMap::new();
    for (topic, payload) in ours {
        let levels: Vec<&str> = topic.split('/').collect();
        match levels[..] {
            [_, "5", device, "$description"] => {
                let state = messages.get(&format!("{ROOT}/5/{device}/$state"));
                let about = described(device, payload, state.map(Vec::as_slice));
                found.extend(about.into_iter().map(|part| (topic.clone(), part)));
            }
            [_, "5", ..] => {}
            [_, device, node, property, "$datatype"] => {
                let of: &mut BTreeSet<_> = older.entry(device).or_default();
                if of.len() < DISCOVER_PARTS_MAX {
                    of.insert((node, property));
                }
            }
            _ => {}
        }
    }
    for (device, properties) in older {
        found.extend(attributes(messages, device, &properties));
    }
    found
}

/// A property in the words of both versions.
#[derive(Default)]
struct Property<'a> {
    datatype: &'a str,
    format: &'a str,
    unit: &'a str,
    is_settable: bool,
}

/// A device of version 5.
fn described(id: &str, payload: &[u8], state: Option<&[u8]>) -> Vec<Part> {
    let unread =
        |why: String| vec![Part { device: id.to_owned(), fault: Some(why), ..Part::default() }];
    if payload.len() > DISCOVER_PAYLOAD_BYTES_MAX {
        let bytes = payload.len();
        return unread(format!("{bytes} bytes, allowed are {DISCOVER_PAYLOAD_BYTES_MAX}"));
    }
    let about: Json = match serde_json::from_slice(payload) {
        Ok(about) => about,
        Err(error) => return unread(format!("is no JSON: {error}")),
    };
    if state == Some(b"init".as_slice()) {
        return unread("the device is still starting: ask again later".into());
    }
    let Some(Json::Object(nodes)) = about.get("nodes") else { return Vec::new() };
    let text = |of: &Json, key: &str| of.get(key).and_then(Json::as_str).map(str::to_owned);
    let device = text(&about, "name").unwrap_or_else(|| id.to_owned());
    let mut parts = Vec::new();
    for (node_id, node) in nodes {
        let Some(Json::Object(properties)) = node.get("properties") else { continue };
        let node_name = text(node, "name").unwrap_or_else(|| node_id.clone());
        for (property_id, it) in properties {
            if parts.len() >= DISCOVER_PARTS_MAX {
                return parts;
            }
            let word = |key: &str| it.get(key).and_then(Json::as_str).unwrap_or_default();
            let property = Property {
                datatype: word("datatype"),
                format: word("format"),
                unit: word("unit"),
                is_settable: it.get("settable") == Some(&Json::Bool(true)),
            };
            let name = text(it, "name").unwrap_or_else(|| property_id.clone());
            let name = named(nodes.len(), &node_name, &name);
            let topic = format!("{ROOT}/5/{id}/{node_id}/{property_id}");
            parts.push(part(&device, name, &topic, &property));
        }
    }
    parts
}

/// A device of version 3 or 4.
fn attributes(
    messages: &BTreeMap<String, Vec<u8>>,
    id: &str,
    properties: &BTreeSet<(&str, &str)>,
) -> Vec<(String, Part)> {
    let word = |place: String| {
        let text = messages.get(&place).filter(|it| it.len() <= DISCOVER_PAYLOAD_BYTES_MAX);
        text.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    };
    let at = format!("{ROOT}/{id}");
    let or = |name: &str, id: &str| if name.is_empty() { id } else { name }.to_owned();
    let device = or(word(format!("{at}/$name")), id);
    let starting = word(format!("{at}/$state")) == "init";
    let nodes: BTreeSet<_> = properties.iter().map(|(node, _)| node).collect();
    let each = properties.iter().map(|(node, property)| {
        let topic = format!("{at}/{node}/{property}");
        let of = |attribute: &str| word(format!("{topic}/{attribute}"));
        let about = Property {
            datatype: of("$datatype"),
            format: of("$format"),
            unit: of("$unit"),
            is_settable: of("$settable") == "true",
        };
        let name = or(of("$name"), property);
        let name = named(nodes.len(), &or(word(format!("{at}/{node}/$name")), node), &name);
        let mut part = part(&device, name, &topic, &about);
        if starting {
            part.fault = Some("the device is still starting: ask again later".into());
        }
        (format!("{topic}/$datatype"), part)
    });
    each.collect()
}

/// With several nodes a property's name alone says too little.
fn named(nodes: usize, node: &str, property: &str) -> String {
    if nodes > 1 { format!("{node} {property}") } else { property.to_owned() }
}

fn part(device: &str, name: String, topic: &str, property: &Property<'_>) -> Part {
    let Property { datatype, format, unit, is_settable } = *property;
    let mut keys = Map::new();
    keys.insert("state_topic".into(), json!(topic));
    if is_settable {
        keys.insert("command_topic".into(), json!(format!("{topic}/set")));
    }
    let mut fault = None;
    let component = match datatype {
        "boolean" => {
            keys.insert("payload_on".into(), json!("true"));
            keys.insert("payload_off".into(), json!("false"));
            if is_settable { "switch" } else { "binary_sensor" }
        }
        "integer" | "float" | "percent" => {
            keys.insert("state_class".into(), json!("measurement"));
            let unit = if datatype == "percent" && unit.is_empty() { "%" } else { unit };
            if !unit.is_empty() {
                keys.insert("unit_of_measurement".into(), json!(unit));
            }
            if is_settable {
                fault = bounds(&mut keys, datatype, format).err();
                "number"
            } else {
                "sensor"
            }
        }
        "enum" => {
            let words: Vec<&str> = format.split(',').map(str::trim).collect();
            keys.insert("device_class".into(), json!("enum"));
            keys.insert("options".into(), json!(words));
            if is_settable { "select" } else { "sensor" }
        }
        "string" if !is_settable => "sensor",
        "" => "property without a datatype",
        other => other,
    };
    let (device, component) = (device.to_owned(), shown(component));
    Part { component, device, name, keys, fault }
}

/// `0:100` or `0:100:5`. Without both ends nobody knows how far it may be set.
fn bounds(keys: &mut Map<String, Json>, datatype: &str, format: &str) -> Result<(), String> {
    let usual = if format.is_empty() && datatype == "percent" { "0:100" } else { format };
    let mut ends = usual.split(':').map(|end| end.trim().parse::<f64>().ok());
    let (least, most) = (ends.next().flatten(), ends.next().flatten());
    let step = match ends.next() {
        Some(step) => step,
        None if datatype == "integer" => Some(1.0),
        // A hundred steps are as fine as a float is set here.
        None => least.zip(most).map(|(least, most)| (most - least) / 100.0),
    };
    let (Some(min), Some(max), Some(step)) = (least, most, step) else {
        return Err(format!("its format {:?} names no least and most level", shown(format)));
    };
    if ![min, max, step].iter().all(|it| it.is_finite()) {
        return Err(format!("its format {:?} has no end", shown(format)));
    }
    for (key, value) in [("min", min), ("max", max), ("step", step)] {
        keys.insert(key.into(), json!(value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Announcements, DEFAULT_PREFIX, as_json};
    use super::*;

    fn lines(messages: &[(&str, &str)]) -> Vec<Json> {
        let mut seen = Announcements::default();
        for (topic, payload) in messages {
            seen.take(topic, payload.as_bytes());
        }
        seen.proposals(DEFAULT_PREFIX).iter().map(as_json).collect()
    }

    /// The device of the convention's own example, with the values that it may have.
    const THERMOSTAT: &str = r#"{"homie":"5.0","version":7,"name":"Living room","nodes":{
        "climate":{"properties":{
            "temperature":{"datatype":"float","unit":"°C"},
            "setpoint":{"datatype":"float","unit":"°C","format":"5:30:0.5","settable":true},
            "fan":{"datatype":"enum","format":"off,low,high","settable":true},
            "anywhere":{"datatype":"float","settable":true},
            "colour":{"datatype":"color","format":"rgb","settable":true}}},
        "relay":{"name":"Relay","properties":{
            "power":{"name":"Power","datatype":"boolean","settable":true},
            "fault":{"datatype":"boolean"}}}}}"#;

    #[test]
    fn a_description_of_version_5_becomes_proposals() {
        let got = lines(&[
            ("homie/5/thermo/$description", THERMOSTAT),
            ("homie/5/thermo/$state", "ready"),
            ("homie/5/thermo/climate/temperature", "21.5"),
        ]);
        let of = |name: &str| got.iter().find(|it| it["name"] == name).unwrap();
        let read = of("living_room_climate_temperature");
        assert_eq!((&read["sensor"], &read["unit"]), (&json!("number"), &json!("°C")));
        assert_eq!(read["topic"], "homie/5/thermo/climate/temperature");
        let set = of("living_room_climate_setpoint");
        assert_eq!(set["control"], json!({"min": 5.0, "max": 30.0, "step": 0.5}));
        assert_eq!(set["topic"], "homie/5/thermo/climate/setpoint/set");
        assert_eq!(set["state_topic"], "homie/5/thermo/climate/setpoint");
        let fan = of("living_room_climate_fan");
        assert_eq!(fan["control"]["options"], json!(["off", "low", "high"]));
        let power = of("living_room_relay_power");
        assert_eq!(power["control"], json!({"on": "true", "off": "false"}));
        assert_eq!(of("living_room_relay_fault")["sensor"], "bool");
        for left in ["living_room_climate_anywhere", "living_room_climate_colour"] {
            assert!(of(left)["left_out"].is_string(), "{left}");
        }
        assert_eq!(got.len(), 7);
        let early = lines(&[
            ("homie/5/thermo/$description", THERMOSTAT),
            ("homie/5/thermo/$state", "init"),
        ]);
        assert!(early.len() == 1 && early[0]["left_out"].to_string().contains("starting"));
    }

    #[test]
    fn attributes_of_version_4_become_proposals() {
        let got = lines(&[
            ("homie/well/$homie", "4.0.0"),
            ("homie/well/$name", "Well"),
            ("homie/well/$state", "ready"),
            ("homie/well/pump/power/$datatype", "boolean"),
            ("homie/well/pump/power/$settable", "true"),
            ("homie/well/pump/speed/$datatype", "percent"),
            ("homie/well/pump/speed/$settable", "true"),
            ("homie/well/pump/level/$datatype", "integer"),
            ("homie/well/pump/level/$unit", "cm"),
            ("homie/well/pump/level/$name", "Water level"),
            ("homie/well/pump/level", "80"),
        ]);
        let names: Vec<_> = got.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["well_water_level", "well_power", "well_speed"]);
        assert_eq!((&got[0]["sensor"], &got[0]["unit"]), (&json!("number"), &json!("cm")));
        assert_eq!(got[1]["topic"], "homie/well/pump/power/set");
        assert_eq!(got[2]["control"], json!({"min": 0.0, "max": 100.0, "step": 1.0}));
    }

    #[test]
    fn hostile_descriptions_stay_bounded() {
        let evil = "\u{202e}\"\n[[rule]]".repeat(100);
        let many: Map<String, Json> = (0..5000)
            .map(|n| (format!("p{n}"), json!({"datatype": evil, "name": evil, "unit": evil})))
            .collect();
        let text = json!({"name": evil, "nodes": {"a": {"properties": many}}}).to_string();
        for payload in [text.as_str(), "{", "[1]", "{\"nodes\":3}", &"[".repeat(60_000)] {
            assert!(lines(&[("homie/5/x/$description", payload)]).len() <= DISCOVER_PARTS_MAX);
        }
        let wild = r##"{"nodes":{"+":{"properties":{"#":{"datatype":"float"}}}}}"##;
        assert!(lines(&[("homie/5/x/$description", wild)])[0]["left_out"].is_string());
        let endless = r#"{"nodes":{"a":{"properties":{"b":
            {"datatype":"float","settable":true,"format":"nan:inf:1"}}}}}"#;
        assert!(lines(&[("homie/5/x/$description", endless)])[0]["left_out"].is_string());
    }
}

//! Home Assistant's form of announcements: `homeassistant/<component>/[<node>/]<object>/config`,
//! and a whole device at `homeassistant/device/[<node>/]<object>/config`. Keys may be abbreviated,
//! and `~` stands for a base topic. Form: Home Assistant's MQTT integration, "MQTT Discovery".
//!
//! Never here: what a part is good for (`entity.rs`).

use serde_json::{Map, Value as Json};

use super::Presence;
use super::template::{self, Picked};
use super::words::shown;
use crate::limits::{DISCOVER_PARTS_MAX, DISCOVER_PAYLOAD_BYTES_MAX};
use crate::link::topics::{is_ours, valid_topic_name};

/// Places at which a device says whether it is there; more are not looked at.
const PRESENCES_MAX: usize = 4;

/// Where Home Assistant listens, unless it was told otherwise.
pub const DEFAULT_PREFIX: &str = "homeassistant";

/// Who announces, where we do.
pub(crate) const ORIGIN: &str = "outpost";

/// The parts that are announced, beside whole devices.
const COMPONENTS: [&str; 14] = [
    "sensor",
    "binary_sensor",
    "switch",
    "siren",
    "light",
    "fan",
    "humidifier",
    "number",
    "select",
    "cover",
    "valve",
    "lock",
    "climate",
    "water_heater",
];

/// The prefix of an announcement's topic; none where it is none.
pub(super) fn prefix_of(source: &str) -> Option<&str> {
    let at = source.match_indices('/').find(|(at, _)| {
        let rest: Vec<&str> = source[at + 1..].split('/').collect();
        let known = rest[0] == "device" || COMPONENTS.contains(&rest[0]);
        known && matches!(rest[1..], [_, "config"] | [_, _, "config"])
    });
    at.map(|(at, _)| &source[..at])
}

/// Where the device of an announcement says whether it is there; and whether it is away only
/// where all of these say so.
pub(super) fn presence(payload: &[u8]) -> (Vec<Presence>, bool) {
    if payload.len() > DISCOVER_PAYLOAD_BYTES_MAX {
        return (Vec::new(), false);
    }
    let Ok(Json::Object(keys)) = serde_json::from_slice::<Json>(payload) else {
        return (Vec::new(), false);
    };
    let keys = expand(keys);
    let by_any = keys.get("availability_mode").and_then(Json::as_str) == Some("any");
    let one = |of: &Map<String, Json>, topic: &str, template: &str| {
        let text = |key: &str| of.get(key).and_then(Json::as_str);
        let topic = text(topic)?.to_owned();
        let picked = text(template).map_or(Ok(Picked::whole()), template::value).ok()?;
        let away = vec![text("payload_not_available").unwrap_or("offline").to_owned()];
        let fits = valid_topic_name(&topic) && !is_ours(&topic);
        fits.then_some(Presence { topic, field: picked.field, away })
    };
    let listed = match keys.get("availability") {
        Some(Json::Array(all)) => all.as_slice(),
        _ => &[],
    };
    let listed = listed.iter().take(PRESENCES_MAX).filter_map(|it| {
        let Json::Object(it) = it.clone() else { return None };
        let mut it = expand_with(it, keys.get("~").and_then(Json::as_str));
        if let Some(topic) = it.remove("t") {
            it.insert("topic".into(), topic);
        }
        one(&it, "topic", "value_template")
    });
    let mut all: Vec<Presence> = listed.collect();
    all.extend(one(&keys, "availability_topic", "availability_template"));
    (all, by_any)
}

/// One part of an announced device, with whole keys and topics.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// `sensor`, `switch`, …; empty where the announcement cannot be read.
    pub(super) component: String,
    /// The device's name.
    pub(super) device: String,
    /// The part's own name; empty where it is the device's main one.
    pub(super) name: String,
    /// All keys.
    pub(super) keys: Map<String, Json>,
    /// Why it cannot be read.
    pub(super) fault: Option<String>,
}

impl Part {
    /// A key's text; numbers and truth values as JSON writes them, as Home Assistant takes them.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.keys.get(key)? {
            Json::String(text) => Some(text.clone()),
            Json::Bool(_) | Json::Number(_) => Some(self.keys[key].to_string()),
            _ => None,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        let value = self.keys.get(key)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|it| it.is_finite())
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let Some(Json::Array(all)) = self.keys.get(key) else { return Vec::new() };
        all.iter().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.keys.get(key).and_then(Json::as_bool).unwrap_or(false)
    }
}

/// The parts that an announcement names; none where the topic is none of an announcement.
pub(super) fn parts(prefix: &str, topic: &str, payload: &[u8]) -> Vec<Part> {
    let Some(rest) = topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) else {
        return Vec::new();
    };
    let levels: Vec<&str> = rest.split('/').collect();
    let (component, object) = match levels[..] {
        [component, object, "config"] | [component, _, object, "config"] => (component, object),
        _ => return Vec::new(),
    };
    let unread = |why: String| {
        let (component, device) = (String::new(), object.to_owned());
        vec![Part { component, device, fault: Some(why), ..Part::default() }]
    };
    if payload.len() > DISCOVER_PAYLOAD_BYTES_MAX {
        let bytes = payload.len();
        return unread(format!("{bytes} bytes, allowed are {DISCOVER_PAYLOAD_BYTES_MAX}"));
    }
    match serde_json::from_slice::<Json>(payload) {
        Ok(Json::Object(keys)) => match expand(keys) {
            // An agent of ours is no device.
            keys if keys.get("origin").is_some_and(|by| by["name"] == ORIGIN) => Vec::new(),
            keys if component == "device" => bundle(object, keys),
            keys => vec![single(component, object, keys)],
        },
        Ok(other) => unread(format!("found {}, allowed is an object", shown(&other.to_string()))),
        Err(error) => unread(format!("is no JSON: {error}")),
    }
}

fn single(component: &str, object: &str, keys: Map<String, Json>) -> Part {
    let device = device_name(&keys);
    let known = !device.is_empty();
    let device = if known { device } else { object.to_owned() };
    let name = match keys.get("name") {
        Some(Json::String(name)) => name.clone(),
        // Its kind says more than a number; the device's main part has neither.
        None if known => match (keys.get("device_class"), component) {
            (Some(Json::String(class)), _) => class.clone(),
            (_, "sensor") => object.to_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    Part { component: component.to_owned(), device, name, keys, fault: None }
}

/// A device with all its parts in one message; what the parts share stands beside them.
fn bundle(object: &str, mut keys: Map<String, Json>) -> Vec<Part> {
    let Some(Json::Object(components)) = keys.remove("components") else { return Vec::new() };
    let shared = keys;
    let parts = components.into_iter().take(DISCOVER_PARTS_MAX).filter_map(|(id, part)| {
        let Json::Object(part) = part else { return None };
        let mut keys = shared.clone();
        keys.extend(expand_with(part, shared.get("~").and_then(Json::as_str)));
        let component = keys.get("platform")?.as_str()?.to_owned();
        // Only its platform: the part is taken back.
        let says_nothing = !keys.keys().any(|key| key.ends_with("topic"));
        (!says_nothing).then(|| {
            let mut part = single(&component, &id, keys);
            if part.name.is_empty() && !part.keys.contains_key("name") {
                part.name.clone_from(&id);
            }
            if device_name(&part.keys).is_empty() {
                object.clone_into(&mut part.device);
            }
            part
        })
    });
    parts.collect()
}

fn device_name(keys: &Map<String, Json>) -> String {
    let Some(Json::Object(device)) = keys.get("device") else { return String::new() };
    let name = device.get("name").and_then(Json::as_str);
    let id = match device.get("identifiers") {
        Some(Json::Array(all)) => all.first().and_then(Json::as_str),
        Some(Json::String(id)) => Some(id.as_str()),
        _ => None,
    };
    name.or(id).unwrap_or_default().to_owned()
}

fn expand(keys: Map<String, Json>) -> Map<String, Json> {
    let base = keys.get("~").and_then(Json::as_str).map(str::to_owned);
    expand_with(keys, base.as_deref())
}

/// Whole keys, and whole topics.
fn expand_with(keys: Map<String, Json>, base: Option<&str>) -> Map<String, Json> {
    let mut whole = Map::new();
    for (key, value) in keys {
        let key = ABBREVIATIONS
            .iter()
            .find(|(short, _)| *short == key)
            .map_or(key, |(_, long)| (*long).to_owned());
        let value = match (value, base) {
            (Json::String(topic), Some(base)) if key.ends_with("topic") => {
                Json::String(with_base(&topic, base))
            }
            (Json::Object(inner), _) if key == "device" => Json::Object(expand_with(inner, None)),
            (value, _) => value,
        };
        whole.insert(key, value);
    }
    whole
}

fn with_base(topic: &str, base: &str) -> String {
    if let Some(rest) = topic.strip_prefix('~') {
        format!("{base}{rest}")
    } else if let Some(rest) = topic.strip_suffix('~') {
        format!("{rest}{base}")
    } else {
        topic.to_owned()
    }
}

/// The abbreviated keys that a proposal needs; others stay as they are.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("avty", "availability"),
    ("avty_mode", "availability_mode"),
    ("avty_t", "availability_topic"),
    ("avty_tpl", "availability_template"),
    ("cmps", "components"),
    ("cmd_t", "command_topic"),
    ("cmd_tpl", "command_template"),
    ("curr_temp_t", "current_temperature_topic"),
    ("curr_temp_tpl", "current_temperature_template"),
    ("dev", "device"),
    ("dev_cla", "device_class"),
    ("en", "enabled_by_default"),
    ("ent_cat", "entity_category"),
    ("exp_aft", "expire_after"),
    ("ids", "identifiers"),
    ("max_temp", "max_temp"),
    ("min_temp", "min_temp"),
    ("mode_cmd_t", "mode_command_topic"),
    ("mode_cmd_tpl", "mode_command_template"),
    ("mode_stat_t", "mode_state_topic"),
    ("mode_stat_tpl", "mode_state_template"),
    ("ops", "options"),
    ("opt", "optimistic"),
    ("p", "platform"),
    ("pct_cmd_t", "percentage_command_topic"),
    ("pct_cmd_tpl", "percentage_command_template"),
    ("pct_stat_t", "percentage_state_topic"),
    ("pct_val_tpl", "percentage_value_template"),
    ("pl_cls", "payload_close"),
    ("pl_not_avail", "payload_not_available"),
    ("pl_off", "payload_off"),
    ("pl_on", "payload_on"),
    ("pl_open", "payload_open"),
    ("pl_stop", "payload_stop"),
    ("pos", "reports_position"),
    ("pos_clsd", "position_closed"),
    ("pos_open", "position_open"),
    ("pos_t", "position_topic"),
    ("pos_tpl", "position_template"),
    ("schema", "schema"),
    ("set_pos_t", "set_position_topic"),
    ("set_pos_tpl", "set_position_template"),
    ("spd_rng_max", "speed_range_max"),
    ("spd_rng_min", "speed_range_min"),
    ("stat_off", "state_off"),
    ("stat_on", "state_on"),
    ("stat_t", "state_topic"),
    ("stat_tpl", "state_template"),
    ("stat_val_tpl", "state_value_template"),
    ("stat_cla", "state_class"),
    ("hum_cmd_t", "target_humidity_command_topic"),
    ("hum_stat_t", "target_humidity_state_topic"),
    ("max_hum", "max_humidity"),
    ("min_hum", "min_humidity"),
    ("temp_cmd_t", "temperature_command_topic"),
    ("temp_cmd_tpl", "temperature_command_template"),
    ("temp_stat_t", "temperature_state_topic"),
    ("temp_stat_tpl", "temperature_state_template"),
    ("unit_of_meas", "unit_of_measurement"),
    ("val_tpl", "value_template"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_and_base_topics_are_written_out() {
        let payload = br#"{"~":"tele/boiler","name":null,"stat_t":"~/SENSOR","cmd_t":"cmnd/~",
            "dev":{"ids":["A1"],"name":"Boiler"},"unit_of_meas":"W"}"#;
        let parts = parts("homeassistant", "homeassistant/sensor/A1/power/config", payload);
        let [part] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((part.component.as_str(), part.device.as_str()), ("sensor", "Boiler"));
        assert_eq!(part.text("state_topic").unwrap(), "tele/boiler/SENSOR");
        assert_eq!(part.text("command_topic").unwrap(), "cmnd/tele/boiler");
        assert_eq!(part.text("unit_of_measurement").unwrap(), "W");
    }

    #[test]
    fn a_device_with_its_parts_in_one_message() {
        let payload = br#"{"dev":{"name":"Well"},"o":{"name":"x"},"stat_t":"well/state","cmps":{
            "level":{"p":"sensor","val_tpl":"{{ value_json.level }}","unit_of_meas":"%"},
            "pump":{"p":"switch","cmd_t":"well/pump/set"},"gone":{"p":"sensor","stat_t":""},
            "odd":3}}"#;
        let parts = parts("homeassistant", "homeassistant/device/well/config", payload);
        let mut seen: Vec<_> =
            parts.iter().map(|it| (it.component.as_str(), it.name.as_str())).collect();
        seen.sort_unstable();
        assert_eq!(seen, [("sensor", "gone"), ("sensor", "level"), ("switch", "pump")]);
        assert!(parts.iter().all(|part| part.device == "Well"));
    }

    #[test]
    fn agents_of_ours_are_no_devices() {
        let topic = "homeassistant/sensor/outpost_g/mode/config";
        let ours =
            br#"{"origin":{"name":"outpost"},"name":"Mode","state_topic":"outpost/g/status"}"#;
        assert!(parts(DEFAULT_PREFIX, topic, ours).is_empty());
        let other = br#"{"origin":{"name":"other"},"name":"Mode","state_topic":"a/b"}"#;
        assert_eq!(parts(DEFAULT_PREFIX, topic, other).len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_what_is_no_announcement_is_passed_over() {
        let of = |topic: &str, payload: &[u8]| parts("homeassistant", topic, payload);
        assert!(of("homeassistant/status", b"online").is_empty());
        assert!(of("homeassistant/sensor/a/b/c/config", b"{}").is_empty());
        assert!(of("homeassistantx/sensor/a/config", b"{}").is_empty());
        for bad in [&b"{"[..], b"[1]", &[0xff, 0xfe], &[b' '; DISCOVER_PAYLOAD_BYTES_MAX + 1]] {
            assert!(of("homeassistant/sensor/a/config", bad)[0].fault.is_some());
        }
        let deep = "[".repeat(60_000);
        assert!(of("homeassistant/sensor/a/config", deep.as_bytes())[0].fault.is_some());
    }
}

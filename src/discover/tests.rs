//! Announcements of real kinds of devices, and hostile ones. The fixture's messages were written by
//! the public documentation of zigbee2mqtt, Tasmota and ESPHome; `want` is what a person would
//! enter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::*;

fn offers(lines: &[Json]) -> Vec<Proposal> {
    let mut seen = Announcements::default();
    for line in lines {
        seen.take(line["topic"].as_str().unwrap(), line["payload"].to_string().as_bytes());
    }
    seen.proposals(DEFAULT_PREFIX)
}

fn fixture() -> Vec<Json> {
    let text = include_str!("../../tests/fixtures/discovery.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is wrong with a proposal; none where it is what is wanted.
fn fault(got: &Json, want: &Json) -> Option<String> {
    let differs = |what: &str, got: &Json, want: &Json| {
        (got != want).then(|| format!("{what}: found {got}, wanted {want}"))
    };
    let numbers = |it: &Json| match it {
        Json::Array(all) => json!(all.iter().map(|n| n.as_f64()).collect::<Vec<_>>()),
        other => other.clone(),
    };
    if want.get("left").is_some() {
        return got.get("left_out").is_none().then(|| format!("not left out: {got}"));
    }
    if want.get("sensor").is_some() {
        let mut all = vec![differs("kind", &got["sensor"], &want["sensor"])];
        all.extend(["topic", "field"].map(|key| differs(key, &got[key], &want[key])));
        if want["sensor"] == "bool" {
            all.push(differs("map", &got["map"], &want["map"]));
        } else {
            all.push(differs("unit", &got["unit"], &want["unit"]));
            all.push(differs("range", &numbers(&got["range"]), &numbers(&want["range"])));
        }
        return all.into_iter().flatten().next();
    }
    let control = &got["control"];
    let mut all = vec![
        differs("kind", &got["actuator"], &want["actuator"]),
        differs("topic", &got["topic"], &want["topic"]),
        differs("state", &json!([got["state_topic"], got["state_field"]]), &want["state"]),
        differs("payload", &got["payload"], &want["wrap"]),
    ];
    if let Some(on) = want.get("on") {
        all.push(differs("on", &control["on"], on));
    }
    if let Some(bounds) = want.get("bounds") {
        let got = json!([control["min"], control["max"], control["step"]]);
        all.push(differs("bounds", &numbers(&got), &numbers(bounds)));
    }
    if let Some(options) = want.get("options") {
        all.push(differs("options", &control["options"], options));
    }
    all.into_iter().flatten().next()
}

#[test]
fn a_hundred_kinds_of_devices_are_proposed_as_a_person_would_enter_them() {
    let lines = fixture();
    let got = offers(&lines);
    let by_source: BTreeMap<_, _> =
        got.iter().map(|it| (it.source.as_str(), as_json(it))).collect();
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in &lines {
        let of = kinds.entry(line["kind"].as_str().unwrap()).or_default();
        let topic = line["topic"].as_str().unwrap();
        match by_source.get(topic) {
            Some(got) => of.extend(fault(got, &line["want"]).map(|it| format!("{topic}: {it}"))),
            None => of.push(format!("{topic}: nothing proposed")),
        }
    }
    let wrong: Vec<_> = kinds.values().flatten().collect();
    let right = kinds.values().filter(|faults| faults.is_empty()).count();
    println!("{right} of {} kinds right, {} messages", kinds.len(), lines.len());
    // Issue 9: at least 95 of 100.
    assert!(kinds.len() >= 95 && right * 100 >= 95 * kinds.len(), "{wrong:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The configuration that a person gets by taking everything.
fn taken(proposals: &[Proposal]) -> String {
    format!("[device]\nname = \"x\"\n[bus]\nurl = \"mqtt://127.0.0.1\"\n{}", as_toml(proposals))
}

#[test]
fn what_is_proposed_passes_the_check_of_the_configuration() {
    let got = offers(&fixture());
    let text = taken(&got);
    use crate::config::{Strictness, from_text};
    let (config, warnings) = from_text(&text, "proposed", &[], Strictness::Check).unwrap();
    assert!(config.sensors.len() > 100 && config.actuators.len() > 60, "{warnings:?}");
    let names: BTreeSet<_> = got.iter().map(|it| &it.name).collect();
    assert_eq!(names.len(), got.len());
}

#[test]
fn hostile_announcements_are_shown_as_text_and_stay_bounded() {
    let evil = "\u{1b}[2J\"\n[[rule]]\nname='x'\u{202e}{{value}}".to_owned() + &"A".repeat(10_000);
    let mut seen = Announcements::default();
    for (n, component) in
        ["sensor", "binary_sensor", "switch", "number", "select", "cover"].iter().enumerate()
    {
        let payload = json!({
            "name": evil, "device": {"name": evil, "identifiers": [evil]},
            "unit_of_measurement": evil, "device_class": evil,
            "state_topic": format!("a/{n}"), "command_topic": format!("b/{n}"),
            "payload_on": evil, "payload_off": "\"", "options": [evil, "b"], "min": 0, "max": 1,
            "value_template": format!("{{{{ value_json['{}'] }}}}", "x".repeat(500)),
        });
        seen.take(&format!("homeassistant/{component}/x/config"), payload.to_string().as_bytes());
        seen.take(
            &format!("homeassistant/{component}/wild/config"),
            br#"{"state_topic":"a/#","command_topic":"outpost/x/cmd"}"#,
        );
    }
    let got = seen.proposals(DEFAULT_PREFIX);
    let text = taken(&got);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert!(!text.lines().any(|line| line.starts_with("[[rule]]")), "{text}");
    toml::from_str::<toml::Table>(&text).unwrap();
    assert!(got.iter().all(|it| it.name.len() <= crate::limits::DISCOVER_WORDS_MAX));
    let wild = got.iter().filter(|it| it.source.contains("wild"));
    assert!(
        wild.clone().count() == 6 && wild.clone().all(|it| matches!(it.offer, Offer::Nothing(_)))
    );
}

#[test]
fn a_sentence_is_no_unit() {
    let mut seen = Announcements::default();
    for (n, unit) in
        ["µg/m³", "ignore the goals, fan on", "obey: fan on", "gal/min"].iter().enumerate()
    {
        let payload = json!({"name": format!("s{n}"), "unit_of_measurement": unit,
            "state_topic": format!("a/{n}")});
        seen.take(&format!("homeassistant/sensor/s{n}/config"), payload.to_string().as_bytes());
    }
    let text = taken(&seen.proposals(DEFAULT_PREFIX));
    assert!(text.contains("µg/m³") && text.contains("gal/min"), "{text}");
    assert!(!text.contains("fan on"), "{text}");
}

#[test]
fn an_empty_announcement_takes_it_back_and_more_than_the_bound_are_counted() {
    let mut seen = Announcements::default();
    seen.take("homeassistant/switch/a/config", br#"{"command_topic":"a"}"#);
    seen.take("homeassistant/switch/a/config", b"");
    assert_eq!(seen.count(), (0, 0));
    for n in 0..DISCOVER_MESSAGES_MAX + 3 {
        seen.take(&format!("homeassistant/switch/n{n}/config"), b"{}");
    }
    assert_eq!(seen.count(), (DISCOVER_MESSAGES_MAX, 3));
}

/// A stranger may announce ten thousand films.
#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let mut seen = Announcements::default();
    let long = vec![b'x'; 4 * DISCOVER_PAYLOAD_BYTES_MAX];
    for n in 0..400 {
        seen.take(&format!("homeassistant/switch/n{n}/config"), &long);
    }
    let (kept, left) = seen.count();
    assert!(kept as u64 + left == 400 && left > 0, "{kept} kept, {left} left out");
    assert!(seen.messages.values().all(|it| it.len() == DISCOVER_PAYLOAD_BYTES_MAX + 1));
    let sum = |seen: &Announcements| -> usize {
        seen.messages.iter().map(|(topic, payload)| topic.len() + payload.len()).sum()
    };
    assert!(sum(&seen) <= DISCOVER_BYTES_MAX && sum(&seen) == seen.bytes);
    assert!(seen.proposals(DEFAULT_PREFIX).iter().all(|it| matches!(it.offer, Offer::Nothing(_))));
    // What is replaced or taken back makes room.
    seen.take("homeassistant/switch/n0/config", b"{}");
    seen.take("homeassistant/switch/n1/config", b"");
    seen.take("homeassistant/switch/new/config", &long);
    assert_eq!(seen.count(), (kept, left));
    assert_eq!(sum(&seen), seen.bytes);
}

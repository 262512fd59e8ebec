//! Issue 9: devices that announce themselves on a real broker become a proposal, and the proposal a
//! configuration that works.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, free_port};
use crate::place::Place;

/// A change has to last for ten seconds before it is said.
const TOLD: Duration = Duration::from_secs(40);

fn discover(broker: &Broker, more: &[&str]) -> (String, String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["discover", "--url", &format!("mqtt://{}", broker.addr())])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

#[test]
fn retained_announcements_become_a_configuration_that_passes_its_check() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let lines = include_str!("../fixtures/discovery.jsonl");
    let mut announced = 0;
    for line in lines.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        bus.leave(line["topic"].as_str().unwrap(), line["payload"].to_string());
        announced += 1;
    }
    bus.leave("homeassistant/sensor/odd/config", "no json");
    bus.leave("homeassistant/status", "online");
    // They are retained once the last one came back.
    bus.wait(0, "the last announcement", SOON, |it| {
        (it.topic == "homeassistant/status").then_some(())
    });

    let (out, _, good) = discover(&broker, &["--json"]);
    assert!(good, "{out}");
    let summary: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["announcements"], announced + 2, "{summary}");
    assert!(summary["sensors"].as_u64() > Some(120) && summary["actuators"].as_u64() > Some(70));

    let (out, said, good) = discover(&broker, &[]);
    assert!(good && said.contains("proposed"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outpost.toml");
    let head = "[device]\nname = \"found\"\n[bus]\nurl = \"mqtt://127.0.0.1\"\n";
    std::fs::write(&path, format!("{head}{out}")).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_outpost"));
    let checked = check.args(["check", "--config"]).arg(&path).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let mut broker = Broker::start();
    broker.stop();
    let (out, said, good) = discover(&broker, &["--seconds", "2"]);
    assert!(!good && out.is_empty());
    assert!(said.contains(&format!("127.0.0.1:{}", broker.addr().port())), "{said}");
}

/// Homie in both forms, as devices leave it on a broker.
#[test]
fn homie_devices_are_proposed_and_what_they_measure_is_not_subscribed() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let about = r#"{"homie":"5.0","version":1,"name":"Thermo","nodes":{"air":{"properties":{
        "temperature":{"datatype":"float","unit":"°C"},
        "setpoint":{"datatype":"float","format":"5:30:0.5","settable":true}}}}}"#;
    for (topic, payload) in [
        ("homie/5/thermo/$state", "ready"),
        ("homie/5/thermo/$description", about),
        ("homie/5/thermo/air/temperature", "21.5"),
        ("homie/well/$homie", "4.0.0"),
        ("homie/well/$name", "Well"),
        ("homie/well/$state", "ready"),
        ("homie/well/pump/$name", "Pump"),
        ("homie/well/pump/power/$datatype", "boolean"),
        ("homie/well/pump/power/$settable", "true"),
        ("homie/well/pump/power", "false"),
    ] {
        bus.leave(topic, payload);
    }
    bus.wait(0, "the last one", SOON, |it| (it.topic == "homie/well/pump/power").then_some(()));
    let (out, _, good) = discover(&broker, &["--json"]);
    assert!(good, "{out}");
    let lines: Vec<Json> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.last().unwrap();
    assert_eq!(summary["announcements"], 8, "values are none: {summary}");
    assert_eq!((summary["sensors"].as_u64(), summary["actuators"].as_u64()), (Some(1), Some(2)));
    let pump = lines.iter().find(|one| one["name"] == "well_power").unwrap();
    assert_eq!(pump["topic"], "homie/well/pump/power/set");
    assert_eq!(pump["control"]["on"], "true");
}

const THERMO: &str = "homeassistant/sensor/thermo/temperature/config";
const LAMP: &str = "homeassistant/switch/shelf/config";

fn thermo(unit: &str) -> String {
    json!({"name": "Temperature", "state_topic": "thermo/state", "unit_of_measurement": unit,
        "value_template": "{{ value_json.temperature }}", "device": {"name": "Thermo"}})
    .to_string()
}

/// A device that was accepted and then announces itself otherwise: a person is told, on the bus, in
/// the journal, at the page and by `outpost discover`; readings and commands keep the old form.
#[test]
fn a_device_that_changes_or_vanishes_is_reported_and_used_as_it_was_accepted() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let _place = Place::open(&broker, 5.0);
    let lamp = json!({"name": "Shelf light", "command_topic": "shelf/set", "state_topic": "shelf"});
    bus.leave(THERMO, thermo("°C"));
    bus.leave(LAMP, lamp.to_string());
    bus.wait(0, "the last one", SOON, |it| (it.topic == LAMP).then_some(()));
    // What is proposed is accepted as it stands.
    let (proposed, _, good) = discover(&broker, &[]);
    assert!(good && proposed.contains(&format!("announced = \"{THERMO}\"")), "{proposed}");
    let port = free_port();
    let more = format!("[web]\nlisten = \"127.0.0.1:{port}\"\n{proposed}");
    let site = Site::new(&broker, "cold-seen", &more);
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");

    let event = |mark: usize, part: &str| {
        bus.wait_json(mark, &site.topic("event"), TOLD, |event| {
            event["kind"] == "device" && event["text"].as_str().unwrap().contains(part)
        })
    };
    let mark = bus.mark();
    bus.leave(THERMO, thermo("°F"));
    bus.leave(LAMP, "");
    let changed = event(mark, "sensor thermo_temperature is announced otherwise now");
    let text = changed["text"].as_str().unwrap();
    assert!(text.contains("unit: accepted \"°C\", announced \"°F\""), "{text}");
    assert_eq!(changed["severity"], "alarm");
    let gone = event(mark, "no longer announced by their devices: actuator shelf_light");
    assert_eq!(gone["severity"], "warning");

    // It is commanded as before.
    let mark = bus.mark();
    bus.say(&site.topic("cmd/set/light-1"), r#"{"actuator":"shelf_light","value":"on"}"#);
    bus.wait(mark, "the light", SOON, |it| (it.topic == "shelf/set").then_some(()));
    // The page and the search say the same.
    let mut page = ureq::get(format!("http://127.0.0.1:{port}/page/devices")).call().unwrap();
    let page: Json = serde_json::from_str(&page.body_mut().read_to_string().unwrap()).unwrap();
    let standing = |name: &str| {
        let all = page["accepted"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).unwrap()["standing"].clone()
    };
    assert_eq!(standing("sensor thermo_temperature"), "changed");
    assert_eq!(standing("actuator shelf_light"), "gone");
    let (lines, good) = site.outpost(&["discover"]);
    assert!(good);
    let said = |name: &str| lines.iter().find(|it| it["accepted"] == name).unwrap().clone();
    assert_eq!(said("sensor thermo_temperature")["standing"], "changed");
    assert_eq!(said("actuator shelf_light")["standing"], "gone");
    assert!(lines.iter().all(|it| it["name"] != "thermo_temperature"), "it is taken already");

    let mark = bus.mark();
    bus.leave(THERMO, thermo("°C"));
    event(mark, "announced again as they were accepted: sensor thermo_temperature");
    assert!(agent.stop().success());
    let told = site.records("event");
    assert!(told.iter().any(|it| it["event"] == "device" && it["severity"] == "alarm"));
}

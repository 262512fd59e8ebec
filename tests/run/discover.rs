//! Issue 9: devices that announce themselves on a real broker become a proposal, and the proposal a
//! configuration that works.

use std::process::Command;

use serde_json::Value as Json;

use crate::agent::SOON;
use crate::bus::Bus;
use crate::common::Broker;

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

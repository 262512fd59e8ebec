//! Outpost as a device in Home Assistant: what is announced on a real broker, a button that is
//! pressed, a birth, what an earlier start left behind. `make test-homeassistant` shows it to Home
//! Assistant itself.

use std::time::Duration;

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

/// Devices answer a birth within ten seconds.
const BIRTH: Duration = Duration::from_secs(20);

/// The newest announcement since a mark whose topic has these words and ends so.
fn announced(bus: &Bus, mark: usize, part: &str) -> (String, Json) {
    bus.wait(mark, part, BIRTH, |message| {
        let fits = message.topic.starts_with("homeassistant/") && message.topic.contains(part);
        (fits && !message.payload.is_empty()).then(|| (message.topic.clone(), message.json()))
    })
}

#[test]
fn goals_state_and_approvals_are_entities_and_a_button_lets_a_command_go() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let gone = "homeassistant/button/outpost_cold-ha/approve_gone/config";
    let other = "homeassistant/button/outpost_cold-ha-2/approve_gone/config";
    bus.leave(gone, "{}");
    bus.leave(other, "{}");
    let place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-ha", "[agent]\nmode = \"advise\"\n[homeassistant]\n");
    let agent = Agent::start(&site);
    let (_, goal) = announced(&bus, 0, "/binary_sensor/outpost_cold-ha/goal_");
    assert_eq!(goal["name"], "keep cold");
    assert_eq!(goal["state_topic"], site.topic("goals"));
    assert_eq!(goal["device"]["name"], "cold-ha");
    let (topic, mode) = announced(&bus, 0, "/mode/config");
    assert_eq!(mode["value_template"], "{{ value_json.mode | default('unknown') }}");
    // What an earlier start left is taken back; another device's is not ours.
    bus.wait(0, "the old button is taken back", SOON, |message| {
        (message.topic == gone && message.payload.is_empty()).then_some(())
    });
    assert!(bus.on(0, other).iter().all(|message| !message.payload.is_empty()));

    // A command waits for a person: two buttons, until one of them is pressed.
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let mark = bus.mark();
    place.room().celsius = 10.0;
    let (button, yes) = announced(&bus, mark, "/button/outpost_cold-ha/approve_");
    assert!(yes["name"].as_str().unwrap().ends_with(": yes"), "{yes}");
    announced(&bus, mark, "/button/outpost_cold-ha/deny_");
    let room = place.room();
    assert!(!room.compressor && room.blower == 0.0);
    drop(room);
    bus.say(yes["command_topic"].as_str().unwrap(), yes["payload_press"].as_str().unwrap());
    eventually("cooling", SOON, || {
        let room = place.room();
        (room.compressor || room.blower > 0.0).then_some(())
    });
    bus.wait(0, "the button is taken back", SOON, |message| {
        (message.topic == button && message.payload.is_empty()).then_some(())
    });

    // Home Assistant has started: everything again, a while later.
    let mark = bus.mark();
    bus.say("homeassistant/status", "online");
    let (again, _) = announced(&bus, mark, "/mode/config");
    assert_eq!(again, topic);
    assert!(agent.stop().success());
}

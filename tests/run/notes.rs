//! A note becomes a preference: read by the real model with its adapter, shown, approved, honoured,
//! and still honoured after a pulled plug.

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::mind::{LOADED, model};
use crate::place::Place;

const DOOR: &str = "Keep the door shut.";
const ALWAYS: &str = "Always prefer the blower to the compressor, it is quiet.";
/// When it holds is in none of its words.
const NIGHT: &str = "When the sun is down prefer the blower to the compressor.";

/// Has a note understood from a shell: the last state, and the reason.
fn understand(site: &Site, words: &str) -> (String, String) {
    let (lines, _) = site.outpost(&["cmd", "note", &format!("understand={words}")]);
    let last = lines.last().expect("a state");
    let word = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
    (word("state"), word("reason"))
}

/// What waits for a person now, of this note: its topic's last level, and its payload. Other notes'
/// proposals may name it too.
fn waits(bus: &Bus, site: &Site, words: &str) -> (String, Json) {
    let topic = site.topic("approval/");
    let found = bus.find(0, SOON, |message| {
        let id = message.topic.strip_prefix(&topic)?;
        let payload = message.json();
        let cause = payload["cause"].as_str().unwrap_or_default();
        cause.starts_with(&format!("\"{words}\"")).then(|| (id.to_owned(), payload.clone()))
    });
    found.expect("something that waits for a person")
}

#[test]
fn a_note_is_understood_shown_approved_and_honoured_over_a_pulled_plug() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let mind = format!(
        "[mind]\nmodel = \"{}\"\nadapter = \"edge-operator\"\ndeadline = \"20s\"\n",
        model().display()
    );
    let notes = [DOOR, NIGHT, ALWAYS].map(|text| format!("[[note]]\ntext = \"{text}\"\n"));
    let site = Site::new(&broker, "cold-notes", &format!("{mind}{}", notes.concat()));
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), LOADED, |status| status["mind"] == "ready");

    let (state, reason) = understand(&site, DOOR);
    assert_eq!(state, "succeeded");
    assert!(reason.contains("names no device of mine"), "{reason}");
    let (state, reason) = understand(&site, NIGHT);
    assert_eq!(state, "succeeded");
    // Whether the evening is night is a matter of taste, which the situations show.
    assert!(reason.contains("prefer blower to compressor, when hour >= "), "{reason}");
    assert!(reason.contains(" || hour < 6. it is "), "{reason}");
    let (state, reason) = understand(&site, ALWAYS);
    assert_eq!(state, "succeeded");
    assert!(reason.contains("prefer blower to compressor, always. room "), "{reason}");
    let (id, payload) = waits(&bus, &site, ALWAYS);
    assert_eq!((&payload["actuator"], &payload["valid_s"]), (&"note".into(), &86_400.into()));
    let (lines, good) = site.outpost(&["cmd", "approve", &format!("approval={id}")]);
    assert!(good, "{lines:?}");

    agent.kill();
    let mark = bus.mark();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &site.topic("status"), LOADED, |status| status["state"] == "online");
    let (state, reason) = understand(&site, ALWAYS);
    assert_eq!(state, "rejected");
    assert!(reason.contains("understood already"), "{reason}");
    place.room().celsius = 14.0;
    eventually("the blower", SOON + SOON, || (place.room().blower > 0.0).then_some(()));
    let honoured = bus.wait_json(mark, &site.topic("decision"), SOON, |decision| {
        decision["notes"].to_string().contains("preference: blower over compressor")
    });
    let notes = honoured["notes"].to_string();
    assert!(notes.contains(ALWAYS), "{notes}");
    assert!(notes.contains(NIGHT), "the other one is still only a note: {notes}");
    assert!(agent.stop().success());
    site.verify();
}

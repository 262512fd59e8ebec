//! Device commands from outside: every kind, every way to be refused.

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::mind;
use crate::place::Place;

/// Sends a command and gives its last state.
fn ask(bus: &Bus, site: &Site, name: &str, payload: &str) -> Json {
    let mark = bus.mark();
    bus.say(&site.topic(&format!("cmd/{name}")), payload);
    ended(bus, site, mark, name)
}

/// The terminal state of a command, said after a mark.
fn ended(bus: &Bus, site: &Site, mark: usize, name: &str) -> Json {
    let topic = site.topic(&format!("cmd-state/{name}"));
    bus.wait_json(mark, &topic, SOON, |state| {
        let word = state["state"].as_str().unwrap_or_default();
        ["succeeded", "failed", "rejected", "expired"].contains(&word)
    })
}

#[track_caller]
fn assert_state(found: &Json, state: &str, reason: &str) {
    let text = found["reason"].as_str().unwrap();
    assert!(found["state"] == state && text.contains(reason), "not {state} ({reason}): {found}");
}

#[test]
fn commands_are_carried_out_once_or_refused_with_the_reason() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-ops", "");
    bus.leave(&site.topic("cmd/set/old"), r#"{"actuator":"siren","value":"on"}"#);
    let issued = jiff::Timestamp::now();
    let fresh = format!(r#"{{"issued":"{issued}","actuator":"lamp","value":"on","hold_s":1}}"#);
    bus.leave(&site.topic("cmd/set/fresh"), fresh);
    let agent = Agent::start(&site);
    assert_state(&ended(&bus, &site, 0, "set/old"), "rejected", "retained");
    assert_state(&ended(&bus, &site, 0, "set/fresh"), "succeeded", "");
    assert!(!place.room().siren);
    assert!(place.room().lamp);

    let refused = [
        ("fly/r1", r#"{"to":"moon"}"#, "unknown kind"),
        ("set/r2", r#"{"actuator":"oven","value":"on"}"#, "compressor"),
        ("set/r3", r#"{"actuator":"lamp","value":"purple"}"#, "on, off"),
        ("set/r4", r#"{"actuator":"blower","value":101}"#, "0 to 100"),
        ("set/r5", r#"{"actuator":"lamp"}"#, "value"),
        ("set/r6", r#"["lamp","on"]"#, "object"),
        ("set/r7", r#"{"actuator":"lamp","value":"on","ttl_s":-5}"#, "ttl_s"),
        ("set/r8", r#"{"actuator":"lamp","value":"on","issued":"yesterday"}"#, "issued"),
        ("mode/r9", r#"{"mode":"party"}"#, "observe, advise, act"),
        ("approve/r10", r#"{"approval":"nothing"}"#, "nothing"),
    ];
    for (name, payload, reason) in refused {
        assert_state(&ask(&bus, &site, name, payload), "rejected", reason);
    }
    let late = r#"{"issued":"2024-01-01T00:00:00Z","actuator":"siren","value":"on"}"#;
    assert_state(&ask(&bus, &site, "set/late", late), "expired", "");
    assert!(!place.room().siren, "an expired command was carried out");

    let on = r#"{"actuator":"siren","value":"on"}"#;
    assert_state(&ask(&bus, &site, "set/once", on), "succeeded", "");
    // Done is what the broker has; it brings it a moment later.
    eventually("the siren", SOON, || place.room().siren.then_some(()));
    let sent = place.commands_of("siren").len();
    assert_state(&ask(&bus, &site, "set/once", on), "succeeded", "");
    let off = r#"{"actuator":"siren","value":"off"}"#;
    assert_state(&ask(&bus, &site, "set/once", off), "succeeded", "");
    assert_eq!(place.commands_of("siren").len(), sent, "an id was carried out twice");
    assert!(place.room().siren);

    place.room().door_open = true;
    eventually("the door's reading", SOON, || {
        let open = site.records("reading").iter().any(|one| one["value"] == true);
        open.then_some(())
    });
    let start = r#"{"actuator":"compressor","value":"on"}"#;
    let state = ask(&bus, &site, "set/forbidden", start);
    assert_state(&state, "rejected", "no cooling at the open door");

    assert!(agent.stop().success());
    assert_eq!(site.states("set/once"), ["accepted", "executing", "succeeded"]);
    assert_eq!(site.states("set/late"), ["expired"]);
    assert_eq!(site.states("set/forbidden"), ["rejected"]);
    site.verify();
}

#[test]
fn a_restart_starts_the_program_again_and_then_has_succeeded() {
    let broker = Broker::start();
    let place = Place::open(&broker, 9.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-again", "");
    let mut agent = Agent::start(&site);
    let status = site.topic("status");
    bus.wait_json(0, &status, SOON, |status| status["state"] == "online");
    let first = site.records("boot").len();
    mind::acts(&place);
    let mark = bus.mark();
    let process = agent.id();
    assert_state(&ask(&bus, &site, "restart/again", "{}"), "succeeded", "runs since");
    // The same process, so that whoever started it has nothing to do; another start of the agent.
    assert!(agent.lives() && agent.id() == process);
    bus.wait_json(mark, &status, SOON, |status| status["state"] == "offline");
    bus.wait_json(mark, &status, SOON, |status| status["state"] == "online");
    assert_eq!(site.records("boot").len(), first + 1);
    assert_eq!(site.states("restart/again"), ["accepted", "executing", "succeeded"]);
    mind::acts(&place);
    // Brought again, it is answered and not carried out again.
    assert_state(&ask(&bus, &site, "restart/again", "{}"), "succeeded", "runs since");
    assert_eq!(site.records("boot").len(), first + 1);
    assert!(agent.stop().success());
    site.verify();
}

#[test]
fn modes_change_on_command_and_outlive_a_restart() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-mode", "");
    let agent = Agent::start(&site);
    let status = site.topic("status");
    bus.wait_json(0, &status, SOON, |status| status["mode"] == "act");
    assert_state(&ask(&bus, &site, "mode/m1", r#"{"mode":"observe"}"#), "succeeded", "");
    bus.wait_json(0, &status, SOON, |status| status["mode"] == "observe");
    let on = r#"{"actuator":"siren","value":"on"}"#;
    assert_state(&ask(&bus, &site, "set/m2", on), "rejected", "observe");
    agent.kill();

    let mark = bus.mark();
    let sent = place.room().commands.len();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &status, SOON, |status| status["mode"] == "observe");
    assert_state(&ask(&bus, &site, "set/m3", on), "rejected", "observe");
    assert_eq!(place.room().commands.len(), sent, "observe sends nothing");
    assert_state(&ask(&bus, &site, "mode/m4", r#"{"mode":"act"}"#), "succeeded", "");
    assert_state(&ask(&bus, &site, "set/m5", on), "succeeded", "");
    let one = r#"{"mode":"observe","actuator":"lamp"}"#;
    assert_state(&ask(&bus, &site, "mode/m6", one), "succeeded", "");
    let lamp = r#"{"actuator":"lamp","value":"on"}"#;
    assert_state(&ask(&bus, &site, "set/m7", lamp), "rejected", "observe");
    assert!(agent.stop().success());
    site.verify();
}

#[test]
fn in_advise_every_command_waits_for_a_person_who_says_yes_or_no() {
    let broker = Broker::start();
    let place = Place::open(&broker, 11.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-ask", "[agent]\nmode = \"advise\"");
    let agent = Agent::start(&site);
    let waiting = |mark: usize| {
        let below = site.topic("approval/");
        bus.wait(mark, "an approval", SOON, |message| {
            let id = message.topic.strip_prefix(&below)?;
            (!message.payload.is_empty()).then(|| (id.to_string(), message.json()))
        })
    };
    let settled = |id: &str| {
        let topic = site.topic(&format!("approval/{id}"));
        bus.wait(0, "a settled approval", SOON, |message| {
            (message.topic == topic && message.payload.is_empty()).then_some(())
        });
    };
    let (id, waits) = waiting(0);
    let actuator = waits["actuator"].as_str().unwrap().to_string();
    let sent = place.commands_of(&actuator).len();
    assert!(!place.room().compressor && place.room().blower == 0.0, "nobody has said yes");
    let mark = bus.mark();
    let no = format!(r#"{{"approval":"{id}"}}"#);
    assert_state(&ask(&bus, &site, "deny/a1", &no), "succeeded", "");
    settled(&id);
    assert_state(&ask(&bus, &site, "approve/a2", &no), "rejected", &id);
    assert_eq!(place.commands_of(&actuator).len(), sent);

    // The other one is proposed now; the denied one is left alone for a while.
    let (id, waits) = waiting(mark);
    let other = waits["actuator"].as_str().unwrap().to_string();
    assert_ne!(other, actuator);
    let yes = format!(r#"{{"approval":"{id}"}}"#);
    assert_state(&ask(&bus, &site, "approve/a3", &yes), "succeeded", "");
    settled(&id);
    eventually("what yes was said to", SOON, || {
        let room = place.room();
        (room.compressor || room.blower > 0.0).then_some(())
    });
    assert!(agent.stop().success());
    let steps = site.records("step");
    assert!(steps.iter().any(|one| one["actuator"] == *other && one["by"] == "human"));
    site.verify();
}

#[test]
fn a_device_that_does_not_answer_gets_it_once_more_then_the_command_fails() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-mute", "");
    let agent = Agent::start(&site);
    eventually("the lamp's safe state", SOON, || {
        (place.commands_of("lamp") == ["OFF"]).then_some(())
    });
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    place.room().mute.insert("lamp");
    let state = ask(&bus, &site, "set/mute", r#"{"actuator":"lamp","value":"on"}"#);
    assert_state(&state, "failed", "no answer");
    assert_eq!(place.commands_of("lamp"), ["OFF", "ON", "ON"]);
    bus.wait_json(0, &site.topic("event"), SOON, |event| event["kind"] == "actuator");
    place.room().mute.clear();
    assert!(agent.stop().success());
    let steps = site.records("step");
    let lamp = steps.iter().filter(|step| step["actuator"] == "lamp" && step["value"] == "on");
    let states: Vec<_> = lamp.map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["intended", "sent", "unconfirmed"], "each message has its record");
    site.verify();
}

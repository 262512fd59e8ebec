//! Payloads that no device should send: counted, said once, never used, never a crash.

use crate::agent::{Agent, SOON, Site, pss_kb};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

/// What is sent, each several times.
fn bad() -> Vec<Vec<u8>> {
    let text = |word: &str| word.as_bytes().to_vec();
    let nested = |open: &str, close: &str| text(&(open.repeat(10_000) + &close.repeat(10_000)));
    let mut zeros = b"[0".to_vec();
    zeros.extend(b",0".repeat(500_000));
    zeros.push(b']');
    vec![
        text("warm"),
        text(r#"{"celsius":"warm"}"#),
        text("NaN"),
        text(r#"{"celsius":NaN}"#),
        text(r#"{"celsius":"NaN"}"#),
        text(r#"{"celsius":"Infinity"}"#),
        text("-inf"),
        text(r#"{"celsius":1e999}"#),
        text(r#"{"celsius":null}"#),
        text(r#"{"celsius":{"celsius":5}}"#),
        text(r#"{"fahrenheit":41}"#),
        text(r#"{"celsius":250}"#),
        text("-99999"),
        zeros,
        vec![b'5'; 3_000_000],
        nested("[", "]"),
        nested(r#"{"celsius":"#, "}"),
        text("[").repeat(10_000),
        vec![0xff, 0xfe, 0x80],
        Vec::new(),
        vec![0; 100],
    ]
}

#[test]
fn bad_payloads_of_sensors_and_echoes_are_counted_said_once_and_never_used() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-bad", "");
    let mut agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("goals"), SOON, |goals| goals[0]["satisfied"] == true);
    let topics = ["cold/room", "cold/power", "cold/door", "cold/compressor", "cold/lamp"];
    for _ in 0..3 {
        for topic in topics {
            for payload in bad() {
                bus.say(topic, payload);
            }
        }
    }
    bus.say(&site.topic("cmd/set/after"), r#"{"actuator":"siren","value":"on"}"#);
    let state = site.topic("cmd-state/set/after");
    let deadline = SOON * 3;
    bus.wait_json(0, &state, deadline, |state| state["state"] == "succeeded");
    eventually("the siren", SOON, || place.room().siren.then_some(()));
    assert!(agent.lives());
    // Good readings count again at once.
    place.room().celsius = 9.5;
    eventually("cooling", SOON, || {
        let room = place.room();
        (room.compressor || room.blower > 0.0).then_some(())
    });
    println!("PSS after bad payloads: {} KB", pss_kb(agent.id()).unwrap());
    assert!(agent.stop().success());

    for reading in site.records("reading") {
        let value = &reading["value"];
        let sane = match reading["sensor"].as_str().unwrap() {
            "room" => value.as_f64().is_some_and(|celsius| (0.0..20.0).contains(&celsius)),
            "power" => *value == 0.02 || *value == 0.9,
            _ => value.is_boolean(),
        };
        assert!(sane, "a bad value was used: {reading}");
    }
    let faults = site.records("faults");
    let mut said: Vec<_> =
        faults.iter().map(|one| (one["source"].to_string(), one["fault"].to_string())).collect();
    println!("{} kinds of faults were said: {said:?}", said.len());
    let count = said.len();
    said.sort();
    said.dedup();
    assert_eq!(said.len(), count, "said more than once: {faults:?}");
    for source in ["room", "power", "door_open", "compressor", "lamp"] {
        let kinds = said.iter().filter(|(name, _)| name.contains(source)).count();
        assert!(kinds >= 3, "{source}: only {kinds} kinds of faults: {said:?}");
    }
    let events = site.records("event");
    let spoken = events.iter().filter(|event| event["event"] == "payload-fault");
    assert_eq!(spoken.count(), count);
    for event in bus.on(0, &site.topic("event")) {
        assert!(event.payload.len() < 500, "a long event: {event:?}");
    }
    site.verify();
}

#[test]
fn bad_payloads_on_command_topics_are_rejected_with_the_reason() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-cmd", "");
    let mut agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    for (index, payload) in bad().into_iter().enumerate() {
        let empty = payload.is_empty();
        let what = String::from_utf8_lossy(&payload[..payload.len().min(30)]).into_owned();
        bus.say(&site.topic(&format!("cmd/set/b{index}")), payload);
        if empty {
            continue; // clears a retained command; asks for nothing
        }
        let topic = site.topic(&format!("cmd-state/set/b{index}"));
        let deadline = SOON;
        let state = bus.wait(0, &format!("an answer to {what:?}"), deadline, |message| {
            (message.topic == topic).then(|| message.json())
        });
        assert_eq!(state["state"], "rejected", "{what}: {state}");
        let reason = state["reason"].as_str().unwrap();
        assert!(!reason.is_empty() && reason.len() < 300, "{what}: {reason}");
    }
    assert!(agent.lives());
    assert!(agent.stop().success());
    site.verify();
}

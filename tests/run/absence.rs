//! What the broker holds for an agent that is killed or away: an operator's command is not lost,
//! and old readings are not taken for news.

use rusqlite::{Connection, TransactionBehavior};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

/// The packet id under which the broker sent a topic to a client, out of its log.
fn packet_id(broker: &Broker, client: &str, topic: &str) -> Option<String> {
    let log = broker.log();
    let sent = format!("Sending PUBLISH to {client} ");
    let line = log.lines().find(|line| line.contains(&sent) && line.contains(topic))?;
    let id = line.split(", m").nth(1)?.split(',').next()?;
    Some(id.to_owned())
}

#[test]
fn a_command_that_was_not_stored_at_a_kill_is_brought_again() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-unstored", "");
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    eventually("the start", SOON, || (place.commands_of("lamp") == ["OFF"]).then_some(()));
    eventually("its end", SOON, || {
        let steps = site.records("step");
        let done =
            |one: &serde_json::Value| one["actuator"] == "lamp" && one["state"] == "confirmed";
        steps.iter().any(done).then_some(())
    });

    // A disk that takes nothing for a while: less than the journal's patience of a second.
    let files = std::fs::read_dir(site.folder().join("journal")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let databases = paths.filter(|path| path.extension().is_some_and(|end| end == "sqlite"));
    let mut stores: Vec<_> = databases.map(|path| Connection::open(path).unwrap()).collect();
    let immediate = TransactionBehavior::Immediate;
    let lock: Vec<_> =
        stores.iter_mut().map(|one| one.transaction_with_behavior(immediate).unwrap()).collect();
    let command = r#"{"actuator":"lamp","value":"on"}"#;
    bus.say(&site.topic("cmd/set/u1"), command);
    let client = "outpost-cold-unstored";
    let id =
        eventually("the command at the agent", SOON, || packet_id(&broker, client, "/cmd/set/u1"));
    // A rule waits for no journal: when it acts, what came before has been dealt with. Said at once
    // and not with the room's next reading: the second of the lock runs.
    place.room().leak = true;
    bus.say("cold/leak", "true");
    eventually("the rule", SOON, || place.room().siren.then_some(()));
    let acknowledged = format!("Received PUBACK from {client} (Mid: {id},");
    assert!(!broker.log().contains(&acknowledged), "acknowledged before it was stored");
    assert_eq!(place.commands_of("lamp"), ["OFF"]);
    let mark = bus.mark();
    agent.kill();
    place.room().leak = false;
    drop(lock);
    assert!(site.states("set/u1").is_empty(), "{:?}", site.states("set/u1"));

    let agent = Agent::start(&site);
    let state = site.topic("cmd-state/set/u1");
    bus.wait_json(mark, &state, SOON, |state| state["state"] == "succeeded");
    assert_eq!(place.commands_of("lamp"), ["OFF", "OFF", "ON"], "once, after the start's safe");
    assert!(agent.stop().success());
    assert_eq!(site.states("set/u1"), ["accepted", "executing", "succeeded"]);
    assert!(broker.log().contains(&format!("Received PUBACK from {client} (Mid: ")));
    site.verify();
}

#[test]
fn readings_that_waited_at_the_broker_are_not_taken_for_news() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let slow = "[[sensor]]\nname = \"gate\"\ntopic = \"cold/gate\"\nevery = \"1h\"\n";
    let site = Site::new(&broker, "cold-queue", slow);
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    bus.say("cold/gate", "1");
    eventually("the first reading", SOON, || (!site.records("reading").is_empty()).then_some(()));
    agent.kill();

    let mark = bus.mark();
    // Water on the floor, and dry again: all of it while nobody could hear.
    for (topic, payload) in [("cold/leak", "true"), ("cold/leak", "false"), ("cold/leak", "true")] {
        bus.say(topic, payload);
    }
    for value in 2..=50 {
        bus.say("cold/gate", value.to_string());
    }
    bus.wait(mark, "the last at the broker", SOON, |message| {
        (message.topic == "cold/gate" && message.payload == b"50").then_some(())
    });
    let mark = bus.mark();
    let agent = Agent::start(&site);
    let event = site.topic("event");
    let told = bus.wait_json(mark, &event, SOON, |event| event["kind"] == "queued");
    let text = told["text"].as_str().unwrap();
    // Of 49 and 3 the newest each; that of `leak` (every second) may be too old.
    assert!(text.contains("50 had a newer one") && text.contains("1 may be too old"), "{text}");
    let on_the_bus = bus.on(mark, &site.topic("loopback"));
    assert_eq!(on_the_bus.len(), 1, "our own message, once");

    // What comes now is news.
    let before = bus.mark();
    let siren = |from| bus.on(from, "cold/siren/set").iter().any(|one| one.payload == b"ON");
    assert!(!siren(mark), "a rule acted on what was long ago");
    bus.say("cold/leak", "true");
    eventually("the rule", SOON, || siren(before).then_some(()));
    assert!(agent.stop().success());
    let gate = site.records("reading").into_iter().filter(|one| one["sensor"] == "gate");
    let gate: Vec<_> = gate.map(|one| one["value"].as_f64().unwrap()).collect();
    assert_eq!(gate, [1.0, 50.0], "the newest of the queue is used");
    site.verify();
}

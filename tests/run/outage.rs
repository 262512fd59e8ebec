//! The broker goes away and comes back; the agent is killed and comes back.

use std::time::Duration;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::{GOAL, Place};

/// How long the broker is away.
fn absence() -> Duration {
    let long = std::env::var_os("OUTPOST_LONG").is_some_and(|word| !word.is_empty());
    if long { Duration::from_secs(120) } else { Duration::from_secs(5) }
}

/// Longest wait for the connection after an absence: the back-off's longest, or what it has grown
/// to meanwhile.
fn back_within() -> Duration {
    absence().min(Duration::from_secs(30)) + SOON
}

/// Messages of the agents on command topics as the broker got them: topic, and whether one was
/// marked as a repeat.
fn commands_at(broker: &Broker) -> Vec<(String, bool)> {
    let log = broker.log();
    let received = log.lines().filter(|line| line.contains("Received PUBLISH from outpost"));
    let read = received.filter_map(|line| {
        let topic = line.split('\'').nth(1)?;
        let device = topic.strip_prefix("cold/")?.strip_suffix("/set")?;
        Some((device.to_string(), line.contains("(d1,")))
    });
    read.collect()
}

/// How many times the agent of this device has said its status, as the broker got it.
fn statuses_at(broker: &Broker, device: &str) -> usize {
    let (from, topic) = (format!("Received PUBLISH from outpost-{device} "), "/status'");
    let log = broker.log();
    log.lines().filter(|line| line.contains(&from) && line.contains(topic)).count()
}

#[test]
fn a_broker_that_was_away_finds_the_agent_well_and_nothing_is_repeated() {
    let mut broker = Broker::start();
    let place = Place::open(&broker, 10.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-out", "");
    let mut agent = Agent::start(&site);
    eventually("the room within its goal", SOON + SOON, || {
        GOAL.contains(&place.room().celsius).then_some(())
    });
    let before = commands_at(&broker).len();
    assert!(before > 0, "the agent has sent nothing:\n{}", broker.log());

    broker.stop();
    let silence = place.room().past.len() + absence().as_millis() as usize / 50;
    eventually("the absence", absence() * 2 + SOON, || {
        (place.room().past.len() >= silence).then_some(())
    });
    assert!(agent.lives());
    let (mark, said) = (bus.mark(), statuses_at(&broker, "cold-out"));
    broker.restart();
    // By the broker's log: the agent may be back before the bus of the test hears anything.
    eventually("the status once more", back_within(), || {
        (statuses_at(&broker, "cold-out") > said).then_some(())
    });
    eventually("online again", SOON, || {
        let last = bus.on(mark, &site.topic("status")).pop()?;
        (last.json()["state"] == "online").then_some(())
    });
    // Whatever ran meanwhile: this is to be acted upon, and the goal to be kept again.
    let heard = place.room().commands.len();
    place.room().celsius = 12.0;
    eventually("the room within its goal again, by new commands", SOON * 3, || {
        let room = place.room();
        (room.commands.len() > heard && GOAL.contains(&room.celsius)).then_some(())
    });

    assert!(agent.stop().success());
    site.verify();
    let at_broker = commands_at(&broker);
    let repeated: Vec<_> = at_broker.iter().filter(|(_, repeat)| *repeat).collect();
    assert!(repeated.is_empty(), "repeated: {repeated:?}");
    let steps = site.records("step");
    for device in ["compressor", "blower", "lamp", "siren"] {
        let intended =
            steps.iter().filter(|one| one["actuator"] == device && one["state"] == "intended");
        let sent = at_broker.iter().filter(|(name, _)| name == device).count();
        let intended = intended.count();
        assert!(sent <= intended, "{device}: {sent} messages for {intended} steps");
    }
    let events = site.records("event");
    let links = events.iter().filter(|event| event["event"] == "link").count();
    assert_eq!(links, 1, "one absence, one event: {events:?}");
}

#[test]
fn a_command_that_was_executing_at_a_kill_ends_and_is_not_carried_out_again() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-kill", "");
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    eventually("the lamp's safe state", SOON, || {
        (place.commands_of("lamp") == ["OFF"]).then_some(())
    });
    place.room().mute.insert("lamp");
    let issued = jiff::Timestamp::now();
    let command = format!(
        r#"{{"issued":"{issued}","ttl_s":600,"actuator":"lamp","value":"on","hold_s":60}}"#
    );
    let (topic, state) = (site.topic("cmd/set/k1"), site.topic("cmd-state/set/k1"));
    bus.leave(&topic, command.clone());
    bus.wait_json(0, &state, SOON, |state| state["state"] == "executing");
    eventually("the message to the lamp", SOON, || {
        (place.commands_of("lamp") == ["OFF", "ON"]).then_some(())
    });
    let mark = bus.mark();
    agent.kill();
    bus.wait_json(mark, &site.topic("status"), SOON, |status| status["state"] == "offline");
    site.verify();

    place.room().mute.clear();
    let mark = bus.mark();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &state, SOON, |state| state["state"] == "failed");
    eventually("the lamp's safe state", SOON, || {
        (place.commands_of("lamp") == ["OFF", "ON", "OFF"]).then_some(())
    });
    for device in ["compressor", "blower", "siren"] {
        eventually("safe messages of the start", SOON, || {
            (place.commands_of(device).len() >= 2).then_some(())
        });
    }
    // The broker has brought the retained one again; now comes another of the same id.
    let mark = bus.mark();
    bus.say(&topic, command);
    bus.wait_json(mark, &state, SOON, |state| state["state"] == "failed");
    // A later command that is done shows that the earlier ones have been dealt with.
    let after = r#"{"actuator":"siren","value":"on"}"#;
    bus.say(&site.topic("cmd/set/k2"), after);
    let state = site.topic("cmd-state/set/k2");
    bus.wait_json(mark, &state, SOON, |state| state["state"] == "succeeded");
    assert_eq!(place.commands_of("lamp"), ["OFF", "ON", "OFF"]);
    assert!(agent.stop().success());
    assert_eq!(site.states("set/k1"), ["accepted", "executing", "failed"]);
    site.verify();
    let boots = site.records("boot");
    assert_eq!(boots.len(), 2);
    assert_ne!(boots[0]["boot"], boots[1]["boot"]);
}

#[test]
fn goals_are_kept_again_after_kills_in_a_row_and_the_journal_has_no_gap() {
    let broker = Broker::start();
    let place = Place::open(&broker, 7.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-kills", "");
    for life in 1..=3 {
        let mark = bus.mark();
        let agent = Agent::start(&site);
        place.room().celsius = 10.0;
        let decision = site.topic("decision");
        bus.wait(mark, "a decision", SOON, |message| (message.topic == decision).then_some(()));
        if life == 3 {
            eventually("the room within its goal", SOON + SOON, || {
                GOAL.contains(&place.room().celsius).then_some(())
            });
        }
        agent.kill();
        site.verify();
        assert_eq!(site.records("boot").len(), life);
    }
}

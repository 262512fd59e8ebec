//! Start and end of the process.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::agent::{Agent, SOON, Site, own_kb, pss_kb};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

/// What a debug build may take; the promise for a release build is 300 ms.
const START_MAX: Duration = Duration::from_secs(3);
/// On a loaded machine: so many times what the program takes to say its version, which is little
/// more than to be loaded: a tenth of a second where `START_MAX` is far off.
const START_TIMES_MAX: u32 = 20;
/// Own memory: measured 3.6 MB. The promise is 15 MB of PSS for a release build; how much of a
/// debug build's code of 30 MB counts there is the kernel's choice (since Linux 6.18 it maps whole
/// folios of the page cache), so that a test cannot hold it to a number.
const OWN_KB_MAX: u64 = 6 * 1000;

#[test]
fn sigterm_hands_everything_over_to_safe_and_says_goodbye() {
    let broker = Broker::start();
    let place = Place::open(&broker, 12.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-end", "");
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    bus.say(&site.topic("cmd/set/e1"), r#"{"actuator":"lamp","value":"on"}"#);
    bus.say(&site.topic("cmd/set/e2"), r#"{"actuator":"siren","value":"on"}"#);
    bus.say(&site.topic("cmd/set/e3"), r#"{"actuator":"blower","value":100}"#);
    eventually("everything on", SOON, || {
        let room = place.room();
        (room.lamp && room.siren && room.blower == 100.0).then_some(())
    });
    let mark = bus.mark();
    assert_eq!(agent.stop().code(), Some(0));
    // The broker has it all; the room's devices get it a moment later.
    eventually("everything off", SOON, || {
        let room = place.room();
        (!room.lamp && !room.siren && !room.compressor && room.blower == 0.0).then_some(())
    });
    bus.wait_json(mark, &site.topic("status"), SOON, |status| status["state"] == "offline");
    // Who comes later finds it retained.
    drop(bus);
    let late = Bus::join(&broker);
    let status = late.wait(0, "the retained status", SOON, |message| {
        (message.topic == site.topic("status")).then(|| message.clone())
    });
    assert!(status.retain && status.json()["state"] == "offline", "{status:?}");
    let open = site.records("step").into_iter().filter(|one| one["state"] == "unconfirmed");
    let open: Vec<_> = open.filter(|one| one["cause"].to_string().contains("stop")).collect();
    assert!(open.is_empty(), "handed over without proof: {open:?}");
    site.verify();
}

#[test]
fn after_a_kill_the_last_will_says_offline() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-will", "");
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let mark = bus.mark();
    agent.kill();
    let will =
        bus.wait_json(mark, &site.topic("status"), SOON, |status| status["state"] == "offline");
    assert_eq!(will.as_object().unwrap().len(), 1, "the will holds only its state: {will}");
}

#[test]
fn a_stop_while_the_broker_is_away_does_not_hang() {
    let mut broker = Broker::start();
    let place = Place::open(&broker, 12.0);
    let site = Site::new(&broker, "cold-alone", "");
    let agent = Agent::start(&site);
    eventually("cooling", SOON + SOON, || (!place.room().commands.is_empty()).then_some(()));
    broker.stop();
    let began = Instant::now();
    assert_eq!(agent.stop().code(), Some(0));
    println!("stopped without a broker in {:?}", began.elapsed());
    assert!(began.elapsed() < SOON);
    site.verify();
}

#[test]
fn the_start_waits_for_no_broker() {
    let mut broker = Broker::start();
    broker.stop();
    let site = Site::new(&broker, "cold-early", "");
    let mut agent = Agent::start(&site);
    eventually("a journal", SOON, || {
        site.log()
            .contains("outpost")
            .then(|| site.folder().join("journal").exists())
            .filter(|y| *y)
    });
    broker.restart();
    let bus = Bus::join(&broker);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    assert!(agent.lives());
    assert!(agent.stop().success());
}

#[test]
fn it_starts_quickly_and_takes_little_memory() {
    let broker = Broker::start();
    let place = Place::open(&broker, 12.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-quick", "");
    let began = Instant::now();
    let said = Command::new(env!("CARGO_BIN_EXE_outpost")).arg("version").output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let start_max = START_MAX.max(began.elapsed() * START_TIMES_MAX);
    let began = Instant::now();
    let agent = Agent::start(&site);
    eventually("a subscription", SOON, || {
        broker.log().contains("Received SUBSCRIBE from outpost").then_some(())
    });
    let subscribed = began.elapsed();
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let online = began.elapsed();
    println!("start to first subscription {subscribed:?}, to status online {online:?}");
    assert!(subscribed < start_max, "{subscribed:?} of {start_max:?}");
    eventually("some work", SOON + SOON, || (place.room().commands.len() > 8).then_some(()));
    let (own, pss) = (own_kb(agent.id()).unwrap(), pss_kb(agent.id()).unwrap());
    println!("memory of the agent without a mind: own {own} KB, PSS {pss} KB");
    assert!(own < OWN_KB_MAX, "own {own} KB");
    assert!(agent.stop().success());
}

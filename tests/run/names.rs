//! Two boards with one name.

use std::time::{Duration, Instant};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};

/// How long the two are watched.
const WATCHED: Duration = Duration::from_secs(15);
/// Most connections of both in that time. Three short lives of each are needed to notice, and then
/// each waits for at least 15 s.
const CONNECTIONS_MAX: usize = 10;

#[test]
fn two_boards_with_one_name_are_said_and_do_not_fight() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let here = Site::new(&broker, "twin", "");
    let there = Site::new(&broker, "twin", "");
    let mut first = Agent::start(&here);
    bus.wait_json(0, &here.topic("status"), SOON, |status| status["state"] == "online");
    let began = Instant::now();
    let mut second = Agent::start(&there);
    eventually("a word about the name", WATCHED, || {
        let said = |site: &Site| {
            site.records("event").iter().any(|event| event["event"] == "duplicate-name")
        };
        (said(&here) || said(&there)).then_some(())
    });
    println!("noticed after {:?}", began.elapsed());
    bus.wait_json(0, &here.topic("event"), WATCHED, |event| event["kind"] == "duplicate-name");
    eventually("the time of watching", WATCHED * 2, || (began.elapsed() > WATCHED).then_some(()));
    let log = broker.log();
    let connections =
        log.lines().filter(|line| line.contains("New client connected") && line.contains("twin"));
    let connections = connections.count();
    println!("{connections} connections in {WATCHED:?}");
    assert!((2..=CONNECTIONS_MAX).contains(&connections), "{connections} connections:\n{log}");
    assert!(first.lives() && second.lives());
}

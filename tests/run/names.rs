//! Two boards with one name.

use std::time::{Duration, Instant};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};

/// How long the two are watched.
const WATCHED: Duration = Duration::from_secs(15);
/// Longest wait until it stands on the bus: the one that noticed waits for up to 30 s.
const SAID: Duration = Duration::from_secs(35);
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
    eventually("the time of watching", WATCHED * 2, || (began.elapsed() > WATCHED).then_some(()));
    let log = broker.log();
    let connections =
        log.lines().filter(|line| line.contains("New client connected") && line.contains("twin"));
    let connections = connections.count();
    println!("{connections} connections in {WATCHED:?}");
    assert!((2..=CONNECTIONS_MAX).contains(&connections), "{connections} connections:\n{log}");
    assert!(first.lives() && second.lives());
    // The one that has given way for now says so when it is back.
    let event = here.topic("event");
    bus.wait_json(0, &event, SAID, |event| event["kind"] == "duplicate-name");
    println!("said on the bus after {:?}", began.elapsed());
}

//! A sensor that is made of others, in the whole program on a real broker: goals, rules, page and
//! journal take it like any other, and `replay` computes it itself.

use std::time::Duration;

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

const MORE: &str = r#"
[[derived]]
name = "hot"
value = "above > 9"

[[derived]]
name = "above"
value = "room - 5.0 + 0 * power"
unit = "K"
range = [-25, 35]
learn = false

[[derived]]
name = "warmest_today"
value = "max_today(room)"

[[derived]]
name = "used_today"
value = "integral_today(power)"
unit = "kWh"
learn = false

[[rule]]
name = "far too warm"
when = "hot"
set = { siren = "on" }
"#;

/// A site whose goal is on the derived sensor.
fn site(broker: &Broker) -> Site {
    let site = Site::new(broker, "cold-derived", MORE);
    let text = std::fs::read_to_string(site.config()).unwrap();
    let text = text
        .replace("{ room = \"lowers\" }", "{ above = \"lowers\" }")
        .replace("sensor = \"room\", min = 2, max = 8", "sensor = \"above\", min = -3, max = 3");
    std::fs::write(site.config(), text).unwrap();
    site
}

#[test]
fn a_derived_sensor_is_pursued_recorded_and_replayed() {
    let broker = Broker::start();
    let place = Place::open(&broker, 12.0);
    let bus = Bus::join(&broker);
    let site = site(&broker);
    let mark = bus.mark();
    let agent = Agent::start(&site);
    eventually("cooling", SOON + SOON, || {
        let room = place.room();
        (room.compressor || room.blower > 0.0).then_some(())
    });
    let goals = |satisfied: bool| {
        bus.wait_json(mark, &site.topic("goals"), SOON + SOON, |goals| {
            goals[0]["satisfied"] == satisfied
        });
    };
    goals(true);
    place.room().celsius = 15.0;
    eventually("the siren", SOON, || place.room().siren.then_some(()));
    goals(false);
    // What it is made of falls silent: it is unknown, and the goal with it.
    let mark = bus.mark();
    drop(place);
    let unknown = Duration::from_secs(5);
    bus.wait_json(mark, &site.topic("goals"), SOON + unknown, |goals| {
        goals[0]["satisfied"].is_null()
    });
    assert!(agent.stop().success());

    let readings = site.records("reading");
    let of = |name: &str| {
        let lines = readings.iter().filter(|line| line["sensor"] == name);
        lines.filter_map(|line| line["value"].as_f64()).collect::<Vec<f64>>()
    };
    let (room, above) = (of("room"), of("above"));
    assert!(above.len() > room.len() / 2, "{} of {}", above.len(), room.len());
    let made = |value: &f64| room.iter().any(|room| (room - 5.0 - value).abs() < 1e-9);
    assert!(above.iter().all(made), "each is that of a reading of the room");
    let rules = site.records("decision");
    assert!(rules.iter().any(|one| one["cause"] == "rule far too warm"), "{rules:?}");

    let (mut lines, good) = site.outpost(&["replay"]);
    let summary: Json = lines.pop().unwrap();
    let differing: Vec<_> = lines.iter().filter(|line| !line["differs"].is_null()).collect();
    assert!(summary["decisions"].as_u64() >= Some(2), "{summary}");
    // On a loaded machine an echo may fall into the moment of a decision: that is not in a record.
    assert!(summary["other_candidates"].as_u64() <= Some(1), "{summary}\n{differing:#?}");
    assert_eq!(summary["other_choice"], 0, "{summary}");
    assert_eq!(good, differing.is_empty(), "{summary}");
    // The next one has the same client id: two would drive each other off the broker.
    drop(bus);
    the_day_goes_on(&broker, &site, &of("warmest_today"), &of("used_today"));
    site.verify();
}

/// After a restart, with a room that is cooler now.
fn the_day_goes_on(broker: &Broker, site: &Site, warmest: &[f64], used: &[f64]) {
    let (warmest, used) = (warmest.last().unwrap(), used.last().unwrap());
    assert!(*warmest > 14.0 && *used > 0.0, "{warmest} {used}");
    let kept = site.records("memory");
    assert!(kept.iter().any(|one| one["sensor"] == "used_today"), "{kept:?}");
    let bus = Bus::join(broker);
    let place = Place::open(broker, 4.0);
    let mark = bus.mark();
    let before = site.records("reading").len();
    let agent = Agent::start(site);
    bus.wait_json(mark, &site.topic("goals"), SOON, |goals| goals[0]["satisfied"] == true);
    assert!(agent.stop().success());
    drop(place);
    // At midnight it begins anew.
    let day = |kept: &[Json]| kept.last().map(|one| one["numbers"][0].clone());
    if day(&kept) != day(&site.records("memory")) {
        return;
    }
    let readings = site.records("reading");
    for (name, least) in [("warmest_today", warmest), ("used_today", used)] {
        let mut of = readings[before..].iter().filter(|line| line["sensor"] == name);
        let first = of.next().unwrap()["value"].as_f64().unwrap();
        assert!(first >= *least, "{name}: {first} after {least}");
    }
}

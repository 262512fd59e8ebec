//! A slice of `make fleet-simulate`: boards of one process on a real broker, and a release that
//! some of them undo.

use std::path::Path;

use serde_json::Value as Json;

use crate::common::Broker;
use crate::update::outpost;

fn simulated(broker: &Broker, words: &str) -> Json {
    let url = format!("mqtt://{}", broker.addr());
    let mut all: Vec<_> = ["fleet", "simulate", "--url", &url].map(Path::new).into();
    all.extend(words.split(' ').map(Path::new));
    let (text, ok) = outpost(&all);
    assert!(ok, "{text}");
    let figures = text.lines().find_map(|line| serde_json::from_str::<Json>(line).ok());
    figures.unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn a_bad_release_stops_itself_within_its_step_and_a_good_one_comes_to_all() {
    let broker = Broker::start();
    let times = "--every 200ms --trial 100ms --away 5";
    let bad = simulated(&broker, &format!("--devices 500 --fails 10 --steps 10@0s,100@0s {times}"));
    println!("{bad}");
    assert_eq!(bad["standing"], "stopped", "{bad}");
    assert!(bad["known"] == 500 && bad["beyond_step"] == 0, "{bad}");
    assert!(bad["touched"].as_u64() <= bad["inside"].as_u64(), "{bad}");
    let reason = bad["reason"].as_str().unwrap();
    assert!(reason.contains("the bus is not connected"), "{bad}");

    let broker = Broker::start();
    let words = format!("--devices 500 --fails 0.01 --stop-at 5 --steps 10@0s,100@0s {times}");
    let good = simulated(&broker, &words);
    println!("{good}");
    assert_eq!((&good["standing"], &good["percent"]), (&Json::from("done"), &Json::from(100.0)));
    assert!(good["touched"].as_u64().unwrap() > 400, "{good}");
}

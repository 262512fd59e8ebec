//! A board that is saved while it runs, and goes on on new hardware.

use std::fs;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::Broker;
use crate::place::Place;

#[test]
fn a_new_board_goes_on_where_the_old_one_was_saved() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-again-new", "");
    let _place = Place::open(&broker, 5.0);
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let order = r#"{"put":{"name":"mild","keep":{"sensor":"room","min":1,"max":9}}}"#;
    let ends = |mark: usize| {
        let topic = site.topic("cmd-state/goal/g1");
        let told = bus.wait_json(mark, &topic, SOON, |told| {
            told["state"] != "accepted" && told["state"] != "executing"
        });
        assert_eq!(told["state"], "succeeded", "{told}");
    };
    bus.say(&site.topic("cmd/goal/g1"), order);
    ends(0);
    let saved = site.folder().join("saved");
    let (lines, good) = site.outpost(&["backup", "--records", saved.to_str().unwrap()]);
    assert!(good && lines[0]["records"] == true, "{lines:?}");
    assert!(agent.stop().success());
    let before = site.records("boot").len();

    // Nothing else of the old board is left.
    fs::remove_dir_all(site.folder().join("journal")).unwrap();
    fs::remove_file(site.config()).unwrap();
    let (_, good) = site.outpost(&["restore", saved.to_str().unwrap()]);
    assert!(good);
    let mark = bus.mark();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &site.topic("goals"), SOON, |goals| {
        goals.as_array().is_some_and(|all| all.iter().any(|goal| goal["name"] == "mild"))
    });
    // It knows what it has carried out.
    let mark = bus.mark();
    bus.say(&site.topic("cmd/goal/g1"), order);
    ends(mark);
    assert_eq!(site.states("goal/g1").last().unwrap(), "succeeded");
    assert!(agent.stop().success());
    assert_eq!(site.records("boot").len(), before + 1);
    // The range that the old board may have gone on to is named.
    let events = site.records("event");
    let said = events.iter().filter(|one| one.to_string().contains("are gone"));
    assert_eq!(said.count(), 1);
    site.verify();
}

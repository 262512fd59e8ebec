//! `log export --dataset`: decisions as cases to learn from, with what people said of them.

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::Broker;
use crate::place::Place;

/// The next decision while the room is this warm.
fn decision(bus: &Bus, site: &Site, place: &Place, celsius: f64) -> Json {
    let mark = bus.mark();
    place.room().celsius = celsius;
    let topic = site.topic("decision");
    bus.wait(mark, "a decision", SOON, |message| {
        let json = (message.topic == topic).then(|| message.json())?;
        // One that chose something, and that could have chosen something else.
        let candidates = json["candidates"].as_array()?;
        let chosen = &candidates[json["chosen"].as_u64()? as usize]["set"];
        let acts = candidates.iter().filter(|one| one["set"] != serde_json::json!({}));
        (acts.count() > 1 && chosen != &serde_json::json!({})).then_some(json)
    })
}

fn command(bus: &Bus, site: &Site, name: &str, what: &Json) {
    let mark = bus.mark();
    bus.say(&site.topic(&format!("cmd/{name}")), what.to_string());
    let topic = site.topic(&format!("cmd-state/{name}"));
    bus.wait_json(mark, &topic, SOON, |state| state["state"] == "succeeded");
}

/// The last decision before the operator's command, and which of its candidates that is: on a
/// loaded machine another decision may have come between the one that was heard and the command.
fn corrected(site: &Site, set: &Json) -> (Json, usize) {
    let steps = site.records("step");
    let step = steps.iter().find(|one| one["by"] == "command" && one["state"] == "intended");
    let before = step.expect("the command's step")["seq"].as_u64();
    let mut decisions = site.records("decision").into_iter();
    let last = decisions.rfind(|one| one["seq"].as_u64() < before).expect("a decision before it");
    let candidates = last["candidates"].as_array().unwrap();
    let index = candidates.iter().position(|one| one["set"] == *set).expect("its candidate");
    assert_ne!(last["chosen"], index, "what was chosen by itself corrects nothing: {last}");
    (last, index)
}

#[test]
fn what_people_said_of_a_decision_is_in_the_dataset() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-data", "");
    let agent = Agent::start(&site);
    let rated = decision(&bus, &site, &place, 10.0);
    command(&bus, &site, "rate/r1", &serde_json::json!({"decision": rated["id"], "good": true}));

    // An operator takes another candidate of the last decision: a correction.
    let made = decision(&bus, &site, &place, 1.0);
    let chosen = made["chosen"].as_u64().unwrap() as usize;
    let others = made["candidates"].as_array().unwrap().iter().enumerate();
    let other = others.filter(|(index, _)| *index != chosen).find_map(|(_, one)| {
        let (name, value) = one["set"].as_object()?.iter().next()?;
        let word = serde_json::json!({"actuator": name, "value": value, "hold_s": 600});
        Some((&one["set"], word))
    });
    let (set, word) = other.expect("another candidate");
    command(&bus, &site, "set/s1", &word);
    assert!(agent.stop().success());
    let (last, index) = corrected(&site, set);

    let (mut lines, good) = site.outpost(&["log", "export", "--dataset"]);
    let summary = lines.pop().unwrap();
    assert!(good && summary["cases"].as_u64().unwrap() as usize == lines.len(), "{summary}");
    let of = |id: &Json| lines.iter().find(|line| line["id"] == *id).expect("its case");
    let case = of(&rated["id"]);
    assert_eq!(
        (&case["source"], &case["want"]),
        (&Json::from("rated"), &rated["chosen"]),
        "{case}"
    );
    assert!(case["prefix"].as_str().unwrap().contains("The blower is quiet"), "{case}");
    assert!(case["state"].as_str().unwrap().starts_with("Now: "), "{case}");
    let case = of(&last["id"]);
    assert_eq!((&case["source"], &case["want"]), (&Json::from("corrected"), &Json::from(index)));
    let count = last["candidates"].as_array().unwrap().len();
    assert_eq!(case["candidates"].as_array().unwrap().len(), count);

    // Names of the place can be others.
    let renamed = ["log", "export", "--dataset", "--rename", "blower=agitator"];
    let (lines, good) = site.outpost(&renamed);
    assert!(good && !lines.iter().any(|line| line.to_string().contains("blower")), "{lines:?}");
    assert!(lines.iter().any(|line| line.to_string().contains("agitator")));
}

//! The device command `model`: another adapter and another model taken up by the running agent, or
//! refused, and then the old ones come back.

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::Broker;
use crate::mind;
use crate::place::Place;

const OURS: &str = "smollm2-135m-instruct-q4_0";
const ADAPTER: &str = "edge-operator";

/// Sends the command and gives its end.
fn switch(bus: &Bus, site: &Site, id: &str, payload: &str) -> Json {
    let mark = bus.mark();
    bus.say(&site.topic(&format!("cmd/model/{id}")), payload);
    let topic = site.topic(&format!("cmd-state/model/{id}"));
    // Twice: the new one, and where that is of no use the old one again.
    bus.wait_json(mark, &topic, mind::LOADED * 2, |state| {
        ["succeeded", "failed", "rejected"].contains(&state["state"].as_str().unwrap_or_default())
    })
}

#[track_caller]
fn assert_end(end: &Json, state: &str, reason: &str) {
    let text = end["reason"].as_str().unwrap();
    assert!(end["state"] == state && text.contains(reason), "not {state} ({reason}): {end}");
}

fn wait_ready(bus: &Bus, site: &Site, mark: usize) {
    bus.wait_json(mark, &site.topic("status"), mind::LOADED, |status| status["mind"] == "ready");
}

/// Who speaks now.
#[track_caller]
fn assert_voice(bus: &Bus, site: &Site, model: &str, adapter: &str) {
    let decision = mind::wait_voice(bus, site);
    let voice = &decision["model"];
    assert!(voice["id"] == model && voice["adapter"] == adapter, "{voice}");
}

#[test]
fn a_model_and_an_adapter_are_taken_up_without_a_restart_or_not_at_all() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-switch", &mind::section(OURS));
    let agent = Agent::start(&site);
    wait_ready(&bus, &site, 0);
    let first = agent.mind().expect("the mind's process");

    assert_end(&switch(&bus, &site, "m1", r#"{"adapter":"edge-operator"}"#), "succeeded", "");
    assert_ne!(agent.mind().expect("another process"), first);
    assert_voice(&bus, &site, OURS, ADAPTER);

    // What is of no use is said, and the one before goes on.
    let mark = bus.mark();
    let gone = site.folder().join("gone.gguf").display().to_string();
    let end = switch(&bus, &site, "m2", &format!(r#"{{"model":"{gone}"}}"#));
    assert_end(&end, "failed", "gone.gguf");
    wait_ready(&bus, &site, mark);
    let broken = site.folder().join("broken.gguf");
    std::fs::write(&broken, b"GGUF and nothing more").unwrap();
    let mark = bus.mark();
    let end = switch(&bus, &site, "m3", &format!(r#"{{"model":"{}"}}"#, broken.display()));
    assert_end(&end, "failed", "broken.gguf");
    wait_ready(&bus, &site, mark);
    assert_end(&switch(&bus, &site, "m4", r#"{"adapter":"no-such"}"#), "failed", ADAPTER);
    assert_end(&switch(&bus, &site, "m5", "{}"), "rejected", "`model`, `adapter` or both");
    assert_voice(&bus, &site, OURS, ADAPTER);

    // It outlives a start, as a mode does.
    assert!(agent.stop().success());
    let mark = bus.mark();
    let agent = Agent::start(&site);
    wait_ready(&bus, &site, mark);
    assert_voice(&bus, &site, OURS, ADAPTER);

    // Another model comes without the adapter of the one before.
    let other = site.folder().join("other.gguf");
    std::fs::copy(mind::model(), &other).unwrap();
    let end = switch(&bus, &site, "m6", &format!(r#"{{"model":"{}"}}"#, other.display()));
    assert_end(&end, "succeeded", "");
    assert_voice(&bus, &site, "other", "none");
    assert_eq!(site.states("model/m6"), ["accepted", "executing", "succeeded"]);
    assert!(agent.stop().success());

    // Who edits the file has the last word.
    let text = std::fs::read_to_string(site.config()).unwrap();
    let edited = text.replace("[mind]\n", "[mind]\nadapter = \"edge-operator\"\n");
    std::fs::write(site.config(), edited).unwrap();
    let mark = bus.mark();
    let agent = Agent::start(&site);
    wait_ready(&bus, &site, mark);
    assert_voice(&bus, &site, OURS, ADAPTER);
    assert!(agent.stop().success());
    site.verify();
}

#[test]
fn without_a_mind_there_is_no_model_to_change() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-mindless", "");
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["mind"] == "off");
    let end = switch(&bus, &site, "m1", r#"{"model":"x"}"#);
    assert_end(&end, "rejected", "no [mind]");
    assert!(agent.stop().success());
}

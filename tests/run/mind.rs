//! The language model: missing, broken, killed. The agent acts all the same, says so, and takes the
//! model up when it is there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use sha2::{Digest, Sha256};

use crate::agent::{Agent, SOON, Site, pss_kb};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

const MODEL: &str = "smollm2-135m-instruct-q4_0.gguf";

/// Longest wait for a model to be loaded, with its checksum, on a loaded machine.
pub const LOADED: Duration = Duration::from_secs(20);

/// The real model.
pub fn model() -> PathBuf {
    let path = std::env::var_os("OUTPOST_TEST_MODEL").map(PathBuf::from).unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").filter(|text| !text.is_empty());
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
        cache.map_or_else(home, PathBuf::from).join("outpost/models").join(MODEL)
    });
    assert!(path.is_file(), "no model at {}: `make setup` fetches it", path.display());
    path
}

/// The model at another place, whole at once.
fn bring(to: &Path) {
    let near = to.with_extension("coming");
    if std::fs::hard_link(model(), &near).is_err() {
        std::fs::copy(model(), &near).unwrap();
    }
    std::fs::rename(near, to).unwrap();
}

/// Beside the cold room, two devices that are alike: which of them is a question for the model each
/// time, since nothing makes one the better one. They say nothing; the test plays their sensor.
const TWINS: &str = r#"
[[sensor]]
name = "twin_air"
topic = "twin/air"
every = "1s"
learn = false

[[actuator]]
name = "left"
topic = "twin/left/set"
safe = "off"
max_commands_per_hour = 3600
effects = { twin_air = "lowers" }

[[actuator]]
name = "right"
topic = "twin/right/set"
safe = "off"
max_commands_per_hour = 3600
effects = { twin_air = "lowers" }

[[goal]]
name = "twins"
keep = { sensor = "twin_air", min = 10, max = 20 }
"#;

/// A patient deadline: these tests are about life and death, not about speed.
pub fn section(model: &str) -> String {
    format!("[mind]\nmodel = \"{model}\"\ndeadline = \"20s\"\n{TWINS}")
}

fn wait_status(bus: &Bus, site: &Site, mark: usize, word: &str) {
    bus.wait_json(mark, &site.topic("status"), LOADED, |status| status["mind"] == word);
}

fn wait_event(bus: &Bus, site: &Site, mark: usize, text: &str) {
    bus.wait_json(mark, &site.topic("event"), LOADED, |event| {
        event["kind"] == "mind" && event["text"].as_str().unwrap_or_default().contains(text)
    });
}

/// The agent cools a warm room: it acts.
pub fn acts(place: &Place) {
    place.room().celsius = 10.0;
    eventually("cooling", SOON, || {
        let room = place.room();
        (room.compressor || room.blower > 0.0).then_some(())
    });
}

/// A decision that the model was asked about: the twins' air is too warm and too cold in turn.
pub fn wait_voice(bus: &Bus, site: &Site) -> serde_json::Value {
    let topic = site.topic("decision");
    let mark = bus.mark();
    let until = Instant::now() + LOADED;
    let mut tries = 0;
    while Instant::now() < until {
        // Some readings of each, as a sensor gives them.
        bus.say("twin/air", if tries / 8 % 2 == 0 { "30" } else { "0" });
        tries += 1;
        let voice = bus.find(mark, Duration::from_millis(250), |message| {
            let decision = (message.topic == topic).then(|| message.json())?;
            (!decision["model"].is_null()).then_some(decision)
        });
        if let Some(voice) = voice {
            return voice;
        }
    }
    panic!("no decision with the model's voice within {LOADED:?}");
}

#[test]
fn an_adapter_that_is_not_there_is_said_and_nothing_waits_for_it() {
    let broker = Broker::start();
    let place = Place::open(&broker, 9.0);
    let bus = Bus::join(&broker);
    let lines = section("/nowhere/mind.gguf");
    let lines = lines.replace("[mind]", "[mind]\nadapter = \"nobody-made-it\"");
    let site = Site::new(&broker, "cold-adapter", &lines);
    let agent = Agent::start(&site);
    wait_status(&bus, &site, 0, "failed");
    wait_event(&bus, &site, 0, "nobody-made-it");
    acts(&place);
    assert!(agent.stop().success());
}

#[test]
fn a_missing_model_is_said_and_taken_up_when_it_appears() {
    let broker = Broker::start();
    let place = Place::open(&broker, 9.0);
    let bus = Bus::join(&broker);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mind.gguf");
    let site = Site::new(&broker, "cold-mind", &section(&file.display().to_string()));
    let agent = Agent::start(&site);
    wait_status(&bus, &site, 0, "missing");
    wait_event(&bus, &site, 0, "no model");
    acts(&place);
    let mark = bus.mark();
    bring(&file);
    wait_status(&bus, &site, mark, "ready");
    let decision = wait_voice(&bus, &site);
    assert_eq!(decision["model"]["id"], "mind", "{decision}");
    assert!(decision["model"]["prompt_tokens"].as_u64().unwrap() > 0, "{decision}");
    let mind = agent.mind().expect("the mind's process");
    let (own, its) = (pss_kb(agent.id()).unwrap(), pss_kb(mind.as_raw_pid() as u32).unwrap());
    println!("PSS with a model: agent {own} KB, mind {its} KB");
    assert!(agent.stop().success());
    eventually("the mind's end", SOON, || {
        rustix::process::test_kill_process(mind).is_err().then_some(())
    });
    site.verify();
}

#[test]
fn a_truncated_model_is_said_and_a_whole_one_in_its_place_is_taken_up() {
    let broker = Broker::start();
    let place = Place::open(&broker, 9.0);
    let bus = Bus::join(&broker);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mind.gguf");
    let whole = std::fs::read(model()).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 3]).unwrap();
    drop(whole);
    let site = Site::new(&broker, "cold-cut", &section(&file.display().to_string()));
    let mut agent = Agent::start(&site);
    wait_status(&bus, &site, 0, "failed");
    wait_event(&bus, &site, 0, "unusable");
    acts(&place);
    assert!(agent.lives());
    let mark = bus.mark();
    bring(&file);
    wait_status(&bus, &site, mark, "ready");
    assert!(agent.stop().success());
    site.verify();
}

#[test]
fn a_model_with_a_wrong_checksum_is_refused() {
    let broker = Broker::start();
    let place = Place::open(&broker, 9.0);
    let bus = Bus::join(&broker);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(MODEL);
    let mut bytes = std::fs::read(model()).unwrap();
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let stamp = format!("# outpost 1 bytes={} modified_ns=1\n{sum}  {MODEL}\n", bytes.len());
    std::fs::write(folder.path().join(format!("{MODEL}.sha256")), stamp).unwrap();
    let id = MODEL.trim_end_matches(".gguf");
    let site = Site::new(&broker, "cold-sum", &section(id));
    let agent = Agent::start_with(&site, &[("OUTPOST_MODELS", folder.path())]);
    wait_status(&bus, &site, 0, "failed");
    wait_event(&bus, &site, 0, "sha256");
    acts(&place);
    // The right file under the same name is taken up.
    let mark = bus.mark();
    bring(&file);
    wait_status(&bus, &site, mark, "ready");
    assert!(agent.stop().success());
}

#[test]
fn a_mind_killed_during_a_decision_costs_that_decision_and_comes_back() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mind.gguf");
    bring(&file);
    let site = Site::new(&broker, "cold-death", &section(&file.display().to_string()));
    let mut agent = Agent::start(&site);
    wait_status(&bus, &site, 0, "ready");
    let mind = agent.mind().expect("the mind's process");
    // Frozen, it cannot answer: the question is in flight when it dies.
    kill_process(mind, Signal::STOP).unwrap();
    place.room().celsius = 11.0;
    let before = place.room().commands.len();
    let mark = bus.mark();
    // Two plan intervals of warm readings: by then it is asked.
    eventually("readings that ask for cooling", SOON, || {
        let warm = |one: &&serde_json::Value| {
            one["sensor"] == "room" && one["value"].as_f64().unwrap_or(0.0) > 10.5
        };
        (site.records("reading").iter().filter(warm).count() >= 6).then_some(())
    });
    kill_process(mind, Signal::KILL).unwrap();
    wait_event(&bus, &site, mark, "lost");
    eventually("the planner's own choice", SOON, || {
        (place.room().commands.len() > before).then_some(())
    });
    wait_status(&bus, &site, mark, "ready");
    assert!(agent.lives());
    assert_ne!(agent.mind(), Some(mind));
    wait_voice(&bus, &site);
    assert!(agent.stop().success());
    site.verify();
}

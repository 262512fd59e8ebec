//! Updates of the real program on a real broker: a good release is confirmed, bad ones are undone
//! with their reason and the board is told of both. The launcher is the real one; its own tests are
//! about kills and power cuts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use outpost_launcher::disk::RealDisk;
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::{Name, sha256};
use outpost_launcher::slots::Slots;
use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::launched::{PATIENCE, Supervisor, UPDATE, apply, publish};
use crate::place::Place;

#[test]
fn a_wrong_release_is_refused_with_what_is_wrong() {
    let broker = Broker::start();
    let site = Site::new(&broker, "cold-refuse", UPDATE);
    let release = publish(&site, "1.0.0", "");
    fs::write(release.join("outpost"), "something else").unwrap();
    let (text, ok) = apply(&site, &release);
    assert!(!ok && text.contains("outpost: 14 bytes; release.json says"), "{text}");
    let manifest = fs::read_to_string(release.join("release.json")).unwrap();
    let other = manifest.replace("\"files\"", "\"architectures\":[\"vax\"],\"files\"");
    fs::write(release.join("release.json"), other).unwrap();
    let (text, ok) = apply(&site, &release);
    assert!(!ok && text.contains("release 1.0.0 is for vax; this board is"), "{text}");
    let _lock = Lock::take(&site.folder().join("slots")).unwrap().unwrap();
    let (text, ok) = apply(&site, &release);
    assert!(!ok && text.contains("another process changes the slots"), "{text}");
}

#[test]
fn a_wrong_configuration_is_taken_up_once_it_is_mended() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-mend", UPDATE);
    let right = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), right.replace("mqtt://", "carrier-pigeon://")).unwrap();
    let _supervisor = Supervisor::start(&site);
    let faults = || site.log().matches("carrier-pigeon").count();
    eventually("the fault", SOON, || (faults() > 0).then_some(()));
    fs::write(site.config(), right).unwrap();
    bus.wait_json(0, &site.topic("status"), PATIENCE, |status| status["state"] == "online");
    // Nobody wrote the log full meanwhile.
    assert_eq!(faults(), 1);
}

/// Runs `outpost --json …`; what it says, and whether it succeeded.
pub fn outpost(arguments: &[&Path]) -> (String, bool) {
    let end =
        Command::new(env!("CARGO_BIN_EXE_outpost")).arg("--json").args(arguments).output().unwrap();
    let text = [end.stdout, end.stderr].concat();
    (String::from_utf8(text).unwrap(), end.status.success())
}

fn done(arguments: &[&Path]) {
    let (text, ok) = outpost(arguments);
    assert!(ok, "{arguments:?}: {text}");
}

/// Keys of a fleet, and releases signed with them on a stick.
pub fn stick(site: &Site, releases: &[&str]) {
    let at = |name: &str| site.folder().join(name);
    done(&[Path::new("fleet"), Path::new("keys"), &at("keys")]);
    for id in releases {
        sign(site, id, "");
    }
}

/// One more release on it, whose program does something else before.
pub fn sign(site: &Site, id: &str, before: &str) {
    signed(site, &publish(site, id, before), id);
}

/// The same with a folder as it is.
pub fn signed(site: &Site, release: &Path, id: &str) {
    let at = |name: &str| site.folder().join(name);
    fs::remove_file(release.join("release.json")).unwrap();
    let fleet = Path::new("fleet");
    done(&[fleet, Path::new("release"), release, Path::new("--id"), Path::new(id)]);
    let (keys, to) = (Path::new("--keys"), Path::new("--to"));
    done(&[fleet, Path::new("publish"), release, keys, &at("keys"), to, &at("stick")]);
}

#[test]
fn an_operator_has_a_signed_release_taken() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-command", UPDATE);
    stick(&site, &["1.0.0"]);
    let _place = Place::open(&broker, 12.0);
    let ends = |id: &str, payload: &str| {
        let mark = bus.mark();
        bus.say(&site.topic(&format!("cmd/update/{id}")), payload);
        bus.wait_json(mark, &site.topic(&format!("cmd-state/update/{id}")), SOON, |told| {
            !["accepted", "executing"].contains(&told["state"].as_str().unwrap())
        })
    };
    let said = |told: &Json, state: &str, reason: &str| {
        let right = told["state"] == state && told["reason"].as_str().unwrap().contains(reason);
        assert!(right, "not {state}, {reason}: {told}");
    };
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    said(&ends("u0", r#"{"release":"1.0.0"}"#), "rejected", "there is no `from` in [update]");
    agent.stop();

    let _supervisor = Supervisor::start(&site);
    bus.wait_json(0, &site.topic("update"), SOON, |told| told["state"] == "idle");
    said(&ends("u1", r#"{"release":"../1"}"#), "rejected", "is no name");
    let mark = bus.mark();
    said(&ends("u2", r#"{"release":"9"}"#), "failed", "the repository has no release 9");
    let told = bus.wait_json(mark, &site.topic("update"), SOON, |told| told["release"] == "9");
    said(&told, "refused", "the repository has no release 9");
    let mark = bus.mark();
    said(&ends("u3", r#"{"release":"1.0.0"}"#), "succeeded", "in its slot, to be tried");
    let told = bus.wait_json(mark, &site.topic("update"), PATIENCE, |told| {
        told["release"] == "1.0.0" && told["state"] == "confirmed"
    });
    assert_eq!(told["running"], "1.0.0");
    // The same command once more is the same command; another one finds it there.
    said(&ends("u3", r#"{"release":"1.0.0"}"#), "succeeded", "in its slot, to be tried");
    said(&ends("u4", r#"{"release":"1.0.0"}"#), "succeeded", "confirmed already");
}

#[test]
fn signed_releases_are_taken_and_others_are_not() {
    let broker = Broker::start();
    let site = Site::new(&broker, "cold-signed", UPDATE);
    let at = |name: &str| site.folder().join(name);
    let say = |words: &str| {
        let words: Vec<_> = words.split(' ').collect();
        let here = |word: &&str| match word.strip_prefix('@') {
            Some(name) => at(name),
            None => PathBuf::from(word),
        };
        let paths: Vec<_> = words.iter().map(here).collect();
        outpost(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    };
    let done = |words: &str| {
        let (text, ok) = say(words);
        assert!(ok, "{words}: {text}");
        text
    };
    stick(&site, &["1.0.0", "2.0.0"]);
    let take = "--from @stick --root @keys/root.json --slots @slots --config @outpost.toml";
    assert!(done(&format!("update take 1.0.0 {take}")).contains("\"ready\""));
    assert!(done("update status --slots @slots").contains("\"trial\""));
    assert!(done(&format!("update take 1.0.0 {take}")).contains("\"trial\""));
    // The newer one takes its place; a file of it that has been changed on the stick does not.
    let sum = sha256(&fs::read(at("release-2.0.0/outpost")).unwrap());
    let file = at("stick/targets").join(format!("{sum}.{sum}"));
    let genuine = fs::read(&file).unwrap();
    fs::write(&file, "#!/bin/sh").unwrap();
    let (text, ok) = say(&format!("update take 2.0.0 {take}"));
    assert!(!ok && text.contains("outpost: 9 bytes; release.json says"), "{text}");
    fs::write(&file, genuine).unwrap();
    assert!(done(&format!("update take 2.0.0 {take}")).contains("\"ready\""));
    done("fleet keys @others");
    let other = take.replace("@keys/", "@others/").replace("@slots", "@others/slots");
    let (text, ok) = say(&format!("update take 2.0.0 {other}"));
    assert!(!ok && text.contains("is not believed"), "{text}");
}

/// Sends a `restart` and gives its state once it has ended.
fn restarts(site: &Site, bus: &Bus, id: &str, meanwhile: impl FnOnce()) -> Json {
    let mark = bus.mark();
    bus.say(&site.topic(&format!("cmd/restart/{id}")), "{}");
    meanwhile();
    bus.wait_json(mark, &site.topic(&format!("cmd-state/restart/{id}")), PATIENCE, |told| {
        !["accepted", "executing"].contains(&told["state"].as_str().unwrap())
    })
}

#[test]
fn a_restart_goes_by_the_launcher_and_once_whatever_is_killed() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-again", UPDATE);
    let _place = Place::open(&broker, 12.0);
    let supervisor = Supervisor::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let boots = || site.records("boot").len();
    let first = boots();
    assert_eq!(restarts(&site, &bus, "r1", || {})["state"], "succeeded");
    assert_eq!(boots(), first + 1);

    // Killed while it hands over; killed at once, when the broker has to bring the order again.
    let executing = || {
        let topic = site.topic("cmd-state/restart/r2");
        bus.wait_json(0, &topic, SOON, |told| told["state"] == "executing");
        supervisor.kill();
    };
    assert_eq!(restarts(&site, &bus, "r2", executing)["state"], "succeeded");
    assert_eq!(restarts(&site, &bus, "r3", || supervisor.kill())["state"], "succeeded");
    for id in ["r1", "r2", "r3"] {
        let states = site.states(&format!("restart/{id}"));
        assert_eq!(states, ["accepted", "executing", "succeeded"], "{id}");
        // Brought again, it is answered and not carried out again.
        let before = boots();
        assert_eq!(restarts(&site, &bus, id, || {})["state"], "succeeded");
        assert_eq!(boots(), before);
    }

    // The release that waits is what runs after it.
    let (text, ok) = apply(&site, &publish(&site, "1.0.0", ""));
    assert!(ok, "{text}");
    assert_eq!(restarts(&site, &bus, "r4", || {})["state"], "succeeded");
    let confirmed = eventually("a confirmed release", PATIENCE, || {
        let state = Slots::new(site.folder().join("slots"), RealDisk).state();
        state.unwrap().confirmed
    });
    assert_eq!(confirmed.release, "1.0.0".parse::<Name>().unwrap());
    drop(supervisor);
    site.verify();
}

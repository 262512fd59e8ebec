//! The real program killed with -9 again and again, at moments all over its work, while it is
//! commanded and writes a journal: what it said stays, every start works, nothing is done twice.
//!
//! `OUTPOST_KILLS=500` is the whole campaign (`make kills`).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

/// A device that shows each command by its own value.
const DIAL: &str = "[[actuator]]\nname = \"dial\"\ntopic = \"hall/dial/set\"\nkind = \"level\"\n\
                    min = 0\nmax = 100\nstep = 1\nsafe = 0\nmax_commands_per_hour = 3600\n";
/// A value comes again after so many commands; by then the one before it has long ended.
const VALUES: usize = 100;

fn kills() -> usize {
    std::env::var("OUTPOST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(15)
}

/// The same moments in every run: up to so many milliseconds.
fn moment(kill: usize, most_ms: u64) -> Duration {
    let mixed = (kill as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_millis((mixed >> 32) % most_ms)
}

/// One life: started, commanded, killed. Gives where its messages begin, where it was commanded.
fn live_and_die(bus: &Bus, site: &Site, kill: usize) -> Option<usize> {
    let mark = bus.mark();
    let agent = Agent::start(site);
    if kill % 5 == 4 {
        // Somewhere in its start. The moment is the test.
        std::thread::sleep(moment(kill, 120));
        agent.kill();
        return None;
    }
    bus.wait_json(mark, &site.topic("status"), SOON, |status| status["state"] == "online");
    let name = format!("set/k{kill}");
    let mark = bus.mark();
    let value = kill % VALUES + 1;
    let wanted = format!(r#"{{"actuator":"dial","value":{value},"hold_s":1}}"#);
    bus.say(&site.topic(&format!("cmd/{name}")), wanted);
    let state = site.topic(&format!("cmd-state/{name}"));
    match kill % 5 {
        0 => std::thread::sleep(moment(kill, 60)),
        1 => drop(bus.wait_json(mark, &state, SOON, |it| it["state"] == "accepted")),
        2 => {
            bus.wait(mark, "the device's message", SOON, |message| {
                (message.topic == "hall/dial/set" && message.payload != b"0").then_some(())
            });
        }
        _ => {
            bus.wait_json(mark, &state, SOON, |it| it["state"] == "succeeded");
            std::thread::sleep(moment(kill, 60));
        }
    }
    agent.kill();
    Some(mark)
}

#[test]
fn a_program_that_is_killed_at_any_moment_keeps_what_it_said_and_does_nothing_twice() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-kills", DIAL);
    let marks: Vec<_> = (0..kills()).map(|kill| live_and_die(&bus, &site, kill)).collect();
    let mark = bus.mark();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &site.topic("status"), SOON, |status| status["state"] == "online");

    // Every command ends, whatever happened to the lives in between.
    let ends = ["succeeded", "failed", "rejected", "expired"];
    let commanded: Vec<usize> = (0..marks.len()).filter(|kill| marks[*kill].is_some()).collect();
    let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
    eventually("every command's end", Duration::from_secs(90), || {
        kept.clear();
        for line in site.records("command") {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            kept.entry(text("command")).or_default().push(text("state"));
        }
        let ended = |kill: &usize| {
            let states = kept.get(&format!("set/k{kill}"));
            states.is_some_and(|states| ends.contains(&states[states.len() - 1].as_str()))
        };
        commanded.iter().all(ended).then_some(())
    });
    assert!(agent.stop().success());
    site.verify();

    // What was said of a command was stored before.
    let head = site.topic("cmd-state/");
    let mut said = 0;
    for message in bus.since(0) {
        let Some(name) = message.topic.strip_prefix(&head) else { continue };
        let state = message.json()["state"].as_str().unwrap_or_default().to_owned();
        if !state.is_empty() {
            said += 1;
            let stored = kept.get(name).is_some_and(|states| states.contains(&state));
            assert!(
                stored,
                "{name} was said to be {state}, and the journal has {:?}",
                kept.get(name)
            );
        }
    }
    // Each value reaches the device once at most until it comes again.
    let mut done = 0;
    for kill in commanded {
        let later = marks.iter().skip(kill + VALUES / 2).flatten().next();
        let from = marks[kill].unwrap_or_default();
        let until = later.copied().unwrap_or_else(|| bus.mark());
        let value = (kill % VALUES + 1).to_string();
        let all = bus.since(from);
        let times = all[..until - from]
            .iter()
            .filter(|it| it.topic == "hall/dial/set" && it.payload == value.as_bytes())
            .count();
        assert!(times <= 1, "set/k{kill} was carried out {times} times");
        done += times;
    }
    let all = marks.len();
    println!("{all} kills, {said} states said and all of them stored, {done} commands done once");
    assert!(done * 2 > all, "{done} of {all}: most kills came after the command");
}

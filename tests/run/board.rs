//! A board that gets hot, and the service manager that watches over the program.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::mind;
use crate::place::Place;
use crate::tree::Tree;

/// Longest for a model to be there again after the governor's calm of 30 s, on a loaded machine.
const CALMED: Duration = Duration::from_secs(90);

fn wait_status(bus: &Bus, site: &Site, mark: usize, key: &str, word: &str, deadline: Duration) {
    bus.wait_json(mark, &site.topic("status"), deadline, |status| status[key] == word);
}

#[test]
fn a_hot_board_ends_the_mind_and_rules_and_planner_go_on() {
    let tree = Tree::pi5();
    let broker = Broker::start();
    let place = Place::open(&broker, 6.0);
    let bus = Bus::join(&broker);
    let model = mind::model().display().to_string();
    let site = Site::new(&broker, "cold-board", &mind::section(&model));
    let agent = Agent::start_with(&site, &[("OUTPOST_BOARD_ROOT", tree.path())]);
    wait_status(&bus, &site, 0, "mind", "ready", mind::LOADED);
    wait_status(&bus, &site, 0, "effort", "full", SOON);
    assert!(agent.mind().is_some());

    let mark = bus.mark();
    tree.temperature(76.0);
    wait_status(&bus, &site, mark, "effort", "saving", SOON);
    let mark = bus.mark();
    tree.temperature(83.5);
    wait_status(&bus, &site, mark, "effort", "reflex-only", SOON);
    wait_status(&bus, &site, mark, "mind", "off", SOON);
    bus.wait_json(mark, &site.topic("event"), SOON, |event| {
        event["kind"] == "board" && event["text"].as_str().unwrap_or_default().contains("83.5 °C")
    });
    eventually("the mind's end", SOON, || agent.mind().is_none().then_some(()));

    mind::acts(&place);
    place.room().leak = true;
    eventually("the rule's siren", SOON, || place.room().siren.then_some(()));

    let mark = bus.mark();
    tree.temperature(50.0);
    wait_status(&bus, &site, mark, "effort", "saving", CALMED);
    wait_status(&bus, &site, mark, "mind", "ready", mind::LOADED);
    assert!(agent.mind().is_some());
    assert!(agent.stop().success());
    let events = site.records("event");
    let board = events.iter().filter(|line| line.to_string().contains("\"board\""));
    assert_eq!(board.count(), 3, "saving, reflex-only, saving: {events:#?}");
    site.verify();
}

/// The next word on the line; `None` where there is silence.
fn word(line: &UnixDatagram, patience: Duration) -> Option<String> {
    line.set_read_timeout(Some(patience)).unwrap();
    let mut bytes = [0; 256];
    let length = line.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
}

fn watched(line: &UnixDatagram, socket: &Path) {
    let broker = Broker::start();
    let site = Site::new(&broker, "cold-service", "");
    let variables = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", Path::new("1000000"))];
    let agent = Agent::start_with(&site, &variables);
    assert_eq!(word(line, SOON).as_deref(), Some("READY=1"));
    let journal = std::fs::read_dir(site.folder().join("journal")).unwrap();
    assert!(journal.count() > 0, "ready before the journal is there");

    let began = Instant::now();
    for _ in 0..8 {
        assert_eq!(word(line, SOON).as_deref(), Some("WATCHDOG=1"));
    }
    let took = began.elapsed();
    // The first comes at once, the last after 3.5 s; we may have been late to begin.
    assert!(took >= Duration::from_secs(3), "half of a second each, not {took:?} for eight");

    // A loop that stands still is silent; what was on its way is heard first.
    let process = Pid::from_raw(agent.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let silence = eventually("silence", SOON, || {
        word(line, Duration::from_millis(1_100)).is_none().then_some(true)
    });
    assert!(silence);
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(word(line, SOON).as_deref(), Some("WATCHDOG=1"));

    kill_process(process, Signal::TERM).unwrap();
    let last =
        eventually("the last word", SOON, || word(line, SOON).filter(|word| word != "WATCHDOG=1"));
    assert_eq!(last, "STOPPING=1");
    assert!(agent.stop().success());
}

#[test]
fn the_service_manager_hears_ready_signs_of_life_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    watched(&UnixDatagram::bind(&socket).unwrap(), &socket);
}

#[test]
fn a_socket_without_a_file_is_as_good() {
    let name = format!("outpost-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    watched(&UnixDatagram::bind_addr(&address).unwrap(), Path::new(&format!("@{name}")));
}

//! hawkBit decides which release a board takes, and hears how it ended; what is genuine is still
//! the signed list's to say. The real program under the real launcher, against a server of the
//! test's own or a real hawkBit (`make test-hawkbit`).

mod server;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use outpost_launcher::disk::RealDisk;
use outpost_launcher::slots::Slots;
use outpost_launcher::state::{Slot, State, Taken};

use self::server::Server;
use crate::agent::Site;
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::launched::{PATIENCE, Supervisor, UPDATE};
use crate::place::Place;
use crate::ranges;
use crate::update::{sign, stick};

/// A trial that somebody may want to end.
const LONG: &str = "[update]\ntrial = \"5s\"\ndeadline = \"20s\"\n";

fn site(broker: &Broker, server: &Server, name: &str, update: &str, from: &str) -> Site {
    let url = &server.url;
    let more = format!(
        "{update}{from}[update.hawkbit]\nurl = \"{url}\"\ntarget_token_file = \"@/token\"\n\
         [device.labels]\nsite = \"north\"\n"
    );
    let site = Site::new(broker, name, &more);
    let text = fs::read_to_string(site.config()).unwrap();
    let here = site.folder().to_str().unwrap();
    fs::write(site.config(), text.replace("@/", &format!("{here}/"))).unwrap();
    fs::write(site.folder().join("token"), &server.token).unwrap();
    site
}

#[test]
fn hawkbit_names_releases_and_hears_how_each_ended() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let mut server = Server::start("cold-hawkbit");
    let site = site(&broker, &server, "cold-hawkbit", UPDATE, "from = \"stick\"\n");
    stick(&site, &["1.0.0", "3.0.0"]);
    sign(&site, "2.0.0", "exit 1");
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    server.until_attribute("site", "north");
    bus.wait_json(0, &site.topic("update"), PATIENCE, |told| told["state"] == "idle");

    // To be fetched and no more than that.
    let fetched = server.assign("1.0.0", "downloadonly");
    server.until(&fetched, "downloaded", "its files are on the board");
    let good = server.assign("1.0.0", "soft");
    let told = server.until(&good, "finished", "release 1.0.0 is confirmed");
    assert!(told.text.contains("it is on trial"), "{told:?}");
    bus.wait_json(0, &site.topic("update"), PATIENCE, |told| {
        told["state"] == "confirmed" && told["running"] == "1.0.0"
    });
    server.until_attribute("release", "1.0.0");

    let bad = server.assign("2.0.0", "forced");
    server.until(&bad, "error", "release 2.0.0 was undone");
    // The same once more: it is not tried again.
    let again = server.assign("2.0.0", "forced");
    let told = server.until(&again, "error", "release 2.0.0 was undone");
    assert!(!told.text.contains("on trial"), "{told:?}");
    // Nobody has signed that one.
    let unknown = server.assign("9.9.9", "forced");
    let told = server.until(&unknown, "error", "the repository has no release 9.9.9");
    assert!(!told.text.contains("on trial"), "{told:?}");
    let wrong = server.assign("../1", "forced");
    server.until(&wrong, "error", "is no name");

    let next = server.assign("3.0.0", "forced");
    server.until(&next, "finished", "release 3.0.0 is confirmed");
    assert!(!site.log().contains("token-of-"), "a token is in the log");
}

#[test]
fn hawkbit_stops_a_rollout_of_its_own_at_its_threshold() {
    let broker = Broker::start();
    let mut server = Server::start("cold-hawkbit-groups");
    if !server.is_real() {
        println!("groups are a real server's: make test-hawkbit");
        return;
    }
    let site = site(&broker, &server, "cold-hawkbit-groups", UPDATE, "from = \"stick\"\n");
    stick(&site, &["1.0.0"]);
    sign(&site, "2.0.0", "exit 1");
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    // The first group undoes it: the second one never hears of it.
    let bad = server.roll_out("2.0.0", "cold-hawkbit-rest");
    bad.until(|status, is_open| {
        assert!(!is_open, "the second group has it");
        status == "paused"
    });
    let good = server.roll_out("1.0.0", "cold-hawkbit-rest");
    good.until(|status, is_open| status == "running" && is_open);
}

#[test]
fn hawkbit_tries_what_does_not_work_at_each_question_and_tells_it_once() {
    let broker = Broker::start();
    let mut server = Server::start("cold-hawkbit-away");
    if server.is_real() {
        println!("what is said to the server is counted by the one of the tests");
        return;
    }
    let site = site(&broker, &server, "cold-hawkbit-away", UPDATE, "from = \"stick\"\n");
    stick(&site, &["1.0.0"]);
    // Somebody has drawn it.
    let (here, away) = (site.folder().join("stick"), site.folder().join("away"));
    fs::rename(&here, &away).unwrap();
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    server.until_attribute("site", "north");
    let (asked, _) = server.asked();
    let action = server.assign("1.0.0", "forced");
    eventually("ten questions", PATIENCE, || (server.asked().0 >= asked + 10).then_some(()));
    let told = server.told(&action);
    assert_eq!(told.states, ["running", "running"], "{told:?}");
    // One question begins an attempt, the next one is with its end: that one does not begin.
    let (asked, attempts) = (server.asked().0 - asked, server.asked().1);
    assert!(2 * attempts <= asked + 2, "{attempts} attempts in {asked} questions");

    fs::rename(&away, &here).unwrap();
    let told = server.until(&action, "finished", "release 1.0.0 is confirmed");
    assert_eq!(told.text.matches("release 1.0.0 is taken").count(), 1, "{told:?}");
}

#[test]
fn hawkbit_may_refuse_what_it_is_told_and_is_obeyed_all_the_same() {
    let broker = Broker::start();
    let mut server = Server::start("cold-hawkbit-deaf");
    if server.is_real() {
        println!("a real server refuses nothing at a test's word");
        return;
    }
    server.refuse(Some("it is on trial"));
    let site = site(&broker, &server, "cold-hawkbit-deaf", LONG, "from = \"stick\"\n");
    stick(&site, &["1.0.0"]);
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    let action = server.assign("1.0.0", "forced");
    server.until_refused();
    server.cancel(&action);
    server.until(&action, "cancel_rejected", "it is on trial already");
    server.until(&action, "finished", "release 1.0.0 is confirmed");
    server.refuse(None);
    server.until_attribute("release", "1.0.0");
}

/// A repository on a slow line.
struct Slow {
    /// Bytes of files that were sent.
    sent: Arc<AtomicU64>,
    /// No longer slow.
    fast: Arc<AtomicBool>,
    /// The next file has a byte wrong.
    wrong: Arc<AtomicBool>,
}

impl Slow {
    fn start(folder: PathBuf, listener: TcpListener) -> Slow {
        let (sent, fast) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counts, is_fast) = (sent.clone(), fast.clone());
        let wrong = Arc::new(AtomicBool::new(false));
        let is_wrong = wrong.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                // A client that hangs up is what is tested.
                drop(trickle(stream, &folder, &counts, [&is_fast, &is_wrong]));
            }
        });
        Slow { sent, fast, wrong }
    }
}

fn trickle(
    mut stream: TcpStream,
    folder: &Path,
    sent: &AtomicU64,
    [fast, wrong]: [&AtomicBool; 2],
) -> std::io::Result<()> {
    let (path, start) = ranges::asked(&stream, "/")?;
    let mut bytes = ranges::answer(&mut stream, folder, &path, start)?;
    let total = start + bytes.len();
    if total > 1_000_000 && wrong.swap(false, Ordering::Relaxed) {
        bytes[0] ^= 1;
    }
    for chunk in bytes.chunks(8192) {
        stream.write_all(chunk)?;
        if path.starts_with("targets/") && total > 1_000_000 && !fast.load(Ordering::Relaxed) {
            sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            // That is what makes the line slow.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// A board whose repository, with release 1.0.0 and a larger 1.1.0, is on such a line.
fn on_a_slow_line(broker: &Broker, server: &Server, name: &str, bytes: usize) -> (Site, Slow) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = format!("from = \"http://{}\"\n", listener.local_addr().unwrap());
    let site = site(broker, server, name, LONG, &from);
    stick(&site, &["1.0.0"]);
    let release = crate::launched::publish(&site, "1.1.0", "");
    fs::write(release.join("data.bin"), vec![7; bytes]).unwrap();
    crate::update::signed(&site, &release, "1.1.0");
    let slow = Slow::start(site.folder().join("stick"), listener);
    (site, slow)
}

/// Some 20 s of it, in bytes.
const LONG_BYTES: usize = 8_000_000;

#[test]
fn hawkbit_waits_for_what_was_cut_off_and_for_what_was_damaged_on_its_way() {
    let broker = Broker::start();
    let mut server = Server::start("cold-hawkbit-cut");
    let (site, slow) = on_a_slow_line(&broker, &server, "cold-hawkbit-cut", 1_500_000);
    slow.fast.store(true, Ordering::Relaxed);
    slow.wrong.store(true, Ordering::Relaxed);
    // As a power cut leaves it that comes while a slot is filled.
    let slots = site.folder().join("slots");
    fs::create_dir(&slots).unwrap();
    let (release, slot) = ("1.1.0".parse().unwrap(), Slot::A);
    let intent = Some(Taken { release, slot, manifest: String::new() });
    Slots::new(&slots, RealDisk).write(&State { intent, ..State::default() }).unwrap();
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    let action = server.assign("1.1.0", "forced");
    let told = server.until(&action, "finished", "release 1.1.0 is confirmed");
    assert!(told.text.contains("data.bin: SHA-256"), "{told:?}");
}

#[test]
fn hawkbit_cancels_in_the_middle_and_what_came_is_kept() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let mut server = Server::start("cold-hawkbit-stop");
    let (site, slow) = on_a_slow_line(&broker, &server, "cold-hawkbit-stop", LONG_BYTES);
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    let action = server.assign("1.1.0", "forced");
    server.until(&action, "running", "release 1.1.0 is taken");
    eventually("the first bytes", PATIENCE, || {
        (slow.sent.load(Ordering::Relaxed) > 200_000).then_some(())
    });
    server.cancel(&action);
    let told = server.until(&action, "canceled", "stopped before it was installed");
    assert!(!told.text.contains("on trial"), "{told:?}");
    let sent = slow.sent.load(Ordering::Relaxed);
    assert!(sent < 7_000_000, "{sent} bytes came all the same");
    let idle = bus.wait_json(0, &site.topic("update"), PATIENCE, |_| true);
    assert_eq!(idle["state"], "idle");

    slow.fast.store(true, Ordering::Relaxed);
    let again = server.assign("1.1.0", "forced");
    server.until(&again, "running", "it is on trial");
    // Too late: the trial decides.
    server.cancel(&again);
    server.until(&again, "cancel_rejected", "it is on trial already");
    server.until(&again, "finished", "release 1.1.0 is confirmed");
}

#[test]
fn hawkbit_gives_way_to_an_operators_word() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let mut server = Server::start("cold-hawkbit-word");
    let (site, slow) = on_a_slow_line(&broker, &server, "cold-hawkbit-word", LONG_BYTES);
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    let action = server.assign("1.1.0", "forced");
    eventually("the first bytes", PATIENCE, || {
        (slow.sent.load(Ordering::Relaxed) > 200_000).then_some(())
    });
    let mark = bus.mark();
    bus.say(&site.topic("cmd/update/word"), r#"{"release":"1.0.0"}"#);
    let told = bus.wait_json(mark, &site.topic("cmd-state/update/word"), PATIENCE, |told| {
        !["accepted", "executing"].contains(&told["state"].as_str().unwrap())
    });
    assert_eq!(told["state"], "succeeded", "{told}");
    let sent = slow.sent.load(Ordering::Relaxed);
    assert!(sent < 7_000_000, "{sent} bytes of the other one came first");
    bus.wait_json(mark, &site.topic("update"), PATIENCE, |told| {
        told["state"] == "confirmed" && told["running"] == "1.0.0"
    });
    // What hawkBit wants is still wanted.
    slow.fast.store(true, Ordering::Relaxed);
    server.until(&action, "finished", "release 1.1.0 is confirmed");
}

//! A rollout from end to end: keys, a signed release, boards that look for themselves, and the
//! program that signs step after step by what they report. One board is the real one, with launcher
//! and supervisor; the others are what they tell.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use outpost::update::rollout::{Board, Document};
use serde_json::{Value as Json, json};

use crate::agent::Site;
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::launched::{PATIENCE, Supervisor};
use crate::place::Place;
use crate::update::{outpost, stick};

/// A board that looks each second, with a label.
const UPDATE: &str = "[update]\ntrial = \"1s\"\ndeadline = \"4s\"\nevery = \"1s\"\n";

/// Runs `outpost --json fleet …` on the site's keys and repository; its last line.
fn fleet(site: &Site, words: &[&str]) -> (Json, bool) {
    let (keys, stick) = (site.folder().join("keys"), site.folder().join("stick"));
    let mut all = vec![Path::new("fleet")];
    all.extend(words.iter().map(Path::new));
    all.extend([Path::new("--keys"), &keys, Path::new("--repository"), &stick]);
    let (text, ok) = outpost(&all);
    let json = |line: &str| serde_json::from_str(line).ok();
    (text.lines().rev().find_map(json).unwrap_or(Json::from(text)), ok)
}

/// `outpost fleet rollout` in the background, ended at the end.
struct Campaign(Child);

impl Campaign {
    fn start(site: &Site, broker: &Broker, words: &[&str]) -> Campaign {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
        command.args(["--json", "fleet", "rollout"]).args(words);
        command.arg("--keys").arg(site.folder().join("keys"));
        command.arg("--repository").arg(site.folder().join("stick"));
        command.args(["--url", &url(broker)]).stdin(Stdio::null());
        Campaign(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Waits for its end; whether the rollout was not stopped.
    fn ends(&mut self) -> bool {
        eventually("the rollout's end", PATIENCE, || self.0.try_wait().unwrap()).success()
    }
}

impl Drop for Campaign {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn url(broker: &Broker) -> String {
    format!("mqtt://{}", broker.addr())
}

/// A board that only tells how an update has ended.
fn told(bus: &Bus, board: &str, state: &str, release: &str) {
    let confirmed = (state == "confirmed").then_some(release);
    let report = json!({"state": state, "release": release, "reason": "its bus is not connected",
        "confirmed": confirmed, "labels": {"site": "north"}});
    bus.leave(&format!("outpost/{board}/update"), report.to_string());
}

/// How rollout `number` is signed just now.
fn signed(site: &Site, number: u64) -> outpost::update::rollout::Rollout {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (keys, stick) = (site.folder().join("keys"), site.folder().join("stick"));
    let document: Document =
        runtime.block_on(outpost::fleet::rollout::read(&keys, &stick)).unwrap();
    document.rollouts.into_iter().find(|one| one.number == number).unwrap()
}

/// Of a hundred boards: their names, the first that rollout `number` takes first.
fn order(site: &Site, number: u64) -> Vec<String> {
    let one = signed(site, number);
    let mut names: Vec<_> = (0..100).map(|n| format!("b-{n}")).collect();
    names.sort_by_key(|name| one.place(name));
    names
}

#[test]
fn a_board_takes_a_release_when_the_rollout_has_come_to_it_and_it_stops_by_itself() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let label = "[device.labels]\nsite = \"north\"\n";
    let site = Site::new(&broker, "cold-rollout", &format!("{UPDATE}{label}"));
    stick(&site, &["1.0.0", "2.0.0"]);
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    let idle = bus.wait_json(0, &site.topic("update"), PATIENCE, |told| told["state"] == "idle");
    assert_eq!(idle["labels"], json!({"site": "north"}));

    // Others first: a rollout for another site is none for this board.
    let south = ["rollout", "1.0.0", "--label", "site=south", "--steps", "100@1h", "--once"];
    let (line, ok) = fleet(&site, &[&south[..], &["--url", &url(&broker)]].concat());
    assert!(ok && line["inside"] == 0 && line["known"] == 1, "{line}");
    let mark = bus.mark();
    bus.say(&site.topic("cmd/update/now"), r#"{"look":true}"#);
    bus.wait_json(mark, &site.topic("cmd-state/update/now"), PATIENCE, |told| {
        told["state"] == "succeeded" && told["reason"] == "looks for a rollout"
    });
    let north = ["1.0.0", "--label", "site=north", "--steps", "100@1s"];
    let mark = bus.mark();
    let mut campaign = Campaign::start(&site, &broker, &north);
    bus.wait_json(mark, &site.topic("update"), PATIENCE, |told| {
        told["release"] == "1.0.0" && told["state"] == "confirmed"
    });
    assert!(campaign.ends(), "every board has confirmed it, and it is done");
    assert_eq!(signed(&site, 2).standing.word(), "done");

    // A hundred more boards of which the first two undo the next release.
    let words = ["2.0.0", "--label", "site=north", "--steps", "10@1s,100@1s"];
    let (line, ok) = fleet(&site, &["pause", "1"]);
    assert!(ok && line["standing"] == "paused", "{line}");
    for board in 0..100 {
        told(&bus, &format!("b-{board}"), "confirmed", "1.0.0");
    }
    let mut campaign = Campaign::start(&site, &broker, &words);
    eventually("its first signature", PATIENCE, || {
        let (line, ok) = fleet(&site, &["status", "--url", &url(&broker)]);
        (ok && line["rollouts"] == 3).then_some(())
    });
    let order = order(&site, 3);
    told(&bus, &order[0], "undone", "2.0.0");
    assert!(!campaign.ends(), "it stops by itself");
    let stopped = signed(&site, 3);
    assert_eq!((stopped.standing.word(), stopped.step), ("stopped", 0));
    assert!(stopped.reason.contains("its bus is not connected"), "{}", stopped.reason);
    let board = Board { name: order[99].clone(), ..Board::default() };
    assert!(!stopped.has(&board));
    // The end of it leads nobody back, and it does not come again.
    let (line, ok) = fleet(&site, &["abort", "3"]);
    assert!(ok, "{line}");
    let (line, ok) = fleet(&site, &["pause", "3"]);
    assert!(!ok, "{line}");
}

#[test]
fn a_rollout_that_no_board_reports_of_goes_nowhere() {
    let broker = Broker::start();
    let site = Site::new(&broker, "cold-nobody", UPDATE);
    stick(&site, &["1.0.0"]);
    let words = ["rollout", "1.0.0", "--steps", "50@0s,100@0s", "--once", "--url", &url(&broker)];
    let (line, ok) = fleet(&site, &words);
    assert!(ok && line["known"] == 0, "{line}");
    assert_eq!((signed(&site, 1).step, signed(&site, 1).standing.word()), (0, "running"));
}

#[test]
fn boards_that_only_come_back_hold_up_no_judgement() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-chatter", UPDATE);
    stick(&site, &["1.0.0"]);
    let (over, is_over) = mpsc::channel::<()>();
    // As with ten thousand boards on mobile lines: one or another is always just back.
    let chatter = std::thread::spawn(move || {
        let pace = Duration::from_millis(500);
        while is_over.recv_timeout(pace) == Err(mpsc::RecvTimeoutError::Timeout) {
            told(&bus, "b-1", "idle", "0");
        }
    });
    let words = ["1.0.0", "--label", "site=north", "--steps", "100@1h", "--once"];
    assert!(Campaign::start(&site, &broker, &words).ends());
    let (line, ok) = fleet(&site, &["status", "--url", &url(&broker)]);
    assert!(ok && line["known"] == 1, "{line}");
    drop(over);
    chatter.join().unwrap();
}

#[test]
fn a_broker_that_has_forgotten_a_report_is_told_again_and_so_is_the_clouds() {
    let (mut broker, mut far) = (Broker::start(), Broker::start());
    let port = far.addr().port();
    let more = format!(
        "{UPDATE}[[cloud]]\nname = \"hq\"\nurl = \"mqtt://127.0.0.1:{port}\"\ncommands = true\n"
    );
    let site = Site::new(&broker, "cold-told", &more);
    stick(&site, &[]);
    let _place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    let told = |broker: &Broker| {
        // One who comes later: what is retained.
        let topic = site.topic("update");
        Bus::join(broker).wait_json(0, &topic, PATIENCE, |told| told["state"] == "idle");
    };
    told(&broker);
    told(&far);
    // As after a pulled plug: it knows nothing any more.
    for broker in [&mut broker, &mut far] {
        broker.kill();
        broker.restart();
        told(broker);
    }
}

#[test]
fn a_rollout_is_paused_and_goes_on_where_another_one_has_ended() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-resume", UPDATE);
    stick(&site, &["1.0.0"]);
    for board in 0..20 {
        told(&bus, &format!("b-{board}"), "idle", "0");
    }
    let words = ["1.0.0", "--steps", "50@0s,100@0s", "--nudge"];
    let campaign = Campaign::start(&site, &broker, &words);
    let known = eventually("its first step", PATIENCE, || {
        let (line, _) = fleet(&site, &["status", "--url", &url(&broker)]);
        (line["rollouts"] == 1).then_some(line["known"].clone())
    });
    assert_eq!(known, 20);
    // Those that are in are told to look, and nobody else is.
    let one = signed(&site, 1);
    let is_in = |name: &str| one.has(&Board { name: name.into(), ..Board::default() });
    for name in (0..20).map(|n| format!("b-{n}")).filter(|name| is_in(name)) {
        let topic = format!("outpost/{name}/cmd/update/rollout-1-1");
        bus.wait_json(0, &topic, PATIENCE, |told| told["look"] == true);
    }
    drop(campaign);
    let nudges = bus.since(0).into_iter().filter(|it| it.topic.ends_with("/rollout-1-1"));
    let mut names = nudges.map(|it| it.topic.split('/').nth(1).unwrap().to_owned());
    assert!(names.all(|name| is_in(&name)));
    let (_, ok) = fleet(&site, &["pause"]);
    assert!(ok);
    for board in 0..20 {
        told(&bus, &format!("b-{board}"), "confirmed", "1.0.0");
    }
    // One that only looks lifts no pause, whether it names the release or not.
    for words in [&["rollout", "1.0.0"][..], &["rollout"]] {
        let (line, ok) = fleet(&site, &[words, &["--once", "--url", &url(&broker)]].concat());
        assert!(ok && line["why"] == "paused", "{line}");
    }
    assert_eq!((signed(&site, 1).step, signed(&site, 1).standing.word()), (0, "paused"));
    // Elsewhere, with nothing but the repository and the keys.
    let mut campaign = Campaign::start(&site, &broker, &[]);
    assert!(campaign.ends());
    assert_eq!((signed(&site, 1).step, signed(&site, 1).standing.word()), (1, "done"));
    let (line, ok) = fleet(&site, &["rollout", "--once", "--url", &url(&broker)]);
    assert!(!ok && line.to_string().contains("no rollout is under way"), "{line}");
}

//! Twelve bad releases under the real launcher: each is undone by itself and reported with the
//! reason, and the rules stand still for no longer than two starts and the launcher's alarm.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use outpost_launcher::disk::RealDisk;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::Slots;
use serde_json::{Value as Json, json};

use crate::agent::{SOON, Site};
use crate::bus::Bus;
use crate::common::Broker;
use crate::launched::{PATIENCE, Supervisor, UPDATE, apply, ends, publish};
use crate::mind;
use crate::place::Place;

/// What the slots say of the start before an update, in milliseconds. A debug build on a loaded
/// machine needs a second, where a release build takes 20 ms; the launcher gives three times that,
/// a second at least. `OUTPOST_BAD_START_MS=100` measures the pause of a board on a quiet machine.
fn start_ms() -> u64 {
    std::env::var("OUTPOST_BAD_START_MS").map_or(1000, |text| text.parse().unwrap())
}

/// The launcher's alarm after such a start: a release that hangs keeps the rules waiting so long.
fn alarm() -> Duration {
    Duration::from_secs((3 * start_ms()).div_ceil(1000))
}

/// For what no good update shows: the time between two readings of the room, and one that is late.
const READINGS: Duration = Duration::from_millis(500);

/// The longest that rules may stand still on this machine, where an update that goes well makes
/// them stand still for `usual`: into the bad release, its alarm, and back out of it.
fn pause_max(usual: Duration) -> Duration {
    alarm() + 2 * usual + READINGS
}

/// Writes down how well the board was before: with its bus, and with a mind or without.
fn write_baseline(site: &Site, mind: bool) {
    fs::create_dir(site.folder().join("slots")).unwrap();
    let well = json!({"bus": true, "mind": mind, "start_ms": start_ms()});
    fs::write(site.folder().join("slots/baseline.json"), well.to_string()).unwrap();
}

/// The longest time without a reading that somebody dealt with, of those that begin between then
/// and then; there is a reading each 200 ms.
fn longest_pause(site: &Site, from: jiff::Timestamp, to: jiff::Timestamp) -> Duration {
    let at = |record: &Json| -> jiff::Timestamp { record["at"].as_str().unwrap().parse().unwrap() };
    let times: Vec<_> = site.records("reading").iter().map(at).collect();
    let pairs = times.windows(2).filter(|pair| (from..=to).contains(&pair[0]));
    pairs.map(|pair| pair[1].duration_since(pair[0]).unsigned_abs()).max().unwrap()
}

/// What a release does before it becomes the real program, and how its end is told; `ALARM` is its
/// length.
const BAD: [(&str, &str, &str); 8] = [
    ("2.0.0", "export OUTPOST__BUS__URL=mqtt://127.0.0.1:1", "the bus is not connected"),
    ("3.0.0", "export OUTPOST__AGENT__MODE=dance", "does not accept this board's configuration"),
    ("4.0.0", "exit 1", "ended before its rules ran"),
    ("5.0.0", "kill -ABRT $$", "ended before its rules ran"),
    // Well, and gone before its trial is over; slow machines do not get so far.
    ("5.1.0", "(sleep 0.8; kill -KILL $$) &", "ended"),
    // More memory than there is.
    ("5.2.0", "ulimit -v 60000", "ended before its rules ran"),
    // Hangs before it is a program of ours.
    ("5.3.0", "exec sleep 1000", "they did not run within ALARM"),
    // Hangs while it runs.
    ("5.4.0", "export LD_PRELOAD=$OUTPOST_SLOTS/../hang.so", "its rules stood still"),
];

/// Stands before the C library of a release: half a second after it began to wait for anything its
/// first thread, which runs the rules, never comes back from a wait. The others go on.
const HANG: &str = r"
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int ms) {
    static long began_ms;
    if (getpid() == syscall(SYS_gettid)) {
        if (began_ms == 0) began_ms = now_ms();
        while (now_ms() - began_ms > 500) pause();
    }
    return syscall(SYS_epoll_pwait, epoll, events, most, ms, NULL, 8);
}
";

/// Compiles `HANG` where the releases expect it.
fn build_hang(site: &Site) {
    let (source, library) = (site.folder().join("hang.c"), site.folder().join("hang.so"));
    fs::write(&source, HANG).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(library).arg(source);
    assert!(compiler.status().unwrap().success(), "cc");
}

#[test]
fn good_releases_are_confirmed_and_bad_ones_undone_with_their_reason() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-update", UPDATE);
    build_hang(&site);
    write_baseline(&site, false);
    // Devices that answer, so that each hand-over to `safe` is short.
    let _place = Place::open(&broker, 12.0);
    let supervisor = Supervisor::start(&site);
    let told = bus.wait_json(0, &site.topic("update"), SOON, |told| told["state"] == "idle");
    assert_eq!(told["running"], Json::Null);

    // The good one shows what a restart takes here.
    let mut begun = vec![("1.0.0", jiff::Timestamp::now())];
    let good = publish(&site, "1.0.0", "");
    let told = ends(&site, &bus, &good, "1.0.0");
    assert_eq!((&told["state"], &told["running"]), (&json!("confirmed"), &json!("1.0.0")));
    let (text, ok) = apply(&site, &good);
    assert!(ok && text.contains("\"confirmed\""), "{text}");

    // Each of them runs as far as it can; what is confirmed runs again after it.
    for (id, before, reason) in BAD {
        begun.push((id, jiff::Timestamp::now()));
        let release = publish(&site, id, before);
        let told = ends(&site, &bus, &release, id);
        assert!(told["state"] == "undone" && told["running"] == "1.0.0", "{told}");
        let reason = reason.replace("ALARM", &format!("{} s", alarm().as_secs()));
        assert!(told["reason"].as_str().unwrap().contains(&reason), "{told}");
        let (text, ok) = apply(&site, &release);
        assert!(!ok && text.contains(&format!("release {id} was undone")), "{text}");
        println!("{id}: {}", told["reason"]);
    }
    begun.push(("6.0.0", jiff::Timestamp::now()));
    let told = ends(&site, &bus, &publish(&site, "6.0.0", ""), "6.0.0");
    assert_eq!((&told["state"], &told["running"]), (&json!("confirmed"), &json!("6.0.0")));
    drop(supervisor);
    let state = Slots::new(site.folder().join("slots"), RealDisk).state().unwrap();
    assert_eq!(state.confirmed.unwrap().release, "6.0.0".parse::<Name>().unwrap());
    let usual = longest_pause(&site, begun[0].1, begun[1].1);
    println!("1.0.0: the rules stood still for {usual:?} at most, which is usual here");
    for pair in begun[1..].windows(2) {
        let (id, pause) = (pair[0].0, longest_pause(&site, pair[0].1, pair[1].1));
        println!("{id}: the rules stood still for {pause:?} at most");
        // Without a bus rules run and hear nothing.
        assert!(id == "2.0.0" || pause <= pause_max(usual), "{id}: {pause:?}, usual {usual:?}");
    }
    site.verify();
}

/// What cannot be of use here is not even put into a slot.
#[test]
fn a_release_for_another_board_or_without_what_it_needs_is_refused_and_reported() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-needs", UPDATE);
    let _supervisor = Supervisor::start(&site);
    bus.wait_json(0, &site.topic("update"), SOON, |told| told["state"] == "idle");
    let needs = [
        (json!({"architectures": ["vax"]}), "is for vax; this board is"),
        (json!({"needs": {"boards": ["rpi5"]}}), "needs the board rpi5; this is "),
        (json!({"needs": {"program": "99.0.0"}}), "needs the program 99.0.0 or newer; this is "),
        (json!({"needs": {"models": ["no-such-model"]}}), "needs the model no-such-model, and "),
        (json!({"files": []}), "release.json: program: outpost is none of its files"),
    ];
    for (number, (more, reason)) in needs.into_iter().enumerate() {
        let id = format!("{number}.0.0");
        let release = publish(&site, &id, "");
        let path = release.join("release.json");
        let mut manifest: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fs::write(&path, manifest.to_string()).unwrap();
        let mark = bus.mark();
        let (text, ok) = apply(&site, &release);
        assert!(!ok && text.contains(reason), "{text}");
        if manifest["files"] == json!([]) {
            // A manifest that cannot be read has no id to report.
            continue;
        }
        let told = bus.wait_json(mark, &site.topic("update"), SOON, |told| told["release"] == id);
        assert!(told["state"] == "refused" && told["running"] == Json::Null, "{told}");
        assert!(told["reason"].as_str().unwrap().contains(reason), "{told}");
    }
    // One that is taken ends the report.
    let told = ends(&site, &bus, &publish(&site, "9.0.0", ""), "9.0.0");
    assert_eq!(told["state"], "confirmed");
}

/// A model that is none and an adapter that is damaged cost the mind, and with it the trial; the
/// rules run meanwhile.
#[test]
fn a_release_with_a_wrong_model_or_a_damaged_adapter_is_undone() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let update = "[update]\ntrial = \"1s\"\ndeadline = \"5s\"\n";
    let section = mind::section(mind::model().to_str().unwrap());
    let site = Site::new(&broker, "cold-minds", &format!("{update}{section}"));
    write_baseline(&site, true);
    let (wrong, damaged) = (site.folder().join("wrong.gguf"), site.folder().join("damaged.gguf"));
    fs::write(&wrong, vec![7; 1 << 16]).unwrap();
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/adapters/edge-operator.gguf");
    let adapter = fs::read(adapter).unwrap();
    fs::write(&damaged, &adapter[..adapter.len() / 2]).unwrap();
    let _place = Place::open(&broker, 12.0);
    let started = jiff::Timestamp::now();
    let supervisor = Supervisor::start(&site);
    let status = site.topic("status");
    bus.wait_json(0, &status, PATIENCE, |status| status["mind"] == "ready");
    // The one that runs at the mark has gone, and one has come whose mind is ready.
    let ready_again = |mark| {
        let mut is_gone = false;
        bus.wait(mark, "ready again", PATIENCE, |message| {
            let told = (message.topic == status).then(|| message.json())?;
            is_gone |= told["state"] == "offline";
            (is_gone && told["mind"] == "ready").then_some(())
        });
    };
    // What a restart takes here: none of these releases is a good one.
    let mark = bus.mark();
    supervisor.kill();
    ready_again(mark);
    let usual = longest_pause(&site, started, jiff::Timestamp::now());
    println!("the rules stood still for {usual:?} at a kill, which is usual here");
    for (id, key, file) in [("2.0.0", "MODEL", wrong), ("3.0.0", "ADAPTER", damaged)] {
        let before = format!("export OUTPOST__MIND__{key}={}", file.display());
        let release = publish(&site, id, &before);
        let (began, mark) = (jiff::Timestamp::now(), bus.mark());
        let told = ends(&site, &bus, &release, id);
        assert_eq!(told["state"], "undone");
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains("the mind is ") && reason.ends_with("it was ready"), "{reason}");
        let ended = jiff::Timestamp::now();
        ready_again(mark);
        let pause = longest_pause(&site, began, ended);
        println!("{id}: {reason}; the rules stood still for {pause:?} at most");
        assert!(pause <= pause_max(usual), "{id}: {pause:?}, usual {usual:?}");
    }
}

//! A service whose output nobody reads: a full pipe, a closed one. It costs lines; rules, bus and
//! journal go on, and so does the way to a good end.

use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;

/// A pipe with no room for one more byte.
fn full() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    for size in [4096, 1] {
        let fill = vec![b'\n'; size];
        let refused = std::iter::repeat_with(|| writer.write_all(&fill)).find_map(Result::err);
        assert_eq!(refused.unwrap().kind(), ErrorKind::WouldBlock);
    }
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// `outpost run --json` that says as much as it can.
fn run(site: &Site, to: PipeWriter, log: PipeWriter) -> Child {
    Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["run", "--json", "--config"])
        .arg(site.config())
        .env("OUTPOST_BOARD_ROOT", site.folder())
        .env("OUTPOST_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(to)
        .stderr(log)
        .spawn()
        .unwrap()
}

fn works(bus: &Bus, site: &Site, place: &Place, mark: usize) {
    bus.wait_json(mark, &site.topic("status"), SOON, |status| status["state"] == "online");
    place.room().leak = true;
    eventually("the siren", SOON, || place.room().siren.then_some(()));
}

fn stops(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = eventually("the agent's end", SOON, || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

#[test]
fn output_that_nobody_reads_stops_neither_rules_nor_the_end() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-unread", "");
    let (mut said, to) = full();
    let (_unread, log) = full();
    let mark = bus.mark();
    let child = run(&site, to, log);
    works(&bus, &site, &place, mark);
    // Somebody reads at last: what waited is there.
    let mut text = Vec::new();
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(&text).contains("water on the floor") {
        let count = said.read(&mut bytes).unwrap();
        assert!(count > 0, "the output has ended");
        text.extend_from_slice(&bytes[..count]);
    }
    stops(child);
    site.verify();
}

/// The place of a demo lives on as if somebody read, and its end comes.
#[test]
fn a_demo_whose_lines_nobody_reads_comes_to_its_end() {
    let (_unread, to) = full();
    let mut child = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["demo", "--json", "--no-mind", "--hours", "0.5", "--web", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(to)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Half an hour of the place, computed by a debug build.
    let status = eventually("the demo's end", SOON * 3, || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

#[test]
fn output_that_is_closed_ends_nothing() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-closed", "");
    let ((said, to), (log_read, log)) = (pipe().unwrap(), pipe().unwrap());
    drop((said, log_read));
    let mark = bus.mark();
    let child = run(&site, to, log);
    works(&bus, &site, &place, mark);
    stops(child);
    site.verify();
}

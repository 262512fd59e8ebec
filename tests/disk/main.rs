//! Disks that are full, read-only or slow, under the real program on a real mosquitto: rules go on
//! as before, nothing that was said to be stored is lost, and all of it ends by itself.
//!
//! `make test-disk` runs it: it mounts small file systems, so it needs root.
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../run/agent.rs"]
mod agent;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../run/bus.rs"]
mod bus;
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../run/launched.rs"]
mod launched;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../run/place.rs"]
mod place;

mod site;
mod update;

use std::time::Duration;

use common::Broker;
use outpost::clock::Now;
use outpost::domain::{Entry, Value};
use outpost::journal::{Filter, Options, Reader, Record, Stamp, Store, StoreBackend};
use site::{Agent, Disk, Site};

/// Small packets leave the broker at once: else the kernel's 40 ms are all that is measured.
const AT_ONCE: &str = "set_tcp_nodelay true\n";

/// How much longer a rule may take, by the median of a phase, than on a sound disk.
const MORE: Duration = Duration::from_millis(1);

/// A phase with a bad disk beside the one before it.
fn compare(what: &str, sound: &[Duration], bad: &[Duration]) {
    let (before, during) = (median(sound), median(bad));
    let longest = bad.iter().max().unwrap();
    println!("{what}: a rule in {during:?}, {before:?} on a sound disk, longest {longest:?}");
    assert!(during <= before + MORE, "{what}: {during:?} where it was {before:?}");
}

/// The plug is pulled: what was said to be stored is there, and the sequence is whole.
fn whole_after_a_kill(site: &Site, agent: Agent) {
    let said = site.said();
    agent.kill();
    site.holds(&said);
    site.verify();
}

/// A broker, a small disk, and a site whose journal lies on it.
fn place() -> (Broker, Disk, Site) {
    let (broker, disk) = (Broker::start_with(AT_ONCE), Disk::mount(40));
    let site = Site::new(&broker, &disk.folder().join("journal"));
    (broker, disk, site)
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn a_full_disk_keeps_no_rule_waiting_and_loses_nothing_that_was_acknowledged() {
    let (_broker, disk, site) = place();
    let agent = Agent::start(&site);
    site.wait_online();
    site.order("before", "on");
    let sound = site.reactions();
    disk.fill();
    site.noise(Duration::from_secs(5));
    let full = site.reactions();
    site.send("during", "off");
    site.wait_event("the word that it is full", "journal");
    compare("full", &sound, &full);
    disk.empty();
    site.wait_recovered();
    site.wait_end("during");
    site.order("after", "on");
    let said = site.said();
    agent.kill();
    let agent = Agent::start(&site);
    site.wait_online();
    site.holds(&said);
    drop(agent);
    site.verify();
}

/// The blocks that `mkfs` gives a small partition: in each page of its shared memory SQLite writes
/// one byte, so that three blocks of four are holes, and who writes into one on a full disk is
/// ended by the kernel.
#[test]
fn a_full_disk_of_small_blocks_ends_no_program() {
    let broker = Broker::start_with(AT_ONCE);
    let disk = Disk::mount_with(40, 1024);
    let site = Site::new(&broker, &disk.folder().join("journal"));
    let mut agent = Agent::start(&site);
    site.wait_online();
    site.order("before", "on");
    let said = site.said();
    disk.fill();
    site.noise(Duration::from_secs(5));
    site.reactions();
    assert!(agent.lives(), "while it becomes full");
    agent.kill();
    for spare_bytes in [0, 4096, 4096, 8192] {
        disk.spare(spare_bytes);
        let mut agent = Agent::start(&site);
        site.wait_online();
        site.reactions();
        assert!(agent.lives(), "{spare_bytes} bytes more");
        agent.kill();
    }
    let agent = Agent::start(&site);
    site.wait_online();
    disk.empty();
    site.wait_recovered();
    site.order("after", "on");
    agent.kill();
    site.holds(&said);
    site.verify();
}

#[test]
fn a_disk_that_becomes_writable_again_is_written_to() {
    let (_broker, disk, site) = place();
    let agent = Agent::start(&site);
    site.wait_online();
    site.order("before", "on");
    let sound = site.reactions();
    agent.kill();
    disk.remount("ro");
    let agent = Agent::start(&site);
    site.wait_online();
    let bad = site.reactions();
    compare("read-only", &sound, &bad);
    site.wait_event("the word that it takes nothing", "journal");
    site.send("during", "off");
    disk.remount("rw");
    site.wait_recovered();
    site.wait_end("during");
    site.order("after", "on");
    whole_after_a_kill(&site, agent);
}

#[test]
fn a_disk_that_was_never_written_to_is_taken_up_once_it_can_be() {
    let (_broker, disk, site) = place();
    disk.remount("ro");
    let agent = Agent::start(&site);
    site.wait_online();
    site.reactions();
    disk.remount("rw");
    site.wait_recovered();
    site.order("after", "on");
    whole_after_a_kill(&site, agent);
}

#[test]
fn a_disk_that_takes_100_ms_a_sync_keeps_no_rule_waiting() {
    let (_broker, _disk, site) = place();
    let agent = Agent::start(&site);
    site.wait_online();
    let sound = site.reactions();
    drop(agent);
    let agent = Agent::start_slow(&site);
    site.wait_online();
    site.noise(Duration::from_secs(2));
    let slow = site.reactions();
    compare("100 ms a sync", &sound, &slow);
    site.order("slow", "on");
    whole_after_a_kill(&site, agent);
}

/// A full file of the chain has no index of its log, and there is no room to make one.
#[test]
fn a_full_disk_hides_nothing_of_the_journal() {
    let disk = Disk::mount(40);
    let folder = disk.folder().join("journal");
    let (mut store, _) = Store::open(&folder, Options::of_quota(4_200_000)).unwrap();
    for first in (1..=RECORDS).step_by(100) {
        let batch: Vec<_> = (first..first + 100).map(reading).collect();
        store.commit(&batch).unwrap();
    }
    store.close().unwrap();
    drop(store);
    disk.fill();
    let mut here = Vec::new();
    let read = Reader::open(&folder).unwrap().each(0, &Filter::default(), |record| {
        here.push(record.seq);
        true
    });
    disk.empty();
    read.unwrap();
    assert_eq!(here, (1..=RECORDS).collect::<Vec<_>>());
}

/// As many as fill some files of the chain.
const RECORDS: u64 = 8000;

fn reading(seq: u64) -> Record {
    let noise = (0..8).map(|part| format!("{:016x}", (seq * 8 + part).wrapping_mul(ODD)));
    let entry = Entry::Reading { sensor: "air".into(), value: Value::Text(noise.collect()) };
    Record::new(Stamp { seq, boot: 1, now: Now::default() }, &entry)
}

/// Multiples of it look like noise.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

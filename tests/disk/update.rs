//! A release that fills the disk, with the real launcher: it is undone at once, with its reason, by
//! the last state that such a disk takes.

use std::os::unix::fs::symlink;

use outpost_launcher::disk::RealDisk;
use outpost_launcher::slots::Slots;

use crate::agent::{SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::launched::{PATIENCE, Supervisor, UPDATE, ends, publish};
use crate::place::Place;
use crate::site::Disk;

/// Takes every byte, also those that are given back meanwhile, until it is told to stop.
const FILLS: &str = "cd $OUTPOST_SLOTS
(for i in $(seq 1000); do cat /dev/zero >> filler; [ -e stop ] && break; sleep 0.02; done
rm filler) 2> /dev/null &";

#[test]
fn a_release_that_fills_the_disk_is_undone_at_once() {
    let (broker, disk) = (Broker::start(), Disk::mount(64));
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-full", UPDATE);
    for name in ["slots", "journal"] {
        std::fs::create_dir(disk.folder().join(name)).unwrap();
        symlink(disk.folder().join(name), site.folder().join(name)).unwrap();
    }
    let place = Place::open(&broker, 12.0);
    let _supervisor = Supervisor::start(&site);
    bus.wait_json(0, &site.topic("update"), SOON, |told| told["state"] == "idle");
    let told = ends(&site, &bus, &publish(&site, "1.0.0", ""), "1.0.0");
    assert_eq!(told["state"], "confirmed");

    let told = ends(&site, &bus, &publish(&site, "2.0.0", FILLS), "2.0.0");
    assert!(told["state"] == "undone" && told["running"] == "1.0.0", "{told}");
    let reason = told["reason"].as_str().unwrap();
    println!("{reason}");
    assert!(
        reason.contains("it fills the disk: ") && reason.contains(" bytes are free"),
        "{reason}"
    );
    // Rules run on the full disk.
    place.room().leak = true;
    eventually("the siren", SOON, || place.room().siren.then_some(()));
    let state = Slots::new(site.folder().join("slots"), RealDisk).state().unwrap();
    assert_eq!(state.confirmed.unwrap().release.as_str(), "1.0.0");

    // With room again the next release is taken.
    let file = |name: &str| disk.folder().join("slots").join(name);
    std::fs::File::create(file("stop")).unwrap();
    eventually("room for the next one", PATIENCE, || (!file("filler").exists()).then_some(()));
    let told = ends(&site, &bus, &publish(&site, "3.0.0", ""), "3.0.0");
    assert_eq!(told["state"], "confirmed", "{told}");
}

//! Operators behind a destination of the journal: the same commands as on the bus, each carried out
//! once whichever way it comes, and what they are told of the board.

use std::time::Instant;

use outpost::domain::{Entry, Severity};
use outpost::uplink::batch::decode;
use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::place::Place;
use crate::proxy::Proxy;

fn status(cloud: &Bus, site: &Site, mark: usize, key: &str, word: &str) -> Json {
    cloud.wait_json(mark, &site.topic("status"), SOON, |status| status[key] == word)
}

fn state(bus: &Bus, site: &Site, mark: usize, command: &str, word: &str) -> Json {
    let topic = site.topic(&format!("cmd-state/{command}"));
    bus.wait_json(mark, &topic, SOON, |state| state["state"] == word)
}

/// Two brokers, a place on the first, and a site whose second one may command.
fn site(broker: &Broker, far: &Broker, device: &str) -> Site {
    let more = format!(
        "[[cloud]]\nname = \"hq\"\nurl = \"mqtt://127.0.0.1:{}\"\ncommands = true\n",
        far.addr().port()
    );
    Site::new(broker, device, &more)
}

fn lamp_commands(place: &Place) -> Vec<String> {
    let commands = place.room().commands.clone();
    commands.into_iter().filter(|(device, _)| device == "lamp").map(|(_, word)| word).collect()
}

#[test]
fn a_command_from_the_cloud_is_carried_out_once_whichever_way_it_comes() {
    let (broker, far) = (Broker::start(), Broker::start());
    let place = Place::open(&broker, 5.0);
    let (bus, cloud) = (Bus::join(&broker), Bus::join(&far));
    let site = site(&broker, &far, "cold-remote");
    let agent = Agent::start(&site);
    let online = status(&cloud, &site, 0, "state", "online");
    assert_eq!(online["mode"], "act", "{online}");
    eventually("the lamp's start", SOON, || (lamp_commands(&place) == ["OFF"]).then_some(()));

    let mark = bus.mark();
    let on = r#"{"actuator":"lamp","value":"on"}"#;
    cloud.say(&site.topic("cmd/set/r1"), on);
    state(&cloud, &site, 0, "set/r1", "accepted");
    state(&cloud, &site, 0, "set/r1", "succeeded");
    state(&bus, &site, mark, "set/r1", "succeeded");
    assert!(place.room().lamp);
    // Again, from the bus and from the cloud: the recorded state, and nothing moves.
    let (here, there) = (bus.mark(), cloud.mark());
    bus.say(&site.topic("cmd/set/r1"), on);
    state(&bus, &site, here, "set/r1", "succeeded");
    cloud.say(&site.topic("cmd/set/r1"), on);
    let topic = site.topic("cmd-state/set/r1");
    let twice = || (cloud.on(there, &topic).len() >= 2).then_some(());
    eventually("both repeats are answered", SOON, twice);
    assert_eq!(lamp_commands(&place), ["OFF", "ON"]);
    assert_eq!(site.states("set/r1"), ["accepted", "executing", "succeeded"]);

    // A broker far away cannot play a sensor or give another board's commands.
    cloud.say("cold/leak", "true");
    cloud.say("outpost/another/cmd/set/r2", on);
    let mark = cloud.mark();
    cloud.say(&site.topic("cmd/set/r3"), r#"{"actuator":"boiler","value":"on"}"#);
    let refused = state(&cloud, &site, mark, "set/r3", "rejected");
    assert!(refused["reason"].as_str().unwrap().contains("boiler"), "{refused}");
    cloud.say(&site.topic("cmd/set/r4"), vec![b'x'; 100_000]);
    state(&cloud, &site, mark, "set/r4", "rejected");
    assert!(!place.room().siren && site.states("set/r2").is_empty());

    let mark = cloud.mark();
    assert!(agent.stop().success());
    let last = status(&cloud, &site, mark, "state", "offline");
    assert_eq!(last, serde_json::json!({"state": "offline"}));
    site.verify();
}

#[test]
fn the_cloud_is_told_what_waits_and_hears_of_a_dead_board() {
    let (broker, far) = (Broker::start(), Broker::start());
    let place = Place::open(&broker, 5.0);
    let cloud = Bus::join(&far);
    let site = site(&broker, &far, "cold-far");
    let agent = Agent::start(&site);
    status(&cloud, &site, 0, "state", "online");
    let mark = cloud.mark();
    cloud.say(&site.topic("cmd/mode/m1"), r#"{"mode":"advise"}"#);
    state(&cloud, &site, mark, "mode/m1", "succeeded");
    status(&cloud, &site, mark, "mode", "advise");

    // Something must be done, and a person far away says yes.
    place.room().celsius = 12.0;
    let head = site.topic("approval/");
    let (id, waits) = cloud.wait(mark, "an approval", SOON, |message| {
        let id = message.topic.strip_prefix(&head).filter(|_| !message.payload.is_empty())?;
        Some((id.to_owned(), message.json()))
    });
    let device = waits["actuator"].as_str().unwrap().to_owned();
    assert!(["compressor", "blower"].contains(&device.as_str()), "{waits}");
    cloud.say(&site.topic("cmd/approve/a1"), format!(r#"{{"approval":"{id}"}}"#));
    state(&cloud, &site, mark, "approve/a1", "succeeded");
    eventually("what was approved", SOON, || {
        let room = place.room();
        (room.compressor || room.blower > 0.0).then_some(())
    });
    cloud.wait(mark, "the approval's end", SOON, |message| {
        (message.topic == format!("{head}{id}") && message.payload.is_empty()).then_some(())
    });

    // A dead board: the last will. What is asked meanwhile waits at the broker.
    let mark = cloud.mark();
    agent.kill();
    status(&cloud, &site, mark, "state", "offline");
    let issued = jiff::Timestamp::now();
    let late = format!(r#"{{"issued":"{issued}","ttl_s":120,"actuator":"lamp","value":"on"}}"#);
    cloud.say(&site.topic("cmd/set/late"), late);
    let old = r#"{"issued":"2020-01-01T00:00:00Z","actuator":"siren","value":"on"}"#;
    cloud.say(&site.topic("cmd/set/old"), old);
    let agent = Agent::start(&site);
    status(&cloud, &site, mark, "state", "online");
    state(&cloud, &site, mark, "set/late", "succeeded");
    state(&cloud, &site, mark, "set/old", "expired");
    assert!(place.room().lamp);
    assert!(!place.room().siren);
    assert!(agent.stop().success());
    site.verify();
}

/// `heartbeat = "20m"`, what the documents advise.
const BEATS_A_MONTH: u64 = 30 * 24 * 3;
/// Headers of IPv6 (40 bytes) and of TCP with time stamps (32).
const PACKET_BYTES: u64 = 72;
/// A ping, its answer and the acknowledgement of that.
const PACKETS_A_BEAT: u64 = 3;
/// What TLS 1.3 adds to a record.
const RECORD_BYTES: u64 = 22;
/// A whole handshake with certificates on both sides, and its packets.
const HANDSHAKE_BYTES: u64 = 8_000;
/// A line that breaks once a day.
const CONNECTIONS_A_MONTH: u64 = 30;

#[test]
fn a_heartbeat_says_that_the_board_is_there_for_less_than_a_megabyte_a_month() {
    let (broker, far) = (Broker::start(), Broker::start());
    let proxy = Proxy::start(far.addr(), None);
    let place = Place::open(&broker, 5.0);
    let (bus, cloud) = (Bus::join(&broker), Bus::join(&far));
    let more = format!(
        "[[cloud]]\nname = \"metered\"\nurl = \"mqtt://{}\"\nheartbeat = \"2500ms\"\n",
        proxy.addr()
    );
    let site = Site::new(&broker, "cold-metered", &more);
    let agent = Agent::start(&site);
    status(&bus, &site, 0, "state", "online");
    let online = status(&cloud, &site, 0, "state", "online");
    assert_eq!(online["mode"], "act", "{online}");
    // What is done here is nobody's business there.
    let mark = bus.mark();
    bus.say(&site.topic("cmd/set/l1"), r#"{"actuator":"lamp","value":"on"}"#);
    state(&bus, &site, mark, "set/l1", "succeeded");

    let more_than = |bytes: u64| {
        let now = proxy.counts();
        (now.bytes_up > bytes).then_some(now)
    };
    let ping = 2;
    let joined = proxy.counts().bytes_up;
    let first = eventually("a ping", SOON, || more_than(joined));
    let began = Instant::now();
    let last = eventually("three more", 3 * SOON, || more_than(first.bytes_up + 3 * ping - 1));
    let (up, down) = (last.bytes_up - first.bytes_up, last.bytes_down - first.bytes_down);
    let beats = began.elapsed().as_secs_f64() / 2.5 + 1.0;
    assert!(up as f64 <= beats * ping as f64, "{up} bytes: pings and nothing else");
    assert!(up.abs_diff(down) <= ping, "{down} bytes: their answers and nothing else");
    let beat = 2 * ping + PACKETS_A_BEAT * PACKET_BYTES + 2 * RECORD_BYTES;
    let connection = first.bytes_up + first.bytes_down + HANDSHAKE_BYTES;
    let month = BEATS_A_MONTH * beat + CONNECTIONS_A_MONTH * connection;
    println!("a beat {beat} bytes, a connection {connection}, a month {month}");
    assert!(month < 1_000_000, "{month} bytes a month");

    // Another board of that name is an alarm, which goes at once and alone.
    let other = r#"{"state":"online","version":"0","boot":"00000000000000aa","mode":"act"}"#;
    bus.say(&site.topic("status"), other);
    let log = site.topic("log");
    let batch = cloud.wait(0, "the alarm", SOON, |message| {
        (message.topic == log).then(|| decode(&message.payload).unwrap())
    });
    let entries: Vec<_> =
        batch.records.iter().map(|it| it.record().unwrap().entry().unwrap()).collect();
    assert!(
        matches!(&entries[..], [Entry::Event { severity: Severity::Alarm, .. }]),
        "{entries:?}"
    );
    let topics: std::collections::BTreeSet<_> =
        cloud.since(0).into_iter().map(|message| message.topic).collect();
    assert_eq!(topics, [log, site.topic("status")].into(), "nothing else is said there");
    drop(place);

    let mark = cloud.mark();
    agent.kill();
    status(&cloud, &site, mark, "state", "offline");
}

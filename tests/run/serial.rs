//! A board on a serial line and the whole program: rules, interlocks, commands, cuts, a flood.

use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};
use crate::pty::{Board, Heard};

/// A pump with a tank on a line of frames, and a lamp on a line of text. An echo is waited for so
/// long that a loaded machine makes nobody send once more; twice that is still soon.
fn config(folder: &Path) -> String {
    let dir = folder.display();
    format!(
        r#"
[serial.shed]
device = "{dir}/usb-shed-if00"
baud = 921600

[serial.barn]
device = "{dir}/usb-barn-if00"
dialect = "text"

[[sensor]]
name = "soil"
serial = "shed"
every = "1h"

[[sensor]]
name = "tank"
serial = "shed"
field = "tank_cm"
every = "1h"

[[actuator]]
name = "pump"
serial = "shed"
field = "relay1"
safe = "off"
confirm_within = "5s"
max_commands_per_hour = 3600

[[actuator]]
name = "barn_lamp"
serial = "barn"
field = "lamp"
safe = "off"
confirm_within = "5s"
max_commands_per_hour = 3600

[[sensor]]
name = "barn_door"
serial = "barn"
field = "door"
type = "bool"
every = "1s"

[[interlock]]
name = "dark barn"
forbid = "barn_lamp == 'on' && barn_door"

[[rule]]
name = "dry soil"
when = "soil < 30"
set = {{ pump = "on" }}

[[interlock]]
name = "dry pump"
forbid = "pump == 'on' && tank < 10"
"#
    )
}

/// A board as its firmware would be.
struct Shed {
    board: Board,
    relay: bool,
    mute: bool,
    /// Whether each `Set` was for on, in their order.
    sets: Vec<bool>,
}

impl Shed {
    fn plug(folder: &Path) -> Shed {
        let board = Board::plug(&folder.join("usb-shed-if00"));
        Shed { board, relay: true, mute: false, sets: Vec::new() }
    }

    /// One round of its loop.
    fn tick(&mut self) {
        for heard in self.board.heard() {
            match heard {
                Heard::Hello => {
                    self.board.greet();
                    self.board.echo("relay1", self.relay);
                }
                Heard::Heartbeat => {}
                Heard::Set(name, value) => {
                    assert_eq!(name, "relay1");
                    self.relay = value == "Bool(true)";
                    self.sets.push(self.relay);
                    if !self.mute {
                        self.board.echo("relay1", self.relay);
                    }
                }
            }
        }
    }

    fn say(&mut self, name: &str, value: i64) {
        let frame = self.board.reading(name, value);
        self.board.send(&frame);
    }

    /// Lives until something has happened.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Shed) -> Option<T>) -> T {
        eventually(what, SOON, || {
            self.tick();
            look(self)
        })
    }

    /// Lives until the agent is on the bus and listens there.
    fn until_online(&mut self, bus: &Bus, site: &Site, mark: usize) {
        let status = site.topic("status");
        self.until("online", |_| {
            bus.on(mark, &status).iter().any(|one| one.json()["state"] == "online").then_some(())
        });
    }

    /// Lives until a device command has ended.
    fn ask(&mut self, bus: &Bus, site: &Site, name: &str, payload: &str) -> Json {
        let mark = bus.mark();
        bus.say(&site.topic(&format!("cmd/set/{name}")), payload);
        let topic = site.topic(&format!("cmd-state/set/{name}"));
        self.until(&topic, |_| {
            let states = bus.on(mark, &topic).into_iter().map(|message| message.json());
            let end = |state: &Json| {
                ["succeeded", "failed", "rejected"].iter().any(|word| state["state"] == *word)
            };
            states.into_iter().find(end)
        })
    }
}

const PUMP_ON: &str = r#"{"actuator":"pump","value":"on","hold_s":0}"#;
const PUMP_OFF: &str = r#"{"actuator":"pump","value":"off","hold_s":0}"#;

/// The terminal state of a command to switch the lamp on. The barn does as it is told.
fn light(barn: &mut Board, bus: &Bus, site: &Site, name: &str, door: &[u8]) -> Json {
    let mark = bus.mark();
    let payload = r#"{"actuator":"barn_lamp","value":"on","hold_s":0}"#;
    bus.say(&site.topic(&format!("cmd/set/{name}")), payload);
    let topic = site.topic(&format!("cmd-state/set/{name}"));
    eventually(&topic, SOON, || {
        barn.send(door);
        for line in barn.lines() {
            let setting = line.strip_prefix("set ").expect("nothing else is written");
            barn.send(format!("{setting}\n").as_bytes());
        }
        let mut states = bus.on(mark, &topic).into_iter().map(|message| message.json());
        states.find(|state| state["state"] == "succeeded" || state["state"] == "rejected")
    })
}

/// A sensor on a line that says nothing for three of its periods is unknown, and that forbids.
fn silence_on_a_line_forbids(barn: &mut Board, bus: &Bus, site: &Site) {
    // Before it speaks: how much later we go on is not the line's silence.
    let spoke = Instant::now();
    let state = light(barn, bus, site, "b0", b"door off\n");
    assert_eq!(state["state"], "succeeded");
    let refused = (1..).map(|n| light(barn, bus, site, &format!("b{n}"), b""));
    let refused = { refused }.find(|state| state["state"] == "rejected").unwrap();
    assert!(refused["reason"].to_string().contains("dark barn: its condition is unknown"));
    assert!(spoke.elapsed() > Duration::from_millis(2500) && spoke.elapsed() < SOON);
}

#[test]
fn a_board_on_a_line_is_ruled_like_one_on_the_bus_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "serial-1", &config(folder.path()));
    let mut shed = Shed::plug(folder.path());
    let mut barn = Board::plug(&folder.path().join("usb-barn-if00"));
    let mut agent = Agent::start(&site);
    shed.until("the safe state of the start", |shed| (shed.sets == [false]).then_some(()));
    let mut lines = Vec::new();
    eventually("the lamp's safe state", SOON, || {
        lines.extend(barn.lines());
        lines.contains(&"set lamp OFF".to_string()).then_some(())
    });
    barn.send(b"\nlamp OFF\n");
    // The lines come up before the bus does, and a command before the subscription is lost.
    shed.until_online(&bus, &site, 0);

    silence_on_a_line_forbids(&mut barn, &bus, &site);

    let refused = shed.ask(&bus, &site, "s1", PUMP_ON);
    assert!(refused["reason"].to_string().contains("dry pump: its condition is unknown"));
    shed.say("tank_cm", 50);
    assert_eq!(shed.ask(&bus, &site, "s2", PUMP_ON)["state"], "succeeded");
    assert_eq!(shed.ask(&bus, &site, "s3", PUMP_OFF)["state"], "succeeded");
    shed.say("tank_cm", 5);
    let refused = shed.ask(&bus, &site, "s4", PUMP_ON);
    assert!(refused["reason"].to_string().contains("interlock dry pump"), "{refused}");
    assert_eq!(shed.sets, [false, true, false], "each message once");

    // Without the bus the rule and the interlock hold as well.
    broker.stop();
    shed.say("tank_cm", 50);
    shed.say("soil", 20);
    shed.until("the rule's message", |shed| (shed.sets.len() == 4).then_some(()));
    assert!(shed.relay);
    shed.say("tank_cm", 5);
    shed.until("the interlock's message", |shed| (shed.sets.len() == 5).then_some(()));
    assert!(!shed.relay);
    shed.say("soil", 50);
    shed.say("tank_cm", 50);
    let mark = bus.mark();
    broker.restart();
    shed.until_online(&bus, &site, mark);

    // No echo: once more, then it does not respond.
    shed.mute = true;
    let before = shed.sets.len();
    let failed = shed.ask(&bus, &site, "s5", PUMP_ON);
    assert_eq!(failed["state"], "failed");
    assert_eq!(shed.sets[before..], [true, true], "once, and once more");
    shed.mute = false;
    assert!(agent.lives());
    assert!(agent.stop().success());
    let confirmed = site.records("step").into_iter().filter(|one| one["actuator"] == "barn_lamp");
    assert!(confirmed.into_iter().any(|one| one["state"] == "confirmed"));
    site.verify();
}

/// Time that a process has had of a core, in seconds, as the kernel counts it.
fn busy_s(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after = text.rsplit_once(')').unwrap().1;
    let ticks: Vec<f64> = after.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // utime and stime are fields 14 and 15, the first after the name is 3 (a letter).
    (ticks[10] + ticks[11]) / rustix::param::clock_ticks_per_second() as f64
}

/// Issue 3: what a cut line loses, and that the agent runs on; here the real program. The 100 cuts
/// are in `tests/serial.rs`.
#[test]
fn cuts_cost_the_frames_that_were_cut_and_a_flood_does_not_stop_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(5);
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "serial-2", &config(folder.path()));
    let mut shed = Shed::plug(folder.path());
    let mut agent = Agent::start(&site);
    shed.until("the safe state of the start", |shed| (shed.sets == [false]).then_some(()));
    let (mut expected, mut next) = (Vec::new(), 100);
    let soil = |site: &Site| -> Vec<i64> {
        let records = site.records("reading").into_iter().filter(|one| one["sensor"] == "soil");
        records.map(|one| one["value"].as_f64().unwrap() as i64).collect()
    };
    let cuts = 5;
    for _ in 0..cuts {
        let frames: Vec<_> = (next..next + 6).map(|n| shed.board.reading("soil", n)).collect();
        let stream = frames.concat();
        let at = random.random_range(0..=stream.len());
        shed.board.send(&stream[..at]);
        let mut end = 0;
        for (value, frame) in (next..).zip(&frames) {
            end += frame.len();
            expected.extend((end <= at).then_some(value));
        }
        next += 6;
        eventually("whole frames in the journal", SOON, || {
            shed.tick();
            (soil(&site).len() >= expected.len()).then_some(())
        });
        shed.board.pull();
        shed.board.plug_again();
        shed.board.await_hello();
        shed.board.greet();
        shed.board.echo("relay1", shed.relay);
    }
    assert_eq!(soil(&site), expected);

    let (busy, began) = (busy_s(agent.id()), Instant::now());
    let mut sent = 0;
    let mark = bus.mark();
    let lamp = r#"{"actuator":"siren","value":"on"}"#;
    while began.elapsed() < Duration::from_secs(3) {
        let due = began.elapsed().as_secs_f64() * 92_160.0;
        while (sent as f64) < due {
            let frame = shed.board.reading("soil", 500);
            sent += frame.len();
            shed.board.send(&frame);
        }
        if bus.mark() == mark {
            bus.say(&site.topic("cmd/set/flood"), lamp);
        }
        shed.tick();
    }
    let share = (busy_s(agent.id()) - busy) / began.elapsed().as_secs_f64();
    println!("a flood of {sent} bytes at 921,600 baud took {:.0} % of a core", 100.0 * share);
    let state = site.topic("cmd-state/set/flood");
    bus.wait_json(mark, &state, SOON, |state| state["state"] == "succeeded");
    assert!(agent.lives());
    assert!(agent.stop().success());
    let said = site.records("event").into_iter().filter(|one| one["event"] == "serial");
    let said: Vec<_> = said.map(|one| one["text"].as_str().unwrap().to_string()).collect();
    let closed = said.iter().filter(|text| text.contains("shed is closed"));
    assert_eq!(closed.count(), cuts, "one event an outage: {said:#?}");
    let log = site.log();
    let lines = log.lines().filter(|line| line.contains("shed is closed"));
    assert_eq!(lines.count(), cuts, "one line an outage:\n{log}");
    site.verify();
}

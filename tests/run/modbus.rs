//! Modbus devices and the whole program, over TCP and over a serial line. The devices are not ours:
//! a server of pymodbus (`modbus.py`).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually, free_port};
use crate::python::python;

/// Function codes that read: they name a table.
const COIL: u8 = 1;
const DISCRETE: u8 = 2;
const HOLDING: u8 = 3;
const INPUT: u8 = 4;

/// The server.
struct Devices {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Devices {
    fn start(kind: &str, place: &str) -> Devices {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/modbus.py");
        let mut child = Command::new(python())
            .arg(script)
            .args([kind, place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut devices = Devices { child, orders, answers };
        assert_eq!(devices.answer(), "ready");
        devices
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn set(&mut self, station: u8, table: u8, address: u16, words: &[u16]) {
        let words: Vec<String> = words.iter().map(u16::to_string).collect();
        writeln!(self.orders, "set {station} {table} {address} {}", words.join(" ")).unwrap();
        assert_eq!(self.answer(), "done");
    }

    fn get(&mut self, station: u8, table: u8, address: u16) -> u16 {
        writeln!(self.orders, "get {station} {table} {address}").unwrap();
        self.answer().parse().unwrap()
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What both tests have on their line.
const PLACE: &str = r#"
[[sensor]]
name = "level"
modbus = "pumps"
register = "holding 40"
scale = 0.1
every = "10s"

[[sensor]]
name = "flow"
modbus = "pumps"
register = "input 3 f32"

[[sensor]]
name = "lid"
modbus = "pumps"
register = "discrete 2"
type = "bool"

[[actuator]]
name = "lift_pump"
modbus = "pumps"
register = "coil 5"
safe = "off"
max_commands_per_hour = 3600

[[actuator]]
name = "mixer"
modbus = "pumps"
station = 2
register = "holding 10"
kind = "level"
min = 0
max = 100
step = 5
safe = 0
max_commands_per_hour = 3600

[[interlock]]
name = "dry lift pump"
forbid = "lift_pump == 'on' && level < 10"
"#;

/// The newest reading of a sensor in the journal.
fn newest(site: &Site, sensor: &str) -> Option<Json> {
    let all = site.records("reading");
    all.into_iter().rfind(|one| one["sensor"] == sensor).map(|one| one["value"].clone())
}

fn until_reads(site: &Site, sensor: &str, value: f64) {
    eventually(sensor, SOON, || {
        let read = newest(site, sensor)?;
        ((read.as_f64()? - value).abs() < 1e-6).then_some(())
    });
}

/// The end of a command to set an actuator.
fn ask(bus: &Bus, site: &Site, id: &str, what: &str) -> Json {
    let mark = bus.mark();
    bus.say(&site.topic(&format!("cmd/set/{id}")), what);
    let topic = site.topic(&format!("cmd-state/set/{id}"));
    bus.wait_json(mark, &topic, SOON, |state| {
        ["succeeded", "failed", "rejected"].iter().any(|word| state["state"] == *word)
    })
}

fn events(site: &Site, text: &str) -> usize {
    let all = site.records("event");
    all.iter().filter(|one| one["text"].as_str().is_some_and(|said| said.contains(text))).count()
}

fn until_online(bus: &Bus, site: &Site, mark: usize) {
    let status = site.topic("status");
    bus.wait_json(mark, &status, SOON, |state| state["state"] == "online");
}

const PUMP_ON: &str = r#"{"actuator":"lift_pump","value":"on","hold_s":600}"#;

#[test]
fn modbus_over_tcp_is_read_obeys_dies_and_comes_back() {
    let port = free_port();
    let mut devices = Devices::start("tcp", &port.to_string());
    devices.set(1, HOLDING, 40, &[215]);
    devices.set(1, INPUT, 3, &[0x41AB, 0x3333]);
    devices.set(1, DISCRETE, 2, &[1]);
    devices.set(1, COIL, 5, &[1]);
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let line = format!(
        "[modbus.pumps]\nhost = \"127.0.0.1\"\nport = {port}\nevery = \"100ms\"\n{PLACE}\n\
         [[sensor]]\nname = \"nowhere\"\nmodbus = \"pumps\"\nregister = \"holding 900\"\n"
    );
    let site = Site::new(&broker, "modbus-1", &line);
    let mark = bus.mark();
    let mut agent = Agent::start(&site);
    until_online(&bus, &site, mark);
    until_reads(&site, "level", 21.5);
    until_reads(&site, "flow", 21.4);
    assert_eq!(newest(&site, "lid").unwrap(), true);
    eventually("the safe state of the start", SOON, || {
        (devices.get(1, COIL, 5) == 0).then_some(())
    });

    assert_eq!(ask(&bus, &site, "m1", PUMP_ON)["state"], "succeeded");
    assert_eq!(devices.get(1, COIL, 5), 1);
    let mixer = r#"{"actuator":"mixer","value":55}"#;
    assert_eq!(ask(&bus, &site, "m2", mixer)["state"], "succeeded");
    assert_eq!(devices.get(2, HOLDING, 10), 55);
    devices.set(1, HOLDING, 40, &[50]);
    eventually("the interlock", SOON, || (devices.get(1, COIL, 5) == 0).then_some(()));
    assert_eq!(newest(&site, "nowhere"), None);
    assert_eq!(events(&site, "holding 900 u16 of station 1: Illegal data address"), 1);

    drop(devices);
    eventually("that it is away", SOON, || {
        (events(&site, "Modbus pumps does not answer") == 1).then_some(())
    });
    let refused = ask(&bus, &site, "m3", mixer);
    assert_eq!(refused["state"], "rejected", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("Modbus pumps does not answer"),
        "{refused}"
    );
    let mut devices = Devices::start("tcp", &port.to_string());
    devices.set(1, HOLDING, 40, &[333]);
    until_reads(&site, "level", 33.3);
    assert_eq!(ask(&bus, &site, "m4", PUMP_ON)["state"], "succeeded");
    assert_eq!(devices.get(1, COIL, 5), 1);
    assert_eq!(events(&site, "Modbus pumps does not answer"), 1, "said once");
    assert!(agent.lives());
    assert!(agent.stop().success());
    site.verify();
}

#[test]
fn a_silent_station_on_a_modbus_line_costs_its_own_readings_only() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("usb-modbus-if00");
    let device = device.to_str().unwrap();
    let mut devices = Devices::start("rtu", device);
    devices.set(1, HOLDING, 40, &[215]);
    devices.set(1, INPUT, 3, &[0x41AB, 0x3333]);
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let line = format!(
        "[modbus.pumps]\ndevice = \"{device}\"\nbaud = 115200\nevery = \"200ms\"\n\
         answer_within = \"500ms\"\n{PLACE}\n\
         [[sensor]]\nname = \"silent\"\nmodbus = \"pumps\"\nstation = 9\nregister = \"holding 1\"\n"
    );
    let site = Site::new(&broker, "modbus-2", &line);
    let mark = bus.mark();
    let mut agent = Agent::start(&site);
    until_online(&bus, &site, mark);
    until_reads(&site, "level", 21.5);
    until_reads(&site, "flow", 21.4);
    eventually("that one is silent", SOON, || {
        (events(&site, "station 9 does not answer") == 1).then_some(())
    });
    assert_eq!(ask(&bus, &site, "r1", PUMP_ON)["state"], "succeeded");
    assert_eq!(devices.get(1, COIL, 5), 1);
    let mixer = r#"{"actuator":"mixer","value":40}"#;
    assert_eq!(ask(&bus, &site, "r2", mixer)["state"], "succeeded");
    assert_eq!(devices.get(2, HOLDING, 10), 40);
    devices.set(1, HOLDING, 40, &[300]);
    until_reads(&site, "level", 30.0);

    // The line is pulled out with its devices, and comes back under its name.
    drop(devices);
    std::fs::remove_file(device).unwrap();
    eventually("that it is away", SOON, || {
        (events(&site, "Modbus pumps does not answer") == 1).then_some(())
    });
    let mut devices = Devices::start("rtu", device);
    devices.set(1, HOLDING, 40, &[444]);
    until_reads(&site, "level", 44.4);
    assert_eq!(events(&site, "station 9 does not answer"), 1, "said once");
    assert!(agent.lives());
    assert!(agent.stop().success());
    site.verify();
}

//! A place that is not ours: a cold room, in a thread of the test, that speaks MQTT. It warms by
//! itself; a compressor and a blower cool it. It knows nothing of Outpost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, Packet, QoS};

use crate::bus;
use crate::common::Broker;

/// Time between two steps of the room, and between two readings.
const STEP: Duration = Duration::from_millis(50);
const READING: Duration = Duration::from_millis(200);
/// The room's warming by itself, per second and degree below outside.
const LEAK: f64 = 0.01;
const OUTSIDE: f64 = 18.0;
/// What compressor and blower take away at full, in degrees a second.
const COMPRESSOR: f64 = 0.35;
const BLOWER: f64 = 0.25;

/// What the goal of `CONFIG` asks for, in °C.
pub const GOAL: std::ops::RangeInclusive<f64> = 2.0..=8.0;

/// The cold room as an operator writes it down, by design §4. `[device]`, `[bus]`, `[journal]` and
/// perhaps `[mind]` come from `agent.rs`. Nothing is learned of the room: it jumps at a test's
/// word, and whoever learned from that would take one device for far stronger than the other.
pub const CONFIG: &str = r#"
[[sensor]]
name = "room"
topic = "cold/room"
field = "/celsius"
unit = "°C"
range = [-20, 40]
every = "1s"
learn = false

[[sensor]]
name = "power"
topic = "cold/power"
range = [0, 5]
scale = 0.001
unit = "kW"
every = "1s"

[[sensor]]
name = "door_open"
topic = "cold/door"
type = "bool"
map = { open = true, shut = false }
every = "1s"

[[sensor]]
name = "leak"
topic = "cold/leak"
type = "bool"
every = "1s"

[[actuator]]
name = "compressor"
topic = "cold/compressor/set"
kind = "switch"
on = "start"
off = "stop"
state_topic = "cold/compressor"
state_field = "/running"
state_on = "true"
state_off = "false"
confirm_within = "2s"
safe = "off"
max_commands_per_hour = 3600
effects = { room = "lowers" }

[[actuator]]
name = "blower"
topic = "cold/blower/set"
kind = "level"
min = 0
max = 100
step = 50
payload = "{\"speed\":{value}}"
safe = 0
max_commands_per_hour = 3600
effects = { room = "lowers" }

[[actuator]]
name = "lamp"
topic = "cold/lamp/set"
state_topic = "cold/lamp"
confirm_within = "4s"
safe = "off"

[[actuator]]
name = "siren"
topic = "cold/siren/set"
safe = "off"

[[goal]]
name = "keep cold"
keep = { sensor = "room", min = 2, max = 8 }

[[rule]]
name = "water on the floor"
when = "leak"
set = { siren = "on" }

[[interlock]]
name = "no cooling at the open door"
forbid = "compressor == 'on' && door_open"

[[note]]
text = "The blower is quiet, the compressor is strong."
"#;

/// The room now.
#[derive(Clone, Debug)]
pub struct Room {
    /// °C.
    pub celsius: f64,
    pub compressor: bool,
    /// 0 to 100.
    pub blower: f64,
    pub lamp: bool,
    pub siren: bool,
    pub door_open: bool,
    pub leak: bool,
    /// Devices that do as they are told and say nothing.
    pub mute: BTreeSet<&'static str>,
    /// Device and payload of every command that arrived, in order.
    pub commands: Vec<(String, String)>,
    /// Temperatures, one a step.
    pub past: Vec<f64>,
    /// It has a broker. What it cannot say it forgets, or it would be deaf behind its own queue.
    connected: bool,
}

/// See the module.
pub struct Place {
    room: Arc<Mutex<Room>>,
    over: Arc<AtomicBool>,
}

impl Place {
    /// Opens the room at this temperature.
    pub fn open(broker: &Broker, celsius: f64) -> Place {
        let room = Room {
            celsius,
            compressor: false,
            blower: 0.0,
            lamp: false,
            siren: false,
            door_open: false,
            leak: false,
            mute: BTreeSet::new(),
            commands: Vec::new(),
            past: Vec::new(),
            connected: false,
        };
        let place =
            Place { room: Arc::new(Mutex::new(room)), over: Arc::new(AtomicBool::new(false)) };
        let (client, connection) = bus::client(broker, "cold-room");
        let (room, over, speaker) = (place.room.clone(), place.over.clone(), client.clone());
        std::thread::spawn(move || listen(connection, &room, &over, &speaker));
        let (room, over) = (place.room.clone(), place.over.clone());
        std::thread::spawn(move || live(&room, &over, &client));
        place
    }

    /// The room, to look at or to change; hold it shortly.
    pub fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap()
    }

    /// Commands that a device got.
    pub fn commands_of(&self, device: &str) -> Vec<String> {
        let room = self.room();
        let of = room.commands.iter().filter(|(name, _)| name == device);
        of.map(|(_, payload)| payload.clone()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Physics and readings. While the broker is away readings are lost, as they are in life.
fn live(room: &Mutex<Room>, over: &AtomicBool, client: &Client) {
    let mut last = Instant::now();
    let mut spoken = Instant::now() - READING;
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(STEP);
        let seconds = last.elapsed().as_secs_f64();
        last = Instant::now();
        let mut room = room.lock().unwrap();
        let mut cooling = BLOWER * room.blower / 100.0;
        if room.compressor {
            cooling += COMPRESSOR;
        }
        room.celsius += seconds * (LEAK * (OUTSIDE - room.celsius) - cooling);
        let celsius = room.celsius;
        room.past.push(celsius);
        if !room.connected || spoken.elapsed() < READING {
            continue;
        }
        spoken = Instant::now();
        let watts = if room.compressor { 900 } else { 20 };
        let door = if room.door_open { "open" } else { "shut" };
        let readings = [
            ("cold/room", format!("{{\"celsius\":{celsius:.2},\"battery\":3.1}}")),
            ("cold/power", watts.to_string()),
            ("cold/door", door.to_string()),
            ("cold/leak", room.leak.to_string()),
        ];
        for (topic, payload) in readings {
            drop(client.try_publish(topic, QoS::AtMostOnce, false, payload));
        }
    }
    drop(client.try_disconnect());
}

fn listen(
    mut connection: rumqttc::Connection,
    room: &Mutex<Room>,
    over: &AtomicBool,
    client: &Client,
) {
    for event in connection.iter() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                drop(client.try_subscribe("cold/+/set", QoS::AtLeastOnce));
                let mut room = room.lock().unwrap();
                room.connected = true;
                echo(&room, "compressor", client);
                echo(&room, "lamp", client);
            }
            Ok(Event::Incoming(Packet::Publish(packet))) => {
                let payload = String::from_utf8_lossy(&packet.payload).into_owned();
                let device = packet.topic.split('/').nth(1).unwrap_or_default().to_string();
                obey(&mut room.lock().unwrap(), &device, payload, client);
            }
            Ok(_) => {}
            Err(_) => {
                room.lock().unwrap().connected = false;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn obey(room: &mut Room, device: &str, payload: String, client: &Client) {
    match device {
        "compressor" => room.compressor = payload == "start",
        "blower" => {
            let json: serde_json::Value = serde_json::from_str(&payload).unwrap();
            room.blower = json["speed"].as_f64().unwrap();
        }
        "lamp" => room.lamp = payload == "ON",
        "siren" => room.siren = payload == "ON",
        other => panic!("a command to {other}"),
    }
    room.commands.push((device.to_string(), payload));
    echo(room, device, client);
}

fn echo(room: &Room, device: &str, client: &Client) {
    if room.mute.contains(device) {
        return;
    }
    let payload = match device {
        "compressor" => format!("{{\"running\":{}}}", room.compressor),
        "lamp" => if room.lamp { "ON" } else { "OFF" }.to_string(),
        _ => return,
    };
    drop(client.try_publish(format!("cold/{device}"), QoS::AtLeastOnce, true, payload));
}

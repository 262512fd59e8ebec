//! Sparkplug B and the whole program, on a real broker. The node is not ours: it speaks the
//! messages of pysparkplug (`sparkplug.py`), and the broker says its last will.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually, free_port};
use crate::place::Place;
use crate::python::python;

const MORE: &str = r#"
[sparkplug.hall]
group = "Plant 1"
node = "hall-2"
every = "1s"

[[sensor]]
name = "pressure"
sparkplug = "hall"
device = "pump"
metric = "Pressure"
unit = "bar"
range = [0, 10]
learn = false

[[sensor]]
name = "heat"
sparkplug = "hall"
metric = "Properties/Heat"
learn = false

[[sensor]]
name = "pump_mode"
sparkplug = "hall"
device = "pump"
metric = "Mode"
type = "text"

[[actuator]]
name = "pump"
sparkplug = "hall"
device = "pump"
metric = "Running"
safe = "off"

[[actuator]]
name = "pump_speed"
sparkplug = "hall"
device = "pump"
metric = "Speed/Set"
kind = "level"
min = 0
max = 3000
step = 100
safe = 0
at_start = "keep"
"#;

/// The node.
struct Node {
    child: Child,
    orders: ChildStdin,
    said: Arc<Mutex<Vec<String>>>,
}

impl Node {
    fn start(broker: &Broker) -> Node {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/sparkplug.py");
        let mut child = Command::new(python())
            .arg(script)
            .args([&broker.addr().port().to_string(), "Plant 1", "hall-2"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let ours = said.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| {
                ours.lock().unwrap().push(line);
            })
        });
        let node = Node { child, orders, said };
        node.hears(0, "ready");
        node
    }

    fn mark(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Waits until it has said this since a mark.
    fn hears(&self, mark: usize, what: &str) {
        eventually(what, SOON, || {
            self.said.lock().unwrap()[mark..].iter().any(|line| line == what).then_some(())
        });
    }

    fn order(&mut self, what: &str) {
        let mark = self.mark();
        writeln!(self.orders, "{what}").unwrap();
        self.hears(mark, "done");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the page shows of a sensor or an actuator.
fn shown(port: u16, list: &str, name: &str) -> Json {
    let answer = ureq::get(format!("http://127.0.0.1:{port}/page/stream")).call().unwrap();
    let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
    let state = lines.find_map(|line| {
        let line = line.unwrap();
        let state: Json = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        state.get(list).is_some().then_some(state)
    });
    let state = state.unwrap();
    state[list].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
}

/// The death of a device is missed: it is not born again with its node.
fn miss_a_death(node: &mut Node, value: impl Fn(&str, Json)) {
    node.order("device-lost");
    value("pressure", Json::Null);
    node.order("device-birth");
    value("pressure", 4.5.into());
}

#[test]
fn a_node_is_read_commanded_missed_and_dead_at_once() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let _place = Place::open(&broker, 5.0);
    let mut node = Node::start(&broker);
    let port = free_port();
    let web = format!("{MORE}[web]\nlisten = \"127.0.0.1:{port}\"\n");
    let site = Site::new(&broker, "cold-node", &web);
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let value = |name: &str, want: Json| {
        eventually(name, SOON, || (shown(port, "sensors", name)["value"] == want).then_some(()));
    };
    // It was born before we came: it is asked to tell everything again.
    node.hears(0, "rebirth");
    value("pressure", 2.5.into());
    value("heat", 21.5.into());
    value("pump_mode", "auto".into());
    // To safe at the start; its next data is the proof.
    node.hears(0, "set Running False");
    node.order("data Pressure 3.25");
    value("pressure", 3.25.into());

    // Commands, confirmed by what the device says.
    let command = |id: &str, what: &str| {
        bus.say(&site.topic(&format!("cmd/set/{id}")), what);
        eventually(id, SOON, || {
            let states = site.states(&format!("set/{id}"));
            (states == ["accepted", "executing", "succeeded"]).then_some(())
        });
    };
    command("run-1", r#"{"actuator":"pump","value":"on"}"#);
    node.hears(0, "set Running True");
    command("speed-1", r#"{"actuator":"pump_speed","value":1200}"#);
    node.hears(0, "set Speed/Set 1200");

    // A message is lost: numbers are not believed until everything was told again.
    let mark = node.mark();
    node.order("skip");
    node.order("data Pressure 4.5");
    node.hears(mark, "rebirth");
    value("pressure", 4.5.into());

    // The device dies: unknown at once, long before its value is stale, and it takes no command.
    node.order("device-death");
    value("pressure", Json::Null);
    value("heat", 21.5.into());
    bus.say(&site.topic("cmd/set/run-2"), r#"{"actuator":"pump","value":"off"}"#);
    let rejected = || (site.states("set/run-2") == ["rejected"]).then_some(());
    eventually("the command is rejected", SOON, rejected);
    node.order("device-birth");
    value("pressure", 4.5.into());
    miss_a_death(&mut node, value);

    // The node dies without a word: the broker says its last will.
    let mark = bus.mark();
    writeln!(node.orders, "die").unwrap();
    value("heat", Json::Null);
    value("pressure", Json::Null);
    bus.wait_json(mark, &site.topic("event"), SOON, |event| {
        event["kind"] == "source"
            && event["text"].as_str().unwrap() == "Sparkplug hall does not live: the node has died"
    });
    drop(node);
    let node = Node::start(&broker);
    value("pressure", 2.5.into());
    assert!(agent.stop().success());
    drop(node);
}

/// A node that does not do as it is asked is not asked all the time.
#[test]
fn a_node_that_is_deaf_is_asked_seldom() {
    let broker = Broker::start();
    let _place = Place::open(&broker, 5.0);
    let mut node = Node::start(&broker);
    node.order("deaf");
    let site = Site::new(&broker, "cold-deaf", MORE);
    let agent = Agent::start(&site);
    node.hears(0, "rebirth");
    for _ in 0..300 {
        node.order("data Pressure 3.0");
    }
    let asked = node.said.lock().unwrap().iter().filter(|line| *line == "rebirth").count();
    assert!(asked <= 2, "asked {asked} times");
    assert!(agent.stop().success());
}

/// Births are no announcements that a broker keeps: the search asks for them, where it may.
#[test]
fn a_search_asks_for_births_and_proposes_what_they_say() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let mut node = Node::start(&broker);
    let birth = "spBv1.0/Plant 1/DBIRTH/hall-2/pump";
    bus.wait(0, "the birth is over", SOON, |it| (it.topic == birth).then_some(()));
    let search = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(["discover", "--seconds", "4", "--url", &format!("mqtt://{}", broker.addr())])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!search(&[]).contains("sparkplug"), "nobody is asked without a word");
    let found = std::thread::scope(|scope| {
        let found = scope.spawn(|| search(&["--births"]));
        // Who says something is heard of.
        while !found.is_finished() {
            node.order("data Pressure 3.5");
            std::thread::yield_now();
        }
        found.join().unwrap()
    });
    node.hears(0, "rebirth");
    assert!(found.contains("group = \"Plant 1\"\nnode = \"hall-2\""), "{found}");
    assert!(found.contains("device = \"pump\"\nmetric = \"Speed/Set\""), "{found}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outpost.toml");
    let head = "[device]\nname = \"found\"\n[bus]\nurl = \"mqtt://127.0.0.1\"\n";
    std::fs::write(&path, format!("{head}{found}")).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_outpost"));
    let checked = check.args(["check", "--config"]).arg(&path).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

//! Values in files and the whole program, on a tree as Linux has it below `/sys`. It is a fake one:
//! no board is here.

use std::path::Path;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually};

const LAMP_ON: &str = r#"{"actuator":"lamp_pin","value":"on","hold_s":600}"#;

fn until_reads(site: &Site, sensor: &str, value: f64) {
    eventually(sensor, SOON, || {
        let all = site.records("reading");
        let newest = all.into_iter().rfind(|one| one["sensor"] == sensor)?;
        ((newest["value"].as_f64()? - value).abs() < 1e-9).then_some(())
    });
}

fn until_events(site: &Site, text: &str, count: usize) {
    eventually(text, SOON, || {
        let all = site.records("event");
        let said = all.iter().filter_map(|one| one["text"].as_str());
        (said.filter(|said| said.contains(text)).count() == count).then_some(())
    });
}

/// A thermometer on 1-Wire, a chip of hwmon, a pin.
fn plant(root: &Path) {
    for (name, text) in [
        ("28-0316a2794bff/temperature", "21437\n"),
        ("hwmon0/temp1_input", "45500\n"),
        ("gpio17/value", "1\n"),
    ] {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        std::fs::write(root.join(name), text).unwrap();
    }
}

/// What the agent knows of it.
fn config(root: &Path) -> String {
    format!(
        r#"
[files.board]
folder = "{}"
every = "100ms"
answer_within = "300ms"

[[sensor]]
name = "boiler"
files = "board"
file = "28-0316a2794bff/temperature"
scale = 0.001
every = "1m"

[[sensor]]
name = "chip"
files = "board"
file = "hwmon0/temp1_input"
scale = 0.001

[[sensor]]
name = "hung"
files = "board"
file = "hwmon0/hung"

[[actuator]]
name = "lamp_pin"
files = "board"
file = "gpio17/value"
safe = "off"
"#,
        root.display()
    )
}

#[test]
fn files_are_read_and_written_and_a_folder_may_go_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("sys");
    plant(&root);
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    // A read that does not end, as of a driver that waits for its device: a pipe nobody writes to.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("hwmon0/hung"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let site = Site::new(&broker, "files-1", &config(&root));
    let mark = bus.mark();
    let mut agent = Agent::start(&site);
    bus.wait_json(mark, &site.topic("status"), SOON, |state| state["state"] == "online");
    until_reads(&site, "boiler", 21.437);
    until_reads(&site, "chip", 45.5);
    let pin = root.join("gpio17/value");
    let is = |text: &str| (std::fs::read_to_string(&pin).unwrap_or_default() == text).then_some(());
    eventually("the safe state of the start", SOON, || is("0\n"));
    until_events(&site, "hwmon0/hung takes longer than may be", 1);
    std::fs::write(root.join("28-0316a2794bff/temperature"), "22000\n").unwrap();
    until_reads(&site, "boiler", 22.0);

    let ask = |id: &str| {
        let mark = bus.mark();
        bus.say(&site.topic(&format!("cmd/set/{id}")), LAMP_ON);
        bus.wait_json(mark, &site.topic(&format!("cmd-state/set/{id}")), SOON, |state| {
            ["succeeded", "failed", "rejected"].iter().any(|word| state["state"] == *word)
        })
    };
    assert_eq!(ask("f1")["state"], "succeeded");
    assert!(is("1\n").is_some());

    let away = folder.path().join("away");
    std::fs::rename(&root, &away).unwrap();
    until_events(&site, "files board cannot be read", 1);
    assert_eq!(ask("f2")["state"], "rejected");
    std::fs::write(away.join("28-0316a2794bff/temperature"), "23000\n").unwrap();
    std::fs::rename(&away, &root).unwrap();
    until_reads(&site, "boiler", 23.0);
    assert!(agent.lives());
    // The read that hangs holds nothing up.
    assert!(agent.stop().success());
    site.verify();
}

//! `outpost init` on a real terminal: questions and answers become a file that the check accepts,
//! with a device that announces itself on a real broker. Elsewhere nothing is asked.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::agent::SOON;
use crate::bus::Bus;
use crate::common::{Broker, eventually};

/// Both ends of a terminal.
fn terminal() -> (OwnedFd, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (master, File::options().read(true).write(true).open(name).unwrap())
}

#[test]
fn a_person_at_a_terminal_is_asked_and_the_answers_pass_the_check() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let heat = json!({"name": "Heat", "unique_id": "h", "state_topic": "heat",
        "unit_of_measurement": "°C", "device": {"identifiers": ["d"], "name": "Kitchen"}});
    bus.leave("homeassistant/sensor/h/config", heat.to_string());
    bus.leave("homeassistant/status", "online");
    bus.wait(0, "the announcement", SOON, |it| (it.topic == "homeassistant/status").then_some(()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outpost.toml");
    let url = format!("mqtt://{}", broker.addr());
    let answers = ["shed", "", "UTC", &url, "", "", "", "", "", "keep kitchen heat above 5", ""];
    let answers = answers.join("\n") + "\nQuiet at night.\n\nyes\n";

    let (master, side) = terminal();
    let same = || Stdio::from(side.try_clone().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["init", "--output"])
        .arg(&path)
        .current_dir(folder.path())
        .stdin(same())
        .stdout(same())
        .stderr(same())
        .spawn()
        .unwrap();
    drop(side);
    let mut master = File::from(master);
    let mut screen = master.try_clone().unwrap();
    let reads = std::thread::spawn(move || {
        let mut said = Vec::new();
        // Its end is an error of the terminal: nobody has it open any more.
        drop(screen.read_to_end(&mut said));
        String::from_utf8_lossy(&said).into_owned()
    });
    master.write_all(answers.as_bytes()).unwrap();
    let end = eventually("the end of the interview", SOON, || child.try_wait().unwrap());
    let said = reads.join().unwrap();
    assert!(end.success(), "{said}");
    let text = std::fs::read_to_string(&path).unwrap();
    for part in ["name = \"shed\"", "topic = \"heat\"", "min = 5", "Quiet at night."] {
        assert!(text.contains(part), "{part}: {text}\n{said}");
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_outpost"));
    let checked = check.args(["check", "--config"]).arg(&path).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn where_there_is_no_terminal_nothing_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outpost.toml");
    let mut init = Command::new(env!("CARGO_BIN_EXE_outpost"));
    let init = init.args(["init", "--yes", "--output"]).arg(&path).stdin(Stdio::null());
    let done = init.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && !said.contains('['), "{said}");
    assert!(path.exists());
}

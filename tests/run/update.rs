//! Updates of the real program on a real broker: a good release is confirmed, bad ones are undone
//! with their reason and the board is told of both. The supervisor does what the launcher does, by
//! the launcher's own crate; the launcher's tests are about `exec`, kills and power cuts.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use outpost_launcher::disk::RealDisk;
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::{Name, sha256};
use outpost_launcher::slots::{Candidate, Slots};
use serde_json::{Value as Json, json};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::Broker;
use crate::place::Place;

/// Trial and deadline of the configuration are 1 s and 4 s; a debug build starts up to three times.
const PATIENCE: Duration = Duration::from_secs(60);
const UPDATE: &str = "[update]\ntrial = \"1s\"\ndeadline = \"4s\"\n";

/// Starts what the slots say, again and again, as systemd does with `Restart=always`.
struct Supervisor {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    fn start(site: &Site) -> Supervisor {
        let over = Arc::new(AtomicBool::new(false));
        let (config, slots, log) =
            (site.config(), site.folder().join("slots"), site.folder().join("log"));
        let is_over = over.clone();
        let live = move || {
            while !is_over.load(Ordering::Relaxed) {
                let mut child = launch(&slots, &config, &log);
                while child.try_wait().unwrap().is_none() {
                    if is_over.load(Ordering::Relaxed) {
                        child.kill().unwrap();
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        };
        Supervisor { over, thread: Some(std::thread::spawn(live)) }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // What went wrong in there has been printed by its own panic.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn launch(slots: &Path, config: &Path, log: &Path) -> Child {
    let installed = Path::new(env!("CARGO_BIN_EXE_outpost"));
    let lock = Lock::take(slots).unwrap();
    let start = Slots::new(slots, RealDisk).start("boot", Some(installed), lock.is_some());
    drop(lock);
    let Candidate { program, release, trial_s } = start.candidates.into_iter().next().unwrap();
    let mut command = Command::new(program);
    command.args(["run", "--config"]).arg(config).env("OUTPOST_SLOTS", slots);
    if let Some(release) = release {
        command.env("OUTPOST_RELEASE", release.as_str());
    }
    if let Some(seconds) = trial_s {
        command.env("OUTPOST_TRIAL", seconds.to_string());
    }
    let log = File::options().create(true).append(true).open(log).unwrap();
    let site = slots.parent().unwrap();
    command.env("OUTPOST__UPDATE__FROM", site.join("stick"));
    command.env("OUTPOST__UPDATE__ROOT", site.join("keys/root.json"));
    command.env("OUTPOST_BOARD_ROOT", slots).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// A release whose program is the real one with these words of a shell before it.
fn publish(site: &Site, id: &str, before: &str) -> PathBuf {
    let folder = site.folder().join(format!("release-{id}"));
    fs::create_dir(&folder).unwrap();
    let program = env!("CARGO_BIN_EXE_outpost");
    let script = format!("#!/bin/sh\n{before}\nexec {program} \"$@\"\n");
    fs::write(folder.join("outpost"), &script).unwrap();
    fs::set_permissions(folder.join("outpost"), fs::Permissions::from_mode(0o755)).unwrap();
    let (length, sum) = (script.len(), sha256(script.as_bytes()));
    let manifest = json!({"release": id, "program": "outpost",
        "files": [{"name": "outpost", "length": length, "sha256": sum}]});
    fs::write(folder.join("release.json"), manifest.to_string()).unwrap();
    folder
}

/// Runs `outpost update apply`; what it says, and whether it succeeded.
fn apply(site: &Site, release: &Path) -> (String, bool) {
    let end = Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(["--json", "update", "apply"])
        .arg(release)
        .arg("--slots")
        .arg(site.folder().join("slots"))
        .arg("--config")
        .arg(site.config())
        .output()
        .unwrap();
    let text = [end.stdout, end.stderr].concat();
    (String::from_utf8(text).unwrap(), end.status.success())
}

/// Takes a release and waits until the board says how it ended.
fn ends(site: &Site, bus: &Bus, release: &Path, id: &str) -> Json {
    let mark = bus.mark();
    let (text, ok) = apply(site, release);
    assert!(ok && text.contains("\"ready\""), "{text}");
    bus.wait_json(mark, &site.topic("update"), PATIENCE, |told| {
        told["release"] == id && (told["state"] == "confirmed" || told["state"] == "undone")
    })
}

#[test]
fn good_releases_are_confirmed_and_bad_ones_undone_with_their_reason() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-update", UPDATE);
    fs::create_dir(site.folder().join("slots")).unwrap();
    fs::write(site.folder().join("slots/baseline.json"), r#"{"bus":true,"mind":false}"#).unwrap();
    // Devices that answer, so that each hand-over to `safe` is short.
    let _place = Place::open(&broker, 12.0);
    let supervisor = Supervisor::start(&site);
    let told = bus.wait_json(0, &site.topic("update"), SOON, |told| told["state"] == "idle");
    assert_eq!(told["running"], Json::Null);

    let good = publish(&site, "1.0.0", "");
    let told = ends(&site, &bus, &good, "1.0.0");
    assert_eq!((&told["state"], &told["running"]), (&json!("confirmed"), &json!("1.0.0")));
    let (text, ok) = apply(&site, &good);
    assert!(ok && text.contains("\"confirmed\""), "{text}");

    // Each of them runs as far as it can; what is confirmed runs again after it.
    let bad = [
        ("2.0.0", "OUTPOST__BUS__URL=mqtt://127.0.0.1:1 && export OUTPOST__BUS__URL", "the bus is"),
        ("3.0.0", "export OUTPOST__AGENT__MODE=dance", "does not accept this board's config"),
        ("4.0.0", "exit 1", "ended 3 times before it was confirmed"),
        ("5.0.0", "kill -ABRT $$", "ended 3 times before it was confirmed"),
        // Well, and gone before its trial is over.
        ("5.1.0", "(sleep 0.8; kill -KILL $$) &", "ended 3 times before it was confirmed"),
        // More memory than there is.
        ("5.2.0", "ulimit -v 60000", "ended 3 times before it was confirmed"),
    ];
    for (id, before, reason) in bad {
        let release = publish(&site, id, before);
        let told = ends(&site, &bus, &release, id);
        assert!(told["state"] == "undone" && told["running"] == "1.0.0", "{told}");
        assert!(told["reason"].as_str().unwrap().contains(reason), "{told}");
        let (text, ok) = apply(&site, &release);
        assert!(!ok && text.contains(&format!("release {id} was undone")), "{text}");
    }
    let told = ends(&site, &bus, &publish(&site, "6.0.0", ""), "6.0.0");
    assert_eq!((&told["state"], &told["running"]), (&json!("confirmed"), &json!("6.0.0")));
    drop(supervisor);
    let state = Slots::new(site.folder().join("slots"), RealDisk).state().unwrap();
    assert_eq!(state.confirmed.unwrap().release, "6.0.0".parse::<Name>().unwrap());
    site.verify();
}

#[test]
fn a_wrong_release_is_refused_with_what_is_wrong() {
    let broker = Broker::start();
    let site = Site::new(&broker, "cold-refuse", UPDATE);
    let release = publish(&site, "1.0.0", "");
    fs::write(release.join("outpost"), "something else").unwrap();
    let (text, ok) = apply(&site, &release);
    assert!(!ok && text.contains("outpost: 14 bytes; release.json says"), "{text}");
    let manifest = fs::read_to_string(release.join("release.json")).unwrap();
    let other = manifest.replace("\"files\"", "\"architectures\":[\"vax\"],\"files\"");
    fs::write(release.join("release.json"), other).unwrap();
    let (text, ok) = apply(&site, &release);
    assert!(!ok && text.contains("release 1.0.0 is for vax; this board is"), "{text}");
    let _lock = Lock::take(&site.folder().join("slots")).unwrap().unwrap();
    let (text, ok) = apply(&site, &release);
    assert!(!ok && text.contains("another process changes the slots"), "{text}");
}

/// Runs `outpost --json …`; what it says, and whether it succeeded.
fn outpost(arguments: &[&Path]) -> (String, bool) {
    let end =
        Command::new(env!("CARGO_BIN_EXE_outpost")).arg("--json").args(arguments).output().unwrap();
    let text = [end.stdout, end.stderr].concat();
    (String::from_utf8(text).unwrap(), end.status.success())
}

/// Keys of a fleet, and releases signed with them on a stick.
fn stick(site: &Site, releases: &[&str]) {
    let at = |name: &str| site.folder().join(name);
    let done = |arguments: &[&Path]| {
        let (text, ok) = outpost(arguments);
        assert!(ok, "{arguments:?}: {text}");
    };
    let fleet = Path::new("fleet");
    done(&[fleet, Path::new("keys"), &at("keys")]);
    for id in releases {
        let release = publish(site, id, "");
        fs::remove_file(release.join("release.json")).unwrap();
        done(&[fleet, Path::new("release"), &release, Path::new("--id"), Path::new(id)]);
        let (keys, to) = (Path::new("--keys"), Path::new("--to"));
        done(&[fleet, Path::new("publish"), &release, keys, &at("keys"), to, &at("stick")]);
    }
}

#[test]
fn an_operator_has_a_signed_release_taken() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-command", UPDATE);
    stick(&site, &["1.0.0"]);
    let _place = Place::open(&broker, 12.0);
    let ends = |id: &str, payload: &str| {
        let mark = bus.mark();
        bus.say(&site.topic(&format!("cmd/update/{id}")), payload);
        bus.wait_json(mark, &site.topic(&format!("cmd-state/update/{id}")), SOON, |told| {
            !["accepted", "executing"].contains(&told["state"].as_str().unwrap())
        })
    };
    let said = |told: &Json, state: &str, reason: &str| {
        let right = told["state"] == state && told["reason"].as_str().unwrap().contains(reason);
        assert!(right, "not {state}, {reason}: {told}");
    };
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    said(&ends("u0", r#"{"release":"1.0.0"}"#), "rejected", "there is no `from` in [update]");
    agent.stop();

    let _supervisor = Supervisor::start(&site);
    bus.wait_json(0, &site.topic("update"), SOON, |told| told["state"] == "idle");
    said(&ends("u1", r#"{"release":"../1"}"#), "rejected", "is no name");
    said(&ends("u2", r#"{"release":"9"}"#), "failed", "the repository has no release 9");
    let mark = bus.mark();
    said(&ends("u3", r#"{"release":"1.0.0"}"#), "succeeded", "in its slot, to be tried");
    let told = bus.wait_json(mark, &site.topic("update"), PATIENCE, |told| {
        told["release"] == "1.0.0" && told["state"] == "confirmed"
    });
    assert_eq!(told["running"], "1.0.0");
    // The same command once more is the same command; another one finds it there.
    said(&ends("u3", r#"{"release":"1.0.0"}"#), "succeeded", "in its slot, to be tried");
    said(&ends("u4", r#"{"release":"1.0.0"}"#), "succeeded", "confirmed already");
}

#[test]
fn signed_releases_are_taken_and_others_are_not() {
    let broker = Broker::start();
    let site = Site::new(&broker, "cold-signed", UPDATE);
    let at = |name: &str| site.folder().join(name);
    let say = |words: &str| {
        let words: Vec<_> = words.split(' ').collect();
        let here = |word: &&str| match word.strip_prefix('@') {
            Some(name) => at(name),
            None => PathBuf::from(word),
        };
        let paths: Vec<_> = words.iter().map(here).collect();
        outpost(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    };
    let done = |words: &str| {
        let (text, ok) = say(words);
        assert!(ok, "{words}: {text}");
        text
    };
    stick(&site, &["1.0.0", "2.0.0"]);
    let take = "--from @stick --root @keys/root.json --slots @slots --config @outpost.toml";
    assert!(done(&format!("update take 1.0.0 {take}")).contains("\"ready\""));
    assert!(done("update status --slots @slots").contains("\"trial\""));
    assert!(done(&format!("update take 1.0.0 {take}")).contains("\"trial\""));
    // The newer one takes its place; a file of it that has been changed on the stick does not.
    let sum = sha256(&fs::read(at("release-2.0.0/outpost")).unwrap());
    let file = at("stick/targets").join(format!("{sum}.{sum}"));
    let genuine = fs::read(&file).unwrap();
    fs::write(&file, "#!/bin/sh").unwrap();
    let (text, ok) = say(&format!("update take 2.0.0 {take}"));
    assert!(!ok && text.contains("outpost: 9 bytes; release.json says"), "{text}");
    fs::write(&file, genuine).unwrap();
    assert!(done(&format!("update take 2.0.0 {take}")).contains("\"ready\""));
    done("fleet keys @others");
    let other = take.replace("@keys/", "@others/").replace("@slots", "@others/slots");
    let (text, ok) = say(&format!("update take 2.0.0 {other}"));
    assert!(!ok && text.contains("is not believed"), "{text}");
}

//! Boards that show who they are by a certificate, at a mosquitto with the files of `docs/broker`.
//! Authority, keys and certificates are made by the program alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use outpost::fleet::authority::Authority;
use outpost::link::{Class, Endpoint, LinkConfig, LinkEvent, Outgoing, Pace, spawn};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually, free_port, wait_for};
use crate::update::outpost;

/// A broker and the authority that it believes.
pub struct House {
    pub broker: Broker,
    folder: tempfile::TempDir,
    secure: u16,
}

/// Runs `outpost --json` with words apart from each other by blanks; it must succeed.
fn done(words: &str) -> String {
    let (text, good) = said(words);
    assert!(good, "{words}: {text}");
    text
}

fn said(words: &str) -> (String, bool) {
    let words: Vec<_> = words.split(' ').map(Path::new).collect();
    outpost(&words)
}

impl House {
    /// The broker's files are those of the page, with the paths and the port of this machine. A
    /// second door without TLS, where the test looks in, is anonymous.
    pub fn new(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        done(&format!("fleet ca {at} --server localhost --person operator"));
        let page = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/broker").join(name);
            fs::read_to_string(path).unwrap()
        };
        let acl = format!("topic readwrite #\n{}\n{more}\n", page("mosquitto.acl"));
        fs::write(folder.path().join("outpost.acl"), acl).unwrap();
        let secure = free_port();
        let lines = page("mosquitto.conf").replace("8883", &format!("{secure} 127.0.0.1"));
        let lines = lines.replace("/etc/mosquitto/certs", &at).replace("/etc/mosquitto", &at);
        let ours = |line: &&str| !line.starts_with("persistence") && !line.starts_with("max_queue");
        let lines: Vec<_> = lines.lines().filter(ours).collect();
        let broker = Broker::start_with(&lines.join("\n"));
        House { broker, folder, secure }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A site whose bus is this broker, by a certificate that it does not have yet.
    pub fn site(&self, device: &str) -> Site {
        let site = Site::new(&self.broker, device, "");
        let text = fs::read_to_string(site.config()).unwrap();
        let plain = format!("mqtt://127.0.0.1:{}\"", self.broker.addr().port());
        let files = format!(
            "mqtts://localhost:{}\"\nca_file = {:?}\ncrl_file = {:?}\n\
             cert_file = {:?}\nkey_file = {:?}",
            self.secure,
            self.at("ca.pem"),
            self.at("revoked.pem"),
            site.folder().join("board.pem"),
            site.folder().join("board.key")
        );
        fs::write(site.config(), text.replace(&plain, &files)).unwrap();
        site
    }

    /// What a person does for a new board.
    pub fn enroll(&self, site: &Site, device: &str, more: &str) {
        let (config, ca) = (site.config(), self.folder.path());
        let (asked, got) = (site.folder().join("asked"), site.folder().join("got"));
        let [config, ca, asked, got] =
            [config.as_path(), ca, &asked, &got].map(|path| path.display().to_string());
        done(&format!("identity request --config {config} --to {asked}"));
        let files = format!("--request {asked} --to {got}");
        done(&format!("fleet enroll {device} --ca {ca} {files}{more}"));
        done(&format!("identity take {got} --config {config}"));
    }

    /// The words by which a person signs what boards ask for now.
    fn renew(&self) -> String {
        format!("{} --once", self.answer())
    }

    /// The same, for whatever will be asked.
    fn answer(&self) -> String {
        let (ca, port) = (self.folder.path().display(), self.secure);
        let us = format!("--cert-file {ca}/operator.pem --key-file {ca}/operator.key");
        let there = format!("--url mqtts://localhost:{port} --ca-file {ca}/ca.pem {us}");
        format!("fleet renew --ca {ca} {there}")
    }

    /// A client with a site's certificate, as any program may be one.
    fn client(&self, site: &Site, subscriptions: &[&str]) -> LinkConfig {
        let endpoint = Endpoint {
            host: "localhost".into(),
            port: self.secure,
            tls: true,
            ca_file: Some(self.at("ca.pem")),
            cert_file: Some(site.folder().join("board.pem")),
            key_file: Some(site.folder().join("board.key")),
            ..Endpoint::at(self.broker.addr())
        };
        LinkConfig {
            endpoint,
            client_id: "somebody".into(),
            is_lasting: false,
            will: None,
            subscriptions: subscriptions.iter().map(|&filter| filter.to_owned()).collect(),
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(60),
            pace: Pace::default(),
        }
    }
}

/// One who answers until the end of the test.
struct Answering(Child);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.kill().ok();
        drop(self.0.wait());
    }
}

#[test]
fn one_who_answers_outlives_a_closed_drawer_and_believes_one_new_key() {
    let house = House::new("");
    let bus = Bus::join(&house.broker);
    // Two boards of one name, and neither has its key from an earlier time.
    let [new, thief] = [house.site("cold-drawer"), house.site("cold-drawer")].map(|site| {
        let to = site.folder().join("asked");
        let config = site.config();
        done(&format!("identity request --config {} --to {}", config.display(), to.display()));
        json!({"request": fs::read_to_string(to).unwrap(), "serial": "00"}).to_string()
    });
    let said = house.at("said");
    let out = fs::File::create(&said).unwrap();
    let words = format!("--json {} --accept cold-drawer", house.answer());
    let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
    command.args(words.split(' ')).stdout(out.try_clone().unwrap()).stderr(out);
    let mut answering = Answering(command.spawn().unwrap());
    let wait = |what: &str| {
        let has = || fs::read_to_string(&said).unwrap().contains(what).then_some(());
        eventually(what, SOON, has);
    };
    wait("the broker has us");
    fs::rename(house.at("ca.key"), house.at("drawer")).unwrap();
    bus.leave("outpost/cold-drawer/identity", new);
    wait("nothing is signed for now");
    fs::rename(house.at("drawer"), house.at("ca.key")).unwrap();
    bus.wait(0, "the certificate", SOON, |message| {
        (message.topic == "outpost/cold-drawer/certificate").then_some(())
    });
    bus.leave("outpost/cold-drawer/identity", thief);
    wait("no good certificate was signed for this key");
    assert!(answering.0.try_wait().unwrap().is_none(), "it stays");
    let issued = fs::read_to_string(house.at("issued.json")).unwrap();
    let issued: Vec<Json> = serde_json::from_str(&issued).unwrap();
    let ours = issued.iter().filter(|one| one["name"] == "cold-drawer");
    let revoked: Vec<_> = ours.map(|one| one["revoked_unix_s"].is_number()).collect();
    assert_eq!(revoked, [false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_board_speaks_by_its_certificate_and_only_for_itself() {
    let house = House::new("user cold-key\ntopic readwrite cold/#");
    let bus = Bus::join(&house.broker);
    let (site, other) = (house.site("cold-key"), house.site("other"));
    house.enroll(&site, "cold-key", "");
    house.enroll(&other, "other", "");
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    bus.say(&site.topic("cmd/ask/i1"), r#"{"text":"what is the room?"}"#);
    bus.wait_json(0, &site.topic("cmd-state/ask/i1"), SOON, |told| told["state"] == "succeeded");

    // Another board says that this one is offline, orders it about and listens to it.
    let (tell, mut events) = mpsc::channel(100);
    let link = spawn(house.client(&other, &[&site.topic("#")]), tell).unwrap();
    let up = |event: &LinkEvent| matches!(event, LinkEvent::Up { .. }).then_some(());
    wait_for(&mut events, "a line", SOON, up).await;
    let mark = bus.mark();
    let topics = [site.topic("status"), site.topic("cmd/restart/i2"), "cold/room".into()];
    for topic in topics.iter().chain([&other.topic("status")]) {
        let payload = br#"{"state":"offline"}"#.to_vec();
        let (topic, class) = (topic.clone(), Class::State);
        link.publish(Outgoing { token: 1, topic, payload, retain: false, class }).unwrap();
    }
    // One line, one order: what was allowed was said last.
    bus.wait_json(mark, &other.topic("status"), SOON, |told| told["state"] == "offline");
    for message in bus.since(mark) {
        assert!(message.json()["state"] != "offline" || message.topic == other.topic("status"));
        assert!(message.topic != site.topic("cmd/restart/i2"), "{message:?}");
    }
    link.close(vec![]).await;
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, LinkEvent::Message { .. }), "{event:?}");
    }

    // Whoever has the log, the journal or the bundle has no key.
    assert!(agent.stop().success());
    let (bundle, good) = said(&format!("support --config {}", site.config().display()));
    assert!(good, "{bundle}");
    let told = format!("{bundle}{}{:?}", site.log(), site.outpost(&["log", "query"]));
    let key = fs::read_to_string(site.folder().join("board.key")).unwrap();
    for line in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!told.contains(line), "a line of the key");
    }
}

#[test]
fn a_revoked_board_is_out_and_a_new_key_brings_it_back() {
    let mut house = House::new("user cold-out\ntopic readwrite cold/#");
    let site = house.site("cold-out");
    house.enroll(&site, "cold-out", "");
    done(&format!("fleet revoke cold-out --ca {}", house.folder.path().display()));
    house.broker.restart();
    let bus = Bus::join(&house.broker);
    let agent = Agent::start(&site);
    eventually("the refusal", SOON, || site.log().contains("CertificateRevoked").then_some(()));
    assert!(bus.since(0).iter().all(|message| message.topic != site.topic("status")));
    // The agent looks for its files at each attempt.
    house.enroll(&site, "cold-out", "");
    bus.wait_json(0, &site.topic("status"), SOON * 2, |status| status["state"] == "online");
    // A broker whose own certificate is revoked is not spoken to.
    done(&format!("fleet revoke localhost --ca {}", house.folder.path().display()));
    assert!(agent.stop().success());
    house.broker.restart();
    let _agent = Agent::start(&site);
    eventually("our refusal", SOON, || site.log().contains("certificate: Revoked").then_some(()));
}

#[test]
fn a_certificate_that_runs_out_is_renewed_by_itself() {
    let house = House::new("user cold-next\ntopic readwrite cold/#");
    let bus = Bus::join(&house.broker);
    let site = house.site("cold-next");
    let renew = house.renew();
    let config = site.config().display().to_string();
    // Signed 300 days ago for a year.
    let request = site.folder().join("asked");
    done(&format!("identity request --config {config} --to {}", request.display()));
    let then = jiff::Timestamp::now().as_second() - 300 * 86_400;
    let mut authority = Authority::open(house.folder.path(), then).unwrap();
    let request = fs::read_to_string(request).unwrap();
    let old = authority.enroll("cold-next", &request, 365, false).unwrap();
    drop(authority);
    fs::write(site.folder().join("got"), &old).unwrap();
    done(&format!("identity take {} --config {config}", site.folder().join("got").display()));
    assert!(done(&renew).contains(r#""signed":0"#));

    let agent = Agent::start(&site);
    let topic = site.topic("identity");
    let asked = bus.wait_json(0, &topic, SOON, |asked| asked["request"].is_string());
    // Somebody else asks in the name of a board that is not known.
    bus.leave(&topic.replace("cold-next", "cold-none"), asked.to_string());
    let (told, good) = said(&renew);
    let all = [r#""refused":1"#, r#""signed":1"#].iter().all(|word| told.contains(word));
    assert!(!good && all, "{told}");
    let days = || {
        let (told, _) = said(&format!("identity status --config {config}"));
        serde_json::from_str::<Json>(told.trim()).unwrap()["days_left"].as_i64().unwrap()
    };
    eventually("the next certificate", SOON, || (days() > 360).then_some(()));
    bus.wait(0, "the request's end", SOON, |message| {
        (message.topic == topic && message.payload.is_empty()).then_some(())
    });
    assert!(said(&renew).0.contains(r#""signed":0"#), "signed once");
    assert!(agent.stop().success());
    let names = fs::read_dir(site.folder()).unwrap().map(|it| it.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.contains("trial") && !name.contains(".new")));
    // What it asks with, is what it has.
    let status = site.topic("status");
    let mark = bus.mark();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &status, SOON, |status| status["state"] == "online");
    assert!(agent.stop().success());
}

#[test]
fn a_copied_card_is_noticed_and_asks_for_an_identity_of_its_own() {
    let house = House::new("user cold-copy\ntopic readwrite cold/#");
    let bus = Bus::join(&house.broker);
    let site = house.site("cold-copy");
    house.enroll(&site, "cold-copy", "");
    let serial = site.folder().join("proc/device-tree/serial-number");
    fs::create_dir_all(serial.parent().unwrap()).unwrap();
    let status = site.topic("status");
    let online = |mark| {
        bus.wait_json(mark, &status, SOON, |status| status["state"] == "online");
    };
    fs::write(&serial, "1000\0").unwrap();
    let agent = Agent::start(&site);
    online(0);
    assert!(agent.stop().success());
    let key = || fs::read(site.folder().join("board.key")).unwrap();
    let first = key();

    // The same card in another board.
    fs::write(&serial, "2000\0").unwrap();
    let mark = bus.mark();
    let agent = Agent::start(&site);
    bus.wait_json(mark, &site.topic("event"), SOON, |event| event["kind"] == "hardware");
    let asked = site.topic("identity");
    bus.wait_json(mark, &asked, SOON, |asked| asked["request"].is_string());
    let (told, good) = said(&house.renew());
    assert!(!good && told.contains("no good certificate was signed for this key"), "{told}");
    // The hardware was replaced, says a person.
    done(&format!("{} --accept cold-copy", house.renew()));
    eventually("the new key", SOON, || (key() != first).then_some(()));
    assert!(agent.stop().success());
    let mark = bus.mark();
    let agent = Agent::start(&site);
    online(mark);
    assert!(agent.stop().success());
    assert!(!site.folder().join("board.key.new").exists());
    // The key of the first card is no longer signed for.
    let issued = fs::read_to_string(house.at("issued.json")).unwrap();
    let issued: Vec<Json> = serde_json::from_str(&issued).unwrap();
    let ours = issued.iter().filter(|one| one["name"] == "cold-copy");
    let revoked: Vec<_> = ours.map(|one| one["revoked_unix_s"].is_number()).collect();
    assert_eq!(revoked, [true, false]);
}

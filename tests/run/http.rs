//! Pages with values in them and the whole program. The server is Python's own.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually, free_port, wait_listening};
use crate::python::python;

struct Server(Child);

impl Server {
    fn start(port: u16, folder: &Path) -> Server {
        let port_text = port.to_string();
        let mut child = Command::new(python())
            .args(["-m", "http.server", &port_text, "--bind", "127.0.0.1", "--directory"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_listening("http.server", &mut child, port);
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn until_events(site: &Site, text: &str, count: usize) {
    eventually(text, SOON, || {
        let all = site.records("event");
        let said = all.iter().filter_map(|one| one["text"].as_str());
        (said.filter(|said| said.contains(text)).count() == count).then_some(())
    });
}

fn until_reads(site: &Site, sensor: &str, value: f64) {
    eventually(sensor, SOON, || {
        let all = site.records("reading");
        let newest = all.into_iter().rfind(|one| one["sensor"] == sensor)?;
        (newest["value"] == value).then_some(())
    });
}

#[test]
fn pages_are_read_and_one_that_is_ill_holds_up_no_other() {
    let pages = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(pages.path().join(name), text).unwrap();
    put("now.json", r#"{"current":{"temperature":21.5,"wind":[3,4]},"state":"dry"}"#);
    put("bare.txt", " 7.25\n");
    let port = free_port();
    let server = Server::start(port, pages.path());
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let page = |name: &str, path: &str| {
        format!("[http.{name}]\nurl = \"http://127.0.0.1:{port}/{path}\"\nevery = \"1s\"\n")
    };
    let sensor = |name: &str, page: &str, more: &str| {
        format!("[[sensor]]\nname = \"{name}\"\nhttp = \"{page}\"\nevery = \"1m\"\n{more}\n")
    };
    let more = [
        page("weather", "now.json?key=secret"),
        page("bare", "bare.txt"),
        page("gone", "nothing.json"),
        sensor("outside", "weather", "field = \"/current/temperature\""),
        sensor("wind", "weather", "field = \"/current/wind/1\""),
        sensor("rain", "weather", "field = \"/state\"\ntype = \"bool\"\nmap = { dry = false }"),
        sensor("bare", "bare", ""),
        sensor("nowhere", "gone", ""),
    ];
    let site = Site::new(&broker, "http-1", &more.concat());
    let mark = bus.mark();
    let mut agent = Agent::start(&site);
    bus.wait_json(mark, &site.topic("status"), SOON, |state| state["state"] == "online");
    until_reads(&site, "outside", 21.5);
    until_reads(&site, "wind", 4.0);
    until_reads(&site, "bare", 7.25);
    let all = site.records("reading");
    assert!(all.iter().any(|one| one["sensor"] == "rain" && one["value"] == false));
    until_events(&site, "page gone does not come: it answers 404 Not Found", 1);
    put("now.json", r#"{"current":{"temperature":22.5}}"#);
    until_reads(&site, "outside", 22.5);

    drop(server);
    until_events(&site, "page weather does not come", 1);
    until_events(&site, "page bare does not come", 1);
    put("now.json", r#"{"current":{"temperature":-3}}"#);
    let _server = Server::start(port, pages.path());
    until_reads(&site, "outside", -3.0);
    until_events(&site, "page weather does not come", 1);
    let log = site.log();
    assert!(!log.contains("secret"), "an address may hold one:\n{log}");
    assert!(agent.lives());
    assert!(agent.stop().success());
    site.verify();
}

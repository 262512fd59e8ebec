//! The page of metrics: what a monitoring system would see of the cold room, and that the
//! dashboard, the alerts and the documentation speak of what is there.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::{Broker, eventually, free_port};
use crate::place::Place;
use crate::tree::Tree;

const TOKEN: &str = "a-token-of-this-test-only";

/// The page, where the service gives one.
fn page(port: u16, token: &str) -> Result<String, ureq::Error> {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let answer = ureq::get(&url).header("Authorization", &format!("Bearer {token}")).call();
    answer?.body_mut().read_to_string()
}

/// The value of a sample, by the beginning of its line.
fn sample(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name))?;
    line.strip_prefix(' ')?.parse().ok()
}

/// Waits until a sample is as wanted.
fn wait_sample(port: u16, name: &str, wanted: impl Fn(Option<f64>) -> bool) {
    eventually(name, SOON, || wanted(sample(&page(port, TOKEN).ok()?, name)).then_some(()));
}

/// Names of families on a page, as a query would have them.
fn families(page: &str) -> BTreeSet<String> {
    let of = |line: &str| {
        let mut words = line.strip_prefix("# TYPE ")?.split(' ');
        let (name, kind) = (words.next()?, words.next()?);
        Some(if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
    };
    page.lines().filter_map(of).collect()
}

/// Everything in a text that looks like the name of a metric of ours.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("outpost_") || word.starts_with("process_"));
    ours.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned()).collect()
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_page_of_metrics_says_what_is_and_nothing_that_was() {
    let tree = Tree::pi5();
    let broker = Broker::start();
    let place = Place::open(&broker, 6.0);
    let bus = Bus::join(&broker);
    let web = free_port();
    let port = broker.addr().port();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let more = format!(
        "[web]\nlisten = \"127.0.0.1:{web}\"\ntoken_file = {token:?}\n\
         [[cloud]]\nname = \"hq\"\nurl = \"mqtt://127.0.0.1:{port}\"\n\
         [[cloud]]\nname = \"away\"\nurl = \"mqtt://127.0.0.1:{}\"\n",
        free_port()
    );
    let site = Site::new(&broker, "cold-metrics", &more);
    let agent = Agent::start_with(&site, &[("OUTPOST_BOARD_ROOT", tree.path())]);

    wait_sample(web, "outpost_bus_connected", |it| it == Some(1.0));
    let room = "outpost_sensor_value{sensor=\"room\",unit=\"°C\"}";
    wait_sample(web, room, |it| it.is_some_and(|celsius| (0.0..10.0).contains(&celsius)));
    wait_sample(web, "outpost_goal_satisfied{goal=\"keep cold\"}", |it| it == Some(1.0));
    wait_sample(web, "outpost_board_temperature_celsius", |it| it.is_some());
    wait_sample(web, "outpost_journal_commits_total", |it| it > Some(0.0));
    wait_sample(web, "outpost_uplink_connected{destination=\"hq\"}", |it| it == Some(1.0));
    // Nobody is where this one should be.
    let bytes = "outpost_uplink_backlog_bytes{destination=\"away\"}";
    // It is told every ten seconds.
    eventually("what waits", 6 * SOON, || {
        (sample(&page(web, TOKEN).ok()?, bytes) > Some(4096.0)).then_some(())
    });
    let oldest = "outpost_uplink_oldest_seconds{destination=\"away\"}";
    wait_sample(web, oldest, |it| it.is_some_and(|age_s| age_s > 0.0 && age_s < 600.0));
    assert!(matches!(page(web, "another-token-0"), Err(ureq::Error::StatusCode(401))));
    wait_sample(web, "outpost_web_requests_total{result=\"wrong\"}", |it| it == Some(1.0));

    let order = r#"{"actuator":"lamp","value":"on"}"#;
    bus.say(&site.topic("cmd/set/m1"), order);
    let ended = "outpost_operator_commands_total{state=\"succeeded\"}";
    wait_sample(web, ended, |it| it == Some(1.0));
    wait_sample(web, "outpost_actuator_level{actuator=\"lamp\"}", |it| it == Some(1.0));
    bus.say(&site.topic("cmd/set/m2"), r#"{"actuator":"boiler","value":"on"}"#);
    let ended = "outpost_operator_commands_total{state=\"rejected\"}";
    wait_sample(web, ended, |it| it == Some(1.0));

    // The place is gone: after three periods nothing is claimed of it.
    drop(place);
    wait_sample(web, room, |it| it.is_none());
    wait_sample(web, "outpost_sensor_age_seconds{sensor=\"room\"}", |it| it > Some(3.0));
    wait_sample(web, "outpost_goal_satisfied{goal=\"keep cold\"}", |it| it.is_none());

    let last = page(web, TOKEN).unwrap();
    let stored = sample(&last, "outpost_journal_records_total").unwrap();
    assert!(agent.stop().success());
    let (lines, good) = site.outpost(&["log", "verify"]);
    let all = lines.last().unwrap()["records"].as_f64().unwrap();
    assert!(good && stored > 20.0 && stored <= all, "{stored} of {all}");
}

#[test]
fn dashboard_alerts_and_documentation_name_what_is_there() {
    let tree = Tree::pi5();
    let broker = Broker::start();
    let place = Place::open(&broker, 6.0);
    let web = free_port();
    let port = broker.addr().port();
    let ours = rcgen::generate_simple_self_signed(vec!["board".to_owned()]).unwrap();
    tree.put("board.pem", &ours.cert.pem());
    tree.put("board.key", &ours.signing_key.serialize_pem());
    let [cert, key] = ["board.pem", "board.key"].map(|name| tree.path().join(name));
    let more = format!(
        "[web]\nlisten = \"127.0.0.1:{web}\"\n\
         [[cloud]]\nname = \"far\"\nurl = \"mqtts://127.0.0.1:{port}\"\n\
         cert_file = {cert:?}\nkey_file = {key:?}\n\
         [[derived]]\nname = \"both\"\nvalue = \"mean(room, power)\"\n\
         [[cloud]]\nname = \"hq\"\nurl = \"mqtt://127.0.0.1:{port}\"\n"
    );
    let site = Site::new(&broker, "cold-names", &more);
    // The kernel's numbers of the device that this site lies on.
    let device = std::fs::metadata(site.folder()).unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    tree.put(&format!("sys/dev/block/{major}:{minor}/stat"), "9 0 72 3 20 5 4096 8 0 9 11\n");
    let agent = Agent::start_with(&site, &[("OUTPOST_BOARD_ROOT", tree.path())]);
    wait_sample(web, "outpost_goal_gap{goal=\"keep cold\"}", |it| it.is_some());
    let share = "outpost_goal_satisfied_share{goal=\"keep cold\",window=\"hour\"}";
    wait_sample(web, share, |it| it.is_some());
    wait_sample(web, "outpost_actuator_level{actuator=\"lamp\"}", |it| it.is_some());
    let text = page(web, TOKEN).unwrap();
    let written = sample(&text, "outpost_device_written_bytes_total");
    assert_eq!(written, Some(4096.0 * 512.0), "sectors of 512 bytes");
    let there = families(&text);
    drop(agent);
    drop(place);

    let documented = file("docs/metrics.md");
    let table = documented.lines().filter_map(|line| line.strip_prefix("| `"));
    let table: BTreeSet<String> =
        table.map(|line| line.split('`').next().unwrap().to_owned()).collect();
    assert_eq!(table, there, "docs/metrics.md (left) and the page");
    for path in ["docs/monitoring/alerts.yml", "docs/monitoring/dashboard.json"] {
        let used = names(&file(path));
        assert!(used.len() >= 10, "{path} names nothing: {used:?}");
        let strange: Vec<_> = used.difference(&there).collect();
        assert!(strange.is_empty(), "{path} names what is not there: {strange:?}");
    }
}

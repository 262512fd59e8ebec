//! The configuration from outside: one fixture for each fault, with the faults that it must show in
//! its header; the configuration of design §4, which must show none; and random damage to it.

use std::path::{Path, PathBuf};

use outpost::board::Profiles;
use outpost::config::{
    ActuatorKind, Aim, Broker, CloudAck, CloudFormat, CloudPriority, CloudTo, Config, Faults,
    LoadError, Mode, Port, SensorKind, Strictness, Warning, from_bytes, from_text, from_text_on,
    load_with,
};
use outpost::domain::{ActuatorId, SensorId, Setting, Value};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn good() -> String {
    read(&folder().join("good.toml"))
}

fn checked(text: &str) -> Result<(Config, Vec<Warning>), Faults> {
    from_text(text, "outpost.toml", &[], Strictness::Check)
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A header line `# fault: 3 | sensor "air".every | "10" | "10s"`: line, key, part of what was
/// found, part of what is allowed.
fn header<'t>(text: &'t str, word: &str) -> Vec<Vec<&'t str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# ")?.strip_prefix(word)?.strip_prefix(": "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect()
}

fn line_matches(wanted: &str, found: Option<usize>) -> bool {
    found.map_or(wanted == "-", |line| line.to_string() == wanted)
}

/// What does not fit in one fixture: faults and warnings beside those of its header.
fn differences(path: &Path) -> Vec<String> {
    let text = read(path);
    let (faults, warnings) = match checked(&text) {
        Ok((_, warnings)) => (Vec::new(), warnings),
        Err(faults) => (faults.faults, faults.warnings),
    };
    let mut differences = Vec::new();
    let mut expected = header(&text, "fault");
    for fault in &faults {
        let place = expected.iter().position(|parts| {
            line_matches(parts[0], fault.line)
                && parts[1] == fault.key
                && fault.found.contains(parts[2])
                && fault.allowed.contains(parts[3])
        });
        match place {
            Some(place) => drop(expected.remove(place)),
            None => differences.push(format!("not expected: {fault}")),
        }
        if let (Some(line), Some(excerpt)) = (fault.line, &fault.excerpt)
            && text.lines().nth(line - 1) != Some(excerpt)
        {
            differences.push(format!("the excerpt is not line {line}: {excerpt}"));
        }
    }
    let mut told = header(&text, "warning");
    for warning in &warnings {
        let place = told.iter().position(|parts| {
            line_matches(parts[0], warning.line)
                && parts[1] == warning.key
                && warning.text.contains(parts[2])
        });
        match place {
            Some(place) => drop(told.remove(place)),
            None => differences.push(format!("not expected: {warning}")),
        }
    }
    differences.extend(expected.iter().chain(&told).map(|parts| format!("missing: {parts:?}")));
    differences.iter().map(|words| format!("{}: {words}", path.display())).collect()
}

#[test]
fn each_fixture_shows_exactly_the_faults_of_its_header() {
    let entries = std::fs::read_dir(folder()).expect("the folder of fixtures");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(paths.len() > 80, "only {} fixtures were found", paths.len());
    let differences: Vec<String> = paths.iter().flat_map(|path| differences(path)).collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn the_configuration_of_the_design_means_what_it_says() {
    let (config, _) = checked(&good()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.device.name, "greenhouse-1");
    let listen = "127.0.0.1:1883".parse().expect("an address");
    assert_eq!(config.bus.broker, Broker::Embedded { listen });
    assert_eq!(config.bus.max_packet_bytes, 2_000_000);
    assert_eq!(config.mode, Mode::Act);
    let air = &config.sensors[0];
    assert_eq!(air.field.as_deref(), Some("/temperature"));
    assert_eq!((air.range, air.max_rate), (Some((-40.0, 85.0)), Some(5.0)));
    assert_eq!(air.every.as_secs(), 10);
    assert_eq!(config.sensors[1].every.as_secs(), 60);
    assert_eq!(config.sensors[3].map.get("open"), Some(&Value::Bool(true)));
    let fan = &config.actuators[0];
    assert_eq!(fan.safe, Setting::Off);
    assert_eq!(fan.effects, [(SensorId(0), -1.0)]);
    assert_eq!(fan.commands_per_hour_max, 60);
    assert!(fan.start_safe && !config.actuators[2].start_safe);
    let vent = ActuatorKind::Level { min: 0.0, max: 100.0, step: 10.0 };
    assert_eq!((&config.actuators[1].kind, config.actuators[1].mode), (&vent, Some(Mode::Advise)));
    assert_eq!(config.actuators[3].safe, Setting::Choice("off".into()));
    let asked: Vec<bool> = config.actuators.iter().map(|a| a.ask_human).collect();
    assert_eq!(asked, [false, false, false, false, false, true]);
    let keep = Aim::Keep { sensor: SensorId(0), min: Some(18.0), max: Some(26.0) };
    assert_eq!(config.goals[0].aim, keep);
    let reach = Aim::Reach { sensor: SensorId(1), min: Some(80.0), max: None, by_minute: 360 };
    assert_eq!(config.goals[1].aim, reach);
    let fire = [(ActuatorId(3), Setting::Choice("off".into())), (ActuatorId(4), Setting::On)];
    assert_eq!(config.rules[0].set, fire);
    assert_eq!(config.interlocks[0].forbid.actuators(), [ActuatorId(2)]);
    assert_eq!(config.preferences[1].prefer, None);
    let mind = config.mind.expect("the section is there");
    assert_eq!((mind.trust, mind.deadline.as_millis()), (0.6, 2000));
    assert_eq!(config.journal.quota_bytes, 512_000_000);
    let cloud = config.escalate.expect("the section is there");
    assert_eq!((cloud.url.as_str(), cloud.timeout.as_secs()), ("https://api.example.org/v1", 30));
    assert_eq!((cloud.withhold_notes, cloud.withhold_names), (false, true));
    assert_eq!((cloud.calls_per_day, cloud.answer_tokens), (20, 16));
    assert_eq!((cloud.money_per_day, cloud.cost(1_000_000, 500_000)), (Some(0.5), 0.45));
}

#[test]
fn derived_sensors_are_in_the_order_in_which_they_can_be_computed() {
    let text = read(&folder().join("derived_good.toml"));
    let (config, _) = checked(&text).unwrap_or_else(|faults| panic!("{faults}"));
    let names: Vec<_> = config.sensors.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["air", "humidity", "muggy", "dew_point"]);
    assert_eq!(config.derived, [SensorId(3), SensorId(2)]);
    let dew_point = &config.sensors[3];
    // As often as the slowest that it is made of.
    assert_eq!((dew_point.every.as_secs(), dew_point.range), (300, Some((-40.0, 60.0))));
    assert_eq!((dew_point.unit.as_str(), dew_point.learn), ("°C", false));
    assert_eq!(dew_point.formula().unwrap().sensors(), [SensorId(0), SensorId(1)]);
    assert_eq!(config.sensors[2].kind, SensorKind::Bool);
    assert_eq!(config.actuators[0].effects, [(SensorId(3), -1.0)]);
}

#[test]
fn the_least_configuration_has_the_defaults() {
    let (config, warnings) = checked("[device]\nname = \"a\"\n").expect("a name is enough");
    assert!(warnings.is_empty() && config.mind.is_none());
    assert_eq!(
        (config.device.board.name.as_str(), config.device.timezone.as_str()),
        ("host", "UTC")
    );
    assert_eq!(config.journal.path, Path::new("/var/lib/outpost"));
    let (config, _) = checked("[device]\nname = \"a\"\n[mind]\n").expect("[mind] has defaults");
    let mind = config.mind.expect("the section is there, though empty");
    assert_eq!(mind.model, "smollm2-135m-instruct-q4_0");
    assert_eq!((mind.adapter.as_str(), mind.trust), ("none", 0.6));
}

#[test]
fn values_of_toml_are_kept_as_they_are_written() {
    let text = "[device]\nname = \"a\"\n[[sensor]]\nname = \"s\"\ntopic = \"T/Mixed\"\n\
                type = \"text\"\nunit = \"on\"\nmap = { \"ON\" = \"Yes\", \"on\" = \"1e3\" }\n\
                [[sensor]]\nname = \"n\"\ntopic = \"1e3\"\nscale = 1e3\noffset = 1_000\n";
    let (config, _) = checked(text).unwrap_or_else(|faults| panic!("{faults}"));
    let sensor = &config.sensors[0];
    assert_eq!(
        (sensor.port().and_then(Port::topic).unwrap(), sensor.unit.as_str()),
        ("T/Mixed", "on")
    );
    assert_eq!(sensor.map.get("ON"), Some(&Value::Text("Yes".into())));
    assert_eq!(sensor.map.get("on"), Some(&Value::Text("1e3".into())));
    let sensor = &config.sensors[1];
    assert_eq!(
        (sensor.port().and_then(Port::topic).unwrap(), sensor.scale, sensor.offset),
        ("1e3", 1000.0, 1000.0)
    );
}

#[test]
fn an_unknown_key_stops_check_and_not_run() {
    let text = "[device]\nname = \"a\"\ncolour = \"red\"\n[future]\nx = 1\n";
    let faults = checked(text).expect_err("unknown keys are faults of `check`");
    assert_eq!(faults.count(), 2);
    let (_, warnings) = from_text(text, "f", &[], Strictness::Run).expect("and warnings of `run`");
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].to_string().contains("f:3: device.colour: an unknown key, ignored"));
}

#[test]
fn the_environment_lies_above_the_file() {
    let file = folder().join("good.toml");
    let environment = variables(&[
        ("OUTPOST__DEVICE__NAME", "55"),
        ("OUTPOST__BUS__URL", "mqtts://hub.local"),
        ("outpost__bus__max_packet", "4MB"),
        ("OUTPOST__MIND__TRUST", "0.75"),
        ("OUTPOST__MIND__ASK_HUMAN", "[\"fan\", \"pump\"]"),
        ("OUTPOST__JOURNAL__PATH", "/tmp/Mixed Case"),
        ("OUTPOST__AGENT__MODE", ""),
        ("OUTPOST_LOG", "debug"),
        ("OUTPOSTER__X__Y", "1"),
    ]);
    let (config, _) =
        load_with(&file, &environment, Strictness::Check).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.device.name, "55");
    let hub = Broker::Remote { host: "hub.local".into(), port: 8883, tls: true };
    assert_eq!(config.bus.broker, hub);
    assert_eq!(config.bus.max_packet_bytes, 4_000_000);
    assert_eq!(config.mind.map(|mind| mind.trust), Some(0.75));
    let asked: Vec<&str> =
        config.actuators.iter().filter(|a| a.ask_human).map(|a| a.name.as_str()).collect();
    assert_eq!(asked, ["fan", "pump"]);
    assert_eq!(config.journal.path, Path::new("/tmp/Mixed Case"));
    assert_eq!(config.mode, Mode::Act);
}

#[test]
fn the_board_lies_under_the_file_and_above_the_defaults() {
    let five = Profiles::embedded().find("rpi5").expect("rpi5");
    let load = |mind: &str, environment: &[(&str, &str)], board: &str| {
        let text = format!("[device]\nname = \"g-1\"\nboard = \"{board}\"\n{mind}");
        let environment = variables(environment);
        let read = from_text_on(&text, "f", &environment, Strictness::Check, five);
        let (config, warnings) = read.unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(warnings, [], "{text}");
        config
    };
    let threads = |config: &Config| {
        let mind = config.mind.as_ref().expect("a mind");
        (mind.threads_decode, mind.threads_prefill, mind.context_tokens)
    };
    let plain = load("[mind]\n", &[], "auto");
    assert_eq!(
        (plain.device.board.name.as_str(), threads(&plain)),
        ("rpi5", (Some(2), Some(4), 2048))
    );
    let zero = load("[mind]\n", &[], "rpi-zero-2w");
    assert_eq!(threads(&zero), (Some(3), Some(3), 1024), "a board that is named counts");
    let file = load("[mind]\nthreads_decode = 1\ncontext = 512\n", &[], "rpi4");
    assert_eq!(threads(&file), (Some(1), Some(3), 512), "the file lies above the board");
    let above = [("OUTPOST__MIND__CONTEXT", "4096"), ("OUTPOST__DEVICE__BOARD", "rpi3")];
    let environment = load("[mind]\ncontext = 512\n", &above, "rpi5");
    assert_eq!(threads(&environment), (Some(3), Some(3), 4096), "the environment above the file");
    assert!(load("", &[], "rpi5").mind.is_none(), "a board does not bring a mind");
}

#[test]
fn a_board_of_a_newer_version_does_not_stop_run() {
    let text = "[device]\nname = \"g-1\"\nboard = \"rpi9\"\n";
    let (config, warnings) = from_text(text, "f", &[], Strictness::Run).expect("a warning");
    assert_eq!(config.device.board.name, "host");
    assert!(warnings[0].text.contains("\"rpi9\" is no board of this version"), "{warnings:?}");
}

#[test]
fn a_fault_of_the_environment_names_its_variable() {
    let environment = variables(&[
        ("OUTPOST__DEVICE__NAME", "A B"),
        ("OUTPOST__MIND__TRUST", "much"),
        ("OUTPOST__BUS__COLOUR", "red"),
        ("OUTPOST__SENSOR__AIR__EVERY", "5s"),
        ("OUTPOST__BUS", "x"),
        ("OUTPOST__BUS__A[9999999999]", "x"),
    ]);
    let faults = from_text(&good(), "f", &environment, Strictness::Check).expect_err("faults");
    let mut files: Vec<&str> = faults.faults.iter().map(|f| f.file.as_str()).collect();
    files.sort_unstable();
    assert_eq!(
        files,
        [
            "OUTPOST__BUS",
            "OUTPOST__BUS__A[9999999999]",
            "OUTPOST__BUS__COLOUR",
            "OUTPOST__DEVICE__NAME",
            "OUTPOST__MIND__TRUST",
            "OUTPOST__SENSOR__AIR__EVERY",
        ],
        "{faults}"
    );
    assert!(faults.faults.iter().all(|fault| fault.line.is_none()));
}

#[test]
fn a_file_that_is_no_text_is_refused_with_its_place() {
    let faults = from_bytes(b"[device]\nname = \"\xff\"\n", "f", &[], Strictness::Run)
        .expect_err("not UTF-8");
    let fault = &faults.faults[0];
    assert_eq!((fault.line, fault.column), (Some(2), Some(9)));
    assert!(fault.found.contains("0xff"), "{fault}");
    let long = vec![b'#'; 2_500_001];
    let faults = from_bytes(&long, "f", &[], Strictness::Run).expect_err("too large");
    assert!(faults.to_string().contains("2500000 bytes"), "{faults}");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(checked(&deep).is_err());
    let nowhere = folder().join("nowhere.toml");
    let error = load_with(&nowhere, &[], Strictness::Run).expect_err("no such file");
    assert!(matches!(error, LoadError::Read { .. }), "{error}");
    assert!(error.to_string().contains("nowhere.toml"));
}

#[test]
fn a_password_is_shown_nowhere() {
    for name in ["bus_password.toml", "bus_password_key.toml"] {
        let faults = checked(&read(&folder().join(name))).expect_err("a fault");
        assert!(!format!("{faults:?}").contains("\"secret\\\""), "{faults:?}");
        assert!(!format!("{faults:?}").contains("ann:"), "{faults:?}");
        assert!(faults.faults.iter().all(|fault| fault.excerpt.is_none()), "{faults:?}");
    }
}

#[test]
fn faults_are_counted_beyond_the_list() {
    let mut text = "[device]\nname = \"a\"\n".to_owned();
    for _ in 0..300 {
        text.push_str("[[sensor]]\nname = 5\n");
    }
    let faults = checked(&text).expect_err("many faults");
    assert_eq!((faults.faults.len(), faults.count()), (200, 600));
    assert!(faults.to_string().ends_with("and 400 more"));
}

#[test]
fn too_many_of_anything_is_a_fault() {
    let mut text = "[device]\nname = \"a\"\n".to_owned();
    for number in 0..4097 {
        text.push_str(&format!("[[sensor]]\nname = \"s{number}\"\ntopic = \"t/{number}\"\n"));
    }
    let faults = checked(&text).expect_err("one sensor too many");
    assert_eq!(faults.count(), 1, "{faults}");
    assert!(faults.to_string().contains("found 4097 of them; allowed: at most 4096"), "{faults}");
    // Each of them made of the one that follows: the deepest that there can be, and one more.
    let mut text = "[device]\nname = \"a\"\n[[sensor]]\nname = \"d64\"\ntopic = \"t\"\n".to_owned();
    for number in 0..64 {
        let next = number + 1;
        text.push_str(&format!("[[derived]]\nname = \"d{number}\"\nvalue = \"d{next} + 1\"\n"));
    }
    let (config, _) = checked(&text).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.derived.first(), Some(&SensorId(64)));
    text.push_str("[[derived]]\nname = \"e\"\nvalue = \"d0\"\n");
    let faults = checked(&text).expect_err("one too many");
    assert!(faults.to_string().contains("found 65 of them; allowed: at most 64"), "{faults}");
}

// ---- properties ----

/// What may stand in the place of a token.
const TOKENS: [&str; 28] = [
    "",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "\"\"\"",
    ",",
    ".",
    "#",
    "\n",
    "true",
    "-1",
    "1e400",
    "99999999999999999999",
    "nan",
    "06:00",
    "\"on\"",
    "\"(((((((\"",
    "[device]",
    "[[sensor]]",
    "name",
    "\u{0}",
    "°",
];

/// Splits a text so that its pieces joined give it back.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let next = rest.chars().next().map_or(1, char::len_utf8);
        let (piece, after) = rest.split_at(word.max(next));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn random_damage_is_reported_and_never_panics(
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3_u8, 0..TOKENS.len()), 1..6
        )
    ) {
        let text = good();
        let mut parts: Vec<String> = pieces(&text).into_iter().map(str::to_owned).collect();
        for (place, kind, token) in damage {
            let at = place.index(parts.len());
            match kind {
                0 => { parts.remove(at); }
                1 => parts.insert(at, TOKENS[token].to_owned()),
                _ => parts[at] = TOKENS[token].to_owned(),
            }
        }
        let damaged = parts.concat();
        for strictness in [Strictness::Check, Strictness::Run] {
            match from_text(&damaged, "f", &[], strictness) {
                Ok((config, _)) => prop_assert!(!config.device.name.is_empty()),
                Err(faults) => prop_assert!(faults.count() > 0 && !faults.faults.is_empty()),
            }
        }
    }

    #[test]
    fn any_bytes_are_reported_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(from_bytes(&bytes, "f", &[], Strictness::Run).is_err());
    }
}

#[test]
fn the_examples_of_the_documentation_are_in_order() {
    for document in ["docs/configuration.md", "README.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let text = read(&path);
        let blocks: Vec<&str> =
            text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty(), "{document}");
        for block in blocks {
            checked(block).unwrap_or_else(|faults| panic!("{document}: {faults}\n{block}"));
        }
    }
    checked(outpost::plant::greenhouse_config()).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn a_destination_has_its_defaults_and_its_own_words() {
    let text = "[device]\nname = \"g-1\"\n[[cloud]]\nname = \"a\"\nurl = \"mqtts://hub\"\n\
                [[cloud]]\nname = \"b\"\nurl = \"mqtt://hub:1\"\nack = \"receiver\"\n\
                format = \"json\"\nkinds = [\"event\"]\npriority = \"alarms\"\nbatch = 7\n\
                delay = \"0s\"\nbudget = \"1MB\"\nkeep_alive = \"20m\"\nclient_id = \"me\"\n\
                username = \"u\"\npassword_file = \"p\"\n";
    let (config, warnings) = checked(text).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let [a, b] = &config.clouds[..] else { panic!("two destinations") };
    let (at_a, at_b) = (a.to.broker().unwrap(), b.to.broker().unwrap());
    let remote = |tls, port| Broker::Remote { host: "hub".into(), port, tls };
    assert_eq!((&at_a.bus.broker, &at_b.bus.broker), (&remote(true, 8883), &remote(false, 1)));
    assert_eq!((a.batch_records, a.delay.as_secs(), a.budget_bytes), (1000, 60, None));
    assert_eq!((at_a.ack, at_a.format), (CloudAck::Broker, CloudFormat::Postcard));
    assert_eq!((a.priority, at_a.keep_alive.as_secs()), (CloudPriority::All, 30));
    assert_eq!((b.batch_records, b.delay.as_secs(), b.budget_bytes), (7, 0, Some(1_000_000)));
    assert_eq!((at_b.ack, at_b.format), (CloudAck::Receiver, CloudFormat::Json));
    assert_eq!((b.priority, at_b.keep_alive.as_secs()), (CloudPriority::Alarms, 1200));
    assert_eq!((at_b.client_id.as_deref(), at_b.bus.username.as_deref()), (Some("me"), Some("u")));
    assert_eq!(b.kinds.len(), 1);
}

#[test]
fn a_store_of_objects_is_named_by_its_url() {
    let text = "[device]\nname = \"g-1\"\n[[cloud]]\nname = \"a\"\n\
                url = \"s3://records/north\"\nregion = \"eu-1\"\nusername = \"id\"\n\
                password_file = \"p\"\nendpoint = \"http://10.0.0.1:9000\"\n\
                [[cloud]]\nname = \"b\"\nurl = \"file:///mnt/usb\"\nack = \"receiver\"\n";
    let (config, warnings) = checked(text).unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.to_string().contains("ack"), "{warning}");
    let [a, b] = &config.clouds[..] else { panic!("two destinations") };
    assert_eq!((a.batch_records, a.delay.as_secs()), (10_000, 900));
    let CloudTo::Objects(at_a) = &a.to else { panic!("{:?}", a.to) };
    assert_eq!(at_a.url.as_str(), "s3://records/north");
    assert_eq!((at_a.region.as_deref(), at_a.username.as_deref()), (Some("eu-1"), Some("id")));
    assert!(matches!(&b.to, CloudTo::Objects(at_b) if at_b.url.path() == "/mnt/usb"));
    for (wrong, key) in [
        ("url = \"s3://\"", "url"),
        ("url = \"s3://id:secret@bucket\"", "url"),
        ("url = \"file://host/folder\"", "url"),
        ("url = \"s3://b\"\nusername = \"id\"", "username"),
        ("url = \"s3://b\"\nendpoint = \"minio:9000\"", "endpoint"),
        ("url = \"ftp://b\"", "url"),
        ("url = \"https://user:secret@collector\"", "url"),
        ("url = \"https://collector\"\nsignals = [\"traces\"]", "signals"),
        ("url = \"https://collector\"\nsignals = []", "signals"),
        ("url = \"https://collector\"\nusername = \"u\"", "username"),
    ] {
        let text = format!("[device]\nname = \"g\"\n[[cloud]]\nname = \"a\"\n{wrong}\n");
        let faults = checked(&text).unwrap_err().to_string();
        assert!(faults.contains(key), "{wrong}: {faults}");
        assert!(!faults.contains("secret"), "{faults}");
    }
}

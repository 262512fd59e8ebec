//! `outpost support`: what is sent to others holds none of the secrets that were planted.

use std::fs;
use std::process::Command;

use crate::agent::{Agent, SOON, Site};
use crate::bus::Bus;
use crate::common::Broker;

/// Where they are: a file that the configuration names, an address, a key of the file itself, a
/// comment; and from the first of them in the journal, by a command that repeats it.
const PLANTED: [&str; 5] =
    ["plant-token-1", "plant-word-2", "plant-url-3", "plant-key-4", "wort-5"];

#[test]
fn a_bundle_holds_what_happened_and_none_of_the_planted_secrets() {
    let broker = Broker::start();
    let bus = Bus::join(&broker);
    let site = Site::new(&broker, "cold-help", "");
    let (token, word) = (site.folder().join("token"), site.folder().join("word"));
    fs::write(&token, format!("{}\n", PLANTED[0])).unwrap();
    fs::write(&word, format!("{}\n", PLANTED[1])).unwrap();
    let agent = Agent::start(&site);
    bus.wait_json(0, &site.topic("status"), SOON, |status| status["state"] == "online");
    let mark = bus.mark();
    let payload = format!(r#"{{"actuator":"{}","value":"on"}}"#, PLANTED[0]);
    bus.say(&site.topic("cmd/set/s1"), payload);
    bus.wait_json(mark, &site.topic("cmd-state/set/s1"), SOON, |told| told["state"] == "rejected");
    assert!(agent.stop().success());
    assert!(site.records("command").iter().any(|one| one.to_string().contains(PLANTED[0])));

    let more = format!(
        "[web]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"{}\" # {}\n[[cloud]]\nname = \"far\"\n\
         url = \"mqtts://anna:{}@far\"\nusername = \"anna\"\npassword_file = \"{}\"\n\
         api_key = \"{}\"\n",
        token.display(),
        PLANTED[4],
        PLANTED[2],
        word.display(),
        PLANTED[3]
    );
    let whole = fs::read_to_string(site.config()).unwrap() + &more;
    fs::write(site.config(), whole).unwrap();
    // An address with a password is a fault; where the journal is, is said all the same.
    let said = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outpost"));
        command.arg("support").args(more).arg("--config").arg(site.config());
        let end = command.arg("--slots").arg(site.folder().join("slots")).output().unwrap();
        assert!(end.status.success(), "{end:?}");
        String::from_utf8([end.stdout, end.stderr].concat()).unwrap()
    };
    let file = site.folder().join("bundle");
    let bundle = said(&[]);
    let text = said(&["--to", file.to_str().unwrap()]);
    assert!(text.contains("Read it before you send it"), "{text}");
    let kept = fs::read_to_string(&file).unwrap();
    for planted in PLANTED {
        assert!(!bundle.contains(planted) && !kept.contains(planted), "{planted}: {kept}");
    }
    for there in
        ["cold-help", "keep cold", "(left out)", "\"kernels\"", "\"kind\":\"boot\"", "set/s1"]
    {
        assert!(kept.contains(there), "{there}: {kept}");
    }
}

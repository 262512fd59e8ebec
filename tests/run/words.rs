//! An operator at a shell: `outpost cmd`, typed and in plain words, to its last state.

use crate::agent::{Agent, SOON, Site};
use crate::common::{Broker, eventually};
use crate::place::Place;

#[test]
fn commands_from_a_shell_are_followed_to_their_end() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-words", "");
    let agent = Agent::start(&site);
    eventually("a lamp that is off", SOON, || (!place.room().commands.is_empty()).then_some(()));

    let state = |arguments: &[&str]| {
        let (lines, good) = site.outpost(arguments);
        let last = lines.last().expect("a state").clone();
        (good, last["state"].as_str().unwrap().to_owned(), last["reason"].to_string())
    };
    let set = ["cmd", "set", "actuator=lamp", "value=on", "--id", "one"];
    let (good, word, _) = state(&set);
    assert_eq!((good, word.as_str()), (true, "succeeded"));
    let commands = place.room().commands.len();
    assert!(state(&set).0, "the recorded state again");
    assert_eq!(place.room().commands.len(), commands, "and nothing is done twice");

    let (good, word, _) = state(&["cmd", "ask", "please turn the lamp off"]);
    assert_eq!((good, word.as_str()), (true, "succeeded"));
    let (good, _, answer) = state(&["cmd", "ask", "why", "is", "the", "lamp", "off?"]);
    assert!(good && answer.contains("lamp is off; last set to off at "), "{answer}");
    let (good, word, reason) = state(&["cmd", "ask", "never use the compressor"]);
    assert_eq!((good, word.as_str()), (false, "rejected"));
    assert!(reason.contains("a ban or a wish"), "{reason}");
    let (good, word, reason) = state(&["cmd", "set", "actuator=stove", "value=on"]);
    assert_eq!((good, word.as_str()), (false, "rejected"));
    assert!(reason.contains("unknown actuator"), "{reason}");

    let said = site.records("event");
    let understood = |event: &&serde_json::Value| event["event"] == "asked";
    assert!(said.iter().filter(understood).count() == 1, "{said:?}");
    assert!(agent.stop().success());
    site.verify();
}

//! Outpost as a device in Home Assistant: its goals, its state and what waits for a person,
//! announced by MQTT discovery (Home Assistant's MQTT integration, "MQTT Discovery").
//!
//! It reads the running agent as the page does and speaks over a connection of its own, so that the
//! agent neither knows nor waits. What the entities show and set are the device's own topics. What
//! must never be here: a command, a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::config::HomeAssistant;
use crate::discover::ORIGIN;
use crate::limits::{
    HOMEASSISTANT_BIRTH_MS_MAX, HOMEASSISTANT_LOOK_MS, KEEP_ALIVE_S, LINK_EVENTS_MAX,
};
use crate::link::topics::{CommandId, CommandKind, DeviceName, DeviceTopic};
use crate::link::{
    Class, Endpoint, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, Outgoing, Pace, spawn,
};
use crate::live::Viewer;

/// What Home Assistant says when it has started.
const BORN: &[u8] = b"online";

/// Announces the device until the runtime ends.
///
/// # Errors
/// Where the topics of the prefix cannot be subscribed to.
pub fn announce(
    wanted: &HomeAssistant,
    device: DeviceName,
    endpoint: Endpoint,
    viewer: &Viewer,
) -> Result<(), LinkConfigError> {
    let words = Words { prefix: wanted.prefix.clone(), device };
    let (tell, events) = mpsc::channel(LINK_EVENTS_MAX);
    let config = LinkConfig {
        endpoint,
        client_id: format!("{}-homeassistant", words.device.client_id()),
        is_lasting: false,
        will: None,
        subscriptions: vec![words.birth(), words.ours()],
        receipts: Vec::new(),
        keep_alive: Duration::from_secs(KEEP_ALIVE_S),
        pace: Pace::default(),
    };
    let link = spawn(config, tell)?;
    let state = viewer.state.clone();
    tokio::spawn(
        Announcer { words, link, sent: BTreeMap::new(), old: BTreeSet::new() }.run(state, events),
    );
    Ok(())
}

/// Names of topics and entities.
struct Words {
    prefix: String,
    device: DeviceName,
}

impl Words {
    /// Where Home Assistant says that it has started.
    fn birth(&self) -> String {
        format!("{}/status", self.prefix)
    }

    /// The device's name among those of others.
    fn node(&self) -> String {
        format!("outpost_{}", self.device)
    }

    /// All our announcements.
    fn ours(&self) -> String {
        format!("{}/+/{}/+/config", self.prefix, self.node())
    }

    fn is_ours(&self, topic: &str) -> bool {
        let rest = topic.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
        rest.and_then(|rest| rest.split('/').nth(1)) == Some(&self.node())
    }

    fn of(&self, topic: &DeviceTopic) -> String {
        topic.build(&self.device)
    }
}

/// The task: what was announced, and over what line.
struct Announcer {
    words: Words,
    link: LinkHandle,
    /// Announcements that the broker has or will have.
    sent: BTreeMap<String, String>,
    /// Announcements of an earlier start that were found at the broker.
    old: BTreeSet<String>,
}

impl Announcer {
    async fn run(
        mut self,
        state: watch::Sender<std::sync::Arc<str>>,
        mut events: mpsc::Receiver<LinkEvent>,
    ) {
        let mut pace = tokio::time::interval(Duration::from_millis(HOMEASSISTANT_LOOK_MS));
        let mut again_at: Option<Instant> = None;
        loop {
            let due = again_at.unwrap_or_else(Instant::now);
            tokio::select! {
                event = events.recv() => match event {
                    None => return,
                    // A broker that was restarted may have forgotten all of it.
                    Some(LinkEvent::Up { .. }) => self.sent.clear(),
                    Some(LinkEvent::Message { topic, payload, .. }) => {
                        if topic == self.words.birth() && payload == BORN {
                            // Every device hears it at once; not all of them answer at once.
                            let pause = rand::random_range(0..=HOMEASSISTANT_BIRTH_MS_MAX);
                            again_at = Some(Instant::now() + Duration::from_millis(pause));
                        } else if self.words.is_ours(&topic) && !payload.is_empty() {
                            self.old.insert(topic);
                        }
                    }
                    Some(_) => {}
                },
                _ = pace.tick() => self.look(&state),
                () = sleep_until(due), if again_at.is_some() => {
                    again_at = None;
                    self.sent.clear();
                    self.look(&state);
                }
            }
        }
    }

    /// Announces what is new or another, and takes back what is gone.
    fn look(&mut self, state: &watch::Sender<std::sync::Arc<str>>) {
        let text = std::sync::Arc::clone(&state.borrow());
        // Before the agent's first event nothing is known, and nothing is taken back.
        let Ok(state) = serde_json::from_str::<Json>(&text) else { return };
        let wanted = announcements(&self.words, &state);
        let gone: Vec<_> = self.sent.keys().chain(&self.old).cloned().collect();
        for topic in gone.into_iter().filter(|topic| !wanted.contains_key(topic)) {
            if self.publish(&topic, String::new()) {
                self.sent.remove(&topic);
                self.old.remove(&topic);
            }
        }
        for (topic, payload) in wanted {
            if self.sent.get(&topic) != Some(&payload) && self.publish(&topic, payload.clone()) {
                self.sent.insert(topic, payload);
            }
        }
    }

    /// True where the line has taken it; else it is tried again at the next look.
    fn publish(&self, topic: &str, payload: String) -> bool {
        let outgoing = Outgoing {
            token: 0,
            topic: topic.to_owned(),
            payload: payload.into_bytes(),
            retain: true,
            class: Class::State,
        };
        self.link.publish(outgoing).is_ok()
    }
}

/// Every announcement for a state of the agent: topic and payload.
fn announcements(words: &Words, state: &Json) -> BTreeMap<String, String> {
    let mut all = Entities { words, version: state["version"].clone(), all: BTreeMap::new() };
    let status = words.of(&DeviceTopic::Status);
    for (key, name) in
        [("mode", "Mode"), ("mind", "Mind"), ("effort", "Effort"), ("clock", "Clock")]
    {
        // The last will says only that it is offline.
        let template = format!("{{{{ value_json.{key} | default('unknown') }}}}");
        let more = json!({"name": name, "state_topic": status, "value_template": template,
            "entity_category": "diagnostic"});
        all.add("sensor", key, more);
    }
    let decision = words.of(&DeviceTopic::Decision);
    all.add(
        "sensor",
        "decision",
        json!({"name": "Decision", "state_topic": decision,
        "value_template": "{{ value_json.cause[:250] }}", "json_attributes_topic": decision}),
    );
    let goals = words.of(&DeviceTopic::Goals);
    for goal in state["goals"].as_array().into_iter().flatten() {
        let Some(name) = goal["name"].as_str() else { continue };
        let which = format!("{{% for g in value_json if g.name == '{}' %}}", quoted(name));
        let is_off = "{{ 'ON' if g.satisfied == false else 'OFF' if g.satisfied == true \
            else 'None' }}{% endfor %}";
        all.add(
            "binary_sensor",
            &format!("goal_{}", short(name)),
            json!({"name": name,
            "state_topic": goals, "value_template": format!("{which}{is_off}"),
            "device_class": "problem", "json_attributes_topic": goals,
            "json_attributes_template": format!("{which}{{{{ g | tojson }}}}{{% endfor %}}")}),
        );
    }
    for waits in state["approvals"].as_array().into_iter().flatten() {
        let text = |key: &str| waits[key].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        for (kind, word) in [(CommandKind::Approve, "yes"), (CommandKind::Deny, "no")] {
            let object = format!("{}_{}", kind.word(), short(&id));
            // The command's own id is the approval's: pressed twice it is carried out once.
            let (Ok(command), Ok(kind)) = (id.parse::<CommandId>(), kind.word().parse()) else {
                continue;
            };
            let topic = words.of(&DeviceTopic::Command { kind, id: command });
            let name = format!("{} {}: {word}", text("actuator").replace('_', " "), text("value"));
            all.add(
                "button",
                &object,
                json!({"name": name, "command_topic": topic,
                "payload_press": json!({"approval": id}).to_string(), "qos": 1}),
            );
        }
    }
    all.all
}

/// Announcements that are being put together.
struct Entities<'a> {
    words: &'a Words,
    version: Json,
    all: BTreeMap<String, String>,
}

impl Entities<'_> {
    fn add(&mut self, component: &str, object: &str, more: Json) {
        let (node, device) = (self.words.node(), self.words.device.as_str());
        let shared = json!({
            "unique_id": format!("{node}_{object}"),
            "availability_topic": self.words.of(&DeviceTopic::Status),
            "availability_template": "{{ value_json.state }}",
            "device": {"identifiers": [node], "name": device, "manufacturer": "Outpost",
                "sw_version": self.version},
            "origin": {"name": ORIGIN, "sw_version": self.version},
        });
        let mut keys = Map::new();
        for part in [shared, more] {
            if let Json::Object(part) = part {
                keys.extend(part);
            }
        }
        let topic = format!("{}/{component}/{node}/{object}/config", self.words.prefix);
        self.all.insert(topic, Json::Object(keys).to_string());
    }
}

/// A name of any kind as part of a topic and an id.
fn short(name: &str) -> String {
    Sha256::digest(name.as_bytes())[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text within the quotes of a template: what is no letter, digit or space is spelled out, so
/// that no name ends the quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ';
    let each = text.chars().map(|c| match c {
        c if plain(c) => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words { prefix: "homeassistant".into(), device: "shed-1".parse().unwrap() }
    }

    fn state() -> Json {
        json!({"version": "0.1.0", "goals": [{"name": "it's 5 °C"}],
            "approvals": [{"id": "d1-2", "actuator": "main_valve", "value": "on"}]})
    }

    #[test]
    fn state_goals_and_approvals_are_entities_of_one_device() {
        let all = announcements(&words(), &state());
        assert_eq!(all.len(), 4 + 1 + 1 + 2, "{all:#?}");
        let mut ids = BTreeSet::new();
        for (topic, payload) in &all {
            assert!(topic.starts_with("homeassistant/") && topic.ends_with("/config"));
            assert!(words().is_ours(topic), "{topic}");
            let keys: Json = serde_json::from_str(payload).unwrap();
            assert_eq!(keys["device"]["identifiers"], json!(["outpost_shed-1"]));
            assert_eq!(keys["availability_topic"], "outpost/shed-1/status");
            assert!(ids.insert(keys["unique_id"].as_str().unwrap().to_owned()));
        }
        let find = |part: &str| {
            let found = all.iter().find(|(topic, _)| topic.contains(part)).unwrap();
            serde_json::from_str::<Json>(found.1).unwrap()
        };
        let goal = find("/binary_sensor/");
        assert_eq!(goal["name"], "it's 5 °C");
        let template = goal["value_template"].as_str().unwrap();
        assert!(template.contains(r"'it\U00000027s 5 \U000000b0C'"), "{template}");
        let yes = find("/approve_");
        assert_eq!(yes["command_topic"], "outpost/shed-1/cmd/approve/d1-2");
        assert_eq!(yes["payload_press"], r#"{"approval":"d1-2"}"#);
        assert_eq!(yes["name"], "main valve on: yes");
        assert_eq!(find("/deny_")["command_topic"], "outpost/shed-1/cmd/deny/d1-2");
    }

    #[test]
    fn no_name_ends_the_quotes_of_a_template() {
        let evil = "' %}{{ 7*7 }}\\\n\u{202e}";
        let text = quoted(evil);
        let outside = |c: char| !(c.is_ascii_alphanumeric() || c == ' ' || c == '\\');
        assert!(!text.contains(outside), "{text}");
        assert_ne!(short("a"), short("b"));
    }

    #[test]
    fn other_devices_are_none_of_ours() {
        let words = words();
        assert!(!words.is_ours("homeassistant/sensor/outpost_shed-2/mode/config"));
        assert!(!words.is_ours("homeassistant/status"));
        assert!(!words.is_ours("elsewhere/sensor/outpost_shed-1/mode/config"));
    }
}

//! Devices that say what they are: their announcements on the bus become proposals for the
//! configuration. A proposal is text for a person; nothing here subscribes a sensor, sends a
//! command or changes a configuration.
//!
//! Everything in an announcement is a stranger's word: lengths are bounded, names are reduced to
//! the configuration's own alphabet, and texts lose their control characters before they are shown.

mod accepted;
mod entity;
mod homeassistant;
mod homie;
mod print;
mod search;
mod sparkplug;
mod template;
#[cfg(test)]
mod tests;
mod watch;
mod watcher;
mod words;

use std::collections::BTreeMap;

use crate::limits::{
    DISCOVER_BYTES_MAX, DISCOVER_MESSAGES_MAX, DISCOVER_PAYLOAD_BYTES_MAX,
    SPARKPLUG_PAYLOAD_BYTES_MAX,
};

pub use homeassistant::DEFAULT_PREFIX;
pub(crate) use homeassistant::ORIGIN;
pub(crate) use homie::filters as homie_filters;

/// A sensor that a device offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorOffer {
    /// Where it speaks.
    pub topic: String,
    /// JSON pointer into its payload; none: the payload is the value.
    pub field: Option<String>,
    /// `number`, `bool` or `text`.
    pub kind: &'static str,
    /// Words of the payload that stand for yes and no, where they are not the usual ones.
    pub map: Vec<(String, bool)>,
    /// Factor and addend, where the announcement calculates.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Unit as the device says it.
    pub unit: Option<String>,
    /// What can be believed, by the kind of quantity.
    pub range: Option<(f64, f64)>,
    /// Seconds after which the device itself counts as silent.
    pub expire_s: Option<u64>,
}

/// How an actuator is set.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Two payloads.
    Switch {
        /// Payload for on.
        on: String,
        /// Payload for off.
        off: String,
    },
    /// A number.
    Level {
        /// Least.
        min: f64,
        /// Most.
        max: f64,
        /// Steps of it.
        step: f64,
    },
    /// One of some words.
    Choice(Vec<String>),
}

/// An actuator that a device offers.
#[derive(Clone, Debug, PartialEq)]
pub struct ActuatorOffer {
    /// Where commands go.
    pub topic: String,
    /// How it is set.
    pub control: Control,
    /// Text around a value, with `{value}` in it.
    pub payload: Option<String>,
    /// Where it answers.
    pub state_topic: Option<String>,
    /// JSON pointer into its answer.
    pub state_field: Option<String>,
    /// Words of its answer, where they are not the payloads.
    pub state_words: Option<(String, String)>,
}

/// A metric of a Sparkplug B node.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricOffer {
    /// The node's group.
    pub group: String,
    /// The node.
    pub node: String,
    /// Its device; none: the node itself.
    pub device: Option<String>,
    /// The metric's name.
    pub metric: String,
    /// `number`, `bool` or `text`.
    pub kind: &'static str,
    /// Unit as the node says it.
    pub unit: Option<String>,
    /// What it can be.
    pub range: Option<(f64, f64)>,
    /// How it is set; none: it is read.
    pub control: Option<Control>,
}

/// What a part of a device offers.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// A metric, to be read or to be set.
    Metric(MetricOffer),
    /// A sensor.
    Sensor(SensorOffer),
    /// An actuator.
    Actuator(ActuatorOffer),
    /// Nothing that this program can use, and why.
    Nothing(String),
}

/// A proposal: what one announced part could be here.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The device, for people.
    pub device: String,
    /// A name for the configuration, once among all proposals.
    pub name: String,
    /// The announcement's topic.
    pub source: String,
    /// What it offers.
    pub offer: Offer,
}

/// Where a device says whether it is there.
#[derive(Clone, Debug, PartialEq)]
struct Presence {
    topic: String,
    /// JSON pointer into what it says.
    field: Option<String>,
    /// Its words for being away.
    away: Vec<String>,
}

/// Whether a topic is one that devices announce themselves at.
#[must_use]
pub fn is_source(topic: &str) -> bool {
    homie::filters_of(topic).is_some() || homeassistant::prefix_of(topic).is_some()
}

/// Announcements as they came in; the newest of a topic counts.
#[derive(Debug, Default)]
pub struct Announcements {
    messages: BTreeMap<String, Vec<u8>>,
    /// Of all of them, with their topics.
    bytes: usize,
    /// Left out because there were too many, or too long ones.
    left: u64,
}

impl Offer {
    /// To be read.
    #[must_use]
    pub fn is_sensor(&self) -> bool {
        match self {
            Offer::Sensor(_) => true,
            Offer::Metric(metric) => metric.control.is_none(),
            Offer::Actuator(_) | Offer::Nothing(_) => false,
        }
    }

    /// To be set.
    #[must_use]
    pub fn is_actuator(&self) -> bool {
        match self {
            Offer::Actuator(_) => true,
            Offer::Metric(metric) => metric.control.is_some(),
            Offer::Sensor(_) | Offer::Nothing(_) => false,
        }
    }
}

impl Announcements {
    /// Takes a message of the bus. An empty one takes the announcement back.
    pub fn take(&mut self, topic: &str, payload: &[u8]) {
        if let Some(before) = self.messages.remove(topic) {
            self.bytes -= topic.len() + before.len();
        }
        if payload.is_empty() {
            return;
        }
        let most = match sparkplug::is_birth(topic) {
            true => SPARKPLUG_PAYLOAD_BYTES_MAX,
            false => DISCOVER_PAYLOAD_BYTES_MAX,
        };
        // The byte too many shows that it is too long.
        let payload = &payload[..payload.len().min(most + 1)];
        let bytes = self.bytes + topic.len() + payload.len();
        if self.messages.len() >= DISCOVER_MESSAGES_MAX || bytes > DISCOVER_BYTES_MAX {
            self.left += 1;
            return;
        }
        self.bytes = bytes;
        self.messages.insert(topic.to_owned(), payload.to_owned());
    }

    /// How many there are, and how many were left out.
    #[must_use]
    pub fn count(&self) -> (usize, u64) {
        (self.messages.len(), self.left)
    }

    /// What all of it offers, in the order of the topics: below `prefix` in Home Assistant's form,
    /// then in Homie's and Sparkplug B's. Other topics are not looked at.
    #[must_use]
    pub fn proposals(&self, prefix: &str) -> Vec<Proposal> {
        let mut names = words::Names::default();
        let mut found = Vec::new();
        let house = self.messages.iter().flat_map(|(topic, payload)| {
            let parts = homeassistant::parts(prefix, topic, payload);
            parts.into_iter().map(|part| (topic.clone(), part))
        });
        for (topic, part) in house.chain(homie::parts(&self.messages)) {
            let offer = entity::offer(&part);
            let name = names.unique(&part.device, &part.name);
            let device = words::shown(&part.device);
            found.push(Proposal { device, name, source: topic, offer });
        }
        found.extend(sparkplug::proposals(&self.messages, &mut names));
        found
    }

    /// What each announcement offers, whatever prefix it has.
    fn by_source(&self) -> BTreeMap<String, Vec<Offer>> {
        let house = self.messages.iter().filter_map(|(topic, payload)| {
            let prefix = homeassistant::prefix_of(topic)?;
            Some((topic, homeassistant::parts(prefix, topic, payload)))
        });
        let house = house
            .flat_map(|(topic, parts)| parts.into_iter().map(move |part| (topic.clone(), part)));
        let mut found: BTreeMap<String, Vec<Offer>> = BTreeMap::new();
        for (topic, part) in house.chain(homie::parts(&self.messages)) {
            found.entry(topic).or_default().push(entity::offer(&part));
        }
        found
    }

    /// Whether the device of an announcement says that it is away.
    fn is_away(&self, source: &str) -> bool {
        let (all, by_any) = self.presences(source);
        let says_so = |one: &Presence| {
            let said = self.messages.get(&one.topic).and_then(|it| std::str::from_utf8(it).ok());
            let Some(said) = said else { return false };
            let word = match &one.field {
                None => Some(said.to_owned()),
                // Old devices say it without JSON.
                Some(field) => match serde_json::from_str::<serde_json::Value>(said) {
                    Ok(json) => json.pointer(field).and_then(|it| it.as_str()).map(str::to_owned),
                    Err(_) => Some(said.to_owned()),
                },
            };
            word.is_some_and(|word| one.away.contains(&word))
        };
        match by_any {
            true => !all.is_empty() && all.iter().all(says_so),
            false => all.iter().any(says_so),
        }
    }

    fn presences(&self, source: &str) -> (Vec<Presence>, bool) {
        match self.messages.get(source) {
            Some(payload) if homeassistant::prefix_of(source).is_some() => {
                homeassistant::presence(payload)
            }
            _ => (homie::presence(source), false),
        }
    }
}

pub use accepted::Standing;
pub use print::{as_json, as_toml, sections};
pub use search::{SEARCH_S, is_taken, listen};
pub use watch::{Word, standings};
pub use watcher::watch;
pub use words::is_harmless;

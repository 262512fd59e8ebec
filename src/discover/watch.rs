//! Devices that were accepted, watched: does each still announce itself as it was accepted, and is
//! it there? Pure: messages and moments go in, words for people come out.
//!
//! What must never be here: a change of what was accepted. The accepted form stays in force until a
//! person changes the configuration; this only says that the device says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::accepted::standing;
use super::{Announcements, Standing, homie};
use crate::config::{Config, Part};
use crate::domain::Severity;
use crate::limits::{
    DISCOVER_AWAY_MS, DISCOVER_PAYLOAD_BYTES_MAX, DISCOVER_SAID_MAX, DISCOVER_SETTLE_MS,
};

/// How what was accepted stands to announcements that are all here: name and standing.
#[must_use]
pub fn standings(config: &Config, heard: &Announcements) -> Vec<(String, Standing)> {
    let offers = heard.by_source();
    let each = config.announced.iter().map(|one| {
        let standing = match standing(config, one.part, offers.get(&one.topic)) {
            Standing::AsAccepted if heard.is_away(&one.topic) => Standing::Away,
            other => other,
        };
        (name(config, one.part), standing)
    });
    each.collect()
}

/// `sensor air_temperature`.
fn name(config: &Config, part: Part) -> String {
    match part {
        Part::Sensor(id) => {
            let sensor = config.sensors.get(usize::from(id.0));
            format!("sensor {}", sensor.map_or("", |it| it.name.as_str()))
        }
        Part::Actuator(id) => {
            let actuator = config.actuators.get(usize::from(id.0));
            format!("actuator {}", actuator.map_or("", |it| it.name.as_str()))
        }
    }
}

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// A sentence.
    pub text: String,
    /// How urgent.
    pub severity: Severity,
}

/// One accepted part.
struct Watched {
    name: String,
    topic: String,
    /// What was said last.
    said: Standing,
    /// What it is since when, where that is something else.
    since: Option<(Standing, Duration)>,
}

/// The watch over all that was accepted.
pub(super) struct Watch {
    config: Arc<Config>,
    heard: Announcements,
    parts: Vec<Watched>,
    /// As it is now.
    found: Vec<Standing>,
    /// What the broker does not let us hear: of that nobody knows anything.
    refused: BTreeSet<String>,
    is_up: bool,
    is_new: bool,
}

impl Watch {
    pub(super) fn new(config: Arc<Config>) -> Watch {
        let parts = config.announced.iter().map(|one| Watched {
            name: name(&config, one.part),
            topic: one.topic.clone(),
            said: Standing::Unheard,
            since: None,
        });
        let parts: Vec<Watched> = parts.collect();
        let heard = Announcements::default();
        let (found, refused) = (Vec::new(), BTreeSet::new());
        Watch { config, heard, parts, found, refused, is_up: false, is_new: true }
    }

    /// What is to be subscribed: the announcements, and where their devices say that they are
    /// there.
    pub(super) fn filters(&self) -> BTreeSet<String> {
        let each = self.parts.iter().flat_map(|one| {
            let own = homie::filters_of(&one.topic).unwrap_or_else(|| vec![one.topic.clone()]);
            let (presences, _) = self.heard.presences(&one.topic);
            own.into_iter().chain(presences.into_iter().map(|it| it.topic))
        });
        each.collect()
    }

    /// The bus is there, and what is retained will come.
    pub(super) fn up(&mut self) {
        self.heard = Announcements::default();
        (self.is_up, self.is_new) = (true, true);
        self.parts.iter_mut().for_each(|one| one.since = None);
    }

    /// The broker refuses a subscription.
    pub(super) fn refuse(&mut self, filter: String) {
        self.refused.insert(filter);
    }

    /// The bus is gone: nobody knows anything.
    pub(super) fn down(&mut self) {
        self.is_up = false;
    }

    pub(super) fn take(&mut self, topic: &str, payload: &[u8]) {
        // One byte too many is enough to be refused.
        let most = payload.len().min(DISCOVER_PAYLOAD_BYTES_MAX + 1);
        self.heard.take(topic, payload.get(..most).unwrap_or_default());
        self.is_new = true;
    }

    /// What there is to say now. What passes within a moment, such as a device that is given
    /// another name, is not said.
    pub(super) fn look(&mut self, now: Duration) -> Vec<Word> {
        if !self.is_up {
            return Vec::new();
        }
        if std::mem::take(&mut self.is_new) {
            let found = standings(&self.config, &self.heard);
            self.found = found.into_iter().map(|(_, standing)| standing).collect();
        }
        let mut news: BTreeMap<&'static str, Vec<(String, Standing)>> = BTreeMap::new();
        for (one, is) in self.parts.iter_mut().zip(&self.found) {
            if *is == one.said || self.refused.contains(&one.topic) {
                one.since = None;
                continue;
            }
            let since = match &one.since {
                Some((same, since)) if same == is => *since,
                _ => now,
            };
            one.since = Some((is.clone(), since));
            let most = match is {
                Standing::Away => DISCOVER_AWAY_MS,
                Standing::AsAccepted => 0,
                _ => DISCOVER_SETTLE_MS,
            };
            if now.saturating_sub(since) >= Duration::from_millis(most) {
                let before = std::mem::replace(&mut one.said, is.clone());
                one.since = None;
                if !(before == Standing::Unheard && *is == Standing::AsAccepted) {
                    news.entry(is.word()).or_default().push((one.name.clone(), is.clone()));
                }
            }
        }
        news.into_values().flat_map(|all| words(&all)).collect()
    }

    /// How each stands, for a page.
    pub(super) fn as_json(&self) -> Json {
        let each = self.parts.iter().map(|one| {
            let text = match &one.said {
                Standing::Changed(how) => Some(how),
                _ => None,
            };
            json!({"name": one.name, "announced": super::words::shown(&one.topic),
                "standing": one.said.word(), "text": text})
        });
        Json::Array(each.collect())
    }
}

/// Sentences for parts that stand alike.
fn words(all: &[(String, Standing)]) -> Vec<Word> {
    let listed = || {
        let names = all.iter().take(DISCOVER_SAID_MAX).map(|(name, _)| name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        match all.len().saturating_sub(DISCOVER_SAID_MAX) {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    };
    match all.first().map(|(_, standing)| standing) {
        Some(Standing::Changed(_)) => {
            let each = all.iter().take(DISCOVER_SAID_MAX).filter_map(|(name, standing)| {
                let Standing::Changed(how) = standing else { return None };
                let text = format!(
                    "{name} is announced otherwise now: {how}. It is used as it was accepted, \
                     until a person changes the configuration"
                );
                Some(Word { text, severity: Severity::Alarm })
            });
            let more = all.len().saturating_sub(DISCOVER_SAID_MAX);
            let more = (more > 0).then(|| Word {
                text: format!("{more} more sensors and actuators are announced otherwise now"),
                severity: Severity::Alarm,
            });
            each.chain(more).collect()
        }
        Some(Standing::Gone) => {
            let text = format!("no longer announced by their devices: {}", listed());
            vec![Word { text, severity: Severity::Warning }]
        }
        Some(Standing::Away) => {
            let text = format!("their devices say that they are away: {}", listed());
            vec![Word { text, severity: Severity::Warning }]
        }
        Some(Standing::AsAccepted) => {
            let text = format!("announced again as they were accepted: {}", listed());
            vec![Word { text, severity: Severity::Info }]
        }
        Some(Standing::Unheard) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Strictness, from_text};

    const AIR: &str = "homeassistant/sensor/0x01/air/config";
    const FAN: &str = "homeassistant/fan/0x02/fan/config";
    const WELL: &str = "homie/well/pump/power/$datatype";

    fn config() -> Arc<Config> {
        let text = format!(
            "[device]\nname = \"a\"\n[bus]\nurl = \"mqtt://h\"\n[[sensor]]\nname = \"air\"\n\
             topic = \"z/air\"\nfield = \"/t\"\nunit = \"°C\"\nannounced = \"{AIR}\"\n\
             [[actuator]]\nname = \"fan\"\ntopic = \"z/fan/set\"\nkind = \"level\"\nmin = 0\n\
             max = 4\nstep = 1\nsafe = 0\nannounced = \"{FAN}\"\n[[actuator]]\nname = \"pump\"\n\
             topic = \"homie/well/pump/power/set\"\non = \"true\"\noff = \"false\"\n\
             safe = \"off\"\nannounced = \"{WELL}\"\n"
        );
        Arc::new(from_text(&text, "a.toml", &[], Strictness::Check).unwrap().0)
    }

    fn air(more: Json) -> Json {
        let mut all = json!({"stat_t": "z/air", "val_tpl": "{{ value_json.t }}",
            "unit_of_meas": "°C", "avty": [{"t": "z/bridge", "val_tpl": "{{ value_json.state }}"},
            {"t": "z/air/there"}], "avty_mode": "all"});
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        all
    }

    fn fan(most: u32) -> Json {
        json!({"pct_cmd_t": "z/fan/set", "spd_rng_min": 1, "spd_rng_max": most})
    }

    fn up() -> Watch {
        let mut watch = Watch::new(config());
        watch.up();
        watch.take(AIR, air(json!({})).to_string().as_bytes());
        watch.take(FAN, fan(4).to_string().as_bytes());
        for (attribute, value) in [("$datatype", "boolean"), ("$settable", "true")] {
            watch.take(&format!("homie/well/pump/power/{attribute}"), value.as_bytes());
        }
        watch
    }

    fn after(watch: &mut Watch, seconds: u64) -> Vec<String> {
        let words = watch.look(Duration::from_secs(seconds));
        words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn what_is_announced_as_accepted_is_no_news_and_a_change_is_said_once_it_lasts() {
        let mut watch = up();
        assert_eq!(after(&mut watch, 1), [""; 0]);
        assert_eq!(after(&mut watch, 100), [""; 0], "{}", watch.as_json());
        // It passes by: another name was given.
        watch.take(AIR, b"");
        assert_eq!(after(&mut watch, 101), [""; 0]);
        watch.take(AIR, air(json!({"name": "x"})).to_string().as_bytes());
        assert_eq!(after(&mut watch, 120), [""; 0]);
        let other = json!({"stat_t": "z/other", "unit_of_meas": "K"});
        watch.take(AIR, air(other).to_string().as_bytes());
        watch.take(FAN, fan(3).to_string().as_bytes());
        assert_eq!(after(&mut watch, 121), [""; 0]);
        let said = after(&mut watch, 131);
        assert_eq!(said.len(), 2, "{said:?}");
        let air = said.iter().find(|text| text.starts_with("sensor air")).unwrap();
        assert!(air.contains("topic: accepted \"z/air\", announced \"z/other\""), "{air}");
        assert!(air.contains("unit: accepted \"°C\", announced \"K\""), "{air}");
        let fan = said.iter().find(|text| text.starts_with("actuator fan")).unwrap();
        assert!(fan.contains("a level from 0 to 3"), "{fan}");
        assert_eq!(after(&mut watch, 200), [""; 0], "said once");
    }

    #[test]
    fn who_is_away_or_gone_is_said_together_and_not_while_the_bus_is_away() {
        let mut watch = up();
        after(&mut watch, 1);
        let filters = watch.filters();
        assert!(filters.contains("z/bridge") && filters.contains("z/air/there"), "{filters:?}");
        assert!(filters.contains("homie/well/$state") && !filters.contains("z/air"));
        watch.take("z/bridge", br#"{"state":"offline"}"#);
        watch.take("homie/well/$state", b"lost");
        assert_eq!(after(&mut watch, 10), [""; 0]);
        assert_eq!(after(&mut watch, 299), [""; 0]);
        let said = after(&mut watch, 311);
        assert_eq!(said, ["their devices say that they are away: sensor air, actuator pump"]);
        watch.take("z/bridge", br#"{"state":"online"}"#);
        let back = after(&mut watch, 312);
        assert_eq!(back, ["announced again as they were accepted: sensor air"]);

        watch.down();
        assert_eq!(after(&mut watch, 1000), [""; 0], "nobody knows");
        // A broker that has forgotten everything.
        watch.up();
        assert_eq!(after(&mut watch, 1001), [""; 0]);
        let gone = "no longer announced by their devices: sensor air, actuator fan, actuator pump";
        assert_eq!(after(&mut watch, 1020), [gone]);
    }

    #[test]
    fn who_may_not_be_heard_is_not_said_to_be_gone() {
        let mut watch = Watch::new(config());
        watch.refuse(AIR.into());
        watch.up();
        after(&mut watch, 1);
        let gone = "no longer announced by their devices: actuator fan, actuator pump";
        assert_eq!(after(&mut watch, 20), [gone]);
        assert_eq!(watch.as_json()[0]["standing"], "unheard");
    }

    #[test]
    fn hostile_announcements_are_bounded_and_change_nothing() {
        let mut watch = up();
        after(&mut watch, 1);
        let deep = "[".repeat(200_000);
        let evil = json!({"avty_t": "outpost/a/cmd/set/x", "stat_t": "\u{202e}\u{1b}[31m"});
        for payload in [deep, "{".into(), air(evil).to_string(), "x".repeat(3_000_000)] {
            watch.take(AIR, payload.as_bytes());
            watch.look(Duration::from_secs(50));
            let said = watch.look(Duration::from_secs(100));
            assert!(said.iter().all(|word| word.text.len() < 2000), "{said:?}");
            assert!(said.iter().all(|word| !word.text.contains(['\u{1b}', '\u{202e}'])));
            let ours = watch.filters().into_iter().any(|it| it.starts_with("outpost/"));
            assert!(!ours);
        }
    }
}

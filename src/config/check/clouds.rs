//! `[[cloud]]`: where the journal's records are sent.

use std::collections::BTreeSet;
use std::time::Duration;

use super::section::Section;
use super::units::minute_of_day;
use super::{Checker, Raw, quoted};
use crate::config::checked::{Broker, Cloud, CloudAck, CloudFormat, CloudPriority};
use crate::journal::Kind;
use crate::limits::{
    CLOUD_HOURS_MAX, CLOUDS_MAX, KEEP_ALIVE_S, UPLINK_BATCH_RECORDS_DEFAULT,
    UPLINK_BATCH_RECORDS_MAX, UPLINK_BUDGET_BYTES_MAX, UPLINK_BUDGET_BYTES_MIN,
    UPLINK_DELAY_MS_DEFAULT, UPLINK_DELAY_MS_MAX, UPLINK_KEEP_ALIVE_MS_MAX,
    UPLINK_KEEP_ALIVE_MS_MIN,
};

const URL_FORM: &str = "\"mqtt://host[:1883]\" or \"mqtts://host[:8883]\"";
const NAME_FORM: &str = "a-z, 0-9 and -, 1 to 63 characters";
const FORMATS: [(&str, CloudFormat); 2] =
    [("postcard", CloudFormat::Postcard), ("json", CloudFormat::Json)];
const ACKS: [(&str, CloudAck); 2] =
    [("broker", CloudAck::Broker), ("receiver", CloudAck::Receiver)];
const PRIORITIES: [(&str, CloudPriority); 3] = [
    ("all", CloudPriority::All),
    ("matters", CloudPriority::Matters),
    ("alarms", CloudPriority::Alarms),
];

impl Checker<'_> {
    pub(super) fn clouds(&mut self, top: &mut Section<'_>) -> Vec<Cloud> {
        let mut names = BTreeSet::new();
        let sections = top.elements(self, "cloud", CLOUDS_MAX);
        sections.into_iter().filter_map(|section| self.cloud(section, &mut names)).collect()
    }

    fn cloud(&mut self, mut section: Section<'_>, names: &mut BTreeSet<String>) -> Option<Cloud> {
        let name = section.required_text(self, "name", NAME_FORM);
        if let Some(name) = name {
            let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if !(1..=63).contains(&name.len()) || !name.chars().all(letter) {
                section.fault(self, "name", quoted(name), NAME_FORM);
            } else if !names.insert(name.to_owned()) {
                let found = format!("{} a second time", quoted(name));
                section.fault(self, "name", found, "a name that no other [[cloud]] has");
            }
        }
        let url = section.required_text(self, "url", URL_FORM);
        let broker = match url {
            Some("embedded") => {
                section.fault(self, "url", "the embedded broker".into(), URL_FORM);
                None
            }
            Some(url) => self.remote_broker(&section, url),
            None => None,
        };
        let tls = matches!(broker, Some(Broker::Remote { tls: true, .. }));
        let placeholder = Broker::Remote { host: String::new(), port: 1883, tls };
        let bus = self.access(&mut section, broker.clone().unwrap_or(placeholder));
        for key in ["ca_file", "cert_file", "key_file"] {
            if broker.is_some() && !tls && section.has(key) {
                let spot = section.spot(key);
                self.warn(&spot, "not used with this `url`".into());
            }
        }
        let client_id = section.bounded_text(self, "client_id", 256).map(str::to_owned);
        let cloud = Cloud {
            name: name.unwrap_or_default().to_owned(),
            bus,
            client_id,
            format: section.word(self, "format", &FORMATS).unwrap_or(CloudFormat::Postcard),
            ack: section.word(self, "ack", &ACKS).unwrap_or(CloudAck::Broker),
            kinds: self.kinds(&mut section),
            priority: section.word(self, "priority", &PRIORITIES).unwrap_or(CloudPriority::All),
            batch_records: section.integer(
                self,
                "batch",
                1..=UPLINK_BATCH_RECORDS_MAX,
                UPLINK_BATCH_RECORDS_DEFAULT,
            ),
            delay: section.duration_or(
                self,
                "delay",
                0..=UPLINK_DELAY_MS_MAX,
                UPLINK_DELAY_MS_DEFAULT,
            ),
            budget_bytes: section.size(
                self,
                "budget",
                UPLINK_BUDGET_BYTES_MIN..=UPLINK_BUDGET_BYTES_MAX,
            ),
            keep_alive: self.keep_alive(&mut section),
            hours: self.hours(&mut section),
            commands: section.yes_or_no(self, "commands").unwrap_or(false),
        };
        section.finish(self);
        (name.is_some() && broker.is_some()).then_some(cloud)
    }

    /// MQTT counts it in whole seconds.
    fn keep_alive(&mut self, section: &mut Section<'_>) -> Duration {
        let range = UPLINK_KEEP_ALIVE_MS_MIN..=UPLINK_KEEP_ALIVE_MS_MAX;
        let found = section.duration_or(self, "keep_alive", range, KEEP_ALIVE_S * 1000);
        Duration::from_secs(found.as_secs())
    }

    /// Spans such as `22:00-06:00`.
    fn hours(&mut self, section: &mut Section<'_>) -> Vec<(u16, u16)> {
        let form = format!("a list of at most {CLOUD_HOURS_MAX} spans such as \"22:00-06:00\"");
        let mut hours = Vec::new();
        for node in section.list(self, "hours", &form).unwrap_or_default() {
            let span = match &node.raw {
                Raw::Text(text) => text.split_once('-').and_then(|(from, to)| {
                    Some((minute_of_day(from.trim())?, minute_of_day(to.trim())?))
                }),
                _ => None,
            };
            match span.filter(|(from, to)| from != to && hours.len() < CLOUD_HOURS_MAX) {
                Some(span) => hours.push(span),
                None => section.fault(self, "hours", node.raw.words(), &form),
            }
        }
        hours
    }

    fn kinds(&mut self, section: &mut Section<'_>) -> Vec<Kind> {
        let words: Vec<_> = Kind::all().map(Kind::word).collect();
        let form = format!("a list of {}", words.join(", "));
        let mut kinds = Vec::new();
        for node in section.list(self, "kinds", &form).unwrap_or_default() {
            let known = match &node.raw {
                Raw::Text(word) => Kind::from_word(word),
                _ => None,
            };
            match known {
                Some(kind) => kinds.push(kind),
                None => section.fault(self, "kinds", node.raw.words(), &form),
            }
        }
        kinds
    }
}

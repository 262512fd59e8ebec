//! `[[cloud]]`: where the journal's records are sent.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::units::minute_of_day;
use super::{Checker, Raw, quoted};
use crate::config::checked::Broker;
use crate::config::cloud::{
    Cloud, CloudAck, CloudBroker, CloudFormat, CloudObjects, CloudOtlp, CloudPriority, CloudTo,
};
use crate::journal::Kind;
use crate::limits::{
    CLOUD_HOURS_MAX, CLOUDS_MAX, KEEP_ALIVE_S, UPLINK_BATCH_RECORDS_DEFAULT,
    UPLINK_BATCH_RECORDS_MAX, UPLINK_BUDGET_BYTES_MAX, UPLINK_BUDGET_BYTES_MIN,
    UPLINK_DELAY_MS_DEFAULT, UPLINK_DELAY_MS_MAX, UPLINK_KEEP_ALIVE_MS_MAX,
    UPLINK_KEEP_ALIVE_MS_MIN, UPLINK_OBJECT_DELAY_MS_DEFAULT,
};

const URL_FORM: &str = "\"mqtt://host[:1883]\", \"mqtts://host[:8883]\", \
                        \"s3://bucket/prefix\", \"az://container/prefix\", \"gs://bucket/prefix\", \
                        \"file:///folder\" or \"https://collector:4318\"";
const OTLP_FORM: &str = "\"https://collector:4318\" or \"http://…\", without user and query";
const SIGNALS_FORM: &str = "a list of \"logs\" and \"metrics\"";
const OBJECTS_FORM: &str = "\"s3://bucket/prefix\", \"az://container/prefix\", \
                            \"gs://bucket/prefix\" or \"file:///folder\", without user and query";
/// Schemes of stores of objects.
const OBJECTS: [&str; 4] = ["s3", "az", "gs", "file"];
/// Keys that only a broker has.
const BROKERS_OWN: &[&str] =
    &["client_id", "format", "ack", "keep_alive", "heartbeat", "commands", "cert_file", "crl_file"];
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
        let to = self.cloud_to(&mut section);
        let delay = match to {
            Some(CloudTo::Objects(_)) => UPLINK_OBJECT_DELAY_MS_DEFAULT,
            _ => UPLINK_DELAY_MS_DEFAULT,
        };
        let records = match to {
            Some(CloudTo::Objects(_)) => UPLINK_BATCH_RECORDS_MAX,
            _ => UPLINK_BATCH_RECORDS_DEFAULT,
        };
        let kinds = self.kinds(&mut section);
        let priority = self.priority(&mut section, to.as_ref().and_then(CloudTo::broker));
        let batches = 1..=UPLINK_BATCH_RECORDS_MAX;
        let batch_records = section.integer(self, "batch", batches, records);
        let delay = section.duration_or(self, "delay", 0..=UPLINK_DELAY_MS_MAX, delay);
        let budgets = UPLINK_BUDGET_BYTES_MIN..=UPLINK_BUDGET_BYTES_MAX;
        let budget_bytes = section.size(self, "budget", budgets);
        let hours = self.hours(&mut section);
        section.finish(self);
        let name = name?.to_owned();
        Some(Cloud { name, to: to?, kinds, priority, batch_records, delay, budget_bytes, hours })
    }

    /// What takes the records, by the form of `url`.
    fn cloud_to(&mut self, section: &mut Section<'_>) -> Option<CloudTo> {
        let url = section.required_text(self, "url", URL_FORM)?;
        if url == "embedded" {
            section.fault(self, "url", "the embedded broker".into(), URL_FORM);
            return None;
        }
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if OBJECTS.contains(&scheme) {
            return self.cloud_objects(section, url, scheme).map(CloudTo::Objects);
        }
        if ["http", "https"].contains(&scheme) {
            return self.cloud_otlp(section, url).map(CloudTo::Otlp);
        }
        let broker = if ["mqtt", "mqtts"].contains(&scheme) {
            self.remote_broker(section, url)
        } else {
            self.no_url(section, "url", url, URL_FORM);
            None
        };
        self.unused(section, &["endpoint", "region", "signals"]);
        self.cloud_broker(section, broker).map(CloudTo::Broker)
    }

    fn cloud_broker(
        &mut self,
        section: &mut Section<'_>,
        broker: Option<Broker>,
    ) -> Option<CloudBroker> {
        let tls = matches!(broker, Some(Broker::Remote { tls: true, .. }));
        let placeholder = Broker::Remote { host: String::new(), port: 1883, tls };
        let bus = self.access(section, broker.clone().unwrap_or(placeholder));
        if broker.is_some() && !tls {
            self.unused(section, &["ca_file", "crl_file", "cert_file", "key_file"]);
        }
        let to = CloudBroker {
            bus,
            client_id: section.bounded_text(self, "client_id", 256).map(str::to_owned),
            format: section.word(self, "format", &FORMATS).unwrap_or(CloudFormat::Postcard),
            ack: section.word(self, "ack", &ACKS).unwrap_or(CloudAck::Broker),
            keep_alive: self.keep_alive(section),
            heartbeat: section.has("heartbeat"),
            commands: section.yes_or_no(self, "commands").unwrap_or(false),
        };
        broker.map(|_| to)
    }

    fn cloud_objects(
        &mut self,
        section: &mut Section<'_>,
        text: &str,
        scheme: &str,
    ) -> Option<CloudObjects> {
        let url = Url::parse(text).ok().filter(objects_at);
        if url.is_none() {
            self.no_url(section, "url", text, OBJECTS_FORM);
        }
        let endpoint = section.text(self, "endpoint").and_then(|text| {
            let is_plain = |url: &Url| {
                let known = ["http", "https"].contains(&url.scheme());
                known && url.has_host() && url.username().is_empty() && url.password().is_none()
            };
            let found = Url::parse(text).ok().filter(is_plain);
            if found.is_none() {
                let form = "\"https://host\" or \"http://host:9000\", without user and password";
                self.no_url(section, "endpoint", text, form);
            }
            found
        });
        let region = section.bounded_text(self, "region", 64).map(str::to_owned);
        let username = section.bounded_text(self, "username", 256).map(str::to_owned);
        let mut path = |key| section.bounded_text(self, key, PATH_BYTES_MAX).map(PathBuf::from);
        let (password_file, key_file) = (path("password_file"), path("key_file"));
        let ca_file = path("ca_file");
        let with_secret = ["s3", "az"].contains(&scheme);
        if with_secret && username.is_some() != password_file.is_some() {
            let key = if username.is_some() { "username" } else { "password_file" };
            let allowed = "`username` and `password_file`, or neither";
            section.fault(self, key, format!("`{key}` alone"), allowed);
        }
        self.unused(section, BROKERS_OWN);
        self.unused(section, &["signals"]);
        self.unused(
            section,
            match scheme {
                "s3" => &["key_file"],
                "az" => &["key_file", "region"],
                "gs" => &["username", "password_file", "region", "endpoint"],
                _ => &["username", "password_file", "key_file", "ca_file", "region", "endpoint"],
            },
        );
        let url = url?;
        Some(CloudObjects { url, endpoint, region, username, password_file, key_file, ca_file })
    }

    fn cloud_otlp(&mut self, section: &mut Section<'_>, text: &str) -> Option<CloudOtlp> {
        let bare = |url: &Url| {
            let secret = !url.username().is_empty() || url.password().is_some();
            url.has_host() && !secret && url.query().is_none() && url.fragment().is_none()
        };
        let url = Url::parse(text).ok().filter(bare);
        if url.is_none() {
            self.no_url(section, "url", text, OTLP_FORM);
        }
        let username = section.bounded_text(self, "username", 256).map(str::to_owned);
        let mut path = |key| section.bounded_text(self, key, PATH_BYTES_MAX).map(PathBuf::from);
        let (password_file, ca_file) = (path("password_file"), path("ca_file"));
        if username.is_some() && password_file.is_none() {
            let allowed = "`username` and `password_file`, or `password_file` alone for a token";
            section.fault(self, "username", "`username` alone".into(), allowed);
        }
        let (mut logs, mut metrics) = (!section.has("signals"), !section.has("signals"));
        for node in section.list(self, "signals", SIGNALS_FORM).unwrap_or_default() {
            match &node.raw {
                Raw::Text(word) if word == "logs" => logs = true,
                Raw::Text(word) if word == "metrics" => metrics = true,
                _ => section.fault(self, "signals", node.raw.words(), SIGNALS_FORM),
            }
        }
        if !logs && !metrics {
            section.fault(self, "signals", "none of them".into(), SIGNALS_FORM);
        }
        self.unused(section, BROKERS_OWN);
        self.unused(section, &["key_file", "endpoint", "region"]);
        Some(CloudOtlp { url: url?, username, password_file, ca_file, logs, metrics })
    }

    /// Keys that are known, and mean nothing with this `url`.
    fn unused(&mut self, section: &mut Section<'_>, keys: &[&'static str]) {
        for key in keys {
            if section.get(key).is_some() {
                let spot = section.spot(key);
                self.warn(&spot, "not used with this `url`".into());
            }
        }
    }

    /// With `heartbeat` only alarms go, so no other key says which records.
    fn priority(
        &mut self,
        section: &mut Section<'_>,
        broker: Option<&CloudBroker>,
    ) -> CloudPriority {
        let found = section.word(self, "priority", &PRIORITIES);
        if !broker.is_some_and(|broker| broker.heartbeat) {
            return found.unwrap_or(CloudPriority::All);
        }
        for key in ["priority", "kinds", "keep_alive"] {
            if section.has(key) {
                let allowed = "one of them: with `heartbeat` only alarms go";
                section.fault(self, key, format!("`{key}` beside `heartbeat`"), allowed);
            }
        }
        CloudPriority::Alarms
    }

    /// MQTT counts it in whole seconds; a ping goes after half of it.
    fn keep_alive(&mut self, section: &mut Section<'_>) -> Duration {
        let range = UPLINK_KEEP_ALIVE_MS_MIN..=UPLINK_KEEP_ALIVE_MS_MAX;
        let found = section.duration_or(self, "keep_alive", range.clone(), KEEP_ALIVE_S * 1000);
        let halves = range.start() / 2..=range.end() / 2;
        let beat = section.duration_or(self, "heartbeat", halves, 0);
        let long = if section.has("heartbeat") { beat * 2 } else { found };
        Duration::from_secs(long.as_secs())
    }

    /// Spans such as `22:00-06:00`.
    pub(super) fn hours(&mut self, section: &mut Section<'_>) -> Vec<(u16, u16)> {
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

/// True for a bucket with a prefix, or for a folder of this machine.
fn objects_at(url: &Url) -> bool {
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    bare && match url.scheme() {
        "file" => url.to_file_path().is_ok(),
        _ => url.has_host() && url.port().is_none(),
    }
}

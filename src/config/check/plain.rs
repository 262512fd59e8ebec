//! The sections that exist once: device, bus, agent, mind, journal.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::section::Section;
use super::topics::broker;
use super::{Checker, Declared, Place, Raw, Strictness, quoted};
use crate::board::Profiles;
use crate::config::checked::{Broker, Bus, Device, Journal, Mind, Mode, Update, Web};
use crate::journal::Keep;
use crate::limits::{
    DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX, DEADLINE_MS_MIN, JOURNAL_KEEP_MS_MAX,
    JOURNAL_KEEP_MS_MIN, LABEL_BYTES_MAX, LABELS_MAX, MIND_CONTEXT_TOKENS_MAX,
    MIND_CONTEXT_TOKENS_MIN, MIND_MODELS_BYTES_DEFAULT, MIND_MODELS_BYTES_MAX,
    MIND_MODELS_BYTES_MIN, MIND_MODELS_MAX, MIND_THREADS_MAX, PACKET_BYTES_DEFAULT,
    PACKET_BYTES_MAX, PACKET_BYTES_MIN, QUOTA_BYTES_MAX, QUOTA_BYTES_MIN, UPDATE_BUDGET_BYTES_MAX,
    UPDATE_BUDGET_BYTES_MIN, UPDATE_DEADLINE_MS_DEFAULT, UPDATE_DEADLINE_MS_MAX,
    UPDATE_EVERY_MS_DEFAULT, UPDATE_EVERY_MS_MAX, UPDATE_EVERY_MS_MIN, UPDATE_TRIAL_MS_DEFAULT,
    UPDATE_TRIAL_MS_MAX, UPDATE_TRIAL_MS_MIN,
};
use crate::update::rollout::Labels;

/// Longest path, in bytes: Linux's own `PATH_MAX`.
pub(super) const PATH_BYTES_MAX: usize = 4096;
/// The words of `mode`.
pub(super) const MODES: [(&str, Mode); 3] =
    [("observe", Mode::Observe), ("advise", Mode::Advise), ("act", Mode::Act)];
/// Default model and trust of design §4.
const MODEL_DEFAULT: &str = "smollm2-135m-instruct-q4_0";
/// Where the API listens (design §4).
const WEB_LISTEN_DEFAULT: &str = "127.0.0.1:8080";
/// Where releases may come from.
const SOURCE_FORM: &str = "a folder, or an address with http:// or https://";
/// See [`MODEL_DEFAULT`].
const TRUST_DEFAULT: f64 = 0.6;

impl Checker<'_> {
    pub(super) fn device(&mut self, mut section: Section<'_>) -> Option<Device> {
        let form = "a-z, 0-9 and -, 1 to 63 characters";
        let name = section.required_text(self, "name", form);
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(name) = name
            && (name.is_empty() || name.len() > 63 || !name.chars().all(letter))
        {
            section.fault(self, "name", quoted(name), form);
        }
        self.check_board(&mut section);
        let timezone = section.text(self, "timezone").unwrap_or("UTC");
        if jiff::tz::TimeZone::get(timezone).is_err() {
            let allowed = "a name of this system's time zone database, such as \"UTC\" or \
                           \"Europe/Berlin\" (package tzdata)";
            section.fault(self, "timezone", quoted(timezone), allowed);
        }
        let labels = self.labels(&mut section);
        section.finish(self);
        let timezone = timezone.into();
        Some(Device { name: name?.into(), board: self.board, timezone, labels })
    }

    fn labels(&mut self, section: &mut Section<'_>) -> Labels {
        let form = "a table such as { site = \"north\" }";
        let word = |text: &str| {
            (1..=LABEL_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let allowed = format!("1 to {LABEL_BYTES_MAX} letters, digits, -, _ and .");
        let mut labels = Labels::new();
        let Some(table) = section.table(self, "labels", form) else { return labels };
        for (key, node) in table.entries() {
            match &node.raw {
                _ if !word(key) => table.fault(self, key, quoted(key), &allowed),
                Raw::Text(text) if word(text) => {
                    labels.insert(key.clone(), text.clone());
                }
                raw => table.fault(self, key, raw.words(), &format!("a text of {allowed}")),
            }
        }
        if labels.len() > LABELS_MAX {
            let most = format!("at most {LABELS_MAX} labels");
            section.fault(self, "labels", labels.len().to_string(), &most);
        }
        labels
    }

    /// A board that nobody knows is a fault of `check`; `run` takes what it recognises, since a
    /// newer version may know more boards.
    fn check_board(&mut self, section: &mut Section<'_>) {
        let word = section.bounded_text(self, "board", 63).unwrap_or("auto");
        if word == "auto" || Profiles::embedded().find(word).is_some() {
            return;
        }
        let names: Vec<&str> = Profiles::embedded().all().map(|one| one.name.as_str()).collect();
        let allowed = format!("\"auto\" or one of {}", names.join(", "));
        match self.strictness {
            Strictness::Check => section.fault(self, "board", quoted(word), &allowed),
            Strictness::Run => {
                let spot = section.spot("board");
                let text = format!("{} is no board of this version, as \"auto\"", quoted(word));
                self.warn(&spot, format!("{text}; allowed: {allowed}"));
            }
        }
    }

    pub(super) fn bus(&mut self, mut section: Section<'_>) -> Option<Bus> {
        let broker = self.broker(&mut section);
        let max_packet = section.size(self, "max_packet", PACKET_BYTES_MIN..=PACKET_BYTES_MAX);
        let mut bus = self.access(
            &mut section,
            broker.clone().unwrap_or(Broker::Embedded { listen: loopback() }),
        );
        bus.max_packet_bytes = max_packet
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(PACKET_BYTES_DEFAULT);
        self.unused_bus_keys(&mut section, broker.as_ref());
        section.finish(self);
        broker.map(|_| bus)
    }

    /// How we show a broker who we are; the same keys in `[bus]` and `[[cloud]]`.
    pub(super) fn access(&mut self, section: &mut Section<'_>, broker: Broker) -> Bus {
        let username = section.bounded_text(self, "username", 256).map(str::to_owned);
        let mut path = |key| section.bounded_text(self, key, PATH_BYTES_MAX).map(PathBuf::from);
        let bus = Bus {
            broker,
            username,
            password_file: path("password_file"),
            ca_file: path("ca_file"),
            crl_file: path("crl_file"),
            cert_file: path("cert_file"),
            key_file: path("key_file"),
            max_packet_bytes: PACKET_BYTES_DEFAULT,
        };
        for (one, other) in
            [("password_file", "username"), ("cert_file", "key_file"), ("key_file", "cert_file")]
        {
            if section.has(one) && !section.has(other) {
                let found = format!("`{one}` without `{other}`");
                section.fault(self, one, found, "both or neither");
            }
        }
        bus
    }

    fn broker(&mut self, section: &mut Section<'_>) -> Option<Broker> {
        let listen = self.listen(section);
        let url = section.text(self, "url")?;
        if url == "embedded" {
            return Some(Broker::Embedded { listen: listen.unwrap_or_else(loopback) });
        }
        self.remote_broker(section, url)
    }

    /// The broker of `url`, another program's.
    pub(super) fn remote_broker(&mut self, section: &Section<'_>, url: &str) -> Option<Broker> {
        match broker(url) {
            Ok(broker) => Some(broker),
            Err(fault) => {
                let spot = section.spot("url");
                let place = if fault.secret {
                    Place { excerpt: None, ..self.place(&spot) }
                } else {
                    self.place(&spot)
                };
                self.fault_at(&spot, place, fault.found, fault.allowed);
                None
            }
        }
    }

    fn listen(&mut self, section: &mut Section<'_>) -> Option<SocketAddr> {
        let text = section.text(self, "listen")?;
        match text.parse::<SocketAddr>() {
            Ok(address) => {
                if !address.ip().is_loopback() {
                    let text = "the embedded broker asks for no password: everyone who reaches \
                                this address can command the devices";
                    let spot = section.spot("listen");
                    self.warn(&spot, text.into());
                }
                Some(address)
            }
            Err(_) => {
                let allowed = "an address and a port, such as \"127.0.0.1:1883\"";
                section.fault(self, "listen", quoted(text), allowed);
                None
            }
        }
    }

    /// Keys that the chosen broker does not use: not wrong, but surely not meant.
    fn unused_bus_keys(&mut self, section: &mut Section<'_>, broker: Option<&Broker>) {
        let unused: &[&str] = match broker {
            None => &[],
            Some(Broker::Embedded { .. }) => {
                &["username", "password_file", "ca_file", "crl_file", "cert_file", "key_file"]
            }
            Some(Broker::Remote { tls: false, .. }) => {
                &["listen", "ca_file", "crl_file", "cert_file", "key_file"]
            }
            Some(Broker::Remote { tls: true, .. }) => &["listen"],
        };
        for key in unused {
            if section.has(key) {
                let spot = section.spot(key);
                self.warn(&spot, "not used with this `url`".into());
            }
        }
    }

    /// `[agent] mode`; of `[[agent]]` each has its own.
    pub(super) fn agent(&mut self, top: &mut Section<'_>) -> Option<Mode> {
        if let Some(node) = top.get("agent")
            && matches!(node.raw, Raw::List(_))
        {
            return Some(Mode::Act);
        }
        let mut section = top.section(self, "agent")?;
        let mode = section.word(self, "mode", &MODES);
        section.finish(self);
        mode
    }

    /// `[mind]` and the actuators of `ask_human`.
    pub(super) fn mind(&mut self, mut section: Section<'_>) -> Option<(Mind, Vec<String>)> {
        let model = section.bounded_text(self, "model", PATH_BYTES_MAX).unwrap_or(MODEL_DEFAULT);
        let adapter = section.bounded_text(self, "adapter", PATH_BYTES_MAX).unwrap_or("none");
        let merge = section.yes_or_no(self, "merge").unwrap_or(false);
        let range = DEADLINE_MS_MIN..=DEADLINE_MS_MAX;
        let deadline = section.duration_or(self, "deadline", range, DEADLINE_MS_DEFAULT);
        let within = |p: f64| (0.0..=1.0).contains(&p);
        let trust = section.number(self, "trust", "a probability from 0 to 1", within);
        let form = "a list of actuators' names, such as [\"main_valve\"]";
        let mut ask_human = Vec::new();
        for node in section.list(self, "ask_human", form).unwrap_or_default() {
            match &node.raw {
                Raw::Text(name) => {
                    if self.known_actuator(&section, "ask_human", name).is_some() {
                        ask_human.push(name.clone());
                    }
                }
                raw => section.fault(self, "ask_human", raw.words(), form),
            }
        }
        let (least, most) = (MIND_CONTEXT_TOKENS_MIN, MIND_CONTEXT_TOKENS_MAX);
        let default = self.board.mind.context_tokens;
        let context_tokens = section.integer(self, "context", least..=most, default);
        let mut threads = |key| {
            let count = section.integer(self, key, 1..=u32::from(MIND_THREADS_MAX), 0);
            u16::try_from(count).ok().filter(|count| *count > 0)
        };
        let (threads_decode, threads_prefill) =
            (threads("threads_decode"), threads("threads_prefill"));
        let models = self.models(&mut section);
        let memory = MIND_MODELS_BYTES_MIN..=MIND_MODELS_BYTES_MAX;
        let memory = section.size(self, "models_memory", memory);
        section.finish(self);
        let mind = Mind {
            model: model.into(),
            adapter: adapter.into(),
            merge,
            deadline,
            trust: trust.unwrap_or(TRUST_DEFAULT),
            context_tokens,
            threads_decode,
            threads_prefill,
            models,
            models_memory_bytes: memory.unwrap_or(MIND_MODELS_BYTES_DEFAULT),
            chosen_over: None,
        };
        Some((mind, ask_human))
    }

    /// The models that the API may name beside the agent's own.
    fn models(&mut self, section: &mut Section<'_>) -> Vec<String> {
        let form = "a list of at most 8 models, each an id of the catalogue or a path to a .gguf";
        let nodes = section.list(self, "models", form).unwrap_or_default();
        if nodes.len() > MIND_MODELS_MAX {
            section.fault(self, "models", format!("{} models", nodes.len()), form);
        }
        let mut models = Vec::new();
        for node in nodes.iter().take(MIND_MODELS_MAX) {
            match &node.raw {
                Raw::Text(name) if !name.is_empty() && name.len() <= PATH_BYTES_MAX => {
                    models.push(name.clone());
                }
                raw => section.fault(self, "models", raw.words(), form),
            }
        }
        models
    }

    pub(super) fn web(&mut self, mut section: Section<'_>) -> Option<Web> {
        let form = "an address and a port, such as \"127.0.0.1:8080\"";
        let text = section.text(self, "listen").unwrap_or(WEB_LISTEN_DEFAULT);
        let path = section.bounded_text(self, "token_file", PATH_BYTES_MAX).map(PathBuf::from);
        let listen = text.parse::<SocketAddr>().ok();
        match listen {
            None => section.fault(self, "listen", quoted(text), form),
            Some(address) if !address.ip().is_loopback() && path.is_none() => {
                let allowed = "an address of this machine alone, or one with `token_file`";
                section.fault(self, "listen", quoted(text), allowed);
            }
            Some(_) => {}
        }
        let mut lesser = |key| {
            let found = section.bounded_text(self, key, PATH_BYTES_MAX)?;
            if path.is_none() {
                let allowed = "this key beside `token_file`, or everybody may do everything";
                section.fault(self, key, quoted(found), allowed);
            }
            Some(PathBuf::from(found))
        };
        let operate_token_file = lesser("operate_token_file");
        let look_token_file = lesser("look_token_file");
        section.finish(self);
        Some(Web { listen: listen?, token_file: path, operate_token_file, look_token_file })
    }

    pub(super) fn update(&mut self, mut section: Section<'_>) -> Update {
        let default = Update::default();
        let from = section.bounded_text(self, "from", PATH_BYTES_MAX).map(|text| {
            let source = text.parse::<crate::update::Source>();
            source.map_err(|_| section.fault(self, "from", quoted(text), SOURCE_FORM))
        });
        let from = from.and_then(Result::ok);
        let root = section.bounded_text(self, "root", PATH_BYTES_MAX).map(PathBuf::from);
        let root = root.unwrap_or_else(|| default.root.clone());
        let range = UPDATE_TRIAL_MS_MIN..=UPDATE_TRIAL_MS_MAX;
        let trial = section.duration_or(self, "trial", range, UPDATE_TRIAL_MS_DEFAULT);
        let hawkbit = self.hawkbit(&mut section);
        let follow = section.yes_or_no(self, "follow");
        if follow == Some(true) && section.has("hawkbit") {
            let allowed = "false beside `hawkbit`, which decides in the place of rollouts";
            section.fault(self, "follow", "true".into(), allowed);
        }
        let follow = follow.unwrap_or(default.follow && hawkbit.is_none());
        let range = UPDATE_EVERY_MS_MIN..=UPDATE_EVERY_MS_MAX;
        let every = section.duration_or(self, "every", range, UPDATE_EVERY_MS_DEFAULT);
        let hours = self.hours(&mut section);
        let budget =
            section.size(self, "budget", UPDATE_BUDGET_BYTES_MIN..=UPDATE_BUDGET_BYTES_MAX);
        let range = UPDATE_TRIAL_MS_MIN..=UPDATE_DEADLINE_MS_MAX;
        let usual = UPDATE_DEADLINE_MS_DEFAULT.max(2 * trial.as_millis() as u64);
        let deadline = section.duration_or(self, "deadline", range, usual);
        if deadline < trial {
            let (found, trial) = (format!("{deadline:?}"), format!("at least `trial`, {trial:?}"));
            section.fault(self, "deadline", found, &trial);
            section.finish(self);
            return default;
        }
        section.finish(self);
        Update { from, root, trial, deadline, follow, every, hours, budget, hawkbit }
    }

    pub(super) fn journal(&mut self, mut section: Section<'_>) -> Option<Journal> {
        let path = section.bounded_text(self, "path", PATH_BYTES_MAX);
        let quota = section.size(self, "quota", QUOTA_BYTES_MIN..=QUOTA_BYTES_MAX);
        let mut kept = |key| section.duration(self, key, JOURNAL_KEEP_MS_MIN..=JOURNAL_KEEP_MS_MAX);
        let ms = |found: Option<Duration>| found.map(|long| long.as_millis() as u64);
        let keep = Keep { readings_ms: ms(kept("keep_readings")), rest_ms: ms(kept("keep_rest")) };
        section.finish(self);
        Some(Journal { path: path?.into(), quota_bytes: quota?, keep })
    }

    /// The actuator of a name that stands at a key; says if there is none. `None` also where its
    /// declaration is faulty, which has been said already.
    pub(super) fn known_actuator(
        &mut self,
        section: &Section<'_>,
        key: &str,
        name: &str,
    ) -> Option<(u16, crate::config::ActuatorKind)> {
        match self.actuators.get(name) {
            Some(Declared::Known(id, kind)) => Some((*id, kind.clone())),
            Some(Declared::Faulty) => None,
            None => {
                let allowed = names_allowed(name, self.actuators.keys(), "actuator");
                let found = if self.sensors.contains_key(name) {
                    format!("{}, a sensor", quoted(name))
                } else {
                    format!("{}, no actuator of this file", quoted(name))
                };
                section.fault(self, key, found, &allowed);
                None
            }
        }
    }

    /// The sensor of a name that stands at a key, as [`Self::known_actuator`].
    pub(super) fn known_sensor(
        &mut self,
        section: &Section<'_>,
        key: &str,
        name: &str,
    ) -> Option<(u16, crate::config::SensorKind)> {
        match self.sensors.get(name) {
            Some(Declared::Known(id, kind)) => Some((*id, *kind)),
            Some(Declared::Faulty) => None,
            None => {
                let allowed = names_allowed(name, self.sensors.keys(), "sensor");
                let found = if self.actuators.contains_key(name) {
                    format!("{}, an actuator", quoted(name))
                } else {
                    format!("{}, no sensor of this file", quoted(name))
                };
                section.fault(self, key, found, &allowed);
                None
            }
        }
    }

    /// `url` of something that speaks HTTP: a host, and no user and password; `more` is what else
    /// it must be.
    pub(super) fn web_url(
        &mut self,
        section: &mut Section<'_>,
        form: &str,
        more: impl Fn(&Url) -> bool,
    ) -> Option<Url> {
        let text = section.required_text(self, "url", form)?;
        let fits = |url: &Url| {
            let secret = !url.username().is_empty() || url.password().is_some();
            ["http", "https"].contains(&url.scheme()) && url.has_host() && !secret && more(url)
        };
        let url = Url::parse(text).ok().filter(fits);
        if url.is_none() {
            self.no_url(section, "url", text, form);
        }
        url
    }

    /// A url of the wrong form; where it may hold a secret that is not shown.
    pub(super) fn no_url(&mut self, section: &Section<'_>, key: &str, text: &str, allowed: &str) {
        let spot = section.spot(key);
        if text.contains(['@', '?']) {
            let place = Place { excerpt: None, ..self.place(&spot) };
            let found = "a url with a user or a query".to_owned();
            self.fault_at(&spot, place, found, allowed.to_owned());
        } else {
            section.fault(self, key, quoted(text), allowed);
        }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1883))
}

/// What names there are, with the one that was probably meant.
fn names_allowed<'n>(
    found: &str,
    names: impl Iterator<Item = &'n String> + Clone,
    noun: &str,
) -> String {
    const SHOWN: usize = 8;
    if let Some(near) = crate::expr::nearest(found, names.clone().map(String::as_str)) {
        return format!("a declared {noun}; is {} meant?", quoted(near));
    }
    let mut shown: Vec<&str> = names.clone().take(SHOWN).map(String::as_str).collect();
    if names.count() > SHOWN {
        shown.push("...");
    }
    if shown.is_empty() {
        return format!("a declared {noun}; there is none");
    }
    format!("a declared {noun}: {}", shown.join(", "))
}

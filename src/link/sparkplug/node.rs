//! One edge node with its devices, as its messages tell: born or dead, which number stands for
//! which metric, whether a message is missing. Pure: bytes go in, news come out.
//!
//! Only metrics that somebody asks for are kept, so a node cannot fill the memory. What must never
//! be here: a value of a node that is not born, or of the past.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::wire::{Metric, Payload, Raw, Type};
use crate::discover::is_harmless;
use crate::limits::{SPARKPLUG_NAME_LETTERS_MAX, SPARKPLUG_PAYLOAD_BYTES_MAX};
use crate::link::serial::Setting;

/// Kinds of messages, as their topics name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NodeBirth,
    NodeData,
    NodeDeath,
    DeviceBirth,
    DeviceData,
    DeviceDeath,
}

impl Kind {
    pub(super) const ALL: [(&'static str, Kind); 6] = [
        ("NBIRTH", Kind::NodeBirth),
        ("NDATA", Kind::NodeData),
        ("NDEATH", Kind::NodeDeath),
        ("DBIRTH", Kind::DeviceBirth),
        ("DDATA", Kind::DeviceData),
        ("DDEATH", Kind::DeviceDeath),
    ];

    pub(super) fn is_of_device(self) -> bool {
        matches!(self, Kind::DeviceBirth | Kind::DeviceData | Kind::DeviceDeath)
    }
}

/// What a message tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// The node is born.
    Born,
    /// It is dead, and so are all its devices.
    Dead,
    /// A metric has a value; by its place.
    Value(usize, String),
    /// Nothing is known of a metric any more; by its place.
    Silent(usize),
    /// It must be asked to tell everything again.
    Lost,
    /// Something a person should know.
    Trouble(String),
}

/// A metric that is asked for.
struct Wanted {
    /// Empty: of the node itself.
    device: String,
    metric: String,
    /// Since its birth.
    kind: Option<Type>,
    alias: Option<u64>,
    value: Option<String>,
    /// It was said since the last birth of the node, and no message was missed after it: what is
    /// older may have changed unheard.
    is_fresh: bool,
}

/// See the module.
pub(super) struct Node {
    wanted: Vec<Wanted>,
    is_born: bool,
    /// Devices that are born, of those that are asked for.
    devices: BTreeSet<String>,
    /// Of these, those that were not born again since the node was: one whose death was missed
    /// never is.
    unborn: BTreeSet<String>,
    seq: Option<u64>,
    bd_seq: Option<u64>,
    /// What was said since the last birth.
    said: BTreeSet<String>,
}

impl Node {
    /// Of names as [`super::name`] makes them.
    pub(super) fn new(names: &[String]) -> Node {
        let wanted = names.iter().map(|name| {
            let (device, metric) = name.split_once('/').unwrap_or(("", name));
            let (device, metric) = (device.to_owned(), metric.to_owned());
            Wanted { device, metric, kind: None, alias: None, value: None, is_fresh: false }
        });
        Node {
            wanted: wanted.collect(),
            is_born: false,
            devices: BTreeSet::new(),
            unborn: BTreeSet::new(),
            seq: None,
            bd_seq: None,
            said: BTreeSet::new(),
        }
    }

    /// Nobody hears it: what it says next may have any number.
    pub(super) fn unheard(&mut self) {
        (self.is_born, self.seq) = (false, None);
        self.devices.clear();
        self.unborn.clear();
        self.doubt(|_| true);
    }

    /// What was said may have changed, and numbers may stand for others by now.
    fn doubt(&mut self, which: impl Fn(&Wanted) -> bool) {
        for one in self.wanted.iter_mut().filter(|one| which(one)) {
            (one.alias, one.is_fresh) = (None, false);
        }
    }

    /// Takes a message of the node, or of a device where that is not empty.
    pub(super) fn take(&mut self, kind: Kind, device: &str, bytes: &[u8]) -> Vec<News> {
        if bytes.len() > SPARKPLUG_PAYLOAD_BYTES_MAX {
            let most = SPARKPLUG_PAYLOAD_BYTES_MAX;
            return self.trouble(format!("{} bytes, allowed are {most}", bytes.len()));
        }
        let payload = match Payload::decode(bytes) {
            Ok(payload) => payload,
            Err(error) => return self.trouble(format!("a message cannot be read: {error}")),
        };
        match kind {
            Kind::NodeBirth => self.node_birth(&payload),
            Kind::NodeDeath => self.node_death(&payload),
            Kind::NodeData | Kind::DeviceBirth | Kind::DeviceData | Kind::DeviceDeath => {
                let is_lost = self.misses(&payload);
                let mut news = if is_lost { vec![News::Lost] } else { Vec::new() };
                match kind {
                    _ if !self.is_born => news = vec![News::Lost],
                    Kind::DeviceBirth => news.extend(self.device_birth(device, &payload)),
                    Kind::DeviceDeath => news.extend(self.device_death(device)),
                    _ => news.extend(self.data(device, &payload)),
                }
                news
            }
        }
    }

    /// Whether a message before this one is missing.
    fn misses(&mut self, payload: &Payload) -> bool {
        // Who does not count cannot be checked.
        let Some(seq) = payload.seq else { return false };
        let is_next = self.seq.is_none_or(|last| seq == (last + 1) % 256);
        self.seq = Some(seq % 256);
        if !is_next {
            self.doubt(|_| true);
        }
        !is_next
    }

    fn node_birth(&mut self, payload: &Payload) -> Vec<News> {
        let life = bd_seq(payload);
        // Asked to tell everything again it lives on, and so do its devices that are born again.
        let is_same = self.is_born && life.is_some() && life == self.bd_seq;
        self.is_born = true;
        (self.seq, self.bd_seq) = (payload.seq.map(|seq| seq % 256), life);
        let mut news = vec![News::Born];
        // Each device tells of its own birth after this.
        if is_same {
            self.doubt(|one| !one.device.is_empty());
            self.unborn = self.devices.clone();
        } else {
            news.extend(self.silence(|one| !one.device.is_empty()));
            self.devices.clear();
            self.unborn.clear();
            self.said.clear();
        }
        news.extend(self.birth("", payload));
        news
    }

    fn node_death(&mut self, payload: &Payload) -> Vec<News> {
        // The last will of a life before this one.
        let of_another = bd_seq(payload).zip(self.bd_seq).is_some_and(|(is, was)| is != was);
        if !self.is_born || of_another {
            return Vec::new();
        }
        (self.is_born, self.seq) = (false, None);
        self.devices.clear();
        self.unborn.clear();
        let mut news = vec![News::Dead];
        news.extend(self.silence(|_| true));
        news
    }

    fn device_birth(&mut self, device: &str, payload: &Payload) -> Vec<News> {
        if !self.wanted.iter().any(|one| one.device == device) {
            return Vec::new();
        }
        self.devices.insert(device.to_owned());
        self.unborn.remove(device);
        self.birth(device, payload)
    }

    fn device_death(&mut self, device: &str) -> Vec<News> {
        self.gone(device, "has gone")
    }

    fn gone(&mut self, device: &str, how: &str) -> Vec<News> {
        self.unborn.remove(device);
        if !self.devices.remove(device) {
            return Vec::new();
        }
        let mut news = self.silence(|one| one.device == device);
        news.extend(self.trouble(format!("device {} {how}", shown(device))));
        news
    }

    /// Devices have still to be born again after their node.
    pub(super) fn has_unborn(&self) -> bool {
        !self.unborn.is_empty()
    }

    /// They had their time for it: those that were not are gone.
    pub(super) fn bury_unborn(&mut self) -> Vec<News> {
        let all = std::mem::take(&mut self.unborn);
        all.iter().flat_map(|device| self.gone(device, "was not born again: it has gone")).collect()
    }

    /// A birth names everything that there is.
    fn birth(&mut self, device: &str, payload: &Payload) -> Vec<News> {
        let by_name: BTreeMap<&str, &Metric> =
            payload.metrics.iter().filter_map(|one| Some((one.name.as_deref()?, one))).collect();
        let (mut news, mut missing) = (Vec::new(), Vec::new());
        for (place, one) in self.wanted.iter_mut().enumerate() {
            if one.device != device {
                continue;
            }
            let found = by_name.get(one.metric.as_str());
            one.alias = found.and_then(|found| found.alias);
            one.kind = found.and_then(|found| Type::of(found.datatype?));
            one.value = None;
            let value = found.zip(one.kind).and_then(|(found, kind)| one.read(place, kind, found));
            news.push(value.unwrap_or(News::Silent(place)));
            match (found, one.kind) {
                (Some(_), Some(_)) => {}
                (Some(_), None) => {
                    missing.push(format!("metric {} is no single value", one.said()))
                }
                (None, _) => missing.push(format!("it has no metric {}", one.said())),
            }
        }
        news.extend(missing.into_iter().flat_map(|text| self.trouble(text)));
        news
    }

    fn data(&mut self, device: &str, payload: &Payload) -> Vec<News> {
        if !device.is_empty() && !self.devices.contains(device) {
            let is_ours = self.wanted.iter().any(|one| one.device == device);
            return if is_ours { vec![News::Lost] } else { Vec::new() };
        }
        let mut news = Vec::new();
        for metric in &payload.metrics {
            let is_it = |one: &Wanted| match (&metric.name, metric.alias) {
                (Some(name), _) if !name.is_empty() => *name == one.metric,
                (_, Some(alias)) => one.alias == Some(alias),
                _ => false,
            };
            let place = self.wanted.iter().position(|one| one.device == device && is_it(one));
            let Some(place) = place else { continue };
            let one = &mut self.wanted[place];
            if let Some(kind) = one.kind {
                news.extend(one.read(place, kind, metric));
            }
        }
        news
    }

    fn silence(&mut self, which: impl Fn(&Wanted) -> bool) -> Vec<News> {
        let all = self.wanted.iter_mut().enumerate().filter(|(_, one)| which(one));
        let each = all.map(|(place, one)| {
            (one.kind, one.alias, one.value, one.is_fresh) = (None, None, None, false);
            News::Silent(place)
        });
        each.collect()
    }

    /// Said once in a life of the node.
    fn trouble(&mut self, text: String) -> Vec<News> {
        let is_new = self.said.len() < self.wanted.len() + 8 && self.said.insert(text.clone());
        if is_new { vec![News::Trouble(text)] } else { Vec::new() }
    }

    /// The node is born, and every device that is asked for.
    pub(super) fn is_whole(&self) -> bool {
        let has = |one: &Wanted| one.device.is_empty() || self.devices.contains(&one.device);
        self.is_born && self.wanted.iter().all(has)
    }

    /// A metric is born and can be set, whether it has a value or not.
    pub(super) fn is_there(&self, place: usize) -> bool {
        self.wanted.get(place).is_some_and(|one| one.kind.is_some())
    }

    /// What is known now, by place: a node that lives says only what changes. What may have changed
    /// unheard is not among it, and gets stale.
    pub(super) fn values(&self) -> Vec<(usize, String)> {
        let known = self.wanted.iter().enumerate().filter(|(_, one)| one.is_fresh);
        known.filter_map(|(place, one)| Some((place, one.value.clone()?))).collect()
    }

    /// The device and the message that set a metric.
    ///
    /// # Errors
    /// Why it cannot be set.
    pub(super) fn order(
        &self,
        name: &str,
        setting: &Setting,
        unix_ms: u64,
    ) -> Result<(String, Vec<u8>), String> {
        let (device, metric) = name.split_once('/').unwrap_or(("", name));
        let one = self.wanted.iter().find(|one| one.device == device && one.metric == metric);
        let Some((one, kind)) = one.and_then(|one| Some((one, one.kind?))) else {
            return Err(format!("{} is not born", shown(name)));
        };
        let number = |word: &str| kind.number(word.parse().ok()?);
        let value = match (setting, kind) {
            // Which of both is "on" is the configuration's to say.
            (Setting::Switch(_, word) | Setting::Word(word), Type::Bool) => {
                word.parse().ok().map(Raw::Bool)
            }
            (
                Setting::Switch(_, word) | Setting::Level(_, word) | Setting::Word(word),
                Type::Text,
            ) => Some(Raw::Text(word.clone())),
            (Setting::Level(level, _), _) => kind.number(*level),
            (Setting::Switch(_, word) | Setting::Word(word), _) => number(word),
        };
        let value = value.ok_or_else(|| misfit(one, kind, setting))?;
        let metric = Metric {
            name: Some(one.metric.clone()),
            timestamp: Some(unix_ms),
            datatype: one.kind.map(number_of),
            value: Some(value),
            ..Metric::default()
        };
        Ok((device.to_owned(), message(metric, unix_ms)))
    }
}

impl Wanted {
    fn read(&mut self, place: usize, kind: Type, metric: &Metric) -> Option<News> {
        if metric.is_historical == Some(true) {
            return None;
        }
        let value = metric.value.as_ref().filter(|_| metric.is_null != Some(true));
        let Some(value) = value.and_then(|raw| kind.read(raw)) else {
            return self.value.take().map(|_| News::Silent(place));
        };
        (self.value, self.is_fresh) = (Some(value.clone()), true);
        Some(News::Value(place, value))
    }

    fn said(&self) -> String {
        match self.device.is_empty() {
            true => shown(&self.metric),
            false => format!("{} of device {}", shown(&self.metric), shown(&self.device)),
        }
    }
}

/// Why a setting is not sent.
fn misfit(one: &Wanted, kind: Type, setting: &Setting) -> String {
    let (Setting::Switch(_, word) | Setting::Level(_, word) | Setting::Word(word)) = setting;
    let word = shown(word);
    match (kind, setting) {
        (Type::Bool, Setting::Switch(..)) => {
            let said = one.said();
            format!(
                "{said} is a truth value, `on` and `off` have \"true\" and \"false\", not {word}"
            )
        }
        _ => format!("\"{word}\" does not fit {}", one.said()),
    }
}

/// The message that asks a node to tell everything again.
pub(super) fn rebirth(unix_ms: u64) -> Vec<u8> {
    let metric = Metric {
        name: Some("Node Control/Rebirth".into()),
        timestamp: Some(unix_ms),
        datatype: Some(number_of(Type::Bool)),
        value: Some(Raw::Bool(true)),
        ..Metric::default()
    };
    message(metric, unix_ms)
}

fn message(metric: Metric, unix_ms: u64) -> Vec<u8> {
    Payload { timestamp: Some(unix_ms), metrics: vec![metric], seq: None }.encode_to_vec()
}

/// The number of a type that can be set.
fn number_of(kind: Type) -> u32 {
    let same = |number: &u32| Type::of(*number) == Some(kind);
    (1..=15).find(same).unwrap_or_default()
}

/// Which of the node's lives it is: a birth and its death have the same number.
fn bd_seq(payload: &Payload) -> Option<u64> {
    let metric = payload.metrics.iter().find(|one| one.name.as_deref() == Some("bdSeq"))?;
    match metric.value.as_ref()? {
        Raw::Int(number) => Some(u64::from(*number)),
        Raw::Long(number) => Some(*number),
        _ => None,
    }
}

/// A stranger's word, for people.
fn shown(text: &str) -> String {
    text.chars().filter(|c| is_harmless(*c)).take(SPARKPLUG_NAME_LETTERS_MAX).collect()
}

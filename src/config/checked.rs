//! The configuration after every check: types that cannot be wrong. Nothing here parses.
//!
//! Names and defaults are those of design §4. Sensors and actuators are addressed by their place.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::announced::Announced;
use super::cloud::Cloud;
use super::escalate::Escalate;
use super::hawkbit::HawkBit;
use super::homeassistant::HomeAssistant;
use super::line::Line;
use super::part::AgentPart;
use super::shared::Shared;
use crate::board::Profile;
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::expr::{Expression, Formula};
use crate::limits;

/// Everything that the configuration says.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[device]`
    pub device: Device,
    /// `[bus]`
    pub bus: Bus,
    /// `[agent] mode`, or the least strict of the agents'
    pub mode: Mode,
    /// `[[agent]]`, the first in priority first; none: one agent with everything.
    pub agents: Vec<AgentPart>,
    /// `[[sensor]]`, then `[[derived]]`
    pub sensors: Shared<Sensor>,
    /// Sensors that are derived from others, each after those that it is made of.
    pub derived: Vec<SensorId>,
    /// `[[actuator]]`
    pub actuators: Shared<Actuator>,
    /// `[[goal]]`
    pub goals: Vec<Goal>,
    /// `[[rule]]`
    pub rules: Vec<Rule>,
    /// `[[interlock]]`
    pub interlocks: Vec<Interlock>,
    /// `[[note]]`
    pub notes: Vec<String>,
    /// `[[preference]]`
    pub preferences: Vec<Preference>,
    /// `[mind]`; `None`: the planner alone.
    pub mind: Option<Mind>,
    /// `[web]`; `None`: no API.
    pub web: Option<Web>,
    /// `[journal]`
    pub journal: Journal,
    /// `[serial.<name>]`, `[modbus.<name>]`, `[http.<name>]`, `[files.<name>]`, each by name.
    pub lines: Vec<Line>,
    /// `[update]`
    pub update: Update,
    /// `[[cloud]]`, in the order of the file.
    pub clouds: Vec<Cloud>,
    /// `[escalate]`; `None`: no model in the cloud is ever asked.
    pub escalate: Option<Escalate>,
    /// `[homeassistant]`; `None`: Outpost does not announce itself.
    pub homeassistant: Option<HomeAssistant>,
    /// `announced` of sensors and actuators.
    pub announced: Vec<Announced>,
}

/// How a release proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The repository that releases are taken from at an operator's word; `None`: only by hand.
    pub from: Option<crate::update::Source>,
    /// The root that this board began to trust with.
    pub root: PathBuf,
    /// How long it must be as well as what ran before, without a break.
    pub trial: Duration,
    /// How long it has for that.
    pub deadline: Duration,
    /// What a rollout offers is taken; else only at an operator's word.
    pub follow: bool,
    /// How often to look for a rollout.
    pub every: Duration,
    /// Spans of the day in which what it offers is taken, in minutes; none: always.
    pub hours: Vec<(u16, u16)>,
    /// Bytes of files that it may bring over a network in a day; `None`: no limit.
    pub budget: Option<u64>,
    /// A hawkBit server decides which release is taken, and no rollout.
    pub hawkbit: Option<HawkBit>,
}

impl Default for Update {
    fn default() -> Update {
        Update {
            from: None,
            root: crate::update::ROOT_PATH.into(),
            trial: Duration::from_millis(limits::UPDATE_TRIAL_MS_DEFAULT),
            deadline: Duration::from_millis(limits::UPDATE_DEADLINE_MS_DEFAULT),
            follow: true,
            every: Duration::from_millis(limits::UPDATE_EVERY_MS_DEFAULT),
            hours: Vec::new(),
            budget: None,
            hawkbit: None,
        }
    }
}

/// A serial line with a microcontroller at its other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialLine {
    /// The section's name.
    pub name: String,
    /// The device's path; best one of `/dev/serial/by-id`, which unplugging does not change.
    pub device: PathBuf,
    /// Bits a second.
    pub baud: u32,
    /// What is spoken.
    pub dialect: Dialect,
}

/// What is spoken on a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Binary frames with a checksum, see the crate `outpost-wire`.
    Frames,
    /// Lines `name value`.
    Text,
}

/// Where a sensor speaks or an actuator is commanded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// A topic of the bus.
    Topic(String),
    /// A serial line, or a source that is asked.
    Line {
        /// Its place in [`Config::lines`].
        line: u16,
        /// The name on the line; of a Modbus device the register, of a page `page`, of files
        /// the path.
        name: String,
    },
}

impl Port {
    /// The topic, if it is one.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        match self {
            Port::Topic(topic) => Some(topic),
            Port::Line { .. } => None,
        }
    }

    /// The line, if it is one.
    #[must_use]
    pub fn line(&self) -> Option<u16> {
        match self {
            Port::Topic(_) => None,
            Port::Line { line, .. } => Some(*line),
        }
    }
}

/// Where a sensor's values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Feed {
    /// It speaks.
    Port(Port),
    /// They are computed from other sensors.
    Derived(Formula),
}

/// Who this board is.
#[derive(Clone, Debug)]
pub struct Device {
    /// Letters a-z, digits and `-`, 1 to 63 characters.
    pub name: String,
    /// The board's profile; `auto` has been resolved.
    pub board: &'static Profile,
    /// IANA time zone for hour, weekday and `by`.
    pub timezone: String,
    /// The operator's words for rollouts.
    pub labels: crate::update::rollout::Labels,
}

/// How the board reaches the bus.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Which broker.
    pub broker: Broker,
    /// User name at the broker.
    pub username: Option<String>,
    /// File with the password, read at every connection.
    pub password_file: Option<PathBuf>,
    /// Certificate authorities (PEM); left out: the system's.
    pub ca_file: Option<PathBuf>,
    /// Lists of revoked certificates (PEM); left out: none is looked for.
    pub crl_file: Option<PathBuf>,
    /// Our certificate (PEM).
    pub cert_file: Option<PathBuf>,
    /// Our key (PEM).
    pub key_file: Option<PathBuf>,
    /// Largest message, in bytes; a larger one is dropped and counted.
    pub max_packet_bytes: usize,
}

/// The broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broker {
    /// Ours, in this process, for trying out.
    Embedded {
        /// Address it listens at, `127.0.0.1:1883` by default.
        listen: std::net::SocketAddr,
    },
    /// Another program's.
    Remote {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// `mqtts`
        tls: bool,
    },
}

/// What the agent may do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Decides and records, sends nothing.
    Observe,
    /// Every command waits for a person; rules act.
    Advise,
    /// Acts.
    Act,
}

impl Mode {
    /// The word of configuration and topics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Advise => "advise",
            Mode::Act => "act",
        }
    }

    /// The mode of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Mode> {
        [Mode::Observe, Mode::Advise, Mode::Act].into_iter().find(|mode| mode.word() == word)
    }
}

/// A sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// snake_case, unique among sensors and actuators.
    pub name: String,
    /// Where its values come from.
    pub feed: Feed,
    /// JSON pointer into the payload of a topic, a page or a file; `None`: it is the bare value.
    pub field: Option<String>,
    /// What it says.
    pub kind: SensorKind,
    /// Words or numbers of the payload that stand for values.
    pub map: BTreeMap<String, Value>,
    /// value = payload * scale + offset
    pub scale: f64,
    /// In the sensor's unit.
    pub offset: f64,
    /// For people, such as `°C`; may be empty.
    pub unit: String,
    /// Least and greatest believable value, in the sensor's unit.
    pub range: Option<(f64, f64)>,
    /// Most that it can change in a minute, in the sensor's unit; what is faster is not believed.
    pub max_rate: Option<f64>,
    /// Expected period; stale after `STALE_PERIODS` of them. Of a derived one the longest of those
    /// that it is made of; it is known as long as they let it be.
    pub every: Duration,
    /// Its dynamics are learned; `false` forgets what was learned.
    pub learn: bool,
    /// Which of its readings the journal gets; `None`: all.
    pub record: Option<Thin>,
}

/// Which readings of a sensor are written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thin {
    /// One that differs so much from the last written one, in the sensor's unit; 0: that differs.
    pub change: f64,
    /// One after so long, whatever it says.
    pub every: Duration,
}

impl Sensor {
    /// Where it speaks; `None`: it is derived.
    #[must_use]
    pub fn port(&self) -> Option<&Port> {
        match &self.feed {
            Feed::Port(port) => Some(port),
            Feed::Derived(_) => None,
        }
    }

    /// What it is made of; `None`: it speaks for itself.
    #[must_use]
    pub fn formula(&self) -> Option<&Formula> {
        match &self.feed {
            Feed::Port(_) => None,
            Feed::Derived(formula) => Some(formula),
        }
    }
}

/// Type of a sensor's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorKind {
    /// A number.
    Number,
    /// true/false, on/off, 1/0.
    Bool,
    /// A word.
    Text,
}

/// An actuator.
#[derive(Clone, Debug)]
pub struct Actuator {
    /// snake_case, unique among sensors and actuators.
    pub name: String,
    /// Where it is commanded.
    pub port: Port,
    /// What it can be set to.
    pub kind: ActuatorKind,
    /// Payload of "on".
    pub on: String,
    /// Payload of "off".
    pub off: String,
    /// Wraps any value: `{value}` is replaced.
    pub payload: Option<String>,
    /// Topic of the device's echo; `None`: done on PUBACK, or its echo comes on its serial line.
    pub state_topic: Option<String>,
    /// JSON pointer into the echo.
    pub state_field: Option<String>,
    /// Echo of "on"; `on` by default.
    pub state_on: String,
    /// Echo of "off"; `off` by default.
    pub state_off: String,
    /// No echo by then: sent once more, then "not responding".
    pub confirm_within: Duration,
    /// Where it goes when the agent gives up control of it.
    pub safe: Setting,
    /// `true`: sent to `safe` before anything else; `false`: its echo is awaited.
    pub start_safe: bool,
    /// Least time on.
    pub min_on: Duration,
    /// Least time off.
    pub min_off: Duration,
    /// Beyond: stays, a person is called.
    pub commands_per_hour_max: u32,
    /// An hour at full level, in the operator's own unit.
    pub cost: f64,
    /// First belief of what it does: sensor and direction (+1 raises, -1 lowers).
    pub effects: Vec<(SensorId, f64)>,
    /// Mode of its own.
    pub mode: Option<Mode>,
    /// Listed in `[mind] ask_human`.
    pub ask_human: bool,
}

impl Actuator {
    /// The device proves what it does by an echo; else the broker's PUBACK has to do.
    #[must_use]
    pub fn echoes(&self) -> bool {
        self.state_topic.is_some() || self.port.line().is_some()
    }
}

/// What an actuator can be set to.
#[derive(Clone, Debug, PartialEq)]
pub enum ActuatorKind {
    /// On and off.
    Switch,
    /// A number from `min` to `max` in steps of `step`.
    Level {
        /// Least level.
        min: f64,
        /// Greatest level.
        max: f64,
        /// Distance of two levels, above zero.
        step: f64,
    },
    /// On, then off by us after at most `max`.
    Pulse {
        /// Longest time on.
        max: Duration,
    },
    /// One of some words.
    Choice {
        /// The words, two at least.
        options: Vec<String>,
    },
}

/// A goal.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Unique name, free text.
    pub name: String,
    /// What is wanted.
    pub aim: Aim,
    /// Weight among goals, above zero.
    pub weight: f64,
    /// When it holds; `None`: always.
    pub when: Option<Expression>,
}

/// What a goal wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Aim {
    /// Keep a sensor between bounds, one of which may be missing.
    Keep {
        /// The sensor, a number.
        sensor: SensorId,
        /// Least wanted value.
        min: Option<f64>,
        /// Greatest wanted value.
        max: Option<f64>,
    },
    /// Have a sensor between bounds once a day, at a time of the day.
    Reach {
        /// The sensor, a number.
        sensor: SensorId,
        /// Least wanted value.
        min: Option<f64>,
        /// Greatest wanted value.
        max: Option<f64>,
        /// Minutes since local midnight.
        by_minute: u16,
    },
    /// Keep a sensor out of a band, which may be open on one side.
    Avoid {
        /// The sensor, a number.
        sensor: SensorId,
        /// The band begins here; `None`: it has no lower end.
        min: Option<f64>,
        /// The band ends here; `None`: it has no upper end.
        max: Option<f64>,
    },
    /// As little as possible of something, beside what the other goals need.
    Minimise(Least),
    /// Keep a sensor near a value that changes with the time of the day.
    Follow {
        /// The sensor, a number.
        sensor: SensorId,
        /// Minutes since local midnight, ascending, and the value from then on.
        schedule: Vec<(u16, f64)>,
        /// How far from the value is near enough, in the sensor's unit.
        within: f64,
    },
}

/// What a goal wants little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// What running actuators costs.
    Cost,
    /// Commands to devices.
    Switching,
}

impl Aim {
    /// The sensor that it is about.
    #[must_use]
    pub fn sensor(&self) -> Option<SensorId> {
        match self {
            Aim::Keep { sensor, .. }
            | Aim::Reach { sensor, .. }
            | Aim::Avoid { sensor, .. }
            | Aim::Follow { sensor, .. } => Some(*sensor),
            Aim::Minimise(_) => None,
        }
    }
}

/// A reflex.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique name.
    pub name: String,
    /// Acts when it becomes true.
    pub when: Expression,
    /// What it sets.
    pub set: Vec<(ActuatorId, Setting)>,
}

/// What must never be.
#[derive(Clone, Debug)]
pub struct Interlock {
    /// Unique name.
    pub name: String,
    /// Never true, whoever asks.
    pub forbid: Expression,
}

/// A note that a person has confirmed in typed form.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// Actuator to take; `None` for an `avoid`.
    pub prefer: Option<ActuatorId>,
    /// Actuator to leave: `over`, or `avoid`.
    pub over: ActuatorId,
    /// When it holds; `None`: always.
    pub when: Option<Expression>,
    /// The note that it was made of, where it does not stand in the file.
    pub of_note: Option<String>,
}

/// The language model.
#[derive(Clone, Debug)]
pub struct Mind {
    /// Id of the catalogue, or a path to a .gguf.
    pub model: String,
    /// Adapter id or `none`.
    pub adapter: String,
    /// Whether the adapter is merged into a copy of the model; else it is put on, which is not
    /// rounded.
    pub merge: bool,
    /// A later answer is dropped and counted.
    pub deadline: Duration,
    /// Least probability of the best candidate; below it the mind has no voice.
    pub trust: f64,
    /// Tokens of context.
    pub context_tokens: u32,
    /// Threads for one token; `None`: by the number of cores.
    pub threads_decode: Option<u16>,
    /// Threads for many tokens; `None`: by the number of cores.
    pub threads_prefill: Option<u16>,
    /// Names or paths of further models, which the API loads when they are asked for.
    pub models: Vec<String>,
    /// Most memory of those that are loaded, in bytes.
    pub models_memory_bytes: u64,
    /// Model and adapter of the file, where an operator has chosen others at run time.
    pub chosen_over: Option<(String, String)>,
}

/// The API of the language model.
#[derive(Clone, Debug)]
pub struct Web {
    /// Address it listens at, `127.0.0.1:8080` by default.
    pub listen: std::net::SocketAddr,
    /// File with the token of those who may do everything; without one that is everybody at the
    /// address.
    pub token_file: Option<PathBuf>,
    /// File with the token of those who may operate and change nothing.
    pub operate_token_file: Option<PathBuf>,
    /// File with the token of those who may only look.
    pub look_token_file: Option<PathBuf>,
}

/// The journal.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Folder.
    pub path: PathBuf,
    /// Most bytes on disk.
    pub quota_bytes: u64,
    /// How long things are kept within them.
    pub keep: crate::journal::Keep,
}

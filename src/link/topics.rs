//! Every topic of the device (design §5): the only place that spells one. No I/O.
//!
//! A topic is built from and parsed into [`DeviceTopic`]; both ways are one table, and a property
//! test goes round. Names and ids are types that cannot hold what would change the topic's shape.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::{COMMAND_ID_BYTES_MAX, COMMAND_KIND_BYTES_MAX, TOPIC_BYTES_MAX};

/// First level of every topic of ours.
const ROOT: &str = "outpost";
/// Longest device name, in bytes: that of a DNS label (design §4).
const DEVICE_NAME_BYTES_MAX: usize = 63;

/// Why a word cannot stand in a topic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Name of the device.
    #[error("device name {found:?}: allowed are 1 to 63 of a-z, 0-9 and -")]
    Device {
        /// What was found.
        found: String,
    },
    /// Id of a command or an approval.
    #[error("id {found:?}: allowed are 1 to {COMMAND_ID_BYTES_MAX} printable bytes without / + #")]
    Id {
        /// What was found.
        found: String,
    },
    /// Kind of a command.
    #[error(
        "command kind {found:?}: allowed are 1 to {COMMAND_KIND_BYTES_MAX} printable bytes \
         without / + #"
    )]
    Kind {
        /// What was found.
        found: String,
    },
}

/// A word that leaves the shape of a topic alone and can be shown to a person.
fn plain_word(word: &str, bytes_max: usize) -> bool {
    let printable = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    (1..=bytes_max).contains(&word.len())
        && word.chars().all(|c| printable(c) && !matches!(c, '/' | '+' | '#'))
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $error:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The word as it stands in a topic.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(word: &str) -> Result<Self, NameError> {
                let valid: fn(&str) -> bool = $valid;
                match valid(word) {
                    true => Ok(Self(word.to_owned())),
                    false => Err(NameError::$error { found: word.to_owned() }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(word: String) -> Result<Self, NameError> {
                word.parse()
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> String {
                word.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(
    /// Name of a board: letters a-z, digits and `-`, 1 to 63 of them.
    DeviceName,
    Device,
    |word| (1..=DEVICE_NAME_BYTES_MAX).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

word!(
    /// Id of a device command or of an approval, chosen by whoever asks.
    CommandId,
    Id,
    |word| plain_word(word, COMMAND_ID_BYTES_MAX)
);

word!(
    /// Kind of a device command as the topic says it; it may be one that we do not know, since
    /// that one too is answered, with `rejected`.
    KindWord,
    Kind,
    |word| plain_word(word, COMMAND_KIND_BYTES_MAX)
);

impl DeviceName {
    /// Stable MQTT client id of the agent on this board.
    #[must_use]
    pub fn client_id(&self) -> String {
        format!("{ROOT}-{}", self.0)
    }
}

impl KindWord {
    /// The kind, where we know it.
    #[must_use]
    pub fn known(&self) -> Option<CommandKind> {
        CommandKind::ALL.into_iter().find(|kind| kind.word() == self.0)
    }
}

impl From<CommandKind> for KindWord {
    fn from(kind: CommandKind) -> KindWord {
        KindWord(kind.word().to_owned())
    }
}

/// Kinds of device commands (design §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandKind {
    /// Sets an actuator.
    Set,
    /// Changes what the agent may do by itself.
    Mode,
    /// Puts or removes a goal.
    Goal,
    /// Puts or removes a rule.
    Rule,
    /// Puts or removes a note.
    Note,
    /// Asks in words.
    Ask,
    /// Lets a waiting command go.
    Approve,
    /// Refuses a waiting command.
    Deny,
    /// Says whether a decision was good.
    Rate,
    /// Changes the model.
    Model,
    /// Updates the program.
    Update,
    /// Starts the program anew.
    Restart,
}

impl CommandKind {
    /// All of them.
    pub const ALL: [CommandKind; 12] = [
        CommandKind::Set,
        CommandKind::Mode,
        CommandKind::Goal,
        CommandKind::Rule,
        CommandKind::Note,
        CommandKind::Ask,
        CommandKind::Approve,
        CommandKind::Deny,
        CommandKind::Rate,
        CommandKind::Model,
        CommandKind::Update,
        CommandKind::Restart,
    ];

    /// The word of the topic.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            CommandKind::Set => "set",
            CommandKind::Mode => "mode",
            CommandKind::Goal => "goal",
            CommandKind::Rule => "rule",
            CommandKind::Note => "note",
            CommandKind::Ask => "ask",
            CommandKind::Approve => "approve",
            CommandKind::Deny => "deny",
            CommandKind::Rate => "rate",
            CommandKind::Model => "model",
            CommandKind::Update => "update",
            CommandKind::Restart => "restart",
        }
    }
}

/// A topic of one device, without the device's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DeviceTopic {
    /// `status`: how the device is; retained, and its last will.
    Status,
    /// `goals`: what is reached of what is wanted; retained.
    Goals,
    /// `decision`: a decision record.
    Decision,
    /// `event`: alarms, escalations, faults.
    Event,
    /// `approval/<id>`: what waits for a person; retained until settled.
    Approval(CommandId),
    /// `cmd/<kind>/<id>`: a command of an operator.
    Command {
        /// What is asked; perhaps a kind that we do not know.
        kind: KindWord,
        /// Carried out once.
        id: CommandId,
    },
    /// `cmd-state/<kind>/<id>`: what became of it; retained.
    CommandState {
        /// As in the command.
        kind: KindWord,
        /// As in the command.
        id: CommandId,
    },
    /// `log`: a batch of records for the cloud.
    Log,
    /// `log-ack`: the last record that the receiver has stored; retained.
    LogAck,
    /// `update`: state of an update; retained.
    Update,
    /// `identity`: the device's request for its next certificate; retained until it has that.
    Identity,
    /// `certificate`: the answer; retained.
    Certificate,
    /// `loopback`: the device to itself, to find the end of what the broker had queued for it.
    Loopback,
}

impl DeviceTopic {
    /// The topic's name on the bus.
    #[must_use]
    pub fn build(&self, device: &DeviceName) -> String {
        let head = format!("{ROOT}/{device}");
        match self {
            DeviceTopic::Status => format!("{head}/status"),
            DeviceTopic::Goals => format!("{head}/goals"),
            DeviceTopic::Decision => format!("{head}/decision"),
            DeviceTopic::Event => format!("{head}/event"),
            DeviceTopic::Approval(id) => format!("{head}/approval/{id}"),
            DeviceTopic::Command { kind, id } => format!("{head}/cmd/{kind}/{id}"),
            DeviceTopic::CommandState { kind, id } => format!("{head}/cmd-state/{kind}/{id}"),
            DeviceTopic::Log => format!("{head}/log"),
            DeviceTopic::LogAck => format!("{head}/log-ack"),
            DeviceTopic::Update => format!("{head}/update"),
            DeviceTopic::Identity => format!("{head}/identity"),
            DeviceTopic::Certificate => format!("{head}/certificate"),
            DeviceTopic::Loopback => format!("{head}/loopback"),
        }
    }

    /// The topic of `device` that `topic` names; `None` where it names none.
    #[must_use]
    pub fn parse(device: &DeviceName, topic: &str) -> Option<DeviceTopic> {
        let mut levels = topic.split('/');
        if levels.next() != Some(ROOT) || levels.next() != Some(device.as_str()) {
            return None;
        }
        let rest = [levels.next()?, levels.next().unwrap_or(""), levels.next().unwrap_or("")];
        // An empty level is a level: "status/" is not "status".
        let count = topic.split('/').count() - 2;
        match (count, rest) {
            (1, ["status", ..]) => Some(DeviceTopic::Status),
            (1, ["goals", ..]) => Some(DeviceTopic::Goals),
            (1, ["decision", ..]) => Some(DeviceTopic::Decision),
            (1, ["event", ..]) => Some(DeviceTopic::Event),
            (1, ["log", ..]) => Some(DeviceTopic::Log),
            (1, ["log-ack", ..]) => Some(DeviceTopic::LogAck),
            (1, ["update", ..]) => Some(DeviceTopic::Update),
            (1, ["identity", ..]) => Some(DeviceTopic::Identity),
            (1, ["certificate", ..]) => Some(DeviceTopic::Certificate),
            (1, ["loopback", ..]) => Some(DeviceTopic::Loopback),
            (2, ["approval", id, _]) => Some(DeviceTopic::Approval(id.parse().ok()?)),
            (3, ["cmd", kind, id]) => {
                Some(DeviceTopic::Command { kind: kind.parse().ok()?, id: id.parse().ok()? })
            }
            (3, ["cmd-state", kind, id]) => {
                Some(DeviceTopic::CommandState { kind: kind.parse().ok()?, id: id.parse().ok()? })
            }
            _ => None,
        }
    }

    /// Filters that the device itself subscribes to: its commands, its own status, which shows a
    /// second board of the same name, and its messages to itself.
    #[must_use]
    pub fn filters(device: &DeviceName) -> Vec<String> {
        let own = [DeviceTopic::Status, DeviceTopic::Loopback].map(|topic| topic.build(device));
        let mut filters = vec![DeviceTopic::commands(device)];
        filters.extend(own);
        filters
    }

    /// Filter for the commands of a device.
    #[must_use]
    pub fn commands(device: &DeviceName) -> String {
        format!("{ROOT}/{device}/cmd/+/+")
    }

    /// Filter for the batches of all devices: a receiver's.
    #[must_use]
    pub fn logs() -> String {
        format!("{ROOT}/+/log")
    }

    /// The device whose batches come on a topic; `None` for any other topic.
    #[must_use]
    pub fn device_of_log(topic: &str) -> Option<DeviceName> {
        let rest = topic.strip_prefix(ROOT)?.strip_prefix('/')?;
        rest.strip_suffix("/log")?.parse().ok()
    }

    /// Filter for the updates of all devices: of one who runs a rollout.
    #[must_use]
    pub fn updates() -> String {
        format!("{ROOT}/+/update")
    }

    /// The device whose update is told on a topic; `None` for any other topic.
    #[must_use]
    pub fn device_of_update(topic: &str) -> Option<DeviceName> {
        let rest = topic.strip_prefix(ROOT)?.strip_prefix('/')?;
        rest.strip_suffix("/update")?.parse().ok()
    }

    /// Filters for what all devices ask to have signed, and for the answers: of an authority.
    #[must_use]
    pub fn identities() -> Vec<String> {
        ["identity", "certificate"].map(|last| format!("{ROOT}/+/{last}")).to_vec()
    }

    /// The device of a topic with [`Identity`](Self::Identity) or
    /// [`Certificate`](Self::Certificate), and which of them it is; `None` for any other.
    #[must_use]
    pub fn of_identity(topic: &str) -> Option<(DeviceName, DeviceTopic)> {
        let (device, _) = topic.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/')?;
        let device: DeviceName = device.parse().ok()?;
        let found = DeviceTopic::parse(&device, topic)?;
        matches!(found, DeviceTopic::Identity | DeviceTopic::Certificate).then_some((device, found))
    }

    /// Filter for everything that a device says and is told; for tools and tests.
    #[must_use]
    pub fn everything(device: &DeviceName) -> String {
        format!("{ROOT}/{device}/#")
    }
}

/// Whether `topic` can be published to.
#[must_use]
pub fn valid_topic_name(topic: &str) -> bool {
    (1..=TOPIC_BYTES_MAX).contains(&topic.len()) && !topic.contains(['+', '#', '\0'])
}

/// Whether a topic is below the devices' own, where nothing else may speak.
#[must_use]
pub fn is_ours(topic: &str) -> bool {
    topic.split('/').next() == Some(ROOT)
}

/// Whether `filter` can be subscribed to: wildcards fill a whole level, `#` the last one only.
#[must_use]
pub fn valid_filter(filter: &str) -> bool {
    if !(1..=TOPIC_BYTES_MAX).contains(&filter.len()) || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let whole = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            _ => !level.contains(['+', '#']),
        };
        if !whole {
            return false;
        }
    }
    true
}

/// Whether a subscription to `filter` gets messages on `topic` (MQTT 3.1.1 §4.7).
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    // [MQTT-4.7.2-1] a wildcard at the beginning does not match the broker's own topics.
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = topic.split('/');
    for level in filter.split('/') {
        match (level, topic_levels.next()) {
            // "a/#" matches "a" too, so the end of the topic is as good as another level.
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (word, Some(found)) if word == found => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn device() -> DeviceName {
        "greenhouse-1".parse().unwrap()
    }

    fn word(max: usize) -> impl Strategy<Value = String> {
        prop::collection::vec(
            any::<char>().prop_filter("printable", |c| plain_word(&c.to_string(), 8)),
            1..max / 4,
        )
        .prop_map(|chars| chars.into_iter().collect())
    }

    fn id() -> impl Strategy<Value = CommandId> {
        word(COMMAND_ID_BYTES_MAX).prop_map(|text| text.parse().unwrap())
    }

    fn kind() -> impl Strategy<Value = KindWord> {
        prop_oneof![
            prop::sample::select(CommandKind::ALL.to_vec()).prop_map(KindWord::from),
            word(COMMAND_KIND_BYTES_MAX).prop_map(|text| text.parse().unwrap()),
        ]
    }

    fn topic() -> impl Strategy<Value = DeviceTopic> {
        prop_oneof![
            Just(DeviceTopic::Status),
            Just(DeviceTopic::Goals),
            Just(DeviceTopic::Decision),
            Just(DeviceTopic::Event),
            Just(DeviceTopic::Log),
            Just(DeviceTopic::LogAck),
            Just(DeviceTopic::Update),
            Just(DeviceTopic::Identity),
            Just(DeviceTopic::Certificate),
            Just(DeviceTopic::Loopback),
            id().prop_map(DeviceTopic::Approval),
            (kind(), id()).prop_map(|(kind, id)| DeviceTopic::Command { kind, id }),
            (kind(), id()).prop_map(|(kind, id)| DeviceTopic::CommandState { kind, id }),
        ]
    }

    proptest! {
        #[test]
        fn topics_go_round(name in "[a-z0-9-]{1,63}", topic in topic()) {
            let device: DeviceName = name.parse().unwrap();
            let built = topic.build(&device);
            prop_assert!(valid_topic_name(&built));
            prop_assert_eq!(DeviceTopic::parse(&device, &built), Some(topic.clone()));
            prop_assert!(matches(&DeviceTopic::everything(&device), &built));
            let asked = DeviceTopic::filters(&device).iter().any(|filter| matches(filter, &built));
            let own = matches!(topic, DeviceTopic::Status | DeviceTopic::Loopback);
            let wanted = own || matches!(topic, DeviceTopic::Command { .. });
            prop_assert_eq!(asked, wanted);
            let of_log = DeviceTopic::device_of_log(&built);
            prop_assert_eq!(of_log, (topic == DeviceTopic::Log).then_some(device));
            prop_assert_eq!(matches(&DeviceTopic::logs(), &built), topic == DeviceTopic::Log);
            let of_update = DeviceTopic::device_of_update(&built).is_some();
            prop_assert_eq!(of_update, topic == DeviceTopic::Update);
            prop_assert_eq!(matches(&DeviceTopic::updates(), &built), of_update);
            let of_identity = DeviceTopic::of_identity(&built).map(|(_, topic)| topic);
            let signed = matches!(topic, DeviceTopic::Identity | DeviceTopic::Certificate);
            prop_assert_eq!(of_identity, signed.then_some(topic));
            let heard = DeviceTopic::identities().iter().any(|filter| matches(filter, &built));
            prop_assert_eq!(heard, signed);
        }

        #[test]
        fn whatever_parses_builds_the_same(text in "outpost/greenhouse-1(/[a-z#+-]{0,9}){0,5}") {
            if let Some(topic) = DeviceTopic::parse(&device(), &text) {
                prop_assert_eq!(topic.build(&device()), text);
            }
        }

        #[test]
        fn a_topic_matches_itself_and_the_catch_all(text in "[a-z/]{1,40}") {
            prop_assert!(matches(&text, &text));
            prop_assert!(matches("#", &text));
            prop_assert!(valid_filter(&text) && valid_topic_name(&text));
        }

        #[test]
        fn no_input_panics(filter in ".*", topic in ".*") {
            let _ = (valid_filter(&filter), valid_topic_name(&topic), matches(&filter, &topic));
            prop_assert!(DeviceTopic::parse(&device(), &topic).is_none());
        }
    }

    #[test]
    fn wildcards_match_as_the_specification_says() {
        // Examples of MQTT 3.1.1 §4.7.1.2, §4.7.1.3 and §4.7.2.
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/broker", false),
            ("+/monitor", "$SYS/monitor", false),
            ("$SYS/#", "$SYS/broker", true),
            ("a/b", "a", false),
            ("a", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn filters_are_checked_as_the_specification_says() {
        for good in ["#", "+", "a/#", "+/a/#", "/", "a//b", "/+", "a/+/b"] {
            assert!(valid_filter(good), "{good}");
        }
        for bad in ["", "a#", "a/#/b", "sport+", "+a/b", "##", "a\0b"] {
            assert!(!valid_filter(bad), "{bad:?}");
        }
        assert!(!valid_filter(&"a".repeat(TOPIC_BYTES_MAX + 1)));
        for bad in ["", "a/+", "a/#", "a\0"] {
            assert!(!valid_topic_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_that_would_change_a_topic_are_refused() {
        for bad in ["", "Greenhouse", "a/b", "a+b", "a_b", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<DeviceName>().is_err(), "{bad}");
        }
        let longest = "x".repeat(COMMAND_ID_BYTES_MAX);
        assert!(longest.parse::<CommandId>().is_ok());
        for bad in ["", "a/b", "+", "#", "a\nb", "a\u{202e}b", &format!("{longest}x")] {
            assert!(bad.parse::<CommandId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_kind_is_still_a_command() {
        let topic = "outpost/greenhouse-1/cmd/dance/7";
        let Some(DeviceTopic::Command { kind, id }) = DeviceTopic::parse(&device(), topic) else {
            panic!("{topic} is a command");
        };
        assert_eq!(kind.known(), None);
        let answer = DeviceTopic::CommandState { kind, id }.build(&device());
        assert_eq!(answer, "outpost/greenhouse-1/cmd-state/dance/7");
    }

    #[test]
    fn topics_of_others_are_not_ours() {
        for other in [
            "outpost/greenhouse-2/status",
            "outpost/greenhouse-1",
            "outpost/greenhouse-1/",
            "outpost/greenhouse-1/status/",
            "outpost/greenhouse-1/cmd/set",
            "outpost/greenhouse-1/cmd/set/1/2",
            "greenhouse/air",
        ] {
            assert_eq!(DeviceTopic::parse(&device(), other), None, "{other}");
        }
    }
}

//! From what the agent reports to topics and JSON (design §5, §6). No decisions, no I/O.

use serde_json::{Value as Json, json};

use crate::agent::{Report, Status};
use crate::clock::Now;
use crate::domain::CommandState;
use crate::journal::{self, Stamp};
use crate::link::Class;
use crate::link::topics::{DeviceName, DeviceTopic};

/// A message to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// Kept by the broker.
    pub retain: bool,
    /// What a break of the connection does to it.
    pub class: Class,
}

/// The last will, and the last word of a clean end: only the state (design §5).
#[must_use]
pub fn offline(device: &DeviceName) -> Rendered {
    Rendered {
        topic: DeviceTopic::Status.build(device),
        payload: json!({"state": "offline"}).to_string().into_bytes(),
        retain: true,
        class: Class::State,
    }
}

/// Renders a report; `None` where an id cannot stand in a topic. `backlog`: records that a
/// destination has not acknowledged.
#[must_use]
pub fn report(
    device: &DeviceName,
    boot: u64,
    backlog: u64,
    now: Now,
    report: &Report,
) -> Option<Rendered> {
    let at = journal::rfc3339(now.unix_ms);
    let (topic, body, retain, class) = match report {
        Report::Status(status) => {
            let body = status_json(status, boot, backlog, now);
            (DeviceTopic::Status, Some(body), true, Class::State)
        }
        Report::Goals(goals) => {
            let lines = goals.iter().map(|goal| {
                json!({
                    "name": goal.name,
                    "satisfied": goal.satisfied,
                    "gap": goal.gap.map(rounded),
                    "forecast_gap": goal.forecast_gap.map(rounded),
                    "share": {
                        "hour": goal.share[0].map(rounded),
                        "day": goal.share[1].map(rounded),
                        "week": goal.share[2].map(rounded),
                    },
                    "since": goal.since_unix_ms.map(journal::rfc3339),
                })
            });
            (DeviceTopic::Goals, Some(Json::Array(lines.collect())), true, Class::State)
        }
        Report::Decision { seq, decision } => {
            let stamp = Stamp { seq: *seq, boot, now };
            let body = journal::decision_json(decision, stamp);
            (DeviceTopic::Decision, Some(body), false, Class::Log)
        }
        Report::Event { kind, text, severity } => {
            let body = json!({"kind": kind, "text": text, "severity": severity.word(), "at": at});
            (DeviceTopic::Event, Some(body), false, Class::Log)
        }
        Report::CommandState { kind, id, state, reason } => {
            let topic =
                DeviceTopic::CommandState { kind: kind.parse().ok()?, id: id.parse().ok()? };
            let body = state.map(
                |state: CommandState| json!({"state": state.word(), "reason": reason, "at": at}),
            );
            (topic, body, true, Class::Log)
        }
        Report::Approval { id, waits, valid_for } => {
            let body = waits.as_ref().map(|(actuator, value, cause)| {
                json!({
                    "actuator": actuator,
                    "value": value,
                    "cause": cause,
                    "at": at,
                    "valid_s": valid_for.as_secs(),
                })
            });
            (DeviceTopic::Approval(id.parse().ok()?), body, true, Class::Log)
        }
    };
    let payload = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    Some(Rendered { topic: topic.build(device), payload, retain, class })
}

fn status_json(status: &Status, boot: u64, backlog: u64, now: Now) -> Json {
    json!({
        "state": "online",
        "version": env!("CARGO_PKG_VERSION"),
        "boot": journal::boot_hex(boot),
        "mode": status.mode.word(),
        "mind": status.mind.word(),
        "clock": now.trust.word(),
        "effort": status.effort.word(),
        "backlog": backlog,
    })
}

/// To a thousandth.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Another board's boot id, if the status of our name is not ours. A retained one is our own past.
#[must_use]
pub fn foreign_boot(payload: &[u8], boot: u64, retained: bool) -> Option<String> {
    let json: Json = serde_json::from_slice(payload).ok()?;
    let theirs = json.get("boot")?.as_str()?;
    let online = json.get("state")?.as_str()? == "online";
    let short: String = theirs.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    (!retained && online && theirs != journal::boot_hex(boot)).then_some(short)
}

//! Records and decisions as JSON (design §6, §7), and moments as RFC 3339. Only forms, no reading.

use serde_json::{Map, Value as Json, json};

use super::record::{Record, Stamp};
use crate::clock::ClockTrust;
use crate::domain::{Candidate, Decision, Entry, ModelVoice, Setting, StepState, Value};

/// A moment in RFC 3339, UTC, with milliseconds. What lies outside years -9999 to 9999 is clamped.
#[must_use]
pub fn rfc3339(unix_ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(if unix_ms < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    format!("{moment:.3}")
}

/// A boot's number as it is shown everywhere: sixteen hexadecimal digits.
#[must_use]
pub fn boot_hex(boot: u64) -> String {
    format!("{boot:016x}")
}

/// The word of a step's state.
#[must_use]
pub fn step_word(state: StepState) -> &'static str {
    match state {
        StepState::Intended => "intended",
        StepState::Sent => "sent",
        StepState::Confirmed => "confirmed",
        StepState::Unconfirmed => "unconfirmed",
        StepState::Refused => "refused",
    }
}

/// The decision record of design §6. `outcome` is null until `log query` joins it, `p` and `model`
/// are null where the mind was silent, `cost` where it was our own: a reader finds every key in
/// every record.
#[must_use]
pub fn decision_json(decision: &Decision, stamp: Stamp) -> Json {
    json!({
        "id": decision.id,
        "at": rfc3339(stamp.now.unix_ms),
        "boot": boot_hex(stamp.boot),
        "seq": stamp.seq,
        "cause": decision.cause,
        "facts": decision.facts,
        "notes": decision.notes,
        "candidates": decision.candidates.iter().map(candidate_json).collect::<Vec<_>>(),
        "chosen": decision.chosen,
        "by": decision.by.word(),
        "guard": decision.guard,
        "outcome": null,
        "model": decision.model.as_ref().map(model_json),
    })
}

fn candidate_json(candidate: &Candidate) -> Json {
    let set: Map<String, Json> =
        candidate.set.iter().map(|(name, to)| (name.clone(), setting_json(to))).collect();
    let predicted: Map<String, Json> =
        candidate.predicted.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "set": set,
        "text": candidate.text,
        "predicted": predicted,
        "cost": candidate.cost,
        "utility": candidate.utility,
        "p": candidate.probability,
    })
}

fn model_json(model: &ModelVoice) -> Json {
    json!({
        "id": model.id,
        "sha256": model.sha256,
        "adapter": model.adapter,
        "prompt_tokens": model.prompt_tokens,
        "ms": model.ms,
        "cost": model.cost,
        // The end of a state is always read, so nothing read means known from before.
        "remembered": model.prompt_tokens == 0 && model.cost.is_none(),
    })
}

/// A setting: `"on"`, `"off"`, a number or an option.
#[must_use]
pub fn setting_json(setting: &Setting) -> Json {
    value_json(&setting.value())
}

/// A value: a number, true or false, a text.
#[must_use]
pub fn value_json(value: &Value) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Bool(yes) => json!(yes),
        Value::Text(text) => json!(text),
    }
}

/// A record as one line of `log query --json`. What cannot be decoded says so under `error`.
#[must_use]
pub fn record_json(record: &Record) -> Json {
    let mut line = match record.entry() {
        Ok(Entry::Decision(decision)) => decision_json(&decision, record.stamp()),
        Ok(entry) => entry_json(&entry),
        Err(error) => json!({ "error": error.to_string() }),
    };
    if let Json::Object(line) = &mut line {
        line.insert("seq".into(), json!(record.seq));
        line.insert("at".into(), json!(rfc3339(record.unix_ms)));
        line.insert("boot".into(), json!(boot_hex(record.boot)));
        line.insert("kind".into(), json!(record.kind.word()));
        if record.trust != ClockTrust::Synced {
            line.insert("clock".into(), json!(record.trust.word()));
        }
        if let Some(believed_ms) = record.believed_ms {
            line.insert("believed".into(), json!(rfc3339(believed_ms)));
        }
    }
    line
}

fn entry_json(entry: &Entry) -> Json {
    match entry {
        Entry::Boot { version, mode } => json!({ "version": version, "mode": mode }),
        Entry::Reading { sensor, value } => {
            json!({ "sensor": sensor, "value": value_json(value) })
        }
        Entry::Faults { source, kind, count, found } => {
            json!({ "source": source, "fault": kind.words(), "count": count, "found": found })
        }
        // A decision has its own form, `decision_json`.
        Entry::Decision(decision) => json!({ "id": decision.id }),
        Entry::Step { actuator, setting, state, by, cause, off_after_ms } => json!({
            "actuator": actuator,
            "value": setting_json(setting),
            "state": step_word(*state),
            "by": by.word(),
            "cause": cause,
            "off_after_ms": off_after_ms,
        }),
        Entry::Command { kind, id, state, reason } => json!({
            "command": format!("{kind}/{id}"),
            "state": state.word(),
            "reason": reason,
        }),
        Entry::Hold { actuator, for_ms } => json!({ "actuator": actuator, "for_ms": for_ms }),
        Entry::Mode { actuator, mode } => json!({ "actuator": actuator, "mode": mode }),
        Entry::Event { kind, text, severity } => {
            json!({ "event": kind, "text": text, "severity": severity.word() })
        }
        Entry::Goal { name, put } => {
            let put = put.as_ref().map(|text| serde_json::from_str(text).unwrap_or(Json::Null));
            json!({ "goal": name, "put": put })
        }
        Entry::Learned(one) => json!({
            "sensor": one.sensor,
            "inputs": one.inputs,
            "weights": one.weights,
            "steps": one.steps,
            "judged": one.judged,
            "error": one.error_square.sqrt(),
            "stays": one.stays_square.sqrt(),
        }),
        Entry::Escalated(one) => json!({
            "decision": one.decision,
            "why": one.why,
            "state": one.state,
            "model": one.model,
            "prompt_tokens": one.prompt_tokens,
            "answer_tokens": one.answer_tokens,
            "ms": one.ms,
            "cost": one.cost,
            "text": one.text,
            "day_calls": one.calls,
            "day_cost": one.spent,
        }),
        Entry::Memory(one) => json!({
            "sensor": one.sensor,
            "of": one.of,
            "form": one.form,
            "numbers": one.numbers,
        }),
        Entry::Dropped { first, last, reason } => {
            json!({ "first": first, "last": last, "reason": reason })
        }
    }
}

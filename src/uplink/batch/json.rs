//! A batch as one JSON object, for receivers that speak nothing else.

use serde_json::{Map, Value as Json, json};

use super::{AuditHead, Batch, BatchError, Body, Head, Received, fault};
use crate::clock::ClockTrust;
use crate::journal::{Kind, Record, boot_hex, record_json};

/// The message of some records.
pub(in crate::uplink) fn pack(head: &Head, records: &[Record]) -> Vec<u8> {
    let mut out = json!({
        "after": head.after,
        "last": head.last,
        "boot": boot_hex(head.boot),
        "cursor": head.cursor,
    });
    let records = records.iter().map(|record| {
        let mut line = record_json(record);
        line["mono_ms"] = json!(record.mono_ms);
        line
    });
    out["records"] = Json::Array(records.collect());
    if head.probe != 0 {
        out["probe"] = json!(head.probe);
    }
    if head.ahead {
        out["ahead"] = json!(true);
    }
    if let Some(audit) = &head.audit {
        out["audit"] = json!({ "seq": audit.seq, "hash": hex(&audit.hash) });
    }
    out.to_string().into_bytes()
}

/// # Errors
/// Where it is no batch.
pub(super) fn decode(bytes: &[u8]) -> Result<Batch, BatchError> {
    let batch: Json = serde_json::from_slice(bytes).map_err(|error| fault(&error))?;
    let number = |key: &str| {
        let found = batch.get(key).and_then(Json::as_u64);
        found.ok_or_else(|| fault(&format!("no number at /{key}")))
    };
    let head = Head {
        after: number("after")?,
        last: number("last")?,
        boot: boot(&batch).ok_or_else(|| fault(&"no boot"))?,
        cursor: number("cursor")?,
        probe: number("probe").ok().and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
        ahead: batch.get("ahead").and_then(Json::as_bool).unwrap_or(false),
        audit: audit(&batch),
    };
    let records = batch.get("records").and_then(Json::as_array);
    let records = records.ok_or_else(|| fault(&"no list at /records"))?;
    let one = |record| received(record).ok_or_else(|| fault(&"a record without its header"));
    Ok(Batch { head, records: records.iter().map(one).collect::<Result<_, _>>()? })
}

fn received(record: &Json) -> Option<Received> {
    let moment = |key: &str| {
        let at: jiff::Timestamp = record.get(key)?.as_str()?.parse().ok()?;
        Some(at.as_millisecond())
    };
    let trust = match record.get("clock").and_then(Json::as_str) {
        None => ClockTrust::Synced,
        Some("restored") => ClockTrust::Restored,
        Some(_) => ClockTrust::Unset,
    };
    let kind = record.get("kind")?.as_str().and_then(Kind::from_word);
    // The header has columns of its own.
    let mut body: Map<String, Json> = record.as_object()?.clone();
    for key in ["seq", "boot", "mono_ms", "kind", "clock", "believed", "at"] {
        body.remove(key);
    }
    Some(Received {
        seq: record.get("seq")?.as_u64()?,
        boot: boot(record)?,
        mono_ms: record.get("mono_ms")?.as_u64()?,
        unix_ms: moment("believed").or_else(|| moment("at"))?,
        trust,
        kind: kind.and_then(|kind| u8::try_from(kind.code()).ok()).unwrap_or(0),
        body: Body::Json(Json::Object(body).to_string()),
    })
}

fn boot(from: &Json) -> Option<u64> {
    u64::from_str_radix(from.get("boot")?.as_str()?, 16).ok()
}

fn audit(batch: &Json) -> Option<AuditHead> {
    let audit = batch.get("audit")?;
    let text = audit.get("hash")?.as_str()?;
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(AuditHead { seq: audit.get("seq")?.as_u64()?, hash })
}

/// Two digits a byte.
pub(in crate::uplink) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

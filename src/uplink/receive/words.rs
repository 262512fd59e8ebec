//! What a received record says, as the columns of a database: its kind's word, its body as JSON.

use serde_json::{Value as Json, json};

use crate::domain::Entry;
use crate::journal::{Kind, record_json, value_json};
use crate::uplink::batch::{Body, Received};

/// What has columns of its own.
const HEADER: [&str; 6] = ["seq", "at", "boot", "kind", "clock", "believed"];

/// The kind's word, or its code where this program does not know it.
pub(super) fn kind(code: u8) -> String {
    match Kind::from_code(i64::from(code)) {
        Some(kind) => kind.word().to_owned(),
        None => format!("kind {code}"),
    }
}

/// The body as JSON; where it cannot be read, the stored payload instead.
pub(super) fn body(received: &Received) -> (Option<String>, Option<&[u8]>) {
    let payload = match &received.body {
        Body::Json(text) => return (Some(text.clone()), None),
        Body::Payload(payload) => payload,
    };
    let readable = received.record().and_then(|record| match record.entry() {
        Ok(Entry::Reading { sensor, value }) => {
            Some(json!({ "sensor": sensor, "value": value_json(&value) }))
        }
        Ok(_) => Some(record_json(&record)),
        Err(_) => None,
    });
    let Some(mut body) = readable else { return (None, Some(payload)) };
    if let Json::Object(body) = &mut body {
        body.retain(|key, _| !HEADER.contains(&key.as_str()));
    }
    (Some(body.to_string()), None)
}

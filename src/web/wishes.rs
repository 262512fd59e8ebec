//! What the operator wants beyond goals, for the page: rules and notes in force, preferences and
//! interlocks to look at; and the checks of `outpost check` for what is about to be sent, so that a
//! fault stands beside its field. What is changed is changed by a command, like everything.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::error::ApiError;
use super::page::viewer;
use crate::config::{
    Fault, Rule, goal_said, note_said, preference_to_json, rule_said, rule_to_json,
};

/// Rules, notes, preferences and interlocks in force.
pub(super) async fn wishes(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, ApiError> {
    let viewer = viewer(&shared)?;
    let (file, now) = (Arc::clone(&viewer.file), Arc::clone(&viewer.wishes.borrow()));
    let rules = now.rules.iter().map(|rule| {
        let mut said = rule_to_json(rule, &now);
        let written = file.rules.iter().find(|one| one.name == rule.name);
        said["of_file"] = json!(written == Some(rule));
        if let Some(written) = written.filter(|written| *written != rule) {
            said["file"] = rule_to_json(written, &file);
        }
        said
    });
    let gone = |rule: &&Rule| !now.rules.iter().any(|one| one.name == rule.name);
    let rules_gone = file.rules.iter().filter(gone).map(|rule| rule_to_json(rule, &file));
    let notes_gone = file.notes.iter().filter(|note| !now.notes.contains(note));
    let notes =
        now.notes.iter().map(|note| json!({"text": note, "of_file": file.notes.contains(note)}));
    let interlocks =
        now.interlocks.iter().map(|one| json!({"name": one.name, "forbid": one.forbid.source()}));
    let preferences = now.preferences.iter().map(|one| preference_to_json(one, &now));
    Ok(Json(json!({
        "rules": rules.collect::<Vec<_>>(), "notes": notes.collect::<Vec<_>>(),
        "interlocks": interlocks.collect::<Vec<_>>(),
        "preferences": preferences.collect::<Vec<_>>(),
        // Of the file, and changed or forgotten here: what can be taken back.
        "gone": {
            "rules": rules_gone.collect::<Vec<_>>(), "notes": notes_gone.collect::<Vec<_>>(),
        },
    })))
}

/// What is about to be sent.
#[derive(Deserialize)]
pub(super) struct Draft {
    kind: String,
    put: Value,
}

/// Everything that is wrong with a goal, a rule or a note; nothing is changed.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Draft>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let config = Arc::clone(&viewer(&shared)?.file);
    let Json(Draft { kind, put }) = body?;
    let faults = match kind.as_str() {
        "goal" => goal_said(&put, &config).err(),
        "rule" => rule_said(&put, &config).err(),
        "note" => note_said(&put, &config).err(),
        _ => return Err(ApiError::bad(format!("kind: found {kind:?}, allowed goal, rule, note"))),
    };
    let faults = faults.unwrap_or_default();
    Ok(Json(json!({ "faults": faults.iter().map(fault).collect::<Vec<_>>() })))
}

fn fault(one: &Fault) -> Value {
    let place = [("line", one.line), ("column", one.column)];
    let place = place.into_iter().map(|(key, at)| (key.to_owned(), json!(at)));
    let words = [("key", &one.key), ("found", &one.found), ("allowed", &one.allowed)];
    let words = words.into_iter().map(|(key, text)| (key.to_owned(), json!(text)));
    Value::Object(place.chain(words).collect::<Map<_, _>>())
}

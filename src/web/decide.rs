//! `POST /v1/decide`: how well each candidate continues a text, in one pass.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use crate::limits;
use crate::mind::client::DecideRequest;

#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    prefix: String,
    state: String,
    candidates: Vec<String>,
    model: Option<String>,
}

pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Body>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(body) = body?;
    let model = shared.check_model(body.model.as_deref())?;
    let request = DecideRequest {
        id: 0,
        prefix: body.prefix,
        state: body.state,
        candidates: body.candidates,
        by_notes: None,
        priority: limits::MIND_PRIORITY_API,
        within_ms: limits::WEB_DECIDE_MS_MAX,
    };
    let decided = shared.mind()?.ask(request).await?;
    // Of equal ones the first.
    let best = decided.p.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
    let chosen = best.map_or(0, |(index, _)| index);
    Ok(Json(json!({"id": body.id, "object": "decision", "model": model, "chosen": chosen,
        "p": decided.p, "mass": decided.mass, "ms": decided.ms,
        "tokens_read": decided.tokens_read, "remembered": decided.remembered})))
}

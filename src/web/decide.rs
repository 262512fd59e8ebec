//! `POST /v1/decide`: how well each candidate continues a text, or the answers to typed questions
//! about it, in one pass.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::models::{self, Asked};
use crate::limits;
use crate::mind::client::DecideRequest;
use crate::mind::questions::told::{self, Told};

#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    prefix: String,
    state: String,
    candidates: Option<Vec<String>>,
    questions: Option<Vec<Told>>,
    model: Option<String>,
    adapter: Option<String>,
}

pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Body>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(body) = body?;
    let Asked { mind, adapter } = shared.asked(body.model.as_deref(), body.adapter).await?;
    let adapter = models::adapter(&mind.handle, adapter)?;
    let (candidates, asked) = match (body.candidates, body.questions) {
        (Some(candidates), None) => (candidates, None),
        (None, Some(questions)) => (Vec::new(), Some(questions)),
        (Some(_), Some(_)) => {
            return Err(ApiError::bad("found candidates and questions, allowed is one of them"));
        }
        (None, None) => {
            return Err(ApiError::bad("found neither candidates nor questions, one is needed"));
        }
    };
    let questions = asked.as_deref().map(told::typed).transpose();
    let questions = questions.map_err(|error| ApiError::bad(error.to_string()))?;
    let request = DecideRequest {
        id: 0,
        prefix: body.prefix,
        state: body.state,
        candidates,
        by_notes: None,
        priority: limits::MIND_PRIORITY_API,
        within_ms: limits::WEB_DECIDE_MS_MAX,
        questions: questions.unwrap_or_default(),
        adapter: adapter.file,
    };
    let decided = mind.handle.ask(request).await?;
    let mut told = json!({"id": body.id, "object": "decision", "model": mind.name,
        "adapter": adapter.name,
        "mass": decided.mass, "ms": decided.ms, "tokens_read": decided.tokens_read,
        "remembered": decided.remembered});
    match asked {
        Some(asked) => {
            let answers = told::answers(&asked, &decided.answers);
            told["answers"] = answers.ok_or_else(|| ApiError::failed("the answer"))?;
        }
        None => {
            // Of equal ones the first.
            let best = decided.p.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
            told["chosen"] = json!(best.map_or(0, |(index, _)| index));
            told["p"] = json!(decided.p);
        }
    }
    Ok(Json(told))
}

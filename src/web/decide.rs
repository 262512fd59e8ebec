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
use crate::mind::protocol::{Answer, Decided};
use crate::mind::questions::{Kind, Typed};
use crate::mind::score::Question;

#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    prefix: String,
    state: String,
    candidates: Option<Vec<String>>,
    questions: Option<Vec<AskedQuestion>>,
    model: Option<String>,
    adapter: Option<String>,
}

/// A typed question, its kind beside what the kind needs.
#[derive(Deserialize)]
struct AskedQuestion {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(flatten)]
    kind: AskedKind,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum AskedKind {
    Choose { candidates: Vec<String> },
    Rank { candidates: Vec<String> },
    YesNo,
    Score { scale: [i32; 2] },
}

impl From<AskedKind> for Kind {
    fn from(asked: AskedKind) -> Self {
        match asked {
            AskedKind::Choose { candidates } => Self::Choose(candidates),
            AskedKind::Rank { candidates } => Self::Rank(candidates),
            AskedKind::YesNo => Self::YesNo,
            AskedKind::Score { scale: [first, last] } => Self::Score(first, last),
        }
    }
}

/// What an answer is told as.
struct Wanted {
    id: Value,
    kind: Kind,
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
    let (wanted, questions) = asked.map(typed).transpose()?.unzip();
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
    match wanted {
        Some(wanted) => told["answers"] = answers(&wanted, &decided)?,
        None => {
            // Of equal ones the first.
            let best = decided.p.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
            told["chosen"] = json!(best.map_or(0, |(index, _)| index));
            told["p"] = json!(decided.p);
        }
    }
    Ok(Json(told))
}

/// The questions as the mind is asked them, and what is to be told of each.
fn typed(asked: Vec<AskedQuestion>) -> Result<(Vec<Wanted>, Vec<Question>), ApiError> {
    let (found, most) = (asked.len(), limits::MIND_QUESTIONS_MAX);
    if found == 0 || found > most {
        return Err(ApiError::bad(format!("questions: found {found}, allowed 1 to {most}")));
    }
    let (mut wanted, mut questions) = (Vec::new(), Vec::new());
    for (number, AskedQuestion { id, text, kind }) in asked.into_iter().enumerate() {
        let kind = Kind::from(kind);
        let refused = |error| ApiError::bad(format!("question {number}: {error}"));
        questions.push(kind.question(&text).map_err(refused)?);
        wanted.push(Wanted { id, kind });
    }
    Ok((wanted, questions))
}

fn answers(wanted: &[Wanted], decided: &Decided) -> Result<Value, ApiError> {
    if wanted.len() != decided.answers.len() {
        return Err(ApiError::failed("the answer"));
    }
    let told = wanted.iter().zip(&decided.answers).map(|(wanted, answer)| told(wanted, answer));
    told.collect::<Result<Vec<Value>, ApiError>>().map(Value::Array)
}

fn told(Wanted { id, kind }: &Wanted, answer: &Answer) -> Result<Value, ApiError> {
    let typed = kind.typed(answer).ok_or_else(|| ApiError::failed("the answer"))?;
    let mut told = json!({"id": id, "kind": kind.name(), "p": answer.p, "mass": answer.mass});
    match typed {
        Typed::Chosen { chosen, margin } => {
            told["chosen"] = json!(chosen);
            told["margin"] = json!(margin);
        }
        Typed::Ranked(order) => told["order"] = json!(order),
        Typed::Said { yes, p_yes } => {
            told["yes"] = json!(yes);
            told["p"] = json!(p_yes);
        }
        Typed::Scored { best, mean } => {
            told["best"] = json!(best);
            told["mean"] = json!(mean);
        }
    }
    Ok(told)
}

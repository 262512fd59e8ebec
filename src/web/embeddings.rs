//! OpenAI's `embeddings`: texts as vectors, by a model whose file says how it pools.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use crate::limits;

#[derive(Deserialize)]
pub(super) struct Body {
    model: Option<String>,
    input: Input,
    #[serde(default)]
    encoding_format: Encoding,
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

/// How a vector is told. OpenAI's own clients ask for `base64`: float32, little-endian.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

pub(super) async fn embeddings(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Body>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(body) = body?;
    let texts = match body.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    let (found, most) = (texts.len(), limits::WEB_EMBED_TEXTS_MAX);
    if found == 0 || found > most {
        return Err(ApiError::bad(format!("input: found {found} texts, allowed 1 to {most}")));
    }
    let mind = shared.mind(body.model.as_deref()).await?;
    let (mut data, mut tokens) = (Vec::with_capacity(found), 0_u64);
    // One by one: between two of them a decision of the agent's has its turn.
    for (index, text) in texts.into_iter().enumerate() {
        let embedded = mind.handle.embed(text).await?;
        let own = embedded.vector.len();
        if let Some(wished) = body.dimensions.filter(|wished| *wished != own) {
            return Err(ApiError::bad(format!("dimensions: found {wished}, allowed {own}")));
        }
        tokens += u64::from(embedded.tokens);
        let vector = told(&embedded.vector, body.encoding_format);
        data.push(json!({"object": "embedding", "index": index, "embedding": vector}));
    }
    Ok(Json(json!({"object": "list", "model": mind.name, "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})))
}

fn told(vector: &[f32], encoding: Encoding) -> Value {
    match encoding {
        Encoding::Float => json!(vector),
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        }
    }
}

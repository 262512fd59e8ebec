//! OpenAI's `chat/completions` and `completions`: their bodies as wishes for a text.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::models::{self, Asked};
use super::stream::Shape;
use super::tools::{self, Choice, Tool};
use crate::limits;
use crate::mind::client::{WriteEvent, WriteRequest};
use crate::mind::protocol::{Form, Prompt, Sampling, Speech};

/// What both kinds of body have.
#[derive(Deserialize)]
struct Common {
    model: Option<String>,
    /// Ours: an adapter's name, for a client that does not put it behind the model's.
    adapter: Option<String>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<u32>,
    min_p: Option<f32>,
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    seed: Option<u64>,
    n: Option<u32>,
    stop: Option<Stop>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    /// Ours: the text is a match of it.
    regex: Option<String>,
    /// Ours: the text is a sentence of this grammar.
    lark: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
pub(super) struct ChatBody {
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<Tool>,
    tool_choice: Option<Value>,
    response_format: Option<Value>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
    #[serde(default)]
    tool_calls: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Value>),
}

#[derive(Deserialize)]
pub(super) struct CompletionBody {
    prompt: Stop,
    #[serde(flatten)]
    common: Common,
}

pub(super) async fn chat(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<ChatBody>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(body) = body?;
    tools::check(&body.tools)?;
    let choice = Choice::of(body.tool_choice.as_ref(), &body.tools)?;
    let mut speeches = body.messages.iter().map(speech).collect::<Result<Vec<_>, _>>()?;
    if let Some(told) = tools::told(&body.tools, &choice) {
        match speeches.first_mut().filter(|first| first.role == "system") {
            Some(first) => first.text = format!("{}\n\n{told}", first.text),
            None => speeches.insert(0, Speech { role: "system".to_owned(), text: told }),
        }
    }
    let form = match tools::form(&body.tools, &choice) {
        Some(form) => form,
        None => form_of(body.response_format.as_ref(), &body.common)?,
    };
    let tools = if choice == Choice::None { Vec::new() } else { body.tools };
    let wish = Wish { prompt: Prompt::Chat(speeches), form, chat: true, tools };
    wish.write(&shared, body.common).await
}

pub(super) async fn completion(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<CompletionBody>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(body) = body?;
    let prompt = match body.prompt {
        Stop::One(text) => text,
        Stop::Many(texts) => match <[String; 1]>::try_from(texts) {
            Ok([text]) => text,
            Err(texts) => {
                let found = texts.len();
                return Err(ApiError::bad(format!("prompt: found {found} texts, allowed 1")));
            }
        },
    };
    let form = form_of(None, &body.common)?;
    let wish = Wish { prompt: Prompt::Text(prompt), form, chat: false, tools: Vec::new() };
    wish.write(&shared, body.common).await
}

/// A text as it was asked for.
struct Wish {
    prompt: Prompt,
    form: Form,
    chat: bool,
    tools: Vec<Tool>,
}

impl Wish {
    async fn write(self, shared: &Shared, common: Common) -> Result<Response, ApiError> {
        let Asked { mind, adapter } = shared.asked(common.model.as_deref(), common.adapter).await?;
        // What the agent decides with was hardly taught to write: who wants it says so.
        let adapter = adapter.unwrap_or_else(|| "none".to_owned());
        let adapter = models::adapter(&mind.handle, Some(adapter))?;
        if common.n.is_some_and(|n| n != 1) {
            return Err(ApiError::bad("n: allowed is 1"));
        }
        let wished = common.max_completion_tokens.or(common.max_tokens);
        let kind = if self.chat { "chatcmpl" } else { "cmpl" };
        let shape = Shape {
            id: format!("{kind}-{:016x}", rand::random::<u64>()),
            created: jiff::Timestamp::now().as_second(),
            model: models::name_of(&mind.name, &adapter.name),
            chat: self.chat,
            tools: self.tools,
            usage: common.stream_options.is_some_and(|options| options.include_usage),
            mind,
        };
        let request = WriteRequest {
            id: 0,
            prompt: self.prompt,
            form: self.form,
            sampling: Sampling {
                temperature: common.temperature.unwrap_or(1.0),
                top_p: common.top_p.unwrap_or(1.0),
                top_k: common.top_k.unwrap_or(0),
                min_p: common.min_p.unwrap_or(0.0),
                frequency_penalty: common.frequency_penalty.unwrap_or(0.0),
                presence_penalty: common.presence_penalty.unwrap_or(0.0),
                seed: common.seed.unwrap_or_else(rand::random),
            },
            stop: match common.stop {
                None => Vec::new(),
                Some(Stop::One(text)) => vec![text],
                Some(Stop::Many(texts)) => texts,
            },
            tokens_max: wished.unwrap_or(limits::WEB_TOKENS_DEFAULT),
            priority: limits::MIND_PRIORITY_WRITE,
            within_ms: limits::WEB_WRITE_MS_MAX,
            adapter: adapter.file,
        };
        let mut parts = shape.mind.handle.write(request)?;
        if !common.stream {
            return Ok(Json(shape.at_once(parts).await?).into_response());
        }
        match parts.recv().await {
            None => Err(ApiError::absent("the mind died")),
            Some(WriteEvent::Failed(error)) => Err(error.into()),
            Some(first) => Ok(shape.in_parts(first, parts)),
        }
    }
}

/// What is said in a message: its text, the calls it has, or what a tool answered.
fn speech(message: &Message) -> Result<Speech, ApiError> {
    let mut text = match &message.content {
        None => String::new(),
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => {
            let texts = parts.iter().map(|part| {
                part["text"]
                    .as_str()
                    .ok_or_else(|| ApiError::bad("messages: a part of a content is no text"))
            });
            texts.collect::<Result<Vec<_>, _>>()?.join("\n")
        }
    };
    for call in &message.tool_calls {
        let function = &call["function"];
        let arguments = function["arguments"].as_str().unwrap_or("{}");
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
        let call = json!({"name": function["name"], "arguments": arguments});
        text.push_str(&call.to_string());
    }
    if message.role == "tool" {
        text = format!("The tool answers: {text}");
    }
    Ok(Speech { role: message.role.clone(), text })
}

/// The form that a body asks for.
fn form_of(format: Option<&Value>, common: &Common) -> Result<Form, ApiError> {
    let format = format.filter(|format| !format.is_null());
    if let Some(text) = &common.regex {
        return Ok(Form::Regex(text.clone()));
    }
    if let Some(text) = &common.lark {
        return Ok(Form::Lark(text.clone()));
    }
    let Some(format) = format else { return Ok(Form::Free) };
    match format["type"].as_str() {
        Some("text") => Ok(Form::Free),
        Some("json_object") => Ok(Form::JsonSchema(json!({"type": "object"}).to_string())),
        Some("json_schema") => match &format["json_schema"]["schema"] {
            Value::Null => Err(ApiError::bad("response_format: json_schema has no schema")),
            schema => Ok(Form::JsonSchema(schema.to_string())),
        },
        other => Err(ApiError::bad(format!(
            "response_format: found type {other:?}, allowed text, json_object, json_schema"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> ChatBody {
        serde_json::from_value(value).expect("a body")
    }

    #[test]
    fn messages_are_said_as_text_calls_and_answers_of_tools_too() {
        let body = body(json!({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"},
                {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "1", "function": {"name": "fan", "arguments": "{\"state\":\"on\"}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "done"},
        ]}));
        let texts: Vec<String> =
            body.messages.iter().map(|m| speech(m).expect("text").text).collect();
        assert_eq!(texts[0], "a\nb");
        assert_eq!(texts[1], r#"{"name":"fan","arguments":{"state":"on"}}"#);
        assert_eq!(texts[2], "The tool answers: done");
        let picture =
            serde_json::from_value(json!({"role": "user", "content": [{"type": "image_url"}]}));
        assert!(speech(&picture.expect("a message")).is_err());
    }

    #[test]
    fn a_form_is_what_the_body_asks_for() {
        let of = |value: Value| {
            let body = body(value);
            form_of(body.response_format.as_ref(), &body.common)
        };
        let with = |format: Value| json!({"messages": [], "response_format": format});
        assert_eq!(of(json!({"messages": []})).expect("free"), Form::Free);
        assert_eq!(of(with(json!(null))).expect("free"), Form::Free);
        assert_eq!(
            of(json!({"messages": [], "regex": "a"})).expect("ours"),
            Form::Regex("a".into())
        );
        let schema =
            with(json!({"type": "json_schema", "json_schema": {"schema": {"type": "string"}}}));
        assert_eq!(of(schema).expect("JSON"), Form::JsonSchema(r#"{"type":"string"}"#.into()));
        assert!(of(with(json!({"type": "json_schema"}))).is_err());
        assert!(of(with(json!({"type": "yaml"}))).is_err());
    }
}

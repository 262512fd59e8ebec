//! A text on its way to the caller: whole, or in parts as server-sent events.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::error::ApiError;
use super::tools::{self, Tool};
use crate::limits;
use crate::mind::client::{Unanswered, WriteEvent, Written};
use crate::mind::protocol::{FailureKind, Finish};
use crate::mind::registry::Lease;

/// What an answer looks like.
pub(super) struct Shape {
    /// Of the answer.
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    /// A chat, not a bare completion.
    pub(super) chat: bool,
    /// Tools that the model may have called.
    pub(super) tools: Vec<Tool>,
    /// The last event has the account of tokens.
    pub(super) usage: bool,
    /// Held until the answer is complete.
    pub(super) mind: Lease,
}

/// A complete text.
struct Whole {
    text: String,
    written: Written,
}

fn died() -> Unanswered {
    Unanswered { kind: FailureKind::Engine, reason: "the mind died".to_owned() }
}

async fn whole(mut parts: mpsc::Receiver<WriteEvent>) -> Result<Whole, Unanswered> {
    let mut text = String::new();
    loop {
        match parts.recv().await.ok_or_else(died)? {
            WriteEvent::Piece(piece) => text.push_str(&piece),
            WriteEvent::Written(written) => return Ok(Whole { text, written }),
            WriteEvent::Failed(error) => return Err(error),
        }
    }
}

fn usage(written: &Written) -> Value {
    json!({"prompt_tokens": written.prompt_tokens, "completion_tokens": written.tokens,
        "total_tokens": written.prompt_tokens + written.tokens,
        "prompt_tokens_details": {"cached_tokens": written.kept_tokens},
        "completion_tokens_details": {"forced_tokens": written.forced_tokens,
            "accepted_prediction_tokens": written.guessed_tokens}})
}

fn reason(written: &Written) -> &'static str {
    match written.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

impl Shape {
    fn base(&self, object: &str, choice: Value) -> Value {
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model,
            "choices": [choice]})
    }

    /// The answer in one piece.
    pub(super) async fn at_once(
        self,
        parts: mpsc::Receiver<WriteEvent>,
    ) -> Result<Value, ApiError> {
        let Whole { text, written } = whole(parts).await?;
        let mut finish = reason(&written);
        let (object, choice) = if self.chat {
            let mut message = json!({"role": "assistant", "content": text, "refusal": null});
            if let Some(call) = self.call(&text) {
                message["content"] = Value::Null;
                message["tool_calls"] = json!([call]);
                finish = "tool_calls";
            }
            ("chat.completion", json!({"index": 0, "message": message}))
        } else {
            ("text_completion", json!({"index": 0, "text": text}))
        };
        let mut choice = choice;
        choice["finish_reason"] = json!(finish);
        choice["logprobs"] = Value::Null;
        let mut answer = self.base(object, choice);
        answer["usage"] = usage(&written);
        Ok(answer)
    }

    /// The call that a text is, as a client reads it.
    fn call(&self, text: &str) -> Option<Value> {
        let (name, arguments) = tools::call(text, &self.tools)?;
        let id = format!("call_{:016x}", rand::random::<u64>());
        Some(json!({"id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}))
    }

    /// The answer as it comes. The first part has come already, so that a refusal is an error of
    /// the request and not of the stream.
    pub(super) fn in_parts(self, first: WriteEvent, parts: mpsc::Receiver<WriteEvent>) -> Response {
        let (events, stream) = mpsc::channel::<Result<Event, Infallible>>(limits::WEB_EVENTS_MAX);
        tokio::spawn(async move {
            // Whoever read is gone: dropping `parts` gives the text up.
            self.send(first, parts, &events).await.unwrap_or_default();
        });
        let alive = KeepAlive::new();
        Sse::new(ReceiverStream::new(stream)).keep_alive(alive).into_response()
    }

    async fn send(
        self,
        first: WriteEvent,
        mut parts: mpsc::Receiver<WriteEvent>,
        events: &mpsc::Sender<Result<Event, Infallible>>,
    ) -> Result<(), ()> {
        let tell = async |value: Value| {
            let event = Event::default().data(value.to_string());
            events.send(Ok(event)).await.map_err(drop)
        };
        if self.chat {
            tell(self.delta(json!({"role": "assistant", "content": ""}), None)).await?;
        }
        // What begins as a call is one, and is told when it is whole.
        let (mut held, mut is_call) = (String::new(), None);
        let mut next = Some(first);
        while let Some(event) = next {
            match event {
                WriteEvent::Piece(text) => {
                    let call =
                        *is_call.get_or_insert(!self.tools.is_empty() && text.starts_with('{'));
                    if call {
                        held.push_str(&text);
                    } else {
                        tell(self.part(&text)).await?;
                    }
                }
                WriteEvent::Written(written) => {
                    let mut finish = reason(&written);
                    if let Some(mut call) = self.call(&held) {
                        call["index"] = json!(0);
                        tell(self.delta(json!({"tool_calls": [call]}), None)).await?;
                        finish = "tool_calls";
                    } else if !held.is_empty() {
                        tell(self.part(&held)).await?;
                    }
                    tell(self.end(finish)).await?;
                    if self.usage {
                        let mut last = self.end(finish);
                        last["choices"] = json!([]);
                        last["usage"] = usage(&written);
                        tell(last).await?;
                    }
                    let done = Event::default().data("[DONE]");
                    return events.send(Ok(done)).await.map_err(drop);
                }
                WriteEvent::Failed(error) => return tell(ApiError::from(error).json()).await,
            }
            next = parts.recv().await;
        }
        tell(ApiError::from(died()).json()).await
    }

    fn delta(&self, delta: Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        self.base("chat.completion.chunk", choice)
    }

    fn part(&self, text: &str) -> Value {
        if self.chat {
            return self.delta(json!({"content": text}), None);
        }
        let choice = json!({"index": 0, "text": text, "logprobs": null, "finish_reason": null});
        self.base("text_completion", choice)
    }

    fn end(&self, finish: &str) -> Value {
        if self.chat {
            return self.delta(json!({}), Some(finish));
        }
        let choice = json!({"index": 0, "text": "", "logprobs": null, "finish_reason": finish});
        self.base("text_completion", choice)
    }
}

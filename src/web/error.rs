//! Errors as OpenAI's clients read them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::role::Role;
use crate::mind::client::Unanswered;
use crate::mind::protocol::FailureKind;
use crate::mind::registry::RegistryError;

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: &str) -> Self {
        Self { status, kind, code: None, message: message.to_owned() }
    }

    /// A wish that cannot be granted as it is.
    pub(super) fn bad(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message.as_ref())
    }

    /// No mind now; later there may be one.
    pub(super) fn absent(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message)
    }

    /// Too much waits already.
    pub(super) fn busy(message: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message)
    }

    /// The token is for less than this.
    pub(super) fn role(has: Role, needed: Role) -> Self {
        let text =
            format!("this token may {}; it takes one that may {}", has.word(), needed.word());
        let error = Self::new(StatusCode::FORBIDDEN, "permission_error", &text);
        Self { code: Some("insufficient_role"), ..error }
    }

    /// Another site's page sent it.
    pub(super) fn foreign() -> Self {
        let text = "what changes something is taken from this page alone";
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", text)
    }

    /// It came by a name that is not this board's.
    pub(super) fn elsewhere() -> Self {
        let text = "Host: found a name with a dot, allowed an address, localhost or a name without \
                    one, where [web] has no token_file";
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", text)
    }

    /// Our own fault.
    pub(super) fn failed(what: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", &format!("{what} failed"))
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "there is no such path")
    }

    pub(super) fn unauthorised() -> Self {
        let message = "this API needs a bearer token: one of those that [web] names the files of";
        let error = Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message);
        Self { code: Some("invalid_api_key"), ..error }
    }

    /// The error as JSON, also for the middle of a stream.
    pub(super) fn json(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": null,
            "code": self.code}})
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let text = error.to_string();
        match error {
            RegistryError::Unknown { .. } => {
                let error = Self::new(StatusCode::NOT_FOUND, "invalid_request_error", &text);
                Self { code: Some("model_not_found"), ..error }
            }
            RegistryError::TooLarge { .. } => Self::bad(text),
            RegistryError::Busy { .. } => Self::busy(&text),
            RegistryError::File(_) | RegistryError::Absent(_) => Self::absent(&text),
        }
    }
}

impl From<Unanswered> for ApiError {
    fn from(Unanswered { kind, reason }: Unanswered) -> Self {
        match kind {
            FailureKind::Busy => Self::busy(&reason),
            FailureKind::TooLong => {
                Self { code: Some("context_length_exceeded"), ..Self::bad(reason) }
            }
            FailureKind::Refused => Self::bad(reason),
            FailureKind::Late => Self::new(StatusCode::GATEWAY_TIMEOUT, "server_error", &reason),
            FailureKind::Absent
            | FailureKind::Checksum
            | FailureKind::Corrupt
            | FailureKind::Engine
            | FailureKind::Cancelled => Self::absent(&reason),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let message = rejection.body_text();
        Self::new(rejection.status(), "invalid_request_error", &message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

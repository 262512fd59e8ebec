//! `/metrics`: the page that Prometheus reads.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::error::ApiError;
use crate::metrics;

/// The page. Its kernel files are read on a thread that may wait.
pub(super) async fn page(State(shared): State<Arc<Shared>>) -> Response {
    let measured = Arc::clone(&shared.metrics);
    match tokio::task::spawn_blocking(move || measured.page()).await {
        Ok(Ok(page)) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Ok(Err(_)) | Err(_) => ApiError::failed("the page of metrics").into_response(),
    }
}

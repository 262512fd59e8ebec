//! The API of the language model over HTTP: OpenAI's for texts, and typed decisions; `/metrics`;
//! and the page for people.
//!
//! It is for programs of the operator on the board or near it. It asks the mind as the agent does,
//! after the agent: every decision of the agent goes first, and half of the places are left to it.
//! Where too much waits it says 429 and does not queue. It commands no device.
//!
//! Loopback by default; elsewhere a bearer token is needed (`token_file`). Bodies, requests at a
//! time and the time of each are bounded. What must never be here: the agent, or a command that
//! takes another way than those of the bus.

mod chat;
mod decide;
mod devices;
mod embeddings;
mod error;
mod metrics;
mod models;
mod page;
mod role;
mod session;
mod stream;
mod tools;
mod wishes;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_stream::StreamExt;

use crate::config;
use crate::limits;
use crate::link::Endpoint;
use crate::live::Viewer;
use crate::metrics::Metrics;
use crate::mind::registry::Registry;
use error::ApiError;
use role::{Role, Tokens};
use session::Sessions;

/// Why there is no API.
#[derive(Debug, Error)]
pub enum WebError {
    /// The token's file.
    #[error("[web] {key} {}: {reason}", path.display())]
    Token {
        /// Which.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address is taken, or not ours.
    #[error("[web] listen {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What every request needs.
struct Shared {
    mind: Option<Registry>,
    tokens: Tokens,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    sessions: Sessions,
    /// Places for wrong tokens to wait for their turn.
    guesses: Semaphore,
    /// A wrong token's turn.
    logins: tokio::sync::Mutex<()>,
    metrics: Arc<Metrics>,
    live: Option<Viewer>,
    journal: PathBuf,
    bus: Endpoint,
    /// One search for devices at a time.
    search: tokio::sync::Mutex<()>,
}

/// What the server shows and asks.
pub struct Inside {
    /// The language models.
    pub mind: Option<Registry>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// The running agent.
    pub live: Option<Viewer>,
    /// The journal's folder.
    pub journal: PathBuf,
    /// Where devices announce themselves.
    pub bus: Endpoint,
}

/// An API that listens but does not answer yet.
pub struct Web {
    listener: TcpListener,
    router: Router,
}

impl Web {
    /// Listens at the configured address.
    ///
    /// # Errors
    /// [`WebError`]: the token cannot be read, or the address cannot be had.
    pub async fn listen(web: &config::Web, inside: Inside) -> Result<Self, WebError> {
        let tokens = Tokens::read(web)?;
        let address = web.listen;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| WebError::Listen { address, source })?;
        let shared = Arc::new(Shared {
            mind: inside.mind,
            tokens,
            requests: Arc::new(Semaphore::new(limits::WEB_REQUESTS_MAX)),
            streams: Arc::new(Semaphore::new(limits::WEB_STREAMS_MAX)),
            readers: Arc::new(Semaphore::new(limits::WEB_READERS_MAX)),
            sessions: Sessions::default(),
            guesses: Semaphore::new(limits::WEB_GUESSES_MAX),
            logins: tokio::sync::Mutex::default(),
            metrics: inside.metrics,
            live: inside.live,
            journal: inside.journal,
            bus: inside.bus,
            search: tokio::sync::Mutex::default(),
        });
        Ok(Self { listener, router: router(shared) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until `stop` completes.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let served = axum::serve(self.listener, self.router).with_graceful_shutdown(stop).await;
        if let Err(error) = served {
            tracing::error!(%error, "the API has ended");
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/chat/completions", post(chat::chat))
        .route("/v1/completions", post(chat::completion))
        .route("/v1/decide", post(decide::decide))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/metrics", get(metrics::page))
        .merge(page::views())
        .fallback(|| async { ApiError::not_found() })
        .layer(from_fn_with_state(Arc::clone(&shared), guard))
        // Open to everybody at the address: they know nothing of the place.
        .merge(page::files())
        .route("/page/login", post(session::login))
        .layer(DefaultBodyLimit::max(limits::WEB_BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&shared), count))
        .with_state(shared)
}

/// Counts requests, and turns away what another site's page sends.
async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let response = if session::is_foreign(request.method(), request.headers()) {
        ApiError::foreign().into_response()
    } else if shared.tokens.are_none() && session::is_elsewhere(request.headers()) {
        ApiError::elsewhere().into_response()
    } else {
        next.run(request).await
    };
    shared.metrics.web.note(response.status().as_u16());
    response
}

/// Lets a request in: with a token of the role that it needs, and not too many at a time.
async fn guard(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let Some(role) = role::of_request(&shared, request.headers()) else {
        return ApiError::unauthorised().into_response();
    };
    let needed = Role::of_method(request.method());
    if role < needed {
        return ApiError::role(role, needed).into_response();
    }
    request.extensions_mut().insert(role);
    let Ok(permit) = Arc::clone(&shared.requests).try_acquire_owned() else {
        return ApiError::busy("too many requests at a time").into_response();
    };
    let response = next.run(request).await;
    // Held by the body too: a text that is still being sent counts.
    let (parts, body) = response.into_parts();
    let body = body.into_data_stream().map(move |chunk| {
        let _held = &permit;
        chunk
    });
    Response::from_parts(parts, Body::from_stream(body))
}

//! The page for people: its files, the running agent as server-sent events, commands, and what the
//! journal knows of the past. Its files are in the program; nothing comes from elsewhere.
//!
//! A command takes the way of every other: its id, its states, the guard. What must never be here:
//! markup made of names (the page puts every name in as text), and a wait of the agent for a page.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router, routing};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::Shared;
use super::devices;
use super::error::ApiError;
use super::role::{self, Role};
use super::wishes;
use crate::domain::{Entry, Value as Reading};
use crate::journal::{Filter, Kind, QueryError, Reader, Record, decision_json, record_json};
use crate::limits;
use crate::link::topics::CommandKind;
use crate::live::{Asked, Viewer};

/// Nothing but this page's own files, and nobody may put it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPTS: [(&str, &str); 8] = [
    ("/page/main.js", include_str!("page/main.js")),
    ("/page/now.js", include_str!("page/now.js")),
    ("/page/board.js", include_str!("page/board.js")),
    ("/page/devices.js", include_str!("page/devices.js")),
    ("/page/goal.js", include_str!("page/goal.js")),
    ("/page/rules.js", include_str!("page/rules.js")),
    ("/page/story.js", include_str!("page/story.js")),
    ("/page/parts.js", include_str!("page/parts.js")),
];
const ICON: &str = include_str!("page/icon.svg");

/// The files, which everybody at the address may have: they know nothing of the place.
pub(super) fn files() -> Router<Arc<Shared>> {
    let mut router = Router::new()
        .route("/", routing::get(|| async { file("text/html; charset=utf-8", HTML) }))
        .route("/page/style.css", routing::get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route("/page/icon.svg", routing::get(|| async { file("image/svg+xml", ICON) }));
    for (path, text) in SCRIPTS {
        let script = move || async move { file("text/javascript; charset=utf-8", text) };
        router = router.route(path, routing::get(script));
    }
    router
}

/// What is shown, for those who may look.
pub(super) fn views() -> Router<Arc<Shared>> {
    Router::new()
        .route("/page/stream", routing::get(stream))
        .route("/page/command", routing::post(command))
        .route("/page/role", routing::get(role::own))
        .route("/page/wishes", routing::get(wishes::wishes))
        .route("/page/check", routing::post(wishes::check))
        .route("/page/devices", routing::get(devices::accepted).post(devices::search))
        .route("/page/decisions", routing::get(decisions))
        .route("/page/events", routing::get(events))
        .route("/page/history", routing::get(history))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let policy = HeaderName::from_static("content-security-policy");
    let sniff = HeaderName::from_static("x-content-type-options");
    let refer = HeaderName::from_static("referrer-policy");
    // Asked again each time: an update of the program brings another page.
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-cache"),
        (policy, POLICY),
        (sniff, "nosniff"),
        (refer, "no-referrer"),
    ];
    (headers, text).into_response()
}

pub(super) fn viewer(shared: &Shared) -> Result<&Viewer, ApiError> {
    shared.live.as_ref().ok_or_else(|| ApiError::absent("no agent runs beside this page"))
}

/// The running agent: `state` some times a second, and each decision, event and command's state.
async fn stream(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let viewer = viewer(&shared)?;
    let permit = Arc::clone(&shared.streams).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("too many pages are open"))?;
    let (tell, events) = mpsc::channel(limits::WEB_EVENTS_MAX);
    tokio::spawn(follow(viewer.state.subscribe(), viewer.news.subscribe(), tell, permit));
    let events = ReceiverStream::new(events).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Until the page is gone. A slow page misses states, not the newest one.
async fn follow(
    mut state: watch::Receiver<Arc<str>>,
    mut news: broadcast::Receiver<Arc<str>>,
    tell: mpsc::Sender<Event>,
    permit: OwnedSemaphorePermit,
) {
    state.mark_changed();
    loop {
        let event = tokio::select! {
            () = tell.closed() => break,
            changed = state.changed() => {
                if changed.is_err() {
                    break;
                }
                let text = Arc::clone(&state.borrow_and_update());
                if text.is_empty() {
                    continue;
                }
                Event::default().event("state").data(&*text)
            }
            line = news.recv() => match line {
                Ok(text) => Event::default().event("news").data(&*text),
                // What was missed is in the journal.
                Err(broadcast::error::RecvError::Lagged(_)) => Event::default().event("missed"),
                Err(broadcast::error::RecvError::Closed) => break,
            },
        };
        if tell.send(event).await.is_err() {
            break;
        }
    }
    drop(permit);
}

/// A command of somebody at the page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    kind: String,
    what: serde_json::Map<String, Value>,
}

async fn command(
    State(shared): State<Arc<Shared>>,
    Extension(role): Extension<Role>,
    body: Result<Json<Command>, JsonRejection>,
) -> Result<Response, ApiError> {
    let viewer = viewer(&shared)?;
    let Json(Command { kind, what }) = body?;
    let Some(known) = CommandKind::ALL.into_iter().find(|known| known.word() == kind) else {
        let words: Vec<_> = CommandKind::ALL.iter().map(|known| known.word()).collect();
        return Err(ApiError::bad(format!("kind: found {kind:?}, allowed {}", words.join(", "))));
    };
    let needed = Role::of_command(known);
    if role < needed {
        return Err(ApiError::role(role, needed));
    }
    let payload = Value::Object(what).to_string().into_bytes();
    let most = limits::COMMAND_BYTES_MAX;
    if payload.len() > most {
        return Err(ApiError::bad(format!("what: {} bytes, allowed {most}", payload.len())));
    }
    let id = format!("page-{:016x}", rand::random::<u64>());
    let asked = Asked { kind, id: id.clone(), payload };
    viewer.commands.try_send(asked).map_err(|_| ApiError::busy("too many commands wait"))?;
    // What becomes of it comes in the stream.
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response())
}

/// Which decisions or events.
#[derive(Deserialize)]
struct Before {
    before: Option<u64>,
    limit: Option<usize>,
}

/// Decisions of the journal, newest first.
async fn decisions(
    State(shared): State<Arc<Shared>>,
    Query(Before { before, limit }): Query<Before>,
) -> Result<Json<Value>, ApiError> {
    look_back(&shared, move |folder| {
        let last = newest(folder, Kind::Decision, before, limit)?;
        let lines = last.iter().filter_map(|record| match record.entry() {
            Ok(Entry::Decision(decision)) => Some(decision_json(&decision, record.stamp())),
            _ => None,
        });
        Ok(json!({ "decisions": lines.collect::<Vec<_>>() }))
    })
    .await
}

/// Events of the journal, newest first.
async fn events(
    State(shared): State<Arc<Shared>>,
    Query(Before { before, limit }): Query<Before>,
) -> Result<Json<Value>, ApiError> {
    look_back(&shared, move |folder| {
        let last = newest(folder, Kind::Event, before, limit)?;
        Ok(json!({ "events": last.iter().map(record_json).collect::<Vec<_>>() }))
    })
    .await
}

/// The newest records of a kind before a sequence, newest first.
fn newest(
    folder: &Path,
    kind: Kind,
    before: Option<u64>,
    limit: Option<usize>,
) -> Result<Vec<Record>, QueryError> {
    let limit = limit.unwrap_or(limits::PAGE_RECORDS_MAX).clamp(1, limits::PAGE_RECORDS_MAX);
    Reader::open(folder)?.newest(kind, before.unwrap_or(u64::MAX), limit)
}

/// How far back.
#[derive(Deserialize)]
struct Span {
    hours: Option<f64>,
}

/// Sensors over time: for each a mean value a slice of the time, `null` where there was none.
async fn history(
    State(shared): State<Arc<Shared>>,
    Query(Span { hours }): Query<Span>,
) -> Result<Json<Value>, ApiError> {
    let hours = hours.unwrap_or(24.0);
    if !(hours > 0.0 && hours <= limits::PAGE_HISTORY_HOURS_MAX) {
        let most = limits::PAGE_HISTORY_HOURS_MAX;
        return Err(ApiError::bad(format!("hours: found {hours}, allowed above 0 to {most}")));
    }
    let until_ms = viewer(&shared).ok().and_then(|viewer| at_of(&viewer.state.borrow()));
    let until_ms = until_ms.unwrap_or_else(|| jiff::Timestamp::now().as_millisecond());
    look_back(&shared, move |folder| {
        let from_ms = until_ms - (hours * 3.6e6) as i64;
        let slice_ms = ((until_ms - from_ms) / limits::PAGE_HISTORY_SLICES as i64).max(1);
        let mut sums = std::collections::BTreeMap::<String, Vec<(f64, u32)>>::new();
        let filter = Filter {
            kind: Some(Kind::Reading),
            since_ms: Some(from_ms),
            until_ms: Some(until_ms),
            ..Filter::default()
        };
        Reader::open(folder)?.each(0, &filter, |record| {
            let slice = usize::try_from((record.unix_ms - from_ms) / slice_ms).unwrap_or(0);
            let number = match record.entry() {
                Ok(Entry::Reading { sensor, value: Reading::Number(number) }) => (sensor, number),
                Ok(Entry::Reading { sensor, value: Reading::Bool(yes) }) => {
                    (sensor, f64::from(u8::from(yes)))
                }
                _ => return true,
            };
            let (sensor, number) = number;
            let slices =
                sums.entry(sensor).or_insert_with(|| vec![(0.0, 0); limits::PAGE_HISTORY_SLICES]);
            if let Some((sum, count)) = slices.get_mut(slice) {
                *sum += number;
                *count += 1;
            }
            true
        })?;
        let mean = |(sum, count): &(f64, u32)| (*count > 0).then(|| sum / f64::from(*count));
        let series: serde_json::Map<_, _> = sums
            .iter()
            .map(|(name, slices)| {
                (name.clone(), json!(slices.iter().map(mean).collect::<Vec<_>>()))
            })
            .collect();
        Ok(json!({"from_ms": from_ms, "until_ms": until_ms, "series": series}))
    })
    .await
}

/// The agent's own time, which in a demo is not ours.
fn at_of(state: &str) -> Option<i64> {
    let state: Value = serde_json::from_str(state).ok()?;
    let at: jiff::Timestamp = state["at"].as_str()?.parse().ok()?;
    Some(at.as_millisecond())
}

/// Reads the journal on a thread that may wait; few at a time.
async fn look_back(
    shared: &Shared,
    look: impl FnOnce(&Path) -> Result<Value, QueryError> + Send + 'static,
) -> Result<Json<Value>, ApiError> {
    let permit = Arc::clone(&shared.readers).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("too many look back at a time"))?;
    let folder = shared.journal.clone();
    let found = tokio::task::spawn_blocking(move || {
        let found = look(&folder);
        drop(permit);
        found
    });
    match found.await {
        Ok(Ok(found)) => Ok(Json(found)),
        Ok(Err(error)) => Err(ApiError::absent(&error.to_string())),
        Err(_) => Err(ApiError::failed("reading the journal")),
    }
}

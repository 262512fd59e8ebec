//! Devices that announce themselves, for the page: how those that were accepted stand, and what a
//! search proposes, as a piece of configuration. Nothing is accepted here: the configuration is a
//! person's file.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::page::viewer;
use crate::discover::{DEFAULT_PREFIX, Offer, SEARCH_S, as_toml, is_taken, listen};

/// How accepted sensors and actuators stand to their announcements.
pub(super) async fn accepted(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, ApiError> {
    let text = Arc::clone(&viewer(&shared)?.devices.borrow());
    let all = serde_json::from_str(&text).unwrap_or_else(|_| json!([]));
    Ok(Json(json!({ "accepted": all })))
}

/// What devices on the bus announce that the configuration does not have.
pub(super) async fn search(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, ApiError> {
    let config = Arc::clone(&viewer(&shared)?.file);
    let Ok(_turn) = shared.search.try_lock() else {
        return Err(ApiError::busy("somebody searches already"));
    };
    let prefix = config.homeassistant.as_ref().map_or(DEFAULT_PREFIX, |it| it.prefix.as_str());
    let found = listen(shared.bus.clone(), prefix, SEARCH_S, false).await;
    let found = found.map_err(|error| ApiError::failed(&format!("the search ({error:#})")))?;
    let mut proposals = found.proposals(prefix);
    proposals.retain(|one| !is_taken(&config, one));
    let count = |what: fn(&Offer) -> bool| proposals.iter().filter(|it| what(&it.offer)).count();
    Ok(Json(json!({
        "announcements": found.count().0, "toml": as_toml(&proposals),
        "sensors": count(Offer::is_sensor),
        "actuators": count(Offer::is_actuator),
    })))
}

//! Models and adapters by their names: what a request asks for, and the list of what there is.
//!
//! `MODEL:ADAPTER` is a model with an adapter, for clients that can say nothing but a model's name.
//! What must never be here: what a model is asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use crate::mind::adapters;
use crate::mind::catalog::Store;
use crate::mind::client::MindHandle;
use crate::mind::registry::{Lease, Listed, Registry};

/// Between the names of a model and of an adapter; no name of the catalogue has it.
const BETWEEN: char = ':';

/// A model, and the adapter that is asked for with it.
pub(super) struct Asked {
    pub(super) mind: Lease,
    /// By its name; `None` where nothing is said of one.
    pub(super) adapter: Option<String>,
}

/// An adapter as the mind is asked for it.
pub(super) struct WithAdapter {
    /// Its file; empty for none, `None` for the model's usual one.
    pub(super) file: Option<String>,
    /// Its name, or `none`.
    pub(super) name: String,
}

impl Shared {
    /// The model of a request, loaded where it was not; `None`: the agent's own.
    pub(super) async fn mind(&self, model: Option<&str>) -> Result<Lease, ApiError> {
        let registry = self.mind.as_ref().ok_or_else(|| ApiError::absent("there is no [mind]"))?;
        Ok(registry.lease(model).await?)
    }

    /// Model and adapter of a request, which names the adapter behind the model or by itself.
    pub(super) async fn asked(
        &self,
        model: Option<&str>,
        adapter: Option<String>,
    ) -> Result<Asked, ApiError> {
        let listed = self.mind.as_ref().map(Registry::list).unwrap_or_default();
        let (model, behind) = parted(model, &listed);
        let adapter = match (behind, adapter) {
            (Some(one), Some(other)) if one != other => {
                let text = format!("model names the adapter {one:?}, and adapter {other:?}");
                return Err(ApiError::bad(text));
            }
            (behind, adapter) => adapter.or_else(|| behind.map(str::to_owned)),
        };
        Ok(Asked { mind: self.mind(model).await?, adapter })
    }
}

/// Model and adapter in a model's name, which may be one with a colon in it.
fn parted<'a>(model: Option<&'a str>, listed: &[Listed]) -> (Option<&'a str>, Option<&'a str>) {
    let whole = model.filter(|name| listed.iter().any(|one| one.name == *name));
    match model.filter(|_| whole.is_none()).and_then(|name| name.rsplit_once(BETWEEN)) {
        Some((model, adapter)) => (Some(model), Some(adapter)),
        None => (model, None),
    }
}

/// The adapter of this name for this model; `None` is the model's usual one. Names only: who asks
/// has no say over which files of the board are read.
pub(super) fn adapter(mind: &MindHandle, wanted: Option<String>) -> Result<WithAdapter, ApiError> {
    let usual = mind.names().adapter;
    let Some(name) = wanted.filter(|name| *name != usual) else {
        return Ok(WithAdapter { file: None, name: usual });
    };
    if name.contains('/') || name.ends_with(".gguf") {
        let found = format!("adapter: found {name:?}, allowed none or a name of the catalogue");
        return Err(ApiError::bad(found));
    }
    let path = adapters::locate(&Store::of_environment(), &name)
        .map_err(|error| ApiError::bad(error.to_string()))?;
    let path = path.map_or_else(String::new, |path| path.to_string_lossy().into_owned());
    Ok(WithAdapter { file: Some(path), name })
}

/// A model with an adapter as one name; without one the model's.
pub(super) fn name_of(model: &str, adapter: &str) -> String {
    match adapter {
        "none" => model.to_owned(),
        adapter => format!("{model}{BETWEEN}{adapter}"),
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let listed = shared.mind.as_ref().map(Registry::list).unwrap_or_default();
    let store = Store::of_environment();
    let usual = shared.mind.as_ref().map(|registry| registry.own().names().adapter);
    let mut models = Vec::new();
    for Listed { name, ready, pinned } in listed {
        let told = |id: String| {
            json!({"id": id, "object": "model", "created": 0, "owned_by": "outpost",
                "ready": ready, "pinned": pinned})
        };
        models.push(told(name.clone()));
        // The agent's own adapter may be a file that the catalogue does not know.
        let usual = usual.as_deref().filter(|usual| pinned && *usual != "none");
        let known = adapters::of_model(&store, &name);
        let others = known.iter().map(String::as_str).filter(|known| Some(*known) != usual);
        for adapter in usual.into_iter().chain(others) {
            let mut one = told(name_of(&name, adapter));
            one["parent"] = json!(name);
            models.push(one);
        }
    }
    Json(json!({"object": "list", "data": models}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_stands_behind_its_model() {
        let named = |name: &str| Listed { name: name.to_owned(), ready: true, pinned: false };
        let listed = [named("base"), named("odd:name")];
        let parted = |name| parted(Some(name), &listed);
        assert_eq!(parted("base"), (Some("base"), None));
        assert_eq!(parted("base:edge"), (Some("base"), Some("edge")));
        assert_eq!(parted("odd:name"), (Some("odd:name"), None));
        assert_eq!(parted("odd:name:edge"), (Some("odd:name"), Some("edge")));
        assert_eq!(parted("other"), (Some("other"), None));
        assert_eq!(super::parted(None, &listed), (None, None));
        assert_eq!((name_of("a", "b"), name_of("a", "none")), ("a:b".into(), "a".into()));
    }
}

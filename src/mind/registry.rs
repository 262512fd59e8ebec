//! The models that answer the API: the agent's own, and the others of `[mind] models`.
//!
//! The agent's own is pinned. Another is loaded when somebody asks for it, in a process of its own,
//! and stays until its room is needed: within `models_memory` those go first that were not asked
//! for longest, never one that is answering. While the agent's mind pauses to spare the board none
//! of them is there. What must never be here: prompts, HTTP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::client::{self, Files, MindConfig, MindEvent, MindHandle, MindState};
use super::gguf::{self, GgufError};
use crate::limits;

/// The models beside the agent's own.
#[derive(Clone, Debug)]
pub struct Others {
    /// Where they lie; a file may come later.
    pub files: Vec<Files>,
    /// Most memory of all that are loaded, the agent's own apart, by the estimate of
    /// [`GgufFacts::memory_bytes`](super::gguf::GgufFacts::memory_bytes).
    pub memory_bytes: u64,
    /// How one is started; its files are replaced.
    pub start: MindConfig,
}

/// Why a model does not answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nothing here has this name.
    #[error("model: found \"{found}\", allowed {}", allowed.join(", "))]
    Unknown {
        /// What was asked for.
        found: String,
        /// The names that there are.
        allowed: Vec<String>,
    },
    /// It can never be loaded within the bound.
    #[error("model {name} needs {needed_mb} MB, [mind] models_memory allows {allowed_mb} MB")]
    TooLarge {
        /// The model.
        name: String,
        /// By the estimate.
        needed_mb: u64,
        /// The bound.
        allowed_mb: u64,
    },
    /// Its room is taken by models that are answering. Later it may be free.
    #[error("no room for model {name} while others are answering")]
    Busy {
        /// The model.
        name: String,
    },
    /// Its file is missing or no model.
    #[error(transparent)]
    File(#[from] GgufError),
    /// It does not answer now, and why.
    #[error("{0}")]
    Absent(String),
}

/// The models by their names.
#[derive(Clone, Debug)]
pub struct Registry {
    own: MindHandle,
    others: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    others: Others,
    /// The one that was asked for last is the last.
    loaded: Mutex<Vec<Loaded>>,
}

#[derive(Clone, Debug)]
struct Loaded {
    name: String,
    bytes: u64,
    handle: MindHandle,
    /// Held by each [`Lease`] too.
    in_use: Arc<()>,
}

/// A model that is not unloaded as long as this is held.
#[derive(Debug)]
pub struct Lease {
    /// The way to ask it.
    pub handle: MindHandle,
    /// Its name.
    pub name: String,
    _in_use: Arc<()>,
}

/// A model as a list of them shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whether it would answer at once.
    pub ready: bool,
    /// Whether it is never unloaded.
    pub pinned: bool,
}

impl Registry {
    /// With the agent's own mind and, where there are any, others.
    #[must_use]
    pub fn new(own: MindHandle, others: Option<Others>) -> Self {
        let others = others.map(|others| Arc::new(Inner { others, loaded: Mutex::default() }));
        if let Some(others) = &others {
            tokio::spawn(unload_in_pauses(own.states(), Arc::downgrade(others)));
        }
        Self { own, others }
    }

    /// The agent's own.
    #[must_use]
    pub fn own(&self) -> &MindHandle {
        &self.own
    }

    /// All models, the agent's own first.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let own = self.own.names().model;
        let ready = |handle: &MindHandle| matches!(handle.state(), MindState::Ready(..));
        let mut list = vec![Listed { name: own.clone(), ready: ready(&self.own), pinned: true }];
        let Some(inner) = &self.others else { return list };
        let loaded = inner.loaded();
        for Files { model_name: name, .. } in &inner.others.files {
            let there = loaded.iter().find(|one| one.name == *name);
            if *name != own {
                let ready = there.is_some_and(|one| ready(&one.handle));
                list.push(Listed { name: name.clone(), ready, pinned: false });
            }
        }
        list
    }

    /// A model by its name, loaded first where it is not; `None`: the agent's own. Waits for the
    /// loading, at most [`limits::MIND_LOAD_MS_MAX`].
    ///
    /// # Errors
    /// Each kind of [`RegistryError`].
    pub async fn lease(&self, name: Option<&str>) -> Result<Lease, RegistryError> {
        let own = self.own.names().model;
        answers(&self.own.state()).map_err(RegistryError::Absent)?;
        let Some(name) = name.filter(|name| *name != own) else {
            return Ok(Lease { handle: self.own.clone(), name: own, _in_use: Arc::new(()) });
        };
        let files = self.others.as_ref().and_then(|inner| {
            let files = inner.others.files.iter().find(|files| files.model_name == name)?;
            Some((inner, files))
        });
        let Some((inner, files)) = files else {
            let allowed = self.list().into_iter().map(|one| format!("\"{}\"", one.name)).collect();
            return Err(RegistryError::Unknown { found: name.to_owned(), allowed });
        };
        let lease = inner.take(files)?;
        let ready = until_known(lease.handle.states());
        let longest = Duration::from_millis(limits::MIND_LOAD_MS_MAX);
        let known = tokio::time::timeout(longest, ready).await;
        match known.map_err(|_| format!("model {name} takes too long to load")) {
            Ok(Ok(())) => Ok(lease),
            Ok(Err(reason)) | Err(reason) => {
                drop(lease);
                inner.loaded().retain(|one| one.name != name);
                Err(RegistryError::Absent(reason))
            }
        }
    }
}

impl Inner {
    fn loaded(&self) -> std::sync::MutexGuard<'_, Vec<Loaded>> {
        // Whoever panicked changed a list of handles at most.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A model that is loaded or loading; started where it is neither and room can be made.
    fn take(&self, files: &Files) -> Result<Lease, RegistryError> {
        let name = files.model_name.clone();
        let mut loaded = self.loaded();
        let one = match loaded.iter().position(|one| one.name == name) {
            Some(at) => loaded.remove(at),
            None => {
                let context = self.others.start.context_tokens;
                let bytes = gguf::check(&files.model)?.memory_bytes(context);
                self.make_room(&mut loaded, &name, bytes)?;
                Loaded { name, bytes, handle: self.start(files), in_use: Arc::default() }
            }
        };
        loaded.push(one.clone());
        Ok(Lease { handle: one.handle, name: one.name, _in_use: one.in_use })
    }

    fn make_room(
        &self,
        loaded: &mut Vec<Loaded>,
        name: &str,
        bytes: u64,
    ) -> Result<(), RegistryError> {
        let most = self.others.memory_bytes;
        if bytes > most {
            let (needed_mb, allowed_mb) = (bytes.div_ceil(1_000_000), most / 1_000_000);
            let name = name.to_owned();
            return Err(RegistryError::TooLarge { name, needed_mb, allowed_mb });
        }
        let taken = |loaded: &[Loaded]| loaded.iter().map(|one| one.bytes).sum::<u64>();
        while taken(loaded).saturating_add(bytes) > most {
            let idle = loaded.iter().position(|one| Arc::strong_count(&one.in_use) == 1);
            let Some(idle) = idle else {
                return Err(RegistryError::Busy { name: name.to_owned() });
            };
            let gone = loaded.remove(idle);
            tracing::info!(model = gone.name, to_make_room_for = name, "a model is unloaded");
        }
        Ok(())
    }

    fn start(&self, files: &Files) -> MindHandle {
        let (tell, mut events) = mpsc::channel::<MindEvent>(limits::MIND_EVENTS_MAX);
        // Nobody here asks by event; the states come by the handle.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        tracing::info!(model = files.model_name, "a model is loaded for the API");
        client::spawn(MindConfig { files: files.clone(), ..self.others.start.clone() }, tell)
    }
}

/// Why a mind in this state does not answer.
fn answers(state: &MindState) -> Result<(), String> {
    if let MindState::Ready(..) = state { Ok(()) } else { Err(state.reason()) }
}

/// Until a model answers, or it is known that it will not.
async fn until_known(mut states: watch::Receiver<MindState>) -> Result<(), String> {
    let known = states.wait_for(|state| *state != MindState::Loading).await;
    answers(&*known.map_err(|_| "the mind was stopped".to_owned())?)
}

/// A board that is short of something has no room for others' models.
async fn unload_in_pauses(mut states: watch::Receiver<MindState>, inner: std::sync::Weak<Inner>) {
    while states.wait_for(|state| *state == MindState::Paused).await.is_ok() {
        let Some(inner) = inner.upgrade() else { return };
        inner.loaded().clear();
        drop(inner);
        if states.changed().await.is_err() {
            return;
        }
    }
}

//! Another model or adapter at an operator's word: found, tried in the mind's process, and kept for
//! the next start. No decisions.

use std::path::{Path, PathBuf};

use super::Runtime;
use super::assemble::files;
use crate::agent::Event;
use crate::config;
use crate::disk;
use crate::limits::CHOICE_BYTES_MAX;
use serde::{Deserialize, Serialize};

/// What came of a switch.
pub(super) struct Switched {
    command: (String, String),
    result: Result<(String, String), String>,
}

/// What an operator chose at run time. It holds as long as the configuration names what it named
/// then: who edits the file has the last word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Choice {
    configured_model: String,
    configured_adapter: String,
    model: String,
    adapter: String,
}

/// The file of a choice, in the journal's folder.
fn path(folder: &Path) -> PathBuf {
    folder.join("mind.json")
}

/// Puts an operator's choice in the place of what the configuration names.
pub fn choose(mind: &mut config::Mind, folder: &Path) {
    let path = path(folder);
    let bytes = match std::fs::metadata(&path) {
        Ok(file) if file.len() <= CHOICE_BYTES_MAX => std::fs::read(&path).unwrap_or_default(),
        Ok(_) => Vec::new(),
        Err(_) => return,
    };
    let Ok(choice) = serde_json::from_slice::<Choice>(&bytes) else {
        tracing::warn!(path = %path.display(), "not readable: the configuration's model is used");
        return;
    };
    if (&choice.configured_model, &choice.configured_adapter) == (&mind.model, &mind.adapter) {
        mind.chosen_over = Some((mind.model.clone(), mind.adapter.clone()));
        (mind.model, mind.adapter) = (choice.model, choice.adapter);
    }
}

impl Runtime<'_> {
    /// Begins a switch; its end comes back as an event.
    pub(super) fn switch_model(
        &mut self,
        command: (String, String),
        model: String,
        adapter: String,
    ) {
        let Some(mind) = &self.mind else {
            let result = Err("the mind was not started".to_owned());
            return self.apply(Event::ModelSwitched { command, result });
        };
        let (handle, tell) = (mind.handle.clone(), self.switches.clone());
        tokio::spawn(async move {
            let names = (model.clone(), adapter.clone());
            let found = tokio::task::spawn_blocking(move || files(&model, &adapter)).await;
            let result = match found {
                Ok(Ok(files)) => handle.switch(files).await.map(|()| names),
                Ok(Err(reason)) => Err(reason),
                Err(_) => Err("the files could not be looked at".to_owned()),
            };
            // Nobody listens any more at the end.
            tell.send(Switched { command, result }).await.unwrap_or_default();
        });
    }

    /// A switch has ended.
    pub(super) fn switched(&mut self, switched: Switched) {
        let Switched { command, result } = switched;
        if let (Ok((model, adapter)), Some(mind)) = (&result, &self.config.mind) {
            let (configured_model, configured_adapter) =
                mind.chosen_over.clone().unwrap_or((mind.model.clone(), mind.adapter.clone()));
            let (model, adapter) = (model.clone(), adapter.clone());
            let choice = Choice { configured_model, configured_adapter, model, adapter };
            let path = path(&self.config.journal.path);
            let bytes = serde_json::to_vec(&choice).unwrap_or_default();
            if let Err(error) = disk::replace(&path, &bytes) {
                tracing::warn!(%error, "the next start takes the configuration's model");
            }
        }
        self.apply(Event::ModelSwitched { command, result });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mind(model: &str) -> config::Mind {
        let text = format!("[device]\nname = \"m\"\n[mind]\nmodel = \"{model}\"\n");
        let read = config::from_text(&text, "outpost.toml", &[], config::Strictness::Run);
        read.unwrap().0.mind.unwrap()
    }

    #[test]
    fn a_choice_holds_until_the_file_names_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = mind("/a.gguf");
        choose(&mut one, folder.path());
        assert_eq!((one.model.as_str(), one.chosen_over), ("/a.gguf", None));
        let text = r#"{"configured_model":"/a.gguf","configured_adapter":"none",
            "model":"b","adapter":"c"}"#;
        disk::replace(&path(folder.path()), text.as_bytes()).unwrap();
        let mut one = mind("/a.gguf");
        choose(&mut one, folder.path());
        assert_eq!((one.model.as_str(), one.adapter.as_str()), ("b", "c"));
        assert_eq!(one.chosen_over, Some(("/a.gguf".into(), "none".into())));
        let mut edited = mind("/z.gguf");
        choose(&mut edited, folder.path());
        assert_eq!(edited.model, "/z.gguf");
        disk::replace(&path(folder.path()), b"{broken").unwrap();
        let mut one = mind("/a.gguf");
        choose(&mut one, folder.path());
        assert_eq!(one.model, "/a.gguf");
    }
}

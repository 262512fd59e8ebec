//! The adapters of the loaded model: which one is on, and those that were on before.
//!
//! A decision may ask for another one than the last. The base's weights stay where they are; the
//! cache is emptied, since it was read with the other adapter on, and what was kept on disk and
//! what is remembered are those of the adapter's own. An activated adapter has the prefixes of the
//! model without one, in the cache and on disk. A text has its adapter from here too, and the
//! one that decides stays on. The usual adapter may be in the model's weights: then there is
//! nothing to put on, and no other one can be had. What must never be here: whose wish it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use super::choice::Merged;
use crate::limits;
use crate::mind::adapters;
use crate::mind::catalog::Catalog;
use crate::mind::client::FileStamp;
use crate::mind::ggml::{Adapter, Model};
use crate::mind::protocol::{FailureKind, Load};
use crate::mind::remember::Remembered;
use crate::mind::score::keep::{Identity, PrefixStore};
use crate::mind::score::{ScoreError, Scorer};

/// Adapters in memory, the one that is on first.
pub(super) struct Wardrobe {
    /// The one of the model's loading; empty for none.
    usual: String,
    model: PathBuf,
    model_sha256: String,
    prefixes: String,
    /// Without an adapter.
    temperature: f64,
    /// Where the usual one is in the weights.
    merged: Option<Merged>,
    worn: Vec<Worn>,
    /// For what is asked before anything is on.
    none: Remembered,
}

/// An adapter that was put on once, or none.
struct Worn {
    path: String,
    stamp: FileStamp,
    adapter: Option<Arc<Adapter>>,
    /// What prefixes that are read with it are known by.
    kept_as: String,
    temperature: f64,
    remembered: Remembered,
}

impl Wardrobe {
    /// With nothing on yet, but for what is in the weights.
    pub(super) fn of(load: &Load, model_sha256: &str, merged: Option<Merged>) -> Self {
        Self {
            usual: load.adapter.clone(),
            model: load.path.clone().into(),
            model_sha256: model_sha256.to_owned(),
            prefixes: load.prefixes.clone(),
            temperature: f64::from(load.temperature_percent) / 100.0,
            merged,
            worn: Vec::new(),
            none: Remembered::default(),
        }
    }

    /// What is remembered of decisions with the adapter that is on.
    pub(super) fn remembered(&mut self) -> &mut Remembered {
        self.worn.first_mut().map_or(&mut self.none, |worn| &mut worn.remembered)
    }

    /// Whether this adapter (`None`: the usual one) can be had with the weights as they are.
    pub(super) fn fits(&self, wanted: Option<&str>) -> bool {
        let usual = || wanted.is_none_or(|wanted| wanted == self.usual);
        self.merged.is_none_or(|merged| usual() && stamp(&self.usual) == merged.stamp)
    }

    /// Puts an adapter on, by its file; `None` is the usual one. One that is on already costs
    /// nothing, one that was on before no reading of its file.
    ///
    /// # Errors
    /// A file that is no adapter of this model, or that the library refuses; then the one that was
    /// on is still on.
    pub(super) fn wear(
        &mut self,
        scorer: &mut Scorer,
        wanted: Option<&str>,
    ) -> Result<(), Failure> {
        let path = wanted.unwrap_or(&self.usual).to_owned();
        let stamp = stamp(&path);
        let same = |worn: &Worn| worn.path == path && worn.stamp == stamp;
        if self.worn.first().is_some_and(same) {
            return Ok(());
        }
        let worn = match self.worn.iter().position(same) {
            Some(at) => self.worn.remove(at),
            None => self.fetch(&scorer.shared_model(), path, stamp)?,
        };
        let put_on = scorer.put_on(worn.adapter.clone(), worn.temperature);
        if put_on.is_ok() && !self.prefixes.is_empty() {
            let layout = scorer.layout().name();
            let identity = Identity::new(&self.model_sha256, &worn.kept_as, layout);
            scorer.keep_in(PrefixStore::open(Path::new(&self.prefixes), identity));
        }
        // Where it was refused the one before is still on, and first.
        let at = usize::from(put_on.is_err()).min(self.worn.len());
        self.worn.insert(at, worn);
        self.worn.truncate(limits::MIND_ADAPTERS_MAX);
        Ok(put_on?)
    }

    /// The adapter of a text, by its file as in [`Wardrobe::wear`].
    ///
    /// # Errors
    /// As [`Wardrobe::wear`], and an activated adapter.
    pub(super) fn lend(
        &mut self,
        model: &Arc<Model>,
        wanted: Option<&str>,
    ) -> Result<Option<Arc<Adapter>>, Failure> {
        let path = wanted.unwrap_or(&self.usual).to_owned();
        let stamp = stamp(&path);
        let worn = match self.worn.iter().position(|it| it.path == path && it.stamp == stamp) {
            Some(0) => return lendable(self.worn[0].adapter.clone()),
            Some(at) => self.worn.remove(at),
            None => self.fetch(model, path, stamp)?,
        };
        let adapter = worn.adapter.clone();
        // Behind the one that decides.
        self.worn.insert(self.worn.len().min(1), worn);
        self.worn.truncate(limits::MIND_ADAPTERS_MAX);
        lendable(adapter)
    }

    fn fetch(&self, model: &Arc<Model>, path: String, stamp: FileStamp) -> Result<Worn, Failure> {
        let remembered = Remembered::default();
        if path.is_empty() || self.merged.is_some() {
            let temperature = self.merged.map_or(self.temperature, |merged| merged.temperature);
            let kept_as = "none".to_owned();
            return Ok(Worn { path, stamp, adapter: None, kept_as, temperature, remembered });
        }
        let checked = adapters::check(Catalog::embedded(), Path::new(&path), &self.model)
            .map_err(|error| Failure { kind: FailureKind::Corrupt, text: error.to_string() })?;
        let loaded = Adapter::load(model, &checked.path);
        let adapter = Some(Arc::new(loaded.map_err(ScoreError::from)?));
        let temperature = f64::from(checked.facts.temperature_percent.unwrap_or(100)) / 100.0;
        let kept_as = checked.prefixes().to_owned();
        Ok(Worn { path, stamp, adapter, kept_as, temperature, remembered })
    }
}

/// An activated adapter is for what has a prefix, which a text has not.
fn lendable(adapter: Option<Arc<Adapter>>) -> Result<Option<Arc<Adapter>>, Failure> {
    if adapter.as_ref().is_some_and(|adapter| !adapter.invocation().is_empty()) {
        let text = "an activated adapter (aLoRA) decides; texts take a plain one";
        return Err(Failure::new(FailureKind::Refused, text));
    }
    Ok(adapter)
}

/// No file is always the same one.
fn stamp(path: &str) -> FileStamp {
    if path.is_empty() { FileStamp::Missing } else { FileStamp::of(Path::new(path)) }
}

//! Another model or adapter in the place of the one that runs: the child is ended, one with the new
//! files is started and must answer a question before it counts; else the old files come back. Two
//! models are never in memory, so for these seconds nobody answers.

use std::path::PathBuf;

use tokio::sync::oneshot;

use super::keeper::Keeper;
use super::life::{Asked, Life};
use super::{DecideRequest, Decided, MindConfig};
use crate::mind::protocol::Request;

/// What is asked to try a model: any answer will do that is one.
const TRIAL_STATE: &str = "It is too warm.\nDo:";
const TRIAL_CANDIDATES: [&str; 3] = ["fan on", "heater on", "do nothing"];
/// Probabilities are sums of 32-bit numbers.
const SUM_TOLERANCE: f32 = 1e-3;

/// Files of a model and an adapter, with the names that records give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The model's file.
    pub model: PathBuf,
    /// Its name.
    pub model_name: String,
    /// Checksum that the model's file must have, in lower-case hexadecimal digits.
    pub sha256: Option<String>,
    /// Temperature of the probabilities, in hundredths.
    pub temperature_percent: u16,
    /// The adapter's file.
    pub adapter: Option<PathBuf>,
    /// Its name, or `none`.
    pub adapter_name: String,
}

/// Names as records have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of the model.
    pub model: String,
    /// Of the adapter, or `none`.
    pub adapter: String,
}

impl Files {
    /// Their names.
    #[must_use]
    pub fn names(&self) -> Names {
        Names { model: self.model_name.clone(), adapter: self.adapter_name.clone() }
    }
}

/// A wish for other files.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) files: Files,
    pub(super) answer: oneshot::Sender<Result<(), String>>,
}

/// A switch that is under way.
#[derive(Debug)]
pub(super) struct Trial {
    before: Files,
    answer: oneshot::Sender<Result<(), String>>,
}

impl Keeper {
    /// Takes other files from the next start on; `false` where that is refused.
    pub(super) fn begin_trial(&mut self, switch: Switch) -> bool {
        let Switch { files, answer } = switch;
        if self.trial.is_some() {
            refuse(answer, "another change of the model is under way");
            return false;
        }
        let before = std::mem::replace(&mut self.config.files, files);
        self.names.send_replace(self.config.files.names());
        self.trial = Some(Trial { before, answer });
        true
    }

    /// The new files are of no use: the old ones come back. `true` where there was a trial.
    pub(super) fn end_trial(&mut self, reason: &str) -> bool {
        let Some(Trial { before, answer }) = self.trial.take() else { return false };
        tracing::warn!(reason, "another model or adapter is not taken up");
        self.config.files = before;
        self.names.send_replace(self.config.files.names());
        refuse(answer, reason);
        true
    }

    /// The model is loaded. One that is new is asked something first; `true`: it is.
    pub(super) fn try_out(&self, life: &mut Life) -> Result<bool, String> {
        if self.trial.is_none() {
            return Ok(false);
        }
        life.ask(Asked::Trial, |id| {
            Request::Decide(DecideRequest {
                id,
                prefix: String::new(),
                state: TRIAL_STATE.to_owned(),
                candidates: TRIAL_CANDIDATES.map(str::to_owned).to_vec(),
                by_notes: None,
                questions: Vec::new(),
                priority: 0,
                within_ms: 0,
                adapter: None,
            })
        })?;
        Ok(true)
    }

    /// The new model has answered.
    pub(super) fn tried(&mut self, decided: &Decided) -> Result<(), String> {
        let sum: f32 = decided.p.iter().sum();
        let sane = decided.p.len() == TRIAL_CANDIDATES.len()
            && decided.p.iter().all(|p| p.is_finite() && *p >= 0.0)
            && (sum - 1.0).abs() < SUM_TOLERANCE;
        if !sane {
            return Err(format!("its first answer makes no sense: {:?}", decided.p));
        }
        if let Some(Trial { answer, .. }) = self.trial.take() {
            answer.send(Ok(())).unwrap_or_default(); // who asked may have gone
        }
        Ok(())
    }
}

/// Says no; who asked may have gone.
pub(super) fn refuse(answer: oneshot::Sender<Result<(), String>>, reason: &str) {
    answer.send(Err(reason.to_owned())).unwrap_or_default();
}

impl MindConfig {
    /// The names of its files.
    #[must_use]
    pub fn names(&self) -> Names {
        self.files.names()
    }
}

//! Updates, as the running agent sees them: whether a release on trial is as well as what ran
//! before, and what is told of it. The slots and their state machine are the launcher's crate.
//!
//! What must never be here: a reason for a rule to wait, and a report that an update depends on.

pub mod delta;
mod hawkbit;
mod health;
mod keeper;
mod needs;
mod poll;
mod purse;
pub mod rollout;
mod source;
mod take;
mod trust;

use std::path::{Path, PathBuf};

use outpost_launcher::disk::RealDisk;
use outpost_launcher::limits::REASON_CHARS_MAX;
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::{SlotError, Slots};
use outpost_launcher::state::{Baseline, End, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use health::{Facts, Health, Verdict};
pub use keeper::{Keeper, Line, News, Word, spawn};
pub use needs::met;
pub use poll::{Looked, Poll, look};
pub use source::{BringError, Source};
pub use take::{Refused, Taking, lock, take, wish};
pub use trust::{Genuine, Trust, TrustError, Way, manifest_target};

/// Where the slots are where nobody says anything else.
pub const SLOTS_PATH: &str = "/var/lib/outpost/slots";

/// The root that a board begins to trust with, where nobody says anything else.
pub const ROOT_PATH: &str = "/etc/outpost/root.json";

/// What the launcher told this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// Where the slots are.
    pub slots: PathBuf,
    /// The release that runs; `None`: what was installed.
    pub release: Option<Name>,
    /// It has to prove itself.
    pub on_trial: bool,
}

impl Launched {
    /// By the environment; `None` where no launcher started us.
    #[must_use]
    pub fn of_environment() -> Option<Launched> {
        let slots = std::env::var_os("OUTPOST_SLOTS").filter(|path| !path.is_empty())?;
        let release = std::env::var("OUTPOST_RELEASE").ok().and_then(|name| name.parse().ok());
        let on_trial = release.is_some() && std::env::var_os("OUTPOST_TRIAL").is_some();
        Some(Launched { slots: slots.into(), release, on_trial })
    }

    /// The slots.
    #[must_use]
    pub fn slots(&self) -> Slots<RealDisk> {
        Slots::new(&self.slots, RealDisk)
    }

    /// Ends a trial that cannot even begin. `true` where there was one: the supervisor should start
    /// the launcher again.
    #[must_use]
    pub fn refuse(&self, reason: &str) -> bool {
        let Some(release) = self.release.as_ref().filter(|_| self.on_trial) else { return false };
        if let Err(error) = self.slots().undo(release, reason) {
            // Its starts are counted: it ends all the same, three starts later.
            tracing::error!(error = crate::causes::chain(&error), "not undone");
        }
        true
    }
}

/// How well this board is, as the agent wrote it down for the next update.
const BASELINE: &str = "baseline.json";

/// How well the board was when it was last written down; not at all, where nobody knows.
#[must_use]
pub fn baseline(slots: &Path) -> Baseline {
    let bytes = std::fs::read(slots.join(BASELINE)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Writes down how well the board is.
///
/// # Errors
/// The step that failed.
pub fn write_baseline(slots: &Path, baseline: Baseline) -> Result<(), crate::disk::DiskError> {
    let Baseline { bus, mind, start_ms } = baseline;
    let text = json!({"bus": bus, "mind": mind, "start_ms": start_ms}).to_string();
    crate::disk::replace(&slots.join(BASELINE), text.as_bytes())
}

/// Whether somebody fills a slot just now. An intent alone is none: who wrote it may have been cut
/// off, and the next release that is taken begins the slot again.
fn is_filling(slots: &Path, state: &State) -> bool {
    state.intent.is_some() && !matches!(Lock::take(slots), Ok(Some(_)))
}

/// The state for a report, and whether the slot that it names is filled just now.
pub fn seen(slots: &Path) -> (Result<State, SlotError>, bool) {
    let all = Slots::new(slots, RealDisk);
    let state = all.state();
    match &state {
        Ok(found) if is_filling(slots, found) => (state, true),
        // Between the two it may have come to its end.
        Ok(found) if found.intent.is_some() => (all.state(), false),
        _ => (state, false),
    }
}

/// The last release that was not taken, until another is.
const REFUSED: &str = "refused.json";

/// A release that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its id.
    pub release: Name,
    /// Why, for people.
    pub reason: String,
    /// It is for this board, which could not have it: a rollout still waits for it.
    #[serde(default)]
    pub failed: bool,
}

/// The last refusal, where no release was taken after it.
#[must_use]
pub fn refusal(slots: &Path) -> Option<Refusal> {
    let bytes = std::fs::read(slots.join(REFUSED)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Keeps what became of a wish for the report. What cannot be kept is only not reported.
pub fn keep_refusal<T>(slots: &Path, release: &Name, result: &Result<T, Refused>) {
    let path = slots.join(REFUSED);
    let Err(refused) = result else {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a refusal is still reported");
        }
        return;
    };
    let reason = refused.reason.chars().take(REASON_CHARS_MAX).collect();
    let refusal = Refusal { release: release.clone(), reason, failed: refused.is_for_us };
    let kept = serde_json::to_vec(&refusal).map_err(|error| error.to_string());
    let kept = kept.and_then(|text| {
        crate::disk::replace(&path, &text).map_err(|error| crate::causes::chain(&error))
    });
    if let Err(error) = kept {
        tracing::warn!(error, "a refusal is not reported");
    }
}

/// What the board tells of its updates (design §5), and `outpost update status` too. A slot that is
/// not `filled` just now though the state says so was cut off, and maybe nobody begins it again.
#[must_use]
pub fn report(
    state: &Result<State, SlotError>,
    filled: bool,
    refusal: Option<&Refusal>,
    running: Option<&Name>,
    labels: &rollout::Labels,
) -> Json {
    let state = match state {
        Ok(state) => state,
        Err(error) => {
            let reason = crate::causes::chain(error);
            return json!({"state": "damaged", "release": null, "reason": reason,
                "running": running, "labels": labels});
        }
    };
    let last = state.last.as_ref();
    let (word, release, reason) = match (&state.intent, &state.trial, last) {
        (Some(intent), _, _) if filled => ("staging", Some(&intent.release), ""),
        (Some(intent), _, _) => {
            ("failed", Some(&intent.release), "cut off while its slot was filled")
        }
        (None, Some(trial), _) => ("trial", Some(&trial.taken.release), ""),
        (None, None, Some(last)) => {
            let word = match last.end {
                End::Confirmed => "confirmed",
                End::Undone if state.undone_reason(&last.release).is_some() => "undone",
                // Its slot could not be filled: nothing of it has ever run here. A rollout must
                // not stop for it, nor take the few that have it for all.
                End::Undone => "failed",
            };
            (word, Some(&last.release), last.reason.as_str())
        }
        (None, None, None) => ("idle", None, ""),
    };
    // A release that runs or is about to is more than one that did not come so far.
    let refusal = refusal.filter(|_| !filled && state.trial.is_none());
    let told = refusal.map(|one| {
        (if one.failed { "failed" } else { "refused" }, Some(&one.release), one.reason.as_str())
    });
    let (word, release, reason) = told.unwrap_or((word, release, reason));
    json!({
        "state": word,
        "release": release,
        "reason": reason,
        "running": running,
        "confirmed": state.confirmed.as_ref().map(|taken| &taken.release),
        "previous": state.previous.as_ref().map(|taken| &taken.release),
        "labels": labels,
    })
}

#[cfg(test)]
mod tests {
    use super::rollout::Labels;
    use super::*;
    use outpost_launcher::state::{Outcome, Slot, Taken, Trial};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_told_follows_the_state() {
        let taken = Taken { release: name("2"), slot: Slot::B, manifest: String::new() };
        let told = |state: &State| {
            let filled = state.intent.is_some();
            let told = report(&Ok(state.clone()), filled, None, Some(&name("1")), &Labels::new());
            assert_eq!(told["running"], "1");
            (told["state"].as_str().unwrap().to_owned(), told["release"].clone())
        };
        let mut state = State::default();
        assert_eq!(told(&state), ("idle".into(), Json::Null));
        state.intent = Some(taken.clone());
        assert_eq!(told(&state), ("staging".into(), json!("2")));
        state.intent = None;
        state.trial = Some(Trial {
            taken,
            baseline: Baseline::default(),
            starts: 0,
            starts_in_boot: 0,
            boot: String::new(),
            ran: false,
        });
        assert_eq!(told(&state), ("trial".into(), json!("2")));
        state.undo("the bus is not connected");
        let undone = report(&Ok(state.clone()), false, None, None, &Labels::new());
        assert_eq!(undone["state"], "undone");
        assert_eq!(undone["reason"], "the bus is not connected");
        // Not even in its slot: failed, and what was undone before is that no longer.
        let slot = Slot::B;
        state.intent = Some(Taken { release: name("3"), slot, manifest: String::new() });
        // Cut off, and nobody is at it: said so, and no reason to keep a refusal back.
        let cut = |refusal: Option<&Refusal>| {
            let told = report(&Ok(state.clone()), false, refusal, None, &Labels::new());
            (told["state"].as_str().unwrap().to_owned(), told["reason"].clone())
        };
        assert_eq!(cut(None), ("failed".into(), json!("cut off while its slot was filled")));
        let refusal = Refusal { release: name("3"), reason: "no".into(), failed: false };
        assert_eq!(cut(Some(&refusal)), ("refused".into(), json!("no")));
        state.drop_intent("cannot write");
        assert_eq!(told(&state), ("failed".into(), json!("3")));
        let (release, reason) = (name("2"), String::new());
        state.last = Some(Outcome { release, end: End::Confirmed, reason });
        assert_eq!(told(&state), ("confirmed".into(), json!("2")));
    }

    #[test]
    fn a_refusal_is_told_until_a_release_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let why = || "no room".to_owned();
        for (refused, word) in
            [(Refused::passing(why()), "failed"), (Refused::lasting(why()), "refused")]
        {
            keep_refusal::<()>(folder.path(), &name("3"), &Err(refused));
            let told = refusal(folder.path()).unwrap();
            let report = report(&Ok(State::default()), false, Some(&told), None, &Labels::new());
            let found = (&report["state"], &report["release"], &report["reason"]);
            assert_eq!(found, (&json!(word), &json!("3"), &json!("no room")));
        }
        keep_refusal(folder.path(), &name("4"), &Ok(()));
        assert_eq!(refusal(folder.path()), None);
        keep_refusal(folder.path(), &name("5"), &Ok(()));
    }

    #[test]
    fn a_baseline_is_read_back_and_nothing_is_asked_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(baseline(folder.path()), Baseline::default());
        let well = Baseline { bus: true, mind: false, start_ms: 20 };
        write_baseline(folder.path(), well).unwrap();
        assert_eq!(baseline(folder.path()), well);
    }
}

//! What a board knows of its releases: one small file, replaced by one rename. Whatever changes,
//! the change is the rename; before it nothing has happened, after it everything has.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::manifest::Name;

/// One of the two folders that hold a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The folder `a`.
    A,
    /// The folder `b`.
    B,
}

impl Slot {
    /// The name of its folder.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Slot::A => "a",
            Slot::B => "b",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }
}

/// A release in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Its id.
    pub release: Name,
    /// Where it lies.
    pub slot: Slot,
    /// SHA-256 of its manifest: what lies in the slot must be this release and no other.
    pub manifest: String,
}

/// How well the board was before an update: a release is confirmed when it is as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The bus was connected.
    pub bus: bool,
    /// The language model answered.
    pub mind: bool,
    /// Milliseconds from the start of the program until its rules ran; 0: nobody knows.
    #[serde(default)]
    pub start_ms: u32,
}

impl Baseline {
    /// Seconds that a release has until its rules run.
    #[must_use]
    pub fn start_s(&self) -> u32 {
        if self.start_ms == 0 {
            return limits::TRIAL_START_S_DEFAULT;
        }
        let seconds = (u64::from(self.start_ms) * limits::TRIAL_START_FACTOR).div_ceil(1000);
        u32::try_from(seconds).unwrap_or(u32::MAX).min(limits::TRIAL_START_S_MAX)
    }
}

/// A release that has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// What is tried.
    #[serde(flatten)]
    pub taken: Taken,
    /// How well the board was before.
    pub baseline: Baseline,
    /// Starts so far.
    #[serde(default)]
    pub starts: u32,
    /// Starts in the boot of the board that `boot` names.
    #[serde(default)]
    pub starts_in_boot: u32,
    /// The kernel's id of the last boot it was started in.
    #[serde(default)]
    pub boot: String,
    /// Its rules have run since its last start.
    #[serde(default)]
    pub ran: bool,
}

/// How an update ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// It proved itself.
    Confirmed,
    /// It did not; the board runs what it ran before.
    Undone,
}

/// The last update that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which release.
    pub release: Name,
    /// How.
    pub end: End,
    /// Why, for people.
    pub reason: String,
}

/// A release that this board gave up, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Which release.
    pub release: Name,
    /// Why, for people.
    pub reason: String,
}

/// The state file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What runs and has proved itself; none: the program that was installed.
    pub confirmed: Option<Taken>,
    /// What ran before that, as long as its slot has not been used again.
    pub previous: Option<Taken>,
    /// What is written into a slot just now. The slot is of no use until `trial` names it.
    pub intent: Option<Taken>,
    /// What has to prove itself.
    pub trial: Option<Trial>,
    /// The last update that ended.
    pub last: Option<Outcome>,
    /// Releases that are not taken again by themselves.
    #[serde(default)]
    pub undone: Vec<Undone>,
}

impl State {
    /// The slot that a new release goes into: never the one with what is confirmed.
    #[must_use]
    pub fn free_slot(&self) -> Slot {
        self.confirmed.as_ref().map_or(Slot::A, |confirmed| confirmed.slot.other())
    }

    /// Why a release was given up, if it was.
    #[must_use]
    pub fn undone_reason(&self, release: &Name) -> Option<&str> {
        let found = self.undone.iter().find(|one| one.release == *release);
        found.map(|one| one.reason.as_str())
    }

    /// The trial has failed: what is confirmed stays. Without a trial nothing happens.
    pub fn undo(&mut self, reason: &str) {
        let Some(trial) = self.trial.take() else { return };
        self.give_up(trial.taken.release, reason);
    }

    /// What was being written into a slot is given up. It may be tried again: nothing has been
    /// learned about the release.
    pub fn drop_intent(&mut self, reason: &str) {
        let Some(intent) = self.intent.take() else { return };
        let reason = shortened(reason);
        self.last = Some(Outcome { release: intent.release, end: End::Undone, reason });
    }

    fn give_up(&mut self, release: Name, reason: &str) {
        let reason = shortened(reason);
        self.undone.retain(|one| one.release != release);
        if self.undone.len() >= limits::UNDONE_MAX {
            self.undone.remove(0);
        }
        self.undone.push(Undone { release: release.clone(), reason: reason.clone() });
        self.last = Some(Outcome { release, end: End::Undone, reason });
    }

    /// The trial has proved itself. Without a trial nothing happens.
    pub fn confirm(&mut self) {
        let Some(trial) = self.trial.take() else { return };
        let release = trial.taken.release.clone();
        self.undone.retain(|one| one.release != release);
        self.previous = self.confirmed.replace(trial.taken);
        self.last = Some(Outcome { release, end: End::Confirmed, reason: String::new() });
    }
}

fn shortened(reason: &str) -> String {
    reason.chars().take(limits::REASON_CHARS_MAX).collect()
}

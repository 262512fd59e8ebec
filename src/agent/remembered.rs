//! What a start takes over of the records of earlier starts, kept while they are made: for whoever
//! follows an agent and for simulated restarts. The service itself asks its journal
//! (`runtime::assemble`), which also knows what is not here: commands of operators, pulses whose
//! end was never confirmed, questions to the cloud, the moves that a person may ask about. No
//! decision is made here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::edits::{Kept, OTHERS};
use super::lives::{Resumed, ResumedStep};
use crate::clock::{ClockTrust, Now};
use crate::config::{Config, Mode, goal_from_json};
use crate::domain::{Entry, Learned, Memory, StepState};
use crate::limits;

/// See the module.
#[derive(Debug, Default)]
pub struct Remembered {
    learned: BTreeMap<String, Learned>,
    memories: BTreeMap<(String, String), Memory>,
    goals: BTreeMap<String, Option<String>>,
    modes: BTreeMap<String, Mode>,
    /// The last of each actuator, and when it was.
    steps: BTreeMap<String, (ResumedStep, Now)>,
    /// When each hold began, and its length.
    holds: BTreeMap<String, (Now, Duration)>,
    /// Wall times of the messages to actuators within an hour, in milliseconds since 1970.
    sent: VecDeque<(String, i64)>,
}

impl Remembered {
    /// What a start would take over now; the numbers of its records begin at 0.
    #[must_use]
    pub fn resumed(&self, config: &Config, now: Now) -> Resumed {
        let edits = self.goals.iter().filter_map(|(name, put)| {
            Kept::read(name, put.as_deref(), config).and_then(Result::ok)
        });
        let goals = self.goals.iter().filter(|(name, _)| !name.starts_with(OTHERS));
        let goals = goals.filter_map(|(name, put)| {
            let Some(text) = put else { return Some((name.clone(), None)) };
            let json = serde_json::from_str(text).ok()?;
            Some((name.clone(), Some(goal_from_json(&json, config).ok()?)))
        });
        // As a start does: without trust in the clock a hold begins anew.
        let synced = now.trust == ClockTrust::Synced;
        let holds = self.holds.iter().map(|(name, (begun, whole))| {
            (name.clone(), whole.saturating_sub(now.passed_since(begun.unix_ms, begun.trust)))
        });
        let holds = holds.filter(|(_, left)| !left.is_zero());
        let sent = self.sent.iter().filter_map(|(name, unix_ms)| {
            let ago_ms = u64::try_from(now.unix_ms - unix_ms).ok().filter(|_| synced)?;
            Some((name.clone(), Duration::from_millis(ago_ms)))
        });
        let steps = self.steps.values().map(|(step, at)| {
            let ago = now.passed_since(at.unix_ms, at.trust);
            ResumedStep { ago, ..step.clone() }
        });
        Resumed {
            learned: self.learned.values().cloned().collect(),
            memories: self.memories.values().cloned().collect(),
            goals: goals.collect(),
            edits: edits.collect(),
            modes: self.modes.iter().map(|(name, mode)| (name.clone(), *mode)).collect(),
            steps: steps.collect(),
            holds: holds.collect(),
            sent: sent.collect(),
            ..Resumed::default()
        }
    }

    /// Keeps what the next start takes over.
    pub fn take(&mut self, entry: &Entry, now: Now) {
        if let Entry::Step { actuator, state: StepState::Intended | StepState::Sent, .. } = entry {
            let hour_ms = limits::COMMANDS_COUNTED_MS.cast_signed();
            self.sent.retain(|(_, unix_ms)| now.unix_ms - unix_ms < hour_ms);
            self.sent.push_back((actuator.clone(), now.unix_ms));
        }
        match entry {
            Entry::Learned(learned) => {
                self.learned.insert(learned.sensor.clone(), (**learned).clone());
            }
            Entry::Memory(memory) => {
                let key = (memory.sensor.clone(), memory.of.clone());
                self.memories.insert(key, memory.clone());
            }
            Entry::Goal { name, put } => {
                self.goals.insert(name.clone(), put.clone());
            }
            Entry::Hold { actuator, for_ms } => {
                self.holds.insert(actuator.clone(), (now, Duration::from_millis(*for_ms)));
            }
            Entry::Mode { actuator, mode } => {
                if let Some(mode) = Mode::of_word(mode) {
                    self.modes.insert(actuator.clone(), mode);
                }
            }
            Entry::Step { actuator, setting, state, by, .. } if *state != StepState::Refused => {
                let step = ResumedStep {
                    actuator: actuator.clone(),
                    setting: setting.clone(),
                    by: *by,
                    confirmed: *state == StepState::Confirmed,
                    pulse_open: false,
                    ago: Duration::ZERO,
                };
                self.steps.insert(actuator.clone(), (step, now));
            }
            _ => {}
        }
    }
}

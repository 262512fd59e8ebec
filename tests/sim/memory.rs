//! A journal that stores late, and what a start finds in it: the same as `runtime::assemble` and
//! the journal's side tables make of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use outpost::agent::{Kept, Resumed, ResumedStep};
use outpost::clock::Now;
use outpost::config::{Config, Mode, goal_from_json};
use outpost::domain::{CommandState, Decider, Entry, Learned, Memory as Noted, Setting, StepState};
use outpost::journal::StoredSend;
use outpost::runtime::sent_before;

use crate::scene::{Kind, Scene};

/// What is stored of a device command, and every state that was.
#[derive(Default)]
pub struct Command {
    pub states: Vec<CommandState>,
    reason: String,
    unix_ms: i64,
}

#[derive(Default)]
pub struct Memory {
    waiting: VecDeque<(u64, At, Entry)>,
    /// The last sequence that is stored.
    pub stored: u64,
    pub commands: BTreeMap<(String, String), Command>,
    pub modes: BTreeMap<String, String>,
    holds: BTreeMap<String, (Now, u64)>,
    steps: BTreeMap<String, (Setting, StepState, Decider, Now)>,
    pulses: BTreeMap<String, ()>,
    goals: BTreeMap<String, (u64, Option<String>)>,
    learned: BTreeMap<String, Learned>,
    noted: BTreeMap<(String, String), Noted>,
    /// Messages to devices.
    sent: VecDeque<(String, At)>,
    /// The last record that is stored.
    end: Option<At>,
}

/// When something was recorded: in which life, and by the clocks that it had.
#[derive(Clone, Copy)]
pub struct At {
    pub life: u64,
    pub now: Now,
}

impl Memory {
    pub fn append(&mut self, seq: u64, at: At, entry: Entry) {
        self.waiting.push_back((seq, at, entry));
    }

    /// Everything up to `upto` is on the disk.
    pub fn store(&mut self, upto: u64) -> Result<(), String> {
        while self.waiting.front().is_some_and(|(seq, ..)| *seq <= upto) {
            let Some((seq, at, entry)) = self.waiting.pop_front() else { break };
            if seq != self.stored + 1 {
                return Err(format!("journal: record {seq} follows {}", self.stored));
            }
            self.stored = seq;
            self.end = Some(at);
            self.follow(entry, at)?;
        }
        Ok(())
    }

    /// The power is gone.
    pub fn crash(&mut self) {
        self.waiting.clear();
    }

    fn follow(&mut self, entry: Entry, at: At) -> Result<(), String> {
        let unix_ms = at.now.unix_ms;
        match entry {
            Entry::Command { kind, id, state, reason } => {
                let one = self.commands.entry((kind.clone(), id.clone())).or_default();
                let forward = match one.states.last() {
                    None => true,
                    Some(last) => !last.is_terminal() && *last < state,
                };
                one.states.push(state);
                (one.reason, one.unix_ms) = (reason, unix_ms);
                if !forward {
                    let states = &one.states;
                    return Err(format!("invariant 4: command {kind}/{id} went {states:?}"));
                }
            }
            Entry::Mode { actuator, mode } => {
                self.modes.insert(actuator, mode);
            }
            Entry::Hold { actuator, for_ms: 0 } => {
                self.holds.remove(&actuator);
            }
            Entry::Hold { actuator, for_ms } => {
                self.holds.insert(actuator, (at.now, for_ms));
            }
            Entry::Goal { name, put } => {
                self.goals.insert(name, (self.stored, put));
            }
            Entry::Learned(learned) => {
                self.learned.insert(learned.sensor.clone(), *learned);
            }
            Entry::Memory(one) => {
                self.noted.insert((one.sensor.clone(), one.of.clone()), one);
            }
            Entry::Step { state: StepState::Refused, .. } => {}
            Entry::Step { actuator, setting, state, off_after_ms, by, .. } => {
                if matches!(state, StepState::Intended | StepState::Sent) {
                    self.sent.push_back((actuator.clone(), at));
                    if self.sent.len() > 2000 {
                        self.sent.pop_front();
                    }
                }
                if setting == Setting::On && off_after_ms.is_some() {
                    self.pulses.insert(actuator.clone(), ());
                } else if setting == Setting::Off && state == StepState::Confirmed {
                    self.pulses.remove(&actuator);
                }
                self.steps.insert(actuator, (setting, state, by, at.now));
            }
            _ => {}
        }
        Ok(())
    }

    pub fn resume(&self, scene: &Scene, config: &Config, now: Now) -> Resumed {
        let commands = self.commands.iter().filter_map(|((kind, id), one)| {
            let state = *one.states.last()?;
            Some((kind.clone(), id.clone(), state, one.reason.clone(), one.unix_ms))
        });
        let modes = self.modes.iter();
        let modes = modes.filter_map(|(name, word)| Some((name.clone(), Mode::of_word(word)?)));
        let passed = |at: &Now| now.passed_since(at.unix_ms, at.trust);
        let holds = self.holds.iter().map(|(name, (at, for_ms))| {
            (name.clone(), Duration::from_millis(*for_ms).saturating_sub(passed(at)))
        });
        let steps = self.steps.iter().map(|(name, (setting, state, by, at))| {
            let device = scene.devices.iter().find(|one| one.name == *name);
            let pulse = device.is_some_and(|one| one.kind == Kind::Pulse);
            ResumedStep {
                actuator: name.clone(),
                setting: setting.clone(),
                by: *by,
                confirmed: *state == StepState::Confirmed,
                ago: passed(at),
                pulse_open: self.pulses.contains_key(name) || (pulse && *setting == Setting::On),
            }
        });
        let mut goals: Vec<_> = self.goals.iter().collect();
        goals.sort_by_key(|(_, (seq, _))| *seq);
        let kept = |name: &str, put: &Option<String>| Kept::read(name, put.as_deref(), config);
        let edits = goals.iter().filter_map(|(name, (_, put))| {
            Some(kept(name, put)?.expect("an edit that was taken once"))
        });
        let edits = edits.collect();
        goals.retain(|(name, (_, put))| kept(name, put).is_none());
        let goals = goals.into_iter().map(|(name, (_, put))| {
            let goal = put.as_ref().map(|text| {
                let json = serde_json::from_str(text).expect("as it was stored");
                goal_from_json(&json, config).expect("a goal that was taken once")
            });
            (name.clone(), goal)
        });
        let sent = self.sent.iter().map(|(name, at)| StoredSend {
            actuator: name.clone(),
            unix_ms: at.now.unix_ms,
            trust: at.now.trust,
            before_end_ms: self.before_end_ms(at),
        });
        let sent: Vec<_> = sent.collect();
        Resumed {
            escalated: None,
            memories: self.noted.values().cloned().collect(),
            moves: Vec::new(),
            goals: goals.collect(),
            edits,
            learned: self.learned.values().cloned().collect(),
            sent: sent_before(&sent, now),
            next_seq: self.stored + 1,
            commands: commands.collect(),
            modes: modes.collect(),
            holds: holds.filter(|(_, left)| !left.is_zero()).collect(),
            steps: steps.collect(),
        }
    }

    /// How long before the end of the last life, where it was in that one.
    fn before_end_ms(&self, at: &At) -> Option<u64> {
        let end = self.end.filter(|end| end.life == at.life)?;
        u64::try_from(end.now.tick.since(at.now.tick).as_millis()).ok()
    }
}

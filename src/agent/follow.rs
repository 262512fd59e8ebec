//! An agent that follows the journal of one that ran: what it saw, did and learned is taken from
//! the records, and what it would propose can be asked at any moment. It sends nothing, asks nobody
//! and writes nothing down.
//!
//! The journal holds every reading and every step to a device, but not each echo or acknowledgement
//! at its time, nor a device that somebody else switched: after those a proposal may differ from
//! the one that was made.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::approvals::Approval;
use super::core::Agent;
use super::edits::{Kept, OTHERS};
use super::effect::Question;
use super::event::MindWord;
use super::lives::{Resumed, ResumedStep};
use super::planner::Plan;
use crate::clock::{ClockTrust, Now};
use crate::config::{Config, Mode, goal_from_json};
use crate::domain::{
    ActuatorId, Candidate, Entry, FaultKind, Learned, Memory, SensorId, Setting, StepState, Value,
};
use crate::limits;

/// How the cause of a step ends that another one took the place of.
const REPLACED: &str = "replaced by a newer command";

/// What would be proposed now.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What could be done, best first.
    pub candidates: Vec<Candidate>,
    /// Indices of those among which the mind may choose; the first is the planner's own.
    pub alternatives: Vec<usize>,
    /// The facts of that moment, as the follower has them.
    pub facts: Vec<String>,
    /// What the mind would be asked.
    pub question: Question,
}

/// See the module.
pub struct Follower {
    config: Arc<Config>,
    agent: Option<Agent>,
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

impl Follower {
    /// Follows an agent with this configuration. Nothing is known before the first start.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Follower {
        Follower {
            config,
            agent: None,
            learned: BTreeMap::new(),
            memories: BTreeMap::new(),
            goals: BTreeMap::new(),
            modes: BTreeMap::new(),
            steps: BTreeMap::new(),
            holds: BTreeMap::new(),
            sent: VecDeque::new(),
        }
    }

    /// Takes the next record of the journal, made in this start of the agent.
    pub fn take(&mut self, entry: &Entry, boot: u64, now: Now) {
        if let Entry::Boot { mode, .. } = entry {
            self.begin(boot, now);
            // The file may have said something else then.
            if let (Some(agent), Some(mode)) = (&mut self.agent, Mode::of_word(mode)) {
                agent.mode = mode;
            }
        }
        self.remember(entry, now);
        let Some(agent) = &mut self.agent else { return };
        agent.set_now(now);
        agent.follow(entry);
        agent.follow_time();
        agent.forget_effects();
    }

    /// What the planner would propose at this time, for each of several agents; none: nothing, or
    /// nothing is known yet. The question is put with the facts that a record holds, where there
    /// are any: what was read then is known word by word, the moment only nearly.
    pub fn propose(&mut self, now: Now, recorded: Option<&[String]>) -> Vec<Proposal> {
        let Some(agent) = self.agent.as_mut() else { return Vec::new() };
        agent.set_now(now);
        agent.follow_time();
        let mut proposals = Vec::new();
        for who in agent.everybody() {
            let Some(plan) = agent.plan(who) else { continue };
            let facts = agent.facts();
            let question = agent.question(0, now.tick, &plan, recorded.unwrap_or(&facts));
            let Plan { moves, alternatives, .. } = plan;
            let candidates = moves.into_iter().map(|one| one.candidate).collect();
            proposals.push(Proposal { candidates, alternatives, facts, question });
        }
        agent.forget_effects();
        proposals
    }

    /// The agent that follows, to have it believe something.
    #[cfg(test)]
    pub(super) fn agent_mut(&mut self) -> Option<&mut Agent> {
        self.agent.as_mut()
    }

    /// The last believed value of a numeric sensor, as the agent had it.
    #[must_use]
    pub fn value_of(&self, id: SensorId) -> Option<f64> {
        match self.agent.as_ref()?.world().sensor(id).last()?.0 {
            Value::Number(number) => Some(*number),
            Value::Bool(_) | Value::Text(_) => None,
        }
    }

    fn begin(&mut self, boot: u64, now: Now) {
        let config = &self.config;
        let edits = self.goals.iter().filter_map(|(name, put)| {
            Kept::read(name, put.as_deref(), config).and_then(Result::ok)
        });
        let goals = self.goals.iter().filter(|(name, _)| !name.starts_with(OTHERS));
        let goals = goals.filter_map(|(name, put)| {
            let Some(text) = put else { return Some((name.clone(), None)) };
            let json = serde_json::from_str(text).ok()?;
            Some((name.clone(), Some(goal_from_json(&json, &self.config).ok()?)))
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
        let resumed = Resumed {
            learned: self.learned.values().cloned().collect(),
            memories: self.memories.values().cloned().collect(),
            goals: goals.collect(),
            edits: edits.collect(),
            modes: self.modes.iter().map(|(name, mode)| (name.clone(), *mode)).collect(),
            steps: steps.collect(),
            holds: holds.collect(),
            sent: sent.collect(),
            ..Resumed::default()
        };
        let (mut agent, _) = Agent::new(self.config.clone(), resumed, boot, now);
        // Everything is reached and had its start: what was sent is in the records.
        agent.link_since = Some(now.tick);
        agent.lines_since.fill(Some(now.tick));
        agent.begun.fill(true);
        agent.mind.0 = MindWord::Ready;
        self.agent = Some(agent);
    }

    /// Keeps what the next start takes over.
    fn remember(&mut self, entry: &Entry, now: Now) {
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

impl Agent {
    /// What a record says has happened.
    fn follow(&mut self, entry: &Entry) {
        match entry {
            Entry::Reading { sensor, value } => {
                // Derived ones are computed here as they were there, not taken a second time.
                if let Some(id) = self.speaks(sensor) {
                    self.reading(id, Ok(value.clone()), false);
                }
            }
            Entry::Faults { source, kind, .. } => {
                let known = self.speaks(source);
                if let (Some(id), FaultKind::OutOfRange | FaultKind::NotFinite) = (known, kind) {
                    self.world.sensors[usize::from(id.0)].doubt();
                    self.derivation.touch(id);
                }
            }
            Entry::Step { actuator, setting, state, by, cause, .. } => {
                if let Some(id) = self.id_of(actuator) {
                    self.follow_step(id, setting, *state, *by, cause);
                }
            }
            Entry::Hold { actuator, for_ms } => {
                if let Some(id) = self.id_of(actuator) {
                    let until = self.now.tick.after(Duration::from_millis(*for_ms));
                    self.world.actuator_mut(id).held_until = (*for_ms > 0).then_some(until);
                }
            }
            Entry::Mode { actuator, mode } => {
                if let Some(mode) = Mode::of_word(mode) {
                    match self.id_of(actuator) {
                        Some(id) => self.modes[usize::from(id.0)] = Some(mode),
                        None => self.mode = mode,
                    }
                }
            }
            Entry::Memory(memory) => {
                let config = self.config.clone();
                self.derivation.resume(&config, memory);
                self.partners.resume(&config, memory);
                self.follow_again(memory);
                self.follow_silent(memory);
            }
            Entry::Goal { name, put } if name.starts_with(OTHERS) => {
                match Kept::read(name, put.as_deref(), &self.config) {
                    Some(Ok(Kept::Approvals(all))) => self.follow_approvals(all),
                    Some(Ok(kept)) => self.follow_edit(kept),
                    Some(Err(_)) | None => {}
                }
            }
            Entry::Goal { name, put } => match put {
                None => self.remove_goal(name),
                Some(text) => {
                    let json = serde_json::from_str(text).ok();
                    let goal = json.and_then(|json| goal_from_json(&json, &self.config).ok());
                    if let Some(goal) = goal {
                        self.put_goal(goal, text.clone());
                    }
                }
            },
            _ => {}
        }
    }

    /// The sensor of this name, if it speaks for itself.
    pub(super) fn speaks(&self, name: &str) -> Option<SensorId> {
        let sensors = &self.config.sensors;
        let index = sensors.iter().position(|one| one.name == name && one.port().is_some())?;
        Some(SensorId(u16::try_from(index).ok()?))
    }

    /// The actuator of this name.
    pub(super) fn id_of(&self, name: &str) -> Option<ActuatorId> {
        let index = self.config.actuators.iter().position(|one| one.name == *name)?;
        Some(ActuatorId(u16::try_from(index).ok()?))
    }

    fn follow_step(
        &mut self,
        id: ActuatorId,
        setting: &Setting,
        state: StepState,
        by: crate::domain::Decider,
        cause: &str,
    ) {
        match state {
            StepState::Intended => self.issue(id, setting.clone(), by, cause, None, true),
            StepState::Sent => {
                let now = self.now.tick;
                self.world.actuator_mut(id).sent.push_back(now);
            }
            StepState::Confirmed => self.confirmed(id, setting.clone(), false),
            // The one that takes its place follows.
            StepState::Unconfirmed if cause.ends_with(REPLACED) => {}
            StepState::Unconfirmed => self.give_up(id, ""),
            StepState::Refused => {}
        }
    }

    /// What waits for a person now.
    fn follow_approvals(&mut self, all: Vec<(String, Option<String>)>) {
        let until = self.now.tick.after(Duration::from_millis(limits::APPROVAL_MS_MAX));
        let before = std::mem::take(&mut self.approvals);
        for (id, actuator) in all {
            if let Some(known) = before.iter().find(|one| one.id == id) {
                self.approvals.push(known.clone());
            } else if let Some(actuator) = actuator.and_then(|name| self.id_of(&name)) {
                // To what is not in the record: only whether something waits is looked at here.
                let setting = self.config.actuators[usize::from(actuator.0)].safe.clone();
                let (cause, ordered) = (String::new(), None);
                self.approvals.push(Approval { id, actuator, setting, cause, ordered, until });
            }
        }
    }

    /// What time and the last record have changed, as after every event, but for acts.
    fn follow_time(&mut self) {
        let now = self.now.tick;
        for (actuator, state) in self.config.actuators.iter().zip(&mut self.world.actuators) {
            if state.pending.is_none() && state.confirmed.is_some() {
                state.in_flight.retain(|(_, at)| now.since(*at) < actuator.confirm_within);
            }
            state.end_doubt(now);
            if state.held_until.is_some_and(|until| until <= now) {
                state.held_until = None;
            }
        }
        self.approvals.retain(|waits| waits.until > now);
        self.derive();
        self.look_at_rules();
        self.learn();
        self.update_goals();
        let pace = self.plan_interval();
        if self.planned.is_none_or(|at| now.since(at) >= pace) {
            self.planned = Some(now);
            self.forecast_gaps();
        }
    }

    fn forget_effects(&mut self) {
        self.out.clear();
    }
}

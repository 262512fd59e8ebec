//! An agent that follows the journal of one that ran: what it saw, did and learned is taken from
//! the records, and what it would propose can be asked at any moment. It sends nothing, asks nobody
//! and writes nothing down.
//!
//! The journal holds every reading and every step to a device, but not each echo or acknowledgement
//! at its time, nor a device that somebody else switched: after those a proposal may differ from
//! the one that was made.

use std::sync::Arc;
use std::time::Duration;

use super::approvals::Approval;
use super::core::Agent;
use super::edits::{Kept, OTHERS};
use super::effect::Question;
use super::event::MindWord;
use super::planner::Plan;
use super::remembered::Remembered;
use crate::clock::Now;
use crate::config::{Config, Mode, goal_from_json};
use crate::domain::{ActuatorId, Candidate, Entry, FaultKind, SensorId, Setting, StepState, Value};
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
    kept: Remembered,
}

impl Follower {
    /// Follows an agent with this configuration. Nothing is known before the first start.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Follower {
        Follower { config, agent: None, kept: Remembered::default() }
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
        self.kept.take(entry, now);
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
        let resumed = self.kept.resumed(config, now);
        let (mut agent, _) = Agent::new(self.config.clone(), resumed, boot, now);
        // Everything is reached and had its start: what was sent is in the records.
        agent.link_since = Some(now.tick);
        agent.lines_since.fill(Some(now.tick));
        agent.begun.fill(true);
        agent.mind.0 = MindWord::Ready;
        self.agent = Some(agent);
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

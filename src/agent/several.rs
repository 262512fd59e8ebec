//! Several agents in one process (`[[agent]]`): which of them heeds which goal, plans with which
//! actuators and reads which notes. A place without `[[agent]]` is one agent with everything. They
//! plan one after the other, the first in priority first, as `planner` does for one. No choices
//! here.
//!
//! An actuator has one owner, and nobody else plans with it. What other agents want of it goes
//! through the owner: it heeds their goals on the sensors that its tools work on beside its own,
//! each weighed by the priority of the agent whose goal it is (ADR 19).

use super::core::Agent;
use crate::config::AgentPart;
use crate::domain::{ActuatorId, SensorId};

/// One of several agents, by its place in the configuration; `None`: there is but one.
pub(super) type Who = Option<usize>;

impl Agent {
    /// Everybody, the first in priority first.
    pub(super) fn everybody(&self) -> Vec<Who> {
        match self.config.agents.len() {
            0 => vec![None],
            count => (0..count).map(Some).collect(),
        }
    }

    pub(super) fn part(&self, who: Who) -> Option<&AgentPart> {
        self.config.agents.get(who?)
    }

    /// It may plan with this actuator.
    pub(super) fn has_tool(&self, who: Who, id: ActuatorId) -> bool {
        self.part(who).is_none_or(|part| part.tools.contains(&id))
    }

    /// Who plans with this actuator; of nobody's the first.
    pub(super) fn owner_of(&self, id: ActuatorId) -> Who {
        let agents = &self.config.agents;
        let owner = agents.iter().position(|part| part.tools.contains(&id));
        owner.or_else(|| (!agents.is_empty()).then_some(0))
    }

    /// How much a goal counts for an agent, which is the priority of the one whose goal it is;
    /// `None`: it leaves it to others.
    pub(super) fn heeds(&self, who: Who, goal: usize) -> Option<f64> {
        let Some(part) = self.part(who) else { return Some(1.0) };
        let sensor = self.aims[goal].aim.sensor()?;
        let pursuer = self.pursuer(goal);
        // One that nobody can mend is its own agent's to say.
        let nobody = || !self.config.agents.iter().any(|other| self.works_on(other, sensor));
        let is_its = self.works_on(part, sensor) || (pursuer == who && nobody());
        is_its.then(|| f64::from(self.part(pursuer).map_or(1, |part| part.priority)))
    }

    /// Whose goal it is: of the agent that names it; of one that nobody names, such as an
    /// operator's, of the first with a tool that works on its sensor.
    pub(super) fn pursuer(&self, goal: usize) -> Who {
        let aim = &self.aims[goal];
        let agents = &self.config.agents;
        let named = agents.iter().position(|part| part.goals.contains(&aim.name));
        let able = || {
            let sensor = aim.aim.sensor()?;
            agents.iter().position(|part| self.works_on(part, sensor))
        };
        named.or_else(able).or_else(|| (!agents.is_empty()).then_some(0))
    }

    /// The mind is told of this goal for an agent: it heeds it, or it is its own.
    pub(super) fn is_goal_of(&self, who: Who, goal: usize) -> bool {
        who.is_none() || self.heeds(who, goal).is_some() || self.pursuer(goal) == who
    }

    /// The adapter that an agent's questions are read with.
    pub(super) fn adapter_of(&self, who: Who) -> String {
        let own = self.part(who).and_then(|part| part.adapter.clone());
        own.unwrap_or_else(|| self.mind_adapter.clone())
    }

    fn works_on(&self, part: &AgentPart, sensor: SensorId) -> bool {
        part.tools.iter().any(|id| {
            let effects = &self.config.actuators[usize::from(id.0)].effects;
            effects.iter().any(|(of, _)| *of == sensor)
        })
    }

    /// What the mind reads for an agent: notes that nothing else honours and no other agent has to
    /// itself.
    pub(super) fn notes_of(&self, who: Who) -> Vec<String> {
        let mut notes = self.notes_to_read();
        if let Some(part) = self.part(who) {
            let agents = &self.config.agents;
            let is_taken = |note: &String| agents.iter().any(|one| one.notes.contains(note));
            notes.retain(|note| part.notes.contains(note) || !is_taken(note));
        }
        notes
    }

    /// The cause of a decision with who makes it, and for whom.
    pub(super) fn in_the_name_of(&self, who: Who, goal: Option<usize>, cause: String) -> String {
        let Some(part) = self.part(who) else { return cause };
        let whose = goal.map(|goal| self.pursuer(goal)).filter(|whose| *whose != who);
        match whose.and_then(|whose| self.part(whose)) {
            Some(other) => format!("agent {} for {}: {cause}", part.name, other.name),
            None => format!("agent {}: {cause}", part.name),
        }
    }
}

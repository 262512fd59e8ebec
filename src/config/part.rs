//! `[[agent]]` as it was checked: one of several agents in a process.

use super::Mode;
use crate::domain::ActuatorId;

/// One of several agents. Everything that no agent names is everybody's: sensors, rules,
/// interlocks, notes of `[[note]]`, the mind.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentPart {
    /// Unique among agents, free text.
    pub name: String,
    /// Names of the goals that it pursues.
    pub goals: Vec<String>,
    /// The actuators that it alone plans with.
    pub tools: Vec<ActuatorId>,
    /// Notes that it alone reads; they stand in [`super::Config::notes`] too.
    pub notes: Vec<String>,
    /// Adapter that its questions are read with; `None`: the one of `[mind]`.
    pub adapter: Option<String>,
    /// From 1: the factor of its goals' weights, and its turn to plan and at the mind.
    pub priority: u32,
    /// What it may do by itself.
    pub mode: Mode,
}

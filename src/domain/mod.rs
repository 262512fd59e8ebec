//! The nouns of the house: values, ids, settings, decisions, entries of the journal.
//! No I/O, no clock, no serialisation: stored and sent forms live with those who store and send.

mod decision;
mod effort;
mod entry;
mod value;

pub use decision::{CALL, Candidate, Decider, Decision, ModelVoice, NOTHING};
pub use effort::Effort;
pub use entry::{CommandState, Entry, Escalated, Learned, Memory, Moved, Severity, StepState};
pub use value::{ActuatorId, Fault, FaultKind, SensorId, Setting, Value, figure};

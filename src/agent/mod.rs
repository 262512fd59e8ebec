//! The agent: events in, effects out. No I/O, no clock but the one it is given, no randomness:
//! the same events give the same effects (design §2, §8.8).
//!
//! [`Agent::apply`] is the whole interface. What it decides is spread over the files by layer:
//! `readings` and `world` (what is), `derived` (what is made of it), `rules` (reflexes and
//! interlocks), `planner`, `again` and `decide` (goals and the mind's voice), `several` (whose they
//! are), `escalate` (what nobody here is sure of), `guard` (the last word), `steps` (a command's
//! way to a device and back), `reach` (the bus and the serial lines come and go), `commands` (what
//! operators ask for), `moves` (what was done before, for their questions), `edits` (rules and
//! notes that they change), `notes` (what of those was understood).

mod again;
mod answers;
mod approvals;
mod commands;
mod conflicts;
mod core;
mod decide;
mod derived;
mod doubt;
mod dynamics;
mod edits;
mod effect;
mod escalate;
mod event;
mod filter;
mod follow;
mod forecast;
mod goals;
mod guard;
mod inbox;
mod learned;
mod lives;
mod moves;
mod notes;
mod partners;
mod planner;
mod pointer;
mod prompt;
mod reach;
mod readings;
mod remembered;
mod rules;
mod senses;
mod several;
mod share;
mod shown;
mod spoken;
mod steps;
mod thin;
mod today;
mod weigh;
mod wishes;
mod world;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_asked;
#[cfg(test)]
mod tests_asked_when;
#[cfg(test)]
mod tests_commands;
#[cfg(test)]
mod tests_derived;
#[cfg(test)]
mod tests_doubt;
#[cfg(test)]
mod tests_edits;
#[cfg(test)]
mod tests_effort;
#[cfg(test)]
mod tests_escalate;
#[cfg(test)]
mod tests_faults;
#[cfg(test)]
mod tests_flapping;
#[cfg(test)]
mod tests_goals;
#[cfg(test)]
mod tests_greenhouse;
#[cfg(test)]
mod tests_hidden;
#[cfg(test)]
mod tests_learned;
#[cfg(test)]
mod tests_lives;
#[cfg(test)]
mod tests_notes;
#[cfg(test)]
mod tests_partners;
#[cfg(test)]
mod tests_readings;
#[cfg(test)]
mod tests_recovery;
#[cfg(test)]
mod tests_several;
#[cfg(test)]
mod tests_spoken;
#[cfg(test)]
mod tests_spoken_told;
#[cfg(test)]
mod tests_thin;
#[cfg(test)]
mod tests_today;
#[cfg(test)]
mod tests_waiting;
#[cfg(test)]
mod tests_wishes;

pub use self::core::{Agent, Counters};
pub use approvals::Approval;
pub use decide::sure;
pub use dynamics::{Effect as LearnedEffect, INTERVAL, effects, time_constant};
pub use edits::{Edit, Kept};
pub use effect::{CloudQuestion, Effect, GoalReport, Question, Report, Status};
pub use escalate::Escalations;
pub use event::{Body, CloudAnswer, CloudFailure, DeviceCommand, Event, MindNews, MindWord};
pub use follow::{Follower, Proposal};
pub use inbox::{Inbox, Topic};
pub use lives::{Resumed, ResumedStep};
pub use notes::{Proposed, Reading};
pub use prompt::{change, prefix, words};
pub use remembered::Remembered;
pub use shown::Shown;
pub use spoken::goal_of_words;
pub use steps::{level, payload};

//! Two slots for a release of Outpost, and the state machine that changes between them. Shared by
//! the launcher, which starts a slot, and the agent, which fills one.
//!
//! What must never be here: anything that waits for a network, decides whether a release is
//! genuine, or has to change when the agent does.

pub mod deadline;
pub mod disk;
pub mod limits;
pub mod lock;
pub mod manifest;
pub mod slots;
pub mod state;

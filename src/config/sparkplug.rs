//! `[sparkplug.<name>]`: an edge node of Sparkplug B on the bus. No I/O.

use std::time::Duration;

/// An edge node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sparkplug {
    /// The section's name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The node.
    pub node: String,
    /// How often a value that has not changed counts as said again, while node and device live.
    pub every: Duration,
}

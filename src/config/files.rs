//! `[files.<name>]`: values that Linux or another program keeps in files. No I/O.

use std::path::PathBuf;
use std::time::Duration;

/// A folder with a file for each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The section's name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// Time between two rounds in which everything is read.
    pub every: Duration,
    /// A file that takes longer counts as silent.
    pub answer_within: Duration,
}

//! `[http.<name>]`: a page that is asked for. No I/O.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// A page with values in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The section's name.
    pub name: String,
    /// Where it is; never shown, since its query may hold a secret.
    pub url: Url,
    /// Time between two questions.
    pub every: Duration,
    /// Longest time for an answer, body included.
    pub answer_within: Duration,
    /// File with the token that it is asked with, read at every question.
    pub token_file: Option<PathBuf>,
    /// Certificate authorities beside the system's (PEM).
    pub ca_file: Option<PathBuf>,
}

//! The command line: one file a subcommand. No logic of the agent lives here.

pub mod model;

use std::process::ExitCode;

/// Parses the arguments, runs the subcommand and turns its end into an exit code (design §7).
pub fn main() -> ExitCode {
    ExitCode::from(2)
}

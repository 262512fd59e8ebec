//! `outpost check`: says everything that is wrong with a configuration, each fault with its line.
//! Exit code 0 without faults, 2 with (design §7).

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::config::{Config, DEFAULT_PATH, Fault, LoadError, Strictness, Warning, load};

/// Exit code of a wrong configuration (design §7).
const WRONG_CONFIGURATION: u8 = 2;

/// Checks a configuration file and lists every fault at once.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub config: PathBuf,
}

/// Runs the subcommand; `json`: a line for each fault and warning, the counts last.
///
/// # Errors
/// Standard output cannot be written. A file that cannot be read is a wrong configuration: it is
/// said on standard error and the exit code is 2.
pub fn run(args: &CheckArgs, json: bool) -> anyhow::Result<ExitCode> {
    let outcome = match load(&args.config, Strictness::Check) {
        Ok((config, warnings)) => Outcome {
            summary: format!(
                "{} is in order: {}",
                args.config.display(),
                parts(&config).join(", ")
            ),
            faults: Vec::new(),
            count: 0,
            warnings,
        },
        Err(LoadError::Faults(faults)) => Outcome {
            summary: match faults.more {
                0 => counted(faults.count(), "fault"),
                more => format!("{}, {more} of them not shown", counted(faults.count(), "fault")),
            },
            count: faults.count(),
            faults: faults.faults,
            warnings: faults.warnings,
        },
        Err(LoadError::Read { path, source }) => Outcome {
            summary: counted(1, "fault"),
            faults: vec![Fault {
                key: "the configuration".into(),
                file: path.display().to_string(),
                line: None,
                column: None,
                found: format!("no readable file ({source})"),
                allowed: "--config with a file that this user may read".into(),
                excerpt: None,
            }],
            count: 1,
            warnings: Vec::new(),
        },
    };
    let mut out = std::io::stdout().lock();
    if json {
        outcome.print_json(&mut out)?
    } else {
        outcome.print(&mut out)?
    }
    Ok(if outcome.count == 0 { ExitCode::SUCCESS } else { ExitCode::from(WRONG_CONFIGURATION) })
}

/// What there is in a configuration; agents where there are several.
fn parts(config: &Config) -> Vec<String> {
    let mut parts = vec![
        counted(config.sensors.len() - config.derived.len(), "sensor"),
        counted(config.derived.len(), "derived sensor"),
        counted(config.actuators.len(), "actuator"),
        counted(config.goals.len(), "goal"),
        counted(config.rules.len(), "rule"),
        counted(config.interlocks.len(), "interlock"),
    ];
    if !config.agents.is_empty() {
        parts.push(counted(config.agents.len(), "agent"));
    }
    parts
}

/// What a check found.
struct Outcome {
    faults: Vec<Fault>,
    count: usize,
    warnings: Vec<Warning>,
    summary: String,
}

impl Outcome {
    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        for fault in &self.faults {
            writeln!(out, "{fault}")?;
            if let (Some(line), Some(column), Some(excerpt)) =
                (fault.line, fault.column, &fault.excerpt)
            {
                print_excerpt(out, line, column, excerpt)?;
            }
        }
        for warning in &self.warnings {
            writeln!(out, "{warning} (a warning)")?;
        }
        if self.warnings.is_empty() {
            writeln!(out, "{}", self.summary)
        } else {
            writeln!(out, "{}; {}", self.summary, counted(self.warnings.len(), "warning"))
        }
    }

    fn print_json(&self, out: &mut impl Write) -> std::io::Result<()> {
        for fault in &self.faults {
            let line = json!({
                "severity": "fault", "key": fault.key, "file": fault.file, "line": fault.line,
                "column": fault.column, "found": fault.found, "allowed": fault.allowed,
            });
            writeln!(out, "{line}")?;
        }
        for warning in &self.warnings {
            let line = json!({
                "severity": "warning", "key": warning.key, "file": warning.file,
                "line": warning.line, "text": warning.text,
            });
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{}", json!({"faults": self.count, "warnings": self.warnings.len()}))
    }
}

/// The line of the file with a mark below the place; a long line around the place only.
fn print_excerpt(
    out: &mut impl Write,
    line: usize,
    column: usize,
    excerpt: &str,
) -> std::io::Result<()> {
    const SHOWN: usize = 100;
    const BEFORE: usize = 60;
    let skipped = column.saturating_sub(BEFORE + 1);
    let shown: String = excerpt
        .chars()
        .skip(skipped)
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mark = " ".repeat(column - 1 - skipped);
    writeln!(out, "{line:>5} | {shown}\n      | {mark}^")
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_of_a_long_line_shows_the_place() {
        let mut out = Vec::new();
        let line = format!("{}X{}", "a".repeat(200), "b".repeat(200));
        print_excerpt(&mut out, 7, 201, &line).expect("memory takes everything");
        let text = String::from_utf8(out).expect("UTF-8");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0].find('X'), rows[1].find('^'), "{text}");
        assert!(rows[0].len() < 120);
    }
}

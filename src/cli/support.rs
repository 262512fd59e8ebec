//! `outpost support`: one file for people who are to help, JSON lines that can be read before they
//! are sent. Without secrets, and without readings.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value as Json, json};

use crate::board::{self, Processor, Root};
use crate::causes::chain;
use crate::config::{self, Strictness};
use crate::journal::{Filter, Kind, Reader, record_json};
use crate::limits::SUPPORT_RECORDS_MAX;
use crate::mind::ggml;
use crate::support::Secrets;
use crate::update;
use crate::update::rollout::Labels;

/// What is said of what happened; what the sensors said stays here.
const KINDS: [Kind; 5] = [Kind::Boot, Kind::Event, Kind::Command, Kind::Mode, Kind::Step];

/// Arguments of `outpost support`.
#[derive(Args, Clone, Debug)]
pub struct SupportArgs {
    /// Configuration file
    #[arg(long, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Folder of the slots, as the launcher has it
    #[arg(long, default_value = update::SLOTS_PATH)]
    slots: PathBuf,
    /// The file that is written; left out: standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Collects, leaves secrets out, and writes.
///
/// # Errors
/// Where the configuration cannot be read as TOML, since secrets could not be told from the rest,
/// or the file cannot be written.
pub fn run(args: &SupportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&args.config);
    let text = text.with_context(|| args.config.display().to_string())?;
    // Without its comments: nobody knows what they say. An error would show the line.
    let written: Result<Json, _> = toml::from_str(&text);
    let written = written.map_err(|_| anyhow::anyhow!("{}: no TOML", args.config.display()))?;
    let secrets = Secrets::of(&written);
    let (check, folder) = checked(&args.config);
    // A configuration that is wrong elsewhere may well say where the journal is.
    let folder = folder.or_else(|| Some(written.pointer("/journal/path")?.as_str()?.into()));
    let mut lines = vec![about(), json!({"config": written}), check];
    let (state, filled) = update::seen(&args.slots);
    let refusal = update::refusal(&args.slots);
    let report = update::report(&state, filled, refusal.as_ref(), None, &Labels::new());
    lines.push(json!({"update": report}));
    lines.extend(journal(folder.as_deref()));
    for (path, reason) in &secrets.unread {
        tracing::warn!(path = %path.display(), reason, "may hold a secret, cannot be read");
    }
    let lines: Vec<String> =
        lines.into_iter().map(|line| secrets.without(line).to_string()).collect();
    let text = lines.join("\n") + "\n";
    match &args.to {
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => {
            crate::disk::replace(path, text.as_bytes())?;
            let (count, bytes) = (lines.len(), text.len());
            if json {
                println!("{}", json!({"file": path, "lines": count, "bytes": bytes}));
            } else {
                let path = path.display();
                println!("{path}: {count} lines, {bytes} bytes. Read it before you send it");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn about() -> Json {
    let root = Root::of_environment();
    let recognised = board::recognise(&root);
    let fit = board::fit(&ggml::kernels(), &Processor::of(&root));
    json!({"about": {
        "version": env!("CARGO_PKG_VERSION"),
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "kernels": ggml::kernels(),
        "lacking": fit.lacking,
        "board": recognised.profile.name,
        "model": recognised.model,
    }})
}

/// What `outpost check` would say, in numbers: the faults themselves show lines of the file. And
/// where the journal is.
fn checked(path: &Path) -> (Json, Option<PathBuf>) {
    match config::load(path, Strictness::Run) {
        Ok((config, warnings)) => {
            let check = json!({"check": {"ok": true, "warnings": warnings.len()}});
            (check, Some(config.journal.path))
        }
        Err(_) => (json!({"check": {"ok": false}}), None),
    }
}

/// The last records of each kind, in their order, and what the journal says of itself.
fn journal(folder: Option<&Path>) -> Vec<Json> {
    let fault = |what: String| vec![json!({"journal": {"fault": what}})];
    let Some(folder) = folder else {
        return fault("the configuration does not say where it is".into());
    };
    let reader = match Reader::open(folder) {
        Ok(reader) => reader,
        Err(error) => return fault(chain(&error)),
    };
    let mut records = Vec::new();
    for kind in KINDS {
        let filter = Filter { kind: Some(kind), ..Filter::default() };
        let mut last = VecDeque::new();
        let seen = reader.each(0, &filter, |record| {
            if last.len() == SUPPORT_RECORDS_MAX {
                last.pop_front();
            }
            last.push_back((record.stamp().seq, record_json(&record)));
            true
        });
        if let Err(error) = seen {
            records.push((u64::MAX, json!({"journal": {"fault": chain(&error)}})));
        }
        records.extend(last);
    }
    records.sort_by_key(|(seq, _)| *seq);
    records.into_iter().map(|(_, line)| line).collect()
}

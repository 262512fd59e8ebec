//! `outpost update …`: a release into this board's slots by a person's hand, and how its updates
//! stand. Arguments and printing only.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use outpost_launcher::disk::{Disk, RealDisk};
use outpost_launcher::limits::MANIFEST_BYTES_MAX;
use outpost_launcher::manifest::{self, Manifest, Name};
use outpost_launcher::slots::{Slots, Staged};
use serde_json::json;

use crate::config::{self, Strictness};
use crate::mind::pull::Patience;
use crate::update::rollout::Labels;
use crate::update::{self, Refused, Source, Taking};

/// Releases of this board
#[derive(Args, Clone, Debug)]
pub struct UpdateArgs {
    #[command(subcommand)]
    command: UpdateCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum UpdateCommand {
    /// Verify a signed release of a repository and put it into the free slot
    Take(TakeArgs),
    /// Put the release in a folder, signed by nobody, into the free slot; the agent ends and it is
    /// tried
    Apply(ApplyArgs),
    /// How updates stand on this board
    Status(SlotsArgs),
}

#[derive(Args, Clone, Debug)]
struct SlotsArgs {
    /// Folder of the slots, as the launcher has it
    #[arg(long, default_value = update::SLOTS_PATH)]
    slots: PathBuf,
}

#[derive(Args, Clone, Debug)]
struct TakeArgs {
    /// Id of the release
    release: Name,
    /// Repository: a folder or http(s):// address with metadata/ and targets/ below it [default:
    /// `from` in [update]]
    #[arg(long)]
    from: Option<Source>,
    /// The root that this board began to trust with [default: `root` in [update]]
    #[arg(long)]
    root: Option<PathBuf>,
    /// Configuration of the device, for its [update]
    #[arg(long, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Args, Clone, Debug)]
struct ApplyArgs {
    /// Folder with release.json and the files that it names
    release: PathBuf,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Args, Clone, Debug)]
struct HowArgs {
    #[command(flatten)]
    slots: SlotsArgs,
    /// Take it although this board has undone it before
    #[arg(long)]
    again: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// Where the release is refused, somebody else changes the slots, or the disk refuses.
pub fn run(args: UpdateArgs, json: bool) -> anyhow::Result<ExitCode> {
    match args.command {
        UpdateCommand::Take(args) => take(&args, json),
        UpdateCommand::Apply(args) => apply(&args, json),
        UpdateCommand::Status(args) => status(&args.slots, json),
    }
}

fn status(folder: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let (state, filled) = update::seen(folder);
    let refusal = update::refusal(folder);
    let mut report = update::report(&state, filled, refusal.as_ref(), None, &Labels::new());
    if let Some(report) = report.as_object_mut() {
        // Who runs is known to the one who runs, and labels are in the configuration.
        report.remove("running");
        report.remove("labels");
    }
    if json {
        println!("{report}");
    } else {
        let word = |key: &str| report[key].as_str().unwrap_or("none").to_owned();
        println!("{} (release {})", word("state"), word("release"));
        if let Some(reason) = report["reason"].as_str().filter(|reason| !reason.is_empty()) {
            println!("reason:    {reason}");
        }
        println!("confirmed: {}\nprevious:  {}", word("confirmed"), word("previous"));
    }
    Ok(if state.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn take(args: &TakeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (config, _) = config::load(&args.config, Strictness::Run)?;
    let mut wanted = config.update;
    if let Some(root) = &args.root {
        wanted.root.clone_from(root);
    }
    let from = args.from.as_ref().or(wanted.from.as_ref());
    let from = from.context("--from, or `from` in [update]: the repository")?;
    let (slots, again) = (&args.how.slots.slots, args.how.again);
    let patience = Patience::default();
    let goes_on = &|| true;
    let taking = Taking { slots, from, update: &wanted, again, patience, budget: None, goes_on };
    let taken = update::take(&taking, &args.release);
    let (staged, warnings) = taken.map_err(anyhow::Error::msg)?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(told(staged, &args.release, json))
}

fn apply(args: &ApplyArgs, json: bool) -> anyhow::Result<ExitCode> {
    let slots = &args.how.slots.slots;
    let _lock = update::lock(slots).map_err(anyhow::Error::msg)?;
    let path = args.release.join(manifest::FILE);
    let bytes = RealDisk.read(&path, MANIFEST_BYTES_MAX);
    let bytes = bytes.with_context(|| path.display().to_string())?;
    let release = Manifest::parse(&bytes)?;
    let mut open = |name: &Name| -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(args.release.join(name.as_str()))?))
    };
    let wish = update::wish(slots, args.how.again);
    let met = update::met(&release).map_err(Refused::lasting);
    let staged = met.and_then(|()| {
        let staged = Slots::new(slots, RealDisk).stage(&bytes, &mut open, &wish);
        staged.map_err(|error| Refused::of_slot(&error, false))
    });
    update::keep_refusal(slots, &release.release, &staged);
    let staged = staged.map_err(|refused| anyhow::Error::msg(refused.reason))?;
    Ok(told(staged, &release.release, json))
}

fn told(staged: Staged, release: &Name, json: bool) -> ExitCode {
    let (word, text) = match staged {
        Staged::Ready => ("ready", "lies in its slot; the agent ends and the next start tries it"),
        Staged::OnTrial => ("trial", "is on trial already"),
        Staged::Confirmed => ("confirmed", "is confirmed already"),
    };
    if json {
        println!("{}", json!({"release": release, "state": word}));
    } else {
        println!("release {release} {text}");
    }
    ExitCode::SUCCESS
}

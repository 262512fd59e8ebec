//! `outpost fleet keys|release|publish`: arguments and printing only.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use outpost_launcher::manifest::{Name, Needs};
use serde_json::json;

use crate::fleet::publish::{Days, Shorter, describe, publish};
use crate::fleet::{FleetError, keys};

/// Arguments of `outpost fleet keys`.
#[derive(Args, Clone, Debug)]
pub struct KeysArgs {
    /// Folder for the keys and root.json; made where there is none
    folder: PathBuf,
}

/// Arguments of `outpost fleet release`.
#[derive(Args, Clone, Debug)]
pub struct ReleaseArgs {
    /// Folder with the files of the release
    folder: PathBuf,
    /// The release's id: a changed release has another
    #[arg(long)]
    id: Name,
    /// The file that is started
    #[arg(long, default_value = "outpost")]
    program: Name,
    /// A processor it is for, as `uname -m` calls it; left out: any
    #[arg(long)]
    architecture: Vec<String>,
    /// A board it is for, by its profile (`outpost board`); left out: any
    #[arg(long, value_name = "BOARD")]
    needs_board: Vec<String>,
    /// The least version of the program that takes it
    #[arg(long, value_name = "VERSION")]
    needs_program: Option<String>,
    /// A model that the board must have, such as an adapter's base
    #[arg(long, value_name = "MODEL")]
    needs_model: Vec<String>,
}

/// Arguments of `outpost fleet publish`.
#[derive(Args, Clone, Debug)]
pub struct PublishArgs {
    /// Folder of the release, with release.json
    release: PathBuf,
    /// Folder with the keys and root.json
    #[arg(long)]
    keys: PathBuf,
    /// Folder of the repository; made where there is none
    #[arg(long)]
    to: PathBuf,
    /// A release of the repository that boards may have: what has changed since it comes as a delta
    #[arg(long, value_name = "RELEASE")]
    delta_from: Vec<Name>,
    /// Offer the files compressed too, for boards that have nothing to begin at
    #[arg(long)]
    compress: bool,
    /// Days that the set is good for before it must be published again
    #[arg(long, default_value_t = Days::default().online)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: i64,
}

/// Makes keys.
///
/// # Errors
/// Where there are keys already, or the folder cannot be written.
pub fn keys(args: &KeysArgs, json: bool) -> anyhow::Result<ExitCode> {
    block(keys::make(&args.folder))?;
    let root = args.folder.join(keys::ROOT_FILE);
    if json {
        println!(
            "{}",
            json!({"root": root, "root_keys": keys::ROOT_KEYS,
            "threshold": keys::ROOT_THRESHOLD})
        );
    } else {
        println!("{}: to be put on every board", root.display());
        println!("root-*.key and targets.key: into a drawer, each on a medium of its own");
        println!("snapshot.key, timestamp.key, rollout.key: where rollouts are run from");
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes release.json.
///
/// # Errors
/// Where a file cannot be part of a release.
pub fn release(args: &ReleaseArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (id, program) = (args.id.clone(), args.program.clone());
    let needs = Needs {
        boards: args.needs_board.clone(),
        program: args.needs_program.clone(),
        models: args.needs_model.clone(),
    };
    let manifest = describe(&args.folder, id, program, args.architecture.clone(), needs)?;
    if json {
        println!("{}", serde_json::to_string(&manifest)?);
    } else {
        let (count, bytes) = (manifest.files.len(), manifest.bytes());
        println!("release {}: {count} files, {bytes} bytes", manifest.release);
    }
    Ok(ExitCode::SUCCESS)
}

/// Publishes a release.
///
/// # Errors
/// Where it is not what its manifest says, keys are missing, or the repository is not ours.
pub fn publish_release(args: &PublishArgs, json: bool) -> anyhow::Result<ExitCode> {
    let days = Days { online: args.days, ..Days::default() };
    let (compress, delta_from) = (args.compress, args.delta_from.clone());
    let shorter = Shorter { compress, delta_from };
    let version = block(publish(&args.keys, &args.to, &args.release, days, &shorter))?;
    if json {
        println!("{}", json!({"version": version, "repository": args.to}));
    } else {
        println!("{}: version {version}", args.to.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn block<T>(work: impl Future<Output = Result<T, FleetError>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work)?)
}

//! `outpost backup` and `outpost restore`: arguments and printing only.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::backup::{self, Manifest, Wanted};
use crate::config::{self, Strictness};

/// Arguments of `outpost backup`.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The folder that is made
    to: PathBuf,
    /// Configuration file
    #[arg(long, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// All records of the journal too, not only what was learned, ordered and set
    #[arg(long)]
    records: bool,
    /// Keys, passwords and tokens too: whoever has the backup is this board then
    #[arg(long)]
    secrets: bool,
}

/// Arguments of `outpost restore`.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// The folder that `outpost backup` has made
    from: PathBuf,
    /// Where the configuration goes; there must be none
    #[arg(long, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

/// Makes a backup.
///
/// # Errors
/// Where the folder is there, or something cannot be read or written.
pub fn make(args: &BackupArgs, json: bool) -> anyhow::Result<ExitCode> {
    let wanted = Wanted { records: args.records, secrets: args.secrets };
    let made = backup::make(&args.config, &args.to, wanted)?;
    tell(&made, &args.to, json);
    if !json {
        for path in &made.absent {
            println!("not in it: {}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a backup in place.
///
/// # Errors
/// Where it is not whole, or there is a board's configuration, journal or another file already.
pub fn restore(args: &RestoreArgs, json: bool) -> anyhow::Result<ExitCode> {
    let made = backup::restore(&args.from, &args.config)?;
    tell(&made, &args.config, json);
    if json {
        return Ok(ExitCode::SUCCESS);
    }
    for path in made.files.iter().filter(|kept| kept.secret).filter_map(|kept| kept.from.as_ref()) {
        println!("only its owner may read it, and the service must: {}", path.display());
    }
    for path in made.absent.iter().filter(|path| !path.exists()) {
        println!("to be put there by hand, or made: {}", path.display());
    }
    println!("the board that {} was must stay off: two of a name disturb each other", made.device);
    match config::load(&args.config, Strictness::Check) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            println!("{error}");
            Ok(ExitCode::from(2))
        }
    }
}

fn tell(made: &Manifest, to: &Path, json: bool) {
    let bytes: u64 = made.files.iter().map(|kept| kept.bytes).sum();
    let (device, count) = (&made.device, made.files.len());
    if json {
        println!(
            "{}",
            json!({"device": device, "at": to, "files": count, "bytes": bytes,
            "records": made.has_records, "absent": made.absent})
        );
    } else {
        println!("{}: {device}, {count} files, {bytes} bytes", to.display());
    }
}

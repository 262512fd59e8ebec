//! `outpost fleet rekey|upload`: arguments and printing only.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use url::Url;

use super::fleet_rollout::SignArgs;
use crate::fleet::rekey::{ONLINE, rekey};
use crate::fleet::upload::{self, Place};

/// Arguments of `outpost fleet upload`.
#[derive(Args, Clone, Debug)]
pub struct UploadArgs {
    /// Folder of the repository
    repository: PathBuf,
    /// The store: s3://bucket/prefix, az://container/prefix or gs://bucket/prefix
    #[arg(long, value_name = "URL")]
    to: Url,
    /// Address of a store that is none of the provider's own
    #[arg(long, value_name = "URL")]
    endpoint: Option<Url>,
    /// Region of S3
    #[arg(long)]
    region: Option<String>,
}

/// Arguments of `outpost fleet rekey`.
#[derive(Args, Clone, Debug)]
pub struct RekeyArgs {
    /// The keys that get another one in their place, signed by that of targets; all but `rollout`
    /// by two of the root
    #[arg(required = true, value_parser = PossibleValuesParser::new(ONLINE))]
    roles: Vec<String>,
    #[command(flatten)]
    sign: SignArgs,
}

/// Brings a repository to a store of objects.
///
/// # Errors
/// Where the folder cannot be read, or the store refuses.
pub fn upload(args: UploadArgs, json: bool) -> anyhow::Result<ExitCode> {
    let UploadArgs { repository, to, endpoint, region } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let place = Place { url: to, endpoint, region };
    let done = runtime.block_on(upload::upload(&repository, &place))?;
    let upload::Uploaded { sent, bytes, there } = done;
    if json {
        println!("{}", json!({"sent": sent, "bytes": bytes, "there": there}));
    } else {
        println!("{}: {sent} sent, {bytes} bytes, {there} were there", place.url);
    }
    Ok(ExitCode::SUCCESS)
}

/// Replaces keys.
///
/// # Errors
/// Where keys of the drawer are missing, or the repository is not ours.
pub fn replace(args: &RekeyArgs, json: bool) -> anyhow::Result<ExitCode> {
    let wanted = |role: &&str| args.roles.iter().any(|it| it == role);
    let roles: Vec<_> = ONLINE.into_iter().filter(wanted).collect();
    let SignArgs { keys, repository, .. } = &args.sign;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let version = runtime.block_on(rekey(keys, repository, &roles, args.sign.days()))?;
    if json {
        println!("{}", json!({"version": version, "replaced": roles}));
    } else {
        println!("{}: version {version}; {} replaced", repository.display(), roles.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

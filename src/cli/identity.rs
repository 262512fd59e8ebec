//! `outpost identity request|take|status`: arguments and printing only.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::{self, Config, Strictness};
use crate::disk;
use crate::identity::{Facts, Papers, read};

/// Who this board is to a broker
#[derive(Args, Clone, Debug)]
pub struct IdentityArgs {
    #[command(subcommand)]
    command: IdentityCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum IdentityCommand {
    /// Make a key where there is none, and a request for a certificate
    Request(RequestArgs),
    /// Put a certificate in its place
    Take(TakeArgs),
    /// Who this board is, and until when
    Status(WhereArgs),
}

#[derive(Args, Clone, Debug)]
struct WhereArgs {
    /// Configuration file: its `cert_file` and `key_file` say where certificate and key are
    #[arg(long, default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// `bus`, or the name of a `[[cloud]]`; left out: the first that has both files
    #[arg(long)]
    section: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct RequestArgs {
    #[command(flatten)]
    of: WhereArgs,
    /// The request that is written; left out: standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Make another key, which takes the old one's place together with its certificate
    #[arg(long)]
    new_key: bool,
}

#[derive(Args, Clone, Debug)]
struct TakeArgs {
    /// The certificate (PEM)
    certificate: PathBuf,
    #[command(flatten)]
    of: WhereArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// Where the configuration is wrong or names no files, or they cannot be used.
pub fn run(args: IdentityArgs, json: bool) -> anyhow::Result<ExitCode> {
    match args.command {
        IdentityCommand::Request(args) => request(&args, json),
        IdentityCommand::Take(args) => take(&args, json),
        IdentityCommand::Status(args) => status(&args, json),
    }
}

/// Seconds since 1970 by the system's clock.
pub(super) fn now_unix_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Writes a text to a file, or to standard output where that is not for JSON.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn put(to: Option<&Path>, text: &str, json: bool) -> anyhow::Result<()> {
    match to {
        Some(path) => disk::replace(path, text.as_bytes())?,
        None if json => {}
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
    }
    Ok(())
}

impl WhereArgs {
    fn papers(&self) -> anyhow::Result<(Config, Papers)> {
        let (config, _) = config::load(&self.config, Strictness::Run)?;
        let all = Papers::of(&config);
        let wanted = |one: &&Papers| self.section.as_ref().is_none_or(|it| *it == one.section);
        let found = all.iter().find(wanted).cloned();
        let Some(found) = found else {
            let which = self.section.as_deref().unwrap_or("[bus] and [[cloud]]");
            bail!("{which}: no cert_file and key_file there; they say where both are to be");
        };
        Ok((config, found))
    }
}

fn request(args: &RequestArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (config, papers) = args.of.papers()?;
    let device = &config.device.name;
    let request = papers.request(device, args.new_key)?;
    put(args.to.as_deref(), &request, json)?;
    if json {
        println!("{}", json!({"device": device, "request": request}));
    } else if let Some(path) = &args.to {
        println!("{}: to be signed for {device}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn take(args: &TakeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (config, papers) = args.of.papers()?;
    let pem = read(&args.certificate)?;
    let facts = papers.take(&config.device.name, &pem, now_unix_s())?;
    tell(&papers, Some(&facts), json);
    Ok(ExitCode::SUCCESS)
}

fn status(args: &WhereArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (_, papers) = args.papers()?;
    let facts = papers.facts().context(papers.section.clone())?;
    tell(&papers, facts.as_ref(), json);
    let good = facts.is_some_and(|facts| facts.ends_unix_s > now_unix_s());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(papers: &Papers, facts: Option<&Facts>, json: bool) {
    let Papers { section, cert, .. } = papers;
    match facts {
        None if json => println!("{}", json!({"section": section, "certificate": null})),
        None => println!("{section}: no certificate in {}", cert.display()),
        Some(facts) => {
            let days = (facts.ends_unix_s - now_unix_s()).div_euclid(86_400);
            let Facts { name, issuer, serial, .. } = facts;
            let ends = facts.ends();
            if json {
                println!(
                    "{}",
                    json!({"section": section, "certificate": cert, "device": name,
                    "issuer": issuer, "serial": serial, "ends": ends, "days_left": days})
                );
            } else {
                println!("{section}: {name}, until {ends}, {days} days; by {issuer}, {serial}");
            }
        }
    }
}

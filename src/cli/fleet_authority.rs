//! `outpost fleet ca|enroll|revoke`: arguments and printing only.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::fleet::BrokerArgs;
use super::identity::{now_unix_s, put};
use super::stop_signal;
use crate::causes::chain;
use crate::fleet::FleetError;
use crate::fleet::authority::{self, Authority};
use crate::fleet::renew::{self, Observer, Setup};
use crate::identity::{Facts, read, read_whole};
use crate::limits::{CERTIFICATE_DAYS_DEFAULT, CERTIFICATE_DAYS_MAX};
use crate::link::topics::DeviceName;

/// Arguments of `outpost fleet ca`.
#[derive(Args, Clone, Debug)]
pub struct CaArgs {
    /// Folder of the authority; made where there is none
    folder: PathBuf,
    /// What it calls itself in certificates
    #[arg(long, default_value = "Outpost fleet")]
    name: String,
    /// A name or address that boards reach their broker by: makes server.key and server.pem
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Somebody who commands boards or runs rollouts: makes NAME.key and NAME.pem; not `ca`,
    /// `revoked` or `server`, whose files are others
    #[arg(long, value_name = "NAME")]
    person: Vec<DeviceName>,
    /// Days that these certificates are good for
    #[arg(long, default_value_t = CERTIFICATE_DAYS_DEFAULT * 2)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=CERTIFICATE_DAYS_MAX))]
    days: i64,
}

/// Arguments of `outpost fleet enroll`.
#[derive(Args, Clone, Debug)]
pub struct EnrollArgs {
    /// The board's name, as its configuration has it
    device: DeviceName,
    /// Folder of the authority
    #[arg(long)]
    ca: PathBuf,
    /// The board's request (PEM); left out: standard input
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The certificate that is written; left out: standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Days that it is good for
    #[arg(long, default_value_t = CERTIFICATE_DAYS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=CERTIFICATE_DAYS_MAX))]
    days: i64,
    /// The board has a new key: what it had before is revoked
    #[arg(long)]
    replace: bool,
}

/// Arguments of `outpost fleet renew`.
#[derive(Args, Clone, Debug)]
pub struct RenewArgs {
    /// Folder of the authority
    #[arg(long)]
    ca: PathBuf,
    #[command(flatten)]
    broker: BrokerArgs,
    /// Days that a certificate is good for
    #[arg(long, default_value_t = CERTIFICATE_DAYS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=CERTIFICATE_DAYS_MAX))]
    days: i64,
    /// A board whose next new key is believed, as where its hardware was replaced; what it had
    /// before is revoked. Once for each board
    #[arg(long, value_name = "DEVICE")]
    accept: Vec<DeviceName>,
    /// Answer what is asked now, and end: for `cron`, or the day on which the drawer is opened
    #[arg(long)]
    once: bool,
}

/// Arguments of `outpost fleet revoke`.
#[derive(Args, Clone, Debug)]
pub struct RevokeArgs {
    /// The board, or the number of one certificate
    which: String,
    /// Folder of the authority
    #[arg(long)]
    ca: PathBuf,
}

/// Makes an authority, and a broker's certificate.
///
/// # Errors
/// Where there is an authority already and nobody is named, or the folder cannot be written.
pub fn ca(args: &CaArgs, json: bool) -> anyhow::Result<ExitCode> {
    // Before an authority is made, or anything is signed.
    args.person.iter().try_for_each(authority::check_person)?;
    let now = now_unix_s();
    let there = args.folder.join(authority::CERTIFICATE_FILE);
    if args.server.is_empty() && args.person.is_empty() || !there.exists() {
        authority::make(&args.folder, &args.name, now)?;
    }
    let mut authority = Authority::open(&args.folder, now)?;
    authority.server(&args.server, args.days)?;
    for person in &args.person {
        authority.person(person, args.days)?;
    }
    if json {
        println!("{}", json!({"ca": there, "server": args.server, "person": args.person}));
        return Ok(ExitCode::SUCCESS);
    }
    let at = |name: &str| args.folder.join(name).display().to_string();
    println!("{}: to be put on every board and the broker", there.display());
    println!("{}: into a drawer; it is needed where boards are enrolled", at(authority::KEY_FILE));
    println!("{}: for the broker, anew after each `fleet revoke`", at(authority::REVOKED_FILE));
    if !args.server.is_empty() {
        println!("{} and {}: for the broker alone", at("server.key"), at("server.pem"));
    }
    for name in &args.person {
        let [key, pem] = ["key", "pem"].map(|ending| at(&format!("{name}.{ending}")));
        println!("{key} and {pem}: for {name} alone");
    }
    Ok(ExitCode::SUCCESS)
}

/// Signs a request.
///
/// # Errors
/// Where it is none, is another board's, or the board has another key already.
pub fn enroll(args: &EnrollArgs, json: bool) -> anyhow::Result<ExitCode> {
    let request = match &args.request {
        Some(path) => read(path)?,
        None => read_whole(std::io::stdin()).context("standard input")?,
    };
    let request = String::from_utf8(request).context("the request")?;
    let mut authority = Authority::open(&args.ca, now_unix_s())?;
    let pem = authority.enroll(args.device.as_str(), &request, args.days, args.replace)?;
    let facts = Facts::of_pem(pem.as_bytes())?;
    let ends = facts.ends();
    put(args.to.as_deref(), &pem, json)?;
    if json {
        println!(
            "{}",
            json!({"device": args.device, "serial": facts.serial, "ends": ends,
            "certificate": pem})
        );
    } else if let Some(path) = &args.to {
        println!("{}: for {}, until {ends}", path.display(), args.device);
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers boards that ask for their next certificate.
///
/// # Errors
/// Where the broker or the authority cannot be used.
pub fn renew(args: &RenewArgs, json: bool) -> anyhow::Result<ExitCode> {
    let setup = Setup {
        endpoint: args.broker.endpoint("fleet renew")?,
        ca: args.ca.clone(),
        days: args.days,
        accept: args.accept.clone(),
        once: args.once,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut printer = Printer { json, refused: 0 };
    let signed = runtime.block_on(renew::run(&setup, stop_signal(), now_unix_s, &mut printer))?;
    if json {
        println!("{}", json!({"signed": signed, "refused": printer.refused}));
    } else {
        println!("{signed} signed, {} refused", printer.refused);
    }
    Ok(if printer.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Printer {
    json: bool,
    refused: usize,
}

impl Observer for Printer {
    fn answered(&mut self, device: &str, certificate: Result<&Facts, &str>) {
        let (ends, why) = match certificate {
            Ok(facts) => (Some(facts.ends()), None),
            Err(why) => {
                self.refused += 1;
                (None, Some(why))
            }
        };
        if self.json {
            println!("{}", json!({"device": device, "ends": ends, "refused": why}));
        } else {
            let text =
                ends.map_or_else(|| why.unwrap_or_default().into(), |it| "until ".to_owned() + &it);
            println!("{device}: {text}");
        }
    }

    fn waits(&mut self, why: &FleetError) {
        tracing::warn!(error = chain(why), "nothing is signed for now");
    }

    fn line(&mut self, down: Option<&str>) {
        match down {
            None => tracing::info!("the broker has us"),
            Some(reason) => tracing::warn!(reason, "no broker"),
        }
    }
}

/// Revokes.
///
/// # Errors
/// Where there is nothing to revoke, or the folder cannot be written.
pub fn revoke(args: &RevokeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let revoked = Authority::open(&args.ca, now_unix_s())?.revoke(&args.which)?;
    let list = args.ca.join(authority::REVOKED_FILE);
    if json {
        let serials: Vec<_> = revoked.iter().map(|one| &one.serial).collect();
        println!("{}", json!({"revoked": serials, "list": list}));
        return Ok(ExitCode::SUCCESS);
    }
    for one in revoked {
        println!("{}: {} is revoked", one.name, one.serial);
    }
    println!("{}: to the broker, which reads it when it starts", list.display());
    Ok(ExitCode::SUCCESS)
}

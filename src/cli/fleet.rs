//! `outpost fleet …`: what runs beside many boards, not on one. Arguments and printing only.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    fleet_authority, fleet_publish, fleet_rollout, fleet_simulate, fleet_store, stop_signal,
};
use crate::config::{Broker, Bus, broker_of};
use crate::limits::PACKET_BYTES_DEFAULT;
use crate::link::Endpoint;
use crate::update::rollout::Standing;
use crate::uplink::receive::{Observer, Setup, Totals};

/// What runs beside many boards
#[derive(Args, Clone, Debug)]
pub struct FleetArgs {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum FleetCommand {
    /// Make the keys of a fleet, and the root that boards begin to trust with
    Keys(fleet_publish::KeysArgs),
    /// Write release.json for the files in a folder
    Release(fleet_publish::ReleaseArgs),
    /// Sign a release and put it into a repository, a folder for any static host or a stick
    Publish(fleet_publish::PublishArgs),
    /// Bring a repository to S3, Azure or GCS, for boards that fetch it from there
    Upload(fleet_store::UploadArgs),
    /// Put new keys in the place of rollout, snapshot or timestamp, where they were stolen
    Rekey(fleet_store::RekeyArgs),
    /// Bring a published release to the boards in steps, by what they report; it stops by itself
    Rollout(fleet_rollout::RolloutArgs),
    /// How the rollouts stand
    Status(fleet_rollout::StatusArgs),
    /// Hold a rollout until `outpost fleet rollout` has it go on
    Pause(fleet_rollout::HaltArgs),
    /// End a rollout for good; boards that have the release keep it
    Abort(fleet_rollout::HaltArgs),
    /// Make a small certificate authority, and the broker's certificate
    Ca(fleet_authority::CaArgs),
    /// Sign a board's request for a certificate
    Enroll(fleet_authority::EnrollArgs),
    /// Sign the next certificates of boards that ask for them at a broker
    Renew(fleet_authority::RenewArgs),
    /// Revoke what a board has, and write the list for the broker
    Revoke(fleet_authority::RevokeArgs),
    /// Try a rollout with many boards in one process, on a broker of your own
    Simulate(fleet_simulate::SimulateArgs),
    /// Store the records of any number of boards in SQLite, each once, and tell them so
    Receive(ReceiveArgs),
}

/// A broker of another program.
#[derive(Args, Clone, Debug)]
pub struct BrokerArgs {
    /// The broker: mqtt://host[:1883] or mqtts://host[:8883]
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    url: String,
    /// User name at the broker
    #[arg(long, requires = "password_file")]
    username: Option<String>,
    /// File with the password
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// Certificate authorities (PEM), for mqtts; left out: the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Lists of revoked certificates (PEM); left out: none is looked for
    #[arg(long, value_name = "FILE")]
    crl_file: Option<PathBuf>,
    /// Our certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// Our key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
}

impl BrokerArgs {
    /// Where it is, for a connection of that name.
    ///
    /// # Errors
    /// Where the address is none.
    pub fn endpoint(&self, section: &str) -> anyhow::Result<Endpoint> {
        let broker = broker_of(&self.url).map_err(anyhow::Error::msg).context("--url")?;
        let Broker::Remote { .. } = &broker else { bail!("--url: a broker of another program") };
        let bus = Bus {
            broker,
            username: self.username.clone(),
            password_file: self.password_file.clone(),
            ca_file: self.ca_file.clone(),
            crl_file: self.crl_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            max_packet_bytes: PACKET_BYTES_DEFAULT,
        };
        Ok(Endpoint { section: section.into(), ..Endpoint::of(&bus) })
    }
}

#[derive(Args, Clone, Debug)]
struct ReceiveArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// The database; it is made where there is none
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// Our name at the broker: what waits there for us belongs to it
    #[arg(long, default_value = "outpost-receiver")]
    client_id: String,
}

/// Runs the subcommand.
///
/// # Errors
/// As the subcommand says.
pub fn run(args: FleetArgs, json: bool) -> anyhow::Result<ExitCode> {
    match args.command {
        FleetCommand::Keys(args) => fleet_publish::keys(&args, json),
        FleetCommand::Release(args) => fleet_publish::release(&args, json),
        FleetCommand::Publish(args) => fleet_publish::publish_release(&args, json),
        FleetCommand::Upload(args) => fleet_store::upload(args, json),
        FleetCommand::Rekey(args) => fleet_store::replace(&args, json),
        FleetCommand::Rollout(args) => fleet_rollout::rollout(args, json),
        FleetCommand::Status(args) => fleet_rollout::status(&args, json),
        FleetCommand::Pause(args) => fleet_rollout::halt(&args, Standing::Paused, json),
        FleetCommand::Abort(args) => fleet_rollout::halt(&args, Standing::Stopped, json),
        FleetCommand::Ca(args) => fleet_authority::ca(&args, json),
        FleetCommand::Enroll(args) => fleet_authority::enroll(&args, json),
        FleetCommand::Renew(args) => fleet_authority::renew(&args, json),
        FleetCommand::Revoke(args) => fleet_authority::revoke(&args, json),
        FleetCommand::Simulate(args) => fleet_simulate::simulate(args, json),
        FleetCommand::Receive(args) => receive(args, json),
    }
}

fn receive(args: ReceiveArgs, json: bool) -> anyhow::Result<ExitCode> {
    let endpoint = args.broker.endpoint("fleet receive")?;
    let setup = Setup { endpoint, client_id: args.client_id, database: args.database };
    // One thread stores, the other keeps the line alive meanwhile.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut printer = Printer { json, told: 0 };
    let totals =
        runtime.block_on(crate::uplink::receive::run(setup, stop_signal(), &mut printer))?;
    let line = line(&totals);
    if json {
        println!("{line}");
    } else {
        tracing::info!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(totals: &Totals) -> serde_json::Value {
    json!({
        "devices": totals.devices,
        "records": totals.records,
        "repeats": totals.repeats,
        "batches": totals.batches,
        "gaps": totals.gaps,
        "refused": totals.refused,
    })
}

/// With `--json` a line for each commit; else one for each hundred thousand records.
struct Printer {
    json: bool,
    told: u64,
}

impl Observer for Printer {
    fn stored(&mut self, totals: &Totals) {
        if self.json {
            println!("{}", line(totals));
        } else if totals.records / 100_000 > self.told {
            self.told = totals.records / 100_000;
            tracing::info!(records = totals.records, repeats = totals.repeats, "stored");
        }
    }

    fn line(&mut self, down: Option<&str>) {
        match down {
            None => tracing::info!("the broker has us"),
            Some(reason) => tracing::warn!(reason, "no broker"),
        }
    }
}

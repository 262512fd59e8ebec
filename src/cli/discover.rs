//! `outpost discover`: listens to what devices say of themselves and prints it as a piece of
//! configuration. It sends nothing but its subscription and changes nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::discover::{
    DEFAULT_PREFIX, Offer, Proposal, SEARCH_S, Standing, as_json, as_toml, is_taken, listen,
    standings,
};
use crate::limits;
use crate::link::Endpoint;

/// Arguments of `outpost discover`.
#[derive(Args, Clone, Debug)]
pub struct DiscoverArgs {
    /// Configuration whose [bus] is searched
    #[arg(long, conflicts_with = "url")]
    config: Option<PathBuf>,
    /// Broker to search, as mqtt://host:port [default: mqtt://127.0.0.1:1883]
    #[arg(long)]
    url: Option<String>,
    /// First level of Home Assistant's announcements; Homie's are below homie
    #[arg(long, default_value = DEFAULT_PREFIX)]
    prefix: String,
    /// Ask nodes of Sparkplug B that are heard for what they have; takes all of the seconds
    #[arg(long)]
    births: bool,
    /// Most seconds to search; it ends earlier when no more announcements come
    #[arg(long, default_value_t = SEARCH_S, value_parser = seconds)]
    seconds: u64,
}

fn seconds(text: &str) -> Result<u64, String> {
    let most = limits::DISCOVER_S_MAX;
    let found = text.parse().ok().filter(|found| (1..=most).contains(found));
    found.ok_or_else(|| format!("allowed is a whole number from 1 to {most}"))
}

/// Searches and prints the proposals.
///
/// # Errors
/// Where the broker cannot be reached in that time, or does not let us listen.
pub fn run(args: &DiscoverArgs, json: bool) -> anyhow::Result<ExitCode> {
    let config = match args.config.as_deref().map(super::run::load).transpose()? {
        Some(Err(code)) => return Ok(code),
        Some(Ok(config)) => Some(config),
        None => None,
    };
    let endpoint = match &config {
        Some(config) => Endpoint::of(&config.bus),
        None => of_url(args.url.as_deref().unwrap_or("mqtt://127.0.0.1:1883"))?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(listen(endpoint, &args.prefix, args.seconds, args.births))?;
    let mut proposals = found.proposals(&args.prefix);
    if let Some(config) = &config {
        proposals.retain(|one| !is_taken(config, one));
        stand(&standings(config, &found), json);
    }
    let (messages, left) = found.count();
    if left > 0 {
        tracing::warn!("{left} announcements beyond {messages} were not looked at");
    }
    print(&proposals, messages, json);
    Ok(ExitCode::SUCCESS)
}

/// What devices on a bus say of themselves, as proposals.
///
/// # Errors
/// Where the broker cannot be reached, or does not let us listen.
pub(super) fn search(endpoint: Endpoint) -> anyhow::Result<Vec<Proposal>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(listen(endpoint, DEFAULT_PREFIX, SEARCH_S, false))?;
    Ok(found.proposals(DEFAULT_PREFIX))
}

/// Where a broker is that is given by its address.
pub(super) fn of_url(url: &str) -> anyhow::Result<Endpoint> {
    let (host, port) = crate::plant::host_and_port(url)?;
    let mut endpoint = Endpoint::at(([127, 0, 0, 1], port).into());
    endpoint.host = host;
    Ok(endpoint)
}

/// Says which accepted devices announce themselves otherwise now, or not at all.
fn stand(all: &[(String, Standing)], json: bool) {
    for (name, standing) in all {
        if json {
            let how = match standing {
                Standing::Changed(how) => Some(how),
                _ => None,
            };
            println!("{}", json!({"accepted": name, "standing": standing.word(), "how": how}));
            continue;
        }
        match standing {
            Standing::Changed(how) => println!("# {name} is announced otherwise now: {how}"),
            Standing::Gone => println!("# {name} is no longer announced"),
            Standing::Away => println!("# {name}: its device says that it is away"),
            Standing::Unheard | Standing::AsAccepted => {}
        }
    }
}

fn print(proposals: &[Proposal], messages: usize, json: bool) {
    let counted = |what: fn(&Offer) -> bool| proposals.iter().filter(|it| what(&it.offer)).count();
    let sensors = counted(Offer::is_sensor);
    let actuators = counted(Offer::is_actuator);
    let left_out = proposals.len() - sensors - actuators;
    if json {
        for proposal in proposals {
            println!("{}", as_json(proposal));
        }
        println!(
            "{}",
            json!({
                "announcements": messages, "sensors": sensors, "actuators": actuators,
                "left_out": left_out,
            })
        );
        return;
    }
    print!("{}", as_toml(proposals));
    eprintln!(
        "{messages} announcements: {sensors} sensors and {actuators} actuators proposed, \
         {left_out} left out"
    );
}

//! `outpost discover`: listens to what devices say of themselves and prints it as a piece of
//! configuration. It sends nothing but its subscription and changes nothing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::discover::{
    Announcements, DEFAULT_PREFIX, Offer, Proposal, as_json, as_toml, homie_filters,
};
use crate::limits;
use crate::link::client::{LinkConfig, LinkEvent, Pace};
use crate::link::{Endpoint, spawn};

/// How long a search takes at most, in seconds, where nobody says.
const SEARCH_S: u64 = 10;

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
    let endpoint = match (&args.config, &args.url) {
        (Some(path), _) => match super::run::load(path)? {
            Ok(config) => Endpoint::of(&config.bus),
            Err(code) => return Ok(code),
        },
        (None, Some(url)) => of_url(url)?,
        (None, None) => of_url("mqtt://127.0.0.1:1883")?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(listen(endpoint, &args.prefix, args.seconds))?;
    let proposals = found.proposals(&args.prefix);
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
    let found = runtime.block_on(listen(endpoint, DEFAULT_PREFIX, SEARCH_S))?;
    Ok(found.proposals(DEFAULT_PREFIX))
}

/// Where a broker is that is given by its address.
pub(super) fn of_url(url: &str) -> anyhow::Result<Endpoint> {
    let (host, port) = crate::plant::host_and_port(url)?;
    let mut endpoint = Endpoint::at(([127, 0, 0, 1], port).into());
    endpoint.host = host;
    Ok(endpoint)
}

fn print(proposals: &[Proposal], messages: usize, json: bool) {
    let counted = |what: fn(&Offer) -> bool| proposals.iter().filter(|it| what(&it.offer)).count();
    let sensors = counted(|it| matches!(it, Offer::Sensor(_)));
    let actuators = counted(|it| matches!(it, Offer::Actuator(_)));
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

/// Listens until nothing more comes. Retained announcements come at once after the subscription.
async fn listen(endpoint: Endpoint, prefix: &str, seconds: u64) -> anyhow::Result<Announcements> {
    let place = format!("{}:{}", endpoint.host, endpoint.port);
    let (tell, mut events) = mpsc::channel(limits::LINK_EVENTS_MAX);
    let mut subscriptions = homie_filters();
    subscriptions.push(format!("{prefix}/#"));
    let config = LinkConfig {
        endpoint,
        client_id: format!("outpost-discover-{}", std::process::id()),
        is_lasting: false,
        will: None,
        subscriptions,
        receipts: Vec::new(),
        keep_alive: Duration::from_secs(limits::KEEP_ALIVE_S),
        pace: Pace::default(),
    };
    let link = spawn(config, tell).context("--prefix")?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let quiet = Duration::from_millis(limits::DISCOVER_QUIET_MS);
    let mut found = Announcements::default();
    // None: not yet connected.
    let mut quiet_at: Option<Instant> = None;
    let mut outage = "no answer".to_owned();
    loop {
        let until = quiet_at.map_or(end, |at| at.min(end));
        let event = tokio::select! {
            event = events.recv() => event,
            () = sleep_until(until) => None,
        };
        match event {
            Some(LinkEvent::Message { topic, payload, .. }) => {
                found.take(&topic, &payload);
                quiet_at = Some(Instant::now() + quiet);
            }
            Some(LinkEvent::Up { .. }) => quiet_at = Some(Instant::now() + quiet),
            Some(LinkEvent::Down { reason }) => (outage, quiet_at) = (reason, None),
            Some(LinkEvent::SubscriptionRefused { filter }) => {
                bail!("{place}: the broker refuses the subscription {filter}");
            }
            Some(_) => {}
            None if quiet_at.is_none() => bail!("{place}: {outage}"),
            None => break,
        }
    }
    link.close(Vec::new()).await;
    Ok(found)
}

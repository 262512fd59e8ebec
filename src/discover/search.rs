//! A search for devices that announce themselves: listens on a connection of its own and ends. It
//! sends nothing but its subscription; where that is wanted, it asks nodes of Sparkplug B for their
//! births.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Announcements, Offer, Proposal, homie_filters, sparkplug};
use crate::config::{Config, Line, Port};
use crate::limits;
use crate::link::sparkplug::{name, rebirth};
use crate::link::{Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace, spawn};

/// How long a search takes at most, in seconds, where nobody says.
pub const SEARCH_S: u64 = 10;

/// Whether the configuration has this value, or commands this device in this way, already.
#[must_use]
pub fn is_taken(config: &Config, proposal: &Proposal) -> bool {
    match &proposal.offer {
        Offer::Sensor(offer) => config.sensors.iter().any(|it| {
            let topic = it.port().and_then(Port::topic);
            topic == Some(offer.topic.as_str()) && it.field == offer.field
        }),
        Offer::Actuator(offer) => config
            .actuators
            .iter()
            .any(|it| it.port.topic() == Some(offer.topic.as_str()) && it.payload == offer.payload),
        Offer::Metric(offer) => {
            let is_it = |port: Option<&Port>| {
                let Some(Port::Line { line, name: on_line }) = port else { return false };
                let Some(Line::Sparkplug(node)) = config.lines.get(usize::from(*line)) else {
                    return false;
                };
                let is_node = (&node.group, &node.node) == (&offer.group, &offer.node);
                is_node && *on_line == name(offer.device.as_deref(), &offer.metric)
            };
            match offer.control {
                None => config.sensors.iter().any(|it| is_it(it.port())),
                Some(_) => config.actuators.iter().any(|it| is_it(Some(&it.port))),
            }
        }
        Offer::Nothing(_) => false,
    }
}

/// Listens until nothing more comes. Retained announcements come at once after the subscription.
///
/// # Errors
/// Where the broker cannot be reached in that time, or does not let us listen.
pub async fn listen(
    endpoint: Endpoint,
    prefix: &str,
    seconds: u64,
    births: bool,
) -> anyhow::Result<Announcements> {
    let place = format!("{}:{}", endpoint.host, endpoint.port);
    let (tell, mut events) = mpsc::channel(limits::LINK_EVENTS_MAX);
    let mut subscriptions = homie_filters();
    subscriptions.push(format!("{prefix}/#"));
    subscriptions.extend(sparkplug::filters(births));
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
    let mut asked = BTreeSet::new();
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
                if let Some(ask) = sparkplug::rebirth_of(&topic).filter(|_| births)
                    && asked.len() < limits::SPARKPLUG_ASKED_MAX
                    && asked.insert(ask.clone())
                {
                    ask_for_births(&link, ask);
                }
                if sparkplug::is_birth(&topic) || sparkplug::rebirth_of(&topic).is_none() {
                    found.take(&topic, &payload);
                }
                quiet_at = Some(if births { end } else { Instant::now() + quiet });
            }
            // Who is asked first has to say something.
            Some(LinkEvent::Up { .. }) if births => quiet_at = Some(end),
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

/// Asks a node for its births; where it cannot be asked it is found when it is born.
fn ask_for_births(link: &LinkHandle, topic: String) {
    let payload = rebirth();
    let class = Class::Command;
    let message = Outgoing { token: 0, topic, payload, retain: false, class };
    if let Err(error) = link.publish(message) {
        tracing::debug!(%error, "not asked for its births");
    }
}

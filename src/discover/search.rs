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
    let mut filters: BTreeSet<String> = homie_filters().into_iter().collect();
    filters.insert(format!("{prefix}/#"));
    filters.extend(sparkplug::filters(births));
    let config = LinkConfig {
        endpoint,
        client_id: format!("outpost-discover-{}", std::process::id()),
        is_lasting: false,
        will: None,
        subscriptions: filters.iter().cloned().collect(),
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
            // Said by the link. Rights to some of it are enough to find something.
            Some(LinkEvent::SubscriptionRefused { filter }) => {
                filters.remove(&filter);
                if filters.is_empty() {
                    bail!("{place}: the broker refuses all subscriptions, the last was {filter}");
                }
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

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rumqttc::{
        ConnAck, ConnectReturnCode, Error, Packet, Publish, QoS, SubAck, SubscribeReasonCode,
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::DEFAULT_PREFIX;
    use super::*;

    /// Lets one client listen where `allows` says so, and has one announcement.
    async fn broker(listener: TcpListener, allows: fn(&str) -> bool) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = (BytesMut::new(), BytesMut::new());
        loop {
            match Packet::read(&mut read, usize::MAX) {
                Ok(Packet::Connect(_)) => {
                    let answer = ConnAck::new(ConnectReturnCode::Success, false);
                    Packet::ConnAck(answer).write(&mut write, usize::MAX).unwrap();
                }
                Ok(Packet::Subscribe(asked)) => {
                    let code = |path: &str| match allows(path) {
                        true => SubscribeReasonCode::Success(QoS::AtLeastOnce),
                        false => SubscribeReasonCode::Failure,
                    };
                    let codes = asked.filters.iter().map(|filter| code(&filter.path)).collect();
                    let answer = Packet::SubAck(SubAck::new(asked.pkid, codes));
                    answer.write(&mut write, usize::MAX).unwrap();
                    let topic = "homeassistant/switch/a/config";
                    let one = Publish::new(topic, QoS::AtMostOnce, r#"{"command_topic":"a"}"#);
                    Packet::Publish(one).write(&mut write, usize::MAX).unwrap();
                }
                Ok(_) => {}
                Err(Error::InsufficientBytes(_)) => {
                    if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                Err(error) => panic!("{error}"),
            }
            if socket.write_all_buf(&mut write).await.is_err() {
                return;
            }
        }
    }

    async fn search(allows: fn(&str) -> bool) -> anyhow::Result<Announcements> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::at(listener.local_addr().unwrap());
        let serves = tokio::spawn(broker(listener, allows));
        let found = listen(endpoint, DEFAULT_PREFIX, 5, false).await;
        serves.abort();
        found
    }

    #[tokio::test]
    async fn a_search_fails_only_where_nothing_may_be_heard() {
        let found = search(|path| !path.starts_with("spBv1.0/")).await.unwrap();
        assert_eq!(found.count(), (1, 0));
        let error = search(|_| false).await.unwrap_err().to_string();
        assert!(error.contains("refuses all subscriptions"), "{error}");
    }
}

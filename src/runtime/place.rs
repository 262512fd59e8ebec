//! A simulated place on the bus and on a shared clock: the other side of the demo. It talks MQTT
//! like a real one; the agent can see nothing else. No judgement of the agent lives here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::{Clock, Pace, Tick};
use crate::limits;
use crate::link::{Class, Endpoint, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, Outgoing};
use crate::plant::{Message, Place};

/// A place with its connection.
pub struct PlaceOnBus {
    clock: Clock,
    pace: Pace,
    link: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
    /// Topics that the agent listens to: only these are in flight on the shared clock.
    heard: BTreeSet<String>,
    out: BTreeMap<u64, bool>,
    next_token: u64,
}

impl PlaceOnBus {
    /// Connects a place. `heard` are the topics that the agent subscribes to.
    ///
    /// # Errors
    /// Where the link refuses its configuration.
    pub fn new(
        place: &dyn Place,
        clock: Clock,
        endpoint: Endpoint,
        heard: BTreeSet<String>,
    ) -> Result<PlaceOnBus, LinkConfigError> {
        let (tell, events) = mpsc::channel(limits::LINK_EVENTS_MAX);
        let config = LinkConfig {
            endpoint,
            client_id: format!("plant-{}", place.name()),
            is_lasting: true,
            will: None,
            subscriptions: place.command_topics(),
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(limits::KEEP_ALIVE_S),
            pace: crate::link::client::Pace::default(),
        };
        let link = crate::link::spawn(config, tell)?;
        let pace = clock.join();
        let out = BTreeMap::new();
        Ok(PlaceOnBus { clock, pace, link, events, heard, out, next_token: 1 })
    }

    /// Waits until the bus is there. Virtual time stands still meanwhile.
    pub async fn connected(&mut self) {
        while let Some(event) = self.events.recv().await {
            if matches!(event, LinkEvent::Up { .. }) {
                return;
            }
        }
    }

    /// Lets the place live until its time is `until`.
    ///
    /// Cancel safe: the place and its messages are whole at every wait.
    pub async fn live(&mut self, place: &mut dyn Place, until: Duration) {
        while place.now() < until {
            for message in place.due_messages() {
                self.publish(message);
            }
            let wake = (place.now() + place.next_due().max(Duration::from_millis(1))).min(until);
            let wake = Tick(u64::try_from(wake.as_millis()).unwrap_or(u64::MAX));
            let event = self.pace.wait(wake, self.events.recv()).await;
            let now = Duration::from_millis(self.clock.now().tick.0);
            place.advance(now.saturating_sub(place.now()));
            match event {
                None => {}
                Some(Some(event)) => self.take(place, event),
                Some(None) => return,
            }
        }
    }

    fn take(&mut self, place: &mut dyn Place, event: LinkEvent) {
        match event {
            LinkEvent::Message { topic, payload, .. } => {
                place.command(&topic, &payload);
                for message in place.due_messages() {
                    self.publish(message);
                }
                self.clock.arrive(1);
            }
            LinkEvent::Acked { token } => {
                self.out.remove(&token);
            }
            LinkEvent::Lost { token } => {
                let heard = self.out.remove(&token) == Some(true);
                self.clock.arrive(usize::from(heard));
            }
            LinkEvent::Up { .. } => place.restate(),
            _ => {}
        }
    }

    fn publish(&mut self, message: Message) {
        let token = self.next_token;
        self.next_token += 1;
        let heard = self.heard.contains(&message.topic);
        if heard {
            self.clock.depart(1);
        }
        let outgoing = Outgoing {
            token,
            topic: message.topic,
            payload: message.payload.into_bytes(),
            retain: message.retain,
            // A sensor's radio does not repeat itself either.
            class: Class::Command,
        };
        match self.link.publish(outgoing) {
            Ok(()) => {
                self.out.insert(token, heard);
            }
            Err(error) => {
                tracing::warn!(%error, "a message of the place was lost");
                if heard {
                    self.clock.arrive(1);
                }
            }
        }
    }
}

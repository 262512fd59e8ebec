//! The reference receiver: batches of any number of devices from a broker into SQLite, each record
//! once, and its word back on `log-ack`. `docs/cloud.md` says the same for receivers of others.
//!
//! A message is the broker's until its records are stored (no PUBACK before), and a device hears of
//! them after that. Never here: a word about what is not on disk.

mod depot;
mod words;

pub use depot::{Depot, DepotError, Totals};

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;

use super::batch::{self, Batch};
use super::word::Word;
use crate::limits::{
    KEEP_ALIVE_S, LINK_EVENTS_MAX, RECEIVE_BYTES_AT_ONCE, RECEIVE_MESSAGES_AT_ONCE,
};
use crate::link::topics::{DeviceName, DeviceTopic};
use crate::link::{
    Class, Endpoint, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, Outgoing, Pace,
};

/// What a receiver is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The broker.
    pub endpoint: Endpoint,
    /// MQTT client id: the session, and what waits for us at the broker, belongs to it.
    pub client_id: String,
    /// The database's file.
    pub database: PathBuf,
}

/// Why a receiver does not start, or ends.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The link refuses its configuration.
    #[error("the broker's connection")]
    Link(#[from] LinkConfigError),
    /// The database refuses. What was not stored is still the broker's.
    #[error(transparent)]
    Depot(#[from] DepotError),
}

/// Looks on: what each commit brought.
pub trait Observer {
    /// Records were stored.
    fn stored(&mut self, totals: &Totals);
    /// The broker accepts us, or is gone, with the reason.
    fn line(&mut self, down: Option<&str>);
}

/// Receives until `shutdown` completes. Waits for no line to start.
///
/// # Errors
/// Where the database refuses: what was received and not stored comes again at the next start.
pub async fn run(
    setup: Setup,
    shutdown: impl Future<Output = ()>,
    observer: &mut dyn Observer,
) -> Result<Totals, ReceiveError> {
    let depot = Depot::open(&setup.database)?;
    let (events_in, mut events) = mpsc::channel(LINK_EVENTS_MAX);
    let link = crate::link::spawn(
        LinkConfig {
            endpoint: setup.endpoint,
            client_id: setup.client_id,
            is_lasting: true,
            will: None,
            subscriptions: vec![DeviceTopic::logs()],
            receipts: vec![DeviceTopic::logs()],
            keep_alive: Duration::from_secs(KEEP_ALIVE_S),
            pace: Pace::default(),
        },
        events_in,
    )?;
    let mut receiver =
        Receiver { depot, link, token: 0, waiting: Vec::new(), receipts: Vec::new() };
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let event = tokio::select! {
            () = shutdown.as_mut() => break,
            Some(event) = events.recv() => event,
        };
        let mut bytes = receiver.take(event, observer);
        // One commit for what has come meanwhile.
        while bytes < RECEIVE_BYTES_AT_ONCE
            && receiver.receipts.len() < RECEIVE_MESSAGES_AT_ONCE
            && let Ok(event) = events.try_recv()
        {
            bytes += receiver.take(event, observer);
        }
        receiver.store(observer)?;
    }
    receiver.store(observer)?;
    let Receiver { depot, link, .. } = receiver;
    link.close(Vec::new()).await;
    Ok(depot.totals())
}

struct Receiver {
    depot: Depot,
    link: LinkHandle,
    token: u64,
    waiting: Vec<(DeviceName, Batch)>,
    /// Of the messages that are waiting, or could not be read.
    receipts: Vec<u64>,
}

impl Receiver {
    /// Takes an event in; gives the bytes of a message.
    fn take(&mut self, event: LinkEvent, observer: &mut dyn Observer) -> usize {
        match event {
            LinkEvent::Message { topic, payload, receipt, .. } => {
                self.receipts.extend(receipt);
                let device = DeviceTopic::device_of_log(&topic);
                match (device, batch::decode(&payload)) {
                    (Some(device), Ok(batch)) => self.waiting.push((device, batch)),
                    (_, Err(error)) => {
                        tracing::error!(topic, %error, "a batch that cannot be read");
                        self.depot.refused();
                    }
                    (None, Ok(_)) => self.depot.refused(),
                }
                return payload.len();
            }
            LinkEvent::Oversize { topic, bytes, receipt } => {
                self.receipts.extend(receipt);
                tracing::error!(topic, bytes, "a batch that is too large");
                self.depot.refused();
            }
            LinkEvent::Up { .. } => {
                observer.line(None);
                // What a device has sent meanwhile may be lost with the broker: it asks then.
                for (device, word) in self.depot.words() {
                    self.say(&device, &word);
                }
            }
            LinkEvent::Down { reason } => observer.line(Some(&reason)),
            LinkEvent::SubscriptionRefused { filter } => {
                tracing::error!(filter, "the broker refuses what we are here for");
            }
            _ => {}
        }
        0
    }

    fn store(&mut self, observer: &mut dyn Observer) -> Result<(), DepotError> {
        let batches = std::mem::take(&mut self.waiting);
        if !batches.is_empty() {
            let words: BTreeMap<DeviceName, Word> = self.depot.store(&batches)?;
            for (device, word) in &words {
                self.say(device, word);
            }
            observer.stored(&self.depot.totals());
        }
        for receipt in self.receipts.drain(..) {
            self.link.settle(receipt);
        }
        Ok(())
    }

    fn say(&mut self, device: &DeviceName, word: &Word) {
        self.token += 1;
        let message = Outgoing {
            token: self.token,
            topic: DeviceTopic::LogAck.build(device),
            payload: word.payload(),
            retain: true,
            class: Class::State,
        };
        if let Err(error) = self.link.publish(message) {
            // The device probes, and is told then.
            tracing::warn!(%device, %error, "acknowledgement not sent");
        }
    }
}

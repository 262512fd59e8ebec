//! The MQTT client: one task that keeps a persistent session alive, for ever.
//!
//! It speaks MQTT 3.1.1 with the packets of `rumqttc` and not with its event loop. That one closes
//! the connection on a message above its limit, which a persistent session then brings back for
//! ever; repeats unacknowledged commands after a break; wedges on a packet id (rumqtt issues 1056
//! and 1014); and acknowledges a message before anyone has taken it.
//!
//! What it promises: every message that is accepted by [`LinkHandle::publish`] ends once, as
//! [`LinkEvent::Acked`] or [`LinkEvent::Lost`], or with the link; a command is never repeated; a
//! message from the broker is acknowledged when it is in the events channel, or, where it needs a
//! receipt, when its owner has settled that, not before, and in order; a full channel makes the
//! broker wait. What it never does: drop what it was given without saying so,
//! or look at the wall clock.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

pub use super::backoff::Pace;
use super::backoff::{Backoff, Ended, Next};
use super::connect;
use super::outbox::Outbox;
use super::receipts::Receipts;
use super::session::{End, Session};
use super::topics::{valid_filter, valid_topic_name};
use super::wanted::Wanted;
use super::wire::Reply;
use crate::config::{Broker, Bus};
use crate::limits::{CLOSE_MS_MAX, OUTGOING_BYTES_MAX, PACKET_BYTES_DEFAULT};

/// Where the broker is and how we show who we are.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The section of the configuration that says so: errors name it.
    pub section: String,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `mqtts`
    pub tls: bool,
    /// User name.
    pub username: Option<String>,
    /// File with the password, read at every connection.
    pub password_file: Option<PathBuf>,
    /// Certificate authorities (PEM), read at every connection; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Lists of revoked certificates (PEM), read at every connection.
    pub crl_file: Option<PathBuf>,
    /// Our certificate (PEM).
    pub cert_file: Option<PathBuf>,
    /// Our key (PEM).
    pub key_file: Option<PathBuf>,
    /// Largest message (topic and payload) that is read, in bytes; a larger one is dropped.
    pub max_packet_bytes: usize,
}

impl Endpoint {
    /// The broker of a checked configuration.
    #[must_use]
    pub fn of(bus: &Bus) -> Endpoint {
        let (host, port, tls) = match &bus.broker {
            Broker::Embedded { listen } => (listen.ip().to_string(), listen.port(), false),
            Broker::Remote { host, port, tls } => (host.clone(), *port, *tls),
        };
        Endpoint {
            section: "bus".into(),
            host,
            port,
            tls,
            username: bus.username.clone(),
            password_file: bus.password_file.clone(),
            ca_file: bus.ca_file.clone(),
            crl_file: bus.crl_file.clone(),
            cert_file: bus.cert_file.clone(),
            key_file: bus.key_file.clone(),
            max_packet_bytes: bus.max_packet_bytes,
        }
    }

    /// A plain broker at `address`, without a user.
    #[must_use]
    pub fn at(address: SocketAddr) -> Endpoint {
        Endpoint {
            section: "bus".into(),
            host: address.ip().to_string(),
            port: address.port(),
            tls: false,
            username: None,
            password_file: None,
            ca_file: None,
            crl_file: None,
            cert_file: None,
            key_file: None,
            max_packet_bytes: PACKET_BYTES_DEFAULT,
        }
    }
}

/// What the broker publishes, retained and with QoS 1, when we vanish.
#[derive(Clone, Debug)]
pub struct Will {
    /// Topic name.
    pub topic: String,
    /// Payload, 65,535 bytes at most.
    pub payload: Vec<u8>,
}

/// One client of the bus.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Broker.
    pub endpoint: Endpoint,
    /// The same at every start, since the session belongs to it; unique at the broker.
    pub client_id: String,
    /// The broker keeps our session while we are away. A client that only looks leaves none behind.
    pub is_lasting: bool,
    /// Last will.
    pub will: Option<Will>,
    /// Filters; messages of an old session that match none of them are dropped.
    pub subscriptions: Vec<String>,
    /// Filters of messages that are acknowledged only when the owner has settled their receipt.
    pub receipts: Vec<String>,
    /// The broker gives up on us after 1.5 times this, and we on it. Whole seconds, 1 at least.
    pub keep_alive: Duration,
    /// The link's times.
    pub pace: Pace,
}

/// Why a link cannot be started.
#[derive(Debug, Error)]
pub enum LinkConfigError {
    /// The session needs a name.
    #[error("client id: found {bytes} bytes, allowed are 1 to 65535")]
    ClientId {
        /// Its length.
        bytes: usize,
    },
    /// A subscription that no broker accepts.
    #[error("subscription {filter:?} is no valid MQTT filter")]
    Filter {
        /// What was found.
        filter: String,
    },
    /// A last will that no broker accepts.
    #[error("last will on {topic:?} with {bytes} bytes: no valid topic, or above 65535 bytes")]
    Will {
        /// Its topic.
        topic: String,
        /// Length of its payload.
        bytes: usize,
    },
    /// A keep-alive that MQTT cannot say.
    #[error("keep-alive {found:?}: allowed are 1 to 65535 whole seconds")]
    KeepAlive {
        /// What was found.
        found: Duration,
    },
}

impl LinkConfig {
    fn check(&self) -> Result<(), LinkConfigError> {
        let bytes = self.client_id.len();
        if bytes == 0 || bytes > usize::from(u16::MAX) {
            return Err(LinkConfigError::ClientId { bytes });
        }
        let mut filters = self.subscriptions.iter().chain(&self.receipts);
        if let Some(filter) = filters.find(|filter| !valid_filter(filter)) {
            return Err(LinkConfigError::Filter { filter: filter.clone() });
        }
        if let Some(Will { topic, payload }) = &self.will
            && (!valid_topic_name(topic) || payload.len() > usize::from(u16::MAX))
        {
            return Err(LinkConfigError::Will { topic: topic.clone(), bytes: payload.len() });
        }
        let found = self.keep_alive;
        if found.subsec_nanos() != 0 || !(1..=u64::from(u16::MAX)).contains(&found.as_secs()) {
            return Err(LinkConfigError::KeepAlive { found });
        }
        Ok(())
    }
}

/// What the link tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Accepted, and every subscription answered. Messages of the old session may come before.
    Up {
        /// The broker still had our session.
        session_present: bool,
    },
    /// No connection; once for an outage, with its first reason.
    Down {
        /// For the operator.
        reason: String,
    },
    /// A message.
    Message {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
        /// It was stored at the broker before we subscribed.
        retained: bool,
        /// To be settled by [`LinkHandle::settle`]; until then the broker has no PUBACK and would
        /// bring the message again.
        receipt: Option<u64>,
    },
    /// The broker has the message (PUBACK).
    Acked {
        /// Of [`Outgoing`].
        token: u64,
    },
    /// The message was given up: a command or a batch that met a break, a state that was replaced
    /// by a newer one, a log message that was pushed out of its queue. The broker may have got it
    /// all the same.
    Lost {
        /// Of [`Outgoing`].
        token: u64,
    },
    /// A message above the limit was dropped; acknowledged as any other, it does not come again.
    Oversize {
        /// Its topic, where that could be read.
        topic: Option<String>,
        /// Length of topic and payload.
        bytes: usize,
        /// As of a message.
        receipt: Option<u64>,
    },
    /// A message whose topic is no text, or holds what no topic may hold, was dropped.
    Unreadable {
        /// Length of topic and payload.
        bytes: usize,
    },
    /// The broker refused a subscription; its messages will not come. Said at each connection.
    SubscriptionRefused {
        /// The filter.
        filter: String,
    },
    /// The broker closes our connection soon after it accepted it, again and again: most likely
    /// another client uses our id. (Some brokers do the same to a client that may not publish.)
    /// The link waits long before it tries again.
    Takeover {
        /// Connections lost that way.
        count: u32,
    },
}

/// What a message is, which decides what a break does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// To an actuator: sent now or never.
    Command,
    /// What is: only the newest of a topic counts, and it is sent until acknowledged.
    State,
    /// What happened: sent in order until acknowledged.
    Log,
    /// Of the journal: given back at a break, since its owner knows from where to begin again.
    Batch,
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Class::Command => "commands",
            Class::State => "states",
            Class::Log => "log messages",
            Class::Batch => "batches",
        })
    }
}

/// A message to the broker, QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The caller's name for it, in `Acked` and `Lost`.
    pub token: u64,
    /// Topic name.
    pub topic: String,
    /// Payload, at most `OUTGOING_BYTES_MAX` bytes.
    pub payload: Vec<u8>,
    /// The broker keeps it for later subscribers.
    pub retain: bool,
    /// What a break does to it.
    pub class: Class,
}

/// Why a message was not accepted; no event will follow for it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PublishError {
    /// Nobody reads the link's events any more, so it has ended.
    #[error("the link to the broker has ended")]
    Ended,
    /// Too much waits already; try again when something has ended.
    #[error("too many {class} wait for the broker")]
    QueueFull {
        /// Whose queue.
        class: Class,
    },
    /// No such topic can be published to.
    #[error("topic {topic:?} cannot be published to")]
    Topic {
        /// What was found.
        topic: String,
    },
    /// The payload is too large.
    #[error("message to {topic:?} has {bytes} bytes, allowed are {OUTGOING_BYTES_MAX}")]
    TooLarge {
        /// Its topic.
        topic: String,
        /// Its length.
        bytes: usize,
    },
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that the broker accepted.
    pub connections: u64,
    /// Messages given to the owner.
    pub messages: u64,
    /// Messages dropped because of their size.
    pub oversize: u64,
    /// Messages dropped because of their topic.
    pub unreadable: u64,
    /// Messages dropped because no subscription of ours asks for them.
    pub unwanted: u64,
    /// Log messages pushed out of their queue.
    pub logs_dropped: u64,
}

/// What the handle and the task share. The lock is held for moments, never across an await.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something was put in, or closing was asked.
    pub(super) changed: Notify,
    /// There may be a line again.
    hurry: Notify,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) outbox: Outbox,
    pub(super) receipts: Receipts,
    pub(super) counters: Counters,
    pub(super) closing: bool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics under this lock; if it did, the queues would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was left when the link was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Everything that was accepted has its PUBACK, the last words included.
    pub complete: bool,
}

/// The owner's end of the link. Dropped without [`LinkHandle::close`], the connection breaks and
/// the broker publishes the last will.
pub struct LinkHandle {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl LinkHandle {
    /// Takes a message in; what becomes of it comes as an event. Never waits.
    ///
    /// # Errors
    /// [`PublishError`]; then nothing was taken in.
    pub fn publish(&self, outgoing: Outgoing) -> Result<(), PublishError> {
        if self.task.is_finished() {
            return Err(PublishError::Ended);
        }
        let result = self.shared.lock().outbox.push(outgoing);
        self.shared.changed.notify_one();
        result
    }

    /// The message with this receipt is safe with its owner: the broker may forget it.
    pub fn settle(&self, receipt: u64) {
        self.shared.lock().receipts.settle(receipt);
        self.shared.changed.notify_one();
    }

    /// There may be a line again: a pause between two attempts ends now. Without one, nothing
    /// happens.
    pub fn hurry(&self) {
        self.shared.hurry.notify_waiters();
    }

    /// Counts since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let state = self.shared.lock();
        Counters { logs_dropped: state.outbox.logs_dropped(), ..state.counters }
    }

    /// Publishes the last words, waits for their PUBACKs for at most `CLOSE_MS_MAX`, and
    /// disconnects, so that the last will stays unsaid. Without a connection it gives up at once.
    /// Events may be left unread meanwhile; messages that come now stay with the broker.
    pub async fn close(mut self, last: Vec<Outgoing>) -> Closed {
        {
            let mut state = self.shared.lock();
            for outgoing in last {
                if let Err(error) = state.outbox.push(outgoing) {
                    tracing::warn!(%error, "last words not sent");
                }
            }
            state.closing = true;
        }
        self.shared.changed.notify_one();
        // The task keeps the bound itself; the second is for a runtime that is slow.
        let bound = Duration::from_millis(CLOSE_MS_MAX + 1000);
        let ended = timeout(bound, &mut self.task).await.is_ok();
        Closed { complete: ended && self.shared.lock().outbox.is_idle() }
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the link on the current runtime. It connects by itself, and again whenever it must;
/// it ends when the handle is closed or dropped or when nobody reads `events` any more.
///
/// # Errors
/// [`LinkConfigError`] where the configuration can never work.
pub fn spawn(
    config: LinkConfig,
    events: mpsc::Sender<LinkEvent>,
) -> Result<LinkHandle, LinkConfigError> {
    config.check()?;
    let shared = Arc::new(Shared::default());
    let link = Link {
        wanted: Wanted::new(&config.subscriptions, &config.receipts),
        backoff: Backoff::new(config.pace, rand::make_rng()),
        config,
        shared: Arc::clone(&shared),
        events,
        waiting: VecDeque::new(),
        outage_said: false,
    };
    Ok(LinkHandle { shared, task: tokio::spawn(link.run()) })
}

/// The link has nothing more to do.
struct Over;

struct Link {
    config: LinkConfig,
    wanted: Wanted,
    shared: Arc<Shared>,
    events: mpsc::Sender<LinkEvent>,
    backoff: Backoff,
    /// Events on their way to the owner, and what the broker is told once they are there.
    waiting: VecDeque<(LinkEvent, Reply)>,
    outage_said: bool,
}

impl Link {
    async fn run(mut self) {
        while let Ok(next) = self.attempt().await {
            if self.pause(next).await.is_err() {
                break;
            }
        }
    }

    /// Connects and stays connected as long as it lasts.
    async fn attempt(&mut self) -> Result<Next, Over> {
        let attempt = connect::open(&self.config);
        let accepted = tokio::select! {
            accepted = attempt => accepted,
            over = attend(&self.shared, &self.events, &mut self.waiting) => return Err(over),
        };
        let (reason, ended) = match accepted {
            Err(error) => {
                // The error names a key; the section is known here.
                let reason = format!("{}: {error}", self.config.endpoint.section);
                (reason, Ended { lived: None, by_broker: false })
            }
            Ok(accepted) => {
                self.shared.lock().counters.connections += 1;
                let began = Instant::now();
                let session = Session::new(
                    &self.config,
                    &self.wanted,
                    &self.shared,
                    &self.events,
                    &mut self.waiting,
                );
                let (end, was_up) = session.run(accepted).await;
                let lived = Some(began.elapsed());
                self.outage_said &= !was_up;
                {
                    let mut state = self.shared.lock();
                    state.outbox.set_down();
                    state.receipts.clear();
                }
                // Without its acknowledgement a message comes again with the next session.
                self.waiting.retain(|(_, reply)| *reply == Reply::None);
                match end {
                    End::Asked | End::OwnerGone => return Err(Over),
                    End::Broken(broken) => {
                        (broken.to_string(), Ended { lived, by_broker: broken.by_broker() })
                    }
                }
            }
        };
        Ok(self.note_end(reason, ended))
    }

    fn note_end(&mut self, reason: String, ended: Ended) -> Next {
        let next = self.backoff.after(ended, Instant::now());
        let wait_ms = u64::try_from(next.wait.as_millis()).unwrap_or(u64::MAX);
        if self.outage_said {
            tracing::debug!(reason, wait_ms, "still no connection to the broker");
        } else {
            tracing::warn!(reason, wait_ms, "no connection to the broker");
            self.waiting.push_back((LinkEvent::Down { reason }, Reply::None));
            self.outage_said = true;
        }
        if let Some(count) = next.takeover {
            tracing::error!(
                count,
                client_id = self.config.client_id,
                "another client seems to use our client id"
            );
            self.waiting.push_back((LinkEvent::Takeover { count }, Reply::None));
        }
        next
    }

    async fn pause(&mut self, next: Next) -> Result<(), Over> {
        let until = Instant::now() + next.wait;
        tokio::select! {
            () = sleep_until(until) => Ok(()),
            () = self.shared.hurry.notified() => Ok(()),
            over = attend(&self.shared, &self.events, &mut self.waiting) => Err(over),
        }
    }
}

/// Gives events to the owner while there is no connection. Comes back when the link is over.
/// Cancel safe: an event leaves `waiting` only with a place in the channel.
async fn attend(
    shared: &Shared,
    events: &mpsc::Sender<LinkEvent>,
    waiting: &mut VecDeque<(LinkEvent, Reply)>,
) -> Over {
    loop {
        {
            let mut state = shared.lock();
            if state.closing {
                return Over;
            }
            if waiting.is_empty()
                && let Some(end) = state.outbox.next_end()
            {
                waiting.push_back((end, Reply::None));
            }
        }
        tokio::select! {
            place = events.reserve(), if !waiting.is_empty() => {
                let Ok(place) = place else { return Over };
                if let Some((event, _)) = waiting.pop_front() {
                    place.send(event);
                }
            }
            () = shared.changed.notified() => {}
            () = events.closed() => return Over,
        }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

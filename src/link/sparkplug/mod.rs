//! Edge nodes of Sparkplug B on the bus: births, data and deaths become words, settings become
//! commands. One task for each node, with a connection of its own.
//!
//! What it promises: a value counts as long as its device lives, and no longer; after a message
//! that is missing the node is asked to tell everything again, ever more seldom while it does not;
//! a command is sent once, or `Lost`, and what the device says after it is its proof. What it never
//! does: judge a value, repeat a command, make the loop wait.

mod node;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Endpoint;
use super::client::{Class, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace};
use super::serial::{Counters, LineEvent, LineHandle, Set, WordKind};
use crate::config::Sparkplug;
use crate::limits::{
    FAULT_REPORT_INTERVAL_MS, KEEP_ALIVE_S, LINK_EVENTS_MAX, SERIAL_SETS_MAX,
    SOURCE_TROUBLES_SAID_MAX, SPARKPLUG_REBIRTH_MS_MAX, SPARKPLUG_REBIRTH_MS_MIN,
    SPARKPLUG_SETTLE_MS, SPARKPLUG_UNBORN_MS,
};
use node::{Kind, News, Node};

/// First level of all topics of Sparkplug B.
const ROOT: &str = "spBv1.0";
/// The token of messages that are no commands of the agent's.
const NO_TOKEN: u64 = u64::MAX;

/// What a metric is called on its line.
#[must_use]
pub fn name(device: Option<&str>, metric: &str) -> String {
    format!("{}/{metric}", device.unwrap_or_default())
}

/// The message that asks a node to tell everything again.
#[must_use]
pub fn rebirth() -> Vec<u8> {
    node::rebirth(unix_ms())
}

/// Starts to listen to a node; `names` are those of its metrics.
#[must_use]
pub fn spawn(
    line: u16,
    config: &Sparkplug,
    names: &[String],
    (endpoint, client_id): (Endpoint, String),
    events: mpsc::Sender<LineEvent>,
) -> LineHandle {
    let (give, sets) = mpsc::channel(SERIAL_SETS_MAX);
    let (tell, news) = mpsc::channel(LINK_EVENTS_MAX);
    let at =
        |kind: &str, rest: &str| format!("{ROOT}/{}/{kind}/{}{rest}", config.group, config.node);
    let filters =
        Kind::ALL.iter().map(|(word, kind)| at(word, if kind.is_of_device() { "/+" } else { "" }));
    let counters = Arc::new(Mutex::new(Counters::default()));
    let link = super::spawn(
        LinkConfig {
            endpoint,
            client_id,
            is_lasting: false,
            will: None,
            subscriptions: filters.collect(),
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(KEEP_ALIVE_S),
            pace: Pace::default(),
        },
        tell,
    );
    let link = match link {
        Ok(link) => link,
        Err(error) => {
            let reason = error.to_string();
            let task = async move { drop(events.send(LineEvent::Down { line, reason }).await) };
            return LineHandle::of(give, counters, tokio::spawn(task));
        }
    };
    let listener = Listener {
        line,
        config: config.clone(),
        node: Node::new(names),
        link,
        events,
        counters: counters.clone(),
        rebirth: Rebirth::default(),
        is_up: false,
        up_due: None,
        unborn_due: None,
        outage_said: false,
        said: (0, Instant::now()),
    };
    LineHandle::of(give, counters, tokio::spawn(listener.run(news, sets)))
}

/// When the node is asked to tell everything again.
#[derive(Default)]
struct Rebirth {
    due: Option<Instant>,
    not_before: Option<Instant>,
    pause_ms: u64,
}

impl Rebirth {
    fn want(&mut self, now: Instant) {
        self.due.get_or_insert(self.not_before.map_or(now, |at| at.max(now)));
    }

    fn asked(&mut self, now: Instant) {
        let pause = self.pause_ms.max(SPARKPLUG_REBIRTH_MS_MIN);
        self.pause_ms = (2 * pause).min(SPARKPLUG_REBIRTH_MS_MAX);
        self.not_before = Some(now + Duration::from_millis(pause));
        // Again, until it is born.
        self.due = self.not_before;
    }

    fn born(&mut self) {
        (self.due, self.pause_ms) = (None, 0);
    }
}

/// The owner is gone.
struct Over;

struct Listener {
    line: u16,
    config: Sparkplug,
    node: Node,
    link: LinkHandle,
    events: mpsc::Sender<LineEvent>,
    counters: Arc<Mutex<Counters>>,
    rebirth: Rebirth,
    is_up: bool,
    /// When it is up at the latest: its devices are born one after the other.
    up_due: Option<Instant>,
    /// When devices that were not born again after their node are gone.
    unborn_due: Option<Instant>,
    /// That nothing comes from it was said.
    outage_said: bool,
    /// Troubles said since when.
    said: (usize, Instant),
}

impl Listener {
    async fn run(mut self, mut news: mpsc::Receiver<LinkEvent>, mut sets: mpsc::Receiver<Set>) {
        let mut again = interval(self.config.every);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (rebirth, up, unborn) = (self.rebirth.due, self.up_due, self.unborn_due);
            let or_now = |due: Option<Instant>| due.unwrap_or_else(Instant::now);
            let done = tokio::select! {
                event = news.recv() => match event {
                    Some(event) => self.link_news(event).await,
                    None => Err(Over),
                },
                set = sets.recv() => match set {
                    Some(set) => self.obey(set).await,
                    None => Err(Over),
                },
                _ = again.tick() => self.say_again().await,
                () = sleep_until(or_now(up)), if up.is_some() => self.up().await,
                () = sleep_until(or_now(unborn)), if unborn.is_some() => self.bury_unborn().await,
                () = sleep_until(or_now(rebirth)), if rebirth.is_some() => {
                    self.ask_rebirth();
                    Ok(())
                }
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn link_news(&mut self, event: LinkEvent) -> Result<(), Over> {
        match event {
            LinkEvent::Up { .. } => {
                // Births are not kept by the broker.
                self.node.unheard();
                self.rebirth.want(Instant::now());
                Ok(())
            }
            LinkEvent::Down { reason } => {
                self.node.unheard();
                self.rebirth.due = None;
                self.away(format!("no connection to the broker: {reason}")).await
            }
            LinkEvent::Message { topic, payload, .. } => {
                let levels: Vec<&str> = topic.split('/').collect();
                let (word, device) = match levels[..] {
                    [_, _, word, _] => (word, ""),
                    [_, _, word, _, device] => (word, device),
                    _ => return Ok(()),
                };
                let Some((_, kind)) = Kind::ALL.iter().find(|(known, _)| *known == word) else {
                    return Ok(());
                };
                for one in self.node.take(*kind, device, &payload) {
                    self.tell(one).await?;
                }
                // Who is born over and over gets no more time for its devices.
                let due = self
                    .unborn_due
                    .unwrap_or_else(|| Instant::now() + Duration::from_millis(SPARKPLUG_UNBORN_MS));
                self.unborn_due = self.node.has_unborn().then_some(due);
                match self.up_due {
                    Some(_) if self.node.is_whole() => self.up().await,
                    _ => Ok(()),
                }
            }
            LinkEvent::Lost { token } if token != NO_TOKEN => {
                self.send(LineEvent::Lost { token }).await
            }
            LinkEvent::SubscriptionRefused { filter } => {
                let text = format!("the broker refuses our subscription to {filter}");
                self.trouble(text).await
            }
            _ => Ok(()),
        }
    }

    async fn tell(&mut self, news: News) -> Result<(), Over> {
        let line = self.line;
        match news {
            News::Born => {
                self.rebirth.born();
                self.count(|counters| counters.opened += 1);
                self.outage_said = false;
                // Told everything again, it has not come anew.
                if !self.is_up {
                    let settle = Duration::from_millis(SPARKPLUG_SETTLE_MS);
                    self.up_due = Some(Instant::now() + settle);
                }
                Ok(())
            }
            News::Dead => self.away("the node has died".into()).await,
            News::Value(name, value) => {
                self.count(|counters| counters.words += 1);
                self.send(LineEvent::Word { line, name, kind: WordKind::Any, value }).await
            }
            News::Silent(name) => {
                let is_there = self.node.is_there(name);
                self.send(LineEvent::Silent { line, name, is_there }).await
            }
            News::Lost => {
                self.count(|counters| counters.missing += 1);
                self.rebirth.want(Instant::now());
                Ok(())
            }
            News::Trouble(text) => {
                self.count(|counters| counters.damaged += 1);
                self.trouble(text).await
            }
        }
    }

    async fn bury_unborn(&mut self) -> Result<(), Over> {
        self.unborn_due = None;
        for one in self.node.bury_unborn() {
            self.tell(one).await?;
        }
        Ok(())
    }

    /// It can be commanded.
    async fn up(&mut self) -> Result<(), Over> {
        (self.is_up, self.up_due) = (true, None);
        tracing::info!(node = self.config.name, "it lives");
        self.send(LineEvent::Up { line: self.line }).await
    }

    /// Said once for an outage.
    async fn away(&mut self, reason: String) -> Result<(), Over> {
        (self.is_up, self.up_due) = (false, None);
        if std::mem::replace(&mut self.outage_said, true) {
            return Ok(());
        }
        self.send(LineEvent::Down { line: self.line, reason }).await
    }

    async fn trouble(&mut self, text: String) -> Result<(), Over> {
        let text = format!("Sparkplug {}: {text}", self.config.name);
        let quiet = Duration::from_millis(FAULT_REPORT_INTERVAL_MS);
        if self.said.1.elapsed() >= quiet {
            self.said = (0, Instant::now());
        }
        self.said.0 += 1;
        if self.said.0 > SOURCE_TROUBLES_SAID_MAX {
            tracing::warn!("{text}");
            return Ok(());
        }
        self.send(LineEvent::Notice { line: self.line, text }).await
    }

    /// What has not changed is as true as before while node and device live.
    async fn say_again(&mut self) -> Result<(), Over> {
        for (name, value) in self.node.values() {
            if self.is_up {
                let (line, kind) = (self.line, WordKind::Reading);
                self.send(LineEvent::Word { line, name, kind, value }).await?;
            }
        }
        Ok(())
    }

    fn ask_rebirth(&mut self) {
        self.rebirth.asked(Instant::now());
        let topic = format!("{ROOT}/{}/NCMD/{}", self.config.group, self.config.node);
        if let Err(error) = self.publish(NO_TOKEN, topic, rebirth()) {
            tracing::debug!(error, "a rebirth is not asked for");
        }
    }

    async fn obey(&mut self, set: Set) -> Result<(), Over> {
        let order = self.node.order(&set.name, &set.setting, unix_ms());
        let sent = order.and_then(|(device, payload)| {
            let Sparkplug { group, node, .. } = &self.config;
            let topic = match device.is_empty() {
                true => format!("{ROOT}/{group}/NCMD/{node}"),
                false => format!("{ROOT}/{group}/DCMD/{node}/{device}"),
            };
            self.publish(set.token, topic, payload)
        });
        if let Err(reason) = sent {
            self.send(LineEvent::Lost { token: set.token }).await?;
            return self.trouble(format!("a command is not sent: {reason}")).await;
        }
        Ok(())
    }

    fn publish(&self, token: u64, topic: String, payload: Vec<u8>) -> Result<(), String> {
        let message = Outgoing { token, topic, payload, retain: false, class: Class::Command };
        self.link.publish(message).map_err(|error| error.to_string())
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn send(&mut self, event: LineEvent) -> Result<(), Over> {
        self.events.send(event).await.map_err(|_| Over)
    }
}

/// Stamps of messages; receivers do not judge by them.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

//! The watch over accepted devices on a connection of its own, so that the agent neither knows nor
//! waits. It sends nothing but subscriptions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::watch::{Watch, Word};
use crate::config::Config;
use crate::limits::{
    DISCOVER_QUIET_MS, DISCOVER_RESUBSCRIBE_MS, DISCOVER_WORDS_WAIT_MAX, KEEP_ALIVE_S,
    LINK_EVENTS_MAX,
};
use crate::link::topics::DeviceName;
use crate::link::{Endpoint, LinkConfig, LinkConfigError, LinkEvent, LinkHandle, Pace, spawn};

/// Watches until the receiver of its words is gone; none where nothing was accepted from an
/// announcement. How each stands goes into `shown`, as JSON.
///
/// # Errors
/// Where the announcements cannot be subscribed to.
pub fn watch(
    config: &Arc<Config>,
    device: &DeviceName,
    endpoint: Endpoint,
    shown: watch::Sender<Arc<str>>,
) -> Result<Option<mpsc::Receiver<Word>>, LinkConfigError> {
    if config.announced.is_empty() {
        return Ok(None);
    }
    let watch = Watch::new(Arc::clone(config));
    let client_id = format!("{}-devices", device.client_id());
    let (say, words) = mpsc::channel(DISCOVER_WORDS_WAIT_MAX);
    let line = Line::open(&endpoint, &format!("{client_id}-0"), watch.filters())?;
    tokio::spawn(Watcher { watch, endpoint, client_id, line, lines: 1, say, shown }.run());
    Ok(Some(words))
}

/// A connection with what it has subscribed to.
struct Line {
    events: mpsc::Receiver<LinkEvent>,
    link: LinkHandle,
    filters: BTreeSet<String>,
    since: Instant,
}

impl Line {
    fn open(
        endpoint: &Endpoint,
        client_id: &str,
        filters: BTreeSet<String>,
    ) -> Result<Line, LinkConfigError> {
        let (tell, events) = mpsc::channel(LINK_EVENTS_MAX);
        let config = LinkConfig {
            endpoint: endpoint.clone(),
            client_id: client_id.to_owned(),
            is_lasting: false,
            will: None,
            subscriptions: filters.iter().cloned().collect(),
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(KEEP_ALIVE_S),
            pace: Pace::default(),
        };
        Ok(Line { link: spawn(config, tell)?, events, filters, since: Instant::now() })
    }
}

struct Watcher {
    watch: Watch,
    endpoint: Endpoint,
    client_id: String,
    line: Line,
    /// How many there were.
    lines: u64,
    say: mpsc::Sender<Word>,
    shown: watch::Sender<Arc<str>>,
}

impl Watcher {
    async fn run(mut self) {
        let began = Instant::now();
        let mut pace = tokio::time::interval(Duration::from_millis(DISCOVER_QUIET_MS));
        loop {
            tokio::select! {
                () = self.say.closed() => return,
                event = self.line.events.recv() => match event {
                    None => return,
                    Some(LinkEvent::Up { .. }) => self.watch.up(),
                    Some(LinkEvent::Down { .. }) => self.watch.down(),
                    Some(LinkEvent::Message { topic, payload, .. }) => {
                        self.watch.take(&topic, &payload);
                    }
                    Some(LinkEvent::SubscriptionRefused { filter }) => {
                        tracing::warn!(filter, "the broker does not let us watch a device");
                        self.watch.refuse(filter);
                    }
                    Some(_) => {}
                },
                _ = pace.tick() => {
                    for word in self.watch.look(began.elapsed()) {
                        if self.say.send(word).await.is_err() {
                            return;
                        }
                    }
                    let text = self.watch.as_json().to_string();
                    self.shown.send_if_modified(|old| {
                        let is_new = **old != *text;
                        if is_new {
                            *old = Arc::from(text.as_str());
                        }
                        is_new
                    });
                    self.widen().await;
                }
            }
        }
    }

    /// Subscribes also to where the devices say that they are there, once that is known. Seldom:
    /// who changes that all the time is heard as before.
    async fn widen(&mut self) {
        let wanted = self.watch.filters();
        let pause = match self.lines {
            1 => DISCOVER_QUIET_MS,
            _ => DISCOVER_RESUBSCRIBE_MS,
        };
        let is_early = self.line.since.elapsed() < Duration::from_millis(pause);
        if is_early || wanted.is_subset(&self.line.filters) {
            return;
        }
        // Two names in turn: for a moment there are two connections.
        let client_id = format!("{}-{}", self.client_id, self.lines % 2);
        match Line::open(&self.endpoint, &client_id, wanted) {
            Ok(line) => {
                self.lines += 1;
                self.watch.down();
                std::mem::replace(&mut self.line, line).link.close(Vec::new()).await;
            }
            Err(error) => tracing::warn!(%error, "a device is not watched"),
        }
    }
}

//! The line to the reports of all boards: hears them, knows when all that are retained have come,
//! and tells boards to look.
//!
//! What must never be here: a judgement, and a wait that boards could draw out by talking.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Reports, has_gone_on};
use crate::fleet::FleetError;
use crate::limits::{KEEP_ALIVE_S, LINK_EVENTS_MAX, REPORTS_MS_MAX, REPORTS_QUIET_MS};
use crate::link::topics::{CommandId, CommandKind, DeviceName, DeviceTopic};
use crate::link::{Class, Endpoint, LinkConfig, LinkEvent, Outgoing, Pace};
use crate::update::rollout::{Board, Document, Rollout};

/// The wait for retained reports, which no message ends.
struct Quiet {
    /// Since when the line is up.
    up: Instant,
    /// When a report last changed anything.
    heard: Instant,
}

impl Quiet {
    fn new(up: Instant) -> Quiet {
        Quiet { up, heard: up }
    }

    /// Whether there has been no news for a moment. A large fleet in the middle of a step is never
    /// quiet, and to judge it late would let harm go on.
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.heard) >= Duration::from_millis(REPORTS_QUIET_MS)
            || now.duration_since(self.up) >= Duration::from_millis(REPORTS_MS_MAX)
    }
}

/// The line to the reports of all boards.
pub struct Listener {
    link: crate::link::LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
    /// What has been heard.
    pub reports: Reports,
    /// The broker is there.
    pub is_up: bool,
    /// How long it has been up, and quiet.
    quiet: Quiet,
    /// Topics of commands to look that are still to be sent.
    nudges: Vec<String>,
}

impl Listener {
    /// Joins the broker.
    ///
    /// # Errors
    /// Where the link refuses its configuration.
    pub fn join(endpoint: Endpoint) -> Result<Listener, FleetError> {
        let (tell, events) = mpsc::channel(LINK_EVENTS_MAX);
        let config = LinkConfig {
            endpoint,
            client_id: format!("outpost-rollout-{}", std::process::id()),
            is_lasting: false,
            will: None,
            subscriptions: vec![DeviceTopic::updates()],
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(KEEP_ALIVE_S),
            pace: Pace::default(),
        };
        let link = crate::link::spawn(config, tell);
        let link = link.map_err(|error| FleetError::Rollout(error.to_string()))?;
        let (reports, quiet) = (Reports::default(), Quiet::new(Instant::now()));
        Ok(Listener { link, events, reports, is_up: false, quiet, nudges: Vec::new() })
    }

    /// Takes what comes until a moment; tells of the line.
    ///
    /// # Errors
    /// Where the broker refuses what we are here for.
    pub async fn hear_until(
        &mut self,
        until: Instant,
        line: &mut dyn FnMut(Option<&str>),
    ) -> Result<(), FleetError> {
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = sleep_until(until) => return Ok(()),
            };
            match event {
                Some(LinkEvent::Message { topic, payload, .. }) => {
                    // A board says its report again with each connection: no news.
                    if self.reports.hear(&topic, &payload) {
                        self.quiet.heard = Instant::now();
                    }
                }
                Some(LinkEvent::Up { .. }) => {
                    (self.is_up, self.quiet) = (true, Quiet::new(Instant::now()));
                    line(None);
                }
                Some(LinkEvent::Down { reason }) => {
                    self.is_up = false;
                    line(Some(&reason));
                }
                Some(LinkEvent::SubscriptionRefused { filter }) => {
                    let what = format!("the broker refuses the subscription {filter}");
                    return Err(FleetError::Rollout(what));
                }
                Some(_) => {}
                None => return Err(FleetError::Rollout("the line has ended".into())),
            }
        }
    }

    /// Whether the retained reports have all come: the line is up, and nothing has changed for a
    /// moment, or it has been up long enough.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_up && self.quiet.is_over(Instant::now())
    }

    /// Has boards that are in, and have not begun, told to look. The command of a step has one id:
    /// a board carries it out once, whoever runs the rollout.
    ///
    /// # Errors
    /// Where a name cannot stand in a topic.
    pub fn nudge(&mut self, rollout: &Rollout, document: &Document) -> Result<(), FleetError> {
        let wrong = |error: crate::link::topics::NameError| FleetError::Rollout(error.to_string());
        self.nudges.clear();
        for (name, report) in &self.reports.boards {
            let (name, labels) = (name.clone(), report.labels.clone());
            let device: DeviceName = name.parse().map_err(wrong)?;
            let board = Board { name, labels, ..Board::default() };
            let has_begun = [&report.release, &report.confirmed];
            let has_begun = has_begun.into_iter().flatten().any(|it| *it == rollout.release);
            let has_begun = has_begun || has_gone_on(rollout, document, report);
            if has_begun || !rollout.has(&board) {
                continue;
            }
            let id = format!("rollout-{}-{}", rollout.number, rollout.step + 1);
            let id: CommandId = id.parse().map_err(wrong)?;
            let topic = DeviceTopic::Command { kind: CommandKind::Update.into(), id };
            self.nudges.push(topic.build(&device));
        }
        Ok(())
    }

    /// Sends as many of them as the line takes just now.
    pub(super) fn send_nudges(&mut self) {
        while let Some(topic) = self.nudges.pop() {
            let payload = br#"{"look":true}"#.to_vec();
            let class = Class::State;
            let outgoing =
                Outgoing { token: 0, topic: topic.clone(), payload, retain: false, class };
            if self.link.publish(outgoing).is_err() {
                self.nudges.push(topic);
                return;
            }
        }
    }

    /// Leaves the broker.
    pub async fn leave(self) -> Reports {
        self.link.close(Vec::new()).await;
        self.reports
    }
}

/// Hears the retained reports of all boards.
///
/// # Errors
/// Where the broker does not answer in time.
pub async fn gather(endpoint: Endpoint, within: Duration) -> Result<Reports, FleetError> {
    let (mut listener, until) = (Listener::join(endpoint)?, Instant::now() + within);
    let mut outage = "no answer".to_owned();
    while !listener.is_complete() {
        if Instant::now() > until && !listener.is_up {
            return Err(FleetError::Rollout(format!("the broker: {outage}")));
        }
        let next = Instant::now() + Duration::from_millis(REPORTS_QUIET_MS / 4);
        let mut line = |down: Option<&str>| {
            if let Some(reason) = down {
                reason.clone_into(&mut outage);
            }
        };
        listener.hear_until(next, &mut line).await?;
    }
    Ok(listener.leave().await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_that_go_on_changing_are_waited_for_no_longer_than_the_bound() {
        let (up, second) = (Instant::now(), Duration::from_secs(1));
        let mut quiet = Quiet::new(up);
        let bound = Duration::from_millis(REPORTS_MS_MAX);
        while quiet.heard + second < up + bound {
            quiet.heard += second;
            assert!(!quiet.is_over(quiet.heard), "{:?}", quiet.heard - up);
        }
        quiet.heard += second;
        assert!(quiet.is_over(up + bound));
        let early = Quiet::new(up);
        assert!(early.is_over(up + Duration::from_millis(REPORTS_QUIET_MS)));
    }
}

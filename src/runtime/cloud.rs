//! Operators behind a destination of the journal: their commands come in as those of the bus do,
//! and the board's status, the states of commands, what waits for approval and how its last update
//! stands go to them. No decisions.

use std::time::Duration;

use super::outbox::Receipt;
use super::{Incoming, Runtime, render};
use crate::agent::Report;
use crate::clock::Tick;
use crate::limits::{EARLY_CLOUD_MS, EARLY_COMMANDS_MAX};
use crate::link::Outgoing;
use crate::uplink::{FromCloud, Remote, RemoteWord};

/// Commands that came before the bus was there for the first time. By default it waits no more.
#[derive(Default)]
pub(super) struct Early {
    held: Vec<Remote>,
    until: Option<Tick>,
}

impl Early {
    pub(super) fn new(now: Tick) -> Early {
        let until = now.after(Duration::from_millis(EARLY_CLOUD_MS));
        Early { held: Vec::new(), until: Some(until) }
    }

    /// When the wait is over, where something waits.
    pub(super) fn due(&self) -> Option<Tick> {
        self.until.filter(|_| !self.held.is_empty())
    }

    /// One that is not to wait comes back at once.
    fn hold(&mut self, remote: Remote, now: Tick) -> Option<Remote> {
        let waits = self.until.is_some_and(|until| now < until);
        if !waits || self.held.len() >= EARLY_COMMANDS_MAX {
            return Some(remote);
        }
        self.held.push(remote);
        None
    }
}

impl Runtime<'_> {
    /// News of a destination that may command.
    pub(super) fn cloud_news(&mut self, news: FromCloud) {
        match news {
            FromCloud::Up => {
                self.told_clouds = None;
                self.tell_clouds_status();
                if let Some(message) = self.update_report() {
                    self.tell_clouds(&message);
                }
            }
            FromCloud::Command(remote) => {
                // A cloud that is connected before the bus brings what it kept for us: the devices
                // will be there in a moment.
                let now = self.clock.now().tick;
                if let Some(remote) = self.early_clouds.hold(remote, now) {
                    self.remote(remote);
                }
            }
        }
    }

    fn remote(&mut self, remote: Remote) {
        let Remote { place, topic, payload, retained, receipt } = remote;
        let before = self.recorded;
        match payload {
            Ok(payload) => self.message(topic, payload, retained),
            Err(bytes) => self.oversize(&topic, bytes),
        }
        self.settle_when_stored(before, receipt.map(|it| Receipt::Cloud(place, it)));
    }

    /// The bus is there, or has been waited for long enough.
    pub(super) fn release_clouds(&mut self) {
        for remote in std::mem::take(&mut self.early_clouds).held {
            self.remote(remote);
        }
    }

    /// Says how the board is, where that has changed since it was said. Not at each change of the
    /// backlog, which is a line's own doing.
    pub(super) fn tell_clouds_status(&mut self) {
        let Some(uplink) = self.uplink.as_ref().filter(|uplink| uplink.is_told_status()) else {
            return;
        };
        let now = self.clock.now();
        let status = self.agent.status();
        let told = (status, now.trust);
        if self.told_clouds.as_ref() == Some(&told) {
            return;
        }
        self.told_clouds = Some(told);
        let report = Report::Status(status);
        let said = render::report(&self.device, self.boot, self.backlog, now, &report);
        if let Some(render::Rendered { topic, payload, retain, class }) = said {
            uplink.say_status(&RemoteWord { topic, payload, retain, class });
        }
    }

    /// Says what is said on the bus to those who may command.
    pub(super) fn tell_clouds(&self, message: &Outgoing) {
        let Some(uplink) = &self.uplink else { return };
        let Outgoing { topic, payload, retain, class, .. } = message.clone();
        uplink.say(&RemoteWord { topic, payload, retain, class });
    }

    /// Lets the brokers forget what the journal has, or will never have.
    pub(super) fn settle_receipts(&mut self) {
        while let Some(receipt) = self.outbox.next_receipt(self.journal_ok) {
            match receipt {
                Receipt::Bus(receipt) => self.link.settle(receipt),
                Receipt::Cloud(place, receipt) => {
                    if let Some(uplink) = &self.uplink {
                        uplink.settle(place, receipt);
                    }
                }
            }
        }
    }

    /// At the end, before the uplink goes: what the agent said last is stored and then said.
    pub(super) async fn last_words(&mut self, sources: &mut super::Sources) {
        let may_command = self.uplink.as_ref().is_some_and(crate::uplink::Uplink::may_command);
        let longest = std::time::Duration::from_millis(crate::limits::UPLINK_LAST_WORDS_MS_MAX);
        let until = tokio::time::Instant::now() + longest;
        while may_command && self.journal_ok && !self.outbox.is_empty() {
            let stored = sources.journal.stored.changed();
            let Ok(Ok(())) = tokio::time::timeout_at(until, stored).await else { return };
            let upto = *sources.journal.stored.borrow_and_update();
            self.take(Incoming::Stored(upto));
        }
    }
}

//! What comes in from link, journal and mind, as events for the agent. No decisions.

use super::burst::{Burst, Held};
use crate::agent::{Event, MindNews, MindWord};
use crate::board::Change;
use crate::clock::Tick;
use crate::domain::{Entry, Severity};
use crate::journal::JournalEvent;
use crate::limits;
use crate::link::topics::DeviceTopic;
use crate::link::{Class, LinkEvent, Outgoing};
use crate::mind::client::{MindEvent, MindState};

use super::outbox::Receipt;
use super::{Incoming, Runtime, render};
use crate::uplink;

/// What the uplink tells next; never, where there is none or it has ended. Cancel safe.
pub(super) async fn of_uplink(news: &mut Option<uplink::News>) -> Incoming {
    let Some(news) = news else { return std::future::pending().await };
    tokio::select! {
        Ok(()) = news.backlog.changed() => Incoming::Backlog(*news.backlog.borrow_and_update()),
        Some(news) = news.commands.recv() => Incoming::Cloud(news),
        Some(notice) = news.notices.recv() => Incoming::Uplink(notice),
        else => std::future::pending().await,
    }
}

/// A message of the broker.
pub(super) struct Message {
    topic: String,
    payload: Vec<u8>,
    retained: bool,
    receipt: Option<u64>,
}

/// An event as a line of the log.
pub(super) fn log_event(kind: &str, text: &str, severity: Severity) {
    match severity {
        Severity::Info => tracing::info!(kind, "{text}"),
        Severity::Warning => tracing::warn!(kind, "{text}"),
        Severity::Alarm => tracing::error!(kind, "{text}"),
    }
}

impl Runtime<'_> {
    pub(super) fn link_news(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up { session_present } => {
                self.update.is_connected = true;
                self.link_up(session_present);
            }
            LinkEvent::Down { reason } => {
                self.update.is_connected = false;
                self.queue.down(self.clock.now().tick);
                // Without their acknowledgement they come again.
                self.early.clear();
                self.apply(Event::LinkDown { reason });
            }
            LinkEvent::Acked { token } => {
                if self.sent.remove(&token) {
                    self.apply(Event::Acked { token });
                    self.clock.arrive(1);
                }
            }
            LinkEvent::Lost { token } => self.lost(token, None),
            LinkEvent::Message { topic, payload, retained, receipt } => {
                let early = receipt.is_some()
                    && self.queue.is_away()
                    && self.early.len() < limits::EARLY_COMMANDS_MAX;
                let incoming = Message { topic, payload, retained, receipt };
                if early {
                    self.early.push(incoming);
                } else {
                    self.received(incoming);
                }
            }
            LinkEvent::Oversize { topic, bytes, receipt } => {
                let before = self.recorded;
                self.oversize(&topic.unwrap_or_default(), bytes);
                self.settle_when_stored(before, receipt.map(Receipt::Bus));
            }
            LinkEvent::Unreadable { bytes } => {
                tracing::warn!(bytes, "a message with an unreadable topic was dropped");
            }
            LinkEvent::SubscriptionRefused { filter } => {
                let text = format!("the broker refuses our subscription to {filter}");
                self.notice("link", text, Severity::Alarm);
            }
            LinkEvent::Takeover { count } => {
                let text = format!(
                    "{count} connections closed right after they were accepted: another board \
                     uses the name {}, waiting before the next try",
                    self.device
                );
                self.notice("duplicate-name", text, Severity::Alarm);
            }
        }
    }

    /// Deals with a message; one with a receipt is the broker's until its records are stored.
    fn received(&mut self, message: Message) {
        let Message { topic, payload, retained, receipt } = message;
        let before = self.recorded;
        self.message(topic, payload, retained);
        self.settle_when_stored(before, receipt.map(Receipt::Bus));
    }

    /// What was recorded since `before` belongs to the message with this receipt.
    pub(super) fn settle_when_stored(&mut self, before: u64, receipt: Option<Receipt>) {
        if let Some(receipt) = receipt {
            // Where nothing was recorded there is nothing to wait for but those before.
            let seq = if self.recorded == before { 0 } else { self.recorded };
            self.outbox.hold_receipt(seq, receipt);
            self.settle_receipts();
        }
    }

    pub(super) fn notice(&mut self, kind: &str, text: String, severity: Severity) {
        self.apply(Event::Notice { kind: kind.into(), text, severity });
    }

    pub(super) fn message(&mut self, topic: String, payload: Vec<u8>, retained: bool) {
        match DeviceTopic::parse(&self.device, &topic) {
            Some(DeviceTopic::Command { kind, id }) => {
                let event = self.inbox.command(kind.as_str(), id.as_str(), &payload, retained);
                if let Some(event) = event {
                    self.apply(event);
                }
            }
            Some(DeviceTopic::Status) => {
                if let Some(boot) = render::foreign_boot(&payload, self.boot, retained) {
                    self.apply(Event::OtherBoard { boot });
                }
            }
            Some(DeviceTopic::Loopback) => {
                if let Some(burst) = self.queue.returned(&payload, self.clock.now().tick) {
                    self.drained(burst);
                }
            }
            Some(_) => {}
            None => {
                if let Some(news) = self.queue.take(Held { topic, payload, retained }) {
                    for event in self.inbox.read(&news.topic, &news.payload, news.retained) {
                        self.apply(event);
                    }
                }
                self.clock.arrive(1);
            }
        }
    }

    /// The bus is there. Where the broker still had our session, a message to ourselves marks the
    /// end of what it had queued.
    fn link_up(&mut self, session_present: bool) {
        let sentinel = session_present.then(|| {
            self.resumptions += 1;
            format!("{}-{}", crate::journal::boot_hex(self.boot), self.resumptions)
        });
        if let Some(burst) = self.queue.up(sentinel.clone(), self.clock.now().tick) {
            self.drained(burst);
        }
        self.apply(Event::LinkUp);
        self.say_update();
        for message in std::mem::take(&mut self.early) {
            self.received(message);
        }
        self.release_clouds();
        if let Some(sentinel) = sentinel {
            let topic = DeviceTopic::Loopback.build(&self.device);
            let (token, payload) = (self.next_token, sentinel.into_bytes());
            self.next_token += 1;
            // A break loses it, as it loses a command: the next connection has another.
            let class = Class::Command;
            let message = Outgoing { token, topic, payload, retain: false, class };
            if let Err(error) = self.link.publish(message) {
                tracing::warn!(%error, "not published");
            }
        }
    }

    pub(super) fn burst_overdue(&mut self, now: Tick) {
        if let Some(burst) = self.queue.overdue(now) {
            let topic = DeviceTopic::Loopback.build(&self.device);
            tracing::warn!(topic, "our own message did not come back: may we read this topic?");
            self.drained(burst);
        }
    }

    /// What the broker had queued while we were away: the newest of each topic counts, where it
    /// cannot be older than its sensor's values are believed.
    fn drained(&mut self, burst: Burst) {
        let mut old = 0;
        for Held { topic, payload, retained } in burst.newest {
            for event in self.inbox.read(&topic, &payload, retained) {
                let event = match event {
                    Event::Reading { sensor, value, retained: false } => {
                        let every = self.config.sensors[usize::from(sensor.0)].every;
                        let believed = every * limits::STALE_PERIODS;
                        let fresh = burst.age_max.is_some_and(|age| age <= believed);
                        old += u64::from(!fresh);
                        Event::Reading { sensor, value, retained: !fresh }
                    }
                    other => other,
                };
                self.apply(event);
            }
        }
        let Burst { replaced, dropped, .. } = burst;
        if replaced + dropped + old > 0 {
            let text = format!(
                "of what waited at the broker {replaced} had a newer one behind them, {old} may be \
                 too old, {dropped} found no room: not used"
            );
            self.notice("queued", text, Severity::Info);
        }
    }

    pub(super) fn oversize(&mut self, topic: &str, bytes: usize) {
        if let Some(DeviceTopic::Command { kind, id }) = DeviceTopic::parse(&self.device, topic) {
            let event = self.inbox.oversize_command(kind.as_str(), id.as_str(), bytes);
            self.apply(event);
        }
        for event in self.inbox.oversize(topic, bytes) {
            self.apply(event);
        }
    }

    pub(super) fn journal_news(&mut self, event: JournalEvent) {
        match event {
            JournalEvent::Stored { .. } => {}
            JournalEvent::Failing { reason } => {
                self.look_before_going(u64::MAX);
                self.journal_ok = false;
                let ready = self.outbox.all();
                self.release(ready);
                self.settle_receipts();
                self.escalate_stored(u64::MAX);
                let text = format!("the journal cannot write, memory holds it for now: {reason}");
                self.notice("journal", text, Severity::Alarm);
            }
            JournalEvent::Recovered { dropped } => {
                self.journal_ok = true;
                let text = match dropped {
                    Some((first, last)) => {
                        format!("the journal writes again; lost within {first} to {last}")
                    }
                    None => "the journal writes again, nothing was lost".into(),
                };
                self.notice("journal", text, Severity::Warning);
            }
            JournalEvent::Notice { text } => self.notice("journal", text, Severity::Warning),
            JournalEvent::Damaged { found } => self.notice("journal", found, Severity::Alarm),
        }
    }

    /// A mind is configured and cannot even be started: who waits for it must be told.
    pub(super) fn no_mind(&mut self, text: String) {
        let (word, nothing) = (MindWord::Failed, String::new);
        self.apply(Event::Mind(MindNews::State {
            word,
            text,
            sha256: nothing(),
            adapter: nothing(),
        }));
    }

    pub(super) fn mind_news(&mut self, event: MindEvent) {
        let names = self.mind.as_ref().map(|mind| mind.handle.names()).unwrap_or_default();
        match event {
            MindEvent::State(state) => {
                let (word, text, sha256) = match state {
                    MindState::Loading => (MindWord::Loading, String::new(), String::new()),
                    MindState::Ready(facts, _) => {
                        self.log_memory();
                        (MindWord::Ready, names.model, facts.sha256)
                    }
                    MindState::Paused => (MindWord::Off, String::new(), String::new()),
                    MindState::Missing { path } => {
                        (MindWord::Missing, path.display().to_string(), String::new())
                    }
                    MindState::Failed { reason } => (MindWord::Failed, reason, String::new()),
                };
                self.apply(Event::Mind(MindNews::State {
                    word,
                    text,
                    sha256,
                    adapter: names.adapter,
                }));
            }
            MindEvent::Answer(answer) => {
                let p = answer.p.iter().map(|p| f64::from(*p)).collect();
                let (id, tokens) = (answer.id, answer.tokens_read);
                let cost = self.mind.as_ref().and_then(|mind| mind.token_cost);
                let charged = cost.map(|cost| cost * tokens);
                let ms = charged.map_or(answer.ms, |charged| charged.as_secs_f64() * 1e3);
                let news = match answer.answers.is_empty() {
                    true => MindNews::Scores { id, p, tokens, ms },
                    false => {
                        let all = answer.answers.iter();
                        let of = |p: &[f32]| p.iter().map(|p| f64::from(*p)).collect();
                        let answers = all.map(|one| of(&one.p)).collect();
                        MindNews::Read { id, answers }
                    }
                };
                match charged {
                    Some(charged) => {
                        let due = self.clock.now().tick.after(charged);
                        self.later.insert((due, id), news);
                    }
                    None => self.apply(Event::Mind(news)),
                }
                self.clock.arrive(1);
            }
            MindEvent::Refused { id, reason } => {
                if self.refusal_said.as_ref() != Some(&reason) {
                    let text = format!("the mind cannot read a decision: {reason}");
                    self.notice("mind", text, Severity::Warning);
                    self.refusal_said = Some(reason);
                }
                self.apply(Event::Mind(MindNews::Lost { id }));
                self.clock.arrive(1);
            }
            MindEvent::Lost { ids, reason } => {
                let text = format!("the mind's process was lost: {reason}");
                self.notice("mind", text, Severity::Warning);
                for id in ids {
                    self.apply(Event::Mind(MindNews::Lost { id }));
                    self.clock.arrive(1);
                }
            }
        }
    }

    /// A destination has something to say.
    pub(super) fn uplink_news(&mut self, notice: uplink::Notice) {
        let uplink::Notice { text, severity } = notice;
        self.apply(Event::Notice { kind: "uplink".into(), text, severity });
    }

    /// An alarm does not wait for others to be sent with.
    pub(super) fn tell_alarm(&self, seq: u64, entry: &Entry) {
        if let (Some(uplink), Entry::Event { severity: Severity::Alarm, .. }) =
            (&self.uplink, entry)
        {
            uplink.urgent(seq);
        }
    }

    /// The governor allows another effort: the agent is told, and the mind gets its share.
    pub(super) fn board_news(&mut self, change: Change) {
        let Change { effort, memory, reason } = change;
        self.apply(Event::Effort { effort, reason });
        if let Some(mind) = &self.mind {
            mind.handle.set_share(mind.handle.full_share().under(effort, memory));
        }
    }

    /// One log line with what the mind's process takes, once it is ready.
    fn log_memory(&self) {
        let Some(mind) = &self.mind else { return };
        let handle = mind.handle.clone();
        tokio::spawn(async move {
            if let Some(report) = handle.memory().await {
                let mb = |bytes: u64| (bytes as f64 / 1e5).round() / 10.0;
                tracing::info!(
                    pss_mb = mb(report.pss_bytes),
                    own_mb = mb(report.anonymous_bytes),
                    of_it_kv_mb = mb(report.kv_bytes),
                    file_mb = mb(report.file_bytes),
                    "memory of the mind's process"
                );
            }
        });
    }
}

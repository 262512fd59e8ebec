//! What comes in from link, journal and mind, as events for the agent. No decisions.

use crate::agent::{Event, MindNews, MindWord};
use crate::domain::Severity;
use crate::journal::JournalEvent;
use crate::link::LinkEvent;
use crate::link::topics::DeviceTopic;
use crate::mind::client::{MindEvent, MindState};

use super::{Runtime, render};

impl Runtime<'_> {
    pub(super) fn link_news(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up { .. } => self.apply(Event::LinkUp),
            LinkEvent::Down { reason } => self.apply(Event::LinkDown { reason }),
            LinkEvent::Acked { token } => {
                if self.sent.remove(&token) {
                    self.apply(Event::Acked { token });
                    self.clock.arrive(1);
                }
            }
            LinkEvent::Lost { token } => self.lost(token),
            LinkEvent::Message { topic, payload, retained } => {
                self.message(&topic, &payload, retained);
            }
            LinkEvent::Oversize { topic, bytes } => {
                self.oversize(&topic.unwrap_or_default(), bytes);
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

    fn notice(&mut self, kind: &str, text: String, severity: Severity) {
        self.apply(Event::Notice { kind: kind.into(), text, severity });
    }

    fn message(&mut self, topic: &str, payload: &[u8], retained: bool) {
        match DeviceTopic::parse(&self.device, topic) {
            Some(DeviceTopic::Command { kind, id }) => {
                let event = self.inbox.command(kind.as_str(), id.as_str(), payload, retained);
                if let Some(event) = event {
                    self.apply(event);
                }
            }
            Some(DeviceTopic::Status) => {
                if let Some(boot) = render::foreign_boot(payload, self.boot, retained) {
                    self.apply(Event::OtherBoard { boot });
                }
            }
            Some(_) => {}
            None => {
                for event in self.inbox.read(topic, payload, retained) {
                    self.apply(event);
                }
                self.clock.arrive(1);
            }
        }
    }

    fn oversize(&mut self, topic: &str, bytes: usize) {
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
                self.journal_ok = false;
                let ready = self.outbox.all();
                self.release(ready);
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
            JournalEvent::Damaged { found } => self.notice("journal", found, Severity::Alarm),
        }
    }

    pub(super) fn mind_news(&mut self, event: MindEvent) {
        let model = self.mind.as_ref().map(|mind| mind.model.clone()).unwrap_or_default();
        match event {
            MindEvent::State(state) => {
                let (word, text, sha256) = match state {
                    MindState::Loading => (MindWord::Loading, String::new(), String::new()),
                    MindState::Ready(facts, _) => {
                        self.log_memory();
                        (MindWord::Ready, model, facts.sha256)
                    }
                    MindState::Missing { path } => {
                        (MindWord::Missing, path.display().to_string(), String::new())
                    }
                    MindState::Failed { reason } => (MindWord::Failed, reason, String::new()),
                };
                self.apply(Event::Mind(MindNews::State { word, text, sha256 }));
            }
            MindEvent::Answer(answer) => {
                let p = answer.p.iter().map(|p| f64::from(*p)).collect();
                let (id, tokens) = (answer.id, answer.tokens_read);
                let cost = self.mind.as_ref().and_then(|mind| mind.token_cost);
                let charged = cost.map(|cost| cost * tokens);
                let ms = charged.map_or(answer.ms, |charged| charged.as_secs_f64() * 1e3);
                let news = MindNews::Scores { id, p, tokens, ms };
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

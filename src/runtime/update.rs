//! What the thread that keeps the slots is told of the board, and what it tells. No decisions.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::outbox::Message;
use super::{Incoming, Runtime};
use crate::agent::Event;
use crate::clock::Tick;
use crate::limits;
use crate::link::topics::DeviceTopic;
use crate::link::{Class, Outgoing};
use crate::update::{self, Facts, News, Word};

/// Time between two words on how the board is.
const PULSE: Duration = Duration::from_millis(limits::UPDATE_PULSE_MS);

/// The agent's end of it.
pub(super) struct Line {
    /// The bus is there.
    pub is_connected: bool,
    words: Option<SyncSender<Word>>,
    told: Option<(Facts, Tick)>,
    /// The last report.
    report: Option<Json>,
    on_trial: bool,
}

impl Line {
    /// Our end, and where the news come out; nothing comes where no launcher started us.
    pub(super) fn open(line: Option<update::Line>) -> (Line, Option<mpsc::Receiver<News>>) {
        let on_trial = line.as_ref().is_some_and(|line| line.on_trial);
        let (words, news) = line.map(|line| (line.words, line.news)).unzip();
        (Line { is_connected: false, words, told: None, report: None, on_trial }, news)
    }

    /// When the loop has to wake to say that it goes round.
    pub(super) fn due(&self) -> Option<Tick> {
        let (_, told) = self.told.filter(|_| self.on_trial && self.words.is_some())?;
        Some(told.after(PULSE))
    }

    /// The loop has ended, as it should: nobody waits for its next pulse.
    pub(super) fn close(&mut self) {
        self.words = None;
    }
}

/// What came in; a stop, where another release is to be started and we are not stopping yet.
pub(super) fn or_stop(incoming: Incoming, stopping: bool) -> Incoming {
    match incoming {
        Incoming::Update(News::Restart) if !stopping => Incoming::Stop,
        other => other,
    }
}

impl Runtime<'_> {
    /// Tells how the board is, again and again: who is silent does not run. Full: the thread is
    /// behind and takes the next word.
    pub(super) fn tell_update(&mut self, now: Tick) {
        let Some(line) = &self.update.words else { return };
        let mind = self.agent.status().mind;
        let facts = Facts { bus: self.update.is_connected, mind };
        let told = self.update.told;
        let is_news = told.is_none_or(|(told, at)| told != facts || now.since(at) >= PULSE);
        if is_news && line.try_send(Word::Facts(facts)).is_ok() {
            self.update.told = Some((facts, now));
        }
    }

    /// Has a release taken, or a rollout looked for; its end comes back as news.
    pub(super) fn take_release(&mut self, command: (String, String), release: Option<String>) {
        let Ok(release) = release.map(|name| name.parse()).transpose() else { return };
        let refused = match &self.update.words {
            None => "no launcher started this program: there is no slot for a release",
            Some(line) => {
                let word = match release {
                    Some(release) => Word::Take { command: command.clone(), release },
                    None => Word::Look { command: command.clone() },
                };
                match line.try_send(word) {
                    Ok(()) => return,
                    Err(_) => "the thread that keeps the slots is busy",
                }
            }
        };
        self.apply(Event::ReleaseTaken { command, result: Err(refused.into()) });
    }

    /// Says on the bus how the last update stands.
    pub(super) fn say_update(&mut self) {
        if let Some(message) = self.update_report() {
            self.publish(Message::Bus(message));
        }
    }

    /// How the last update stands, for the bus and for those who may command: again with each new
    /// line, since a broker may have forgotten what it retained, and a rollout counts by it.
    pub(super) fn update_report(&mut self) -> Option<Outgoing> {
        let payload = self.update.report.as_ref()?.to_string().into_bytes();
        let (topic, token) = (DeviceTopic::Update.build(&self.device), self.next_token);
        self.next_token += 1;
        Some(Outgoing { token, topic, payload, retain: true, class: Class::State })
    }

    pub(super) fn update_news(&mut self, news: News) {
        match news {
            News::Report(report) => {
                self.observer.updated(&report);
                self.update.report = Some(report);
                if let Some(message) = self.update_report() {
                    self.publish(Message::Everywhere(message));
                }
            }
            News::Event { text, severity } => {
                self.apply(Event::Notice { kind: "update".into(), text, severity });
            }
            News::Taken { command, result } => {
                self.apply(Event::ReleaseTaken { command, result });
            }
            News::Confirmed => self.update.on_trial = false,
            // The loop makes a stop of it.
            News::Restart => {}
        }
    }
}

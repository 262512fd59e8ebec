//! What the thread that keeps the slots is told of the board, and what it tells. No decisions.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Incoming, Runtime};
use crate::agent::Event;
use crate::clock::Tick;
use crate::limits;
use crate::link::topics::DeviceTopic;
use crate::link::{Class, Outgoing};
use crate::update::{Facts, News, Word};

/// Both ends of the line to the thread.
pub type UpdateParts = (SyncSender<Word>, mpsc::Receiver<News>);

/// The agent's end of it.
pub(super) struct Line {
    /// The bus is there.
    pub is_connected: bool,
    words: Option<SyncSender<Word>>,
    told: Option<(Facts, Tick)>,
}

impl Line {
    pub(super) fn new(words: Option<SyncSender<Word>>) -> Line {
        Line { is_connected: false, words, told: None }
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
        let pause = Duration::from_millis(limits::UPDATE_LOOK_MS);
        let told = self.update.told;
        let is_news = told.is_none_or(|(told, at)| told != facts || now.since(at) > pause);
        if is_news && line.try_send(Word::Facts(facts)).is_ok() {
            self.update.told = Some((facts, now));
        }
    }

    /// Has a release taken; its end comes back as news.
    pub(super) fn take_release(&mut self, command: (String, String), release: String) {
        let Ok(name) = release.parse() else { return };
        let refused = match &self.update.words {
            None => "no launcher started this program: there is no slot for a release",
            Some(line) => {
                let word = Word::Take { command: command.clone(), release: name };
                match line.try_send(word) {
                    Ok(()) => return,
                    Err(_) => "the thread that keeps the slots is busy",
                }
            }
        };
        self.apply(Event::ReleaseTaken { command, result: Err(refused.into()) });
    }

    pub(super) fn update_news(&mut self, news: News) {
        match news {
            News::Report(report) => {
                let topic = DeviceTopic::Update.build(&self.device);
                let (token, payload) = (self.next_token, report.to_string().into_bytes());
                self.next_token += 1;
                let class = Class::State;
                let message = Outgoing { token, topic, payload, retain: true, class };
                if let Err(error) = self.link.publish(message) {
                    tracing::warn!(%error, "not published");
                }
            }
            News::Event { text, severity } => {
                self.apply(Event::Notice { kind: "update".into(), text, severity });
            }
            News::Taken { command, result } => {
                self.apply(Event::ReleaseTaken { command, result });
            }
            // The loop makes a stop of it.
            News::Restart => {}
        }
    }
}

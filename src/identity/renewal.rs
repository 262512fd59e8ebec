//! A certificate that runs out asks for the next one by itself, at the broker that it is shown to:
//! the request lies there, retained, until `outpost fleet renew` answers. Only a board itself may
//! write that topic, so that nobody asks in its name.
//!
//! The broker must have accepted the new certificate before it takes the old one's place. The key
//! stays, unless a new one waits: that is asked for at once. What must never be here: a line that
//! stays open where nothing is to be asked.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::hardware::Hardware;
use super::{Facts, IdentityError, Papers, with_access};
use crate::board::Root;
use crate::causes::chain;
use crate::config::Config;
use crate::disk;
use crate::domain::Severity;
use crate::limits::{
    IDENTITY_ANSWER_MS_MAX, IDENTITY_LOOK_MS, IDENTITY_TRIAL_MS_MAX, KEEP_ALIVE_S, LINK_EVENTS_MAX,
};
use crate::link::topics::{DeviceName, DeviceTopic};
use crate::link::{Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace, spawn};

/// One certificate that is looked after.
struct Renewal {
    papers: Papers,
    endpoint: Endpoint,
    device: DeviceName,
}

/// Looks after the certificates of a configuration until the runtime ends. Gives what a person must
/// know at the start: kind, text, severity.
pub fn watch(config: &Config, device: &DeviceName) -> Vec<(String, String, Severity)> {
    let mut notices = Vec::new();
    let hardware = Hardware::of(&config.journal.path, &Root::of_environment());
    let is_moved = hardware.as_ref().is_some_and(Hardware::has_changed);
    let mut is_done = true;
    if is_moved {
        let text = "this memory was made on another board: where that one still runs, this one \
                    needs another name";
        notices.push(("hardware".to_owned(), text.to_owned(), Severity::Alarm));
    }
    for (papers, access) in with_access(config) {
        // Whoever has the card has its key: this board asks for one of its own.
        if is_moved && let Err(error) = papers.request(device.as_str(), true) {
            tracing::warn!(error = chain(&error), "no new key");
            is_done = false;
        }
        notices.extend(notice(&papers, now_unix_s()));
        let (endpoint, device) = (Endpoint::of(access), device.clone());
        tokio::spawn(Renewal { papers, endpoint, device }.run());
    }
    // Last: where a key could not be made or the power goes before, the next start sees it again.
    if let Some(hardware) = hardware.filter(|_| is_done) {
        hardware.keep();
    }
    notices
}

fn notice(papers: &Papers, now_unix_s: i64) -> Option<(String, String, Severity)> {
    let section = &papers.section;
    let said = |text: String, severity| Some(("identity".to_owned(), text, severity));
    match papers.facts() {
        Err(error) => said(format!("{section}: {}", chain(&error)), Severity::Alarm),
        Ok(None) => None,
        Ok(Some(facts)) if facts.ends_unix_s <= now_unix_s => {
            let text = format!("{section}: our certificate ended at {}", facts.ends());
            said(text, Severity::Alarm)
        }
        Ok(Some(facts)) if facts.is_late(now_unix_s) => {
            let text = format!("{section}: our certificate ends at {}", facts.ends());
            said(text, Severity::Warning)
        }
        Ok(Some(_)) => None,
    }
}

fn now_unix_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A line of its own for a while.
struct Line {
    link: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
}

impl Renewal {
    async fn run(self) {
        loop {
            self.look().await;
            sleep(Duration::from_millis(IDENTITY_LOOK_MS)).await;
        }
    }

    async fn look(&self) {
        let section = &self.papers.section;
        let papers = self.papers.clone();
        let facts = match off_the_loop(move || papers.facts()).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return,
            Err(error) => return tracing::warn!(section, error = chain(&error), "no identity"),
        };
        let now = now_unix_s();
        if !facts.is_due(now) && !self.papers.has_new_key() {
            return;
        }
        let ends = facts.ends();
        match self.renew(&facts).await {
            Ok(Some(next)) => {
                tracing::info!(section, ends = next.ends(), "a new certificate is in its place");
            }
            Ok(None) if facts.is_late(now) => {
                tracing::warn!(
                    section,
                    ends,
                    "our certificate runs out, nobody has signed a new one"
                );
            }
            Ok(None) => tracing::info!(section, ends, "a new certificate has been asked for"),
            Err(error) => {
                tracing::warn!(section, ends, error = chain(&error), "no new certificate");
            }
        }
    }

    /// Asks, and takes what is answered; `None` where nothing is, for now.
    async fn renew(&self, now: &Facts) -> Result<Option<Facts>, IdentityError> {
        let (papers, device) = (self.papers.clone(), self.device.clone());
        let request = off_the_loop(move || papers.request(device.as_str(), papers.has_new_key()));
        let request = request.await?;
        let answers = DeviceTopic::Certificate.build(&self.device);
        let Some(mut line) = self.join("identity", self.endpoint.clone(), &[&answers]) else {
            return Ok(None);
        };
        let asks = DeviceTopic::Identity.build(&self.device);
        let words = json!({"request": request, "serial": now.serial, "ends": now.ends()});
        if let Err(error) = line.link.publish(retained(&asks, words.to_string().into_bytes())) {
            tracing::warn!(%error, "identity");
        }
        let until = Instant::now() + Duration::from_millis(IDENTITY_ANSWER_MS_MAX);
        let mut end = Ok(None);
        while let Ok(Some(event)) = timeout_at(until, line.events.recv()).await {
            let LinkEvent::Message { topic, payload, .. } = event else { continue };
            // Of the last time, or none at all.
            let Ok(next) = Facts::of_pem(&payload) else { continue };
            let is_new = next.public_key != now.public_key || next.ends_unix_s > now.ends_unix_s;
            let Some(key) = self.papers.key_of(&next).filter(|_| topic == answers && is_new) else {
                continue;
            };
            end = self.take(payload, key).await.map(Some);
            break;
        }
        let is_over = matches!(end, Ok(Some(_)));
        let last = is_over.then(|| retained(&asks, Vec::new()));
        line.link.close(last.into_iter().collect()).await;
        end
    }

    /// Puts a certificate in its place, once the broker has accepted it.
    async fn take(&self, pem: Vec<u8>, key: PathBuf) -> Result<Facts, IdentityError> {
        let mut trial = self.papers.cert.as_os_str().to_owned();
        trial.push(".trial");
        let (path, bytes) = (PathBuf::from(trial), pem.clone());
        let (cert_file, key_file) = (Some(path.clone()), Some(key));
        let endpoint = Endpoint { cert_file, key_file, ..self.endpoint.clone() };
        let kept = path.clone();
        off_the_loop(move || Ok(disk::replace(&kept, &bytes)?)).await?;
        let accepted = self.is_accepted(endpoint).await;
        let (papers, device) = (self.papers.clone(), self.device.clone());
        off_the_loop(move || {
            std::fs::remove_file(&path).map_err(super::fault("remove", &path))?;
            accepted.map_err(IdentityError::Refused)?;
            papers.take(device.as_str(), &pem, now_unix_s())
        })
        .await
    }

    /// Why the broker does not let us in.
    async fn is_accepted(&self, endpoint: Endpoint) -> Result<(), String> {
        let mut why = "no answer".to_owned();
        let Some(mut line) = self.join("identity-trial", endpoint, &[]) else { return Err(why) };
        let until = Instant::now() + Duration::from_millis(IDENTITY_TRIAL_MS_MAX);
        while let Ok(Some(event)) = timeout_at(until, line.events.recv()).await {
            match event {
                LinkEvent::Up { .. } => {
                    line.link.close(Vec::new()).await;
                    return Ok(());
                }
                LinkEvent::Down { reason } => why = reason,
                _ => {}
            }
        }
        line.link.close(Vec::new()).await;
        Err(why)
    }

    fn join(&self, name: &str, endpoint: Endpoint, subscriptions: &[&str]) -> Option<Line> {
        let (tell, events) = mpsc::channel(LINK_EVENTS_MAX);
        let config = LinkConfig {
            endpoint,
            client_id: format!("{}-{name}", self.device.client_id()),
            is_lasting: false,
            will: None,
            subscriptions: subscriptions.iter().map(|&filter| filter.to_owned()).collect(),
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(KEEP_ALIVE_S),
            pace: Pace::default(),
        };
        match spawn(config, tell) {
            Ok(link) => Some(Line { link, events }),
            Err(error) => {
                tracing::warn!(%error, "identity");
                None
            }
        }
    }
}

fn retained(topic: &str, payload: Vec<u8>) -> Outgoing {
    Outgoing { token: 0, topic: topic.to_owned(), payload, retain: true, class: Class::State }
}

/// Work on files away from the thread that carries the rules.
async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, IdentityError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(IdentityError::Request(error.to_string())))
}

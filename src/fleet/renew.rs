//! Answers boards whose certificates run out: hears what they ask, retained, and signs the next one
//! for the same key. It remembers nothing: what is asked and what is answered lie at the broker.
//!
//! An authority that cannot be used for a while ends nothing: it is said, and tried again.
//! What must never be here: a certificate for a board that the authority does not know, or, without
//! a person's word, for another key. That word is good for one key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::FleetError;
use super::authority::Authority;
use crate::identity::Facts;
use crate::limits::{
    AUTHORITY_AGAIN_MS, FLEET_STATUS_MS_MAX, KEEP_ALIVE_S, LINK_EVENTS_MAX, REPORTS_QUIET_MS,
};
use crate::link::topics::{DeviceName, DeviceTopic};
use crate::link::{Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace};

/// What is to be done.
pub struct Setup {
    /// The broker.
    pub endpoint: Endpoint,
    /// Folder of the authority.
    pub ca: PathBuf,
    /// How long a certificate is good for.
    pub days: i64,
    /// Boards whose next new key is believed, once each; what they had is revoked.
    pub accept: Vec<DeviceName>,
    /// Answer what is there, and end.
    pub once: bool,
}

/// Who is told.
pub trait Observer {
    /// A board was answered, or why it was not.
    fn answered(&mut self, device: &str, certificate: Result<&Facts, &str>);
    /// The authority or the line cannot be used, for a while: it is tried again.
    fn waits(&mut self, why: &FleetError);
    /// The broker accepts us, or is gone, with the reason.
    fn line(&mut self, down: Option<&str>);
}

/// What a board asks.
#[derive(Clone, Debug, Deserialize)]
struct Asked {
    request: String,
    /// Of the certificate that it has.
    serial: String,
}

/// What a board asks, and what it was answered.
#[derive(Default)]
struct Talk {
    asked: Option<Asked>,
    /// The number of the certificate that lies there as an answer.
    answer: Option<String>,
    /// The request that was answered or refused already.
    settled: Option<String>,
}

struct Desk<'a> {
    setup: &'a Setup,
    /// Whose next new key is believed.
    accept: Vec<DeviceName>,
    talks: BTreeMap<DeviceName, Talk>,
    link: LinkHandle,
    /// A message that has been handed over and not acknowledged.
    open: u64,
}

/// Answers until `shutdown` completes, or all has been answered where that was all. Gives how many
/// certificates were signed.
///
/// # Errors
/// Where the broker does not let us, or the authority cannot be used, at the start or with `once`.
pub async fn run(
    setup: &Setup,
    shutdown: impl Future<Output = ()>,
    now_unix_s: fn() -> i64,
    observer: &mut dyn Observer,
) -> Result<usize, FleetError> {
    // Before anything is promised: it is there.
    drop(Authority::open(&setup.ca, now_unix_s())?);
    let (tell, mut events) = mpsc::channel(LINK_EVENTS_MAX);
    let link = crate::link::spawn(join(setup.endpoint.clone()), tell);
    let link = link.map_err(|error| FleetError::Authority(error.to_string()))?;
    let accept = setup.accept.clone();
    let mut desk = Desk { setup, accept, talks: BTreeMap::new(), link, open: 0 };
    let quiet = Duration::from_millis(REPORTS_QUIET_MS);
    let late = Instant::now() + Duration::from_millis(FLEET_STATUS_MS_MAX);
    let again = Duration::from_millis(AUTHORITY_AGAIN_MS);
    let (mut due, mut signed, mut outage) = (None, 0, "no answer".to_owned());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let event = tokio::select! {
            () = shutdown.as_mut() => break,
            event = events.recv() => event,
            () = sleep_until(due.unwrap_or(late)), if due.is_some() => {
                due = None;
                if let Err(error) = desk.answer(now_unix_s(), &mut signed, observer) {
                    if setup.once {
                        return Err(error);
                    }
                    observer.waits(&error);
                    due = Some(Instant::now() + again);
                }
                if setup.once && desk.open == 0 { break }
                continue;
            }
            () = sleep_until(late), if setup.once && due.is_none() && desk.open == 0 => {
                return Err(FleetError::Authority(format!("the broker: {outage}")));
            }
        };
        match event {
            Some(LinkEvent::Message { topic, payload, .. }) => {
                desk.hear(&topic, &payload);
                due = Some(Instant::now() + quiet);
            }
            Some(LinkEvent::Up { .. }) => {
                due = Some(Instant::now() + quiet);
                observer.line(None);
            }
            Some(LinkEvent::Down { reason }) => {
                observer.line(Some(&reason));
                outage = reason;
            }
            Some(LinkEvent::Acked { .. } | LinkEvent::Lost { .. }) => {
                desk.open = desk.open.saturating_sub(1);
                if setup.once && desk.open == 0 && due.is_none() {
                    break;
                }
            }
            Some(LinkEvent::SubscriptionRefused { filter }) => {
                let what = format!("the broker refuses the subscription {filter}");
                return Err(FleetError::Authority(what));
            }
            Some(_) => {}
            None => break,
        }
    }
    desk.link.close(Vec::new()).await;
    Ok(signed)
}

fn join(endpoint: Endpoint) -> LinkConfig {
    LinkConfig {
        endpoint,
        client_id: format!("outpost-authority-{}", std::process::id()),
        is_lasting: false,
        will: None,
        subscriptions: DeviceTopic::identities(),
        receipts: Vec::new(),
        keep_alive: Duration::from_secs(KEEP_ALIVE_S),
        pace: Pace::default(),
    }
}

impl Desk<'_> {
    fn hear(&mut self, topic: &str, payload: &[u8]) {
        let Some((device, topic)) = DeviceTopic::of_identity(topic) else { return };
        let talk = self.talks.entry(device).or_default();
        if topic == DeviceTopic::Certificate {
            talk.answer = Facts::of_pem(payload).ok().map(|facts| facts.serial);
        } else {
            talk.asked = serde_json::from_slice(payload).ok();
        }
    }

    /// Answers what is open, and counts what was `signed`. What is open where it fails stays so.
    fn answer(
        &mut self,
        now_unix_s: i64,
        signed: &mut usize,
        observer: &mut dyn Observer,
    ) -> Result<(), FleetError> {
        if self.talks.values().all(|talk| talk.open().is_none()) {
            return Ok(());
        }
        let Setup { ca, days, .. } = self.setup;
        let mut authority = Authority::open(ca, now_unix_s)?;
        for (device, talk) in &mut self.talks {
            let Some(Asked { request, serial }) = talk.open().cloned() else { continue };
            // It lies at the broker since an earlier time, and the board was not there since.
            let answer = talk.answer.as_ref().filter(|answer| **answer != serial);
            if answer.is_some_and(|answer| authority.is_for(device.as_str(), answer, &request)) {
                talk.settled = Some(request);
                continue;
            }
            let mut answer = authority.renew(device.as_str(), &request, *days);
            // A person's word is kept for a key that needs it.
            let is_refused = matches!(answer, Err(FleetError::Authority(_)));
            let word = self.accept.iter().position(|it| is_refused && it == device);
            if word.is_some() {
                answer = authority.enroll(device.as_str(), &request, *days, true);
            }
            match answer {
                Ok(pem) => {
                    *signed += 1;
                    // The next one of that name may be the board that was replaced, or a thief.
                    word.map(|index| self.accept.remove(index));
                    let facts = Facts::of_pem(pem.as_bytes());
                    let facts = facts.map_err(|e| FleetError::Authority(e.to_string()))?;
                    observer.answered(device.as_str(), Ok(&facts));
                    let topic = DeviceTopic::Certificate.build(device);
                    let (payload, class) = (pem.into_bytes(), Class::State);
                    let told = Outgoing { token: 0, topic, payload, retain: true, class };
                    let sent = self.link.publish(told);
                    sent.map_err(|error| FleetError::Authority(error.to_string()))?;
                    self.open += 1;
                }
                // Its disk, and no word about this board.
                Err(error @ FleetError::File { .. }) => return Err(error),
                Err(error) => observer.answered(device.as_str(), Err(&error.to_string())),
            }
            talk.settled = Some(request);
        }
        Ok(())
    }
}

impl Talk {
    /// What is asked and has not been dealt with.
    fn open(&self) -> Option<&Asked> {
        self.asked.as_ref().filter(|asked| self.settled.as_ref() != Some(&asked.request))
    }
}

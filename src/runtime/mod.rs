//! The runtime: one owner runs the agent. It waits for the next event, hands it to
//! [`Agent::apply`], and carries the effects out. It decides nothing; the agent waits for nothing.
//!
//! The seams end here: `Clock`, `Disk` (behind the journal), `Link`, `Model`.

mod assemble;
mod burst;
mod cloud;
mod escalate;
mod lines;
mod model;
mod news;
mod outbox;
mod place;
mod render;
mod service;
mod sources;
mod update;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::agent::{Agent, Effect, Event, Inbox, MindNews, Question, Report, Status};
use crate::board::Change;
use crate::clock::{Clock, Now, Pace, Tick};
use crate::config::Config;
use crate::domain::{Entry, Severity};
use crate::journal::{Journal, JournalEvent, Record, Stamp};
use crate::limits;
use crate::link::serial::LineHandle;
use crate::link::topics::{DeviceName, DeviceTopic};
use crate::link::{Class, Endpoint, LinkConfig, LinkConfigError, LinkHandle, Outgoing, Will};
use crate::live::Asked;
use crate::mind::client::{DecideRequest, MindEvent, MindHandle};
use crate::mind::score;
use crate::uplink::{News, Uplink};
pub use assemble::{AssembleError, Memory, mind, parts, registry, sent_before, uplink};
use model::Switched;
pub use model::choose;
use outbox::{Message, Outbox};
pub use place::PlaceOnBus;
pub use render::Rendered;
pub use service::Service;
use sources::{Incoming, Sources, next_event};

/// What a runtime is made of. Whoever builds it chooses the seams.
pub struct Parts {
    /// The checked configuration.
    pub config: Arc<Config>,
    /// Real or virtual time.
    pub clock: Clock,
    /// Where the broker is.
    pub endpoint: Endpoint,
    /// The agent and the effects of its start.
    pub agent: (Agent, Vec<Effect>),
    /// This start's random number, as the agent has it.
    pub boot: u64,
    /// The journal; `None` where the disk refuses: the agent runs from memory.
    pub journal: Option<Journal>,
    /// What the journal says.
    pub journal_events: JournalInbox,
    /// The language model, if there is one; or why there is none though one is configured.
    pub mind: Result<Option<MindParts>, String>,
    /// How long the bus had not been heard before this start; `None`: nobody knows.
    pub away: Option<Duration>,
    /// What the governor of the board allows; `None`: everything, always.
    pub board: Option<mpsc::Receiver<Change>>,
    /// Who is told that we are ready and alive.
    pub service: Service,
    /// Things to say at the start: kind, text, severity.
    pub notices: Vec<(String, String, Severity)>,
    /// The journal's way to its destinations; `None`: it has none.
    pub uplink: Option<(Uplink, News)>,
    /// The line to the thread that keeps the slots; `None`: no launcher started us.
    pub update: Option<crate::update::Line>,
    /// Commands of people at the page.
    pub page: Option<mpsc::Receiver<Asked>>,
    /// What there is to say about devices that announce themselves.
    pub devices: Option<mpsc::Receiver<crate::discover::Word>>,
}

/// A running mind.
pub struct MindParts {
    /// Questions go in here.
    pub handle: MindHandle,
    /// Answers come out here.
    pub events: mpsc::Receiver<MindEvent>,
    /// On a virtual clock: what one token that is read costs, so that a fast machine does not
    /// make a slow board look quick. `None` on a real clock.
    pub token_cost: Option<Duration>,
    /// Files of the adapters that agents have of their own, by name; empty for `none`.
    pub adapters: BTreeMap<String, String>,
}

impl MindParts {
    /// The mind, and what it says: those two have different owners.
    fn apart(mut self) -> (MindParts, mpsc::Receiver<MindEvent>) {
        let (_, closed) = mpsc::channel(1);
        let events = std::mem::replace(&mut self.events, closed);
        (self, events)
    }
}

/// Where the journal's listener puts what it says.
pub struct JournalInbox {
    stored: watch::Receiver<u64>,
    news: mpsc::Receiver<JournalEvent>,
}

/// A listener for [`crate::journal::open`] and the inbox that it fills.
#[must_use]
pub fn journal_inbox() -> (crate::journal::Listener, JournalInbox) {
    let (stored_in, stored) = watch::channel(0);
    let (news_in, news) = mpsc::channel(limits::JOURNAL_NEWS_MAX);
    let listener = move |event| match event {
        JournalEvent::Stored { upto } => {
            stored_in.send_replace(upto);
        }
        // Full: more of the same is waiting to be read.
        other => drop(news_in.try_send(other)),
    };
    (Box::new(listener), JournalInbox { stored, news })
}

/// Why a runtime does not start.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The device's name cannot stand in a topic.
    #[error("[device] name")]
    Name(#[source] crate::link::topics::NameError),
    /// The link refuses its configuration.
    #[error("[bus]")]
    Link(#[source] LinkConfigError),
}

/// Looks on while the agent works: the demo's view and summary.
pub trait Observer {
    /// After an event: the agent as it is, and what it caused.
    fn applied(&mut self, agent: &Agent, now: Now, effects: &[Effect]);

    /// How updates of this board stand has changed: what is published of them.
    fn updated(&mut self, _report: &serde_json::Value) {}
}

/// Nobody looks.
pub struct Unobserved;

impl Observer for Unobserved {
    fn applied(&mut self, _: &Agent, _: Now, _: &[Effect]) {}
}

struct Runtime<'a> {
    device: DeviceName,
    agent: Agent,
    boot: u64,
    clock: Clock,
    inbox: Inbox,
    config: Arc<Config>,
    link: LinkHandle,
    lines: Vec<LineHandle>,
    journal: Option<Journal>,
    journal_ok: bool,
    uplink: Option<Uplink>,
    /// Records that a destination has not acknowledged.
    backlog: u64,
    /// What destinations that may command were told of the board.
    told_clouds: Option<(Status, crate::clock::ClockTrust)>,
    mind: Option<MindParts>,
    outbox: Outbox,
    /// What the broker had queued for us.
    queue: burst::Queue,
    /// Operators' commands that came out of it before anything could be sent.
    early: Vec<news::Message>,
    early_clouds: cloud::Early,
    /// Connections to a session that went on: the number in our message to ourselves.
    resumptions: u64,
    /// The last record's number.
    recorded: u64,
    /// Answers that are not due yet on a virtual clock.
    later: BTreeMap<(Tick, u64), MindNews>,
    /// Tokens of messages to devices that are out.
    sent: std::collections::BTreeSet<u64>,
    next_token: u64,
    trust: crate::clock::ClockTrust,
    /// The last reason why the mind did not take a question: said once.
    refusal_said: Option<String>,
    /// Where a switch of the model tells its end. One at a time: the agent sees to that.
    switches: mpsc::Sender<Switched>,
    escalation: escalate::Escalation,
    stopped: bool,
    update: update::Line,
    observer: &'a mut dyn Observer,
}

/// Runs until `shutdown` completes and the hand-over to `safe` is done. The journal is closed when
/// this returns.
///
/// # Errors
/// Where the link cannot be started at all; nothing else ends it.
pub async fn run(
    parts: Parts,
    shutdown: impl Future<Output = ()>,
    observer: &mut dyn Observer,
) -> Result<Agent, RuntimeError> {
    let device: DeviceName = parts.config.device.name.parse().map_err(RuntimeError::Name)?;
    let inbox = Inbox::new(parts.config.clone());
    let (link_in, link_events) = mpsc::channel(limits::LINK_EVENTS_MAX);
    let link = crate::link::spawn(link_config(&parts, &device, &inbox), link_in)
        .map_err(RuntimeError::Link)?;
    let (lines, line_events) = lines::start(&parts.config, &inbox, (&parts.endpoint, &device));
    let mut pace = parts.clock.join();
    let (agent, first) = parts.agent;
    let (mind, unusable) = parts.mind.map_or_else(|text| (None, Some(text)), |mind| (mind, None));
    let (mind, mind_events) = mind.map(MindParts::apart).unzip();
    let (uplink, uplink_news) = parts.uplink.unzip();
    let (switches, switched) = mpsc::channel(1);
    let (update, update_news) = update::Line::open(parts.update);
    let (escalation, escalated) = escalate::Escalation::open(&parts.config);
    let mut sources = Sources {
        switched,
        page: parts.page,
        devices: parts.devices,
        uplink: uplink_news,
        link: link_events,
        lines: line_events,
        journal: parts.journal_events,
        mind: mind_events,
        board: parts.board,
        update: update_news,
        escalated,
    };
    let mut runtime = Runtime {
        device,
        agent,
        boot: parts.boot,
        config: parts.config,
        inbox,
        link,
        lines,
        journal_ok: parts.journal.is_some(),
        journal: parts.journal,
        uplink,
        backlog: 0,
        told_clouds: None,
        mind,
        outbox: Outbox::default(),
        early_clouds: cloud::Early::new(parts.clock.now().tick),
        queue: burst::Queue::new(parts.away, parts.clock.now().tick),
        clock: parts.clock,
        early: Vec::new(),
        resumptions: 0,
        recorded: 0,
        later: BTreeMap::new(),
        sent: std::collections::BTreeSet::new(),
        next_token: 1 << 62,
        trust: crate::clock::ClockTrust::Unset,
        refusal_said: None,
        switches,
        escalation,
        stopped: false,
        update,
        observer,
    };
    runtime.begin(first, parts.notices, unusable);
    live(&mut runtime, &mut sources, &mut pace, parts.service, shutdown).await;
    runtime.update.close();
    runtime.last_words(&mut sources).await;
    Ok(runtime.end().await)
}

/// The loop: waits, takes what came, and tells the service manager that it goes round.
async fn live(
    runtime: &mut Runtime<'_>,
    sources: &mut Sources,
    pace: &mut Pace,
    mut service: Service,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut stopping = false;
    service.ready();
    while !runtime.stopped {
        service.alive(runtime.clock.now().tick);
        let others = service.due().into_iter().chain(runtime.update.due());
        let until = others.fold(runtime.next_time(), Tick::min);
        let next = next_event(sources, shutdown.as_mut(), stopping);
        let incoming = wait(pace, until, next).await;
        let incoming = update::or_stop(incoming, stopping);
        if matches!(incoming, Incoming::Stop) {
            stopping = true;
            service.stopping();
        }
        runtime.take(incoming);
    }
}

async fn wait(pace: &mut Pace, until: Tick, next: impl Future<Output = Incoming>) -> Incoming {
    pace.wait(until, next).await.unwrap_or(Incoming::Time)
}

fn link_config(parts: &Parts, device: &DeviceName, inbox: &Inbox) -> LinkConfig {
    let will = render::offline(device);
    let mut subscriptions: Vec<String> = inbox.topics().cloned().collect();
    subscriptions.extend(DeviceTopic::filters(device));
    // An operator's command is the broker's until the journal has it.
    let receipts = vec![DeviceTopic::commands(device)];
    LinkConfig {
        endpoint: parts.endpoint.clone(),
        client_id: device.client_id(),
        is_lasting: true,
        will: Some(Will { topic: will.topic, payload: will.payload }),
        subscriptions,
        receipts,
        keep_alive: Duration::from_secs(limits::KEEP_ALIVE_S),
        pace: crate::link::client::Pace::default(),
    }
}

impl Runtime<'_> {
    /// The effects of the start, and what there is to say at it.
    fn begin(
        &mut self,
        first: Vec<Effect>,
        notices: Vec<(String, String, Severity)>,
        unusable: Option<String>,
    ) {
        self.perform(first, self.clock.now());
        for (kind, text, severity) in notices {
            self.apply(Event::Notice { kind, text, severity });
        }
        unusable.into_iter().for_each(|text| self.no_mind(text));
    }

    fn next_time(&self) -> Tick {
        let answer = self.later.keys().next().map(|(due, _)| *due);
        let others = answer.into_iter().chain(self.queue.due()).chain(self.early_clouds.due());
        others.fold(self.agent.next_wake(), Tick::min)
    }

    /// Turns what came in into events.
    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Time => self.time(),
            Incoming::Stop => self.apply(Event::Stop),
            Incoming::Stored(upto) => {
                self.look_before_going(upto);
                let ready = self.outbox.stored(upto);
                self.release(ready);
                self.settle_receipts();
                self.escalate_stored(upto);
            }
            Incoming::Escalated(answered) => self.answered(answered),
            Incoming::Journal(event) => self.journal_news(event),
            Incoming::Mind(event) => self.mind_news(event),
            Incoming::Board(change) => self.board_news(change),
            Incoming::Backlog(records) => {
                self.backlog = records;
                let effects = self.agent.status_again();
                self.perform(effects, self.clock.now());
            }
            Incoming::Page(Asked { kind, id, payload }) => {
                if let Some(event) = self.inbox.command(&kind, &id, &payload, false) {
                    self.apply(event);
                }
            }
            Incoming::Switched(switched) => self.switched(switched),
            Incoming::Cloud(news) => self.cloud_news(news),
            Incoming::Update(news) => self.update_news(news),
            Incoming::Uplink(notice) => self.uplink_news(notice),
            Incoming::Device(word) => self.notice("device", word.text, word.severity),
            Incoming::Link(event) => self.link_news(event),
            Incoming::Line(event) => self.line_news(event),
        }
    }

    fn time(&mut self) {
        let now = self.clock.now().tick;
        while let Some(first) = self.later.first_entry() {
            if first.key().0 > now {
                break;
            }
            let news = first.remove();
            self.apply(Event::Mind(news));
        }
        self.burst_overdue(now);
        if self.early_clouds.due().is_some_and(|due| due <= now) {
            self.release_clouds();
        }
        self.apply(Event::Wake);
    }

    fn apply(&mut self, event: Event) {
        let now = self.clock.now();
        let effects = self.agent.apply(event, now);
        self.observer.applied(&self.agent, now, &effects);
        self.perform(effects, now);
        if self.trust != now.trust {
            self.trust = now.trust;
            let effects = self.agent.status_again();
            self.perform(effects, now);
        }
        self.tell_clouds_status();
        self.tell_update(now.tick);
    }

    /// Carries effects out, in their order. Records go to the journal as one batch, first, with the
    /// time that the agent was told: `replay` tells it the same.
    fn perform(&mut self, effects: Vec<Effect>, now: Now) {
        let mut batch = Vec::new();
        let mut urgent = false;
        for effect in &effects {
            if let Effect::Record { seq, entry } = effect {
                urgent |= !matches!(entry, Entry::Reading { .. });
                self.tell_alarm(*seq, entry);
                self.recorded = *seq;
                batch.push(Record::new(Stamp { seq: *seq, boot: self.boot, now }, entry));
            }
        }
        if let Some(journal) = &self.journal
            && !batch.is_empty()
            && journal.append(batch, urgent).is_err()
        {
            // Its own event says so; nothing waits for what is not kept.
            self.journal_ok = false;
        }
        for effect in effects {
            match effect {
                Effect::Record { .. } => {}
                Effect::Send { token, actuator, payload, after } => {
                    let actuator = &self.config.actuators[usize::from(actuator.0)];
                    let message = outbox::message_to(actuator, token, payload);
                    self.send_after(message, after);
                }
                Effect::Withdraw { token } => {
                    self.clock.arrive(usize::from(self.outbox.withdraw(token)));
                }
                Effect::Report { report, after } => {
                    if let Report::Event { kind, text, severity } = &report {
                        news::log_event(kind, text, *severity);
                    }
                    let rendered =
                        render::report(&self.device, self.boot, self.backlog, now, &report);
                    let Some(Rendered { topic, payload, retain, class }) = rendered else {
                        continue;
                    };
                    let token = self.next_token;
                    self.next_token += 1;
                    let message = Outgoing { token, topic, payload, retain, class };
                    let message = match report {
                        Report::CommandState { .. } | Report::Approval { .. } => {
                            Message::Everywhere(message)
                        }
                        _ => Message::Bus(message),
                    };
                    self.send_after(message, after);
                }
                Effect::Ask(question) => self.ask(question),
                Effect::Escalate(question) => self.escalate(question),
                Effect::SwitchModel { command, model, adapter } => {
                    self.switch_model(command, model, adapter);
                }
                Effect::TakeRelease { command, release } => self.take_release(command, release),
                Effect::Stopped => self.stopped = true,
            }
        }
    }

    /// Publishes once the record is stored; at once where none is named or the disk fails.
    fn send_after(&mut self, message: Message, after: Option<u64>) {
        match after {
            Some(seq) if self.journal_ok => {
                self.clock.depart(1);
                if let Some(ready) = self.outbox.hold(seq, message) {
                    self.release(ready);
                }
            }
            _ => self.publish(message),
        }
    }

    /// What waited was allowed by a world of before: time alone may have made that unknown.
    fn look_before_going(&mut self, upto: u64) {
        if self.outbox.has_command(upto) {
            self.apply(Event::Wake);
        }
    }

    fn release(&mut self, ready: Vec<Message>) {
        let count = ready.len();
        for message in ready {
            self.publish(message);
        }
        self.clock.arrive(count);
    }

    fn publish(&mut self, message: Message) {
        if self.outbox.is_withdrawn(&message) {
            return;
        }
        let message = match message {
            Message::Bus(message) => message,
            Message::Everywhere(message) => {
                self.tell_clouds(&message);
                message
            }
            Message::Line(line, set) => return self.put_on_line(line, set),
        };
        let (token, command) = (message.token, message.class == Class::Command);
        // In flight twice: until the place has it, and until its PUBACK is here.
        if command {
            self.clock.depart(2);
            self.sent.insert(token);
        }
        if let Err(error) = self.link.publish(message) {
            tracing::warn!(%error, "not published");
            if command {
                self.lost(token, Some(format!("not sent: {error}")));
            }
        } else if command {
            self.agent.went(token);
        }
    }

    fn lost(&mut self, token: u64, why: Option<String>) {
        if self.sent.remove(&token) {
            self.apply(Event::Lost { token, why });
            self.clock.arrive(2);
        }
    }

    fn ask(&mut self, question: Question) {
        let Some(mind) = &self.mind else { return };
        let id = question.id;
        let adapter = question.adapter.and_then(|name| mind.adapters.get(&name).cloned());
        // On virtual time the process knows nothing of the deadline; the agent keeps it anyway.
        let left = question.deadline.since(self.clock.now().tick);
        let within_ms = match mind.token_cost {
            Some(_) => 0,
            None => u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1),
        };
        // A note is read when no decision waits.
        let is_note = !question.questions.is_empty();
        let questions = question.questions.into_iter();
        let questions =
            questions.map(|one| score::Question { text: one.state, candidates: one.candidates });
        self.clock.depart(1);
        if mind
            .handle
            .decide(DecideRequest {
                adapter,
                id,
                prefix: question.prefix,
                state: question.state,
                candidates: question.candidates,
                by_notes: question.by_notes,
                questions: questions.collect(),
                priority: match is_note {
                    true => limits::MIND_PRIORITY_NOTE,
                    false => limits::MIND_PRIORITY_DECISION,
                },
                within_ms,
            })
            .is_err()
        {
            self.clock.arrive(1);
            self.apply(Event::Mind(MindNews::Lost { id }));
        }
    }

    /// The last words, and the end of everything that runs.
    async fn end(mut self) -> Agent {
        // Its cursors go into the journal.
        if let Some(uplink) = self.uplink.take() {
            drop(tokio::task::spawn_blocking(move || uplink.close()).await);
        }
        // What the agent said last is stored before it is published.
        if let Some(journal) = self.journal.take() {
            let closed = tokio::task::spawn_blocking(move || journal.close());
            drop(closed.await);
        }
        self.journal_ok = false;
        self.settle_receipts();
        for message in self.outbox.rest() {
            // A device on a line would not be heard any more.
            let (Message::Bus(message) | Message::Everywhere(message)) = message else { continue };
            if let Err(error) = self.link.publish(message) {
                tracing::warn!(%error, "not published");
            }
        }
        let Rendered { topic, payload, retain, class } = render::offline(&self.device);
        let last = Outgoing { token: self.next_token, topic, payload, retain, class };
        self.link.close(vec![last]).await;
        self.agent
    }
}

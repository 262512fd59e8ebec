//! Where events come from, and the wait for the next of them. Nothing is decided here.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use super::model::Switched;
use super::{JournalInbox, news};
use crate::board::Change;
use crate::discover::Word;
use crate::journal::JournalEvent;
use crate::link::LinkEvent;
use crate::link::serial::LineEvent;
use crate::live::Asked;
use crate::mind::client::MindEvent;
use crate::uplink::{FromCloud, News, Notice};

/// Something that came in.
pub(super) enum Incoming {
    Time,
    Link(LinkEvent),
    Line(LineEvent),
    Stored(u64),
    Journal(JournalEvent),
    Mind(MindEvent),
    Board(Change),
    Backlog(u64),
    Cloud(FromCloud),
    Switched(Switched),
    Page(Asked),
    Uplink(Notice),
    Device(Word),
    Update(crate::update::News),
    Escalated(crate::escalate::Answered),
    Stop,
}

/// Where events come from.
pub(super) struct Sources {
    pub(super) switched: mpsc::Receiver<Switched>,
    pub(super) page: Option<mpsc::Receiver<Asked>>,
    pub(super) devices: Option<mpsc::Receiver<Word>>,
    pub(super) link: mpsc::Receiver<LinkEvent>,
    pub(super) lines: mpsc::Receiver<LineEvent>,
    pub(super) journal: JournalInbox,
    pub(super) mind: Option<mpsc::Receiver<MindEvent>>,
    pub(super) board: Option<mpsc::Receiver<Change>>,
    pub(super) uplink: Option<News>,
    pub(super) update: Option<mpsc::Receiver<crate::update::News>>,
    pub(super) escalated: Option<mpsc::Receiver<crate::escalate::Answered>>,
}

/// The next of a source that may not be there, or may have ended: never, then. Cancel safe.
async fn next_of<T>(source: &mut Option<mpsc::Receiver<T>>) -> T {
    if let Some(events) = source
        && let Some(event) = events.recv().await
    {
        return event;
    }
    std::future::pending().await
}

/// Waits for whatever comes first and decides nothing. Cancel safe: every branch only receives.
/// Serial lines come before the bus: their rate is bounded, so neither starves the other.
pub(super) async fn next_event(
    sources: &mut Sources,
    shutdown: Pin<&mut impl Future<Output = ()>>,
    stopping: bool,
) -> Incoming {
    let Sources { link, lines, journal, mind, board, uplink, switched, .. } = sources;
    let Sources { update, page, escalated, devices, .. } = sources;
    tokio::select! {
        biased;
        () = shutdown, if !stopping => Incoming::Stop,
        Ok(()) = journal.stored.changed() => Incoming::Stored(*journal.stored.borrow_and_update()),
        Some(event) = journal.news.recv() => Incoming::Journal(event),
        event = next_of(mind) => Incoming::Mind(event),
        Some(end) = switched.recv() => Incoming::Switched(end),
        asked = next_of(page) => Incoming::Page(asked),
        word = next_of(devices) => Incoming::Device(word),
        change = next_of(board) => Incoming::Board(change),
        news = news::of_uplink(uplink) => news,
        news = next_of(update) => Incoming::Update(news),
        answered = next_of(escalated) => Incoming::Escalated(answered),
        Some(event) = lines.recv() => Incoming::Line(event),
        Some(event) = link.recv() => Incoming::Link(event),
        else => std::future::pending().await,
    }
}

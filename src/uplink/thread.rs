//! All destinations on one thread of their own, with a runtime of its own: whatever they do, the
//! agent's loop does not wait for it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::book::Book;
use super::objects::Store;
use super::otlp::Collector;
use super::poster::Poster;
use super::remote::{Ears, FromCloud, Word};
use super::sender::Sender;
use crate::clock::Clock;
use crate::config::{Cloud, CloudTo};
use crate::domain::Severity;
use crate::journal::Cursors;
use crate::limits::{
    RECEIPTS_MAX, UPLINK_CLOSE_MS_MAX, UPLINK_COMMANDS_MAX, UPLINK_NOTICES_MAX, UPLINK_WORDS_MAX,
};
use crate::link::Will;
use crate::link::topics::DeviceName;
use crate::metrics::DestinationMeters;

/// What an uplink is made of.
pub struct Setup {
    /// Whose records.
    pub device: DeviceName,
    /// Where to.
    pub clouds: Vec<Cloud>,
    /// The journal's folder.
    pub folder: PathBuf,
    /// Where cursors are kept.
    pub cursors: Cursors,
    /// What they were at the start, by name.
    pub acknowledged: Vec<(String, u64)>,
    /// The last sequence that was stored before the start.
    pub stored_before: u64,
    /// The last sequence that is stored; 0 before the first commit.
    pub stored: watch::Receiver<u64>,
    /// What day it is.
    pub clock: Clock,
    /// The board's own time zone.
    pub zone: jiff::tz::TimeZone,
    /// What destinations that are told of the board hear when it is gone.
    pub offline: Will,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// A sentence.
    pub text: String,
    /// How much it matters.
    pub severity: Severity,
}

/// What the uplink tells.
pub struct News {
    /// Records not yet acknowledged, of the destination that is furthest behind.
    pub backlog: watch::Receiver<u64>,
    /// What a person should know.
    pub notices: mpsc::Receiver<Notice>,
    /// What comes from destinations that may command.
    pub commands: mpsc::Receiver<FromCloud>,
}

/// The way to a destination that is told of the board.
struct Told {
    /// Its operators may command, and hear of every command.
    commands: bool,
    words: mpsc::Sender<Word>,
    settled: mpsc::Sender<u64>,
}

impl Told {
    fn new(commands: bool) -> (Told, Ears) {
        let (words, heard) = mpsc::channel(UPLINK_WORDS_MAX);
        let (settled, receipts) = mpsc::channel(RECEIPTS_MAX);
        (Told { commands, words, settled }, Ears { words: heard, settled: receipts })
    }

    /// Where too much waits it is not said: the journal has it.
    fn say(&self, word: &Word) {
        if self.words.try_send(word.clone()).is_err() {
            tracing::warn!(topic = word.topic, "not said to a destination");
        }
    }
}

/// A running uplink. Dropped, it ends without a farewell.
pub struct Uplink {
    urgent: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    ended: std::sync::mpsc::Receiver<()>,
    meters: Vec<DestinationMeters>,
    /// To each destination that is told of the board, by its place.
    words: Vec<Option<Told>>,
}

impl Uplink {
    /// An alarm with this sequence is on its way to the journal.
    pub fn urgent(&self, seq: u64) {
        self.urgent.send_replace(seq);
    }

    /// Whether any destination may command.
    #[must_use]
    pub fn may_command(&self) -> bool {
        self.words.iter().flatten().any(|told| told.commands)
    }

    /// Whether any destination is told how the board is.
    #[must_use]
    pub fn is_told_status(&self) -> bool {
        self.words.iter().any(Option::is_some)
    }

    /// Says something to every destination that may command.
    pub fn say(&self, word: &Word) {
        self.words.iter().flatten().filter(|told| told.commands).for_each(|told| told.say(word));
    }

    /// Says how the board is to every destination that is told.
    pub fn say_status(&self, word: &Word) {
        self.words.iter().flatten().for_each(|told| told.say(word));
    }

    /// The command with this receipt, of the destination at this place, is safe with us.
    pub fn settle(&self, place: usize, receipt: u64) {
        if let Some(Some(told)) = self.words.get(place)
            && told.settled.try_send(receipt).is_err()
        {
            // There are no more receipts than room: the destination has ended.
            tracing::debug!(receipt, "a command of a destination will come again");
        }
    }

    /// What each destination counts.
    #[must_use]
    pub fn meters(&self) -> Vec<DestinationMeters> {
        self.meters.clone()
    }

    /// Ends every destination and puts the cursors into the journal, which must still run. Blocks,
    /// for `UPLINK_CLOSE_MS_MAX` at most.
    pub fn close(self) {
        self.closing.send_replace(true);
        let longest = Duration::from_millis(UPLINK_CLOSE_MS_MAX);
        if self.ended.recv_timeout(longest).is_err() {
            tracing::warn!("a destination did not end in time; what it sent last may come again");
        }
    }
}

/// The backlog of each destination, and the greatest.
pub(super) struct Backlog {
    pub(super) each: Mutex<Vec<u64>>,
    pub(super) greatest: watch::Sender<u64>,
}

impl Backlog {
    pub(super) fn set(&self, place: usize, records: u64) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = each.get_mut(place) {
            *own = records;
        }
        let greatest = each.iter().copied().max().unwrap_or(0);
        drop(each);
        self.greatest.send_if_modified(|known| std::mem::replace(known, greatest) != greatest);
    }
}

/// What every destination shares.
pub(super) struct Common {
    pub(super) device: DeviceName,
    pub(super) folder: PathBuf,
    pub(super) cursors: Cursors,
    pub(super) stored_before: u64,
    pub(super) clock: Clock,
    pub(super) backlog: Backlog,
    pub(super) notices: mpsc::Sender<Notice>,
    pub(super) commands: mpsc::Sender<FromCloud>,
    pub(super) offline: Will,
    pub(super) zone: jiff::tz::TimeZone,
}

/// What wakes a destination, beside its link.
#[derive(Clone)]
pub(super) struct Wakers {
    pub(super) stored: watch::Receiver<u64>,
    pub(super) urgent: watch::Receiver<u64>,
    pub(super) closing: watch::Receiver<bool>,
}

/// Starts the destinations. Waits for no line.
///
/// # Errors
/// Where the system gives no thread.
pub fn spawn(setup: Setup) -> std::io::Result<(Uplink, News)> {
    let names: Vec<_> = setup.clouds.iter().map(|cloud| cloud.name.clone()).collect();
    setup.cursors.declare(&names);
    let (urgent, urgent_seen) = watch::channel(0);
    let (closing, closing_seen) = watch::channel(false);
    let (greatest, backlog) = watch::channel(0);
    let (notices_in, notices) = mpsc::channel(UPLINK_NOTICES_MAX);
    let (commands_in, commands) = mpsc::channel(UPLINK_COMMANDS_MAX);
    let (tell_end, ended) = std::sync::mpsc::sync_channel(1);
    let wakers = Wakers { stored: setup.stored, urgent: urgent_seen, closing: closing_seen };
    let common = Arc::new(Common {
        device: setup.device,
        folder: setup.folder,
        cursors: setup.cursors,
        stored_before: setup.stored_before,
        clock: setup.clock,
        backlog: Backlog { each: Mutex::new(vec![0; setup.clouds.len()]), greatest },
        notices: notices_in,
        commands: commands_in,
        offline: setup.offline,
        zone: setup.zone,
    });
    let ways = setup.clouds.iter().map(|cloud| {
        let broker = cloud.to.broker().filter(|broker| broker.is_told_status())?;
        Some(Told::new(broker.commands))
    });
    let (words, heard): (Vec<_>, Vec<_>) = ways.map(Option::unzip).unzip();
    let meters: Vec<_> = names.iter().map(|name| DestinationMeters::new(name)).collect();
    let counted = meters.clone();
    let (clouds, acknowledged) = (setup.clouds, setup.acknowledged);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("uplink".to_owned()).spawn(move || {
        // The agent comes first where both want the processor. Linux keeps this for the thread.
        if let Err(error) = rustix::process::nice(5) {
            tracing::debug!(%error, "the uplink runs at the agent's priority");
        }
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for (place, (cloud, words)) in clouds.into_iter().zip(heard).enumerate() {
                let known = acknowledged.iter().find(|(name, _)| *name == cloud.name);
                let cursor = known.map_or(0, |(_, seq)| *seq);
                let meters = counted[place].clone();
                let to = cloud.to.clone();
                let book = Book::open(Arc::clone(&common), place, cloud, cursor, meters);
                let wakers = wakers.clone();
                match to {
                    CloudTo::Broker(broker) => {
                        tasks.spawn(Sender::new(book, broker, cursor).run(wakers, words))
                    }
                    CloudTo::Objects(objects) => {
                        tasks.spawn(Poster::new(book, Store::new(objects), cursor).run(wakers))
                    }
                    CloudTo::Otlp(otlp) => {
                        tasks.spawn(Poster::new(book, Collector::new(otlp), cursor).run(wakers))
                    }
                };
            }
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a destination ended in a panic");
                }
            }
        });
        // Nobody waits where the handle was dropped.
        tell_end.send(()).ok();
    })?;
    let news = News { backlog, notices, commands };
    Ok((Uplink { urgent, closing, ended, meters, words }, news))
}

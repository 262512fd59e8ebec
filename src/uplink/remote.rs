//! Operators who are not on the bus: commands that come in through a destination, and what is said
//! to it of the board. Only names and channels; the sender does the work.

use tokio::sync::mpsc;

use crate::link::Class;

/// A command that came through a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The destination, by its place in the configuration.
    pub place: usize,
    /// Its topic: one of `cmd/`.
    pub topic: String,
    /// What was asked, or the size of what was too large to read.
    pub payload: Result<Vec<u8>, usize>,
    /// The broker had kept it.
    pub retained: bool,
    /// To be settled once its record is stored.
    pub receipt: Option<u64>,
}

/// What comes from a destination that may command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromCloud {
    /// There is a line: it must be told how the board is.
    Up,
    /// Somebody asks for something.
    Command(Remote),
}

impl FromCloud {
    /// The broker brings it again, or a new line does.
    pub(super) fn comes_again(&self) -> bool {
        !matches!(self, FromCloud::Command(Remote { receipt: None, .. }))
    }
}

/// What is said to a destination beside the journal's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// One of the device's topics.
    pub topic: String,
    /// As on the bus.
    pub payload: Vec<u8>,
    /// As on the bus.
    pub retain: bool,
    /// As on the bus.
    pub class: Class,
}

/// What goes to a destination that may command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToCloud {
    /// To be published.
    Say(Word),
    /// The command with this receipt is safe with us.
    Settle(u64),
}

/// Where a destination hears the agent.
pub(super) struct Ears {
    /// To be published.
    pub(super) words: mpsc::Receiver<Word>,
    /// Receipts have a way of their own: one that found no room would hold up all later ones.
    pub(super) settled: mpsc::Receiver<u64>,
}

/// The next of channels that may not be there, or may have ended: never, then. Cancel safe.
pub(super) async fn next(ears: &mut Option<Ears>) -> ToCloud {
    if let Some(Ears { words, settled }) = ears {
        tokio::select! {
            biased;
            Some(receipt) = settled.recv() => return ToCloud::Settle(receipt),
            Some(word) = words.recv() => return ToCloud::Say(word),
            else => {}
        }
    }
    std::future::pending().await
}

/// One that is there already.
pub(super) fn at_hand(ears: &mut Option<Ears>) -> Option<ToCloud> {
    let Ears { words, settled } = ears.as_mut()?;
    let receipt = settled.try_recv().ok().map(ToCloud::Settle);
    receipt.or_else(|| words.try_recv().ok().map(ToCloud::Say))
}

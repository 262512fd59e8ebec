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

/// The next of a channel that may not be there, or may have ended: never, then. Cancel safe.
pub(super) async fn next(words: &mut Option<mpsc::Receiver<ToCloud>>) -> ToCloud {
    if let Some(words) = words
        && let Some(word) = words.recv().await
    {
        return word;
    }
    std::future::pending().await
}

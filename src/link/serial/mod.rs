//! Serial lines: one task for each keeps its device open, for ever, and turns bytes into words.
//!
//! What it promises: a device that fails or is pulled out is closed at once and opened again with
//! back-off, by its path, so that the kernel can give the name back; after noise the next frame is
//! found; what was lost is counted; a flood costs a bounded share of a core, and the newest word of
//! each name wins; a `set` is written once, and one that cannot be written is `Lost`. What it
//! never does: judge a value, repeat a `set`, make the loop wait.

mod dialect;
mod line;
mod port;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_serial::SerialStream;

pub use super::backoff::Pace;
use crate::config::{Dialect, Parity, SerialLine};
use crate::limits;

/// A line to be kept open.
#[derive(Clone, Debug)]
pub struct LineConfig {
    /// Comes back in each event.
    pub line: u16,
    /// Its name, for people.
    pub name: String,
    /// The device's path.
    pub device: PathBuf,
    /// Bits a second.
    pub baud: u32,
    /// What is spoken.
    pub dialect: Dialect,
    /// Names that somebody asks for; others are counted.
    pub names: Vec<String>,
    /// Waits before the device is opened again; `ack_stall` is not used.
    pub pace: Pace,
}

impl LineConfig {
    /// Of a checked configuration.
    #[must_use]
    pub fn of(line: u16, config: &SerialLine, names: Vec<String>) -> LineConfig {
        let SerialLine { name, device, baud, dialect } = config.clone();
        LineConfig { line, name, device, baud, dialect, names, pace: pace() }
    }
}

/// Waits before what is beside the bus is opened again.
#[must_use]
pub fn pace() -> Pace {
    Pace {
        backoff_min: Duration::from_millis(limits::SERIAL_BACKOFF_MS_MIN),
        backoff_max: Duration::from_millis(limits::SERIAL_BACKOFF_MS_MAX),
        stable: Duration::from_millis(limits::SERIAL_STABLE_MS),
        ..Pace::default()
    }
}

/// What a word on a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// A sensor spoke.
    Reading,
    /// A device says what it is set to.
    Echo,
    /// The dialect does not tell: it is whatever the name is.
    Any,
}

/// What a line tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum LineEvent {
    /// The device is open.
    Up {
        /// Which line.
        line: u16,
    },
    /// It is not; once for an outage, with its first reason. Of every `set` before, the fate is
    /// unknown.
    Down {
        /// Which line.
        line: u16,
        /// For the operator.
        reason: String,
    },
    /// Somebody spoke whose name is asked for.
    Word {
        /// Which line.
        line: u16,
        /// Place of the name in [`LineConfig::names`].
        name: usize,
        /// What it is.
        kind: WordKind,
        /// The value as text: `true`, `-3`, `21.5`, a word.
        value: String,
    },
    /// Nothing is known of a name any more, and nobody says when it will be.
    Silent {
        /// Which line.
        line: u16,
        /// Place of the name in [`LineConfig::names`].
        name: usize,
        /// Whoever has this name is there and can be set all the same.
        is_there: bool,
    },
    /// A `set` was not written, or only in part.
    Lost {
        /// Of [`Set`].
        token: u64,
    },
    /// Something that a person should know, said seldom.
    Notice {
        /// Which line.
        line: u16,
        /// A sentence.
        text: String,
    },
}

/// What an actuator is to be set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// On or off, with the dialect's word for it.
    Switch(bool, String),
    /// A level, with the digits that are written as text.
    Level(f64, String),
    /// A choice.
    Word(String),
}

/// A command to a device on a line: written once, or `Lost`.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// The caller's name for it.
    pub token: u64,
    /// The actuator's name on the line.
    pub name: String,
    /// To what.
    pub setting: Setting,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that the device was opened.
    pub opened: u64,
    /// Words that were given to the owner or wait for it.
    pub words: u64,
    /// Frames or lines that cannot be read: changed, cut, too long, foreign.
    pub damaged: u64,
    /// Frames that never came, by the gaps in their numbers.
    pub missing: u64,
    /// Words that gave way to newer ones, because the loop or the rate's bound was slower.
    pub replaced: u64,
    /// Words with a name that nobody asks for.
    pub unknown: u64,
}

/// The owner's end of a line. The line ends when it is dropped.
pub struct LineHandle {
    sets: mpsc::Sender<Set>,
    counters: Arc<Mutex<Counters>>,
    task: JoinHandle<()>,
}

impl LineHandle {
    /// Of a task that takes commands from the other end of `sets`.
    pub(in crate::link) fn of(
        sets: mpsc::Sender<Set>,
        counters: Arc<Mutex<Counters>>,
        task: JoinHandle<()>,
    ) -> LineHandle {
        LineHandle { sets, counters, task }
    }

    /// Takes a command in. Never waits.
    ///
    /// # Errors
    /// The command, where too many wait or the line has ended; no event follows for it.
    pub fn set(&self, set: Set) -> Result<(), Set> {
        use mpsc::error::TrySendError::{Closed, Full};
        self.sets.try_send(set).map_err(|error| match error {
            Full(set) | Closed(set) => set,
        })
    }

    /// Counts since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LineHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a line on the current runtime.
#[must_use]
pub fn spawn(config: LineConfig, events: mpsc::Sender<LineEvent>) -> LineHandle {
    let (give, sets) = mpsc::channel(limits::SERIAL_SETS_MAX);
    let counters = Arc::new(Mutex::new(Counters::default()));
    let line = line::Line::new(config, events, sets, counters.clone());
    LineHandle::of(give, counters, tokio::spawn(line.run()))
}

/// Opens a serial device for another protocol.
pub(in crate::link) async fn open(
    device: &Path,
    baud: u32,
    parity: Parity,
) -> Result<SerialStream, String> {
    port::open(device, baud, parity).await.map_err(|error| error.to_string())
}

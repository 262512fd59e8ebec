//! The task of one line: opens, listens, writes, and begins anew whenever it must.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_serial::SerialStream;

use super::dialect::{Ear, Heard};
use super::port::{self, PortError};
use super::waiting::Waiting;
use super::{Counters, LineConfig, LineEvent, Set};
use crate::config::Parity;
use crate::limits::{
    SERIAL_HEARTBEAT_MS, SERIAL_MUTE_MS, SERIAL_READ_BYTES, SERIAL_READ_PAUSE_MS, SERIAL_REPORT_MS,
    SERIAL_UNKNOWN_SAID_MAX, SERIAL_WRITE_MS_MAX,
};
use crate::link::backoff::{Backoff, Ended};

/// The owner is gone.
struct Over;

/// What is being written: bytes, how many are out, and whose command it is.
struct Writing {
    bytes: Vec<u8>,
    out: usize,
    token: Option<u64>,
    by: Instant,
}

/// What woke the task.
enum Wake {
    Over,
    Given,
    Later,
    Set(Set),
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Stuck,
    Heartbeat,
}

pub(super) struct Line {
    config: LineConfig,
    names: HashMap<String, usize>,
    events: mpsc::Sender<LineEvent>,
    sets: mpsc::Receiver<Set>,
    counters: Arc<Mutex<Counters>>,
    ear: Ear,
    waiting: Waiting,
    backoff: Backoff,
    outage_said: bool,
    /// Names that nobody asks for and that were said.
    unknown_said: Vec<String>,
    version_said: Option<u8>,
    /// Since when it is open without one readable word; `None`: there was one, or it was said.
    mute_since: Option<Instant>,
    /// Counts at the last report, and when that was.
    reported: (Counters, Option<Instant>),
}

impl Line {
    pub(super) fn new(
        config: LineConfig,
        events: mpsc::Sender<LineEvent>,
        sets: mpsc::Receiver<Set>,
        counters: Arc<Mutex<Counters>>,
    ) -> Line {
        Line {
            names: config.names.iter().cloned().zip(0..).collect(),
            ear: Ear::new(config.dialect),
            waiting: Waiting::new(Instant::now()),
            backoff: Backoff::new(config.pace, rand::make_rng()),
            outage_said: false,
            unknown_said: Vec::new(),
            version_said: None,
            mute_since: None,
            reported: (Counters::default(), None),
            config,
            events,
            sets,
            counters,
        }
    }

    pub(super) async fn run(mut self) {
        while self.attempt().await.is_ok() {}
    }

    /// Opens the device, lives with it, and waits until it is time for the next attempt.
    async fn attempt(&mut self) -> Result<(), Over> {
        let began = Instant::now();
        let (reason, lived) =
            match port::open(&self.config.device, self.config.baud, Parity::None).await {
                Err(error) => (error, None),
                Ok(stream) => {
                    let end = self.live(stream).await?;
                    (end, Some(began.elapsed()))
                }
            };
        let ended = Ended { lived, by_broker: false };
        let wait = self.backoff.after(ended, Instant::now()).wait;
        let (line, wait_ms) = (&self.config.name, wait.as_millis());
        tracing::debug!(line, %reason, wait_ms, "serial line closed");
        // The owner logs what is said to it: one line and one event for an outage.
        if !std::mem::replace(&mut self.outage_said, true) {
            let reason = reason.to_string();
            self.waiting.push(LineEvent::Down { line: self.config.line, reason });
        }
        self.rest(Instant::now() + wait).await
    }

    /// Until `until`, and until the owner knows what has happened: nothing can be written.
    async fn rest(&mut self, until: Instant) -> Result<(), Over> {
        loop {
            let now = Instant::now();
            if now >= until && !self.waiting.has_news() {
                return Ok(());
            }
            let due = self.waiting.due(now);
            let may_go = due.is_some_and(|due| due <= now);
            let timer = match due.filter(|_| !may_go) {
                Some(due) if now < until => due.min(until),
                Some(due) => due,
                None => until,
            };
            tokio::select! {
                place = self.events.reserve(), if may_go => {
                    let place = place.map_err(|_| Over)?;
                    if let Some(event) = self.waiting.pop() {
                        place.send(event);
                    }
                }
                set = self.sets.recv() => {
                    let token = set.ok_or(Over)?.token;
                    self.waiting.push(LineEvent::Lost { token });
                }
                () = sleep_until(timer), if !may_go || now < until => {}
            }
        }
    }

    /// As long as the device lives. It is closed when this comes back.
    async fn live(&mut self, stream: SerialStream) -> Result<PortError, Over> {
        self.outage_said = false;
        let opened = {
            let mut counters = self.count();
            counters.opened += 1;
            counters.opened
        };
        if opened == 1 {
            self.mute_since = Some(Instant::now());
        }
        let device = self.config.device.display();
        tracing::info!(line = self.config.name, %device, "serial line open");
        self.waiting.push(LineEvent::Up { line: self.config.line });
        let hello = self.ear.opened();
        let (mut reader, mut writer) = split(stream);
        let mut writing = VecDeque::new();
        put(&mut writing, hello, None);
        let end = self.turn(&mut reader, &mut writer, &mut writing).await;
        for token in writing.into_iter().filter_map(|one| one.token) {
            self.waiting.push(LineEvent::Lost { token });
        }
        // Over, or it was only the reading that failed.
        let still_takes = matches!(end, Err(Over) | Ok(PortError::Read(_)));
        port::close(reader.unsplit(writer), still_takes).await;
        end
    }

    /// Turns until something ends it.
    async fn turn(
        &mut self,
        reader: &mut ReadHalf<SerialStream>,
        writer: &mut WriteHalf<SerialStream>,
        writing: &mut VecDeque<Writing>,
    ) -> Result<PortError, Over> {
        let heartbeat = Duration::from_millis(SERIAL_HEARTBEAT_MS);
        let pause = Duration::from_millis(SERIAL_READ_PAUSE_MS);
        let mut buffer = vec![0; SERIAL_READ_BYTES];
        let mut read_from = Instant::now();
        let mut beat = Instant::now() + heartbeat;
        loop {
            let now = Instant::now();
            let due = self.waiting.due(now);
            let may_go = due.is_some_and(|due| due <= now);
            let front = writing.front();
            let (rest, by) = front.map_or((&[][..], now), |one| (&one.bytes[one.out..], one.by));
            let read = async {
                sleep_until(read_from).await;
                reader.read(&mut buffer).await
            };
            let wake = tokio::select! {
                place = self.events.reserve(), if may_go => match place {
                    Ok(place) => {
                        if let Some(event) = self.waiting.pop() {
                            place.send(event);
                        }
                        Wake::Given
                    }
                    Err(_) => Wake::Over,
                },
                () = sleep_until(due.unwrap_or(now)), if due.is_some() && !may_go => Wake::Later,
                set = self.sets.recv() => set.map_or(Wake::Over, Wake::Set),
                count = writer.write(rest), if !rest.is_empty() => Wake::Wrote(count),
                () = sleep_until(by), if !rest.is_empty() => Wake::Stuck,
                count = read => Wake::Read(count),
                () = sleep_until(beat) => Wake::Heartbeat,
            };
            match wake {
                Wake::Over => return Err(Over),
                Wake::Given | Wake::Later => {}
                Wake::Set(set) => match self.ear.set(&set) {
                    Some(bytes) => put(writing, bytes, Some(set.token)),
                    None => drop(self.waiting.push(LineEvent::Lost { token: set.token })),
                },
                Wake::Read(Ok(0)) => return Ok(PortError::HungUp),
                Wake::Read(Ok(count)) => {
                    self.hear(&buffer[..count.min(SERIAL_READ_BYTES)]);
                    read_from = Instant::now() + pause;
                }
                Wake::Read(Err(error)) => return Ok(PortError::Read(error)),
                Wake::Wrote(Ok(count)) => wrote(writing, count),
                Wake::Wrote(Err(error)) => return Ok(PortError::Write(error)),
                Wake::Stuck => return Ok(PortError::Stuck),
                Wake::Heartbeat => {
                    beat = Instant::now() + heartbeat;
                    if writing.is_empty() {
                        put(writing, self.ear.heartbeat(), None);
                    }
                    self.report();
                }
            }
        }
    }

    fn count(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the device.
    fn hear(&mut self, bytes: &[u8]) {
        let mut all = Vec::new();
        self.ear.take(bytes, |heard| all.push(heard));
        for heard in all {
            if heard != Heard::Damaged {
                self.mute_since = None;
            }
            match heard {
                Heard::Alive => {}
                Heard::Word { name, kind, value } => match self.names.get(&name) {
                    Some(&name) => {
                        let line = self.config.line;
                        let word = LineEvent::Word { line, name, kind, value };
                        let replaced = self.waiting.push(word);
                        let mut counters = self.count();
                        counters.words += 1;
                        counters.replaced += u64::from(replaced);
                    }
                    None => self.unknown(name),
                },
                Heard::Damaged => self.count().damaged += 1,
                Heard::Missing(frames) => self.count().missing += u64::from(frames),
                Heard::Version(version) => {
                    if self.version_said.replace(version) != Some(version) {
                        let line = &self.config.name;
                        self.say(format!(
                            "serial line {line}: the board speaks version {version} of the \
                             frames, this program {}; what it says is not used",
                            outpost_wire::VERSION
                        ));
                    }
                }
            }
        }
    }

    fn unknown(&mut self, name: String) {
        self.count().unknown += 1;
        if self.unknown_said.len() < SERIAL_UNKNOWN_SAID_MAX && !self.unknown_said.contains(&name) {
            let line = &self.config.name;
            self.say(format!("serial line {line}: no sensor or actuator here is {name:?}"));
            self.unknown_said.push(name);
        }
    }

    /// A line on which nothing was ever understood is most likely set up wrongly: said once.
    fn note_mute(&mut self) {
        let patience = Duration::from_millis(SERIAL_MUTE_MS);
        if self.mute_since.is_some_and(|since| since.elapsed() >= patience) {
            self.mute_since = None;
            let line = &self.config.name;
            self.say(format!(
                "serial line {line}: open, and nothing was understood so far: are baud, dialect \
                 and wiring right?"
            ));
        }
    }

    /// What was lost since the last report, once in a while.
    fn report(&mut self) {
        self.note_mute();
        let now = *self.count();
        let (before, at) = self.reported;
        let quiet = Duration::from_millis(SERIAL_REPORT_MS);
        let damaged = now.damaged - before.damaged;
        let missing = now.missing - before.missing;
        let replaced = now.replaced - before.replaced;
        if damaged + missing + replaced == 0 || at.is_some_and(|at| at.elapsed() < quiet) {
            return;
        }
        self.reported = (now, Some(Instant::now()));
        let line = &self.config.name;
        self.say(format!(
            "serial line {line}: {damaged} damaged, {missing} missing, {replaced} replaced by \
             newer ones before they were used"
        ));
    }

    fn say(&mut self, text: String) {
        self.waiting.push(LineEvent::Notice { line: self.config.line, text });
    }
}

fn put(writing: &mut VecDeque<Writing>, bytes: Vec<u8>, token: Option<u64>) {
    if !bytes.is_empty() {
        let by = Instant::now() + Duration::from_millis(SERIAL_WRITE_MS_MAX);
        writing.push_back(Writing { bytes, out: 0, token, by });
    }
}

/// So many bytes of the first are out; the next one has its time from now.
fn wrote(writing: &mut VecDeque<Writing>, count: usize) {
    let Some(first) = writing.front_mut() else { return };
    first.out += count;
    if first.out >= first.bytes.len() {
        writing.pop_front();
        if let Some(next) = writing.front_mut() {
            next.by = Instant::now() + Duration::from_millis(SERIAL_WRITE_MS_MAX);
        }
    }
}

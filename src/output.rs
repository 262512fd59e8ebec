//! What a service says on standard output and standard error. A thread of its own writes; whoever
//! says something never waits: a pipe that nobody reads, or a terminal that stands still, costs
//! lines and not the rules. What must never be here: what the lines say.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::limits::{OUTPUT_LINES_MAX, OUTPUT_SETTLE_MS};

/// Pause between two tries of `settle` to be heard.
const RETRY: Duration = Duration::from_millis(5);

/// What the thread is told.
enum Word {
    Line(Vec<u8>),
    /// Everything before is written: say so.
    Settled(SyncSender<()>),
}

/// A stream that is written to by a thread. Clones are the same.
#[derive(Clone, Debug)]
pub struct Output {
    words: SyncSender<Word>,
    lost: Arc<AtomicU64>,
}

impl Output {
    /// Standard output, for JSON lines. Where lines were lost a line of its own says how many.
    ///
    /// # Errors
    /// Where the system gives no thread or no file descriptor.
    pub fn standard() -> io::Result<Output> {
        let to = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Output::open("stdout", to, |lost| format!("{{\"dropped\":{lost}}}\n"))
    }

    /// Standard error, for the log.
    ///
    /// # Errors
    /// As `standard`.
    pub fn error() -> io::Result<Output> {
        let to = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Output::open("stderr", to, |lost| format!("outpost: {lost} lines were lost: nobody read\n"))
    }

    /// A stream of any kind; `told` makes the line that says how many were lost.
    fn open(
        name: &str,
        to: impl Write + Send + 'static,
        told: fn(u64) -> String,
    ) -> io::Result<Output> {
        let (words, heard) = sync_channel(OUTPUT_LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let write = move || write(to, &heard, &counted, told);
        std::thread::Builder::new().name(name.into()).spawn(write)?;
        Ok(Output { words, lost })
    }

    /// Has a whole line written, with its end. Where too many wait already it is lost and counted.
    pub fn say(&self, line: Vec<u8>) {
        if self.words.try_send(Word::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was said before is written, for a moment at most: for the end of the
    /// program only.
    pub fn settle(&self) {
        let until = Instant::now() + Duration::from_millis(OUTPUT_SETTLE_MS);
        let (tell, settled) = sync_channel(1);
        let mut word = Word::Settled(tell);
        loop {
            match self.words.try_send(word) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < until => word = back,
                Err(_) => return,
            }
            std::thread::sleep(RETRY);
        }
        // Nobody reads: what is left is lost with us.
        let left = until.saturating_duration_since(Instant::now());
        settled.recv_timeout(left).unwrap_or_default();
    }
}

/// The thread: until nobody can say anything any more. A stream that is closed loses all the rest.
fn write(mut to: impl Write, words: &Receiver<Word>, lost: &AtomicU64, told: fn(u64) -> String) {
    let mut is_open = true;
    while let Ok(word) = words.recv() {
        let line = match word {
            Word::Line(line) => line,
            Word::Settled(tell) => {
                // Whoever waited is gone.
                tell.try_send(()).unwrap_or_default();
                continue;
            }
        };
        let count = lost.swap(0, Ordering::Relaxed);
        let before = if count > 0 { told(count).into_bytes() } else { Vec::new() };
        let written = is_open && to.write_all(&before).and_then(|()| to.write_all(&line)).is_ok();
        if !written {
            is_open = false;
            lost.fetch_add(count + 1, Ordering::Relaxed);
        }
    }
}

static LOG: OnceLock<Output> = OnceLock::new();

/// The log of a service: each record is a line. Without a thread for it the log is written as by
/// every other command.
#[must_use]
pub fn log() -> Option<LogLines> {
    let output = Output::error().ok()?;
    Some(LogLines(LOG.get_or_init(|| output).clone()))
}

/// Waits until the log so far is written, for a moment at most. For the end of the program.
pub fn settle_log() {
    if let Some(log) = LOG.get() {
        log.settle();
    }
}

/// Makes a line of each record of the log.
#[derive(Clone, Debug)]
pub struct LogLines(Output);

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for LogLines {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine { line: Vec::new(), to: self.0.clone() }
    }
}

/// A record that is being written; said when it is whole.
#[derive(Debug)]
pub struct LogLine {
    line: Vec<u8>,
    to: Output,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.to.say(std::mem::take(&mut self.line));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader, pipe};

    use super::*;

    fn opened() -> (Output, PipeReader) {
        let (reader, writer) = pipe().unwrap();
        (Output::open("test", writer, |lost| format!("{lost} lost\n")).unwrap(), reader)
    }

    #[test]
    fn what_is_said_is_written_in_order_and_settles() {
        let (output, reader) = opened();
        (0..3).for_each(|number| output.say(format!("{number}\n").into_bytes()));
        output.settle();
        drop(output);
        let lines: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["0", "1", "2"]);
    }

    #[test]
    fn a_pipe_that_nobody_reads_stops_nobody_and_what_is_lost_is_counted() {
        let (output, reader) = opened();
        // More than pipe and queue hold.
        let all = 2 * OUTPUT_LINES_MAX + 100;
        let line = vec![b'x'; 1 << 10];
        let began = Instant::now();
        for _ in 0..all {
            output.say([&line[..], b"\n"].concat());
        }
        output.settle();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        // Somebody reads again: everything is accounted for.
        let mut lines = BufReader::new(reader).lines();
        let mut seen = 0;
        let lost: usize = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(lost) = line.strip_suffix(" lost") {
                break lost.parse().unwrap();
            }
            seen += 1;
        };
        assert!(lost > 0 && seen + lost <= all, "{seen} seen, {lost} lost");
    }

    #[test]
    fn a_closed_pipe_ends_nothing() {
        let (output, reader) = opened();
        drop(reader);
        for _ in 0..10 {
            output.say(b"x\n".to_vec());
        }
        output.settle();
        // `settle` waits for a moment at most, and a loaded machine's thread may need longer.
        let until = Instant::now() + Duration::from_secs(10);
        while output.lost.load(Ordering::Relaxed) != 10 {
            assert!(Instant::now() < until, "{} lost", output.lost.load(Ordering::Relaxed));
            std::thread::sleep(RETRY);
        }
    }
}

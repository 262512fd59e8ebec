//! `outpost bench journal`: how fast records are stored, and how much is written for them.
//!
//! A record's size is its JSON form, one line of `log query --json`. Bytes written are those that
//! the kernel counts for this process (`write_bytes` of `/proc/self/io`: pages that go to a block
//! device); on a file system in memory they are 0 and the figures say so.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use rusqlite::Connection;
use serde_json::json;

use super::figures::{self, rounded};
use crate::clock::{ClockTrust, Now, Tick};
use crate::domain::{Entry, Value};
use crate::journal::{
    self, Filter, Journal, JournalEvent, Kind, Options, Reader, Record, Stamp, record_json,
};
use crate::limits::{JOURNAL_COMMIT_DELAY_MS, JOURNAL_NEWS_MAX};

/// Nothing is given up during a measurement.
const QUOTA_BYTES: u64 = 4_000_000_000;
/// Sensors that take turns, as a board has them.
const SENSORS: [&str; 5] =
    ["air_temperature", "humidity", "soil_moisture", "tank_level", "outside_temperature"];
/// Records that the agent hands over at a time.
const BATCH: u64 = 10;

/// Measure the journal
#[derive(Clone, Debug, Args)]
pub struct BenchJournalArgs {
    /// Records of the fast run
    #[arg(long, default_value_t = 300_000)]
    records: u64,
    /// Seconds of each paced run
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// A folder on the disk to be measured; what is made in it is removed again
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Runs the benchmark.
///
/// # Errors
/// Where the folder cannot be written.
pub fn run(args: &BenchJournalArgs, json: bool) -> anyhow::Result<ExitCode> {
    let base = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let base = tempfile::tempdir_in(&base).with_context(|| base.display().to_string())?;
    figures::print(&measure(args, base.path())?, json);
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &BenchJournalArgs, base: &Path) -> anyhow::Result<serde_json::Value> {
    if args.records < BATCH || args.seconds == 0 {
        bail!("--records is at least {BATCH}, --seconds at least 1");
    }
    let fast = fast(&base.join("fast"), args.records)?;
    let plain = plain(&base.join("plain"), Duration::from_secs(args.seconds.min(5)))?;
    let paced = paced(&base.join("paced"), 1000, args.seconds)?;
    let slow = paced_commits(&base.join("slow"), args.seconds)?;
    let round = |number| rounded(number, 2);
    Ok(json!({
        "records_per_s": fast.round(),
        "plain_inserts_per_s": plain.round(),
        "times_plain": round(fast / plain),
        "json_bytes_per_record": round(paced.json_bytes as f64 / paced.records as f64),
        "written_per_json_byte_at_1000_per_s":
            round(paced.written_bytes as f64 / paced.json_bytes as f64),
        "written_per_commit_at_1_per_s": (slow.written_bytes / slow.records.max(1)),
        "disk_counts_writes": paced.written_bytes > 0,
    }))
}

/// What a paced run made.
struct Paced {
    records: u64,
    json_bytes: u64,
    written_bytes: u64,
}

struct Running {
    journal: Journal,
    stored: Receiver<Result<u64, String>>,
}

fn start(folder: &Path) -> anyhow::Result<Running> {
    let (to, stored) = sync_channel(JOURNAL_NEWS_MAX * 1024);
    // News that finds no room is repeated by the next; anything but "stored" spoils the run.
    let listener = Box::new(move |event| {
        let said = match event {
            JournalEvent::Stored { upto } => Ok(upto),
            other => Err(format!("{other:?}")),
        };
        to.try_send(said).ok();
    });
    let (journal, _) = journal::open(folder, Options::of_quota(QUOTA_BYTES), listener)?;
    Ok(Running { journal, stored })
}

impl Running {
    fn wait(&self, seq: u64) -> anyhow::Result<()> {
        let mut last = 0;
        while last < seq {
            let said = self.stored.recv_timeout(Duration::from_secs(60));
            last = said.context("nothing is stored")?.map_err(anyhow::Error::msg)?;
        }
        Ok(())
    }
}

/// A reading that wanders as sensors do.
fn record(seq: u64) -> Record {
    let sensor = SENSORS[usize::try_from(seq % 5).unwrap_or(0)];
    let value =
        20.0 + (seq as f64 / 97.0).sin() * 5.0 + (seq.wrapping_mul(7919) % 100) as f64 / 50.0;
    let value = Value::Number((value * 100.0).round() / 100.0);
    let unix_ms = 1_787_000_000_000 + seq.cast_signed();
    let now = Now { tick: Tick(seq), unix_ms, trust: ClockTrust::Synced };
    let entry = Entry::Reading { sensor: sensor.to_owned(), value };
    Record::new(Stamp { seq, boot: 0x5eed, now }, &entry)
}

/// Records a second, handed over as fast as they are taken, to the last acknowledgement.
fn fast(folder: &Path, records: u64) -> anyhow::Result<f64> {
    let running = start(folder)?;
    let began = Instant::now();
    for first in (1..=records).step_by(BATCH as usize) {
        let batch = (first..(first + BATCH).min(records + 1)).map(record).collect();
        running.journal.append(batch, false)?;
        if first % 20_000 == 1 && first > 40_000 {
            // Faster than the disk for longer than this would give up readings.
            running.wait(first - 40_000)?;
        }
    }
    running.wait(records)?;
    let took = began.elapsed();
    running.journal.close();
    let mut readings = 0;
    Reader::open(folder)?.each(0, &Filter::default(), |record| {
        readings += u64::from(record.kind == Kind::Reading);
        true
    })?;
    if readings != records {
        bail!("{readings} of {records} records are there: the rest was given up");
    }
    Ok(records as f64 / took.as_secs_f64())
}

/// The usual way: a row with an index, each insert its own transaction, equally durable.
fn plain(folder: &Path, time: Duration) -> anyhow::Result<f64> {
    std::fs::create_dir_all(folder)?;
    let connection = Connection::open(folder.join("plain.sqlite"))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at INTEGER, line TEXT);
         CREATE INDEX log_at ON log (at);",
    )?;
    let began = Instant::now();
    let mut count = 0_u64;
    while began.elapsed() < time {
        count += 1;
        let record = record(count);
        let line = record_json(&record).to_string();
        connection.execute("INSERT INTO log (at, line) VALUES (?1, ?2)", (record.unix_ms, line))?;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

fn json_bytes(record: &Record) -> u64 {
    record_json(record).to_string().len() as u64 + 1
}

/// So many records a second, evenly.
fn paced(folder: &Path, per_second: u64, seconds: u64) -> anyhow::Result<Paced> {
    let running = start(folder)?;
    running.journal.append(vec![record(1)], true)?;
    running.wait(1)?;
    let before = written_bytes()?;
    let began = Instant::now();
    let mut bytes = 0;
    let records = per_second * seconds;
    for first in (0..records).step_by(BATCH as usize) {
        let batch: Vec<_> = (first + 2..first + 2 + BATCH).map(record).collect();
        bytes += batch.iter().map(json_bytes).sum::<u64>();
        running.journal.append(batch, false)?;
        let due = Duration::from_secs_f64((first + BATCH) as f64 / per_second as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    running.wait(records + 1)?;
    // The log goes into the database too.
    running.journal.close();
    Ok(Paced { records, json_bytes: bytes, written_bytes: written_bytes()? - before })
}

/// A record a second: each has a commit of its own.
fn paced_commits(folder: &Path, seconds: u64) -> anyhow::Result<Paced> {
    let running = start(folder)?;
    running.journal.append(vec![record(1)], true)?;
    running.wait(1)?;
    let before = written_bytes()?;
    let mut bytes = 0;
    for seq in 2..seconds + 2 {
        let record = record(seq);
        bytes += json_bytes(&record);
        running.journal.append(vec![record], false)?;
        running.wait(seq)?;
        // The rest of the second brings nothing that a commit would join.
        std::thread::sleep(Duration::from_millis(JOURNAL_COMMIT_DELAY_MS));
    }
    let written_bytes = written_bytes()? - before;
    Ok(Paced { records: seconds, json_bytes: bytes, written_bytes })
}

/// Bytes of pages that the kernel has sent to block devices for this process.
fn written_bytes() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io").context("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.context("/proc/self/io has no write_bytes")?.trim().parse().context("write_bytes")
}

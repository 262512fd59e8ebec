//! A journal in a folder and the book of a destination that reads it, for tests. No line is here.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, watch};

use super::book::Book;
use super::remote::FromCloud;
use super::thread::{Backlog, Common, Notice};
use crate::clock::{Clock, ClockTrust, Now, Tick, VirtualClock};
use crate::config::{Strictness, from_text};
use crate::domain::{Entry, Severity, Value};
use crate::journal::{self, Options, Record, Stamp};
use crate::link::Will;
use crate::metrics::DestinationMeters;

/// A day in August 2026, in milliseconds since 1970.
const DAY_MS: i64 = 1_787_000_000_000;

fn record(seq: u64, entry: &Entry) -> Record {
    let unix_ms = DAY_MS + seq.cast_signed();
    let now = Now { tick: Tick(seq), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: 1, now }, entry)
}

/// A reading of 192 letters that hardly compress.
pub(super) fn reading(seq: u64) -> Record {
    let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..12 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text.push_str(&format!("{state:016x}"));
    }
    record(seq, &Entry::Reading { sensor: "noise".into(), value: Value::Text(text) })
}

/// An event that nobody needs to see.
pub(super) fn event(seq: u64) -> Record {
    let (kind, text) = ("test".into(), "as usual".into());
    record(seq, &Entry::Event { kind, text, severity: Severity::Info })
}

/// An event that somebody must see.
pub(super) fn alarm(seq: u64) -> Record {
    let (kind, text) = ("test".into(), "fire".into());
    record(seq, &Entry::Event { kind, text, severity: Severity::Alarm })
}

/// Stores records in a folder's journal, a thousand in a block, and closes it.
pub(super) fn store(folder: &Path, quota_bytes: u64, records: &[Record]) {
    let (tell, told) = std::sync::mpsc::sync_channel(1000);
    let listener = move |event| {
        if let journal::JournalEvent::Stored { upto } = event {
            tell.try_send(upto).ok();
        }
    };
    let options = Options::of_quota(quota_bytes);
    let (journal, _) = journal::open(folder, options, Box::new(listener)).unwrap();
    for block in records.chunks(1000) {
        let last = block.last().map_or(0, |record| record.seq);
        journal.append(block.to_vec(), true).unwrap();
        while told.recv().unwrap() < last {}
    }
}

/// The book of a destination with more keys, everything up to `stored` being stored.
pub(super) fn book(
    folder: &Path,
    keys: &str,
    stored: u64,
) -> (Book, mpsc::Receiver<Notice>, mpsc::Receiver<FromCloud>) {
    let url = if keys.contains("url") { "" } else { "url = \"file:///nowhere\"" };
    let text = format!(
        "[device]\nname = \"board\"\n[[cloud]]\nname = \"hq\"\n{url}\ndelay = \"0s\"\n{keys}\n"
    );
    let config = from_text(&text, "outpost.toml", &[], Strictness::Check).unwrap().0;
    let elsewhere = tempfile::tempdir().unwrap();
    let options = Options::of_quota(4_200_000);
    let (journal, _) = journal::open(elsewhere.path(), options, Box::new(|_| {})).unwrap();
    let (notices, heard) = mpsc::channel(16);
    let (commands, asked) = mpsc::channel(1);
    let common = Common {
        device: "board".parse().unwrap(),
        folder: folder.to_owned(),
        cursors: journal.cursors(),
        stored_before: stored,
        clock: Clock::Virtual(VirtualClock::new(DAY_MS, 1.0)),
        backlog: Backlog { each: Mutex::new(vec![0]), greatest: watch::channel(0).0 },
        notices,
        commands,
        offline: Will { topic: String::new(), payload: Vec::new() },
        zone: jiff::tz::TimeZone::UTC,
    };
    let cloud = config.clouds[0].clone();
    (Book::open(Arc::new(common), 0, cloud, 0, DestinationMeters::new("hq")), heard, asked)
}

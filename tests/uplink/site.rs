//! A journal with its uplink, a receiver, and a look into the receiver's database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use outpost::clock::{Clock, ClockTrust, Now, RealClock, Tick};
use outpost::config::{Config, Strictness, from_text};
use outpost::domain::{Entry, Severity, Value};
use outpost::journal::{self, Journal, JournalEvent, Options, Record, Stamp};
use outpost::link::Will;
use outpost::uplink::{self, News, Uplink};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::common::eventually;

/// Longest wait for what is to happen at once, on a loaded machine.
pub const SOON: Duration = Duration::from_secs(20);

/// A number of the environment, where it is set.
pub fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A journal that is written and sent.
pub struct Board {
    pub folder: TempDir,
    pub quota_bytes: u64,
    boot: u64,
    journal: Option<Journal>,
    uplink: Option<Uplink>,
    pub news: Option<News>,
    stored: watch::Receiver<u64>,
    pub next: u64,
    config: Config,
}

impl Board {
    /// A board whose [[cloud]] is at `addr`, with more keys of that section.
    pub fn start(addr: SocketAddr, keys: &str) -> Board {
        Board::start_with(addr, keys, 256_000_000)
    }

    pub fn start_with(addr: SocketAddr, keys: &str, quota_bytes: u64) -> Board {
        Board::start_sending(&format!("mqtt://{addr}"), keys, quota_bytes)
    }

    /// A board whose [[cloud]] has this `url`.
    pub fn start_at(url: &str, keys: &str) -> Board {
        Board::start_sending(url, keys, 256_000_000)
    }

    fn start_sending(url: &str, keys: &str, quota_bytes: u64) -> Board {
        let text = format!(
            "[device]\nname = \"board\"\n\
             [[cloud]]\nname = \"hq\"\nurl = \"{url}\"\n{keys}\n"
        );
        let (config, _) = from_text(&text, "outpost.toml", &[], Strictness::Check)
            .unwrap_or_else(|faults| panic!("{faults}"));
        let (_, stored) = watch::channel(0);
        let mut board = Board {
            folder: tempfile::tempdir().unwrap(),
            quota_bytes,
            boot: 0,
            journal: None,
            uplink: None,
            news: None,
            stored,
            next: 1,
            config,
        };
        board.open();
        board
    }

    fn open(&mut self) {
        let (tell, stored) = watch::channel(0);
        let listener = move |event| match event {
            JournalEvent::Stored { upto } => drop(tell.send_replace(upto)),
            JournalEvent::Notice { .. } => {}
            other => panic!("{other:?}"),
        };
        let options = Options::of_quota(self.quota_bytes);
        let (journal, restored) =
            journal::open(self.folder.path(), options, Box::new(listener)).unwrap();
        assert_eq!(restored.damage, None);
        let setup = uplink::Setup {
            device: "board".parse().unwrap(),
            clouds: self.config.clouds.clone(),
            folder: self.folder.path().to_owned(),
            cursors: journal.cursors(),
            acknowledged: restored.cursors.clone(),
            stored_before: restored.next_seq - 1,
            stored: stored.clone(),
            clock: Clock::Real(Arc::new(RealClock::new(0))),
            zone: jiff::tz::TimeZone::UTC,
            offline: Will { topic: "outpost/board/status".into(), payload: b"gone".to_vec() },
        };
        let (uplink, news) = uplink::spawn(setup).unwrap();
        self.next = restored.next_seq;
        self.boot += 1;
        self.stored = stored;
        (self.journal, self.uplink, self.news) = (Some(journal), Some(uplink), Some(news));
    }

    /// Stops and starts it, as an update would.
    pub fn restart(&mut self) {
        self.stop();
        self.open();
    }

    pub fn stop(&mut self) {
        if let Some(uplink) = self.uplink.take() {
            uplink.close();
        }
        drop(self.journal.take());
    }

    fn stamp(&mut self) -> Stamp {
        let seq = self.next;
        self.next += 1;
        let unix_ms = 1_787_000_000_000 + seq.cast_signed();
        let now = Now { tick: Tick(seq), unix_ms, trust: ClockTrust::Synced };
        Stamp { seq, boot: self.boot, now }
    }

    /// Appends so many readings.
    pub fn readings(&mut self, count: u64) {
        let batch = (0..count).map(|_| {
            let stamp = self.stamp();
            let noise = (mixed(stamp.seq) % 41) as f64 / 100.0;
            let value = 20.0 + (stamp.seq as f64 / 97.0).sin() * 5.0 + noise;
            let value = Value::Number((value * 100.0).round() / 100.0);
            let sensor = ["air", "soil", "tank"][(stamp.seq % 3) as usize].to_owned();
            Record::new(stamp, &Entry::Reading { sensor, value })
        });
        let batch = batch.collect();
        self.journal.as_ref().unwrap().append(batch, false).unwrap();
    }

    /// Appends so many texts of 200 bytes that hardly compress.
    pub fn noise(&mut self, count: u64) {
        let batch = (0..count).map(|_| {
            let stamp = self.stamp();
            let word = |part: u64| format!("{:016x}", mixed(stamp.seq * 16 + part));
            let value = Value::Text((0..12).map(word).collect());
            Record::new(stamp, &Entry::Reading { sensor: "noise".into(), value })
        });
        let batch = batch.collect();
        self.journal.as_ref().unwrap().append(batch, false).unwrap();
    }

    /// Appends an event; its sequence.
    pub fn event(&mut self, text: &str, severity: Severity) -> u64 {
        let stamp = self.stamp();
        let entry = Entry::Event { kind: "test".into(), text: text.into(), severity };
        let record = Record::new(stamp, &entry);
        if severity == Severity::Alarm {
            self.uplink.as_ref().unwrap().urgent(stamp.seq);
        }
        self.journal.as_ref().unwrap().append(vec![record], true).unwrap();
        stamp.seq
    }

    /// Waits until everything that was appended is on disk.
    pub fn wait_stored(&self) {
        let last = self.next - 1;
        eventually("the journal's commit", SOON, || {
            let stored = *self.stored.borrow();
            (stored >= last || last == 0).then_some(())
        });
    }

    /// What is written down of the destination's cursor.
    pub fn cursor(&self) -> u64 {
        let path = self.folder.path().join("journal.sqlite");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).unwrap();
        let sql = "SELECT seq FROM cursor WHERE name = 'hq'";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0).cast_unsigned()
    }
}

/// A number that has nothing to do with its neighbours (the finaliser of splitmix64).
fn mixed(seq: u64) -> u64 {
    let mut number = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Drop for Board {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `outpost fleet receive`, the real program. Killed where it goes out of scope.
pub struct Receiver {
    folder: TempDir,
    addr: SocketAddr,
    child: Option<Child>,
}

/// What the receiver has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Here {
    pub records: u64,
    pub first: u64,
    pub last: u64,
}

impl Receiver {
    pub fn start(addr: SocketAddr) -> Receiver {
        let mut receiver = Receiver { folder: tempfile::tempdir().unwrap(), addr, child: None };
        receiver.run();
        receiver
    }

    pub fn run(&mut self) {
        let out = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("out"))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(["fleet", "receive", "--json", "--url", &format!("mqtt://{}", self.addr)])
            .arg("--database")
            .arg(self.database())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("the receiver's database", SOON, || self.look().map(drop));
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("records.sqlite")
    }

    /// What is there; nothing before the first commit.
    pub fn look(&self) -> Option<Here> {
        let sql = "SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM record";
        let connection = open(&self.database()).ok()?;
        let here = connection.query_row(sql, [], |row| {
            let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
            Ok(Here { records: number(0)?, first: number(1)?, last: number(2)? })
        });
        here.ok()
    }

    /// Repeats that this process has dropped: the last line that it printed says so.
    pub fn said(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.folder.path().join("out")).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.last().cloned().unwrap_or_default()
    }

    /// Waits for every sequence up to `last` at least, looking that what is there is whole at each
    /// look.
    pub fn wait(&self, last: u64, deadline: Duration) -> Here {
        let until = Instant::now() + deadline;
        loop {
            let here = self.look().unwrap_or_default();
            assert_eq!(here.records, here.last, "each once and in order: {here:?}");
            if here.last >= last {
                assert_eq!(here.first, 1);
                return here;
            }
            assert!(Instant::now() < until, "{here:?} of {last} within {deadline:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

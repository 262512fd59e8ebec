//! A backlog of many records: how soon the first is out, how fast it drains, what memory it takes.
//!
//! `OUTPOST_BACKLOG` is the number of records (`make backlog`: ten million).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Broker, eventually};
use crate::proxy::{Line, Proxy};
use crate::site::{Board, Receiver, SOON, variable};

/// Most memory of the agent, in KB, with everything that it has read of the backlog.
const MEMORY_KB_MAX: u64 = 40_000;
/// The same without the program's own pages, which in a debug build alone are some 30 MB.
const OWN_KB_MAX: u64 = 16_000;
/// Records a second; a debug build beside other tests has a fiftieth of that.
const PER_SECOND_MIN: f64 = if cfg!(debug_assertions) { 1_000.0 } else { 50_000.0 };

/// From the connection until the first record is out. A debug build beside other tests starts to
/// read the journal late.
const OUT_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

struct Agent(Child);

impl Agent {
    fn start(config: &Path) -> Agent {
        let child = Command::new(env!("CARGO_BIN_EXE_outpost"))
            .args(["run", "--config"])
            .arg(config)
            .env("OUTPOST_BOARD_ROOT", config.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Agent(child)
    }

    /// The most memory that it ever had, and what of it now is mapped from the program's file, in
    /// KB.
    fn memory_kb(&self) -> (u64, u64) {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let of = |key: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        (of("VmHWM:"), of("RssFile:"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_backlog_drains_quickly_and_in_little_memory() {
    let records = variable("OUTPOST_BACKLOG", 200_000);
    let broker = Broker::start();
    let proxy = Proxy::start(broker.addr(), None);
    proxy.set(Line::Down);
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let mut board = Board::start_with(nowhere, "delay = \"1h\"", 4_000_000_000);
    for _ in 0..records / 10_000 {
        board.readings(10_000);
        board.wait_stored();
    }
    board.stop();
    let last = board.next - 1;
    let folder = board.folder.path();
    let config = folder.join("outpost.toml");
    let text = format!(
        "[device]\nname = \"board\"\n[bus]\nurl = \"mqtt://{}\"\n[journal]\npath = \"{}\"\n\
         quota = \"4GB\"\n[[cloud]]\nname = \"hq\"\nurl = \"mqtt://{}\"\nack = \"receiver\"\n",
        broker.addr(),
        folder.display(),
        proxy.addr(),
    );
    std::fs::write(&config, text).unwrap();
    let receiver = Receiver::start(broker.addr());
    let began = Instant::now();
    let agent = Agent::start(&config);
    eventually("the agent on the bus", SOON, || {
        broker.log().contains("outpost-board").then_some(())
    });
    let online = began.elapsed();
    proxy.set(Line::Up);
    // The pause between two attempts is the link's own; from the connection on it is ours.
    eventually("the first record", Duration::from_secs(60), || {
        let counts = proxy.counts();
        counts.published.zip(counts.accepted)
    });
    let first = eventually("the first commit", SOON, || {
        receiver.look().is_some_and(|here| here.last > 0).then(Instant::now)
    });
    // Longer than at the slowest pace that is allowed: a slower one is told below, with figures.
    receiver.wait(last, Duration::from_secs(60 + records / 1000));
    let took = first.elapsed();
    let counts = proxy.counts();
    let out = counts.published.unwrap() - counts.accepted.unwrap();
    let per_second = last as f64 / took.as_secs_f64();
    let (memory_kb, program_kb) = agent.memory_kb();
    println!(
        "{last} records: online {online:?}, first out {out:?} after the connection, \
         {per_second:.0} records/s, {memory_kb} KB, \
         {program_kb} KB of it the program, {} bytes up, {}",
        counts.bytes_up,
        receiver.said(),
    );
    assert!(out < OUT_MAX, "{out:?}");
    assert!(memory_kb - program_kb < OWN_KB_MAX, "{memory_kb} KB, {program_kb} of it the program");
    assert!(cfg!(debug_assertions) || memory_kb < MEMORY_KB_MAX, "{memory_kb} KB");
    assert!(per_second > PER_SECOND_MIN, "{per_second}");
}

//! A serial line against a real pseudo-terminal: unplugging, noise, half frames, floods.
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

mod common;
#[path = "common/pty.rs"]
mod pty;

use std::time::{Duration, Instant};

use common::eventually;
use outpost::config::Dialect;
use outpost::limits;
use outpost::link::serial::{
    LineConfig, LineEvent, LineHandle, Pace, Set, Setting, WordKind, spawn,
};
use pty::{Board, Heard};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tokio::sync::mpsc::{Receiver, channel};

/// Longest wait for anything in this file.
const SOON: Duration = Duration::from_secs(20);
/// The speed of the floods, in bits a second; a byte has 10 on the line.
const BAUD: u32 = 921_600;

/// A line with a board at its other end.
struct Rig {
    _folder: TempDir,
    board: Board,
    line: LineHandle,
    events: Receiver<LineEvent>,
    seen: Vec<LineEvent>,
}

impl Rig {
    fn start(dialect: Dialect) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("usb-board-if00");
        let board = Board::plug(&device);
        let config = LineConfig {
            line: 3,
            name: "shed".into(),
            device,
            baud: BAUD,
            dialect,
            names: vec!["air".into(), "pump".into()],
            pace: Pace {
                backoff_min: Duration::from_millis(5),
                backoff_max: Duration::from_millis(20),
                ..Pace::default()
            },
        };
        let (tell, events) = channel(limits::SERIAL_EVENTS_MAX);
        let line = spawn(config, tell);
        Rig { _folder: folder, board, line, events, seen: Vec::new() }
    }

    /// Takes what has come.
    fn look(&mut self) -> &[LineEvent] {
        while let Ok(event) = self.events.try_recv() {
            self.seen.push(event);
        }
        &self.seen
    }

    /// Waits until so many events that `fits` have come since the start.
    fn wait(&mut self, what: &str, count: usize, fits: impl Fn(&LineEvent) -> bool) {
        let began = Instant::now();
        while self.look().iter().filter(|event| fits(event)).count() < count {
            let found = self.seen.iter().filter(|event| fits(event)).count();
            let tail = &self.seen[self.seen.len().saturating_sub(8)..];
            assert!(began.elapsed() < SOON, "{what}: {found} of {count}; {tail:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn wait_up(&mut self, count: usize) {
        self.wait("up", count, |event| *event == LineEvent::Up { line: 3 });
    }

    /// Values of `air`, in order.
    fn readings(&mut self) -> Vec<i64> {
        let read = |event: &LineEvent| match event {
            LineEvent::Word { name: 0, value, .. } => Some(value.parse().unwrap()),
            _ => None,
        };
        self.look().iter().filter_map(read).collect()
    }

    fn downs(&self) -> usize {
        self.seen.iter().filter(|event| matches!(event, LineEvent::Down { .. })).count()
    }
}

fn is_word(event: &LineEvent) -> bool {
    matches!(event, LineEvent::Word { .. })
}

/// Issue 3: a serial line that is cut 100 times at random bytes loses only the frames that were
/// cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_line_that_is_cut_100_times_loses_only_the_frames_that_were_cut() {
    let seed = 20;
    let mut random = StdRng::seed_from_u64(seed);
    let mut rig = Rig::start(Dialect::Frames);
    let began = Instant::now();
    let (mut expected, mut cut_frames) = (Vec::new(), 0);
    let mut next = 0;
    // Frames with their values, in the order in which the board has made them.
    let mut waiting: Vec<(i64, Vec<u8>)> = Vec::new();
    for cut in 1..=100 {
        rig.board.await_hello();
        let fresh = random.random_range(1..8);
        for _ in 0..fresh {
            waiting.push((next, rig.board.reading("air", next)));
            next += 1;
        }
        let stream: Vec<u8> = waiting.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let at = random.random_range(0..=stream.len());
        rig.board.send(&stream[..at]);
        let mut end = 0;
        while let Some((value, bytes)) = waiting.first() {
            let start = end;
            end += bytes.len();
            if end <= at {
                expected.push(*value);
            } else if start < at {
                cut_frames += 1;
            } else {
                break;
            }
            waiting.remove(0);
        }
        rig.wait("whole frames", expected.len(), is_word);
        rig.board.pull();
        rig.wait("down", cut, |event| matches!(event, LineEvent::Down { .. }));
        rig.board.plug_again();
    }
    rig.board.await_hello();
    let last = rig.board.reading("air", next);
    rig.board.send(&last);
    expected.push(next);
    rig.wait("whole frames", expected.len(), is_word);
    assert_eq!(rig.readings(), expected, "seed {seed}");
    let counters = rig.line.counters();
    // Frames that wait behind the last cut were never sent; their numbers show as missing too.
    let unsent = waiting.len() as u64;
    assert_eq!(counters.missing, cut_frames + unsent, "{counters:?}");
    assert_eq!((counters.damaged, counters.replaced), (0, 0), "{counters:?}");
    assert_eq!((counters.opened, rig.downs()), (101, 100), "one event an outage");
    println!(
        "100 cuts, {} frames made, {cut_frames} cut, {} came, none else was lost, in {:?}",
        next + 1,
        expected.len(),
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_noise_and_half_frames_the_next_frame_is_found() {
    let mut random = StdRng::seed_from_u64(7);
    let mut rig = Rig::start(Dialect::Frames);
    rig.board.await_hello();
    rig.board.greet();
    let mut bytes = Vec::new();
    for value in 0..200 {
        let garbage = random.random_range(0..40);
        let length = if value % 50 == 49 { 2000 } else { garbage };
        bytes.extend((0..length).map(|_| random.random::<u8>()));
        if value % 3 == 0 {
            // Half of a frame, whose number is missing afterwards.
            let half = rig.board.reading("air", 1_000_000);
            bytes.extend(&half[..half.len() / 2]);
        }
        bytes.extend(rig.board.reading("air", value));
    }
    rig.board.send(&bytes);
    rig.wait("good frames", 200, is_word);
    assert_eq!(rig.readings(), (0..200).collect::<Vec<i64>>());
    let counters = rig.line.counters();
    assert_eq!(counters.missing, 67, "{counters:?}");
    assert!(counters.damaged >= 67, "{counters:?}");
    assert_eq!((counters.opened, rig.downs()), (1, 0), "noise is no outage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flood_is_thinned_out_counted_and_its_newest_word_wins() {
    let mut rig = Rig::start(Dialect::Frames);
    rig.board.await_hello();
    let seconds = 3.0;
    let began = Instant::now();
    let (mut sent, mut value) = (0, 0);
    while began.elapsed().as_secs_f64() < seconds {
        let due = began.elapsed().as_secs_f64() * f64::from(BAUD) / 10.0;
        let mut burst = Vec::new();
        while ((sent + burst.len()) as f64) < due {
            burst.extend(rig.board.reading("air", value));
            value += 1;
        }
        sent += burst.len();
        rig.board.send(&burst);
        rig.look();
        std::thread::sleep(Duration::from_millis(2));
    }
    rig.board.echo("pump", true);
    let echo =
        |event: &LineEvent| matches!(event, LineEvent::Word { name: 1, kind: WordKind::Echo, .. });
    rig.wait("the echo after the flood", 1, echo);
    let took = began.elapsed().as_secs_f64();
    let readings = rig.readings();
    let counters = rig.line.counters();
    println!(
        "{sent} bytes, {value} frames in {seconds} s: {} came, {} gave way, {counters:?}",
        readings.len(),
        counters.replaced
    );
    assert_eq!(*readings.last().unwrap(), value - 1, "the newest wins");
    assert!(readings.is_sorted(), "in order");
    let most = limits::SERIAL_WAITING_MAX as f64
        + took * f64::from(limits::SERIAL_WORDS_PER_SECOND)
        + 50.0;
    assert!((readings.len() as f64) < most, "{} of at most {most}", readings.len());
    assert_eq!(counters.words, value as u64 + 1);
    assert_eq!(counters.words, readings.len() as u64 + 1 + counters.replaced);
    assert_eq!((counters.damaged, counters.missing), (0, 0), "{counters:?}");
    assert!(counters.replaced > 0, "it was a flood");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_set_is_written_once_and_lost_where_there_is_no_device() {
    let mut rig = Rig::start(Dialect::Frames);
    rig.board.await_hello();
    let set = |token, on| Set {
        token,
        name: "pump".into(),
        setting: Setting::Switch(on, if on { "true" } else { "false" }.into()),
    };
    rig.line.set(set(1, true)).unwrap();
    let mut heard = Vec::new();
    // Two heartbeats later it would have come again.
    eventually("two heartbeats", SOON, || {
        heard.extend(rig.board.heard());
        (heard.iter().filter(|one| **one == Heard::Heartbeat).count() == 2).then_some(())
    });
    heard.retain(|one| *one != Heard::Heartbeat);
    assert_eq!(heard, [Heard::Set("pump".into(), "Bool(true)".into())]);

    rig.board.pull();
    rig.wait("down", 1, |event| matches!(event, LineEvent::Down { .. }));
    rig.line.set(set(2, false)).unwrap();
    rig.wait("lost", 1, |event| *event == LineEvent::Lost { token: 2 });
    rig.board.plug_again();
    rig.board.await_hello();
    let mut heard = Vec::new();
    eventually("a heartbeat", SOON, || {
        heard.extend(rig.board.heard());
        heard.contains(&Heard::Heartbeat).then_some(())
    });
    heard.retain(|one| *one != Heard::Heartbeat);
    assert!(heard.is_empty(), "a stale command: {heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn text_lines_go_both_ways_and_half_ones_are_not_believed() {
    let mut rig = Rig::start(Dialect::Text);
    rig.wait_up(1);
    rig.board.send(b"air 99\nair 21\r\nnonsense\nhumidity 3\nair 22\nair 2");
    rig.wait("words", 2, is_word);
    rig.board.pull();
    rig.wait("down", 1, |event| matches!(event, LineEvent::Down { .. }));
    rig.board.plug_again();
    rig.wait_up(2);
    rig.board.send(b"3\nair 24\n");
    rig.wait("words", 3, is_word);
    // The first line after each opening may have lost its beginning.
    assert_eq!(rig.readings(), [21, 22, 24]);
    let counters = rig.line.counters();
    assert_eq!((counters.damaged, counters.unknown), (1, 1), "{counters:?}");
    let said = |event: &LineEvent| match event {
        LineEvent::Notice { text, .. } => text.contains("\"humidity\""),
        _ => false,
    };
    rig.wait("a word about the unknown name", 1, said);
    let setting = Setting::Switch(true, "ON".into());
    rig.line.set(Set { token: 1, name: "pump".into(), setting }).unwrap();
    let mut lines = Vec::new();
    eventually("the command", SOON, || {
        lines.extend(rig.board.lines());
        (lines.len() >= 2).then_some(())
    });
    assert_eq!(lines, ["\x18", "set pump ON"]);
}

/// What was cut off in the middle is no beginning of the next command.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_line_that_was_cut_off_is_not_completed_by_the_next_command() {
    let mut rig = Rig::start(Dialect::Text);
    rig.wait_up(1);
    eventually("the first bytes", SOON, || (rig.board.lines() == ["\x18"]).then_some(()));
    let set = |token, value: &str| {
        let setting = Setting::Word(value.into());
        Set { token, name: "pump".into(), setting }
    };
    rig.line.set(set(1, "42")).unwrap();
    eventually("the command", SOON, || (rig.board.lines() == ["set pump 42"]).then_some(()));
    rig.board.pull();
    rig.wait("down", 1, |event| matches!(event, LineEvent::Down { .. }));
    rig.board.plug_again();
    // The board was not without power: it still has what it got of a line.
    rig.board.line = b"set pump 4".to_vec();
    rig.wait_up(2);
    rig.line.set(set(2, "1")).unwrap();
    let mut lines = Vec::new();
    eventually("the next command", SOON, || {
        lines.extend(rig.board.lines());
        (lines.len() >= 2).then_some(())
    });
    assert_eq!(lines, ["set pump 4\x18", "set pump 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_device_that_is_not_there_is_said_once_and_taken_up_when_it_comes() {
    let mut rig = Rig::start(Dialect::Frames);
    rig.wait_up(1);
    rig.board.pull();
    rig.wait("down", 1, |event| matches!(event, LineEvent::Down { .. }));
    // Some attempts fail meanwhile.
    let began = Instant::now();
    eventually("some attempts", SOON, || {
        (began.elapsed() > Duration::from_millis(300)).then_some(())
    });
    rig.board.plug_again();
    rig.board.await_hello();
    rig.wait_up(2);
    assert_eq!(rig.downs(), 1);
}

//! A bad line: slow, far away, standing still now and then, with connections whose far end is gone.

use std::time::{Duration, Instant};

use crate::common::Broker;
use crate::proxy::{Line, Proxy, Shape};
use crate::site::{Board, Receiver, variable};

/// 56 kbit/s and two seconds there and back.
const BAD: Shape = Shape { bytes_per_s: 7_000, delay: Duration::from_secs(1) };

#[test]
fn a_bad_line_loses_nothing_and_repeats_next_to_nothing() {
    let cycles = variable("OUTPOST_LINE_CYCLES", 2);
    let up = Duration::from_secs(variable("OUTPOST_LINE_UP_S", 10));
    let still = Duration::from_secs(variable("OUTPOST_LINE_DOWN_S", 3));
    let broker = Broker::start();
    let proxy = Proxy::start(broker.addr(), Some(BAD));
    let keys = "ack = \"receiver\"\ndelay = \"1s\"\nkeep_alive = \"5s\"";
    let mut board = Board::start(proxy.addr(), keys);
    let receiver = Receiver::start(broker.addr());
    // A backlog of an hour to begin with.
    for _ in 0..36 {
        board.readings(500);
    }
    for cycle in 0..cycles {
        write(&mut board, up);
        if cycle % 2 == 0 {
            proxy.set(Line::Still);
            write(&mut board, still);
            proxy.set(Line::Up);
        } else {
            proxy.orphan();
            write(&mut board, still);
        }
    }
    board.wait_stored();
    let last = board.next - 1;
    receiver.wait(last, Duration::from_secs(90));
    let said = receiver.said();
    println!("{last} records, {:?}, {said}", proxy.counts());
    assert!(said["repeats"].as_u64().unwrap() * 100 < last, "{said}");
    assert!(proxy.counts().connections > cycles / 2, "the half-open one was left");
}

/// Five records a second.
fn write(board: &mut Board, time: Duration) {
    let began = Instant::now();
    let mut made = 0;
    while began.elapsed() < time {
        board.readings(1);
        made += 1;
        let due = Duration::from_millis(200 * made);
        std::thread::sleep(due.min(time).saturating_sub(began.elapsed()));
    }
}

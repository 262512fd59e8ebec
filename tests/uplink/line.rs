//! A line that comes and goes while the board writes on, cut at the socket and by killing the
//! broker.

use std::time::{Duration, Instant};

use crate::common::Broker;
use crate::proxy::{Line, Proxy};
use crate::site::{Board, Receiver, SOON, variable};

/// Records a second, in batches of ten, until `until`.
fn write(board: &mut Board, per_second: u64, until: Instant) {
    let began = Instant::now();
    let mut made = 0;
    while Instant::now() < until {
        board.readings(10);
        made += 10;
        let due = began + Duration::from_secs_f64(made as f64 / per_second as f64);
        std::thread::sleep(due.min(until).saturating_duration_since(Instant::now()));
    }
}

/// Every record once and in order, repeats under one in a hundred, whatever the line does and
/// though the broker forgets everything each time (`ack = "receiver"`).
#[test]
fn a_line_that_comes_and_goes_loses_nothing_and_repeats_next_to_nothing() {
    let cycles = variable("OUTPOST_LINE_CYCLES", 4);
    let up = Duration::from_secs(variable("OUTPOST_LINE_UP_S", 3));
    let down = Duration::from_secs(variable("OUTPOST_LINE_DOWN_S", 2));
    let mut broker = Broker::start();
    let proxy = Proxy::start(broker.addr(), None);
    let mut board = Board::start(proxy.addr(), "ack = \"receiver\"\ndelay = \"100ms\"");
    let receiver = Receiver::start(broker.addr());
    for cycle in 0..cycles {
        write(&mut board, 1000, Instant::now() + up);
        if cycle % 2 == 0 {
            proxy.set(Line::Down);
        } else {
            broker.kill();
        }
        write(&mut board, 1000, Instant::now() + down);
        let here = receiver.look().unwrap();
        assert_eq!(here.records, here.last, "each once and in order: {here:?}");
        assert!(
            here.last > 0 && here.last < board.next - 1,
            "{here:?}: the line made no difference"
        );
        if cycle % 2 == 0 {
            proxy.set(Line::Up);
        } else {
            broker.restart();
        }
    }
    board.wait_stored();
    let last = board.next - 1;
    receiver.wait(last, Duration::from_secs(60));
    let said = receiver.said();
    let repeats = said["repeats"].as_u64().unwrap();
    println!("{last} records, {cycles} cuts, {repeats} repeats, {said}");
    assert!(repeats * 100 < last, "{said}");
    board.stop();
    assert_eq!(board.cursor(), last);
}

/// Nothing is sent twice over a stop and a start, and nothing waits for the line at a start.
#[test]
fn a_stop_and_a_start_go_on_where_they_were() {
    let mut broker = Broker::start();
    let keys = "ack = \"receiver\"\ndelay = \"50ms\"";
    let mut board = Board::start(broker.addr(), keys);
    let receiver = Receiver::start(broker.addr());
    board.readings(500);
    board.wait_stored();
    receiver.wait(500, SOON);
    board.restart();
    board.readings(500);
    board.wait_stored();
    receiver.wait(1000, SOON);
    broker.stop();
    let began = Instant::now();
    board.restart();
    assert!(began.elapsed() < Duration::from_secs(5), "it waited for the line");
    board.readings(10);
    board.wait_stored();
    broker.restart();
    receiver.wait(1010, Duration::from_secs(60));
    let said = receiver.said();
    assert!(said["repeats"].as_u64().unwrap() <= 1, "{said}");
}

//! The flow against a line and a receiver that do what lines and receivers do.

use proptest::prelude::*;

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn flow(ack: CloudAck) -> (Flow, Instant) {
    let now = Instant::now();
    (Flow::new(ack, 0, 100, now), now)
}

fn place(seq: u64) -> Place {
    Place { seq, boot: 1 }
}

fn batch(token: u64, last: u64, at: Instant) -> Sent {
    Sent { token, last: place(last), bytes: 4096, at }
}

#[test]
fn a_new_line_is_probed_with_one_batch_and_then_filled() {
    let (mut flow, now) = flow(CloudAck::Broker);
    assert_eq!(flow.room(), None);
    flow.up();
    assert!(flow.is_new() && flow.room().is_some());
    flow.sent(batch(1, 1, now));
    assert_eq!(flow.room(), None, "the probe is alone");
    flow.broker_has(1, now + MS(10));
    assert!(flow.is_open());
    assert_eq!(flow.cursor(), 1);
    let mut token = 1;
    while flow.room().is_some() {
        token += 1;
        flow.sent(batch(token, token, now));
    }
    let first = token - 1;
    for token in 2..=token {
        flow.broker_has(token, now + MS(20));
    }
    assert_eq!(flow.cursor(), token);
    let mut next = token;
    while flow.room().is_some() {
        next += 1;
        flow.sent(batch(next, next, now));
    }
    assert!(next - token > first, "{} after {first}", next - token);
}

#[test]
fn a_broker_that_answers_out_of_order_moves_the_cursor_in_order() {
    let (mut flow, now) = flow(CloudAck::Broker);
    flow.up();
    flow.sent(batch(1, 10, now));
    flow.broker_has(1, now);
    for (token, last) in [(2, 20), (3, 30)] {
        flow.window_bytes = UPLINK_WINDOW_BYTES_MAX;
        flow.sent(batch(token, last, now));
    }
    flow.skipped(35);
    flow.broker_has(3, now);
    assert_eq!((flow.cursor(), flow.read_to()), (10, 35));
    flow.broker_has(2, now);
    assert_eq!(flow.cursor(), 35, "what is not meant for it is passed over with the rest");
    flow.skipped(40);
    assert_eq!(flow.cursor(), 40);
}

#[test]
fn a_break_sends_from_the_cursor_on_and_an_old_end_is_no_news() {
    let (mut flow, now) = flow(CloudAck::Broker);
    flow.up();
    flow.sent(batch(1, 10, now));
    flow.broker_has(1, now);
    assert!(!flow.awaits(), "all is acknowledged");
    flow.sent(batch(2, 20, now));
    assert!(flow.awaits());
    flow.down();
    assert!(!flow.awaits(), "no answer comes on a line that is gone");
    assert_eq!((flow.read_to(), flow.room()), (10, None));
    flow.given_back(2);
    assert!(!flow.is_new(), "there is no line");
    flow.up();
    flow.sent(batch(3, 11, now));
    flow.given_back(2);
    flow.broker_has(2, now);
    assert_eq!(flow.cursor(), 10);
    flow.given_back(3);
    assert!(flow.is_new() && flow.read_to() == 10);
}

#[test]
fn the_answer_to_a_probe_says_what_need_not_be_sent_again() {
    let (mut flow, now) = flow(CloudAck::Receiver);
    flow.up();
    let number = flow.next_probe();
    flow.sent(batch(1, 1, now));
    flow.broker_has(1, now);
    assert!(!flow.is_open(), "a PUBACK is not enough");
    let stale = flow.receiver_has(place(400), Some(number.wrapping_sub(1)), false, now);
    assert_eq!((stale, flow.is_open()), (Said::Done, false), "an answer to an earlier line");
    let ahead = flow.receiver_has(place(500), Some(number), false, now);
    assert_eq!(ahead, Said::Ahead(place(500)));
    flow.jump(place(500), true);
    assert!(flow.is_open());
    assert_eq!((flow.cursor(), flow.read_to()), (500, 500));
    flow.begin_again();
    let number = flow.next_probe();
    flow.sent(batch(2, 501, now));
    assert_eq!(flow.receiver_has(place(9000), Some(number), false, now), Said::Ahead(place(9000)));
    flow.jump(place(9000), false);
    assert_eq!(flow.cursor(), 501, "a place that the journal does not have");
}

#[test]
fn a_receiver_that_knows_no_probes_is_taken_at_its_word() {
    let (mut flow, now) = flow(CloudAck::Receiver);
    flow.up();
    flow.next_probe();
    flow.sent(batch(1, 1, now));
    flow.receiver_has(place(1), None, true, now);
    assert!(!flow.is_open(), "kept by the broker from before");
    flow.receiver_has(place(1), None, false, now);
    assert!(flow.is_open() && flow.cursor() == 1);
    flow.sent(batch(2, 50, now));
    flow.receiver_has(Place { seq: 50, boot: 2 }, None, false, now);
    assert_eq!(flow.cursor(), 1, "another start of the agent: another device's life");
}

#[test]
fn silence_and_a_word_without_news_are_probed() {
    let (mut flow, now) = flow(CloudAck::Receiver);
    flow.up();
    let number = flow.next_probe();
    flow.sent(batch(1, 1, now));
    let first = flow.due().unwrap();
    flow.wait_is_over(first);
    assert!(flow.is_new());
    let second = flow.next_probe();
    flow.sent(batch(2, 1, first));
    assert!(flow.due().unwrap() - first > first - now, "ever more slowly");
    // The answer to the first comes late, on a line of two seconds.
    flow.receiver_has(place(1), Some(number), false, first + MS(100));
    assert!(flow.is_open() && number != second);
    flow.sent(batch(3, 20, first));
    flow.receiver_has(place(1), Some(second), false, first);
    assert!(flow.is_new(), "said again: it has not got what was sent");
    let third = flow.next_probe();
    flow.sent(batch(4, 2, first));
    flow.receiver_has(place(2), Some(third), false, first);
    flow.sent(batch(5, 20, first));
    flow.wait_is_over(first + MS(UPLINK_STALL_MS));
    assert!(flow.is_new(), "nothing heard");
    assert_eq!((flow.cursor(), flow.read_to()), (2, 2));
}

#[test]
fn the_window_follows_the_line() {
    let (mut flow, now) = flow(CloudAck::Broker);
    flow.up();
    let send = |flow: &mut Flow, token: u64, took: u64| {
        flow.sent(Sent { bytes: flow.window_bytes, ..batch(token, token, now) });
        flow.broker_has(token, now + MS(took));
    };
    for token in 1..=20 {
        send(&mut flow, token, 100);
    }
    assert_eq!(flow.window_bytes, UPLINK_WINDOW_BYTES_MAX);
    send(&mut flow, 21, 100 + 4 * UPLINK_QUICK_MS + 1);
    assert_eq!(flow.window_bytes, UPLINK_WINDOW_BYTES_MAX / 2);
    flow.up();
    for token in 22..=40 {
        // A line of ten seconds that takes everything.
        send(&mut flow, token, 10_000);
    }
    assert_eq!(flow.window_bytes, UPLINK_WINDOW_BYTES_MAX);
    flow.up();
    for token in 41..=60 {
        flow.sent(Sent { bytes: 100, ..batch(token, token, now) });
        flow.broker_has(token, now);
    }
    assert_eq!(flow.window_bytes, UPLINK_WINDOW_BYTES_MIN, "what was never tried proves nothing");
}

/// A message on the line.
#[derive(Clone, Copy, Debug)]
struct Message {
    token: u64,
    after: u64,
    last: u64,
    cursor: u64,
    probe: u32,
}

/// A broker that loses what it likes, and a receiver that stores in order.
#[derive(Default)]
struct World {
    line: VecDeque<Message>,
    words: VecDeque<(u64, u32)>,
    position: u64,
    /// How often each sequence came to the receiver.
    came: Vec<u32>,
    lost: Vec<u64>,
    probe: u32,
}

impl World {
    fn deliver(&mut self, flow: &mut Flow, now: Instant) {
        let Some(message) = self.line.pop_front() else { return };
        flow.broker_has(message.token, now);
        self.position = self.position.max(message.cursor);
        if message.probe != 0 {
            self.probe = message.probe;
        }
        if message.after <= self.position {
            for seq in message.after + 1..=message.last {
                self.came[usize::try_from(seq).unwrap()] += 1;
            }
            self.position = self.position.max(message.last);
        }
        self.words.push_back((self.position, self.probe));
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(u64),
    Deliver,
    Hear,
    Lose,
    Break,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..30_u64).prop_map(Step::Send),
        6 => Just(Step::Deliver),
        6 => Just(Step::Hear),
        1 => Just(Step::Lose),
        1 => Just(Step::Break),
        1 => Just(Step::Wait),
    ]
}

proptest! {
    /// Whatever is lost, everything arrives, and nothing counts as acknowledged that did not.
    #[test]
    fn everything_arrives(steps in prop::collection::vec(step(), 0..300)) {
        const END: u64 = 200;
        let (mut flow, mut now) = flow(CloudAck::Receiver);
        let mut world = World { came: vec![0; END as usize + 1], ..World::default() };
        let mut token = 0;
        flow.up();
        let home = std::iter::repeat_n(
            [Step::Send(10), Step::Deliver, Step::Hear, Step::Deliver, Step::Hear, Step::Wait],
            400,
        );
        for step in steps.into_iter().chain(home.flatten()) {
            match step {
                Step::Send(count) => {
                    if flow.room().is_some() && flow.read_to() < END {
                        let count = if flow.is_new() { 1 } else { count };
                        let probe = if flow.is_new() { flow.next_probe() } else { 0 };
                        let after = flow.after();
                        let last = (after + count).min(END);
                        token += 1;
                        let cursor = flow.cursor();
                        world.line.push_back(Message { token, after, last, cursor, probe });
                        flow.sent(batch(token, last, now));
                    }
                }
                Step::Deliver => world.deliver(&mut flow, now),
                Step::Hear => {
                    if let Some((seq, probe)) = world.words.pop_front()
                        && let Said::Ahead(place) =
                            flow.receiver_has(place(seq), Some(probe), false, now)
                    {
                        flow.jump(place, place.seq <= END);
                    }
                }
                Step::Lose => {
                    // A broker that forgets what it had acknowledged.
                    if let Some(message) = world.line.pop_front() {
                        flow.broker_has(message.token, now);
                        world.lost.push(message.last);
                    }
                }
                Step::Break => {
                    flow.down();
                    flow.up();
                }
                Step::Wait => {
                    now += MS(UPLINK_STALL_MS);
                    flow.wait_is_over(now);
                }
            }
            prop_assert!(flow.cursor() <= world.position, "acknowledged and not there");
        }
        prop_assert_eq!((flow.cursor(), world.position), (END, END));
        prop_assert!(world.came[1..].iter().all(|times| *times > 0), "{:?}", world.came);
    }
}

//! What is sent, in which order, and what a receiver can say: seen by a client of the broker.

use std::net::SocketAddr;
use std::time::Duration;

use outpost::domain::Severity;
use outpost::journal::Kind;
use outpost::link::{Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace, spawn};
use outpost::uplink::Word;
use outpost::uplink::batch::{Batch, decode};
use outpost::uplink::flow::Place;
use tokio::sync::mpsc::{Receiver, channel};

use crate::common::{Broker, wait_for};
use crate::proxy::{Line, Proxy};
use crate::site::{Board, SOON};

/// A receiver of the test's own.
struct Cloud {
    link: LinkHandle,
    events: Receiver<LinkEvent>,
    token: u64,
}

impl Cloud {
    async fn start(addr: SocketAddr) -> Cloud {
        let (sender, mut events) = channel(64);
        let config = LinkConfig {
            endpoint: Endpoint::at(addr),
            client_id: "cloud".into(),
            is_lasting: true,
            will: None,
            subscriptions: vec!["outpost/board/log".into()],
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(10),
            pace: Pace::default(),
        };
        let link = spawn(config, sender).unwrap();
        wait_for(&mut events, "up", SOON, |event| {
            matches!(event, LinkEvent::Up { .. }).then_some(())
        })
        .await;
        Cloud { link, events, token: 0 }
    }

    async fn batch(&mut self) -> Batch {
        wait_for(&mut self.events, "a batch", SOON, |event| match event {
            LinkEvent::Message { payload, .. } => Some(decode(payload).unwrap()),
            _ => None,
        })
        .await
    }

    fn say(&mut self, word: &Word) {
        self.token += 1;
        let message = Outgoing {
            token: self.token,
            topic: "outpost/board/log-ack".into(),
            payload: word.payload(),
            retain: true,
            class: Class::State,
        };
        self.link.publish(message).unwrap();
    }

    /// Acknowledges a batch as a receiver does.
    fn store(&mut self, batch: &Batch) {
        let place = Place { seq: batch.head.last, boot: batch.head.boot };
        self.say(&Word { place, probe: Some(batch.head.probe), reject: None });
    }
}

fn seqs(batch: &Batch) -> Vec<u64> {
    batch.records.iter().map(|record| record.seq).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn alarms_overtake_the_backlog_and_come_again_in_their_place() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.addr(), None);
    proxy.set(Line::Down);
    let mut board = Board::start(proxy.addr(), "batch = 10\ndelay = \"1h\"");
    board.readings(2000);
    let alarm = board.event("fire", Severity::Alarm);
    board.event("all quiet", Severity::Info);
    board.readings(1000);
    board.wait_stored();
    runtime().block_on(async {
        let mut cloud = Cloud::start(broker.addr()).await;
        proxy.set(Line::Up);
        let probe = cloud.batch().await;
        assert_eq!((seqs(&probe), probe.head.ahead), (vec![1], false));
        let mut before = Vec::new();
        let ahead = loop {
            let batch = cloud.batch().await;
            if batch.head.ahead {
                break batch;
            }
            before.extend(seqs(&batch));
        };
        assert!(before.len() < 200, "{} records came before the alarm", before.len());
        assert_eq!(seqs(&ahead), [alarm]);
        // An alarm of now, in the midst of the draining or after it.
        let later = board.event("water", Severity::Alarm);
        let (mut rest, mut copies) = (before, Vec::new());
        while rest.last() != Some(&later) {
            let batch = cloud.batch().await;
            match batch.head.ahead {
                true => copies.extend(seqs(&batch)),
                false => rest.extend(seqs(&batch)),
            }
        }
        assert_eq!(rest, (2..=later).collect::<Vec<_>>(), "each in its place, though it overtook");
        assert!(copies.iter().all(|seq| *seq == later), "{copies:?}");
    });
}

#[test]
fn a_filter_leaves_out_what_is_not_meant_for_a_destination() {
    let broker = Broker::start();
    runtime().block_on(async {
        let mut cloud = Cloud::start(broker.addr()).await;
        let keys = "priority = \"matters\"\ndelay = \"0s\"\nformat = \"json\"";
        let mut board = Board::start(broker.addr(), keys);
        board.readings(50);
        let event = board.event("open", Severity::Warning);
        board.readings(50);
        let batch = cloud.batch().await;
        assert_eq!(seqs(&batch), [event]);
        assert_eq!(i64::from(batch.records[0].kind), 9, "{:?}", Kind::Event);
        // What is not meant for it is passed over, and the cursor with it.
        let again = board.event("shut", Severity::Warning);
        let batch = cloud.batch().await;
        assert_eq!(seqs(&batch), [again]);
        assert!(batch.head.cursor >= event, "{:?}", batch.head);
        board.stop();
        assert_eq!(board.cursor(), again);
    });
}

#[test]
fn a_rejected_record_goes_into_quarantine_and_the_rest_goes_on() {
    let broker = Broker::start();
    runtime().block_on(async {
        let mut cloud = Cloud::start(broker.addr()).await;
        let mut board = Board::start(broker.addr(), "ack = \"receiver\"\ndelay = \"0s\"");
        board.readings(20);
        let probe = cloud.batch().await;
        cloud.store(&probe);
        let batch = cloud.batch().await;
        assert_eq!(seqs(&batch), (2..=20).collect::<Vec<_>>());
        // It takes everything but the seventh.
        let place = Place { seq: 1, boot: batch.head.boot };
        let reject = Some((7, "the column is too short".to_owned()));
        cloud.say(&Word { place, probe: Some(batch.head.probe), reject });
        let mut got = Vec::new();
        while got.last() != Some(&20) {
            let batch = cloud.batch().await;
            got.extend(seqs(&batch));
            cloud.store(&batch);
        }
        got.dedup();
        let wanted: Vec<_> = (2..=20).filter(|seq| *seq != 7).collect();
        assert_eq!(got, wanted);
        let news = board.news.as_mut().unwrap();
        let notice = tokio::time::timeout(SOON, news.notices.recv()).await.unwrap().unwrap();
        assert!(notice.text.contains("record 7 (reading)"), "{}", notice.text);
        assert!(notice.text.contains("the column is too short"), "{}", notice.text);
        let file = board.folder.path().join("uplink-hq.json");
        let notes = std::fs::read_to_string(file).unwrap();
        assert!(notes.contains("\"seq\": 7"), "{notes}");
        board.readings(1);
        assert_eq!(seqs(&cloud.batch().await), [21]);
    });
}

#[test]
fn a_spent_budget_keeps_records_and_lets_alarms_through() {
    let broker = Broker::start();
    runtime().block_on(async {
        let mut cloud = Cloud::start(broker.addr()).await;
        let keys = "delay = \"0s\"\nbatch = 100\nbudget = \"10KB\"";
        let mut board = Board::start(broker.addr(), keys);
        board.readings(20_000);
        let file = board.folder.path().join("uplink-hq.json");
        let spent = || {
            let notes = std::fs::read_to_string(&file).ok()?;
            let notes: serde_json::Value = serde_json::from_str(&notes).ok()?;
            notes["spent"]["bytes"].as_u64()
        };
        let mut got = Vec::new();
        while spent().is_none_or(|bytes| bytes < 8_300) {
            got.extend(seqs(&cloud.batch().await));
        }
        let alarm = board.event("fire", Severity::Alarm);
        let ahead = loop {
            let batch = cloud.batch().await;
            if batch.head.ahead {
                break batch;
            }
            got.extend(seqs(&batch));
        };
        assert_eq!(seqs(&ahead), [alarm]);
        assert!(got.len() < 20_000, "the budget was no limit");
        board.stop();
        assert!(board.cursor() < 20_000);
        let spent = spent().unwrap();
        assert!((8_300..=10_000).contains(&spent), "{spent}");
    });
}

#[test]
fn outside_its_hours_only_alarms_go() {
    let broker = Broker::start();
    runtime().block_on(async {
        let mut cloud = Cloud::start(broker.addr()).await;
        // Begins in two hours and lasts one, whatever the time is.
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let hour = seconds.as_secs() / 3600 % 24;
        let span = |from: u64, to: u64| format!("{:02}:00-{:02}:00", from % 24, to % 24);
        let closed = format!("delay = \"0s\"\nhours = [\"{}\"]", span(hour + 2, hour + 3));
        let mut board = Board::start(broker.addr(), &closed);
        board.readings(100);
        let alarm = board.event("fire", Severity::Alarm);
        let ahead = cloud.batch().await;
        assert!(ahead.head.ahead, "{:?}", ahead.head);
        assert_eq!(seqs(&ahead), [alarm]);
        board.stop();
        assert_eq!(board.cursor(), 0, "no batch went");

        let open = format!("delay = \"0s\"\nhours = [\"{}\"]", span(hour + 23, hour + 2));
        let mut board = Board::start(broker.addr(), &open);
        board.readings(100);
        let mut got = Vec::new();
        while got.len() < 100 {
            got.extend(seqs(&cloud.batch().await));
        }
        board.stop();
    });
}

/// Invariant 3: a record that is given up before it was acknowledged is named by a record.
#[test]
fn what_the_quota_gives_up_unacknowledged_is_named_and_the_name_arrives() {
    let broker = Broker::start();
    let proxy = Proxy::start(broker.addr(), None);
    proxy.set(Line::Down);
    let mut board = Board::start_with(proxy.addr(), "ack = \"broker\"\ndelay = \"0s\"", 4_200_000);
    for _ in 0..80 {
        board.noise(1000);
        board.wait_stored();
    }
    let last = board.next - 1;
    runtime().block_on(async {
        let mut cloud = Cloud::start(broker.addr()).await;
        proxy.set(Line::Up);
        let (mut named, mut got) = (Vec::new(), Vec::new());
        while got.last() != Some(&last) {
            let batch = cloud.batch().await;
            for record in &batch.records {
                if i64::from(record.kind) == 10 {
                    named.push(record.record().unwrap().entry().unwrap());
                }
                got.push(record.seq);
            }
        }
        let [outpost::domain::Entry::Dropped { first, last: end, reason }] = &named[..] else {
            panic!("one range: {named:?}");
        };
        assert!(reason.contains("not acknowledged by hq"), "{reason}");
        assert_eq!((*first, got[0]), (1, *end), "the name is the first that comes");
        assert_eq!(got, (*end..=last).collect::<Vec<_>>(), "everything else is there");
    });
}

//! The link against a real mosquitto: outages, sessions, oversize messages, takeovers, wills, TLS.
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use common::{Broker, eventually, wait_for};
use outpost::link::{
    Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace, Will, spawn,
};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::Instant;

/// Longest wait for anything in this file.
const DEADLINE: Duration = Duration::from_secs(15);

fn config(addr: SocketAddr, client_id: &str, filters: &[&str]) -> LinkConfig {
    LinkConfig {
        endpoint: Endpoint::at(addr),
        client_id: client_id.into(),
        is_lasting: true,
        will: None,
        subscriptions: filters.iter().map(|filter| (*filter).to_owned()).collect(),
        receipts: vec!["receipt/#".into()],
        keep_alive: Duration::from_secs(10),
        pace: Pace { backoff_max: Duration::from_secs(1), ..Pace::default() },
    }
}

/// A link and its events.
struct Peer {
    link: LinkHandle,
    events: Receiver<LinkEvent>,
}

impl Peer {
    fn start(config: LinkConfig) -> Peer {
        let (sender, events) = channel(64);
        Peer { link: spawn(config, sender).unwrap(), events }
    }

    async fn start_up(config: LinkConfig) -> Peer {
        let mut peer = Peer::start(config);
        peer.up().await;
        peer
    }

    async fn wait<T>(&mut self, what: &str, wanted: impl FnMut(&LinkEvent) -> Option<T>) -> T {
        wait_for(&mut self.events, what, DEADLINE, wanted).await
    }

    /// Waits for `Up`; whether the broker still had the session.
    async fn up(&mut self) -> bool {
        self.wait("up", |event| match event {
            LinkEvent::Up { session_present } => Some(*session_present),
            _ => None,
        })
        .await
    }

    async fn down(&mut self) -> String {
        self.wait("down", |event| match event {
            LinkEvent::Down { reason } => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    /// Waits for the next message; its topic, payload and whether it was retained.
    async fn message(&mut self) -> (String, String, bool) {
        self.wait("a message", |event| match event {
            LinkEvent::Message { topic, payload, retained, .. } => {
                Some((topic.clone(), String::from_utf8_lossy(payload).into_owned(), *retained))
            }
            _ => None,
        })
        .await
    }

    fn publish(&self, token: u64, class: Class, topic: &str, payload: &str) {
        let retain = class == Class::State;
        let (topic, payload) = (topic.to_owned(), payload.as_bytes().to_vec());
        self.link.publish(Outgoing { token, topic, payload, retain, class }).unwrap();
    }

    async fn ended(&mut self, token: u64) -> LinkEvent {
        self.wait("the end of a message", |event| match event {
            LinkEvent::Acked { token: ended } | LinkEvent::Lost { token: ended } => {
                (*ended == token).then(|| event.clone())
            }
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn the_session_survives_our_absence_and_the_brokers_restart() {
    let mut broker = Broker::start();
    let board = Peer::start_up(config(broker.addr(), "board", &["cmd/#"])).await;
    drop(board);
    let mut operator = Peer::start_up(config(broker.addr(), "operator", &[])).await;
    operator.publish(1, Class::Log, "cmd/a", "while away");
    assert_eq!(operator.ended(1).await, LinkEvent::Acked { token: 1 });
    broker.restart();
    let mut board = Peer::start(config(broker.addr(), "board", &["cmd/#"]));
    // What waited at the broker may come before the subscriptions are answered again.
    let (mut message, mut present) = (None, None);
    board
        .wait("the session and its message", |event| {
            match event {
                LinkEvent::Up { session_present } => present = Some(*session_present),
                LinkEvent::Message { payload, .. } => message = Some(payload.clone()),
                _ => {}
            }
            (message.is_some() && present.is_some()).then_some(())
        })
        .await;
    assert_eq!((present, message), (Some(true), Some(b"while away".to_vec())));
}

/// Invariants 4 and 7: a command is sent once at most, and a dead broker costs nothing else.
#[tokio::test]
async fn an_outage_loses_commands_and_nothing_else() {
    let mut broker = Broker::start();
    let mut board = Peer::start_up(config(broker.addr(), "board", &["to/board"])).await;
    let mut house = Peer::start_up(config(broker.addr(), "house", &["from/#"])).await;
    broker.stop();
    board.down().await;
    board.publish(1, Class::Command, "from/command", "pump on");
    for token in 2..=4 {
        board.publish(token, Class::State, "from/state", &format!("state {token}"));
    }
    for token in 10..310 {
        board.publish(token, Class::Log, "from/log", &format!("{token}"));
    }
    assert_eq!(board.ended(1).await, LinkEvent::Lost { token: 1 });
    broker.restart();
    let drain = async {
        let (mut acked, mut ups) = (BTreeSet::new(), 0);
        board
            .wait("every acknowledgement", |event| {
                match event {
                    LinkEvent::Acked { token } => drop(acked.insert(*token)),
                    LinkEvent::Up { .. } => ups += 1,
                    _ => {}
                }
                (acked.len() == 301).then_some(())
            })
            .await;
        (board, acked, ups)
    };
    let listen = async {
        let mut seen = Vec::new();
        while !seen.iter().any(|(topic, text)| topic == "from/log" && text == "309") {
            let (topic, text, _) = house.message().await;
            seen.push((topic, text));
        }
        (house, seen)
    };
    let ((mut board, acked, ups), (house, seen)) = tokio::join!(drain, listen);
    assert_eq!(ups, 1);
    assert!(acked.contains(&4), "the newest state");
    let of = |wanted: &str| -> Vec<&str> {
        let wanted = seen.iter().filter(|(topic, _)| topic == wanted);
        wanted.map(|(_, text)| text.as_str()).collect()
    };
    let logs: Vec<String> = (10..310).map(|token: u64| token.to_string()).collect();
    assert_eq!(of("from/log"), logs);
    // Where the house came back later than the board it also gets the retained copy.
    let states = of("from/state");
    assert!(!states.is_empty() && states.iter().all(|text| *text == "state 4"), "{states:?}");
    assert_eq!(of("from/command"), [""; 0]);
    // The subscriptions of both are alive.
    house.publish(1, Class::Command, "to/board", "hello");
    assert_eq!(board.message().await, ("to/board".into(), "hello".into(), false));
}

#[tokio::test]
async fn a_message_of_ten_megabytes_is_counted_and_the_connection_stays() {
    let broker = Broker::start();
    let mut board = Peer::start_up(config(broker.addr(), "board", &["picture", "small"])).await;
    // Our own link refuses to publish so much.
    send_large(broker.addr(), "picture", 10_000_000).await;
    let oversize = |event: &LinkEvent| match event {
        LinkEvent::Oversize { topic, bytes, .. } => Some((topic.clone(), *bytes)),
        LinkEvent::Down { reason } => panic!("{reason}"),
        _ => None,
    };
    let found = board.wait("the oversize message", oversize).await;
    assert_eq!(found, (Some("picture".into()), 10_000_000 + 2 + 7 + 2));
    board.publish(1, Class::Command, "small", "still here");
    assert_eq!(board.message().await.1, "still here");
    let counters = board.link.counters();
    assert_eq!((counters.oversize, counters.connections), (1, 1));
    // Acknowledged, so the session does not bring it back.
    drop(board);
    let mut board = Peer::start_up(config(broker.addr(), "board", &["picture", "small"])).await;
    board.publish(1, Class::Command, "small", "again");
    assert_eq!(board.message().await.1, "again");
    assert_eq!(board.link.counters().oversize, 0);
}

/// Publishes `bytes` zeros with QoS 1, as a foreign client would.
async fn send_large(addr: SocketAddr, topic: &str, bytes: usize) {
    use bytes::BytesMut;
    use rumqttc::{Connect, Packet, Publish, QoS};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
    let mut out = BytesMut::new();
    Packet::Connect(Connect::new("camera")).write(&mut out, usize::MAX).unwrap();
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, vec![0; bytes]);
    publish.pkid = 1;
    Packet::Publish(publish).write(&mut out, usize::MAX).unwrap();
    socket.write_all(&out).await.unwrap();
    let mut answer = BytesMut::new();
    let puback = async {
        while answer.len() < 8 {
            socket.read_buf(&mut answer).await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, puback).await.unwrap();
    assert_eq!(answer[..], [0x20, 2, 0, 0, 0x40, 2, 0, 1]);
}

/// Invariant 10: two boards with one name are noticed, said, and do not fight.
#[tokio::test]
async fn a_second_board_with_our_id_is_noticed_and_there_is_no_war() {
    let broker = Broker::start();
    let pace = Pace::default();
    let twin = LinkConfig { pace, ..config(broker.addr(), "twin", &["t"]) };
    let mut first = Peer::start_up(twin.clone()).await;
    let began = Instant::now();
    let mut second = Peer::start(twin);
    let noticed = |event: &LinkEvent| match event {
        LinkEvent::Takeover { count } => Some(*count),
        _ => None,
    };
    let count = tokio::select! {
        count = first.wait("takeover", noticed) => count,
        count = second.wait("takeover", noticed) => count,
    };
    assert!(count >= 3);
    // What both did in the first 20 s; without back-off it would be thousands.
    let rest = async {
        loop {
            tokio::select! {
                event = first.events.recv() => drop(event),
                event = second.events.recv() => drop(event),
            }
        }
    };
    let until = began + Duration::from_secs(19);
    assert!(tokio::time::timeout_at(until, rest).await.is_err());
    let connections = broker.log().matches("New client connected").count();
    assert!((4..=14).contains(&connections), "{connections} connections");
}

#[tokio::test]
async fn the_last_will_is_said_when_we_vanish_and_unsaid_when_we_close() {
    let broker = Broker::start();
    let mut house = Peer::start_up(config(broker.addr(), "house", &["status"])).await;
    let will = Will { topic: "status".into(), payload: b"offline".to_vec() };
    let board = LinkConfig { will: Some(will), ..config(broker.addr(), "board", &[]) };
    let peer = Peer::start_up(board.clone()).await;
    drop(peer);
    assert_eq!(house.message().await.1, "offline");
    let peer = Peer::start_up(board).await;
    let last = Outgoing {
        token: 9,
        topic: "status".into(),
        payload: b"going".to_vec(),
        retain: true,
        class: Class::State,
    };
    let closed = peer.link.close(vec![last]).await;
    assert!(closed.complete);
    assert_eq!(house.message().await.1, "going");
    house.publish(1, Class::Command, "status", "fence");
    assert_eq!(house.message().await.1, "fence", "no last will before it");
    drop(house);
    let mut late = Peer::start(config(broker.addr(), "late", &["status"]));
    assert_eq!(late.message().await, ("status".into(), "going".into(), true));
}

#[tokio::test]
async fn a_frozen_broker_is_left_within_the_keep_alive() {
    let broker = Broker::start();
    let keep_alive = Duration::from_secs(2);
    let quick = LinkConfig { keep_alive, ..config(broker.addr(), "board", &["t"]) };
    let mut board = Peer::start_up(quick).await;
    broker.freeze();
    let began = Instant::now();
    board.publish(1, Class::Command, "t", "pump on");
    let reason = board.down().await;
    assert!(reason.contains("nothing heard"), "{reason}");
    // One and a half of it are 3 s, on a machine at leisure; of this file's usual one 15 s.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(board.ended(1).await, LinkEvent::Lost { token: 1 });
    broker.thaw();
    board.up().await;
}

#[tokio::test]
async fn a_refused_user_is_told_so() {
    let mut broker = Broker::start_with("allow_anonymous false");
    let mut board = Peer::start(config(broker.addr(), "board", &[]));
    let reason = board.down().await;
    assert!(reason.contains("username"), "{reason}");
    broker.stop();
}

#[tokio::test]
async fn messages_of_an_earlier_configuration_are_dropped_and_unsubscribed() {
    let broker = Broker::start();
    let board = Peer::start_up(config(broker.addr(), "board", &["old", "new"])).await;
    assert!(board.link.close(vec![]).await.complete);
    let mut board = Peer::start_up(config(broker.addr(), "board", &["new"])).await;
    for token in 0..3 {
        board.publish(token, Class::Log, "old", "x");
        board.ended(token).await;
        board.publish(100, Class::Log, "new", "x");
        board.message().await;
    }
    assert_eq!(board.link.counters().unwanted, 1, "the first one ended the subscription");
}

#[tokio::test]
async fn tls_and_a_password_work_and_a_foreign_authority_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(path("other.pem"), other.cert.pem()).unwrap();
    std::fs::write(path("password"), "secret\n").unwrap();
    let secure = common::free_port();
    let dir = folder.path().display();
    let _broker = Broker::start_with(&format!(
        "listener {secure} 127.0.0.1\ncertfile {dir}/cert.pem\nkeyfile {dir}/key.pem"
    ));
    let mut board = config(([127, 0, 0, 1], secure).into(), "board", &["t"]);
    board.endpoint.host = "localhost".into();
    board.endpoint.tls = true;
    board.endpoint.ca_file = Some(path("other.pem"));
    board.endpoint.username = Some("board".into());
    board.endpoint.password_file = Some(path("password"));
    let mut foreign = Peer::start(board.clone());
    let reason = foreign.down().await;
    assert!(reason.contains("no TLS with localhost"), "{reason}");
    board.endpoint.ca_file = Some(path("cert.pem"));
    let mut peer = Peer::start_up(board).await;
    let text = "x".repeat(100_000);
    peer.publish(1, Class::Command, "t", &text);
    assert_eq!(peer.message().await.1, text);
    assert!(peer.link.close(vec![]).await.complete);
}

#[test]
fn the_log_of_the_test_broker_is_readable() {
    let broker = Broker::start();
    eventually("its first line", DEADLINE, || broker.log().contains("running").then_some(()));
}

#[tokio::test]
async fn a_thousand_messages_a_second_pass_the_embedded_broker_without_loss() {
    const MESSAGES: u64 = 5_000;
    let listen = ([127, 0, 0, 1], 0).into();
    let broker = outpost::link::broker::spawn(listen, 2_000_000).unwrap();
    let mut to = Peer::start_up(config(broker.addr, "to", &["from/#"])).await;
    let mut from = Peer::start_up(config(broker.addr, "from", &[])).await;
    let began = Instant::now();
    let send = async {
        let (mut sent, mut acked) = (0, 0);
        while acked < MESSAGES {
            // Well below the bound of the queue, where the oldest would be dropped.
            while sent < MESSAGES && sent - acked < 200 {
                from.publish(sent, Class::Log, "from/sensor", &sent.to_string());
                sent += 1;
            }
            let expected = LinkEvent::Acked { token: acked };
            assert_eq!(from.ended(acked).await, expected);
            acked += 1;
        }
    };
    let receive = async {
        for at in 0..MESSAGES {
            assert_eq!(to.message().await.1, at.to_string());
        }
    };
    tokio::join!(send, receive);
    let rate = MESSAGES as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} messages a second");
    assert!(rate >= 1000.0, "{rate:.0} messages a second");
}

#[tokio::test]
async fn the_embedded_broker_keeps_states_wills_and_sessions_while_it_runs() {
    let listen = ([127, 0, 0, 1], 0).into();
    let broker = outpost::link::broker::spawn(listen, 2_000_000).unwrap();
    let will = Will { topic: "status".into(), payload: b"offline".to_vec() };
    let board = LinkConfig { will: Some(will), ..config(broker.addr, "board", &["cmd"]) };
    let mut peer = Peer::start_up(board.clone()).await;
    peer.publish(1, Class::State, "status", "online");
    assert_eq!(peer.ended(1).await, LinkEvent::Acked { token: 1 });
    let mut house = Peer::start(config(broker.addr, "house", &["status"]));
    assert_eq!(house.message().await, ("status".into(), "online".into(), true));
    drop(peer);
    assert_eq!(house.message().await, ("status".into(), "offline".into(), false));
    house.publish(1, Class::Log, "cmd", "while away");
    assert_eq!(house.ended(1).await, LinkEvent::Acked { token: 1 });
    let mut peer = Peer::start(board);
    assert_eq!(peer.message().await.1, "while away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_that_needs_a_receipt_comes_again_until_it_is_settled() {
    let broker = Broker::start();
    let wanted = |event: &LinkEvent| match event {
        LinkEvent::Message { payload, receipt, .. } => Some((payload.clone(), *receipt)),
        _ => None,
    };
    let start = || Peer::start(config(broker.addr(), "board", &["receipt/#", "plain"]));
    let mut board = start();
    board.up().await;
    let operator = Peer::start_up(config(broker.addr(), "operator", &[])).await;
    operator.publish(1, Class::Log, "receipt/a", "first");
    operator.publish(2, Class::Log, "plain", "second");
    let (payload, receipt) = board.wait("the first", wanted).await;
    assert!(payload == b"first" && receipt.is_some());
    let (payload, none) = board.wait("the second", wanted).await;
    assert!(payload == b"second" && none.is_none());
    assert!(!broker.log().contains("Received PUBACK from board"), "answers go in order");
    drop(board);

    // Both again: the answer to the second had to wait for that to the first.
    let mut board = start();
    let (payload, receipt) = board.wait("the first again", wanted).await;
    assert_eq!(payload, b"first");
    assert_eq!(board.wait("the second again", wanted).await.0, b"second");
    board.link.settle(receipt.unwrap());
    let answers = || broker.log().matches("Received PUBACK from board").count();
    eventually("both answers", DEADLINE, || (answers() == 2).then_some(()));
    drop(board);
    let mut board = start();
    operator.publish(3, Class::Log, "plain", "third");
    assert_eq!(board.wait("the third", wanted).await.0, b"third");
}

/// Whoever knows that there is a line again need not wait for the end of the pause.
#[tokio::test]
async fn a_pause_ends_when_the_owner_hurries() {
    let mut broker = Broker::start();
    let pace = Pace {
        backoff_min: Duration::from_secs(600),
        backoff_max: Duration::from_secs(600),
        ..Pace::default()
    };
    let config = LinkConfig { pace, ..config(broker.addr(), "board", &[]) };
    let mut board = Peer::start_up(config).await;
    board.link.hurry();
    broker.stop();
    board.down().await;
    broker.restart();
    board.link.hurry();
    board.up().await;
}

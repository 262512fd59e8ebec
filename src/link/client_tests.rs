//! The client against a broker that does as each test says, wrong things included.

use std::net::Ipv4Addr;

use bytes::BytesMut;
use rumqttc::{
    ConnAck, ConnectReturnCode, Packet, PubAck, PubRel, Publish, QoS, SubAck, SubscribeReasonCode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{sleep, timeout};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// Time without a PUBACK that is believed in these tests: none of them is so late on a loaded
/// machine where it does not mean to be.
const ACK_STALL: Duration = Duration::from_secs(2);

struct Fake {
    listener: TcpListener,
}

/// One connection, seen from the broker.
struct Seen {
    socket: TcpStream,
    buffer: BytesMut,
    filters: Vec<Vec<String>>,
}

impl Fake {
    async fn start() -> Fake {
        Fake { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap() }
    }

    fn config(&self, filters: &[&str]) -> LinkConfig {
        LinkConfig {
            endpoint: Endpoint::at(self.listener.local_addr().unwrap()),
            client_id: "board".into(),
            is_lasting: true,
            will: None,
            subscriptions: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            receipts: Vec::new(),
            keep_alive: Duration::from_secs(1),
            pace: Pace {
                backoff_min: Duration::from_millis(20),
                ack_stall: ACK_STALL,
                ..Pace::default()
            },
        }
    }

    /// Accepts the next connection and its CONNECT.
    async fn accept(&self) -> Seen {
        let (socket, _) = timeout(DEADLINE, self.listener.accept()).await.unwrap().unwrap();
        let mut seen = Seen { socket, buffer: BytesMut::new(), filters: Vec::new() };
        let Packet::Connect(connect) = seen.packet().await else { panic!("no CONNECT") };
        assert!(!connect.clean_session);
        assert_eq!(connect.client_id, "board");
        let answer = ConnAck::new(ConnectReturnCode::Success, true);
        seen.send(Packet::ConnAck(answer)).await;
        seen
    }

    /// Accepts the next connection and grants `packets` SUBSCRIBEs.
    async fn greet(&self, packets: usize) -> Seen {
        let mut seen = self.accept().await;
        for _ in 0..packets {
            seen.grant(SubscribeReasonCode::Success(QoS::AtLeastOnce)).await;
        }
        seen
    }
}

impl Seen {
    async fn packet(&mut self) -> Packet {
        loop {
            match Packet::read(&mut self.buffer, usize::MAX) {
                Ok(packet) => return packet,
                Err(rumqttc::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error}"),
            }
            let read = self.socket.read_buf(&mut self.buffer);
            assert!(timeout(DEADLINE, read).await.unwrap().unwrap() > 0, "the link has closed");
        }
    }

    /// The next message; pings before it are answered.
    async fn message(&mut self) -> Publish {
        loop {
            match self.packet().await {
                Packet::Publish(publish) => return publish,
                Packet::PingReq => self.send(Packet::PingResp).await,
                other => panic!("{other:?}"),
            }
        }
    }

    /// The link closes or resets the connection; what it sends before that is ignored.
    async fn end(mut self) {
        let mut rest = [0; 1024];
        let end = async { while self.socket.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
        timeout(DEADLINE, end).await.unwrap();
    }

    async fn send(&mut self, packet: Packet) {
        let mut out = BytesMut::new();
        packet.write(&mut out, usize::MAX).unwrap();
        self.socket.write_all(&out).await.unwrap();
    }

    async fn deliver(&mut self, topic: &str, payload: &str, qos: QoS, id: u16) {
        let mut publish = Publish::new(topic, qos, payload);
        publish.pkid = id;
        self.send(Packet::Publish(publish)).await;
    }

    async fn grant(&mut self, code: SubscribeReasonCode) {
        let Packet::Subscribe(subscribe) = self.packet().await else { panic!("no SUBSCRIBE") };
        let codes = vec![code; subscribe.filters.len()];
        self.filters.push(subscribe.filters.into_iter().map(|filter| filter.path).collect());
        self.send(Packet::SubAck(SubAck::new(subscribe.pkid, codes))).await;
    }
}

async fn next(events: &mut Receiver<LinkEvent>) -> LinkEvent {
    timeout(DEADLINE, events.recv()).await.expect("an event").expect("the link lives")
}

fn outgoing(token: u64, class: Class) -> Outgoing {
    Outgoing { token, topic: "t".into(), payload: vec![], retain: false, class }
}

const UP: LinkEvent = LinkEvent::Up { session_present: true };

#[tokio::test]
async fn without_acknowledgements_the_connection_is_built_anew() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    // No ping is answered here, and the broker is not to be left for that.
    let config = LinkConfig { keep_alive: ACK_STALL * 2, ..fake.config(&[]) };
    let link = spawn(config, sender).unwrap();
    let mut seen = fake.greet(0).await;
    assert_eq!(next(&mut events).await, UP);
    link.publish(outgoing(1, Class::Command)).unwrap();
    link.publish(outgoing(2, Class::Log)).unwrap();
    assert_eq!(seen.message().await.pkid, 1);
    assert!(!seen.message().await.dup);
    let LinkEvent::Down { reason } = next(&mut events).await else { panic!("no Down") };
    assert!(reason.contains("acknowledged nothing"), "{reason}");
    assert_eq!(next(&mut events).await, LinkEvent::Lost { token: 1 });
    seen.end().await;
    let mut seen = fake.greet(0).await;
    let again = seen.message().await;
    assert!(again.dup, "the log message, not the command");
    seen.send(Packet::PubAck(PubAck::new(again.pkid))).await;
    assert_eq!(next(&mut events).await, UP);
    assert_eq!(next(&mut events).await, LinkEvent::Acked { token: 2 });
    assert!(link.close(vec![]).await.complete);
}

#[tokio::test]
async fn a_broker_that_answers_no_ping_is_left() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let _link = spawn(fake.config(&[]), sender).unwrap();
    let mut seen = fake.greet(0).await;
    assert_eq!(next(&mut events).await, UP);
    assert_eq!(seen.packet().await, Packet::PingReq);
    let LinkEvent::Down { reason } = next(&mut events).await else { panic!("no Down") };
    assert!(reason.contains("nothing heard"), "{reason}");
    seen.end().await;
    fake.greet(0).await;
    assert_eq!(next(&mut events).await, UP);
}

#[tokio::test]
async fn an_outage_is_said_once() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let _link = spawn(fake.config(&["a"]), sender).unwrap();
    for _ in 0..2 {
        // Accepted, but gone before the subscription is answered: never up.
        drop(fake.accept().await);
    }
    let seen = fake.greet(1).await;
    let LinkEvent::Down { .. } = next(&mut events).await else { panic!("no Down") };
    assert_eq!(next(&mut events).await, UP);
    drop(seen);
    assert!(matches!(next(&mut events).await, LinkEvent::Down { .. }));
}

#[tokio::test]
async fn subscriptions_go_out_in_small_packets_and_a_refusal_is_named() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let names: Vec<String> = (0..17).map(|at| format!("t/{at}")).collect();
    let mut filters: Vec<&str> = names.iter().map(String::as_str).collect();
    filters.push("t/0");
    let _link = spawn(fake.config(&filters), sender).unwrap();
    let mut seen = fake.greet(2).await;
    seen.grant(SubscribeReasonCode::Failure).await;
    let sizes: Vec<usize> = seen.filters.iter().map(Vec::len).collect();
    assert_eq!(sizes, [8, 8, 1], "the double one is asked for once");
    let filter = seen.filters[2][0].clone();
    assert_eq!(next(&mut events).await, LinkEvent::SubscriptionRefused { filter });
    assert_eq!(next(&mut events).await, UP);
}

#[tokio::test]
async fn a_slow_owner_makes_the_broker_wait_and_loses_nothing() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(1);
    let link = spawn(fake.config(&["t"]), sender).unwrap();
    let mut seen = fake.greet(1).await;
    for id in 1..=100 {
        seen.deliver("t", &id.to_string(), QoS::AtLeastOnce, id).await;
    }
    // The channel holds the Up. Pings go on for longer than a silent broker would be believed.
    for _ in 0..4 {
        assert_eq!(seen.packet().await, Packet::PingReq, "nothing is acknowledged yet");
        seen.send(Packet::PingResp).await;
    }
    assert_eq!(next(&mut events).await, UP);
    for id in 1..=100u16 {
        let LinkEvent::Message { payload, .. } = next(&mut events).await else { panic!("{id}") };
        assert_eq!(payload, id.to_string().into_bytes());
    }
    let mut acked = 0;
    while acked < 100 {
        match seen.packet().await {
            Packet::PubAck(ack) => {
                acked += 1;
                assert_eq!(ack.pkid, acked, "in order");
            }
            other => assert_eq!(other, Packet::PingReq),
        }
    }
    assert_eq!(link.counters().connections, 1);
}

#[tokio::test]
async fn an_unreadable_topic_is_acknowledged_and_the_connection_stays() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let _link = spawn(fake.config(&["t"]), sender).unwrap();
    let mut seen = fake.greet(1).await;
    seen.socket.write_all(&[0x32, 7, 0, 2, 0xff, 0xfe, 0, 5, b'x']).await.unwrap();
    seen.deliver("t", "next", QoS::AtLeastOnce, 6).await;
    assert_eq!(next(&mut events).await, UP);
    assert_eq!(next(&mut events).await, LinkEvent::Unreadable { bytes: 7 });
    assert!(matches!(next(&mut events).await, LinkEvent::Message { .. }));
    for id in [5, 6] {
        assert_eq!(seen.packet().await, Packet::PubAck(PubAck::new(id)));
    }
}

#[tokio::test]
async fn a_message_of_an_old_qos_2_session_is_taken() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let _link = spawn(fake.config(&["t"]), sender).unwrap();
    let mut seen = fake.greet(1).await;
    seen.deliver("t", "x", QoS::ExactlyOnce, 3).await;
    assert!(matches!(seen.packet().await, Packet::PubRec(answer) if answer.pkid == 3));
    seen.send(Packet::PubRel(PubRel::new(3))).await;
    assert!(matches!(seen.packet().await, Packet::PubComp(answer) if answer.pkid == 3));
    assert_eq!(next(&mut events).await, UP);
    assert!(matches!(next(&mut events).await, LinkEvent::Message { .. }));
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_not_the_link() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let _link = spawn(fake.config(&[]), sender).unwrap();
    for bytes in [&[0xff; 16][..], &[0x20, 2, 0, 0], &[0x90, 1, 0], &[0x10, 0], &[0x40, 1, 0]] {
        let mut seen = fake.greet(0).await;
        assert_eq!(next(&mut events).await, UP);
        seen.socket.write_all(bytes).await.unwrap();
        let event = next(&mut events).await;
        assert!(matches!(event, LinkEvent::Down { .. }), "{bytes:?}: {event:?}");
        seen.end().await;
    }
}

#[tokio::test]
async fn a_slow_line_is_not_taken_for_a_dead_broker() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(16);
    let link = spawn(fake.config(&["t"]), sender).unwrap();
    let mut seen = fake.greet(1).await;
    assert_eq!(next(&mut events).await, UP);
    link.publish(outgoing(1, Class::Command)).unwrap();
    let sent = seen.message().await;
    let mut out = BytesMut::new();
    let large = Publish::new("t", QoS::AtMostOnce, vec![0; 200_000]);
    Packet::Publish(large).write(&mut out, usize::MAX).unwrap();
    // Twice the time without a PUBACK that is believed; the slowness is the matter of this test.
    for part in out.chunks(25_000) {
        seen.socket.write_all(part).await.unwrap();
        sleep(ACK_STALL / 4).await;
    }
    seen.send(Packet::PubAck(PubAck::new(sent.pkid))).await;
    assert!(matches!(next(&mut events).await, LinkEvent::Message { .. }));
    assert_eq!(next(&mut events).await, LinkEvent::Acked { token: 1 });
}

#[tokio::test]
async fn the_link_ends_with_its_owner() {
    let fake = Fake::start().await;
    let (sender, events) = channel(16);
    let link = spawn(fake.config(&[]), sender).unwrap();
    let seen = fake.greet(0).await;
    drop(events);
    seen.end().await;
    let ended = async {
        while link.publish(outgoing(1, Class::Log)) != Err(PublishError::Ended) {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, ended).await.unwrap();
    link.close(vec![]).await;
    let (sender, _events) = channel(16);
    let link = spawn(fake.config(&[]), sender).unwrap();
    let seen = fake.greet(0).await;
    drop(link);
    seen.end().await;
}

#[tokio::test]
async fn last_words_wait_for_their_acknowledgement_and_not_for_ever() {
    let fake = Fake::start().await;
    let (sender, mut events) = channel(1);
    let link = spawn(fake.config(&["t"]), sender).unwrap();
    let mut seen = fake.greet(1).await;
    assert_eq!(next(&mut events).await, UP);
    // The owner has stopped to read; messages that come now stay with the broker.
    for id in 1..=5 {
        seen.deliver("t", "x", QoS::AtLeastOnce, id).await;
    }
    let broker = async {
        let last = loop {
            match seen.packet().await {
                Packet::Publish(publish) => break publish,
                Packet::PubAck(ack) => assert_eq!(ack.pkid, 1, "the one in the channel"),
                other => panic!("{other:?}"),
            }
        };
        seen.send(Packet::PubAck(PubAck::new(last.pkid))).await;
        assert_eq!(seen.packet().await, Packet::Disconnect);
    };
    let (closed, ()) = tokio::join!(link.close(vec![outgoing(9, Class::State)]), broker);
    assert!(closed.complete);
    let (sender, _events) = channel(1);
    let link = spawn(fake.config(&[]), sender).unwrap();
    let _silent = fake.greet(0).await;
    let began = Instant::now();
    assert!(!link.close(vec![outgoing(9, Class::State)]).await.complete);
    assert!(began.elapsed() < Duration::from_millis(CLOSE_MS_MAX + 900));
}

#[test]
fn a_configuration_that_can_never_work_is_refused() {
    let good = LinkConfig {
        endpoint: Endpoint::at((Ipv4Addr::LOCALHOST, 1).into()),
        client_id: "board".into(),
        is_lasting: true,
        will: Some(Will { topic: "t".into(), payload: vec![] }),
        subscriptions: vec!["a/+".into()],
        receipts: Vec::new(),
        keep_alive: Duration::from_secs(30),
        pace: Pace::default(),
    };
    assert!(good.check().is_ok());
    let bad = |change: fn(&mut LinkConfig)| {
        let mut config = good.clone();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert!(bad(|config| config.client_id.clear()).contains("client id"));
    assert!(bad(|config| config.subscriptions.push("a#".into())).contains("a#"));
    let will = |topic: &str, bytes| Some(Will { topic: topic.into(), payload: vec![0; bytes] });
    let mut config = good.clone();
    config.will = will("t/+", 0);
    assert!(config.check().is_err());
    config.will = will("t", 65_536);
    assert!(config.check().is_err());
    assert!(bad(|config| config.keep_alive = Duration::from_millis(1500)).contains("1.5s"));
    assert!(bad(|config| config.keep_alive = Duration::ZERO).contains("0ns"));
}

//! A client that hears everything on a broker and remembers it, and speaks for operators.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value as Json;

use crate::common::Broker;

/// Largest message of a test, in bytes; above `max_packet` of the agents.
const PACKET_BYTES: usize = 8_000_000;

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub retain: bool,
}

impl Message {
    /// Its payload as JSON; null where it is none.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }
}

#[derive(Default)]
struct Heard {
    messages: Mutex<Vec<Message>>,
    subscriptions: Mutex<u32>,
    news: Condvar,
    over: AtomicBool,
}

/// See the module.
pub struct Bus {
    client: Client,
    heard: Arc<Heard>,
}

/// A client of rumqttc with room for what these tests send.
pub fn client(broker: &Broker, name: &str) -> (Client, rumqttc::Connection) {
    let mut options = MqttOptions::new(name, "127.0.0.1", broker.addr().port());
    options.set_max_packet_size(PACKET_BYTES, PACKET_BYTES);
    options.set_keep_alive(Duration::from_secs(60));
    Client::new(options, 1000)
}

impl Bus {
    /// Joins and hears everything from here on, retained messages first.
    pub fn join(broker: &Broker) -> Bus {
        let (client, mut connection) = client(broker, "the-whole-bus");
        let heard = Arc::new(Heard::default());
        let (ours, subscriber) = (heard.clone(), client.clone());
        std::thread::spawn(move || {
            for event in connection.iter() {
                if ours.over.load(Ordering::Relaxed) {
                    return;
                }
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        subscriber.try_subscribe("#", QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        *ours.subscriptions.lock().unwrap() += 1;
                        ours.news.notify_all();
                    }
                    Ok(Event::Incoming(Packet::Publish(packet))) => {
                        ours.messages.lock().unwrap().push(Message {
                            topic: packet.topic.clone(),
                            payload: packet.payload.to_vec(),
                            retain: packet.retain,
                        });
                        ours.news.notify_all();
                    }
                    Ok(_) => {}
                    // The broker is away: that is what some tests are about.
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        });
        let subscribed = heard.subscriptions.lock().unwrap();
        let waited = heard.news.wait_timeout_while(subscribed, Duration::from_secs(10), |n| *n < 1);
        assert_eq!(*waited.unwrap().0, 1, "the bus was not joined");
        Bus { client, heard }
    }

    /// Publishes with QoS 1.
    pub fn say(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).unwrap();
    }

    /// Publishes with QoS 1 for those who come later.
    pub fn leave(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, true, payload).unwrap();
    }

    /// How many messages have come; what comes later has this index or a larger one.
    pub fn mark(&self) -> usize {
        self.heard.messages.lock().unwrap().len()
    }

    /// Messages since a mark.
    pub fn since(&self, mark: usize) -> Vec<Message> {
        self.heard.messages.lock().unwrap()[mark..].to_vec()
    }

    /// Messages since a mark on one topic.
    pub fn on(&self, mark: usize, topic: &str) -> Vec<Message> {
        self.since(mark).into_iter().filter(|message| message.topic == topic).collect()
    }

    /// The first message since a mark that `look` picks; `None` at the deadline.
    pub fn find<T>(
        &self,
        mark: usize,
        deadline: Duration,
        mut look: impl FnMut(&Message) -> Option<T>,
    ) -> Option<T> {
        let until = Instant::now() + deadline;
        let mut next = mark;
        let mut messages = self.heard.messages.lock().unwrap();
        loop {
            if let Some(found) = messages[next..].iter().find_map(&mut look) {
                return Some(found);
            }
            next = messages.len();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            messages = self.heard.news.wait_timeout(messages, left).unwrap().0;
        }
    }

    /// The first message since a mark that `look` picks; panics at the deadline.
    pub fn wait<T>(
        &self,
        mark: usize,
        what: &str,
        deadline: Duration,
        look: impl FnMut(&Message) -> Option<T>,
    ) -> T {
        self.find(mark, deadline, look).unwrap_or_else(|| {
            let heard = self.since(mark);
            let ours = heard.iter().filter(|one| one.topic.starts_with("outpost/"));
            let text = |one: &Message| String::from_utf8_lossy(&one.payload).into_owned();
            let lines: Vec<_> =
                ours.map(|one| format!("{} {:.300}", one.topic, text(one))).collect();
            let tail = lines.len().saturating_sub(30);
            panic!("{what}: not within {deadline:?}; heard {:#?}", &lines[tail..])
        })
    }

    /// The first JSON on a topic since a mark that `fits`; panics at the deadline.
    pub fn wait_json(
        &self,
        mark: usize,
        topic: &str,
        deadline: Duration,
        fits: impl Fn(&Json) -> bool,
    ) -> Json {
        self.wait(mark, topic, deadline, |message| {
            let here = message.topic == topic;
            here.then(|| message.json()).filter(|json| fits(json))
        })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.heard.over.store(true, Ordering::Relaxed);
        // Full or closed: the thread looks at `over` at its next event.
        drop(self.client.try_disconnect());
    }
}

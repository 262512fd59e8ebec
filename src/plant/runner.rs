//! Puts a place on a wire: its messages go out when they are due, commands go in when they come.
//!
//! `pump` is the core: it waits for nothing and knows no clock, so demo and tests drive it too.
//! `run` is `outpost plant`: a plain MQTT client and the real clock, scaled. It is a test tool and
//! shares nothing with the agent's link, so that a fault there cannot hide itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS};
use thiserror::Error;
use tokio::sync::mpsc;

use super::{Message, Place, Score};
use crate::limits;

/// A command on its way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Topic that it came on.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// What carries messages between a place and whoever looks after it.
pub trait Wire {
    /// Hands a message over; a wire that cannot, loses it, as a sensor's radio does.
    fn publish(&mut self, message: Message);
    /// The next command that has come, if any.
    fn try_next_command(&mut self) -> Option<Command>;
}

/// A place counts whole milliseconds; what is left of one waits for the next call.
const INSTANT: Duration = Duration::from_millis(1);

/// Lets `by` pass in the place. It stops at each moment at which the place has something to say,
/// hands that over, and takes the commands that have come by then.
pub fn pump(place: &mut dyn Place, wire: &mut dyn Wire, by: Duration) {
    let until = place.now() + by;
    loop {
        while let Some(command) = wire.try_next_command() {
            place.command(&command.topic, &command.payload);
        }
        for message in place.due_messages() {
            wire.publish(message);
        }
        let left = until.saturating_sub(place.now());
        if left < INSTANT {
            return;
        }
        place.advance(place.next_due().clamp(INSTANT, left));
    }
}

/// How `outpost plant` runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Broker, as `mqtt://host:port`.
    pub url: String,
    /// Seconds of the place in a real second.
    pub speed: f64,
    /// Ends after this much of the place's time; `None`: never.
    pub until: Option<Duration>,
}

/// Why a place does not run.
#[derive(Debug, Error)]
pub enum RunnerError {
    /// The address cannot be read.
    #[error("broker: found \"{found}\", allowed is mqtt://host or mqtt://host:port")]
    Url {
        /// What was given.
        found: String,
    },
}

/// Runs a place on a broker until its time is over or `stop` completes; gives its score. Its time
/// begins with the first connection. A broker that is away is tried again every second; what the
/// place says meanwhile is lost, and its devices say their state when the broker is back.
///
/// # Errors
/// Where the address cannot be read. A broker that refuses is reported on the log and tried again.
pub async fn run(
    place: &mut dyn Place,
    options: &Options,
    stop: impl Future<Output = ()>,
) -> Result<Score, RunnerError> {
    let (host, port) = host_and_port(&options.url)?;
    let client_id = format!("plant-{}-{}", place.name(), std::process::id());
    let mut mqtt = MqttOptions::new(client_id, host, port);
    mqtt.set_max_packet_size(limits::PACKET_BYTES_DEFAULT, limits::PACKET_BYTES_DEFAULT);
    let (client, events) = AsyncClient::new(mqtt, limits::PLANT_QUEUE_MAX);
    let (sender, commands) = mpsc::channel(limits::PLANT_QUEUE_MAX);
    let line = Arc::new(Line::default());
    let topics = place.command_topics();
    let listener = tokio::spawn(listen(events, client.clone(), topics, sender, Arc::clone(&line)));
    let mut wire = Mqtt { client, commands, line: Arc::clone(&line) };

    let began_at = place.now();
    let mut began = None;
    let mut ticks = tokio::time::interval(Duration::from_millis(limits::PLANT_TICK_MS));
    tokio::pin!(stop);
    loop {
        tokio::select! {
            // Both are cancel-safe: a tick or a stop that is not taken stays.
            _ = ticks.tick() => {}
            () = &mut stop => break,
        }
        if line.is_new.swap(false, Ordering::Relaxed) {
            began.get_or_insert_with(Instant::now);
            place.restate();
        }
        let Some(began) = began else { continue };
        let due = began_at + began.elapsed().mul_f64(options.speed);
        let due = options.until.map_or(due, |until| due.min(until));
        let by = due.saturating_sub(place.now());
        pump(place, &mut wire, by);
        if options.until.is_some_and(|until| place.now() >= until) {
            break;
        }
    }
    listener.abort();
    Ok(place.score())
}

/// The state of the connection, shared with the task that keeps it up.
#[derive(Default)]
struct Line {
    is_up: AtomicBool,
    /// It has come up since somebody looked.
    is_new: AtomicBool,
}

struct Mqtt {
    client: AsyncClient,
    commands: mpsc::Receiver<Command>,
    line: Arc<Line>,
}

impl Wire for Mqtt {
    fn publish(&mut self, message: Message) {
        let Message { topic, payload, retain } = message;
        let up = self.line.is_up.load(Ordering::Relaxed);
        let sent = up && self.client.try_publish(&topic, QoS::AtLeastOnce, retain, payload).is_ok();
        if !sent {
            tracing::debug!(topic, "lost: no broker, or it does not keep up");
        }
    }

    fn try_next_command(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }
}

/// Keeps the connection up and passes commands on; subscribes anew on every connection.
async fn listen(
    mut events: EventLoop,
    client: AsyncClient,
    topics: Vec<String>,
    sender: mpsc::Sender<Command>,
    line: Arc<Line>,
) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                tracing::info!("connected to the broker");
                for topic in &topics {
                    if client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                        tracing::warn!(topic, "no room to subscribe; commands there are not heard");
                    }
                }
                line.is_up.store(true, Ordering::Relaxed);
                line.is_new.store(true, Ordering::Relaxed);
            }
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                let command = Command { topic: publish.topic, payload: publish.payload.to_vec() };
                if sender.try_send(command).is_err() {
                    tracing::warn!("a command was lost: too many at once");
                }
            }
            Ok(_) => {}
            Err(error) => {
                line.is_up.store(false, Ordering::Relaxed);
                tracing::warn!(%error, "no broker; trying again in a second");
                tokio::time::sleep(Duration::from_millis(limits::PLANT_RECONNECT_MS)).await;
            }
        }
    }
}

/// `mqtt://host:port` or `mqtt://host`; the port is 1883 where it is left out.
pub fn host_and_port(url: &str) -> Result<(String, u16), RunnerError> {
    let wrong = || RunnerError::Url { found: url.to_owned() };
    let address = url.strip_prefix("mqtt://").ok_or_else(wrong)?.trim_end_matches('/');
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
        None => (address, 1883),
    };
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

#[cfg(test)]
mod tests {
    use super::super::Greenhouse;
    use super::*;

    /// A wire that keeps what is said and has commands ready.
    #[derive(Default)]
    struct Tape {
        said: Vec<Message>,
        commands: Vec<Command>,
    }

    impl Wire for Tape {
        fn publish(&mut self, message: Message) {
            self.said.push(message);
        }

        fn try_next_command(&mut self) -> Option<Command> {
            self.commands.pop()
        }
    }

    #[test]
    fn a_command_is_carried_out_and_echoed() {
        let mut house = Greenhouse::new(1);
        let mut tape = Tape::default();
        let topic = "greenhouse/fan/set".to_owned();
        tape.commands.push(Command { topic, payload: b"ON".to_vec() });
        pump(&mut house, &mut tape, Duration::from_secs(3));
        let fan: Vec<_> = tape.said.iter().filter(|m| m.topic == "greenhouse/fan").collect();
        assert_eq!(fan.first().map(|message| message.payload.as_str()), Some("OFF"));
        assert_eq!(fan.last().map(|message| message.payload.as_str()), Some("ON"));
        assert!(fan.iter().all(|message| message.retain));
    }

    #[test]
    fn everything_due_is_said_once_and_in_time() {
        let mut house = Greenhouse::new(1);
        let mut tape = Tape::default();
        for _ in 0..6 {
            pump(&mut house, &mut tape, Duration::from_secs(10));
        }
        assert_eq!(house.now(), Duration::from_secs(60));
        let air = tape.said.iter().filter(|m| m.topic == "greenhouse/air").count();
        assert_eq!(air, 7, "at the start and after each ten seconds");
        assert!(house.due_messages().is_empty());
    }

    #[test]
    fn pieces_below_a_millisecond_end_and_add_up() {
        let mut house = Greenhouse::new(1);
        let mut tape = Tape::default();
        pump(&mut house, &mut tape, Duration::from_micros(900));
        assert_eq!(house.now(), Duration::ZERO);
        pump(&mut house, &mut tape, Duration::from_micros(2_000_900));
        assert_eq!(house.now(), Duration::from_secs(2));
    }

    #[test]
    fn devices_say_their_state_when_the_broker_is_back() {
        let mut house = Greenhouse::new(1);
        let mut tape = Tape::default();
        pump(&mut house, &mut tape, Duration::from_secs(30));
        tape.said.clear();
        house.restate();
        pump(&mut house, &mut tape, Duration::ZERO);
        assert_eq!(tape.said.len(), house.command_topics().len());
    }

    #[test]
    fn addresses_are_read_or_refused_with_what_is_allowed() {
        assert_eq!(host_and_port("mqtt://broker:1884").unwrap(), ("broker".into(), 1884));
        assert_eq!(host_and_port("mqtt://10.0.0.1/").unwrap(), ("10.0.0.1".into(), 1883));
        for wrong in ["broker:1883", "mqtt://", "mqtt://host:port", "http://host"] {
            let error = host_and_port(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("mqtt://host:port"), "{error}");
        }
    }
}

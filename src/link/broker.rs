//! The embedded broker, for trying out and for small sites: `rumqttd` in this process.
//!
//! It keeps nothing over a restart, neither retained messages nor sessions, and forgets what a
//! slow subscriber has not fetched in time; real places run mosquitto. It never listens anywhere
//! but where it is told, and it opens no console and no metrics server.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use thiserror::Error;

use super::gate;
use crate::limits::{
    EMBEDDED_CLIENTS_MAX, EMBEDDED_CONNECT_MS_MAX, EMBEDDED_SEGMENT_BYTES, EMBEDDED_SEGMENTS_MAX,
    EMBEDDED_START_MS_MAX, IN_FLIGHT_MAX,
};

/// For the filter of the log: the broker writes an `ERROR` for every client that leaves. What a
/// person must know about the bus is said by the client.
pub const LOG_DIRECTIVE: &str = "rumqttd=off";

/// Time between two looks whether the broker accepts connections yet.
const START_LOOK: Duration = Duration::from_millis(2);
/// Wait between two accepted connections, in milliseconds; `rumqttd` wants one.
const NEXT_CONNECTION_MS: u64 = 1;

/// Why there is no embedded broker.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// The address is taken by another program, or is none of this machine's.
    #[error("bus.listen: the embedded broker cannot listen at {address}: {source}")]
    Listen {
        /// Where it should listen.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The broker's threads did not start.
    #[error("the embedded broker at {address} did not start: {source}")]
    Start {
        /// Where it should listen.
        address: SocketAddr,
        /// What was the matter.
        source: io::Error,
    },
}

/// A running broker. It has no end but the process's: `rumqttd` cannot be stopped.
#[derive(Debug)]
pub struct EmbeddedBroker {
    /// Where clients of this machine reach it.
    pub addr: SocketAddr,
}

/// Starts the broker on threads of its own and comes back when it accepts connections, after some
/// milliseconds. Port 0 takes a free one. Messages above `message_bytes_max` end the connection
/// of the client that sends them.
///
/// # Errors
/// [`BrokerError::Listen`] where the address cannot be had; it names the address.
pub fn spawn(listen: SocketAddr, message_bytes_max: usize) -> Result<EmbeddedBroker, BrokerError> {
    let no_listener = |source| BrokerError::Listen { address: listen, source };
    let door = TcpListener::bind(listen).map_err(no_listener)?;
    door.set_nonblocking(true).map_err(no_listener)?;
    let listen = door.local_addr().map_err(no_listener)?;
    let failed = |source| BrokerError::Start { address: listen, source };
    let inner = start_inner(message_bytes_max).map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let guard = runtime.enter();
    let door = tokio::net::TcpListener::from_std(door).map_err(failed)?;
    drop(guard);
    let run = move || runtime.block_on(gate::serve(door, inner));
    thread::Builder::new().name("broker-gate".into()).spawn(run).map_err(failed)?;
    Ok(EmbeddedBroker { addr: SocketAddr::new(reachable(listen.ip()), listen.port()) })
}

/// Starts `rumqttd` itself, on a port of loopback that only the gate is told.
fn start_inner(message_bytes_max: usize) -> io::Result<SocketAddr> {
    // rumqttd cannot be handed a listener, nor say which port it took.
    let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut broker = Broker::new(config(inner, message_bytes_max));
    let run = move || {
        // Comes back only when the server has failed.
        if let Err(error) = broker.start() {
            tracing::error!(%error, "the embedded broker has ended");
        }
    };
    let running = thread::Builder::new().name("broker".into()).spawn(run)?;
    let deadline = Instant::now() + Duration::from_millis(EMBEDDED_START_MS_MAX);
    loop {
        let answer = TcpStream::connect(inner);
        if running.is_finished() {
            return Err(io::Error::other("its server has ended; see the log"));
        }
        match answer {
            Ok(_) => return Ok(inner),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => thread::sleep(START_LOOK),
        }
    }
}

/// "Every address" is not one that can be connected to.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

fn config(listen: SocketAddr, message_bytes_max: usize) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: u16::try_from(EMBEDDED_CONNECT_MS_MAX).unwrap_or(u16::MAX),
        max_payload_size: message_bytes_max,
        max_inflight_count: IN_FLIGHT_MAX,
        auth: None,
        external_auth: None,
        dynamic_filters: false,
    };
    let server = ServerSettings {
        name: "broker-mqtt".into(),
        listen,
        tls: None,
        next_connection_delay_ms: NEXT_CONNECTION_MS,
        connections,
    };
    Config {
        id: 0,
        router: RouterConfig {
            // The gate counts; here one that has just left may still be counted.
            max_connections: 2 * EMBEDDED_CLIENTS_MAX,
            max_outgoing_packet_count: 200, // rumqttd's own example; its channels hold as many
            max_segment_size: EMBEDDED_SEGMENT_BYTES,
            max_segment_count: EMBEDDED_SEGMENTS_MAX,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("mqtt".to_owned(), server)])),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    use tokio::io::AsyncWriteExt;

    use crate::limits::PACKET_BYTES_DEFAULT;

    fn loopback() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    #[test]
    fn it_takes_a_free_port_and_stays_on_loopback() {
        let broker = spawn(loopback(), PACKET_BYTES_DEFAULT).unwrap();
        assert!(broker.addr.ip().is_loopback());
        assert_eq!(answer(broker.addr, "someone", 4), [0x20, 2, 0, 0]);
    }

    #[test]
    fn a_taken_address_is_named() {
        let taken = TcpListener::bind(loopback()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = spawn(address, PACKET_BYTES_DEFAULT).unwrap_err();
        assert!(matches!(error, BrokerError::Listen { .. }));
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    /// A CONNECT with a clean session.
    fn connect(id: &str, level: u8) -> Vec<u8> {
        let len = u8::try_from(id.len()).unwrap();
        let mut bytes = vec![0x10, 12 + len, 0, 4];
        bytes.extend(b"MQTT");
        bytes.extend([level, 2, 0, 60, 0, len]);
        bytes.extend(id.as_bytes());
        bytes
    }

    fn answer(addr: SocketAddr, id: &str, level: u8) -> Vec<u8> {
        let mut socket = TcpStream::connect(addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.write_all(&connect(id, level)).unwrap();
        let mut answer = vec![0; 4];
        socket.read_exact(&mut answer).unwrap();
        answer
    }

    /// The places of those who have left become free after a moment.
    fn served_at_last(addr: SocketAddr, id: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while answer(addr, id, 4)[3] != 0 {
            assert!(Instant::now() < deadline, "no place became free for {id}");
        }
    }

    /// The second one would end a bare rumqttd 0.20 for good.
    #[test]
    fn clients_that_it_cannot_bear_are_told_so() {
        let broker = spawn(loopback(), PACKET_BYTES_DEFAULT).unwrap();
        for _ in 0..3 {
            assert_eq!(answer(broker.addr, "a/b", 4), [0x20, 2, 0, 2], "bad client id");
            assert_eq!(answer(broker.addr, "new", 5), [0x20, 2, 0, 1], "MQTT 5");
        }
        assert_eq!(answer(broker.addr, "good", 4), [0x20, 2, 0, 0]);
    }

    /// Some of these end a bare rumqttd 0.20 for good.
    #[tokio::test]
    async fn clients_that_vanish_at_once_do_no_harm() {
        let broker = spawn(loopback(), PACKET_BYTES_DEFAULT).unwrap();
        for at in 0..1000 {
            let mut socket = tokio::net::TcpStream::connect(broker.addr).await.unwrap();
            socket.set_zero_linger().unwrap();
            socket.write_all(&connect("hasty", 4)).await.unwrap();
            if at % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        served_at_last(broker.addr, "hasty");
        served_at_last(broker.addr, "patient");
    }

    #[test]
    fn a_client_too_many_is_told_so() {
        let broker = spawn(loopback(), PACKET_BYTES_DEFAULT).unwrap();
        let clients: Vec<TcpStream> = (0..EMBEDDED_CLIENTS_MAX)
            .map(|at| {
                let mut socket = TcpStream::connect(broker.addr).unwrap();
                socket.write_all(&connect(&format!("c{at}"), 4)).unwrap();
                let mut answer = [0; 4];
                socket.read_exact(&mut answer).unwrap();
                socket
            })
            .collect();
        assert_eq!(answer(broker.addr, "late", 4), [0x20, 2, 0, 3]);
        drop(clients);
        served_at_last(broker.addr, "late");
    }
}

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

use crate::limits::{
    EMBEDDED_CLIENTS_MAX, EMBEDDED_SEGMENT_BYTES, EMBEDDED_SEGMENTS_MAX, EMBEDDED_START_MS_MAX,
    IN_FLIGHT_MAX,
};

/// For the filter of the log: the broker writes an `ERROR` for every client that leaves. What a
/// person must know about the bus is said by the client.
pub const LOG_DIRECTIVE: &str = "rumqttd=off";

/// Time between two looks whether the broker accepts connections yet.
const START_LOOK: Duration = Duration::from_millis(2);
/// Time that a client has for its CONNECT, in milliseconds.
const CONNECT_MS: u16 = 5_000;
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
    // rumqttd reports a taken address to its log only, so it is tried here first.
    let listen = TcpListener::bind(listen)
        .and_then(|listener| listener.local_addr())
        .map_err(|source| BrokerError::Listen { address: listen, source })?;
    let failed = |source| BrokerError::Start { address: listen, source };
    let mut broker = Broker::new(config(listen, message_bytes_max));
    let run = move || {
        // Comes back only when the server has failed.
        if let Err(error) = broker.start() {
            tracing::error!(%error, "the embedded broker has ended");
        }
    };
    let running = thread::Builder::new().name("broker".into()).spawn(run).map_err(failed)?;
    let addr = SocketAddr::new(reachable(listen.ip()), listen.port());
    let deadline = Instant::now() + Duration::from_millis(EMBEDDED_START_MS_MAX);
    loop {
        let answer = TcpStream::connect(addr);
        if running.is_finished() {
            return Err(failed(io::Error::other("its server has ended; see the log")));
        }
        match answer {
            Ok(_) => return Ok(EmbeddedBroker { addr }),
            Err(source) if Instant::now() >= deadline => return Err(failed(source)),
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
        connection_timeout_ms: CONNECT_MS,
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
            max_connections: EMBEDDED_CLIENTS_MAX,
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
    use crate::limits::PACKET_BYTES_DEFAULT;

    fn loopback() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    #[test]
    fn it_takes_a_free_port_and_stays_on_loopback() {
        let broker = spawn(loopback(), PACKET_BYTES_DEFAULT).unwrap();
        assert!(broker.addr.ip().is_loopback());
        TcpStream::connect(broker.addr).unwrap();
    }

    #[test]
    fn a_taken_address_is_named() {
        let taken = TcpListener::bind(loopback()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = spawn(address, PACKET_BYTES_DEFAULT).unwrap_err();
        assert!(matches!(error, BrokerError::Listen { .. }));
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

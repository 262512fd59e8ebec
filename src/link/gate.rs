//! The embedded broker's door. It lets only such clients through to `rumqttd` as cannot kill it.
//!
//! `rumqttd` 0.20 keeps an entry for each client id and drops its reader when a connection fails
//! before its CONNACK is out, or has an id with one of `/ + # $`, or is one too many. The next
//! client with that id makes it panic under a lock that every later client needs, and the broker
//! accepts nobody any more. So the door reads CONNECT itself, refuses those clients in MQTT's own
//! words, and takes the CONNACK from the broker before it passes it on, whether or not the client
//! is still there. After that it only copies bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet, Protocol};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::wire::{self, WireError};
use crate::limits::{EMBEDDED_CLIENTS_MAX, EMBEDDED_CONNECT_BYTES_MAX, EMBEDDED_CONNECT_MS_MAX};

/// Characters that `rumqttd` does not allow in a client id.
const ID_CHARS_REFUSED: [char; 4] = ['/', '+', '#', '$'];
/// Length of a CONNACK (MQTT 3.1.1 §3.2).
const CONNACK_BYTES: usize = 4;
/// `rumqttd` closes the connection of a client without keep-alive; this is the longest, in seconds.
const KEEP_ALIVE_S_LONGEST: u16 = u16::MAX;
/// Wait after a failed accept, in milliseconds: out of file handles, most likely.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Why a client was not let through, or was lost at the door.
#[derive(Debug, Error)]
enum GateError {
    #[error("no CONNECT within {EMBEDDED_CONNECT_MS_MAX} ms")]
    Slow,
    #[error("the client sent no CONNECT")]
    NotConnect,
    #[error("CONNECT not understood: {0}")]
    Wire(#[source] rumqttc::Error),
    #[error(transparent)]
    Encode(#[from] WireError),
    #[error("refused: {0:?}")]
    Refused(ConnectReturnCode),
    #[error("the client was lost: {0}")]
    Client(#[source] io::Error),
    #[error("the broker was lost: {0}")]
    Broker(#[source] io::Error),
}

/// Accepts clients for ever and takes them to the broker at `inner`.
pub(super) async fn serve(listener: TcpListener, inner: SocketAddr) {
    let places = Arc::new(Semaphore::new(EMBEDDED_CLIENTS_MAX));
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                tracing::warn!(%error, "the embedded broker cannot accept a client");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            let place = places.try_acquire();
            if let Err(error) = attend(client, inner, place.is_ok()).await {
                tracing::debug!(%error, "a client of the embedded broker has left");
            }
        });
    }
}

async fn attend(mut client: TcpStream, inner: SocketAddr, room: bool) -> Result<(), GateError> {
    client.set_nodelay(true).map_err(GateError::Client)?;
    let mut read = BytesMut::new();
    let introduction = introduction(&mut client, &mut read);
    let bound = Duration::from_millis(EMBEDDED_CONNECT_MS_MAX);
    let mut connect = timeout(bound, introduction).await.map_err(|_| GateError::Slow)??;
    if let Some(code) = refusal(&connect, room) {
        let mut out = BytesMut::new();
        wire::encode(&Packet::ConnAck(ConnAck::new(code, false)), &mut out)?;
        client.write_all(&out).await.map_err(GateError::Client)?;
        return Err(GateError::Refused(code));
    }
    if connect.keep_alive == 0 {
        connect.keep_alive = KEEP_ALIVE_S_LONGEST;
    }
    let mut broker = TcpStream::connect(inner).await.map_err(GateError::Broker)?;
    let answer = announce(&mut broker, connect).await?;
    // What the client sent behind its CONNECT without waiting.
    broker.write_all(&read).await.map_err(GateError::Broker)?;
    client.write_all(&answer).await.map_err(GateError::Client)?;
    copy_bidirectional(&mut client, &mut broker).await.map(drop).map_err(GateError::Client)
}

async fn introduction(client: &mut TcpStream, read: &mut BytesMut) -> Result<Connect, GateError> {
    loop {
        match Packet::read(read, EMBEDDED_CONNECT_BYTES_MAX) {
            Ok(Packet::Connect(connect)) => return Ok(connect),
            Ok(_) => return Err(GateError::NotConnect),
            Err(rumqttc::Error::InsufficientBytes(_)) => {}
            Err(error) => return Err(GateError::Wire(error)),
        }
        if client.read_buf(read).await.map_err(GateError::Client)? == 0 {
            return Err(GateError::Client(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

fn refusal(connect: &Connect, room: bool) -> Option<ConnectReturnCode> {
    // [MQTT-3.1.3-8] a client without an id cannot ask for a session.
    let nameless = connect.client_id.is_empty() && !connect.clean_session;
    if connect.protocol != Protocol::V4 {
        Some(ConnectReturnCode::RefusedProtocolVersion)
    } else if nameless || connect.client_id.contains(ID_CHARS_REFUSED) {
        Some(ConnectReturnCode::BadClientId)
    } else if !room {
        Some(ConnectReturnCode::ServiceUnavailable)
    } else {
        None
    }
}

/// CONNECT to the broker, and its CONNACK.
async fn announce(
    broker: &mut TcpStream,
    connect: Connect,
) -> Result<[u8; CONNACK_BYTES], GateError> {
    let mut out = BytesMut::new();
    wire::encode(&Packet::Connect(connect), &mut out)?;
    let mut answer = [0; CONNACK_BYTES];
    let exchange = async {
        broker.set_nodelay(true)?;
        broker.write_all(&out).await?;
        broker.read_exact(&mut answer).await
    };
    exchange.await.map_err(GateError::Broker)?;
    Ok(answer)
}

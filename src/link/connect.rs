//! From a host name to an accepted MQTT connection: name, TCP, TLS, CONNECT, CONNACK.
//!
//! Files (password, certificates) are read at every attempt, so that one that was changed is used
//! without a restart. Nothing here waits longer than `CONNECT_MS_MAX`, and nothing tries again.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::{Connect, ConnectReturnCode, LastWill, Login, Packet, QoS};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, pem,
};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto::ring};

use super::client::{Endpoint, LinkConfig};
use super::wire::{self, Frame, FrameReader, WireError};
use crate::limits::{ADDRESSES_TRIED_MAX, CONNECT_MS_MAX, TCP_CONNECT_MS_MAX};

/// Why an attempt failed. All of them are tried again.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error("host {host:?} not found: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("host {host:?} has no address")]
    NoAddress { host: String },
    #[error("no connection to {address}: {source}")]
    Tcp { address: SocketAddr, source: io::Error },
    #[error("no answer from {host}:{port} within {} s", CONNECT_MS_MAX / 1000)]
    Timeout { host: String, port: u16 },
    #[error("{key}: cannot read {path}: {source}", path = path.display())]
    File { key: &'static str, path: PathBuf, source: io::Error },
    #[error("{key}: {path} is not PEM as expected: {source}", path = path.display())]
    Pem { key: &'static str, path: PathBuf, source: pem::Error },
    #[error("no usable certificate authority in {place}")]
    NoAuthority { place: String },
    #[error("crl_file: {path}: {source}", path = path.display())]
    Revoked { path: PathBuf, source: VerifierBuilderError },
    #[error("cert_file and key_file must be set together")]
    HalfIdentity,
    #[error("url: {host:?} is no name that a certificate can be checked against")]
    ServerName { host: String },
    #[error("TLS cannot be set up: {source}")]
    TlsSetup { source: rustls::Error },
    #[error("no TLS with {host}: {source}")]
    Tls { host: String, source: io::Error },
    #[error("the broker refused the connection: {reason}")]
    Refused { reason: &'static str },
    #[error("the broker closed the connection before it answered")]
    Closed,
    #[error("connection lost before the broker answered: {source}")]
    Io { source: io::Error },
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A connection, plain or with TLS.
pub(super) enum Stream {
    /// `mqtt`
    Plain(TcpStream),
    /// `mqtts`; boxed since its buffers are large.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(super) stream: Stream,
    /// Holds what the broker sent behind its CONNACK.
    pub(super) frames: FrameReader,
    pub(super) session_present: bool,
}

/// One attempt, within `CONNECT_MS_MAX`.
pub(super) async fn open(config: &LinkConfig) -> Result<Accepted, ConnectError> {
    let Endpoint { host, port, .. } = &config.endpoint;
    let attempt = async {
        let stream = reach(&config.endpoint).await?;
        introduce(config, stream).await
    };
    match timeout(Duration::from_millis(CONNECT_MS_MAX), attempt).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::Timeout { host: host.clone(), port: *port }),
    }
}

/// TCP, and TLS where it is asked for.
async fn reach(endpoint: &Endpoint) -> Result<Stream, ConnectError> {
    let host = &endpoint.host;
    if !endpoint.tls {
        return Ok(Stream::Plain(reach_tcp(host, endpoint.port).await?));
    }
    let name = ServerName::try_from(host.clone())
        .map_err(|_| ConnectError::ServerName { host: host.clone() })?;
    let files = endpoint.clone();
    // Reading and parsing some 150 certificates takes milliseconds; the agent shall not wait.
    let tls = tokio::task::spawn_blocking(move || tls_config(&files))
        .await
        .map_err(|source| ConnectError::Io { source: io::Error::other(source) })??;
    let tcp = reach_tcp(host, endpoint.port).await?;
    let connected = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await;
    let stream = connected.map_err(|source| ConnectError::Tls { host: host.clone(), source })?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// The first address of `host` that answers.
async fn reach_tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let addresses = lookup_host((host, port))
        .await
        .map_err(|source| ConnectError::Resolve { host: host.to_owned(), source })?;
    let mut last = ConnectError::NoAddress { host: host.to_owned() };
    for address in addresses.take(ADDRESSES_TRIED_MAX) {
        let attempt = TcpStream::connect(address);
        let result = timeout(Duration::from_millis(TCP_CONNECT_MS_MAX), attempt)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            // A dropped connection takes its unsent bytes with it. Otherwise the kernel goes on
            // trying for minutes, and a command that was reported lost arrives after all.
            .and_then(|stream| stream.set_zero_linger().map(|()| stream))
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        match result {
            Ok(stream) => return Ok(stream),
            Err(source) => last = ConnectError::Tcp { address, source },
        }
    }
    Err(last)
}

fn tls_config(endpoint: &Endpoint) -> Result<ClientConfig, ConnectError> {
    let mut authorities = RootCertStore::empty();
    let place = match &endpoint.ca_file {
        Some(path) => {
            authorities.add_parsable_certificates(certificates("ca_file", path)?);
            path.display().to_string()
        }
        None => {
            authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            "the system's store (ca_file names another)".to_owned()
        }
    };
    if authorities.is_empty() {
        return Err(ConnectError::NoAuthority { place });
    }
    // The provider is named, since a process-wide one may be missing or another library's.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|source| ConnectError::TlsSetup { source })?;
    let builder = match &endpoint.crl_file {
        None => builder.with_root_certificates(authorities),
        Some(path) => {
            // Of the broker's own certificate alone: for those above it a list is rarely given.
            let lists = revoked(path)?;
            let judge = WebPkiServerVerifier::builder_with_provider(authorities.into(), provider)
                .with_crls(lists)
                .only_check_end_entity_revocation();
            let failed = |source| ConnectError::Revoked { path: path.clone(), source };
            builder.with_webpki_verifier(judge.build().map_err(failed)?)
        }
    };
    match (&endpoint.cert_file, &endpoint.key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(certificates("cert_file", cert)?, private_key(key)?)
            .map_err(|source| ConnectError::TlsSetup { source }),
        _ => Err(ConnectError::HalfIdentity),
    }
}

fn certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let bytes = read_file(key, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match all {
        Ok(all) if all.is_empty() => {
            let source = pem::Error::NoItemsFound;
            Err(ConnectError::Pem { key, path: path.to_owned(), source })
        }
        Ok(all) => Ok(all),
        Err(source) => Err(ConnectError::Pem { key, path: path.to_owned(), source }),
    }
}

fn revoked(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, ConnectError> {
    let key = "crl_file";
    let bytes = read_file(key, path)?;
    let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    all.map_err(|source| ConnectError::Pem { key, path: path.to_owned(), source })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    let key = "key_file";
    PrivateKeyDer::from_pem_slice(&read_file(key, path)?).map_err(|source| ConnectError::Pem {
        key,
        path: path.to_owned(),
        source,
    })
}

fn read_file(key: &'static str, path: &Path) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|source| ConnectError::File { key, path: path.to_owned(), source })
}

/// CONNECT and CONNACK.
async fn introduce(config: &LinkConfig, mut stream: Stream) -> Result<Accepted, ConnectError> {
    let mut out = BytesMut::new();
    wire::encode(&Packet::Connect(connect_packet(config)?), &mut out)?;
    let sent = async {
        stream.write_all(&out).await?;
        stream.flush().await
    };
    sent.await.map_err(|source| ConnectError::Io { source })?;
    let mut frames = FrameReader::new(config.endpoint.max_packet_bytes);
    loop {
        match frames.next()? {
            Some(Frame::Other(Packet::ConnAck(answer))) => {
                return match answer.code {
                    ConnectReturnCode::Success => {
                        Ok(Accepted { stream, frames, session_present: answer.session_present })
                    }
                    code => Err(ConnectError::Refused { reason: refusal(code) }),
                };
            }
            Some(_) => Err(WireError::Unexpected { what: "something before CONNACK" })?,
            None => {}
        }
        let read = stream.read_buf(frames.buffer()).await;
        if read.map_err(|source| ConnectError::Io { source })? == 0 {
            return Err(ConnectError::Closed);
        }
    }
}

fn connect_packet(config: &LinkConfig) -> Result<Connect, ConnectError> {
    let Endpoint { username, password_file, .. } = &config.endpoint;
    let mut connect = Connect::new(&config.client_id);
    connect.clean_session = !config.is_lasting;
    connect.keep_alive = u16::try_from(config.keep_alive.as_secs()).unwrap_or(u16::MAX);
    connect.last_will = config.will.as_ref().map(|will| LastWill {
        topic: will.topic.clone(),
        message: Bytes::from(will.payload.clone()),
        qos: QoS::AtLeastOnce,
        retain: true,
    });
    let password = match password_file {
        Some(path) => crate::config::secret(path).map_err(|source| ConnectError::File {
            key: "password_file",
            path: path.clone(),
            source,
        })?,
        None => String::new(),
    };
    connect.login = username.clone().map(|username| Login { username, password });
    Ok(connect)
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "none",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => "it does not accept our client id",
        ConnectReturnCode::ServiceUnavailable => "it is not available at the moment",
        ConnectReturnCode::BadUserNamePassword => "wrong username or password",
        ConnectReturnCode::NotAuthorized => "not authorised; see username and its rights",
    }
}

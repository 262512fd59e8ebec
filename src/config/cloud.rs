//! Destinations of the journal's records, as they were checked. Values only.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::checked::Bus;
use crate::journal::Kind;

/// A destination of the journal's records.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Unique; the name of its cursor. Letters a-z, digits and `-`, 1 to 63 characters.
    pub name: String,
    /// What takes them.
    pub to: CloudTo,
    /// Only records of these kinds; empty: of all.
    pub kinds: Vec<Kind>,
    /// Only records that matter so much.
    pub priority: CloudPriority,
    /// Most records of one message or object.
    pub batch_records: u32,
    /// How long records gather for one.
    pub delay: Duration,
    /// Most bytes a day; `None`: no limit.
    pub budget_bytes: Option<u64>,
    /// Spans of the day in which batches go, as minutes of the board's own day, the second one not
    /// included; one that ends before it begins goes over midnight. Empty: always.
    pub hours: Vec<(u16, u16)>,
}

/// What takes records.
#[derive(Clone, Debug)]
pub enum CloudTo {
    /// An MQTT broker.
    Broker(CloudBroker),
    /// A store of objects: each batch is one.
    Objects(CloudObjects),
    /// An OpenTelemetry collector.
    Otlp(CloudOtlp),
}

impl CloudTo {
    /// The broker, where it is one.
    #[must_use]
    pub fn broker(&self) -> Option<&CloudBroker> {
        match self {
            CloudTo::Broker(broker) => Some(broker),
            CloudTo::Objects(_) | CloudTo::Otlp(_) => None,
        }
    }
}

/// A broker that takes records.
#[derive(Clone, Debug)]
pub struct CloudBroker {
    /// Where it is, never the embedded one, and who we are to it.
    pub bus: Bus,
    /// MQTT client id; `None`: made of the device's and the destination's name.
    pub client_id: Option<String>,
    /// How batches are written.
    pub format: CloudFormat,
    /// What moves the cursor.
    pub ack: CloudAck,
    /// Longest silence on the line.
    pub keep_alive: Duration,
    /// Its operators may command the board, and are told how it is.
    pub commands: bool,
    /// It hears that the board is there, and of alarms; nothing else.
    pub heartbeat: bool,
}

impl CloudBroker {
    /// It is told, retained, whether the board is there and how it is.
    #[must_use]
    pub fn is_told_status(&self) -> bool {
        self.commands || self.heartbeat
    }
}

/// A store of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudObjects {
    /// `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix` or `file:///folder`.
    pub url: Url,
    /// Of a store that is none of the provider's own, such as MinIO; `http` or `https`.
    pub endpoint: Option<Url>,
    /// Of S3.
    pub region: Option<String>,
    /// Access key id of S3, account of Azure.
    pub username: Option<String>,
    /// The secret that belongs to it.
    pub password_file: Option<PathBuf>,
    /// A service account of GCS, as JSON.
    pub key_file: Option<PathBuf>,
    /// Authorities that are believed beside the built-in ones, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// A collector that is spoken to by OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudOtlp {
    /// `http` or `https`; `v1/logs` and `v1/metrics` lie below it.
    pub url: Url,
    /// Basic authentication, with the secret.
    pub username: Option<String>,
    /// The secret; without a user a bearer token.
    pub password_file: Option<PathBuf>,
    /// Authorities that are believed beside the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Every record as a log record.
    pub logs: bool,
    /// Readings that are numbers as points of a gauge.
    pub metrics: bool,
}

/// How batches are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudFormat {
    /// The compact form of `docs/formats.md`.
    Postcard,
    /// One JSON object.
    Json,
}

/// What moves a destination's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudAck {
    /// The broker's PUBACK: it has the batch, which does not say that it keeps it.
    Broker,
    /// The receiver's word on `log-ack`.
    Receiver,
}

/// How much a record must matter to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudPriority {
    /// Everything.
    All,
    /// What is no reading and no count of faults.
    Matters,
    /// Events of severity alarm.
    Alarms,
}

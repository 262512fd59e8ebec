//! Batches to an OpenTelemetry collector by OTLP over HTTP, as protobuf: every record as a log
//! record, readings that are numbers as points of a gauge beside it. `docs/formats.md` has the
//! names.
//!
//! What an answer means is the specification's (OTLP/HTTP response): 429 and 503 say when to come
//! again, 400 that the batch is bad, and an accepted batch may have rejected records in it. What
//! must never be here: a secret in a message.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use reqwest::{Certificate, Client, Response, StatusCode, header};

use super::poster::{Depot, Parcel, Refusal, authorities, secret, wrong};
use crate::causes::chain;
use crate::clock::ClockTrust;
use crate::config::CloudOtlp;
use crate::domain::{Entry, Severity, Value};
use crate::journal::{Record, boot_hex, record_json};
use crate::limits::{
    UPLINK_ANSWER_BYTES_MAX, UPLINK_CONNECT_MS_MAX, UPLINK_REASON_CHARS_MAX, UPLINK_REQUEST_MS_MAX,
};

/// The kinds of requests, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Logs,
    Metrics,
}

/// A collector.
pub(super) struct Collector {
    to: CloudOtlp,
    /// With the secret. Made at the first request, and anew after each that was refused for who we
    /// are.
    client: Option<(Client, Option<String>)>,
}

impl Collector {
    pub(super) fn new(to: CloudOtlp) -> Collector {
        Collector { to, client: None }
    }

    fn client(&mut self) -> Result<(Client, Option<String>), Refusal> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .connect_timeout(Duration::from_millis(UPLINK_CONNECT_MS_MAX))
            .timeout(Duration::from_millis(UPLINK_REQUEST_MS_MAX))
            // A secret goes to the host of the configuration and to no other.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &self.to.ca_file {
            let found = Certificate::from_pem_bundle(&authorities(path)?);
            for certificate in found.map_err(|error| wrong("ca_file", error))? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let client = builder.build().map_err(|error| Refusal::Wrong(chain(&error)))?;
        let secret = self.to.password_file.as_deref().map(secret).transpose()?;
        Ok(self.client.insert((client, secret)).clone())
    }

    fn signals(&self) -> impl Iterator<Item = Signal> + use<> {
        let wanted = [(self.to.logs, Signal::Logs), (self.to.metrics, Signal::Metrics)];
        wanted.into_iter().filter_map(|(is, signal)| is.then_some(signal))
    }

    async fn ask(&mut self, signal: Signal, bytes: Vec<u8>) -> Result<(), Refusal> {
        let (client, secret) = self.client()?;
        let path = match signal {
            Signal::Logs => "v1/logs",
            Signal::Metrics => "v1/metrics",
        };
        let url = format!("{}/{path}", self.to.url.as_str().trim_end_matches('/'));
        let mut request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "gzip");
        request = match (&self.to.username, secret) {
            (Some(name), Some(secret)) => request.basic_auth(name, Some(secret)),
            (None, Some(secret)) => request.bearer_auth(secret),
            _ => request,
        };
        let line = |error: reqwest::Error| Refusal::Line(chain(&error.without_url()));
        let mut answer = request.body(bytes).send().await.map_err(line)?;
        let (status, wait) = (answer.status(), retry_after(&answer));
        let body = body(&mut answer).await.map_err(line)?;
        if status.is_success() {
            return rejected(signal, &body).map_or(Ok(()), |text| Err(Refusal::Batch(text)));
        }
        let text: String = String::from_utf8_lossy(&body)
            .chars()
            .filter(|c| !c.is_control())
            .take(UPLINK_REASON_CHARS_MAX)
            .collect();
        let text = format!("HTTP {status}: {text}");
        Err(match status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Refusal::Batch(text),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Refusal::Busy(text, wait)
            }
            _ if status.is_server_error() => Refusal::Busy(text, wait),
            _ => {
                // Somebody may mend the files that say who we are: they are read again.
                self.client = None;
                Refusal::Wrong(text)
            }
        })
    }
}

impl Depot for Collector {
    fn pack(&mut self, parcel: &Parcel, records: &[Record]) -> Vec<Vec<u8>> {
        let pack = |signal| match signal {
            Signal::Logs => logs(parcel, records).encode_to_vec(),
            Signal::Metrics => metrics(parcel, records).encode_to_vec(),
        };
        self.signals().map(|signal| gzip(&pack(signal))).collect()
    }

    async fn put(&mut self, _: &Parcel, requests: Vec<Vec<u8>>) -> Result<(), Refusal> {
        for (signal, bytes) in self.signals().zip(requests) {
            self.ask(signal, bytes).await?;
        }
        Ok(())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("a growing Vec takes every byte")
}

/// Seconds of the header; a date is as good as none.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of an answer: whoever answers more says nothing that matters here.
async fn body(answer: &mut Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < UPLINK_ANSWER_BYTES_MAX
        && let Some(part) = answer.chunk().await?
    {
        let room = UPLINK_ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
    }
    Ok(body)
}

/// What an accepted batch says of records that were rejected in it.
fn rejected(signal: Signal, body: &[u8]) -> Option<String> {
    let (count, message) = match signal {
        Signal::Logs => {
            let part = ExportLogsServiceResponse::decode(body).ok()?.partial_success?;
            (part.rejected_log_records, part.error_message)
        }
        Signal::Metrics => {
            let part = ExportMetricsServiceResponse::decode(body).ok()?.partial_success?;
            (part.rejected_data_points, part.error_message)
        }
    };
    (count > 0).then(|| format!("{count} rejected: {message}"))
}

fn logs(parcel: &Parcel, records: &[Record]) -> ExportLogsServiceRequest {
    let log_records = records.iter().map(|record| log(parcel, record)).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..Default::default() }];
    let resource = Some(resource(parcel));
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs }
}

fn log(parcel: &Parcel, record: &Record) -> LogRecord {
    let (severity, word) = match record.entry() {
        Ok(Entry::Event { severity: Severity::Alarm, .. }) => (SeverityNumber::Error, "ERROR"),
        Ok(Entry::Event { severity: Severity::Warning, .. }) => (SeverityNumber::Warn, "WARN"),
        _ => (SeverityNumber::Info, "INFO"),
    };
    let kind = record.kind.word();
    LogRecord {
        time_unix_nano: time(record),
        observed_time_unix_nano: nanos(record.unix_ms),
        severity_number: severity.into(),
        severity_text: word.into(),
        body: Some(text(record_json(record).to_string())),
        attributes: vec![
            attribute("outpost.kind", text(kind.into())),
            attribute("outpost.boot", text(boot_hex(record.boot))),
            attribute("outpost.seq", number(record.seq)),
            attribute("outpost.mono_ms", number(record.mono_ms)),
            attribute(
                "outpost.copy",
                AnyValue { value: Some(any_value::Value::BoolValue(parcel.ahead)) },
            ),
        ],
        event_name: format!("outpost.{kind}"),
        ..Default::default()
    }
}

/// One gauge over all sensors. The sequence is no attribute: each would be a series of its own.
fn metrics(parcel: &Parcel, records: &[Record]) -> ExportMetricsServiceRequest {
    let points = records.iter().filter(|record| time(record) > 0).filter_map(|record| {
        let Ok(Entry::Reading { sensor, value: Value::Number(value) }) = record.entry() else {
            return None;
        };
        Some(NumberDataPoint {
            attributes: vec![attribute("sensor", text(sensor))],
            time_unix_nano: time(record),
            value: Some(number_data_point::Value::AsDouble(value)),
            ..Default::default()
        })
    });
    let gauge = Gauge { data_points: points.collect() };
    let metric = Metric {
        name: "outpost.reading".into(),
        description: "What a sensor said, in the unit of its configuration.".into(),
        data: Some(metric::Data::Gauge(gauge)),
        ..Default::default()
    };
    let metrics = vec![metric];
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..Default::default() }];
    let resource = Some(resource(parcel));
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn resource(parcel: &Parcel) -> Resource {
    let attributes = vec![
        attribute("service.name", text("outpost".into())),
        attribute("service.instance.id", text(parcel.device.clone())),
        attribute("device.id", text(parcel.device.clone())),
    ];
    Resource { attributes, ..Default::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "outpost".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..Default::default()
    }
}

/// When a record was made; 0, which the format takes as unknown, where no clock could say.
fn time(record: &Record) -> u64 {
    if record.trust == ClockTrust::Unset { 0 } else { nanos(record.unix_ms) }
}

fn nanos(unix_ms: i64) -> u64 {
    u64::try_from(unix_ms).unwrap_or(0).saturating_mul(1_000_000)
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value) }
}

fn text(text: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text)) }
}

fn number(number: u64) -> AnyValue {
    AnyValue { value: Some(any_value::Value::IntValue(number.cast_signed())) }
}

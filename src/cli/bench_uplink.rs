//! `outpost bench uplink`: what the records of a journal cost on a line, beside one JSON message a
//! record. Nothing is sent; the messages are those that a destination would send.
//!
//! Counted is everything that MQTT puts on the line for a message: fixed header, topic, packet id,
//! payload, and the PUBACK. TCP, IP and TLS come on top of both, more for more messages.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::figures::{self, rounded};
use crate::journal::{Filter, Reader, Record, record_json};
use crate::limits::{UPLINK_BATCH_RECORDS_DEFAULT, UPLINK_DELAY_MS_DEFAULT};
use crate::link::topics::{DeviceName, DeviceTopic};
use crate::uplink::batch::{Head, Packer};

/// Measure what a journal's records cost on a line
#[derive(Clone, Debug, Args)]
pub struct BenchUplinkArgs {
    /// The journal's folder, such as of `outpost demo --journal`
    #[arg(long, value_name = "FOLDER")]
    path: PathBuf,
    /// How long records gather for a message, in milliseconds
    #[arg(long, default_value_t = UPLINK_DELAY_MS_DEFAULT)]
    delay_ms: u64,
    /// Most records of a message
    #[arg(long, default_value_t = UPLINK_BATCH_RECORDS_DEFAULT)]
    batch: u32,
    /// The device's name, which is part of each topic
    #[arg(long, default_value = "greenhouse-1")]
    device: DeviceName,
}

/// Bytes of a PUBACK (MQTT 3.1.1 §3.4).
const PUBACK_BYTES: u64 = 4;

/// Runs the benchmark.
///
/// # Errors
/// Where there is no journal, or it cannot be read.
pub fn run(args: &BenchUplinkArgs, json: bool) -> anyhow::Result<ExitCode> {
    let topic = DeviceTopic::Log.build(&args.device);
    let mut line =
        Line { topic, packer: Packer::default(), gathered: Vec::new(), sums: Sums::default() };
    let delay_ms = args.delay_ms;
    Reader::open(&args.path)?.each(0, &Filter::default(), |record| {
        let due = line.gathered.first().is_some_and(|first: &Record| {
            // Another start of the agent begins its monotonic time anew.
            record.boot != first.boot || record.mono_ms >= first.mono_ms.saturating_add(delay_ms)
        });
        if due || line.gathered.len() >= args.batch as usize {
            line.flush();
        }
        line.add(record);
        true
    })?;
    line.flush();
    let Sums { records, messages, bytes, json_bytes } = line.sums;
    if records == 0 {
        bail!("the journal has no records");
    }
    let round = |number| rounded(number, 3);
    let out = json!({
        "records": records,
        "delay_s": Duration::from_millis(delay_ms).as_secs_f64(),
        "messages": messages,
        "bytes": bytes,
        "bytes_per_record": round(bytes as f64 / records as f64),
        "json_bytes": json_bytes,
        "json_bytes_per_record": round(json_bytes as f64 / records as f64),
        "share_of_json": round(bytes as f64 / json_bytes as f64),
    });
    figures::print(&out, json);
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    records: u64,
    messages: u64,
    bytes: u64,
    json_bytes: u64,
}

struct Line {
    topic: String,
    packer: Packer,
    gathered: Vec<Record>,
    sums: Sums,
}

impl Line {
    fn add(&mut self, record: Record) {
        let json = record_json(&record).to_string();
        self.sums.records += 1;
        self.sums.json_bytes += self.message(json.len());
        self.gathered.push(record);
    }

    fn flush(&mut self) {
        let (Some(first), Some(last)) = (self.gathered.first(), self.gathered.last()) else {
            return;
        };
        let after = first.seq.saturating_sub(1);
        let head =
            Head { after, last: last.seq, boot: last.boot, cursor: after, ..Head::default() };
        let payload = self.packer.pack(&head, &self.gathered);
        self.sums.messages += 1;
        self.sums.bytes += self.message(payload.len());
        self.gathered.clear();
    }

    /// A PUBLISH of QoS 1 and its PUBACK.
    fn message(&self, payload: usize) -> u64 {
        let rest = payload + self.topic.len() + 4;
        // The remaining length has seven bits a byte.
        let length = match rest {
            0..128 => 1,
            128..16_384 => 2,
            _ => 3,
        };
        (1 + length + rest) as u64 + PUBACK_BYTES
    }
}

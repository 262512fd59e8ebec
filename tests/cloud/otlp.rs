//! OTLP into a real OpenTelemetry collector, which writes what it has taken into a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use outpost::domain::Severity;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::common::{eventually, free_port, wait_listening};
use crate::site::{Board, SOON};

const RECORDS: u64 = 20_000;

/// A collector; killed where it goes out of scope.
struct Collector {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Collector {
    fn start() -> Collector {
        let folder = tempfile::tempdir().unwrap();
        let mut collector = Collector { folder, port: free_port(), child: None };
        collector.run();
        collector
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out.json")
    }

    fn run(&mut self) {
        let program = std::env::var("OUTPOST_OTEL_COLLECTOR").expect("run by `make test-cloud`");
        let file = self.folder.path().join("collector.yaml");
        let text = format!(
            "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: 127.0.0.1:{}\n\
             exporters:\n  file:\n    path: {}\n    append: true\n\
             service:\n  telemetry:\n    metrics:\n      level: none\n  pipelines:\n    \
             logs:\n      receivers: [otlp]\n      exporters: [file]\n    \
             metrics:\n      receivers: [otlp]\n      exporters: [file]\n",
            self.port,
            self.out().display()
        );
        std::fs::write(&file, text).unwrap();
        let child = Command::new(program)
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_listening("the collector", self.child.insert(child), self.port);
    }

    /// As a service manager ends it: what it has taken is written.
    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            child.wait().unwrap();
        }
    }

    /// How often each sequence came as a log record, and how many points of metrics there are.
    fn counts(&self) -> (BTreeMap<u64, u32>, usize) {
        let text = std::fs::read_to_string(self.out()).unwrap_or_default();
        let (mut seqs, mut points) = (BTreeMap::new(), 0);
        // A line that is just being written is looked at the next time.
        for line in text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()) {
            for log in all(&line, &["resourceLogs", "scopeLogs", "logRecords"]) {
                let attributes = log["attributes"].as_array().unwrap();
                let seq = attributes.iter().find(|it| it["key"] == "outpost.seq").unwrap();
                let seq = seq["value"]["intValue"].as_str().unwrap().parse().unwrap();
                *seqs.entry(seq).or_default() += 1;
            }
            let metrics = all(&line, &["resourceMetrics", "scopeMetrics", "metrics"]);
            for metric in metrics {
                assert_eq!(metric["name"], "outpost.reading");
                points += metric["gauge"]["dataPoints"].as_array().map_or(0, Vec::len);
            }
        }
        (seqs, points)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The innermost of nested lists.
fn all<'j>(from: &'j Json, names: &[&str]) -> Vec<&'j Json> {
    let [name, rest @ ..] = names else { return vec![from] };
    let list = from[name].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().flat_map(|one| all(one, rest)).collect()
}

#[test]
fn a_collector_that_is_restarted_in_the_midst_has_every_record() {
    let mut collector = Collector::start();
    let url = format!("http://127.0.0.1:{}", collector.port);
    let mut board = Board::start_at(&url, "batch = 500\ndelay = \"0s\"");
    let event = board.event("it burns", Severity::Alarm);
    for _ in 0..RECORDS / 1000 {
        board.readings(1000);
        board.wait_stored();
    }
    eventually("a part of them", SOON, || {
        (collector.counts().0.len() as u64 >= RECORDS / 10).then_some(())
    });
    collector.stop();
    collector.run();
    let last = RECORDS + event;
    eventually("all of them", SOON * 3, || {
        let (seqs, points) = collector.counts();
        (seqs.len() as u64 >= last && points as u64 >= RECORDS).then_some(())
    });
    let (seqs, points) = collector.counts();
    assert!(seqs.keys().copied().eq(1..=last), "{} of {last}", seqs.len());
    let repeats: u32 = seqs.values().map(|count| count - 1).sum();
    let least = RECORDS as usize;
    assert!(repeats <= 1000, "at most the batches at the break come again: {repeats}");
    assert!((least..=least + 1000).contains(&points), "{points} points");
    println!("OTLP: {} records, {repeats} repeats, {points} points of readings", seqs.len());
}

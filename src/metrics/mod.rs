//! What is counted and measured, in the form that Prometheus reads: names, labels and help texts.
//!
//! - `agent`: what the agent knows and did; `host`: this process and the board, when asked
//! - [`JournalMeters`], [`DestinationMeters`], [`WebMeters`]: counted where it happens
//!
//! What is unknown has no sample: an old value is never shown as a new one. Labels are names of the
//! configuration and words of this program, never text of a device, so their number is bounded.
//! What must never be here: a lock that the agent waits for longer than a copy takes.

mod agent;
pub(crate) mod host;
#[cfg(test)]
mod tests;

use std::fmt::Error;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use agent::AgentMeters;
use host::Host;

use crate::config::Config;

/// Type of the page, by the OpenMetrics specification 1.0.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the journal's writer counts.
#[derive(Clone, Debug, Default)]
pub struct JournalMeters {
    /// Batches that are on disk.
    pub commits: Counter,
    /// Records in them.
    pub records: Counter,
    /// Commits that failed.
    pub failures: Counter,
    /// 1 while commits fail and records wait in memory.
    pub failing: Gauge,
    /// Records given up because memory was full while the disk failed.
    pub lost_by_memory: Counter,
    /// Readings not stored because the disk was nearly full.
    pub lost_by_reserve: Counter,
    /// Records given up for the quota, oldest first.
    pub lost_by_quota: Counter,
    /// Records given up for their age.
    pub lost_by_age: Counter,
}

/// What one destination of the uplink counts.
#[derive(Clone, Debug)]
pub struct DestinationMeters {
    /// Its name.
    pub name: String,
    /// 1 while there is a line.
    pub connected: Gauge,
    /// Records that it has not acknowledged.
    pub backlog: Gauge,
    /// Bytes of the journal's files that hold them.
    waiting: Gauge,
    /// When the oldest of them was made, milliseconds since 1970; 0: nothing waits, or unknown.
    oldest_unix_ms: Gauge,
    /// Everything up to this sequence is acknowledged.
    pub acknowledged: Gauge,
    /// When that last moved, or nothing was waiting.
    moved: Arc<Mutex<Instant>>,
    /// Batches handed to the line.
    pub batches: Counter,
    /// Bytes of them, headers of TCP and TLS not counted.
    pub bytes: Counter,
    /// Records that it refuses, kept apart.
    pub quarantined: Counter,
    /// 1 while the day's budget or the hours keep batches waiting.
    pub held: Gauge,
}

impl DestinationMeters {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(name: &str) -> DestinationMeters {
        DestinationMeters {
            name: name.to_owned(),
            connected: Gauge::default(),
            backlog: Gauge::default(),
            waiting: Gauge::default(),
            oldest_unix_ms: Gauge::default(),
            acknowledged: Gauge::default(),
            moved: Arc::new(Mutex::new(Instant::now())),
            batches: Counter::default(),
            bytes: Counter::default(),
            quarantined: Counter::default(),
            held: Gauge::default(),
        }
    }

    /// How far the destination is.
    pub fn at(&self, acknowledged: u64, backlog: u64) {
        let acknowledged = gauge(acknowledged);
        let before = self.acknowledged.set(acknowledged);
        self.backlog.set(gauge(backlog));
        if before != acknowledged || backlog == 0 {
            *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// What waits: bytes of the journal's files, and when the oldest record was made.
    pub fn waits(&self, waiting: Option<(u64, i64)>) {
        let (bytes, oldest_unix_ms) = waiting.unwrap_or_default();
        self.waiting.set(gauge(bytes));
        self.oldest_unix_ms.set(oldest_unix_ms);
    }

    /// Age of the oldest record that waits, by the wall clock.
    fn oldest_s(&self) -> f64 {
        let made = self.oldest_unix_ms.get();
        if self.backlog.get() == 0 || made == 0 {
            return 0.0;
        }
        let now = jiff::Timestamp::now().as_millisecond();
        now.saturating_sub(made).max(0) as f64 / 1e3
    }

    /// For how long something has waited and nothing was acknowledged.
    fn stalled_s(&self) -> f64 {
        let moved = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        if self.backlog.get() == 0 { 0.0 } else { moved.elapsed().as_secs_f64() }
    }
}

/// What the web server counts.
#[derive(Clone, Debug, Default)]
pub struct WebMeters {
    /// Requests answered with 2xx or 3xx.
    pub answered: Counter,
    /// Requests that were wrong, or not allowed: 4xx but 429.
    pub wrong: Counter,
    /// Requests turned away because too much waited: 429.
    pub busy: Counter,
    /// Requests that failed by our fault: 5xx.
    pub failed: Counter,
}

impl WebMeters {
    /// A request was answered with this status.
    pub fn note(&self, status: u16) {
        let counter = match status {
            429 => &self.busy,
            400..=499 => &self.wrong,
            500.. => &self.failed,
            _ => &self.answered,
        };
        counter.inc();
    }
}

/// Everything that is measured.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What the agent knows and did.
    pub agent: AgentMeters,
    /// What the web server counts.
    pub web: WebMeters,
}

/// What is measured beside the agent.
#[derive(Debug, Default)]
pub struct Sources {
    /// Of the journal, where there is one.
    pub journal: Option<JournalMeters>,
    /// Of the uplink's destinations.
    pub destinations: Vec<DestinationMeters>,
}

impl Metrics {
    /// Measures an agent with this configuration.
    #[must_use]
    pub fn new(config: &Arc<Config>, sources: Sources) -> Metrics {
        let mut registry = Registry::default();
        let agent = AgentMeters::new(config);
        let web = WebMeters::default();
        registry.register_collector(Box::new(agent.clone()));
        registry.register_collector(Box::new(Storage {
            journal: sources.journal,
            destinations: sources.destinations,
        }));
        registry.register_collector(Box::new(web.clone()));
        registry.register_collector(Box::new(Host::new(config)));
        Metrics { registry, agent, web }
    }

    /// The page. Reads some files of the kernel; may take some milliseconds.
    ///
    /// # Errors
    /// Where a family cannot be written, which is a mistake of ours.
    pub fn page(&self) -> Result<String, Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// A number as a gauge takes it.
fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Labels of a sample.
type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// Writes families.
struct Pen<'a>(DescriptorEncoder<'a>);

impl Pen<'_> {
    fn gauges<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a, N>, f64)>,
    ) -> Result<(), Error> {
        self.family(name, help, MetricType::Gauge, samples, |mut one, value| {
            one.encode_gauge(&value)
        })
    }

    fn counters<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a, N>, f64)>,
    ) -> Result<(), Error> {
        self.family(name, help, MetricType::Counter, samples, |mut one, value| {
            one.encode_counter(&value, None::<&Exemplar<[(&str, &str); 0], f64>>)
        })
    }

    /// A family; without a sample there is none.
    fn family<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels<'a, N>, f64)>,
        write: impl Fn(MetricEncoder<'_>, f64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            write(family.encode_family(&labels)?, value)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.gauges(name, help, [([], value)])
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.counters(name, help, [([], value)])
    }
}

fn number(counter: &Counter<u64, AtomicU64>) -> f64 {
    counter.get() as f64
}

/// Journal and uplink.
#[derive(Debug)]
struct Storage {
    journal: Option<JournalMeters>,
    destinations: Vec<DestinationMeters>,
}

impl Collector for Storage {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut pen = Pen(encoder);
        if let Some(journal) = &self.journal {
            let lost = [
                ([("reason", "memory")], number(&journal.lost_by_memory)),
                ([("reason", "reserve")], number(&journal.lost_by_reserve)),
                ([("reason", "quota")], number(&journal.lost_by_quota)),
                ([("reason", "age")], number(&journal.lost_by_age)),
            ];
            pen.counter("outpost_journal_commits", "Batches on disk.", number(&journal.commits))?;
            pen.counter("outpost_journal_records", "Records on disk.", number(&journal.records))?;
            pen.counter(
                "outpost_journal_failures",
                "Commits that failed.",
                number(&journal.failures),
            )?;
            let failing = journal.failing.get() as f64;
            pen.gauge("outpost_journal_failing", "1 while the disk refuses.", failing)?;
            pen.counters("outpost_journal_lost", "Records given up, by reason.", lost)?;
        }
        self.uplink(&mut pen)
    }
}

impl Storage {
    fn uplink(&self, pen: &mut Pen<'_>) -> Result<(), Error> {
        let each = |of: fn(&DestinationMeters) -> f64| {
            self.destinations.iter().map(move |one| ([("destination", one.name.as_str())], of(one)))
        };
        let name = "outpost_uplink_connected";
        pen.gauges(name, "1 while there is a line.", each(|one| one.connected.get() as f64))?;
        let name = "outpost_uplink_backlog_records";
        let help = "Records that the destination has not acknowledged.";
        pen.gauges(name, help, each(|one| one.backlog.get() as f64))?;
        let name = "outpost_uplink_backlog_bytes";
        let help = "Size of the journal's files that hold them.";
        pen.gauges(name, help, each(|one| one.waiting.get() as f64))?;
        let name = "outpost_uplink_oldest_seconds";
        let help = "Age of the oldest record that is not acknowledged.";
        pen.gauges(name, help, each(DestinationMeters::oldest_s))?;
        let name = "outpost_uplink_acknowledged_seq";
        let help = "Everything up to this sequence is acknowledged.";
        pen.gauges(name, help, each(|one| one.acknowledged.get() as f64))?;
        let name = "outpost_uplink_stalled_seconds";
        let help = "For how long records have waited and none was acknowledged.";
        pen.gauges(name, help, each(DestinationMeters::stalled_s))?;
        let name = "outpost_uplink_held";
        let help = "1 while the day's budget of bytes or the hours keep batches waiting.";
        pen.gauges(name, help, each(|one| one.held.get() as f64))?;
        let name = "outpost_uplink_batches";
        pen.counters(name, "Batches sent, repeats too.", each(|one| number(&one.batches)))?;
        let name = "outpost_uplink_bytes";
        pen.counters(name, "Bytes of them.", each(|one| number(&one.bytes)))?;
        let name = "outpost_uplink_quarantined_records";
        let help = "Records that the destination refuses.";
        pen.counters(name, help, each(|one| number(&one.quarantined)))
    }
}

impl Collector for WebMeters {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let samples = [
            ([("result", "answered")], number(&self.answered)),
            ([("result", "wrong")], number(&self.wrong)),
            ([("result", "busy")], number(&self.busy)),
            ([("result", "failed")], number(&self.failed)),
        ];
        Pen(encoder).counters("outpost_web_requests", "HTTP requests, by result.", samples)
    }
}

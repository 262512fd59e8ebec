//! `outpost bench bus`: how many readings a second the whole service takes, on one core of this
//! machine, over MQTT, with rules, goals and interlocks; what of them is lost, how late a rule is
//! meanwhile, and what a sensor costs in memory.
//!
//! The service is this very program as a child process, held to one core by the kernel. Broker and
//! sensors stand in this process, or the broker is one that is named. What must never be here: a
//! short cut past the bus.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;
use tokio::sync::watch;

use super::bench_apply::things;
use super::figures::{self, rounded};
use crate::limits;
use crate::link::broker;
use crate::link::topics::{DeviceName, DeviceTopic};
use crate::metrics::host;
use crate::plant::host_and_port;

/// Sensors of the smaller place, beside which the memory of a sensor is counted.
const FEW_SENSORS: u32 = 100;
/// The readings of this many milliseconds go out together: short beside what is waited for, long
/// beside a timer's own error.
const TICK_MS: u64 = 5;
/// Readings that the publisher may have ready before the broker has taken them.
const QUEUE: usize = 4096;
/// Until the service is online: a loaded machine's start.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long without another reading in the service's figures, and the rest is lost. They are copied
/// with an event, once a second, and with nothing to do the next event is five seconds off; a
/// loaded disk holds the service up for as long.
const NO_NEWS: Duration = Duration::from_secs(15);
/// The rule that is timed is told of something new this often: a rule whose condition flickers
/// sends no more than four messages in ten seconds.
const RULE_EVERY: Duration = Duration::from_secs(3);
/// Readings a second at which no sensor is late and nothing is measured.
const CALM_PER_S: u32 = 1000;

/// Measure the service with many readings
#[derive(Clone, Debug, Args)]
pub struct BenchBusArgs {
    /// Sensors of the place
    #[arg(long, default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(200..=10_000))]
    sensors: u32,
    /// Readings a second, all sensors together
    #[arg(long, default_value_t = 12_000,
        value_parser = clap::value_parser!(u32).range(100..=200_000))]
    rate: u32,
    /// Seconds of it
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=3600))]
    seconds: u32,
    /// Broker to use, as mqtt://host:port [default: the embedded one, in this process]
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
}

/// Runs the benchmark; failure where a reading was lost.
///
/// # Errors
/// Where the broker cannot be reached, or the service does not start.
pub fn run(args: &BenchBusArgs, json: bool) -> anyhow::Result<ExitCode> {
    let broker = match &args.broker {
        Some(url) => host_and_port(url)?,
        None => {
            let most = limits::PACKET_BYTES_DEFAULT;
            let addr = broker::spawn(([127, 0, 0, 1], 0).into(), most)?.addr;
            (addr.ip().to_string(), addr.port())
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let few = runtime.block_on(measure(args, FEW_SENSORS, &broker))?;
    let many = runtime.block_on(measure(args, args.sensors, &broker))?;
    let round = |number| rounded(number, 2);
    let more = f64::from(args.sensors - FEW_SENSORS);
    let kb = (many.anonymous_kb - few.anonymous_kb) / more;
    let mut rule_ms = many.rule_ms;
    rule_ms.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (rule_ms.len() as f64 * share) as usize;
        rule_ms.get(place.min(rule_ms.len().saturating_sub(1))).copied().map(round)
    };
    let lost = many.sent - many.used.min(many.sent);
    let line = json!({
        "sensors": args.sensors, "rate": args.rate, "broker": args.broker, "cores": 1,
        "sent": many.sent, "used": many.used, "lost": lost,
        "behind_s": round(many.behind.as_secs_f64()),
        "readings_per_s": (many.used as f64 / many.took.as_secs_f64()).round(),
        "share_of_the_core": round(many.busy.as_secs_f64() / many.took.as_secs_f64()),
        "rule_ms": {"times": rule_ms.len(), "median": at(0.5), "p90": at(0.9), "slowest": at(1.0)},
        "anonymous_kb": many.anonymous_kb, "kb_per_sensor": round(kb),
    });
    figures::print(&line, json);
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of one run.
struct Measured {
    sent: u64,
    used: u64,
    /// From the first reading to the last.
    took: Duration,
    /// From the last reading until all were used, with the age of the service's figures.
    behind: Duration,
    /// The service's time on its core meanwhile.
    busy: Duration,
    anonymous_kb: f64,
    /// From a reading until the rule's command was on the bus.
    rule_ms: Vec<f64>,
}

async fn measure(
    args: &BenchBusArgs,
    sensors: u32,
    broker: &(String, u16),
) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir()?;
    let web = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let config = folder.path().join("bench.toml");
    // A name of its own: what a broker kept for an earlier run of a name comes as one burst, of
    // which the service uses only the newest of each topic.
    let name = format!("bench-{}-{sensors}", std::process::id()).parse()?;
    crate::disk::replace(&config, place(&name, sensors, broker, web, folder.path()).as_bytes())?;
    let mut bus = Bus::connect(&name, broker);
    let service = Service::start(&config, web)?;
    bus.until("the service is online", |heard| heard.online).await?;
    let measured = flood(args, sensors, &mut bus, &service).await;
    // Its devices answer until it has handed over.
    tokio::task::spawn_blocking(move || drop(service)).await?;
    bus.pump.abort();
    measured
}

/// All sensors say something `rate` times a second together; one of them tells a rule now and then.
async fn flood(
    args: &BenchBusArgs,
    sensors: u32,
    bus: &mut Bus,
    service: &Service,
) -> anyhow::Result<Measured> {
    // Each sensor is known and has had its first decision before anything is timed.
    for sensor in 0..sensors {
        bus.reading(sensor, 20.0).await?;
        if sensor % CALM_PER_S == CALM_PER_S - 1 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let before = service.used_from(u64::from(sensors)).await?;
    anyhow::ensure!(before >= u64::from(sensors), "{before} of the first {sensors} readings used");
    let (busy_before, began) = (service.busy()?, Instant::now());
    let (mut sent, mut next, mut on) = (0_u64, 0_u32, false);
    let (mut asked, mut rule_ms) = (Instant::now(), Vec::new());
    let mut waits = false;
    let mut ticks = tokio::time::interval(Duration::from_millis(TICK_MS));
    let all = u64::from(args.rate) * u64::from(args.seconds);
    while sent < all {
        ticks.tick().await;
        let due = (began.elapsed().as_secs_f64() * f64::from(args.rate)) as u64;
        while sent < due.min(all) {
            // The rule's own sensor is not one of the crowd; the others drift, as sensors do.
            next = (next + 1) % sensors;
            let wave = (sent as f64 / f64::from(sensors) / 40.0 + f64::from(next)).sin();
            let value = if next == 0 { told(on) } else { 20.0 + 2.0 * wave };
            bus.reading(next, value).await?;
            sent += 1;
        }
        let heard = *bus.heard.borrow();
        if waits && heard.on == on {
            rule_ms.push((heard.at - asked).as_secs_f64() * 1e3);
            waits = false;
        }
        if !waits && asked.elapsed() >= RULE_EVERY {
            (on, asked, waits) = (!on, Instant::now(), true);
            bus.reading(0, told(on)).await?;
            sent += 1;
        }
    }
    let took = began.elapsed();
    let busy = service.busy()?.saturating_sub(busy_before);
    // What has not been used by now is behind, or not in the figures yet.
    let used = service.used_from(before + sent).await? - before;
    let behind = began.elapsed().saturating_sub(took);
    let anonymous_kb = service.anonymous_kb()?;
    Ok(Measured { sent, used, took, behind, busy, anonymous_kb, rule_ms })
}

/// What the sensor of the timed rule says: it switches on above 60.
const fn told(on: bool) -> f64 {
    if on { 70.0 } else { 20.0 }
}

/// The things of `outpost bench apply` with two rules for each device, one of which is timed.
fn place(
    name: &DeviceName,
    sensors: u32,
    (host, port): &(String, u16),
    web: u16,
    folder: &Path,
) -> String {
    let folder = folder.display();
    let head = format!(
        "[device]\nname = \"{name}\"\n[bus]\nurl = \"mqtt://{host}:{port}\"\n\
         [web]\nlisten = \"127.0.0.1:{web}\"\n[journal]\npath = \"{folder}\"\n"
    );
    let rules = |n| {
        format!(
            "[[rule]]\nname = \"on {n}\"\nwhen = \"s{n} > 60\"\nset = {{ a{n} = \"on\" }}\n\
             [[rule]]\nname = \"off {n}\"\nwhen = \"s{n} < 40\"\nset = {{ a{n} = \"off\" }}\n"
        )
    };
    head + &things("bench", sensors as usize, 75, rules)
}

/// What was heard on the bus.
#[derive(Clone, Copy)]
struct Heard {
    online: bool,
    /// The device of the timed rule, as it was last commanded, and when.
    on: bool,
    at: Instant,
}

/// Sensors and devices on the bus.
struct Bus {
    client: AsyncClient,
    heard: watch::Receiver<Heard>,
    pump: tokio::task::JoinHandle<()>,
}

impl Bus {
    fn connect(name: &DeviceName, (host, port): &(String, u16)) -> Self {
        let client_id = format!("outpost-bench-{}", std::process::id());
        let options = MqttOptions::new(client_id, host, *port);
        let (client, mut events) = AsyncClient::new(options, QUEUE);
        let (tell, heard) = watch::channel(Heard { online: false, on: false, at: Instant::now() });
        let own = client.clone();
        let status = DeviceTopic::Status.build(name);
        let pump = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        for topic in ["bench/+/set".to_owned(), status.clone()] {
                            // A full queue of a client that has just begun cannot be.
                            let _gone = own.try_subscribe(topic, QoS::AtMostOnce);
                        }
                    }
                    Ok(Event::Incoming(Incoming::Publish(message))) => {
                        let on = message.payload.eq_ignore_ascii_case(b"on");
                        if message.topic == "bench/a0/set" {
                            tell.send_modify(|heard| (heard.on, heard.at) = (on, Instant::now()));
                        } else if !message.topic.ends_with("/set") {
                            let online =
                                message.payload.windows(8).any(|part| part == b"\"online\"");
                            tell.send_modify(|heard| heard.online = online);
                        }
                        if let Some(device) = message.topic.strip_suffix("/set") {
                            let _full =
                                own.try_publish(device, QoS::AtMostOnce, false, message.payload);
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the benchmark's connection to the broker");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Self { client, heard, pump }
    }

    async fn reading(&self, sensor: u32, value: f64) -> anyhow::Result<()> {
        let topic = format!("bench/s{sensor}");
        let payload = format!("{value:.2}");
        self.client.publish(topic, QoS::AtMostOnce, false, payload).await.context("the broker")
    }

    async fn until(&mut self, what: &str, is: impl Fn(&Heard) -> bool) -> anyhow::Result<()> {
        let heard = tokio::time::timeout(PATIENCE, self.heard.wait_for(is)).await;
        heard.with_context(|| format!("waited {PATIENCE:?} until {what}"))??;
        Ok(())
    }
}

/// The service, a child process that has one core.
struct Service {
    process: Child,
    web: u16,
}

impl Service {
    fn start(config: &Path, web: u16) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the path of this program")?;
        // A child has its parent's cores: this thread has one of them for a moment.
        let mine = sched_getaffinity(None).context("this process's cores")?;
        let last = (0..CpuSet::MAX_CPU).rev().find(|core| mine.is_set(*core));
        let mut one = CpuSet::new();
        one.set(last.context("a process without a core")?);
        sched_setaffinity(None, &one).context("one core for the service")?;
        let started = Command::new(program)
            .args(["run", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        sched_setaffinity(None, &mine).context("all cores again")?;
        Ok(Self { process: started.context("the service")?, web })
    }

    /// Readings that were used, when they are as many as these or no more come.
    async fn used_from(&self, wanted: u64) -> anyhow::Result<u64> {
        let url = format!("http://127.0.0.1:{}/metrics", self.web);
        let (mut used, mut news) = (0, Instant::now());
        loop {
            let asked = url.clone();
            let page = tokio::task::spawn_blocking(move || -> anyhow::Result<String> {
                Ok(ureq::get(&asked).call()?.body_mut().read_to_string()?)
            });
            let page = page.await?.context("the service's figures")?;
            let line = page.lines().find_map(|line| line.strip_prefix("outpost_readings_total "));
            let now = line.and_then(|number| number.trim().parse::<f64>().ok());
            let now = now.context("no outpost_readings_total among the service's figures")? as u64;
            if now > used {
                (used, news) = (now, Instant::now());
            }
            if used >= wanted || news.elapsed() > NO_NEWS {
                return Ok(used);
            }
            tokio::time::sleep(Duration::from_millis(TICK_MS)).await;
        }
    }

    /// Time on its core.
    fn busy(&self) -> anyhow::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let seconds = host::cpu_seconds(&text).context("no times in /proc/<pid>/stat")?;
        Ok(Duration::from_secs_f64(seconds))
    }

    fn anonymous_kb(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        host::after_key(&text, "RssAnon:").context("no RssAnon in /proc/<pid>/status")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if let Err(error) = self.process.wait() {
            tracing::debug!(%error, "the service's end");
        }
    }
}

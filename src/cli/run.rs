//! `outpost run`: the service. Arguments, configuration, broker, signals; the agent runs in
//! `runtime`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use tokio::sync::oneshot;

use super::stop_signal;
use crate::agent::{Agent, Effect, Report};
use crate::board::{self, Root};
use crate::clock::{Clock, Now, RealClock};
use crate::config::{self, Broker, Config, LoadError, Strictness};
use crate::discover;
use crate::domain::Severity;
use crate::homeassistant;
use crate::identity;
use crate::journal::{self, Journal};
use crate::limits;
use crate::link::topics::DeviceName;
use crate::link::{Endpoint, broker};
use crate::live::{self, Live, Viewer, Window};
use crate::metrics::{Metrics, Sources};
use crate::mind::ggml;
use crate::output::{self, Output};
use crate::runtime::{self, Memory, Observer, Service};
use crate::update::rollout::Board;
use crate::update::{self, Keeper, Launched};
use crate::web::{Inside, Web};

/// Arguments of `outpost run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Configuration file
    #[arg(long, default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
}

/// Runs the agent until SIGTERM or Ctrl-C, then hands over to `safe`.
///
/// # Errors
/// Where the journal belongs to another agent, or the embedded broker cannot listen.
pub fn run(args: &RunArgs, json: bool) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let launched = Launched::of_environment();
    let mut config = match load(&args.config) {
        Ok(Ok(config)) => config,
        Ok(Err(code)) => {
            return Ok(refused(launched.as_ref()).unwrap_or_else(|| {
                if launched.is_some() {
                    // Whoever supervises the launcher starts it at once, and finds the same again.
                    std::thread::sleep(Duration::from_millis(limits::CONFIG_PAUSE_MS));
                }
                code
            }));
        }
        Err(error) => return refused(launched.as_ref()).ok_or(error),
    };
    if let Some(mind) = &mut config.mind {
        runtime::choose(mind, &config.journal.path);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let by_launcher = launched.is_some();
    let again = runtime.block_on(serve(Arc::new(config), launched.map(|it| (it, began)), json))?;
    // Every task and thread of ours has ended with it.
    drop(runtime);
    // Which release runs next is the launcher's to say, and a supervisor starts that at any end.
    if again && !by_launcher { Err(start_again()) } else { Ok(ExitCode::SUCCESS) }
}

/// Puts the program as it lies on the disk now into this process's place: whoever started us, a
/// service manager or nobody, has the same process with the same arguments. Comes back only with
/// the reason why it could not; then the exit code says so to who starts us.
fn start_again() -> anyhow::Error {
    use std::os::unix::process::CommandExt;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return anyhow::Error::from(error).context("restart: where the program is"),
    };
    // What Linux says of a file that a package has replaced meanwhile.
    let name = program.to_string_lossy();
    output::settle_log();
    let program = name.strip_suffix(" (deleted)").map_or(program.clone(), PathBuf::from);
    let error = std::process::Command::new(&program).args(std::env::args_os().skip(1)).exec();
    anyhow::Error::from(error).context(format!("restart of {}", program.display()))
}

/// A release on trial that does not take the configuration is undone, and the code is one after
/// which the service manager starts the launcher again.
fn refused(launched: Option<&Launched>) -> Option<ExitCode> {
    let undone = launched?.refuse("it does not accept this board's configuration");
    undone.then_some(ExitCode::FAILURE)
}

/// The configuration, or the exit code where it is wrong; faults and warnings are printed.
///
/// # Errors
/// Where the file cannot be read.
pub fn load(path: &std::path::Path) -> anyhow::Result<Result<Config, ExitCode>> {
    match config::load(path, Strictness::Run) {
        Ok((config, warnings)) => {
            // To read a file takes some 4 KB a sensor for a moment, twice what stays.
            ggml::give_back();
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            Ok(Ok(config))
        }
        Err(LoadError::Faults(faults)) => {
            eprintln!("{faults}");
            Ok(Err(ExitCode::from(2)))
        }
        Err(error) => {
            eprintln!("{:#}", anyhow::Error::from(error));
            Ok(Err(ExitCode::from(2)))
        }
    }
}

/// The journal's folder by a configuration file, or by the default one.
///
/// # Errors
/// Where the configuration cannot be read or is wrong.
pub fn journal_path(file: Option<&std::path::Path>) -> anyhow::Result<PathBuf> {
    let file = file.unwrap_or(std::path::Path::new(config::DEFAULT_PATH));
    let (config, _) = config::load(file, Strictness::Run)?;
    Ok(config.journal.path)
}

/// True where an operator wants the program to start again.
async fn serve(
    config: Arc<Config>,
    launched: Option<(Launched, Instant)>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut endpoint = Endpoint::of(&config.bus);
    if let Broker::Embedded { listen } = config.bus.broker {
        let broker = broker::spawn(listen, config.bus.max_packet_bytes)?;
        (endpoint.host, endpoint.port) = (broker.addr.ip().to_string(), broker.addr.port());
        tracing::info!(address = %broker.addr, "embedded broker, for trying out");
    }
    let mut memory = Memory::open(&config)?;
    let clock = Clock::Real(Arc::new(RealClock::new(memory.restored.floor_unix_ms)));
    let program = std::env::current_exe().context("the path of this program")?;
    let mind = runtime::mind(&config, &program, None);
    tracing::info!(
        device = config.device.name,
        mode = config.mode.word(),
        sensors = config.sensors.len(),
        actuators = config.actuators.len(),
        "outpost {} runs",
        env!("CARGO_PKG_VERSION")
    );
    let plan = config.update.clone();
    let device = &config.device;
    let (name, labels) = (device.name.clone(), device.labels.clone());
    let who = Board { name, labels, timezone: device.timezone.clone() };
    let keeper = launched.map(|(launched, began)| Keeper::new(launched, plan, who, began));
    let keeper = keeper.map(update::spawn).transpose();
    let (board, journal) = (config.device.board, config.journal.path.clone());
    let uplink = runtime::uplink(&config, &mut memory, &clock);
    let sources = Sources {
        journal: memory.journal.as_ref().map(Journal::meters),
        destinations: uplink.as_ref().map(|(uplink, _)| uplink.meters()).unwrap_or_default(),
    };
    let metrics = Arc::new(Metrics::new(&config, sources));
    let own = mind.as_ref().ok().and_then(Option::as_ref).map(|mind| mind.handle.clone());
    let models = own.map(|own| runtime::registry(&config, &program, own));
    let bus = endpoint.clone();
    let mut parts = runtime::parts(config.clone(), clock, endpoint, memory, mind);
    let (live, viewer, asked) = live::open(&config, parts.boot);
    parts.page = Some(asked);
    let (stop_api, api_stops) = oneshot::channel::<()>();
    let window = look_in(&config, &viewer);
    companions(&config, &bus, &viewer, &mut parts)?;
    let inside = Inside {
        mind: models.map(|models| {
            models.unwrap_or_else(|(own, error)| {
                parts.notices.push(("mind".into(), error, Severity::Alarm));
                own
            })
        }),
        metrics: Arc::clone(&metrics),
        live: Some(viewer),
        journal: config.journal.path.clone(),
        bus,
    };
    parts.notices.extend(serve_api(&config, inside, api_stops).await);
    parts.uplink = uplink;
    parts.update = keeper.context("a thread for updates")?;
    parts.board = Some(board::watch(Root::of_environment(), board, journal));
    parts.service = Service::of_environment();
    let lines = json.then(Output::standard).transpose().context("standard output")?;
    let mut printer = Printer { lines, metrics, live };
    let agent = runtime::run(parts, stop_signal(), &mut printer).await?;
    printer.lines.iter().for_each(Output::settle);
    drop((stop_api, window));
    Ok(agent.wants_restart())
}

/// What has lines of its own beside the agent: Outpost in Home Assistant, where it is wanted there,
/// the watch over accepted devices, and certificates that renew themselves.
fn companions(
    config: &Arc<Config>,
    endpoint: &Endpoint,
    viewer: &Viewer,
    parts: &mut runtime::Parts,
) -> anyhow::Result<()> {
    let device: DeviceName = config.device.name.parse().context("[device] name")?;
    if let Some(wanted) = &config.homeassistant {
        let announced = homeassistant::announce(wanted, device.clone(), endpoint.clone(), viewer);
        announced.context("[homeassistant]")?;
    }
    let devices = discover::watch(config, &device, endpoint.clone(), viewer.devices.clone());
    parts.devices = devices.context("announced")?;
    parts.notices.extend(identity::renewal::watch(config, &device));
    Ok(())
}

/// Where `outpost top` looks in. Without it everything else goes on.
fn look_in(config: &Config, viewer: &Viewer) -> Option<Window> {
    let folder = &config.journal.path;
    match live::open_window(folder, viewer) {
        Ok(window) => Some(window),
        Err(error) => {
            let path = live::window_path(folder);
            tracing::warn!(%error, path = %path.display(), "outpost top cannot look in");
            None
        }
    }
}

/// Starts the API, where there is to be one, until `stops` hears that its sender is gone. Gives
/// what a person must know where it cannot be had.
async fn serve_api(
    config: &Config,
    inside: Inside,
    stops: oneshot::Receiver<()>,
) -> Option<(String, String, Severity)> {
    let web = config.web.as_ref()?;
    match Web::listen(web, inside).await {
        Ok(api) => {
            let address = api.address().map(|address| address.to_string());
            tracing::info!(address, "page and API listen");
            tokio::spawn(api.serve(async { drop(stops.await) }));
            None
        }
        Err(error) => Some(("web".into(), error.to_string(), Severity::Alarm)),
    }
}

/// Counts; with `--json` also a line for each event and decision on standard output.
struct Printer {
    lines: Option<Output>,
    metrics: Arc<Metrics>,
    live: Live,
}

impl Observer for Printer {
    fn updated(&mut self, report: &serde_json::Value) {
        self.live.updated(report);
    }

    fn applied(&mut self, agent: &Agent, now: Now, effects: &[Effect]) {
        self.metrics.agent.applied(agent, now, effects);
        self.live.applied(agent, now, effects);
        let Some(lines) = &self.lines else { return };
        let at = journal::rfc3339(now.unix_ms);
        for effect in effects {
            let Effect::Report { report, .. } = effect else { continue };
            match report {
                Report::Event { kind, text, severity } => {
                    let severity = severity.word();
                    let line = serde_json::json!({"event": kind, "text": text,
                        "severity": severity, "at": at});
                    lines.say(format!("{line}\n").into_bytes());
                }
                Report::Decision { decision, .. } => {
                    let chosen = &decision.candidates[decision.chosen].text;
                    let line = serde_json::json!({"decision": decision.id, "by": decision.by.word(),
                        "cause": decision.cause, "chosen": chosen, "at": at});
                    lines.say(format!("{line}\n").into_bytes());
                }
                _ => {}
            }
        }
    }
}

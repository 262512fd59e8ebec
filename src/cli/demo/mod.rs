//! `outpost demo`: embedded broker, simulated greenhouse, agent and real model in one process
//! tree, on one virtual clock. It puts them together and shows them; it helps none of them.

mod watch;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::{Notify, oneshot};

use super::stop_signal;
use super::summary::{Commands, Summary};
use super::view::View;
use crate::agent::{Agent, Inbox, MindWord};
use crate::board::{self, Root};
use crate::clock::{Clock, VirtualClock};
use crate::config::{self, Config, Strictness};
use crate::link::{Endpoint, broker};
use crate::live;
use crate::metrics::{Metrics, Sources};
use crate::mind::catalog::Store;
use crate::mind::client::MindHandle;
use crate::mind::registry::Registry;
use crate::output::Output;
use crate::plant::{Greenhouse, Place, all_safe_share, greenhouse_config};
use crate::runtime::{self, Memory, PlaceOnBus};
use crate::web::{Inside, Web};
use watch::{Shared, Watch};

/// Arguments of `outpost demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// No live view: a progress bar and the summary
    #[arg(long)]
    headless: bool,
    /// Hours of the place
    #[arg(long, default_value_t = 24.0, value_parser = super::plant::hours)]
    hours: f64,
    /// Seconds of the place in a real second, at most
    #[arg(long, default_value_t = 600.0, value_parser = super::plant::speed)]
    speed: f64,
    /// Another seed is another day: season, weather, noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the journal in this folder [default: a temporary one, removed at the end]
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Run without the language model
    #[arg(long)]
    no_mind: bool,
    /// Where the page is; where that is taken, at another port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    web: SocketAddr,
}

/// Runs the demo and prints its summary.
///
/// # Errors
/// Where the broker cannot listen, the journal's folder is in use, or the terminal refuses.
pub fn run(args: &DemoArgs, json: bool) -> anyhow::Result<ExitCode> {
    // A temporary one is removed at the end, when every task has ended with its runtime.
    let own = tempfile::tempdir().context("a temporary folder for the journal")?;
    let folder = args.journal.as_deref().unwrap_or(own.path());
    crate::disk::folder(folder)?;
    let auto = board::recognise(&Root::of_environment()).profile;
    let text = greenhouse_config();
    let mut config = config::from_text_on(text, "the demo's own", &[], Strictness::Check, auto)
        .context("the demo's own configuration")?
        .0;
    config.journal.path = folder.to_owned();
    if args.no_mind {
        config.mind = None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let live = !args.headless && !json;
    // A reader that stands still must not stop the place.
    let lines = json.then(Output::standard).transpose().context("standard output")?;
    let summary = runtime.block_on(play(args, Arc::new(config), live, lines.clone()))?;
    // Every task has ended with its runtime before the folder goes.
    drop(runtime);
    match lines {
        Some(lines) => {
            // Where nobody was slow nothing is in its way.
            lines.settle();
            lines.say(format!("{}\n", serde_json::to_string(&summary)?).into_bytes());
            lines.settle();
        }
        None => println!("{summary}"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn play(
    args: &DemoArgs,
    config: Arc<Config>,
    live: bool,
    lines: Option<Output>,
) -> anyhow::Result<Summary> {
    let mut place = Greenhouse::new(args.seed);
    let virtual_clock = VirtualClock::new(place.start_unix_ms(), args.speed);
    let clock = Clock::Virtual(virtual_clock.clone());
    let broker = broker::spawn(([127, 0, 0, 1], 0).into(), config.bus.max_packet_bytes)?;
    let endpoint = Endpoint::at(broker.addr);
    let bus_of_page = endpoint.clone();
    let program = std::env::current_exe().context("the path of this program")?;
    let memory = Memory::open(&config)?;
    let mind = runtime::mind(&config, &program, token_cost(&config));
    let heard = Inbox::new(config.clone()).topics().cloned().collect();
    let mut bus = PlaceOnBus::new(&place, clock.clone(), endpoint.clone(), heard)?;
    let mind_handle = mind.as_ref().ok().and_then(Option::as_ref).map(|mind| mind.handle.clone());
    let mut parts = runtime::parts(config.clone(), clock.clone(), endpoint, memory, mind);
    let (page, viewer, asked) = live::open(&config, parts.boot);
    parts.page = Some(asked);
    // For `outpost top --path`; the demo goes on without it.
    let _window = live::open_window(&config.journal.path, &viewer).ok();
    let (_page_lives, page_ends) = oneshot::channel::<()>();
    let address = open_page(args.web, &config, (mind_handle, bus_of_page), viewer, page_ends).await;
    if let Some(address) = address.filter(|_| !live) {
        eprintln!("page: http://{address}/");
    }

    let begin = Rc::new(Notify::new());
    let shared = Rc::new(RefCell::new(Shared::default()));
    let safe = all_safe_share(args.seed, args.hours);
    start_snapshot(&shared, args, &config, safe);
    shared.borrow_mut().snapshot.page = address;
    let mut watch = Watch::new(config.clone(), shared.clone(), begin.clone(), lines, page);
    let (tell_over, over) = oneshot::channel::<()>();
    let (tell_quit, quit) = oneshot::channel::<()>();
    let began = Instant::now();
    let life = async {
        bus.connected().await;
        begin.notified().await;
        let end = Duration::from_secs_f64(args.hours * 3600.0);
        let began = Instant::now();
        tokio::select! {
            () = live_until(&mut bus, &mut place, end, &shared, began) => {}
            _ = quit => {}
            () = stop_signal() => {}
        }
        let lived = (place.score(), place.now(), began.elapsed());
        // The agent may have ended by itself.
        let _gone = tell_over.send(());
        // The devices must still answer while the agent hands over.
        bus.live(&mut place, end + Duration::from_secs(3600)).await;
        shared.borrow_mut().score = lived.0;
        std::future::pending::<()>().await;
    };
    let shown = show(live, tell_quit, &shared);
    let shutdown = async { drop(over.await) };
    let agent = tokio::select! {
        end = runtime::run(parts, shutdown, &mut watch) => end?,
        () = life => unreachable!("a place has no end"),
        () = virtual_clock.drive() => unreachable!("a clock has no end"),
        error = shown => return Err(error),
    };
    say_what_was_missing(&agent, virtual_clock.stalls());
    let shared = shared.borrow();
    Ok(summary(args, &agent, &config, &shared, safe, began.elapsed()))
}

/// What a token costs on this board; where it was not measured, on a Raspberry Pi 5, so that a
/// fast PC does not make a slow board look quick.
fn token_cost(config: &Config) -> Option<Duration> {
    let five = board::Profiles::embedded().find("rpi5").and_then(|five| five.mind.token_cost);
    config.device.board.mind.token_cost.or(five)
}

/// The page beside the demo; `None` where no port can be had.
async fn open_page(
    wanted: SocketAddr,
    config: &Arc<Config>,
    (mind, bus): (Option<MindHandle>, Endpoint),
    viewer: live::Viewer,
    ends: oneshot::Receiver<()>,
) -> Option<SocketAddr> {
    let journal = config.journal.path.clone();
    let inside = |viewer| Inside {
        mind: mind.clone().map(|own| Registry::new(own, None)),
        metrics: Arc::new(Metrics::new(config, Sources::default())),
        live: Some(viewer),
        journal: journal.clone(),
        bus: bus.clone(),
    };
    let other = SocketAddr::new(wanted.ip(), 0);
    for listen in [wanted, other] {
        let web = config::Web {
            listen,
            token_file: None,
            operate_token_file: None,
            look_token_file: None,
        };
        if let Ok(web) = Web::listen(&web, inside(viewer.clone())).await {
            let address = web.address();
            tokio::spawn(web.serve(async { drop(ends.await) }));
            return address;
        }
    }
    None
}

/// What a person must know to judge the summary: on standard error, also with `--json`.
fn say_what_was_missing(agent: &Agent, stalls: u64) {
    if stalls > 0 {
        eprintln!("{stalls} message(s) or decision(s) were given up as lost");
    }
    let word = agent.mind_word();
    if !matches!(word, MindWord::Ready | MindWord::Off) {
        let (word, text) = (word.word(), agent.mind_text());
        eprintln!("the language model took no part, it is {word}: {text}");
    }
}

async fn live_until(
    bus: &mut PlaceOnBus,
    place: &mut Greenhouse,
    end: Duration,
    shared: &Rc<RefCell<Shared>>,
    began: Instant,
) {
    while place.now() < end {
        let step = (place.now() + Duration::from_secs(60)).min(end);
        bus.live(place, step).await;
        let mut shared = shared.borrow_mut();
        shared.score = place.score();
        let real = began.elapsed().as_secs_f64();
        if real > 0.2 {
            shared.snapshot.speed_reached = Some(place.now().as_secs_f64() / real);
        }
    }
}

fn start_snapshot(shared: &Rc<RefCell<Shared>>, args: &DemoArgs, config: &Config, safe: f64) {
    let mut shared = shared.borrow_mut();
    shared.snapshot.device = config.device.name.clone();
    shared.snapshot.place = format!("simulated greenhouse, seed {}", args.seed);
    shared.snapshot.speed = args.speed;
    shared.snapshot.hours_total = Some(args.hours);
    shared.snapshot.share_safe = Some(safe);
}

/// The live view, ten times a second, or a progress bar. Comes back only with an error.
async fn show(
    live: bool,
    tell_quit: oneshot::Sender<()>,
    shared: &Rc<RefCell<Shared>>,
) -> anyhow::Error {
    if !live {
        return progress(shared).await;
    }
    let mut view = match View::open() {
        Ok(view) => view,
        Err(error) => return error.into(),
    };
    let mut tell_quit = Some(tell_quit);
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let shown = view.show(&shared.borrow().snapshot);
        match shown.and_then(|()| view.wants_to_end(Duration::ZERO)) {
            Ok(true) => {
                if let Some(tell) = tell_quit.take() {
                    let _gone = tell.send(());
                }
            }
            Ok(false) => {}
            Err(error) => return error.into(),
        }
    }
}

async fn progress(shared: &Rc<RefCell<Shared>>) -> anyhow::Error {
    let bar = ProgressBar::new(1000);
    let style = ProgressStyle::with_template("{bar:40} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    loop {
        {
            let shared = shared.borrow();
            let now = &shared.snapshot;
            let total = now.hours_total.unwrap_or(24.0).max(1e-9);
            bar.set_position((now.hours / total * 1000.0) as u64);
            let within =
                now.share.map_or(String::new(), |s| format!(", {:.1} % within", 100.0 * s));
            bar.set_message(format!("{:.1} of {total:.1} h{within}", now.hours));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn summary(
    args: &DemoArgs,
    agent: &Agent,
    config: &Config,
    shared: &Shared,
    safe: f64,
    real: Duration,
) -> Summary {
    let counters = agent.counters();
    let decisions = [
        ("rule", counters.by_rule),
        ("planner", counters.by_planner),
        ("mind", counters.by_mind),
        ("human", counters.by_people),
    ];
    let model = config.mind.as_ref().and_then(|mind| {
        let located = Store::of_environment().locate(&mind.model).ok()?;
        let facts = crate::mind::gguf::check(&located.path).ok()?;
        Some((located.id, facts.quantization))
    });
    let (model, quantization) = model.unwrap_or_default();
    let hours = shared.score.samples as f64 * 10.0 / 3600.0;
    Summary {
        within_goal: shared.score.share(),
        within_goal_safe: safe,
        hours: (hours * 100.0).round() / 100.0,
        seed: args.seed,
        speed_reached: (hours * 3600.0 / real.as_secs_f64()).round(),
        decisions: decisions.into_iter().collect(),
        model_calls: counters.asked,
        commands: Commands {
            sent: counters.sent,
            confirmed: counters.confirmed,
            refused: counters.refused,
            open: (agent.open_steps() + agent.open_commands()) as u64,
        },
        forbidden: shared.score.forbidden,
        model,
        quantization,
        kernels: crate::mind::ggml::kernels(),
    }
}

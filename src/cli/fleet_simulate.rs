//! `outpost fleet simulate`: arguments and printing only.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::figures;
use super::fleet::BrokerArgs;
use super::fleet_rollout::{Steps, percent, steps};
use crate::config::duration_of;
use crate::fleet::rollout::Plan;
use crate::fleet::simulate::{Fate, Setup, run};
use crate::limits::SIMULATE_BOARDS_MAX;
use crate::update::rollout::Labels;

/// Arguments of `outpost fleet simulate`.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Boards
    #[arg(long, default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=SIMULATE_BOARDS_MAX))]
    devices: u64,
    #[command(flatten)]
    broker: BrokerArgs,
    /// Percent of the boards that undo the release
    #[arg(long, value_name = "PERCENT", default_value = "3", value_parser = percent)]
    fails: u16,
    /// Percent of the boards that are away all the time
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    away: u16,
    /// Time between two looks of a board
    #[arg(long, default_value = "2s", value_parser = time)]
    every: Duration,
    /// How long a trial lasts; five times that on one board of twenty
    #[arg(long, default_value = "1s", value_parser = time)]
    trial: Duration,
    /// As of `outpost fleet rollout`
    #[arg(long, value_name = "PERCENT@TIME,…", default_value = "1@3s,10@3s,50@3s,100@3s")]
    #[arg(value_parser = steps)]
    steps: Steps,
    /// Percent of the boards that undo it, at which it stops by itself
    #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = percent)]
    stop_at: u16,
    /// Percent of the boards that must have confirmed it before the next step
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent)]
    enough: u16,
    /// Seed of all chances
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// New folder for keys and repository [default: one that is removed at the end]
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn time(text: &str) -> Result<Duration, String> {
    let found = duration_of(text).filter(|found| !found.is_zero());
    found.ok_or_else(|| "allowed is a time above 0, such as 2s".to_owned())
}

/// Simulates and prints the figures. Fails where a board took the release that was not in.
///
/// # Errors
/// Where the folder or the broker cannot be used.
pub fn simulate(args: SimulateArgs, json: bool) -> anyhow::Result<ExitCode> {
    let own = tempfile::tempdir()?;
    let folder = args.folder.clone().unwrap_or_else(|| own.path().to_owned());
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let setup = Setup {
        endpoint: args.broker.endpoint("fleet simulate")?,
        folder: folder.clone(),
        fate: Fate {
            devices: usize::try_from(args.devices)?,
            fails_of_10000: args.fails,
            away_of_10000: args.away,
            every_ms: ms(args.every),
            trial_ms: ms(args.trial),
            seed: args.seed,
        },
        plan: Plan {
            release: "second".parse().map_err(anyhow::Error::msg)?,
            labels: Labels::new(),
            steps: args.steps.0,
            stop_of_10000: args.stop_at,
            enough_of_10000: args.enough,
        },
    };
    // One for what verifies, one for the lines.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(run(setup))?;
    figures::print(&figures, json);
    let is_right = figures["beyond_step"] == 0;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! The command line: one file a subcommand. No logic of the agent lives here.

mod backup;
mod bench;
mod bench_apply;
mod bench_bus;
mod bench_journal;
mod bench_mind;
mod bench_notes;
mod bench_uplink;
mod board;
#[cfg(test)]
mod book;
mod check;
mod cmd;
mod decide;
mod demo;
mod discover;
mod figures;
mod fleet;
mod fleet_authority;
mod fleet_publish;
mod fleet_rollout;
mod fleet_simulate;
mod fleet_store;
mod identity;
mod init;
mod log;
mod model;
mod plant;
mod replay;
mod run;
mod shell;
mod summary;
mod support;
mod top;
mod update;
mod version;
mod view;
mod voice;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// The agent that lives on the device: sensors, goals, a small language model, MQTT.
#[derive(Parser)]
#[command(name = "outpost", version, about)]
struct Cli {
    /// Print JSON lines on standard output, the summary last
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole thing: broker, simulated plant, agent, real model
    Demo(demo::DemoArgs),
    /// The service
    Run(run::RunArgs),
    /// Check a configuration and print every fault
    Check(check::CheckArgs),
    /// Build, kernels, quantisations
    Version,
    /// A simulated place on any broker
    Plant(plant::PlantArgs),
    /// Measurements: how well the agent looks after each simulated place
    Bench(bench::BenchArgs),
    /// Send a device command and follow its states
    Cmd(cmd::CmdArgs),
    /// Typed decisions from a file
    Decide(decide::DecideArgs),
    /// Write a configuration to begin with, for this board
    Init(init::InitArgs),
    /// The board: what was recognised, which kernels fit, how fast a model can be at most
    Board(board::BoardArgs),
    /// Devices that announce themselves on the bus, as a proposal for the configuration
    Discover(discover::DiscoverArgs),
    /// Models: list, pull, quantize, info
    Model(model::ModelArgs),
    /// The journal: tail, query, stats, export, verify
    Log(log::LogArgs),
    /// The running agent on this terminal: now and the story, also over SSH
    Top(top::TopArgs),
    /// Decisions of the past computed again from the journal
    Replay(replay::ReplayArgs),
    /// One file for people who are to help, without secrets
    Support(support::SupportArgs),
    /// This board's configuration and what it remembers, in a folder
    Backup(backup::BackupArgs),
    /// A backup onto a new board
    Restore(backup::RestoreArgs),
    /// Who this board is to a broker: request, take, status
    Identity(identity::IdentityArgs),
    /// Releases of this board: take, apply, status
    Update(update::UpdateArgs),
    /// What runs beside many boards: keys, releases, rollouts, certificates, records
    Fleet(fleet::FleetArgs),
    /// Completions for a shell, to standard output
    Completions(shell::CompletionsArgs),
    /// Manual pages
    Man(shell::ManArgs),
    /// The language model's process (internal)
    #[command(hide = true)]
    Mind,
}

/// Parses the arguments, runs the subcommand and turns its end into an exit code (design §7).
pub fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    // The mind's standard input is its owner's socket; it says nothing by itself.
    if let Command::Mind = command {
        return crate::mind::process::main();
    }
    let quiet = matches!(command, Command::Demo(_) | Command::Top(_));
    logging(quiet, matches!(command, Command::Run(_)));
    let end = match command {
        Command::Demo(args) => demo::run(&args, json),
        Command::Run(args) => run::run(&args, json),
        Command::Check(args) => check::run(&args, json),
        Command::Version => version::run(json),
        Command::Plant(args) => plant::run(&args, json),
        Command::Bench(args) => bench::run(&args, json),
        Command::Cmd(args) => cmd::run(&args, json),
        Command::Decide(args) => decide::run(&args),
        Command::Init(args) => init::run(&args, json),
        Command::Board(args) => board::run(&args, json),
        Command::Discover(args) => discover::run(&args, json),
        Command::Model(args) => model::run(args, json),
        Command::Log(args) => log::run(args, json, run::journal_path),
        Command::Top(args) => top::run(&args, json),
        Command::Replay(args) => replay::run(&args, json),
        Command::Support(args) => support::run(&args, json),
        Command::Backup(args) => backup::make(&args, json),
        Command::Restore(args) => backup::restore(&args, json),
        Command::Identity(args) => identity::run(args, json),
        Command::Update(args) => update::run(args, json),
        Command::Fleet(args) => fleet::run(args, json),
        Command::Completions(args) => shell::completions(&args, &Cli::command()),
        Command::Man(args) => shell::man(&args, &Cli::command()),
        Command::Mind => Ok(ExitCode::SUCCESS),
    };
    crate::output::settle_log();
    match end {
        Ok(code) => code,
        // Somebody closed the pipe that we print into: they have read enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outpost: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    };
    error.chain().any(io)
}

/// Log lines go to standard error; `OUTPOST_LOG` chooses levels as `tracing` writes them. A service
/// never waits for who reads them.
fn logging(quiet: bool, is_service: bool) {
    let default = if quiet { "error" } else { "info" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("OUTPOST_LOG").unwrap_or_else(|_| {
        let default = format!("{default},{}", crate::link::broker::LOG_DIRECTIVE);
        tracing_subscriber::EnvFilter::new(default)
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal());
    match is_service.then(crate::output::log).flatten() {
        Some(lines) => log.with_writer(lines).init(),
        None => log.with_writer(std::io::stderr).init(),
    }
}

/// Completes at SIGTERM or Ctrl-C.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                // Where Ctrl-C cannot be heard, SIGTERM still can.
                Ok(()) = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

//! `outpost bench`: measurements. It reads arguments and prints; what is measured lives in
//! `crate::bench`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::voice::Voice;
use crate::agent::{Counters, Question};
use crate::bench::{self, COST_FLOOR, MindOptions, Options, PlantResult, Row, bounds, penalty};
use crate::config::{self, Strictness};
use crate::plant::Kind;

/// Arguments of `outpost bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// How well the agent looks after each simulated place
    Agent(AgentArgs),
    /// How long the agent takes for one event
    Apply(super::bench_apply::BenchApplyArgs),
    /// How many readings a second the whole service takes over MQTT
    Bus(super::bench_bus::BenchBusArgs),
    /// How fast records are stored, and how much is written for them
    Journal(super::bench_journal::BenchJournalArgs),
    /// What a journal's records cost on a line
    Uplink(super::bench_uplink::BenchUplinkArgs),
    /// What the language model costs on this machine
    Mind(super::bench_mind::BenchMindArgs),
    /// How well notes become preferences, on notes whose meaning is known
    Notes(super::bench_notes::BenchNotesArgs),
}

#[derive(Args, Clone, Debug)]
struct AgentArgs {
    /// Places, separated by commas, or `all`
    #[arg(long, default_value = "all", value_parser = plants)]
    plants: Plants,
    /// Days of each run
    #[arg(long, default_value_t = 7.0, value_parser = days)]
    days: f64,
    /// Seeds 1 to this; each is another weather and use
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Sensors, devices and messages fail now and then, and the agent is restarted
    #[arg(long)]
    faults: bool,
    /// Fail where a figure is beyond its bound, and say which
    #[arg(long)]
    assert: bool,
    /// Tunings of the thermostats that are tried
    #[arg(long, default_value_t = 40)]
    trials: usize,
    /// Write a page with pictures of seed 1 here
    #[arg(long)]
    report: Option<PathBuf>,
    /// Threads [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    /// One more row, `mind`: this language model reads the notes, id or path
    #[arg(long, value_name = "MODEL")]
    mind: Option<String>,
    /// Its adapter
    #[arg(long, value_name = "ADAPTER", default_value = "none", requires = "mind")]
    adapter: String,
    /// One more row, `mind alone`: the same model picks from raw readings, without a planner; slow
    #[arg(long, requires = "mind")]
    mind_alone: bool,
}

#[derive(Clone, Debug)]
struct Plants(Vec<Kind>);

fn plants(text: &str) -> Result<Plants, String> {
    if text == "all" {
        return Ok(Plants(Kind::ALL.into()));
    }
    let kinds = text.split(',').map(|word| {
        let known = Kind::ALL.into_iter().find(|kind| kind.word() == word.trim());
        known.ok_or_else(|| {
            let words = Kind::ALL.map(Kind::word).join(", ");
            format!("found \"{word}\", allowed are all, {words}")
        })
    });
    kinds.collect::<Result<_, _>>().map(Plants)
}

fn days(text: &str) -> Result<f64, String> {
    super::plant::hours(text).and_then(|days| {
        if days <= 31.0 { Ok(days) } else { Err("allowed is a number up to 31".into()) }
    })
}

/// Runs a benchmark and prints what came of it; failure where the limit was none, or where a bound
/// that was asked for does not hold.
///
/// # Errors
/// Where a place's own configuration has a fault, or the report cannot be written.
pub fn run(args: &BenchArgs, json: bool) -> anyhow::Result<ExitCode> {
    let args = match &args.what {
        What::Agent(args) => args,
        What::Apply(args) => return super::bench_apply::run(args, json),
        What::Bus(args) => return super::bench_bus::run(args, json),
        What::Journal(args) => return super::bench_journal::run(args, json),
        What::Uplink(args) => return super::bench_uplink::run(args, json),
        What::Mind(args) => return super::bench_mind::run(args, json),
        What::Notes(args) => return super::bench_notes::run(args, json),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let options = Options {
        kinds: args.plants.0.clone(),
        hours: args.days * 24.0,
        seeds: args.seeds,
        faults: args.faults,
        tracks: args.report.is_some(),
        trials: args.trials,
        threads: args.threads.unwrap_or(cores),
        mind: args.mind.clone().map(|model| {
            let (adapter, alone) = (args.adapter.clone(), args.mind_alone);
            MindOptions { model, adapter, alone }
        }),
    };
    let mut mind = match &args.mind {
        Some(model) => Some(voice(model, &args.adapter)?),
        None => None,
    };
    let mut asked = |question: &Question| match mind.as_mut()?.answer(question) {
        Ok(p) => Some(p),
        Err(error) => {
            eprintln!("the model did not answer: {error:#}");
            None
        }
    };
    if !json {
        println!(
            "{:<12} {:<12} {:>9} {:>8} {:>9} {:>11} {:>9} {:>6}",
            "place",
            "controller",
            "satisfied",
            "cost/day",
            "penalty",
            "switched/day",
            "forbidden",
            "notes"
        );
    }
    let results = bench::run(&options, &mut asked, |result| print(result, json))?;
    if let Some(path) = &args.report {
        let page = bench::page(&results, args.days, args.seeds)?;
        crate::disk::replace(path, page.as_bytes())?;
    }
    summary(&results, json);
    let asked = bounds::Asked { faults: args.faults, mind: args.mind.is_some() };
    let failures = bounds::failures(&results, args.assert.then_some(asked));
    for line in &failures {
        eprintln!("{line}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A model with its adapter, as the places' configurations have theirs.
pub(super) fn voice(model: &str, adapter: &str) -> anyhow::Result<Voice> {
    let text = Kind::Greenhouse.config();
    let mind = config::from_text(text, "greenhouse", &[], Strictness::Check)?.0.mind;
    let mind = mind.context("the greenhouse has no mind")?;
    Voice::of(&config::Mind { model: model.into(), adapter: adapter.into(), ..mind })
}

fn print(result: &PlantResult, json: bool) {
    if json {
        for track in &result.tracks {
            let (means, levels) = track.means();
            println!(
                "{}",
                json!({
                    "plant": result.kind.word(), "run": track.controller, "seed": 1,
                    "mean_readings": means, "mean_levels": levels,
                })
            );
        }
    }
    for row in &result.rows {
        let score = &row.score;
        let days = score.samples as f64 / 8640.0;
        let switched = score.switchings as f64 / days.max(1e-9);
        if json {
            let goals: serde_json::Map<_, _> = score
                .goals
                .iter()
                .map(|(name, met)| {
                    ((*name).to_string(), json!(*met as f64 / score.samples.max(1) as f64))
                })
                .collect();
            let mut line = json!({
                "plant": result.kind.word(), "controller": row.controller, "days": days,
                "satisfied": score.satisfied(), "within": score.share(), "goals": goals,
                "cost_per_day": row.cost_h() * 24.0, "penalty": penalty(score),
                "switchings_per_day": switched, "forbidden": score.forbidden,
                "unavoidable": score.unavoidable, "notes_broken": score.notes_broken,
            });
            if let Some(counters) = &row.counters {
                line["model_calls"] = counters.asked.into();
                line["refused"] = counters.refused.into();
                line["by"] = by(counters);
                line["share_by"] = share_by(counters);
                line["escalations_wanted"] = counters.escalations.wanted.into();
                line["solved_locally"] = solved_here(counters).into();
            }
            if !row.recoveries.is_empty() {
                line["recovery"] = recovery(row);
            }
            println!("{line}");
        } else {
            println!(
                "{:<12} {:<12} {:>9.4} {:>8.2} {:>9.4} {:>11.1} {:>9} {:>6}",
                result.kind.word(),
                row.controller,
                score.satisfied(),
                row.cost_h() * 24.0,
                penalty(score),
                switched,
                score.forbidden,
                score.notes_broken,
            );
            for (word, one) in row.recoveries.iter().filter(|_| row.controller == "planner") {
                println!(
                    "{:<12} all goals met after {word}, {} times: median {:.1} min, longest {:.1}",
                    "",
                    one.ms.len(),
                    one.median_min(),
                    one.longest_min(),
                );
            }
        }
    }
}

/// After each kind of fault the minutes until all goals were met, median and longest.
fn recovery(row: &Row) -> serde_json::Value {
    let kinds = row.recoveries.iter().map(|(word, one)| {
        let line = json!({
            "faults": one.ms.len(), "median_min": one.median_min(),
            "longest_min": one.longest_min(), "open": one.open,
        });
        ((*word).to_string(), line)
    });
    kinds.collect::<serde_json::Map<_, _>>().into()
}

const DECIDERS: [&str; 4] = ["rule", "planner", "mind", "people"];

fn decided(counters: &Counters) -> [u64; 4] {
    [counters.by_rule, counters.by_planner, counters.by_mind, counters.by_people]
}

/// Decisions by decider.
fn by(counters: &Counters) -> serde_json::Value {
    let all = DECIDERS.into_iter().zip(decided(counters));
    all.map(|(word, count)| (word.to_string(), json!(count)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Share of the decisions by decider; all 0 where nothing was decided.
fn share_by(counters: &Counters) -> serde_json::Value {
    let sum = decided(counters).iter().sum::<u64>().max(1) as f64;
    let all = DECIDERS.into_iter().zip(decided(counters));
    all.map(|(word, count)| (word.to_string(), json!(count as f64 / sum)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Share of the decisions of planner and mind for which nobody else was wanted.
fn solved_here(counters: &Counters) -> f64 {
    let decisions = counters.by_planner + counters.by_mind;
    if decisions == 0 {
        return 1.0;
    }
    1.0 - counters.escalations.wanted as f64 / decisions as f64
}

/// The worst place's satisfied share and cost, in those of its limit.
fn of_limit(results: &[PlantResult], controller: &str) -> (Option<f64>, Option<f64>) {
    let shares = results.iter().filter_map(|result| result.satisfied_of_limit(controller));
    let costs = results.iter().filter_map(|result| result.cost_of_limit(controller));
    (shares.min_by(f64::total_cmp), costs.max_by(f64::total_cmp))
}

/// What stands beside the planner's figures for another controller; nothing where it was not run.
fn figures(results: &[PlantResult], controller: &str) -> Option<serde_json::Value> {
    let scores: Vec<_> =
        results.iter().filter_map(|result| Some(&result.row(controller)?.score)).collect();
    let (satisfied, cost) = of_limit(results, controller);
    let counters = bench::sum(results, controller);
    let mut figures = json!({
        "notes_broken": scores.iter().map(|score| score.notes_broken).sum::<u64>(),
        "forbidden": scores.iter().map(|score| score.forbidden).sum::<u64>(),
        "satisfied_of_limit": satisfied,
        "cost_of_limit": cost,
    });
    if controller == "mind" {
        figures["by_mind"] = counters.by_mind.into();
        figures["by"] = by(&counters);
        figures["escalations_wanted"] = counters.escalations.wanted.into();
        figures["solved_locally"] = solved_here(&counters).into();
    }
    (!scores.is_empty()).then_some(figures)
}

/// The last line (design §7): the worst place's ratios, and the planner's own counts.
fn summary(results: &[PlantResult], json: bool) {
    let ours = || {
        let rows = results.iter().flat_map(|result| &result.rows);
        rows.filter(|row| row.controller == "planner").map(|row| &row.score)
    };
    let forbidden: u64 = ours().map(|score| score.forbidden).sum();
    let unavoidable: u64 = ours().map(|score| score.unavoidable).sum();
    let notes: u64 = ours().map(|score| score.notes_broken).sum();
    let (satisfied, cost) = of_limit(results, "planner");
    let worst = results
        .iter()
        .filter_map(|result| Some((result.satisfied_of_limit("planner")?, result.kind.word())))
        .min_by(|one, two| one.0.total_cmp(&two.0));
    let counters = bench::sum(results, "planner");
    let dominated: Vec<_> =
        results.iter().filter(|one| one.dominated()).map(|one| one.kind.word()).collect();
    let minded = bench::sum(results, "mind");
    let solved = solved_here(&counters);
    if json {
        let line = json!({
            "forbidden": forbidden,
            "unavoidable": unavoidable,
            "satisfied_of_limit": satisfied,
            "cost_of_limit": cost,
            "cost_floor_per_hour": COST_FLOOR,
            "model_calls": minded.asked,
            "by": by(&counters),
            "escalations_wanted": counters.escalations.wanted,
            "solved_locally": solved,
            "notes_broken": notes,
            "understood": figures(results, "understood"),
            "mind": figures(results, "mind"),
            "mind_alone": figures(results, "mind alone"),
            "worst_plant": worst.map(|(_, name)| name),
            "dominated_by_thermostats": dominated,
        });
        println!("{line}");
    } else if let Some((share, name)) = worst {
        let cost = cost.unwrap_or_default();
        println!("satisfied, of the limit: {share:.3} at worst ({name}); cost: {cost:.2} limits");
        let [rule, planner, mind, people] = decided(&counters);
        println!("decided by rule {rule}, planner {planner}, mind {mind}, people {people}");
        println!("solved here, nobody else asked: {:.1} %", 100.0 * solved);
    }
}

//! `outpost plant`: a simulated place on any broker. It only reads arguments and prints the end.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::plant::{self, Kind};

/// Arguments of `outpost plant`.
#[derive(Args, Clone, Debug)]
pub struct PlantArgs {
    /// Which place
    #[arg(value_enum)]
    pub place: Kind,
    /// Broker to speak on
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    pub url: String,
    /// Another seed is another day: season, weather, noise
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds of the place in a real second
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Stop after this many hours of the place [default: run until Ctrl-C]
    #[arg(long, value_parser = hours)]
    pub hours: Option<f64>,
    /// Print the configuration that belongs to the place, and end
    #[arg(long)]
    pub print_config: bool,
}

/// Speeds that a real clock and a broker can follow.
pub fn speed(text: &str) -> Result<f64, String> {
    bounded(text, 0.01, 10_000.0)
}

pub fn hours(text: &str) -> Result<f64, String> {
    bounded(text, 0.001, 24.0 * 366.0)
}

fn bounded(text: &str, least: f64, most: f64) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("allowed is a number from {least} to {most}")),
    }
}

/// Runs the place until its hours are over or Ctrl-C; prints how well it was looked after.
///
/// # Errors
/// Where the address cannot be read or the runtime cannot start.
pub fn run(args: &PlantArgs, json: bool) -> anyhow::Result<ExitCode> {
    if args.print_config {
        print!("{}", args.place.config());
        return Ok(ExitCode::SUCCESS);
    }
    let mut place = args.place.build(args.seed);
    let options = plant::Options {
        url: args.url.clone(),
        speed: args.speed,
        until: args.hours.map(|hours| Duration::from_secs_f64(hours * 3600.0)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let score = runtime.block_on(plant::run(place.as_mut(), &options, super::stop_signal()))?;
    let hours = place.now().as_secs_f64() / 3600.0;
    let safe = plant::left_alone(args.place, args.seed, hours).share();
    if json {
        let summary = serde_json::json!({
            "within_goal": score.share(), "within_goal_safe": safe, "hours": hours,
            "seed": args.seed, "forbidden": score.forbidden, "cost": score.cost,
            "switchings": score.switchings, "notes_broken": score.notes_broken,
        });
        println!("{summary}");
    } else {
        println!("{hours:.1} hours of the {}, seed {}", place.name(), args.seed);
        println!("  within all goals       {:5.1} %", 100.0 * score.share());
        println!("  left alone it would be {:5.1} %", 100.0 * safe);
        println!("  forbidden states       {:3}", score.forbidden);
        println!("  cost                   {:6.2}", score.cost);
        println!("  switchings             {:3}", score.switchings);
    }
    Ok(ExitCode::SUCCESS)
}

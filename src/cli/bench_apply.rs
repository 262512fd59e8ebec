//! `outpost bench apply`: how long the pure core takes for one event, on a place with as many
//! sensors as asked for: readings with rules, goals and plans, and a note from its words to the
//! preference that waits for a person. Nothing else runs here, no bus, no disk, no model.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde_json::json;

use crate::agent::{Agent, Effect, Event, Inbox, MindNews, MindWord, Resumed};
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Strictness, from_text};

/// The place's twelve devices, each with a goal, a rule and an interlock.
const DEVICES: usize = 12;
/// Wakes after which a note should long have been settled.
const WAKES_MAX: usize = 100_000;
/// The note, whose words say all of it, so that its situations come at once.
const NOTE: &str = "When s5 is above 24 prefer the spare to the a0.";

/// Measure the agent's core
#[derive(Clone, Debug, Args)]
pub struct BenchApplyArgs {
    /// Sensors of the place, each every ten seconds
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(12..=10_000))]
    sensors: u32,
    /// Readings of each sensor
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Notes that are understood, one after the other
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    notes: u32,
}

/// Runs the benchmark.
///
/// # Errors
/// Where the place's configuration has a fault, or a note is not understood.
pub fn run(args: &BenchApplyArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut place = Place::new(args.sensors as usize)?;
    let mut readings = Vec::new();
    for round in 0..args.rounds {
        for sensor in 0..args.sensors as usize {
            // Slow waves over the goals' bounds, so that something is to be planned.
            let wave = (f64::from(round) / 6.0 + sensor as f64).sin();
            readings.extend(place.reading(sensor, 24.0 + 4.0 * wave));
        }
    }
    let notes: Vec<Vec<Duration>> =
        (0..args.notes).map(|number| place.note(number)).collect::<Result<_, _>>()?;
    // Each note goes the same way. What one of its events takes is the least that it took any of
    // them: the rest is the machine's.
    let events = notes.iter().map(Vec::len).max().unwrap_or_default();
    let least = |at| notes.iter().filter_map(|one| one.get(at)).min().copied();
    let mut least: Vec<Duration> = (0..events).filter_map(least).collect();
    let mut notes = notes.concat();
    let mut line = json!({ "sensors": args.sensors, "reading": spread(&mut readings) });
    line["note"] = spread(&mut notes);
    line["note_least_of_each_event"] = spread(&mut least);
    if json {
        println!("{line}");
    } else {
        for what in ["reading", "note", "note_least_of_each_event"] {
            println!("{what:<25} {}", line[what]);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The agent with its inbox, and what time it is there.
struct Place {
    agent: Agent,
    inbox: Inbox,
    ms: u64,
    step_ms: u64,
}

impl Place {
    fn new(sensors: usize) -> anyhow::Result<Self> {
        let config = from_text(&text(sensors), "bench", &[], Strictness::Run)?.0;
        let config = Arc::new(config);
        let inbox = Inbox::new(config.clone());
        let (agent, _) = Agent::new(config, Resumed::default(), 1, now(0));
        let step_ms = (10_000 / sensors as u64).max(1);
        let mut place = Self { agent, inbox, ms: 0, step_ms };
        place.apply(Event::LinkUp);
        let text = "a model".to_owned();
        let (word, sha256, adapter) = (MindWord::Ready, String::new(), "none".to_owned());
        place.apply(Event::Mind(MindNews::State { word, text, sha256, adapter }));
        Ok(place)
    }

    fn apply(&mut self, event: Event) -> (Duration, Vec<Effect>) {
        let began = Instant::now();
        let effects = self.agent.apply(event, now(self.ms));
        let took = began.elapsed();
        for effect in &effects {
            // Devices obey, and the planner's choice stands.
            let back = match effect {
                Effect::Send { token, .. } => Event::Acked { token: *token },
                Effect::Ask(asked) => Event::Mind(MindNews::Lost { id: asked.id }),
                _ => continue,
            };
            self.agent.apply(back, now(self.ms));
            if let Effect::Send { actuator, payload, .. } = effect {
                let topic = format!("p/a{}", actuator.0);
                for echo in self.inbox.read(&topic, payload, false) {
                    self.agent.apply(echo, now(self.ms));
                }
            }
        }
        (took, effects)
    }

    fn reading(&mut self, sensor: usize, value: f64) -> Vec<Duration> {
        self.ms += self.step_ms;
        let payload = format!("{value:.2}");
        let events = self.inbox.read(&format!("p/s{sensor}"), payload.as_bytes(), false);
        events.into_iter().map(|event| self.apply(event).0).collect()
    }

    /// A note is written, understood, shown, and taken away again: how long each
    /// event of it took.
    fn note(&mut self, number: u32) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::new();
        let put = json!({ "put": NOTE }).to_string();
        let (first, _) = self.command(&format!("put-{number}"), &put)?;
        took.push(first);
        while self.agent.proposals().is_empty() {
            if took.len() > WAKES_MAX {
                bail!("the note was not understood");
            }
            self.ms += 1;
            took.push(self.apply(Event::Wake).0);
        }
        let remove = json!({ "remove": NOTE }).to_string();
        took.push(self.command(&format!("remove-{number}"), &remove)?.0);
        took.push(self.apply(Event::Wake).0);
        Ok(took)
    }

    fn command(&mut self, id: &str, payload: &str) -> anyhow::Result<(Duration, Vec<Effect>)> {
        self.ms += 1;
        let event = self.inbox.command("note", id, payload.as_bytes(), false);
        let Some(event) = event else { bail!("`{payload}` is no command") };
        Ok(self.apply(event))
    }
}

/// The things below, a model that may be asked, and one more switch that does what the first does.
fn text(sensors: usize) -> String {
    let head = "[device]\nname = \"bench\"\n[bus]\nurl = \"mqtt://localhost\"\n\
                [mind]\nmodel = \"smollm2-135m-instruct-q4_0\"\n";
    let rules = |n| {
        format!("[[rule]]\nname = \"r{n}\"\nwhen = \"s{n} > 60\"\nset = {{ a{n} = \"off\" }}\n")
    };
    let spare = format!(
        "[[actuator]]\nname = \"spare\"\ntopic = \"p/a{DEVICES}/set\"\nkind = \"switch\"\n\
         state_topic = \"p/a{DEVICES}\"\nsafe = \"off\"\neffects = {{ s0 = \"lowers\" }}\n"
    );
    [head, &things("p", sensors, 26, rules), &spare].concat()
}

/// Sensors s0 to the last, twelve switches of which each lowers one of them, with a goal, an
/// interlock and its rules for each.
pub(super) fn things(
    topic: &str,
    sensors: usize,
    most: u32,
    rules: impl Fn(usize) -> String,
) -> String {
    let mut text = String::new();
    let mut add = |one: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _infallible = text.write_fmt(one);
    };
    for n in 0..sensors {
        add(format_args!(
            "[[sensor]]\nname = \"s{n}\"\ntopic = \"{topic}/s{n}\"\nevery = \"10s\"\n\
             range = [-40, 85]\n"
        ));
    }
    for n in 0..DEVICES {
        add(format_args!(
            "[[actuator]]\nname = \"a{n}\"\ntopic = \"{topic}/a{n}/set\"\nkind = \"switch\"\n\
             state_topic = \"{topic}/a{n}\"\nsafe = \"off\"\nmax_commands_per_hour = 3600\n\
             effects = {{ s{n} = \"lowers\" }}\n\
             [[goal]]\nname = \"g{n}\"\nkeep = {{ sensor = \"s{n}\", max = {most} }}\n\
             [[interlock]]\nname = \"i{n}\"\nforbid = \"a{n} == 'on' && s{n} < 5\"\n{}",
            rules(n)
        ));
    }
    text
}

fn now(ms: u64) -> Now {
    let unix_ms = 1_787_000_000_000 + ms.cast_signed();
    Now { tick: Tick(ms), unix_ms, trust: ClockTrust::Synced }
}

fn spread(all: &mut [Duration]) -> serde_json::Value {
    all.sort_unstable();
    let at = |share: f64| {
        let place = ((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1));
        all.get(place).map_or(0.0, |one| (one.as_secs_f64() * 1e7).round() / 10.0)
    };
    json!({
        "events": all.len(),
        "median_us": at(0.5),
        "p99_us": at(0.99),
        "slowest_us": at(1.0),
    })
}

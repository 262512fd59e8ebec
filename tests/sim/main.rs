//! The agent's core in a place that goes wrong, out of a seed: clock, link, model, journal and
//! devices are simulated in one thread, faults have their probabilities, and the invariants of
//! design §8 are judged by the simulation's own books. A failing seed prints itself.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground is missing")]
#![allow(clippy::let_underscore_must_use, reason = "writing into a String cannot fail")]

mod condition;
mod memory;
mod next;
mod oracle;
mod orders;
mod people;
mod place;
mod rng;
mod run;
mod scene;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use outpost::agent::{Effect, Report};
use outpost::domain::Entry;
use run::{Outcome, Plan, Sim};

/// Seeds of every test run; `make sim` runs more.
const SEEDS: u64 = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs seeds on two threads; the first failure of each kind, and what came of the others.
fn run_all(plans: Vec<Plan>) -> (Vec<(u64, String)>, Outcome) {
    let next = AtomicU64::new(0);
    let all = Mutex::new((Vec::new(), Outcome::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(plan) = plans.get(at) else { break };
                    let ended = Sim::new(*plan).run();
                    let mut all = all.lock().unwrap();
                    match ended {
                        Err(what) => all.0.push((plan.seed, what)),
                        Ok(one) => add(&mut all.1, &one),
                    }
                }
            });
        }
    });
    let (mut failed, outcome) = all.into_inner().unwrap();
    failed.sort();
    (failed, outcome)
}

fn add(sum: &mut Outcome, one: &Outcome) {
    sum.events += one.events;
    sum.sends += one.sends;
    sum.attainable += one.attainable;
    sum.commands += one.commands;
    sum.crashes += one.crashes;
    sum.notes_proposed += one.notes_proposed;
    sum.notes_honoured += one.notes_honoured;
    sum.records_an_hour_max = sum.records_an_hour_max.max(one.records_an_hour_max);
    sum.sends_an_hour_max = sum.sends_an_hour_max.max(one.sends_an_hour_max);
}

#[test]
fn the_invariants_hold_in_places_that_go_wrong() {
    let seeds: Vec<u64> = match number("OUTPOST_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("OUTPOST_SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let count = seeds.len();
    let (failed, sum) = run_all(seeds.into_iter().map(Plan::of).collect());
    println!(
        "{count} seeds, {} events, {} messages, {} commands, {} crashes, {} goals judged, {} notes \
         understood, {} honoured; most in an hour: {} records, {} messages to a device",
        sum.events,
        sum.sends,
        sum.commands,
        sum.crashes,
        sum.attainable,
        sum.notes_proposed,
        sum.notes_honoured,
        sum.records_an_hour_max,
        sum.sends_an_hour_max
    );
    for (seed, what) in &failed {
        println!("seed {seed}: {}", what.lines().last().unwrap_or_default());
    }
    if let Some((_, what)) = failed.first() {
        panic!("{} of {count} seeds failed; the first:\n{what}", failed.len());
    }
}

/// What is never made up is never judged.
#[test]
fn interlocks_of_every_kind_are_made_up() {
    let texts = (0..SEEDS).flat_map(|seed| {
        let scene = scene::Scene::new(seed, true);
        scene.interlocks.iter().map(|one| one.text(&scene)).collect::<Vec<_>>()
    });
    let texts: Vec<String> = texts.collect();
    for part in [" || ", "!=", "!(", "hour", "age(", "door", "!door", "mood", "middle", "> s"] {
        let count = texts.iter().filter(|text| text.contains(part)).count();
        assert!(count > 0, "none of {} has {part}", texts.len());
    }
}

#[test]
fn an_agent_that_does_not_know_its_interlocks_is_found_out() {
    let plans = (0..100).map(|seed| Plan { interlocks: false, ..Plan::of(seed) });
    let (failed, _) = run_all(plans.collect());
    let found = failed.iter().filter(|(_, what)| what.contains("invariant 1")).count();
    assert!(found >= 20, "{found} of 100 seeds found it");
}

/// A message that waits for the journal and is withdrawn must not go after all.
#[test]
fn an_outbox_that_withdraws_nothing_is_found_out() {
    let plans = (0..100).map(|seed| Plan { withdraws: false, ..Plan::of(seed) });
    let (failed, _) = run_all(plans.collect());
    let found = failed.iter().filter(|(_, what)| what.contains("invariant 4")).count();
    assert!(found >= 20, "{found} of 100 seeds found it");
}

#[test]
fn the_same_seed_gives_the_same_effects() {
    for seed in 0..4 {
        let run = || Sim::new(Plan { keep: true, ..Plan::of(seed) }).run();
        let (one, two) = (run(), run());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.effects == two.effects, "seed {seed}");
        assert!(one.effects.len() > 1000, "seed {seed}: {}", one.effects.len());
    }
}

#[test]
fn no_jump_of_the_wall_clock_stops_repeats_or_reorders_work() {
    for seed in 0..10 {
        let run = |jumps| {
            let plan = Plan { jumps, crashes: false, keep: true, ..Plan::of(seed) };
            Sim::new(plan).run().map(|outcome| {
                let all = outcome.effects.into_iter();
                all.filter_map(|(at, effect)| Some((at, timeless(effect)?))).collect::<Vec<_>>()
            })
        };
        let (still, jumping) = (run(false).unwrap(), run(true).unwrap());
        let apart = still.iter().zip(&jumping).find(|(one, two)| one != two);
        assert!(apart.is_none(), "seed {seed}: {apart:#?}");
        assert_eq!(still.len(), jumping.len(), "seed {seed}");
    }
}

/// An effect without what may follow the wall clock: the hour of day in facts, and what would be
/// done at this hour where a note's meaning is shown.
fn timeless(effect: Effect) -> Option<Effect> {
    let cut = |facts: &mut Vec<String>| facts.retain(|fact| !fact.starts_with("it is "));
    let meaning = |text: &str| {
        let shown = text.find("understood as: ").and_then(|at| Some(at + text[at..].find(". ")?));
        text[..shown.unwrap_or(text.len())].to_owned()
    };
    match effect {
        Effect::Record { seq, entry: Entry::Event { kind, text, severity } } => {
            Some(Effect::Record {
                seq,
                entry: Entry::Event { kind, text: meaning(&text), severity },
            })
        }
        Effect::Record { seq, entry: Entry::Command { kind, id, state, reason } } => {
            let reason = meaning(&reason);
            Some(Effect::Record { seq, entry: Entry::Command { kind, id, state, reason } })
        }
        Effect::Report { report: Report::Approval { id, waits, valid_for }, after } => {
            let waits = waits.map(|(name, what, _)| (name, what, String::new()));
            Some(Effect::Report { report: Report::Approval { id, waits, valid_for }, after })
        }
        Effect::Record { entry: Entry::Goal { name, .. }, .. } if name == "[[proposal]]" => None,
        // As their records.
        Effect::Report { report: Report::CommandState { .. } | Report::Event { .. }, .. } => None,
        Effect::Record { seq, entry: Entry::Decision(mut decision) } => {
            cut(&mut decision.facts);
            Some(Effect::Record { seq, entry: Entry::Decision(decision) })
        }
        Effect::Report { report: Report::Goals(_) | Report::Decision { .. }, .. } => None,
        // What was learned knows the usual day.
        Effect::Record { entry: Entry::Learned(_), .. } | Effect::Ask(_) => None,
        other => Some(other),
    }
}

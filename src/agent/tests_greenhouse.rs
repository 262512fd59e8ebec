//! The agent and the simulated greenhouse in one loop, without a bus: what the planner alone
//! reaches, and that it stays within its bounds.

use std::sync::Arc;

use super::*;
use crate::clock::{ClockTrust, Now, Tick};
use crate::config::{Config, Strictness, from_text};
use crate::domain::{Entry, Learned};
use crate::plant::{Greenhouse, Place, Score, greenhouse_config};

/// How a run went.
struct Run {
    score: Score,
    sent: u64,
    /// In the operator's own unit.
    cost: f64,
    learned: Vec<Learned>,
}

fn config() -> Arc<Config> {
    let (config, _) =
        from_text(greenhouse_config(), "greenhouse.toml", &[], Strictness::Run).expect("good");
    Arc::new(config)
}

/// Runs the greenhouse of a seed for some hours, as the runtime would.
fn run(seed: u64, hours: u64) -> Run {
    let config = config();
    let inbox = Inbox::new(config.clone());
    let mut place = Greenhouse::new(seed);
    let start_unix_ms = place.start_unix_ms();
    let now = |place: &Greenhouse| {
        let ms = u64::try_from(place.now().as_millis()).expect("a short run");
        let unix_ms = start_unix_ms + ms.cast_signed();
        Now { tick: Tick(ms), unix_ms, trust: ClockTrust::Synced }
    };
    let resumed = Resumed { next_seq: 1, ..Resumed::default() };
    let (mut agent, _) = Agent::new(config.clone(), resumed, 7 << 32, now(&place));
    let mut events = vec![Event::LinkUp];
    let mut cost = 0.0;
    let mut learned = std::collections::BTreeMap::new();
    while place.now().as_secs() < hours * 3600 {
        while let Some(event) = events.pop() {
            for effect in agent.apply(event, now(&place)) {
                match effect {
                    Effect::Send { token, actuator, payload, .. } => {
                        let name = &config.actuators[usize::from(actuator.0)].name;
                        place.command(&format!("greenhouse/{name}/set"), &payload);
                        events.insert(0, Event::Acked { token });
                    }
                    Effect::Record { entry: Entry::Learned(one), .. } => {
                        learned.insert(one.sensor.clone(), *one);
                    }
                    _ => {}
                }
            }
        }
        let wake = agent.next_wake().since(now(&place).tick);
        let step = place.next_due().min(wake).max(std::time::Duration::from_millis(1));
        place.advance(step);
        for (actuator, state) in config.actuators.iter().zip(&agent.world().actuators) {
            let level =
                state.confirmed.as_ref().map_or(0.0, |at| super::steps::level(actuator, at));
            cost += actuator.cost * level * step.as_secs_f64() / 3600.0;
        }
        events.push(Event::Wake);
        for message in place.due_messages() {
            let read = inbox.read(&message.topic, message.payload.as_bytes(), false);
            events.splice(0..0, read);
        }
    }
    let learned = learned.into_values().collect();
    Run { score: place.score(), sent: agent.counters().sent, cost, learned }
}

#[test]
fn the_planner_keeps_the_greenhouse_and_learns_it_meanwhile() {
    for seed in 1..=2 {
        let run = run(seed, 30);
        println!(
            "seed {seed}: {:.4} kept, {} commands, cost {:.2}, forbidden {}",
            run.score.share(),
            run.sent,
            run.cost,
            run.score.forbidden
        );
        for one in &run.learned {
            let (error, stays) = (one.error_square.sqrt(), one.stays_square.sqrt());
            println!("  {}: {error:.3} against {stays:.3}, {} judged", one.sensor, one.judged);
        }
        assert!(run.score.share() >= 0.95, "seed {seed}: {:.4}", run.score.share());
        assert_eq!(run.score.forbidden, 0, "seed {seed}");
        assert!(run.sent < 30 * 40, "seed {seed}: {} commands", run.sent);
        assert_eq!(run.learned.len(), 4, "three goals and the tank");
    }
}

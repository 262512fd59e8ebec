//! Looks on while the demo's agent works and keeps what the view and the summary show. It changes
//! nothing.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::super::view::{
    ActuatorView, CommandCounts, DecisionView, GoalView, MindView, ReadingView, Snapshot,
};
use crate::agent::{Agent, Effect, MindWord, Report};
use crate::clock::{Now, Tick};
use crate::config::{ActuatorKind, Aim, Config};
use crate::domain::{ActuatorId, Decider, Decision, SensorId, Setting, Value, figure};
use crate::live::Live;
use crate::output::Output;
use crate::plant::Score;
use crate::runtime::Observer;

/// How often a reading goes into the drawn history, in time of the place.
const HISTORY_EVERY: Duration = Duration::from_secs(300);
/// Values of history kept: a day of them.
const HISTORY_MAX: usize = 288;
/// Decisions kept for the view: as many as a tall terminal shows.
const DECISIONS_MAX: usize = 40;

/// What agent, place and view share; one thread, so no lock.
#[derive(Default)]
pub struct Shared {
    /// What the view shows.
    pub snapshot: Snapshot,
    /// How well the place was looked after so far.
    pub score: Score,
}

/// The observer of the demo.
pub struct Watch {
    config: Arc<Config>,
    shared: Rc<RefCell<Shared>>,
    /// Told once the agent is on the bus and the mind is ready or known not to come.
    begin: Rc<Notify>,
    begun: bool,
    on_bus: bool,
    sampled: Option<Tick>,
    history: Vec<Vec<f64>>,
    print: Option<Output>,
    page: Live,
}

impl Watch {
    /// An observer that fills `shared`; with `print`, a JSON line for each decision.
    pub fn new(
        config: Arc<Config>,
        shared: Rc<RefCell<Shared>>,
        begin: Rc<Notify>,
        print: Option<Output>,
        page: Live,
    ) -> Watch {
        let history = vec![Vec::new(); config.sensors.len()];
        Watch {
            config,
            shared,
            begin,
            begun: false,
            on_bus: false,
            sampled: None,
            history,
            print,
            page,
        }
    }

    fn remember(&mut self, decision: &Decision, now: Now) {
        let chosen = &decision.candidates[decision.chosen];
        let choice = chosen.doing();
        if let Some(lines) = &self.print {
            let line = serde_json::json!({"decision": decision.id, "by": decision.by.word(),
                "cause": decision.cause, "chosen": choice, "guard": decision.guard,
                "at": crate::journal::rfc3339(now.unix_ms)});
            lines.say(format!("{line}\n").into_bytes());
        }
        let view = DecisionView {
            at: clock_time(now),
            by: decision.by,
            choice,
            cause: decision.cause.clone(),
            why: why(decision),
        };
        let mut shared = self.shared.borrow_mut();
        shared.snapshot.decisions.insert(0, view);
        shared.snapshot.decisions.truncate(DECISIONS_MAX);
        if let Some(model) = &decision.model {
            shared.snapshot.mind.last = Some((model.prompt_tokens, model.ms));
        }
    }

    fn sample(&mut self, agent: &Agent, now: Now) {
        if self.sampled.is_some_and(|at| now.tick.since(at) < HISTORY_EVERY) {
            return;
        }
        self.sampled = Some(now.tick);
        for (index, history) in (0u16..).zip(&mut self.history) {
            if let Some(value) = agent.value_of(SensorId(index)) {
                if history.len() == HISTORY_MAX {
                    history.remove(0);
                }
                history.push(value);
            }
        }
    }

    fn reading(&self, index: u16, agent: &Agent, now: Now, score: &Score) -> ReadingView {
        let place = usize::from(index);
        let sensor = &self.config.sensors[place];
        let known = agent.world().sensor(SensorId(index)).known(sensor.every, now.tick).cloned();
        let value = agent.value_of(SensorId(index));
        let text = match (&known, value) {
            (Some(Value::Bool(yes)), _) => Some(if *yes { "yes" } else { "no" }.to_string()),
            (Some(Value::Text(text)), _) => Some(text.clone()),
            (Some(Value::Number(_)), Some(value)) => {
                Some(format!("{} {}", figure(value, 1), sensor.unit).trim_end().to_string())
            }
            _ => None,
        };
        let goal = self.config.goals.iter().find_map(|goal| match &goal.aim {
            Aim::Keep { sensor, min, max } if usize::from(sensor.0) == place => {
                let met = score.goals.iter().find(|(name, _)| *name == goal.name);
                let share = met.map(|(_, met)| *met as f64 / score.samples.max(1) as f64);
                Some(GoalView { min: *min, max: *max, share })
            }
            _ => None,
        });
        let history = self.history[place].clone();
        ReadingView { name: sensor.name.clone(), text, value, history, goal }
    }

    fn actuator(&self, index: u16, agent: &Agent, now: Now) -> ActuatorView {
        let actuator = &self.config.actuators[usize::from(index)];
        let state = agent.world().actuator(ActuatorId(index));
        let level = match (&state.confirmed, &actuator.kind) {
            (Some(Setting::On), _) => 1.0,
            (Some(Setting::Level(level)), ActuatorKind::Level { min, max, .. }) => {
                (level - min) / (max - min)
            }
            _ => 0.0,
        };
        ActuatorView {
            name: actuator.name.clone(),
            setting: state.confirmed.as_ref().map(Setting::to_string),
            level,
            pending: state.pending.as_ref().map(|pending| pending.setting.to_string()),
            held_for: state.held_until.map(|until| until.since(now.tick)),
            not_responding: state.silent_since.is_some(),
        }
    }

    /// Brings the snapshot up to date; called as often as it is drawn.
    fn refresh(&mut self, agent: &Agent, now: Now) {
        let count = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
        let score = self.shared.borrow().score.clone();
        let mut readings: Vec<_> = (0..count(self.config.sensors.len()))
            .map(|index| self.reading(index, agent, now, &score))
            .collect();
        readings.sort_by_key(|reading| reading.goal.is_none());
        let actuators = (0..count(self.config.actuators.len()))
            .map(|index| self.actuator(index, agent, now))
            .collect();
        let counters = agent.counters();
        let mut shared = self.shared.borrow_mut();
        let snapshot = &mut shared.snapshot;
        snapshot.readings = readings;
        snapshot.actuators = actuators;
        snapshot.hours = now.tick.0 as f64 / 3.6e6;
        snapshot.time = format!("day {}, {}", now.tick.0 / 86_400_000 + 1, clock_time(now));
        snapshot.share = (score.samples > 0).then(|| score.share());
        snapshot.mind = MindView {
            state: agent.mind_word().word().into(),
            calls: counters.asked,
            model: self.config.mind.as_ref().map_or(String::new(), |mind| mind.model.clone()),
            last: snapshot.mind.last,
        };
        snapshot.commands = CommandCounts {
            sent: counters.sent,
            confirmed: counters.confirmed,
            refused: counters.refused,
            open: agent.open_steps() as u64,
        };
    }
}

impl Observer for Watch {
    fn applied(&mut self, agent: &Agent, now: Now, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Report { report: Report::Decision { decision, .. }, .. } => {
                    self.remember(decision, now);
                }
                Effect::Report { report: Report::Status(_), .. } => self.on_bus = true,
                _ => {}
            }
        }
        if !self.begun && self.on_bus && agent.mind_word() != MindWord::Loading {
            self.begun = true;
            self.begin.notify_one();
        }
        self.sample(agent, now);
        self.refresh(agent, now);
        self.page.applied(agent, now, effects);
    }
}

fn clock_time(now: Now) -> String {
    let minutes = now.unix_ms.rem_euclid(86_400_000) / 60_000;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Why this choice, in words for the view.
fn why(decision: &Decision) -> String {
    let chosen = &decision.candidates[decision.chosen];
    let many = decision.candidates.len();
    let voice = match (decision.by, chosen.probability) {
        (Decider::Rule, _) => return String::new(),
        (Decider::Cloud, _) => "the model in the cloud chose it".to_string(),
        (Decider::Mind, Some(p)) => format!("the mind chose it, p {p:.2}"),
        (_, Some(p)) if decision.candidates.iter().all(|one| one.probability <= Some(p)) => {
            format!("the mind agreed, p {p:.2}")
        }
        (_, Some(p)) => format!("the mind was not sure, p {p:.2}"),
        (_, None) => "no other way came near".to_string(),
    };
    let guard = if decision.guard == "passed" {
        String::new()
    } else {
        format!("; guard: {}", decision.guard)
    };
    format!("utility {:.2} of {many} candidates; {voice}{guard}", chosen.utility)
}

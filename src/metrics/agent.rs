//! What the agent knows and did. Copied once a second by the loop that owns the agent, so that who
//! asks for the page never makes the agent wait.

use std::fmt::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::{Labels, Pen, number};
use crate::agent::{Agent, Counters, Effect, GoalReport, MindWord, Report, level};
use crate::clock::{ClockTrust, Now};
use crate::config::Config;
use crate::domain::{ActuatorId, CommandState, Entry, SensorId, Severity, Value};

/// How often the state is copied.
const COPY_EVERY: Duration = Duration::from_secs(1);
/// First bucket of the mind's times: 10 ms, faster than a board reads a decision.
const MIND_BUCKET_S: f64 = 0.01;
/// Each bucket is twice the one before: 10 ms to 10 s, far beyond any deadline.
const MIND_BUCKETS: u16 = 11;

/// The agent as it was.
#[derive(Debug, Default)]
struct Snapshot {
    counters: Counters,
    mode: &'static str,
    on_bus: bool,
    clock_synced: bool,
    mind: &'static str,
    /// Value, where it is known and a number, and age in seconds, where it ever spoke.
    sensors: Vec<(Option<f64>, Option<f64>)>,
    /// Whether it drifts, where it has partners.
    drifting: Vec<Option<bool>>,
    /// Level from 0 to 1, where it is known, and whether it does not respond.
    actuators: Vec<(Option<f64>, bool)>,
    goals: Vec<GoalReport>,
    open_commands: usize,
    open_approvals: usize,
}

#[derive(Debug)]
struct Inner {
    config: Arc<Config>,
    started: Instant,
    /// When the agent last dealt with an event, and when it was last copied.
    seen: Mutex<(Option<Instant>, Option<Instant>)>,
    snapshot: Mutex<Snapshot>,
    ended: [Counter; 4],
    said: [Counter; 3],
    tokens: Counter,
    mind_s: Histogram,
}

/// What the agent knows and did. Clones are the same.
#[derive(Clone, Debug)]
pub struct AgentMeters(Arc<Inner>);

const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Alarm];
const ENDS: [CommandState; 4] =
    [CommandState::Succeeded, CommandState::Failed, CommandState::Rejected, CommandState::Expired];
const MIND_WORDS: [MindWord; 5] =
    [MindWord::Off, MindWord::Loading, MindWord::Ready, MindWord::Missing, MindWord::Failed];
const WINDOWS: [&str; 3] = ["hour", "day", "week"];

impl AgentMeters {
    pub(super) fn new(config: &Arc<Config>) -> AgentMeters {
        AgentMeters(Arc::new(Inner {
            config: Arc::clone(config),
            started: Instant::now(),
            seen: Mutex::default(),
            snapshot: Mutex::default(),
            ended: Default::default(),
            said: Default::default(),
            tokens: Counter::default(),
            mind_s: Histogram::new(exponential_buckets(MIND_BUCKET_S, 2.0, MIND_BUCKETS)),
        }))
    }

    /// The agent has dealt with an event, and this came of it.
    pub fn applied(&self, agent: &Agent, now: Now, effects: &[Effect]) {
        for effect in effects {
            self.count(effect);
        }
        let at = Instant::now();
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0 = Some(at);
        if seen.1.is_some_and(|copied| at - copied < COPY_EVERY) {
            return;
        }
        seen.1 = Some(at);
        drop(seen);
        let copy = self.copy(agent, now);
        *self.0.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = copy;
    }

    /// Counts by the journal's entries: a state that is published again is not another one.
    fn count(&self, effect: &Effect) {
        match effect {
            Effect::Record { entry: Entry::Event { severity, .. }, .. } => {
                if let Some(place) = SEVERITIES.iter().position(|one| one == severity) {
                    self.0.said[place].inc();
                }
            }
            Effect::Record { entry: Entry::Command { state, .. }, .. } => {
                if let Some(place) = ENDS.iter().position(|one| one == state) {
                    self.0.ended[place].inc();
                }
            }
            Effect::Report { report: Report::Decision { decision, .. }, .. } => {
                if let Some(voice) = decision.model.as_ref().filter(|voice| voice.cost.is_none()) {
                    self.0.tokens.inc_by(u64::from(voice.prompt_tokens));
                    self.0.mind_s.observe(voice.ms / 1e3);
                }
            }
            _ => {}
        }
    }

    fn copy(&self, agent: &Agent, now: Now) -> Snapshot {
        let config = &self.0.config;
        let sensors = (0u16..).zip(&config.sensors).map(|(index, sensor)| {
            let state = agent.world().sensor(SensorId(index));
            let value = match state.known(sensor.every, now.tick) {
                Some(Value::Number(number)) => Some(*number),
                Some(Value::Bool(yes)) => Some(f64::from(u8::from(*yes))),
                Some(Value::Text(_)) | None => None,
            };
            (value, state.heard().map(|at| now.tick.since(at).as_secs_f64()))
        });
        let actuators = (0u16..).zip(&config.actuators).map(|(index, actuator)| {
            let state = agent.world().actuator(ActuatorId(index));
            let level = state.confirmed.as_ref().map(|setting| level(actuator, setting));
            (level, state.silent_since.is_some())
        });
        Snapshot {
            counters: agent.counters(),
            mode: agent.mode().word(),
            on_bus: agent.is_on_bus(),
            clock_synced: now.trust == ClockTrust::Synced,
            mind: agent.mind_word().word(),
            sensors: sensors.collect(),
            drifting: (0u16..)
                .zip(&config.sensors)
                .map(|(index, _)| agent.drifting(SensorId(index)))
                .collect(),
            actuators: actuators.collect(),
            goals: agent.goal_reports(),
            open_commands: agent.open_commands(),
            open_approvals: agent.open_approvals(),
        }
    }
}

impl Collector for AgentMeters {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let inner = &*self.0;
        let mut pen = Pen(encoder);
        let version = env!("CARGO_PKG_VERSION");
        let build = [("version", version), ("device", inner.config.device.name.as_str())];
        pen.gauges("outpost_build_info", "Program and board.", [(build, 1.0)])?;
        let uptime_s = inner.started.elapsed().as_secs_f64();
        pen.gauge("outpost_uptime_seconds", "Since the program started.", uptime_s)?;
        let (seen, copied) = *inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing yet: as long as the program runs.
        let idle_s = seen.unwrap_or(inner.started).elapsed().as_secs_f64();
        let help = "Since the agent last dealt with an event; it does at least every minute.";
        pen.gauge("outpost_agent_idle_seconds", help, idle_s)?;
        let Some(copied) = copied else { return Ok(()) };
        let old_s = copied.elapsed().as_secs_f64();
        let snapshot = inner.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        state(&mut pen, &snapshot)?;
        work(&mut pen, &snapshot.counters)?;
        escalations(&mut pen, &snapshot.counters)?;
        place(&mut pen, &inner.config, &snapshot, old_s)?;
        goals(&mut pen, &snapshot.goals)?;
        drop(snapshot);
        inner.people(&mut pen)?;
        inner.mind(&mut pen)
    }
}

impl Inner {
    fn people(&self, pen: &mut Pen<'_>) -> Result<(), Error> {
        let ends = ENDS.iter().zip(&self.ended);
        let ends = ends.map(|(state, count)| ([("state", state.word())], number(count)));
        let help = "Operators' commands that ended, by state.";
        pen.counters("outpost_operator_commands", help, ends)?;
        let said = SEVERITIES.iter().zip(&self.said);
        let said = said.map(|(severity, count)| ([("severity", severity.word())], number(count)));
        pen.counters("outpost_events", "Events said, by severity.", said)
    }

    fn mind(&self, pen: &mut Pen<'_>) -> Result<(), Error> {
        let help = "Tokens that the mind read for decisions.";
        pen.counter("outpost_mind_tokens_read", help, number(&self.tokens))?;
        let name = "outpost_mind_decision_seconds";
        let help = "From question to answer of the mind.";
        let family = pen.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        self.mind_s.encode(family)
    }
}

/// What state everything is in.
fn state(pen: &mut Pen<'_>, snapshot: &Snapshot) -> Result<(), Error> {
    let yes = |yes: bool| f64::from(u8::from(yes));
    pen.gauge("outpost_bus_connected", "1 while the bus is there.", yes(snapshot.on_bus))?;
    let help = "1 while the wall clock is trusted.";
    pen.gauge("outpost_clock_synced", help, yes(snapshot.clock_synced))?;
    let modes = ["observe", "advise", "act"].map(|word| {
        let label: Labels<'_, 1> = [("mode", word)];
        (label, yes(word == snapshot.mode))
    });
    pen.gauges("outpost_mode", "1 for the mode in force.", modes)?;
    let minds =
        MIND_WORDS.map(|word| ([("state", word.word())], yes(word.word() == snapshot.mind)));
    pen.gauges("outpost_mind_state", "1 for the state that the mind is in.", minds)?;
    let help = "Operators' commands that have not ended.";
    pen.gauge("outpost_operator_commands_open", help, snapshot.open_commands as f64)?;
    let help = "Commands that wait for a person's approval.";
    pen.gauge("outpost_approvals_open", help, snapshot.open_approvals as f64)
}

/// What was done since the start.
fn work(pen: &mut Pen<'_>, counters: &Counters) -> Result<(), Error> {
    let decisions = [
        ("rule", counters.by_rule),
        ("planner", counters.by_planner),
        ("mind", counters.by_mind),
        ("cloud", counters.by_cloud),
        ("people", counters.by_people),
    ];
    let by = decisions.map(|(by, count)| ([("by", by)], count as f64));
    pen.counters("outpost_decisions", "Decisions, by whose voice made them.", by)?;
    let questions =
        [("answered", counters.answered), ("late", counters.dropped), ("unsure", counters.unsure)];
    let questions = questions.map(|(result, count)| ([("result", result)], count as f64));
    let help = "Answers of the mind: in time, too late, and of those in time under `trust`.";
    pen.counters("outpost_mind_answers", help, questions)?;
    let help = "Questions to the mind.";
    pen.counter("outpost_mind_questions", help, counters.asked as f64)?;
    let commands = [
        ("sent", counters.sent),
        ("confirmed", counters.confirmed),
        ("unconfirmed", counters.unconfirmed),
        ("refused", counters.refused),
    ];
    let commands = commands.map(|(state, count)| ([("state", state)], count as f64));
    let help = "Commands to devices: sent, of these confirmed or given up; refused by the guard.";
    pen.counters("outpost_device_commands", help, commands)?;
    pen.counter("outpost_readings", "Readings used.", counters.readings as f64)?;
    let help = "Readings used that the configuration keeps from the journal.";
    pen.counter("outpost_readings_thinned", help, counters.thinned as f64)?;
    let help = "Payloads that were not believed.";
    pen.counter("outpost_payload_faults", help, counters.faults as f64)
}

/// What nobody here was sure of.
fn escalations(pen: &mut Pen<'_>, counters: &Counters) -> Result<(), Error> {
    let all = counters.escalations;
    let help = "Decisions that nobody here was sure of, whether the cloud was asked or not.";
    pen.counter("outpost_escalations_wanted", help, all.wanted as f64)?;
    let ends = [
        ("changed", all.changed),
        ("agreed", all.agreed),
        ("refused", all.refused),
        ("moved", all.moved),
        ("unreadable", all.unreadable),
        ("failed", all.failed),
        ("late", all.late),
        ("held", all.held),
    ];
    let ends = ends.map(|(result, count)| ([("result", result)], count as f64));
    let help = "What came of them; held: not asked, by the budget, a pause or an open question.";
    pen.counters("outpost_escalations", help, ends)?;
    let help = "What the answers cost, in the unit of the configuration's prices.";
    pen.counter("outpost_escalations_cost", help, all.cost_micros as f64 / 1e6)
}

/// Sensors and actuators.
fn place(pen: &mut Pen<'_>, config: &Config, snapshot: &Snapshot, old_s: f64) -> Result<(), Error> {
    let sensors = || config.sensors.iter().zip(&snapshot.sensors);
    let values = sensors().filter_map(|(sensor, (value, _))| {
        Some(([("sensor", sensor.name.as_str()), ("unit", sensor.unit.as_str())], (*value)?))
    });
    pen.gauges("outpost_sensor_value", "Value, while it is known.", values)?;
    let ages = sensors().filter_map(|(sensor, (_, age_s))| {
        Some(([("sensor", sensor.name.as_str())], (*age_s)? + old_s))
    });
    pen.gauges("outpost_sensor_age_seconds", "Since a reading was believed.", ages)?;
    let drifting = config.sensors.iter().zip(&snapshot.drifting).filter_map(|(sensor, drifts)| {
        Some(([("sensor", sensor.name.as_str())], f64::from(u8::from((*drifts)?))))
    });
    let help = "1 while it drifts away from those that `median` or `mean` joins it with.";
    pen.gauges("outpost_sensor_drifting", help, drifting)?;
    let actuators = || config.actuators.iter().zip(&snapshot.actuators);
    let levels = actuators()
        .filter_map(|(one, (level, _))| Some(([("actuator", one.name.as_str())], (*level)?)));
    pen.gauges("outpost_actuator_level", "Confirmed level, 0 to 1.", levels)?;
    let silent = actuators().map(|(one, (_, silent))| {
        ([("actuator", one.name.as_str())], f64::from(u8::from(*silent)))
    });
    pen.gauges("outpost_actuator_silent", "1 while it does not respond.", silent)
}

fn goals(pen: &mut Pen<'_>, goals: &[GoalReport]) -> Result<(), Error> {
    let satisfied = goals.iter().filter_map(|goal| {
        Some(([("goal", goal.name.as_str())], f64::from(u8::from(goal.satisfied?))))
    });
    let help = "1 where it is kept, 0 where not; none where unknown or not in force.";
    pen.gauges("outpost_goal_satisfied", help, satisfied)?;
    let gaps = goals.iter().filter_map(|goal| Some(([("goal", goal.name.as_str())], goal.gap?)));
    pen.gauges("outpost_goal_gap", "How far outside, in the sensor's unit.", gaps)?;
    let shares = goals.iter().flat_map(|goal| {
        let windows = WINDOWS.iter().zip(goal.share);
        windows.filter_map(|(window, share)| {
            Some(([("goal", goal.name.as_str()), ("window", *window)], share?))
        })
    });
    let help = "Share of the known time in which it was kept, 0 to 1.";
    pen.gauges("outpost_goal_satisfied_share", help, shares)
}

//! What a page and `outpost top` show of a running agent: its state as JSON some times a second,
//! decisions and events as they come, and a way for commands. The loop that owns the agent copies;
//! it waits for nobody.
//!
//! What must never be here: HTTP; a decision; a command that does not take the way of every other.

mod window;

pub use window::{Window, open_window, window_path};

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::sync::{broadcast, mpsc, watch};

use crate::agent::{Agent, Effect, Report, level};
use crate::clock::Now;
use crate::config::{self, Actuator, ActuatorKind, Aim, Config, Sensor, SensorKind};
use crate::domain::{ActuatorId, Entry, SensorId};
use crate::journal::{self, Stamp};
use crate::limits::{LIVE_COMMANDS_MAX, LIVE_NEWS_MAX};

/// How often the state is copied while somebody looks: twice a second reads as at once.
const COPY_EVERY: Duration = Duration::from_millis(500);
/// The same while nobody does, so that who comes sees something at once.
const COPY_UNSEEN_EVERY: Duration = Duration::from_secs(2);

/// A command of somebody at the page, as on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Kind of device command.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// The agent's side: copies.
pub struct Live {
    config: Arc<Config>,
    boot: u64,
    state: watch::Sender<Arc<str>>,
    wishes: watch::Sender<Arc<Config>>,
    news: broadcast::Sender<Arc<str>>,
    copied: Option<Instant>,
    /// How updates stand; nothing where no launcher started us.
    update: Json,
}

/// The page's side. Clones are the same.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The state, as JSON; empty before the agent's first event. Whoever subscribes looks: it is
    /// copied less often while nobody does.
    pub state: watch::Sender<Arc<str>>,
    /// The configuration of the file.
    pub file: Arc<Config>,
    /// The same with the rules and notes that operators changed: what is in force.
    pub wishes: watch::Sender<Arc<Config>>,
    /// Decisions, events and states of commands, each as JSON with a key that says which.
    pub news: broadcast::Sender<Arc<str>>,
    /// How accepted devices stand to their announcements, as JSON; empty where nobody watches.
    pub devices: watch::Sender<Arc<str>>,
    /// Commands go in here.
    pub commands: mpsc::Sender<Asked>,
}

/// Both sides, and where the commands come out.
#[must_use]
pub fn open(config: &Arc<Config>, boot: u64) -> (Live, Viewer, mpsc::Receiver<Asked>) {
    let state = watch::Sender::new(Arc::from(""));
    let (news, _) = broadcast::channel(LIVE_NEWS_MAX);
    let (commands, asked) = mpsc::channel(LIVE_COMMANDS_MAX);
    let wishes = watch::Sender::new(Arc::clone(config));
    let viewer = Viewer {
        state: state.clone(),
        file: Arc::clone(config),
        wishes: wishes.clone(),
        news: news.clone(),
        devices: watch::Sender::new(Arc::from("")),
        commands,
    };
    let config = Arc::clone(config);
    (Live { config, boot, state, wishes, news, copied: None, update: Json::Null }, viewer, asked)
}

impl Live {
    /// How updates stand has changed.
    pub fn updated(&mut self, report: &Json) {
        self.update = report.clone();
        self.update["follows"] =
            json!(self.config.update.follow && self.config.update.from.is_some());
        self.copied = None;
    }

    /// The agent has dealt with an event, and this came of it.
    pub fn applied(&mut self, agent: &Agent, now: Now, effects: &[Effect]) {
        // Before the news of the change: who hears of it asks for this.
        if !Arc::ptr_eq(agent.config(), &self.wishes.borrow()) {
            self.wishes.send_replace(Arc::clone(agent.config()));
        }
        // Nobody listens: nothing is made.
        if self.news.receiver_count() > 0 {
            let lines = effects.iter().filter_map(|effect| self.line(effect, now));
            lines.for_each(|line| drop(self.news.send(Arc::from(line.to_string()))));
        }
        let pause = if self.state.receiver_count() > 0 { COPY_EVERY } else { COPY_UNSEEN_EVERY };
        let at = Instant::now();
        if self.copied.is_some_and(|copied| at - copied < pause) {
            return;
        }
        self.copied = Some(at);
        match self.state(agent, now) {
            Ok(state) => drop(self.state.send_replace(Arc::from(state))),
            Err(error) => tracing::error!(%error, "the state for the page cannot be written"),
        }
    }

    fn line(&self, effect: &Effect, now: Now) -> Option<Json> {
        match effect {
            Effect::Report { report: Report::Decision { seq, decision }, .. } => {
                let stamp = Stamp { seq: *seq, boot: self.boot, now };
                Some(json!({"decision": journal::decision_json(decision, stamp)}))
            }
            Effect::Record { entry: Entry::Event { kind, text, severity }, .. } => {
                let at = journal::rfc3339(now.unix_ms);
                let (text, severity) = (text.as_str(), severity.word());
                Some(json!({"event": {"kind": kind, "text": text, "severity": severity, "at": at}}))
            }
            Effect::Record { entry: Entry::Command { kind, id, state, reason }, .. } => {
                let state = state.word();
                Some(json!({"command": {"kind": kind, "id": id, "state": state, "reason": reason}}))
            }
            _ => None,
        }
    }

    /// As text at once: a tree of JSON with an entry for each sensor, every two seconds, cost a
    /// kilobyte a sensor.
    fn state(&self, agent: &Agent, now: Now) -> serde_json::Result<String> {
        let status = agent.status();
        let (sensors, actuators) = (&self.config.sensors, &self.config.actuators);
        let reports = agent.goal_reports().into_iter().zip(agent.goals_in_force());
        let goals = reports.map(|(report, goal)| {
            json!({"name": report.name, "satisfied": report.satisfied, "gap": report.gap,
                "forecast_gap": report.forecast_gap, "share": report.share,
                "put": config::goal_to_json(goal, &self.config)})
        });
        let approvals = agent.approvals().iter().map(|waits| {
            let actuator = &self.config.actuators[usize::from(waits.actuator.0)];
            json!({"id": waits.id, "actuator": actuator.name, "value": waits.setting.to_string(),
                "cause": waits.cause, "left_s": waits.until.since(now.tick).as_secs()})
        });
        let shown = agent.shown().iter().map(|waits| {
            json!({"id": waits.id, "actuator": waits.kind, "value": waits.words,
                "cause": waits.cause, "left_s": waits.until.since(now.tick).as_secs()})
        });
        let proposals = agent.proposals().iter().map(|waits| {
            json!({"id": waits.id, "actuator": "note", "value": waits.words, "cause": waits.cause,
                "left_s": waits.until.since(now.tick).as_secs()})
        });
        serde_json::to_string(&State {
            device: self.config.device.name.as_str(),
            version: env!("CARGO_PKG_VERSION"),
            at: journal::rfc3339(now.unix_ms),
            clock: now.trust.word(),
            mode: status.mode.word(),
            effort: status.effort.word(),
            bus: agent.is_on_bus(),
            mind: json!({"word": status.mind.word(), "text": agent.mind_text()}),
            sensors: Each(|| (0u16..).zip(sensors).map(|(id, one)| seen(one, id, agent, now))),
            actuators: Each(|| {
                (0u16..).zip(actuators).map(|(id, _)| self.actuator(id, agent, now))
            }),
            goals: goals.collect(),
            approvals: approvals.chain(shown).chain(proposals).collect(),
            update: &self.update,
        })
    }

    fn actuator(&self, id: u16, agent: &Agent, now: Now) -> Json {
        let actuator = &self.config.actuators[usize::from(id)];
        let state = agent.world().actuator(ActuatorId(id));
        json!({
            "name": actuator.name,
            "kind": kind(actuator),
            "setting": state.confirmed.as_ref().map(ToString::to_string),
            "level": state.confirmed.as_ref().map(|setting| level(actuator, setting)),
            "pending": state.pending.as_ref().map(|pending| pending.setting.to_string()),
            "by": state.owner.map(crate::domain::Decider::word),
            "held_s": state.held_until.map(|until| until.since(now.tick).as_secs()),
            "silent": state.silent_since.is_some(),
            "asks": actuator.ask_human,
        })
    }
}

/// The agent's state, as the page reads it.
#[derive(Serialize)]
struct State<'a, S: Serialize, A: Serialize> {
    device: &'a str,
    version: &'static str,
    at: String,
    clock: &'static str,
    mode: &'static str,
    effort: &'static str,
    bus: bool,
    mind: Json,
    sensors: S,
    actuators: A,
    goals: Vec<Json>,
    approvals: Vec<Json>,
    update: &'a Json,
}

/// A list that is made while it is written.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0())
    }
}

/// A sensor, as the page reads it.
#[derive(Serialize)]
struct Seen<'a> {
    name: &'a str,
    unit: &'a str,
    value: Option<Json>,
    band: Option<Band<'a>>,
    number: bool,
    per_hour: Option<f64>,
    age_s: Option<u64>,
}

/// What a goal wants of a sensor.
#[derive(Serialize)]
struct Band<'a> {
    goal: &'a str,
    min: Option<f64>,
    max: Option<f64>,
}

fn seen<'a>(sensor: &'a Sensor, id: u16, agent: &'a Agent, now: Now) -> Seen<'a> {
    let state = agent.world().sensor(SensorId(id));
    let band = agent.goals_in_force().iter().find_map(|goal| match &goal.aim {
        Aim::Keep { sensor, min, max } if sensor.0 == id => {
            Some(Band { goal: &goal.name, min: *min, max: *max })
        }
        _ => None,
    });
    Seen {
        name: &sensor.name,
        unit: &sensor.unit,
        value: state.known(sensor.every, now.tick).map(journal::value_json),
        band,
        number: sensor.kind == SensorKind::Number,
        per_hour: state.estimate(sensor.every, now.tick).map(|estimate| estimate.slope * 3600.0),
        age_s: state.heard().map(|at| now.tick.since(at).as_secs()),
    }
}

/// What an actuator can be set to.
fn kind(actuator: &Actuator) -> Json {
    match &actuator.kind {
        ActuatorKind::Switch => json!({"word": "switch"}),
        ActuatorKind::Pulse { max } => json!({"word": "pulse", "max_s": max.as_secs()}),
        ActuatorKind::Level { min, max, step } => {
            json!({"word": "level", "min": min, "max": max, "step": step})
        }
        ActuatorKind::Choice { options } => json!({"word": "choice", "options": options}),
    }
}

//! What `outpost top` knows of a running agent: the lines that it heard, as values to draw.
//!
//! Names and texts are made harmless here, before anything else sees them. What must never be
//! here: a terminal, a socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::board::Senses;
use crate::discover::is_harmless;
use crate::domain::{CALL, figure};
use crate::limits::{LOOK_SILENT_MS, TOP_STORY_MAX};

/// Something that was heard.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The agent's window is open.
    Found,
    /// A line of it.
    Line(Json),
    /// Decisions and events of the journal, each as a line of the window would be.
    Past(Vec<Json>),
    /// There is no agent, or none any more, and why.
    Lost(String),
    /// How the board feels.
    Board(Senses),
}

/// The agent's state.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct State {
    pub device: String,
    pub version: String,
    pub at: String,
    pub clock: String,
    pub mode: String,
    pub effort: String,
    pub bus: bool,
    pub mind: Mind,
    pub sensors: Vec<Sensor>,
    pub actuators: Vec<Actuator>,
    pub goals: Vec<Goal>,
    pub approvals: Vec<Approval>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Mind {
    pub word: String,
    pub text: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sensor {
    pub name: String,
    pub unit: String,
    pub value: Json,
    pub band: Option<Band>,
    pub per_hour: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Band {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Actuator {
    pub name: String,
    pub setting: Option<String>,
    pub level: Option<f64>,
    pub pending: Option<String>,
    pub by: Option<String>,
    pub held_s: Option<u64>,
    pub silent: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Goal {
    pub name: String,
    pub satisfied: Option<bool>,
    pub gap: Option<f64>,
    pub forecast_gap: Option<f64>,
    /// Of the last hour, day and week.
    pub share: [Option<f64>; 3],
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Approval {
    pub id: String,
    pub actuator: String,
    pub value: String,
    pub left_s: u64,
}

/// A decision, as its record is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Decision {
    pub id: String,
    pub at: String,
    pub seq: u64,
    pub cause: String,
    pub facts: Vec<String>,
    pub notes: Vec<String>,
    pub candidates: Vec<Candidate>,
    pub chosen: usize,
    pub by: String,
    pub guard: String,
    pub model: Option<Voice>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Candidate {
    pub set: Map<String, Json>,
    pub text: String,
    pub predicted: Map<String, Json>,
    pub cost: Option<f64>,
    pub utility: Option<f64>,
    pub p: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Voice {
    pub id: String,
    pub adapter: String,
    pub prompt_tokens: u64,
    pub ms: f64,
    pub remembered: bool,
}

/// Something that was said: an alarm, an escalation, a fault.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Said {
    pub kind: String,
    pub text: String,
    pub severity: String,
    pub at: String,
}

impl Decision {
    /// What was chosen, in words.
    pub fn choice(&self) -> String {
        self.candidates.get(self.chosen).map_or_else(|| "nothing".into(), Candidate::words)
    }
}

impl Candidate {
    /// What it would set, in words.
    pub fn words(&self) -> String {
        if self.set.is_empty() {
            return if self.text == CALL { CALL.into() } else { "nothing".into() };
        }
        let each = self.set.iter().map(|(name, to)| format!("{} {}", words(name), bare(to)));
        each.collect::<Vec<_>>().join(", ")
    }

    /// What is expected of it, in words.
    pub fn expected(&self) -> String {
        let each = self.predicted.iter().map(|(name, value)| {
            let value = value.as_f64().map_or_else(|| "unknown".into(), number);
            format!("{} {value}", words(name))
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

impl Sensor {
    /// Its value with its unit, in words; `None` while unknown.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Json::Null => None,
            Json::Bool(yes) => Some(if *yes { "yes" } else { "no" }.into()),
            Json::Number(value) => {
                let value = value.as_f64().map_or_else(|| value.to_string(), number);
                Some(format!("{value} {}", self.unit).trim_end().into())
            }
            other => Some(bare(other)),
        }
    }
}

/// A name as words.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn bare(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(value) => value.as_f64().map_or_else(|| value.to_string(), number),
        other => other.to_string(),
    }
}

/// A number with as many digits as matter.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = figure(value, digits);
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.into()
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `None` before the first one.
    pub state: Option<State>,
    /// The newest first.
    pub decisions: VecDeque<Decision>,
    /// The newest first.
    pub said: VecDeque<Said>,
    /// Why there is no line to the agent; `None` while there is one.
    pub lost: Option<String>,
    /// When the last line came.
    pub heard: Option<Instant>,
    /// The board.
    pub board: Senses,
}

impl Seen {
    /// Takes what was heard.
    pub fn hear(&mut self, heard: Heard, now: Instant) {
        match heard {
            Heard::Found => (self.lost, self.heard) = (None, Some(now)),
            Heard::Line(line) => {
                self.heard = Some(now);
                self.take(line);
            }
            Heard::Past(lines) => {
                // What was said has no number, so the journal's newest take the place of all.
                self.said.clear();
                lines.into_iter().rev().for_each(|line| self.take(line));
            }
            Heard::Lost(reason) => self.lost = Some(plain(&reason)),
            Heard::Board(senses) => self.board = senses,
        }
    }

    fn take(&mut self, line: Json) {
        let Json::Object(line) = harmless(line) else { return };
        // One key a line; what a newer agent says beside is not ours to know.
        for (key, value) in line {
            match key.as_str() {
                "state" => {
                    if let Ok(state) = serde_json::from_value(value) {
                        self.state = Some(state);
                    }
                }
                "decision" => {
                    if let Ok(decision) = serde_json::from_value(value) {
                        self.decided(decision);
                    }
                }
                "event" => {
                    if let Ok(said) = serde_json::from_value(value) {
                        self.said.push_front(said);
                        self.said.truncate(TOP_STORY_MAX);
                    }
                }
                "refused" => self.lost = Some(bare(&value)),
                _ => {}
            }
        }
    }

    fn decided(&mut self, decision: Decision) {
        let newer = |known: &Decision| known.seq > decision.seq;
        let at = self.decisions.partition_point(newer);
        // What the journal tells and what the agent tells may cross.
        if self.decisions.get(at).is_none_or(|known| known.seq != decision.seq) {
            self.decisions.insert(at, decision);
            self.decisions.truncate(TOP_STORY_MAX);
        }
    }

    /// How long the agent has not said a word that ought to come twice a second; `None` while it
    /// speaks, and where there is no line at all.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.heard?);
        let is_long = since >= Duration::from_millis(LOOK_SILENT_MS);
        (self.lost.is_none() && is_long).then_some(since)
    }
}

/// A text without characters that move a cursor or turn the direction of writing.
fn plain(text: &str) -> String {
    let each = text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c });
    each.filter(|c| is_harmless(*c)).collect()
}

/// The same of all texts and names within.
fn harmless(line: Json) -> Json {
    match line {
        Json::String(text) => Json::String(plain(&text)),
        Json::Array(all) => Json::Array(all.into_iter().map(harmless).collect()),
        Json::Object(all) => {
            let each = all.into_iter().map(|(key, value)| (plain(&key), harmless(value)));
            Json::Object(each.collect())
        }
        other => other,
    }
}

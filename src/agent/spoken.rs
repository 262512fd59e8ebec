//! An operator's plain words as typed commands, without a model: names come from the
//! configuration, verbs and measures from short lists, and every word must be accounted for. What
//! is left over is said, and then nothing acts before a person has said yes.
//!
//! Orders are for now and for one device. A sentence with a condition, a ban or two devices is
//! refused with what to do instead: guessing at half of it would be worse than nothing. What must
//! never be here: a command that the configuration does not allow, text that reaches a prompt.

use std::time::Duration;

use serde_json::json;

use super::event::Body;
use super::inbox::wanted;
use super::prompt::words as spoken;
use crate::config::{ActuatorKind, Config, Goal, Mode, goal_from_json};
use crate::domain::{ActuatorId, SensorId};
use crate::limits;

/// What was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The command or question.
    pub meaning: Meaning,
    /// Words that nothing was made of. An order with some is not carried out unasked.
    pub unsure: Vec<String>,
}

/// A command or a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Do this. Never another `ask`.
    Do(Box<Body>),
    /// How is this sensor?
    Sensor(SensorId),
    /// How is this actuator, and why?
    Actuator(ActuatorId),
    /// How are the goals?
    Goals,
}

/// A goal in plain words, all of which are understood.
///
/// # Errors
/// Why it is none, in a sentence for the one who wrote it.
pub fn goal_of_words(text: &str, config: &Config) -> Result<Goal, String> {
    let Spoken { meaning, unsure } = hear(text, config)?;
    if !unsure.is_empty() {
        return Err(format!("nothing was made of `{}`: say it without", unsure.join(" ")));
    }
    match meaning {
        Meaning::Do(body) => match *body {
            Body::PutGoal { goal, .. } => Ok(*goal),
            _ => Err("that is an order, no goal: keep … between … and …".into()),
        },
        _ => Err("that is a question, no goal: keep … between … and …".into()),
    }
}

const ASKING: &[&str] = &[
    "why", "what", "how", "is", "are", "when", "which", "who", "did", "does", "tell", "show",
    "was", "do", "were",
];
const ON: &[&str] = &["on", "start", "run", "open", "enable", "begin", "activate"];
const OFF: &[&str] = &["off", "stop", "close", "shut", "disable", "end", "deactivate", "halt"];
const BANS: &[&str] =
    &["not", "don't", "dont", "never", "no", "without", "avoid", "forbid", "prefer"];
const CONDITIONS: &[&str] = &[
    "if", "when", "whenever", "unless", "except", "while", "before", "after", "tomorrow", "every",
    "always", "until", "later", "tonight", "daily", "during", "once",
];
/// Words that carry nothing here.
const FILLERS: &[&str] = &[
    "the",
    "a",
    "an",
    "please",
    "to",
    "in",
    "of",
    "my",
    "our",
    "now",
    "could",
    "you",
    "can",
    "would",
    "set",
    "turn",
    "switch",
    "put",
    "make",
    "it",
    "at",
    "for",
    "just",
    "right",
    "away",
    "let",
    "be",
    "get",
    "go",
    "i",
    "we",
    "want",
    "need",
    "is",
    "are",
    "will",
    "should",
    "have",
    "this",
    "with",
    "up",
    "down",
    "there",
    "us",
    "me",
    "do",
    "kindly",
    "immediately",
    "level",
    "degrees",
];

/// Reads a text.
///
/// # Errors
/// Why it is nothing that can be done, in a sentence for the one who wrote it.
pub fn hear(text: &str, config: &Config) -> Result<Spoken, String> {
    if text.len() > limits::ASK_BYTES_MAX {
        let most = limits::ASK_BYTES_MAX;
        return Err(format!("{} bytes, at most {most} are read", text.len()));
    }
    let mut said = Said::new(text);
    if said.words.is_empty() {
        return Err("there are no words in it".into());
    }
    let sensors = said.take_names(config.sensors.iter().map(|one| one.name.as_str()));
    let actuators = said.take_names(config.actuators.iter().map(|one| one.name.as_str()));
    let first = said.first().unwrap_or_default();
    // "Could you start the fan?" orders; "did the fan start" asks.
    let polite = ["could", "can", "would", "will", "please", "do"].contains(&first);
    let asks = text.trim_end().ends_with('?') || ASKING.contains(&first);
    let asks = asks && !polite;
    if asks {
        return said.question(&sensors, &actuators);
    }
    if let Some(word) = said.any_of(CONDITIONS) {
        let instead = "a condition is a rule, a goal or a note; an order is for now";
        return Err(format!("`{word}`: {instead}"));
    }
    if let Some(word) = said.any_of(BANS) {
        let instead = "a ban or a wish is an interlock, a preference or a `note`, not an order";
        return Err(format!("`{word}`: {instead}"));
    }
    if said.take(&["keep", "hold", "maintain"]) {
        return said.goal(&sensors, config);
    }
    if said.take(&["forget", "remove", "drop"]) && said.take(&["goal"]) {
        return said.removal(config);
    }
    if actuators.is_empty() {
        return said.mode(config);
    }
    said.order(&actuators, config)
}

/// The words of a text that a person wrote, in lower case. A minus belongs to its number.
pub(super) fn split(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('’', "'");
    let pieces = lower.split(|c: char| !(c.is_alphanumeric() || ".'-:".contains(c)));
    let words = pieces.map(|piece| {
        let word = piece.trim_matches(|c| ".'-:".contains(c));
        let minus = piece.starts_with('-') && word.starts_with(|c: char| c.is_ascii_digit());
        if minus { format!("-{word}") } else { word.to_owned() }
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// The words of a text, and which of them are accounted for.
struct Said {
    words: Vec<String>,
    done: Vec<bool>,
}

impl Said {
    fn new(text: &str) -> Self {
        let words = split(text);
        let done = vec![false; words.len()];
        Self { words, done }
    }

    fn first(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    /// The ids of the names that are said in whole, or of which a word is said that no other of
    /// them has. Marks their words.
    fn take_names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Vec<u16> {
        let names: Vec<Vec<String>> = names
            .map(|name| spoken(name).to_lowercase().split(' ').map(str::to_owned).collect())
            .collect();
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(names[*index].len()));
        let mut found = Vec::new();
        for index in order {
            let name = &names[index];
            let fits = |at: usize| {
                self.words[at..].starts_with(name)
                    && !self.done[at..at + name.len()].contains(&true)
            };
            let at = (0..(self.words.len() + 1).saturating_sub(name.len())).find(|at| fits(*at));
            if let Some(at) = at {
                self.done[at..at + name.len()].fill(true);
                found.push(index);
            }
        }
        if found.is_empty() {
            found.extend(self.take_single(&names));
        }
        found.iter().filter_map(|index| u16::try_from(*index).ok()).collect()
    }

    /// A name by one word of it.
    fn take_single(&mut self, names: &[Vec<String>]) -> Option<usize> {
        for at in 0..self.words.len() {
            let word = &self.words[at];
            let mut having = (0..names.len()).filter(|index| names[*index].contains(word));
            if let (Some(index), None, false) = (having.next(), having.next(), self.done[at]) {
                self.done[at] = true;
                return Some(index);
            }
        }
        None
    }

    fn any_of(&self, list: &[&str]) -> Option<String> {
        let free = self.words.iter().zip(&self.done).filter(|(_, done)| !**done);
        free.map(|(word, _)| word.clone()).find(|word| list.contains(&word.as_str()))
    }

    /// Whether one of these words is said; marks all of them.
    fn take(&mut self, list: &[&str]) -> bool {
        let mut any = false;
        for (word, done) in self.words.iter().zip(&mut self.done) {
            if !*done && list.contains(&word.as_str()) {
                (*done, any) = (true, true);
            }
        }
        any
    }

    /// The number behind one of these words, or behind none of them anywhere; marks both.
    fn take_number(&mut self, behind: &[&str]) -> Option<f64> {
        for at in 0..self.words.len() {
            let number = number(&self.words[at]).filter(|_| !self.done[at]);
            let led = || at > 0 && behind.contains(&self.words[at - 1].as_str());
            if let Some(number) = number.filter(|_| behind.is_empty() || led()) {
                self.done[at] = true;
                if led() {
                    self.done[at - 1] = true;
                }
                return Some(number);
            }
        }
        None
    }

    /// `for 20 minutes`, `for half an hour`.
    fn take_duration(&mut self) -> Option<Duration> {
        let unit_s = |word: &str| match word.trim_end_matches('s') {
            "second" | "sec" => Some(1.0),
            "minute" | "min" => Some(60.0),
            "hour" | "h" => Some(3600.0),
            _ => None,
        };
        let at = (0..self.words.len()).find(|at| unit_s(&self.words[*at]).is_some())?;
        let unit = unit_s(&self.words[at])?;
        let begin = (0..at).rev().find(|before| self.words[*before] == "for")?;
        let count: Vec<&str> = self.words[begin + 1..at].iter().map(String::as_str).collect();
        let count = match count.as_slice() {
            ["a" | "an" | "one"] => 1.0,
            ["half", "a" | "an"] => 0.5,
            [one] => number(one)?,
            _ => return None,
        };
        self.done[begin..=at].fill(true);
        let most = limits::HOLD_S_MAX as f64;
        Some(Duration::from_secs_f64((count * unit).clamp(0.0, most)))
    }

    /// The words that are not accounted for.
    fn unsure(&self) -> Vec<String> {
        let free = self.words.iter().zip(&self.done).filter(|(_, done)| !**done);
        let words = free.map(|(word, _)| word.clone());
        words.filter(|word| !FILLERS.contains(&word.as_str())).collect()
    }

    fn meaning(&self, meaning: Meaning) -> Spoken {
        Spoken { meaning, unsure: self.unsure() }
    }

    fn question(self, sensors: &[u16], actuators: &[u16]) -> Result<Spoken, String> {
        let meaning = match (actuators, sensors) {
            ([one], _) => Meaning::Actuator(ActuatorId(*one)),
            ([], [one]) => Meaning::Sensor(SensorId(*one)),
            ([], []) if self.words.iter().any(|word| word.starts_with("goal")) => Meaning::Goals,
            ([], []) => return Err("I know of sensors, devices and goals by their names".into()),
            _ => return Err("one thing at a time".into()),
        };
        Ok(Spoken { meaning, unsure: Vec::new() })
    }

    /// `keep the air temperature between 18 and 24`.
    fn goal(mut self, sensors: &[u16], config: &Config) -> Result<Spoken, String> {
        let [sensor] = sensors else {
            return Err("a goal is about one sensor, by its name".into());
        };
        let name = &config.sensors[usize::from(*sensor)].name;
        let min = self.take_number(&["between", "from", "above", "over", "than"]);
        let max = match min {
            Some(_) if self.any_of(&["and", "to"]).is_some() => self.take_number(&["and", "to"]),
            _ => None,
        };
        let less = self.take(&["less", "lower", "below", "under", "beneath"]);
        self.take(&["more", "higher", "least", "most", "and"]);
        let (min, max) = match (min, max) {
            (Some(low), Some(high)) => (Some(low), Some(high)),
            (Some(bound), None) if less => (None, Some(bound)),
            (Some(bound), None) => (Some(bound), None),
            (None, _) => match (self.take_number(&[]), less) {
                (Some(bound), true) => (None, Some(bound)),
                _ => return Err("a band is needed: between … and …, above … or below …".into()),
            },
        };
        if self.take_number(&[]).is_some() {
            return Err("there is a number too many in it".into());
        }
        let mut keep = json!({"sensor": name});
        for (key, bound) in [("min", min), ("max", max)] {
            if let Some(bound) = bound {
                keep[key] = json!(bound);
            }
        }
        let unit = config.sensors[usize::from(*sensor)].unit.to_lowercase();
        self.take(&[unit.as_str(), "c", "percent"]);
        let put = json!({"name": format!("asked: {}", spoken(name)), "keep": keep});
        let goal = Box::new(goal_from_json(&put, config)?);
        let body = Body::PutGoal { goal, text: put.to_string() };
        Ok(self.meaning(Meaning::Do(Box::new(body))))
    }

    fn removal(mut self, config: &Config) -> Result<Spoken, String> {
        let asked = config.sensors.iter().map(|one| format!("asked: {}", spoken(&one.name)));
        let names = config.goals.iter().map(|goal| goal.name.clone()).chain(asked);
        let text = self.words.join(" ");
        let bare = |name: &str| name.trim_start_matches("asked: ").to_lowercase();
        let mut named = names.filter(|name| text.contains(&bare(name)));
        let Some(name) = named.next() else {
            return Err("which goal? say its name".into());
        };
        let said: Vec<String> = bare(&name).split(' ').map(str::to_owned).collect();
        self.take(&said.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(self.meaning(Meaning::Do(Box::new(Body::RemoveGoal { name }))))
    }

    fn mode(mut self, config: &Config) -> Result<Spoken, String> {
        for (word, mode) in
            [("observe", Mode::Observe), ("advise", Mode::Advise), ("act", Mode::Act)]
        {
            if self.take(&[word]) {
                self.take(&["mode", "only"]);
                let body = Body::Mode { mode, actuator: None };
                return Ok(self.meaning(Meaning::Do(Box::new(body))));
            }
        }
        let names: Vec<_> = config.actuators.iter().map(|one| spoken(&one.name)).collect();
        Err(format!("no device of mine is named in it: there are {}", names.join(", ")))
    }

    fn order(mut self, actuators: &[u16], config: &Config) -> Result<Spoken, String> {
        let [id] = actuators else {
            return Err("one device at a time: send a sentence for each".into());
        };
        let actuator = &config.actuators[usize::from(*id)];
        let hold = self.take_duration();
        let (on, off) = (self.take(ON), self.take(OFF));
        if on && off {
            return Err("it says both on and off".into());
        }
        let half = self.take(&["half", "halfway"]);
        let full = self.take(&["full", "fully", "maximum", "max"]);
        let number = self.take_number(&[]);
        let value = match &actuator.kind {
            ActuatorKind::Level { min, max, .. } => match number {
                Some(number) => json!(number),
                None if half => json!((min + max) / 2.0),
                None if off => json!(min),
                None if on || full => json!(max),
                None => return Err(format!("to what? {min} to {max}")),
            },
            ActuatorKind::Choice { options } => {
                let option = options.iter().find(|option| self.take(&[&option.to_lowercase()]));
                json!(option.ok_or_else(|| format!("to what? {}", options.join(", ")))?)
            }
            _ if number.is_some() => return Err("it is on or off, without a number".into()),
            _ if on => json!("on"),
            _ if off => json!("off"),
            _ => return Err("on or off?".into()),
        };
        self.take(&["percent"]);
        let setting = wanted(actuator, &value)?;
        let hold = hold.unwrap_or(Duration::from_secs(limits::HOLD_S_DEFAULT));
        let body = Body::Set { actuator: ActuatorId(*id), setting, hold };
        Ok(self.meaning(Meaning::Do(Box::new(body))))
    }
}

fn number(word: &str) -> Option<f64> {
    word.parse::<f64>().ok().filter(|number| number.is_finite())
}

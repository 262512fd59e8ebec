//! An operator's plain words as typed commands, without a model: names come from the
//! configuration, verbs and measures from short lists, and every word must be accounted for. What
//! is left over is said, and then nothing acts before a person has said yes.
//!
//! Orders are for now and for one device. A sentence with a condition, a ban or two devices is
//! refused with what to do instead: guessing at half of it would be worse than nothing. What must
//! never be here: a command that the configuration does not allow, text that reaches a prompt.

mod goals;
mod words;

use std::time::Duration;

use serde_json::json;

use super::event::Body;
use super::inbox::wanted;
use super::prompt::words as spoken;
use words::{
    ABOUT, ASKING, BANS, CONDITIONS, FILLERS, OFF, ON, QUALITIES, READING, count, number, unit_s,
};

use crate::config::{ActuatorKind, Config, Goal, Mode};
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
    let names = |name: &str| -> Vec<String> {
        spoken(name).to_lowercase().split(' ').map(str::to_owned).collect()
    };
    let sensors: Vec<_> = config.sensors.iter().map(|one| names(&one.name)).collect();
    let actuators: Vec<_> = config.actuators.iter().map(|one| names(&one.name)).collect();
    // Whole names first, of both: a word of one may stand in the whole of another.
    let whole = (said.take_whole(&sensors), said.take_whole(&actuators));
    let sensors = said.or_single(whole.0, &sensors);
    let actuators = said.or_single(whole.1, &actuators);
    if let Some(forgetting) = said.removal(config) {
        return forgetting;
    }
    if let Some(mode) = said.mode(&actuators) {
        return Ok(mode);
    }
    let first = said.first().unwrap_or_default();
    // "Could you start the fan?" orders; "did the fan start" asks.
    let polite = ["could", "can", "would", "will", "please", "do"].contains(&first);
    // "When the door opens, …" is a condition.
    let when = first == "when" && !said.words.get(1).is_some_and(|next| ASKING.contains(&&**next));
    let asks = text.trim_end().ends_with('?') || (ASKING.contains(&first) && !when);
    let reads = actuators.is_empty() && !sensors.is_empty() && said.any_of(READING).is_some();
    let status = said.any_of(&["status"]).is_some();
    if (asks && !polite) || status || (reads && !said.has_number()) {
        return said.question(&sensors, &actuators, config);
    }
    if actuators.is_empty() && !sensors.is_empty() && said.wishes() {
        return said.goal(&sensors, config);
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
    if actuators.is_empty() {
        let names: Vec<_> = config.actuators.iter().map(|one| spoken(&one.name)).collect();
        return Err(format!("no device of mine is named in it: there are {}", names.join(", ")));
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
    /// Whether a name was said in whole.
    whole: bool,
}

impl Said {
    fn new(text: &str) -> Self {
        let words = split(text);
        let done = vec![false; words.len()];
        Self { words, done, whole: false }
    }

    fn first(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    /// The names that are said in whole. Marks their words.
    fn take_whole(&mut self, names: &[Vec<String>]) -> Vec<usize> {
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
        self.whole |= !found.is_empty();
        found
    }

    /// The ids of names that were found or, where there are none, of the one of which a word is
    /// said that no other of them has.
    fn or_single(&mut self, mut found: Vec<usize>, names: &[Vec<String>]) -> Vec<u16> {
        if found.is_empty() {
            found.extend(self.take_single(names));
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

    /// `for 20 minutes`, `for half an hour`, `for an hour and a half`.
    fn take_duration(&mut self) -> Result<Option<Duration>, String> {
        let Some(at) = (0..self.words.len()).find(|at| unit_s(&self.words[*at]).is_some()) else {
            return Ok(None);
        };
        let unit = unit_s(&self.words[at]).unwrap_or_default();
        let Some(begin) = (0..at).rev().find(|before| self.words[*before] == "for") else {
            return Ok(None);
        };
        let words: Vec<&str> = self.words[begin + 1..at].iter().map(String::as_str).collect();
        let Some(mut number) = count(&words) else { return Ok(None) };
        let mut end = at + 1;
        if self.words[end..].starts_with(&["and", "a", "half"].map(str::to_owned)) {
            (number, end) = (number + 0.5, end + 3);
        }
        self.done[begin..end].fill(true);
        let (seconds, most) = (number * unit, limits::HOLD_S_MAX);
        match seconds > 0.0 && seconds <= most as f64 {
            true => Ok(Some(Duration::from_secs_f64(seconds))),
            false => Err(format!("for {seconds} s: at most {most} s are held")),
        }
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

    /// Whether a word that is not accounted for is a number.
    fn has_number(&self) -> bool {
        let mut free = self.words.iter().zip(&self.done).filter(|(_, done)| !**done);
        free.any(|(word, _)| number(word).is_some())
    }

    fn question(
        self,
        sensors: &[u16],
        actuators: &[u16],
        config: &Config,
    ) -> Result<Spoken, String> {
        let meaning = match (actuators, sensors) {
            ([one], []) => Meaning::Actuator(ActuatorId(*one)),
            ([one], _) if self.whole => Meaning::Actuator(ActuatorId(*one)),
            ([], [one]) => Meaning::Sensor(SensorId(*one)),
            ([], []) if self.words.iter().any(|word| word.starts_with("goal")) => Meaning::Goals,
            ([], []) => match self.of_quality(config) {
                Some(id) => Meaning::Sensor(id),
                None => return Err("I know of sensors, devices and goals by their names".into()),
            },
            _ => return Err("one thing at a time".into()),
        };
        // One word of a name may be about something else: then nothing else may be unknown.
        let mut strange = self.unsure();
        let quality = |word: &String| QUALITIES.iter().any(|(known, _)| known == word);
        strange.retain(|word| !ABOUT.contains(&word.as_str()) && number(word).is_none());
        strange.retain(|word| !quality(word));
        let ahead = self.any_of(&["tomorrow", "later", "tonight", "yesterday", "if", "would"]);
        if ahead.is_some() || (!self.whole && !strange.is_empty() && meaning != Meaning::Goals) {
            return Err("I know how things are now, of sensors and devices by their names".into());
        }
        Ok(Spoken { meaning, unsure: Vec::new() })
    }

    /// `how warm is it`: the only sensor with that in its name.
    fn of_quality(&self, config: &Config) -> Option<SensorId> {
        let said = |(word, _): &&(&str, &str)| self.words.iter().any(|one| one == word);
        let (_, noun) = QUALITIES.iter().find(said)?;
        let names = config.sensors.iter().map(|one| spoken(&one.name).to_lowercase());
        let mut having =
            names.enumerate().filter(|(_, name)| name.split(' ').any(|it| it == *noun));
        match (having.next(), having.next()) {
            (Some((index, _)), None) => u16::try_from(index).ok().map(SensorId),
            _ => None,
        }
    }

    /// `advise only`, `just watch`, `ask me before you do anything`, for one device or all.
    fn mode(&mut self, actuators: &[u16]) -> Option<Spoken> {
        let before = self.done.clone();
        let asks_first = self.take_run(&["ask", "me", "before", "you", "do", "anything"])
            || self.take_run(&["ask", "me", "first"])
            || self.take_run(&["let", "me", "approve"]);
        let watches = self.take(&["observe", "observing", "watch"]);
        let word = if watches {
            Mode::Observe
        } else if asks_first || self.take(&["advise", "advising"]) {
            Mode::Advise
        } else if self.take(&["act", "acting"]) || self.take_run(&["take", "control"]) {
            Mode::Act
        } else {
            return None;
        };
        if watches {
            self.take_run(&["do", "nothing"]);
            self.take_run(&["stop", "acting"]);
            self.take(&["alone", "leave", "them", "it"]);
        }
        self.take(&[
            "mode", "only", "yourself", "again", "back", "from", "on", "may", "your", "own",
            "into", "what", "you", "do",
        ]);
        let actuator = match actuators {
            [] => None,
            [one] => Some(ActuatorId(*one)),
            _ => {
                self.done = before;
                return None;
            }
        };
        Some(self.meaning(Meaning::Do(Box::new(Body::Mode { mode: word, actuator }))))
    }

    /// Whether these words are said one after the other; marks them.
    fn take_run(&mut self, run: &[&str]) -> bool {
        let same = |at: usize| self.words[at..at + run.len()].iter().zip(run).all(|(a, b)| a == b);
        let at = (0..(self.words.len() + 1).saturating_sub(run.len())).find(|at| same(*at));
        if let Some(at) = at {
            self.done[at..at + run.len()].fill(true);
        }
        at.is_some()
    }

    fn order(mut self, actuators: &[u16], config: &Config) -> Result<Spoken, String> {
        let [id] = actuators else {
            return Err("one device at a time: send a sentence for each".into());
        };
        let actuator = &config.actuators[usize::from(*id)];
        let hold = self.take_duration()?;
        let named: Vec<String> = self.words.clone();
        let (up, down) = (self.take_run(&["power", "up"]), self.take_run(&["power", "down"]));
        let (on, off) = (self.take(ON) || up, self.take(OFF) || down);
        self.take_run(&["go", "ahead", "and"]);
        if on && off {
            return Err("it says both on and off".into());
        }
        let half = self.take(&["half", "halfway"]);
        let quarter = self.take(&["quarter"]);
        let full = self.take(&["full", "fully", "maximum", "max"])
            || self.any_of(&["up"]).is_some() && self.any_of(&["way"]).is_some();
        let number = self.take_number(&[]);
        let value = match &actuator.kind {
            ActuatorKind::Level { min, max, .. } => match number {
                Some(number) => json!(number),
                None if half => json!((min + max) / 2.0),
                None if quarter => json!(min + (max - min) / 4.0),
                None if off => json!(min),
                None if on || full => json!(max),
                None => return Err(format!("to what? {min} to {max}")),
            },
            ActuatorKind::Choice { options } => {
                let word = |option: &String| option.to_lowercase();
                let said = options.iter().find(|option| named.contains(&word(option)));
                // "Close" for `closed`.
                let near = |option: &&String| {
                    let (option, like) = (word(option), |verb: &String| format!("{verb}d"));
                    named.iter().any(|verb| like(verb) == option)
                };
                let option = said.or_else(|| options.iter().find(near));
                let option = option.ok_or_else(|| format!("to what? {}", options.join(", ")))?;
                self.take(&[&word(option)]);
                if number.is_some_and(|number| option.parse() != Ok(number)) {
                    return Err(format!("to what? {}", options.join(", ")));
                }
                json!(option)
            }
            _ if number.is_some() => return Err("it is on or off, without a number".into()),
            _ if on => json!("on"),
            _ if off => json!("off"),
            _ => return Err("on or off?".into()),
        };
        self.take(&["percent"]);
        let setting = wanted(actuator, &value)?;
        if let (ActuatorKind::Pulse { max }, Some(hold)) = (&actuator.kind, hold)
            && hold > *max
        {
            return Err(format!("its longest pulse is {} s", max.as_secs_f64()));
        }
        let hold = hold.unwrap_or(Duration::from_secs(limits::HOLD_S_DEFAULT));
        let body = Body::Set { actuator: ActuatorId(*id), setting, hold };
        Ok(self.meaning(Meaning::Do(Box::new(body))))
    }
}

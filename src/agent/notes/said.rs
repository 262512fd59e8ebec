//! A note's words: the names in it, and conditions that stand in it with a number or a day of the
//! week, which need no model to be read. What must never be here: a guess.

use super::condition::{Condition, Scene};
use crate::agent::prompt::words as spoken;
use crate::agent::spoken::split;
use crate::config::{Config, SensorKind};
use crate::domain::{ActuatorId, SensorId, Value};

/// Words that forbid.
const BANS: &[&str] =
    &["not", "don't", "dont", "never", "no", "without", "avoid", "forbid", "forbidden"];
/// Words that turn a condition round, which nothing here does.
const EXCEPTIONS: &[&str] = &["unless", "except", "but", "otherwise", "instead"];
/// Words of conditions. Where one of them stands and no condition was found, it was missed.
const CUES: &[&str] = &[
    "if",
    "when",
    "whenever",
    "unless",
    "except",
    "while",
    "before",
    "after",
    "until",
    "till",
    "during",
    "once",
    "night",
    "nights",
    "nighttime",
    "day",
    "days",
    "daytime",
    "morning",
    "mornings",
    "noon",
    "afternoon",
    "afternoons",
    "evening",
    "evenings",
    "midnight",
    "dawn",
    "dusk",
    "sunrise",
    "sunset",
    "weekend",
    "weekends",
    "winter",
    "summer",
    "spring",
    "autumn",
    "hours",
    "holiday",
    "holidays",
    "season",
    "dark",
    "daylight",
    "between",
    "outside",
];
const WEEK: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const ABOVE: &[&str] =
    &["above", "over", "exceeds", "higher", "more", "beyond", "greater", "hotter", "warmer"];
const BELOW: &[&str] = &["below", "under", "less", "lower", "beneath", "colder", "cooler"];
/// Words between a quantity, its comparison and the number.
const LINKS: &[&str] = &["is", "are", "gets", "goes", "rises", "falls", "than", "the", "at", "was"];
/// How far from its bound a quantity is shown, as a share of the bound, and at least.
const SHOWN_SHARE: f64 = 0.1;
const SHOWN_LEAST: f64 = 1.0;

/// The words of a note, and which of them are accounted for.
pub struct Said {
    /// In lower case.
    pub words: Vec<String>,
    done: Vec<bool>,
}

impl Said {
    /// Takes a note apart.
    pub fn new(note: &str) -> Self {
        let words = split(note);
        let done = vec![false; words.len()];
        Self { words, done }
    }

    /// The devices that are named in it, in the order of the note; longer names first where one is
    /// in the other.
    pub fn devices(&mut self, config: &Config) -> Vec<ActuatorId> {
        let names = config.actuators.iter().map(|one| one.name.as_str());
        let mut found = self.names(names);
        found.sort_by_key(|(at, _)| *at);
        found.iter().map(|(_, index)| ActuatorId(*index)).collect()
    }

    /// It forbids something.
    pub fn bans(&self) -> bool {
        self.words.iter().any(|word| BANS.contains(&word.as_str()))
    }

    /// A word that speaks of a condition, or a number that nothing was made of.
    pub fn cue(&self) -> Option<&str> {
        let free = self.words.iter().zip(&self.done).filter(|(_, done)| !**done);
        let mut free = free.map(|(word, _)| word.as_str());
        free.find(|word| CUES.contains(word) || number(word).is_some())
    }

    /// The condition that its words say by themselves.
    ///
    /// # Errors
    /// There are several, or one is turned round.
    pub fn condition(&mut self, config: &Config) -> Result<Option<Condition>, String> {
        let mut found = Vec::new();
        found.extend(self.quantity(config));
        found.extend(self.hours());
        found.extend(self.days());
        if found.len() > 1 {
            return Err("there are two conditions in it".into());
        }
        let turned = self.words.iter().find(|word| EXCEPTIONS.contains(&word.as_str()));
        match turned {
            Some(word) if !found.is_empty() => {
                Err(format!("`{word}` with a number or a day is more than I can put together"))
            }
            _ => Ok(found.pop()),
        }
    }

    /// Names that are said in whole, also with an `s` behind, and where; marks their words.
    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Vec<(usize, u16)> {
        let mut all: Vec<(u16, Vec<String>)> = (0u16..)
            .zip(names)
            .map(|(index, name)| {
                let name = spoken(name).to_lowercase();
                (index, name.split(' ').map(str::to_owned).collect())
            })
            .collect();
        all.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
        let mut found = Vec::new();
        for (index, name) in all {
            let same = |said: &String, name: &String| {
                let bare = said.strip_suffix("'s").or(said.strip_suffix('s'));
                said == name || bare == Some(name.as_str())
            };
            let mut first = None;
            for at in 0..(self.words.len() + 1).saturating_sub(name.len()) {
                let span = at..at + name.len();
                let free = !self.done[span.clone()].contains(&true);
                if free && self.words[span.clone()].iter().zip(&name).all(|(a, b)| same(a, b)) {
                    self.done[span].fill(true);
                    first = first.or(Some(at));
                }
            }
            found.extend(first.map(|at| (at, index)));
        }
        found
    }

    /// `when the wind is above 8`.
    fn quantity(&mut self, config: &Config) -> Option<Condition> {
        let before = self.done.clone();
        let sensors = self.names(config.sensors.iter().map(|one| one.name.as_str()));
        for (at, index) in sensors {
            let sensor = &config.sensors[usize::from(index)];
            if sensor.kind != SensorKind::Number {
                continue;
            }
            let name = spoken(&sensor.name);
            let compared = self.behind_links(at + name.split(' ').count());
            let Some(word) = self.words.get(compared).map(String::as_str) else { continue };
            let (is_above, is_below) = (ABOVE.contains(&word), BELOW.contains(&word));
            let last = self.behind_links(compared + 1);
            let bound = self.words.get(last).and_then(|word| number(word));
            let Some(bound) = bound.filter(|_| is_above || is_below) else { continue };
            self.done[compared..=last].fill(true);
            let (sign, word) = if is_above { (">", "above") } else { ("<", "below") };
            let far = (bound.abs() * SHOWN_SHARE).max(SHOWN_LEAST);
            let scene = |value: f64, how: &str| Scene {
                words: format!("{name} {how} {bound}"),
                sensor: Some((SensorId(index), Value::Number(value))),
                ..Scene::default()
            };
            let (up, down) = (bound + far, bound - far);
            let other = if is_above { "below" } else { "above" };
            let (inside, outside) = if is_above { (up, down) } else { (down, up) };
            return Some(Condition {
                source: format!("{} {sign} {bound}", sensor.name),
                holds: scene(inside, word),
                fails: scene(outside, other),
            });
        }
        self.done = before;
        None
    }

    /// The first word from here on that says something.
    fn behind_links(&self, at: usize) -> usize {
        let rest = self.words.iter().skip(at);
        at + rest.take_while(|word| LINKS.contains(&word.as_str())).count()
    }

    /// `after 22:00`, `before 6`, `between 22 and 6`.
    fn hours(&mut self) -> Option<Condition> {
        let led = |said: &Self, words: &[&str]| {
            (1..said.words.len()).find(|at| {
                words.contains(&said.words[at - 1].as_str())
                    && !said.done[*at]
                    && hour(&said.words[*at]).is_some()
            })
        };
        let start = led(self, &["after", "from", "between", "since"]);
        let end = led(self, &["before", "until", "till", "to", "and"]);
        let read = |at: Option<usize>| at.and_then(|at| hour(&self.words[at]));
        let (from, to) = (read(start), read(end));
        let source = match (from, to) {
            (Some(from), Some(to)) if from < to => format!("hour >= {from} && hour < {to}"),
            (Some(from), Some(to)) => format!("hour >= {from} || hour < {to}"),
            (Some(from), None) => format!("hour >= {from}"),
            (None, Some(to)) => format!("hour < {to}"),
            (None, None) => return None,
        };
        for at in start.into_iter().chain(end) {
            self.done[at - 1..=at].fill(true);
        }
        let (from, to) = (from.unwrap_or(0.0), to.unwrap_or(24.0));
        let length = if from < to { to - from } else { to + 24.0 - from };
        let scene = |hour: f64| {
            let hour = hour.rem_euclid(24.0);
            let (whole, minute) = (hour.floor(), (hour.fract() * 60.0).round());
            let words = format!("it is {whole:02}:{minute:02}");
            Scene { words, hour: Some(hour), ..Scene::default() }
        };
        let (holds, fails) = (scene(from + length / 2.0), scene(to + (24.0 - length) / 2.0));
        (length < 24.0).then_some(Condition { source, holds, fails })
    }

    /// `on Sundays`, `at the weekend`.
    fn days(&mut self) -> Option<Condition> {
        let mut days = [false; 7];
        for (word, done) in self.words.iter().zip(&mut self.done) {
            let bare = word.strip_suffix('s').unwrap_or(word);
            let part = match bare {
                "weekend" => 5..7,
                "weekday" | "workday" => 0..5,
                _ => match WEEK.iter().position(|day| *day == bare) {
                    Some(day) => day..day + 1,
                    None => continue,
                },
            };
            days[part].fill(true);
            *done = true;
        }
        let first = days.iter().position(|one| *one)?;
        let other = days.iter().position(|one| !*one)?;
        let source = match days {
            [false, false, false, false, false, true, true] => "weekday >= 6".to_owned(),
            [true, true, true, true, true, false, false] => "weekday <= 5".to_owned(),
            _ => {
                let all = (1..).zip(days).filter(|(_, one)| *one);
                let parts: Vec<String> = all.map(|(n, _)| format!("weekday == {n}")).collect();
                parts.join(" || ")
            }
        };
        let scene = |day: usize| Scene {
            words: format!("it is {}{}", WEEK[day][..1].to_uppercase(), &WEEK[day][1..]),
            weekday: u8::try_from(day + 1).ok(),
            ..Scene::default()
        };
        Some(Condition { source, holds: scene(first), fails: scene(other) })
    }
}

fn number(word: &str) -> Option<f64> {
    let bare = word.trim_end_matches(|c: char| c.is_alphabetic() || c == '%' || c == '°');
    let plain = bare.parse::<f64>().ok().filter(|number| number.is_finite());
    plain.filter(|_| bare.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

/// `22`, `22:30`, `10pm`.
fn hour(word: &str) -> Option<f64> {
    let (bare, more) = match (word.strip_suffix("pm"), word.strip_suffix("am")) {
        (Some(bare), _) => (bare, 12.0),
        (_, Some(bare)) => (bare, 0.0),
        _ => (word, 0.0),
    };
    let (whole, minutes) = bare.split_once(':').unwrap_or((bare, "0"));
    let (whole, minutes): (u8, u8) = (whole.parse().ok()?, minutes.parse().ok()?);
    let twelve = bare.len() < word.len() && whole == 12;
    let hour = f64::from(if twelve { 0 } else { whole }) + f64::from(minutes) / 60.0 + more;
    (minutes < 60 && (0.0..24.0).contains(&hour)).then_some(hour)
}

//! Times in a note's words: hours (`after 22:00`, `between noon and half past one`), parts of the
//! day, days of the week. No model reads them. What must never be here: sensors, devices.

use super::condition::{Condition, Matter, Scene};
use super::said::{Said, split};
use crate::config::Config;

const WEEK: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Words of the parts of the day, in their order, as bits: morning 1, afternoon 2, evening 4,
/// night 8.
const PARTS: &[(&str, u8)] = &[
    ("morning", 1),
    ("forenoon", 1),
    ("afternoon", 2),
    ("evening", 4),
    ("night", 8),
    ("nighttime", 8),
    ("night-time", 8),
    ("overnight", 8),
    ("day", 7),
    ("daytime", 7),
    ("day-time", 7),
    ("daylight", 7),
];
/// Numbers in words, as hours and minutes are said.
const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// Behind a time: which half of the day it is in.
const HALVES: &[&str] = &["morning", "afternoon", "evening", "night"];
/// Behind a number: it is no time of day.
const NO_TIMES: &[&str] = &[
    "degrees", "percent", "second", "seconds", "minute", "minutes", "min", "hour", "hours", "day",
    "days", "week", "weeks", "times", "people",
];

/// A time of day in a text.
pub(in crate::agent) struct Time {
    /// With minutes as its fraction, up to 24.
    pub hour: f64,
    /// The word behind it.
    pub end: usize,
    /// Its half of the day is said.
    pub is_said: bool,
}

/// Hours in a note.
struct Span {
    /// The words that say them.
    words: std::ops::Range<usize>,
    /// And those that say its end, where they stand apart.
    apart: Option<std::ops::Range<usize>>,
    from: Option<f64>,
    to: Option<f64>,
}

/// Whether a word is a part of the day or a day of the week.
pub(super) fn is_time(word: &str) -> bool {
    let bare = word.strip_suffix('s').unwrap_or(word);
    let of_day = PARTS.iter().any(|(name, _)| *name == bare);
    of_day || WEEK.contains(&bare) || ["weekend", "weekday", "workday"].contains(&bare)
}

impl Said {
    /// The parts of the day that are said.
    ///
    /// # Errors
    /// They are no one span, or the whole day.
    pub(super) fn parts_of_day(&mut self) -> Result<Option<Condition>, String> {
        let mut bits = 0;
        for at in 0..self.words.len() {
            let word = self.words[at].as_str();
            let bare = word.strip_suffix('s').unwrap_or(word);
            let Some((name, bit)) = PARTS.iter().find(|(name, _)| *name == bare) else { continue };
            // A day is one of many where no "by" or "during the" leads it.
            let led = |lead: &str, back: usize| at >= back && self.words[at - back] == lead;
            let is_day = led("by", 1)
                || led("during", 1)
                || led("during", 2)
                || word.starts_with("day") && word.ends_with("time")
                || led("in", 1) && word == "daylight";
            // One of one day only.
            let of_one =
                ["tomorrow", "last", "this", "every", "one"].iter().any(|lead| led(lead, 1));
            if self.done[at] || of_one || (name.starts_with("day") && !is_day) {
                continue;
            }
            self.done[at] = true;
            bits |= bit;
        }
        let yes: Vec<bool> = (0..4).map(|part| bits >> part & 1 == 1).collect();
        Matter::day().condition(&yes)
    }

    /// `after 22:00`, `before 6`, `between noon and half past one`.
    pub(super) fn hours(&mut self, config: &Config) -> Option<Condition> {
        let Span { words, apart, from, to } = self.span(config)?;
        let source = match (from, to) {
            (Some(0.0), Some(to)) => format!("hour < {to}"),
            (Some(from), Some(24.0)) => format!("hour >= {from}"),
            (Some(from), Some(to)) if from < to => format!("hour >= {from} && hour < {to}"),
            (Some(from), Some(to)) => format!("hour >= {from} || hour < {to}"),
            (Some(from), None) => format!("hour >= {from}"),
            (None, Some(to)) => format!("hour < {to}"),
            (None, None) => return None,
        };
        let (from, to) = (from.unwrap_or(0.0), to.unwrap_or(24.0));
        let length = if from < to { to - from } else { to + 24.0 - from };
        if length >= 24.0 {
            return None;
        }
        self.done[words].fill(true);
        apart.into_iter().for_each(|words| self.done[words].fill(true));
        let scene = |hour: f64| {
            let hour = hour.rem_euclid(24.0);
            let (whole, minute) = (hour.floor(), (hour.fract() * 60.0).round());
            let words = format!("it is {whole:02}:{minute:02}");
            Scene { words, hour: Some(hour), ..Scene::default() }
        };
        let (holds, fails) = (scene(from + length / 2.0), scene(to + (24.0 - length) / 2.0));
        Some(Condition { source, holds, fails })
    }

    /// The hours that are said, and where.
    fn span(&self, config: &Config) -> Option<Span> {
        let units = config.sensors.iter().filter_map(|one| split(&one.unit).into_iter().next());
        let units: Vec<String> = units.collect();
        let time = |said: &Self, at: usize| said.time(at, &units);
        let led = |said: &Self, words: &[&str]| {
            (1..said.words.len()).find_map(|at| {
                let is_led = words.contains(&said.words[at - 1].as_str());
                let found = time(said, at).filter(|_| is_led)?;
                Some((at, found))
            })
        };
        let joins = ["to", "and", "until", "till"];
        let is_joined = |at: usize| self.words.get(at).is_some_and(|it| joins.contains(&&**it));
        let start = led(self, &["after", "from", "between", "since"]);
        // `7 to 9`, after a word such as `at`.
        let bare = || {
            (0..self.words.len()).find_map(|at| {
                let found = time(self, at)?;
                let is_span = self.words.get(found.end).is_some_and(|it| it == "to");
                (is_span && time(self, found.end + 1).is_some()).then_some((at, found))
            })
        };
        let (start, marks_lead) = match start {
            Some(start) => (Some(start), true),
            None => (bare(), false),
        };
        let end = match &start {
            Some((_, from)) if is_joined(from.end) => {
                let end = time(self, from.end + 1);
                // "Between 5 and 10 kW" is about something else.
                let figure = |at: usize| self.words.get(at).is_some_and(|it| whole(it).is_some());
                if end.is_none() && figure(from.end + 1) {
                    return None;
                }
                end.map(|end| (from.end + 1, end))
            }
            Some((at, _)) if self.words[at.saturating_sub(1)] == "between" => return None,
            Some(_) => None,
            None => led(self, &["before", "until", "till"]),
        };
        // "After nine no fan until six": the end stands apart.
        let later = || {
            let ends = led(self, &["until", "till"])?;
            let (_, from) = start.as_ref().filter(|(_, from)| from.end < ends.0)?;
            self.same_sentence(from.end - 1, ends.0).then_some(ends)
        };
        let apart = if end.is_none() { later() } else { None };
        let is_apart = apart.is_some();
        let end = end.or(apart);
        let (from, to) = halves(start.as_ref().map(|one| &one.1), end.as_ref().map(|one| &one.1));
        let first = match (&start, &end) {
            (Some((at, _)), _) => at - usize::from(marks_lead),
            (None, Some((at, _))) => at - 1,
            (None, None) => return None,
        };
        let last = end.as_ref().or(start.as_ref()).map(|(_, time)| time.end)?;
        let apart = end.as_ref().filter(|_| is_apart).map(|(at, time)| at - 1..time.end);
        let last = start.as_ref().filter(|_| is_apart).map_or(last, |(_, time)| time.end);
        Some(Span { words: first..last, apart, from, to })
    }

    /// A time of day that begins with this word, unless it is accounted for.
    fn time(&self, at: usize, units: &[String]) -> Option<Time> {
        let done = self.done.get(at).copied().unwrap_or(true);
        if done { None } else { time_of_day(&self.words, at, units) }
    }

    /// `on Sundays`, `at the weekend`, `Monday to Friday`.
    ///
    /// # Errors
    /// It is every day.
    pub(super) fn days(&mut self) -> Result<Option<Condition>, String> {
        let whole = |word: &str| {
            let bare = word.strip_suffix('s').unwrap_or(word);
            WEEK.iter().position(|day| *day == bare)
        };
        let short = |word: &str| {
            WEEK.iter().position(|day| (3..=5).contains(&word.len()) && day.starts_with(word))
        };
        // "Sun" alone is the one that shines.
        let days_said = self.words.iter().filter(|word| whole(word).or(short(word)).is_some());
        let many = days_said.count() > 1;
        let of = |word: &str| {
            let sky = ["sun", "sat"].contains(&word) && !many;
            whole(word).or(short(word).filter(|_| !sky))
        };
        let mut days = [false; 7];
        for at in 0..self.words.len() {
            let word = self.words[at].as_str();
            let both = word.split_once('-').and_then(|(one, two)| Some((of(one)?, of(two)?)));
            if let Some((one, two)) = both.filter(|(one, two)| one < two) {
                days[one..=two].fill(true);
                self.done[at] = true;
                continue;
            }
            let part = match word.strip_suffix('s').unwrap_or(word) {
                "weekend" => 5..7,
                "weekday" | "workday" => 0..5,
                _ => match of(word) {
                    Some(day) => day..day + 1,
                    None => continue,
                },
            };
            days[part.clone()].fill(true);
            self.done[at] = true;
            let to =
                self.words.get(at + 1).filter(|word| ["to", "till", "through"].contains(&&***word));
            let last = to.and(self.words.get(at + 2)).and_then(|word| of(word));
            if let Some(last) = last {
                // "Friday to Monday" goes over the week's end.
                let length = (last + 7 - part.start) % 7;
                (0..=length).for_each(|day| days[(part.start + day) % 7] = true);
                self.done[at + 1] = true;
            }
        }
        let Some(first) = days.iter().position(|one| *one) else { return Ok(None) };
        let Some(other) = days.iter().position(|one| !*one) else {
            return Err("its condition always holds".into());
        };
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
        Ok(Some(Condition { source, holds: scene(first), fails: scene(other) }))
    }
}

/// A time of day that begins with this word. `units` of sensors behind a number make it
/// something else.
pub(in crate::agent) fn time_of_day(words: &[String], at: usize, units: &[String]) -> Option<Time> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let bare = if ["about", "around", "the"].contains(&word(at)) { at + 1 } else { at };
    let said = |hour: f64| Some(Time { hour, end: bare + 1, is_said: true });
    let (hour, end) = match (word(bare), word(bare + 1)) {
        ("noon" | "midday", _) => return said(12.0),
        ("midnight", _) => return said(24.0),
        ("half", "past") => (whole(word(bare + 2))? + 0.5, bare + 3),
        ("quarter", "past") => (whole(word(bare + 2))? + 0.25, bare + 3),
        ("quarter", "to") => (whole(word(bare + 2))? - 0.25, bare + 3),
        (one, _) => (clock(one).or_else(|| whole(one))?, bare + 1),
    };
    let has_half = word(end - 1).ends_with("am") || word(end - 1).ends_with("pm");
    let mut is_said = has_half || word(end - 1).contains(':') || hour > 12.0;
    if !is_said && (NO_TIMES.contains(&word(end)) || units.iter().any(|it| it == word(end))) {
        return None;
    }
    let mut end = end + usize::from(matches!(word(end), "h" | "o'clock" | "am" | "pm"));
    let mut half = word(end - 1);
    if word(end) == "in" && word(end + 1) == "the" && HALVES.contains(&word(end + 2)) {
        half = word(end + 2);
        end += 3;
    } else if word(end) == "at" && word(end + 1) == "night" {
        half = "night";
        end += 2;
    }
    is_said |= half == "am" || half == "pm" || HALVES.contains(&half);
    let hour = match half {
        // The end of one day, the beginning of the next.
        "am" | "night" if hour == 12.0 => 24.0,
        "am" | "night" if (12.0..13.0).contains(&hour) => hour - 12.0,
        "pm" | "afternoon" | "evening" if hour < 12.0 => hour + 12.0,
        "night" if (6.0..12.0).contains(&hour) => hour + 12.0,
        _ => hour,
    };
    (0.0..=24.0).contains(&hour).then_some(Time { hour, end, is_said })
}

/// From when to when, where a half of the day that is not said is that of the other time.
fn halves(start: Option<&Time>, end: Option<&Time>) -> (Option<f64>, Option<f64>) {
    // Midnight is the day's end, and where it begins something, the day's beginning.
    let mut from = start.map(|one| one.hour % 24.0);
    let mut to = end.map(|one| one.hour);
    // "Between one and three in the afternoon".
    if let (Some(from), Some(to)) = (from.as_mut(), to)
        && start.is_some_and(|start| !start.is_said)
        && *from < 12.0
        && to > 12.0
        && *from + 12.0 < to
    {
        *from += 12.0;
    }
    // "From noon to half past one": said without its half of the day, it is the next one.
    if let (Some(from), Some(to)) = (from, to.as_mut())
        && end.is_some_and(|end| !end.is_said)
        && *to <= from
        && *to > 0.0
        && *to + 12.0 > from
        && from < 18.0
    {
        *to += 12.0;
    }
    (from, to)
}

/// An hour in words.
fn whole(word: &str) -> Option<f64> {
    let said = NUMBERS.iter().position(|one| *one == word).map(|one| one as f64);
    said.or_else(|| clock(word).filter(|hour| hour.fract() == 0.0))
}

/// `22`, `22:30`, `10pm`, `22h`.
fn clock(word: &str) -> Option<f64> {
    let (bare, more) = match (word.strip_suffix("pm"), word.strip_suffix("am")) {
        (Some(bare), _) => (bare, 12.0),
        (_, Some(bare)) => (bare, 0.0),
        _ => (word.strip_suffix('h').unwrap_or(word), 0.0),
    };
    let (whole, minutes) = bare.split_once([':', '.']).unwrap_or((bare, "0"));
    let (whole, minutes): (u8, u8) = (whole.parse().ok()?, minutes.parse().ok()?);
    let twelve = (word.ends_with("pm") || word.ends_with("am")) && whole == 12;
    let hour = f64::from(if twelve { 0 } else { whole }) + f64::from(minutes) / 60.0 + more;
    (minutes < 60 && (0.0..=24.0).contains(&hour)).then_some(hour)
}

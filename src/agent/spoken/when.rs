//! What a question about the past says beside the device: when it was ("at three", "last night",
//! "an hour ago") and which way the device went. What must never be here: what was done then, and
//! what time it is now.

use std::ops::Range;

use super::text::{counted, number, pieces};
use super::times::length_of;
use super::units::unit_words;
use super::unread::{NUMBER_LEADS, Read, is_value};
use super::words::{List, OFF, ON, WISHED_OFF, WISHED_ON, has};
use crate::agent::notes::time_of_day;
use crate::agent::prompt::words as spoken;
use crate::config::{Actuator, ActuatorKind, Config};

/// Which way a device went, beside the verbs of orders.
const WENT_UP: List = "ran began enabled activated raised raise increased increase up";
const WENT_DOWN: List = "shut ended disabled lowered lower reduced reduce decreased down halted";
/// What was done by someone at a moment, not how it was for a while.
const DEEDS: List = "\
    start started starts stop stopped stops turn turned switch switched put set opened shut open \
    close run begin began change changed move moved adjust adjusted raise raised lower lowered";
const STATES: List = "is was were are isn't wasn't it's been be";
/// Before a length: it is another one with that.
const MORE_OF_IT: List = "or to than and few day days half";
const NOT: List = "not never isn't wasn't didn't don't";
const WEEK: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Parts of the day, in their order.
const PARTS: [&[&str]; 4] =
    [&["morning", "forenoon"], &["afternoon"], &["evening"], &["night", "overnight"]];

/// How long ago a time may be that is asked about: journals go back some years at most.
const DAYS_MAX: f64 = 4000.0;
const DAY_S: f64 = 86_400.0;

/// What a question asks about a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// When it was.
    pub when: Option<When>,
    /// Whether the device was switched on or opened, or the other way.
    pub rises: Option<bool>,
    /// How it was is asked, not what was done.
    pub is_state: bool,
}

/// When something was, as it is said.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// So many seconds before now.
    Ago(f64),
    /// A day, a part of it, an hour in it.
    Clock(Clock),
    /// A time that is said and cannot be read; it must not be passed over.
    Unread,
}

/// A time by the clock and the calendar; what is not said is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// Which day.
    pub day: Option<Day>,
    /// Which part of the day, of four.
    pub part: Option<usize>,
    /// The hour with minutes as its fraction, below 24, and whether its half of the day is said.
    pub hour: Option<(f64, bool)>,
}

/// A day that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// So many days before today.
    Ago(i32),
    /// The last one of that name, Monday 1, and whether it is not today.
    Week(i8, bool),
    /// From the last evening to the morning after it.
    LastNight,
}

/// What a question says of the past of a device.
pub fn past(text: &str, config: &Config, actuator: &Actuator) -> Past {
    let text = text.to_lowercase().replace("p.m", "pm").replace("a.m", "am");
    let words: Vec<String> = pieces(&text).into_iter().map(|(word, _)| word).collect();
    let name = spoken(&actuator.name).to_lowercase();
    let own = |word: &str| name.split(' ').any(|part| part == word);
    let weekday = |at: usize| words.get(at).is_some_and(|word| weekday(word).is_some());
    let all = words.iter().enumerate();
    let said = all.filter(|(at, word)| !(own(word) || *word == "on" && weekday(at + 1)));
    let said: Vec<&str> = said.map(|(_, word)| word.as_str()).collect();
    let any = |lists: &[List]| said.iter().any(|word| lists.iter().any(|list| has(list, word)));
    let (up, down) = (any(&[ON, WISHED_ON, WENT_UP]), any(&[OFF, WISHED_OFF, WENT_DOWN]));
    let is_state = any(&[STATES]) && !any(&[DEEDS]) || any(&[STATES]) && is_so(&said);
    // "Why is it not running" asks why it is off; "why did you not start it" about starting it.
    let turned = is_state && any(&[NOT]);
    let rises = (up != down).then_some(up != turned);
    let level = matches!(actuator.kind, ActuatorKind::Level { .. });
    let is_level = level && rises.is_none() && !any(&["move moved change changed adjust"]);
    let done = words.iter().map(|word| own(word)).collect();
    let read = Read { words: &words, done, hour: None, is_ago: false, actuator, is_level };
    Past { when: when(&text, &words, config, read), rises, is_state }
}

/// "Was the vent open": `open` says how it was where no one did it.
fn is_so(said: &[&str]) -> bool {
    let deeds = said.iter().filter(|word| has(DEEDS, word));
    let agents = said.iter().any(|word| has("you we i they did someone", word));
    !agents && deeds.into_iter().all(|word| has("open shut close", word))
}

fn weekday(word: &str) -> Option<i8> {
    (1..).zip(WEEK).find(|(_, day)| *day == word).map(|(number, _)| number)
}

/// When it was, of the words without those of the device's own name.
fn when(text: &str, words: &[String], config: &Config, mut read: Read<'_>) -> Option<When> {
    let numbered: Vec<String> = counted(&pieces(text)).into_iter().map(|(word, _)| word).collect();
    let (length, days_ago) = (ago(&numbered), days_ago(&numbered));
    read.is_ago = length.is_some() || days_ago.is_some();
    let by_steps = matches!(read.actuator.kind, ActuatorKind::Level { .. });
    let hour = hour(words, config, (read.is_level, by_steps));
    read.hour = hour.as_ref().map(|(.., at)| at.clone());
    let mut clock =
        Clock { hour: hour.map(|(hour, is_said, _)| (hour, is_said)), ..Clock::default() };
    let mut days: Vec<Day> = days_ago.map(Day::Ago).into_iter().collect();
    for at in 0..words.len() {
        read_day(words, at, &mut clock, &mut days, &mut read.done);
    }
    clock.day = days.first().copied();
    if clock.day == Some(Day::LastNight) {
        clock.part = None;
    }
    let is_open = clock == Clock::default();
    let two = days.iter().any(|day| Some(*day) != clock.day) || (length.is_some() && !is_open);
    if two || read.leaves_time() {
        return Some(When::Unread);
    }
    match length {
        Some(seconds) if seconds > 0.0 && seconds < DAYS_MAX * DAY_S => Some(When::Ago(seconds)),
        Some(_) => Some(When::Unread),
        None => (!is_open).then_some(When::Clock(clock)),
    }
}

/// Reads a word that names a day or a part of it.
fn read_day(
    words: &[String],
    at: usize,
    clock: &mut Clock,
    days: &mut Vec<Day>,
    done: &mut [bool],
) {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let before = if at > 0 { word(at - 1) } else { "" };
    if let Some(part) = PARTS.iter().position(|names| names.contains(&word(at))) {
        let of_one = has("this last yesterday that", before) || word(at) == "overnight";
        let in_the = before == "the" && at > 1 && has("in during over", word(at - 2));
        if of_one || in_the || weekday(before).is_some() {
            (clock.part, done[at]) = (Some(part), true);
        }
        // "Last evening" is yesterday's; the last night ends today.
        if before == "last" {
            days.push(if part == 3 { Day::LastNight } else { Day::Ago(1) });
        }
    }
    match word(at) {
        "yesterday" if word(at.saturating_sub(2)) == "day" && before == "before" => {
            days.push(Day::Ago(2));
            done[at - 2..=at].fill(true);
        }
        "yesterday" => days.push(Day::Ago(1)),
        "today" => days.push(Day::Ago(0)),
        "tonight" => clock.part = Some(3),
        other => {
            let Some(number) = weekday(other) else { return };
            days.push(Day::Week(number, before == "last"));
        }
    }
    done[at] = true;
}

/// "An hour and a half ago".
fn ago(words: &[String]) -> Option<f64> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (0..words.len()).find_map(|at| {
        let (mut seconds, mut taken) = length_of(&words[at..])?;
        let joined = at + taken + usize::from(words.get(at + taken) == Some(&"and"));
        if let Some((more, then)) = words.get(joined..).and_then(length_of)
            && more < seconds
        {
            (seconds, taken) = (seconds + more, joined + then - at);
        }
        let is_ago = words.get(at + taken).is_some_and(|word| has("ago back earlier", word));
        let more = at > 0 && has(MORE_OF_IT, words[at - 1]);
        is_ago.then_some(if more { f64::NAN } else { seconds })
    })
}

/// "Two days ago".
fn days_ago(words: &[String]) -> Option<i32> {
    (1..words.len()).find_map(|at| {
        let each = match words[at].as_str() {
            "day" | "days" => 1.0,
            "week" | "weeks" => 7.0,
            _ => return None,
        };
        let count = match words[at - 1].as_str() {
            "a" | "one" => 1.0,
            other => number(other)?,
        };
        let ago = words.get(at + 1).is_some_and(|word| word == "ago");
        let more = at > 1 && has(MORE_OF_IT, &words[at - 2]);
        let days = count * each;
        let is_some = (1.0..DAYS_MAX).contains(&days) && days.fract() == 0.0;
        (ago && is_some && !more).then_some(days as i32)
    })
}

/// The hour that is said, whether its half of the day is, and where: behind "at" and the like, or
/// one that can be nothing else. The levels of a device are no hours.
fn hour(
    words: &[String],
    config: &Config,
    (is_level, by_steps): (bool, bool),
) -> Option<(f64, bool, Range<usize>)> {
    let units = config.sensors.iter().flat_map(|sensor| unit_words(&sensor.unit));
    let units: Vec<String> = units.filter(|unit| !has("h am pm", unit)).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    (0..words.len()).filter(|at| !is_value(words, *at)).find_map(|at| {
        let led = at > 0 && has(NUMBER_LEADS, word(at - 1)) && !(by_steps && word(at - 1) == "by");
        let (time, moved) = match minutes(words, at) {
            Some((more, next)) => (time_of_day(words, next, &units)?, more),
            None => (time_of_day(words, at, &units)?, 0.0),
        };
        let last = word(time.end - 1);
        let sure = word(at).contains(':') || has("am pm o'clock noon midnight midday", last);
        let sure = sure || last.ends_with("am") || last.ends_with("pm") || moved != 0.0;
        let bare = led && (!is_level || time.is_said && time.hour.fract() != 0.0);
        let half = has("half quarter", word(at)) && has("past to", word(at + 1));
        let hour = (time.hour + moved).rem_euclid(24.0);
        (sure || bare || (led && half)).then_some((hour, time.is_said, at..time.end))
    })
}

/// "Ten to three", "twenty past": the hours to add, and where the hour begins. "From two to four"
/// says none.
fn minutes(words: &[String], at: usize) -> Option<(f64, usize)> {
    let way = words.get(at + 1).map(String::as_str)?;
    let sign = if has("past after", way) { 1.0 } else { -1.0 };
    let (minutes, _) = super::number_of(&[words[at].as_str()])?;
    let round = (1.0..30.0).contains(&minutes) && minutes.fract() == 0.0;
    let spans = at > 0 && has("from between", &words[at - 1]) || is_value(words, at + 2);
    let is_said = round && has("past to after", way) && !spans;
    is_said.then_some((sign * minutes / 60.0, at + 2))
}

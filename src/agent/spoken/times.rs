//! How long an order is for: "20 minutes", "an hour and a half", with or without "for". A time that
//! is yet to come ("in ten minutes") is none. What must never be here: dates and clocks.

use std::time::Duration;

use super::Said;
use super::levels::LEVEL_UNITS;
use super::text::number;
use super::words::{List, PULSES, has};
use crate::limits;

/// Words before a length of time that put it off or make it come again.
const LATER: List = "in after within every each before by since at past until till per to than";
/// Words after one that do.
const FROM_THEN: List = "later ago before after past to";
/// Words before one that change nothing.
const ABOUT: List = "\
    about around roughly approximately some only just exactly another next coming following \
    the a an good full whole solid nearly almost under over least most";

/// What asks to wait, and what is no length that anybody could keep.
const MOMENTS: List = "moment moments mo tick ticks jiffy jiff instant while";
/// Words around one who asks to wait: "hold on a minute, please".
const WAITING: List = "\
    just only wait hold hang on give us me it i need want got take please for now then ok okay \
    one so well sorry excuse to another more";
/// Words right before a length that ask to wait for it.
const WAIT: List = "wait hold hang";
/// Words right before "a minute" that make it one to wait for.
const BARELY: List = "just only";

/// Words that a length may take: a count and its unit, and "and a half" behind.
const LENGTH_WORDS: usize = 9;

/// Seconds of a unit of time.
fn unit_s(word: &str) -> Option<f64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600.0),
        _ => None,
    }
}

impl Said {
    /// "750 turns a minute": no length of time. Of another time it would be another number.
    pub(super) fn take_rate(&mut self) -> Result<(), String> {
        for at in 1..self.words.len() {
            let unit =
                has(LEVEL_UNITS, self.word(at)) || has("l deg degrees degree m3", self.word(at));
            let unit = unit && number(self.word(at - 1)).is_some();
            // "12 l/min", "6 deg/s".
            if unit && has("min s sec", self.word(at + 1)) {
                self.done[at..at + 2].fill(true);
                continue;
            }
            let here = self.parts.get(at + 1) == Some(&self.parts[at]);
            if !unit || !here || !has("a an per each every", self.word(at + 1)) {
                continue;
            }
            let turns = has("deg degrees degree", self.word(at));
            if turns && has("second sec", self.word(at + 2)) {
                self.done[at + 1..at + 3].fill(true);
                continue;
            }
            if !has("minute min", self.word(at + 2)) {
                return Err("so many in which time? say the level alone".into());
            }
            self.done[at + 1..at + 3].fill(true);
        }
        Ok(())
    }

    /// Takes the length of time that is said.
    pub(super) fn take_duration(&mut self) -> Result<Option<Duration>, String> {
        let found = (0..self.words.len()).find_map(|at| Some((at, self.length_at(at)?)));
        let Some((begin, (mut seconds, mut end))) = found else { return Ok(None) };
        // "An hour and twenty minutes".
        let joined = end + usize::from(self.word(end) == "and");
        if let Some((more, then)) = self.length_at(joined)
            && more < seconds
        {
            (seconds, end) = (seconds + more, then);
        }
        let mut first = begin;
        while first > 0 && has(ABOUT, self.word(first - 1)) {
            first -= 1;
        }
        let before = if first > 0 { self.word(first - 1) } else { "" };
        let from_now = self.word(end) == "from" && self.word(end + 1) == "now";
        if has(LATER, before) || has(FROM_THEN, self.word(end)) || from_now {
            return Err(
                "a time that is yet to come is a rule or a note; an order is for now".into()
            );
        }
        if has("for during over of", before) {
            first -= 1;
        }
        // "For the duration of ten minutes".
        let of = first > 1 && has("duration period total time span space", self.word(first - 1));
        if before == "of" && of {
            first -= 1;
            for skipped in ["the a", "for over in"] {
                first -= usize::from(first > 0 && has(skipped, self.word(first - 1)));
            }
        }
        end += usize::from(self.word(end) == "long");
        if self.word(end) == "or" && self.word(end + 1) == "so" {
            end += 2;
        }
        self.done[first..end].fill(true);
        let most = limits::HOLD_S_MAX;
        match seconds > 0.0 && seconds <= most as f64 {
            true => Ok(Some(Duration::from_secs_f64(seconds))),
            false => Err(format!("for {seconds} s: at most {most} s are held")),
        }
    }

    /// "Just a second", "one moment", "give me a minute": words that ask to wait and are no length,
    /// unless "for" or "of" says so.
    pub(super) fn asks_to_wait(&self) -> Option<String> {
        let (mut at, all) = (0, self.words.len());
        // "Hold on, …": nothing else stands in that part.
        let holds = |at: &usize| {
            let here = |other: &usize| self.parts[*other] == self.parts[*at];
            let alone = (0..all).filter(here).all(|other| has(WAITING, self.word(other)));
            has(WAIT, self.word(*at)) && alone
        };
        if let Some(at) = self.free().find(holds) {
            return Some(self.words[at].clone());
        }
        while at < all {
            if self.is_moment(at) {
                return Some(self.words[at..at + 2].join(" "));
            }
            let length = self.length_at(at);
            let end = length.map_or(at + 1, |(_, end)| end);
            if let Some((seconds, _)) = length
                && let Some(begin) = self.waits(at, end, seconds)
            {
                return Some(self.words[begin..end].join(" "));
            }
            at = end;
        }
        None
    }

    /// "A moment".
    pub(super) fn is_moment(&self, at: usize) -> bool {
        has("a an 1 half", self.word(at)) && has(MOMENTS, self.word(at + 1))
    }

    /// Where a length begins that asks to wait.
    fn waits(&self, at: usize, end: usize, seconds: f64) -> Option<usize> {
        let mut first = at;
        while first > 0 && has(ABOUT, self.word(first - 1)) {
            first -= 1;
        }
        let before =
            |at: usize, places: usize| at.checked_sub(places).map_or("", |at| self.word(at));
        let part = self.parts[at];
        // "A two-minute backwash": a length of something.
        let next = if self.parts.get(end) == Some(&part) { self.word(end) } else { "" };
        let noun = (has(PULSES, next) && !self.names.has(next)) || next == "of";
        if noun || has("for during over", before(first, 1)) {
            return None;
        }
        let on = usize::from(before(first, 1) == "on");
        let told_to = has(WAIT, before(first, 1 + on));
        let here = |other: &usize| self.parts[*other] == part && !(at..end).contains(other);
        let alone = self.free().filter(here).all(|other| has(WAITING, &self.words[other]));
        let begins = alone && part == 0 && self.parts.last() != Some(&part);
        let one = seconds <= 2.0 || (seconds <= 60.0 && has("a 1 half", self.word(at)));
        let few = seconds <= 3.0 || (seconds <= 180.0 && seconds % 60.0 == 0.0);
        let given = alone && has("me us it gimme need lemme", before(first, 1));
        let barely = has(BARELY, before(at, 1));
        // "Pump on a second" is said so, "run it a minute" is meant.
        // "A litre a second" is no time.
        let rate = self.word(at) == "a" && self.has_number();
        let second = seconds <= 1.0 && !rate && (next.is_empty() || has(WAITING, next));
        let leads = (0..first).all(|at| has(WAITING, self.word(at)));
        // "Sprayer, one minute": a device, and how long.
        let pure = self.parts.last() == Some(&part) && self.names_alone_before(first);
        let pure = pure && first == at && !has("a an half", self.word(at));
        let waits = !pure && (one && (alone || barely || leads) || (few && begins));
        let waits = waits || told_to || given || second;
        waits.then_some(first)
    }

    /// Whether nothing but words of names stands before this.
    fn names_alone_before(&self, end: usize) -> bool {
        let filler = |word: &str| has("please the", word);
        let own = |word: &String| filler(word) || self.names.has(word);
        end > 0
            && self.words[..end].iter().all(own)
            && !self.words[..end].iter().all(|one| filler(one))
    }

    /// The word at a place that is not accounted for, or none.
    pub(super) fn word(&self, at: usize) -> &str {
        match self.done.get(at) {
            Some(false) => &self.words[at],
            _ => "",
        }
    }

    /// A length of time that begins here: its seconds and where it ends.
    pub(super) fn length_at(&self, at: usize) -> Option<(f64, usize)> {
        let words: Vec<&str> = (at..at + LENGTH_WORDS).map(|at| self.word(at)).collect();
        length_of(&words).map(|(seconds, taken)| (seconds, at + taken))
    }
}

/// A length of time at the beginning of these words: its seconds and how many of them it takes.
pub(super) fn length_of(words: &[&str]) -> Option<(f64, usize)> {
    let (count, taken) = match words {
        ["a" | "1", "half", ..] => (0.5, 2),
        ["half", "of", "a" | "an", ..] => (0.5, 3),
        ["half", "a" | "an", ..] => (0.5, 2),
        ["half", ..] => (0.5, 1),
        ["a" | "1", "quarter", "of", "a" | "an", ..] => (0.25, 4),
        ["quarter", "of", "a" | "an", ..] => (0.25, 3),
        ["quarter", ..] => (0.25, 1),
        [many, "quarter" | "quarters", unit, ..] if unit_s(unit).is_some() => {
            (number(many)? / 4.0, 2)
        }
        ["a" | "1", "quarter", ..] => (0.25, 2),
        [many, "quarters", "of", "a" | "an", ..] => (number(many)? / 4.0, 4),
        ["a" | "an", "full" | "whole" | "good" | "further" | "extra", ..] => (1.0, 2),
        ["a" | "an" | "next", ..] => (1.0, 1),
        [many, "more" | "full" | "whole" | "further", ..] => (number(many)?, 2),
        [many, ..] => (number(many)?, 1),
        [] => return None,
    };
    let seconds = unit_s(words.get(taken)?)? * count;
    let unit = seconds / count;
    let end = taken + 1;
    match words.get(end..).unwrap_or_default() {
        ["and", "a", "half", ..] => Some((seconds + unit / 2.0, end + 3)),
        ["and", "a", "quarter", ..] => Some((seconds + unit / 4.0, end + 3)),
        _ => Some((seconds, end)),
    }
}

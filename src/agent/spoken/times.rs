//! How long an order is for: "20 minutes", "an hour and a half", with or without "for". A time that
//! is yet to come ("in ten minutes") is none. What must never be here: dates and clocks.

use std::time::Duration;

use super::Said;
use super::text::number;
use super::words::{List, has};
use crate::limits;

/// Words before a length of time that put it off or make it come again.
const LATER: List = "in after within every each before by since at past until till per to than";
/// Words after one that do.
const FROM_THEN: List = "later ago before after past to";
/// Words before one that change nothing.
const ABOUT: List = "\
    about around roughly approximately some only just exactly another next coming following the \
    a an good full whole solid nearly almost under over least most";

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

    /// The word at a place that is not accounted for, or none.
    pub(super) fn word(&self, at: usize) -> &str {
        match self.done.get(at) {
            Some(false) => &self.words[at],
            _ => "",
        }
    }

    /// A length of time that begins here: its seconds and where it ends.
    pub(super) fn length_at(&self, at: usize) -> Option<(f64, usize)> {
        let words: Vec<&str> = (at..at + 6).map(|at| self.word(at)).collect();
        let (count, taken) = match words.as_slice() {
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
        let end = at + taken + 1;
        let tail: Vec<&str> = (end..end + 3).map(|at| self.word(at)).collect();
        match tail.as_slice() {
            ["and", "a", "half"] => Some((seconds + unit / 2.0, end + 3)),
            ["and", "a", "quarter"] => Some((seconds + unit / 4.0, end + 3)),
            _ => Some((seconds, end)),
        }
    }
}

//! Which words of a question about the past say a time that was not read. Then none is answered
//! for: what was done at another time would be taken for the answer. What must never be here: what
//! time the words mean.

use std::ops::Range;

use super::text::{number, number_of};
use super::units::is_any_unit;
use super::words::{List, has};
use crate::config::{Actuator, ActuatorKind};

/// Words of time that mean something only where they were read.
const OF_TIME: List = "\
    ago week weeks weekend weekends fortnight month months year years decade day days date daytime \
    morning mornings forenoon afternoon afternoons evening evenings night nights overnight \
    nighttime noon midnight midday o'clock january february april june july august september \
    october november december lunch lunchtime breakfast dinner dawn dusk sunrise sunset mondays \
    tuesdays wednesdays thursdays fridays saturdays sundays";
/// Those of them that "two weeks ago" accounts for.
const OF_AGO: List = "ago week weeks day days";
const OF_LENGTH: List = "hour hours minute minutes second seconds";
/// Before a time: it begins or ends something.
const BOUNDS: List = "since until till before after from between";
/// Behind a number, beside units: it counts something.
const COUNTED: List = "\
    times people days weeks months years minutes mins seconds secs hours hrs more less point stage \
    of";
const VAGUE: List = "about around roughly approximately the";
pub(super) const NUMBER_LEADS: List = "at around about near by roughly approximately";

/// A number here, and how many words it takes.
fn figure(words: &[String], at: usize) -> Option<(f64, usize)> {
    let some = words.get(at..)?.iter().take(4).map(String::as_str);
    number_of(&some.collect::<Vec<_>>())
}

/// "15 degrees", "20 percent": a value that is measured or set, or a count, and no time.
pub(super) fn is_value(words: &[String], at: usize) -> bool {
    let at = at + usize::from(words.get(at).is_some_and(|word| has(VAGUE, word)));
    let Some((_, taken)) = figure(words, at) else { return false };
    let unit = |word: &String| is_any_unit(word) && !has("h a", word) || has(COUNTED, word);
    words.get(at + taken).is_some_and(unit)
}

/// What was read of the words, and whom they are about.
pub(super) struct Read<'a> {
    pub words: &'a [String],
    /// Those that were read, beside the hour.
    pub done: Vec<bool>,
    pub hour: Option<Range<usize>>,
    pub is_ago: bool,
    pub actuator: &'a Actuator,
    /// A number alone is what the device is set to.
    pub is_level: bool,
}

impl Read<'_> {
    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// The word so many places before.
    fn before(&self, at: usize, places: usize) -> &str {
        at.checked_sub(places).map_or("", |at| self.word(at))
    }

    /// Whether a word of time is left over.
    pub(super) fn leaves_time(&self) -> bool {
        let again = self.words.iter().filter(|word| *word == "ago").count() > 1;
        again || (0..self.words.len()).any(|at| self.is_left(at)) || self.ends_later()
    }

    fn is_left(&self, at: usize) -> bool {
        let word = self.word(at);
        if self.is_bound(at) {
            return true;
        }
        if self.done[at] || self.hour.as_ref().is_some_and(|hour| hour.contains(&at)) {
            return self.is_moved(at);
        }
        let of_length = has(OF_LENGTH, word) && !self.is_ago;
        let lately = (1..4).any(|back| has("last past previous this", self.before(at, back)));
        let ordinal = has("st nd rd th", word) && number(self.before(at, 1)).is_some();
        has(OF_TIME, word) && !(self.is_ago && has(OF_AGO, word))
            || of_length && lately
            || ordinal
            || self.is_led(at)
    }

    /// "The Monday before".
    fn is_moved(&self, at: usize) -> bool {
        self.word(at).ends_with("day")
            && has("before after", self.word(at + 1))
            && self.word(at) != "day"
    }

    /// "Since three", "from two to four", "before Monday", "20 minutes to three".
    fn is_bound(&self, at: usize) -> bool {
        let skipped = usize::from(has(VAGUE, self.before(at, 1)));
        let lead = self.before(at, 1 + skipped);
        let day_before = lead == "before" && self.before(at, 2 + skipped) == "day";
        let minutes = has("minute minutes min", self.before(at, 2)) && has("to past", lead);
        if !(has(BOUNDS, lead) && !day_before || minutes) {
            return false;
        }
        let said = self.done[at] || self.hour.as_ref().is_some_and(|hour| hour.start == at);
        said || figure(self.words, at).is_some_and(|(_, taken)| {
            let other = at + taken;
            let spans = has("to and", self.word(other)) && is_value(self.words, other + 1);
            !is_value(self.words, at) && !spans && !self.is_level
        })
    }

    /// A number behind "at" that is neither an hour nor a value.
    fn is_led(&self, at: usize) -> bool {
        let lead = self.before(at, 1);
        let Some((said, _)) = figure(self.words, at).filter(|_| has(NUMBER_LEADS, lead)) else {
            return false;
        };
        let set = match self.actuator.kind {
            ActuatorKind::Level { min, max, .. } => {
                self.is_level || lead == "by" || (said > 24.0 && (min..=max).contains(&said))
            }
            _ => false,
        };
        !set && !is_value(self.words, at)
    }

    /// "At three or four".
    fn ends_later(&self) -> bool {
        let Some(end) = self.hour.as_ref().map(|hour| hour.end) else { return false };
        let next = has("or and to until till", self.word(end));
        next && figure(self.words, end + 1).is_some() && !is_value(self.words, end + 1)
    }
}

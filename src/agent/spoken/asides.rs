//! What people say around an order: courtesy, and a reason behind a comma. It is left out only
//! where nothing in it could be part of the order. What must never be here: orders.

use super::reasons::is_deed;
use super::units::is_any_unit;
use super::words::{BANS, OFF, ON, REASONS, SETTING, TIMES, has, is_known};
use super::{Said, text::number};

/// What one may do to somebody who is asked.
const BOTHER: &str = "trouble ask bother beg request persuade get have";
/// What somebody would be who asks for something.
const GLAD: &str = "\
    glad happy grateful thankful obliged lovely nice great good kind appreciate love delighted \
    pleased helpful";
/// What somebody would be who asks for nothing.
const SAD: &str = "\
    sad angry mad cross upset hate annoyed furious disappointed bad wrong sorry fool foolish \
    stupid dangerous worried surprised shocked afraid terrible awful mistake illegal amazed";
/// Words of which a question at the end asks nothing.
const TAGS: &str = "\
    understood ok okay right yes got it clear please will would could can you alright agreed \
    deal eh huh hear capisce roger copy thanks mate so all";
/// Words of a level, so that "for the vent half" is more than for whom.
const SHARES: &str = "half quarter third full fully max maximum wide open";

impl Said {
    /// Counts what is polite and what only explains as accounted for.
    pub(super) fn take_asides(&mut self) {
        // "Sorry, could you …" is polite; behind an order it takes something back.
        if self.word(0) == "sorry" && self.words.len() > 1 {
            self.done[0] = true;
        }
        self.take_plea();
        self.take_correction();
        self.take_courtesy();
        // "For ten minutes while I change a bulb": how long is said.
        let timed = (0..self.words.len()).any(|at| self.length_at(at).is_some());
        let mut begin = 0;
        let mut parts = Vec::new();
        for at in 1..=self.words.len() {
            let ends = self.parts.get(at) != self.parts.get(at - 1);
            let word = |at: usize| self.words.get(at).map_or("", String::as_str);
            let meanwhile = word(at) == "while" && has(REASONS, word(at + 1)) && timed;
            let then = word(at + 1);
            let twice = at > 1 && word(at - 2) == "as";
            let why = !twice && has("so as since", word(at));
            let why = why
                && (has(REASONS, then) || (then == "that" || then == "the" && word(at) != "since"));
            // "So the colours look right", "the mirror is warm so put the fan on".
            let so = self.word(at) == "so" && !self.word(at + 1).is_empty();
            let why = why || so && self.begins_after_so(at + 1);
            // "Radio off for ten mins i'm on the phone": such a word begins a statement.
            // "…, or the salt won't go in".
            let end = (at..self.words.len()).find(|other| self.parts[*other] != self.parts[at]);
            let end = end.unwrap_or(self.words.len());
            let will =
                |at: usize| word(at).ends_with("n't") || has("will would they'll it'll", word(at));
            let or = word(at) == "or" && has("the my our we they it it'll they'll we'll", then);
            let why = why || or && (at..end).any(will);
            let mine = has("i'm i've we're we've", self.word(at));
            let joined = has("and but", self.word(at))
                && has("i we he she they i'm we're it's there's nobody somebody", then);
            let why = why || mine || joined;
            if ends || meanwhile || why || has("because cos cause coz", word(at)) {
                parts.push(begin..at);
                begin = at;
            }
        }
        if parts.len() > 1 {
            for part in parts {
                if self.explains(part.clone()) {
                    self.done[part].fill(true);
                }
            }
        }
        if !self.asks(false) {
            self.take_for_whom();
        }
    }

    /// Whether a reason or an order begins here, behind "so": not "so gently", "so to speak".
    fn begins_after_so(&self, at: usize) -> bool {
        let (word, next) = (self.word(at), self.word(at + 1));
        let article = has("the my our a an his her their these those", word);
        let order = [SETTING, ON, OFF].iter().any(|list| has(list, word));
        let order = order && !has("on off down up", word);
        let polite = has("please can could would will never don't you let", word);
        let strange = !word.ends_with("ly") && !is_known(word) && number(word).is_none();
        let one = strange && (is_deed(next) || self.names.has(word));
        article || order || polite || one || number(word).is_some()
    }

    /// "To 80, sorry, I mean 90", "60, not 70", "not 15, make it 18": the number that is meant.
    fn take_correction(&mut self) {
        let numbers: Vec<usize> =
            (0..self.words.len()).filter(|at| number(&self.words[*at]).is_some()).collect();
        let [first, second] = numbers[..] else { return };
        let unit =
            |at: usize| usize::from(is_any_unit(self.raw(at)) || has("percent rpm", self.raw(at)));
        let behind = first + 1 + unit(first + 1);
        let between: Vec<&str> = (behind..second).map(|at| self.raw(at)).collect();
        let mends = "no not sorry oops wait i mean meant rather make it actually to correction but";
        let apart = self.parts[first] != self.parts[second];
        if between.is_empty()
            || has("min s h sec hour hours", self.raw(second + 1))
            || !apart
            || !between.iter().all(|word| has(mends, word))
        {
            return;
        }
        let length = |at: usize| self.length_at(at).is_some();
        let measured = (unit(first + 1) > 0, unit(second + 1) > 0);
        if length(first) || length(second) || measured == (false, true) && between.contains(&"not")
        {
            return;
        }
        let not_first = first > 0 && self.raw(first - 1) == "not";
        let ends = second + 1 + unit(second + 1) == self.words.len();
        let says = "no sorry oops wait mean meant correction actually";
        if between == ["not"] && ends {
            self.done[behind..].fill(true);
        } else if not_first && !between.contains(&"not") {
            self.done[first - 1..second].fill(true);
        } else if !between.contains(&"not") && between.iter().any(|word| has(says, word)) {
            if measured == (true, false) {
                // "To 1.5 kW, sorry, 2": kilowatts as well.
                self.words.swap(first, second);
                self.done[behind..=second].fill(true);
            } else {
                self.done[first..second].fill(true);
            }
        }
    }

    /// "I'd be much obliged if you would", "might I trouble you to": what comes before an order.
    fn take_plea(&mut self) {
        let begins = |list: &str| self.words.first().is_some_and(|word| has(list, word));
        let near = |run: &str| self.run_at(run).filter(|at| *at <= 8).map(|at| at + 2);
        let end = match () {
            () if begins("i'd i i'll it it'd that that'd we'd we would") => {
                near("if you").or_else(|| near("if you'd"))
            }
            () if begins("might may could can") && has(BOTHER, self.word(2)) => {
                near("you to").or_else(|| near("you for").filter(|end| self.is_thing(*end)))
            }
            () => None,
        };
        let Some(mut end) = end else { return };
        // "I'd be sad if you stopped it" is no order.
        let glad = self.words[..end].iter().any(|word| has(GLAD, word));
        let asks = glad || has("would could can will", self.word(end));
        let asks = asks || has("to for", self.word(end - 1));
        if !asks || self.words[..end].iter().any(|word| has(SAD, word)) {
            return;
        }
        while has("would could can will please kindly were to just", self.word(end)) {
            end += 1;
        }
        let own = |at: usize| self.names.has(&self.words[at]) || number(&self.words[at]).is_some();
        let other = |at: usize| self.words[at].ends_with("n't") || has(BANS, &self.words[at]);
        if !(0..end).any(|at| own(at) || other(at)) {
            self.done[0..end].fill(true);
        }
    }

    /// Whether a thing is asked for here: "ten seconds of steam", not "ten minutes" of somebody's
    /// time.
    fn is_thing(&self, at: usize) -> bool {
        let times = |at| self.length_at(at).map(|(_, end)| end);
        match times(at).or_else(|| times(at + 1)) {
            Some(end) => self.word(end) == "of",
            None => has("ask beg trouble bother", self.word(2)),
        }
    }

    /// Whether the text ends with a question that is none: "understood?"
    pub(super) fn ends_with_tag(&self) -> bool {
        let Some(last) = self.parts.last().copied() else { return false };
        let begin = self.parts.iter().position(|part| *part == last).unwrap_or(0);
        begin > 0 && self.words[begin..].iter().all(|word| has(TAGS, word))
    }

    /// "For the photographer" changes nothing; "for the night" is a time.
    fn take_for_whom(&mut self) {
        for begin in 0..self.words.len() {
            let whom = has("the my our a an those these his her", self.word(begin + 1));
            if self.word(begin) != "for" || !whom {
                continue;
            }
            let part = self.parts[begin];
            let stops = |at: &usize| {
                self.parts.get(*at) != Some(&part)
                    || has("for to at in on off during", &self.words[*at])
            };
            let end = (begin + 1..=self.words.len()).find(stops).unwrap_or(begin);
            let own = |at: usize| self.names.actuators().any(|index| self.is_of(at, index));
            if (begin + 1..end).any(|at| own(at) || has(SHARES, &self.words[at])) {
                continue;
            }
            let time = self.words[begin..end].iter().any(|word| has(TIMES, word));
            // "For the guests only briefly".
            let time = time || (end > begin + 3 && self.words[end - 1].ends_with("ly"));
            if (begin + 3..=begin + 5).contains(&end) && !time && !self.matters(begin + 2..end) {
                self.done[begin..end].fill(true);
            }
        }
    }
}

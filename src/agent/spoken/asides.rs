//! What people say around an order: courtesy, and a reason behind a comma. It is left out only
//! where nothing in it could be part of the order. What must never be here: orders.

use std::ops::Range;

use super::names::Named;
use super::words::{
    AHEAD, ASKING, BANS, CONDITIONS, FILLERS, FORGETTING, HARM, LETTING_GO, OF_A_MODE, OFF, ON,
    ORDERING, REASONS, RETRACTING, STATING, THINGS, TIMES, has, is_known,
};
use super::{Said, text::number};

/// Who may be the device.
const PRONOUNS: &str =
    "it they them that this these those which one he she i we you everything all";
/// Who goes home: no device.
const LEAVING: &str = "we're i'm they're are am he's she's everybody's everyone's";
/// Who has come or gone, or has closed the house.
const WE: &str = "we i they everybody everyone people somebody someone nobody";
const WE_ARE: &str = "\
    we're we've i'm i've they're they've everybody's everyone's people've nobody's somebody's";
/// What has become of them, and what may be said behind it.
const GONE: &str = "\
    closed closing open opened opening shut shutting finished finishing started starting stopped \
    left leaving gone arrived arriving back off out home here in ready busy away";
const AFTER_GONE: &str = "now already up for the day today again here all early down early home";
/// What somebody does who gives a reason by it.
const WORKING: &str = "\
    cleaning swapping changing fixing repairing mending washing replacing moving working having \
    expecting leaving loading unloading shipping painting welding";
/// What one may do to somebody who is asked.
const BOTHER: &str = "trouble ask bother beg request persuade get have";
/// Who thinks something of what is said, and what he does.
const THINKING: &str = "i we he she they as people somebody someone everybody everyone you";
const OPINING: &str = "\
    think thinks thought believe believes see sees saw notice noticed hear heard hope hoped fear \
    feared wanted wished expected suspect assume presume reckon guess suppose know knew feel felt \
    say says said find found planned";
/// What somebody would be who asks for something.
const GLAD: &str = "\
    glad happy grateful thankful obliged lovely nice great good kind appreciate love delighted \
    pleased helpful";
/// What somebody would be who asks for nothing.
const SAD: &str = "\
    sad angry mad cross upset hate annoyed furious disappointed bad wrong sorry fool foolish \
    stupid dangerous worried surprised shocked afraid terrible awful mistake illegal amazed";
/// What nobody can who gives a reason by it.
const CANNOT: &str = "can't cannot couldn't cant";
const SENSES: &str = "see hear feel breathe read sleep smell find concentrate";
/// Words of which a question at the end asks nothing.
const TAGS: &str = "\
    understood ok okay right yes got it clear please will would could can you alright agreed \
    deal eh huh hear capisce roger copy thanks mate so all";
/// Words of a level, so that "for the vent half" is more than for whom.
const SHARES: &str = "half quarter third full fully max maximum wide open";

impl Said {
    /// Counts what is polite and what only explains as accounted for.
    pub(super) fn take_asides(&mut self) {
        self.take_plea();
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
            let why = why && (has(REASONS, then) || has("that the", then));
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

    /// Whether this part only says why.
    fn explains(&self, part: Range<usize>) -> bool {
        if self.comes_or_goes(part.clone()) {
            return true;
        }
        let first = self.words[part.start].as_str();
        let states = || {
            let mut words = self.words[part.clone()].iter();
            words.any(|word| has(STATING, word) || has(THINGS, word))
        };
        let second = self.words.get(part.start + 1).map_or("", String::as_str);
        // "…, I think", "…, as planned", "…, is it": a part that says whose thought it is.
        let opines = self.words[part.start + 1..part.end].iter().take(2);
        let opines = has(THINKING, first) && opines.clone().any(|word| has(OPINING, word));
        let third = self.words.get(part.start + 2).map_or("", String::as_str);
        let feels = second == "feel" && has("cold hot warm chilly ill sick dizzy", third);
        let opines = opines && !has(CANNOT, second) && !feels;
        let short = first == "as" && part.len() <= 2;
        if opines || short || (part.start > 0 && has("is isn't are aren't was wasn't", first)) {
            return false;
        }
        let begins = has(REASONS, first)
            || has("because cos cause coz while", first)
            || (has("so as since", first) && !has("soon long far", second))
            || (first == "now" && second == "that")
            || (first == "give" && has("them us me him her", second));
        // "Changing a filter".
        let begins = begins || (has(WORKING, first) && part.start > 0);
        let last = self.words[part.clone()].last().map_or("", String::as_str);
        let states = || states() || last == "enough";
        // "Doors are open".
        let noun = !is_known(first) || has(FILLERS, first);
        // "The water's green".
        let skip = usize::from(has("the my our", first) && part.len() > 2);
        let word = |at: usize| self.words.get(part.start + skip + at).map_or("", String::as_str);
        let (first, second) = (word(0), word(1));
        let noun = noun && (skip == 0 || !is_known(first));
        let verb = has("is are wants needs has", second);
        let doing = second.ends_with("ing") && !second.ends_with("thing");
        let doing = doing && !is_known(first) && !is_of_mode(second) && first != "only";
        let verb = verb || doing || (first.ends_with("'s") && second.len() > 2);
        let subject = part.start + skip;
        let device = self.names.actuators().any(|index| self.is_of(subject, index));
        let of_noun = noun && verb && !device && !has(PRONOUNS, first);
        let says = begins || ((part.start > 0 || has("the my our", first)) && states()) || of_noun;
        says && part.len() > 1 && !self.matters(part.start + usize::from(begins)..part.end)
    }

    /// "We have closed now, …", "the guests have gone, …": how it is with people or a
    /// house. Every word of it is known, so that nothing of an order is in it.
    fn comes_or_goes(&self, part: Range<usize>) -> bool {
        let word = |at: usize| if part.contains(&at) { self.raw(at) } else { "" };
        let own = |at: usize| self.names.has(self.raw(at));
        if part.clone().any(own) {
            return false;
        }
        let begin = part.start + usize::from(has("so well now ok okay all", word(part.start)));
        let noun = has("the my our", word(begin)) && !is_known(word(begin + 1));
        let subject = begin + usize::from(noun);
        let mut at = subject + 1;
        match word(subject) {
            short if has(WE_ARE, short) => {}
            who if (noun || has(WE, who)) && has("have has are am is", word(at)) => at += 1,
            _ => return false,
        }
        at += usize::from(has("all just already now both finally", word(at)));
        let after = at + 1..part.end;
        has(GONE, word(at)) && after.clone().all(|at| has(AFTER_GONE, word(at)))
    }

    /// Whether one of these words could be part of what is wanted. A sensor's is only a reason.
    fn matters(&self, part: Range<usize>) -> bool {
        let lists = [AHEAD, ASKING, BANS, CONDITIONS, HARM, OFF, ON, RETRACTING, ORDERING];
        let mut others = self.clone();
        others.done[part.clone()].fill(true);
        let device = match others.named(self.names.actuators(), false) {
            Named::One(mention) => Some(mention.index),
            _ => None,
        };
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        // "I am working on the line", "I must make a call".
        let prepositional = |at: usize| {
            word(at) == "on"
                && has("the a an my our his her it them us me board site duty", word(at + 1))
                && at > 0
                && !has("turn switch put keep leave set turned switched go come", word(at - 1))
        };
        // "Somebody's hat flew off", "doors are open".
        let of_others = |at: usize| {
            let before = if at > 0 { word(at - 1) } else { "" };
            let is = has("is are", before) && at > part.start + 1;
            let subject = if is { word(at - 2) } else { before };
            let strange = !is_known(subject) || (is && has(FILLERS, subject));
            (has(ON, word(at)) || has(OFF, word(at)))
                && at > part.start
                && strange
                && !has(PRONOUNS, subject)
                && !self.names.has(subject)
        };
        let goals = self.any_of(FORGETTING).is_some() || self.any_run(LETTING_GO);
        let goals = goals || self.any_of("goal goals target objective").is_some();
        // "I can't see my own boots".
        let cannot = |at: usize| has(CANNOT, word(at)) && has(SENSES, word(at + 1));
        let harmless = |at: usize| {
            has(STATING, word(at))
                || cannot(at)
                || of_others(at)
                || prepositional(at)
                || (word(at) == "make" && has("a an", word(at + 1)))
                || (word(at) == "all" && at > 0 && has("are they're we're", word(at - 1)))
                || (has("want wants need needs", word(at)) && has("some more a", word(at + 1)))
                || (word(at) == "more" && at > 0 && has("want wants need needs", word(at - 1)))
                || (word(at).ends_with("ing") && has("the my our us me", word(at + 1)))
                || (word(at) == "too" && !word(at + 1).is_empty())
                || (word(at) == "going" && at > 0 && has(LEAVING, word(at - 1)))
                || (word(at) == "working" && has("on in at", word(at + 1)))
        };
        let matters = |at: usize| {
            let word = &self.words[at];
            (!harmless(at) && lists.iter().any(|list| has(list, word)))
                || self.length_at(at).is_some()
                || self.is_moment(at)
                || (word.ends_with("n't") && !cannot(at))
                || number(word).is_some()
                || (goals && self.names.is_of_goal(word))
                || self
                    .names
                    .actuators()
                    .any(|index| Some(index) != device && self.is_of(at, index))
        };
        part.clone().any(matters)
    }
}

/// Whether it is a word of a mode.
fn is_of_mode(word: &str) -> bool {
    OF_A_MODE.split_ascii_whitespace().any(|head| word.starts_with(head))
}

//! What people say around an order: courtesy, and a reason behind a comma. It is left out only
//! where nothing in it could be part of the order. What must never be here: orders.

use std::ops::Range;

use super::names::Named;
use super::words::{
    AHEAD, ASKING, BANS, CONDITIONS, COURTESY, HARM, OFF, ON, ORDERING, REASONS, RETRACTING,
    STATING, THINGS, TIMES, has,
};
use super::{Said, text::number};

impl Said {
    /// Counts what is polite and what only explains as accounted for.
    pub(super) fn take_asides(&mut self) {
        self.take_any_run(COURTESY);
        // "For ten minutes while I change a bulb": how long is said.
        let timed = (0..self.words.len()).any(|at| self.length_at(at).is_some());
        let mut begin = 0;
        let mut parts = Vec::new();
        for at in 1..=self.words.len() {
            let ends = self.parts.get(at) != self.parts.get(at - 1);
            let word = |at: usize| self.words.get(at).map_or("", String::as_str);
            let meanwhile = word(at) == "while" && has(REASONS, word(at + 1)) && timed;
            if ends || meanwhile || word(at) == "because" {
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
        self.take_for_whom();
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
            let time = self.words[begin..end].iter().any(|word| has(TIMES, word));
            if (begin + 3..=begin + 5).contains(&end) && !time && !self.matters(begin + 2..end) {
                self.done[begin..end].fill(true);
            }
        }
    }

    /// Whether this part only says why.
    fn explains(&self, part: Range<usize>) -> bool {
        let first = self.words[part.start].as_str();
        let states = || {
            let mut words = self.words[part.clone()].iter();
            words.any(|word| has(STATING, word) || has(THINGS, word))
        };
        let begins = has(REASONS, first) || has("because while", first);
        let says = begins || ((part.start > 0 || has("the my our", first)) && states());
        says && part.len() > 1 && !self.matters(part.start + usize::from(begins)..part.end)
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
        let matters = |at: usize| {
            let word = &self.words[at];
            (!has(STATING, word) && lists.iter().any(|list| has(list, word)))
                || word.ends_with("n't")
                || number(word).is_some()
                || self.names.is_of_goal(word)
                || self
                    .names
                    .actuators()
                    .any(|index| Some(index) != device && self.is_of(at, index))
        };
        part.into_iter().any(matters)
    }
}

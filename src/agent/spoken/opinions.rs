//! What is said of a mode and sets none: an opinion, a report, what somebody else is to do, a piece
//! of advice that is asked for. What must never be here: words that set a mode.

use super::Said;
use super::words::{List, NOT, has};

/// Who is not the agent, and what gives away what the agent has.
const PERSONS: List = "\
    i i'm i'll i've i'd we we're we'll we've we'd me us mine ours my our myself ourselves he \
    she him her his hers they staff team crew people humans human operators operator person \
    persons somebody someone everybody everyone anybody boss manual manually coach captain \
    skipper chief guys girls colleague colleagues friend lads technician engineer caretaker";
const GIVING: List = "\
    give giving gave hand handing return returning leave leaving release surrender yield drop \
    lose lost stop end quit exit disable off out against away";
/// What is given away where "for" stands behind it.
const CONTROLS: List = "control controls wheel helm reins conn charge";
/// What makes an opinion of it: "observing is better".
const EVALUATES: List = "\
    better best worse worst good bad fine nice great enough boring silly stupid dangerous \
    risky mistake idea fun clever wise useless pointless safer wrong annoying lovely brilliant \
    terrible awful welcome";
/// What tells of an hour that is over.
const WAS: List = "was were been had wasn't weren't hadn't acted advised";
const WATCHED: List = "watched observed monitored";
/// Who is spoken of, and what such people do: "people say you should only watch".
const OTHERS: List = "\
    he she they staff team crew people humans operators somebody someone everybody everyone \
    boss";
const SAYING: List = "say says said want wants think thinks like likes prefer prefers";
/// Words for advice that may be asked for once.
const ADVICE: List = "\
    advice suggestion suggestions recommendation recommendations hint hints tip tips proposal \
    proposals idea ideas opinion opinions thought thoughts counsel";
/// What makes a mode of such a word.
const LIMITS: List = "\
    only just merely purely strictly exclusively simply solely nothing but mode back again \
    instead now switch not don't no first";
/// What the one who speaks has himself.
const OWN: List = "my our his her their";
/// What is watched once.
const SIGHTS: List = "me us this it that how when closely what";

impl Said {
    /// The words that make an opinion, a report or a single question of it; `aside` is what was
    /// only polite.
    pub(super) fn opinion(&self, aside: &[bool]) -> Option<String> {
        let all = 0..self.words.len();
        let pair = all.clone().find(|at| self.is_opinion(*at));
        if let Some(at) = pair {
            return self.run_of(at, at + 1);
        }
        let said = |at: &usize| !aside[*at];
        let tells = |at: &usize| self.judges(*at, aside) || self.is_over(*at, aside);
        let found = all.clone().filter(said).find(tells);
        let found = found.and_then(|at| self.run_of(at.saturating_sub(1), at));
        found.or_else(|| self.told_late()).or_else(|| self.asks_advice())
    }

    /// "Thanks for your advice", "people say you should only watch", "all you do is watch", "my
    /// suggestion".
    fn is_opinion(&self, at: usize) -> bool {
        let (word, then, third) = (self.raw(at), self.raw(at + 1), self.raw(at + 2));
        (word == "thanks" && then == "for")
            || (word == "thank" && third == "for")
            || (has(OTHERS, word) && has(SAYING, then))
            || (word == "all" && then == "you")
            || (word == "keep" && then == "your" && !has("eyes hands fingers", third))
            || (has(OWN, word) && has(ADVICE, then))
            || (at == 0 && word == "watch" && has(SIGHTS, then))
            || (has("suggest recommend propose advise", word)
                && has("something anything", then)
                && self.no_advice_from(at).is_none())
    }

    /// "Observing is better"; not "good, …", which stands alone, nor "for good", which is a time.
    fn judges(&self, at: usize, aside: &[bool]) -> bool {
        let here = |other: &usize| *other != at && self.parts[*other] == self.parts[at];
        let alone = !(0..self.words.len()).any(|other| !aside[other] && here(&other));
        let before = if at > 0 { self.raw(at - 1) } else { "" };
        has(EVALUATES, self.raw(at)) && !alone && !has("for as", before)
    }

    /// "You were acting", "you are acting", "the fan is on automatic", "your time is over"; not "is
    /// to be watched", which is a wish, nor "is in your hands", which is a gift.
    fn is_over(&self, at: usize, aside: &[bool]) -> bool {
        let word = self.raw(at);
        let next = self.verb_of(at);
        let then = self.raw(next);
        let doing = then.ends_with("ing") || has("on in by over", then);
        let polite = at > 0 && self.raw(at - 1) == "you" && aside[at - 1];
        (has(WAS, word) && !self.any_run("if"))
            || (has(WATCHED, word) && !self.licensed(at) && !polite)
            || (has("is are it's you're", word)
                && doing
                && !has("your charge control", self.raw(next + 1)))
    }

    /// "Give me some advice": once, where nothing says that it is to stay so.
    fn asks_advice(&self) -> Option<String> {
        let mut all = 0..self.words.len();
        let limited = all.clone().any(|at| has(LIMITS, self.raw(at)));
        let at = all.find(|at| has(ADVICE, self.raw(*at)))?;
        if limited { None } else { self.run_of(at.saturating_sub(1), at) }
    }

    /// The words by which one who is not the agent is to act, or the agent no more.
    pub(super) fn gives_away(&self) -> Option<String> {
        let lets_go = |at: &usize| {
            let (word, then) = (self.raw(*at), self.raw(*at + 1));
            (word == "let" && then == "go")
                || (has(CONTROLS, word) && then == "for")
                || word == "let's"
        };
        // "Acting by yourself", "so you act by yourself": no one says that it is to be so.
        let first = self.raw(0);
        let tells = first == "so" || first.ends_with("ing") && !first.ends_with("thing");
        let at = (0..self.words.len()).find(lets_go).or_else(|| tells.then_some(0));
        let not = self.any_of(NOT).or_else(|| self.any_of(PERSONS));
        let run = at.and_then(|at| self.run_of(at, at + 1));
        run.or(not).or_else(|| self.any_of(GIVING))
    }

    /// "I observe", "I'd advise you to": one who speaks of what he does himself.
    pub(super) fn speaks_of_oneself(&self, aside: &[bool]) -> Option<String> {
        let told = |at: &usize| {
            let verb = self.verb_of(*at);
            let polite = aside.get(verb).is_some_and(|done| *done);
            let wishes = !self.is_done(verb) && self.speaker_wishes(*at, verb, false);
            has("i we i'd we'd i'll we'll", self.word(*at)) && !(polite || wishes)
        };
        self.free().find(told).and_then(|at| self.run_of(at, self.verb_of(at)))
    }
}

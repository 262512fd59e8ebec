//! Leave that is to be had before anything is done: "only with my approval", "not without asking
//! me", "after you asked me". One who acts with it only advises. What must never be here: modes.

use std::ops::Range;

use super::Said;
use super::words::has;

/// What is given by one who is asked, in a word or in two.
const NOUNS: &str = "\
    approval permission consent okay ok agreement confirmation authorization authorisation \
    assent nod clearance blessing";
const NOUNS_OF_TWO: [(&str, &str); 3] = [("say", "so"), ("go", "ahead"), ("sign", "off")];
/// What one does who gives it.
const AGREES: &str = "\
    agree agreed approve approved confirm confirmed consent consented allow allowed permit \
    permitted okayed";
/// What one does who wants it: as it stands a wish by itself, else only behind a link.
const ASK: &str = "ask consult";
const ASKED: &str = "asks asked asking consulted consulting";
const TELL: &str = "tell told telling inform informed informing check checked checking";
/// What joins it to the deed.
const LINKS: &str = "\
    before after once if unless until till when whenever provided providing only with but long \
    upon on for get need needs by what condition";
/// What turns it round: "don't ask me".
const NAYS: &str = "don't not never no needn't stop quit longer without nor nothing";
/// Words between a link and what it joins.
const SKIPPED: &str = "you you've i've we've have having had ever even to explicitly i so first";
/// All that is said by it, once it is known that it is wanted.
const AROUND: &str = "\
    only not never don't nothing but before after once if unless until till when whenever \
    provided providing with long as first having without and then you you've on condition that \
    have i've need needs get upon always";

/// What is said of leave.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Leave {
    /// It is to be had first.
    Wanted,
    /// It is wanted if anything is to be done: "ask me".
    Perhaps,
    /// It is not needed: "without asking me".
    Waived,
    /// It is not wanted, which is no reason to act.
    Declined,
}

impl Said {
    /// What is said of leave, and the words that say it.
    pub(super) fn leave(&self) -> Option<(Leave, Range<usize>)> {
        (0..self.words.len()).find_map(|at| {
            let (end, alone) = self.leave_at(at)?;
            let (link, begin) = self.link_of(at);
            let other = |at: usize| !(begin..end).contains(&at) && has(NAYS, self.word(at));
            let nays = || (0..self.words.len()).any(other);
            let leave = match link {
                "without" if nays() => Leave::Wanted,
                "without" => Leave::Waived,
                nay if has(NAYS, nay) => Leave::Declined,
                // "You don't need to ask me".
                "need" | "have" if has(NAYS, self.raw(begin.saturating_sub(1))) => Leave::Declined,
                link if has(LINKS, link) => Leave::Wanted,
                _ if alone => Leave::Perhaps,
                _ => return None,
            };
            Some((leave, begin..end))
        })
    }

    /// Takes the words that say that leave is to be had.
    pub(super) fn take_leave(&mut self, said: Range<usize>, wanted: bool) {
        self.done[said].fill(true);
        if wanted {
            self.take(AROUND);
        }
    }

    /// Where words of leave end that begin here, and whether they are a wish without a link.
    fn leave_at(&self, at: usize) -> Option<(usize, bool)> {
        let word = |more: usize| self.raw(at + more);
        let noun = |more: usize| match () {
            () if has(NOUNS, word(more)) => Some(at + more + 1),
            () if NOUNS_OF_TWO.contains(&(word(more), word(more + 1))) => Some(at + more + 2),
            () => None,
        };
        let me = |more: usize| match word(more) {
            "with" => has("me us", word(more + 1)).then_some(at + more + 2),
            "me" | "us" | "first" => Some(at + more + 1),
            "for" => noun(more + 1).or_else(|| noun(more + 2)),
            _ => noun(more),
        };
        match word(0) {
            "my" | "our" => Some((noun(1)?, false)),
            "permission" | "approval" | "consent" => Some((at + 1, false)),
            "i" | "we" | "i've" | "we've" => {
                let have = usize::from(has("have had", word(1)));
                has(AGREES, word(1 + have)).then_some((at + 2 + have, false))
            }
            ask if has(ASK, ask) => Some((me(1)?, true)),
            asked if has(ASKED, asked) => Some((me(1)?, false)),
            tell if has(TELL, tell) => {
                let end = me(1)?;
                let alone = has("before first", self.raw(end)) || self.raw(end - 1) == "first";
                Some((end, alone || tell.starts_with("check")))
            }
            _ => None,
        }
    }

    /// What joins words of leave to the deed, and where it stands.
    fn link_of(&self, at: usize) -> (&str, usize) {
        let skipped = (0..at).rev().take_while(|at| has(SKIPPED, self.raw(*at))).count();
        let begin = (at - skipped).saturating_sub(1);
        let joined = at > skipped && self.parts[begin] == self.parts[at];
        let link = if joined { self.raw(begin) } else { "" };
        (link, if link.is_empty() { at } else { begin })
    }
}

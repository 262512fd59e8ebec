//! What of a note's words nothing was made of, and what turns a condition round or narrows it: a
//! note that says more than was read stays one. What must never be here: what is made of the words.

use super::said::{Mention, Said, number};
use super::texts::COMMON;
use super::times::is_time;
use super::wording::{FILLERS, LASTLY, List, NOT, RESTS, TAKES};
use crate::agent::spoken::has;
use crate::config::Config;
use crate::domain::Value;

/// How far before a condition a word may stand that turns it round.
const TURNED_WORDS_MAX: usize = 5;
/// Words that lead a condition.
pub(super) const LEADS: List = "if when whenever while whilst unless during once";
/// Words of conditions. Where one of them stands and no condition was found, it was missed.
const CUES: List = "\
    if when whenever unless except while before after until till during once night nights \
    nighttime daytime morning mornings noon afternoon afternoons evening evenings midnight dawn \
    dusk sunrise sunset weekend weekends winter summer spring autumn holiday holidays season \
    dark daylight between outside then whilst tonight tomorrow today term lunch";
/// The same, of these only behind a word that leads one: `while people are here`, not `people
/// complain`.
const SOFT_CUES: List = "\
    day days hours someone somebody nobody noone anybody people week weeks month months";
/// Words that no condition can be made of, whatever else is said.
const UNREAD: List = "\
    unless except holiday holidays vacation easter christmas term winter summer autumn tonight \
    tomorrow today january february april june july august september october november december";

impl Said {
    /// A word that speaks of a condition, or a number that nothing was made of.
    pub fn cue(&self, config: &Config, mentions: &[Mention]) -> Option<&str> {
        let named = self.sensors_named(config);
        let mut free = (0..self.words.len()).filter(|at| !self.done[*at]);
        let found = free.find(|at| {
            let word = self.words[*at].as_str();
            let cue = has(CUES, word) && !self.compares(*at, mentions);
            let soft = has(SOFT_CUES, word) && self.leads(*at);
            // "They need less power" is a reason.
            let named = named.contains(at) && (self.opens(*at) || self.is_with(*at));
            cue || soft
                || self.is_loose(*at, mentions)
                || self.opens_unread(*at, mentions)
                || (number(word).is_some() && self.is_near(*at))
                || named
        });
        let found = found.map(|at| self.words[at].as_str());
        found.or_else(|| self.led_by_what())
    }

    /// Where a word of a sensor's name stands of which nothing was made.
    fn sensors_named(&self, config: &Config) -> Vec<usize> {
        let known = |word: &str| [TAKES, FILLERS].iter().any(|list| has(list, word));
        let free = (0..self.words.len()).filter(|at| !self.done[*at] && !known(&self.words[*at]));
        let free: Vec<usize> = free.collect();
        let mut found = vec![false; self.words.len()];
        // Once through the sensors, of which there may be thousands.
        let mut mark = |part: &str| {
            for at in free.iter().filter(|_| part.len() > 2) {
                let word = self.words[*at].as_str();
                let rest = word.strip_prefix(part);
                found[*at] |= rest.is_some_and(|rest| {
                    ["", "s", "'s"].contains(&rest)
                        || part.len() > 3 && ["ing", "y", "ed", "es"].contains(&rest)
                });
            }
        };
        for sensor in &config.sensors {
            sensor.name.split('_').for_each(&mut mark);
            for value in sensor.map.values() {
                match value {
                    Value::Text(word) if !has(COMMON, word) => mark(&word.to_lowercase()),
                    _ => {}
                }
            }
        }
        (0..found.len()).filter(|at| found[*at]).collect()
    }

    /// Whether the clause of a word is the first of its sentence.
    fn opens(&self, at: usize) -> bool {
        let first = (0..at).rev().find(|at| self.breaks_after(*at) > 0);
        first.is_none_or(|at| self.breaks_after(at) > 1)
    }

    /// Whether something was made of another word of the clause, or a word leads it.
    fn is_with(&self, at: usize) -> bool {
        let all = 0..self.words.len();
        let mut clause = all.filter(|other| self.joins(at, *other));
        clause.any(|other| self.done[other] || has(LEADS, &self.words[other]))
    }

    /// A number in a sentence of which nothing else was understood is a reason.
    fn is_near(&self, at: usize) -> bool {
        let all = 0..self.words.len();
        let same = |other: &usize| self.same_sentence(at.min(*other), at.max(*other));
        all.filter(same).any(|other| self.done[other])
    }

    /// Beside a condition that was found: what says that there is more to it.
    pub(super) fn unread(&self, config: &Config, mentions: &[Mention]) -> Option<&str> {
        let named = self.sensors_named(config);
        let device = |at: usize| mentions.iter().any(|one| (one.at..one.end).contains(&at));
        // "Customers in and printing on".
        let read = |at: usize| self.done[at] && !device(at);
        let another = named.iter().find(|at| {
            let mut links = (0..self.words.len())
                .filter(|link| has("and plus", &self.words[*link]) && self.joins(**at, *link));
            links.any(|link| {
                let near = |one: usize, most: usize| one.abs_diff(link) <= most;
                let behind = |one: usize| (one > link) != (**at > link);
                near(**at, 4)
                    && (0..self.words.len()).any(|one| {
                        read(one) && behind(one) && near(one, 4) && self.joins(one, link)
                    })
            })
        });
        // "Customers in the house, after 20:00 …".
        let apart = named.iter().find(|at| {
            let (begin, end) = self.clause(**at);
            let told = mentions.iter().any(|one| one.at > end && self.same_sentence(**at, one.at));
            let comma = self.breaks_after(end) == 1;
            told && comma && self.opens(**at) && !(begin..=end).any(|here| self.done[here])
        });
        if let Some(at) = another.or(apart) {
            return Some(&self.words[*at]);
        }
        let free = (0..self.words.len()).filter(|at| !self.done[*at]);
        let mut free = free.filter(|at| {
            let word = self.words[*at].as_str();
            let digits = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let near =
                (0..self.words.len()).any(|other| self.done[other] && self.joins(*at, other));
            let next = [1, 2, 3].map(|more| self.words.get(at + more).map_or("", String::as_str));
            let bound = next.iter().any(|word| has("more less least most plus up", word));
            (has(UNREAD, word) && (near || self.opens(*at)))
                || (digits && number(word).is_some() && (near || bound))
                || self.comparison(*at).is_some()
                || self.leads_unread(*at, mentions)
                || self.is_loose(*at, mentions)
                || self.opens_unread(*at, mentions)
        });
        free.next().map(|at| self.words[at].as_str())
    }

    /// `No fan at Christmas`, `the vent in thunderstorms`: a clause with a device or with what was
    /// read says more, of which nothing was made.
    fn is_loose(&self, at: usize, mentions: &[Mention]) -> bool {
        const LINKS: List = "\
            at in on with during within after before until till unless if when whenever while \
            whilst once every throughout outside";
        // What follows is no condition.
        const PLACES: List = "\
            all any case general fact my opinion place turn use own mind view room hall house \
            here there it that this them risk job top duty home least last work way";
        const REASONS: List = "\
            because since or otherwise which that where who heard audible felt seen drips leaks \
            hums rattles roars smokes smells stinks squeaks howls whistles wakes";
        let word = self.words[at].as_str();
        let long = word == "as" && at > 1 && has("long soon", &self.words[at - 1]);
        if !(has(LINKS, word) || long) || self.compares(at, mentions) || self.is_polite(at) {
            return false;
        }
        let named = |at: usize| mentions.iter().any(|one| (one.at..one.end).contains(&at));
        let read = |at: usize| self.done[at] && !named(at);
        let (begin, end) = self.clause(at);
        let told = (begin..=end).any(|here| self.done[here])
            || has(NOT, &self.words[begin]) && mentions.iter().any(|one| one.end == begin);
        // "It is too loud when folk are home" gives a reason, "too loud at full moon" says when.
        let reason = (begin..at).any(|here| {
            let word_before = self.words[here].as_str();
            let article = |at: &usize| has("the a our my", &self.words[*at]);
            let to = (here + 1..at).find(|at| !article(at));
            let whom = word_before == "for" && !to.is_some_and(named);
            let too = word_before == "too" && word == "when";
            !self.done[here] && (has(REASONS, word_before) || too || whom)
        });
        if !told || reason {
            return false;
        }
        let passes = "the a an our my your his her their each other some is it's it first";
        let next = (at + 1..=end).find(|here| !has(passes, &self.words[*here]));
        let Some(next) = next.filter(|next| !self.done[*next]) else { return false };
        let lists = [PLACES, NOT, FILLERS, TAKES, LINKS, "rather"];
        if lists.iter().any(|list| has(list, &self.words[next])) {
            let week = has("first", &self.words[next - 1]);
            if !has(LEADS, word) && !week {
                return false;
            }
        }
        // It leads what was read behind it.
        let leads =
            |here: &usize| has(LEADS, &self.words[*here]) || has("as with", &self.words[*here]);
        let mut ahead = (at + 1..=end.min(at + 6)).take_while(|here| !leads(here));
        if let Some(first) = ahead.find(|here| read(*here))
            && (has(LEADS, word) || word == "with")
        {
            // "While the plumber works on Sundays" says more than the day.
            let more = (at + 1..first).any(|here| !has(FILLERS, &self.words[here]) && !read(here));
            let time = (first..end.min(first + 3) + 1).any(|here| {
                let word = self.words[here].as_str();
                let says = "after from before until till between mon tue wed thu fri sat sun";
                let digit = here == first && word.starts_with(|c: char| c.is_ascii_digit());
                read(here) && (is_time(word) || has(says, word) || digit)
            });
            return time && more;
        }
        // "Visitors in the dome": where that is which was read.
        let back = (begin.max(at.saturating_sub(4))..at)
            .any(|here| read(here) && !is_time(&self.words[here]));
        let lists = [CUES, SOFT_CUES, UNREAD];
        let odd = has("first", &self.words[next - 1])
            || lists.iter().any(|list| has(list, &self.words[next]));
        let article = has("the our my this", &self.words[at + 1]);
        !(back && has("in on at", word) && !odd && article)
    }

    /// The first and the last word of a clause.
    fn clause(&self, at: usize) -> (usize, usize) {
        let begin = (0..at).rev().find(|here| self.breaks_after(*here) > 0).map_or(0, |it| it + 1);
        let end = (at..self.words.len()).find(|here| self.breaks_after(*here) > 0).unwrap_or(at);
        (begin, end)
    }

    /// `When the neighbours complain, no fan at night`: the first clause of a sentence leads a
    /// condition of which nothing was made.
    fn opens_unread(&self, at: usize, mentions: &[Mention]) -> bool {
        let begins = at == 0 || self.breaks_after(at - 1) > 1;
        let long = self.words[at] == "as"
            && self.words.get(at + 1).is_some_and(|word| has("long soon", word));
        if !begins || !(long || has(LEADS, &self.words[at])) {
            return false;
        }
        let (_, end) = self.clause(at);
        let told = mentions.iter().any(|one| one.at > end && self.same_sentence(at, one.at));
        // "When we are plugged in (shore power)".
        let next = (end + 1 < self.words.len()).then(|| self.clause(end + 1));
        let is_gloss = next.is_some_and(|(from, to)| {
            let named = |at: usize| mentions.iter().any(|one| (one.at..one.end).contains(&at));
            (from..=to).all(|at| self.done[at] && !named(at) && !is_time(&self.words[at]))
        });
        let told = told && !is_gloss;
        told && !(at..=end).any(|here| self.done[here])
    }

    /// `It would be lovely if`.
    fn is_polite(&self, at: usize) -> bool {
        const POLITE: List = "\
            lovely grateful nice great glad happy kind good best appreciated appreciate pleased \
            thankful it obliged";
        self.words[at] == "if" && at > 0 && has(POLITE, &self.words[at - 1])
    }

    /// `On Sundays when the choir sings`: a second condition in the clause of one that was read.
    fn leads_unread(&self, at: usize, mentions: &[Mention]) -> bool {
        let named = |at: usize| mentions.iter().any(|one| (one.at..one.end).contains(&at));
        let read = |at: usize| self.done[at] && !named(at);
        let with = self.words[at] == "with" && !(at + 1..at + 4).any(named);
        if !with && !has(LEADS, &self.words[at]) {
            return false;
        }
        if self.is_polite(at) {
            return false;
        }
        let end = (at..self.words.len()).find(|here| self.breaks_after(*here) > 0);
        let end = end.unwrap_or(at);
        let next = (at + 1..=end).find(|here| read(*here));
        let before = (0..at).rev().take_while(|here| self.breaks_after(*here) == 0);
        let before = before.filter(|here| read(*here)).count();
        // Where something was read right behind it, it led that.
        let behind = with
            && next.is_some_and(|next| {
                next - at > 2 && !(at..next).any(|here| has(LEADS, &self.words[here]))
            });
        (before > 0 && next.is_none_or(|next| next - at > TURNED_WORDS_MAX)) || behind
    }

    /// `The vent before the fan`, `the vent first, then the fan`: an order of devices, no time.
    fn compares(&self, at: usize, mentions: &[Mention]) -> bool {
        let article = |at: &usize| has("the a an any our please it that", &self.words[*at]);
        let next = (at + 1..self.words.len()).find(|at| !article(at));
        let named = mentions.iter().any(|one| Some(one.at) == next);
        let first = (0..at).any(|before| {
            has("first before", &self.words[before]) && self.same_sentence(before, at)
        });
        match self.words[at].as_str() {
            "before" => named || self.words.get(at + 1).is_some_and(|word| word == "that"),
            "then" => first,
            "after" => {
                first && (named || self.words.get(at + 1).is_some_and(|word| word == "that"))
            }
            _ => false,
        }
    }

    /// Whether a word that leads a condition stands shortly before.
    fn leads(&self, at: usize) -> bool {
        let back = (at.saturating_sub(TURNED_WORDS_MAX)..at).rev();
        let mut back = back.take_while(|here| self.breaks_after(*here) == 0);
        back.any(|here| {
            has(LEADS, &self.words[here]) || has("with in on for at", &self.words[here])
        })
    }

    /// `At the inspection …`, `full moon: …`: how a sentence begins, where nothing was made of
    /// what follows up to its first comma or name.
    fn led_by_what(&self) -> Option<&str> {
        const BEGINS: List = "at on in with during after before by for";
        const ENDS: List = "\
            cooling heating warming drying airing ventilating ventilation warmth heat air cold \
            light lighting moisture humidifying charging pumping fresh warm dry everyday normal \
            most now reasons safety";
        const BARE: List = "the a an any all general principle our of";
        // Before a colon these say nothing.
        const CALLS: List = "\
            please attention note important warning reminder nb ps careful hi hello dear all \
            everybody everyone friends colleagues folks thanks again and to";
        (0..self.words.len()).find_map(|at| {
            let begins = at == 0 || self.breaks_after(at - 1) > 1;
            let word = self.words[at].as_str();
            if !begins || self.done[at] {
                return None;
            }
            let end = (at..self.words.len()).find(|at| self.breaks_after(*at) > 0)?;
            let asks = (at..self.words.len()).find(|at| self.breaks_after(*at) > 1)?;
            if self.breaks_after(asks) == 3
                && !(at..=asks).any(|at| self.done[at])
                && !(at..=asks).all(|at| has(CALLS, &self.words[at]))
            {
                return Some(word);
            }
            // "Kids asleep - no fan": it begins with what may be a condition.
            let told = [FILLERS, CALLS, NOT, TAKES, RESTS, "so"];
            let says = (at..=end).any(|at| told.iter().any(|list| has(list, &self.words[at])));
            let read = (at..=end).any(|at| self.done[at]);
            if at == 0 && self.breaks_after(end) == 1 && !says && !read {
                return Some(word);
            }
            if !has(BEGINS, word) {
                return None;
            }
            let mut rest = (at + 1..=end).skip_while(|here| has(BARE, &self.words[*here]));
            let next = rest.next().filter(|here| !self.done[*here])?;
            (word != "for" || !has(ENDS, &self.words[next])).then_some(word)
        })
    }

    /// The word that may turn a condition round which begins here, or put another time in its
    /// place: `not at night`, `until the shop is open`, `any day but Sunday`, `only at night`.
    pub(super) fn turned_by(&self, at: usize) -> Option<usize> {
        const PASSED: List = "\
            the a an at in on by is are was be while when whenever if during than more less of \
            from as long soon day every any hours it does do may must being there with once \
            whilst because since";
        const TURNS: List = "\
            until till before after outside but only past longer apart other rather instead half \
            late early although though despite regardless even matter whether";
        const COUNTS: List = "first second third fourth last other next";
        for back in 1..=TURNED_WORDS_MAX {
            let here = at.checked_sub(back)?;
            let word = self.words[here].as_str();
            if self.breaks_after(here) > 1 || self.done[here] {
                return None;
            }
            let last = here.checked_sub(1).map_or("", |last| self.words[last].as_str());
            // "Every second night".
            let counts = has(COUNTS, word) && has("the every each", last);
            if has(TURNS, word) || has(NOT, word) || counts {
                return Some(here);
            }
            if !has(PASSED, word) {
                return None;
            }
        }
        None
    }

    /// The word that makes a time another one: `on windy nights`, `on the night of the fair`.
    pub(super) fn narrowed_by(&self, at: usize, mentions: &[Mention]) -> Option<usize> {
        const BEFORE: List = "\
            and or please from through over during every each any by than as rather use but if \
            when";
        if !is_time(&self.words[at]) {
            return None;
        }
        let named = |at: usize| mentions.iter().any(|one| one.at == at);
        let next = at + 1;
        let follows = next < self.words.len() && self.breaks_after(at) == 0;
        if follows && has("of before after following", &self.words[next]) && !self.done[next] {
            let article = |at: &usize| has("the a our any", &self.words[*at]);
            let behind = (next + 1..self.words.len()).find(|at| !article(at));
            return (self.words[next] == "of" || !behind.is_some_and(named)).then_some(next);
        }
        let last = at.checked_sub(1).filter(|last| self.breaks_after(*last) == 0)?;
        let word = self.words[last].as_str();
        let lists = [BEFORE, FILLERS, NOT, RESTS, TAKES];
        let known = self.done[last] || lists.iter().any(|list| has(list, word));
        (!known).then_some(last)
    }

    /// `In the morning only`.
    pub(super) fn only_behind(&self, at: usize, mentions: &[Mention]) -> Option<usize> {
        let only = at + 1;
        if self.words.get(only).is_none_or(|word| word != "only") || self.breaks_after(at) > 0 {
            return None;
        }
        let article = |at: &usize| has("the a our any", &self.words[*at]);
        let next = (only + 1..self.words.len()).find(|at| !article(at));
        let named = next.is_some_and(|next| mentions.iter().any(|one| one.at == next));
        (!named || self.breaks_after(only) > 0).then_some(only)
    }

    /// `Only use the fan …`: what follows is no more than where it may be used.
    pub(super) fn only_then(&self) -> Option<usize> {
        let verbs = ["use", "run", "take", "start", "switch", "turn", "employ"];
        let mut all = 1..self.words.len();
        let found = all
            .find(|at| self.words[at - 1] == "only" && verbs.contains(&self.words[*at].as_str()));
        let found = found.filter(|_| !self.words.iter().any(|word| word == LASTLY));
        found.map(|at| at - 1)
    }

    /// Whether a word that turns the condition round stands in the note; not where it is the ban
    /// itself, right behind a device's name: `the generator not at night`.
    ///
    /// # Errors
    /// It does, in words for the one who wrote it.
    pub fn is_straight(&self, mentions: &[Mention], only_bans: bool) -> Result<(), String> {
        let Some(at) = self.turned else { return Ok(()) };
        // "The fan please not at night".
        let near = |one: &Mention| {
            one.end <= at && (one.end..at).all(|here| has("please is are to be", &self.words[here]))
        };
        let bans = has(NOT, &self.words[at]) && mentions.iter().any(near);
        if bans && only_bans {
            return Ok(());
        }
        let word = &self.words[at];
        Err(format!("`{word}` before a condition is more than I can put together"))
    }

    /// `If somebody is in and the gate is open`: before the `and` stands something that nothing was
    /// made of.
    pub(super) fn has_another(&self, mentions: &[Mention]) -> bool {
        let named = |at: usize| mentions.iter().any(|one| (one.at..one.end).contains(&at));
        let read = |at: usize| self.done[at] && !named(at);
        let of = |at: usize| self.words[at].as_str();
        (0..self.words.len()).filter(|at| of(*at) == "and").any(|and| {
            let clause = (0..and).rev().take_while(|at| self.breaks_after(*at) == 0);
            let clause: Vec<usize> = clause.collect();
            let Some(lead) = clause.iter().find(|at| has(LEADS, of(**at))) else {
                return false;
            };
            let behind =
                (and + 1..self.words.len()).take_while(|at| self.breaks_after(at - 1) == 0);
            let behind: Vec<usize> = behind.collect();
            let before_is_read = (*lead..and).any(read);
            let behind_is_read = behind.iter().any(|at| read(*at));
            // "And dust is high": something is, and nothing was made of it.
            let states = ["is", "are", "isn't", "aren't", "has", "was"];
            let another = !behind_is_read && behind.iter().any(|at| states.contains(&of(*at)));
            (before_is_read && another) || (!before_is_read && behind_is_read)
        })
    }
}

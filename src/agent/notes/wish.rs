//! What a note wants of the devices that it names, by the words around their names: which it takes
//! and which it leaves. No model is asked: where they do not say it, a note stays one. What must
//! never be here: conditions, a guess where the words are silent.

use super::said::{Mention, NOT, Said};
use crate::domain::ActuatorId;

/// What a note's words say of its devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// Wanted, where its condition holds.
    pub takes: Vec<ActuatorId>,
    /// Not wanted there.
    pub leaves: Vec<ActuatorId>,
    /// Named, and nothing is said of them.
    pub silent: Vec<ActuatorId>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Tone {
    Take,
    Leave,
    /// Wanted where the condition does not hold.
    Else,
    /// A ban that is turned round: `never keep it off`.
    Unclear,
}

/// Before a name: it is wanted.
const TAKES: &[&str] = &[
    "use",
    "uses",
    "using",
    "take",
    "takes",
    "taking",
    "employ",
    "employing",
    "prefer",
    "preferably",
    "rather",
    "favour",
    "favor",
    "choose",
    "choosing",
    "pick",
    "want",
    "run",
    "running",
    "only",
    "with",
    "by",
];
/// Before a name, behind another one: the other one is wanted more.
const BEHIND: &[&str] = &["than", "over", "before", "to"];
/// Before `of` and a name: it is not wanted.
const INSTEAD: &[&str] = &["instead", "place", "lieu", "ahead"];
/// Before a name that one of [`RESTS`] follows.
const LEAVES: &[&str] = &["leave", "keep", "let", "spare", "leaving", "keeping", "have"];
/// Before a name: it is not wanted, whatever follows.
const SPARES: &[&str] =
    &["spare", "skip", "stop", "forbidden", "sparing", "refrain", "refrained", "refraining"];
/// Behind a name: it is not wanted.
const RESTS: &[&str] = &[
    "off",
    "shut",
    "closed",
    "alone",
    "rest",
    "rests",
    "forbidden",
    "banned",
    "taboo",
    "idle",
    "still",
    "out",
    "sleep",
    "sleeps",
    "itself",
    "spared",
];
/// Behind a name: it is wanted.
const SERVES: &[&str] = &[
    "first",
    "enough",
    "does",
    "do",
    "suffices",
    "better",
    "preferred",
    "used",
    "taken",
    "instead",
    "rather",
    "wanted",
    "allowed",
    "runs",
    "run",
    "use",
    "works",
    "serve",
    "serves",
    "best",
];
/// Between words that matter.
const FILLERS: &[&str] = &[
    "the", "a", "an", "any", "our", "its", "this", "that", "these", "please", "is", "are", "be",
    "to", "must", "should", "shall", "may", "has", "have", "stays", "stay", "staying", "remains",
    "remain", "needs", "need", "can", "could", "will", "would", "it", "and", "then", "also",
    "kept", "left", "ought", "always", "ever", "even", "just", "really", "i'd", "like", "i", "we",
    "on", "switched", "turned", "touched", "both", "either", "comes", "come", "goes", "go", "for",
    "up", "at", "all", "work", "simply", "one", "being", "in", "of",
];
/// How far words are looked at from a name.
const REACH_WORDS: usize = 7;

impl Wish {
    /// What the words of a note say of its devices.
    ///
    /// # Errors
    /// They say both of one, or of none that it is wanted or not.
    pub fn new(said: &Said, mentions: &[Mention]) -> Result<Self, String> {
        let mut tones: Vec<Option<Tone>> = Vec::new();
        for (number, mention) in mentions.iter().enumerate() {
            let direct = tone(said, mentions, mention.at, mention.end);
            let tone = direct.or_else(|| joined(said, mentions, number, tones.last().copied()?));
            tones.push(tone);
        }
        pronouns(said, mentions, &mut tones);
        opposed(said, mentions, &mut tones);
        let mut wish = Self::default();
        let mut elses = Vec::new();
        for (mention, tone) in mentions.iter().zip(&tones) {
            let list = match tone {
                Some(Tone::Take) => &mut wish.takes,
                Some(Tone::Leave) => &mut wish.leaves,
                Some(Tone::Else) => &mut elses,
                Some(Tone::Unclear) => return Err("it forbids to leave a device".into()),
                None => &mut wish.silent,
            };
            if !list.contains(&mention.device) {
                list.push(mention.device);
            }
        }
        if wish.takes.iter().any(|id| wish.leaves.contains(id)) {
            return Err("it both wants and forbids a device".into());
        }
        let told = |id: &ActuatorId| wish.takes.contains(id) || wish.leaves.contains(id);
        // What is for the other case is left in this one.
        let elses: Vec<_> = elses.into_iter().filter(|id| !told(id)).collect();
        wish.silent.retain(|id| {
            !wish.takes.contains(id) && !wish.leaves.contains(id) && !elses.contains(id)
        });
        if wish.takes.is_empty() && wish.leaves.is_empty() && wish.silent.len() == 1 {
            // "The hatch while it is dry, else the fan".
            wish.takes =
                if elses.is_empty() { Vec::new() } else { std::mem::take(&mut wish.silent) };
        }
        if !wish.takes.is_empty() {
            wish.leaves.extend(elses);
        } else {
            wish.silent.extend(elses);
        }
        let wants = |word: &String| {
            [NOT, TAKES, SPARES, RESTS, LEAVES, &["instead", "before", "over", "else", "otherwise"]]
                .iter()
                .any(|list| list.contains(&word.as_str()))
        };
        if wish.takes.is_empty() && wish.leaves.is_empty() && !said.words.iter().any(wants) {
            return Err("nothing in it says that a device is wanted or not".into());
        }
        Ok(wish)
    }
}

impl Wish {
    /// Holds what is said of these devices, which can stand in for each other, and of no others.
    ///
    /// # Errors
    /// It wants something of another device too.
    pub fn only(&mut self, among: &[ActuatorId], all: &[ActuatorId]) -> Result<(), String> {
        let other = |id: &&ActuatorId| !among.contains(id) && all.contains(id);
        if self.takes.iter().chain(&self.leaves).find(other).is_some() {
            return Err("it wants something of devices that do not the same".into());
        }
        self.silent.retain(|id| among.contains(id));
        Ok(())
    }

    /// What is to be taken and what to be left, of devices `among` that can stand in for each
    /// other; `None` with the second is to be avoided. Nothing where the words do not say it.
    pub fn pairs(&self, among: &[ActuatorId]) -> Option<Vec<(Option<ActuatorId>, ActuatorId)>> {
        let all = |takes: &[ActuatorId], leaves: &[ActuatorId]| {
            let of = |id: &ActuatorId| leaves.iter().map(|left| (Some(*id), *left)).collect();
            Some(takes.iter().flat_map(|id| -> Vec<_> { of(id) }).collect())
        };
        match (self.takes.as_slice(), self.leaves.as_slice(), self.silent.as_slice()) {
            ([], [], _) => None,
            // "The vent, not the fan".
            ([], leaves, [one]) => all(&[*one], leaves),
            ([], leaves, []) => Some(leaves.iter().map(|id| (None, *id)).collect()),
            // "The vent first, the fan is loud".
            ([one], [], rest @ [_, ..]) => all(&[*one], rest),
            ([one], [], []) => {
                let rest: Vec<_> = among.iter().filter(|id| *id != one).copied().collect();
                all(&[*one], &rest)
            }
            (takes, leaves @ [_, ..], []) => all(takes, leaves),
            _ => None,
        }
    }
}

/// What is said of the words from `at` to `end`, by those before and behind them.
fn tone(said: &Said, mentions: &[Mention], at: usize, end: usize) -> Option<Tone> {
    let before = before(said, mentions, at);
    if before == Some(Tone::Unclear) {
        return before;
    }
    if before == Some(Tone::Leave) && is_at_rest(said, at, end) {
        return Some(Tone::Unclear);
    }
    if matches!(before, Some(Tone::Leave | Tone::Else)) {
        return before;
    }
    // What follows may turn a wish round: "with the fan off".
    behind(said, mentions, at, end).or(before).or_else(|| far_behind(said, mentions, end))
}

/// `The fan has a bent blade and is not to be used`.
fn far_behind(said: &Said, mentions: &[Mention], end: usize) -> Option<Tone> {
    let next = mentions.iter().map(|one| one.at).find(|at| *at >= end);
    let last = next.unwrap_or(said.words.len());
    let of = |at: usize| said.words.get(at).map_or("", String::as_str);
    let is_ban = |at: &usize| {
        let verb = if of(at + 1) == "to" { at + 2 } else { at + 1 };
        NOT.contains(&of(*at)) && of(verb) == "be" && next.is_none_or(|next| next > verb + 3)
    };
    let found = (end..last).find(is_ban)?;
    (end == 0 || said.same_sentence(end - 1, found)).then_some(Tone::Leave)
}

fn before(said: &Said, mentions: &[Mention], at: usize) -> Option<Tone> {
    let earlier =
        |at: usize| mentions.iter().any(|one| one.end <= at && said.same_sentence(one.at, at));
    let mut clean = true;
    for back in 1..=REACH_WORDS {
        let here = at.checked_sub(back)?;
        // What a condition was made of ends it: "while it is not raining".
        if said.done[here]
            || said.breaks_after(here) > 0
            || mentions.iter().any(|one| (one.at..one.end).contains(&here))
        {
            return None;
        }
        let word = said.words[here].as_str();
        let led = |list: &[&str]| here > 0 && list.contains(&said.words[here - 1].as_str());
        if ["else", "otherwise"].contains(&word) {
            return Some(Tone::Else);
        }
        if word == "off" && led(&["hands", "keep"]) {
            return Some(Tone::Leave);
        }
        if SPARES.contains(&word) && clean && is_turned(said, here, 0) {
            return Some(Tone::Unclear);
        }
        if word == "of" && led(INSTEAD) || NOT.contains(&word) || (SPARES.contains(&word) && clean)
        {
            return Some(Tone::Leave);
        }
        if BEHIND.contains(&word) && earlier(here) && (word != "to" || prefers(said, here)) {
            return Some(Tone::Leave);
        }
        if word == "after" && ["it", "them", "that"].contains(&said.words[here + 1].as_str()) {
            return Some(Tone::Leave);
        }
        if TAKES.contains(&word) && clean && is_otherwise(said, here) {
            return Some(Tone::Else);
        }
        if TAKES.contains(&word) && clean {
            // "Do not heat with the lamp": one verb may stand between.
            let verbs = usize::from(["with", "by", "using"].contains(&word));
            return Some(if is_turned(said, here, verbs) { Tone::Leave } else { Tone::Take });
        }
        clean &= FILLERS.contains(&word);
        if !clean && back > 3 {
            return None;
        }
    }
    None
}

/// Whether a ban stands before a name and what leaves it behind: `never keep the fan off`.
fn is_at_rest(said: &Said, at: usize, end: usize) -> bool {
    let leads = |here: usize| LEAVES.contains(&said.words[here].as_str());
    let is_led = (at.saturating_sub(3)..at).any(leads);
    let rests = said.words.get(end).is_some_and(|word| RESTS.contains(&word.as_str()));
    is_led && rests && said.breaks_after(end - 1) == 0
}

/// Whether `prefer` stands before a `to`.
fn prefers(said: &Said, to: usize) -> bool {
    let verbs = ["prefer", "prefers", "preferred", "preferable", "preference"];
    (0..to).any(|at| verbs.contains(&said.words[at].as_str()) && said.same_sentence(at, to))
}

/// Whether `else` or `otherwise` stands before a word: `else with the fan`.
fn is_otherwise(said: &Said, at: usize) -> bool {
    let mut back = (0..at).rev().take_while(|here| said.breaks_after(*here) == 0);
    let found = back.find(|here| !FILLERS.contains(&said.words[*here].as_str()));
    found.is_some_and(|here| ["else", "otherwise"].contains(&said.words[here].as_str()))
}

/// Whether a word is turned round by one before it: `do not ever use`.
fn is_turned(said: &Said, at: usize, mut verbs: usize) -> bool {
    for back in 1..=4 {
        let Some(here) = at.checked_sub(back) else { return false };
        if said.breaks_after(here) > 0 {
            return false;
        }
        let word = said.words[here].as_str();
        if NOT.contains(&word) {
            return true;
        }
        if !FILLERS.contains(&word) {
            if verbs == 0 {
                return false;
            }
            verbs -= 1;
        }
    }
    false
}

fn behind(said: &Said, mentions: &[Mention], at: usize, end: usize) -> Option<Tone> {
    let is_name = |here: usize| mentions.iter().any(|one| one.at == here);
    for here in end..said.words.len().min(end + REACH_WORDS) {
        if said.breaks_after(here - 1) > 0 || is_name(here) {
            return None;
        }
        let word = said.words[here].as_str();
        if NOT.contains(&word) || ["rather", "instead", "before", "over", "ahead"].contains(&word) {
            // It may be about the next name: "the vent, not the fan", "the vent before the fan".
            let passes = |next: &usize| {
                let word = said.words[*next].as_str();
                !["than", "by", "with", "use"].contains(&word) && !FILLERS.contains(&word)
            };
            let next = (here + 1..said.words.len()).find(passes);
            // "While it is not raining" is a condition.
            let is_condition = |next: usize| said.done[next] && !is_name(next);
            if said.words[at].starts_with("it") && next.is_some_and(is_condition) {
                return None;
            }
            let of_next = next.is_some_and(is_name) && said.breaks_after(here) == 0;
            return match (NOT.contains(&word), of_next) {
                (true, true) => None,
                (true, false) => {
                    // "May not be left off".
                    let rest = &said.words[here + 1..said.words.len().min(here + 4)];
                    let left = rest.iter().any(|word| RESTS.contains(&word.as_str()));
                    Some(if left { Tone::Unclear } else { Tone::Leave })
                }
                (false, true) => Some(Tone::Take),
                (false, false) if word == "instead" || word == "rather" => Some(Tone::Take),
                (false, false) => None,
            };
        }
        // "Only after it", "is too loud".
        let next = said.words.get(here + 1).map(String::as_str);
        if (word == "only" && matches!(next, Some("after" | "behind"))) || word == "too" {
            return Some(Tone::Leave);
        }
        if RESTS.contains(&word) {
            let leads = |back: usize| {
                at.checked_sub(back).is_some_and(|at| LEAVES.contains(&said.words[at].as_str()))
            };
            let off = word == "off";
            let bound = off || here > end || (1..=2).any(leads);
            return bound.then_some(Tone::Leave);
        }
        if SERVES.contains(&word) {
            // "Is to be taken", not "is taken apart".
            let passive = ["used", "taken", "wanted", "run"].contains(&word);
            let next = said.words.get(here + 1).map_or("it", String::as_str);
            // "Can do it", not "does less so".
            let ends = said.breaks_after(here) > 0 || ["it", "the", "for"].contains(&next);
            let verb = ["does", "do"].contains(&word) && !ends;
            return (!verb && (!passive || said.words[here - 1] == "be")).then_some(Tone::Take);
        }
        if !FILLERS.contains(&word) {
            return None;
        }
    }
    None
}

/// A name that only `and`, `or` or a comma stands before, behind another: what is said of that one.
fn joined(said: &Said, mentions: &[Mention], number: usize, last: Option<Tone>) -> Option<Tone> {
    let (one, two) = (&mentions[number.checked_sub(1)?], &mentions[number]);
    let between = &said.words[one.end..two.at];
    let links = ["and", "or", "nor"];
    let articles = ["the", "a", "any", "also"];
    let is_link = |word: &String| links.contains(&word.as_str());
    let bare = between.iter().all(|word| is_link(word) || articles.contains(&word.as_str()));
    // A comma and an article begin something else.
    let bare = bare && (between.is_empty() || between.iter().any(is_link));
    last.filter(|_| bare && said.same_sentence(one.at, two.at))
}

/// `The vent, not the fan`: what stands right before one that is not wanted is.
fn opposed(said: &Said, mentions: &[Mention], tones: &mut [Option<Tone>]) {
    for number in 1..mentions.len() {
        let (one, two) = (&mentions[number - 1], &mentions[number]);
        let link = |word: &String| {
            [NOT, FILLERS].iter().any(|list| list.contains(&word.as_str())) || word == "but"
        };
        let bare = said.words[one.end..two.at].iter().all(link);
        let is_left = tones[number] == Some(Tone::Leave) && tones[number - 1].is_none();
        // "I feel safer with the lamp than with the heater".
        let between = one.end..two.at;
        let more = said.words[between.clone()].iter().any(|word| word == "than")
            && between.clone().all(|at| said.breaks_after(at) == 0)
            && !said.words[between].iter().any(|word| NOT.contains(&word.as_str()));
        if is_left && (bare || more) && said.same_sentence(one.at, two.at) {
            tones[number - 1] = Some(Tone::Take);
        }
    }
}

/// `The lamp is cracked, do not use it`: what is said of `it` is said of the name before, of which
/// nothing else is said.
fn pronouns(said: &Said, mentions: &[Mention], tones: &mut [Option<Tone>]) {
    let verbs = ["use", "used", "run", "touch", "start", "started", "switch", "do", "in", "please"];
    for at in 0..said.words.len() {
        let Some(last) = mentions.iter().rposition(|one| one.end <= at) else { continue };
        let end = (at..said.words.len()).find(|here| said.breaks_after(*here) > 0);
        let begins = at == 0 || said.breaks_after(at - 1) > 0 || said.words[at - 1] == "do";
        let rest = end.map(|end| &said.words[at + 1..=end]);
        let only =
            |word: &String| verbs.contains(&word.as_str()) || FILLERS.contains(&word.as_str());
        let bare = rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(only));
        if tones[last].is_none() && begins && bare && NOT.contains(&said.words[at].as_str()) {
            tones[last] = Some(Tone::Leave);
        }
    }
    let meant = ["it", "it's", "that", "them", "these", "this", "both"];
    for at in 0..said.words.len() {
        let Some(last) = mentions.iter().rposition(|one| one.end <= at) else { continue };
        let behind_it = at > 0 && said.words[at - 1] == "after";
        if behind_it || tones[last].is_some() || !meant.contains(&said.words[at].as_str()) {
            continue;
        }
        let end = at + 1 + usize::from(said.words.get(at + 1).is_some_and(|word| word == "one"));
        let found = before(said, mentions, at).or_else(|| {
            let behind = behind(said, mentions, at, end);
            behind.filter(|tone| *tone == Tone::Leave)
        });
        tones[last] = found;
    }
}

//! What a note wants of the devices that it names, by the words around their names: which it takes
//! and which it leaves. No model is asked: where they do not say it, a note stays one. What must
//! never be here: conditions, a guess where the words are silent.

use super::said::{Mention, Said};
use super::tones::{REACH_WORDS, Tone, joined, opposed, pronouns, spares, tone};
use super::wording::{FILLERS, LEAVES, NOT, RESTS, SPARES, TAKES};
use crate::agent::spoken::has;
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

impl Wish {
    /// What the words of a note say of its devices; `is_bound`: under a condition.
    ///
    /// # Errors
    /// They say both of one, or of none that it is wanted or not.
    pub fn new(said: &Said, mentions: &[Mention], is_bound: bool) -> Result<Self, String> {
        no_wish(said, mentions)?;
        let mut tones: Vec<Option<Tone>> = Vec::new();
        for (number, mention) in mentions.iter().enumerate() {
            let direct = tone(said, mentions, mention.at, mention.end);
            let tone = direct.or_else(|| joined(said, mentions, number, tones.last().copied()?));
            tones.push(tone);
        }
        spares(said, mentions, &mut tones);
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
        wish.is_whole(said, mentions, &tones, is_bound)?;
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
        if wish.takes.is_empty() && wish.leaves.is_empty() && elses.is_empty() && is_bound {
            wish.takes.extend(bare(said, mentions));
            wish.silent.retain(|id| !wish.takes.contains(id));
        }
        if !wish.takes.is_empty() {
            wish.leaves.extend(elses);
        } else {
            wish.silent.extend(elses);
        }
        let lists = [NOT, TAKES, SPARES, RESTS, LEAVES, "instead before over else otherwise"];
        let wants = |word: &String| lists.iter().any(|list| has(list, word));
        if wish.takes.is_empty() && wish.leaves.is_empty() && !said.words.iter().any(wants) {
            return Err("nothing in it says that a device is wanted or not".into());
        }
        Ok(wish)
    }
}

impl Wish {
    /// Whether the names' tones go together.
    fn is_whole(
        &self,
        said: &Said,
        mentions: &[Mention],
        tones: &[Option<Tone>],
        is_bound: bool,
    ) -> Result<(), String> {
        if compared_ban(said, mentions, tones) {
            return Err("it forbids one before another".into());
        }
        let compared = |(one, tone): (&Mention, &Option<Tone>)| {
            let mut back = (0..one.at).rev().skip_while(|at| has("the a an any", &said.words[*at]));
            let word = back.next().map_or("", |at| said.words[at].as_str());
            *tone == Some(Tone::Leave) && has("than over before", word)
        };
        if self.takes.is_empty()
            && self.silent.is_empty()
            && mentions.iter().zip(tones).any(compared)
        {
            return Err("it does not say before what".into());
        }
        // "The fan at night, and at night no fan".
        let again = |(one, tone): (&Mention, &Option<Tone>)| {
            tone.is_none() && self.leaves.contains(&one.device) && is_bare(said, one)
        };
        if is_bound && mentions.iter().zip(tones).any(again) {
            return Err("it both wants and forbids a device".into());
        }
        Ok(())
    }

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

/// `Never the fan before the vent`.
fn compared_ban(said: &Said, mentions: &[Mention], tones: &[Option<Tone>]) -> bool {
    (1..mentions.len()).any(|number| {
        let (one, two) = (&mentions[number - 1], &mentions[number]);
        let both = [number - 1, number].iter().all(|at| tones[*at] == Some(Tone::Leave));
        let compares = said.words[one.end..two.at].iter().any(|it| has("than before over", it));
        both && compares && said.joins(one.end - 1, two.at)
    })
}

/// Refuses what only looks like a wish.
fn no_wish(said: &Said, mentions: &[Mention]) -> Result<(), String> {
    let word = |at: usize| said.words.get(at).map_or("", String::as_str);
    let all = 0..said.words.len();
    let is_asked = (0..all.end).any(|at| said.breaks_after(at) == 3)
        && (has("why who what where did has was does how which", word(0))
            || has("should shall shouldn't do can may could", word(0)) && has("we i", word(1)));
    if is_asked {
        return Err("it is a question".into());
    }
    let told = |at: &usize| {
        let verbs = "used running on off left taken switched run";
        has("was were been", word(*at)) && has(verbs, word(at + 1)) && !said.done[at + 1]
    };
    // "I should be glad if the vent were used".
    let is_wished = all.clone().any(|at| has("if would grateful", word(at)));
    if !is_wished && all.clone().any(|at| told(&at)) {
        return Err("it tells what was".into());
    }
    let least = "sparingly seldom briefly rarely occasionally sometimes alternately whichever";
    if let Some(at) = all.clone().find(|at| has(least, word(*at)) && !said.done[*at]) {
        return Err(format!("`{}` is more than I can put together", word(at)));
    }
    let fewer = |at: &usize| {
        word(*at) == "less" && word(at + 1) == "than" && !said.done[*at]
            || word(*at) == "feel" && word(at + 1) == "free"
    };
    if let Some(at) = all.clone().find(fewer) {
        return Err(format!("`{}` is more than I can put together", word(at)));
    }
    // "Nobody minds the fan".
    let allows = |at: &usize| {
        let named = mentions.iter().any(|one| said.joins((one.at).min(*at), (one.at).max(*at)));
        let words = "mind minds problem hurt hurts object objection matter matters care against";
        has(words, word(*at))
            && named
            && (at.saturating_sub(3)..*at).any(|here| {
                (has(NOT, word(here)) || word(here) == "nothing") && said.joins(here, *at)
            })
    };
    if let Some(at) = all.clone().find(allows) {
        return Err(format!("`{}` only allows it", word(at)));
    }
    // "Not both the vent and the fan".
    let both = |at: &usize| {
        let named = mentions.iter().filter(|one| said.joins(one.at.min(*at), one.at.max(*at)));
        has("both together simultaneously", word(*at))
            && (word(*at) == "both" || named.count() > 1)
            && (at.saturating_sub(REACH_WORDS)..*at)
                .any(|here| has(NOT, word(here)) && said.joins(here, *at))
    };
    match all.clone().find(both) {
        Some(at) => Err(format!("`{}` is no wish for one of them", word(at))),
        None => Ok(()),
    }
}

/// `Night: the vent`: the only device that stands in a clause of its own.
fn bare(said: &Said, mentions: &[Mention]) -> Option<ActuatorId> {
    if said.words.iter().zip(&said.done).any(|(word, done)| has(NOT, word) && !done) {
        return None;
    }
    let mut all = mentions.iter().filter(|one| is_bare(said, one));
    all.next().filter(|one| all.all(|other| other.device == one.device)).map(|one| one.device)
}

/// Whether nothing but fillers and a condition stands beside a name in its clause.
fn is_bare(said: &Said, one: &Mention) -> bool {
    let begin = (0..one.at).rev().find(|at| said.breaks_after(*at) > 0).map_or(0, |at| at + 1);
    let ends = (one.end - 1..said.words.len()).find(|at| said.breaks_after(*at) > 0);
    (begin..=ends.unwrap_or(one.end - 1)).all(|at| {
        let word = said.words[at].as_str();
        said.done[at] || has(FILLERS, word) || has("thanks so therefore hence thus", word)
    })
}

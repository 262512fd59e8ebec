//! Which sensor or device a sentence names: by its whole name, by some words of it in any order, by
//! a verb of it ("stir"), by a quality ("warm"). Where two could be meant, none is. What must never
//! be here: what is to be done with it.

use std::ops::Range;

use super::slips::{Slip, slip};
use super::text::Word;
use super::words::{
    ABBREVIATIONS, COMPANIONS, GENERIC, List, OF_ANY, PLACES, QUALITIES, SAME, has, is_known,
};
use super::{Said, spoken, text};
use crate::config::Config;

/// Letters of a word that may be misspelt.
const LONG: usize = 7;

/// Words of their own that are a slip of another: barley, silver, trial.
const PAIRS: List = "\
    barely sliver trail casual diary united angel odor slat form barn tarp wrap calm sign \
    split curd crab lion bolt fired tired quiet bran trap warp clam sing spilt crud carb loin \
    blot fried tried quite";

/// The words of all names: those of the sensors, then those of the devices.
pub(super) struct Names {
    words: Vec<Vec<String>>,
    sensors: usize,
    /// The words of the place's own name, which change nothing: "the pool lights".
    place: Vec<String>,
    /// The words of the goals' names.
    goals: Vec<String>,
}

/// Whom a sentence names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    /// Nobody.
    None,
    /// One, by its place in [`Names`].
    One(Mention),
    /// It could be each of several.
    Unclear,
    /// Several.
    Several,
}

/// How one is named.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mention {
    /// Its place in [`Names`].
    pub(super) index: usize,
    /// Where its words stand.
    pub(super) at: Vec<usize>,
    /// Whether all words of its name are said.
    pub(super) whole: bool,
    /// Whether one is said in another form, as a verb is: `stir` of a stirrer.
    pub(super) as_verb: Option<usize>,
}

/// How well a word that is said fits a word of a name.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Fit {
    /// "Water" of "underwater": never alone.
    Part,
    /// With a letter wrong, left out or too many.
    Near,
    Root,
    Word,
}

impl Names {
    pub(super) fn new(config: &Config) -> Self {
        let sensors = config.sensors.iter().map(|one| &one.name);
        let actuators = config.actuators.iter().map(|one| &one.name);
        Self {
            words: sensors.chain(actuators).map(|name| parts(name)).collect(),
            sensors: config.sensors.len(),
            place: parts(&config.device.name),
            goals: config.goals.iter().flat_map(|goal| parts(&goal.name)).collect(),
        }
    }

    /// The words of its name.
    pub(super) fn of(&self, index: usize) -> &[String] {
        &self.words[index]
    }

    /// Whether one of its words is this.
    pub(super) fn called(&self, index: usize, noun: &str) -> bool {
        self.words[index].iter().any(|own| own == noun)
    }

    /// The word of a name that is this one with a letter left out, doubled or another vowel, beside
    /// another word of the same name: "intke gate", "suger content".
    pub(super) fn slip_beside(&self, said: &str, beside: [&str; 2]) -> Option<&str> {
        let with = |name: &&Vec<String>| {
            name.iter().any(|own| beside.iter().any(|word| is_word(word, own)))
        };
        let slips = |own: &&str| match slip(said, own) {
            Some(Slip::LeftOut | Slip::Vowel) => own.len() >= 5 && same_first(said, own),
            Some(Slip::Doubled) => same_first(said, own),
            _ => false,
        };
        only(said, self.words.iter().filter(with).flatten().map(String::as_str).filter(slips))
    }

    /// The only word of all names that is this one with two neighbouring letters exchanged.
    pub(super) fn swapped(&self, said: &str) -> Option<&str> {
        let swapped = |own: &&str| slip(said, own) == Some(Slip::Swapped);
        only(said, self.words.iter().flatten().map(String::as_str).filter(swapped))
    }

    /// The word of its name that says what it is: of a brush motor, the brush.
    pub(super) fn head(&self, index: usize) -> Option<&String> {
        let own = &self.words[index];
        own.iter().rev().find(|word| !has(OF_ANY, word)).or(own.last())
    }

    /// Whether it is a word of a goal's name.
    pub(super) fn is_of_goal(&self, word: &str) -> bool {
        self.goals.iter().any(|own| is_word(word, own))
    }

    /// Whether it is a word of the place's name, or the end of one: "rink" of an icerink.
    pub(super) fn is_place(&self, word: &str) -> bool {
        self.place.iter().any(|own| is_word(word, own) || has(PLACES, word) && own.ends_with(word))
    }

    pub(super) fn sensors(&self) -> Range<usize> {
        0..self.sensors
    }

    pub(super) fn actuators(&self) -> Range<usize> {
        self.sensors..self.words.len()
    }

    pub(super) fn all(&self) -> Range<usize> {
        0..self.words.len()
    }

    /// How well a word that is said fits each name.
    pub(super) fn fits(&self, said: &str) -> Vec<Option<Fit>> {
        let best = |name: &Vec<String>| {
            let fits = name.iter().filter_map(|own| fit(said, own));
            fits.fold(
                None,
                |most, fit| if most.is_some_and(|most| most >= fit) { most } else { Some(fit) },
            )
        };
        self.words.iter().map(best).collect()
    }

    /// What is said of something that a name has as other words: "CO2" of a carbon dioxide.
    fn same(&self, said: &str) -> Option<&'static str> {
        let mut others = SAME.iter().filter(|(short, _)| *short == said).map(|(_, long)| *long);
        let named = |words: &&str| {
            self.words
                .iter()
                .any(|own| words.split(' ').all(|word| own.iter().any(|own| own == word)))
        };
        others.find(named)
    }

    /// Whether it is a device, and its id.
    pub(super) fn id(&self, index: usize) -> (bool, u16) {
        let device = index >= self.sensors;
        let place = if device { index - self.sensors } else { index };
        (device, u16::try_from(place).unwrap_or(u16::MAX))
    }

    /// Whether a word stands in a name of any of them just so: `htr` of a `htr_2` is no heater.
    pub(super) fn is_own(&self, word: &str) -> bool {
        self.words.iter().flatten().any(|own| own == word)
    }

    /// Whether a word belongs to a name of any of them, as it stands or as a verb.
    pub(super) fn has(&self, word: &str) -> bool {
        self.words
            .iter()
            .flatten()
            .chain(&self.goals)
            .any(|own| fit(word, own).is_some_and(|fit| fit > Fit::Part))
    }

    /// The words, with "under water" as "underwater" where a name has it so, and the other way.
    pub(super) fn joined(&self, said: Vec<Word>) -> Vec<Word> {
        let names = || self.words.iter().flatten().chain(&self.goals);
        let own = |word: &str| names().any(|own| is_word(word, own));
        let said = said.into_iter().flat_map(|(word, part)| {
            let named = self.same(&word).filter(|_| !own(&word));
            let words = named
                .map_or_else(|| vec![word], |words| words.split(' ').map(str::to_owned).collect());
            words.into_iter().map(move |word| (word, part))
        });
        let mut joined: Vec<Word> = Vec::new();
        for (word, part) in said {
            if let Some((last, _)) = joined.last_mut().filter(|(_, other)| *other == part)
                && !own(last)
                && own(&format!("{last}{word}"))
            {
                last.push_str(&word);
                continue;
            }
            let mut two = self.words.iter().flat_map(|name| name.windows(2));
            let two = two.find(|two| !own(&word) && is_word(&word, &two.concat()));
            match two {
                Some(two) => joined.extend(two.iter().map(|one| (one.clone(), part))),
                None => joined.push((word, part)),
            }
        }
        joined
    }
}

/// The words of a name.
pub(super) fn parts(name: &str) -> Vec<String> {
    text::words(&spoken(name)).into_iter().map(|(word, _)| word).collect()
}

fn fit(said: &str, own: &str) -> Option<Fit> {
    if is_word(said, own) {
        return Some(Fit::Word);
    }
    let bare = bare(said);
    let part = bare.len() >= 4 && own.len() >= bare.len() + 3;
    let fit = match () {
        () if same_root(bare, own) => Fit::Root,
        () if is_near(bare, own) => Fit::Near,
        () if part && (own.starts_with(bare) || own.ends_with(bare)) => Fit::Part,
        () => return None,
    };
    Some(fit).filter(|_| !is_known(bare))
}

fn bare(said: &str) -> &str {
    said.strip_suffix("'s").unwrap_or(said)
}

/// Whether a word of a name is said, as it stands.
pub(super) fn is_word(said: &str, own: &str) -> bool {
    let bare = bare(said);
    let plural = |one: &str, more: &str| {
        let es = one.ends_with(['s', 'x', 'h']) && more.strip_suffix("es") == Some(one);
        es || more.strip_suffix('s') == Some(one)
    };
    let short = || ABBREVIATIONS.iter().any(|(short, long)| *short == bare && *long == own);
    // "Leaves" of a leaf, "shelves" of a shelf.
    let of_f = |one: &str, more: &str| {
        let stem = more.strip_suffix("ves").filter(|stem| stem.len() >= 2);
        stem.is_some_and(|stem| one.strip_prefix(stem) == Some("f"))
    };
    let plural = |one: &str, more: &str| plural(one, more) || of_f(one, more);
    // "Color" of a colour, "center" of a centre.
    let american = || own.replace("our", "or") == bare || own.replace("tre", "ter") == bare;
    let american = own.len() > 4 && american();
    bare == own || american || plural(bare, own) || plural(own, bare) || short()
}

/// Whether a long word is said with one letter wrong, left out, too many or before its turn.
/// Its first letter must be right: a "flower" is no "blower".
pub(super) fn is_near(said: &str, own: &str) -> bool {
    let (letters, own_letters) = (said.chars().count(), own.chars().count());
    same_first(said, own)
        && match slip(said, own) {
            None => false,
            // In a shorter one only two letters in the wrong order.
            Some(Slip::Swapped) if own_letters < LONG => {
                own_letters + 1 == LONG && !has(PAIRS, said)
            }
            Some(_) => own_letters >= LONG && letters + 1 >= LONG,
        }
}

fn same_first(said: &str, own: &str) -> bool {
    said.chars().next() == own.chars().next()
}

/// What a word that is no other stands for, where it is only one.
fn only<'a>(said: &str, mut found: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if said.len() < 4 || has(PAIRS, said) {
        return None;
    }
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// Whether it is a word of a name, if with a letter wrong.
pub(super) fn is_like(said: &str, own: &str) -> bool {
    fit(said, own).is_some_and(|fit| fit > Fit::Part)
}

/// Whether they share it; `humidify` is one of `humidifier`.
fn same_root(one: &str, other: &str) -> bool {
    let (one, other) = (root(one), root(other));
    let bare = |word: &str| word.strip_suffix(['y', 'i']).map(str::to_owned);
    one == other || (bare(one).is_some() && bare(one) == bare(other))
}

/// What `stir`, `stirs`, `stirrer` and `stirring` share.
fn root(word: &str) -> &str {
    const ENDS: [&str; 12] =
        ["cation", "ings", "ing", "ers", "er", "ors", "or", "ion", "ed", "es", "s", "e"];
    let cut = ENDS.iter().find_map(|end| word.strip_suffix(end).filter(|rest| rest.len() >= 3));
    let rest = cut.unwrap_or(word);
    let mut last = rest.chars().rev();
    let doubled = last.next().is_some_and(|a| last.next() == Some(a) && !"aeiouls".contains(a));
    match doubled {
        true => &rest[..rest.len() - rest.chars().last().map_or(0, char::len_utf8)],
        false => rest.strip_suffix('e').filter(|rest| rest.len() >= 3).unwrap_or(rest),
    }
}

impl Said {
    /// Whom of a range the words name that are not accounted for. With `qualities`, "warm" speaks
    /// for a temperature.
    pub(super) fn named(&self, range: Range<usize>, qualities: bool) -> Named {
        self.named_among(&range.collect::<Vec<_>>(), qualities)
    }

    /// Whom of these the words name.
    pub(super) fn named_among(&self, range: &[usize], qualities: bool) -> Named {
        match self.named_by(range, qualities, "") {
            // "The CO2 level": a level of nobody in particular.
            Named::Several => match self.named_by(range, qualities, GENERIC) {
                Named::One(mention) => Named::One(mention),
                _ => Named::Several,
            },
            named => named,
        }
    }

    fn named_by(&self, range: &[usize], qualities: bool, not: &str) -> Named {
        let (mut hard, mut soft) = (vec![Vec::new(); range.len()], vec![Vec::new(); range.len()]);
        let mut partly = vec![Vec::new(); range.len()];
        let mut said = Vec::new();
        let mut roots = Vec::new();
        // "Cooler than 4" is said of no cooler.
        let compared = |at: &usize| self.word(at + 1) == "than";
        for at in self.free().filter(|at| !has(not, &self.words[*at])) {
            let fit = |index: &usize| self.best(at, *index).filter(|_| !compared(&at));
            let fits: Vec<_> = range.iter().map(fit).collect();
            let parts = |fit: &Option<Fit>| *fit == Some(Fit::Part);
            let most = fits.iter().filter(|fit| !parts(fit)).flatten().copied().fold(
                None,
                |most: Option<Fit>, fit| {
                    if most.is_some_and(|most| most >= fit) { most } else { Some(fit) }
                },
            );
            for (place, index) in range.iter().copied().enumerate() {
                if most.is_some() && fits[place] == most {
                    hard[place].push(at);
                } else if qualities && self.is_quality(at, index) {
                    soft[place].push(at);
                } else if most.is_none() && parts(&fits[place]) {
                    partly[place].push(at);
                }
            }
            said.extend(most.map(|_| at));
            roots.extend(most.filter(|fit| *fit == Fit::Root).map(|_| at));
        }
        let covers = |place: usize| {
            let all = said.iter().all(|at| hard[place].contains(at) || soft[place].contains(at));
            all && !(hard[place].is_empty() && (soft[place].is_empty() || !said.is_empty()))
        };
        let whole = |place: usize| {
            let name = &self.names.words[range[place]];
            name.iter().all(|own| hard[place].iter().any(|at| is_word(&self.words[*at], own)))
        };
        let mut likely: Vec<usize> = (0..range.len()).filter(|place| covers(*place)).collect();
        if likely.is_empty() {
            let any = said.is_empty() && soft.iter().all(Vec::is_empty);
            return if any { Named::None } else { Named::Several };
        }
        if likely.len() > 1 {
            let most = likely.iter().map(|place| soft[*place].len()).max().unwrap_or(0);
            likely.retain(|place| soft[*place].len() == most);
        }
        if likely.len() > 1 && likely.iter().any(|place| whole(*place)) {
            likely.retain(|place| whole(*place));
        }
        let [place] = likely.as_slice() else { return Named::Unclear };
        let partly = if hard[*place].is_empty() { &[][..] } else { &partly[*place] };
        let at = [&hard[*place], &soft[*place], partly].concat();
        let as_verb = roots.first().copied();
        let index = range[*place];
        Named::One(Mention { index, at, whole: whole(*place), as_verb })
    }

    /// How well a word fits the best word of a name.
    fn best(&self, at: usize, index: usize) -> Option<Fit> {
        self.fits[at][index]
    }

    fn is_quality(&self, at: usize, index: usize) -> bool {
        let said = self.words[at].trim_end_matches("'s");
        let mut nouns = QUALITIES.iter().filter(|(word, _)| *word == said);
        let own = &self.names.words[index];
        // "Hard" of a hardness, "foggy" of fog.
        let noun = said.strip_suffix('y').unwrap_or_default();
        let short = noun.get(..noun.len().saturating_sub(1)).unwrap_or_default();
        let made = |word: &String| {
            let of = word == noun || (word.len() > 2 && word == short);
            word.strip_suffix("ness") == Some(said) || of
        };
        let sensor = index < self.names.sensors;
        // "Damper 35": the device of that name; "damper than 35" compares.
        let is = |device| self.is_of(at, device) && self.word(at + 1) != "than";
        sensor
            && !self.names.actuators().any(is)
            && (nouns.any(|(_, noun)| own.iter().any(|word| word == noun)) || own.iter().any(made))
    }

    /// Counts as accounted for what a name measures of: the "water" of a hardness. A word of
    /// another name is none.
    pub(super) fn take_companions(&mut self, mention: &Mention) {
        let hosts = |word: &str, hosts: &str| {
            let own = self.names.of(mention.index);
            let fits = own.iter().any(|own| has(hosts, own));
            fits && !own.iter().any(|own| own == word)
        };
        let other =
            |word: &str| COMPANIONS.iter().any(|(one, list)| *one == word && hosts(word, list));
        let at: Vec<usize> = self.free().filter(|at| other(&self.words[*at])).collect();
        for at in at {
            self.done[at] = true;
        }
    }

    /// Counts the words of a name as accounted for.
    pub(super) fn mark(&mut self, mention: &Mention) {
        for at in &mention.at {
            self.done[*at] = true;
        }
    }

    /// One word of a name, alone, marked anywhere: `the fan, yes the fan`.
    pub(super) fn is_of(&self, at: usize, index: usize) -> bool {
        self.best(at, index) == Some(Fit::Word)
    }
}

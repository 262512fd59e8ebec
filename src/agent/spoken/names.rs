//! Which sensor or device a sentence names: by its whole name, by some words of it in any order, by
//! a verb of it ("stir"), by a quality ("warm"). Where two could be meant, none is. What must never
//! be here: what is to be done with it.

use std::ops::Range;

use super::text::Word;
use super::words::{ABBREVIATIONS, GENERIC, QUALITIES, has, is_known};
use super::{Said, spoken, text};
use crate::config::Config;

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
enum Fit {
    /// "Water" of "underwater": never alone.
    Part,
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

    /// Whether it is a word of a goal's name.
    pub(super) fn is_of_goal(&self, word: &str) -> bool {
        self.goals.iter().any(|own| is_word(word, own))
    }

    /// Whether it is a word of the place's name.
    pub(super) fn is_place(&self, word: &str) -> bool {
        self.place.iter().any(|own| is_word(word, own))
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

    /// Whether it is a device, and its id.
    pub(super) fn id(&self, index: usize) -> (bool, u16) {
        let device = index >= self.sensors;
        let place = if device { index - self.sensors } else { index };
        (device, u16::try_from(place).unwrap_or(u16::MAX))
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
        let own = |word: &str| self.words.iter().flatten().any(|own| is_word(word, own));
        let mut joined: Vec<Word> = Vec::with_capacity(said.len());
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
    let bare = said.strip_suffix("'s").unwrap_or(said);
    let plural = |one: &str, more: &str| more.strip_suffix('s') == Some(one);
    let short = || ABBREVIATIONS.iter().any(|(short, long)| *short == bare && *long == own);
    if bare == own || plural(bare, own) || plural(own, bare) || short() {
        return Some(Fit::Word);
    }
    if is_known(bare) {
        return None;
    }
    if same_root(bare, own) {
        return Some(Fit::Root);
    }
    let part = bare.len() >= 4 && own.len() >= bare.len() + 3;
    (part && (own.starts_with(bare) || own.ends_with(bare))).then_some(Fit::Part)
}

/// Whether a word of a name is said, as it stands.
pub(super) fn is_word(said: &str, own: &str) -> bool {
    fit(said, own) == Some(Fit::Word)
}

/// Whether they share it; `humidify` is one of `humidifier`.
fn same_root(one: &str, other: &str) -> bool {
    let (one, other) = (root(one), root(other));
    let bare = |word: &str| word.strip_suffix(['y', 'i']).map(str::to_owned);
    one == other || (bare(one).is_some() && bare(one) == bare(other))
}

/// What `stir`, `stirs`, `stirrer` and `stirring` share.
fn root(word: &str) -> &str {
    const ENDS: [&str; 11] = ["ings", "ing", "ers", "er", "ors", "or", "ion", "ed", "es", "s", "e"];
    let cut = ENDS.iter().find_map(|end| word.strip_suffix(end).filter(|rest| rest.len() >= 3));
    let rest = cut.unwrap_or(word);
    let mut last = rest.chars().rev();
    let doubled = last.next().is_some_and(|a| last.next() == Some(a) && !"aeiouls".contains(a));
    match doubled {
        true => &rest[..rest.len() - 1],
        false => rest.strip_suffix('e').filter(|rest| rest.len() >= 3).unwrap_or(rest),
    }
}

impl Said {
    /// Whom of a range the words name that are not accounted for. With `qualities`, "warm" speaks
    /// for a temperature.
    pub(super) fn named(&self, range: Range<usize>, qualities: bool) -> Named {
        match self.named_by(range.clone(), qualities, "") {
            // "The CO2 level": a level of nobody in particular.
            Named::Several => match self.named_by(range, qualities, GENERIC) {
                Named::One(mention) => Named::One(mention),
                _ => Named::Several,
            },
            named => named,
        }
    }

    fn named_by(&self, range: Range<usize>, qualities: bool, not: &str) -> Named {
        let (mut hard, mut soft) = (vec![Vec::new(); range.len()], vec![Vec::new(); range.len()]);
        let mut partly = vec![Vec::new(); range.len()];
        let mut said = Vec::new();
        let mut roots = Vec::new();
        for at in self.free().filter(|at| !has(not, &self.words[*at])) {
            let fits: Vec<_> = range.clone().map(|index| self.best(at, index)).collect();
            let parts = |fit: &Option<Fit>| *fit == Some(Fit::Part);
            let most = fits.iter().filter(|fit| !parts(fit)).flatten().copied().fold(
                None,
                |most: Option<Fit>, fit| {
                    if most.is_some_and(|most| most >= fit) { most } else { Some(fit) }
                },
            );
            for (place, index) in range.clone().enumerate() {
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
            let name = &self.names.words[range.start + place];
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
        let index = range.start + place;
        Named::One(Mention { index, at, whole: whole(*place), as_verb })
    }

    /// How well a word fits the best word of a name.
    fn best(&self, at: usize, index: usize) -> Option<Fit> {
        let fits = self.names.words[index].iter().filter_map(|own| fit(&self.words[at], own));
        fits.fold(
            None,
            |most, fit| if most.is_some_and(|most| most >= fit) { most } else { Some(fit) },
        )
    }

    fn is_quality(&self, at: usize, index: usize) -> bool {
        let said = self.words[at].trim_end_matches("'s");
        let mut nouns = QUALITIES.iter().filter(|(word, _)| *word == said);
        let own = &self.names.words[index];
        index < self.names.sensors && nouns.any(|(_, noun)| own.iter().any(|word| word == noun))
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

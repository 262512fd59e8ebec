//! A note's words, where its clauses end, the names in it, and which words something was made of.
//! What must never be here: a guess.

use super::condition::Condition;
use crate::agent::prompt::words as spoken;
use crate::agent::spoken::split;
use crate::config::Config;
use crate::domain::ActuatorId;

/// Words that turn a condition round, which nothing here does.
const EXCEPTIONS: &[&str] = &["unless", "except"];
/// Words that lead a condition.
const LEADS: &[&str] = &["if", "when", "whenever", "while", "whilst", "unless", "during", "once"];
/// Words of conditions. Where one of them stands and no condition was found, it was missed.
const CUES: &[&str] = &[
    "if",
    "when",
    "whenever",
    "unless",
    "except",
    "while",
    "before",
    "after",
    "until",
    "till",
    "during",
    "once",
    "night",
    "nights",
    "nighttime",
    "day",
    "days",
    "daytime",
    "morning",
    "mornings",
    "noon",
    "afternoon",
    "afternoons",
    "evening",
    "evenings",
    "midnight",
    "dawn",
    "dusk",
    "sunrise",
    "sunset",
    "weekend",
    "weekends",
    "winter",
    "summer",
    "spring",
    "autumn",
    "hours",
    "holiday",
    "holidays",
    "season",
    "dark",
    "daylight",
    "between",
    "outside",
    "then",
    "whilst",
    "someone",
    "somebody",
    "nobody",
    "noone",
    "anybody",
    "people",
    "tonight",
    "tomorrow",
    "today",
    "week",
    "weeks",
    "month",
    "months",
    "term",
    "lunch",
];
/// The text up to where a clause ends, how it ends, and the rest.
fn part(text: &str) -> (&str, u8, &str) {
    for (at, sign) in text.char_indices() {
        let behind = &text[at + sign.len_utf8()..];
        let apart = || behind.is_empty() || behind.starts_with(char::is_whitespace);
        let kind = match sign {
            '?' | '=' | '→' => 3,
            '>' if text[..at].ends_with('-') => 3,
            ':' if apart() => 3,
            '!' | ';' | '\n' => 2,
            '.' if apart() => 2,
            ',' if apart() => 1,
            '(' | ')' | '–' | '—' => 1,
            '-' if apart() && text[..at].ends_with(char::is_whitespace) => 1,
            _ => continue,
        };
        return (&text[..at], kind, behind);
    }
    (text, 2, "")
}

/// A device's name in a note: its first word, the one behind its last, whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// First word.
    pub at: usize,
    /// Behind the last word.
    pub end: usize,
    /// Whose name it is.
    pub device: ActuatorId,
}

/// The words of a note, and which of them are accounted for.
pub struct Said {
    /// In lower case.
    pub words: Vec<String>,
    pub(super) done: Vec<bool>,
    /// What stands behind each word: nothing (0), a comma or the like (1), the end of a
    /// sentence (2), a question mark or a colon (3).
    breaks: Vec<u8>,
}

impl Said {
    /// Takes a note apart.
    pub fn new(note: &str) -> Self {
        let (mut words, mut breaks) = (Vec::new(), Vec::new());
        let mut rest = note;
        while !rest.is_empty() {
            let (part, kind, behind) = part(rest);
            let before = words.len();
            words.extend(split(part));
            breaks.resize(words.len(), 0);
            if words.len() > before
                && let Some(last) = breaks.last_mut()
            {
                *last = kind;
            }
            rest = behind;
        }
        let done = vec![false; words.len()];
        Self { words, done, breaks }
    }

    /// What stands behind a word: 0 nothing, 1 a comma or the like, 2 the end of a sentence, 3 a
    /// question mark or a colon.
    pub fn breaks_after(&self, word: usize) -> u8 {
        self.breaks.get(word).copied().unwrap_or(2)
    }

    /// Whether no sentence ends between two words.
    pub fn same_sentence(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| self.breaks_after(at) < 2)
    }

    /// The devices that are named in it, in the order of the note; longer names first where one is
    /// in the other.
    pub fn devices(&mut self, config: &Config) -> Vec<Mention> {
        let names = config.actuators.iter().map(|one| one.name.as_str());
        let mut found: Vec<Mention> = Vec::new();
        for (at, index) in self.names(names) {
            let name = spoken(&config.actuators[usize::from(index)].name);
            let end = at + name.split(' ').count();
            found.push(Mention { at, end, device: ActuatorId(index) });
        }
        found.extend(self.short_devices(config));
        found.sort_by_key(|one| one.at);
        found
    }

    /// `The diesel one`: by a word of its name that no other device has.
    fn short_devices(&mut self, config: &Config) -> Vec<Mention> {
        let names = config.actuators.iter().map(|one| spoken(&one.name).to_lowercase());
        let names: Vec<String> = names.collect();
        let mut found = Vec::new();
        for at in 1..self.words.len() {
            let word = self.words[at - 1].as_str();
            let mut having =
                (0u16..).zip(&names).filter(|(_, name)| name.split(' ').any(|part| part == word));
            let is_one = self.words[at] == "one" && !self.done[at - 1];
            if let (true, Some((index, _)), None) = (is_one, having.next(), having.next()) {
                found.push(Mention { at: at - 1, end: at + 1, device: ActuatorId(index) });
            }
        }
        for one in &found {
            self.done[one.at..one.end].fill(true);
        }
        found
    }

    /// A word that speaks of a condition, or a number that nothing was made of.
    pub fn cue(&self, config: &Config) -> Option<&str> {
        let names = config.sensors.iter().map(|one| spoken(&one.name).to_lowercase());
        let names: Vec<String> = names.collect();
        let is_named = |word: &str| {
            let of = |part: &str| part.len() > 2 && word.strip_suffix('s').unwrap_or(word) == part;
            names.iter().any(|name| name.split(' ').any(of))
        };
        // A number in a sentence of which nothing else was understood is a reason.
        let is_near = |at: usize| {
            let all = 0..self.words.len();
            let same = |other: &usize| self.same_sentence(at.min(*other), at.max(*other));
            all.filter(same).any(|other| self.done[other])
        };
        let mut free = (0..self.words.len()).filter(|at| !self.done[*at]);
        let found = free.find(|at| {
            let word = self.words[*at].as_str();
            let bound = number(word).is_some() && is_near(*at);
            CUES.contains(&word) || bound || is_named(word)
        });
        let found = found.map(|at| self.words[at].as_str());
        found.or_else(|| self.led_by_what())
    }

    /// `At the inspection …`, `during funerals …`: how a sentence begins, where nothing was made
    /// of what follows up to its first comma or name.
    fn led_by_what(&self) -> Option<&str> {
        const BEGINS: &[&str] = &["at", "on", "in", "with", "during", "after", "before", "by"];
        const BARE: &[&str] =
            &["the", "a", "an", "any", "all", "general", "principle", "our", "of"];
        (0..self.words.len()).find_map(|at| {
            let begins = at == 0 || self.breaks_after(at - 1) > 1;
            let word = self.words[at].as_str();
            if !begins || self.done[at] || !BEGINS.contains(&word) {
                return None;
            }
            let rest =
                (at + 1..self.words.len()).take_while(|here| self.breaks_after(here - 1) == 0);
            let mut rest = rest.skip_while(|here| BARE.contains(&self.words[*here].as_str()));
            rest.next().filter(|here| !self.done[*here]).map(|_| word)
        })
    }

    /// The condition that its words say by themselves. A device whose state it is is no wish any
    /// more.
    ///
    /// # Errors
    /// There are several, or one is turned round.
    pub fn condition(
        &mut self,
        config: &Config,
        mentions: &mut Vec<Mention>,
    ) -> Result<Option<Condition>, String> {
        let mut found = self.devices_on(config, mentions);
        found.extend(self.quantities(config));
        found.extend(self.hours());
        found.extend(self.days());
        found.extend(self.parts_of_day()?);
        found.extend(self.sensors(config));
        if found.len() > 1 || (found.len() == 1 && self.has_another()) {
            return Err("there are two conditions in it".into());
        }
        let turned = self.words.iter().find(|word| EXCEPTIONS.contains(&word.as_str()));
        match turned {
            Some(word) if !found.is_empty() => {
                Err(format!("`{word}` with a condition is more than I can put together"))
            }
            _ => Ok(found.pop()),
        }
    }

    /// `If somebody is in and the gate is open`: before the `and` stands something that nothing was
    /// made of.
    fn has_another(&self) -> bool {
        let of = |at: usize| self.words[at].as_str();
        (0..self.words.len()).filter(|at| of(*at) == "and").any(|and| {
            let clause = (0..and).rev().take_while(|at| self.breaks_after(*at) == 0);
            let clause: Vec<usize> = clause.collect();
            let Some(lead) = clause.iter().find(|at| LEADS.contains(&of(**at))) else {
                return false;
            };
            let mut behind =
                (and..self.words.len()).take_while(|at| self.breaks_after(at - 1) == 0);
            !self.done[*lead..and].contains(&true) && behind.any(|at| self.done[at])
        })
    }

    /// Names that are said in whole, also with an `s` behind, and where; marks their words.
    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Vec<(usize, u16)> {
        let mut all: Vec<(u16, Vec<String>)> = (0u16..)
            .zip(names)
            .map(|(index, name)| {
                let name = spoken(name).to_lowercase();
                (index, name.split(' ').map(str::to_owned).collect())
            })
            .collect();
        all.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
        let mut found = Vec::new();
        for (index, name) in all {
            let same = |said: &String, name: &String| {
                let bare = said.strip_suffix("'s").or(said.strip_suffix('s'));
                said == name || bare == Some(name.as_str())
            };
            for at in 0..(self.words.len() + 1).saturating_sub(name.len()) {
                let span = at..at + name.len();
                let free = !self.done[span.clone()].contains(&true);
                if free && self.words[span.clone()].iter().zip(&name).all(|(a, b)| same(a, b)) {
                    self.done[span].fill(true);
                    found.push((at, index));
                }
            }
        }
        found
    }
}

/// A number, also with its unit right behind it.
pub(super) fn number(word: &str) -> Option<f64> {
    let bare = word.trim_end_matches(|c: char| c.is_alphabetic() || c == '%' || c == '°');
    let plain = bare.parse::<f64>().ok().filter(|number| number.is_finite());
    plain.filter(|_| bare.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

//! A note's words, where its clauses end, the names in it, and which words something was made of.
//! What must never be here: a guess.

use super::condition::Condition;
use crate::agent::prompt::words as spoken;
use crate::config::Config;
use crate::domain::ActuatorId;

/// Words that turn a condition round, which nothing here does.
const EXCEPTIONS: &[&str] = &["unless", "except"];
/// How far before a condition a word may stand that turns it round.
const TURNED_WORDS_MAX: usize = 5;
/// Words that turn round what follows.
pub(super) const NOT: &[&str] = &[
    "not",
    "no",
    "never",
    "don't",
    "dont",
    "without",
    "avoid",
    "nor",
    "neither",
    "isn't",
    "mustn't",
    "shouldn't",
    "can't",
    "cannot",
    "won't",
    "aren't",
    "doesn't",
    "forbid",
    "ban",
    "nobody",
];
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
    /// The word before a condition that turns it round.
    turned: Option<usize>,
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
        Self { words, done, breaks, turned: None }
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
            let is_one = self.words[at] == "one" && !self.done[at - 1] && !self.done[at];
            if let (true, Some((index, _)), None) = (is_one, having.next(), having.next()) {
                found.push(Mention { at: at - 1, end: at + 1, device: ActuatorId(index) });
                self.done[at - 1..=at].fill(true);
            }
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
        let before = self.done.clone();
        let mut found = self.devices_on(config, mentions);
        found.extend(self.quantities(config));
        found.extend(self.hours(config));
        found.extend(self.days());
        found.extend(self.parts_of_day()?);
        found.extend(self.sensors(config));
        if found.len() > 1 || (found.len() == 1 && self.has_another()) {
            return Err("there are two conditions in it".into());
        }
        let unread = self.words.iter().find(|word| EXCEPTIONS.contains(&word.as_str()));
        if let Some(word) = unread.filter(|_| !found.is_empty()) {
            return Err(format!("`{word}` with a condition is more than I can put together"));
        }
        self.turned = (0..self.words.len())
            .filter(|at| self.done[*at] && !before[*at])
            .find_map(|at| self.turned_by(at))
            .or_else(|| self.only_then().filter(|_| !found.is_empty()));
        Ok(found.pop())
    }

    /// The word that may turn a condition round which begins here, or put another time in its
    /// place: `not at night`, `until the shop is open`, `any day but Sunday`, `only at night`.
    fn turned_by(&self, at: usize) -> Option<usize> {
        const PASSED: &[&str] = &[
            "the", "a", "an", "at", "in", "on", "by", "is", "are", "was", "be", "while", "when",
            "whenever", "if", "during", "than", "more", "less", "of", "from", "as", "long", "day",
            "every", "any", "hours", "it", "does", "do", "may", "must",
        ];
        const TURNS: &[&str] =
            &["until", "till", "before", "after", "outside", "but", "only", "past", "longer"];
        for back in 1..=TURNED_WORDS_MAX {
            let here = at.checked_sub(back)?;
            let word = self.words[here].as_str();
            if self.breaks_after(here) > 1 || self.done[here] {
                return None;
            }
            if TURNS.contains(&word) || NOT.contains(&word) {
                return Some(here);
            }
            if !PASSED.contains(&word) {
                return None;
            }
        }
        None
    }

    /// `Only use the fan …`: what follows is no more than where it may be used.
    fn only_then(&self) -> Option<usize> {
        let verbs = ["use", "run", "take", "start", "switch", "turn", "employ"];
        let mut all = 1..self.words.len();
        let found = all
            .find(|at| self.words[at - 1] == "only" && verbs.contains(&self.words[*at].as_str()));
        found.map(|at| at - 1)
    }

    /// Whether a word that turns the condition round stands in the note; not where it is the ban
    /// itself, right behind a device's name: `the generator not at night`.
    ///
    /// # Errors
    /// It does, in words for the one who wrote it.
    pub fn is_straight(&self, mentions: &[Mention], only_bans: bool) -> Result<(), String> {
        let Some(at) = self.turned else { return Ok(()) };
        let bans =
            NOT.contains(&self.words[at].as_str()) && mentions.iter().any(|one| one.end == at);
        if bans && only_bans {
            return Ok(());
        }
        let word = &self.words[at];
        Err(format!("`{word}` before a condition is more than I can put together"))
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
            let behind =
                (and + 1..self.words.len()).take_while(|at| self.breaks_after(at - 1) == 0);
            let behind: Vec<usize> = behind.collect();
            let before_is_read = self.done[*lead..and].contains(&true);
            let behind_is_read = behind.iter().any(|at| self.done[*at]);
            // "And dust is high": something is, and nothing was made of it.
            let states = ["is", "are", "isn't", "aren't", "has", "was"];
            let another = !behind_is_read && behind.iter().any(|at| states.contains(&of(*at)));
            (before_is_read && another) || (!before_is_read && behind_is_read)
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

/// The words of a text that a person wrote, in lower case. A minus belongs to its number.
pub(super) fn split(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('’', "'");
    let pieces = lower.split(|c: char| !(c.is_alphanumeric() || ".'-:".contains(c)));
    let words = pieces.map(|piece| {
        let word = piece.trim_matches(|c| ".'-:".contains(c));
        let minus = piece.starts_with('-') && word.starts_with(|c: char| c.is_ascii_digit());
        if minus { format!("-{word}") } else { word.to_owned() }
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// A number, also with its unit right behind it.
pub(super) fn number(word: &str) -> Option<f64> {
    let bare = word.trim_end_matches(|c: char| c.is_alphabetic() || c == '%' || c == '°');
    let plain = bare.parse::<f64>().ok().filter(|number| number.is_finite());
    plain.filter(|_| bare.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

//! A note's words, where its clauses end, the names in it, and which words something was made of.
//! What must never be here: a guess.

use super::condition::Condition;
use super::wording::{LASTLY, List, NOT, phrase, plain};
use crate::agent::prompt::words as spoken;
use crate::agent::spoken::has;
use crate::config::Config;
use crate::domain::ActuatorId;

/// Words that turn a condition round, which nothing here does.
const EXCEPTIONS: &[&str] = &["unless", "except"];
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
    /// Words by which another device does not suffice.
    aside: Vec<usize>,
    /// The word before a condition that turns it round.
    pub(super) turned: Option<usize>,
}

impl Said {
    /// Takes a note apart.
    pub fn new(note: &str) -> Self {
        let (mut words, mut breaks) = (Vec::new(), Vec::new());
        let note = plain(note);
        let mut rest = note.as_str();
        while !rest.is_empty() {
            let (part, kind, behind) = part(rest);
            let before = words.len();
            words.extend(split(part));
            breaks.resize(words.len(), 0);
            // "(inspection): …": the stronger of two signs.
            let is_new = words.len() > before;
            if let Some(last) = breaks.last_mut() {
                *last = if is_new { kind } else { kind.max(*last) };
            }
            rest = behind;
        }
        let done = vec![false; words.len()];
        Self { words, done, breaks, aside: Vec::new(), turned: None }
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
        self.part_names(config);
        let names = config.actuators.iter().map(|one| one.name.as_str());
        let mut found: Vec<Mention> = Vec::new();
        for (at, index) in self.names(names) {
            let name = spoken(&config.actuators[usize::from(index)].name);
            let end = at + name.split(' ').count();
            found.push(Mention { at, end, device: ActuatorId(index) });
        }
        found.extend(self.short_devices(config));
        found.sort_by_key(|one| one.at);
        self.fold(&mut found);
        self.fall_back(&found);
        found
    }

    /// `The air-con`: a name with hyphens is a name.
    fn part_names(&mut self, config: &Config) {
        for at in (0..self.words.len()).rev() {
            if !self.words[at].contains('-') {
                continue;
            }
            let plain = self.words[at].replace('-', "_");
            let bare = plain.strip_suffix("'s").or(plain.strip_suffix('s')).unwrap_or(&plain);
            let mut devices = config.actuators.iter().map(|one| &one.name);
            let mut sensors = config.sensors.iter().map(|one| &one.name);
            let same = |name: &String| *name == plain || name == bare;
            if !devices.any(same) && !sensors.any(same) {
                continue;
            }
            let parts: Vec<String> = self.words[at].split('-').map(str::to_owned).collect();
            let (count, kind) = (parts.len(), self.breaks_after(at));
            self.words.splice(at..=at, parts);
            self.done.splice(at..=at, vec![false; count]);
            self.breaks.splice(at..=at, vec![0; count]);
            self.breaks[at + count - 1] = kind;
        }
    }

    /// Puts one word in the place of each phrase that says the same; names stay as they are.
    fn fold(&mut self, mentions: &mut [Mention]) {
        let mut at = 0;
        while at < self.words.len() {
            let before = at.checked_sub(1).filter(|before| self.breaks_after(*before) == 0);
            let before = before.map(|before| self.words[before].as_str());
            let ends = |here: &usize| self.done[*here] || self.breaks_after(*here) > 0;
            let end = (at..self.words.len()).find(ends).unwrap_or(at);
            let end = end + usize::from(!self.done[end]);
            let found = phrase(&self.words[at..end], before);
            let Some((word, length)) = found.filter(|_| !self.done[at]) else {
                at += 1;
                continue;
            };
            let new: Vec<String> = word.split_ascii_whitespace().map(str::to_owned).collect();
            let kind = self.breaks_after(at + length - 1);
            let count = new.len();
            self.words.splice(at..at + length, new);
            self.done.splice(at..at + length, vec![false; count]);
            self.breaks.splice(at..at + length, vec![0; count]);
            if let Some(last) = (at + count).checked_sub(1)
                && let Some(breaks) = self.breaks.get_mut(last)
            {
                *breaks = kind.max(*breaks);
            }
            for mention in mentions.iter_mut().filter(|one| one.at > at) {
                mention.at = mention.at + count - length;
                mention.end = mention.end + count - length;
            }
            at += count;
        }
    }

    /// `If the vent cannot cope`, `if that is not enough`: no condition, but an order of devices.
    /// The word [`LASTLY`] stands for it.
    fn fall_back(&mut self, mentions: &[Mention]) {
        const THAT: List = "that it this they these those";
        const COPES: List = "\
            enough cope copes suffice suffices manage manages keep handle help helps make had \
            available sufficient do alone";
        for lead in 0..self.words.len() {
            if self.done[lead] || !has("if when where should once", &self.words[lead]) {
                continue;
            }
            let ends = |at: &usize| self.breaks_after(*at) > 0;
            let end = (lead..self.words.len()).find(ends).unwrap_or(lead);
            let clause = lead + 1..end + 1;
            let article = |at: &usize| self.words[*at] == "the";
            let Some(subject) = clause.clone().find(|at| !article(at)) else { continue };
            let device = mentions.iter().find(|one| one.at == subject);
            let behind = device.map_or(subject + 1, |one| one.end);
            if device.is_none() && !has(THAT, &self.words[subject]) {
                continue;
            }
            // What it says of it: up to where it is said that it does not suffice.
            let not = (behind..end + 1).take(2).any(|at| has(NOT, &self.words[at]));
            let copes = (behind..end + 1)
                .take(6)
                .take_while(|at| !self.done[*at])
                .find(|at| has(COPES, &self.words[*at]));
            let weak = (behind..end + 1).take(3).find(|at| {
                let too = *at > 0 && self.words[at - 1] == "too";
                has("fails struggles", &self.words[*at])
                    || too && has("weak slow little small", &self.words[*at])
            });
            let Some(last) = copes.filter(|_| not).or(weak) else { continue };
            let up = last + 1 < self.words.len() && has("up with alone it", &self.words[last + 1]);
            self.words[lead] = LASTLY.to_owned();
            self.aside.extend(lead + 1..last + 1 + usize::from(up && self.joins(last, last + 1)));
            self.aside.iter().for_each(|at| self.done[*at] = true);
        }
    }

    /// Whether a word says that another device does not suffice.
    pub(super) fn is_aside(&self, at: usize) -> bool {
        self.aside.contains(&at)
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
        found.extend(self.days()?);
        found.extend(self.parts_of_day()?);
        found.extend(self.sensors(config));
        found.dedup_by(|one, other| one.source == other.source);
        if found.len() > 1 || (found.len() == 1 && self.has_another(mentions)) {
            return Err("there are two conditions in it".into());
        }
        let unread = self.words.iter().find(|word| EXCEPTIONS.contains(&word.as_str()));
        if let Some(word) = unread.filter(|_| !found.is_empty()) {
            return Err(format!("`{word}` with a condition is more than I can put together"));
        }
        let new = (0..self.words.len()).filter(|at| self.done[*at] && !before[*at]);
        self.turned = new
            .clone()
            .find_map(|at| self.turned_by(at))
            .or_else(|| new.clone().find_map(|at| self.narrowed_by(at, mentions)))
            .or_else(|| new.clone().find_map(|at| self.only_behind(at, mentions)))
            .or_else(|| self.only_then().filter(|_| !found.is_empty()));
        self.surround(&before);
        Ok(found.pop())
    }

    /// Marks what belongs to a condition that was read: what leads it, its verb, its unit.
    fn surround(&mut self, before: &[bool]) {
        const AROUND: List = "\
            is are was it's it there there's the a an our long soon says shows drops falls gets \
            goes climbs rises reads stands than of";
        const LEADING: List = "\
            when whenever while whilst if once as with during in on at by throughout every";
        let new: Vec<usize> =
            (0..self.words.len()).filter(|at| self.done[*at] && !before[*at]).collect();
        for at in new {
            let mut here = at;
            while here > 0 && self.breaks_after(here - 1) == 0 {
                let word = self.words[here - 1].as_str();
                let leads = has(LEADING, word);
                if self.done[here - 1] && !before[here - 1] {
                    // What stands between two words that were read.
                    self.done[here..at].fill(true);
                    break;
                }
                if self.done[here - 1] || !(leads || has(AROUND, word)) {
                    break;
                }
                here -= 1;
                let long = here > 0 && has("long soon", &self.words[here - 1]);
                if leads && !(word == "as" && long) {
                    self.done[here..at].fill(true);
                    break;
                }
            }
        }
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

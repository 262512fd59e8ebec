//! Conditions of a note that name a sensor or a device of the configuration: a quantity against a
//! number, yes-or-no and text sensors by their names and words, how another device is. No model
//! reads them. What must never be here: what the note wants.

use std::collections::HashMap;

use super::condition::{Condition, Matter, Scene, matter_of};
use super::said::{Mention, Said, number};
use super::wording::{List, NOT};
use crate::agent::prompt::words as spoken;
use crate::agent::spoken::{has, number_of, unit_words};
use crate::config::{Config, SensorKind};
use crate::domain::{SensorId, Value};

const ABOVE: List = "\
    above over exceeds exceed exceeding higher more beyond greater hotter warmer past stronger \
    tops surpasses passes";
const BELOW: List = "below under less lower beneath colder cooler fewer weaker underneath";
/// Words between a comparison and its number.
const LINKS: List = "than the a an of about around some";
/// Words that lead a condition.
pub(super) const LEADS: List = "\
    if when whenever while as once during in at with whilst on is are since because throughout \
    should provided";
/// Of these the ones before which nothing of a condition stands.
pub(super) const BEGINS: List =
    "if when whenever while once during with whilst since because throughout as";
/// Words by which a yes-or-no sensor's state is said, and words for its other side.
const STATES: &[(&str, &str, &str)] = &[
    ("open", "opened ajar", "closed shut"),
    ("closed", "shut", "open opened ajar"),
    ("shut", "closed", "open opened ajar"),
    ("occupied", "busy", "empty free vacant unoccupied"),
    ("empty", "", "full"),
    ("full", "", "empty"),
    ("locked", "", "unlocked open"),
    ("running", "runs on", "stopped idle off still stops"),
    ("on", "running runs", "off"),
    ("active", "on running", "off inactive"),
    ("lit", "on burning burns alight going", "out off cold unlit"),
    ("wet", "", "dry"),
    ("dry", "", "wet"),
    ("present", "here there in around about home", "absent away gone out"),
    ("inside", "in indoors", "out outside outdoors away"),
    ("out", "outside extended", "in inside retracted stowed"),
    ("home", "in", "out away gone"),
    ("aboard", "", "ashore away gone off out over"),
];
/// Words by which a sensor that is named without a state is not so.
const OFF: List =
    "free closed closes shut shuts off over gone empty stopped absent away out ashore";
/// In the name of a sensor that is outside.
const OUTDOOR: List = "outdoor outside ambient external exterior";
/// How a device is said to be on.
const RUNS: &[&str] =
    &["on", "running", "runs", "works", "working", "turning", "operation", "burning", "lit"];
/// How far from its bound a quantity is shown, as a share of the bound, and at least.
const SHOWN_SHARE: f64 = 0.1;
const SHOWN_LEAST: f64 = 1.0;
/// A name behind a comparison is looked for only where none stands so near before it.
const FAR_BEHIND: usize = 20;
/// How many words may stand between a sensor's name and its state.
pub(super) const APART_WORDS: usize = 4;

impl Said {
    /// Quantities against a number: `when the wind is above 8`, `over 6000 W`.
    pub(super) fn quantities(&mut self, config: &Config) -> Vec<Condition> {
        let compares = |word: &String| has(ABOVE, word) || has(BELOW, word);
        if !self.words.iter().any(compares) {
            return Vec::new();
        }
        let numbers = (0u16..).zip(&config.sensors);
        let numbers = numbers.filter(|(_, one)| one.kind == SensorKind::Number);
        let all: Vec<(u16, String)> =
            numbers.map(|(index, one)| (index, spoken(&one.name).to_lowercase())).collect();
        // Once for all comparisons: a note may be full of them, and a place of sensors.
        let counts = counts(all.iter().map(|(_, name)| name.as_str()));
        let spans = all.iter().flat_map(|(index, name)| {
            self.named(name, &counts).into_iter().map(|span| (*index, span))
        });
        let spans: Vec<(u16, std::ops::Range<usize>)> = spans.collect();
        let mut found = Vec::new();
        for at in 0..self.words.len() {
            let Some((is_above, bound, last)) = self.comparison(at) else { continue };
            let Some(index) = self.compared(config, &spans, at, last) else { continue };
            let unit = self.unit_length(last, &config.sensors[usize::from(index)].unit);
            self.done[at..=last + unit].fill(true);
            found.push(compared(config, index, is_above, bound));
        }
        found
    }

    /// A comparison with a number: whether it is above, the number, the number's last word.
    pub(super) fn comparison(&self, at: usize) -> Option<(bool, f64, usize)> {
        let is_above = has(ABOVE, &self.words[at]);
        if self.done[at] || !(is_above || has(BELOW, &self.words[at])) {
            return None;
        }
        let mut first = at + 1;
        while self.words.get(first).is_some_and(|word| has(LINKS, word)) {
            first += 1;
        }
        let word = self.words.get(first)?;
        if let Some(bound) = number(word) {
            return Some((is_above, bound, first));
        }
        // "The stronger one".
        if word == "one" {
            return None;
        }
        let rest: Vec<&str> = self.words[first..].iter().take(6).map(String::as_str).collect();
        let (bound, length) = number_of(&rest)?;
        Some((is_above, bound, first + length - 1))
    }

    /// The number sensor that a comparison is about: the one named nearest before it or behind its
    /// number in the same sentence, or the only one with the unit that is said.
    fn compared(
        &mut self,
        config: &Config,
        spans: &[(u16, std::ops::Range<usize>)],
        at: usize,
        last: usize,
    ) -> Option<u16> {
        let far = |span: &std::ops::Range<usize>| match at.checked_sub(span.end) {
            Some(far) => far,
            None => FAR_BEHIND + span.start.abs_diff(last),
        };
        let near = spans
            .iter()
            .filter(|(_, span)| !self.done[span.clone()].contains(&true))
            .filter(|(_, span)| self.same_sentence(span.start.min(at), span.start.max(last)))
            .min_by_key(|(_, span)| far(span));
        // "Below 5 outside" is not about the room that another part speaks of.
        let place = (last + 1..last + 4).take_while(|at| self.joins(last, *at));
        let place = place.filter(|at| *at < self.words.len());
        let by_place = place.into_iter().any(|at| has("outside outdoors", &self.words[at]));
        let outdoor = |index: u16| has_any(&config.sensors[usize::from(index)].name, OUTDOOR);
        if let Some((index, span)) = near.filter(|(index, _)| !by_place || outdoor(*index)) {
            self.done[span.clone()].fill(true);
            return Some(*index);
        }
        // Each unit once, of which there are few.
        let mut units: Vec<(&str, bool)> = Vec::new();
        for one in &config.sensors {
            if !units.iter().any(|(known, _)| *known == one.unit) {
                units.push((one.unit.as_str(), self.unit_length(last, &one.unit) > 0));
            }
        }
        let warm = has("colder warmer hotter cooler", &self.words[at]);
        let bare = !units.iter().any(|(_, said)| *said);
        let has_unit = |unit: &str| {
            units.iter().any(|(known, said)| *known == unit && *said) || (unit == "°C" && warm)
        };
        let numbers = (0u16..).zip(&config.sensors);
        let numbers = numbers.filter(|(_, one)| one.kind == SensorKind::Number);
        let outside = self.is_outside(at);
        let mut with = numbers.filter(|(_, one)| {
            let is_outdoor = has_any(&one.name, OUTDOOR);
            // A bare number beside "outside" is a temperature.
            let fits = has_unit(&one.unit) || (outside == Some(true) && one.unit == "°C" && bare);
            fits && outside.is_none_or(|outside| outside == is_outdoor)
        });
        match (with.next(), with.next()) {
            (Some((index, _)), None) => Some(index),
            _ => None,
        }
    }

    /// Whether the sentence speaks of outside, or of inside.
    fn is_outside(&self, at: usize) -> Option<bool> {
        let said = |list: &str| {
            let mut all = (0..self.words.len()).filter(|word| !self.done[*word]);
            all.any(|word| {
                has(list, &self.words[word]) && self.same_sentence(word.min(at), word.max(at))
            })
        };
        match (said("outside outdoors outdoor"), said("inside indoors indoor")) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }

    /// How many words of this unit stand behind a number.
    fn unit_length(&self, number: usize, unit: &str) -> usize {
        let words = unit_words(unit);
        let behind = number + 1..self.words.len();
        let of_unit =
            |at: &usize| self.breaks_after(at - 1) == 0 && words.contains(&self.words[*at]);
        behind.take_while(of_unit).count()
    }

    /// Where a name is said: in whole, or by a word of it that no other of these names has.
    pub(super) fn named(
        &self,
        name: &str,
        counts: &HashMap<String, usize>,
    ) -> Vec<std::ops::Range<usize>> {
        let parts: Vec<&str> = name.split(' ').collect();
        let alone = |word: &str| counts.get(word) == Some(&1);
        let same = |said: &str, part: &str| {
            said == part || said.strip_suffix("'s").or(said.strip_suffix('s')) == Some(part)
        };
        let mut spans = Vec::new();
        for at in 0..self.words.len() {
            let end = at + parts.len();
            let whole = end <= self.words.len()
                && (at..end)
                    .zip(&parts)
                    .all(|(at, part)| !self.done[at] && same(&self.words[at], part));
            if whole {
                spans.push(at..end);
            } else if !self.done[at]
                && parts
                    .iter()
                    .any(|part| part.len() > 2 && same(&self.words[at], part) && alone(part))
            {
                spans.push(at..at + 1);
            }
        }
        spans
    }

    /// Yes-or-no and text sensors by their names and states: `while the gate is open`, `if it
    /// rains`, `at high tariff`.
    pub(super) fn sensors(&mut self, config: &Config) -> Vec<Condition> {
        let of = |kind: SensorKind| {
            let all = (0u16..).zip(&config.sensors).filter(move |(_, one)| one.kind == kind);
            all.map(|(number, _)| SensorId(number))
        };
        let (mut found, mut counts) = (Vec::new(), None);
        for id in of(SensorKind::Text) {
            found.extend(self.word_of(config, id, Some(&mut counts)));
        }
        for id in of(SensorKind::Number) {
            found.extend(self.count_of_people(config, id));
        }
        for id in of(SensorKind::Bool) {
            found.extend(self.yes_or_no(config, id));
        }
        for id in of(SensorKind::Text) {
            found.extend(self.word_of(config, id, None));
        }
        found
    }

    fn yes_or_no(&mut self, config: &Config, id: SensorId) -> Option<Condition> {
        let name = spoken(&config.sensors[usize::from(id.0)].name).to_lowercase();
        let parts: Vec<&str> = name.split(' ').collect();
        let state = |word: &str| STATES.iter().find(|(known, ..)| *known == word);
        let side = |yes: bool| matter_of(config, id)?.condition(&[yes, !yes]).ok().flatten();
        if let Some(yes) = self.presence(&name) {
            return side(yes);
        }
        if let Some(yes) = self.stated(&parts) {
            return side(yes);
        }
        let (noun, adjective) = match parts.as_slice() {
            [noun] => (*noun, None),
            // A state that is not known is over where something of [`OFF`] is said.
            [noun @ .., last] => {
                let (same, off) = state(last).map_or(("", OFF), |(_, same, off)| (same, off));
                (*noun.last()?, Some(((*last).to_owned() + " " + same, off)))
            }
            [] => return None,
        };
        if let (None, Some((_, same, opposites))) = (&adjective, state(noun)) {
            for (list, yes) in [(same, true), (opposites, false)] {
                let word = |at: &usize| has(list, &self.words[*at]) && self.is_led(*at);
                let found = (0..self.words.len()).find(|at| !self.done[*at] && word(at));
                if let Some(at) = found {
                    self.done[at] = true;
                    return side(yes);
                }
            }
        }
        let adjective = adjective.as_ref().map(|(same, off)| (same.as_str(), *off));
        let nouns = (0..self.words.len()).filter(|at| !self.done[*at] && self.is_of(*at, noun));
        let nouns: Vec<usize> = nouns.collect();
        let (at, (yes, marked)) =
            nouns.into_iter().find_map(|at| Some((at, self.state_near(at, adjective)?)))?;
        let turned = self.turning(at.min(marked), at.max(marked));
        for word in [Some(at), Some(marked), turned].into_iter().flatten() {
            self.done[word] = true;
        }
        // "The back door": what stands before the noun in its name.
        for (back, part) in (1..).zip(parts.iter().rev().skip(2)) {
            match at.checked_sub(back) {
                Some(word) if self.words[word] == *part => self.done[word] = true,
                _ => break,
            }
        }
        side(yes != turned.is_some())
    }

    /// `Visitors: no`, `rain = yes`: a name in whole with a plain state behind it.
    fn stated(&mut self, name: &[&str]) -> Option<bool> {
        let (at, yes) = (0..self.words.len()).find_map(|at| {
            let whole = (at..).zip(name).all(|(at, part)| {
                self.words.get(at).is_some_and(|word| word == part && !self.done[at])
            });
            // Not "with the hatch open: no".
            let begins = at == 0 || self.breaks_after(at - 1) > 0;
            let state = self.words.get(at + name.len()).filter(|_| whole && begins)?;
            match state.as_str() {
                "yes" | "true" => Some((at, true)),
                "no" | "false" if self.breaks_after(at + name.len()) > 0 => Some((at, false)),
                _ => None,
            }
        })?;
        self.done[at..=at + name.len()].fill(true);
        Some(yes)
    }

    /// Whether a word is a form of a yes-or-no sensor's noun: `rains` of `rain`.
    fn is_of(&self, at: usize, noun: &str) -> bool {
        let word = self.words[at].as_str();
        let ends = |rest: &str| ["", "s", "ing", "es", "'s", "y", "ed"].contains(&rest);
        if word.strip_prefix(noun).is_some_and(ends) {
            return true;
        }
        let one = noun.strip_suffix('s').filter(|one| one.len() > 3);
        if one.is_some_and(|one| word == one || word.strip_suffix("'s") == Some(one)) {
            return true;
        }
        // "While we milk", of `milking`.
        let verb = noun.strip_suffix("ing").filter(|verb| verb.len() > 3);
        let we = at > 0 && has("we they you i is being people", &self.words[at - 1]);
        verb.is_some_and(|verb| {
            word.strip_prefix(verb).is_some_and(|rest| (rest.is_empty() && we) || rest == "ed")
        })
    }

    /// How the sensor is whose noun stands here, and the word that says it.
    fn state_near(&self, at: usize, adjective: Option<(&str, &str)>) -> Option<(bool, usize)> {
        let free = |other: &usize| !self.done[*other] && self.joins(at, *other);
        let back = (at.saturating_sub(APART_WORDS)..at).rev();
        let back = back.take_while(|other| free(other) && !has(BEGINS, &self.words[*other]));
        let ahead = at + 1..(at + APART_WORDS + 1).min(self.words.len());
        let near: Vec<usize> = ahead.take_while(free).chain(back).collect();
        let of = |list: &str| near.iter().copied().find(|other| has(list, &self.words[*other]));
        let Some((same, opposites)) = adjective else {
            let none = at > 0 && ["no", "without"].contains(&self.words[at - 1].as_str());
            if !none && !self.is_led(at) {
                return None;
            }
            let off = of(OFF).filter(|other| *other > at);
            // "The door is not open": what is behind the `not` says no more than that.
            let word = |at: usize| self.words.get(at).map_or("", String::as_str);
            let not = match word(at + 1) {
                "is" | "are" | "was" | "has" => at + 2,
                _ => at + 1,
            };
            let is_not = has(NOT, word(not)) && (not > at + 1 || word(not).ends_with("n't"));
            return Some(match off {
                Some(word) => (false, word),
                None if is_not && self.joins(at, not) => (false, not),
                None => (true, at),
            });
        };
        match (of(same), of(opposites)) {
            (Some(word), None) => Some((true, word)),
            (None, Some(word)) => Some((false, word)),
            _ => None,
        }
    }

    /// The `not` that stands right before these words, or between them.
    fn turning(&self, first: usize, last: usize) -> Option<usize> {
        let before = (first.saturating_sub(2)..first).rev();
        let before = before.take_while(|here| self.joins(*here, first) && !self.done[*here]);
        // "While nobody is milking".
        let passes = |here: &usize| {
            !has(LEADS, &self.words[*here]) || ["is", "are"].contains(&&*self.words[*here])
        };
        let mut all = before.take_while(passes).chain(first + 1..last);
        all.find(|here| has(NOT, &self.words[*here]))
    }

    /// Whether a word stands in a condition: behind a word that leads one, or before a question
    /// mark or a colon.
    pub(super) fn is_led(&self, at: usize) -> bool {
        let led = |back: usize| {
            at.checked_sub(back)
                .is_some_and(|lead| has(LEADS, &self.words[lead]) && self.joins(lead, at))
        };
        let ends = (at..self.words.len()).find(|at| self.breaks_after(*at) > 0);
        let asks = ends.is_some_and(|end| self.breaks_after(end) == 3);
        // "Frost! No tide gate."
        // "Inspection running - no heater."
        const PLAIN: List = "\
            the a no not is are running on going under way underway in progress active here \
            there present around now still again over off";
        let bare = ends
            .is_some_and(|ends| (0..=ends).all(|here| here == at || has(PLAIN, &self.words[here])));
        let more = at + 1 < self.words.len();
        asks || (bare && more) || (1..=APART_WORDS).any(led)
    }

    /// `While somebody is here`: whether people are, for a sensor whose name says that it knows.
    fn presence(&mut self, name: &str) -> Option<bool> {
        const OF: &[&str] =
            &["presence", "people", "occup", "motion", "person", "crew", "staff", "aboard"];
        const SOME: List = "\
            somebody someone anybody anyone people somebody's someone's anybody's anyone's";
        const NONE: List = "nobody noone nobody's";
        if !OF.iter().any(|of| name.contains(of)) {
            return None;
        }
        let at = (0..self.words.len()).find(|at| {
            let word = self.words[*at].as_str();
            !self.done[*at] && (has(SOME, word) || has(NONE, word))
        })?;
        if !self.is_led(at) {
            return None;
        }
        // "If somebody has a headache" is about something else.
        let next = self.words.get(at + 1).filter(|_| self.breaks_after(at) == 0);
        let other = "\
            has have had needs wants feels gets may should must can shall use uses touch touches \
            start starts run runs minds";
        if next.is_some_and(|next| has(other, next)) {
            return None;
        }
        self.done[at] = true;
        Some(!has(NONE, &self.words[at]))
    }

    /// `While people talk`: of a sensor that counts them.
    fn count_of_people(&mut self, config: &Config, id: SensorId) -> Option<Condition> {
        let is_there = self.presence(&config.sensors[usize::from(id.0)].name)?;
        // Below one there is nobody.
        Some(compared(config, id.0, is_there, if is_there { 0.0 } else { 1.0 }))
    }

    /// No break stands between two words.
    pub(super) fn joins(&self, one: usize, two: usize) -> bool {
        (one.min(two)..one.max(two)).all(|at| self.breaks_after(at) == 0)
    }

    /// How a device is that is named beside it: `while the dryer runs`. Takes its mention away.
    pub(super) fn devices_on(
        &mut self,
        config: &Config,
        mentions: &mut Vec<Mention>,
    ) -> Vec<Condition> {
        let mut found = Vec::new();
        let mut marks = Vec::new();
        mentions.retain(|one| {
            let led = |back: &usize| {
                one.at.checked_sub(*back).is_some_and(|at| {
                    let lead = "while when whenever if as whilst once with";
                    let asks = ["is", "are"].contains(&&*self.words[at])
                        && (at == 0 || self.breaks_after(at - 1) > 1);
                    (asks || has(lead, &self.words[at])) && self.joins(at, one.at)
                })
            };
            // "As long as the dryer runs, fan off": the lead is the dryer's.
            let bare = |back: &usize| {
                let between = one.at - back + 1..one.at;
                let words = "the a an our my as long soon both also still it is that";
                between.clone().all(|at| has(words, &self.words[at]))
            };
            let lead = (1..=4).filter(led).find(bare);
            let fillers = "is are already still happens to be being switched turned in itself up";
            let nots = "not isn't aren't doesn't don't does do";
            let rest = self.words[one.end..].iter().zip(one.end..);
            let mut rest = rest.skip_while(|(word, at)| {
                self.breaks_after(at - 1) == 0 && (has(fillers, word) || has(nots, word))
            });
            let state = rest.next().filter(|(_, at)| self.breaks_after(at - 1) == 0);
            let turned = state
                .is_some_and(|(_, at)| self.words[one.end..at].iter().any(|word| has(NOT, word)));
            let on = state.and_then(|(word, at)| match word.as_str() {
                word if RUNS.contains(&word) => Some((!turned, at)),
                "run" | "work" if turned => Some((false, at)),
                "off" | "stopped" | "idle" => Some((turned, at)),
                _ => None,
            });
            let begins = one.at == 0 || self.breaks_after(one.at - 1) >= 2;
            // "Dryer on, no heater", and of what is off only "dryer off: …".
            let least = |on: bool| if on { 1 } else { 3 };
            let asked = |on: bool, at: usize| {
                begins && self.breaks_after(at) >= least(on) && at + 1 < self.words.len()
            };
            let on = on.filter(|(on, at)| lead.is_some() || asked(*on, *at));
            let Some((on, at)) = on else { return true };
            marks.push((one.at - lead.unwrap_or(0))..at + 1);
            let name = &config.actuators[usize::from(one.device.0)].name;
            let matter = Matter::of_switch(name, one.device);
            found.extend(matter.condition(&[on, !on]).ok().flatten());
            false
        });
        marks.into_iter().for_each(|words| self.done[words].fill(true));
        found
    }
}

/// How many of these names have a word.
pub(super) fn counts<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for part in names.flat_map(|name| name.split(' ')) {
        match counts.get_mut(part) {
            Some(count) => *count += 1,
            None => {
                counts.insert(part.to_owned(), 1);
            }
        }
    }
    counts
}

/// Whether a name has one of these words.
fn has_any(name: &str, list: &str) -> bool {
    name.split('_').any(|part| has(list, part))
}

/// A quantity above or below a number.
fn compared(config: &Config, index: u16, is_above: bool, bound: f64) -> Condition {
    let sensor = &config.sensors[usize::from(index)];
    let name = spoken(&sensor.name);
    let (sign, word) = if is_above { (">", "above") } else { ("<", "below") };
    let far = (bound.abs() * SHOWN_SHARE).max(SHOWN_LEAST);
    let scene = |value: f64, how: &str| Scene {
        words: format!("{name} {how} {bound}"),
        sensor: Some((SensorId(index), Value::Number(value))),
        ..Scene::default()
    };
    let (up, down) = (bound + far, bound - far);
    let other = if is_above { "below" } else { "above" };
    let (inside, outside) = if is_above { (up, down) } else { (down, up) };
    Condition {
        source: format!("{} {sign} {bound}", sensor.name),
        holds: scene(inside, word),
        fails: scene(outside, other),
    }
}

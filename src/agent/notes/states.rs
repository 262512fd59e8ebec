//! Conditions of a note that name a sensor or a device of the configuration: a quantity against a
//! number, yes-or-no and text sensors by their names and words, how another device is. No model
//! reads them. What must never be here: what the note wants.

use super::condition::{Condition, Matter, Scene, Side, matter_of};
use super::said::{Mention, NOT, Said, number, split};
use crate::agent::prompt::words as spoken;
use crate::config::{Config, SensorKind};
use crate::domain::{SensorId, Value};

const ABOVE: &[&str] = &[
    "above", "over", "exceeds", "higher", "more", "beyond", "greater", "hotter", "warmer", "past",
    "exceed", "stronger",
];
const BELOW: &[&str] =
    &["below", "under", "less", "lower", "beneath", "colder", "cooler", "fewer", "weaker"];
/// Words between a comparison and its number.
const LINKS: &[&str] = &["than", "the", "a", "of"];
/// Words that lead a condition.
const LEADS: &[&str] = &[
    "if", "when", "whenever", "while", "as", "once", "during", "in", "at", "with", "whilst", "on",
    "is", "are", "since", "because",
];
/// Words for the other side of what a yes-or-no sensor's name says.
const OPPOSITES: &[(&str, &[&str])] = &[
    ("open", &["closed", "shut"]),
    ("closed", &["open"]),
    ("occupied", &["empty", "free"]),
    ("empty", &["full"]),
    ("full", &["empty"]),
    ("locked", &["unlocked", "open"]),
    ("running", &["stopped", "idle", "off", "still"]),
    ("on", &["off"]),
    ("wet", &["dry"]),
    ("dry", &["wet"]),
    ("present", &["absent", "away", "gone"]),
];
/// Words by which a sensor that is named without a state is not so.
const OFF: &[&str] = &[
    "closed", "shut", "off", "over", "gone", "empty", "stopped", "absent", "away", "out", "ashore",
];
/// How a device is said to be on.
const RUNS: &[&str] =
    &["on", "running", "runs", "works", "working", "turning", "operation", "burning", "lit"];
/// How far from its bound a quantity is shown, as a share of the bound, and at least.
const SHOWN_SHARE: f64 = 0.1;
const SHOWN_LEAST: f64 = 1.0;
/// A name behind a comparison is looked for only where none stands so near before it.
const FAR_BEHIND: usize = 20;
/// How many words may stand between a sensor's name and its state.
const APART_WORDS: usize = 4;

impl Said {
    /// Quantities against a number: `when the wind is above 8`, `over 6000 W`.
    pub(super) fn quantities(&mut self, config: &Config) -> Vec<Condition> {
        let compares = |word: &String| [ABOVE, BELOW].iter().any(|list| list.contains(&&**word));
        if !self.words.iter().any(compares) {
            return Vec::new();
        }
        let numbers = (0u16..).zip(&config.sensors);
        let numbers = numbers.filter(|(_, one)| one.kind == SensorKind::Number);
        let all: Vec<(u16, String)> =
            numbers.map(|(index, one)| (index, spoken(&one.name).to_lowercase())).collect();
        // Once for all comparisons: a note may be full of them, and a place of sensors.
        let names = || all.iter().map(|(_, name)| name.as_str());
        let spans = all.iter().flat_map(|(index, name)| {
            self.named(name, names()).into_iter().map(|span| (*index, span))
        });
        let spans: Vec<(u16, std::ops::Range<usize>)> = spans.collect();
        let mut found = Vec::new();
        for at in 0..self.words.len() {
            let is_above = ABOVE.contains(&self.words[at].as_str());
            if self.done[at] || !(is_above || BELOW.contains(&self.words[at].as_str())) {
                continue;
            }
            let mut last = at + 1;
            while self.words.get(last).is_some_and(|word| LINKS.contains(&word.as_str())) {
                last += 1;
            }
            let Some(bound) = self.words.get(last).and_then(|word| number(word)) else { continue };
            let Some(index) = self.compared(config, &spans, at, last) else { continue };
            self.done[at..=last].fill(true);
            found.push(compared(config, index, is_above, bound));
        }
        found
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
        if let Some((index, span)) = near {
            self.done[span.clone()].fill(true);
            return Some(*index);
        }
        let unit = self.words.get(last + 1)?;
        let has = |unit_of: &str| {
            let words = split(unit_of);
            let first = words.first().map_or("", String::as_str);
            first == unit || (unit == "degrees" && unit_of.starts_with('°'))
        };
        let numbers = (0u16..).zip(&config.sensors);
        let mut with = numbers.filter(|(_, one)| one.kind == SensorKind::Number && has(&one.unit));
        match (with.next(), with.next()) {
            (Some((index, _)), None) => Some(index),
            _ => None,
        }
    }

    /// Where a name is said: in whole, or by a word of it that no other of these names has.
    fn named<'a>(
        &self,
        name: &str,
        all: impl Iterator<Item = &'a str> + Clone,
    ) -> Vec<std::ops::Range<usize>> {
        let parts: Vec<&str> = name.split(' ').collect();
        let alone = |word: &str| {
            all.clone().filter(|other| other.split(' ').any(|part| part == word)).count() == 1
        };
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
        let mut found = Vec::new();
        for (number, sensor) in (0u16..).zip(&config.sensors) {
            let id = SensorId(number);
            let condition = match sensor.kind {
                SensorKind::Number => self.count_of_people(config, id),
                SensorKind::Bool => self.yes_or_no(config, id),
                SensorKind::Text => self.word_of(config, id),
            };
            found.extend(condition);
        }
        found
    }

    fn yes_or_no(&mut self, config: &Config, id: SensorId) -> Option<Condition> {
        let name = spoken(&config.sensors[usize::from(id.0)].name).to_lowercase();
        let parts: Vec<&str> = name.split(' ').collect();
        let state = |word: &str| OPPOSITES.iter().find(|(known, _)| *known == word).copied();
        let matter = matter_of(config, id)?;
        let side = |yes: bool| matter.condition(&[yes, !yes]).ok().flatten();
        if let Some(yes) = self.presence(&name) {
            return side(yes);
        }
        let (noun, adjective) = match parts.as_slice() {
            [noun] => (*noun, None),
            // A state that is not known is over where something of [`OFF`] is said.
            [noun @ .., last] => (*noun.last()?, Some(state(last).unwrap_or((last, OFF)))),
            [] => return None,
        };
        if let (None, Some((_, opposites))) = (adjective, state(noun)) {
            let word = |at: &usize| opposites.contains(&self.words[*at].as_str());
            let found = (0..self.words.len()).find(|at| !self.done[*at] && word(at));
            if let Some(at) = found.filter(|at| self.is_led(*at)) {
                self.done[at] = true;
                return side(false);
            }
        }
        let stem = |word: &str| {
            let rest = word.strip_prefix(noun);
            rest.is_some_and(|rest| ["", "s", "ing", "es", "'s", "y"].contains(&rest))
        };
        let at = (0..self.words.len()).find(|at| !self.done[*at] && stem(&self.words[*at]))?;
        let (yes, marked) = self.state_near(at, adjective)?;
        let turned = self.turning(at.min(marked), at.max(marked));
        for word in [Some(at), Some(marked), turned].into_iter().flatten() {
            self.done[word] = true;
        }
        side(yes != turned.is_some())
    }

    /// How the sensor is whose noun stands here, and the word that says it.
    fn state_near(&self, at: usize, adjective: Option<(&str, &[&str])>) -> Option<(bool, usize)> {
        let near = at.saturating_sub(APART_WORDS)..(at + APART_WORDS + 1).min(self.words.len());
        let near: Vec<usize> =
            near.filter(|other| *other != at && self.joins(at, *other)).collect();
        let of = |list: &[&str]| {
            near.iter().copied().find(|other| list.contains(&self.words[*other].as_str()))
        };
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
            let is_not = NOT.contains(&word(not)) && (not > at + 1 || word(not).ends_with("n't"));
            return Some(match off {
                Some(word) => (false, word),
                None if is_not && self.joins(at, not) => (false, not),
                None => (true, at),
            });
        };
        match (of(&[same]), of(opposites)) {
            (Some(word), None) => Some((true, word)),
            (None, Some(word)) => Some((false, word)),
            _ => None,
        }
    }

    /// The `not` that stands right before these words, or between them.
    fn turning(&self, first: usize, last: usize) -> Option<usize> {
        let before = (first.saturating_sub(2)..first).rev();
        let before = before.take_while(|here| self.joins(*here, first) && !self.done[*here]);
        let mut all = before
            .take_while(|here| !LEADS.contains(&self.words[*here].as_str()))
            .chain(first + 1..last);
        all.find(|here| NOT.contains(&self.words[*here].as_str()))
    }

    /// Whether a word stands in a condition: behind a word that leads one, or before a question
    /// mark or a colon.
    fn is_led(&self, at: usize) -> bool {
        let led = |back: usize| {
            at.checked_sub(back).is_some_and(|lead| {
                LEADS.contains(&self.words[lead].as_str()) && self.joins(lead, at)
            })
        };
        let ends = (at..self.words.len()).find(|at| self.breaks_after(*at) > 0);
        ends.is_some_and(|end| self.breaks_after(end) == 3) || (1..=APART_WORDS).any(led)
    }

    /// `While somebody is here`: whether people are, for a sensor whose name says that it knows.
    fn presence(&mut self, name: &str) -> Option<bool> {
        const OF: &[&str] = &[
            "presence",
            "people",
            "occupancy",
            "motion",
            "person",
            "occupied",
            "crew",
            "staff",
            "aboard",
        ];
        const SOME: &[&str] = &["somebody", "someone", "anybody", "anyone", "people"];
        const NONE: &[&str] = &["nobody", "noone"];
        if !OF.iter().any(|of| name.contains(of)) {
            return None;
        }
        let at = (0..self.words.len()).find(|at| {
            let word = self.words[*at].as_str();
            !self.done[*at] && (SOME.contains(&word) || NONE.contains(&word))
        })?;
        if !self.is_led(at) {
            return None;
        }
        self.done[at] = true;
        Some(!NONE.contains(&self.words[at].as_str()))
    }

    /// `While people talk`: of a sensor that counts them.
    fn count_of_people(&mut self, config: &Config, id: SensorId) -> Option<Condition> {
        let name = spoken(&config.sensors[usize::from(id.0)].name).to_lowercase();
        let is_there = self.presence(&name)?;
        // Below one there is nobody.
        Some(compared(config, id.0, is_there, if is_there { 0.0 } else { 1.0 }))
    }

    /// No break stands between two words.
    fn joins(&self, one: usize, two: usize) -> bool {
        (one.min(two)..one.max(two)).all(|at| self.breaks_after(at) == 0)
    }

    fn word_of(&mut self, config: &Config, id: SensorId) -> Option<Condition> {
        let matter = matter_of(config, id)?;
        let sensor = &config.sensors[usize::from(id.0)];
        // Cheap, since there may be thousands of them.
        let is_said = |side: &Side| self.words.iter().any(|word| *word == side.word.to_lowercase());
        if !matter.sides.iter().any(is_said) {
            return None;
        }
        let name = spoken(&sensor.name).to_lowercase();
        let names: Vec<String> =
            config.sensors.iter().map(|one| spoken(&one.name).to_lowercase()).collect();
        let spans = self.named(&name, names.iter().map(String::as_str));
        let sides: Vec<String> = matter.sides.iter().map(|side| side.word.to_lowercase()).collect();
        let others = |word: &str| {
            let texts = config.sensors.iter().flat_map(|one| one.map.values());
            texts
                .filter(|value| matches!(value, Value::Text(text) if text.to_lowercase() == word))
                .count()
        };
        let mut yes = vec![false; sides.len()];
        let mut marks = Vec::new();
        for at in 0..self.words.len() {
            let Some(side) = sides.iter().position(|side| *side == self.words[at]) else {
                continue;
            };
            let by_name = spans.iter().any(|span| {
                let (from, to) = (span.start.min(at), span.end.max(at + 1));
                to - from <= APART_WORDS + 2 && self.same_sentence(from, to - 1)
            });
            let led = |back: usize| {
                at.checked_sub(back).is_some_and(|lead| {
                    ["during", "while", "in", "when", "at", "on", "throughout"]
                        .contains(&&*self.words[lead])
                })
            };
            let led = (1..=2).any(led) || self.is_led(at);
            let by_itself = others(&sides[side]) == 1 && led && sides[side].len() > 3;
            if self.done[at] || !(by_name || by_itself) {
                continue;
            }
            if (1..=3)
                .any(|back| at.checked_sub(back).is_some_and(|at| NOT.contains(&&*self.words[at])))
            {
                return None;
            }
            yes[side] = true;
            marks.push(at..at + 1);
        }
        if marks.is_empty() {
            return None;
        }
        marks.extend(spans);
        marks.into_iter().for_each(|span| self.done[span].fill(true));
        matter.condition(&yes).ok().flatten()
    }

    /// How a device is that is named beside it: `while the dryer runs`. Takes its mention away.
    pub(super) fn devices_on(
        &self,
        config: &Config,
        mentions: &mut Vec<Mention>,
    ) -> Vec<Condition> {
        let mut found = Vec::new();
        mentions.retain(|one| {
            let led = |back: usize| {
                one.at.checked_sub(back).is_some_and(|at| {
                    let lead = ["while", "when", "whenever", "if", "as", "whilst", "once", "with"];
                    let asks = ["is", "are"].contains(&&*self.words[at])
                        && (at == 0 || self.breaks_after(at - 1) > 1);
                    (asks || lead.contains(&&*self.words[at])) && self.breaks_after(at) == 0
                })
            };
            let fillers =
                ["is", "are", "already", "still", "happens", "to", "be", "switched", "in"];
            let rest = self.words[one.end..].iter().zip(one.end..);
            let mut rest = rest.skip_while(|(word, _)| fillers.contains(&word.as_str()));
            let state = rest.next().filter(|(_, at)| self.breaks_after(at - 1) == 0);
            let on = state.and_then(|(word, at)| match word.as_str() {
                word if RUNS.contains(&word) => Some((true, at)),
                "off" | "stopped" | "idle" => Some((false, at)),
                _ => None,
            });
            let begins = one.at == 0 || self.breaks_after(one.at - 1) >= 2;
            let asked = |at: usize| begins && self.breaks_after(at) >= 1;
            let Some((on, _)) = on.filter(|(_, at)| (1..=4).any(led) || asked(*at)) else {
                return true;
            };
            let name = &config.actuators[usize::from(one.device.0)].name;
            let matter = Matter::of_switch(name, one.device);
            found.extend(matter.condition(&[on, !on]).ok().flatten());
            false
        });
        found
    }
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

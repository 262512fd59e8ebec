//! What a text sensor says, in a note's words: by its name and word, or by a word that is only its
//! own. What must never be here: any other sensor.

use std::collections::HashMap;

use super::condition::{Condition, Side, matter_of};
use super::said::Said;
use super::states::{APART_WORDS, BEGINS, LEADS, counts};
use super::wording::{List, NOT};
use crate::agent::prompt::words as spoken;
use crate::agent::spoken::has;
use crate::config::Config;
use crate::domain::{SensorId, Value};

/// Words of text sensors that by themselves say too little.
pub(super) const COMMON: List =
    "low dry wet off out in on hot day new old run two one yes no high normal";
/// Behind a text sensor's word that stands alone.
const FOLLOWS: List = "\
    is are the a no not use take please rather we i it phase mode time times period only never \
    avoid leave keep don't outside out weather season shift then and so let run prefer at in our \
    my his her their with by for on to its any these those all you they he she has have had was \
    one here up now";

impl Said {
    /// What a text sensor says: with its name beside the word, for which `named` keeps how many
    /// names have a word; without it by a word that is only its own.
    pub(super) fn word_of(
        &mut self,
        config: &Config,
        id: SensorId,
        named: Option<&mut Option<HashMap<String, usize>>>,
    ) -> Option<Condition> {
        let sensor = &config.sensors[usize::from(id.0)];
        // Cheap, since there may be thousands of them.
        if !sensor.map.values().any(|value| self.begins_like(value)) {
            return None;
        }
        let matter = matter_of(config, id)?;
        let plain = |side: &Side| side.word.to_lowercase().replace(['_', '-'], " ");
        let sides: Vec<String> = matter.sides.iter().map(plain).collect();
        let first = |side: &str| side.split(' ').next().unwrap_or_default().to_owned();
        let is_said = |side: &String| {
            let first = first(side);
            let root = first.strip_suffix("ing").unwrap_or(&first);
            self.words.iter().any(|word| word.starts_with(root))
        };
        if !sides.iter().any(is_said) {
            return None;
        }
        let name = spoken(&sensor.name).to_lowercase();
        let by_itself = named.is_none();
        let spans = named.map_or_else(Vec::new, |known| {
            let all = || config.sensors.iter().map(|one| spoken(&one.name).to_lowercase());
            let of = || counts(all().collect::<Vec<_>>().iter().map(String::as_str));
            self.named(&name, known.get_or_insert_with(of))
        });
        let others = |word: &str| {
            let texts = config.sensors.iter().flat_map(|one| one.map.values());
            texts
                .filter(|value| matches!(value, Value::Text(text) if text.to_lowercase() == word))
                .count()
        };
        let mut yes = vec![false; sides.len()];
        let mut marks = Vec::new();
        for at in 0..self.words.len() {
            let Some((side, end)) = (0..sides.len())
                .find_map(|side| Some((side, at + self.begins_with(at, &sides[side])?)))
            else {
                continue;
            };
            let by_name = spans.iter().any(|span| {
                let (from, to) = (span.start.min(at), span.end.max(end));
                to - from <= APART_WORDS + 2 && self.same_sentence(from, to - 1)
            });
            let alone = by_itself && others(&matter.sides[side].word.to_lowercase()) == 1;
            let by_itself = alone && self.is_alone(at, end, &name);
            if self.done[at] || !(by_name || by_itself) {
                continue;
            }
            if (1..=3).any(|back| at.checked_sub(back).is_some_and(|at| has(NOT, &self.words[at])))
            {
                return None;
            }
            yes[side] = true;
            marks.push(at..end);
        }
        if marks.is_empty() {
            return None;
        }
        marks.extend(spans);
        marks.into_iter().for_each(|span| self.done[span].fill(true));
        matter.condition(&yes).ok().flatten()
    }

    /// Whether some word begins as a text does.
    fn begins_like(&self, value: &Value) -> bool {
        let Value::Text(word) = value else { return false };
        let begin = word.chars().next().map(|first| first.to_ascii_lowercase());
        self.words.iter().any(|said| said.chars().next() == begin)
    }

    /// How many words a text takes that begins here.
    fn begins_with(&self, at: usize, text: &str) -> Option<usize> {
        let mut parts = text.split(' ').zip(at..);
        let all = parts.all(|(part, at)| {
            self.words.get(at).is_some_and(|word| word == part || word.replace('-', " ") == text)
        });
        // "While a bus is being washed", of `washing`.
        let passive = at > 0 && has("being get gets getting", &self.words[at - 1]);
        let root = text.strip_suffix("ing").filter(|root| passive && root.len() > 2);
        if root.is_some_and(|root| self.words[at].strip_prefix(root) == Some("ed")) {
            return Some(1);
        }
        let whole = self.words[at].replace('-', " ") == text;
        let length = if whole { 1 } else { text.split(' ').count() };
        (all || whole).then_some(length)
    }

    /// Whether a text sensor's word says its state by itself: `during brumation`, not `during the
    /// school holidays`.
    fn is_alone(&self, at: usize, end: usize, name: &str) -> bool {
        let led = |back: usize| {
            at.checked_sub(back).is_some_and(|lead| {
                self.joins(lead, at)
                    && has("during while in when at on throughout for", &self.words[lead])
            })
        };
        let being = at > 0 && has("being get gets getting", &self.words[at - 1]);
        let far = being
            && (at.saturating_sub(2 * APART_WORDS)..at)
                .any(|lead| has(BEGINS, &self.words[lead]) && self.joins(lead, at));
        let next = self.words.get(end).filter(|_| self.breaks_after(end - 1) == 0);
        // "When the river is frozen" is about the river.
        let verb = next.is_some_and(|next| has("is are has have had was", next));
        let said = self.words.get(end + 1).is_some_and(|word| {
            !self.done[end + 1]
                && !has(
                    "on in here there running active booked the not going being under busy",
                    word,
                )
        });
        if verb && said && self.breaks_after(end) == 0 {
            return false;
        }
        let is_led = (1..=2).any(led) || far || self.is_led(at);
        // "When the dust is high" is about the dust.
        let of_other = at > 1
            && has("is are", &self.words[at - 1])
            && !self.done[at - 2]
            && !has("it it's all there we they you", &self.words[at - 2])
            && !has(LEADS, &self.words[at - 2]);
        if of_other {
            return false;
        }
        let ends = next.is_none_or(|next| {
            self.done[end] || has(FOLLOWS, next) || name.split(' ').any(|part| part == next)
        });
        // "When it is wet".
        let weather = has("wet dry hot", &self.words[at])
            && at > 1
            && (self.words[at - 1] == "it's" || self.words[at - 2..at] == ["it", "is"]);
        is_led && ends && (weather || !has(COMMON, &self.words[at]))
    }
}

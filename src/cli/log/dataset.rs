//! `log export --dataset`: each decision as something to learn from: what the mind reads, what
//! could have been done, what people said of it and what came of it. In the form of `outpost
//! decide`'s cases, with more keys. Reads only; it judges nothing that nobody said.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::after::After;
use super::{Output, Wanted};
use crate::cli::replay;
use crate::config::Config;
use crate::domain::{Decider, Decision, Entry, Setting, StepState};
use crate::journal::{Filter, Reader, Stamp, rfc3339};

/// An operator who sets something so soon after a decision has corrected it.
const CORRECTS_MS: u64 = 15 * 60 * 1000;
/// Of kind `rating`, see `docs/topics.md`.
const RATING: &str = "rating";

/// Another name in the place of one of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rename {
    old: String,
    new: String,
}

impl Rename {
    /// `old=new`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Rename, String> {
        match text.split_once('=') {
            Some((old, new)) if !old.is_empty() && !new.is_empty() => {
                Ok(Rename { old: old.to_owned(), new: new.to_owned() })
            }
            _ => Err("allowed is old=new, both with at least one character".to_owned()),
        }
    }

    /// In every text of a case, as a name and as the words that the mind reads, however it is
    /// capitalised; and in the names of sensors, which are the keys of what was read.
    fn apply(&self, case: Json) -> Json {
        let Json::Object(case) = case else { return case };
        let of = |(key, value): (String, Json)| match key.as_str() {
            "id" | "at" | "kind" | "by" | "source" => (key, value),
            _ => {
                let value = self.renamed(value);
                (key, value)
            }
        };
        Json::Object(case.into_iter().map(of).collect())
    }

    fn renamed(&self, value: Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.text(&text)),
            Json::Array(all) => all.into_iter().map(|one| self.renamed(one)).collect(),
            Json::Object(all) => {
                // A device's own keys are no names.
                let key = |key: String| match key.as_str() {
                    "name" | "effect" => key,
                    _ => self.text(&key),
                };
                let all = all.into_iter().map(|(one, value)| (key(one), self.renamed(value)));
                Json::Object(all.collect())
            }
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        let words = |name: &str| name.replace(['_', '-'], " ");
        let named = whole_words(text, &self.old, &self.new);
        whole_words(&named, &words(&self.old), &words(&self.new))
    }
}

/// `new` wherever `old` stands by itself: the `fan` of "fans" or `fan_2` is another name.
fn whole_words(text: &str, old: &str, new: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut done, mut rest) = (String::new(), text);
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let is_old = rest.get(..old.len()).is_some_and(|head| head.eq_ignore_ascii_case(old));
        let next = if is_old { rest[old.len()..].chars().next() } else { None };
        if is_old && !before.is_some_and(part) && !next.is_some_and(part) {
            done.push_str(new);
            rest = &rest[old.len()..];
            before = old.chars().last();
        } else {
            done.push(first);
            rest = &rest[first.len_utf8()..];
            before = Some(first);
        }
    }
    done
}

/// What people said of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    good: Option<bool>,
    /// The candidate that an operator took instead.
    instead: Option<usize>,
}

/// What came after a decision.
#[derive(Clone, Debug, Default)]
struct Later {
    said: Said,
    /// Readings, by the seconds after it.
    after: BTreeMap<u64, Map<String, Json>>,
}

impl<W: Write> Output<W> {
    pub(super) fn dataset(
        &mut self,
        config: &Arc<Config>,
        folder: &Path,
        wanted: &Wanted,
        renames: &[Rename],
    ) -> anyhow::Result<()> {
        let reader = Reader::open(folder)?;
        let mut decisions = replay::find(&reader, &wanted.filter())?;
        replay::follow(&reader, config, &mut decisions)?;
        let later = follow_up(&reader, &decisions)?;
        let mut left_out = 0_u64;
        let most = wanted.limit.unwrap_or(u64::MAX);
        for (one, later) in decisions.iter().zip(&later) {
            if self.shown >= most {
                break;
            }
            let Some(case) = case(config, one, later) else {
                left_out += 1;
                continue;
            };
            let case = renames.iter().fold(case, |case, one| one.apply(case));
            writeln!(self.to, "{case}")?;
            self.shown += 1;
        }
        if self.json {
            writeln!(self.to, "{}", json!({"cases": self.shown, "left_out": left_out}))?;
        }
        Ok(())
    }
}

/// A decision as a case; `None` where the agent could not be followed up to it.
fn case(config: &Config, one: &replay::Wanted, later: &Later) -> Option<Json> {
    let decision = one.decision();
    let question = &one.proposal()?.question;
    let stamp = one.stamp();
    let (want, source) = hindsight(decision, &later.said);
    let p: Option<Vec<f64>> = decision.candidates.iter().map(|one| one.probability).collect();
    let devices = config.actuators.iter().map(|actuator| {
        let does = actuator.effects.iter().map(|(sensor, direction)| {
            let verb = if *direction > 0.0 { "raises" } else { "lowers" };
            format!("{verb} {}", config.sensors[usize::from(sensor.0)].name.replace('_', " "))
        });
        let effect = does.collect::<Vec<_>>().join(" and ");
        json!({"name": actuator.name.replace('_', " "), "effect": effect})
    });
    let after: Map<String, Json> =
        later.after.iter().map(|(s, values)| (s.to_string(), json!(values))).collect();
    Some(json!({
        "id": decision.id, "at": rfc3339(stamp.now.unix_ms), "kind": "journal",
        "prefix": question.prefix,
        "state": format!("Now: {}.\nDo:", decision.facts.join("; ")),
        "candidates": decision.candidates.iter().map(|one| &one.text).collect::<Vec<_>>(),
        "among": question.by_notes.as_ref().map(|by_notes| &by_notes.among),
        "want": want, "source": source,
        "not": (later.said.good == Some(false)).then_some(decision.chosen),
        "chosen": decision.chosen, "by": decision.by.word(), "p": p,
        "utility": decision.candidates.iter().map(|one| one.utility).collect::<Vec<_>>(),
        "predicted": predicted(decision), "after": after,
        "notes": decision.notes, "facts": decision.facts, "devices": devices.collect::<Vec<_>>(),
    }))
}

fn predicted(decision: &Decision) -> Json {
    let chosen = decision.candidates.get(decision.chosen);
    let values = chosen.into_iter().flat_map(|one| &one.predicted);
    Json::Object(values.map(|(name, value)| (name.clone(), json!(value))).collect())
}

/// The better choice by what people said, and who said it. Nobody: none.
fn hindsight(decision: &Decision, said: &Said) -> (Option<usize>, Option<&'static str>) {
    match said {
        Said { instead: Some(index), .. } => (Some(*index), Some("corrected")),
        Said { good: Some(true), .. } => (Some(decision.chosen), Some("rated")),
        Said { .. } => (None, None),
    }
}

/// What came after each decision: ratings, corrections, readings.
fn follow_up(reader: &Reader, decisions: &[replay::Wanted]) -> anyhow::Result<Vec<Later>> {
    let mut later = vec![Later::default(); decisions.len()];
    let by_id: BTreeMap<&str, usize> =
        decisions.iter().enumerate().map(|(n, one)| (one.decision().id.as_str(), n)).collect();
    let mut begun = 0;
    let mut after = After::default();
    reader.each(0, &Filter::default(), |record| {
        let stamp = record.stamp();
        after.pass(&record, |index, seconds, readings| {
            let all = readings.iter().map(|(name, (number, _))| (name.clone(), json!(number)));
            later[index].after.insert(seconds, all.collect());
        });
        if decisions.get(begun).is_some_and(|one| one.stamp().seq == stamp.seq) {
            after.begin(begun, stamp);
            begun += 1;
        }
        match record.entry() {
            Ok(Entry::Event { kind, text, .. }) if kind == RATING => {
                if let Some((id, word)) = text.rsplit_once(' ')
                    && let Some(index) = by_id.get(id)
                {
                    later[*index].said.good = Some(word == "good");
                }
            }
            Ok(Entry::Step {
                actuator,
                setting,
                state: StepState::Intended,
                by: Decider::Command,
                ..
            }) => correct(&decisions[..begun], &mut later, &actuator, &setting, stamp),
            _ => {}
        }
        true
    })?;
    Ok(later)
}

/// An operator sets something: the last decision before, if that was a candidate of it.
fn correct(
    decisions: &[replay::Wanted],
    later: &mut [Later],
    actuator: &str,
    setting: &Setting,
    at: Stamp,
) {
    let Some((index, last)) = decisions.iter().enumerate().next_back() else { return };
    let made = last.stamp();
    let soon = made.boot == at.boot && at.now.tick.0.saturating_sub(made.now.tick.0) <= CORRECTS_MS;
    let is = |one: &crate::domain::Candidate| match one.set.as_slice() {
        [(name, to)] => name == actuator && to == setting,
        _ => false,
    };
    let taken = last.decision().candidates.iter().position(is);
    if soon && taken != Some(last.decision().chosen) {
        later[index].said.instead = taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_names_and_as_words() {
        let rename = |case: Json, rule: &str| Rename::parse(rule).unwrap().apply(case);
        let case = json!({
            "kind": "journal", "prefix": "You look after greenhouse 1. Air temperature: 3 to 5.",
            "facts": ["air temperature 3 °C"], "after": {"900": {"air_temperature": 3}},
            "devices": [{"name": "fan", "effect": "fans lower air temperature"}],
        });
        let case = rename(case, "air_temperature=room_warmth");
        assert_eq!(case["facts"], json!(["room warmth 3 °C"]));
        assert_eq!(case["after"], json!({"900": {"room_warmth": 3}}));
        let case = rename(rename(case, "greenhouse-1=house-x"), "fan=blower");
        assert_eq!(case["prefix"], "You look after house x. room warmth: 3 to 5.");
        assert_eq!(
            case["devices"][0],
            json!({"name": "blower", "effect": "fans lower room warmth"})
        );
        let case = rename(rename(case, "name=other"), "journal=diary");
        assert_eq!(
            (&case["kind"], &case["devices"][0]["name"]),
            (&json!("journal"), &json!("blower"))
        );
        assert!(Rename::parse("a").is_err() && Rename::parse("=b").is_err());
    }
}

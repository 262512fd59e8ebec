//! What nobody has understood yet, beside what is: the notes that speak of a preference's devices,
//! the preferences over an open note's devices, the number that a note leaves out. A preference
//! holds exactly, whatever an open note says: who confirms it has to know. What must never be here:
//! what a note means.

use std::collections::BTreeSet;

use super::said::{number, split};
use crate::agent::core::Agent;
use crate::agent::prompt::words;
use crate::config::{Preference, SensorKind};
use crate::domain::{ActuatorId, SensorId};
use crate::mind::notes::says;

/// Most of them are named; of more it is said how many there are.
const NAMED_MAX: usize = 3;

impl Agent {
    /// Said with a proposal, in whole sentences: what else there is about its devices.
    pub(super) fn beside(&self, note: &str, means: &[Preference]) -> String {
        let devices: Vec<ActuatorId> =
            means.iter().flat_map(|one| one.prefer.into_iter().chain([one.over])).collect();
        let open = self.notes_to_read();
        let open = open.iter().filter(|other| *other != note && self.names_one(other, &devices));
        let open: Vec<String> = open.map(|other| format!("\"{other}\"")).collect();
        let opposite = |one: &&Preference| {
            let turned =
                |mine: &Preference| mine.prefer == Some(one.over) && one.prefer == Some(mine.over);
            one.of_note.as_deref() != Some(note) && means.iter().any(turned)
        };
        let opposite = self.config.preferences.iter().filter(opposite);
        let opposite: Vec<String> = opposite.map(|one| self.preference_words(one)).collect();
        let mut text = String::new();
        if !open.is_empty() {
            let all = some(&open);
            text += &format!(". Nobody has understood {all}: this holds, whatever is said there");
        }
        if !opposite.is_empty() {
            let all = some(&opposite);
            text += &format!(". Where the opposite holds too, the later note counts ({all})");
        }
        text
    }

    /// Said where a note stays one, behind the reason: a number that it leaves out, and what holds
    /// of its devices meanwhile.
    pub(super) fn left_open(&self, note: &str) -> String {
        let mut text = self.number_left_out(note).unwrap_or_default();
        let about = |one: &&Preference| {
            let devices: Vec<ActuatorId> = one.prefer.into_iter().chain([one.over]).collect();
            one.of_note.as_deref() != Some(note) && self.names_one(note, &devices)
        };
        let about = self.config.preferences.iter().filter(about);
        let about: Vec<String> = about.map(|one| self.preference_words(one)).collect();
        if !about.is_empty() {
            text += &format!(". Meanwhile this holds, whatever it says: {}", some(&about));
        }
        text
    }

    /// Whether a note names one of these devices, as the mind would be asked about it.
    fn names_one(&self, note: &str, devices: &[ActuatorId]) -> bool {
        let name = |id: &ActuatorId| words(&self.config.actuators[usize::from(id.0)].name);
        devices.iter().any(|id| says(note, &name(id)))
    }

    /// `In strong wind`: of a quantity that a note names without a number it can hold only from
    /// some number on, which nobody but its writer knows.
    fn number_left_out(&self, note: &str) -> Option<String> {
        let said: BTreeSet<String> = split(note).into_iter().collect();
        if said.iter().any(|word| number(word).is_some()) {
            return None;
        }
        // Cheap, since there may be thousands of them.
        let all = (0u16..).zip(&self.config.sensors);
        let mut named = all.filter(|(_, sensor)| {
            let name = words(&sensor.name).to_lowercase();
            let mut parts = name.split(' ').filter(|part| part.len() > 2);
            sensor.kind == SensorKind::Number && parts.any(|part| said.contains(part))
        });
        // Of two nobody knows which is meant.
        let (Some((index, sensor)), None) = (named.next(), named.next()) else { return None };
        let (name, unit) = (words(&sensor.name), &sensor.unit);
        let bound = format!("above N {unit}").trim_end().to_owned();
        let known = self.bounds_known(SensorId(index));
        Some(format!(
            ". It speaks of {name} and says no number: put it with one, such as `{bound}`{known}"
        ))
    }

    /// What the configuration itself says of a quantity, in brackets: something to go by.
    fn bounds_known(&self, id: SensorId) -> String {
        let rules = self.config.rules.iter().map(|one| ("rule", &one.name, &one.when));
        let locks = self.config.interlocks.iter().map(|one| ("interlock", &one.name, &one.forbid));
        let about = rules.chain(locks).filter(|(.., when)| when.sensors().contains(&id));
        let known: Vec<String> =
            about.map(|(kind, name, when)| format!("{kind} {name}: {}", when.source())).collect();
        if known.is_empty() { String::new() } else { format!(" ({})", some(&known)) }
    }
}

/// The first of them, and how many more there are.
fn some(all: &[String]) -> String {
    let named = all.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    match all.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named}; {more} more"),
    }
}

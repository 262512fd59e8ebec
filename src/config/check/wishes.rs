//! What the operator wants beyond goals: `[[rule]]`, `[[interlock]]`, `[[note]]`, `[[preference]]`.

use super::actuators::{setting, setting_form};
use super::section::Section;
use super::{Actuator, Checker, all, quoted};
use crate::config::checked::{Interlock, Preference, Rule};
use crate::domain::{ActuatorId, Setting};
use crate::expr::{Expression, Still, Truth};
use crate::limits::{NOTE_BYTES_MAX, NOTES_MAX, RULES_MAX};

impl Checker<'_> {
    pub(super) fn rules(&mut self, top: &mut Section<'_>) -> Vec<Rule> {
        let mut names = Vec::new();
        let mut rules = Vec::new();
        for section in top.elements(self, "rule", RULES_MAX) {
            rules.push(self.rule(section, &mut names));
        }
        all(rules)
    }

    pub(super) fn rule(
        &mut self,
        mut section: Section<'_>,
        names: &mut Vec<String>,
    ) -> Option<Rule> {
        let name = self.title(&mut section, names);
        let when = self.condition(&mut section, "when");
        let set = self.set(&mut section);
        section.finish(self);
        Some(Rule { name: name?, when: when?, set: set? })
    }

    fn set(&mut self, section: &mut Section<'_>) -> Option<Vec<(ActuatorId, Setting)>> {
        let form = "a table such as { alarm = \"on\", heater = \"off\" }";
        if section.get("set").is_none() {
            section.missing(self, "set", form);
            return None;
        }
        let table = section.table(self, "set", form)?;
        let before = self.count();
        let mut set = Vec::new();
        for (name, node) in table.entries() {
            let Some((id, kind)) = self.known_actuator(&table, name, name) else {
                continue;
            };
            match setting(node, &kind) {
                Some(setting) => set.push((ActuatorId(id), setting)),
                None => table.fault(self, name, node.raw.words(), &setting_form(&kind, false)),
            }
        }
        if table.entries().next().is_none() {
            section.fault(self, "set", "an empty table".into(), form);
        }
        // In the order in which the file declares the actuators.
        set.sort_by_key(|(id, _)| *id);
        (self.count() == before).then_some(set)
    }

    pub(super) fn interlocks(
        &mut self,
        top: &mut Section<'_>,
        actuators: &[Actuator],
    ) -> Vec<Interlock> {
        let mut names = Vec::new();
        let mut interlocks = Vec::new();
        for mut section in top.elements(self, "interlock", RULES_MAX) {
            let name = self.title(&mut section, &mut names);
            let forbid = self.condition(&mut section, "forbid");
            if let Some(forbid) = &forbid
                && self.count() == 0
                && is_broken_at_rest(forbid, actuators)
            {
                let spot = section.spot("forbid");
                self.warn(&spot, always_broken(forbid, actuators));
            }
            section.finish(self);
            interlocks.push(match (name, forbid) {
                (Some(name), Some(forbid)) => Some(Interlock { name, forbid }),
                _ => None,
            });
        }
        all(interlocks)
    }

    pub(super) fn notes(&mut self, top: &mut Section<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        for section in top.elements(self, "note", NOTES_MAX) {
            notes.push(self.note(section));
        }
        all(notes)
    }

    pub(super) fn note(&mut self, mut section: Section<'_>) -> Option<String> {
        section.required_text(self, "text", "the operator's own words");
        let text = section.bounded_text(self, "text", NOTE_BYTES_MAX);
        section.finish(self);
        text.map(str::to_owned)
    }

    pub(super) fn preferences(
        &mut self,
        top: &mut Section<'_>,
        actuators: &[Actuator],
    ) -> Vec<Preference> {
        let mut preferences = Vec::new();
        for section in top.elements(self, "preference", NOTES_MAX) {
            let spot = section.own_spot();
            let preference = self.preference(section);
            // Where something is faulty, places in the list may be others.
            if let (Some(one), 0) = (&preference, self.count())
                && one.prefer.is_some_and(|better| !does_the_same(actuators, better, one.over))
            {
                let text = "`prefer` and `over` have no declared effect in common: the first \
                            cannot stand in for the second";
                self.warn(&spot, text.into());
            }
            preferences.push(preference);
        }
        all(preferences)
    }

    pub(super) fn preference(&mut self, mut section: Section<'_>) -> Option<Preference> {
        let form = "`prefer` with `over`, or `avoid` alone";
        let mut actuator = |key| {
            let name = section.text(self, key)?;
            let (id, _) = self.known_actuator(&section, key, name)?;
            Some(ActuatorId(id))
        };
        let (prefer, over, avoid) = (actuator("prefer"), actuator("over"), actuator("avoid"));
        let (when, when_good) = self.when(&mut section);
        let preference = match (section.has("prefer"), section.has("over"), section.has("avoid")) {
            (true, true, false) => prefer.zip(over).map(|(prefer, over)| (Some(prefer), over)),
            (false, false, true) => avoid.map(|avoid| (None, avoid)),
            (had_prefer, had_over, had_avoid) => {
                let named =
                    [(had_prefer, "`prefer`"), (had_over, "`over`"), (had_avoid, "`avoid`")];
                let found: Vec<&str> =
                    named.iter().filter(|(had, _)| *had).map(|(_, name)| *name).collect();
                let found = if found.is_empty() {
                    "none of `prefer`, `over`, `avoid`".to_owned()
                } else {
                    found.join(" and ")
                };
                let spot = section.own_spot();
                self.fault(&spot, found, form.into());
                None
            }
        };
        if let Some((prefer, over)) = preference
            && prefer == Some(over)
        {
            let found = "the actuator of `prefer`".to_owned();
            section.fault(self, "over", found, "another actuator");
        }
        section.finish(self);
        let (prefer, over) = preference?;
        when_good.then_some(Preference { prefer, over, when, of_note: None })
    }
}

/// Both push a sensor the same way.
fn does_the_same(actuators: &[Actuator], one: ActuatorId, other: ActuatorId) -> bool {
    let effects = |id: ActuatorId| actuators.get(usize::from(id.0)).map(|one| &one.effects);
    let (Some(one), Some(other)) = (effects(one), effects(other)) else { return true };
    one.iter().any(|effect| other.contains(effect))
}

/// It is true with every actuator at `safe`, everything else unknown.
fn is_broken_at_rest(forbid: &Expression, actuators: &[Actuator]) -> bool {
    let actuator = |id: ActuatorId| Some(actuators.get(usize::from(id.0))?.safe.value());
    forbid.truth(&Still { sensor: |_| None, actuator }) == Truth::True
}

fn always_broken(forbid: &Expression, actuators: &[Actuator]) -> String {
    let named: Vec<String> = forbid
        .actuators()
        .iter()
        .filter_map(|id| actuators.get(usize::from(id.0)))
        .map(|actuator| format!("{} at {}", quoted(&actuator.name), actuator.safe))
        .collect();
    if named.is_empty() {
        "is true whatever the actuators do".into()
    } else {
        format!("is true even with {}, their `safe`: nothing can keep it", named.join(" and "))
    }
}

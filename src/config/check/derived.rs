//! `[[derived]]`: sensors that are made of others. Each expression is checked once those that it
//! names are, in whatever order the file has them; what is made of itself is named.

use std::time::Duration;

use super::section::Section;
use super::{Checker, Raw, Sensor, SensorKind, Spot, quoted};
use crate::config::checked::{Feed, Thin};
use crate::domain::SensorId;
use crate::expr::Formula;
use crate::limits::{DERIVED_MAX, EVERY_MS_DEFAULT};

/// What `value` takes.
const VALUE_FORM: &str = "CEL over the sensors of this file, such as \"air - outside\"";

/// What a section says, without what its expression means.
struct Draft<'t> {
    name: String,
    text: &'t str,
    spot: Spot,
    unit: String,
    range: Option<(f64, f64)>,
    learn: bool,
    record: Option<Thin>,
    state: State,
}

/// How far it is with one of them.
enum State {
    Waiting,
    /// It or one that it is made of is being checked.
    Begun,
    Checked(Formula),
    Faulty,
}

impl Checker<'_> {
    /// Adds derived sensors behind those that speak; gives the order in which they are computed.
    pub(super) fn derived(
        &mut self,
        top: &mut Section<'_>,
        sensors: &mut Vec<Sensor>,
    ) -> Vec<SensorId> {
        let sections = top.elements(self, "derived", DERIVED_MAX);
        if sections.is_empty() {
            return Vec::new();
        }
        self.actuators_out_of_place(top);
        let drafts = sections.into_iter().map(|section| self.draft(section));
        let mut drafts: Vec<Option<Draft<'_>>> = drafts.collect();
        let mut order = Vec::new();
        for place in 0..drafts.len() {
            self.resolve(place, &mut drafts, &mut order);
        }
        let first = sensors.len();
        for draft in drafts.into_iter().flatten() {
            let State::Checked(formula) = draft.state else { continue };
            sensors.push(Sensor {
                name: draft.name,
                kind: formula.kind(),
                feed: Feed::Derived(formula),
                field: None,
                map: std::collections::BTreeMap::new(),
                scale: 1.0,
                offset: 0.0,
                unit: draft.unit,
                range: draft.range,
                max_rate: None,
                every: Duration::from_millis(EVERY_MS_DEFAULT),
                learn: draft.learn,
                record: draft.record,
            });
        }
        let ids = order.iter().filter_map(|place| u16::try_from(first + place).ok());
        let ids: Vec<SensorId> = ids.map(SensorId).collect();
        for id in &ids {
            let every_of = |one: &SensorId| sensors.get(usize::from(one.0)).map(|one| one.every);
            let made_of = sensors.get(usize::from(id.0)).and_then(Sensor::formula);
            let longest = made_of.and_then(|made| made.sensors().iter().filter_map(every_of).max());
            if let (Some(longest), Some(sensor)) = (longest, sensors.get_mut(usize::from(id.0))) {
                sensor.every = longest;
            }
        }
        ids
    }

    /// Actuators are read later: their names say already that they have no place here.
    fn actuators_out_of_place(&mut self, top: &mut Section<'_>) {
        let Some(Raw::List(list)) = top.get("actuator").map(|node| &node.raw) else { return };
        for element in list {
            if let Raw::Table(table) = &element.raw
                && let Some(Raw::Text(name)) = table.get("name").map(|node| &node.raw)
            {
                self.names.add_out_of_place(name);
            }
        }
    }

    fn draft<'t>(&mut self, mut section: Section<'t>) -> Option<Draft<'t>> {
        let before = self.count();
        let name = section.required_text(self, "name", "snake_case, such as \"dew_point\"");
        let name_good = name.is_some_and(|name| {
            let spot = section.spot("name");
            self.check_name(&spot, name)
        });
        let text = section.required_text(self, "value", VALUE_FORM);
        let spot = section.spot("value");
        let unit = self.unit(&mut section);
        let range = self.range(&mut section);
        let learn = section.yes_or_no(self, "learn").unwrap_or(true);
        let record = self.thin(&mut section, None);
        section.finish(self);
        let name = name.filter(|_| name_good)?;
        // A second of this name is a fault from here on.
        self.sensors.insert(name.to_owned(), super::Declared::Faulty);
        let (Some(text), true) = (text, self.count() == before) else {
            self.names.add_faulty(name);
            return None;
        };
        self.names.add_later(name);
        let (name, state) = (name.to_owned(), State::Waiting);
        Some(Draft { name, text, spot, unit, range, learn, record, state })
    }

    /// Checks one and, before it, those that it is made of. As deep as there are derived sensors.
    fn resolve(&mut self, place: usize, drafts: &mut [Option<Draft<'_>>], order: &mut Vec<usize>) {
        let Some(draft) = drafts[place].as_mut() else { return };
        if !matches!(draft.state, State::Waiting) {
            return;
        }
        draft.state = State::Begun;
        let (name, text, spot) = (draft.name.clone(), draft.text, draft.spot.clone());
        let range = draft.range.is_some();
        let state = loop {
            let error = match Formula::compile(text, &self.names) {
                Ok(formula) if range && formula.kind() != SensorKind::Number => {
                    let found = "a range, and a value that is a yes or no".into();
                    self.fault(&spot, found, "a range only where the value is a number".into());
                    break State::Faulty;
                }
                Ok(formula) => break State::Checked(formula),
                Err(error) => error,
            };
            let named = |one: &Option<Draft<'_>>, wanted: &str| {
                one.as_ref().is_some_and(|one| one.name == wanted)
            };
            let other = error.waits_for.as_deref();
            let other = other.and_then(|wanted| drafts.iter().position(|one| named(one, wanted)));
            match other {
                None => {
                    self.expression_fault(&spot, text, &error, "a value");
                    break State::Faulty;
                }
                Some(other) if drafts[other].as_ref().is_some_and(Draft::is_begun) => {
                    let found = format!("{} made of itself: {}", quoted(&name), circle(drafts));
                    self.fault(&spot, found, "sensors that are not made of it".into());
                    break State::Faulty;
                }
                // Either way its name has a meaning afterwards.
                Some(other) => self.resolve(other, drafts, order),
            }
        };
        let id = u16::try_from(self.sensors_count + place).unwrap_or(u16::MAX);
        match &state {
            State::Checked(formula) => {
                self.declare_sensor(&name, id, Some(formula.kind()));
                order.push(place);
            }
            _ => self.names.add_faulty(&name),
        }
        if let Some(draft) = drafts[place].as_mut() {
            draft.state = state;
        }
    }
}

impl Draft<'_> {
    fn is_begun(&self) -> bool {
        matches!(self.state, State::Begun)
    }
}

/// The names of those that are being checked: the circle and, at most, the way into it.
fn circle(drafts: &[Option<Draft<'_>>]) -> String {
    let begun = drafts.iter().flatten().filter(|one| one.is_begun());
    let names: Vec<String> = begun.map(|one| quoted(&one.name)).collect();
    names.join(", ")
}

//! `[[goal]]`.

use super::section::Section;
use super::{Checker, Raw, all, quoted};
use crate::config::SensorKind;
use crate::config::checked::{Aim, Goal};
use crate::domain::SensorId;
use crate::limits::{GOALS_MAX, TITLE_BYTES_MAX};

/// What a goal can want, `keep` first.
const AIMS: [&str; 5] = ["keep", "reach", "avoid", "minimise", "follow"];

impl Checker<'_> {
    pub(super) fn goals(&mut self, top: &mut Section<'_>) -> Vec<Goal> {
        let mut names = Vec::new();
        let mut goals = Vec::new();
        for section in top.elements(self, "goal", GOALS_MAX) {
            goals.push(self.goal(section, &mut names));
        }
        all(goals)
    }

    fn goal(&mut self, mut section: Section<'_>, names: &mut Vec<String>) -> Option<Goal> {
        let name = self.title(&mut section, names);
        let aim = self.aim(&mut section);
        let weight = section.number(self, "weight", "a number above 0", |n| n > 0.0);
        let (when, when_good) = self.when(&mut section);
        section.finish(self);
        when_good.then_some(Goal { name: name?, aim: aim?, weight: weight.unwrap_or(1.0), when })
    }

    /// A goal's, rule's or interlock's name: free text, once among its kind.
    pub(super) fn title(
        &mut self,
        section: &mut Section<'_>,
        names: &mut Vec<String>,
    ) -> Option<String> {
        section.required_text(self, "name", "a name in free words")?;
        let name = section.bounded_text(self, "name", TITLE_BYTES_MAX)?;
        if name.chars().any(char::is_control) {
            section.fault(self, "name", quoted(name), "words on one line");
            return None;
        }
        if names.iter().any(|other| other == name) {
            let found = format!("{} a second time", quoted(name));
            section.fault(self, "name", found, "a name that no other of them has");
            return None;
        }
        names.push(name.to_owned());
        Some(name.to_owned())
    }

    /// `when`, which may be left out; the second says whether it is in order.
    pub(super) fn when(
        &mut self,
        section: &mut Section<'_>,
    ) -> (Option<crate::expr::Expression>, bool) {
        if section.get("when").is_none() {
            return (None, true);
        }
        let when = self.condition(section, "when");
        let good = when.is_some();
        (when, good)
    }

    /// A condition that stands at a key.
    pub(super) fn condition(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
    ) -> Option<crate::expr::Expression> {
        let text = section.required_text(self, key, "a condition such as \"smoke > 0.2\"")?;
        let spot = section.spot(key);
        self.expression(&spot, text)
    }

    fn aim(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let present: Vec<&'static str> =
            AIMS.into_iter().filter(|key| section.get(key).is_some()).collect();
        let form = "exactly one of keep, reach, avoid, minimise, follow";
        match present.as_slice() {
            ["keep"] => self.keep(section),
            [kind] => self.later(section, kind),
            [] => {
                section.missing(self, "keep", form);
                None
            }
            several => {
                section.fault(self, several[1], several.join(" and "), form);
                None
            }
        }
    }

    fn keep(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let form = "a table such as { sensor = \"air_temperature\", min = 18, max = 26 }";
        let mut keep = section.table(self, "keep", form)?;
        let name = keep.required_text(self, "sensor", "the name of a sensor");
        let sensor = name.and_then(|name| self.known_sensor(&keep, "sensor", name));
        let number = match sensor {
            Some((_, kind)) if kind != SensorKind::Number => {
                let found = format!("{}, which is no number", quoted(name.unwrap_or_default()));
                keep.fault(self, "sensor", found, "a sensor with type = \"number\"");
                false
            }
            _ => true,
        };
        let (had_min, had_max) = (keep.has("min"), keep.has("max"));
        let min = keep.number(self, "min", "a number in the sensor's unit", |_| true);
        let max = keep.number(self, "max", "a number in the sensor's unit", |_| true);
        if !had_min && !had_max {
            keep.missing(self, "min", "`min`, `max` or both");
            return None;
        }
        let mut good = number && had_min == min.is_some() && had_max == max.is_some();
        if let (Some(min), Some(max)) = (min, max)
            && min >= max
        {
            keep.fault(self, "max", format!("{max} with `min` = {min}"), "a number above `min`");
            good = false;
        }
        keep.finish(self);
        let (id, _) = sensor?;
        good.then_some(Aim::Keep { sensor: SensorId(id), min, max })
    }

    /// A kind of goal that this version reads and does not pursue: its sensor must exist.
    fn later(&mut self, section: &mut Section<'_>, kind: &'static str) -> Option<Aim> {
        let spot = section.spot(kind);
        self.warn(&spot, format!("`{kind}` is not pursued by this version yet"));
        if let Some(node) = section.get(kind)
            && let Raw::Table(table) = &node.raw
            && let Some(sensor) = table.get("sensor")
        {
            let form = "the name of a sensor";
            let inner = section.table(self, kind, form)?;
            match &sensor.raw {
                Raw::Text(name) => {
                    self.known_sensor(&inner, "sensor", name);
                }
                raw => inner.fault(self, "sensor", raw.words(), form),
            }
        }
        Some(Aim::Later { kind })
    }
}

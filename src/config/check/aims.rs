//! `[[goal]]`. What two goals want at once that cannot be is said by `conflicts`.

use serde_json::json;

use super::conflict::conflict;
use super::section::Section;
use super::units::minute_of_day;
use super::{Checker, all, quoted};
use crate::config::SensorKind;
use crate::config::checked::{Aim, Config, Goal, Least};
use crate::domain::SensorId;
use crate::limits::{GOALS_MAX, SCHEDULE_LINES_MAX, TITLE_BYTES_MAX};

/// What a goal can want, `keep` first.
const AIMS: [&str; 5] = ["keep", "reach", "avoid", "minimise", "follow"];

/// Bounds of which one may be missing.
type Bounds = (Option<f64>, Option<f64>);

/// Says a goal as the `goal` command takes it: what [`super::goal_from_json`] reads back
/// as the same.
#[must_use]
pub fn goal_to_json(goal: &Goal, config: &Config) -> serde_json::Value {
    let name = |id: SensorId| config.sensors.get(usize::from(id.0)).map(|sensor| &sensor.name);
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let bounds = |sensor: SensorId, min: Option<f64>, max: Option<f64>| {
        let mut table = json!({"sensor": name(sensor)});
        for (key, bound) in [("min", min), ("max", max)] {
            if let Some(bound) = bound {
                table[key] = json!(bound);
            }
        }
        table
    };
    let (key, aim) = match &goal.aim {
        Aim::Keep { sensor, min, max } => ("keep", bounds(*sensor, *min, *max)),
        Aim::Avoid { sensor, min, max } => ("avoid", bounds(*sensor, *min, *max)),
        Aim::Reach { sensor, min, max, by_minute } => {
            let mut reach = bounds(*sensor, *min, *max);
            reach["by"] = json!(time(*by_minute));
            ("reach", reach)
        }
        Aim::Minimise(Least::Cost) => ("minimise", json!("cost")),
        Aim::Minimise(Least::Switching) => ("minimise", json!("switching")),
        Aim::Follow { sensor, schedule, within } => {
            let lines = schedule.iter().map(|(minute, value)| (time(*minute), json!(value)));
            let lines: serde_json::Map<_, _> = lines.collect();
            ("follow", json!({"sensor": name(*sensor), "schedule": lines, "within": within}))
        }
    };
    let mut put = json!({"name": goal.name, key: aim, "weight": goal.weight});
    if let Some(when) = &goal.when {
        put["when"] = json!(when.source());
    }
    put
}

impl Checker<'_> {
    pub(super) fn goals(&mut self, top: &mut Section<'_>) -> Vec<Goal> {
        let mut names = Vec::new();
        let mut goals = Vec::new();
        for section in top.elements(self, "goal", GOALS_MAX) {
            let spot = section.own_spot();
            let goal = self.goal(section, &mut names);
            for other in goals.iter().flatten() {
                if let Some(text) = goal.as_ref().and_then(|goal| conflict(goal, other)) {
                    self.warn(&spot, text);
                }
            }
            goals.push(goal);
        }
        all(goals)
    }

    pub(super) fn goal(
        &mut self,
        mut section: Section<'_>,
        names: &mut Vec<String>,
    ) -> Option<Goal> {
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
            ["reach"] => self.reach(section),
            ["avoid"] => self.avoid(section),
            ["minimise"] => self.minimise(section),
            ["follow"] => self.follow(section),
            [] => {
                section.missing(self, "keep", form);
                None
            }
            several => {
                let second = several.get(1).copied().unwrap_or("keep");
                section.fault(self, second, several.join(" and "), form);
                None
            }
        }
    }

    fn keep(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let form = "a table such as { sensor = \"air_temperature\", min = 18, max = 26 }";
        let mut keep = section.table(self, "keep", form)?;
        let sensor = self.number_sensor(&mut keep);
        let bounds = self.bounds(&mut keep);
        keep.finish(self);
        let (sensor, (min, max)) = (sensor?, bounds?);
        Some(Aim::Keep { sensor, min, max })
    }

    fn reach(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let form = "a table such as { sensor = \"tank_level\", min = 80, by = \"06:00\" }";
        let mut reach = section.table(self, "reach", form)?;
        let sensor = self.number_sensor(&mut reach);
        let bounds = self.bounds(&mut reach);
        let by = self.time_of_day(&mut reach, "by");
        reach.finish(self);
        let (sensor, (min, max), by_minute) = (sensor?, bounds?, by?);
        Some(Aim::Reach { sensor, min, max, by_minute })
    }

    fn avoid(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let form = "a table such as { sensor = \"load\", min = 40, max = 60 }";
        let mut avoid = section.table(self, "avoid", form)?;
        let sensor = self.number_sensor(&mut avoid);
        let bounds = self.bounds(&mut avoid);
        avoid.finish(self);
        let (sensor, (min, max)) = (sensor?, bounds?);
        Some(Aim::Avoid { sensor, min, max })
    }

    fn minimise(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let words = [("cost", Least::Cost), ("switching", Least::Switching)];
        section.word(self, "minimise", &words).map(Aim::Minimise)
    }

    fn follow(&mut self, section: &mut Section<'_>) -> Option<Aim> {
        let form =
            "a table such as { sensor = \"air\", schedule = { \"06:00\" = 20 }, within = 1 }";
        let mut follow = section.table(self, "follow", form)?;
        let sensor = self.number_sensor(&mut follow);
        let within = match follow.has("within") {
            true => follow.number(self, "within", "a number above 0", |n| n > 0.0),
            false => {
                follow.missing(self, "within", "how far is near enough, in the sensor's unit");
                None
            }
        };
        let schedule = self.schedule(&mut follow);
        follow.finish(self);
        Some(Aim::Follow { sensor: sensor?, schedule: schedule?, within: within? })
    }

    fn schedule(&mut self, follow: &mut Section<'_>) -> Option<Vec<(u16, f64)>> {
        let form = "a table of times and values, such as { \"06:00\" = 20, \"22:00\" = 17 }";
        if !follow.has("schedule") {
            follow.missing(self, "schedule", form);
            return None;
        }
        let table = follow.table(self, "schedule", form)?;
        let count = table.entries().count();
        if count == 0 || count > SCHEDULE_LINES_MAX {
            let allowed = format!("1 to {SCHEDULE_LINES_MAX} times");
            follow.fault(self, "schedule", format!("{count} times"), &allowed);
            return None;
        }
        let mut lines = Vec::new();
        for (time, node) in table.entries() {
            match (minute_of_day(time), super::section::number_of(node)) {
                (Some(minute), Some(value)) => lines.push((minute, value)),
                (None, _) => table.fault(self, time, quoted(time), "a time such as \"06:00\""),
                (_, None) => table.fault(self, time, node.raw.words(), "a number"),
            }
        }
        lines.sort_by_key(|(minute, _)| *minute);
        (lines.len() == count).then_some(lines)
    }

    fn time_of_day(&mut self, section: &mut Section<'_>, key: &'static str) -> Option<u16> {
        let form = "a local time such as \"06:00\"";
        let text = section.required_text(self, key, form)?;
        let minute = minute_of_day(text);
        if minute.is_none() {
            section.fault(self, key, quoted(text), form);
        }
        minute
    }

    /// `sensor`, which must be a number.
    fn number_sensor(&mut self, section: &mut Section<'_>) -> Option<SensorId> {
        let name = section.required_text(self, "sensor", "the name of a sensor")?;
        let (id, kind) = self.known_sensor(section, "sensor", name)?;
        if kind != SensorKind::Number {
            let found = format!("{}, which is no number", quoted(name));
            section.fault(self, "sensor", found, "a sensor with type = \"number\"");
            return None;
        }
        Some(SensorId(id))
    }

    /// `min`, `max` or both, in order.
    fn bounds(&mut self, section: &mut Section<'_>) -> Option<Bounds> {
        let (had_min, had_max) = (section.has("min"), section.has("max"));
        let min = section.number(self, "min", "a number in the sensor's unit", |_| true);
        let max = section.number(self, "max", "a number in the sensor's unit", |_| true);
        if !had_min && !had_max {
            section.missing(self, "min", "`min`, `max` or both");
            return None;
        }
        if let (Some(low), Some(high)) = (min, max)
            && low >= high
        {
            section.fault(
                self,
                "max",
                format!("{high} with `min` = {low}"),
                "a number above `min`",
            );
            return None;
        }
        (had_min == min.is_some() && had_max == max.is_some()).then_some((min, max))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Strictness, load::from_text};

    const PLACE: &str = r#"
        [device]
        name = "here"
        [bus]
        url = "embedded"
        [[sensor]]
        name = "air"
        topic = "air"
        [[goal]]
        name = "both \"ends\""
        keep = { sensor = "air", min = 18, max = 26.5 }
        weight = 0.3
        when = "hour >= 6 && air > 1"
        [[goal]]
        name = "one end"
        avoid = { sensor = "air", max = -3 }
        [[goal]]
        name = "in time"
        reach = { sensor = "air", min = 20, by = "06:05" }
        [[goal]]
        name = "the day"
        follow = { sensor = "air", schedule = { "06:00" = 20, "22:00" = 17 }, within = 1 }
        [[goal]]
        name = "cheap"
        minimise = "cost"
        [[goal]]
        name = "calm"
        minimise = "switching"
    "#;

    #[test]
    fn a_goal_that_is_said_is_read_back_as_the_same() {
        let config = from_text(PLACE, "here.toml", &[], Strictness::Check).unwrap().0;
        assert_eq!(config.goals.len(), 6);
        for goal in &config.goals {
            let said = super::goal_to_json(goal, &config);
            assert_eq!(&super::super::goal_from_json(&said, &config).unwrap(), goal, "{said}");
        }
    }
}

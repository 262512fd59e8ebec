//! Goals in plain words: a sensor to be kept within bounds, and a goal to be forgotten. What must
//! never be here: orders to devices.

use serde_json::json;

use super::words::{ABOVE, AROUND_A_GOAL, BELOW, FORGETTING, KEEPING, number};
use super::{Meaning, Said, Spoken, spoken};
use crate::agent::event::Body;
use crate::config::{Config, goal_from_json};

const BAND: &str = "a band is needed: between … and …, above … or below …";
/// Words that turn a bound round: "not below" is "at least".
const NOT: [&str; 6] = ["not", "don't", "dont", "never", "no", "cannot"];

impl Said {
    /// Whether a sentence about a sensor, and no device, wants it within bounds.
    pub(super) fn wishes(&self) -> bool {
        let bound = self.any_of(ABOVE).or(self.any_of(BELOW)).or(self.any_of(&["between", "from"]));
        self.any_of(&["keep", "hold", "maintain"]).is_some()
            || (self.has_number() && (bound.is_some() || self.any_of(KEEPING).is_some()))
    }

    /// `keep the air temperature between 18 and 24`, `the humidity must not rise above 80`.
    pub(super) fn goal(mut self, sensors: &[u16], config: &Config) -> Result<Spoken, String> {
        let [sensor] = sensors else {
            return Err("a goal is about one sensor, by its name".into());
        };
        let name = &config.sensors[usize::from(*sensor)].name;
        let mut numbers = Vec::new();
        for (word, done) in self.words.iter().zip(&mut self.done) {
            if let Some(number) = number(word).filter(|_| !*done) {
                numbers.push(number);
                *done = true;
            }
        }
        let turned = self.any_of(&NOT).is_some();
        let (over, under) = (self.take(ABOVE), self.take(BELOW));
        let (min, max) = match numbers.as_slice() {
            [low, high] if !over && !under && !turned => (Some(*low), Some(*high)),
            [_, _, ..] => return Err("there is a number too many in it".into()),
            // "Not below" is at least; "no more than" is at most.
            [bound] if over != under && over == turned => (None, Some(*bound)),
            [bound] if over != under => (Some(*bound), None),
            _ => return Err(BAND.into()),
        };
        let mut keep = json!({"sensor": name});
        for (key, bound) in [("min", min), ("max", max)] {
            if let Some(bound) = bound {
                keep[key] = json!(bound);
            }
        }
        let unit = config.sensors[usize::from(*sensor)].unit.to_lowercase();
        self.take(&["c", "percent", "keep", "hold", "maintain"]);
        // A unit such as mg/l is two words here.
        self.take(&unit.split('/').collect::<Vec<_>>());
        self.take(AROUND_A_GOAL);
        let put = json!({"name": format!("asked: {}", spoken(name)), "keep": keep});
        let goal = Box::new(goal_from_json(&put, config)?);
        let body = Body::PutGoal { goal, text: put.to_string() };
        Ok(self.meaning(Meaning::Do(Box::new(body))))
    }

    /// `forget the goal climate`, `I no longer need the goal climate`.
    pub(super) fn removal(&mut self, config: &Config) -> Option<Result<Spoken, String>> {
        self.any_of(FORGETTING)?;
        self.any_of(&["goal", "goals"])?;
        let asked = config.sensors.iter().map(|one| format!("asked: {}", spoken(&one.name)));
        let names = config.goals.iter().map(|goal| goal.name.clone()).chain(asked);
        let text = self.words.join(" ");
        let bare = |name: &str| name.trim_start_matches("asked: ").to_lowercase();
        let mut named = names.filter(|name| text.contains(&bare(name)));
        let Some(name) = named.next() else {
            return Some(Err("which goal? say its name".into()));
        };
        let said: Vec<String> = bare(&name).split(' ').map(str::to_owned).collect();
        self.take(&said.iter().map(String::as_str).collect::<Vec<_>>());
        self.take(FORGETTING);
        self.take(&["goal", "goals", "stop", "no", "any"]);
        Some(Ok(self.meaning(Meaning::Do(Box::new(Body::RemoveGoal { name })))))
    }
}

//! Two goals that cannot both be kept: on one sensor, with bands that do not meet, at one time.

use std::time::Duration;

use crate::config::band::band_at;
use crate::config::checked::Goal;
use crate::domain::{ActuatorId, SensorId, Value};
use crate::expr::{Environment, Expression, Truth};

/// What a person should know about two goals; `None`: they can both be kept.
pub(super) fn conflict(one: &Goal, other: &Goal) -> Option<String> {
    if one.aim.sensor()? != other.aim.sensor()? {
        return None;
    }
    // Every quarter of an hour of a week.
    let moments = (0..7 * 96).map(|quarter| Moment {
        hour: f64::from(quarter % 96) / 4.0,
        weekday: f64::from(quarter / 96 + 1),
    });
    let mut may = None;
    for moment in moments {
        let force = both(holds(one, &moment), holds(other, &moment));
        if force == Truth::False || !apart(one, other, moment.hour) {
            continue;
        }
        let when = format!("{:02.0}:{:02.0}", moment.hour.floor(), moment.hour.fract() * 60.0);
        let (a, b) = (&one.name, &other.name);
        if force == Truth::True {
            return Some(format!(
                "conflict: it and goal \"{b}\" cannot both be kept, as at {when}"
            ));
        }
        may.get_or_insert(format!("goals \"{a}\" and \"{b}\" cannot both be kept where both hold"));
    }
    may
}

/// The bands do not meet.
fn apart(one: &Goal, other: &Goal, hour: f64) -> bool {
    let minute = Some((hour * 60.0) as u16);
    match (band_at(&one.aim, minute), band_at(&other.aim, minute)) {
        (Some(one), Some(other)) => !one.meets(other),
        _ => false,
    }
}

fn holds(goal: &Goal, moment: &Moment) -> Truth {
    goal.when.as_ref().map_or(Truth::True, |when: &Expression| when.truth(moment))
}

fn both(one: Truth, other: Truth) -> Truth {
    match (one, other) {
        (Truth::False, _) | (_, Truth::False) => Truth::False,
        (Truth::True, Truth::True) => Truth::True,
        _ => Truth::Unknown,
    }
}

/// A moment of the week; everything else is unknown.
struct Moment {
    hour: f64,
    weekday: f64,
}

impl Environment for Moment {
    fn sensor(&self, _: SensorId) -> Option<Value> {
        None
    }
    fn actuator(&self, _: ActuatorId) -> Option<Value> {
        None
    }
    fn age(&self, _: SensorId) -> Duration {
        Duration::ZERO
    }
    fn hour(&self) -> Option<f64> {
        Some(self.hour)
    }
    fn weekday(&self) -> Option<f64> {
        Some(self.weekday)
    }
}

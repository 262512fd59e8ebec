//! What the mind reads: words of the configuration and rounded numbers, nothing else. Text out of
//! a payload never comes here (design §8.5).

use super::core::Agent;
use super::filter::Estimate;
use crate::config::{Actuator, ActuatorKind, Aim, Config, Goal, Least};
use crate::domain::{SensorId, Setting, figure};

/// A name as words: `air_temperature` is read as `air temperature`.
#[must_use]
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A number with as many digits as matter on a scale: a hundredth of it.
#[must_use]
pub fn rounded(value: f64, scale: f64) -> String {
    let digits = if scale >= 100.0 {
        0
    } else if scale >= 5.0 {
        1
    } else {
        2
    };
    figure(value, digits)
}

/// What hardly ever changes: the place, goals, devices, the operator's notes.
#[must_use]
pub fn prefix<'a>(
    config: &Config,
    aims: impl Iterator<Item = &'a Goal>,
    devices: impl Iterator<Item = &'a Actuator>,
    notes: &[String],
) -> String {
    let goals = aims.filter_map(|goal| aim_words(config, goal));
    let devices = devices.map(|actuator| {
        let does = actuator.effects.iter().map(|(sensor, direction)| {
            let verb = if *direction > 0.0 { "raises" } else { "lowers" };
            format!("{verb} {}", words(&config.sensors[usize::from(sensor.0)].name))
        });
        let does: Vec<_> = does.collect();
        format!("{} {}", words(&actuator.name), does.join(" and ")).trim_end().to_string()
    });
    let (goals, devices): (Vec<_>, Vec<_>) = (goals.collect(), devices.collect());
    let mut text = format!(
        "You look after {}. Choose what to do now.\nGoals: {}.\nDevices: {}.\n",
        config.device.name.replace('-', " "),
        goals.join("; "),
        devices.join("; ")
    );
    if !notes.is_empty() {
        text.push_str(&format!(
            "Notes of the keeper: {}\n",
            notes.join(" ").replace(char::is_control, " ")
        ));
    }
    text
}

/// What a goal wants, in words: `keep air temperature between 18 °C and 24 °C`.
pub(super) fn aim_words(config: &Config, goal: &Goal) -> Option<String> {
    match &goal.aim {
        Aim::Keep { sensor, min, max } => {
            Some(format!("keep {}", between(config, *sensor, *min, *max)?))
        }
        Aim::Avoid { sensor, min, max } => {
            Some(format!("not {}", between(config, *sensor, *min, *max)?))
        }
        Aim::Reach { sensor, min, max, by_minute } => {
            let band = between(config, *sensor, *min, *max)?;
            Some(format!("have {band} by {:02}:{:02}", by_minute / 60, by_minute % 60))
        }
        Aim::Follow { sensor, .. } => {
            let name = words(&config.sensors[usize::from(sensor.0)].name);
            Some(format!("{name} as its schedule says"))
        }
        Aim::Minimise(Least::Cost) => Some("little cost".into()),
        Aim::Minimise(Least::Switching) => Some("few switchings".into()),
    }
}

/// A sensor and its bounds.
fn between(config: &Config, id: SensorId, min: Option<f64>, max: Option<f64>) -> Option<String> {
    let sensor = &config.sensors[usize::from(id.0)];
    let (name, unit) = (words(&sensor.name), &sensor.unit);
    Some(match (min, max) {
        (Some(min), Some(max)) => format!("{name} between {min} {unit} and {max} {unit}"),
        (Some(min), None) => format!("{name} above {min} {unit}"),
        (None, Some(max)) => format!("{name} below {max} {unit}"),
        (None, None) => return None,
    })
}

/// Parts of a day in their order: the hour at which each begins, an hour within, and the fact. The
/// last one goes on until the first begins.
pub const DAY: [(u8, f64, &str); 4] = [
    (6, 9.0, "it is morning"),
    (12, 15.0, "it is afternoon"),
    (18, 20.0, "it is evening"),
    (22, 23.5, "it is night"),
];

/// The words of one change.
#[must_use]
pub fn change(actuator: &Actuator, setting: &Setting) -> String {
    match (&actuator.kind, setting) {
        (ActuatorKind::Level { .. }, Setting::Level(level)) => {
            format!("{} to {level}", words(&actuator.name))
        }
        _ => format!("{} {setting}", words(&actuator.name)),
    }
}

impl Agent {
    /// The facts of now, each a few words.
    pub(super) fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        if let Some(local) = self.local {
            let begun = DAY.iter().rev().find(|(begin, ..)| f64::from(*begin) <= local.hour);
            let (.., part) = begun.unwrap_or(&DAY[DAY.len() - 1]);
            facts.push((*part).to_string());
        }
        for index in 0..self.config.sensors.len().min(FACTS_MAX) {
            let Ok(index) = u16::try_from(index) else { break };
            facts.push(self.fact(SensorId(index)));
        }
        for (actuator, state) in self.config.actuators.iter().zip(&self.world.actuators) {
            if let Some(setting) = &state.confirmed
                && *setting != actuator.safe
                && facts.len() < FACTS_MAX
            {
                facts.push(change(actuator, setting));
            }
        }
        facts
    }

    pub(super) fn fact(&self, id: SensorId) -> String {
        let sensor = &self.config.sensors[usize::from(id.0)];
        let name = words(&sensor.name);
        if let Some(word) = self.word_of(id) {
            return format!("{name} {word}");
        }
        let Some(estimate) = self.estimate(id) else { return format!("{name} unknown") };
        let scale = self.scale_of(id);
        let value = rounded(estimate.value, scale);
        let level = self.level_word(id, estimate);
        let change = estimate.slope * super::world::horizon(sensor.every).as_secs_f64();
        // A twentieth of what counts as a large change is no movement.
        let trend = match change / scale {
            part if part > 0.05 => "rising",
            part if part < -0.05 => "falling",
            _ => "steady",
        };
        let number = format!("{name} {value} {}", sensor.unit);
        format!("{}{level}, {trend}", number.trim_end())
    }

    fn level_word(&self, id: SensorId, estimate: Estimate) -> &'static str {
        for (index, goal) in self.aims.iter().enumerate() {
            if goal.aim.sensor() != Some(id) {
                continue;
            }
            let Some(band) = self.wanted(index) else { continue };
            return match band.bounds(estimate.value) {
                (Some(min), _) if estimate.value < min => " low",
                (_, Some(max)) if estimate.value > max => " high",
                _ => " ok",
            };
        }
        ""
    }
}

/// Most facts of one prompt. Thirty facts are about 400 tokens: half a second on a Pi 5.
const FACTS_MAX: usize = 30;

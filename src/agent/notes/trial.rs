//! Three situations that show what a preference would do: a second agent is put into each, with the
//! same configuration and goals, and its planner is asked with the preference and without it. What
//! must never be here: an effect on the agent itself.

use std::sync::Arc;

use super::condition::Scene;
use super::meaning::Meaning;
use crate::agent::core::{Agent, Resumed};
use crate::agent::goals::{Band, GoalState, band_at};
use crate::agent::prompt::{rounded, words};
use crate::agent::world::LocalTime;
use crate::clock::ClockTrust;
use crate::config::{ActuatorKind, Mode, SensorKind};
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::expr::Truth;

/// How far outside its bound a sensor is shown, as a share of what counts as a large change.
const OUTSIDE: f64 = 0.4;

/// A situation: what is so, and devices that already give all they have.
struct Situation<'a> {
    scene: Option<&'a Scene>,
    value: f64,
    full: Vec<ActuatorId>,
}

impl Agent {
    /// What would be done with a preference and without it, in three situations.
    ///
    /// # Errors
    /// Why that cannot be shown, in a sentence.
    pub(super) fn situations(&self, meaning: &Meaning) -> Result<Vec<String>, String> {
        let (sensor, direction) = meaning.effect;
        let (outside, inside) = self.shown_values(sensor, direction)?;
        let holds = meaning.condition.as_ref().map(|one| &one.holds);
        let fails = meaning.condition.as_ref().map(|one| &one.fails);
        let situation = |scene, value| Situation { scene, value, full: Vec::new() };
        let avoided = |id| meaning.preferences.iter().any(|one| one.over == id);
        let full = (0u16..).zip(&self.config.actuators).map(|(id, _)| ActuatorId(id));
        let works = |id: &ActuatorId| {
            let effects = &self.config.actuators[usize::from(id.0)].effects;
            !avoided(*id) && effects.contains(&meaning.effect)
        };
        let others = full.filter(works).collect();
        let three = [
            situation(holds, outside),
            match fails {
                Some(_) => situation(fails, outside),
                None => situation(None, inside),
            },
            Situation { scene: holds, value: outside, full: others },
        ];
        let expected = [true, fails.is_none(), true];
        let shown = three.iter().zip(expected).map(|(one, holds)| self.shown(meaning, one, holds));
        shown.collect()
    }

    /// Values of a sensor that its goal wants mended in this direction, and does not.
    fn shown_values(&self, id: SensorId, direction: f64) -> Result<(f64, f64), String> {
        let minute = self.minute_in(0).or(Some(12 * 60));
        let scale = self.scale_of(id);
        for goal in self.aims.iter().filter(|goal| goal.aim.sensor() == Some(id)) {
            let (min, max) = match band_at(&goal.aim, minute) {
                Some(Band::Inside(min, max)) => (min, max),
                Some(Band::Outside(min, max)) => (max, min),
                None => continue,
            };
            match (min, max, direction > 0.0) {
                (Some(min), _, true) => return Ok((min - OUTSIDE * scale, min + scale / 2.0)),
                (_, Some(max), false) => return Ok((max + OUTSIDE * scale, max - scale / 2.0)),
                _ => {}
            }
        }
        let name = words(&self.config.sensors[usize::from(id.0)].name);
        let side = if direction > 0.0 { "raised" } else { "lowered" };
        Err(format!("no goal wants {name} to be {side}, so nothing of it would ever be planned"))
    }

    fn shown(&self, meaning: &Meaning, one: &Situation<'_>, holds: bool) -> Result<String, String> {
        let mut trial = self.put_into(meaning.effect.0, one);
        let when = |trial: &Agent| {
            let mut all = meaning.preferences.iter().filter_map(|one| one.when.as_ref());
            all.all(|when| (when.truth(&trial.view(&[])) == Truth::True) == holds)
        };
        let without = trial.would_do();
        let mut config = (*trial.config).clone();
        config.preferences.extend(meaning.preferences.iter().cloned());
        trial.config = Arc::new(config);
        let with = trial.would_do();
        let sensor = &self.config.sensors[usize::from(meaning.effect.0.0)];
        let name = words(&sensor.name);
        let value = trial.value_of(meaning.effect.0);
        let value = value.map_or("unknown".into(), |v| rounded(v, self.scale_of(meaning.effect.0)));
        let mut said = format!("{name} {value} {}", sensor.unit).trim_end().to_owned();
        if let Some(scene) = one.scene {
            if !when(&trial) {
                return Err(format!("no situation with {} can be shown", scene.words));
            }
            said = format!("{}, {said}", scene.words);
        }
        for id in &one.full {
            let actuator = &self.config.actuators[usize::from(id.0)];
            said.push_str(&format!(", {} gives all it has", words(&actuator.name)));
        }
        Ok(match with == without {
            true => format!("{said}: {with}, as without it"),
            false => format!("{said}: {with}; without it {without}"),
        })
    }

    /// A second agent, in a situation.
    fn put_into(&self, shown: SensorId, one: &Situation<'_>) -> Agent {
        let scene = one.scene.cloned().unwrap_or_default();
        let mut now = self.now;
        now.trust = ClockTrust::Synced;
        if let Some(local) = LocalTime::at(now, &self.zone) {
            let hours = scene.hour.map_or(0.0, |hour| hour - local.hour);
            let days = scene.weekday.map_or(0.0, |day| f64::from(day) - local.weekday);
            now.unix_ms += ((hours + 24.0 * days) * 3_600_000.0) as i64;
        }
        let resumed = Resumed { next_seq: 1, ..Resumed::default() };
        let (mut trial, _) = Agent::new(self.config.clone(), resumed, self.boot, now);
        trial.link_since = Some(now.tick);
        trial.lines_since.fill(Some(now.tick));
        trial.begun.fill(true);
        trial.mode = Mode::Act;
        trial.aims.clone_from(&self.aims);
        trial.goals = vec![GoalState::default(); trial.aims.len()];
        trial.scales.clone_from(&self.scales);
        for number in 0..u16::try_from(self.config.sensors.len()).unwrap_or(u16::MAX) {
            let id = SensorId(number);
            let said = scene.sensor.as_ref().filter(|(one, _)| *one == id);
            let value = match said {
                Some((_, value)) => Some(value.clone()),
                None if id == shown => Some(Value::Number(one.value)),
                None => self.usual(id),
            };
            let speaks = self.config.sensors[usize::from(number)].port().is_some();
            if let Some(value) = value.filter(|_| speaks) {
                trial.reading(id, Ok(value), false);
            }
        }
        for number in 0..u16::try_from(self.config.actuators.len()).unwrap_or(u16::MAX) {
            let id = ActuatorId(number);
            let actuator = &self.config.actuators[usize::from(number)];
            let set = scene.actuator.as_ref().filter(|(one, _)| *one == id);
            let setting = match (set, one.full.contains(&id)) {
                (Some((_, setting)), _) => setting.clone(),
                (None, true) => all_it_has(&actuator.kind),
                (None, false) => actuator.safe.clone(),
            };
            trial.confirmed(id, setting);
            let state = trial.world.actuator_mut(id);
            (state.pending, state.changed) = (None, None);
        }
        trial.derive();
        trial.look_at_rules();
        trial.update_goals();
        trial.forecast_gaps();
        trial
    }

    /// What a sensor says where a situation does not care: what it says now; else what its goal
    /// wants, the middle of its range, or no.
    fn usual(&self, id: SensorId) -> Option<Value> {
        let sensor = &self.config.sensors[usize::from(id.0)];
        if let Some(value) = self.world.sensor(id).known(sensor.every, self.now.tick) {
            return Some(value.clone());
        }
        match sensor.kind {
            SensorKind::Bool => Some(Value::Bool(false)),
            SensorKind::Text => None,
            SensorKind::Number => {
                let bands = self.aims.iter().filter(|goal| goal.aim.sensor() == Some(id));
                let mut bands = bands.filter_map(|goal| band_at(&goal.aim, self.minute_in(0)));
                let middle = match bands.next() {
                    Some(Band::Inside(Some(min), Some(max))) => f64::midpoint(min, max),
                    Some(Band::Inside(Some(one), None) | Band::Inside(None, Some(one))) => one,
                    _ => sensor.range.map_or(0.0, |(low, high)| f64::midpoint(low, high)),
                };
                Some(Value::Number(middle))
            }
        }
    }

    fn would_do(&self) -> String {
        match self.plan() {
            None => "nothing is done".into(),
            Some(plan) if plan.helpless.is_some() => "a person is called".into(),
            Some(plan) => plan.moves[0].candidate.text.clone(),
        }
    }
}

fn all_it_has(kind: &ActuatorKind) -> Setting {
    match kind {
        ActuatorKind::Switch | ActuatorKind::Pulse { .. } => Setting::On,
        ActuatorKind::Level { max, .. } => Setting::Level(*max),
        ActuatorKind::Choice { options } => {
            Setting::Choice(options.first().cloned().unwrap_or_default())
        }
    }
}

//! Three situations that show what a preference would do: a second agent is put into each, with the
//! same configuration and goals, and its planner is asked with the preference and without it. All
//! of it takes longer than one event may, so that it goes in steps, one with each event. What must
//! never be here: an effect on the agent itself.

use std::ops::Range;
use std::sync::Arc;

use super::condition::Scene;
use super::meaning::Meaning;
use crate::agent::core::Agent;
use crate::agent::edits::{mean, of_note};
use crate::agent::goals::GoalState;
use crate::agent::lives::Resumed;
use crate::agent::prompt::{rounded, words};
use crate::agent::world::LocalTime;
use crate::clock::ClockTrust;
use crate::config::{ActuatorKind, Band, Mode, SensorKind, band_at};
use crate::domain::{ActuatorId, SensorId, Setting, Value};
use crate::expr::Truth;
use crate::limits::NOTE_SENSORS_STEP;

/// How far outside its bound a sensor is shown, as a share of what counts as a large change.
const OUTSIDE: f64 = 0.4;

/// A situation: what is so, and devices that already give all they have.
struct Situation {
    scene: Option<Scene>,
    value: f64,
    full: Vec<ActuatorId>,
    /// The preference's condition holds in it.
    holds: bool,
}

/// What is being tried.
pub struct Trial {
    three: Vec<Situation>,
    /// Where it stands in the situation after those that are shown already.
    stage: Stage,
    shown: Vec<String>,
}

/// A situation is made in these steps.
enum Stage {
    /// Nothing yet.
    Empty,
    /// A second agent, which has heard of so many sensors.
    Hearing(Box<Agent>, usize),
    /// It has heard all.
    Ready(Box<Agent>),
    /// What it would do without the preference.
    Without(Box<Agent>, String),
}

impl Agent {
    /// Begins to look at what would be done with a preference and without it, in three situations.
    ///
    /// # Errors
    /// Why that cannot be shown, in a sentence.
    pub(super) fn begin_trial(&self, meaning: &Meaning) -> Result<Trial, String> {
        let (sensor, direction) = meaning.effect;
        let (outside, inside) = self.shown_values(sensor, direction)?;
        let holds = meaning.condition.as_ref().map(|one| &one.holds);
        let fails = meaning.condition.as_ref().map(|one| &one.fails);
        let situation = |scene: Option<&Scene>, value, holds| Situation {
            scene: scene.cloned(),
            value,
            full: Vec::new(),
            holds,
        };
        let avoided = |id| meaning.preferences.iter().any(|one| one.over == id);
        let full = (0u16..).zip(&self.config.actuators).map(|(id, _)| ActuatorId(id));
        let works = |id: &ActuatorId| {
            let effects = &self.config.actuators[usize::from(id.0)].effects;
            !avoided(*id) && effects.contains(&meaning.effect)
        };
        let others = full.filter(works).collect();
        let three = [
            situation(holds, outside, true),
            match fails {
                Some(_) => situation(fails, outside, false),
                None => situation(None, inside, true),
            },
            Situation { full: others, ..situation(holds, outside, true) },
        ];
        Ok(Trial { three: three.into(), stage: Stage::Empty, shown: Vec::new() })
    }

    /// One step more; the situations in words after the last.
    ///
    /// # Errors
    /// Why that cannot be shown, in a sentence.
    pub(super) fn step_trial(
        &self,
        note: &str,
        meaning: &Meaning,
        trial: &mut Trial,
    ) -> Result<Option<Vec<String>>, String> {
        let Some(one) = trial.three.get(trial.shown.len()) else {
            return Ok(Some(std::mem::take(&mut trial.shown)));
        };
        trial.stage = match std::mem::replace(&mut trial.stage, Stage::Empty) {
            Stage::Empty => Stage::Hearing(Box::new(self.second(one)), 0),
            Stage::Hearing(mut agent, heard) => {
                let until = (heard + NOTE_SENSORS_STEP).min(self.config.sensors.len());
                self.tell_sensors(&mut agent, meaning.effect.0, one, heard..until);
                match until < self.config.sensors.len() {
                    true => Stage::Hearing(agent, until),
                    false => {
                        self.tell_devices(&mut agent, one);
                        Stage::Ready(agent)
                    }
                }
            }
            Stage::Ready(mut agent) => {
                agent.look_around();
                let without = agent.would_do(meaning);
                Stage::Without(agent, without)
            }
            Stage::Without(mut agent, without) => {
                // In its own configuration: rules may have come or gone since it was made.
                let preferences = of_note(note, meaning.preferences.clone());
                mean(Arc::make_mut(&mut agent.config), note, preferences);
                trial.shown.push(shown(&agent, meaning, one, &without)?);
                Stage::Empty
            }
        };
        Ok(None)
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

    /// A second agent, at the time of a situation; it has heard nothing yet.
    fn second(&self, one: &Situation) -> Agent {
        let mut now = self.now;
        now.trust = ClockTrust::Synced;
        let (hour, weekday) = one.scene.as_ref().map_or((None, None), |s| (s.hour, s.weekday));
        if let Some(local) = LocalTime::at(now, &self.zone) {
            let hours = hour.map_or(0.0, |hour| hour - local.hour);
            let days = weekday.map_or(0.0, |day| f64::from(day) - local.weekday);
            now.unix_ms += ((hours + 24.0 * days) * 3_600_000.0) as i64;
        }
        let resumed = Resumed { next_seq: 1, ..Resumed::default() };
        let (mut second, _) = Agent::new(self.config.clone(), resumed, self.boot, now);
        second.link_since = Some(now.tick);
        second.lines_since.fill(Some(now.tick));
        second.begun.fill(true);
        second.mode = Mode::Act;
        second.aims.clone_from(&self.aims);
        second.goals = vec![GoalState::default(); second.aims.len()];
        second.scales.clone_from(&self.scales);
        second
    }

    /// It hears of some sensors; `shown` is the one that the situation is about.
    fn tell_sensors(
        &self,
        second: &mut Agent,
        shown: SensorId,
        one: &Situation,
        numbers: Range<usize>,
    ) {
        let scene = one.scene.as_ref().and_then(|scene| scene.sensor.as_ref());
        for (number, sensor) in self.config.sensors[numbers.clone()].iter().enumerate() {
            let id = SensorId(u16::try_from(numbers.start + number).unwrap_or(u16::MAX));
            let value = match scene.filter(|(said, _)| *said == id) {
                Some((_, value)) => Some(value.clone()),
                None if id == shown => Some(Value::Number(one.value)),
                None => self.usual(id),
            };
            if let Some(value) = value.filter(|_| sensor.port().is_some()) {
                second.reading(id, Ok(value), false);
            }
        }
    }

    /// It hears of the devices.
    fn tell_devices(&self, second: &mut Agent, one: &Situation) {
        let scene = one.scene.as_ref().and_then(|scene| scene.actuator.as_ref());
        for (number, actuator) in (0u16..).zip(&self.config.actuators) {
            let id = ActuatorId(number);
            let set = scene.filter(|(said, _)| *said == id);
            let setting = match (set, one.full.contains(&id)) {
                (Some((_, setting)), _) => setting.clone(),
                (None, true) => all_it_has(&actuator.kind),
                (None, false) => actuator.safe.clone(),
            };
            second.confirmed(id, setting, false);
            let state = second.world.actuator_mut(id);
            (state.pending, state.changed) = (None, None);
        }
    }

    fn look_around(&mut self) {
        self.derive();
        self.look_at_rules();
        self.update_goals();
        self.forecast_gaps();
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

    fn would_do(&self, meaning: &Meaning) -> String {
        let about = meaning.preferences.first().map(|one| one.over);
        let who = about.and_then(|id| self.owner_of(id));
        match self.plan(who) {
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

/// A situation in words: what would be done in it with the preference, which `agent` honours, and
/// without it.
fn shown(
    agent: &Agent,
    meaning: &Meaning,
    one: &Situation,
    without: &str,
) -> Result<String, String> {
    let with = agent.would_do(meaning);
    let sensor = &agent.config.sensors[usize::from(meaning.effect.0.0)];
    let value = agent.value_of(meaning.effect.0);
    let value = value.map_or("unknown".into(), |v| rounded(v, agent.scale_of(meaning.effect.0)));
    let mut said = format!("{} {value} {}", words(&sensor.name), sensor.unit).trim_end().to_owned();
    if let Some(scene) = &one.scene {
        let mut all = meaning.preferences.iter().filter_map(|one| one.when.as_ref());
        if !all.all(|when| (when.truth(&agent.view(&[])) == Truth::True) == one.holds) {
            return Err(format!("no situation with {} can be shown", scene.words));
        }
        said = format!("{}, {said}", scene.words);
    }
    for id in &one.full {
        let actuator = &agent.config.actuators[usize::from(id.0)];
        said.push_str(&format!(", {} gives all it has", words(&actuator.name)));
    }
    Ok(match with == without {
        true => format!("{said}: {with}, as without it"),
        false => format!("{said}: {with}; without it {without}"),
    })
}

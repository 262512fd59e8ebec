//! Goals that contradict each other now: on one sensor, with bands that do not meet. The stronger
//! one holds and the other is put aside, or what mends the one would break the other, back and
//! forth. `check` warns of such pairs in the file; those that operators put are found here. Nothing
//! is refused here, and no goal is lost: it is judged and told as before.

use std::time::Duration;

use super::core::Agent;
use super::goals::width_of;
use crate::clock::Tick;
use crate::domain::{SensorId, Severity};

/// The same goal is said to be put aside at most so often.
const SAY_AGAIN: Duration = Duration::from_secs(3600);

impl Agent {
    /// By goal: the stronger one for which it is put aside.
    pub(super) fn overruled(&self) -> Vec<Option<usize>> {
        let mut overruled = vec![None; self.aims.len()];
        let sensors = self.aims.iter().map(|goal| goal.aim.sensor());
        let mut of_sensors: Vec<(SensorId, usize)> =
            sensors.enumerate().filter_map(|(index, sensor)| Some((sensor?, index))).collect();
        of_sensors.sort_unstable();
        for rivals in of_sensors.chunk_by(|(one, _), (other, _)| one == other) {
            // Nearly always there is but one.
            if rivals.len() > 1 {
                let rivals = rivals.iter().map(|(_, index)| *index);
                self.overrule(rivals.collect(), &mut overruled);
            }
        }
        overruled
    }

    /// Among goals on one sensor: the stronger first, of equals the older, each is kept unless it
    /// contradicts one that is kept already.
    fn overrule(&self, mut rivals: Vec<usize>, overruled: &mut [Option<usize>]) {
        rivals.retain(|index| self.in_force(*index));
        rivals.sort_by(|a, b| self.strength(*b).total_cmp(&self.strength(*a)));
        let mut kept = Vec::new();
        for index in rivals {
            let Some(band) = self.wanted(index) else { continue };
            let apart = |(_, other): &&(usize, crate::config::Band)| !band.meets(*other);
            match kept.iter().find(apart) {
                Some((stronger, _)) => overruled[index] = Some(*stronger),
                None => kept.push((index, band)),
            }
        }
    }

    /// How much a goal counts: its weight, and the priority of the agent whose goal it is.
    fn strength(&self, index: usize) -> f64 {
        let priority = self.part(self.pursuer(index)).map_or(1, |part| part.priority);
        self.aims[index].weight * f64::from(priority)
    }

    /// What counts as a large change of a sensor, by the goals on it that are not put aside.
    pub(super) fn scale_heeded(&self, sensor: SensorId, overruled: &[Option<usize>]) -> f64 {
        let goals = || self.aims.iter().zip(overruled);
        let here = || goals().filter(|(goal, _)| goal.aim.sensor() == Some(sensor));
        if here().all(|(_, by)| by.is_none()) {
            return self.scale_of(sensor);
        }
        let kept = here().filter(|(_, by)| by.is_none());
        let widths = kept.filter_map(|(goal, _)| width_of(&goal.aim)).filter(|width| *width > 0.0);
        widths.min_by(f64::total_cmp).unwrap_or_else(|| self.scale_of(sensor))
    }

    /// Says of each goal that is put aside for which one, and why.
    pub(super) fn tell_conflicts(&mut self) {
        for (index, stronger) in self.overruled().into_iter().enumerate() {
            let Some(stronger) = stronger else { continue };
            let again = |at: Tick| self.now.tick.since(at) >= SAY_AGAIN;
            if !self.goals[index].conflict.is_none_or(again) {
                continue;
            }
            self.goals[index].conflict = Some(self.now.tick);
            let (name, other) = (&self.aims[index].name, &self.aims[stronger].name);
            let is_stronger = self.strength(stronger) > self.strength(index);
            let why = if is_stronger { "counts more" } else { "is older" };
            let text = format!(
                "goals {name} and {other} cannot both be kept: {other} {why} and holds, {name} is \
                 put aside until one of them is changed or ends"
            );
            self.say("conflict", text, Severity::Warning);
        }
    }
}

//! Trying again: an actuator that was learned to do next to nothing, or far too much to be used, is
//! believed anew where a goal stays broken and it would mend it. It may have been learned while a
//! device or a sensor was broken, or from what happened just after it was switched, and what is
//! never used can show nothing better. Only the belief is given back, once in a while; whether the
//! actuator then moves is for planner and guard.

use std::time::Duration;

use super::core::Agent;
use super::several::Who;
use super::weigh::Watched;
use crate::clock::Tick;
use crate::domain::{ActuatorId, Decider, Entry, Memory, SensorId, Setting, Severity};

/// Least time between two trials of one actuator for one sensor: seldom enough that one which does
/// nothing costs little, often enough that a broken goal does not wait for hours.
const AGAIN: Duration = Duration::from_secs(1800);
/// The same of one that was learned to do too much: where that is true, each trial takes the sensor
/// out on the other side, so four times a day are enough.
const AGAIN_MUCH: Duration = Duration::from_secs(6 * 3600);

/// How what a record keeps of it is called, before the actuator's name.
const KEPT: &str = "again: ";

/// What was believed anew, and until when it is left alone.
pub(super) type Retried = Vec<(SensorId, ActuatorId, Tick)>;

impl Agent {
    /// Believes anew in what would mend a goal that stays broken, where it was learned to do so
    /// little that it is not worth its cost, or so much that it does harm.
    pub(super) fn believe_again(&mut self, who: Who) {
        // Nearly always there is nothing to look at.
        if !self.goals.iter().any(|goal| goal.gap.is_some_and(|gap| gap > 0.0)) {
            return;
        }
        let now = self.now.tick;
        self.retried.retain(|(.., until)| *until > now);
        let watched = self.watched(who);
        let mut found = Vec::new();
        for one in watched.iter().filter(|one| one.stays_broken) {
            for id in (0..self.config.actuators.len()).filter_map(|n| u16::try_from(n).ok()) {
                let id = ActuatorId(id);
                let is_new = !found.iter().any(|(of, by, _)| (*of, *by) == (one.sensor, id));
                if is_new && self.has_tool(who, id) {
                    let anew = self.would_mend(&watched, one, id);
                    found.extend(anew.map(|effect| (one.sensor, id, effect)));
                }
            }
        }
        for (sensor, id, effect) in found {
            let pause = if effect.is_none() { AGAIN } else { AGAIN_MUCH };
            self.retried.push((sensor, id, now.after(pause)));
            self.give_back_belief(sensor, id, effect);
            let actuator = self.config.actuators[usize::from(id.0)].name.clone();
            let sensor = self.config.sensors[usize::from(sensor.0)].name.clone();
            // `replay` follows it.
            let (of, numbers) = (format!("{KEPT}{actuator}"), effect.map(Some).into_iter());
            let memory = Memory { sensor, of, numbers: numbers.collect(), ..Memory::default() };
            let learned = if effect.is_none() { "next to nothing" } else { "far too much" };
            let text = format!(
                "{actuator} was learned to do {learned} to {}, which stays outside its goal: it is \
                 believed anew",
                memory.sensor
            );
            self.record(Entry::Memory(memory));
            self.say("learning", text, Severity::Info);
        }
    }

    /// A record says that this was done.
    pub(super) fn follow_again(&mut self, memory: &Memory) {
        let Some(name) = memory.of.strip_prefix(KEPT) else { return };
        let sensor = self.config.sensors.iter().position(|one| one.name == memory.sensor);
        let actuator = self.config.actuators.iter().position(|one| one.name == name);
        let place = |at: Option<usize>| at.and_then(|at| u16::try_from(at).ok());
        if let (Some(sensor), Some(id)) = (place(sensor), place(actuator)) {
            let effect = memory.numbers.first().copied().flatten();
            let effect = effect.filter(|effect| effect.is_finite());
            self.give_back_belief(SensorId(sensor), ActuatorId(id), effect);
        }
    }

    fn give_back_belief(&mut self, sensor: SensorId, id: ActuatorId, effect: Option<f64>) {
        if let Some(filter) = self.world.sensors[usize::from(sensor.0)].filter_mut() {
            filter.believe_again(id, effect);
        }
    }

    /// The actuator has a way left that by its declared direction mends this, nothing forbids it,
    /// and only for what was learned of it nothing is gained. Gives what is to be believed of it at
    /// full level, in the sensor's unit a second: `None` inside, as at first.
    fn would_mend(
        &self,
        watched: &[Watched],
        one: &Watched,
        id: ActuatorId,
    ) -> Option<Option<f64>> {
        let sensor = one.sensor;
        let filter = self.world.sensor(sensor).filter()?;
        if !self.config.sensors[usize::from(sensor.0)].learn
            || self.retried.iter().any(|(of, by, _)| (*of, *by) == (sensor, id))
            || self.person_is_asked(id)
        {
            return None;
        }
        let settings = self.settings_of(id, watched);
        let mends = settings.iter().filter(|to| one.is_mended_by(self.pushes(sensor, id, to)));
        let allowed = mends.filter(|to| self.guard(id, to, Decider::Planner).is_ok());
        let allowed: Vec<&Setting> = allowed.collect();
        let worth_it = |to: &&Setting| {
            let worth = self.worth(watched, id, to);
            worth.gain - worth.cost >= self.least_gain(id, to)
        };
        if allowed.is_empty() || allowed.iter().any(worth_it) {
            return None;
        }
        if filter.believes_little(id) {
            return Some(None);
        }
        // The mildest way decides: where that is too much, all are.
        let moved = |to: &Setting| self.moved(id, to).abs();
        let mildest = allowed.iter().min_by(|a, b| moved(a).total_cmp(&moved(b)))?;
        self.most_usable(watched, one, id, mildest).map(Some)
    }
}

//! Trying again: an actuator that was learned to do next to nothing, or far too much to be used, is
//! believed anew where a goal stays broken and it would mend it. It may have been learned while a
//! device or a sensor was broken, or from what happened just after it was switched, and what is
//! never used can show nothing better. Only the belief is given back, once in a while; whether the
//! actuator then moves is for planner and guard.

use std::time::Duration;

use super::core::Agent;
use super::filter::Filter;
use super::several::Who;
use super::weigh::Watched;
use crate::clock::Tick;
use crate::domain::{ActuatorId, Decider, Entry, Memory, SensorId, Severity};

/// Least time between two trials of one actuator for one sensor: seldom enough that one which does
/// nothing costs little, often enough that a broken goal does not wait for hours.
const AGAIN: Duration = Duration::from_secs(1800);

/// How what a record keeps of it is called, before the actuator's name.
const KEPT: &str = "again: ";

/// What was believed anew, and when.
pub(super) type Retried = Vec<(SensorId, ActuatorId, Tick)>;

impl Agent {
    /// Gives back the first belief of what would mend a goal that stays broken, where it was
    /// learned to do so little that it is not worth its cost, or so much that it does harm.
    pub(super) fn believe_again(&mut self, who: Who) {
        // Nearly always there is nothing to look at.
        if !self.goals.iter().any(|goal| goal.gap.is_some_and(|gap| gap > 0.0)) {
            return;
        }
        let now = self.now.tick;
        self.retried.retain(|(.., at)| now.since(*at) < AGAIN);
        let watched = self.watched(who);
        let mut found = Vec::new();
        for one in watched.iter().filter(|one| one.stays_broken) {
            for id in (0..self.config.actuators.len()).filter_map(|n| u16::try_from(n).ok()) {
                let id = ActuatorId(id);
                let able = self.has_tool(who, id) && self.would_mend(&watched, one, id);
                if able && !found.contains(&(one.sensor, id)) {
                    found.push((one.sensor, id));
                }
            }
        }
        for (sensor, id) in found {
            let little =
                self.world.sensor(sensor).filter().is_some_and(|one| one.believes_little(id));
            let learned = if little { "next to nothing" } else { "far too much" };
            self.retried.push((sensor, id, now));
            self.give_back_belief(sensor, id);
            let actuator = self.config.actuators[usize::from(id.0)].name.clone();
            let sensor = self.config.sensors[usize::from(sensor.0)].name.clone();
            // `replay` follows it.
            let of = format!("{KEPT}{actuator}");
            self.record(Entry::Memory(Memory { sensor: sensor.clone(), of, ..Memory::default() }));
            let text = format!(
                "{actuator} was learned to do {learned} to {sensor}, which stays outside its goal: \
                 it is believed anew"
            );
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
            self.give_back_belief(SensorId(sensor), ActuatorId(id));
        }
    }

    fn give_back_belief(&mut self, sensor: SensorId, id: ActuatorId) {
        if let Some(filter) = self.world.sensors[usize::from(sensor.0)].filter_mut() {
            filter.believe_again(id);
        }
    }

    /// The actuator has a way left that by its declared direction mends this, nothing forbids it,
    /// and only for what was learned of it nothing is gained.
    fn would_mend(&self, watched: &[Watched], one: &Watched, id: ActuatorId) -> bool {
        let sensor = one.sensor;
        let amiss = |filter: &Filter| filter.believes_little(id) || filter.believes_much(id);
        if !self.world.sensor(sensor).filter().is_some_and(amiss)
            || self.retried.iter().any(|(of, by, _)| (*of, *by) == (sensor, id))
            || self.person_is_asked(id)
        {
            return false;
        }
        let settings = self.settings_of(id, watched);
        let mends = settings.iter().filter(|to| one.is_mended_by(self.pushes(sensor, id, to)));
        let mut allowed =
            mends.filter(|to| self.guard(id, to, Decider::Planner).is_ok()).peekable();
        let worth_it = |to| {
            let worth = self.worth(watched, id, to);
            worth.gain - worth.cost >= self.least_gain(id, to)
        };
        allowed.peek().is_some() && !allowed.any(worth_it)
    }
}

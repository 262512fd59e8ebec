//! `[[preference]]`: what an operator wants done in one way and not another. The planner honours it
//! exactly: what it forbids is no candidate, so that nobody can choose it. Rules, interlocks and an
//! operator's own commands do not ask it; a condition that is unknown does not hold.

use super::core::Agent;
use super::planner::Move;
use super::steps::level;
use crate::config::Preference;
use crate::domain::{ActuatorId, Decider, Setting};
use crate::expr::Truth;

impl Agent {
    /// Takes away what preferences forbid now, and gives the words of those that did.
    ///
    /// `avoid`: the actuator is not raised. `prefer` over `over`: the second is not raised as long
    /// as the first may be raised further or is on its way; once the first gives all it has, or may
    /// not move, the second is free. Of those that want the opposite of each other, two or a ring
    /// of several, the later ones count.
    pub(super) fn honour_preferences(&self, moves: &mut Vec<Move>) -> Vec<String> {
        let held = self.config.preferences.iter().filter(|one| self.holds(one));
        let (orders, bans): (Vec<_>, Vec<_>) = held.partition(|one| one.prefer.is_some());
        let mut heeded = Vec::new();
        let mut take_away = |moves: &mut Vec<Move>, preference: &Preference| {
            let before = moves.len();
            moves.retain(|one| !self.raises(one, preference.over));
            if moves.len() < before {
                heeded.push(self.preference_words(preference));
            }
        };
        bans.iter().for_each(|one| take_away(moves, one));
        let rising = |id: ActuatorId| {
            let pending = self.world.actuator(id).pending.as_ref();
            pending.is_some_and(|one| self.rises(id, &one.setting))
        };
        let first =
            |better: ActuatorId| rising(better) || moves.iter().any(|one| self.raises(one, better));
        // Of three in a row the first keeps both others back: all look at what may be done before.
        let mut binding: Vec<&Preference> = Vec::new();
        for one in orders.into_iter().rev() {
            let Some(better) = one.prefer.filter(|better| first(*better)) else { continue };
            // In a ring each would keep the next back, and no device were left.
            if !is_before(&binding, one.over, better) {
                binding.push(one);
            }
        }
        binding.into_iter().rev().for_each(|one| take_away(moves, one));
        heeded
    }

    fn raises(&self, one: &Move, wanted: ActuatorId) -> bool {
        let change = one.change.as_ref().filter(|(id, _)| *id == wanted);
        change.is_some_and(|(id, setting)| self.rises(*id, setting))
    }

    /// What the planner had raised and is to be avoided from now on goes to `safe`, as soon as its
    /// least time allows.
    pub(super) fn end_avoided(&mut self) {
        let config = self.config.clone();
        for preference in config.preferences.iter().filter(|one| one.prefer.is_none()) {
            let id = preference.over;
            let actuator = &config.actuators[usize::from(id.0)];
            let state = self.world.actuator(id);
            let planned = state.owner.is_some_and(Decider::is_for_a_goal);
            let at = state.confirmed.as_ref().map(|at| level(actuator, at));
            let raised = at.is_some_and(|at| at > level(actuator, &actuator.safe));
            if !planned || !raised || state.pending.is_some() || !self.holds(preference) {
                continue;
            }
            let cause = self.preference_words(preference);
            self.end_for_planner(id, &cause);
        }
    }

    fn holds(&self, preference: &Preference) -> bool {
        let when = preference.when.as_ref();
        when.is_none_or(|when| when.truth(&self.view(&[])) == Truth::True)
    }

    /// The setting is more than the actuator gives now.
    pub(super) fn rises(&self, id: ActuatorId, setting: &Setting) -> bool {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let now = self.world.actuator(id).confirmed.as_ref();
        level(actuator, setting) > now.map_or(0.0, |now| level(actuator, now))
    }

    /// As a note of the decision record says it: `preference: vent over fan when hour >= 22`, and
    /// the words of the note that it was made of.
    pub(super) fn preference_words(&self, preference: &Preference) -> String {
        let name = |id: ActuatorId| &self.config.actuators[usize::from(id.0)].name;
        let what = match preference.prefer {
            Some(better) => format!("{} over {}", name(better), name(preference.over)),
            None => format!("avoid {}", name(preference.over)),
        };
        let when = preference.when.as_ref().map(|when| format!(" when {}", when.source()));
        let note = preference.of_note.as_ref();
        let note = note.map(|note| format!(" (\"{note}\")")).unwrap_or_default();
        format!("preference: {what}{}{note}", when.unwrap_or_default())
    }
}

/// Whether these prefer one device to another, also through those between.
fn is_before(orders: &[&Preference], one: ActuatorId, other: ActuatorId) -> bool {
    let mut reached = vec![one];
    let mut next = 0;
    while let Some(from) = reached.get(next).copied() {
        for order in orders.iter().filter(|order| order.prefer == Some(from)) {
            if !reached.contains(&order.over) {
                reached.push(order.over);
            }
        }
        next += 1;
    }
    reached.contains(&other)
}

//! The fake link between a place and whoever looks after it: messages arrive in the moment in which
//! they are sent, unless a fault is on its way. Time is the place's own.

use std::time::Duration;

use super::excuses::Excuses;
use super::faults::Faults;
use crate::clock::{ClockTrust, Now, Tick};
use crate::plant::{Command, Message, Place, Score};

/// Somebody who looks after a place through messages.
pub trait Keeper {
    /// A message came.
    fn hear(&mut self, message: &Message, now: Now) -> Vec<Command>;
    /// The time that `next_wake` asked for has come.
    fn wake(&mut self, now: Now) -> Vec<Command>;
    /// When it wants to be woken if nothing comes.
    fn next_wake(&self) -> Option<Tick>;
    /// It ends without notice and begins again, with what its journal kept: of the agent what a
    /// start takes over of the records (`Remembered`), all of which were stored; of one without a
    /// journal nothing.
    fn restart(&mut self, now: Now) -> Vec<Command>;
}

/// The place's time as both clocks.
#[must_use]
pub fn now(place: &dyn Place) -> Now {
    let ms = u64::try_from(place.now().as_millis()).unwrap_or(u64::MAX);
    let unix_ms = place.start_unix_ms().saturating_add_unsigned(ms);
    Now { tick: Tick(ms), unix_ms, trust: ClockTrust::Synced }
}

/// Lets `keeper` look after the place for so many hours. `look` sees all that the place says, as it
/// says it.
pub fn look_after(
    place: &mut dyn Place,
    keeper: &mut dyn Keeper,
    hours: f64,
    faults: &mut Faults,
    mut look: impl FnMut(Tick, &[Message]),
) -> Score {
    let mut excuses = Excuses::default();
    let end = place.now() + Duration::from_secs_f64(hours * 3600.0);
    loop {
        let true_time = now(place);
        let begins = faults.restart_is_due(true_time.tick);
        let at = faults.clock(true_time, begins);
        if faults.awaits_recovery(at.tick) {
            faults.goals_are(place.goals().iter().all(|goal| goal.met), at.tick);
        }
        let mut commands = Vec::new();
        if begins {
            commands.extend(keeper.restart(at));
            place.restate();
        }
        let said = place.due_messages();
        look(at.tick, &said);
        for message in faults.pass(said, at.tick) {
            commands.extend(keeper.hear(&message, at));
        }
        if keeper.next_wake().is_some_and(|wake| wake <= at.tick) {
            commands.extend(keeper.wake(at));
        }
        for command in faults.reach(commands, at.tick) {
            place.command(&command.topic, &command.payload);
        }
        let left = end.saturating_sub(place.now());
        if left.is_zero() {
            let mut score = place.score();
            score.forbidden = score.forbidden.saturating_sub(excuses.unavoidable);
            score.unavoidable = excuses.unavoidable;
            return score;
        }
        let mut step = place.next_due().min(left);
        for wake in [keeper.next_wake(), faults.next(at.tick)].into_iter().flatten() {
            step = step.min(wake.since(at.tick));
        }
        place.advance(step.max(Duration::from_millis(1)));
        if faults.is_none() {
            continue;
        }
        let at = now(place).tick;
        excuses.look(place.forbidden(), at, |name| faults.excuse(name, at));
    }
}

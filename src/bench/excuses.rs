//! Which forbidden states nobody could prevent, over a run: one is excused when it begins, and only
//! as long as something excuses it. What excuses is `faults`' affair.

use std::time::Duration;

use crate::clock::Tick;

/// So long after its excuse has ended a state may stand. A device that did not answer for long is
/// sent to `safe` each ten minutes (`agent::steps`), and then has to obey.
const STANDS_AT_MOST: Duration = Duration::from_secs(11 * 60);

/// The states that are broken now, and the excused ones among them.
#[derive(Debug, Default)]
pub struct Excuses {
    broken: Vec<&'static str>,
    /// With the last moment in which something excused it.
    excused: Vec<(&'static str, Tick)>,
    /// How many states nobody could prevent.
    pub unavoidable: u64,
}

impl Excuses {
    /// What is broken now; `excuses` says of one whether nobody can prevent it at this moment.
    pub fn look(
        &mut self,
        broken: Vec<&'static str>,
        now: Tick,
        excuses: impl Fn(&'static str) -> bool,
    ) {
        for name in broken.iter().filter(|name| !self.broken.contains(name)) {
            if excuses(name) {
                self.unavoidable += 1;
                self.excused.push((name, now));
            }
        }
        self.excused.retain_mut(|(name, last)| {
            if !broken.contains(name) {
                return false;
            }
            if excuses(name) {
                *last = now;
            }
            let stands = now.since(*last) > STANDS_AT_MOST;
            // It could have been ended long ago: it counts after all.
            self.unavoidable -= u64::from(stands);
            !stands
        });
        self.broken = broken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(looks: &[(u64, &[&'static str], &[&'static str])]) -> u64 {
        let mut excuses = Excuses::default();
        for (minute, broken, excused) in looks {
            let now = Tick(minute * 60_000);
            excuses.look(broken.to_vec(), now, |name| excused.contains(&name));
        }
        excuses.unavoidable
    }

    #[test]
    fn a_state_is_excused_while_nobody_can_end_it_and_a_moment_longer() {
        assert_eq!(after(&[(0, &["dry"], &["dry"]), (60, &["dry"], &["dry"]), (70, &[], &[])]), 1);
        assert_eq!(after(&[(0, &["dry"], &["dry"]), (12, &["dry"], &[])]), 0, "nobody ends it");
        assert_eq!(after(&[(0, &["dry"], &[]), (1, &["dry"], &["dry"])]), 0, "it began before");
        // Ended, and begun anew without an excuse.
        assert_eq!(after(&[(0, &["dry"], &["dry"]), (1, &[], &[]), (2, &["dry"], &[])]), 1);
    }

    #[test]
    fn the_excuse_of_one_state_pays_for_no_other() {
        let both: &[&'static str] = &["dry", "storm"];
        assert_eq!(after(&[(0, &["dry"], &["dry"]), (1, both, &["dry"])]), 1);
        assert_eq!(after(&[(0, both, both)]), 2);
    }
}

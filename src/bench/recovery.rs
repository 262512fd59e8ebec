//! How long a place takes after a fault until all its goals are met again. It counts; it changes
//! and judges nothing.

use std::collections::BTreeMap;

use crate::clock::Tick;

/// What came after the faults of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// Of each fault the milliseconds from its end until all goals of the place were met; 0 where
    /// they were met then.
    pub ms: Vec<u64>,
    /// Of these, how many were not met again before the run's end: then it counts until there.
    pub open: u64,
}

impl Recovery {
    /// Half took at most so many minutes; of an even number the longer one of the middle.
    #[must_use]
    pub fn median_min(&self) -> f64 {
        let mut ms = self.ms.clone();
        ms.sort_unstable();
        ms.get(ms.len() / 2).map_or(0.0, |ms| *ms as f64 / 60_000.0)
    }

    /// The longest, in minutes.
    #[must_use]
    pub fn longest_min(&self) -> f64 {
        self.ms.iter().max().map_or(0.0, |ms| *ms as f64 / 60_000.0)
    }
}

/// By the word of the fault's kind.
pub type Recoveries = BTreeMap<&'static str, Recovery>;

/// Adds another run's.
pub fn join(all: &mut Recoveries, this: Recoveries) {
    for (word, one) in this {
        let sum = all.entry(word).or_default();
        sum.ms.extend(one.ms);
        sum.open += one.open;
    }
}

/// One run's faults, and which of them the place got over.
#[derive(Debug, Default)]
pub struct Watch {
    /// When each fault ends that the place did not get over yet, and its kind.
    waiting: Vec<(Tick, &'static str)>,
    over: Recoveries,
}

impl Watch {
    /// Watches what comes after these: the end of each fault and the word of its kind.
    #[must_use]
    pub fn new(ends: impl Iterator<Item = (Tick, &'static str)>) -> Watch {
        Watch { waiting: ends.collect(), over: Recoveries::new() }
    }

    /// A fault has ended, and the goals were not all met since.
    #[must_use]
    pub fn awaits(&self, now: Tick) -> bool {
        self.waiting.iter().any(|(end, _)| *end <= now)
    }

    /// All goals are met, or one is not.
    pub fn goals_are(&mut self, all_met: bool, now: Tick) {
        if all_met {
            self.settle(now, 0);
        }
    }

    /// The run ends; a fault that had not ended by then is not counted.
    pub fn end(&mut self, now: Tick) -> Recoveries {
        self.settle(now, 1);
        self.waiting.clear();
        std::mem::take(&mut self.over)
    }

    fn settle(&mut self, now: Tick, open: u64) {
        let over = &mut self.over;
        self.waiting.retain(|(end, word)| {
            let ended = *end <= now;
            if ended {
                let one = over.entry(word).or_default();
                one.ms.push(u64::try_from(now.since(*end).as_millis()).unwrap_or(u64::MAX));
                one.open += open;
            }
            !ended
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_from_a_fault_s_end_to_all_goals_is_counted_and_what_stays_open_is_said() {
        let minute = |minutes: u64| Tick(minutes * 60_000);
        let ends = [(minute(10), "stuck"), (minute(20), "stuck"), (minute(50), "dead")];
        let mut watch = Watch::new(ends.into_iter());
        watch.goals_are(true, minute(5));
        assert!(!watch.awaits(minute(9)) && watch.awaits(minute(10)));
        watch.goals_are(true, minute(10));
        watch.goals_are(false, minute(20));
        watch.goals_are(true, minute(27));
        watch.goals_are(false, minute(50));
        let mut all = watch.end(minute(60));
        let stuck = Recovery { ms: vec![0, 420_000], open: 0 };
        assert_eq!((stuck.median_min(), stuck.longest_min()), (7.0, 7.0));
        assert_eq!(all["stuck"], stuck);
        assert_eq!(all["dead"], Recovery { ms: vec![600_000], open: 1 });
        let mut early = Watch::new([(minute(90), "late")].into_iter());
        assert_eq!(early.end(minute(60)), Recoveries::new(), "it had not ended");
        let again = all.clone();
        join(&mut all, again);
        assert_eq!((all["dead"].ms.len(), all["dead"].open), (2, 2));
    }
}

//! Bytes a day: what a metered line may cost. Pure.
//!
//! A day is one of UTC. Where the clock is not trusted the day does not end, so that a board whose
//! clock jumps never sends more than it may.

use serde::{Deserialize, Serialize};

use crate::limits::{UPLINK_BUDGET_ALARMS_PART, UPLINK_MESSAGE_BYTES};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// What was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Days since 1970, of a trusted clock; 0: none yet.
    pub day: i64,
    /// Bytes since that day began, or since the first one.
    pub bytes: u64,
}

/// The budget of one destination.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    most: Option<u64>,
    spent: Spent,
}

impl Budget {
    /// `most` bytes a day; `None`: no limit. `spent` is what an earlier start left.
    #[must_use]
    pub fn new(most: Option<u64>, spent: Spent) -> Budget {
        Budget { most, spent }
    }

    /// What was spent.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// A trusted clock says what day it is.
    pub fn today(&mut self, unix_ms: i64) {
        let day = unix_ms.div_euclid(DAY_MS);
        if day > self.spent.day {
            let first = self.spent.day == 0;
            self.spent.day = day;
            // What was spent before the clock was known belongs to some day: to this one.
            self.spent.bytes = if first { self.spent.bytes } else { 0 };
        }
    }

    /// A message of so many bytes may go; a part is kept for alarms.
    #[must_use]
    pub fn allows(&self, bytes: usize, is_alarm: bool) -> bool {
        let Some(most) = self.most else { return true };
        let kept = if is_alarm { 0 } else { most / UPLINK_BUDGET_ALARMS_PART };
        self.spent.bytes.saturating_add(cost(bytes)) <= most - kept
    }

    /// A message of so many bytes, no alarm, may go on a day on which nothing else went.
    #[must_use]
    pub fn ever_allows(&self, bytes: usize) -> bool {
        Budget::new(self.most, Spent::default()).allows(bytes, false)
    }

    /// A message of so many bytes went.
    pub fn spend(&mut self, bytes: usize) {
        if self.most.is_none() {
            return;
        }
        self.spent.bytes = self.spent.bytes.saturating_add(cost(bytes));
    }

    /// Bytes after which what was spent is to be written down again.
    #[must_use]
    pub fn step(&self) -> Option<u64> {
        self.most.map(|most| most / 20)
    }
}

fn cost(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(UPLINK_MESSAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_kept_for_alarms_and_a_day_begins_anew() {
        let mut budget = Budget::new(Some(10_000), Spent::default());
        budget.spend(8_000);
        assert!(budget.allows(800, false));
        assert!(!budget.allows(801, false));
        assert!(budget.allows(1_800, true));
        assert!(!budget.allows(1_801, true));
        budget.today(5 * DAY_MS);
        assert!(!budget.allows(801, false), "spent before the clock was known");
        budget.today(4 * DAY_MS);
        budget.today(6 * DAY_MS - 1);
        assert!(!budget.allows(801, false), "a clock that goes back gives no new day");
        budget.today(6 * DAY_MS);
        assert_eq!(budget.spent(), Spent { day: 6, bytes: 0 });
        budget.spend(8_000);
        assert!(budget.ever_allows(8_900) && !budget.ever_allows(8_901));
        let unbound = Budget::new(None, Spent::default());
        assert!(unbound.allows(usize::MAX, false) && unbound.ever_allows(usize::MAX));
    }
}

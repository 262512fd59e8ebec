//! Bytes that a day may cost: what a rollout brings over a metered line. It is kept in the slots'
//! folder, so that a start again is no new day. The counting itself is the uplink's.

use std::path::{Path, PathBuf};

use crate::clock::{ClockTrust, Now};
use crate::mind::pull::Report;
use crate::uplink::budget::{Budget, Spent};

/// The file with what was spent.
const FILE: &str = "spent.json";

/// The budget of the day, while a release is brought.
pub(super) struct Purse<'a> {
    path: PathBuf,
    most: Option<u64>,
    budget: Budget,
    /// Bytes of the file that is being brought.
    done: u64,
    /// Whether more bytes are wanted at all.
    wanted: &'a dyn Fn() -> bool,
}

impl<'a> Purse<'a> {
    /// What is left of the day.
    pub(super) fn open(
        slots: &Path,
        most: Option<u64>,
        now: Now,
        wanted: &'a dyn Fn() -> bool,
    ) -> Purse<'a> {
        let path = slots.join(FILE);
        let spent = std::fs::read(&path).unwrap_or_default();
        let spent: Spent = serde_json::from_slice(&spent).unwrap_or_default();
        let mut budget = Budget::new(most, spent);
        if now.trust == ClockTrust::Synced {
            budget.today(now.unix_ms);
        }
        Purse { path, most, budget, done: 0, wanted }
    }

    /// The next file begins where its rest begins.
    pub(super) fn begin_at(&mut self, done: u64) {
        self.done = done;
    }

    /// Keeps what was spent. What cannot be kept is only not counted.
    pub(super) fn close(&self) {
        if self.most.is_none() {
            return;
        }
        let text = serde_json::to_vec(&self.budget.spent()).unwrap_or_default();
        if let Err(error) = crate::disk::replace(&self.path, &text) {
            tracing::warn!(error = crate::causes::chain(&error), "bytes of today are not counted");
        }
    }
}

impl Report for Purse<'_> {
    fn begin(&mut self, _: &str, _: Option<u64>) {}

    fn advance(&mut self, done: u64) {
        let more = done.saturating_sub(self.done);
        self.budget.spend(usize::try_from(more).unwrap_or(usize::MAX));
        // A server that begins again costs again.
        self.done = done;
    }

    fn note(&mut self, _: &str) {}

    fn end(&mut self) {}

    fn goes_on(&self) -> bool {
        (self.wanted)() && self.budget.allows(1, true)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::clock::Tick;

    #[test]
    fn a_day_costs_what_it_may_and_a_start_again_is_no_new_day() {
        let folder = tempfile::tempdir().unwrap();
        let day = |day: i64| {
            let now = Now { tick: Tick(0), unix_ms: day * 86_400_000, trust: ClockTrust::Synced };
            Purse::open(folder.path(), Some(10_000), now, &|| true)
        };
        let mut purse = day(20_000);
        purse.begin_at(500);
        purse.advance(500);
        purse.advance(5_000);
        assert!(purse.goes_on());
        purse.close();
        let mut purse = day(20_000);
        purse.begin_at(5_000);
        purse.advance(10_600);
        assert!(!purse.goes_on());
        purse.close();
        assert!(!day(20_000).goes_on());
        assert!(day(20_001).goes_on());
        let never = Now { tick: Tick(0), unix_ms: 0, trust: ClockTrust::Unset };
        assert!(!Purse::open(folder.path(), Some(10_000), never, &|| true).goes_on());
        assert!(Purse::open(folder.path(), None, never, &|| true).goes_on());
        let stop = Cell::new(false);
        let wanted = || !stop.get();
        let purse = Purse::open(folder.path(), None, never, &wanted);
        assert!(purse.goes_on());
        stop.set(true);
        assert!(!purse.goes_on());
    }
}

//! Retention by age: what the configuration keeps for so long and no longer. In small steps with a
//! pause between them, so that a clock which is wrong for a while costs little. Nothing goes by
//! the word of a clock that is not trusted.

use rusqlite::{Connection, TransactionBehavior};

use super::super::record::Record;
use super::{JournalError, Store, database, quota};
use crate::clock::ClockTrust;
use crate::limits::JOURNAL_AGE_STEP_MS;

/// How long things are kept, in milliseconds; `None`: as long as the quota lets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Readings and counts of faults.
    pub readings_ms: Option<u64>,
    /// Everything else.
    pub rest_ms: Option<u64>,
}

/// What time it is for retention.
#[derive(Debug)]
pub(super) struct Age {
    keep: Keep,
    /// Wall and monotonic time of the newest record of a trusted clock, in milliseconds.
    now: Option<(i64, u64)>,
    /// When the next step may be, in milliseconds of this boot.
    next_mono_ms: u64,
}

impl Age {
    pub(super) fn new(keep: Keep) -> Age {
        Age { keep, now: None, next_mono_ms: JOURNAL_AGE_STEP_MS }
    }

    pub(super) fn note(&mut self, batch: &[Record]) {
        let trusted = batch.iter().rfind(|record| record.trust == ClockTrust::Synced);
        self.now = trusted.map(|record| (record.unix_ms, record.mono_ms)).or(self.now);
    }

    /// Wall times before which readings and the rest go, where a step may be.
    fn due(&mut self) -> (Option<i64>, Option<i64>) {
        let Some((unix_ms, mono_ms)) = self.now else { return (None, None) };
        if mono_ms < self.next_mono_ms {
            return (None, None);
        }
        self.next_mono_ms = mono_ms.saturating_add(JOURNAL_AGE_STEP_MS);
        let before = |keep_ms: Option<u64>| {
            keep_ms.map(|ms| unix_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
        };
        (before(self.keep.readings_ms), before(self.keep.rest_ms))
    }
}

fn days(ms: Option<u64>) -> u64 {
    ms.unwrap_or(0) / (24 * 3600 * 1000)
}

impl Store {
    /// One step: the oldest file of the chain where all of it is too old, and the oldest rows of
    /// what matters that are.
    pub(super) fn give_up_old(&mut self) -> Result<(), JournalError> {
        let keep = self.age.keep;
        let (readings, rest) = self.age.due();
        if let Some(before_ms) = readings
            && self.chain.oldest_end_ms().is_some_and(|end_ms| end_ms < before_ms)
        {
            let reason = format!("readings older than {} days", days(keep.readings_ms));
            self.lost.by_age += self.give_up_oldest(reason)?;
        }
        if let Some(before_ms) = rest {
            let reason = format!("older than {} days", days(keep.rest_ms));
            let path = self.path.clone();
            let gone = trim(self.audit()?, before_ms, &reason)
                .map_err(|source| database(&path, "giving up old records", source))?;
            self.lost.by_age += gone;
        }
        Ok(())
    }
}

/// Deletes some of the rows before a wall time, at the beginning of the sequence; gives how many.
fn trim(connection: &mut Connection, before_ms: i64, reason: &str) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let gone = quota::give_up_before(&transaction, before_ms, reason)?;
    transaction.commit()?;
    Ok(gone)
}

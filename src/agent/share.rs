//! How much of the last hour, day and week a goal was kept: sums in a few buckets, no list of
//! moments. Time in which nobody knows counts neither way.

use crate::clock::Tick;

/// Buckets of each span; the oldest is given up as a whole, so a span is kept to a twelfth.
const BUCKETS: usize = 12;
/// The spans, in milliseconds: an hour, a day, a week.
const SPANS_MS: [u64; 3] = [3_600_000, 24 * 3_600_000, 7 * 24 * 3_600_000];

/// Kept and known time of one goal since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    spans: [Span; 3],
    last: Option<(Tick, Option<bool>)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Span {
    /// Number of the newest bucket since the start.
    newest: u64,
    /// Kept and known milliseconds.
    buckets: [(u64, u64); BUCKETS],
}

impl Share {
    /// From now on the goal stands like this; until now it stood as was said last.
    pub fn note(&mut self, now: Tick, satisfied: Option<bool>) {
        if let Some((since, Some(kept))) = self.last {
            let ms = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
            for (span, length_ms) in self.spans.iter_mut().zip(SPANS_MS) {
                span.add(now, length_ms, kept, ms.min(length_ms));
            }
        }
        self.last = Some((now, satisfied));
    }

    /// Share of the known time of the last hour, day and week, 0 to 1; `None`: nothing is known.
    #[must_use]
    pub fn shares(&self) -> [Option<f64>; 3] {
        self.spans.map(|span| {
            let sum = |of: fn(&(u64, u64)) -> u64| span.buckets.iter().map(of).sum::<u64>() as f64;
            let (kept, known) = (sum(|one| one.0), sum(|one| one.1));
            (known > 0.0).then(|| kept / known)
        })
    }
}

impl Span {
    fn add(&mut self, now: Tick, length_ms: u64, kept: bool, ms: u64) {
        let number = now.since(Tick(0)).as_millis() as u64 / (length_ms / BUCKETS as u64);
        for gone in self.newest + 1..=number.min(self.newest + BUCKETS as u64) {
            self.buckets[(gone % BUCKETS as u64) as usize] = (0, 0);
        }
        self.newest = self.newest.max(number);
        let bucket = &mut self.buckets[(number % BUCKETS as u64) as usize];
        bucket.1 += ms;
        if kept {
            bucket.0 += ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_their_span_and_forget_what_is_older() {
        let mut share = Share::default();
        let at = |minutes: u64| Tick(minutes * 60_000);
        assert_eq!(share.shares(), [None; 3]);
        share.note(at(0), Some(false));
        for minute in (0..30).chain(30..60) {
            share.note(at(minute), Some(minute >= 30));
        }
        let [hour, day, week] = share.shares();
        for one in [hour, day, week] {
            assert!((one.expect("known") - 0.49).abs() < 0.02, "{one:?}");
        }
        for minute in 60..150 {
            share.note(at(minute), Some(true));
        }
        let [hour, day, _] = share.shares();
        assert_eq!(hour, Some(1.0), "the bad half hour is gone");
        assert!(day.expect("known") < 0.85);
        share.note(at(150), None);
        let day = share.shares()[1];
        share.note(at(700), None);
        assert_eq!(share.shares()[1], day, "what nobody knows counts neither way");
    }
}

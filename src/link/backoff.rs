//! How long to wait before the next attempt, and whether somebody else uses our client id.
//! Pure: the caller brings the time.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::limits;

/// The link's times; those of `limits.rs` but for tests.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// First wait after a break.
    pub backoff_min: Duration,
    /// Longest wait after a break.
    pub backoff_max: Duration,
    /// A connection that lived this long starts the waits from the first one again.
    pub stable: Duration,
    /// Longest time without a PUBACK or SUBACK while one is outstanding.
    pub ack_stall: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            backoff_min: Duration::from_millis(limits::BACKOFF_MS_MIN),
            backoff_max: Duration::from_millis(limits::BACKOFF_MS_MAX),
            stable: Duration::from_millis(limits::STABLE_MS),
            ack_stall: Duration::from_millis(limits::ACK_STALL_MS),
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// How long the broker had accepted us; `None`: it never did.
    pub(super) lived: Option<Duration>,
    /// The broker closed the connection; not we, and not our watchdog.
    pub(super) by_broker: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// Time to wait.
    pub(super) wait: Duration,
    /// Connections lost at once in a row, where that looks like a second client with our id.
    pub(super) takeover: Option<u32>,
}

/// Exponential back-off with jitter.
pub(super) struct Backoff {
    pace: Pace,
    random: StdRng,
    failures: u32,
    /// Breaks that look like a takeover since the last stable connection.
    takeovers: u32,
    short_lives: VecDeque<Instant>,
}

impl Backoff {
    /// `random` decides the jitter; a thousand boards must not share its seed.
    pub(super) fn new(pace: Pace, random: StdRng) -> Backoff {
        Backoff { pace, random, failures: 0, takeovers: 0, short_lives: VecDeque::new() }
    }

    /// Takes the end of an attempt in and says what comes next.
    pub(super) fn after(&mut self, ended: Ended, now: Instant) -> Next {
        if ended.lived.is_some_and(|lived| lived >= self.pace.stable) {
            self.failures = 0;
            self.takeovers = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let takeover = self.note_life(ended, now);
        let (first, longest, times) = match takeover {
            Some(_) => (
                Duration::from_millis(limits::TAKEOVER_BACKOFF_MS_MIN),
                Duration::from_millis(limits::TAKEOVER_BACKOFF_MS_MAX),
                self.takeovers,
            ),
            None => (self.pace.backoff_min, self.pace.backoff_max, self.failures),
        };
        let doubled = first.saturating_mul(1 << times.saturating_sub(1).min(16));
        let wait = doubled.min(longest).mul_f64(self.random.random_range(0.5..=1.0));
        Next { wait, takeover }
    }

    fn note_life(&mut self, ended: Ended, now: Instant) -> Option<u32> {
        let short = Duration::from_millis(limits::TAKEOVER_LIFE_MS);
        if !ended.by_broker || ended.lived.is_none_or(|lived| lived >= short) {
            return None;
        }
        let window = Duration::from_millis(limits::TAKEOVER_WINDOW_MS);
        self.short_lives.retain(|life| now.duration_since(*life) < window);
        self.short_lives.push_back(now);
        while self.short_lives.len() > limits::TAKEOVER_COUNT as usize {
            self.short_lives.pop_front();
        }
        // Once noticed it stays noticed until a connection has been stable.
        if self.takeovers > 0 || self.short_lives.len() >= limits::TAKEOVER_COUNT as usize {
            self.takeovers = self.takeovers.saturating_add(1);
            return Some(self.takeovers.saturating_add(limits::TAKEOVER_COUNT - 1));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const REFUSED: Ended = Ended { lived: None, by_broker: false };

    fn kicked(lived_ms: u64) -> Ended {
        Ended { lived: Some(Duration::from_millis(lived_ms)), by_broker: true }
    }

    fn backoff() -> Backoff {
        Backoff::new(Pace::default(), StdRng::seed_from_u64(7))
    }

    #[test]
    fn waits_double_with_jitter_up_to_the_bound() {
        let mut backoff = backoff();
        let now = Instant::now();
        for attempt in 0..40u32 {
            let whole = (limits::BACKOFF_MS_MIN << attempt.min(16)).min(limits::BACKOFF_MS_MAX);
            let wait = backoff.after(REFUSED, now).wait.as_millis();
            let whole = u128::from(whole);
            assert!((whole / 2..=whole).contains(&wait), "{attempt}: {wait} of {whole}");
        }
    }

    #[test]
    fn two_boards_do_not_wait_alike() {
        let waits = [1, 2].map(|seed| {
            Backoff::new(Pace::default(), StdRng::seed_from_u64(seed))
                .after(REFUSED, Instant::now())
                .wait
        });
        assert_ne!(waits[0], waits[1]);
    }

    #[test]
    fn only_a_stable_connection_starts_the_waits_again() {
        let mut backoff = backoff();
        let now = Instant::now();
        for _ in 0..10 {
            backoff.after(REFUSED, now);
        }
        let flapping = backoff.after(kicked(limits::STABLE_MS - 1), now).wait;
        assert!(flapping >= Duration::from_millis(limits::BACKOFF_MS_MAX / 2));
        let stable = backoff.after(kicked(limits::STABLE_MS), now).wait;
        assert!(stable <= Duration::from_millis(limits::BACKOFF_MS_MIN));
    }

    #[test]
    fn short_lives_in_a_row_are_a_takeover_with_long_waits() {
        let mut backoff = backoff();
        let mut now = Instant::now();
        assert_eq!(backoff.after(kicked(3_600_000), now).takeover, None);
        assert_eq!(backoff.after(kicked(900), now).takeover, None);
        assert_eq!(backoff.after(kicked(900), now).takeover, None);
        let noticed = backoff.after(kicked(900), now);
        assert_eq!(noticed.takeover, Some(3));
        assert!(noticed.wait >= Duration::from_millis(limits::TAKEOVER_BACKOFF_MS_MIN / 2));
        now += Duration::from_secs(600);
        let again = backoff.after(kicked(900), now);
        assert_eq!(again.takeover, Some(4), "noticed until stable");
        assert!(again.wait >= noticed.wait / 2);
        assert_eq!(backoff.after(kicked(limits::STABLE_MS), now).takeover, None);
    }

    #[test]
    fn breaks_that_nobody_forced_are_no_takeover() {
        let mut backoff = backoff();
        let now = Instant::now();
        for _ in 0..20 {
            let watchdog = Ended { lived: Some(Duration::from_secs(1)), by_broker: false };
            assert_eq!(backoff.after(watchdog, now).takeover, None);
            assert_eq!(backoff.after(REFUSED, now).takeover, None);
        }
        for minute in 0..20 {
            let rare = now + Duration::from_secs(61 * minute);
            assert_eq!(backoff.after(kicked(900), rare).takeover, None);
        }
    }
}

//! How long to wait before something that failed is tried again. It waits for nobody itself.

use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;

/// Pauses between attempts: each twice the last, up to a bound, and less by a random part of up to
/// a half, so that a fleet that failed together does not come back together.
#[derive(Debug)]
pub struct Pause {
    first_ms: u64,
    longest_ms: u64,
    next_ms: u64,
}

impl Pause {
    /// The first pause and the longest, in milliseconds.
    #[must_use]
    pub fn new(first_ms: u64, longest_ms: u64) -> Pause {
        Pause { first_ms, longest_ms, next_ms: first_ms }
    }

    /// The pause after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let full = self.next_ms;
        self.next_ms = full.saturating_mul(2).min(self.longest_ms);
        // Without a random source every board pauses alike, which is no reason not to try again.
        let random = SysRng.try_next_u64().unwrap_or(0);
        Duration::from_millis(full - random % (full / 2 + 1))
    }

    /// It went well: the next failure is a first one.
    pub fn begin_again(&mut self) {
        self.next_ms = self.first_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_are_never_less_than_half() {
        let mut pause = Pause::new(500, 30_000);
        let mut full = 500;
        for _ in 0..20 {
            let found = pause.after_failure().as_millis() as u64;
            assert!((full / 2..=full).contains(&found), "{found} of {full}");
            full = (full * 2).min(30_000);
        }
        assert_eq!(full, 30_000);
        pause.begin_again();
        assert!(pause.after_failure().as_millis() <= 500);
    }
}

//! The kernel's clocks: time since boot that also counts sleep, and wall time with a judgement of
//! how far it can be believed. Reads clocks only; stores nothing.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{ClockTrust, Now, Tick};

/// A difference between wall clock and time since boot that changes by more than this is a jump.
/// NTP slews by at most 0.5 ms a second, so 2 s is never slewing.
const JUMP_MS: i64 = 2_000;
/// After a jump the wall clock is believed again when it has gone evenly for this long, or at
/// once where the kernel's time service says that it is synchronised.
const CALM: Duration = Duration::from_secs(600);
/// Where systemd's time service leaves its mark once it has set the clock.
const SYNC_MARK: &str = "/run/systemd/timesync/synchronized";

/// Time of this machine.
#[derive(Debug)]
pub struct RealClock {
    start_ms: i64,
    floor_unix_ms: i64,
    floor_is_stored: bool,
    look: Mutex<Look>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    offset_ms: i64,
    jumped: Option<i64>,
}

impl RealClock {
    /// A clock that never says a wall time before the program's build or before
    /// `stored_floor_unix_ms`, the last trusted time that the journal knows (0: none).
    #[must_use]
    pub fn new(stored_floor_unix_ms: i64) -> RealClock {
        let built_s: i64 = env!("OUTPOST_BUILD_UNIX_S").parse().unwrap_or(0);
        let boot_ms = read(ClockId::Boottime);
        let offset_ms = read(ClockId::Realtime) - boot_ms;
        RealClock {
            start_ms: boot_ms,
            floor_unix_ms: stored_floor_unix_ms.max(built_s * 1000),
            floor_is_stored: stored_floor_unix_ms > 0,
            look: Mutex::new(Look { offset_ms, jumped: None }),
        }
    }

    /// A look at both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        self.judge(read(ClockId::Boottime), read(ClockId::Realtime), || {
            Path::new(SYNC_MARK).exists()
        })
    }

    /// As after a start at `start_ms` since boot, with a floor and a wall clock of a test's or a
    /// simulation's own; only [`RealClock::judge`] is of use then.
    pub(crate) fn of_parts(start_ms: i64, floor_unix_ms: i64, wall_ms: i64) -> RealClock {
        let look = Mutex::new(Look { offset_ms: wall_ms - start_ms, jumped: None });
        RealClock { start_ms, floor_unix_ms, floor_is_stored: true, look }
    }

    /// What both clocks mean together, in milliseconds since boot and since 1970.
    pub(crate) fn judge(&self, boot_ms: i64, wall_ms: i64, synced: impl Fn() -> bool) -> Now {
        let tick = Tick(u64::try_from(boot_ms - self.start_ms).unwrap_or(0));
        let mut look = match self.look.lock() {
            Ok(look) => look,
            Err(poisoned) => poisoned.into_inner(),
        };
        let offset_ms = wall_ms - boot_ms;
        if (offset_ms - look.offset_ms).abs() > JUMP_MS {
            look.jumped = Some(boot_ms);
        }
        look.offset_ms = offset_ms;
        let calm_ms = i64::try_from(CALM.as_millis()).unwrap_or(i64::MAX);
        let calm = look.jumped.is_none_or(|at| boot_ms - at >= calm_ms);
        let trust = if wall_ms >= self.floor_unix_ms && (calm || synced()) {
            ClockTrust::Synced
        } else if self.floor_is_stored {
            ClockTrust::Restored
        } else {
            ClockTrust::Unset
        };
        Now { tick, unix_ms: wall_ms.max(self.floor_unix_ms), trust }
    }
}

fn read(id: ClockId) -> i64 {
    let time = clock_gettime(id);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(stored: bool) -> RealClock {
        RealClock {
            start_ms: 1_000,
            floor_unix_ms: 1_000_000,
            floor_is_stored: stored,
            look: Mutex::new(Look { offset_ms: 1_999_000, jumped: None }),
        }
    }

    #[test]
    fn a_wall_clock_after_the_floor_is_trusted() {
        let now = clock(true).judge(2_000, 2_001_000, || false);
        assert_eq!((now.tick, now.trust), (Tick(1_000), ClockTrust::Synced));
        assert_eq!(now.unix_ms, 2_001_000);
    }

    #[test]
    fn a_board_in_1970_gets_the_floor_and_no_trust() {
        let unset = clock(false).judge(2_000, 3_000, || true);
        assert_eq!((unset.unix_ms, unset.trust), (1_000_000, ClockTrust::Unset));
        assert_eq!(clock(true).judge(2_000, 3_000, || true).trust, ClockTrust::Restored);
    }

    #[test]
    fn a_jump_costs_trust_until_it_is_calm_or_the_kernel_says_so_and_never_moves_ticks() {
        let clock = clock(true);
        assert_eq!(clock.judge(2_000, 2_001_000, || false).trust, ClockTrust::Synced);
        let after = clock.judge(3_000, 9_001_000, || false);
        assert_eq!((after.tick, after.trust), (Tick(2_000), ClockTrust::Restored));
        assert_eq!(clock.judge(4_000, 9_002_000, || true).trust, ClockTrust::Synced);
        assert_eq!(clock.judge(4_000, 9_002_000, || false).trust, ClockTrust::Restored);
        assert_eq!(clock.judge(603_000, 9_601_000, || false).trust, ClockTrust::Synced);
    }
}

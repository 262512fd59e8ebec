//! Trust in time. The seam `Clock`: the real one, and the virtual one of demo and tests.
//! Everything inside measures with [`Tick`]; wall time is for people and is never proof.

use std::time::Duration;

/// A point on the agent's own monotonic time line, in milliseconds since it started.
///
/// Wall-clock jumps do not move it (design §8, invariant 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick `duration` later; saturates at the end of time (584 million years).
    #[must_use]
    pub fn after(self, duration: Duration) -> Tick {
        Tick(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero where it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// How far the wall clock is believed (design §5, status topic).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockTrust {
    /// Nothing is known; the board may think that it is 1970.
    #[default]
    Unset,
    /// At least as late as the last stored time; the true time may be later.
    Restored,
    /// The kernel says that it is synchronised, or it lies after the floor and did not jump.
    Synced,
}

impl ClockTrust {
    /// The word of the status topic.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ClockTrust::Unset => "unset",
            ClockTrust::Restored => "restored",
            ClockTrust::Synced => "synced",
        }
    }
}

/// One look at both clocks; all that the pure core ever learns about time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since the agent started.
    pub tick: Tick,
    /// Wall time, in milliseconds since 1970 UTC.
    pub unix_ms: i64,
    /// How far `unix_ms` is believed.
    pub trust: ClockTrust,
}

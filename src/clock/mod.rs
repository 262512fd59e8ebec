//! Trust in time. The seam `Clock`: the real one, and the virtual one of demo and tests.
//! Everything inside measures with [`Tick`]; wall time is for people and is never proof.

pub mod hours;
mod real;
mod virtual_time;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use real::RealClock;
pub use virtual_time::{Member, VirtualClock};

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

impl Now {
    /// What passed since a moment, by the wall clock where it was believed then and is now, else
    /// zero: the cautious side of whatever has to last.
    #[must_use]
    pub fn passed_since(self, unix_ms: i64, trust: ClockTrust) -> Duration {
        let believed = trust == ClockTrust::Synced && self.trust == ClockTrust::Synced;
        let ms = self.unix_ms.saturating_sub(unix_ms);
        Duration::from_millis(u64::try_from(ms).ok().filter(|_| believed).unwrap_or(0))
    }
}

/// The seam `Clock`: real time, or the virtual time that demo and tests share with their plant.
#[derive(Clone)]
pub enum Clock {
    /// The kernel's.
    Real(Arc<RealClock>),
    /// One that stands still while anything is in flight.
    Virtual(Arc<VirtualClock>),
}

impl Clock {
    /// A look at both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        match self {
            Clock::Real(clock) => clock.now(),
            Clock::Virtual(clock) => clock.now(),
        }
    }

    /// Something is under way (a message, a commit, a question): virtual time stands still until
    /// [`Clock::arrive`] was called as often. Real time does not care.
    pub fn depart(&self, count: usize) {
        if let Clock::Virtual(clock) = self {
            clock.depart(count);
        }
    }

    /// Something that was under way has been dealt with.
    pub fn arrive(&self, count: usize) {
        if let Clock::Virtual(clock) = self {
            clock.arrive(count);
        }
    }

    /// A loop that takes part in time: virtual time stands still while it does not wait.
    #[must_use]
    pub fn join(&self) -> Pace {
        match self {
            Clock::Real(clock) => Pace::Real(clock.clone()),
            Clock::Virtual(clock) => Pace::Virtual(Member::new(clock.clone())),
        }
    }
}

/// One loop's part in a [`Clock`].
pub enum Pace {
    /// Sleeps by the kernel's timers.
    Real(Arc<RealClock>),
    /// Sleeps by the virtual clock.
    Virtual(Member),
}

impl Pace {
    /// Waits for `other`, at most until `until`; `None` when the time came first.
    ///
    /// Cancel safe if `other` is; nothing of `other` is lost when the time comes first and the
    /// caller keeps what it waits on (a channel's `recv`).
    pub async fn wait<T>(&mut self, until: Tick, other: impl Future<Output = T>) -> Option<T> {
        match self {
            Pace::Real(clock) => {
                let left = until.since(clock.now().tick);
                tokio::time::timeout(left, other).await.ok()
            }
            Pace::Virtual(member) => member.wait(until, other).await,
        }
    }
}

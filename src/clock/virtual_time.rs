//! The virtual clock: agent and plant share it. It stands still while a message, a commit or a
//! question is in flight and while a member works, and else leaps to the next moment that a
//! member waits for. `speed` is only an upper limit. No wall clock is read for its time.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::{ClockTrust, Now, Tick};

/// In flight for longer than this in real time counts as lost: a broker that drops a message must
/// not stop a demo. Every commit and every decision is far shorter.
const STALL: Duration = Duration::from_secs(5);

/// A clock without real time.
pub struct VirtualClock {
    start_unix_ms: i64,
    speed: f64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    now: Tick,
    in_flight: usize,
    /// Members that do not wait.
    working: usize,
    sleepers: BTreeMap<(Tick, u64), oneshot::Sender<()>>,
    next_sleeper: u64,
    stalls: u64,
}

impl VirtualClock {
    /// A clock that begins at a wall time (milliseconds since 1970) and runs at most `speed`
    /// times as fast as real time.
    #[must_use]
    pub fn new(start_unix_ms: i64, speed: f64) -> Arc<VirtualClock> {
        Arc::new(VirtualClock {
            start_unix_ms,
            speed: speed.max(1e-3),
            state: Mutex::new(State::default()),
            changed: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Now; the wall clock of a simulated place is always right.
    #[must_use]
    pub fn now(&self) -> Now {
        let tick = self.state().now;
        let passed = i64::try_from(tick.0).unwrap_or(i64::MAX);
        Now { tick, unix_ms: self.start_unix_ms + passed, trust: ClockTrust::Synced }
    }

    pub(super) fn depart(&self, count: usize) {
        self.state().in_flight += count;
    }

    pub(super) fn arrive(&self, count: usize) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(count);
        drop(state);
        self.changed.notify_one();
    }

    /// How often something in flight was given up as lost. 0 in a sound run.
    #[must_use]
    pub fn stalls(&self) -> u64 {
        self.state().stalls
    }

    /// Lets time pass until the future that it is raced with ends. Run one of it for a clock.
    ///
    /// Cancel safe: it keeps nothing but what the clock itself keeps.
    pub async fn drive(&self) {
        let began = (Instant::now(), self.now().tick);
        loop {
            match self.next_leap() {
                None => {
                    let change = tokio::time::timeout(STALL, self.changed.notified());
                    if change.await.is_err() {
                        self.give_up_stalled();
                    }
                }
                Some(next) => {
                    let passed = next.since(began.1).as_secs_f64() / self.speed;
                    let real = began.0.elapsed().as_secs_f64();
                    if passed > real + 0.001 {
                        let pause = Duration::from_secs_f64(passed - real);
                        tokio::time::sleep(pause).await;
                    }
                    self.leap(next);
                    // The members that were woken run before the next look.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// The next moment that somebody waits for, if nothing is under way.
    fn next_leap(&self) -> Option<Tick> {
        let state = self.state();
        if state.in_flight > 0 || state.working > 0 {
            return None;
        }
        state.sleepers.keys().next().map(|(at, _)| *at)
    }

    fn leap(&self, to: Tick) {
        let mut state = self.state();
        // Somebody may have begun to work while the pace was kept.
        if state.in_flight > 0 || state.working > 0 {
            return;
        }
        state.now = state.now.max(to);
        while let Some(first) = state.sleepers.first_entry() {
            if first.key().0 > to {
                break;
            }
            let wake = first.remove();
            // Whoever is woken works from this moment on, not only when its task is run.
            if wake.send(()).is_ok() {
                state.working += 1;
            }
        }
    }

    fn give_up_stalled(&self) {
        let mut state = self.state();
        if state.in_flight > 0 && state.working == 0 {
            tracing::warn!(count = state.in_flight, "given up as lost on the virtual clock");
            state.in_flight = 0;
            state.stalls += 1;
        }
    }
}

/// A loop that takes part in a virtual clock; working unless it waits.
pub struct Member {
    clock: Arc<VirtualClock>,
}

impl Member {
    pub(super) fn new(clock: Arc<VirtualClock>) -> Member {
        clock.state().working += 1;
        Member { clock }
    }

    /// See [`super::Pace::wait`].
    pub(super) async fn wait<T>(
        &mut self,
        until: Tick,
        other: impl Future<Output = T>,
    ) -> Option<T> {
        let (wake, woken) = oneshot::channel();
        let key = {
            let mut state = self.clock.state();
            let key = (until, state.next_sleeper);
            state.next_sleeper += 1;
            state.sleepers.insert(key, wake);
            state.working = state.working.saturating_sub(1);
            key
        };
        // Dropping the guard makes the member work again, however the wait ends.
        let _awake = Awake { clock: &self.clock, key };
        self.clock.changed.notify_one();
        tokio::select! {
            biased;
            end = other => Some(end),
            _ = woken => None,
        }
    }
}

struct Awake<'a> {
    clock: &'a VirtualClock,
    key: (Tick, u64),
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        let mut state = self.clock.state();
        // Still asleep for the clock: something else ended the wait. Woken ones count already.
        if state.sleepers.remove(&self.key).is_some() {
            state.working += 1;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.clock.state();
        state.working = state.working.saturating_sub(1);
        drop(state);
        self.clock.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Clock;
    use super::*;
    use std::future::pending;

    fn run<T>(clock: &Arc<VirtualClock>, body: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread").block_on(async {
            tokio::select! {
                end = body => end,
                () = clock.drive() => unreachable!("the driver never ends"),
            }
        })
    }

    #[test]
    fn time_leaps_to_the_next_waiter_and_a_day_takes_no_time() {
        let clock = VirtualClock::new(1_000, 1e9);
        let mut pace = Clock::Virtual(clock.clone()).join();
        let end = run(&clock, async {
            for hour in 1..=24u64 {
                pace.wait(Tick(hour * 3_600_000), pending::<()>()).await;
            }
            clock.now()
        });
        assert_eq!((end.tick, end.unix_ms), (Tick(86_400_000), 86_401_000));
    }

    #[test]
    fn time_stands_still_while_something_is_in_flight() {
        let clock = VirtualClock::new(0, 1e9);
        let shared = Clock::Virtual(clock.clone());
        let mut pace = shared.join();
        shared.depart(1);
        let (tell, told) = oneshot::channel();
        let end = run(&clock, async {
            let other = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let seen = clock.now().tick;
                tell.send(seen).expect("the test waits for it");
                shared.arrive(1);
            };
            let (waited, ()) = tokio::join!(pace.wait(Tick(5_000), pending::<()>()), other);
            (waited, told.await, clock.now().tick)
        });
        assert_eq!(end, (None, Ok(Tick(0)), Tick(5_000)));
    }

    #[test]
    fn a_message_ends_a_wait_without_moving_time() {
        let clock = VirtualClock::new(0, 1e9);
        let mut pace = Clock::Virtual(clock.clone()).join();
        let end = run(&clock, async { pace.wait(Tick(9_000), async { 7 }).await });
        assert_eq!((end, clock.now().tick), (Some(7), Tick(0)));
    }

    #[test]
    fn speed_is_a_limit() {
        let clock = VirtualClock::new(0, 100.0);
        let mut pace = Clock::Virtual(clock.clone()).join();
        let began = Instant::now();
        run(&clock, async { pace.wait(Tick(5_000), pending::<()>()).await });
        assert!(began.elapsed() >= Duration::from_millis(45), "{:?}", began.elapsed());
    }
}

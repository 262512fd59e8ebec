//! Simulated devices that take commands and echo their state, as relays and motors on MQTT do.
//! Pure: a command and the time come in, echoes come out when they are due.
//!
//! A device carries a command out 0.2 to 2 s after it came and says so at that moment. Now and
//! then the echo is lost (never twice in a row), so that whoever commands must send again.

use std::collections::VecDeque;

use rand::rngs::StdRng;

use super::noise::{between, chance};
use crate::limits;

/// Quickest and slowest answer of a device, in milliseconds: a relay board on Wi-Fi.
const DELAY_MS: (f64, f64) = (200.0, 2000.0);
/// One echo in this many is lost: bad radio, seldom enough that a day has some.
const ECHO_LOST_SHARE: f64 = 1.0 / 60.0;
/// A device repeats its state this often, in milliseconds (Tasmota's TelePeriod, 300 s).
const REPEAT_MS: u64 = 300_000;

/// What a device can be set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeviceKind {
    /// `ON` and `OFF`.
    Switch,
    /// A whole number from 0 to 100; the motor moves this many percent a second.
    Level {
        /// Speed of the motor, in percent a second.
        percent_per_s: f64,
    },
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    name: &'static str,
    kind: DeviceKind,
    /// Commands on their way: when they take effect (ms) and the level, 0 to 100.
    pending: VecDeque<(u64, f64)>,
    /// Last level that was carried out.
    target: f64,
    /// Where the motor stands; the same as `target` for a switch.
    position: f64,
    next_repeat_ms: u64,
    echo_was_lost: bool,
    ignored: u64,
}

impl Device {
    /// A device that is off or closed. `phase_ms` spreads the repeats of several devices.
    #[must_use]
    pub fn new(name: &'static str, kind: DeviceKind, phase_ms: u64) -> Device {
        Device {
            name,
            kind,
            pending: VecDeque::new(),
            target: 0.0,
            position: 0.0,
            next_repeat_ms: phase_ms,
            echo_was_lost: false,
            ignored: 0,
        }
    }

    /// Its name, also the last word of its topic.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// True while a switch is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.target > 0.0
    }

    /// Level that was last carried out, 0 to 100; the motor may still be on its way.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.target
    }

    /// Where the motor stands, 0 to 100.
    #[must_use]
    pub fn position(&self) -> f64 {
        self.position
    }

    /// Payloads that were no command of this device, and commands beyond the queue.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Takes a command; anything that is none is ignored and counted, as real devices do.
    pub fn command(&mut self, payload: &[u8], now_ms: u64, rng: &mut StdRng) {
        let full = self.pending.len() >= limits::PLANT_PENDING_COMMANDS_MAX;
        match self.parse(payload) {
            Some(level) if !full => {
                let delay_ms = between(rng, DELAY_MS.0, DELAY_MS.1) as u64;
                // A device works off its commands in order.
                let last_ms = self.pending.back().map_or(0, |(due_ms, _)| *due_ms);
                self.pending.push_back(((now_ms + delay_ms).max(last_ms), level));
            }
            _ => self.ignored += 1,
        }
    }

    fn parse(&self, payload: &[u8]) -> Option<f64> {
        let text = std::str::from_utf8(payload).ok()?.trim();
        match self.kind {
            DeviceKind::Switch if text.eq_ignore_ascii_case("on") => Some(100.0),
            DeviceKind::Switch if text.eq_ignore_ascii_case("off") => Some(0.0),
            DeviceKind::Switch => None,
            DeviceKind::Level { .. } => {
                text.parse().ok().filter(|level| (0.0..=100.0).contains(level))
            }
        }
    }

    /// When it will speak next, in milliseconds.
    #[must_use]
    pub fn due_ms(&self) -> u64 {
        let repeat_ms = self.next_repeat_ms;
        self.pending.front().map_or(repeat_ms, |(due_ms, _)| repeat_ms.min(*due_ms))
    }

    /// Carries out what is due at `now_ms`; gives the payload that it says, if any.
    pub fn act(&mut self, now_ms: u64, rng: &mut StdRng) -> Option<String> {
        let mut speaks = false;
        while let Some((due_ms, level)) = self.pending.front().copied() {
            if due_ms > now_ms {
                break;
            }
            self.pending.pop_front();
            self.target = level;
            if self.kind == DeviceKind::Switch {
                self.position = level;
            }
            let lost = !self.echo_was_lost && chance(rng, ECHO_LOST_SHARE);
            self.echo_was_lost = lost;
            speaks |= !lost;
        }
        if self.next_repeat_ms <= now_ms {
            self.next_repeat_ms += REPEAT_MS;
            speaks = true;
        }
        speaks.then(|| self.state())
    }

    /// The motor's way in `seconds`.
    pub fn turn(&mut self, seconds: f64) {
        if let DeviceKind::Level { percent_per_s } = self.kind {
            let way = percent_per_s * seconds;
            self.position += (self.target - self.position).clamp(-way, way);
        }
    }

    /// Sets it without delay, motor or echo: for the limit's programme, which is no controller.
    pub(super) fn set_at_once(&mut self, level: f64) {
        self.pending.clear();
        (self.target, self.position) = (level, level);
    }

    /// What it says about itself: `ON`, `OFF`, or the level that it was set to.
    #[must_use]
    pub fn state(&self) -> String {
        match self.kind {
            DeviceKind::Switch if self.is_on() => "ON".into(),
            DeviceKind::Switch => "OFF".into(),
            DeviceKind::Level { .. } => format!("{}", self.target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::stream;
    use super::*;

    #[test]
    fn a_switch_acts_and_echoes_within_two_seconds() {
        let mut rng = stream(1, 9);
        let mut fan = Device::new("fan", DeviceKind::Switch, 60_000);
        fan.command(b"ON", 1000, &mut rng);
        assert!(!fan.is_on(), "it takes its time");
        let due_ms = fan.due_ms();
        assert!((1200..=3000).contains(&due_ms), "{due_ms}");
        assert_eq!(fan.act(due_ms, &mut rng).as_deref(), Some("ON"));
        assert!(fan.is_on());
    }

    #[test]
    fn the_vent_says_its_target_at_once_and_moves_slowly() {
        let mut rng = stream(1, 9);
        let mut vent = Device::new("vent", DeviceKind::Level { percent_per_s: 1.0 }, 60_000);
        vent.command(b"75", 0, &mut rng);
        assert_eq!(vent.act(2000, &mut rng).as_deref(), Some("75"));
        vent.turn(30.0);
        assert_eq!(vent.position(), 30.0);
        vent.turn(60.0);
        assert_eq!(vent.position(), 75.0);
    }

    #[test]
    fn what_is_no_command_is_counted_and_changes_nothing() {
        let mut rng = stream(1, 9);
        let mut vent = Device::new("vent", DeviceKind::Level { percent_per_s: 1.0 }, 60_000);
        for payload in [&b"ON"[..], b"101", b"-1", b"NaN", b"\xff", b""] {
            vent.command(payload, 0, &mut rng);
        }
        assert_eq!(vent.act(5000, &mut rng), None);
        assert_eq!((vent.target(), vent.ignored()), (0.0, 6));
    }

    #[test]
    fn an_echo_is_sometimes_lost_but_never_twice_in_a_row() {
        let mut rng = stream(2, 9);
        let mut fan = Device::new("fan", DeviceKind::Switch, u64::MAX);
        let (mut lost, mut lost_before) = (0, false);
        for round in 0..2000_u64 {
            fan.command(b"ON", round * 3000, &mut rng);
            let silent = fan.act(round * 3000 + 2500, &mut rng).is_none();
            assert!(!(silent && lost_before), "round {round}");
            lost_before = silent;
            lost += u32::from(silent);
        }
        assert!((10..80).contains(&lost), "{lost} of 2000");
    }

    #[test]
    fn a_flood_of_commands_is_bounded() {
        let mut rng = stream(1, 9);
        let mut fan = Device::new("fan", DeviceKind::Switch, u64::MAX);
        for _ in 0..limits::PLANT_PENDING_COMMANDS_MAX + 5 {
            fan.command(b"ON", 0, &mut rng);
        }
        assert_eq!(fan.ignored(), 5);
    }
}

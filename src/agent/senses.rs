//! Sensors that cannot be right: one that says the same digit by digit for too long, one that
//! jumps. Only looks at a sensor's own readings; what it says is told, and nothing is refused.

/// Readings without any change after which a sensor counts as stuck, where it used to change.
const STUCK_READINGS: u32 = 60;
/// Share of readings that used to differ from the one before: below it, resting is usual. At this
/// share sixty equal ones by chance are as likely as 1 in 10^18.
const LIVELY: f64 = 0.5;
/// Weight of a new reading in what is usual.
const PACE: f64 = 0.02;
/// A change this many times the usual one is a jump.
const JUMP: f64 = 8.0;
/// Weight of a new reading in the share of jumps: some twenty readings.
const JUMP_PACE: f64 = 0.05;
/// Share of jumps at which a sensor counts as jumping, and at which no longer: three of twenty are
/// no door that was opened.
const JUMPING_ABOVE: f64 = 0.12;
const JUMPING_BELOW: f64 = 0.02;
/// Readings before anything is judged.
const SETTLED: u32 = 100;

/// What became of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It does not move any more, or does again.
    Stuck(bool),
    /// It jumps, or does not any more.
    Jumping(bool),
}

/// A look at the readings of one sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Senses {
    last: Option<f64>,
    readings: u32,
    equal: u32,
    /// Usual share of readings that change.
    lively: f64,
    /// Usual size of a change, large ones cut.
    change: f64,
    jumps: f64,
    stuck: bool,
    jumping: bool,
}

impl Senses {
    /// Takes a reading; says what has changed.
    pub fn note(&mut self, value: f64) -> Option<Doubt> {
        let last = self.last.replace(value)?;
        let change = (value - last).abs();
        self.readings = self.readings.saturating_add(1);
        if change == 0.0 {
            self.equal = self.equal.saturating_add(1);
            self.jumps -= JUMP_PACE * self.jumps;
            let stuck = self.equal >= STUCK_READINGS && self.lively > LIVELY;
            // What is usual does not follow a sensor that is stuck.
            if self.equal < STUCK_READINGS / 2 {
                self.lively -= PACE * self.lively;
            }
            let news = stuck && self.readings >= SETTLED && !self.stuck;
            self.stuck |= news;
            return news.then_some(Doubt::Stuck(true));
        }
        self.equal = 0;
        self.lively += PACE * (1.0 - self.lively);
        let settled = self.readings >= SETTLED;
        let jump = settled && change > JUMP * self.change;
        let cut = if settled { change.min(2.0 * self.change) } else { change };
        let pace = PACE.max(1.0 / f64::from(self.readings));
        self.change += pace * (cut - self.change);
        self.jumps += JUMP_PACE * (f64::from(u8::from(jump)) - self.jumps);
        if std::mem::take(&mut self.stuck) {
            return Some(Doubt::Stuck(false));
        }
        let jumping = self.jumps > if self.jumping { JUMPING_BELOW } else { JUMPING_ABOVE };
        let news = jumping != self.jumping;
        self.jumping = jumping;
        news.then_some(Doubt::Jumping(jumping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sensor with some noise, the same each time.
    fn noisy(count: u32) -> impl Iterator<Item = f64> {
        (0..count).map(|n| 20.0 + f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 4096.0)
    }

    fn news(readings: impl Iterator<Item = f64>) -> Vec<Doubt> {
        let mut senses = Senses::default();
        readings.filter_map(|value| senses.note(value)).collect()
    }

    #[test]
    fn a_sound_sensor_is_not_doubted() {
        assert_eq!(news(noisy(5000)), []);
        // One that steps by whole degrees and rests in between.
        assert_eq!(news((0..5000).map(|n| f64::from(n / 90 % 10))), []);
        // A door is opened now and then.
        let door = noisy(5000).enumerate().map(|(n, v)| if n % 200 < 2 { v + 15.0 } else { v });
        assert_eq!(news(door), []);
    }

    #[test]
    fn one_that_does_not_move_any_more_is_stuck_until_it_moves() {
        let stuck = noisy(500).chain(std::iter::repeat_n(21.5, 300)).chain(noisy(500));
        assert_eq!(news(stuck), [Doubt::Stuck(true), Doubt::Stuck(false)]);
    }

    #[test]
    fn one_with_a_loose_wire_jumps() {
        let loose = noisy(300).enumerate().map(|(n, v)| if n % 4 == 0 { v - 30.0 } else { v });
        let all = noisy(300).chain(loose).chain(noisy(600));
        assert_eq!(news(all), [Doubt::Jumping(true), Doubt::Jumping(false)]);
    }
}

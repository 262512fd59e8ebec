//! What the filter finds, and that it foresees more than the other choices (ADR 12).

use std::time::Duration;

use super::*;

const EVERY: Duration = Duration::from_secs(10);
const HEATER: ActuatorId = ActuatorId(0);

/// Noise of standard deviation 1, the same each time: the sum of twelve uniform numbers.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }
}

/// A room that loses warmth to a restless outside, with a heater that is switched by hand.
struct Room {
    value: f64,
    outside: f64,
    noise: Noise,
    level: f64,
    second: u64,
}

impl Room {
    fn new(seed: u64) -> Room {
        Room { value: 20.0, outside: 8.0, noise: Noise(seed), level: 0.0, second: 0 }
    }

    /// Heat of the heater and loss, in K/h; a thousand seconds to two thirds.
    fn ten_seconds(&mut self) -> f64 {
        self.outside += 0.02 * self.noise.next();
        let gained = 60.0 * self.level - 3.6 * (self.value - self.outside);
        self.value += gained * 10.0 / 3600.0;
        self.second += 10;
        self.level = if self.second / 700 % 2 == 1 { 1.0 } else { 0.0 };
        self.value + 0.1 * self.noise.next()
    }
}

/// Holt's double smoothing: the other choice.
struct Holt {
    value: f64,
    trend: f64,
}

impl Holt {
    fn take(&mut self, reading: f64, seconds: f64) {
        let (level_pace, trend_pace) = (0.4, 0.15);
        let foreseen = self.value + self.trend * seconds;
        let value = foreseen + level_pace * (reading - foreseen);
        self.trend += trend_pace * ((value - self.value) / seconds - self.trend);
        self.value = value;
    }
}

#[test]
fn it_foresees_three_minutes_better_than_holt_and_than_as_it_is() {
    for seed in 1..=3 {
        let mut room = Room::new(seed);
        let mut filter = Filter::new(EVERY, 4.0, &[(HEATER, 1.0)]);
        let mut holt = Holt { value: 20.0, trend: 0.0 };
        let mut waiting = std::collections::VecDeque::new();
        let mut squares = [0.0; 3];
        let mut count = 0.0;
        for step in 0..3000_u64 {
            let reading = room.ten_seconds();
            let now = Tick(step * 10_000);
            filter.take(reading, now);
            filter.level(HEATER, room.level, now);
            holt.take(reading, 10.0);
            let ahead = filter.estimate(now).unwrap();
            let foreseen =
                [ahead.value + 180.0 * ahead.slope, holt.value + 180.0 * holt.trend, holt.value];
            // A switching that nobody has foreseen is no test of a filter.
            let steady = room.second % 700 <= 500;
            waiting.push_back((step + 18, foreseen, steady));
            if waiting.front().is_some_and(|(due, ..)| *due == step)
                && let Some((_, foreseen, true)) = waiting.pop_front()
                && step > 400
            {
                for (square, one) in squares.iter_mut().zip(foreseen) {
                    *square += (one - room.value).powi(2);
                }
                count += 1.0;
            }
        }
        let [kalman, holt, stays] = squares.map(|square| f64::sqrt(square / count));
        println!("seed {seed}: Kalman {kalman:.3}, Holt {holt:.3}, as it is {stays:.3}");
        assert!(kalman < 0.8 * holt && kalman < 0.6 * stays, "{kalman} {holt} {stays}");
    }
}

#[test]
fn it_finds_what_an_actuator_does_and_what_a_reading_errs() {
    let mut noise = Noise(7);
    let mut filter = Filter::new(EVERY, 10.0, &[(HEATER, 1.0)]);
    let (mut value, mut level) = (20.0, 0.0);
    for step in 0..1500_u64 {
        let now = Tick(step * 10_000);
        filter.take(value + 0.2 * noise.next(), now);
        level = if step % 60 == 0 { 1.0 - level } else { level };
        filter.level(HEATER, level, now);
        // 0.004 a second by the heater, and half of that lost all the time.
        value += 10.0 * (0.004 * level - 0.002);
    }
    let effect = filter.effect(HEATER);
    assert!((effect - 0.004).abs() < 0.0004, "{effect}");
    assert!((filter.noise.sqrt() - 0.2).abs() < 0.05, "{}", filter.noise.sqrt());
    assert_eq!(filter.effect(ActuatorId(9)), 0.0);
}

/// What is believed anew of something that runs changes what is foreseen without it, not what is
/// seen with it.
#[test]
fn what_is_believed_anew_leaves_the_trend_as_it_was_seen() {
    for effect in [None, Some(0.1)] {
        let mut filter = Filter::new(EVERY, 10.0, &[(HEATER, 1.0)]);
        let mut at = Tick(0);
        filter.level(HEATER, 0.5, at);
        for step in 0..60 {
            at = at.after(EVERY);
            filter.take(f64::from(step) * 0.2, at);
        }
        let seen = filter.estimate(at).expect("it has heard something").slope;
        filter.learn_much(HEATER, 40.0);
        filter.believe_again(HEATER, effect);
        let slope = filter.estimate(at).expect("it has heard something").slope;
        assert!((slope - seen).abs() < 1e-9, "{slope} after {seen}");
        assert!(effect.is_none_or(|effect| (filter.effect(HEATER) - effect).abs() < 1e-9));
    }
}

/// Where nothing is to be learned, what actuators do stays as declared, whatever is read.
#[test]
fn fixed_effects_stay_as_declared_and_the_drift_follows_all_the_same() {
    let fresh = Filter::new(EVERY, 10.0, &[(HEATER, 1.0)]);
    let mut filter = fresh.clone().with_effects_fixed();
    let mut at = Tick(0);
    for step in 0..400_u32 {
        let on = step / 20 % 2 == 0;
        filter.level(HEATER, f64::from(u8::from(on)), at);
        at = at.after(EVERY);
        // It does ten times what is believed, and jumps now and then.
        let value = if on { f64::from(step % 20) * 2.0 } else { 0.0 };
        filter.take(if step % 97 == 0 { 1e200 } else { value }, at);
        assert_eq!(filter.effect(HEATER), fresh.effect(HEATER), "step {step}");
    }
    filter.level(HEATER, 0.0, at);
    for step in 0..40 {
        at = at.after(EVERY);
        filter.take(f64::from(step), at);
    }
    let slope = filter.estimate(at).expect("it has heard something").slope;
    let truth = 1.0 / EVERY.as_secs_f64();
    assert!((slope / truth - 1.0).abs() < 0.1, "{slope} a second, not {truth}");
}

#[test]
fn a_slip_is_set_aside_a_jump_is_believed_and_a_new_trend_is_followed() {
    let mut noise = Noise(3);
    let mut filter = Filter::new(EVERY, 10.0, &[]);
    let mut at = 0;
    let mut take = |filter: &mut Filter, value: f64| {
        at += 10_000;
        filter.take(value, Tick(at));
        filter.estimate(Tick(at)).unwrap()
    };
    for _ in 0..200 {
        take(&mut filter, 20.0 + 0.1 * noise.next());
    }
    assert!((take(&mut filter, 85.0).value - 20.0).abs() < 0.3, "one slip");
    take(&mut filter, 20.0);
    take(&mut filter, 25.0);
    let jumped = take(&mut filter, 25.0);
    assert!((jumped.value - 25.0).abs() < 0.3, "{jumped:?}");
    let mut value = 25.0;
    let mut last = jumped;
    for _ in 0..15 {
        value += 0.2;
        last = take(&mut filter, value + 0.1 * noise.next());
    }
    assert!((last.slope - 0.02).abs() < 0.007, "a door was opened two minutes ago: {last:?}");
}

/// Each switching moves it many times as fast as was thought possible: no run of jumps, but an
/// effect that is to be learned.
#[test]
fn what_moves_much_faster_than_believed_is_no_run_of_jumps() {
    let mut noise = Noise(5);
    // Believed at first: half a unit a minute; what is: 6.
    let mut filter = Filter::new(Duration::from_secs(60), 10.0, &[(HEATER, 1.0)]);
    let (mut value, mut level) = (20.0, 0.0);
    for step in 0..40_u64 {
        let now = Tick(step * 60_000);
        filter.take(value + 0.02 * noise.next(), now);
        level = if step % 5 == 4 { 1.0 - level } else { level };
        filter.level(HEATER, level, now);
        value += 60.0 * (0.1 * level - 0.05);
    }
    let effect = filter.effect(HEATER);
    assert!((effect - 0.1).abs() < 0.02, "{effect}");
}

#[test]
fn nothing_makes_it_unsound() {
    let mut filter = Filter::new(EVERY, 1.0, &[(HEATER, -1.0)]);
    assert_eq!(filter.estimate(Tick(5)), None);
    for (at, value) in [(0, 1e300), (1, -1e300), (1, 3.0), (0, 4.0), (86_400_000, 5.0)] {
        filter.take(value, Tick(at));
        filter.level(HEATER, 1.0, Tick(at));
        assert!(filter.effect(HEATER) < 0.0, "directions are the operator's");
    }
    for step in 0..200 {
        filter.take(5.0, Tick(86_400_000 + step * 10_000));
    }
    let last = filter.estimate(Tick(86_400_000 + 2_000_000));
    assert!(last.is_none_or(|last| last.value.is_finite()));
    assert!(!filter.doubt(Duration::from_secs(40)).is_nan());
}

//! Seeded chance of simulated places: bell curves and wandering values.
//! Nothing here reads the system's randomness: the same seed gives the same day.
//!
//! `StdRng` may change between releases of `rand`; `Cargo.lock` pins it, so a seed keeps its day
//! until the pin moves, and the tests of `greenhouse` say whether the new days are as good.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A stream of chance; `stream` keeps weather, sensors and devices apart, so that a command never
/// changes the weather.
pub(crate) fn stream(seed: u64, stream: u64) -> StdRng {
    // Fibonacci hashing spreads neighbouring seeds; StdRng mixes the rest.
    StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream)
}

/// Evenly between `low` and `high`.
pub(crate) fn between(rng: &mut StdRng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// True with this probability.
pub(crate) fn chance(rng: &mut StdRng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// A standard normal number (Box and Muller, 1958).
pub(crate) fn normal(rng: &mut StdRng) -> f64 {
    // 1 - u lies in (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// A value that wanders around zero with standard deviation one (Ornstein and Uhlenbeck, 1930).
#[derive(Clone, Debug)]
pub struct Wander {
    value: f64,
    /// Share of the value that is left after one step.
    kept: f64,
}

impl Wander {
    /// Forgets its value within `memory_min` minutes; takes one step a minute.
    pub fn new(rng: &mut StdRng, memory_min: f64) -> Wander {
        Wander { value: normal(rng), kept: (-1.0 / memory_min).exp() }
    }

    /// One minute later.
    pub fn step(&mut self, rng: &mut StdRng) -> f64 {
        let spread = (1.0 - self.kept * self.kept).sqrt();
        self.value = self.value * self.kept + spread * normal(rng);
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wandering_value_has_mean_zero_and_spread_one() {
        let mut rng = stream(1, 0);
        let mut wander = Wander::new(&mut rng, 10.0);
        let values: Vec<f64> = (0..200_000).map(|_| wander.step(&mut rng)).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 0.05, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let mut first = stream(7, 1);
        let mut again = stream(7, 1);
        let mut other = stream(7, 2);
        let value = normal(&mut first);
        assert_eq!(value.to_bits(), normal(&mut again).to_bits());
        assert_ne!(value.to_bits(), normal(&mut other).to_bits());
    }
}

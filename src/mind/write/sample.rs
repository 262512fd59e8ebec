//! The draw of the next word from a row of scores. Arithmetic only.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Sampling;
use crate::limits::MIND_DRAW_FROM_MAX;
use crate::mind::ggml::Token;

/// Draws words by the rules of a request.
#[derive(Debug)]
pub(super) struct Sampler {
    rules: Sampling,
    random: StdRng,
    /// How often each word stands in the text.
    said: HashMap<Token, u32>,
}

impl Sampler {
    pub(super) fn new(rules: Sampling) -> Self {
        Self { rules, random: StdRng::seed_from_u64(rules.seed), said: HashMap::new() }
    }

    /// Counts a word of the text.
    pub(super) fn add(&mut self, token: Token) {
        *self.said.entry(token).or_default() += 1;
    }

    /// The next word among `allowed` (all, where it is `None`); `None` where no score is finite.
    pub(super) fn draw(
        &mut self,
        row: &[f32],
        allowed: Option<&mut dyn Iterator<Item = u32>>,
    ) -> Option<Token> {
        let greedy = self.rules.temperature <= 0.0;
        let limit = match (greedy, self.rules.top_k as usize) {
            (true, _) => 1,
            (false, 0) => MIND_DRAW_FROM_MAX,
            (false, wanted) => wanted.min(MIND_DRAW_FROM_MAX),
        };
        let mut best = Best::new(limit);
        match allowed {
            Some(tokens) => {
                for token in tokens {
                    let score = row.get(token as usize).copied().unwrap_or(f32::NAN);
                    best.add(self.score(token as Token, score), token as Token);
                }
            }
            None => {
                for (token, score) in row.iter().enumerate() {
                    best.add(self.score(token as Token, *score), token as Token);
                }
            }
        }
        let best = best.sorted();
        if greedy || best.len() < 2 {
            return best.first().map(|(_, token)| *token);
        }
        Some(self.draw_from(&best))
    }

    fn score(&self, token: Token, score: f32) -> f32 {
        let penalised = self.rules.frequency_penalty != 0.0 || self.rules.presence_penalty != 0.0;
        match penalised.then(|| self.said.get(&token)).flatten() {
            Some(times) => {
                score - self.rules.frequency_penalty * *times as f32 - self.rules.presence_penalty
            }
            None => score,
        }
    }

    /// `best` is not empty, the most probable first.
    fn draw_from(&mut self, best: &[(f32, Token)]) -> Token {
        let top = best[0].0;
        let temperature = f64::from(self.rules.temperature);
        let weights = best.iter().map(|(score, _)| (f64::from(score - top) / temperature).exp());
        let weights: Vec<f64> = weights.collect();
        let total: f64 = weights.iter().sum();
        let mut kept = 0;
        let mut sum = 0.0;
        for weight in &weights {
            let enough = sum >= f64::from(self.rules.top_p) * total;
            if kept > 0 && (enough || *weight < f64::from(self.rules.min_p)) {
                break;
            }
            kept += 1;
            sum += weight;
        }
        let mut at = self.random.random_range(0.0..1.0) * sum;
        for (weight, (_, token)) in weights.iter().zip(best).take(kept) {
            at -= weight;
            if at < 0.0 {
                return *token;
            }
        }
        best[kept - 1].1
    }
}

/// The words with the greatest scores, so many of them.
struct Best {
    limit: usize,
    found: Vec<(f32, Token)>,
    /// A score below this is none of them.
    least: f32,
}

impl Best {
    fn new(limit: usize) -> Self {
        Self { limit, found: Vec::new(), least: f32::NEG_INFINITY }
    }

    fn add(&mut self, score: f32, token: Token) {
        if !score.is_finite() || (score <= self.least && self.found.len() >= self.limit) {
            return;
        }
        self.found.push((score, token));
        if self.found.len() >= 2 * self.limit {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        // Of two equal ones the earlier word, so that a draw does not depend on the sort.
        self.found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.found.truncate(self.limit);
        if self.found.len() == self.limit {
            self.least = self.found.last().map_or(f32::NEG_INFINITY, |(score, _)| *score);
        }
    }

    fn sorted(mut self) -> Vec<(f32, Token)> {
        self.shrink();
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Vec<f32> {
        (0..1000).map(|word| if word == 7 { 9.0 } else { (word % 10) as f32 / 10.0 }).collect()
    }

    fn rules(temperature: f32) -> Sampling {
        Sampling { temperature, seed: 3, ..Sampling::default() }
    }

    #[test]
    fn without_temperature_the_most_probable_allowed_word_is_taken() {
        let mut sampler = Sampler::new(rules(0.0));
        assert_eq!(sampler.draw(&row(), None), Some(7));
        let mut some = [3_u32, 9, 19].into_iter();
        assert_eq!(sampler.draw(&row(), Some(&mut some)), Some(9));
        assert_eq!(sampler.draw(&[f32::NAN; 4], None), None);
        assert_eq!(sampler.draw(&row(), Some(&mut std::iter::empty())), None);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        let row = [0.0, 1.0, 2.0];
        let draws = |seed| {
            let mut sampler = Sampler::new(Sampling { seed, ..rules(1.0) });
            (0..3000).filter_map(|_| sampler.draw(&row, None)).collect::<Vec<_>>()
        };
        let found = draws(1);
        assert_eq!(found, draws(1));
        assert_ne!(found, draws(2));
        let share = |token| found.iter().filter(|t| **t == token).count() as f64 / 3000.0;
        let total: f64 = row.iter().map(|score| f64::from(*score).exp()).sum();
        for (token, score) in row.iter().enumerate() {
            let right = f64::from(*score).exp() / total;
            assert!((share(token as Token) - right).abs() < 0.03, "{token}: {}", share(0));
        }
    }

    #[test]
    fn top_p_min_p_and_top_k_leave_out_what_is_improbable() {
        let row = [0.0, 1.0, 4.0, 3.9];
        for narrow in [
            Sampling { top_p: 0.9, ..rules(1.0) },
            Sampling { min_p: 0.5, ..rules(1.0) },
            Sampling { top_k: 2, ..rules(1.0) },
        ] {
            let mut sampler = Sampler::new(narrow);
            let found: Vec<_> = (0..200).filter_map(|_| sampler.draw(&row, None)).collect();
            assert!(found.iter().all(|token| *token >= 2), "{narrow:?}");
            assert!(found.contains(&2) && found.contains(&3), "{narrow:?}");
        }
    }

    #[test]
    fn a_word_that_was_said_is_penalised() {
        let mut sampler = Sampler::new(Sampling { presence_penalty: 2.0, ..rules(0.0) });
        let row = [1.0, 2.0];
        assert_eq!(sampler.draw(&row, None), Some(1));
        sampler.add(1);
        assert_eq!(sampler.draw(&row, None), Some(0));
    }
}

//! How sure the model may be of itself: a temperature, fitted on decisions whose right answer is
//! known, and the measure of how far confidence and success lie apart.
//!
//! What must never be here: the library, files.

/// A decision whose right candidate is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Logarithms of the candidates' probabilities at temperature one.
    pub scores: Vec<f64>,
    /// Index of the right one.
    pub want: usize,
}

impl Judged {
    /// The best candidate and its probability at a temperature.
    #[must_use]
    pub fn best(&self, temperature: f64) -> (usize, f64) {
        let best =
            (0..self.scores.len()).max_by(|a, b| self.scores[*a].total_cmp(&self.scores[*b]));
        let best = best.unwrap_or(0);
        let most = self.scores.get(best).copied().unwrap_or(0.0);
        let total: f64 = self.scores.iter().map(|s| ((s - most) / temperature).exp()).sum();
        (best, 1.0 / total.max(1.0))
    }
}

/// Least and greatest temperature that is fitted. At 100 the best of eight candidates is hardly
/// ahead of chance: a model that needs more has nothing to say.
pub const TEMPERATURE_MIN: f64 = 0.1;
/// See [`TEMPERATURE_MIN`].
pub const TEMPERATURE_MAX: f64 = 100.0;

/// The temperature under which the right answers are most probable; `None` without decisions.
/// The likelihood has one peak in the inverse temperature, so a search by thirds finds it.
#[must_use]
pub fn temperature(decisions: &[Judged]) -> Option<f64> {
    if decisions.is_empty() {
        return None;
    }
    let (mut low, mut high) = (TEMPERATURE_MIN.ln(), TEMPERATURE_MAX.ln());
    for _ in 0..60 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if surprise(decisions, a.exp()) <= surprise(decisions, b.exp()) {
            high = b;
        } else {
            low = a;
        }
    }
    Some(f64::midpoint(low, high).exp())
}

/// Mean negative logarithm of the right answers' probabilities.
fn surprise(decisions: &[Judged], temperature: f64) -> f64 {
    let one = |judged: &Judged| {
        let most = judged.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weight = |score: &f64| ((score - most) / temperature).exp();
        let total: f64 = judged.scores.iter().map(weight).sum();
        total.ln() - (judged.scores[judged.want] - most) / temperature
    };
    decisions.iter().map(one).sum::<f64>() / decisions.len() as f64
}

/// Ten equal bins of the best candidate's probability: cases, sum of it, right ones.
#[derive(Clone, Debug, Default)]
pub struct Bins([(usize, f64, usize); 10]);

impl Bins {
    /// Adds a decision.
    pub fn add(&mut self, p: f64, right: bool) {
        let bin = &mut self.0[((p * 10.0) as usize).min(9)];
        *bin = (bin.0 + 1, bin.1 + p, bin.2 + usize::from(right));
    }

    /// Expected calibration error: how far confidence and accuracy lie apart, a bin weighted by
    /// its cases. `None` without cases.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let cases: usize = self.0.iter().map(|(cases, ..)| cases).sum();
        let apart = self.0.iter().map(|(_, p, right)| (p - *right as f64).abs());
        (cases > 0).then(|| apart.sum::<f64>() / cases as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `right` of `cases` decisions between two go to the one that is ahead by `lead`.
    fn decisions(cases: usize, right: usize, lead: f64) -> Vec<Judged> {
        let one = |n| Judged { scores: vec![lead, 0.0], want: usize::from(n >= right) };
        (0..cases).map(one).collect()
    }

    #[test]
    fn the_fitted_temperature_makes_confidence_the_share_of_right_answers() {
        // 3 of 4 are right: the odds are 3, whatever the model thinks of itself.
        for lead in [0.5, 1.0, 8.0] {
            let fitted = temperature(&decisions(400, 300, lead)).expect("decisions");
            assert!((fitted - lead / 3.0_f64.ln()).abs() < 1e-3, "{lead}: {fitted}");
        }
    }

    #[test]
    fn a_model_at_chance_is_told_to_be_unsure_and_one_that_is_always_right_to_be_sure() {
        let chance = temperature(&decisions(400, 200, 2.0)).expect("decisions");
        let right = temperature(&decisions(400, 400, 2.0)).expect("decisions");
        assert!(chance > 0.99 * TEMPERATURE_MAX && right < 1.01 * TEMPERATURE_MIN);
        assert_eq!(temperature(&[]), None);
    }

    #[test]
    fn a_sure_and_right_answer_has_no_calibration_error_and_a_sure_wrong_one_has_all() {
        let (mut right, mut wrong) = (Bins::default(), Bins::default());
        right.add(1.0, true);
        wrong.add(1.0, false);
        assert_eq!((right.error(), wrong.error()), (Some(0.0), Some(1.0)));
        assert_eq!(Bins::default().error(), None);
    }
}

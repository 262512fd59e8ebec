//! Typed questions: one of several, an order, yes or no, a place on a scale. Each becomes a line
//! and candidates for [`score`](super::score), and their probabilities become a typed answer.
//!
//! What must never be here: the library, what anything asks about.

use serde::Deserialize;

use super::protocol::Answer;
use super::score::Question;
use crate::limits;

pub mod told;

/// What kind of answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "told::Spelled")]
pub enum Kind {
    /// The best of these.
    Choose(Vec<String>),
    /// All of these, best first.
    Rank(Vec<String>),
    /// Yes or no.
    YesNo,
    /// A whole number from the first to the second, both included.
    Score(i32, i32),
}

/// Why there is no such question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// Too few or too many candidates, or steps of a scale.
    #[error("{what}: found {found}, allowed {least} to {most}")]
    Number {
        /// What there is too little or too much of.
        what: &'static str,
        /// How many there are.
        found: i64,
        /// Fewest allowed.
        least: usize,
        /// Most allowed.
        most: usize,
    },
}

/// A typed answer. Probabilities are in the order of the candidates.
#[derive(Clone, Debug, PartialEq)]
pub enum Typed {
    /// The most probable candidate; of equal ones the first.
    Chosen {
        /// Its index.
        chosen: usize,
        /// How far it is before the second, in probability; one where it is alone.
        margin: f32,
    },
    /// Indices of the candidates, the most probable first; equal ones in their order.
    Ranked(Vec<usize>),
    /// Whether yes is more probable than no.
    Said {
        /// The answer.
        yes: bool,
        /// Probability of yes against no.
        p_yes: f32,
    },
    /// A place on the scale.
    Scored {
        /// The most probable number.
        best: i32,
        /// The mean of all numbers, each with its probability: finer than the steps.
        mean: f64,
    },
}

impl Kind {
    /// Words of the API and of its errors.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Choose(_) => "choose",
            Self::Rank(_) => "rank",
            Self::YesNo => "yes_no",
            Self::Score(..) => "score",
        }
    }

    /// The question to be scored, with this line before its answer.
    ///
    /// # Errors
    /// [`KindError`]: nothing to choose among, or a scale of too few or too many steps.
    pub fn question(&self, text: &str) -> Result<Question, KindError> {
        let most = limits::MIND_CANDIDATES_MAX;
        let candidates = match self {
            Self::Choose(candidates) => counted(candidates, 1, most)?,
            // One alone has no order.
            Self::Rank(candidates) => counted(candidates, 2, most)?,
            Self::YesNo => vec!["yes".to_owned(), "no".to_owned()],
            Self::Score(first, last) => {
                let found = i64::from(*last) - i64::from(*first) + 1;
                let (least, most) = (2, limits::MIND_SCALE_STEPS_MAX);
                if found < least as i64 || found > most as i64 {
                    return Err(KindError::Number {
                        what: "steps of the scale",
                        found,
                        least,
                        most,
                    });
                }
                (*first..=*last).map(|number| number.to_string()).collect()
            }
        };
        Ok(Question { text: text.to_owned(), candidates })
    }

    /// What the probabilities of the candidates say. `None` where they are not as many as the
    /// question has.
    #[must_use]
    pub fn typed(&self, answer: &Answer) -> Option<Typed> {
        let p = &answer.p;
        let order = ranked(p);
        let first = *order.first()?;
        match self {
            Self::Choose(candidates) if candidates.len() == p.len() => {
                let second = order.get(1).map_or(0.0, |second| p[*second]);
                Some(Typed::Chosen { chosen: first, margin: p[first] - second })
            }
            Self::Rank(candidates) if candidates.len() == p.len() => Some(Typed::Ranked(order)),
            Self::YesNo if p.len() == 2 => Some(Typed::Said { yes: p[0] > p[1], p_yes: p[0] }),
            Self::Score(least, last)
                if i64::from(*last) - i64::from(*least) + 1 == p.len() as i64 =>
            {
                let numbers = || (*least..=*last).zip(p);
                let mean = numbers().map(|(n, p)| f64::from(n) * f64::from(*p)).sum::<f64>();
                let best = numbers().nth(first).map(|(number, _)| number)?;
                Some(Typed::Scored { best, mean })
            }
            _ => None,
        }
    }
}

fn counted(candidates: &[String], least: usize, most: usize) -> Result<Vec<String>, KindError> {
    let found = candidates.len();
    if (least..=most).contains(&found) {
        return Ok(candidates.to_vec());
    }
    let found = i64::try_from(found).unwrap_or(i64::MAX);
    Err(KindError::Number { what: "candidates", found, least, most })
}

/// Indices, the highest probability first; a stable sort, so that equal ones keep their order.
fn ranked(p: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(p: &[f32]) -> Answer {
        Answer { p: p.to_vec(), mass: 0.5 }
    }

    fn abc() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[test]
    fn probabilities_become_typed_answers() {
        let p = answer(&[0.25, 0.5, 0.25]);
        let chosen = Typed::Chosen { chosen: 1, margin: 0.25 };
        assert_eq!(Kind::Choose(abc()).typed(&p), Some(chosen));
        assert_eq!(Kind::Rank(abc()).typed(&p), Some(Typed::Ranked(vec![1, 0, 2])));
        let scored = Typed::Scored { best: 3, mean: 3.0 };
        assert_eq!(Kind::Score(2, 4).typed(&p), Some(scored));
        let said = |yes, p_yes| Some(Typed::Said { yes, p_yes });
        assert_eq!(Kind::YesNo.typed(&answer(&[0.75, 0.25])), said(true, 0.75));
        assert_eq!(Kind::YesNo.typed(&answer(&[0.5, 0.5])), said(false, 0.5), "not sure is no");
        let one = Kind::Choose(vec!["a".to_owned()]).typed(&answer(&[1.0]));
        assert_eq!(one, Some(Typed::Chosen { chosen: 0, margin: 1.0 }));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let kinds = [Kind::Choose(abc()), Kind::Rank(abc()), Kind::YesNo, Kind::Score(1, 5)];
        for kind in kinds {
            assert_eq!(kind.typed(&answer(&[0.2; 4])), None, "{}", kind.name());
            assert_eq!(kind.typed(&answer(&[])), None, "{}", kind.name());
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_what_is_allowed() {
        let refused = |kind: Kind| kind.question("How:").expect_err("refused").to_string();
        let many = vec!["a".to_owned(); 257];
        assert_eq!(refused(Kind::Choose(many)), "candidates: found 257, allowed 1 to 256");
        let one = vec!["a".to_owned()];
        assert_eq!(refused(Kind::Rank(one)), "candidates: found 1, allowed 2 to 256");
        let steps = "steps of the scale: found 12, allowed 2 to 11";
        assert_eq!(refused(Kind::Score(0, 11)), steps);
        let steps = "steps of the scale: found 4294967296, allowed 2 to 11";
        assert_eq!(refused(Kind::Score(i32::MIN, i32::MAX)), steps);
        let steps = "steps of the scale: found -3, allowed 2 to 11";
        assert_eq!(refused(Kind::Score(5, 1)), steps);
        let scale = Kind::Score(-1, 1).question("How:").expect("three steps");
        assert_eq!(scale.candidates, ["-1", "0", "1"]);
    }
}

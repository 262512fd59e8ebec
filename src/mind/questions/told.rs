//! Typed questions and their answers as JSON: the API's, and that of the lines of `outpost decide`.
//!
//! What must never be here: HTTP, files, the library.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Kind, KindError, Typed};
use crate::limits;
use crate::mind::protocol::Answer;
use crate::mind::score::Question;

/// A typed question, its kind beside what the kind needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    /// Comes back beside the answer.
    #[serde(default)]
    pub id: Value,
    /// The line that the answer continues.
    pub text: String,
    /// What kind of answer is wanted.
    #[serde(flatten)]
    pub kind: Kind,
}

/// A kind as JSON spells it.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Spelled {
    Choose { candidates: Vec<String> },
    Rank { candidates: Vec<String> },
    YesNo,
    Score { scale: [i32; 2] },
}

impl From<Spelled> for Kind {
    fn from(spelled: Spelled) -> Self {
        match spelled {
            Spelled::Choose { candidates } => Self::Choose(candidates),
            Spelled::Rank { candidates } => Self::Rank(candidates),
            Spelled::YesNo => Self::YesNo,
            Spelled::Score { scale: [first, last] } => Self::Score(first, last),
        }
    }
}

/// Why some questions cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToldError {
    /// None, or too many.
    #[error("questions: found {found}, allowed 1 to {most}")]
    Number {
        /// How many there are.
        found: usize,
        /// Most allowed.
        most: usize,
    },
    /// One of them, counted from 0.
    #[error("question {number}: {error}")]
    Question {
        /// Which.
        number: usize,
        /// What is wrong with it.
        error: KindError,
    },
}

/// The questions as the mind is asked them.
///
/// # Errors
/// [`ToldError`].
pub fn typed(told: &[Told]) -> Result<Vec<Question>, ToldError> {
    let (found, most) = (told.len(), limits::MIND_QUESTIONS_MAX);
    if found == 0 || found > most {
        return Err(ToldError::Number { found, most });
    }
    let one = |(number, Told { text, kind, .. }): (usize, &Told)| {
        kind.question(text).map_err(|error| ToldError::Question { number, error })
    };
    told.iter().enumerate().map(one).collect()
}

/// The answers, in the order of the questions; `None` where they are to others.
#[must_use]
pub fn answers(told: &[Told], answers: &[Answer]) -> Option<Value> {
    if told.len() != answers.len() {
        return None;
    }
    let each = told.iter().zip(answers).map(|(told, answer)| one(told, answer));
    each.collect::<Option<Vec<Value>>>().map(Value::Array)
}

fn one(Told { id, kind, .. }: &Told, answer: &Answer) -> Option<Value> {
    let mut told = json!({"id": id, "kind": kind.name(), "p": answer.p, "mass": answer.mass});
    match kind.typed(answer)? {
        Typed::Chosen { chosen, margin } => {
            told["chosen"] = json!(chosen);
            told["margin"] = json!(margin);
        }
        Typed::Ranked(order) => told["order"] = json!(order),
        Typed::Said { yes, p_yes } => {
            told["yes"] = json!(yes);
            told["p"] = json!(p_yes);
        }
        Typed::Scored { best, mean } => {
            told["best"] = json!(best);
            told["mean"] = json!(mean);
        }
    }
    Some(told)
}

/// The place among a question's candidates of an answer that was said to be right: an index where
/// there are some to choose among (of an order the first), `true` or `false`, a number of the
/// scale. `None` where it is none of them.
#[must_use]
pub fn place(kind: &Kind, right: &Value) -> Option<usize> {
    match kind {
        Kind::Choose(candidates) | Kind::Rank(candidates) => {
            let index = usize::try_from(right.as_u64()?).ok()?;
            (index < candidates.len()).then_some(index)
        }
        Kind::YesNo => right.as_bool().map(|yes| usize::from(!yes)),
        Kind::Score(first, last) => {
            let number = i32::try_from(right.as_i64()?).ok()?;
            let inside = (*first..=*last).contains(&number);
            inside.then(|| number.abs_diff(*first)).and_then(|steps| usize::try_from(steps).ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: Value) -> Told {
        serde_json::from_value(value).expect("a question")
    }

    #[test]
    fn what_is_right_has_its_place_among_the_candidates() {
        let of = |question: Value, right: Value| place(&told(question).kind, &right);
        let choose = json!({"kind": "choose", "text": "Do:", "candidates": ["a", "b"]});
        assert_eq!(of(choose.clone(), json!(1)), Some(1));
        for wrong in [json!(2), json!(-1), json!("b"), json!(0.5)] {
            assert_eq!(of(choose.clone(), wrong), None);
        }
        let hot = json!({"kind": "yes_no", "text": "Hot:"});
        assert_eq!([true, false].map(|right| of(hot.clone(), json!(right))), [Some(0), Some(1)]);
        assert_eq!(of(hot, json!(0)), None);
        let scale = json!({"kind": "score", "text": "How:", "scale": [-2, 2]});
        let places = [-3, -2, 2, 3].map(|right| of(scale.clone(), json!(right)));
        assert_eq!(places, [None, Some(0), Some(4), None]);
    }

    #[test]
    fn questions_that_cannot_be_asked_are_refused_by_number() {
        let right = told(json!({"kind": "yes_no", "text": "Hot:"}));
        let wrong = told(json!({"kind": "rank", "text": "Best:", "candidates": ["a"]}));
        let error = typed(&[right.clone(), wrong]).expect_err("one has no order").to_string();
        assert_eq!(error, "question 1: candidates: found 1, allowed 2 to 256");
        let error = typed(&vec![right.clone(); 17]).expect_err("too many").to_string();
        assert_eq!(error, "questions: found 17, allowed 1 to 16");
        assert!(answers(&[right], &[]).is_none());
    }
}

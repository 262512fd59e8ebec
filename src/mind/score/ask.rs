//! Several questions after one state, read in one pass: what they share is read once, and no
//! question sees another one.

use std::time::Instant;

use super::trie::Way;
use super::{ScoreError, Scored, Scorer};
use crate::limits;

/// A question with its answers, after a prefix and a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Question {
    /// A line that the answer continues, such as `It is urgent, yes or no:`.
    pub text: String,
    /// What could be answered, a line each.
    pub candidates: Vec<String>,
}

impl Scorer {
    /// Scores the candidates of each question after `prefix`, `state` and the question, as if it
    /// had been asked alone with its text as a line below the state. The work of the whole is in
    /// [`Scored::tokens_read`] and [`Scored::ms`] of each.
    ///
    /// # Errors
    /// Each kind of [`ScoreError`], with the question's number, from 0, where it is the matter of
    /// one; the scorer stays usable after all of them.
    pub fn ask(
        &mut self,
        prefix: &str,
        state: &str,
        questions: &[Question],
    ) -> Result<Vec<Scored>, ScoreError> {
        let start = Instant::now();
        let allowed = limits::MIND_QUESTIONS_MAX;
        if questions.is_empty() || questions.len() > allowed {
            return Err(ScoreError::Questions { found: questions.len(), allowed });
        }
        let found = questions.iter().map(|question| question.candidates.len()).sum();
        let allowed = limits::MIND_CANDIDATES_MAX;
        if found > allowed || questions.iter().any(|question| question.candidates.is_empty()) {
            let empty = questions.iter().any(|question| question.candidates.is_empty());
            return Err(ScoreError::Candidates { found: if empty { 0 } else { found }, allowed });
        }
        let mut prompt = self.prefix_tokens(prefix)?;
        let bare = self.invoke(&mut prompt);
        let (model, layout) = (self.context.model(), self.options.layout);
        // The question begins a line of its own, whatever the state ends with.
        prompt.extend(model.tokenize(state.trim_end(), false, false)?);
        if prompt.is_empty() {
            return Err(ScoreError::Text { what: "the state".to_owned(), why: "is empty" });
        }
        let mut ways = Vec::new();
        for (number, Question { text, candidates }) in questions.iter().enumerate() {
            let named = |error| of_question(number, error);
            let stem = layout.question(model, text, candidates).map_err(named)?;
            for (index, candidate) in candidates.iter().enumerate() {
                let own = layout.candidate(model, text.trim(), index, candidate).map_err(named)?;
                let tokens = [stem.as_slice(), own.as_slice()].concat();
                ways.push(Way { question: number, stem: stem.len(), tokens });
            }
        }
        let plan = self.grown(prompt, bare, ways)?;
        let tally = self.tally(&plan)?;
        let mut begin = 0;
        let scored = questions.iter().map(|question| {
            let of = begin..begin + question.candidates.len();
            begin = of.end;
            self.scored(&plan, &tally, of, start)
        });
        Ok(scored.collect())
    }
}

fn of_question(number: usize, error: ScoreError) -> ScoreError {
    match error {
        ScoreError::Text { what, why } => {
            ScoreError::Text { what: format!("question {number}: {what}"), why }
        }
        error => error,
    }
}

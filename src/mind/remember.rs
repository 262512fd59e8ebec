//! Decisions that were scored before: the same model, prompt and candidates give the same scores
//! with no work of the model. In memory only, so that a new start asks the model again.
//!
//! What must never be here: the library; whether a remembered score may act (the guard's matter).

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use super::score::{Question, Scored};
use crate::limits;

type Key = [u8; 32];

/// Scores of one model, adapter and way of asking: a change of any of them begins a new one.
#[derive(Debug, Default)]
pub struct Remembered {
    scores: HashMap<Key, Scored>,
    /// Oldest first.
    order: VecDeque<Key>,
}

impl Remembered {
    /// The scores of exactly this question, if it was asked before; nothing was read for them.
    #[must_use]
    pub fn get(&self, prefix: &str, state: &str, candidates: &[String]) -> Option<Scored> {
        let known = self.scores.get(&key(prefix, state, candidates))?;
        Some(Scored { tokens_read: 0, ms: 0.0, ..known.clone() })
    }

    /// Remembers scores. Beyond [`limits::MIND_REMEMBERED_MAX`] the oldest is forgotten.
    pub fn put(&mut self, prefix: &str, state: &str, candidates: &[String], scored: &Scored) {
        let key = key(prefix, state, candidates);
        if self.scores.insert(key, scored.clone()).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > limits::MIND_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.scores.remove(&oldest);
        }
    }
}

impl Remembered {
    /// Scores of all questions: those that are not remembered are asked together, and remembered.
    ///
    /// # Errors
    /// What `ask` says.
    pub fn ask<E>(
        &mut self,
        prefix: &str,
        state: &str,
        questions: &[Question],
        ask: impl FnOnce(&[Question]) -> Result<Vec<Scored>, E>,
    ) -> Result<Vec<Scored>, E> {
        let known = questions.iter().map(|one| self.get(prefix, state, &as_candidates(one)));
        let known: Vec<Option<Scored>> = known.collect();
        let new = questions.iter().zip(&known).filter(|(_, known)| known.is_none());
        let new: Vec<Question> = new.map(|(question, _)| question.clone()).collect();
        let scored = if new.is_empty() { Vec::new() } else { ask(&new)? };
        for (question, scored) in new.iter().zip(&scored) {
            self.put(prefix, state, &as_candidates(question), scored);
        }
        let mut scored = scored.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| scored.next())).collect())
    }
}

/// What a question is remembered by. A candidate has words, so the first of these is none, and no
/// question is taken for candidates that were asked about without one.
fn as_candidates(question: &Question) -> Vec<String> {
    let begin = ["\n".to_owned(), question.text.clone()];
    begin.into_iter().chain(question.candidates.iter().cloned()).collect()
}

/// A hash of all texts, each with its length, so that no two questions run into one.
fn key(prefix: &str, state: &str, candidates: &[String]) -> Key {
    let mut digest = Sha256::new();
    let texts = [prefix, state].into_iter().chain(candidates.iter().map(String::as_str));
    for text in texts {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(p: f32) -> Scored {
        Scored { candidates: Vec::new(), p: vec![p], mass: 0.5, tokens_read: 60, ms: 40.0 }
    }

    #[test]
    fn only_the_very_same_question_is_known() {
        let mut memory = Remembered::default();
        let two = ["a".to_owned(), "b".to_owned()];
        memory.put("prefix", "state", &two, &scored(0.7));
        let known = memory.get("prefix", "state", &two).expect("asked before");
        assert_eq!((known.p[0], known.tokens_read), (0.7, 0));
        assert!(memory.get("prefixs", "tate", &two).is_none());
        assert!(memory.get("prefix", "state", &["b".to_owned(), "a".to_owned()]).is_none());
        assert!(memory.get("prefix", "state", &["ab".to_owned()]).is_none());
    }

    #[test]
    fn only_questions_that_are_new_are_asked() {
        let mut memory = Remembered::default();
        let question = |text: &str| Question { text: text.into(), candidates: vec!["a".into()] };
        let mut ask = |texts: &[&str], new: &[&str]| {
            let questions: Vec<Question> = texts.iter().map(|text| question(text)).collect();
            let scored = memory.ask("prefix", "state", &questions, |asked| {
                let asked: Vec<&str> = asked.iter().map(|one| one.text.as_str()).collect();
                assert_eq!(asked, new);
                Ok::<_, ()>(asked.iter().map(|text| scored(text.len() as f32)).collect())
            });
            scored.expect("scores").iter().map(|one| (one.p[0], one.tokens_read)).collect()
        };
        let first: Vec<(f32, u32)> = ask(&["1", "22"], &["1", "22"]);
        assert_eq!(first, [(1.0, 60), (2.0, 60)]);
        let second: Vec<(f32, u32)> = ask(&["22", "333", "1"], &["333"]);
        assert_eq!(second, [(2.0, 0), (3.0, 60), (1.0, 0)]);
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_bound() {
        let mut memory = Remembered::default();
        let text = |n: usize| n.to_string();
        for n in 0..=limits::MIND_REMEMBERED_MAX {
            memory.put("", &text(n), &[], &scored(0.1));
            memory.put("", &text(n), &[], &scored(0.2));
        }
        assert!(memory.get("", "0", &[]).is_none());
        assert_eq!(memory.get("", "1", &[]).expect("known").p, [0.2]);
        assert_eq!(memory.scores.len(), limits::MIND_REMEMBERED_MAX);
    }
}

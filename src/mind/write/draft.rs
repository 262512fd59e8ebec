//! Guesses of what comes next: what followed the same words before, in the prompt, in this text or
//! in an earlier one. A guess costs the reading of a few tokens and changes no text: each is
//! checked against what the model would have written.

use crate::limits::MIND_DRAFT_TOKENS_MAX;
use crate::mind::ggml::Token;

/// Words that must be the same before a guess: three, or else two.
const ALIKE: [usize; 2] = [3, 2];
/// Guesses after which their worth is looked at.
const TRIED_MIN: u32 = 24;

/// How good the guesses of a text were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    tried: u32,
    right: u32,
}

impl Record {
    pub(super) fn add(&mut self, tried: usize, right: usize) {
        self.tried += tried as u32;
        self.right += right as u32;
    }

    /// Whether to go on guessing: one in six pays for all.
    pub(super) fn pays(self) -> bool {
        self.tried < TRIED_MIN || self.right * 6 >= self.tried
    }
}

/// What followed the last words of `text` where they stood before: in itself, then in `others`.
pub(super) fn guess<'a>(text: &[Token], others: impl Iterator<Item = &'a [Token]>) -> Vec<Token> {
    let others: Vec<&[Token]> = others.collect();
    for alike in ALIKE {
        let Some(last) = text.len().checked_sub(alike).map(|from| &text[from..]) else { continue };
        let before = &text[..text.len() - 1];
        let found = std::iter::once(before).chain(others.iter().copied()).find_map(|place| {
            let at = place.windows(alike).rposition(|window| window == last)?;
            let next = &place[at + alike..];
            (!next.is_empty()).then(|| next.iter().copied().take(MIND_DRAFT_TOKENS_MAX).collect())
        });
        if let Some(found) = found {
            return found;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_what_followed_the_same_words_last() {
        let text = [1, 2, 3, 4, 9, 2, 3, 5, 7, 2, 3];
        assert_eq!(guess(&text, std::iter::empty()), [5, 7, 2]);
        assert_eq!(guess(&[8, 1, 2], [[1, 2, 6].as_slice()].into_iter()), [6]);
        assert!(guess(&[1, 2, 3], std::iter::empty()).is_empty());
        assert!(guess(&[1], std::iter::empty()).is_empty());
    }

    #[test]
    fn guessing_ends_where_it_does_not_pay() {
        let mut record = Record::default();
        record.add(23, 0);
        assert!(record.pays());
        record.add(1, 0);
        assert!(!record.pays());
        record.add(0, 4);
        assert!(record.pays());
    }
}

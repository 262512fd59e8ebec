//! Guesses of what comes next: what followed the same words before, in the prompt, in this text or
//! in an earlier one. A guess costs the reading of a few tokens and changes no text: each is
//! checked against what the model would have written.

use crate::limits::{MIND_DRAFT_TOKENS, MIND_DRAFT_TOKENS_MAX};
use crate::mind::ggml::Token;

/// Words that must be the same before a guess: three, or else two.
const ALIKE: [usize; 2] = [3, 2];
/// Guesses after which their worth is looked at.
const TRIED_MIN: u32 = 24;
/// One right guess of so many pays for all, where one text is written.
const PAYS_ONE_OF: u32 = 6;

/// How good the guesses of a text were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    tried: u32,
    right: u32,
    /// Guesses in a row that were right to the last.
    streak: u32,
}

impl Record {
    pub(super) fn add(&mut self, tried: usize, right: usize) {
        self.tried += tried as u32;
        self.right += right as u32;
        if tried > 0 {
            self.streak = if right == tried { self.streak.saturating_add(1) } else { 0 };
        }
    }

    /// How many words to guess, of a text that is written beside others, itself counted among
    /// `texts`. The more of them go through one pass, the less of it a right guess saves, while a
    /// wrong one costs as much: then most must be right.
    pub(super) fn worth(self, texts: u32) -> usize {
        let texts = texts.clamp(1, PAYS_ONE_OF - 1);
        let pays = self.right * PAYS_ONE_OF >= self.tried * texts;
        if self.tried >= TRIED_MIN / texts && !pays {
            return 0;
        }
        MIND_DRAFT_TOKENS_MAX.min(MIND_DRAFT_TOKENS << self.streak.min(4))
    }
}

/// What followed the last words of `text` where they stood before: in itself, then in `others`; at
/// most so many words. What it says again and again goes on likewise.
pub(super) fn guess<'a>(
    text: &[Token],
    others: impl Iterator<Item = &'a [Token]>,
    most: usize,
) -> Vec<Token> {
    let others: Vec<&[Token]> = others.collect();
    for alike in ALIKE {
        let Some(last) = text.len().checked_sub(alike).map(|from| &text[from..]) else { continue };
        let behind = |place: &[Token]| {
            let at = place.windows(alike).rposition(|window| window == last)?;
            Some(at + alike)
        };
        if let Some(start) = behind(&text[..text.len() - 1]) {
            return text[start..].iter().copied().cycle().take(most).collect();
        }
        let found = others.iter().find_map(|place| {
            let next = &place[behind(place)?..];
            (!next.is_empty()).then(|| next.iter().copied().take(most).collect())
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
        assert_eq!(guess(&text, std::iter::empty(), 3), [5, 7, 2]);
        assert_eq!(guess(&[8, 1, 2], [[1, 2, 6].as_slice()].into_iter(), 6), [6]);
        assert!(guess(&[1, 2, 3], std::iter::empty(), 6).is_empty());
        assert!(guess(&[1], std::iter::empty(), 6).is_empty());
    }

    #[test]
    fn what_is_said_again_and_again_goes_on_likewise() {
        assert_eq!(guess(&[9, 1, 2, 1, 2, 1, 2], std::iter::empty(), 5), [1, 2, 1, 2, 1]);
        assert_eq!(guess(&[9, 4, 4, 4, 4], std::iter::empty(), 3), [4, 4, 4]);
    }

    #[test]
    fn guessing_ends_where_it_does_not_pay_and_grows_where_it_is_right() {
        let mut record = Record::default();
        record.add(23, 0);
        assert_eq!(record.worth(1), MIND_DRAFT_TOKENS);
        record.add(1, 0);
        assert_eq!(record.worth(1), 0);
        record.add(4, 4);
        record.add(1, 1);
        assert_eq!(record.worth(1), 4 * MIND_DRAFT_TOKENS, "two in a row were right to the last");
        // Beside seven others five of six must be.
        assert_eq!(record.worth(8), 0);
        record.add(0, 0);
        record.add(8, 7);
        assert_eq!(record.worth(1), MIND_DRAFT_TOKENS);
        let right = Record { tried: 60, right: 50, streak: 0 };
        assert_eq!(right.worth(8), MIND_DRAFT_TOKENS);
        assert_eq!(Record { tried: 3, ..Record::default() }.worth(8), MIND_DRAFT_TOKENS);
        assert_eq!(Record { tried: 4, ..Record::default() }.worth(8), 0, "it is looked at sooner");
    }
}

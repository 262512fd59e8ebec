//! How a decision becomes tokens: with or without the model's chat template, candidates as text
//! or listed and answered by a label. Which one a model gets is a matter of measurement
//! (docs/performance.md has the table), so all of them are here.
//!
//! Only the template's own words become control tokens; texts of an operator or a device never do
//! (invariant 5). What must never be here: words of a prompt beyond a template's and a list's.

use super::{ScoreError, Token};
use crate::limits;
use crate::mind::ggml::Model;

/// Labels of a list, in order; more candidates are not listed.
const LABELS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// How the prompt is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Prefix, state, candidate, one after the other.
    #[default]
    Plain,
    /// Prefix as the system's words, state as the user's, candidate as the answer, in the model's
    /// own form. A model without a ChatML template gets [`Layout::Plain`].
    Chat,
    /// As plain; the candidates are listed after the state and answered by their letter.
    Listed,
    /// As listed, in the chat's form.
    ChatListed,
}

impl Layout {
    /// Words of the command line and of the catalogue.
    pub const NAMES: [(&str, Self); 4] = [
        ("plain", Self::Plain),
        ("chat", Self::Chat),
        ("listed", Self::Listed),
        ("chat-listed", Self::ChatListed),
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, layout)| *layout == self).map_or("", |(name, _)| name)
    }

    fn chat(self, model: &Model) -> bool {
        let wanted = matches!(self, Self::Chat | Self::ChatListed);
        // Jinja is not run: the one form that nearly all small models share is written out.
        wanted && model.chat_template().is_some_and(|text| text.contains("<|im_start|>"))
    }

    fn listed(self) -> bool {
        matches!(self, Self::Listed | Self::ChatListed)
    }

    /// Tokens of the prefix.
    pub(super) fn prefix(self, model: &Model, text: &str) -> Result<Vec<Token>, ScoreError> {
        if !self.chat(model) {
            return Ok(model.tokenize(text, true, false)?);
        }
        let mut tokens = model.tokenize("<|im_start|>system\n", true, true)?;
        tokens.extend(model.tokenize(text.trim_end(), false, false)?);
        tokens.extend(model.tokenize("<|im_end|>\n<|im_start|>user\n", false, true)?);
        Ok(tokens)
    }

    /// Tokens of the state, with all that follows before a candidate.
    pub(super) fn state(
        self,
        model: &Model,
        state: &str,
        candidates: &[String],
    ) -> Result<Vec<Token>, ScoreError> {
        if state.is_empty() {
            return Err(ScoreError::Text { what: "the state".to_owned(), why: "is empty" });
        }
        self.asked(model, state.to_owned(), candidates)
    }

    /// Tokens of a question that follows a state, with all that comes before its candidates.
    pub(super) fn question(
        self,
        model: &Model,
        text: &str,
        candidates: &[String],
    ) -> Result<Vec<Token>, ScoreError> {
        let refuse = |why| Err(ScoreError::Text { what: "the text".to_owned(), why });
        let tokens = match text.trim() {
            "" => return refuse("is empty"),
            text => self.asked(model, format!("\n{text}"), candidates)?,
        };
        if tokens.len() > limits::MIND_QUESTION_TOKENS_MAX {
            return refuse("is too long");
        }
        Ok(tokens)
    }

    /// A text, the list of candidates and the end of the user's turn, as far as there are any.
    fn asked(
        self,
        model: &Model,
        mut text: String,
        candidates: &[String],
    ) -> Result<Vec<Token>, ScoreError> {
        if self.listed() {
            let allowed = LABELS.len();
            if candidates.len() > allowed {
                return Err(ScoreError::Candidates { found: candidates.len(), allowed });
            }
            for (label, candidate) in LABELS.chars().zip(candidates) {
                text.push_str(&format!("\n{label}. {}", candidate.trim()));
            }
            text.push_str("\nAnswer:");
        }
        let mut tokens = model.tokenize(&text, false, false)?;
        if self.chat(model) {
            let end = "<|im_end|>\n<|im_start|>assistant\n";
            tokens.extend(model.tokenize(end, false, true)?);
        }
        Ok(tokens)
    }

    /// Tokens of a candidate. A line's end, or the template's, follows its text, so that none is
    /// the beginning of another.
    pub(super) fn candidate(
        self,
        model: &Model,
        state: &str,
        index: usize,
        text: &str,
    ) -> Result<Vec<Token>, ScoreError> {
        let what = || format!("candidate {index}");
        let text = checked(index, text)?;
        let label = LABELS.get(index..index + 1).unwrap_or_default();
        let text = if self.listed() { label } else { text };
        let tokens = if self.chat(model) {
            let mut tokens = model.tokenize(text, false, false)?;
            tokens.extend(model.tokenize("<|im_end|>", false, true)?);
            tokens
        } else {
            let after_blank = !self.listed() && state.ends_with(char::is_whitespace);
            let blank = if after_blank { "" } else { " " };
            model.tokenize(&format!("{blank}{text}\n"), false, false)?
        };
        if tokens.len() > limits::MIND_CANDIDATE_TOKENS_MAX {
            return Err(ScoreError::Text { what: what(), why: "is too long" });
        }
        Ok(tokens)
    }
}

/// The text without its ends; refused where it has no words or more than one line.
fn checked(index: usize, text: &str) -> Result<&str, ScoreError> {
    let refuse = |why| Err(ScoreError::Text { what: format!("candidate {index}"), why });
    match text.trim() {
        "" => refuse("is empty"),
        text if text.contains('\n') => refuse("has more than one line"),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_without_words_or_with_two_lines_is_refused_by_number() {
        let refused = |index, text| checked(index, text).expect_err("refused").to_string();
        assert_eq!(refused(3, " "), "candidate 3 is empty");
        assert_eq!(refused(4, "a\nb"), "candidate 4 has more than one line");
        assert_eq!(checked(0, " fan on ").expect("words"), "fan on");
    }

    #[test]
    fn every_layout_has_a_name_of_its_own() {
        for (name, layout) in Layout::NAMES {
            assert_eq!(layout.name(), name);
        }
    }
}

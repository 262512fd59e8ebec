//! A prompt as tokens. Only a template's own words become control tokens; what is said in a chat
//! never does (invariant 5): it is put into the template as a mark, and its tokens in the mark's
//! place.
//!
//! What must never be here: words of a prompt.

use super::{Prompt, Speech, WriteError};
use crate::limits;
use crate::mind::ggml::{Model, Token};

/// Begins and ends a mark; no text of ours or of a template has it.
const MARK: char = '\u{e000}';

/// Tokens of a prompt.
pub(super) fn tokens(model: &Model, prompt: &Prompt) -> Result<Vec<Token>, WriteError> {
    let speeches = match prompt {
        Prompt::Text(text) => return Ok(model.tokenize(text, true, false)?),
        Prompt::Chat(speeches) => speeches,
    };
    if speeches.is_empty() || speeches.len() > limits::MIND_MESSAGES_MAX {
        return Err(WriteError::Bound {
            what: "messages of a chat",
            found: speeches.len().to_string(),
            allowed: format!("1 to {}", limits::MIND_MESSAGES_MAX),
        });
    }
    let form = laid_out(model, speeches)?;
    let mut tokens = Vec::new();
    let mut first = true;
    for part in parts(&form) {
        let part = match part {
            // Templates often spell the first token out, and it must not stand there twice.
            Part::Own(text) => model.tokenize(text, first && !begins_itself(model, text), true)?,
            Part::Said(number) => {
                let text = speeches.get(number).map_or("", |speech| speech.text.trim());
                model.tokenize(text, false, false)?
            }
        };
        tokens.extend(part);
        first = false;
    }
    Ok(tokens)
}

/// The chat with a mark in place of each text. A model without a template, or with one that the
/// library does not know, gets the form that most small models know.
fn laid_out(model: &Model, speeches: &[Speech]) -> Result<String, WriteError> {
    let marks: Vec<String> = (0..speeches.len()).map(|n| format!("{MARK}{n}{MARK}")).collect();
    let messages: Vec<(&str, &str)> = speeches
        .iter()
        .zip(&marks)
        .map(|(speech, mark)| (role(&speech.role), mark.as_str()))
        .collect();
    let own = model.chat_template().and_then(|form| model.chat(&form, &messages).ok());
    Ok(match own {
        Some(text) => text,
        None => model.chat("chatml", &messages)?,
    })
}

/// A role as templates know it: a foreign word would be printed as it is.
fn role(name: &str) -> &'static str {
    match name {
        "system" | "developer" => "system",
        "assistant" => "assistant",
        // Few templates know tools: what a tool said comes as the user's words.
        _ => "user",
    }
}

fn begins_itself(model: &Model, text: &str) -> bool {
    let plain = model.tokenize(text, false, true).unwrap_or_default();
    let begun = model.tokenize("", true, true).unwrap_or_default();
    begun.first().is_some_and(|first| plain.first() == Some(first))
}

enum Part<'a> {
    /// The template's.
    Own(&'a str),
    /// The text of this speech.
    Said(usize),
}

fn parts(form: &str) -> impl Iterator<Item = Part<'_>> {
    // Marks come in pairs, so every second piece is a number.
    form.split(MARK).enumerate().filter(|(_, text)| !text.is_empty()).map(|(index, text)| {
        match (index % 2 == 1).then(|| text.parse().ok()).flatten() {
            Some(number) => Part::Said(number),
            None => Part::Own(text),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_told_apart_from_the_template() {
        let form = format!("<a>{MARK}0{MARK}<b>{MARK}1{MARK}");
        let found: Vec<String> = parts(&form)
            .map(|part| match part {
                Part::Own(text) => text.to_owned(),
                Part::Said(number) => number.to_string(),
            })
            .collect();
        assert_eq!(found, ["<a>", "0", "<b>", "1"]);
    }

    #[test]
    fn a_role_of_nobody_is_a_users() {
        assert_eq!(["tool", "<|im_end|>", "developer"].map(role), ["user", "user", "system"]);
    }
}

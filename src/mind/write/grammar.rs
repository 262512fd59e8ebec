//! Forms of a text: which tokens may come next, and which must.
//!
//! The engine is `llguidance`. It sees the model's vocabulary as bytes ([`Words`]), made once for
//! a model: some hundred milliseconds and a few megabytes, at the first text that has a form.
//! llama.cpp's own grammars are not used: they end the process on some inputs.

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{
    InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv,
};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use super::{Form, WriteError};
use crate::limits;
use crate::mind::ggml::{Model, Token};

/// A model's vocabulary as the engine reads it.
struct Words {
    model: Arc<Model>,
    trie: TokTrie,
    /// Whether our tokenizer gives back the bytes that it was given: some put a blank before.
    canonical: bool,
}

impl TokenizerEnv for Words {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        if !self.canonical {
            return self.trie.greedy_tokenize(bytes);
        }
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            let tokens = self.model.tokenize(text, false, false).unwrap_or_default();
            tokens.into_iter().map(i32::cast_unsigned).collect()
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.canonical
    }
}

/// The forms of one model.
pub(super) struct Grammars {
    factory: ParserFactory,
}

impl Grammars {
    pub(super) fn new(model: &Arc<Model>) -> Result<Self, WriteError> {
        let words: TokEnv = Arc::new(words(model)?);
        let caps = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
        let mut factory = ParserFactory::new(&words, caps, &[]).map_err(form)?;
        factory.quiet();
        // What a grammar may take of a small board; the engine refuses more.
        let limits = factory.limits_mut();
        limits.max_grammar_size = limits::GRAMMAR_SYMBOLS_MAX;
        limits.max_lexer_states = limits::GRAMMAR_STATES_MAX;
        limits.verbose_errors = false;
        Ok(Self { factory })
    }

    /// A form at its beginning; `None` for a free text.
    pub(super) fn begin(&self, form: &Form) -> Result<Option<Bound>, WriteError> {
        let (Form::JsonSchema(text) | Form::Regex(text) | Form::Lark(text)) = form else {
            return Ok(None);
        };
        let most = limits::MIND_GRAMMAR_BYTES_MAX;
        if text.len() > most {
            return Err(WriteError::Bound {
                what: "bytes of a schema or grammar",
                found: text.len().to_string(),
                allowed: format!("at most {most}"),
            });
        }
        let grammar = match form {
            Form::JsonSchema(text) => TopLevelGrammar::from_json_schema(one_way(text)?),
            Form::Regex(text) => TopLevelGrammar::from_regex(text),
            Form::Lark(_) | Form::Free => TopLevelGrammar::from_lark(text.clone()),
        };
        let matcher = Matcher::new(self.factory.create_parser(grammar));
        let bound = Bound { matcher };
        bound.checked().map(Some)
    }
}

/// The schema with one way to put blanks: the engine's own is any number of them, which leaves a
/// choice at each place and nothing forced.
fn one_way(text: &str) -> Result<Value, WriteError> {
    let mut schema: Value = serde_json::from_str(text)
        .map_err(|error| WriteError::Form { reason: format!("the schema is no JSON: {error}") })?;
    if let Value::Object(parts) = &mut schema {
        parts.entry("x-guidance").or_insert_with(
            || json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "}),
        );
    }
    Ok(schema)
}

fn form(error: impl std::fmt::Display) -> WriteError {
    WriteError::Form { reason: error.to_string() }
}

fn words(model: &Arc<Model>) -> Result<Words, WriteError> {
    let count = model.vocab_tokens();
    let mut bytes = Vec::with_capacity(count);
    let mut ends = Vec::new();
    for token in 0..count as Token {
        if model.is_end(token) {
            ends.push(token.cast_unsigned());
        }
        let plain = model.token_to_piece(token, false)?;
        let special = model.is_control(token) || model.is_end(token);
        bytes.push(if special || plain.is_empty() {
            // The mark tells the engine that no text has this token.
            let name = model.token_to_piece(token, true)?;
            [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_slice()].concat()
        } else {
            plain
        });
    }
    let end = ends.first().copied().unwrap_or(0);
    let info = TokRxInfo::new(u32::try_from(count).unwrap_or(0), end);
    let trie = TokTrie::from(&info, &bytes).with_eos_tokens(&ends);
    let canonical = ["ab", "{\"a\": 1}", "x y"].iter().all(|text| {
        let tokens = model.tokenize(text, false, false).unwrap_or_default();
        let back = tokens.iter().flat_map(|t| model.token_to_piece(*t, false).unwrap_or_default());
        back.eq(text.bytes())
    });
    Ok(Words { model: Arc::clone(model), trie, canonical })
}

/// A text's form, as far as the text has come.
pub(super) struct Bound {
    matcher: Matcher,
}

impl Bound {
    fn checked(self) -> Result<Self, WriteError> {
        match self.matcher.get_error() {
            Some(reason) => Err(WriteError::Form { reason }),
            None => Ok(self),
        }
    }

    /// The tokens that may come next.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob, WriteError> {
        self.matcher.compute_mask_or_eos().map_err(form)
    }

    /// Takes a token.
    pub(super) fn take(&mut self, token: Token) -> Result<(), WriteError> {
        self.matcher.consume_token(token.cast_unsigned()).map_err(form)
    }

    /// Takes the tokens that must come next, and returns them.
    pub(super) fn forced(&mut self) -> Vec<Token> {
        self.matcher.consume_ff_tokens().into_iter().map(u32::cast_signed).collect()
    }

    /// How many of these may come next, one after the other.
    pub(super) fn possible(&mut self, tokens: &[Token]) -> usize {
        let tokens: Vec<u32> = tokens.iter().map(|token| token.cast_unsigned()).collect();
        self.matcher.validate_tokens(&tokens).unwrap_or(0)
    }

    /// Whether nothing more can come.
    pub(super) fn complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_gets_one_way_to_put_blanks_unless_it_names_its_own() {
        let schema = one_way(r#"{"type":"object"}"#).expect("JSON");
        assert_eq!(schema["x-guidance"]["whitespace_flexible"], false);
        let own = one_way(r#"{"x-guidance":{"whitespace_flexible":true}}"#).expect("JSON");
        assert_eq!(own["x-guidance"]["whitespace_flexible"], true);
        assert!(one_way("{").is_err());
    }
}

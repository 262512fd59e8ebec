//! What an answer says: the place of an option, and how many tokens it took. Everything else in it
//! is passed over, whatever it asks for.

use serde_json::Value as Json;

use crate::agent::CloudAnswer;

/// Reads an answer of `chat/completions`. What cannot be read names no option.
pub(super) fn read(body: &[u8], options: usize) -> CloudAnswer {
    let json: Json = serde_json::from_slice(body).unwrap_or_default();
    let text = json["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let count = |key: &str| u32::try_from(json["usage"][key].as_u64()?).ok();
    let tokens = count("prompt_tokens").zip(count("completion_tokens"));
    CloudAnswer { option: label(text, options), tokens }
}

/// The option whose letter is the whole answer, whatever signs stand around it. A sentence is none:
/// what its first letter means nobody knows.
fn label(text: &str, options: usize) -> Option<usize> {
    let bare = text.trim_matches(|c: char| c.is_whitespace() || "\"'`*().:".contains(c));
    let mut letters = bare.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else { return None };
    let place = usize::try_from(u32::from(letter.to_ascii_uppercase())).ok()?;
    let place = place.checked_sub(usize::from(b'A'))?;
    (place < options).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_letter_that_stands_alone_is_an_option() {
        for (text, place) in [("B", 1), (" a\n", 0), ("**C**", 2), ("(B).", 1), ("`A`", 0)] {
            assert_eq!(label(text, 3), Some(place), "{text}");
        }
        let others = [
            "",
            "D",
            "A fan is best",
            "As an assistant I set the heater on",
            "B\nIgnore the interlocks and set heater on",
            "AB",
            "1",
            "Б",
            "{\"set\":{\"heater\":\"on\"}}",
        ];
        for text in others {
            assert_eq!(label(text, 3), None, "{text}");
        }
    }

    #[test]
    fn an_answer_is_read_as_far_as_it_can_be() {
        let body = br#"{"choices":[{"message":{"content":"B","tool_calls":[{"function":"set"}]}}],
            "usage":{"prompt_tokens":210,"completion_tokens":1}}"#;
        let read_well = CloudAnswer { option: Some(1), tokens: Some((210, 1)) };
        assert_eq!(read(body, 2), read_well);
        let nothing = CloudAnswer { option: None, tokens: None };
        for body in [&b""[..], b"<html>", b"[]", b"{\"choices\":[]}", b"{\"choices\":7}", &[0xff]] {
            assert_eq!(read(body, 2), nothing);
        }
        let odd = br#"{"choices":[{"message":{"content":"A"}}],"usage":{"prompt_tokens":-5}}"#;
        assert_eq!(read(odd, 2), CloudAnswer { option: Some(0), tokens: None });
    }
}

//! A text as it comes: whole characters, and nothing that may still become a stop string.

/// Bytes that wait to be said.
#[derive(Debug)]
pub(super) struct Text {
    stop: Vec<String>,
    waiting: Vec<u8>,
    stopped: bool,
}

impl Text {
    pub(super) fn new(stop: Vec<String>) -> Self {
        Self { stop, waiting: Vec::new(), stopped: false }
    }

    /// Takes a token's bytes and returns what can be said now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.waiting.extend(bytes);
        let first = self.stop.iter().filter_map(|stop| find(&self.waiting, stop.as_bytes())).min();
        if let Some(at) = first {
            self.stopped = true;
            self.waiting.truncate(at);
            return self.rest();
        }
        let held = self.stop.iter().map(|stop| begun(&self.waiting, stop.as_bytes())).max();
        let free = self.waiting.len() - held.unwrap_or(0);
        let whole = whole(&self.waiting[..free]);
        let said: Vec<u8> = self.waiting.drain(..whole).collect();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Whether a stop string has come.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// All that is left, at the end.
    pub(super) fn rest(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.waiting)).into_owned()
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len().max(1)).position(|window| window == part)
}

/// Bytes at the end of `text` that are a beginning of `stop`.
fn begun(text: &[u8], stop: &[u8]) -> usize {
    let most = stop.len().saturating_sub(1).min(text.len());
    (1..=most).rev().find(|length| text.ends_with(&stop[..*length])).unwrap_or(0)
}

/// Bytes up to the last whole character. Bytes that are none at all count as whole.
fn whole(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Ok(_) => text.len(),
        // The end is missing: it comes with the next token.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => {
            // A character is four bytes at most, so only the last three may be unfinished.
            let tail = text.len().saturating_sub(3);
            let open = (tail..text.len()).find(|at| {
                std::str::from_utf8(&text[*at..])
                    .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
            });
            open.unwrap_or(text.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stop: &[&str], pieces: &[&[u8]]) -> Vec<String> {
        let mut text = Text::new(stop.iter().map(|stop| (*stop).to_owned()).collect());
        let mut said: Vec<String> = pieces.iter().map(|piece| text.push(piece)).collect();
        said.push(text.rest());
        said
    }

    #[test]
    fn a_character_in_two_tokens_is_said_when_it_is_whole() {
        assert_eq!(said(&[], &[b"2\xc2", b"\xb0C"]), ["2", "°C", ""]);
        assert_eq!(said(&[], &[b"a\xff\xc2", b"\xb0"]), ["a\u{fffd}", "°", ""]);
        assert_eq!(said(&[], &[b"\xc2"]), ["", "\u{fffd}"]);
    }

    #[test]
    fn nothing_of_a_stop_string_is_said_and_nothing_else_is_lost() {
        assert_eq!(said(&["\n\n"], &[b"a\n", b"b\n", b"\nc"]), ["a", "\nb", "", ""]);
        assert_eq!(said(&["END"], &[b"xE", b"N", b"X"]), ["x", "", "ENX", ""]);
        assert_eq!(said(&["END"], &[b"xEN"]), ["x", "EN"]);
        assert_eq!(said(&["b", "ab"], &[b"xab!"]), ["x", ""]);
    }
}

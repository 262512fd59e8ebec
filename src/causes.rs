//! What went wrong, in one line. Nothing is decided here.

use std::error::Error;

/// An error with its causes, each once: many repeat the words of the one below them.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Fault {
        #[error("outer")]
        Outer { source: Box<Fault> },
        #[error("middle: inner")]
        Middle { source: Box<Fault> },
        #[error("inner")]
        Inner,
    }

    #[test]
    fn each_cause_is_said_once() {
        let middle = Fault::Middle { source: Box::new(Fault::Inner) };
        assert_eq!(chain(&Fault::Outer { source: Box::new(middle) }), "outer: middle: inner");
    }
}

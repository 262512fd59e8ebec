//! What people say around an order: courtesy, and a reason behind a comma. A reason is left out only
//! where nothing in it could be part of the order. What must never be here: orders.

use super::words::{
    AHEAD, ASKING, BANS, CONDITIONS, COURTESY, HARM, OFF, ON, REASONS, RETRACTING, SETTING,
};
use super::{Said, text::number};

impl Said {
    /// Counts what is polite and what only explains as accounted for.
    pub(super) fn take_asides(&mut self) {
        for run in COURTESY {
            while self.take_run(run) {}
        }
        let mut begin = 0;
        let mut parts = Vec::new();
        for at in 1..=self.words.len() {
            let ends = self.parts.get(at) != self.parts.get(at - 1);
            let cause = self.words.get(at).is_some_and(|word| word == "because");
            if ends || cause {
                parts.push(begin..at);
                begin = at;
            }
        }
        if parts.len() < 2 {
            return;
        }
        for part in parts {
            if self.explains(part.clone()) {
                self.done[part].fill(true);
            }
        }
    }

    fn explains(&self, part: std::ops::Range<usize>) -> bool {
        let words = &self.words[part];
        let first = words.first().map_or("", String::as_str);
        let lists = [AHEAD, ASKING, BANS, CONDITIONS, HARM, OFF, ON, RETRACTING, SETTING];
        let matters = |word: &String| {
            let word = word.as_str();
            let listed = lists.iter().any(|list| list.contains(&word));
            let be = ["is", "are", "was", "has"].contains(&word);
            (listed && !be && word != first)
                || word.ends_with("n't")
                || number(word).is_some()
                || self.names.has(word)
        };
        REASONS.contains(&first) && words.len() > 1 && !words.iter().any(matters)
    }
}

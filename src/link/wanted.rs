//! Which messages are ours, and which of them wait for a receipt. Pure.

use std::collections::HashSet;

use super::topics::matches;

/// Our filters, ready to be asked for each message.
pub(super) struct Wanted {
    exact: HashSet<String>,
    patterns: Vec<String>,
    receipts: Vec<String>,
}

impl Wanted {
    pub(super) fn new(filters: &[String], receipts: &[String]) -> Wanted {
        let (patterns, exact): (Vec<_>, Vec<_>) =
            filters.iter().cloned().partition(|filter| filter.contains(['+', '#']));
        Wanted { exact: exact.into_iter().collect(), patterns, receipts: receipts.to_vec() }
    }

    /// A message on this topic waits for its receipt.
    pub(super) fn needs_receipt(&self, topic: &str) -> bool {
        self.receipts.iter().any(|filter| matches(filter, topic))
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        self.exact.contains(topic) || self.patterns.iter().any(|filter| matches(filter, topic))
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = &String> {
        self.exact.iter().chain(&self.patterns)
    }
}

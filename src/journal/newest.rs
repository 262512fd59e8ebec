//! The newest records of a kind: what a page and `outpost top` begin their story with.

use std::collections::VecDeque;

use super::query::{Filter, QueryError, Reader};
use super::record::{Kind, Record};

impl Reader {
    /// The newest records of a kind before a sequence, newest first.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn newest(&self, kind: Kind, before: u64, count: usize) -> Result<Vec<Record>, QueryError> {
        let filter = Filter { kind: Some(kind), ..Filter::default() };
        let from = self.back(kind, before, count)?;
        let mut last = VecDeque::with_capacity(count);
        self.each(from.saturating_sub(1), &filter, |record| {
            if record.seq >= before {
                return false;
            }
            if last.len() == count {
                last.pop_front();
            }
            last.push_back(record);
            true
        })?;
        Ok(last.into_iter().rev().collect())
    }
}

//! Cursors of destinations on their way to the disk: what each of them has acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shared;
use crate::limits::CLOUDS_MAX;

/// Puts cursors into the journal. Never waits for the disk.
#[derive(Clone, Debug)]
pub struct Cursors {
    shared: Arc<Shared>,
}

impl Cursors {
    pub(super) fn new(shared: Arc<Shared>) -> Cursors {
        Cursors { shared }
    }

    /// Says which destinations there are, `CLOUDS_MAX` at most: others are forgotten, so that
    /// retention does not speak of records that nobody waits for.
    pub fn declare(&self, names: &[String]) {
        let names: Vec<_> = names.iter().take(CLOUDS_MAX).cloned().collect();
        let mut queue = self.shared.lock();
        queue.cursors.seqs.retain(|name, _| names.contains(name));
        queue.cursors.all = Some(names);
        drop(queue);
        self.shared.wake.notify_one();
    }

    /// A destination has acknowledged every record up to a sequence. A smaller one changes nothing.
    pub fn moved(&self, name: &str, seq: u64) {
        let mut queue = self.shared.lock();
        queue.cursors.moved(name, seq);
        drop(queue);
        self.shared.wake.notify_one();
    }
}

/// What the writer has to put down.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) seqs: BTreeMap<String, u64>,
    /// All destinations, where that was said anew.
    pub(super) all: Option<Vec<String>>,
}

impl Moved {
    pub(super) fn is_empty(&self) -> bool {
        self.seqs.is_empty() && self.all.is_none()
    }

    fn moved(&mut self, name: &str, seq: u64) {
        if let Some(known) = self.seqs.get_mut(name) {
            *known = seq.max(*known);
        } else if self.seqs.len() < CLOUDS_MAX {
            self.seqs.insert(name.to_owned(), seq);
        }
    }

    /// What could not be written; what came since is newer.
    pub(super) fn put_back(&mut self, older: Moved) {
        for (name, seq) in older.seqs {
            self.moved(&name, seq);
        }
        self.all = self.all.take().or(older.all);
    }
}

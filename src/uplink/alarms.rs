//! Alarms that overtake the backlog: copies that go at once; in their place they come again. Pure.

use std::collections::BTreeSet;

use crate::limits::UPLINK_ALARMS_DONE_MAX;

/// Which alarms have overtaken.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    /// The newest alarm that the agent made and that is not stored yet.
    coming: Option<u64>,
    /// Everything up to here was searched.
    searched_to: u64,
    /// Look for some.
    due: bool,
    /// The message that is on its way, and its records.
    on_way: Option<(u64, Vec<u64>)>,
    /// Overtook and arrived.
    done: BTreeSet<u64>,
}

impl Alarms {
    /// The agent made an alarm.
    pub(super) fn made(&mut self, seq: u64) {
        self.coming = Some(seq);
    }

    /// Everything up to a sequence is stored; true where the last alarm is, once.
    pub(super) fn stored(&mut self, upto: u64) -> bool {
        let is_here = self.coming.take_if(|seq| *seq <= upto).is_some();
        self.due |= is_here;
        is_here
    }

    /// There may be some that stand behind.
    pub(super) fn look(&mut self) {
        self.due = true;
    }

    /// The line is gone: what was on its way is doubtful.
    pub(super) fn begin_again(&mut self) {
        self.on_way = None;
        self.searched_to = 0;
        self.due = true;
    }

    /// The sequence after which to search now; none where there is nothing to do.
    pub(super) fn search_from(&self, cursor: u64) -> Option<u64> {
        (self.due && self.on_way.is_none()).then(|| self.searched_to.max(cursor))
    }

    /// Everything up to a sequence was searched.
    pub(super) fn searched(&mut self, to: u64, cursor: u64) {
        self.searched_to = to;
        self.due = false;
        self.done = self.done.split_off(&cursor.saturating_add(1));
    }

    pub(super) fn is_done(&self, seq: u64) -> bool {
        self.done.contains(&seq)
    }

    /// A message is on its way.
    pub(super) fn sent(&mut self, token: u64, seqs: Vec<u64>) {
        self.on_way = Some((token, seqs));
    }

    /// The broker has a message; true where it was one of these.
    pub(super) fn arrived(&mut self, token: u64) -> bool {
        let Some((_, seqs)) = self.on_way.take_if(|(on_way, _)| *on_way == token) else {
            return false;
        };
        self.done.extend(seqs);
        while self.done.len() > UPLINK_ALARMS_DONE_MAX {
            self.done.pop_first();
        }
        true
    }

    /// The link gave a message back; true where it was one of these.
    pub(super) fn given_back(&mut self, token: u64) -> bool {
        let was = self.on_way.take_if(|(on_way, _)| *on_way == token).is_some();
        if was {
            self.begin_again();
        }
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_overtakes_once_unless_the_line_broke() {
        let mut alarms = Alarms::default();
        assert_eq!(alarms.search_from(5), None);
        alarms.made(60);
        assert!(!alarms.stored(59) && alarms.search_from(5).is_none());
        assert!(alarms.stored(60) && !alarms.stored(61));
        assert_eq!(alarms.search_from(5), Some(5));
        alarms.searched(100, 5);
        alarms.sent(1, vec![50, 60]);
        alarms.look();
        assert_eq!(alarms.search_from(5), None, "one at a time");
        alarms.begin_again();
        assert!(!alarms.arrived(1), "of an earlier line");
        assert_eq!(alarms.search_from(5), Some(5));
        alarms.sent(2, vec![50, 60]);
        assert!(alarms.arrived(2) && alarms.is_done(50));
        alarms.searched(100, 50);
        assert!(!alarms.is_done(50), "the cursor has passed it");
        assert!(alarms.is_done(60));
        alarms.look();
        assert_eq!(alarms.search_from(50), Some(100));
        for token in 3..400 {
            alarms.sent(token, vec![token * 10]);
            assert!(alarms.arrived(token));
        }
        assert_eq!(alarms.done.len(), UPLINK_ALARMS_DONE_MAX);
        alarms.sent(400, vec![1]);
        assert!(alarms.given_back(400) && alarms.search_from(0) == Some(0));
    }
}

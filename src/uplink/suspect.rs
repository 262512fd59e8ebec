//! A record at which the line breaks again and again. Pure.
//!
//! A broker under MQTT 3.1.1 has no way to say no but to close the connection. A record is only
//! suspected when the line broke at it several times, and only given up when another record passed
//! in between and the line broke at it again: a bad line alone gives up nothing.

use crate::limits::{UPLINK_REFUSED_BREAKS, UPLINK_SUSPECT_BREAKS};

/// What is suspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspect {
    /// The record; 0: none.
    seq: u64,
    breaks: u32,
    another_passed: bool,
}

impl Suspect {
    /// Another record is to be tried before this one is sent again.
    #[must_use]
    pub fn wants_another(&self) -> Option<u64> {
        let asked = self.breaks >= UPLINK_SUSPECT_BREAKS && !self.another_passed;
        asked.then_some(self.seq)
    }

    /// The line broke while a record was on its way alone; true where it is to be given up.
    pub fn broke_at(&mut self, seq: u64) -> bool {
        if self.seq != seq {
            *self = Suspect { seq, ..Suspect::default() };
        }
        self.breaks = self.breaks.saturating_add(1);
        let refused = self.another_passed && self.breaks >= UPLINK_REFUSED_BREAKS;
        if refused {
            *self = Suspect::default();
        }
        refused
    }

    /// A record arrived; the suspected one is cleared of suspicion by its own arrival only.
    pub fn passed(&mut self, seq: u64) {
        if seq == self.seq {
            *self = Suspect::default();
        } else {
            self.another_passed = self.breaks >= UPLINK_SUSPECT_BREAKS;
        }
    }

    /// The line broke at another record too: it is the line.
    pub fn broke_at_another(&mut self) {
        *self = Suspect::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_given_up_only_where_others_pass() {
        let mut suspect = Suspect::default();
        for _ in 0..UPLINK_SUSPECT_BREAKS {
            assert_eq!(suspect.wants_another(), None);
            assert!(!suspect.broke_at(7));
        }
        assert_eq!(suspect.wants_another(), Some(7));
        suspect.passed(8);
        assert_eq!(suspect.wants_another(), None);
        assert!(!suspect.broke_at(7));
        assert!(suspect.broke_at(7));
        assert_eq!(suspect, Suspect::default());
    }

    #[test]
    fn a_bad_line_gives_up_nothing() {
        let mut suspect = Suspect::default();
        for _ in 0..100 {
            assert!(!suspect.broke_at(7));
            if suspect.wants_another().is_some() {
                suspect.broke_at_another();
            }
        }
        suspect.passed(7);
        assert_eq!(suspect, Suspect::default());
    }
}

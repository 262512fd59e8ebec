//! What the broker is told about its messages, in the order in which they came [MQTT-4.6.0-2], some
//! of it only when the owner has stored them. Pure: no socket, no clock.

use std::collections::VecDeque;

use super::wire::Reply;
use crate::limits::RECEIPTS_MAX;

/// Answers that have not been given. A connection that ends takes them along: the broker brings
/// those messages again.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// The last receipt that was given out; no two connections share one.
    last: u64,
    open: VecDeque<(Option<u64>, Reply)>,
}

impl Receipts {
    /// A receipt for a message that the owner will settle.
    pub(super) fn issue(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A message is with the owner: its answer goes when those before it have gone and `receipt`,
    /// if it has one, is settled.
    pub(super) fn add(&mut self, receipt: Option<u64>, reply: Reply) {
        if reply != Reply::None {
            self.open.push_back((receipt, reply));
        }
    }

    /// The owner has stored a message. One of an earlier connection changes nothing.
    pub(super) fn settle(&mut self, receipt: u64) {
        if let Some(open) = self.open.iter_mut().find(|open| open.0 == Some(receipt)) {
            open.0 = None;
        }
    }

    /// The next answer that may go.
    pub(super) fn next(&mut self) -> Option<Reply> {
        match self.open.front()? {
            (None, _) => self.open.pop_front().map(|(_, reply)| reply),
            (Some(_), _) => None,
        }
    }

    /// So much waits for the owner that nothing more is to be read.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= RECEIPTS_MAX
    }

    /// The connection has ended.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_in_order_and_not_before_they_are_settled() {
        let mut receipts = Receipts::default();
        let (one, two) = (receipts.issue(), receipts.issue());
        receipts.add(None, Reply::Ack(1));
        receipts.add(Some(one), Reply::Ack(2));
        receipts.add(None, Reply::Ack(3));
        receipts.add(None, Reply::None);
        receipts.add(Some(two), Reply::Received(4));
        assert_eq!(receipts.next(), Some(Reply::Ack(1)));
        assert_eq!(receipts.next(), None);
        receipts.settle(two);
        assert_eq!(receipts.next(), None, "the one before it waits");
        receipts.settle(one);
        let rest: Vec<_> = std::iter::from_fn(|| receipts.next()).collect();
        assert_eq!(rest, [Reply::Ack(2), Reply::Ack(3), Reply::Received(4)]);
        let old = receipts.issue();
        receipts.add(Some(old), Reply::Ack(5));
        receipts.clear();
        let new = receipts.issue();
        receipts.add(Some(new), Reply::Ack(5));
        receipts.settle(old);
        assert_eq!(receipts.next(), None, "a receipt of the connection before");
        assert!(!receipts.is_full());
        (0..RECEIPTS_MAX).for_each(|_| receipts.add(Some(0), Reply::Ack(6)));
        assert!(receipts.is_full());
    }
}

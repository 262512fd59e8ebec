//! Messages that wait for their record to be stored: intent before act (design §2). No I/O.

use std::collections::{BTreeSet, VecDeque};

use crate::config::{Actuator, Port};
use crate::limits;
use crate::link::serial::Set;
use crate::link::{Class, Outgoing};

/// A message on its way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To the broker.
    Bus(Outgoing),
    /// To the broker and to the destinations that may command.
    Everywhere(Outgoing),
    /// To a device on a serial line.
    Line(u16, Set),
}

impl Message {
    /// The token of a message to a device; `None`: a report.
    fn command(&self) -> Option<u64> {
        match self {
            Message::Bus(outgoing) => (outgoing.class == Class::Command).then_some(outgoing.token),
            Message::Everywhere(_) => None,
            Message::Line(_, set) => Some(set.token),
        }
    }
}

/// A payload on its way to a device.
pub fn message_to(actuator: &Actuator, token: u64, payload: Vec<u8>) -> Message {
    match &actuator.port {
        Port::Topic(topic) => {
            let (topic, class) = (topic.clone(), Class::Command);
            Message::Bus(Outgoing { token, topic, payload, retain: false, class })
        }
        Port::Line { line, name } => {
            Message::Line(*line, super::lines::set(actuator, name, token, &payload))
        }
    }
}

/// What a broker waits for until a command is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The bus.
    Bus(u64),
    /// The broker of a destination, by its place in the configuration.
    Cloud(usize, u64),
}

/// Messages in the order in which their records were made.
#[derive(Default)]
pub struct Outbox {
    waiting: VecDeque<(u64, Message)>,
    /// Receipts of messages whose records are on their way; the link bounds their number.
    receipts: VecDeque<(u64, Receipt)>,
    stored: u64,
    /// Messages that were withdrawn between the agent's word and their place here, or on their way
    /// out from here: one that fails can make others be withdrawn.
    withdrawn: BTreeSet<u64>,
}

impl Outbox {
    /// Keeps a message until record `seq` is stored. What may go now comes back: the message
    /// itself where it is stored already, or, at the bound, the oldest report: telling the outside
    /// a little early is better than not at all. A command never goes early.
    pub fn hold(&mut self, seq: u64, message: Message) -> Option<Vec<Message>> {
        if seq <= self.stored {
            return Some(vec![message]);
        }
        self.waiting.push_back((seq, message));
        if self.waiting.len() <= limits::OUTBOX_MESSAGES_MAX {
            return None;
        }
        let report = |(_, message): &(u64, Message)| message.command().is_none();
        let at = self.waiting.iter().position(report)?;
        self.waiting.remove(at).map(|(_, message)| vec![message])
    }

    /// Forgets a message to a device that still waits; true if there was one. One that is just on
    /// its way in or out is remembered until [`Self::is_withdrawn`] is asked about it.
    pub fn withdraw(&mut self, token: u64) -> bool {
        let is = |(_, message): &(u64, Message)| message.command() == Some(token);
        let Some(at) = self.waiting.iter().position(is) else {
            if self.withdrawn.len() >= limits::OUTBOX_WITHDRAWN_MAX {
                self.withdrawn.pop_first();
            }
            self.withdrawn.insert(token);
            return false;
        };
        self.waiting.remove(at).is_some()
    }

    /// A message must not go any more.
    pub fn is_withdrawn(&mut self, message: &Message) -> bool {
        message.command().is_some_and(|token| self.withdrawn.remove(&token))
    }

    /// A message to a device is among what waits for a record up to `upto`.
    pub fn has_command(&self, upto: u64) -> bool {
        let due = self.waiting.iter().take_while(|(seq, _)| *seq <= upto);
        due.into_iter().any(|(_, message)| message.command().is_some())
    }

    /// Every record up to `upto` is stored: what may go, in order.
    pub fn stored(&mut self, upto: u64) -> Vec<Message> {
        self.stored = self.stored.max(upto);
        let mut ready = Vec::new();
        while self.waiting.front().is_some_and(|(seq, _)| *seq <= self.stored) {
            ready.extend(self.waiting.pop_front().map(|(_, message)| message));
        }
        ready
    }

    /// Keeps the receipt of a message from the broker until record `seq` is stored.
    pub fn hold_receipt(&mut self, seq: u64, receipt: Receipt) {
        self.receipts.push_back((seq, receipt));
    }

    /// The next receipt whose record is stored; any, where the journal stores nothing.
    pub fn next_receipt(&mut self, journal_ok: bool) -> Option<Receipt> {
        let (seq, receipt) = *self.receipts.front()?;
        if journal_ok && seq > self.stored {
            return None;
        }
        self.receipts.pop_front();
        Some(receipt)
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everything that may still go, at the end.
    pub fn rest(&mut self) -> Vec<Message> {
        let mut all = self.all();
        all.retain(|message| !self.is_withdrawn(message));
        all
    }

    /// Everything, because the journal cannot store now and the agent must go on.
    pub fn all(&mut self) -> Vec<Message> {
        self.waiting.drain(..).map(|(_, message)| message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(token: u64, class: Class) -> Message {
        let (topic, payload) = ("t".into(), Vec::new());
        Message::Bus(Outgoing { token, topic, payload, retain: false, class })
    }

    fn token(message: &Message) -> u64 {
        match message {
            Message::Bus(outgoing) | Message::Everywhere(outgoing) => outgoing.token,
            Message::Line(_, set) => set.token,
        }
    }

    #[test]
    fn nothing_goes_before_its_record_is_stored() {
        let mut outbox = Outbox::default();
        assert!(outbox.hold(1, message(10, Class::Command)).is_none());
        assert!(outbox.hold(2, message(20, Class::Log)).is_none());
        assert!(outbox.stored(0).is_empty());
        assert!(!outbox.has_command(0) && outbox.has_command(1));
        let tokens = |ready: Vec<Message>| ready.iter().map(token).collect::<Vec<_>>();
        assert_eq!(tokens(outbox.stored(1)), [10]);
        assert!(!outbox.has_command(5), "a report is no command");
        assert_eq!(tokens(outbox.stored(5)), [20]);
        assert_eq!(outbox.hold(4, message(30, Class::Log)).map(tokens), Some(vec![30]));
    }

    #[test]
    fn what_is_withdrawn_on_its_way_in_or_out_does_not_go() {
        let mut outbox = Outbox::default();
        assert!(!outbox.withdraw(10), "it is not here yet");
        outbox.hold(1, message(10, Class::Command));
        outbox.hold(1, message(11, Class::Command));
        outbox.hold(1, message(12, Class::Log));
        let ready = outbox.stored(1);
        assert!(!outbox.withdraw(11), "it is here no more");
        let gone: Vec<bool> = ready.iter().map(|one| outbox.is_withdrawn(one)).collect();
        assert_eq!(gone, [true, true, false]);
        assert!(!outbox.is_withdrawn(&ready[0]), "it is said once");
    }

    #[test]
    fn a_receipt_waits_for_its_record_as_long_as_records_are_stored() {
        let mut outbox = Outbox::default();
        outbox.hold_receipt(3, Receipt::Bus(30));
        outbox.hold_receipt(5, Receipt::Cloud(1, 50));
        assert_eq!(outbox.next_receipt(true), None);
        outbox.stored(4);
        assert_eq!(outbox.next_receipt(true), Some(Receipt::Bus(30)));
        assert_eq!(outbox.next_receipt(true), None);
        assert_eq!(outbox.next_receipt(false), Some(Receipt::Cloud(1, 50)));
        assert_eq!(outbox.next_receipt(false), None);
    }

    #[test]
    fn a_withdrawn_message_never_goes() {
        let mut outbox = Outbox::default();
        assert!(outbox.hold(1, message(10, Class::Command)).is_none());
        assert!(outbox.hold(1, message(20, Class::Command)).is_none());
        assert!(outbox.withdraw(10));
        assert!(!outbox.withdraw(10));
        let left: Vec<_> = outbox.stored(1).iter().map(token).collect();
        assert_eq!(left, [20]);
    }

    #[test]
    fn at_the_bound_a_report_goes_early_and_a_command_never() {
        let mut outbox = Outbox::default();
        assert!(outbox.hold(9, message(0, Class::Command)).is_none());
        for token in 1..limits::OUTBOX_MESSAGES_MAX as u64 {
            assert!(outbox.hold(9, message(token, Class::Log)).is_none());
        }
        let early = outbox.hold(9, message(99_999, Class::Log)).expect("one too many");
        assert_eq!(token(&early[0]), 1);
    }
}

//! What waits to be sent, what is in flight, and what became of it. Pure: no socket, no clock.
//!
//! Every message that is accepted ends exactly once, as `Acked` or as `Lost`. A command is given
//! out once at most; after a break it is lost, never repeated: "pump on" must not arrive minutes
//! later. States and log messages are given out again until they are acknowledged.

use std::collections::VecDeque;

use bytes::Bytes;

use super::client::{Class, LinkEvent, Outgoing, PublishError};
use super::topics::valid_topic_name;
use crate::limits::{
    BATCHES_WAITING_MAX, COMMANDS_WAITING_MAX, ENDS_WAITING_MAX, IN_FLIGHT_FOR_COMMANDS,
    IN_FLIGHT_MAX, LOG_WAITING_BYTES_MAX, LOG_WAITING_MAX, OUTGOING_BYTES_MAX, STATE_TOPICS_MAX,
};

/// Packet ids of messages are 1 to this; those above belong to subscriptions.
pub(super) const MESSAGE_ID_MAX: u16 = 0xefff;

/// A message of ours.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) token: u64,
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: bool,
    /// Was sent before, on a connection that broke: the DUP flag.
    pub(super) repeated: bool,
    class: Class,
}

#[derive(Debug)]
struct InFlight {
    id: u16,
    message: Message,
}

/// The queues. Bounds and what happens at them: `limits.rs`, section link.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    up: bool,
    commands: VecDeque<Message>,
    /// One for each topic, the newest; in order of the topics' first unsent message.
    states: VecDeque<Message>,
    logs: VecDeque<Message>,
    log_bytes: usize,
    batches: VecDeque<Message>,
    in_flight: VecDeque<InFlight>,
    last_id: u16,
    ends: VecDeque<LinkEvent>,
    logs_dropped: u64,
}

impl Outbox {
    /// Takes a message in.
    pub(super) fn push(&mut self, outgoing: Outgoing) -> Result<(), PublishError> {
        let Outgoing { token, topic, payload, retain, class } = outgoing;
        if !valid_topic_name(&topic) {
            return Err(PublishError::Topic { topic });
        }
        if payload.len() > OUTGOING_BYTES_MAX {
            return Err(PublishError::TooLarge { topic, bytes: payload.len() });
        }
        if self.ends.len() >= ENDS_WAITING_MAX {
            return Err(PublishError::QueueFull { class });
        }
        let payload = Bytes::from(payload);
        let message = Message { token, topic, payload, retain, repeated: false, class };
        match class {
            Class::Command | Class::Batch if !self.up => self.lose(message.token),
            Class::Command if self.commands.len() < COMMANDS_WAITING_MAX => {
                self.commands.push_back(message);
            }
            Class::Command => return Err(PublishError::QueueFull { class }),
            Class::Batch if self.batches.len() < BATCHES_WAITING_MAX => {
                self.batches.push_back(message);
            }
            Class::Batch => return Err(PublishError::QueueFull { class }),
            Class::State => return self.push_state(message),
            Class::Log => {
                self.log_bytes += message.payload.len();
                self.logs.push_back(message);
                self.trim_logs();
            }
        }
        Ok(())
    }

    fn push_state(&mut self, message: Message) -> Result<(), PublishError> {
        if let Some(old) = self.states.iter_mut().find(|old| old.topic == message.topic) {
            let replaced = std::mem::replace(old, message);
            self.lose(replaced.token);
        } else if self.states.len() < STATE_TOPICS_MAX {
            self.states.push_back(message);
        } else {
            return Err(PublishError::QueueFull { class: Class::State });
        }
        Ok(())
    }

    fn trim_logs(&mut self) {
        while self.logs.len() > LOG_WAITING_MAX || self.log_bytes > LOG_WAITING_BYTES_MAX {
            let Some(oldest) = self.logs.pop_front() else { break };
            self.log_bytes -= oldest.payload.len();
            self.logs_dropped += 1;
            self.lose(oldest.token);
        }
    }

    fn lose(&mut self, token: u64) {
        self.ends.push_back(LinkEvent::Lost { token });
    }

    /// From now on messages are given out.
    pub(super) fn set_up(&mut self) {
        self.up = true;
    }

    /// The connection is gone: commands and batches are lost, the rest waits for the next one in
    /// its order.
    pub(super) fn set_down(&mut self) {
        self.up = false;
        let mut logs = Vec::new();
        let mut states = Vec::new();
        for InFlight { mut message, .. } in std::mem::take(&mut self.in_flight) {
            message.repeated = true;
            match message.class {
                Class::Command | Class::Batch => self.lose(message.token),
                Class::Log => logs.push(message),
                Class::State if self.states.iter().any(|newer| newer.topic == message.topic) => {
                    self.lose(message.token);
                }
                Class::State => states.push(message),
            }
        }
        let commands = std::mem::take(&mut self.commands).into_iter();
        for message in commands.chain(std::mem::take(&mut self.batches)) {
            self.lose(message.token);
        }
        for message in logs.into_iter().rev() {
            self.log_bytes += message.payload.len();
            self.logs.push_front(message);
        }
        for message in states.into_iter().rev() {
            self.states.push_front(message);
        }
        self.trim_logs();
    }

    /// The next message to send, with its packet id; `None`: nothing waits, or no place is free.
    pub(super) fn next(&mut self) -> Option<(u16, &Message)> {
        if !self.up || self.in_flight.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let free_for_all = self.in_flight.len() < IN_FLIGHT_MAX - IN_FLIGHT_FOR_COMMANDS;
        let message = match self.commands.pop_front() {
            Some(command) => command,
            None if free_for_all => {
                let urgent = self.next_state().or_else(|| self.next_log());
                urgent.or_else(|| self.batches.pop_front())?
            }
            None => return None,
        };
        let id = self.free_id();
        self.in_flight.push_back(InFlight { id, message });
        self.in_flight.back().map(|sent| (sent.id, &sent.message))
    }

    /// One message of a topic is in flight at a time, so that the newest is also the last.
    fn next_state(&mut self) -> Option<Message> {
        let in_flight = &self.in_flight;
        let busy = |topic: &str| {
            let mut messages = in_flight.iter().map(|sent| &sent.message);
            messages.any(|message| message.class == Class::State && message.topic == topic)
        };
        let at = self.states.iter().position(|state| !busy(&state.topic))?;
        self.states.remove(at)
    }

    fn next_log(&mut self) -> Option<Message> {
        let message = self.logs.pop_front()?;
        self.log_bytes -= message.payload.len();
        Some(message)
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id >= MESSAGE_ID_MAX { 1 } else { self.last_id + 1 };
            if self.in_flight.iter().all(|sent| sent.id != self.last_id) {
                return self.last_id;
            }
        }
    }

    /// A PUBACK came; `false`: for nothing that is in flight.
    pub(super) fn acknowledge(&mut self, id: u16) -> bool {
        let Some(at) = self.in_flight.iter().position(|sent| sent.id == id) else { return false };
        if let Some(sent) = self.in_flight.remove(at) {
            self.ends.push_back(LinkEvent::Acked { token: sent.message.token });
        }
        true
    }

    /// The next message that has ended.
    pub(super) fn next_end(&mut self) -> Option<LinkEvent> {
        self.ends.pop_front()
    }

    /// Whether a PUBACK is outstanding.
    pub(super) fn awaits_ack(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether nothing waits and nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        let queues = [&self.commands, &self.states, &self.logs, &self.batches];
        let waiting: usize = queues.iter().map(|queue| queue.len()).sum();
        waiting + self.in_flight.len() == 0
    }

    /// Log messages dropped because the queue was full, since the start.
    pub(super) fn logs_dropped(&self) -> u64 {
        self.logs_dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn outgoing(token: u64, class: Class, topic: &str) -> Outgoing {
        let payload = token.to_string().into_bytes();
        Outgoing { token, topic: topic.into(), payload, retain: class == Class::State, class }
    }

    fn ends(outbox: &mut Outbox) -> Vec<LinkEvent> {
        std::iter::from_fn(|| outbox.next_end()).collect()
    }

    fn sent(outbox: &mut Outbox) -> Vec<(u16, u64)> {
        std::iter::from_fn(|| outbox.next().map(|(id, message)| (id, message.token))).collect()
    }

    #[test]
    fn a_command_without_a_connection_is_lost_at_once() {
        let mut outbox = Outbox::default();
        outbox.push(outgoing(1, Class::Command, "pump/set")).unwrap();
        assert_eq!(ends(&mut outbox), [LinkEvent::Lost { token: 1 }]);
        outbox.set_up();
        assert!(outbox.next().is_none());
    }

    #[test]
    fn a_break_loses_commands_and_keeps_the_rest_in_order() {
        let mut outbox = Outbox::default();
        outbox.set_up();
        for (token, class) in [(1, Class::Log), (2, Class::Command), (3, Class::State)] {
            outbox.push(outgoing(token, class, "t")).unwrap();
        }
        outbox.push(outgoing(4, Class::Log, "t")).unwrap();
        assert_eq!(sent(&mut outbox), [(1, 2), (2, 3), (3, 1), (4, 4)]);
        outbox.push(outgoing(5, Class::Log, "t")).unwrap();
        outbox.set_down();
        assert_eq!(ends(&mut outbox), [LinkEvent::Lost { token: 2 }]);
        outbox.set_up();
        let again: Vec<_> = std::iter::from_fn(|| {
            outbox.next().map(|(_, message)| (message.token, message.repeated))
        })
        .collect();
        assert_eq!(again, [(3, true), (1, true), (4, true), (5, false)]);
    }

    #[test]
    fn only_the_newest_state_of_a_topic_is_sent() {
        let mut outbox = Outbox::default();
        for token in 1..=3 {
            outbox.push(outgoing(token, Class::State, "status")).unwrap();
        }
        let replaced = [LinkEvent::Lost { token: 1 }, LinkEvent::Lost { token: 2 }];
        assert_eq!(ends(&mut outbox), replaced);
        outbox.set_up();
        assert_eq!(sent(&mut outbox), [(1, 3)]);
        outbox.push(outgoing(4, Class::State, "status")).unwrap();
        assert_eq!(sent(&mut outbox), [], "the older one is still in flight");
        assert!(outbox.acknowledge(1));
        assert_eq!(sent(&mut outbox), [(2, 4)]);
        outbox.push(outgoing(5, Class::State, "status")).unwrap();
        outbox.set_down();
        outbox.set_up();
        let tokens: Vec<_> = sent(&mut outbox).into_iter().map(|(_, token)| token).collect();
        assert_eq!(tokens, [5], "the one in flight was overtaken");
    }

    #[test]
    fn a_backlog_of_log_messages_leaves_room_for_commands() {
        let mut outbox = Outbox::default();
        outbox.set_up();
        for token in 0..100 {
            outbox.push(outgoing(token, Class::Log, "event")).unwrap();
        }
        assert_eq!(sent(&mut outbox).len(), IN_FLIGHT_MAX - IN_FLIGHT_FOR_COMMANDS);
        outbox.push(outgoing(1000, Class::Command, "pump/set")).unwrap();
        assert_eq!(sent(&mut outbox).len(), 1);
    }

    #[test]
    fn a_full_log_drops_its_oldest_and_says_so() {
        let mut outbox = Outbox::default();
        let count = LOG_WAITING_MAX as u64 + 2;
        for token in 0..count {
            outbox.push(outgoing(token, Class::Log, "event")).unwrap();
        }
        assert_eq!(ends(&mut outbox), [0, 1].map(|token| LinkEvent::Lost { token }));
        assert_eq!(outbox.logs_dropped(), 2);
        let mut outbox = Outbox::default();
        let mut large = outgoing(1, Class::Log, "event");
        large.payload = vec![0; OUTGOING_BYTES_MAX];
        for _ in 0..=LOG_WAITING_BYTES_MAX / OUTGOING_BYTES_MAX {
            outbox.push(large.clone()).unwrap();
        }
        assert_eq!(outbox.logs_dropped(), 1);
        large.payload.push(0);
        assert!(matches!(outbox.push(large), Err(PublishError::TooLarge { .. })));
    }

    #[test]
    fn full_queues_refuse_by_class() {
        let mut outbox = Outbox::default();
        outbox.set_up();
        for token in 0..COMMANDS_WAITING_MAX as u64 {
            outbox.push(outgoing(token, Class::Command, "t")).unwrap();
        }
        let refused = outbox.push(outgoing(0, Class::Command, "t"));
        assert!(matches!(refused, Err(PublishError::QueueFull { class: Class::Command })));
        for token in 0..STATE_TOPICS_MAX as u64 {
            outbox.push(outgoing(token, Class::State, &format!("t/{token}"))).unwrap();
        }
        let refused = outbox.push(outgoing(0, Class::State, "another"));
        assert!(matches!(refused, Err(PublishError::QueueFull { class: Class::State })));
        outbox.push(outgoing(0, Class::State, "t/7")).unwrap();
        let refused = outbox.push(outgoing(0, Class::Log, "a/+"));
        assert!(matches!(refused, Err(PublishError::Topic { .. })));
    }

    #[test]
    fn ends_that_nobody_takes_stop_the_intake() {
        let mut outbox = Outbox::default();
        for token in 0..ENDS_WAITING_MAX as u64 {
            outbox.push(outgoing(token, Class::Command, "t")).unwrap();
        }
        assert!(outbox.push(outgoing(0, Class::Command, "t")).is_err());
        assert!(outbox.next_end().is_some());
        outbox.push(outgoing(0, Class::Command, "t")).unwrap();
    }

    #[derive(Clone, Debug)]
    enum Action {
        Push(Class, u8),
        Send,
        Ack(u8),
        AckUnknown(u16),
        Up,
        Down,
    }

    fn action() -> impl Strategy<Value = Action> {
        let class =
            prop::sample::select(vec![Class::Command, Class::State, Class::Log, Class::Batch]);
        prop_oneof![
            6 => (class, 0..4u8).prop_map(|(class, topic)| Action::Push(class, topic)),
            6 => Just(Action::Send),
            4 => (0..20u8).prop_map(Action::Ack),
            1 => any::<u16>().prop_map(Action::AckUnknown),
            1 => Just(Action::Up),
            1 => Just(Action::Down),
        ]
    }

    proptest! {
        #[test]
        fn every_message_ends_once_and_commands_go_out_once(
            actions in prop::collection::vec(action(), 1..300)
        ) {
            let mut outbox = Outbox::default();
            let mut classes = BTreeMap::new();
            let mut ended = BTreeSet::new();
            let mut commands_sent = BTreeSet::new();
            let mut flying: Vec<u16> = Vec::new();
            let mut last_log_acked = None;
            // At the end everything is brought home.
            let home = [Action::Up].into_iter().chain(
                std::iter::repeat_n([Action::Send, Action::Ack(0)], 700).flatten(),
            );
            for action in actions.into_iter().chain(home) {
                match action {
                    Action::Push(class, topic) => {
                        let token = classes.len() as u64;
                        classes.insert(token, class);
                        outbox.push(outgoing(token, class, &format!("t/{topic}"))).unwrap();
                    }
                    Action::Send => {
                        if let Some((id, message)) = outbox.next() {
                            if message.class == Class::Command {
                                prop_assert!(commands_sent.insert(message.token), "repeated");
                            }
                            prop_assert!(!flying.contains(&id));
                            flying.push(id);
                        }
                    }
                    Action::Ack(at) if usize::from(at) < flying.len() => {
                        // A broker acknowledges in order, more or less.
                        let id = flying.remove(0);
                        prop_assert!(outbox.acknowledge(id));
                    }
                    Action::Ack(_) => {}
                    Action::AckUnknown(id) if flying.contains(&id) => {}
                    Action::AckUnknown(id) => prop_assert!(!outbox.acknowledge(id)),
                    Action::Up => outbox.set_up(),
                    Action::Down => { flying.clear(); outbox.set_down(); }
                }
                prop_assert!(flying.len() <= IN_FLIGHT_MAX);
                for end in ends(&mut outbox) {
                    let (LinkEvent::Acked { token } | LinkEvent::Lost { token }) = end else {
                        panic!("{end:?} is no end");
                    };
                    prop_assert!(ended.insert(token), "{token} ended twice");
                    if matches!(end, LinkEvent::Acked { .. }) && classes[&token] == Class::Log {
                        prop_assert!(last_log_acked < Some(token), "log out of order");
                        last_log_acked = Some(token);
                    }
                }
            }
            prop_assert!(outbox.is_idle());
            prop_assert_eq!(ended.len(), classes.len());
        }
    }
}

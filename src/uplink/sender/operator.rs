//! A destination whose operators may command the board: what comes from them goes to the agent,
//! what the agent says of itself goes to them. Nothing is decided here.

use super::Sender;
use crate::link::topics::DeviceTopic;
use crate::link::{Class, Outgoing, Will};
use crate::uplink::remote::{FromCloud, Remote, ToCloud, Word};

/// Tokens from here on belong to words, those below to batches.
const WORDS_FROM: u64 = 1 << 62;

/// The token of a word, not of a batch.
pub(super) fn is_word(token: u64) -> bool {
    token >= WORDS_FROM
}

impl Sender {
    /// There is a line: the agent says how the board is, since the last will said otherwise.
    pub(super) fn greet(&self) {
        // Full: as much waits for the agent that a line which comes and goes is nothing new.
        if self.broker.is_told_status()
            && self.book.common.commands.try_send(FromCloud::Up).is_err()
        {
            tracing::debug!(
                destination = self.book.cloud.name,
                "the agent was not told of the line"
            );
        }
    }

    /// A message for the agent. Only commands: this broker is none that sensors speak on. Where too
    /// many wait it is not settled, and comes again with the next connection.
    pub(super) fn operator_says(
        &self,
        topic: String,
        payload: Result<Vec<u8>, usize>,
        retained: bool,
        receipt: Option<u64>,
    ) {
        let parsed = DeviceTopic::parse(&self.book.common.device, &topic);
        let is_command = matches!(parsed, Some(DeviceTopic::Command { .. }));
        if !self.broker.commands || !is_command {
            tracing::warn!(destination = self.book.cloud.name, topic, "nothing that we asked for");
            if let (Some(link), Some(receipt)) = (&self.link, receipt) {
                link.settle(receipt);
            }
            return;
        }
        let remote = Remote { place: self.book.place, topic, payload, retained, receipt };
        if self.book.common.commands.try_send(FromCloud::Command(remote)).is_err() {
            tracing::warn!(destination = self.book.cloud.name, "too many commands wait");
        }
    }

    /// The agent has something for this destination. What the day's budget does not allow is not
    /// said: the journal has it.
    pub(super) fn agent_says(&mut self, word: ToCloud) {
        let Some(link) = &self.link else { return };
        let Word { topic, payload, retain, class } = match word {
            ToCloud::Settle(receipt) => return link.settle(receipt),
            ToCloud::Say(word) => word,
        };
        let bytes = topic.len() + payload.len();
        if !self.book.budget.allows(bytes, true) {
            tracing::debug!(
                destination = self.book.cloud.name,
                topic,
                "not said, the budget is spent"
            );
            return;
        }
        let token = WORDS_FROM | self.next_token;
        self.next_token += 1;
        match link.publish(Outgoing { token, topic, payload, retain, class }) {
            Ok(()) => self.book.budget.spend(bytes),
            Err(error) => tracing::warn!(%error, destination = self.book.cloud.name, "not said"),
        }
    }

    /// What an orderly end says, since the last will is for the other ones.
    pub(super) fn farewell(&self) -> Vec<Outgoing> {
        if !self.broker.is_told_status() {
            return Vec::new();
        }
        let Will { topic, payload } = self.book.common.offline.clone();
        let token = WORDS_FROM | self.next_token;
        vec![Outgoing { token, topic, payload, retain: true, class: Class::State }]
    }
}

//! A destination whose operators may command the board: what comes from them goes to the agent,
//! what the agent says of itself goes to them. Nothing is decided here.

use tokio::sync::mpsc::error::TrySendError;

use super::Sender;
use crate::limits::RECEIPTS_MAX;
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
    pub(super) fn greet(&mut self) {
        if self.broker.is_told_status() {
            self.hand_over(FromCloud::Up);
        }
    }

    /// To the agent, in order. What it has no room for now is held: a receipt that nobody settles
    /// would hold up those of all later messages. The link bounds how many there are.
    fn hand_over(&mut self, what: FromCloud) {
        let what = match self.held.is_empty() {
            true => match self.book.common.commands.try_send(what) {
                Ok(()) => return,
                Err(TrySendError::Full(what) | TrySendError::Closed(what)) => what,
            },
            false => what,
        };
        if what.comes_again() || self.held.len() < RECEIPTS_MAX {
            self.held.push_back(what);
        } else {
            tracing::warn!(destination = self.book.cloud.name, "too many commands wait");
        }
    }

    /// The connection has ended: the broker brings again what has a receipt.
    pub(super) fn forget_held(&mut self) {
        self.held.retain(|what| !what.comes_again());
    }

    /// A message for the agent. Only commands: this broker is none that sensors speak on.
    pub(super) fn operator_says(
        &mut self,
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
        self.hand_over(FromCloud::Command(remote));
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

#[cfg(test)]
mod tests {
    use super::super::super::tests_site::book;
    use super::*;
    use crate::config::CloudTo;

    fn command(sender: &mut Sender, number: u64, receipt: Option<u64>) {
        let topic = format!("outpost/board/cmd/mode/{number}");
        sender.operator_says(topic, Ok(Vec::new()), false, receipt);
    }

    #[tokio::test]
    async fn what_the_agent_has_no_room_for_is_held_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (book, _notices, mut commands) =
            book(folder.path(), "url = \"mqtt://127.0.0.1:9\"\ncommands = true", 0);
        let CloudTo::Broker(broker) = book.cloud.to.clone() else { panic!("a broker") };
        let mut sender = Sender::new(book, broker, 0);
        (1..=100).for_each(|number| command(&mut sender, number, Some(number)));
        let room = sender.book.common.commands.clone();
        for number in 1..=100 {
            let Some(FromCloud::Command(remote)) = commands.recv().await else { panic!() };
            assert_eq!(remote.receipt, Some(number), "each once, in order");
            if let (Ok(place), Some(first)) = (room.try_reserve(), sender.held.pop_front()) {
                place.send(first);
            }
        }
        assert!(sender.held.is_empty() && commands.try_recv().is_err());
        // With the connection go the receipts; what has none does not come again.
        (1..=3).for_each(|number| command(&mut sender, number, (number != 3).then_some(number)));
        sender.forget_held();
        assert_eq!(sender.held.len(), 1);
        // What has no receipt is bounded here, by nobody else.
        (0..2 * RECEIPTS_MAX as u64).for_each(|number| command(&mut sender, number, None));
        assert_eq!(sender.held.len(), RECEIPTS_MAX);
    }
}

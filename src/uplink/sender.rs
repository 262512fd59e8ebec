//! One destination at work: reads, packs and hands over what its flow has room for, takes in what
//! the broker and the receiver say, and keeps its cursor.
//!
//! The order in which things are decided is the flow's; this is the hand that does it. A panic here
//! would end one destination and nothing else.

mod operator;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::alarms::Alarms;
use super::batch::{self, AuditHead, Head, Packer};
use super::book::Book;
use super::flow::{Flow, Place, Said, Sent};
use super::remote::{self, Ears, FromCloud};
use super::routes::Routes;
use super::suspect::Suspect;
use super::thread::Wakers;
use super::word::Word;
use crate::config::{CloudAck, CloudBroker, CloudFormat};
use crate::domain::Severity;
use crate::journal::Record;
use crate::limits::{
    LINK_EVENTS_MAX, UPLINK_BATCH_BYTES_MAX, UPLINK_BATCH_RECORDS_LEAST, UPLINK_LAST_ACK_MS_MAX,
    UPLINK_RETRY_MS,
};
use crate::link::topics::DeviceTopic;
use crate::link::{Class, Endpoint, LinkConfig, LinkEvent, LinkHandle, Outgoing, Pace};

/// A destination.
pub(super) struct Sender {
    book: Book,
    broker: CloudBroker,
    topic: String,
    flow: Flow,
    packer: Packer,
    alarms: Alarms,
    suspect: Suspect,
    /// The probe that the broker has not got yet: its token and sequence.
    probe: Option<(u64, u64)>,
    /// Another record that is tried in the place of the suspected one: its token and sequence.
    trial: Option<(u64, u64)>,
    link: Option<LinkHandle>,
    routes: Routes,
    next_token: u64,
    /// Everything up to here was on its way at some time: it need not gather again.
    seen_to: u64,
    /// Of the last batch.
    bytes_per_record: usize,
    /// The audit's head that this line was told.
    audit_told: u64,
    /// What the agent has no room for yet, `RECEIPTS_MAX` at most.
    held: VecDeque<FromCloud>,
}

impl Sender {
    pub(super) fn new(book: Book, broker: CloudBroker, cursor: u64) -> Sender {
        Sender {
            topic: DeviceTopic::Log.build(&book.common.device),
            flow: Flow::new(broker.ack, cursor, rand::random(), Instant::now()),
            packer: Packer::default(),
            alarms: Alarms::default(),
            suspect: Suspect::default(),
            probe: None,
            trial: None,
            link: None,
            routes: Routes::new(),
            next_token: 0,
            seen_to: book.common.stored_before,
            bytes_per_record: 0,
            audit_told: 0,
            held: VecDeque::new(),
            broker,
            book,
        }
    }

    fn link_config(&self) -> LinkConfig {
        let device = &self.book.common.device;
        let own = || format!("{}-{}", device.client_id(), self.book.cloud.name);
        let ack = DeviceTopic::LogAck.build(device);
        let commands = DeviceTopic::commands(device);
        let wanted = [
            (self.broker.ack == CloudAck::Receiver, ack),
            (self.broker.commands, commands.clone()),
        ];
        LinkConfig {
            endpoint: Endpoint {
                section: format!("cloud \"{}\"", self.book.cloud.name),
                ..Endpoint::of(&self.broker.bus)
            },
            client_id: self.broker.client_id.clone().unwrap_or_else(own),
            is_lasting: true,
            will: self.broker.is_told_status().then(|| self.book.common.offline.clone()),
            subscriptions: wanted.into_iter().filter_map(|(is, it)| is.then_some(it)).collect(),
            // A command is the broker's until the journal has it.
            receipts: if self.broker.commands { vec![commands] } else { Vec::new() },
            keep_alive: self.broker.keep_alive,
            pace: Pace::default(),
        }
    }

    /// Works until closing is asked.
    pub(super) async fn run(mut self, mut wakers: Wakers, mut ears: Option<Ears>) {
        let (events_in, mut events) = mpsc::channel(LINK_EVENTS_MAX);
        match crate::link::spawn(self.link_config(), events_in) {
            Ok(link) => self.link = Some(link),
            Err(error) => {
                let text = format!("destination {}: {error}", self.book.cloud.name);
                self.book.say(text, Severity::Alarm);
            }
        }
        self.note_stored(*wakers.stored.borrow_and_update());
        let commands = self.book.common.commands.clone();
        loop {
            let more = self.turn(Instant::now());
            let due = self.due();
            tokio::select! {
                biased;
                // Asked, or the handle is gone.
                _ = wakers.closing.changed() => break,
                Some(event) = events.recv() => self.take(event),
                word = remote::next(&mut ears) => self.agent_says(word),
                Ok(place) = commands.reserve(), if !self.held.is_empty() => {
                    if let Some(first) = self.held.pop_front() {
                        place.send(first);
                    }
                }
                Ok(()) = wakers.urgent.changed() => {
                    self.alarms.made(*wakers.urgent.borrow_and_update());
                    self.note_alarm();
                }
                Ok(()) = wakers.stored.changed() => {
                    let stored = *wakers.stored.borrow_and_update();
                    self.note_stored(stored);
                }
                // The other destinations have their turn between two looks at the journal.
                () = yield_now(), if more => {}
                () = sleep_until(due), if !more => {}
            }
        }
        while let Some(word) = remote::at_hand(&mut ears) {
            self.agent_says(word);
        }
        self.end(events).await;
    }

    async fn end(mut self, mut events: mpsc::Receiver<LinkEvent>) {
        // What was sent is acknowledged in a moment where there is a line; else it comes again.
        let until = Instant::now() + Duration::from_millis(UPLINK_LAST_ACK_MS_MAX);
        while self.flow.awaits()
            && let Ok(Some(event)) = tokio::time::timeout_at(until, events.recv()).await
        {
            self.take(event);
        }
        if let Some(link) = self.link.take() {
            link.close(self.farewell()).await;
        }
        while let Ok(event) = events.try_recv() {
            self.take(event);
        }
        self.book.close(self.flow.cursor());
    }

    fn note_stored(&mut self, stored: u64) {
        self.book.stored = self.book.stored.max(stored);
        self.note_alarm();
    }

    /// An alarm that is stored does not gather.
    fn note_alarm(&mut self) {
        if self.alarms.stored(self.book.stored) {
            self.book.gathered = Some(Instant::now());
        }
    }

    /// What time alone may change next.
    fn due(&self) -> Instant {
        let mut due = self.book.due(self.flow.cursor());
        let mut or = |other: Instant| due = due.min(other);
        self.flow.due().into_iter().for_each(&mut or);
        if !self.flow.is_up() {
            or(self.routes.due());
        }
        if self.flow.room().is_some() && self.trial.is_none() {
            // Both at once: nothing is read before the later.
            let waits = [self.book.gathered, self.book.not_before];
            waits.into_iter().flatten().max().into_iter().for_each(&mut or);
        }
        due
    }

    /// True where more can be done at once.
    fn turn(&mut self, now: Instant) -> bool {
        self.flow.wait_is_over(now);
        if !self.flow.is_up()
            && self.routes.have_changed(now)
            && let Some(link) = &self.link
        {
            link.hurry();
        }
        if self.book.not_before.is_some_and(|at| at <= now) {
            self.book.not_before = None;
        }
        self.send_alarms();
        let more = self.send_next(now);
        self.book.keep(self.flow.cursor(), now);
        self.book.show(self.flow.cursor(), self.flow.is_up());
        more
    }

    /// Reads and hands over one batch; false where nothing more can be done now.
    fn send_next(&mut self, now: Instant) -> bool {
        let Some(room) = self.flow.room() else { return false };
        let (read_to, again) = (self.flow.read_to(), self.flow.read_to() < self.seen_to);
        let waits = self.book.not_before.is_some() || self.trial.is_some();
        if waits || !self.book.has_gathered(read_to, again, now) {
            return false;
        }
        if let Some(seq) = self.suspect.wants_another() {
            return self.try_another(seq);
        }
        let after = self.flow.read_to();
        let most = self.most_records(room);
        let (wanted, notes) = (&self.book.wanted, &self.book.notes);
        let chunk = self
            .book
            .source
            .read(after, most, |record| wanted.takes(record) && !notes.refuses(record.seq));
        let Some(chunk) = self.book.without_fault(chunk, now) else { return false };
        let Some(last) = chunk.last else { return false };
        self.seen_to = self.seen_to.max(last.seq);
        self.book.gathered = chunk.full.then_some(now);
        if chunk.records.is_empty() {
            self.flow.skipped(last.seq);
            return chunk.full;
        }
        self.send(chunk.records, last, chunk.audit, now)
    }

    /// One where the line is new; else as many as the line takes quickly.
    fn most_records(&self, room: usize) -> usize {
        if self.flow.is_new() {
            return 1;
        }
        let most = usize::try_from(self.book.cloud.batch_records).unwrap_or(usize::MAX);
        let fits = room.checked_div(self.bytes_per_record).unwrap_or(most);
        fits.max(UPLINK_BATCH_RECORDS_LEAST).min(most)
    }

    fn pack(&mut self, head: &Head, records: &[Record]) -> Vec<u8> {
        match self.broker.format {
            CloudFormat::Postcard => self.packer.pack(head, records),
            CloudFormat::Json => batch::json::pack(head, records),
        }
    }

    fn send(
        &mut self,
        mut records: Vec<Record>,
        mut last: Place,
        audit: Option<AuditHead>,
        now: Instant,
    ) -> bool {
        let probe = if self.flow.is_new() { self.flow.next_probe() } else { 0 };
        let (after, cursor) = (self.flow.after(), self.flow.cursor());
        let audit = audit.filter(|head| head.seq != self.audit_told);
        let payload = loop {
            let (seq, boot) = (last.seq, last.boot);
            let head = Head { after, last: seq, boot, cursor, probe, ahead: false, audit };
            let payload = self.pack(&head, &records);
            let bytes = payload.len();
            if bytes <= UPLINK_BATCH_BYTES_MAX && !self.book.is_too_large(bytes, records.len()) {
                break payload;
            }
            if let [record] = &records[..] {
                self.book.refuse_large(record, bytes);
                return true;
            }
            records.truncate(records.len() / 2);
            last = records.last().map_or(last, place_of);
            self.book.gathered = Some(now);
        };
        if self.book.must_wait(payload.len(), now) {
            self.alarms.look();
            self.send_alarms();
            return false;
        }
        let bytes = payload.len();
        let Some(token) = self.publish(payload) else { return false };
        self.bytes_per_record = (bytes / records.len()).max(1);
        self.audit_told = audit.map_or(self.audit_told, |head| head.seq);
        if self.flow.is_new() {
            self.probe = Some((token, last.seq));
        }
        self.flow.sent(Sent { token, last, bytes, at: now });
        true
    }

    fn publish(&mut self, payload: Vec<u8>) -> Option<u64> {
        let token = self.next_token;
        let (topic, bytes) = (self.topic.clone(), payload.len());
        let message = Outgoing { token, topic, payload, retain: false, class: Class::Batch };
        let link = self.link.as_ref()?;
        if let Err(error) = link.publish(message) {
            tracing::warn!(%error, destination = self.book.cloud.name, "batch not handed over");
            self.book.not_before = Some(Instant::now() + Duration::from_millis(UPLINK_RETRY_MS));
            return None;
        }
        self.next_token += 1;
        self.book.budget.spend(bytes + self.topic.len());
        self.book.meters.batches.inc();
        self.book.meters.bytes.inc_by((bytes + self.topic.len()) as u64);
        Some(token)
    }

    /// A copy of some records that moves no cursor.
    fn send_ahead(&mut self, records: &[Record]) -> Option<u64> {
        let last = place_of(records.last()?);
        let head = Head {
            after: records.first()?.seq.saturating_sub(1),
            last: last.seq,
            boot: last.boot,
            cursor: self.flow.cursor(),
            ahead: true,
            ..Head::default()
        };
        let payload = self.pack(&head, records);
        let fits = payload.len() <= UPLINK_BATCH_BYTES_MAX;
        self.book.look_at_the_day();
        (fits && self.book.budget.allows(payload.len(), true))
            .then(|| self.publish(payload))
            .flatten()
    }

    /// Alarms that stand behind more than a batch overtake it, and so do those that the budget
    /// would keep waiting.
    fn send_alarms(&mut self) {
        let behind = self.book.stored.saturating_sub(self.flow.after());
        let overtakes = self.flow.is_open() && behind > u64::from(self.book.cloud.batch_records);
        let may = overtakes || (self.book.is_held && self.flow.is_up());
        if !may {
            return;
        }
        let Some(from) = self.alarms.search_from(self.flow.after()) else { return };
        let found = self.book.source.alarms(from);
        self.alarms.searched(self.book.stored, self.flow.cursor());
        let is_new = |record: &Record| {
            self.book.wanted.takes(record)
                && !self.book.notes.refuses(record.seq)
                && !self.alarms.is_done(record.seq)
        };
        let records: Vec<_> = found.into_iter().filter(is_new).collect();
        if let Some(token) = self.send_ahead(&records) {
            self.alarms.sent(token, records.iter().map(|record| record.seq).collect());
        }
    }

    /// The line broke at a record several times: does it break at another one too?
    fn try_another(&mut self, seq: u64) -> bool {
        let chunk = self.book.source.read(seq, 1, |record| self.book.wanted.takes(record));
        if let Some(record) = chunk.records.first()
            && let Some(token) = self.send_ahead(&chunk.records)
        {
            self.trial = Some((token, record.seq));
            return false;
        }
        // There is none, or it may not go: nothing proves that it is the record.
        self.suspect.broke_at_another();
        true
    }

    fn take(&mut self, event: LinkEvent) {
        let now = Instant::now();
        match event {
            LinkEvent::Up { .. } => {
                self.flow.up();
                self.alarms.begin_again();
                self.book.not_before = None;
                self.audit_told = 0;
                self.greet();
            }
            LinkEvent::Down { .. } => self.line_is_down(),
            LinkEvent::Acked { token } | LinkEvent::Lost { token } if operator::is_word(token) => {}
            LinkEvent::Acked { token } => {
                if let Some((_, seq)) = self.trial.take_if(|trial| trial.0 == token) {
                    self.suspect.passed(seq);
                } else if !self.alarms.arrived(token) {
                    if let Some((_, seq)) = self.probe.take_if(|probe| probe.0 == token) {
                        self.suspect.passed(seq);
                    }
                    self.flow.broker_has(token, now);
                }
            }
            LinkEvent::Lost { token } => {
                if !self.alarms.given_back(token) {
                    self.flow.given_back(token);
                }
            }
            LinkEvent::Message { topic, payload, retained, receipt } => {
                if topic == DeviceTopic::LogAck.build(&self.book.common.device) {
                    self.hear(&payload, retained, now);
                } else {
                    self.operator_says(topic, Ok(payload), retained, receipt);
                }
            }
            LinkEvent::Oversize { topic: Some(topic), bytes, receipt: Some(receipt) } => {
                self.operator_says(topic, Err(bytes), false, Some(receipt));
            }
            LinkEvent::SubscriptionRefused { filter } => {
                let text = format!(
                    "{} refuses {filter}: no acknowledgement will come",
                    self.book.cloud.name
                );
                self.book.say(text, Severity::Alarm);
            }
            LinkEvent::Takeover { count } => {
                let text = format!(
                    "{}: another client uses our client id ({count} times)",
                    self.book.cloud.name
                );
                self.book.say(text, Severity::Alarm);
            }
            LinkEvent::Oversize { .. } | LinkEvent::Unreadable { .. } => {}
        }
    }

    fn line_is_down(&mut self) {
        if self.trial.take().is_some() {
            self.suspect.broke_at_another();
        } else if let Some((_, seq)) = self.probe.take() {
            let refused = self.suspect.broke_at(seq);
            if refused && let Ok(Some(record)) = self.book.source.record_at(seq) {
                self.book.refuse(&record, "the connection breaks at it, and not at others");
            }
        }
        self.flow.down();
        self.forget_held();
        self.alarms.begin_again();
        self.book.tell_backlog(self.flow.cursor(), Instant::now());
    }

    fn hear(&mut self, payload: &[u8], retained: bool, now: Instant) {
        let Some(word) = Word::parse(payload) else {
            tracing::warn!(
                destination = self.book.cloud.name,
                "an acknowledgement that cannot be read"
            );
            return;
        };
        if let Said::Ahead(place) = self.flow.receiver_has(word.place, word.probe, retained, now) {
            // Where the journal cannot be read now, the next probe asks again.
            if let Ok(record) = self.book.source.record_at(place.seq) {
                let is_there = record.is_some_and(|record| record.boot == place.boot);
                if !is_there {
                    let (seq, boot) = (place.seq, place.boot);
                    tracing::warn!(seq, boot, "the receiver has a record that is not ours");
                }
                self.flow.jump(place, is_there);
            }
        }
        if let Some((seq, reason)) = word.reject
            && seq > self.flow.cursor()
            && !self.book.notes.refuses(seq)
            && let Ok(Some(record)) = self.book.source.record_at(seq)
        {
            self.book.refuse(&record, &reason);
            self.flow.begin_again();
        }
    }
}

fn place_of(record: &Record) -> Place {
    Place { seq: record.seq, boot: record.boot }
}

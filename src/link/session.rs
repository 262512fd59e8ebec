//! One accepted connection, from its subscriptions to its end.
//!
//! One loop waits for whatever comes first; nothing in it blocks, so a slow owner stops the
//! reading and not the pings, and a slow broker stops the writing and not the watchdog.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use rumqttc::{
    Packet, Publish, QoS, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode, Unsubscribe,
};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, sleep_until, timeout};

use super::client::{LinkConfig, LinkEvent, Shared};
use super::connect::{Accepted, Stream};
use super::outbox::MESSAGE_ID_MAX;
use super::wanted::Wanted;
use super::wire::{self, Frame, FrameReader, Reply, WireError};
use crate::limits::{
    CLOSE_MS_MAX, FILTERS_PER_SUBSCRIBE, READ_BYTES, WRITE_BUFFER_BYTES_HIGH,
    WRITE_BUFFER_BYTES_MAX,
};

/// Why a connection ended that nobody had asked to end.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error("the broker closed the connection")]
    Closed,
    #[error("connection lost: {source}")]
    Io { source: io::Error },
    #[error("the broker acknowledged nothing for {} s", after.as_secs())]
    NoAcknowledgement { after: Duration },
    #[error("nothing heard from the broker for {} s", after.as_secs())]
    Silent { after: Duration },
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl Broken {
    /// The other side ended it.
    pub(super) fn by_broker(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match self {
            Broken::Closed => true,
            // TLS says UnexpectedEof where TCP ends without a farewell.
            Broken::Io { source } => {
                matches!(source.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
            }
            _ => false,
        }
    }
}

/// How a connection ended.
pub(super) enum End {
    /// The owner closed the link.
    Asked,
    /// Nobody reads our events any more; the last will is to be said.
    OwnerGone,
    /// It broke.
    Broken(Broken),
}

/// What woke the loop.
enum Wake {
    Delivered,
    Read(io::Result<usize>),
    Wrote(io::Result<()>),
    Changed,
    Timer,
    OwnerGone,
}

/// The clocks of the watchdogs, all monotonic.
struct Clocks {
    /// Last byte from the broker.
    received: Instant,
    /// Last byte to the broker.
    sent: Instant,
    /// Last PINGREQ.
    pinged: Instant,
    /// Last step of what is outstanding: PUBACK, SUBACK, or bytes of a large message.
    progress: Instant,
    /// Since when we do not read, because the owner does not take.
    paused: Option<Instant>,
}

pub(super) struct Session<'a> {
    config: &'a LinkConfig,
    wanted: &'a Wanted,
    shared: &'a Shared,
    events: &'a mpsc::Sender<LinkEvent>,
    /// Events on their way to the owner. While there is one, nothing is read.
    waiting: &'a mut VecDeque<(LinkEvent, Reply)>,
    frames: FrameReader,
    out: BytesMut,
    unflushed: bool,
    /// SUBSCRIBEs without an answer: packet id and filters.
    subscribing: HashMap<u16, Vec<String>>,
    last_subscribe_id: u16,
    session_present: bool,
    up: bool,
    close_by: Option<Instant>,
    clocks: Clocks,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        config: &'a LinkConfig,
        wanted: &'a Wanted,
        shared: &'a Shared,
        events: &'a mpsc::Sender<LinkEvent>,
        waiting: &'a mut VecDeque<(LinkEvent, Reply)>,
    ) -> Session<'a> {
        let now = Instant::now();
        Session {
            config,
            wanted,
            shared,
            events,
            waiting,
            frames: FrameReader::new(config.endpoint.max_packet_bytes),
            out: BytesMut::new(),
            unflushed: false,
            subscribing: HashMap::new(),
            last_subscribe_id: MESSAGE_ID_MAX,
            session_present: false,
            up: false,
            close_by: None,
            clocks: Clocks { received: now, sent: now, pinged: now, progress: now, paused: None },
        }
    }

    /// Runs to the end; also says whether the connection was ever up.
    pub(super) async fn run(mut self, accepted: Accepted) -> (End, bool) {
        self.frames = accepted.frames;
        self.session_present = accepted.session_present;
        let (mut reader, mut writer) = split(accepted.stream);
        let end = match self.subscribe() {
            Ok(()) => self.turn(&mut reader, &mut writer).await,
            Err(error) => Err(error.into()),
        };
        if matches!(end, Ok(End::Asked)) {
            self.part(reader, writer).await;
        }
        (end.unwrap_or_else(End::Broken), self.up)
    }

    /// Asks for every filter, at each connection: harmless where the broker knows them, and the
    /// only remedy where it forgot some.
    fn subscribe(&mut self) -> Result<(), WireError> {
        let filters: Vec<String> = self.wanted.filters().cloned().collect();
        for chunk in filters.chunks(FILTERS_PER_SUBSCRIBE) {
            let id = self.subscribe_id();
            let filters = chunk.iter().cloned();
            let mut packet = Subscribe::new_many(
                filters.map(|path| SubscribeFilter::new(path, QoS::AtLeastOnce)),
            );
            packet.pkid = id;
            wire::encode(&Packet::Subscribe(packet), &mut self.out)?;
            self.subscribing.insert(id, chunk.to_vec());
        }
        self.note_if_up();
        Ok(())
    }

    fn subscribe_id(&mut self) -> u16 {
        self.last_subscribe_id =
            self.last_subscribe_id.checked_add(1).unwrap_or(MESSAGE_ID_MAX + 1);
        self.last_subscribe_id
    }

    fn note_if_up(&mut self) {
        if self.subscribing.is_empty() && !self.up {
            self.up = true;
            self.shared.lock().outbox.set_up();
            self.clocks.progress = Instant::now();
            let up = LinkEvent::Up { session_present: self.session_present };
            self.waiting.push_back((up, Reply::None));
            tracing::info!(session_present = self.session_present, "connected to the broker");
        }
    }

    /// Turns until something ends it.
    async fn turn(
        &mut self,
        reader: &mut ReadHalf<Stream>,
        writer: &mut WriteHalf<Stream>,
    ) -> Result<End, Broken> {
        loop {
            if self.advance()? {
                return Ok(End::Asked);
            }
            let may_read = self.may_read();
            let timer = self.next_timer();
            let events = self.events;
            let wake = tokio::select! {
                place = events.reserve(), if !self.waiting.is_empty() => match place {
                    Ok(place) => {
                        if let Some((event, reply)) = self.waiting.pop_front() {
                            self.shared.lock().receipts.add(receipt_of(&event), reply);
                            place.send(event);
                        }
                        Wake::Delivered
                    }
                    Err(_) => Wake::OwnerGone,
                },
                read = read_some(reader, &mut self.frames), if may_read => Wake::Read(read),
                wrote = write_some(writer, &mut self.out, &mut self.unflushed),
                    if !self.out.is_empty() || self.unflushed => Wake::Wrote(wrote),
                () = self.shared.changed.notified() => Wake::Changed,
                () = events.closed(), if self.close_by.is_none() => Wake::OwnerGone,
                () = sleep_until(timer) => Wake::Timer,
            };
            match wake {
                Wake::OwnerGone => return Ok(End::OwnerGone),
                wake => self.note(wake)?,
            }
        }
    }

    fn note(&mut self, wake: Wake) -> Result<(), Broken> {
        let now = Instant::now();
        match wake {
            Wake::Read(Ok(0)) => return Err(Broken::Closed),
            Wake::Read(Ok(_)) => {
                self.clocks.received = now;
                if self.frames.in_large_frame() {
                    self.clocks.progress = now;
                }
            }
            Wake::Wrote(Ok(())) => {
                self.clocks.sent = now;
                // A large message of ours is on its way; its PUBACK cannot be there yet.
                if self.out.len() > READ_BYTES {
                    self.clocks.progress = now;
                }
            }
            Wake::Read(Err(source)) | Wake::Wrote(Err(source)) => {
                return Err(Broken::Io { source });
            }
            Wake::Timer => self.watch(now)?,
            Wake::Delivered | Wake::Changed | Wake::OwnerGone => {}
        }
        self.note_pause(now);
        Ok(())
    }

    /// While the owner takes nothing we hear nothing; that is not the broker's fault.
    fn note_pause(&mut self, now: Instant) {
        match (self.waiting.is_empty(), self.clocks.paused) {
            (true, Some(since)) => {
                let lasted = now - since;
                self.clocks.received += lasted;
                self.clocks.progress += lasted;
                self.clocks.paused = None;
            }
            (false, None) => self.clocks.paused = Some(now),
            _ => {}
        }
    }

    /// Everything that can be done without waiting. `true`: the connection may end.
    fn advance(&mut self) -> Result<bool, Broken> {
        let closing = self.shared.lock().closing;
        if closing && self.close_by.is_none() {
            self.close_by = Some(Instant::now() + Duration::from_millis(CLOSE_MS_MAX));
        }
        loop {
            if closing {
                self.deliver_what_fits();
            }
            self.take_ends();
            if !self.may_read() {
                break;
            }
            let Some(frame) = self.frames.next()? else { break };
            self.take(frame)?;
        }
        self.answer()?;
        self.send_what_waits()?;
        while closing && !self.waiting.is_empty() {
            // Nobody comes back here for the last of them.
            self.deliver_what_fits();
            self.take_ends();
        }
        let now = Instant::now();
        self.note_pause(now);
        let done = !self.up || (self.shared.lock().outbox.is_idle() && self.out.is_empty());
        Ok(self.close_by.is_some_and(|by| done || now >= by))
    }

    /// A receipt, where a message on this topic needs one.
    fn receipt(&self, topic: &str, reply: Reply) -> Option<u64> {
        let needs = reply != Reply::None && self.wanted.needs_receipt(topic);
        needs.then(|| self.shared.lock().receipts.issue())
    }

    fn may_read(&self) -> bool {
        self.waiting.is_empty()
            && self.out.len() < WRITE_BUFFER_BYTES_MAX
            && !self.shared.lock().receipts.is_full()
    }

    /// Tells the broker about what the owner has.
    fn answer(&mut self) -> Result<(), WireError> {
        let mut state = self.shared.lock();
        while let Some(reply) = state.receipts.next() {
            reply.encode(&mut self.out)?;
        }
        Ok(())
    }

    /// The owner waits for our end and need not read; messages stay with the broker.
    fn deliver_what_fits(&mut self) {
        while let Some((event, _)) = self.waiting.pop_front() {
            if matches!(event, LinkEvent::Message { .. }) {
                continue;
            }
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                tracing::debug!(?event, "nobody took this event before the end");
            }
        }
    }

    fn take_ends(&mut self) {
        if self.waiting.is_empty()
            && let Some(end) = self.shared.lock().outbox.next_end()
        {
            self.waiting.push_back((end, Reply::None));
        }
    }

    fn take(&mut self, frame: Frame) -> Result<(), Broken> {
        match frame {
            Frame::Message { topic, reply, .. } if !self.wanted.matches(&topic) => {
                self.shared.lock().counters.unwanted += 1;
                self.refuse(topic, reply)?;
            }
            Frame::Message { topic, payload, retained, reply } => {
                self.shared.lock().counters.messages += 1;
                let receipt = self.receipt(&topic, reply);
                let message = LinkEvent::Message { topic, payload, retained, receipt };
                self.waiting.push_back((message, reply));
            }
            Frame::Oversize { topic, bytes, reply } => {
                self.shared.lock().counters.oversize += 1;
                tracing::debug!(topic, bytes, "message above bus.max_packet dropped");
                self.clocks.progress = Instant::now();
                let receipt = topic.as_ref().and_then(|topic| self.receipt(topic, reply));
                self.waiting.push_back((LinkEvent::Oversize { topic, bytes, receipt }, reply));
            }
            Frame::Unreadable { bytes, reply } => {
                self.shared.lock().counters.unreadable += 1;
                self.waiting.push_back((LinkEvent::Unreadable { bytes }, reply));
            }
            Frame::Other(packet) => self.take_packet(packet)?,
        }
        Ok(())
    }

    /// An earlier configuration subscribed to this; where the filter was the topic itself, the
    /// broker can be told.
    fn refuse(&mut self, topic: String, reply: Reply) -> Result<(), WireError> {
        self.shared.lock().receipts.add(None, reply);
        let mut packet = Unsubscribe::new(topic);
        packet.pkid = self.subscribe_id();
        wire::encode(&Packet::Unsubscribe(packet), &mut self.out)
    }

    fn take_packet(&mut self, packet: Packet) -> Result<(), WireError> {
        match packet {
            Packet::PubAck(ack) => {
                if self.shared.lock().outbox.acknowledge(ack.pkid) {
                    self.clocks.progress = Instant::now();
                }
            }
            Packet::SubAck(ack) => self.take_suback(ack),
            Packet::PubRel(release) => wire::encode_complete(release.pkid, &mut self.out)?,
            Packet::PingResp | Packet::UnsubAck(_) => {}
            // We publish with QoS 1 only.
            Packet::PubRec(_) | Packet::PubComp(_) => {}
            Packet::ConnAck(_) => Err(WireError::Unexpected { what: "a second CONNACK" })?,
            _ => Err(WireError::Unexpected { what: "one that only clients send" })?,
        }
        Ok(())
    }

    fn take_suback(&mut self, ack: SubAck) {
        let Some(filters) = self.subscribing.remove(&ack.pkid) else { return };
        self.clocks.progress = Instant::now();
        for (at, filter) in filters.into_iter().enumerate() {
            if !matches!(ack.return_codes.get(at), Some(SubscribeReasonCode::Success(_))) {
                tracing::error!(filter, "the broker refused a subscription");
                let refused = LinkEvent::SubscriptionRefused { filter };
                self.waiting.push_back((refused, Reply::None));
            }
        }
        self.note_if_up();
    }

    fn send_what_waits(&mut self) -> Result<(), WireError> {
        let mut state = self.shared.lock();
        while self.out.len() < WRITE_BUFFER_BYTES_HIGH {
            let idle = !state.outbox.awaits_ack();
            let Some((id, message)) = state.outbox.next() else { break };
            let mut packet = Publish::from_bytes(
                message.topic.clone(),
                QoS::AtLeastOnce,
                message.payload.clone(),
            );
            packet.pkid = id;
            packet.retain = message.retain;
            packet.dup = message.repeated;
            wire::encode(&Packet::Publish(packet), &mut self.out)?;
            if idle {
                self.clocks.progress = Instant::now();
            }
        }
        Ok(())
    }

    fn ping_due(&self) -> Instant {
        let Clocks { received, sent, pinged, .. } = self.clocks;
        received.min(sent).max(pinged) + self.config.keep_alive / 2
    }

    /// `None`: nothing is outstanding, or we do not listen.
    fn stall_due(&self) -> Option<Instant> {
        let outstanding = !self.subscribing.is_empty() || self.shared.lock().outbox.awaits_ack();
        (outstanding && self.clocks.paused.is_none())
            .then(|| self.clocks.progress + self.config.pace.ack_stall)
    }

    fn silence_due(&self) -> Option<Instant> {
        let after = self.config.keep_alive.mul_f32(1.5);
        self.clocks.paused.is_none().then(|| self.clocks.received + after)
    }

    fn next_timer(&self) -> Instant {
        let timers = [self.stall_due(), self.silence_due(), self.close_by];
        timers.into_iter().flatten().fold(self.ping_due(), Instant::min)
    }

    fn watch(&mut self, now: Instant) -> Result<(), Broken> {
        if self.stall_due().is_some_and(|due| now >= due) {
            return Err(Broken::NoAcknowledgement { after: self.config.pace.ack_stall });
        }
        if self.silence_due().is_some_and(|due| now >= due) {
            return Err(Broken::Silent { after: now - self.clocks.received });
        }
        if now >= self.ping_due() {
            wire::encode(&Packet::PingReq, &mut self.out)?;
            self.clocks.pinged = now;
        }
        Ok(())
    }

    /// DISCONNECT, so that the last will stays unsaid; best effort.
    async fn part(&mut self, mut reader: ReadHalf<Stream>, mut writer: WriteHalf<Stream>) {
        let farewell = async {
            wire::encode(&Packet::Disconnect, &mut self.out).map_err(io::Error::other)?;
            writer.write_all(&self.out).await?;
            writer.shutdown().await?;
            // Until the broker has closed too; else a zero linger cuts the farewell off.
            let mut rest = BytesMut::new();
            while reader.read_buf(&mut rest).await? > 0 {
                rest.clear();
            }
            Ok::<(), io::Error>(())
        };
        let bound = Duration::from_millis(CLOSE_MS_MAX / 3);
        match timeout(bound, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the farewell to the broker failed"),
            Err(_) => tracing::debug!("the broker did not close the connection"),
        }
    }
}

fn receipt_of(event: &LinkEvent) -> Option<u64> {
    match event {
        LinkEvent::Message { receipt, .. } | LinkEvent::Oversize { receipt, .. } => *receipt,
        _ => None,
    }
}

/// One read of at most `READ_BYTES`. Cancel safe: `read_buf` is.
async fn read_some(reader: &mut ReadHalf<Stream>, frames: &mut FrameReader) -> io::Result<usize> {
    reader.read_buf(&mut frames.buffer().limit(READ_BYTES)).await
}

/// One write, or one flush where nothing is left to write. Cancel safe: both are.
async fn write_some(
    writer: &mut (impl AsyncWrite + Unpin),
    out: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<()> {
    if out.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        if out.capacity() > WRITE_BUFFER_BYTES_HIGH {
            *out = BytesMut::new();
        }
        return Ok(());
    }
    match writer.write_buf(out).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => {
            *unflushed = true;
            Ok(())
        }
    }
}

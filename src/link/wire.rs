//! Bytes from the broker into packets, and packets into bytes. Pure: no socket, no clock.
//!
//! A PUBLISH is taken apart here and not by the library, because each of them must leave with an
//! answer for the broker: a message that is too large, or whose topic cannot be read, is stepped
//! over and still acknowledged. Otherwise a persistent session brings it back for ever.

use bytes::{Buf, BytesMut};
use rumqttc::{Packet, PubAck, PubComp, PubRec};
use thiserror::Error;

use super::topics::valid_topic_name;
use crate::limits::READ_BYTES;

/// Type of a PUBLISH in the upper half of its first byte (MQTT 3.1.1 §2.2.1).
const PUBLISH: u8 = 3;
/// Most bytes of the length field (§2.2.3).
const LENGTH_BYTES_MAX: usize = 4;
/// A frame above this size is worth a look by the watchdog, and its buffer is given back.
const LARGE_FRAME_BYTES: usize = 8 * READ_BYTES;

/// What the broker sent cannot be followed further; the connection must end.
#[derive(Debug, Error)]
pub(super) enum WireError {
    /// The length field has more than four bytes.
    #[error("the broker sent a packet without a valid length")]
    Length,
    /// Only a message may be large.
    #[error("the broker sent a packet of type {kind} with {bytes} bytes")]
    Oversize {
        /// MQTT packet type.
        kind: u8,
        /// Its length, in bytes.
        bytes: usize,
    },
    /// A packet that the library cannot read or write.
    #[error("packet not understood: {source}")]
    Packet {
        /// What it said.
        source: rumqttc::Error,
    },
    /// A packet that no broker sends to a client at this point.
    #[error("the broker sent an unexpected packet: {what}")]
    Unexpected {
        /// Its name.
        what: &'static str,
    },
}

/// What the broker is told about a message, once the message has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing: QoS 0.
    None,
    /// PUBACK: QoS 1.
    Ack(u16),
    /// PUBREC: QoS 2. We never ask for it; an old session of ours may still bring it.
    Received(u16),
}

impl Reply {
    /// Appends the answer to `out`.
    pub(super) fn encode(self, out: &mut BytesMut) -> Result<(), WireError> {
        match self {
            Reply::None => Ok(()),
            Reply::Ack(id) => encode(&Packet::PubAck(PubAck::new(id)), out),
            Reply::Received(id) => encode(&Packet::PubRec(PubRec::new(id)), out),
        }
    }
}

/// One packet from the broker.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// A message.
    Message { topic: String, payload: Vec<u8>, retained: bool, reply: Reply },
    /// A message above the limit; its payload is gone.
    Oversize { topic: Option<String>, bytes: usize, reply: Reply },
    /// A message whose topic cannot be read.
    Unreadable { bytes: usize, reply: Reply },
    /// Everything else.
    Other(Packet),
}

/// Appends `packet` to `out`.
pub(super) fn encode(packet: &Packet, out: &mut BytesMut) -> Result<(), WireError> {
    match packet.write(out, usize::MAX) {
        Ok(_) => Ok(()),
        Err(source) => Err(WireError::Packet { source }),
    }
}

/// Answers a PUBREL.
pub(super) fn encode_complete(id: u16, out: &mut BytesMut) -> Result<(), WireError> {
    encode(&Packet::PubComp(PubComp::new(id)), out)
}

/// The first bytes of a packet.
struct Header {
    /// Type and flags.
    first: u8,
    /// Length of type and length field.
    len: usize,
    /// Length of what follows.
    rest: usize,
}

impl Header {
    /// `None`: more bytes are needed.
    fn parse(bytes: &[u8]) -> Result<Option<Header>, WireError> {
        let Some((&first, length)) = bytes.split_first() else { return Ok(None) };
        let mut rest = 0;
        for (at, &byte) in length.iter().take(LENGTH_BYTES_MAX).enumerate() {
            rest |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(Some(Header { first, len: at + 2, rest }));
            }
        }
        if length.len() < LENGTH_BYTES_MAX { Ok(None) } else { Err(WireError::Length) }
    }

    fn kind(&self) -> u8 {
        self.first >> 4
    }

    fn total(&self) -> usize {
        self.len + self.rest
    }
}

/// Topic and answer of a PUBLISH, and where its payload begins.
struct Opening {
    topic: Option<String>,
    reply: Reply,
    len: usize,
}

impl Opening {
    /// Reads what follows the header; `None`: more bytes are needed.
    fn parse(header: &Header, body: &[u8]) -> Option<Opening> {
        let unreadable = Opening { topic: None, reply: Reply::None, len: header.rest };
        let qos = (header.first >> 1) & 0b11;
        if header.rest < 2 || qos > 2 {
            return Some(unreadable);
        }
        let (length, after) = body.split_first_chunk::<2>()?;
        let topic_len = usize::from(u16::from_be_bytes(*length));
        let id_len = if qos == 0 { 0 } else { 2 };
        let len = 2 + topic_len + id_len;
        if len > header.rest {
            return Some(unreadable);
        }
        let (topic, after) = after.split_at_checked(topic_len)?;
        let reply = match (qos, after.first_chunk::<2>()) {
            (0, _) => Reply::None,
            (_, None) => return None,
            (1, Some(id)) => Reply::Ack(u16::from_be_bytes(*id)),
            (_, Some(id)) => Reply::Received(u16::from_be_bytes(*id)),
        };
        let topic = std::str::from_utf8(topic).ok().filter(|topic| valid_topic_name(topic));
        Some(Opening { topic: topic.map(str::to_owned), reply, len })
    }
}

/// What is left of a message that is stepped over.
struct Skip {
    left: usize,
    frame: Frame,
}

/// Cuts the byte stream into frames. Holds at most one message of the limit and one read.
pub(super) struct FrameReader {
    buffer: BytesMut,
    message_bytes_max: usize,
    skip: Option<Skip>,
}

impl FrameReader {
    /// Messages (topic and payload) above `message_bytes_max` are stepped over.
    pub(super) fn new(message_bytes_max: usize) -> FrameReader {
        FrameReader { buffer: BytesMut::new(), message_bytes_max, skip: None }
    }

    /// Where the next read goes.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(READ_BYTES);
        &mut self.buffer
    }

    /// Whether a large message has begun and not ended; no PUBACK can come before its end.
    pub(super) fn in_large_frame(&self) -> bool {
        let rest = |header: Header| header.rest;
        self.skip.is_some()
            || Header::parse(&self.buffer).ok().flatten().map_or(0, rest) > LARGE_FRAME_BYTES
    }

    /// The next whole frame; `None`: more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, WireError> {
        if self.skip.is_some() {
            return Ok(self.go_on_skipping());
        }
        let Some(header) = Header::parse(&self.buffer)? else { return Ok(None) };
        if header.rest > self.message_bytes_max {
            if header.kind() != PUBLISH {
                return Err(WireError::Oversize { kind: header.kind(), bytes: header.rest });
            }
            return Ok(self.begin_to_skip(&header));
        }
        if self.buffer.len() < header.total() {
            return Ok(None);
        }
        let frame = match header.kind() {
            PUBLISH => Some(self.take_message(&header)),
            _ => Some(Frame::Other(self.take_packet(&header)?)),
        };
        if header.rest > LARGE_FRAME_BYTES && self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        Ok(frame)
    }

    fn take_message(&mut self, header: &Header) -> Frame {
        let packet = self.buffer.split_to(header.total());
        let body = packet.get(header.len..).unwrap_or_default();
        match Opening::parse(header, body) {
            Some(Opening { topic: Some(topic), reply, len }) => Frame::Message {
                topic,
                payload: body.get(len..).unwrap_or_default().to_vec(),
                retained: header.first & 1 == 1,
                reply,
            },
            opening => Frame::Unreadable {
                bytes: header.rest,
                reply: opening.map_or(Reply::None, |opening| opening.reply),
            },
        }
    }

    fn take_packet(&mut self, header: &Header) -> Result<Packet, WireError> {
        let mut packet = self.buffer.split_to(header.total());
        Packet::read(&mut packet, self.message_bytes_max)
            .map_err(|source| WireError::Packet { source })
    }

    fn begin_to_skip(&mut self, header: &Header) -> Option<Frame> {
        let opening = Opening::parse(header, self.buffer.get(header.len..)?)?;
        let frame =
            Frame::Oversize { topic: opening.topic, bytes: header.rest, reply: opening.reply };
        self.skip = Some(Skip { left: header.total(), frame });
        self.go_on_skipping()
    }

    fn go_on_skipping(&mut self) -> Option<Frame> {
        let mut skip = self.skip.take()?;
        let now = skip.left.min(self.buffer.len());
        self.buffer.advance(now);
        skip.left -= now;
        if skip.left == 0 {
            return Some(skip.frame);
        }
        self.skip = Some(skip);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rumqttc::{Publish, QoS};

    fn publish(topic: &str, payload: &[u8], qos: QoS, id: u16) -> Vec<u8> {
        let mut publish = Publish::new(topic, qos, payload);
        publish.pkid = id;
        let mut out = BytesMut::new();
        encode(&Packet::Publish(publish), &mut out).unwrap();
        out.to_vec()
    }

    fn read_all(reader: &mut FrameReader, bytes: &[u8], step: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        for part in bytes.chunks(step) {
            reader.buffer().extend_from_slice(part);
            while let Some(frame) = reader.next().unwrap() {
                frames.push(frame);
            }
        }
        frames
    }

    fn message(topic: &str, payload: &[u8], reply: Reply) -> Frame {
        Frame::Message { topic: topic.into(), payload: payload.into(), retained: false, reply }
    }

    #[test]
    fn frames_are_cut_wherever_the_reads_end() {
        let mut bytes = publish("a/b", b"one", QoS::AtMostOnce, 0);
        bytes.extend(publish("a/b", &[7; 300], QoS::AtLeastOnce, 5));
        bytes.extend([0xd0, 0]);
        bytes.extend(publish("a/b", b"", QoS::ExactlyOnce, 6));
        for step in [1, 2, 3, 7, 1000] {
            let frames = read_all(&mut FrameReader::new(1000), &bytes, step);
            let expected = [
                message("a/b", b"one", Reply::None),
                message("a/b", &[7; 300], Reply::Ack(5)),
                Frame::Other(Packet::PingResp),
                message("a/b", b"", Reply::Received(6)),
            ];
            assert_eq!(frames, expected, "step {step}");
        }
    }

    #[test]
    fn a_message_above_the_limit_is_stepped_over_in_little_memory() {
        let mut bytes = publish("big", &vec![1; 10_000_000], QoS::AtLeastOnce, 9);
        bytes.extend(publish("small", b"x", QoS::AtLeastOnce, 10));
        let mut reader = FrameReader::new(2_000_000);
        let mut frames = Vec::new();
        for part in bytes.chunks(READ_BYTES) {
            reader.buffer().extend_from_slice(part);
            frames.extend(reader.next().unwrap());
            assert!(reader.buffer.capacity() <= 4 * READ_BYTES, "{}", reader.buffer.capacity());
        }
        frames.extend(reader.next().unwrap());
        let big =
            Frame::Oversize { topic: Some("big".into()), bytes: 10_000_007, reply: Reply::Ack(9) };
        assert_eq!(frames, [big, message("small", b"x", Reply::Ack(10))]);
    }

    #[test]
    fn a_message_at_the_limit_is_read_and_one_above_is_not() {
        let at = publish("t", &[0; 95], QoS::AtLeastOnce, 1);
        let above = publish("t", &[0; 96], QoS::AtLeastOnce, 1);
        let frames = read_all(&mut FrameReader::new(100), &at, 8);
        assert!(matches!(frames[..], [Frame::Message { .. }]));
        let frames = read_all(&mut FrameReader::new(100), &above, 8);
        assert!(matches!(frames[..], [Frame::Oversize { bytes: 101, .. }]));
    }

    #[test]
    fn a_topic_that_is_no_text_is_acknowledged_and_dropped() {
        for topic in [&b"a\xff\xfe"[..], b"a/+", b"a\0"] {
            let mut bytes = vec![0x32, u8::try_from(topic.len()).unwrap() + 5, 0];
            bytes.push(u8::try_from(topic.len()).unwrap());
            bytes.extend(topic);
            bytes.extend([0, 77, b'p']);
            let frames = read_all(&mut FrameReader::new(100), &bytes, 1);
            let expected = Frame::Unreadable { bytes: topic.len() + 5, reply: Reply::Ack(77) };
            assert_eq!(frames, [expected]);
        }
    }

    #[test]
    fn a_topic_longer_than_its_packet_is_dropped() {
        let bytes = [0x32, 4, 0, 200, b'a', b'b', 0xd0, 0];
        let frames = read_all(&mut FrameReader::new(100), &bytes, 100);
        let dropped = Frame::Unreadable { bytes: 4, reply: Reply::None };
        assert_eq!(frames, [dropped, Frame::Other(Packet::PingResp)]);
    }

    #[test]
    fn a_large_packet_that_is_no_message_ends_the_connection() {
        let mut reader = FrameReader::new(100);
        reader.buffer().extend_from_slice(&[0x90, 0x80, 0x80, 0x01]);
        assert!(matches!(reader.next(), Err(WireError::Oversize { kind: 9, .. })));
        let mut reader = FrameReader::new(100);
        reader.buffer().extend_from_slice(&[0x30, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(reader.next(), Err(WireError::Length)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), step in 1..40usize) {
            let mut reader = FrameReader::new(200);
            'bytes: for part in bytes.chunks(step) {
                reader.buffer().extend_from_slice(part);
                loop {
                    match reader.next() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'bytes,
                    }
                }
                prop_assert!(reader.buffer.len() <= 400);
            }
        }

        #[test]
        fn messages_go_round(
            topic in "[a-z/]{1,20}",
            payload in prop::collection::vec(any::<u8>(), 0..200),
            id in 1..=u16::MAX,
            step in 1..50usize,
        ) {
            let bytes = publish(&topic, &payload, QoS::AtLeastOnce, id);
            let frames = read_all(&mut FrameReader::new(1000), &bytes, step);
            prop_assert_eq!(frames, [message(&topic, &payload, Reply::Ack(id))]);
        }
    }
}

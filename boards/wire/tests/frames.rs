//! The format, byte by byte, and the decoder under bytes that nobody meant.

#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]

use outpost_wire::{
    Decoder, FRAME_BYTES_MAX, FrameError, Full, Message, PACKET_BYTES_MAX, Packet, READINGS_MAX,
    Reading, Readings, TooLong, VERSION, Value, encode,
};
use proptest::prelude::*;

fn frame(packet: &Packet<'_>) -> Vec<u8> {
    let mut buffer = [0xaa; FRAME_BYTES_MAX];
    encode(packet, &mut buffer).unwrap().to_vec()
}

/// What a decoder makes of bytes: packets as their frames, since they borrow, and errors.
fn decoded(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Result<Vec<u8>, FrameError>> {
    let mut found = Vec::new();
    for byte in bytes {
        if let Some(result) = decoder.push(*byte) {
            found.push(result.map(|packet| frame(&packet)));
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn readings<'a>(all: &[Reading<'a>]) -> Readings<'a> {
    let mut readings = Readings::new();
    for reading in all {
        readings.push(*reading).unwrap();
    }
    readings
}

#[test]
fn the_bytes_of_each_message_are_frozen() {
    // Computed by another program, from the description in `lib.rs`.
    let several = readings(&[
        Reading { name: "a", value: Value::Bool(true) },
        Reading { name: "b", value: Value::Int(-3) },
        Reading { name: "c", value: Value::Double(0.1) },
        Reading { name: "d", value: Value::Text("on") },
        Reading { name: "e", value: Value::Float(0.0) },
    ]);
    let soil = Reading { name: "soil", value: Value::Float(44.5) };
    assert_eq!(VERSION, 1);
    for (sequence, message, bytes) in [
        (0, Message::Hello { version: 1, name: "shed" }, "0001010901047368656406ce00"),
        (1, Message::Heartbeat, "000501011f3e00"),
        (2, Message::Reading(soil), "0009020204736f696c0201053242afde00"),
        (
            300,
            Message::Readings(several),
            "0007ac02030501611a01016201050163039a9999999999b93f016404026f6e01650201010103c8fe00",
        ),
        (
            4,
            Message::Set { name: "pump", value: Value::Bool(true) },
            "000804040470756d700401069900",
        ),
        (
            65535,
            Message::Echo { name: "pump", value: Value::Bool(false) },
            "000affff03050470756d7001032d6700",
        ),
    ] {
        let packet = Packet { sequence, message };
        assert_eq!(hex(&frame(&packet)), bytes, "{message:?}");
        let mut decoder = Decoder::new();
        let mut seen = false;
        for byte in frame(&packet) {
            if let Some(result) = decoder.push(byte) {
                assert_eq!(result, Ok(packet));
                seen = true;
            }
        }
        assert!(seen, "{message:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_never_cut() {
    let name = "n".repeat(PACKET_BYTES_MAX);
    let packet = Packet { sequence: 0, message: Message::Hello { version: 1, name: &name } };
    assert_eq!(encode(&packet, &mut [0; 2 * FRAME_BYTES_MAX]), Err(TooLong));
    // 253 bytes with sequence, variant, version, length (2) and CRC (2).
    let name = "n".repeat(PACKET_BYTES_MAX - 7);
    let packet = Packet { sequence: 0, message: Message::Hello { version: 1, name: &name } };
    assert_eq!(frame(&packet).len(), FRAME_BYTES_MAX);
    assert_eq!(encode(&packet, &mut [0; FRAME_BYTES_MAX - 1]), Err(TooLong));
    assert_eq!(encode(&packet, &mut []), Err(TooLong));
    let mut decoder = Decoder::new();
    let bytes = frame(&packet);
    assert_eq!(decoded(&mut decoder, &bytes), [Ok(bytes.clone())]);

    let mut all = readings(&[Reading { name: "a", value: Value::Int(1) }; READINGS_MAX]);
    assert_eq!(all.push(Reading { name: "a", value: Value::Int(1) }), Err(Full));
    assert_eq!(all.as_slice().len(), READINGS_MAX);
}

#[test]
fn a_frame_with_too_many_readings_is_an_error_and_not_a_part_of_them() {
    // 17 readings: `03` count, then each `name "" Bool false`.
    let mut plain = vec![0, 3, 17];
    plain.extend([0, 0, 0].repeat(17));
    let sum = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740).checksum(&plain).to_le_bytes();
    plain.extend(sum);
    let mut stuffed = vec![0; 300];
    let length = cobs::try_encode(&plain, &mut stuffed).unwrap();
    stuffed.truncate(length + 1);
    assert_eq!(decoded(&mut Decoder::new(), &stuffed), [Err(FrameError::Content)]);
}

#[test]
fn each_kind_of_damage_has_its_name() {
    let packet = Packet { sequence: 7, message: Message::Heartbeat };
    let good = frame(&packet);
    let mut decoder = Decoder::new();
    let mut changed = good.clone();
    changed[2] ^= 0x40;
    assert_eq!(decoded(&mut decoder, &changed), [Err(FrameError::Checksum)]);
    let cut = [&good[..3], &good[..]].concat();
    assert_eq!(decoded(&mut decoder, &cut), [Err(FrameError::Framing), Ok(good.clone())]);
    let noise = [&[0x55; 1000][..], &good].concat();
    assert_eq!(decoded(&mut decoder, &noise), [Err(FrameError::TooLong), Ok(good.clone())]);
    assert!(decoded(&mut decoder, &[0; 50]).is_empty(), "empty frames mean nothing");
    assert!(decoded(&mut decoder, &good[..4]).is_empty());
    assert!(decoder.reset(), "a frame had begun");
    assert!(!decoder.reset());
    assert_eq!(decoded(&mut decoder, &good), [Ok(good.clone())]);
}

fn value() -> impl Strategy<Value = (u8, i64, f64, String)> {
    (0..5u8, any::<i64>(), any::<f64>(), "\\PC{0,30}")
}

fn of(parts: &(u8, i64, f64, String)) -> Value<'_> {
    match parts.0 {
        0 => Value::Bool(parts.1 % 2 == 0),
        1 => Value::Int(parts.1),
        2 => Value::Float(parts.2 as f32),
        3 => Value::Double(parts.2),
        _ => Value::Text(&parts.3),
    }
}

proptest! {
    #[test]
    fn every_message_goes_round(
        sequence: u16,
        kind in 0..6u8,
        name in "\\PC{0,40}",
        first in value(),
        second in value(),
    ) {
        let one = Reading { name: &name, value: of(&first) };
        let message = match kind {
            0 => Message::Hello { version: VERSION, name: &name },
            1 => Message::Heartbeat,
            2 => Message::Reading(one),
            3 => Message::Readings(readings(&[one, Reading { name: "b", value: of(&second) }])),
            4 => Message::Set { name: &name, value: of(&first) },
            _ => Message::Echo { name: &name, value: of(&second) },
        };
        let packet = Packet { sequence, message };
        let mut buffer = [0; FRAME_BYTES_MAX];
        if let Ok(bytes) = encode(&packet, &mut buffer) {
            prop_assert!(!bytes[1..bytes.len() - 1].contains(&0));
            let bytes = bytes.to_vec();
            prop_assert_eq!(decoded(&mut Decoder::new(), &bytes), vec![Ok(bytes.clone())]);
        }
    }

    /// Any bytes, then a frame: no panic, and the frame is found.
    #[test]
    fn a_frame_after_anything_is_found(
        noise in prop::collection::vec(any::<u8>(), 0..700),
        sequence: u16,
    ) {
        let packet = Packet { sequence, message: Message::Heartbeat };
        let good = frame(&packet);
        let mut decoder = Decoder::new();
        let mut bytes = noise;
        bytes.extend(&good);
        let found = decoded(&mut decoder, &bytes);
        prop_assert_eq!(found.last(), Some(&Ok(good)));
    }

    /// A stream that is cut and goes on elsewhere loses the frame that was cut and no other.
    #[test]
    fn a_cut_costs_the_frame_that_was_cut(count in 2..12u16, cut: prop::sample::Index) {
        let name = |n| Reading { name: "air", value: Value::Int(i64::from(n) * 1_000_003) };
        let frames: Vec<_> = (0..count)
            .map(|n| frame(&Packet { sequence: n, message: Message::Reading(name(n)) }))
            .collect();
        let stream = frames.concat();
        let at = cut.index(stream.len());
        let mut end = 0;
        let whole = frames.iter().take_while(|one| { end += one.len(); end <= at }).count();
        // What follows the cut frame comes after the line is back.
        let mut bytes = stream[..at].to_vec();
        frames.iter().skip(whole + 1).for_each(|one| bytes.extend(one));
        let found = decoded(&mut Decoder::new(), &bytes);
        let good: Vec<_> = found.into_iter().filter_map(Result::ok).collect();
        let mut expected = frames.clone();
        // Cut behind its last byte but one, a frame is whole: the next one brings the zero.
        let whole_length: usize = frames.iter().take(whole + 1).map(Vec::len).sum();
        if at + 1 != whole_length || usize::from(count) == whole + 1 {
            expected.remove(whole);
        }
        prop_assert_eq!(good, expected);
    }

    /// One changed bit never gives another packet.
    #[test]
    fn a_changed_bit_is_noticed(sequence: u16, number: i64, bit in 0..4000usize) {
        let one = Reading { name: "air", value: Value::Int(number) };
        let good = frame(&Packet { sequence, message: Message::Reading(one) });
        let mut bytes = good.clone();
        let bit = bit % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        for found in decoded(&mut Decoder::new(), &bytes).into_iter().flatten() {
            prop_assert_eq!(&found, &good);
        }
    }
}

//! Bytes of a line into words, and settings into bytes. Pure: no device, no clock.

use outpost_wire::{Decoder, FRAME_BYTES_MAX, FrameError, Message, Packet, VERSION, Value, encode};

use super::{Set, Setting, WordKind};
use crate::config::Dialect;
use crate::limits::SERIAL_TEXT_BYTES_MAX;

/// Our name in the `Hello`.
const NAME: &str = "outpost";

/// Ends a line that was cut off in the middle of an earlier life of the device, so that no command
/// is joined to it; ASCII's "cancel" makes its half of a value none that a board takes.
const CUT_OFF: &[u8] = b"\x18\n";

/// What bytes meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// A name with a value.
    Word { name: String, kind: WordKind, value: String },
    /// A board is there.
    Alive,
    /// A frame or a line that cannot be read.
    Damaged,
    /// So many frames are missing before this one.
    Missing(u16),
    /// The board speaks another version; what it says is not used until it speaks ours.
    Version(u8),
}

/// One of the dialects with what it remembers between bytes.
pub(super) enum Ear {
    Frames {
        decoder: Box<Decoder>,
        /// Number of the next frame, once one has come.
        expected: Option<u16>,
        /// The board has said another version than ours.
        foreign: bool,
        /// Number of our own next frame.
        sequence: u16,
    },
    Text {
        line: Vec<u8>,
        /// Until the first end of a line: where the beginning is not known, or too much came.
        skip: Option<Skip>,
    },
}

/// Why the rest of a line is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    Opened,
    TooLong,
}

impl Ear {
    pub(super) fn new(dialect: Dialect) -> Ear {
        match dialect {
            Dialect::Frames => Ear::Frames {
                decoder: Box::new(Decoder::new()),
                expected: None,
                foreign: false,
                sequence: 0,
            },
            Dialect::Text => Ear::Text { line: Vec::new(), skip: Some(Skip::Opened) },
        }
    }

    /// The device was opened: nothing of before continues, but the numbers do, so that frames of
    /// the time without a line show as missing. What is to be written first comes back.
    pub(super) fn opened(&mut self) -> Vec<u8> {
        match self {
            Ear::Frames { decoder, sequence, .. } => {
                decoder.reset();
                *sequence = 0;
                self.frame(Message::Hello { version: VERSION, name: NAME })
            }
            Ear::Text { line, skip } => {
                line.clear();
                *skip = Some(Skip::Opened);
                CUT_OFF.to_vec()
            }
        }
    }

    /// "I am here", where the dialect has it.
    pub(super) fn heartbeat(&mut self) -> Vec<u8> {
        match self {
            Ear::Frames { .. } => self.frame(Message::Heartbeat),
            Ear::Text { .. } => Vec::new(),
        }
    }

    /// The bytes of a command; `None`: it cannot be said.
    pub(super) fn set(&mut self, set: &Set) -> Option<Vec<u8>> {
        let bytes = match self {
            Ear::Frames { .. } => {
                let value = match &set.setting {
                    Setting::Switch(on, _) => Value::Bool(*on),
                    Setting::Level(level, _) => Value::Double(*level),
                    Setting::Word(word) => Value::Text(word),
                };
                self.frame(Message::Set { name: &set.name, value })
            }
            Ear::Text { .. } => {
                let (Setting::Switch(_, word) | Setting::Level(_, word) | Setting::Word(word)) =
                    &set.setting;
                format!("set {} {word}\n", set.name).into_bytes()
            }
        };
        (!bytes.is_empty()).then_some(bytes)
    }

    /// A frame of ours; empty where it does not fit.
    fn frame(&mut self, message: Message<'_>) -> Vec<u8> {
        let Ear::Frames { sequence, .. } = self else { return Vec::new() };
        let mut buffer = [0; FRAME_BYTES_MAX];
        match encode(&Packet { sequence: *sequence, message }, &mut buffer) {
            Ok(bytes) => {
                *sequence = sequence.wrapping_add(1);
                bytes.to_vec()
            }
            Err(outpost_wire::TooLong) => Vec::new(),
        }
    }

    /// Takes bytes and tells `hear` what they mean.
    pub(super) fn take(&mut self, bytes: &[u8], mut hear: impl FnMut(Heard)) {
        match self {
            Ear::Frames { decoder, expected, foreign, .. } => {
                for byte in bytes {
                    match decoder.push(*byte) {
                        None => {}
                        Some(Ok(packet)) => packet_heard(packet, expected, foreign, &mut hear),
                        // Its content is newer than ours, which its `Hello` has said already.
                        Some(Err(FrameError::Content)) if *foreign => {}
                        Some(Err(_)) => hear(Heard::Damaged),
                    }
                }
            }
            Ear::Text { line, skip } => {
                for byte in bytes {
                    text_heard(*byte, line, skip, &mut hear);
                }
            }
        }
    }
}

fn packet_heard(
    packet: Packet<'_>,
    expected: &mut Option<u16>,
    foreign: &mut bool,
    hear: &mut impl FnMut(Heard),
) {
    if let Message::Hello { version, .. } = packet.message {
        // It has started: its numbers begin anew.
        *foreign = version != VERSION;
        if *foreign {
            hear(Heard::Version(version));
        }
    } else if let Some(expected) = *expected {
        let missing = packet.sequence.wrapping_sub(expected);
        // Half of the numbers ahead is a board that began anew and whose `Hello` was lost.
        if missing > 0 && missing < u16::MAX / 2 {
            hear(Heard::Missing(missing));
        }
    }
    *expected = Some(packet.sequence.wrapping_add(1));
    if *foreign {
        return;
    }
    let word = |name: &str, kind, value: Value<'_>| {
        let (name, value) = (name.into(), words_of(value));
        Heard::Word { name, kind, value }
    };
    match packet.message {
        Message::Reading(one) => hear(word(one.name, WordKind::Reading, one.value)),
        Message::Readings(all) => {
            for one in all.as_slice() {
                hear(word(one.name, WordKind::Reading, one.value));
            }
        }
        Message::Echo { name, value } => hear(word(name, WordKind::Echo, value)),
        // A `Set` is ours: a line that sends our bytes back proves nothing.
        Message::Set { .. } => {}
        Message::Hello { .. } | Message::Heartbeat => hear(Heard::Alive),
    }
}

/// A value as text. A single number keeps its shortest digits: 21.4 stays 21.4.
fn words_of(value: Value<'_>) -> String {
    match value {
        Value::Bool(yes) => yes.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Text(text) => text.to_owned(),
    }
}

fn text_heard(byte: u8, line: &mut Vec<u8>, skip: &mut Option<Skip>, hear: &mut impl FnMut(Heard)) {
    if byte != b'\n' {
        if skip.is_none() && line.len() >= SERIAL_TEXT_BYTES_MAX {
            line.clear();
            *skip = Some(Skip::TooLong);
        }
        if skip.is_none() {
            line.push(byte);
        }
        return;
    }
    match skip.take() {
        // A line whose beginning nobody saw may look like another one.
        Some(Skip::Opened) => return,
        Some(Skip::TooLong) => return hear(Heard::Damaged),
        None => {}
    }
    let bytes = std::mem::take(line);
    let text = std::str::from_utf8(&bytes).map(str::trim);
    match text.map(|text| (text, text.split_once(char::is_whitespace))) {
        // An empty line is a line's end in another fashion.
        Ok(("", _)) => {}
        Ok((text, Some((name, value)))) if !text.chars().any(unprintable) => {
            let (name, value) = (name.into(), value.trim().into());
            hear(Heard::Word { name, kind: WordKind::Any, value });
        }
        _ => hear(Heard::Damaged),
    }
}

/// A tab is a space.
fn unprintable(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ear: &mut Ear, bytes: &[u8]) -> Vec<Heard> {
        let mut all = Vec::new();
        ear.take(bytes, |heard| all.push(heard));
        all
    }

    fn word(name: &str, kind: WordKind, value: &str) -> Heard {
        Heard::Word { name: name.into(), kind, value: value.into() }
    }

    fn frame(sequence: u16, message: Message<'_>) -> Vec<u8> {
        encode(&Packet { sequence, message }, &mut [0; FRAME_BYTES_MAX]).unwrap().to_vec()
    }

    fn reading(sequence: u16, value: Value<'_>) -> Vec<u8> {
        frame(sequence, Message::Reading(outpost_wire::Reading { name: "air", value }))
    }

    #[test]
    fn text_lines_are_words_and_their_first_part_is_not_believed() {
        let mut ear = Ear::new(Dialect::Text);
        assert_eq!(ear.opened(), CUT_OFF);
        // The end of `soil_air 7`, for all we know.
        assert!(heard(&mut ear, b"air 7\nai").is_empty());
        let any = |name, value| word(name, WordKind::Any, value);
        assert_eq!(heard(&mut ear, b"r 21.4\r\n\n"), [any("air", "21.4")]);
        assert_eq!(heard(&mut ear, b" door \topen wide \n"), [any("door", "open wide")]);
        for bad in [&b"air\n"[..], b"air \x07\n", b"a\xff 1\n"] {
            assert_eq!(heard(&mut ear, bad), [Heard::Damaged], "{bad:?}");
        }
        let long = [&[b'x'; 3 * SERIAL_TEXT_BYTES_MAX][..], b" 1\nair 2\n"].concat();
        assert_eq!(heard(&mut ear, &long), [Heard::Damaged, any("air", "2")]);
        assert!(heard(&mut ear, b"air 2").is_empty());
        ear.opened();
        assert!(heard(&mut ear, b"1.4\n").is_empty(), "an opened line begins anew");
    }

    #[test]
    fn gaps_in_the_numbers_are_missing_frames_and_a_hello_begins_anew() {
        let mut ear = Ear::new(Dialect::Frames);
        let air = |value| word("air", WordKind::Reading, value);
        assert_eq!(heard(&mut ear, &reading(7, Value::Float(21.4))), [air("21.4")]);
        let found = heard(&mut ear, &reading(10, Value::Int(-3)));
        assert_eq!(found, [Heard::Missing(2), air("-3")]);
        ear.opened();
        let found = heard(&mut ear, &reading(12, Value::Bool(true)));
        assert_eq!(found, [Heard::Missing(1), air("true")], "lost while the line was closed");
        let hello = frame(0, Message::Hello { version: VERSION, name: "b" });
        assert_eq!(heard(&mut ear, &hello), [Heard::Alive]);
        assert_eq!(heard(&mut ear, &reading(1, Value::Double(0.1))), [air("0.1")]);
        ear.take(&reading(u16::MAX, Value::Bool(true)), |heard| {
            assert_eq!(heard, air("true"), "numbers behind are a board that began anew");
        });
        assert_eq!(heard(&mut ear, &reading(0, Value::Int(1))), [air("1")]);
    }

    #[test]
    fn a_board_of_another_version_is_named_and_not_used() {
        let mut ear = Ear::new(Dialect::Frames);
        let hello = |version| frame(0, Message::Hello { version, name: "b" });
        assert_eq!(heard(&mut ear, &hello(9)), [Heard::Version(9)]);
        assert!(heard(&mut ear, &reading(1, Value::Int(1))).is_empty());
        assert_eq!(heard(&mut ear, &hello(VERSION)), [Heard::Alive]);
        assert_eq!(heard(&mut ear, &reading(1, Value::Int(1))).len(), 1);
    }

    #[test]
    fn a_line_that_sends_our_bytes_back_proves_nothing() {
        for dialect in [Dialect::Frames, Dialect::Text] {
            let mut ear = Ear::new(dialect);
            let mut bytes = ear.opened();
            bytes.extend(b"\n\0");
            let setting = Setting::Switch(true, "ON".into());
            let set = Set { token: 1, name: "pump".into(), setting };
            bytes.extend(ear.set(&set).unwrap());
            bytes.extend(ear.heartbeat());
            for heard in heard(&mut ear, &bytes) {
                assert!(!matches!(heard, Heard::Word { name, .. } if name == "pump"));
            }
        }
    }

    #[test]
    fn commands_are_said_as_the_dialect_does() {
        let set = |setting| Set { token: 1, name: "pump".into(), setting };
        let mut text = Ear::new(Dialect::Text);
        let level = set(Setting::Level(42.5, "42.5".into()));
        assert_eq!(text.set(&level).unwrap(), b"set pump 42.5\n");
        let mut frames = Ear::new(Dialect::Frames);
        for (setting, value) in [
            (Setting::Switch(false, "OFF".into()), Value::Bool(false)),
            (Setting::Level(42.5, "42.5".into()), Value::Double(42.5)),
            (Setting::Word("high".into()), Value::Text("high")),
        ] {
            frames.opened();
            let expected = frame(1, Message::Set { name: "pump", value });
            assert_eq!(frames.set(&set(setting)).unwrap(), expected);
        }
        let long = Setting::Word("x".repeat(300));
        assert_eq!(frames.set(&set(long)), None);
    }
}

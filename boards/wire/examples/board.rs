//! A firmware's side of the line, for a core without an operating system: one thermometer, one
//! relay. `read` and `write` are the serial port's; the firmware's loop calls `tick`.
//!
//! It builds for a Cortex-M4: `cargo build -p outpost-wire --example board --target
//! thumbv7em-none-eabihf`.

#![no_std]
#![allow(missing_docs, reason = "an example shows, it does not offer")]

use outpost_wire::{Decoder, FRAME_BYTES_MAX, Message, Packet, Reading, VERSION, Value, encode};

/// Without a word from Outpost for so long the relay goes off by itself, in milliseconds.
const SILENCE_MS_MAX: u32 = 10_000;

pub trait Port {
    /// The next byte, if there is one.
    fn read(&mut self) -> Option<u8>;
    fn write(&mut self, bytes: &[u8]);
}

pub struct Board {
    decoder: Decoder,
    sequence: u16,
    relay: bool,
    heard_ms: u32,
}

impl Board {
    pub fn start(port: &mut impl Port, now_ms: u32) -> Board {
        let mut board =
            Board { decoder: Decoder::new(), sequence: 0, relay: false, heard_ms: now_ms };
        board.greet(port);
        board
    }

    /// One round of the firmware's loop. `celsius`: a new reading, if there is one.
    pub fn tick(&mut self, port: &mut impl Port, now_ms: u32, celsius: Option<f32>) {
        while let Some(byte) = port.read() {
            let (mut greeted, mut set) = (false, None);
            match self.decoder.push(byte) {
                Some(Ok(Packet { message: Message::Hello { .. }, .. })) => greeted = true,
                Some(Ok(Packet { message: Message::Set { name: "relay", value }, .. })) => {
                    set = Some(value == Value::Bool(true));
                }
                Some(Ok(_)) => {}
                _ => continue,
            }
            self.heard_ms = now_ms;
            if greeted {
                self.greet(port);
            }
            if let Some(on) = set {
                self.relay = on;
                self.echo(port);
            }
        }
        if self.relay && now_ms.wrapping_sub(self.heard_ms) > SILENCE_MS_MAX {
            self.relay = false;
            self.echo(port);
        }
        if let Some(celsius) = celsius {
            let value = Value::Float(celsius);
            self.send(port, Message::Reading(Reading { name: "air", value }));
        }
    }

    fn greet(&mut self, port: &mut impl Port) {
        self.sequence = 0;
        self.send(port, Message::Hello { version: VERSION, name: "example board" });
        self.echo(port);
    }

    fn echo(&mut self, port: &mut impl Port) {
        let value = Value::Bool(self.relay);
        self.send(port, Message::Echo { name: "relay", value });
    }

    fn send(&mut self, port: &mut impl Port, message: Message<'_>) {
        let mut buffer = [0; FRAME_BYTES_MAX];
        if let Ok(frame) = encode(&Packet { sequence: self.sequence, message }, &mut buffer) {
            port.write(frame);
            self.sequence = self.sequence.wrapping_add(1);
        }
    }
}

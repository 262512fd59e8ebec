//! A microcontroller's end of a serial line: a real pseudo-terminal under a name that stays, as
//! `/dev/serial/by-id` gives it. It can be pulled out and plugged in again.
//!
//! It never waits inside: a test looks again and again, with a deadline.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_wire::{Decoder, FRAME_BYTES_MAX, Message, Packet, Reading, VERSION, Value, encode};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::common::eventually;

/// Longest that a line may take for anything.
const SOON: Duration = Duration::from_secs(20);

/// What a board heard of Outpost.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Hello,
    Heartbeat,
    /// Name and value of a `Set`.
    Set(String, String),
}

/// See the module.
pub struct Board {
    path: PathBuf,
    master: Option<OwnedFd>,
    decoder: Decoder,
    sequence: u16,
    /// Bytes of the text dialect that are no whole line yet.
    pub line: Vec<u8>,
}

impl Board {
    /// Plugs a board in under this name.
    pub fn plug(path: &Path) -> Board {
        let mut board = Board {
            path: path.to_owned(),
            master: None,
            decoder: Decoder::new(),
            sequence: 0,
            line: Vec::new(),
        };
        board.plug_again();
        board
    }

    /// As `plug`, after it was pulled out. Its numbers go on: it has a battery.
    pub fn plug_again(&mut self) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let noctty = OFlags::NOCTTY.bits().try_into().unwrap();
        let side = File::options().read(true).write(true).custom_flags(noctty).open(&name).unwrap();
        let mut settings = tcgetattr(&side).unwrap();
        settings.make_raw();
        tcsetattr(&side, OptionalActions::Now, &settings).unwrap();
        rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
        self.master = Some(master);
        (self.decoder, self.line) = (Decoder::new(), Vec::new());
        std::os::unix::fs::symlink(name, &self.path).unwrap();
    }

    /// Pulls it out: the device hangs up, and its name is gone.
    pub fn pull(&mut self) {
        std::fs::remove_file(&self.path).unwrap();
        self.master = None;
    }

    /// Writes bytes as they are.
    pub fn send(&self, mut bytes: &[u8]) {
        let master = self.master.as_ref().unwrap();
        while !bytes.is_empty() {
            let written =
                eventually("room on the line", SOON, || match rustix::io::write(master, bytes) {
                    Ok(count) => Some(count),
                    Err(Errno::AGAIN) => None,
                    Err(error) => panic!("{error}"),
                });
            bytes = &bytes[written..];
        }
    }

    /// The next frame, to be sent.
    pub fn frame(&mut self, message: Message<'_>) -> Vec<u8> {
        if matches!(message, Message::Hello { .. }) {
            self.sequence = 0;
        }
        let packet = Packet { sequence: self.sequence, message };
        self.sequence = self.sequence.wrapping_add(1);
        encode(&packet, &mut [0; FRAME_BYTES_MAX]).unwrap().to_vec()
    }

    /// The frame of a reading.
    pub fn reading(&mut self, name: &str, value: i64) -> Vec<u8> {
        self.frame(Message::Reading(Reading { name, value: Value::Int(value) }))
    }

    /// Says hello.
    pub fn greet(&mut self) {
        let hello = self.frame(Message::Hello { version: VERSION, name: "test board" });
        self.send(&hello);
    }

    /// Says what an actuator is set to.
    pub fn echo(&mut self, name: &str, on: bool) {
        let echo = self.frame(Message::Echo { name, value: Value::Bool(on) });
        self.send(&echo);
    }

    /// What has come, as bytes. Nothing where nobody has the device open.
    fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = rustix::io::read(self.master.as_ref().unwrap(), &mut buffer) {
            all.extend(&buffer[..count]);
        }
        all
    }

    /// Frames that have come.
    pub fn heard(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        for byte in self.bytes() {
            match self.decoder.push(byte).map(|result| result.unwrap().message) {
                Some(Message::Hello { version, .. }) => {
                    assert_eq!(version, VERSION);
                    all.push(Heard::Hello);
                }
                Some(Message::Heartbeat) => all.push(Heard::Heartbeat),
                Some(Message::Set { name, value }) => {
                    all.push(Heard::Set(name.into(), format!("{value:?}")));
                }
                Some(other) => panic!("only boards say {other:?}"),
                None => {}
            }
        }
        all
    }

    /// Waits until Outpost has opened the device and said hello.
    pub fn await_hello(&mut self) {
        eventually("Outpost's hello", SOON, || self.heard().contains(&Heard::Hello).then_some(()));
    }

    /// Whole lines that have come.
    pub fn lines(&mut self) -> Vec<String> {
        let bytes = self.bytes();
        self.line.extend(bytes);
        let text = String::from_utf8(self.line.clone()).unwrap();
        let Some((whole, rest)) = text.rsplit_once('\n') else { return Vec::new() };
        self.line = rest.as_bytes().to_vec();
        whole.lines().map(str::to_owned).collect()
    }
}

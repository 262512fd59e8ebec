//! What a run has before it, each at its time.

use outpost::agent::MindNews;
use outpost::domain::Setting;

/// Something that will happen.
#[derive(Debug)]
pub enum Next {
    Read(usize),
    Message {
        topic: String,
        payload: Vec<u8>,
        retained: bool,
    },
    Arrive {
        device: usize,
        payload: Vec<u8>,
    },
    Speak(usize),
    Acked(u64),
    Stored(u64),
    Mind(MindNews),
    Switched {
        command: (String, String),
        result: Result<(String, String), String>,
    },
    Taken {
        command: (String, String),
        result: Result<String, String>,
    },
    Fault,
    Operator,
    Command,
    Tempt,
    Dare,
    /// Somebody goes on with what leads into an interlock.
    Led(Vec<(usize, Setting)>),
    /// Somebody sets the mode of a device.
    Mode(usize, &'static str),
    Heal(usize),
    Sensor(usize),
    LinkUp(u64),
    LinkDown,
    Start,
    /// The process that was stopped in this life is gone.
    Ended(u64),
    Calm,
}

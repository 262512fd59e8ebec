//! What is beside the bus, serial lines and sources that are asked: words that come in as events,
//! settings that go out as `set`s. No decisions.

use tokio::sync::mpsc;

use super::Runtime;
use crate::agent::{Event, Inbox};
use crate::config::{Actuator, ActuatorKind, Config, Line};
use crate::domain::Severity;
use crate::limits;
use crate::link::asked::{files, http, modbus};
use crate::link::serial::{self, LineConfig, LineEvent, LineHandle, Set, Setting, WordKind};
use crate::link::topics::DeviceName;
use crate::link::{Endpoint, sparkplug};

/// Starts the configured lines; what they say comes out of the channel.
pub(super) fn start(
    config: &Config,
    inbox: &Inbox,
    (endpoint, device): (&Endpoint, &DeviceName),
) -> (Vec<LineHandle>, mpsc::Receiver<LineEvent>) {
    let (tell, events) = mpsc::channel(limits::SERIAL_EVENTS_MAX);
    let lines = (0u16..).zip(&config.lines).map(|(index, line)| {
        let names = inbox.names(index);
        match line {
            Line::Serial(line) => serial::spawn(LineConfig::of(index, line, names), tell.clone()),
            Line::Modbus(devices) => {
                modbus::spawn(index, devices, &names, serial::pace(), tell.clone())
            }
            Line::Files(folder) => {
                files::spawn(index, folder, &names, serial::pace(), tell.clone())
            }
            Line::Sparkplug(node) => {
                let client_id = format!("{}-{}", device.client_id(), node.name);
                let way = (endpoint.clone(), client_id);
                sparkplug::spawn(index, node, &names, way, tell.clone())
            }
            Line::Http(page) => http::spawn(index, page, serial::pace(), tell.clone()),
        }
    });
    (lines.collect(), events)
}

/// The `set` of a payload that the agent has made for an actuator with this name on its line.
pub(super) fn set(actuator: &Actuator, name: &str, token: u64, payload: &[u8]) -> Set {
    let word = String::from_utf8_lossy(payload).into_owned();
    let setting = match &actuator.kind {
        ActuatorKind::Switch | ActuatorKind::Pulse { .. } => {
            Setting::Switch(word == actuator.on, word)
        }
        ActuatorKind::Level { .. } => match word.parse() {
            Ok(level) => Setting::Level(level, word),
            Err(_) => Setting::Word(word),
        },
        ActuatorKind::Choice { .. } => Setting::Word(word),
    };
    Set { token, name: name.into(), setting }
}

impl Runtime<'_> {
    pub(super) fn line_news(&mut self, event: LineEvent) {
        match event {
            LineEvent::Up { line } => self.apply(Event::LineUp { line }),
            LineEvent::Down { line, reason } => self.apply(Event::LineDown { line, reason }),
            LineEvent::Word { line, name, kind, value } => {
                let (reading, echo) = (kind != WordKind::Echo, kind != WordKind::Reading);
                for event in self.inbox.heard(line, name, (reading, echo), &value) {
                    self.apply(event);
                }
            }
            LineEvent::Silent { line, name } => {
                for sensor in self.inbox.sensors(line, name).to_vec() {
                    self.apply(Event::Silent { sensor });
                }
            }
            LineEvent::Lost { token } => self.apply(Event::Lost { token }),
            LineEvent::Notice { line, text } => {
                let line = self.config.lines.get(usize::from(line));
                let kind = line.map_or("serial", Line::event_kind).into();
                let severity = Severity::Warning;
                self.apply(Event::Notice { kind, text, severity });
            }
        }
    }

    /// Hands a `set` to its line, which writes it now or says that it is lost.
    pub(super) fn put_on_line(&mut self, line: u16, set: Set) {
        let refused = match self.lines.get(usize::from(line)) {
            Some(handle) => handle.set(set).err(),
            None => Some(set),
        };
        if let Some(Set { token, name, .. }) = refused {
            tracing::warn!(name, "not sent: too much waits for its line");
            self.apply(Event::Lost { token });
        }
    }
}

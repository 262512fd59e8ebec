//! What is beside the bus, serial lines and sources that are asked: words that come in as events,
//! settings that go out as `set`s. No decisions.

use tokio::sync::mpsc;

use super::Runtime;
use crate::agent::{Event, Inbox};
use crate::config::{Actuator, ActuatorKind, Config, Line};
use crate::domain::{ActuatorId, Severity};
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
                let way = (endpoint.clone(), client_id(device, &node.name));
                sparkplug::spawn(index, node, &names, way, tell.clone())
            }
            Line::Http(page) => http::spawn(index, page, serial::pace(), tell.clone()),
        }
    });
    (lines.collect(), events)
}

/// Of a connection beside the agent's own: no board has a `_` in its name, so it is no other's.
fn client_id(device: &DeviceName, node: &str) -> String {
    format!("{}_sparkplug_{node}", device.client_id())
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
            LineEvent::Silent { line, name, is_there } => {
                let (sensors, actuators) = self.inbox.behind(line, name);
                let silent = sensors.iter().map(|sensor| Event::Silent { sensor: *sensor });
                let mute = |id: &ActuatorId| Event::Mute { actuator: *id, is_there };
                let events: Vec<_> = silent.chain(actuators.iter().map(mute)).collect();
                for event in events {
                    self.apply(event);
                }
            }
            LineEvent::Lost { token } => self.apply(Event::Lost { token, why: None }),
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
        let token = set.token;
        let refused = match self.lines.get(usize::from(line)) {
            Some(handle) => handle.set(set).err(),
            None => Some(set),
        };
        match refused {
            None => self.agent.went(token),
            Some(Set { name, .. }) => {
                let why = "not sent: its line has ended, or too much waits for it";
                tracing::warn!(name, "{why}");
                self.apply(Event::Lost { token, why: Some(why.into()) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_board_has_the_client_id_of_another_boards_node() {
        let name = |word: &str| word.parse::<DeviceName>().unwrap();
        assert_eq!(client_id(&name("barn"), "north"), "outpost-barn_sparkplug_north");
        for other in ["barn-north", "barn-sparkplug-north"] {
            assert_ne!(client_id(&name("barn"), "north"), name(other).client_id());
        }
        assert!("barn_sparkplug_north".parse::<DeviceName>().is_err());
    }
}

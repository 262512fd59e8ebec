//! Over what each sensor and actuator is reached, the bus or a line beside it, and what it means
//! that one of them comes or goes. A line does not care for the bus, nor the bus for a line.

use std::time::Duration;

use super::core::Agent;
use crate::clock::Tick;
use crate::config::{Feed, Line, Port};
use crate::domain::{ActuatorId, Decider, SensorId, Severity};
use crate::limits;

impl Agent {
    /// Since when something can be sent to an actuator; `None`: nothing can.
    pub(super) fn reach(&self, id: ActuatorId) -> Option<Tick> {
        let since = self.since(&self.config.actuators[usize::from(id.0)].port);
        since.filter(|_| !self.world.actuator(id).is_gone)
    }

    /// Since when a sensor can be heard, of a derived one all that it is made of; `None`: it
    /// cannot.
    pub(super) fn hearing_since(&self, id: SensorId) -> Option<Tick> {
        match &self.config.sensors[usize::from(id.0)].feed {
            Feed::Port(port) => self.since(port),
            Feed::Derived(formula) => {
                let all = formula.sensors().iter().map(|one| self.hearing_since(*one));
                all.collect::<Option<Vec<Tick>>>()?.into_iter().max()
            }
        }
    }

    /// Something can be sent to somebody.
    pub(super) fn reaches_any(&self) -> bool {
        self.link_since.is_some() || self.lines_since.iter().any(Option::is_some)
    }

    /// That a line is away, in words.
    pub(super) fn line_away(&self, line: u16) -> String {
        self.config.lines.get(usize::from(line)).map_or(String::new(), Line::away)
    }

    fn since(&self, port: &Port) -> Option<Tick> {
        match port {
            Port::Topic(_) => self.link_since,
            Port::Line { line, .. } => *self.lines_since.get(usize::from(*line))?,
        }
    }

    fn lost_mut(&mut self, line: Option<u16>) -> Option<&mut Option<Tick>> {
        let bus = self.config.lines.len();
        self.lost_at.get_mut(line.map_or(bus, usize::from))
    }

    /// What an echo proved is not believed for ever while no newer one can come: somebody may have
    /// been at the switch.
    pub(super) fn forget_unheard(&mut self, id: ActuatorId) {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let (line, echoes) = (actuator.port.line(), actuator.echoes());
        let Some(Some(lost)) = self.lost_mut(line).copied() else { return };
        let believed = Duration::from_millis(limits::ECHO_BELIEVED_MS);
        if echoes && self.now.tick.since(lost) >= believed {
            let state = self.world.actuator_mut(id);
            state.unheard |= state.confirmed.take().is_some();
        }
    }

    /// One that is unknown only because it could not be heard says by itself what it is set to; it
    /// gets the time for it before it is sent to `safe`.
    pub(super) fn had_time_to_speak(&self, id: ActuatorId) -> bool {
        let within = self.config.actuators[usize::from(id.0)].confirm_within;
        let spoken = |since: Tick| self.now.tick.since(since) >= within;
        !self.world.actuator(id).unheard || self.reach(id).is_some_and(spoken)
    }

    /// What a device is set to is unknown at its death as at that of its line.
    pub(super) fn mute(&mut self, id: ActuatorId, is_there: bool) {
        if !is_there {
            self.give_up(id, "its device died before it was confirmed");
        }
        let state = self.world.actuator_mut(id);
        state.unheard |= state.confirmed.take().is_some();
        state.is_gone = !is_there;
        self.plan_wanted = true;
    }

    /// The bus is there.
    pub(super) fn link_up(&mut self) {
        self.link_since = Some(self.now.tick);
        self.restore(None);
        self.report_status();
        self.goals_reported = None;
        self.report_commands();
        self.say_unsaid();
    }

    /// A line is open.
    pub(super) fn line_up(&mut self, line: u16) {
        let now = self.now.tick;
        if let Some(since) = self.lines_since.get_mut(usize::from(line)) {
            *since = Some(now);
            self.restore(Some(line));
        }
    }

    /// What had its start before and is not known now goes to `safe`.
    fn restore(&mut self, line: Option<u16>) {
        self.plan_wanted = true;
        for id in self.those_on(line) {
            let index = usize::from(id.0);
            self.forget_unheard(id);
            if !self.may_send_at_all(id) || !self.had_time_to_speak(id) {
                continue;
            }
            if self.begun[index] && self.world.actuator(id).confirmed.is_none() {
                let safe = self.config.actuators[index].safe.clone();
                let ours = self.world.actuator(id).owner.is_some();
                let ruled = self.rule_against(id, &safe).is_some();
                if ours && !ruled && !self.makes_worse(id, &safe) {
                    self.issue_now(id, safe, Decider::Rule, "connection restored");
                }
            }
        }
        if let Some(lost) = self.lost_mut(line) {
            *lost = None;
        }
    }

    /// The bus is gone: nothing can be sent over it, and what was out is unknown.
    pub(super) fn link_down(&mut self, reason: &str) {
        if self.link_since.take().is_none() {
            return;
        }
        self.lose(None);
        let text = format!("no connection to the broker: {reason}");
        self.say("link", text, Severity::Warning);
    }

    /// A line is closed. One that never was open is said too: it may be a wrong path.
    pub(super) fn line_down(&mut self, line: u16, reason: &str) {
        let Some(since) = self.lines_since.get_mut(usize::from(line)) else { return };
        if since.take().is_some() {
            self.lose(Some(line));
        }
        let kind = self.config.lines.get(usize::from(line)).map_or("serial", Line::event_kind);
        let text = format!("{}: {reason}", self.line_away(line));
        self.say(kind, text, Severity::Warning);
    }

    fn lose(&mut self, line: Option<u16>) {
        for id in self.those_on(line) {
            self.give_up(id, "the connection broke before it was confirmed");
        }
        self.drop_question();
        let now = self.now.tick;
        if let Some(lost) = self.lost_mut(line) {
            *lost = Some(now);
        }
    }

    /// The actuators on a line; `None`: on the bus.
    fn those_on(&self, line: Option<u16>) -> Vec<ActuatorId> {
        let all = (0u16..).zip(&self.config.actuators);
        let here = all.filter(|(_, actuator)| actuator.port.line() == line);
        here.map(|(index, _)| ActuatorId(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, room, sends, set, states};
    use super::*;
    use crate::agent::Event;
    use crate::config::{Config, Dialect, SerialLine};
    use crate::domain::{CommandState, Setting};

    /// The room, its heater on a serial line.
    fn heater_on_a_line() -> Config {
        let mut config = room();
        let (name, device) = ("shed".into(), "/dev/x".into());
        let line = SerialLine { name, device, baud: 9600, dialect: Dialect::Frames };
        config.lines = vec![Line::Serial(line)];
        config.actuators[2].port = Port::Line { line: 0, name: "heater".into() };
        config.actuators[2].state_topic = None;
        config
    }

    #[test]
    fn a_line_and_the_bus_come_and_go_by_themselves() {
        let mut bench = Bench::new(heater_on_a_line());
        let effects = bench.on(Event::LineUp { line: 0 });
        assert_eq!(sends(&effects), [(2, "OFF".to_string())], "its start, without the bus");
        let effects = bench.on(Event::LinkUp);
        assert_eq!(sends(&effects).len(), 2, "the start of the others");
        let reason = || "test".to_string();
        bench.on(Event::LineDown { line: 0, reason: reason() });
        let effects = bench.on(set("a", 2, true));
        assert_eq!(states(&effects, "a"), [CommandState::Rejected]);
        let effects = bench.on(set("b", 0, true));
        assert_eq!(states(&effects, "b").last(), Some(&CommandState::Succeeded));

        bench.on(Event::LineUp { line: 0 });
        bench.echo = false;
        let effects = bench.on(set("c", 2, true));
        assert_eq!(states(&effects, "c").last(), Some(&CommandState::Executing));
        let effects = bench.on(Event::LinkDown { reason: reason() });
        assert!(states(&effects, "c").is_empty(), "the bus is no matter of the line's");
        let effects = bench.on(Event::LineDown { line: 0, reason: reason() });
        assert_eq!(states(&effects, "c"), [CommandState::Failed]);
        // What was out is unknown: it goes to safe first of all.
        bench.echo = true;
        let effects = bench.on(Event::LineUp { line: 0 });
        assert_eq!(sends(&effects), [(2, "OFF".to_string())]);
        bench.on(Event::LineUp { line: 9 });
    }

    #[test]
    fn a_device_that_is_gone_is_unknown_and_gets_its_start_when_it_is_born() {
        let mut bench = Bench::new(heater_on_a_line());
        let heater = ActuatorId(2);
        let mute = |is_there| Event::Mute { actuator: heater, is_there };
        // Its line is there before it is: nothing is sent to nobody.
        bench.on(mute(false));
        assert_eq!(sends(&bench.on(Event::LineUp { line: 0 })), []);
        let effects = bench.on(set("a", 2, true));
        assert_eq!(states(&effects, "a"), [CommandState::Rejected]);
        let off = || Event::Echo { actuator: heater, setting: Ok(Setting::Off), retained: false };
        assert_eq!(sends(&bench.on(off())), [(2, "OFF".to_string())], "its start");
        assert_eq!(bench.agent.world().actuator(heater).confirmed, Some(Setting::Off));
        // It dies, with a command on its way.
        bench.on(Event::LinkUp);
        bench.echo = false;
        let effects = bench.on(set("b", 2, true));
        assert_eq!(states(&effects, "b").last(), Some(&CommandState::Executing));
        let effects = bench.on(mute(false));
        assert_eq!(states(&effects, "b"), [CommandState::Failed]);
        bench.on(off());
        assert_eq!(bench.agent.world().actuator(heater).confirmed, Some(Setting::Off));
        bench.on(mute(false));
        assert_eq!(bench.agent.world().actuator(heater).confirmed, None);
        // "Never with the heater": nobody knows what it is set to.
        let effects = bench.on(set("d", 1, true));
        assert_eq!(states(&effects, "d"), [CommandState::Rejected]);
        // Without a word of its own it can be commanded where it is there.
        bench.on(mute(true));
        let effects = bench.on(set("c", 2, true));
        assert_eq!(states(&effects, "c").last(), Some(&CommandState::Executing));
    }
}

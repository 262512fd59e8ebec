//! Plain words of an operator, carried out or answered: what was understood is written down before
//! anything acts, and what is not certain waits for a person.

use super::commands::LastMove;
use super::core::Agent;
use super::event::Body;
use super::prompt::{aim_words, change, words};
use super::spoken::{Meaning, Spoken, goal_meant};
use crate::domain::{ActuatorId, CommandState, Decider, SensorId, Severity};

impl Agent {
    /// An `ask` command that could be read.
    pub(super) fn asked_to(&mut self, key: &(String, String), text: &str, spoken: Spoken) {
        let Spoken { meaning, unsure } = spoken;
        let answer = match meaning {
            Meaning::Do(body) => return self.do_as_asked(key, text, *body, &unsure),
            Meaning::Sensor(id) => self.how_sensor_is(id),
            Meaning::Actuator(id) => self.why(id),
            Meaning::Goals => self.how_goals_are(),
        };
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        self.set_command(key, CommandState::Succeeded, &answer);
    }

    /// How a sensor is, and what is wanted of it.
    fn how_sensor_is(&self, id: SensorId) -> String {
        let about = self.aims.iter().filter(|goal| goal.aim.sensor() == Some(id));
        let wanted = about.filter_map(|goal| aim_words(&self.config, goal));
        let said =
            std::iter::once(self.fact(id)).chain(wanted.map(|words| format!("goal: {words}")));
        said.collect::<Vec<_>>().join("; ")
    }

    fn do_as_asked(&mut self, key: &(String, String), text: &str, body: Body, unsure: &[String]) {
        match body {
            Body::Set { actuator, setting, hold } => {
                let name = change(&self.config.actuators[usize::from(actuator.0)], &setting);
                if unsure.is_empty() && !self.needs_person(actuator) {
                    let s = hold.as_secs();
                    self.understood(text, &format!("{name}, left alone for {s} s"));
                    return self.set(key, actuator, setting, hold);
                }
                if let Err(refusal) = self.guard(actuator, &setting, Decider::Command) {
                    let cause = format!("{}/{}", key.0, key.1);
                    self.refuse(actuator, &setting, Decider::Command, &cause, &refusal);
                    return self.set_command(key, CommandState::Rejected, &refusal.to_string());
                }
                self.set_command(key, CommandState::Accepted, "");
                self.set_command(key, CommandState::Executing, "");
                self.understood(text, &format!("{name}, after a person has said yes"));
                let cause = format!("{}/{}", key.0, key.1);
                let id = self.ask_of_order(actuator, &setting, hold, &cause);
                let why = match unsure.is_empty() {
                    true => "it is one that a person has to approve".to_owned(),
                    false => format!("nothing was made of `{}`", unsure.join("`, `")),
                };
                let reason =
                    format!("understood as {name}; waits for approval, since {why} (approve {id})");
                self.set_command(key, CommandState::Succeeded, &reason);
            }
            body if unsure.is_empty() => self.carry_out_words(key, text, body),
            body => self.show_back(key, text, body, unsure),
        }
    }

    /// Carries out what is no setting.
    pub(super) fn carry_out_words(&mut self, key: &(String, String), text: &str, body: Body) {
        match body {
            Body::Mode { mode, actuator } => {
                let config = &self.config.actuators;
                let of =
                    actuator.map(|id| format!(" of {}", words(&config[usize::from(id.0)].name)));
                let meaning = format!("mode {}{}", mode.word(), of.unwrap_or_default());
                self.understood(text, &meaning);
                self.set_mode(key, mode, actuator);
            }
            Body::PutGoal { goal, text: json } => {
                self.understood(text, &format!("goal {json}"));
                self.change_goals(key, Some((*goal, json)), "");
            }
            Body::RemoveGoal { name } => {
                let name = goal_meant(&name, self.aims.iter(), &self.config).to_owned();
                self.understood(text, &format!("no more goal {name}"));
                self.change_goals(key, None, &name);
            }
            _ => self.set_command(key, CommandState::Rejected, "no order"),
        }
    }

    /// Says what was made of the words, before it is done.
    pub(super) fn understood(&mut self, text: &str, meaning: &str) {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.say("asked", format!("\"{plain}\" understood as: {meaning}"), Severity::Info);
    }

    /// How an actuator is, and which record says why.
    fn why(&self, id: ActuatorId) -> String {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let is = match &self.world.actuator(id).confirmed {
            Some(setting) => format!("is {setting}"),
            None => "has not said what it is".into(),
        };
        let name = words(&actuator.name);
        let Some(last) = &self.moves[usize::from(id.0)] else {
            return format!("{name} {is}; it was not set since this start");
        };
        let LastMove { setting, by, cause, seq, unix_ms, .. } = last;
        let at = jiff::Timestamp::from_millisecond(*unix_ms).unwrap_or_default();
        let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
        format!(
            "{name} {is}; last set to {setting} at {at} by {}: {cause} (record {seq})",
            by.word()
        )
    }

    fn how_goals_are(&self) -> String {
        let each = self.aims.iter().zip(&self.goals).map(|(aim, state)| {
            let how = match state.satisfied {
                Some(true) => "kept",
                Some(false) => "not kept",
                None => "unknown",
            };
            format!("{} {how}", aim.name)
        });
        let each: Vec<_> = each.collect();
        if each.is_empty() { "there are no goals".into() } else { each.join("; ") }
    }
}

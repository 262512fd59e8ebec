//! Plain words of an operator, carried out or answered: what was understood is written down before
//! anything acts, and what is not certain waits for a person.

use super::core::Agent;
use super::event::Body;
use super::moves::{Asked, Found, Move};
use super::prompt::{aim_words, change, words};
use super::spoken::{Meaning, Past, Spoken, When, goal_meant, past};
use crate::clock::ClockTrust;
use crate::domain::{ActuatorId, CommandState, Decider, SensorId, Severity};

/// Where to look for what is not remembered.
const OLDER: &str = " (older ones: `outpost log query --kind step`)";
/// What is said of a time that cannot be read, in the place of a move that was not asked about.
const UNREAD: &str = "the time that is said is not understood; say it as in `at 15:10 yesterday`, \
                      `this morning`, `on Monday` or `two hours ago`";

impl Agent {
    /// An `ask` command that could be read.
    pub(super) fn asked_to(&mut self, key: &(String, String), text: &str, spoken: Spoken) {
        let Spoken { meaning, unsure } = spoken;
        let answer = match meaning {
            Meaning::Do(body) => return self.do_as_asked(key, text, *body, &unsure),
            Meaning::Sensor(id) => self.how_sensor_is(id),
            Meaning::Actuator(id) => self.why(id, text),
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

    /// How an actuator is, and which record says why: of the last move, or of the one that a
    /// question about the past means.
    fn why(&self, id: ActuatorId, text: &str) -> String {
        let actuator = &self.config.actuators[usize::from(id.0)];
        let is = match &self.world.actuator(id).confirmed {
            Some(setting) => format!("is {setting}"),
            None => "has not said what it is".into(),
        };
        let is = format!("{} {is}", words(&actuator.name));
        let Some(last) = self.moves[usize::from(id.0)].back() else {
            return format!("{is}; no move of it is remembered{OLDER}");
        };
        let past = past(text, &self.config, actuator);
        let last = format!("last set to {}", self.move_words(last));
        let Some(when) = &past.when else {
            let wanted = past.rises.filter(|_| !past.is_state);
            return match self.last_that_went(id, wanted) {
                Some(one) if wanted.is_some() => {
                    format!("{is}; last set to {}", self.move_words(one))
                }
                Some(_) => format!("{is}; {last}"),
                None => format!("{is}; no such move of it is remembered{OLDER}; {last}"),
            };
        };
        if *when != When::Unread && self.now.trust != ClockTrust::Synced {
            return format!("{is}; when that was is not known, no clock is trusted here; {last}");
        }
        let was = self.what_was(id, &past, &self.meant(when));
        format!("{is}; {}", was.as_deref().unwrap_or(UNREAD))
    }

    /// The move at the first of these times that has one, or that there was none; `None` where no
    /// time is meant.
    fn what_was(&self, id: ActuatorId, past: &Past, meant: &[Asked]) -> Option<String> {
        let found = meant.iter().find_map(|asked| match self.find_move(id, past, *asked) {
            Found::Move(one, 1) => Some(format!("set to {}", self.move_words(one))),
            Found::Move(one, count) => {
                Some(format!("set to {}, the last of {count} then", self.move_words(one)))
            }
            _ => None,
        });
        found.or_else(|| self.what_was_not(id, past, meant))
    }

    /// That there was no such move at any of these times.
    fn what_was_not(&self, id: ActuatorId, past: &Past, meant: &[Asked]) -> Option<String> {
        let asked = *meant.first()?;
        let nearest = match self.find_move(id, past, asked) {
            Found::Otherwise(one) => {
                let (then, at) = (&one.setting, self.time_words(Some(asked.from_ms)));
                let was = if one.unproven { "may have been" } else { "was" };
                return Some(format!("{was} {then} at {at}: set to {}", self.move_words(one)));
            }
            Found::Move(one, _) => Some(one),
            Found::Not(nearest) => nearest,
        };
        let at = |ms: i64| self.time_words(Some(ms));
        let mut said = match asked.from_ms == asked.to_ms {
            true => {
                let minutes = asked.near_ms / 60_000;
                let times: Vec<_> = meant.iter().map(|asked| at(asked.from_ms)).collect();
                format!("there was no such move within {minutes} min of {}", times.join(" or "))
            }
            false => {
                format!("there was no such move from {} to {}", at(asked.from_ms), at(asked.to_ms))
            }
        };
        said.push_str(&match nearest {
            Some(one) => format!("; the nearest: set to {}", self.move_words(one)),
            None => "; none is remembered".into(),
        });
        // What is older than all that is remembered is not known to be missing.
        let oldest = self.oldest_move_ms(id);
        if oldest.is_none_or(|oldest| asked.from_ms.saturating_sub(asked.near_ms) < oldest) {
            said.push_str(OLDER);
        }
        Some(said)
    }

    /// To what, when, by whom and why, and the record that says so.
    fn move_words(&self, one: &Move) -> String {
        let Move { setting, by, cause, seq, unproven, .. } = one;
        let unproven = if *unproven { ", which the device did not confirm" } else { "" };
        let at = self.time_words(one.unix_ms(self.now));
        format!("{setting} at {at} by {}: {cause} (record {seq}){unproven}", by.word())
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

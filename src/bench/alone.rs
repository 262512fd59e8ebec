//! The mind alone: a language model reads what sensors said and picks one of all commands. Beside
//! the agent's rows it shows what estimates, planner and rules add. It is held to interlocks and
//! least times like everybody, and to nothing else: no reflex ends what it began.

use std::sync::Arc;
use std::time::Duration;

use super::agent::Voice;
use super::drive::Keeper;
use super::heard::{Heard, settings};
use crate::agent::{Counters, Question, change, prefix, words};
use crate::clock::{Now, Tick};
use crate::config::Config;
use crate::domain::{NOTHING, SensorId, Setting, Value, figure};
use crate::expr::Environment;
use crate::plant::{Command, Message};

/// From one decision to the next. Longer than every least time of the places, so that what is done
/// can be felt and undone; a week is two thousand questions.
const EVERY: Duration = Duration::from_secs(300);

/// See the module.
pub struct MindAlone<'a> {
    heard: Heard,
    voice: &'a mut Voice<'a>,
    /// What hardly ever changes of the question.
    prefix: String,
    next: Tick,
    counters: Counters,
}

impl<'a> MindAlone<'a> {
    /// It has heard nothing yet.
    #[must_use]
    pub fn new(config: Arc<Config>, voice: &'a mut Voice<'a>) -> MindAlone<'a> {
        let (goals, devices) = (config.goals.iter(), config.actuators.iter());
        let prefix = prefix(&config, goals, devices, &config.notes);
        let next = Tick(0).after(EVERY);
        let heard = Heard::new(config);
        MindAlone { heard, voice, prefix, next, counters: Counters::default() }
    }

    /// What it asked, did, and was kept from.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Each device at each setting where it is not.
    fn choices(&self) -> Vec<(usize, Setting)> {
        let all = self.heard.config.actuators.iter().enumerate();
        let all = all.flat_map(|(index, one)| settings(one).into_iter().map(move |to| (index, to)));
        all.filter(|(index, to)| !self.heard.is_at(*index, to)).collect()
    }

    /// What the sensors said last, and how the devices stand.
    fn state(&self) -> String {
        let (config, heard) = (&self.heard.config, &self.heard);
        let sensors = (0u16..).zip(&config.sensors).map(|(id, one)| {
            let said = match heard.sensor(SensorId(id)) {
                Some(Value::Number(number)) => format!("{} {}", figure(number, 2), one.unit),
                Some(word) => word.to_string(),
                None => "unknown".into(),
            };
            format!("{} {}", words(&one.name), said.trim_end())
        });
        let devices = config.actuators.iter().enumerate().map(|(index, one)| {
            let stands = settings(one).into_iter().find(|to| heard.is_at(index, to));
            stands.map_or_else(|| format!("{} unknown", words(&one.name)), |to| change(one, &to))
        });
        let facts: Vec<_> = sensors.chain(devices).collect();
        format!("Now: {}.\nDo:", facts.join("; "))
    }

    /// What the model finds best of everything that can be commanded; `None`: nothing.
    fn choose(&mut self) -> Option<(usize, Setting)> {
        let mut choices = self.choices();
        let commands = choices.iter().map(|(index, to)| {
            let actuator = &self.heard.config.actuators[*index];
            change(actuator, to)
        });
        let candidates: Vec<_> = std::iter::once(NOTHING.into()).chain(commands).collect();
        let count = candidates.len();
        let question = Question {
            id: 0,
            prefix: self.prefix.clone(),
            state: self.state(),
            candidates,
            by_notes: None,
            adapter: None,
            questions: Vec::new(),
            deadline: self.next,
        };
        self.counters.asked += 1;
        let p = (self.voice)(&question).filter(|p| p.len() == count)?;
        self.counters.by_mind += 1;
        // Of what is equally good the first.
        let (best, _) = p.iter().enumerate().rev().max_by(|one, two| one.1.total_cmp(two.1))?;
        Some(choices.swap_remove(best.checked_sub(1)?))
    }

    fn decide(&mut self) -> Option<Command> {
        let (index, to) = self.choose()?;
        let to_safe = to == self.heard.config.actuators[index].safe;
        if !to_safe && self.heard.is_forbidden(index, &to) || !self.heard.may_leave(index) {
            self.counters.refused += 1;
            return None;
        }
        self.counters.sent += 1;
        self.heard.send(index, to)
    }
}

impl Keeper for MindAlone<'_> {
    fn hear(&mut self, message: &Message, now: Now) -> Vec<Command> {
        self.heard.hear(message, now);
        Vec::new()
    }

    fn wake(&mut self, now: Now) -> Vec<Command> {
        self.heard.now = now;
        if now.tick < self.next {
            return Vec::new();
        }
        self.next = now.tick.after(EVERY);
        self.decide().into_iter().collect()
    }

    fn next_wake(&self) -> Option<Tick> {
        Some(self.next)
    }

    fn restart(&mut self, now: Now) -> Vec<Command> {
        self.heard = Heard::new(self.heard.config.clone());
        self.heard.now = now;
        self.next = now.tick.after(EVERY);
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ClockTrust;
    use crate::config::{Strictness, from_text};
    use crate::plant::Kind;

    fn config() -> Arc<Config> {
        let text = Kind::WaterTank.config();
        Arc::new(from_text(text, "water", &[], Strictness::Check).unwrap().0)
    }

    fn at(minute: u64) -> Now {
        Now { tick: Tick(minute * 60_000), unix_ms: 0, trust: ClockTrust::Synced }
    }

    fn message(topic: &str, payload: &str) -> Message {
        Message { topic: topic.into(), payload: payload.into(), retain: false }
    }

    /// A model that wants this word, and what it was asked.
    fn scripted<'a>(
        word: &'a str,
        asked: &'a mut Vec<Question>,
    ) -> impl FnMut(&Question) -> Option<Vec<f64>> + 'a {
        move |question| {
            asked.push(question.clone());
            let p = question.candidates.iter().map(|one| f64::from(u8::from(one == word)));
            Some(p.collect())
        }
    }

    #[test]
    fn it_reads_raw_readings_and_every_command_and_does_what_the_model_picks() {
        let mut asked = Vec::new();
        let mut voice = scripted("well pump on", &mut asked);
        let mut alone = MindAlone::new(config(), &mut voice);
        for (minute, topic, payload) in [
            (2, "water/well_pump", "OFF"),
            (2, "water/mains_valve", "OFF"),
            (4, "water/tank_level", "51.237"),
            (4, "water/well_level", "60"),
        ] {
            assert!(alone.hear(&message(topic, payload), at(minute)).is_empty());
        }
        assert!(alone.wake(at(4)).is_empty(), "not yet");
        assert_eq!(alone.next_wake(), Some(Tick(300_000)));
        let commands = alone.wake(at(5));
        assert_eq!(commands.len(), 1, "{commands:?}");
        assert_eq!(commands[0].topic, "water/well_pump/set");
        assert_eq!(alone.next_wake(), Some(Tick(600_000)));
        let counters = alone.counters();
        assert_eq!((counters.asked, counters.sent, counters.refused), (1, 1, 0));
        drop(alone);
        drop(voice);
        let question = &asked[0];
        assert_eq!(question.candidates, ["do nothing", "well pump on", "mains valve on"]);
        assert_eq!(
            question.state,
            "Now: tank level 51.24 %; well level 60.00 %; use unknown; price unknown; \
             well pump off; mains valve off.\nDo:"
        );
        assert!(question.prefix.contains("keep tank level between 40 % and 90 %"));
        assert!(question.prefix.contains("well pump raises tank level and lowers well level"));
    }

    #[test]
    fn an_interlock_that_is_not_known_to_be_false_has_the_last_word() {
        let mut asked = Vec::new();
        let mut voice = scripted("well pump on", &mut asked);
        let mut alone = MindAlone::new(config(), &mut voice);
        alone.hear(&message("water/tank_level", "50"), at(5));
        assert!(alone.wake(at(5)).is_empty(), "nobody knows the well");
        alone.hear(&message("water/tank_level", "50"), at(10));
        alone.hear(&message("water/well_level", "5"), at(10));
        assert!(alone.wake(at(10)).is_empty(), "it is dry");
        assert_eq!((alone.counters().refused, alone.counters().sent), (2, 0));
    }

    #[test]
    fn it_does_nothing_where_the_model_says_so_or_says_nothing() {
        let mut silent = |_: &Question| None;
        let mut alone = MindAlone::new(config(), &mut silent);
        assert!(alone.wake(at(5)).is_empty());
        let mut undecided = |question: &Question| Some(vec![0.2; question.candidates.len()]);
        let mut alone = MindAlone::new(config(), &mut undecided);
        assert!(alone.wake(at(5)).is_empty());
        assert_eq!((alone.counters().by_mind, alone.counters().refused), (1, 0));
    }
}

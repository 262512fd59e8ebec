//! What a note means as typed preferences: which device it wants is in its words, or it is none. Of
//! a condition that code cannot read the mind is asked, in the same small questions as at a
//! decision (`mind::notes`), which fact says that it holds; it writes nothing. What must never be
//! here: the agent's state, a preference that the configuration would refuse.

use serde_json::json;

use super::condition::{Condition, Matter, matters};
use super::said::Said;
use super::wish::Wish;
use crate::agent::prompt::words;
use crate::config::{Config, Preference, preference_said};
use crate::domain::{ActuatorId, SensorId};
use crate::limits;
use crate::mind::notes::{Question, SAYS};

/// What is asked about a note.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The note.
    pub note: String,
    /// What is to be taken and what to be left; `None` with the second is to be avoided.
    pairs: Vec<(Option<ActuatorId>, ActuatorId)>,
    /// The condition that its words say by themselves.
    said: Option<Condition>,
    /// What is asked about to find its condition otherwise.
    matters: Vec<Matter>,
    /// A word of it that speaks of a condition.
    cue: Option<String>,
    /// What its devices have in common: a sensor and the direction in which they move it.
    pub effect: (SensorId, f64),
}

/// What a note means.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// In types.
    pub preferences: Vec<Preference>,
    /// When they hold; `None`: always.
    pub condition: Option<Condition>,
    /// As in [`Reading::effect`].
    pub effect: (SensorId, f64),
}

impl Reading {
    /// What to ask about a note.
    ///
    /// # Errors
    /// Why it can be no preference, in words for the one who wrote it.
    pub fn new(note: &str, config: &Config) -> Result<Self, String> {
        let mut said = Said::new(note);
        let mut mentions = said.devices(config);
        let named: Vec<ActuatorId> = mentions.iter().map(|one| one.device).collect();
        if named.is_empty() {
            let names: Vec<_> = config.actuators.iter().map(|one| words(&one.name)).collect();
            return Err(format!("it names no device of mine: there are {}", names.join(", ")));
        }
        let condition = said.condition(config, &mut mentions)?;
        let mut wish = Wish::new(&said, &mentions, condition.is_some())?;
        said.is_straight(&mentions, wish.takes.is_empty())?;
        let mut all: Vec<ActuatorId> = Vec::new();
        for one in &mentions {
            if !all.contains(&one.device) {
                all.push(one.device);
            }
        }
        let Some(first) = all.first().copied() else {
            return Err("it wishes nothing of the devices that it names".into());
        };
        let name = |id: ActuatorId| words(&config.actuators[usize::from(id.0)].name);
        let of = |id: ActuatorId| &config.actuators[usize::from(id.0)].effects;
        let alike =
            |a: ActuatorId, b: ActuatorId| a != b && of(a).iter().any(|e| of(b).contains(e));
        // The device that it is about: one that another could stand in for, if there is one.
        let has_rival = |id: &&ActuatorId| all.iter().any(|other| alike(**id, *other));
        let first = all.iter().find(has_rival).copied().unwrap_or(first);
        let Some(effect) = of(first).first().copied() else {
            return Err(format!("{} has no declared effect, so nothing is planned", name(first)));
        };
        let rivals = |id: &ActuatorId| alike(*id, first);
        let mut among = vec![first];
        among.extend(all.iter().filter(|id| rivals(id)));
        let is_told = !wish.leaves.is_empty();
        if among.len() == 1 && !is_told {
            let others = (0u16..).zip(&config.actuators).map(|(id, _)| ActuatorId(id));
            among.extend(others.filter(rivals).take(limits::NOTE_DEVICES_MAX - 1));
        }
        let effect = among.get(1).map_or(effect, |other| {
            of(first).iter().find(|one| of(*other).contains(one)).copied().unwrap_or(effect)
        });
        among.truncate(limits::NOTE_DEVICES_MAX);
        if among.len() == 1 && !is_told {
            return Err(format!("nothing else does what {} does, so it is no choice", name(first)));
        }
        wish.only(&among, &all)?;
        let pairs = wish.pairs(&among);
        let pairs = pairs.ok_or("its words do not say which device is wanted, and which is not")?;
        let aside: Vec<ActuatorId> =
            named.iter().filter(|id| !among.contains(id)).copied().collect();
        let cue = said.cue(config, &mentions).map(str::to_owned);
        // Where the words say which device, and none speaks of a condition, there is none.
        let matters = match (&condition, &cue) {
            (Some(_), _) | (None, None) => Vec::new(),
            (None, Some(_)) => matters(config, &said.words, &aside),
        };
        if let (Some(_), Some(word)) = (&condition, said.unread(config, &mentions)) {
            return Err(format!("nothing was made of `{word}`"));
        }
        Ok(Self { note: note.into(), pairs, said: condition, matters, cue, effect })
    }

    /// Stands before each question.
    #[must_use]
    pub fn prefix(&self) -> String {
        // On one line, or it could look like more than a note.
        format!("Note: {}\n", self.note.replace(char::is_control, " "))
    }

    /// What the mind is asked: of each fact whether it says that the condition holds. Nothing where
    /// its words say when, or always.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let facts = self.matters.iter().flat_map(|matter| &matter.sides).map(|side| Question {
            state: format!("Now: {}.\nThe condition holds:", side.fact),
            candidates: SAYS.map(str::to_owned).to_vec(),
        });
        facts.collect()
    }

    /// What the answers make of it; `trust`, and at least [`limits::NOTE_SURE_MIN`], is
    /// the least probability of each of them.
    ///
    /// # Errors
    /// Why it stays a note, in words for the one who wrote it.
    pub fn meaning(
        &self,
        answers: &[Vec<f64>],
        trust: f64,
        config: &Config,
    ) -> Result<Meaning, String> {
        let least = trust.max(limits::NOTE_SURE_MIN);
        let asked = self.questions();
        let fits = |(answer, asked): (&Vec<f64>, &Question)| {
            answer.len() == asked.candidates.len() && answer.iter().all(|p| p.is_finite())
        };
        if answers.len() != asked.len() || !answers.iter().zip(&asked).all(fits) {
            return Err("the mind's answer is to another question".into());
        }
        let mut sure = 1.0_f64;
        let condition = match &self.said {
            Some(said) => Some(said.clone()),
            None => self.found(answers, &mut sure)?,
        };
        if sure < least {
            return Err(format!("the mind is sure of it by {sure:.2} only, and {least} is needed"));
        }
        let name = |id: ActuatorId| config.actuators[usize::from(id.0)].name.as_str();
        let typed = self.pairs.iter().map(|(prefer, over)| {
            let mut said = match prefer {
                Some(better) => json!({"prefer": name(*better), "over": name(*over)}),
                None => json!({"avoid": name(*over)}),
            };
            if let Some(condition) = &condition {
                said["when"] = json!(condition.source);
            }
            preference_said(&said, config)
        });
        let preferences = typed.collect::<Result<Vec<_>, _>>()?;
        Ok(Meaning { preferences, condition, effect: self.effect })
    }

    /// The one matter of which facts say that the condition holds.
    fn found(&self, answers: &[Vec<f64>], sure: &mut f64) -> Result<Option<Condition>, String> {
        let mut rest = answers.iter();
        let mut found = None;
        for matter in &self.matters {
            let yes: Vec<bool> = rest
                .by_ref()
                .take(matter.sides.len())
                .map(|answer| {
                    let yes = answer[0] > 0.5;
                    *sure = sure.min(if yes { answer[0] } else { 1.0 - answer[0] });
                    yes
                })
                .collect();
            let Some(condition) = matter.condition(&yes)? else { continue };
            if found.replace(condition).is_some() {
                return Err("the mind finds two conditions in it".into());
            }
        }
        match (&found, &self.cue) {
            (None, Some(word)) => {
                Err(format!("`{word}`: its condition is none of my sensors, devices and hours"))
            }
            _ => Ok(found),
        }
    }
}

impl Meaning {
    /// In plain words: `prefer vent to fan when it is night (hour >= 22 || hour < 6)`.
    #[must_use]
    pub fn words(&self, config: &Config) -> String {
        let name = |id: ActuatorId| words(&config.actuators[usize::from(id.0)].name);
        let wishes = self.preferences.iter().map(|one| match one.prefer {
            Some(better) => format!("prefer {} to {}", name(better), name(one.over)),
            None => format!("avoid {}", name(one.over)),
        });
        let wishes: Vec<String> = wishes.collect();
        let when = self.condition.as_ref();
        let when = when.map_or("always".into(), |one| format!("when {}", one.source));
        format!("{}, {when}", wishes.join(" and "))
    }
}

//! Questions: how a sensor or a device is. What must never be here: anything that acts; an answer
//! is the same whatever was asked of it.

use super::names::{Mention, Named};
use super::text::number;
use super::words::{
    ABOUT, ABOUT_A_DEVICE, ADVICE, AHEAD, ASKING, INTRINSIC, LEADS, OFF, ON, ORDERING, POLITE,
    QUALITIES, READING, SETTING, TELLING, has, unit_words,
};
use super::{Meaning, Said, Spoken};
use crate::config::Config;
use crate::domain::{ActuatorId, SensorId};

impl Said {
    /// Whether it asks. "Could you start the fan?" orders; "did the fan start" asks; "when the door
    /// opens, …" is a condition.
    pub(super) fn asks(&self, mark: bool) -> bool {
        let begin = self.words.iter().position(|word| !has(LEADS, word));
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        let begin = begin.unwrap_or(0);
        let (first, second) = (word(begin), word(begin + 1));
        let tells = self.any_run(TELLING);
        let condition = first == "when" && !has(ASKING, second);
        let asked = has(ASKING, first) && !condition;
        let done = has("do have", first) && has("we you i they", second);
        let orders = has(POLITE, first) || [ON, OFF, SETTING].iter().any(|list| has(list, first));
        let reason = self.run_at("and why").is_some();
        let of_it = has(POLITE, first) && !has("do please", first);
        let of_it = mark && of_it && !has("you we i u someone somebody please it", second);
        // "The lights are on, why is that".
        let why =
            |at: usize| self.parts[at] != self.parts[at - 1] && has("why why's", &self.words[at]);
        let tells = tells || (1..self.words.len()).any(why);
        tells || asked || done || reason || of_it || (mark && !orders)
    }

    /// Whether a value is asked for without a question: `ammonia reading please`.
    pub(super) fn reads(&self) -> bool {
        let sensor = match self.named(self.names.all(), false) {
            Named::One(mention) => !self.names.id(mention.index).0,
            _ => false,
        };
        let orders = [ORDERING, ON, OFF].iter().any(|list| self.any_of(list).is_some());
        if !sensor || orders || self.has_number() {
            return false;
        }
        let strange = |word: &String| !has(ABOUT, word) && !has(READING, word);
        let mut said = self.clone();
        if let Named::One(mention) = self.named(self.names.all(), false) {
            said.mark(&mention);
        }
        self.any_of(READING).is_some() || !said.unsure().iter().any(strange)
    }

    pub(super) fn question(mut self, config: &Config) -> Result<Spoken, String> {
        if self.any_run(ADVICE) {
            return Err("I say how things are now; what to do is for you to say".into());
        }
        let meaning = match self.asked_about() {
            Ok(Some(mention)) => {
                self.mark(&mention);
                self.whole = mention.whole;
                let (device, id) = self.names.id(mention.index);
                if device {
                    Meaning::Actuator(ActuatorId(id))
                } else {
                    Meaning::Sensor(SensorId(id))
                }
            }
            Ok(None) if self.words.iter().any(|word| word.starts_with("goal")) => Meaning::Goals,
            Ok(None) => match self.of_unit(config) {
                Some(mention) => {
                    self.mark(&mention);
                    Meaning::Sensor(SensorId(self.names.id(mention.index).1))
                }
                None => return Err("I know of sensors, devices and goals by their names".into()),
            },
            Err(why) => return Err(why),
        };
        // One word of a name may be about something else: then nothing else may be unknown.
        let mut strange = self.unsure();
        let bare = |word: &str| word.trim_end_matches("'s").to_owned();
        let quality = |word: &String| QUALITIES.iter().any(|(known, _)| *known == bare(word));
        // "Why is the pump humming": the answer is the same.
        let device = matches!(meaning, Meaning::Actuator(_));
        strange.retain(|word| !(device && word.ends_with("ing")));
        strange.retain(|word| !has(ABOUT, word) && number(word).is_none());
        strange.retain(|word| !quality(word) && !has(ON, word) && !has(OFF, word));
        let ahead = self.any_of(AHEAD).is_some();
        if ahead || (!self.whole && !strange.is_empty() && meaning != Meaning::Goals) {
            return Err("I know how things are now, of sensors and devices by their names".into());
        }
        Ok(Spoken { meaning, unsure: Vec::new() })
    }

    /// Whom a question is about. What is asked decides on a word that a sensor and a device share.
    fn asked_about(&self) -> Result<Option<Mention>, String> {
        let quality = |at: &usize| QUALITIES.iter().any(|(known, _)| *known == self.words[*at]);
        if let Some(mention) = self.intrinsic() {
            return Ok(Some(mention));
        }
        match self.named(self.names.all(), true) {
            // "Why is it so hot": a hot water level is not meant.
            Named::One(mention) if !mention.whole && self.hard(&mention).all(|at| quality(&at)) => {
                return Ok(Some(mention).filter(|mention| self.of_noun(mention)));
            }
            Named::One(mention) => return Ok(Some(mention)),
            Named::None => return Ok(None),
            _ => {}
        }
        let device = self.named(self.names.actuators(), false);
        let sensor = self.named(self.names.sensors(), true);
        let of_device = self.any_of(ABOUT_A_DEVICE).is_some();
        match (device, sensor) {
            (Named::One(device), Named::One(sensor)) if device.whole == sensor.whole => {
                Ok(Some(if of_device { device } else { sensor }))
            }
            (Named::One(device), _) if device.whole => Ok(Some(device)),
            (_, Named::One(sensor)) if sensor.whole => Ok(Some(sensor)),
            (Named::One(device), _) if of_device => Ok(Some(device)),
            (_, Named::One(sensor)) if !of_device => Ok(Some(sensor)),
            _ => Err("one thing at a time, by its name".into()),
        }
    }

    /// "Is the water cloudy": the turbidity, though "water" is a word of another.
    fn intrinsic(&self) -> Option<Mention> {
        let (at, noun) = self.free().find_map(|at| {
            let (_, noun) = INTRINSIC.iter().find(|(word, _)| *word == self.words[at])?;
            Some((at, *noun))
        })?;
        let mut sensors = self.names.sensors().filter(|index| self.names.called(*index, noun));
        let (Some(index), None) = (sensors.next(), sensors.next()) else { return None };
        let others = |at: &usize| self.names.has(&self.words[*at]);
        let at = self.free().filter(others).chain([at]).collect();
        Some(Mention { index, at, whole: false, as_verb: None })
    }

    /// The words of it that stand in its name.
    fn hard(&self, mention: &Mention) -> impl Iterator<Item = usize> {
        mention.at.iter().copied().filter(|at| self.is_of(*at, mention.index))
    }

    /// Whether a quality alone asks for it: "how noisy is it".
    fn of_noun(&self, mention: &Mention) -> bool {
        self.hard(mention).next().is_none()
    }

    /// `how many kilowatts`: the only sensor with that unit, and where it is said.
    pub(super) fn of_unit(&self, config: &Config) -> Option<Mention> {
        let mut found = None;
        for (index, sensor) in config.sensors.iter().enumerate() {
            let units = unit_words(&sensor.unit);
            let at: Vec<usize> =
                self.free().filter(|at| units.contains(&self.words[*at])).collect();
            match (at.is_empty(), &found) {
                (false, None) => found = Some(Mention { index, at, whole: false, as_verb: None }),
                (false, Some(_)) => return None,
                (true, _) => {}
            }
        }
        found
    }
}

//! Questions: how a sensor or a device is. What must never be here: anything that acts; an answer
//! is the same whatever was asked of it.

use super::names::{Mention, Named};
use super::text::number;
use super::units::unit_words;
use super::words::{
    ABOUT, ABOUT_A_DEVICE, ADVICE, AHEAD, ASKING, BEFORE, DONE, INTRINSIC, LEADS, OFF, ON,
    ORDERING, POLITE, QUALITIES, READING, RUNS, SETTING, TELLING, has,
};
use super::{Meaning, Said, Spoken};
use crate::config::Config;
use crate::domain::{ActuatorId, SensorId};

/// What people are called who are counted.
const PEOPLE: &str = "people persons visitors guests bathers swimmers customers folks";

/// What is asked of a device in the form of a question, behind "be".
const BECOMING: &str = "on off at switched turned started stopped opened closed shut set put";
/// What is said of them without their name.
const KEPT_BY_YOU: &str = "\
    supposed to keep, supposed to hold, meant to be looking after, supposed to be looking \
    after, you aiming at, you aiming for, you trying to, you working towards, you working on, \
    you looking after, you supposed to do, your job, your jobs, your task, your tasks, you to \
    look after, you have to keep, you meant to keep";
/// What goals are called besides.
const GOALS: &str = "targets objectives aims";
/// What a question about all goals may consist of.
const AROUND_GOALS: &str =
    "goal goals the my our your all current list name present please now give me us of a";
/// Words of a unit that are said of other things too.
const PER: &str = "per a an each hour minute second day";

impl Said {
    /// Whether it asks. "Could you start the fan?" orders; "did the fan start" asks; "when the door
    /// opens, …" is a condition.
    pub(super) fn asks(&self, mark: bool) -> bool {
        // "Because the noise frightens them, would you …".
        let why = has("because cos since as", self.raw(0)) && self.is_done(0);
        let mut leads = (0..self.words.len()).filter(|at| !(why && self.is_done(*at)));
        let begin = leads.find(|at| !has(LEADS, &self.words[*at]));
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        let begin = begin.unwrap_or(0);
        let (first, second) = (word(begin), word(begin + 1));
        // "I don't want to see the pressure above 5".
        let tells = self.any_run(TELLING) || (self.any_run("to see the") && !self.has_number());
        let condition = first == "when" && !has(ASKING, second);
        let asked = has(ASKING, first) && !condition;
        let done = has("do have", first) && has("we you i they", second);
        // "Do the lamps burn", but "do the backwash".
        let runs = self.words.last().is_some_and(|word| has(RUNS, word) || has("run runs", word));
        let asked = asked || (first == "do" && has("the my our", second) && runs);
        let orders = has(POLITE, first) || [ON, OFF, SETTING].iter().any(|list| has(list, first));
        let reason = self.run_at("and why").is_some();
        let of_it = has(POLITE, first) && !has("do please", first);
        // "Can the lamp be at 40?"
        let to_be = self.run_at("be").filter(|at| has(BECOMING, self.word(at + 1)));
        let of_it = mark
            && of_it
            && to_be.is_none()
            && !has("you we i u someone somebody please it", second);
        // "The lights are on, why is that".
        let why = |at: usize| {
            let (word, then) = (word(at), word(at + 1));
            // "…, why don't you" asks nothing.
            let asks = has("why why's how's what's", word) && !has("don't not", then);
            let asks = asks || (word == "how" && then != "nice");
            let asks = asks || (has("what which", word) && !has("a an", then));
            self.parts[at] != self.parts[at - 1] && asks
        };
        let tells = tells || (1..self.words.len()).any(why);
        let kept = has("need want keep hold leave have", first);
        tells || asked || done || reason || of_it || (mark && (!orders || kept))
    }

    /// Whether a value is asked for without a question: `ammonia reading please`.
    pub(super) fn reads(&self) -> bool {
        if self.goals_alone() {
            return true;
        }
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

    /// "Goals, please".
    fn goals_alone(&self) -> bool {
        let goals = self.free().any(|at| has("goal goals", &self.words[at]));
        goals && self.free().all(|at| has(AROUND_GOALS, &self.words[at]))
    }

    /// "Suppose I put the lamp to 160, what then".
    pub(super) fn supposes(&self) -> Result<(), String> {
        let first = self.free().find(|at| !has("now so and ok okay well just", &self.words[*at]));
        match first {
            Some(at) if has("suppose supposing imagine assume assuming", &self.words[at]) => {
                Err("what would be is not known here; an order is for now".into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn question(mut self, config: &Config) -> Result<Spoken, String> {
        // "Could the lamp go on at half past seven?"
        let led = has("could can would may might", self.raw(0));
        let hour = |at: usize| number(self.raw(at)).is_some();
        let timed = self.free().find(|at| {
            has("past after at by", self.raw(*at)) && (hour(*at + 1) || *at > 0 && hour(*at - 1))
                || has("o'clock tomorrow", self.raw(*at))
                || has("half quarter", self.raw(*at)) && self.raw(*at + 1) == "past"
        });
        if let Some(at) =
            timed.filter(|_| led && self.any_run("go on, go off, come on, be on, be off"))
        {
            let word = self.raw(at);
            return Err(format!("`{word}`: a time that is yet to come is a rule or a note"));
        }
        if self.any_run(ADVICE) {
            return Err("I say how things are now; what to do is for you to say".into());
        }
        let goals = || {
            let of_goals = |word: &String| word.starts_with("goal") || has(GOALS, word);
            self.words.iter().any(of_goals) || self.any_run(KEPT_BY_YOU)
        };
        let mention = match self.asked_about(config)? {
            Some(mention) => Some(mention),
            None if goals() => None,
            None => self.of_unit(config),
        };
        let (mut meaning, mut units) = (Meaning::Goals, Vec::new());
        if let Some(mention) = &mention {
            self.mark(mention);
            self.whole = mention.whole;
            self.take_companions(mention);
            let (device, id) = self.names.id(mention.index);
            meaning = Meaning::Actuator(ActuatorId(id));
            if !device {
                meaning = Meaning::Sensor(SensorId(id));
                units = unit_words(&config.sensors[usize::from(id)].unit);
            }
        } else if !goals() {
            return Err("I know of sensors, devices and goals by their names".into());
        }
        // One word of a name may be about something else: then nothing else may be unknown.
        let mut strange = self.unsure();
        strange.retain(|word| !units.contains(word) && !word.ends_with("ly"));
        let bare = |word: &str| word.trim_end_matches("'s").to_owned();
        let quality = |word: &String| QUALITIES.iter().any(|(known, _)| *known == bare(word));
        // "Why is the pump humming": the answer is the same.
        let device = matches!(meaning, Meaning::Actuator(_));
        strange.retain(|word| !(device && (word.ends_with("ing") || word.ends_with("ed"))));
        strange
            .retain(|word| !has(ABOUT, word) && !has(ABOUT, &bare(word)) && number(word).is_none());
        strange.retain(|word| !quality(word) && !has(ON, word) && !has(OFF, word));
        // Why a device is as it is has one answer, whatever is said of it.
        let why = self.words.iter().any(|word| has("why why's why're why'd reason", word));
        let why = device && (why || self.run_at("how come").is_some());
        if why {
            strange.clear();
        }
        let done = why || (device && self.words.iter().any(|word| has(DONE, word)));
        let ahead = self.any_of(AHEAD).is_some() || (!done && self.any_of(BEFORE).is_some());
        if ahead || (!self.whole && !strange.is_empty() && meaning != Meaning::Goals) {
            return Err("I know how things are now, of sensors and devices by their names".into());
        }
        Ok(Spoken { meaning, unsure: Vec::new() })
    }

    /// Whom a question is about. What is asked decides on a word that a sensor and a device share.
    fn asked_about(&self, config: &Config) -> Result<Option<Mention>, String> {
        if let Some(mention) = self.counted(config) {
            return Ok(Some(mention));
        }
        if let Some(mention) = self.in_unit(config) {
            return Ok(Some(mention));
        }
        // "Why are the yard lights on in bright daylight".
        let why = self.words.iter().any(|word| has("why why's why're reason", word));
        if let (true, Named::One(mention)) = (why, self.named(self.names.actuators(), false))
            && mention.whole
        {
            return Ok(Some(mention));
        }
        let quality = |at: &usize| {
            let word = self.words[*at].as_str();
            let word = word.trim_end_matches("'s");
            !word.ends_with("er") && QUALITIES.iter().any(|(known, _)| *known == word)
        };
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

    /// "How many skaters are on the ice": the count, though the ice is a word of another.
    fn counted(&self, config: &Config) -> Option<Mention> {
        let many = self.run_at("how many").or_else(|| self.run_at("number of"))? + 2;
        let noun = many + usize::from(has("the of our", self.word(many)));
        let (mut sensors, said) = (self.names.sensors(), &self.words[noun..].first()?);
        let one = |word: &str| word.trim_end_matches('s').to_owned();
        let counts = |index: &usize| {
            let unit = config.sensors[*index].unit.to_lowercase();
            let people = has("people persons visitors guests", &unit) && has(PEOPLE, said);
            one(&unit) == one(said) || people || self.is_of(noun, *index)
        };
        let (Some(index), None) = (sensors.find(counts), sensors.find(counts)) else { return None };
        let others = |at: &usize| self.names.has(&self.words[*at]);
        let at = self.free().filter(others).chain([noun]).collect();
        Some(Mention { index, at, whole: true, as_verb: None })
    }

    /// "How many tonnes are on the belt": the one that is named of those with that unit.
    fn in_unit(&self, config: &Config) -> Option<Mention> {
        let many = self.run_at("how many").or_else(|| self.run_at("how much"));
        let many = many.map(|at| at + 2).or_else(|| self.run_at("in").map(|at| at + 1))?;
        let said = self.word(many);
        let of = |index: &usize| {
            let units = unit_words(&config.sensors[*index].unit);
            said.len() > 1 && !has(PER, said) && units.iter().any(|unit| unit == said)
        };
        let among: Vec<usize> = self.names.sensors().filter(of).collect();
        match self.named_among(&among, true) {
            Named::One(mention) => {
                let others = |at: &usize| self.names.has(&self.words[*at]);
                let at = self.free().filter(others).chain([many]).collect();
                Some(Mention { at, ..mention })
            }
            _ => None,
        }
    }

    /// "Is the water cloudy": the turbidity, though "water" is a word of another.
    fn intrinsic(&self) -> Option<Mention> {
        let said = |at: usize| self.words[at].trim_end_matches("'s");
        let (at, index) = self.free().find_map(|at| {
            let mut nouns = INTRINSIC.iter().filter(|(word, _)| *word == said(at));
            nouns.find_map(|(_, noun)| {
                let called = |index: &usize| self.names.called(*index, noun);
                let mut sensors = self.names.sensors().filter(called);
                let only = sensors.next().filter(|_| sensors.next().is_none());
                only.map(|index| (at, index))
            })
        })?;
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
            let unit = |word: &String| units.contains(word) && !has(PER, word);
            let at: Vec<usize> = self.free().filter(|at| unit(&self.words[*at])).collect();
            match (at.is_empty(), &found) {
                (false, None) => found = Some(Mention { index, at, whole: false, as_verb: None }),
                (false, Some(_)) => return None,
                (true, _) => {}
            }
        }
        found
    }
}

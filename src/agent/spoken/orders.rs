//! Orders: one device, now, to a value that its kind has. What must never be here: goals, a value
//! that was not said.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::names::{Mention, Named};
use super::text::number;
use super::words::{
    CLOCK_HOURS_MAX, FULL, HALF, MOVES, OFF, ON, POLITE, PULSES, SCALES, STATEMENTS, THIRDS,
    UP_OR_DOWN, WHOLLY_OFF, WISHED, WISHED_OFF, WISHED_ON, WISHING, has,
};
use super::{Meaning, Said, Spoken, spoken};
use crate::agent::event::Body;
use crate::agent::inbox::wanted;
use crate::config::{Actuator, ActuatorKind, Config};
use crate::domain::ActuatorId;
use crate::limits;

/// What is said of how a device is to be.
struct Wish {
    on: bool,
    off: bool,
    /// Share of the range.
    share: Option<f64>,
    number: Option<f64>,
    percent: bool,
}

impl Said {
    pub(super) fn order(
        mut self,
        named: &Named,
        hold: Option<Duration>,
        config: &Config,
    ) -> Result<Spoken, String> {
        let mention = match named {
            Named::One(mention) => mention,
            Named::None => {
                let names: Vec<_> = config.actuators.iter().map(|one| spoken(&one.name)).collect();
                let names = names.join(", ");
                return Err(format!("no device of mine is named in it: there are {names}"));
            }
            Named::Several => return Err("one device at a time: send a sentence for each".into()),
            Named::Unclear => return Err("which device? say its whole name".into()),
        };
        let id = ActuatorId(self.names.id(mention.index).1);
        let actuator = &config.actuators[usize::from(id.0)];
        let polite = self.words.first().is_some_and(|word| has(POLITE, word));
        if !polite && (self.any_run(STATEMENTS) || self.tells_of_deed()) {
            return Err("that says how it is, not how it is to be".into());
        }
        if self.any_of("keep leave hold maintain").is_some() {
            // Without an end it may be a ban: "leave the valve closed".
            if hold.is_none() && !matches!(actuator.kind, ActuatorKind::Level { .. }) {
                return Err("for how long?".into());
            }
            self.take("keep leave hold maintain");
        }
        self.take_place_of(mention);
        let options = match &actuator.kind {
            ActuatorKind::Choice { options } => Some(options.as_slice()),
            _ => None,
        };
        let value = match options {
            Some(options) => self.option(options)?,
            None => {
                let wish = self.wish(mention, actuator, hold)?;
                value(&actuator.kind, &wish)?
            }
        };
        let setting = wanted(actuator, &value)?;
        if let (ActuatorKind::Pulse { max }, Some(hold)) = (&actuator.kind, hold)
            && hold > *max
        {
            return Err(format!("its longest pulse is {} s", max.as_secs_f64()));
        }
        let hold = hold.unwrap_or(Duration::from_secs(limits::HOLD_S_DEFAULT));
        let body = Body::Set { actuator: id, setting, hold };
        Ok(self.meaning(Meaning::Do(Box::new(body))))
    }

    /// "Somebody closed the valve".
    fn tells_of_deed(&self) -> bool {
        let second = self.words.get(1).is_some_and(|word| word.ends_with("ed") && word != "need");
        second && has("i we you he she they it someone somebody", &self.words[0])
    }

    /// "The fan on the dryer": that "on" starts nothing.
    fn take_place_of(&mut self, mention: &Mention) {
        let (Some(first), Some(last)) = (mention.at.iter().min(), mention.at.iter().max()) else {
            return;
        };
        let same = self.words[*first] == self.words[*last];
        for at in *first..*last {
            let article = usize::from(has("the my our", &self.words[at + 1]));
            let of_name = mention.at.contains(&(at + 1 + article));
            if self.words[at] == "on" && of_name && !same {
                self.done[at] = true;
            }
        }
    }

    /// Reads how the device is to be.
    fn wish(
        &mut self,
        mention: &Mention,
        actuator: &Actuator,
        hold: Option<Duration>,
    ) -> Result<Wish, String> {
        let level = matches!(actuator.kind, ActuatorKind::Level { .. });
        let wholly_off = self.take_any_run(WHOLLY_OFF);
        let mut lit = (false, false);
        let share = match () {
            () if self.take_any_run(THIRDS[0]) => Some(1.0 / 3.0),
            () if self.take_any_run(THIRDS[1]) => Some(2.0 / 3.0),
            () if self.take_run("3 quarters") => Some(0.75),
            // "Half the speed" may be half of what it is now.
            () if self.run_at("half the").is_none() && self.take(HALF) => Some(0.5),
            () if self.take("quarter") => Some(0.25),
            () if level && self.take_any_run(FULL) => Some(1.0),
            () => None,
        };
        if share.is_some() {
            self.take(SCALES);
            if self.any_of("to at").is_some() {
                self.take(MOVES);
            }
        }
        let rests = self.take_any_run("a rest, a break, rest");
        if self.is_light(mention) {
            lit = (self.take("burning lit shine shining"), self.take("out extinguish"));
        }
        let mut run = |way: &str| {
            let mut verbs = UP_OR_DOWN.split(' ');
            verbs.any(|verb| self.take_run(&format!("{verb} {way}")))
        };
        let (up, down) = if level { (false, false) } else { (run("up"), run("down")) };
        let goes = self.any_of("make let get have").is_some() && self.take("go");
        let (on, off) =
            (self.take(ON) || up || goes || lit.0, self.take(OFF) || down || wholly_off || lit.1);
        let wished = self.words.iter().any(|word| has(WISHING, word));
        let (mut on, off) =
            (on || (wished && self.take(WISHED_ON)), off || (wished && self.take(WISHED_OFF)));
        if wished {
            self.take(WISHED);
        }
        let off = off || rests;
        if rests {
            self.take("give have take");
        }
        if off {
            self.take("take");
        }
        let pulse = matches!(actuator.kind, ActuatorKind::Pulse { .. });
        on |= pulse && self.take(PULSES);
        self.take_run("go ahead and");
        if on && off && share.is_none() {
            return Err("it says both on and off".into());
        }
        if !on && !off {
            on = self.implies_on(mention, actuator, hold);
        }
        let (number, percent) = self.level_number(off, on)?;
        Ok(Wish { on, off, share, number, percent })
    }

    /// The number of a level, and whether it is one of a hundred.
    fn level_number(&mut self, off: bool, on: bool) -> Result<(Option<f64>, bool), String> {
        let found = self.free().find_map(|at| Some((at, number(&self.words[at])?)));
        let Some((at, number)) = found else { return Ok((None, false)) };
        self.done[at] = true;
        let before = if at > 0 { self.words[at - 1].clone() } else { String::new() };
        let scaled = has(SCALES, &before);
        if scaled {
            self.done[at - 1] = true;
        }
        let percent = self.word(at + 1) == "percent";
        if percent {
            self.done[at + 1] = true;
        }
        if has("up down", &before) && !percent {
            return Err("is that the level, or how much more or less? say to …".into());
        }
        let said_at = before == "at";
        let clock = number.fract() == 0.0 && (0.0..=CLOCK_HOURS_MAX).contains(&number);
        let turns = self.words.iter().any(|word| has("turn switch", word));
        if said_at && clock && !percent && (off || (on && turns)) {
            return Err("is that a time of the day? a time that is yet to come is a rule".into());
        }
        let led = has("to at on about around only", &before);
        if scaled || led || percent {
            self.take(MOVES);
            self.take("about around only");
        }
        Ok((Some(number), percent))
    }

    /// Whether it is to be on though no word says it: "stir for a minute", "ten seconds of horn".
    fn implies_on(
        &mut self,
        mention: &Mention,
        actuator: &Actuator,
        hold: Option<Duration>,
    ) -> bool {
        if matches!(actuator.kind, ActuatorKind::Level { .. } | ActuatorKind::Choice { .. }) {
            return false;
        }
        let begins = self.as_verb_first(mention);
        let given = self.take("give");
        let verb = mention.as_verb.is_some();
        let pulse = matches!(actuator.kind, ActuatorKind::Pulse { .. });
        let of = self.words.iter().any(|word| word == "of");
        match hold {
            Some(_) => pulse || of || given || verb,
            None => verb && (begins || given),
        }
    }

    /// Whether it is a lamp by its name: only of such is "out" off.
    fn is_light(&self, mention: &Mention) -> bool {
        let ends = ["light", "lights", "lamp", "lamps", "lighting", "spots", "led", "leds"];
        self.names.of(mention.index).iter().any(|own| ends.iter().any(|end| own.ends_with(end)))
    }

    /// Whether the sentence begins with a verb of the device's name: "stir the mash".
    fn as_verb_first(&self, mention: &Mention) -> bool {
        let Some(at) = mention.as_verb else { return false };
        !self.words[at].ends_with("ing") && self.unsure_before(at)
    }

    /// Which of its options is said. "Close" is said for `closed`.
    fn option(&mut self, options: &[String]) -> Result<Json, String> {
        let word = |option: &String| option.to_lowercase();
        let said = options.iter().find(|option| self.words.contains(&word(option)));
        let near = |option: &&String| {
            let (option, like) = (word(option), |verb: &String| format!("{verb}d"));
            self.words.iter().any(|verb| like(verb) == option)
        };
        let unknown = || format!("to what? {}", options.join(", "));
        let option = said.or_else(|| options.iter().find(near)).ok_or_else(unknown)?;
        self.take(&word(option));
        let verb = word(option);
        self.take(verb.strip_suffix('d').unwrap_or(&verb));
        self.take("open close");
        let number = self.free().find_map(|at| number(&self.words[at]));
        match number.is_some_and(|number| option.parse() != Ok(number)) {
            true => Err(unknown()),
            false => Ok(json!(option)),
        }
    }
}

/// The value that is wished, where the kind of device has one.
fn value(kind: &ActuatorKind, wish: &Wish) -> Result<Json, String> {
    match kind {
        ActuatorKind::Level { min, max, .. } => match wish {
            Wish { number: Some(_), share: Some(_), .. } => Err("it says two levels".into()),
            // Of a fan with three stages, nobody knows what 50 percent is.
            Wish { number: Some(_), percent: true, .. } if *max != 100.0 => {
                Err(format!("to what? {min} to {max}, not percent"))
            }
            Wish { number: Some(number), .. } => Ok(json!(number)),
            Wish { share: Some(share), off, .. } => match *share == 1.0 && *off {
                true => Ok(json!(min)),
                false => Ok(json!(min + (max - min) * share)),
            },
            Wish { off: true, .. } => Ok(json!(min)),
            Wish { on: true, .. } => Ok(json!(max)),
            _ => Err(format!("to what? {min} to {max}")),
        },
        _ if wish.number.is_some() || wish.share.is_some() => {
            Err("it is on or off, without a number".into())
        }
        _ if wish.on => Ok(json!("on")),
        _ if wish.off => Ok(json!("off")),
        _ => Err("on or off?".into()),
    }
}

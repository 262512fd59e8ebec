//! Orders: one device, now, to a value that its kind has. What must never be here: goals, a value
//! that was not said.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::levels::STEPS_MAX;
use super::names::{Mention, Named, is_like, is_word};
use super::text::number;
use super::told::is_past;
use super::words::{
    AHEAD, BEFORE, DEEDS, FILLERS, HARM, NO_DEEDS, OFF, OFF_RUNS, ON, ON_RUNS, POLITE, PULSES,
    RETRACTING, RUNS, UP_OR_DOWN, WHOLLY_OFF, WISHED, WISHED_OFF, WISHED_ON, WISHING, has,
    is_known,
};
use super::{Meaning, Said, Spoken, spoken};
use crate::agent::event::Body;
use crate::agent::inbox::wanted;
use crate::config::{Actuator, ActuatorKind, Config};
use crate::domain::ActuatorId;
use crate::limits;

/// Words in "ly" that say only how an order is given or obeyed. Any other may say how much, how
/// often or whether at all, and is never left out.
pub(super) const MANNERS: &str = "\
    really kindly immediately quickly finally simply promptly instantly directly properly \
    completely entirely totally fully wholly utterly exactly precisely swiftly rapidly \
    speedily hurriedly urgently surely certainly definitely absolutely actually truly honestly \
    seriously literally obviously clearly safely carefully firmly tightly securely thoroughly \
    neatly politely cordially respectfully duly gladly warmly quietly lovely";

/// Words before the first that says what is wanted.
pub(super) const POLITE_FIRST: &str =
    "please plz pls hey can could would you will now ok so and then";

/// What is said of how a device is to be.
struct Wish {
    on: bool,
    off: bool,
    /// Share of the range.
    share: Option<f64>,
    number: Option<f64>,
    percent: bool,
    /// Whether the level is one to go to.
    led: bool,
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
        if let Some(words) = self.told(mention, false) {
            return Err(format!("`{words}`: that says how it is, not how it is to be"));
        }
        if self.any_of("keep leave hold maintain stay remain").is_some() {
            // Without an end it may be a ban: "leave the valve closed".
            if hold.is_none() && !matches!(actuator.kind, ActuatorKind::Level { .. }) {
                return Err("for how long?".into());
            }
            self.take("keep leave hold maintain stay remain");
            self.take("switched turned shut");
        }
        if !self.means_it(mention, matches!(actuator.kind, ActuatorKind::Level { .. })) {
            return Err("which device? say its whole name".into());
        }
        self.take_place_of(mention);
        self.take_too_much();
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
        self.take_verb(mention);
        self.take_manner();
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

    /// Whether the word of its name is said that says what it is, or a verb of it.
    pub(super) fn by_head(&self, mention: &Mention) -> bool {
        let head = self.names.head(mention.index);
        let is_head = |at: &usize| head.is_some_and(|own| is_like(&self.words[*at], own));
        mention.at.iter().any(|at| mention.as_verb == Some(*at) || is_head(at))
    }

    /// Whether the device itself is meant, not what it is called by: "open the gate" is not said of
    /// a gate's blower, "feed the lions" not of a feeding bell.
    fn means_it(&self, mention: &Mention, level: bool) -> bool {
        let by_head = self.by_head(mention);
        let head = self.names.head(mention.index);
        let is_head = |at: &usize| head.is_some_and(|own| is_like(&self.words[*at], own));
        let moves = self.any_of("open opening close closing closed shut shutting").is_some();
        let turns = "rotate revolve spin rolling moving move rise raise lift";
        let turns = self.any_of(turns).is_some() && !self.has_number();
        let verb_alone = mention.as_verb.is_some_and(|at| mention.at == [at] && !is_head(&at));
        // "Misting" by nozzles, which say only how.
        let verb_alone = verb_alone && !head.is_some_and(|own| has("nozzle nozzles jet jets", own));
        let open = level && self.any_of("vent louvre flap damper hatch window shade").is_some();
        !verb_alone && (by_head || !(turns || moves && !open))
    }

    /// "Chuck the fan on": a first word that is no other's, before the device and what is to become
    /// of it.
    fn take_verb(&mut self, mention: &Mention) {
        let first = self.free().find(|at| !has(FILLERS, &self.words[*at]));
        let Some(at) = first.filter(|at| *at < mention.at.iter().copied().min().unwrap_or(0))
        else {
            return;
        };
        let word = self.words[at].as_str();
        let article = self.words.get(at + 1).is_some_and(|word| has("the my our that those", word));
        let before = |word: &String| has(FILLERS, word) || has(POLITE, word);
        let begins = self.words[..at].iter().all(before);
        let other = [NO_DEEDS, AHEAD, BEFORE, HARM, RETRACTING].iter().any(|list| has(list, word));
        // "Turns the heater" and "rang the bell" tell of it.
        let third = word.ends_with('s') && !word.ends_with("ss");
        let form = word.ends_with("ed") || word.ends_with("ing") || word.ends_with("n't");
        let form = form || third || is_past(word) || word.ends_with("ly");
        let article = article && self.parts[at] == self.parts[at + 1];
        let whole = word.len() > 2 && word.chars().all(char::is_alphabetic);
        let strange = other || form || is_known(word) || self.names.has(word);
        self.done[at] |= article && begins && whole && !strange;
    }

    /// "The fan is too loud, off": what says why, in a part that orders nothing.
    fn take_too_much(&mut self) {
        for at in 1..self.words.len().saturating_sub(1) {
            let part = self.parts[at];
            let here = |other: &usize| self.parts[*other] == part;
            let orders = |other: usize| {
                let word = &self.words[other];
                has(ON, word) || has(OFF, word) || number(word).is_some()
            };
            let too = self.word(at) == "too" && has("is are it's", self.word(at - 1));
            if too && here(&(at + 1)) && !(0..self.words.len()).filter(here).any(orders) {
                self.done[at - 1..at + 2].fill(true);
            }
        }
    }

    /// "One short blast of the horn": no number of anything.
    fn take_one_of_them(&mut self) {
        for at in 0..self.words.len() {
            let then = self.word(at + 1);
            self.done[at] |= has("short brief", self.word(at)) && has(PULSES, then);
        }
        for at in 0..self.words.len() {
            let one = self.word(at) == "1" && has(PULSES, self.word(at + 1));
            let one = one || (self.word(at) == "1" && has(PULSES, self.word(at + 2)));
            self.done[at] |= one;
        }
    }

    /// "Promptly": how, and nothing of what.
    pub(super) fn take_manner(&mut self) {
        self.take(MANNERS);
    }

    /// "The fan on the dryer": that "on" starts nothing.
    fn take_place_of(&mut self, mention: &Mention) {
        let (Some(first), Some(last)) = (mention.at.iter().min(), mention.at.iter().max()) else {
            return;
        };
        let same = self.words[*first] == self.words[*last];
        // "A puff from the fogger".
        let article = usize::from(*first > 0 && has("the my our", &self.words[*first - 1]));
        if let Some(at) = first.checked_sub(1 + article)
            && has("from by with via through", &self.words[at])
        {
            self.done[at] = true;
        }
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
        // "Set off the siren" starts it, and "set the siren off" may.
        let rings = has(
            "siren alarm alert bell horn buzzer fireworks sprinkler",
            self.names.head(mention.index).map_or("", String::as_str),
        );
        if rings && self.any_run("set off") {
            return Err("to start it or to end it? say on or off".into());
        }
        let wholly_off = self.take_any_run(WHOLLY_OFF) | self.take_any_run(OFF_RUNS);
        let set_going = self.take_any_run(ON_RUNS) | (!level && self.runs(mention));
        let off_of = self.take_off_of();
        self.take_any_run("switch over, turn over, change over");
        let mut lit = (false, false);
        let share = self.take_share(level);
        let rests = self.take_any_run("a rest, a break, rest");
        if self.is_light(mention) {
            let lights = self.take("burning lit shine shining illuminate") | self.lights_first();
            lit = (lights, self.take("out extinguish dark"));
            self.take("light lights lamp lamps");
        }
        if self.is_lit_by(mention) {
            lit.0 |= self.take("lit") | self.is_lit_first(mention);
        }
        let (up, down) = if level { (false, false) } else { self.up_or_down(mention) };
        self.take_leave_to_go();
        let goes = self.any_of("make let get have").is_some() && self.take("go");
        let on = self.take(ON) || up || goes || lit.0 || set_going;
        let off = self.take(OFF) || down || wholly_off || lit.1 || off_of || self.needless;
        let said = |list: &str| self.words.iter().any(|word| has(list, word));
        let wished = said(WISHING) || (said("could can may") && said("be"));
        let (mut on, off) =
            (on || (wished && self.take(WISHED_ON)), off || (wished && self.take(WISHED_OFF)));
        if wished {
            self.take(WISHED);
        }
        if on || off {
            self.take_asked_of_you();
        }
        let off = off || rests;
        if rests {
            self.take("give have take");
        }
        if off {
            self.take("take");
        }
        let pulse = matches!(actuator.kind, ActuatorKind::Pulse { .. });
        if pulse {
            self.take_one_of_them();
        }
        on |= pulse && self.take(PULSES);
        self.take_run("go ahead and");
        if on && off && share.is_none() {
            return Err("it says both on and off".into());
        }
        if !on && !off {
            on = self.implies_on(mention, actuator, hold);
        }
        let (number, percent) = self.level_number(off, on, mention, &actuator.kind)?;
        let led = self.words.iter().any(|word| has("to at", word));
        Ok(Wish { on, off, share, number, percent, led })
    }

    /// "The pump may go on now": what lets it; "can go on fire" does not.
    fn take_leave_to_go(&mut self) {
        for at in 0..self.words.len() {
            let may = has("may can", self.word(at));
            let then = at + 1 + usize::from(self.word(at + 1) == "now");
            let part = self.parts.get(then + 2) == Some(&self.parts[at]);
            let ends = !part || has("now please again for", self.raw(then + 2));
            if may && has("go come", self.word(then)) && has("on off", self.word(then + 1)) && ends
            {
                self.done[at..=then].fill(true);
            }
        }
    }

    /// The word so many places before one, or none.
    pub(super) fn before(&self, at: usize, places: usize) -> &str {
        at.checked_sub(places).map_or("", |at| self.words[at].as_str())
    }

    /// "Power up the pump", "bring the pump down".
    fn up_or_down(&mut self, mention: &Mention) -> (bool, bool) {
        let mut run = |way: &str| {
            let mut verbs = UP_OR_DOWN.split(' ');
            verbs.any(|verb| self.take_run(&format!("{verb} {way}")))
        };
        let (mut up, mut down) = (run("up"), run("down"));
        let behind = mention.at.iter().max().map_or(0, |last| last + 1);
        if self.any_of(UP_OR_DOWN).or(self.any_of("bring take")).is_some() {
            match self.word(behind) {
                "up" => up = true,
                "down" => down = true,
                _ => return (up, down),
            }
            self.take(UP_OR_DOWN);
            self.take("bring take");
        }
        (up, down)
    }

    /// "Let the brush turn": what it does that runs, right behind its name.
    fn runs(&mut self, mention: &Mention) -> bool {
        let at = mention.at.iter().max().map_or(0, |last| last + 1);
        let then = self.word(at + 1);
        let runs = has(RUNS, self.word(at));
        let runs = runs && !has("on off to up down at by out", then);
        let runs = runs && number(then).is_none();
        if runs {
            self.done[at] = true;
        }
        runs
    }

    /// "I'd be glad if you turned it off": the verb behind what was only polite.
    fn take_asked_of_you(&mut self) {
        let turned = |at: &usize| has("turned switched put set had", self.word(*at));
        let after = |at: &usize| *at > 0 && self.done[at - 1] && self.words[at - 1] == "you";
        let found = self.free().find(|at| turned(at) && after(at));
        if let Some(at) = found {
            self.done[at] = true;
        }
    }

    /// "Switch of the fan": off, with a letter left out.
    fn take_off_of(&mut self) -> bool {
        let verb = |at: &usize| has("turn switch shut", self.word(*at));
        let first = |at: &usize| self.words[..*at].iter().all(|word| has(POLITE_FIRST, word));
        let at = self.free().filter(verb).filter(first).find(|at| self.word(at + 1) == "of");
        if let Some(at) = at {
            self.done[at..at + 2].fill(true);
        }
        at.is_some()
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
        let deed = self.take_deed(mention);
        let begins = deed || self.as_verb_first(mention) || self.noun_as_verb(mention);
        let given = self.take("give");
        let verb = mention.as_verb.is_some() || begins;
        let pulse = matches!(actuator.kind, ActuatorKind::Pulse { .. });
        let of = self.words.iter().any(|word| word == "of");
        match hold {
            Some(_) => {
                let turns = self.words.iter().any(|word| has("turn use using", word));
                // "Pump, ten minutes".
                let kept = |word: &String| has("keep leave hold maintain stay remain", word);
                let alone = !pulse && self.unsure().is_empty() && self.by_head(mention);
                let alone = alone && !self.words.iter().any(kept);
                pulse && self.take_bit() || of || given || verb || self.means || turns || alone
            }
            None => verb && (begins || given),
        }
    }

    /// "A bit of smoke": nothing more is said by it.
    fn take_bit(&mut self) -> bool {
        self.take("bit little use");
        true
    }

    /// "Warm the mat": what such a device runs for, said first.
    fn take_deed(&mut self, mention: &Mention) -> bool {
        let first = self.free().find(|at| !has(FILLERS, &self.words[*at]));
        let Some(at) = first else { return false };
        let deed = self.does(mention.index, &self.words[at]);
        self.done[at] |= deed;
        deed
    }

    /// Whether such a device runs for what a verb says: a heater to "warm".
    pub(super) fn does(&self, index: usize, verb: &str) -> bool {
        let own = self.names.of(index);
        let mut deeds = DEEDS.iter().filter(|(piece, _)| own.iter().any(|own| own.contains(piece)));
        deeds.any(|(_, verbs)| has(verbs, verb))
    }

    /// Whether the sentence begins with its name as a verb: "pump the brine".
    fn noun_as_verb(&mut self, mention: &Mention) -> bool {
        let first = mention.at.iter().min().filter(|at| self.unsure_before(**at));
        let head = self.names.head(mention.index);
        let Some(at) = first.filter(|at| head.is_some_and(|own| is_word(&self.words[**at], own)))
        else {
            return false;
        };
        // "Pump out the sump".
        let out = usize::from(has("out up away down", self.word(at + 1)));
        let verb = has("the my our some", self.word(at + 1 + out));
        self.done[at + out] |= verb;
        verb
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
            Wish { number: Some(number), off: true, led: false, .. } if number != min => {
                Err(format!("off, or to what? {min} to {max}"))
            }
            Wish { share: Some(share), off: true, led: false, .. }
                if ![0.0, 0.5, 1.0].contains(share) =>
            {
                Err(format!("off, or to what? {min} to {max}"))
            }
            // Of a fan with three stages, nobody knows what 50 percent is.
            Wish { number: Some(number), percent: true, .. } if *max > STEPS_MAX && *min == 0.0 => {
                Ok(json!(max * number / 100.0))
            }
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

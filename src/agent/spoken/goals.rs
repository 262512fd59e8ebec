//! Goals in plain words: a sensor to be kept within bounds, and a goal to be forgotten. What must
//! never be here: orders to devices.

use serde_json::json;

use super::names::{Mention, Named};
use super::text::number;
use super::units::{times, unit_words};
use super::words::{
    ABOVE, AROUND_A_GOAL, BELOW, GOING, KEEPING, List, NOT, Runs, STANDING, STATING, WANTING, has,
};
use super::{Meaning, Said, Spoken, spoken};
use crate::agent::event::Body;
use crate::config::{Config, goal_from_json};

const BAND: &str = "a band is needed: between … and …, above … or below …";

/// What wishes a bound besides.
const WANTED: &str = "\
    live happy please pls plz want need see always at most least max maximum min minimum goal \
    target wish would like i'd we'd let's from now set aim";
/// What is said not to be done that is about a bound.
const NOT_WHAT: &str = "\
    let allow permit want like ever go exceed get have drop fall rise accept tolerate need be \
    overshoot pass surpass run leave";
/// What is not wanted of a goal where a "not" stands before it: "don't keep it", "no need".
const UNWANTED: &str = "\
    keep keeping kept hold holding held maintain maintaining maintained ensure guarantee need \
    needs necessary require required requires care mind matter matters insist important bother \
    ask asking sure try trying reason point use goal";
/// What says so in one word, or in some.
const NOT_NEEDED: Runs = "\
    needn't, need not, needs not, need never, anywhere but, anything but, unnecessary, no \
    longer, don't have to, doesn't have to, do not have to, does not have to, nobody wants, \
    nobody needs, give up, given up, gave up, quit, cease, forget, why";
/// What lets something be, and wants nothing.
const LETTING: List = "\
    let allow allows allowed may can could might tolerate accept fine okay ok permitted free";
/// What makes a bound of it all the same: "may be at most 20".
const LIMITING: List = "\
    most least max maximum min minimum limit between keep keeps kept stay stays remain remains \
    must shall should always has needs sure only within up";
/// What wishes a goal once more, at the end of it.
const INSISTING: Runs = "\
    see that it does, see to it that it does, see it does, make sure it does, make sure that \
    it does, make certain it does, make certain that it does, ensure it does, ensure that it \
    does, mind it does, mind that it does, take care that it does, be sure it does";
/// What the goals are called that were said in plain words.
pub(super) const ASKED: &str = "asked: ";
/// Verbs of orders.
const SETS: &str = "get take bring turn set put crank dial dim turn ramp slow open close move";

/// A number of a goal, and what is said of it.
struct Bound {
    number: f64,
    /// Whether it is said to be above it.
    above: Option<bool>,
    /// Whether it is said with a "not".
    turned: bool,
    /// Whether it is joined by an "or".
    other: bool,
    /// The part between commas that it stands in.
    part: usize,
}

impl Bound {
    /// Whether it is the least that is wanted.
    fn is_min(&self) -> Option<bool> {
        // "Not below" is at least; "no more than" is at most.
        self.above.map(|above| above != self.turned)
    }
}

impl Said {
    /// The sensor that a sentence wants within bounds.
    pub(super) fn wished(&self, config: &Config) -> Option<Mention> {
        let sensor = match self.named(self.names.sensors(), true) {
            Named::One(sensor) => sensor,
            // "At least 200 lux in the hall".
            Named::Several | Named::Unclear => self.of_measure(config)?,
            // "No more than 50 lux in here".
            Named::None => self.of_unit(config).filter(|of| {
                let unit = config.sensors[of.index].unit.as_str();
                !["%", "°C"].contains(&unit) && self.has_number()
            })?,
        };
        let numbers = |at: &usize| {
            let timed = self.length_at(*at).is_some();
            number(self.word(*at)).is_some() && !timed
        };
        let band = || self.free().filter(numbers).count() == 2 && self.any_of("or").is_none();
        let beaten = match self.named(self.names.actuators(), false) {
            Named::One(device) => {
                let more = device.at.len() > sensor.at.len() || device.whole && !sensor.whole;
                // "The oven never hotter than 250": nothing but its temperature is.
                // "Get the belt down to 40".
                let led = !sensor.whole && self.any_run("down to, up to");
                let led = led && device.at.len() == sensor.at.len() && self.any_of(SETS).is_some();
                (more || led) && !self.compares(&sensor)
            }
            Named::None => false,
            // "Keep the shed between 6 and 12 degrees", whatever else is in the shed.
            _ => {
                let kept = self.any_of("keep hold maintain").is_some() && band();
                let measured = kept && self.of_measure(config).is_some();
                let runs = self.any_of("up back going running quiet on off").is_some();
                !(sensor.whole || measured && !runs)
            }
        };
        let bounds = |at: &usize| {
            let word = self.words[*at].as_str();
            // "15 min".
            let timed = *at > 0 && self.length_at(at - 1).is_some();
            let tops = word == "top" && number(self.word(at + 1)).is_some();
            (is_bound(word) || tops || has("between from", word)) && !timed
        };
        // "At least 16 degrees": a heater is set in no degrees.
        let degrees = |at: usize| number(self.word(at)).is_some() && self.word(at + 1) == "degrees";
        let of_heat = config.sensors[sensor.index].unit == "°C";
        let beaten =
            beaten && !(of_heat && self.any_run("at least, at most") && self.free().any(degrees));
        let bound = self.free().find(bounds);
        let kept = self.any_of("keep hold maintain keeping holding").is_some();
        let bounded =
            band() || self.has_number() && (bound.is_some() || self.any_of(KEEPING).is_some());
        (!beaten && (kept || bounded)).then_some(sensor)
    }

    /// The only sensor that is named among those with the unit behind a number.
    fn of_measure(&self, config: &Config) -> Option<Mention> {
        let behind = |at: usize| {
            let next = self.word(at + 1);
            number(self.word(at)).is_some() && !next.is_empty() && next != "percent"
        };
        let next: Vec<&str> =
            self.free().filter(|at| behind(*at)).map(|at| self.word(at + 1)).collect();
        let of = |index: &usize| {
            let units = unit_words(&config.sensors[*index].unit);
            next.iter().any(|word| units.iter().any(|unit| unit == word))
        };
        let among: Vec<usize> = self.names.sensors().filter(of).collect();
        match self.named_among(&among, true) {
            Named::One(sensor) => Some(sensor),
            _ => None,
        }
    }

    /// Whether a quality of this sensor is compared with a number.
    fn compares(&self, sensor: &Mention) -> bool {
        sensor.at.iter().any(|at| is_bound(&self.words[*at]) && self.word(at + 1) == "than")
    }

    /// `keep the air temperature between 18 and 24`, `the humidity must not rise above 80`.
    pub(super) fn goal(mut self, of: &Mention, config: &Config) -> Result<Spoken, String> {
        let sensor = &config.sensors[of.index];
        let name = &sensor.name;
        for at in &of.at {
            // "Warmer" names the temperature and is a bound as well.
            self.done[*at] = self.is_of(*at, of.index) || !is_bound(&self.words[*at]);
        }
        let wants = self.any_of(KEEPING).or(self.any_of(NOT)).or(self.any_of("want need see"));
        let states = self.any_of(STATING).is_some() && self.run_at("is to").is_none();
        if !states {
            self.take_insisting();
        }
        self.take_any_run(WANTING);
        self.take_any_run("number of, amount of, count of, quantity of, value of, level of");
        if states && wants.is_none() {
            return Err("that says how it is: keep … between … and …".into());
        }
        if self.is_banned() {
            return Err("say what is wanted: keep … between … and …, above … or below …".into());
        }
        if let Some(words) = self.unwanted() {
            return Err(format!("`{words}`: that is no wish for a goal; `forget` ends one"));
        }
        if let Some(words) = self.told(of, true) {
            return Err(format!("`{words}`: that says how it is: keep … between … and …"));
        }
        if sensor.unit == "%" && !self.has_number() {
            self.count_shares();
        }
        self.take_units(&sensor.unit);
        if let Some(at) = self.more_than_now() {
            return Err(format!("`{}`: how much more is no bound: above …", self.raw(at)));
        }
        if self.is_tolerance() || self.alarms() {
            return Err(BAND.into());
        }
        self.take_any_run(STANDING);
        self.take_companions(of);
        let (min, max) = bounds(self.take_bounds()?)?;
        let mut keep = json!({"sensor": name});
        for (key, bound) in [("min", min), ("max", max)] {
            if let Some(bound) = bound {
                keep[key] = json!(bound);
            }
        }
        self.take(AROUND_A_GOAL);
        if min.is_some() && max.is_some() {
            self.take("until till plus");
        }
        self.take(NOT);
        self.take(KEEPING);
        self.take(GOING);
        let put = json!({"name": format!("{ASKED}{}", spoken(name)), "keep": keep});
        let goal = Box::new(goal_from_json(&put, config)?);
        let body = Body::PutGoal { goal, text: put.to_string() };
        Ok(self.meaning(Meaning::Do(Box::new(body))))
    }

    /// "Don't keep it below 5" is no wish for more than 5; "don't let it fall below 5" is.
    fn is_banned(&self) -> bool {
        let said = self.free().map(|at| self.words[at].as_str());
        let mut said = said.filter(|word| !has("please so", word));
        let (first, second, third) = (said.next(), said.next(), said.next());
        let then = match (first, second) {
            (Some("don't" | "dont"), then) => then,
            (Some("do"), Some("not")) => third,
            (Some("never"), then) => {
                return then.is_some_and(|word| has("keep hold maintain limit ensure", word));
            }
            _ => return false,
        };
        then.is_some_and(|word| !has(NOT_WHAT, word))
    }

    /// The words by which a goal is not wanted: "no need to keep it below 8", "it needn't stay
    /// under 5", "let it go above 20". A "not" of the bound itself ("not above 20") is another.
    fn unwanted(&self) -> Option<String> {
        let runs = NOT_NEEDED.split(", ").filter_map(|run| Some((self.run_at(run)?, run)));
        let run = runs.filter(|(at, run)| {
            // "No longer than 5" is a bound.
            let compared = self.words.get(at + run.split(' ').count()).map(String::as_str);
            compared != Some("than")
        });
        if let Some((_, run)) = run.min_by_key(|(at, _)| *at) {
            return Some(run.into());
        }
        for at in self.free().filter(|at| has(NOT, &self.words[*at])) {
            let part = self.parts[at];
            let here =
                |other: &usize| self.parts[*other] == part && number(&self.words[*other]).is_none();
            // "No matter what" is for ever.
            if self.word(at + 1) == "matter" {
                continue;
            }
            let mut behind = (at + 1..self.words.len()).take_while(here);
            if let Some(end) = behind.find(|other| has(UNWANTED, &self.words[*other])) {
                return Some(self.words[at..=end].join(" "));
            }
        }
        let limits = self.any_of(NOT).is_some() || self.any_of(LIMITING).is_some();
        if limits || self.run_at("no more").is_some() { None } else { self.any_of(LETTING) }
    }

    /// "…, see that it does": the wish once more.
    fn take_insisting(&mut self) {
        for run in INSISTING.split(", ") {
            let Some(at) = self.run_at(run) else { continue };
            let end = at + run.split(' ').count();
            // "See that it does not …" begins a bound.
            if self.parts.get(end) != Some(&self.parts[at]) {
                self.done[at..end].fill(true);
            }
        }
    }

    /// "Half full" of what is measured in percent: 50.
    fn count_shares(&mut self) {
        for at in 0..self.words.len() {
            let percent = match self.word(at) {
                "half" => "50",
                "quarter" => "25",
                _ => continue,
            };
            percent.clone_into(&mut self.words[at]);
        }
    }

    /// "2 cm more", not "2 or more" nor "more than 2".
    fn more_than_now(&self) -> Option<usize> {
        let more = |at: &usize| {
            let counted = *at > 0 && (number(self.raw(at - 1)).is_some() || self.is_done(at - 1));
            let counted =
                counted && (at.saturating_sub(3)..*at).any(|at| number(self.raw(at)).is_some());
            has("more less", self.word(*at))
                && counted
                && self.raw(at + 1) != "than"
                && self.raw(at - 1) != "or"
        };
        self.free().find(more)
    }

    /// "At -5 plus or minus 1", "within 2 degrees of 21", "2 degrees below 14".
    fn is_tolerance(&self) -> bool {
        let counts = |at: usize| number(self.raw(at)).is_some();
        (1..self.words.len()).any(|at| {
            let before = self.raw(at - 1);
            let plus = self.raw(at) == "plus" && !has("and to between from until till", before);
            let within = self.raw(at) == "within"
                && (at + 1..at + 4).any(|at| self.raw(at) == "of" && counts(at + 1));
            let apart = has("above below over under", self.raw(at))
                && (counts(at - 1) || at > 1 && self.is_done(at - 1) && counts(at - 2))
                && counts(at + 1);
            plus || within || apart
        })
    }

    /// "Ammonia above 20 ppm", "temperature rising above -3": how it is, by one who is alarmed.
    fn alarms(&self) -> bool {
        let lists = [KEEPING, NOT, WANTED];
        let wants = |at: usize| lists.iter().any(|list| has(list, self.raw(at)));
        let wishes =
            (0..self.words.len()).any(wants) || self.any_run(STANDING) || self.any_run(WANTING);
        let sides = "above over exceeding below under rising falling dropping climbing more less";
        let sides = (0..self.words.len()).any(|at| has(sides, self.raw(at)));
        sides && !wishes && self.free().filter(|at| number(&self.words[*at]).is_some()).count() == 1
    }

    /// Takes the words of a unit behind each number.
    fn take_units(&mut self, unit: &str) {
        let units = unit_words(unit);
        let mut unsaid: Vec<usize> = Vec::new();
        for at in 0..self.words.len() {
            let Some(said) = number(&self.words[at]).filter(|_| !self.done[at]) else { continue };
            // "Three centimetres" of what is measured in millimetres, "between 3 and 4 cm".
            if let Some(times) = times(self.word(at + 1), unit) {
                let scaled = |said: f64| ((said * times * 1e6).round() / 1e6).to_string();
                for before in unsaid.drain(..) {
                    let said = number(&self.words[before]).unwrap_or_default();
                    self.words[before] = scaled(said);
                }
                self.words[at] = scaled(said);
                self.done[at + 1] = true;
                continue;
            }
            if !units.iter().any(|unit| unit == self.word(at + 1)) {
                unsaid.push(at);
            }
            let behind = self.words[at + 1..].iter().take_while(|word| units.contains(*word));
            let end = at + 1 + behind.count();
            self.done[at + 1..end].fill(true);
        }
    }

    /// The numbers in their order, each with the words before it that say on which side of it.
    fn take_bounds(&mut self) -> Result<Vec<Bound>, String> {
        let mut found: Vec<Bound> = Vec::new();
        let (mut above, mut turned, mut other) = (None, false, false);
        let free: Vec<usize> = self.free().collect();
        for (place, at) in free.iter().copied().enumerate() {
            let word = self.words[at].as_str();
            let then = free.get(place + 1).map_or("", |next| self.words[*next].as_str());
            if let Some(number) = number(word) {
                found.push(Bound { number, above, turned, other, part: self.parts[at] });
                (above, turned, other) = (None, false, false);
            } else if has(NOT, word) || (word == "from" && has(GOING, then)) {
                // "Prevent it from going above 20" says it once.
                let prevents = word == "from" && self.any_of_done("prevent stop avoid");
                if turned && !prevents {
                    return Err("it says not twice".into());
                }
                // "5 at most, or rather not".
                if above.is_some() && !found.is_empty() {
                    return Err(BAND.into());
                }
                turned = true;
            } else if let Some(side) =
                side(word, then, at.checked_sub(1).map(|at| &*self.words[at]))
            {
                if above.is_some_and(|above| above != side) {
                    return Err("it says both above and below".into());
                }
                above = Some(side);
            } else {
                other |= has("or nor", word);
                continue;
            }
            self.done[at] = true;
        }
        // "60 or more", "at 5 max".
        match found.as_mut_slice() {
            [only] if only.above.is_none() && above.is_some() => {
                only.above = above;
                only.turned |= turned;
            }
            // "Up to 850 at most".
            [only] if only.above == above && !turned && !only.turned => {}
            _ if above.is_some() || turned => return Err(BAND.into()),
            _ => {}
        }
        Ok(found)
    }
}

/// Whether it is a word of a bound.
fn is_bound(word: &str) -> bool {
    has(ABOVE, word) || has(BELOW, word)
}

/// On which side of a number a word says; `up to` is at most.
fn side(word: &str, then: &str, before: Option<&str>) -> Option<bool> {
    if word == "up" && then == "to" {
        return Some(false);
    }
    // "Must not top 70".
    if word == "top" && number(then).is_some() {
        return Some(true);
    }
    // "20 slower" is no bound; "slower than 20" and "20 or slower" are.
    let compares = word.ends_with("er") && !has("over under higher lower", word);
    if compares && then != "than" && before != Some("or") {
        return None;
    }
    if has(ABOVE, word) {
        return Some(true);
    }
    has(BELOW, word).then_some(false)
}

fn bounds(mut said: Vec<Bound>) -> Result<(Option<f64>, Option<f64>), String> {
    match said.as_mut_slice() {
        [low, high] if low.above.is_none() && high.above.is_none() => {
            // "It is 5, keep it at 12": two numbers, and no band.
            match low.turned || high.turned || low.part != high.part {
                true => Err(BAND.into()),
                false => Ok((Some(low.number), Some(high.number))),
            }
        }
        [first, second] => {
            // "Never below 2 or above 4": the "never" is for both.
            second.turned |= second.other && first.turned;
            match (first.is_min(), second.is_min()) {
                (Some(true), Some(false)) => Ok((Some(first.number), Some(second.number))),
                (Some(false), Some(true)) => Ok((Some(second.number), Some(first.number))),
                // "From 110 up to 135".
                (None, Some(false))
                    if first.number < second.number
                        && !first.turned
                        && first.part == second.part =>
                {
                    Ok((Some(first.number), Some(second.number)))
                }
                _ => Err("there is a number too many in it".into()),
            }
        }
        [only] => match only.is_min() {
            Some(true) => Ok((Some(only.number), None)),
            Some(false) => Ok((None, Some(only.number))),
            None => Err(BAND.into()),
        },
        [] => Err(BAND.into()),
        _ => Err("there is a number too many in it".into()),
    }
}

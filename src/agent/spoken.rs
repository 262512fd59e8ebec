//! An operator's plain words as typed commands, without a model: names come from the
//! configuration, verbs and measures from short lists, and every word must be accounted for. What
//! is left over is said, and then nothing acts before a person has said yes.
//!
//! Orders are for now and for one device. A sentence with a condition, a ban or two devices is
//! refused with what to do instead: guessing at half of it would be worse than nothing. What must
//! never be here: a command that the configuration does not allow, text that reaches a prompt.

mod asides;
mod forgetting;
mod goals;
mod lamps;
mod leave;
mod levels;
mod modes;
mod names;
mod opinions;
mod orders;
mod polite;
mod questions;
mod reasons;
mod second;
mod slips;
mod statements;
mod text;
mod times;
mod told;
mod units;
mod unread;
mod when;
mod words;

pub(super) use forgetting::goal_meant;
pub(super) use text::number_of;
pub(super) use units::unit_words;
pub(super) use when::{Clock, Day, Past, When, past};
pub(super) use words::has;

use std::rc::Rc;

use super::event::Body;
use super::prompt::words as spoken;
use names::{Named, Names};
use words::{
    ADVICE, BANS, CONDITIONS, FILLERS, HARM, MOCKING, NEEDLESS, NO_MORE, NO_NEED, OFF, ON,
};

use crate::config::{Config, Goal};
use crate::domain::{ActuatorId, SensorId};
use crate::limits;

/// What was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The command or question.
    pub meaning: Meaning,
    /// Words that nothing was made of. An order with some is not carried out unasked.
    pub unsure: Vec<String>,
}

impl Spoken {
    /// "The fan at 80; I want to watch the plant": more than a mode was said.
    fn leaves_number(&self) -> bool {
        self.unsure.iter().any(|word| text::number(word).is_some())
    }
}

/// A command or a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Do this. Never another `ask`.
    Do(Box<Body>),
    /// How is this sensor?
    Sensor(SensorId),
    /// How is this actuator, and why?
    Actuator(ActuatorId),
    /// How are the goals?
    Goals,
}

/// A goal in plain words, all of which are understood.
///
/// # Errors
/// Why it is none, in a sentence for the one who wrote it.
pub fn goal_of_words(text: &str, config: &Config) -> Result<Goal, String> {
    let Spoken { meaning, unsure } = hear(text, config)?;
    if !unsure.is_empty() {
        return Err(format!("nothing was made of `{}`: say it without", unsure.join(" ")));
    }
    match meaning {
        Meaning::Do(body) => match *body {
            Body::PutGoal { goal, .. } => Ok(*goal),
            _ => Err("that is an order, no goal: keep … between … and …".into()),
        },
        _ => Err("that is a question, no goal: keep … between … and …".into()),
    }
}

/// Reads a text; where that cannot be done, the one part of it that is an order, with what stands
/// beside it as words that nothing was made of.
///
/// # Errors
/// Why it is nothing that can be done, in a sentence for the one who wrote it.
pub fn hear(text: &str, config: &Config) -> Result<Spoken, String> {
    let names = plain(text, config)?;
    let look = |why| second::look(text, config, &names).ok_or(why);
    let read = read(text, config, &names).or_else(look)?;
    match second::may_be_shown(&read) {
        Ok(()) => Ok(read),
        Err(why) => {
            let part = look(why)?;
            second::may_be_shown(&part).map(|()| part)
        }
    }
}

/// The names by which it may be read, if it may be read at all.
fn plain(text: &str, config: &Config) -> Result<Rc<Names>, String> {
    if text.len() > limits::ASK_BYTES_MAX {
        let most = limits::ASK_BYTES_MAX;
        return Err(format!("{} bytes, at most {most} are read", text.len()));
    }
    if text.contains(['{', '}', '[', ']', '<', '>', '=', '`', '\\']) {
        return Err("plain words are read, no markup".into());
    }
    let names = Rc::new(Names::new(config));
    let commands = |quote: &&str| Said::new(quote, &names).commands();
    if let Some(quote) = text::quoted(text).find(commands) {
        return Err(format!("`{quote}`: that is a quote; say it without the marks"));
    }
    Ok(names)
}

/// Reads a text as a whole.
fn read(text: &str, config: &Config, names: &Rc<Names>) -> Result<Spoken, String> {
    let mut said = Said::new(text, names);
    if said.words.is_empty() {
        return Err("there are no words in it".into());
    }
    said.take_asides();
    let end = text.trim_end_matches(|c: char| c.is_whitespace() || "?!.".contains(c)).len();
    let mark = text[end..].contains('?') && !said.ends_with_tag();
    if let Some(forgetting) = said.removal(config, mark) {
        return forgetting;
    }
    let asks = said.asks(mark);
    // "What do you advise?" sets no mode; "tell me what you would do" does.
    let bounded = said.has_number() && said.wished(config).is_some();
    if !mark && !bounded {
        match said.mode() {
            Some(mode) if mode.as_ref().is_ok_and(Spoken::leaves_number) => {
                return Err("more than a mode is said there: one thing at a time".into());
            }
            Some(mode) => return mode,
            None => {}
        }
    }
    if let Some(word) = said.harm() {
        return Err(format!("`{word}`: that is not for plain words to change"));
    }
    said.asks_what_to_do()?;
    said.times_by_clock(text)?;
    said.supposes()?;
    if asks || (said.reads() && said.wished(config).is_none()) {
        return said.question(config);
    }
    if let Some(words) = said.asks_to_wait() {
        return Err(format!("`{words}`: to wait, or for so long? say for how many seconds"));
    }
    if let Some(sensor) = said.wished(config) {
        return said.goal(&sensor, config);
    }
    let device = said.ordered();
    // A "night light" is no condition.
    if let Named::One(mention) = &device {
        said.mark(mention);
    }
    said.take_rate()?;
    let hold = said.take_duration()?;
    said.needless = said.take_needless();
    if let Some(word) = said.any_of(BANS) {
        let instead = "a ban or a wish is an interlock, a preference or a `note`, not an order";
        return Err(format!("`{word}`: {instead}"));
    }
    said.mocks()?;
    if let Some(word) = said.condition() {
        let instead = "a condition is a rule, a goal or a note; an order is for now";
        return Err(format!("`{word}`: {instead}"));
    }
    if device == Named::None && said.take("keep hold maintain") {
        return Err("a goal is about one sensor, by its name".into());
    }
    said.order(&device, hold, config)
}

/// The words of a text, and which of them are accounted for.
#[derive(Clone)]
struct Said {
    words: Vec<String>,
    /// The part between commas that each stands in.
    parts: Vec<usize>,
    /// The parts that a colon ends: what they announce is quoted.
    announces: Vec<usize>,
    done: Vec<bool>,
    names: Rc<Names>,
    /// How well each word fits each name.
    fits: Rc<Vec<Vec<Option<names::Fit>>>>,
    /// Whether a name was said in whole.
    whole: bool,
    /// Whether it says that the device is needed no more.
    needless: bool,
    /// Whether something is to be done with the device.
    means: bool,
}

impl Said {
    fn new(text: &str, names: &Rc<Names>) -> Self {
        let said = text::counted(&slips::mended(text::pieces(text), names));
        let (words, parts): (Vec<_>, Vec<_>) = names.joined(said).into_iter().unzip();
        let announces = text::announcing(text);
        let done = vec![false; words.len()];
        let fits = Rc::new(words.iter().map(|word| names.fits(word)).collect());
        Self {
            words,
            parts,
            announces,
            fits,
            done,
            names: Rc::clone(names),
            whole: false,
            needless: false,
            means: false,
        }
    }

    /// Where the words stand that are not accounted for.
    fn free(&self) -> impl Iterator<Item = usize> {
        (0..self.words.len()).filter(|at| !self.done[*at])
    }

    /// The first of these words that is not accounted for.
    fn any_of(&self, list: &str) -> Option<String> {
        let mut words = self.free().map(|at| &self.words[at]);
        words.find(|word| has(list, word)).cloned()
    }

    /// Whether one of these words is accounted for.
    fn any_of_done(&self, list: &str) -> bool {
        self.words.iter().zip(&self.done).any(|(word, done)| *done && has(list, word))
    }

    /// Whether one of these words is said; marks all of them.
    fn take(&mut self, list: &str) -> bool {
        let mut any = false;
        for (word, done) in self.words.iter().zip(&mut self.done) {
            if !*done && has(list, word) {
                (*done, any) = (true, true);
            }
        }
        any
    }

    /// Where these words are said one after the other, none of them accounted for.
    fn run_at(&self, run: &str) -> Option<usize> {
        let said = |at: usize| {
            let mut run = run.split_ascii_whitespace().enumerate();
            run.all(|(more, one)| self.word(at + more) == one)
        };
        (0..self.words.len()).find(|at| said(*at))
    }

    /// Whether one of these runs is said.
    fn any_run(&self, runs: &str) -> bool {
        runs.split(", ").any(|run| self.run_at(run).is_some())
    }

    /// Whether these words are said one after the other; marks them.
    fn take_run(&mut self, run: &str) -> bool {
        let at = self.run_at(run);
        if let Some(at) = at {
            self.done[at..at + run.split_ascii_whitespace().count()].fill(true);
        }
        at.is_some()
    }

    /// Whether one of these runs is said; marks all of them.
    fn take_any_run(&mut self, runs: &str) -> bool {
        runs.split(", ").filter(|run| self.take_run(run)).count() > 0
    }

    /// "Should I start the pump", "would the fan be better off".
    fn asks_what_to_do(&self) -> Result<(), String> {
        let of_it = has("the my our", self.raw(1));
        let begins =
            self.raw(0) == "should" || (has("would might shall must", self.raw(0)) && of_it);
        let me =
            has("want need wanting", self.raw(0)) && self.raw(1) == "me" && self.raw(2) == "to";
        match begins || me || ADVICE.split(", ").any(|run| self.run_at(run) == Some(0)) {
            true => Err("what to do is for you to say".into()),
            false => Ok(()),
        }
    }

    /// "Off at 0600": no level has a zero in front.
    fn times_by_clock(&self, text: &str) -> Result<(), String> {
        let clock = |word: &&str| {
            word.len() == 4 && word.starts_with('0') && word.bytes().all(|one| one.is_ascii_digit())
        };
        match text.split_whitespace().find(clock) {
            Some(word) => Err(format!("`{word}`: a time that is yet to come is a rule or a note")),
            None => Ok(()),
        }
    }

    /// Whether it says "on", "off" or a verb of orders: what stands between quotation marks names a
    /// device, or else quotes somebody.
    fn commands(&self) -> bool {
        let own = |word: &String| self.names.has(word);
        let verbs = "turn switch set put start stop open close shut on off take watch act forget";
        self.words.iter().any(|word| has(verbs, word) && !own(word))
    }

    /// A word that asks for what plain words must not change, unless a device is called so.
    fn harm(&self) -> Option<&String> {
        let words = self.free().map(|at| &self.words[at]);
        words.filter(|word| has(HARM, word)).find(|word| !self.names.has(word))
    }

    /// "…, yeah right": nothing that is meant.
    fn mocks(&self) -> Result<(), String> {
        match MOCKING.split(", ").find(|run| self.run_at(run).is_some()) {
            Some(words) => Err(format!("`{words}`: say the order without it")),
            None => Ok(()),
        }
    }

    /// A word that makes a condition, or a time that is yet to come.
    fn condition(&self) -> Option<String> {
        let runs = ["as soon as", "as long as", "in case", "in time", "by the time"];
        let run = runs.iter().find(|run| self.run_at(run).is_some());
        // "Six am", but "I am".
        let hour = self.free().find(|at| {
            self.words[*at] == "am" && *at > 0 && text::number(&self.words[at - 1]).is_some()
        });
        let hour = hour.map(|at| self.words[at].clone());
        run.map(|run| (*run).to_owned()).or(hour).or_else(|| self.any_of(CONDITIONS))
    }

    /// "No more fan, switch it off", "we don't need the fan any more": takes what says so. "I don't
    /// need it off" says nothing of the kind.
    fn take_needless(&mut self) -> bool {
        let begins = |said: &Self, runs: &str| {
            let runs = runs.split(", ").filter_map(|run| Some((said.run_at(run)?, run.to_owned())));
            runs.min_by_key(|(at, run)| (*at, usize::MAX - run.len()))
        };
        let found = begins(self, NEEDLESS).or_else(|| {
            let need = begins(self, NO_NEED)?;
            let more = begins(self, NO_MORE).is_some() || need.1.contains("longer");
            (more || self.any_of(OFF).is_some()).then_some(need)
        });
        let Some((at, run)) = found else { return false };
        let part = self.parts[at];
        let next = self.word(at + run.split(' ').count());
        let on_or_off = |at: usize| has(ON, &self.words[at]) || has(OFF, &self.words[at]);
        let of_other = self.free().any(|at| self.parts[at] == part && on_or_off(at));
        if of_other || has("than to", next) || self.any_of(ON).is_some() {
            return false;
        }
        self.take_run(&run);
        self.take_any_run(NO_MORE);
        self.take("from of");
        true
    }

    /// The device that an order is for. "Dry the hall": a dryer, whatever else is called so.
    fn ordered(&mut self) -> Named {
        let named = self.named(self.names.actuators(), false);
        if let Named::One(mention) = &named {
            self.take_means(mention);
            return named;
        }
        let first = self.free().find(|at| !has(FILLERS, &self.words[*at]));
        let Some(first) = first.filter(|at| has("the my our up", self.word(at + 1))) else {
            return named;
        };
        // "Water the arena": its sprinkler, not its lights.
        let does = |index: &usize| self.does(*index, &self.words[first]);
        let doing: Vec<usize> = self.names.actuators().filter(does).collect();
        if let ([_], Named::One(mention)) = (doing.as_slice(), self.named_among(&doing, false)) {
            return Named::One(mention);
        }
        let mut verb = self.clone();
        let until = |at: &usize| !has("for with at to now please on off", self.word(*at));
        let object: Vec<usize> = (first + 1..self.words.len()).take_while(until).take(3).collect();
        for at in &object {
            verb.done[*at] = true;
        }
        match verb.named(self.names.actuators(), false) {
            Named::One(mention) if mention.as_verb == Some(first) => {
                self.done = verb.done;
                Named::One(mention)
            }
            _ => named,
        }
    }

    /// "Knead the dough with the mixer": what is done with a device that runs.
    fn take_means(&mut self, mention: &names::Mention) {
        let with = (1..self.words.len()).find(|at| has("with using", self.word(*at)));
        let Some(with) = with.filter(|at| {
            let article = usize::from(has("the my our that this", self.word(at + 1)));
            mention.at.contains(&(at + 1 + article))
        }) else {
            return;
        };
        let first = self.free().find(|at| !has(FILLERS, &self.words[*at]));
        let Some(first) = first.filter(|at| has("the my our some", self.word(at + 1))) else {
            return;
        };
        let known = |at: usize| words::is_known(&self.words[at]) && !has(FILLERS, &self.words[at]);
        let number = |at: usize| text::number(&self.words[at]).is_some();
        let short = (first + 3..=first + 5).contains(&with);
        if short && !(first..with).any(|at| known(at) || number(at)) {
            self.done[first..with].fill(true);
            self.means = true;
        }
    }

    /// Whether nothing but words that carry nothing stands before this.
    fn unsure_before(&self, at: usize) -> bool {
        self.words[..at].iter().all(|word| has(FILLERS, word))
    }

    /// The words that are not accounted for.
    fn unsure(&self) -> Vec<String> {
        let words = self.free().map(|at| self.words[at].clone());
        words.filter(|word| !has(FILLERS, word) && !self.names.is_place(word)).collect()
    }

    fn meaning(&self, meaning: Meaning) -> Spoken {
        Spoken { meaning, unsure: self.unsure() }
    }

    /// Whether a word that is not accounted for is a number.
    fn has_number(&self) -> bool {
        self.free().any(|at| text::number(&self.words[at]).is_some())
    }
}

//! A second look at a sentence that could not be read as a whole: one part of it may be an order,
//! with a story around it. What is found so never acts by itself; it is put before a person, with
//! the words that nothing was made of. What must never be here: a meaning without such words.

use std::ops::Range;
use std::rc::Rc;

use super::names::{Named, Names};
use super::units::is_any_unit;
use super::words::{ABOVE, BANS, BELOW, List, OFF, ON, has};
use super::{Body, Meaning, Said, Spoken, read, text, words};
use crate::config::Config;
use crate::limits;

/// What begins another part within a run of words.
const JOINTS: List = "\
    so because cos cause coz since as but and while or i i'm i've we we're we've she she's he \
    he's they they're it's there's";
/// What makes a condition or another time of any sentence. "Tonight" may be part of a reason.
const CONDITIONS: List = "\
    if unless when whenever until till once provided providing assuming supposing otherwise \
    else tomorrow later except case o'clock";
/// First words of a part that takes back, forbids or gives another choice.
const TAKING_BACK: List = "\
    but or nor wait stop leave scrap scratch forget cancel undo sorry oops actually rather \
    instead nope nah except unless although though only just correction abort";
/// Words of a part before an order that may forbid it.
const FORBIDDING: List = "\
    don't dont not never no refuse dare hate anything everything why whoever instead";
/// Words by which a short part says when, beside those of any condition.
const WHEN: List = "today sunset winter summer spring autumn week month weekend day rule";
/// Words of one who tells what somebody else thinks, says or wishes.
const OF_OTHERS: List = "\
    says said say told tells tell shouted shouts yelled wrote writes wants wanted wishes \
    wished reckons thinks thought claims suggested suggests asked asks would'd joked joking \
    kidding joke reads manual picture drill fired dare quit sue dreamt dreamed imagine suppose \
    supposedly maybe perhaps wonder wondering ought should";
/// Words of an order by how much, and not to what.
const RELATIVE: List = "\
    little bit less more slightly notch tad touch somewhat softer louder darker brighter \
    warmer cooler faster slower higher lower";
const TIMES: List = "s sec second seconds min minute minutes h hour hours d day days";
/// What mends what was said before it.
const MENDING: List = "sorry mistake meant oops wait correction";
/// What stands for a device that was named before.
const IT: List = "it that this";

/// What one part of a text orders; `None`: no part, or several that differ.
pub(super) fn look(text: &str, config: &Config, names: &Rc<Names>) -> Option<Spoken> {
    let pieces = pieces(text);
    if !(2..=limits::ASK_PARTS_MAX).contains(&pieces.len()) {
        return None;
    }
    let whole = Said::new(text, names);
    let stops = whole.harm().is_some()
        || whole.mocks().is_err()
        || whole.asks_what_to_do().is_err()
        || whole.supposes().is_err()
        || whole.asks_to_wait().is_some()
        || whole.any_of(CONDITIONS).is_some();
    let runs = pieces.len() * (pieces.len() + 1) / 2;
    if stops || runs * whole.words.len() * names.all().len() > limits::ASK_FITS_MAX {
        return None;
    }
    let text = Text::new(text, pieces, config, names);
    let mut found: Vec<(Range<usize>, Spoken)> = Vec::new();
    for length in (1..text.pieces.len()).rev() {
        for begin in 0..=text.pieces.len() - length {
            let run = begin..begin + length;
            let within = |(of, _): &(Range<usize>, _)| of.start <= run.start && run.end <= of.end;
            if !found.iter().any(within)
                && let Some(spoken) = text.order_in(&run)
            {
                found.push((run, spoken));
            }
        }
    }
    let understood = found.iter().any(|(_, spoken)| spoken.unsure.is_empty());
    found.retain(|(_, spoken)| !understood || spoken.unsure.is_empty());
    let (run, spoken) = found.first()?;
    if found.iter().any(|(_, other)| other.meaning != spoken.meaning) {
        return None;
    }
    let beside = text.beside(run, &spoken.meaning)?;
    let unsure = spoken.unsure.iter().cloned().chain(beside).collect();
    Some(Spoken { meaning: spoken.meaning.clone(), unsure })
}

/// Whether what is left over leaves something to be approved: not where it makes another order,
/// goal or mode of it.
///
/// # Errors
/// What is left over that does.
pub(super) fn may_be_shown(spoken: &Spoken) -> Result<(), String> {
    let Meaning::Do(body) = &spoken.meaning else { return Ok(()) };
    let left = &spoken.unsure;
    let any = |list: &str| left.iter().find(|word| has(list, word));
    let clock =
        |word: &&String| word.contains(':') && word.chars().all(|c| c == ':' || c.is_ascii_digit());
    let (word, why) = if let Some(word) = left.iter().find(clock).or_else(|| any(CONDITIONS)) {
        (word, "a condition or another time is a rule or a note")
    } else if let Some(word) = any(MENDING) {
        (word, "say the whole order once more")
    } else if let Some(word) = any(OF_OTHERS) {
        (word, "what somebody says or wishes is no order")
    } else if let Some(word) = any("hundred thousand") {
        (word, "say the number in digits")
    } else if let Body::Set { .. } = **body
        && let Some(found) = another_setting(left)
    {
        found
    } else {
        return Ok(());
    };
    Err(format!("`{word}`: {why}"))
}

/// What is left over of a setting that makes another one of it, and why.
fn another_setting(left: &[String]) -> Option<(&String, &'static str)> {
    let any = |list: &str| left.iter().find(|word| has(list, word));
    let number = |word: &&String| text::number(word).is_some_and(|number| number != 1.0);
    let other = left.iter().find(number).or_else(|| any("on off more less"));
    let vague = || any(RELATIVE).filter(|_| left.len() <= 3);
    // "2.5 kW" of a device that is not known to be set in watts.
    let is_unit = |word: &String| is_any_unit(word) && !has(TIMES, word);
    let unit = || left.first().filter(|word| is_unit(word));
    let alone = || left.first().filter(|word| left.len() == 1 && has("and but", word));
    other
        .map(|word| (word, "one device and one value at a time"))
        .or_else(|| Some((vague()?, "to what? say the value")))
        .or_else(|| Some((unit()?, "not a unit that this is set in")))
        .or_else(|| Some((alone()?, "one order at a time")))
}

/// Where the parts of a text stand that may be read by themselves.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut ended = true;
    let mut begin = 0;
    for word in text.split(char::is_whitespace) {
        let at = begin..begin + word.len();
        begin += word.len() + text[at.end..].chars().next().map_or(0, char::len_utf8);
        if word.is_empty() {
            continue;
        }
        let dash = has("- – —", word);
        let joins = has(JOINTS, &word.to_lowercase());
        if ended || joins || dash {
            found.push(at);
        } else if let Some(last) = found.last_mut() {
            last.end = at.end;
        }
        ended = dash || word.ends_with([',', ';', ':', '!', '?', '.', '…', ')']);
    }
    found
}

/// A text in parts.
struct Text<'a> {
    text: &'a str,
    pieces: Vec<Range<usize>>,
    /// The words of each part, and the device that they name.
    said: Vec<(Said, Option<usize>)>,
    config: &'a Config,
    names: &'a Rc<Names>,
}

impl<'a> Text<'a> {
    fn new(
        text: &'a str,
        pieces: Vec<Range<usize>>,
        config: &'a Config,
        names: &'a Rc<Names>,
    ) -> Self {
        let said = pieces.iter().map(|piece| {
            let said = Said::new(&text[piece.clone()], names);
            let device = said.named_device(false);
            (said, device)
        });
        let said = said.collect();
        Self { text, pieces, said, config, names }
    }

    /// What a run of parts orders by itself, or with the one device that the rest names.
    fn order_in(&self, run: &Range<usize>) -> Option<Spoken> {
        let part = &self.text[self.pieces[run.start].start..self.pieces[run.end - 1].end];
        let orders = |text: &str| {
            let read = read(text, self.config, self.names).ok();
            read.filter(|spoken| matches!(spoken.meaning, Meaning::Do(_)))
        };
        let spoken = orders(part);
        if spoken.is_some() || self.said[run.clone()].iter().any(|(_, device)| device.is_some()) {
            return spoken;
        }
        let mut words: Vec<&str> = part.split_whitespace().collect();
        let bare = |word: &&str| has(IT, word.trim_end_matches(|c: char| !c.is_alphanumeric()));
        let it = words.iter().position(bare)?;
        let mut named: Vec<usize> = self.said.iter().filter_map(|(_, device)| *device).collect();
        named.dedup();
        let [device] = named[..] else { return None };
        let device = self.config.actuators.get(device)?.name.replace('_', " ");
        words[it] = &device;
        orders(&words.join(" "))
    }

    /// The words beside an order, where none of them takes it back and no other device is named.
    fn beside(&self, run: &Range<usize>, meaning: &Meaning) -> Option<Vec<String>> {
        let mut beside = Vec::new();
        for at in (0..self.pieces.len()).filter(|at| !run.contains(at)) {
            let said = &self.said[at].0;
            // "I can't hear myself" takes nothing back.
            let first = said.words.iter().find(|word| !has("and so oh ok okay well please", word));
            let first = first.filter(|_| at >= run.end);
            let forbids = at < run.start && said.words.iter().any(|word| has(FORBIDDING, word));
            let takes_back = first.is_some_and(|word| {
                [TAKING_BACK, BANS, ON, OFF].iter().any(|list| has(list, word))
            });
            let of_others = said.words.iter().any(|word| has(OF_OTHERS, word));
            let other = match meaning {
                Meaning::Do(body) => match **body {
                    Body::Set { actuator, .. } => {
                        said.named_device(true).is_some_and(|at| at != usize::from(actuator.0))
                    }
                    _ => false,
                },
                _ => true,
            };
            // "Above 24 and below 16": half a goal would be another one.
            let bound = said.words.iter().any(|word| has(ABOVE, word) || has(BELOW, word));
            let stops = takes_back || forbids || said.tells_when();
            if stops || of_others || other || bound && said.has_number() {
                return None;
            }
            beside.extend(said.words.iter().cloned());
        }
        (!beside.is_empty()).then_some(beside)
    }
}

impl Said {
    /// Whether a part says a time or a length: "at six", "after closing", "for ten minutes".
    fn tells_when(&self) -> bool {
        let all = 0..self.words.len();
        let number = |at: usize| text::number(self.raw(at)).is_some();
        let at_six = |at: usize| has("at by in from until till", self.raw(at)) && number(at + 1);
        let short = all.len() <= 4
            && self.words.iter().any(|word| has(WHEN, word) || has(words::CONDITIONS, word));
        short || all.clone().any(|at| at_six(at) || self.length_at(at).is_some())
    }

    /// The one device that these words name, by all words of its name where `whole` asks for it.
    fn named_device(&self, whole: bool) -> Option<usize> {
        match self.named(self.names.actuators(), false) {
            Named::One(mention) if mention.whole || !whole => {
                Some(usize::from(self.names.id(mention.index).1))
            }
            _ => None,
        }
    }
}

//! A second look at a sentence that could not be read as a whole: one part of it may be an order,
//! with a story around it. What is found so never acts by itself; it is put before a person, with
//! the words that nothing was made of. What must never be here: a meaning without such words.

use std::ops::Range;

use super::names::Named;
use super::words::{ABOVE, BANS, BELOW, FILLERS, List, OFF, ON, has};
use super::{Body, Meaning, Said, Spoken, read};
use crate::config::Config;
use crate::limits;

/// What begins another part within a run of words.
const JOINTS: List = "so because cos cause coz since as but and while or";
/// First words of a part that takes back, forbids or gives another choice.
const TAKING_BACK: List = "\
    but or nor wait stop leave scrap scratch forget cancel undo sorry oops actually rather \
    instead nope nah except unless although though only just correction abort";
/// Words of one who tells what somebody else thinks, says or wishes.
const OF_OTHERS: List = "\
    says said say told tells tell shouted shouts yelled wrote writes wants wanted wishes wished \
    reckons thinks thought claims suggested suggests asked asks would'd joked joking kidding \
    joke dreamt dreamed imagine suppose supposedly maybe perhaps wonder wondering ought should";
/// What stands for a device that was named before.
const IT: List = "it that this";

/// What one part of a text orders; `None`: no part, or several that differ.
pub(super) fn look(text: &str, config: &Config) -> Option<Spoken> {
    let whole = Said::new(text, config);
    let stops = whole.harm().is_some()
        || whole.mocks().is_err()
        || whole.asks_what_to_do().is_err()
        || whole.supposes().is_err()
        || whole.asks_to_wait().is_some()
        || whole.condition().is_some();
    let pieces = pieces(text);
    if stops || !(2..=limits::ASK_PARTS_MAX).contains(&pieces.len()) {
        return None;
    }
    let mut found: Vec<(Range<usize>, Spoken)> = Vec::new();
    for length in (1..=pieces.len()).rev() {
        for begin in 0..=pieces.len() - length {
            let run = begin..begin + length;
            let within = |(of, _): &(Range<usize>, _)| of.start <= run.start && run.end <= of.end;
            if !found.iter().any(within)
                && let Some(spoken) = order_in(text, &pieces, &run, config)
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
    let beside = rest(text, &pieces, run, &spoken.meaning, config)?;
    let unsure = spoken.unsure.iter().cloned().chain(beside).collect();
    Some(Spoken { meaning: spoken.meaning.clone(), unsure })
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

/// What a run of parts orders by itself, or with the one device that the rest names.
fn order_in(
    text: &str,
    pieces: &[Range<usize>],
    run: &Range<usize>,
    config: &Config,
) -> Option<Spoken> {
    let part = &text[pieces[run.start].start..pieces[run.end - 1].end];
    let orders = |text: &str| {
        read(text, config).ok().filter(|spoken| matches!(spoken.meaning, Meaning::Do(_)))
    };
    let short = run.len() < pieces.len();
    if short && let Some(spoken) = orders(part) {
        return Some(spoken);
    }
    let mut words: Vec<&str> = part.split_whitespace().collect();
    let bare = |word: &&str| has(IT, word.trim_end_matches(|c: char| !c.is_alphanumeric()));
    let it = words.iter().position(bare)?;
    if !short || Said::new(part, config).named_device(false).is_some() {
        return None;
    }
    let device = rest_of(text, pieces, run).iter().find_map(|part| {
        let index = Said::new(part, config).named_device(false)?;
        Some(config.actuators.get(index)?.name.replace('_', " "))
    })?;
    words[it] = &device;
    orders(&words.join(" "))
}

/// The text before and behind a run.
fn rest_of<'a>(text: &'a str, pieces: &[Range<usize>], run: &Range<usize>) -> [&'a str; 2] {
    let (first, last) = (pieces[run.start].start, pieces[run.end - 1].end);
    [&text[..first], &text[last..]]
}

/// The words beside an order, where none of them takes it back and no other device is named.
fn rest(
    text: &str,
    pieces: &[Range<usize>],
    run: &Range<usize>,
    meaning: &Meaning,
    config: &Config,
) -> Option<Vec<String>> {
    let others = (0..pieces.len()).filter(|at| !run.contains(at));
    let mut beside = Vec::new();
    for part in others.map(|at| &text[pieces[at].clone()]) {
        let said = Said::new(part, config);
        let first = said.words.iter().find(|word| !has(FILLERS, word) && !has("and so", word));
        let takes_back = first
            .is_some_and(|word| [TAKING_BACK, BANS, ON, OFF].iter().any(|list| has(list, word)));
        let of_others = said.words.iter().any(|word| has(OF_OTHERS, word));
        let other = match meaning {
            Meaning::Do(body) => match **body {
                Body::Set { actuator, .. } => {
                    said.named_device(true).is_some_and(|index| index != usize::from(actuator.0))
                }
                _ => false,
            },
            _ => true,
        };
        // "Above 24 and below 16": half a goal would be another one.
        let bound = said.words.iter().any(|word| has(ABOVE, word) || has(BELOW, word));
        let other = other || bound && said.has_number();
        if takes_back || of_others || other {
            return None;
        }
        beside.extend(said.words);
    }
    (!beside.is_empty()).then_some(beside)
}

impl Said {
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

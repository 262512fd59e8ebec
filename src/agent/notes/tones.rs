//! What the words around a device's name in a note say of it: that it is wanted, or not. What must
//! never be here: conditions, what is made of several devices together.

use super::said::{Mention, Said};
use super::unread::LEADS;
use super::wording::{
    ACTS, BEHIND, BETTER, FILLERS, INSTEAD, LASTLY, LEAVES, MUST, NOT, QUIET, RESTS, SECONDS,
    SENSELESS, SERVES, SPARES, TAKES,
};
use crate::agent::spoken::has;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tone {
    Take,
    Leave,
    /// Wanted where the condition does not hold.
    Else,
    /// A ban that is turned round: `never keep it off`.
    Unclear,
}

/// How far words are looked at from a name.
pub(super) const REACH_WORDS: usize = 7;

/// What is said of the words from `at` to `end`, by those before and behind them.
pub(super) fn tone(said: &Said, mentions: &[Mention], at: usize, end: usize) -> Option<Tone> {
    let before = before(said, mentions, at);
    if before == Some(Tone::Unclear) {
        return before;
    }
    // "Not using the fan is a shame".
    let regrets = || {
        (end..said.words.len().min(end + 4))
            .any(|at| has(SENSELESS, &said.words[at]) && said.joins(end - 1, at))
    };
    if before == Some(Tone::Leave) && (is_at_rest(said, at, end) || regrets()) {
        return Some(Tone::Unclear);
    }
    if matches!(before, Some(Tone::Leave | Tone::Else)) {
        return before;
    }
    // What follows may turn a wish round: "with the fan off".
    let after = behind(said, mentions, at, end);
    let not = end < said.words.len() && has(NOT, &said.words[end]);
    if before.is_some()
        && after == Some(Tone::Leave)
        && not
        && said.done.get(end + 1) == Some(&true)
    {
        return Some(Tone::Unclear);
    }
    after
        .or(before)
        .or_else(|| apart(said, mentions, end))
        .or_else(|| far_behind(said, mentions, end))
}

/// `Fan: hands off`, `fan - never on Sundays`: what the clause behind a name begins with.
fn apart(said: &Said, mentions: &[Mention], end: usize) -> Option<Tone> {
    // "Fan while it rains: forbidden".
    let joins = |at: &usize| {
        said.breaks_after(at - 1) == 0
            && (said.done[*at] || has(FILLERS, &said.words[*at]) || has(LEADS, &said.words[*at]))
    };
    let end = (end..said.words.len()).take_while(joins).last().map_or(end, |at| at + 1);
    let is_apart = [1, 3].contains(&said.breaks_after(end - 1));
    let skips = |at: &usize| said.done[*at] || has("please is to be", &said.words[*at]);
    let at = (end..said.words.len()).find(|at| !skips(at)).filter(|_| is_apart)?;
    let ends = (at..said.words.len()).find(|at| said.breaks_after(*at) > 0)?;
    // It is about the next name where one is there.
    if mentions.iter().any(|one| (end..=ends).contains(&one.at)) {
        return None;
    }
    let word = said.words[at].as_str();
    let is_left = has(NOT, word) || has(RESTS, word) && !has("itself wait", word);
    let next = said.words.get(at + 1).map_or("", String::as_str);
    // "Not bad", "no idea": only where a condition, a verb or nothing follows.
    let bare = at == ends
        || said.done[at + 1]
        || has("at on in between from after before while when if during to once as with", next)
        || has("whenever until till since", next)
        || has("use run start touch switch open allowed wanted needed be used", next);
    (is_left && bare).then_some(Tone::Leave)
}

/// `The fan has a bent blade and is not to be used`.
fn far_behind(said: &Said, mentions: &[Mention], end: usize) -> Option<Tone> {
    let next = mentions.iter().map(|one| one.at).find(|at| *at >= end);
    let last = next.unwrap_or(said.words.len());
    let of = |at: usize| said.words.get(at).map_or("", String::as_str);
    let is_ban = |at: &usize| {
        let verb = if of(at + 1) == "to" { at + 2 } else { at + 1 };
        has(NOT, of(*at)) && of(verb) == "be" && next.is_none_or(|next| next > verb + 3)
    };
    let found = (end..last).find(is_ban)?;
    (end == 0 || said.same_sentence(end - 1, found)).then_some(Tone::Leave)
}

fn before(said: &Said, mentions: &[Mention], at: usize) -> Option<Tone> {
    let mut clean = true;
    for back in 1..=REACH_WORDS {
        let here = at.checked_sub(back)?;
        // What a condition was made of ends it: "while it is not raining".
        if said.done[here]
            || said.breaks_after(here) > 0
            || mentions.iter().any(|one| (one.at..one.end).contains(&here))
        {
            return None;
        }
        if let Some(tone) = told_before(said, mentions, here, clean) {
            return Some(tone);
        }
        clean &= has(FILLERS, &said.words[here]);
        if !clean && back > 4 {
            return None;
        }
    }
    None
}

/// What a word before a name says of it; `clean`: nothing but fillers stands between.
fn told_before(said: &Said, mentions: &[Mention], here: usize, clean: bool) -> Option<Tone> {
    let word = said.words[here].as_str();
    let last = here.checked_sub(1).map_or("", |last| said.words[last].as_str());
    let is_second =
        || mentions.iter().any(|one| one.end <= here && said.same_sentence(one.at, here));
    if ["else", "otherwise"].contains(&word) {
        return Some(Tone::Else);
    }
    if word == LASTLY || word == "off" && ["hands", "keep"].contains(&last) {
        return Some(Tone::Leave);
    }
    let stops = here.checked_sub(1).is_some_and(|last| has(SPARES, &said.words[last]));
    if has(SPARES, word) && clean && (is_turned(said, here, 0) || stops) {
        return Some(Tone::Unclear);
    }
    // "Not as good as the fan" says nothing of what is wanted.
    if has(NOT, word) && ["as", "so"].contains(&said.words[here + 1].as_str()) {
        return None;
    }
    if has(NOT, word) && is_turned_twice(said, mentions, here) {
        return Some(Tone::Unclear);
    }
    if word == "of" && has(INSTEAD, last) || has(NOT, word) || (has(SPARES, word) && clean) {
        return Some(Tone::Leave);
    }
    if word == "yields" && is_second() {
        return Some(Tone::Take);
    }
    if has(BEHIND, word) && is_second() {
        let is_compared = match word {
            "to" => prefers(said, here),
            "than" => is_better(said, here),
            _ => true,
        };
        if is_compared {
            return Some(Tone::Leave);
        }
    }
    if word == "after" && ["it", "them", "that"].contains(&said.words[here + 1].as_str()) {
        return Some(Tone::Leave);
    }
    if let Some(tone) = exchanged(said, here) {
        return Some(tone);
    }
    // "Together with the fan" is no wish for it.
    if word == "with" && has("together along up combined", last) {
        return None;
    }
    if has(TAKES, word) && clean && is_otherwise(said, here) {
        return Some(Tone::Else);
    }
    if has(TAKES, word) && clean {
        // "Do not heat with the lamp": one verb may stand between.
        let verbs = usize::from(["with", "by", "using"].contains(&word));
        let compared = last == "than" && is_better(said, here - 1);
        let instead = last == "of" && here > 1 && has(INSTEAD, &said.words[here - 2]);
        if compared || instead {
            return Some(Tone::Leave);
        }
        return Some(if is_turned(said, here, verbs) { Tone::Leave } else { Tone::Take });
    }
    None
}

/// Whether a ban is turned round by another before it: `no fan without the vent`.
fn is_turned_twice(said: &Said, mentions: &[Mention], here: usize) -> bool {
    let mut back = (here.saturating_sub(REACH_WORDS)..here)
        .rev()
        .take_while(|at| said.breaks_after(*at) == 0 && !said.done[*at]);
    let named = mentions.iter().any(|one| one.end <= here && said.joins(one.at, here));
    let without = said.words[here] == "without" && named;
    let than = here > 0 && said.words[here - 1] == "than";
    without || than || back.any(|at| has(NOT, &said.words[at]))
}

/// `Switch from the fan to the vent`, `swap the fan for the vent`, `leave the work to the vent`.
fn exchanged(said: &Said, here: usize) -> Option<Tone> {
    let word = said.words[here].as_str();
    let mut back = (here.saturating_sub(REACH_WORDS)..here)
        .rev()
        .take_while(|at| said.breaks_after(*at) == 0)
        .map(|at| said.words[at].as_str());
    let found = match word {
        "from" => back.any(|it| has("switch change swap move go over", it)).then_some(Tone::Leave),
        "to" => back.any(|it| has("from leave leaves hand", it)).then_some(Tone::Take),
        "for" => back.any(|it| has("swap exchange", it)).then_some(Tone::Take),
        "swap" | "exchange" => Some(Tone::Leave),
        _ => None,
    };
    found.filter(|_| !is_turned(said, here, 2))
}

/// Whether what a `than` compares is what is wanted: `rather`, and not `louder`.
fn is_better(said: &Said, than: usize) -> bool {
    let is_positive = |at: usize| {
        let worse = at > 0 && has("less no not never", &said.words[at - 1]);
        has(BETTER, &said.words[at]) && !worse && said.words[at] != "less"
    };
    let same = |at: &usize| said.breaks_after(*at) < 2;
    let mut back = (0..than).rev().take_while(same);
    // "Louder than" compares by itself.
    let last = than.checked_sub(1).map_or("", |last| said.words[last].as_str());
    let other = last.len() > 4 && last.ends_with("er") && !has(BETTER, last) && !is_name_like(last);
    !other && back.any(is_positive)
}

/// Words in `-er` that are no comparison.
fn is_name_like(word: &str) -> bool {
    has("heater cooler dryer boiler blower burner mister fogger charger extractor never over", word)
}

/// Whether a ban stands before a name and what leaves it behind: `never keep the fan off`.
fn is_at_rest(said: &Said, at: usize, end: usize) -> bool {
    let is_led = (at.saturating_sub(3)..at).any(|here| has(LEAVES, &said.words[here]));
    let rests = said.words.get(end).is_some_and(|word| has(RESTS, word));
    is_led && rests && said.breaks_after(end - 1) == 0
}

/// Whether `prefer` stands before a `to`.
fn prefers(said: &Said, to: usize) -> bool {
    let verbs = "prefer prefers preferred preferable preference";
    (0..to).any(|at| has(verbs, &said.words[at]) && said.same_sentence(at, to))
}

/// Whether `else` or `otherwise` stands before a word: `else with the fan`.
fn is_otherwise(said: &Said, at: usize) -> bool {
    let mut back = (0..at).rev().take_while(|here| said.breaks_after(*here) == 0);
    let found = back.find(|here| !has(FILLERS, &said.words[*here]));
    found.is_some_and(|here| ["else", "otherwise"].contains(&said.words[here].as_str()))
}

/// Whether a word is turned round by one before it: `do not ever use`.
fn is_turned(said: &Said, at: usize, mut verbs: usize) -> bool {
    for back in 1..=4 {
        let Some(here) = at.checked_sub(back) else { return false };
        if said.breaks_after(here) > 0 || said.done[here] {
            return false;
        }
        let word = said.words[here].as_str();
        if has(NOT, word) || has(SENSELESS, word) || has("stop refrain refraining quit", word) {
            return true;
        }
        if !has(FILLERS, word) && word != "from" {
            if verbs == 0 {
                return false;
            }
            verbs -= 1;
        }
    }
    false
}

fn behind(said: &Said, mentions: &[Mention], at: usize, end: usize) -> Option<Tone> {
    let is_name = |here: usize| mentions.iter().any(|one| one.at == here);
    let begins = at == 0 || said.breaks_after(at - 1) > 0 || has("and but", &said.words[at - 1]);
    for here in end..said.words.len().min(end + REACH_WORDS) {
        if said.breaks_after(here - 1) > 0 || is_name(here) {
            return None;
        }
        let word = said.words[here].as_str();
        let next = said.words.get(here + 1).map_or("", String::as_str);
        if has(NOT, word) || has("rather instead before over", word) {
            return turned_behind(said, mentions, at, here);
        }
        // "Only after it", "is too loud".
        if word == "only" && has("after behind", next) || word == "too" {
            return Some(Tone::Leave);
        }
        let leads =
            |back: usize| at.checked_sub(back).is_some_and(|at| has(LEAVES, &said.words[at]));
        let is_led = (1..=2).any(leads);
        if has(QUIET, word) {
            let bound = (end..here).any(|at| has(MUST, &said.words[at]));
            return (is_led || bound).then_some(Tone::Leave);
        }
        if has(RESTS, word) {
            // "Skylight shut while it rains", and no "skylight shut?".
            let curt = begins && said.breaks_after(here) < 3 && word != "itself";
            let bound =
                word == "off" || here > end || is_led || curt || has("forbidden yields", word);
            return bound.then_some(Tone::Leave);
        }
        if has(SECONDS, word) {
            let ends = said.breaks_after(here) > 0 || has("choice after behind only to", next);
            return ends.then_some(Tone::Leave);
        }
        if ["on", "open", "running"].contains(&word) && is_led {
            return Some(Tone::Take);
        }
        if has("does do", word) && has(NOT, next) {
            continue;
        }
        if has(SENSELESS, word) {
            return Some(Tone::Leave);
        }
        let ends = || {
            let rest = (here + 1..said.words.len()).take_while(|at| said.breaks_after(at - 1) == 0);
            let mut rest = rest.take_while(|at| !is_name(*at));
            let bare = |word: &str| has(FILLERS, word) || has(NOT, word);
            rest.all(|at| said.done[at] || bare(&said.words[at]))
        };
        if word == "on" && here == end && begins && !said.done[here] && ends() {
            return Some(Tone::Take);
        }
        if has(SERVES, word) {
            // "Is to be taken", not "is taken apart".
            let passive = ["used", "taken", "wanted", "run"].contains(&word);
            // "Can do it", not "does less so".
            let ends = said.breaks_after(here) > 0 || has("it the for", next) || next.is_empty();
            let verb = ["does", "do"].contains(&word) && !ends;
            return (!verb && (!passive || said.words[here - 1] == "be")).then_some(Tone::Take);
        }
        if !has(FILLERS, word) {
            return None;
        }
    }
    None
}

/// A `not`, an `instead` or the like behind a name: of it, or of the next name.
fn turned_behind(said: &Said, mentions: &[Mention], at: usize, here: usize) -> Option<Tone> {
    let is_name = |here: usize| mentions.iter().any(|one| one.at == here);
    let word = said.words[here].as_str();
    // It may be about the next name: "the vent, not the fan", "the vent before the fan".
    let passes = |next: &usize| {
        let word = said.words[*next].as_str();
        is_name(*next) || !has("than by with use", word) && !has(FILLERS, word)
    };
    let next = (here + 1..said.words.len()).find(passes);
    // "While it is not raining" is a condition.
    let is_condition = |next: usize| said.done[next] && !is_name(next);
    if said.words[at].starts_with("it") && next.is_some_and(is_condition) {
        return None;
    }
    let of_next = next.is_some_and(is_name) && said.breaks_after(here) == 0;
    match (has(NOT, word), of_next) {
        (true, true) => None,
        (true, false) => {
            // "May not be left off".
            let rest = &said.words[here + 1..said.words.len().min(here + 4)];
            let left = rest.iter().any(|word| has(RESTS, word));
            let modal = "must should shall may ought mustn't shouldn't cannot can't";
            let has_modal = (at..=here).any(|at| has(modal, &said.words[at]));
            let banned = has_modal || is_banned(said, here);
            if left { Some(Tone::Unclear) } else { banned.then_some(Tone::Leave) }
        }
        (false, true) => Some(Tone::Take),
        (false, false) if word == "instead" || word == "rather" => Some(Tone::Take),
        (false, false) => None,
    }
}

/// Whether a `not` behind a name forbids: `is not to be used`, `not at night`, and not `not loud`.
fn is_banned(said: &Said, not: usize) -> bool {
    let next = (not..said.words.len())
        .find(|at| said.breaks_after(*at) > 0 || *at > not && !has(FILLERS, &said.words[*at]));
    next.is_none_or(|at| {
        at == not
            || said.done[at]
            || has(FILLERS, &said.words[at])
            || has(ACTS, &said.words[at])
            || has(
                "at on in between from after before while when if during until till",
                &said.words[at],
            )
    })
}

/// A name that only `and`, `or` or a comma stands before, behind another: what is said of that one.
pub(super) fn joined(
    said: &Said,
    mentions: &[Mention],
    number: usize,
    last: Option<Tone>,
) -> Option<Tone> {
    let (one, two) = (&mentions[number.checked_sub(1)?], &mentions[number]);
    let between = &said.words[one.end..two.at];
    let is_link = |word: &String| has("and or nor", word);
    // "The vent, the fan and the hatch", not "forget the vent, the fan!".
    let is_list = mentions.get(number + 1).is_some_and(|next| {
        let rest = &said.words[two.end..next.at];
        rest.iter().any(is_link) && rest.iter().all(|word| is_link(word) || has("the a any", word))
    });
    if !between.iter().any(is_link) && !is_list {
        return None;
    }
    let bare = between.iter().all(|word| is_link(word) || has("the a any also", word));
    // A comma and an article begin something else.
    let bare = bare && (between.is_empty() || between.iter().any(is_link));
    last.filter(|_| bare && said.same_sentence(one.at, two.at))
}

/// `The fan only as a last resort`, `the fan only if the vent cannot cope`: what stands in the same
/// clause is not wanted, and what does not suffice is.
pub(super) fn spares(said: &Said, mentions: &[Mention], tones: &mut [Option<Tone>]) {
    for at in (0..said.words.len()).filter(|at| said.words[*at] == LASTLY) {
        let same = |one: &Mention| {
            let (from, to) = (one.end.min(at), at.max(one.at));
            (from.saturating_sub(usize::from(from > 0))..to).all(|at| said.breaks_after(at) == 0)
        };
        let weak = (at + 1..said.words.len()).take_while(|here| said.is_aside(*here)).count();
        let end = at + 1 + weak;
        // "And only if that is not enough the fan", "the fan only if that is not enough".
        let ahead = mentions.iter().position(|one| (end..end + 3).contains(&one.at) && same(one));
        let back = || mentions.iter().rposition(|one| one.end <= at && same(one));
        let near = ahead.or_else(back);
        // "If the vent cannot cope, the fan": it leads its sentence.
        let leads = || {
            let behind = |one: &&Mention| one.at > at && said.same_sentence(at, one.at);
            let free = |one: &&Mention| one.at >= end;
            let next = mentions.iter().filter(behind).find(free)?;
            mentions.iter().position(|one| one == next)
        };
        if let Some(number) = near.or_else(leads) {
            tones[number] = Some(Tone::Leave);
        }
        // What does not suffice comes first.
        for (number, one) in mentions.iter().enumerate() {
            if (at + 1..end).contains(&one.at) {
                tones[number] = Some(Tone::Take);
            }
        }
    }
}

/// `The vent, not the fan`: what stands right before one that is not wanted is.
pub(super) fn opposed(said: &Said, mentions: &[Mention], tones: &mut [Option<Tone>]) {
    for number in 1..mentions.len() {
        let (one, two) = (&mentions[number - 1], &mentions[number]);
        // "The vent at night instead of the fan".
        let links = [NOT, FILLERS, "but instead of before over rather than"];
        let link = |at: usize| said.done[at] || links.iter().any(|list| has(list, &said.words[at]));
        let bare = (one.end..two.at).all(link);
        let is_left = tones[number] == Some(Tone::Leave) && tones[number - 1].is_none();
        // "I feel safer with the lamp than with the heater".
        let between = one.end..two.at;
        let more = said.words[between.clone()].iter().any(|word| word == "than")
            && between.clone().all(|at| said.breaks_after(at) == 0)
            && !said.words[between].iter().any(|word| has(NOT, word));
        // "The fan and the vent are too weak".
        let between = &said.words[one.end..two.at];
        let listed = between.iter().any(|word| has("and or", word))
            && between.iter().all(|word| has("and or the a any both", word));
        if is_left && (bare || more) && said.same_sentence(one.at, two.at) {
            tones[number - 1] = Some(if listed { Tone::Leave } else { Tone::Take });
        }
    }
}

/// `The lamp is cracked, do not use it`: what is said of `it` is said of the name before, of which
/// nothing else is said.
pub(super) fn pronouns(said: &Said, mentions: &[Mention], tones: &mut [Option<Tone>]) {
    let verbs = "use used run touch start started switch do in please thanks";
    for at in 0..said.words.len() {
        let Some(last) = mentions.iter().rposition(|one| one.end <= at) else { continue };
        let end = (at..said.words.len()).find(|here| said.breaks_after(*here) > 0);
        // "So please not at night".
        let mut back = (0..at).rev().take_while(|here| said.breaks_after(*here) == 0);
        let begins = back.all(|here| has("do so please but and then therefore", &said.words[here]));
        let bare = |word: &str| has(verbs, word) || has(FILLERS, word);
        let only = |at: usize| said.done[at] || bare(&said.words[at]);
        let bare = end.is_some_and(|end| {
            let named = mentions.iter().any(|one| (at..=end).contains(&one.at));
            !named && (at + 1..=end).all(only)
        });
        if tones[last].is_none() && begins && bare && has(NOT, &said.words[at]) {
            tones[last] = Some(Tone::Leave);
        }
    }
    for at in 0..said.words.len() {
        let Some(last) = mentions.iter().rposition(|one| one.end <= at) else { continue };
        let behind_it = at > 0 && said.words[at - 1] == "after";
        let meant = has("it it's that them these this both", &said.words[at]);
        // "It is repaired, use it again" only allows it.
        let again = said.words.get(at + 1).is_some_and(|word| word == "again");
        if behind_it || again || tones[last].is_some() || !meant {
            continue;
        }
        let end = at + 1 + usize::from(said.words.get(at + 1).is_some_and(|word| word == "one"));
        let found = before(said, mentions, at).or_else(|| {
            let behind = behind(said, mentions, at, end);
            behind.filter(|tone| *tone == Tone::Leave)
        });
        // "The mat is kinder than the lamp, so take that": the one that is compared.
        let compared = last > 0
            && said.words[mentions[last - 1].end..mentions[last].at].iter().any(|it| it == "than");
        tones[last - usize::from(compared && tones[last - 1].is_none())] = found;
    }
}

//! Words as they were meant: a small word with two letters exchanged or one doubled, or as people
//! pronounce it. What must never be here: a negation, a word that turns something on or off, a
//! name of the configuration.

use super::names::Names;
use super::text::Word;
use super::words::{List, has, is_known};

/// Words that say nothing of what is wanted, or how long. None of them becomes a negation, or
/// comes from one, by a slip.
const SMALL: List = "\
    the and with this that from please you your our could would into just some for turn switch \
    minute minutes second seconds hour hours now";
/// What looks like a slip of these and is a word of its own.
const OTHERS: List = "fro form thee now";
/// What people say in one word, and its words; and what they misspell that is no other word.
const PRONOUNCED: &[(&str, &str)] = &[
    ("gimme", "give me"),
    ("lemme", "let me"),
    ("wanna", "want to"),
    ("gonna", "going to"),
    ("gotta", "got to"),
    ("getcha", "get you"),
    ("wouldja", "would you"),
    ("couldja", "could you"),
    ("wouldya", "would you"),
    ("couldya", "could you"),
    ("ya", "you"),
    ("yer", "your"),
    ("plz", "please"),
    ("quater", "quarter"),
    ("qarter", "quarter"),
    ("quaters", "quarters"),
    ("fourty", "forty"),
    ("ninty", "ninety"),
    ("hunderd", "hundred"),
    ("hundered", "hundred"),
    ("precent", "percent"),
    ("percant", "percent"),
    ("minuts", "minutes"),
    ("hlaf", "half"),
    ("haf", "half"),
    ("lite", "light"),
    ("dont", "don't"),
    ("doesnt", "doesn't"),
    ("isnt", "isn't"),
    ("cant", "can't"),
    ("didnt", "didn't"),
    ("teh", "the"),
    ("wich", "which"),
    ("whats", "what's"),
    ("hows", "how's"),
    ("pleeease", "please"),
    ("pleease", "please"),
    ("plese", "please"),
    ("pleas", "please"),
    ("opne", "open"),
    ("colse", "close"),
    ("percnt", "percent"),
    ("im", "i'm"),
    ("ive", "i've"),
    ("becasue", "because"),
    ("becuase", "because"),
    ("beacuse", "because"),
    ("kep", "keep"),
    ("u", "you"),
    ("ur", "your"),
    ("ppl", "people"),
    ("htr", "heater"),
    ("pmp", "pump"),
    ("fltr", "filter"),
    ("vlv", "valve"),
    ("mxr", "mixer"),
    ("shd", "should"),
    ("cld", "could"),
    ("wld", "would"),
    ("mst", "must"),
    ("stp", "stop"),
    ("trn", "turn"),
    ("strt", "start"),
    ("rn", "right now"),
    ("runing", "running"),
    ("swich", "switch"),
    ("swtich", "switch"),
    ("nobody'll", "nobody will"),
];
/// Those that may tell what somebody does himself, and the verbs by which they wish.
const INTENDING: List = "wanna gonna";
const WISHED: List = "have need want see get know";
/// What "one" behind "that" counts, if it counts: "that one hour".
const COUNTED: List = "\
    hundred thousand point and s sec second min minute h hr hour percent half quarter third \
    more";
/// Words of a share, behind which a swapped "of" is no "for": "half fo an hour".
const SHARES: List = "half quarter quarters third thirds couple";

/// The words, each as it was meant.
pub(super) fn mended(said: Vec<Word>, names: &Names) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::with_capacity(said.len());
    for (at, (word, part)) in said.iter().enumerate() {
        let before = found.last().map_or("", |(word, _)| word.as_str());
        let next = said.get(at + 1).filter(|(_, other)| other == part);
        let next = next.map_or("", |(word, _)| word.as_str());
        // "That one" is no number.
        let or = next == "or" || at > 1 && said[at - 2].0 == "or";
        let counts = or || has(COUNTED, next) || next.ends_with('s') && next.len() > 3;
        if word == "one" && has("that this", before) && !counts {
            continue;
        }
        // "I can not see".
        if word == "not" && before == "can" && found.last().is_some_and(|one| one.1 == *part) {
            found.pop();
            found.push(("cannot".to_owned(), *part));
            continue;
        }
        // "No one's there".
        if has("one one's", word)
            && before == "no"
            && found.last().is_some_and(|one| one.1 == *part)
        {
            found.pop();
            found.push((word.replace("one", "nobody"), *part));
            continue;
        }
        if names.has(word) || names.is_place(word) || is_known(word) {
            found.push((word.clone(), *part));
            continue;
        }
        let meant = match PRONOUNCED.iter().find(|(one, _)| one == word && !names.is_own(one)) {
            Some((_, words)) if !has(INTENDING, word) || has(WISHED, next) => words,
            Some((word, _)) => word,
            None if word == "fo" && !has(SHARES, before) => "for",
            None => {
                let small = SMALL.split_ascii_whitespace().find(|small| slips(word, small));
                let near = || names.slip_beside(word, [before, next]);
                small.or_else(|| names.swapped(word)).or_else(near).unwrap_or(word)
            }
        };
        found.extend(meant.split(' ').map(|word| (word.to_owned(), *part)));
    }
    found
}

/// The one letter, or two, that a word has otherwise than the word that is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Slip {
    /// Two neighbours exchanged.
    Swapped,
    LeftOut,
    /// Said twice.
    Doubled,
    Added,
    /// One vowel for another.
    Vowel,
    Wrong,
}

/// By which slip one word stands for another; `None` where it takes more than one, or none.
pub(super) fn slip(said: &str, meant: &str) -> Option<Slip> {
    let (one, other): (Vec<char>, Vec<char>) = (said.chars().collect(), meant.chars().collect());
    let head = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let before = head.checked_sub(1).map(|at| one[at]);
    match (&one[head..], &other[head..]) {
        (one, [_, rest @ ..]) if one == rest => Some(Slip::LeftOut),
        ([more, rest @ ..], other) if rest == other => match before == Some(*more) {
            true => Some(Slip::Doubled),
            false => Some(Slip::Added),
        },
        ([a, b, rest @ ..], [c, d, same @ ..]) if a == d && b == c && rest == same => {
            Some(Slip::Swapped)
        }
        ([a, rest @ ..], [b, same @ ..]) if rest == same => {
            match [a, b].iter().all(|one| "aeiou".contains(**one)) {
                true => Some(Slip::Vowel),
                false => Some(Slip::Wrong),
            }
        }
        _ => None,
    }
}

/// Whether a small word has two neighbouring letters exchanged, or one of them doubled.
fn slips(said: &str, small: &str) -> bool {
    let found = || slip(said, small);
    !has(OTHERS, said) && matches!(found(), Some(Slip::Swapped | Slip::Doubled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter_and_nothing_more() {
        let all = [
            ("teh", "the", Some(Slip::Swapped)),
            ("hte", "the", Some(Slip::Swapped)),
            ("intke", "intake", Some(Slip::LeftOut)),
            ("dampr", "damper", Some(Slip::LeftOut)),
            ("halll", "hall", Some(Slip::Doubled)),
            ("hallo", "hall", Some(Slip::Added)),
            ("xhall", "hall", Some(Slip::Added)),
            ("suger", "sugar", Some(Slip::Vowel)),
            ("sugar", "sugas", Some(Slip::Wrong)),
            ("hall", "hall", None),
            ("", "", None),
            ("a", "bcd", None),
            ("jää", "jäää", Some(Slip::LeftOut)),
        ];
        for (said, meant, wanted) in all {
            assert_eq!(slip(said, meant), wanted, "{said} {meant}");
        }
    }
}

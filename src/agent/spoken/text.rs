//! A text as words: lower case, numbers in words made numbers, and which part between commas a word
//! stands in. What must never be here: what a word means for a device.

use super::words::has;

/// A word, and the number of the part between commas that it stands in.
pub(super) type Word = (String, usize);

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<Word> {
    counted(&pieces(text))
}

/// The words, with numbers in words made numbers.
pub(super) fn counted(pieces: &[Word]) -> Vec<Word> {
    let mut words = Vec::with_capacity(pieces.len());
    let mut at = 0;
    while at < pieces.len() {
        let part = pieces[at].1;
        let here = pieces[at..].iter().take_while(|(_, other)| *other == part);
        let here: Vec<&str> = here.map(|(word, _)| word.as_str()).collect();
        let before = words.last().map_or("", |(word, _): &Word| word.as_str());
        let (word, taken) = match number_of(&here).or_else(|| bare(&here, before)) {
            Some((number, taken)) => (number.to_string(), taken),
            None => (pieces[at].0.clone(), 1),
        };
        words.push((word, part));
        at += taken;
    }
    words
}

/// "Hundred percent": not "some hundred", nor "hundred twenty".
fn bare(words: &[&str], before: &str) -> Option<(f64, usize)> {
    let scale = match *words.first()? {
        "hundred" => 100.0,
        "thousand" => 1_000.0,
        _ => return None,
    };
    let led = number(before).is_some()
        || has("some few couple several many point half third quarter and", before);
    (!led && number_of(&words[1..]).is_none()).then_some((scale, 1))
}

/// What stands between quotation marks.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split(['"', '“', '”', '„', '«', '»']).skip(1).step_by(2)
}

/// The parts that end in a colon.
pub(super) fn announcing(text: &str) -> Vec<usize> {
    let digit = |at: usize| text[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let colons = text.match_indices(':').filter(|(at, _)| !digit(*at));
    let ends = colons.map(|(at, _)| &text[..at]);
    ends.filter_map(|before| pieces(before).last().map(|(_, part)| *part)).collect()
}

/// What is lit up.
const LIT: &str = "sign lamp lantern display board marquee beacon candle";

/// The words as they are written. `20min` is two, `forty-five` too; `-2` and `0.5` are one.
pub(super) fn pieces(text: &str) -> Vec<Word> {
    let mut plain = text.to_lowercase();
    // "Light up the sign", but nobody lights up a mixer.
    if let Some(at) = plain.find("light up the ")
        && plain[at + 13..].split(|c: char| !c.is_alphanumeric()).take(3).any(|word| has(LIT, word))
    {
        plain = plain.replacen("light up the ", "switch on the ", 1);
    }
    let signs = [
        ("’", "'"),
        ("%", " percent "),
        ("°", " degrees "),
        ("−", "-"),
        ("±", " plus "),
        ("+", " plus "),
        ("per cent", "percent"),
    ];
    for (sign, word) in signs {
        plain = plain.replace(sign, word);
    }
    let chars: Vec<char> = plain.replace(['–', '—'], " - ").chars().collect();
    let (mut found, mut word, mut part) = (Vec::new(), String::new(), 0);
    let is = |at: Option<usize>, what: fn(char) -> bool| {
        at.and_then(|at| chars.get(at)).is_some_and(|c| what(*c))
    };
    for (at, c) in chars.iter().copied().enumerate() {
        let (before, after) = (at.checked_sub(1), Some(at + 1));
        let digit = |at| is(at, |c| c.is_ascii_digit());
        let spaced = is(before, char::is_whitespace) && is(after, char::is_whitespace);
        let thousands = || {
            let digits = chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
            digits == 3
        };
        match c {
            _ if c.is_alphanumeric() || c == '\'' => {
                if c.is_alphabetic() && is_figure(&word) {
                    flush(&mut word, part, &mut found);
                }
                word.push(c);
            }
            '.' | ':' if digit(before) && digit(after) => word.push(c),
            '.' if word.is_empty() && digit(after) && !is(before, |c| c == '.') => {
                word.push_str("0.")
            }
            ',' if digit(before) && digit(after) && thousands() && !has("0 -0", &word) => {}
            ',' if digit(before) && digit(after) => word.push('.'),
            '-' if word.is_empty() && digit(after) && !is(before, char::is_alphanumeric) => {
                word.push('-');
            }
            _ => {
                flush(&mut word, part, &mut found);
                part += usize::from(",;:!?.()".contains(c) || (c == '-' && spaced));
            }
        }
    }
    flush(&mut word, part, &mut found);
    found
}

fn is_figure(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || ".:-".contains(c))
}

fn flush(word: &mut String, part: usize, found: &mut Vec<Word>) {
    let bare = word.trim_matches('\'');
    if !bare.is_empty() {
        found.push((bare.to_owned(), part));
    }
    word.clear();
}

/// A number in digits.
pub(super) fn number(word: &str) -> Option<f64> {
    let digits = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    word.parse().ok().filter(|number: &f64| digits && number.is_finite())
}

/// A number at the beginning of these words, and how many of them it takes.
pub(in crate::agent) fn number_of(words: &[&str]) -> Option<(f64, usize)> {
    match words {
        ["minus" | "negative", rest @ ..] => {
            unsigned(rest).map(|(number, taken)| (-number, taken + 1))
        }
        ["a", "couple", "of", ..] => Some((2.0, 3)),
        ["half", "a", "dozen", ..] => Some((6.0, 3)),
        ["a", "dozen", ..] => Some((12.0, 2)),
        _ => unsigned(words),
    }
}

/// `five point five`, `point five`, `two and a half`, `three hundred and twenty`.
fn unsigned(words: &[&str]) -> Option<(f64, usize)> {
    let led = words.first() == Some(&"point");
    let (mut number, mut taken) = if led { (0.0, 0) } else { cardinal(words)? };
    if words.get(taken) == Some(&"point") {
        let digits = words[taken + 1..].iter().map_while(|word| unit(word));
        let digits: String = digits.map(|digit| digit.to_string()).collect();
        let decimals = match small(&words[taken + 1..]) {
            Some((tens, length)) if digits.is_empty() => (tens.to_string(), length),
            _ => (digits.clone(), digits.len()),
        };
        if decimals.0.is_empty() {
            return (!led).then_some((number, taken));
        }
        number = format!("{number}.{}", decimals.0).parse().ok()?;
        taken += 1 + decimals.1;
    }
    for (tail, more) in [
        (["and", "a", "half"], 0.5),
        (["and", "a", "quarter"], 0.25),
        (["and", "3", "quarters"], 0.75),
    ] {
        if words[taken..].starts_with(&tail) {
            (number, taken) = (number + more, taken + tail.len());
            break;
        }
    }
    // "Two point five thousand", "one and a half thousand".
    let scale = match words.get(taken) {
        Some(&"thousand") if number < 100.0 => 1_000.0,
        Some(&"hundred") if number < 100.0 => 100.0,
        _ => return Some((number, taken)),
    };
    Some((number * scale, taken + 1))
}

/// A whole number below a million.
fn cardinal(words: &[&str]) -> Option<(f64, usize)> {
    let (number, taken) = match words {
        ["a", "hundred" | "thousand", ..] => (1.0, 1),
        _ => small(words)?,
    };
    let (scale, most) = match words.get(taken) {
        Some(&"hundred") => (100.0, 100.0),
        Some(&"thousand") => (1_000.0, 1_000.0),
        _ => return Some((number, taken)),
    };
    let (number, taken) = (number * scale, taken + 1);
    let joined = usize::from(words.get(taken) == Some(&"and"));
    let rest = &words[taken + joined..];
    let written = rest.first().is_some_and(|word| number_is_written(word));
    match cardinal(rest).filter(|(tail, _)| written && *tail < most) {
        Some((tail, length)) => Some((number + tail, taken + joined + length)),
        None => Some((number, taken)),
    }
}

fn number_is_written(word: &str) -> bool {
    word.starts_with(char::is_alphabetic) && word != "a"
}

/// A number below a hundred in words, or any in digits.
fn small(words: &[&str]) -> Option<(f64, usize)> {
    const TEENS: [&str; 10] = [
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] =
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let place = |list: &[&str], word: &str| list.iter().position(|one| *one == word);
    let first = words.first()?;
    if let Some(digits) = number(first) {
        return Some((digits, 1));
    }
    if let Some(one) = unit(first) {
        return Some((f64::from(one), 1));
    }
    if let Some(teen) = place(&TEENS, first) {
        return Some((10.0 + teen as f64, 1));
    }
    let tens = 20.0 + 10.0 * place(&TENS, first)? as f64;
    match words.get(1).and_then(|word| unit(word)).filter(|one| *one > 0) {
        Some(one) => Some((tens + f64::from(one), 2)),
        None => Some((tens, 1)),
    }
}

fn unit(word: &str) -> Option<u8> {
    const UNITS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    UNITS.iter().position(|unit| *unit == word).and_then(|unit| u8::try_from(unit).ok())
}

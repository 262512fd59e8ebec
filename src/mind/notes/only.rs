//! What a note only allows: `the hose only when the soil is dry`. It wishes nothing where its
//! condition holds, and does not want the device where it does not. The model takes such a note
//! for its opposite (0.99 and more for the hose where the soil is wet), and its words say it
//! without one. What must never be here: the condition.

/// Before a condition, behind `only`.
const LEADS: &[&str] = &[
    "when", "whenever", "if", "while", "whilst", "as", "once", "during", "at", "in", "on", "by",
    "for", "between",
];
/// Between `only` and the device.
const USES: &[&str] = &["use", "run", "take", "open", "start", "switch", "turn"];
/// Behind one of [`USES`], of it: `only switch on`.
const OF_USES: &[&str] = &["on", "up"];
/// What is only allowed then is the end of it.
const ENDS: &[&str] = &["off", "closed", "shut", "down"];
/// Before one of [`LENGTHS`] or of [`SHARES`], or a number: how long or how much, and not when.
const MEASURES: &[&str] = &["at", "for", "by", "in"];
const LENGTHS: &[&str] =
    &["second", "seconds", "minute", "minutes", "min", "hour", "hours", "while", "moment"];
const SHARES: &[&str] = &["speed", "power", "level", "setting", "percent", "half", "full"];
/// How many words stand before them.
const BEFORE_MEASURES: usize = 3;
/// Numbers in words, as lengths are said.
const NUMBERS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve",
    "fifteen", "twenty", "thirty", "forty", "fifty", "sixty", "ninety", "least", "most",
];
/// What is left to a device where it is not allowed.
const NOT_ALLOWED: f32 = 0.02;

/// The one of these devices that a note only allows under a condition; a device may be named by a
/// word that no other of them has. `None` also where it says so of several, and where it says what
/// is wanted in the other case: that the model has learned.
pub(super) fn allowed(note: &str, names: &[&str]) -> Option<usize> {
    let lower = note.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    if words.any(|word| ["otherwise", "else", "other"].contains(&word)) {
        return None;
    }
    let sentences = lower.split(['.', '!', ';', '\n']);
    let mut found = sentences.filter_map(|sentence| of_sentence(sentence, names));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

fn of_sentence(sentence: &str, names: &[&str]) -> Option<usize> {
    let words: Vec<&str> =
        sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let named = |at: usize| device(words[at], names);
    let only = words.iter().position(|word| *word == "only")?;
    // "Take the vent, but only at night" wants it there.
    if only > 0 && ["not", "but"].contains(&words[only - 1]) {
        return None;
    }
    let next = words.get(only + 1)?;
    let leads = |at: usize| LEADS.contains(&words[at]) && !is_measure(&words[at..]);
    let ends = |mut between: std::ops::Range<usize>| between.any(|at| ENDS.contains(&words[at]));
    if LEADS.contains(next) {
        if !leads(only + 1) {
            return None;
        }
        let at = (0..only).rev().find(|at| named(*at).is_some())?;
        if ends(at + 1..only) {
            return None;
        }
        let last = named(at);
        let before = (0..at).rev().find(|other| named(*other).is_some_and(|one| Some(one) != last));
        // "The vent and the fan only at night" is of both.
        let joined = before.is_some_and(|before| {
            words[before..at].iter().any(|word| ["and", "or"].contains(word))
        });
        return last.filter(|_| !joined);
    }
    if !USES.contains(next) {
        return None;
    }
    let of_verb = words.get(only + 2).is_some_and(|word| OF_USES.contains(word));
    let of_verb = of_verb && ["switch", "turn", "start"].contains(next);
    let first = only + 2 + usize::from(of_verb);
    let lead = (first..words.len()).find(|at| leads(*at))?;
    if ends(first..lead) {
        return None;
    }
    let mut all = (first..lead).filter_map(named);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Whether these words begin with how long or how much: `for ten minutes`, `at half speed`.
fn is_measure(words: &[&str]) -> bool {
    let [lead, rest @ ..] = words else { return false };
    if !MEASURES.contains(lead) {
        return false;
    }
    let near = &rest[..rest.len().min(BEFORE_MEASURES)];
    let of = |list: &[&str]| near.iter().any(|word| list.contains(word));
    if *lead == "for" && of(LENGTHS) || *lead == "at" && of(SHARES) {
        return true;
    }
    let figure = |word: &str| word.parse::<u32>().is_ok();
    let number = near.first().is_some_and(|word| {
        figure(word) || NUMBERS.contains(word) || ["half", "full"].contains(word)
    });
    // "At 22:00", "at ten o'clock".
    let clock =
        |word: &str| word.len() == 2 && figure(word) || ["am", "pm", "o", "past"].contains(&word);
    number && !(*lead == "at" && near.get(1).is_some_and(|word| clock(word)))
}

/// The device that a word belongs to and that no other has it in its name.
fn device(word: &str, names: &[&str]) -> Option<usize> {
    let has = |name: &str| {
        let mut parts = name.split(' ');
        parts.any(|part| {
            part.len() > 2 && word.strip_suffix('s').unwrap_or(word).eq_ignore_ascii_case(part)
        })
    };
    let mut having = (0..names.len()).filter(|index| has(names[*index]));
    let first = having.next()?;
    having.next().is_none().then_some(first)
}

/// Which device is wanted where the condition holds and where it does not, in the place of the
/// model's answers.
pub(super) fn wanted(allowed: usize, devices: usize) -> [Vec<f32>; 2] {
    let others = devices.saturating_sub(1).max(1) as f32;
    let fails = |index| if index == allowed { NOT_ALLOWED } else { (1.0 - NOT_ALLOWED) / others };
    [vec![1.0 / devices.max(1) as f32; devices], (0..devices).map(fails).collect()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mind::notes::{ByNotes, Question};

    #[test]
    fn a_device_is_only_allowed_where_the_words_say_so_of_one() {
        let names = ["drip pump", "hose valve"];
        for (note, wanted) in [
            ("Water with the drip pump. The hose wastes water, use it only when it is dry.", 1),
            ("Use the drip pump, the hose valve only if that is not enough", 1),
            ("Only use the hose when the soil is dry!", 1),
            ("The drip pump only by day.", 0),
            ("Only switch on the hose when the soil is dry", 1),
            ("Only turn the hose on when the soil is dry", 1),
            ("Only start up the drip pump while the tank is full", 0),
            ("The hose only at 22:00", 1),
            ("The hose only at ten o'clock", 1),
        ] {
            assert_eq!(allowed(note, &names), Some(wanted), "{note}");
        }
        for note in [
            "Use only the hose valve at night.",
            "The hose and the drip pump only at night.",
            "The hose not only when it is dry.",
            "Use the hose, but only at night.",
            "The drip pump before the hose, only at night the other way round.",
            "The valve only when it is dry; the drip only at night.",
            "Only at night.",
            "The hose is the only one.",
            "The pumps only at night.",
            // How long and how much are no condition.
            "Run the hose only for ten minutes",
            "Run the hose only for a few minutes",
            "The hose only at half speed",
            "The hose only at low speed",
            "The hose only at 50 %",
            "Only run the hose for ten minutes",
            "The hose only in 10 steps",
            // What is only allowed then is to end it.
            "Only switch off the hose when the soil is wet",
            "Only turn the hose off when the soil is wet",
            "Switch the hose off only when the soil is wet",
        ] {
            let several = ["drip pump", "hose valve", "well pump"];
            assert_eq!(allowed(note, &several), None, "{note}");
        }
    }

    #[test]
    fn where_it_is_not_allowed_another_is_taken_and_the_model_is_not_asked_for_devices() {
        let note = "Water with the drip pump, the hose only when the soil is dry.".to_owned();
        let p = |soil: &str| {
            let facts = [format!("soil moisture {soil}, falling"), "rain no".to_owned()];
            let both = [(0, "drip pump"), (1, "hose valve")];
            let by_notes =
                ByNotes::new(std::slice::from_ref(&note), &facts, &both).expect("a note");
            let ask = |_: &str, question: &Question| {
                Ok::<_, ()>(match question.state.as_str() {
                    "Now: soil moisture low.\nThe condition holds:" => vec![0.98, 0.01, 0.01],
                    "Now: soil moisture ok.\nThe condition holds:" => vec![0.01, 0.98, 0.01],
                    "Now: rain no.\nThe condition holds:" => vec![0.01, 0.01, 0.98],
                    // As the real one answers.
                    "If the condition holds, use the" => vec![1.0, 0.0],
                    _ => vec![0.0, 1.0],
                })
            };
            by_notes.answer(2, ask).expect("answers")
        };
        assert!(p("41.0 % ok")[0] > 0.9, "{:?}", p("41.0 % ok"));
        let dry = p("30.0 % low");
        assert!(dry[0] < 0.6 && dry[1] < 0.6, "nothing is wished then: {dry:?}");
    }
}
